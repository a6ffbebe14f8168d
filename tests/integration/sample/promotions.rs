//! Promotions: what order lines name is in the table, and what is wrong with it is known.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;

use super::{Shop, cents, instants, integers, options, shop, small, texts, unscaled};

struct Promotion {
    days: std::ops::Range<i64>,
    funded_by: String,
    sales_channels: Vec<String>,
}

/// A line that counts, with what its order says.
struct Line {
    at: i64,
    sales_channel: String,
    currency: String,
    promotion: Option<String>,
    gross: i128,
    discount: i128,
    platform_discount: i128,
}

/// Rows and source cents by currency.
type Tallies = BTreeMap<String, (u64, i128)>;

fn promotions(shop: &Shop) -> BTreeMap<String, Promotion> {
    let mut promotions = BTreeMap::new();
    for batch in shop.batches("promotions") {
        let (starts, ends) = (instants(&batch, "starts_at"), instants(&batch, "ends_at"));
        let [ids, funders, channels] =
            ["promotion_id", "funded_by", "sales_channels"].map(|column| texts(&batch, column));
        for row in 0..batch.num_rows() {
            let promotion = Promotion {
                days: starts[row]..ends[row],
                funded_by: funders[row].unwrap().to_owned(),
                sales_channels: channels[row].unwrap().split(',').map(str::to_owned).collect(),
            };
            promotions.insert(ids[row].unwrap().to_owned(), promotion);
        }
    }
    promotions
}

fn lines(shop: &Shop) -> Vec<Line> {
    let mut orders = BTreeMap::new();
    for batch in shop.batches("orders") {
        let at = instants(&batch, "ordered_at");
        let [ids, channels, currencies] = ["order_id", "sales_channel", "currency"].map(|column| texts(&batch, column));
        for row in (0..batch.num_rows()).filter(|row| at[*row] < shop.as_of()) {
            let Some(id) = ids[row].filter(|id| id.starts_with('S')) else { continue };
            orders.insert(
                id.to_owned(),
                (at[row], channels[row].unwrap().to_owned(), currencies[row].unwrap().to_owned()),
            );
        }
    }
    let (mut lines, mut seen) = (Vec::new(), BTreeSet::new());
    for batch in shop.batches("order_lines") {
        let (ids, names) = (texts(&batch, "order_id"), texts(&batch, "promotion_id"));
        let (numbers, quantities) = (integers(&batch, "line_no"), integers(&batch, "quantity"));
        let [prices, discounts, funded] =
            ["list_price", "discount", "platform_discount"].map(|column| cents(&batch, column));
        for row in (0..batch.num_rows()).filter(|row| numbers[*row] < 90) {
            let id = ids[row].unwrap();
            let Some((at, sales_channel, currency)) = orders.get(id).cloned() else { continue };
            if seen.insert((id.to_owned(), numbers[row])) {
                lines.push(Line {
                    at,
                    sales_channel,
                    currency,
                    promotion: names[row].map(str::to_owned),
                    gross: prices[row].unwrap() * i128::from(quantities[row]),
                    discount: discounts[row].unwrap(),
                    platform_discount: funded[row].unwrap(),
                });
            }
        }
    }
    lines
}

fn tallied<'a>(lines: impl Iterator<Item = &'a Line>) -> Tallies {
    let mut tallies = Tallies::new();
    for line in lines {
        let tally = tallies.entry(line.currency.clone()).or_default();
        *tally = (tally.0 + 1, tally.1 + line.discount);
    }
    tallies
}

fn told(shop: &Shop, dirt: &str) -> Tallies {
    let Some(kinds) = shop.truth["dirt"][dirt].as_object() else { return Tallies::new() };
    let tally =
        |tally: &serde_json::Value| (tally["rows"].as_u64().unwrap(), unscaled(tally["amount"].as_str().unwrap()));
    kinds.iter().map(|(currency, entry)| (currency.clone(), tally(entry))).collect()
}

