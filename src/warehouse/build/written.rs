//! Files of marts that a thread beside the run writes: while those of one intake or period are written, the next one is
//! computed.
//!
//! It doubles what has to be in memory, so it is done only while most of that is free. One mart is written at a time.

use std::pin::pin;
use std::sync::Arc;

use datafusion::common::internal_datafusion_err;
use datafusion::logical_expr::LogicalPlan;
use futures::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{Instrument as _, Span};

use crate::warehouse::build::BuildError;
use crate::warehouse::output::WrittenFile;
use crate::warehouse::writing::Writing;

type Files = Result<Vec<WrittenFile>, BuildError>;

/// The files of one mart, stored or still being written.
pub(super) enum Written {
    Stored(Vec<WrittenFile>),
    Beside(Beside),
}

/// A thread that writes. When nobody waits for it any more, it stops.
pub(super) struct Beside {
    files: JoinHandle<Files>,
    /// Dropped when nobody waits.
    awaited: oneshot::Sender<()>,
}

impl Written {
    /// The files, once they are stored.
    pub async fn files(self) -> Files {
        match self {
            Self::Stored(files) => Ok(files),
            Self::Beside(Beside { files, awaited }) => {
                let files = files.await;
                drop(awaited);
                files
                    .unwrap_or_else(|error| Err(internal_datafusion_err!("a thread that writes ended: {error}").into()))
            }
        }
    }

    /// Stops, and waits until it has stopped: it uses the scratch folder.
    pub async fn give_up(self) {
        if let Self::Beside(Beside { files, awaited }) = self {
            drop(awaited);
            drop(files.await);
        }
    }

    pub fn is_stored(&self) -> bool {
        matches!(self, Self::Stored(_))
    }
}

/// Whose turn it is to be written beside the run.
#[derive(Default)]
pub(super) struct Turn(Arc<Mutex<()>>);

impl Turn {
    /// Begins to write, once those before it are done.
    pub fn write(&self, writing: Writing, plan: LogicalPlan) -> Written {
        let (awaited, given_up) = oneshot::channel::<()>();
        let (turn, runtime) = (Arc::clone(&self.0), Handle::current());
        let span = Span::current();
        // The work is made where it is done: it does not move between threads.
        let files = spawn_blocking(move || {
            let work = async move {
                let _turn = turn.lock().await;
                writing.write(plan).await
            };
            runtime.block_on(unless(given_up, work).instrument(span))
        });
        Written::Beside(Beside { files, awaited })
    }
}

/// Does the work as long as somebody waits for it.
async fn unless(given_up: oneshot::Receiver<()>, work: impl Future<Output = Files>) -> Files {
    match select(pin!(work), given_up).await {
        Either::Left((files, _)) => files,
        Either::Right(_) => Err(internal_datafusion_err!("nobody waits for these files").into()),
    }
}
