//! The stores that sources are in: they can be listed, and a file that was replaced is noticed while it is read.

use std::collections::BTreeMap;

use super::{Probe, problem, size};
use crate::error::Exit;
use crate::pipeline::{Pipeline, Source};
use crate::problem::Problem;
use crate::store::{Listed, StoreError, Stores, probe};

const OF: &str = "inputs";

/// What was seen of the inputs.
pub(super) struct Inputs {
    pub probes: Vec<Probe>,
    /// Bytes of all files; nothing when a source could not be listed.
    pub bytes: Option<u64>,
}

/// Lists every source, store by store, and tries one conditional read in each store.
pub(super) async fn probe(stores: &Stores, pipeline: &Pipeline) -> Inputs {
    let mut inputs = Inputs { probes: Vec::new(), bytes: Some(0) };
    let mut by_store: BTreeMap<String, Vec<&Source>> = BTreeMap::new();
    for source in pipeline.sources.values() {
        match stores.open(&source.files) {
            Ok(location) => by_store.entry(location.base.to_string()).or_default().push(source),
            Err(error) => inputs.failed("listed", &error),
        }
    }
    for (base, sources) in by_store {
        inputs.store(stores, &base, &sources).await;
    }
    inputs
}

impl Inputs {
    fn failed(&mut self, promise: &'static str, error: &StoreError) {
        self.bytes = None;
        self.probes.push(Probe::failed(OF, promise, error.exit(), problem(error)));
    }

    async fn store(&mut self, stores: &Stores, base: &str, sources: &[&Source]) {
        let (mut files, mut bytes, mut listed) = (0, 0_u64, true);
        let mut example = None;
        for source in sources {
            match stores.expand(&source.files).await {
                Ok(found) => {
                    files += found.len();
                    bytes += found.iter().map(|file| file.meta.size).sum::<u64>();
                    example = example.or_else(|| found.into_iter().next());
                }
                Err(StoreError::NoFiles { .. }) if source.optional => {}
                Err(error @ StoreError::Failed { .. }) => {
                    listed = false;
                    self.failed("listed", &error);
                }
                Err(error) => self.probes.push(Probe::warning(OF, "files", problem(&error))),
            }
        }
        if listed {
            let seen = format!("{base} has {files} files of {} sources, {}", sources.len(), size(bytes));
            self.probes.push(Probe::ok(OF, "listed", seen));
        }
        self.bytes = self.bytes.map(|all| all.saturating_add(bytes));
        let Some(example) = example else {
            let why = format!("{base} has no file that could be read");
            return self.probes.push(Probe::skipped(OF, "read if it matches", &why));
        };
        self.probes.push(replaced(stores, &example).await);
    }
}

/// A store that ignores the condition is no failure: what was read is also compared with what was looked at.
async fn replaced(stores: &Stores, example: &Listed) -> Probe {
    const PROMISE: &str = "read if it matches";
    let found = match stores.open_for_log(&example.url) {
        Ok(location) => probe::refuses_other_version(&location, &example.meta.location).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(()) => Probe::ok(OF, PROMISE, format!("another entity tag was refused for {}", example.url)),
        Err(error @ StoreError::Promise { .. }) => {
            let seen =
                format!("{error}: inputs replaced during a run are noticed only by size and tag, after the fact");
            let help = "write inputs under new names instead of replacing them, or use a store that honours If-Match";
            Probe::warning(OF, PROMISE, Problem::new(error.code(), seen).help(help))
        }
        // It was there a moment ago: whoever replaces it now is no fault of the store.
        Err(error) if error.exit() == Exit::InputMissing => {
            Probe::skipped(OF, PROMISE, "the file that was to be read is gone")
        }
        Err(error) => Probe::failed(OF, PROMISE, error.exit(), problem(&error)),
    }
}
