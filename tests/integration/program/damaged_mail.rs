//! A stored message that is damaged concerns its recipient alone: everybody else gets theirs, and what follows is published.

use std::fs;
use std::path::PathBuf;

use super::files_below;
use crate::fixtures::project::Project;

const DOWN: &str = "{smtp: {host: 127.0.0.1, port: 1, tls: plaintext_loopback}}";

/// A publication whose three mails are still owed.
fn owing() -> Project {
    let project = Project::new();
    project.pipeline("delivery:\n", "delivery:\n  operators: ['Ops <ops@shop.example>']\n");
    project.pipeline(
        "['Fin <fin@shop.example>']",
        "['Fin <fin@shop.example>', 'Cfo <cfo@shop.example>', 'Ceo <ceo@shop.example>']",
    );
    project.pipeline("{directory: ../outbox}", DOWN);
    assert_eq!(project.run().code, 69);
    project.pipeline(DOWN, "{directory: ../outbox}");
    project
}

/// Where the message to somebody is stored.
fn message(project: &Project, address: &str) -> PathBuf {
    let stored = files_below(&project.path("out/_tieout/runs"));
    let to = |file: &PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("<{address}>")));
    let is_mail = |file: &&PathBuf| file.extension().is_some_and(|end| end == "eml");
    stored.iter().filter(is_mail).find(|file| to(file)).expect("a message").clone()
}

fn mails_to(project: &Project, address: &str) -> usize {
    project.mails().iter().filter(|mail| mail.contains(&format!("<{address}>"))).count()
}

#[test]
fn a_damaged_message_is_told_to_the_operators_once_and_keeps_nobody_else_from_theirs() {
    let project = owing();
    let damaged = message(&project, "cfo@shop.example");
    let good = fs::read(&damaged).expect("reads");
    fs::write(&damaged, [&good[..], b"more"].concat()).expect("writes");
    let gone = message(&project, "ceo@shop.example");
    let moved = gone.with_extension("moved");
    fs::rename(&gone, &moved).expect("moves");

    let ended = project.run();
    assert_eq!(ended.code, 80, "{ended:?}");
    assert!(ended.stdout.contains("mail monthly to c***@shop.example: damaged (error[E627]"), "{ended:?}");
    assert!(
        ended.stdout.contains("is not the one that was committed") && ended.stdout.contains("is gone"),
        "{ended:?}"
    );
    assert_eq!([mails_to(&project, "fin@shop.example"), mails_to(&project, "cfo@shop.example")], [1, 0]);
    assert_eq!(mails_to(&project, "ops@shop.example"), 1, "the operators are told");
    let listed = project.tieout(&["deliveries", "pipelines/postings.yaml", "list"]);
    assert_eq!(listed.code, 0, "{listed:?}");

    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 2000, None)]);
    let later = project.run();
    assert_eq!(later.code, 80, "what is damaged stays open: {later:?}");
    assert!(later.stdout.contains("(publication 2, revision 2)"), "{later:?}");
    assert_eq!([mails_to(&project, "fin@shop.example"), mails_to(&project, "cfo@shop.example")], [2, 1]);
    assert_eq!(mails_to(&project, "ops@shop.example"), 1, "and only once");

    fs::write(&damaged, good).expect("writes");
    fs::rename(&moved, &gone).expect("moves");
    let mended = project.run();
    assert_eq!(mended.code, 0, "{mended:?}");
    assert_eq!([mails_to(&project, "ceo@shop.example"), mails_to(&project, "cfo@shop.example")], [2, 2]);
}
