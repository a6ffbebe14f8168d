//! The end of an intake or a period: its marts are stored, and so is what a later run may take over of it.
//!
//! What is still being written is waited for when the next one has been computed, not before.

use std::collections::BTreeMap;

use super::written::Written;
use super::{BuildError, Building};
use crate::pipeline::Scope;
use crate::telemetry::Volume;
use crate::warehouse::packed::Part;
use crate::warehouse::reuse::{StoredKeys, StoredPart, StoredRead, remember};

/// An intake or a period that has been computed.
pub(super) struct Finishing {
    /// What of it is stored is named after it.
    pub name: String,
    /// How a person calls it.
    pub step: String,
    /// What it has read of the inputs.
    pub read: Volume,
    /// By which a later run finds it; none when it is not to be found.
    pub key: Option<String>,
    pub part: Part,
    pub keys: BTreeMap<String, StoredKeys>,
    pub reads: Vec<StoredRead>,
    pub written: Vec<Written>,
}

impl Building<'_> {
    /// Goes on, if some of it is still being written. By then the one before it has to be stored.
    pub(super) async fn finish_beside(&mut self, computed: Finishing) -> Result<(), BuildError> {
        self.finish().await?;
        let is_stored = computed.written.iter().all(Written::is_stored);
        self.finishing = Some(computed);
        if is_stored { self.finish().await } else { Ok(()) }
    }

    /// Waits for what is still being written.
    pub(super) async fn finish(&mut self) -> Result<(), BuildError> {
        let Some(Finishing { name, step, read, key, part, keys, reads, written }) = self.finishing.take() else {
            return Ok(());
        };
        let mut files = Vec::new();
        for written in written {
            files.extend(written.files().await?);
        }
        if let Some(key) = key {
            let stored = remember(self.build.output, &name, part.pack()?, &files).await?;
            self.parts.insert(key, StoredPart { keys, reads, ..stored });
        }
        self.files.extend(files);
        self.build.progress.step_with(&step, read);
        Ok(())
    }

    /// Stores what has been written of a scope that is built in one piece.
    pub(super) async fn settle(&mut self) -> Result<(), BuildError> {
        for written in std::mem::take(&mut self.written) {
            self.files.extend(written.files().await?);
        }
        Ok(())
    }

    /// Stops what is being written: the run has failed.
    pub(super) async fn give_up(&mut self) {
        let finishing = self.finishing.take().map(|finishing| finishing.written).unwrap_or_default();
        for written in finishing.into_iter().chain(std::mem::take(&mut self.written)) {
            written.give_up().await;
        }
    }

    /// Whether a mart of this scope is to be written beside what is computed next.
    pub(super) fn may_be_beside(&self, scope: Scope) -> bool {
        matches!(scope, Scope::Intake | Scope::Period) && self.build.remote.is_none() && self.room.is_mostly_free()
    }
}
