//! The machine: room to spill, and memory beside the engine's.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Probe, cgroup, one_line, size};
use crate::error::Exit;
use crate::pipeline::Engine;
use crate::problem::Problem;

const OF: &str = "machine";

/// Bytes that a process takes beside its engine's memory at least, as measured.
const BESIDE: u64 = 100 << 20;

/// Scratch folder and memory. `inputs` are the bytes of all input files, when they could be listed.
pub(super) fn probe(root: &Path, scratch: &Path, engine: &Engine, inputs: Option<u64>, nonce: &str) -> Vec<Probe> {
    let limited = cgroup::memory_limit(root);
    let memory = engine.memory(limited.as_ref().map(|(bytes, _)| *bytes));
    let memory = u64::try_from(memory).unwrap_or(u64::MAX);
    vec![written(scratch, nonce), room(scratch, memory, inputs), limit(limited, memory)]
}

fn written(scratch: &Path, nonce: &str) -> Probe {
    const PROMISE: &str = "scratch written";
    let folder = scratch.join(format!("tieout-probe-{nonce}"));
    let tried = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("probe"), b"probe"));
    // What cannot be removed now is only temporary files.
    drop(fs::remove_dir_all(&folder));
    let Err(error) = tried else { return Probe::ok(OF, PROMISE, one_line(&scratch.display().to_string())) };
    let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
    let exit = if denied { Exit::Permission } else { Exit::Resources };
    let problem = Problem::new("E510", format!("`{}` cannot be written: {error}", scratch.display()));
    Probe::failed(OF, PROMISE, exit, problem.help("give engine.scratch a folder that this user can write"))
}

/// Queries spill what does not fit into `engine.memory`. Inputs that would fit whole never need more room than they have.
fn room(scratch: &Path, memory: u64, inputs: Option<u64>) -> Probe {
    const PROMISE: &str = "room to spill";
    let free = match free(scratch) {
        Ok(free) => free,
        Err(why) => {
            let help = "look at the folder of engine.scratch";
            return Probe::warning(
                OF,
                PROMISE,
                Problem::new("E510", format!("free space is unknown: {why}")).help(help),
            );
        }
    };
    let inputs = inputs.unwrap_or(0);
    let said = format!("{} free, {} of memory, {} of inputs", size(free), size(memory), size(inputs));
    let problem =
        Problem::new("E510", said.clone()).help("give engine.scratch a larger disk, or free some of this one");
    if free < memory.min(inputs) {
        Probe::failed(OF, PROMISE, Exit::Resources, problem)
    } else if free < memory.saturating_add(inputs) {
        Probe::warning(OF, PROMISE, problem)
    } else {
        Probe::ok(OF, PROMISE, said)
    }
}

/// Bytes that this user may still write.
#[cfg(unix)]
fn free(folder: &Path) -> Result<u64, String> {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let about = rustix::fs::statvfs(existing).map_err(|error| error.to_string())?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Result<u64, String> {
    Err("this system is not asked".to_owned())
}

fn limit(limited: Option<(u64, PathBuf)>, memory: u64) -> Probe {
    const PROMISE: &str = "memory limit";
    let Some((limit, place)) = limited else {
        return Probe::ok(OF, PROMISE, "none that is known");
    };
    let (least, most) = (memory.saturating_add(BESIDE), memory.saturating_add(Engine::BESIDE));
    let said = format!("{} by {}, engine.memory is {}", size(limit), place.display(), size(memory));
    let help = format!("allow {}, or make engine.memory smaller", size(most));
    if limit < least {
        let seen = format!("{said}: the process takes up to {} beside it and would be killed", size(Engine::BESIDE));
        Probe::failed(OF, PROMISE, Exit::Resources, Problem::new("E511", seen).help(help))
    } else if limit < most {
        let seen = format!("{said}: the process takes up to {} beside it", size(Engine::BESIDE));
        Probe::warning(OF, PROMISE, Problem::new("E511", seen).help(help))
    } else {
        Probe::ok(OF, PROMISE, said)
    }
}
