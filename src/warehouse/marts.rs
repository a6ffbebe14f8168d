//! Marts on their way out: sorted by their grain, split by period, guarded, and written as Parquet with fixed properties,
//! so that the same rows always give the same bytes.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch, max, min};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Field, SchemaRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, exec_err, internal_err};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::calendar::{Calendar, Period};
use crate::pipeline::Mart;
use crate::warehouse::execute::{bytes_of, own_text};
use crate::warehouse::functions::day_of;
use crate::warehouse::schema::declared_schema;
use crate::warehouse::sorted::ORDER;
use crate::warehouse::spool::{Spool, Spools};

/// Rows of one file-to-be.
pub struct MartPart {
    /// The period the rows belong to; none for a table that is published whole.
    pub period: Option<Period>,
    pub rows: u64,
    pub bytes: Vec<u8>,
}

/// Rows of one file-to-be where they wait until all are known.
pub struct WaitingPart {
    period: Option<Period>,
    rows: u64,
    bytes: Spool,
}

impl WaitingPart {
    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        self.bytes.memory_size()
    }

    /// Bytes of memory that it is going to take beside when it is read.
    ///
    /// # Errors
    /// When what is on disk has gone.
    pub fn read_size(&self) -> io::Result<usize> {
        self.bytes.read_size()
    }

    /// The file-to-be in memory.
    ///
    /// # Errors
    /// When what is on disk cannot be read.
    pub fn read(self) -> io::Result<MartPart> {
        Ok(MartPart { period: self.period, rows: self.rows, bytes: self.bytes.read()? })
    }
}

/// Takes a mart's rows in the order of its grain and gives one part per period.
pub struct MartWriter<'a> {
    mart: &'a Mart,
    calendar: &'a Calendar,
    schema: SchemaRef,
    parts: BTreeMap<Option<Period>, OpenPart>,
    periods: HashMap<i32, Period>,
    spools: Spools,
    grain: RowConverter,
    last: Option<OwnedRow>,
    constants: HashMap<(usize, ScalarValue), ArrayRef>,
}

impl<'a> MartWriter<'a> {
    /// # Errors
    /// When the mart's grain cannot be compared, which validated columns can.
    pub fn new(mart: &'a Mart, calendar: &'a Calendar) -> Result<Self, DataFusionError> {
        let schema = declared_schema(mart);
        let fields = mart
            .grain
            .iter()
            .map(|name| Ok(SortField::new_with_options(schema.field_with_name(name)?.data_type().clone(), ORDER)));
        let grain = RowConverter::new(fields.collect::<Result<Vec<_>, DataFusionError>>()?)?;
        Ok(Self {
            mart,
            calendar,
            schema,
            parts: BTreeMap::new(),
            periods: HashMap::new(),
            spools: Spools::default(),
            grain,
            last: None,
            constants: HashMap::new(),
        })
    }

    /// Files that are large wait in spools of these.
    #[must_use]
    pub fn with_spools(self, spools: Spools) -> Self {
        Self { spools, ..self }
    }

