//! Counts of stock: who is counted when, and which counts are wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::{Shop, instants, integers, options, shop, small, texts};
use jiff::civil::date;

/// Instant, SKU, location and sales channel.
type Key = (i64, String, String, String);
/// System, channel and reserved quantity.
type Quantities = [i64; 3];

fn counts(shop: &Shop) -> Vec<(Key, Quantities)> {
    let mut counts = Vec::new();
    for batch in shop.batches("inventory") {
        let at = instants(&batch, "snapshot_at");
        let names = ["sku", "location", "sales_channel"].map(|column| texts(&batch, column));
        let quantities =
            ["system_quantity", "channel_quantity", "reserved_quantity"].map(|column| integers(&batch, column));
        for row in 0..batch.num_rows() {
            let [sku, location, channel] = names.each_ref().map(|texts| texts[row].unwrap().to_owned());
            counts.push(((at[row], sku, location, channel), quantities.each_ref().map(|column| column[row])));
        }
    }
    counts
}

fn day(at: i64) -> String {
    jiff::Timestamp::from_microsecond(at).unwrap().to_string()[..10].to_owned()
}

#[tokio::test]
async fn a_count_is_there_once_except_for_exact_copies() {
    let shop = shop(small()).await;
    let counts = counts(&shop);
    let rows: BTreeSet<_> = counts.iter().collect();
    let keys: BTreeSet<_> = counts.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), rows.len(), "nothing is counted twice with different outcomes");
    let copies = (counts.len() - rows.len()) as u64;
    assert!(copies > 0);
    assert_eq!(shop.fate("inventory", "duplicates"), copies);
}

#[tokio::test]
async fn all_stock_is_counted_as_a_month_ends_and_the_best_sellers_every_evening() {
    let shop = shop(options(300, 2, date(2026, 11, 12))).await;
    let mut skus: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((at, sku, ..), _) in counts(&shop) {
        skus.entry(day(at)).or_default().insert(sku);
    }
    let days: Vec<_> = skus.keys().cloned().collect();
    let (first, last) = (date(2026, 10, 1), date(2026, 11, 13));
    let expected: Vec<_> = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).collect();
    assert_eq!(days, expected.iter().map(ToString::to_string).collect::<Vec<_>>());
    for (day, skus) in &skus {
        let expected = if ["2026-10-31", "2026-11-12"].contains(&day.as_str()) { 200 } else { 10 };
        assert_eq!(skus.len(), expected, "{day}");
    }
    let sold: BTreeSet<String> =
        shop.batches("order_lines").iter().flat_map(|batch| texts(batch, "sku")).flatten().map(str::to_owned).collect();
    assert!(sold.is_subset(&skus["2026-10-31"]), "what is sold is counted");
}

#[tokio::test]
async fn a_channel_offers_what_is_not_reserved_except_where_the_truth_says_so() {
    let shop = shop(small()).await;
    let mut wrong: BTreeMap<(String, &str), (u64, i64)> = BTreeMap::new();
    let counts: BTreeMap<_, _> = counts(&shop).into_iter().collect();
    for ((at, ..), [system, offered, reserved]) in counts.into_iter().filter(|((at, ..), _)| *at < shop.as_of()) {
        assert!(offered >= 0 && reserved >= 0);
        let more = offered - (system - reserved).max(0);
        let (kind, pieces) = match more {
            _ if system < 0 => ("negative", -system),
            0 => continue,
            1.. => ("oversold", more),
            _ => ("hidden", -more),
        };
        let tally = wrong.entry((day(at)[..7].to_owned(), kind)).or_default();
        *tally = (tally.0 + 1, tally.1 + pieces);
    }
    let told = shop.listed("stock").iter().map(|entry| {
        let [period, kind] = ["period", "mismatch"].map(|name| entry[name].as_str().unwrap());
        ((period.to_owned(), kind), (entry["rows"].as_u64().unwrap(), entry["quantity"].as_i64().unwrap()))
    });
    let told: BTreeMap<_, _> = told.collect();
    assert_eq!(told, wrong);
    assert_eq!(told.len(), 9, "three kinds in three months");
}

#[tokio::test]
async fn more_orders_of_the_same_products_do_not_make_more_counts() {
    let end = date(2026, 10, 31);
    let (few, many) = (shop(options(100, 1, end)).await, shop(options(4_000, 1, end)).await);
    assert_eq!(counts(&few), counts(&many));
}
