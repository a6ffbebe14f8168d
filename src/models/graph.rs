//! The graph of models: what reads what, in which order and scope each is built, and which are built at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::models::sql::Query;
use crate::pipeline::{BUILT_IN_CHECKS, Pipeline, Scope};
use crate::problem::{Place, Problem, Problems, nearest};
use crate::threads;

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
    /// Models and checks that cannot be read, and models that form a cycle. What reads them cannot be judged.
    pub unread: BTreeSet<String>,
}

/// The system table of input files.
pub const SOURCE_FILES: &str = "source_files";

impl ModelGraph {
    /// Reads every model of a pipeline and puts them in order.
    ///
    /// # Errors
    /// All problems found: unreadable folders or SQL, two models of one name, unknown tables, cycles, impossible scopes.
    pub fn load(pipeline: &Pipeline) -> Result<Self, Problems> {
        let (graph, problems) = Self::examine(pipeline, 1);
        Problems::none_or(problems, graph)
    }

    /// The models as far as they can be read and ordered, and every problem of them. What has a problem has none that only
    /// follows from it. So many `threads` read SQL at once.
    #[must_use]
    pub fn examine(pipeline: &Pipeline, threads: usize) -> (Self, Vec<Problem>) {
        let (mut problems, mut unread) = (Vec::new(), BTreeSet::new());
        let mut queries = read_queries(threads, &pipeline.models.directories, &mut unread, &mut problems);
        let mut inputs = inputs(pipeline, &queries, &mut problems);
        inputs.extend(unread.iter().map(|name| (name.clone(), Input::Model(name.clone()))));
        let models: BTreeSet<String> = queries.keys().chain(&unread).cloned().collect();
        let checks = read_queries(threads, &pipeline.checks.directories, &mut unread, &mut problems);
        problems.extend(unknown_tables(&queries, &inputs));
        problems.extend(unknown_tables(&checks, &inputs));
        problems.extend(unknown_models(pipeline, &models));
        problems.extend(unknown_checks(pipeline, &checks, &unread));
        let order = order(&queries, pipeline, &mut unread, &mut problems);
        let scopes = scopes(pipeline, &queries, &inputs, &order, &mut problems);
        let placed = order.into_iter().filter_map(|name| {
            let scope = *scopes.get(&name)?;
            let kept = is_kept(pipeline, &queries, &checks, &scopes, &name, scope);
            Some((name, scope, kept))
        });
        let placed: Vec<_> = placed.collect();
        let models = placed.into_iter().filter_map(|(name, scope, kept)| {
            let query = queries.remove(&name)?;
            Some(Model { name, query, scope, kept })
        });
        let models = models.collect();
        (Self { models, inputs, checks, unread }, problems)
    }

    /// A model by name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Of every model, by its position: the positions of those that make the tables and lookups it reads.
    #[must_use]
    pub fn needs(&self, pipeline: &Pipeline) -> Vec<BTreeSet<usize>> {
        let positions: BTreeMap<&str, usize> =
            self.models.iter().enumerate().map(|(at, model)| (model.name.as_str(), at)).collect();
        let made_by = |table: &str| match self.inputs.get(table) {
            Some(Input::Remainder(model)) => positions.get(model.as_str()).copied(),
            _ => positions.get(table).copied(),
        };
        let needs = |model: &Model| {
            let looked_up = model.query.functions.iter().filter_map(|name| pipeline.models.lookups.get(name));
            let tables = model.query.tables.iter().map(String::as_str);
            tables.chain(looked_up.map(|lookup| lookup.model.as_str())).filter_map(made_by).collect()
        };
        self.models.iter().map(needs).collect()
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

/// The SQL files of folders, by file stem, for models and checks alike. `unread` gets the names of those with a problem.
fn read_queries(
    threads: usize,
    directories: &[PathBuf],
    unread: &mut BTreeSet<String>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Query> {
    let mut queries: BTreeMap<String, Query> = BTreeMap::new();
    let files = sql_files(directories, problems);
    let read = threads::each(threads, &files, |file| read_query(file));
    for (file, read) in files.iter().zip(read) {
        let Some(name) = file.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else { continue };
        match read {
            Err(problem) => {
                problems.push(problem);
                unread.insert(name);
            }
            Ok(query) => {
                if let Some(other) = queries.insert(name.clone(), query) {
                    problems.push(two_of_one_name(&name, &other.file, file));
                }
            }
        }
    }
    queries
}

fn read_query(file: &Path) -> Result<Query, Problem> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| Problem::new("E100", format!("cannot be read: {error}")).at(Place::file(file)))?;
    Query::parse(file, &text)
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
            let problem = Problem::new("E120", format!("unknown table `{table}`")).at(query.place_of_table(table));
            match nearest(table, inputs.keys().map(String::as_str)) {
                Some(name) => problem.help(format!("did you mean `{name}`?")),
                None => {
                    problem.help("a table is a source, a model (an SQL file), or one the machine offers (README, SQL)")
                }
            }
        })
        .collect()
}

