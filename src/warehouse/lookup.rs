//! Effective-dated lookups: `name(key..., date)` gives the value of the version in force for that key on that date.
//!
//! The versions are a small table (prices, costs, rates, rules); they are sorted once and every row finds its own by
//! binary search. No range join, no fan-out: one row in, one value out.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, RecordBatch, UInt32Builder};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type, Schema};
use datafusion::common::{DataFusionError, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::pipeline::Lookup;

/// A lookup over loaded versions.
#[derive(Debug)]
pub struct LookupFunction {
    pub(super) name: String,
    pub(super) signature: Signature,
    pub(super) max_age_days: Option<i32>,
    /// Rows of `values` per key, oldest version first.
    pub(super) versions: HashMap<Vec<u8>, Vec<Version>>,
    pub(super) values: ArrayRef,
    /// All of this as bytes, once somebody has asked for them.
    #[cfg(feature = "cluster")]
    pub(super) portable: std::sync::OnceLock<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    /// Days since 1970-01-01, inclusive.
    pub(super) from: i32,
    /// Exclusive.
    pub(super) to: i32,
    pub(super) row: u32,
}

impl LookupFunction {
    /// Loads the versions of a lookup from its model's rows.
    ///
    /// # Errors
    /// When a column is missing or of a type a lookup cannot use, a key or date is null, or two versions of a key are
    /// in force on the same day.
    pub fn load(name: &str, lookup: &Lookup, schema: &Schema, rows: &[RecordBatch]) -> Result<Self, DataFusionError> {
        let rows = concat_batches(&Arc::new(schema.clone()), rows)?;
        let keys = lookup.key.iter().map(|key| column(name, &rows, key)).collect::<Result<Vec<_>, _>>()?;
        let from = dates(name, &rows, &lookup.valid_from)?;
        let to = lookup.valid_to.as_ref().map(|to| dates(name, &rows, to)).transpose()?;
        let values = column(name, &rows, &lookup.value)?;
        let mut arguments: Vec<_> = keys.iter().map(|key| argument_type(key.data_type())).collect();
        arguments.push(DataType::Date32);
        Ok(Self {
            name: name.to_owned(),
            signature: Signature::new(TypeSignature::Exact(arguments), Volatility::Immutable),
            max_age_days: lookup.max_age_days.map(|days| i32::try_from(days).unwrap_or(i32::MAX)),
            versions: versions(name, &keys, &from, to.as_ref())?,
            values,
            #[cfg(feature = "cluster")]
            portable: std::sync::OnceLock::new(),
        })
    }

    fn find(&self, key: &[u8], day: i32) -> Option<u32> {
        let versions = self.versions.get(key)?;
        let after = versions.partition_point(|version| version.from <= day);
        let version = versions.get(after.checked_sub(1)?)?;
        let fresh = self.max_age_days.is_none_or(|age| day - version.from <= age);
        (day < version.to && fresh).then_some(version.row)
    }
}

/// Text keys compare as views whatever their physical form.
fn argument_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        other => other.clone(),
    }
}

fn column(name: &str, rows: &RecordBatch, column: &str) -> Result<ArrayRef, DataFusionError> {
    match rows.column_by_name(column) {
        None => plan_err!("lookup `{name}`: its model has no column `{column}`"),
        Some(array) => Ok(arrow::compute::cast(array, &argument_type(array.data_type()))?),
    }
}

fn dates(name: &str, rows: &RecordBatch, wanted: &str) -> Result<Date32Array, DataFusionError> {
    let array = column(name, rows, wanted)?;
    if let Some(dates) = array.as_primitive_opt::<Date32Type>() {
        Ok(dates.clone())
    } else {
        plan_err!("lookup `{name}`: column `{wanted}` must be a date, it is {}", array.data_type())
    }
}

fn versions(
    name: &str,
    keys: &[ArrayRef],
    from: &Date32Array,
    to: Option<&Date32Array>,
) -> Result<HashMap<Vec<u8>, Vec<Version>>, DataFusionError> {
    let mut versions: HashMap<Vec<u8>, Vec<Version>> = HashMap::new();
    let mut key = Vec::new();
    for row in 0..from.len() {
        if !encode(keys, row, &mut key)? || from.is_null(row) {
            return exec_err!("lookup `{name}`: a version has no key or no first day");
        }
        let end = to.filter(|to| to.is_valid(row)).map_or(i32::MAX, |to| to.value(row));
        let index = u32::try_from(row)
            .map_err(|_| DataFusionError::Execution(format!("lookup `{name}`: too many versions")))?;
        versions.entry(key.clone()).or_default().push(Version { from: from.value(row), to: end, row: index });
    }
    for (key, versions) in &mut versions {
        versions.sort_unstable_by_key(|version| version.from);
        refuse_overlap(name, key, versions, to.is_some())?;
    }
    Ok(versions)
}

/// Two versions that begin on one day, or that both have ends and overlap, have no single answer.
fn refuse_overlap(name: &str, key: &[u8], versions: &[Version], ends: bool) -> Result<(), DataFusionError> {
    for pair in versions.windows(2) {
        let [earlier, later] = pair else { continue };
        let open = earlier.to == i32::MAX;
        if earlier.from == later.from || (ends && !open && earlier.to > later.from) {
            return exec_err!(
                "lookup `{name}`: two versions of `{}` are in force on one day",
                String::from_utf8_lossy(key).trim_matches(char::from(0))
            );
        }
    }
    Ok(())
}

/// A row's key as bytes; `false` when a part is null. Parts end in a zero byte preceded by their length.
fn encode(keys: &[ArrayRef], row: usize, key: &mut Vec<u8>) -> Result<bool, DataFusionError> {
    key.clear();
    for array in keys {
        if array.is_null(row) {
            return Ok(false);
        }
        match array.data_type() {
            DataType::Utf8View => key.extend_from_slice(array.as_string_view().value(row).as_bytes()),
            DataType::Int64 => key.extend_from_slice(&array.as_primitive::<Int64Type>().value(row).to_le_bytes()),
            DataType::Int32 => key.extend_from_slice(&array.as_primitive::<Int32Type>().value(row).to_le_bytes()),
            other => return exec_err!("a lookup key cannot be {other}: cast it to text"),
        }
        if keys.len() > 1 {
            let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
            key.extend_from_slice(&length.to_le_bytes());
        }
    }
    Ok(true)
}

impl ScalarUDFImpl for LookupFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.values.data_type().clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some((day, keys)) = arrays.split_last() else {
            return exec_err!("lookup `{}` needs a key and a date", self.name);
        };
        let days = day.as_primitive::<Date32Type>();
        let mut rows = UInt32Builder::with_capacity(days.len());
        let mut key = Vec::new();
        for row in 0..days.len() {
            let found = if days.is_valid(row) && encode(keys, row, &mut key)? {
                self.find(&key, days.value(row))
            } else {
                None
            };
            rows.append_option(found);
        }
        Ok(ColumnarValue::Array(take(&self.values, &rows.finish(), None)?))
    }
}

impl PartialEq for LookupFunction {
    /// Two loads of a lookup may hold different versions, so only the very same one is equal.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for LookupFunction {}

impl Hash for LookupFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
