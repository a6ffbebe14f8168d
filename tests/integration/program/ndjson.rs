//! A source of JSON lines: exact figures, rows that cannot be read where they can be seen, and files that are refused with
//! the line.

use super::{fails, untouched};
use crate::fixtures::project::Project;

const GOOD: &str = r#"{"id":"a","at":"2026-10-10T10:00:00Z","amount":10.00,"reverses":null}"#;

/// A project that reads this file, and publishes every row with its place.
fn project(lines: &[u8]) -> Project {
    let project = Project::new();
    std::fs::remove_dir_all(project.path("in/postings")).expect("removes");
    project.file("in/postings/month=2026-10/part.ndjson", lines);
    project.pipeline("files: postings/month=*/*.parquet", "files: postings/month=*/*.ndjson\n    format: ndjson");
    project.pipeline(
        "checks:\n",
        "    places:\n      grain: [place, content]\n      columns: {place: text, content: text null, amount: 'decimal(18,2) null'}\nchecks:\n",
    );
    project.pipeline("{table: ledger, sum", "{table: places, sum");
    project.file(
        "sql/places.sql",
        b"-- one row per line\nselect 'ledger' as place, id as content, amount from postings \
          union all select reject_reason as place, content, amount from postings_rejected",
    );
    project
}

fn asked(project: &Project, sql: &str) -> String {
    project.tieout(&["query", "pipelines/postings.yaml", sql, "--output", "csv"]).stdout
}

#[test]
fn figures_of_json_lines_are_exact_whether_written_as_numbers_or_as_texts() {
    let lines = [
        "\u{feff}{\"id\": \"a\", \"at\": \"2026-10-10T10:00:00Z\", \"amount\": 10.10, \"reverses\": null}\r",
        r#"{"at":"2026-10-11T10:00:00+02:00","amount":"9007199254740993.01","id":"b"}"#,
        "",
        r#"{"id":"c, \"{[\\","at":"2026-10-12T10:00:00Z","amount":9007199254740993.01,"unknown":{"amount":[7,"}"]}}"#,
        r#"{"i\u0064":"d","at":"2026-10-31T22:59:59Z","amount":-0.05}"#,
        r#"{"id":"november","at":"2026-10-31T23:00:00Z","amount":1}"#,
    ];
    let project = project(lines.join("\n").as_bytes());
    project.file(
        "checks/negative.sql",
        b"-- nothing is far below zero\nselect id as detail from postings where amount < -1",
    );
    let ended = project.run();
    assert_eq!(ended.code, 0, "{ended:?}");
    let rendered = project.tieout(&["render", "pipelines/postings.yaml", "--to", "shown"]);
    assert_eq!(rendered.code, 0, "{rendered:?}");
    let text = std::fs::read_to_string(project.path("shown/monthly/body.txt")).expect("rendered");
    assert_eq!(text, "18,014,398,509,481,996.07\n");
    assert_eq!(asked(&project, "select count(*) as rows from places"), "rows\n5\n");
    let ids = asked(&project, "select id from ledger where amount > 1000 order by id");
    assert_eq!(ids, "id\nb\n\"c, \"\"{[\\\"\n");
}

