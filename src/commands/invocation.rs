//! What the outside world gives a run: environment, clock, randomness, cores, and whether it may be stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::error::{Exit, Failure};
use crate::pipeline::Environment;
use crate::publication::Release;
use crate::telemetry::Progress;
use crate::warehouse::remote::Remote;
use crate::warehouse::session::Machine;

/// Made once, in `main`.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub environment: Environment,
    /// The instant the program was started.
    pub now: Timestamp,
    /// The present, for whoever waits.
    pub clock: Arc<dyn Clock>,
    /// Random bits of this process alone.
    pub random: [u8; 16],
    pub machine: Machine,
    /// The system's folder for temporary files.
    pub temporary: PathBuf,
    pub progress: Progress,
    pub stopping: Stopping,
}

impl Invocation {
    /// Time and 64 random bits: never used twice.
    #[must_use]
    pub fn run_id(&self) -> String {
        let time = self.now.strftime("%Y%m%dT%H%M%SZ");
        let (bits, _) = self.random.split_at(8);
        format!("{time}-{}", crate::warehouse::output::hex(bits))
    }

    /// All random bits, as text.
    #[must_use]
    pub fn nonce(&self) -> String {
        crate::warehouse::output::hex(&self.random)
    }
}

/// What a stop signal does. At first it ends the process at once. From the commit or the first mail on the process ends
/// by itself, as soon as nothing is left in doubt: it begins no further mail.
#[derive(Clone, Debug, Default)]
pub struct Stopping {
    phase: Arc<Mutex<Phase>>,
    asked: Arc<AtomicBool>,
    /// What has to go when the process ends in the middle.
    scratch: Arc<Mutex<Option<PathBuf>>>,
    /// What others would wait for when the process ends in the middle.
    lease: Arc<Mutex<Option<Release>>>,
    /// What would go on computing when the process ends in the middle.
    remote: Arc<Mutex<Option<Arc<dyn Remote>>>>,
}

/// How long a process that is asked to stop tries to give its lease back.
const LAST_WORDS: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Interruptible,
    Finishing,
    /// The process is about to end.
    Stopped,
}

impl Stopping {
    /// From here on a stop signal waits. Does not come back when one was there first.
    pub async fn finish(&self) {
        if self.finishing() == Phase::Stopped {
            std::future::pending::<()>().await;
        }
    }

    /// What could not be interrupted is done. From here on a stop signal ends the process at once again.
    ///
    /// # Errors
    /// When a stop signal has come in between (exit 75).
    pub fn interruptible(&self) -> Result<(), Failure> {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if self.asked() {
            return Err(Failure::new(Exit::TryLater, "stopped by a signal; nothing was published"));
        }
        *phase = Phase::Interruptible;
        Ok(())
    }

    /// A stop signal has come. Whether the process may end at once, and has begun nothing that others could see.
    #[must_use]
    pub fn stop(&self) -> bool {
        // Both at once: whoever asks in between would see a signal that nobody obeys.
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        self.asked.store(true, Ordering::SeqCst);
        if *phase == Phase::Interruptible {
            *phase = Phase::Stopped;
        }
        *phase == Phase::Stopped
    }

    /// Whether a stop signal has come.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    fn finishing(&self) -> Phase {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Interruptible {
            *phase = Phase::Finishing;
        }
        *phase
    }

    /// The run holds a lease.
    pub fn holds(&self, lease: Release) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }

    /// Gives back the lease that the run holds.
    pub async fn give_back(&self) {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lease) = lease {
            lease.now().await;
        }
    }

    /// The run has a folder that has to go with it.
    pub fn scratch(&self, folder: &Path) {
        *self.scratch.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.to_path_buf());
    }

    /// Others compute for the run.
    pub fn remote(&self, remote: Option<Arc<dyn Remote>>) {
        *self.remote.lock().unwrap_or_else(PoisonError::into_inner) = remote;
    }

    /// Removes what a run leaves that is stopped in the middle.
    pub async fn clean(&self) {
        let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What cannot be removed now is only temporary files.
        drop(scratch.map(fs::remove_dir_all));
        let remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner).take();
        let cancelled = async {
            if let Some(remote) = remote {
                remote.cancel().await;
            }
        };
        // Nobody answers: then others wait until the lease is over.
        drop(tokio::time::timeout(LAST_WORDS, async { tokio::join!(self.give_back(), cancelled) }).await);
    }
}
