//! What the program says of periods that wait, and that waiting changes nothing.

use jiff::Timestamp;
use tieout::commands::due::last_complete;
use tieout::pipeline::Pipeline;

use crate::fixtures::project::Project;

/// The last complete period now, and the one before it.
pub(super) fn recent(project: &Project) -> (String, String) {
    let pipeline = Pipeline::load(&project.path("pipelines/postings.yaml"), &std::collections::BTreeMap::default());
    let last = last_complete(&pipeline.expect("is right"), Timestamp::now()).expect("a period").period;
    (last.to_string(), last.previous().expect("a period").to_string())
}

#[test]
fn a_plan_says_what_waits_for_what_and_until_when() {
    let project = Project::new();
    project.pipeline("    key: [id]\n", "    complete: {marker: 'postings/month={period}/_SUCCESS'}\n    key: [id]\n");
    project.pipeline("currency: EUR\n", "currency: EUR\ndue: {deadline: 36500d}\n");
    let (last, _) = recent(&project);
    let plan = || project.tieout(&["plan", "pipelines/postings.yaml"]);
    let waiting = plan();
    assert_eq!(waiting.code, 0, "{waiting:?}");
    assert!(waiting.stdout.starts_with(&format!("postings {last} as of ")), "{waiting:?}");
    assert!(waiting.stdout.contains(": waits until 2") && waiting.stdout.contains("at the latest"), "{waiting:?}");
    let why = format!("month={last}/_SUCCESS` (data@shop.example)");
    assert!(waiting.stdout.contains("postings is not complete: there is no `") && waiting.stdout.contains(&why));
    assert!(waiting.stdout.contains("reads nothing yet"), "{waiting:?}");
    project.file(&format!("in/postings/month={last}/_SUCCESS"), b"");
    let due = plan();
    assert!(due.stdout.lines().next().expect("a line").ends_with("Z: due"), "{due:?}");
    assert!(due.stdout.contains("1 file"), "{due:?}");
    assert!(!project.path("out").exists());
}

#[test]
fn a_plan_shows_every_missed_period() {
    let project = Project::new();
    let (last, before) = recent(&project);
    project.only_postings(&before, &[(Some("a"), "2020-01-01T00:00:00Z", 1, None)]);
    let run = project.tieout(&["run", "pipelines/postings.yaml", "--period", &before]);
    assert_eq!(run.code, 0, "{run:?}");
    let plan = project.tieout(&["plan", "pipelines/postings.yaml", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
    assert_eq!((plan["period"].as_str(), plan["due"].as_bool()), (Some(last.as_str()), Some(true)), "{plan}");
    assert_eq!(plan["periods"].as_array().map(Vec::len), Some(1), "{plan}");
    assert!(plan["periods"][0]["waits_until"].is_null());
}

#[test]
fn how_a_source_is_waited_for_is_no_reason_to_publish_again() {
    let project = Project::new();
    assert_eq!(project.run().code, 0);
    project.pipeline("    key: [id]\n", "    complete: {quiet: 6h}\n    key: [id]\n");
    project.pipeline("currency: EUR\n", "currency: EUR\ndue: {deadline: 9d}\n");
    let second = project.run();
    assert!(second.code == 0 && second.stdout.contains("nothing due"), "{second:?}");
}
