//! Running optimised plans, and the tables that come of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{DataFrame, SessionContext};
use futures::TryStreamExt;

use crate::warehouse::joins::Joins;
use crate::warehouse::{remote, single_values};

/// Rows of a batch, as operators have it.
pub const BATCH: usize = 8192;

/// The operators of an optimised plan, and its rows as they come.
///
/// # Errors
/// When the plan cannot be executed.
pub async fn physical(
    context: &SessionContext,
    plan: &LogicalPlan,
    joins: Joins,
) -> Result<(Arc<dyn ExecutionPlan>, SendableRecordBatchStream), DataFusionError> {
    let state = joins.state(context);
    let physical = single_values::operators(&state, plan).await?;
    let rows = match remote::of(&state) {
        Some(remote) => remote.rows(&physical, &state).await?,
        None => execute_stream(Arc::clone(&physical), state.task_ctx())?,
    };
    Ok((physical, rows))
}

/// The rows of an optimised plan as a table in memory.
///
/// # Errors
/// When the plan cannot be executed.
pub async fn collect(context: &SessionContext, plan: &LogicalPlan) -> Result<MemTable, DataFusionError> {
    let (_, rows) = physical(context, plan, Joins::InMemory).await?;
    table(&plan_schema(plan), rows.and_then(async |rows| own_text(rows)).try_collect().await?)
}

/// The columns that a plan gives.
pub fn plan_schema(plan: &LogicalPlan) -> SchemaRef {
    Arc::new(plan.schema().as_arrow().clone())
}

/// A table in memory of the rows of a plan with these columns.
///
/// # Errors
/// When they are not what the plan gives.
pub fn table(schema: &SchemaRef, rows: Vec<RecordBatch>) -> Result<MemTable, DataFusionError> {
    // An empty result still has columns.
    let schema = rows.first().map_or_else(|| Arc::clone(schema), RecordBatch::schema);
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

/// The rows of a batch in batches of the size that operators work with. An operator that counts its memory counts for a piece
/// of a large batch all of that batch.
///
/// # Errors
/// Never for a batch that is whole.
pub fn in_batches(rows: &RecordBatch) -> Result<Vec<RecordBatch>, DataFusionError> {
    in_batches_of(BATCH, rows)
}

/// The same with batches of another size.
///
/// # Errors
/// Never for a batch that is whole.
pub fn in_batches_of(size: usize, rows: &RecordBatch) -> Result<Vec<RecordBatch>, DataFusionError> {
    let total = rows.num_rows();
    if total <= size {
        return Ok(vec![rows.clone()]);
    }
    let batches = (0..total).step_by(size).map(|from| {
        let piece = rows.slice(from, size.min(total - from));
        // Taken, not sliced: of numbers and views, too, only these are to be held.
        let all: UInt32Array = (0_u32..).take(piece.num_rows()).collect();
        own_text(take_record_batch(&piece, &all)?)
    });
    batches.collect()
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
        let query = query.limit(0, limit)?.build()?;
        match state.as_any().downcast_ref::<SessionState>() {
            Some(state) => single_values::operators(state, &state.optimize(&query)?).await,
            None => state.create_physical_plan(&query).await,
        }
    }
}
