//! The tree against the JSON Schema: unknown keys, missing keys and wrong types, all at once and each in its place.
//! What passes can be read into the typed spec without another error.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value as Json, json};

mod stand_in;

use crate::pipeline::environment::{Environment, ReferenceError, is_reference, substitute};
use crate::pipeline::node::{At, Key, Node, Plain, Scalar, Value};
use crate::pipeline::page::{Found, PROBLEMS, Substituted, is_secret, shortened};
use crate::problem::nearest;

/// A tree in the shape of the schema.
#[derive(Default)]
pub struct Shaped {
    /// What has a problem is replaced by a value of the right type, so that the rest can still be looked at.
    pub json: Json,
    pub found: Vec<Found>,
    /// Paths of the replaced values.
    pub broken: Broken,
    pub substituted: Vec<Substituted>,
}

/// Paths that have a problem already.
#[derive(Default)]
pub struct Broken(BTreeSet<String>);

impl Broken {
    /// Whether the path, something above it or something below it is broken.
    pub fn touches(&self, path: &str) -> bool {
        let below = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            outer.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.0.iter().any(|broken| below(path, broken) || below(broken, path))
    }
}

/// Turns a tree into JSON of the schema's shape, with `${NAME}` resolved in every scalar value.
pub fn shaped(root: &Node, schema: &Json, environment: &Environment) -> Shaped {
    let mut shaping = Shaping { definitions: schema.get("$defs"), environment, done: Shaped::default() };
    shaping.done.json = shaping.node(root, schema, "");
    shaping.done
}

struct Shaping<'a> {
    definitions: Option<&'a Json>,
    environment: &'a Environment,
    done: Shaped,
}

impl<'a> Shaping<'a> {
    fn node(&mut self, node: &Node, schema: &'a Json, path: &str) -> Json {
        let nullable = is_nullable(schema);
        let schema = resolved(self.definitions, schema);
        match &node.value {
            Value::Null if nullable => Json::Null,
            Value::Map(entries) if allows(schema, "object") => self.map(node.at, entries, schema, path),
            Value::List(items) if allows(schema, "array") => self.list(items, schema, path),
            Value::Scalar(scalar) if is_param(path) => self.param(node, scalar, schema, path),
            Value::Scalar(scalar) => self.scalar(node, scalar, schema, path),
            _ => self.wrong(node, schema, path),
        }
    }

    /// Notes a problem; gives what stands in for the value.
    fn refuse(&mut self, found: Found, schema: &Json, path: &str) -> Json {
        self.done.found.push(found);
        self.done.broken.0.insert(path.to_owned());
        self.stand_in(schema)
    }

