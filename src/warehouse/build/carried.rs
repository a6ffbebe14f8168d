//! Rows that wait for the intake they belong to: what no row of an intake has matched goes on to the next older one.
//!
//! They are kept as every table is, in memory or on disk, and their bytes are what tells two runs' waiting rows apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, JoinType};
use datafusion::logical_expr::{LogicalPlan, col};
use datafusion::prelude::{DataFrame, SessionContext};

use super::{BuildError, Building, failed};
use crate::pipeline::Carried;
use crate::warehouse::contract::quoted;
use crate::warehouse::execute::in_batches;
use crate::warehouse::kept::{Kept, KeptTable, Room};
use crate::warehouse::output::sha256_hex;
use crate::warehouse::packed::table_of;
use crate::warehouse::passed_on::PassedOn;
use crate::warehouse::stacked::Stacked;
use crate::warehouse::table::nullable;

/// The rows of all carried models that wait for the next older intake.
#[derive(Default)]
pub(super) struct Waiting {
    tables: BTreeMap<String, WaitingRows>,
    /// Digests of the rows, by model.
    digests: BTreeMap<String, String>,
}

struct WaitingRows {
    table: Arc<KeptTable>,
    bytes: Bytes,
}

impl Waiting {
    pub fn digests(&self) -> &BTreeMap<String, String> {
        &self.digests
    }

    /// The rows as they are stored, by model.
    pub fn bytes(&self) -> BTreeMap<String, Bytes> {
        self.tables.iter().map(|(model, rows)| (model.clone(), rows.bytes.clone())).collect()
    }

    /// The rows of a model.
    pub fn table(&self, model: &str) -> Option<Arc<KeptTable>> {
        self.tables.get(model).map(|rows| Arc::clone(&rows.table))
    }

    /// A model's own rows of an intake, and those that wait for it from newer ones.
    pub fn with(&self, model: &str, own: Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
        match self.table(model) {
            Some(waiting) => Arc::new(Stacked::new(waiting.schema(), vec![own, waiting])),
            None => own,
        }
    }

    /// Instead of the rows that have waited so far.
    fn replace(&mut self, model: &str, bytes: Bytes, table: KeptTable) {
        self.digests.insert(model.to_owned(), sha256_hex(&bytes));
        self.tables.insert(model.to_owned(), WaitingRows { table: Arc::new(table), bytes });
    }

    /// The rows that an earlier run has left waiting.
    pub fn take_over(&mut self, room: &Room, model: &str, bytes: Bytes) -> Result<(), BuildError> {
        let rows = table_of(bytes.clone())?;
        let mut keeping = room.keeping(model, &rows.schema(), usize::MAX);
        in_batches(&rows)?.into_iter().try_for_each(|rows| keeping.write(rows))?;
        self.replace(model, bytes, keeping.finish()?.table()?);
        Ok(())
    }
}

impl Building<'_> {
    pub(super) fn is_carried(&self, table: &str) -> bool {
        let mut carried = self.build.pipeline.models.carried.iter();
        carried.any(|carried| carried.model == table || carried.matched_by == table)
    }

    /// What no row of `matched_by` has the key of waits for the next older intake.
    pub(super) async fn carry(&mut self, context: &SessionContext) -> Result<(), BuildError> {
        for carried in &self.build.pipeline.models.carried {
            let (model, costs) = (carried.model.as_str(), self.build.costs);
            let unmatched = unmatched(context, carried).await?;
            // Kept before they are sorted: the engine would sort the rows before it asks which of them are matched.
            let unmatched = self.room.put_aside(context, model, &unmatched).await;
            let unmatched = unmatched.and_then(Kept::table).map_err(|error| failed(model, error))?;
            let plan = in_order_of_all(context.read_table(Arc::new(unmatched))?)?;
            let schema = nullable(plan.schema().as_arrow());
            let rows = costs.as_memory_allows(model, async |joins| {
                let rows = costs.stream(context, model, &plan, joins).await?;
                PassedOn::of(rows, &schema, self.room.keeping(model, &schema, usize::MAX), true).await
            });
            let PassedOn { kept, bytes } = rows.await.map_err(|error| failed(model, error))?;
            self.waiting.replace(model, bytes.unwrap_or_default(), kept.table()?);
        }
        Ok(())
    }
}

/// The rows of a carried model that nothing has matched.
async fn unmatched(context: &SessionContext, carried: &Carried) -> Result<LogicalPlan, DataFusionError> {
    let keys: Vec<&str> = carried.key.iter().map(String::as_str).collect();
    let matched = context.table(carried.matched_by.as_str()).await?;
    let matched = matched.select(keys.iter().map(|name| col(quoted(name))).collect::<Vec<_>>())?;
    let rows = context.table(carried.model.as_str()).await?.join(matched, JoinType::LeftAnti, &keys, &keys, None)?;
    rows.into_optimized_plan()
}

/// Rows in an order of their own: parts of a query end in any.
fn in_order_of_all(rows: DataFrame) -> Result<LogicalPlan, DataFusionError> {
    let order = rows.schema().columns().into_iter().map(|column| col(column).sort(true, true));
    let order = order.collect();
    rows.sort(order)?.into_optimized_plan()
}
