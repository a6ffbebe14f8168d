//! The log, its entries, and what other programs read.

mod chain;
mod derived;
mod entries;
mod files;
mod gc;
pub mod made;
