//! The tree against the JSON Schema: unknown keys, missing keys and wrong types, all at once and each in its place.
//! What passes can be read into the typed spec without another error.

use serde_json::{Map, Number, Value as Json, json};

use crate::pipeline::environment::{Environment, ReferenceError, substitute};
use crate::pipeline::node::{At, HIDDEN, Key, Node, Plain, Scalar, TOLD, Value, is_reference, sounds_secret};
use crate::problem::nearest;

/// A problem before it knows its file.
pub struct Found {
    pub at: At,
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

impl Found {
    pub fn new(at: At, code: &'static str, message: impl Into<String>) -> Self {
        Self { at, code, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Turns a tree into JSON of the schema's shape, with `${NAME}` resolved in every scalar value.
pub fn shaped(root: &Node, schema: &Json, environment: &Environment) -> (Json, Vec<Found>) {
    let mut shaping = Shaping { definitions: schema.get("$defs"), environment, found: Vec::new() };
    let json = shaping.node(root, schema, "");
    (json, shaping.found)
}

struct Shaping<'a> {
    definitions: Option<&'a Json>,
    environment: &'a Environment,
    found: Vec<Found>,
}

impl<'a> Shaping<'a> {
    /// Follows a reference, and an optional value to the schema it has when it is there.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix("#/$defs/")) {
            return self
                .definitions
                .and_then(|definitions| definitions.get(name))
                .map_or(schema, |found| self.resolve(found));
        }
        let some = schema.get("anyOf").and_then(Json::as_array);
        match some.and_then(|some| some.iter().find(|schema| schema.get("type") != Some(&Json::from("null")))) {
            Some(found) => self.resolve(found),
            None => schema,
        }
    }

    fn node(&mut self, node: &Node, schema: &'a Json, path: &str) -> Json {
        let nullable = is_nullable(schema);
        let schema = self.resolve(schema);
        match &node.value {
            Value::Null if nullable => Json::Null,
            Value::Map(entries) if allows(schema, "object") => self.map(node.at, entries, schema, path),
            Value::List(items) if allows(schema, "array") => self.list(items, schema, path),
            Value::Scalar(scalar) if is_param(path) => self.param(node, scalar, path),
            Value::Scalar(scalar) => self.scalar(node, scalar, schema, path),
            _ => self.wrong(node, schema, path),
        }
    }

    fn map(&mut self, at: At, entries: &[(Key, Node)], schema: &'a Json, path: &str) -> Json {
        let known = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut map = Map::new();
        let mut meant = Vec::new();
        for (key, value) in entries {
            let place = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
            match known.and_then(|known| known.get(&key.name)).or(others) {
                Some(schema) => drop(map.insert(key.name.clone(), self.node(value, schema, &place))),
                None => meant.extend(self.unknown(key, known)),
            }
        }
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            // A key that is there under a wrong name has been told.
            if map.contains_key(name) || meant.contains(&name) {
                continue;
            }
            let whole = whole(path);
            self.found.push(if path.is_empty() && name == "version" {
                Found::new(at, "E114", format!("{whole} needs `version`")).help("write `version: 1` first")
            } else {
                Found::new(at, "E106", format!("{whole} needs `{name}`"))
            });
        }
        Json::Object(map)
    }

