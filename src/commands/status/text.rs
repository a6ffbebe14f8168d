//! The status for people: what needs them comes first.

use std::fmt;

use indicatif::{HumanBytes, HumanCount};

use super::runs::WorkShown;
use super::{LastRun, MailStatus, PeriodState, PeriodStatus, PublicationStatus, Status};
use crate::report::format::timestamp;
use crate::warehouse::measured::ModelCost;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let periods = self.periods.iter().filter(|period| period.late).count();
        let mails = self.mails.iter().filter(|mail| mail.late).count();
        let state = match (periods, mails) {
            (0, 0) => "nothing is late".to_owned(),
            _ => format!("LATE: {periods} periods, {mails} mails"),
        };
        writeln!(f, "{} at {}: {state}", self.pipeline, timestamp(self.at))?;
        writeln!(f, "periods")?;
        self.periods.iter().try_for_each(|period| write_period(f, period))?;
        writeln!(f, "mail owed{}", none(self.mails.is_empty()))?;
        self.mails.iter().try_for_each(|mail| write_mail(f, mail))?;
        writeln!(f, "publications{}", none(self.publications.is_empty()))?;
        self.publications.iter().try_for_each(|publication| write_publication(f, publication))?;
        writeln!(f, "runs{}", none(self.runs.is_empty()))?;
        let newest = self.runs.iter().position(|run| run.work.is_some());
        self.runs.iter().enumerate().try_for_each(|(index, run)| {
            write_run(f, run)?;
            match &run.work {
                Some(work) if newest == Some(index) => write_work(f, work),
                _ => Ok(()),
            }
        })
    }
}

fn none(empty: bool) -> &'static str {
    if empty { ": none" } else { "" }
}

fn write_period(f: &mut fmt::Formatter<'_>, period: &PeriodStatus) -> fmt::Result {
    let deadline = timestamp(period.deadline);
    match (period.state, period.late) {
        (PeriodState::Published, _) => writeln!(f, "  {} is published", period.period)?,
        (_, true) => writeln!(f, "  {} is LATE: it is not published, and was to be by {deadline}", period.period)?,
        (PeriodState::Due, false) => writeln!(f, "  {} is due, late from {deadline}", period.period)?,
        (PeriodState::Waiting, false) => writeln!(f, "  {} waits until {deadline} at the latest", period.period)?,
    }
    period
        .missing
        .iter()
        .try_for_each(|one| writeln!(f, "    {} is not complete: {} ({})", one.source, one.why, one.owner))
}

fn write_mail(f: &mut fmt::Formatter<'_>, mail: &MailStatus) -> fmt::Result {
    let late = if mail.late { "LATE: " } else { "" };
    let MailStatus { delivery_id, recipient, state, owed_for, publication, .. } = mail;
    writeln!(f, "  {late}{delivery_id} to {recipient}: {state}, owed for {owed_for} (publication {publication})")
}

fn write_publication(f: &mut fmt::Formatter<'_>, one: &PublicationStatus) -> fmt::Result {
    let revision = one.revision.map(|revision| format!(" revision {revision}")).unwrap_or_default();
    let at = timestamp(one.at);
    writeln!(f, "  {:>4}  {}{revision}  {at}  by {} (tieout {})", one.number, one.period, one.run_id, one.binary)
}

fn write_run(f: &mut fmt::Formatter<'_>, run: &LastRun) -> fmt::Result {
    write!(f, "  {}  {}", run.run_id, run.ending)?;
    if let Some(period) = &run.period {
        write!(f, " {period}")?;
    }
    if let Some(exit) = run.exit {
        write!(f, ", exit {exit}")?;
    }
    if let Some(findings) = run.findings.filter(|findings| *findings > 0) {
        write!(f, ", {findings} findings")?;
    }
    match run.error.as_deref().and_then(|error| error.lines().next()) {
        Some(error) => writeln!(f, ": {error}"),
        None => writeln!(f),
    }
}

/// Of one run only: what it took, and what took longest.
fn write_work(f: &mut fmt::Formatter<'_>, work: &WorkShown) -> fmt::Result {
    write!(f, "    took {}", work.seconds)?;
    if let Some(bytes) = work.peak_memory_bytes {
        write!(f, ", {} of memory at most", HumanBytes(bytes))?;
    }
    if let Some(input) = work.input {
        write!(f, ", read {} and {} rows", HumanBytes(input.bytes_done), HumanCount(input.rows_done))?;
    }
    writeln!(f)?;
    work.models.iter().try_for_each(|model| write_model(f, model))
}

fn write_model(f: &mut fmt::Formatter<'_>, cost: &ModelCost) -> fmt::Result {
    let ModelCost { model, scope, built, rows, seconds, .. } = cost;
    write!(f, "    {seconds:>9}  {model:<34} {scope:<9} x{built:<4} {:>14} rows", HumanCount(*rows).to_string())?;
    let on_disk = cost.scratch_bytes.saturating_add(cost.spilled_bytes);
    if on_disk > 0 {
        write!(f, ", {} put on disk", HumanBytes(on_disk))?;
    }
    writeln!(f)
}
