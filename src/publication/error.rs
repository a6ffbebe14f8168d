//! What can go wrong with a publication.

use super::Holder;
use crate::error::{Exit, Failure};
use crate::problem::{Problem, Problems};
use crate::store::StoreError;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the publication log at `{url}` cannot be trusted: {why}")]
    Broken { url: String, why: String },
    #[error("publication {seq} refers to `{url}`, which {why}")]
    Content { seq: u64, url: String, why: String },
    #[error("there is no publication {seq} at `{url}`")]
    NoSuch { seq: u64, url: String },
    #[error("nothing is published yet at `{url}`")]
    Nothing { url: String },
    #[error("there is no table `{table}` in publication {seq}")]
    NoTable { seq: u64, table: String },
    #[error("period {period} is closed and `{table}` would change")]
    Closed { period: String, table: String },
    #[error("another run is at work: {}", told(*epoch, holder.as_ref()))]
    Leased { epoch: u64, holder: Option<Holder> },
    #[error("run {run_id} published other figures first, as publication {seq}")]
    Overtaken { seq: u64, run_id: String },
}

impl PublicationError {
    /// The exit code a scheduler branches on.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Store(error) => error.exit(),
            // Nobody but a person can put this right, and starting again does not help.
            Self::Broken { .. } | Self::Content { .. } | Self::Closed { .. } => Exit::Definition,
            Self::NoSuch { .. } | Self::NoTable { .. } => Exit::Usage,
            Self::Leased { .. } | Self::Overtaken { .. } => Exit::TryLater,
            Self::Nothing { .. } => Exit::InputMissing,
        }
    }

    /// The stable code of the message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Broken { .. } => "E502",
            Self::Content { .. } | Self::NoSuch { .. } | Self::NoTable { .. } | Self::Nothing { .. } => "E503",
            Self::Closed { .. } => "E507",
            Self::Leased { .. } => "E504",
            Self::Overtaken { .. } => "E505",
        }
    }

    /// One action that puts it right.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Store(error) => error.help(),
            Self::Broken { .. } => {
                "nothing was published; restore `_tieout/log` from the bucket's versions or a backup"
            }
            Self::Content { .. } => "restore that object from the bucket's versions or a backup",
            Self::NoSuch { .. } | Self::NoTable { .. } => "`tieout status` lists what is published",
            Self::Nothing { .. } => "`tieout run` publishes",
            Self::Closed { .. } => "nothing was published; this version has no verb that restates what was closed",
            Self::Leased { .. } => "nothing was published by this run; start again later",
            Self::Overtaken { .. } => "nothing was published by this run; start again",
        }
    }

    /// As one of several things a person is told.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string()).help(self.help())
    }
}

impl From<PublicationError> for Failure {
    fn from(error: PublicationError) -> Self {
        Self::new(error.exit(), Problems::from(error.problem()))
    }
}

fn told(epoch: u64, holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("{}, since {} (epoch {epoch})", holder.run_id, holder.since),
        None => format!("epoch {epoch}"),
    }
}
