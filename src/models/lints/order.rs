//! Rows that are chosen without an order, and queries without an end: looked for in the syntax, which a plan no longer shows.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Distinct, Query as SqlQuery, Select, SetExpr, Visit as _, Visitor};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::models::Query;
use crate::problem::Problem;

/// Problems of a query's syntax tree.
pub(super) fn unordered(query: &Query) -> Vec<Problem> {
    let mut look = Look { query, found: Vec::new() };
    let _: ControlFlow<()> = query.statement.visit(&mut look);
    look.found
}

struct Look<'a> {
    query: &'a Query,
    found: Vec<Problem>,
}

impl Look<'_> {
    fn note(&mut self, problem: Problem, span: Option<Span>, word: &str) {
        let words = self.query.words();
        let place = span.and_then(|span| words.place(span)).or_else(|| words.first(word));
        self.found.push(problem.at(place.unwrap_or_else(|| words.start())));
    }

    fn distinct_on(&mut self, select: &Select) {
        if matches!(select.distinct, Some(Distinct::On(_))) {
            let problem = Problem::new("E210", "`distinct on` without `order by` keeps any row of each group")
                .help("order by columns that identify a row");
            self.note(problem, Some(select.select_token.0.span), "distinct");
        }
    }
}

impl Visitor for Look<'_> {
    type Break = ();

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
