//! What a project is refused for before it runs: each defect with its code and its place, and nothing that follows from it.

mod columns;
mod files;
mod joins;
mod moments;
mod numbers;
mod places;
mod size;
mod stages;

use crate::fixtures::project::Project;

/// The beginning of the model that most of these tests change.
const LEDGER: &str = "-- one row per posting\nselect p.id, local_day(p.at) as booked_on, p.amount from postings as p";

/// What `validate` refuses, each as code and place; nothing when it is valid.
fn refused(project: &Project) -> Vec<String> {
    let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
    assert_eq!(ended.code, if ended.stderr.is_empty() { 0 } else { 78 }, "{ended:?}");
    told(project, &ended.stderr)
}

/// Code and place of every problem in a text.
fn told(project: &Project, text: &str) -> Vec<String> {
    let folder = format!("{}/", project.folder.path().canonicalize().expect("a folder").display());
    let blocks = text.split("\n\n").filter(|block| block.starts_with("error["));
    let line = |block: &str| {
        let code = &block[6..10];
        let place = block.lines().find_map(|line| line.strip_prefix("  --> ")).unwrap_or("nowhere");
        format!("{code} {}", place.replace(&folder, ""))
    };
    blocks.map(line).collect()
}

/// Whether a place has a line and a column.
fn is_exact(told: &str) -> bool {
    let mut parts = told.rsplitn(3, ':');
    let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<usize>().is_ok());
    number(parts.next()) && number(parts.next())
}

/// The problems of the project with this as its ledger.
fn refused_ledger(sql: &str) -> Vec<String> {
    let project = Project::new();
    project.file("sql/ledger.sql", sql.as_bytes());
    refused(&project)
}
