//! Models: one SQL file, one table. Dependencies, order and scopes are read from the SQL itself.

mod compared;
mod graph;
mod lints;
mod sql;
mod words;

pub use graph::{Input, Model, ModelGraph, SOURCE_FILES};
pub use lints::lint;
pub use sql::{Query, QueryError, bind, names};
