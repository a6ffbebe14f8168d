//! Rows that a person reads, in one order: the one that the query asks for, and then by all columns.
//!
//! Without it, whether a join was sorted and how many threads there were would show: in which findings of a check are told, and
//! in what the figures of a report hash to. It is decided on the query and not on its operators, which differ.
//!
//! The engine takes the order of `a join b` for that of `a`, and within equal rows of `a` that of `b`, also where `a` has several
//! equal rows: the order of `b` begins anew with each. It then leaves a sort out, or sorts `b` alone. So the last thing that is
//! sorted by is no column, and is the same for all rows: the engine does not know of what it comes, and sorts what it has.

use std::sync::Arc;

use arrow::row::{RowConverter, SortField};
use datafusion::common::{Column, DataFusionError};
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF, Sort, lit};

use crate::warehouse::single_values::OneValue;

/// The same query, whose rows come in one order.
///
/// # Errors
/// Never for a plan that is whole.
pub fn in_one_order(query: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    if asks_for_order(&query) {
        return by_all_columns_as_well(query);
    }
    let mut expr = all_columns(&query);
    expr.push(nothing());
    Ok(LogicalPlan::Sort(Sort { expr, input: Arc::new(query), fetch: None }))
}

/// Whether the rows come in an order that the query has asked for.
fn asks_for_order(query: &LogicalPlan) -> bool {
    match query {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Limit(_) => {
            query.inputs().first().is_some_and(|input| asks_for_order(input))
        }
        _ => false,
    }
}

/// The sort that the order comes from, by all of its columns after those that it names.
fn by_all_columns_as_well(query: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    match query {
        LogicalPlan::Sort(Sort { mut expr, input, fetch }) => {
            let ties = all_columns(&input);
            let named: Vec<Expr> = expr.iter().map(|named| named.expr.clone()).collect();
            expr.extend(ties.into_iter().filter(|tie| !named.contains(&tie.expr)));
            expr.push(nothing());
            Ok(LogicalPlan::Sort(Sort { expr, input, fetch }))
        }
        query => {
            let inputs =
                query.inputs().into_iter().cloned().map(by_all_columns_as_well).collect::<Result<Vec<_>, _>>()?;
            query.with_new_exprs(query.expressions(), inputs)
        }
    }
}

/// The same for all rows, which the engine does not know.
fn nothing() -> SortExpr {
    ScalarUDF::from(OneValue::new()).call(vec![lit(0_i64)]).sort(true, true)
}

/// All columns that can be sorted.
fn all_columns(rows: &LogicalPlan) -> Vec<SortExpr> {
    let sortable = rows
        .schema()
        .iter()
        .filter(|(_, field)| RowConverter::supports_fields(&[SortField::new(field.data_type().clone())]));
    sortable.map(|column| Expr::Column(Column::from(column)).sort(true, true)).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::MemTable;
    use datafusion::logical_expr::col;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::warehouse::total_order::tests::with_orders;

    /// How a query is executed.
    #[derive(Clone, Copy)]
    struct How {
        begin: usize,
        partitions: usize,
        hash_joins: bool,
    }

    const FIRST: How = How { begin: 0, partitions: 1, hash_joins: true };
    const OTHERS: [How; 4] = [
        How { begin: 0, partitions: 3, hash_joins: true },
        How { begin: 7, partitions: 1, hash_joins: true },
        How { begin: 16, partitions: 3, hash_joins: false },
        How { begin: 29, partitions: 2, hash_joins: false },
    ];

    async fn read(sql: &str, how: How, in_order: bool) -> String {
        let config = SessionConfig::new()
            .with_target_partitions(how.partitions)
            .set_bool("datafusion.optimizer.prefer_hash_join", how.hash_joins);
        let context = with_orders(how.begin, config, true);
        // The engine knows that it is in order, and leaves a sort by it out.
        let in_days = RecordBatch::try_from_iter([("day", Arc::new(Int64Array::from(vec![1, 2, 3, 9])) as ArrayRef)]);
        let in_days = in_days.expect("columns");
        let table = MemTable::try_new(in_days.schema(), vec![vec![in_days]]).expect("a table");
        let table = table.with_sort_order(vec![vec![col("day").sort(true, true)]]);
        context.register_table("days", Arc::new(table)).expect("a new name");
        let (state, plan) = context.sql(sql).await.expect("a query").into_parts();
        let plan = if in_order { in_one_order(plan).expect("a plan") } else { plan };
        let operators = state.create_physical_plan(&plan).await.expect("a plan");
        let rows = datafusion::physical_plan::collect(operators, state.task_ctx()).await.expect("rows");
        pretty_format_batches(&rows).expect("text").to_string()
    }

    #[tokio::test]
    async fn however_rows_are_computed_they_come_in_one_order() {
        let queries = [
            "select customer, day, amount from orders",
            "select customer, amount from orders order by day desc",
            "select amount as figure, customer from orders order by day",
            "select customer, sum(amount) as total from orders group by customer",
            "select day, customer, sum(amount) as total from orders group by day, customer order by day desc",
            "select customer from orders union all select 'nobody' as customer",
            "select customer, amount from orders order by customer, day limit 7",
            "select * from (select customer, amount from orders order by day) as listed",
            "select one.amount, other.customer from orders as one join orders as other on one.amount = other.amount",
            "select one.customer, other.day from orders as one join orders as other on one.customer = other.customer
                order by one.customer",
            "select one.customer, other.day from orders as one join orders as other on one.customer = other.customer
                order by one.customer, other.day limit 50",
        ];
        let mut differ = 0;
        for sql in queries {
            let first = read(sql, FIRST, true).await;
            for how in OTHERS {
                assert_eq!(read(sql, how, true).await, first, "{} {sql}", how.partitions);
                differ += usize::from(read(sql, how, false).await != first);
            }
        }
        assert!(differ > 20, "they would come in one order without this: {differ}");
    }

    /// If this fails, the engine no longer does that, and `nothing` can go.
    #[tokio::test]
    async fn the_engine_takes_a_join_for_sorted_that_is_not() {
        let sql =
            "select one.customer, other.day from orders as one join orders as other on one.customer = other.customer
            order by one.customer, other.day";
        let merged = How { begin: 0, partitions: 3, hash_joins: false };
        assert_ne!(read(sql, merged, false).await, read(sql, FIRST, false).await);
        assert_eq!(read(sql, merged, true).await, read(sql, FIRST, true).await);
    }

    #[tokio::test]
    async fn the_order_that_is_asked_for_comes_first() {
        for how in OTHERS {
            let newest = read("select day, customer from orders order by day desc limit 1", how, true).await;
            assert!(newest.contains("| 1   | customer 0 |"), "{newest}");
            let days = |text: String| -> Vec<String> {
                text.lines().filter(|line| !line.contains("day") && !line.contains("--")).map(str::to_owned).collect()
            };
            let down = days(read("select day from days order by day desc", how, true).await);
            assert_eq!(down, ["| 9   |", "| 3   |", "| 2   |", "| 1   |"]);
            let up = days(read("select day from days order by day", how, true).await);
            assert_eq!(up, ["| 1   |", "| 2   |", "| 3   |", "| 9   |"]);
        }
    }
}
