//! Exact money: cents and rates as integers, rounded half away from zero, once per line.

use super::horizon::{Day, Horizon, weekday};
use super::random::{Dice, Topic};
use super::words::Currency;

/// 1 as a rate: eight digits after the point.
pub(super) const ONE: i64 = 100_000_000;
/// A rate may be this many days old.
const MAX_AGE: Day = 7;
const BEFORE_FIRST: Day = 14;

/// `value / by`, half away from zero.
pub(super) fn divided(value: i128, by: i128) -> i64 {
    let half = if value < 0 { -by / 2 } else { by / 2 };
    ((value + half) / by) as i64
}

/// Cents at a rate, as an amount with four digits.
pub(super) fn converted(cents: i64, rate: i64) -> i64 {
    divided(i128::from(cents) * i128::from(rate), 1_000_000)
}

/// `quantity` times a cost of four digits at a rate, as an amount with four digits.
pub(super) fn costed(quantity: i64, cost: i64, rate: i64) -> i64 {
    divided(i128::from(quantity) * i128::from(cost) * i128::from(rate), i128::from(ONE))
}

/// The rates of every day in reporting currency, and what is written of them.
pub(super) struct Rates {
    reporting: Currency,
    first: Day,
    /// Per day of the horizon and currency.
    daily: Vec<[Option<i64>; Currency::ALL.len()]>,
}

impl Rates {
    pub(super) fn new(horizon: &Horizon, reporting: Currency, seed: u64) -> Self {
        let first = horizon.first - BEFORE_FIRST;
        let mut dice = Dice::new(seed, 0, Topic::Rates);
        // In EUR; the shop's story is told from there.
        let mut euro = [ONE, 116_400_000, 91_800_000, 8_800_000, 104_500_000, 0];
        let mut daily = Vec::new();
        for _ in first..=horizon.tail_end {
            for (currency, rate) in Currency::ALL.iter().zip(&mut euro) {
                if *currency != Currency::Eur {
                    *rate += divided(i128::from(*rate) * i128::from(dice.between(-3_500, 3_500)), 1_000_000);
                }
            }
            daily.push(rebased(euro, reporting));
        }
        Self { reporting, first, daily }
    }

    /// The rate published on `day`: none on weekends, none for the reporting currency, never one for the last currency.
    pub(super) fn published(&self, day: Day, currency: Currency) -> Option<i64> {
        if weekday(day) > 4 || currency == self.reporting {
            return None;
        }
        let place = usize::try_from(day - self.first).ok()?;
        self.daily.get(place)?.get(currency as usize).copied().flatten()
    }

    /// The rate that counts on `day`: the latest one at most a week old.
    pub(super) fn on(&self, day: Day, currency: Currency) -> Option<i64> {
        if currency == self.reporting {
            return Some(ONE);
        }
        (0..=MAX_AGE).find_map(|age| self.published(day - age, currency))
    }

    pub(super) fn reporting(&self) -> Currency {
        self.reporting
    }

    pub(super) fn days(&self) -> std::ops::Range<Day> {
        self.first..self.first + self.daily.len() as Day
    }
}

fn rebased(euro: [i64; Currency::ALL.len()], reporting: Currency) -> [Option<i64>; Currency::ALL.len()] {
    let base = euro.get(reporting as usize).copied().unwrap_or(ONE).max(1);
    euro.map(|rate| (rate > 0).then(|| divided(i128::from(rate) * i128::from(ONE), i128::from(base))))
}
