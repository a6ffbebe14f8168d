//! Where a pipeline stands, for a person and for a dead-man's switch.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::due::recent;
use super::files_below;
use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project};

const NO_RELAY: &str = "{smtp: {host: 127.0.0.1, port: 1, tls: plaintext_loopback}}";
const LOG: &str = "out/_tieout/log/00000000000000000001.json";

fn status(project: &Project) -> Ended {
    project.tieout(&["status", "pipelines/postings.yaml"])
}

fn strict(project: &Project) -> i32 {
    project.tieout(&["status", "pipelines/postings.yaml", "--strict"]).code
}

fn as_json(project: &Project) -> Value {
    let ended = project.tieout(&["status", "pipelines/postings.yaml", "--output", "json"]);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// A project with this deadline for its periods.
fn project(deadline: &str) -> Project {
    let project = Project::new();
    project.pipeline("currency: EUR\n", &format!("currency: EUR\ndue: {{deadline: {deadline}}}\n"));
    project
}

fn run_for(project: &Project, period: &str) -> Ended {
    project.only_postings(period, &[(Some("a"), "2020-01-01T00:00:00Z", 1, None)]);
    project.tieout(&["run", "pipelines/postings.yaml", "--period", period])
}

/// The first publication happened this long ago.
fn committed(project: &Project, ago: SignedDuration) {
    let mut entry: Value = serde_json::from_slice(&fs::read(project.path(LOG)).expect("an entry")).expect("JSON");
    entry["committed_at"] = Value::from((Timestamp::now() - ago).to_string());
    project.file(LOG, entry.to_string().as_bytes());
}

#[test]
fn before_the_first_publication_there_is_nothing_and_a_passed_deadline_is_late() {
    let patient = project("36500d");
    let ended = status(&patient);
    assert_eq!((ended.code, strict(&patient)), (0, 0), "{ended:?}");
    assert!(ended.stdout.contains("nothing is late") && ended.stdout.contains("publications: none"), "{ended:?}");
    assert!(ended.stdout.contains("runs: none") && ended.stdout.contains("mail owed: none"), "{ended:?}");
    assert!(!patient.path("out").exists(), "it only reads");
    let late = project("1m");
    let (ended, (last, _)) = (status(&late), recent(&late));
    assert_eq!((ended.code, strict(&late)), (0, 75), "{ended:?}");
    assert!(ended.stdout.contains("LATE: 1 periods, 0 mails"), "{ended:?}");
    assert!(ended.stdout.contains(&format!("{last} is LATE: it is not published")), "{ended:?}");
}

#[test]
fn what_is_published_is_shown_and_not_late() {
    let project = project("1m");
    let (last, _) = recent(&project);
    assert_eq!(run_for(&project, &last).code, 0);
    let before = files_below(project.folder.path());
    let ended = status(&project);
    assert_eq!((ended.code, strict(&project)), (0, 0), "{ended:?}");
    assert!(ended.stdout.contains(&format!("{last} is published")), "{ended:?}");
    assert_eq!(before, files_below(project.folder.path()), "it only reads");
    let status = as_json(&project);
    let newest = &status["publications"][0];
    assert_eq!((&newest["number"], &newest["period"]), (&Value::from(1), &Value::from(last.as_str())), "{status}");
    assert_eq!(newest["binary"], tieout::VERSION, "{status}");
    assert!(newest["run_id"].as_str().expect("an id").len() > 20, "{status}");
    assert_eq!((&status["strict_exit"], &status["periods"][0]["state"]), (&Value::from(0), &Value::from("published")));
}

#[test]
fn a_missed_period_is_late_and_one_that_waits_is_not() {
    let project = project("1m");
    let (last, before) = recent(&project);
    assert_eq!(run_for(&project, &before).code, 0);
    assert_eq!(strict(&project), 75);
    project.pipeline("{deadline: 1m}", "{deadline: 36500d}");
    project.pipeline("    key: [id]\n", "    complete: {marker: '{period}/done'}\n    key: [id]\n");
    let ended = status(&project);
    assert_eq!((ended.code, strict(&project)), (0, 0), "{ended:?}");
    assert!(ended.stdout.contains(&format!("{last} waits until")), "{ended:?}");
    assert!(ended.stdout.contains("postings is not complete"), "{ended:?}");
    project.file(&format!("in/{last}/done"), b"");
    assert!(status(&project).stdout.contains(&format!("{last} is due, late from")));
}

#[test]
fn a_mail_is_late_once_its_time_is_over_and_never_shows_its_address() {
    let project = project("1m");
    project.pipeline("{directory: ../outbox}", NO_RELAY);
    let (last, _) = recent(&project);
    assert_eq!(run_for(&project, &last).code, 69);
    committed(&project, SignedDuration::from_hours(23));
    let ended = status(&project);
    assert_eq!((ended.code, strict(&project)), (0, 0), "{ended:?}");
    assert!(
        ended.stdout.contains("to f***@shop.example: not delivered yet, owed for 23h (publication 1)"),
        "{ended:?}"
    );
    project.pipeline("  allow_domains", "  deadline: 6h\n  allow_domains");
    let ended = status(&project);
    assert_eq!((ended.code, strict(&project)), (0, 80), "{ended:?}");
    assert!(ended.stdout.contains("LATE: 0 periods, 1 mails"), "{ended:?}");
    assert!(!format!("{ended:?} {}", as_json(&project)).contains("fin@"), "{ended:?}");
    project.pipeline(NO_RELAY, "{directory: ../outbox}");
    assert_eq!(run_for(&project, &last).code, 0, "it is delivered");
    assert_eq!((strict(&project), as_json(&project)["mails"].as_array().map(Vec::len)), (0, Some(0)));
}

#[test]
fn a_late_period_outweighs_late_mail() {
    let project = project("1m");
    project.pipeline("{directory: ../outbox}", NO_RELAY);
    let (_, before) = recent(&project);
    assert_eq!(run_for(&project, &before).code, 69);
    committed(&project, SignedDuration::from_hours(73));
    let ended = status(&project);
    assert!(ended.stdout.contains("LATE: 1 periods, 1 mails"), "{ended:?}");
    assert_eq!(strict(&project), 75);
}

#[test]
fn the_last_runs_are_shown_newest_first_whatever_they_left() {
    let project = project("36500d");
    let outcome =
        |run: &str, text: &str| project.file(&format!("out/_tieout/runs/{run}/outcome.json"), text.as_bytes());
    for hour in 0..12 {
        let text = r#"{"ending": "nothing_due", "period": "2026-09", "exit": 0, "findings": 0, "later_key": [1]}"#;
        outcome(&format!("20200101T{hour:02}0000Z-aa"), text);
    }
    outcome("20200102T000000Z-bb", r#"{"ending": "held", "period": "2026-10", "exit": 79, "findings": [{}, {}]}"#);
    outcome(
        "20200103T000000Z-cc",
        r#"{"ending": "failed", "exit": 66, "error": "error[E300]: no files\n  help: look"}"#,
    );
    outcome("20200104T000000Z-dd", "{\"endi");
    project.file("out/_tieout/runs/20200105T000000Z-ee/inputs.json", b"[]");
    let ended = status(&project);
    let runs: Vec<&str> = ended.stdout.lines().skip_while(|line| *line != "runs").skip(1).map(str::trim).collect();
    assert_eq!(runs.len(), 10, "{ended:?}");
    assert_eq!(
        &runs[..5],
        [
            "20200105T000000Z-ee  unknown",
            "20200104T000000Z-dd  unknown",
            "20200103T000000Z-cc  failed, exit 66: error[E300]: no files",
            "20200102T000000Z-bb  held 2026-10, exit 79, 2 findings",
            "20200101T110000Z-aa  nothing_due 2026-09, exit 0",
        ]
    );
}

#[test]
fn outputs_of_another_pipeline_say_nothing_of_this_one() {
    let project = project("36500d");
    let (last, _) = recent(&project);
    assert_eq!(run_for(&project, &last).code, 0);
    project.pipeline("name: postings", "name: bookings");
    let ended = status(&project);
    assert!(ended.code == 78 && ended.stderr.contains("E502"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_the_same_on_every_store() {
    for place in Place::all().await {
        let project = project("1m");
        let (last, _) = recent(&project);
        let at = format!("{last}-10T10:00:00Z");
        let postings = parquet(&[(Some("a"), at.as_str(), 1000, None)]);
        place.put(&format!("in/postings/month={last}/part.parquet"), &postings).await;
        project.pipeline(
            "{inputs: ../in, outputs: ../out}",
            &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url),
        );
        let environment = place.environment.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let ask = |args: &[&str]| project.tieout_with(args, &environment);
            let before = ask(&["status", "pipelines/postings.yaml", "--strict"]);
            let run = ask(&["run", "pipelines/postings.yaml", "--period", &last]);
            (before, run, ask(&["status", "pipelines/postings.yaml", "--strict"]))
        });
        let (before, run, after) = asked.await.expect("it ends");
        assert_eq!((before.code, run.code, after.code), (75, 0, 0), "{}: {before:?} {run:?} {after:?}", place.kind);
        assert!(after.stdout.contains("revision 1") && !after.stdout.contains("runs: none"), "{after:?}");
    }
}

#[test]
fn a_store_that_cannot_be_reached_is_not_taken_for_well() {
    let project = project("36500d");
    project.pipeline("outputs: ../out}", "outputs: 's3://shop/out', options: {aws_endpoint: 'http://127.0.0.1:1'}}");
    let environment = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_ALLOW_HTTP", "true")];
    let environment: Vec<_> = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let ended = project.tieout_with(&["status", "pipelines/postings.yaml", "--strict"], &environment);
    assert_eq!(ended.code, 69, "{ended:?}");
}
