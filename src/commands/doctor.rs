//! `doctor`: does this bucket, this relay and this machine keep the promises that a run relies on? Every probe is made,
//! also after one has failed; nothing is published and nothing mailed.

mod cgroup;
mod inputs;
mod machine;
mod outputs;
mod relay;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::clock::Stopwatch;
use crate::commands::invocation::Invocation;
use crate::error::{Exit, Failure};
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::store::{Patience, StoreError, Stores};

pub use cgroup::memory_limit;

/// A person waits for the answer, and nothing is lost when a write stays in doubt.
const PATIENCE: Patience = Patience {
    deadline: Duration::from_secs(20),
    first_pause: Duration::from_millis(100),
    longest_pause: Duration::from_secs(5),
    request: Duration::from_secs(20),
};

/// Failures from the gravest on: what only a person can mend comes before what may pass by itself.
const GRAVEST: [Exit; 7] = [
    Exit::Definition,
    Exit::Permission,
    Exit::InputContract,
    Exit::Resources,
    Exit::Unreachable,
    Exit::CommitUnknown,
    Exit::TryLater,
];

/// What all probes saw.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    pub pipeline: String,
    /// The exit code of the gravest failure.
    pub exit: u8,
    pub probes: Vec<Probe>,
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What was probed: `outputs`, `inputs`, `mail` or `machine`.
    pub of: &'static str,
    /// Which promise of it.
    pub promise: &'static str,
    pub verdict: Verdict,
    /// What was seen, on one line.
    pub seen: String,
    /// The stable code of the message, for what is not as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One action that puts it right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warning,
    Failed,
    /// Not made, because it needs something that failed before.
    Skipped,
}

/// Makes every probe. `root` is `/`: where `proc/` and `sys/` are.
///
/// # Errors
/// Problems of the pipeline file or its storage options. What a probe finds is no error, it is in the [`Diagnosis`].
pub async fn doctor(args: &DoctorArgs, invocation: &Invocation, root: &Path) -> Result<Diagnosis, Failure> {
    let started = Stopwatch::start();
    let pipeline = Pipeline::load(&args.pipeline, &invocation.environment)?;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?.with_patience(PATIENCE);
    let clock = || {
        let elapsed = i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX);
        invocation.now.as_second().saturating_add(elapsed)
    };
    let nonce = invocation.nonce();
    let mut probes = outputs::probe(&stores, &pipeline.storage.outputs, &nonce, &clock).await;
    let read = inputs::probe(&stores, &pipeline).await;
    probes.extend(read.probes);
    if !pipeline.reports.is_empty() {
        probes.push(relay::probe(&pipeline.delivery.transport, &nonce).await);
    }
    let scratch = pipeline.engine.scratch.as_ref().unwrap_or(&invocation.temporary);
    probes.extend(machine::probe(root, scratch, &pipeline.engine, read.bytes, &nonce));
    let exit = gravest(&probes) as u8;
    Ok(Diagnosis { pipeline: pipeline.name, exit, probes })
}

fn gravest(probes: &[Probe]) -> Exit {
    let failed = || probes.iter().filter(|probe| probe.verdict == Verdict::Failed).map(|probe| probe.exit);
    let known = GRAVEST.into_iter().find(|exit| failed().any(|failed| failed == *exit));
    known.or_else(|| failed().next()).unwrap_or(Exit::Done)
}

impl Diagnosis {
    /// The exit code of the gravest failure; 0 when every promise is kept, with warnings or without.
    #[must_use]
    pub fn exit(&self) -> Exit {
        gravest(&self.probes)
    }
}

impl Probe {
    fn ok(of: &'static str, promise: &'static str, seen: impl Into<String>) -> Self {
        Self { of, promise, verdict: Verdict::Ok, seen: seen.into(), code: None, help: None, exit: Exit::Done }
    }

    fn skipped(of: &'static str, promise: &'static str, why: &str) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::ok(of, promise, why) }
    }

    fn warning(of: &'static str, promise: &'static str, problem: Problem) -> Self {
        Self { verdict: Verdict::Warning, ..Self::failed(of, promise, Exit::Done, problem) }
    }

    fn failed(of: &'static str, promise: &'static str, exit: Exit, problem: Problem) -> Self {
        let (verdict, code) = (Verdict::Failed, Some(problem.code.to_owned()));
        Self { of, promise, verdict, seen: one_line(&problem.message), code, help: problem.help, exit }
    }

    fn of_store(of: &'static str, promise: &'static str, found: Result<String, StoreError>) -> Self {
        match found {
            Ok(seen) => Self::ok(of, promise, seen),
            Err(error) => Self::failed(of, promise, error.exit(), problem(&error)),
        }
    }
}

fn problem(error: &StoreError) -> Problem {
    Problem::new(error.code(), error.to_string()).help(error.help())
}

/// What was seen goes on one line, and cannot change how a terminal shows it.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    let unit = [("GiB", 30), ("MiB", 20), ("KiB", 10)].into_iter().find(|(_, shift)| bytes >> shift > 0);
    let Some((unit, shift)) = unit else { return format!("{bytes} B") };
    let tenths = (u128::from(bytes) * 10) >> shift;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        })
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Probe { of, promise, verdict, seen, code, help, .. } in &self.probes {
            let code = code.as_ref().map(|code| format!("[{code}] ")).unwrap_or_default();
            writeln!(f, "{verdict:<8} {of:<8} {promise}: {code}{seen}")?;
            if let Some(help) = help {
                writeln!(f, "         help: {help}")?;
            }
        }
        let count = |verdict| self.probes.iter().filter(|probe| probe.verdict == verdict).count();
        let (failed, warnings) = (count(Verdict::Failed), count(Verdict::Warning));
        writeln!(f, "{}: {} probes, {failed} failed, {warnings} warnings", self.pipeline, self.probes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_the_largest_unit_that_fits() {
        let said = [0, 1023, 1024, 1536, (1 << 30) - 1, 5 << 29, u64::MAX].map(size);
        assert_eq!(said, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1023.9 MiB", "2.5 GiB", "17179869183.9 GiB"]);
    }

    #[test]
    fn what_only_a_person_can_mend_decides_the_exit_code() {
        let failed = |exit| Probe::failed("outputs", "x", exit, Problem::new("E1", "x"));
        let exits = |exits: &[Exit]| gravest(&exits.iter().copied().map(failed).collect::<Vec<_>>());
        assert_eq!(exits(&[Exit::Unreachable, Exit::Definition, Exit::Permission]), Exit::Definition);
        assert_eq!(exits(&[Exit::Unreachable, Exit::Resources]), Exit::Resources);
        assert_eq!(exits(&[]), Exit::Done);
        let warning = Probe::warning("outputs", "x", Problem::new("E1", "x"));
        assert_eq!(gravest(&[warning]), Exit::Done);
    }
}
