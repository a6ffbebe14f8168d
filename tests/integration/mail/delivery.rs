//! The delivery ledger: nobody is mailed twice, nobody is forgotten.

use std::time::{Duration, Instant};

use tieout::error::Exit;
use tieout::mail::{Next, State, Status, Way, deliver};

use super::post::{FINANCE, Post, entries};
use crate::fixtures::smtp::Script;

#[tokio::test]
async fn one_refused_recipient_does_not_keep_the_others_from_theirs() {
    let refuse = vec![("RCPT TO:<gone@", "550 5.1.1 no such user"), ("RCPT TO:<slow@", "451 4.7.1 greylisted")];
    let post = Post::new(Script { replies: refuse, ..Script::default() }).await;
    let people = ["gone@shop.example", "slow@shop.example", "finance@shop.example"];
    let first = post.run("run-1", &people).await;
    assert_eq!(first.exit(), Exit::DeliveryIncomplete);
    insta::assert_snapshot!(first.to_string(), @r"
    1 of 3 delivered
    error[E623]: g***@shop.example rejected (p/2026-10/r/r1): 550 5.1.1 no such user
    error[E624]: s***@shop.example deferred (p/2026-10/r/r1), next run continues: 451 4.7.1 greylisted
    ");

    post.relay.behave(Script::default());
    post.clock.advance(1);
    let second = post.run("run-2", &people).await;
    assert_eq!(second.exit(), Exit::Done, "{second}");
    let statuses: Vec<_> = second.delivered.iter().map(|delivered| &delivered.status).collect();
    assert!(matches!(statuses[..], [Status::AlreadyRejected { .. }, Status::Accepted { .. }, Status::AlreadyAccepted]));
    assert_eq!(post.relay.messages().len(), 2, "finance once, slow once");
}

#[tokio::test]
async fn a_relay_that_fails_for_everybody_is_asked_once_and_again_by_the_next_run() {
    let post = Post::new(Script { replies: vec![("AUTH", "535 no")], ..Script::default() }).await;
    let people = ["finance@shop.example", "growth@shop.example"];
    let first = post.run("run-1", &people).await;
    assert_eq!(first.exit(), Exit::Permission);
    assert_eq!(post.relay.lines().iter().filter(|line| line.starts_with("AUTH")).count(), 1);
    post.relay.behave(Script::default());
    assert_eq!(post.run("run-2", &people).await.exit(), Exit::Done);
    assert_eq!(post.relay.messages().len(), 2);
}

#[tokio::test]
async fn an_attempt_that_was_left_behind_is_fenced_and_can_never_send() {
    let post = Post::new(Script::default()).await;
    let paused = post.ledger("paused");
    let first = State::Open(Next { attempt: 1, last: None, asked: None });
    assert_eq!(paused.state(FINANCE).await.expect("a state"), first);
    assert!(paused.claim(FINANCE, 1).await.expect("a claim"));

    let report = post.run("run-2", &["finance@shop.example"]).await;
    assert_eq!(report.exit(), Exit::Done, "{report}");
    assert!(!paused.announce(FINANCE, 1).await.expect("an answer"), "the paused run must not send");
    assert_eq!(post.relay.messages().len(), 1);
}

#[tokio::test]
async fn of_many_runs_at_once_one_sends() {
    let post = Post::new(Script::default()).await;
    let people = ["finance@shop.example"];
    let names: Vec<String> = (0..8).map(|at| format!("run-{at}")).collect();
    let runs = names.iter().map(|name| post.run(name, &people));
    futures::future::join_all(runs).await;
    let last = post.run("last", &people).await;
    assert!(post.relay.messages().len() <= 1 || matches!(last.delivered[0].status, Status::InDoubt { .. }), "{last}");
    assert_eq!(post.relay.messages().len(), 1, "{last}");
    assert_eq!(last.exit(), Exit::Done, "{last}");
}

#[tokio::test]
async fn keys_of_the_ledger_hold_no_address() {
    let post = Post::new(Script::default()).await;
    post.run("run-1", &["finance@shop.example"]).await;
    let objects = post.store.list(&post.store.root).await.expect("a list");
    let names: Vec<_> = objects.iter().map(|object| object.location.to_string()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("_tieout/mail/p/2026-10/r/r1/") && !name.contains('@')));
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_begins_no_further_message() {
    let post = Post::new(Script::default()).await;
    let entries = entries(&["finance@shop.example", "growth@shop.example"]);
    let asked = || !post.relay.messages().is_empty();
    let (transport, ledger) = (post.transport(), post.ledger("run-1"));
    let way = Way { transport: &transport, ledger: &ledger, policy: post.policy };
    let report = deliver(&entries, way, asked).await.expect("a ledger");
    assert_eq!(report.exit(), Exit::DeliveryIncomplete);
    assert_eq!(report.delivered[1].status, Status::Untried);
    assert_eq!(post.relay.messages().len(), 1);
}

#[tokio::test]
async fn one_at_whom_the_relay_falls_silent_does_not_starve_the_others() {
    let silent = Script { silent_at: Some("RCPT TO:<mute@"), ..Script::default() };
    let post = Post::new(silent).await;
    let people = ["mute@shop.example", "finance@shop.example", "growth@shop.example"];
    let started = Instant::now();
    let first = post.run("run-1", &people).await;
    assert_eq!(first.exit(), Exit::Unreachable, "{first}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let second = post.run("run-2", &people).await;
    assert_eq!(second.exit(), Exit::DeliveryIncomplete, "{second}");
    assert!(matches!(second.delivered[0].status, Status::Waiting { .. }), "{second}");
    assert_eq!(post.relay.messages().len(), 2, "{second}");
}
