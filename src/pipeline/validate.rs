//! From what was written to what it means. Collects every problem with its place.

mod mail;
mod models;
mod sources;
mod storage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::calendar::{Calendar, PeriodUnit};
use crate::pipeline::environment::Environment;
use crate::pipeline::node::{At, Node, TOLD};
use crate::pipeline::shape::{Found, shaped};
use crate::pipeline::spec::{CalendarSpec, EngineSpec, ParamSpec, PeriodUnitSpec, Spec, schema};
use crate::pipeline::{Engine, Param, Pipeline, node, parse};
use crate::problem::{Place, Problem, Problems, nearest};

const DEFAULT_MEMORY: usize = 1 << 30;

impl Pipeline {
    /// Reads and validates a pipeline file.
    ///
    /// # Errors
    /// Every problem of the file, each with its place.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, Problems> {
        let bytes = std::fs::read(file).map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let why = if missing { "pipeline file not found".to_owned() } else { format!("cannot be read: {error}") };
            Problem::new("E100", why).at(Place::file(file)).help("`tieout init` writes one to begin with")
        })?;
        Self::parse(file, &bytes, environment)
    }

    /// Validates the bytes of a pipeline file; relative paths start at the file's folder.
    ///
    /// # Errors
    /// Every problem of the file, each with its place.
    pub fn parse(file: &Path, bytes: &[u8], environment: &Environment) -> Result<Self, Problems> {
        let (root, text) = node::read(file, bytes)?;
        let (json, found) = shaped(&root, &schema(), environment);
        let placed = |mut found: Vec<Found>| {
            found.sort_by_key(|found| (found.at.line, found.at.column));
            found.into_iter().take(TOLD).map(|found| place(file, &text, found)).collect::<Vec<_>>()
        };
        Problems::none_or(placed(found), ())?;
        let spec: Spec = serde_json::from_value(json.clone())
            .map_err(|error| Problem::new("E106", format!("not a pipeline: {error}")).at(Place::file(file)))?;
        let mut validator =
            Validator { file, directory: directory_of(file), root: &root, environment, found: Vec::new() };
        let pipeline = validator.pipeline(spec, canonical(json));
        match (placed(validator.found), pipeline) {
            (problems, Some(pipeline)) if problems.is_empty() => Ok(pipeline),
            (problems, _) => Err(Problems(problems)),
        }
    }
}

fn place(file: &Path, text: &str, found: Found) -> Problem {
    let mut problem = Problem::new(found.code, found.message).at(node::place(file, text, found.at));
    problem.help = found.help;
    // A secret may stand on another line than its key; then its line cannot be shown at all.
    if let Some(place) = problem.place.as_mut().filter(|_| found.code == "E117") {
        place.excerpt = place.excerpt.take().filter(|line| line.contains(node::HIDDEN));
    }
    problem
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
    found: Vec<Found>,
}

