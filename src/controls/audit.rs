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
use crate::threads;
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
    /// Files that are added up at once, at most.
    pub threads: usize,
}

/// Bytes of the files that are added up at once, unless one alone has more.
const AT_ONCE: u64 = 32 << 20;

/// A file on its way to its totals.
struct Counting<'a> {
    /// As messages name it.
    name: String,
    /// The table or source that it is of.
    of: Relation,
    /// By which a later audit finds its totals.
    content: String,
    /// How many rows it must have; none when nobody has said so.
    written: Option<u64>,
    rows: Rows<'a>,
}

/// The rows of a file, or what is known to come of them.
enum Rows<'a> {
    Known(FileTotals),
    /// Of Parquet.
    Parquet(Bytes),
    /// Of text, in a source.
    Text(Bytes, &'a SourceInput, &'a InputFile),
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
        for files in groups(files, self.threads, |file| file.bytes) {
            let mut counting = Vec::new();
            for file in files {
                counting.push(self.written(file, &audited.definitions).await?);
            }
            self.add(counting, &mut adding, &mut audited)?;
        }
        for (name, input) in &self.inputs.sources {
            let of = Relation::Source(name.clone());
            if !adding.values().any(|adding| adding.side.of == of) {
                continue;
            }
            for files in groups(&input.files, self.threads, |file| file.meta.size) {
                let mut counting = Vec::new();
                for file in files {
                    counting.push(self.read(name, input, file, &audited.definitions).await?);
                }
                self.add(counting, &mut adding, &mut audited)?;
            }
        }
        let mut total = |name: String| adding.remove(&name).map(|adding| adding.totals).unwrap_or_default();
        let mut comparisons = Vec::new();
        for control in &self.pipeline.control_totals {
            let (left, right) = (total(format!("{}.left", control.name)), total(format!("{}.right", control.name)));
            comparisons.extend(compare(control, &left, &right));
        }
        Ok((comparisons, audited))
    }

    /// Adds files that are in memory, in their order.
    fn add(
        &self,
        files: Vec<Counting<'_>>,
        adding: &mut BTreeMap<String, Adding<'_>>,
        audited: &mut Audited,
    ) -> Result<(), AuditError> {
        let totals = self.totals(&files, adding);
        for (file, totals) in files.into_iter().zip(totals) {
            let totals = totals?;
            if let Some(written) = file.written.filter(|written| *written != totals.rows) {
                return Err(AuditError::Rows { file: file.name, found: totals.rows, written });
            }
            put(&file.name, &totals, adding)?;
            audited.files.insert(file.content, totals);
        }
        Ok(())
    }

    /// A file of a table, as it was written.
    async fn written(&self, file: &WrittenFile, definitions: &str) -> Result<Counting<'static>, AuditError> {
        let (name, of) = (file.path.to_string(), Relation::Table(file.table.clone()));
        let written = Some(file.rows);
        // Files of two tables may have the same bytes, and other sums are made of them.
        let content = format!("{}/{}", file.table, file.sha256);
        let known = self.known.of(definitions, &content).filter(|_| !self.output.wrote(&file.path));
        if let Some(known) = known {
            return Ok(Counting { name, of, content, written, rows: Rows::Known(known.clone()) });
        }
        let read = |source| AuditError::Read { file: name.clone(), source };
        let bytes = self.output.store.get(&file.path).await.map_err(read)?.bytes().await.map_err(read)?;
        if sha256_hex(&bytes) != file.sha256 {
            return Err(AuditError::Changed { file: name });
        }
        Ok(Counting { name, of, content, written, rows: Rows::Parquet(bytes) })
    }

    /// A file of a source.
    async fn read<'f>(
        &self,
        source: &str,
        input: &'f SourceInput,
        file: &'f InputFile,
        definitions: &str,
    ) -> Result<Counting<'f>, AuditError> {
        let (name, of) = (input.shown(file), Relation::Source(source.to_owned()));
        let content = sha256_hex(file.identity(source).to_string().as_bytes());
        let known = self.known.of(definitions, &content).filter(|_| file.is_identified());
        if let Some(known) = known {
            return Ok(Counting { name, of, content, written: None, rows: Rows::Known(known.clone()) });
        }
        let read = |source| AuditError::Read { file: name.clone(), source };
        let bytes = input.store.get(&file.meta.location).await.map_err(read)?.bytes().await.map_err(read)?;
        let rows = match input.source.format {
            Format::Parquet => Rows::Parquet(bytes),
            _ => Rows::Text(bytes, input, file),
        };
        Ok(Counting { name, of, content, written: None, rows })
    }

    /// What each file comes to.
    fn totals(
        &self,
        counting: &[Counting<'_>],
        adding: &BTreeMap<String, Adding<'_>>,
    ) -> Vec<Result<FileTotals, AuditError>> {
        threads::each(self.threads, counting, |counting| {
            let mut fresh = fresh(adding, &counting.of);
            let rows = match &counting.rows {
                Rows::Known(totals) => return Ok(totals.clone()),
                Rows::Parquet(bytes) => add_bytes(&counting.name, bytes.clone(), fresh.values_mut().collect())?,
                Rows::Text(bytes, input, file) => {
                    add_text(&counting.name, bytes, input, file, &mut fresh.values_mut().collect::<Vec<_>>())?
                }
            };
            Ok(finished(rows, fresh))
        })
    }
}

/// As many files each as may be in memory at once, and never none.
fn groups<F>(files: &[F], threads: usize, size: impl Fn(&F) -> u64) -> Vec<&[F]> {
    let (mut groups, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, file) in files.iter().enumerate() {
        let is_full = at - begin >= threads || bytes + size(file) > AT_ONCE;
        if at > begin && is_full {
            groups.extend(files.get(begin..at));
            (begin, bytes) = (at, 0);
        }
        bytes += size(file);
    }
    groups.extend(files.get(begin..).filter(|rest| !rest.is_empty()));
    groups
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

/// Adds a file of text to every total that wants it, and counts its rows.
fn add_text(
    name: &str,
    bytes: &Bytes,
    input: &SourceInput,
    file: &InputFile,
    adding: &mut [&mut Adding<'_>],
) -> Result<u64, AuditError> {
    let undecodable = |error: text::TextError| AuditError::Control {
        file: name.to_owned(),
        source: ControlError::Decode(error.to_string()),
    };
    let rows = text::read(&input.source, name, &file.partitions, bytes).map_err(undecodable)?;
    for batch in rows.kept.iter().chain(&rows.rejected) {
        add_batch(name, batch, adding)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_one_group_and_no_group_is_too_large() {
        let sizes = [1, 1, 1, AT_ONCE, 1, AT_ONCE + 7, 0, AT_ONCE / 2, AT_ONCE / 2, 1];
        for threads in 1..5 {
            let groups = groups(&sizes, threads, |size| *size);
            assert_eq!(groups.concat(), sizes, "{threads}");
            let fits = |group: &&[u64]| group.len() <= threads && group.iter().sum::<u64>() <= AT_ONCE;
            assert!(groups.iter().all(|group| group.len() == 1 || fits(group)), "{threads}: {groups:?}");
        }
        assert_eq!(groups(&sizes, 2, |size| *size).len(), 7);
        assert!(groups(&[], 2, |size: &u64| *size).is_empty());
    }
}
