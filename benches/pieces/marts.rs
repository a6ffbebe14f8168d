//! Pieces that make, keep and prove a mart: sorting, encoding, packing, adding up.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, sum, take_record_batch};
use bytes::Bytes;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tieout::controls::Recount;
use tieout::pipeline::{ControlTotal, Mart, Relation, Side};
use tieout::warehouse::marts::MartWriter;
use tieout::warehouse::packed::{Part, table_bytes, table_of};
use tieout::warehouse::session::session;
use tieout::warehouse::sorted::{ORDER, Ordered, in_order};

use crate::Case;
use crate::shop::{LEDGER, Shop, amounts, column, shuffled};

/// All pieces of this kind, over the rows of one mart.
pub fn cases(shop: &Shop) -> Vec<Case> {
    let rows = shop.ledger_rows();
    [sorting(shop, &rows), encoding(shop, &rows), packing(&rows), sums(shop, &rows)].into_iter().flatten().collect()
}

/// A mart's rows by its grain, whose first column is constant in the query, beside arrow's sort by all of the grain.
fn sorting(shop: &Shop, rows: &RecordBatch) -> Vec<Case> {
    let grain = shop.ledger().grain.clone();
    let (unsorted, count) = (shuffled(rows), rows.num_rows());
    let context = session(Arc::new(RuntimeEnv::default()), &shop.pipeline.calendar, 1);
    context.register_batch("unsorted", unsorted.clone()).expect("a new name");
    let names = shop.ledger().columns.iter().map(|column| match column.name.as_str() {
        "stream" => "'order_lines' as stream".to_owned(),
        name => name.to_owned(),
    });
    let query = format!("select {} from unsorted", names.collect::<Vec<_>>().join(", "));
    let frame = shop.runtime.block_on(context.sql(&query)).expect("a query");
    let plan = frame.into_optimized_plan().expect("a plan");
    let (runtime, by) = (Arc::clone(&shop.runtime), grain.clone());
    vec![
        Case::new("sort by grain", "tieout", count, move || runtime.block_on(ordered(&context, plan.clone(), &by))),
        Case::new("sort by grain", "arrow lexsort", count, move || {
            let columns: Vec<SortColumn> =
                grain.iter().map(|name| SortColumn { values: column(&unsorted, name), options: Some(ORDER) }).collect();
            let places = lexsort_to_indices(&columns, None).expect("an order");
            take_record_batch(&unsorted, &places).expect("rows that are there")
        }),
    ]
}

async fn ordered(context: &SessionContext, plan: LogicalPlan, grain: &[String]) -> Vec<Vec<RecordBatch>> {
    let mut sorted = Vec::new();
    for Ordered { plan, .. } in in_order(plan, grain).expect("an order") {
        let state = context.state();
        let physical = state.query_planner().create_physical_plan(&plan, &state).await.expect("operators");
        sorted.push(collect(physical, context.task_ctx()).await.expect("rows"));
    }
    sorted
}

/// Batches of the size in which the engine gives rows.
fn batches(rows: &RecordBatch) -> Vec<RecordBatch> {
    let starts = (0..rows.num_rows()).step_by(8192);
    starts.map(|start| rows.slice(start, 8192.min(rows.num_rows() - start))).collect()
}

/// A mart's files: columns proved, grain compared, split by period, encoded; beside a writer that only encodes, with the same
/// compression.
fn encoding(shop: &Shop, rows: &RecordBatch) -> Vec<Case> {
    let (mart, calendar) = (shop.ledger().clone(), shop.pipeline.calendar.clone());
    let (batches, plain, count) = (batches(rows), batches(rows), rows.num_rows());
    vec![
        Case::new("encode a mart", "tieout", count, move || {
            let mut writer = MartWriter::new(&mart, &calendar).expect("a writer");
            for rows in &batches {
                writer.write(rows, &[]).expect("rows as declared");
            }
            writer.finish().expect("files")
        }),
        Case::new("encode a mart", "Parquet writer", count, move || encoded(&plain)),
    ]
}

fn encoded(batches: &[RecordBatch]) -> Vec<u8> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("a level"));
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let schema = batches.first().expect("rows").schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).expect("a writer");
    for rows in batches {
        writer.write(rows).expect("rows");
    }
    writer.into_inner().expect("a file")
}

/// What a later run takes over, as bytes and back, beside a copy of the same rows in memory.
fn packing(rows: &RecordBatch) -> Vec<Case> {
    let pack = |rows: &RecordBatch| {
        let bytes = Bytes::from(table_bytes(rows).expect("a table"));
        Part { collected: BTreeMap::from([(LEDGER.to_owned(), bytes)]), ..Part::default() }.pack().expect("bytes")
    };
    let packed = Bytes::from(pack(rows));
    let unpack = move || {
        let part = Part::unpack(&packed).expect("a part");
        part.collected.into_values().map(|table| table_of(table).expect("rows")).collect::<Vec<_>>()
    };
    let whole = rows.clone();
    let (count, half) = (rows.num_rows(), rows.num_rows() / 2);
    let halves = [rows.slice(0, half), rows.slice(half, count - half)];
    let copy = move || concat_batches(&halves[0].schema(), &halves).expect("rows");
    let again = copy.clone();
    vec![
        Case::new("pack", "tieout", count, move || pack(&whole)),
        Case::new("pack", "copy in memory", count, copy),
        Case::new("unpack", "tieout", count, unpack),
        Case::new("unpack", "copy in memory", count, again),
    ]
}

/// A control total of a mart's file, decoded and added up with checks, beside the same by the Parquet reader and arrow's sums.
fn sums(shop: &Shop, rows: &RecordBatch) -> Vec<Case> {
    let mut pipeline = shop.pipeline.clone();
    let side = Side {
        of: Relation::Table(LEDGER.to_owned()),
        sum: "gross_sales - discounts".to_owned(),
        by: Vec::new(),
        filter: BTreeMap::new(),
    };
    let other = Side { of: Relation::Table(String::new()), ..side.clone() };
    pipeline.control_totals = vec![ControlTotal { name: "sales".to_owned(), left: side, right: other, rounding: None }];
    let bytes = Bytes::from(file_of(shop.ledger(), shop, rows));
    let (count, copy) = (rows.num_rows(), bytes.clone());
    vec![
        Case::new("control total", "tieout", count, move || {
            let mut recount = Recount::new(&pipeline).expect("a sum");
            recount.add(LEDGER, "part-0.parquet", bytes.clone()).expect("a total")
        }),
        Case::new("control total", "Parquet reader and arrow sum", count, move || summed(copy.clone())),
    ]
}

fn file_of(mart: &Mart, shop: &Shop, rows: &RecordBatch) -> Vec<u8> {
    let mut writer = MartWriter::new(mart, &shop.pipeline.calendar).expect("a writer");
    for rows in &batches(rows) {
        writer.write(rows, &[]).expect("rows as declared");
    }
    let parts = writer.finish().expect("files").into_iter().map(|part| part.read().expect("in memory"));
    parts.max_by_key(|part| part.rows).expect("a month").bytes
}

fn summed(bytes: Bytes) -> i128 {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a footer");
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["gross_sales", "discounts"]);
    let reader = builder.with_projection(mask).with_batch_size(65_536).build().expect("a reader");
    let of = |rows: &RecordBatch, name: &str| sum(amounts(rows, name)).unwrap_or_default();
    let totals = reader.map(|rows| rows.expect("rows")).map(|rows| of(&rows, "gross_sales") - of(&rows, "discounts"));
    totals.sum()
}
