//! A table over exactly the Parquet files it was given. Nothing is listed, nothing is inferred.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;

/// One Parquet file of a table and the values of its partition columns.
#[derive(Clone, Debug)]
pub struct TableFile {
    pub meta: ObjectMeta,
    pub partitions: Vec<String>,
}

/// Parquet files of one store, read with a declared schema.
#[derive(Debug)]
pub struct FileTable {
    /// The name under which the session knows the store.
    store: ObjectStoreUrl,
    files: Vec<TableFile>,
    columns: TableSchema,
    /// As far as it is known. Only plans are chosen by it.
    rows: Option<usize>,
}

impl FileTable {
    /// A table over files whose physical columns have been compared with `file_schema` before.
    #[must_use]
    pub fn new(
        store: ObjectStoreUrl,
        files: Vec<TableFile>,
        file_schema: SchemaRef,
        partitions: Vec<FieldRef>,
    ) -> Self {
        let columns = TableSchema::builder(file_schema).with_table_partition_cols(partitions).build();
        Self { store, files, columns, rows: None }
    }

    /// With the rows that all files have together, as somebody says who has counted them.
    #[must_use]
    pub fn with_rows(self, rows: u64) -> Self {
        Self { rows: usize::try_from(rows).ok(), ..self }
    }

    /// What is known of the rows. Never exact: the engine would answer from it what is to be counted.
    fn statistics(&self) -> Statistics {
        let unknown = Statistics::new_unknown(self.columns.table_schema());
        match self.rows {
            Some(rows) => Statistics { num_rows: Precision::Inexact(rows), ..unknown },
            None => unknown,
        }
    }

    fn groups(&self, partitions: usize) -> Vec<FileGroup> {
        let files = self.files.iter().map(|file| {
            let mut part = PartitionedFile::from(file.meta.clone());
            part.partition_values =
                file.partitions.iter().map(|value| ScalarValue::Utf8View(Some(value.clone()))).collect();
            part
        });
        FileGroup::new(files.collect()).split_files(partitions)
    }
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if self.files.is_empty() {
            let schema = self.schema();
            let projected = match projection {
                Some(columns) => Arc::new(schema.project(columns)?),
                None => schema,
            };
            return Ok(Arc::new(EmptyExec::new(projected)));
        }
        let source = Arc::new(
            ParquetSource::new(self.columns.clone())
                .with_table_parquet_options(state.default_table_options().parquet.clone()),
        );
        let config = FileScanConfigBuilder::new(self.store.clone(), source)
            .with_file_groups(self.groups(state.config().target_partitions()))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_statistics(self.statistics())
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Filters only prune row groups; the plan still applies them.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

/// The columns without nullability, for comparing shapes.
#[must_use]
pub fn nullable(schema: &Schema) -> SchemaRef {
    let fields: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Arc::new(Schema::new(fields))
}
