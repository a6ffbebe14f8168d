//! SQL functions: of the pipeline's calendar (`local_day`, `local_instant`, `period_of(date)`), and `money_text(decimal)`,
//! which writes an amount for people.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringViewBuilder};
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::cast::as_date32_array;
use datafusion::common::{DataFusionError, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;
use jiff::civil::{Date, date};

use crate::calendar::Calendar;
use crate::number;
use crate::warehouse::local_time::{LocalDay, LocalInstant};

/// 1970-01-01, where Arrow's days begin.
pub(crate) const EPOCH: Date = date(1970, 1, 1);

/// Makes the calendar's functions known to a session.
pub(crate) fn register(context: &SessionContext, calendar: &Calendar) {
    context.register_udf(ScalarUDF::from(LocalDay::new(calendar.clone())));
    context.register_udf(ScalarUDF::from(LocalInstant::new(calendar.clone())));
    context.register_udf(ScalarUDF::from(PeriodOf::new(calendar.clone())));
    context.register_udf(ScalarUDF::from(MoneyText::new()));
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
pub(super) fn only(arrays: &[ArrayRef]) -> Result<&ArrayRef, DataFusionError> {
    arrays.first().ok_or_else(|| exec_datafusion_err!("an argument is missing"))
}

/// `period_of(date) -> text`: the period of a day, as the pipeline's calendar writes it.
#[derive(Debug)]
pub(super) struct PeriodOf {
    pub(super) calendar: Calendar,
    signature: Signature,
}

impl PeriodOf {
    pub(super) fn new(calendar: Calendar) -> Self {
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
        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                std::hash::Hash::hash(&self.calendar.zone_name, state);
                std::hash::Hash::hash(&self.calendar.unit, state);
            }
        }
    };
}
pub(super) use same_by_calendar;
same_by_calendar!(PeriodOf);

/// `money_text(decimal) -> text`: an amount as reports print it, as in `-1,234.50`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct MoneyText {
    signature: Signature,
}

impl MoneyText {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for MoneyText {
    fn name(&self) -> &'static str {
        "money_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        if let [DataType::Decimal128(..)] = given {
            return Ok(given.to_vec());
        }
        plan_err!("money_text() takes one decimal")
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let amounts = only(&arrays)?.as_primitive::<Decimal128Type>();
        let scale = i32::from(amounts.scale());
        let mut texts = StringViewBuilder::with_capacity(amounts.len());
        for amount in amounts {
            texts.append_option(amount.map(|unscaled| number::text(unscaled, scale, 2, true)));
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}
