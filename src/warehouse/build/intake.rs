//! One intake: its models, its marts and what it leaves for older ones; or all of that as an earlier run has left it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use super::finishing::Finishing;
use super::{Build, BuildError, Building, failed, register_view};
use crate::models::Model;
use crate::pipeline::Scope;
use crate::warehouse::execute::in_batches;
use crate::warehouse::inputs::Intake;
use crate::warehouse::packed::{Part, table_of};
use crate::warehouse::passed_on::PassedOn;
use crate::warehouse::reuse::{Keys, ReuseError, recall, recall_keys, remember_keys};
use crate::warehouse::table::nullable;

impl Building<'_> {
    pub(super) async fn build_intake(&mut self, intake: Intake) -> Result<(), BuildError> {
        let Build { graph, inputs, reuse, .. } = *self.build;
        let keys = reuse.map(|reuse| Keys::new(reuse, graph, Scope::Intake, inputs, &self.bindings, &self.cuts));
        let key = keys.and_then(|keys| keys.of(intake, self.waiting.digests()));
        let (name, read) = (name_of(intake), inputs.arrived_for(intake));
        if let Some(mut part) = self.recall_intake(&name, key.as_deref()).await? {
            part.counted.iter_mut().for_each(|file| file.intake = intake);
            self.take_over(part)?;
            self.build.progress.step_with(&name, read);
            return Ok(());
        }
        let context = self.session()?;
        self.register_reference(&context)?;
        self.part = Part::default();
        self.register_sources(&context, intake, Scope::Intake).await?;
        let new_keys = self.keys_seen.take_new();
        self.compute_intake(&context, intake).await?;
        let mut keys = BTreeMap::new();
        if key.is_some() {
            self.part.carried = self.waiting.bytes();
            for (source, path) in new_keys {
                let bytes = std::fs::read(path).map_err(DataFusionError::from)?;
                let stored = remember_keys(self.build.output, &name, &source, bytes).await?;
                keys.insert(source, stored);
            }
        }
        let (part, written) = (std::mem::take(&mut self.part), std::mem::take(&mut self.written));
        self.finish_beside(Finishing { step: name.clone(), name, read, key, part, keys, reads: Vec::new(), written })
            .await
    }

    async fn compute_intake(&mut self, context: &SessionContext, intake: Intake) -> Result<(), BuildError> {
        let graph = self.build.graph;
        for (model, unread) in graph.with_last_read(Scope::Intake) {
            self.build_of_intake(context, model, intake).await?;
            // What nobody reads any more makes room.
            for table in unread.into_iter().filter(|table| !self.is_carried(table)) {
                context.deregister_table(table)?;
            }
        }
        self.carry(context).await
    }

    /// What an earlier run has left of an intake that comes to the same again, with the hashes of its keys: both or neither,
    /// because an intake that is computed has hashes of its own.
    async fn recall_intake(&mut self, name: &str, key: Option<&str>) -> Result<Option<Part>, BuildError> {
        let parts = self.build.reuse.map(|reuse| &reuse.parts);
        let Some(stored) = key.and_then(|key| parts?.get(key)) else { return Ok(None) };
        let keys = match recall_keys(self.build.output, stored).await {
            Ok(keys) => keys,
            Err(error) => return Ok(not_recalled(name, &error)),
        };
        let part = self.recall(name, key).await?;
        if part.is_some() {
            keys.iter().try_for_each(|(source, bytes)| self.keys_seen.adopt(source, bytes))?;
        }
        Ok(part)
    }

    /// What an earlier run has left of an intake or a period that comes to the same again, if all of it is still there.
    pub(super) async fn recall(&mut self, name: &str, key: Option<&str>) -> Result<Option<Part>, BuildError> {
        let parts = self.build.reuse.map(|reuse| &reuse.parts);
        let Some((key, stored)) = key.and_then(|key| Some((key, parts?.get(key)?))) else { return Ok(None) };
        match recall(self.build.output, &self.build.pipeline.calendar, stored).await {
            Ok((part, files)) => {
                tracing::info!(part = name, "the same as before");
                // What was built before it comes before it.
                self.finish().await?;
                self.parts.insert(key.to_owned(), stored.clone());
                self.files.extend(files);
                Ok(Some(part))
            }
            Err(error) => Ok(not_recalled(name, &error)),
        }
    }

    pub(super) fn take_over(&mut self, part: Part) -> Result<(), BuildError> {
        let Part { collected, carried, counted, extra_columns } = part;
        self.counted.extend(counted);
        for (source, columns) in extra_columns {
            self.extra_columns.entry(source).or_default().extend(columns);
        }
        for (table, bytes) in collected {
            self.collect_rows(&table, &table_of(bytes)?)?;
        }
        for (model, bytes) in carried {
            self.waiting.take_over(&self.room, &model, bytes)?;
        }
        Ok(())
    }

    /// Computes a table for later scopes, and gives its rows for those that read it in this one.
    pub(super) async fn collect_for_later(
        &mut self,
        context: &SessionContext,
        table: &str,
        plan: &LogicalPlan,
    ) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let (costs, stored) = (self.build.costs, self.build.reuse.is_some());
        let schema = nullable(plan.schema().as_arrow());
        let rows = costs.as_memory_allows(table, async |joins| {
            let rows = costs.stream(context, table, plan, joins).await?;
            PassedOn::of(rows, &schema, self.collected.keeping(table, &schema), stored).await
        });
        let PassedOn { kept, bytes } = rows.await?;
        costs.built(table, kept.rows, kept.held.bytes());
        self.part.collected.extend(bytes.map(|bytes| (table.to_owned(), bytes)));
        self.collected.add(table, kept)
    }

    /// Rows that an earlier run has left for later scopes.
    fn collect_rows(&mut self, table: &str, rows: &RecordBatch) -> Result<(), DataFusionError> {
        let mut keeping = self.collected.keeping(table, &rows.schema());
        in_batches(rows)?.into_iter().try_for_each(|rows| keeping.write(rows))?;
        let kept = keeping.finish()?;
        self.collected.add(table, kept).map(drop)
    }

    async fn build_of_intake(
        &mut self,
        context: &SessionContext,
        model: &Model,
        intake: Intake,
    ) -> Result<(), BuildError> {
        let graph = self.build.graph;
        let plan = self.prepared.plan(context, model, &self.bindings).await?;
        if !model.kept {
            return register_view(context, model, plan);
        }
        let mart = self.build.pipeline.models.mart_of(&model.name).is_some();
        if mart && !graph.read_within(&model.name, Scope::Intake) {
            return self.stream_mart(model, context, plan, Some(intake)).await;
        }
        let later = graph.read_later(&model.name, Scope::Intake) && !mart;
        let table: Arc<dyn TableProvider> = if later {
            let table = self.collect_for_later(context, &model.name, &plan).await;
            table.map_err(|error| failed(&model.name, error))?
        } else {
            Arc::new(self.keep(context, model, &plan).await?)
        };
        // A carried model shows its own rows and those still waiting from newer intakes.
        context.register_table(model.name.as_str(), self.waiting.with(&model.name, table))?;
        self.write_mart(model, context, Some(intake)).await
    }
}

fn not_recalled(name: &str, error: &ReuseError) -> Option<Part> {
    tracing::warn!(part = name, why = %error, "computed again");
    None
}

fn name_of(intake: Intake) -> String {
    intake.map_or_else(|| "all".to_owned(), |period| period.to_string())
}
