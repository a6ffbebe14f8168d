//! Plans of models. What is built again for every intake is planned and optimised for the first, and given the tables of
//! each further one: planning would otherwise cost more than computing a small intake.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DataFusionError, TableReference};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, TableScan, TableSource};
use datafusion::prelude::SessionContext;

use crate::models::Model;
use crate::warehouse::bindings::Bindings;
use crate::warehouse::build::BuildError;
use crate::warehouse::compile;

/// The plan of a model over the tables of a session: optimised when it is built by itself.
///
/// # Errors
/// When the model cannot be planned.
pub async fn plan(context: &SessionContext, model: &Model, bindings: &Bindings) -> Result<LogicalPlan, BuildError> {
    let plan = compile::plan(context, &model.query, bindings).await?;
    Ok(if model.kept { context.state().optimize(&plan)? } else { plan })
}

/// Plans of models with the same bindings, for sessions whose tables have the same names. They hold no rows.
#[derive(Default)]
pub struct Prepared {
    plans: HashMap<String, LogicalPlan>,
}

impl Prepared {
    /// The plan of a model over the tables of a session. It is planned anew only where a table's columns have changed.
    ///
    /// # Errors
    /// When the model cannot be planned.
    pub async fn plan(
        &mut self,
        context: &SessionContext,
        model: &Model,
        bindings: &Bindings,
    ) -> Result<LogicalPlan, BuildError> {
        if let Some(known) = self.plans.get(&model.name)
            && let Some(plan) = over_tables_of(context, known).await?
        {
            return Ok(plan);
        }
        let plan = plan(context, model, bindings).await?;
        self.plans.insert(model.name.clone(), over_tables(&plan, |scan| Some(empty(&scan.source.schema())))?);
        Ok(plan)
    }
}

fn empty(schema: &SchemaRef) -> Arc<dyn TableSource> {
    provider_as_source(Arc::new(EmptyTable::new(Arc::clone(schema))))
}

/// The same plan over the tables that a session has under the same names; none when one has other columns there.
async fn over_tables_of(context: &SessionContext, plan: &LogicalPlan) -> Result<Option<LogicalPlan>, DataFusionError> {
    let mut tables: HashMap<TableReference, Arc<dyn TableSource>> = HashMap::new();
    for (name, schema) in scanned(plan)? {
        let Ok(table) = context.table_provider(name.clone()).await else { return Ok(None) };
        if table.schema() != schema {
            return Ok(None);
        }
        tables.insert(name, provider_as_source(table));
    }
    over_tables(plan, |scan| tables.get(&scan.table_name).map(Arc::clone)).map(Some)
}

/// The same plan with other tables below.
fn over_tables(
    plan: &LogicalPlan,
    table: impl Fn(&TableScan) -> Option<Arc<dyn TableSource>>,
) -> Result<LogicalPlan, DataFusionError> {
    let moved = plan.clone().transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(mut scan) => {
            if let Some(table) = table(&scan) {
                scan.source = table;
            }
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(moved.data)
}

type Scanned = Vec<(TableReference, SchemaRef)>;

fn scanned(plan: &LogicalPlan) -> Result<Scanned, DataFusionError> {
    let (mut seen, mut found) = (BTreeSet::new(), Scanned::new());
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && seen.insert(scan.table_name.to_string())
        {
            found.push((scan.table_name.clone(), scan.source.schema()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
