//! The pipeline: one validated YAML file, with everything resolved that a run needs to know.
//!
//! [`spec`] is what a person wrote, [`Pipeline`] is what it means; the second cannot be invalid, and the step between
//! does no IO beyond reading the file itself.

pub mod address;
mod delivery;
pub mod elsewhere;
pub mod environment;
mod node;
mod page;
pub(crate) mod parse;
mod places;
mod shape;
pub mod spec;
mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::calendar::{Calendar, Period};

pub use delivery::{Attachment, Audience, Delivery, Mailbox, NumberFormat, OnUnknown, Report, Smtp, Tls, Transport};
pub use elsewhere::Elsewhere;
pub use environment::Environment;
pub use spec::schema;
pub(crate) use validate::normal;

/// A validated pipeline. Names are unique within their kind; every reference by name has been resolved.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The YAML file, as given.
    pub file: PathBuf,
    /// The folder of the YAML file: relative paths start here.
    pub directory: PathBuf,
    pub name: String,
    pub description: String,
    pub owner: String,
    pub calendar: Calendar,
    pub due: DueSettings,
    /// ISO 4217 code of the reporting currency.
    pub currency: String,
    pub storage: Storage,
    /// Typed values that SQL reads as `$name`.
    pub params: BTreeMap<String, Param>,
    pub sources: BTreeMap<String, Source>,
    pub models: Models,
    pub checks: Checks,
    pub control_totals: Vec<ControlTotal>,
    pub reports: BTreeMap<String, Report>,
    pub audiences: BTreeMap<String, Audience>,
    pub delivery: Delivery,
    pub engine: Engine,
    pub retention: Retention,
    /// Canonical JSON of the whole file after `${NAME}` was resolved; secrets appear as their reference only. Part of
    /// the fingerprint, except for what cannot change a figure, such as `engine`, `storage`, `audiences` and `delivery`.
    pub canonical: serde_json::Value,
}

/// When periods are due.
#[derive(Clone, Debug)]
pub struct DueSettings {
    /// How long after its end a period waits for sources that have not said they are complete.
    pub deadline: jiff::SignedDuration,
}

/// Where inputs are and where publications go.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Sources with a relative pattern are below this URL.
    pub inputs: Url,
    /// The root of the publication log and its tables. Never equal to, above or below `inputs`.
    pub outputs: Url,
    /// Options by the object store's own key names (`aws_endpoint`, `azure_storage_account_name`, ...). What is not
    /// given here is taken from the usual environment variables of that cloud.
    pub options: BTreeMap<String, Text>,
}

/// A text that is either plain or a secret by reference.
#[derive(Clone, Debug)]
pub enum Text {
    Plain(String),
    Secret(Secret),
}

/// A secret by reference: its value is looked up once, kept out of `Debug`, logs and errors.
#[derive(Clone)]
pub struct Secret {
    /// `env:NAME` or `file:PATH`, which may be shown.
    pub reference: String,
    value: String,
}

impl Secret {
    #[must_use]
    pub fn new(reference: impl Into<String>, value: impl Into<String>) -> Self {
        Self { reference: reference.into(), value: value.into() }
    }

    /// The value itself, for the one call that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.value
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.reference)
    }
}

/// A typed parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// A decimal as written: unscaled value and scale.
    Decimal {
        unscaled: i128,
        scale: u8,
    },
    /// Days since 1970-01-01 in no zone.
    Date(jiff::civil::Date),
}

/// A set of files under a URL, with its contract, owner and freshness.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    /// Absolute URL with `*` (within a path segment) and `**` (any number of segments).
    pub files: Url,
    pub format: Format,
    /// Hive partition columns in path order. At most one is [`Partition::Period`]: its value (`2026-10`, `2026-10-31`,
    /// `2026-W44`) says which period a file arrived for. A source without one is read whole.
    pub partitions: Vec<(String, Partition)>,
    /// The contract: every column, in order. Partition columns are not repeated here.
    pub columns: Vec<Column>,
    /// The natural key. Empty: rows have none and are never compared.
    pub key: Vec<String>,
    /// Columns of its files that are not read on purpose.
    pub ignores: Vec<String>,
    pub owner: String,
    /// How old the newest file may be when the period is due.
    pub freshness: Option<SignedDuration>,
    /// How it says that the files of a period are all there. Without it, it never holds a period back.
    pub complete: Option<Complete>,
    /// A source that may have no file at all; its table is then empty.
    pub optional: bool,
    /// A period without a row of it is nothing out of the ordinary.
    pub may_skip_periods: bool,
    /// A reference table, versioned beside the pipeline (its pattern is relative to the YAML file).
    pub reference: bool,
}

