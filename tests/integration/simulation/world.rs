//! What all processes of a history share: the objects of the store, the inputs, the relay, and the time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use object_store::memory::InMemory;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use tieout::clock::Clock;

use super::relay::Accepted;

/// What happened over how many histories: shows that a simulation has tried anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub runs: u64,
    pub publications: u64,
    pub crashes: u64,
    pub pauses: u64,
    pub false_answers: u64,
    pub failed_requests: u64,
    pub overlaps: u64,
    pub accepted: u64,
    pub doubts: u64,
}

impl Tally {
    pub fn counts(&self) -> [(&'static str, u64); 9] {
        [
            ("run", self.runs),
            ("publication", self.publications),
            ("crash", self.crashes),
            ("pause", self.pauses),
            ("false answer", self.false_answers),
            ("failed request", self.failed_requests),
            ("overlap", self.overlaps),
            ("accepted mail", self.accepted),
            ("doubt", self.doubts),
        ]
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.publications += other.publications;
        self.crashes += other.crashes;
        self.pauses += other.pauses;
        self.false_answers += other.false_answers;
        self.failed_requests += other.failed_requests;
        self.overlaps += other.overlaps;
        self.accepted += other.accepted;
        self.doubts += other.doubts;
    }
}

/// Shared by the stores and the relay, which other threads could own in principle.
#[derive(Debug)]
pub struct World {
    pub objects: InMemory,
    /// Chance, by the seed.
    random: Mutex<ChaCha8Rng>,
    pub began: Instant,
    /// How often each key was really written.
    pub writes: Mutex<BTreeMap<String, u32>>,
    pub accepted: Mutex<Vec<Accepted>>,
    pub tally: Mutex<Tally>,
    pub violations: Mutex<Vec<String>>,
    /// Whether anything still goes wrong.
    pub troubled: Mutex<bool>,
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.time()
    }
}

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            objects: InMemory::new(),
            random: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            began: Instant::now(),
            writes: Mutex::default(),
            accepted: Mutex::default(),
            tally: Mutex::default(),
            violations: Mutex::default(),
            troubled: Mutex::new(true),
        })
    }

    /// One in `of`, while there is trouble.
    pub fn strikes(&self, of: u32) -> bool {
        self.is_troubled() && self.below(of) == 0
    }

    /// A number below `bound`.
    pub fn below(&self, bound: u32) -> u32 {
        self.random.lock().expect("a lock").random_range(0..bound)
    }

    pub fn is_troubled(&self) -> bool {
        *self.troubled.lock().expect("a lock")
    }

    pub fn calm(&self) {
        *self.troubled.lock().expect("a lock") = false;
    }

    /// The time of day in this world.
    pub fn time(&self) -> Timestamp {
        let start: Timestamp = "2026-11-02T06:00:00Z".parse().expect("an instant");
        start + self.began.elapsed()
    }

    pub fn violated(&self, what: String) {
        self.violations.lock().expect("a lock").push(what);
    }

    pub fn count(&self, what: impl FnOnce(&mut Tally)) {
        what(&mut self.tally.lock().expect("a lock"));
    }
}

/// What is to be published: the inputs as they are now.
#[derive(Debug, Default)]
pub struct Inputs {
    pub version: Cell<u32>,
    /// Processes at work.
    pub at_work: RefCell<u32>,
}
