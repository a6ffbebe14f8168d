//! Keys that occur more than once, found by hashes: within an intake at once, across intakes by merging sorted runs on
//! disk at the end. Memory is one intake's hashes, whatever the history.
//!
//! A hash only raises a suspicion; the keys themselves decide. The hashes of an intake that has not changed are those that an
//! earlier run has left, so that its files need not be read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, StringViewArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use datafusion::common::DataFusionError;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::logical_expr::col;
use datafusion::prelude::DataFrame;
use futures::StreamExt;

use crate::warehouse::contract::quoted;
use crate::warehouse::execute::own_text;

/// What a run of hashes begins with: a mark, raised with the format, and the hash of a text that is always the same. Hashes
/// that another machine or another library makes otherwise are no use.
const BEGINNING: usize = 16;
const MARK: &[u8; 8] = b"tkeys 1\n";
const ALWAYS: &str = "an order";

/// The sorted key hashes of every intake, by source, in the run's scratch folder.
#[derive(Debug)]
pub struct KeyRuns {
    scratch: PathBuf,
    runs: BTreeMap<String, Vec<PathBuf>>,
    /// Those added since somebody asked.
    new: BTreeMap<String, PathBuf>,
}

impl KeyRuns {
    pub fn new(scratch: &Path) -> Self {
        Self { scratch: scratch.to_path_buf(), runs: BTreeMap::new(), new: BTreeMap::new() }
    }

    /// The files of the hashes that were added since the last call, by source.
    pub fn take_new(&mut self) -> BTreeMap<String, PathBuf> {
        std::mem::take(&mut self.new)
    }

    /// Whether hashes that an earlier run has left can be compared with this one's.
    ///
    /// # Errors
    /// Never for the one text that is hashed.
    pub fn fit(bytes: &[u8]) -> Result<bool, DataFusionError> {
        let whole = bytes.len() >= BEGINNING && bytes.len().is_multiple_of(size_of::<u64>());
        Ok(whole && bytes.starts_with(&beginning()?))
    }

    /// Keeps the hashes of an intake as an earlier run has left them. Those of one that is read, too, would be in two intakes.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn adopt(&mut self, source: &str, bytes: &[u8]) -> Result<(), DataFusionError> {
        let path = self.next_path(source);
        std::fs::write(&path, bytes)?;
        self.runs.entry(source.to_owned()).or_default().push(path);
        Ok(())
    }

    fn next_path(&self, source: &str) -> PathBuf {
        let number = self.runs.get(source).map_or(0, Vec::len);
        self.scratch.join(format!("{source}-{number}.keys"))
    }

    /// Keeps the distinct hashes of one intake.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn add(&mut self, source: &str, hashes: &[u64]) -> Result<(), DataFusionError> {
        let path = self.next_path(source);
        let mut file = BufWriter::new(File::create(&path)?);
        file.write_all(&beginning()?)?;
        for hash in hashes {
            file.write_all(&hash.to_le_bytes())?;
        }
        file.flush()?;
        self.new.insert(source.to_owned(), path.clone());
        self.runs.entry(source.to_owned()).or_default().push(path);
        Ok(())
    }

    /// Hashes that several intakes of a source share.
    ///
    /// # Errors
    /// When a run cannot be read back.
    pub fn shared(&self, source: &str) -> Result<BTreeSet<u64>, DataFusionError> {
        let mut shared = BTreeSet::new();
        let paths = self.runs.get(source).map(Vec::as_slice).unwrap_or_default();
        let mut runs = paths
            .iter()
            .map(|path| {
                let mut reader = BufReader::new(File::open(path)?);
                reader.read_exact(&mut [0; BEGINNING])?;
                Ok(reader)
            })
            .collect::<Result<Vec<_>, DataFusionError>>()?;
        let mut heads = BinaryHeap::new();
        for (run, reader) in runs.iter_mut().enumerate() {
            heads.extend(next(reader)?.map(|hash| Reverse((hash, run))));
        }
        let mut last = None;
        while let Some(Reverse((hash, run))) = heads.pop() {
            if last == Some(hash) {
                shared.insert(hash);
            }
            last = Some(hash);
            if let Some(reader) = runs.get_mut(run) {
                heads.extend(next(reader)?.map(|hash| Reverse((hash, run))));
            }
        }
        Ok(shared)
    }
}

