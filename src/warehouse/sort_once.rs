//! Sorting with one move: the keys of all rows are sorted, and then every row is taken once to where it belongs.
//!
//! The engine sorts batch by batch and merges, which moves every column of every row twice and compares keys through all
//! batches. That is the way to sort what memory does not hold. As long as a quarter of the memory stays free, holding all rows
//! and moving them once costs about half. Rows that come in order are not moved at all. When memory becomes scarce in the middle, the
//! engine's sort gets what is held and what is still to come.
//!
//! Rows with equal keys stay in the order in which they came.

use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Statistics, internal_datafusion_err, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions, replace_children_if_necessary,
};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::warehouse::execute::bytes_of;
use crate::warehouse::session::memory_of;

/// Sorts of all rows are done at once. The sorts of joins are left alone: those are there because memory did not suffice.
#[derive(Debug)]
pub struct SortAtOnce;

impl PhysicalOptimizerRule for SortAtOnce {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if !options.optimizer.prefer_hash_join {
            return Ok(plan);
        }
        let plan = plan.transform_up(|plan| match plan.downcast_ref::<SortExec>() {
            Some(sort) if sort.fetch().is_none() => Ok(Transformed::yes(SortOnce::of(plan))),
            _ => Ok(Transformed::no(plan)),
        });
        plan.map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "sort_at_once"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Does what a sort of the engine does.
#[derive(Debug)]
pub struct SortOnce {
    /// A [`SortExec`] of all rows.
    sort: Arc<dyn ExecutionPlan>,
    /// The one that has taken over, when memory did not suffice.
    instead: Arc<OnceLock<Arc<SortExec>>>,
}

impl SortOnce {
    fn of(sort: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { sort, instead: Arc::default() })
    }

    /// The sort of the engine with another input.
    ///
    /// # Errors
    /// Never for the one input that a sort has.
    pub fn by_the_engine(&self, input: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        replace_children_if_necessary(Arc::clone(&self.sort), input)
    }
}

impl DisplayAs for SortOnce {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SortOnce: ")?;
        self.sort.fmt_as(kind, f)
    }
}

