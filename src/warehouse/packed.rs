//! What one intake has come to for others, as bytes: rows, and what its files are.
//!
//! A line that says what follows, the header as JSON, then each table as Parquet, which keeps the exact columns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde::{Deserialize, Serialize};

use crate::warehouse::counted::CountedFile;

/// What the bytes begin with. Raised with the format.
const BEGINNING: &[u8] = b"tieout part 2\n";

/// The rows of one intake that others read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Rows for later scopes as [`TableBytes`], by table.
    pub collected: BTreeMap<String, Bytes>,
    /// Rows that wait for an older intake as [`TableBytes`], by carried model.
    pub carried: BTreeMap<String, Bytes>,
    /// The files that it was computed from.
    pub counted: Vec<CountedFile>,
    /// Columns of these files that their contract does not mention, by source.
    pub extra_columns: BTreeMap<String, BTreeSet<String>>,
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
    counted: Vec<CountedFile>,
    extra_columns: BTreeMap<String, BTreeSet<String>>,
}

impl Part {
    /// The bytes to store.
    ///
    /// # Errors
    /// When a table has a type that Parquet does not know.
    pub fn pack(&self) -> Result<Vec<u8>, PackError> {
        let sizes =
            |tables: &BTreeMap<String, Bytes>| tables.iter().map(|(name, bytes)| (name.clone(), bytes.len())).collect();
        let (counted, extra_columns) = (self.counted.clone(), self.extra_columns.clone());
        let header =
            Header { collected: sizes(&self.collected), carried: sizes(&self.carried), counted, extra_columns };
        let header = serde_json::to_vec(&header)?;
        let mut bytes = BEGINNING.to_vec();
        bytes.extend(u64::try_from(header.len()).unwrap_or(u64::MAX).to_le_bytes());
        bytes.extend(header);
        self.collected.values().chain(self.carried.values()).for_each(|table| bytes.extend_from_slice(table));
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
        let mut tables = |sizes: &BTreeMap<String, usize>| {
            let tables = sizes.iter().map(|(name, size)| Ok((name.clone(), take(&mut rest, *size)?)));
            tables.collect::<Result<BTreeMap<_, _>, PackError>>()
        };
        let (collected, carried) = (tables(&header.collected)?, tables(&header.carried)?);
        let Header { counted, extra_columns, .. } = header;
        Ok(Self { collected, carried, counted, extra_columns })
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
    let mut bytes = TableBytes::new(&rows.schema())?;
    bytes.write(rows)?;
    Ok(bytes.finish()?)
}

/// Rows as Parquet, as they come. The same batches give the same bytes.
pub struct TableBytes(ArrowWriter<Vec<u8>>);

impl TableBytes {
    /// # Errors
    /// When there is a type that Parquet does not know.
    pub fn new(schema: &SchemaRef) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        Ok(Self(ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties))?))
    }

    /// # Errors
    /// When the rows have other columns.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        self.0.write(rows)
    }

    /// # Errors
    /// Never for rows that have been taken.
    pub fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.0.into_inner()
    }
}

/// The rows of [`TableBytes`].
///
/// # Errors
/// When they are not such bytes.
pub fn table_of(bytes: Bytes) -> Result<RecordBatch, PackError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let schema = Arc::clone(reader.schema());
    let batches = reader.build()?.collect::<Result<Vec<_>, _>>()?;
    // The columns with their own nullability, and without what the file says of itself.
    Ok(concat_batches(&schema, &batches)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Date32Array, Decimal128Array, StringViewArray};

    use super::*;

    fn rows() -> RecordBatch {
        let amounts =
            Decimal128Array::from(vec![Some(1), None, Some(-99)]).with_precision_and_scale(38, 12).expect("digits");
        let columns: [(&str, ArrayRef); 3] = [
            ("text", Arc::new(StringViewArray::from(vec![Some("ä long text that is no inline text"), None, Some("")]))),
            ("amount", Arc::new(amounts)),
            ("day", Arc::new(Date32Array::from(vec![0, 1, -1]))),
        ];
        RecordBatch::try_from_iter(columns).expect("columns")
    }

    fn part() -> Part {
        let rows = rows();
        let bytes = |rows: &RecordBatch| Bytes::from(table_bytes(rows).expect("bytes"));
        let (collected, carried) = (("rows".to_owned(), bytes(&rows)), ("none".to_owned(), bytes(&rows.slice(0, 0))));
        let file = "in/part.parquet".to_owned();
        let counted = vec![CountedFile { source: "rows".to_owned(), intake: None, file, rows: 3, bytes: 99 }];
        let extra_columns = [("rows".to_owned(), ["note".to_owned()].into())].into();
        Part { collected: [collected].into(), carried: [carried].into(), counted, extra_columns }
    }

    #[test]
    fn a_part_is_read_as_it_was_packed() {
        let packed = Bytes::from(part().pack().expect("bytes"));
        let unpacked = Part::unpack(&packed).expect("a part");
        assert_eq!(unpacked, part());
        let table = |name: &str| unpacked.collected.get(name).or(unpacked.carried.get(name)).cloned().expect("a table");
        assert_eq!(table_of(table("rows")).expect("rows"), rows());
        assert_eq!(table_of(table("none")).expect("rows"), rows().slice(0, 0));
    }

    #[test]
    fn bytes_that_are_cut_or_no_part_are_refused() {
        let packed = Bytes::from(part().pack().expect("bytes"));
        for length in 0..packed.len() {
            assert!(Part::unpack(&packed.slice(..length)).is_err(), "{length} bytes");
        }
        assert!(Part::unpack(&Bytes::from_static(b"tieout part 3\nwhat a later program may write")).is_err());
    }
}
