//! The sample shop: a believable omnichannel merchant, any number of orders over any number of months, with dirt in
//! known amounts.
//!
//! The only place of the machine that knows commerce: it stands on the other side of the files. Beside the data it
//! writes `truth.json`: what the ledger must come to, per basis, period, channel and line, and how much there is of
//! each kind of dirt. Rows are made and written one chunk at a time, so that memory does not grow with the orders, and
//! every month's streams have dice of their own, so that the same options give the same bytes on any machine.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "counts and days of a generated shop are small by construction"
)]

mod aftermath;
mod catalogue;
mod claims;
mod closing;
mod dirt;
mod files;
mod horizon;
mod ledger;
mod media;
mod money;
mod orders;
mod promotions;
mod random;
mod rows;
mod spending;
mod stock;
mod streams;
mod tables;
mod trade;
mod truth;
mod truth_file;
mod words;

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::{Exit, Failure};
use catalogue::{Catalogue, Spoilt};
use files::Files;
use horizon::Horizon;
use media::Media;
use money::Rates;
use stock::Stock;
use trade::Trade;
use truth::{Fate, Truth};
use truth_file::Written;
pub use words::{Currency, Line, Marketing, Sales, Stream};

/// The shipped pipeline that reads the shop.
pub const PIPELINE: &str = "pipelines/channel_contribution.yaml";

/// What shop to make.
#[derive(Clone, Debug)]
pub struct SampleOptions {
    pub orders: u64,
    /// Calendar months, the last one that of `end`.
    pub months: u32,
    /// The last day that counts, inclusive. A few events of the day after are written too.
    pub end: Date,
    pub seed: u64,
    /// 1, or 2 for the same shop some days later: restated spend, edited orders, revised costs.
    pub edition: u32,
    /// Where days begin.
    pub time_zone: TimeZone,
    /// The currency that the truth is told in.
    pub currency: Currency,
}

impl SampleOptions {
    /// The shop of the shipped pipeline: days in Berlin, figures in EUR.
    #[must_use]
    pub fn new(orders: u64, months: u32, end: Date) -> Self {
        let time_zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
        Self { orders, months, end, seed: 1, edition: 1, time_zone, currency: Currency::Eur }
    }
}

