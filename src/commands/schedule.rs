//! `schedule`: what a scheduler needs to start a pipeline, printed: nothing is installed.
//!
//! Names in a pipeline file, paths and the image are texts of others. Each form quotes them by its own rules, and what no
//! form can say on one line is refused.

mod at;
mod crontab;
mod kubernetes;
mod quote;
mod systemd;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use url::Url;

use crate::cli::ScheduleArgs;
use crate::error::{Exit, Failure};
use crate::mail::Timeouts;
use crate::pipeline::{Elsewhere, Engine, Environment, Transport, normal};
use crate::problem::{Problem, Problems};
use crate::store::Patience;

pub use at::{At, AtError};

/// Who starts the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// A line for a crontab.
    Crontab,
    /// A service and a timer.
    Systemd,
    /// A `CronJob`.
    Kubernetes,
}

/// What to put where.
#[derive(Clone, Debug, Serialize)]
pub struct Scheduled {
    pub pipeline: String,
    pub scheduler: Scheduler,
    pub files: Vec<ScheduledFile>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ScheduledFile {
    /// The usual place of the file.
    pub place: String,
    pub text: String,
}

/// What all forms say about a pipeline.
struct Facts {
    /// Small letters, digits and dashes, as systemd and Kubernetes want names.
    name: String,
    pipeline: String,
    zone: String,
    at: At,
    image: Option<String>,
    /// The pipeline file, absolute.
    file: PathBuf,
    /// The folder above the pipeline's: what is in it goes into the image.
    project: PathBuf,
    /// Bytes.
    memory: u64,
    parallelism: usize,
    is_on_a_cluster: bool,
    scratch: Option<PathBuf>,
    /// Folders of this machine that the pipeline reads or writes, by what they are.
    folders: BTreeMap<&'static str, PathBuf>,
    /// Whether a store in a cloud is reached with no secret from the file.
    needs_identity: bool,
    /// Variables that hold secrets.
    secret_variables: Vec<String>,
    /// Files that hold secrets, as written.
    secret_files: Vec<String>,
    /// Other variables, each with whether it has a default.
    variables: BTreeMap<String, bool>,
}

/// A run that takes longer is ended, to be begun again.
const LONGEST_RUN: Duration = Duration::from_hours(2);

/// Prints what a scheduler needs.
///
/// # Errors
/// Problems of the pipeline file; a path or image that cannot be written on one line; an image without Kubernetes.
pub fn schedule(args: &ScheduleArgs, environment: &Environment) -> Result<Scheduled, Failure> {
    if args.image.is_some() && args.scheduler != Scheduler::Kubernetes {
        return Err(Failure::new(Exit::Usage, "--image is for --for kubernetes"));
    }
    let elsewhere = Elsewhere::load(&args.pipeline, environment)?;
    let facts = Facts::new(args, elsewhere)?;
    let files = match args.scheduler {
        Scheduler::Crontab => crontab::files(&facts),
        Scheduler::Systemd => systemd::files(&facts),
        Scheduler::Kubernetes => kubernetes::files(&facts),
    };
    Ok(Scheduled { pipeline: facts.pipeline, scheduler: args.scheduler, files })
}

/// How long a stop signal may have to wait: for one message on its way, then for the ledger's word about it. A minute
/// more is for the rest.
fn stop_seconds() -> u64 {
    let longest = Timeouts::default().longest() + Patience::default().deadline + Duration::from_mins(1);
    longest.as_secs().div_ceil(300) * 300
}

impl Facts {
    fn new(args: &ScheduleArgs, elsewhere: Elsewhere) -> Result<Self, Problems> {
        let Elsewhere { pipeline, variables, secrets } = elsewhere;
        let of = |scheme: &str| secrets.iter().filter_map(|one| one.strip_prefix(scheme)).map(str::to_owned).collect();
        let (secret_variables, secret_files): (Vec<String>, Vec<String>) = (of("env:"), of("file:"));
        let file = pipeline.directory.join(pipeline.file.file_name().unwrap_or_default());
        let mut folders = BTreeMap::new();
        let storage = [("inputs", &pipeline.storage.inputs), ("outputs", &pipeline.storage.outputs)];
        folders.extend(storage.into_iter().filter_map(|(what, url)| Some((what, folder(url)?))));
        let remote = folders.len() < storage.len();
        if let Transport::Directory(directory) = &pipeline.delivery.transport
            && !pipeline.reports.is_empty()
        {
            folders.insert("outbox", directory.clone());
        }
        let facts = Self {
            name: dashed(&pipeline.name),
            zone: pipeline.calendar.zone_name.clone(),
            at: args.at.clone(),
            image: args.image.clone(),
            project: normal(&pipeline.directory.join("..")),
            file,
            memory: u64::try_from(pipeline.engine.memory(None)).unwrap_or(u64::MAX),
            parallelism: pipeline.engine.parallelism,
            is_on_a_cluster: pipeline.engine.cluster.is_some(),
            scratch: pipeline.engine.scratch.as_deref().map(normal),
            needs_identity: remote && pipeline.storage.options.values().all(is_plain),
            folders,
            variables: variables.into_iter().filter(|(name, _)| !secret_variables.contains(name)).collect(),
            secret_variables,
            secret_files,
            pipeline: pipeline.name,
        };
        facts.check()?;
        Ok(facts)
    }

