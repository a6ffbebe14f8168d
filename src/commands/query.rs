//! `query`: SQL over the published tables.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::json::LineDelimitedWriter;
use arrow::util::pretty::pretty_format_batches;

use crate::cli::{OutputFormat, QueryArgs};
use crate::commands::invocation::Invocation;
use crate::commands::tables::{Memory, published, table_session, unanswered};
use crate::error::{Exit, Failure};
use crate::models::Query;
use crate::pipeline::Pipeline;
use crate::problem::Problems;
use crate::publication::Log;
use crate::store::Stores;
use crate::warehouse::answers::rows;
use crate::warehouse::bindings::Bindings;
use crate::warehouse::compile::plan;

/// Answers one query: a table for people, JSON lines for machines.
///
/// # Errors
/// When nothing is published yet, or the query cannot be run.
pub async fn query(args: &QueryArgs, output: OutputFormat, invocation: &Invocation) -> Result<String, Failure> {
    let pipeline = Pipeline::load(&args.pipeline, &invocation.environment)?;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    let Some(publication) = log.current().await? else {
        return Err(Failure::new(Exit::InputMissing, "nothing is published yet\n  help: `tieout run` publishes"));
    };
    let files = published(&publication).await?;
    let query = Query::parse(Path::new("query"), &args.sql).map_err(Problems::from)?;
    let memory = Memory::to_ask(&pipeline, invocation)?;
    let session = table_session(&pipeline, &log.outputs().store, &files, &memory)?;
    let plan = plan(&session, &query, &Bindings::new()).await.map_err(Problems::from)?;
    let mut rows =
        rows(&session, "query", &plan).await.map_err(|error| unanswered(error, "while the query was answered"))?;
    if rows.is_empty() {
        // What found nothing still has columns, which are printed.
        rows.push(RecordBatch::new_empty(Arc::new(plan.schema().as_arrow().clone())));
    }
    printed(&rows, output).map_err(|error| Failure::new(Exit::Internal, error))
}

fn printed(rows: &[RecordBatch], output: OutputFormat) -> Result<String, arrow::error::ArrowError> {
    match output {
        OutputFormat::Text => Ok(pretty_format_batches(rows)?.to_string()),
        OutputFormat::Csv => {
            let mut writer = WriterBuilder::new().with_header(true).build(Vec::new());
            rows.iter().try_for_each(|batch| writer.write(batch))?;
            Ok(String::from_utf8_lossy(&writer.into_inner()).trim_end().to_owned())
        }
        OutputFormat::Json => {
            let mut writer = LineDelimitedWriter::new(Vec::new());
            rows.iter().try_for_each(|batch| writer.write(batch))?;
            writer.finish()?;
            Ok(String::from_utf8_lossy(&writer.into_inner()).trim_end().to_owned())
        }
    }
}
