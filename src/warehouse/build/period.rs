//! One period: its models and its marts, of what the intakes have collected; or all of that as an earlier run has left it.
//!
//! A period comes to the same when the rows that its models read are the same. Which rows those are, the plans say by which
//! it was computed: mostly those of which a column is the period.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{LogicalPlan, TableScan, col, lit};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;

use super::finishing::Finishing;
use super::{Build, BuildError, Building, failed, register_view};
use crate::calendar::Period;
use crate::pipeline::Scope;
use crate::telemetry::Volume;
use crate::warehouse::bindings::{Bindings, Moment, bindings};
use crate::warehouse::contract::quoted;
use crate::warehouse::cuts::Cuts;
use crate::warehouse::output::sha256_hex;
use crate::warehouse::packed::Part;
use crate::warehouse::prepared;
use crate::warehouse::pruned::wanted_text;
use crate::warehouse::reuse::{Keys, StoredRead};
use crate::warehouse::row_digest::RowDigest;

/// Tables of earlier scopes that the models of a period read: by the column that is the period in all rows read, or whole.
type Read = BTreeMap<String, Option<String>>;

impl Building<'_> {
    pub(super) async fn build_period(&mut self, period: Period) -> Result<(), BuildError> {
        let context = self.session()?;
        self.register_reference(&context)?;
        self.register_collected(&context, Scope::Period)?;
        let Build { graph, inputs, reuse, pipeline, moment, .. } = *self.build;
        let bindings = bindings(pipeline, Moment { period, as_of: moment.as_of })?;
        let none = Cuts::default();
        let keys = reuse.map(|reuse| Keys::new(reuse, graph, Scope::Period, inputs, &bindings, &none));
        let key = keys.and_then(|keys| keys.of_period(period));
        let name = format!("period-{period}");
        let same = match reuse.zip(key.as_ref()).and_then(|(reuse, key)| reuse.parts.get(key)) {
            Some(stored) => self.reads_the_same(&context, period, &stored.reads).await?,
            None => false,
        };
        if same && let Some(part) = self.recall(&name, key.as_deref()).await? {
            self.take_over(part)?;
            self.build.progress.step(&period.to_string());
            return Ok(());
        }
        self.part = Part::default();
        let read = self.compute_period(&context, period, &bindings).await?;
        let mut reads = Vec::new();
        for (table, column) in read.into_iter().filter(|_| key.is_some()) {
            let sha256 = self.digest(&context, period, &table, column.as_deref()).await?;
            reads.push(StoredRead { table, column, sha256 });
        }
        let (part, written) = (std::mem::take(&mut self.part), std::mem::take(&mut self.written));
        let (step, keys, read) = (period.to_string(), BTreeMap::new(), Volume::default());
        self.finish_beside(Finishing { name, step, read, key, part, keys, reads, written }).await
    }

    async fn compute_period(
        &mut self,
        context: &SessionContext,
        period: Period,
        bindings: &Bindings,
    ) -> Result<Read, BuildError> {
        let mut read = Read::new();
        for model in self.build.graph.of_scope(Scope::Period) {
            let plan = prepared::plan(context, model, bindings).await?;
            if !model.kept {
                register_view(context, model, plan)?;
                continue;
            }
            self.note_what_is_read(&plan, period, &mut read)?;
            let mart = self.build.pipeline.models.mart_of(&model.name).is_some();
            if self.build.graph.read_later(&model.name, Scope::Period) && !mart {
                let table = self.collect_for_later(context, &model.name, &plan).await;
                let table = table.map_err(|error| failed(&model.name, error))?;
                context.register_table(model.name.as_str(), table)?;
            } else {
                let rows = self.keep(context, model, &plan).await?;
                context.register_table(model.name.as_str(), Arc::new(rows))?;
            }
            self.write_mart(model, context, Some(None)).await?;
        }
        Ok(read)
    }

    /// Tables of earlier scopes that a plan reads, beside reference tables, which every key has in it.
    fn note_what_is_read(&self, plan: &LogicalPlan, period: Period, read: &mut Read) -> Result<(), DataFusionError> {
        let period = period.to_string();
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                let table = scan.table_name.table();
                let earlier = self.build.graph.model(table).is_none_or(|model| model.scope < Scope::Period);
                if earlier && !self.reference.contains_key(table) {
                    let column = column_of_period(scan, &period);
                    let known = read.entry(table.to_owned()).or_insert_with(|| column.clone());
                    // Two readers that do not agree read all of it.
                    if *known != column {
                        *known = None;
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
    }

    async fn reads_the_same(
        &self,
        context: &SessionContext,
        period: Period,
        reads: &[StoredRead],
    ) -> Result<bool, BuildError> {
        for StoredRead { table, column, sha256 } in reads {
            if self.digest(context, period, table, column.as_deref()).await? != *sha256 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells the rows of a table apart from others. A mart, which may be large, is told by its files.
    async fn digest(
        &self,
        context: &SessionContext,
        period: Period,
        table: &str,
        column: Option<&str>,
    ) -> Result<String, BuildError> {
        if self.build.pipeline.models.marts.contains_key(table) && !self.collected.contains(table) {
            let files = self.files.iter().filter(|file| file.table == table).map(|file| file.sha256.as_str());
            return Ok(sha256_hex(files.collect::<Vec<_>>().join("\n").as_bytes()));
        }
        let mut rows = context.table(table).await?;
        if let Some(column) = column {
            rows = rows.filter(col(quoted(column)).eq(lit(period.to_string())))?;
        }
        let mut digest = RowDigest::new(rows.schema().as_arrow())?;
        let mut rows = rows.execute_stream().await?;
        while let Some(rows) = rows.try_next().await? {
            digest.add(&rows)?;
        }
        Ok(digest.finish())
    }
}

/// The column that must be the period, of all rows that a scan gives.
fn column_of_period(scan: &TableScan, period: &str) -> Option<String> {
    let mut wanted = scan.filters.iter().filter_map(wanted_text).filter(|(_, text)| *text == period);
    wanted.next().map(|(column, _)| column.to_owned())
}
