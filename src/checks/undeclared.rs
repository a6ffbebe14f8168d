//! Columns that files have and contracts do not mention: not read, and not unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::pipeline::Severity;
use crate::warehouse::inputs::Inputs;

/// One warning for every source with such columns, to its owner. `of_text` are those of text files, which are known once they
/// are read.
#[must_use]
pub fn undeclared_columns(inputs: &Inputs, of_text: &BTreeMap<String, BTreeSet<String>>) -> Vec<Finding> {
    let found = inputs.sources.iter().filter_map(|(name, input)| {
        let columns: BTreeSet<&String> =
            input.extra_columns.iter().chain(of_text.get(name).into_iter().flatten()).collect();
        let columns: Vec<String> = columns.into_iter().map(|column| format!("`{column}`")).collect();
        (!columns.is_empty()).then(|| Finding {
            check: "undeclared_columns".to_owned(),
            severity: Severity::Warn,
            stream: Some(name.clone()),
            owner: input.source.owner.clone(),
            amount: None,
            detail: format!(
                "files of `{name}` have columns that are not in its contract and not read: {}",
                columns.join(", ")
            ),
            help: Some("declare them under `columns`, or name them under `ignores`".to_owned()),
        })
    });
    found.collect()
}
