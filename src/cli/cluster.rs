//! The command line of the cluster's servers.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::pipeline::parse;

#[derive(Debug, Args)]
pub struct ClusterArgs {
    #[command(subcommand)]
    pub role: ClusterRole,
}

#[derive(Debug, Subcommand)]
pub enum ClusterRole {
    /// Split plans of runs into tasks, and give these to executors. One per cluster.
    Scheduler(SchedulerArgs),
    /// Compute tasks. As many as there are machines; each reads the stores with its own environment.
    Executor(ExecutorArgs),
}

#[derive(Debug, Args)]
pub struct SchedulerArgs {
    /// The address to answer at. Nobody is asked who they are: keep it inside a private network.
    #[arg(long, default_value = "127.0.0.1:50050")]
    pub listen: SocketAddr,

    /// The name or address that executors reach it by. Default: the address that it answers at.
    #[arg(long)]
    pub advertise: Option<String>,
}

#[derive(Debug, Args)]
pub struct ExecutorArgs {
    /// The scheduler, as `df://host:50050`.
    #[arg(long, value_parser = scheduler)]
    pub scheduler: String,

    /// The address to open the two ports on. Nobody is asked who they are: keep them inside a private network.
    #[arg(long, default_value = "127.0.0.1")]
    pub listen: String,

    /// The name or address that scheduler, runs and other executors reach it by. Default: where its connection comes from.
    #[arg(long)]
    pub advertise: Option<String>,

    /// The port that rows are fetched from.
    #[arg(long, default_value_t = 50051)]
    pub port: u16,

    /// The port that tasks come to.
    #[arg(long, default_value_t = 50052)]
    pub task_port: u16,

    /// Partitions that are computed at the same time. Default: one for each core.
    #[arg(long)]
    pub cores: Option<usize>,

    /// What its tasks may hold before they spill, such as 4GiB. Default: what the container's limit, or else the
    /// machine's memory, leaves beside 512MiB; 1GiB where neither is known.
    #[arg(long, value_parser = size)]
    pub memory: Option<usize>,

    /// Folder for rows that wait to be fetched and for spilled data. Default: the system's temporary folder.
    #[arg(long)]
    pub scratch: Option<PathBuf>,

    /// How many seconds the scheduler may be away at the start.
    #[arg(long, default_value_t = 60)]
    pub patience: u16,
}

fn scheduler(text: &str) -> Result<String, &'static str> {
    parse::scheduler(text).ok_or("write df://host:50050")
}

fn size(text: &str) -> Result<usize, &'static str> {
    parse::size(text).ok_or("write 512MiB or 2GiB")
}
