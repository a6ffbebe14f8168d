//! What several topics need: small pipelines, files, servers.

pub mod figures;
pub mod machine;
pub mod places;
pub mod project;
pub mod s3;
pub mod smtp;
