//! `render`: what was published as it was published, and a preview where it is something else.

use std::fs;

use crate::fixtures::project::Project;

/// A project whose report prints what it is, and whose check warns.
fn project() -> Project {
    let project = Project::new();
    project.file("checks/large.sql", b"-- large postings\nselect id as detail, amount from postings where amount > 9");
    project.pipeline("  directories: [../checks]", "  directories: [../checks]\n  settings: {large: {severity: warn}}");
    let text = "{% if replaces %}RESTATED {% endif %}r{{ revision }} p{{ publication }} {{ placed.rows_in }}: \
                {% for finding in findings %}{{ finding.check }} {{ finding.message }} {% endfor %}\
                {% for row in tables.total.rows %}{{ row.amount }}{% endfor %}\n";
    project.file("reports/monthly/body.txt", text.as_bytes());
    project
}

/// What `render` says, and the text it made.
fn rendered(project: &Project, more: &[&str]) -> (String, String) {
    let args = [&["render", "pipelines/postings.yaml", "--to", "shown"], more].concat();
    let ended = project.tieout(&args);
    assert_eq!(ended.code, 0, "{ended:?}");
    (ended.stdout, fs::read_to_string(project.path("shown/monthly/body.txt")).expect("rendered"))
}

fn subject(project: &Project) -> String {
    fs::read_to_string(project.path("shown/monthly/subject.txt")).expect("rendered")
}

fn restate(project: &Project, cents: i128) {
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", cents, None)]);
    assert_eq!(project.run().code, 0);
}

#[test]
fn the_published_revision_is_rendered_with_its_findings() {
    let project = project();
    assert_eq!(project.run().code, 0);
    let (said, text) = rendered(&project, &[]);
    assert!(said.starts_with("monthly 2026-10, revision 1, publication 1: as it was mailed\n"), "{said}");
    assert_eq!(text, "r1 p1 1: large a 10.00\n");
    assert_eq!(subject(&project), "Postings 2026-10");
    restate(&project, 2000);
    let (said, text) = rendered(&project, &[]);
    assert!(said.starts_with("monthly 2026-10, revision 2, publication 2: as it was mailed\n"), "{said}");
    assert_eq!(text, "RESTATED r2 p2 1: large a 20.00\n");
    assert!(said.contains("shown/monthly/body.html"), "{said}");
}

#[test]
fn an_edited_template_is_a_preview_with_the_published_figures_and_findings() {
    let project = project();
    assert_eq!(project.run().code, 0);
    project.file("reports/monthly/body.txt", b"{{ findings | length }} r{{ revision }} edited\n");
    let (said, text) = rendered(&project, &[]);
    assert!(said.contains("PREVIEW, its templates or queries have changed since"), "{said}");
    assert_eq!(text, "1 r1 edited\n");
    assert_eq!(subject(&project), "PREVIEW: Postings 2026-10");
    project.file("reports/monthly/total.sql", b"-- doubled\nselect sum(amount) + sum(amount) as amount from ledger");
    let (_, text) = rendered(&project, &[]);
    assert_eq!(text, "1 r2 edited\n", "other figures would be the next revision");
    assert_eq!(project.mails().len(), 1);
}

#[test]
fn a_changed_pipeline_file_is_a_preview() {
    let project = project();
    assert_eq!(project.run().code, 0);
    project.pipeline("currency: EUR", "currency: USD");
    assert!(rendered(&project, &[]).0.contains("PREVIEW, the pipeline file has changed since"));
}

#[test]
fn an_earlier_period_is_rendered_as_it_was_published() {
    let project = project();
    let september = ["run", "pipelines/postings.yaml", "--period", "2026-09"];
    project.postings("2026-09", &[(Some("s"), "2026-09-10T10:00:00Z", 100, None)]);
    assert_eq!(project.tieout(&september).code, 0);
    assert_eq!(project.run().code, 0);
    let (said, text) = rendered(&project, &["--period", "2026-09"]);
    assert!(said.starts_with("monthly 2026-09, revision 1, publication 1: as it was mailed\n"), "{said}");
    assert_eq!(text, "r1 p1 1: 1.00\n");
    let (said, text) = rendered(&project, &["--period", "2026-08"]);
    assert!(said.contains("PREVIEW, no publication was made for 2026-08"), "{said}");
    assert_eq!(text, "r1 p2 n/a: n/a\n");
}

#[test]
fn findings_that_are_no_longer_those_of_the_publication_are_not_shown() {
    let project = project();
    assert_eq!(project.run().code, 0);
    let run = fs::read_dir(project.path("out/_tieout/runs")).expect("runs").flatten().next().expect("a run");
    fs::write(run.path().join("audit.json"), "{}").expect("writes");
    let ended = project.tieout(&["render", "pipelines/postings.yaml"]);
    assert!(ended.code == 78 && ended.stderr.contains("E503"), "{ended:?}");
    assert!(ended.stderr.contains("audit.json`, which has been changed"), "{ended:?}");
}

#[test]
fn a_period_that_was_never_published_is_marked_in_its_body_and_claims_nothing() {
    let project = project();
    assert_eq!(project.run().code, 0);
    project.file("reports/monthly/body.txt", b"{{ preview }} / {{ findings_known }} / {{ placed.asked }}\n");
    let (_, text) = rendered(&project, &["--period", "2026-09"]);
    assert_eq!(text, "no publication was made for 2026-09 / false / false\n");
}
