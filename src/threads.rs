//! The same done to many things at once, on threads that are deep enough for queries.
//!
//! Every thread of ours is joined, or lives until the process ends; none is let go. The C library looks at a thread once more after it
//! has let it go, and one with a stack as large as these, which ends at that very moment, has given its memory back by then:
//! a fault now and then, that ends the process.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Of a thread that plans queries: their expressions are walked level by level, and may be as deep as a query may be.
/// Bytes; they are taken from memory only as far as they are used.
pub const PLANNING_STACK: usize = 128 << 20;

/// What `work` gives for each thing, in the order of the things, by at most `threads` of them at once.
pub fn each<'a, T: Sync, R: Send>(threads: usize, things: &'a [T], work: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    let done = Mutex::new(Vec::with_capacity(things.len()));
    after(threads, &vec![BTreeSet::new(); things.len()], |at| {
        if let Some(thing) = things.get(at) {
            let made = work(thing);
            locked(&done).push((at, made));
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

/// Does the work of every number below `needs.len()` once, and none before what it needs. Of its needs those before it
/// count, so that the work always comes to an end; of what can be done at once, the first is taken first.
///
/// The calling thread works too, and alone where the system gives no further one.
pub fn after(threads: usize, needs: &[BTreeSet<usize>], work: impl Fn(usize) + Sync) {
    let queue = Queue::new(needs);
    thread::scope(|scope| {
        let more = threads.min(needs.len()).saturating_sub(1);
        // One that cannot be had is one that does not help.
        let helper =
            |_| thread::Builder::new().stack_size(PLANNING_STACK).spawn_scoped(scope, || queue.run(&work)).ok();
        let helpers: Vec<_> = (0..more).filter_map(helper).collect();
        let mut ended = catch_unwind(AssertUnwindSafe(|| queue.run(&work)));
        for helper in helpers {
            ended = ended.and(helper.join());
        }
        if let Err(panic) = ended {
            resume_unwind(panic);
        }
    });
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Who waits for a number.
    readers: Vec<Vec<usize>>,
}

struct State {
    ready: BTreeSet<usize>,
    /// How many needs of a number are not done.
    open: Vec<usize>,
    left: usize,
}

impl Queue {
    fn new(needs: &[BTreeSet<usize>]) -> Self {
        let mut readers = vec![Vec::new(); needs.len()];
        let mut open = vec![0; needs.len()];
        for ((at, needs), open) in needs.iter().enumerate().zip(&mut open) {
            for need in needs.range(..at) {
                if let Some(readers) = readers.get_mut(*need) {
                    readers.push(at);
                    *open += 1;
                }
            }
        }
        let ready = open.iter().enumerate().filter(|(_, open)| **open == 0).map(|(at, _)| at).collect();
        let state = State { ready, open, left: needs.len() };
        Self { state: Mutex::new(state), changed: Condvar::new(), readers }
    }

    fn run(&self, work: impl Fn(usize)) {
        while let Some(at) = self.next() {
            // Nobody waits for ever for what ended in a panic.
            let done = Done { queue: self, at };
            work(at);
            drop(done);
        }
    }

    fn next(&self) -> Option<usize> {
        let mut state = locked(&self.state);
        while state.ready.is_empty() && state.left > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.ready.pop_first()
    }
}

/// Marks a number as done when it goes.
struct Done<'a> {
    queue: &'a Queue,
    at: usize,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let mut state = locked(&self.queue.state);
        state.left = state.left.saturating_sub(1);
        for reader in self.queue.readers.get(self.at).into_iter().flatten() {
            let now_ready = state.open.get_mut(*reader).is_some_and(|open| {
                *open = open.saturating_sub(1);
                *open == 0
            });
            if now_ready {
                state.ready.insert(*reader);
            }
        }
        drop(state);
        self.queue.changed.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_is_made_of_each_thing_stays_in_the_order_of_the_things() {
        for threads in [0, 1, 2, 7] {
            let things: Vec<usize> = (0..100).collect();
            assert_eq!(each(threads, &things, |thing| thing * 2), (0..100).map(|thing| thing * 2).collect::<Vec<_>>());
        }
        assert!(each(4, &[0; 0], |thing| *thing).is_empty());
    }

    #[test]
    fn nothing_is_begun_before_what_it_needs_and_a_need_that_comes_later_is_none() {
        let needs: Vec<BTreeSet<usize>> = (0..64_usize).map(|at| BTreeSet::from([at / 2, at, at + 1])).collect();
        for threads in [1, 4] {
            let done = Mutex::new(BTreeSet::new());
            after(threads, &needs, |at| {
                assert!(at == 0 || locked(&done).contains(&(at / 2)), "{at}");
                locked(&done).insert(at);
            });
            assert_eq!(locked(&done).len(), 64);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_others_come_to_an_end() {
        let done = AtomicUsize::new(0);
        let needs: Vec<BTreeSet<usize>> = (0..20).map(|_| BTreeSet::from([0])).collect();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            after(3, &needs, |at| {
                assert!(at != 0, "the first fails");
                done.fetch_add(1, Ordering::Relaxed);
            });
        }));
        assert!(ended.is_err());
        assert_eq!(done.load(Ordering::Relaxed), 19);
    }
}
