//! Why a build stops, and the exit code that asks for.

use datafusion::common::DataFusionError;

use crate::error::{Exit, Failure, chain, out_of_resources, ran_out};
use crate::problem::{Problem, Problems};
use crate::store::{Call, Kind, store_cause};
use crate::warehouse::bindings::BindingError;
use crate::warehouse::packed::PackError;
use crate::warehouse::remote::RemoteError;
use crate::warehouse::sources::SourceError;

/// Why a build stopped. Nothing of it has been published.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("model `{model}` cannot be built")]
    Model { model: String, source: Box<DataFusionError> },
    #[error("{0}")]
    Definition(Problems),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("a mart cannot be written")]
    Write(#[from] object_store::Error),
    #[error("the engine failed")]
    Engine(#[from] DataFusionError),
    #[error(transparent)]
    Binding(#[from] BindingError),
    #[error("what an intake came to cannot be stored")]
    Part(#[from] PackError),
}

impl BuildError {
    /// The exit code a scheduler branches on.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Model { source, .. } | Self::Source(SourceError::Read { source, .. }) => engine_exit(source),
            Self::Engine(source) => engine_exit(source),
            Self::Definition(_) => Exit::Definition,
            Self::Source(SourceError::Contract(_)) => Exit::InputContract,
            Self::Source(SourceError::Fetch { source, .. }) | Self::Write(source) => Kind::of(Call::Put, source).exit(),
            Self::Binding(_) | Self::Part(_) => Exit::Internal,
        }
    }
}

/// What a cluster is to blame for, it says itself. A store's refusal passes, or can be lifted, and so does what ran out on this machine, however deep the engine has wrapped
/// it; anything else came with the data.
fn engine_exit(error: &DataFusionError) -> Exit {
    if let Some(remote) = RemoteError::beneath(error) {
        return remote.exit();
    }
    if let Some(cause) = store_cause(error) {
        return Kind::of(Call::Get, cause).exit();
    }
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) | DataFusionError::IoError(_) => Exit::Resources,
        _ if ran_out(error) => Exit::Resources,
        DataFusionError::Internal(_) => Exit::Internal,
        _ => Exit::InputContract,
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        // It says itself what it is and what to do.
        if let Some(remote) = RemoteError::beneath(&error) {
            return Self::new(remote.exit(), remote.clone());
        }
        match error.exit() {
            // What a store says of its own disk is told as it says it.
            Exit::Resources if store_cause(&error).is_none() => {
                out_of_resources("while the tables were built", &chain(&error))
            }
            exit => Self::new(exit, error),
        }
    }
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self::Definition(problem.into())
    }
}
