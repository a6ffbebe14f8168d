//! A message of which nobody can know whether the relay has it: held, resolved by a person, or sent again once.

use tieout::error::Exit;
use tieout::mail::{State, Status};

use super::post::{BY_ANN, FINANCE, Post, RESEND};
use crate::fixtures::smtp::Script;

async fn in_doubt(script: Script) -> Post {
    let post = Post::new(script).await;
    let status = post.finance("run-1").await;
    assert!(matches!(status, Status::InDoubt { .. }), "{status:?}");
    post.relay.behave(Script::default());
    post
}

fn reply_lost() -> Script {
    Script { gone_at: Some("dot"), ..Script::default() }
}

#[tokio::test]
async fn a_message_in_doubt_is_held_until_a_person_resolves_it() {
    let post = in_doubt(reply_lost()).await;
    for name in ["run-2", "run-3"] {
        post.clock.advance(60);
        let again = post.run(name, &[FINANCE.address]).await;
        assert!(matches!(again.delivered[0].status, Status::InDoubt { .. }), "{again}");
        assert_eq!(again.exit(), Exit::DeliveryIncomplete);
    }
    assert_eq!(post.relay.messages().len(), 1);

    post.ledger("person").resolve(FINANCE, false, BY_ANN).await.expect("in doubt");
    assert!(post.ledger("person").resolve(FINANCE, false, BY_ANN).await.is_err());
    assert!(matches!(post.finance("run-4").await, Status::Accepted { .. }));
    assert_eq!(post.relay.messages().len(), 2);
    assert!(matches!(post.state(FINANCE.address).await, State::Accepted { resent: true, .. }));
}

#[tokio::test]
async fn whoever_has_it_is_sent_nothing_more() {
    let post = in_doubt(reply_lost()).await;
    post.ledger("person").resolve(FINANCE, true, BY_ANN).await.expect("in doubt");
    assert_eq!(post.finance("run-2").await, Status::AlreadyAccepted);
    assert_eq!(post.relay.messages().len(), 1);
}

#[tokio::test]
async fn a_person_can_ask_for_it_after_its_deadline() {
    let post = in_doubt(Script { gone_at: Some("lost"), ..Script::default() }).await;
    post.clock.advance(100 * 60);
    post.ledger("person").resolve(FINANCE, false, BY_ANN).await.expect("in doubt");
    assert!(matches!(post.finance("run-2").await, Status::Accepted { .. }));
    assert_eq!(post.copies(FINANCE.address), 1);
}

#[tokio::test]
async fn a_doubt_is_sent_again_once_and_not_before_its_attempt_is_over() {
    let mut post = in_doubt(reply_lost()).await;
    post.policy = RESEND;
    post.clock.advance(14);
    assert!(matches!(post.finance("run-2").await, Status::InDoubt { .. }));
    post.clock.advance(1);
    let status = post.finance("run-3").await;
    let (state, detail, complete) = status.said();
    assert_eq!((state.as_str(), complete), ("accepted", true));
    assert_eq!(detail.as_deref(), Some("resent after a doubt; 2.0.0 queued as 4711"));
    let messages = post.relay.messages();
    assert_eq!((messages.len(), &messages[0]), (2, &messages[1]), "the same bytes");
    assert_eq!(post.finance("run-4").await, Status::AlreadyAccepted);
}

#[tokio::test]
async fn a_second_doubt_is_held() {
    let mut post = in_doubt(reply_lost()).await;
    post.policy = RESEND;
    post.relay.behave(reply_lost());
    post.clock.advance(15);
    assert!(matches!(post.finance("run-2").await, Status::InDoubt { .. }));
    post.relay.behave(Script::default());
    for name in ["run-3", "run-4"] {
        post.clock.advance(60);
        assert!(matches!(post.finance(name).await, Status::InDoubt { .. }));
    }
    assert_eq!(post.copies(FINANCE.address), 2);
}

#[tokio::test]
async fn a_doubt_stays_one_while_sending_again_is_put_off_and_when_it_is_refused() {
    for (reply, sent_later) in [("451 4.7.1 later", true), ("550 5.1.1 no such user", false)] {
        let mut post = in_doubt(reply_lost()).await;
        post.policy = RESEND;
        post.relay.behave(Script { replies: vec![("RCPT", reply)], ..Script::default() });
        post.clock.advance(15);
        assert!(matches!(post.finance("run-2").await, Status::InDoubt { .. }), "{reply}");
        post.relay.behave(Script::default());
        post.clock.advance(60);
        let status = post.finance("run-3").await;
        assert_eq!(matches!(status, Status::Accepted { resent: true, .. }), sent_later, "{reply}: {status:?}");
        post.policy = super::post::HOLD;
        let held = matches!(post.state(FINANCE.address).await, State::InDoubt(_));
        assert_eq!(held, !sent_later, "{reply}");
    }
}

#[tokio::test]
async fn a_copy_that_a_person_wants_is_sent_whatever_was_before() {
    let post = Post::new(Script::default()).await;
    let person = post.ledger("person");
    assert!(person.resend(FINANCE, BY_ANN).await.is_err(), "the next run sends it anyhow");
    post.finance("run-1").await;
    person.resend(FINANCE, BY_ANN).await.expect("settled");
    assert!(matches!(post.finance("run-2").await, Status::Accepted { resent: false, .. }));
    assert_eq!(post.finance("run-3").await, Status::AlreadyAccepted);
    assert_eq!(post.copies(FINANCE.address), 2);

    let rejected = "gone@shop.example";
    post.relay.behave(Script { replies: vec![("RCPT", "550 5.1.1 no such user")], ..Script::default() });
    post.run("run-4", &[rejected]).await;
    post.relay.behave(Script::default());
    post.clock.advance(200 * 60);
    person.resend(super::post::to(rejected), BY_ANN).await.expect("settled");
    post.run("run-5", &[rejected]).await;
    assert_eq!(post.copies(rejected), 1);
}
