//! CSV as RFC 4180 has it: commas, CRLF, quotes where needed.
//!
//! UTF-8 with a byte order mark, without which Excel reads the local 8-bit code page. Numbers are exact and ungrouped;
//! a missing value is `n/a` as in the mail, and an empty field is an empty text.

use super::attach::neutral;
use super::format;
use super::table::{Cell, Table, Value};

const BYTE_ORDER_MARK: &str = "\u{feff}";

pub(super) fn write(table: &Table) -> Vec<u8> {
    let mut out = String::from(BYTE_ORDER_MARK);
    line(&mut out, table.columns.iter().map(|column| neutral(&column.name)));
    for row in &table.rows {
        line(&mut out, row.iter().map(field));
    }
    out.into_bytes()
}

fn field(cell: &Cell) -> String {
    match &cell.value {
        Value::Text(text) => neutral(text),
        Value::Decimal { unscaled, scale } => format::exact(*unscaled, *scale),
        Value::Absent | Value::Boolean(_) | Value::Date(_) | Value::Timestamp(_) => cell.text.clone(),
    }
}

fn line(out: &mut String, fields: impl Iterator<Item = String>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\r', '\n']) || field.starts_with(' ') || field.ends_with(' ') {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&field);
        }
    }
    out.push_str("\r\n");
}
