//! A run's side of the cluster: each plan is a job, within its time. A job whose executor is lost may wait for ever, so what
//! is not done in time is cancelled and begun again, as a whole: nothing of it has been used yet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field};
use async_trait::async_trait;
use ballista_core::config::{
    BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_BROADCAST_JOIN_THRESHOLD_BYTES, BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE,
};
use ballista_core::serde::protobuf::KeyValuePair;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::config::{ConfigEntry, ConfigOptions};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::prelude::SessionConfig;
use datafusion_proto::physical_plan::AsExecutionPlan as _;
use datafusion_proto::protobuf::PhysicalPlanNode;
use object_store::ObjectStoreExt as _;

use crate::cluster::LARGEST_MESSAGE;
use crate::cluster::codec::Codec;
use crate::cluster::executor::SIGN_OF_LIFE;
use crate::cluster::files::CHANGED;
use crate::cluster::job::{Job, Jobs, NoRows, Submission, forget};
use crate::cluster::staging::Staging;
use crate::cluster::travel::{Places, Travel, inputs};
use crate::pipeline::ClusterSettings;
use crate::store::Location;
use crate::warehouse::portable::{OTHER_VERSION, hello};
use crate::warehouse::remote::{Remote, RemoteError};

/// After each attempt at a step. By the last one the scheduler knows which executors are lost.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(SIGN_OF_LIFE), Duration::from_secs(3 * SIGN_OF_LIFE), Duration::ZERO];
/// Bytes of the smaller side of a join that each executor gets whole.
const BROADCAST: &str = "10485760";

/// The cluster of one run.
#[derive(Debug)]
pub struct Cluster {
    settings: ClusterSettings,
    places: Places,
    staging: Staging,
    /// Where rows wait until all of them are here.
    scratch: PathBuf,
    /// The scheduler's name for the run.
    session: String,
    jobs: Jobs,
}

/// How an attempt ended that gave no rows.
enum Missed {
    /// The next one may end better.
    Again(String),
    Final(DataFusionError),
}

impl Cluster {
    /// The cluster for a run, once an executor has answered.
    ///
    /// # Errors
    /// When the scheduler does not answer, has no executor in time, or cannot execute our plans.
    pub async fn begin(
        settings: &ClusterSettings,
        places: Places,
        outputs: &Location,
        run_id: &str,
        scratch: PathBuf,
    ) -> Result<Self, RemoteError> {
        let cluster = Self {
            settings: settings.clone(),
            places,
            staging: Staging::new(outputs.clone(), run_id.to_owned()),
            scratch,
            session: run_id.to_owned(),
            jobs: Jobs::default(),
        };
        cluster.greet().await?;
        Ok(cluster)
    }

    /// Has the smallest of plans executed: that takes an executor, of this very version, that this process reaches.
    async fn greet(&self) -> Result<(), RemoteError> {
        let (scheduler, patience) = (&self.settings.scheduler, self.settings.patience);
        let failed = |why: String| RemoteError::Version { scheduler: scheduler.clone(), why };
        let plan = greeting().map_err(|error| failed(error.to_string()))?;
        let submission = self.submission(&plan, &ConfigOptions::new()).map_err(|error| failed(error.to_string()))?;
        let said = |no_rows| match no_rows {
            NoRows::Remote(error) => error,
            NoRows::Said(why) => failed(why),
            NoRows::Here(error) => failed(error.to_string()),
        };
        let mut job = Job::submit(scheduler, &self.jobs, &submission).await.map_err(said)?;
        let rows = tokio::time::timeout(patience, job.rows(&self.scratch, plan.schema())).await;
        match rows {
            Ok(Ok(_)) => {
                job.done().await;
                Ok(())
            }
            Ok(Err(no_rows)) => {
                job.leave().await;
                Err(said(no_rows))
            }
            Err(_) => {
                job.leave().await;
                Err(RemoteError::NoExecutor { scheduler: scheduler.clone(), seconds: patience.as_secs() })
            }
        }
    }

