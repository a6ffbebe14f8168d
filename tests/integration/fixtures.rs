//! What several topics need: small pipelines, files, servers.

pub mod machine;
