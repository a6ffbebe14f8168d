//! `plan`: what is due, what is waited for, and what a run would read, build, publish and mail. Changes nothing.

use std::fmt;

use serde::Serialize;

use crate::cli::PeriodArgs;
use crate::commands::due::{Due, DueState, Incomplete, due, moment};
use crate::commands::fingerprint::fingerprint;
use crate::commands::inputs::pin;
use crate::commands::invocation::Invocation;
use crate::commands::outcome::counted;
use crate::commands::project::Project;
use crate::error::Failure;
use crate::publication::Log;
use crate::store::{ChangedInputs, Stores};
use crate::warehouse::bindings::Moment;
use crate::warehouse::inputs::Inputs;

#[derive(Debug, Serialize)]
pub struct Plan {
    pub pipeline: String,
    /// The first of `periods`: the one that the rest is about.
    pub period: String,
    pub as_of: String,
    /// Whether a run would do anything.
    pub due: bool,
    /// Oldest first; one that waits is the last.
    pub periods: Vec<PlannedPeriod>,
    /// Nothing is read as long as the period waits.
    pub intakes: Vec<String>,
    pub sources: Vec<PlannedSource>,
    pub models: Vec<PlannedModel>,
    pub publishes: Vec<String>,
    pub mails: Vec<PlannedMail>,
}

#[derive(Debug, Serialize)]
pub struct PlannedPeriod {
    pub period: String,
    /// Sources that have not said that they are complete.
    pub missing: Vec<Incomplete>,
    /// The deadline up to which the period waits for them; none when it does not wait.
    pub waits_until: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct PlannedSource {
    pub source: String,
    pub files: usize,
    pub bytes: u64,
    pub rows: Option<u64>,
    /// Columns in the files that the contract does not mention.
    pub extra_columns: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct PlannedModel {
    pub model: String,
    pub scope: String,
    /// Built once and kept; otherwise inlined.
    pub kept: bool,
}

#[derive(Debug, Serialize)]
pub struct PlannedMail {
    pub report: String,
    pub audience: String,
    /// Masked.
    pub recipients: Vec<String>,
}

/// Plans a run.
///
/// # Errors
/// Whatever would keep the run from starting.
pub async fn plan(args: &PeriodArgs, invocation: &Invocation) -> Result<Plan, Failure> {
    let compiled_for = |pipeline: &_| moment(pipeline, args, invocation.now);
    let project = Project::load(&args.pipeline, invocation, compiled_for)?;
    let pipeline = &project.pipeline;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let head = Log::open(&stores, &pipeline.storage.outputs).await?.head().await?;
    let periods = due(pipeline, &stores, head.as_ref(), args, invocation.now).await?;
    let compiled = Due { moment: compiled_for(pipeline)?, state: DueState::Ready };
    let first = periods.first().unwrap_or(&compiled);
    let mut plan = of_files(&project, first.moment);
    plan.periods = periods.iter().map(planned_period).collect();
    if first.waits_until().is_none() {
        let inputs = pin(pipeline, &stores, first.moment, &ChangedInputs::default()).await?;
        let whole = fingerprint(&project, &inputs, first.moment).whole;
        plan.due = head.is_none_or(|head| head.entry.record.fingerprint != whole);
        plan.read(&inputs);
    }
    Ok(plan)
}

/// What the project's files alone say.
fn of_files(project: &Project, moment: Moment) -> Plan {
    let pipeline = &project.pipeline;
    let models = project.graph.models.iter().map(|model| PlannedModel {
        model: model.name.clone(),
        scope: model.scope.to_string(),
        kept: model.kept,
    });
    let mails = pipeline.reports.values().map(|report| PlannedMail {
        report: report.name.clone(),
        audience: report.audience.clone(),
        recipients: pipeline
            .audiences
            .get(&report.audience)
            .map(|audience| audience.recipients.iter().map(crate::pipeline::Mailbox::masked).collect())
            .unwrap_or_default(),
    });
    Plan {
        pipeline: pipeline.name.clone(),
        period: moment.period.to_string(),
        as_of: moment.as_of.to_string(),
        due: false,
        periods: Vec::new(),
        intakes: Vec::new(),
        sources: Vec::new(),
        models: models.collect(),
        publishes: pipeline.models.marts.keys().cloned().collect(),
        mails: mails.collect(),
    }
}

fn planned_period(due: &Due) -> PlannedPeriod {
    PlannedPeriod {
        period: due.moment.period.to_string(),
        missing: due.state.missing().to_vec(),
        waits_until: due.waits_until().map(|until| until.to_string()),
    }
}

impl Plan {
    fn read(&mut self, inputs: &Inputs) {
        let sources = inputs.sources.iter().map(|(name, input)| PlannedSource {
            source: name.clone(),
            files: input.files.len(),
            bytes: input.files.iter().map(|file| file.meta.size).sum(),
            rows: input.files.iter().map(|file| file.rows).sum(),
            extra_columns: input.extra_columns.iter().cloned().collect(),
        });
        self.sources = sources.collect();
        let intakes = inputs.intakes().into_iter();
        self.intakes = intakes.map(|intake| intake.map_or("all".to_owned(), |period| period.to_string())).collect();
    }

    /// The periods that are due or wait, the first one with what becomes of it.
    fn write_periods(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} as of {}: ", self.pipeline, self.period, self.as_of)?;
        for (index, period) in self.periods.iter().enumerate() {
            if index > 0 {
                write!(f, "then {}: ", period.period)?;
            }
            match &period.waits_until {
                Some(until) => writeln!(f, "waits until {until} at the latest")?,
                None if index > 0 || self.due => writeln!(f, "due")?,
                None => writeln!(f, "nothing due: the same inputs are published")?,
            }
            for one in &period.missing {
                writeln!(f, "  {} is not complete: {} ({})", one.source, one.why, one.owner)?;
            }
        }
        Ok(())
    }

    fn write_reads(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "reads")?;
        for source in &self.sources {
            let rows = source.rows.map_or_else(|| "?".to_owned(), |rows| rows.to_string());
            writeln!(
                f,
                "  {:<20} {:>10} {:>12} bytes {:>10} rows",
                source.source,
                counted(source.files, "file"),
                source.bytes,
                rows
            )?;
            if !source.extra_columns.is_empty() {
                writeln!(f, "    not in the contract: {}", source.extra_columns.join(", "))?;
            }
        }
        writeln!(f, "builds {}: {}", counted(self.intakes.len(), "intake"), self.intakes.join(" "))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_periods(f)?;
        if self.sources.is_empty() {
            writeln!(f, "reads nothing yet; would build")?;
        } else {
            self.write_reads(f)?;
        }
        for model in &self.models {
            writeln!(f, "  {:<10} {}{}", model.scope, model.model, if model.kept { "" } else { " (inlined)" })?;
        }
        writeln!(f, "publishes\n  {}", self.publishes.join("\n  "))?;
        writeln!(f, "mails")?;
        for mail in &self.mails {
            writeln!(f, "  {} to {}: {}", mail.report, mail.audience, mail.recipients.join(", "))?;
        }
        Ok(())
    }
}
