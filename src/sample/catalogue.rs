//! What the shop sells, and what it costs.

use super::horizon::{Day, Horizon};
use super::random::{Dice, Topic};
use super::words::Currency;

/// A cost version as known to the shop: amounts with four digits in `currency`.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) valid_from: Day,
    pub(super) unit: i64,
    pub(super) landed: i64,
    pub(super) currency: Currency,
}

/// A row of the cost file.
#[derive(Clone, Copy)]
pub(super) struct CostRow {
    pub(super) product: usize,
    pub(super) cost: Cost,
    pub(super) approved: bool,
    /// How the row is spoilt, if it is.
    pub(super) spoilt: Spoilt,
}

/// What is wrong with a row of the cost file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    No,
    /// A copy of the row before.
    Copy,
    /// One of two rows that contradict each other.
    Contradiction,
    /// Without a unit cost.
    Null,
}

pub(super) struct Product {
    pub(super) sku: String,
    /// In EUR cents, before tax.
    price: i64,
    /// Approved and accepted versions, ascending.
    costs: Vec<Cost>,
}

pub(super) struct Catalogue {
    pub(super) products: Vec<Product>,
    pub(super) rows: Vec<CostRow>,
    popularity: Vec<u32>,
}

/// (code, lowest and highest price in EUR)
const CATEGORIES: [(&str, i64, i64); 8] = [
    ("TEE", 15, 40),
    ("JKT", 70, 320),
    ("SHO", 60, 220),
    ("BAG", 35, 190),
    ("ACC", 6, 60),
    ("HOM", 10, 140),
    ("DEN", 49, 140),
    ("SPO", 20, 110),
];
/// Every so many products one has this defect.
const STRIDE: usize = 197;
/// Every so many products one is revised in the second edition.
const REVISED: usize = 50;

impl Catalogue {
    pub(super) fn new(horizon: &Horizon, orders: u64, seed: u64, edition: u32) -> Self {
        let count = (orders / 50).clamp(200, 5_000) as usize;
        let mut dice = Dice::new(seed, 0, Topic::Catalogue);
        let mut shop = Self { products: Vec::new(), rows: Vec::new(), popularity: Vec::new() };
        let mut weight = 0_u32;
        for number in 0..count {
            weight += 8_000_000 / (number as u32 + 25);
            shop.popularity.push(weight);
            let product = product(number, &mut dice);
            shop.products.push(product);
            shop.add_costs(number, horizon, edition, &mut dice);
        }
        shop
    }

    pub(super) fn pick(&self, dice: &mut Dice) -> usize {
        dice.place(&self.popularity)
    }

    pub(super) fn sku(&self, product: usize) -> &str {
        self.products.get(product).map_or("", |product| product.sku.as_str())
    }

    /// The list price in cents of `currency`.
    pub(super) fn price(&self, product: usize, currency: Currency) -> i64 {
        self.products.get(product).map_or(0, |found| found.list_price(currency, product))
    }

    /// The approved cost that is valid on `day`.
    pub(super) fn cost_on(&self, product: usize, day: Day) -> Option<Cost> {
        let costs = &self.products.get(product)?.costs;
        let next = costs.partition_point(|cost| cost.valid_from <= day);
        costs.get(next.checked_sub(1)?).copied()
    }

    fn add_costs(&mut self, product: usize, horizon: &Horizon, edition: u32, dice: &mut Dice) {
        let mut cost = self.first_cost(product, horizon, dice);
        let days = (horizon.end - horizon.first).max(1);
        let revisions = dice.pick(&[(30, 0), (30, 1), (25, 2), (15, 3)]);
        let defect = product % STRIDE;
        if defect == 113 {
            return;
        }
        self.row(product, cost, defect != 167, Spoilt::No);
        for revision in 0..revisions {
            let step = days / (revisions + 1);
            cost.valid_from = horizon.first + step * (revision + 1) + dice.below(step.min(9) as u32) as Day;
            cost.unit += cost.unit * dice.between(-4, 7) / 100;
            let approved = defect != 167 && !dice.chance(150_000);
            if self.is_free(product, cost.valid_from) {
                self.row(product, cost, approved, Spoilt::No);
            }
        }
        if edition > 1 && product % REVISED == 7 {
            self.revise(product, cost, horizon);
        }
        self.spoil(product, cost, horizon);
    }

