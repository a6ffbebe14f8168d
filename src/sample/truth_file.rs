//! The truth as a file: `truth.json`, with every amount as text.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::closing::Difference;
use super::horizon::date_of;
use super::promotions::{Promotion, Used};
use super::truth::{Cell, Fate, Tally};
use super::words::{Currency, Line, Mismatch, Stream};
use super::{Shop, Truth};

/// Rows of each stream's files, by partition; the empty one for streams without partitions.
pub(super) type Written = BTreeMap<Stream, BTreeMap<String, u64>>;

pub(super) fn render(shop: &Shop, truth: &Truth, written: &Written) -> Vec<u8> {
    let options = &shop.options;
    let document = json!({
        "options": {
            "orders": options.orders,
            "months": options.months,
            "end": options.end.to_string(),
            "seed": options.seed,
            "edition": options.edition,
            "time_zone": options.time_zone.iana_name(),
        },
        "currency": shop.rates.reporting().name(),
        "as_of_day": date_of(shop.horizon.end).to_string(),
        "streams": streams(truth, written),
        "dirt": dirt(truth),
        "suspense": suspense(truth),
        "totals": totals(shop, truth),
        "promotions": promotions(shop, truth),
        "stock": stock(shop, truth),
        "gl_differences": differences(shop, truth),
    });
    let mut text = format!("{document:#}").into_bytes();
    text.push(b'\n');
    text
}

fn streams(truth: &Truth, written: &Written) -> Value {
    let streams = written.iter().map(|(stream, partitions)| {
        let fate = |fate| tallies(truth, *stream, fate);
        let entry = json!({
            "rows": partitions.values().sum::<u64>(),
            "partitions": partitions,
            Fate::Ledger.name(): fate(Fate::Ledger),
            Fate::AfterAsOf.name(): fate(Fate::AfterAsOf),
            Fate::Duplicate.name(): fate(Fate::Duplicate),
            Fate::Quarantined.name(): fate(Fate::Quarantined),
        });
        (stream.name().to_owned(), entry)
    });
    Value::Object(streams.collect())
}

fn tallies(truth: &Truth, stream: Stream, fate: Fate) -> Value {
    let own = truth.fates.iter().filter(|((of, with, _), _)| *of == stream && *with == fate);
    let amounts: Map<String, Value> =
        own.clone().map(|((_, _, currency), tally)| (currency.name().to_owned(), tally_of(tally, 2))).collect();
    json!({ "rows": own.map(|(_, tally)| tally.rows).sum::<u64>(), "amounts": amounts })
}

fn dirt(truth: &Truth) -> Value {
    let mut kinds: Map<String, Value> = Map::new();
    for ((kind, currency), tally) in &truth.dirt {
        let entry = kinds.entry(kind.clone()).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(entry) = entry {
            entry.insert(Currency::name(*currency).to_owned(), tally_of(tally, 2));
        }
    }
    Value::Object(kinds)
}

fn suspense(truth: &Truth) -> Value {
    let row = |((stream, reason), tally): (&(Stream, super::words::Suspense), &Tally)| {
        json!({
            "stream": stream.name(),
            "reason": reason.name(),
            "rows": tally.rows,
            "contribution": decimal(tally.amount, 4),
        })
    };
    truth.suspense.iter().map(row).collect()
}

fn totals(shop: &Shop, truth: &Truth) -> Value {
    let row = |(basis, month, sales, marketing, cell): (_, u32, super::Sales, super::Marketing, &Cell)| {
        json!({
            "basis": basis,
            "period": period(shop, month),
            "sales_channel": sales.name(),
            "marketing_channel": marketing.name(),
            "rows": cell.rows,
            "units": cell.units,
            "lines": lines(cell),
        })
    };
    truth.cells().map(row).collect()
}

fn period(shop: &Shop, month: u32) -> Option<&str> {
    shop.horizon.months.get(month as usize).map(|month| month.label.as_str())
}

/// What each promotion's lines gave away, and whether the shop knows the promotion at all.
fn promotions(shop: &Shop, truth: &Truth) -> Value {
    let row = |((promotion, currency), used): (&(Promotion, Currency), &Used)| {
        json!({
            "promotion_id": shop.horizon.months.get(promotion.month as usize).map(|month| promotion.id(month)),
            "is_listed": shop.is_listed(*promotion),
            "funded_by": promotion.funded_by(),
            "planned_depth": decimal(i128::from(shop.planned_depth(*promotion)), 4),
            "currency": currency.name(),
            "lines": used.lines,
            "gross_sales": decimal(used.gross, 2),
            "discount": decimal(used.discount, 2),
        })
    };
    truth.promotions.iter().map(row).collect()
}

fn stock(shop: &Shop, truth: &Truth) -> Value {
    let row = |((month, mismatch), tally): (&(u32, Mismatch), &Tally)| {
        json!({
            "period": period(shop, *month),
            "mismatch": mismatch.name(),
            "rows": tally.rows,
            "quantity": tally.amount as i64,
        })
    };
    truth.stock.iter().map(row).collect()
}

fn differences(shop: &Shop, truth: &Truth) -> Value {
    let row = |difference: &Difference| {
        let account = difference.account;
        json!({
            "period": period(shop, account.month),
            "account": account.number().to_string(),
            "line": account.line.name(),
            "sales_channel": account.sales.name(),
            "reason": difference.why.name(),
            "amount": decimal(difference.amount, 4),
        })
    };
    truth.differences.iter().map(row).collect()
}

/// The lines that are not zero.
fn lines(cell: &Cell) -> Value {
    let named = Line::ALL.iter().zip(&cell.lines).filter(|(_, amount)| **amount != 0);
    Value::Object(named.map(|(line, amount)| (line.name().to_owned(), decimal(*amount, 4))).collect())
}

fn tally_of(tally: &Tally, scale: u32) -> Value {
    json!({ "rows": tally.rows, "amount": decimal(tally.amount, scale) })
}

/// An unscaled number as text, with all its digits.
fn decimal(unscaled: i128, scale: u32) -> Value {
    let (sign, digits) = (if unscaled < 0 { "-" } else { "" }, unscaled.unsigned_abs());
    let one = 10_u128.pow(scale);
    let (whole, rest) = (digits / one, digits % one);
    Value::String(format!("{sign}{whole}.{rest:0width$}", width = scale as usize))
}
