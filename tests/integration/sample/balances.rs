//! The general ledger: the truth's booked figures, and the differences that the truth lists.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;

use super::{Shop, cents, options, shop, small, texts, unscaled};

/// Period, line and sales channel.
type Place = [String; 3];
const MEMOS: [&str; 3] = ["tax", "footing_difference", "fx_difference"];

/// Accounts and amounts with four digits, by place.
fn balances(shop: &Shop) -> BTreeMap<Place, (String, i128)> {
    let mut balances = BTreeMap::new();
    for batch in shop.batches("gl_balances") {
        let columns = ["period", "line", "sales_channel"].map(|column| texts(&batch, column));
        let (accounts, amounts) = (texts(&batch, "account"), cents(&batch, "amount"));
        for row in 0..batch.num_rows() {
            let place = columns.each_ref().map(|texts| texts[row].unwrap().to_owned());
            let before = balances.insert(place, (accounts[row].unwrap().to_owned(), amounts[row].unwrap()));
            assert!(before.is_none(), "a place has one balance");
        }
    }
    balances
}

fn booked(shop: &Shop) -> BTreeMap<Place, i128> {
    let mut sums: BTreeMap<Place, i128> = BTreeMap::new();
    for cell in shop.listed("totals").iter().filter(|cell| cell["basis"] == "booked") {
        for (line, amount) in cell["lines"].as_object().unwrap() {
            if !MEMOS.contains(&line.as_str()) {
                let [period, sales] = ["period", "sales_channel"].map(|name| cell[name].as_str().unwrap().to_owned());
                *sums.entry([period, line.clone(), sales]).or_default() += unscaled(amount.as_str().unwrap());
            }
        }
    }
    sums
}

/// Amounts by place and reason.
fn differences(shop: &Shop) -> Vec<(Place, String, i128)> {
    let entries = shop.listed("gl_differences").iter().map(|entry| {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        let account = balances(shop).get(&["period", "line", "sales_channel"].map(text)).unwrap().0.clone();
        assert_eq!(account, text("account"));
        (["period", "line", "sales_channel"].map(text), text("reason"), unscaled(&text("amount")))
    });
    entries.collect()
}

#[tokio::test]
async fn a_balance_is_what_was_booked_except_for_the_differences_that_the_truth_lists() {
    let shops = [small(), options(400, 1, date(2026, 2, 28)), options(0, 2, date(2026, 11, 22))];
    for options in shops {
        let shop = shop(options).await;
        let mut expected = booked(&shop);
        for (place, _, amount) in differences(&shop) {
            *expected.entry(place).or_default() += amount;
        }
        let read: BTreeMap<_, _> = balances(&shop).into_iter().map(|(place, (_, amount))| (place, amount)).collect();
        expected.retain(|place, amount| *amount != 0 || read.contains_key(place));
        assert_eq!(read, expected);
    }
}

#[tokio::test]
async fn every_kind_of_difference_is_there_in_a_small_shop() {
    let shop = shop(small()).await;
    let reasons: BTreeSet<_> = differences(&shop).into_iter().map(|(_, reason, _)| reason).collect();
    assert_eq!(reasons, ["late_posting", "manual_journal", "transposed_digits"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_late_posting_is_missing_in_one_month_and_found_in_the_next() {
    let shop = shop(small()).await;
    let late = differences(&shop).into_iter().filter(|(_, reason, _)| reason == "late_posting");
    let [(owed, _, less), (paid, _, more)] = late.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!([owed[0].as_str(), paid[0].as_str()], ["2026-09", "2026-10"]);
    assert_eq!(owed[1..], paid[1..]);
    assert!(more < 0, "a cost");
    assert_eq!(less, -more);
}

#[tokio::test]
async fn an_account_is_one_line_of_one_sales_channel_in_every_month() {
    let shop = shop(small()).await;
    let mut accounts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut places = BTreeSet::new();
    for ([_, line, sales], (account, _)) in balances(&shop) {
        let place = format!("{line} of {sales}");
        places.insert(place.clone());
        accounts.entry(account).or_default().insert(place);
    }
    assert_eq!(accounts.values().filter(|places| places.len() > 1).count(), 0);
    assert_eq!(accounts.len(), places.len());
}
