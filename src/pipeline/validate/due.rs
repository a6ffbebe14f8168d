//! When a period is due: deadlines, and how sources say that they are complete.

use jiff::SignedDuration;
use url::Url;

use super::Validator;
use crate::pipeline::page::shortened;
use crate::pipeline::spec::{CompleteSpec, DueSpec, SourceSpec};
use crate::pipeline::{Complete, DueSettings, PERIOD, parse};

/// Without `due.deadline`.
const PERIOD_DEADLINE: SignedDuration = SignedDuration::from_hours(5 * 24);

impl Validator<'_> {
    pub(super) fn due(&mut self, spec: &DueSpec) -> DueSettings {
        let deadline = self.duration(&["due", "deadline"], spec.deadline.as_deref());
        DueSettings { deadline: deadline.unwrap_or(PERIOD_DEADLINE) }
    }

    /// A duration, when one is written.
    pub(super) fn duration(&mut self, path: &[&str], written: Option<&str>) -> Option<SignedDuration> {
        let text = written?;
        let duration = parse::duration(text);
        if duration.is_none() {
            self.problem(path, "E106", format!("`{text}` is no duration: write 90m, 6h or 2d"));
        }
        duration
    }

    pub(super) fn complete(&mut self, name: &str, source: &SourceSpec, inputs: Option<&Url>) -> Option<Complete> {
        let CompleteSpec { marker, quiet } = source.complete.as_ref()?;
        match (marker, quiet) {
            (Some(marker), None) => self.marker(name, marker, source.reference, inputs),
            (None, Some(quiet)) => {
                self.duration(&["sources", name, "complete", "quiet"], Some(quiet)).map(Complete::Quiet)
            }
            _ => {
                let message = "a source is complete by `marker` or by `quiet`, one of them";
                self.problem(&["sources", name, "complete"], "E106", message);
                None
            }
        }
    }

    fn marker(&mut self, name: &str, written: &str, reference: bool, inputs: Option<&Url>) -> Option<Complete> {
        let path = ["sources", name, "complete", "marker"];
        if written.contains('*') || !written.contains(PERIOD) {
            let message = format!("marker `{}` is not one object per period", shortened(written));
            self.problem(&path, "E106", message).help =
                Some(format!("write {PERIOD} where the period stands, and no *"));
            return None;
        }
        self.pattern(&path, written, reference, inputs).map(Complete::Marker)
    }
}
