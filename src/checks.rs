//! Checks: queries that must return no rows. What they return becomes findings, and a blocking one holds the run.

mod arrivals;
mod undeclared;

pub use arrivals::absent_periods;
pub use undeclared::undeclared_columns;

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;

use crate::controls::Comparison;
use crate::error::{Exit, Failure};
use crate::models::ModelGraph;
use crate::pipeline::{CheckSettings, Pipeline, Severity, Source};
use crate::problem::Problem;
use crate::warehouse::answers::answer;
use crate::warehouse::bindings::Bindings;
use crate::warehouse::compile::plan;
use crate::warehouse::exit::{engine_exit, failure};
use crate::warehouse::inputs::Inputs;

/// Rows of a check that are told one by one; the rest is counted.
const TOLD: usize = 20;

/// One thing a check found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    pub check: String,
    pub severity: Severity,
    /// What it is about, as the check says it.
    pub stream: Option<String>,
    pub owner: String,
    /// Money at risk in reporting currency, as an exact decimal.
    pub amount: Option<String>,
    pub detail: String,
    pub help: Option<String>,
}

/// Why a check could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("{0}")]
    Problem(Problem),
    #[error("check `{check}` failed to run")]
    Engine { check: String, source: Box<DataFusionError> },
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        let exit = match &error {
            CheckError::Problem(_) => Exit::Definition,
            CheckError::Engine { source, .. } => engine_exit(source, Exit::Definition),
        };
        failure(error, exit, "while checks were asked")
    }
}

/// Asks every check.
///
/// # Errors
/// When a check cannot be planned or run: a check that was not asked has not passed.
pub async fn findings(
    session: &SessionContext,
    pipeline: &Pipeline,
    graph: &ModelGraph,
    bindings: &Bindings,
) -> Result<Vec<Finding>, CheckError> {
    let mut found = Vec::new();
    for (name, query) in &graph.checks {
        let plan = plan(session, query, bindings).await.map_err(CheckError::Problem)?;
        let told = answer(session, name, &plan, |told: &mut Told, rows| told.add(pipeline, name, &rows)).await;
        found.extend(told.map_err(|error| engine(name, error))?.findings());
    }
    found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.check.cmp(&b.check)));
    Ok(found)
}

pub(crate) fn engine(check: &str, error: DataFusionError) -> CheckError {
    CheckError::Engine { check: check.to_owned(), source: Box::new(error) }
}

/// What a check has found so far: the gravest, so that none of them is among the merely counted.
#[derive(Default)]
struct Told {
    rows: usize,
    gravest: Vec<Finding>,
}

impl Told {
    fn add(&mut self, pipeline: &Pipeline, name: &str, rows: &RecordBatch) -> Result<(), DataFusionError> {
        let settings = pipeline.checks.settings.get(name);
        for row in 0..rows.num_rows() {
            self.gravest.push(finding(pipeline, name, settings, rows, row)?);
        }
        // Stable: of equally grave ones the first stay.
        self.gravest.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.gravest.truncate(TOLD);
        self.rows += rows.num_rows();
        Ok(())
    }

    fn findings(mut self) -> Vec<Finding> {
        if let (more @ 1.., Some(last)) = (self.rows.saturating_sub(TOLD), self.gravest.last_mut()) {
            last.detail = format!("{} (and {more} more rows)", last.detail);
        }
        self.gravest
    }
}

fn finding(
    pipeline: &Pipeline,
    name: &str,
    settings: Option<&CheckSettings>,
    batch: &RecordBatch,
    row: usize,
) -> Result<Finding, DataFusionError> {
    let cell = |column: &str| -> Result<Option<String>, DataFusionError> {
        match batch.column_by_name(column) {
            Some(values) if values.is_valid(row) => shown(values.as_ref(), row).map(Some),
            _ => Ok(None),
        }
    };
    let severity = match cell("severity")?.as_deref() {
        Some("info") => Severity::Info,
        Some("warn") => Severity::Warn,
        Some(_) => Severity::Block,
        None => settings.map_or(Severity::Block, |settings| settings.severity),
    };
    let owner = match cell("owner")? {
        Some(owner) => owner,
        None => settings.and_then(|settings| settings.owner.clone()).unwrap_or_else(|| pipeline.owner.clone()),
    };
    Ok(Finding {
        check: name.to_owned(),
        severity,
        stream: cell("stream")?,
        owner,
        amount: cell("amount")?,
        detail: detail(batch, row)?,
        help: settings.and_then(|settings| settings.help.clone()),
    })
}

