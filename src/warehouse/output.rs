//! Finished files of marts, written once under the run's own name and never changed.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest, Sha256};

use crate::calendar::Period;
use crate::pipeline::Mart;
use crate::warehouse::inputs::Intake;
use crate::warehouse::marts::MartPart;
use crate::warehouse::schema::mart_schema;
use crate::warehouse::table::{FileTable, TableFile};

/// Where a run's files go.
#[derive(Clone, Debug)]
pub struct Output {
    pub store: Arc<dyn ObjectStore>,
    pub root: Path,
    pub run_id: String,
}

/// One file of a table, as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    pub table: String,
    pub period: Option<Period>,
    pub path: Path,
    pub rows: u64,
    pub bytes: u64,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
}

impl Output {
    /// Writes one part of a table. `model` and `intake` tell parts of one period apart.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn write(
        &self,
        table: &str,
        model: &str,
        intake: Option<Intake>,
        part: MartPart,
    ) -> Result<WrittenFile, object_store::Error> {
        let path = self.path(table, model, intake, part.period);
        let bytes = Bytes::from(part.bytes);
        let written = WrittenFile {
            table: table.to_owned(),
            period: part.period,
            path: path.clone(),
            rows: part.rows,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: sha256_hex(&bytes),
        };
        // Not a create: the name is this run's own, and a client that repeats a write whose answer was lost would be told
        // that the file exists. The audit reads every file back.
        self.store.put(&path, PutPayload::from_bytes(bytes)).await?;
        Ok(written)
    }

    /// A path that a record names below the root.
    #[must_use]
    pub fn at(&self, path: &str) -> Path {
        self.root.parts().chain(Path::from(path).parts()).collect()
    }

    /// Whether a file is this run's own.
    #[must_use]
    pub fn wrote(&self, path: &Path) -> bool {
        path.parts().any(|part| part.as_ref().strip_prefix("run=") == Some(&self.run_id))
    }

    fn path(&self, table: &str, model: &str, intake: Option<Intake>, period: Option<Period>) -> Path {
        let mut path = self.root.clone().join("data").join(table);
        if let Some(period) = period {
            path = path.join(format!("period={period}"));
        }
        let of = if model == table { String::new() } else { format!("-{model}") };
        let part = match intake {
            Some(Some(intake)) => format!("part{of}-{intake}.parquet"),
            _ => format!("part{of}-0.parquet"),
        };
        path.join(format!("run={}", self.run_id)).join(part)
    }
}

/// A path below the root of the outputs, as records name it; the whole path when it is elsewhere.
#[must_use]
pub fn below(root: &Path, path: &Path) -> String {
    let parts: Option<Vec<_>> =
        path.prefix_match(root).map(|parts| parts.map(|part| part.as_ref().to_owned()).collect());
    parts.map_or_else(|| path.to_string(), |parts| parts.join("/"))
}

/// SHA-256 of bytes, in hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of an object, in hex, and its bytes, read a piece at a time: it may be larger than memory.
///
/// # Errors
/// What the store answers.
pub async fn sha256_of(store: &dyn ObjectStore, path: &Path) -> Result<(String, u64), object_store::Error> {
    let mut pieces = store.get(path).await?.into_stream();
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    while let Some(piece) = pieces.try_next().await? {
        hash.update(&piece);
        bytes += piece.len() as u64;
    }
    Ok((hex(&hash.finalize()), bytes))
}

/// Bytes as lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The name under which a session knows the output store.
///
/// # Errors
/// Never for this fixed name.
pub fn store_url() -> Result<ObjectStoreUrl, DataFusionError> {
    ObjectStoreUrl::parse("output://tables")
}

/// A table over files of the output store, each with its size in bytes: this run's own, or those of a publication.
///
/// # Errors
/// Never for the fixed name of the output store.
pub fn table(mart: &Mart, files: impl IntoIterator<Item = (Path, u64)>) -> Result<FileTable, DataFusionError> {
    let files = files.into_iter().map(|(location, size)| TableFile {
        meta: ObjectMeta {
            location,
            last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
            size,
            e_tag: None,
            version: None,
        },
        partitions: Vec::new(),
    });
    Ok(FileTable::new(store_url()?, files.collect(), mart_schema(mart), Vec::new()))
}
