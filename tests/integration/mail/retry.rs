//! What a relay puts off: when it is tried again, by this run or the next, and when no longer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use tieout::error::Exit;
use tieout::mail::{Policy, Status, Way, backoff, deliver};
use tieout::pipeline::{Environment, Pipeline};

use super::post::{BY_ANN, FINANCE, HOLD, Post, entries};
use crate::fixtures::project::Project;
use crate::fixtures::smtp::Script;

fn later() -> Script {
    Script { replies: vec![("RCPT", "451 4.7.1 greylisted")], ..Script::default() }
}

fn attempts(post: &Post) -> usize {
    post.relay.lines().iter().filter(|line| line.starts_with("RCPT")).count()
}

#[test]
fn attempts_are_further_and_further_apart_up_to_an_hour() {
    let minutes: Vec<i64> = (1..=6).map(|tries| backoff(tries).as_mins()).collect();
    assert_eq!(minutes, [1, 5, 15, 60, 60, 60]);
}

#[tokio::test]
async fn a_run_leaves_alone_what_is_not_due_yet() {
    let post = Post::new(later()).await;
    assert!(matches!(post.finance("run-0").await, Status::Deferred { code: Some(451), .. }));
    for (tries, wait) in [1, 5, 15, 60, 60].into_iter().enumerate() {
        post.clock.advance(wait - 1);
        let report = post.run("early", &[FINANCE.address]).await;
        assert!(matches!(report.delivered[0].status, Status::Waiting { .. }), "{report}");
        assert_eq!(report.exit(), Exit::DeliveryIncomplete);
        assert_eq!(attempts(&post), tries + 1);
        post.clock.advance(1);
        assert!(matches!(post.finance(&format!("run-{}", tries + 1)).await, Status::Deferred { .. }));
    }
    let report = post.run("early", &[FINANCE.address]).await;
    insta::assert_snapshot!(report.to_string(), @r"
    0 of 1 delivered
    error[E624]: f***@shop.example deferred until 2026-11-07T08:38:00Z (p/2026-10/r/r1): 451 4.7.1 greylisted
    ");
}

#[tokio::test]
async fn a_relay_that_failed_for_everybody_is_tried_by_the_next_run_at_once() {
    let post = Post::new(Script { replies: vec![("AUTH", "454 4.7.0 not now")], ..Script::default() }).await;
    assert_eq!(post.run("run-1", &[FINANCE.address]).await.exit(), Exit::Unreachable);
    post.relay.behave(Script::default());
    assert!(matches!(post.finance("run-2").await, Status::Accepted { .. }));
}

#[tokio::test]
async fn a_record_of_another_clock_keeps_nobody_waiting() {
    let post = Post::new(later()).await;
    post.clock.advance(600);
    post.finance("ahead").await;
    post.clock.advance(-600);
    post.relay.behave(Script::default());
    assert!(matches!(post.finance("run-2").await, Status::Accepted { .. }));
}

#[tokio::test]
async fn after_its_deadline_a_mail_is_given_up_and_that_is_said_once() {
    let post = Post::new(later()).await;
    post.finance("run-1").await;
    post.clock.advance(72 * 60);
    let report = post.run("run-2", &[FINANCE.address]).await;
    assert_eq!((attempts(&post), report.exit()), (1, Exit::DeliveryIncomplete), "{report}");
    insta::assert_snapshot!(report.to_string(), @r"
    0 of 1 delivered
    error[E624]: f***@shop.example expired (p/2026-10/r/r1): not tried after 2026-11-10T05:17:00Z: 451 4.7.1 greylisted
    ");
    let report = post.run("run-3", &[FINANCE.address]).await;
    assert!(matches!(report.delivered[0].status, Status::AlreadyExpired { .. }), "{report}");
    assert_eq!(report.exit(), Exit::Done);

    post.relay.behave(Script::default());
    post.ledger("person").resend(FINANCE, BY_ANN).await.expect("given up");
    assert!(matches!(post.finance("run-4").await, Status::Accepted { .. }));
}

#[tokio::test]
async fn one_run_tries_again_when_it_has_time_for_that() {
    let mut post =
        Post::new(Script { replies: vec![("RCPT TO:<finance@", "451 4.7.1 greylisted")], ..Script::default() }).await;
    post.policy = Policy { retry_for: Duration::from_mins(10), ..HOLD };
    let people = [FINANCE.address, "growth@shop.example"];
    let running = post.run("run-1", &people);
    let time_passes = async {
        // Growth comes after finance: by then finance is put off.
        while post.copies(people[1]) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        post.relay.behave(Script::default());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(post.copies(people[0]), 0, "not before it is due");
        post.clock.advance(1);
    };
    let (report, ()) = tokio::join!(running, time_passes);
    assert_eq!(report.exit(), Exit::Done, "{report}");
    assert_eq!((post.copies(people[0]), post.copies(people[1])), (1, 1));
}

#[tokio::test]
async fn one_run_waits_for_a_relay_that_is_restarted() {
    let mut post = Post::new(Script { gone_at: Some("greeting"), ..Script::default() }).await;
    post.policy = Policy { retry_for: Duration::from_mins(10), ..HOLD };
    let people = [FINANCE.address, "growth@shop.example", "cfo@shop.example"];
    let (transport, ledger) = (post.transport(), post.ledger("run-1"));
    let way = Way { transport: &transport, ledger: &ledger, policy: post.policy };
    let entries = entries(&people);
    let running = deliver(&entries, way, || false);
    let time_passes = async {
        while post.ledger("asking").untold(super::post::ID, &hash(FINANCE.address)).await.expect("a ledger").is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        post.relay.behave(Script::default());
        post.clock.advance(1);
    };
    let (report, ()) = tokio::join!(running, time_passes);
    let report = report.expect("a ledger");
    assert_eq!(report.exit(), Exit::Done, "{report}");
    assert!(people.iter().all(|address| post.copies(address) == 1));
}

#[tokio::test]
async fn a_stop_signal_ends_the_waiting() {
    let mut post = Post::new(later()).await;
    post.policy = Policy { retry_for: Duration::from_mins(10), deadline: SignedDuration::from_hours(24), ..HOLD };
    let (transport, ledger) = (post.transport(), post.ledger("run-1"));
    let way = Way { transport: &transport, ledger: &ledger, policy: post.policy };
    let (entries, stop) = (entries(&[FINANCE.address]), AtomicBool::new(false));
    let running = deliver(&entries, way, || stop.load(Ordering::SeqCst));
    let signal = async {
        while attempts(&post) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.store(true, Ordering::SeqCst);
    };
    let ended = async { tokio::join!(running, signal) };
    let (report, ()) = tokio::time::timeout(Duration::from_secs(20), Box::pin(ended)).await.expect("it ends");
    let report = report.expect("a ledger");
    assert!(matches!(report.delivered[0].status, Status::Deferred { .. }), "{report}");
    assert_eq!(report.exit(), Exit::DeliveryIncomplete);
}

fn hash(address: &str) -> String {
    tieout::mail::recipient_hash(super::post::ID, address)
}

#[test]
fn times_that_make_no_sense_and_operators_elsewhere_are_refused() {
    let project = Project::new();
    project.pipeline(
        "allow_domains: [shop.example]",
        "allow_domains: [shop.example]\n  operators: [ops@evil.example]\n  retry_for: 13h\n  deadline: 5m",
    );
    let problems = Pipeline::load(&project.path("pipelines/postings.yaml"), &Environment::new()).expect_err("wrong");
    let told: Vec<(&str, &str)> = problems.0.iter().map(|one| (one.code, one.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("E612", "`delivery.operators[0]`: domain `evil.example` is not allowed"),
            ("E106", "`13h` is no duration from 0m to 720m"),
            ("E106", "`5m` is no duration from 60m to 129600m"),
        ]
    );
}
