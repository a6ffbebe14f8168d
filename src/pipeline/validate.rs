//! From what was written to what it means. Collects every problem with its place.

mod due;
mod engine;
mod mail;
mod models;
mod paths;
mod retention;
mod sources;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::calendar::{Calendar, PeriodUnit};
use crate::pipeline::environment::{self, Environment, ReferenceError};
use crate::pipeline::node::{At, Node, Read};
use crate::pipeline::page::{Found, Page, shortened};
use crate::pipeline::shape::{Broken, Shaped, shaped};
use crate::pipeline::spec::{CalendarSpec, ParamSpec, PeriodUnitSpec, Spec, schema};
use crate::pipeline::{Param, Pipeline, Secret, Storage, node, parse};
use crate::problem::{Place, Problem, Problems, nearest};

pub use paths::normal;

/// What a run binds by itself.
const RESERVED: [&str; 9] = [
    "as_of",
    "as_of_day",
    "currency",
    "period",
    "period_end",
    "period_end_day",
    "period_first_day",
    "period_start",
    "time_zone",
];

impl Pipeline {
    /// Reads and validates a pipeline file.
    ///
    /// # Errors
    /// Every problem of the file, each with its place.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, Problems> {
        Self::parse(file, &read_bytes(file)?, environment)
    }

    /// Reads a pipeline file as far as it can be understood, and tells every problem of it. With problems, what comes with
    /// them is for looking at what the file names, such as SQL and templates, and for nothing else: what is wrong is left
    /// out or stands for itself. There is nothing when the file cannot be read as a pipeline at all.
    #[must_use]
    pub fn examine(file: &Path, environment: &Environment) -> (Option<Self>, Vec<Problem>) {
        match read_bytes(file) {
            Err(problems) => (None, problems.0),
            Ok(bytes) => Self::examine_bytes(file, &bytes, environment, Secrets::LookedUp),
        }
    }

    /// Validates the bytes of a pipeline file; relative paths start at the file's folder.
    ///
    /// # Errors
    /// Every problem of the file, each with its place.
    pub fn parse(file: &Path, bytes: &[u8], environment: &Environment) -> Result<Self, Problems> {
        Self::parse_with(file, bytes, environment, Secrets::LookedUp)
    }

    pub(super) fn parse_with(
        file: &Path,
        bytes: &[u8],
        environment: &Environment,
        secrets: Secrets,
    ) -> Result<Self, Problems> {
        match Self::examine_bytes(file, bytes, environment, secrets) {
            (Some(pipeline), problems) if problems.is_empty() => Ok(pipeline),
            (_, problems) => Err(Problems(problems)),
        }
    }

    fn examine_bytes(
        file: &Path,
        bytes: &[u8],
        environment: &Environment,
        secrets: Secrets,
    ) -> (Option<Self>, Vec<Problem>) {
        let text = match node::text(bytes) {
            Ok(text) => text,
            Err(found) => return (None, Page::new(file, "", &Read::default()).problems(vec![found])),
        };
        let read = node::read(text);
        let mut page = Page::new(file, text, &read);
        let Read { root, mut found, .. } = read;
        let Some(root) = root else { return (None, page.problems(found)) };
        if let Some(newer) = newer_version(&root) {
            return (None, page.problems(vec![newer]));
        }
        let Shaped { json, found: misshapen, broken, substituted } = shaped(&root, &schema(), environment);
        found.extend(misshapen);
        page.substituted = substituted;
        let spec: Spec = match serde_json::from_value(json.clone()) {
            Ok(spec) => spec,
            Err(error) => {
                found.push(Found::whole("E106", format!("not a pipeline: {error}")));
                return (None, page.problems(found));
            }
        };
        let directory = directory_of(file);
        let unseen = found.iter().filter(|found| found.code == "E111").map(|found| found.at).collect();
        let mut validator = Validator {
            file,
            directory,
            root: &root,
            environment,
            secrets,
            broken,
            unseen,
            found,
            spare: Found::whole("E106", ""),
        };
        let pipeline = validator.pipeline(spec, canonical(json));
        (pipeline, page.problems(validator.found))
    }
}

/// What becomes of references to secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    LookedUp,
    /// They stay references: the pipeline is to run elsewhere.
    Named,
}

/// The bytes of a pipeline file.
pub(super) fn read_bytes(file: &Path) -> Result<Vec<u8>, Problems> {
    limited(file).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let why = if missing { "pipeline file not found".to_owned() } else { format!("cannot be read: {error}") };
        Problem::new("E100", why).at(Place::file(file)).help("`tieout init` writes one to begin with").into()
    })
}