/// Where to write: below `root`, in place of files of the same names.
#[derive(Clone, Debug)]
pub struct Location {
    pub store: Arc<dyn ObjectStore>,
    pub root: Path,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    pub files: u64,
    /// Rows by stream.
    pub rows: Vec<(&'static str, u64)>,
}

#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("a shop has 1 to 600 months, not {0}")]
    Months(u32),
    #[error("a shop has at most {MOST_ORDERS} orders, not {0}")]
    Orders(u64),
    #[error("there are editions 1 and 2 of a shop, not {0}")]
    Edition(u32),
    #[error("there are no exchange rates for {0}")]
    NoRates(&'static str),
    #[error("{months} months up to {end} leave the calendar")]
    OutOfRange { end: Date, months: u32 },
    #[error("the rows of a stream do not fit its columns")]
    Rows(#[source] arrow::error::ArrowError),
    #[error("cannot write {path}")]
    Write {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SampleError {
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Rows(_) => Exit::Internal,
            Self::Write { .. } => Exit::Unreachable,
            _ => Exit::Usage,
        }
    }
}

impl From<SampleError> for Failure {
    fn from(error: SampleError) -> Self {
        Self::new(error.exit(), error)
    }
}

const MOST_ORDERS: u64 = 1_000_000_000;
const MONTHLY: &[Stream] = &[
    Stream::Orders,
    Stream::OrderLines,
    Stream::Refunds,
    Stream::Spend,
    Stream::Shipments,
    Stream::Fees,
    Stream::SpendControl,
];

/// Everything about the shop that no month changes.
struct Shop {
    options: SampleOptions,
    horizon: Horizon,
    rates: Rates,
    catalogue: Catalogue,
    media: Media,
    stock: Stock,
}

/// Writes the shop and, last, its truth.
///
/// # Errors
/// When the options make no shop, or a file cannot be written.
pub async fn write(options: SampleOptions, location: &Location) -> Result<Summary, SampleError> {
    let shop = Shop::new(options)?;
    let mut trade = Trade::new(Truth::new(&shop.horizon), shop.options.orders);
    let mut written = Written::new();
    shop.write_references(location, &mut trade.truth, &mut written).await?;
    for month in &shop.horizon.months {
        let mut files = Files::begin(location, MONTHLY, Some(&month.label));
        shop.write_spend_of(month, &mut files, &mut trade.truth);
        trade.write_month(&shop, month, &mut files).await?;
        note(&mut written, &month.label, files.end().await?);
        shop.write_stock_of(month, location, &mut trade.truth, &mut written).await?;
    }
    shop.write_balances(location, &mut trade.truth, &mut written).await?;
    let path = location.root.clone().join("truth.json");
    let text = truth_file::render(&shop, &trade.truth, &written);
    let put = location.store.put(&path, text.into()).await;
    put.map_err(|error| SampleError::Write { path: path.to_string(), source: error.into() })?;
    Ok(summary(&written))
}

impl Shop {
    fn new(options: SampleOptions) -> Result<Self, SampleError> {
        check(&options)?;
        let horizon = Horizon::new(&options)?;
        let rates = Rates::new(&horizon, options.currency, options.seed);
        let catalogue = Catalogue::new(&horizon, options.orders, options.seed, options.edition);
        let media = Media::new(options.orders, horizon.end - horizon.first, options.seed);
        let stock = Stock::new(&catalogue, options.seed);
        Ok(Self { options, horizon, rates, catalogue, media, stock })
    }

    /// The files without months: costs, exchange rates and promotions.
    async fn write_references(
        &self,
        location: &Location,
        truth: &mut Truth,
        written: &mut Written,
    ) -> Result<(), SampleError> {
        let streams = [Stream::ProductCosts, Stream::FxRates, Stream::Promotions];
        let mut files = Files::begin(location, &streams, None);
        for row in &self.catalogue.rows {
            self.write_cost(&mut files, row);
            self.note_cost(truth, row);
        }
        for day in self.rates.days() {
            for currency in Currency::ALL {
                if let Some(rate) = self.rates.published(day, *currency) {
                    streams::write_rate(&mut files, day, *currency, rate);
                    truth.fate(Stream::FxRates, Fate::Ledger, *currency, 0);
                }
            }
        }
        self.write_promotions(&mut files, truth);
        note(written, "", files.end().await?);
        Ok(())
    }

    fn note_cost(&self, truth: &mut Truth, row: &catalogue::CostRow) {
        let (stream, currency) = (Stream::ProductCosts, row.cost.currency);
        match row.spoilt {
            Spoilt::Copy => return truth.duplicate(stream, currency, 0),
            Spoilt::Contradiction => return truth.quarantine("conflicting", stream, currency, 0),
            Spoilt::Null => return truth.quarantine("null", stream, currency, 0),
            Spoilt::No => truth.fate(stream, Fate::Ledger, currency, 0),
        }
        if !row.approved {
            truth.dirt("proposed_costs", currency, 0);
        } else if row.cost.valid_from >= self.horizon.first {
            truth.dirt("revised_costs", currency, 0);
        }
    }
}

fn check(options: &SampleOptions) -> Result<(), SampleError> {
    match options {
        SampleOptions { months, .. } if !(1..=600).contains(months) => Err(SampleError::Months(*months)),
        SampleOptions { orders, .. } if *orders > MOST_ORDERS => Err(SampleError::Orders(*orders)),
        SampleOptions { edition, .. } if !(1..=2).contains(edition) => Err(SampleError::Edition(*edition)),
        SampleOptions { currency: Currency::Nok, .. } => Err(SampleError::NoRates(Currency::Nok.name())),
        _ => Ok(()),
    }
}

fn note(written: &mut Written, partition: &str, rows: Vec<(Stream, u64)>) {
    for (stream, count) in rows {
        written.entry(stream).or_default().insert(partition.to_owned(), count);
    }
}

fn summary(written: &Written) -> Summary {
    let rows = written.iter().map(|(stream, files)| (stream.name(), files.values().sum())).collect();
    Summary { files: written.values().map(|files| files.len() as u64).sum::<u64>() + 1, rows }
}
