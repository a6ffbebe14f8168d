//! The small languages inside the pipeline file: column types, sizes, durations, decimals.

use jiff::SignedDuration;

use crate::pipeline::{Column, ColumnType, Param};

/// `decimal(18,2) null` and its kin.
///
/// # Errors
/// What a type may look like.
pub fn column(name: &str, text: &str) -> Result<Column, &'static str> {
    let text = text.trim();
    let (kind, nullable) = match text.strip_suffix("null").map(str::trim_end) {
        Some(kind) if kind.len() < text.len() => (kind, true),
        _ => (text, false),
    };
    let kind = match kind {
        "text" => ColumnType::Text,
        "integer" => ColumnType::Integer,
        "boolean" => ColumnType::Boolean,
        "date" => ColumnType::Date,
        "timestamp" => ColumnType::Timestamp,
        "local_timestamp" => ColumnType::LocalTimestamp,
        other => decimal_type(other)?,
    };
    Ok(Column { name: name.to_owned(), kind, nullable })
}

fn decimal_type(text: &str) -> Result<ColumnType, &'static str> {
    const KNOWN: &str = "types are text, integer, decimal(p,s), boolean, date, timestamp, local_timestamp";
    let inside = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')).ok_or(KNOWN)?;
    let (precision, scale) = inside.split_once(',').ok_or("a decimal has digits and places: decimal(18,2)")?;
    let precision: u8 = precision.trim().parse().map_err(|_| "the digits of a decimal are 1 to 38")?;
    let scale: i8 = scale.trim().parse().map_err(|_| "the places of a decimal are 0 or more")?;
    let fits = (1..=38).contains(&precision) && scale >= 0 && i16::from(scale) <= i16::from(precision);
    fits.then_some(ColumnType::Decimal { precision, scale })
        .ok_or("a decimal has 1 to 38 digits, and no more places than digits")
}

/// `512MiB`, `2GiB`, `1000000`: bytes.
pub fn size(text: &str) -> Option<usize> {
    let units = [("KiB", 1_usize << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("", 1)];
    let (number, unit) =
        units.iter().find_map(|(suffix, unit)| text.trim().strip_suffix(suffix).map(|rest| (rest, unit)))?;
    number.trim().parse::<usize>().ok()?.checked_mul(*unit).filter(|bytes| *bytes > 0)
}

/// `30s`, `90m`, `6h`, `2d`.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let (number, seconds) =
        units.iter().find_map(|(unit, seconds)| text.trim().strip_suffix(unit).map(|number| (number, seconds)))?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(*seconds).map(SignedDuration::from_secs)
}

/// `df://host:50050`: host and port.
pub fn scheduler(text: &str) -> Option<String> {
    let address = text.trim().strip_prefix("df://")?.trim_end_matches('/');
    let url = url::Url::parse(&format!("df://{address}")).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.path().is_empty();
    let nothing_else = plain && url.query().is_none() && url.fragment().is_none();
    let (host, port) = (url.host_str().filter(|host| !host.is_empty())?, url.port()?);
    (nothing_else && port > 0).then(|| format!("{host}:{port}"))
}

/// `-12.50` as an exact parameter.
pub fn decimal(text: &str) -> Option<Param> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() > 38 {
        return None;
    }
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = u8::try_from(fraction.len()).ok()?;
    Some(Param::Decimal { unscaled: if text.starts_with('-') { -unscaled } else { unscaled }, scale })
}
