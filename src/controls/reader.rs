//! Plain reading of a Parquet file's bytes: chosen columns, row group by row group.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Why a control total cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("no column `{0}` to sum or group by")]
    NoColumn(String),
    #[error("column `{column}` is {kind}, which cannot be summed exactly")]
    NoNumber { column: String, kind: String },
    #[error("a control total leaves 128 bits")]
    Overflow,
    #[error("cannot be decoded: {0}")]
    Decode(String),
}

/// Rows that are added up at once. More of them would not stay near the processor from one column to the next.
const ROWS: usize = 8192;

/// The rows of a Parquet file with only the named columns.
///
/// # Errors
/// When the bytes are no Parquet.
pub fn batches_of(
    bytes: Bytes,
    columns: &BTreeSet<&str>,
) -> Result<impl Iterator<Item = Result<RecordBatch, ControlError>>, ControlError> {
    let undecodable = |error: &dyn std::fmt::Display| ControlError::Decode(error.to_string());
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| undecodable(&error))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let reader = builder.with_projection(mask).with_batch_size(ROWS).build().map_err(|error| undecodable(&error))?;
    Ok(reader.map(move |batch| batch.map_err(|error| ControlError::Decode(error.to_string()))))
}

/// The rows of a Parquet file by its footer.
///
/// # Errors
/// When the bytes are no Parquet.
pub fn rows_of(bytes: Bytes) -> Result<u64, ControlError> {
    let undecodable = |error: &dyn std::fmt::Display| ControlError::Decode(error.to_string());
    let footer = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| undecodable(&error))?;
    u64::try_from(footer.metadata().file_metadata().num_rows()).map_err(|error| undecodable(&error))
}