impl Source {
    /// The partition column that names a file's period, if any.
    #[must_use]
    pub fn period_partition(&self) -> Option<&str> {
        self.partitions.iter().find(|(_, kind)| *kind == Partition::Period).map(|(name, _)| name.as_str())
    }
}

/// Stands for the period in the name of a marker.
pub const PERIOD: &str = "{period}";

/// How a source says that the files of a period are all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complete {
    /// By an object of its own, which may be empty. The URL has `{period}`, percent-encoded, in the place of the period.
    Marker(Url),
    /// By the newest of them being at least this old.
    Quiet(jiff::SignedDuration),
}

impl Complete {
    /// The URL of the marker of one period.
    #[must_use]
    pub fn marker(template: &Url, period: Period) -> Url {
        let mut url = template.clone();
        // A URL has no braces in its path; what stands for them was written as braces.
        url.set_path(&template.path().replace("%7Bperiod%7D", &period.to_string()));
        url
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    Period,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Parquet,
    Csv,
    Ndjson,
}

/// A column with its type; what the type does not allow is refused or quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    pub nullable: bool,
}

/// Column types of sources and marts, written `text`, `integer`, `decimal(18,4)`, `boolean`, `date`, `timestamp`
/// (an instant), `local_timestamp` (wall clock without zone), with ` null` after it when nulls are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Integer,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Boolean,
    Date,
    /// Microseconds, UTC.
    Timestamp,
    /// Microseconds, no zone.
    LocalTimestamp,
}

/// Where models are and what SQL cannot say of itself.
#[derive(Clone, Debug)]
pub struct Models {
    /// Folders with one `.sql` file per model; the file stem is the model's name.
    pub directories: Vec<PathBuf>,
    /// Scopes that differ from the inferred one.
    pub scopes: BTreeMap<String, Scope>,
    /// Effective-dated lookups: SQL functions by name.
    pub lookups: BTreeMap<String, Lookup>,
    pub carried: Vec<Carried>,
    /// Published tables.
    pub marts: BTreeMap<String, Mart>,
}

/// How often a model is built, and what it sees of the tables it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Once, from sources that are read whole, before anything else.
    Reference,
    /// Once per intake: the files that arrived for one period. Intakes are built from the newest to the oldest.
    Intake,
    /// Once per reporting period, seeing the rows of that period from all intakes.
    Period,
    /// Once, seeing all rows of all intakes and periods.
    History,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reference => "reference",
            Self::Intake => "intake",
            Self::Period => "period",
            Self::History => "history",
        })
    }
}

/// `name(key..., date)` in SQL: the value of the version in force for that key on that date, or null.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// A model of reference scope, one row per version.
    pub model: String,
    pub key: Vec<String>,
    pub valid_from: String,
    /// Exclusive end; without it a version is in force until the next one.
    pub valid_to: Option<String>,
    pub value: String,
    /// A version older than this many days counts as none.
    pub max_age_days: Option<i64>,
}

/// Rows that may belong to an older intake than the one they arrived in (a refund of last month's order). In each intake
/// `model` stands for its own rows and those of newer intakes whose key has not yet appeared in `matched_by`; what is left
/// after the oldest intake is the table `remainder`.
#[derive(Clone, Debug)]
pub struct Carried {
    pub model: String,
    pub key: Vec<String>,
    pub matched_by: String,
    pub remainder: String,
}

/// A published table.
#[derive(Clone, Debug)]
pub struct Mart {
    pub name: String,
    pub description: String,
    /// The columns that identify a row; also its sort order.
    pub grain: Vec<String>,
    /// The date or period column that assigns a row to its period. Without it the table is published whole.
    pub period: Option<String>,
    /// Every column in order.
    pub columns: Vec<Column>,
    /// Further models whose rows belong to the same table, built in another scope than the model of its name.
    pub parts: Vec<String>,
    /// Columns that are declared ratios and may be null where undefined.
    pub ratios: Vec<String>,
}

