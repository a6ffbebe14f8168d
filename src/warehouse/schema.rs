//! Contracts as Arrow schemas: what SQL sees of a source, and what a mart must look like.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::pipeline::{Column, ColumnType, Mart, Source};

/// The Arrow type SQL sees for a column type. Text is a view: joins and groups compare it without copying.
#[must_use]
pub fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::Utf8View,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::LocalTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

/// How a column type is written in the pipeline file.
#[must_use]
pub fn written(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Int64 => "integer".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "local_timestamp".to_owned(),
        other => other.to_string(),
    }
}

fn fields<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Vec<Field> {
    columns.into_iter().map(|column| Field::new(&column.name, arrow_type(column.kind), column.nullable)).collect()
}

/// The columns of a source's files, without partition columns.
#[must_use]
pub fn file_schema(source: &Source) -> SchemaRef {
    Arc::new(Schema::new(fields(&source.columns)))
}

/// Partition columns of a source: text, never null.
#[must_use]
pub fn partition_fields(source: &Source) -> Vec<Field> {
    source.partitions.iter().map(|(name, _)| Field::new(name, DataType::Utf8View, false)).collect()
}

/// What SQL sees of a source: its columns, then its partitions.
#[must_use]
pub fn source_schema(source: &Source) -> SchemaRef {
    let mut all = fields(&source.columns);
    all.extend(partition_fields(source));
    Arc::new(Schema::new(all))
}

/// What SQL sees of a source's rejected rows: everything may be null, and why and where is told.
#[must_use]
pub fn rejected_schema(source: &Source) -> SchemaRef {
    let nullable =
        source_schema(source).fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let mut all: Vec<Field> = nullable;
    all.push(Field::new("source_key", DataType::Utf8View, true));
    all.push(Field::new("reject_reason", DataType::Utf8View, false));
    all.push(Field::new("content", DataType::Utf8View, false));
    all.push(Field::new("source_file", DataType::Utf8View, true));
    Arc::new(Schema::new(all))
}

/// The system table of input files, one row per file.
#[must_use]
pub fn source_files_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("source", DataType::Utf8View, false),
        Field::new("intake", DataType::Utf8View, true),
        Field::new("file", DataType::Utf8View, false),
        Field::new("rows", DataType::Decimal128(20, 0), false),
        Field::new("bytes", DataType::Decimal128(20, 0), false),
    ]))
}

/// A mart's files as they are read back: text as plain UTF-8, the declared nullability.
#[must_use]
pub fn mart_schema(mart: &Mart) -> SchemaRef {
    let fields = mart.columns.iter().map(|column| {
        let kind = match arrow_type(column.kind) {
            DataType::Utf8View => DataType::Utf8,
            other => other,
        };
        Field::new(&column.name, kind, column.nullable)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What SQL sees of a mart when it is as declared.
#[must_use]
pub fn declared_schema(mart: &Mart) -> SchemaRef {
    Arc::new(Schema::new(fields(&mart.columns)))
}

/// How a query's columns differ from a mart's.
pub struct Difference {
    /// What is declared and not given (-), and what is given and not declared (+).
    pub told: String,
    /// The first column that the query gives otherwise; none when it only gives too few.
    pub given: Option<String>,
    /// The first column that is declared and not given.
    pub missing: Option<String>,
}

/// Compares a query's columns with a mart's: names, order and types.
#[must_use]
pub fn mart_difference(mart: &Mart, schema: &Schema) -> Option<Difference> {
    let declared: Vec<_> =
        mart.columns.iter().map(|column| (column.name.clone(), written(&arrow_type(column.kind)))).collect();
    let found: Vec<_> =
        schema.fields().iter().map(|field| (field.name().clone(), written(field.data_type()))).collect();
    if declared == found {
        return None;
    }
    let missing =
        declared.iter().filter(|column| !found.contains(column)).map(|(name, kind)| format!("-{name} {kind}"));
    let extra = found.iter().filter(|column| !declared.contains(column)).map(|(name, kind)| format!("+{name} {kind}"));
    let mut difference: Vec<_> = missing.chain(extra).collect();
    let other = found.iter().find(|column| !declared.contains(column));
    let missing = declared.iter().find(|column| !found.contains(column)).map(|(name, _)| name.clone());
    if difference.is_empty() {
        difference.push("the same columns in another order".to_owned());
        let moved = found.iter().zip(&declared).find(|(found, declared)| found != declared);
        let given = moved.map(|(column, _)| column.0.clone());
        return Some(Difference { told: difference.join(", "), given, missing: None });
    }
    Some(Difference { told: difference.join(", "), given: other.map(|(name, _)| name.clone()), missing })
}
