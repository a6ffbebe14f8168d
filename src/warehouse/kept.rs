//! Tables that wait for their readers while a run builds: in memory as far as the run's memory goes, else as Parquet in its
//! scratch folder.
//!
//! What is held here counts in the pool that sorts, joins and aggregates take from. Without that, a run would hold its
//! memory twice: once as tables that the pool does not know of, once as what operators take until the pool is empty.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use object_store::ObjectMeta;
use object_store::local::LocalFileSystem;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::warehouse::execute::{bytes_of, own_text, table};
use crate::warehouse::measured::{Costs, rows_of};
use crate::warehouse::session::Limits;
use crate::warehouse::table::{FileTable, TableFile};

const SCRATCH_STORE: &str = "scratch://run";
/// Rows that a file is written by: what is held in memory until they are.
const ROW_GROUP: usize = 1 << 17;

/// What tables may take of a run's memory, and where they go beyond that.
#[derive(Clone, Debug)]
pub struct Room {
    pool: Arc<dyn MemoryPool>,
    /// Bytes: half of the memory, so that operators always have the other half.
    limit: usize,
    held: Arc<AtomicUsize>,
    scratch: PathBuf,
    files: Arc<AtomicUsize>,
    costs: Costs,
}

/// A part of the run's memory, given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    counted: MemoryReservation,
    held: Arc<AtomicUsize>,
}

impl Room {
    #[must_use]
    pub fn new(runtime: &RuntimeEnv, limits: &Limits, costs: &Costs) -> Self {
        Self {
            pool: Arc::clone(&runtime.memory_pool),
            limit: limits.memory_bytes / 2,
            held: Arc::default(),
            scratch: limits.scratch.clone(),
            files: Arc::default(),
            costs: costs.clone(),
        }
    }

    /// Room for nothing yet, for [`Room::grow`].
    #[must_use]
    pub fn empty(&self) -> Held {
        Held { counted: MemoryConsumer::new("tables").register(&self.pool), held: Arc::clone(&self.held) }
    }

    /// More room, when so many bytes are left.
    pub fn grow(&self, held: &Held, bytes: usize) -> bool {
        let fits = self.held.load(Ordering::Relaxed).saturating_add(bytes) <= self.limit;
        if !fits || held.counted.try_grow(bytes).is_err() {
            return false;
        }
        self.held.fetch_add(bytes, Ordering::Relaxed);
        true
    }

    /// Room for what has to be in memory, whatever is left.
    #[must_use]
    pub fn must_hold(&self, bytes: usize) -> Held {
        let held = self.empty();
        held.counted.grow(bytes);
        self.held.fetch_add(bytes, Ordering::Relaxed);
        held
    }

    /// Makes the scratch folder readable for a session.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn register_store(&self, context: &SessionContext) -> Result<(), DataFusionError> {
        let store = LocalFileSystem::new_with_prefix(&self.scratch)?;
        context.register_object_store(ObjectStoreUrl::parse(SCRATCH_STORE)?.as_ref(), Arc::new(store));
        Ok(())
    }

    /// The rows of an optimised plan as a table.
    ///
    /// # Errors
    /// When the plan cannot be executed, or the scratch folder not be written.
    pub async fn keep(
        &self,
        context: &SessionContext,
        name: &str,
        plan: &LogicalPlan,
    ) -> Result<KeptTable, DataFusionError> {
        let mut rows = self.costs.stream(context, name, plan).await?;
        let held = self.empty();
        let mut memory: Vec<RecordBatch> = Vec::new();
        while let Some(batch) = rows.next().await? {
            let batch = own_text(batch)?;
            let (fits, schema) = (self.grow(&held, bytes_of(&batch)), batch.schema());
            memory.push(batch);
            if !fits {
                let (mut file, mut count) = (self.file(name, schema, &memory)?, rows_of(&memory));
                drop((held, memory));
                while let Some(batch) = rows.next().await? {
                    count += rows_of(std::slice::from_ref(&batch));
                    file.write(&batch)?;
                }
                self.costs.built(name, count, 0);
                return file.table();
            }
        }
        self.costs.built(name, rows_of(&memory), held.bytes());
        Ok(KeptTable { rows: Arc::new(table(plan, memory)?), _held: Some(held), _file: None })
    }

    /// A new file of the scratch folder, with these rows to begin with.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn file(&self, name: &str, schema: SchemaRef, rows: &[RecordBatch]) -> Result<ScratchFile, DataFusionError> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = self.scratch.join(format!("{name}-{number}.parquet"));
        let writer = ArrowWriter::try_new(File::create(&path)?, Arc::clone(&schema), Some(properties()))?;
        let (name, costs) = (name.to_owned(), self.costs.clone());
        let mut file = ScratchFile { name, writer, schema, removed: Removed(path), costs };
        rows.iter().try_for_each(|rows| file.write(rows))?;
        Ok(file)
    }
}

/// Written once and read a few times soon after: nothing is gained by making it small.
fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .build()
}

