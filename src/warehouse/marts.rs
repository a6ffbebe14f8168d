//! Marts on their way out: sorted by their grain, split by period, guarded, and written as Parquet with fixed properties,
//! so that the same rows always give the same bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch, partition};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, SchemaRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{DataFusionError, exec_datafusion_err, exec_err};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::calendar::{Calendar, Period};
use crate::pipeline::Mart;
use crate::warehouse::functions::day_of;
use crate::warehouse::schema::mart_schema;

/// Rows of one file-to-be.
pub struct MartPart {
    /// The period the rows belong to; none for a table that is published whole.
    pub period: Option<Period>,
    pub rows: u64,
    pub bytes: Vec<u8>,
}

/// Takes a mart's rows in the order of its grain and gives one part per period.
pub struct MartWriter<'a> {
    mart: &'a Mart,
    calendar: &'a Calendar,
    schema: SchemaRef,
    parts: BTreeMap<Option<Period>, ArrowWriter<Vec<u8>>>,
    periods: HashMap<i32, Period>,
    grain: RowConverter,
    last: Option<OwnedRow>,
}

impl<'a> MartWriter<'a> {
    /// # Errors
    /// When the mart's grain cannot be compared, which validated columns can.
    pub fn new(mart: &'a Mart, calendar: &'a Calendar) -> Result<Self, DataFusionError> {
        let schema = mart_schema(mart);
        let fields =
            mart.grain.iter().map(|name| Ok(SortField::new(schema.field_with_name(name)?.data_type().clone())));
        let grain = RowConverter::new(fields.collect::<Result<Vec<_>, DataFusionError>>()?)?;
        Ok(Self { mart, calendar, schema, parts: BTreeMap::new(), periods: HashMap::new(), grain, last: None })
    }

    /// Writes rows, which must continue in the order of the grain.
    ///
    /// # Errors
    /// When a value is null that must not be, does not fit its declared digits, or a grain occurs twice.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = self.declared(rows)?;
        self.refuse_repeated_grain(&rows)?;
        for (period, part) in self.split(rows)? {
            self.part(period)?.write(&part)?;
        }
        Ok(())
    }

    /// Ends all files. A mart without rows gives one empty part when it is published whole, none otherwise.
    ///
    /// # Errors
    /// When a file cannot be finished.
    pub fn finish(mut self) -> Result<Vec<MartPart>, DataFusionError> {
        if self.mart.period.is_none() {
            self.part(None)?;
        }
        let mut parts = Vec::new();
        for (period, writer) in self.parts {
            let mut rows = writer
                .flushed_row_groups()
                .iter()
                .map(parquet::file::metadata::RowGroupMetaData::num_rows)
                .sum::<i64>();
            rows += i64::try_from(writer.in_progress_rows()).unwrap_or(i64::MAX);
            parts.push(MartPart { period, rows: u64::try_from(rows).unwrap_or(0), bytes: writer.into_inner()? });
        }
        Ok(parts)
    }

    fn part(&mut self, period: Option<Period>) -> Result<&mut ArrowWriter<Vec<u8>>, DataFusionError> {
        Ok(match self.parts.entry(period) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(parquet_writer(&self.schema)?),
        })
    }

    /// The declared columns and types, with every value proved to fit them: the Parquet writer would truncate in silence.
    fn declared(&self, rows: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let Some(found) = rows.column_by_name(field.name()) else {
                return exec_err!("mart `{}` lacks column `{}`", self.mart.name, field.name());
            };
            let column = if found.data_type() == field.data_type() {
                Arc::clone(found)
            } else {
                cast(found, field.data_type())?
            };
            if !field.is_nullable() && column.null_count() > 0 {
                return exec_err!(
                    "mart `{}` has {} nulls in `{}`, which is declared not null",
                    self.mart.name,
                    column.null_count(),
                    field.name()
                );
            }
            if let DataType::Decimal128(precision, _) = field.data_type() {
                let fits = column.as_primitive::<Decimal128Type>().validate_decimal_precision(*precision);
                fits.map_err(|error| {
                    exec_datafusion_err!("mart `{}`, column `{}`: {error}", self.mart.name, field.name())
                })?;
            }
            columns.push(column);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Rows arrive in the order of the grain, so a repeated one is a neighbour.
    fn refuse_repeated_grain(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        let columns: Vec<ArrayRef> =
            self.mart.grain.iter().filter_map(|name| rows.column_by_name(name).cloned()).collect();
        if columns.is_empty() {
            return Ok(());
        }
        let ends: Vec<ArrayRef> = columns.iter().map(|column| column.slice(0, 1)).collect();
        let first = self.grain.convert_columns(&ends)?.row(0).owned();
        let repeated_across = self.last.as_ref() == Some(&first);
        if repeated_across || partition(&columns)?.len() < rows.num_rows() {
            return exec_err!(
                "mart `{}` has two rows with the same grain ({})",
                self.mart.name,
                self.mart.grain.join(", ")
            );
        }
        let ends: Vec<ArrayRef> = columns.iter().map(|column| column.slice(rows.num_rows() - 1, 1)).collect();
        self.last = Some(self.grain.convert_columns(&ends)?.row(0).owned());
        Ok(())
    }

    /// The rows of each period.
    fn split(&mut self, rows: RecordBatch) -> Result<Vec<(Option<Period>, RecordBatch)>, DataFusionError> {
        let Some(name) = &self.mart.period else { return Ok(vec![(None, rows)]) };
        let Some(column) = rows.column_by_name(name).cloned() else {
            return exec_err!("mart `{}` lacks its period column `{name}`", self.mart.name);
        };
        let periods = self.periods(&column)?;
        let mut distinct: Vec<Period> = periods.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if let [only] = distinct.as_slice() {
            return Ok(vec![(Some(*only), rows)]);
        }
        let mut parts = Vec::new();
        for period in distinct {
            let mask: BooleanArray = periods.iter().map(|found| Some(*found == period)).collect();
            parts.push((Some(period), filter_record_batch(&rows, &mask)?));
        }
        Ok(parts)
    }

    fn periods(&mut self, column: &ArrayRef) -> Result<Vec<Period>, DataFusionError> {
        if column.null_count() > 0 {
            return exec_err!("mart `{}` has rows without a period", self.mart.name);
        }
        if let Some(days) = column.as_primitive_opt::<Date32Type>() {
            return days.values().iter().map(|day| self.period_of_day(*day)).collect();
        }
        let texts = column.as_string::<i32>();
        let parse = |text: Option<&str>| {
            self.calendar
                .period(text.unwrap_or_default())
                .map_err(|error| exec_datafusion_err!("mart `{}`: {error}", self.mart.name))
        };
        texts.iter().map(parse).collect()
    }

    fn period_of_day(&mut self, days: i32) -> Result<Period, DataFusionError> {
        if let Some(period) = self.periods.get(&days) {
            return Ok(*period);
        }
        let period = self.calendar.containing(day_of(days)?).map_err(|error| exec_datafusion_err!("{error}"))?;
        self.periods.insert(days, period);
        Ok(period)
    }
}

/// Fixed properties and no metadata beyond the columns: equal rows give equal bytes.
fn parquet_writer(schema: &SchemaRef) -> Result<ArrowWriter<Vec<u8>>, DataFusionError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by("tieout".to_owned())
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(schema), options)?)
}