    /// Writes rows, which must continue in the order of the grain. `constants` are columns that have one value in all of
    /// them.
    ///
    /// # Errors
    /// When a value is null that must not be, does not fit its declared digits, or a grain occurs twice.
    pub fn write(&mut self, rows: &RecordBatch, constants: &[(String, ScalarValue)]) -> Result<(), DataFusionError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = self.declared(rows, constants)?;
        self.refuse_repeated_grain(&rows)?;
        for (period, part) in self.split(rows)? {
            let open = self.parts.entry(period).or_insert_with(|| OpenPart::new(self.spools.spool()));
            open.write(&self.schema, part)?;
        }
        Ok(())
    }

    /// Bytes that the files take in memory by now.
    pub fn memory_size(&self) -> usize {
        self.parts.values().map(OpenPart::memory_size).sum()
    }

    /// Ends all files. A mart without rows gives one empty part when it is published whole, none otherwise.
    ///
    /// # Errors
    /// When a file cannot be finished.
    pub fn finish(mut self) -> Result<Vec<WaitingPart>, DataFusionError> {
        if self.mart.period.is_none() {
            self.parts.entry(None).or_insert_with(|| OpenPart::new(self.spools.spool()));
        }
        let schema = &self.schema;
        self.parts.into_iter().map(|(period, part)| part.finish(schema, period)).collect()
    }

    /// The declared columns and types, with every value proved to fit them: the Parquet writer would truncate in silence.
    fn declared(
        &mut self,
        rows: &RecordBatch,
        constants: &[(String, ScalarValue)],
    ) -> Result<RecordBatch, DataFusionError> {
        let schema = Arc::clone(&self.schema);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        for (index, field) in schema.fields().iter().enumerate() {
            let column = if let Some(found) = rows.column_by_name(field.name()) {
                self.proved(found, field)?
            } else if let Some((_, value)) = constants.iter().find(|(name, _)| name == field.name()) {
                self.constant(index, field, value, rows.num_rows())?
            } else {
                return exec_err!("mart `{}` lacks column `{}`", self.mart.name, field.name());
            };
            columns.push(column);
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }

    /// So many rows of one value, which is made and proved once.
    fn constant(
        &mut self,
        index: usize,
        field: &Field,
        value: &ScalarValue,
        rows: usize,
    ) -> Result<ArrayRef, DataFusionError> {
        let key = (index, value.clone());
        match self.constants.get(&key) {
            Some(known) if known.len() >= rows => Ok(known.slice(0, rows)),
            _ => {
                let made = self.proved(&value.to_array_of_size(rows)?, field)?;
                self.constants.insert(key, Arc::clone(&made));
                Ok(made)
            }
        }
    }

    fn proved(&self, found: &ArrayRef, field: &Field) -> Result<ArrayRef, DataFusionError> {
        let column =
            if found.data_type() == field.data_type() { Arc::clone(found) } else { cast(found, field.data_type())? };
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
        Ok(column)
    }

    /// Rows must arrive in the order of the grain, each with a grain of its own.
    fn refuse_repeated_grain(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        let columns: Vec<ArrayRef> =
            self.mart.grain.iter().filter_map(|name| rows.column_by_name(name).cloned()).collect();
        if columns.is_empty() {
            return Ok(());
        }
        let grain = self.grain.convert_columns(&columns)?;
        let mut last = self.last.as_ref().map(OwnedRow::row);
        for row in &grain {
            match last.map_or(Ordering::Less, |last| last.cmp(&row)) {
                Ordering::Less => last = Some(row),
                Ordering::Equal => {
                    let grain = self.mart.grain.join(", ");
                    return exec_err!("mart `{}` has two rows with the same grain ({grain})", self.mart.name);
                }
                Ordering::Greater => {
                    return internal_err!("the rows of mart `{}` are not in the order of its grain", self.mart.name);
                }
            }
        }
        self.last = last.map(|row| row.owned());
        Ok(())
    }

    /// The rows of each period.
    fn split(&mut self, rows: RecordBatch) -> Result<Vec<(Option<Period>, RecordBatch)>, DataFusionError> {
        let Some(name) = &self.mart.period else { return Ok(vec![(None, rows)]) };
        let Some(column) = rows.column_by_name(name).cloned() else {
            return exec_err!("mart `{}` lacks its period column `{name}`", self.mart.name);
        };
        if let Some(only) = self.only_period(&column)? {
            return Ok(vec![(Some(only), rows)]);
        }
        let periods = self.periods(&column)?;
        let mut distinct: Vec<Period> = periods.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let mut parts = Vec::new();
        for period in distinct {
            let mask: BooleanArray = periods.iter().map(|found| Some(*found == period)).collect();
            parts.push((Some(period), filter_record_batch(&rows, &mask)?));
        }
        Ok(parts)
    }

    /// The period of all days of a column, when the first and the last are of the same.
    fn only_period(&mut self, column: &ArrayRef) -> Result<Option<Period>, DataFusionError> {
        let Some(days) = column.as_primitive_opt::<Date32Type>().filter(|days| days.null_count() == 0) else {
            return Ok(None);
        };
        let (Some(first), Some(last)) = (min(days), max(days)) else { return Ok(None) };
        let (first, last) = (self.period_of_day(first)?, self.period_of_day(last)?);
        Ok((first == last).then_some(first))
    }

    fn periods(&mut self, column: &ArrayRef) -> Result<Vec<Period>, DataFusionError> {
        if column.null_count() > 0 {
            return exec_err!("mart `{}` has rows without a period", self.mart.name);
        }
        if let Some(days) = column.as_primitive_opt::<Date32Type>() {
            return days.values().iter().map(|day| self.period_of_day(*day)).collect();
        }
        let texts = column.as_string_view();
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

/// A file that grows. Its first rows wait, because a small file is written in another way than a large one.
struct OpenPart {
    waiting: Vec<RecordBatch>,
    /// Of those that wait.
    bytes: usize,
    rows: usize,
    to: To,
}

/// Where its bytes go, before and after a file has been begun.
enum To {
    Spool(Spool),
    Writer(Box<ArrowWriter<Spool>>),
    /// While one becomes the other, which may fail.
    Nowhere,
}

impl OpenPart {
    /// More rows than this make a large file.
    const SMALL: usize = 65_536;

    fn new(spool: Spool) -> Self {
        Self { waiting: Vec::new(), bytes: 0, rows: 0, to: To::Spool(spool) }
    }

    fn write(&mut self, schema: &SchemaRef, rows: RecordBatch) -> Result<(), DataFusionError> {
        self.rows += rows.num_rows();
        if let To::Writer(writer) = &mut self.to {
            return Ok(writer.write(&rows)?);
        }
        // They may be a few of many that are gone by then, and would keep the text of all.
        let rows = own_text(rows)?;
        self.bytes += bytes_of(&rows);
        self.waiting.push(rows);
        if self.rows > Self::SMALL { self.open(schema, true) } else { Ok(()) }
    }

    fn memory_size(&self) -> usize {
        let to = match &self.to {
            To::Writer(writer) => writer.memory_size() + writer.inner().memory_size(),
            To::Spool(_) | To::Nowhere => 0,
        };
        self.bytes + to
    }

    /// Begins the file, with everything that waited for it.
    fn open(&mut self, schema: &SchemaRef, large: bool) -> Result<(), DataFusionError> {
        let To::Spool(spool) = std::mem::replace(&mut self.to, To::Nowhere) else {
            return internal_err!("a file has been begun before");
        };
        let mut writer = parquet_writer(schema, if large { &self.waiting } else { &[] }, spool)?;
        for rows in self.waiting.drain(..) {
            writer.write(&rows)?;
        }
        self.bytes = 0;
        self.to = To::Writer(Box::new(writer));
        Ok(())
    }

    fn finish(mut self, schema: &SchemaRef, period: Option<Period>) -> Result<WaitingPart, DataFusionError> {
        if matches!(self.to, To::Spool(_)) {
            self.open(schema, false)?;
        }
        let To::Writer(writer) = self.to else { return internal_err!("a file has not been begun") };
        Ok(WaitingPart { period, rows: u64::try_from(self.rows).unwrap_or(u64::MAX), bytes: writer.into_inner()? })
    }
}

/// Properties that depend on the rows alone, and no metadata beyond the columns: equal rows give equal bytes.
/// `first` are the first rows of a large file.
fn parquet_writer(schema: &SchemaRef, first: &[RecordBatch], to: Spool) -> Result<ArrowWriter<Spool>, DataFusionError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by("tieout".to_owned());
    for (index, field) in schema.fields().iter().enumerate().filter(|_| !first.is_empty()) {
        let column = ColumnPath::from(field.name().as_str());
        if is_stored_as_integer(field.data_type()) {
            // Most amounts of a row are zero, and the difference to a neighbour costs a fraction of a search in a
            // dictionary. The encoder takes a megabyte per column, though, which a small file is not worth.
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED);
            if field.data_type().is_decimal() {
                // Nobody looks up rows by an amount.
                properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
            }
        } else if mostly_distinct(first, index) {
            properties = properties.set_column_dictionary_enabled(column, false);
        }
    }
    let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(to, Arc::clone(schema), options)?)
}

/// Decimals of up to 18 digits are 64-bit integers in Parquet.
fn is_stored_as_integer(kind: &DataType) -> bool {
    match kind {
        DataType::Int64 | DataType::Date32 => true,
        DataType::Decimal128(precision, _) => *precision <= 18,
        _ => false,
    }
}

/// Keys: a dictionary of them would be as long as the column.
fn mostly_distinct(rows: &[RecordBatch], column: usize) -> bool {
    let mut seen = HashSet::new();
    let mut count = 0;
    for column in rows.iter().map(|rows| rows.column(column)).filter_map(|column| column.as_string_view_opt()) {
        let texts = column.iter().flatten();
        seen.extend(texts.inspect(|_| count += 1));
    }
    seen.len() * 2 > count
}
