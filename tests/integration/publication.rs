//! The log, its entries, and what other programs read.

mod chain;
mod derived;
mod entries;
mod files;
pub mod made;
