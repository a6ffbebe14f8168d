//! The program killed, or failed by its store, at every named point of a run: the run after it ends right.
//!
//! The ordinary tests kill it once at every name. `TIEOUT_EVERY_POINT=1` also kills and fails it at every single point, one
//! after the other, until a run passes them all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crate::fixtures::places::variable;
use crate::fixtures::project::{Ended, Project};

/// A project whose first figures are published, and whose inputs have changed since.
fn changed() -> Project {
    let project = Project::new();
    project.pipeline("delivery:\n", "engine: {lease: 1s, scratch: ../scratch}\ndelivery:\n");
    project.pipeline("['Fin <fin@shop.example>']", "['Fin <fin@shop.example>', 'Boss <cfo@shop.example>']");
    assert_eq!(project.run().code, 0);
    correct(&project);
    project
}

fn correct(project: &Project) {
    project.postings(
        "2026-10",
        &[(Some("a"), "2026-10-10T10:00:00Z", 1000, None), (Some("b"), "2026-10-11T10:00:00Z", 500, None)],
    );
}

fn copied(from: &Project) -> Project {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a folder");
        for file in fs::read_dir(from).expect("a folder").flatten() {
            let target = to.join(file.file_name());
            if file.path().is_dir() {
                copy(&file.path(), &target);
            } else {
                fs::copy(file.path(), target).expect("a copy");
            }
        }
    }
    let project = Project { folder: tempfile::TempDir::new().expect("a folder") };
    copy(from.folder.path(), project.folder.path());
    project
}

fn with_fault(project: &Project, fault: &str) -> Ended {
    project.run_with(&[("TIEOUT_FAULT".to_owned(), fault.to_owned())])
}

/// The names of all points that a run of this project passes, in order.
fn points(changed: &Project) -> Vec<String> {
    let project = copied(changed);
    let log = project.path("points");
    let ended = project.run_with(&[("TIEOUT_FAULT_LOG".to_owned(), log.display().to_string())]);
    assert_eq!(ended.code, 0, "{ended:?}");
    fs::read_to_string(log).expect("points").lines().map(str::to_owned).collect()
}

/// What readers see: the number, and every table as its rows and bytes. Every file that is named must be there.
fn seen(project: &Project) -> (u64, Vec<Vec<u8>>) {
    let current = project.current().expect("a publication");
    let mut files = Vec::new();
    for table in current["tables"].as_object().expect("tables").values() {
        for file in table["files"].as_array().expect("files") {
            files.push(fs::read(file.as_str().expect("a path")).expect("a published file"));
        }
    }
    (current["seq"].as_u64().expect("a number"), files)
}

fn entries(project: &Project) -> usize {
    fs::read_dir(project.path("out/_tieout/log")).expect("a log").count()
}

fn amounts(project: &Project) -> Vec<String> {
    let ended = project.tieout(&[
        "query",
        "pipelines/postings.yaml",
        "select id, amount from ledger order by id",
        "--output",
        "json",
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.stdout.lines().map(str::to_owned).collect()
}

/// After a fault: readers see one publication, and the next runs end as if nothing had happened.
fn recovers(project: &Project, fault: &str, broken: &Ended) {
    let (seq, _) = seen(project);
    assert!(seq == 1 || seq == 2, "{fault}: {broken:?}");
    let last = project.run();
    // Between the announcement of a mail and its confirmation nobody can know whether it has left: it is held.
    let doubt = last.stdout.contains("in doubt");
    assert_eq!(last.code, if doubt { 80 } else { 0 }, "{fault}: {broken:?}\nthen {last:?}");
    let numbered = fault.ends_with(|last: char| last.is_ascii_digit());
    let between = ["create.dot.after", "create.ok.before"].iter().any(|point| fault.ends_with(point));
    assert!(!doubt || between || numbered, "{fault}: {broken:?}\nthen {last:?}");
    assert_eq!((seen(project).0, entries(project)), (2, 2), "{fault}: {broken:?}\nthen {last:?}");
    assert_eq!(amounts(project).len(), 2, "{fault}: no row lost or doubled");
    // Two people, two revisions; a mail is a file of its own name, so twice the same is once.
    let mails = project.mails().len();
    assert!(mails == 4 || (doubt && mails == 3), "{fault}: {mails} mails, {broken:?}\nthen {last:?}");
    let scratch = fs::read_dir(project.path("scratch")).map_or(0, Iterator::count);
    assert!(scratch <= 1, "{fault}: only what was killed leaves its scratch folder");
}

/// Runs the cases side by side, as many as there are cores.
fn each<T: Send>(cases: Vec<T>, look: impl Fn(T) + Sync) {
    let cases = Mutex::new(cases.into_iter());
    let next = || cases.lock().expect("a lock").next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = next() {
                    look(case);
                }
            });
        }
    });
}

#[test]
fn killed_at_any_named_point_a_run_leaves_nothing_half_done() {
    let changed = changed();
    let names: BTreeSet<String> = points(&changed).into_iter().collect();
    assert!(names.len() >= 40, "{}: {names:?}", names.len());
    each(names.into_iter().collect(), |name| {
        let project = copied(&changed);
        let fault = format!("kill@{name}");
        let broken = with_fault(&project, &fault);
        // Some points are passed on some runs only, such as a sign of life of a lease.
        assert!(broken.code == -1 || broken.code == 0, "{fault}: {broken:?}");
        recovers(&project, &fault, &broken);
    });
}

#[test]
fn killed_or_failed_at_every_single_point_a_run_is_made_good_by_the_next() {
    if variable("TIEOUT_EVERY_POINT").is_none() {
        return;
    }
    let changed = changed();
    let count = points(&changed).len();
    let cases = (1..=count).flat_map(|nth| ["kill", "fail"].map(|what| format!("{what}@{nth}")));
    each(cases.collect(), |fault| {
        let project = copied(&changed);
        let broken = with_fault(&project, &fault);
        assert!(broken.code != 70, "{fault}: {broken:?}");
        recovers(&project, &fault, &broken);
    });
}
