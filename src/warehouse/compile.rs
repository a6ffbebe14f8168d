//! Compiling: every query planned and linted against the contracts, before any store is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::prelude::SessionContext;
use futures::executor::block_on;

use crate::models::{Input, Model, ModelGraph, Query, lint};
use crate::pipeline::{Mart, Pipeline};
use crate::problem::{Place, Problem, nearest};
use crate::threads;
use crate::warehouse::bindings::Bindings;
use crate::warehouse::lookup::LookupFunction;
use crate::warehouse::schema;
use crate::warehouse::session::analysed;
use crate::warehouse::single_values::may_be_null;

/// The table of findings that reports may read.
pub const FINDINGS: &str = "findings";

/// Queries that are known to plan, with the columns they give.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    pub schemas: BTreeMap<String, SchemaRef>,
    /// Tables and functions of models that have no columns, because of a problem that is told where it is.
    pub unknown: BTreeSet<String>,
}

impl Compiled {
    /// Whether a query reads what has no columns: then it cannot be judged.
    #[must_use]
    pub fn is_lost(&self, query: &Query) -> bool {
        query.tables.iter().chain(&query.functions).any(|name| self.unknown.contains(name))
    }
}

/// Plans and lints all models, so many `threads` at once, and tells every problem of them, each in its SQL file.
pub fn compile(
    context: &SessionContext,
    pipeline: &Pipeline,
    graph: &ModelGraph,
    bindings: &Bindings,
    threads: usize,
) -> (Compiled, Vec<Problem>) {
    let mut compiled = Compiled { schemas: BTreeMap::new(), unknown: BTreeSet::new() };
    if let Err(error) = register_contracts(context, pipeline, graph) {
        return (compiled, vec![internal(&pipeline.file, &error)]);
    }
    for name in unplanned(graph) {
        compiled.unknown.extend(made_of(pipeline, name).map(str::to_owned));
    }
    let compiling = Compiling { context, pipeline, bindings, compiled: Mutex::new(compiled) };
    let problems = Mutex::new(BTreeMap::new());
    threads::after(threads, &graph.needs(pipeline), |at| {
        if let Some(model) = graph.models.get(at) {
            let found = compiling.model(model);
            locked(&problems).insert(at, found);
        }
    });
    let problems = problems.into_inner().unwrap_or_else(PoisonError::into_inner);
    let compiled = compiling.compiled.into_inner().unwrap_or_else(PoisonError::into_inner);
    (compiled, problems.into_values().flatten().collect())
}

/// What the threads share that compile models.
struct Compiling<'a> {
    context: &'a SessionContext,
    pipeline: &'a Pipeline,
    bindings: &'a Bindings,
    compiled: Mutex<Compiled>,
}

