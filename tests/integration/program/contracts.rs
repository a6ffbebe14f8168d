//! Files that keep no contract in ways that an engine lets pass: each is refused by name, or its rows are told apart.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal32Array, Decimal64Array, Decimal128Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;

use super::{fails, untouched};
use crate::fixtures::machine::parquet;
use crate::fixtures::project::Project;

const HEADER: &str = "id,at,amount,reverses\n";
const GOOD: &str = "a,2026-10-10T10:00:00Z,10.00,\n";

/// A project whose postings are files of this kind.
fn of_format(format: &str) -> Project {
    let project = Project::new();
    std::fs::remove_dir_all(project.path("in/postings")).expect("removes");
    let files = format!("files: postings/month=*/*.{format}\n    format: {format}");
    project.pipeline("files: postings/month=*/*.parquet", &files);
    project
}

fn csv(lines: &str) -> Project {
    let project = of_format("csv");
    project.file("in/postings/month=2026-10/part.csv", format!("{HEADER}{lines}").as_bytes());
    project
}

/// A Parquet file with these columns.
fn file_of(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let field = |(name, values): &(&str, ArrayRef)| Field::new(*name, values.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let columns = columns.into_iter().map(|(_, values)| values).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("columns");
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).expect("a writer");
    writer.write(&batch).expect("writes");
    writer.into_inner().expect("bytes")
}

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

/// Instants of October, as many as there are rows.
fn instants(rows: usize) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![1_791_626_400_000_000; rows]).with_timezone("UTC"))
}

fn cents(cents: &[i128]) -> ArrayRef {
    let cents = Decimal128Array::from(cents.to_vec());
    // Whether the digits fit is not looked at here: files are written by anybody.
    Arc::new(cents.with_data_type(arrow::datatypes::DataType::Decimal128(18, 2)))
}

#[test]
fn a_key_in_two_months_is_refused_with_both_files_whatever_their_format() {
    let line = r#"{"id":"twice","at":"2026-09-10T10:00:00Z","amount":1,"reverses":null}"#;
    let row = format!("{HEADER}twice,2026-09-10T10:00:00Z,1.00,\n");
    let binary = parquet(&[(Some("twice"), "2026-09-10T10:00:00Z", 100, None)]);
    for (format, bytes) in [("csv", row.as_bytes()), ("ndjson", line.as_bytes()), ("parquet", &binary)] {
        let project = of_format(format);
        for month in ["2026-09", "2026-10"] {
            project.file(&format!("in/postings/month={month}/part.{format}"), bytes);
        }
        let ended = project.run();
        fails(&ended, 65, "E311", "1 key of `postings` in several intakes, first: twice in `");
        for month in ["2026-09", "2026-10"] {
            assert!(ended.stderr.contains(&format!("in/postings/month={month}/part.{format}`")), "{format}: {ended:?}");
        }
        assert!(project.current().is_none() && project.mails().is_empty());
    }
}

#[test]
fn a_column_that_a_file_has_twice_is_refused_because_nobody_can_say_which_counts() {
    let twice = file_of(vec![
        ("id", texts(&["a"])),
        ("at", instants(1)),
        ("amount", cents(&[1])),
        ("amount", cents(&[1000])),
        ("reverses", texts(&["x"])),
    ]);
    let project = Project::new();
    project.file("in/postings/month=2026-10/part.parquet", &twice);
    fails(&project.run(), 65, "E305", "in/postings/month=2026-10/part.parquet` has column `amount` 2 times");
    let project = of_format("csv");
    project.file("in/postings/month=2026-10/part.csv", b"id,at,amount,amount,reverses\na,2026-10-10T10:00:00Z,1,10,\n");
    fails(&project.run(), 65, "E305", "in/postings/month=2026-10/part.csv` has column `amount` 2 times");
}

