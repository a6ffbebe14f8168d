//! Notices: to the operators alone, once, in words that can do no harm.

use std::collections::BTreeMap;
use std::fs;

use tieout::checks::Finding;
use tieout::commands::notices::{Notice, notify};
use tieout::error::{Exit, Failure};
use tieout::mail::Status;
use tieout::pipeline::{Pipeline, Severity};
use tieout::publication::Log;

use super::post::START;
use crate::fixtures::clock::SetClock;
use crate::fixtures::places::Place;
use crate::fixtures::project::Project;
use crate::publication::made::log;

struct Watch {
    project: Project,
    pipeline: Pipeline,
    log: Log,
    clock: SetClock,
    _place: Place,
}

impl Watch {
    async fn new(operators: &str) -> Self {
        let project = Project::new();
        project.pipeline(
            "allow_domains: [shop.example]",
            &format!("allow_domains: [shop.example]\n  operators: {operators}"),
        );
        let pipeline = Pipeline::load(&project.path("pipelines/postings.yaml"), &BTreeMap::default());
        let pipeline = pipeline.unwrap_or_else(|problems| panic!("{problems}"));
        let place = Place::s3().await;
        Self { log: log(&place).await, project, pipeline, clock: SetClock::at(START), _place: place }
    }

    async fn tell(&self, notice: Notice<'_>) -> Vec<Status> {
        self.clock.advance(60);
        let told = notify(&self.pipeline, &self.log, &self.clock.invocation(), notice).await;
        told.into_iter().map(|operator| operator.status).collect()
    }

    async fn held(&self, findings: &[Finding]) -> Vec<Status> {
        self.tell(Notice::Held { period: "2026-10", findings }).await
    }

    async fn failed(&self, exit: Exit, error: &str) -> Vec<Status> {
        self.tell(Notice::Failed { period: "2026-10", failure: &Failure::new(exit, error) }).await
    }
}

fn finding(severity: Severity, detail: &str) -> Finding {
    Finding {
        check: "negative".to_owned(),
        severity,
        stream: Some("postings".to_owned()),
        owner: "data@shop.example".to_owned(),
        amount: Some("-12.00".to_owned()),
        detail: detail.to_owned(),
        help: Some("ask jane.doe@shop.example".to_owned()),
    }
}

/// A message with its text decoded.
fn read(message: &str) -> (String, String) {
    let mail = mail_parser::MessageParser::default().parse(message.as_bytes()).expect("a message");
    (mail.subject().expect("a subject").to_owned(), mail.body_text(0).expect("a text").replace("\r\n", "\n"))
}

#[tokio::test]
async fn a_held_run_is_told_once_to_the_operators_and_to_nobody_else() {
    let watch = Watch::new("['Ops <ops@shop.example>', oncall@shop.example]").await;
    let findings = [finding(Severity::Warn, "a warning"), finding(Severity::Block, "3 postings are negative")];
    let first = watch.held(&findings).await;
    assert!(matches!(first[..], [Status::Accepted { .. }, Status::Accepted { .. }]), "{first:?}");
    for _ in 0..3 {
        let again = watch.held(&findings).await;
        assert_eq!(again, [Status::AlreadyAccepted, Status::AlreadyAccepted]);
    }
    let mails = watch.project.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| !mail.contains("fin@shop.example")), "readers are not told");
    let (subject, text) = read(&mails[0]);
    assert_eq!(subject, "HELD: postings 2026-10");
    insta::assert_snapshot!(text, @r"
    postings 2026-10 was not published, and none of its reports was mailed. The previous publication stands.

    What holds it:

    - negative: 3 postings are negative, amount -12.00
      owner: d***@shop.example
      help: ask j***@shop.example

    Correct the source or the check, and start the run again. This is told once.
    ");
    let other = watch.held(&[finding(Severity::Block, "4 postings are negative")]).await;
    assert!(matches!(other[0], Status::Accepted { .. }), "something else is news");
}

#[tokio::test]
async fn hostile_findings_stay_one_line_of_text() {
    let watch = Watch::new("[ops@shop.example]").await;
    let hostile = "x\r\nBcc: thief@evil.example\r\n\r\n\u{202e}evil\u{0}".to_owned() + &"y".repeat(5000);
    watch.held(&[finding(Severity::Block, &hostile)]).await;
    let mails = watch.project.mails();
    assert!(!mails[0].to_lowercase().contains("\nbcc"), "{}", mails[0]);
    let (_, text) = read(&mails[0]);
    assert!(text.contains("- negative: x Bcc: t***@evil.example evil yyy"), "{text}");
    assert!(text.len() < 2000 && !text.contains('\u{202e}'), "{text}");
}

#[tokio::test]
async fn a_failure_is_told_until_it_fails_in_another_way() {
    let mut watch = Watch::new("[ops@shop.example]").await;
    let secret = tieout::pipeline::Secret::new("env:KEY", "hunter2-canary");
    watch.pipeline.storage.options.insert("aws_secret_access_key".to_owned(), tieout::pipeline::Text::Secret(secret));
    let error =
        |run: &str| format!("error[E510]: folder /tmp/tieout-{run} of jane@shop.example: hunter2-canary is wrong");
    assert!(matches!(watch.failed(Exit::Resources, &error("20261107T051700Z-1")).await[0], Status::Accepted { .. }));
    assert_eq!(watch.failed(Exit::Resources, &error("20261107T061700Z-2")).await, [Status::AlreadyAccepted]);
    assert!(matches!(watch.failed(Exit::Internal, &error("20261107T061700Z-2")).await[0], Status::Accepted { .. }));
    let mails = watch.project.mails();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        let (subject, text) = read(&mail);
        assert!(subject.starts_with("FAILED (7"), "{subject}");
        assert!(!text.contains("canary") && text.contains("[secret]"), "{text}");
        assert!(!text.contains("jane") && text.contains("j***@shop.example"), "{text}");
    }
}

#[tokio::test]
async fn without_operators_nobody_is_told() {
    let watch = Watch::new("[]").await;
    assert!(watch.failed(Exit::Internal, "error").await.is_empty());
    assert!(watch.project.mails().is_empty());
}

#[tokio::test]
async fn a_notice_that_cannot_be_sent_is_no_failure_and_goes_out_later() {
    let mut watch = Watch::new("[ops@shop.example]").await;
    let outbox = watch.pipeline.delivery.transport.clone();
    fs::write(watch.project.path("no-folder"), "").expect("a file");
    watch.pipeline.delivery.transport = tieout::pipeline::Transport::Directory(watch.project.path("no-folder"));
    let first = watch.failed(Exit::Internal, "error").await;
    assert!(matches!(first[0], Status::Deferred { .. }), "{first:?}");
    watch.pipeline.delivery.transport = outbox;
    assert!(matches!(watch.failed(Exit::Internal, "error").await[0], Status::Accepted { .. }));
    let mail = watch.project.mails().remove(0);
    assert!(mail.contains("Date: Sat, 07 Nov 2026 06:17:00"), "the bytes of the first attempt: {mail}");
}
