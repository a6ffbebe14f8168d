//! Faults on purpose, in debug builds alone: the program passes named points, and its environment may say that it fails or
//! is killed at one of them. So the very program can be shown to survive both, anywhere.
//!
//! | variable | meaning |
//! |---|---|
//! | `TIEOUT_FAULT=kill@NAME` | the process ends at the first point of that name, as by a power cut |
//! | `TIEOUT_FAULT=fail@NAME` | the request at that point fails: before it is sent, or after it was carried out |
//! | `…@NAME#N`, `…@N` | at the N-th point of that name; at the N-th point of all |
//! | `TIEOUT_FAULT_LOG=FILE` | the name of every point is appended to that file as it is passed |
//!
//! In a release build no point exists and the variables mean nothing.

#[cfg(debug_assertions)]
mod armed {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io::Write;
    use std::sync::{Mutex, OnceLock, PoisonError};

    static FAULTS: OnceLock<Faults> = OnceLock::new();

    struct Faults {
        planned: Option<Planned>,
        log: Option<Mutex<File>>,
        passed: Mutex<Passed>,
    }

    struct Planned {
        kills: bool,
        /// None: any point.
        name: Option<String>,
        nth: u64,
    }

    #[derive(Default)]
    struct Passed {
        all: u64,
        by_name: BTreeMap<String, u64>,
    }

    pub fn arm(environment: &BTreeMap<String, String>) {
        let planned = environment.get("TIEOUT_FAULT").and_then(|text| Planned::parse(text));
        let log = environment.get("TIEOUT_FAULT_LOG");
        let log = log.and_then(|path| File::options().append(true).create(true).open(path).ok());
        if planned.is_some() || log.is_some() {
            let _ = FAULTS.set(Faults { planned, log: log.map(Mutex::new), passed: Mutex::default() });
        }
    }

    pub fn is_armed() -> bool {
        FAULTS.get().is_some()
    }

    /// Passes a point. True: what is done there is to fail.
    pub fn point(name: &str) -> bool {
        let Some(faults) = FAULTS.get() else { return false };
        if let Some(log) = &faults.log {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(log, "{name}");
        }
        let mut passed = faults.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = passed.next(name);
        let Some(planned) = faults.planned.as_ref().filter(|planned| planned.is_at(name, nth)) else { return false };
        if planned.kills {
            // No destructor runs, nothing is flushed, and no other thread gets any further.
            std::process::abort();
        }
        true
    }

    impl Passed {
        /// The number of this point, among all and among those of its name.
        fn next(&mut self, name: &str) -> (u64, u64) {
            self.all += 1;
            let of_name = self.by_name.entry(name.to_owned()).or_default();
            *of_name += 1;
            (self.all, *of_name)
        }
    }

    impl Planned {
        fn parse(text: &str) -> Option<Self> {
            let (what, place) = text.split_once('@')?;
            let kills = match what {
                "kill" => true,
                "fail" => false,
                _ => return None,
            };
            if let Ok(nth) = place.parse() {
                return Some(Self { kills, name: None, nth });
            }
            let (name, nth) = place.split_once('#').unwrap_or((place, "1"));
            Some(Self { kills, name: Some(name.to_owned()), nth: nth.parse().ok()? })
        }

        fn is_at(&self, name: &str, (all, of_name): (u64, u64)) -> bool {
            match &self.name {
                Some(wanted) => wanted == name && self.nth == of_name,
                None => self.nth == all,
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod armed {
    pub fn arm(_: &std::collections::BTreeMap<String, String>) {}

    pub fn is_armed() -> bool {
        false
    }

    pub fn point(_: &str) -> bool {
        false
    }
}

pub use armed::{arm, is_armed, point};

/// Passes one of the two points of a step that has no way to fail on purpose, but can be killed there.
pub fn pass(name: &str, when: &str) {
    if is_armed() {
        point(&format!("{name}.{when}"));
    }
}
