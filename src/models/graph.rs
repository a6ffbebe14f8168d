//! The graph of models: what reads what, in which order and scope each is built, and which are built at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::models::sql::Query;
use crate::pipeline::{Pipeline, Scope};
use crate::problem::{Place, Problem, Problems, nearest};

/// A model with its place in the graph.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: String,
    pub query: Query,
    pub scope: Scope,
    /// Built once and kept; otherwise it is inlined where it is read.
    pub kept: bool,
}

/// What a table name in SQL stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The rows of a source that keep its contract.
    Source(String),
    /// The rows of a source that break it, with the reason.
    Rejected(String),
    /// Exact copies of rows, beyond the first.
    Duplicates(String),
    Model(String),
    /// What nobody matched of a carried model.
    Remainder(String),
    /// The files of all sources with their row counts.
    SourceFiles,
}

/// All models in the order they are built.
#[derive(Clone, Debug)]
pub struct ModelGraph {
    pub models: Vec<Model>,
    /// Every name that SQL may read.
    pub inputs: BTreeMap<String, Input>,
    /// Queries that must return no rows, by name.
    pub checks: BTreeMap<String, Query>,
}

/// The system table of input files.
pub const SOURCE_FILES: &str = "source_files";

impl ModelGraph {
    /// Reads every model of a pipeline and puts them in order.
    ///
    /// # Errors
    /// All problems found: unreadable folders or SQL, two models of one name, unknown tables, cycles, impossible scopes.
    pub fn load(pipeline: &Pipeline) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let queries = read_queries(&pipeline.models.directories, &mut problems);
        let inputs = inputs(pipeline, &queries, &mut problems);
        let checks = read_queries(&pipeline.checks.directories, &mut problems);
        problems.extend(unknown_tables(&queries, &inputs));
        problems.extend(unknown_tables(&checks, &inputs));
        problems.extend(unknown_models(pipeline, &queries));
        let order = order(&queries, pipeline, &mut problems);
        let scopes = scopes(pipeline, &queries, &inputs, &order, &mut problems);
        let models = order.into_iter().filter_map(|name| {
            let query = queries.get(&name)?.clone();
            let scope = *scopes.get(&name)?;
            let kept = is_kept(pipeline, &queries, &checks, &scopes, &name, scope);
            Some(Model { name, query, scope, kept })
        });
        let models = models.collect();
        Problems::none_or(problems, Self { models, inputs, checks })
    }

    /// A model by name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The models of one scope, in building order.
    pub fn of_scope(&self, scope: Scope) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(move |model| model.scope == scope)
    }

    /// The models of one scope, in building order, each with the tables that no model of the scope reads after it.
    pub fn with_last_read(&self, scope: Scope) -> Vec<(&Model, BTreeSet<&str>)> {
        let mut models: Vec<_> = self.of_scope(scope).map(|model| (model, BTreeSet::new())).collect();
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for (position, (model, _)) in models.iter().enumerate().filter(|(_, (model, _))| model.kept) {
            last.insert(&model.name, position);
            last.extend(self.tables_behind(model).into_iter().map(|table| (table, position)));
        }
        for (table, position) in last {
            if let Some((_, unread)) = models.get_mut(position) {
                unread.insert(table);
            }
        }
        models
    }

    /// The tables a model reads, itself and through the models that are inlined where they are read.
    fn tables_behind<'a>(&'a self, model: &'a Model) -> BTreeSet<&'a str> {
        let (mut tables, mut open) = (BTreeSet::new(), vec![model]);
        while let Some(model) = open.pop() {
            for table in &model.query.tables {
                tables.insert(table.as_str());
                open.extend(self.model(table).filter(|inlined| !inlined.kept));
            }
        }
        tables
    }

    /// Whether anything of a later scope, or a check, reads this table.
    #[must_use]
    pub fn read_later(&self, name: &str, scope: Scope) -> bool {
        self.models.iter().any(|model| model.scope > scope && model.query.tables.contains(name))
            || self.checks.values().any(|check| check.tables.contains(name))
    }

    /// Whether another model of the same scope reads this one.
    #[must_use]
    pub fn read_within(&self, name: &str, scope: Scope) -> bool {
        self.of_scope(scope).any(|model| model.query.tables.contains(name))
    }
}

