//! Rows that an order does not tell apart, in one order all the same.
//!
//! `row_number() over (order by day)` numbers two rows of a day as they come, and how they come depends on which joins memory
//! allowed and which thread was quicker. So wherever a query looks at the order of rows, they are sorted by their other columns
//! as well, after those that it names: rows that are then still equal are equal in everything that anybody could see. What
//! counts as a peer in a window is decided by the named columns alone, as before.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::row::{RowConverter, SortField};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, internal_datafusion_err};
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

/// Of columns that only break ties.
const TIES: SortOptions = SortOptions { descending: false, nulls_first: true };

/// Sorts what a window, an ordered aggregate or a limit looks at by all of its columns.
#[derive(Debug)]
pub struct TotalOrder;

impl PhysicalOptimizerRule for TotalOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| {
            Ok(match told_apart(&plan)? {
                Some(plan) => Transformed::yes(plan),
                None => Transformed::no(plan),
            })
        })
        .map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "total_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same operator over rows that are all told apart, when it looks at their order.
fn told_apart(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    if let Some(sort) = plan.downcast_ref::<SortExec>().filter(|sort| sort.fetch().is_some()) {
        return Ok(Some(by_all(sort)));
    }
    if let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() {
        return Ok(merged(merge));
    }
    let Some(input) = plan.children().first().copied().filter(|_| looks_at_order(plan)) else { return Ok(None) };
    let input = match sorted_below(input)? {
        Some(input) => input,
        None => sorted_here(plan, input)?,
    };
    let aggregate = plan.downcast_ref::<AggregateExec>();
    let is_partial = aggregate.is_some_and(|aggregate| *aggregate.mode() == AggregateMode::Partial);
    let input = if is_partial { in_one_partition(input) } else { input };
    replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some)
}

/// Whether what an operator gives depends on which of its rows come first.
fn looks_at_order(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let windows = plan
        .downcast_ref::<WindowAggExec>()
        .map(WindowAggExec::window_expr)
        .or_else(|| plan.downcast_ref::<BoundedWindowAggExec>().map(BoundedWindowAggExec::window_expr));
    if let Some(windows) = windows {
        return windows.iter().any(|window| !window.order_by().is_empty());
    }
    plan.downcast_ref::<AggregateExec>().is_some_and(|aggregate| {
        let reads_rows = matches!(
            aggregate.mode(),
            AggregateMode::Partial | AggregateMode::Single | AggregateMode::SinglePartitioned
        );
        reads_rows && aggregate.aggr_expr().iter().any(|function| !function.order_bys().is_empty())
    })
}

