//! Inputs of a run: the files of every source, pinned, their footers read and compared with the contract.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array};
use arrow::compute::{cast, max};
use arrow::datatypes::{DataType, Int64Type, Schema, TimeUnit};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::MetadataFetch;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use serde_json::{Value, json};

use crate::calendar::Period;
use crate::error;
use crate::pipeline::{ColumnType, Format, Source};
use crate::problem::{Problem, Problems};
use crate::store::{Call, StoreError};
use crate::telemetry::Volume;
use crate::warehouse::physical::{column_problems, undeclared};

/// The files that one period's intake, or a whole source, consists of.
pub type Intake = Option<Period>;

/// One pinned file.
#[derive(Clone, Debug)]
pub struct InputFile {
    pub meta: ObjectMeta,
    /// Values of the source's partition columns, in its order.
    pub partitions: Vec<String>,
    /// The period it arrived for; none for a source that is read whole.
    pub intake: Intake,
    /// Rows by the file's own footer; unknown for text formats until they are read.
    pub rows: Option<u64>,
    /// Columns that must not be null and may be, by the footer's statistics.
    pub suspect_nulls: BTreeSet<String>,
    /// The latest day or instant in each date and timestamp column, in days or microseconds, by the footer's statistics; none
    /// in a column without values. What the footer does not say is not here.
    pub latest: BTreeMap<String, Option<i64>>,
}

/// A source with its pinned files. The store answers for these files only.
#[derive(Clone, Debug)]
pub struct SourceInput {
    pub source: Source,
    pub store: Arc<dyn ObjectStore>,
    pub files: Vec<InputFile>,
    /// Columns present in files but not in the contract.
    pub extra_columns: BTreeSet<String>,
}

/// All inputs of a run, by source name.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub sources: BTreeMap<String, SourceInput>,
}

/// Why footers could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FooterError {
    /// The store failed: that says nothing about the files.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Contract(Problems),
    /// Memory or threads ran out, which says nothing about the file either.
    #[error("`{file}` cannot be read: {said}")]
    RanOut { file: String, said: String },
}

impl InputFile {
    /// What tells this file and its content from any other, as it is recorded.
    #[must_use]
    pub fn identity(&self, source: &str) -> Value {
        json!({
            "source": source,
            "path": self.meta.location.as_ref(),
            "bytes": self.meta.size,
            "e_tag": self.meta.e_tag,
            "version": self.meta.version,
            "last_modified": self.meta.last_modified.to_rfc3339(),
            "rows": self.rows,
        })
    }

    /// Whether its store says when the content is another one.
    #[must_use]
    pub fn is_identified(&self) -> bool {
        self.meta.e_tag.is_some() || self.meta.version.is_some()
    }
}

impl Inputs {
    /// Every intake of any source, newest first. One empty intake when no source has a period partition.
    #[must_use]
    pub fn intakes(&self) -> Vec<Intake> {
        let intakes: BTreeSet<Period> =
            self.sources.values().flat_map(|source| source.files.iter().filter_map(|file| file.intake)).collect();
        if intakes.is_empty() { vec![None] } else { intakes.into_iter().rev().map(Some).collect() }
    }

    /// All there is to read.
    #[must_use]
    pub fn volume(&self) -> Volume {
        self.volume_where(|_| true)
    }

    /// What is read once, for the reference scope.
    #[must_use]
    pub fn read_whole(&self) -> Volume {
        self.volume_where(|file| file.intake.is_none())
    }

    /// What is read for one intake.
    #[must_use]
    pub fn arrived_for(&self, intake: Intake) -> Volume {
        self.volume_where(|file| intake.is_some() && file.intake == intake)
    }

    fn volume_where(&self, wanted: impl Fn(&InputFile) -> bool) -> Volume {
        let files = self.sources.values().flat_map(|source| &source.files).filter(|file| wanted(file));
        files.fold(Volume::default(), |mut volume, file| {
            volume += Volume { rows: file.rows.unwrap_or_default(), bytes: file.meta.size };
            volume
        })
    }
}

impl SourceInput {
    /// The files of one intake; all files of a source that is read whole.
    pub fn of_intake(&self, intake: Intake) -> impl Iterator<Item = &InputFile> {
        let whole = self.source.period_partition().is_none();
        self.files.iter().filter(move |file| whole || file.intake == intake)
    }

    /// A file of this source as a person finds it: local ones by their whole path.
    #[must_use]
    pub fn shown(&self, file: &InputFile) -> String {
        shown(&self.source, &file.meta.location)
    }

