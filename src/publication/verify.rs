//! Whether everything that a publication refers to is there, and is what it was when it was committed.
//!
//! Nothing is repaired and nothing written. All that is wrong is told at once; only a store that does not answer ends it.

use bytes::Bytes;
use futures::StreamExt as _;
use object_store::path::Path;
use serde::Serialize;
use serde_json::Value;

use super::derive::stale;
use super::{Log, Manifest, Part, Publication, PublicationError, PublishedFile};
use crate::problem::Problem;
use crate::store::{Location, StoreError};
use crate::warehouse::output::sha256_hex;

/// Files that are read at the same time.
const AT_ONCE: usize = 4;
const RESTORE: &str = "restore that object from the bucket's versions or a backup";

/// One kind of thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// What kind: `log`, `manifests`, `files`, ...
    pub what: &'static str,
    pub count: u64,
    /// What was found, in words.
    pub detail: String,
    /// How many of the problems are of this kind.
    pub problems: usize,
}

/// What was looked at, and everything that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    pub checked: Vec<Checked>,
    pub problems: Vec<Problem>,
}

/// What the run of a publication has stored about itself, where it is what the entry says.
#[derive(Clone, Debug, Default)]
pub struct RunRecords {
    pub inputs: Option<Value>,
    pub audit: Option<Value>,
}

impl Findings {
    /// Notes one kind of thing.
    pub fn note(&mut self, what: &'static str, count: u64, detail: impl Into<String>, problems: Vec<Problem>) {
        self.checked.push(Checked { what, count, detail: detail.into(), problems: problems.len() });
        self.problems.extend(problems);
    }
}

/// The log's chain from its first entry. Gives the newest publication that can be read.
///
/// # Errors
/// When the store fails.
pub async fn chain(log: &Log, findings: &mut Findings) -> Result<Option<Publication>, PublicationError> {
    let survey = log.survey().await?;
    let problems: Vec<_> = survey.broken.iter().map(PublicationError::problem).collect();
    findings.note("log", survey.entries, format!("{} entries, each naming the one before", survey.entries), problems);
    Ok(survey.newest.map(|head| Publication::new(log.clone(), head)))
}

/// Manifests and files of a publication. Every file that is what its manifest says is handed to `read` with its table,
/// which gives the rows it finds.
///
/// # Errors
/// When the store fails.
pub async fn tables<R>(
    publication: &Publication,
    findings: &mut Findings,
    mut read: R,
) -> Result<Vec<Manifest>, PublicationError>
where
    R: FnMut(&str, &PublishedFile, Bytes) -> Result<u64, Problem>,
{
    let (manifests, problems) = manifests(publication).await?;
    let count = manifests.len() + problems.len();
    findings.note("manifests", wide(count), format!("{count} manifests, named by their own hash"), problems);
    let mut problems = Vec::new();
    let (mut count, mut bytes, mut rows) = (0_u64, 0_u64, 0_u64);
    for manifest in &manifests {
        let files = publication.files_of(std::slice::from_ref(manifest))?;
        let fetched = |file: PublishedFile| async move { (content(publication, &file).await, file) };
        let mut files = std::pin::pin!(futures::stream::iter(files).map(fetched).buffered(AT_ONCE));
        while let Some((content, file)) = files.next().await {
            count += 1;
            match content?.and_then(|content| read(&manifest.table, &file, content)) {
                Ok(found) if found == file.rows => (bytes, rows) = (bytes + file.bytes, rows + found),
                Ok(found) => problems.push(changed(
                    "E503",
                    format!("`{}` has {found} rows, its manifest says {}", file.address, file.rows),
                )),
                Err(problem) => problems.push(problem),
            }
        }
    }
    findings.note("files", count, format!("{count} files, {bytes} bytes and {rows} rows as written"), problems);
    Ok(manifests)
}

async fn manifests(publication: &Publication) -> Result<(Vec<Manifest>, Vec<Problem>), PublicationError> {
    let (mut manifests, mut problems) = (Vec::new(), Vec::new());
    for (table, periods) in &publication.head().entry.tables {
        for (period, part) in periods {
            match publication.log().manifest(publication.seq(), part).await {
                Ok(manifest) if describes(&manifest, table, period, part) => manifests.push(manifest),
                Ok(_) => problems.push(changed(
                    "E503",
                    format!("manifest `{}` is not the one of {table} {period}", part.manifest_sha256),
                )),
                Err(error @ PublicationError::Content { .. }) => problems.push(error.problem()),
                Err(error) => return Err(error),
            }
        }
    }
    Ok((manifests, problems))
}

fn describes(manifest: &Manifest, table: &str, period: &str, part: &Part) -> bool {
    manifest.table == table
        && manifest.period == period
        && manifest.rows() == part.rows
        && manifest.content_sha256() == part.content_sha256
}

