//! What is due: which periods a run reports on, and the instants up to which events count. A scheduler may start a run
//! early, late, twice or not at all; what is due follows from the calendar, the log and the sources alone.

use jiff::Timestamp;

use crate::calendar::{Period, PeriodError};
use crate::checks::Finding;
use crate::cli::PeriodArgs;
use crate::commands::due::streams::Streams;
use crate::error::Failure;
use crate::pipeline::{Pipeline, Severity};
use crate::problem::{Problem, Problems};
use crate::publication::Head;
use crate::store::Stores;
use crate::warehouse::bindings::Moment;

mod streams;

/// An as-of may be this far ahead of this machine's clock: other clocks and other zones are.
const TOMORROW: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// A period that is due, or would be if nothing were missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub moment: Moment,
    pub state: DueState,
}

/// Whether a period can be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueState {
    /// Every source is complete, or nobody waits for it.
    Ready,
    /// Its deadline has passed, so it is reported as it is. Never without a missing source.
    AtDeadline { missing: Vec<Incomplete> },
    /// Not reported before these sources are complete, or before its deadline.
    Waiting { missing: Vec<Incomplete>, until: Timestamp },
}

/// A source that has not said that its files of a period are all there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Incomplete {
    pub source: String,
    pub owner: String,
    /// What it has not, or not yet.
    pub why: String,
}

impl DueState {
    /// The sources that are not complete.
    #[must_use]
    pub fn missing(&self) -> &[Incomplete] {
        match self {
            Self::Ready => &[],
            Self::AtDeadline { missing } | Self::Waiting { missing, .. } => missing,
        }
    }
}

impl Due {
    /// Until when the period waits; none when it can be reported now.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        match self.state {
            DueState::Waiting { until, .. } => Some(until),
            DueState::Ready | DueState::AtDeadline { .. } => None,
        }
    }

    /// The sources that a report is made without knowing them to be complete, as warnings to their owners.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let DueState::AtDeadline { missing } = &self.state else { return Vec::new() };
        let period = self.moment.period;
        let finding = |one: &Incomplete| Finding {
            check: "incomplete_source".to_owned(),
            severity: Severity::Warn,
            stream: Some(one.source.clone()),
            owner: one.owner.clone(),
            amount: None,
            detail: format!("`{}` has not said that {period} is complete: {}", one.source, one.why),
            help: Some("the deadline has passed; what still arrives makes a new revision".to_owned()),
        };
        missing.iter().map(finding).collect()
    }
}

/// The periods that are due, oldest first. A period that waits is the last one, because history goes forward.
///
/// With `--period` it is that one alone, complete or not. Otherwise it is every period after the newest published one;
/// without a newer one the last complete period again, whose inputs may have changed; and the last complete period alone
/// as long as nothing was ever published.
///
/// # Errors
/// `E125` for a period that cannot be reported; when a store cannot say which files it has.
pub async fn due(
    pipeline: &Pipeline,
    stores: &Stores,
    head: Option<&Head>,
    args: &PeriodArgs,
    now: Timestamp,
) -> Result<Vec<Due>, Failure> {
    if args.period.is_some() {
        return Ok(vec![Due { moment: moment(pipeline, args, now)?, state: DueState::Ready }]);
    }
    let published = newest_published(pipeline, head);
    let mut streams = Streams::new(pipeline, stores, now);
    let mut due = Vec::new();
    for period in unpublished(pipeline, published, now).map_err(|error| wrong(&error))? {
        let moment = moment_of(pipeline, period, args.as_of, now)?;
        let missing = streams.missing(period).await?;
        let until = deadline(pipeline, period)?;
        // What is published waits for nothing.
        let state = if missing.is_empty() || (until > now && published >= Some(period)) {
            DueState::Ready
        } else if until <= now {
            DueState::AtDeadline { missing }
        } else {
            DueState::Waiting { missing, until }
        };
        due.push(Due { moment, state });
        if due.last().is_some_and(|due| due.waits_until().is_some()) {
            break;
        }
    }
    Ok(due)
}

/// The newest published period; none when it is of a calendar that the pipeline had before.
#[must_use]
pub fn newest_published(pipeline: &Pipeline, head: Option<&Head>) -> Option<Period> {
    head.and_then(|head| pipeline.calendar.period(&head.entry.record.period).ok())
}

/// The periods that would be reported if every source were complete.
fn unpublished(pipeline: &Pipeline, published: Option<Period>, now: Timestamp) -> Result<Vec<Period>, PeriodError> {
    let calendar = &pipeline.calendar;
    let last = calendar.last_complete(now)?;
    let Some(published) = published.filter(|published| *published < last) else { return Ok(vec![last]) };
    let mut next = published.next()?;
    // A calendar may have been given a later beginning since.
    next = calendar.first_period.map_or(next, |first| next.max(first)).min(last);
    let mut periods = Vec::new();
    while next <= last {
        periods.push(next);
        next = next.next()?;
    }
    Ok(periods)
}

/// The instant from which on a period is reported although a source may not be complete, and is late when it is not.
///
/// # Errors
/// When the period ends after year 9999.
pub fn deadline(pipeline: &Pipeline, period: Period) -> Result<Timestamp, Problems> {
    let (_, end) = pipeline.calendar.bounds(period).map_err(|error| wrong(&error))?;
    // Whoever waits longer than there is time waits for ever.
    Ok(end.checked_add(pipeline.due.deadline).unwrap_or(Timestamp::MAX))
}

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
/// `E125` for a period that is none, not over yet, or before the first one, and for an as-of in the future.
pub fn moment(pipeline: &Pipeline, args: &PeriodArgs, now: Timestamp) -> Result<Moment, Problems> {
    let calendar = &pipeline.calendar;
    let period = match &args.period {
        Some(text) => calendar.period(text),
        None => calendar.last_complete(now),
    };
    moment_of(pipeline, period.map_err(|error| wrong(&error))?, args.as_of, now)
}

fn moment_of(
    pipeline: &Pipeline,
    period: Period,
    as_of: Option<Timestamp>,
    now: Timestamp,
) -> Result<Moment, Problems> {
    let calendar = &pipeline.calendar;
    let (start, end) = calendar.bounds(period).map_err(|error| wrong(&error))?;
    if end > now {
        return Err(Problem::new("E125", format!("period `{period}` is not over before {end}"))
            .help("a report is made of complete periods")
            .into());
    }
    if let Some(first) = calendar.first_period.filter(|first| period < *first) {
        let problem = Problem::new("E125", format!("period `{period}` is before `first_period` {first}"));
        return Err(problem.at(pipeline.place(&["calendar", "first_period"])).into());
    }
    let as_of = as_of.unwrap_or(end);
    if as_of.duration_since(now) > TOMORROW {
        return Err(Problem::new("E125", format!("as-of {as_of} is in the future: it is {now}"))
            .help("no source can hold what has not happened; leave --as-of out, or give an instant that has passed")
            .into());
    }
    if as_of <= start {
        let message = format!("as-of {as_of} is before the period {period} begins");
        return Err(Problem::new("E125", message).into());
    }
    Ok(Moment { period, as_of })
}

fn wrong(error: &PeriodError) -> Problems {
    Problem::new("E125", error.to_string()).into()
}
