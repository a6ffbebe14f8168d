//! A source's rows by its contract: the rows SQL computes with, the rejected ones with their reason, and exact copies.
//!
//! Nothing disappears here: every row of the files is in exactly one of the three.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringViewBuilder, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::json::LineDelimitedWriter;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DataFusionError, JoinType};
use datafusion::logical_expr::{Expr, col};
use datafusion::prelude::{DataFrame, SessionContext};

use crate::pipeline::Source;
use crate::warehouse::keys::{KeyRuns, key_columns, key_hashes, rows_behind};
use crate::warehouse::schema::rejected_schema;

/// The rows of one source in one intake.
#[derive(Clone)]
pub struct ContractRows {
    /// Rows that keep the contract, one per key.
    pub kept: DataFrame,
    /// Rows that break it, in the rejected schema.
    pub rejected: Vec<RecordBatch>,
    /// Copies beyond the first, in the source's schema.
    pub duplicates: Vec<RecordBatch>,
}

/// Why a row is not computed with.
pub const DUPLICATE_KEY: &str = "duplicate_key";

/// Sorts the raw rows of a source. `suspect_nulls` are the columns that may hold nulls they must not.
///
/// # Errors
/// When the rows cannot be read.
pub async fn sort_out(
    context: &SessionContext,
    source: &Source,
    raw: DataFrame,
    suspect_nulls: &[String],
    keys_seen: &mut KeyRuns,
) -> Result<ContractRows, DataFusionError> {
    let (complete, mut rejected) = without_nulls(source, raw, suspect_nulls).await?;
    if source.key.is_empty() {
        return Ok(ContractRows { kept: complete, rejected, duplicates: Vec::new() });
    }
    let hashes = key_hashes(&complete, &source.key).await?;
    keys_seen.add(&source.name, &hashes.distinct)?;
    if hashes.repeated.is_empty() {
        return Ok(ContractRows { kept: complete, rejected, duplicates: Vec::new() });
    }
    let suspects = rows_behind(&complete, &source.key, &hashes.repeated).await?;
    let schema: SchemaRef = Arc::new(complete.schema().as_arrow().clone());
    let suspects = concat_batches(&schema, &suspects)?;
    let resolved = resolve(source, &suspects)?;
    rejected.extend(resolved.rejected);
    let keys: Vec<&str> = source.key.iter().map(String::as_str).collect();
    // The suspects' keys are the build side; the rows stream past them.
    let suspects = suspects.project(&key_columns(&schema, &source.key)?)?;
    let single = context.read_batch(suspects)?.join(complete, JoinType::RightAnti, &keys, &keys, None)?;
    let kept = match resolved.first {
        None => single,
        Some(first) => single.union(context.read_batch(first)?)?,
    };
    Ok(ContractRows { kept, rejected, duplicates: resolved.duplicates })
}

/// Rows without forbidden nulls, and the others as rejected.
async fn without_nulls(
    source: &Source,
    raw: DataFrame,
    suspect: &[String],
) -> Result<(DataFrame, Vec<RecordBatch>), DataFusionError> {
    let Some(any_null) = suspect.iter().map(|name| col(quoted(name)).is_null()).reduce(Expr::or) else {
        return Ok((raw, Vec::new()));
    };
    let mut rejected = Vec::new();
    for batch in raw.clone().filter(any_null.clone())?.collect().await? {
        let reasons = null_reasons(&batch, suspect);
        rejected.push(as_rejected(source, &batch, &reasons)?);
    }
    Ok((raw.filter(Expr::Not(Box::new(any_null)))?, rejected))
}

fn null_reasons(batch: &RecordBatch, suspect: &[String]) -> Vec<String> {
    let is_null = |name: &String, row| batch.column_by_name(name).is_some_and(|column| column.is_null(row));
    let reason = |row| {
        let columns: Vec<_> = suspect.iter().filter(|name| is_null(name, row)).map(String::as_str).collect();
        format!("null_in_{}", columns.join("_and_"))
    };
    (0..batch.num_rows()).map(reason).collect()
}

struct Resolved {
    /// Of each key the only row, or the first of identical ones.
    first: Option<RecordBatch>,
    duplicates: Vec<RecordBatch>,
    rejected: Vec<RecordBatch>,
}

/// Looks at all rows of the keys that may be there more than once: identical ones count once, different ones are all rejected,
/// because nobody can say which is right.
fn resolve(source: &Source, all: &RecordBatch) -> Result<Resolved, DataFusionError> {
    let of = |names: Vec<&String>| {
        encoded(&names.into_iter().filter_map(|name| all.column_by_name(name).cloned()).collect::<Vec<_>>())
    };
    let keys = of(source.key.iter().collect())?;
    let contents = of(source.columns.iter().map(|column| &column.name).collect())?;
    let folders = of(source.partitions.iter().map(|(name, _)| name).collect())?;
    let (first, duplicates, rejected) = split_copies(&keys, &contents, &folders);
    let some = |rows: Vec<u32>| -> Result<Option<RecordBatch>, DataFusionError> {
        if rows.is_empty() { Ok(None) } else { Ok(Some(take_record_batch(all, &UInt32Array::from(rows))?)) }
    };
    let rejected = match some(rejected)? {
        None => Vec::new(),
        Some(batch) => vec![as_rejected(source, &batch, &vec![DUPLICATE_KEY.to_owned(); batch.num_rows()])?],
    };
    Ok(Resolved { first: some(first)?, duplicates: some(duplicates)?.into_iter().collect(), rejected })
}

