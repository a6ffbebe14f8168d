//! Joins that multiply rows, rows chosen without an order, and queries without an end.

use super::{LEDGER, is_exact, refused_ledger};

fn joined(join: &str) -> Vec<String> {
    refused_ledger(&format!("{LEDGER}\n{join}"))
}

#[test]
fn a_join_says_which_rows_belong_together() {
    for multiplies in [
        "join postings as q on true",
        "join postings as q on 1 = 1",
        "join postings as q on q.amount > 0",
        "join postings as q on q.id = q.id",
        "join postings as q on p.id = 'a' and q.id = 'a'",
        "join postings as q on p.amount <> q.amount",
        "join postings as q on p.amount > q.amount",
        "left join postings as q on p.amount > q.amount and p.at > q.at",
        "join postings as q on p.id = q.id or p.amount > 0",
        "join postings as q on p.id not like q.id",
        "cross join postings as q",
        ", postings as q",
        "join (select id from postings order by id limit 50) as q on true",
    ] {
        let told = joined(multiplies);
        assert_eq!(told.len(), 1, "{multiplies}: {told:?}");
        assert!(told[0].starts_with("E208 sql/ledger.sql:3:") && is_exact(&told[0]), "{multiplies}: {told:?}");
    }
}

#[test]
fn keys_patterns_spans_single_rows_and_rows_written_out_may_be_joined() {
    for kept in [
        "join postings as q on p.id = q.id",
        "join postings as q on p.id is not distinct from q.reverses",
        "join postings as q on p.amount > q.amount and p.id = q.id",
        "join postings as q on p.id like q.reverses",
        "join postings as q on p.at >= q.at and p.at <= q.at",
        "join postings as q on p.at between q.at and q.at",
        "join postings as q on p.id = q.id or p.id = q.reverses",
        "cross join (select max(amount) as top from postings) as q",
        "join (select max(amount) as top from postings) as q on p.amount <= q.top",
        "join (select 'a' as x union all select 'b' as x) as q on q.x is not null",
    ] {
        assert_eq!(joined(kept), Vec::<String>::new(), "{kept}");
    }
}

#[test]
fn rows_are_chosen_by_an_order() {
    assert_eq!(refused_ledger(&format!("{LEDGER}\nlimit 5")), ["E210 sql/ledger.sql:3:7"]);
    let inner = "join (select id from postings limit 1) as q on q.id = p.id";
    assert_eq!(joined(inner), ["E210 sql/ledger.sql:3:37"]);
    assert_eq!(refused_ledger(&LEDGER.replace("select", "select distinct on (p.id)")), ["E210 sql/ledger.sql:2:1"]);
    assert_eq!(refused_ledger(&format!("{LEDGER}\norder by p.id limit 5")), Vec::<String>::new());
}

#[test]
fn what_comes_first_or_next_is_said_by_an_order() {
    let with = |expr: &str, rest: &str| {
        joined(&format!("join (select p.id as id, {expr} as x from postings as p {rest}) as q on q.id = p.id"))
    };
    for taken_as_it_comes in [
        ("row_number() over ()", ""),
        ("row_number() over (partition by p.id)", ""),
        ("lag(p.id) over (partition by p.id)", ""),
        ("first_value(p.id) over w", "window w as (partition by p.id)"),
        ("sum(p.amount) over (rows between 1 preceding and current row)", ""),
        ("sum(p.amount) over (partition by p.id rows 2 preceding)", ""),
        ("string_agg(p.reverses, ', ')", "group by p.id"),
        ("array_agg(p.reverses)", "group by p.id"),
        ("last_value(p.reverses)", "group by p.id"),
    ] {
        let (expr, rest) = taken_as_it_comes;
        assert_eq!(with(expr, rest), ["E210 sql/ledger.sql:3:26"], "{expr}");
    }
    for kept in [
        ("row_number() over (order by p.id)", ""),
        ("rank() over (partition by p.id order by p.at)", ""),
        ("first_value(p.id) over w", "window w as (partition by p.id order by p.at)"),
        ("sum(p.amount) over (partition by p.id)", ""),
        ("count(*) over ()", ""),
        ("sum(p.amount) over (rows between unbounded preceding and unbounded following)", ""),
        ("string_agg(p.reverses, ', ' order by p.at)", "group by p.id"),
    ] {
        let (expr, rest) = kept;
        assert_eq!(with(expr, rest), Vec::<String>::new(), "{expr}");
    }
}

#[test]
fn a_query_changes_and_locks_nothing() {
    assert_eq!(refused_ledger(&format!("{LEDGER}\nfor update")), ["E202 sql/ledger.sql:3:1"]);
    let into = LEDGER.replace("from", "\ninto copies from");
    assert_eq!(refused_ledger(&into), ["E202 sql/ledger.sql:3:1"]);
}

#[test]
fn a_recursive_query_is_refused() {
    let numbers = "-- numbers\nwith recursive n as (select 1 as x union all select x + 1 from n) ";
    let told = refused_ledger(&LEDGER.replace("-- one row per posting\n", numbers));
    assert_eq!(told, ["E213 sql/ledger.sql:2:1"]);
}
