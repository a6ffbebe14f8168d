//! The delivery ledger: nobody is mailed twice, nobody is forgotten.

use tieout::error::Exit;
use tieout::mail::{DeliveryReport, Ledger, OutboxEntry, Recipient, State, Status, deliver};
use tieout::store::Location;

use super::mailbox;
use crate::fixtures::places::stores;
use crate::fixtures::smtp::{Relay, Script};

const ID: &str = "p/2026-10/r/r1";
const FINANCE: Recipient<'static> = Recipient { delivery_id: ID, address: "finance@shop.example" };

fn entry(address: &str) -> OutboxEntry {
    OutboxEntry {
        delivery_id: ID.to_owned(),
        from: mailbox(None, "reports@shop.example"),
        to: mailbox(None, address),
        bytes: format!("To: {address}\r\n\r\nhello").into(),
    }
}

/// A store in memory.
fn memory() -> Location {
    stores(&[]).open_for_log(&"memory:///".parse().expect("a URL")).expect("a store")
}

fn ledger(store: &Location, run: &str) -> Ledger {
    Ledger::new(store, run, jiff::Timestamp::UNIX_EPOCH).expect("a ledger")
}

async fn run(relay: &Relay, store: &Location, name: &str, addresses: &[&str]) -> DeliveryReport {
    let entries: Vec<_> = addresses.iter().map(|address| entry(address)).collect();
    deliver(&entries, &relay.transport(), &ledger(store, name), || false).await.expect("a ledger")
}

#[tokio::test]
async fn one_refused_recipient_does_not_keep_the_others_from_theirs() {
    let refuse = vec![("RCPT TO:<gone@", "550 5.1.1 no such user"), ("RCPT TO:<slow@", "451 4.7.1 greylisted")];
    let relay = Relay::start(Script { replies: refuse, ..Script::default() }).await;
    let store = memory();
    let people = ["gone@shop.example", "slow@shop.example", "finance@shop.example"];
    let first = run(&relay, &store, "run-1", &people).await;
    assert_eq!(first.exit(), Exit::DeliveryIncomplete);
    insta::assert_snapshot!(first.to_string(), @r"
    1 of 3 delivered
    error[E623]: g***@shop.example rejected (p/2026-10/r/r1): 550 5.1.1 no such user
    error[E624]: s***@shop.example deferred (p/2026-10/r/r1), next run continues: 451 4.7.1 greylisted
    ");

    relay.behave(Script::default());
    let second = run(&relay, &store, "run-2", &people).await;
    assert_eq!(second.exit(), Exit::Done, "{second}");
    let statuses: Vec<_> = second.delivered.iter().map(|delivered| &delivered.status).collect();
    assert!(matches!(statuses[..], [Status::AlreadyRejected { .. }, Status::Accepted { .. }, Status::AlreadyAccepted]));
    assert_eq!(relay.messages().len(), 2, "finance once, slow once");
}

#[tokio::test]
async fn a_message_in_doubt_is_held_until_a_person_resolves_it() {
    let relay = Relay::start(Script { gone_at: Some("dot"), ..Script::default() }).await;
    let store = memory();
    let first = run(&relay, &store, "run-1", &["finance@shop.example"]).await;
    assert!(matches!(first.delivered[0].status, Status::InDoubt { .. }), "{first}");
    assert_eq!(first.exit(), Exit::DeliveryIncomplete);

    relay.behave(Script::default());
    for name in ["run-2", "run-3"] {
        let again = run(&relay, &store, name, &["finance@shop.example"]).await;
        assert!(matches!(again.delivered[0].status, Status::InDoubt { .. }), "{again}");
        assert_eq!(again.exit(), Exit::DeliveryIncomplete);
    }
    assert_eq!(relay.messages().len(), 1);

    ledger(&store, "person").resolve(FINANCE, false, "never arrived").await.expect("in doubt");
    assert!(ledger(&store, "person").resolve(FINANCE, false, "again").await.is_err());
    let after = run(&relay, &store, "run-4", &["finance@shop.example"]).await;
    assert_eq!(after.exit(), Exit::Done, "{after}");
    assert_eq!(relay.messages().len(), 2);
}

#[tokio::test]
async fn a_relay_that_fails_for_everybody_is_asked_once_and_again_by_the_next_run() {
    let relay = Relay::start(Script { replies: vec![("AUTH", "535 no")], ..Script::default() }).await;
    let store = memory();
    let people = ["finance@shop.example", "growth@shop.example"];
    let first = run(&relay, &store, "run-1", &people).await;
    assert_eq!(first.exit(), Exit::Permission);
    assert_eq!(relay.lines().iter().filter(|line| line.starts_with("AUTH")).count(), 1);
    relay.behave(Script::default());
    assert_eq!(run(&relay, &store, "run-2", &people).await.exit(), Exit::Done);
    assert_eq!(relay.messages().len(), 2);
}

#[tokio::test]
async fn an_attempt_that_was_left_behind_is_fenced_and_can_never_send() {
    let store = memory();
    let paused = ledger(&store, "paused");
    assert_eq!(paused.state(FINANCE).await.expect("a state"), State::Open { attempt: 1 });
    assert!(paused.claim(FINANCE, 1).await.expect("a claim"));

    let relay = Relay::start(Script::default()).await;
    let report = run(&relay, &store, "run-2", &["finance@shop.example"]).await;
    assert_eq!(report.exit(), Exit::Done, "{report}");
    assert!(!paused.announce(FINANCE, 1).await.expect("an answer"), "the paused run must not send");
    assert_eq!(relay.messages().len(), 1);
}

#[tokio::test]
async fn of_many_runs_at_once_one_sends() {
    let relay = Relay::start(Script::default()).await;
    let store = memory();
    let people = ["finance@shop.example"];
    let names: Vec<String> = (0..8).map(|at| format!("run-{at}")).collect();
    let runs = names.iter().map(|name| run(&relay, &store, name, &people));
    futures::future::join_all(runs).await;
    let last = run(&relay, &store, "last", &people).await;
    assert!(relay.messages().len() <= 1 || matches!(last.delivered[0].status, Status::InDoubt { .. }), "{last}");
    assert_eq!(relay.messages().len(), 1, "{last}");
    assert_eq!(last.exit(), Exit::Done, "{last}");
}

#[tokio::test]
async fn keys_of_the_ledger_hold_no_address() {
    let relay = Relay::start(Script::default()).await;
    let store = memory();
    run(&relay, &store, "run-1", &["finance@shop.example"]).await;
    let objects = store.list(&store.root).await.expect("a list");
    let names: Vec<_> = objects.iter().map(|object| object.location.to_string()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("_tieout/mail/p/2026-10/r/r1/") && !name.contains('@')));
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_begins_no_further_message() {
    let relay = Relay::start(Script::default()).await;
    let store = memory();
    let entries = ["finance@shop.example", "growth@shop.example"].map(entry);
    let asked = || !relay.messages().is_empty();
    let report = deliver(&entries, &relay.transport(), &ledger(&store, "run-1"), asked).await.expect("a ledger");
    assert_eq!(report.exit(), Exit::DeliveryIncomplete);
    assert_eq!(report.delivered[1].status, Status::Untried);
    assert_eq!(relay.messages().len(), 1);
}
