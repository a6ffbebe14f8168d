//! What tells the rows of a table apart from others, in whatever order they come.
//!
//! Every row is hashed, and the hashes are added up. To sort the rows first, so that one hash can be made of all, costs many
//! times as much.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, SortField};
use datafusion::common::DataFusionError;
use sha2::{Digest as _, Sha256};

use crate::warehouse::output::sha256_hex;

/// The digest of rows that come batch by batch.
pub struct RowDigest {
    converter: RowConverter,
    /// The names and types of the columns.
    columns: String,
    rows: u64,
    /// The hashes of all rows, as four numbers each, added up without what is carried.
    sums: [u64; 4],
}

impl RowDigest {
    /// # Errors
    /// When rows of such columns cannot be compared.
    pub fn new(schema: &Schema) -> Result<Self, DataFusionError> {
        let fields = schema.fields().iter();
        let columns: Vec<_> = fields.clone().map(|field| (field.name(), field.data_type())).collect();
        let columns = format!("{columns:?}");
        let converter = RowConverter::new(fields.map(|field| SortField::new(field.data_type().clone())).collect())?;
        Ok(Self { converter, columns, rows: 0, sums: [0; 4] })
    }

    /// More rows.
    ///
    /// # Errors
    /// When they have other columns.
    pub fn add(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        for row in &self.converter.convert_columns(rows.columns())? {
            let hash = Sha256::digest(row.as_ref());
            for (sum, bytes) in self.sums.iter_mut().zip(hash.as_chunks().0) {
                *sum = sum.wrapping_add(u64::from_be_bytes(*bytes));
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// SHA-256 of the columns, of how many rows there were and of what their hashes come to, in hex.
    #[must_use]
    pub fn finish(self) -> String {
        sha256_hex(format!("{} {} {:?}", self.columns, self.rows, self.sums).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringViewArray};

    use super::*;

    type Row = (Option<i64>, Option<&'static str>);

    fn digest_of(name: &str, batches: &[&[Row]]) -> String {
        let batch = |rows: &&[Row]| {
            let numbers: ArrayRef = Arc::new(rows.iter().map(|(number, _)| *number).collect::<Int64Array>());
            let texts: ArrayRef = Arc::new(rows.iter().map(|(_, text)| *text).collect::<StringViewArray>());
            RecordBatch::try_from_iter_with_nullable([(name, numbers, true), ("text", texts, true)]).expect("columns")
        };
        let batches: Vec<_> = batches.iter().map(batch).collect();
        let mut digest = RowDigest::new(&batches.first().expect("a batch").schema()).expect("columns");
        for rows in &batches {
            digest.add(rows).expect("the same columns");
        }
        digest.finish()
    }

    const ROWS: [Row; 4] = [(Some(1), Some("a")), (Some(1), Some("a")), (None, Some("")), (Some(2), None)];

    #[test]
    fn the_same_rows_have_one_digest_in_any_order_and_any_batches() {
        let [one, two, three, four] = ROWS;
        let all = digest_of("n", &[&ROWS]);
        assert_eq!(digest_of("n", &[&[four, two, three, one]]), all);
        assert_eq!(digest_of("n", &[&[three], &[], &[one, four], &[two]]), all);
    }

    #[test]
    fn other_rows_have_another_digest() {
        let [one, two, three, four] = ROWS;
        let all = digest_of("n", &[&ROWS]);
        let others: [&[Row]; 8] = [
            &[],
            &[one, three, four],
            &[one, two, two, three, four],
            &[one, two, three],
            &[one, two, (Some(0), Some("")), four],
            &[one, two, (None, None), four],
            &[one, (Some(2), Some("a")), three, (Some(1), None)],
            &[one, (Some(1), Some("b")), three, four],
        ];
        let mut seen = vec![all, digest_of("m", &[&ROWS])];
        for rows in others {
            let digest = digest_of("n", &[rows]);
            assert!(!seen.contains(&digest), "{rows:?}");
            seen.push(digest);
        }
    }
}
