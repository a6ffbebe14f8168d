//! What is due, at any instant: by the calendar, the newest publication, and what sources say of themselves.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::SystemTime;

use jiff::Timestamp;
use tieout::cli::PeriodArgs;
use tieout::commands::due::{Due, DueState, due};
use tieout::error::Failure;
use tieout::pipeline::{Pipeline, Severity};
use tieout::publication::{Head, Tables};
use tieout::store::Stores;

use crate::fixtures::places::Place;
use crate::fixtures::project::Project;
use crate::publication::made::candidate;

const MARKER: &str = "complete: {marker: 'postings/month={period}/_SUCCESS'}";
/// The first instant after October in Berlin, five days before its deadline.
const NOVEMBER: &str = "2026-10-31T23:00:00Z";
const DEADLINE: &str = "2026-11-05T23:00:00Z";

/// A project whose source is complete by this.
fn project(complete: &str) -> Project {
    let project = Project::new();
    project.pipeline("    key: [id]\n", &format!("    {complete}\n    key: [id]\n"));
    project
}

/// A project with periods of another length.
fn project_of(unit: &str, zone: &str) -> Project {
    let project = Project::new();
    project.pipeline("period: month, time_zone: Europe/Berlin", &format!("period: {unit}, time_zone: {zone}"));
    project
}

fn loaded(project: &Project) -> Pipeline {
    let pipeline = Pipeline::load(&project.path("pipelines/postings.yaml"), &BTreeMap::default());
    pipeline.unwrap_or_else(|problems| panic!("{problems}"))
}

fn at(instant: &str) -> Timestamp {
    instant.parse().expect("an instant")
}

/// A log whose newest entry is of this period.
fn published(period: &str) -> Head {
    let mut entry = candidate("run", Tables::new()).after(None).expect("an entry");
    period.clone_into(&mut entry.record.period);
    Head { entry, sha256: String::new() }
}

async fn try_due(
    project: &Project,
    stores: &Stores,
    head: Option<&str>,
    period: Option<&str>,
    now: &str,
) -> Result<Vec<Due>, Failure> {
    let pipeline = loaded(project);
    let args = PeriodArgs { pipeline: pipeline.file.clone(), period: period.map(str::to_owned), as_of: None };
    due(&pipeline, stores, head.map(published).as_ref(), &args, at(now)).await
}

async fn dues(project: &Project, head: Option<&str>, now: &str) -> Vec<Due> {
    let stores = Stores::new(&BTreeMap::new(), &BTreeMap::new()).expect("stores");
    try_due(project, &stores, head, None, now).await.unwrap_or_else(|failure| panic!("{failure}"))
}

/// What is due, in words.
async fn asked(project: &Project, head: Option<&str>, now: &str) -> Vec<String> {
    dues(project, head, now).await.iter().map(words).collect()
}

fn words(due: &Due) -> String {
    let missing: Vec<&str> = due.state.missing().iter().map(|one| one.source.as_str()).collect();
    let (period, missing) = (due.moment.period, missing.join(" "));
    match &due.state {
        DueState::Ready => period.to_string(),
        DueState::AtDeadline { .. } => format!("{period} without {missing}"),
        DueState::Waiting { until, .. } => format!("{period} waits for {missing} until {until}"),
    }
}

/// The instant at which a file was written last.
fn written(project: &Project, name: &str, instant: &str) {
    let file = File::options().write(true).open(project.path(name)).expect("a file");
    file.set_modified(SystemTime::from(at(instant))).expect("a time");
}

#[tokio::test]
async fn what_was_never_published_begins_with_the_last_complete_period() {
    let project = Project::new();
    assert_eq!(asked(&project, None, NOVEMBER).await, ["2026-10"]);
    assert_eq!(asked(&project, None, "2026-10-31T22:59:59Z").await, ["2026-09"], "October is not over in Berlin");
}

#[tokio::test]
async fn every_missed_period_is_due_oldest_first_as_of_its_own_end() {
    let found = dues(&Project::new(), Some("2026-07"), "2026-11-20T09:17:00Z").await;
    assert_eq!(found.iter().map(words).collect::<Vec<_>>(), ["2026-08", "2026-09", "2026-10"]);
    let ends: Vec<String> = found.iter().map(|due| due.moment.as_of.to_string()).collect();
    assert_eq!(ends, ["2026-08-31T22:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"]);
}

#[tokio::test]
async fn when_nothing_is_newer_the_last_period_is_looked_at_again_and_waits_for_nobody() {
    assert_eq!(asked(&Project::new(), Some("2026-10"), "2026-11-20T09:17:00Z").await, ["2026-10"]);
    let unmarked = project(MARKER);
    assert_eq!(asked(&unmarked, Some("2026-10"), "2026-11-03T00:00:00Z").await, ["2026-10"]);
    assert_eq!(asked(&unmarked, Some("2026-11"), "2026-11-03T00:00:00Z").await, ["2026-10"], "forced by somebody");
}

