//! Lints on the analysed plan of a query: what would make a figure wrong, unstable or unproven is refused before it runs.

mod floats;
mod joins;
mod order;

use std::borrow::Cow;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, Volatility};

use crate::models::Query;
use crate::problem::{Place, Problem};

/// Digits a summed decimal may have, so that more than 10^10 rows fit into 38.
const SUMMABLE_PRECISION: u8 = 28;
/// Digits a product of integers may have: more need not fit into 64 bits, and wrap.
const INTEGER_DIGITS: u32 = 18;
/// Functions that look at the clock, or at the program itself, without being declared volatile.
const CLOCK: [&str; 6] = ["now", "current_date", "current_time", "current_timestamp", "today", "version"];

/// All lints of one plan.
///
/// # Errors
/// When the plan itself cannot be walked, which is a fault of the engine.
pub fn lint(query: &Query, plan: &LogicalPlan) -> Result<Vec<Problem>, DataFusionError> {
    let mut found: Vec<Problem> = order::unordered(query);
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node {
            found.extend(joins::unkeyed(query, join));
        }
        let schema = input_schema(node);
        node.apply_expressions(|expr| {
            found.extend(floats::made_in(expr, &schema).map(|(of, problem)| problem.at(place(query, &of))));
            expr.apply(|expr| {
                found.extend(lint_expr(expr, &schema).map(|problem| problem.at(place(query, expr))));
                found.extend(mixed_times(query, expr, &schema));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    let mut problems: Vec<Problem> = Vec::new();
    for problem in found {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    Ok(problems)
}

/// The columns that a node's expressions refer to.
fn input_schema(node: &LogicalPlan) -> Cow<'_, DFSchema> {
    let inputs = node.inputs();
    if let [input] = inputs.as_slice() {
        return Cow::Borrowed(input.schema());
    }
    let mut schema = DFSchema::empty();
    for input in inputs {
        schema.merge(input.schema());
    }
    Cow::Owned(schema)
}

fn lint_expr(expr: &Expr, schema: &DFSchema) -> Option<Problem> {
    match expr {
        Expr::BinaryExpr(binary) => lint_arithmetic(binary, expr, schema),
        Expr::ScalarFunction(function) => {
            let name = function.name();
            let volatile = function.func.signature().volatility == Volatility::Volatile;
            (volatile || CLOCK.contains(&name)).then(|| {
                Problem::new("E203", format!("`{name}()` would make the result depend on when it runs"))
                    .help("use $as_of, $period_end or another parameter")
            })
        }
        Expr::AggregateFunction(function) => lint_aggregate(function, expr, schema),
        _ => None,
    }
}

/// A change between an instant and a local time or day, whether written or made for a comparison: the engine makes it by
/// UTC, which shifts it by the offset of the pipeline's zone.
fn mixed_times(query: &Query, expr: &Expr, schema: &DFSchema) -> Option<Problem> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, right, .. }) => {
            local_beside(query, left, &[right], schema).or_else(|| local_beside(query, right, &[left], schema))
        }
        Expr::Between(Between { expr, low, high, .. }) => local_beside(query, expr, &[low, high], schema),
        Expr::Cast(cast) => changed_time(query, &cast.expr, cast.field.data_type(), schema),
        Expr::TryCast(cast) => changed_time(query, &cast.expr, cast.field.data_type(), schema),
        _ => None,
    }
}

/// A local time or day compared with an instant that stands in no column, such as `$as_of`.
fn local_beside(query: &Query, local: &Expr, others: &[&Expr], schema: &DFSchema) -> Option<Problem> {
    let read_as_local = |expr: &&&Expr| match expr {
        Expr::Cast(cast) => {
            is_instant(&cast.expr, schema)
                && matches!(cast.field.data_type(), DataType::Timestamp(_, None) | DataType::Date32)
        }
        _ => false,
    };
    let beside = others.iter().filter(read_as_local).any(|other| other.column_refs().is_empty());
    (beside && !local.column_refs().is_empty()).then(|| of_local(query, local, schema))
}

fn changed_time(query: &Query, inner: &Expr, to: &DataType, schema: &DFSchema) -> Option<Problem> {
    let what = inner.human_display();
    match (inner.get_type(schema).ok()?, to) {
        (DataType::Timestamp(_, None) | DataType::Date32, DataType::Timestamp(_, Some(_))) => {
            Some(of_local(query, inner, schema))
        }
        (DataType::Timestamp(_, Some(_)), DataType::Date32 | DataType::Timestamp(_, None))
            if !inner.column_refs().is_empty() =>
        {
            Some(
                Problem::new("E211", format!("`{what}` is an instant, and would be read on the clock of UTC"))
                    .help(format!("write local_day({what}), or local_instant(…) of the local time beside it"))
                    .at(place(query, inner)),
            )
        }
        _ => None,
    }
}

fn of_local(query: &Query, local: &Expr, schema: &DFSchema) -> Problem {
    let mut local = local;
    while let Expr::Cast(cast) = local {
        local = &cast.expr;
    }
    let what = local.human_display();
    if matches!(local.get_type(schema), Ok(DataType::Date32)) {
        return Problem::new(
            "E211",
            format!("`{what}` is a day, and is taken for its midnight in UTC beside an instant"),
        )
        .help("compare days with $as_of_day, $period_first_day or local_day(instant)")
        .at(place(query, local));
    }
    Problem::new("E211", format!("`{what}` is local time, and is taken for UTC beside an instant"))
        .help(format!("write local_instant({what})"))
        .at(place(query, local))
}

fn is_instant(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Timestamp(_, Some(_))))
}

