//! What a run has done and what it took: told while it works, kept in its record, shown by `status`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::files_below;
use crate::fixtures::project::{Ended, Project};

/// Three postings in two intakes.
fn project() -> Project {
    let project = Project::new();
    project.postings("2026-10", &[posting("a"), posting("b")]);
    project.postings("2026-09", &[(Some("c"), "2026-09-10T10:00:00Z", 500, None)]);
    project
}

fn posting(id: &str) -> (Option<&str>, &str, i128, Option<&str>) {
    (Some(id), "2026-10-10T10:00:00Z", 1000, None)
}

fn input_bytes(project: &Project) -> u64 {
    files_below(&project.path("in")).iter().map(|file| fs::metadata(file).expect("a file").len()).sum()
}

/// The record of the only run.
fn record(project: &Project) -> Value {
    let files = files_below(&project.path("out/_tieout/runs"));
    let records: Vec<_> = files.iter().filter(|file| file.ends_with("outcome.json")).collect();
    assert_eq!(records.len(), 1, "{files:?}");
    serde_json::from_slice(&fs::read(records[0]).expect("a record")).expect("JSON")
}

/// The progress events of a run for October, as a log collector gets them.
fn events(project: &Project) -> Vec<Value> {
    let mut run = Command::new(assert_cmd::cargo::cargo_bin("tieout"));
    run.current_dir(project.folder.path()).args(["run", "pipelines/postings.yaml", "--period", "2026-10"]);
    let ended = run.args(["--log", "info", "--log-format", "json"]).output().expect("it runs");
    let said = String::from_utf8(ended.stderr).expect("text");
    assert!(ended.status.success(), "{said}");
    let lines = said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.filter(|event: &Value| event["message"] == "progress").collect()
}

fn names<'a>(listed: &'a Value, key: &str) -> Vec<&'a str> {
    listed.as_array().expect("a list").iter().map(|one| one[key].as_str().expect("a name")).collect()
}

fn status(project: &Project, more: &[&str]) -> Ended {
    project.tieout(&[&["status", "pipelines/postings.yaml"], more].concat())
}

#[test]
fn a_record_names_every_mart_with_its_rows_and_all_rows_of_the_inputs_are_done() {
    let project = project();
    assert_eq!(project.run().code, 0);
    let record = record(&project);
    let work = &record["work"];
    assert_eq!(names(&work["models"], "mart"), ["ledger"], "{record:#}");
    let ledger = &work["models"][0];
    assert_eq!((&ledger["scope"], &ledger["built"], &ledger["rows"]), (&"intake".into(), &2.into(), &3.into()));
    let published = files_below(&project.path("out/data/ledger"));
    let bytes: u64 = published.iter().map(|file| fs::metadata(file).expect("a file").len()).sum();
    assert_eq!(ledger["output_bytes"], bytes, "{record:#}");
    let (input, bytes) = (&work["input"], input_bytes(&project));
    assert_eq!((&input["rows_done"], &input["rows_total"]), (&3.into(), &3.into()), "{record:#}");
    assert_eq!((&input["bytes_done"], &input["bytes_total"]), (&bytes.into(), &bytes.into()), "{record:#}");
    assert_eq!(
        names(&work["stages"], "stage"),
        ["pinning", "reference", "intakes", "periods", "history", "audit", "checks", "reports", "commit", "mail"]
    );
    let memory = work["peak_memory_bytes"].as_u64();
    assert_eq!(memory.is_some_and(|bytes| bytes > 0), cfg!(target_os = "linux"), "{record:#}");
}

#[test]
fn a_table_that_waits_for_a_later_scope_is_counted_beside_the_mart_it_goes_into() {
    let project = project();
    project.pipeline(
        "  marts:\n",
        "  scopes: {yearly: history}\n  marts:\n    yearly: {grain: [year], columns: {year: integer, postings: integer}}\n",
    );
    project.file("sql/counted.sql", b"-- one row per posting\nselect id, local_day(at) as booked_on from postings");
    project.file(
        "sql/yearly.sql",
        b"-- one row per year\nselect cast(date_part('year', booked_on) as bigint) as year, count(*) as postings \
          from counted group by 1",
    );
    let ended = project.run();
    assert_eq!(ended.code, 0, "{ended:?}");
    let record = record(&project);
    let models = &record["work"]["models"];
    assert_eq!(names(models, "model"), ["counted", "ledger", "yearly"], "{record:#}");
    let counted = &models[0];
    assert_eq!((&counted["scope"], &counted["built"], &counted["rows"]), (&"intake".into(), &2.into(), &3.into()));
    assert!(counted.get("mart").is_none() && counted["output_bytes"] == 0, "{record:#}");
    assert!(counted["memory_bytes"].as_u64() > Some(0) && counted["scratch_bytes"] == 0, "{record:#}");
    let yearly = &models[2];
    assert_eq!((&yearly["scope"], &yearly["built"], &yearly["rows"]), (&"history".into(), &1.into(), &1.into()));
}

