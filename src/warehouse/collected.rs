//! Tables that wait for a later scope: small ones in memory, large ones as Parquet in the run's scratch folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::prelude::SessionContext;
use object_store::ObjectMeta;
use object_store::local::LocalFileSystem;
use parquet::arrow::ArrowWriter;

use crate::warehouse::execute::compact;
use crate::warehouse::pruned::{Part, PrunedTable};
use crate::warehouse::table::{FileTable, TableFile, nullable};

/// A part larger than this many bytes goes to disk.
const PART_IN_MEMORY: usize = 16 << 20;
/// And so does every part, when all that are held come to this: memory must not grow with history.
const IN_MEMORY: usize = 96 << 20;
const SCRATCH_STORE: &str = "scratch://run";

/// Parts by table.
pub struct Collected {
    scratch: PathBuf,
    tables: BTreeMap<String, Parts>,
    /// Bytes of all parts in memory.
    held: usize,
}

struct Parts {
    schema: SchemaRef,
    memory: Vec<Part>,
    files: Vec<PathBuf>,
}

impl Collected {
    pub fn new(scratch: &Path) -> Self {
        Self { scratch: scratch.to_path_buf(), tables: BTreeMap::new(), held: 0 }
    }

    pub fn contains(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Adds the rows of one intake or period.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn add(&mut self, table: &str, shape: &SchemaRef, rows: &[RecordBatch]) -> Result<(), DataFusionError> {
        let number = self.tables.values().map(|parts| parts.files.len()).sum::<usize>();
        let parts = self.tables.entry(table.to_owned()).or_insert_with(|| Parts {
            schema: nullable(shape),
            memory: Vec::new(),
            files: Vec::new(),
        });
        let rows = compact(&parts.schema, rows)?;
        let size = rows.get_array_memory_size();
        if size <= PART_IN_MEMORY && self.held + size <= IN_MEMORY {
            self.held += size;
            parts.memory.push(Part::new(rows));
            return Ok(());
        }
        let path = self.scratch.join(format!("{table}-{number}.parquet"));
        let mut writer = ArrowWriter::try_new(File::create(&path)?, Arc::clone(&parts.schema), None)?;
        writer.write(&rows)?;
        writer.close()?;
        parts.files.push(path);
        Ok(())
    }

    /// Makes the scratch folder readable for a session.
    ///
    /// # Errors
    /// Never for the fixed name of the store.
    pub fn register_store(&self, context: &SessionContext) -> Result<(), DataFusionError> {
        let store = LocalFileSystem::new_with_prefix(&self.scratch)?;
        context.register_object_store(ObjectStoreUrl::parse(SCRATCH_STORE)?.as_ref(), Arc::new(store));
        Ok(())
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
                let files = parts.files.iter().map(|path| scratch_file(path)).collect::<Result<_, _>>()?;
                let table =
                    FileTable::new(ObjectStoreUrl::parse(SCRATCH_STORE)?, files, Arc::clone(&parts.schema), Vec::new());
                let on_disk = context.read_table(Arc::new(table))?;
                on_disk.union(context.read_table(Arc::new(memory))?)?.into_view()
            };
            context.register_table(name.as_str(), provider)?;
        }
        Ok(())
    }
}

fn scratch_file(path: &Path) -> Result<TableFile, DataFusionError> {
    let metadata = std::fs::metadata(path)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Ok(TableFile {
        meta: ObjectMeta {
            location: name.into(),
            last_modified: metadata.modified()?.into(),
            size: metadata.len(),
            e_tag: None,
            version: None,
        },
        partitions: Vec::new(),
    })
}
