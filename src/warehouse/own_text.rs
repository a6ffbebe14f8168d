//! Text of its own for what an operator holds.
//!
//! Text points into what it was read from: a page, a whole file, the table of a join. An operator that counts its memory
//! counts all of that for every batch, and a few thousand rows come to fifty megabytes. So the rows that an operator holds are
//! given a copy of their text, and what goes through it is not.
//!
//! A join copies what it holds once more when it has all of it, and counts only one of the two. So what it holds may be a quarter
//! of the memory, and beyond that it is done with its sides sorted.
//!
//! A sort gives what it has sorted in batches of the size that the session says, and counts for each of them all text of the
//! batch that it has sorted. So no batch that is held is larger than that.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Statistics, internal_datafusion_err, internal_err, resources_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions, replace_children_if_necessary,
};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream::iter;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::warehouse::execute::{bytes_of, in_batches_of};
use crate::warehouse::session::memory_of;

/// Text that is counted as more than so many times what it takes is copied.
const TIMES: usize = 2;
/// And what comes to less than so many bytes never is.
const LITTLE: usize = 32 << 10;

/// Text in as little memory as it needs, when that is much less than it is counted as.
#[must_use]
pub fn own(texts: &StringViewArray) -> Option<StringViewArray> {
    let counted: usize = texts.data_buffers().iter().map(Buffer::capacity).sum();
    (counted > LITTLE && counted > TIMES * texts.total_buffer_bytes_used()).then(|| texts.gc())
}

/// The same rows, with a copy of the text that is counted as much more than it takes.
///
/// # Errors
/// Never for columns of one length.
fn with_own_text(rows: RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let copies: Vec<Option<ArrayRef>> = rows
        .columns()
        .iter()
        .map(|column| column.as_string_view_opt().and_then(own).map(|texts| Arc::new(texts) as ArrayRef))
        .collect();
    if copies.iter().all(Option::is_none) {
        return Ok(rows);
    }
    let columns =
        copies.into_iter().zip(rows.columns()).map(|(copy, column)| copy.unwrap_or_else(|| Arc::clone(column)));
    Ok(RecordBatch::try_new(rows.schema(), columns.collect())?)
}