    /// Line ends and the like would end the line that they stand in.
    fn check(&self) -> Result<(), Problems> {
        let paths = [&self.file].into_iter().chain(&self.scratch).chain(self.folders.values());
        let paths = paths.map(|path| path.display().to_string());
        let texts = paths.chain(self.image.clone()).chain(self.secret_files.iter().cloned());
        let problem = |text: &String| {
            let message = format!("`{}` cannot be written into a scheduler's file", text.escape_debug());
            Problem::new("E106", message).help("use paths and names without control characters")
        };
        let bad = texts.filter(|text| text.chars().any(char::is_control));
        Problems::none_or(bad.map(|text| problem(&text)).collect(), ())
    }

    /// Variables of the pipeline file that have to be set.
    fn needed(&self) -> Vec<&str> {
        self.variables.iter().filter(|(_, default)| !**default).map(|(name, _)| name.as_str()).collect()
    }

    /// Variables of the pipeline file that may be set.
    fn possible(&self) -> Vec<&str> {
        self.variables.iter().filter(|(_, default)| **default).map(|(name, _)| name.as_str()).collect()
    }

    /// Where variables are kept on a machine, when there are any to set.
    fn environment_file(&self) -> Option<String> {
        let any = !self.secret_variables.is_empty() || !self.needed().is_empty();
        any.then(|| format!("/etc/tieout/{}.env", self.name))
    }

    /// What has to be in the environment file, as comments.
    fn environment_note(&self) -> String {
        let Some(file) = self.environment_file() else { return String::new() };
        let names = self.secret_variables.iter().map(String::as_str).chain(self.needed());
        let names = names.collect::<Vec<_>>().join(", ");
        format!("# {file}, mode 0600, sets, as NAME='value' lines: {names}\n")
    }

    /// Bytes that the process may take.
    fn process_memory(&self) -> u64 {
        self.memory.saturating_add(Engine::BESIDE)
    }

    /// Folders that a run writes on this machine.
    fn written(&self) -> impl Iterator<Item = &Path> {
        let folders = self.folders.iter().filter(|(what, _)| **what != "inputs").map(|(_, folder)| folder.as_path());
        folders.chain(self.scratch.as_deref())
    }
}

fn is_plain(text: &crate::pipeline::Text) -> bool {
    matches!(text, crate::pipeline::Text::Plain(_))
}

fn folder(url: &Url) -> Option<PathBuf> {
    (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten()
}

/// A pipeline's name as the name of a `CronJob`, which has at most 52 characters.
fn dashed(name: &str) -> String {
    const LONGEST: usize = 52;
    let dashed: String = name.chars().map(|char| if char == '_' { '-' } else { char }).take(LONGEST).collect();
    dashed.trim_matches('-').to_owned()
}

impl fmt::Display for Scheduled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, file) in self.files.iter().enumerate() {
            let space = if index == 0 { "" } else { "\n" };
            write!(f, "{space}# {}\n{}", file.place, file.text)?;
        }
        Ok(())
    }
}
