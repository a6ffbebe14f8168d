//! The shop's time: its months, local days, and how many orders each day has.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{SampleError, SampleOptions};

/// A day as the number of days since 1970-01-01.
pub(super) type Day = i32;
pub(super) const DAY: i64 = 86_400_000_000;
pub(super) const HOUR: i64 = 3_600_000_000;
pub(super) const MINUTE: i64 = 60_000_000;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// A calendar month of the shop, cut at its end.
#[derive(Clone, Debug)]
pub(super) struct Month {
    pub(super) number: u32,
    /// As in file names: `2026-10`.
    pub(super) label: String,
    pub(super) year: u16,
    pub(super) calendar: u8,
    pub(super) first: Day,
    /// Exclusive.
    pub(super) end: Day,
}

pub(super) struct Horizon {
    /// With the month that the day after the end is in.
    pub(super) months: Vec<Month>,
    pub(super) first: Day,
    /// The first day that no longer counts.
    pub(super) end: Day,
    /// Events at or after the midnight (UTC) of this day are not written: one day more than counts.
    pub(super) tail_end: Day,
    /// Orders placed before each day from `first` on.
    placed: Vec<u64>,
    /// (first instant, distance of local time from UTC), ascending, in microseconds.
    offsets: Vec<(i64, i64)>,
}

pub(super) fn day_of(date: Date) -> Day {
    (date.duration_since(EPOCH).as_hours() / 24) as Day
}

pub(super) fn date_of(day: Day) -> Date {
    EPOCH.checked_add(SignedDuration::from_hours(i64::from(day) * 24)).unwrap_or(EPOCH)
}

/// 0 is Monday.
pub(super) fn weekday(day: Day) -> usize {
    (day + 3).rem_euclid(7) as usize
}

impl Horizon {
    pub(super) fn new(options: &SampleOptions) -> Result<Self, SampleError> {
        let out_of_range = || SampleError::OutOfRange { end: options.end, months: options.months };
        let last = options.end.first_of_month();
        let end = day_of(options.end) + 1;
        let mut months = Vec::new();
        for back in (0..options.months).rev() {
            let span = jiff::Span::new().try_months(back).map_err(|_| out_of_range())?;
            let first = last.checked_sub(span).map_err(|_| out_of_range())?;
            months.push(month(months.len(), first, end));
        }
        let tail = date_of(end);
        if tail.day() == 1 {
            months.push(month(months.len(), tail, end + 1));
        } else if let Some(month) = months.last_mut() {
            month.end = end;
        }
        let first = months.first().map(|month| month.first).ok_or_else(out_of_range)?;
        let placed = placed(&months, first, end, options.orders);
        let offsets = offsets(&options.time_zone, first, end + 2);
        Ok(Self { months, first, end, tail_end: end + 1, placed, offsets })
    }

    /// The local day of an instant in microseconds.
    pub(super) fn local_day(&self, at: i64) -> Day {
        let next = self.offsets.partition_point(|(since, _)| *since <= at);
        let offset = self.offsets.get(next.saturating_sub(1)).map_or(0, |(_, offset)| *offset);
        utc_day(at + offset)
    }

    /// The number of the month that a day is in.
    pub(super) fn month_of(&self, day: Day) -> u32 {
        self.months.partition_point(|month| month.first <= day).saturating_sub(1) as u32
    }

    /// Orders placed before `day`.
    pub(super) fn placed_before(&self, day: Day) -> u64 {
        let place = (day - self.first).max(0) as usize;
        self.placed.get(place).or(self.placed.last()).copied().unwrap_or(0)
    }

    /// The day on which the order of this number (from 0) is placed.
    pub(super) fn day_of_order(&self, number: u64) -> Day {
        self.first + self.placed.partition_point(|&before| before <= number).saturating_sub(1) as Day
    }
}

pub(super) fn utc_day(at: i64) -> Day {
    at.div_euclid(DAY) as Day
}

fn month(number: usize, first: Date, end: Day) -> Month {
    let label = format!("{:04}-{:02}", first.year(), first.month());
    let until = (day_of(first) + Day::from(first.days_in_month())).min(end);
    Month {
        number: number as u32,
        label,
        year: first.year().unsigned_abs(),
        calendar: first.month().unsigned_abs(),
        first: day_of(first),
        end: until,
    }
}

/// How many orders are placed before each day: shares of one total, so that they add up for any number of orders.
fn placed(months: &[Month], first: Day, end: Day, orders: u64) -> Vec<u64> {
    let mut before = vec![0_u128];
    for day in first..end {
        let month = months.partition_point(|month| month.first <= day).saturating_sub(1);
        let calendar = months.get(month).map_or(1, |month| month.calendar);
        let weight = demand(day, first, calendar);
        before.push(before.last().copied().unwrap_or(0) + u128::from(weight));
    }
    let total = before.last().copied().unwrap_or(0).max(1);
    before.iter().map(|share| (u128::from(orders) * share / total) as u64).collect()
}

/// The relative demand of a day: growth, season, week, and the days before the end of November.
fn demand(day: Day, first: Day, calendar: u8) -> u64 {
    const WEEK: [u64; 7] = [108, 98, 96, 97, 101, 98, 112];
    const SEASON: [u64; 12] = [92, 86, 95, 97, 99, 95, 90, 93, 100, 104, 134, 142];
    let growth = 10_000 + 5 * u64::from((day - first).unsigned_abs());
    let week = WEEK.get(weekday(day)).copied().unwrap_or(100);
    let season = SEASON.get(usize::from(calendar.saturating_sub(1))).copied().unwrap_or(100);
    let rush = if is_rush(day) { 180 } else { 100 };
    growth * week * season * rush
}

/// The week of the end of November: the sale of the year.
pub(super) fn is_rush(day: Day) -> bool {
    let date = date_of(day);
    date.month() == 11 && (20..=30).contains(&date.day())
}

/// Whether the shop's own promotion runs: ten days from the middle of every third month, and the rush.
pub(super) fn is_promotion(day: Day) -> bool {
    let date = date_of(day);
    is_rush(day) || (date.month() % 3 == 1 && (12..22).contains(&date.day()))
}

fn offsets(zone: &TimeZone, first: Day, end: Day) -> Vec<(i64, i64)> {
    let start = Timestamp::from_microsecond(i64::from(first) * DAY).unwrap_or(Timestamp::UNIX_EPOCH);
    let until = i64::from(end) * DAY;
    let mut offsets = vec![(i64::MIN, i64::from(zone.to_offset(start).seconds()) * 1_000_000)];
    for change in zone.following(start) {
        let at = change.timestamp().as_microsecond();
        if at >= until {
            break;
        }
        offsets.push((at, i64::from(change.offset().seconds()) * 1_000_000));
    }
    offsets
}
