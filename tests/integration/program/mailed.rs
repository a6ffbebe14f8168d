//! Whole runs that mail through a relay: each recipient gets each report once, and as it was made.

use std::fs;

use mail_parser::{MessageParser, MimeHeaders as _};

use crate::fixtures::project::Project;
use crate::fixtures::relays::MailRelay;

/// A project whose report goes to two people by this relay, with attachments and with what relays stumble over.
fn project(relay: &MailRelay) -> (Project, [String; 2]) {
    let project = Project::new();
    let people = ["fin", "cfo"].map(|name| format!("{name}-{}@shop.example", relay.unique));
    project.pipeline("{directory: ../outbox}", &relay.transport);
    project.pipeline("['Fin <fin@shop.example>']", &format!("['Fin <{}>', 'Größe <{}>']", people[0], people[1]));
    project.pipeline(
        "audience: finance}",
        "audience: finance, attachments: [{name: 'postings_{period}.csv', queries: [total]}, \
         {name: 'postings_{period}.xlsx', queries: [total]}]}",
    );
    project.file("reports/monthly/subject.txt", "Postings {{ period }}: größer als je".as_bytes());
    project.file(
        "reports/monthly/body.txt",
        "{% for row in tables.total.rows %}Größe 🧦 {{ row.amount }}\n{% endfor %}.\n..\nFrom here\n".as_bytes(),
    );
    (project, people)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_accepts_each_mail_once_and_intact() {
    for relay in MailRelay::all().await {
        let (project, people) = project(&relay);
        let environment = relay.environment.clone();
        let (first, second, project) = tokio::task::spawn_blocking(move || {
            (project.run_with(&environment), project.run_with(&environment), project)
        })
        .await
        .expect("runs");
        assert_eq!(first.code, 0, "{}: {first:?}", relay.kind);
        assert_eq!(first.stdout.matches(": accepted (").count(), 2, "{}: {first:?}", relay.kind);
        assert!(second.code == 0 && second.stdout.contains("nothing due"), "{}: {second:?}", relay.kind);
        assert_eq!(second.stdout.matches(": already accepted").count(), 2, "{}: {second:?}", relay.kind);
        let committed = committed(&project);
        assert_eq!(committed.len(), 2, "{}", relay.kind);
        for person in &people {
            let accepted = relay.accepted(person);
            assert_eq!(accepted.len(), 1, "{}: {person} gets it once", relay.kind);
            intact(&accepted[0], person);
            let same = |message: &Vec<u8>| message.trim_ascii_end() == accepted[0].trim_ascii_end();
            assert!(committed.iter().any(same), "{}: the bytes that were committed", relay.kind);
        }
        assert!(!format!("{first:?}{second:?}").contains(&people[0]), "addresses are masked");
    }
}

/// The message as a mail program shows it.
fn intact(message: &[u8], person: &str) {
    let mail = MessageParser::default().parse(message).expect("a message");
    let address = |list: Option<&mail_parser::Address<'_>>| {
        list.and_then(|list| list.first()).and_then(|one| one.address()).map(str::to_owned)
    };
    assert_eq!(address(mail.to()).as_deref(), Some(person));
    assert_eq!(address(mail.from()).as_deref(), Some("tieout@shop.example"));
    assert_eq!(mail.subject(), Some("Postings 2026-10: größer als je"));
    assert!(mail.message_id().is_some_and(|id| id.ends_with("@shop.example")), "{:?}", mail.message_id());
    assert!(mail.date().is_some());
    let kinds: Vec<String> = mail
        .parts
        .iter()
        .filter_map(|part| part.content_type())
        .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()))
        .collect();
    assert_eq!(
        kinds,
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "text/csv",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        ]
    );
    let text = mail.body_text(0).expect("plain text").replace("\r\n", "\n");
    assert_eq!(text, "Größe 🧦 10.00\n.\n..\nFrom here\n");
    let html = mail.body_html(0).expect("HTML");
    assert!(html.contains("<p>10.00</p>"), "{html}");
    let files: Vec<_> = mail.attachments().map(|part| (part.attachment_name(), part.contents())).collect();
    assert_eq!(files[0].0, Some("postings_2026-10.csv"));
    assert!(String::from_utf8_lossy(files[0].1).contains("10.00"), "{:?}", files[0]);
    assert_eq!(files[1].0, Some("postings_2026-10.xlsx"));
    assert!(files[1].1.starts_with(b"PK"), "a spreadsheet");
    assert_eq!(files.len(), 2);
}

/// The messages that the publication owes.
fn committed(project: &Project) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for run in fs::read_dir(project.path("out/_tieout/runs")).expect("runs").flatten() {
        for report in fs::read_dir(run.path().join("mail")).into_iter().flatten().flatten() {
            let files = fs::read_dir(report.path()).expect("messages").flatten();
            messages.extend(files.map(|file| fs::read(file.path()).expect("a message")));
        }
    }
    messages
}
