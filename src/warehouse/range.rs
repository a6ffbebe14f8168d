//! Values of a Parquet file that its column cannot hold, or that a model failed on: bytes may stand for more digits than a
//! decimal has, and for days that no calendar knows.
//!
//! The engine says neither the file nor the row of such a value, so they are looked up once something has failed.

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType};

use crate::pipeline::{Column, ColumnType, Source};
use crate::warehouse::functions::day_of;

/// A value and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub column: String,
    /// From 0, within the rows that were looked at.
    pub row: usize,
    /// What it is, with the reason why it does not fit.
    pub said: String,
}

/// A number that a model could not compute with, without sign and trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    unscaled: u128,
    scale: u32,
}

impl Number {
    fn new(unscaled: i128, scale: u32) -> Self {
        let mut number = Self { unscaled: unscaled.unsigned_abs(), scale };
        while number.scale > 0 && number.unscaled.is_multiple_of(10) {
            number = Self { unscaled: number.unscaled / 10, scale: number.scale - 1 };
        }
        number
    }

    /// The number that the engine says does not fit a decimal.
    #[must_use]
    pub fn refused(said: &str) -> Option<Self> {
        let (before, _) =
            said.split_once(" is too large to store").or_else(|| said.split_once(" is too small to store"))?;
        let written = before.rsplit(' ').next()?;
        let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
        let unscaled = format!("{whole}{fraction}").parse().ok()?;
        Some(Self::new(unscaled, u32::try_from(fraction.len()).ok()?))
    }
}

/// The first value that its column cannot hold, or that is the refused number.
#[must_use]
pub fn misfit(source: &Source, rows: &RecordBatch, refused: Option<Number>) -> Option<Misfit> {
    source.columns.iter().find_map(|column| {
        let values = rows.column_by_name(&column.name)?;
        let (row, said) = of_column(column, values, refused)?;
        Some(Misfit { column: column.name.clone(), row, said })
    })
}

fn of_column(column: &Column, values: &ArrayRef, refused: Option<Number>) -> Option<(usize, String)> {
    match column.kind {
        ColumnType::Decimal { precision, scale } => {
            let kind = DataType::Decimal128(precision, scale);
            // A cast would refuse what is looked for; only narrower decimals need one, and always fit.
            let values = if values.data_type().is_decimal() { widened(values)? } else { cast(values, &kind).ok()? };
            of_decimals(values.as_primitive_opt::<Decimal128Type>()?, (precision, scale), refused)
        }
        ColumnType::Integer => {
            let values = cast(values, &DataType::Int64).ok()?;
            let values: &Int64Array = values.as_primitive_opt::<Int64Type>()?;
            let refused = refused?;
            let found = |value: &Option<i64>| value.is_some_and(|value| Number::new(i128::from(value), 0) == refused);
            values
                .iter()
                .enumerate()
                .find(|(_, value)| found(value))
                .map(|(row, value)| (row, format!("{}, and a model cannot compute with it", value.unwrap_or_default())))
        }
        ColumnType::Date => {
            let values = values.as_primitive_opt::<Date32Type>()?;
            let strange = |days: &Option<i32>| days.is_some_and(|days| day_of(days).is_err());
            values.iter().enumerate().find(|(_, days)| strange(days)).map(|(row, days)| {
                (row, format!("day {} from 1970-01-01, which no calendar knows", days.unwrap_or_default()))
            })
        }
        ColumnType::Timestamp | ColumnType::LocalTimestamp => of_instants(values),
        ColumnType::Text | ColumnType::Boolean => None,
    }
}

fn widened(values: &ArrayRef) -> Option<ArrayRef> {
    match values.data_type() {
        DataType::Decimal32(digits, places) | DataType::Decimal64(digits, places) => {
            cast(values, &DataType::Decimal128(*digits, *places)).ok()
        }
        _ => Some(ArrayRef::clone(values)),
    }
}

fn of_decimals(
    values: &Decimal128Array,
    (precision, scale): (u8, i8),
    refused: Option<Number>,
) -> Option<(usize, String)> {
    let limit = 10_u128.checked_pow(u32::from(precision))?;
    let places = u32::try_from(scale).ok()?;
    values.iter().enumerate().find_map(|(row, value)| {
        let value = value?;
        let shown = written(value, places);
        if value.unsigned_abs() >= limit {
            return Some((row, format!("{shown}, which has more digits than decimal({precision},{scale})")));
        }
        let is_refused = refused == Some(Number::new(value, places));
        is_refused.then(|| (row, format!("{shown}, and a model cannot compute with it")))
    })
}

/// A decimal with all its digits, also those it should not have.
fn written(unscaled: i128, places: u32) -> String {
    let places = usize::try_from(places).unwrap_or(0);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if unscaled < 0 { "-" } else { "" };
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn of_instants(values: &ArrayRef) -> Option<(usize, String)> {
    let DataType::Timestamp(unit, zone) = values.data_type() else { return None };
    let per_second = match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    };
    let numbers = cast(values, &DataType::Int64).ok()?;
    let numbers: &Int64Array = numbers.as_primitive_opt::<Int64Type>()?;
    let micros = arrow::compute::cast_with_options(
        values,
        &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        &arrow::compute::CastOptions { safe: true, ..Default::default() },
    )
    .ok()?;
    let micros = micros.as_primitive_opt::<TimestampMicrosecondType>()?;
    (0..values.len()).filter(|row| values.is_valid(*row)).find_map(|row| {
        let known = micros.is_valid(row) && jiff::Timestamp::from_microsecond(micros.value(row)).is_ok();
        let said = || format!("{} {per_second} from 1970-01-01, which no calendar knows", numbers.value(row));
        (!known).then(|| (row, said()))
    })
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn a_refused_number_is_read_from_what_the_engine_says() {
        let said = "Arrow error: Invalid argument error: -9999.9900 is too small to store in a Decimal128 of precision 5. Min is -9";
        assert_eq!(Number::refused(said), Some(Number::new(999_999, 2)));
        assert_eq!(Number::refused("something else"), None);
    }
}
