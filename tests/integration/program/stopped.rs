//! Stop signals: before the commit a run ends at once and leaves nothing; from the commit on it finishes what it has begun.

use std::fs;

use hyper::Method;

use crate::fixtures::gate::Gate;
use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project, Running};
use crate::fixtures::relays::MailRelay;
use crate::fixtures::s3::Fault;
use crate::fixtures::smtp::Script;

const FINISHING: &str = "stop signal: finishing what cannot be interrupted";

/// A project whose inputs and outputs are in an S3 server of its own.
async fn remote() -> (Place, Project) {
    let place = Place::s3().await;
    let project = Project::new();
    let postings = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    place.put("in/postings/month=2026-10/part.parquet", &postings).await;
    project.pipeline("{inputs: ../in, outputs: ../out}", &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url));
    project.pipeline("delivery:\n", "engine: {scratch: ../scratch}\ndelivery:\n");
    (place, project)
}

/// The run, held at the n-th request of this kind.
async fn held(place: &Place, project: &Project, method: Method, ending: &str, nth: usize) -> (Running, Gate) {
    let gate = Gate::closed();
    place.server.as_ref().expect("a server").plan(method, ending, nth, Fault::Hold(gate.clone()));
    let running = project.start(&place.environment);
    gate.reached().await;
    (running, gate)
}

async fn ended(running: Running) -> Ended {
    tokio::task::spawn_blocking(move || running.ended()).await.expect("ends")
}

async fn run(project: &Project, environment: &[(String, String)]) -> Ended {
    ended(project.start(environment)).await
}

fn scratch(project: &Project) -> usize {
    fs::read_dir(project.path("scratch")).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_signal_while_reading_or_building_leaves_nothing_and_the_next_run_publishes() {
    let (place, project) = remote().await;
    assert_eq!(run(&project, &place.environment).await.code, 0);
    let reads = place.server.as_ref().expect("a server").count(&Method::GET, "part.parquet");
    let requests = (1..=reads).map(|nth| (Method::GET, "part.parquet", nth)).chain([(Method::PUT, ".parquet", 1)]);
    let mut in_a_build = 0;
    for (method, ending, nth) in requests {
        let (place, project) = remote().await;
        let (running, _gate) = held(&place, &project, method.clone(), ending, nth).await;
        in_a_build += scratch(&project);
        running.signal("TERM");
        let stopped = ended(running).await;
        assert_eq!(stopped.code, 75, "{method} {nth}: {stopped:?}");
        assert!(stopped.stderr.contains("nothing was published"), "{method} {nth}: {stopped:?}");
        assert_eq!(scratch(&project), 0, "{method} {nth}");
        assert!(!place.content().await.keys().any(|key| key.contains("/log/")), "{method} {nth}");
        assert!(project.mails().is_empty());
        let next = run(&project, &place.environment).await;
        assert!(next.code == 0 && next.stdout.contains("publication 1, revision 1"), "{method} {nth}: {next:?}");
        assert_eq!(project.mails().len(), 1, "{method} {nth}");
    }
    assert!(in_a_build > 1, "while reading, and while writing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_signal_during_the_commit_waits_for_it_and_leaves_the_mail_to_the_next_run() {
    let (place, project) = remote().await;
    let (mut running, gate) = held(&place, &project, Method::PUT, "/log/00000000000000000001.json", 1).await;
    running.signal("TERM");
    let running = tokio::task::spawn_blocking(move || {
        running.hear(FINISHING);
        running
    });
    let running = running.await.expect("hears");
    gate.open();
    let stopped = ended(running).await;
    assert_eq!(stopped.code, 80, "{stopped:?}");
    assert!(stopped.stdout.contains("publication 1, revision 1"), "{stopped:?}");
    assert!(stopped.stdout.contains("to f***@shop.example: not tried"), "{stopped:?}");
    assert_eq!(scratch(&project), 0);
    assert!(place.content().await.contains_key("out/current.json"), "what the commit entails is done");
    let next = run(&project, &place.environment).await;
    assert!(next.code == 0 && next.stdout.contains("nothing due"), "{next:?}");
    assert_eq!(project.mails().len(), 1);
}

/// A project with two recipients, at a relay that holds the first message.
async fn at_a_slow_relay() -> (MailRelay, Gate, Project, [String; 2]) {
    let gate = Gate::closed();
    let relay = MailRelay::scripted(Script { gate: Some(gate.clone()), ..Script::default() }).await;
    let project = Project::new();
    let people = ["fin@shop.example", "cfo@shop.example"].map(str::to_owned);
    project.pipeline("['Fin <fin@shop.example>']", "['Fin <fin@shop.example>', 'Boss <cfo@shop.example>']");
    project.pipeline("{directory: ../outbox}", &relay.transport);
    project.pipeline("delivery:\n", "engine: {scratch: ../scratch}\ndelivery:\n");
    (relay, gate, project, people)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_signal_during_the_mail_finishes_the_one_in_flight_and_the_next_run_sends_the_others() {
    let (relay, gate, project, people) = at_a_slow_relay().await;
    let mut running = project.start(&relay.environment);
    gate.reached().await;
    running.signal("TERM");
    let hearing = tokio::task::spawn_blocking(move || {
        running.hear(FINISHING);
        running
    });
    let running = hearing.await.expect("hears");
    gate.open();
    let stopped = ended(running).await;
    assert_eq!(stopped.code, 80, "{stopped:?}");
    assert!(stopped.stdout.contains("to f***@shop.example: accepted"), "{stopped:?}");
    assert!(stopped.stdout.contains("to c***@shop.example: not tried"), "{stopped:?}");
    let next = run(&project, &relay.environment).await;
    assert_eq!(next.code, 0, "{next:?}");
    for person in people {
        assert_eq!(relay.accepted(&person).len(), 1, "{person} gets it once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_while_the_relay_has_a_mail_leaves_a_doubt_that_no_later_run_sends_again() {
    let (relay, gate, project, people) = at_a_slow_relay().await;
    let running = project.start(&relay.environment);
    gate.reached().await;
    running.signal("KILL");
    ended(running).await;
    relay.behave(Script::default());
    for _ in 0..2 {
        let next = run(&project, &relay.environment).await;
        assert_eq!(next.code, 80, "{next:?}");
        assert!(next.stdout.contains("to f***@shop.example: in doubt"), "{next:?}");
    }
    for person in people {
        assert_eq!(relay.accepted(&person).len(), 1, "{person} gets it once");
    }
}
