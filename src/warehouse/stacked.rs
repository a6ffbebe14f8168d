//! Tables that lie on each other as one: rows on disk and rows in memory, rows of an intake and those that wait for it. Plans
//! see its name, push filters down to all of them, and know how many rows there are as far as each of them does.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;

/// At least one table, all with these columns.
#[derive(Debug)]
pub struct Stacked {
    schema: SchemaRef,
    tables: Vec<Arc<dyn TableProvider>>,
}

impl Stacked {
    /// The tables on each other. What may be null in one of them may be null in `schema`.
    #[must_use]
    pub fn new(schema: SchemaRef, tables: Vec<Arc<dyn TableProvider>>) -> Self {
        Self { schema, tables }
    }
}

#[async_trait]
impl TableProvider for Stacked {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mut scans = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            scans.push(table.scan(state, projection, filters, limit).await?);
        }
        UnionExec::try_new(scans)
    }

    /// Filters only skip parts, and only where a table can; the plan still applies them.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        let mut pushed = vec![TableProviderFilterPushDown::Unsupported; filters.len()];
        for table in &self.tables {
            for (pushed, known) in pushed.iter_mut().zip(table.supports_filters_pushdown(filters)?) {
                if known != TableProviderFilterPushDown::Unsupported {
                    *pushed = TableProviderFilterPushDown::Inexact;
                }
            }
        }
        Ok(pushed)
    }
}
