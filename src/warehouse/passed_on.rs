//! Rows of an intake or a period for others: where they are kept until those come, and as the bytes that a later run may take
//! over.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::common::DataFusionError;

use crate::warehouse::full_batches::FullBatches;
use crate::warehouse::kept::{Keeping, Kept};
use crate::warehouse::measured::Measured;
use crate::warehouse::packed::TableBytes;

/// Rows for others.
pub struct PassedOn {
    pub kept: Kept,
    /// None when nobody is going to take them over.
    pub bytes: Option<Bytes>,
}

impl PassedOn {
    /// Takes the rows as they come. The same rows give the same bytes, however much memory there was to compute them.
    ///
    /// # Errors
    /// When the rows cannot be computed, or the scratch folder not be written.
    pub async fn of(
        rows: Measured,
        schema: &SchemaRef,
        mut keeping: Keeping<'_>,
        stored: bool,
    ) -> Result<Self, DataFusionError> {
        let mut bytes = stored.then(|| TableBytes::new(schema)).transpose()?;
        let mut rows = FullBatches::of(rows);
        while let Some(batch) = rows.next().await? {
            let batch = batch.with_schema(Arc::clone(schema))?;
            bytes.as_mut().map_or(Ok(()), |bytes| bytes.write(&batch))?;
            keeping.write(batch)?;
        }
        let bytes = bytes.map(TableBytes::finish).transpose()?.map(Bytes::from);
        Ok(Self { kept: keeping.finish()?, bytes })
    }
}