/// The same, in batches of a size at most.
fn in_small_batches(rows: RecordBatch, size: usize) -> Vec<Result<RecordBatch, DataFusionError>> {
    if rows.num_rows() <= size {
        return vec![with_own_text(rows)];
    }
    match in_batches_of(size, &rows) {
        Ok(batches) => batches.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// Gives the operators that hold rows such rows.
#[derive(Debug)]
pub struct OwnTextOfHeld;

impl PhysicalOptimizerRule for OwnTextOfHeld {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| {
            let held = held(&plan);
            if held == 0 {
                return Ok(Transformed::no(plan));
            }
            // A join that is left where others are sorted cannot be done otherwise.
            let is_built = options.optimizer.prefer_hash_join && plan.is::<HashJoinExec>();
            let children = plan.children().into_iter().enumerate();
            let own = |(at, child)| if at < held { OwnText::of(child, is_built) } else { Arc::clone(child) };
            let children = children.map(own);
            let children = children.collect();
            replace_children_if_necessary(plan, children).map(Transformed::yes)
        })
        .map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "own_text_of_held"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Of how many inputs, from the first, an operator holds the rows and counts them.
fn held(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let first = plan.is::<HashJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
        || plan.is::<SortExec>()
        || plan.is::<SortPreservingMergeExec>()
        || plan.is::<RepartitionExec>();
    // Which side is held depends on the kind of the join.
    if plan.is::<SortMergeJoinExec>() { 2 } else { usize::from(first) }
}

/// The rows of its input, with text of their own.
#[derive(Debug)]
pub struct OwnText {
    input: Arc<dyn ExecutionPlan>,
    /// Whether a join makes its table of them.
    is_built: bool,
}

impl OwnText {
    /// Over an input, if there is anything to do.
    #[must_use]
    pub fn of(input: &Arc<dyn ExecutionPlan>, is_built: bool) -> Arc<dyn ExecutionPlan> {
        let schema = input.schema();
        let has_text = schema.fields().iter().any(|field| *field.data_type() == DataType::Utf8View);
        if (has_text || is_built) && !input.is::<Self>() {
            Arc::new(Self { input: Arc::clone(input), is_built })
        } else {
            Arc::clone(input)
        }
    }
}

/// Bytes that a join may hold.
#[derive(Debug)]
struct Allowed {
    held: usize,
    most: usize,
}

impl Allowed {
    /// In each of so many partitions.
    fn of(context: &TaskContext, partitions: usize) -> Self {
        Self { held: 0, most: memory_of(context) / 4 / partitions.max(1) }
    }

    /// These rows, too.
    fn hold(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        self.held += bytes_of(rows);
        if self.held > self.most {
            return resources_err!("a join holds {} bytes, and may hold {}", self.held, self.most);
        }
        Ok(())
    }
}

impl DisplayAs for OwnText {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnText")
    }
}

impl ExecutionPlan for OwnText {
    fn name(&self) -> &'static str {
        "OwnText"
    }

    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    /// The same rows in the same partitions and order.
    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let Some(input) = children.pop() else { return internal_err!("there is an input to copy the text of") };
        Ok(Arc::new(Self { input, is_built: self.is_built }))
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
        let size = context.session_config().batch_size();
        let partitions = self.properties().output_partitioning().partition_count();
        let mut allowed = self.is_built.then(|| Allowed::of(&context, partitions));
        let rows = self.input.execute(partition, context)?;
        let rows = rows.map_ok(move |rows| iter(in_small_batches(rows, size))).try_flatten();
        let rows = rows.map(move |rows| {
            let rows = rows?;
            allowed.as_mut().map_or(Ok(()), |allowed| allowed.hold(&rows))?;
            Ok(rows)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    /// As many rows. A plan may be planned again as a part of another one, and then which side of a join is held is decided
    /// again.
    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>, DataFusionError> {
        inputs.first().cloned().ok_or_else(|| internal_datafusion_err!("there is an input"))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, Int64Array, StringViewBuilder};
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::MemTable;
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::warehouse::build_side::physical_rules;
    use crate::warehouse::joins::needs_memory;
    use crate::warehouse::session::{Limits, runtime};

    const BATCHES: i64 = 64;
    const ROWS: i64 = 100;
    /// Bytes that the text of a batch points into.
    const PAGE: usize = 1 << 20;

    /// A few rows whose text is a small part of a page.
    fn batch(nth: i64) -> RecordBatch {
        let mut texts = StringViewBuilder::new().with_fixed_block_size(u32::try_from(PAGE).expect("small"));
        let keys = nth * ROWS..(nth + 1) * ROWS;
        keys.clone().for_each(|key| texts.append_value(format!("order {:0>30}", key * 7919 % (BATCHES * ROWS))));
        texts.append_value("x".repeat(PAGE / 2));
        let texts = texts.finish().slice(0, keys.clone().count());
        let columns: [(&str, ArrayRef); 2] =
            [("key", Arc::new(Int64Array::from_iter_values(keys))), ("text", Arc::new(texts))];
        RecordBatch::try_from_iter(columns).expect("columns")
    }

    fn context(memory_bytes: usize, rule: bool, partitions: usize) -> (SessionContext, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes, scratch: folder.path().to_path_buf(), parallelism: partitions };
        let config = SessionConfig::new().with_target_partitions(partitions);
        let rules = if rule { physical_rules() } else { PhysicalOptimizer::new().rules };
        let builder = SessionStateBuilder::new().with_config(config).with_default_features();
        let builder =
            builder.with_runtime_env(runtime(&limits).expect("a runtime")).with_physical_optimizer_rules(rules);
        let context = SessionContext::new_with_state(builder.build());
        for name in ["one", "other"] {
            let rows = (0..BATCHES).map(batch).collect();
            let table = MemTable::try_new(batch(0).schema(), vec![rows]).expect("a table");
            context.register_table(name, Arc::new(table)).expect("a new name");
        }
        (context, folder)
    }

    /// The rows of a query as text, its operators, and how often they put rows aside.
    async fn run(context: &SessionContext, sql: &str) -> Result<(String, String, usize), DataFusionError> {
        let plan = context.sql(sql).await?.create_physical_plan().await?;
        let rows = collect(Arc::clone(&plan), context.task_ctx()).await?;
        let text = displayable(plan.as_ref()).indent(false).to_string();
        Ok((pretty_format_batches(&rows)?.to_string(), text, spills(&plan)))
    }

    fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
        let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or_default();
        own + plan.children().into_iter().map(spills).sum::<usize>()
    }

    const SORT: &str = "select text, key from one order by text, key";
    const JOIN: &str = "select one.text as text, count(*) as rows, min(other.key) as key from one
        inner join other on one.text = other.text group by one.text order by text";
    const QUERIES: [&str; 5] = [
        SORT,
        JOIN,
        "select one.key as key, other.text as text from one left join other on one.key = other.key and other.key % 3 = 0
            order by key",
        "select text, key from one where not exists (select 1 from other where other.key * 2 = one.key)
            order by text desc limit 77",
        "select one.key as key, other.text as text from one inner join other on one.key < other.key and other.key < 9
            order by key, text",
    ];

    #[tokio::test]
    async fn rows_with_text_of_their_own_are_the_same_rows() {
        for partitions in [1, 3] {
            let ((with, _kept), (without, _too)) =
                (context(1 << 30, true, partitions), context(1 << 30, false, partitions));
            for sql in QUERIES {
                let (rows, plan, _) = run(&with, sql).await.expect("rows");
                assert!(plan.contains("OwnText"), "{plan}");
                assert_eq!(rows, run(&without, sql).await.expect("rows").0, "{sql}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_held_is_counted_by_its_rows_and_not_by_the_pages_they_came_from() {
        let limit = 24 << 20;
        let ((with, _kept), (without, _too)) = (context(limit, true, 1), context(limit, false, 1));
        assert!(run(&without, SORT).await.expect("rows").2 > 0, "pages alone do not fit");
        assert_eq!(run(&with, SORT).await.expect("rows").2, 0);
        let error = run(&without, JOIN).await.expect_err("pages that do not fit");
        assert!(needs_memory(&error), "{error}");
        run(&with, JOIN).await.expect("rows that fit");
    }

    #[test]
    fn large_batches_are_held_as_several_small_ones() {
        let whole =
            arrow::compute::concat_batches(&batch(0).schema(), &[batch(0), batch(1)]).expect("the same columns");
        let pieces = in_small_batches(whole.clone(), 64);
        let pieces: Vec<RecordBatch> = pieces.into_iter().collect::<Result<_, _>>().expect("pieces");
        assert_eq!(pieces.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [64, 64, 64, 8]);
        let bytes: usize = pieces.iter().map(RecordBatch::get_array_memory_size).sum();
        assert!(bytes < 50_000, "{bytes}");
        assert_eq!(arrow::compute::concat_batches(&whole.schema(), &pieces).expect("the same columns"), whole);
    }

    #[test]
    fn text_is_copied_only_where_that_saves_much() {
        let sparse = batch(0);
        let once = with_own_text(sparse.clone()).expect("columns of one length");
        let bytes = |rows: &RecordBatch| rows.column(1).get_buffer_memory_size();
        assert!(bytes(&sparse) > PAGE && bytes(&once) < 10_000, "{} and {}", bytes(&sparse), bytes(&once));
        assert_eq!(once, sparse);
        assert!(own(once.column(1).as_string_view()).is_none(), "it has text of its own by now");
        let short = StringViewArray::from(vec!["short"; 1000]);
        assert!(own(&short).is_none(), "it has no text beside its views");
    }

    #[tokio::test]
    async fn a_join_holds_a_quarter_of_the_memory_at_most_and_then_says_that_it_needs_more() {
        let sql = "select count(*) as rows from one inner join other on one.text = other.text";
        let (much, _kept) = context(64 << 20, true, 1);
        assert!(run(&much, sql).await.expect("rows").0.contains("| 6400 |"));
        // The rows of one side take about 400 KB.
        let (little, _kept) = context(1 << 20, true, 1);
        let error = run(&little, sql).await.expect_err("too little");
        assert!(needs_memory(&error) && error.to_string().contains("a join holds"), "{error}");
    }
}
