//! What the outside world gives a run: environment, clock, randomness, cores, and whether it may be stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use crate::error::{Exit, Failure};
use crate::pipeline::Environment;
use crate::telemetry::Progress;

/// Read once, in `main`.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub environment: Environment,
    pub now: Timestamp,
    /// Random bits of this process alone.
    pub random: [u8; 16],
    pub cores: usize,
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

    /// Removes this run's scratch folder when the process ends in the middle.
    pub fn scratch_goes(&self) {
        let folder = self.temporary.join(format!("tieout-{}", self.run_id()));
        drop(fs::remove_dir_all(folder));
    }

    /// All random bits, as text.
    #[must_use]
    pub fn nonce(&self) -> String {
        crate::warehouse::output::hex(&self.random)
    }
}

/// Whether a stop signal may end the process at once. Between the first word of a commit or a mail and its answer it may
/// not: what was being done would stay in doubt.
#[derive(Clone, Debug, Default)]
pub struct Stopping {
    critical: Arc<AtomicUsize>,
}

impl Stopping {
    /// From here to the end of the guard a signal waits.
    #[must_use]
    pub fn wait(&self) -> Critical {
        self.critical.fetch_add(1, Ordering::SeqCst);
        Critical(self.clone())
    }

    #[must_use]
    pub fn may_stop(&self) -> bool {
        self.critical.load(Ordering::SeqCst) == 0
    }
}

/// While it lives, a stop signal waits.
#[derive(Debug)]
pub struct Critical(Stopping);

impl Drop for Critical {
    fn drop(&mut self) {
        self.0.critical.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A folder of one run for spilled data, removed with everything in it at the end.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder inside `parent`.
    ///
    /// # Errors
    /// When it cannot be made (exit 74).
    pub fn new(parent: &Path, run_id: &str) -> Result<Self, Failure> {
        let folder = parent.join(format!("tieout-{run_id}"));
        fs::create_dir_all(&folder).map_err(|error| {
            let why = format!("error[E510]: scratch folder `{}` cannot be made: {error}", folder.display());
            Failure::new(Exit::Resources, why)
        })?;
        Ok(Self(folder))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is only temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}
