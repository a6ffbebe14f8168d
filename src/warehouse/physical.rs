//! A file's physical columns against the contract, before anything is planned.
//!
//! The engine would read integer cents as whole units, fill a missing column with nulls and narrow decimals in silence,
//! so every difference that could change a value is a problem here.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Schema, TimeUnit};

use crate::pipeline::{Column, ColumnType, Source};
use crate::problem::{Problem, nearest};
use crate::warehouse::schema::{arrow_type, written};

/// What is wrong with a file's columns. `file` is shown as given.
#[must_use]
pub fn column_problems(source: &Source, file: &str, found: &Schema) -> Vec<Problem> {
    source.columns.iter().filter_map(|column| column_problem(column, file, found)).collect()
}

/// A declared column that a file has more than once: nobody can say which of them counts.
#[must_use]
pub fn repeated_column<'a>(name: &str, file: &str, found: impl Iterator<Item = &'a str>) -> Option<Problem> {
    let times = found.filter(|found| *found == name).count();
    (times > 1).then(|| {
        Problem::new("E305", format!("`{file}` has column `{name}` {times} times, and nobody can say which counts"))
            .help("export the file with every column once")
    })
}

/// Those of a file's columns that the source neither declares nor ignores.
#[must_use]
pub fn undeclared<'a>(source: &Source, found: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let declared = |name: &str| source.columns.iter().any(|column| column.name == name);
    let partition = |name: &str| source.partitions.iter().any(|(partition, _)| partition == name);
    let ignored = |name: &str| source.ignores.iter().any(|ignored| ignored == name);
    let found = found.into_iter().filter(|name| !declared(name) && !partition(name) && !ignored(name));
    found.map(str::to_owned).collect()
}

fn column_problem(column: &Column, file: &str, found: &Schema) -> Option<Problem> {
    let names = found.fields().iter().map(|field| field.name().as_str());
    if let Some(problem) = repeated_column(&column.name, file, names) {
        return Some(problem);
    }
    let Ok(field) = found.field_with_name(&column.name) else {
        let problem = Problem::new("E305", format!("`{file}` has no column `{}`", column.name));
        let names = found.fields().iter().map(|field| field.name().as_str());
        let same_letters = names.clone().find(|name| name.eq_ignore_ascii_case(&column.name));
        return Some(match same_letters.or_else(|| nearest(&column.name, names)) {
            Some(name) => problem.help(format!("did you mean `{name}`? Names are compared exactly")),
            None => problem.help("add the column to the file, or take it out of the source's contract"),
        });
    };
    let fits = fits(column.kind, field.data_type());
    (!fits).then(|| {
        Problem::new(
            "E307",
            format!(
                "`{}` is {} in `{file}`, the contract says {}",
                column.name,
                field.data_type(),
                written(&arrow_type(column.kind))
            ),
        )
        .help(remedy(column.kind, field.data_type()))
    })
}

fn remedy(kind: ColumnType, found: &DataType) -> &'static str {
    match (kind, found) {
        (ColumnType::Timestamp, DataType::Timestamp(unit, None)) if !matches!(unit, TimeUnit::Nanosecond) => {
            "if these are times on the clock of the pipeline's zone, the contract's type is local_timestamp; else export them in UTC"
        }
        (ColumnType::LocalTimestamp, DataType::Timestamp(unit, Some(zone)))
            if !matches!(unit, TimeUnit::Nanosecond) && is_utc(zone) =>
        {
            "these are instants: the contract's type is timestamp"
        }
        _ => "correct the export, or change the contract and the staging model that reads it",
    }
}

/// Whether every value of the physical type is the same value in the contract's type.
fn fits(kind: ColumnType, found: &DataType) -> bool {
    match (kind, found) {
        (_, DataType::Dictionary(_, values)) => fits(kind, values),
        (ColumnType::Text, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        | (ColumnType::Boolean, DataType::Boolean)
        | (ColumnType::Date, DataType::Date32) => true,
        (ColumnType::Integer, found) => {
            found.is_signed_integer() || matches!(found, DataType::UInt8 | DataType::UInt16 | DataType::UInt32)
        }
        (
            ColumnType::Decimal { precision, scale },
            DataType::Decimal32(digits, places)
            | DataType::Decimal64(digits, places)
            | DataType::Decimal128(digits, places),
        ) => *places == scale && *digits <= precision,
        (ColumnType::Timestamp, DataType::Timestamp(unit, Some(zone))) => {
            !matches!(unit, TimeUnit::Nanosecond) && is_utc(zone)
        }
        (ColumnType::LocalTimestamp, DataType::Timestamp(unit, None)) => !matches!(unit, TimeUnit::Nanosecond),
        _ => false,
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "+00:00" | "Z" | "Etc/UTC" | "GMT")
}
