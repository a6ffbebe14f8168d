//! Deleting what retention no longer keeps: in two steps, a day apart, and the only place that deletes what was published.
//!
//! ```text
//! <root>/_tieout/gc/<id>.json         a plan: what nothing kept refers to, with sizes; created once
//! <root>/_tieout/gc/<id>.done.json    what became of it; created once
//! ```
//!
//! A sweep takes plans that are a day old, finds out anew what is kept, and deletes what was planned and may still go. So
//! whoever has begun to read when something stopped being kept has a day, and nothing goes because of one wrong look. A
//! sweep that stops in the middle has only not finished: the next one takes the same plans.
//!
//! Never a candidate: the log, the mail ledger, leases, plans, everything derived, and every key that this program would
//! not have written. What is written by a run that is still going on is referred to by nothing and safe by its age alone.

mod kept;
mod key;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};

use super::{Log, Manifest, PublicationError};
use crate::pipeline::Retention;
use crate::store::create::create;
use crate::store::{Call, Location, StoreError};

pub use kept::Kept;

/// How old a plan must be before it is carried out.
pub const DELAY: SignedDuration = SignedDuration::from_hours(24);
/// Objects that are deleted before it is asked whether somebody has published meanwhile.
const BATCH: usize = 200;
/// Requests on their way at the same time.
const AT_ONCE: usize = 8;

/// What is tidied, by which rule, as of when.
#[derive(Clone, Copy, Debug)]
pub struct Gc<'a> {
    pub log: &'a Log,
    pub retention: Retention,
    pub now: Timestamp,
}

/// Objects that may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub id: String,
    pub pipeline: String,
    pub at: Timestamp,
    /// The newest publication when this was planned.
    pub publication: u64,
    pub candidates: Vec<Candidate>,
}

/// One object that nothing kept refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Candidate {
    /// Below the root of the outputs.
    pub path: String,
    pub bytes: u64,
    pub last_modified: Timestamp,
}

/// What was found below the root.
#[derive(Clone, Debug)]
pub struct Found {
    pub kept: Kept,
    pub candidates: Vec<Candidate>,
    /// Objects that nothing refers to and that are too young to go.
    pub young: usize,
    /// Objects that this program would not have written there.
    pub foreign: usize,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Plans that were carried out, by id.
    pub plans: Vec<String>,
    /// Plans that are not old enough.
    pub waiting: usize,
    pub deleted: usize,
    pub bytes: u64,
    /// Planned objects that something refers to by now, that are too young, or that are gone.
    pub spared: usize,
}

#[derive(Serialize)]
struct Done<'a> {
    plan: &'a str,
    at: Timestamp,
    planned: usize,
    deleted: usize,
    bytes: u64,
}

