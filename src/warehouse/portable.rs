//! Functions of a session as bytes, for processes that execute its plans: a function of the calendar with its zone, a lookup
//! with its versions.
//!
//! A line of JSON says which function it is; after it come the versions of a lookup, as Parquet. It names the program's own
//! version, so that no other program computes with what it may understand differently.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int32Array, RecordBatch};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{DataType, Int32Type};
use bytes::Bytes;
use datafusion::common::{DataFusionError, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{ScalarUDF, Signature, TypeSignature, Volatility};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::VERSION;
use crate::calendar::{Calendar, PeriodUnit};
use crate::warehouse::functions::{MoneyText, PeriodOf};
use crate::warehouse::local_time::{LocalDay, LocalInstant};
use crate::warehouse::lookup::{LookupFunction, Version};
use crate::warehouse::output::sha256_hex;
use crate::warehouse::packed;
use crate::warehouse::single_values::OneValue;

/// What decoding says when the bytes are of another version of this program.
pub const OTHER_VERSION: &str = "a plan of another version of tieout";

#[derive(Serialize, Deserialize)]
struct Header {
    tieout: String,
    function: Function,
}

/// Which function, with what decides its values.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Function {
    LocalDay(Zone),
    LocalInstant(Zone),
    PeriodOf(Zone),
    MoneyText,
    OneValue,
    Lookup { name: String, arguments: Vec<String>, max_age_days: Option<i32> },
}

/// A calendar, as far as functions look at it.
#[derive(Serialize, Deserialize)]
struct Zone {
    name: String,
    unit: String,
}

impl Zone {
    fn of(calendar: &Calendar) -> Self {
        Self { name: calendar.zone_name.clone(), unit: calendar.unit.to_string() }
    }

    fn calendar(self) -> Result<Calendar, DataFusionError> {
        let zone = TimeZone::get(&self.name).map_err(|error| exec_datafusion_err!("{error}"))?;
        let units = [PeriodUnit::Month, PeriodUnit::Week, PeriodUnit::Day];
        let unit = units.into_iter().find(|unit| unit.to_string() == self.unit);
        let unit = unit.ok_or_else(|| exec_datafusion_err!("`{}` is no length of a period", self.unit))?;
        Ok(Calendar { unit, zone, zone_name: self.name, first_period: None })
    }
}

/// A function as bytes; none when it is one of the engine's, which every process has.
///
/// # Errors
/// When a lookup holds values that Parquet does not know.
pub fn encode(function: &ScalarUDF) -> Result<Option<Vec<u8>>, DataFusionError> {
    let inner = function.inner();
    let known = if let Some(function) = inner.downcast_ref::<LookupFunction>() {
        return lookup_bytes(function).map(Some);
    } else if let Some(function) = inner.downcast_ref::<LocalDay>() {
        Function::LocalDay(Zone::of(&function.calendar))
    } else if let Some(function) = inner.downcast_ref::<LocalInstant>() {
        Function::LocalInstant(Zone::of(&function.calendar))
    } else if let Some(function) = inner.downcast_ref::<PeriodOf>() {
        Function::PeriodOf(Zone::of(&function.calendar))
    } else if inner.is::<MoneyText>() {
        Function::MoneyText
    } else if inner.is::<OneValue>() {
        Function::OneValue
    } else {
        return Ok(None);
    };
    line(known).map(Some)
}

fn line(function: Function) -> Result<Vec<u8>, DataFusionError> {
    let header = Header { tieout: VERSION.to_owned(), function };
    let mut line = serde_json::to_vec(&header).map_err(|error| exec_datafusion_err!("{error}"))?;
    line.push(b'\n');
    Ok(line)
}

fn lookup_bytes(function: &LookupFunction) -> Result<Vec<u8>, DataFusionError> {
    if let Some(known) = function.portable.get() {
        return Ok(known.clone());
    }
    let TypeSignature::Exact(arguments) = &function.signature.type_signature else {
        return exec_err!("lookup `{}` takes any arguments", function.name);
    };
    let mut bytes = line(Function::Lookup {
        name: function.name.clone(),
        arguments: arguments.iter().map(ToString::to_string).collect(),
        max_age_days: function.max_age_days,
    })?;
    let mut versions: Vec<(&[u8], &Version)> = Vec::new();
    for (key, of_key) in &function.versions {
        versions.extend(of_key.iter().map(|version| (key.as_slice(), version)));
    }
    versions.sort_unstable_by_key(|(key, version)| (*key, version.from));
    let rows: arrow::array::UInt32Array = versions.iter().map(|(_, version)| version.row).collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("key", Arc::new(BinaryArray::from_iter_values(versions.iter().map(|(key, _)| key)))),
        ("from", Arc::new(versions.iter().map(|(_, version)| version.from).collect::<Int32Array>())),
        ("to", Arc::new(versions.iter().map(|(_, version)| version.to).collect::<Int32Array>())),
        ("value", take(&function.values, &rows, None)?),
    ];
    let nullable = columns.map(|(name, column)| (name, column, true));
    let rows = RecordBatch::try_from_iter_with_nullable(nullable)?;
    bytes.extend(packed::table_bytes(&rows).map_err(|error| DataFusionError::External(Box::new(error)))?);
    Ok(function.portable.get_or_init(|| bytes).clone())
}

