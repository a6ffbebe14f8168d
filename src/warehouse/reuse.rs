//! What earlier runs have computed, and when it may be used again: an intake comes to the same when its files, the sources
//! that are read whole, the rows that newer intakes left waiting, the definitions and the parameters are the same. A period
//! comes to the same when the rows that its models read are, and so on.
//!
//! What is used again is looked at byte by byte. If anything of it is gone or is not what was recorded, the intake is built
//! again: a run never needs what an earlier one has left.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use datafusion::common::DataFusionError;
use object_store::{ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::calendar::{Calendar, Period};
use crate::models::ModelGraph;
use crate::pipeline::Scope;
use crate::warehouse::bindings::Bindings;
use crate::warehouse::cuts::Cuts;
use crate::warehouse::inputs::{InputFile, Inputs, Intake, SourceInput};
use crate::warehouse::keys::KeyRuns;
use crate::warehouse::output::{Output, WrittenFile, below, sha256_hex, sha256_of};
use crate::warehouse::packed::{PackError, Part};

/// What an intake or a period came to, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPart {
    /// The rows that others read. Below the root of the outputs.
    pub path: String,
    pub sha256: String,
    /// The files of its marts.
    pub files: Vec<StoredFile>,
    /// The hashes of its keys, by source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, StoredKeys>,
    /// The rows that it was computed from, where the key does not tell them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<StoredRead>,
}

/// The key hashes of one source in an intake, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKeys {
    /// Below the root of the outputs.
    pub path: String,
    pub sha256: String,
}

/// Rows of a table that a period was computed from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredRead {
    pub table: String,
    /// The column that is the period in these rows; they are all rows of the table when there is none.
    pub column: Option<String>,
    /// Of the rows, in whatever order they come.
    pub sha256: String,
}

/// A file of a mart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    pub table: String,
    pub period: Option<String>,
    /// Below the root of the outputs.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub sha256: String,
}

/// Parts by the key of what they were computed from.
pub type StoredParts = BTreeMap<String, StoredPart>;

/// What a run may use of earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Reuse {
    /// Digest of the program and of the definitions: everything that decides what is computed, beside data and parameters.
    pub definitions: String,
    pub parts: StoredParts,
}

