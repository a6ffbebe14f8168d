//! The shipped models with lines changed for the worse: an identity or the second reader tells each of them.

use crate::fixtures::shop::Shop;

const LINES: &str = "sql/intermediate/int_order_lines_posted.sql";

#[test]
fn sales_of_one_currency_a_unit_of_cost_and_the_sign_of_a_tax_are_told_apart() {
    let shop = Shop::published();
    let sales = "cast(judged.list_amount * judged.rate as decimal(18,4)) as gross_sales";
    let no_pounds =
        format!("case when judged.currency = 'GBP' then 0.0000 else {}", sales.replace(" as gross", " end as gross"));
    shop.edit(LINES, sales, &no_pounds);
    shop.edit(
        LINES,
        "-judged.quantity * judged.cost['unit_cost']",
        "-(judged.quantity + 1) * judged.cost['unit_cost']",
    );
    let tax = "cast(judged.tax * judged.rate as decimal(18,4)) as tax";
    shop.edit("sql/intermediate/int_orders_posted.sql", tax, &tax.replace("(judged", "(-judged"));
    shop.is_held(&[
        "[BLOCK] reconciliation_broken: converted of order lines (amount, GBP)",
        "[BLOCK] control_total:ledger_at_its_rates: ",
        "[BLOCK] reconciliation_broken: recomputed costs of order lines (product_cost, EUR)",
        "[BLOCK] reconciliation_broken: converted of orders (tax, EUR)",
    ]);
}

#[test]
fn rates_that_are_not_those_on_file_and_rows_that_quarantine_does_not_show_are_told_apart() {
    let shop = Shop::published();
    let rate = "else fx_rate_at(stg_orders.currency, stg_orders.ordered_on)";
    let half = "else cast(fx_rate_at(stg_orders.currency, stg_orders.ordered_on) * 0.5 as decimal(18,8))";
    shop.edit("sql/intermediate/int_orders_mapped.sql", rate, half);
    let shown = "from quarantined\nwhere quarantined.reject_reason <> 'duplicate_key'\n";
    shop.edit("sql/marts/quarantined_rows.sql", "from quarantined\n", shown);
    shop.is_held(&[
        "[BLOCK] reconciliation_broken: dated rates of orders (rows, GBP)",
        "[BLOCK] reconciliation_broken: quarantine of spend (rows, all)",
        "[BLOCK] control_total:quarantined_rows: left ",
        "[BLOCK] control_total:quarantined_amount: left ",
    ]);
}
