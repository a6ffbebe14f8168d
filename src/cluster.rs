//! The models of a run on Apache DataFusion Ballista: a scheduler and executors, which are processes of this program.
//!
//! | module | what it does |
//! |---|---|
//! | [`client`] | has the plans of a run executed, each within its time, and again when an executor is lost |
//! | `travel` | makes a plan read only what executors can read |
//! | `staging` | puts tables that are in this process's memory where executors can read them |
//! | [`files`] | a file by a name that says where it is and which content it must have |
//! | [`codec`] | plans as bytes, with our functions in them |
//! | [`scheduler`], [`executor`] | the two servers |
//!
//! Credentials never travel: each process opens stores with its own environment.

pub mod client;
pub mod codec;
pub mod executor;
pub mod files;
mod job;
pub mod scheduler;
mod spool;
mod staging;
mod travel;

pub use client::Cluster;
pub use travel::Places;

/// Bytes of the largest message between processes: a plan with its small tables and lookups, or a batch of rows.
const LARGEST_MESSAGE: u32 = 256 << 20;
