//! The control totals of published tables once more, from their files, long after the run: what the audit has recorded
//! must still be what the files hold.

use bytes::Bytes;

use crate::controls::audit::{Adding, AuditError, add_bytes};
use crate::controls::{Amount, Comparison, ControlError, rows_of};
use crate::pipeline::{ControlTotal, Pipeline, Relation};

/// The totals of all tables while they add up. A side that is of a source is not counted again.
pub struct Recount<'a> {
    controls: Vec<(&'a ControlTotal, [Option<Adding<'a>>; 2])>,
}

/// A total that is not what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub control: String,
    pub table: String,
    /// Values of the `by` columns, in order.
    pub group: Vec<String>,
    pub recorded: Amount,
    pub found: Amount,
}

impl<'a> Recount<'a> {
    /// Nothing is counted yet.
    ///
    /// # Errors
    /// When a sum of the pipeline is none.
    pub fn new(pipeline: &'a Pipeline) -> Result<Self, AuditError> {
        let mut controls = Vec::new();
        for control in &pipeline.control_totals {
            let mut sides = [None, None];
            for (place, side) in sides.iter_mut().zip([&control.left, &control.right]) {
                if matches!(side.of, Relation::Table(_)) {
                    *place = Some(Adding::new(side)?);
                }
            }
            controls.push((control, sides));
        }
        Ok(Self { controls })
    }

    /// Adds a file of a table, and gives its rows: as its footer says and as they are decoded, which must agree.
    ///
    /// # Errors
    /// When it cannot be decoded, or a total cannot be computed.
    pub fn add(&mut self, table: &str, file: &str, bytes: Bytes) -> Result<u64, AuditError> {
        let failed = |source: ControlError| AuditError::Control { file: file.to_owned(), source };
        let written = rows_of(bytes.clone()).map_err(failed)?;
        let of_table = |adding: &&mut Adding<'_>| adding.side.of == Relation::Table(table.to_owned());
        let sides = self.controls.iter_mut().flat_map(|(_, sides)| sides.iter_mut().flatten());
        let found = add_bytes(file, bytes, sides.filter(of_table).collect())?;
        if found == written { Ok(found) } else { Err(AuditError::Rows { file: file.to_owned(), found, written }) }
    }

    /// How many recorded totals of tables were compared, and those that are not the same now.
    #[must_use]
    pub fn compare(&self, recorded: &[Comparison]) -> (usize, Vec<Difference>) {
        let (mut count, mut differences) = (0, Vec::new());
        for (control, sides) in &self.controls {
            for (adding, right) in sides.iter().zip([false, true]) {
                let Some(adding) = adding else { continue };
                let of_control: Vec<_> = recorded.iter().filter(|one| one.control == control.name).collect();
                let known = of_control.iter().map(|one| (&one.group, if right { one.right } else { one.left }));
                let unknown = adding.totals.groups().filter(|group| !of_control.iter().any(|one| one.group == **group));
                for (group, recorded) in known.chain(unknown.map(|group| (group, Amount::default()))) {
                    count += 1;
                    differences.extend(adding.difference(&control.name, group, recorded));
                }
            }
        }
        (count, differences)
    }
}

impl Adding<'_> {
    fn difference(&self, control: &str, group: &[String], recorded: Amount) -> Option<Difference> {
        let found = self.totals.of(group);
        let table = match &self.side.of {
            Relation::Table(table) | Relation::Source(table) => table.clone(),
        };
        let difference = Difference { control: control.to_owned(), table, group: group.to_vec(), recorded, found };
        (found != recorded).then_some(difference)
    }
}
