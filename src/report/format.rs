//! How values are printed: from the exact value, in integers, rounded once, never through a float.
//!
//! One style for every locale: `.` before decimals, `,` between thousands, `-` before negatives, `n/a` for what is not
//! there. A value that rounds to zero prints without a sign.

use jiff::Timestamp;
use jiff::civil::Date;

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

fn number(unscaled: i128, scale: i32, decimals: i32, grouped: bool) -> String {
    let magnitude = round(unscaled.unsigned_abs(), scale - decimals);
    let missing_zeros = usize::try_from(decimals - scale).unwrap_or(0);
    let mut digits = magnitude.to_string();
    if magnitude != 0 {
        digits.push_str(&"0".repeat(missing_zeros));
    }
    let decimals = usize::try_from(decimals).unwrap_or(0);
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    let sign = if unscaled < 0 && magnitude != 0 { "-" } else { "" };
    let whole = if grouped { group(whole) } else { whole.to_owned() };
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Drops the last `digits` digits, half away from zero. Nothing to drop: the value itself.
fn round(magnitude: u128, digits: i32) -> u128 {
    let Ok(digits) = u32::try_from(digits) else { return magnitude };
    // A divisor beyond u128 is more than twice any magnitude: the value rounds to zero.
    let Some(divisor) = 10_u128.checked_pow(digits) else { return 0 };
    let (quotient, rest) = (magnitude / divisor, magnitude % divisor);
    if divisor > 1 && rest >= divisor - rest { quotient + 1 } else { quotient }
}

/// Digits with their thousands apart.
#[must_use]
pub fn group(whole: &str) -> String {
    let mut out = String::with_capacity(whole.len() + whole.len() / 3);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
