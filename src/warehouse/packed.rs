//! The rows of one intake that others read, as bytes.
//!
//! A line that says what follows, the header as JSON, then each table as Parquet, which keeps the exact columns.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde::{Deserialize, Serialize};

/// What the bytes begin with. Raised with the format.
const BEGINNING: &[u8] = b"tieout part 1\n";

/// The rows of one intake that others read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Rows for later scopes, by table.
    pub collected: BTreeMap<String, RecordBatch>,
    /// Rows that wait for an older intake, by carried model.
    pub carried: BTreeMap<String, RecordBatch>,
}

/// Why bytes are no part.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("it does not begin as a part does")]
    Beginning,
    #[error("its header cannot be read")]
    Header(#[from] serde_json::Error),
    #[error("a table of it cannot be read")]
    Table(#[from] ParquetError),
    #[error("a table of it cannot be read")]
    Rows(#[from] arrow::error::ArrowError),
    #[error("it ends too early")]
    End,
}

#[derive(Serialize, Deserialize)]
struct Header {
    /// Bytes of each table.
    collected: BTreeMap<String, usize>,
    carried: BTreeMap<String, usize>,
}

impl Part {
    /// The bytes to store.
    ///
    /// # Errors
    /// When a table has a type that Parquet does not know.
    pub fn pack(&self) -> Result<Vec<u8>, PackError> {
        let tables = |tables: &BTreeMap<String, RecordBatch>| {
            tables
                .iter()
                .map(|(name, rows)| Ok((name.clone(), table_bytes(rows)?)))
                .collect::<Result<BTreeMap<_, _>, PackError>>()
        };
        let (collected, carried) = (tables(&self.collected)?, tables(&self.carried)?);
        let sizes = |tables: &BTreeMap<String, Vec<u8>>| {
            tables.iter().map(|(name, bytes)| (name.clone(), bytes.len())).collect()
        };
        let header = Header { collected: sizes(&collected), carried: sizes(&carried) };
        let header = serde_json::to_vec(&header)?;
        let mut bytes = BEGINNING.to_vec();
        bytes.extend(u64::try_from(header.len()).unwrap_or(u64::MAX).to_le_bytes());
        bytes.extend(header);
        collected.into_values().chain(carried.into_values()).for_each(|table| bytes.extend(table));
        Ok(bytes)
    }

    /// The part of stored bytes.
    ///
    /// # Errors
    /// When they are not what [`Part::pack`] gives.
    pub fn unpack(bytes: &Bytes) -> Result<Self, PackError> {
        let mut rest = bytes.clone();
        if take(&mut rest, BEGINNING.len())? != BEGINNING {
            return Err(PackError::Beginning);
        }
        let length = take(&mut rest, size_of::<u64>())?;
        let length = u64::from_le_bytes(length.as_ref().try_into().map_err(|_| PackError::End)?);
        let header = take(&mut rest, usize::try_from(length).map_err(|_| PackError::End)?)?;
        let header: Header = serde_json::from_slice(&header)?;
        let mut tables = |sizes: BTreeMap<String, usize>| {
            sizes.into_iter().map(|(name, size)| Ok((name, rows_of(take(&mut rest, size)?)?))).collect()
        };
        let collected: Result<_, PackError> = tables(header.collected);
        let carried: Result<_, PackError> = tables(header.carried);
        Ok(Self { collected: collected?, carried: carried? })
    }
}

fn take(rest: &mut Bytes, count: usize) -> Result<Bytes, PackError> {
    if count > rest.len() { Err(PackError::End) } else { Ok(rest.split_to(count)) }
}

/// Rows as Parquet. The same rows give the same bytes.
///
/// # Errors
/// When they have a type that Parquet does not know.
pub fn table_bytes(rows: &RecordBatch) -> Result<Vec<u8>, PackError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.close()?;
    bytes.flush().map_err(ParquetError::from)?;
    Ok(bytes.into_inner())
}

fn rows_of(bytes: Bytes) -> Result<RecordBatch, PackError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let schema = std::sync::Arc::clone(reader.schema());
    let batches = reader.build()?.collect::<Result<Vec<_>, _>>()?;
    // The columns with their own nullability, and without what the file says of itself.
    Ok(concat_batches(&schema, &batches)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Decimal128Array, StringViewArray};

    use super::*;

    fn part() -> Part {
        let amounts =
            Decimal128Array::from(vec![Some(1), None, Some(-99)]).with_precision_and_scale(38, 12).expect("digits");
        let columns: [(&str, ArrayRef); 3] = [
            ("text", Arc::new(StringViewArray::from(vec![Some("ä long text that is no inline text"), None, Some("")]))),
            ("amount", Arc::new(amounts)),
            ("day", Arc::new(Date32Array::from(vec![0, 1, -1]))),
        ];
        let rows = RecordBatch::try_from_iter(columns).expect("columns");
        let (collected, carried) = (("rows".to_owned(), rows.clone()), ("none".to_owned(), rows.slice(0, 0)));
        Part { collected: [collected].into(), carried: [carried].into() }
    }

    #[test]
    fn a_part_is_read_as_it_was_packed() {
        let packed = Bytes::from(part().pack().expect("bytes"));
        assert_eq!(Part::unpack(&packed).expect("a part"), part());
    }

    #[test]
    fn bytes_that_are_cut_or_no_part_are_refused() {
        let packed = Bytes::from(part().pack().expect("bytes"));
        for length in 0..packed.len() {
            assert!(Part::unpack(&packed.slice(..length)).is_err(), "{length} bytes");
        }
        assert!(Part::unpack(&Bytes::from_static(b"tieout part 2\nwhat a later program may write")).is_err());
    }
}
