//! Control totals: sums of sources and published tables by a plain Parquet reader and checked integer arithmetic.
//!
//! Nothing here goes through the engine: no operator, no plan, no cast is shared with what computed the tables, so a fault
//! on one side shows as a difference.

mod audit;
mod audited;
mod expression;
mod page;
mod reader;
mod recount;
mod total;

pub use audit::{Audit, AuditError};
pub use audited::Audited;
pub use expression::{Sum, SumError};
pub use reader::{ControlError, batches_of, rows_of};
pub use recount::{Difference, Recount};
pub use total::{Amount, Totals};

use std::collections::BTreeSet;

use crate::pipeline::ControlTotal;

/// One compared total.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Comparison {
    pub control: String,
    /// Values of the `by` columns, in order.
    pub group: Vec<String>,
    pub left: Amount,
    pub right: Amount,
    /// What they may differ, because rows are rounded. Nothing, for most.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub allowed: Amount,
}

impl Comparison {
    /// Equal to the last unit, or as near as the rounding of rows allows.
    #[must_use]
    pub fn holds(&self) -> bool {
        let apart = self.left.checked_sub(self.right);
        self.left == self.right || apart.is_some_and(|apart| apart.is_within(self.allowed))
    }
}

/// Compares the totals of both sides, group by group; a group that one side lacks counts as zero there.
#[must_use]
pub fn compare(control: &ControlTotal, left: &Totals, right: &Totals) -> Vec<Comparison> {
    let groups: BTreeSet<&Vec<String>> = left.groups().chain(right.groups()).collect();
    groups
        .into_iter()
        .map(|group| Comparison {
            control: control.name.clone(),
            group: group.clone(),
            left: left.of(group),
            right: right.of(group),
            allowed: allowed(control, right.rows(group)),
        })
        .collect()
}

/// What so many rounded rows may come to; nothing when that cannot be written.
fn allowed(control: &ControlTotal, rows: u64) -> Amount {
    let per_row = control.rounding.map(|(unscaled, scale)| Amount::new(unscaled, scale.into()));
    per_row.and_then(|per_row| per_row.checked_mul(rows)).unwrap_or_default()
}
