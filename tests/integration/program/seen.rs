//! What a person who looks at a run sees: whom a finding is about, tables without rows, and what the run waits for.

use std::fs::{self, File};
use std::process::Command;

use crate::fixtures::project::Project;

#[test]
fn a_run_that_is_held_says_what_each_finding_is_about() {
    let project = Project::new();
    project.file(
        "checks/negative.sql",
        b"-- postings are positive\nselect id as detail, 'postings' as stream, amount from postings where amount < 0",
    );
    project.pipeline(
        "sum: amount}, right: {table: ledger, sum: amount}",
        "sum: amount, by: [id]}, right: {table: ledger, sum: amount, by: [id]}",
    );
    project.file(
        "sql/ledger.sql",
        b"-- too much\nselect id, local_day(at) as booked_on, cast(amount + 0.01 as decimal(18,2)) as amount from postings",
    );
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", -1000, None)]);
    let held = project.run();
    assert_eq!(held.code, 79, "{held:?}");
    assert!(held.stdout.contains("[BLOCK] negative: a, amount -10.00 (of postings, data@shop.example)"), "{held:?}");
    assert!(
        held.stdout
            .contains("[BLOCK] control_total:amount: left -10.00, right -9.99, amount -0.01 (of a, data@shop.example)"),
        "{held:?}"
    );
}

#[test]
fn a_table_without_rows_is_in_the_summary() {
    let project = Project::new();
    project.pipeline(
        "  marts:\n",
        "  marts:\n    large: {grain: [id], period: booked_on, columns: {id: text, booked_on: date}}\n",
    );
    project.file(
        "sql/large.sql",
        b"-- large postings\nselect id, local_day(at) as booked_on from postings where amount > 1000",
    );
    let published = project.run();
    assert_eq!(published.code, 0, "{published:?}");
    let line = |table: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        published.stdout.lines().map(words).find(|words| words.first().is_some_and(|word| word == table))
    };
    let words = |text: &str| Some(text.split(' ').map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(line("large"), words("large 0 rows 0 files"), "{published:?}");
    assert_eq!(line("ledger"), words("ledger 1 rows 1 file"), "{published:?}");
    assert!(!project.run().stdout.contains("rows"), "nothing was built");
}

#[test]
fn a_run_that_waits_for_another_one_says_for_whom_and_how_long() {
    let project = Project::new();
    project.pipeline("delivery:\n", "engine: {lease: 1s}\ndelivery:\n");
    let holder = br#"{"run_id": "the-dead-run", "nonce": "n", "since": "2026-11-01T05:00:00Z"}"#;
    project.file("out/_tieout/lease/postings/00000000000000000001.json", holder);
    let mut run = Command::new(assert_cmd::cargo::cargo_bin("tieout"));
    run.current_dir(project.folder.path()).args(["run", "pipelines/postings.yaml", "--period", "2026-10"]);
    let ended = run.args(["--log", "info", "--log-format", "json"]).output().expect("it runs");
    let log = String::from_utf8_lossy(&ended.stderr);
    let line = log.lines().find(|line| line.contains("waiting")).unwrap_or_else(|| panic!("{log}"));
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((&line["level"], &line["run_id"]), (&"INFO".into(), &"the-dead-run".into()));
    assert_eq!((&line["since"], &line["at_most_seconds"]), (&"2026-11-01T05:00:00Z".into(), &1.into()));
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn what_killed_runs_have_spilled_is_removed_and_nothing_else() {
    let project = Project::new();
    project.pipeline("delivery:\n", "engine: {scratch: ../scratch}\ndelivery:\n");
    let folder = |name: &str| format!("scratch/{name}");
    for name in ["tieout-of-the-dead", "tieout-of-the-living", "of-somebody-else"] {
        project.file(&folder(&format!("{name}/.tieout-scratch-lock")), b"");
        project.file(&folder(&format!("{name}/spilled")), b"rows");
    }
    project.file(&folder("tieout-demo/pipelines/a.yaml"), b"no scratch folder");
    let living = File::open(project.path("scratch/tieout-of-the-living/.tieout-scratch-lock")).expect("a file");
    living.lock().expect("nobody else has it");
    assert_eq!(project.run().code, 0);
    let mut left: Vec<String> = fs::read_dir(project.path("scratch"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    left.sort();
    assert_eq!(left, ["of-somebody-else", "tieout-demo", "tieout-of-the-living"]);
}
