//! The shop's files: one per stream and month, written while the rows are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::tables::Table;
use super::words::Stream;
use super::{Location, SampleError};

const ROW_GROUP: usize = 131_072;
/// Batches on the way to a file: what bounds the memory.
const WAITING: usize = 2;

/// Rows of a stream and the file they go to.
struct File {
    table: Table,
    /// None ends the file; hanging up without it leaves none.
    batches: mpsc::Sender<Option<RecordBatch>>,
    writer: JoinHandle<Result<(), ParquetError>>,
    path: Path,
    rows: u64,
}

/// The open files of one month.
pub(super) struct Files {
    files: BTreeMap<Stream, File>,
}

impl Files {
    /// Begins a file for each stream: in the month's partition, or without one.
    pub(super) fn begin(location: &Location, streams: &[Stream], month: Option<&str>) -> Self {
        let begun = streams.iter().map(|stream| (*stream, File::begin(location, *stream, month)));
        Self { files: begun.collect() }
    }

    /// A stream's rows that are not yet written; counts one more.
    pub(super) fn row(&mut self, stream: Stream) -> Option<super::tables::Row<'_>> {
        let file = self.files.get_mut(&stream)?;
        file.rows += 1;
        Some(file.table.row())
    }

    /// Passes on what has gathered.
    pub(super) async fn flush(&mut self) -> Result<(), SampleError> {
        for file in self.files.values_mut() {
            file.flush().await?;
        }
        Ok(())
    }

    /// Completes all files. Gives each stream's rows.
    pub(super) async fn end(mut self) -> Result<Vec<(Stream, u64)>, SampleError> {
        self.flush().await?;
        let mut rows = Vec::new();
        for (stream, file) in self.files {
            rows.push((stream, file.end().await?));
        }
        Ok(rows)
    }
}

impl File {
    fn begin(location: &Location, stream: Stream, month: Option<&str>) -> Self {
        let folder = location.root.clone().join(stream.name());
        let folder = match month {
            Some(month) => folder.join(format!("month={month}")),
            None => folder,
        };
        let path = folder.join("part-0.parquet");
        let table = Table::new(stream);
        let (batches, waiting) = mpsc::channel(WAITING);
        let written = written(Arc::clone(&location.store), path.clone(), table.schema(), waiting);
        Self { table, batches, writer: tokio::spawn(written), path, rows: 0 }
    }

    async fn flush(&mut self) -> Result<(), SampleError> {
        let batch = self.table.take().map_err(SampleError::Rows)?;
        if batch.num_rows() > 0 && self.batches.send(Some(batch)).await.is_err() {
            // The writer has ended early: it knows why.
            return self.outcome().await;
        }
        Ok(())
    }

    async fn end(mut self) -> Result<u64, SampleError> {
        // Where the writer has ended early, its outcome says so.
        let _ = self.batches.send(None).await;
        self.outcome().await.map(|()| self.rows)
    }

    async fn outcome(&mut self) -> Result<(), SampleError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| SampleError::Write {
            path: self.path.to_string(),
            source,
        };
        match (&mut self.writer).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(error.into())),
            Err(error) => Err(failed(error.into())),
        }
    }
}

async fn written(
    store: Arc<dyn ObjectStore>,
    path: Path,
    schema: SchemaRef,
    mut waiting: mpsc::Receiver<Option<RecordBatch>>,
) -> Result<(), ParquetError> {
    let target = BufWriter::new(store, path);
    let mut writer = AsyncArrowWriter::try_new(target, schema, Some(properties()?))?;
    while let Some(message) = waiting.recv().await {
        match message {
            Some(batch) => writer.write(&batch).await?,
            None => return writer.close().await.map(drop),
        }
    }
    Ok(())
}

/// Fixed, so that the bytes are the same everywhere and with every version of the libraries' own names.
fn properties() -> Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_created_by("tieout sample".to_owned())
        .build())
}
