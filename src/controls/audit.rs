//! The audit of a run before anything is committed: every written file is read back and compared with what was meant,
//! and every control total is computed from the bytes on both sides.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bytes::Bytes;
use object_store::ObjectStoreExt;

use crate::controls::expression::{Sum, SumError};
use crate::controls::page::Page;
use crate::controls::reader::{ControlError, batches_of};
use crate::controls::total::Totals;
use crate::controls::{Comparison, compare};
use crate::error::{Exit, Failure, says_ran_out};
use crate::pipeline::{Format, Pipeline, Relation, Side};
use crate::store::{Call, Kind};
use crate::warehouse::inputs::{Inputs, SourceInput};
use crate::warehouse::output::{Output, WrittenFile, sha256_hex};
use crate::warehouse::text;

/// Why the audit could not be finished. An audit that is not finished has not passed.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("`{file}` cannot be read back")]
    Read { file: String, source: object_store::Error },
    #[error("error[E512]: `{file}` differs from what was written")]
    Changed { file: String },
    #[error("`{file}` holds {found} rows, {written} were written")]
    Rows { file: String, found: u64, written: u64 },
    #[error("control total on `{file}`")]
    Control { file: String, source: ControlError },
    #[error(transparent)]
    Sum(#[from] SumError),
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        let exit = match &error {
            // A file of this run that is missing is no missing input.
            AuditError::Read { source, .. } => match Kind::of(Call::Get, source) {
                Kind::Missing => Exit::Unreachable,
                kind => kind.exit(),
            },
            AuditError::Changed { .. } | AuditError::Rows { .. } => Exit::Resources,
            AuditError::Control { source: ControlError::Decode(said), .. } if says_ran_out(said) => Exit::Resources,
            AuditError::Control { .. } => Exit::InputContract,
            AuditError::Sum(_) => Exit::Definition,
        };
        Self::new(exit, error)
    }
}

/// One side of a control total while it adds up.
pub(super) struct Adding<'a> {
    pub(super) side: &'a Side,
    sum: Sum,
    pub(super) totals: Totals,
}

impl<'a> Adding<'a> {
    pub(super) fn new(side: &'a Side) -> Result<Self, SumError> {
        Ok(Self { side, sum: Sum::parse(&side.sum)?, totals: Totals::default() })
    }
}

impl Adding<'_> {
    fn columns(&self) -> impl Iterator<Item = &str> {
        let named = self.side.by.iter().chain(self.side.filter.keys()).map(String::as_str);
        self.sum.columns().chain(named)
    }
}

/// Reads back every file and compares every control total.
///
/// # Errors
/// When a file cannot be read back as it was written, or a total cannot be computed.
pub async fn audit(
    pipeline: &Pipeline,
    inputs: &Inputs,
    output: &Output,
    files: &[WrittenFile],
) -> Result<Vec<Comparison>, AuditError> {
    let sides = pipeline.control_totals.iter().flat_map(|control| [&control.left, &control.right]);
    let mut adding = Vec::new();
    for side in sides {
        adding.push(Adding::new(side)?);
    }
    for file in files {
        let of_table = |side: &Side| side.of == Relation::Table(file.table.clone());
        audit_table(output, file, adding.iter_mut().filter(|adding| of_table(adding.side)).collect()).await?;
    }
    for (name, input) in &inputs.sources {
        let of_source = |side: &Side| side.of == Relation::Source(name.clone());
        let wanted: Vec<_> = adding.iter_mut().filter(|adding| of_source(adding.side)).collect();
        if !wanted.is_empty() {
            add_source(input, wanted).await?;
        }
    }
    let mut totals = adding.into_iter().map(|adding| adding.totals);
    let mut comparisons = Vec::new();
    for control in &pipeline.control_totals {
        let (left, right) = (totals.next().unwrap_or_default(), totals.next().unwrap_or_default());
        comparisons.extend(compare(control, &left, &right));
    }
    Ok(comparisons)
}

async fn audit_table(output: &Output, file: &WrittenFile, adding: Vec<&mut Adding<'_>>) -> Result<(), AuditError> {
    let name = file.path.to_string();
    let read = |source| AuditError::Read { file: name.clone(), source };
    let bytes = output.store.get(&file.path).await.map_err(read)?.bytes().await.map_err(read)?;
    if sha256_hex(&bytes) != file.sha256 {
        return Err(AuditError::Changed { file: name });
    }
    let found = add_bytes(&name, bytes, adding)?;
    if found != file.rows {
        return Err(AuditError::Rows { file: name, found, written: file.rows });
    }
    Ok(())
}

async fn add_source(input: &SourceInput, mut adding: Vec<&mut Adding<'_>>) -> Result<(), AuditError> {
    for file in &input.files {
        let name = input.shown(file);
        let read = |source| AuditError::Read { file: name.clone(), source };
        let bytes = input.store.get(&file.meta.location).await.map_err(read)?.bytes().await.map_err(read)?;
        if input.source.format == Format::Parquet {
            add_bytes(&name, bytes, adding.iter_mut().map(|adding| &mut **adding).collect())?;
            continue;
        }
        let undecodable = |error: text::TextError| AuditError::Control {
            file: name.clone(),
            source: ControlError::Decode(error.to_string()),
        };
        let rows = text::read(&input.source, &name, &file.partitions, &bytes).map_err(undecodable)?;
        for batch in rows.kept.iter().chain(&rows.rejected) {
            add_batch(&name, batch, &mut adding)?;
        }
    }
    Ok(())
}

/// Adds a Parquet file to every total that wants it, and counts its rows.
pub(super) fn add_bytes(name: &str, bytes: Bytes, mut adding: Vec<&mut Adding<'_>>) -> Result<u64, AuditError> {
    let failed = |source| AuditError::Control { file: name.to_owned(), source };
    let columns: BTreeSet<String> =
        adding.iter().flat_map(|adding| adding.columns().map(str::to_owned).collect::<Vec<_>>()).collect();
    let mut rows = 0;
    for batch in batches_of(bytes, &columns.iter().map(String::as_str).collect()).map_err(failed)? {
        let batch = batch.map_err(failed)?;
        rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        add_batch(name, &batch, &mut adding)?;
    }
    Ok(rows)
}

fn add_batch(name: &str, batch: &RecordBatch, adding: &mut [&mut Adding<'_>]) -> Result<(), AuditError> {
    let mut page = Page::new(batch);
    for adding in adding {
        let added = adding.totals.add(adding.side, &adding.sum, &mut page);
        added.map_err(|source| AuditError::Control { file: name.to_owned(), source })?;
    }
    Ok(())
}
