//! Stock: what the stock system has, what is promised to orders and what each sales channel offers.
//!
//! Everything is counted on the last day of each month, the best sellers every evening. What a channel offers is what the
//! system has less what is reserved, except for known mismatches.

use super::catalogue::Catalogue;
use super::dirt;
use super::files::Files;
use super::horizon::{DAY, Day, HOUR, Month};
use super::random::{Dice, Topic};
use super::truth::{Fate, Truth};
use super::truth_file::Written;
use super::words::{Mismatch, Sales, Stream};
use super::{Location, SampleError, Shop, note};

/// Where stock lies, and for whom.
const PLACES: [(&str, Sales); 9] = [
    ("dc_berlin", Sales::OwnSite),
    ("dc_berlin", Sales::MarketplaceA),
    ("dc_berlin", Sales::MarketplaceB),
    ("dc_3pl", Sales::OwnSite),
    ("dc_uk", Sales::OwnSite),
    ("dc_uk", Sales::MarketplaceB),
    ("store_berlin", Sales::StoreBerlin),
    ("store_hamburg", Sales::StoreHamburg),
    ("store_munich", Sales::StoreMunich),
];
/// Products that are counted every evening: the ones sold most.
const DAILY: usize = 10;
/// The hour (UTC) of a count.
const CLOSING: i64 = 20;

/// How the stock of every product in every place goes down and is filled up again.
pub(super) struct Stock {
    /// By product, then place.
    levels: Vec<Level>,
}

#[derive(Clone, Copy)]
struct Level {
    /// Pieces when full, pieces sold a day, and pieces gone on day 0.
    full: i64,
    pace: i64,
    gone: i64,
}

impl Level {
    fn on(&self, day: Day) -> i64 {
        self.full - (self.gone + i64::from(day) * self.pace).rem_euclid(self.full)
    }
}

impl Stock {
    pub(super) fn new(catalogue: &Catalogue, seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0, Topic::StockLevels);
        let products = 0..catalogue.products.len();
        let levels = products.flat_map(|product| PLACES.map(|(_, sales)| level(product, sales, &mut dice))).collect();
        Self { levels }
    }
}

fn level(product: usize, sales: Sales, dice: &mut Dice) -> Level {
    let most = if sales.is_store() { 3 } else { 12 };
    let pace = dice.between(1, 1 + most * 100 / (product as i64 + 100));
    let full = pace * dice.between(20, 60);
    Level { full, pace, gone: dice.between(0, full - 1) }
}

/// What one row of a count says.
struct Count {
    system: i64,
    offered: i64,
    reserved: i64,
}

impl Count {
    fn draw(level: &Level, day: Day, number: u64, dice: &mut Dice) -> Self {
        let system = level.on(day);
        let reserved = dice.between(0, level.pace).min(system);
        let good = Self { system, offered: system - reserved, reserved };
        if dirt::NEGATIVE_STOCK.hits(number) {
            return Self { system: -dice.between(1, 5), offered: 0, reserved: 0 };
        }
        if dirt::OVERSOLD_STOCK.hits(number) {
            return Self { offered: system + 2, ..good };
        }
        if dirt::HIDDEN_STOCK.hits(number) {
            return Self { offered: 0, ..good };
        }
        good
    }

    /// What is wrong with the row, and by how many pieces.
    fn mismatch(&self) -> Option<(Mismatch, i64)> {
        let free = (self.system - self.reserved).max(0);
        match self.offered - free {
            _ if self.system < 0 => Some((Mismatch::Negative, -self.system)),
            0 => None,
            more if more > 0 => Some((Mismatch::Oversold, more)),
            less => Some((Mismatch::Hidden, -less)),
        }
    }
}

impl Shop {
    /// Writes the month's counts, one evening after the other.
    pub(super) async fn write_stock_of(
        &self,
        month: &Month,
        location: &Location,
        truth: &mut Truth,
        written: &mut Written,
    ) -> Result<(), SampleError> {
        let mut files = Files::begin(location, &[Stream::Inventory], Some(&month.label));
        let mut dice = Dice::new(self.options.seed, month.number, Topic::StockCounts);
        let mut number = 0;
        for day in month.first..month.end.max(self.tail_in(month)) {
            let is_full = day + 1 == month.end && day < self.horizon.end;
            let products = self.catalogue.products.len();
            for product in 0..if is_full { products } else { DAILY.min(products) } {
                for place in 0..PLACES.len() {
                    number += 1;
                    self.write_count(&mut files, (day, product, place), number, &mut dice, truth);
                }
            }
            files.flush().await?;
        }
        note(written, &month.label, files.end().await?);
        Ok(())
    }

    fn write_count(
        &self,
        files: &mut Files,
        (day, product, place): (Day, usize, usize),
        number: u64,
        dice: &mut Dice,
        truth: &mut Truth,
    ) {
        let Some(level) = self.stock.levels.get(product * PLACES.len() + place) else { return };
        let Some((location, sales)) = PLACES.get(place) else { return };
        let count = Count::draw(level, day, number, dice);
        let at = i64::from(day) * DAY + CLOSING * HOUR;
        let is_copied = dirt::COPIED_STOCK.hits(number);
        for _ in 0..=u8::from(is_copied) {
            let Some(row) = files.row(Stream::Inventory) else { return };
            row.instant(at)
                .text(self.catalogue.sku(product))
                .text(location)
                .text(sales.name())
                .integer(count.system)
                .integer(count.offered)
                .integer(count.reserved);
        }
        self.note_count(truth, at, &count, is_copied);
    }

    fn note_count(&self, truth: &mut Truth, at: i64, count: &Count, is_copied: bool) {
        let (currency, booked) = (self.rates.reporting(), self.horizon.local_day(at));
        if is_copied {
            truth.duplicate(Stream::Inventory, currency, 0);
        }
        if booked >= self.horizon.end {
            return truth.fate(Stream::Inventory, Fate::AfterAsOf, currency, 0);
        }
        truth.fate(Stream::Inventory, Fate::Ledger, currency, 0);
        if let Some((mismatch, pieces)) = count.mismatch() {
            let month = self.horizon.month_of(booked);
            truth.stock.entry((month, mismatch)).or_default().add(pieces);
        }
    }
}