#[tokio::test]
async fn a_period_waits_for_a_marker_and_later_periods_wait_behind_it() {
    let project = project(MARKER);
    project.pipeline("currency: EUR\n", "currency: EUR\ndue: {deadline: 60d}\n");
    let (head, now) = (Some("2026-07"), "2026-11-03T00:00:00Z");
    project.file("in/postings/month=2026-08/_SUCCESS", b"");
    let until = "2026-11-29T22:00:00Z";
    assert_eq!(asked(&project, head, now).await, ["2026-08", &format!("2026-09 waits for postings until {until}")]);
    project.file("in/postings/month=2026-10/_SUCCESS", b"");
    assert_eq!(asked(&project, head, now).await.len(), 2, "October is there and has to wait for September");
    project.file("in/postings/month=2026-09/_SUCCESS", b"");
    assert_eq!(asked(&project, head, now).await, ["2026-08", "2026-09", "2026-10"]);
}

#[tokio::test]
async fn a_missing_marker_is_told_by_its_name() {
    let found = dues(&project(MARKER), None, NOVEMBER).await;
    let [missing] = found[0].state.missing() else { panic!("{found:?}") };
    assert!(missing.why.ends_with("in/postings/month=2026-10/_SUCCESS`"), "{missing:?}");
    assert_eq!(missing.owner, "data@shop.example");
    assert!(found[0].findings().is_empty(), "nothing is reported yet");
}

#[tokio::test]
async fn a_deadline_ends_the_waiting_with_a_warning_to_the_owner() {
    let project = project(MARKER);
    let before = asked(&project, Some("2026-09"), "2026-11-05T22:59:59Z").await;
    assert_eq!(before, [format!("2026-10 waits for postings until {DEADLINE}")]);
    let found = dues(&project, Some("2026-09"), DEADLINE).await;
    assert_eq!(found.iter().map(words).collect::<Vec<_>>(), ["2026-10 without postings"]);
    let findings = found[0].findings();
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!((finding.check.as_str(), finding.severity), ("incomplete_source", Severity::Warn));
    assert_eq!((finding.stream.as_deref(), finding.owner.as_str()), (Some("postings"), "data@shop.example"));
    assert!(finding.detail.contains("2026-10") && finding.detail.contains("_SUCCESS"), "{finding:?}");
}

#[tokio::test]
async fn a_revision_after_the_deadline_keeps_the_warning_until_the_source_is_complete() {
    let project = project(MARKER);
    assert_eq!(asked(&project, Some("2026-10"), DEADLINE).await, ["2026-10 without postings"]);
    project.file("in/postings/month=2026-10/_SUCCESS", b"");
    assert_eq!(asked(&project, Some("2026-10"), DEADLINE).await, ["2026-10"]);
}

#[tokio::test]
async fn a_source_is_quiet_once_its_newest_file_of_the_period_is_old_enough() {
    let project = project("complete: {quiet: 6h}");
    let waits = format!("2026-10 waits for postings until {DEADLINE}");
    project.postings("2026-09", &[(Some("b"), "2026-09-10T10:00:00Z", 5, None)]);
    written(&project, "in/postings/month=2026-10/part.parquet", "2026-11-01T02:00:00Z");
    written(&project, "in/postings/month=2026-09/part.parquet", "2026-11-01T07:59:59Z");
    assert_eq!(asked(&project, Some("2026-09"), "2026-11-01T07:59:59Z").await, [waits.as_str()]);
    assert_eq!(asked(&project, Some("2026-09"), "2026-11-01T08:00:00Z").await, ["2026-10"], "September is no matter");
    project.file("in/postings/month=2026-10/more.parquet", b"more");
    written(&project, "in/postings/month=2026-10/more.parquet", "2026-11-01T07:00:00Z");
    assert_eq!(asked(&project, Some("2026-09"), "2026-11-01T08:00:00Z").await, [waits.as_str()]);
    std::fs::remove_dir_all(project.path("in/postings/month=2026-10")).expect("removes");
    assert_eq!(asked(&project, Some("2026-09"), "2026-11-01T08:00:00Z").await, [waits.as_str()], "no file, no quiet");
    std::fs::remove_dir_all(project.path("in")).expect("removes");
    assert_eq!(asked(&project, Some("2026-09"), "2026-11-01T08:00:00Z").await, [waits.as_str()], "none at all");
}

#[tokio::test]
async fn a_source_that_is_read_whole_is_quiet_as_a_whole() {
    let project = project("complete: {quiet: 6h}");
    project.pipeline("month=*/*.parquet\n    partitions: {month: period}", "**/*.parquet");
    written(&project, "in/postings/month=2026-10/part.parquet", "2026-11-01T02:00:00Z");
    assert_eq!(asked(&project, Some("2026-08"), "2026-11-01T08:00:00Z").await, ["2026-09", "2026-10"]);
    let found = asked(&project, Some("2026-09"), "2026-11-01T07:59:00Z").await;
    assert_eq!(found, [format!("2026-10 waits for postings until {DEADLINE}")]);
}

