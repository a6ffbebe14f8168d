//! The memory that all queries of a run share.
//!
//! Operators that can put rows aside get equal shares of what those that cannot have left over. When tables and sorts
//! beside a query have taken nearly all of it, such a share can be too small for a single batch, and the query would fail
//! though it needs little: it cannot make the others give anything back. So every operator may hold a *floor*, whatever the
//! others hold. All together then take more than there is by as many floors as there are operators that have no more, which
//! is a part of what the process has beside this memory.

use std::fmt::{self, Display, Formatter};

use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// Of which part of the memory an operator is sure.
const FLOOR: usize = 64;

/// Bytes that every operator may hold, of so many in all.
pub(crate) const fn floor(memory_bytes: usize) -> usize {
    memory_bytes / FLOOR
}

/// Equal shares, and none of them below the floor.
#[derive(Debug)]
pub(crate) struct SharesWithFloor {
    shares: FairSpillPool,
    floor: usize,
}

impl SharesWithFloor {
    pub fn new(memory_bytes: usize) -> Self {
        Self { shares: FairSpillPool::new(memory_bytes), floor: floor(memory_bytes) }
    }
}

impl Display for SharesWithFloor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} with a floor of {} bytes", self.shares, self.floor)
    }
}

impl MemoryPool for SharesWithFloor {
    fn name(&self) -> &'static str {
        "shares_with_floor"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shares.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shares.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shares.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shares.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<(), DataFusionError> {
        let tried = self.shares.try_grow(reservation, additional);
        if tried.is_err() && reservation.size().saturating_add(additional) <= self.floor {
            self.shares.grow(reservation, additional);
            return Ok(());
        }
        tried
    }

    fn reserved(&self) -> usize {
        self.shares.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.shares.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const MEMORY: usize = 64 << 20;

    #[test]
    fn an_operator_may_hold_the_floor_when_others_have_taken_all_and_no_more() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharesWithFloor::new(MEMORY));
        let tables = MemoryConsumer::new("tables").register(&pool);
        tables.try_grow(MEMORY).expect("all is free");
        for can_spill in [false, true] {
            let operator = MemoryConsumer::new("operator").with_can_spill(can_spill).register(&pool);
            operator.try_grow(floor(MEMORY) / 2).expect("half of the floor");
            operator.try_grow(floor(MEMORY) / 2).expect("the floor");
            assert!(operator.try_grow(1).is_err(), "more than the floor");
            assert_eq!(pool.reserved(), MEMORY + floor(MEMORY));
            drop(operator);
            assert_eq!(pool.reserved(), MEMORY);
        }
    }

    #[test]
    fn operators_that_can_put_rows_aside_have_equal_shares_of_what_is_left() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharesWithFloor::new(MEMORY));
        let tables = MemoryConsumer::new("tables").register(&pool);
        tables.try_grow(MEMORY / 2).expect("half is free");
        let sort = |number| MemoryConsumer::new(format!("sort {number}")).with_can_spill(true).register(&pool);
        let sorts: Vec<_> = (0..4).map(sort).collect();
        for sort in &sorts {
            sort.try_grow(MEMORY / 8).expect("its share");
            assert!(sort.try_grow(1).is_err(), "more than its share");
        }
        assert_eq!(pool.reserved(), MEMORY);
    }
}
