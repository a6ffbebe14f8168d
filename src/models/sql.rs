//! One SQL text: parsed, proved to be a single query, with the names it reads and the parameters it takes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use datafusion::common::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, ParserInput, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{
    Expr, SetExpr, Statement as SqlStatement, Value, ValueWithSpan, visit_expressions, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, TokenWithSpan};

use crate::models::words::{Words, tokens};
use crate::pipeline::Param;
use crate::problem::{Place, Problem};

/// A parsed query and what it mentions.
#[derive(Clone, Debug)]
pub struct Query {
    pub file: PathBuf,
    pub text: String,
    /// Tables that are no common table expression of the query itself.
    pub tables: BTreeSet<String>,
    /// Functions called, in lower case.
    pub functions: BTreeSet<String>,
    /// Parameters, without the `$`.
    pub params: BTreeSet<String>,
    pub(super) statement: SqlStatement,
}

/// A parameter that a query takes and nobody gives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown parameter `${0}`")]
pub struct QueryError(pub String);

impl Query {
    /// Parses a text that must be one `select` (or `with ... select`).
    ///
    /// # Errors
    /// `E200` with line and column for a syntax error, `E202` for anything but one query, `E212` for one that is too deep or
    /// too large.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problem> {
        let tokens = tokens(text);
        let words = Words::among(file, text, tokens.as_deref().unwrap_or_default());
        if let Some(problem) = words.too_much() {
            return Err(problem);
        }
        let words = || Words::of(file, text);
        let mut statements = statements(text, tokens).map_err(|error| syntax_problem(file, text, &error))?;
        let first = match statements.pop_front() {
            Some(Statement::Statement(statement)) if only_reads(&statement) => Some(statement),
            _ => None,
        };
        let Some(statement) = first else { return Err(only_one_query(words().start())) };
        if !statements.is_empty() {
            return Err(only_one_query(words().second_statement().unwrap_or_else(|| words().start())));
        }
        let (tables, _) = resolve_table_references(&Statement::Statement(statement.clone()), true)
            .map_err(|error| syntax_problem(file, text, &error))?;
        let (functions, params) = mentioned(&statement);
        Ok(Self {
            file: file.to_path_buf(),
            text: text.to_owned(),
            tables: tables.into_iter().map(|table| table.table().to_owned()).collect(),
            functions,
            params,
            statement: *statement,
        })
    }

    pub(super) fn words(&self) -> Words<'_> {
        Words::of(&self.file, &self.text)
    }

    /// Where a table is first read; the beginning of the text when it is not.
    #[must_use]
    pub fn place_of_table(&self, name: &str) -> Place {
        let words = self.words();
        words.table(name).unwrap_or_else(|| words.start())
    }

    /// Where the column of this name is given; the beginning of the text when it is not.
    #[must_use]
    pub fn place_of_column(&self, name: &str) -> Place {
        let words = self.words();
        words.last(name).unwrap_or_else(|| words.start())
    }

    /// Where a parameter is first taken.
    #[must_use]
    pub fn place_of_parameter(&self, name: &str) -> Place {
        let words = self.words();
        words.parameter(name).unwrap_or_else(|| words.start())
    }

    /// Where what a message names stands in the text, or else its beginning.
    #[must_use]
    pub fn place_of_message(&self, message: &str) -> Place {
        let words = self.words();
        words.named_in(message).unwrap_or_else(|| words.start())
    }

    /// The query with every parameter replaced by its typed value, as a syntax tree: a value can never become syntax.
    ///
    /// # Errors
    /// The first parameter without a value.
    pub fn bound(&self, params: &BTreeMap<String, Expr>) -> Result<Statement, QueryError> {
        let mut statement = self.statement.clone();
        let outcome = visit_expressions_mut(&mut statement, |expr| match placeholder(expr) {
            None => ControlFlow::Continue(()),
            Some(name) => match params.get(name) {
                None => ControlFlow::Break(QueryError(name.to_owned())),
                Some(value) => {
                    *expr = value.clone();
                    ControlFlow::Continue(())
                }
            },
        });
        match outcome {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(Statement::Statement(Box::new(statement))),
        }
    }
}

