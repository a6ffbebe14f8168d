//! The scheduler: splits plans into stages and gives their tasks to executors. It reads no file and computes nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use datafusion::common::DataFusionError;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use crate::cluster::LARGEST_MESSAGE;
use crate::cluster::codec::Codec;
use crate::cluster::executor::SIGN_OF_LIFE;
use crate::cluster::files::{RemoteFiles, runtime};
use crate::error::{Exit, Failure};
use crate::store::Stores;

/// Without a sign of life for so many seconds an executor is lost.
const LOST: u64 = 4 * SIGN_OF_LIFE;
/// How long the rows of a job that nobody has fetched are kept, in seconds.
const FETCHED_BY: u64 = 600;

/// Answers until the process ends.
///
/// # Errors
/// When the address cannot be used.
pub async fn answer(listen: SocketAddr, advertise: String, stores: Stores) -> Result<(), Failure> {
    let files = Arc::new(RemoteFiles::new(stores));
    let config = SchedulerConfig {
        bind_host: listen.ip().to_string(),
        bind_port: listen.port(),
        external_host: advertise,
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        executor_timeout_seconds: LOST,
        no_executors_grace_period_seconds: LOST,
        expire_dead_executor_interval_seconds: SIGN_OF_LIFE,
        finished_job_data_clean_up_interval_seconds: FETCHED_BY,
        finished_job_state_clean_up_interval_seconds: FETCHED_BY,
        grpc_server_max_decoding_message_size: LARGEST_MESSAGE,
        grpc_server_max_encoding_message_size: LARGEST_MESSAGE,
        grpc_client_max_message_size: LARGEST_MESSAGE,
        override_session_builder: Some(Arc::new(move |config| session(&files, config))),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..SchedulerConfig::default()
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Unreachable, format!("error[E520]: a scheduler cannot answer at {listen}: {error}"))
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|error| failed(&error))?;
    start_server(cluster, listen, Arc::new(config)).await.map_err(|error| failed(&error))
}

/// Plans name files, and are understood only where these are known.
fn session(files: &Arc<RemoteFiles>, config: SessionConfig) -> Result<SessionState, DataFusionError> {
    let builder = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime(files, None)?);
    Ok(builder.with_default_features().build())
}