/// The SQL files of folders, by file stem. Used for models, checks and report queries alike.
pub(crate) fn read_queries(directories: &[PathBuf], problems: &mut Vec<Problem>) -> BTreeMap<String, Query> {
    let mut queries: BTreeMap<String, Query> = BTreeMap::new();
    for file in sql_files(directories, problems) {
        let Some(name) = file.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else { continue };
        match fs::read_to_string(&file) {
            Err(error) => {
                problems.push(Problem::new("E100", format!("cannot be read: {error}")).at(Place::file(&file)));
            }
            Ok(text) => match Query::parse(&file, &text) {
                Err(problem) => problems.push(problem),
                Ok(query) => {
                    if let Some(other) = queries.insert(name.clone(), query) {
                        problems.push(two_of_one_name(&name, &other.file, &file));
                    }
                }
            },
        }
    }
    queries
}

fn two_of_one_name(name: &str, one: &Path, other: &Path) -> Problem {
    Problem::new("E121", format!("two files make the table `{name}`: `{}` and this one", one.display()))
        .at(Place::file(other))
        .help("rename one of them")
}

/// All `.sql` files directly in the folders, in name order.
fn sql_files(directories: &[PathBuf], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in directories {
        match fs::read_dir(directory) {
            Err(error) => problems.push(
                Problem::new("E100", format!("folder of SQL cannot be read: {error}")).at(Place::file(directory)),
            ),
            Ok(entries) => files.extend(
                entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.extension().is_some_and(|end| end == "sql")),
            ),
        }
    }
    files.sort();
    files
}

fn inputs(
    pipeline: &Pipeline,
    queries: &BTreeMap<String, Query>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Input> {
    let mut inputs = BTreeMap::from([(SOURCE_FILES.to_owned(), Input::SourceFiles)]);
    let sources = pipeline.sources.keys().flat_map(|name| {
        [
            (name.clone(), Input::Source(name.clone())),
            (format!("{name}_rejected"), Input::Rejected(name.clone())),
            (format!("{name}_duplicates"), Input::Duplicates(name.clone())),
        ]
    });
    let remainders = pipeline
        .models
        .carried
        .iter()
        .map(|carried| (carried.remainder.clone(), Input::Remainder(carried.model.clone())));
    let models = queries.keys().map(|name| (name.clone(), Input::Model(name.clone())));
    for (name, input) in sources.chain(remainders).chain(models) {
        if inputs.insert(name.clone(), input).is_some() {
            let file = queries.get(&name).map_or_else(|| pipeline.file.clone(), |query| query.file.clone());
            problems.push(
                Problem::new("E121", format!("the name `{name}` stands for two tables"))
                    .at(Place::file(file))
                    .help("rename the model; `NAME_rejected` and `NAME_duplicates` belong to the source `NAME`"),
            );
        }
    }
    inputs
}

fn unknown_tables(queries: &BTreeMap<String, Query>, inputs: &BTreeMap<String, Input>) -> Vec<Problem> {
    let unknown = queries.values().flat_map(|query| {
        query.tables.iter().filter(|table| !inputs.contains_key(*table)).map(move |table| (query, table))
    });
    unknown
        .map(|(query, table)| {
            let problem = Problem::new("E120", format!("unknown table `{table}`")).at(find(query, table));
            match nearest(table, inputs.keys().map(String::as_str)) {
                Some(name) => problem.help(format!("did you mean `{name}`?")),
                None => {
                    problem.help("a table is a source, a model (an SQL file), or one the machine offers (README, SQL)")
                }
            }
        })
        .collect()
}

/// Where a name first stands in a query as a word of its own.
fn find(query: &Query, name: &str) -> Place {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (number, line) in query.text.lines().enumerate() {
        let code = line.split("--").next().unwrap_or_default();
        let found = code
            .match_indices(name)
            .find(|(at, _)| !code[..*at].ends_with(is_word) && !code[at + name.len()..].starts_with(is_word));
        if let Some((at, _)) = found {
            return Place::within(&query.file, &query.text, number + 1, code[..at].chars().count() + 1);
        }
    }
    Place::file(&query.file)
}

/// Names in the YAML's `models` and `marts` that no SQL file makes.
fn unknown_models(pipeline: &Pipeline, queries: &BTreeMap<String, Query>) -> Vec<Problem> {
    let models = &pipeline.models;
    let named =
        models.scopes.keys().chain(models.marts.keys()).chain(models.lookups.values().map(|lookup| &lookup.model));
    let named = named.chain(models.marts.values().flat_map(|mart| &mart.parts));
    let named = named.chain(models.carried.iter().flat_map(|carried| [&carried.model, &carried.matched_by]));
    let unknown: BTreeSet<&String> = named.filter(|name| !queries.contains_key(*name)).collect();
    unknown
        .into_iter()
        .map(|name| {
            let problem =
                Problem::new("E120", format!("no SQL file makes the model `{name}`")).at(Place::file(&pipeline.file));
            match nearest(name, queries.keys().map(String::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("write `{name}.sql` in one of the model folders")),
            }
        })
        .collect()
}

/// The models a query needs: the tables it reads and the models behind the lookups it calls.
fn needs(query: &Query, pipeline: &Pipeline) -> BTreeSet<String> {
    let lookups = query.functions.iter().filter_map(|name| pipeline.models.lookups.get(name));
    query.tables.iter().cloned().chain(lookups.map(|lookup| lookup.model.clone())).collect()
}

/// Topological order; models in a cycle are left out and reported as the cycle they form.
fn order(queries: &BTreeMap<String, Query>, pipeline: &Pipeline, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut walk = Walk { queries, pipeline, done: Vec::new(), path: Vec::new(), problems };
    for name in queries.keys() {
        walk.visit(name);
    }
    walk.done
}

struct Walk<'a> {
    queries: &'a BTreeMap<String, Query>,
    pipeline: &'a Pipeline,
    done: Vec<String>,
    path: Vec<String>,
    problems: &'a mut Vec<Problem>,
}