impl Compiling<'_> {
    /// Compiles a model whose inputs are compiled, and puts what it makes where its readers look.
    fn model(&self, model: &Model) -> Vec<Problem> {
        let lost = {
            let compiled = locked(&self.compiled);
            compiled.unknown.contains(&model.name) || compiled.is_lost(&model.query)
        };
        let (schema, mut problems) = if lost {
            (None, Vec::new())
        } else {
            // Planning over tables in memory waits for nothing.
            block_on(compile_model(self.context, self.pipeline, model, self.bindings))
        };
        let Some(schema) = schema else {
            locked(&self.compiled).unknown.extend(made_of(self.pipeline, &model.name).map(str::to_owned));
            return problems;
        };
        register_lookups(self.context, self.pipeline, model, &schema, &mut problems);
        let registered = register_empty(self.context, self.pipeline, &model.name, &schema);
        problems.extend(registered.err().map(|error| internal(&model.query.file, &error)));
        locked(&self.compiled).schemas.insert(model.name.clone(), schema);
        problems
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Models whose files cannot be read, that have no place in the order, or that read what is not there.
fn unplanned(graph: &ModelGraph) -> impl Iterator<Item = &str> {
    let ordered = |name: &str| graph.model(name).is_some();
    let unordered = graph
        .inputs
        .keys()
        .filter(move |name| matches!(graph.inputs.get(*name), Some(Input::Model(model)) if !ordered(model)));
    let reads_nothing = graph
        .models
        .iter()
        .filter(|model| model.query.tables.iter().any(|table| !graph.inputs.contains_key(table)))
        .map(|model| &model.name);
    graph.unread.iter().chain(unordered).chain(reads_nothing).map(String::as_str)
}

/// A model's table, what is left over of it, and the functions that look it up.
fn made_of<'a>(pipeline: &'a Pipeline, model: &'a str) -> impl Iterator<Item = &'a str> {
    let carried = pipeline.models.carried.iter().filter(move |carried| carried.model == model);
    let lookups = pipeline.models.lookups.iter().filter(move |(_, lookup)| lookup.model == model);
    std::iter::once(model)
        .chain(carried.map(|carried| carried.remainder.as_str()))
        .chain(lookups.map(|(name, _)| name.as_str()))
}

async fn compile_model(
    context: &SessionContext,
    pipeline: &Pipeline,
    model: &Model,
    bindings: &Bindings,
) -> (Option<SchemaRef>, Vec<Problem>) {
    let (plan, mut problems) = match linted(context, &model.query, bindings).await {
        Ok(linted) => linted,
        Err(problem) => return (None, vec![problem]),
    };
    let schema: SchemaRef = Arc::new(plan.schema().as_arrow().clone());
    let mart = pipeline.models.mart_of(&model.name);
    let differs = mart.and_then(|mart| Some((mart, mart_problem(pipeline, mart, &schema, &model.query)?)));
    if let Some((mart, problem)) = differs {
        problems.push(problem);
        // Whoever reads it is judged by what it is to be.
        return (Some(schema::declared_schema(mart)), problems);
    }
    (Some(schema), problems)
}

/// Plans one query against the tables a session knows.
///
/// # Errors
/// The one problem that kept it from being planned.
pub async fn plan(context: &SessionContext, query: &Query, bindings: &Bindings) -> Result<LogicalPlan, Problem> {
    may_be_null(as_written(context, query, bindings).await?).map_err(|error| plan_problem(query, &error))
}

/// The plan of a query, and what lints find in what its author wrote.
async fn linted(
    context: &SessionContext,
    query: &Query,
    bindings: &Bindings,
) -> Result<(LogicalPlan, Vec<Problem>), Problem> {
    let plan = as_written(context, query, bindings).await?;
    let problems = lint(query, &plan).unwrap_or_else(|error| vec![plan_problem(query, &error)]);
    Ok((may_be_null(plan).map_err(|error| plan_problem(query, &error))?, problems))
}

async fn as_written(context: &SessionContext, query: &Query, bindings: &Bindings) -> Result<LogicalPlan, Problem> {
    let statement = query.bound(bindings).map_err(|error| {
        let problem = Problem::new("E126", error.to_string()).at(query.place_of_parameter(&error.0));
        match nearest(&error.0, bindings.keys().map(String::as_str)) {
            Some(name) => problem.help(format!("did you mean `${name}`?")),
            None => problem.help("declare it under `params`"),
        }
    })?;
    let state = context.state();
    let plan = state.statement_to_plan(statement).await;
    plan.and_then(|plan| analysed(&state, plan)).map_err(|error| plan_problem(query, &error))
}

/// Plans and lints a query that is no model (a check, a report's table) and gives its columns.
///
/// # Errors
/// All problems found.
pub async fn compile_query(
    context: &SessionContext,
    query: &Query,
    bindings: &Bindings,
) -> Result<SchemaRef, Vec<Problem>> {
    let (plan, problems) = linted(context, query, bindings).await.map_err(|problem| vec![problem])?;
    if problems.is_empty() { Ok(Arc::new(plan.schema().as_arrow().clone())) } else { Err(problems) }
}

/// Empty tables with the declared columns stand in for the inputs.
fn register_contracts(
    context: &SessionContext,
    pipeline: &Pipeline,
    graph: &ModelGraph,
) -> Result<(), DataFusionError> {
    for (name, input) in &graph.inputs {
        let schema = match input {
            Input::Source(source) | Input::Duplicates(source) => {
                pipeline.sources.get(source).map(schema::source_schema)
            }
            Input::Rejected(source) => pipeline.sources.get(source).map(schema::rejected_schema),
            Input::SourceFiles => Some(schema::source_files_schema()),
            Input::Model(_) | Input::Remainder(_) => None,
        };
        if let Some(schema) = schema {
            context.register_table(name.as_str(), Arc::new(EmptyTable::new(schema)))?;
        }
    }
    Ok(())
}

/// A compiled model, and the remainder that has its columns, as empty tables for their readers.
fn register_empty(
    context: &SessionContext,
    pipeline: &Pipeline,
    name: &str,
    schema: &SchemaRef,
) -> Result<(), DataFusionError> {
    context.register_table(name, Arc::new(EmptyTable::new(Arc::clone(schema))))?;
    for carried in pipeline.models.carried.iter().filter(|carried| carried.model == name) {
        context.register_table(carried.remainder.as_str(), Arc::new(EmptyTable::new(Arc::clone(schema))))?;
    }
    Ok(())
}

fn register_lookups(
    context: &SessionContext,
    pipeline: &Pipeline,
    model: &Model,
    schema: &SchemaRef,
    problems: &mut Vec<Problem>,
) {
    for (name, lookup) in pipeline.models.lookups.iter().filter(|(_, lookup)| lookup.model == model.name) {
        let empty = [RecordBatch::new_empty(Arc::clone(schema))];
        match LookupFunction::load(name, lookup, schema, &empty) {
            Ok(function) => context.register_udf(ScalarUDF::from(function)),
            Err(error) => problems.push(plan_problem(&model.query, &error)),
        }
    }
}

/// A mart whose columns are not those declared: told where the SQL gives one otherwise, or else where it is declared.
fn mart_problem(pipeline: &Pipeline, mart: &Mart, schema: &Schema, query: &Query) -> Option<Problem> {
    let difference = schema::mart_difference(mart, schema)?;
    let place = match (&difference.given, &difference.missing) {
        (Some(given), _) => query.place_of_column(given),
        (None, Some(missing)) => pipeline.place(&["models", "marts", &mart.name, "columns", missing]),
        (None, None) => query.place_of_column(&mart.name),
    };
    Some(
        Problem::new("E209", format!("mart `{}` differs from its declaration: {}", mart.name, difference.told))
            .at(place)
            .help(format!(
                "- is declared in the pipeline file, + is what `{}.sql` gives; change one of them",
                query.file.file_stem().unwrap_or_default().to_string_lossy()
            )),
    )
}

/// An engine error in the words of a problem, with its place when the engine knows it.
fn plan_problem(query: &Query, error: &DataFusionError) -> Problem {
    let message = error.strip_backtrace();
    let message = message.lines().next().unwrap_or_default();
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let place = span.and_then(|span| {
        let (line, column) = (usize::try_from(span.start.line).ok()?, usize::try_from(span.start.column).ok()?);
        (line > 0).then(|| Place::within(&query.file, &query.text, line, column))
    });
    let place = place.unwrap_or_else(|| query.place_of_message(message));
    Problem::new("E201", format!("SQL cannot be planned: {message}")).at(place)
}

fn internal(file: &Path, error: &DataFusionError) -> Problem {
    Problem::new("E999", format!("the engine refuses its own tables: {}", error.strip_backtrace()))
        .at(Place::file(file))
}
