//! One file per verb.

pub mod sample;
