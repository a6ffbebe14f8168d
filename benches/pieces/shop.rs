//! A month of the generated shop in memory, and rows of a mart made from it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringViewArray, UInt32Array,
    new_null_array,
};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, SchemaRef};
use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt as _, path};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tieout::pipeline::{Environment, Mart, Pipeline, Source};
use tieout::sample::{self, Location, PIPELINE, SampleOptions};
use tieout::warehouse::schema::{declared_schema, file_schema};
use tokio::runtime::Runtime;

/// The mart that most of a run's time goes into.
pub const LEDGER: &str = "contribution_ledger";

/// The shipped pipeline and its sources of one month.
pub struct Shop {
    /// One thread: what runs is what is measured.
    pub runtime: Arc<Runtime>,
    pub pipeline: Pipeline,
    pub store: Arc<InMemory>,
    pub orders: RecordBatch,
    pub lines: RecordBatch,
    pub costs: RecordBatch,
}

impl Shop {
    pub fn of(orders: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(PIPELINE);
        let pipeline = Pipeline::load(&file, &Environment::new()).expect("the shipped pipeline is valid");
        let store = Arc::new(InMemory::new());
        let location = Location { store: Arc::clone(&store) as _, root: path::Path::default() };
        let options = SampleOptions::new(orders, 1, jiff::civil::date(2026, 10, 31));
        runtime.block_on(sample::write(options, &location)).expect("a shop");
        let rows = |name: &str| {
            let bytes = runtime.block_on(bytes(&store, &path_of(name)));
            rows_of(bytes, &file_schema(source(&pipeline, name)))
        };
        let (orders, lines, costs) = (rows("orders"), rows("order_lines"), rows("product_costs"));
        Self { orders, lines, costs, runtime: Arc::new(runtime), pipeline, store }
    }

    pub fn source(&self, name: &str) -> &Source {
        source(&self.pipeline, name)
    }

    pub fn ledger(&self) -> &Mart {
        self.pipeline.models.marts.get(LEDGER).expect("a mart of the shipped pipeline")
    }

    /// The file of a stream as it was written.
    pub fn file(&self, name: &str) -> (path::Path, Bytes) {
        let path = path_of(name);
        let bytes = self.runtime.block_on(bytes(&self.store, &path));
        (path, bytes)
    }

    /// The day of every order line: that of its order, which may be lost.
    pub fn days(&self) -> Date32Array {
        let instants = column(&self.orders, "ordered_at");
        let days = cast(&instants, &DataType::Date32).expect("days of instants");
        let days = days.as_primitive::<Date32Type>();
        let keys = column(&self.orders, "order_id");
        let by_order: HashMap<&str, i32> =
            keys.as_string_view().iter().flatten().zip(days.values().iter().copied()).collect();
        let lines = column(&self.lines, "order_id");
        let of = |order: Option<&str>| order.and_then(|order| by_order.get(order)).copied().unwrap_or(20_000);
        lines.as_string_view().iter().map(|order| Some(of(order))).collect()
    }

    /// Rows as the ledger declares them, one per order line, in the order of its grain: most amounts of a row are zero, as
    /// they are in the ledger itself.
    pub fn ledger_rows(&self) -> RecordBatch {
        let (orders, numbers) = (column(&self.lines, "order_id"), column(&self.lines, "line_no"));
        let keys = orders.as_string_view().iter().zip(numbers.as_primitive::<Int64Type>()).enumerate();
        // Some lines have been copied, and a mart has every key once.
        let keys: StringViewArray = keys
            .map(|(at, (order, number))| {
                Some(format!("{}|{}|{at}", order.unwrap_or_default(), number.unwrap_or_default()))
            })
            .collect();
        let schema = declared_schema(self.ledger());
        let columns = schema.fields().iter().map(|field| match field.name().as_str() {
            "source_key" => Arc::new(keys.clone()) as ArrayRef,
            "booked_on" | "ordered_on" => Arc::new(self.days()),
            name => self.ledger_column(name, field.data_type(), field.is_nullable()),
        });
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("columns of the mart");
        sorted(&rows, "source_key")
    }

