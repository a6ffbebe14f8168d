//! Parameters that a query does nothing with but compare them with columns of its tables, such as `orders.ordered_at < $as_of`.
//!
//! Such a query gives the same rows for all values that lie on the same side of everything in the columns.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query as SqlQuery, TableFactor, Visit as _, Visitor, visit_expressions,
};

use super::sql::{Query, placeholder};

/// A column of a table that a query reads.
pub type TableColumn = (String, String);

impl Query {
    /// The columns with which a parameter is compared; none when the query does anything else with it, or a name that stands
    /// before a column may be that of something else than the table.
    #[must_use]
    pub fn compared(&self, param: &str) -> Option<BTreeSet<TableColumn>> {
        let (mut taken, mut compared, mut columns) = (0_usize, 0_usize, BTreeSet::new());
        let _: ControlFlow<()> = visit_expressions(&self.statement, |expr| {
            if placeholder(expr) == Some(param) {
                taken += 1;
            }
            if let Some(column) = column_compared_with(expr, param) {
                compared += 1;
                columns.insert(column);
            }
            ControlFlow::Continue(())
        });
        let mut named = Named::default();
        let _: ControlFlow<()> = self.statement.visit(&mut named);
        let clear = |(table, _): &TableColumn| self.tables.contains(table) && !named.names.contains(table);
        (taken == compared && !named.others && columns.iter().all(clear)).then_some(columns)
    }
}

fn column_compared_with(expr: &Expr, param: &str) -> Option<TableColumn> {
    use BinaryOperator::{Gt, GtEq, Lt, LtEq};
    let Expr::BinaryOp { left, op: Lt | LtEq | Gt | GtEq, right } = expr else { return None };
    let other = match (placeholder(left) == Some(param), placeholder(right) == Some(param)) {
        (false, true) => left,
        (true, false) => right,
        _ => return None,
    };
    match other.as_ref() {
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [table, column] => Some((table.value.clone(), column.value.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// Names that a query gives itself, of its common table expressions and of tables, in lower case: written without quotes they
/// mean the same in any.
#[derive(Default)]
struct Named {
    names: BTreeSet<String>,
    /// Whether it reads from what is no table, whose name is not known here.
    others: bool,
}

impl Named {
    fn add(&mut self, name: &str) {
        self.names.insert(name.to_lowercase());
    }
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_query(&mut self, query: &SqlQuery) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        tables.for_each(|table| self.add(&table.alias.name.value));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        match table {
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => alias.iter().for_each(|alias| self.add(&alias.name.value)),
            _ => self.others = true,
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn compared(sql: &str) -> Option<Vec<String>> {
        let query = Query::parse(Path::new("orders.sql"), sql).expect("a query");
        Some(query.compared("as_of")?.into_iter().map(|(table, column)| format!("{table}.{column}")).collect())
    }

    #[test]
    fn a_parameter_that_is_only_compared_with_columns_of_tables_is_told_with_them() {
        for sql in [
            "select orders.id as id from orders where orders.at < $as_of",
            "select orders.id as id, $as_of <= orders.at as late from orders",
            "with early as (select * from orders where orders.at < $as_of) select early.id as id from early",
            "select case when orders.at >= $as_of then 'late' else $currency end as part from orders",
        ] {
            assert_eq!(compared(sql), Some(vec!["orders.at".to_owned()]), "{sql}");
        }
        let none = "select orders.id as id from orders";
        assert_eq!(compared(none), Some(Vec::new()));
    }

    #[test]
    fn any_other_use_of_a_parameter_is_none_that_is_known() {
        for sql in [
            "select $as_of as at from orders where orders.at < $as_of",
            "select orders.id as id from orders where orders.at + interval '1 day' < $as_of",
            "select orders.id as id from orders where coalesce(orders.at, $as_of) < $as_of",
            "select orders.id as id from orders where at < $as_of",
            "select orders.id as id from orders where orders.at = $as_of",
            "select orders.id as id from orders where orders.at between $as_of and $as_of",
            "select orders.id as id from returns as orders where orders.at < $as_of",
            "with orders as (select returns.at as at from returns) select orders.at as at from orders where orders.at < $as_of",
            "select orders.at as at from (select returns.at as at from returns) as orders where orders.at < $as_of",
            "select $as_of < $as_of as never from orders",
            "select orders.id as id from returns as Orders cross join (select * from orders) as o where orders.at < $as_of",
            "with Orders as (select orders.at + interval '1 day' as at from orders) select orders.at as at from orders where orders.at < $as_of",
            "select orders.id as id from orders cross join unnest([1]) as days where orders.at < $as_of",
        ] {
            assert_eq!(compared(sql), None, "{sql}");
        }
    }
}
