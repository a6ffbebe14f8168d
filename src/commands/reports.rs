//! Reports of one period: their queries asked, their templates filled, their messages built.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::checks::Finding;
use crate::commands::project::{Project, ProjectReport};
use crate::commands::tables::unanswered;
use crate::controls::{Amount, Comparison};
use crate::error::Failure;
use crate::mail;
use crate::number;
use crate::pipeline::Pipeline;
use crate::report::{self, Facts, Placed, Rendered, Table};
use crate::warehouse::answers::rows;
use crate::warehouse::bindings::{Bindings, Moment};
use crate::warehouse::compile::plan;
use crate::warehouse::inputs::Inputs;
use crate::warehouse::output::sha256_hex;

/// The tables of a report's queries, by query.
pub type Tables = BTreeMap<String, Table>;

/// Asks every query of a report over the tables of a session.
///
/// # Errors
/// When a query cannot be run, or gives something that cannot be printed.
pub async fn ask(session: &SessionContext, report: &ProjectReport, bindings: &Bindings) -> Result<Tables, Failure> {
    let mut tables = Tables::new();
    for (name, query) in &report.queries {
        let plan = plan(session, query, bindings).await.map_err(crate::problem::Problems::from)?;
        let rows = rows(session, name, &plan).await.map_err(|error| unanswered(error, "while reports were asked"))?;
        let schema = plan.schema().as_arrow();
        tables.insert(name.clone(), Table::from_batches(schema, &rows, &report.loaded.formats)?);
    }
    Ok(tables)
}

/// A hash of everything a report prints from tables: equal when no printed figure changed.
#[must_use]
pub fn figures_sha256(tables: &Tables) -> String {
    let mut text = String::new();
    for (name, table) in tables {
        text.push_str(name);
        for cell in table.rows.iter().flatten() {
            text.push('\u{1f}');
            text.push_str(&cell.text);
        }
        text.push('\u{1e}');
    }
    sha256_hex(text.as_bytes())
}

/// What a run found out about its inputs and tables. It is kept with the publication, so that a report can be rendered
/// again as it was mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarks {
    pub findings: Vec<Finding>,
    pub placed: Placed,
    /// Optional sources that had no file.
    pub absent: Vec<String>,
}

impl Remarks {
    /// What there is to say of a run.
    #[must_use]
    pub fn of(pipeline: &Pipeline, inputs: &Inputs, findings: Vec<Finding>, comparisons: &[Comparison]) -> Self {
        Self { findings, placed: placed(pipeline, comparisons), absent: absent(inputs) }
    }

    /// Where nothing was kept, nothing is claimed.
    #[must_use]
    pub fn none() -> Self {
        let absent = || report::format::ABSENT.to_owned();
        let placed = Placed { rows_in: absent(), rows_placed: absent(), ..Placed::default() };
        Self { findings: Vec::new(), placed, absent: Vec::new() }
    }
}

/// What every report of a publication says about it.
pub struct Said<'a> {
    pub project: &'a Project,
    pub moment: Moment,
    pub remarks: &'a Remarks,
    pub publication: u64,
}

impl Said<'_> {
    /// The facts of one revision of a report.
    #[must_use]
    pub fn facts(&self, revision: u32) -> Facts {
        let pipeline = &self.project.pipeline;
        Facts {
            pipeline: pipeline.name.clone(),
            description: pipeline.description.clone(),
            period: self.moment.period.to_string(),
            as_of: report::format::as_of(self.moment.as_of, &pipeline.calendar.zone, &pipeline.calendar.zone_name),
            currency: pipeline.currency.clone(),
            revision,
            replaces: revision > 1,
            publication: self.publication,
            owner: pipeline.owner.clone(),
            preview: String::new(),
            findings_known: true,
            findings: self.remarks.findings.iter().map(printed).collect(),
            placed: self.remarks.placed.clone(),
            absent_streams: self.remarks.absent.clone(),
        }
    }
}

fn printed(finding: &Finding) -> report::Finding {
    report::Finding {
        check: finding.check.clone(),
        severity: finding.severity,
        message: finding.detail.clone(),
        amount: finding.amount.as_deref().map_or_else(|| report::format::ABSENT.to_owned(), number::money),
        owner: finding.owner.clone(),
    }
}

/// Control totals that count rows say how many came in and how many are accounted for. Every one that differs is named:
/// what is lost in one currency or unit is not made up for in another.
fn placed(pipeline: &Pipeline, comparisons: &[Comparison]) -> Placed {
    let counting: BTreeSet<&str> = pipeline
        .control_totals
        .iter()
        .filter(|control| control.left.sum.trim() == "1")
        .map(|control| control.name.as_str())
        .collect();
    let rows = |side: fn(&Comparison) -> Amount| {
        let counts = comparisons.iter().filter(|comparison| counting.contains(comparison.control.as_str()));
        let total = counts.map(side).try_fold(Amount::default(), Amount::checked_add);
        total.map_or_else(|| "more than can be written".to_owned(), |total| grouped(&total.to_string()))
    };
    let differing = comparisons.iter().filter(|comparison| !comparison.holds());
    Placed {
        asked: !counting.is_empty(),
        rows_in: rows(|comparison| comparison.left),
        rows_placed: rows(|comparison| comparison.right),
        tied: comparisons.iter().all(Comparison::holds),
        lost: differing.map(lost).collect(),
    }
}

/// A control total that differs, and by how much.
fn lost(comparison: &Comparison) -> String {
    let name = std::iter::once(&comparison.control).chain(&comparison.group).map(String::as_str).collect::<Vec<_>>();
    let difference = comparison.left.checked_sub(comparison.right);
    let difference = difference.map_or_else(|| "more than can be written".to_owned(), |lost| lost.to_string());
    format!("{} {difference}", name.join(" "))
}

/// Whole numbers with their thousands apart.
fn grouped(digits: &str) -> String {
    let Some(whole) = digits.split('.').next().filter(|whole| whole.bytes().all(|byte| byte.is_ascii_digit())) else {
        return digits.to_owned();
    };
    number::group(whole)
}

/// Optional sources that had no file.
fn absent(inputs: &Inputs) -> Vec<String> {
    let absent = inputs.sources.values().filter(|input| input.files.is_empty());
    absent.map(|input| input.source.name.clone()).collect()
}

/// One message, as it is stored and sent.
pub struct Message {
    /// Hash that stands for the recipient in keys.
    pub recipient: String,
    pub bytes: Vec<u8>,
}

/// The messages of a report, one per recipient of its audience.
///
/// # Errors
/// When a message cannot be built or is too large.
pub fn messages(
    pipeline: &Pipeline,
    report: &str,
    rendered: &Rendered,
    delivery_id: &str,
    date: Timestamp,
) -> Result<Vec<Message>, Failure> {
    let delivery = &pipeline.delivery;
    let audience = pipeline.reports.get(report).and_then(|report| pipeline.audiences.get(&report.audience));
    // Two deployments may name their pipelines alike and write to the same person: their messages are not the same.
    let message_id = format!("{} {delivery_id}", pipeline.storage.outputs);
    let recipients = audience.map(|audience| audience.recipients.as_slice()).unwrap_or_default();
    let mut messages = Vec::new();
    for recipient in recipients {
        let bytes = mail::build(rendered, &delivery.from, delivery.reply_to.as_ref(), recipient, &message_id, date)?;
        messages.push(Message { recipient: mail::recipient_hash(delivery_id, &recipient.address), bytes });
    }
    Ok(messages)
}
