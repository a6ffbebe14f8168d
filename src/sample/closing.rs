//! The general ledger: balances of each closed month, and the known ways in which they are not the shop's own figures.

use std::collections::BTreeMap;

use super::files::Files;
use super::truth::{BASES, Fate, Truth};
use super::truth_file::Written;
use super::words::{Line, Posted, Sales, Stream};
use super::{Location, SampleError, Shop, note};

/// Month, line and sales channel: what an account of the general ledger holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account {
    pub(super) month: u32,
    pub(super) line: Line,
    pub(super) sales: Sales,
}

impl Account {
    pub(super) fn number(self) -> u32 {
        40_000 + self.line as u32 * 10 + self.sales as u32
    }
}

/// A posting that makes the general ledger differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    pub(super) account: Account,
    pub(super) why: Posted,
    /// Balance less true figure, with four digits in reporting currency.
    pub(super) amount: i128,
}

type Balances = BTreeMap<Account, i128>;

/// One cent, with four digits.
const CENT: i128 = 100;

impl Shop {
    /// Writes the balances of all months. Only when every row has been posted are they known.
    pub(super) async fn write_balances(
        &self,
        location: &Location,
        truth: &mut Truth,
        written: &mut Written,
    ) -> Result<(), SampleError> {
        let mut balances = booked(truth);
        truth.differences = differences(&balances, self.options.months.saturating_sub(1));
        for difference in &truth.differences {
            *balances.entry(difference.account).or_default() += difference.amount;
        }
        for month in self.horizon.months.iter().filter(|month| month.first < self.horizon.end) {
            let mut files = Files::begin(location, &[Stream::GlBalances], Some(&month.label));
            for (account, amount) in balances.iter().filter(|(account, _)| account.month == month.number) {
                let Some(row) = files.row(Stream::GlBalances) else { continue };
                row.text(&month.label)
                    .text(account.number())
                    .text(account.line.name())
                    .text(account.sales.name())
                    .money(*amount as i64);
                truth.fate(Stream::GlBalances, Fate::Ledger, self.rates.reporting(), 0);
            }
            note(written, &month.label, files.end().await?);
        }
        Ok(())
    }
}

/// What was booked on each account, over all marketing channels; no memos.
fn booked(truth: &Truth) -> Balances {
    let mut balances = Balances::new();
    for (_, month, sales, _, cell) in truth.cells().filter(|(basis, ..)| *basis == BASES[0]) {
        let lines = Line::ALL.iter().zip(&cell.lines);
        for (line, amount) in lines.filter(|(line, amount)| !line.is_memo() && **amount != 0) {
            *balances.entry(Account { month, line: *line, sales }).or_default() += amount;
        }
    }
    balances
}

/// What the bookkeepers did otherwise, in the last month and the one before.
fn differences(balances: &Balances, last: u32) -> Vec<Difference> {
    let account = |month, line, sales| Account { month, line, sales };
    let balance = |account| balances.get(&account).copied().unwrap_or_default();
    let mut differences = Vec::new();
    let mut differ = |account, why, amount| {
        if amount != 0 {
            differences.push(Difference { account, why, amount });
        }
    };
    if let Some(before) = last.checked_sub(1) {
        // The carrier's bill of the month's last days came after the close.
        let [owed, paid] = [before, last].map(|month| account(month, Line::CarrierCost, Sales::OwnSite));
        let late = balance(owed) / 8 / CENT * CENT;
        differ(owed, Posted::Late, -late);
        differ(paid, Posted::Late, late);
    }
    // Someone expects a bill for media, and paid a helper in a store, where no parcel was ever packed.
    let media = account(last, Line::MediaSpend, Sales::None);
    differ(media, Posted::Manual, balance(media) / 50 / CENT * CENT);
    differ(account(last, Line::HandlingCost, Sales::StoreBerlin), Posted::Manual, -180 * 100 * CENT);
    let fees = account(last, Line::PaymentFees, Sales::OwnSite);
    if balance(fees) != 0 {
        differ(fees, Posted::Transposed, 27 * CENT);
    }
    differences
}
