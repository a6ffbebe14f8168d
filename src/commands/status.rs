//! `status`: what is published, which mail is owed, how the last runs ended, and what is due or late. It only reads, so it
//! may be asked from anywhere; with `--strict` its exit code tells a dead-man's switch whether somebody has to look.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cli::{PeriodArgs, StatusArgs};
use crate::commands::deliver::ledger;
use crate::commands::due::{Due, Incomplete, deadline, due, newest_published};
use crate::commands::invocation::Invocation;
use crate::commands::owner::{PUBLISH_ELSEWHERE, refuse_other_pipeline};
use crate::error::{Exit, Failure};
use crate::mail::{LoggedMail, State, logged};
use crate::pipeline::Pipeline;
use crate::publication::{Entry, Head, Log};
use crate::store::Stores;

mod runs;
mod text;

pub use runs::LastRun;

/// How many publications, and how many runs, are shown.
const SHOWN: usize = 10;

/// Where a pipeline stands.
#[derive(Debug, Serialize)]
pub struct Status {
    pub pipeline: String,
    /// The instant that all of this is judged by.
    pub at: Timestamp,
    /// What `--strict` ends with.
    pub strict_exit: u8,
    /// Oldest first.
    pub periods: Vec<PeriodStatus>,
    /// What is not settled, oldest first.
    pub mails: Vec<MailStatus>,
    /// Newest first.
    pub publications: Vec<PublicationStatus>,
    /// Newest first.
    pub runs: Vec<LastRun>,
}

/// A period that is published last, due, or waited for.
#[derive(Debug, Serialize)]
pub struct PeriodStatus {
    pub period: String,
    pub state: PeriodState,
    /// From then on it is reported although a source may not be complete, and late when it is not.
    pub deadline: Timestamp,
    pub late: bool,
    /// Sources that have not said that they are complete.
    pub missing: Vec<Incomplete>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodState {
    Published,
    /// The next run reports it.
    Due,
    Waiting,
}

/// A mail that is not settled.
#[derive(Debug, Serialize)]
pub struct MailStatus {
    /// The publication that owes it.
    pub publication: u64,
    pub report: String,
    /// Of which report, period and revision.
    pub delivery_id: String,
    /// Masked.
    pub recipient: String,
    pub state: String,
    pub owed_since: Timestamp,
    /// Such as `3h 20m`.
    pub owed_for: String,
    pub late: bool,
}

/// An entry of the log.
#[derive(Debug, Serialize)]
pub struct PublicationStatus {
    pub number: u64,
    pub period: String,
    /// The highest among the tables of the period.
    pub revision: Option<u32>,
    pub at: Timestamp,
    pub run_id: String,
    /// Version of the program that made it.
    pub binary: String,
}

impl Status {
    /// The exit code: without `strict`, whatever can be shown is well.
    #[must_use]
    pub fn exit(&self, strict: bool) -> Exit {
        if strict { self.strict() } else { Exit::Done }
    }

    fn strict(&self) -> Exit {
        if self.periods.iter().any(|period| period.late) {
            Exit::TryLater
        } else if self.mails.iter().any(|mail| mail.late) {
            Exit::DeliveryIncomplete
        } else {
            Exit::Done
        }
    }
}

/// Looks at where a pipeline stands.
///
/// # Errors
/// When the pipeline file is wrong, or a store cannot be reached or read: then nobody knows.
pub async fn status(args: &StatusArgs, invocation: &Invocation) -> Result<Status, Failure> {
    let pipeline = Pipeline::load(&args.pipeline, &invocation.environment)?;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    let head = log.head().await?;
    // What another pipeline publishes says nothing of this one.
    refuse_other_pipeline(&pipeline, head.as_ref(), PUBLISH_ELSEWHERE)?;
    let asked = PeriodArgs { pipeline: args.pipeline.clone(), period: None, as_of: None };
    let periods = due(&pipeline, &stores, head.as_ref(), &asked, invocation.now).await?;
    let periods = periods.iter().map(|due| period_status(&pipeline, head.as_ref(), due, invocation.now));
    let mut status = Status {
        pipeline: pipeline.name.clone(),
        at: invocation.now,
        strict_exit: 0,
        periods: periods.collect::<Result<_, Failure>>()?,
        mails: match &head {
            Some(head) => mails(&pipeline, &log, head, invocation).await?,
            None => Vec::new(),
        },
        publications: publications(&log, head.as_ref()).await?,
        runs: runs::last(log.outputs(), SHOWN).await?,
    };
    status.strict_exit = status.strict() as u8;
    Ok(status)
}

fn period_status(pipeline: &Pipeline, head: Option<&Head>, due: &Due, now: Timestamp) -> Result<PeriodStatus, Failure> {
    let period = due.moment.period;
    let deadline = deadline(pipeline, period)?;
    let published = newest_published(pipeline, head) >= Some(period);
    let state = match due.waits_until() {
        _ if published => PeriodState::Published,
        Some(_) => PeriodState::Waiting,
        None => PeriodState::Due,
    };
    let (late, missing) = (!published && deadline <= now, due.state.missing().to_vec());
    Ok(PeriodStatus { period: period.to_string(), state, deadline, late, missing })
}

async fn mails(
    pipeline: &Pipeline,
    log: &Log,
    head: &Head,
    invocation: &Invocation,
) -> Result<Vec<MailStatus>, Failure> {
    let logged = logged(pipeline, log, head, &ledger(log, invocation)?).await?;
    let mut committed = BTreeMap::from([(head.entry.seq, head.entry.record.committed_at)]);
    let mut mails = Vec::new();
    for mail in logged.iter().filter(|mail| mail.open()) {
        let since = match committed.get(&mail.publication) {
            Some(since) => *since,
            None => log.read(mail.publication).await?.entry.record.committed_at,
        };
        committed.insert(mail.publication, since);
        mails.push(mail_status(mail, since, invocation.now, pipeline.delivery.deadline));
    }
    Ok(mails)
}

fn mail_status(mail: &LoggedMail, since: Timestamp, now: Timestamp, allowed: SignedDuration) -> MailStatus {
    let owed = now.duration_since(since);
    MailStatus {
        publication: mail.publication,
        report: mail.report.clone(),
        delivery_id: mail.delivery_id.clone(),
        recipient: mail.masked(),
        state: (if matches!(mail.state, Some(State::InDoubt(_))) { "in doubt" } else { "not delivered yet" })
            .to_owned(),
        owed_since: since,
        owed_for: format!("{:#}", SignedDuration::from_mins(owed.as_mins())),
        late: owed >= allowed,
    }
}

async fn publications(log: &Log, head: Option<&Head>) -> Result<Vec<PublicationStatus>, Failure> {
    let Some(head) = head else { return Ok(Vec::new()) };
    let mut shown = vec![publication(&head.entry)];
    for number in (1..head.entry.seq).rev().take(SHOWN - 1) {
        shown.push(publication(&log.read(number).await?.entry));
    }
    Ok(shown)
}

fn publication(entry: &Entry) -> PublicationStatus {
    let record = &entry.record;
    let parts = entry.tables.values().filter_map(|periods| periods.get(&record.period));
    PublicationStatus {
        number: entry.seq,
        period: record.period.clone(),
        revision: parts.map(|part| part.revision).max(),
        at: record.committed_at,
        run_id: record.run_id.clone(),
        binary: record.binary_version.clone(),
    }
}
