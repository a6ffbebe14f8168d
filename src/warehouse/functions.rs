//! SQL functions of the pipeline's calendar: `local_day(timestamp)` and `period_of(date)`.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Date32Builder, StringViewBuilder, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::cast::{as_date32_array, as_timestamp_microsecond_array};
use datafusion::common::{DataFusionError, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::calendar::Calendar;

/// 1970-01-01, where Arrow's days begin.
pub(crate) const EPOCH: Date = date(1970, 1, 1);
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Makes the calendar's functions known to a session.
pub(crate) fn register(context: &SessionContext, calendar: &Calendar) {
    context.register_udf(ScalarUDF::from(LocalDay::new(calendar.clone())));
    context.register_udf(ScalarUDF::from(PeriodOf::new(calendar.clone())));
}

/// Days since 1970-01-01 of a civil date.
pub(crate) fn days(day: Date) -> i32 {
    (day - EPOCH).get_days()
}

/// The civil date of days since 1970-01-01.
pub(crate) fn day_of(days: i32) -> Result<Date, DataFusionError> {
    EPOCH
        .checked_add(jiff::Span::new().try_days(days).map_err(|error| exec_datafusion_err!("{error}"))?)
        .map_err(|error| exec_datafusion_err!("day {days} is out of range: {error}"))
}

/// The one argument of a function whose signature has one.
fn only(arrays: &[ArrayRef]) -> Result<&ArrayRef, DataFusionError> {
    arrays.first().ok_or_else(|| exec_datafusion_err!("an argument is missing"))
}

/// `local_day(timestamp) -> date`: the calendar day of an instant in the pipeline's zone.
#[derive(Debug)]
struct LocalDay {
    calendar: Calendar,
    signature: Signature,
}

impl LocalDay {
    fn new(calendar: Calendar) -> Self {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Self { calendar, signature: Signature::new(TypeSignature::Exact(vec![instant]), Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for LocalDay {
    fn name(&self) -> &'static str {
        "local_day"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let instants = as_timestamp_microsecond_array(only(&arrays)?)?;
        Ok(ColumnarValue::Array(Arc::new(local_days(&self.calendar.zone, instants)?)))
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
                let local = (micros + stretch.offset).div_euclid(MICROS_PER_DAY);
                days.append_value(
                    i32::try_from(local).map_err(|_| exec_datafusion_err!("instant {micros} is out of range"))?,
                );
            }
        }
    }
    Ok(days.finish())
}

/// A span of instants with one offset from UTC, all in microseconds.
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

/// `period_of(date) -> text`: the period of a day, as the pipeline's calendar writes it.
#[derive(Debug)]
struct PeriodOf {
    calendar: Calendar,
    signature: Signature,
}

impl PeriodOf {
    fn new(calendar: Calendar) -> Self {
        let signature = Signature::new(TypeSignature::Exact(vec![DataType::Date32]), Volatility::Immutable);
        Self { calendar, signature }
    }
}

impl ScalarUDFImpl for PeriodOf {
    fn name(&self) -> &'static str {
        "period_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let array = as_date32_array(only(&arrays)?)?;
        let mut names: HashMap<i32, String> = HashMap::new();
        let mut periods = StringViewBuilder::with_capacity(array.len());
        for days in array {
            let Some(days) = days else {
                periods.append_null();
                continue;
            };
            if let Some(name) = names.get(&days) {
                periods.append_value(name);
                continue;
            }
            let period = self.calendar.containing(day_of(days)?).map_err(|error| exec_datafusion_err!("{error}"))?;
            periods.append_value(names.entry(days).or_insert(period.to_string()));
        }
        Ok(ColumnarValue::Array(Arc::new(periods.finish())))
    }
}

/// Two calendar functions are the same when their calendars are.
macro_rules! same_by_calendar {
    ($type:ty) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.calendar.zone_name == other.calendar.zone_name && self.calendar.unit == other.calendar.unit
            }
        }
        impl Eq for $type {}
        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.calendar.zone_name.hash(state);
                self.calendar.unit.hash(state);
            }
        }
    };
}
same_by_calendar!(LocalDay);
same_by_calendar!(PeriodOf);