    fn map(&mut self, at: At, entries: &[(Key, Node)], schema: &'a Json, path: &str) -> Json {
        let known = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut map = Map::new();
        let mut misspelt = Vec::new();
        for (key, value) in entries {
            if let Some(schema) = known.and_then(|known| known.get(&key.name)).or(others) {
                map.insert(key.name.clone(), self.node(value, schema, &below(path, &key.name)));
            } else {
                let meant = self.unknown(key, known);
                misspelt.extend(meant.filter(|name| entries.iter().all(|(key, _)| key.name != *name)));
            }
        }
        self.done.broken.0.extend(misspelt.iter().map(|name| below(path, name)));
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            if map.contains_key(name) {
                continue;
            }
            let place = below(path, name);
            let inner = known.and_then(|known| known.get(name)).unwrap_or(&Json::Null);
            // What was meant by a misspelt key is not missing besides.
            let value = if misspelt.contains(&name) {
                self.stand_in(inner)
            } else {
                self.refuse(missing(at, name, inner, path), inner, &place)
            };
            map.insert(name.to_owned(), value);
        }
        Json::Object(map)
    }

    /// Notes an unknown key; gives the known one that was meant.
    fn unknown<'k>(&mut self, key: &Key, known: Option<&'k Map<String, Json>>) -> Option<&'k str> {
        let found = Found::new(key.at, "E105", format!("unknown key `{}`", shortened(&key.name)));
        let names: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let told = self.done.found.len() < PROBLEMS;
        let near = nearest(&shortened(&key.name), names.iter().copied().filter(|_| told));
        self.done.found.push(match near {
            Some(name) => found.help(format!("did you mean `{name}`?")),
            None => found.help(format!("known here: {}", names.join(", "))),
        });
        near
    }

    fn list(&mut self, items: &[Node], schema: &'a Json, path: &str) -> Json {
        let Some(inner) = schema.get("items") else { return Json::Array(Vec::new()) };
        let items = items.iter().enumerate().map(|(index, item)| self.node(item, inner, &format!("{path}[{index}]")));
        Json::Array(items.collect())
    }

    /// The text of a scalar with its references resolved.
    fn text(&mut self, node: &Node, scalar: &Scalar, path: &str) -> Result<String, Found> {
        let value = substitute(&scalar.text, self.environment).map_err(|error| {
            if hides(path, &scalar.text) {
                return literal(node, path);
            }
            let found = Found::new(node.at, error.code(), format!("`{path}`: {error}"));
            let hint = matches!(error, ReferenceError::NotSet(_));
            if hint { found.help("set it, or write ${NAME:-default}") } else { found }
        })?;
        if value != scalar.text {
            let written = shortened(&scalar.text);
            self.done.substituted.push(Substituted { at: node.at, written, value: value.clone() });
        }
        Ok(value)
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, schema: &'a Json, path: &str) -> Json {
        let text = match self.text(node, scalar, path) {
            Ok(text) => text,
            Err(found) => return self.refuse(found, schema, path),
        };
        if let Some(words) = words(schema) {
            return self.word(node, &text, schema, &words, path);
        }
        if allows(schema, "integer") {
            return self.integer(node, &text, schema, path);
        }
        let replaced = text != scalar.text;
        if allows(schema, "boolean") {
            return match (scalar.plain, text.as_str()) {
                (Plain::Boolean(value), _) if !scalar.quoted => Json::Bool(value),
                (_, "true") if replaced => Json::Bool(true),
                (_, "false") if replaced => Json::Bool(false),
                _ => self.wrong(node, schema, path),
            };
        }
        if !allows(schema, "string") {
            return self.wrong(node, schema, path);
        }
        match (!replaced).then(|| unquoted(node, scalar, path)).flatten() {
            Some(found) => self.refuse(found, schema, path),
            None => Json::String(text),
        }
    }

    /// A parameter written as its value alone gets the type that YAML gives it. What a variable holds is a text.
    fn param(&mut self, node: &Node, scalar: &Scalar, schema: &'a Json, path: &str) -> Json {
        let text = match self.text(node, scalar, path) {
            Ok(text) => text,
            Err(found) => return self.refuse(found, schema, path),
        };
        match scalar.plain {
            Plain::Boolean(value) if !scalar.quoted => json!({ "boolean": value }),
            Plain::Number if !scalar.quoted => match text.parse::<i64>() {
                Ok(number) => json!({ "integer": number }),
                Err(_) => json!({ "decimal": text }),
            },
            _ => match unquoted(node, scalar, path) {
                Some(found) => self.refuse(found, schema, path),
                None => json!({ "text": text }),
            },
        }
    }

    fn word(&mut self, node: &Node, text: &str, schema: &Json, words: &[&str], path: &str) -> Json {
        if words.contains(&text) {
            return Json::String(text.to_owned());
        }
        let text = shortened(text);
        let found = Found::new(node.at, "E106", format!("`{path}` cannot be `{text}`"));
        let found = match nearest(&text, words.iter().copied()) {
            Some(word) => found.help(format!("did you mean `{word}`?")),
            None => found.help(format!("one of {}", words.join(", "))),
        };
        self.refuse(found, schema, path)
    }

    fn integer(&mut self, node: &Node, text: &str, schema: &Json, path: &str) -> Json {
        let bound = |name: &str| schema.get(name).and_then(Json::as_i64);
        let (low, high) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
        let Ok(value) = text.parse::<i64>() else { return self.wrong(node, schema, path) };
        if (low..=high).contains(&value) {
            return Json::Number(Number::from(value));
        }
        let code = if path == "version" { "E114" } else { "E106" };
        let message = format!("`{path}` must be {low}..{high}, got `{value}`");
        self.refuse(Found::new(node.at, code, message), schema, path)
    }

    fn wrong(&mut self, node: &Node, schema: &Json, path: &str) -> Json {
        let wanted = ["object", "array", "string", "integer", "boolean"].into_iter().find(|kind| allows(schema, kind));
        let wanted = match wanted {
            Some("object") => "a map",
            Some("array") => "a list",
            Some("integer") => "a whole number",
            Some("boolean") => "true or false",
            _ => "text",
        };
        let got = match &node.value {
            Value::Scalar(scalar) if !names_secret(path) => format!("`{}`", shortened(&scalar.text)),
            _ => node.kind().to_owned(),
        };
        let place = if path.is_empty() { "the pipeline".to_owned() } else { format!("`{path}`") };
        self.refuse(Found::new(node.at, "E106", format!("{place} must be {wanted}, got {got}")), schema, path)
    }
}

