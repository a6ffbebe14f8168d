//! CSV and NDJSON: every value is read as text and then typed strictly. A value that is not exactly of its type rejects
//! its row; nothing is rounded, guessed or filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch,
    RecordBatchOptions, StringArray, StringBuilder, StringViewBuilder, TimestampMicrosecondBuilder,
};
use arrow::compute::filter_record_batch;
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use serde::de::IgnoredAny;

use crate::pipeline::{Column, ColumnType, Format, Source};
use crate::problem::{Problem, nearest};
use crate::warehouse::contract::rejected_with_content;
use crate::warehouse::functions::days;
use crate::warehouse::physical::{repeated_column, undeclared};
use crate::warehouse::quotes::{QuoteFault, quote_fault};
use crate::warehouse::schema::source_schema;

const BATCH: usize = 8192;

/// Typed rows and rejected rows of one text file.
#[derive(Debug, Default)]
pub struct TypedRows {
    pub kept: Vec<RecordBatch>,
    pub rejected: Vec<RecordBatch>,
    pub rows: u64,
    /// Columns that the contract does not mention.
    pub extra_columns: BTreeSet<String>,
}

/// Why a text file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error("{0}")]
    Problem(Problem),
    #[error("a text file cannot be typed")]
    Engine(#[from] DataFusionError),
}

/// Reads one file.
///
/// # Errors
/// A problem when the file is no CSV or NDJSON, or lacks a column.
pub fn read(source: &Source, file: &str, partitions: &[String], bytes: &Bytes) -> Result<TypedRows, TextError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = TypedRows::default();
    if source.format == Format::Ndjson {
        let mut lines = JsonLines::new(source, file, bytes);
        for batch in &mut lines {
            rows.add(source, partitions, batch?)?;
        }
        rows.extra_columns = undeclared(source, lines.names.iter().map(String::as_str));
        return Ok(rows);
    }
    let schema = csv_schema(source, file, bytes)?;
    rows.extra_columns = undeclared(source, schema.fields().iter().map(|field| field.name().as_str()));
    let undecodable = |error: ArrowError| cannot_decode(file, &error.to_string());
    let reader = csv::ReaderBuilder::new(schema).with_header(true).with_batch_size(BATCH);
    for batch in reader.build(Cursor::new(bytes)).map_err(undecodable)? {
        let batch = batch.map_err(undecodable)?;
        let reasons = vec![None; batch.num_rows()];
        rows.add(source, partitions, (batch, reasons))?;
    }
    Ok(rows)
}

impl TypedRows {
    fn add(&mut self, source: &Source, partitions: &[String], (batch, reasons): Texts) -> Result<(), TextError> {
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        let (kept, rejected) = typed(source, partitions, &batch, reasons)?;
        self.kept.push(kept);
        self.rejected.extend(rejected);
        Ok(())
    }
}

/// Rows as text, and why a row is rejected whatever its values.
type Texts = (RecordBatch, Vec<Option<String>>);

/// `place` is a file, or a line of one.
fn cannot_decode(place: &str, why: &str) -> TextError {
    TextError::Problem(
        Problem::new("E303", format!("cannot decode `{place}`: {why}"))
            .help("correct the line, or export the file again"),
    )
}

/// The header's columns, all text; every column of the contract must be there, once.
fn csv_schema(source: &Source, file: &str, bytes: &[u8]) -> Result<SchemaRef, TextError> {
    if let Some(QuoteFault { line, why }) = quote_fault(bytes) {
        return Err(cannot_decode(&format!("{file}:{line}"), why));
    }
    let format = csv::reader::Format::default().with_header(true);
    let (header, _) = format.infer_schema(Cursor::new(bytes), Some(0)).map_err(|error| {
        TextError::Problem(Problem::new("E303", format!("`{file}` has no readable header: {error}")))
    })?;
    let names = || header.fields().iter().map(|field| field.name().as_str());
    for column in &source.columns {
        if let Some(problem) = repeated_column(&column.name, file, names()) {
            return Err(TextError::Problem(problem));
        }
        if header.field_with_name(&column.name).is_err() {
            let problem = Problem::new("E305", format!("`{file}` has no column `{}`", column.name));
            return Err(TextError::Problem(match nearest(&column.name, names()) {
                Some(name) => problem.help(format!("did you mean `{name}`? Names are compared exactly")),
                None => problem.help("add the column to the file, or take it out of the source's contract"),
            }));
        }
    }
    let fields: Vec<_> = names().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// NDJSON: one object per line. Values are taken from the text as it stands, so that no digit passes through a float.
struct JsonLines<'a> {
    source: &'a Source,
    file: &'a str,
    lines: Lines<'a>,
    /// Every name that any line has.
    names: BTreeSet<String>,
    /// Lines that held an object so far.
    count: usize,
    ended: bool,
}