#[tokio::test]
async fn a_line_names_a_promotion_of_the_table_except_for_the_one_that_was_never_entered() {
    let shop = shop(small()).await;
    let (promotions, lines) = (promotions(&shop), lines(&shop));
    let is_lost = |line: &&Line| line.promotion.as_ref().is_some_and(|id| !promotions.contains_key(id));
    let lost: BTreeSet<_> = lines.iter().filter(is_lost).map(|line| line.promotion.as_deref().unwrap()).collect();
    assert_eq!(lost, BTreeSet::from(["promo-2026-09"]));
    assert_eq!(tallied(lines.iter().filter(is_lost)), told(&shop, "unknown_promotion_lines"));
}

#[tokio::test]
async fn a_line_is_ordered_while_its_promotion_runs_except_for_the_early_ones() {
    for options in [small(), options(900, 1, date(2026, 2, 28)), options(900, 2, date(2026, 11, 22))] {
        let shop = shop(options).await;
        let (promotions, lines) = (promotions(&shop), lines(&shop));
        let promotion = |line: &Line| line.promotion.as_ref().and_then(|id| promotions.get(id));
        let is_outside = |line: &&Line| promotion(line).is_some_and(|found| !found.days.contains(&line.at));
        let outside = tallied(lines.iter().filter(is_outside));
        assert!(!outside.is_empty());
        assert_eq!(outside, told(&shop, "early_promotion_lines"));
        assert!(lines.iter().filter(is_outside).all(|line| line.at < promotion(line).unwrap().days.start));
    }
}

#[tokio::test]
async fn who_pays_for_a_discount_has_a_promotion_for_it() {
    let shop = shop(small()).await;
    let (promotions, lines) = (promotions(&shop), lines(&shop));
    assert!(lines.iter().any(|line| line.platform_discount > 0));
    for line in &lines {
        assert_eq!(line.promotion.is_some(), line.discount > 0);
        if let Some(promotion) = line.promotion.as_ref().and_then(|id| promotions.get(id)) {
            assert_eq!(promotion.funded_by, "shop");
            assert!(promotion.sales_channels.contains(&line.sales_channel));
        }
        let is_open = |found: &&Promotion| {
            found.funded_by == "platform"
                && found.days.contains(&line.at)
                && found.sales_channels.contains(&line.sales_channel)
        };
        let open = promotions.values().filter(is_open).count();
        assert_eq!(open, usize::from(line.sales_channel.starts_with("marketplace")), "{}", line.sales_channel);
        assert!(line.platform_discount == 0 || open == 1);
    }
}

#[tokio::test]
async fn the_truth_knows_what_each_promotion_gave_away() {
    let shop = shop(small()).await;
    let mut given: BTreeMap<(String, String), (u64, i128, i128)> = BTreeMap::new();
    for line in lines(&shop) {
        let mut give = |id: String, discount| {
            let sum = given.entry((id, line.currency.clone())).or_default();
            *sum = (sum.0 + 1, sum.1 + line.gross, sum.2 + discount);
        };
        if line.platform_discount > 0 {
            let month = jiff::Timestamp::from_microsecond(line.at).unwrap().to_string();
            give(format!("{}-{}", line.sales_channel, &month[..7]), line.platform_discount);
        }
        if let Some(id) = line.promotion {
            give(id, line.discount);
        }
    }
    let text = |entry: &serde_json::Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let told = shop.listed("promotions").iter().map(|entry| {
        let [gross, discount] = ["gross_sales", "discount"].map(|name| unscaled(&text(entry, name)));
        let key = (text(entry, "promotion_id"), text(entry, "currency"));
        (key, (entry["lines"].as_u64().unwrap(), gross, discount))
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), given);
}

#[tokio::test]
async fn one_promotion_went_far_deeper_than_planned() {
    let shop = shop(small()).await;
    let mut deep = BTreeSet::new();
    for batch in shop.batches("promotions") {
        for (id, planned) in texts(&batch, "promotion_id").into_iter().zip(cents(&batch, "planned_depth")) {
            let own = shop.listed("promotions").iter().filter(|entry| entry["promotion_id"] == id.unwrap());
            let euro = own.clone().find(|entry| entry["currency"] == "EUR");
            let sum = |name: &str| euro.map_or(0, |entry| unscaled(entry[name].as_str().unwrap()));
            if sum("discount") * 10_000 > sum("gross_sales") * planned.unwrap() * 3 / 2 {
                deep.insert(id.unwrap().to_owned());
            }
        }
    }
    assert_eq!(deep, BTreeSet::from(["promo-2026-08".to_owned()]));
}
