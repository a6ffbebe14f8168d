//! What the shop's figures must come to, added up row by row while the rows are made.

use std::collections::BTreeMap;

use super::closing::Difference;
use super::horizon::{Day, Horizon};
use super::promotions::{Promotion, Used};
use super::words::{Currency, Line, Marketing, Mismatch, Sales, Stream, Suspense};

/// What became of a source row. Every row is exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// One row of the ledger.
    Ledger,
    /// Good, but after the end.
    AfterAsOf,
    /// An exact copy of another row.
    Duplicate,
    /// Cannot be read as a row.
    Quarantined,
}

impl Fate {
    pub(super) fn name(self) -> &'static str {
        match self {
            Fate::Ledger => "ledger",
            Fate::AfterAsOf => "after_as_of",
            Fate::Duplicate => "duplicates",
            Fate::Quarantined => "quarantined",
        }
    }
}

/// Whom a row is credited to, and why to nobody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub(super) marketing: Marketing,
    pub(super) suspense: Option<Suspense>,
}

impl Placement {
    pub(super) fn credited(marketing: Option<Marketing>, otherwise: Suspense) -> Self {
        marketing.map_or(Self::suspense(otherwise), |marketing| Self { marketing, suspense: None })
    }

    pub(super) fn suspense(reason: Suspense) -> Self {
        Self { marketing: Marketing::Suspense, suspense: Some(reason) }
    }

    /// In suspense for `reason` where `applies` and no stronger reason is known.
    pub(super) fn or_suspense(self, applies: bool, reason: Suspense) -> Self {
        match self.suspense {
            Some(known) if known <= reason => self,
            _ if applies => Self::suspense(reason),
            _ => self,
        }
    }
}

/// A row of the ledger.
pub(super) struct Posting<'a> {
    pub(super) stream: Stream,
    pub(super) booked: Day,
    pub(super) ordered: Day,
    pub(super) sales: Sales,
    pub(super) placed: Placement,
    pub(super) units: i64,
    /// Amounts with four digits in reporting currency.
    pub(super) lines: &'a [(Line, i64)],
    /// The source amount in cents of its currency.
    pub(super) source: (Currency, i64),
}

/// Sums of one cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) rows: u64,
    pub(super) units: i64,
    pub(super) lines: [i128; Line::ALL.len()],
}

/// A number of rows and their amount.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) amount: i128,
}

impl Tally {
    pub(super) fn add(&mut self, amount: i64) {
        self.rows += 1;
        self.amount += i128::from(amount);
    }
}

pub(super) const BASES: [&str; 2] = ["booked", "cohort"];

#[derive(Default)]
pub(super) struct Truth {
    /// By basis, month, sales channel, marketing channel.
    cells: Vec<Cell>,
    months: u32,
    /// Source amounts in cents.
    pub(super) fates: BTreeMap<(Stream, Fate, Currency), Tally>,
    /// Contribution with four digits in reporting currency.
    pub(super) suspense: BTreeMap<(Stream, Suspense), Tally>,
    /// Source amounts in cents.
    pub(super) dirt: BTreeMap<(String, Currency), Tally>,
    /// What was given away, before the end.
    pub(super) promotions: BTreeMap<(Promotion, Currency), Used>,
    /// Pieces that counts are wrong by, by month, before the end.
    pub(super) stock: BTreeMap<(u32, Mismatch), Tally>,
    pub(super) differences: Vec<Difference>,
}

impl Truth {
    pub(super) fn new(horizon: &Horizon) -> Self {
        let months = horizon.months.len() as u32;
        let cells = BASES.len() * months as usize * Sales::ALL.len() * Marketing::ALL.len();
        Self { cells: vec![Cell::default(); cells], months, ..Self::default() }
    }

    /// Adds a good row: to the ledger, or to what comes after the end.
    pub(super) fn post(&mut self, horizon: &Horizon, posting: &Posting<'_>) {
        let (currency, amount) = posting.source;
        if posting.booked >= horizon.end {
            return self.fate(posting.stream, Fate::AfterAsOf, currency, amount);
        }
        self.fate(posting.stream, Fate::Ledger, currency, amount);
        for (basis, day) in [posting.booked, posting.ordered].into_iter().enumerate() {
            let place = self.place(basis, horizon.month_of(day), posting.sales, posting.placed.marketing);
            if let Some(cell) = self.cells.get_mut(place) {
                cell.add(posting);
            }
        }
        if let Some(reason) = posting.placed.suspense {
            let contribution = posting.lines.iter().filter(|(line, _)| !line.is_memo()).map(|(_, amount)| amount).sum();
            self.suspense.entry((posting.stream, reason)).or_default().add(contribution);
        }
    }

    pub(super) fn fate(&mut self, stream: Stream, fate: Fate, currency: Currency, amount: i64) {
        self.fates.entry((stream, fate, currency)).or_default().add(amount);
    }

    /// Adds an exact copy of a row.
    pub(super) fn duplicate(&mut self, stream: Stream, currency: Currency, amount: i64) {
        self.fate(stream, Fate::Duplicate, currency, amount);
        self.dirt(format!("duplicate_{}", stream.name()), currency, amount);
    }

    /// Adds a row that cannot be read, of a `kind` of dirt that ends with the stream's name.
    pub(super) fn quarantine(&mut self, kind: &str, stream: Stream, currency: Currency, amount: i64) {
        self.fate(stream, Fate::Quarantined, currency, amount);
        self.dirt(format!("{kind}_{}", stream.name()), currency, amount);
    }

    pub(super) fn dirt(&mut self, kind: impl Into<String>, currency: Currency, amount: i64) {
        self.dirt.entry((kind.into(), currency)).or_default().add(amount);
    }

    /// Every cell that has rows: basis, month, sales channel, marketing channel.
    pub(super) fn cells(&self) -> impl Iterator<Item = (&'static str, u32, Sales, Marketing, &Cell)> {
        BASES.iter().enumerate().flat_map(move |(basis, name)| {
            (0..self.months).flat_map(move |month| {
                let pairs =
                    Sales::ALL.iter().flat_map(|sales| Marketing::ALL.iter().map(move |credit| (*sales, *credit)));
                pairs.filter_map(move |(sales, credit)| {
                    let cell = self.cells.get(self.place(basis, month, sales, credit))?;
                    (cell.rows > 0).then_some((*name, month, sales, credit, cell))
                })
            })
        })
    }

    fn place(&self, basis: usize, month: u32, sales: Sales, credit: Marketing) -> usize {
        let month = basis * self.months as usize + month as usize;
        (month * Sales::ALL.len() + sales as usize) * Marketing::ALL.len() + credit as usize
    }
}

impl Cell {
    fn add(&mut self, posting: &Posting<'_>) {
        self.rows += 1;
        self.units += posting.units;
        for (line, amount) in posting.lines {
            if let Some(sum) = self.lines.get_mut(*line as usize) {
                *sum += i128::from(*amount);
            }
        }
    }
}
