//! `cluster scheduler` and `cluster executor`: the servers that compute for pipelines whose engine is a cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::allocator::keep_free_pages;
use crate::cli::{ClusterArgs, ClusterRole, ExecutorArgs, SchedulerArgs};
use crate::cluster::{executor, scheduler};
use crate::commands::invocation::Invocation;
use crate::commands::scratch::Scratch;
use crate::error::{Exit, Failure};
use crate::pipeline::Engine;
use crate::store::Stores;

/// Serves until it is told to stop.
///
/// # Errors
/// When it cannot serve.
pub async fn cluster(args: &ClusterArgs, invocation: &Invocation) -> Result<(), Failure> {
    // A server ends in order when it is told to stop.
    invocation.stopping.finish().await;
    match &args.role {
        ClusterRole::Scheduler(args) => serve_scheduler(args, invocation).await,
        ClusterRole::Executor(args) => serve_executor(args, invocation).await,
    }
}

async fn serve_scheduler(args: &SchedulerArgs, invocation: &Invocation) -> Result<(), Failure> {
    let ip = args.listen.ip();
    let advertise = match &args.advertise {
        Some(name) => name.clone(),
        None if ip.is_unspecified() => {
            let message = format!("executors cannot reach `{ip}`: say by which name they do, with --advertise");
            return Err(Failure::new(Exit::Usage, message));
        }
        None => ip.to_string(),
    };
    tracing::info!(listen = %args.listen, %advertise, "scheduler");
    let stores = Stores::new(&BTreeMap::new(), &invocation.environment)?;
    tokio::select! {
        ended = scheduler::answer(args.listen, advertise, stores) => ended,
        () = asked_to_stop(invocation) => Ok(()),
    }
}

async fn serve_executor(args: &ExecutorArgs, invocation: &Invocation) -> Result<(), Failure> {
    let address = args.scheduler.as_str();
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let port = port.parse().map_err(|error| Failure::new(Exit::Usage, error))?;
    let parent = args.scratch.as_ref().unwrap_or(&invocation.temporary);
    let scratch = Scratch::new(parent, &invocation.run_id(), &invocation.stopping)?;
    let memory = memory(args.memory, invocation.machine.memory);
    keep_free_pages(memory, invocation.machine.memory);
    let executor = executor::Executor {
        scheduler: (host.to_owned(), port),
        listen: args.listen.clone(),
        advertise: args.advertise.clone(),
        port: args.port,
        task_port: args.task_port,
        cores: args.cores.unwrap_or(invocation.machine.cores).max(1),
        memory,
        scratch: scratch.path().to_path_buf(),
        patience: args.patience,
    };
    tracing::info!(scheduler = %address, cores = executor.cores, memory, "executor");
    executor.work(Stores::new(&BTreeMap::new(), &invocation.environment)?).await
}

async fn asked_to_stop(invocation: &Invocation) {
    while !invocation.stopping.asked() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Bytes that tasks may hold: what is given, else what the process does not need beside them.
fn memory(given: Option<usize>, limit: Option<u64>) -> usize {
    let left = limit.map_or(1 << 30, |limit| limit.saturating_sub(Engine::BESIDE).max(limit / 4));
    given.unwrap_or_else(|| usize::try_from(left).unwrap_or(usize::MAX))
}
