//! The sample shop: the same everywhere, and what its truth says is in its files.

mod balances;
mod promotions;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use futures::TryStreamExt;
use jiff::civil::{Date, date};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tieout::sample::{Location, SampleOptions, Summary, write};

type Files = BTreeMap<String, Bytes>;

struct Shop {
    summary: Summary,
    files: Files,
    truth: Value,
}

fn options(orders: u64, months: u32, end: Date) -> SampleOptions {
    SampleOptions::new(orders, months, end)
}

fn small() -> SampleOptions {
    options(2_500, 3, date(2026, 10, 31))
}

async fn shop(options: SampleOptions) -> Shop {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let location = Location { store: Arc::clone(&store), root: "shop".into() };
    let summary = write(options, &location).await.unwrap();
    let mut files = Files::new();
    for entry in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
        let bytes = store.get(&entry.location).await.unwrap().bytes().await.unwrap();
        files.insert(entry.location.to_string(), bytes);
    }
    let truth = serde_json::from_slice(&files["shop/truth.json"]).unwrap();
    Shop { summary, files, truth }
}

impl Shop {
    fn batches(&self, stream: &str) -> Vec<RecordBatch> {
        let of_stream = |name: &&String| name.starts_with(&format!("shop/{stream}/"));
        self.files
            .keys()
            .filter(of_stream)
            .flat_map(|name| {
                let reader = ParquetRecordBatchReaderBuilder::try_new(self.files[name].clone()).unwrap();
                reader.build().unwrap().map(Result::unwrap)
            })
            .collect()
    }

    /// A line of the truth over all cells of a basis, with four digits.
    fn total(&self, basis: &str, line: &str) -> i128 {
        let cells = self.truth["totals"].as_array().unwrap().iter().filter(|cell| cell["basis"] == basis);
        cells.filter_map(|cell| cell["lines"][line].as_str()).map(unscaled).sum()
    }

    fn fate(&self, stream: &str, fate: &str) -> u64 {
        self.truth["streams"][stream][fate]["rows"].as_u64().unwrap()
    }

    /// Source cents of a currency by what became of the rows.
    fn source(&self, stream: &str, fate: &str, currency: &str) -> i128 {
        self.truth["streams"][stream][fate]["amounts"][currency]["amount"].as_str().map_or(0, unscaled)
    }

    /// The first instant that no longer counts, in microseconds.
    fn as_of(&self) -> i64 {
        let day: Date = self.truth["as_of_day"].as_str().unwrap().parse().unwrap();
        day.in_tz("Europe/Berlin").unwrap().timestamp().as_microsecond()
    }

    /// The entries of a list of the truth.
    fn listed(&self, name: &str) -> &[Value] {
        self.truth[name].as_array().unwrap()
    }
}

fn unscaled(decimal: &str) -> i128 {
    decimal.replace('.', "").parse().unwrap()
}

fn cents(batch: &RecordBatch, column: &str) -> Vec<Option<i128>> {
    batch.column_by_name(column).unwrap().as_primitive::<Decimal128Type>().iter().collect()
}

fn texts<'a>(batch: &'a RecordBatch, column: &str) -> Vec<Option<&'a str>> {
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().collect()
}

