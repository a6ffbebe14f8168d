//! The bytes of a message.

use jiff::Timestamp;
use tieout::mail::{MailError, build};
use tieout::report::{File, Rendered};

use super::{mailbox, rendered};

const ID: &str = "channel_contribution/2026-10/contribution_finance/r1";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn built(rendered: &Rendered, to: &str) -> Result<Vec<u8>, MailError> {
    let from = mailbox(Some("Tie Out"), "reports@shop.example");
    let reply_to = mailbox(None, "data@shop.example");
    let to = mailbox(Some("Head of Finance"), to);
    build(rendered, &from, Some(&reply_to), &to, ID, at("2026-11-07T05:17:00Z"))
}

#[test]
fn a_message_is_the_same_bytes_twice_and_another_recipient_has_another_id() {
    let first = built(&rendered(), "finance@shop.example").expect("a message");
    assert_eq!(first, built(&rendered(), "finance@shop.example").expect("a message"));
    let id = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().find(|line| line.starts_with("Message-ID: ")).expect("an id").to_owned()
    };
    assert_ne!(id(&first), id(&built(&rendered(), "cfo@shop.example").expect("a message")));
    assert!(first.is_ascii(), "relays may refuse eight bits");
}

#[test]
fn a_message_has_text_html_and_attachments() {
    let bytes = built(&rendered(), "finance@shop.example").expect("a message");
    insta::assert_snapshot!(String::from_utf8(bytes).expect("ascii").replace("\r\n", "\n"));
}

#[test]
fn line_ends_in_names_end_no_header() {
    let hostile = "x\r\nBcc: thief@evil.example";
    let to = mailbox(Some(hostile), "finance@shop.example");
    let report = Rendered { subject: "s\r\nBcc: thief@evil.example".to_owned(), ..rendered() };
    let bytes = build(&report, &to, None, &to, ID, at("2026-11-07T05:17:00Z")).expect("a message");
    let text = String::from_utf8(bytes).expect("ascii");
    assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
}

#[test]
fn what_no_header_can_hold_is_an_error() {
    let from = mailbox(None, "reports@shop.example");
    let wrong = mailbox(None, "finance@shop.example\r\nBcc: thief@evil.example");
    let error = build(&rendered(), &from, None, &wrong, ID, at("2026-11-07T05:17:00Z")).expect_err("no address");
    assert!(error.to_string().starts_with("error[E610]: `f***@shop.example"), "{error}");
    let to = mailbox(None, "finance@shop.example");
    let error = build(&rendered(), &from, None, &to, ID, Timestamp::MIN).expect_err("no date");
    assert!(matches!(error, MailError::Date));
}

#[test]
fn a_message_that_relays_would_refuse_is_not_built() {
    let file = File { name: "big.csv".to_owned(), mime: "text/csv", bytes: vec![b'1'; 8 * 1024 * 1024] };
    let report = Rendered { attachments: vec![file], ..rendered() };
    let error = built(&report, "finance@shop.example").expect_err("too large when encoded");
    assert!(error.to_string().starts_with("error[E626]"), "{error}");
}
