//! What files come to, remembered: a file whose bytes are the same comes to the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::controls::total::Totals;

/// What files come to in every control total, by what tells their content from any other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Digest of what is added up. Under another one nothing that is remembered holds.
    pub definitions: String,
    pub files: BTreeMap<String, FileTotals>,
}

/// What one file comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTotals {
    pub rows: u64,
    /// By control total and side.
    pub sides: BTreeMap<String, Totals>,
}

impl Audited {
    /// Nothing is remembered.
    #[must_use]
    pub fn new(definitions: String) -> Self {
        Self { definitions, files: BTreeMap::new() }
    }

    /// What a file came to, when the same was added up then.
    pub(super) fn of(&self, definitions: &str, content: &str) -> Option<&FileTotals> {
        if self.definitions == definitions { self.files.get(content) } else { None }
    }
}