#[tokio::test]
async fn a_period_asked_for_is_reported_complete_or_not() {
    let stores = Stores::new(&BTreeMap::new(), &BTreeMap::new()).expect("stores");
    let unmarked = project(MARKER);
    let found = try_due(&unmarked, &stores, Some("2026-07"), Some("2026-09"), NOVEMBER).await.expect("is over");
    assert_eq!(found.iter().map(words).collect::<Vec<_>>(), ["2026-09"]);
    let early = try_due(&unmarked, &stores, Some("2026-07"), Some("2026-11"), NOVEMBER).await;
    assert!(early.expect_err("is not over").to_string().contains("E125"));
}

#[tokio::test]
async fn weeks_and_days_are_caught_up_across_the_year() {
    let weeks = project_of("week", "Europe/Berlin");
    let found = asked(&weeks, Some("2026-W51"), "2027-01-10T23:00:00Z").await;
    assert_eq!(found, ["2026-W52", "2026-W53", "2027-W01"]);
    let days = project_of("day", "Europe/Berlin");
    let found = asked(&days, Some("2026-12-29"), "2027-01-01T23:00:00Z").await;
    assert_eq!(found, ["2026-12-30", "2026-12-31", "2027-01-01"]);
}

#[tokio::test]
async fn a_day_is_due_when_it_ends_where_the_clocks_change() {
    let berlin = project_of("day", "Europe/Berlin");
    assert_eq!(asked(&berlin, Some("2026-10-23"), "2026-10-25T22:59:59Z").await, ["2026-10-24"], "25 hours");
    assert_eq!(asked(&berlin, Some("2026-10-24"), "2026-10-25T23:00:00Z").await, ["2026-10-25"]);
    assert_eq!(asked(&berlin, Some("2026-03-28"), "2026-03-29T22:00:00Z").await, ["2026-03-29"], "23 hours");
    let santiago = project_of("day", "America/Santiago");
    assert_eq!(asked(&santiago, Some("2026-09-04"), "2026-09-06T03:59:59Z").await, ["2026-09-04"]);
    let found = asked(&santiago, Some("2026-09-04"), "2026-09-06T04:00:00Z").await;
    assert_eq!(found, ["2026-09-05"], "its midnight is skipped");
}

#[tokio::test]
async fn a_deadline_is_counted_from_the_end_of_the_day_in_hours() {
    let project = project_of("day", "Europe/Berlin");
    project.pipeline("    key: [id]\n", "    complete: {marker: 'done/{period}'}\n    key: [id]\n");
    project.pipeline("currency: EUR\n", "currency: EUR\ndue: {deadline: 1d}\n");
    let found = asked(&project, Some("2026-10-23"), "2026-10-25T21:59:59Z").await;
    assert_eq!(found, ["2026-10-24 waits for postings until 2026-10-25T22:00:00Z"]);
    assert_eq!(asked(&project, Some("2026-10-23"), "2026-10-25T22:00:00Z").await, ["2026-10-24 without postings"]);
}

#[tokio::test]
async fn a_calendar_that_has_changed_begins_anew() {
    let project = Project::new();
    assert_eq!(
        asked(&project, Some("2026-W30"), NOVEMBER).await,
        ["2026-10"],
        "weeks are published, months are asked for"
    );
    project.pipeline("period: month,", "period: month, first_period: '2026-10',");
    assert_eq!(asked(&project, Some("2026-05"), NOVEMBER).await, ["2026-10"], "nothing before the first period");
}

#[tokio::test]
async fn a_marker_is_found_on_every_store() {
    for place in Place::all().await {
        let project = project(MARKER);
        let storage = format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url);
        project.pipeline("{inputs: ../in, outputs: ../out}", &storage);
        let asked = async || {
            let found = try_due(&project, &place.stores, Some("2026-09"), None, NOVEMBER).await;
            found.unwrap_or_else(|failure| panic!("{failure}")).iter().map(words).collect::<Vec<_>>()
        };
        place.put("in/postings/month=2026-09/_SUCCESS", b"").await;
        assert_eq!(asked().await, [format!("2026-10 waits for postings until {DEADLINE}")], "{}", place.kind);
        place.put("in/postings/month=2026-10/_SUCCESS", b"").await;
        assert_eq!(asked().await, ["2026-10"], "{}", place.kind);
    }
}

#[test]
fn what_makes_no_sense_of_being_complete_is_told_in_its_place() {
    let cases = [
        ("complete: {}", "one of them"),
        ("complete: {marker: 'm/{period}', quiet: 6h}", "one of them"),
        ("complete: {marker: postings/_SUCCESS}", "not one object per period"),
        ("complete: {marker: 'month={period}/*'}", "not one object per period"),
        ("complete: {marker: '../{period}'}", "leaves its folder"),
        ("complete: {quiet: soon}", "no duration"),
    ];
    for (complete, words) in cases {
        let project = project(complete);
        let problems = Pipeline::load(&project.path("pipelines/postings.yaml"), &BTreeMap::default());
        let problems = problems.expect_err(complete);
        assert!(problems.0.len() == 1 && problems.to_string().contains(words), "{complete}: {problems}");
        assert!(problems.to_string().contains(complete), "with its line: {problems}");
    }
}
