//! How values are printed: from the exact value, rounded once.
//!
//! One style for every locale: `.` before decimals, `,` between thousands, `-` before negatives, `n/a` for what is not
//! there. A value that rounds to zero prints without a sign.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::number::text as number;
use crate::pipeline::NumberFormat;

/// What stands where there is no value: never an empty cell, which could be read as zero.
pub const ABSENT: &str = "n/a";

/// Prints `unscaled * 10^-scale`.
///
/// Money and multiples have two decimals, counts none, percents one (of a fraction: `0.123` is `12.3 %`); all are rounded
/// half away from zero. Plain keeps every digit and groups nothing.
#[must_use]
pub fn decimal(unscaled: i128, scale: i8, format: NumberFormat) -> String {
    let scale = i32::from(scale);
    match format {
        NumberFormat::Money => number(unscaled, scale, 2, true),
        NumberFormat::Count => number(unscaled, scale, 0, true),
        NumberFormat::Percent => format!("{} %", number(unscaled, scale - 2, 1, true)),
        NumberFormat::Multiple => format!("{}x", number(unscaled, scale, 2, true)),
        NumberFormat::Plain => number(unscaled, scale, scale.max(0), false),
    }
}

/// How a decimal column is printed unless the report says otherwise.
#[must_use]
pub fn default_format(scale: i8) -> NumberFormat {
    match scale {
        ..=0 => NumberFormat::Count,
        1 => NumberFormat::Plain,
        2.. => NumberFormat::Money,
    }
}

/// ISO 8601, as in `2026-10-31`.
#[must_use]
pub fn date(date: Date) -> String {
    date.to_string()
}

/// ISO 8601 in UTC to the second, as in `2026-10-31T22:00:00Z`.
#[must_use]
pub fn timestamp(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Up to when events count, on the clock of a zone: `the end of 31 October 2026, Europe/Berlin`, or
/// `30 October 2026, 14:30, Europe/Berlin` where it is not the end of a day.
#[must_use]
pub fn as_of(instant: Timestamp, zone: &TimeZone, zone_name: &str) -> String {
    let local = instant.to_zoned(zone.clone());
    let ended = local.date().yesterday().ok().filter(|_| local.start_of_day().is_ok_and(|start| start == local));
    match ended {
        Some(day) => format!("the end of {}, {zone_name}", day.strftime("%-d %B %Y")),
        None => format!("{}, {zone_name}", local.strftime("%-d %B %Y, %H:%M")),
    }
}

/// `yes` or `no`.
#[must_use]
pub fn boolean(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// Text on one line. Control characters and direction overrides, which could make a line read as something it is not,
/// are shown as `U+FFFD`; letters of any script stay.
#[must_use]
pub fn text(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            other if other.is_control() => char::REPLACEMENT_CHARACTER,
            other => other,
        })
        .collect()
}

/// The exact number, ungrouped, as a spreadsheet or a program reads it: `-1234.5600`.
#[must_use]
pub fn exact(unscaled: i128, scale: i8) -> String {
    decimal(unscaled, scale, NumberFormat::Plain)
}