impl Walk<'_> {
    fn visit(&mut self, name: &str) {
        let Some(query) = self.queries.get(name) else { return };
        if self.done.iter().any(|done| done == name) {
            return;
        }
        if let Some(start) = self.path.iter().position(|step| step == name) {
            let cycle: Vec<_> = self.path.iter().skip(start).map(String::as_str).chain([name]).collect();
            self.problems.push(
                Problem::new("E119", format!("models form a cycle: {}", cycle.join(" → ")))
                    .at(find(query, self.path.last().map_or(name, String::as_str))),
            );
            return;
        }
        self.path.push(name.to_owned());
        for need in needs(query, self.pipeline) {
            self.visit(&need);
        }
        self.path.pop();
        if !self.done.iter().any(|done| done == name) {
            self.done.push(name.to_owned());
        }
    }
}

/// A model is built as late as the latest thing it reads, or later where the YAML says so.
fn scopes(
    pipeline: &Pipeline,
    queries: &BTreeMap<String, Query>,
    inputs: &BTreeMap<String, Input>,
    order: &[String],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Scope> {
    let mut scopes = BTreeMap::new();
    for name in order {
        let Some(query) = queries.get(name) else { continue };
        let latest = query
            .tables
            .iter()
            .filter_map(|table| inputs.get(table))
            .map(|input| scope_of_input(pipeline, input, &scopes))
            .max()
            .unwrap_or(Scope::Reference);
        let scope = pipeline.models.scopes.get(name).copied().unwrap_or(latest);
        if scope < latest {
            problems.push(
                Problem::new("E119", format!("`{name}` has scope {scope:?} but reads a table of scope {latest:?}"))
                    .at(Place::file(&query.file))
                    .help("a model cannot be built before what it reads"),
            );
        }
        scopes.insert(name.clone(), scope);
    }
    for (function, lookup) in &pipeline.models.lookups {
        if scopes.get(&lookup.model).is_some_and(|scope| *scope != Scope::Reference) {
            problems.push(
                Problem::new(
                    "E119",
                    format!("lookup `{function}` needs `{}` before any intake is built", lookup.model),
                )
                .at(Place::file(&pipeline.file))
                .help("a lookup's model may read only sources without a period partition"),
            );
        }
    }
    scopes
}

fn scope_of_input(pipeline: &Pipeline, input: &Input, scopes: &BTreeMap<String, Scope>) -> Scope {
    match input {
        Input::Source(name) | Input::Rejected(name) | Input::Duplicates(name) => {
            let periodic = pipeline.sources.get(name).is_some_and(|source| source.period_partition().is_some());
            if periodic { Scope::Intake } else { Scope::Reference }
        }
        Input::Model(name) => scopes.get(name).copied().unwrap_or(Scope::Reference),
        Input::Remainder(_) | Input::SourceFiles => Scope::History,
    }
}

/// Kept: published, looked up, carried, read in another scope, or read by more than one model.
fn is_kept(
    pipeline: &Pipeline,
    queries: &BTreeMap<String, Query>,
    checks: &BTreeMap<String, Query>,
    scopes: &BTreeMap<String, Scope>,
    name: &str,
    scope: Scope,
) -> bool {
    let models = &pipeline.models;
    let readers: Vec<_> = queries.iter().filter(|(_, query)| query.tables.contains(name)).collect();
    models.mart_of(name).is_some()
        || models.lookups.values().any(|lookup| lookup.model == name)
        || models.carried.iter().any(|carried| carried.model == name || carried.matched_by == name)
        || checks.values().any(|check| check.tables.contains(name))
        || readers.len() != 1
        || readers.iter().any(|(reader, _)| scopes.get(*reader) != Some(&scope))
}
