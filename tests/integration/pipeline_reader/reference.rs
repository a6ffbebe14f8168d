//! The shipped pipeline files are right, and the reference shows everything there is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use tieout::pipeline::{Environment, Pipeline, schema};

use super::{environment, files};

#[test]
fn every_shipped_pipeline_file_is_right() {
    let yaml = files("pipelines").into_iter().filter(|file| file.extension().is_some_and(|end| end == "yaml"));
    let wrong: Vec<String> = yaml
        .filter_map(|file| Pipeline::load(&file, &environment()).err())
        .map(|problems| problems.to_string())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_reference_shows_every_key_of_the_schema() {
    let pipeline = Pipeline::load(Path::new("pipelines/reference.yaml"), &environment()).expect("is right");
    let schema = schema();
    let mut shown = BTreeMap::new();
    collect(&pipeline.canonical, &schema, &schema, "Spec", &mut shown);
    // Either of the two ways that mail leaves excludes the other.
    shown.entry("TransportSpec".to_owned()).or_default().insert("directory".to_owned());
    let mut missing = Vec::new();
    let definitions = schema["$defs"].as_object().expect("definitions").iter();
    for (name, definition) in definitions.map(|(name, one)| (name.as_str(), one)).chain([("Spec", &schema)]) {
        for key in properties(definition) {
            if !shown.get(name).is_some_and(|keys| keys.contains(key)) {
                missing.push(format!("{name}.{key}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_key_of_the_schema_is_refused_where_it_is_misspelt() {
    for key in properties(&schema()) {
        let text = format!("{key}_: x\nversion: 1\n");
        let problems = Pipeline::parse(Path::new("a.yaml"), text.as_bytes(), &Environment::new()).expect_err("unknown");
        let first = problems.0.first().expect("a problem");
        assert_eq!((first.code, first.help.as_deref()), ("E105", Some(format!("did you mean `{key}`?").as_str())));
    }
}

/// Notes the keys that each definition was seen with.
fn collect(value: &Value, schema: &Value, root: &Value, name: &str, shown: &mut BTreeMap<String, BTreeSet<String>>) {
    let (name, schema) = resolved(schema, root, name);
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let property = properties_of(schema).and_then(|known| known.get(key));
                if property.is_some() {
                    shown.entry(name.to_owned()).or_default().insert(key.clone());
                }
                if let Some(schema) = property.or(schema.get("additionalProperties")) {
                    collect(inner, schema, root, "", shown);
                }
            }
        }
        Value::Array(items) => {
            let inner = schema.get("items").unwrap_or(&Value::Null);
            for item in items {
                collect(item, inner, root, "", shown);
            }
        }
        _ => {}
    }
}

fn resolved<'a>(schema: &'a Value, root: &'a Value, name: &'a str) -> (&'a str, &'a Value) {
    if let Some(inner) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return resolved(&root["$defs"][inner], root, inner);
    }
    match schema["anyOf"].as_array().and_then(|some| some.first()) {
        Some(first) => resolved(first, root, name),
        None => (name, schema),
    }
}

fn properties_of(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    schema.get("properties").or_else(|| schema["anyOf"][0].get("properties"))?.as_object()
}

fn properties(schema: &Value) -> Vec<&str> {
    properties_of(schema).into_iter().flat_map(|known| known.keys()).map(String::as_str).collect()
}
