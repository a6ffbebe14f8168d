//! One file per verb, and what verbs share.

pub mod damaged;
pub mod deliver;
pub mod deliveries;
pub mod demo;
pub mod due;
pub mod fingerprint;
pub mod init;
pub mod inputs;
pub mod invocation;
pub mod notices;
pub mod outcome;
pub mod plan;
pub mod project;
pub mod query;
pub mod render;
pub mod reports;
pub mod run;
pub mod sample;
pub mod tables;
pub mod validate;
