//! How long what is published is kept.

use jiff::SignedDuration;

use super::Validator;
use crate::pipeline::spec::RetentionSpec;
use crate::pipeline::{Retention, parse};

/// A run that is still going on has files that nothing refers to yet.
const YOUNGEST_ORPHAN: SignedDuration = SignedDuration::from_hours(24);

impl Validator<'_> {
    pub(super) fn retention(&mut self, spec: &RetentionSpec) -> Retention {
        let mut retention = Retention::default();
        if let Some(publications) = spec.publications {
            retention.publications = u64::from(publications);
        }
        if let Some(days) = spec.days {
            retention.days = days;
        }
        if let Some(text) = &spec.orphans {
            let path = ["retention", "orphans"];
            match parse::duration(text) {
                None => drop(self.problem(&path, "E106", format!("`{text}` is no duration: write 36h or 14d"))),
                Some(orphans) if orphans < YOUNGEST_ORPHAN => {
                    let message = format!("files that nothing refers to are kept for `{text}`, 24h is the least");
                    self.problem(&path, "E124", message).help =
                        Some("a run that is still going on must not lose its files: write 14d".to_owned());
                }
                Some(orphans) => retention.orphans = orphans,
            }
        }
        retention
    }
}
