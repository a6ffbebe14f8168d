//! `latest/<table>/<period>-<n>.parquet`: copies of a small table's files under names that stay, for programs that only
//! know a folder.
//!
//! Each file is replaced in one step, the folder is not: `_SEQ` says which publication the copies are of, and
//! `"complete": false` while they are being replaced. Copies whose content is already there are not written again, and
//! copies that no longer belong are removed, so that reading the folder never counts a row twice once it is complete.

use std::collections::BTreeMap;

use bytes::Bytes;
use object_store::ObjectStoreExt;
use serde::{Deserialize, Serialize};

use super::Derived;
use crate::publication::{Publication, PublicationError, PublishedFile};
use crate::store::create::put_unique;
use crate::store::{Call, Kind, Location, StoreError};
use crate::warehouse::output::sha256_hex;

/// Tables of more bytes than this are not copied: who can read that much can read `current.json`.
const LARGEST: u64 = 64 << 20;

/// The content of `_SEQ`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Marker {
    seq: u64,
    complete: bool,
    /// SHA-256 by file name.
    files: BTreeMap<String, String>,
}

pub(super) async fn mirror(publication: &Publication, table: &Derived) -> Result<(), PublicationError> {
    let outputs = publication.log().outputs();
    let folder = format!("latest/{}", table.name);
    let small = table.files.iter().map(|file| file.bytes).sum::<u64>() <= LARGEST;
    let wanted = if small { named(&table.files) } else { BTreeMap::new() };
    let marker = outputs.path(&format!("{folder}/_SEQ"))?;
    let before = outputs.read_if_exists(&marker).await?;
    let before: Marker = before.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let files: BTreeMap<_, _> = wanted.iter().map(|(name, file)| (name.clone(), file.sha256.clone())).collect();
    if !small && before.seq == 0 {
        return Ok(());
    }
    let seq = publication.seq();
    if !(before.complete && before.files == files) {
        mark(outputs, &marker, &Marker { seq, complete: false, files: BTreeMap::new() }).await?;
        let known = if before.complete { &before.files } else { &BTreeMap::new() };
        for (name, file) in wanted.iter().filter(|(name, file)| known.get(*name) != Some(&file.sha256)) {
            copy(publication, file, &format!("{folder}/{name}")).await?;
        }
        remove_others(outputs, &folder, &files).await?;
    }
    mark(outputs, &marker, &Marker { seq, complete: true, files }).await
}

/// Files by the name of their copy.
fn named(files: &[PublishedFile]) -> BTreeMap<String, &PublishedFile> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut names = BTreeMap::new();
    for file in files {
        let count = counts.entry(&file.period).or_default();
        names.insert(format!("{}-{count:05}.parquet", file.period), file);
        *count += 1;
    }
    names
}

async fn copy(publication: &Publication, file: &PublishedFile, to: &str) -> Result<(), PublicationError> {
    let outputs = publication.log().outputs();
    let wrong = |why: &str| PublicationError::Content {
        seq: publication.seq(),
        url: file.address.clone(),
        why: why.to_owned(),
    };
    let bytes = match outputs.read(&file.path).await {
        Err(StoreError::Failed { kind: Kind::Missing, .. }) => return Err(wrong("is missing")),
        other => other?,
    };
    if sha256_hex(&bytes) != file.sha256 {
        return Err(wrong("has been changed"));
    }
    Ok(put_unique(outputs, &outputs.path(to)?, bytes).await?)
}

/// Removes what an earlier publication left: only below `latest/`, only Parquet.
async fn remove_others(
    outputs: &Location,
    folder: &str,
    keep: &BTreeMap<String, String>,
) -> Result<(), PublicationError> {
    for meta in outputs.list(&outputs.path(folder)?).await? {
        let name = meta.location.filename().unwrap_or_default();
        if meta.location.extension() != Some("parquet") || keep.contains_key(name) {
            continue;
        }
        match outputs.store.delete(&meta.location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(outputs.failed(Call::Delete, &meta.location, &error).into()),
        }
    }
    Ok(())
}

async fn mark(outputs: &Location, path: &object_store::path::Path, marker: &Marker) -> Result<(), PublicationError> {
    let text = serde_json::to_vec_pretty(marker).unwrap_or_default();
    Ok(put_unique(outputs, path, Bytes::from(text)).await?)
}

/// Notes how the copies of a table differ from a publication. Gives the number of copies it should have.
pub(super) async fn differences(
    publication: &Publication,
    table: &Derived,
    wrong: &mut Vec<(String, String)>,
) -> Result<u64, PublicationError> {
    let outputs = publication.log().outputs();
    let folder = format!("latest/{}", table.name);
    let small = table.files.iter().map(|file| file.bytes).sum::<u64>() <= LARGEST;
    let wanted = if small { named(&table.files) } else { BTreeMap::new() };
    let path = outputs.path(&format!("{folder}/_SEQ"))?;
    let files: BTreeMap<_, _> = wanted.iter().map(|(name, file)| (name.clone(), file.sha256.clone())).collect();
    let marker = outputs.read_if_exists(&path).await?;
    if !small && marker.is_none() {
        return Ok(0);
    }
    let marker: Option<Marker> = marker.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let why = match marker {
        None => Some("is missing or cannot be understood".to_owned()),
        Some(marker) if marker.seq != publication.seq() => {
            Some(format!("is of publication {}, the newest is {}", marker.seq, publication.seq()))
        }
        Some(marker) if !marker.complete => Some("says that the copies are not complete".to_owned()),
        Some(marker) => (marker.files != files).then(|| "lists other copies than were published".to_owned()),
    };
    wrong.extend(why.map(|why| (outputs.address(&path), why)));
    for (name, sha256) in &files {
        let path = outputs.path(&format!("{folder}/{name}"))?;
        let why = match outputs.read_if_exists(&path).await? {
            None => "is missing",
            Some(bytes) if sha256_hex(&bytes) == *sha256 => continue,
            Some(_) => "is no copy of what is published",
        };
        wrong.push((outputs.address(&path), why.to_owned()));
    }
    for meta in outputs.list(&outputs.path(&folder)?).await? {
        let name = meta.location.filename().unwrap_or_default();
        if meta.location.extension() == Some("parquet") && !files.contains_key(name) {
            wrong.push((outputs.address(&meta.location), "is no longer published".to_owned()));
        }
    }
    Ok(u64::try_from(files.len()).unwrap_or(u64::MAX))
}
