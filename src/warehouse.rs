//! The warehouse: sources in, models built, marts out, by DataFusion. The only place that runs SQL.

pub mod bindings;
pub mod compile;
pub(crate) mod functions;
pub mod lookup;
pub mod schema;
pub mod session;

pub use compile::{Compiled, compile};
pub use session::{Limits, session};
