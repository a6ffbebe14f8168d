//! `tieout`: a scheduled batch job that ties out. See `README.md`.

pub mod calendar;
pub mod commands;
pub mod error;
pub mod pipeline;
pub mod problem;
pub mod sample;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