#[test]
fn a_quote_that_is_never_closed_is_refused_with_its_line_and_swallows_nothing() {
    let more = "c,2026-10-12T10:00:00Z,1.00,\n".repeat(20);
    let cases = [
        (format!("{GOOD}b,2026-10-11T10:00:00Z,1.00,\"x\n{more}"), "never closed"),
        (
            format!("{GOOD}b,2026-10-11T10:00:00Z,1.00,\"x\nc,2026-10-12T10:00:00Z,1.00,\"y\"\n"),
            "after its closing quote",
        ),
    ];
    for (lines, words) in cases {
        let project = csv(GOOD);
        assert_eq!(project.run().code, 0);
        let before = project.current();
        project.file("in/postings/month=2026-10/part.csv", format!("{HEADER}{lines}").as_bytes());
        let ended = project.run();
        fails(&ended, 65, "E303", "in/postings/month=2026-10/part.csv:3`");
        fails(&ended, 65, "E303", words);
        untouched(&project, before.as_ref());
    }
    let quoted = csv(&format!("{GOOD}b,2026-10-11T10:00:00Z,1.00,\"two\nlines, and \"\"quotes\"\"\"\n"));
    assert_eq!(quoted.run().code, 0, "what is quoted well is read");
}

#[test]
fn decimals_are_read_whatever_the_width_a_file_keeps_them_in() {
    let project = Project::new();
    let of = |id, amount: ArrayRef| {
        file_of(vec![("id", texts(&[id])), ("at", instants(1)), ("amount", amount), ("reverses", texts(&["x"]))])
    };
    let narrow = Decimal32Array::from(vec![1234]).with_precision_and_scale(9, 2).expect("fits");
    let wide = Decimal64Array::from(vec![9_007_199_254_740_993]).with_precision_and_scale(18, 2).expect("fits");
    project.file("in/postings/month=2026-10/narrow.parquet", &of("b", Arc::new(narrow)));
    project.file("in/postings/month=2026-10/wide.parquet", &of("c", Arc::new(wide)));
    let ended = project.run();
    assert_eq!(ended.code, 0, "{ended:?}");
    let sql = "select id, amount from ledger order by id";
    let answer = project.tieout(&["query", "pipelines/postings.yaml", sql, "--output", "csv"]);
    assert_eq!(answer.stdout, "id,amount\na,10.00\nb,12.34\nc,90071992547409.93\n");
}

#[test]
fn a_value_that_its_column_cannot_hold_is_told_with_file_row_and_column() {
    let of = |at: ArrayRef, amounts: &[i128]| {
        let ids = texts(&["b", "c"]);
        file_of(vec![("id", ids), ("at", at), ("amount", cents(amounts)), ("reverses", texts(&["x", "x"]))])
    };
    let strange = Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MAX]).with_timezone("UTC"));
    let cases = [
        (
            of(instants(2), &[1, 10_i128.pow(18)]),
            "`amount` 10000000000000000.00, which has more digits than decimal(18,2)",
        ),
        (of(strange, &[1, 2]), "`at` 9223372036854775807 microseconds from 1970-01-01, which no calendar knows"),
    ];
    for (bytes, words) in cases {
        let project = Project::new();
        assert_eq!(project.run().code, 0);
        let before = project.current();
        project.file("in/postings/month=2026-10/strange.parquet", &bytes);
        let ended = project.run();
        fails(&ended, 65, "E309", "row 2 of `");
        fails(&ended, 65, "E309", &format!("in/postings/month=2026-10/strange.parquet` has {words}"));
        untouched(&project, before.as_ref());
    }
}

#[test]
fn a_day_that_no_calendar_knows_is_told_with_file_and_row() {
    let project = Project::new();
    project.pipeline("at: timestamp", "at: date");
    project.file("sql/ledger.sql", b"-- one row per posting\nselect id, at as booked_on, amount from postings");
    let days: ArrayRef = Arc::new(Date32Array::from(vec![20_736, i32::MIN + 1]));
    let columns =
        vec![("id", texts(&["b", "c"])), ("at", days), ("amount", cents(&[1, 2])), ("reverses", texts(&["x", "x"]))];
    project.file("in/postings/month=2026-10/part.parquet", &file_of(columns));
    let ended = project.run();
    fails(&ended, 65, "E309", "in/postings/month=2026-10/part.parquet` has `at` day -2147483647 from 1970-01-01");
    assert!(ended.stderr.contains("row 2 of"), "{ended:?}");
}