/// Where an expression stands in the text of its query: its first column, or else a function or number of it.
fn place(query: &Query, expr: &Expr) -> Place {
    let words = query.words();
    let mut columns: Vec<&Column> = expr.column_refs().into_iter().collect();
    columns.sort();
    let span = columns.iter().find_map(|column| column.spans().first());
    let spanned =
        span.and_then(|span| Some((usize::try_from(span.start.line).ok()?, usize::try_from(span.start.column).ok()?)));
    if let Some((line, column)) = spanned.filter(|(line, _)| *line > 0) {
        return Place::within(&query.file, &query.text, line, column);
    }
    let column = columns.iter().find_map(|column| words.first(&column.name));
    column.or_else(|| mentioned(expr).iter().find_map(|name| words.first(name))).unwrap_or_else(|| words.start())
}

/// Names and numbers of an expression that may stand in its text.
fn mentioned(expr: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    // The walk itself fails at nothing.
    let _ = expr.apply(|expr| {
        match expr {
            Expr::ScalarFunction(function) => {
                names.push(function.name().to_owned());
                names.extend(function.func.aliases().iter().cloned());
            }
            Expr::AggregateFunction(function) => names.push(function.func.name().to_owned()),
            Expr::WindowFunction(function) => names.push(function.fun.name().to_owned()),
            Expr::Cast(_) => names.extend(["cast", "arrow_cast"].map(str::to_owned)),
            Expr::TryCast(_) => names.push("try_cast".to_owned()),
            Expr::Literal(ScalarValue::Int64(Some(number)), _) => names.push(number.to_string()),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    names
}

fn lint_arithmetic(binary: &BinaryExpr, expr: &Expr, schema: &DFSchema) -> Option<Problem> {
    let (left, right) = (binary.left.get_type(schema).ok()?, binary.right.get_type(schema).ok()?);
    if binary.op == Operator::Divide && left.is_integer() && right.is_integer() {
        return Some(
            Problem::new("E205", format!("`{}` divides integers and drops the remainder", shown(expr)))
                .help("cast the numerator to a decimal"),
        );
    }
    match (binary.op, digits_of(&binary.left, schema), digits_of(&binary.right, schema)) {
        (Operator::Multiply, Some(one), Some(other)) if both_integer(&left, &right) => (one + other > INTEGER_DIGITS)
            .then(|| {
                let (message, digits) = (format!("the product of integers `{}`", shown(expr)), one + other);
                Problem::new("E206", format!("{message} may need {digits} digits, 64 bits hold {INTEGER_DIGITS}"))
                    .help("cast a factor to a decimal without places, such as decimal(10, 0)")
            }),
        (Operator::Multiply, Some(one), Some(other)) if one + other > 38 => Some(
            Problem::new(
                "E206",
                format!("the product `{}` may need {} digits, a decimal has 38", shown(expr), one + other),
            )
            .help("cast the factors to the digits they really need"),
        ),
        _ => None,
    }
}

fn lint_aggregate(function: &AggregateFunction, expr: &Expr, schema: &DFSchema) -> Option<Problem> {
    let argument = function.params.args.first()?.get_type(schema).ok()?;
    match (function.func.name(), &argument) {
        ("sum", DataType::Decimal128(precision, _)) if *precision > SUMMABLE_PRECISION => Some(
            Problem::new(
                "E207",
                format!("`{}` sums decimals of {precision} digits: cannot prove no overflow", shown(expr)),
            )
            .help(format!("cast to at most {SUMMABLE_PRECISION} digits before summing")),
        ),
        ("sum", DataType::Int64 | DataType::UInt64) => Some(
            Problem::new("E207", format!("`{}` sums 64-bit integers, which wrap silently", shown(expr)))
                .help("cast to decimal(20, 0) before summing"),
        ),
        ("avg", DataType::Decimal128(..)) => Some(
            Problem::new("E205", format!("`{}` truncates", shown(expr)))
                .help("divide sums last, with an explicit scale"),
        ),
        _ => None,
    }
}

/// Decimal digits a value can have. The engine widens integers before it multiplies; what counts is what they were.
fn digits_of(expr: &Expr, schema: &DFSchema) -> Option<u32> {
    let kind = expr.get_type(schema).ok()?;
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => Some(written_digits(number.unsigned_abs())),
        Expr::Negative(inner) => digits_of(inner, schema),
        Expr::Cast(cast) if matches!(*cast.expr, Expr::Literal(..)) && kind.is_integer() => {
            digits_of(&cast.expr, schema)
        }
        Expr::Cast(cast) => {
            let inner = cast.expr.get_type(schema).ok()?;
            if inner.is_integer() { digits_of(&cast.expr, schema).min(digits(&kind)) } else { digits(&kind) }
        }
        _ => digits(&kind),
    }
}

/// Digits of a number that is written out.
fn written_digits(number: u64) -> u32 {
    number.checked_ilog10().map_or(1, |log| log + 1)
}

/// Decimal digits a type can hold.
fn digits(kind: &DataType) -> Option<u32> {
    match kind {
        DataType::Decimal128(precision, _) => Some(u32::from(*precision)),
        DataType::Int8 | DataType::UInt8 => Some(3),
        DataType::Int16 | DataType::UInt16 => Some(5),
        DataType::Int32 | DataType::UInt32 => Some(10),
        DataType::Int64 => Some(19),
        DataType::UInt64 => Some(20),
        _ => None,
    }
}

fn both_integer(left: &DataType, right: &DataType) -> bool {
    left.is_integer() && right.is_integer()
}

fn shown(expr: &Expr) -> String {
    const LIMIT: usize = 80;
    let text = expr.human_display().to_string();
    if text.chars().count() <= LIMIT { text } else { text.chars().take(LIMIT).chain(['…']).collect() }
}
