//! Joins that multiply rows: every join has a condition that says which row of one side belongs to a row of the other.
//!
//! That is an equality between the sides, a pattern of one side that the other matches, or a span of one side that the
//! other lies in. Anything goes beside a single row, or beside rows that are written out in the query.

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, Between, BinaryExpr, Expr, FetchType, Join, LogicalPlan, Operator};

use super::shown;
use crate::models::Query;
use crate::problem::{Place, Problem};

/// The problem of a join whose condition names no row of the other side.
pub(super) fn unkeyed(query: &Query, join: &Join) -> Option<Problem> {
    let sides = Sides { left: join.left.schema(), right: join.right.schema() };
    let by_columns = join.on.iter().any(|(left, right)| sides.across(left, right).is_some());
    if by_columns || join.filter.as_ref().is_some_and(|filter| sides.keyed(filter)) {
        return None;
    }
    if is_small(&join.left) || is_small(&join.right) {
        return None;
    }
    let what = match &join.filter {
        None => {
            let names: Vec<_> = join.left.schema().columns().iter().take(3).map(Column::flat_name).collect();
            format!("a join has no condition (beside {})", names.join(", "))
        }
        Some(filter) if sides.compared(filter) => {
            format!("a join only by `{}`, which many rows of one side fulfil for each of the other", shown(filter))
        }
        Some(filter) => format!("a join by `{}`, which compares nothing of its two sides", shown(filter)),
    };
    Some(
        Problem::new("E208", what)
            .at(place(query, join))
            .help("join on a key, on both ends of a span, or reduce one side to a single row"),
    )
}

/// The table that is joined, as the text names it.
fn place(query: &Query, join: &Join) -> Place {
    let words = query.words();
    let table = |schema: &DFSchema| {
        let name = schema.columns().into_iter().find_map(|column| column.relation)?;
        words.joined(name.table())
    };
    table(join.right.schema())
        .or_else(|| table(join.left.schema()))
        .or_else(|| words.first("join"))
        .unwrap_or_else(|| words.start())
}

/// The columns of the two sides of a join.
struct Sides<'a> {
    left: &'a DFSchema,
    right: &'a DFSchema,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Which way a comparison holds the left side of a join, beside the right one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Below,
    Above,
}

impl Sides<'_> {
    /// Whether a condition says which rows belong together.
    fn keyed(&self, condition: &Expr) -> bool {
        let parts = split_conjunction(condition);
        let bounds: Vec<Bound> = parts.iter().flat_map(|part| self.bounds(part)).collect();
        let span = bounds.contains(&Bound::Below) && bounds.contains(&Bound::Above);
        span || parts.into_iter().any(|part| self.key(part))
    }

    fn key(&self, part: &Expr) -> bool {
        match part {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
                Operator::Eq
                | Operator::IsNotDistinctFrom
                | Operator::LikeMatch
                | Operator::ILikeMatch
                | Operator::RegexMatch
                | Operator::RegexIMatch => self.across(left, right).is_some(),
                Operator::Or => self.keyed(left) && self.keyed(right),
                _ => false,
            },
            Expr::Like(like) => !like.negated && self.across(&like.expr, &like.pattern).is_some(),
            _ => false,
        }
    }

    fn bounds(&self, part: &Expr) -> Vec<Bound> {
        let of = |one: &Expr, other: &Expr, bound: Bound| {
            let turned = if bound == Bound::Below { Bound::Above } else { Bound::Below };
            self.across(one, other).map(|first| if first == Side::Left { bound } else { turned })
        };
        match part {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Lt | Operator::LtEq, right }) => {
                of(left, right, Bound::Below).into_iter().collect()
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Gt | Operator::GtEq, right }) => {
                of(left, right, Bound::Above).into_iter().collect()
            }
            Expr::Between(Between { expr, negated: false, low, high }) => {
                of(expr, low, Bound::Above).into_iter().chain(of(expr, high, Bound::Below)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Which side the first expression is of, when the second is of the other.
    fn across(&self, one: &Expr, other: &Expr) -> Option<Side> {
        match (self.side(one)?, self.side(other)?) {
            (Side::Left, Side::Right) => Some(Side::Left),
            (Side::Right, Side::Left) => Some(Side::Right),
            _ => None,
        }
    }

    /// The one side that all columns of an expression are of; none without a column.
    fn side(&self, expr: &Expr) -> Option<Side> {
        let columns = expr.column_refs();
        let all_of = |schema: &DFSchema| !columns.is_empty() && columns.iter().all(|column| schema.has_column(column));
        match (all_of(self.left), all_of(self.right)) {
            (true, false) => Some(Side::Left),
            (false, true) => Some(Side::Right),
            _ => None,
        }
    }

    /// Whether a condition has columns of both sides.
    fn compared(&self, condition: &Expr) -> bool {
        let columns = condition.column_refs();
        let any_of = |schema: &DFSchema| columns.iter().any(|column| schema.has_column(column));
        any_of(self.left) && any_of(self.right)
    }
}

/// Beside a single row nothing is multiplied; beside rows that the query itself writes out, what they say.
fn is_small(plan: &LogicalPlan) -> bool {
    is_single(plan) || is_written_out(plan)
}

fn is_single(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Values(values) => values.values.len() <= 1,
        LogicalPlan::Aggregate(Aggregate { group_expr, input, .. }) => group_expr.is_empty() || is_single(input),
        LogicalPlan::Limit(limit) => {
            matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1)))) || is_single(&limit.input)
        }
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Join(_) => plan.inputs().into_iter().all(is_single),
        _ => false,
    }
}

fn is_written_out(plan: &LogicalPlan) -> bool {
    let mut reads = false;
    // The walk itself fails at nothing.
    let _ = plan.apply(|node| {
        reads |= matches!(
            node,
            LogicalPlan::TableScan(_)
                | LogicalPlan::RecursiveQuery(_)
                | LogicalPlan::Unnest(_)
                | LogicalPlan::Extension(_)
        );
        Ok(if reads { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    !reads
}
