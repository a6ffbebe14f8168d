//! The pipeline file as a person writes it. Its doc comments are the descriptions of the JSON Schema.

mod delivery;
mod due;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use delivery::{AudienceSpec, DeliverySpec, OnUnknownSpec, SmtpSpec, TlsSpec, TransportSpec};
pub use due::{CompleteSpec, DueSpec};

/// A tieout pipeline: what is read, computed, checked, published and mailed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of this file's format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Name of the pipeline: small letters, digits and underscores.
    pub name: String,
    /// What it is for, in one line.
    #[serde(default)]
    pub description: String,
    /// Who answers for the pipeline: a mail address.
    pub owner: String,
    /// How time is divided.
    pub calendar: CalendarSpec,
    /// When periods are due.
    #[serde(default)]
    pub due: DueSpec,
    /// ISO 4217 code of the reporting currency.
    pub currency: String,
    /// Where inputs are and publications go.
    pub storage: StorageSpec,
    /// Values that SQL reads as `$name`.
    #[serde(default)]
    pub params: BTreeMap<String, ParamSpec>,
    /// What is read, each with its contract.
    pub sources: BTreeMap<String, SourceSpec>,
    /// What is computed.
    pub models: ModelsSpec,
    /// Queries that must return no rows.
    #[serde(default)]
    pub checks: ChecksSpec,
    /// Sums that must be equal on both sides, by a reader that shares nothing with the engine.
    #[serde(default)]
    pub control_totals: BTreeMap<String, ControlTotalSpec>,
    /// What is rendered and mailed.
    #[serde(default)]
    pub reports: BTreeMap<String, ReportSpec>,
    /// Who gets reports.
    #[serde(default)]
    pub audiences: BTreeMap<String, AudienceSpec>,
    /// How mail leaves. Needed once there is a report.
    #[serde(default)]
    pub delivery: Option<DeliverySpec>,
    /// Limits of the machine. None of them changes a figure.
    #[serde(default)]
    pub engine: EngineSpec,
    /// How long what is published is kept. Only `tieout gc` deletes.
    #[serde(default)]
    pub retention: RetentionSpec,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionSpec {
    /// The newest publications that are kept whatever their age. Default: 50.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub publications: Option<u32>,
    /// Publications younger than this many days are kept. Default: 400.
    #[serde(default)]
    #[schemars(range(min = 0, max = 36500))]
    pub days: Option<u32>,
    /// How old a file that nothing refers to must be before it goes, at least 24h. Default: 14d.
    #[serde(default)]
    pub orphans: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarSpec {
    /// Length of a period.
    pub period: PeriodUnitSpec,
    /// IANA name of the zone whose days count, such as Europe/Berlin.
    pub time_zone: String,
    /// Earlier intakes are not read.
    #[serde(default)]
    pub first_period: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeriodUnitSpec {
    Month,
    Week,
    Day,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageSpec {
    /// URL or folder (relative to this file) that source patterns start at.
    pub inputs: String,
    /// URL or folder of the publication log and its tables.
    pub outputs: String,
    /// Options by the object store's own names; secrets as `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// A value with its type, one of the keys; or the value alone, when it is a text, a number or true or false.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = or_scalar)]
pub struct ParamSpec {
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub integer: Option<i64>,
    /// Quoted, so that no digit is lost.
    #[serde(default)]
    pub decimal: Option<String>,
    #[serde(default)]
    pub boolean: Option<bool>,
    /// As 2026-10-31.
    #[serde(default)]
    pub date: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Pattern of its files: * within a segment, ** for any number of segments; relative to storage.inputs, or a URL.
    pub files: String,
    #[serde(default)]
    pub format: FormatSpec,
    /// Hive partition columns in path order. The one of kind period says which period a file arrived for.
    #[serde(default)]
    pub partitions: InOrder<PartitionSpec>,
    /// Columns that identify a row. They are never null.
    #[serde(default)]
    pub key: Vec<String>,
    /// Columns of its files that are known and not read. Others that the contract does not mention are a warning.
    #[serde(default)]
    pub ignores: Vec<String>,
    /// Who answers for the data: a mail address.
    pub owner: String,
    /// How old the newest file may be when a period is due, such as 6h or 2d.
    #[serde(default)]
    pub freshness: Option<String>,
    /// How it says that the files of a period are all there. Without it no period waits for this source.
    #[serde(default)]
    pub complete: Option<CompleteSpec>,
    /// The source may have no file at all.
    #[serde(default)]
    pub optional: bool,
    /// A period without any row of it holds nothing up, though earlier periods have some.
    #[serde(default)]
    pub may_skip_periods: bool,
    /// A table versioned beside the pipeline: its pattern starts at this file's folder.
    #[serde(default)]
    pub reference: bool,
    /// The contract: name to type. Types: text, integer, decimal(p,s), boolean, date, timestamp, `local_timestamp`, each
    /// with ` null` after it when nulls are allowed.
    pub columns: Columns,
}

/// Columns in the order of the file.
pub type Columns = InOrder<String>;

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatSpec {
    #[default]
    Parquet,
    Csv,
    Ndjson,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionSpec {
    Period,
    Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelsSpec {
    /// Folders of SQL files; the file stem is the model's name.
    pub directories: Vec<String>,
    /// Scopes that differ from the inferred one.
    #[serde(default)]
    pub scopes: BTreeMap<String, ScopeSpec>,
    /// SQL functions that look up the version in force on a date.
    #[serde(default)]
    pub lookups: BTreeMap<String, LookupSpec>,
    /// Models whose rows may belong to an older intake than the one they arrived in.
    #[serde(default)]
    pub carried: Vec<CarriedSpec>,
    /// Published tables.
    #[serde(default)]
    pub marts: BTreeMap<String, MartSpec>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeSpec {
    /// Once, from sources that are read whole, before anything else.
    Reference,
    /// Once per intake, the newest first.
    Intake,
    /// Once per period, seeing all intakes.
    Period,
    /// Once, seeing everything.
    History,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupSpec {
    /// A model of reference scope, one row per version.
    pub model: String,
    /// Columns of the key, in the order of the function's arguments; the date comes last.
    pub key: Vec<String>,
    /// Column of the first day a version is in force.
    pub valid_from: String,
    /// Column of the first day it is not.
    #[serde(default)]
    pub valid_to: Option<String>,
    /// Column the function gives.
    pub value: String,
    /// A version older than this many days counts as none.
    #[serde(default)]
    #[schemars(range(min = 0, max = 36500))]
    pub max_age_days: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CarriedSpec {
    /// The model whose rows wait.
    pub model: String,
    pub key: Vec<String>,
    /// The model in which a row's key appears once it has found its place.
    pub matched_by: String,
    /// Name of the table of what found no place in any intake.
    pub remainder: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MartSpec {
    #[serde(default)]
    pub description: String,
    /// Columns that identify a row; also its sort order.
    pub grain: Vec<String>,
    /// The date or period column that assigns a row to its period. Without it the table is published whole.
    #[serde(default)]
    pub period: Option<String>,
    /// Every column in order, name to type.
    pub columns: Columns,
    /// Further models whose rows belong to this table, built in another scope.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Columns that are ratios: null where undefined.
    #[serde(default)]
    pub ratios: Vec<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecksSpec {
    /// Folders of SQL files.
    #[serde(default)]
    pub directories: Vec<String>,
    /// By check; one without settings blocks.
    #[serde(default)]
    pub settings: BTreeMap<String, CheckSpec>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    #[serde(default)]
    pub severity: SeveritySpec,
    /// Who is told: a mail address. The pipeline's owner otherwise.
    #[serde(default)]
    pub owner: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub help: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeveritySpec {
    /// Listed.
    Info,
    /// Banner in the report.
    Warn,
    /// Holds publication and mail.
    #[default]
    Block,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlTotalSpec {
    pub left: SideSpec,
    pub right: SideSpec,
    /// What the sides may differ per row of the right side, where rows are rounded: quoted, such as "0.0002". Default:
    /// nothing, they are equal to the last unit.
    #[serde(default)]
    pub rounding: Option<String>,
}

/// One side of a control total: of a source or of a table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideSpec {
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub table: Option<String>,
    /// Products of columns with signs, such as price * quantity - discount. 1 counts rows.
    pub sum: String,
    /// One total per combination of these columns.
    #[serde(default)]
    pub by: Vec<String>,
    /// Only rows whose column has this text.
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportSpec {
    /// Folder with subject.txt, body.html, body.txt and one .sql file per query.
    pub directory: String,
    /// Name of the audience that gets it.
    pub audience: String,
    #[serde(default)]
    pub attachments: Vec<AttachmentSpec>,
    /// How a column is printed where its type does not decide.
    #[serde(default)]
    pub formats: BTreeMap<String, NumberFormatSpec>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentSpec {
    /// File name ending in .csv or .xlsx; {period} stands for the period.
    pub name: String,
    /// Queries of the report: one for .csv, one sheet each for .xlsx.
    pub queries: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormatSpec {
    /// Two decimals, grouped.
    Money,
    /// Grouped, no decimals.
    Count,
    /// 12.3 % of a fraction.
    Percent,
    /// Two decimals and an x.
    Multiple,
    /// As it is.
    Plain,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineSpec {
    /// What tables and queries may hold before they go to disk, such as 512MiB. Default: what the container's limit leaves
    /// beside 512MiB for the process itself, at most 1GiB.
    #[serde(default)]
    pub memory: Option<String>,
    /// Folder for spilled data. Default: the system's temporary folder.
    #[serde(default)]
    pub scratch: Option<String>,
    /// Partitions of a query. Default: one for two cores, and 4 on a cluster.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1024))]
    pub parallelism: u32,
    /// How long a run that shows no sign of life keeps others from beginning, such as 2m. Default: 1m.
    #[serde(default)]
    pub lease: Option<String>,
    /// The scheduler of the cluster that computes the models, as `df://host:50050`. Default: this process computes them. It
    /// takes a program that was built with the feature `cluster`.
    #[serde(default)]
    pub cluster: Option<String>,
    /// By when each step on the cluster must be done before it is cancelled and begun again, such as 30m. Default: 10m.
    #[serde(default)]
    pub cluster_deadline: Option<String>,
    /// How long the cluster may have no executor for the run, such as 5m. Default: 1m.
    #[serde(default)]
    pub cluster_patience: Option<String>,
}

/// A map whose entries keep the order of the file.
#[derive(Debug)]
pub struct InOrder<T>(pub Vec<(String, T)>);

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Entries<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<InOrder<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for InOrder<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        <BTreeMap<String, T>>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <BTreeMap<String, T>>::json_schema(generator)
    }
}

/// A parameter may also be written as its value alone.
fn or_scalar(schema: &mut schemars::Schema) {
    let object = std::mem::take(schema);
    *schema = schemars::json_schema!({ "anyOf": [object, { "type": ["string", "number", "boolean"] }] });
}

/// The JSON Schema of the pipeline file, for editors and for our own checks.
#[must_use]
pub fn schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(Spec)).unwrap_or_default()
}
