//! Publications: an append-only log of what is published, over files that never change.
//!
//! ```text
//! <root>/_tieout/format.json               which layout this is; created once
//! <root>/_tieout/log/<%020d>.json          the log: created only, contiguous from 1, each entry naming its predecessor's hash
//! <root>/_tieout/manifest/<sha256>.json    the files of one table and period, named by their own hash
//! <root>/_tieout/runs/<run>/               what a run has read, found and left for the next, and its messages
//! <root>/data/<table>/period=…/run=…/      the files
//! <root>/current.json current.sql latest/  derived from the newest entry, for other programs; rebuilt at will
//! ```
//!
//! One entry publishes all tables of a run and what is to be delivered, in one object: before it nothing happened, after
//! it everything did. Entries are written by [`crate::store::create`], which knows whether a write landed; nothing that
//! counts is renamed, overwritten or deleted.

pub mod derive;
pub mod entry;
mod error;
pub mod gc;
pub mod lease;
mod left;
pub mod log;
pub mod manifest;
pub mod read;
mod survey;
pub mod verify;
pub mod writer;

pub use entry::{
    Action, Candidate, Carried, Closing, Delivery, Entry, LastDelivery, Mailed, Part, Recipient, Record, Tables,
};
pub use error::PublicationError;
pub use lease::{Holder, Lease, Leases, Release};
pub use left::Left;
pub use log::{Commit, Head, Log};
pub use manifest::{Manifest, ManifestColumn, ManifestFile};
pub use read::{Publication, PublishedFile};

/// The period under which a table is published that is not split by period.
pub const WHOLE: &str = "all";
