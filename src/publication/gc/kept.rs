//! What is kept, by the log alone: everything that a kept publication refers to.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::SignedDuration;
use serde_json::Value;

use super::Gc;
use crate::publication::{Action, Entry, Head, Left, Log, Part, PublicationError};

/// Entries and manifests that are read at the same time.
const AT_ONCE: usize = 16;

/// Everything that must stay, as of one head of the log.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub pipeline: String,
    /// The newest publication.
    pub publication: u64,
    /// Publications that are kept whole.
    pub publications: Vec<u64>,
    /// Keys below the root.
    paths: BTreeSet<String>,
    /// Runs whose records and messages stay.
    runs: BTreeSet<String>,
    /// Parts by the hash of their manifest, with an entry that names them.
    parts: BTreeMap<String, (u64, Part)>,
}

impl Kept {
    /// Reads the whole log, and every manifest that is kept.
    ///
    /// # Errors
    /// When the log is broken or empty, a manifest that is kept is missing or changed, or the store fails.
    pub(super) async fn of(gc: &Gc<'_>) -> Result<Self, PublicationError> {
        let log = gc.log;
        let Some(head) = log.verify().await? else { return Err(log.nothing()) };
        refuse_shorter_than_derived(log, &head).await?;
        let mut kept =
            Self { pipeline: head.entry.record.pipeline.clone(), publication: head.entry.seq, ..Self::default() };
        let mut closed = BTreeMap::new();
        let read = |seq| async move { Ok::<_, PublicationError>(log.read(seq).await?.entry) };
        let mut entries = std::pin::pin!(futures::stream::iter(1..=head.entry.seq).map(read).buffered(AT_ONCE));
        while let Some(entry) = entries.try_next().await? {
            kept.add_entry(gc, &head.entry, &entry);
            closed.extend(closed_parts(&head.entry, &entry));
        }
        for (seq, part) in closed.into_values() {
            kept.add_part(seq, &part);
        }
        kept.read_manifests(log).await?;
        // What the next run may use again. Without it everything is computed again, which is no reason to fail.
        let left = Left::of(log, &head.entry.record).await.unwrap_or_default();
        for part in left.parts.into_values() {
            kept.paths.extend(part.files.into_iter().map(|file| file.path));
            kept.paths.extend(part.keys.into_values().map(|keys| keys.path));
            kept.paths.insert(part.path);
        }
        Ok(kept)
    }

    /// Whether a key below the root stays.
    #[must_use]
    pub fn keeps(&self, path: &str) -> bool {
        let of_run = path.strip_prefix("_tieout/runs/").and_then(|rest| rest.split_once('/'));
        // Parts are many and of use to the next run alone: those stay that it may use.
        let recorded = |(run, rest): (&str, &str)| self.runs.contains(run) && !rest.starts_with("parts/");
        self.paths.contains(path) || of_run.is_some_and(recorded)
    }

    fn add_entry(&mut self, gc: &Gc<'_>, head: &Entry, entry: &Entry) {
        let newest = entry.seq + gc.retention.publications > head.seq;
        let young = gc.now.duration_since(entry.record.committed_at) <= days(gc.retention.days);
        if newest || young {
            self.publications.push(entry.seq);
            self.add_run(&entry.record.run_id);
            entry.tables.values().flat_map(BTreeMap::values).for_each(|part| self.add_part(entry.seq, part));
        }
        // What a person has decided stays on record.
        if entry.record.action != Action::Run {
            self.add_run(&entry.record.run_id);
        }
        if newest || young || entry.seq >= head.record.owed_since {
            // Mail from there on may still be owed, whatever its age, and is sent as it was stored.
            let recipients = entry.record.deliveries.iter().flat_map(|delivery| &delivery.recipients);
            self.paths.extend(recipients.map(|recipient| recipient.eml_path.clone()));
        }
    }

    fn add_run(&mut self, run_id: &str) {
        self.runs.insert(run_id.to_owned());
    }

    /// A part stays with its files and with what its run has stored of where they came from.
    fn add_part(&mut self, seq: u64, part: &Part) {
        self.add_run(&part.run_id);
        self.parts.insert(part.manifest_sha256.clone(), (seq, part.clone()));
    }

    async fn read_manifests(&mut self, log: &Log) -> Result<(), PublicationError> {
        let read = |(seq, part): (u64, Part)| async move {
            let manifest = log.manifest(seq, &part).await?;
            Ok::<_, PublicationError>((part.manifest_sha256, manifest))
        };
        let parts: Vec<_> = self.parts.values().cloned().collect();
        let mut manifests = std::pin::pin!(futures::stream::iter(parts).map(read).buffered(AT_ONCE));
        while let Some((sha256, manifest)) = manifests.try_next().await? {
            self.paths.insert(format!("{}{sha256}.json", super::key::MANIFESTS));
            self.paths.extend(manifest.files.into_iter().map(|file| file.path));
        }
        Ok(())
    }
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

/// The parts of closed periods in an entry. The newest entry that has one wins.
fn closed_parts<'a>(
    head: &'a Entry,
    entry: &'a Entry,
) -> impl Iterator<Item = ((String, String), (u64, Part))> + use<'a> {
    let of_table = |(table, periods): (&'a String, &'a BTreeMap<String, Part>)| {
        let closed = periods.iter().filter(|(period, _)| head.closed.contains_key(*period));
        closed.map(|(period, part)| ((table.clone(), period.clone()), (entry.seq, part.clone())))
    };
    entry.tables.iter().flat_map(of_table)
}

/// A log that lost its newest entries looks whole, and would let their files go.
async fn refuse_shorter_than_derived(log: &Log, head: &Head) -> Result<(), PublicationError> {
    let outputs = log.outputs();
    let bytes = outputs.read_if_exists(&outputs.path("current.json")?).await?;
    let current: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let seq = current.as_ref().and_then(|current| current.get("seq")).and_then(Value::as_u64).unwrap_or(0);
    if seq > head.entry.seq {
        return Err(log.broken(format!("current.json is of publication {seq}, the log ends at {}", head.entry.seq)));
    }
    Ok(())
}
