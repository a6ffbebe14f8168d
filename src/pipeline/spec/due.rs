//! What a person writes about when a period is due.

use schemars::JsonSchema;
use serde::Deserialize;

/// When periods are due.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DueSpec {
    /// How long after its end a period waits for sources that have not said they are complete, such as 36h. Default: 5d.
    #[serde(default)]
    pub deadline: Option<String>,
}

/// How a source says that the files of a period are all there, one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteSpec {
    /// An object that is there once they are; {period} stands for the period. Starts where the source's files do.
    #[serde(default)]
    pub marker: Option<String>,
    /// They are once the newest of them is at least this old, such as 6h.
    #[serde(default)]
    pub quiet: Option<String>,
}