/// At most a little more of a file than it may have.
fn limited(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(node::LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file for a later program: whatever else it has cannot be judged.
fn newer_version(root: &Node) -> Option<Found> {
    let version = root.get("version")?;
    let node::Value::Scalar(scalar) = &version.value else { return None };
    let number: u64 = scalar.text.parse().ok().filter(|number| *number > 1)?;
    let found = Found::new(version.at, "E114", format!("version {number} of the pipeline file, this program knows 1"));
    Some(found.help("use the program that the file was written for"))
}

fn directory_of(file: &Path) -> PathBuf {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf())
}

/// The file's content with sorted keys, for the fingerprint. Columns keep their order, because it matters.
fn canonical(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Object(map) => {
            let ordered = |key: &str| matches!(key, "columns" | "partitions");
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| {
                    let value = if ordered(&key) { in_order(value) } else { canonical(value) };
                    (key, value)
                })
                .collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            serde_json::Value::Object(entries.into_iter().collect())
        }
        serde_json::Value::Array(items) => serde_json::Value::Array(items.into_iter().map(canonical).collect()),
        other => other,
    }
}

fn in_order(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            serde_json::Value::Array(map.into_iter().map(|(key, value)| serde_json::json!([key, value])).collect())
        }
        other => other,
    }
}

/// Collects problems while it turns the spec into a pipeline.
pub(super) struct Validator<'a> {
    file: &'a Path,
    directory: PathBuf,
    root: &'a Node,
    environment: &'a Environment,
    secrets: Secrets,
    /// What has a problem already gets no second one.
    broken: Broken,
    /// Places of texts with characters that no text may have.
    unseen: BTreeSet<At>,
    found: Vec<Found>,
    /// Where problems go that follow from others.
    spare: Found,
}