/// Follows a reference, and an optional value to the schema it has when it is there.
fn resolved<'a>(definitions: Option<&'a Json>, schema: &'a Json) -> &'a Json {
    if let Some(name) = schema.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix("#/$defs/")) {
        let definition = definitions.and_then(|definitions| definitions.get(name));
        return definition.map_or(schema, |found| resolved(definitions, found));
    }
    let some = schema.get("anyOf").and_then(Json::as_array);
    match some.and_then(|some| some.iter().find(|schema| schema.get("type") != Some(&Json::from("null")))) {
        Some(found) => resolved(definitions, found),
        None => schema,
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn missing(at: At, name: &str, schema: &Json, path: &str) -> Found {
    let found = match (path, name) {
        ("", "version") => return Found::new(at, "E114", "the version is missing").help("begin with `version: 1`"),
        ("", _) => Found::new(at, "E106", format!("the pipeline needs `{name}`")),
        _ => Found::new(at, "E106", format!("`{path}` needs `{name}`")),
    };
    match schema.get("description").and_then(Json::as_str) {
        Some(description) => found.help(format!("{name}: {}", description.replace('\n', " "))),
        None => found,
    }
}

/// `NO` is false and `1.10` is 1.1 to YAML: a text that could be something else has to be quoted. A whole number is the
/// same text to every reader, except where a secret should not have been written at all.
fn unquoted(node: &Node, scalar: &Scalar, path: &str) -> Option<Found> {
    if scalar.quoted || (scalar.plain == Plain::Text && !looks_boolean(&scalar.text)) {
        return None;
    }
    if hides(path, &scalar.text) {
        return Some(literal(node, path));
    }
    if scalar.text.parse::<i64>().is_ok_and(|number| number.to_string() == scalar.text) {
        return None;
    }
    let text = shortened(&scalar.text);
    let message = format!("`{path}` is a text, but `{text}` unquoted is not read as one");
    Some(Found::new(node.at, "E113", message).help(format!("quote this value: \"{text}\"")))
}

fn literal(node: &Node, path: &str) -> Found {
    let error = ReferenceError::Literal;
    Found::new(node.at, error.code(), format!("`{path}`: {error}")).help("write env:NAME or file:PATH")
}

/// Whether a value is a secret that somebody wrote into the file.
fn hides(path: &str, text: &str) -> bool {
    names_secret(path) && !is_reference(text)
}

/// Whether the last key of a path promises a secret.
fn names_secret(path: &str) -> bool {
    path.rsplit('.').next().is_some_and(is_secret)
}

fn is_param(path: &str) -> bool {
    path.strip_prefix("params.").is_some_and(|name| !name.contains('.'))
}

fn looks_boolean(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "yes" | "no" | "on" | "off" | "true" | "false" | "y" | "n" | "null" | "~"
    )
}

fn is_nullable(schema: &Json) -> bool {
    let null = Json::from("null");
    let listed = |key: &str| schema.get(key).and_then(Json::as_array);
    listed("type").is_some_and(|kinds| kinds.contains(&null))
        || listed("anyOf").is_some_and(|some| some.iter().any(|schema| schema.get("type") == Some(&null)))
}

fn allows(schema: &Json, kind: &str) -> bool {
    match schema.get("type") {
        Some(Json::String(only)) => only == kind,
        Some(Json::Array(kinds)) => kinds.iter().any(|one| one == kind),
        _ => false,
    }
}

/// The words of an enumeration, however the schema writes it.
fn words(schema: &Json) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Some(words.iter().filter_map(Json::as_str).collect());
    }
    let variants = schema.get("oneOf").and_then(Json::as_array)?;
    let words = variants.iter().flat_map(|variant| match (variant.get("const"), variant.get("enum")) {
        (Some(word), _) => vec![word],
        (_, Some(Json::Array(words))) => words.iter().collect(),
        _ => Vec::new(),
    });
    Some(words.filter_map(Json::as_str).collect())
}
