//! The rows of a source in one intake, as the tables SQL may read.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::prelude::{DataFrame, SessionContext};
use object_store::ObjectStoreExt;

use crate::pipeline::Format;
use crate::problem::{Problem, Problems};
use crate::warehouse::build::store_url;
use crate::warehouse::contract::sort_out;
use crate::warehouse::counted::CountedFile;
use crate::warehouse::inputs::{InputFile, Intake, SourceInput};
use crate::warehouse::keys::KeyRuns;
use crate::warehouse::schema::{file_schema, partition_fields, rejected_schema, source_schema};
use crate::warehouse::table::{FileTable, TableFile, nullable};
use crate::warehouse::text::{TextError, read};

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Contract(Problems),
    #[error("source `{name}` cannot be read")]
    Read { name: String, source: Box<DataFusionError> },
    #[error("`{file}` cannot be fetched")]
    Fetch { file: String, source: object_store::Error },
}

/// The three tables of a source, and its files with their row counts.
pub struct SourceRows {
    pub tables: Vec<(String, DataFrame)>,
    pub files: Vec<CountedFile>,
    /// Columns of text files that the contract does not mention.
    pub extra_columns: BTreeSet<String>,
}

/// Reads a source's rows of one intake and sorts them by the contract.
///
/// # Errors
/// When a file cannot be fetched or decoded.
pub async fn read_source(
    context: &SessionContext,
    input: &SourceInput,
    intake: Intake,
    keys_seen: &mut KeyRuns,
) -> Result<SourceRows, SourceError> {
    let name = &input.source.name;
    let files: Vec<&InputFile> = input.of_intake(intake).collect();
    let read_error = |error: DataFusionError| SourceError::Read { name: name.clone(), source: Box::new(error) };
    let FileRows { rows: raw, rejected: unreadable, counts, extra_columns } =
        rows_of_files(context, input, &files).await?;
    let suspect: Vec<String> = input
        .source
        .columns
        .iter()
        .map(|column| column.name.clone())
        .filter(|column| files.iter().any(|file| file.suspect_nulls.contains(column)))
        .collect();
    let mut rows = sort_out(context, &input.source, raw, &suspect, keys_seen).await.map_err(read_error)?;
    rows.rejected.extend(unreadable);
    let table = |schema, batches| -> Result<DataFrame, SourceError> {
        let table = MemTable::try_new(schema, vec![batches]).map_err(read_error)?;
        context.read_table(Arc::new(table)).map_err(read_error)
    };
    let duplicates_schema =
        rows.duplicates.first().map_or_else(|| source_schema(&input.source), arrow::array::RecordBatch::schema);
    let tables = vec![
        (name.clone(), rows.kept),
        (format!("{name}_rejected"), table(rejected_schema(&input.source), rows.rejected)?),
        (format!("{name}_duplicates"), table(duplicates_schema, rows.duplicates)?),
    ];
    Ok(SourceRows { tables, files: counts, extra_columns })
}

/// The rows of some files of one source, before its contract sorts them.
pub(super) struct FileRows {
    pub rows: DataFrame,
    /// Rows that cannot be read, in the rejected schema.
    rejected: Vec<arrow::array::RecordBatch>,
    counts: Vec<CountedFile>,
    /// Columns that the contract does not mention.
    extra_columns: BTreeSet<String>,
}

/// Reads files of a source in its format.
///
/// # Errors
/// When a file cannot be fetched or decoded.
pub(super) async fn rows_of_files(
    context: &SessionContext,
    input: &SourceInput,
    files: &[&InputFile],
) -> Result<FileRows, SourceError> {
    if input.source.format != Format::Parquet {
        return text_rows(context, input, files).await;
    }
    let rows = parquet_rows(context, input, files)
        .map_err(|error| SourceError::Read { name: input.source.name.clone(), source: Box::new(error) })?;
    // The footers have said which columns there are.
    Ok(FileRows { rows, rejected: Vec::new(), counts: footer_counts(files), extra_columns: BTreeSet::new() })
}

fn parquet_rows(
    context: &SessionContext,
    input: &SourceInput,
    files: &[&InputFile],
) -> Result<DataFrame, DataFusionError> {
    let suspect = files.iter().any(|file| !file.suspect_nulls.is_empty());
    let schema = file_schema(&input.source);
    let schema = if suspect { nullable(&schema) } else { schema };
    let rows = files.iter().filter_map(|file| file.rows).sum();
    let files = files.iter().map(|file| TableFile { meta: file.meta.clone(), partitions: file.partitions.clone() });
    let partitions = partition_fields(&input.source).into_iter().map(Arc::new).collect();
    let table = FileTable::new(store_url(&input.source.name)?, files.collect(), schema, partitions);
    context.read_table(Arc::new(table.with_rows(rows)))
}

fn footer_counts(files: &[&InputFile]) -> Vec<CountedFile> {
    files.iter().map(|file| counted(file, file.rows.unwrap_or_default())).collect()
}

fn counted(file: &InputFile, rows: u64) -> CountedFile {
    CountedFile { file: file.meta.location.to_string(), rows, bytes: file.meta.size, ..CountedFile::default() }
}

async fn text_rows(
    context: &SessionContext,
    input: &SourceInput,
    files: &[&InputFile],
) -> Result<FileRows, SourceError> {
    let (mut kept, mut rejected, mut counts, mut extra_columns) = (Vec::new(), Vec::new(), Vec::new(), BTreeSet::new());
    let mut problems: Vec<Problem> = Vec::new();
    for file in files {
        let name = input.shown(file);
        let fetch = |source| SourceError::Fetch { file: name.clone(), source };
        let bytes = input.store.get(&file.meta.location).await.map_err(fetch)?.bytes().await.map_err(fetch)?;
        match read(&input.source, &name, &file.partitions, &bytes) {
            Err(TextError::Problem(problem)) => problems.push(problem),
            Err(TextError::Engine(error)) => {
                return Err(SourceError::Read { name: input.source.name.clone(), source: Box::new(error) });
            }
            Ok(rows) => {
                kept.extend(rows.kept);
                rejected.extend(rows.rejected);
                counts.push(counted(file, rows.rows));
                extra_columns.extend(rows.extra_columns);
            }
        }
    }
    Problems::none_or(problems, ()).map_err(SourceError::Contract)?;
    let table = MemTable::try_new(nullable(&source_schema(&input.source)), vec![kept]);
    let frame = table.and_then(|table| context.read_table(Arc::new(table)));
    let rows = frame.map_err(|error| SourceError::Read { name: input.source.name.clone(), source: Box::new(error) })?;
    Ok(FileRows { rows, rejected, counts, extra_columns })
}