impl Validator<'_> {
    /// What is wrong has been noted; something of its kind stands in for it.
    fn pipeline(&mut self, spec: Spec, canonical: serde_json::Value) -> Option<Pipeline> {
        let here = storage::folder_url(&self.directory, ".")?;
        self.identifier(&["name"], &spec.name);
        self.owner(&["owner"], &spec.owner);
        self.currency(&spec.currency);
        let calendar = self.calendar(&spec.calendar);
        let due = self.due(&spec.due);
        let params = self.params(spec.params);
        let storage = self.storage(spec.storage);
        let sources = self.sources(spec.sources, storage.as_ref());
        let models = self.models(spec.models);
        self.table_names(&sources, &models);
        let checks = self.checks(spec.checks);
        let control_totals = self.control_totals(spec.control_totals, &sources, &models);
        let audiences = self.audiences(spec.audiences, spec.delivery.as_ref());
        let reports = self.reports(spec.reports, &audiences);
        let delivery = self.delivery(spec.delivery, !reports.is_empty());
        let engine = self.engine(spec.engine);
        let retention = self.retention(&spec.retention);
        Some(Pipeline {
            file: self.file.to_path_buf(),
            directory: self.directory.clone(),
            name: spec.name,
            description: spec.description,
            owner: spec.owner,
            calendar,
            due,
            currency: spec.currency,
            storage: storage.unwrap_or_else(|| Storage {
                inputs: here.clone(),
                outputs: here,
                options: BTreeMap::new(),
            }),
            params,
            sources,
            models,
            checks,
            control_totals,
            reports,
            audiences,
            delivery: delivery.unwrap_or_else(|| self.no_delivery()),
            engine,
            retention,
            canonical,
        })
    }

    fn calendar(&mut self, spec: &CalendarSpec) -> Calendar {
        let unit = match spec.period {
            PeriodUnitSpec::Month => PeriodUnit::Month,
            PeriodUnitSpec::Week => PeriodUnit::Week,
            PeriodUnitSpec::Day => PeriodUnit::Day,
        };
        let Some(zone) = named_zone(&spec.time_zone) else {
            let problem =
                self.problem(&["calendar", "time_zone"], "E123", format!("unknown time zone `{}`", spec.time_zone));
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let full = names.iter().map(String::as_str).filter(|name| is_zone_name(name));
            if let Some(near) = nearest(&shortened(&spec.time_zone), full) {
                problem.help = Some(format!("did you mean `{near}`?"));
            } else {
                problem.help = Some("use an IANA name such as Europe/Berlin".to_owned());
            }
            return Calendar { unit, zone_name: "UTC".to_owned(), zone: TimeZone::UTC, first_period: None };
        };
        let mut calendar = Calendar {
            unit,
            zone_name: zone.iana_name().unwrap_or(&spec.time_zone).to_owned(),
            zone,
            first_period: None,
        };
        if let Some(text) = &spec.first_period {
            match calendar.period(text) {
                Ok(period) => calendar.first_period = Some(period),
                Err(error) => drop(self.problem(&["calendar", "first_period"], "E125", error.to_string())),
            }
        }
        calendar
    }

    fn currency(&mut self, currency: &str) {
        if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_uppercase()) {
            self.problem(
                &["currency"],
                "E106",
                format!("`{currency}` is no currency code: three capital letters such as EUR"),
            );
        }
    }

    fn params(&mut self, specs: BTreeMap<String, ParamSpec>) -> BTreeMap<String, Param> {
        let mut params = BTreeMap::new();
        for (name, spec) in specs {
            let path = ["params", &name];
            self.identifier(&path, &name);
            if RESERVED.contains(&name.as_str()) {
                self.problem(&path, "E121", format!("`${name}` is set by the run itself")).help =
                    Some("give the parameter another name".to_owned());
            }
            match param(spec) {
                Ok(param) => drop(params.insert(name, param)),
                Err(why) => drop(self.problem(&path, "E106", format!("parameter `{name}` {why}"))),
            }
        }
        params
    }

    /// Notes a problem at the deepest part of the path that is in the file.
    fn problem(&mut self, path: &[&str], code: &'static str, message: impl Into<String>) -> &mut Found {
        let found = Found::new(self.at(path), code, message);
        if self.unseen.contains(&found.at) || self.is_broken(path) {
            self.spare = found;
            return &mut self.spare;
        }
        self.found.push(found);
        self.found.last_mut().unwrap_or(&mut self.spare)
    }

    /// Whether there is a problem already, here or around or inside.
    fn is_broken(&self, path: &[&str]) -> bool {
        let mut dotted = String::new();
        for name in path {
            match name.parse::<usize>() {
                Ok(_) => dotted.extend(["[", name, "]"]),
                Err(_) if dotted.is_empty() => dotted.push_str(name),
                Err(_) => dotted.extend([".", name]),
            }
        }
        self.broken.touches(&dotted)
    }

    /// A name that has to be one of those known.
    fn known(&mut self, path: &[&str], kind: &str, name: &str, known: &[&str]) {
        if known.contains(&name) {
            return;
        }
        let near = nearest(&shortened(name), known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        let help = near.or_else(|| (!known.is_empty()).then(|| format!("known here: {}", known.join(", "))));
        self.problem(path, "E120", format!("unknown {kind} `{name}`")).help = help;
    }

    fn at(&self, path: &[&str]) -> At {
        let mut node = self.root;
        for name in path {
            let inner = match &node.value {
                node::Value::List(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => node.get(name),
            };
            match inner {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.at
    }

    fn identifier(&mut self, path: &[&str], name: &str) {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(word) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            self.problem(
                path,
                "E106",
                format!("`{}` is no name: small letters, digits and underscores, a letter first", shortened(name)),
            );
        }
    }

    fn owner(&mut self, path: &[&str], owner: &str) {
        if let Err(why) = crate::pipeline::address::mailbox(owner) {
            self.problem(path, "E610", format!("`{owner}` is no mail address: {why}"));
        }
    }

    /// A secret by reference; neither the message nor the excerpt shows what was written instead of one.
    fn secret(&mut self, path: &[&str], text: &str) -> Option<Secret> {
        if self.secrets == Secrets::Named && environment::is_reference(text) {
            return Some(Secret::new(text, ""));
        }
        let error = match environment::secret(text, &self.directory, self.environment) {
            Ok(secret) => return Some(secret),
            Err(error) => error,
        };
        let help = match error {
            ReferenceError::Literal => "write env:NAME or file:PATH",
            ReferenceError::NotSet(_) => "set the variable",
            ReferenceError::Exposed(_) => "let its owner alone read it: chmod 600",
            _ => "put the secret there",
        };
        let name = path.last().copied().unwrap_or_default();
        self.problem(path, error.code(), format!("`{name}`: {error}")).help = Some(help.to_owned());
        None
    }
}

/// A zone by its full IANA name; abbreviations and offsets are not zones.
fn named_zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZone::get(name).ok()?;
    is_zone_name(name).then_some(zone)
}

fn is_zone_name(name: &str) -> bool {
    name.contains('/') || name == "UTC"
}

fn param(spec: ParamSpec) -> Result<Param, &'static str> {
    let ParamSpec { text, integer, decimal, boolean, date } = spec;
    match (text, integer, decimal, boolean, date) {
        (Some(text), None, None, None, None) => Ok(Param::Text(text)),
        (None, Some(integer), None, None, None) => Ok(Param::Integer(integer)),
        (None, None, Some(decimal), None, None) => parse::decimal(&decimal).ok_or("is no decimal of at most 38 digits"),
        (None, None, None, Some(boolean), None) => Ok(Param::Boolean(boolean)),
        (None, None, None, None, Some(date)) => {
            date.parse().map(Param::Date).map_err(|_| "is no date such as 2026-10-31")
        }
        _ => Err("has exactly one of text, integer, decimal, boolean, date"),
    }
}
