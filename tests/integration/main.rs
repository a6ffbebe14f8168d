//! All integration tests, one binary: the engine links slowly.
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod mail;
mod pipeline_file;
mod report;
mod tidy;
mod warehouse;
