//! All integration tests, one binary: the engine links slowly.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[cfg(feature = "cluster")]
mod cluster;
mod doctor;
mod due;
mod fixtures;
mod mail;
mod model;
mod pipeline_file;
mod pipeline_reader;
mod program;
mod publication;
mod refused;
mod report;
mod sample;
mod schedule;
mod shop;
mod simulation;
mod store;
mod tidy;
mod warehouse;
