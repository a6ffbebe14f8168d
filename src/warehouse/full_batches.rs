//! Rows in full batches, whatever batches an engine with little memory makes of them: what is written of rows in the same
//! batches has the same bytes.

use arrow::array::RecordBatch;
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