#[test]
fn a_number_that_a_model_cannot_compute_with_is_told_with_file_and_row() {
    let project = Project::new();
    project.pipeline("amount: 'decimal(18,2)'", "amount: 'decimal(18,4)'");
    let sql = "-- one row per posting\nselect id, local_day(at) as booked_on, cast(-amount as decimal(18,4)) as amount from postings";
    project.file("sql/ledger.sql", sql.as_bytes());
    let amounts = cents(&[5, 999_999_999_999_999_999]);
    let columns =
        vec![("id", texts(&["b", "c"])), ("at", instants(2)), ("amount", amounts), ("reverses", texts(&["x", "x"]))];
    project.file("in/postings/month=2026-10/large.parquet", &file_of(columns));
    let ended = project.run();
    fails(&ended, 65, "E309", "large.parquet` has `amount` 9999999999999999.99, and a model cannot compute with it");
    assert!(ended.stderr.contains("row 2 of"), "{ended:?}");
}

#[test]
fn an_empty_cell_is_no_key_and_its_row_is_in_quarantine() {
    let project = csv(&format!("{GOOD},2026-10-11T10:00:00Z,5.00,\n"));
    project.pipeline("  amount: {left", "  accepted: {left");
    project.pipeline("  rows: {left: {source: postings, sum: 1}", "  rows: {left: {table: ledger, sum: 1}");
    project
        .pipeline("accepted: {left: {source: postings, sum: amount}", "accepted: {left: {table: ledger, sum: amount}");
    project.file(
        "checks/missing.sql",
        b"-- rows in quarantine\nselect 'info' as severity, reject_reason as detail, content from postings_rejected",
    );
    let ended = project.run();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("[info] missing: null_in_id") && ended.stdout.contains("5.00"), "{ended:?}");
    let answer = project.tieout(&["query", "pipelines/postings.yaml", "select id from ledger", "--output", "csv"]);
    assert_eq!(answer.stdout, "id\na\n");
}

#[test]
fn a_key_that_may_be_null_is_no_key_and_told_with_its_place() {
    let project = Project::new();
    project.pipeline("      id: text\n", "      id: text null\n");
    let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
    fails(&ended, 78, "E106", "`id` is in the key of source `postings` and may be null");
    assert!(ended.stderr.contains("pipelines/postings.yaml:11:11"), "{ended:?}");
}

#[test]
fn a_column_that_no_contract_mentions_is_a_warning_to_the_owner_once_per_source_until_it_is_ignored() {
    let columns = |id: &str| {
        let (note, amount) = (("note", texts(&["n"])), ("amount", cents(&[1])));
        file_of(vec![("id", texts(&[id])), ("at", instants(1)), amount, ("reverses", texts(&["x"])), note])
    };
    let line =
        |id: &str| format!(r#"{{"id":"{id}","at":"2026-10-10T10:00:00Z","amount":1,"reverses":null,"note":"n"}}"#);
    let row = |id: &str| format!("id,at,note,amount,reverses\n{id},2026-10-10T10:00:00Z,n,1.00,\n");
    for format in ["parquet", "csv", "ndjson"] {
        let project = of_format(format);
        for (month, id) in [("2026-09", "x"), ("2026-10", "y")] {
            let bytes = match format {
                "parquet" => columns(id),
                "csv" => row(id).into_bytes(),
                _ => line(id).into_bytes(),
            };
            project.file(&format!("in/postings/month={month}/part.{format}"), &bytes);
        }
        let ended = project.run();
        assert_eq!(ended.code, 0, "{format}: {ended:?}");
        let told = "[warn] undeclared_columns: files of `postings` have columns that are not in its contract and not read: `note` (of postings, data@shop.example)";
        assert_eq!(ended.stdout.matches(told).count(), 1, "{format}: {ended:?}");
        project.pipeline("    key: [id]", "    key: [id]\n    ignores: [note]");
        let ended = project.run();
        assert!(ended.code == 0 && !ended.stdout.contains("undeclared"), "{format}: {ended:?}");
    }
}

#[test]
fn a_column_that_is_read_cannot_be_ignored() {
    let project = Project::new();
    project.pipeline("    key: [id]", "    key: [id]\n    ignores: [amount]");
    let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
    fails(&ended, 78, "E106", "`amount` is a column of source `postings` and ignored");
    assert!(ended.stderr.contains("pipelines/postings.yaml:12:15"), "{ended:?}");
}
