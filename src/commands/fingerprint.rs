//! The fingerprint of a run: everything that can change a figure or a word of a report, and nothing else. No clock, no
//! host. The same fingerprint means the same result, so nothing has to be done again.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::commands::project::Project;
use crate::pipeline::Pipeline;
use crate::publication::Record;
use crate::warehouse::bindings::Moment;
use crate::warehouse::inputs::Inputs;
use crate::warehouse::output::sha256_hex;

/// Raised whenever the same inputs would give other figures or other files than before.
const SEMANTIC_VERSION: u32 = 1;

/// Keys of the pipeline file that cannot change a figure.
const WITHOUT_EFFECT: [&str; 6] = ["engine", "storage", "audiences", "delivery", "due", "retention"];

/// Digests of what a run is made of.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    pub whole: String,
    pub config: String,
    pub inputs: String,
    pub sql: BTreeMap<String, String>,
    pub templates: BTreeMap<String, String>,
}

/// Takes the fingerprint.
#[must_use]
pub fn fingerprint(project: &Project, inputs: &Inputs, moment: Moment) -> Fingerprint {
    let models = project.graph.models.iter().map(|model| (model.name.clone(), sha256_hex(model.query.text.as_bytes())));
    let checks =
        project.graph.checks.iter().map(|(name, query)| (format!("check:{name}"), sha256_hex(query.text.as_bytes())));
    let sql: BTreeMap<_, _> = models.chain(checks).collect();
    let templates = templates(project);
    let (config, inputs) = (config(project), sha256_hex(inputs_manifest(inputs).to_string().as_bytes()));
    let parts = json!({
        "config": config,
        "sql": sql,
        "templates": templates,
        "inputs": inputs,
        "period": moment.period.to_string(),
        "as_of": moment.as_of.to_string(),
    });
    Fingerprint { whole: whole(SEMANTIC_VERSION, parts), config, inputs, sql, templates }
}

fn whole(semantic_version: u32, parts: Value) -> String {
    let mut whole = json!({ "semantic_version": semantic_version });
    if let (Value::Object(whole), Value::Object(parts)) = (&mut whole, parts) {
        whole.extend(parts);
    }
    sha256_hex(whole.to_string().as_bytes())
}

/// Whether the fingerprint of a run's entry is the one of the digests beside it, by this program or an earlier one.
#[must_use]
pub fn fits(record: &Record) -> bool {
    let parts = json!({
        "config": record.config_sha256,
        "sql": record.sql_sha256,
        "templates": record.template_sha256,
        "inputs": record.inputs_sha256,
        "period": record.period,
        "as_of": record.as_of.to_string(),
    });
    (1..=SEMANTIC_VERSION).any(|version| whole(version, parts.clone()) == record.fingerprint)
}

/// Every pinned file with what identifies its content.
#[must_use]
pub fn inputs_manifest(inputs: &Inputs) -> Value {
    let files = inputs.sources.iter().flat_map(|(source, input)| input.files.iter().map(move |file| (source, file)));
    Value::Array(files.map(|(source, file)| file.identity(source)).collect())
}

/// The digest of the pipeline file, as far as it can change a figure or a word.
#[must_use]
pub fn config(project: &Project) -> String {
    config_of(&project.pipeline)
}

/// As [`config`], when no more than the pipeline file has been read.
#[must_use]
pub fn config_of(pipeline: &Pipeline) -> String {
    let mut config = pipeline.canonical.clone();
    if let Value::Object(keys) = &mut config {
        keys.retain(|key, _| !WITHOUT_EFFECT.contains(&key.as_str()));
    }
    // When a source is waited for says nothing about what is in it.
    let sources = config.get_mut("sources").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    for source in sources.filter_map(Value::as_object_mut) {
        source.retain(|key, _| key != "complete");
    }
    sha256_hex(config.to_string().as_bytes())
}

/// The digest of everything that decides what is computed of the same inputs with the same parameters.
#[must_use]
pub fn definitions(project: &Project) -> String {
    const DECIDE: [&str; 5] = ["calendar", "currency", "params", "sources", "models"];
    let config = DECIDE.map(|key| (key, project.pipeline.canonical.get(key)));
    let models = project.graph.models.iter().map(|model| (&model.name, &model.query.text));
    let all = json!({
        "program": crate::VERSION,
        "semantic_version": SEMANTIC_VERSION,
        "config": BTreeMap::from(config),
        "models": models.collect::<BTreeMap<_, _>>(),
    });
    sha256_hex(all.to_string().as_bytes())
}

/// The digests of every text of every report, by `report/file`.
#[must_use]
pub fn templates(project: &Project) -> BTreeMap<String, String> {
    let texts = project.reports.iter().flat_map(|(report, loaded)| {
        loaded.texts.iter().map(move |(file, text)| (format!("{report}/{file}"), sha256_hex(text.as_bytes())))
    });
    texts.collect()
}
