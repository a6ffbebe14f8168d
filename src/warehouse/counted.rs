//! The system table `source_files`: what came in, by the files' own counts.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Builder, RecordBatch, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use serde::{Deserialize, Serialize};

use crate::warehouse::inputs::Intake;
use crate::warehouse::schema::source_files_schema;

/// A file that was read, with its rows by its own footer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedFile {
    pub source: String,
    /// Not stored: whoever stores it knows of which intake it is.
    #[serde(skip)]
    pub intake: Intake,
    pub file: String,
    pub rows: u64,
    pub bytes: u64,
}

/// All files as a table.
///
/// # Errors
/// Never for columns of one length.
pub fn source_files(counted: &[CountedFile]) -> Result<MemTable, DataFusionError> {
    let (mut sources, mut intakes, mut files) =
        (StringViewBuilder::new(), StringViewBuilder::new(), StringViewBuilder::new());
    let number = || Decimal128Builder::new().with_data_type(DataType::Decimal128(20, 0));
    let (mut rows, mut bytes) = (number(), number());
    for file in counted {
        sources.append_value(&file.source);
        intakes.append_option(file.intake.map(|period| period.to_string()));
        files.append_value(&file.file);
        rows.append_value(i128::from(file.rows));
        bytes.append_value(i128::from(file.bytes));
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(sources.finish()),
        Arc::new(intakes.finish()),
        Arc::new(files.finish()),
        Arc::new(rows.finish()),
        Arc::new(bytes.finish()),
    ];
    let schema = source_files_schema();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    MemTable::try_new(schema, vec![vec![batch]])
}
