//! The pipeline file: everything a person can have mistyped is told at once, in its place, and never with a secret.

mod hostile;
mod meaning;
mod reference;
mod secrets;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tieout::pipeline::{Environment, Pipeline};
use tieout::problem::Problems;

const VALID: &str = include_str!("../fixtures/pipelines/valid.yaml");
const INVALID: &str = "tests/fixtures/pipelines/defects";

#[test]
fn every_defect_is_told_with_its_place_and_what_to_do() {
    let mut told = String::new();
    for file in files(INVALID) {
        let problems = Pipeline::load(&file, &environment()).expect_err(&file.display().to_string());
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        writeln!(told, "## {name}\n{problems}\n").expect("writes");
    }
    insta::assert_snapshot!("defects", told);
}

#[test]
fn a_defect_has_the_code_that_its_file_is_named_after() {
    for file in files(INVALID) {
        let name = file.file_stem().expect("a name").to_string_lossy().to_uppercase();
        let Some((code, _)) = name.split_once('_').filter(|(code, _)| code.starts_with('E')) else { continue };
        let problems = Pipeline::load(&file, &environment()).expect_err(&name);
        let expected = if name.contains("MISSPELT") { "E105" } else { code };
        assert!(problems.0.iter().any(|problem| problem.code == expected), "{name}: {problems}");
    }
}

#[test]
fn wrong_shape_does_not_hide_wrong_meaning() {
    let text = VALID.replace("port: 587", "prot: 587").replace("key: [sale_id]", "key: [sale]");
    assert_eq!(codes(&parse(&text).expect_err("two problems")), ["E120", "E105"]);
}

#[test]
fn what_follows_from_a_problem_is_not_told_besides() {
    let text = VALID.replace("  directories: [../sql/marts]", "  directories: {}").replace("sources:", "sorces:");
    assert_eq!(codes(&parse(&text).expect_err("two problems")), ["E105", "E106"]);
}

#[test]
fn a_missing_file_is_told_with_its_name() {
    let problems = Pipeline::load(Path::new("nowhere/pipeline.yaml"), &environment()).expect_err("is missing");
    insta::assert_snapshot!(problems, @"
    error[E100]: pipeline file not found
      --> nowhere/pipeline.yaml
      help: `tieout init` writes one to begin with
    ");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_project_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (project, elsewhere) = (folder.path().join("project"), folder.path().join("elsewhere"));
    for path in [project.join("pipelines"), project.join("sql/marts"), elsewhere.clone()] {
        std::fs::create_dir_all(path).expect("a folder");
    }
    std::fs::write(elsewhere.join("other.sql"), "select 1").expect("writes");
    std::os::unix::fs::symlink(elsewhere.join("other.sql"), project.join("sql/marts/other.sql")).expect("links");
    std::os::unix::fs::symlink(&elsewhere, project.join("reports")).expect("links");
    let file = project.join("pipelines/shop.yaml");
    std::fs::write(&file, VALID).expect("writes");
    let problems = Pipeline::load(&file, &environment()).expect_err("links leave");
    assert_eq!(codes(&problems), ["E118", "E118"], "{problems}");
}

#[cfg(unix)]
#[test]
fn a_link_within_the_project_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in ["pipelines", "models", "sql"] {
        std::fs::create_dir_all(folder.path().join(path)).expect("a folder");
    }
    std::os::unix::fs::symlink(folder.path().join("models"), folder.path().join("sql/marts")).expect("links");
    let file = folder.path().join("pipelines/shop.yaml");
    std::fs::write(&file, VALID).expect("writes");
    Pipeline::load(&file, &environment()).expect("stays inside");
}

fn parse(text: &str) -> Result<Pipeline, Problems> {
    Pipeline::parse(Path::new("/shop/pipelines/totals.yaml"), text.as_bytes(), &environment())
}

fn codes(problems: &Problems) -> Vec<&'static str> {
    problems.0.iter().map(|problem| problem.code).collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn environment() -> Environment {
    let variables = [
        ("SMTP_PASSWORD", "opensesame-canary"),
        ("STORE_KEY", "store-canary"),
        ("EMPTY", ""),
        ("REFERENCE_ACCESS_KEY", "access-canary"),
        ("REFERENCE_SECRET_KEY", "secret-canary"),
        ("REFERENCE_SMTP_PASSWORD", "relay-canary"),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
