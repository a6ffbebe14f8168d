//! Whether stores, relay and machine keep what a run relies on, and that it is noticed when they do not.

mod machine;
mod probed;
mod promises;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use tieout::cli::DoctorArgs;
use tieout::commands::doctor::{Diagnosis, Probe, doctor};
use tieout::commands::invocation::{Invocation, Stopping};
use tieout::telemetry::Progress;
use tieout::warehouse::session::Machine;

/// The verb within this process: a clock that is `ahead`, and `root` in the place of `/`.
async fn diagnosed(pipeline: &Path, ahead: SignedDuration, root: &Path) -> Diagnosis {
    let random: u128 = rand::random();
    let invocation = Invocation {
        environment: [("PATH".to_owned(), String::new())].into(),
        now: Timestamp::now() + ahead,
        clock: std::sync::Arc::new(Timestamp::now() + ahead),
        random: random.to_le_bytes(),
        machine: Machine { cores: 2, memory: None },
        temporary: PathBuf::from("/nowhere"),
        progress: Progress::default(),
        stopping: Stopping::default(),
    };
    let args = DoctorArgs { pipeline: pipeline.to_path_buf() };
    doctor(&args, &invocation, root).await.expect("a diagnosis")
}

fn probe<'a>(found: &'a Diagnosis, of: &str, promise: &str) -> &'a Probe {
    let mut probes = found.probes.iter().filter(|probe| probe.of == of && probe.promise == promise);
    probes.next().unwrap_or_else(|| panic!("{of} {promise}: {found}"))
}
