//! What a run says while it works: readable lines on a terminal, JSON lines for a log collector. Always on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Readable on a terminal, JSON otherwise.
    Auto,
    Text,
    Json,
}

/// Starts logging. `filter` is a level or a list such as `info,tieout=debug`.
pub fn start(format: LogFormat, filter: &str) {
    // Libraries that would log request headers or mail bodies stay quiet whatever the level.
    let filter =
        EnvFilter::new(format!("{filter},lettre=off,hyper=warn,reqwest=warn,object_store=warn,rustls=warn,h2=off"));
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
