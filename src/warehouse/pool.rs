//! The memory that all queries of a run share.
//!
//! Operators that can put rows aside get equal shares of what those that cannot have left over. When tables and sorts
//! beside a query have taken nearly all of it, such a share can be too small for a single batch, and the query would fail
//! though it needs little: it cannot make the others give anything back. So whoever holds less than a *floor* gets that much,
//! whatever the others hold, until all together have taken an eighth more than there is. That eighth is a part of what the
//! process has beside this memory.

use std::fmt::{self, Display, Formatter};

use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// Which part of the memory whoever holds less of it gets.
const FLOOR: usize = 64;
/// Bytes that it gets at least: those of a batch.
const LEAST: usize = 1 << 20;
/// Which part of the memory may be taken beyond it for that.
const BEYOND: usize = 8;

/// Bytes that mostly are there for whoever holds less, of so many in all.
pub(crate) fn floor(memory_bytes: usize) -> usize {
    (memory_bytes / FLOOR).max(LEAST)
}

/// Equal shares, and none of them below the floor.
#[derive(Debug)]
pub(crate) struct SharesWithFloor {
    shares: FairSpillPool,
    floor: usize,
    /// Bytes of all together.
    most: usize,
}

impl SharesWithFloor {
    pub fn new(memory_bytes: usize) -> Self {
        Self {
            shares: FairSpillPool::new(memory_bytes),
            floor: floor(memory_bytes),
            most: memory_bytes + memory_bytes / BEYOND,
        }
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
        let is_below = reservation.size().saturating_add(additional) <= self.floor;
        if is_below && self.reserved().saturating_add(additional) <= self.most {
            self.shares.grow(reservation, additional);
            return Ok(());
        }
        self.shares.try_grow(reservation, additional)
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
    fn all_together_take_an_eighth_more_than_there_is_at_most() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharesWithFloor::new(MEMORY));
        let tables = MemoryConsumer::new("tables").register(&pool);
        tables.try_grow(MEMORY).expect("all is free");
        let operator =
            |number: usize| MemoryConsumer::new("operator").with_can_spill(number.is_multiple_of(2)).register(&pool);
        let operators: Vec<_> = (0..200).map(operator).collect();
        let served = operators.iter().filter(|operator| operator.try_grow(floor(MEMORY)).is_ok()).count();
        assert_eq!(served, FLOOR / BEYOND);
        assert_eq!(pool.reserved(), MEMORY + MEMORY / BEYOND);
        assert!(operators.iter().all(|operator| operator.try_grow(1).is_err()));
        drop(operators);
        assert_eq!(pool.reserved(), MEMORY);
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
