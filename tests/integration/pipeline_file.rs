//! The pipeline file: what is valid loads, and everything wrong is told at once, in its place, without a secret.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;
use tieout::pipeline::{Environment, Pipeline, schema};
use tieout::problem::Problems;

/// Longer than this is a hang, on however busy a machine.
const HANGS: Duration = Duration::from_mins(1);

const REFERENCE: &str = "pipelines/reference.yaml";
const INVALID: &str = "tests/fixtures/pipelines/invalid";
/// What the fixtures' secrets hold; no message may show it.
const SECRET: &str = "hunter2";
const NUMERIC_SECRET: &str = "8675309";

#[test]
fn the_reference_loads_and_every_value_arrives() {
    let pipeline = reference(&text(REFERENCE)).expect("the reference is valid");
    assert_eq!((pipeline.name.as_str(), pipeline.params.len(), pipeline.sources.len()), ("reference", 6, 3));
    assert_eq!(pipeline.storage.inputs.as_str(), "s3://shop-exports/warehouse/");
    assert_eq!(pipeline.engine.memory_bytes, Some(512 << 20));
    assert!(pipeline.calendar.first_period.is_some() && pipeline.delivery.reply_to.is_some());
}

#[test]
fn the_reference_shows_every_key_with_a_comment() {
    let reference = text(REFERENCE);
    let lines: Vec<&str> = reference.lines().collect();
    let mut keys = BTreeSet::new();
    collect_keys(&schema(), &mut keys);
    assert!(keys.len() > 60, "{keys:?}");
    for key in keys {
        let explained =
            lines.windows(2).any(|pair| keys_of(pair[1]).contains(&key) && pair[0].trim_start().starts_with('#'));
        assert!(explained, "`{key}` is not shown below a comment");
    }
}

#[test]
fn the_shipped_pipeline_loads_without_any_variable() {
    let file = Path::new("pipelines/channel_contribution.yaml");
    let pipeline = Pipeline::load(file, &Environment::new()).expect("the shipped pipeline is valid");
    assert_eq!(pipeline.name, "channel_contribution");
}

#[test]
fn every_defect_is_told_with_code_place_and_help() {
    let exposed = Path::new(INVALID).join("exposed_secret.txt");
    fs::set_permissions(exposed, fs::Permissions::from_mode(0o644)).expect("the fixture's mode");
    let mut told = String::new();
    for file in defects() {
        let problems = problems_of(&file);
        told.push_str(&section(&stem(&file), &problems));
    }
    for (name, bytes) in written_defects() {
        let file = format!("{INVALID}/{name}.yaml");
        let problems = Pipeline::parse(Path::new(&file), &bytes, &environment()).map(|_| ()).expect_err(name);
        told.push_str(&section(name, &problems));
    }
    let nowhere = Pipeline::load(Path::new("nowhere/pipeline.yaml"), &environment()).expect_err("there is none");
    told.push_str(&section("missing_file", &nowhere));
    insta::assert_snapshot!(told.replace(&format!("{INVALID}/"), ""));
}

#[test]
fn a_problem_takes_at_most_five_lines_and_points_into_the_file() {
    for file in defects() {
        let lines = text(&file).lines().count();
        let problems = problems_of(&file);
        for problem in &problems.0 {
            assert!(problem.to_string().lines().count() <= 5, "{problem}");
            let line = problem.place.as_ref().expect("every problem has its file").line;
            assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
        }
    }
}

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let codes = |name: &str| {
        let problems = problems_of(&Path::new(INVALID).join(name));
        problems.0.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("many_of_shape_at_once.yaml"), ["E113", "E105", "E106", "E106"]);
    assert_eq!(codes("many_at_once.yaml"), ["E123", "E106", "E122", "E120", "E106", "E127"]);
}

#[test]
fn a_link_out_of_the_project_is_no_way_out() {
    let outside = tempfile::tempdir().expect("a folder");
    let project = tempfile::tempdir().expect("a folder");
    let folder = project.path().join("pipelines");
    fs::create_dir(&folder).expect("a folder");
    std::os::unix::fs::symlink(outside.path(), project.path().join("sql")).expect("a link");
    let file = folder.join("pipeline.yaml");
    let written = text(Path::new(INVALID).join("bad_currency.yaml")).replace("Euro\n", "EUR\n");
    fs::write(&file, written).expect("written");
    let problems = problems_of(&file);
    assert_eq!(problems.0.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["E118"], "{problems}");
}

