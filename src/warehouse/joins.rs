//! How joins are computed: one side as a table in memory, which is fast, or both sides sorted, which goes to disk as far as
//! memory does not suffice.
//!
//! Sorts and aggregates put aside what does not fit; a join's table in memory cannot. So what runs out of memory is done once
//! more without such tables. The rows are the same; nothing may rely on their order before they are sorted.

use datafusion::common::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionContext;

use crate::warehouse::pool::floor;
use crate::warehouse::remote;
use crate::warehouse::session::memory_of;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joins {
    InMemory,
    Sorted,
}

impl Joins {
    /// The state to plan and execute with.
    pub fn state(self, context: &SessionContext) -> SessionState {
        let mut state = context.state();
        if self == Self::InMemory {
            return state;
        }
        let memory = memory_of(&context.task_ctx());
        // What each sort keeps back to merge what it has sorted: no more than the floor.
        let kept_back = floor(memory).min(4 << 20);
        // The engine only sorts for joins of several partitions. Both sides of each are sorted, and all of that together keeps
        // back an eighth of the memory at most. Elsewhere it is not this memory.
        let most = if remote::of(&state).is_some() { usize::MAX } else { memory / 16 / kept_back };
        let partitions = state.config().target_partitions().min(most).max(2);
        let config = state.config().clone().with_target_partitions(partitions);
        // Small batches, because each sort merges from a batch of every part of it that is on disk.
        let config = config.with_batch_size(2048).with_sort_spill_reservation_bytes(kept_back);
        // A sort of many batches at once gives batches that count all their text each.
        let config = config.with_sort_in_place_threshold_bytes(0);
        let config = config.set_bool("datafusion.optimizer.prefer_hash_join", false);
        // A state that is built anew would have a catalogue without tables, and so would the session that shares it.
        *state.config_mut() = config;
        state
    }
}

/// Whether an operator did not get the memory that it asked for.
#[must_use]
pub fn needs_memory(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::Shared(error) => needs_memory(error),
        DataFusionError::Context(_, error) | DataFusionError::Diagnostic(_, error) => needs_memory(error),
        error => matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::{Int64Type, Schema};
    use datafusion::datasource::MemTable;
    use datafusion::execution::memory_pool::MemoryConsumer;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::warehouse::execute::{batches, in_batches};
    use crate::warehouse::measured::Costs;
    use crate::warehouse::session::{Limits, runtime};

    const ROWS: i64 = 400_000;
    const JOINED: &str = "select count(*) as rows, sum(one.value) as total from generated as one
        inner join generated as other on one.value = other.value and one.text = other.text";

    /// Rows and sum of a join of a table with itself, which as a table in memory takes more than 48 MB, and whether it was sorted.
    /// Others have taken a part of the memory.
    async fn joined(memory_bytes: usize, taken: usize) -> Result<(i64, i64, bool), DataFusionError> {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes, scratch: folder.path().to_path_buf(), parallelism: 1 };
        let config = SessionConfig::new().with_target_partitions(1);
        let context = SessionContext::new_with_config_rt(config, runtime(&limits)?);
        let others = MemoryConsumer::new("others").register(&context.runtime_env().memory_pool);
        others.try_grow(taken)?;
        let values: Int64Array = (0..ROWS).collect();
        let texts: arrow::array::StringArray =
            (0..ROWS).map(|row| Some(format!("row {row:0>100} of a long text"))).collect();
        let columns = [("value", Arc::new(values) as _), ("text", Arc::new(texts) as _)];
        let rows = in_batches(&RecordBatch::try_from_iter(columns)?)?;
        let schema = rows.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        context.register_table("generated", Arc::new(MemTable::try_new(schema, vec![rows])?))?;
        let plan = context.sql(JOINED).await?.into_optimized_plan()?;
        let costs = Costs::of("model");
        let table = costs.collect(&context, "model", &plan).await?;
        assert!(context.table_exist("generated")?, "the session still has its tables");
        let rows = batches(&table).await;
        let number = |column| rows.first().map_or(0, |rows| rows.column(column).as_primitive::<Int64Type>().value(0));
        Ok((number(0), number(1), costs.joins("model") == Joins::Sorted))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_does_not_fit_as_a_table_in_memory_is_joined_in_order_and_comes_to_the_same() {
        let sum = ROWS * (ROWS - 1) / 2;
        assert_eq!(joined(256 << 20, 0).await.expect("rows"), (ROWS, sum, false));
        assert_eq!(joined(48 << 20, 0).await.expect("rows"), (ROWS, sum, true));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_join_in_order_comes_to_its_end_when_others_have_taken_the_memory() {
        let sum = ROWS * (ROWS - 1) / 2;
        for (memory, left) in [(64 << 20, 0), (64 << 20, 1 << 20), (32 << 20, 4 << 20)] {
            assert_eq!(joined(memory, memory - left).await.expect("rows"), (ROWS, sum, true), "{memory}, {left}");
        }
    }
}
