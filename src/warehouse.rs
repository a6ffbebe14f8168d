//! The warehouse: sources in, models built, marts out, by DataFusion. The only place that runs SQL.

pub mod bindings;
pub mod build;
mod collected;
pub mod compile;
pub mod contract;
mod counted;
mod execute;
pub(crate) mod functions;
pub mod inputs;
mod kept;
mod keys;
mod local_time;
pub mod lookup;
pub mod marts;
pub mod measured;
pub mod output;
mod packed;
pub mod physical;
mod prepared;
mod pruned;
mod quotes;
pub mod range;
pub mod reuse;
pub mod schema;
pub mod session;
mod shared;
mod sorted;
pub mod sources;
pub mod table;
pub mod text;
mod writing;

pub use compile::{Compiled, compile};
pub use session::{Limits, session};
