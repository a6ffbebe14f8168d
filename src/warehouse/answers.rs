//! What checks, reports and people ask of finished tables.
//!
//! They keep to the memory as models do: sorts and aggregates go to disk, and joins that do not fit are done once more with
//! both sides sorted. Their rows come in one order, so that nobody sees which of the two it was, nor how many threads there
//! were.

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::warehouse::execute::own_text;
use crate::warehouse::joins::{Joins, needs_memory};
use crate::warehouse::one_order::in_one_order;

/// What `add` makes of the rows of a query, batch by batch. What it holds of them is beside the memory of the engine. `name` is
/// that of the query in the log.
///
/// # Errors
/// When the query cannot be planned or executed, or `add` refuses a row.
pub async fn answer<T: Default>(
    session: &SessionContext,
    name: &str,
    query: &LogicalPlan,
    add: impl Fn(&mut T, RecordBatch) -> Result<(), DataFusionError>,
) -> Result<T, DataFusionError> {
    let query = &in_one_order(query.clone())?;
    match attempt(session, query, Joins::InMemory, &add).await {
        Err(error) if needs_memory(&error) => {
            tracing::info!(query = name, why = %error, "asked once more with joins sorted");
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
pub async fn rows(
    session: &SessionContext,
    name: &str,
    query: &LogicalPlan,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    answer(session, name, query, |rows: &mut Vec<_>, batch| {
        rows.push(own_text(batch)?);
        Ok(())
    })
    .await
}
