//! A mart on its way into files: its rows in order, through the guard of [`MartWriter`], to the store.

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use crate::calendar::Calendar;
use crate::pipeline::Mart;
use crate::warehouse::build::{BuildError, failed};
use crate::warehouse::inputs::Intake;
use crate::warehouse::marts::MartWriter;
use crate::warehouse::measured::Costs;
use crate::warehouse::output::{Output, WrittenFile};
use crate::warehouse::sorted::{Ordered, in_order};

/// Where the rows of a model come from and where they go.
pub struct Writing<'a> {
    pub mart: &'a Mart,
    /// The model that makes the rows: the mart's own, or one of its parts.
    pub model: &'a str,
    /// The intake they come from, when they come from one.
    pub intake: Option<Intake>,
    pub calendar: &'a Calendar,
    pub output: &'a Output,
    pub context: &'a SessionContext,
    pub costs: &'a Costs,
}

impl Writing<'_> {
    /// Sorts the rows of an optimised plan by the mart's grain and writes them as they come.
    ///
    /// # Errors
    /// When the rows cannot be computed, are not what the mart declares, or cannot be stored.
    pub async fn write(self, plan: LogicalPlan) -> Result<Vec<WrittenFile>, BuildError> {
        let Self { mart, model, intake, calendar, output, context, costs } = self;
        let failed = |error| failed(model, error);
        let mut writer = MartWriter::new(mart, calendar)?;
        for Ordered { plan, constants } in in_order(plan, &mart.grain).map_err(failed)? {
            let mut rows = costs.stream(context, model, &plan).await.map_err(failed)?;
            while let Some(batch) = rows.next().await.map_err(failed)? {
                writer.write(&batch, &constants).map_err(failed)?;
            }
        }
        let mut files: Vec<WrittenFile> = Vec::new();
        for part in writer.finish()? {
            files.push(output.write(&mart.name, model, intake, part).await?);
        }
        costs.written(model, files.iter().map(|file| file.bytes).sum());
        // What no table of the session holds was not built before.
        if !context.table_exist(model)? {
            costs.built(model, files.iter().map(|file| file.rows).sum(), 0);
        }
        Ok(files)
    }
}