/// Lookups that plans of this process use, by their digest: a plan has a lookup in it many times over.
static LOOKUPS: LazyLock<Mutex<HashMap<String, Weak<ScalarUDF>>>> = LazyLock::new(Mutex::default);

/// The function of bytes that [`encode`] has made.
///
/// # Errors
/// When they are of another version of this program, or no such bytes.
pub fn decode(bytes: &[u8]) -> Result<Arc<ScalarUDF>, DataFusionError> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (header, rest) = bytes.split_at(end);
    let header: Header =
        serde_json::from_slice(header).map_err(|error| exec_datafusion_err!("{OTHER_VERSION}: {error}"))?;
    if header.tieout != VERSION {
        return exec_err!("{OTHER_VERSION}: it is {}, and this is {VERSION}", header.tieout);
    }
    let function = match header.function {
        Function::LocalDay(zone) => ScalarUDF::from(LocalDay::new(zone.calendar()?)),
        Function::LocalInstant(zone) => ScalarUDF::from(LocalInstant::new(zone.calendar()?)),
        Function::PeriodOf(zone) => ScalarUDF::from(PeriodOf::new(zone.calendar()?)),
        Function::MoneyText => ScalarUDF::from(MoneyText::new()),
        Function::OneValue => ScalarUDF::from(OneValue::new()),
        Function::Lookup { name, arguments, max_age_days } => {
            let digest = sha256_hex(bytes);
            let mut known = LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(function) = known.get(&digest).and_then(Weak::upgrade) {
                return Ok(function);
            }
            let versions = rest.get(1..).unwrap_or_default();
            let function = lookup(name, &arguments, max_age_days, versions)?;
            function.portable.get_or_init(|| bytes.to_vec());
            let function = Arc::new(ScalarUDF::from(function));
            known.retain(|_, function| function.strong_count() > 0);
            known.insert(digest, Arc::downgrade(&function));
            return Ok(function);
        }
    };
    Ok(Arc::new(function))
}

fn lookup(
    name: String,
    arguments: &[String],
    max_age_days: Option<i32>,
    bytes: &[u8],
) -> Result<LookupFunction, DataFusionError> {
    let arguments = arguments.iter().map(|kind| kind.parse()).collect::<Result<Vec<DataType>, _>>()?;
    let rows = packed::table_of(Bytes::copy_from_slice(bytes)).map_err(|error| {
        DataFusionError::Context(format!("lookup `{name}`"), Box::new(exec_datafusion_err!("{error}")))
    })?;
    let rows = concat_batches(&rows.schema(), [&rows])?;
    let column = |column: &str| {
        rows.column_by_name(column).ok_or_else(|| exec_datafusion_err!("lookup `{name}` lacks `{column}`"))
    };
    let (keys, from, to) = (column("key")?.as_binary_opt::<i32>(), column("from")?, column("to")?);
    let (from, to) = (from.as_primitive_opt::<Int32Type>(), to.as_primitive_opt::<Int32Type>());
    let (Some(keys), Some(from), Some(to)) = (keys, from, to) else {
        return exec_err!("lookup `{name}` has columns of other types");
    };
    let mut versions: HashMap<Vec<u8>, Vec<Version>> = HashMap::new();
    for (row, key) in (0_u32..).zip(keys.iter().flatten()) {
        let at = usize::try_from(row).unwrap_or(usize::MAX);
        let version = Version { from: from.value(at), to: to.value(at), row };
        versions.entry(key.to_vec()).or_default().push(version);
    }
    let values = Arc::clone(column("value")?);
    let signature = Signature::new(TypeSignature::Exact(arguments), Volatility::Immutable);
    Ok(LookupFunction { name, signature, max_age_days, versions, values, portable: std::sync::OnceLock::new() })
}