/// Names in the YAML's `models` that no SQL file makes, each where it is first named.
fn unknown_models(pipeline: &Pipeline, known: &BTreeSet<String>) -> Vec<Problem> {
    let mut told = BTreeSet::new();
    let unknown = named_models(pipeline)
        .into_iter()
        .filter(|(name, _)| !known.contains(*name))
        .filter(|(name, _)| told.insert(*name))
        .collect::<Vec<_>>();
    unknown
        .into_iter()
        .map(|(name, path)| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let problem =
                Problem::new("E120", format!("no SQL file makes the model `{name}`")).at(pipeline.place(&path));
            match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("write `{name}.sql` in one of the model folders")),
            }
        })
        .collect()
}

/// Every model that the pipeline file names, and where.
fn named_models(pipeline: &Pipeline) -> Vec<(&String, Vec<String>)> {
    let models = &pipeline.models;
    let place = |path: &[&str]| ["models"].iter().chain(path).map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut named: Vec<(&String, Vec<String>)> = Vec::new();
    named.extend(models.scopes.keys().map(|name| (name, place(&["scopes", name]))));
    for (mart, declared) in &models.marts {
        named.push((mart, place(&["marts", mart])));
        let part = |(at, name)| (name, place(&["marts", mart, "parts", &usize::to_string(&at)]));
        named.extend(declared.parts.iter().enumerate().map(part));
    }
    named.extend(models.lookups.iter().map(|(name, lookup)| (&lookup.model, place(&["lookups", name, "model"]))));
    for (at, carried) in models.carried.iter().enumerate() {
        let at = at.to_string();
        named.push((&carried.model, place(&["carried", &at, "model"])));
        named.push((&carried.matched_by, place(&["carried", &at, "matched_by"])));
    }
    named
}

/// Settings of checks that there are none of: nobody would miss what they were meant to say.
fn unknown_checks(pipeline: &Pipeline, checks: &BTreeMap<String, Query>, unread: &BTreeSet<String>) -> Vec<Problem> {
    let known = |name: &&String| {
        checks.contains_key(*name) || unread.contains(*name) || BUILT_IN_CHECKS.contains(&name.as_str())
    };
    let unknown = pipeline.checks.settings.keys().filter(|name| !known(name));
    unknown
        .map(|name| {
            let problem = Problem::new("E120", format!("settings for `{name}`, and no SQL file makes this check"))
                .at(pipeline.place(&["checks", "settings", name]));
            match nearest(name, checks.keys().map(String::as_str).chain(BUILT_IN_CHECKS)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("write `{name}.sql` in one of the folders of checks, or take them out")),
            }
        })
        .collect()
}

/// The models a query needs: the tables it reads and the models behind the lookups it calls.
fn needs(query: &Query, pipeline: &Pipeline) -> BTreeSet<String> {
    let lookups = query.functions.iter().filter_map(|name| pipeline.models.lookups.get(name));
    query.tables.iter().cloned().chain(lookups.map(|lookup| lookup.model.clone())).collect()
}

/// Topological order. Models in a cycle are reported as the cycle they form.
fn order(
    queries: &BTreeMap<String, Query>,
    pipeline: &Pipeline,
    cyclic: &mut BTreeSet<String>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let mut walk = Walk { queries, pipeline, done: Vec::new(), path: Vec::new(), cyclic, problems };
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
    cyclic: &'a mut BTreeSet<String>,
    problems: &'a mut Vec<Problem>,
}

impl Walk<'_> {
    fn visit(&mut self, name: &str) {
        let Some(query) = self.queries.get(name) else { return };
        if self.done.iter().any(|done| done == name) {
            return;
        }
        if let Some(start) = self.path.iter().position(|step| step == name) {
            self.cyclic.extend(self.path.iter().skip(start).cloned());
            // The one that leads back to the first of them.
            let reader = self.path.last().and_then(|last| self.queries.get(last));
            let cycle: Vec<_> = self.path.iter().skip(start).map(String::as_str).chain([name]).collect();
            self.problems.push(
                Problem::new("E119", format!("models form a cycle: {}", cycle.join(" → ")))
                    .at(reader.unwrap_or(query).place_of_table(name))
                    .help("one of them has to do without what it reads of the next"),
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
                    .at(pipeline.place(&["models", "scopes", name]))
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
                .at(pipeline.place(&["models", "lookups", function, "model"]))
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