#[test]
fn a_secret_shows_its_reference_and_never_its_value() {
    let pipeline = reference(&text(REFERENCE)).expect("valid");
    let shown = format!("{pipeline:?}{}", pipeline.canonical);
    assert!(shown.contains("env:REFERENCE_SMTP_PASSWORD") && !shown.contains(SECRET));
    for file in defects() {
        let problems = problems_of(&file);
        let shown = format!("{problems}{problems:?}");
        assert!(!shown.contains(SECRET) && !shown.contains(NUMERIC_SECRET), "{}: {problems}", file.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_read_or_refused_quickly(damages in prop::collection::vec(damage(), 1..6)) {
        let mut bytes = text(REFERENCE).into_bytes();
        for damage in damages {
            bytes = damage.done_to(bytes);
        }
        let start = Instant::now();
        let read = Pipeline::parse(Path::new(REFERENCE), &bytes, &environment());
        prop_assert!(start.elapsed() < HANGS, "{:?}", start.elapsed());
        let shown = match &read {
            Ok(pipeline) => format!("{pipeline:?}"),
            Err(problems) => format!("{problems}{problems:?}"),
        };
        prop_assert!(!shown.contains(SECRET));
        prop_assert!(read.is_ok() || read.is_err_and(|problems| !problems.0.is_empty()));
    }
}

#[test]
fn a_file_with_very_many_problems_is_refused_quickly_and_briefly() {
    let valid = text(Path::new(INVALID).join("bad_currency.yaml")).replace("Euro\n", "EUR\n");
    let many = |line: &dyn Fn(usize) -> String| (0..30_000).map(line).collect::<String>();
    let files = [
        format!("{valid}{}", many(&|_| "again: 1\n".to_owned())),
        format!("{valid}{}", many(&|number| format!("key_{number}: 1\n"))),
        format!("{valid}params:\n{}", many(&|number| format!("  Bad{number}: 1\n"))),
        format!("{valid}{}", many(&|_| "# \u{202e}\n".to_owned())),
    ];
    for file in files {
        let start = Instant::now();
        let problems = Pipeline::parse(Path::new(REFERENCE), file.as_bytes(), &environment()).expect_err("wrong");
        assert!(problems.0.len() <= 100, "{}", problems.0.len());
        assert!(start.elapsed() < HANGS, "{:?}", start.elapsed());
    }
}

/// One way to damage a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    DeleteLine(prop::sample::Index),
    RepeatLine(prop::sample::Index, prop::sample::Index),
    Truncate(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1_u8..).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        at().prop_map(Damage::DeleteLine),
        (at(), at()).prop_map(|(from, to)| Damage::RepeatLine(from, to)),
        at().prop_map(Damage::Truncate),
    ]
}

impl Damage {
    fn done_to(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if bytes.is_empty() {
            return bytes;
        }
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        match self {
            Self::Flip(at, mask) => {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
                return bytes;
            }
            Self::Truncate(at) => {
                bytes.truncate(at.index(bytes.len()));
                return bytes;
            }
            Self::DeleteLine(at) => drop(lines.remove(at.index(lines.len()))),
            Self::RepeatLine(from, to) => {
                let line = lines[from.index(lines.len())].clone();
                lines.insert(to.index(lines.len()), line);
            }
        }
        lines.concat()
    }
}

/// Defects that no text file should have, or that are too large to keep.
fn written_defects() -> Vec<(&'static str, Vec<u8>)> {
    let valid = text(Path::new(INVALID).join("bad_currency.yaml")).replace("Euro\n", "EUR\n");
    let named = |name: &str| valid.replace("orders_monthly", name).into_bytes();
    vec![
        ("not_utf8", b"name: \xff\n".to_vec()),
        ("no_bytes", Vec::new()),
        ("ten_thousand_brackets", format!("version: {}\n", "[".repeat(10_000)).into_bytes()),
        (
            "ten_thousand_closed_brackets",
            format!("version: {}{}\n", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
        ),
        ("more_than_a_mebibyte", format!("{valid}#{}\n", " ".repeat(1 << 20)).into_bytes()),
        ("raw_nul", named("orders\0monthly")),
        ("raw_escape_character", named("orders\u{1b}monthly")),
        ("raw_bidi_character", named("orders\u{202e}monthly")),
        ("raw_bidi_character_in_a_comment", format!("# orders \u{202e}\n{valid}").into_bytes()),
    ]
}

fn environment() -> Environment {
    let named = ["REFERENCE_ACCESS_KEY", "REFERENCE_SECRET_KEY", "REFERENCE_SMTP_PASSWORD"];
    let mut environment: Environment = named.map(|name| (name.to_owned(), format!("{SECRET}-of-{name}"))).into();
    environment.insert("EMPTY".to_owned(), String::new());
    environment
}

fn reference(text: &str) -> Result<Pipeline, Problems> {
    Pipeline::parse(Path::new(REFERENCE), text.as_bytes(), &environment())
}

fn defects() -> Vec<PathBuf> {
    let entries = fs::read_dir(INVALID).expect("the fixtures").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|file| file.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

fn section(name: &str, problems: &Problems) -> String {
    format!("=== {name}\n{problems}\n\n")
}

fn stem(file: &Path) -> String {
    file.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn text(file: impl AsRef<Path>) -> String {
    let file = file.as_ref();
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The names under `properties`, at any depth. What a map may hold is named by the person who writes it.
fn collect_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            map.values().for_each(|inner| collect_keys(inner, keys));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect_keys(inner, keys)),
        _ => {}
    }
}

/// The keys that a line of the reference shows: of a comment only what could be uncommented.
fn keys_of(line: &str) -> BTreeSet<String> {
    let line = line.trim_start();
    if let Some(comment) = line.strip_prefix("# ") {
        let key = comment.split(": ").next().filter(|key| comment.len() > key.len() && !key.contains(' '));
        return key.map(str::to_owned).into_iter().collect();
    }
    let key = |before: &str| before.rsplit([' ', '{', ',']).next().unwrap_or_default().to_owned();
    let mut parts: Vec<&str> = line.split(':').collect();
    parts.pop();
    parts.into_iter().map(key).collect()
}

fn problems_of(file: &Path) -> Problems {
    let Err(problems) = Pipeline::load(file, &environment()) else { panic!("{} is read", file.display()) };
    problems
}
