//! A mart's rows in the order of its grain, sorted as cheaply as its query allows.
//!
//! A query that stacks streams (`select 'orders' as stream, … union all …`) with a constant at the head of the grain needs
//! no sort across them: each is sorted alone, one after the other. And a plan gives what was computed, not constants: most
//! lines of a stream are zero, and the writer knows better than to make and prove a column of zeros for every batch.

use std::cmp::Ordering;

use arrow::compute::SortOptions;
use datafusion::common::{Column, DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection};

/// The order of every mart: ascending, null before everything else.
pub const ORDER: SortOptions = SortOptions { descending: false, nulls_first: true };

/// Rows in the order of a grain.
#[derive(Debug)]
pub struct Ordered {
    /// Optimised. Gives all columns but the constant ones.
    pub plan: LogicalPlan,
    /// Columns that have one value in all rows.
    pub constants: Vec<(String, ScalarValue)>,
}

/// One or more plans whose rows, one plan after the other, are in the order of the grain. Takes an optimised plan and gives
/// such.
///
/// # Errors
/// When the query cannot be planned.
pub fn in_order(plan: LogicalPlan, grain: &[String]) -> Result<Vec<Ordered>, DataFusionError> {
    let mut branches = branches(&plan).into_iter().map(|plan| Branch::of(plan, grain)).collect::<Vec<_>>();
    if !have_distinct_heads(&branches) {
        return Ok(vec![Branch::of(plan, grain).sorted(grain)?]);
    }
    branches.sort_by(|one, other| one.head.partial_cmp(&other.head).unwrap_or(Ordering::Equal));
    branches.into_iter().map(|branch| branch.sorted(grain)).collect()
}

/// The queries that a union stacks; the query itself when it is none.
fn branches(plan: &LogicalPlan) -> Vec<LogicalPlan> {
    match plan {
        LogicalPlan::Union(union) => union.inputs.iter().flat_map(|input| branches(input)).collect(),
        other => vec![other.clone()],
    }
}

/// Whether the constants at the head of the grain alone tell all branches apart, and order them.
fn have_distinct_heads(branches: &[Branch]) -> bool {
    let length = branches.first().map_or(0, |branch| branch.head.len());
    let mut pairs =
        branches.iter().enumerate().flat_map(|(at, one)| branches.iter().skip(at + 1).map(move |other| (one, other)));
    length > 0
        && branches.iter().all(|branch| branch.head.len() == length)
        && pairs.all(|(one, other)| one.head.partial_cmp(&other.head).is_some_and(Ordering::is_ne))
}

struct Branch {
    plan: LogicalPlan,
    /// Values of the leading columns of the grain that are constant.
    head: Vec<ScalarValue>,
}

impl Branch {
    fn of(plan: LogicalPlan, grain: &[String]) -> Self {
        let head = match &plan {
            LogicalPlan::Projection(projection) => {
                grain.iter().map_while(|name| constant_named(projection, name)).collect()
            }
            _ => Vec::new(),
        };
        Self { plan, head }
    }

    /// Sorted by the grain, with what is constant aside.
    fn sorted(self, grain: &[String]) -> Result<Ordered, DataFusionError> {
        let LogicalPlan::Projection(projection) = &self.plan else {
            let plan = by_grain(LogicalPlanBuilder::from(self.plan), grain.iter())?.build()?;
            return Ok(Ordered { plan, constants: Vec::new() });
        };
        let (mut computed, mut constants) = (Vec::new(), Vec::new());
        for (name, expr) in outputs(projection) {
            match constant(expr) {
                Some(value) => constants.push((name.clone(), value)),
                None => computed.push(expr.clone().unalias().alias(name)),
            }
        }
        if computed.is_empty() {
            return Ok(Ordered { plan: self.plan, constants: Vec::new() });
        }
        let varying = grain.iter().filter(|name| constant_named(projection, name).is_none());
        let rows = LogicalPlanBuilder::from(projection.input.as_ref().clone()).project(computed)?;
        Ok(Ordered { plan: by_grain(rows, varying)?.build()?, constants })
    }
}

fn by_grain<'a>(
    rows: LogicalPlanBuilder,
    grain: impl Iterator<Item = &'a String>,
) -> Result<LogicalPlanBuilder, DataFusionError> {
    let order = grain.map(|name| Expr::Column(Column::from_name(name)).sort(!ORDER.descending, ORDER.nulls_first));
    let order: Vec<_> = order.collect();
    if order.is_empty() { Ok(rows) } else { rows.sort(order) }
}

fn outputs(projection: &Projection) -> impl Iterator<Item = (&String, &Expr)> {
    projection.schema.fields().iter().map(|field| field.name()).zip(&projection.expr)
}

fn constant_named(projection: &Projection, name: &str) -> Option<ScalarValue> {
    outputs(projection).find(|(output, _)| *output == name).and_then(|(_, expr)| constant(expr))
}

fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Alias(alias) => constant(&alias.expr),
        Expr::Literal(value, _) => Some(value.clone()),
        _ => None,
    }
}
