//! The container's memory limit, as the kernel tells it.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use tempfile::TempDir;
use tieout::commands::doctor::{Verdict, memory_limit};
use tieout::error::Exit;

use super::{diagnosed, probe};
use crate::fixtures::project::Project;

const MIB: u64 = 1 << 20;

/// A folder in the place of `/`, with these files.
fn root(files: &[(&str, &str)]) -> TempDir {
    let root = TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    root
}

fn limit(files: &[(&str, &str)]) -> Option<(u64, String)> {
    let (bytes, place) = memory_limit(root(files).path())?;
    Some((bytes, place.display().to_string()))
}

#[test]
fn the_least_limit_of_a_group_and_of_those_above_it_holds() {
    let found = limit(&[
        ("proc/self/cgroup", "0::/kubepods/pod1/c1\n"),
        ("sys/fs/cgroup/kubepods/pod1/c1/memory.max", "max\n"),
        ("sys/fs/cgroup/kubepods/pod1/memory.max", "536870912\n"),
        ("sys/fs/cgroup/kubepods/memory.max", "1073741824\n"),
        ("proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n"),
    ]);
    assert_eq!(found, Some((512 * MIB, "/sys/fs/cgroup/kubepods/pod1/memory.max".to_owned())));
}

#[test]
fn a_container_that_sees_its_own_group_as_the_top_has_the_limit_there() {
    for group in ["0::/\n", "0::/../../other\n", "0::/docker/abc\n"] {
        let found = limit(&[("proc/self/cgroup", group), ("sys/fs/cgroup/memory.max", "1073741824\n")]);
        assert_eq!(found, Some((1024 * MIB, "/sys/fs/cgroup/memory.max".to_owned())), "{group}");
    }
}

#[test]
fn the_first_version_of_control_groups_is_read_too() {
    let groups = "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/docker/abc\n";
    let place = "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes";
    let top = "sys/fs/cgroup/memory/memory.limit_in_bytes";
    let unlimited = "9223372036854771712\n";
    let found = limit(&[("proc/self/cgroup", groups), (place, "268435456\n"), (top, unlimited)]);
    assert_eq!(found, Some((256 * MIB, format!("/{place}"))));
    let found = limit(&[("proc/self/cgroup", groups), (top, "268435456\n")]);
    assert_eq!(found, Some((256 * MIB, format!("/{top}"))));
    assert_eq!(limit(&[("proc/self/cgroup", groups), (top, unlimited)]), None);
}

#[test]
fn without_a_limit_the_memory_of_the_machine_is_one() {
    let found = limit(&[("proc/self/cgroup", "0::/\n"), ("proc/meminfo", "MemTotal:  2048 kB\n")]);
    assert_eq!(found, Some((2 * MIB, "/proc/meminfo".to_owned())));
    assert_eq!(limit(&[("proc/self/cgroup", "nonsense\n0::\n::::\n"), ("proc/meminfo", "MemTotal: many\n")]), None);
    assert_eq!(limit(&[]), None);
}

async fn limited(bytes: u64) -> (Verdict, Option<String>, Exit) {
    let project = Project::new();
    project.pipeline("delivery:\n", "engine: {memory: 512MiB, scratch: ../scratch}\ndelivery:\n");
    let root = root(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", &bytes.to_string())]);
    let found = diagnosed(&project.path("pipelines/postings.yaml"), SignedDuration::ZERO, root.path()).await;
    let probe = probe(&found, "machine", "memory limit");
    assert_eq!(probe.help.is_some(), probe.verdict != Verdict::Ok, "{found}");
    (probe.verdict, probe.code.clone(), found.exit())
}

#[tokio::test]
async fn a_container_without_room_beside_the_engine_is_a_failure_and_one_with_little_a_warning() {
    let code = || Some("E511".to_owned());
    assert_eq!(limited(600 * MIB).await, (Verdict::Failed, code(), Exit::Resources));
    assert_eq!(limited(700 * MIB).await, (Verdict::Warning, code(), Exit::Done));
    assert_eq!(limited(1024 * MIB).await, (Verdict::Ok, None, Exit::Done));
}

#[tokio::test]
async fn a_scratch_folder_that_cannot_be_written_is_a_failure() {
    let project = Project::new();
    project.file("scratch", b"no folder");
    project.pipeline("delivery:\n", "engine: {scratch: ../scratch}\ndelivery:\n");
    let file = project.path("pipelines/postings.yaml");
    let found = diagnosed(&file, SignedDuration::ZERO, Path::new("/nowhere")).await;
    let probe = probe(&found, "machine", "scratch written");
    assert_eq!((probe.verdict, probe.code.as_deref()), (Verdict::Failed, Some("E510")), "{found}");
    assert_eq!(found.exit(), Exit::Resources, "{found}");
}

#[tokio::test]
async fn a_disk_with_less_room_than_memory_and_inputs_is_a_warning() {
    let project = Project::new();
    project.pipeline("delivery:\n", "engine: {memory: 4000TiB, scratch: ../scratch}\ndelivery:\n");
    let file = project.path("pipelines/postings.yaml");
    let found = diagnosed(&file, SignedDuration::ZERO, Path::new("/nowhere")).await;
    let room = probe(&found, "machine", "room to spill");
    assert_eq!((room.verdict, room.code.as_deref()), (Verdict::Warning, Some("E510")), "{found}");
    assert!(!project.path("scratch").read_dir().expect("a folder").any(|_| true), "nothing is left behind");
}
