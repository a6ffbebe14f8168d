//! A table of batches in memory that skips those in which a text column cannot have the value a query asks for.
//!
//! What many intakes collected is read once per period, mostly `where period = …`: without this, each period would read
//! the whole history.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{max_string_view, min_string_view};
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

/// Batches with the bounds of their text columns.
#[derive(Debug)]
pub struct PrunedTable {
    schema: SchemaRef,
    parts: Vec<Part>,
}

/// A batch and, per column, its smallest and largest text.
#[derive(Clone, Debug)]
pub struct Part {
    rows: RecordBatch,
    bounds: Vec<Option<(String, String)>>,
}

impl Part {
    #[must_use]
    pub fn new(rows: RecordBatch) -> Self {
        let bounds = rows.columns().iter().map(|column| match column.data_type() {
            DataType::Utf8View => {
                let texts = column.as_string_view();
                min_string_view(texts).zip(max_string_view(texts)).map(|(min, max)| (min.to_owned(), max.to_owned()))
            }
            _ => None,
        });
        Self { bounds: bounds.collect(), rows }
    }

    /// Whether a row may have this text in this column. Unknown bounds rule nothing out.
    fn may_have(&self, column: usize, text: &str) -> bool {
        let bounds = self.bounds.get(column).and_then(Option::as_ref);
        bounds.is_none_or(|(min, max)| min.as_str() <= text && text <= max.as_str())
    }
}

impl PrunedTable {
    /// A table of parts that all have this schema.
    #[must_use]
    pub fn new(schema: SchemaRef, parts: Vec<Part>) -> Self {
        Self { schema, parts }
    }
}

#[async_trait]
impl TableProvider for PrunedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let wanted: Vec<(usize, &str)> = filters
            .iter()
            .filter_map(wanted_text)
            .filter_map(|(name, text)| Some((self.schema.index_of(name).ok()?, text)))
            .collect();
        let parts = self.parts.iter().filter(|part| wanted.iter().all(|(column, text)| part.may_have(*column, text)));
        let rows = parts.map(|part| part.rows.clone()).collect();
        MemTable::try_new(Arc::clone(&self.schema), vec![rows])?.scan(state, projection, &[], limit).await
    }

    /// Filters only skip batches; the plan still applies them.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        let pushed = filters.iter().map(|filter| match wanted_text(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        });
        Ok(pushed.collect())
    }
}

/// The column and text of `column = 'text'`.
pub fn wanted_text(filter: &Expr) -> Option<(&str, &str)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else { return None };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _)) | (Expr::Literal(value, _), Expr::Column(column)) => {
            Some((column.name.as_str(), value.try_as_str()??))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringViewArray};

    use super::Part;

    #[test]
    fn a_part_is_skipped_only_when_no_row_can_match() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("2026-02"), None, Some("2026-04")]));
        let part = Part::new(RecordBatch::try_from_iter([("period", texts)]).expect("one column"));
        let may_have = |text| part.may_have(0, text);
        assert_eq!(
            ["2026-01", "2026-02", "2026-03", "2026-04", "2026-05"].map(may_have),
            [false, true, true, true, false]
        );
        assert!(part.may_have(1, "any"), "an unknown column rules nothing out");
    }
}
