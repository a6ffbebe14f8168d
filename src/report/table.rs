//! The result of a report's query: each cell as it is printed, and as the value it is.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Field, Schema, TimeUnit, TimestampMicrosecondType};
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{ReportError, format};
use crate::pipeline::NumberFormat;

/// A query's rows, ready to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<Column>,
    /// Each row has one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Numbers are aligned to the right.
    pub numeric: bool,
}

/// One cell: the printed text, which is never empty because a value is missing, and the value for spreadsheets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Absent,
    Text(String),
    /// `unscaled * 10^-scale`; whole numbers have scale 0.
    Decimal {
        unscaled: i128,
        scale: i8,
    },
    Boolean(bool),
    Date(Date),
    Timestamp(Timestamp),
}

impl Table {
    /// Prints every value of a query's result. `formats` says how a column is printed where its type does not decide.
    ///
    /// # Errors
    /// When a column has a type that is not printed (floats above all), or a decimal is outside its declared range.
    pub fn from_batches(
        schema: &Schema,
        batches: &[RecordBatch],
        formats: &BTreeMap<String, NumberFormat>,
    ) -> Result<Self, ReportError> {
        let printers: Vec<Printer<'_>> =
            schema.fields().iter().map(|field| Printer::new(field, formats)).collect::<Result<_, _>>()?;
        let mut rows = Vec::new();
        for batch in batches {
            let columns = printers
                .iter()
                .zip(batch.columns())
                .map(|(printer, column)| printer.print(column))
                .collect::<Result<Vec<_>, _>>()?;
            let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
            for _ in 0..batch.num_rows() {
                rows.push(columns.iter_mut().filter_map(Iterator::next).collect());
            }
        }
        let columns = printers
            .iter()
            .map(|printer| Column { name: printer.name.to_owned(), numeric: matches!(printer.kind, Kind::Number(_)) })
            .collect();
        Ok(Self { columns, rows })
    }
}

impl Cell {
    #[must_use]
    pub fn absent() -> Self {
        Self { text: format::ABSENT.to_owned(), value: Value::Absent }
    }
}

/// How one column becomes cells: first cast to the one type its kind is read as.
struct Printer<'a> {
    name: &'a str,
    kind: Kind,
    format: NumberFormat,
}

#[derive(Clone, Copy)]
enum Kind {
    Absent,
    Text,
    Number(Bounds),
    Boolean,
    Date,
    Timestamp,
}

#[derive(Clone, Copy)]
struct Bounds {
    precision: u8,
    scale: i8,
}

impl<'a> Printer<'a> {
    fn new(field: &'a Field, formats: &BTreeMap<String, NumberFormat>) -> Result<Self, ReportError> {
        let kind = Kind::of(field.data_type()).ok_or_else(|| ReportError::ColumnType {
            column: field.name().clone(),
            found: field.data_type().to_string(),
        })?;
        let default = match kind {
            Kind::Number(bounds) => format::default_format(bounds.scale),
            _ => NumberFormat::Plain,
        };
        let format = formats.get(field.name()).copied().unwrap_or(default);
        Ok(Self { name: field.name(), kind, format })
    }

    fn print(&self, column: &ArrayRef) -> Result<Vec<Cell>, ReportError> {
        match self.kind {
            Kind::Absent => Ok(vec![Cell::absent(); column.len()]),
            Kind::Text => {
                let column = self.read_as(column, &DataType::Utf8)?;
                Ok(column.as_string::<i32>().iter().map(|value| value.map_or_else(Cell::absent, text_cell)).collect())
            }
            Kind::Boolean => Ok(column
                .as_boolean()
                .iter()
                .map(|value| {
                    value.map_or_else(Cell::absent, |value| cell(format::boolean(value), Value::Boolean(value)))
                })
                .collect()),
            Kind::Number(bounds) => self.print_numbers(column, bounds),
            Kind::Date => self.print_dates(column),
            Kind::Timestamp => self.print_timestamps(column),
        }
    }

    fn print_numbers(&self, column: &ArrayRef, bounds: Bounds) -> Result<Vec<Cell>, ReportError> {
        let Bounds { precision, scale } = bounds;
        let column = self.read_as(column, &DataType::Decimal128(precision, scale))?;
        let limit = 10_u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
        let print = |unscaled: Option<i128>| match unscaled {
            None => Ok(Cell::absent()),
            // An engine may keep a sum that its type cannot hold; printed, it would be a plausible wrong figure.
            Some(unscaled) if unscaled.unsigned_abs() >= limit => {
                Err(ReportError::OutOfRange { column: self.name.to_owned(), precision, scale })
            }
            Some(unscaled) => {
                Ok(cell(format::decimal(unscaled, scale, self.format), Value::Decimal { unscaled, scale }))
            }
        };
        column.as_primitive::<Decimal128Type>().iter().map(print).collect()
    }

    fn print_dates(&self, column: &ArrayRef) -> Result<Vec<Cell>, ReportError> {
        let column = self.read_as(column, &DataType::Date32)?;
        let print = |days: Option<i32>| match days {
            None => Ok(Cell::absent()),
            Some(days) => Date::constant(1970, 1, 1)
                .checked_add(i64::from(days).days())
                .map(|date| cell(format::date(date), Value::Date(date)))
                .map_err(|_| ReportError::Instant { column: self.name.to_owned() }),
        };
        // The span constructor panics outside its own bounds, which are those of the calendar.
        let days = column.as_primitive::<Date32Type>();
        if days.iter().flatten().any(|days| !(-4_371_587..=2_932_896).contains(&days)) {
            return Err(ReportError::Instant { column: self.name.to_owned() });
        }
        days.iter().map(print).collect()
    }

    fn print_timestamps(&self, column: &ArrayRef) -> Result<Vec<Cell>, ReportError> {
        let column = self.read_as(column, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let print = |micros: Option<i64>| match micros {
            None => Ok(Cell::absent()),
            Some(micros) => Timestamp::from_microsecond(micros)
                .map(|instant| cell(format::timestamp(instant), Value::Timestamp(instant)))
                .map_err(|_| ReportError::Instant { column: self.name.to_owned() }),
        };
        column.as_primitive::<TimestampMicrosecondType>().iter().map(print).collect()
    }

    fn read_as(&self, column: &ArrayRef, kind: &DataType) -> Result<ArrayRef, ReportError> {
        if column.data_type() == kind {
            return Ok(ArrayRef::clone(column));
        }
        cast(column, kind).map_err(|source| ReportError::Column { column: self.name.to_owned(), source })
    }
}

impl Kind {
    fn of(kind: &DataType) -> Option<Self> {
        match kind {
            DataType::Null => Some(Self::Absent),
            DataType::Boolean => Some(Self::Boolean),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Self::Text),
            DataType::Dictionary(_, value) => Self::of(value).filter(|kind| matches!(kind, Self::Text)),
            kind if kind.is_integer() => Some(Self::Number(Bounds { precision: 20, scale: 0 })),
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale) => {
                Some(Self::Number(Bounds { precision: *precision, scale: *scale }))
            }
            DataType::Date32 | DataType::Date64 => Some(Self::Date),
            DataType::Timestamp(_, _) => Some(Self::Timestamp),
            _ => None,
        }
    }
}

fn cell(text: String, value: Value) -> Cell {
    Cell { text, value }
}

fn text_cell(text: &str) -> Cell {
    cell(format::text(text), Value::Text(text.to_owned()))
}
