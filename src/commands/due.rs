//! What a run is about: which period it reports on, and the instant up to which events count.

use jiff::Timestamp;

use crate::cli::PeriodArgs;
use crate::pipeline::Pipeline;
use crate::problem::{Problem, Problems};
use crate::warehouse::bindings::Moment;

/// The last complete period as of its end: what files are validated with.
///
/// # Errors
/// When the calendar has none.
pub fn last_complete(pipeline: &Pipeline, now: Timestamp) -> Result<Moment, Problems> {
    let args = PeriodArgs { pipeline: pipeline.file.clone(), period: None, as_of: None };
    moment(pipeline, &args, now)
}

/// The period asked for, or the last complete one; as of its end unless said otherwise.
///
/// # Errors
/// `E125` for a period that is none, not over yet, or before the first one.
pub fn moment(pipeline: &Pipeline, args: &PeriodArgs, now: Timestamp) -> Result<Moment, Problems> {
    let calendar = &pipeline.calendar;
    let wrong = |message: String| Problems::from(Problem::new("E125", message));
    let period = match &args.period {
        Some(text) => calendar.period(text).map_err(|error| wrong(error.to_string()))?,
        None => calendar.last_complete(now).map_err(|error| wrong(error.to_string()))?,
    };
    let (start, end) = calendar.bounds(period).map_err(|error| wrong(error.to_string()))?;
    if end > now {
        return Err(Problem::new("E125", format!("period `{period}` is not over before {end}"))
            .help("a report is made of complete periods")
            .into());
    }
    if let Some(first) = calendar.first_period.filter(|first| period < *first) {
        return Err(Problem::new("E125", format!("period `{period}` is before `first_period` {first}")).into());
    }
    let as_of = args.as_of.unwrap_or(end);
    if as_of <= start {
        return Err(wrong(format!("as-of {as_of} is before the period {period} begins")));
    }
    Ok(Moment { period, as_of })
}
