//! The program: reads environment and clock once, does what was asked, and ends with the documented exit code.

use std::any::Any;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use tieout::cli::{Cli, OutputFormat, Verb};
use tieout::clock::Clock;
#[cfg(feature = "cluster")]
use tieout::commands::cluster;
use tieout::commands::doctor::memory_limit;
use tieout::commands::invocation::{Invocation, Stopping};
use tieout::commands::{
    deliveries, demo, doctor, gc, init, plan, query, render, run, sample, schedule, status, validate, verify,
};
use tieout::error::{Exit, Failure, out_of_resources, panicked, says_ran_out};
use tieout::threads::PLANNING_STACK;
use tieout::warehouse::session::Machine;
use tieout::{fault, pipeline, telemetry};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Something to print, and how it ended.
type Said = (String, Exit);

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start(cli.log_format, &cli.log);
    let invocation = invocation();
    fault::arm(&invocation.environment);
    // What cannot even begin, for want of threads or memory, panics here.
    let begun = std::panic::catch_unwind(AssertUnwindSafe(|| work(&cli, &invocation)));
    let ended = begun.unwrap_or_else(|panic| Err(after_panic(panic.as_ref())));
    invocation.progress.done();
    match ended {
        Ok((text, exit)) => {
            // A reader that went away is no failure of the run.
            let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
            ExitCode::from(exit as u8)
        }
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{}", said(&failure, cli.output));
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Of the threads that run them.
const WORKER_STACK: usize = 16 << 20;

/// The verb runs on its own threads, so that a busy query cannot keep a stop signal from being seen.
fn work(cli: &Cli, invocation: &Invocation) -> Result<Said, Failure> {
    let internal = |error: std::io::Error| Failure::new(Exit::Internal, error);
    let workers = tokio::runtime::Builder::new_multi_thread().thread_stack_size(WORKER_STACK).enable_all().build();
    // Never shut down: the process ends with them. See `tieout::threads` on threads that nobody waits for.
    let workers = ManuallyDrop::new(workers.map_err(internal)?);
    let control = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    let ended = std::thread::scope(|scope| {
        let (done, waiting) = tokio::sync::oneshot::channel();
        let worker = std::thread::Builder::new().stack_size(PLANNING_STACK).spawn_scoped(scope, || {
            let ended = workers.block_on(perform(cli, invocation));
            // Nobody waits any more when the process is about to stop.
            let _ = done.send(ended);
        });
        let worker = match worker {
            Ok(worker) => worker,
            Err(error) => return Some(Err(Failure::new(Exit::Resources, error))),
        };
        let ended = control.block_on(async {
            tokio::select! {
                biased;
                ended = waiting => ended.ok(),
                () = stop_signal(invocation) => {
                    let _ = writeln!(std::io::stderr(), "stopped by a signal; nothing was published");
                    invocation.stopping.clean().await;
                    // Threads that are deep in a query would hold the process for as long as the query takes.
                    #[expect(clippy::disallowed_methods, reason = "this is main")]
                    std::process::exit(i32::from(Exit::TryLater as u8));
                }
            }
        });
        // A panic has been told by now; here it means that there is no outcome.
        match worker.join() {
            Ok(()) => ended,
            Err(panic) => Some(Err(after_panic(panic.as_ref()))),
        }
    });
    ended.unwrap_or_else(|| Err(after_panic(&"")))
}

/// How a panic ends: what ran out is none of our faults.
fn after_panic(panic: &(dyn Any + Send)) -> Failure {
    let said = panicked(panic);
    if says_ran_out(said) {
        return out_of_resources("and nothing could go on", said);
    }
    Failure::new(Exit::Internal, "error[E999]: internal error, please report; see the log above")
}

async fn perform(cli: &Cli, invocation: &Invocation) -> Result<Said, Failure> {
    let json = cli.output == OutputFormat::Json;
    match &cli.verb {
        Verb::Run(args) => {
            let runs = Box::pin(run::run(args, invocation)).await?;
            if let Some(failure) = &runs.failure {
                let _ = writeln!(std::io::stderr(), "{}", said(failure, cli.output));
            }
            Ok((print(&runs, json), runs.exit()))
        }
        Verb::Deliveries(args) => {
            Box::pin(deliveries::deliveries(args, invocation)).await.map(|answer| (print(&answer, json), answer.exit()))
        }
        Verb::Demo(args) => demo::demo(args, invocation).await.map(|outcome| (print(&outcome, json), outcome.exit())),
        Verb::Validate(args) => done(print(&validate::validate(args, invocation).await?, json)),
        Verb::Plan(args) => done(print(&plan::plan(args, invocation).await?, json)),
        Verb::Status(args) => {
            status::status(args, invocation).await.map(|status| (print(&status, json), status.exit(args.strict)))
        }
        Verb::Doctor(args) => {
            let root = std::path::Path::new("/");
            doctor::doctor(args, invocation, root).await.map(|found| (print(&found, json), found.exit()))
        }
        Verb::Schedule(args) => done(print(&schedule::schedule(args, &invocation.environment)?, json)),
        Verb::Render(args) => done(print(&render::render(args, invocation).await?, json)),
        Verb::Verify(args) => {
            Box::pin(verify::verify(args, invocation)).await.map(|found| (print(&found, json), found.exit()))
        }
        Verb::Gc(args) => done(print(&gc::gc(args, invocation).await?, json)),
        Verb::Query(args) => done(query::query(args, cli.output, invocation).await?),
        Verb::Init(args) => {
            let written = init::init(&args.folder).map_err(|error| Failure::new(Exit::Resources, error))?;
            done(format!("{} files written, {} kept", written.written.len(), written.kept.len()))
        }
        Verb::Sample(args) => {
            let summary = sample::sample_into(&args.to, &args.shop, invocation).await?;
            let rows = summary.rows.iter().map(|(stream, rows)| format!("  {stream:<16} {rows:>12} rows"));
            done(format!("{} files written to {}\n{}", summary.files, args.to, rows.collect::<Vec<_>>().join("\n")))
        }
        #[cfg(feature = "cluster")]
        Verb::Cluster(args) => {
            Box::pin(cluster::cluster(args, invocation)).await?;
            done(String::new())
        }
        Verb::Schema => done(serde_json::to_string_pretty(&pipeline::schema()).unwrap_or_default()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends every arm of a match on results")]
fn done(text: String) -> Result<Said, Failure> {
    Ok((text, Exit::Done))
}

fn print<T: std::fmt::Display + serde::Serialize>(value: &T, json: bool) -> String {
    if json { serde_json::to_string_pretty(value).unwrap_or_default() } else { value.to_string() }
}

fn said(failure: &Failure, output: OutputFormat) -> String {
    match output {
        OutputFormat::Json => {
            serde_json::json!({ "exit": failure.exit as u8, "error": failure.to_string() }).to_string()
        }
        _ => failure.to_string(),
    }
}

/// The only place where environment, clock and randomness are read.
fn invocation() -> Invocation {
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let random: u128 = rand::random();
    let clock = SystemClock;
    Invocation {
        environment: environment.collect(),
        now: clock.now(),
        clock: std::sync::Arc::new(clock),
        random: random.to_le_bytes(),
        machine: Machine {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory_limit(Path::new("/")).map(|(bytes, _)| bytes),
        },
        temporary: std::env::temp_dir(),
        progress: telemetry::Progress::new(),
        stopping: Stopping::default(),
    }
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// Ends when the process is asked to stop and may.
async fn stop_signal(invocation: &Invocation) {
    let asked = asked_to_stop().await;
    if asked.is_ok() && invocation.stopping.stop() {
        return;
    }
    if asked.is_ok() {
        let _ = writeln!(std::io::stderr(), "stop signal: finishing what cannot be interrupted");
    }
    std::future::pending::<()>().await;
}

#[cfg(unix)]
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn asked_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