    /// Tells an unknown key, and gives the one that was probably meant.
    fn unknown<'s>(&mut self, key: &Key, known: Option<&'s Map<String, Json>>) -> Option<&'s str> {
        let found = Found::new(key.at, "E105", format!("unknown key `{}`", key.name));
        let names: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let told = self.found.len() < TOLD;
        let near = told.then(|| nearest(&key.name, names.iter().copied())).flatten();
        self.found.push(match near {
            Some(name) => found.help(format!("did you mean `{name}`?")),
            None => found.help(format!("known here: {}", names.join(", "))),
        });
        near
    }

    fn list(&mut self, items: &[Node], schema: &'a Json, path: &str) -> Json {
        let Some(inner) = schema.get("items") else { return Json::Null };
        let items = items.iter().enumerate().map(|(index, item)| self.node(item, inner, &format!("{path}[{index}]")));
        Json::Array(items.collect())
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, schema: &'a Json, path: &str) -> Json {
        let text = match substitute(&scalar.text, self.environment) {
            Ok(text) => text,
            Err(error) => {
                let error = if hides(path, &scalar.text) { ReferenceError::Literal } else { error };
                let found = Found::new(node.at, error.code(), format!("`{path}`: {error}"));
                let hint = matches!(error, ReferenceError::NotSet(_));
                self.found.push(if hint { found.help("set it, or write ${NAME:-default}") } else { found });
                return Json::Null;
            }
        };
        let replaced = text != scalar.text;
        if let Some(words) = words(schema) {
            return self.word(node, &text, &words, path);
        }
        if allows(schema, "integer") {
            return self.integer(node, &text, schema, path);
        }
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
        // `NO` is false and `1.10` is 1.1 to YAML: a text that could be something else has to be quoted. A whole number
        // is the same text to every reader.
        let whole = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
        if !scalar.quoted && !replaced && !whole && (scalar.plain != Plain::Text || looks_boolean(&text)) {
            self.found.push(if hides(path, &text) {
                let error = ReferenceError::Literal;
                Found::new(node.at, error.code(), format!("`{path}`: {error}"))
            } else {
                Found::new(node.at, "E113", format!("`{path}` is a text, but `{text}` unquoted is not read as one"))
                    .help(format!("quote this value: \"{text}\""))
            });
        }
        Json::String(text)
    }

    /// A parameter written as its value alone gets the type that YAML gives it.
    fn param(&mut self, node: &Node, scalar: &Scalar, path: &str) -> Json {
        let any = json!({ "type": "string" });
        let quoted = Scalar { quoted: true, ..scalar.clone() };
        let mut texts = Shaping { definitions: None, environment: self.environment, found: Vec::new() };
        let value = texts.scalar(node, &quoted, &any, path);
        self.found.extend(texts.found);
        let text = value.as_str().unwrap_or_default();
        match scalar.plain {
            Plain::Boolean(value) if !scalar.quoted => json!({ "boolean": value }),
            Plain::Number if !scalar.quoted => match text.parse::<i64>() {
                Ok(number) => json!({ "integer": number }),
                Err(_) => json!({ "decimal": text }),
            },
            _ => json!({ "text": text }),
        }
    }

    fn word(&mut self, node: &Node, text: &str, words: &[&str], path: &str) -> Json {
        if words.contains(&text) {
            return Json::String(text.to_owned());
        }
        let found = Found::new(node.at, "E106", format!("`{path}` cannot be `{text}`"));
        self.found.push(match nearest(text, words.iter().copied()) {
            Some(word) => found.help(format!("did you mean `{word}`?")),
            None => found.help(format!("one of {}", words.join(", "))),
        });
        Json::Null
    }

    fn integer(&mut self, node: &Node, text: &str, schema: &Json, path: &str) -> Json {
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        let (low, high) = (bound("minimum"), bound("maximum"));
        let Ok(value) = text.parse::<i64>() else { return self.wrong(node, schema, path) };
        let exact = Number::from(value);
        let within = exact
            .as_f64()
            .is_some_and(|value| low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high));
        if !within {
            let limit = |bound: Option<f64>| bound.map(|bound| format!("{bound}")).unwrap_or_default();
            self.found.push(if path == "version" {
                let message = format!("version {value} of the pipeline file, this program knows {}", limit(high));
                Found::new(node.at, "E114", message).help("use the program that the file was written for")
            } else {
                let message = format!("`{path}` must be {}..{}, got {value}", limit(low), limit(high));
                Found::new(node.at, "E106", message)
            });
            return Json::Null;
        }
        Json::Number(exact)
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
            Value::Scalar(scalar) if hides(path, &scalar.text) => format!("`{HIDDEN}`"),
            Value::Scalar(scalar) => format!("`{}`", scalar.text),
            _ => node.kind().to_owned(),
        };
        self.found.push(Found::new(node.at, "E106", format!("{} must be {wanted}, got {got}", whole(path))));
        Json::Null
    }
}

/// Whether a value is a secret that somebody wrote into the file.
fn hides(path: &str, text: &str) -> bool {
    sounds_secret(path.rsplit('.').next().unwrap_or(path)) && !is_reference(text)
}

fn whole(path: &str) -> String {
    if path.is_empty() { "the pipeline".to_owned() } else { format!("`{path}`") }
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
