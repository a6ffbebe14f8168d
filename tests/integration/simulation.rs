//! Publication and mail under a simulation: the very code of a run, on a store that fails, answers falsely and is slow, in
//! processes that crash, are paused and overlap, with a relay that loses what it was told.
//!
//! One number is one history: a violation is replayed by its seed. `TIEOUT_SEEDS=50000` looks at more of them than the
//! ordinary tests do, `TIEOUT_SEED=4711` at that one alone.

mod history;
mod invariants;
mod process;
mod relay;
mod store;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use history::History;

const SEEDS: u64 = 2_000;

#[expect(clippy::disallowed_methods, reason = "which histories are looked at is up to whoever starts the tests")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One history on a clock of its own, which stands still while anything can be done.
fn violations(seed: u64) -> (Vec<String>, world::Tally) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime.expect("a runtime"), History::of(seed).happen())
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was looked at is part of what a proof says")]
fn no_history_of_crashes_false_answers_and_overlapping_runs_breaks_a_promise() {
    if let Some(seed) = number("TIEOUT_SEED") {
        let (violations, tally) = violations(seed);
        assert!(violations.is_empty(), "seed {seed}: {}\n{tally:?}", violations.join("\n"));
        return;
    }
    let seeds = number("TIEOUT_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let (broken, tally) = std::thread::scope(|scope| {
        let look = || {
            let (mut broken, mut tally) = (Vec::new(), world::Tally::default());
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds || broken.len() >= 5 {
                    return (broken, tally);
                }
                let (violations, counted) = violations(seed);
                tally += counted;
                broken.extend(violations.into_iter().map(|violation| format!("seed {seed}: {violation}")));
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(look)).collect();
        let mut all = (Vec::new(), world::Tally::default());
        for thread in threads {
            let (broken, tally) = thread.join().expect("a thread");
            all.0.extend(broken);
            all.1 += tally;
        }
        all
    });
    assert!(broken.is_empty(), "{}\n{tally:?}", broken.join("\n"));
    println!("{seeds} histories: {tally:?}");
    // A simulation in which nothing goes wrong proves nothing.
    for (what, count) in tally.counts() {
        assert!(count > seeds / 20, "{what} happened only {count} times: {tally:?}");
    }
}