/// Names of built-in parameters.
pub mod names {
    pub const AS_OF: &str = "as_of";
    pub const AS_OF_DAY: &str = "as_of_day";
    pub const PERIOD: &str = "period";
    pub const PERIOD_START: &str = "period_start";
    pub const PERIOD_END: &str = "period_end";
    pub const PERIOD_FIRST_DAY: &str = "period_first_day";
    pub const PERIOD_END_DAY: &str = "period_end_day";
    pub const CURRENCY: &str = "currency";
    pub const TIME_ZONE: &str = "time_zone";
}

/// Typed values as syntax trees.
pub mod bind {
    use super::{DataFusionError, Expr, GenericDialect, Param, Parser, Span, Value, ValueWithSpan};

    fn literal(value: Value) -> Expr {
        Expr::Value(ValueWithSpan { value, span: Span::empty() })
    }

    #[must_use]
    pub fn text(value: &str) -> Expr {
        literal(Value::SingleQuotedString(value.to_owned()))
    }

    /// # Errors
    /// Never for a date; the parser's own error otherwise.
    pub fn date(value: jiff::civil::Date) -> Result<Expr, DataFusionError> {
        expression(&format!("arrow_cast('{value}', 'Date32')"))
    }

    /// # Errors
    /// Never for an instant; the parser's own error otherwise.
    pub fn timestamp(value: jiff::Timestamp) -> Result<Expr, DataFusionError> {
        expression(&format!("arrow_cast('{value}', 'Timestamp(Microsecond, Some(\"UTC\"))')"))
    }

    /// # Errors
    /// Never for a parameter of a validated pipeline; the parser's own error otherwise.
    pub fn param(value: &Param) -> Result<Expr, DataFusionError> {
        match value {
            Param::Text(value) => Ok(text(value)),
            Param::Integer(value) => expression(&format!("cast({value} as bigint)")),
            Param::Boolean(value) => Ok(literal(Value::Boolean(*value))),
            Param::Date(value) => date(*value),
            Param::Decimal { unscaled, scale } => {
                expression(&format!("cast('{}' as decimal(38, {scale}))", decimal_text(*unscaled, *scale)))
            }
        }
    }

    /// Parses an expression this module wrote itself: digits, dates and instants only.
    fn expression(text: &str) -> Result<Expr, DataFusionError> {
        let dialect = GenericDialect {};
        Ok(Parser::new(&dialect).try_with_sql(text)?.parse_expr()?)
    }

    fn decimal_text(unscaled: i128, scale: u8) -> String {
        let scale = usize::from(scale);
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if unscaled < 0 { "-" } else { "" };
        if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

fn mentioned(statement: &SqlStatement) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut functions, mut params) = (BTreeSet::new(), BTreeSet::new());
    let _: ControlFlow<()> = visit_expressions(statement, |expr| {
        if let Expr::Function(function) = expr {
            functions.insert(function.name.to_string().to_lowercase());
        }
        if let Some(name) = placeholder(expr) {
            params.insert(name.to_owned());
        }
        ControlFlow::Continue(())
    });
    (functions, params)
}

pub(super) fn placeholder(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => name.strip_prefix('$'),
        _ => None,
    }
}

/// The statements of a text, from its tokens where it has been taken apart already.
fn statements(text: &str, tokens: Option<Vec<TokenWithSpan>>) -> Result<VecDeque<Statement>, DataFusionError> {
    let input = tokens.map_or(ParserInput::Sql(text), ParserInput::Tokens);
    DFParserBuilder::new(input).build()?.parse_statements()
}

/// Whether a statement is a query, and no change that begins like one.
fn only_reads(statement: &SqlStatement) -> bool {
    let SqlStatement::Query(query) = statement else { return false };
    let changes =
        matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_));
    !changes
}

fn only_one_query(place: Place) -> Problem {
    Problem::new("E202", "only one SELECT is allowed").at(place).help("one file holds one query and nothing else")
}

fn syntax_problem(file: &Path, text: &str, error: &DataFusionError) -> Problem {
    let message = error.strip_backtrace();
    let place = position(&message)
        .map_or_else(|| Words::of(file, text).end(), |(line, column)| Place::within(file, text, line, column));
    let message = message.split(" at Line:").next().unwrap_or_default();
    let message = message.trim_start_matches("SQL error: ").trim_start_matches("ParserError(\"");
    Problem::new("E200", format!("SQL cannot be read: {message}")).at(place)
}

/// The parser only says its position as text.
fn position(message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.split_once("Line: ")?;
    let (line, rest) = rest.split_once(", Column: ")?;
    let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, column.parse().ok()?))
}