type Lines<'a> = std::iter::Enumerate<std::slice::Split<'a, u8, fn(&u8) -> bool>>;

impl<'a> JsonLines<'a> {
    fn new(source: &'a Source, file: &'a str, bytes: &'a [u8]) -> Self {
        let newline: fn(&u8) -> bool = |byte| *byte == b'\n';
        Self { source, file, lines: bytes.split(newline).enumerate(), names: BTreeSet::new(), count: 0, ended: false }
    }

    /// The first declared column that no line has: even one that may be null is written as null somewhere, or it was
    /// renamed or lost. A file without lines says nothing of its columns.
    fn missing(&self) -> Option<TextError> {
        let column = self.source.columns.iter().find(|column| !self.names.contains(&column.name))?;
        if self.count == 0 {
            return None;
        }
        let strange = undeclared(self.source, self.names.iter().map(String::as_str));
        let problem = Problem::new("E305", format!("no line of `{}` has column `{}`", self.file, column.name));
        Some(TextError::Problem(match nearest(&column.name, strange.iter().map(String::as_str)) {
            Some(name) => problem.help(format!("did you mean `{name}`? Names are compared exactly")),
            None => problem.help("write it with null where it has no value, or take it out of the contract"),
        }))
    }

    /// The next lines, at most as many as a batch holds.
    fn objects(&mut self) -> Result<Vec<BTreeMap<String, &'a str>>, TextError> {
        let mut objects = Vec::new();
        while objects.len() < BATCH {
            let Some((at, line)) = self.lines.next() else { break };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let object = self.object(at, line)?;
            for name in object.keys().filter(|name| !self.names.contains(*name)).cloned().collect::<Vec<_>>() {
                self.names.insert(name);
            }
            objects.push(object);
        }
        self.count += objects.len();
        Ok(objects)
    }

    /// The names of a line's object with their values as written.
    fn object(&self, at: usize, line: &'a [u8]) -> Result<BTreeMap<String, &'a str>, TextError> {
        let wrong = |why: String| cannot_decode(&format!("{}:{}", self.file, at + 1), &why);
        let line = str::from_utf8(line).map_err(|_| wrong("it is not UTF-8".to_owned()))?.trim_ascii();
        let valid = serde_json::from_str::<IgnoredAny>(line);
        valid.map_err(|error| wrong(format!("no JSON at column {}", error.column())))?;
        let members = members(line).ok_or_else(|| wrong("a line is one object".to_owned()))?;
        let mut object = BTreeMap::new();
        for (name, value) in members {
            let name: String = serde_json::from_str(name).map_err(|error| wrong(error.to_string()))?;
            if object.contains_key(&name) {
                return Err(wrong(format!("`{name}` occurs twice, and nobody can say which counts")));
            }
            object.insert(name, value);
        }
        Ok(object)
    }

    fn batch(&self, objects: &[BTreeMap<String, &str>]) -> Result<Texts, TextError> {
        let mut reasons = vec![None; objects.len()];
        let mut columns: Vec<ArrayRef> = Vec::new();
        for column in &self.source.columns {
            let mut texts = StringBuilder::new();
            for (object, reason) in objects.iter().zip(&mut reasons) {
                let value = object.get(&column.name).copied().filter(|value| *value != "null");
                let text = value.map(|value| json_text(column.kind, value));
                texts.append_option(text.as_ref().map(|(text, _)| text));
                if text.is_some_and(|(_, fits)| !fits) {
                    reason.get_or_insert_with(|| format!("unreadable_{}", column.name));
                }
            }
            columns.push(Arc::new(texts.finish()));
        }
        let fields = self.source.columns.iter().map(|column| Field::new(&column.name, DataType::Utf8, true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(objects.len()));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options).map_err(DataFusionError::from)?;
        Ok((batch, reasons))
    }
}

