//! Floating point, wherever in a query it begins: money that has passed through it is no longer exact, whatever it is cast
//! to afterwards.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, ExprSchemable, Volatility};

use super::shown;
use crate::problem::Problem;

/// Functions that give back a decimal and have computed it in floating point.
const HIDDEN: [&str; 8] = [
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "log",
    "percentile_cont",
    "pow",
    "power",
    "quantile_cont",
];

/// The problem of an expression in which a float is made of something else, and where. What only passes one on is told
/// where it was made; a number that becomes a float beside one is told with it.
pub(super) fn made_in(expr: &Expr, schema: &DFSchema) -> Option<(Expr, Problem)> {
    let mut made: Vec<Expr> = Vec::new();
    // The walk itself fails at nothing.
    let _ = expr.apply(|expr| {
        if is_made_here(expr, schema) {
            made.push(expr.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    let first = made.iter().position(|expr| !expr.column_refs().is_empty()).unwrap_or_default();
    let made = made.into_iter().nth(first)?;
    let (what, how) = match &made {
        Expr::Cast(cast) => (shown(&cast.expr), "becomes"),
        Expr::TryCast(cast) => (shown(&cast.expr), "becomes"),
        other => (shown(other), "is"),
    };
    let problem = Problem::new("E204", format!("`{what}` {how} floating point, which holds no exact amount"))
        .help("use decimals with the scale you mean, from end to end");
    Some((made, problem))
}

fn is_made_here(expr: &Expr, schema: &DFSchema) -> bool {
    let hidden = function_name(expr).is_some_and(|name| HIDDEN.contains(&name));
    // Most of an expression is columns, numbers and conditions: what cannot be it need not be given a type.
    hidden
        || (!is_name(expr)
            && !is_condition(expr)
            && is_float(expr, schema)
            && !is_passed_on(expr, schema)
            && !is_volatile(expr))
}

/// What stands for a value that was made elsewhere.
fn is_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::ScalarSubquery(_) | Expr::Alias(_))
}

/// What is true or false, whatever it compares.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        // Those that the engine can bound are the comparisons.
        Expr::BinaryExpr(binary) => binary.op.is_logic_operator() || binary.op.supports_propagation(),
        Expr::Not(_) | Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::InList(_) | Expr::Between(_) | Expr::Like(_) => {
            true
        }
        _ => false,
    }
}

fn is_float(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|kind| holds_float(&kind))
}

fn is_passed_on(expr: &Expr, schema: &DFSchema) -> bool {
    let mut passed = false;
    // The walk itself fails at nothing.
    let _ = expr.apply_children(|child| {
        passed |= is_float(child, schema);
        Ok(TreeNodeRecursion::Continue)
    });
    passed
}

/// What depends on when it runs is a problem already.
fn is_volatile(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(function) if function.func.signature().volatility == Volatility::Volatile)
}

fn function_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::ScalarFunction(function) => Some(function.name()),
        Expr::AggregateFunction(function) => Some(function.func.name()),
        Expr::WindowFunction(function) => Some(function.fun.name()),
        _ => None,
    }
}

/// Whether a type is a float or has one inside.
fn holds_float(kind: &DataType) -> bool {
    match kind {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => holds_float(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_float(field.data_type())),
        DataType::Dictionary(_, values) => holds_float(values),
        _ => false,
    }
}
