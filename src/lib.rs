//! `tieout`: a scheduled batch job that ties out. See `README.md`.

pub mod calendar;
pub mod error;
pub mod pipeline;
pub mod problem;
pub mod store;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