/// A function that every process of this version has, and no other program.
#[must_use]
pub fn hello() -> ScalarUDF {
    ScalarUDF::from(MoneyText::new())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Decimal128Array, StringViewArray};
    use datafusion::config::ConfigOptions;
    use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

    use super::*;
    use crate::pipeline::Lookup;

    fn calendar(zone: &str, unit: PeriodUnit) -> Calendar {
        let zone_name = zone.to_owned();
        Calendar { unit, zone: TimeZone::get(zone).expect("a zone"), zone_name, first_period: None }
    }

    fn travelled(function: &ScalarUDF) -> Arc<ScalarUDF> {
        decode(&encode(function).expect("bytes").expect("one of ours")).expect("a function")
    }

    #[test]
    fn functions_of_the_calendar_keep_their_zone_and_their_unit() {
        for (zone, unit) in [("Europe/Berlin", PeriodUnit::Month), ("America/New_York", PeriodUnit::Week)] {
            let functions = [
                ScalarUDF::from(LocalDay::new(calendar(zone, unit))),
                ScalarUDF::from(LocalInstant::new(calendar(zone, unit))),
                ScalarUDF::from(PeriodOf::new(calendar(zone, unit))),
            ];
            for function in functions {
                assert_eq!(*travelled(&function), function, "{zone}");
            }
        }
        let elsewhere = ScalarUDF::from(LocalDay::new(calendar("Asia/Tokyo", PeriodUnit::Month)));
        assert_ne!(*travelled(&elsewhere), ScalarUDF::from(LocalDay::new(calendar("UTC", PeriodUnit::Month))));
        assert_eq!(*travelled(&hello()), hello());
    }

    #[test]
    fn a_function_of_the_engine_travels_by_its_name() {
        assert!(encode(&datafusion::functions::string::upper()).expect("none of ours").is_none());
    }

    /// What a lookup says of some keys and days, as text.
    fn found(function: &ScalarUDF) -> String {
        let (texts, days) = (["a", "a", "a", "b", "c"], [9, 10, 99, 20, 20]);
        let keys: ArrayRef = Arc::new(StringViewArray::from(texts.to_vec()));
        let days: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
        let arg_fields = [DataType::Utf8View, DataType::Date32]
            .map(|kind| Arc::new(arrow::datatypes::Field::new("argument", kind, true)))
            .to_vec();
        let kind = function.return_type(&[]).expect("a type");
        let args = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(keys), ColumnarValue::Array(days)],
            arg_fields,
            number_rows: texts.len(),
            return_field: Arc::new(arrow::datatypes::Field::new("value", kind, true)),
            config_options: Arc::new(ConfigOptions::new()),
        };
        let values = function.invoke_with_args(args).expect("values").into_array(texts.len()).expect("an array");
        (0..values.len())
            .map(|row| arrow::util::display::array_value_to_string(&values, row).expect("shows"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_lookup_finds_the_same_versions_and_is_one_wherever_it_stands_in_a_plan() {
        let values = Decimal128Array::from(vec![100, 200, 300]).with_precision_and_scale(9, 2).expect("fits");
        let columns: [(&str, ArrayRef); 3] = [
            ("book", Arc::new(StringViewArray::from(vec!["a", "a", "b"]))),
            ("day", Arc::new(Date32Array::from(vec![10, 50, 20]))),
            ("rate", Arc::new(values)),
        ];
        let rows = RecordBatch::try_from_iter(columns).expect("columns");
        let lookup = Lookup {
            model: "rates".to_owned(),
            key: vec!["book".to_owned()],
            valid_from: "day".to_owned(),
            valid_to: None,
            value: "rate".to_owned(),
            max_age_days: Some(40),
        };
        let schema = rows.schema();
        let function = LookupFunction::load("rate_at", &lookup, &schema, &[rows]).expect("a lookup");
        let function = ScalarUDF::from(function);
        let (one, other) = (travelled(&function), travelled(&function));
        assert_eq!(found(&function), " 1.00  3.00 ");
        assert_eq!(found(&one), found(&function));
        assert_eq!(one.signature(), function.signature());
        assert!(Arc::ptr_eq(&one, &other), "a plan that has it twice has it once");
        assert_eq!(*travelled(&one), *one, "and so has one that has travelled before");
    }

    #[test]
    fn what_another_version_has_made_is_refused() {
        let bytes = encode(&hello()).expect("bytes").expect("one of ours");
        let text = String::from_utf8(bytes).expect("text").replace(VERSION, "0.0.1");
        let error = decode(text.as_bytes()).expect_err("another version").to_string();
        assert!(error.contains(OTHER_VERSION) && error.contains("it is 0.0.1"), "{error}");
        assert!(decode(b"no line of ours").expect_err("no function").to_string().contains(OTHER_VERSION));
    }
}
