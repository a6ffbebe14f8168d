//! Subqueries that stand for one value: null without a row, an error with several.
//!
//! The engine takes such a value for never null when its column is not. `coalesce((select …), 0)` would be null then where the
//! subquery has no row, so the column is made one that may be null.
//!
//! Within a process, operators share the value once it is known. Between processes nothing is shared, and the engine's other
//! way, a join, would take each of several rows. So where a plan is executed elsewhere, every value is computed first, by a
//! plan of its own, and its place taken by what it came to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Subquery, Volatility,
};
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::warehouse::remote::{self, Remote};

/// The plan with the columns of its single values declared as what they are: null where there is no row.
///
/// # Errors
/// Never for a plan that is whole.
pub fn may_be_null(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    // Mostly there is none, and to work out all columns again costs a part of the planning.
    if !is_any_to_declare(&plan)? {
        return Ok(plan);
    }
    let plan = plan.transform_up_with_subqueries(|node| {
        let node = node.map_expressions(|expr| {
            expr.transform_up(|expr| match expr {
                Expr::ScalarSubquery(subquery) if may_lack_its_row(&subquery) => {
                    Ok(Transformed::yes(Expr::ScalarSubquery(declared(&subquery)?)))
                }
                expr => Ok(Transformed::no(expr)),
            })
        })?;
        // What is computed of such a value may be null, too, and so on upwards.
        node.map_data(LogicalPlan::recompute_schema)
    })?;
    Ok(plan.data)
}

fn is_any_to_declare(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |=
                expr.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(subquery) if may_lack_its_row(subquery))))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

/// Whether a subquery can give no row, and its column does not say so. What depends on the row around it has to be an
/// aggregate, and the engine knows what those come to.
fn may_lack_its_row(subquery: &Subquery) -> bool {
    let plan = subquery.subquery.as_ref();
    let is_declared = plan.schema().fields().iter().all(|field| field.is_nullable());
    subquery.outer_ref_columns.is_empty() && !is_declared && !has_a_row(plan)
}

/// Whether a plan gives a row whatever the tables hold.
fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => has_a_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_a_row(&alias.input),
        _ => false,
    }
}

fn declared(subquery: &Subquery) -> Result<Subquery, DataFusionError> {
    let function = ScalarUDF::from(OneValue::new());
    let columns = subquery.subquery.schema().iter().map(|(qualifier, field)| {
        let column = Expr::Column(Column::from((qualifier, field)));
        function.call(vec![column]).alias_qualified(qualifier.cloned(), field.name())
    });
    let plan =
        LogicalPlanBuilder::from(Arc::clone(&subquery.subquery)).project(columns.collect::<Vec<_>>())?.build()?;
    Ok(subquery.with_plan(Arc::new(plan)))
}

/// The value that it is given, as one that may be null. No function of SQL: only plans have it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct OneValue {
    signature: Signature,
}

impl OneValue {
    pub(super) fn new() -> Self {
        // Volatile, so that no rule of the engine puts its argument in its place.
        Self { signature: Signature::any(1, Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for OneValue {
    fn name(&self) -> &'static str {
        "one_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType, DataFusionError> {
        given.first().cloned().ok_or_else(|| exec_datafusion_err!("an argument is missing"))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        args.args.into_iter().next().ok_or_else(|| exec_datafusion_err!("an argument is missing"))
    }
}

/// The operators of an optimised plan. Where it is executed elsewhere, its single values are computed now.
///
/// # Errors
/// When a plan cannot be executed, or a subquery that stands for one value gives several.
pub async fn operators(state: &SessionState, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    match remote::of(state) {
        None => state.query_planner().create_physical_plan(plan, state).await,
        Some(remote) => {
            let plan = with_values(state, &remote, plan.clone()).await?;
            state.query_planner().create_physical_plan(&plan, state).await
        }
    }
}

/// The plan with its single values in place of the subqueries that compute them.
fn with_values<'a>(
    state: &'a SessionState,
    remote: &'a Arc<dyn Remote>,
    plan: LogicalPlan,
) -> BoxFuture<'a, Result<LogicalPlan, DataFusionError>> {
    Box::pin(async move {
        let mut values = HashMap::new();
        for subquery in subqueries(&plan)? {
            if let Entry::Vacant(unknown) = values.entry(subquery) {
                let value = value(state, remote, unknown.key()).await?;
                unknown.insert(value);
            }
        }
        if values.is_empty() { Ok(plan) } else { replaced(plan, &values) }
    })
}

/// The subqueries of a plan that the plan around them does not decide; not those within them.
fn subqueries(plan: &LogicalPlan) -> Result<Vec<Subquery>, DataFusionError> {
    let mut found = Vec::new();
    plan.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found.extend(independent(expr).cloned());
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn independent(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery) if subquery.outer_ref_columns.is_empty() => Some(subquery),
        _ => None,
    }
}

