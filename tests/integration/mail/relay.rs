//! What a relay can do to one message, and that nothing waits for ever or goes out unencrypted.

use std::time::{Duration, Instant};

use tieout::error::Exit;
use tieout::mail::{Envelope, MailError, Outcome, Transport, send};
use tieout::pipeline::{Smtp, Tls};

use super::mailbox;
use crate::fixtures::smtp::{QUICK, Relay, Script};

fn envelope() -> Envelope {
    Envelope {
        delivery_id: "p/2026-10/r/r1".to_owned(),
        from: mailbox(None, "reports@shop.example"),
        to: mailbox(None, "finance@shop.example"),
    }
}

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nfirst\r\n.\r\n..second\r\nlast";

async fn outcome(script: Script) -> Result<Outcome, MailError> {
    let relay = Relay::start(script).await;
    send(&relay.transport(), &envelope(), MESSAGE).await
}

async fn failure(script: Script) -> MailError {
    outcome(script).await.expect_err("a failure that concerns everybody")
}

#[tokio::test]
async fn an_accepted_message_arrived_as_it_is_and_encrypted() {
    let relay = Relay::start(Script::default()).await;
    let outcome = send(&relay.transport(), &envelope(), MESSAGE).await.expect("sent");
    assert_eq!(outcome, Outcome::Accepted { reply: "2.0.0 queued as 4711".to_owned() });
    let stuffed = String::from_utf8(relay.messages()[0].clone()).expect("text");
    assert_eq!(stuffed.replace("\r\n..", "\r\n.").as_bytes(), MESSAGE);
    let lines = relay.lines();
    let starttls = lines.iter().position(|line| line == "STARTTLS").expect("STARTTLS");
    let login = lines.iter().position(|line| line.starts_with("AUTH")).expect("AUTH");
    assert!(starttls < login, "{lines:?}");
}

