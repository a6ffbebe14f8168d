//! Exact totals: integers with a scale, checked at every step.

use std::collections::BTreeMap;
use std::fmt;

use crate::controls::expression::Sum;
use crate::controls::page::Page;
use crate::controls::reader::ControlError;
use crate::pipeline::Side;

/// An exact number: `unscaled / 10^scale`. Equal numbers are equal whatever their scale.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amount {
    unscaled: i128,
    scale: u32,
}

impl Amount {
    #[must_use]
    pub fn new(unscaled: i128, scale: u32) -> Self {
        Self { unscaled, scale }
    }

    /// An amount as it is printed: `-12.50`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if digits.is_empty() || !all_digits(digits) || !all_digits(fraction) {
            return None;
        }
        let unscaled = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { unscaled, scale: u32::try_from(fraction.len()).ok()? })
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        self.unscaled.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    /// `self + other`, when it can be written.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        Some(Self { unscaled: self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?, scale })
    }

    /// `self - other`, when it can be written.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(Self { unscaled: other.unscaled.checked_neg()?, scale: other.scale })
    }

    /// As many times, when it can be written.
    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        Some(Self { unscaled: self.unscaled.checked_mul(i128::from(times))?, scale: self.scale })
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.unscaled == 0
    }

    /// Whether it is at most so far from zero.
    #[must_use]
    pub fn is_within(self, limit: Self) -> bool {
        let scale = self.scale.max(limit.scale);
        match (self.at_scale(scale), limit.at_scale(scale)) {
            (Some(own), Some(limit)) => own.unsigned_abs() <= limit.unsigned_abs(),
            _ => false,
        }
    }

    /// Without trailing zeros, so that equal numbers look equal.
    fn normal(self) -> Self {
        let mut normal = self;
        while normal.scale > 0 && normal.unscaled % 10 == 0 {
            normal = Self { unscaled: normal.unscaled / 10, scale: normal.scale - 1 };
        }
        normal
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.normal(), other.normal());
        one.unscaled == other.unscaled && one.scale == other.scale
    }
}

impl Eq for Amount {}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::try_from(self.scale).unwrap_or(0);
        let digits = format!("{:0>width$}", self.unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.unscaled < 0 { "-" } else { "" };
        if scale == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}

impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no amount")))
    }
}

/// Totals by group.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<(Vec<String>, Amount, u64)>", into = "Vec<(Vec<String>, Amount, u64)>")]
pub struct Totals {
    by_group: BTreeMap<Vec<String>, Total>,
}

impl From<Vec<(Vec<String>, Amount, u64)>> for Totals {
    fn from(groups: Vec<(Vec<String>, Amount, u64)>) -> Self {
        Self { by_group: groups.into_iter().map(|(group, amount, rows)| (group, Total { amount, rows })).collect() }
    }
}

impl From<Totals> for Vec<(Vec<String>, Amount, u64)> {
    fn from(totals: Totals) -> Self {
        totals.by_group.into_iter().map(|(group, total)| (group, total.amount, total.rows)).collect()
    }
}

/// What the rows of a group come to, and how many they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    amount: Amount,
    rows: u64,
}

impl Totals {
    /// The groups that occurred.
    pub fn groups(&self) -> impl Iterator<Item = &Vec<String>> {
        self.by_group.keys()
    }

    /// A group's total, zero when it did not occur.
    #[must_use]
    pub fn of(&self, group: &[String]) -> Amount {
        self.by_group.get(group).copied().unwrap_or_default().amount
    }

    /// The rows that made a group's total.
    #[must_use]
    pub fn rows(&self, group: &[String]) -> u64 {
        self.by_group.get(group).copied().unwrap_or_default().rows
    }

    /// Adds the rows of a page. A product with a null factor counts nothing.
    ///
    /// # Errors
    /// When a column is missing or no number, or a total leaves 128 bits.
    pub fn add(&mut self, side: &Side, sum: &Sum, page: &mut Page<'_>) -> Result<(), ControlError> {
        let groups = page.groups(&side.by)?;
        let wanted = page.wanted(&side.filter)?;
        let values = page.values(sum)?;
        let mut totals: Vec<(i128, u64)> = vec![(0, 0); groups.names.len()];
        let rows = values.unscaled.iter().zip(&groups.codes);
        match wanted {
            None => add_rows(&mut totals, rows)?,
            Some(wanted) => {
                let wanted = rows.zip(wanted.iter()).filter(|(_, wanted)| **wanted);
                add_rows(&mut totals, wanted.map(|(row, _)| row))?;
            }
        }
        for (name, (unscaled, rows)) in groups.names.iter().zip(totals).filter(|(_, (_, rows))| *rows > 0) {
            self.put(name, Amount::new(unscaled, values.scale), rows)?;
        }
        Ok(())
    }

    /// Adds other totals.
    ///
    /// # Errors
    /// When a total leaves 128 bits.
    pub fn merge(&mut self, other: &Self) -> Result<(), ControlError> {
        other.by_group.iter().try_for_each(|(group, total)| self.put(group, total.amount, total.rows))
    }

    fn put(&mut self, group: &[String], amount: Amount, rows: u64) -> Result<(), ControlError> {
        let total = self.by_group.entry(group.to_vec()).or_default();
        total.amount = total.amount.checked_add(amount).ok_or(ControlError::Overflow)?;
        total.rows = total.rows.saturating_add(rows);
        Ok(())
    }
}

/// Adds the value of every row to the total of its group.
fn add_rows<'a>(
    totals: &mut [(i128, u64)],
    rows: impl Iterator<Item = (&'a i128, &'a usize)>,
) -> Result<(), ControlError> {
    for (value, group) in rows {
        if let Some((total, rows)) = totals.get_mut(*group) {
            let Some(sum) = total.checked_add(*value) else { return Err(ControlError::Overflow) };
            (*total, *rows) = (sum, *rows + 1);
        }
    }
    Ok(())
}
