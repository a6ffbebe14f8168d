//! `plan`: what a run would read, build, publish and mail. Changes nothing.

use std::fmt;

use serde::Serialize;

use crate::cli::PeriodArgs;
use crate::commands::due::moment;
use crate::commands::fingerprint::fingerprint;
use crate::commands::inputs::pin;
use crate::commands::invocation::Invocation;
use crate::commands::outcome::counted;
use crate::commands::project::Project;
use crate::error::Failure;
use crate::publication::Log;
use crate::store::{ChangedInputs, Stores};

#[derive(Debug, Serialize)]
pub struct Plan {
    pub pipeline: String,
    pub period: String,
    pub as_of: String,
    /// Whether a run would do anything.
    pub due: bool,
    pub intakes: Vec<String>,
    pub sources: Vec<PlannedSource>,
    pub models: Vec<PlannedModel>,
    pub publishes: Vec<String>,
    pub mails: Vec<PlannedMail>,
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
    let due = |pipeline: &_| moment(pipeline, args, invocation.now);
    let project = Project::load(&args.pipeline, &invocation.environment, due).await?;
    let moment = due(&project.pipeline)?;
    let pipeline = &project.pipeline;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let inputs = pin(pipeline, &stores, moment, &ChangedInputs::default()).await?;
    let head = Log::open(&stores, &pipeline.storage.outputs).await?.head().await?;
    let whole = fingerprint(&project, &inputs, moment).whole;
    let sources = inputs.sources.iter().map(|(name, input)| PlannedSource {
        source: name.clone(),
        files: input.files.len(),
        bytes: input.files.iter().map(|file| file.meta.size).sum(),
        rows: input.files.iter().map(|file| file.rows).sum(),
        extra_columns: input.extra_columns.iter().cloned().collect(),
    });
    let models = project.graph.models.iter().map(|model| PlannedModel {
        model: model.name.clone(),
        scope: format!("{:?}", model.scope).to_lowercase(),
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
    Ok(Plan {
        pipeline: pipeline.name.clone(),
        period: moment.period.to_string(),
        as_of: moment.as_of.to_string(),
        due: head.is_none_or(|head| head.entry.record.fingerprint != whole),
        intakes: inputs
            .intakes()
            .iter()
            .map(|intake| intake.map_or("all".to_owned(), |period| period.to_string()))
            .collect(),
        sources: sources.collect(),
        models: models.collect(),
        publishes: pipeline.models.marts.keys().cloned().collect(),
        mails: mails.collect(),
    })
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.due { "due" } else { "nothing due: the same inputs are published" };
        writeln!(f, "{} {} as of {}: {state}", self.pipeline, self.period, self.as_of)?;
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
        writeln!(f, "builds {}: {}", counted(self.intakes.len(), "intake"), self.intakes.join(" "))?;
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
