//! The shipped pipeline over the generated shop: every published figure is the one the generator knows to be true.

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

    let second = demo(&SHOP);
    assert!(second.code == 0 && second.stdout.contains("nothing due"), "{second:?}");
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
