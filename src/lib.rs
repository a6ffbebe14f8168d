//! `tieout`: a scheduled batch job that ties out. See `README.md`.

pub mod allocator;
pub mod calendar;
pub mod checks;
pub mod cli;
pub mod clock;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod commands;
pub mod controls;
pub mod error;
pub mod fault;
pub mod mail;
pub mod models;
pub mod number;
pub mod pipeline;
pub mod problem;
pub mod publication;
pub mod report;
pub mod sample;
pub mod store;
pub mod telemetry;
pub mod threads;
pub mod warehouse;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