#[test]
fn a_line_that_breaks_its_contract_is_in_quarantine_and_never_a_figure() {
    let at = r#""at":"2026-10-10T10:00:00Z""#;
    let cases = [
        (format!(r#"{{"id":"x",{at},"amount":1.005}}"#), "unreadable_amount", "1.005"),
        (format!(r#"{{"id":"x",{at},"amount":1e3}}"#), "unreadable_amount", "1e3"),
        (format!(r#"{{"id":"x",{at},"amount":12345678901234567.89}}"#), "unreadable_amount", "12345678901234567.89"),
        (format!(r#"{{"id":"x",{at},"amount":"1,005.00"}}"#), "unreadable_amount", "1,005.00"),
        (format!(r#"{{"id":"x",{at},"amount":true}}"#), "unreadable_amount", "true"),
        (format!(r#"{{"id":"x",{at},"amount":[1]}}"#), "unreadable_amount", "[1]"),
        (format!(r#"{{"id":"x",{at},"amount":{{"value":1}}}}"#), "unreadable_amount", "value"),
        (format!(r#"{{"id":"x",{at},"amount":null}}"#), "null_in_amount", "x"),
        (format!(r#"{{"id":"y",{at}}}"#), "null_in_amount", "y"),
        (format!(r#"{{"id":7,{at},"amount":1}}"#), "unreadable_id", "7"),
        (format!(r#"{{"id":["x"],{at},"amount":1}}"#), "unreadable_id", "x"),
        (format!(r#"{{"id":null,{at},"amount":1}}"#), "null_in_id", "1"),
        (format!(r#"{{{at},"amount":2}}"#), "null_in_id", "2"),
        (r#"{"id":"x","at":20261010,"amount":1}"#.to_owned(), "unreadable_at", "20261010"),
        (r#"{"id":"x","at":"yesterday","amount":1}"#.to_owned(), "unreadable_at", "yesterday"),
        (format!(r#"{{"id":"x",{at},"amount":1,"reverses":false}}"#), "unreadable_reverses", "false"),
    ];
    let lines: Vec<&str> = std::iter::once(GOOD).chain(cases.iter().map(|(line, ..)| line.as_str())).collect();
    let project = project(lines.join("\n").as_bytes());
    let ended = project.run();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(asked(&project, "select id, amount from ledger"), "id,amount\na,10.00\n");
    for (line, reason, content) in &cases {
        let sql = format!("select content from places where place = '{reason}'");
        assert!(asked(&project, &sql).contains(content), "{line}: {}", asked(&project, "select * from places"));
    }
    let quarantined = asked(&project, "select count(*) as rows from places where place <> 'ledger'");
    assert_eq!(quarantined, format!("rows\n{}\n", cases.len()));
}

#[test]
fn a_file_of_json_lines_that_cannot_be_understood_is_refused_with_its_line() {
    let second = |line: &str| [GOOD.as_bytes(), b"\n", line.as_bytes(), b"\n"].concat();
    let line = |rest: &str| second(&format!(r#"{{"id":"b","at":"2026-10-10T10:00:00Z","amount":1{rest}"#));
    let without_reverses = GOOD.replace(",\"reverses\":null", "");
    let cases: [(&str, Vec<u8>, &str, &str); 13] = [
        ("cut off", line(""), "E303", "part.ndjson:2`: no JSON at column"),
        ("two on a line", line("}{}"), "E303", "part.ndjson:2`"),
        ("a number that is none", line("2.}"), "E303", "part.ndjson:2`"),
        ("not a number", second(r#"{"id":"b","amount":NaN}"#), "E303", "part.ndjson:2`"),
        ("a list", second("[1]"), "E303", "part.ndjson:2`: a line is one object"),
        ("a key twice", line(r#","amount":2}"#), "E303", "part.ndjson:2`: `amount` occurs twice"),
        ("a key twice, once in disguise", line(r#","am\u006funt":2}"#), "E303", "`amount` occurs twice"),
        ("no UTF-8", [line("}"), b"\xff\n".to_vec()].concat(), "E303", "part.ndjson:3`: it is not UTF-8"),
        ("a byte order mark inside", second("\u{feff}{}"), "E303", "part.ndjson:2`"),
        ("nothing", Vec::new(), "E302", "part.ndjson"),
        ("a renamed column", GOOD.replace("reverses", "reversed").into_bytes(), "E305", "did you mean `reversed`?"),
        ("a missing column", without_reverses.clone().into_bytes(), "E305", "part.ndjson` has column `reverses`"),
        ("a missing amount", without_reverses.replace(",\"amount\":10.00", "").into_bytes(), "E305", "column `amount`"),
    ];
    for (what, bytes, code, words) in cases {
        let project = project(GOOD.as_bytes());
        assert_eq!(project.run().code, 0, "{what}");
        let before = project.current();
        project.file("in/postings/month=2026-10/part.ndjson", &bytes);
        let ended = project.run();
        assert_eq!(ended.code, 65, "{what}: {ended:?}");
        fails(&ended, 65, code, words);
        untouched(&project, before.as_ref());
    }
}
