//! The verb as its user starts it: every probe in a line, and the exit code of the gravest failure.

use std::path::Path;

use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use jiff::SignedDuration;
use tieout::commands::doctor::Verdict;
use tieout::error::Exit;

use super::{diagnosed, probe};
use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project};
use crate::fixtures::relays::MailRelay;
use crate::fixtures::s3::Fault;
use crate::fixtures::smtp::Script;

const DOCTOR: [&str; 2] = ["doctor", "pipelines/postings.yaml"];

async fn doctor(project: Project, environment: &[(String, String)], more: &'static [&'static str]) -> (Ended, Project) {
    let environment = environment.to_vec();
    let args: Vec<&str> = DOCTOR.iter().chain(more).copied().collect();
    tokio::task::spawn_blocking(move || (project.tieout_with(&args, &environment), project)).await.expect("ends")
}

/// A project whose inputs and outputs are in an S3 server.
async fn remote() -> (Place, Project) {
    let place = Place::s3().await;
    let project = Project::new();
    let rows = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    place.put("in/postings/month=2026-10/part.parquet", &rows).await;
    project.pipeline("{inputs: ../in, outputs: ../out}", &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url));
    (place, project)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_of_a_good_place_is_kept_and_nothing_is_left_behind() {
    let (ended, project) = doctor(Project::new(), &[], &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in [
        "ok       outputs  created once: a second create was refused, and the key is unchanged",
        "ok       outputs  one winner: one of 32 writers won, the others read its bytes",
        "ok       outputs  clocks agree: within 1 s",
        "ok       inputs   read if it matches: another entity tag was refused for file://",
        "ok       machine  scratch written: ",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {ended:?}");
    }
    let probes = project.path("out/_tieout/probe").read_dir().expect("a folder");
    assert_eq!(probes.count(), 0);
    assert_eq!(project.path("outbox").read_dir().expect("a folder").count(), 0);
    let (place, project) = remote().await;
    let (ended, _) = doctor(project, &place.environment, &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.content().await.len(), 1, "the input alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_ignores_conditional_writes_is_found_out_and_all_else_is_probed_as_well() {
    let (place, project) = remote().await;
    place.server.as_ref().expect("a server").always(&Method::PUT, "", &Fault::Ignore(IF_NONE_MATCH));
    let (ended, _) = doctor(project, &place.environment, &[]).await;
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(
        ended.stdout.contains("FAILED   outputs  created once: [E501] store ignores conditional writes"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("FAILED   outputs  one winner: [E501] store ignores"), "{ended:?}");
    assert!(ended.stdout.contains("         help: publish to a store that honours conditional writes"), "{ended:?}");
    assert!(ended.stdout.contains("ok       mail     folder written"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_ignores_conditional_reads_fails_as_output_and_is_a_warning_as_input() {
    let (place, project) = remote().await;
    place.server.as_ref().expect("a server").always(&Method::GET, "", &Fault::Ignore(IF_MATCH));
    let (ended, _) = doctor(project, &place.environment, &["--output", "json"]).await;
    assert_eq!(ended.code, 78, "{ended:?}");
    let found: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(found["exit"], 78);
    let verdict = |of: &str, promise: &str| {
        let mut probes = found["probes"].as_array().expect("probes").iter();
        let probe = probes.rfind(|probe| probe["of"] == of && probe["promise"] == promise);
        probe.map(|probe| probe["verdict"].clone()).expect("a probe")
    };
    assert_eq!(verdict("outputs", "read if it matches"), "failed");
    assert_eq!(verdict("outputs", "range if it matches"), "failed");
    assert_eq!(verdict("outputs", "created once"), "ok");
    assert_eq!(verdict("inputs", "read if it matches"), "warning");
    assert!(ended.stdout.contains("only by size and tag, after the fact"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_let_probes_be_deleted_is_as_good_as_any() {
    let (place, project) = remote().await;
    let server = place.server.as_ref().expect("a server");
    for method in [Method::DELETE, Method::POST] {
        server.always(&method, "", &Fault::Answer(StatusCode::FORBIDDEN));
    }
    let (ended, _) = doctor(project, &place.environment, &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("ok       outputs  probes deleted: not allowed, and publishing does not need it"));
    assert_eq!(place.content().await.keys().filter(|key| key.contains("_tieout/probe/")).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_or_a_store_that_is_not_there_is_said_and_the_secret_is_not() {
    let (place, project) = remote().await;
    let mut wrong = place.environment.clone();
    let secret = wrong.iter_mut().find(|(name, _)| name == "AWS_SECRET_ACCESS_KEY").expect("a secret");
    secret.1 = "canary-5f1c".to_owned();
    let (ended, project) = doctor(project, &wrong, &[]).await;
    assert_eq!(ended.code, 77, "{ended:?}");
    assert!(!format!("{ended:?}").contains("canary-5f1c"), "{ended:?}");
    assert!(ended.stdout.contains("ok       mail"), "{ended:?}");
    let endpoint = wrong.iter_mut().find(|(name, _)| name == "AWS_ENDPOINT").expect("an endpoint");
    endpoint.1 = "http://127.0.0.1:9".to_owned();
    let (ended, _) = doctor(project, &wrong, &[]).await;
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(ended.stdout.contains("FAILED   outputs  reached: [E321]"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_a_failure_of_outputs_and_of_mail() {
    let project = Project::new();
    project.file("out", b"no folder");
    project.file("outbox", b"no folder");
    let (ended, _) = doctor(project, &[], &[]).await;
    assert_eq!(ended.code, 74, "{ended:?}");
    assert!(ended.stdout.contains("FAILED   mail     folder written: [E622]"), "{ended:?}");
    assert!(ended.stdout.contains("FAILED   outputs "), "{ended:?}");
    assert!(ended.stdout.contains("ok       inputs   listed"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_is_reached_and_logged_into_and_no_mail_is_begun() {
    let relay = MailRelay::scripted(Script::default()).await;
    let project = Project::new();
    project.pipeline("{directory: ../outbox}", &relay.transport);
    let (ended, project) = doctor(project, &relay.environment, &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("ok       mail     relay reached: "), "{ended:?}");
    assert!(relay.accepted("fin@shop.example").is_empty());
    relay.behave(Script { replies: vec![("AUTH", "535 no")], ..Script::default() });
    let (ended, project) = doctor(project, &relay.environment, &[]).await;
    assert_eq!(ended.code, 77, "{ended:?}");
    assert!(ended.stdout.contains("FAILED   mail     relay reached: [E621] localhost refused"), "{ended:?}");
    relay.behave(Script { starttls: false, ..Script::default() });
    let (ended, _) = doctor(project, &relay.environment, &[]).await;
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(ended.stdout.contains("[E620] localhost offers no STARTTLS"), "{ended:?}");
}

#[tokio::test]
async fn clocks_that_differ_by_minutes_are_a_warning_and_by_hours_a_failure() {
    let project = Project::new();
    project.pipeline("delivery:\n", "engine: {scratch: ../scratch}\ndelivery:\n");
    let file = project.path("pipelines/postings.yaml");
    for (minutes, verdict, exit) in [
        (0, Verdict::Ok, Exit::Done),
        (2, Verdict::Warning, Exit::Done),
        (-2, Verdict::Warning, Exit::Done),
        (90, Verdict::Failed, Exit::Definition),
        (-90, Verdict::Failed, Exit::Definition),
    ] {
        let found = diagnosed(&file, SignedDuration::from_mins(minutes), Path::new("/nowhere")).await;
        let clock = probe(&found, "outputs", "clocks agree");
        assert_eq!((clock.verdict, found.exit()), (verdict, exit), "{minutes}: {found}");
        let code = (verdict != Verdict::Ok).then_some("E514");
        assert_eq!(clock.code.as_deref(), code, "{minutes}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_not_arrived_is_a_warning() {
    let project = Project::new();
    std::fs::remove_dir_all(project.path("in/postings")).expect("removes");
    let (ended, _) = doctor(project, &[], &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("warning  inputs   files: [E300] no input files match"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_refuses_a_store_that_ignores_conditional_writes_before_anything_is_built() {
    let (place, project) = remote().await;
    place.server.as_ref().expect("a server").always(&Method::PUT, "", &Fault::Ignore(IF_NONE_MATCH));
    let environment = place.environment.clone();
    let (ended, project) =
        tokio::task::spawn_blocking(move || (project.run_with(&environment), project)).await.expect("runs");
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(ended.stderr.contains("E501") && ended.stderr.contains("ignores conditional writes"), "{ended:?}");
    assert!(project.mails().is_empty());
    let keys: Vec<String> = place.content().await.into_keys().collect();
    assert_eq!(keys, ["in/postings/month=2026-10/part.parquet", "out/_tieout/probe/create.json"]);
}