impl ExecutionPlan for SortOnce {
    fn name(&self) -> &'static str {
        "SortOnce"
    }

    fn schema(&self) -> SchemaRef {
        self.sort.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.sort.properties()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.sort.input_distribution_requirements()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.sort.children()
    }

    fn apply_expressions(
        &self,
        each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        self.sort.apply_expressions(each)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.by_the_engine(children).map(Self::of)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let Some(sort) = self.sort.downcast_ref::<SortExec>() else { return internal_err!("there is a sort") };
        let sorting = Sorting {
            schema: self.schema(),
            order: sort.expr().clone(),
            held: MemoryConsumer::new(format!("SortOnce[{partition}]")).register(context.memory_pool()),
            context: Arc::clone(&context),
            instead: Arc::clone(&self.instead),
        };
        let rows = sort.input().execute(partition, context)?;
        let sorted = stream::once(sorting.sorted(rows)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), sorted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.instead.get().and_then(|sort| sort.metrics())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.sort.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        of: &StatisticsArgs,
    ) -> Result<Arc<Statistics>, DataFusionError> {
        self.sort.statistics_from_inputs(inputs, of)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// One partition's rows on their way into order.
struct Sorting {
    schema: SchemaRef,
    order: LexOrdering,
    held: MemoryReservation,
    context: Arc<TaskContext>,
    instead: Arc<OnceLock<Arc<SortExec>>>,
}

impl Sorting {
    async fn sorted(self, mut rows: SendableRecordBatchStream) -> Result<SendableRecordBatchStream, DataFusionError> {
        let converter = RowConverter::new(self.fields()?)?;
        let (mut batches, mut keys) = (Vec::new(), Vec::new());
        while let Some(batch) = rows.try_next().await? {
            if batch.num_rows() == 0 {
                continue;
            }
            let of_batch = converter.convert_columns(&self.columns(&batch)?)?;
            let fits = self.hold(bytes_of(&batch) + of_batch.size() + batch.num_rows() * size_of::<Place>());
            batches.push(batch);
            if !fits {
                return self.by_the_engine(batches, rows);
            }
            keys.push(of_batch);
        }
        // The input is done: what it holds for these rows may go.
        drop(rows);
        let size = self.context.session_config().batch_size();
        let Some(places) = places(&keys) else { return Ok(self.stream(batches.into_iter().map(Ok))) };
        drop(keys);
        Ok(self.stream(Moved { batches, places, at: 0, size }))
    }

    /// Gives rows, and the memory back when they are gone.
    fn stream(
        self,
        rows: impl Iterator<Item = Result<RecordBatch, DataFusionError>> + Send + 'static,
    ) -> SendableRecordBatchStream {
        let Self { schema, held, .. } = self;
        let rows = rows.inspect(move |_| {
            let _until_then = &held;
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(rows)))
    }

    /// Takes so much more memory, as long as a quarter of all is free after it.
    fn hold(&self, bytes: usize) -> bool {
        let most = memory_of(&self.context) / 4 * 3;
        self.context.memory_pool().reserved().saturating_add(bytes) <= most && self.held.try_grow(bytes).is_ok()
    }

    fn by_the_engine(
        self,
        held: Vec<RecordBatch>,
        rest: SendableRecordBatchStream,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        self.held.free();
        let rows = stream::iter(held.into_iter().map(Ok)).chain(rest);
        let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows));
        let once = Once { schema: Arc::clone(&self.schema), rows: Mutex::new(Some(rows)) };
        let rows = StreamingTableExec::try_new(Arc::clone(&self.schema), vec![Arc::new(once)], None, [], false, None)?;
        let sort = Arc::new(SortExec::new(self.order, Arc::new(rows)));
        let sorted = sort.execute(0, self.context)?;
        // Of several partitions one is enough to say that memory did not suffice.
        drop(self.instead.set(sort));
        Ok(sorted)
    }

    fn fields(&self) -> Result<Vec<SortField>, DataFusionError> {
        let field = |sort: &datafusion::physical_expr::PhysicalSortExpr| {
            Ok(SortField::new_with_options(sort.expr.data_type(&self.schema)?, sort.options))
        };
        self.order.iter().map(field).collect()
    }

    fn columns(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>, DataFusionError> {
        self.order.iter().map(|sort| sort.expr.evaluate(rows)?.into_array(rows.num_rows())).collect()
    }
}

/// A row by its batch and its number in it, with the bytes of its key that mostly decide.
#[derive(Clone, Copy)]
struct Place {
    start: u128,
    batch: u32,
    row: u32,
}

/// Where the rows come from, in the order of their keys; none when they are in order already.
fn places(keys: &[Rows]) -> Option<Vec<Place>> {
    let deciding = Deciding::of(keys);
    let mut places = Vec::with_capacity(keys.iter().map(Rows::num_rows).sum());
    for (batch, keys) in (0_u32..).zip(keys) {
        places.extend((0_u32..).zip(keys).map(|(row, key)| Place { start: deciding.start(key.as_ref()), batch, row }));
    }
    let key = |place: &Place| keys.get(place.batch as usize).map(|keys| keys.row(place.row as usize));
    let in_order = |one: &Place, other: &Place| {
        let order = one.start.cmp(&other.start);
        if order.is_eq() && !deciding.all { key(one).cmp(&key(other)) } else { order }
    };
    if places.is_sorted_by(|one, other| in_order(one, other).is_le()) {
        return None;
    }
    places.sort_unstable_by(|one, other| {
        in_order(one, other).then_with(|| (one.batch, one.row).cmp(&(other.batch, other.row)))
    });
    Some(places)
}

/// The first places at which keys differ. Those between decide nothing: ids mostly begin alike, and are told apart by the
/// digits at their end.
struct Deciding {
    places: Vec<usize>,
    /// Whether keys that are equal there are equal.
    all: bool,
}

