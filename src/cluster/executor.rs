//! An executor: takes tasks of the scheduler, reads files by the names in their plans, and keeps what it has computed until
//! somebody has fetched it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::serde::protobuf::ShuffleWritePartition;
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::common::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule as _;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use datafusion::prelude::SessionConfig;

use crate::cluster::LARGEST_MESSAGE;
use crate::cluster::codec::Codec;
use crate::cluster::files::{RemoteFiles, runtime};
use crate::error::{Exit, Failure};
use crate::store::Stores;
use crate::warehouse::own_text::{OwnText, OwnTextOfHeld};

/// How often an executor says that it is alive, in seconds.
pub(super) const SIGN_OF_LIFE: u64 = 5;

/// Where an executor is and what it may use.
#[derive(Clone, Debug)]
pub struct Executor {
    /// Host and port of the scheduler.
    pub scheduler: (String, u16),
    /// The address that its two ports are opened on.
    pub listen: String,
    /// The name that others reach it by; that of its connection when there is none.
    pub advertise: Option<String>,
    /// Others fetch rows here.
    pub port: u16,
    /// The scheduler brings tasks here.
    pub task_port: u16,
    pub cores: usize,
    /// Bytes that its queries may hold before they spill.
    pub memory: usize,
    /// A folder of its own.
    pub scratch: PathBuf,
    /// Seconds that it waits for the scheduler to be there.
    pub patience: u16,
}

impl Executor {
    /// Works until it is told to stop.
    ///
    /// # Errors
    /// When the scheduler is not there in time, or a port or the folder cannot be used.
    pub async fn work(self, stores: Stores) -> Result<(), Failure> {
        let (scheduler_host, scheduler_port) = self.scheduler;
        let shown = format!("{scheduler_host}:{scheduler_port}");
        let files = Arc::new(RemoteFiles::new(stores));
        let scratch = self.scratch.clone();
        let config = ExecutorProcessConfig {
            bind_host: self.listen,
            external_host: self.advertise,
            port: self.port,
            grpc_port: self.task_port,
            scheduler_host,
            scheduler_port,
            scheduler_connect_timeout_seconds: self.patience,
            vcores: self.cores,
            work_dir: Some(self.scratch.display().to_string()),
            grpc_max_decoding_message_size: LARGEST_MESSAGE,
            grpc_max_encoding_message_size: LARGEST_MESSAGE,
            executor_heartbeat_interval_seconds: SIGN_OF_LIFE,
            memory_pool_size: u64::try_from(self.memory).ok(),
            override_execution_engine: Some(Arc::new(Engine(DefaultExecutionEngine::new()))),
            override_function_registry: Some(Arc::new(functions())),
            override_runtime_producer: Some(Arc::new(move |_| runtime(&files, Some(scratch.clone())))),
            override_physical_codec: Some(Arc::new(Codec::default())),
            ..ExecutorProcessConfig::default()
        };
        start_executor_process(Arc::new(config)).await.map_err(|error| {
            let message = format!("error[E520]: an executor of the scheduler {shown} cannot work: {error}");
            Failure::new(Exit::Unreachable, message)
        })
    }
}

/// All functions of the engine, as a session of a run has them.
fn functions() -> BallistaFunctionRegistry {
    BallistaFunctionRegistry::from(&SessionStateBuilder::new().with_default_features().build())
}

/// Ballista's own engine, whose tasks hold and write text of their own, as plans do that are executed where they are made, and
/// tell no metrics: where tasks of one stage count different things, the scheduler does not get over it.
struct Engine(DefaultExecutionEngine);

impl ExecutionEngine for Engine {
    fn create_query_stage_exec(
        &self,
        job: JobId,
        stage: usize,
        task: usize,
        partitions: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        folder: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>, DataFusionError> {
        let plan = OwnTextOfHeld.optimize(plan, config.options())?;
        let rows = plan.children().into_iter().map(|rows| OwnText::of(rows, false)).collect();
        let plan = plan.replace_children(rows, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?;
        let stage = self.0.create_query_stage_exec(job, stage, task, partitions, plan, folder, config)?;
        Ok(Arc::new(Stage(stage)))
    }
}

#[derive(Debug)]
struct Stage(Arc<dyn QueryStageExecutor>);

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>, DataFusionError> {
        self.0.execute_query_stage(task, context).await
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        Vec::new()
    }
}
