//! What a run leaves for later ones beside what it publishes: where the parts are that need not be computed again.
//!
//! A publication names it by its hash. Nothing depends on it: what is gone or damaged is computed again.

use serde::{Deserialize, Serialize};

use super::{Log, PublicationError, Record};
use crate::warehouse::output::sha256_hex;
use crate::warehouse::reuse::StoredParts;

/// What is stored with a run as `left.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Left {
    pub parts: StoredParts,
    /// What the audit remembers of every file; only it knows how to read that.
    #[serde(default)]
    pub audited: serde_json::Value,
}

impl Left {
    /// What the newest publication's run has left; nothing when there is none, or it cannot be used.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn by_last_run(log: &Log) -> Result<Self, PublicationError> {
        let Some(head) = log.head().await? else { return Ok(Self::default()) };
        Ok(Self::of(log, &head.entry.record).await.unwrap_or_else(|why| {
            tracing::warn!(run = head.entry.record.run_id, why, "everything is computed again");
            Self::default()
        }))
    }

    /// What the run of an entry has left.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) async fn of(log: &Log, record: &Record) -> Result<Self, String> {
        let Some(sha256) = &record.left_sha256 else { return Ok(Self::default()) };
        let path = format!("_tieout/runs/{}/left.json", record.run_id);
        let outputs = log.outputs();
        let path = outputs.path(&path).map_err(|error| error.to_string())?;
        let bytes = outputs.read_if_exists(&path).await.map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("`{path}` is not there any more"))?;
        if sha256_hex(&bytes) != *sha256 {
            return Err(format!("`{path}` is not what was published"));
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("`{path}` cannot be read: {error}"))
    }

    /// The text that is stored.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}
