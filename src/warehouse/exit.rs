//! Which exit code an error of the engine asks for.

use datafusion::common::DataFusionError;

use crate::error::{Exit, Failure, chain, out_of_resources, ran_out};
use crate::store::{Call, Kind, store_cause};
use crate::warehouse::remote::RemoteError;

/// What a cluster is to blame for, it says itself. A store's refusal passes, or can be lifted, and so does what ran out on this
/// machine, however deep the engine has wrapped it; anything else came with what was computed, and is `otherwise`.
#[must_use]
pub fn engine_exit(error: &DataFusionError, otherwise: Exit) -> Exit {
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
        _ => otherwise,
    }
}

/// An error of the engine, or around one, as the end of a verb. `doing` is what was done meanwhile.
#[must_use]
pub fn failure(error: impl std::error::Error + Send + Sync + 'static, exit: Exit, doing: &str) -> Failure {
    match exit {
        // What a store says of its own disk is told as it says it.
        Exit::Resources if store_cause(&error).is_none() => out_of_resources(doing, &chain(&error)),
        exit => Failure::new(exit, error),
    }
}
