//! Tables that wait for a later scope: small ones in memory, large ones as Parquet in the run's scratch folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::warehouse::kept::{Held, Keeping, Kept, Room};
use crate::warehouse::pruned::{Part, PrunedTable};
use crate::warehouse::scratch_file::{Removed, scratch_table};
use crate::warehouse::stacked::Stacked;
use crate::warehouse::table::nullable;

/// A part larger than this many bytes goes to disk.
const PART_IN_MEMORY: usize = 16 << 20;
/// And so does every part, when all that are held come to this: memory must not grow with history.
const IN_MEMORY: usize = 96 << 20;

/// Parts by table.
pub struct Collected {
    room: Room,
    tables: BTreeMap<String, Parts>,
}

struct Parts {
    schema: SchemaRef,
    memory: Vec<Part>,
    /// Of the parts in memory.
    held: Vec<Held>,
    files: Vec<Removed>,
    rows_in_files: u64,
}

impl Collected {
    pub fn new(room: &Room) -> Self {
        Self { room: room.clone(), tables: BTreeMap::new() }
    }

    pub fn contains(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Bytes of all parts in memory.
    fn in_memory(&self) -> usize {
        self.tables.values().flat_map(|parts| &parts.held).map(Held::bytes).sum()
    }

    /// For the rows of one intake or period, which [`Collected::add`] takes.
    pub fn keeping<'a>(&'a self, table: &'a str, schema: &SchemaRef) -> Keeping<'a> {
        let left = IN_MEMORY.saturating_sub(self.in_memory());
        self.room.keeping(table, schema, left.min(PART_IN_MEMORY)).for_parts()
    }

    /// Adds the rows of one intake or period, and gives them as a table of their own.
    ///
    /// # Errors
    /// When a scratch file has gone.
    pub fn add(&mut self, table: &str, rows: Kept) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let parts = self.tables.entry(table.to_owned()).or_insert_with(|| Parts {
            schema: nullable(&rows.schema),
            memory: Vec::new(),
            held: Vec::new(),
            files: Vec::new(),
            rows_in_files: 0,
        });
        let own = rows.provider()?;
        parts.memory.extend(rows.memory.into_iter().map(Part::new));
        parts.held.push(rows.held);
        if let Some(file) = rows.file {
            parts.files.push(file);
            parts.rows_in_files += rows.rows;
        }
        Ok(own)
    }

    /// Registers the wanted tables.
    ///
    /// # Errors
    /// When a scratch file has gone.
    pub fn register(&self, context: &SessionContext, wanted: impl Fn(&str) -> bool) -> Result<(), DataFusionError> {
        for (name, parts) in self.tables.iter().filter(|(name, _)| wanted(name)) {
            let memory = Arc::new(PrunedTable::new(Arc::clone(&parts.schema), parts.memory.clone()));
            let provider: Arc<dyn TableProvider> = if parts.files.is_empty() {
                memory
            } else {
                let disk = scratch_table(Arc::clone(&parts.schema), &parts.files)?.with_rows(parts.rows_in_files);
                Arc::new(Stacked::new(Arc::clone(&parts.schema), vec![Arc::new(disk), memory]))
            };
            context.register_table(name.as_str(), provider)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::warehouse::build_side::rows_at_most;
    use crate::warehouse::execute::in_batches;
    use crate::warehouse::measured::Costs;
    use crate::warehouse::session::{Limits, runtime};

    fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        RecordBatch::try_from_iter([("number", numbers)]).expect("one column")
    }

    #[tokio::test]
    async fn parts_on_disk_and_in_memory_are_one_table_that_says_how_many_rows_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes: 1 << 20, scratch: folder.path().to_path_buf(), parallelism: 1 };
        let runtime = runtime(&limits).expect("a runtime");
        let room = Room::new(&runtime, &limits, &Costs::default());
        let context = SessionContext::new_with_config_rt(SessionConfig::new().with_target_partitions(1), runtime);
        room.register_store(&context).expect("a folder");
        let mut collected = Collected::new(&room);
        for numbers in [0..1000, 1000..101_000, 101_000..101_500] {
            let rows = rows(numbers);
            let mut keeping = collected.keeping("numbers", &rows.schema());
            in_batches(&rows).expect("batches").into_iter().for_each(|rows| keeping.write(rows).expect("room"));
            let kept = keeping.finish().expect("a table");
            collected.add("numbers", kept).expect("a table");
        }
        let files = || {
            let entries = std::fs::read_dir(folder.path()).expect("the folder").flatten();
            entries.filter(|entry| entry.path().is_file()).count()
        };
        assert_eq!(files(), 1);
        assert_eq!(collected.in_memory(), 1500 * size_of::<i64>());
        collected.register(&context, |_| true).expect("a new name");

        let plan = context.table("numbers").await.expect("a table").create_physical_plan().await.expect("a plan");
        assert_eq!(rows_at_most(&plan), Some(101_500));
        let sum = "select sum(number) as total from numbers where number >= 500";
        let found = context.sql(sum).await.expect("a query").collect().await.expect("rows");
        let found = found.first().map(|found| found.column(0).as_primitive::<Int64Type>().value(0));
        assert_eq!(found, Some((500..101_500).sum()));
        context.deregister_table("numbers").expect("a table");
        drop((plan, collected));
        assert_eq!(files(), 0);
    }
}
