//! Tables that wait for a later scope: small ones in memory, large ones as Parquet in the run's scratch folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::warehouse::execute::{bytes_of, compact};
use crate::warehouse::kept::{Held, Removed, Room, scratch_table};
use crate::warehouse::pruned::{Part, PrunedTable};
use crate::warehouse::table::nullable;

/// A part larger than this many bytes goes to disk.
const PART_IN_MEMORY: usize = 16 << 20;
/// And so does every part, when all that are held come to this: memory must not grow with history.
const IN_MEMORY: usize = 96 << 20;

/// Parts by table.
pub struct Collected {
    room: Room,
    /// Of all parts in memory.
    held: Held,
    tables: BTreeMap<String, Parts>,
}

struct Parts {
    schema: SchemaRef,
    memory: Vec<Part>,
    files: Vec<Removed>,
}

impl Collected {
    pub fn new(room: &Room) -> Self {
        Self { room: room.clone(), held: room.empty(), tables: BTreeMap::new() }
    }

    pub fn contains(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Adds the rows of one intake or period, and gives them as they are kept.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn add(
        &mut self,
        table: &str,
        shape: &SchemaRef,
        rows: &[RecordBatch],
    ) -> Result<RecordBatch, DataFusionError> {
        let parts = self.tables.entry(table.to_owned()).or_insert_with(|| Parts {
            schema: nullable(shape),
            memory: Vec::new(),
            files: Vec::new(),
        });
        let rows = compact(&parts.schema, rows)?;
        let size = bytes_of(&rows);
        if size <= PART_IN_MEMORY && self.held.bytes() + size <= IN_MEMORY && self.room.grow(&self.held, size) {
            parts.memory.push(Part::new(rows.clone()));
        } else {
            parts.files.push(self.room.file(table, Arc::clone(&parts.schema), std::slice::from_ref(&rows))?.close()?);
        }
        Ok(rows)
    }

    /// Registers the wanted tables.
    ///
    /// # Errors
    /// When a scratch file has gone.
    pub fn register(&self, context: &SessionContext, wanted: impl Fn(&str) -> bool) -> Result<(), DataFusionError> {
        for (name, parts) in self.tables.iter().filter(|(name, _)| wanted(name)) {
            let memory = PrunedTable::new(Arc::clone(&parts.schema), parts.memory.clone());
            let provider: Arc<dyn TableProvider> = if parts.files.is_empty() {
                Arc::new(memory)
            } else {
                let on_disk = context.read_table(Arc::new(scratch_table(Arc::clone(&parts.schema), &parts.files)?))?;
                on_disk.union(context.read_table(Arc::new(memory))?)?.into_view()
            };
            context.register_table(name.as_str(), provider)?;
        }
        Ok(())
    }
}
