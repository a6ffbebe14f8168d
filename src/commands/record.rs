//! How a run ended, kept beside what it wrote: for `status`, and for whoever looks into it later. A run that found nothing
//! to do leaves nothing.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commands::outcome::{Ending, Outcome};
use crate::error::Failure;
use crate::publication::Log;
use crate::store::create::put_unique;
use crate::warehouse::bindings::Moment;

/// The content of `_tieout/runs/<run>/outcome.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// `published`, `held`, or `failed`.
    pub ending: String,
    pub period: String,
    /// The exit code.
    pub exit: u8,
    /// When the run began.
    pub at: Timestamp,
    pub findings: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RunRecord {
    /// What there is to keep of a run; none when it found nothing to do.
    #[must_use]
    pub fn of(ended: &Result<Outcome, Failure>, moment: Moment, at: Timestamp) -> Option<Self> {
        let period = moment.period.to_string();
        match ended {
            Ok(Outcome { ending: Ending::NothingDue | Ending::Waiting, .. }) => None,
            Ok(outcome) => {
                let ending = if outcome.ending == Ending::Held { "held" } else { "published" }.to_owned();
                let (exit, findings) = (outcome.exit() as u8, outcome.findings.len());
                Some(Self { ending, period, exit, at, findings, error: None })
            }
            Err(failure) => {
                let (exit, error) = (failure.exit as u8, Some(failure.to_string()));
                Some(Self { ending: "failed".to_owned(), period, exit, at, findings: 0, error })
            }
        }
    }

    /// Stores it. A run ends as it ended whether or not that succeeds.
    pub async fn keep(&self, log: &Log, run_id: &str) {
        let outputs = log.outputs();
        let bytes = Bytes::from(serde_json::to_vec_pretty(self).unwrap_or_default());
        let kept = match outputs.path(&format!("_tieout/runs/{run_id}/outcome.json")) {
            Ok(path) => put_unique(outputs, &path, bytes).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "how the run ended could not be written down");
        }
    }
}
