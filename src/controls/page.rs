//! A page of rows as control totals see it: what to add per row, in which group, and whether at all. Totals that ask for
//! the same share the answer.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, PrimitiveArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::controls::expression::{Sum, Term};
use crate::controls::reader::ControlError;

/// Rows, and what has been asked of them so far.
pub struct Page<'a> {
    rows: &'a RecordBatch,
    texts: HashMap<String, Rc<Texts>>,
    groups: HashMap<Vec<String>, Rc<Groups>>,
    wanted: HashMap<BTreeMap<String, String>, Rc<Vec<bool>>>,
    values: HashMap<Sum, Rc<Values>>,
}

/// The group of every row, as a position in the groups' names.
pub struct Groups {
    pub codes: Vec<usize>,
    pub names: Vec<Vec<String>>,
}

/// What every row adds: `unscaled / 10^scale`.
pub struct Values {
    pub unscaled: Vec<i128>,
    pub scale: u32,
}

impl<'a> Page<'a> {
    #[must_use]
    pub fn new(rows: &'a RecordBatch) -> Self {
        Self { rows, texts: HashMap::new(), groups: HashMap::new(), wanted: HashMap::new(), values: HashMap::new() }
    }

    /// The rows' groups by the named columns; one group of all without a name.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn groups(&mut self, by: &[String]) -> Result<Rc<Groups>, ControlError> {
        if let Some(known) = self.groups.get(by) {
            return Ok(Rc::clone(known));
        }
        let mut groups = Groups { codes: vec![0; self.rows.num_rows()], names: vec![Vec::new()] };
        for name in by {
            groups = groups.split(self.texts(name)?.as_ref());
        }
        let groups = Rc::new(groups);
        self.groups.insert(by.to_vec(), Rc::clone(&groups));
        Ok(groups)
    }

    /// One flag per row; none when every row is wanted.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn wanted(&mut self, filter: &BTreeMap<String, String>) -> Result<Option<Rc<Vec<bool>>>, ControlError> {
        if filter.is_empty() {
            return Ok(None);
        }
        if let Some(known) = self.wanted.get(filter) {
            return Ok(Some(Rc::clone(known)));
        }
        let mut wanted = vec![true; self.rows.num_rows()];
        for (name, value) in filter {
            let texts = self.texts(name)?;
            let equal: Vec<bool> = texts.names.iter().map(|text| text == value).collect();
            for (wanted, code) in wanted.iter_mut().zip(&texts.codes) {
                *wanted &= equal.get(*code).copied().unwrap_or(false);
            }
        }
        let wanted = Rc::new(wanted);
        self.wanted.insert(filter.clone(), Rc::clone(&wanted));
        Ok(Some(wanted))
    }

    fn texts(&mut self, name: &str) -> Result<Rc<Texts>, ControlError> {
        if let Some(known) = self.texts.get(name) {
            return Ok(Rc::clone(known));
        }
        let texts = Rc::new(texts(self.rows, name)?);
        self.texts.insert(name.to_owned(), Rc::clone(&texts));
        Ok(texts)
    }

    /// What a sum of products gives per row. A product with a null factor is nothing.
    ///
    /// # Errors
    /// When a column is missing or no number, or a value leaves 128 bits.
    pub fn values(&mut self, sum: &Sum) -> Result<Rc<Values>, ControlError> {
        if let Some(known) = self.values.get(sum) {
            return Ok(Rc::clone(known));
        }
        let products = sum.terms.iter().map(|term| product(self.rows, term)).collect::<Result<Vec<_>, _>>()?;
        let scale = products.iter().map(|product| product.scale).max().unwrap_or(0);
        let mut unscaled = vec![0_i128; self.rows.num_rows()];
        for (product, term) in products.iter().zip(&sum.terms) {
            let unit = 10_i128.checked_pow(scale - product.scale).ok_or(ControlError::Overflow)?;
            product.add_to(&mut unscaled, if term.negative { -unit } else { unit })?;
        }
        let values = Rc::new(Values { unscaled, scale });
        self.values.insert(sum.clone(), Rc::clone(&values));
        Ok(values)
    }
}