impl Validator<'_> {
    fn pipeline(&mut self, spec: Spec, canonical: serde_json::Value) -> Option<Pipeline> {
        self.identifier(&["name"], &spec.name);
        self.owner(&["owner"], &spec.owner);
        self.currency(&spec.currency);
        let calendar = self.calendar(&spec.calendar);
        let params = self.params(spec.params);
        let storage = self.storage(spec.storage);
        let inputs = storage.as_ref().map(|storage| storage.inputs.clone());
        let sources = self.sources(spec.sources, inputs.as_ref());
        let models = self.models(spec.models);
        let checks = self.checks(spec.checks);
        let control_totals = self.control_totals(spec.control_totals, &sources, &models);
        let audiences = self.audiences(spec.audiences, spec.delivery.as_ref());
        let reports = self.reports(spec.reports, &audiences);
        let delivery = self.delivery(spec.delivery, !reports.is_empty());
        let engine = self.engine(spec.engine);
        Some(Pipeline {
            file: self.file.to_path_buf(),
            directory: self.directory.clone(),
            name: spec.name,
            description: spec.description,
            owner: spec.owner,
            calendar: calendar?,
            currency: spec.currency,
            storage: storage?,
            params,
            sources,
            models,
            checks,
            control_totals,
            reports,
            audiences,
            delivery: delivery?,
            engine,
            canonical,
        })
    }

    fn calendar(&mut self, spec: &CalendarSpec) -> Option<Calendar> {
        let unit = match spec.period {
            PeriodUnitSpec::Month => PeriodUnit::Month,
            PeriodUnitSpec::Week => PeriodUnit::Week,
            PeriodUnitSpec::Day => PeriodUnit::Day,
        };
        let Some(zone) = named_zone(&spec.time_zone) else {
            let problem =
                self.problem(&["calendar", "time_zone"], "E123", format!("unknown time zone `{}`", spec.time_zone));
            let names: Vec<String> =
                jiff::tz::db().available().map(|name| name.to_string()).filter(|name| is_zone_name(name)).collect();
            if let Some(near) = nearest(&spec.time_zone, names.iter().map(String::as_str)) {
                problem.help = Some(format!("did you mean `{near}`?"));
            } else {
                problem.help = Some("use an IANA name such as Europe/Berlin".to_owned());
            }
            return None;
        };
        let mut calendar = Calendar { unit, zone, zone_name: spec.time_zone.clone(), first_period: None };
        if let Some(text) = &spec.first_period {
            match calendar.period(text) {
                Ok(period) => calendar.first_period = Some(period),
                Err(error) => drop(self.problem(&["calendar", "first_period"], "E125", error.to_string())),
            }
        }
        Some(calendar)
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
            match param(spec) {
                Ok(param) => drop(params.insert(name, param)),
                Err(why) => drop(self.problem(&path, "E106", format!("parameter `{name}` {why}"))),
            }
        }
        params
    }

    fn engine(&mut self, spec: EngineSpec) -> Engine {
        let memory_bytes = match &spec.memory {
            None => DEFAULT_MEMORY,
            Some(text) => parse::size(text).unwrap_or_else(|| {
                self.problem(&["engine", "memory"], "E106", format!("`{text}` is no size: write 512MiB or 2GiB"));
                DEFAULT_MEMORY
            }),
        };
        let scratch = spec.scratch.map(|folder| self.directory.join(folder));
        Engine { memory_bytes, scratch, parallelism: usize::try_from(spec.parallelism).unwrap_or(0) }
    }

    /// Notes a problem at the deepest part of the path that is in the file.
    fn problem(&mut self, path: &[&str], code: &'static str, message: impl Into<String>) -> &mut Found {
        // What is not told needs no place, and looking for one takes time.
        let nowhere = At { line: usize::MAX, column: 0 };
        let at = if self.found.len() < TOLD { self.at(path) } else { nowhere };
        self.found.push(Found::new(at, code, message));
        let last = self.found.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "it was pushed a line above")]
        &mut self.found[last]
    }

    fn at(&self, path: &[&str]) -> At {
        let mut node = self.root;
        for name in path {
            let inner = match name.parse::<usize>() {
                Ok(index) => match &node.value {
                    node::Value::List(items) => items.get(index),
                    _ => None,
                },
                Err(_) => node.get(name),
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
        if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
            self.problem(
                path,
                "E106",
                format!("`{name}` is no name: small letters, digits and underscores, a letter first"),
            );
        }
    }

    fn owner(&mut self, path: &[&str], owner: &str) {
        if let Err(why) = crate::pipeline::address::mailbox(owner) {
            self.problem(path, "E610", format!("`{owner}` is no mail address: {why}"));
        }
    }

    /// A path of the project: below the folder above the pipeline file's, links followed.
    fn path(&mut self, place: &[&str], written: &str) -> PathBuf {
        let joined = self.directory.join(written);
        let project = normal(&self.directory.join(".."));
        let resolved = joined.canonicalize().unwrap_or_else(|_| normal(&joined));
        let real_project = project.canonicalize().unwrap_or_else(|_| project.clone());
        let outside = !normal(&joined).starts_with(&project)
            || !(resolved.starts_with(&real_project) || resolved.starts_with(&project));
        if Path::new(written).is_absolute() || outside {
            let problem = self.problem(place, "E118", format!("path `{written}` leaves the project directory"));
            problem.help = Some("keep SQL, templates and tables beside the pipeline's folder".to_owned());
        }
        normal(&joined)
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

/// Without `.` and `..`, by the letters of the path alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}
