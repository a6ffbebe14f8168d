//! One job of the scheduler: submitted, watched, fetched, and cancelled when nobody waits for it any more.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use ballista_core::client::BallistaClient;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::execute_query_result::Result as Submitted;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobStatusParams, KeyValuePair, PartitionLocation,
    RemoveSessionParams,
};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use ballista_core::version::insert_version_header;
use datafusion::common::DataFusionError;
use futures::TryStreamExt as _;
use tokio::sync::RwLock;
use tonic::transport::Channel;

use crate::cluster::LARGEST_MESSAGE;
use crate::cluster::spool::Spool;
use crate::warehouse::remote::RemoteError;

/// Between two looks at a job, at first; each further one waits longer.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LATER_LOOKS: Duration = Duration::from_millis(100);
/// By when the scheduler answers anything, in seconds.
const ANSWERS_WITHIN: u64 = 20;
/// By when it is connected to, in seconds.
const CONNECTS_WITHIN: u64 = 5;

/// Jobs that have been submitted and have not ended. Clones know the same ones.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    running: Mutex<BTreeSet<String>>,
    /// Whether the run ends, so that nothing more may be submitted. Read by whoever submits, until the job is known.
    ending: RwLock<bool>,
}

impl Jobs {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cancels all of them, as far as the scheduler answers. From here on none is submitted.
    pub async fn cancel(&self, scheduler: &str) {
        self.cancel_known(scheduler).await;
        // The scheduler may have begun what it has not answered yet: nobody else knows that job, so its name is waited for.
        *self.0.ending.write().await = true;
        self.cancel_known(scheduler).await;
    }

    async fn cancel_known(&self, scheduler: &str) {
        let jobs = std::mem::take(&mut *self.running());
        if jobs.is_empty() {
            return;
        }
        let Ok(mut client) = connect(scheduler).await else { return };
        for job_id in jobs {
            // Whatever it answers, nobody waits for the job.
            drop(client.cancel_job(CancelJobParams { job_id }).await);
        }
    }

    /// Submits a plan and remembers its job.
    async fn submit(self, mut client: Client, scheduler: String, plan: Submission) -> Result<String, NoRows> {
        let ending = self.0.ending.read().await;
        if *ending {
            return Err(NoRows::Said("the run is ending".to_owned()));
        }
        let mut request = tonic::Request::new(ExecuteQueryParams {
            session_id: plan.session,
            settings: plan.settings,
            operation_id: String::new(),
            query: Some(Query::PhysicalPlan(plan.plan)),
        });
        insert_version_header(request.metadata_mut());
        let answer = client.execute_query(request).await.map_err(|status| refused(&scheduler, &status))?;
        match answer.into_inner().result {
            Some(Submitted::Success(job)) => {
                self.running().insert(job.job_id.clone());
                Ok(job.job_id)
            }
            Some(Submitted::Failure(failure)) => Err(NoRows::Said(format!("{failure:?}"))),
            None => Err(NoRows::Said("the scheduler says nothing about the job".to_owned())),
        }
    }
}

/// The scheduler forgets what it knows of a run.
pub(super) async fn forget(scheduler: &str, session: &str) {
    if let Ok(mut client) = connect(scheduler).await {
        // Otherwise it forgets with its own end.
        drop(client.remove_session(RemoveSessionParams { session_id: session.to_owned() }).await);
    }
}

pub(super) type Client = SchedulerGrpcClient<Channel>;

/// A connection to the scheduler.
///
/// # Errors
/// When it does not answer.
pub(super) async fn connect(scheduler: &str) -> Result<Client, RemoteError> {
    let failed = |why: &dyn std::error::Error| RemoteError::Scheduler {
        scheduler: scheduler.to_owned(),
        why: crate::error::chain(why).replace("\n  because: ", ": "),
    };
    let config = GrpcClientConfig {
        connect_timeout_seconds: CONNECTS_WITHIN,
        timeout_seconds: ANSWERS_WITHIN,
        http2_keepalive_interval_seconds: CONNECTS_WITHIN,
        ..GrpcClientConfig::default()
    };
    let endpoint = create_grpc_client_endpoint(format!("http://{scheduler}"), Some(&config));
    let channel = endpoint.map_err(|error| failed(&error))?.connect().await.map_err(|error| failed(&error))?;
    let largest = usize::try_from(LARGEST_MESSAGE).unwrap_or(usize::MAX);
    Ok(Client::new(channel).max_encoding_message_size(largest).max_decoding_message_size(largest))
}

/// A plan for the scheduler, with the settings to execute it with.
#[derive(Clone)]
pub(super) struct Submission {
    pub plan: Vec<u8>,
    pub settings: Vec<KeyValuePair>,
    pub session: String,
}

/// Why a job has no rows.
pub(super) enum NoRows {
    /// The scheduler is not there, or not the one it should be.
    Remote(RemoteError),
    /// What the scheduler, an executor or the way to it says.
    Said(String),
    /// This process is to blame.
    Here(DataFusionError),
}

pub(super) struct Job {
    id: String,
    scheduler: String,
    client: Client,
    jobs: Jobs,
}