impl Iterator for JsonLines<'_> {
    type Item = Result<Texts, TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.objects() {
            Ok(objects) if objects.is_empty() => {
                self.ended = true;
                self.missing().map(Err)
            }
            Ok(objects) => Some(self.batch(&objects)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// The members of a valid JSON object, name and value as written; none for any other JSON.
fn members(object: &str) -> Option<Vec<(&str, &str)>> {
    let inside = object.strip_prefix('{')?.strip_suffix('}')?;
    let (mut members, mut start, mut colon) = (Vec::new(), 0, None);
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let mut end_member = |start: usize, colon: Option<usize>, end: usize| {
        let name = inside.get(start..colon?)?.trim_ascii();
        members.push((name, inside.get(colon? + 1..end)?.trim_ascii()));
        Some(())
    };
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && colon.is_none() => colon = Some(at),
            b',' if depth == 0 => {
                end_member(start, colon, at)?;
                (start, colon) = (at + 1, None);
            }
            _ => {}
        }
    }
    if !inside.trim_ascii().is_empty() {
        end_member(start, colon, inside.len())?;
    }
    Some(members)
}

/// A JSON value as text, and whether its kind can stand for a column's: numbers and truth values may be written as strings,
/// nothing else may.
fn json_text(kind: ColumnType, value: &str) -> (String, bool) {
    if value.starts_with('"') {
        let text = serde_json::from_str(value);
        let fits = text.is_ok();
        return (text.unwrap_or_else(|_| value.to_owned()), fits);
    }
    let fits = match kind {
        ColumnType::Integer | ColumnType::Decimal { .. } => value.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
        ColumnType::Boolean => matches!(value, "true" | "false"),
        ColumnType::Text | ColumnType::Date | ColumnType::Timestamp | ColumnType::LocalTimestamp => false,
    };
    (value.to_owned(), fits)
}

fn typed(
    source: &Source,
    partitions: &[String],
    text: &RecordBatch,
    mut reasons: Vec<Option<String>>,
) -> Result<(RecordBatch, Option<RecordBatch>), DataFusionError> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for column in &source.columns {
        let values = text.column_by_name(&column.name).map(arrow::array::AsArray::as_string::<i32>);
        // An empty cell of CSV is an empty text where a text is required, and no value everywhere else. Nothing can be
        // told apart by an empty key, so there it is none either.
        let of_text = source.format == Format::Csv && column.kind == ColumnType::Text;
        let blank = of_text && !column.nullable && !source.key.contains(&column.name);
        columns.push(typed_column(column, values, blank, &mut reasons));
    }
    for value in partitions {
        let mut builder = StringViewBuilder::with_capacity(text.num_rows());
        (0..text.num_rows()).for_each(|_| builder.append_value(value));
        columns.push(Arc::new(builder.finish()));
    }
    let all = RecordBatch::try_new(super::table::nullable(&source_schema(source)), columns)?;
    let good: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
    let kept = filter_record_batch(&all, &good)?;
    let bad: BooleanArray = reasons.iter().map(|reason| Some(reason.is_some())).collect();
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    if reasons.is_empty() {
        return Ok((kept, None));
    }
    let rejected =
        rejected_with_content(source, &filter_record_batch(&all, &bad)?, &filter_record_batch(text, &bad)?, &reasons)?;
    Ok((kept, Some(rejected)))
}