impl Gc<'_> {
    /// Looks for what may go, and deletes nothing.
    ///
    /// # Errors
    /// When the log or a manifest that is kept cannot be trusted: then nobody knows what may go.
    pub async fn find(&self) -> Result<Found, PublicationError> {
        let kept = Kept::of(self).await?;
        let mut found = Found { kept, candidates: Vec::new(), young: 0, foreign: 0 };
        let outputs = self.log.outputs();
        for folder in ["data", "_tieout/manifest", "_tieout/runs"] {
            for meta in outputs.list(&outputs.path(folder)?).await? {
                self.judge(&meta, &mut found)?;
            }
        }
        self.spare_shared_manifests(&mut found).await?;
        Ok(found)
    }

    fn judge(&self, meta: &ObjectMeta, found: &mut Found) -> Result<(), PublicationError> {
        let Some(path) = below(self.log.outputs(), &meta.location).filter(|path| key::is_ours(path)) else {
            found.foreign += 1;
            return Ok(());
        };
        if found.kept.keeps(&path) {
            return Ok(());
        }
        let last_modified = Timestamp::try_from(std::time::SystemTime::from(meta.last_modified));
        let last_modified = last_modified.map_err(|_| unknown_age(self.log, &path))?;
        if self.now.duration_since(last_modified) > self.retention.orphans {
            found.candidates.push(Candidate { path, bytes: meta.size, last_modified });
        } else {
            found.young += 1;
        }
        Ok(())
    }

    /// A manifest is named by its content. One without files is the same for every run, and a run may be about to refer
    /// to it. What is no manifest is not ours.
    async fn spare_shared_manifests(&self, found: &mut Found) -> Result<(), PublicationError> {
        let (manifests, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut found.candidates).into_iter().partition(|one| one.path.starts_with(key::MANIFESTS));
        let read = |one: Candidate| async move {
            let outputs = self.log.outputs();
            let bytes = outputs.read_if_exists(&outputs.path(&one.path)?).await?;
            let manifest = bytes.and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
            Ok::<_, StoreError>(manifest.is_some_and(|manifest| !manifest.files.is_empty()).then_some(one))
        };
        let read: Vec<_> = futures::stream::iter(manifests).map(read).buffered(AT_ONCE).try_collect().await?;
        found.candidates = others.into_iter().chain(read.into_iter().flatten()).collect();
        Ok(())
    }

    /// Writes down what may go in a day. No plan when there is nothing.
    ///
    /// # Errors
    /// As for [`Gc::find`].
    pub async fn plan(&self, id: &str) -> Result<(Found, Option<Plan>), PublicationError> {
        let found = self.find().await?;
        if found.candidates.is_empty() {
            return Ok((found, None));
        }
        let plan = Plan {
            id: id.to_owned(),
            pipeline: found.kept.pipeline.clone(),
            at: self.now,
            publication: found.kept.publication,
            candidates: found.candidates.clone(),
        };
        self.write(&format!("{id}.json"), &plan).await?;
        Ok((found, Some(plan)))
    }

    /// Deletes what plans that are a day old have named and what may still go.
    ///
    /// # Errors
    /// As for [`Gc::find`]; when a plan cannot be understood; when the store refuses to delete. What is deleted by then
    /// was right to go, and the next sweep goes on.
    pub async fn sweep(&self) -> Result<Swept, PublicationError> {
        let (plans, waiting) = self.due().await?;
        let mut swept = Swept { waiting, ..Swept::default() };
        if plans.is_empty() {
            return Ok(swept);
        }
        let mut found = self.find().await?;
        for plan in plans {
            let planned: std::collections::BTreeSet<_> = plan.candidates.iter().map(|one| one.path.as_str()).collect();
            let doomed: Vec<_> =
                found.candidates.iter().filter(|one| planned.contains(one.path.as_str())).cloned().collect();
            let (deleted, bytes) = self.delete(&doomed, &mut found.kept).await?;
            found.candidates.retain(|one| !planned.contains(one.path.as_str()));
            let done = Done { plan: &plan.id, at: self.now, planned: plan.candidates.len(), deleted, bytes };
            self.write(&format!("{}.done.json", plan.id), &done).await?;
            swept.deleted += deleted;
            swept.bytes += bytes;
            swept.spared += plan.candidates.len() - deleted;
            swept.plans.push(plan.id);
        }
        Ok(swept)
    }

    /// Plans that are not done and old enough, and how many are not old enough.
    async fn due(&self) -> Result<(Vec<Plan>, usize), PublicationError> {
        let outputs = self.log.outputs();
        let listed = outputs.list(&outputs.path("_tieout/gc")?).await?;
        let names: std::collections::BTreeSet<_> = listed.iter().filter_map(|meta| meta.location.filename()).collect();
        let (mut due, mut waiting) = (Vec::new(), 0);
        for meta in &listed {
            let id = meta.location.filename().and_then(|name| name.strip_suffix(".json"));
            let Some(id) = id.filter(|id| key::is_run_id(id)) else { continue };
            if names.contains(format!("{id}.done.json").as_str()) {
                continue;
            }
            let bytes = outputs.read(&meta.location).await?;
            let plan: Plan = serde_json::from_slice(&bytes)
                .map_err(|error| self.log.broken(format!("plan {id} cannot be understood: {error}")))?;
            // A machine whose clock is wrong must not make a plan older than it is.
            let written = Timestamp::try_from(std::time::SystemTime::from(meta.last_modified)).unwrap_or(plan.at);
            if self.now.duration_since(plan.at.max(written)) >= DELAY { due.push(plan) } else { waiting += 1 }
        }
        Ok((due, waiting))
    }

    /// Deletes these objects, except what something refers to by now.
    async fn delete(&self, doomed: &[Candidate], kept: &mut Kept) -> Result<(usize, u64), PublicationError> {
        let outputs = self.log.outputs();
        let (mut deleted, mut bytes) = (0, 0);
        for batch in doomed.chunks(BATCH) {
            if self.log.has(kept.publication + 1).await? {
                *kept = Kept::of(self).await?;
            }
            let still: Vec<&Candidate> = batch.iter().filter(|one| !kept.keeps(&one.path)).collect();
            let delete = |one: &Candidate| {
                let path = outputs.path(&one.path);
                async move { delete(outputs, &path?).await }
            };
            let requests: Vec<_> = still.iter().map(|one| delete(one)).collect();
            futures::stream::iter(requests).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            deleted += still.len();
            bytes += still.iter().map(|one| one.bytes).sum::<u64>();
        }
        Ok((deleted, bytes))
    }

    async fn write(&self, name: &str, value: &impl Serialize) -> Result<(), PublicationError> {
        let text = serde_json::to_vec_pretty(value).map_err(|error| self.log.broken(error.to_string()))?;
        let single = self.log.single();
        create(single, &single.path(&format!("_tieout/gc/{name}"))?, &Bytes::from(text)).await?;
        Ok(())
    }
}

/// An object that is gone already is as good as deleted.
async fn delete(outputs: &Location, path: &Path) -> Result<(), StoreError> {
    match outputs.store.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(outputs.failed(Call::Delete, path, &error)),
    }
}

/// A path of the store below the root, as entries and manifests write it.
fn below(outputs: &Location, path: &Path) -> Option<String> {
    let parts: Vec<_> = path.prefix_match(&outputs.root)?.map(|part| part.as_ref().to_owned()).collect();
    Some(parts.join("/"))
}

fn unknown_age(log: &Log, path: &str) -> PublicationError {
    log.broken(format!("the age of `{path}` cannot be told"))
}
