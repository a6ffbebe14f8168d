//! Every problem says where it is.

use super::{LEDGER, refused, refused_ledger};
use crate::fixtures::project::Project;

#[test]
fn problems_of_sql_have_line_and_column() {
    let at = |sql: &str| refused_ledger(&format!("-- a model\n{sql}"));
    assert_eq!(at("select 1; select 2"), ["E202 sql/ledger.sql:2:11"]);
    assert_eq!(at("copy (select 1) to 'x'"), ["E202 sql/ledger.sql:2:1"]);
    assert_eq!(at("with a as (select 1) insert into postings select * from a"), ["E202 sql/ledger.sql:2:1"]);
    assert_eq!(at("select id from"), ["E200 sql/ledger.sql:2:11"]);
    let ledger = LEDGER.replace("-- one row per posting\n", "");
    let amount = |text: &str| at(&ledger.replace("p.amount", text));
    assert_eq!(amount("p.amount + $nothing as amount"), ["E126 sql/ledger.sql:2:55"]);
    assert_eq!(
        amount("case when now() is null then p.amount else p.amount end as amount"),
        ["E203 sql/ledger.sql:2:54"]
    );
    assert_eq!(amount("cast(p.amount + 1 / 2 as decimal(18,2)) as amount"), ["E205 sql/ledger.sql:2:60"]);
    assert_eq!(amount("p.amount as betrag"), ["E209 sql/ledger.sql:2:56"]);
    assert_eq!(
        at("select p.id, local_day(p.at) as booked_on from postings as p"),
        ["E209 pipelines/postings.yaml:24:44"]
    );
    assert_eq!(at("select sum(p.amont) as amount from postings as p"), ["E201 sql/ledger.sql:2:12"]);
}

#[test]
fn a_cycle_is_told_where_it_closes() {
    let project = Project::new();
    project.file("sql/a.sql", b"-- a\nselect id from b");
    project.file("sql/b.sql", b"-- b\nselect id\nfrom c");
    project.file("sql/c.sql", b"-- c\nselect a.id from a");
    assert_eq!(refused(&project), ["E119 sql/c.sql:2:18"]);
}

#[test]
fn attachments_settings_and_scopes_are_told_in_the_pipeline_file() {
    let project = Project::new();
    let report = "{directory: ../reports/monthly, audience: finance}";
    project.pipeline(
        report,
        "\n    directory: ../reports/monthly\n    audience: finance\n    attachments:\n      \
         - {name: a.csv, queries: [totl]}\n      - {name: b.exe, queries: [total]}",
    );
    assert_eq!(refused(&project), ["E605 pipelines/postings.yaml:36:16", "E605 pipelines/postings.yaml:35:33"]);

    let project = Project::new();
    let settings = "  directories: [../checks]\n  settings:\n    negativ: {severity: warn}";
    project.pipeline("  directories: [../checks]", settings);
    assert_eq!(refused(&project), ["E120 pipelines/postings.yaml:28:5"]);

    let project = Project::new();
    project.pipeline("  marts:\n", "  scopes:\n    ledger: reference\n  marts:\n");
    assert_eq!(refused(&project), ["E119 pipelines/postings.yaml:21:5"]);
}