#[tokio::test]
async fn tls_from_the_first_byte_works_too() {
    let relay = Relay::start(Script { wrapper: true, starttls: false, ..Script::default() }).await;
    let transport = Transport::Smtp { relay: relay.smtp(Tls::Wrapper), timeouts: QUICK };
    let outcome = send(&transport, &envelope(), MESSAGE).await.expect("sent");
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_relay_without_starttls_sees_neither_login_nor_mail() {
    let relay = Relay::start(Script { starttls: false, ..Script::default() }).await;
    let error = send(&relay.transport(), &envelope(), MESSAGE).await.expect_err("unencrypted");
    assert!(error.to_string().starts_with("error[E620]: localhost offers no STARTTLS"), "{error}");
    assert_eq!(error.exit(), Exit::Unreachable);
    assert!(relay.lines().iter().all(|line| line.starts_with("EHLO")), "{:?}", relay.lines());
}

#[tokio::test]
async fn a_certificate_of_another_name_or_authority_is_refused() {
    let error = failure(Script { certified_name: "evil.example", ..Script::default() }).await;
    assert!(matches!(error, MailError::Tls { .. }), "{error:?}");
    assert_eq!(error.exit(), Exit::Unreachable);
    for tls in [Tls::Required, Tls::Wrapper] {
        let relay = Relay::start(Script { wrapper: tls == Tls::Wrapper, ..Script::default() }).await;
        let untrusting = Smtp { root_certificate: None, ..relay.smtp(tls) };
        let transport = Transport::Smtp { relay: untrusting, timeouts: QUICK };
        let error = send(&transport, &envelope(), MESSAGE).await.expect_err("untrusted");
        assert!(matches!(error, MailError::Tls { .. }), "{tls:?}: {error:?}");
        assert!(!relay.lines().iter().any(|line| line.starts_with("AUTH")), "{:?}", relay.lines());
    }
}

#[tokio::test]
async fn replies_slipped_in_before_encryption_are_not_the_relays() {
    let error =
        failure(Script { injected: "\r\n250-x\r\n250 AUTH PLAIN\r\n235 ok\r\n250 ok", ..Script::default() }).await;
    assert!(matches!(error, MailError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn plaintext_is_for_loopback_alone() {
    let relay = Relay::start(Script { starttls: false, ..Script::default() }).await;
    let plain = relay.smtp(Tls::PlaintextLoopback);
    let transport = Transport::Smtp { relay: plain.clone(), timeouts: QUICK };
    assert!(matches!(send(&transport, &envelope(), MESSAGE).await, Ok(Outcome::Accepted { .. })));
    let elsewhere = Smtp { host: "mail.shop.example".to_owned(), ..plain };
    let transport = Transport::Smtp { relay: elsewhere, timeouts: QUICK };
    let error = send(&transport, &envelope(), MESSAGE).await.expect_err("not loopback");
    assert!(matches!(error, MailError::NotLoopback { .. }), "{error:?}");
}

#[tokio::test]
async fn a_refused_login_names_the_user_masked_and_no_password() {
    let error =
        failure(Script { replies: vec![("AUTH", "535 5.7.8 hunter2-canary is wrong")], ..Script::default() }).await;
    assert_eq!(error.exit(), Exit::Permission);
    assert_eq!(error.to_string(), "error[E621]: localhost refused to log in user s***@shop.example");
    let shown = format!("{error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn silence_at_any_step_ends_within_its_limit() {
    for silent_at in ["greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"] {
        let started = Instant::now();
        let error = failure(Script { silent_at: Some(silent_at), ..Script::default() }).await;
        assert!(matches!(error, MailError::NoReply { .. }), "{silent_at}: {error:?}");
        assert_eq!(error.exit(), Exit::Unreachable);
        assert!(started.elapsed() < Duration::from_secs(20), "{silent_at}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn silence_after_the_dot_is_a_doubt_and_before_it_is_none() {
    let after = outcome(Script { silent_at: Some("dot"), ..Script::default() }).await.expect("an outcome");
    assert!(matches!(after, Outcome::InDoubt { .. }), "{after:?}");
    let relay = Relay::start(Script { silent_at: Some("body"), ..Script::default() }).await;
    let large = vec![b'x'; 24 * 1024 * 1024];
    let before = send(&relay.transport(), &envelope(), &large).await.expect("an outcome");
    assert!(matches!(before, Outcome::Deferred { code: None, .. }), "{before:?}");
}

#[tokio::test]
async fn a_connection_lost_after_the_dot_is_a_doubt_and_before_it_is_none() {
    let after = outcome(Script { gone_at: Some("dot"), ..Script::default() }).await.expect("an outcome");
    assert!(matches!(after, Outcome::InDoubt { .. }), "{after:?}");
    let relay = Relay::start(Script { gone_at: Some("body"), ..Script::default() }).await;
    let large = vec![b'x'; 24 * 1024 * 1024];
    let before = send(&relay.transport(), &envelope(), &large).await.expect("an outcome");
    assert!(matches!(before, Outcome::Deferred { code: None, .. }), "{before:?}");
}

#[tokio::test]
async fn replies_decide_between_now_later_and_never() {
    let reply = |at, reply| outcome(Script { replies: vec![(at, reply)], ..Script::default() });
    for at in ["MAIL", "RCPT", "DATA"] {
        let never = reply(at, "550 5.1.1 no such user").await.expect("an outcome");
        assert_eq!(never, Outcome::Rejected { code: 550, text: "5.1.1 no such user".to_owned() }, "{at}");
        let later = reply(at, "451 4.7.1 greylisted").await.expect("an outcome");
        assert_eq!(later, Outcome::Deferred { code: Some(451), text: "4.7.1 greylisted".to_owned() }, "{at}");
    }
    let never = reply("dot", "554 5.6.0 looks like spam").await.expect("an outcome");
    assert!(matches!(never, Outcome::Rejected { code: 554, .. }), "{never:?}");
    let later = reply("dot", "452 4.3.1 disk full").await.expect("an outcome");
    assert!(matches!(later, Outcome::Deferred { code: Some(452), .. }), "{later:?}");
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_an_error() {
    let relay = Relay::start(Script::default()).await;
    let transport = Transport::Smtp { relay: Smtp { port: 1, ..relay.smtp(Tls::Required) }, timeouts: QUICK };
    let error = send(&transport, &envelope(), MESSAGE).await.expect_err("nobody listens");
    assert!(error.to_string().starts_with("error[E622]: localhost cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_directory_gets_each_message_once_and_shows_no_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let transport = Transport::Directory(folder.path().join("outbox"));
    for _ in 0..2 {
        let outcome = send(&transport, &envelope(), MESSAGE).await.expect("written");
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    let delivery = folder.path().join("outbox").join("p_2026-10_r_r1");
    let files: Vec<_> =
        std::fs::read_dir(&delivery).expect("a folder").map(|file| file.expect("a file").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(std::fs::read(&files[0]).expect("a file"), MESSAGE);
    assert!(!files[0].display().to_string().contains("finance"));
}
