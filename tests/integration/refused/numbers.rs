//! Numbers that would not be exact: floats wherever money passes through one, and products of integers that may wrap.

use super::{is_exact, refused_ledger};

fn ledger(amount: &str) -> Vec<String> {
    refused_ledger(&format!("-- one row\nselect id, local_day(at) as booked_on, {amount} as amount from postings"))
}

#[test]
fn money_passes_through_no_float_whatever_becomes_of_it() {
    for through in [
        "cast(cast(amount as double) as decimal(18,2))",
        "cast(round(cast(amount as double), 1) as decimal(18,2))",
        "cast(-cast(amount as double) as decimal(18,2))",
        "cast(cast(amount as double) % 100000 as decimal(18,2))",
        "cast(cast(amount as double) * 1.2 as decimal(18,2))",
        "cast(arrow_cast(amount, 'Float32') as decimal(18,2))",
        "cast(cast(cast(amount as float) as varchar) as decimal(18,2))",
        "cast(cast(cast(amount as varchar) as double) as decimal(18,2))",
        "case when try_cast(amount as double) > 1 then amount else 0.00 end",
        "cast((select cast(stddev(q.amount) as decimal(18,2)) from postings as q) as decimal(18,2))",
    ] {
        let told = ledger(through);
        assert_eq!(told.len(), 1, "{through}: {told:?}");
        assert!(told[0].starts_with("E204 sql/ledger.sql:2:") && is_exact(&told[0]), "{through}: {told:?}");
    }
    let told = refused_ledger(&format!("{} where cast(p.amount as double) > 1", super::LEDGER));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("E204 sql/ledger.sql:2:"), "{told:?}");
}

#[test]
fn a_float_is_told_where_it_is_made_and_not_again_by_whoever_reads_it() {
    let project = crate::fixtures::project::Project::new();
    project.file("sql/stg.sql", b"-- one row\nselect id, at, cast(amount as double) as amount from postings");
    project.file(
        "sql/ledger.sql",
        b"-- one row\nselect id, local_day(at) as booked_on, cast(sum(amount) as decimal(18,2)) as amount from stg group by 1, 2",
    );
    assert_eq!(super::refused(&project), ["E204 sql/stg.sql:2:21"]);
}

#[test]
fn decimals_stay_allowed() {
    for exact in [
        "cast(amount * 1.2 as decimal(18,2))",
        "cast(amount * 1.2e0 as decimal(18,2))",
        "cast(-amount as decimal(18,2))",
        "abs(amount)",
        "amount",
    ] {
        assert_eq!(ledger(exact), Vec::<String>::new(), "{exact}");
    }
}

#[test]
fn a_product_of_integers_has_to_fit() {
    let wide = "cast(length(id) as bigint)";
    let product = |text: &str| ledger(&format!("cast(amount + {text} as decimal(18,2))"));
    for wraps in [format!("{wide} * 9000000000000000000"), format!("{wide} * {wide}")] {
        let told = product(&wraps);
        assert_eq!(told.len(), 1, "{wraps}: {told:?}");
        assert!(told[0].starts_with("E206 sql/ledger.sql:2:") && is_exact(&told[0]), "{wraps}: {told:?}");
    }
    for fits in [format!("{wide} * 2"), "2 * 3".to_owned(), format!("cast({wide} as decimal(10,0)) * 2")] {
        assert_eq!(product(&fits), Vec::<String>::new(), "{fits}");
    }
}
