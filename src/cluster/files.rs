//! Files as executors know them. The name of a file is everything there is to know about it: its URL, and for an input which
//! content it must have. So a plan needs no other company, and an executor reads what the run has pinned or nothing.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::store::{ChangedInputs, PinnedFile, PinnedStore, Stores};
use crate::warehouse::output::hex;

/// What an executor says of an input that is not what the run has pinned.
pub const CHANGED: &str = "input changed while reading it";

/// A file that executors read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteFile {
    /// An input, with the content that it must have.
    Pinned(PinnedFile),
    /// The URL of a file that only its own run has written. No URL of a pipeline has credentials in it.
    Own(String),
}

impl RemoteFile {
    /// Its name in a plan.
    ///
    /// # Errors
    /// Never for URLs and times that are text.
    pub fn path(&self) -> Result<Path, DataFusionError> {
        let text = serde_json::to_vec(self).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Path::from(hex(&text)))
    }

    /// The file of a name.
    ///
    /// # Errors
    /// When it is no name that [`RemoteFile::path`] gives.
    pub fn named(path: &Path) -> Result<Self, Error> {
        let bytes = unhex(path.as_ref()).ok_or_else(|| unknown(path))?;
        serde_json::from_slice(&bytes).map_err(|_| unknown(path))
    }
}

fn unknown(path: &Path) -> Error {
    Error::NotFound { path: path.to_string(), source: "it is no file of a plan".into() }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

/// The name under which every session of the cluster knows the files of its plans.
///
/// # Errors
/// Never for this fixed name.
pub fn store_url() -> Result<ObjectStoreUrl, DataFusionError> {
    ObjectStoreUrl::parse("remote://files")
}

/// What a server of the cluster executes with: these files, and a folder for what is spilled.
///
/// # Errors
/// When the folder cannot be used.
pub fn runtime(files: &Arc<RemoteFiles>, scratch: Option<PathBuf>) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let spilled = match scratch {
        Some(scratch) => DiskManagerMode::Directories(vec![scratch]),
        None => DiskManagerMode::Disabled,
    };
    let spilled = DiskManagerBuilder::default().with_mode(spilled);
    let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(spilled).build_arc()?;
    runtime.register_object_store(store_url()?.as_ref(), Arc::clone(files) as _);
    Ok(runtime)
}

/// Reads files by such names. Stores are opened on first use.
#[derive(Debug)]
pub struct RemoteFiles {
    stores: Stores,
}

impl RemoteFiles {
    #[must_use]
    pub fn new(stores: Stores) -> Self {
        Self { stores }
    }

    fn opened(&self, path: &Path) -> Result<(Arc<dyn ObjectStore>, Path), Error> {
        let failed = |error| Error::Generic { store: "remote", source: error };
        let open = |url: &Url| self.stores.open(url).map_err(|error| failed(Box::new(error)));
        match RemoteFile::named(path)? {
            RemoteFile::Own(url) => {
                let location = open(&Url::parse(&url).map_err(|error| failed(Box::new(error)))?)?;
                Ok((location.store, location.root))
            }
            RemoteFile::Pinned(pin) => {
                let (location, path) = (open(&pin.url)?, pin.path.clone());
                Ok((Arc::new(PinnedStore::new(location.store, [pin], ChangedInputs::default())), path))
            }
        }
    }
}

#[async_trait]
impl ObjectStore for RemoteFiles {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult, Error> {
        let (store, path) = self.opened(location)?;
        store.get_opts(&path, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let (store, path) = self.opened(location)?;
        store.get_ranges(&path, ranges).await
    }

    async fn put_opts(&self, location: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult, Error> {
        Err(read_only(location))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        Err(read_only(location))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path, Error>>,
    ) -> BoxStream<'static, Result<Path, Error>> {
        locations.map(|location| Err(read_only(&location?))).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        futures::stream::empty().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult, Error> {
        Ok(ListResult { common_prefixes: Vec::new(), objects: Vec::new() })
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<(), Error> {
        Err(read_only(to))
    }
}

fn read_only(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "files of a plan are only read".into() }
}

impl fmt::Display for RemoteFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteFiles")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use object_store::ObjectStoreExt as _;

    use super::*;

    /// A file in a store in memory, as a run would pin it, and the store of an executor.
    async fn pinned(bytes: &'static [u8]) -> (RemoteFile, Stores, RemoteFiles) {
        let stores = Stores::new(&BTreeMap::new(), &BTreeMap::new()).expect("no options");
        let url = Url::parse("memory:///in/ä b%25.parquet").expect("a URL");
        let location = stores.open(&url).expect("a store");
        location.store.put(&location.root, bytes.into()).await.expect("a put");
        let meta = location.head(&location.root).await.expect("a head");
        let pin = PinnedFile::new(url, meta, Vec::new());
        (RemoteFile::Pinned(pin), stores.clone(), RemoteFiles::new(stores))
    }

    #[tokio::test]
    async fn a_file_is_read_by_its_name_alone_and_only_with_the_content_that_was_pinned() {
        let (file, stores, files) = pinned(b"before").await;
        let path = file.path().expect("a name");
        assert_eq!(RemoteFile::named(&path).expect("a file"), file);
        let read = async || files.get(&path).await?.bytes().await;
        assert_eq!(read().await.expect("bytes").as_ref(), b"before");
        let RemoteFile::Pinned(pin) = &file else { return };
        let location = stores.open(&pin.url).expect("a store");
        location.store.put(&location.root, "behind".into()).await.expect("a put");
        let error = read().await.expect_err("another content").to_string();
        assert!(error.contains(CHANGED), "{error}");
        assert!(files.get_ranges(&path, std::slice::from_ref(&(0..2))).await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_name_of_a_plan_is_no_file() {
        let (_, _, files) = pinned(b"bytes").await;
        for name in ["in/a.parquet", "00", "zz", "123"] {
            assert!(matches!(files.get(&Path::from(name)).await, Err(Error::NotFound { .. })), "{name}");
        }
    }
}
