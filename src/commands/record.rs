//! How a run ended, kept beside what it wrote: for `status`, and for whoever looks into it later. A run that found nothing
//! to do leaves nothing.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Seconds;
use crate::commands::outcome::{Ending, Outcome};
use crate::error::Failure;
use crate::publication::Log;
use crate::store::create::put_unique;
use crate::telemetry::{InputDone, Spent, StageTime, peak_memory};
use crate::warehouse::bindings::Moment;
use crate::warehouse::measured::ModelCost;

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
    /// Of its own clock and machine: this is told, and never compared or hashed.
    #[serde(default)]
    pub work: RunWork,
}

/// What a run took, until it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWork {
    /// Wall time.
    pub seconds: Seconds,
    /// The most memory that the process has held by then, earlier periods of the same invocation included; none where the
    /// system does not count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// None when it ended before its inputs were known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<InputDone>,
    /// In the order they began.
    pub stages: Vec<StageTime>,
    /// Every model that is kept or published, by name.
    pub models: Vec<ModelCost>,
}

impl RunWork {
    /// What was spent, with the memory of this process.
    #[must_use]
    pub fn of(spent: Spent, models: Vec<ModelCost>) -> Self {
        let Spent { seconds, stages, input } = spent;
        Self { seconds, peak_memory_bytes: peak_memory(), input, stages, models }
    }
}

impl RunRecord {
    /// What there is to keep of a run; none when it found nothing to do.
    #[must_use]
    pub fn of(ended: &Result<Outcome, Failure>, moment: Moment, at: Timestamp, work: RunWork) -> Option<Self> {
        let period = moment.period.to_string();
        match ended {
            Ok(Outcome { ending: Ending::NothingDue | Ending::Waiting, .. }) => None,
            Ok(outcome) => {
                let ending = if outcome.ending == Ending::Held { "held" } else { "published" }.to_owned();
                let (exit, findings) = (outcome.exit() as u8, outcome.findings.len());
                Some(Self { ending, period, exit, at, findings, error: None, work })
            }
            Err(failure) => {
                let (exit, error) = (failure.exit as u8, Some(failure.to_string()));
                Some(Self { ending: "failed".to_owned(), period, exit, at, findings: 0, error, work })
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
