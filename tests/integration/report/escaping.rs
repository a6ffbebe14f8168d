//! Whatever the data holds, it arrives as text: in HTML, in plain text, in CSV and in a spreadsheet.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray};
use tieout::pipeline::{Attachment, Report};
use tieout::report::{Limits, LoadedReport, Rendered, ReportError, Table, TextFile, Texts, render, render_within};

use crate::fixtures::figures::facts;

const SUBJECT: &str = "{{ period }} {{ tables.rows.first.name }}";
const HTML: &str = "<table>{% for row in tables.rows.rows %}<tr><td title=\"{{ row.name }}\">{{ row.name }}</td>\
                    <td>{{ row.amount }}</td></tr>\n{% endfor %}</table>";
const TEXT: &str = "{% for row in tables.rows.rows %}{{ row.name }} | {{ row.amount }}\n{% endfor %}";

/// A report over one query, with templates given as text.
pub fn load(subject: &str, html: &str, text: &str) -> Result<LoadedReport, tieout::problem::Problems> {
    let file = |name: &str, text: &str| {
        (name.to_owned(), TextFile { path: PathBuf::from("reports/x").join(name), text: text.to_owned() })
    };
    let own = BTreeMap::from([
        file("subject.txt", subject),
        file("body.html", html),
        file("body.txt", text),
        file("rows.sql", "select 1"),
    ]);
    let attachment = |name: &str| Attachment { name: name.to_owned(), queries: vec!["rows".to_owned()] };
    let report = Report {
        name: "x".to_owned(),
        directory: PathBuf::from("reports/x"),
        audience: "all".to_owned(),
        attachments: vec![attachment("rows_{period}.csv"), attachment("rows_{period}.xlsx")],
        formats: BTreeMap::new(),
    };
    LoadedReport::load(&report, Texts { own, shared: BTreeMap::new() })
}

fn hostile() -> BTreeMap<String, Table> {
    let names: ArrayRef = Arc::new(StringArray::from(vec![
        Some("<script>alert(1)</script>"),
        Some("\"><img src=x onerror=y>"),
        Some("=cmd|' /C calc'!A0"),
        Some("+1"),
        Some("-2+3"),
        Some("@SUM(A1)"),
        Some("\t=1"),
        Some("{{ 7 * 7 }}"),
        Some("שלום, world"),
        Some("a\u{202e}fdp.exe"),
        Some("🧦 \"socks\", wool"),
        Some("two\r\nlines"),
        None,
    ]));
    let amounts = [
        Some(123_456_789_012),
        Some(0),
        Some(-1),
        None,
        Some(-49),
        Some(-50),
        Some(999_999_999_999_999_999),
        Some(100),
        Some(1),
        Some(10),
        Some(-12_345_678),
        Some(5),
        None,
    ];
    let amounts = Decimal128Array::from(amounts.to_vec()).with_precision_and_scale(18, 4).expect("a type");
    let batch =
        RecordBatch::try_from_iter([("name", names), ("amount", Arc::new(amounts) as ArrayRef)]).expect("a batch");
    let table = Table::from_batches(&batch.schema(), std::slice::from_ref(&batch), &BTreeMap::new()).expect("a table");
    BTreeMap::from([("rows".to_owned(), table)])
}

fn rendered() -> Rendered {
    let report = load(SUBJECT, HTML, TEXT).unwrap_or_else(|problems| panic!("{problems}"));
    render(&report, &facts(), &hostile()).expect("rendered")
}

#[test]
fn hostile_data_is_text_in_html() {
    insta::assert_snapshot!(rendered().html);
}

#[test]
fn hostile_data_keeps_its_line_in_plain_text() {
    let rendered = rendered();
    assert_eq!(rendered.subject, "2026-10 <script>alert(1)</script>");
    insta::assert_snapshot!(rendered.text);
}

#[test]
fn csv_runs_no_formula_and_loses_no_digit() {
    let csv = String::from_utf8(rendered().attachments[0].bytes.clone()).expect("utf-8");
    assert!(csv.starts_with('\u{feff}'));
    insta::assert_snapshot!(csv.replace('\u{feff}', "").replace("\r\n", "\n").replace('\t', "<tab>"));
}

#[test]
fn a_template_cannot_print_more_or_take_longer_than_allowed() {
    let endless = "{% for a in range(end=9999) %}{% for b in range(end=9999) %}{% endfor %}{% endfor %}x";
    let flood = "{% for a in range(end=9999) %}0123456789{% endfor %}";
    let limits = Limits { bytes: 50_000, time: Duration::from_millis(200) };
    let report = load(SUBJECT, HTML, endless).expect("loads");
    let error = render_within(&report, &facts(), &hostile(), limits).expect_err("too slow");
    assert!(matches!(error, ReportError::TooSlow { .. }), "{error}");
    let report = load(SUBJECT, HTML, flood).expect("loads");
    let error = render_within(&report, &facts(), &hostile(), Limits { time: Duration::from_secs(5), ..limits });
    assert!(matches!(error, Err(ReportError::TooLarge { .. })), "{error:?}");
}
