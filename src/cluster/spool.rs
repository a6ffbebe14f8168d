//! The rows of a step until all of them are here: an executor may be lost while its rows are fetched, and whoever has begun
//! to use them could not begin again.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use crate::warehouse::execute::{bytes_of, own_text};

/// Bytes that are held in memory; beyond that all go to the scratch folder.
const IN_MEMORY: usize = 32 << 20;

/// Rows in memory or in a file of the scratch folder.
pub struct Spool {
    schema: SchemaRef,
    scratch: PathBuf,
    memory: Vec<RecordBatch>,
    bytes: usize,
    /// It has no name any more, so that it is gone with the rows, whatever becomes of them.
    file: Option<StreamWriter<BufWriter<File>>>,
}

impl Spool {
    pub fn new(scratch: &Path, schema: SchemaRef) -> Self {
        Self { schema, scratch: scratch.to_path_buf(), memory: Vec::new(), bytes: 0, file: None }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they have other columns, or the scratch folder cannot be written.
    pub fn add(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let (schema, columns) = (Arc::clone(&self.schema), rows.columns().to_vec());
        let rows = own_text(RecordBatch::try_new_with_options(schema, columns, &count)?)?;
        if let Some(file) = &mut self.file {
            return Ok(file.write(&rows)?);
        }
        self.bytes += bytes_of(&rows);
        self.memory.push(rows);
        if self.bytes > IN_MEMORY {
            let mut file = StreamWriter::try_new_buffered(self.nameless()?, &self.schema)?;
            std::mem::take(&mut self.memory).iter().try_for_each(|rows| file.write(rows))?;
            self.file = Some(file);
        }
        Ok(())
    }

    fn nameless(&self) -> Result<File, DataFusionError> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let path = self.scratch.join(format!("rows-{}.arrow", NEXT.fetch_add(1, Ordering::Relaxed)));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        // What cannot be removed goes with the folder.
        drop(std::fs::remove_file(&path));
        Ok(file)
    }

    /// All rows in their order.
    ///
    /// # Errors
    /// When the scratch folder cannot be written or read.
    pub fn rows(self) -> Result<SendableRecordBatchStream, DataFusionError> {
        let Some(file) = self.file else {
            let rows = futures::stream::iter(self.memory.into_iter().map(Ok));
            return Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema, rows)));
        };
        let mut file = file.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        let rows = StreamReader::try_new(BufReader::new(file), None)?.map(|rows| Ok(rows?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema, futures::stream::iter(rows))))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray as _, Int64Array, StringViewArray};
    use arrow::datatypes::Int64Type;
    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn few_rows_wait_in_memory_and_many_in_the_scratch_folder_and_both_come_back_in_order() {
        for batches in [3_i64, 600] {
            let folder = tempfile::tempdir().expect("a folder");
            let batch = |nth: i64| {
                let numbers: ArrayRef = Arc::new((nth * 1000..(nth + 1) * 1000).collect::<Int64Array>());
                let text = "a text that is longer than a view holds, and then some more of it, up to a hundred bytes";
                let texts: ArrayRef = Arc::new(StringViewArray::from(vec![text; 1000]));
                RecordBatch::try_from_iter([("number", numbers), ("text", texts)]).expect("columns")
            };
            let mut spool = Spool::new(folder.path(), batch(0).schema());
            (0..batches).for_each(|nth| spool.add(&batch(nth)).expect("rows"));
            assert_eq!((spool.memory.is_empty(), spool.file.is_some()), (batches > 3, batches > 3));
            assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "a file with a name stays");
            let rows: Vec<RecordBatch> = spool.rows().expect("rows").try_collect().await.expect("rows");
            let numbers: Vec<i64> =
                rows.iter().flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
            assert!(numbers.iter().copied().eq(0..batches * 1000));
        }
    }
}
