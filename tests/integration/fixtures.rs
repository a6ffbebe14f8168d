//! What several topics need: small pipelines, files, servers.

pub mod machine;
pub mod places;
pub mod s3;
