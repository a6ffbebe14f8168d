//! Portable dice: one `ChaCha` stream per (seed, month, topic), integers only, so that a month's files depend neither on
//! the machine nor on the other months.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is for. The numbers are part of the seed: never reuse one.
#[derive(Clone, Copy)]
pub(super) enum Topic {
    Catalogue = 1,
    Rates = 2,
    Campaigns = 3,
    Spend = 4,
    Orders = 5,
    OrderLines = 6,
    Refunds = 7,
    Shipments = 8,
    Fees = 9,
    StockLevels = 10,
    StockCounts = 11,
}

pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64, month: u32, topic: Topic) -> Self {
        let mut key = [0_u8; 32];
        let parts = seed.to_le_bytes().into_iter().chain(month.to_le_bytes()).chain((topic as u32).to_le_bytes());
        key.iter_mut().zip(parts).for_each(|(slot, byte)| *slot = byte);
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number in `0..n`; 0 for `n` = 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// A number in `low..=high`, the two at most 2^31 apart.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::from(self.below((high - low + 1).max(0) as u32))
    }

    /// True `share` times in a million.
    pub(super) fn chance(&mut self, share: u32) -> bool {
        self.below(1_000_000) < share
    }

    /// One of `choices`, by weight.
    pub(super) fn pick<T: Copy + Default>(&mut self, choices: &[(u32, T)]) -> T {
        let mut left = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        T::default()
    }

    /// One of `choices`, each as likely as the others.
    pub(super) fn any<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        choices.get(self.below(choices.len() as u32) as usize).copied().unwrap_or_default()
    }

    /// The place in `cumulative` (ascending, the last one the total) that a number by weight falls on.
    pub(super) fn place(&mut self, cumulative: &[u32]) -> usize {
        let number = self.below(cumulative.last().copied().unwrap_or(0));
        cumulative.partition_point(|&bound| bound <= number)
    }
}
