//! The pipeline file: everything a person can have mistyped is told at once, in its place, and never with a secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use tieout::pipeline::{Environment, Pipeline};

const INVALID: &str = "tests/fixtures/pipelines/invalid";

#[test]
fn every_defect_is_told_with_its_place_and_what_to_do() {
    let mut told = String::new();
    for file in files(INVALID) {
        let problems = match Pipeline::load(&file, &environment()) {
            Ok(_) => "accepted".to_owned(),
            Err(problems) => problems.to_string(),
        };
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        writeln!(told, "## {name}\n{problems}\n").expect("writes");
    }
    insta::assert_snapshot!("defects", told);
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn environment() -> Environment {
    BTreeMap::from([("SMTP_PASSWORD", "opensesame-canary"), ("EMPTY", "")])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