/// Row numbers: first of identical or alone, further identical, different.
type Copies = (Vec<u32>, Vec<u32>, Vec<u32>);

/// By the key, the content and the folder of each row, as bytes that compare as they do.
fn split_copies(keys: &[Vec<u8>], contents: &[Vec<u8>], folders: &[Vec<u8>]) -> Copies {
    let mut groups: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (row, key) in keys.iter().enumerate() {
        groups.entry(key).or_default().push(row);
    }
    let (mut first, mut duplicates, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable();
    for mut rows in groups {
        // Copies may have come in several folders: which of them is the first is not to depend on which was read first.
        rows.sort_by_key(|row| folders.get(*row));
        let same = rows.windows(2).all(|pair| matches!(pair, [a, b] if contents.get(*a) == contents.get(*b)));
        let mut numbers = rows.iter().filter_map(|row| u32::try_from(*row).ok());
        if same {
            first.extend(numbers.next());
            duplicates.extend(numbers);
        } else {
            rejected.extend(numbers);
        }
    }
    (first, duplicates, rejected)
}

fn encoded(columns: &[ArrayRef]) -> Result<Vec<Vec<u8>>, DataFusionError> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(columns)?;
    Ok(rows.iter().map(|row| row.as_ref().to_vec()).collect())
}

/// Rows with their reason, key and raw content as text.
///
/// # Errors
/// When a column cannot be shown, which no column of a contract is.
pub fn as_rejected(source: &Source, rows: &RecordBatch, reasons: &[String]) -> Result<RecordBatch, DataFusionError> {
    rejected_with_content(source, rows, rows, reasons)
}

/// The same, with the raw content from other rows than the readable values.
///
/// # Errors
/// When a column cannot be shown.
pub fn rejected_with_content(
    source: &Source,
    rows: &RecordBatch,
    raw: &RecordBatch,
    reasons: &[String],
) -> Result<RecordBatch, DataFusionError> {
    let schema = rejected_schema(source);
    let shown = schema.fields().iter().map(|field| rows.column_by_name(field.name()).cloned());
    let (mut keys, mut why, mut content) =
        (StringViewBuilder::new(), StringViewBuilder::new(), StringViewBuilder::new());
    for (row, (json, reason)) in json_lines(raw)?.into_iter().zip(reasons).enumerate() {
        keys.append_option(key_text(source, rows, row)?);
        why.append_value(reason);
        content.append_value(json);
    }
    let added: HashMap<&str, ArrayRef> = HashMap::from([
        ("source_key", Arc::new(keys.finish()) as ArrayRef),
        ("reject_reason", Arc::new(why.finish()) as ArrayRef),
        ("content", Arc::new(content.finish()) as ArrayRef),
    ]);
    let columns = schema.fields().iter().zip(shown).map(|(field, shown)| {
        let found = shown.or_else(|| added.get(field.name().as_str()).cloned());
        found.unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), rows.num_rows()))
    });
    Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect())?)
}

/// The parts of a key with a bar between them; none when a part is null.
pub(crate) fn key_text(source: &Source, rows: &RecordBatch, row: usize) -> Result<Option<String>, DataFusionError> {
    let mut parts = Vec::with_capacity(source.key.len());
    for name in &source.key {
        let Some(column) = rows.column_by_name(name) else { return Ok(None) };
        if column.is_null(row) {
            return Ok(None);
        }
        let options = FormatOptions::default();
        parts.push(ArrayFormatter::try_new(column.as_ref(), &options)?.value(row).to_string());
    }
    Ok((!parts.is_empty()).then(|| parts.join("|")))
}

fn json_lines(rows: &RecordBatch) -> Result<Vec<String>, DataFusionError> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(rows)?;
    writer.finish()?;
    let text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    Ok(text.lines().map(str::to_owned).collect())
}

/// A column name as an identifier whose case is kept.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_whose_key_is_alone_is_kept_and_of_copies_that_of_the_first_folder() {
        let bytes = |texts: [&str; 6]| texts.map(|text| text.as_bytes().to_vec());
        let keys = bytes(["a", "b", "c", "b", "c", "b"]);
        let contents = bytes(["1", "2", "3", "2", "4", "2"]);
        let folders = bytes(["x", "z", "x", "x", "x", "y"]);
        let (first, duplicates, rejected) = split_copies(&keys, &contents, &folders);
        assert_eq!((first, duplicates, rejected), (vec![0, 3], vec![5, 1], vec![2, 4]));
        let (first, ..) = split_copies(&keys, &contents, &[]);
        assert_eq!(first, [0, 1], "a source without folders");
    }
}
