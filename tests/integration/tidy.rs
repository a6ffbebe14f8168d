//! Conventions of the source tree, as tests: who may import whom, who owns which crate, what must stay absent.

use std::fs;
use std::path::{Path, PathBuf};

/// Rows of the layout; a module may import its own row and those below.
const ROWS: [&[&str]; 7] = [
    &["calendar", "clock", "number", "telemetry", "problem", "error", "fault", "threads"],
    &["pipeline", "store"],
    &["warehouse", "models"],
    &["checks", "controls", "publication", "cluster"],
    &["report"],
    &["mail"],
    &["commands", "cli", "sample"],
];

/// Crates with an owner, and the modules that may name them.
const OWNERS: [(&str, &[&str]); 9] = [
    ("clap", &["cli", "main", "commands", "telemetry"]),
    ("serde_yaml", &["pipeline"]),
    ("object_store", &["store", "warehouse", "controls", "publication", "mail", "sample", "commands", "cluster"]),
    ("datafusion", &["models", "warehouse", "checks", "commands", "cluster"]),
    ("arrow", &["models", "warehouse", "checks", "controls", "report", "sample", "commands", "cluster"]),
    ("parquet", &["warehouse", "controls", "sample"]),
    ("tera", &["report"]),
    ("lettre", &["mail"]),
    ("rand_chacha", &["sample"]),
];

/// Lines a file may have before it has to be split.
const FILE_LINES: usize = 500;
/// Lines of an SQL model: one column per line makes a union of every stream long.
const MODEL_LINES: usize = 260;

#[test]
fn a_module_imports_only_its_own_row_and_lower_ones() {
    let row = |module: &str| ROWS.iter().position(|row| row.contains(&module));
    let mut wrong = Vec::new();
    for (file, module) in source_files() {
        let Some(own) = row(&module) else { continue };
        for (number, line) in code_lines(&file) {
            for imported in imports(&line) {
                if row(&imported).is_some_and(|other| other > own) {
                    wrong.push(format!("{}:{number}: `{module}` imports `{imported}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_crate_is_named_only_by_its_owners() {
    let mut wrong = Vec::new();
    for (file, module) in source_files() {
        for (number, line) in code_lines(&file) {
            for (name, owners) in OWNERS {
                let names_it =
                    line.trim_start().starts_with(&format!("use {name}::")) || line.contains(&format!(" {name}::"));
                if names_it && !owners.contains(&module.as_str()) {
                    wrong.push(format!("{}:{number}: `{module}` names `{name}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_machine_knows_no_commerce() {
    let words = ["refund", "order_id", "sku", "campaign", "channel_contribution", "shipment", "spend"];
    let mut wrong = Vec::new();
    for (file, module) in source_files() {
        if module == "sample" {
            continue;
        }
        for (number, line) in code_lines(&file) {
            let lower = line.to_lowercase();
            for word in words {
                if lower.contains(word) && !lower.contains("include_dir!") {
                    wrong.push(format!("{}:{number}: `{word}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_clock_and_the_environment_are_read_in_main_only() {
    let mut wrong = Vec::new();
    for (file, module) in source_files() {
        if module == "main" {
            continue;
        }
        for (number, line) in code_lines(&file) {
            for call in ["Timestamp::now(", "Zoned::now(", "SystemTime::now(", "env::var", "env::vars"] {
                if line.contains(call) {
                    wrong.push(format!("{}:{number}: {call}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn durations_are_measured_by_the_one_stopwatch() {
    let mut wrong = Vec::new();
    for (file, module) in source_files() {
        for (number, line) in code_lines(&file) {
            let names_it = line.contains("std::time") && line.contains("Instant");
            if names_it && module != "clock" {
                wrong.push(format!("{}:{number}: {line}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_and_stays_small() {
    let mut wrong = Vec::new();
    for (file, _) in source_files() {
        let text = read(&file);
        if !text.starts_with("//!") {
            wrong.push(format!("{} has no module docs", file.display()));
        }
        if text.lines().count() > FILE_LINES {
            wrong.push(format!("{} has {} lines", file.display(), text.lines().count()));
        }
    }
    for file in files_below(&root().join("sql"), "sql") {
        let text = read(&file);
        if !text.starts_with("--") {
            wrong.push(format!("{} does not say its grain", file.display()));
        }
        if text.lines().count() > MODEL_LINES {
            wrong.push(format!("{} has {} lines", file.display(), text.lines().count()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_is_one_arrow_and_one_object_store() {
    let lock = read(&root().join("Cargo.lock"));
    for name in ["arrow", "parquet", "datafusion", "object_store"] {
        let versions = lock.matches(&format!("name = \"{name}\"\n")).count();
        assert_eq!(versions, 1, "{name}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file with the top module it belongs to.
fn source_files() -> Vec<(PathBuf, String)> {
    let source = root().join("src");
    let module = |file: &Path| {
        let inside = file.strip_prefix(&source).expect("below src");
        inside.components().next().expect("a name").as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    files_below(&source, "rs").into_iter().map(|file| (file.clone(), module(&file))).collect()
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|end| end == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Lines that are no comment, numbered from 1, up to the file's own tests.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = read(file);
    let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(at, line)| (at + 1, line.to_owned())).collect()
}

/// The top modules that a line names with `crate::`.
fn imports(line: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    line.split("crate::").skip(1).map(word).filter(|name| !name.is_empty()).collect()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
