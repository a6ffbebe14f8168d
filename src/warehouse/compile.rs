//! Compiling: every query planned and linted against the contracts, before any store is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::prelude::SessionContext;

use crate::models::{Input, Model, ModelGraph, Query, lint};
use crate::pipeline::{Mart, Pipeline};
use crate::problem::{Place, Problem, Problems, nearest};
use crate::warehouse::bindings::Bindings;
use crate::warehouse::lookup::LookupFunction;
use crate::warehouse::schema;
use crate::warehouse::session::analysed;

/// The table of findings that reports may read.
pub const FINDINGS: &str = "findings";

/// Queries that are known to plan, with the columns they give.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub schemas: BTreeMap<String, SchemaRef>,
}

/// Plans and lints all models.
///
/// # Errors
/// All problems found, each in its SQL file.
pub async fn compile(
    context: &SessionContext,
    pipeline: &Pipeline,
    graph: &ModelGraph,
    bindings: &Bindings,
) -> Result<Compiled, Problems> {
    register_contracts(context, pipeline, graph).map_err(|error| internal(&pipeline.file, &error))?;
    let mut compiled = Compiled { schemas: BTreeMap::new() };
    let mut problems = Vec::new();
    // What reads a model that has no columns cannot be judged: the problem is told where it is.
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    for model in &graph.models {
        let named = model.query.tables.iter().chain(&model.query.functions);
        if named.map(String::as_str).any(|name| unknown.contains(name)) {
            unknown.extend(made_of(pipeline, &model.name));
            continue;
        }
        let (schema, found) = compile_model(context, pipeline, model, bindings).await;
        problems.extend(found);
        match schema {
            None => unknown.extend(made_of(pipeline, &model.name)),
            Some(schema) => {
                register_lookups(context, pipeline, model, &schema, &mut problems);
                register_empty(context, pipeline, &model.name, &schema)
                    .map_err(|error| internal(&model.query.file, &error))?;
                compiled.schemas.insert(model.name.clone(), schema);
            }
        }
    }
    Problems::none_or(problems, compiled)
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
    let plan = match plan(context, &model.query, bindings).await {
        Ok(plan) => plan,
        Err(problem) => return (None, vec![problem]),
    };
    let mut problems = match lint(&model.query, &plan) {
        Ok(problems) => problems,
        Err(error) => vec![plan_problem(&model.query, &error)],
    };
    let schema: SchemaRef = Arc::new(plan.schema().as_arrow().clone());
    if let Some(mart) = pipeline.models.mart_of(&model.name) {
        problems.extend(schema::mart_problem(mart, &schema, &model.query.file));
        problems.extend(undeclared_floats(mart, &schema, &model.query.file));
    }
    (Some(schema), problems)
}

/// Plans one query against the tables a session knows.
///
/// # Errors
/// The one problem that kept it from being planned.
pub async fn plan(context: &SessionContext, query: &Query, bindings: &Bindings) -> Result<LogicalPlan, Problem> {
    let statement = query.bound(bindings).map_err(|error| {
        let problem = Problem::new("E126", error.to_string()).at(Place::file(&query.file));
        match nearest(&error.0, bindings.keys().map(String::as_str)) {
            Some(name) => problem.help(format!("did you mean `${name}`?")),
            None => problem.help("declare it under `params`"),
        }
    })?;
    let plan = context.state().statement_to_plan(statement).await;
    plan.and_then(|plan| analysed(context, plan)).map_err(|error| plan_problem(query, &error))
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
    let plan = plan(context, query, bindings).await.map_err(|problem| vec![problem])?;
    let problems = lint(query, &plan).map_err(|error| vec![plan_problem(query, &error)])?;
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

/// Floating columns may only be declared ratios; a mart's types have no float, so none can be.
fn undeclared_floats(mart: &Mart, schema: &Schema, file: &Path) -> Vec<Problem> {
    let floats = schema.fields().iter().filter(|field| is_float(field));
    floats
        .map(|field| {
            Problem::new("E204", format!("column `{}` of mart `{}` is {}", field.name(), mart.name, field.data_type()))
                .at(Place::file(file))
                .help("cast it to a decimal")
        })
        .collect()
}

fn is_float(field: &Field) -> bool {
    matches!(field.data_type(), DataType::Float16 | DataType::Float32 | DataType::Float64)
}

/// An engine error in the words of a problem, with its place when the engine knows it.
fn plan_problem(query: &Query, error: &DataFusionError) -> Problem {
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let place = span.map_or_else(
        || Place::file(&query.file),
        |span| {
            let line = usize::try_from(span.start.line).unwrap_or(1);
            let column = usize::try_from(span.start.column).unwrap_or(1);
            Place::within(&query.file, &query.text, line, column)
        },
    );
    let message = error.strip_backtrace();
    let message = message.lines().next().unwrap_or_default();
    Problem::new("E201", format!("SQL cannot be planned: {message}")).at(place)
}

fn internal(file: &Path, error: &DataFusionError) -> Problems {
    Problem::new("E999", format!("the engine refuses its own tables: {}", error.strip_backtrace()))
        .at(Place::file(file))
        .into()
}