    fn submission(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Submission, DataFusionError> {
        let mut bytes = Vec::new();
        PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), &Codec::default())?.try_encode(&mut bytes)?;
        let engine = options.entries().into_iter().map(|ConfigEntry { key, value, .. }| (key, value));
        let largest = LARGEST_MESSAGE.to_string();
        let cluster = [
            (BALLISTA_ADAPTIVE_PLANNER_ENABLED, "false"),
            (BALLISTA_BROADCAST_JOIN_THRESHOLD_BYTES, BROADCAST),
            (BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, largest.as_str()),
        ];
        let cluster = cluster.into_iter().map(|(key, value)| (key.to_owned(), Some(value.to_owned())));
        let settings = engine.chain(cluster).map(|(key, value)| KeyValuePair { key, value }).collect();
        Ok(Submission { plan: bytes, settings, session: self.session.clone() })
    }

    /// One attempt at a step, within its time.
    async fn attempt(
        &self,
        submission: &Submission,
        plan: &Arc<dyn ExecutionPlan>,
    ) -> Result<SendableRecordBatchStream, Missed> {
        let mut job = match Job::submit(&self.settings.scheduler, &self.jobs, submission).await {
            Ok(job) => job,
            Err(no_rows) => return Err(self.missed(no_rows)),
        };
        match tokio::time::timeout(self.settings.deadline, job.rows(&self.scratch, plan.schema())).await {
            Ok(Ok(spool)) => {
                job.done().await;
                spool.rows().map_err(Missed::Final)
            }
            Ok(Err(no_rows)) => {
                job.leave().await;
                Err(self.missed(no_rows))
            }
            Err(_) => {
                job.leave().await;
                Err(Missed::Again(format!("it was not done within {} s", self.settings.deadline.as_secs())))
            }
        }
    }

    fn missed(&self, no_rows: NoRows) -> Missed {
        let scheduler = self.settings.scheduler.clone();
        match no_rows {
            NoRows::Remote(error) => Missed::Final(error.into()),
            NoRows::Here(error) => Missed::Final(error),
            NoRows::Said(why) if why.contains(OTHER_VERSION) => {
                Missed::Final(RemoteError::Version { scheduler, why }.into())
            }
            NoRows::Said(why) if why.contains("Resources exhausted") => {
                Missed::Final(DataFusionError::ResourcesExhausted(why))
            }
            NoRows::Said(why) if is_of_the_data(&why) => Missed::Final(DataFusionError::Execution(plain(&why))),
            NoRows::Said(why) => Missed::Again(why),
        }
    }

    /// Looks at the inputs of a plan that failed: whoever asks which of them has changed is told by our own stores.
    async fn look_at_inputs(&self, plan: &Arc<dyn ExecutionPlan>, state: &SessionState) {
        for (store, meta) in inputs(plan, &self.places) {
            if let Ok(store) = state.runtime_env().object_store(&store) {
                // Read, not only asked for: that is what remembers a change.
                drop(store.get_range(&meta.location, 0..1).await);
            }
        }
    }
}

#[async_trait]
impl Remote for Cluster {
    fn prepare(&self, config: &mut SessionConfig) {
        // What only one process can share, no plan may have.
        let options = config.options_mut();
        options.optimizer.enable_round_robin_repartition = false;
        options.optimizer.enable_dynamic_filter_pushdown = false;
        options.optimizer.enable_topk_dynamic_filter_pushdown = false;
        options.optimizer.enable_join_dynamic_filter_pushdown = false;
        options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    }

    async fn rows(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        state: &SessionState,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let travel = Travel { places: &self.places, staging: &self.staging, runtime: state.runtime_env() };
        let ready = travel.ready(plan).await?;
        let submission = self.submission(&ready, state.config_options())?;
        let (mut times, mut why) = (0, String::new());
        for (attempt, pause) in (1_u32..).zip(PAUSES) {
            match self.attempt(&submission, plan).await {
                Ok(rows) => return Ok(rows),
                Err(Missed::Final(error)) => {
                    if error.to_string().contains(CHANGED) {
                        self.look_at_inputs(plan, state).await;
                    }
                    return Err(error);
                }
                Err(Missed::Again(said)) => {
                    tracing::warn!(attempt, why = %said, "a step failed on the cluster");
                    (times, why) = (attempt, said);
                }
            }
            tokio::time::sleep(pause).await;
        }
        // Without any executor left, that is what to say.
        self.greet().await?;
        Err(RemoteError::Failed { scheduler: self.settings.scheduler.clone(), times, why }.into())
    }

    async fn cancel(&self) {
        tokio::join!(self.jobs.cancel(&self.settings.scheduler), self.staging.remove());
    }

    async fn end(&self) {
        self.staging.remove().await;
        forget(&self.settings.scheduler, &self.session).await;
    }
}

/// Whether a failure would be the same on every attempt: the rows are to blame, not the cluster.
fn is_of_the_data(why: &str) -> bool {
    const CLUSTER: [&str; 4] = ["Fetch", "lost", "Grpc", "Object Store error"];
    const DATA: [&str; 6] = ["ArrowError", "Arrow error", "Execution error", "Parquet error", "ParquetError", CHANGED];
    let says = |words: &[&str]| words.iter().any(|words| why.contains(words));
    why.contains(CHANGED) || (says(&DATA) && !says(&CLUSTER))
}

/// What an executor says, without the quotes that it puts around the words of the engine: whoever looks for the value that a
/// model failed on finds it by them.
fn plain(why: &str) -> String {
    why.replace("(\"", ": ").replace("\")", "")
}

/// `select money_text(1.00)`: a plan without a file that only this program can execute.
fn greeting() -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let schema = Arc::new(arrow::datatypes::Schema::empty());
    let amount = Arc::new(Literal::new(ScalarValue::Decimal128(Some(100), 10, 2)));
    let field = Arc::new(Field::new("hello", DataType::Utf8View, true));
    let options = Arc::new(ConfigOptions::new());
    let function = Arc::new(hello());
    let said = ScalarFunctionExpr::new("money_text", function, vec![amount], field, options);
    let expr = ProjectionExpr { expr: Arc::new(said), alias: "hello".to_owned() };
    Ok(Arc::new(ProjectionExec::try_new(vec![expr], Arc::new(PlaceholderRowExec::new(schema)))?))
}
