//! What the models of a run have cost: how often each was built, and what it took of time, memory, disk and output.
//!
//! It is for whoever looks after a run. No figure, file name or hash may come of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use crate::clock::{Seconds, Stopwatch};
use crate::models::ModelGraph;
use crate::pipeline::{Pipeline, Scope};
use crate::warehouse::execute::{self, bytes_of, own_text};
use crate::warehouse::joins::{Joins, needs_memory};

/// By when all partitions of a plan have begun. Until then the plan is held, and what a join has built for it.
const BEGUN: Duration = Duration::from_secs(1);

/// What a kept model has cost, all its builds together. What is inlined counts for the models that read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCost {
    pub model: String,
    pub scope: Scope,
    /// The mart that its rows are published in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mart: Option<String>,
    pub built: u64,
    /// Rows that came out.
    pub rows: u64,
    /// Wall time of computing, keeping and writing it. That of planning its SQL is in none of the models.
    pub seconds: Seconds,
    /// Bytes that one build kept in memory, at most.
    pub memory_bytes: u64,
    /// Bytes of its tables that went to the scratch folder.
    pub scratch_bytes: u64,
    /// Bytes that sorts, aggregates and the like put aside on disk.
    pub spilled_bytes: u64,
    /// How often they did.
    pub spills: u64,
    /// Bytes of its published files.
    pub output_bytes: u64,
    /// Whether its joins were too large for memory, and were sorted instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sorted_joins: bool,
}

/// The costs of a run's models. Clones are of the same run.
#[derive(Clone, Debug, Default)]
pub struct Costs(Arc<Mutex<BTreeMap<String, ModelCost>>>);

impl Costs {
    /// These models are going to be built: what never is was built no times.
    pub fn expect(&self, pipeline: &Pipeline, graph: &ModelGraph) {
        let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        costs.extend(graph.models.iter().filter(|model| model.kept).map(|model| {
            let mart = pipeline.models.mart_of(&model.name).map(|mart| mart.name.clone());
            (model.name.clone(), ModelCost::none(&model.name, model.scope, mart))
        }));
    }

    /// All models by name.
    #[must_use]
    pub fn models(&self) -> Vec<ModelCost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The rows of an optimised plan, as they come, at the cost of this model.
    ///
    /// # Errors
    /// When the plan cannot be executed.
    pub async fn stream(
        &self,
        context: &SessionContext,
        model: &str,
        plan: &LogicalPlan,
        joins: Joins,
    ) -> Result<Measured, DataFusionError> {
        let since = Stopwatch::start();
        let (plan, rows) = execute::physical(context, plan, joins).await?;
        Ok(Measured {
            rows,
            plan: Some(plan),
            metrics: Vec::new(),
            since,
            model: model.to_owned(),
            costs: self.clone(),
        })
    }

    /// The rows of an optimised plan as a table in memory.
    ///
    /// # Errors
    /// When the plan cannot be executed.
    pub async fn collect(
        &self,
        context: &SessionContext,
        model: &str,
        plan: &LogicalPlan,
    ) -> Result<MemTable, DataFusionError> {
        let all = self
            .as_memory_allows(model, async |joins| {
                let mut rows = self.stream(context, model, plan, joins).await?;
                let mut all = Vec::new();
                while let Some(batch) = rows.next().await? {
                    all.push(own_text(batch)?);
                }
                Ok(all)
            })
            .await?;
        self.built(model, rows_of(&all), all.iter().map(bytes_of).sum());
        execute::table(&execute::plan_schema(plan), all)
    }

    /// Does something with the rows of a model: with its joins in memory, and if they do not fit, once more with all of them
    /// sorted. A model that has needed that is done so from then on.
    ///
    /// # Errors
    /// What the attempt ends with.
    pub async fn as_memory_allows<T>(
        &self,
        model: &str,
        attempt: impl AsyncFn(Joins) -> Result<T, DataFusionError>,
    ) -> Result<T, DataFusionError> {
        if self.joins(model) == Joins::InMemory {
            match attempt(Joins::InMemory).await {
                Err(error) if needs_memory(&error) => {
                    tracing::info!(model, why = %error, "once more with its joins sorted");
                    self.add(model, |cost| cost.sorted_joins = true);
                }
                done => return done,
            }
        }
        attempt(Joins::Sorted).await
    }

    /// How the joins of a model are computed by now.
    #[must_use]
    pub fn joins(&self, model: &str) -> Joins {
        let costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if costs.get(model).is_some_and(|cost| cost.sorted_joins) { Joins::Sorted } else { Joins::InMemory }
    }

    /// A model was built once more.
    pub fn built(&self, model: &str, rows: u64, memory_bytes: usize) {
        self.add(model, |cost| {
            cost.built += 1;
            cost.rows += rows;
            cost.memory_bytes = cost.memory_bytes.max(wide(memory_bytes));
        });
    }

    /// A table of a model went to the scratch folder.
    pub fn to_disk(&self, table: &str, bytes: usize) {
        self.add(table, |cost| cost.scratch_bytes += wide(bytes));
    }

