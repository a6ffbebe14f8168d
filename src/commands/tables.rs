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
use crate::warehouse::session::{Limits, runtime, session};

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

/// What a session may use.
pub struct Memory {
    /// Memory and spill space.
    pub runtime: Arc<RuntimeEnv>,
    pub cores: usize,
}

/// As much as the pipeline and the machine allow, for a verb that only asks.
///
/// # Errors
/// When the scratch folder cannot be used (exit 74).
pub fn memory(pipeline: &Pipeline, invocation: &Invocation, scratch: &Scratch) -> Result<Memory, Failure> {
    let machine = invocation.machine;
    let limits = Limits::of(&pipeline.engine, machine, scratch.path().to_path_buf());
    let runtime = runtime(&limits).map_err(|error| Failure::new(Exit::Resources, error))?;
    Ok(Memory { runtime, cores: machine.cores })
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
    memory: Memory,
) -> Result<SessionContext, Failure> {
    let internal = |error| Failure::new(Exit::Internal, error);
    let context = session(memory.runtime, &pipeline.calendar, memory.cores);
    let url = output::store_url().map_err(internal)?;
    context.register_object_store(url.as_ref(), Arc::clone(store));
    for (name, mart) in &pipeline.models.marts {
        let of_table = files.get(name).cloned().unwrap_or_default();
        let table = output::table(mart, of_table).map_err(internal)?;
        context.register_table(name.as_str(), Arc::new(table)).map_err(internal)?;
    }
    Ok(context)
}
