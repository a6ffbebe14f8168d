//! The audit of a run before anything is committed: every written file is read back and compared with what was meant,
//! and every control total is computed from the bytes on both sides.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use bytes::Bytes;
use object_store::ObjectStoreExt;

use crate::controls::audited::{Audited, FileTotals};
use crate::controls::expression::{Sum, SumError};
use crate::controls::page::Page;
use crate::controls::reader::{ControlError, batches_of};
use crate::controls::total::Totals;
use crate::controls::{Comparison, compare};
use crate::error::{Exit, Failure, says_ran_out};
use crate::pipeline::{Format, Pipeline, Relation, Side};
use crate::store::{Call, Kind};
use crate::warehouse::inputs::{InputFile, Inputs, SourceInput};
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

/// What is audited, and what is known of it.
pub struct Audit<'a> {
    pub pipeline: &'a Pipeline,
    pub inputs: &'a Inputs,
    pub output: &'a Output,
    /// What earlier runs have added up. Used for files of the outputs that this run has not written, and only looked at byte
    /// by byte, and for inputs whose store says that they are the same.
    pub known: &'a Audited,
}

impl Audit<'_> {
    /// Reads back every file that this run has written, compares every control total, and gives what every file came to.
    ///
    /// # Errors
    /// When a file cannot be read back as it was written, or a total cannot be computed.
    pub async fn of(&self, files: &[WrittenFile]) -> Result<(Vec<Comparison>, Audited), AuditError> {
        let mut adding = BTreeMap::new();
        for (control, left, right) in
            self.pipeline.control_totals.iter().map(|control| (control, &control.left, &control.right))
        {
            adding.insert(format!("{}.left", control.name), Adding::new(left)?);
            adding.insert(format!("{}.right", control.name), Adding::new(right)?);
        }
        let mut audited = Audited::new(definitions(self.pipeline));
        for file in files {
            self.add_table(file, &mut adding, &mut audited).await?;
        }
        for (name, input) in &self.inputs.sources {
            self.add_source(name, input, &mut adding, &mut audited).await?;
        }
        let mut total = |name: String| adding.remove(&name).map(|adding| adding.totals).unwrap_or_default();
        let mut comparisons = Vec::new();
        for control in &self.pipeline.control_totals {
            let (left, right) = (total(format!("{}.left", control.name)), total(format!("{}.right", control.name)));
            comparisons.extend(compare(control, &left, &right));
        }
        Ok((comparisons, audited))
    }

    async fn add_table(
        &self,
        file: &WrittenFile,
        adding: &mut BTreeMap<String, Adding<'_>>,
        audited: &mut Audited,
    ) -> Result<(), AuditError> {
        let name = file.path.to_string();
        // Files of two tables may have the same bytes, and other sums are made of them.
        let content = format!("{}/{}", file.table, file.sha256);
        let known = self.known.of(&audited.definitions, &content).filter(|_| !self.output.wrote(&file.path));
        let totals = if let Some(known) = known {
            known.clone()
        } else {
            let read = |source| AuditError::Read { file: name.clone(), source };
            let bytes = self.output.store.get(&file.path).await.map_err(read)?.bytes().await.map_err(read)?;
            if sha256_hex(&bytes) != file.sha256 {
                return Err(AuditError::Changed { file: name });
            }
            let mut fresh = fresh(adding, &Relation::Table(file.table.clone()));
            let rows = add_bytes(&name, bytes, fresh.values_mut().collect())?;
            finished(rows, fresh)
        };
        if totals.rows != file.rows {
            return Err(AuditError::Rows { file: name, found: totals.rows, written: file.rows });
        }
        put(&name, &totals, adding)?;
        audited.files.insert(content, totals);
        Ok(())
    }

    async fn add_source(
        &self,
        source: &str,
        input: &SourceInput,
        adding: &mut BTreeMap<String, Adding<'_>>,
        audited: &mut Audited,
    ) -> Result<(), AuditError> {
        let of = Relation::Source(source.to_owned());
        if !adding.values().any(|adding| adding.side.of == of) {
            return Ok(());
        }
        for file in &input.files {
            let content = sha256_hex(file.identity(source).to_string().as_bytes());
            let known = self.known.of(&audited.definitions, &content).filter(|_| file.is_identified());
            let totals = if let Some(known) = known {
                known.clone()
            } else {
                let mut fresh = fresh(adding, &of);
                let rows = add_input(input, file, &mut fresh.values_mut().collect::<Vec<_>>()).await?;
                finished(rows, fresh)
            };
            put(&input.shown(file), &totals, adding)?;
            audited.files.insert(content, totals);
        }
        Ok(())
    }
}

/// The sides of one relation, with nothing added yet.
fn fresh<'a>(adding: &BTreeMap<String, Adding<'a>>, of: &Relation) -> BTreeMap<String, Adding<'a>> {
    let wanted = adding.iter().filter(|(_, adding)| adding.side.of == *of);
    let empty = |adding: &Adding<'a>| Adding { side: adding.side, sum: adding.sum.clone(), totals: Totals::default() };
    wanted.map(|(name, adding)| (name.clone(), empty(adding))).collect()
}

fn finished(rows: u64, fresh: BTreeMap<String, Adding<'_>>) -> FileTotals {
    FileTotals { rows, sides: fresh.into_iter().map(|(name, adding)| (name, adding.totals)).collect() }
}

fn put(file: &str, totals: &FileTotals, adding: &mut BTreeMap<String, Adding<'_>>) -> Result<(), AuditError> {
    for (name, totals) in &totals.sides {
        if let Some(adding) = adding.get_mut(name) {
            let merged = adding.totals.merge(totals);
            merged.map_err(|source| AuditError::Control { file: file.to_owned(), source })?;
        }
    }
    Ok(())
}

/// A digest of everything that is added up, and of the program that adds.
fn definitions(pipeline: &Pipeline) -> String {
    let canonical = |key: &str| pipeline.canonical.get(key).map(ToString::to_string).unwrap_or_default();
    let all = [crate::VERSION.to_owned(), canonical("control_totals"), canonical("sources"), canonical("models")];
    sha256_hex(all.join("\0").as_bytes())
}

async fn add_input(input: &SourceInput, file: &InputFile, adding: &mut [&mut Adding<'_>]) -> Result<u64, AuditError> {
    let name = input.shown(file);
    let read = |source| AuditError::Read { file: name.clone(), source };
    let bytes = input.store.get(&file.meta.location).await.map_err(read)?.bytes().await.map_err(read)?;
    if input.source.format == Format::Parquet {
        return add_bytes(&name, bytes, adding.iter_mut().map(|adding| &mut **adding).collect());
    }
    let undecodable = |error: text::TextError| AuditError::Control {
        file: name.clone(),
        source: ControlError::Decode(error.to_string()),
    };
    let rows = text::read(&input.source, &name, &file.partitions, &bytes).map_err(undecodable)?;
    for batch in rows.kept.iter().chain(&rows.rejected) {
        add_batch(&name, batch, adding)?;
    }
    Ok(rows.rows)
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
