//! A pipeline that is to run on another machine: what that machine has to give it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::pipeline::environment::{Environment, variables};
use crate::pipeline::node::{self, Node, Value};
use crate::pipeline::validate::{Secrets, read_bytes};
use crate::pipeline::{Pipeline, Text, Transport};
use crate::problem::Problems;

/// A pipeline whose secrets were not looked up.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    pub pipeline: Pipeline,
    /// `${NAME}` in the file, each with whether it has a default.
    pub variables: BTreeMap<String, bool>,
    /// References to secrets: `env:NAME` or `file:PATH`.
    pub secrets: BTreeSet<String>,
}

impl Elsewhere {
    /// Reads and validates a pipeline file. Secrets need not be there; variables without a default do, because the rest
    /// of the file cannot be judged without them.
    ///
    /// # Errors
    /// Every problem of the file, each with its place.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, Problems> {
        let bytes = read_bytes(file)?;
        let pipeline = Pipeline::parse_with(file, &bytes, environment, Secrets::Named)?;
        let mut found = BTreeMap::new();
        if let Some(root) = node::text(&bytes).ok().and_then(|text| node::read(text).root) {
            collect(&root, &mut found);
        }
        let secrets = secrets(&pipeline);
        Ok(Self { pipeline, variables: found, secrets })
    }
}

fn collect(node: &Node, found: &mut BTreeMap<String, bool>) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(scalar) => {
            for (name, default) in variables(&scalar.text) {
                // One use without a default needs the variable.
                found.entry(name.to_owned()).and_modify(|all| *all &= default).or_insert(default);
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| collect(value, found)),
    }
}

fn secrets(pipeline: &Pipeline) -> BTreeSet<String> {
    let options = pipeline.storage.options.values().filter_map(|text| match text {
        Text::Secret(secret) => Some(secret),
        Text::Plain(_) => None,
    });
    let password = match &pipeline.delivery.transport {
        Transport::Smtp(smtp) => smtp.password.as_ref(),
        Transport::Directory(_) => None,
    };
    options.chain(password).map(|secret| secret.reference.clone()).collect()
}