    /// The revision that the second edition knows.
    fn revise(&mut self, product: usize, cost: Cost, horizon: &Horizon) {
        let days = horizon.end - 12..horizon.end;
        if let Some(valid_from) = days.into_iter().find(|day| self.is_free(product, *day)) {
            self.row(product, Cost { valid_from, unit: cost.unit * 103 / 100, ..cost }, true, Spoilt::No);
        }
    }

    /// Whether no version of this product begins on `day`.
    fn is_free(&self, product: usize, day: Day) -> bool {
        let rows = self.rows.iter().rev().take_while(|row| row.product == product);
        rows.into_iter().all(|row| row.cost.valid_from != day)
    }

    fn first_cost(&self, product: usize, horizon: &Horizon, dice: &mut Dice) -> Cost {
        let price = self.products.get(product).map_or(1_000, |product| product.price);
        let unit = price * dice.between(30, 52) + dice.between(0, 99);
        let landed = unit * dice.between(4, 9) / 100;
        // Some begin only in the middle of the shop's time: what was sold before has no cost.
        let late = product % STRIDE == 41;
        let valid_from = if late { i32::midpoint(horizon.first, horizon.end) } else { horizon.first - 200 };
        let currency = if product % 5 == 2 { Currency::Usd } else { Currency::Eur };
        Cost { valid_from, unit, landed, currency }
    }

    /// Rows that must not count, beside the good ones. Their days are ones that no good row has.
    fn spoil(&mut self, product: usize, cost: Cost, horizon: &Horizon) {
        let dated = |valid_from| Cost { valid_from, ..cost };
        match product % 101 {
            10 => {
                let valid_from = self.products.get(product).and_then(|p| p.costs.first()).map(|cost| cost.valid_from);
                let first = self
                    .rows
                    .iter()
                    .rev()
                    .find(|row| row.product == product && Some(row.cost.valid_from) == valid_from);
                if let Some(row) = first.copied() {
                    self.rows.push(CostRow { spoilt: Spoilt::Copy, ..row });
                }
            }
            20 => {
                let other = Cost { unit: cost.unit * 2, ..dated(horizon.first - 90) };
                self.row(product, dated(horizon.first - 90), true, Spoilt::Contradiction);
                self.row(product, other, true, Spoilt::Contradiction);
            }
            30 => self.row(product, dated(horizon.first - 80), true, Spoilt::Null),
            _ => {}
        }
    }

    fn row(&mut self, product: usize, cost: Cost, approved: bool, spoilt: Spoilt) {
        self.rows.push(CostRow { product, cost, approved, spoilt });
        let found = self.products.get_mut(product).filter(|_| approved && spoilt == Spoilt::No);
        if let Some(found) = found {
            found.costs.push(cost);
            found.costs.sort_by_key(|cost| cost.valid_from);
        }
    }
}

fn product(number: usize, dice: &mut Dice) -> Product {
    let (code, low, high) = CATEGORIES.get(number % CATEGORIES.len()).copied().unwrap_or(("TEE", 15, 40));
    // Three draws, the lowest twice as often: most things are cheap.
    let whole = (0..2).map(|_| dice.between(low, high)).min().unwrap_or(low);
    Product { sku: format!("{code}-{number:05}"), price: whole * 100 + 95, costs: Vec::new() }
}

impl Product {
    fn list_price(&self, currency: Currency, number: usize) -> i64 {
        let level = match currency {
            Currency::Eur => 1_000,
            Currency::Gbp => 880,
            Currency::Usd => 1_090,
            Currency::Sek => 11_300,
            Currency::Chf => 980,
            Currency::Nok => 11_600,
        };
        let whole = self.price * level / 100_000;
        match currency {
            Currency::Sek | Currency::Nok => (whole / 10).max(1) * 1_000 + 900,
            _ => whole.max(1) * 100 + if number.is_multiple_of(3) { 99 } else { 95 },
        }
    }
}