fn integers(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn instants(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch.column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>().values().to_vec()
}

const FATES: [&str; 4] = ["ledger", "after_as_of", "duplicates", "quarantined"];

#[tokio::test]
async fn the_same_options_give_the_same_bytes() {
    let (one, other) = (shop(small()).await, shop(small()).await);
    assert_eq!(one.summary, other.summary);
    assert_eq!(one.files, other.files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_number_of_threads_does_not_change_a_byte() {
    let alone = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(shop(small()))
    });
    assert_eq!(shop(small()).await.files, alone.join().unwrap().files);
}

#[tokio::test]
async fn another_seed_gives_another_shop() {
    let (one, other) = (shop(small()).await, shop(SampleOptions { seed: 2, ..small() }).await);
    assert_ne!(one.total("booked", "gross_sales"), other.total("booked", "gross_sales"));
    assert_eq!(one.files.keys().collect::<Vec<_>>(), other.files.keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn both_bases_come_to_the_same_over_all_months() {
    let shop = shop(small()).await;
    for line in ["gross_sales", "returns", "cost_recovered", "product_cost", "payment_fees", "media_spend", "tax"] {
        assert_ne!(shop.total("booked", line), 0, "{line}");
        assert_eq!(shop.total("booked", line), shop.total("cohort", line), "{line}");
    }
}

#[tokio::test]
async fn every_row_of_a_file_has_one_fate() {
    let shop = shop(small()).await;
    for (stream, rows) in &shop.summary.rows {
        let read: u64 = shop.batches(stream).iter().map(|batch| batch.num_rows() as u64).sum();
        assert_eq!(read, *rows, "{stream}");
        assert_eq!(FATES.map(|fate| shop.fate(stream, fate)).iter().sum::<u64>(), read, "{stream}");
    }
}

#[tokio::test]
async fn the_amounts_of_every_fate_sum_to_what_the_files_hold() {
    let shop = shop(small()).await;
    for (stream, column) in [("orders", "order_total"), ("refunds", "amount"), ("spend", "amount"), ("fees", "amount")]
    {
        let mut sums: BTreeMap<String, i128> = BTreeMap::new();
        for batch in shop.batches(stream) {
            for (currency, amount) in texts(&batch, "currency").into_iter().zip(cents(&batch, column)) {
                *sums.entry(currency.unwrap().to_owned()).or_default() += amount.unwrap_or(0);
            }
        }
        for (currency, sum) in sums {
            let told: i128 = FATES.iter().map(|fate| shop.source(stream, fate, &currency)).sum();
            assert_eq!(told, sum, "{stream} {currency}");
        }
    }
}

#[tokio::test]
async fn the_platforms_own_totals_are_the_spend_that_counts() {
    let shop = shop(small()).await;
    for currency in ["EUR", "USD", "GBP", "SEK"] {
        let counted = shop.source("spend", "ledger", currency) + shop.source("spend", "after_as_of", currency);
        assert_eq!(shop.source("spend_control", "ledger", currency), counted, "{currency}");
    }
}

#[tokio::test]
async fn spend_in_the_reporting_currency_is_the_truths_media_spend() {
    let options = SampleOptions { currency: tieout::sample::Currency::Usd, ..small() };
    let (euro, dollar) = (shop(small()).await, shop(options).await);
    assert_eq!(euro.source("spend", "ledger", "EUR"), dollar.source("spend", "ledger", "EUR"));
    assert_ne!(euro.total("booked", "media_spend"), dollar.total("booked", "media_spend"));
}

#[tokio::test]
async fn every_kind_of_dirt_is_there_in_a_small_shop() {
    let shop = shop(small()).await;
    let dirt = shop.truth["dirt"].as_object().unwrap();
    let expected = [
        "late_refunds",
        "orphan_refunds",
        "unknown_line_refunds",
        "orphan_lines",
        "not_footing_orders",
        "unmapped_orders",
        "unmapped_spend",
        "missing_cost_lines",
        "missing_fx_orders",
        "restated_spend",
        "proposed_costs",
        "revised_costs",
        "duplicate_orders",
        "duplicate_order_lines",
        "duplicate_refunds",
        "duplicate_spend",
        "duplicate_shipments",
        "duplicate_fees",
        "conflicting_orders",
        "conflicting_order_lines",
        "conflicting_refunds",
        "conflicting_spend",
        "null_orders",
        "null_order_lines",
        "null_refunds",
        "null_spend",
    ];
    assert_eq!(expected.iter().filter(|kind| !dirt.contains_key(**kind)).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[tokio::test]
async fn an_orders_parts_foot_to_its_total_except_where_the_truth_says_so() {
    let shop = shop(small()).await;
    let mut parts: BTreeMap<String, i128> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for batch in shop.batches("order_lines") {
        let (orders, prices) = (texts(&batch, "order_id"), cents(&batch, "list_price"));
        let numbers = batch.column_by_name("line_no").unwrap().as_primitive::<Int64Type>();
        let quantities = batch.column_by_name("quantity").unwrap().as_primitive::<Int64Type>();
        let [discounts, platform, tax] = ["discount", "platform_discount", "tax"].map(|name| cents(&batch, name));
        for row in 0..batch.num_rows() {
            let key = (orders[row].unwrap().to_owned(), numbers.value(row));
            if key.1 < 90 && seen.insert(key.clone()) {
                let net = prices[row].unwrap() * i128::from(quantities.value(row)) - discounts[row].unwrap();
                *parts.entry(key.0).or_default() += net - platform[row].unwrap() + tax[row].unwrap();
            }
        }
    }
    let mut unfooted = BTreeSet::new();
    for batch in shop.batches("orders") {
        let money = ["order_total", "shipping_charged", "shipping_discount", "tax"].map(|name| cents(&batch, name));
        for (row, order) in texts(&batch, "order_id").into_iter().enumerate() {
            let [Some(total), Some(shipping), Some(discount), Some(tax)] = money.each_ref().map(|cents| cents[row])
            else {
                continue;
            };
            let Some(order) = order.filter(|order| order.starts_with('S')) else { continue };
            if parts[order] + shipping - discount + tax != total {
                unfooted.insert(order.to_owned());
            }
        }
    }
    let told = shop.truth["dirt"]["not_footing_orders"].as_object().unwrap();
    assert_eq!(unfooted.len() as u64, told.values().map(|tally| tally["rows"].as_u64().unwrap()).sum::<u64>());
}

#[tokio::test]
async fn rows_are_in_the_partition_of_their_own_month() {
    let shop = shop(options(1_000, 3, date(2026, 3, 31))).await;
    let instants = [
        ("orders", "ordered_at"),
        ("refunds", "refunded_at"),
        ("shipments", "shipped_at"),
        ("inventory", "snapshot_at"),
    ];
    for (stream, column) in instants {
        for (name, bytes) in shop.files.iter().filter(|(name, _)| name.starts_with(&format!("shop/{stream}/"))) {
            for batch in ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().build().unwrap() {
                let batch = batch.unwrap();
                let instants = batch.column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>();
                for at in instants.values() {
                    let at = jiff::Timestamp::from_microsecond(*at).unwrap().to_string();
                    assert!(name.contains(&format!("month={}", &at[..7])), "{name}: {at}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_shop_may_have_no_orders() {
    let shop = shop(options(0, 1, date(2026, 2, 28))).await;
    assert_eq!(shop.fate("orders", "ledger"), 0);
    assert!(shop.files.contains_key("shop/orders/month=2026-02/part-0.parquet"));
    assert_eq!(shop.total("booked", "gross_sales"), 0);
    assert_ne!(shop.total("booked", "media_spend"), 0);
}

#[tokio::test]
async fn a_shop_may_end_on_any_day() {
    for end in [date(2024, 2, 29), date(2026, 11, 12), date(2025, 12, 31), date(2026, 3, 1)] {
        let shop = shop(options(300, 2, end)).await;
        assert_eq!(shop.truth["as_of_day"], end.tomorrow().unwrap().to_string());
        let batches = shop.batches("spend");
        let last = batches.iter().flat_map(|batch| {
            let days = batch.column_by_name("spend_date").unwrap().as_primitive::<Date32Type>();
            days.iter().flatten().collect::<Vec<_>>()
        });
        let after = date(1970, 1, 1).until(end).unwrap().get_days() + 1;
        assert_eq!(last.max(), Some(after), "{end}");
        assert_eq!(shop.fate("orders", "ledger") + shop.fate("orders", "after_as_of"), 300);
    }
}

#[tokio::test]
async fn the_second_edition_restates_only_what_the_first_one_announces() {
    let (first, second) = (shop(small()).await, shop(SampleOptions { edition: 2, ..small() }).await);
    let announced = first.truth["dirt"]["restated_spend"]["EUR"]["amount"].as_str().map(unscaled).unwrap();
    let moved = second.source("spend", "ledger", "EUR") - first.source("spend", "ledger", "EUR");
    assert_eq!(moved, announced);
    let changed: Vec<_> = first.files.iter().filter(|(name, bytes)| second.files[*name] != **bytes).collect();
    let names: Vec<_> = changed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "shop/gl_balances/month=2026-10/part-0.parquet",
            "shop/orders/month=2026-10/part-0.parquet",
            "shop/product_costs/part-0.parquet",
            "shop/spend/month=2026-10/part-0.parquet",
            "shop/spend_control/month=2026-10/part-0.parquet",
            "shop/truth.json",
        ]
    );
}

#[tokio::test]
async fn options_that_make_no_shop_are_refused() {
    let location = Location { store: Arc::new(InMemory::new()), root: "shop".into() };
    let refused = [
        SampleOptions { months: 0, ..small() },
        SampleOptions { months: 601, ..small() },
        SampleOptions { edition: 3, ..small() },
        SampleOptions { orders: u64::MAX, ..small() },
        SampleOptions { end: Date::MIN, ..small() },
    ];
    for options in refused {
        let text = format!("{options:?}");
        let error = write(options, &location).await.expect_err(&text);
        assert_eq!(error.exit(), tieout::error::Exit::Usage, "{error}");
    }
}