impl Groups {
    /// The groups by one more column, in the order in which they occur.
    fn split(&self, column: &Texts) -> Self {
        let width = column.names.len();
        let mut known = Known::with_places(self.names.len().saturating_mul(width));
        let mut names: Vec<Vec<String>> = Vec::new();
        let mut codes = Vec::with_capacity(self.codes.len());
        for (group, text) in self.codes.iter().copied().zip(column.codes.iter().copied()) {
            let code = *known.of(group * width + text).get_or_insert_with(|| {
                let mut name = self.names.get(group).cloned().unwrap_or_default();
                name.extend(column.names.get(text).cloned());
                names.push(name);
                names.len() - 1
            });
            codes.push(code);
        }
        Self { codes, names }
    }
}

/// The group of every pair of a group and a text that has occurred: a table while there are few, which is cheaper.
struct Known {
    few: Vec<Option<usize>>,
    many: HashMap<usize, Option<usize>>,
}

impl Known {
    const FEW: usize = 1 << 16;

    fn with_places(places: usize) -> Self {
        Self { few: if places <= Self::FEW { vec![None; places] } else { Vec::new() }, many: HashMap::new() }
    }

    fn of(&mut self, pair: usize) -> &mut Option<usize> {
        match self.few.get_mut(pair) {
            Some(place) => place,
            None => self.many.entry(pair).or_default(),
        }
    }
}

/// A column's distinct texts and which of them each row has. Null is the empty text.
struct Texts {
    codes: Vec<usize>,
    names: Vec<String>,
}

