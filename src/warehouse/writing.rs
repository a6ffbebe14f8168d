//! A mart on its way into files: its rows in order, through the guard of [`MartWriter`], to the store.

use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use crate::calendar::Calendar;
use crate::pipeline::Mart;
use crate::warehouse::build::{BuildError, failed};
use crate::warehouse::full_batches::FullBatches;
use crate::warehouse::inputs::Intake;
use crate::warehouse::joins::Joins;
use crate::warehouse::kept::{Held, Room};
use crate::warehouse::marts::{MartWriter, WaitingPart};
use crate::warehouse::measured::Costs;
use crate::warehouse::output::{Output, WrittenFile};
use crate::warehouse::sorted::{Ordered, in_order};

/// Where the rows of a model come from and where they go. It owns all it needs, so that a thread of its own can do it.
pub struct Writing {
    pub mart: Mart,
    /// The model that makes the rows: the mart's own, or one of its parts.
    pub model: String,
    /// The intake they come from, when they come from one.
    pub intake: Option<Intake>,
    pub calendar: Calendar,
    pub output: Output,
    pub context: SessionContext,
    /// Whether the rows are those of a table, whose cost was counted when it was built.
    pub is_built: bool,
    pub costs: Costs,
    /// The run's memory, in which the files count until they are stored.
    pub room: Room,
}

impl Writing {
    /// Sorts the rows of an optimised plan by the mart's grain and writes them as they come.
    ///
    /// # Errors
    /// When the rows cannot be computed, are not what the mart declares, or cannot be stored.
    pub async fn write(self, plan: LogicalPlan) -> Result<Vec<WrittenFile>, BuildError> {
        let Self { mart, model, intake, output, costs, .. } = &self;
        let failed = |error| failed(model, error);
        let plans = in_order(plan, &mart.grain).map_err(failed)?;
        let parts = costs.as_memory_allows(model, async |joins| self.parts(&plans, joins).await).await;
        let mut files: Vec<WrittenFile> = Vec::new();
        let (parts, held) = parts.map_err(failed)?;
        let in_memory: usize = parts.iter().map(WaitingPart::memory_size).sum();
        for part in parts {
            held.must_be(in_memory + part.read_size().map_err(|error| failed(error.into()))?);
            let part = part.read().map_err(|error| failed(error.into()))?;
            files.push(output.write(&mart.name, model, *intake, part).await?);
        }
        costs.written(model, files.iter().map(|file| file.bytes).sum());
        if !self.is_built {
            costs.built(model, files.iter().map(|file| file.rows).sum(), 0);
        }
        Ok(files)
    }

    /// The files-to-be. Nothing is stored before all rows are known.
    async fn parts(&self, plans: &[Ordered], joins: Joins) -> Result<(Vec<WaitingPart>, Held), DataFusionError> {
        let mut writer = MartWriter::new(&self.mart, &self.calendar)?.with_spools(self.room.spools());
        let held = self.room.empty();
        for Ordered { plan, constants } in plans {
            let mut rows = FullBatches::of(self.costs.stream(&self.context, &self.model, plan, joins).await?);
            while let Some(batch) = rows.next().await? {
                writer.write(&batch, constants)?;
                held.must_be(writer.memory_size());
            }
        }
        let parts = writer.finish()?;
        held.must_be(parts.iter().map(WaitingPart::memory_size).sum());
        Ok((parts, held))
    }
}