/// The `detail` column when there is one, then every column without a meaning of its own.
fn detail(batch: &RecordBatch, row: usize) -> Result<String, DataFusionError> {
    let mut parts = Vec::new();
    for (field, values) in batch.schema().fields().iter().zip(batch.columns()) {
        let name = field.name().as_str();
        if matches!(name, "severity" | "owner" | "stream" | "amount") || values.is_null(row) {
            continue;
        }
        let value = shown(values.as_ref(), row)?;
        parts.push(if name == "detail" { value } else { format!("{name} {value}") });
    }
    Ok(parts.join(", "))
}

fn shown(values: &dyn Array, row: usize) -> Result<String, DataFusionError> {
    Ok(ArrayFormatter::try_new(values, &FormatOptions::default())?.value(row).to_string())
}

/// Control totals that differ, as blocking findings.
#[must_use]
pub fn differing_totals(pipeline: &Pipeline, comparisons: &[Comparison]) -> Vec<Finding> {
    let differing = comparisons.iter().filter(|comparison| !comparison.holds());
    differing
        .map(|comparison| {
            let difference = comparison.left.checked_sub(comparison.right);
            Finding {
                check: format!("control_total:{}", comparison.control),
                severity: Severity::Block,
                stream: (!comparison.group.is_empty()).then(|| comparison.group.join(" / ")),
                owner: pipeline.owner.clone(),
                amount: difference.map(|difference| difference.to_string()),
                detail: format!("left {}, right {}", comparison.left, comparison.right),
                help: Some("the two sides of this control total must be equal to the last unit".to_owned()),
            }
        })
        .collect()
}

/// Sources whose newest file was older at the as-of instant than their freshness promises, as warnings to their owners.
#[must_use]
pub fn stale_sources(inputs: &Inputs, as_of: Timestamp) -> Vec<Finding> {
    let stale = inputs.sources.values().filter_map(|input| {
        let promised = input.source.freshness?;
        let newest = input.files.iter().map(|file| file.meta.last_modified).max()?;
        let newest = Timestamp::try_from(std::time::SystemTime::from(newest)).ok()?;
        let age = as_of.duration_since(newest);
        (age > promised).then(|| Finding {
            check: "freshness".to_owned(),
            severity: Severity::Warn,
            stream: Some(input.source.name.clone()),
            owner: input.source.owner.clone(),
            amount: None,
            detail: format!("the newest file of `{}` is of {newest}, {age:#} before the as-of", input.source.name),
            help: Some(format!("`{}` promises files at most {promised:#} old", input.source.name)),
        })
    });
    stale.collect()
}

/// A finding about a source that no query makes. It blocks, unless the settings of its name say otherwise.
#[must_use]
pub fn built_in(pipeline: &Pipeline, check: &str, source: &Source, detail: String, help: &str) -> Finding {
    let settings = pipeline.checks.settings.get(check);
    Finding {
        check: check.to_owned(),
        severity: settings.map_or(Severity::Block, |settings| settings.severity),
        stream: Some(source.name.clone()),
        owner: settings.and_then(|settings| settings.owner.clone()).unwrap_or_else(|| source.owner.clone()),
        amount: None,
        detail,
        help: Some(settings.and_then(|settings| settings.help.clone()).unwrap_or_else(|| help.to_owned())),
    }
}

/// The gravest severity found.
#[must_use]
pub fn gravest(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).max()
}
