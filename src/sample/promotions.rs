//! The shop's promotions: one of its own a month, and one that each marketplace pays for.
//!
//! The shop's own is named by every order line with a discount. What a marketplace pays for is on lines of its sales
//! channel and within its days, but the marketplace does not say which promotion it was.

use std::fmt::{Display, from_fn};

use super::Shop;
use super::files::Files;
use super::horizon::{DAY, Day, Month, date_of, utc_day};
use super::ledger::Judged;
use super::rows::OrderLine;
use super::truth::{Fate, Truth};
use super::words::{Currency, Sales, Stream};

/// Shares of the list price with four digits.
const OWN_DEPTH: i64 = 2_000;
const TOO_LITTLE: i64 = 1_000;
const PLATFORM_DEPTH: i64 = 850;
/// Days by which a promotion was used too early.
const EARLY_DAYS: Day = 7;

/// A promotion: of the month of this number, paid for by the shop or by a marketplace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Promotion {
    pub(super) month: u32,
    /// None: the shop.
    pub(super) platform: Option<Sales>,
}

/// What order lines gave away, in cents of their currency.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) lines: u64,
    pub(super) gross: i128,
    pub(super) discount: i128,
}

/// The name that order lines of a month give the shop's own promotion.
pub(super) fn own_promotion(year: u16, month: u8) -> impl Display {
    from_fn(move |f| write!(f, "promo-{year:04}-{month:02}"))
}

impl Promotion {
    pub(super) fn id(self, month: &Month) -> String {
        match self.platform {
            None => own_promotion(month.year, month.calendar).to_string(),
            Some(platform) => format!("{}-{}", platform.name(), month.label),
        }
    }

    pub(super) fn funded_by(self) -> &'static str {
        if self.platform.is_some() { "platform" } else { "shop" }
    }

    fn sales_channels(self) -> String {
        let takes_part = |sales: &&Sales| match self.platform {
            None => **sales != Sales::None,
            Some(platform) => **sales == platform,
        };
        Sales::ALL.iter().filter(takes_part).map(|sales| sales.name()).collect::<Vec<_>>().join(",")
    }
}

impl Shop {
    /// Writes every promotion that the shop knows of.
    pub(super) fn write_promotions(&self, files: &mut Files, truth: &mut Truth) {
        for month in &self.horizon.months {
            for platform in [None, Some(Sales::MarketplaceA), Some(Sales::MarketplaceB)] {
                let promotion = Promotion { month: month.number, platform };
                if self.is_listed(promotion) {
                    self.write_promotion(files, promotion, month);
                    truth.fate(Stream::Promotions, Fate::Ledger, self.rates.reporting(), 0);
                }
            }
        }
        if let Some(month) = self.horizon.months.first() {
            self.write_promotion(files, Promotion { month: month.number, platform: None }, month);
            truth.duplicate(Stream::Promotions, self.rates.reporting(), 0);
        }
    }

    fn write_promotion(&self, files: &mut Files, promotion: Promotion, month: &Month) {
        let Some(row) = files.row(Stream::Promotions) else { return };
        let days = self.promotion_days(promotion, month);
        row.text(promotion.id(month))
            .instant(i64::from(days.start) * DAY)
            .instant(i64::from(days.end) * DAY)
            .text(promotion.funded_by())
            .money(self.planned_depth(promotion))
            .text(promotion.sales_channels());
    }

    /// The shop forgot to enter one of its own.
    pub(super) fn is_listed(&self, promotion: Promotion) -> bool {
        promotion.platform.is_some() || promotion.month + 2 != self.options.months
    }

    /// The month's days, as order numbers count them (UTC). The last month's own promotion is used before it begins.
    fn promotion_days(&self, promotion: Promotion, month: &Month) -> std::ops::Range<Day> {
        let end = month.first + Day::from(date_of(month.first).days_in_month());
        let is_early = promotion.platform.is_none() && promotion.month + 1 == self.options.months;
        month.first + if is_early { EARLY_DAYS } else { 0 }..end
    }

    /// One of the shop's own went much deeper than was planned.
    pub(super) fn planned_depth(&self, promotion: Promotion) -> i64 {
        match promotion.platform {
            Some(_) => PLATFORM_DEPTH,
            None if promotion.month + 3 == self.options.months => TOO_LITTLE,
            None => OWN_DEPTH,
        }
    }

    /// Notes what a line gave away, and what is wrong with it.
    pub(super) fn note_promotions(&self, truth: &mut Truth, judged: &Judged<'_>, line: &OrderLine) {
        if judged.day >= self.horizon.end {
            return;
        }
        let order = judged.order;
        let day = utc_day(order.at);
        let month = self.horizon.month_of(day);
        if line.platform_discount > 0 {
            let platform = Some(order.origin.sales);
            let used = truth.promotions.entry((Promotion { month, platform }, order.currency)).or_default();
            used.add(line.gross(), line.platform_discount);
        }
        if line.is_promoted {
            let promotion = Promotion { month, platform: None };
            truth.promotions.entry((promotion, order.currency)).or_default().add(line.gross(), line.discount);
            self.note_misuse(truth, promotion, day, (order.currency, line.discount));
        }
    }

    fn note_misuse(&self, truth: &mut Truth, promotion: Promotion, day: Day, (currency, discount): (Currency, i64)) {
        let Some(month) = self.horizon.months.get(promotion.month as usize) else { return };
        if !self.is_listed(promotion) {
            truth.dirt("unknown_promotion_lines", currency, discount);
        } else if !self.promotion_days(promotion, month).contains(&day) {
            truth.dirt("early_promotion_lines", currency, discount);
        }
    }
}

impl Used {
    fn add(&mut self, gross: i64, discount: i64) {
        self.lines += 1;
        self.gross += i128::from(gross);
        self.discount += i128::from(discount);
    }
}