impl Held {
    /// Bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.counted.size()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

/// A Parquet file that is being written.
pub struct ScratchFile {
    /// Of the table.
    name: String,
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    removed: Removed,
    costs: Costs,
}

impl ScratchFile {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        Ok(self.writer.write(rows)?)
    }

    /// The finished file.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn close(mut self) -> Result<Removed, DataFusionError> {
        self.writer.finish()?;
        self.costs.to_disk(&self.name, self.writer.bytes_written());
        Ok(self.removed)
    }

    fn table(self) -> Result<KeptTable, DataFusionError> {
        let schema = Arc::clone(&self.schema);
        let file = self.close()?;
        Ok(KeptTable { rows: Arc::new(scratch_table(schema, [&file])?), _held: None, _file: Some(file) })
    }
}

/// A table over files of the scratch folder.
///
/// # Errors
/// When one has gone.
pub fn scratch_table<'a>(
    schema: SchemaRef,
    files: impl IntoIterator<Item = &'a Removed>,
) -> Result<FileTable, DataFusionError> {
    let files = files.into_iter().map(|Removed(path)| {
        let metadata = std::fs::metadata(path)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let meta = ObjectMeta {
            location: name.into(),
            last_modified: metadata.modified()?.into(),
            size: metadata.len(),
            e_tag: None,
            version: None,
        };
        Ok::<_, DataFusionError>(TableFile { meta, partitions: Vec::new() })
    });
    Ok(FileTable::new(ObjectStoreUrl::parse(SCRATCH_STORE)?, files.collect::<Result<_, _>>()?, schema, Vec::new()))
}

/// A finished file of the scratch folder, which goes when nobody needs it any more.
#[derive(Debug)]
pub struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // What cannot be removed now goes with the scratch folder.
        drop(std::fs::remove_file(&self.0));
    }
}

/// A table in memory or in the scratch folder. What it takes there is given back when it is dropped.
#[derive(Debug)]
pub struct KeptTable {
    rows: Arc<dyn TableProvider>,
    _held: Option<Held>,
    _file: Option<Removed>,
}

#[async_trait]
impl TableProvider for KeptTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.rows.scan(state, projection, filters, limit).await
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        self.rows.supports_filters_pushdown(filters)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::warehouse::session::runtime;

    const ROWS: &str = "select value, 'row number ' || cast(value as varchar) as text from generated";

    async fn kept(memory: usize) -> (KeptTable, Room, SessionContext, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes: memory, scratch: folder.path().to_path_buf(), parallelism: 1 };
        let runtime = runtime(&limits).expect("a runtime");
        let room = Room::new(&runtime, &limits, &Costs::of("numbers"));
        let context = SessionContext::new_with_config_rt(SessionConfig::new().with_target_partitions(1), runtime);
        room.register_store(&context).expect("a folder");
        let numbers: arrow::array::Int64Array = (0..50_000).collect();
        let generated = RecordBatch::try_from_iter([("value", Arc::new(numbers) as _)]).expect("one column");
        context.register_batch("generated", generated).expect("a new name");
        let plan = context.sql(ROWS).await.expect("a query").into_optimized_plan().expect("a plan");
        let table = room.keep(&context, "numbers", &plan).await.expect("a table");
        (table, room, context, folder)
    }

    #[tokio::test]
    async fn what_does_not_fit_into_memory_waits_on_disk_and_reads_the_same() {
        for (memory, on_disk) in [(64 << 20, 0), (1 << 20, 1)] {
            let (table, room, context, folder) = kept(memory).await;
            let entries = || std::fs::read_dir(folder.path()).expect("the folder").flatten();
            let files =
                || entries().filter(|entry| entry.path().extension().is_some_and(|ext| ext == "parquet")).count();
            assert_eq!(files(), on_disk);
            let files_only = entries().filter_map(|entry| entry.metadata().ok().filter(std::fs::Metadata::is_file));
            let bytes: u64 = files_only.map(|file| file.len()).sum();
            let [cost] = room.costs.models().try_into().expect("one model");
            assert_eq!((cost.built, cost.rows, cost.scratch_bytes), (1, 50_000, bytes));
            assert_eq!(cost.memory_bytes, room.held.load(Ordering::Relaxed) as u64);
            assert_eq!(room.held.load(Ordering::Relaxed) > 0, on_disk == 0);
            assert_eq!(room.pool.reserved(), room.held.load(Ordering::Relaxed));

            let table = Arc::new(table);
            context.register_table("numbers", Arc::clone(&table) as _).expect("a new name");
            let same = "select sum(value) from numbers where text = 'row number ' || cast(value as varchar)";
            let found = context.sql(same).await.expect("a query").collect().await.expect("rows");
            let sum = found.first().expect("a batch").column(0).as_primitive::<Int64Type>().value(0);
            assert_eq!(sum, 50_000 * 49_999 / 2);

            context.deregister_table("numbers").expect("the table");
            drop(table);
            assert_eq!((files(), room.pool.reserved(), room.held.load(Ordering::Relaxed)), (0, 0, 0));
        }
    }
}
