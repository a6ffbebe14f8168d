//! Whether every source has what it had before: a period without rows is seldom a period in which nothing happened.

use std::collections::BTreeMap;

use arrow::array::{Array as _, Decimal128Array, RecordBatch, StringViewArray};
use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::calendar::Period;
use crate::checks::{CheckError, Finding, built_in, engine};
use crate::models::SOURCE_FILES;
use crate::pipeline::{ABSENT_PERIOD, Pipeline, Source};

/// Sources without a row for the period, though they had some for earlier ones. Not asked of optional sources, of those that
/// may skip periods, and of those that are read whole.
///
/// # Errors
/// When the table of files cannot be read.
pub async fn absent_periods(
    session: &SessionContext,
    pipeline: &Pipeline,
    period: Period,
) -> Result<Vec<Finding>, CheckError> {
    let rows = rows_by_period(session, pipeline).await.map_err(|error| engine(ABSENT_PERIOD, error))?;
    let expected = pipeline.sources.values().filter(|source| comes_every_period(source));
    let absent = expected.filter_map(|source| {
        let periods = rows.get(&source.name)?;
        let (earlier, _) = periods.range(..period).rev().find(|(_, rows)| **rows > 0)?;
        let found = match periods.get(&period) {
            Some(rows) if *rows > 0 => return None,
            Some(_) => "its files have no rows",
            None => "it has no file",
        };
        let detail = format!("`{}` has nothing for {period}: {found}, and {earlier} has rows", source.name);
        let help = "load the files of the period; a source for which this is usual says `may_skip_periods: true`";
        Some(built_in(pipeline, ABSENT_PERIOD, source, detail, help))
    });
    Ok(absent.collect())
}

fn comes_every_period(source: &Source) -> bool {
    source.period_partition().is_some() && !source.optional && !source.may_skip_periods
}

/// Rows by source and period of arrival, as the files count them.
async fn rows_by_period(
    session: &SessionContext,
    pipeline: &Pipeline,
) -> Result<BTreeMap<String, BTreeMap<Period, i128>>, DataFusionError> {
    let mut rows: BTreeMap<String, BTreeMap<Period, i128>> = BTreeMap::new();
    for batch in session.table(SOURCE_FILES).await?.collect().await? {
        let (Some(sources), Some(intakes), Some(counts)) =
            (texts(&batch, "source"), texts(&batch, "intake"), column::<Decimal128Array>(&batch, "rows"))
        else {
            continue;
        };
        for row in (0..batch.num_rows()).filter(|row| intakes.is_valid(*row)) {
            let Ok(period) = pipeline.calendar.period(intakes.value(row)) else { continue };
            let of_period = rows.entry(sources.value(row).to_owned()).or_default().entry(period).or_default();
            *of_period = of_period.saturating_add(counts.value(row));
        }
    }
    Ok(rows)
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringViewArray> {
    column(batch, name)
}

fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Option<&'a T> {
    batch.column_by_name(name)?.as_any().downcast_ref()
}
