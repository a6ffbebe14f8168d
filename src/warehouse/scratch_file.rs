//! Parquet files of the run's scratch folder: written once, read a few times soon after, and gone when nobody needs them.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectMeta;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::warehouse::measured::Costs;
use crate::warehouse::table::{FileTable, TableFile};

/// The name under which a session knows the scratch folder.
pub const SCRATCH_STORE: &str = "scratch://run";
/// Rows that a file is written by: what is held in memory until they are.
const ROW_GROUP: usize = 1 << 17;

/// A Parquet file that is being written.
pub struct ScratchFile {
    /// Of the table.
    name: String,
    writer: ArrowWriter<File>,
    removed: Removed,
    costs: Costs,
}

impl ScratchFile {
    /// A new file for rows of a table.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(
        path: PathBuf,
        table: &str,
        schema: SchemaRef,
        read: Read,
        costs: &Costs,
    ) -> Result<Self, DataFusionError> {
        let writer = ArrowWriter::try_new(File::create(&path)?, schema, Some(properties(read)))?;
        Ok(Self { name: table.to_owned(), writer, removed: Removed(path), costs: costs.clone() })
    }

    /// More rows.
    ///
    /// # Errors
    /// When the scratch folder cannot be written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
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

impl Removed {
    /// The file at this path.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        // What cannot be removed now goes with the scratch folder.
        drop(std::fs::remove_file(&self.0));
    }
}

/// How a file of the scratch folder is going to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Whole,
    /// By readers that want the rows of one period, and look where there are any.
    InParts,
}

/// Nothing is gained by making it small: to look for values that repeat costs more than to write them again.
fn properties(read: Read) -> WriterProperties {
    let statistics = if read == Read::InParts { EnabledStatistics::Chunk } else { EnabledStatistics::None };
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(statistics)
        .build()
}