#[test]
fn progress_is_told_as_json_lines_that_end_with_everything_done() {
    let project = project();
    let events = events(&project);
    let count = |event: &Value, key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key}: {event}"));
    let known: Vec<&Value> = events.iter().filter(|event| event.get("rows_total").is_some()).collect();
    let read: Vec<&Value> = known.iter().copied().filter(|event| event["stage"] == "intakes").collect();
    let done = read.last().expect("the last intake is told");
    assert_eq!((count(done, "rows_done"), count(done, "rows_total")), (3, 3), "{done}");
    assert_eq!((count(done, "bytes_done"), count(done, "bytes_total")), (input_bytes(&project), input_bytes(&project)));
    assert_eq!((count(done, "steps_done"), count(done, "steps_total")), (2, 2), "{done}");
    for two in known.windows(2) {
        assert!(count(two[0], "rows_done") <= count(two[1], "rows_done"), "{two:?}");
        assert!(count(two[0], "bytes_done") <= count(two[1], "bytes_done"), "{two:?}");
    }
    let is_over = |event: &&Value| event["bytes_done"] == event["bytes_total"];
    assert!(known.iter().copied().filter(is_over).all(|event| event.get("seconds_left").is_none()), "{events:?}");
    for stage in ["pinning", "reference", "intakes", "history", "audit", "checks", "reports", "commit", "mail"] {
        let last =
            events.iter().rfind(|event| event["stage"] == stage).unwrap_or_else(|| panic!("{stage}: {events:?}"));
        assert_eq!(count(last, "steps_done"), count(last, "steps_total"), "{last}");
    }
}

#[test]
fn of_text_files_the_bytes_are_known_and_the_rows_are_not() {
    let project = Project::new();
    fs::remove_dir_all(project.path("in/postings")).expect("removes");
    let line = br#"{"id":"a","at":"2026-10-10T10:00:00Z","amount":10.00,"reverses":null}"#;
    project.file("in/postings/month=2026-10/part.ndjson", line);
    project.pipeline("files: postings/month=*/*.parquet", "files: postings/month=*/*.ndjson\n    format: ndjson");
    assert_eq!(project.run().code, 0);
    let record = record(&project);
    let (input, bytes) = (&record["work"]["input"], line.len());
    assert_eq!((&input["bytes_done"], &input["bytes_total"]), (&bytes.into(), &bytes.into()), "{record:#}");
    assert_eq!((&input["rows_done"], &input["rows_total"]), (&0.into(), &0.into()), "{record:#}");
    assert_eq!(record["work"]["models"][0]["rows"], 1, "{record:#}");
}

#[test]
fn a_run_that_fails_keeps_how_far_it_came() {
    let project = project();
    project.file("in/postings/month=2026-10/part.parquet", b"no Parquet");
    assert_eq!(project.run().code, 65);
    let before = record(&project);
    assert_eq!(names(&before["work"]["stages"], "stage"), ["pinning"], "{before:#}");
    assert!(before["work"].get("input").is_none(), "{before:#}");

    let project = self::project();
    project.file("sql/ledger.sql", b"-- divides by zero\nselect id, local_day(at) as booked_on, cast(amount / (amount - 5) as decimal(18,2)) as amount from postings");
    let failed = project.run();
    assert_ne!(failed.code, 0, "{failed:?}");
    let during = record(&project);
    let input = &during["work"]["input"];
    assert_eq!((&input["rows_done"], &input["rows_total"]), (&2.into(), &3.into()), "{during:#}");
    assert_eq!(during["work"]["models"][0]["built"], 1, "{during:#}");
}

#[test]
fn status_shows_what_the_last_run_took_and_which_models_took_most_of_it() {
    let project = project();
    assert_eq!(project.run().code, 0);
    let text = status(&project, &[]).stdout;
    let runs = text.split_once("\nruns\n").expect("runs").1;
    let lines: Vec<&str> = runs.lines().map(str::trim).collect();
    assert!(lines[0].ends_with("published 2026-10, exit 0"), "{text}");
    assert!(lines[1].starts_with("took ") && lines[1].ends_with(" and 3 rows"), "{text}");
    let words: Vec<&str> = lines[2].split_whitespace().skip(1).collect();
    assert_eq!(words, ["ledger", "intake", "x2", "3", "rows"], "{text}");

    project.postings("2026-10", &[posting("a")]);
    assert_eq!(project.run().code, 0);
    let text = status(&project, &[]).stdout;
    assert_eq!(text.matches("took ").count(), 1, "of the last run only: {text}");
    let shown = status(&project, &["--output", "json"]).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
    // Runs of the same second have no order.
    let runs = shown["runs"].as_array().expect("runs");
    let rows: BTreeSet<_> = runs.iter().filter_map(|run| run["work"]["models"][0]["rows"].as_u64()).collect();
    // The second had only the changed month to compute.
    assert_eq!(rows, BTreeSet::from([1, 3]), "{shown:#}");
    assert!(shown["runs"][0]["work"]["seconds"].is_number(), "{shown:#}");
}
