//! What the engine may use of this machine, and which cluster computes for it.

use std::time::Duration;

use super::Validator;
use crate::pipeline::spec::EngineSpec;
use crate::pipeline::{ClusterSettings, Engine, parse};

const DEFAULT_LEASE: Duration = Duration::from_mins(1);
/// A step that takes longer is most likely waiting for an executor that is lost.
const DEFAULT_DEADLINE: Duration = Duration::from_mins(10);
const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);

impl Validator<'_> {
    pub(super) fn engine(&mut self, spec: EngineSpec) -> Engine {
        let memory_bytes = spec.memory.as_ref().and_then(|text| {
            let bytes = parse::size(text);
            if bytes.is_none() {
                self.problem(&["engine", "memory"], "E106", format!("`{text}` is no size: write 512MiB or 2GiB"));
            }
            bytes
        });
        let scratch = spec.scratch.map(|folder| self.directory.join(folder));
        let lease = self.engine_time("lease", spec.lease.as_deref(), DEFAULT_LEASE);
        let deadline = self.engine_time("cluster_deadline", spec.cluster_deadline.as_deref(), DEFAULT_DEADLINE);
        let patience = self.engine_time("cluster_patience", spec.cluster_patience.as_deref(), DEFAULT_PATIENCE);
        let scheduler = spec.cluster.as_deref().and_then(|text| self.scheduler(text));
        let cluster = scheduler.map(|scheduler| ClusterSettings { scheduler, deadline, patience });
        let parallelism = usize::try_from(spec.parallelism).unwrap_or(0);
        Engine { memory_bytes, scratch, parallelism, lease, cluster }
    }

    fn engine_time(&mut self, key: &str, text: Option<&str>, default: Duration) -> Duration {
        let Some(text) = text else { return default };
        let time = parse::duration(text).and_then(|time| time.try_into().ok()).filter(|time| !Duration::is_zero(time));
        if time.is_none() {
            self.problem(&["engine", key], "E106", format!("`{text}` is no duration: write 30s or 2m"));
        }
        time.unwrap_or(default)
    }

    /// Host and port of a scheduler.
    fn scheduler(&mut self, text: &str) -> Option<String> {
        let scheduler = parse::scheduler(text);
        if scheduler.is_none() {
            self.problem(&["engine", "cluster"], "E128", format!("`{text}` is no scheduler: write df://host:50050"));
        }
        scheduler
    }
}
