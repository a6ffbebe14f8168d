//! The shipped pipeline over the generated shop: every published figure is the one the generator knows to be true.

mod damaged;
mod falsified;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::fixtures::project::tieout;

const SHOP: [&str; 6] = ["--orders", "2500", "--months", "3", "--end", "2026-10-31"];
const LINES: &str = "gross_sales, discounts, platform_discounts, shipping_income, returns, allowances, refunded_shipping, \
    cancellations, chargebacks, product_cost, landed_cost, cost_recovered, write_downs, carrier_cost, handling_cost, \
    return_logistics, payment_fees, marketplace_fees, media_spend, media_credits, affiliate_commission";

/// Unscaled amounts (four places) by basis, period, channels and line; zeros left out.
type Figures = BTreeMap<(String, String), i128>;

#[test]
fn every_published_total_of_the_demo_is_the_truth_and_a_second_demo_finds_nothing_due() {
    let folder = TempDir::new().unwrap();
    let demo = |args: &[&str]| tieout(folder.path(), &[&["demo", "shop"], args].concat());
    let first = demo(&SHOP);
    assert_eq!(first.code, 0, "{first:?}");
    let truth: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("shop/shop/truth.json")).unwrap()).unwrap();
    let (published, truth) = (published(folder.path()), of_truth(&truth));
    assert!(truth.len() > 500, "the shop has {} figures", truth.len());
    for (cell, amount) in &truth {
        assert_eq!(published.get(cell), Some(amount), "{cell:?}");
    }
    assert_eq!(published.len(), truth.len(), "nothing is published that is not true");

    let broken = query(folder.path(), "select count(*) as n from reconciliation where not holds or difference <> 0");
    assert_eq!(broken, "n\n0\n");
    assert_eq!(fs::read_dir(folder.path().join("shop/outbox")).unwrap().count(), 2, "two reports");

    for report in ["finance", "growth"] {
        let text = rendered(folder.path(), report);
        assert!(text.contains("Nothing is lost: both sides of every control total are equal."), "{text}");
        assert!(text.contains("COST IS MISSING for "), "{text}");
        assert!(!text.contains("LOST") && !text.contains("PREVIEW"), "{text}");
    }

    let second = demo(&SHOP);
    assert!(second.code == 0 && second.stdout.contains("nothing due"), "{second:?}");
}

#[test]
fn a_shop_of_few_orders_is_published_unless_every_cent_is_material() {
    let folder = TempDir::new().unwrap();
    let shop = ["--orders", "500", "--months", "1", "--end", "2026-02-28"];
    let demo = || tieout(folder.path(), &[&["demo", "shop"], shop.as_slice()].concat());
    assert_eq!(tieout(folder.path(), &["init", "shop"]).code, 0);
    let pipeline = folder.path().join("shop/pipelines/channel_contribution.yaml");
    let shipped = fs::read_to_string(&pipeline).unwrap();
    let strict = shipped.replace("materiality: {decimal: \"1000.00\"}", "materiality: {decimal: \"0.00\"}");
    assert_ne!(strict, shipped);

    fs::write(&pipeline, strict).unwrap();
    let held = demo();
    assert!(held.code == 79 && held.stdout.contains("in quarantine"), "{held:?}");
    fs::write(&pipeline, shipped).unwrap();
    let published = demo();
    assert_eq!(published.code, 0, "{published:?}");
}

#[test]
fn orders_that_state_no_total_foot_and_a_period_without_data_is_held() {
    let folder = TempDir::new().unwrap();
    let shop = ["--orders", "500", "--months", "2", "--end", "2026-02-28"];
    let demo = |args: &[&str]| tieout(folder.path(), &[&["demo", "shop"], args].concat());
    assert_eq!(tieout(folder.path(), &["init", "shop"]).code, 0);
    for model in ["staging/stg_orders.sql", "intermediate/int_orders_counted.sql"] {
        let path = folder.path().join("shop/sql").join(model);
        let shipped = fs::read_to_string(&path).unwrap();
        let stated = "case when orders.sales_channel = 'own_site' then orders.order_total end as order_total";
        let some = shipped.replacen("orders.order_total as order_total", stated, 1);
        assert_ne!(some, shipped, "{model}");
        fs::write(path, some).unwrap();
    }
    let published = demo(&shop);
    assert_eq!(published.code, 0, "{published:?}");
    let foots = "select count(*) as n from reconciliation where identity = 'order_foots' and not holds";
    assert_eq!(query(folder.path(), foots), "n\n0\n");
    let unstated = "select count(*) > 0 as some from contribution_ledger \
        where stream = 'orders' and sales_channel <> 'own_site' and suspense_reason is null";
    assert_eq!(query(folder.path(), unstated), "some\ntrue\n");

    let pipeline = "shop/pipelines/channel_contribution.yaml";
    let held = tieout(folder.path(), &["run", pipeline, "--period", "2026-07"]);
    assert_eq!(held.code, 79, "{held:?}");
    assert!(held.stdout.contains("[BLOCK] empty_period: no orders, order lines, refunds or spend"), "{held:?}");
    assert!(held.stdout.contains("[warn] empty_period: no spend are booked in 2026-07"), "{held:?}");
}

#[test]
fn a_demo_of_a_month_that_is_not_over_reports_on_the_one_before() {
    let folder = TempDir::new().unwrap();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let ended = tieout(folder.path(), &["demo", "shop", "--orders", "300", "--months", "2", "--end", &today]);
    assert!(ended.code == 0 && ended.stdout.contains("published"), "{ended:?}");
}

/// The text of a report as it was published.
fn rendered(folder: &Path, report: &str) -> String {
    let to = folder.join("rendered");
    let to = to.to_str().unwrap();
    let pipeline = "shop/pipelines/channel_contribution.yaml";
    let ended = tieout(folder, &["render", pipeline, "--report", report, "--to", to]);
    assert!(ended.code == 0 && ended.stdout.contains("as it was mailed"), "{ended:?}");
    fs::read_to_string(Path::new(to).join(report).join("body.txt")).unwrap()
}

fn query(folder: &Path, sql: &str) -> String {
    let ended = tieout(folder, &["query", "shop/pipelines/channel_contribution.yaml", sql, "--output", "csv"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.stdout
}

fn published(folder: &Path) -> Figures {
    let sql =
        format!("select basis, period, sales_channel, marketing_channel, {LINES} from channel_contribution_monthly");
    let csv = query(folder, &sql);
    let mut rows = csv.lines();
    let names: Vec<&str> = rows.next().unwrap().split(',').collect();
    let mut figures = Figures::new();
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        for (name, cell) in names.iter().zip(&cells).skip(4) {
            put(&mut figures, &cells[..4].join("/"), name, cell);
        }
    }
    figures
}

fn of_truth(truth: &serde_json::Value) -> Figures {
    let mut figures = Figures::new();
    for cell in truth["totals"].as_array().unwrap() {
        let place = ["basis", "period", "sales_channel", "marketing_channel"]
            .map(|name| cell[name].as_str().unwrap())
            .join("/");
        for (line, amount) in cell["lines"].as_object().unwrap() {
            put(&mut figures, &place, line, amount.as_str().unwrap());
        }
    }
    figures
}

fn put(figures: &mut Figures, place: &str, line: &str, amount: &str) {
    let unscaled: i128 = amount.replace('.', "").parse().unwrap();
    if unscaled != 0 && LINES.split(", ").any(|name| name.trim() == line) {
        assert_eq!(amount.rsplit('.').next().unwrap().len(), 4, "{amount}");
        figures.insert((place.to_owned(), line.to_owned()), unscaled);
    }
}
