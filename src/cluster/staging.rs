//! Tables that are in this process, put where executors can read them: below the folder of their run, under the digest of
//! what they hold. They go when the run ends; what a run that died has left, `gc` finds.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart};

use crate::cluster::files::RemoteFile;
use crate::store::Location;
use crate::warehouse::output::sha256_hex;
use crate::warehouse::packed::table_bytes;

/// Parts of a file on their way at the same time.
const AT_ONCE: usize = 4;

/// The staged files of one run.
#[derive(Clone, Debug)]
pub struct Staging {
    outputs: Location,
    run_id: String,
    staged: Arc<Mutex<BTreeSet<Path>>>,
}

/// A staged file with its size in bytes.
pub struct Staged {
    pub file: RemoteFile,
    pub size: u64,
}

impl Staging {
    #[must_use]
    pub fn new(outputs: Location, run_id: String) -> Self {
        Self { outputs, run_id, staged: Arc::default() }
    }

    /// Stages rows as Parquet. The same rows are stored once.
    ///
    /// # Errors
    /// When they cannot be stored.
    pub async fn rows(&self, rows: &RecordBatch) -> Result<Staged, DataFusionError> {
        let bytes = Bytes::from(table_bytes(rows).map_err(|error| DataFusionError::External(Box::new(error)))?);
        let path = self.path(&format!("{}.parquet", sha256_hex(&bytes)));
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if !self.paths().contains(&path) {
            self.outputs.store.put(&path, PutPayload::from_bytes(bytes)).await?;
        }
        Ok(self.staged(path, size))
    }

    /// Stages a file of the scratch folder, whose name is used once.
    ///
    /// # Errors
    /// When it cannot be read or stored.
    pub async fn file(&self, from: &dyn ObjectStore, file: &ObjectMeta) -> Result<Staged, DataFusionError> {
        let path = self.path(file.location.filename().unwrap_or_default());
        if !self.paths().contains(&path) {
            let bytes = from.get(&file.location).await?.into_stream();
            let mut upload = WriteMultipart::new(self.outputs.store.put_multipart(&path).await?);
            if let Err(error) = copy(bytes, &mut upload).await {
                // Parts without an end would stay.
                drop(upload.abort().await);
                return Err(error.into());
            }
            upload.finish().await?;
        }
        Ok(self.staged(path, file.size))
    }

    fn path(&self, file: &str) -> Path {
        let name = format!("_tieout/runs/{}/staged/{file}", self.run_id);
        self.outputs.root.parts().chain(Path::from(name).parts()).collect()
    }

    fn staged(&self, path: Path, size: u64) -> Staged {
        let file = RemoteFile::Own(self.outputs.url_of(&path).to_string());
        self.paths().insert(path);
        Staged { file, size }
    }

    /// Removes what was staged.
    pub async fn remove(&self) {
        let staged = std::mem::take(&mut *self.paths());
        for path in staged {
            if let Err(error) = self.outputs.store.delete(&path).await {
                tracing::warn!(file = %path, why = %error, "a staged table stays until gc finds it");
                return;
            }
        }
    }

    fn paths(&self) -> std::sync::MutexGuard<'_, BTreeSet<Path>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn copy(
    mut bytes: BoxStream<'static, object_store::Result<Bytes>>,
    upload: &mut WriteMultipart,
) -> object_store::Result<()> {
    while let Some(bytes) = bytes.try_next().await? {
        upload.wait_for_capacity(AT_ONCE).await?;
        upload.put(bytes);
    }
    Ok(())
}
