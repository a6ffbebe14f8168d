//! Running optimised plans, and the tables that come of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{DataFrame, SessionContext};
use futures::TryStreamExt;

/// The operators of an optimised plan, and its rows as they come.
///
/// # Errors
/// When the plan cannot be executed.
pub async fn physical(
    context: &SessionContext,
    plan: &LogicalPlan,
) -> Result<(Arc<dyn ExecutionPlan>, SendableRecordBatchStream), DataFusionError> {
    let state = context.state();
    let physical = state.query_planner().create_physical_plan(plan, &state).await?;
    let rows = execute_stream(Arc::clone(&physical), context.task_ctx())?;
    Ok((physical, rows))
}

/// The rows of an optimised plan as a table in memory.
///
/// # Errors
/// When the plan cannot be executed.
pub async fn collect(context: &SessionContext, plan: &LogicalPlan) -> Result<MemTable, DataFusionError> {
    let (_, rows) = physical(context, plan).await?;
    table(plan, rows.and_then(async |rows| own_text(rows)).try_collect().await?)
}

/// A table in memory of the rows of a plan.
///
/// # Errors
/// When they are not what the plan gives.
pub fn table(plan: &LogicalPlan, rows: Vec<RecordBatch>) -> Result<MemTable, DataFusionError> {
    // An empty result still has columns.
    let schema = rows.first().map_or_else(|| Arc::new(plan.schema().as_arrow().clone()), RecordBatch::schema);
    MemTable::try_new(schema, vec![rows])
}

/// Everything a table in memory holds.
pub async fn batches(table: &MemTable) -> Vec<RecordBatch> {
    let mut all = Vec::new();
    for partition in &table.batches {
        all.extend(partition.read().await.iter().cloned());
    }
    all
}

/// The same rows in as little memory as they need: a few rows that a filter left, or text that points
/// into a whole file, would otherwise keep many times their size.
///
/// # Errors
/// When the batches do not have the schema's types.
pub fn compact(schema: &SchemaRef, rows: &[RecordBatch]) -> Result<RecordBatch, DataFusionError> {
    own_text(concat_batches(schema, rows)?)
}

/// The same rows with a copy of their text. Text points into what it was read from, a page or a whole file, and an operator
/// that counts its memory counts all of that for every batch.
///
/// # Errors
/// Never for columns of one length.
pub fn own_text(rows: RecordBatch) -> Result<RecordBatch, DataFusionError> {
    if rows.num_columns() == 0 {
        return Ok(rows);
    }
    let columns = rows.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()) as ArrayRef,
        None => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(rows.schema(), columns.collect())?)
}

/// Bytes that the rows of a batch take, whatever larger buffers they are a part of.
pub fn bytes_of(rows: &RecordBatch) -> usize {
    let of_column = |column: &ArrayRef| match column.as_string_view_opt() {
        Some(texts) => {
            size_of_val(texts.views().as_ref()) + texts.data_buffers().iter().map(Buffer::len).sum::<usize>()
        }
        None => column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()),
    };
    rows.columns().iter().map(of_column).sum()
}

/// A query under a name, of which plans see only the name and the columns.
///
/// A view would become part of the plans that read it, and a plan could not be used for another intake then. It has no
/// session of its own: one would hold all its tables, this one among them, for ever.
#[derive(Debug)]
pub struct NamedQuery(LogicalPlan);

impl NamedQuery {
    #[must_use]
    pub fn new(query: DataFrame) -> Self {
        Self(query.into_unoptimized_plan())
    }
}

#[async_trait]
impl TableProvider for NamedQuery {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.0.schema().inner())
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mut query = LogicalPlanBuilder::from(self.0.clone());
        if let Some(wanted) = projection {
            let columns = self.0.schema().columns();
            query = query.project(wanted.iter().filter_map(|index| columns.get(*index).cloned().map(Expr::Column)))?;
        }
        state.create_physical_plan(&query.limit(0, limit)?.build()?).await
    }
}