    /// A file of a model was stored among the outputs.
    pub fn written(&self, model: &str, bytes: u64) {
        self.add(model, |cost| cost.output_bytes += bytes);
    }

    /// What is no model of the run, such as the rows of a source, is not counted.
    fn add(&self, model: &str, more: impl FnOnce(&mut ModelCost)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(model).map(more);
    }
}

impl ModelCost {
    fn none(model: &str, scope: Scope, mart: Option<String>) -> Self {
        Self {
            model: model.to_owned(),
            scope,
            mart,
            built: 0,
            rows: 0,
            seconds: Seconds::default(),
            memory_bytes: 0,
            scratch_bytes: 0,
            spilled_bytes: 0,
            spills: 0,
            output_bytes: 0,
            sorted_joins: false,
        }
    }
}

/// The rows of a plan at the cost of a model, which is known when this is dropped.
pub struct Measured {
    rows: SendableRecordBatchStream,
    /// Until all operators have begun to count.
    plan: Option<Arc<dyn ExecutionPlan>>,
    /// What all operators count.
    metrics: Vec<MetricsSet>,
    since: Stopwatch,
    model: String,
    costs: Costs,
}

impl Measured {
    /// The columns of the rows.
    pub fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    /// The next rows.
    ///
    /// # Errors
    /// When they cannot be computed.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        let Some(plan) = self.plan.take() else { return self.rows.try_next().await };
        // Partitions begin on threads of their own, and only then are their counters there. To hold the plan for longer would
        // be to hold the tables of its joins after they are of use.
        let first = tokio::time::timeout(BEGUN, self.rows.try_next()).await;
        metrics_of(&plan, &mut self.metrics);
        drop(plan);
        match first {
            Ok(first) => first,
            Err(_) => self.rows.try_next().await,
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let sum = |count: fn(&MetricsSet) -> Option<usize>| wide(self.metrics.iter().filter_map(count).sum());
        let (bytes, spills) = (sum(MetricsSet::spilled_bytes), sum(MetricsSet::spill_count));
        let took = self.since.elapsed();
        self.costs.add(&self.model, |cost| {
            cost.seconds += took;
            cost.spilled_bytes += bytes;
            cost.spills += spills;
        });
    }
}

fn metrics_of(plan: &Arc<dyn ExecutionPlan>, metrics: &mut Vec<MetricsSet>) {
    metrics.extend(plan.metrics());
    plan.children().into_iter().for_each(|child| metrics_of(child, metrics));
}

/// How many rows there are in batches.
pub fn rows_of(batches: &[RecordBatch]) -> u64 {
    wide(batches.iter().map(RecordBatch::num_rows).sum())
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::warehouse::session::{Limits, runtime};

    impl Costs {
        /// Of one model that nothing is known of.
        pub(in crate::warehouse) fn of(model: &str) -> Self {
            let costs = Self::default();
            let cost = ModelCost::none(model, Scope::Intake, None);
            costs.0.lock().expect("not poisoned").insert(model.to_owned(), cost);
            costs
        }
    }

    const DISTINCT: &str = "select value, count(*) as rows from generated group by value";

    /// The cost of counting 200 000 rows, each of its own.
    async fn cost_with(memory_bytes: usize, parallelism: usize) -> ModelCost {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes, scratch: folder.path().to_path_buf(), parallelism };
        let config = SessionConfig::new().with_target_partitions(parallelism);
        let context = SessionContext::new_with_config_rt(config, runtime(&limits).expect("a runtime"));
        let batch = |nth: i64| {
            let values: Int64Array = (nth * 2000..(nth + 1) * 2000).collect();
            RecordBatch::try_from_iter([("value", Arc::new(values) as _)]).expect("one column")
        };
        let parts = (0..4).map(|part| (0..25).map(|nth| batch(part * 25 + nth)).collect());
        let table = MemTable::try_new(batch(0).schema(), parts.collect()).expect("a table");
        context.register_table("generated", Arc::new(table)).expect("a new name");
        let plan = context.sql(DISTINCT).await.expect("a query").into_optimized_plan().expect("a plan");
        let costs = Costs::of("model");
        costs.collect(&context, "model", &plan).await.expect("rows");
        let [cost] = costs.models().try_into().expect("one model");
        cost
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_operators_put_aside_is_counted_however_many_partitions_there_are() {
        for parallelism in [1, 4] {
            let little = cost_with(8 << 20, parallelism).await;
            assert!(little.spills > 0 && little.spilled_bytes > 1 << 20, "{little:?}");
            assert_eq!((little.built, little.rows), (1, 200_000), "{little:?}");
            let enough = cost_with(1 << 30, parallelism).await;
            assert_eq!((enough.spills, enough.spilled_bytes, enough.rows), (0, 0, 200_000), "{enough:?}");
            assert!(enough.memory_bytes >= 200_000 * 16, "{enough:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_model_is_not_counted() {
        let costs = Costs::of("model");
        costs.to_disk("a_source", 7);
        assert_eq!(costs.models().iter().map(|cost| cost.scratch_bytes).collect::<Vec<_>>(), [0]);
    }
}