/// The same plan with the sort that its order comes from being by all columns; none when it comes from no sort.
fn sorted_below(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        return Ok(Some(by_all(sort)));
    }
    if let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() {
        let Some(input) = sorted_below(merge.input())? else { return Ok(None) };
        let merge = SortPreservingMergeExec::new(merge.expr().clone(), input).with_fetch(merge.fetch());
        return Ok(merged(&merge).or_else(|| Some(Arc::new(merge))));
    }
    match plan.children().as_slice() {
        [input] if plan.maintains_input_order() == [true] => match sorted_below(input)? {
            Some(input) => replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Partitions bring what they have aggregated as they are done with it, so an order among all rows takes one partition. Where
/// rows are partitioned by a key, all of a group are in one.
fn in_one_partition(sorted: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let partitioning = sorted.properties().output_partitioning();
    let several = partitioning.partition_count() > 1 && !matches!(partitioning, Partitioning::Hash(..));
    match sorted.properties().output_ordering().filter(|_| several).cloned() {
        Some(order) => Arc::new(SortPreservingMergeExec::new(order, sorted)),
        None => sorted,
    }
}

/// A sort of its own: by what the operator wants, and then by all columns.
fn sorted_here(
    plan: &Arc<dyn ExecutionPlan>,
    input: &Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let wanted = plan.required_input_ordering().into_iter().next().flatten();
    let wanted = wanted.map(|wanted| wanted.into_single().into_iter().map(PhysicalSortExpr::from).collect::<Vec<_>>());
    let order = LexOrdering::new(with_all(wanted.unwrap_or_default(), input))
        .ok_or_else(|| internal_datafusion_err!("rows without columns have no order"))?;
    let several = input.properties().output_partitioning().partition_count() > 1;
    Ok(Arc::new(SortExec::new(order, Arc::clone(input)).with_preserve_partitioning(several)))
}

fn by_all(sort: &SortExec) -> Arc<dyn ExecutionPlan> {
    let named = sort.expr().iter().cloned().collect();
    let order = LexOrdering::new(with_all(named, sort.input())).unwrap_or_else(|| sort.expr().clone());
    let partitioned = sort.preserve_partitioning();
    Arc::new(
        SortExec::new(order, Arc::clone(sort.input())).with_fetch(sort.fetch()).with_preserve_partitioning(partitioned),
    )
}

/// Partitions that are sorted by more than they are merged by are merged by it, too.
fn merged(merge: &SortPreservingMergeExec) -> Option<Arc<dyn ExecutionPlan>> {
    let sort = merge.input().downcast_ref::<SortExec>()?;
    let more =
        sort.expr().len() > merge.expr().len() && sort.expr().iter().zip(merge.expr().iter()).all(|(a, b)| a == b);
    more.then(|| {
        let merge =
            SortPreservingMergeExec::new(sort.expr().clone(), Arc::clone(merge.input())).with_fetch(merge.fetch());
        Arc::new(merge) as Arc<dyn ExecutionPlan>
    })
}

/// An order, and after it all columns that can be sorted and are not in it.
fn with_all(mut order: Vec<PhysicalSortExpr>, rows: &Arc<dyn ExecutionPlan>) -> Vec<PhysicalSortExpr> {
    for (at, field) in rows.schema().fields().iter().enumerate() {
        let is_named =
            order.iter().any(|named| named.expr.downcast_ref::<Column>().is_some_and(|column| column.index() == at));
        if !is_named && RowConverter::supports_fields(&[SortField::new(field.data_type().clone())]) {
            order.push(PhysicalSortExpr::new(Arc::new(Column::new(field.name(), at)), TIES));
        }
    }
    order
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::MemTable;
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::warehouse::build_side::physical_rules;

    /// Queries whose order leaves days, or customers, with several rows.
    const QUERIES: [&str; 10] = [
        "select customer, amount, row_number() over (partition by customer order by day) as number from orders",
        "select customer, amount, lag(amount) over (partition by customer order by day) as before from orders",
        "select customer, amount, sum(amount) over (order by day rows between 1 preceding and current row) as two
            from orders",
        "select amount, first_value(amount) over (partition by day order by customer) as first from orders",
        "select customer, first_value(amount order by day) as first from orders group by customer",
        "select last_value(amount order by day) as last from orders",
        "select customer, string_agg(cast(amount as varchar), ' ' order by day) as all from orders group by customer",
        "select customer, array_agg(amount order by day desc) as all from orders group by customer",
        "select customer, amount from orders order by day limit 7",
        "select distinct on (customer) customer, amount from orders order by customer, day",
    ];

    /// Thirty orders of three customers on two days, beginning with some of them.
    fn orders(begin: usize) -> RecordBatch {
        let mut rows: Vec<i64> = (0..30).collect();
        rows.rotate_left(begin);
        let customers = StringArray::from_iter_values(rows.iter().map(|row| format!("customer {}", row % 3)));
        let days = Int64Array::from_iter_values(rows.iter().map(|row| row / 15));
        let amounts = Int64Array::from_iter_values(rows.iter().map(|row| row * 7 % 31));
        let columns: [(&str, ArrayRef); 3] =
            [("customer", Arc::new(customers)), ("day", Arc::new(days)), ("amount", Arc::new(amounts))];
        RecordBatch::try_from_iter(columns).expect("columns")
    }

    /// A session that has the orders, beginning with some of them, with the rules of this program or the engine's own.
    pub fn with_orders(begin: usize, config: SessionConfig, rules: bool) -> SessionContext {
        let rules = if rules { physical_rules() } else { PhysicalOptimizer::new().rules };
        let builder = SessionStateBuilder::new().with_config(config).with_default_features();
        let context = SessionContext::new_with_state(builder.with_physical_optimizer_rules(rules).build());
        let batches = [0, 10, 20].map(|at| orders(begin).slice(at, 10));
        let table = MemTable::try_new(batches[0].schema(), vec![batches.to_vec()]).expect("a table");
        context.register_table("orders", Arc::new(table)).expect("a new name");
        context
    }

    /// The rows of a query, in an order of their own.
    async fn run(sql: &str, begin: usize, partitions: usize, rules: bool) -> BTreeSet<String> {
        let context = with_orders(begin, SessionConfig::new().with_target_partitions(partitions), rules);
        let rows = context.sql(sql).await.expect("a query").collect().await.expect("rows");
        let text = pretty_format_batches(&rows).expect("text").to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn the_same_rows_in_another_order_give_the_same_figures() {
        for sql in QUERIES {
            for partitions in [1, 3] {
                let first = run(sql, 0, partitions, true).await;
                for begin in [1, 7, 16, 29] {
                    assert_eq!(run(sql, begin, partitions, true).await, first, "{partitions} {sql}");
                }
            }
        }
    }

    #[tokio::test]
    async fn they_would_not_without_the_rule() {
        for sql in QUERIES {
            let same = run(sql, 0, 1, false).await == run(sql, 7, 1, false).await;
            assert!(!same, "the order in which rows come does not matter to: {sql}");
        }
    }
}
