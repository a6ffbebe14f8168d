//! One intake: its models, its marts and what it leaves for older ones; or all of that as an earlier run has left it.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use datafusion::catalog::TableProvider as _;
use datafusion::common::{DataFusionError, JoinType};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::col;
use datafusion::prelude::SessionContext;

use super::{Build, BuildError, Building, register_view};
use crate::models::Model;
use crate::pipeline::{Carried, Scope};
use crate::warehouse::contract::quoted;
use crate::warehouse::execute::{batches, compact};
use crate::warehouse::inputs::Intake;
use crate::warehouse::output::sha256_hex;
use crate::warehouse::packed::{Part, table_bytes};
use crate::warehouse::reuse::{Keys, recall, remember};
use crate::warehouse::table::nullable;

impl Building<'_> {
    pub(super) async fn build_intake(&mut self, intake: Intake) -> Result<(), BuildError> {
        let context = self.session()?;
        self.register_reference(&context)?;
        let Build { graph, inputs, reuse, .. } = *self.build;
        let key = reuse.and_then(|reuse| Keys::new(reuse, graph, inputs, &self.bindings).of(intake, &self.waiting));
        self.part = Part::default();
        let recalled = match &key {
            Some(key) => self.recall(intake, key).await,
            None => None,
        };
        // Files are counted and keys compared whatever is known of them.
        self.register_sources(&context, intake, Scope::Intake, recalled.is_none()).await?;
        let files = self.files.len();
        match recalled {
            Some(part) => self.take_over(part)?,
            None => self.compute_intake(&context, intake).await?,
        }
        match key {
            Some(key) if !self.parts.contains_key(&key) => self.remember(intake, key, files).await,
            _ => Ok(()),
        }
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

    /// What an earlier run has left of an intake that comes to the same again, if all of it is still there.
    async fn recall(&mut self, intake: Intake, key: &str) -> Option<Part> {
        let stored = self.build.reuse?.parts.get(key)?;
        let name = name_of(intake);
        match recall(self.build.output, &self.build.pipeline.calendar, stored).await {
            Ok((part, files)) => {
                tracing::info!(intake = name, "the same as before");
                self.parts.insert(key.to_owned(), stored.clone());
                self.files.extend(files);
                Some(part)
            }
            Err(error) => {
                tracing::warn!(intake = name, why = %error, "computed again");
                None
            }
        }
    }

    fn take_over(&mut self, part: Part) -> Result<(), BuildError> {
        for (table, rows) in part.collected {
            self.collected.add(&table, &rows.schema(), &[rows])?;
        }
        part.carried.into_iter().try_for_each(|(model, rows)| self.wait(&model, rows))
    }

    /// Leaves what this intake came to for later runs. `files` is where its own begin.
    async fn remember(&mut self, intake: Intake, key: String, files: usize) -> Result<(), BuildError> {
        let output = self.build.output;
        let mut part = std::mem::take(&mut self.part);
        for (model, (schema, rows)) in &self.carried {
            part.carried.insert(model.clone(), compact(schema, rows)?);
        }
        let files = self.files.get(files..).unwrap_or_default();
        let stored = remember(output, &name_of(intake), part.pack()?, files).await?;
        self.parts.insert(key, stored);
        Ok(())
    }

    /// Rows of this intake for later scopes.
    pub(super) fn collect_of_intake(
        &mut self,
        table: &str,
        shape: &SchemaRef,
        rows: &[RecordBatch],
    ) -> Result<(), BuildError> {
        let rows = self.collected.add(table, shape, rows)?;
        self.part.collected.insert(table.to_owned(), rows);
        Ok(())
    }

    /// Rows of a carried model that wait for the next older intake.
    fn wait(&mut self, model: &str, rows: RecordBatch) -> Result<(), BuildError> {
        self.waiting.insert(model.to_owned(), sha256_hex(&table_bytes(&rows)?));
        let schema = rows.schema();
        let rows = if rows.num_rows() == 0 { Vec::new() } else { vec![rows] };
        self.carried.insert(model.to_owned(), (schema, rows));
        Ok(())
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
        if later || self.build.pipeline.models.carried.iter().any(|carried| carried.model == model.name) {
            let table = self.collect(context, model, &plan).await?;
            let rows = batches(&table).await;
            if later {
                self.collect_of_intake(&model.name, &table.schema(), &rows)?;
            }
            self.register_with_carried(context, model, table, &rows)?;
        } else {
            self.keep(context, model, &plan).await?;
        }
        self.write_mart(model, context, Some(intake)).await
    }

    fn is_carried(&self, table: &str) -> bool {
        let mut carried = self.build.pipeline.models.carried.iter();
        carried.any(|carried| carried.model == table || carried.matched_by == table)
    }

    /// A carried model shows its own rows and those still waiting from newer intakes.
    fn register_with_carried(
        &self,
        context: &SessionContext,
        model: &Model,
        table: MemTable,
        rows: &[RecordBatch],
    ) -> Result<(), BuildError> {
        let table = match self.carried.get(&model.name) {
            Some((schema, waiting)) if !waiting.is_empty() => {
                let all = rows.iter().chain(waiting).map(|batch| batch.clone().with_schema(Arc::clone(schema)));
                MemTable::try_new(
                    Arc::clone(schema),
                    vec![all.collect::<Result<_, _>>().map_err(DataFusionError::from)?],
                )?
            }
            _ => table,
        };
        context.register_table(model.name.as_str(), Arc::new(table))?;
        Ok(())
    }

    /// What no row of `matched_by` has the key of waits for the next older intake.
    async fn carry(&mut self, context: &SessionContext) -> Result<(), BuildError> {
        for Carried { model, key, matched_by, .. } in &self.build.pipeline.models.carried {
            let keys: Vec<&str> = key.iter().map(String::as_str).collect();
            let matched = context.table(matched_by.as_str()).await?;
            let matched = matched.select(key.iter().map(|name| col(quoted(name))).collect::<Vec<_>>())?;
            let open = context.table(model.as_str()).await?.join(matched, JoinType::LeftAnti, &keys, &keys, None)?;
            let schema = nullable(open.schema().as_arrow());
            let rows = compact(&schema, &open.collect().await?)?;
            self.wait(model, sorted(&rows)?)?;
        }
        Ok(())
    }
}

/// The same rows in an order of their own: parts of a query end in any.
fn sorted(rows: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let fields = rows.schema_ref().fields().iter().map(|field| SortField::new(field.data_type().clone()));
    let encoded = RowConverter::new(fields.collect())?.convert_columns(rows.columns())?;
    let mut order: Vec<_> = encoded.iter().zip(0_u32..).collect();
    order.sort_unstable();
    let order: UInt32Array = order.into_iter().map(|(_, position)| position).collect();
    Ok(take_record_batch(rows, &order)?)
}

fn name_of(intake: Intake) -> String {
    intake.map_or_else(|| "all".to_owned(), |period| period.to_string())
}
