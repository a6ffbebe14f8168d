//! A month of spend, with the platforms' own totals.

use std::collections::BTreeMap;

use super::Shop;
use super::dirt;
use super::files::Files;
use super::horizon::{Day, Month, date_of};
use super::media::{Campaign, Performance};
use super::random::{Dice, Topic};
use super::streams::{AccountDay, SpendKey, write_account_day, write_spend};
use super::truth::{Fate, Placement, Truth};
use super::words::{Currency, Line, Sales, Stream, Suspense};

/// The days before the end whose spend the platforms still restate.
const PROVISIONAL_DAYS: Day = 3;
/// Campaigns of rows that cannot be read begin here.
const STRAY: u32 = 900_000;

impl Shop {
    pub(super) fn write_spend_of(&self, month: &Month, files: &mut Files, truth: &mut Truth) {
        let mut dice = Dice::new(self.options.seed, month.number, Topic::Spend);
        for day in month.first..month.end.max(self.tail_in(month)) {
            let totals = self.spend_day(day, &mut dice, files, truth);
            for total in totals.values() {
                write_account_day(files, day, total);
                truth.fate(Stream::SpendControl, Fate::Ledger, total.currency, total.amount);
            }
            self.spoil_spend(day, files, truth);
        }
    }

    /// The end of the day after the last one that counts, where the month has it.
    pub(super) fn tail_in(&self, month: &Month) -> Day {
        let is_last = self.horizon.months.last().is_some_and(|last| last.number == month.number);
        if is_last { self.horizon.tail_end } else { month.end }
    }

    fn spend_day(
        &self,
        day: Day,
        dice: &mut Dice,
        files: &mut Files,
        truth: &mut Truth,
    ) -> BTreeMap<&'static str, AccountDay> {
        let mut totals = BTreeMap::new();
        for campaign in &self.media.campaigns {
            let Some(done) = campaign.perform(day, dice) else { continue };
            let done = self.as_known(day, campaign, done, truth);
            self.spend_row(day, campaign, &done, files, truth);
            let Campaign { platform, account, currency, .. } = *campaign;
            let total = totals.entry(account).or_insert(AccountDay { platform, account, currency, rows: 0, amount: 0 });
            total.rows += 1;
            total.amount += done.amount;
        }
        totals
    }

    /// The first edition knows only a part of what the last days cost.
    fn as_known(&self, day: Day, campaign: &Campaign, done: Performance, truth: &mut Truth) -> Performance {
        let days = self.horizon.end - PROVISIONAL_DAYS..self.horizon.end;
        if !days.contains(&day) {
            return done;
        }
        let provisional = (done.amount * 94 / 100).max(1);
        truth.dirt("restated_spend", campaign.currency, done.amount - provisional);
        if self.options.edition > 1 { done } else { Performance { amount: provisional, ..done } }
    }

    fn spend_row(&self, day: Day, campaign: &Campaign, done: &Performance, files: &mut Files, truth: &mut Truth) {
        let placed = Placement::credited(campaign.marketing, Suspense::UnmappedCampaign);
        let key = SpendKey { day, campaign: Some(campaign.id) };
        write_spend(files, key, campaign, Some(done.amount), done);
        let lines = [(Line::MediaSpend, -done.amount), (Line::MediaCredits, done.credit)];
        self.post_alone(truth, Stream::Spend, day, (Sales::None, placed), campaign.currency, &lines);
        if campaign.marketing.is_none() && day < self.horizon.end {
            truth.dirt("unmapped_spend", campaign.currency, done.amount);
        }
        if dirt::COPIED_SPEND.hits(u64::from(day.unsigned_abs()) * 37 + u64::from(campaign.id)) {
            write_spend(files, key, campaign, Some(done.amount), done);
            truth.duplicate(Stream::Spend, campaign.currency, done.amount);
        }
    }

    /// Rows beside the good ones that no platform knows.
    fn spoil_spend(&self, day: Day, files: &mut Files, truth: &mut Truth) {
        let Some(campaign) = self.media.campaigns.iter().find(|found| found.currency == Currency::Eur) else { return };
        let done = Performance { amount: 12_34, credit: 0, impressions: 1_000, clicks: 10 };
        let key = SpendKey { day, campaign: Some(STRAY) };
        let mut stray = |kind, key, amount: Option<i64>| {
            write_spend(files, key, campaign, amount, &done);
            truth.quarantine(kind, Stream::Spend, campaign.currency, amount.unwrap_or_default());
        };
        match date_of(day).day() {
            dirt::CONTRADICTED_SPEND_DAY => {
                stray("conflicting", key, Some(12_34));
                stray("conflicting", key, Some(43_21));
            }
            dirt::KEYLESS_SPEND_DAY => stray("null", SpendKey { campaign: None, ..key }, Some(12_34)),
            dirt::BLANK_SPEND_DAY => stray("null", SpendKey { campaign: Some(STRAY + 1), ..key }, None),
            _ => {}
        }
    }
}
