//! How exact numbers are written: in integers, rounded once, never through a float.

/// Writes `unscaled * 10^-scale` with that many decimals, rounded half away from zero. A value that rounds to zero has no
/// sign.
#[must_use]
pub fn text(unscaled: i128, scale: i32, decimals: i32, grouped: bool) -> String {
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

/// Money as it is printed, from its exact digits: `-1234.5678` is `-1,234.57`. What is no number stays as it is.
#[must_use]
pub fn money(exact: &str) -> String {
    let (whole, fraction) = exact.split_once('.').unwrap_or((exact, ""));
    let scale = i32::try_from(fraction.len());
    match (format!("{whole}{fraction}").parse(), scale) {
        (Ok(unscaled), Ok(scale)) => text(unscaled, scale, 2, true),
        _ => exact.to_owned(),
    }
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
