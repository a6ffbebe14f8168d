//! What several topics need: small pipelines, files, servers.

pub mod clock;
pub mod cut;
pub mod figures;
pub mod gate;
pub mod machine;
pub mod places;
pub mod project;
pub mod relays;
pub mod s3;
#[cfg(feature = "cluster")]
pub mod servers;
pub mod shop;
#[cfg(feature = "cluster")]
pub mod slow;
pub mod smtp;