impl Deciding {
    const BYTES: usize = size_of::<u128>();

    fn of(keys: &[Rows]) -> Self {
        let mut all = keys.iter().flat_map(Rows::iter);
        let first = all.next().map(|key| key.as_ref().to_vec()).unwrap_or_default();
        let mut differ = vec![0_u8; first.len()];
        let mut same_length = true;
        for key in all {
            let key = key.as_ref();
            same_length &= key.len() == first.len();
            // What lies beyond the end of another key tells the two apart.
            differ.truncate(key.len());
            for ((differ, one), other) in differ.iter_mut().zip(&first).zip(key) {
                *differ |= one ^ other;
            }
        }
        let shortest = differ.len();
        let found = differ.iter().enumerate().filter(|(_, differ)| **differ != 0).map(|(at, _)| at);
        let beyond = if same_length { 0..0 } else { shortest..shortest + Self::BYTES };
        let mut places: Vec<usize> = found.chain(beyond).take(Self::BYTES + 1).collect();
        let all = same_length && places.len() <= Self::BYTES;
        places.truncate(Self::BYTES);
        Self { places, all }
    }

    /// The bytes of a key at these places, as a number in the order of such bytes. Beyond its end there are zeros.
    fn start(&self, key: &[u8]) -> u128 {
        let bytes = self.places.iter().map(|at| key.get(*at).copied().unwrap_or(0));
        let start = bytes.fold(0_u128, |start, byte| start << 8 | u128::from(byte));
        let rest = u32::try_from(8 * (Self::BYTES - self.places.len())).unwrap_or(u32::MAX);
        // Without any such place all keys are equal.
        start.checked_shl(rest).unwrap_or(0)
    }
}

/// Rows taken from where they are, in batches of a size.
struct Moved {
    batches: Vec<RecordBatch>,
    places: Vec<Place>,
    at: usize,
    size: usize,
}

impl Iterator for Moved {
    type Item = Result<RecordBatch, DataFusionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.places.get(self.at..).filter(|rest| !rest.is_empty())?;
        let next = rest.get(..self.size.min(rest.len()))?;
        self.at += next.len();
        let indices: Vec<_> = next.iter().map(|place| (place.batch as usize, place.row as usize)).collect();
        let batches: Vec<_> = self.batches.iter().collect();
        Some(interleave_record_batch(&batches, &indices).map_err(DataFusionError::from))
    }
}

/// Rows that can be read once, as an operator's input.
struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<SendableRecordBatchStream>>,
}

