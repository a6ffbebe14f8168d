//! The hot pieces of the machine, each beside a peer or a floor over the same rows, so that a ratio can be read.
//!
//! `cargo bench` times them. With `--once` each piece runs once to warm up and once inside [`counted`], where
//! `benches/instructions.py` counts. Without `--bench`, as `cargo test` starts it, every piece runs once over a small shop.
#![expect(clippy::expect_used, reason = "a benchmark that cannot begin ends")]

mod marts;
mod rows;
mod shop;

use std::io::Write as _;
use std::time::Duration;

use criterion::{Criterion, Throughput};

use shop::Shop;

/// Orders of the shop that is timed, of one month.
const TIMED: u64 = 50_000;
/// Orders of the shop over which instructions are counted, slowly.
const COUNTED: u64 = 500;

/// One way to do one thing to all rows.
pub struct Case {
    pub piece: &'static str,
    /// What does it: `tieout`, or a peer or floor by its name.
    pub by: &'static str,
    pub rows: usize,
    pub work: Box<dyn Fn()>,
}

impl Case {
    /// What `work` gives is given to the optimiser's blind spot, and is dropped in the time that is measured.
    pub fn new<T>(piece: &'static str, by: &'static str, rows: usize, work: impl Fn() -> T + 'static) -> Self {
        let work = Box::new(move || drop(std::hint::black_box(work())));
        Self { piece, by, rows, work }
    }
}

fn main() {
    let asked = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if asked("--once") {
        return once();
    }
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    timed(&cases(if asked("--bench") { TIMED } else { COUNTED }), &mut criterion);
    criterion.final_summary();
}

fn cases(orders: u64) -> Vec<Case> {
    let shop = Shop::of(orders);
    rows::cases(&shop).into_iter().chain(marts::cases(&shop)).collect()
}

fn timed(cases: &[Case], criterion: &mut Criterion) {
    for of_piece in cases.chunk_by(|one, other| one.piece == other.piece) {
        let Some(first) = of_piece.first() else { continue };
        let mut group = criterion.benchmark_group(first.piece);
        for case in of_piece {
            group.throughput(Throughput::Elements(u64::try_from(case.rows).unwrap_or(u64::MAX)));
            group.bench_function(case.by, |bencher| bencher.iter(&case.work));
        }
        group.finish();
    }
}

/// Every piece of the machine once, and its name as soon as it is counted.
fn once() {
    for case in cases(COUNTED).iter().filter(|case| case.by == "tieout") {
        (case.work)();
        counted(&case.work);
        let _ = writeln!(std::io::stdout(), "{}", case.piece);
    }
}

/// What is counted. It has a name that a counter finds.
#[inline(never)]
fn counted(work: &dyn Fn()) {
    work();
    // A call at the very end would be a jump, and the counter would not see this function being left.
    std::hint::black_box(work);
}
