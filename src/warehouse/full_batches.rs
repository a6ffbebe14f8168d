//! Rows in full batches, whatever batches an engine with little memory makes of them: what is written of rows in the same
//! batches has the same bytes.
//!
//! Nor is it to matter whether a column without nulls says so by flags that are all set: a Parquet file with such a column has
//! its pages cut elsewhere, and whether there are flags depends on where the rows have been.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, make_array};
use arrow::compute::BatchCoalescer;
use datafusion::common::DataFusionError;

use crate::warehouse::execute::BATCH;
use crate::warehouse::measured::Measured;

/// The same rows, all batches but the last of the size that operators work with.
pub struct FullBatches {
    rows: Measured,
    batches: BatchCoalescer,
}

impl FullBatches {
    #[must_use]
    pub fn of(rows: Measured) -> Self {
        let batches = BatchCoalescer::new(rows.schema(), BATCH);
        Self { rows, batches }
    }

    /// The next rows.
    ///
    /// # Errors
    /// When they cannot be computed.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        self.next_full().await?.map(without_idle_flags).transpose()
    }

    async fn next_full(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        loop {
            if let Some(batch) = self.batches.next_completed_batch() {
                return Ok(Some(batch));
            }
            match self.rows.next().await? {
                // Mostly they are full as they come.
                Some(batch) if batch.num_rows() == BATCH && self.batches.is_empty() => return Ok(Some(batch)),
                Some(batch) => self.batches.push_batch(batch)?,
                None => {
                    self.batches.finish_buffered_batch()?;
                    return Ok(self.batches.next_completed_batch());
                }
            }
        }
    }
}

/// The same rows; columns without nulls have no flags for them.
fn without_idle_flags(rows: RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let idle = |column: &ArrayRef| column.nulls().is_some() && column.null_count() == 0;
    if !rows.columns().iter().any(idle) {
        return Ok(rows);
    }
    let columns = rows.columns().iter().map(|column| {
        if !idle(column) {
            return Ok(Arc::clone(column));
        }
        Ok(make_array(column.to_data().into_builder().nulls(None).build()?))
    });
    let columns = columns.collect::<Result<_, DataFusionError>>()?;
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray as _, BooleanArray, Int64Array, StringViewArray};
    use arrow::buffer::{BooleanBuffer, NullBuffer};
    use datafusion::datasource::MemTable;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::warehouse::joins::Joins;
    use crate::warehouse::measured::Costs;

    /// Rows in batches of a size, with flags that say of every value that it is none of the nulls, or without.
    fn rows(sizes: &[i64], flags: bool) -> Vec<RecordBatch> {
        let mut from = 0;
        let batch = |size: &i64| {
            let numbers: Int64Array = (from..from + size).collect();
            from += size;
            let texts: StringViewArray = numbers.iter().flatten().map(|number| Some(format!("row {number}"))).collect();
            let valid = flags.then(|| NullBuffer::new(BooleanBuffer::new_set(numbers.len())));
            let (views, buffers, _) = texts.into_parts();
            let texts = StringViewArray::new(views, buffers, valid.clone());
            let values = numbers.values().clone();
            let odd: BooleanArray = values.iter().map(|number| (number % 2 == 0).then_some(true)).collect();
            let columns: [(&str, ArrayRef); 3] = [
                ("number", Arc::new(Int64Array::new(values, valid))),
                ("text", Arc::new(texts)),
                ("odd", Arc::new(odd)),
            ];
            RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        };
        sizes.iter().map(batch).collect::<Result<_, _>>().expect("columns")
    }

    async fn full(rows: Vec<RecordBatch>) -> Vec<RecordBatch> {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let schema = rows.first().expect("a batch").schema();
        let table = MemTable::try_new(schema, vec![rows]).expect("a table");
        context.register_table("t", Arc::new(table)).expect("a new name");
        let plan = context.sql("select * from t").await.expect("a query").into_optimized_plan().expect("a plan");
        let measured = Costs::of("t").stream(&context, "t", &plan, Joins::InMemory).await.expect("rows");
        let (mut batches, mut all) = (FullBatches::of(measured), Vec::new());
        while let Some(batch) = batches.next().await.expect("rows") {
            all.push(batch);
        }
        all
    }

    #[tokio::test]
    async fn the_same_rows_are_the_same_batches_however_they_came_and_whatever_flags_they_had() {
        let size = i64::try_from(BATCH).expect("a few");
        let expected = full(rows(&[size, size, 100], false)).await;
        for (sizes, flags) in [(vec![size, size, 100], true), (vec![1000; 16], true), (vec![2 * size + 100], false)] {
            let total: i64 = sizes.iter().sum();
            let sizes = if total < 2 * size + 100 { [sizes, vec![2 * size + 100 - total]].concat() } else { sizes };
            let full = full(rows(&sizes, flags)).await;
            assert_eq!(full, expected, "{sizes:?}");
            for batch in &full {
                assert_eq!(batch.column(0).nulls(), None, "{sizes:?}");
                assert_eq!(batch.column(1).nulls(), None, "{sizes:?}");
                assert_eq!(batch.column(2).as_boolean().null_count(), batch.num_rows() / 2, "{sizes:?}");
            }
        }
    }
}
