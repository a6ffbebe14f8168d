//! Keys that occur more than once, found by hashes: within an intake at once, across intakes by merging sorted runs on
//! disk at the end. Memory is one intake's hashes, whatever the history.
//!
//! A hash only raises a suspicion; the keys themselves decide.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::common::DataFusionError;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use futures::StreamExt;

use crate::warehouse::contract::quoted;

/// The sorted key hashes of every intake, by source, in the run's scratch folder.
#[derive(Debug)]
pub struct KeyRuns {
    scratch: PathBuf,
    runs: BTreeMap<String, Vec<PathBuf>>,
}

impl KeyRuns {
    pub fn new(scratch: &Path) -> Self {
        Self { scratch: scratch.to_path_buf(), runs: BTreeMap::new() }
    }

    /// Keeps the distinct hashes of one intake.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn add(&mut self, source: &str, hashes: &[u64]) -> Result<(), DataFusionError> {
        let runs = self.runs.entry(source.to_owned()).or_default();
        let path = self.scratch.join(format!("{source}-{}.keys", runs.len()));
        let mut file = BufWriter::new(File::create(&path)?);
        for hash in hashes {
            file.write_all(&hash.to_le_bytes())?;
        }
        file.flush()?;
        runs.push(path);
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
            .map(|path| Ok(BufReader::new(File::open(path)?)))
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

/// The keys behind suspicious hashes that really occur more than once.
///
/// # Errors
/// When the rows cannot be read.
pub async fn repeated_keys(
    context: &SessionContext,
    rows: &DataFrame,
    key: &[String],
    suspicious: &BTreeSet<u64>,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let found = keys_behind(rows, key, suspicious).await?;
    if found.is_empty() {
        return Ok(found);
    }
    let keys: Vec<Expr> = key.iter().map(|name| col(quoted(name))).collect();
    let counted = context.read_batches(found)?.aggregate(keys.clone(), vec![count(lit(1_i64)).alias("copies__")])?;
    counted.filter(col("copies__").gt(lit(1_i64)))?.select(keys)?.collect().await
}

/// The keys that have one of these hashes, as often as they occur.
///
/// # Errors
/// When the rows cannot be read.
pub async fn keys_behind(
    rows: &DataFrame,
    key: &[String],
    hashes: &BTreeSet<u64>,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let mut found = Vec::new();
    let mut stream = keys_of(rows, key)?.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let mask: BooleanArray = hash(&batch)?.iter().map(|hash| Some(hashes.contains(hash))).collect();
        if mask.true_count() > 0 {
            found.push(filter_record_batch(&batch, &mask)?);
        }
    }
    Ok(found)
}

fn keys_of(rows: &DataFrame, key: &[String]) -> Result<DataFrame, DataFusionError> {
    rows.clone().select(key.iter().map(|name| col(quoted(name))).collect::<Vec<_>>())
}

fn hash(batch: &RecordBatch) -> Result<Vec<u64>, DataFusionError> {
    let mut hashes = vec![0; batch.num_rows()];
    let columns: Vec<&dyn Array> = batch.columns().iter().map(ArrayRef::as_ref).collect();
    create_hashes(columns, &RandomState::default(), &mut hashes)?;
    Ok(hashes)
}
