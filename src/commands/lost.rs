//! Files that the last publication read and that are no longer there. A source keeps its past: whoever cleans up, renames a
//! folder or copies half of one would otherwise restate every period without a word.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::checks::{Finding, built_in};
use crate::error::Failure;
use crate::pipeline::{LOST_FILES, Pipeline, Severity, Source};
use crate::publication::Log;
use crate::store::{StoreError, Stores};
use crate::warehouse::inputs::Inputs;

/// Files of a source that are told by name; the rest is counted.
const TOLD: usize = 3;

/// A file as the last publication has recorded it.
#[derive(Deserialize)]
struct Recorded {
    source: String,
    path: String,
}

/// The lost files of every source, as one finding each. Blocks, unless the operator or the pipeline says otherwise.
///
/// # Errors
/// When the log or a store cannot be read.
pub async fn lost_files(
    pipeline: &Pipeline,
    stores: &Stores,
    log: &Log,
    inputs: &Inputs,
    allowed: bool,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let recorded = recorded(log).await?;
    for (name, input) in &inputs.sources {
        let now: Vec<&str> = input.files.iter().map(|file| file.meta.location.as_ref()).collect();
        let then: Vec<&str> =
            recorded.iter().filter(|file| &file.source == name).map(|file| file.path.as_str()).collect();
        let missing = missing(&input.source, &then, &now);
        let lost = gone(stores, &input.source, missing).await?;
        if let Some(first) = lost.first() {
            let mut finding = built_in(pipeline, LOST_FILES, &input.source, detail(name, &lost, first), HELP);
            if allowed && finding.severity == Severity::Block {
                finding.severity = Severity::Warn;
            }
            findings.push(finding);
        }
    }
    Ok(findings)
}

const HELP: &str = "put them back; if they are gone for good, run once with --allow-lost-files";

/// What the last publication read; nothing when its record is gone, or when it was not built.
async fn recorded(log: &Log) -> Result<Vec<Recorded>, Failure> {
    let Some(head) = log.head().await? else { return Ok(Vec::new()) };
    let path = log.outputs().path(&format!("_tieout/runs/{}/inputs.json", head.entry.record.run_id))?;
    let bytes = log.outputs().read_if_exists(&path).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// Recorded files that nothing has taken the place of. A file is told by its place below the pattern's fixed folders, so that
/// inputs may move as a whole; a folder whose files all have other names has been written anew.
fn missing<'a>(source: &Source, then: &[&'a str], now: &[&'a str]) -> Vec<&'a str> {
    let depth = depth(source);
    let place = |path: &&'a str| below(path, depth);
    let present: BTreeSet<&str> = now.iter().map(place).collect();
    let mut folders: BTreeMap<&str, Vec<&'a str>> = BTreeMap::new();
    for path in then {
        folders.entry(folder(below(path, depth))).or_default().push(path);
    }
    let occupied: BTreeSet<&str> = present.iter().map(|place| folder(place)).collect();
    let mut missing = Vec::new();
    for (name, files) in folders {
        let lost: Vec<&str> = files.iter().copied().filter(|path| !present.contains(place(path))).collect();
        let rewritten = lost.len() == files.len() && occupied.contains(name);
        missing.extend(lost.into_iter().filter(|_| !rewritten));
    }
    missing
}

/// Segments of the pattern from the first one with a wildcard on; none when it is not the same for every file.
fn depth(source: &Source) -> Option<usize> {
    let segments: Vec<&str> = source.files.path().split('/').collect();
    let wild = segments.iter().position(|segment| segment.contains('*'))?;
    (!segments.contains(&"**")).then_some(segments.len() - wild)
}

fn below(path: &str, depth: Option<usize>) -> &str {
    let Some(last) = depth.and_then(|depth| depth.checked_sub(1)) else { return path };
    path.rmatch_indices('/').nth(last).map_or(path, |(at, _)| path.get(at + 1..).unwrap_or(path))
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Those that are not there any more; the others are only not read now, because the pattern or the calendar has changed.
async fn gone<'a>(stores: &Stores, source: &Source, missing: Vec<&'a str>) -> Result<Vec<&'a str>, StoreError> {
    let mut gone = Vec::new();
    for path in missing {
        let there = match object_store::path::Path::parse(path) {
            Ok(key) => stores.look_at(&source.files, &key).await?.is_some(),
            Err(_) => false,
        };
        if !there {
            gone.push(path);
        }
    }
    Ok(gone)
}

fn detail(source: &str, lost: &[&str], first: &str) -> String {
    let told: Vec<&str> = lost.iter().copied().take(TOLD).collect();
    match lost.len() {
        1 => format!("`{source}` has lost a file that the last publication read: {first}"),
        count if count <= TOLD => {
            format!("`{source}` has lost {count} files that the last publication read: {}", told.join(", "))
        }
        count => format!(
            "`{source}` has lost {count} files that the last publication read: {} and {} more",
            told.join(", "),
            count - TOLD
        ),
    }
}
