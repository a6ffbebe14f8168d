//! How the last runs ended, by what each of them left behind.

use std::cmp::Reverse;

use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Seconds;
use crate::commands::record::RunWork;
use crate::store::{Location, StoreError};
use crate::telemetry::InputDone;
use crate::warehouse::measured::ModelCost;

/// Records that are read at the same time.
const AT_ONCE: usize = 8;
/// Models that are shown of a run.
const COSTLIEST: usize = 5;

/// A run and its ending, as far as it has told them.
#[derive(Debug, Serialize)]
pub struct LastRun {
    pub run_id: String,
    /// `published`, `nothing_due`, `held` or `failed`; `unknown` for a run that is still at work, or was ended from outside.
    pub ending: String,
    pub period: Option<String>,
    pub exit: Option<u64>,
    pub at: Option<String>,
    pub findings: Option<usize>,
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkShown>,
}

/// What a run took, in short. All of it is in the run's record.
#[derive(Debug, Serialize)]
pub struct WorkShown {
    pub seconds: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<InputDone>,
    /// The models that took longest, the longest first.
    pub models: Vec<ModelCost>,
}

impl WorkShown {
    fn of(work: RunWork) -> Self {
        let RunWork { seconds, peak_memory_bytes, input, mut models, .. } = work;
        models.sort_by_key(|model| Reverse(model.seconds));
        models.truncate(COSTLIEST);
        Self { seconds, peak_memory_bytes, input, models }
    }
}

/// The newest runs below these outputs, newest first. Run ids begin with the time.
pub async fn last(outputs: &Location, count: usize) -> Result<Vec<LastRun>, StoreError> {
    let runs = outputs.folders(&outputs.path("_tieout/runs")?).await?;
    let newest = runs.into_iter().rev().take(count);
    futures::stream::iter(newest).map(|run_id| one(outputs, run_id)).buffered(AT_ONCE).try_collect().await
}

async fn one(outputs: &Location, run_id: String) -> Result<LastRun, StoreError> {
    let path = outputs.path(&format!("_tieout/runs/{run_id}/outcome.json"))?;
    let bytes = outputs.read_if_exists(&path).await?.unwrap_or_default();
    // A record that is not there or makes no sense says nothing of the run; it is no reason to be silent about the others.
    let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = |key: &str| told.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(LastRun {
        ending: text("ending").unwrap_or_else(|| "unknown".to_owned()),
        period: text("period"),
        exit: told.get("exit").and_then(Value::as_u64),
        at: text("at"),
        findings: told.get("findings").and_then(counted),
        error: text("error"),
        // Records of earlier versions have none.
        work: told.get("work").and_then(|work| RunWork::deserialize(work).ok()).map(WorkShown::of),
        run_id,
    })
}

/// A count, or the number of things that are listed.
fn counted(findings: &Value) -> Option<usize> {
    match findings {
        Value::Array(listed) => Some(listed.len()),
        other => other.as_u64().and_then(|count| usize::try_from(count).ok()),
    }
}