impl Debug for Once {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Once")
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        rows.unwrap_or_else(|| {
            let read = Err(internal_datafusion_err!("these rows have been read"));
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter([read])))
        })
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray, Int64Array, StringViewArray};
    use arrow::compute::concat_batches;
    use arrow::datatypes::Int64Type;
    use datafusion::datasource::MemTable;
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;
    use jiff::tz::TimeZone;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::calendar::{Calendar, PeriodUnit};
    use crate::warehouse::session::{Limits, runtime, session};

    /// Rows with their number, and keys of which many begin alike, many are equal and some are null.
    fn rows(seed: u64, batches: usize, size: usize) -> Vec<RecordBatch> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut number = 0_i64;
        let batch = |_| {
            let numbers: Int64Array = (0..size)
                .map(|_| {
                    number += 1;
                    number
                })
                .collect();
            let mut text = |_| match random.next_u32() % 20 {
                0 => None,
                1 => Some(String::new()),
                short @ 2..5 => Some("order-0001"[..short as usize].to_owned()),
                _ => Some(format!("order-0001-{:04}", random.next_u32() % 5000)),
            };
            let texts: StringViewArray = (0..size).map(&mut text).collect();
            let amounts: Int64Array = (0..size).map(|_| Some(i64::from(random.next_u32() % 7) - 3)).collect();
            let columns: [(&str, ArrayRef); 3] =
                [("number", Arc::new(numbers)), ("text", Arc::new(texts)), ("amount", Arc::new(amounts))];
            RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        };
        (0..batches).map(batch).collect::<Result<_, _>>().expect("columns")
    }

    struct Sorted {
        rows: RecordBatch,
        batches: Vec<RecordBatch>,
        plan: Arc<dyn ExecutionPlan>,
        reserved_after: usize,
    }

    async fn sorted(rows: Vec<RecordBatch>, by: &str, memory_bytes: usize) -> Sorted {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes, scratch: folder.path().to_path_buf(), parallelism: 1 };
        let zone_name = "UTC".to_owned();
        let calendar = Calendar { unit: PeriodUnit::Month, zone: TimeZone::UTC, zone_name, first_period: None };
        let context: SessionContext = session(runtime(&limits).expect("a runtime"), &calendar, 1);
        let schema = rows.first().expect("a batch").schema();
        let table = MemTable::try_new(Arc::clone(&schema), vec![rows]).expect("a table");
        context.register_table("t", Arc::new(table)).expect("a new name");
        let query = context.sql(&format!("select * from t order by {by}")).await.expect("a query");
        let plan = query.create_physical_plan().await.expect("a plan");
        assert!(plan.is::<SortOnce>(), "{plan:?}");
        let batches = collect(Arc::clone(&plan), context.task_ctx()).await.expect("rows");
        let rows = concat_batches(&schema, &batches).expect("one schema");
        Sorted { rows, batches, plan, reserved_after: context.runtime_env().memory_pool.reserved() }
    }

    fn numbers(rows: &RecordBatch) -> Vec<i64> {
        rows.column(0).as_primitive::<Int64Type>().values().to_vec()
    }

    #[tokio::test]
    async fn rows_are_in_order_and_those_with_equal_keys_as_they_came() {
        for (seed, batches, size) in [(1, 1, 1), (2, 7, 100), (3, 20, 1000)] {
            let rows = rows(seed, batches, size);
            let sorted = sorted(rows.clone(), "text asc nulls first, amount desc", 64 << 20).await;
            let all = concat_batches(&rows.first().expect("a batch").schema(), &rows).expect("one schema");
            let (text, amount) = (all.column(1).as_string_view(), all.column(2).as_primitive::<Int64Type>());
            let key = |number: &i64| {
                let row = usize::try_from(*number - 1).expect("a row");
                (text.is_valid(row).then(|| text.value(row)), -amount.value(row), *number)
            };
            let mut expected = numbers(&all);
            expected.sort_by_key(key);
            assert_eq!(numbers(&sorted.rows), expected, "seed {seed}");
            assert_eq!(sorted.rows.column(1).as_string_view().null_count(), text.null_count());
            assert!(sorted.plan.metrics().is_none(), "at once");
            assert_eq!(sorted.reserved_after, 0);
        }
    }

    #[tokio::test]
    async fn rows_in_order_are_not_moved() {
        let rows = rows(4, 5, 50);
        let sorted = sorted(rows.clone(), "number", 64 << 20).await;
        assert_eq!(sorted.batches, rows);
        assert!(sorted.batches.iter().zip(&rows).all(|(one, other)| Arc::ptr_eq(one.column(1), other.column(1))));
    }

    #[tokio::test]
    async fn what_memory_does_not_hold_is_sorted_on_disk() {
        let rows = rows(5, 1500, 1000);
        let by = "text desc, number";
        let (little, enough) = (sorted(rows.clone(), by, 96 << 20).await, sorted(rows, by, 1 << 30).await);
        let spilled = little.plan.metrics().expect("by the engine").spill_count();
        assert!(spilled.is_some_and(|times| times > 0), "{spilled:?}");
        assert!(enough.plan.metrics().is_none(), "at once");
        assert_eq!(numbers(&little.rows), numbers(&enough.rows));
        assert_eq!((little.reserved_after, enough.reserved_after), (0, 0));
    }
}