/// What a subquery comes to: the value of its one row, null without a row.
async fn value(
    state: &SessionState,
    remote: &Arc<dyn Remote>,
    subquery: &Subquery,
) -> Result<ScalarValue, DataFusionError> {
    let plan = with_values(state, remote, subquery.subquery.as_ref().clone()).await?;
    let plan = state.query_planner().create_physical_plan(&plan, state).await?;
    let mut value = ScalarValue::try_from(kind(subquery))?;
    let (mut rows, mut seen) = (remote.rows(&plan, state).await?, 0);
    while let Some(batch) = rows.try_next().await? {
        seen += batch.num_rows();
        if seen > 1 {
            // The words of the engine, for whoever compares.
            return exec_err!("Scalar subquery returned more than one row");
        }
        if batch.num_rows() == 1 {
            value = ScalarValue::try_from_array(batch.column(0), 0)?;
        }
    }
    Ok(value)
}

fn kind(subquery: &Subquery) -> &DataType {
    subquery.subquery.schema().field(0).data_type()
}

fn replaced(plan: LogicalPlan, values: &HashMap<Subquery, ScalarValue>) -> Result<LogicalPlan, DataFusionError> {
    let plan = plan.transform_up(|node| {
        // A column is named after its expression, and whoever reads it asks for that name.
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let with_value =
                expr.transform_up(|expr| match independent(&expr).and_then(|known| values.get(known)) {
                    Some(value) => Ok(Transformed::yes(Expr::Literal(value.clone(), None))),
                    None => Ok(Transformed::no(expr)),
                })?;
            Ok(with_value.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(plan.data)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::execution::runtime_env::RuntimeEnv;
    use datafusion::prelude::SessionContext;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::calendar::{Calendar, PeriodUnit};
    use crate::warehouse::session::{analysed, session};

    fn context() -> SessionContext {
        let calendar =
            Calendar { unit: PeriodUnit::Month, zone: TimeZone::UTC, zone_name: "UTC".to_owned(), first_period: None };
        let context = session(Arc::new(RuntimeEnv::default()), &calendar, 1);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        // A column that is never null.
        let numbers = RecordBatch::try_from_iter_with_nullable([("n", numbers, false)]).expect("a column");
        context.register_batch("numbers", numbers).expect("a new name");
        context
    }

    /// What a query with one column and at most one row comes to.
    async fn answer(sql: &str) -> Result<Option<i64>, DataFusionError> {
        let context = context();
        let plan = context.state().create_logical_plan(sql).await?;
        let plan = may_be_null(analysed(&context.state(), plan)?)?;
        let rows = context.execute_logical_plan(plan).await?.collect().await?;
        let value =
            rows.iter().find(|rows| rows.num_rows() > 0).map(|rows| ScalarValue::try_from_array(rows.column(0), 0));
        match value.transpose()? {
            None | Some(ScalarValue::Int64(None)) => Ok(None),
            Some(ScalarValue::Int64(value)) => Ok(value),
            Some(other) => exec_err!("{other} is another type"),
        }
    }

    #[tokio::test]
    async fn a_subquery_without_a_row_is_null_for_whatever_is_made_of_it() {
        let none = "(select n from numbers where n > 9)";
        for (sql, expected) in [
            (format!("select coalesce({none}, 0)"), Some(0)),
            (format!("select n from numbers where coalesce({none}, n) = 2"), Some(2)),
            (format!("select case when {none} is null then 7 else 8 end"), Some(7)),
            (format!("select count(*) from numbers where {none} is null"), Some(2)),
            (format!("select coalesce(m, 5) from (select {none} as m) as inner_query"), Some(5)),
            (
                format!("with w as (select {none} + n as m from numbers) select count(*) from w where m is null"),
                Some(2),
            ),
            (format!("select coalesce(max(m), 3) from (select {none} as m from numbers) as q"), Some(3)),
            (format!("select (select coalesce({none}, 4) from numbers where n = 1)"), Some(4)),
            ("select coalesce((select 1 where false), 6)".to_owned(), Some(6)),
            ("select coalesce((select count(*) from numbers where n > 9), 6)".to_owned(), Some(0)),
            ("select coalesce((select count(*) from numbers having count(*) > 9), 6)".to_owned(), Some(6)),
            ("select coalesce((select n from numbers where n > 1), 6)".to_owned(), Some(2)),
            ("select n from numbers where n = (select n from numbers where n > 1)".to_owned(), Some(2)),
        ] {
            assert_eq!(answer(&sql).await.expect(&sql), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_subquery_with_two_rows_is_an_error() {
        let error = answer("select coalesce((select n from numbers), 0)").await.expect_err("two rows");
        assert!(error.to_string().contains("more than one row"), "{error}");
    }

    #[tokio::test]
    async fn a_subquery_that_depends_on_its_row_keeps_its_meaning() {
        // For the first number there is no row, for the second one.
        let sql = "select sum(coalesce(v, 10)) from (select (select max(m.n) from numbers m where m.n = o.n and m.n > 1) as v from numbers o) q";
        assert_eq!(answer(sql).await.expect("rows"), Some(12));
        let sql = "select sum(v) from (select (select count(*) from numbers m where m.n = o.n and m.n > 1) as v from numbers o) q";
        assert_eq!(answer(sql).await.expect("rows"), Some(1));
    }
}
