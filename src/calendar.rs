//! Periods and zones: pure date arithmetic, no clock.
//!
//! A period is a half-open span of business days. Its bounds are instants, computed once from the zone's own rules and
//! then bound as parameters, so that SQL never has to know about daylight saving.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The length of a pipeline's periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodUnit {
    Month,
    /// ISO weeks, Monday to Sunday.
    Week,
    Day,
}

/// How a pipeline divides time.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub unit: PeriodUnit,
    pub zone: TimeZone,
    /// The zone's IANA name.
    pub zone_name: String,
    /// Intakes before this period are not read.
    pub first_period: Option<Period>,
}

/// One period. Orders by time; prints as `2026-10`, `2026-W44` or `2026-10-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    first_day: Date,
    unit: PeriodUnit,
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    #[error("`{0}` is no period: write a month as 2026-10, a week as 2026-W44, a day as 2026-10-31")]
    Unreadable(String),
    #[error("`{text}` is a {found}, this pipeline's periods are {expected}s")]
    WrongUnit { text: String, found: PeriodUnit, expected: PeriodUnit },
    #[error("`{0}` is outside the years 1 to 9999")]
    OutOfRange(String),
}

impl Calendar {
    /// The period that a local day falls in.
    ///
    /// # Errors
    /// When the period would begin before year 1.
    pub fn containing(&self, day: Date) -> Result<Period, PeriodError> {
        Period::containing(day, self.unit)
    }

    /// The local day of an instant.
    #[must_use]
    pub fn local_day(&self, instant: Timestamp) -> Date {
        instant.to_zoned(self.zone.clone()).date()
    }

    /// The last period that is over at `now`.
    ///
    /// # Errors
    /// When there is none in the years 1 to 9999.
    pub fn last_complete(&self, now: Timestamp) -> Result<Period, PeriodError> {
        self.containing(self.local_day(now))?.previous()
    }

    /// The first instant of a local day. Where that midnight is skipped by the zone, the first instant that exists.
    ///
    /// # Errors
    /// When the instant is out of range.
    pub fn start_of(&self, day: Date) -> Result<Timestamp, PeriodError> {
        day.to_zoned(self.zone.clone())
            .map(|zoned| zoned.timestamp())
            .map_err(|_| PeriodError::OutOfRange(day.to_string()))
    }

    /// The half-open span of a period as instants.
    ///
    /// # Errors
    /// When a bound is out of range.
    pub fn bounds(&self, period: Period) -> Result<(Timestamp, Timestamp), PeriodError> {
        Ok((self.start_of(period.first_day)?, self.start_of(period.end_day()?)?))
    }

    /// Reads a period of this calendar's unit.
    ///
    /// # Errors
    /// When the text is no period, or one of another unit.
    pub fn period(&self, text: &str) -> Result<Period, PeriodError> {
        let period = Period::from_str(text)?;
        if period.unit == self.unit {
            return Ok(period);
        }
        Err(PeriodError::WrongUnit { text: text.to_owned(), found: period.unit, expected: self.unit })
    }

    /// The period that a partition value names: a period of this unit, or any shorter span inside one.
    ///
    /// # Errors
    /// When the value is no date or period, or a longer one.
    pub fn period_of_partition(&self, value: &str) -> Result<Period, PeriodError> {
        let written = Period::from_str(value)?;
        if written.unit == self.unit {
            Ok(written)
        } else if written.unit == PeriodUnit::Day {
            self.containing(written.first_day)
        } else {
            Err(PeriodError::WrongUnit { text: value.to_owned(), found: written.unit, expected: self.unit })
        }
    }
}

impl Period {
    /// The period of that unit around a day.
    ///
    /// # Errors
    /// When the period would begin before year 1.
    pub fn containing(day: Date, unit: PeriodUnit) -> Result<Self, PeriodError> {
        let first_day = match unit {
            PeriodUnit::Day => day,
            PeriodUnit::Month => day.first_of_month(),
            PeriodUnit::Week => day
                .checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days())
                .map_err(|_| PeriodError::OutOfRange(day.to_string()))?,
        };
        Ok(Self { first_day, unit })
    }

    #[must_use]
    pub fn first_day(self) -> Date {
        self.first_day
    }

    #[must_use]
    pub fn unit(self) -> PeriodUnit {
        self.unit
    }

    /// The first day after the period.
    ///
    /// # Errors
    /// At the end of year 9999.
    pub fn end_day(self) -> Result<Date, PeriodError> {
        self.first_day.checked_add(self.unit.span()).map_err(|_| PeriodError::OutOfRange(self.to_string()))
    }

    /// The period after this one.
    ///
    /// # Errors
    /// At the end of year 9999.
    pub fn next(self) -> Result<Self, PeriodError> {
        Ok(Self { first_day: self.end_day()?, unit: self.unit })
    }

    /// The period before this one.
    ///
    /// # Errors
    /// At the start of year 1.
    pub fn previous(self) -> Result<Self, PeriodError> {
        let first_day =
            self.first_day.checked_sub(self.unit.span()).map_err(|_| PeriodError::OutOfRange(self.to_string()))?;
        Ok(Self { first_day, unit: self.unit })
    }
}

impl PeriodUnit {
    fn span(self) -> jiff::Span {
        match self {
            Self::Month => 1.month(),
            Self::Week => 1.week(),
            Self::Day => 1.day(),
        }
    }
}

impl fmt::Display for PeriodUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
        })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.first_day;
        match self.unit {
            PeriodUnit::Month => write!(f, "{:04}-{:02}", day.year(), day.month()),
            PeriodUnit::Week => {
                let week = day.iso_week_date();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            PeriodUnit::Day => write!(f, "{day}"),
        }
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let unreadable = || PeriodError::Unreadable(text.to_owned());
        if !text.is_ascii() {
            return Err(unreadable());
        }
        if let Some((year, week)) = text.split_once("-W") {
            let (year, week) = (digits(year, 4).ok_or_else(unreadable)?, digits(week, 2).ok_or_else(unreadable)?);
            let week = i8::try_from(week).map_err(|_| unreadable())?;
            let date = ISOWeekDate::new(year, week, Weekday::Monday).map_err(|_| unreadable())?;
            return Ok(Self { first_day: date.date(), unit: PeriodUnit::Week });
        }
        let mut parts = text.splitn(3, '-');
        let mut part = |width| parts.next().map(|text| digits(text, width));
        let year = part(4).flatten().ok_or_else(unreadable)?;
        let month = part(2).flatten().ok_or_else(unreadable)?;
        let (day, unit) = match part(2) {
            None => (1, PeriodUnit::Month),
            Some(day) => (day.ok_or_else(unreadable)?, PeriodUnit::Day),
        };
        let (month, day) =
            (i8::try_from(month).map_err(|_| unreadable())?, i8::try_from(day).map_err(|_| unreadable())?);
        let first_day = Date::new(year, month, day).map_err(|_| unreadable())?;
        Ok(Self { first_day, unit })
    }
}

/// Exactly `width` digits.
fn digits(text: &str, width: usize) -> Option<i16> {
    (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
