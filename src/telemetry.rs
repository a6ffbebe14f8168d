//! What a run says while it works: readable lines on a terminal, JSON lines for a log collector. Always on stderr.

mod memory;
mod progress;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use memory::peak_memory;
pub use progress::{InputDone, Progress, Spent, StageTime, Volume};

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Readable on a terminal, JSON otherwise.
    Auto,
    Text,
    Json,
}

/// What may be logged: a level, or levels of parts of the program, with commas between them.
///
/// # Errors
/// The part that is neither.
pub fn filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |level: &str| LEVELS.contains(&level.to_ascii_lowercase().as_str());
    let is_part = |part: &str| match part.split_once('=') {
        None => is_level(part),
        Some((target, level)) => {
            let word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':' | '-');
            !target.is_empty() && target.chars().all(word) && is_level(level)
        }
    };
    match text.split(',').map(str::trim).find(|part| !is_part(part)) {
        None => Ok(text.to_owned()),
        Some(part) => {
            Err(format!("`{part}` is no level: write {}, or a list such as info,tieout=debug", LEVELS.join(", ")))
        }
    }
}

/// The cluster's libraries tell every step of every plan, and warn of metrics that executors leave out on purpose. Whoever
/// asks for one of them by name hears it.
const QUIET: &str =
    "ballista_core=warn,ballista_executor=warn,ballista_scheduler=warn,ballista_scheduler::state=error,datafusion=warn";

/// Starts logging. `filter` is a level or a list such as `info,tieout=debug`.
pub fn start(format: LogFormat, filter: &str) {
    // Libraries that would log request headers or mail bodies stay quiet whatever the level.
    let filter = EnvFilter::new(format!(
        "{QUIET},{filter},lettre=off,hyper=warn,reqwest=warn,object_store=warn,rustls=warn,h2=off"
    ));
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // A second start, in tests, keeps the first subscriber.
    let started = if json {
        registry.with(lines.json().flatten_event(true)).try_init()
    } else {
        registry.with(lines.without_time().with_ansi(std::io::stderr().is_terminal())).try_init()
    };
    drop(started);
}
