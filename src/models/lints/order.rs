//! Rows that are chosen without an order, and queries without an end: looked for in the syntax, which a plan no longer shows.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Function, FunctionArgumentClause, FunctionArguments, NamedWindowExpr, Query as SqlQuery, Select,
    SetExpr, Visit as _, Visitor, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::models::Query;
use crate::problem::Problem;

/// Problems of a query's syntax tree.
pub(super) fn unordered(query: &Query) -> Vec<Problem> {
    let mut look = Look { query, windows: BTreeMap::new(), found: Vec::new() };
    let _: ControlFlow<()> = query.statement.visit(&mut look);
    look.found
}

/// Functions that give what comes first, last, next or nth, or all in a row.
const BY_ORDER: [&str; 9] =
    ["array_agg", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number", "string_agg"];

struct Look<'a> {
    query: &'a Query,
    /// Whether the windows that have a name have an order.
    windows: BTreeMap<String, bool>,
    found: Vec<Problem>,
}

impl Look<'_> {
    fn note(&mut self, problem: Problem, span: Option<Span>, word: &str) {
        let words = self.query.words();
        let place = span.and_then(|span| words.place(span)).or_else(|| words.first(word));
        self.found.push(problem.at(place.unwrap_or_else(|| words.start())));
    }

    fn function(&mut self, function: &Function) {
        let Some(ident) = function.name.0.last().and_then(|part| part.as_ident()) else { return };
        let name = ident.value.to_lowercase();
        let is_by_order = BY_ORDER.contains(&name.as_str());
        let as_they_come = match &function.over {
            None => is_by_order && !has_order(&function.args) && function.within_group.is_empty(),
            Some(WindowType::NamedWindow(window)) => is_by_order && !self.is_ordered(&window.value),
            Some(WindowType::WindowSpec(window)) => (is_by_order || counts_rows(window)) && !self.has_order(window),
        };
        if as_they_come {
            let problem = Problem::new("E210", format!("`{name}` without `order by` takes rows as they come"))
                .help("order by columns that identify a row");
            self.note(problem, Some(ident.span), &name);
        }
    }

    fn has_order(&self, window: &WindowSpec) -> bool {
        let base = window.window_name.as_ref();
        !window.order_by.is_empty() || base.is_some_and(|base| self.is_ordered(&base.value))
    }

    /// Of a window without a definition the engine says so.
    fn is_ordered(&self, window: &str) -> bool {
        self.windows.get(&window.to_lowercase()).copied().unwrap_or(true)
    }

    fn define(&mut self, select: &Select) {
        for window in &select.named_window {
            let ordered = match &window.1 {
                NamedWindowExpr::NamedWindow(other) => self.is_ordered(&other.value),
                NamedWindowExpr::WindowSpec(window) => self.has_order(window),
            };
            self.windows.insert(window.0.value.to_lowercase(), ordered);
        }
    }

    fn distinct_on(&mut self, select: &Select) {
        if matches!(select.distinct, Some(Distinct::On(_))) {
            let problem = Problem::new("E210", "`distinct on` without `order by` keeps any row of each group")
                .help("order by columns that identify a row");
            self.note(problem, Some(select.select_token.0.span), "distinct");
        }
    }
}

/// Whether a window ends so many rows away, and not at all rows.
fn counts_rows(window: &WindowSpec) -> bool {
    let is_all = |frame: &WindowFrame| {
        matches!(frame.start_bound, WindowFrameBound::Preceding(None))
            && matches!(frame.end_bound, Some(WindowFrameBound::Following(None)))
    };
    window.window_frame.as_ref().is_some_and(|frame| frame.units != WindowFrameUnits::Range && !is_all(frame))
}

fn has_order(arguments: &FunctionArguments) -> bool {
    let FunctionArguments::List(list) = arguments else { return false };
    list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)))
}

impl Visitor for Look<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.define(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.function(function);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &SqlQuery) -> ControlFlow<()> {
        if let Some(with) = query.with.as_ref().filter(|with| with.recursive) {
            let problem = Problem::new("E213", "`with recursive` may never come to an end")
                .help("write the levels out, or join a table of them");
            self.note(problem, Some(with.with_token.0.span), "recursive");
        }
        let into = matches!(query.body.as_ref(), SetExpr::Select(select) if select.into.is_some());
        if into || !query.locks.is_empty() {
            let problem = Problem::new("E202", "only one SELECT is allowed, which changes and locks nothing")
                .help("leave `into` and `for update` out");
            self.note(problem, None, if into { "into" } else { "for" });
        }
        if query.order_by.is_none() {
            if query.limit_clause.is_some() || query.fetch.is_some() {
                let word = if query.fetch.is_some() { "fetch" } else { "limit" };
                let problem = Problem::new("E210", format!("`{word}` without `order by` keeps any of the rows"))
                    .help(format!("order by columns that identify a row, or leave `{word}` out"));
                self.note(problem, limit_span(query), word);
            }
            if let SetExpr::Select(select) = query.body.as_ref() {
                self.distinct_on(select);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Where the number of rows stands, when it is written as a number.
fn limit_span(query: &SqlQuery) -> Option<Span> {
    use datafusion::sql::sqlparser::ast::{Expr, LimitClause};
    let number = match query.limit_clause.as_ref()? {
        LimitClause::LimitOffset { limit, offset, .. } => {
            limit.as_ref().or_else(|| offset.as_ref().map(|offset| &offset.value))?
        }
        LimitClause::OffsetCommaLimit { limit, .. } => limit,
    };
    match number {
        Expr::Value(value) => Some(value.span),
        _ => None,
    }
}
