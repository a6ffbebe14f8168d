//! Reference tables, looked at before there is a run: they lie beside the pipeline file and are written by the same people.

use object_store::ObjectStoreExt as _;

use crate::commands::inputs::source_input;
use crate::commands::invocation::Invocation;
use crate::error::Failure;
use crate::pipeline::{Format, Pipeline, Source};
use crate::problem::{Problem, Problems};
use crate::store::{ChangedInputs, StoreError, Stores};
use crate::warehouse::inputs::{FooterError, SourceInput};
use crate::warehouse::text::{self, TextError};

/// Every problem of the reference tables of a valid pipeline: files that are not there, cannot be read or lack a column.
/// Those that are not on this machine are left to the run.
pub async fn reference_problems(pipeline: &Pipeline, invocation: &Invocation) -> Vec<Problem> {
    // What is wrong with the options is told when they are used.
    let Ok(stores) = Stores::new(&pipeline.storage.options, &invocation.environment) else { return Vec::new() };
    let mut problems = Vec::new();
    let local = |source: &&Source| source.reference && source.files.scheme() == "file";
    for source in pipeline.sources.values().filter(local) {
        match look(pipeline, &stores, source).await {
            Ok(found) => problems.extend(found),
            Err(Look::Store(StoreError::NoFiles { .. })) if source.optional => {}
            Err(Look::Store(error)) => {
                problems.push(error.problem().at(pipeline.place(&["sources", &source.name, "files"])));
            }
            // What is no problem of the table is met again by the run, which can say more of it.
            Err(Look::Other) => {}
        }
    }
    problems
}

/// Why a table could not be looked at.
enum Look {
    Store(StoreError),
    Other,
}

impl From<StoreError> for Look {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for Look {
    fn from(_: Failure) -> Self {
        Self::Other
    }
}

async fn look(pipeline: &Pipeline, stores: &Stores, source: &Source) -> Result<Vec<Problem>, Look> {
    let pinned = stores.pin(stores.expand(&source.files).await?).await?;
    let mut input = source_input(pipeline, source, stores, pinned, &ChangedInputs::default())?;
    match (source.format, input.read_footers().await) {
        (Format::Parquet, Ok(())) => Ok(Vec::new()),
        (_, Ok(())) => texts(&input).await,
        (_, Err(FooterError::Contract(Problems(problems)))) => Ok(problems),
        // Nothing is known of it: this machine could not read it, and a run will say so.
        (_, Err(FooterError::RanOut { .. })) => Err(Look::Other),
        (_, Err(FooterError::Store(error))) => Err(error.into()),
    }
}

async fn texts(input: &SourceInput) -> Result<Vec<Problem>, Look> {
    let mut problems = Vec::new();
    for file in &input.files {
        let fetched = async { input.store.get(&file.meta.location).await?.bytes().await };
        let bytes = fetched.await.map_err(|_| Look::Other)?;
        let name = input.shown(file);
        if let Err(TextError::Problem(problem)) = text::read(&input.source, &name, &file.partitions, &bytes) {
            problems.push(problem);
        }
    }
    Ok(problems)
}
