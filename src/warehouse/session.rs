//! The one place a DataFusion session is made, and what SQL text may do in it.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::calendar::Calendar;
use crate::pipeline::Engine;
use crate::warehouse::build_side::physical_rules;
use crate::warehouse::functions;
use crate::warehouse::pool::SharesWithFloor;

/// Partitions of a query on a cluster, where nobody says how many: how many cores it has, this process does not know.
const ON_A_CLUSTER: usize = 4;

/// What a run may use. None of it may change a figure.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes queries may hold before they spill.
    pub memory_bytes: usize,
    /// The run's own folder for spilled data.
    pub scratch: PathBuf,
    /// Partitions of a query.
    pub parallelism: usize,
}

/// What a process may use of the machine it runs on.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub cores: usize,
    /// Bytes, when a limit is known.
    pub memory: Option<u64>,
}

impl Limits {
    /// The limits of a pipeline on a machine, with a scratch folder of its own.
    ///
    /// One partition for two cores: queries read, sort and write beside each other as it is, and what is repartitioned costs a
    /// tenth more.
    #[must_use]
    pub fn of(engine: &Engine, machine: Machine, scratch: PathBuf) -> Self {
        let parallelism = match (engine.parallelism, &engine.cluster) {
            (0, Some(_)) => ON_A_CLUSTER,
            _ => Self::partitions_here(engine, machine),
        };
        Self { memory_bytes: engine.memory(machine.memory), scratch, parallelism }
    }

    /// Partitions of a query that this machine computes, also where models are computed elsewhere.
    #[must_use]
    pub fn partitions_here(engine: &Engine, machine: Machine) -> usize {
        if engine.parallelism == 0 { (machine.cores / 2).max(1) } else { engine.parallelism }
    }
}

/// How many of its files a sort merges at once. It takes memory for each of them as long as there is any, and what is sorted
/// after it would find none.
const MERGED_AT_ONCE: usize = 8;

/// Memory and spill space that all sessions of a run share.
///
/// # Errors
/// When the scratch folder cannot be used.
pub fn runtime(limits: &Limits) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    with_disk(limits.memory_bytes, DiskManagerMode::Directories(vec![limits.scratch.clone()]))
}

/// The same where nothing can be put on disk: what memory does not hold fails.
///
/// # Errors
/// Never, for there is nothing to open.
pub fn runtime_without_disk(memory_bytes: usize) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    with_disk(memory_bytes, DiskManagerMode::Disabled)
}

fn with_disk(memory_bytes: usize, mode: DiskManagerMode) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let disk = DiskManagerBuilder::default().with_mode(mode).with_max_spill_merge_fan_in(MERGED_AT_ONCE);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(SharesWithFloor::new(memory_bytes)))
        .with_disk_manager_builder(disk)
        .build_arc()
}

/// Bytes of memory that all operators of a task share, as far as there is a limit.
pub(crate) fn memory_of(context: &TaskContext) -> usize {
    match context.memory_pool().memory_limit() {
        MemoryLimit::Finite(bytes) => bytes,
        MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
    }
}

/// A session with the settings every query relies on: decimals for literals, positions in errors, no catalogue beyond
/// what is registered, and the calendar's functions.
#[must_use]
pub fn session(runtime: Arc<RuntimeEnv>, calendar: &Calendar, parallelism: usize) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(parallelism.max(1))
        .with_information_schema(false)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        .set_bool("datafusion.sql_parser.collect_spans", true)
        .set_bool("datafusion.execution.collect_statistics", false)
        // It would look a dated value up once for each of its fields that a query reads.
        .set_bool("datafusion.optimizer.enable_leaf_expression_pushdown", false)
        // What a sort keeps back to merge what it has sorted, when all other memory is taken.
        .set_usize("datafusion.execution.sort_spill_reservation_bytes", 32 << 20)
        // One sort of all rows costs less than sorting batches and merging them, but holds them twice.
        .set_usize("datafusion.execution.sort_in_place_threshold_bytes", 32 << 20);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(physical_rules())
        .build();
    let context = SessionContext::new_with_state(state);
    functions::register(&context, calendar);
    context
}

/// The plan after name and type resolution, which is what lints look at.
///
/// # Errors
/// What the analyser finds wrong.
pub fn analysed(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringViewArray, StructArray};
    use arrow::datatypes::{DataType, Field};
    use datafusion::logical_expr::ScalarUDF;
    use datafusion::physical_plan::displayable;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::calendar::PeriodUnit;
    use crate::pipeline::Lookup;
    use crate::warehouse::lookup::LookupFunction;

    #[tokio::test]
    async fn a_dated_value_is_looked_up_once_however_many_of_its_fields_are_read() {
        let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, true));
        let amounts = |amount: i64| Arc::new(Int64Array::from(vec![amount])) as ArrayRef;
        let cost = StructArray::from(vec![(field("unit"), amounts(3)), (field("landed"), amounts(5))]);
        let columns: [(&str, ArrayRef); 3] = [
            ("sku", Arc::new(StringViewArray::from(vec!["a"]))),
            ("day", Arc::new(Date32Array::from(vec![10]))),
            ("cost", Arc::new(cost)),
        ];
        let rows = RecordBatch::try_from_iter(columns).expect("columns");
        let lookup = Lookup {
            model: "costs".to_owned(),
            key: vec!["sku".to_owned()],
            valid_from: "day".to_owned(),
            valid_to: None,
            value: "cost".to_owned(),
            max_age_days: None,
        };
        let function =
            LookupFunction::load("cost_at", &lookup, &rows.schema(), std::slice::from_ref(&rows)).expect("a lookup");

        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes: 1 << 20, scratch: folder.path().to_path_buf(), parallelism: 1 };
        let zone_name = "UTC".to_owned();
        let calendar = Calendar { unit: PeriodUnit::Month, zone: TimeZone::UTC, zone_name, first_period: None };
        let context = session(runtime(&limits).expect("a runtime"), &calendar, 1);
        context.register_udf(ScalarUDF::from(function));
        context.register_batch("sold", rows).expect("a new name");
        let sql = "select costed.cost['unit'] as unit, costed.cost['landed'] as landed
            from (select cost_at(sold.sku, sold.day) as cost from sold) as costed";
        let plan = context.sql(sql).await.expect("a query").create_physical_plan().await.expect("a plan");
        let plan = displayable(plan.as_ref()).indent(false).to_string();
        assert_eq!(plan.matches("cost_at(").count(), 1, "{plan}");
    }
}
