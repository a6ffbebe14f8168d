//! What earlier runs have computed, and when it may be used again: an intake comes to the same when its files, the sources
//! that are read whole, the rows that newer intakes left waiting, the definitions and the parameters are the same.
//!
//! What is used again is looked at byte by byte. If anything of it is gone or is not what was recorded, the intake is built
//! again: a run never needs what an earlier one has left.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use object_store::{ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::calendar::Calendar;
use crate::models::ModelGraph;
use crate::pipeline::Scope;
use crate::warehouse::bindings::Bindings;
use crate::warehouse::inputs::{Inputs, Intake, SourceInput};
use crate::warehouse::output::{Output, WrittenFile, below, sha256_hex};
use crate::warehouse::packed::{PackError, Part};

/// What an intake came to, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPart {
    /// The rows that others read. Below the root of the outputs.
    pub path: String,
    pub sha256: String,
    /// The files of its marts.
    pub files: Vec<StoredFile>,
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
}

/// What decides the rows of every intake alike.
pub struct Keys<'a> {
    inputs: &'a Inputs,
    /// Digest of what does not depend on the intake.
    common: String,
}

impl<'a> Keys<'a> {
    pub fn new(reuse: &Reuse, graph: &ModelGraph, inputs: &'a Inputs, bindings: &Bindings) -> Self {
        let read: BTreeSet<&String> = [Scope::Reference, Scope::Intake]
            .into_iter()
            .flat_map(|scope| graph.of_scope(scope))
            .flat_map(|model| &model.query.params)
            .collect();
        let params = read.into_iter().map(|name| (name.clone(), bindings.get(name).map(ToString::to_string)));
        let whole = inputs.sources.iter().filter(|(_, input)| is_whole(input));
        let whole = whole.flat_map(|(name, input)| input.files.iter().map(move |file| file.identity(name)));
        let common = json!({
            "definitions": reuse.definitions,
            "params": params.collect::<BTreeMap<_, _>>(),
            "whole": whole.collect::<Vec<_>>(),
        });
        Self { inputs, common: sha256_hex(common.to_string().as_bytes()) }
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
        let intake = intake.map(|period| period.to_string());
        let all = json!({ "common": self.common, "intake": intake, "files": files, "waiting": waiting });
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
        fetched(output, &file.path, &file.sha256).await?;
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
    let path = format!("_tieout/runs/{}/parts/{name}.part", output.run_id);
    let sha256 = sha256_hex(&bytes);
    output.store.put(&output.at(&path), PutPayload::from(bytes)).await?;
    let files = files.iter().map(|file| StoredFile::of(file, output)).collect();
    Ok(StoredPart { path, sha256, files })
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
