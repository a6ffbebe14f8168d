//! `gc` as its user starts it: a plan that waits for a day, and a sweep that takes it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::fixtures::project::{ABORTED, Ended, Project};

const DAY: Duration = Duration::from_hours(24);

fn gc(project: &Project, action: &str) -> Ended {
    project.tieout(&["gc", "pipelines/postings.yaml", action])
}

/// Makes a file look as old as this.
fn age(file: &Path, by: Duration) {
    let open = File::options().write(true).open(file).expect("a file");
    open.set_modified(SystemTime::now() - by).expect("a time");
}

fn age_all(project: &Project) {
    for file in super::files_below(&project.path("out")) {
        age(&file, DAY * 3);
    }
}

/// Makes the only plan there is a day older.
fn let_a_day_pass(project: &Project) {
    let [plan]: [PathBuf; 1] = super::files_below(&project.path("out/_tieout/gc")).try_into().expect("one plan");
    let text = fs::read_to_string(&plan).expect("text");
    let at = serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["at"].as_str().expect("a time").to_owned();
    let yesterday = at.parse::<jiff::Timestamp>().expect("a time") - jiff::SignedDuration::from_hours(25);
    fs::write(&plan, text.replace(&at, &yesterday.to_string())).expect("writes");
    age(&plan, DAY * 2);
}

#[test]
fn a_plan_is_carried_out_a_day_later_and_only_once() {
    let project = Project::new();
    project.pipeline("currency: EUR", "currency: EUR\nretention: {publications: 1, days: 0, orphans: 2d}");
    assert_eq!(project.run().code, 0);
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 1250, None)]);
    assert_eq!(project.run().code, 0);
    let young = gc(&project, "plan");
    assert!(young.code == 0 && young.stdout.contains("nothing to delete"), "{young:?}");
    age_all(&project);
    let files = || super::files_below(&project.path("out/data")).len();
    let plan = gc(&project, "plan");
    assert!(plan.code == 0 && plan.stdout.contains("1 of 2 publications are kept whole"), "{plan:?}");
    assert_eq!(plan.stdout.matches("data/ledger/").count(), 1, "{plan:?}");
    let early = gc(&project, "sweep");
    assert!(early.code == 0 && early.stdout.contains("nothing deleted, no plan is a day old"), "{early:?}");
    assert_eq!(files(), 2);
    let_a_day_pass(&project);
    let swept = gc(&project, "sweep");
    assert!(swept.code == 0 && swept.stdout.contains("by 1 plans; 0 spared"), "{swept:?}");
    assert_eq!(files(), 1);
    assert!(gc(&project, "sweep").stdout.contains("nothing deleted"));
    let verified = project.tieout(&["verify", "pipelines/postings.yaml"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(project.run().stdout.contains("nothing due"), "retention changes no figure");
}

#[test]
fn orphans_younger_than_a_day_are_never_asked_for() {
    let project = Project::new();
    project.pipeline("currency: EUR", "currency: EUR\nretention: {orphans: 23h}");
    let ended = gc(&project, "plan");
    assert!(ended.code == 78 && ended.stderr.contains("E124"), "{ended:?}");
}

#[test]
fn outputs_of_another_pipeline_and_outputs_without_any_are_left_alone() {
    let project = Project::new();
    let ended = gc(&project, "plan");
    assert!(ended.code == 66 && ended.stderr.contains("nothing is published yet"), "{ended:?}");
    assert_eq!(project.run().code, 0);
    project.pipeline("name: postings", "name: others");
    for action in ["plan", "sweep"] {
        let ended = gc(&project, action);
        assert!(ended.code == 78 && ended.stderr.contains("belong to pipeline `postings`"), "{ended:?}");
    }
    assert!(!project.path("out/_tieout/gc").exists());
}

#[test]
fn killed_between_any_two_deletions_a_sweep_is_finished_by_the_next() {
    let ready = Project::new();
    ready.pipeline("currency: EUR", "currency: EUR\nretention: {publications: 1, days: 0, orphans: 2d}");
    for cents in [1000, 1250, 1500, 1750] {
        ready.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", cents, None)]);
        assert_eq!(ready.run().code, 0);
    }
    age_all(&ready);
    assert_eq!(gc(&ready, "plan").code, 0);
    let_a_day_pass(&ready);
    let copied = || {
        let copy = ready.copied();
        age_all(&copy);
        copy
    };
    let names = |project: &Project| -> Vec<String> {
        let root = project.path("out");
        let below = |file: PathBuf| file.strip_prefix(&root).expect("below").display().to_string();
        super::files_below(&root).into_iter().map(below).collect()
    };
    let whole = copied();
    let log = whole.path("points");
    let sweep = ["gc", "pipelines/postings.yaml", "sweep"];
    let swept = whole.tieout_with(&sweep, &[("TIEOUT_FAULT_LOG".to_owned(), log.display().to_string())]);
    assert_eq!(swept.code, 0, "{swept:?}");
    let points = fs::read_to_string(log).expect("points");
    let deletions = points.lines().enumerate().filter(|(_, name)| name.starts_with("delete."));
    let deletions: Vec<usize> = deletions.map(|(at, _)| at + 1).collect();
    assert!(deletions.len() >= 6, "{points}");
    for nth in deletions {
        let project = copied();
        let fault = format!("kill@{nth}");
        let broken = project.tieout_with(&sweep, &[("TIEOUT_FAULT".to_owned(), fault.clone())]);
        assert_eq!(broken.code, ABORTED, "{fault}: {broken:?}");
        assert_eq!(project.current(), ready.current(), "{fault}");
        let again = gc(&project, "sweep");
        assert_eq!(again.code, 0, "{fault}: {broken:?}\nthen {again:?}");
        assert_eq!(names(&project), names(&whole), "{fault}: {again:?}");
        // The files have another place now, which `current.json` names.
        assert_eq!(project.run().code, 0);
        let verified = project.tieout(&["verify", "pipelines/postings.yaml"]);
        assert_eq!(verified.code, 0, "{fault}: {verified:?}");
    }
}
