//! What stands in for a value that has a problem, so that the rest of the file is looked at all the same.

use serde_json::{Map, Value as Json, json};

use super::{Shaping, allows, is_nullable, resolved, words};

impl Shaping<'_> {
    /// The plainest value of a schema. It never ends up in a pipeline: there is a problem where it stands.
    pub(super) fn stand_in(&self, schema: &Json) -> Json {
        if is_nullable(schema) {
            return Json::Null;
        }
        let schema = resolved(self.definitions, schema);
        if let Some(word) = words(schema).and_then(|words| words.first().map(|word| json!(word))) {
            return word;
        }
        if allows(schema, "object") {
            return self.stand_in_map(schema);
        }
        if allows(schema, "array") {
            return Json::Array(Vec::new());
        }
        if allows(schema, "integer") {
            return schema.get("minimum").cloned().unwrap_or_else(|| json!(0));
        }
        if allows(schema, "boolean") { Json::Bool(false) } else { Json::String(String::new()) }
    }

    fn stand_in_map(&self, schema: &Json) -> Json {
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let property = |name: &str| schema.get("properties").and_then(|properties| properties.get(name));
        let entries = required.filter_map(|name| Some((name.to_owned(), self.stand_in(property(name)?))));
        Json::Object(entries.collect::<Map<_, _>>())
    }
}