    /// Amounts of the lines, zero where one is lost.
    fn amount(&self, name: &str, kind: &DataType) -> ArrayRef {
        let amounts = amounts(&self.lines, name);
        let filled: Decimal128Array = amounts.iter().map(Option::unwrap_or_default).collect();
        let filled = filled.with_data_type(amounts.data_type().clone());
        cast(&filled, kind).expect("more digits")
    }

    fn ledger_column(&self, name: &str, kind: &DataType, nullable: bool) -> ArrayRef {
        let count = self.lines.num_rows();
        match (name, kind) {
            ("order_id" | "sku", kind) => cast(&column(&self.lines, name), kind).expect("text"),
            ("units", _) => {
                let units = column(&self.lines, "quantity");
                let units = units.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default);
                Arc::new(units.collect::<Int64Array>())
            }
            ("gross_sales", kind) => self.amount("list_price", kind),
            ("discounts", kind) => self.amount("discount", kind),
            ("tax", kind) => self.amount("tax", kind),
            (_, kind) if nullable => new_null_array(kind, count),
            (_, DataType::Decimal128(precision, scale)) => {
                let zeros = Decimal128Array::from(vec![0; count]);
                Arc::new(zeros.with_precision_and_scale(*precision, *scale).expect("digits of the mart"))
            }
            (_, DataType::Int64) => Arc::new(Int64Array::from(vec![0; count])),
            ("stream", _) => Arc::new(StringViewArray::from_iter_values((0..count).map(|_| "order_lines"))),
            // A few values over and over.
            (name, _) => {
                Arc::new(StringViewArray::from_iter_values((0..count).map(|row| format!("{name} {}", row % 7))))
            }
        }
    }
}

/// A column that is there.
pub fn column(rows: &RecordBatch, name: &str) -> ArrayRef {
    rows.column_by_name(name).cloned().expect("a column of the contract")
}

/// Amounts as 128-bit integers.
pub fn amounts<'a>(rows: &'a RecordBatch, name: &str) -> &'a Decimal128Array {
    rows.column_by_name(name).expect("a column").as_primitive::<Decimal128Type>()
}

/// The same rows in an order that has nothing to do with their keys, and is always the same.
pub fn shuffled(rows: &RecordBatch) -> RecordBatch {
    let count = u64::try_from(rows.num_rows()).expect("few rows");
    // Multiples of a prime, each within the count, reach every row once.
    let places = (0..count).map(|row| u32::try_from(row * 7_368_787 % count).expect("few rows"));
    let places: UInt32Array = places.collect();
    take_record_batch(rows, &places).expect("rows that are there")
}

fn sorted(rows: &RecordBatch, name: &str) -> RecordBatch {
    let places = arrow::compute::sort_to_indices(&column(rows, name), None, None).expect("an order");
    take_record_batch(rows, &places).expect("rows that are there")
}

fn source<'a>(pipeline: &'a Pipeline, name: &str) -> &'a Source {
    pipeline.sources.get(name).expect("a source of the shipped pipeline")
}

fn path_of(name: &str) -> path::Path {
    let folder = if name == "product_costs" { name.to_owned() } else { format!("{name}/month=2026-10") };
    path::Path::from(format!("{folder}/part-0.parquet"))
}

async fn bytes(store: &InMemory, path: &path::Path) -> Bytes {
    store.get(path).await.expect("a file").bytes().await.expect("its bytes")
}

/// All rows of a Parquet file, with the contract's columns.
fn rows_of(bytes: Bytes, schema: &SchemaRef) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a footer").build().expect("a reader");
    let batches = reader.map(|rows| {
        let rows = rows.expect("rows");
        let columns = schema
            .fields()
            .iter()
            .map(|field| cast(&column(&rows, field.name()), field.data_type()).expect("its type"));
        let nullable = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let nullable = arrow::datatypes::Schema::new(nullable.collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(nullable), columns.collect()).expect("columns of one length")
    });
    let batches: Vec<RecordBatch> = batches.collect();
    let schema = batches.first().expect("a month with rows").schema();
    concat_batches(&schema, &batches).expect("rows of one file")
}
