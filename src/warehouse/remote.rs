//! The seam to a cluster: models of a session may be executed elsewhere.
//!
//! Planning stays here, with our own rules and functions, so that a plan is the same wherever it is executed. What leaves is an
//! optimised physical plan, and what comes back are its rows.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::Exit;

/// What executes plans of other processes.
#[async_trait]
pub trait Remote: Debug + Send + Sync {
    /// Sets what the plans for it must be planned with.
    fn prepare(&self, config: &mut SessionConfig);

    /// The rows of a plan. All of them are known when this returns.
    ///
    /// # Errors
    /// A [`RemoteError`] when the cluster is at fault; else what the plan fails with.
    async fn rows(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        state: &SessionState,
    ) -> Result<SendableRecordBatchStream, DataFusionError>;

    /// The process is about to end in the middle: nobody waits for rows any more.
    async fn cancel(&self);

    /// The run needs nothing more: what was put aside for it goes.
    async fn end(&self);
}

/// Why a plan could not be executed elsewhere, where the plan is not to blame.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteError {
    #[error(
        "error[E520]: the cluster's scheduler {scheduler} does not answer: {why}\n  help: start it with `tieout cluster scheduler`, and see whether engine.cluster names it"
    )]
    Scheduler { scheduler: String, why: String },
    #[error(
        "error[E521]: the cluster's scheduler {scheduler} had no executor for this run within {seconds} s\n  help: start some with `tieout cluster executor --scheduler df://{scheduler}`, or wait longer with engine.cluster_patience"
    )]
    NoExecutor { scheduler: String, seconds: u64 },
    #[error(
        "error[E522]: a step of this run failed {times} times on the cluster of {scheduler}, the last time because {why}\n  help: look at the logs of its executors; a step that needs longer gets its time by engine.cluster_deadline"
    )]
    Failed { scheduler: String, times: u32, why: String },
    #[error(
        "error[E523]: the cluster of {scheduler} cannot execute the plans of this program: {why}\n  help: start scheduler and executors with the program that runs the pipeline"
    )]
    Version { scheduler: String, why: String },
}

impl RemoteError {
    /// The exit code that a scheduler of runs branches on.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Scheduler { .. } | Self::NoExecutor { .. } => Exit::Unreachable,
            Self::Failed { .. } => Exit::TryLater,
            Self::Version { .. } => Exit::Definition,
        }
    }

    /// The one beneath an error of the engine.
    #[must_use]
    pub fn beneath<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl From<RemoteError> for DataFusionError {
    fn from(error: RemoteError) -> Self {
        Self::External(Box::new(error))
    }
}

/// Kept in the settings of a session whose models are executed elsewhere.
struct Elsewhere(Arc<dyn Remote>);

/// From here on the models of a session are executed elsewhere.
pub fn executed_by(context: &SessionContext, remote: &Arc<dyn Remote>) {
    let state = context.state_ref();
    let mut state = state.write();
    remote.prepare(state.config_mut());
    state.config_mut().set_extension(Arc::new(Elsewhere(Arc::clone(remote))));
}

/// What executes the models of a session, when that is not this process.
pub fn of(state: &SessionState) -> Option<Arc<dyn Remote>> {
    state.config().get_extension::<Elsewhere>().map(|elsewhere| Arc::clone(&elsewhere.0))
}
