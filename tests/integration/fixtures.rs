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
pub mod shop;
pub mod smtp;
