//! The outcome of a run, for people and machines.

use std::fmt;

use serde::Serialize;

use crate::checks::Finding;
use crate::commands::due::Incomplete;
use crate::error::{Exit, Failure};
use crate::number;
use crate::pipeline::Severity;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// A new publication is in the log.
    Published,
    /// The same inputs, pipeline and as-of are published already.
    NothingDue,
    /// A blocking finding held publication and mail; the previous publication stands.
    Held,
    /// The period is over, and not all of its files are there yet.
    Waiting,
}

/// What one invocation did, period by period.
#[derive(Debug, Default, Serialize)]
pub struct Runs {
    pub runs: Vec<Outcome>,
    /// What kept a later period from an outcome, after these.
    #[serde(skip)]
    pub failure: Option<Failure>,
}

impl Runs {
    /// The exit code of the first thing that did not go well.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let exits = self.runs.iter().map(Outcome::exit).chain(self.failure.iter().map(|failure| failure.exit));
        exits.into_iter().find(|exit| *exit != Exit::Done).unwrap_or_default()
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runs.iter().try_for_each(|run| write!(f, "{run}"))
    }
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub ending: Ending,
    pub pipeline: String,
    pub period: String,
    pub as_of: String,
    pub run_id: String,
    /// Number in the log of the publication that now stands.
    pub publication: Option<u64>,
    pub revision: Option<u32>,
    pub tables: Vec<TableOutcome>,
    pub findings: Vec<Finding>,
    pub deliveries: Vec<DeliveryOutcome>,
    /// What the deliveries alone would end with.
    #[serde(skip)]
    pub delivery_exit: Exit,
    /// What a period waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<Incomplete>,
    /// When it is reported without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<String>,
    /// Where outputs and mails are.
    pub look_at: Vec<String>,
}

/// A published table.
#[derive(Clone, Debug, Serialize)]
pub struct TableOutcome {
    pub table: String,
    pub files: usize,
    pub rows: u64,
}

/// One recipient's message, the address masked.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveryOutcome {
    pub report: String,
    pub recipient: String,
    /// `accepted`, `rejected`, `deferred`, `deferred until ...`, `expired`, `in doubt`, `already accepted` or the like.
    pub state: String,
    pub detail: Option<String>,
    pub complete: bool,
}

impl Outcome {
    /// The exit code of the ending.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.ending {
            Ending::Held => Exit::Held,
            _ => self.delivery_exit,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ending {
            Ending::Published => {
                let publication = self.publication.unwrap_or_default();
                write!(f, "published {} {} (publication {publication}, ", self.pipeline, self.period)?;
                match self.revision {
                    Some(revision) => writeln!(f, "revision {revision})")?,
                    None => writeln!(f, "no row of a table is of {})", self.period)?,
                }
            }
            Ending::NothingDue => {
                writeln!(f, "nothing due: {} {} is published from the same inputs", self.pipeline, self.period)?;
            }
            Ending::Held => {
                writeln!(f, "HELD: {} {} was not published and no mail was sent", self.pipeline, self.period)?;
            }
            Ending::Waiting => {
                let until = self.waits_until.as_deref().unwrap_or_default();
                writeln!(f, "nothing due: {} {} waits until {until} at the latest", self.pipeline, self.period)?;
            }
        }
        for Incomplete { source, why, .. } in &self.waits_for {
            writeln!(f, "  for `{source}`: {why}")?;
        }
        for table in &self.tables {
            writeln!(f, "  {:<34} {:>10} rows {:>10}", table.table, table.rows, counted(table.files, "file"))?;
        }
        for finding in &self.findings {
            write!(f, "  [{}] {}: {}", severity(finding.severity), finding.check, finding.detail)?;
            if let Some(amount) = &finding.amount {
                write!(f, ", amount {}", number::money(amount))?;
            }
            match &finding.stream {
                Some(stream) => writeln!(f, " (of {stream}, {})", finding.owner)?,
                None => writeln!(f, " ({})", finding.owner)?,
            }
        }
        for delivery in &self.deliveries {
            write!(f, "  mail {} to {}: {}", delivery.report, delivery.recipient, delivery.state)?;
            match &delivery.detail {
                Some(detail) => writeln!(f, " ({detail})")?,
                None => writeln!(f)?,
            }
        }
        for place in &self.look_at {
            writeln!(f, "  {place}")?;
        }
        Ok(())
    }
}

/// `1 file`, `2 files`.
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Block => "BLOCK",
    }
}
