//! A mart on its way into files: its rows in order, through the guard of [`MartWriter`], to the store.

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use crate::calendar::Calendar;
use crate::pipeline::Mart;
use crate::warehouse::build::{BuildError, failed};
use crate::warehouse::execute;
use crate::warehouse::inputs::Intake;
use crate::warehouse::marts::MartWriter;
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
}

impl Writing<'_> {
    /// Sorts the rows of an optimised plan by the mart's grain and writes them as they come.
    ///
    /// # Errors
    /// When the rows cannot be computed, are not what the mart declares, or cannot be stored.
    pub async fn write(self, plan: LogicalPlan) -> Result<Vec<WrittenFile>, BuildError> {
        let Self { mart, model, intake, calendar, output, context } = self;
        let failed = |error| failed(model, error);
        let mut writer = MartWriter::new(mart, calendar)?;
        for Ordered { plan, constants } in in_order(plan, &mart.grain).map_err(failed)? {
            let mut rows = execute::stream(context, &plan).await.map_err(failed)?;
            while let Some(batch) = rows.next().await {
                writer.write(&batch.map_err(failed)?, &constants).map_err(failed)?;
            }
        }
        let mut files = Vec::new();
        for part in writer.finish()? {
            files.push(output.write(&mart.name, model, intake, part).await?);
        }
        Ok(files)
    }
}
