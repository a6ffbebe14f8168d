//! Pieces that look at every row of a source: the dated lookup, days of instants, hashes of keys, decoding.

use std::collections::{BTreeSet, HashMap};
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take};
use arrow::csv;
use arrow::datatypes::{DataType, Date32Type, Field, Schema, TimeUnit};
use bytes::Bytes;
use datafusion::common::config::ConfigOptions;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use datafusion::prelude::SessionContext;
use object_store::ObjectStoreExt as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tieout::pipeline::{Format, Lookup, Source};
use tieout::warehouse::inputs::{InputFile, SourceInput};
use tieout::warehouse::keys::{KeyRuns, key_hashes};
use tieout::warehouse::lookup::LookupFunction;
use tieout::warehouse::session::session;
use tieout::warehouse::sources::read_source;
use tieout::warehouse::text;

use crate::Case;
use crate::shop::{Shop, column};

/// All pieces of this kind.
pub fn cases(shop: &Shop) -> Vec<Case> {
    [lookups(shop), times(shop), keys(shop), parquet_sources(shop), csv_sources(shop)].into_iter().flatten().collect()
}

/// Calls a function as the engine does.
fn call(function: &Arc<ScalarUDF>, arguments: &[ArrayRef], gives: &DataType) -> ColumnarValue {
    let rows = arguments.first().map_or(0, Array::len);
    let fields = arguments.iter().map(|array| Arc::new(Field::new("argument", array.data_type().clone(), true)));
    let arguments = ScalarFunctionArgs {
        args: arguments.iter().map(|array| ColumnarValue::Array(Arc::clone(array))).collect(),
        arg_fields: fields.collect(),
        number_rows: rows,
        return_field: Arc::new(Field::new("result", gives.clone(), true)),
        config_options: Arc::new(ConfigOptions::default()),
    };
    function.invoke_with_args(arguments).expect("a value for every row")
}

/// The cost in force on the day of each order line. A plain join by equality finds a row per key and knows no days; a search
/// in one sorted list of keys and days finds the same as the lookup.
fn lookups(shop: &Shop) -> Vec<Case> {
    let costs = one_per_day(&shop.costs);
    let lookup = Lookup {
        model: "costs".to_owned(),
        key: vec!["sku".to_owned()],
        valid_from: "valid_from".to_owned(),
        valid_to: None,
        value: "unit_cost".to_owned(),
        max_age_days: None,
    };
    let function = LookupFunction::load("cost_at", &lookup, &costs.schema(), std::slice::from_ref(&costs));
    let function = Arc::new(ScalarUDF::from(function.expect("versions without overlap")));
    let (skus, days, values) = (column(&shop.lines, "sku"), shop.days(), column(&costs, "unit_cost"));
    let (rows, gives) = (skus.len(), values.data_type().clone());
    let versions = versions(&costs);
    let newest: HashMap<String, u32> = versions.iter().map(|(sku, _, row)| (sku.clone(), *row)).collect();
    let arguments = [Arc::clone(&skus), Arc::new(days.clone()) as ArrayRef];
    let (of_equality, of_search) = ((Arc::clone(&skus), Arc::clone(&values)), (skus, values));
    vec![
        Case::new("dated lookup", "tieout", rows, move || call(&function, &arguments, &gives)),
        Case::new("dated lookup", "join by equality, no days", rows, move || {
            let (skus, values) = &of_equality;
            let found: UInt32Array =
                skus.as_string_view().iter().map(|sku| newest.get(sku.unwrap_or_default()).copied()).collect();
            take(values, &found, None).expect("rows that are there")
        }),
        Case::new("dated lookup", "search in one sorted list", rows, move || {
            let (skus, values) = &of_search;
            let pairs = skus.as_string_view().iter().zip(days.values());
            let found: UInt32Array = pairs.map(|(sku, day)| search(&versions, sku.unwrap_or_default(), *day)).collect();
            take(values, &found, None).expect("rows that are there")
        }),
    ]
}

