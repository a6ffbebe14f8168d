//! Exact totals: integers with a scale, checked at every step.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::controls::expression::Sum;
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

/// Totals by group.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    by_group: BTreeMap<Vec<String>, Amount>,
}

impl Totals {
    /// The groups that occurred.
    pub fn groups(&self) -> impl Iterator<Item = &Vec<String>> {
        self.by_group.keys()
    }

    /// A group's total, zero when it did not occur.
    #[must_use]
    pub fn of(&self, group: &[String]) -> Amount {
        self.by_group.get(group).copied().unwrap_or_default()
    }

    /// Adds the rows of a batch. A product with a null factor counts nothing.
    ///
    /// # Errors
    /// When a column is missing or no number, or a total leaves 128 bits.
    pub fn add(&mut self, side: &Side, sum: &Sum, rows: &RecordBatch) -> Result<(), ControlError> {
        let wanted = filter(side, rows)?;
        let groups = group_columns(side, rows)?;
        for term in &sum.terms {
            let factors = term.factors.iter().map(|name| Numbers::of(rows, name)).collect::<Result<Vec<_>, _>>()?;
            let scale = factors.iter().map(|factor| factor.scale).sum();
            if groups.is_empty() {
                let total = sum_rows(&factors, rows.num_rows(), &wanted)?;
                self.put(&[], signed(term.negative, total), scale)?;
            } else {
                self.add_grouped(&groups, &factors, term.negative, scale, &wanted)?;
            }
        }
        Ok(())
    }

    fn add_grouped(
        &mut self,
        groups: &[Vec<String>],
        factors: &[Numbers],
        negative: bool,
        scale: u32,
        wanted: &[bool],
    ) -> Result<(), ControlError> {
        let mut totals: BTreeMap<&Vec<String>, i128> = BTreeMap::new();
        for (row, group) in groups.iter().enumerate() {
            if !wanted.get(row).copied().unwrap_or(true) {
                continue;
            }
            if let Some(value) = product(factors, row)? {
                let total = totals.entry(group).or_default();
                *total = total.checked_add(value).ok_or(ControlError::Overflow)?;
            }
        }
        for (group, total) in totals {
            self.put(group, signed(negative, total), scale)?;
        }
        Ok(())
    }

    fn put(&mut self, group: &[String], unscaled: i128, scale: u32) -> Result<(), ControlError> {
        let total = self.by_group.entry(group.to_vec()).or_default();
        *total = total.checked_add(Amount { unscaled, scale }).ok_or(ControlError::Overflow)?;
        Ok(())
    }
}

fn signed(negative: bool, value: i128) -> i128 {
    if negative { -value } else { value }
}

fn sum_rows(factors: &[Numbers], rows: usize, wanted: &[bool]) -> Result<i128, ControlError> {
    let mut total: i128 = 0;
    for row in 0..rows {
        if wanted.get(row).copied().unwrap_or(true)
            && let Some(value) = product(factors, row)?
        {
            total = total.checked_add(value).ok_or(ControlError::Overflow)?;
        }
    }
    Ok(total)
}

fn product(factors: &[Numbers], row: usize) -> Result<Option<i128>, ControlError> {
    let mut value: i128 = 1;
    for factor in factors {
        let Some(next) = factor.at(row) else { return Ok(None) };
        value = value.checked_mul(next).ok_or(ControlError::Overflow)?;
    }
    Ok(Some(value))
}

/// A column of exact numbers.
struct Numbers {
    column: ArrayRef,
    scale: u32,
}

impl Numbers {
    fn of(rows: &RecordBatch, name: &str) -> Result<Self, ControlError> {
        let column = rows.column_by_name(name).ok_or_else(|| ControlError::NoColumn(name.to_owned()))?;
        let scale = match column.data_type() {
            DataType::Decimal128(_, scale) => u32::try_from(*scale).unwrap_or(0),
            kind if kind.is_integer() => 0,
            other => return Err(ControlError::NoNumber { column: name.to_owned(), kind: other.to_string() }),
        };
        Ok(Self { column: ArrayRef::clone(column), scale })
    }

    fn at(&self, row: usize) -> Option<i128> {
        if self.column.is_null(row) {
            return None;
        }
        let column = self.column.as_ref();
        Some(match column.data_type() {
            DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value(row),
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
            DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
            DataType::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
            DataType::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
            DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
            DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
            DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
            _ => return None,
        })
    }
}

/// One flag per row; empty when every row is wanted.
fn filter(side: &Side, rows: &RecordBatch) -> Result<Vec<bool>, ControlError> {
    if side.filter.is_empty() {
        return Ok(Vec::new());
    }
    let mut wanted = vec![true; rows.num_rows()];
    for (name, value) in &side.filter {
        let texts = texts(rows, name)?;
        for (wanted, text) in wanted.iter_mut().zip(texts) {
            *wanted &= &text == value;
        }
    }
    Ok(wanted)
}

fn group_columns(side: &Side, rows: &RecordBatch) -> Result<Vec<Vec<String>>, ControlError> {
    if side.by.is_empty() {
        return Ok(Vec::new());
    }
    let mut groups = vec![Vec::with_capacity(side.by.len()); rows.num_rows()];
    for name in &side.by {
        for (group, text) in groups.iter_mut().zip(texts(rows, name)?) {
            group.push(text);
        }
    }
    Ok(groups)
}

/// A column as text; null is the empty text.
fn texts(rows: &RecordBatch, name: &str) -> Result<Vec<String>, ControlError> {
    let column = rows.column_by_name(name).ok_or_else(|| ControlError::NoColumn(name.to_owned()))?;
    let options = FormatOptions::default();
    let shown =
        ArrayFormatter::try_new(column.as_ref(), &options).map_err(|error| ControlError::Decode(error.to_string()))?;
    Ok((0..rows.num_rows()).map(|row| shown.value(row).to_string()).collect())
}
