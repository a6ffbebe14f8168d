//! Which side of a join is held in memory: the one that has fewer rows.
//!
//! The engine exchanges the sides of a join when statistics tell it to, and behind a filter, an aggregate or another join
//! they mostly tell nothing. How many rows a side has at most is known much more often: as many as the tables have that it
//! reads. A join of all orders with ten rules would otherwise hold the orders.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, JoinType};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use crate::warehouse::own_text::{OwnText, OwnTextOfHeld};
use crate::warehouse::sort_once::{SortAtOnce, SortOnce};
use crate::warehouse::total_order::TotalOrder;

/// The rules of the engine, with [`SmallBuildSide`] after its own choice of sides, and [`TotalOrder`], [`OwnTextOfHeld`] and
/// [`SortAtOnce`] when all is chosen.
#[must_use]
pub fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let chosen = rules.iter().position(|rule| rule.name() == "join_selection").map_or(rules.len(), |at| at + 1);
    rules.insert(chosen, Arc::new(SmallBuildSide));
    // The last rule of the engine only looks whether all is well.
    rules.insert(rules.len().saturating_sub(1), Arc::new(TotalOrder));
    rules.insert(rules.len().saturating_sub(1), Arc::new(OwnTextOfHeld));
    rules.insert(rules.len().saturating_sub(1), Arc::new(SortAtOnce));
    rules
}

/// Exchanges the sides of joins whose held side may have more rows than the other one.
#[derive(Debug)]
pub struct SmallBuildSide;

impl PhysicalOptimizerRule for SmallBuildSide {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| match exchanged(&plan)? {
            Some(exchanged) => Ok(Transformed::yes(exchanged)),
            None => Ok(Transformed::no(plan)),
        })
        .map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "small_build_side"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same join with its sides exchanged, when that is known to hold fewer rows.
fn exchanged(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(None) };
    let fewer = match (rows_at_most(join.left()), rows_at_most(join.right())) {
        (Some(held), Some(other)) => other < held,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if !fewer
        || join.null_aware
        || *join.partition_mode() == PartitionMode::Partitioned
        || !join.join_type().supports_swap()
    {
        return Ok(None);
    }
    join.swap_inputs(PartitionMode::CollectLeft).map(Some)
}

/// How many rows come out of a plan at most, as far as the sizes of its tables say.
pub fn rows_at_most(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return match join.join_type() {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => rows_at_most(join.left()),
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => rows_at_most(join.right()),
            _ => None,
        };
    }
    match plan.children().as_slice() {
        [] => {
            let known = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok()?;
            known.num_rows.get_value().copied()
        }
        [only] if gives_no_more(plan) => rows_at_most(only),
        many if plan.is::<UnionExec>() => many.iter().map(|input| rows_at_most(input)).sum(),
        _ => None,
    }
}

/// Whether an operator gives at most one row per row.
fn gives_no_more(plan: &Arc<dyn ExecutionPlan>) -> bool {
    // Grouping sets give a row several times.
    let grouped = plan.downcast_ref::<AggregateExec>();
    grouped.is_some_and(|aggregate| aggregate.group_expr().is_single())
        || plan.is::<FilterExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<SortExec>()
        || plan.is::<SortOnce>()
        || plan.is::<OwnText>()
        || plan.is::<WindowAggExec>()
        || plan.is::<BoundedWindowAggExec>()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, RecordBatch};
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// Tables of few, several and many rows, with the rules or without.
    fn context(rules: bool, partitions: usize) -> SessionContext {
        let builder = SessionStateBuilder::new().with_config(SessionConfig::new().with_target_partitions(partitions));
        let builder = builder.with_default_features();
        let builder = if rules { builder.with_physical_optimizer_rules(physical_rules()) } else { builder };
        let context = SessionContext::new_with_state(builder.build());
        for (name, rows) in [("few", 10_i64), ("several", 100), ("many", 1000)] {
            let keys: Int64Array = (0..rows).map(|row| (row % 7 != 0).then_some(row)).collect();
            let batch = RecordBatch::try_from_iter_with_nullable([(name, Arc::new(keys) as _, true)]);
            context.register_batch(name, batch.expect("one column")).expect("a new name");
        }
        context
    }

    /// The rows of a query, in order, and its joins.
    async fn run(sql: &str, rules: bool) -> (String, Vec<String>) {
        let context = context(rules, 1);
        let frame = context.sql(sql).await.expect("a query");
        let plan = frame.clone().create_physical_plan().await.expect("a plan");
        let text = displayable(plan.as_ref()).indent(false).to_string();
        let rows = frame.collect().await.expect("rows");
        (arrow::util::pretty::pretty_format_batches(&rows).expect("text").to_string(), joins(&text))
    }

    /// The joins of a plan, the outermost first.
    fn joins(plan: &str) -> Vec<String> {
        plan.lines().map(str::trim).filter(|line| line.starts_with("HashJoin")).map(str::to_owned).collect()
    }

    /// How many rows the left side gives, nothing tells.
    const UNKNOWN: &str = "select value, few from generate_series(1, 100) as generated left join few on value = few
        order by 1, 2";
    const JOINS: [&str; 6] = [
        UNKNOWN,
        "select many, few from many left join few on many = few + 1 order by many, few",
        "select many, few from few full join many on many = few order by 1, 2",
        "select many from many where many in (select few from few) order by many",
        "select many from many where not exists (select 1 from few where few = many) order by many",
        "select many, total from many left join (select few, count(*) as total from few group by few) as counted
            on many = few order by 1, 2",
    ];

    #[tokio::test]
    async fn exchanged_sides_give_the_same_rows() {
        for sql in JOINS {
            assert_eq!(run(sql, true).await.0, run(sql, false).await.0, "{sql}");
        }
    }

    /// A side whose rows are sorted.
    const NUMBERED: &str = "select many, place from many left join
        (select few, row_number() over (order by few desc) as place from few) as numbered on many = few order by 1, 2";

    #[tokio::test]
    async fn what_is_planned_as_a_part_of_another_plan_holds_the_same_sides_and_gives_the_same_rows() {
        for (sql, partitions) in JOINS.into_iter().chain([NUMBERED]).flat_map(|sql| [(sql, 1), (sql, 3)]) {
            let context = context(true, partitions);
            let plan = context.sql(sql).await.expect("a query").create_physical_plan().await.expect("a plan");
            let state = context.state();
            let again = |plan, rule: &Arc<dyn PhysicalOptimizerRule + Send + Sync>| {
                rule.optimize(plan, state.config_options()).expect("a plan")
            };
            let replanned = state.physical_optimizers().iter().fold(Arc::clone(&plan), again);
            let joins = |plan: &Arc<dyn ExecutionPlan>| joins(&displayable(plan.as_ref()).indent(false).to_string());
            assert!(!joins(&plan).is_empty(), "{sql}");
            assert_eq!(joins(&replanned), joins(&plan), "{sql} in {partitions}");
            let rows = collect(replanned, context.task_ctx()).await.expect("rows");
            let rows = arrow::util::pretty::pretty_format_batches(&rows).expect("text").to_string();
            assert_eq!(rows, run(sql, false).await.0, "{sql} in {partitions}");
        }
    }

    #[tokio::test]
    async fn what_is_joined_to_rows_of_unknown_number_is_held_and_not_those() {
        let outer = async |rules| run(UNKNOWN, rules).await.1.first().cloned().unwrap_or_default();
        assert!(outer(false).await.contains("join_type=Left"), "the engine alone: {}", outer(false).await);
        assert!(outer(true).await.contains("join_type=Right"), "{}", outer(true).await);
    }
}
