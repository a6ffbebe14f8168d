//! Whoever operates the pipeline is told of a run that came to nothing, once; whoever reads its reports never is.

use std::fs;

use mail_parser::MessageParser;

use crate::fixtures::project::Project;

fn project() -> Project {
    let project = Project::new();
    project.pipeline("delivery:\n", "delivery:\n  operators: ['Ops <ops@shop.example>']\n");
    project
}

/// The mails in the outbox, by whom they are for.
fn mails_to(project: &Project, address: &str) -> usize {
    project.mails().iter().filter(|mail| mail.contains(&format!("<{address}>"))).count()
}

/// The text of the only mail there is.
fn text(project: &Project) -> String {
    let mails = project.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = MessageParser::default().parse(mails[0].as_bytes()).expect("a message");
    mail.body_text(0).expect("plain text").into_owned()
}

#[test]
fn of_a_run_that_is_held_the_operators_are_told_once_and_the_readers_never() {
    let project = project();
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", -1000, None)]);
    for _ in 0..3 {
        assert_eq!(project.run().code, 79);
    }
    assert_eq!((mails_to(&project, "ops@shop.example"), mails_to(&project, "fin@shop.example")), (1, 0));
    let notice = text(&project);
    assert!(notice.contains("was not published") && notice.contains("negative: a, amount -10.00"), "{notice}");

    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    assert_eq!(project.run().code, 0);
    assert_eq!((mails_to(&project, "ops@shop.example"), mails_to(&project, "fin@shop.example")), (1, 1));
}

#[test]
fn of_a_run_that_fails_the_operators_are_told_once_with_its_error_and_every_run_leaves_how_it_ended() {
    let project = project();
    project.file("in/postings/month=2026-10/part.parquet", b"no Parquet");
    for _ in 0..2 {
        assert_eq!(project.run().code, 65);
    }
    let notice = text(&project);
    assert!(notice.contains("E303") && notice.contains("part.parquet"), "{notice}");
    let runs = fs::read_dir(project.path("out/_tieout/runs")).expect("runs").flatten();
    let endings: Vec<String> =
        runs.map(|run| fs::read_to_string(run.path().join("outcome.json")).expect("how it ended")).collect();
    assert!(endings.len() == 2 && endings.iter().all(|ending| ending.contains("\"failed\"")), "{endings:?}");
}
