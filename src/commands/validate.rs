//! `validate`: the files of the project only, or with every store and the relay reached as well.

use std::fmt;

use serde::Serialize;

use crate::cli::ValidateArgs;
use crate::commands::due::last_complete;
use crate::commands::invocation::Invocation;
use crate::commands::project::Project;
use crate::commands::references::reference_problems;
use crate::error::Failure;
use crate::mail;
use crate::pipeline::Pipeline;
use crate::problem::Problems;
use crate::publication::Log;
use crate::store::Stores;

/// What was found to be right.
#[derive(Debug, Serialize)]
pub struct Validated {
    pub pipeline: String,
    pub sources: usize,
    pub models: usize,
    pub checks: usize,
    pub reports: usize,
    /// Places that were reached.
    pub reached: Vec<String>,
}

/// Validates a project.
///
/// # Errors
/// Every problem of the files; with `--connect` also the first place that cannot be reached.
pub async fn validate(args: &ValidateArgs, invocation: &Invocation) -> Result<Validated, Failure> {
    let project = load(args, invocation).await?;
    let reached = if args.connect { connect(&project, invocation).await? } else { Vec::new() };
    let validated = Validated {
        pipeline: project.pipeline.name.clone(),
        sources: project.pipeline.sources.len(),
        models: project.graph.models.len(),
        checks: project.graph.checks.len(),
        reports: project.reports.len(),
        reached,
    };
    // Nothing follows, and to take all its syntax trees apart would be a part of the time that a person waits.
    std::mem::forget(project);
    Ok(validated)
}

/// The project, and its reference tables: what is wrong with one says nothing of the other.
async fn load(args: &ValidateArgs, invocation: &Invocation) -> Result<Project, Problems> {
    let moment = |pipeline: &Pipeline| last_complete(pipeline, invocation.now);
    let loaded = Project::load(&args.pipeline, invocation, moment);
    let found = match &loaded {
        Ok(project) => reference_problems(&project.pipeline, invocation).await,
        Err(_) => match Pipeline::load(&args.pipeline, &invocation.environment) {
            Ok(pipeline) => reference_problems(&pipeline, invocation).await,
            Err(_) => Vec::new(),
        },
    };
    match loaded {
        Ok(project) => Problems::none_or(found, project),
        Err(Problems(mut problems)) => {
            problems.extend(found);
            Err(Problems(problems))
        }
    }
}

async fn connect(project: &Project, invocation: &Invocation) -> Result<Vec<String>, Failure> {
    let pipeline = &project.pipeline;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let mut reached = Vec::new();
    for source in pipeline.sources.values() {
        match stores.expand(&source.files).await {
            Ok(files) => reached.push(format!("source {}: {} files", source.name, files.len())),
            Err(crate::store::StoreError::NoFiles { .. }) if source.optional => {
                reached.push(format!("source {}: no files, which it may have", source.name));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    let head = log.head().await?;
    reached.push(format!("outputs: publication {}", head.map_or(0, |head| head.entry.seq)));
    if !pipeline.reports.is_empty() {
        reached.push(format!("mail: {}", mail::reach(&pipeline.delivery.transport).await?));
    }
    Ok(reached)
}

impl fmt::Display for Validated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pipeline, sources, models, checks, reports, reached } = self;
        writeln!(f, "{pipeline} is valid: {sources} sources, {models} models, {checks} checks, {reports} reports")?;
        reached.iter().try_for_each(|place| writeln!(f, "  reached {place}"))
    }
}