impl Models {
    /// The published table that a model's rows go to.
    #[must_use]
    pub fn mart_of(&self, model: &str) -> Option<&Mart> {
        self.marts.get(model).or_else(|| self.marts.values().find(|mart| mart.parts.iter().any(|part| part == model)))
    }
}

/// The check of sources without rows for a period, which no query makes.
pub const ABSENT_PERIOD: &str = "absent_period";
/// The check of files that the last publication read and that are gone, which no query makes.
pub const LOST_FILES: &str = "lost_files";
/// Checks that no query makes and that `checks.settings` can set.
pub const BUILT_IN_CHECKS: [&str; 2] = [ABSENT_PERIOD, LOST_FILES];

/// Checks: queries that must return no rows.
#[derive(Clone, Debug)]
pub struct Checks {
    pub directories: Vec<PathBuf>,
    /// By check name (file stem). A check without settings blocks.
    pub settings: BTreeMap<String, CheckSettings>,
}

#[derive(Clone, Debug)]
pub struct CheckSettings {
    pub severity: Severity,
    pub owner: Option<String>,
    /// What a person should do about it.
    pub help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Listed.
    Info,
    /// Banner in the report.
    Warn,
    /// Holds the publication and the mail.
    Block,
}

/// A sum that must be equal on both sides, to the last unit, computed by a reader that shares nothing with the engine.
#[derive(Clone, Debug)]
pub struct ControlTotal {
    pub name: String,
    pub left: Side,
    pub right: Side,
    /// What the sides may differ per row of the right side: `unscaled / 10^scale`. None: nothing.
    pub rounding: Option<(i128, u8)>,
}

/// One side of a control total.
#[derive(Clone, Debug)]
pub struct Side {
    pub of: Relation,
    /// A sum of products of columns: `list_price * quantity - discount`; `1` counts rows.
    pub sum: String,
    /// One total per combination of these columns. Empty: one total.
    pub by: Vec<String>,
    /// Column equals text.
    pub filter: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// All files of a source, as pinned.
    Source(String),
    /// A table this run is about to publish.
    Table(String),
}

/// Limits of the machine. None of them may change a figure.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Bytes that tables and queries may hold before they go to disk, as the pipeline says. None: see [`Engine::memory`].
    pub memory_bytes: Option<usize>,
    /// Where it spills and where large intermediates wait; a fresh folder inside, removed at the end.
    pub scratch: Option<PathBuf>,
    /// Partitions of a query. 0: one for two cores, and 4 on a cluster.
    pub parallelism: usize,
    /// How long a run that shows no sign of life keeps others from beginning.
    pub lease: std::time::Duration,
    /// Who computes the models; none when this process does.
    pub cluster: Option<ClusterSettings>,
}

/// A cluster that computes models, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Host and port of its scheduler.
    pub scheduler: String,
    /// By when a step must be done.
    pub deadline: std::time::Duration,
    /// How long it may have no executor for the run.
    pub patience: std::time::Duration,
}

impl Engine {
    /// Bytes that a process takes beside its engine's memory at most, as measured at ten million orders.
    pub const BESIDE: u64 = 512 << 20;
    /// Bytes that are taken without being asked for. With more a run of many orders is faster, but how much of a machine is a
    /// pipeline's is for its owner to say.
    const ENOUGH: u64 = 1 << 30;

    /// Bytes that tables and queries may hold where a process may take `limit` bytes: what the pipeline says, else what the
    /// process does not need beside it, and at least a quarter.
    #[must_use]
    pub fn memory(&self, limit: Option<u64>) -> usize {
        let given = self.memory_bytes.map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX));
        let left = |limit: u64| limit.saturating_sub(Self::BESIDE).max(limit / 4).min(Self::ENOUGH);
        let bytes = given.unwrap_or_else(|| limit.map_or(Self::ENOUGH, left));
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

/// How long what is published is kept. Log entries are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The newest publications, whatever their age. At least 1.
    pub publications: u64,
    /// Publications younger than this are kept.
    pub days: u32,
    /// How old an object that nothing refers to must be before it may go. At least 24 hours.
    pub orphans: jiff::SignedDuration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { publications: 50, days: 400, orphans: jiff::SignedDuration::from_hours(14 * 24) }
    }
}