/// The first of the versions that begin on one day: some are contradictions on purpose.
fn one_per_day(costs: &RecordBatch) -> RecordBatch {
    let (skus, days) = (column(costs, "sku"), column(costs, "valid_from"));
    let mut seen = BTreeSet::new();
    let keys = skus.as_string_view().iter().zip(days.as_primitive::<Date32Type>()).enumerate();
    let first = keys.filter(|(_, (sku, day))| sku.is_some() && day.is_some() && seen.insert((*sku, *day)));
    let first: UInt32Array = first.filter_map(|(row, _)| u32::try_from(row).ok()).collect();
    arrow::compute::take_record_batch(costs, &first).expect("rows that are there")
}

fn versions(costs: &RecordBatch) -> Vec<(String, i32, u32)> {
    let (skus, days) = (column(costs, "sku"), column(costs, "valid_from"));
    let rows = skus.as_string_view().iter().flatten().zip(days.as_primitive::<Date32Type>().values()).zip(0_u32..);
    let mut versions: Vec<_> = rows.map(|((sku, day), row)| (sku.to_owned(), *day, row)).collect();
    versions.sort_unstable();
    versions
}

fn search(versions: &[(String, i32, u32)], sku: &str, day: i32) -> Option<u32> {
    let after = versions.partition_point(|(known, from, _)| (known.as_str(), *from) <= (sku, day));
    versions.get(after.checked_sub(1)?).filter(|(known, ..)| known == sku).map(|(.., row)| *row)
}

/// Days of instants, instants of local times and periods of days, beside a cast that knows no zone and no calendar.
fn times(shop: &Shop) -> Vec<Case> {
    let context = session(Arc::new(RuntimeEnv::default()), &shop.pipeline.calendar, 1);
    let function =
        |name: &str| context.state().scalar_functions().get(name).cloned().expect("a function of every session");
    let (local_day, local_instant, period_of) =
        (function("local_day"), function("local_instant"), function("period_of"));
    let instants = column(&shop.orders, "ordered_at");
    let local = cast(&instants, &DataType::Timestamp(TimeUnit::Microsecond, None)).expect("local times");
    let days = cast(&instants, &DataType::Date32).expect("days");
    let (rows, instant) = (instants.len(), instants.data_type().clone());
    let to = |array: &ArrayRef, kind: DataType| {
        let array = Arc::clone(array);
        move || cast(&array, &kind).expect("a cast")
    };
    let (cast_day, cast_instant, cast_text) =
        (to(&instants, DataType::Date32), to(&local, instant.clone()), to(&days, DataType::Utf8View));
    vec![
        Case::new("local day", "tieout", rows, move || call(&local_day, &[Arc::clone(&instants)], &DataType::Date32)),
        Case::new("local day", "cast to a day of UTC", rows, cast_day),
        Case::new("local instant", "tieout", rows, move || call(&local_instant, &[Arc::clone(&local)], &instant)),
        Case::new("local instant", "cast as if it were UTC", rows, cast_instant),
        Case::new("period of day", "tieout", rows, move || call(&period_of, &[Arc::clone(&days)], &DataType::Utf8View)),
        Case::new("period of day", "cast to text", rows, cast_text),
    ]
}

/// The sorted hashes of all keys, beside the hashes alone.
fn keys(shop: &Shop) -> Vec<Case> {
    let context = session(Arc::new(RuntimeEnv::default()), &shop.pipeline.calendar, 1);
    let key = shop.source("order_lines").key.clone();
    let frame = context.read_batch(shop.lines.clone()).expect("a table");
    let columns: Vec<ArrayRef> = key.iter().map(|name| column(&shop.lines, name)).collect();
    let (rows, runtime) = (shop.lines.num_rows(), Arc::clone(&shop.runtime));
    vec![
        Case::new("key hashes", "tieout", rows, move || runtime.block_on(key_hashes(&frame, &key)).expect("hashes")),
        Case::new("key hashes", "hashes, not sorted", rows, move || {
            let mut hashes = vec![0; rows];
            let columns: Vec<&dyn Array> = columns.iter().map(ArrayRef::as_ref).collect();
            create_hashes(columns, &RandomState::default(), &mut hashes).expect("hashes");
            hashes
        }),
    ]
}

