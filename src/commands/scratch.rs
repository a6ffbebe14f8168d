//! Scratch folders: where one run spills data. They are removed at the end of the run, or by a later run when it was killed.
//!
//! Each holds a file that its run has locked for as long as it lives. The system gives the lock back with the process,
//! however that ends, so a folder whose lock can be taken has no owner any more.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::commands::invocation::{Invocation, Stopping};
use crate::error::{Exit, Failure};
use crate::pipeline::Engine;

/// The file that is locked.
const LOCK: &str = ".tieout-scratch-lock";
/// How the folders of runs begin.
const PREFIX: &str = "tieout-";

/// A folder of one run for spilled data, removed with everything in it at the end.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    /// Locked until the process ends, where the file system can lock.
    _lock: Option<File>,
}

impl Scratch {
    /// A new folder inside `parent`, which `stopping` knows of. What runs have left there that no longer live is removed
    /// first.
    ///
    /// # Errors
    /// When it cannot be made (exit 74).
    pub fn new(parent: &Path, run_id: &str, stopping: &Stopping) -> Result<Self, Failure> {
        let folder = parent.join(format!("{PREFIX}{run_id}"));
        let lock = fs::create_dir_all(parent).and_then(|()| {
            remove_abandoned(parent);
            make(parent, run_id, &folder)
        });
        let lock = lock.map_err(|error| {
            let why = format!("error[E510]: scratch folder `{}` cannot be made: {error}", folder.display());
            Failure::new(Exit::Resources, why)
        })?;
        stopping.scratch(&folder);
        Ok(Self { folder, _lock: lock })
    }

    /// The same inside the folder that a pipeline names, or the system's.
    ///
    /// # Errors
    /// When it cannot be made (exit 74).
    pub fn of(engine: &Engine, invocation: &Invocation, run_id: &str) -> Result<Self, Failure> {
        let parent = engine.scratch.as_ref().unwrap_or(&invocation.temporary);
        Self::new(parent, run_id, &invocation.stopping)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is only temporary files.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The folder gets its name when its lock is held: before, nobody looks into it.
fn make(parent: &Path, run_id: &str, folder: &Path) -> std::io::Result<Option<File>> {
    let unnamed = parent.join(format!(".{PREFIX}{run_id}"));
    fs::create_dir_all(&unnamed)?;
    let file = File::create_new(unnamed.join(LOCK))?;
    let held = file.try_lock().is_ok();
    if !held {
        // A file system without locks: nobody takes a folder for abandoned that has no lock file.
        fs::remove_file(unnamed.join(LOCK))?;
    }
    fs::rename(&unnamed, folder)?;
    Ok(held.then_some(file))
}

/// Removes folders of runs that no longer live. What cannot be looked at or removed is left alone.
fn remove_abandoned(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        named && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    for folder in folders.map(|entry| entry.path()) {
        if let Some(_lock) = abandoned(&folder) {
            match fs::remove_dir_all(&folder) {
                Ok(()) => tracing::info!(folder = %folder.display(), "removed what a killed run has left"),
                Err(error) => tracing::debug!(folder = %folder.display(), %error, "cannot be removed"),
            }
        }
    }
}

/// The lock of a folder that nobody holds.
fn abandoned(folder: &Path) -> Option<File> {
    let path = folder.join(LOCK);
    // Anybody may put things into the system's folder for temporary files, a pipe for instance.
    fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let file = File::options().read(true).write(true).open(&path).ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}
