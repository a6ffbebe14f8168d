//! Whose outputs these are: one output root belongs to one pipeline.

use crate::error::{Exit, Failure};
use crate::pipeline::Pipeline;
use crate::publication::Head;

/// What whoever publishes can do about it.
pub const PUBLISH_ELSEWHERE: &str = "give each pipeline its own storage.outputs";
/// What whoever looks after publications can do about it.
pub const USE_ITS_FILE: &str = "give the pipeline file that publishes there";

/// Refuses the outputs of another pipeline: nothing of it may be published over, judged or deleted by this one.
///
/// # Errors
/// `E502` (exit 78) with this help, when the newest entry is another pipeline's.
pub fn refuse_other_pipeline(pipeline: &Pipeline, head: Option<&Head>, help: &str) -> Result<(), Failure> {
    let owner = head.map(|head| &head.entry.record.pipeline).filter(|owner| **owner != pipeline.name);
    let Some(owner) = owner else { return Ok(()) };
    let message = format!("error[E502]: the outputs belong to pipeline `{owner}`, this is `{}`", pipeline.name);
    Err(Failure::new(Exit::Definition, format!("{message}\n  help: {help}")))
}