/// Decoding by contract: nulls, keys that occur twice and copies are found, and the rows come as SQL sees them.
fn parquet_sources(shop: &Shop) -> Vec<Case> {
    let (path, bytes) = shop.file("order_lines");
    let input = input(shop, "order_lines", &path);
    let context = session(Arc::new(RuntimeEnv::default()), &shop.pipeline.calendar, 1);
    let url = url::Url::parse("input://order_lines").expect("a URL");
    context.register_object_store(&url, Arc::clone(&input.store));
    let (rows, runtime) = (shop.lines.num_rows(), Arc::clone(&shop.runtime));
    let scratch = tempfile::tempdir().expect("a folder");
    vec![
        Case::new("Parquet source", "tieout", rows, move || {
            runtime.block_on(read(&context, &input, &mut KeyRuns::new(scratch.path())))
        }),
        Case::new("Parquet source", "Parquet reader", rows, move || decoded(bytes.clone())),
    ]
}

async fn read(context: &SessionContext, input: &SourceInput, keys: &mut KeyRuns) -> Vec<RecordBatch> {
    let intake = input.files.first().and_then(|file| file.intake);
    let rows = read_source(context, input, intake, keys).await.expect("rows by the contract");
    let (_, kept) = rows.tables.into_iter().next().expect("the rows that keep the contract");
    kept.collect().await.expect("rows")
}

fn decoded(bytes: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a footer").with_batch_size(8192);
    reader.build().expect("a reader").collect::<Result<_, _>>().expect("rows")
}

/// A source with its one file.
fn input(shop: &Shop, name: &str, path: &object_store::path::Path) -> SourceInput {
    let meta = shop.runtime.block_on(shop.store.head(path)).expect("a file");
    let file = InputFile {
        meta,
        partitions: vec!["2026-10".to_owned()],
        intake: shop.pipeline.calendar.period("2026-10").ok(),
        rows: None,
        suspect_nulls: BTreeSet::new(),
        latest: std::collections::BTreeMap::new(),
    };
    let (source, store) = (shop.source(name).clone(), Arc::clone(&shop.store) as _);
    let mut input = SourceInput { source, store, files: vec![file], extra_columns: BTreeSet::new() };
    shop.runtime.block_on(input.read_footers()).expect("a file by the contract");
    input
}

/// Text that is typed strictly, row by row with a reason where it does not fit, beside the typed reader of arrow.
fn csv_sources(shop: &Shop) -> Vec<Case> {
    let source = Source { format: Format::Csv, ..shop.source("order_lines").clone() };
    let lines = &shop.lines;
    let known = lines.schema();
    let plain = known.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8View => field.as_ref().clone().with_data_type(DataType::Utf8),
        _ => field.as_ref().clone(),
    });
    let schema = Arc::new(Schema::new(plain.collect::<Vec<_>>()));
    let columns = lines
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| cast(column, field.data_type()).expect("text"));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("columns");
    let mut writer = csv::Writer::new(Vec::new());
    writer.write(&batch).expect("text");
    let bytes = Bytes::from(writer.into_inner());
    let (rows, copy) = (lines.num_rows(), bytes.clone());
    vec![
        Case::new("CSV source", "tieout", rows, move || {
            text::read(&source, "lines.csv", &["2026-10".to_owned()], &bytes).expect("rows by the contract")
        }),
        Case::new("CSV source", "CSV reader", rows, move || {
            let reader = csv::ReaderBuilder::new(Arc::clone(&schema)).with_header(true).with_batch_size(8192);
            let reader = reader.build(Cursor::new(copy.clone())).expect("a header");
            reader.collect::<Result<Vec<_>, _>>().expect("rows")
        }),
    ]
}
