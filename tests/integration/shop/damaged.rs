//! The shipped checks on a shop with one thing wrong in its exports: each is held, and says why.

use crate::fixtures::shop::Shop;

#[test]
fn a_refund_of_a_whole_order_beyond_what_was_paid_a_day_of_1970_and_rates_not_above_zero_each_hold_the_run() {
    let shop = Shop::published();
    let refund = [("refund_id", "'RX'"), ("line_no", "null"), ("kind", "'allowance'"), ("amount", "99999.00")];
    shop.add("refunds", &refund, "currency = 'EUR' and kind = 'return' and line_no = 1");
    let old = [("refund_id", "'R1'"), ("order_id", "'none'"), ("refunded_at", "timestamp '1970-01-01T10:00:00Z'")];
    shop.add("refunds", &old, "kind = 'return'");
    shop.set("fx_rates", &[("rate", "0")], "currency = 'GBP' and rate_date = date '2026-02-10'");
    shop.set("fx_rates", &[("rate", "-rate")], "currency = 'USD' and rate_date = date '2026-02-11'");
    shop.is_held(&[
        "[BLOCK] refund_bound: order ",
        " as a whole, with tax: refunded ",
        "[BLOCK] reconciliation_broken: refund bound of refunds",
        "[BLOCK] implausible_dates: 1 rows of refunds are booked before 2000-01-01, first in 1970-01",
        "[BLOCK] fx_rate_validity: 1 rates of GBP are not above zero, first 0.00000000 on 2026-02-10",
        "[BLOCK] fx_rate_validity: 1 rates of USD are not above zero, first -",
    ]);
}

#[test]
fn a_refund_in_another_currency_is_told_and_bound_by_its_worth() {
    let shop = Shop::published();
    let whole = "currency = 'EUR' and kind = 'cancellation'";
    shop.set("refunds", &[("currency", "'SEK'"), ("amount", "amount * 10"), ("tax", "tax * 10")], whole);
    let published = shop.run();
    assert_eq!(published.code, 0, "worth less than was paid: {published:?}");
    assert!(published.stdout.contains("[warn] refund_currency: "), "{published:?}");
    assert!(published.stdout.contains(" refunds in SEK are of orders in EUR: "), "{published:?}");

    shop.set("refunds", &[("amount", "amount * 2"), ("tax", "tax * 2")], "currency = 'SEK' and kind = 'cancellation'");
    shop.is_held(&["[BLOCK] refund_bound: order ", "and, in other currencies, "]);
}

#[test]
fn a_refund_of_as_many_units_of_a_dearer_currency_holds_the_run() {
    let shop = Shop::published();
    shop.set("refunds", &[("currency", "'EUR'")], "currency = 'SEK'");
    shop.is_held(&["[BLOCK] refund_bound: order ", "and, in other currencies, ", "[warn] refund_currency: "]);
}

#[test]
fn a_source_whose_amounts_cannot_be_read_holds_the_run() {
    let shop = Shop::published();
    shop.set("spend", &[("amount", "null")], "true");
    shop.is_held(&["[BLOCK] quarantine_share: ", " rows of spend in quarantine"]);
}

#[test]
fn a_row_of_the_future_warns_and_a_share_of_them_holds_the_run() {
    let shop = Shop::published();
    let later = [("refund_id", "'R1'"), ("refunded_at", "timestamp '2027-05-01T10:00:00Z'"), ("amount", "1.00")];
    shop.add("refunds", &later, "true");
    let published = shop.run();
    assert_eq!(published.code, 0, "{published:?}");
    let told = " rows of refunds that arrived for 2026-02 are dated after it, as late as 2027-05-01";
    assert!(published.stdout.contains("[warn] dated_ahead: 1 of ") && published.stdout.contains(told), "{published:?}");

    shop.set("refunds", &[("refunded_at", "timestamp '2027-05-01T10:00:00Z'")], "currency = 'EUR'");
    shop.is_held(&["[BLOCK] dated_ahead: ", told]);
}

#[test]
fn a_month_that_arrived_without_rows_holds_the_run() {
    let shop = Shop::published();
    shop.keep("refunds", "false");
    shop.is_held(&[
        "[BLOCK] absent_period: `refunds` has nothing for 2026-02: its files have no rows, and 2026-01 has rows",
    ]);
}

#[test]
fn a_restocked_return_of_unknown_cost_says_so() {
    let shop = Shop::published();
    let sold = shop.query(
        "select sku from contribution_ledger where stream = 'refunds' and cost_recovered > 0 order by source_key limit 1",
    );
    let sku = sold.lines().nth(1).expect("a SKU");
    shop.set("product_costs", &[("status", "'proposed'")], &format!("sku = '{sku}'"));
    let published = shop.run();
    assert_eq!(published.code, 0, "{published:?}");
    let basis = shop.query(&format!(
        "select distinct cost_basis from contribution_ledger where stream = 'refunds' and sku = '{sku}' \
         and returns <> 0 and suspense_reason = 'missing_cost' order by 1"
    ));
    assert!(basis.starts_with("cost_basis\nm") && basis.contains("missing"), "{basis}");
}

#[test]
fn a_week_in_which_nothing_happened_is_held() {
    let shop = Shop::published();
    let run = |week| shop.tieout(&["run", "shop/pipelines/weekly_exceptions.yaml", "--period", week]);
    let published = run("2026-W07");
    assert_eq!(published.code, 0, "{published:?}");
    let held = run("2026-W30");
    assert_eq!(held.code, 79, "{held:?}");
    assert!(
        held.stdout.contains("[BLOCK] empty_period: no shipments, refunds or spend are booked in 2026-W30"),
        "{held:?}"
    );
}
