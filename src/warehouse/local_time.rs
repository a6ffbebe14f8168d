//! Instants and local times of the pipeline's zone: `local_day(time)` and `local_instant(local time)`.
//!
//! A timestamp without a zone is local time of the pipeline's zone. The engine would take it for UTC.

use std::cell::Cell;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, Date32Builder, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::calendar::Calendar;
use crate::warehouse::functions::{day_of, only, same_by_calendar};

const MICROS_PER_DAY: i64 = 86_400_000_000;

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn local() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// `local_day(time) -> date`: the calendar day in the pipeline's zone of an instant. Of a local time and of a day it is
/// their own day.
#[derive(Debug)]
pub(super) struct LocalDay {
    pub(super) calendar: Calendar,
    signature: Signature,
}

impl LocalDay {
    pub(super) fn new(calendar: Calendar) -> Self {
        Self { calendar, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for LocalDay {
    fn name(&self) -> &'static str {
        "local_day"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match given {
            [DataType::Timestamp(_, Some(_)) | DataType::Null] => Ok(vec![instant()]),
            [DataType::Timestamp(_, None)] => Ok(vec![local()]),
            [DataType::Date32] => Ok(vec![DataType::Date32]),
            _ => plan_err!("local_day() takes one timestamp, local timestamp or date"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let array = only(&arrays)?;
        let days: ArrayRef = match array.data_type() {
            DataType::Timestamp(_, Some(_)) => Arc::new(local_days(&self.calendar.zone, array.as_primitive())?),
            DataType::Timestamp(_, None) => Arc::new(own_days(array.as_primitive())?),
            _ => Arc::clone(array),
        };
        Ok(ColumnarValue::Array(days))
    }
}

/// The zone's offset is constant between two transitions, so it is looked up once per stretch, not per row.
fn local_days(zone: &TimeZone, instants: &TimestampMicrosecondArray) -> Result<Date32Array, DataFusionError> {
    let mut days = Date32Builder::with_capacity(instants.len());
    let mut stretch = Stretch { from: 1, until: 0, offset: 0 };
    for instant in instants {
        match instant {
            None => days.append_null(),
            Some(micros) => {
                if !(stretch.from..stretch.until).contains(&micros) {
                    stretch = Stretch::around(zone, micros)?;
                }
                days.append_value(day_number(micros + stretch.offset)?);
            }
        }
    }
    Ok(days.finish())
}

fn own_days(times: &TimestampMicrosecondArray) -> Result<Date32Array, DataFusionError> {
    times.try_unary::<_, Date32Type, DataFusionError>(day_number)
}

fn day_number(local_micros: i64) -> Result<i32, DataFusionError> {
    let day = local_micros.div_euclid(MICROS_PER_DAY);
    i32::try_from(day).map_err(|_| exec_datafusion_err!("time {local_micros} is out of range"))
}

/// A span of times with one offset from UTC, all in microseconds.
#[derive(Clone, Copy)]
struct Stretch {
    from: i64,
    until: i64,
    offset: i64,
}

impl Stretch {
    fn around(zone: &TimeZone, micros: i64) -> Result<Self, DataFusionError> {
        let instant =
            Timestamp::from_microsecond(micros).map_err(|error| exec_datafusion_err!("instant {micros}: {error}"))?;
        let offset = i64::from(zone.to_offset(instant).seconds()) * 1_000_000;
        let until = zone.following(instant).next().map_or(i64::MAX, |next| next.timestamp().as_microsecond());
        Ok(Self { from: micros, until, offset })
    }
}

/// `local_instant(local time) -> timestamp`: the instant at which the pipeline's clocks show a local time. A time they
/// show twice is the first of the two; one that they skip is as long after the skip as it is after the skip's beginning.
#[derive(Debug)]
pub(super) struct LocalInstant {
    pub(super) calendar: Calendar,
    signature: Signature,
}

impl LocalInstant {
    pub(super) fn new(calendar: Calendar) -> Self {
        Self { calendar, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for LocalInstant {
    fn name(&self) -> &'static str {
        "local_instant"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match given {
            [DataType::Timestamp(_, None) | DataType::Date32 | DataType::Null] => Ok(vec![local()]),
            [DataType::Timestamp(..)] => plan_err!("local_instant() takes a local timestamp; this one is an instant"),
            _ => plan_err!("local_instant() takes one local timestamp or date"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(instant())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let times = cast(only(&arrays)?, &local())?;
        let instants = local_instants(&self.calendar.zone, times.as_primitive())?;
        Ok(ColumnarValue::Array(Arc::new(instants.with_timezone("UTC"))))
    }
}

/// Far from the next transition a local time has the offset of the one before it.
fn local_instants(
    zone: &TimeZone,
    times: &TimestampMicrosecondArray,
) -> Result<TimestampMicrosecondArray, DataFusionError> {
    let known = Cell::new(Stretch { from: 1, until: 0, offset: 0 });
    times.try_unary::<_, TimestampMicrosecondType, DataFusionError>(|local| {
        let stretch = known.get();
        if (stretch.from..stretch.until).contains(&local) {
            return Ok(local - stretch.offset);
        }
        let found = instant_of(zone, local)?;
        let around = Stretch::around(zone, found)?;
        let until = around.until.saturating_add(around.offset).saturating_sub(MICROS_PER_DAY);
        known.set(Stretch { from: found.saturating_add(around.offset), until, offset: around.offset });
        Ok(found)
    })
}

fn instant_of(zone: &TimeZone, local: i64) -> Result<i64, DataFusionError> {
    let out_of_range = |error: jiff::Error| exec_datafusion_err!("local time {local} is out of range: {error}");
    let since_midnight = jiff::SignedDuration::from_micros(local.rem_euclid(MICROS_PER_DAY));
    let midnight = day_of(day_number(local)?)?.at(0, 0, 0, 0);
    let time = midnight.checked_add(since_midnight).map_err(out_of_range)?;
    Ok(zone.to_timestamp(time).map_err(out_of_range)?.as_microsecond())
}

same_by_calendar!(LocalDay);
same_by_calendar!(LocalInstant);
