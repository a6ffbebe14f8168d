//! Why a build stops, and the exit code that asks for.

use datafusion::common::DataFusionError;

use crate::error::{Exit, Failure};
use crate::problem::{Problem, Problems};
use crate::store::{Call, Kind};
use crate::warehouse::bindings::BindingError;
use crate::warehouse::exit::{engine_exit, failure};
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
            Self::Model { source, .. } | Self::Source(SourceError::Read { source, .. }) => {
                engine_exit(source, Exit::InputContract)
            }
            Self::Engine(source) => engine_exit(source, Exit::InputContract),
            Self::Definition(_) => Exit::Definition,
            Self::Source(SourceError::Contract(_)) => Exit::InputContract,
            Self::Source(SourceError::Fetch { source, .. }) | Self::Write(source) => Kind::of(Call::Put, source).exit(),
            Self::Binding(_) | Self::Part(_) => Exit::Internal,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        // It says itself what it is and what to do.
        if let Some(remote) = RemoteError::beneath(&error) {
            return Self::new(remote.exit(), remote.clone());
        }
        let exit = error.exit();
        failure(error, exit, "while the tables were built")
    }
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self::Definition(problem.into())
    }
}