fn texts(rows: &RecordBatch, name: &str) -> Result<Texts, ControlError> {
    let column = &plain(column(rows, name)?)?;
    Ok(match column.data_type() {
        DataType::Utf8 => distinct(column.as_string::<i32>().iter().map(Option::unwrap_or_default)),
        DataType::Utf8View => distinct(column.as_string_view().iter().map(Option::unwrap_or_default)),
        _ => {
            let options = FormatOptions::default();
            let shown = ArrayFormatter::try_new(column.as_ref(), &options)
                .map_err(|error| ControlError::Decode(error.to_string()))?;
            let shown: Vec<String> = (0..rows.num_rows()).map(|row| shown.value(row).to_string()).collect();
            distinct(shown.iter().map(String::as_str))
        }
    })
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Texts {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut names = Vec::new();
    let mut last: Option<(&str, usize)> = None;
    let codes = texts.map(|text| match last {
        Some((same, code)) if same == text => code,
        _ => {
            let code = *known.entry(text).or_insert_with(|| {
                names.push(text.to_owned());
                names.len() - 1
            });
            last = Some((text, code));
            code
        }
    });
    Texts { codes: codes.collect(), names }
}

fn column<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ControlError> {
    rows.column_by_name(name).ok_or_else(|| ControlError::NoColumn(name.to_owned()))
}

/// A column with its values in place of their numbers in a dictionary.
fn plain(column: &ArrayRef) -> Result<ArrayRef, ControlError> {
    match column.data_type() {
        DataType::Dictionary(_, values) => {
            cast(column, values).map_err(|error| ControlError::Decode(error.to_string()))
        }
        _ => Ok(Arc::clone(column)),
    }
}

/// One product per row: an array as it is, or numbers made of several. Zero where a factor is null.
struct Product {
    numbers: Numbers,
    scale: u32,
}

enum Numbers {
    Decimals(Decimal128Array),
    Made(Vec<i128>),
}

impl Product {
    fn add_to(&self, sums: &mut [i128], factor: i128) -> Result<(), ControlError> {
        let added = match &self.numbers {
            Numbers::Decimals(array) if array.null_count() == 0 => add(sums, array.values().iter().copied(), factor),
            Numbers::Decimals(array) => add(sums, array.iter().map(Option::unwrap_or_default), factor),
            Numbers::Made(numbers) => add(sums, numbers.iter().copied(), factor),
        };
        if added { Ok(()) } else { Err(ControlError::Overflow) }
    }
}

/// Adds to every sum its number, so many times. False when any of them has left 128 bits: whether one did is looked at
/// once, after all of them.
fn add(sums: &mut [i128], numbers: impl Iterator<Item = i128>, factor: i128) -> bool {
    let pairs = sums.iter_mut().zip(numbers);
    let mut left = false;
    // Most numbers have the scale of the sum: multiplying 128 bits with a check costs more than all the rest.
    match factor {
        1 => pairs.for_each(|(sum, number)| left |= put(sum, sum.overflowing_add(number))),
        -1 => pairs.for_each(|(sum, number)| left |= put(sum, sum.overflowing_sub(number))),
        _ => pairs.for_each(|(sum, number)| {
            let (number, beyond) = number.overflowing_mul(factor);
            left |= put(sum, sum.overflowing_add(number)) || beyond;
        }),
    }
    !left
}

fn put(sum: &mut i128, (value, left): (i128, bool)) -> bool {
    *sum = value;
    left
}

fn product(rows: &RecordBatch, term: &Term) -> Result<Product, ControlError> {
    if let [name] = term.factors.as_slice() {
        return numbers(rows, name);
    }
    let mut product = Product { numbers: Numbers::Made(Vec::new()), scale: 0 };
    let mut values = vec![1; rows.num_rows()];
    for name in &term.factors {
        let factor = numbers(rows, name)?;
        product.scale += factor.scale;
        let mut factors = vec![0; rows.num_rows()];
        factor.add_to(&mut factors, 1)?;
        for (value, factor) in values.iter_mut().zip(factors) {
            *value = i128::checked_mul(*value, factor).ok_or(ControlError::Overflow)?;
        }
    }
    product.numbers = Numbers::Made(values);
    Ok(product)
}

/// A column of exact numbers.
fn numbers(rows: &RecordBatch, name: &str) -> Result<Product, ControlError> {
    let column = &plain(column(rows, name)?)?;
    let made = |numbers| Product { numbers: Numbers::Made(numbers), scale: 0 };
    let places = |scale: &i8| u32::try_from(*scale).map_err(|_| no_number(name, column));
    Ok(match column.data_type() {
        DataType::Decimal128(_, scale) => Product {
            numbers: Numbers::Decimals(column.as_primitive::<Decimal128Type>().clone()),
            scale: places(scale)?,
        },
        DataType::Decimal64(_, scale) => Product { scale: places(scale)?, ..made(widened::<Decimal64Type>(column)) },
        DataType::Decimal32(_, scale) => Product { scale: places(scale)?, ..made(widened::<Decimal32Type>(column)) },
        DataType::Int64 => made(widened::<Int64Type>(column)),
        DataType::Int32 => made(widened::<Int32Type>(column)),
        DataType::Int16 => made(widened::<Int16Type>(column)),
        DataType::Int8 => made(widened::<Int8Type>(column)),
        DataType::UInt32 => made(widened::<UInt32Type>(column)),
        DataType::UInt16 => made(widened::<UInt16Type>(column)),
        DataType::UInt8 => made(widened::<UInt8Type>(column)),
        _ => return Err(no_number(name, column)),
    })
}

fn no_number(name: &str, column: &ArrayRef) -> ControlError {
    ControlError::NoNumber { column: name.to_owned(), kind: column.data_type().to_string() }
}

fn widened<T: ArrowPrimitiveType>(column: &ArrayRef) -> Vec<i128>
where
    i128: From<T::Native>,
{
    let column: &PrimitiveArray<T> = column.as_primitive();
    column.iter().map(|value| value.map_or(0, i128::from)).collect()
}
