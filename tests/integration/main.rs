//! All integration tests, one binary: the engine links slowly.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod tidy;
