//! No file, however made, panics, hangs or floods.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{VALID, parse};

/// What reading any file may take here. Alone, even without optimisation, each takes less than a second; beside all other
/// tests on few cores the clock on the wall runs on meanwhile. What hangs or grows without bound takes far longer.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_file_that_is_made_to_hurt_is_refused_at_once() {
    let hostile = [
        ("brackets", "[".repeat(10_000), "E108"),
        ("braces", "{a: ".repeat(10_000), "E108"),
        ("indentation", lines(1_000, |depth| format!("{}a:", " ".repeat(depth))), "E108"),
        ("dashes", "- ".repeat(10_000), "E108"),
        ("aliases", lines(26, doubled), "E108"),
        ("values", format!("version: [{}]", "1,".repeat(200_000)), "E108"),
        ("keys", lines(20_000, |key| format!("k{key}: 1")), "E105"),
        ("the same key", "k: 1\n".repeat(20_000), "E104"),
        ("problems on one line", format!("{{{}}}", "k: 1, ".repeat(20_000)), "E104"),
        ("one word", format!("version: 1\nname: {}", "x".repeat(1_000_000)), "E106"),
        ("one enumeration", VALID.replace("period: month\n", &format!("period: {}\n", "m".repeat(900_000))), "E106"),
        ("references", VALID.replace("Totals of a shop", &"${A:-b}".repeat(100_000)), ""),
        ("anchors", lines(10_000, |key| format!("k{key}: &k{key} x")), "E105"),
        ("too much", "#".repeat((1 << 20) + 1), "E109"),
    ];
    for (name, text, code) in hostile {
        let start = Instant::now();
        let problems = parse(&text);
        let took = start.elapsed();
        match problems {
            Err(problems) => {
                assert!(problems.0.iter().any(|problem| problem.code == code), "{name}");
                assert!(problems.0.iter().all(|problem| problem.to_string().len() < 2_000), "{name}");
            }
            Ok(_) => assert!(code.is_empty(), "{name} is accepted"),
        }
        assert!(took < PATIENCE, "{name} took {took:?}");
    }
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

/// A list of twice the one before it.
fn doubled(level: usize) -> String {
    match level.checked_sub(1) {
        None => "k0: &k0 [x, x]".to_owned(),
        Some(before) => format!("k{level}: &k{level} [*k{before}, *k{before}]"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_change_to_a_file_makes_it_panic_or_hang(edits in prop::collection::vec(edit(), 1..12)) {
        let reference = include_str!("../../../pipelines/reference.yaml");
        let mut text: Vec<char> = reference.chars().collect();
        for edit in &edits {
            edit.apply(&mut text);
        }
        let text: String = text.into_iter().collect();
        let start = Instant::now();
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                prop_assert!(problem.to_string().lines().count() <= 5, "{problem}");
                prop_assert!(!problem.to_string().contains("canary"));
            }
        }
        prop_assert!(start.elapsed() < PATIENCE);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let file = std::path::Path::new("/shop/pipelines/totals.yaml");
        prop_assert!(tieout::pipeline::Pipeline::parse(file, &bytes, &super::environment()).is_err());
    }
}

/// A change to a text; places are parts of its length.
#[derive(Clone, Debug)]
enum Edit {
    Insert(f64, String),
    Remove(f64, usize),
    Repeat(f64, usize),
    Move(f64, f64, usize),
}

impl Edit {
    fn apply(&self, text: &mut Vec<char>) {
        match self {
            Self::Insert(at, what) => {
                let at = place(*at, text.len());
                text.splice(at..at, what.chars());
            }
            Self::Remove(at, count) => {
                let at = place(*at, text.len());
                text.drain(at..(at + count).min(text.len()));
            }
            Self::Repeat(at, count) => {
                let at = place(*at, text.len());
                let part: Vec<char> = text[at..(at + count).min(text.len())].to_vec();
                text.splice(at..at, part);
            }
            Self::Move(from, to, count) => {
                let from = place(*from, text.len());
                let part: Vec<char> = text.drain(from..(from + count).min(text.len())).collect();
                let to = place(*to, text.len());
                text.splice(to..to, part);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a place")]
fn place(part: f64, length: usize) -> usize {
    #[expect(clippy::float_arithmetic, reason = "no money")]
    let at = (part * length as f64) as usize;
    at.min(length)
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = [
        "\t",
        "\n",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!!str ",
        "<<: ",
        "---\n",
        "...\n",
        "#",
        "'",
        "\"",
        "|\n",
        ">\n",
        "? ",
        "%YAML 1.1\n",
        "\0",
        "\u{202e}",
        "\u{feff}",
        "\r",
        "ü",
        "null",
        "NO",
        "1.10",
        "${",
        "${X}",
        "$${",
        "}",
        "env:",
        "file:",
        "file:.",
        "../",
        "/",
        "://",
        "@",
        "*",
        "**",
        "decimal(",
        "99999999999999999999",
        "-1",
        "''",
    ];
    let token = prop::sample::select(tokens.to_vec()).prop_map(str::to_owned);
    let text = prop_oneof![4 => token, 1 => ".{0,8}"];
    let at = || 0.0..1.0_f64;
    prop_oneof![
        3 => (at(), text).prop_map(|(at, text)| Edit::Insert(at, text)),
        2 => (at(), 0..60_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        1 => (at(), 0..400_usize).prop_map(|(at, count)| Edit::Repeat(at, count)),
        1 => (at(), at(), 0..200_usize).prop_map(|(from, to, count)| Edit::Move(from, to, count)),
    ]
}
