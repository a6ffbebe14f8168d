//! Published tables as a session sees them: reports and queries read exactly the files of a publication, or of a run that
//! is about to become one.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionContext;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::commands::invocation::Invocation;
use crate::commands::scratch::Scratch;
use crate::error::{Exit, Failure};
use crate::pipeline::Pipeline;
use crate::publication::Publication;
use crate::warehouse::exit::{engine_exit, failure};
use crate::warehouse::output::{self, WrittenFile};
use crate::warehouse::session::{Limits, Machine, runtime, runtime_without_disk, session};

/// A file of a table: where it is in the store, and its size in bytes.
pub type File = (Path, u64);

/// Files by table.
pub type Files = BTreeMap<String, Vec<File>>;

/// The files a run has written.
#[must_use]
pub fn written(files: &[WrittenFile]) -> Files {
    let mut tables = Files::new();
    for file in files {
        tables.entry(file.table.clone()).or_default().push((file.path.clone(), file.bytes));
    }
    tables
}

/// The files of a publication.
///
/// # Errors
/// When the log cannot be read.
pub async fn published(publication: &Publication) -> Result<Files, Failure> {
    let mut tables = Files::new();
    for table in publication.tables() {
        let files = publication.files(table).await?;
        tables.insert(table.to_owned(), files.into_iter().map(|file| (file.path, file.bytes)).collect());
    }
    Ok(tables)
}

/// What a session may use. It has to outlive the session.
pub struct Memory {
    runtime: Arc<RuntimeEnv>,
    /// Of a query.
    partitions: usize,
    /// Where a verb that only asks puts what memory does not hold.
    _scratch: Option<Scratch>,
}

impl Memory {
    /// What a run has had for its tables, for its reports.
    #[must_use]
    pub fn of_run(session: &SessionContext, pipeline: &Pipeline, machine: Machine) -> Self {
        let partitions = Limits::partitions_here(&pipeline.engine, machine);
        Self { runtime: session.runtime_env(), partitions, _scratch: None }
    }

    /// As much as the pipeline and the machine allow, for a verb that only asks. Who only reads may not be allowed to write where
    /// runs do: then it is the system's folder for temporary files, or memory alone.
    ///
    /// # Errors
    /// When the scratch folder cannot be used (exit 74).
    pub fn to_ask(pipeline: &Pipeline, invocation: &Invocation) -> Result<Self, Failure> {
        let (run_id, machine) = (invocation.run_id(), invocation.machine);
        let scratch = Scratch::of(&pipeline.engine, invocation, &run_id)
            .or_else(|_| Scratch::new(&invocation.temporary, &run_id, &invocation.stopping));
        let scratch = scratch.inspect_err(|why| tracing::info!(%why, "nothing can be put on disk")).ok();
        let runtime = match &scratch {
            Some(scratch) => runtime(&Limits::of(&pipeline.engine, machine, scratch.path().to_path_buf())),
            None => runtime_without_disk(pipeline.engine.memory(machine.memory)),
        };
        let runtime = runtime.map_err(|error| Failure::new(Exit::Resources, error))?;
        let partitions = Limits::partitions_here(&pipeline.engine, machine);
        Ok(Self { runtime, partitions, _scratch: scratch })
    }
}

/// An error of the engine when it answers queries over tables.
#[must_use]
pub fn unanswered(error: DataFusionError, doing: &str) -> Failure {
    let exit = engine_exit(&error, Exit::Definition);
    failure(error, exit, doing)
}

/// A session in which every mart of the pipeline is a table over these files.
///
/// # Errors
/// When a table cannot be registered, which is a fault of this program.
pub fn table_session(
    pipeline: &Pipeline,
    store: &Arc<dyn ObjectStore>,
    files: &Files,
    memory: &Memory,
) -> Result<SessionContext, Failure> {
    let internal = |error| Failure::new(Exit::Internal, error);
    let context = session(Arc::clone(&memory.runtime), &pipeline.calendar, memory.partitions);
    let url = output::store_url().map_err(internal)?;
    context.register_object_store(url.as_ref(), Arc::clone(store));
    for (name, mart) in &pipeline.models.marts {
        let of_table = files.get(name).cloned().unwrap_or_default();
        let table = output::table(mart, of_table).map_err(internal)?;
        context.register_table(name.as_str(), Arc::new(table)).map_err(internal)?;
    }
    Ok(context)
}
