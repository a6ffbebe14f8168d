//! The parameters of a run, as typed values.

use std::collections::BTreeMap;

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::ast::Expr;
use jiff::Timestamp;

use crate::calendar::{Calendar, Period, PeriodError};
use crate::models::{bind, names};
use crate::pipeline::Pipeline;

/// Values by parameter name.
pub type Bindings = BTreeMap<String, Expr>;

/// Which period a run reports on, and the instant up to which events count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub period: Period,
    pub as_of: Timestamp,
}

impl Moment {
    /// The first local day that does not count in full.
    #[must_use]
    pub fn as_of_day(&self, calendar: &Calendar) -> jiff::civil::Date {
        calendar.local_day(self.as_of)
    }
}

/// Why parameters cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    #[error(transparent)]
    Period(#[from] PeriodError),
    #[error("a parameter cannot be bound")]
    Value(#[from] DataFusionError),
}

/// Everything SQL may read as `$name`.
///
/// # Errors
/// When the period's bounds are out of range.
pub fn bindings(pipeline: &Pipeline, moment: Moment) -> Result<Bindings, BindingError> {
    let calendar = &pipeline.calendar;
    let (start, end) = calendar.bounds(moment.period)?;
    let mut bindings = Bindings::new();
    for (name, param) in &pipeline.params {
        bindings.insert(name.clone(), bind::param(param)?);
    }
    let built_in = [
        (names::AS_OF, bind::timestamp(moment.as_of)?),
        (names::AS_OF_DAY, bind::date(moment.as_of_day(calendar))?),
        (names::PERIOD, bind::text(&moment.period.to_string())),
        (names::PERIOD_START, bind::timestamp(start)?),
        (names::PERIOD_END, bind::timestamp(end)?),
        (names::PERIOD_FIRST_DAY, bind::date(moment.period.first_day())?),
        (names::PERIOD_END_DAY, bind::date(moment.period.end_day()?)?),
        (names::CURRENCY, bind::text(&pipeline.currency)),
        (names::TIME_ZONE, bind::text(&calendar.zone_name)),
    ];
    bindings.extend(built_in.map(|(name, value)| (name.to_owned(), value)));
    Ok(bindings)
}