/// One column, typed; a row whose value does not fit gets a reason.
fn typed_column(column: &Column, text: Option<&StringArray>, blank: bool, reasons: &mut [Option<String>]) -> ArrayRef {
    let value = |row: usize| text.filter(|text| text.is_valid(row)).map(|text| text.value(row));
    let mut builder = Builder::new(column.kind, reasons.len());
    for (row, reason) in reasons.iter_mut().enumerate() {
        let readable = match value(row) {
            None if blank => builder.append(""),
            None => {
                builder.append_null();
                if !column.nullable {
                    reason.get_or_insert_with(|| format!("null_in_{}", column.name));
                }
                true
            }
            Some(value) => builder.append(value),
        };
        if !readable {
            builder.append_null();
            reason.get_or_insert_with(|| format!("unreadable_{}", column.name));
        }
    }
    builder.finish()
}

enum Builder {
    Text(StringViewBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    LocalTimestamp(TimestampMicrosecondBuilder),
}

impl Builder {
    fn new(kind: ColumnType, rows: usize) -> Self {
        match kind {
            ColumnType::Text => Self::Text(StringViewBuilder::with_capacity(rows)),
            ColumnType::Integer => Self::Integer(Int64Builder::with_capacity(rows)),
            ColumnType::Decimal { precision, scale } => Self::Decimal(
                Decimal128Builder::with_capacity(rows).with_data_type(DataType::Decimal128(precision, scale)),
                precision,
                scale,
            ),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            ColumnType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"))
            }
            ColumnType::LocalTimestamp => Self::LocalTimestamp(TimestampMicrosecondBuilder::with_capacity(rows)),
        }
    }

    /// Appends a value; `false` when the text is not exactly of the type, and nothing was appended.
    fn append(&mut self, text: &str) -> bool {
        match self {
            Self::Text(builder) => {
                builder.append_value(text);
                true
            }
            Self::Integer(builder) => text.parse().map(|value| builder.append_value(value)).is_ok(),
            Self::Decimal(builder, precision, scale) => {
                decimal(text, *precision, *scale).map(|value| builder.append_value(value)).is_some()
            }
            Self::Boolean(builder) => {
                let value = match text {
                    "true" | "TRUE" | "True" => Some(true),
                    "false" | "FALSE" | "False" => Some(false),
                    _ => None,
                };
                value.map(|value| builder.append_value(value)).is_some()
            }
            Self::Date(builder) => jiff::civil::Date::from_str(text).map(|day| builder.append_value(days(day))).is_ok(),
            Self::Timestamp(builder) => {
                jiff::Timestamp::from_str(text).map(|instant| builder.append_value(instant.as_microsecond())).is_ok()
            }
            Self::LocalTimestamp(builder) => local_micros(text).map(|micros| builder.append_value(micros)).is_some(),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Decimal(builder, ..) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) | Self::LocalTimestamp(builder) => builder.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder, ..) => Arc::new(builder.finish()),
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) | Self::LocalTimestamp(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// The wall clock of a civil date and time, as if it were UTC. A text with a zone or offset is refused.
fn local_micros(text: &str) -> Option<i64> {
    if text.ends_with(['Z', 'z']) {
        return None;
    }
    let local = jiff::civil::DateTime::from_str(text).ok()?;
    Some(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// A decimal written with digits, an optional sign and at most `scale` places: never rounded.
pub(crate) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = usize::try_from(scale).ok()?;
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || fraction.len() > places
        || !all_digits(whole)
        || !all_digits(fraction)
        || digits.ends_with('.')
    {
        return None;
    }
    let unscaled: i128 = format!("{whole}{fraction:0<places$}").parse().ok()?;
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled < limit).then_some(if negative { -unscaled } else { unscaled })
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn a_decimal_is_read_exactly_or_not_at_all() {
        assert_eq!(decimal("12.5", 12, 2), Some(1250));
        assert_eq!(decimal("-0.05", 12, 2), Some(-5));
        assert_eq!(decimal("2.345", 12, 2), None, "never rounded");
        assert_eq!(decimal("1,234.50", 12, 2), None);
        assert_eq!(decimal("1e3", 12, 2), None);
        assert_eq!(decimal("", 12, 2), None);
        assert_eq!(decimal("5.", 12, 2), None);
        assert_eq!(decimal("100.00", 4, 2), None, "five digits do not fit four");
    }
}
