//! What checks, reports and people ask of finished tables.
//!
//! They keep to the memory as models do: sorts and aggregates go to disk, and joins that do not fit are done once more with
//! both sides sorted.

use datafusion::arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::warehouse::joins::{Joins, needs_memory};

/// What `add` makes of the rows of a query, batch by batch. What is held of them is all that grows with the answer.
///
/// # Errors
/// When the query cannot be planned or executed, or `add` refuses a row.
pub async fn answer<T: Default>(
    session: &SessionContext,
    query: &LogicalPlan,
    add: impl Fn(&mut T, RecordBatch) -> Result<(), DataFusionError>,
) -> Result<T, DataFusionError> {
    match attempt(session, query, Joins::InMemory, &add).await {
        Err(error) if needs_memory(&error) => {
            tracing::info!(why = %error, "asked once more with joins sorted");
            attempt(session, query, Joins::Sorted, &add).await
        }
        answered => answered,
    }
}

async fn attempt<T: Default>(
    session: &SessionContext,
    query: &LogicalPlan,
    joins: Joins,
    add: impl Fn(&mut T, RecordBatch) -> Result<(), DataFusionError>,
) -> Result<T, DataFusionError> {
    let state = joins.state(session);
    let operators = state.create_physical_plan(query).await?;
    let mut rows = execute_stream(operators, state.task_ctx())?;
    let mut answer = T::default();
    while let Some(batch) = rows.try_next().await? {
        add(&mut answer, batch)?;
    }
    Ok(answer)
}

/// All rows of a query.
///
/// # Errors
/// When the query cannot be planned or executed.
pub async fn rows(session: &SessionContext, query: &LogicalPlan) -> Result<Vec<RecordBatch>, DataFusionError> {
    answer(session, query, |rows: &mut Vec<_>, batch| {
        rows.push(batch);
        Ok(())
    })
    .await
}