impl Job {
    /// Submits a plan.
    ///
    /// # Errors
    /// When the scheduler does not answer, or cannot read the plan.
    pub async fn submit(scheduler: &str, jobs: &Jobs, plan: &Submission) -> Result<Self, NoRows> {
        let client = connect(scheduler).await.map_err(NoRows::Remote)?;
        // In a task of its own: it ends with a job that is known even when the run is stopped meanwhile.
        let submitted = jobs.clone().submit(client.clone(), scheduler.to_owned(), plan.clone());
        let id = tokio::spawn(submitted).await.map_err(|error| NoRows::Said(error.to_string()))??;
        Ok(Self { id, scheduler: scheduler.to_owned(), client, jobs: jobs.clone() })
    }

    /// Waits for the end of the job and fetches its rows.
    ///
    /// # Errors
    /// When it fails, or its rows cannot be fetched.
    pub async fn rows(&mut self, scratch: &Path, schema: SchemaRef) -> Result<Spool, NoRows> {
        let located = self.located().await?;
        let mut spool = Spool::new(scratch, schema);
        for location in located {
            fetch(location, &mut spool).await?;
        }
        Ok(spool)
    }

    async fn located(&mut self) -> Result<Vec<PartitionLocation>, NoRows> {
        let mut pause = FIRST_LOOK;
        loop {
            let asked = self.client.get_job_status(GetJobStatusParams { job_id: self.id.clone() }).await;
            let status = match asked {
                Ok(answer) => answer.into_inner().status,
                Err(status) => {
                    self.ask_again(&status).await?;
                    None
                }
            };
            match status.and_then(|status| status.status) {
                Some(Status::Successful(job)) => return Ok(job.partition_location),
                Some(Status::Failed(job)) => {
                    self.jobs.running().remove(&self.id);
                    return Err(NoRows::Said(job.error));
                }
                Some(Status::Queued(_) | Status::Running(_)) | None => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LATER_LOOKS);
        }
    }

    /// An answer that is late or lost says nothing about the job, and a new connection tells whether the scheduler is there.
    async fn ask_again(&mut self, status: &tonic::Status) -> Result<(), NoRows> {
        match refused(&self.scheduler, status) {
            NoRows::Remote(RemoteError::Scheduler { .. }) => {
                tracing::warn!(job = %self.id, %status, "the scheduler is asked again");
                self.client = connect(&self.scheduler).await.map_err(NoRows::Remote)?;
                Ok(())
            }
            other => Err(other),
        }
    }

    /// Nobody waits for it any more: it stops, if it has not ended, and its rows go.
    pub async fn leave(mut self) {
        let running = self.jobs.running().remove(&self.id);
        let job_id = self.id;
        // A scheduler that does not answer has lost the job as well.
        if running {
            drop(self.client.cancel_job(CancelJobParams { job_id: job_id.clone() }).await);
        }
        let params = CleanJobDataParams { job_id, remove_stage_ids: Vec::new() };
        drop(self.client.clean_job_data(params).await);
    }

    /// Its rows are here: only they have to go.
    pub async fn done(mut self) {
        self.jobs.running().remove(&self.id);
        let params = CleanJobDataParams { job_id: self.id, remove_stage_ids: Vec::new() };
        drop(self.client.clean_job_data(params).await);
    }
}

fn refused(scheduler: &str, status: &tonic::Status) -> NoRows {
    let (scheduler, why) = (scheduler.to_owned(), format!("{:?}: {}", status.code(), status.message()));
    match status.code() {
        tonic::Code::FailedPrecondition | tonic::Code::Unimplemented => {
            NoRows::Remote(RemoteError::Version { scheduler, why })
        }
        tonic::Code::Internal | tonic::Code::InvalidArgument | tonic::Code::OutOfRange => NoRows::Said(why),
        _ => NoRows::Remote(RemoteError::Scheduler { scheduler, why }),
    }
}

/// Fetches one part of the rows from the executor that has them.
async fn fetch(location: PartitionLocation, spool: &mut Spool) -> Result<(), NoRows> {
    let said = |error: &dyn std::fmt::Display| NoRows::Said(format!("rows cannot be fetched: {error}"));
    let layout = location.layout();
    let (Some(executor), Some(partition)) = (location.executor_meta, location.partition_id) else {
        return Err(NoRows::Said("the scheduler does not say where rows are".to_owned()));
    };
    let port = u16::try_from(executor.port).map_err(|error| said(&error))?;
    let largest = usize::try_from(LARGEST_MESSAGE).unwrap_or(usize::MAX);
    let client = BallistaClient::try_new(&executor.host, port, largest, false, None, 1, 0, 0, 0).await;
    let mut client = client.map_err(|error| said(&error))?;
    let rows = client.fetch_partition(&executor.id, &partition.into(), location.file_id, layout, false).await;
    let mut rows = rows.map_err(|error| said(&error))?;
    while let Some(batch) = rows.try_next().await.map_err(|error| said(&error))? {
        spool.add(&batch).map_err(NoRows::Here)?;
    }
    Ok(())
}
