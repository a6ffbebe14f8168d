//! Tables that wait for their readers while a run builds: in memory as far as the run's memory goes, else as Parquet in its
//! scratch folder.
//!
//! What is held here counts in the pool that sorts, joins and aggregates take from. Without that, a run would hold its
//! memory twice: once as tables that the pool does not know of, once as what operators take until the pool is empty.

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
use object_store::local::LocalFileSystem;

use crate::warehouse::execute::{bytes_of, own_text, plan_schema, table};
use crate::warehouse::joins::Joins;
use crate::warehouse::measured::{Costs, rows_of};
use crate::warehouse::scratch_file::{Read, Removed, SCRATCH_STORE, ScratchFile, scratch_table};
use crate::warehouse::session::Limits;
use crate::warehouse::spool::Spools;

/// What tables may take of a run's memory, and where they go beyond that.
#[derive(Clone, Debug)]
pub struct Room {
    pool: Arc<dyn MemoryPool>,
    /// Bytes: half of the memory, so that operators always have the other half.
    limit: usize,
    held: Arc<AtomicUsize>,
    scratch: PathBuf,
    files: Arc<AtomicUsize>,
    spools: Spools,
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
            spools: Spools::in_folder(limits.scratch.clone()),
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
        // What is taken beside tables may be a sort that cannot give it back: the last eighth is for whoever comes next.
        let fits = self.held.load(Ordering::Relaxed).saturating_add(bytes) <= self.limit
            && self.pool.reserved().saturating_add(bytes) <= self.limit / 4 * 7;
        if !fits || held.counted.try_grow(bytes).is_err() {
            return false;
        }
        self.held.fetch_add(bytes, Ordering::Relaxed);
        true
    }

    /// Whether no more than a quarter of the memory is taken, by tables and operators together.
    pub fn is_mostly_free(&self) -> bool {
        self.pool.reserved() <= self.limit / 2
    }

    /// Room for what has to be in memory, whatever is left.
    #[must_use]
    pub fn must_hold(&self, bytes: usize) -> Held {
        let held = self.empty();
        held.must_be(bytes);
        held
    }

    /// For what is written as it comes and read once.
    pub fn spools(&self) -> Spools {
        self.spools.clone()
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
        let kept = self.put_aside(context, name, plan).await?;
        self.costs.built(name, kept.rows, kept.held.bytes());
        kept.table()
    }

    /// The rows of an optimised plan, at the cost of a model that they are only a part of.
    ///
    /// # Errors
    /// When the plan cannot be executed, or the scratch folder not be written.
    pub async fn put_aside(
        &self,
        context: &SessionContext,
        name: &str,
        plan: &LogicalPlan,
    ) -> Result<Kept, DataFusionError> {
        self.costs.as_memory_allows(name, async |joins| self.put_aside_with(context, name, plan, joins).await).await
    }

    async fn put_aside_with(
        &self,
        context: &SessionContext,
        name: &str,
        plan: &LogicalPlan,
        joins: Joins,
    ) -> Result<Kept, DataFusionError> {
        let mut rows = self.costs.stream(context, name, plan, joins).await?;
        let mut keeping = self.keeping(name, &plan_schema(plan), usize::MAX);
        while let Some(batch) = rows.next().await? {
            keeping.write(batch)?;
        }
        keeping.finish()
    }

    /// Rows of a table that are going to be kept, in memory as far as there is room, and so many bytes of it at most.
    pub fn keeping<'a>(&'a self, name: &'a str, schema: &SchemaRef, at_most: usize) -> Keeping<'a> {
        let schema = Arc::clone(schema);
        let kept = Kept { schema, rows: 0, held: self.empty(), memory: Vec::new(), file: None };
        Keeping { room: self, name, at_most, read: Read::Whole, kept, file: None }
    }

    /// A new file of the scratch folder, with these rows to begin with.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn file(
        &self,
        name: &str,
        schema: SchemaRef,
        rows: &[RecordBatch],
        read: Read,
    ) -> Result<ScratchFile, DataFusionError> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = self.scratch.join(format!("{name}-{number}.parquet"));
        let mut file = ScratchFile::create(path, name, schema, read, &self.costs)?;
        rows.iter().try_for_each(|rows| file.write(rows))?;
        Ok(file)
    }
}

/// Rows that are being kept: in memory, and when that does not suffice, in the scratch folder.
pub struct Keeping<'a> {
    room: &'a Room,
    name: &'a str,
    /// Bytes that they may take in memory, if there is room.
    at_most: usize,
    read: Read,
    kept: Kept,
    file: Option<ScratchFile>,
}

/// Rows where they are kept: either in memory or in a file.
#[derive(Debug)]
pub struct Kept {
    pub schema: SchemaRef,
    pub rows: u64,
    pub held: Held,
    pub memory: Vec<RecordBatch>,
    pub file: Option<Removed>,
}

impl Keeping<'_> {
    /// On disk so that readers find parts of them.
    pub fn for_parts(self) -> Self {
        Self { read: Read::InParts, ..self }
    }

    /// More rows.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn write(&mut self, rows: RecordBatch) -> Result<(), DataFusionError> {
        self.kept.rows += rows_of(std::slice::from_ref(&rows));
        if let Some(file) = &mut self.file {
            return file.write(&rows);
        }
        let rows = own_text(rows)?;
        let bytes = bytes_of(&rows);
        let fits = self.kept.held.bytes() + bytes <= self.at_most && self.room.grow(&self.kept.held, bytes);
        self.kept.memory.push(rows);
        if !fits {
            let memory = std::mem::take(&mut self.kept.memory);
            self.kept.schema = memory.first().map_or_else(|| Arc::clone(&self.kept.schema), RecordBatch::schema);
            self.file = Some(self.room.file(self.name, Arc::clone(&self.kept.schema), &memory, self.read)?);
            self.kept.held = self.room.empty();
        }
        Ok(())
    }

    /// All rows.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn finish(self) -> Result<Kept, DataFusionError> {
        let file = self.file.map(ScratchFile::close).transpose()?;
        Ok(Kept { file, ..self.kept })
    }
}

impl Kept {
    /// The rows as a table, which lives no longer than they do.
    ///
    /// # Errors
    /// When the scratch file has gone.
    pub fn provider(&self) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        Ok(match &self.file {
            Some(file) => Arc::new(scratch_table(Arc::clone(&self.schema), [file])?.with_rows(self.rows)),
            None => Arc::new(table(&self.schema, self.memory.clone())?),
        })
    }

    /// The rows as a table that keeps them.
    ///
    /// # Errors
    /// When the scratch file has gone.
    pub fn table(self) -> Result<KeptTable, DataFusionError> {
        Ok(KeptTable { rows: self.provider()?, _held: self.held, _file: self.file })
    }
}

impl Held {
    /// Bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.counted.size()
    }

    /// Room for what takes so many bytes by now, whatever is left.
    pub fn must_be(&self, bytes: usize) {
        let before = self.bytes();
        self.counted.resize(bytes);
        self.held.fetch_add(bytes.saturating_sub(before), Ordering::Relaxed);
        self.held.fetch_sub(before.saturating_sub(bytes), Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

/// A table in memory or in the scratch folder. What it takes there is given back when it is dropped.
#[derive(Debug)]
pub struct KeptTable {
    rows: Arc<dyn TableProvider>,
    _held: Held,
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
