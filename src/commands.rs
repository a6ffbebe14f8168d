//! One file per verb, and what verbs share.

pub mod damaged;
pub mod deliver;
pub mod demo;
pub mod doctor;
pub mod due;
pub mod fingerprint;
pub mod gc;
pub mod init;
pub mod inputs;
pub mod invocation;
pub mod outcome;
pub mod plan;
pub mod project;
pub mod publish;
pub mod query;
pub mod record;
pub mod render;
pub mod reports;
pub mod run;
pub mod sample;
pub mod status;
pub mod schedule;
pub mod tables;
pub mod validate;
pub mod verify;