    /// Reads every Parquet footer and compares it with the contract. Text files are compared when they are read.
    ///
    /// # Errors
    /// All problems of all files, or what the store failed with.
    pub async fn read_footers(&mut self) -> Result<(), FooterError> {
        if self.source.format != Format::Parquet {
            return Ok(());
        }
        let mut problems = Vec::new();
        for file in &mut self.files {
            let shown = shown(&self.source, &file.meta.location);
            match read_footer(&self.store, &file.meta, &shown).await? {
                Err(problem) => problems.push(problem),
                Ok(footer) => {
                    problems.extend(column_problems(&self.source, &shown, footer.schema()));
                    let names = footer.schema().fields().iter().map(|field| field.name().as_str());
                    self.extra_columns.extend(undeclared(&self.source, names));
                    file.rows = u64::try_from(footer.metadata().file_metadata().num_rows()).ok();
                    file.suspect_nulls = suspect_nulls(&self.source, footer.schema(), footer.metadata());
                    file.latest = latest(&self.source, &footer);
                }
            }
        }
        Problems::none_or(problems, ()).map_err(FooterError::Contract)
    }
}

/// A file as a person finds it: local ones by their whole path.
fn shown(source: &Source, location: &Path) -> String {
    if source.files.scheme() == "file" { format!("/{location}") } else { location.to_string() }
}

/// A decoder fed with hostile bytes may panic, so the footer is read in a task of its own.
async fn read_footer(
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    shown: &str,
) -> Result<Result<ArrowReaderMetadata, Problem>, FooterError> {
    let (ranges, size) = (Ranges { store: Arc::clone(store), meta: meta.clone() }, meta.size);
    let footer = tokio::spawn(async move {
        let metadata = ParquetMetaDataReader::new().load_and_finish(ranges, size).await?;
        ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
    });
    let ran_out = |said: String| FooterError::RanOut { file: shown.to_owned(), said };
    Ok(match footer.await {
        Ok(Ok(footer)) => Ok(footer),
        Ok(Err(error)) => match StoreError::beneath(Call::Get, meta.location.as_ref(), &error) {
            Some(failed) => return Err(failed.into()),
            None if error::ran_out(&error) => return Err(ran_out(error.to_string())),
            None => Err(undecodable(shown, &error.to_string())),
        },
        Err(ended) => {
            let said = ended.try_into_panic().map(|panic| error::panicked(panic.as_ref()).to_owned());
            match said.unwrap_or_default() {
                said if error::says_ran_out(&said) => return Err(ran_out(said)),
                _ => Err(undecodable(shown, "its footer makes no sense")),
            }
        }
    })
}

/// A Parquet file that is none.
pub(crate) fn undecodable(file: &str, why: &str) -> Problem {
    Problem::new("E303", format!("cannot decode `{file}`: {why}"))
        .help("the file is truncated, damaged or no Parquet; export it again")
}

/// Byte ranges of one pinned file.
struct Ranges {
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
}

impl MetadataFetch for Ranges {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        let bytes = async move { self.store.get_range(&self.meta.location, range).await };
        bytes.map(|bytes| bytes.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }
}

/// Columns declared not null that the footer does not prove to be free of nulls.
fn suspect_nulls(source: &Source, schema: &Schema, metadata: &ParquetMetaData) -> BTreeSet<String> {
    let declared = source.columns.iter().filter(|column| !column.nullable);
    let suspect = declared.filter(|column| {
        let Ok(index) = schema.index_of(&column.name) else { return false };
        schema.field(index).is_nullable() && !proved_without_nulls(metadata, &column.name)
    });
    suspect.map(|column| column.name.clone()).collect()
}

fn proved_without_nulls(metadata: &ParquetMetaData, name: &str) -> bool {
    metadata.row_groups().iter().all(|group| {
        let column = group.columns().iter().find(|column| column.column_path().string() == name);
        column.and_then(|column| column.statistics()).and_then(parquet::file::statistics::Statistics::null_count_opt)
            == Some(0)
    })
}

/// The latest values of date and timestamp columns, as far as the footer says.
fn latest(source: &Source, footer: &ArrowReaderMetadata) -> BTreeMap<String, Option<i64>> {
    let timed = source.columns.iter().filter(|column| matches!(column.kind, ColumnType::Date | ColumnType::Timestamp));
    let mut latest = BTreeMap::new();
    for column in timed {
        if let Some(found) = groups_latest(&column.name, footer) {
            latest.insert(column.name.clone(), max(&found));
        }
    }
    latest
}

/// The latest value of each group of rows that has one; none when the footer does not say.
fn groups_latest(column: &str, footer: &ArrowReaderMetadata) -> Option<Int64Array> {
    let groups = footer.metadata().row_groups();
    let statistics = StatisticsConverter::try_new(column, footer.schema(), footer.parquet_schema()).ok()?;
    let (latest, nulls) = (statistics.row_group_maxes(groups).ok()?, statistics.row_group_null_counts(groups).ok()?);
    let latest = match latest.data_type() {
        DataType::Date32 => cast(&latest, &DataType::Int32),
        DataType::Timestamp(_, zone) => cast(&latest, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        _ => return None,
    };
    let latest = cast(&latest.ok()?, &DataType::Int64).ok()?;
    let latest = latest.as_primitive_opt::<Int64Type>()?;
    // A group without a latest value must have none at all.
    let known = groups.iter().enumerate().all(|(at, group)| {
        let empty = nulls.is_valid(at) && u64::try_from(group.num_rows()).is_ok_and(|rows| rows == nulls.value(at));
        latest.is_valid(at) || empty
    });
    known.then(|| latest.clone())
}
