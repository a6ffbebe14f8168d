//! The end of an intake or a period: its marts are stored, and so is what a later run may take over of it.
//!
//! What is still being written is waited for when the next one has been computed, not before.

use std::collections::BTreeMap;

use super::written::Written;
use super::{BuildError, Building};
use crate::pipeline::Scope;
use crate::telemetry::Volume;
use crate::warehouse::output::WrittenFile;
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
        if let Err(error) = self.finish().await {
            self.written.extend(computed.written);
            return Err(error);
        }
        let is_stored = computed.written.iter().all(Written::is_stored);
        self.finishing = Some(computed);
        if is_stored { self.finish().await } else { Ok(()) }
    }

    /// Waits for what is still being written.
    pub(super) async fn finish(&mut self) -> Result<(), BuildError> {
        let Some(Finishing { name, step, read, key, part, keys, reads, written }) = self.finishing.take() else {
            return Ok(());
        };
        let files = self.stored(written).await?;
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
        let written = std::mem::take(&mut self.written);
        let files = self.stored(written).await?;
        self.files.extend(files);
        Ok(())
    }

    /// Waits for files. If some of them cannot be stored, the others are still there to be given up.
    async fn stored(&mut self, written: Vec<Written>) -> Result<Vec<WrittenFile>, BuildError> {
        let mut files = Vec::new();
        let mut written = written.into_iter();
        while let Some(next) = written.next() {
            match next.files().await {
                Ok(stored) => files.extend(stored),
                Err(error) => {
                    self.written.extend(written);
                    return Err(error);
                }
            }
        }
        Ok(files)
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
