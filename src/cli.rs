//! The command line: what was typed, nothing more.

#[cfg(feature = "cluster")]
mod cluster;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::schedule::{At, Scheduler};
use crate::telemetry::{LogFormat, filter};

#[cfg(feature = "cluster")]
pub use cluster::{ClusterArgs, ClusterRole, ExecutorArgs, SchedulerArgs};

/// Batch ETL and reporting that ties out: every cent in is a cent out.
#[derive(Debug, Parser)]
#[command(name = "tieout", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,

    /// What stdout carries: text for people, or JSON for machines.
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    /// Log lines on stderr: text on a terminal and JSON elsewhere, or one of them by name.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Auto)]
    pub log_format: LogFormat,

    /// How much is logged: off, error, warn, info, debug or trace, or a list such as info,tieout=debug.
    #[arg(long, global = true, default_value = "info", env = "TIEOUT_LOG", value_parser = filter)]
    pub log: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Text,
    Json,
    /// For query; elsewhere as text.
    Csv,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Do everything that is due, then exit.
    Run(RunArgs),
    /// Check the pipeline file, SQL and templates; with --connect also stores and relay.
    Validate(ValidateArgs),
    /// Show what a run would read, build, publish and mail. Changes nothing.
    Plan(PeriodArgs),
    /// Show the newest publications and runs, mail that is owed, and what is due or late. Changes nothing.
    Status(StatusArgs),
    /// Probe whether stores, mail relay and machine keep the promises that a run relies on. Publishes and mails nothing.
    Doctor(DoctorArgs),
    /// Print what a scheduler needs to start a pipeline: for a crontab, for systemd or for Kubernetes.
    Schedule(ScheduleArgs),
    /// Render the reports of the published tables into a folder, without sending them.
    Render(RenderArgs),
    /// Prove that a publication is whole and unchanged; with --recompute that its inputs give it. Changes nothing.
    Verify(VerifyArgs),
    /// Delete what retention no longer keeps: plan first, sweep a day later.
    Gc(GcArgs),
    /// Run SQL over the published tables.
    Query(QueryArgs),
    /// Show what became of every mail, and decide about one that is in doubt or has to be sent again.
    Deliveries(DeliveriesArgs),
    /// Write the shipped pipelines, SQL and templates into a folder, ready to be changed.
    Init(InitArgs),
    /// Write a generated shop, with known dirt and the truth about it.
    Sample(SampleArgs),
    /// Init, sample and run in a folder of its own, and where to look.
    Demo(DemoArgs),
    /// Serve in a cluster that computes the models of pipelines whose `engine.cluster` names it.
    #[cfg(feature = "cluster")]
    Cluster(ClusterArgs),
    /// Print the JSON Schema of the pipeline file, for editors.
    Schema,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub period: PeriodArgs,

    /// Compute everything and publish, although the same inputs and pipeline were published before.
    #[arg(long)]
    pub force: bool,

    /// Publish although files that the last publication read are gone. The mails say which.
    #[arg(long)]
    pub allow_lost_files: bool,
}

#[derive(Debug, Args)]
pub struct PeriodArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    /// Only this period, such as 2026-10, complete or not. Default: what is due.
    #[arg(long)]
    pub period: Option<String>,

    /// The instant up to which events count, such as 2026-11-05T00:00:00Z; at most a day ahead. Default: the end of the
    /// period.
    #[arg(long)]
    pub as_of: Option<jiff::Timestamp>,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    /// End with 75 when a period is late, with 80 when only mail is: for a dead-man's switch.
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    /// Also reach every store and the mail relay. Sends nothing.
    #[arg(long)]
    pub connect: bool,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,
}

#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// The pipeline file. Secrets that it refers to need not be set here.
    pub pipeline: PathBuf,

    /// The scheduler.
    #[arg(long = "for", value_enum)]
    pub scheduler: Scheduler,

    /// The container image, for kubernetes: this program, and the project in /project.
    #[arg(long)]
    pub image: Option<String>,

    /// When to start, as the five fields of a crontab, in the pipeline's time zone. Each run decides what is due.
    #[arg(long, default_value = "17 5-20 * * *")]
    pub at: At,
}

#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    /// A period that is published, or older than those. Default: that of the newest publication.
    #[arg(long)]
    pub period: Option<String>,

    /// Only this report.
    #[arg(long)]
    pub report: Option<String>,

    /// Where the files go.
    #[arg(long, default_value = "rendered")]
    pub to: PathBuf,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    /// Number of a publication. Default: the newest.
    #[arg(long)]
    pub publication: Option<u64>,

    /// Also build it again from the same inputs, in a temporary folder, and compare every byte.
    #[arg(long)]
    pub recompute: bool,
}

#[derive(Debug, Args)]
pub struct GcArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    /// What to do.
    #[arg(value_enum)]
    pub action: GcDo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GcDo {
    /// Write down what may go. Deletes nothing.
    Plan,
    /// Delete what plans of at least a day ago have named and what may still go.
    Sweep,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    /// One SELECT over the published tables.
    pub sql: String,
}

#[derive(Debug, Args)]
pub struct DeliveriesArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,

    #[command(subcommand)]
    pub verb: DeliveriesVerb,
}

#[derive(Debug, Subcommand)]
pub enum DeliveriesVerb {
    /// Every mail of the newest period, and every one that is not settled.
    List(ListArgs),
    /// Say what became of a mail in doubt.
    Resolve(ResolveArgs),
    /// Send the stored message once more to somebody who has it, was rejected or was given up.
    Resend(DecisionArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// The mails of this period, such as 2026-10.
    #[arg(long, conflicts_with = "all")]
    pub period: Option<String>,

    /// The mails of all periods.
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("verdict").required(true).args(["has_it", "send_again"])))]
pub struct ResolveArgs {
    #[command(flatten)]
    pub decision: DecisionArgs,

    /// The recipient has it.
    #[arg(long)]
    pub has_it: bool,

    /// The recipient does not have it: the next run sends it again.
    #[arg(long)]
    pub send_again: bool,
}

#[derive(Debug, Args)]
pub struct DecisionArgs {
    /// The mail, as `list` names it.
    pub id: String,

    /// Who decides. Kept with the mail.
    #[arg(long)]
    pub by: String,

    /// Why. Kept with the mail.
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder, which may exist; no file in it is overwritten.
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct SampleArgs {
    /// A folder or URL to write to.
    pub to: String,

    #[command(flatten)]
    pub shop: ShopArgs,
}

#[derive(Clone, Debug, Args)]
pub struct ShopArgs {
    /// Orders over all months.
    #[arg(long, default_value_t = 20_000)]
    pub orders: u64,

    /// Months of history.
    #[arg(long, default_value_t = 13)]
    pub months: u32,

    /// The last day of the history. Default: the end of last month.
    #[arg(long)]
    pub end: Option<jiff::civil::Date>,

    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,

    /// 1 is the shop as first exported, 2 the same shop after late corrections.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    pub edition: u32,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The folder; made when it is not there.
    #[arg(default_value = "tieout-demo")]
    pub folder: PathBuf,

    #[command(flatten)]
    pub shop: ShopArgs,
}
