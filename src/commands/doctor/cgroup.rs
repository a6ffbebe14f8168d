//! How much memory the container may use: the kernel ends a process that takes more, without a word.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Larger limits are the kernel's way of saying that there is none.
const NO_LIMIT: u64 = 1 << 60;

/// The least of the limits that hold for this process, in bytes, and where it was found: those of its control groups
/// (version 1 or 2) and of all above them, and the memory of the machine. `root` is where `proc/` and `sys/` are.
#[must_use]
pub fn memory_limit(root: &Path) -> Option<(u64, PathBuf)> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(limit_files).filter_map(|file| {
        let bytes = fs::read_to_string(root.join(&file)).ok()?.trim().parse::<u64>().ok()?;
        (bytes < NO_LIMIT).then(|| (bytes, Path::new("/").join(file)))
    });
    limits.chain(installed(root)).min_by_key(|(bytes, _)| *bytes)
}

/// The files that may limit a group: its own and those of the groups it is in. A container that sees its group by another
/// path than its own `/sys` does has the limit at the top there, which is the last one here.
fn limit_files(line: &str) -> Vec<PathBuf> {
    let mut fields = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
        return Vec::new();
    };
    let (tree, file) = if controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    // A group outside of the container's own view begins with `..`.
    let names = Path::new(path).components().filter(|part| matches!(part, Component::Normal(_)));
    let group: PathBuf = names.collect();
    group.ancestors().map(|group| Path::new(tree).join(group).join(file)).collect()
}

/// `MemTotal` of the machine.
fn installed(root: &Path) -> Option<(u64, PathBuf)> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kilobytes.checked_mul(1024)?, PathBuf::from("/proc/meminfo")))
}