/// The bytes of a file, when they are those of the manifest.
async fn content(publication: &Publication, file: &PublishedFile) -> Result<Result<Bytes, Problem>, PublicationError> {
    let Some(bytes) = publication.log().outputs().read_if_exists(&file.path).await? else {
        return Ok(Err(missing(&file.address)));
    };
    let length = wide(bytes.len());
    if length != file.bytes {
        let message = format!("`{}` has {length} bytes, its manifest says {}", file.address, file.bytes);
        return Ok(Err(changed("E503", message)));
    }
    if sha256_hex(&bytes) != file.sha256 {
        return Ok(Err(changed("E304", format!("checksum mismatch: `{}` has been changed", file.address))));
    }
    Ok(Ok(bytes))
}

/// What the run has stored about its inputs and its audit, against the hashes in the entry.
///
/// # Errors
/// When the store fails.
pub async fn records(publication: &Publication, findings: &mut Findings) -> Result<RunRecords, PublicationError> {
    let record = &publication.head().entry.record;
    let outputs = publication.log().outputs();
    let inputs = Some(record.inputs_sha256.as_str()).filter(|sha256| !sha256.is_empty());
    let (audit, left) = (record.audit_sha256.as_deref(), record.left_sha256.as_deref());
    let wanted = [("inputs", inputs), ("audit", audit), ("left", left)];
    let (mut found, mut problems, mut names) = (RunRecords::default(), Vec::new(), Vec::new());
    for (name, sha256) in wanted.into_iter().filter_map(|(name, sha256)| Some((name, sha256?))) {
        names.push(format!("{name}.json"));
        let path = outputs.path(&format!("_tieout/runs/{}/{name}.json", record.run_id))?;
        match stored(outputs, &path, sha256).await? {
            Ok(value) if name == "inputs" => found.inputs = Some(value),
            Ok(value) if name == "audit" => found.audit = Some(value),
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
    }
    let detail = if names.is_empty() { "none kept".to_owned() } else { names.join(", ") };
    findings.note("run records", wide(names.len()), detail, problems);
    Ok(found)
}

/// A stored record. The hash of inputs is of their canonical form, so that it is known before they are stored.
async fn stored(outputs: &Location, path: &Path, sha256: &str) -> Result<Result<Value, Problem>, StoreError> {
    let address = outputs.address(path);
    let Some(bytes) = outputs.read_if_exists(path).await? else { return Ok(Err(missing(&address))) };
    let value: Option<Value> = serde_json::from_slice(&bytes).ok();
    let same = |value: &Value| sha256_hex(&bytes) == sha256 || sha256_hex(value.to_string().as_bytes()) == sha256;
    let wrong = || changed("E503", format!("`{address}` has been changed since the run stored it"));
    Ok(value.filter(same).ok_or_else(wrong))
}

/// Every message that the publication owes, against its hash.
///
/// # Errors
/// When the store fails.
pub async fn mails(publication: &Publication, findings: &mut Findings) -> Result<(), PublicationError> {
    let outputs = publication.log().outputs();
    let deliveries = &publication.head().entry.record.deliveries;
    let (mut count, mut problems) = (0, Vec::new());
    for recipient in deliveries.iter().flat_map(|delivery| &delivery.recipients) {
        count += 1;
        let path = outputs.path(&recipient.eml_path)?;
        match outputs.read_if_exists(&path).await? {
            None => problems.push(missing(&outputs.address(&path))),
            Some(bytes) if sha256_hex(&bytes) == recipient.eml_sha256 => {}
            Some(_) => problems.push(changed(
                "E627",
                format!("message `{}` is not the one that was committed", outputs.address(&path)),
            )),
        }
    }
    findings.note("mails", count, format!("{count} stored messages"), problems);
    Ok(())
}

/// Whether `current.json`, `current.sql` and `latest/` are of this publication, which should be the newest.
///
/// # Errors
/// When the store fails.
pub async fn derived(newest: &Publication, findings: &mut Findings) -> Result<(), PublicationError> {
    let (count, wrong) = match stale(newest).await {
        Ok(found) => found,
        // Without its manifests nobody knows what it should be, and they have been told already.
        Err(PublicationError::Content { .. }) => {
            findings.note("derived", 0, "cannot be told without every manifest", Vec::new());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let problem = |(address, why): (String, String)| {
        Problem::new("E516", format!("`{address}` {why}")).help("the next `tieout run` rewrites it from the log")
    };
    let problems = wrong.into_iter().map(problem).collect();
    findings.note(
        "derived",
        count,
        format!("current.json, current.sql and latest/ of publication {}", newest.seq()),
        problems,
    );
    Ok(())
}

fn missing(address: &str) -> Problem {
    changed("E503", format!("`{address}` is missing"))
}

fn changed(code: &'static str, message: String) -> Problem {
    Problem::new(code, message).help(RESTORE)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
