//! One look tells everything: the pipeline file, SQL, templates and reference tables, and nothing twice.

use super::{LEDGER, refused};
use crate::fixtures::project::Project;

const SOURCES: &str = "sources:\n";
const REFERENCE: &str = "sources:\n  channels:\n    files: reference/channels.csv\n    format: csv\n    reference: true\n    \
                         owner: data@shop.example\n    columns: {channel: text, place: integer}\n";

#[test]
fn what_is_wrong_with_one_kind_of_file_hides_nothing_of_another() {
    let project = Project::new();
    project.pipeline("currency: EUR", "currency: Euro");
    project.file("sql/ledger.sql", b"-- broken\nselect id frm postings");
    project.file("reports/monthly/body.txt", b"{{ nope }}");
    assert_eq!(
        refused(&project),
        ["E106 pipelines/postings.yaml:5:11", "E200 sql/ledger.sql:2:15", "E601 reports/monthly/body.txt:1:4"]
    );
    project.pipeline("currency: Euro", "currency: EUR");
    project.pipeline(SOURCES, REFERENCE);
    project.file("checks/negative.sql", b"-- no such column\nselect idd as detail from postings");
    project.file("pipelines/reference/channels.csv", b"channel\nweb\n");
    let told = refused(&project);
    assert_eq!(
        told[..3],
        ["E200 sql/ledger.sql:2:15", "E601 reports/monthly/body.txt:1:4", "E201 checks/negative.sql:2:8"]
    );
    assert!(told.len() == 4 && told[3].starts_with("E305"), "{told:?}");
}

#[test]
fn a_model_that_cannot_be_read_is_not_missed_by_those_that_read_it() {
    let project = Project::new();
    project.file("sql/stg.sql", b"-- broken\nselect id frm postings");
    project.file("sql/ledger.sql", LEDGER.replace("from postings", "from stg").as_bytes());
    project.file("checks/read.sql", b"-- reads it\nselect id as detail from stg");
    assert_eq!(refused(&project), ["E200 sql/stg.sql:2:15"]);
}

#[test]
fn a_table_that_nobody_makes_is_told_once() {
    let project = Project::new();
    project.file("sql/stg.sql", b"-- misspelt\nselect id, at, amount from postins");
    project.file("sql/ledger.sql", LEDGER.replace("from postings", "from stg").as_bytes());
    assert_eq!(refused(&project), ["E120 sql/stg.sql:2:28"]);
}

#[test]
fn a_variable_that_is_not_set_is_told_once() {
    for place in ["inputs: ../in", "outputs: ../out"] {
        let project = Project::new();
        let (key, _) = place.split_once(' ').expect("a key");
        project.pipeline(place, &format!("{key} '${{NOPE}}'"));
        let told = refused(&project);
        assert!(told.len() == 1 && told[0].starts_with("E115"), "{told:?}");
    }
}

#[test]
fn a_reference_table_that_is_not_there_is_told_by_validate() {
    let project = Project::new();
    project.pipeline(SOURCES, REFERENCE);
    assert_eq!(refused(&project), ["E300 pipelines/postings.yaml:9:5"]);
    project.file("pipelines/reference/channels.csv", b"channel,place\nweb,1\n");
    assert_eq!(refused(&project), Vec::<String>::new());
}