fn beginning() -> Result<[u8; BEGINNING], DataFusionError> {
    let always: ArrayRef = Arc::new(StringViewArray::from(vec![ALWAYS]));
    let hashes = hash(&RecordBatch::try_from_iter([("key", always)])?)?;
    let hash = hashes.first().copied().unwrap_or_default().to_le_bytes();
    let mut bytes = [0; BEGINNING];
    let (mark, always) = bytes.split_at_mut(MARK.len());
    mark.copy_from_slice(MARK);
    always.copy_from_slice(&hash);
    Ok(bytes)
}

fn next(reader: &mut impl Read) -> Result<Option<u64>, DataFusionError> {
    let mut bytes = [0; 8];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u64::from_le_bytes(bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The distinct key hashes of some rows, sorted, and those that occurred more than once.
pub struct KeyHashes {
    pub distinct: Vec<u64>,
    pub repeated: BTreeSet<u64>,
}

/// Hashes the keys of all rows.
///
/// # Errors
/// When the rows cannot be read.
pub async fn key_hashes(rows: &DataFrame, key: &[String]) -> Result<KeyHashes, DataFusionError> {
    let mut hashes = Vec::new();
    let mut stream = keys_of(rows, key)?.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        hashes.extend(hash(&batch?)?);
    }
    hashes.sort_unstable();
    let repeated = hashes.windows(2).filter_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    });
    let repeated = repeated.collect();
    hashes.dedup();
    Ok(KeyHashes { distinct: hashes, repeated })
}

/// The rows whose keys have one of these hashes.
///
/// # Errors
/// When the rows cannot be read.
pub async fn rows_behind(
    rows: &DataFrame,
    key: &[String],
    hashes: &BTreeSet<u64>,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let mut found = Vec::new();
    let mut stream = rows.clone().execute_stream().await?;
    let columns = key_columns(&stream.schema(), key)?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let mask: BooleanArray =
            hash(&batch.project(&columns)?)?.iter().map(|hash| Some(hashes.contains(hash))).collect();
        if mask.true_count() > 0 {
            // Few rows of many pages: with text of their own, or they would hold all of them.
            found.push(own_text(filter_record_batch(&batch, &mask)?)?);
        }
    }
    Ok(found)
}

/// Where the columns of a key are.
///
/// # Errors
/// When there are no such columns.
pub fn key_columns(schema: &Schema, key: &[String]) -> Result<Vec<usize>, DataFusionError> {
    Ok(key.iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>()?)
}

/// Only the columns of the key.
///
/// # Errors
/// When the rows have no such columns.
pub fn keys_of(rows: &DataFrame, key: &[String]) -> Result<DataFrame, DataFusionError> {
    rows.clone().select(key.iter().map(|name| col(quoted(name))).collect::<Vec<_>>())
}

fn hash(batch: &RecordBatch) -> Result<Vec<u64>, DataFusionError> {
    let mut hashes = vec![0; batch.num_rows()];
    let columns: Vec<&dyn Array> = batch.columns().iter().map(ArrayRef::as_ref).collect();
    create_hashes(columns, &RandomState::default(), &mut hashes)?;
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_were_left_are_compared_with_new_ones_unless_they_are_made_otherwise() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut left = KeyRuns::new(folder.path());
        left.add("orders", &[1, 3, 5]).expect("a file");
        let path = left.take_new().remove("orders").expect("a run of hashes");
        assert!(left.take_new().is_empty());
        let bytes = std::fs::read(path).expect("a file");

        let other = tempfile::tempdir().expect("a folder");
        let mut runs = KeyRuns::new(other.path());
        assert!(KeyRuns::fit(&bytes).expect("a hash"));
        runs.adopt("orders", &bytes).expect("a file");
        assert!(runs.take_new().is_empty(), "what is adopted is not new");
        runs.add("orders", &[2, 3, 4]).expect("a file");
        assert_eq!(runs.shared("orders").expect("hashes"), BTreeSet::from([3]));

        for at in [0, MARK.len()] {
            let mut otherwise = bytes.clone();
            otherwise[at] ^= 1;
            assert!(!KeyRuns::fit(&otherwise).expect("a hash"), "another byte {at}");
        }
        assert!(!KeyRuns::fit(&bytes[..bytes.len() - 1]).expect("a hash"), "cut");
    }
}