/// Why a part cannot be used again.
#[derive(Debug, thiserror::Error)]
pub enum ReuseError {
    #[error("`{0}` is not there any more")]
    Gone(String, #[source] object_store::Error),
    #[error("`{0}` is not what was recorded")]
    Changed(String),
    #[error("`{0}` cannot be read")]
    Unreadable(String, #[source] PackError),
    #[error("`{0}` names a period that this calendar does not have")]
    Period(String),
    #[error("the key hashes in `{0}` are not made as they are now")]
    Keys(String),
    #[error("keys cannot be hashed")]
    Hash(#[from] DataFusionError),
}

/// What decides the rows of every intake, or of every period, alike.
pub struct Keys<'a> {
    inputs: &'a Inputs,
    cuts: &'a Cuts,
    /// The values of parameters that are only compared.
    compared: BTreeMap<String, Option<String>>,
    /// Digest of what does not depend on the intake.
    common: String,
}

impl<'a> Keys<'a> {
    /// Keys for the models of one scope, which read those of the reference scope.
    pub fn new(
        reuse: &Reuse,
        graph: &ModelGraph,
        scope: Scope,
        inputs: &'a Inputs,
        bindings: &Bindings,
        cuts: &'a Cuts,
    ) -> Self {
        let models = graph.of_scope(Scope::Reference).chain(graph.of_scope(scope));
        let read: BTreeSet<&String> = models.flat_map(|model| &model.query.params).collect();
        let params = read.into_iter().map(|name| (name.clone(), bindings.get(name).map(ToString::to_string)));
        let (compared, params): (BTreeMap<_, _>, BTreeMap<_, _>) = params.partition(|(name, _)| cuts.has(name));
        let whole = inputs.sources.iter().filter(|(_, input)| is_whole(input));
        let whole = whole.flat_map(|(name, input)| input.files.iter().map(move |file| file.identity(name)));
        let common = json!({
            "definitions": reuse.definitions,
            "params": params,
            "whole": whole.collect::<Vec<_>>(),
        });
        Self { inputs, cuts, compared, common: sha256_hex(common.to_string().as_bytes()) }
    }

    /// What tells, with the rows that its models read, what a period comes to. None when a store does not say whether a file
    /// that is read whole is still the same.
    pub fn of_period(&self, period: Period) -> Option<String> {
        let mut whole = self.inputs.sources.values().filter(|input| is_whole(input)).flat_map(|input| &input.files);
        let all = json!({ "common": self.common, "period": period.to_string() });
        whole.all(InputFile::is_identified).then(|| sha256_hex(all.to_string().as_bytes()))
    }

    /// What tells what an intake comes to. `waiting` are digests of the rows that newer intakes have left, by model. None when
    /// a store does not say whether a file is still the same.
    pub fn of(&self, intake: Intake, waiting: &BTreeMap<String, String>) -> Option<String> {
        let mut files: Vec<Value> = Vec::new();
        for (name, input) in &self.inputs.sources {
            let whole = is_whole(input);
            for file in input.of_intake(intake) {
                if !file.is_identified() {
                    return None;
                }
                if !whole {
                    files.push(file.identity(name));
                }
            }
        }
        let cuts = self.cuts.after_all(self.inputs, intake);
        let cuts = cuts.map(|(param, after)| (param, if after { None } else { self.compared.get(param) }));
        let cuts: BTreeMap<_, _> = cuts.collect();
        let intake = intake.map(|period| period.to_string());
        let all = json!({ "common": self.common, "intake": intake, "files": files, "waiting": waiting, "cuts": cuts });
        Some(sha256_hex(all.to_string().as_bytes()))
    }
}

fn is_whole(input: &SourceInput) -> bool {
    input.source.period_partition().is_none()
}

/// A stored part with the files it names, all of them looked at.
///
/// # Errors
/// When something is gone, or is not what was recorded.
pub async fn recall(
    output: &Output,
    calendar: &Calendar,
    stored: &StoredPart,
) -> Result<(Part, Vec<WrittenFile>), ReuseError> {
    let bytes = fetched(output, &stored.path, &stored.sha256).await?;
    let part = Part::unpack(&bytes).map_err(|error| ReuseError::Unreadable(stored.path.clone(), error))?;
    let mut files = Vec::new();
    for file in &stored.files {
        unchanged(output, &file.path, &file.sha256).await?;
        let period = file.period.as_ref().map(|period| calendar.period(period)).transpose();
        let period = period.map_err(|_| ReuseError::Period(stored.path.clone()))?;
        files.push(WrittenFile {
            table: file.table.clone(),
            period,
            path: output.at(&file.path),
            rows: file.rows,
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        });
    }
    Ok((part, files))
}

async fn fetched(output: &Output, path: &str, sha256: &str) -> Result<Bytes, ReuseError> {
    let gone = |error| ReuseError::Gone(path.to_owned(), error);
    let bytes = output.store.get(&output.at(path)).await.map_err(gone)?.bytes().await.map_err(gone)?;
    if sha256_hex(&bytes) == sha256 { Ok(bytes) } else { Err(ReuseError::Changed(path.to_owned())) }
}

/// Looks at a file byte by byte, a piece of it at a time: that of a mart may be larger than memory.
async fn unchanged(output: &Output, path: &str, sha256: &str) -> Result<(), ReuseError> {
    let gone = |error| ReuseError::Gone(path.to_owned(), error);
    let (found, _) = sha256_of(output.store.as_ref(), &output.at(path)).await.map_err(gone)?;
    if found == sha256 { Ok(()) } else { Err(ReuseError::Changed(path.to_owned())) }
}

/// Stores a part under this run's own name.
///
/// # Errors
/// What the store answers.
pub async fn remember(
    output: &Output,
    name: &str,
    bytes: Vec<u8>,
    files: &[WrittenFile],
) -> Result<StoredPart, object_store::Error> {
    let (path, sha256) = stored(output, &format!("{name}.part"), bytes).await?;
    let files = files.iter().map(|file| StoredFile::of(file, output)).collect();
    Ok(StoredPart { path, sha256, files, keys: BTreeMap::new(), reads: Vec::new() })
}

/// Stores the key hashes of one source in an intake.
///
/// # Errors
/// What the store answers.
pub async fn remember_keys(
    output: &Output,
    intake: &str,
    source: &str,
    bytes: Vec<u8>,
) -> Result<StoredKeys, object_store::Error> {
    let (path, sha256) = stored(output, &format!("{intake}-{source}.keys"), bytes).await?;
    Ok(StoredKeys { path, sha256 })
}

/// The key hashes of an intake as they were stored, by source.
///
/// # Errors
/// When some are gone, are not what was recorded, or cannot be compared with those of this run.
pub async fn recall_keys(output: &Output, part: &StoredPart) -> Result<BTreeMap<String, Bytes>, ReuseError> {
    let mut keys = BTreeMap::new();
    for (source, stored) in &part.keys {
        let bytes = fetched(output, &stored.path, &stored.sha256).await?;
        if !KeyRuns::fit(&bytes)? {
            return Err(ReuseError::Keys(stored.path.clone()));
        }
        keys.insert(source.clone(), bytes);
    }
    Ok(keys)
}

/// Stores bytes under this run's own name. Gives where, and their digest.
async fn stored(output: &Output, file: &str, bytes: Vec<u8>) -> Result<(String, String), object_store::Error> {
    let path = format!("_tieout/runs/{}/parts/{file}", output.run_id);
    let sha256 = sha256_hex(&bytes);
    output.store.put(&output.at(&path), PutPayload::from(bytes)).await?;
    Ok((path, sha256))
}

impl StoredFile {
    fn of(file: &WrittenFile, output: &Output) -> Self {
        Self {
            table: file.table.clone(),
            period: file.period.map(|period| period.to_string()),
            path: below(&output.root, &file.path),
            rows: file.rows,
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        }
    }
}
