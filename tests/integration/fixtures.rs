//! What tests are made of.

pub mod figures;
pub mod smtp;
