//! A project as loaded from files: pipeline, models, checks and reports, compiled. Everything a person can have mistyped
//! fails here, before any store is touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::executor::block_on;

use crate::commands::invocation::Invocation;
use crate::models::{ModelGraph, Query};
use crate::pipeline::{Pipeline, Relation, Report};
use crate::problem::{Problem, Problems, nearest};
use crate::report::{LoadedReport, Texts};
use crate::threads;
use crate::warehouse::bindings::{Moment, bindings};
use crate::warehouse::compile::{Compiled, compile, compile_query};
use crate::warehouse::session::session;

/// A project that is known to be right as far as files can tell.
pub struct Project {
    pub pipeline: Pipeline,
    pub graph: ModelGraph,
    pub compiled: Compiled,
    pub reports: BTreeMap<String, ProjectReport>,
}

/// A report with its parsed queries.
pub struct ProjectReport {
    pub loaded: LoadedReport,
    /// Every text of the report's folder and of the templates it shares, by file name.
    pub texts: BTreeMap<String, String>,
    pub queries: BTreeMap<String, Query>,
}

impl Project {
    /// Loads and compiles everything.
    ///
    /// # Errors
    /// All problems that can be told: of the pipeline file, the texts of SQL and templates, and the plans as far as they do
    /// not depend on what is wrong already.
    pub fn load(
        file: &Path,
        invocation: &Invocation,
        moment: impl Fn(&Pipeline) -> Result<Moment, Problems>,
    ) -> Result<Self, Problems> {
        let (pipeline, mut problems) = Pipeline::examine(file, &invocation.environment);
        let Some(pipeline) = pipeline else { return Err(Problems(problems)) };
        let contracts_known = problems.is_empty();
        let threads = invocation.machine.cores;
        let (graph, found) = ModelGraph::examine(&pipeline, threads);
        problems.extend(found.into_iter().filter(|problem| contracts_known || OF_THE_TEXT.contains(&problem.code)));
        let reports = load_reports(&pipeline, threads, &mut problems);
        problems.extend(without_cluster(&pipeline));
        if !contracts_known {
            return Err(Problems(problems));
        }
        let moment = match moment(&pipeline) {
            Ok(moment) => moment,
            Err(found) => return Err(Problems(problems.into_iter().chain(found.0).collect())),
        };
        let (compiled, found) = compile_all(&pipeline, &graph, &reports, moment, threads);
        problems.extend(found);
        Problems::none_or(problems, ()).map(|()| Self { pipeline, graph, compiled, reports })
    }
}

/// A cluster that this program cannot use.
fn without_cluster(pipeline: &Pipeline) -> Option<Problem> {
    let named = pipeline.engine.cluster.is_some() && !cfg!(feature = "cluster");
    named.then(|| {
        Problem::new("E129", "engine.cluster needs a program that is built with the feature `cluster`".to_owned())
            .at(pipeline.place(&["engine", "cluster"]))
            .help("cargo install --locked --path . --features cluster; or leave the key out, and this process computes")
    })
}

/// Problems of an SQL file that do not depend on what the pipeline file says.
const OF_THE_TEXT: [&str; 4] = ["E100", "E200", "E202", "E212"];

fn load_reports(pipeline: &Pipeline, threads: usize, problems: &mut Vec<Problem>) -> BTreeMap<String, ProjectReport> {
    let mut reports = BTreeMap::new();
    let declared: Vec<&Report> = pipeline.reports.values().collect();
    let read = threads::each(threads, &declared, |report| {
        let texts = Texts::read(&report.directory)?;
        let all = texts.shared.iter().chain(&texts.own);
        let all = all.map(|(name, file)| (name.clone(), file.text.clone())).collect::<BTreeMap<_, _>>();
        let loaded = LoadedReport::load(report, texts)?;
        let parsed =
            |(name, text): (&String, &String)| (name.clone(), Query::parse(&query_file(&report.directory, name), text));
        let queries: Vec<_> = loaded.queries.iter().map(parsed).collect();
        Ok::<_, Problems>((loaded, all, queries))
    });
    for ((name, report), read) in pipeline.reports.iter().zip(read) {
        match read {
            Err(found) => problems.extend(found.0),
            Ok((loaded, texts, parsed)) => {
                problems.extend(missing_queries(pipeline, report, &loaded.queries));
                let mut queries = BTreeMap::new();
                for (name, parsed) in parsed {
                    match parsed {
                        Ok(query) => drop(queries.insert(name, query)),
                        Err(problem) => problems.push(problem),
                    }
                }
                reports.insert(name.clone(), ProjectReport { loaded, texts, queries });
            }
        }
    }
    reports
}

/// Queries that attachments name and the report's folder does not have.
fn missing_queries(pipeline: &Pipeline, report: &Report, queries: &BTreeMap<String, String>) -> Vec<Problem> {
    let named = report.attachments.iter().enumerate().flat_map(|(at, attachment)| {
        attachment
            .queries
            .iter()
            .enumerate()
            .map(move |(nth, query)| (at.to_string(), nth.to_string(), attachment, query))
    });
    let missing = named.filter(|(.., query)| !queries.contains_key(*query));
    missing
        .map(|(at, nth, attachment, query)| {
            let message = format!("attachment `{}` names query `{query}`, which is not there", attachment.name);
            let near = nearest(query, queries.keys().map(String::as_str));
            let write = || format!("write `{}`", query_file(&report.directory, query).display());
            Problem::new("E605", message)
                .at(pipeline.place(&["reports", &report.name, "attachments", &at, "queries", &nth]))
                .help(near.map_or_else(write, |near| format!("did you mean `{near}`?")))
        })
        .collect()
}

fn query_file(directory: &Path, query: &str) -> PathBuf {
    directory.join(format!("{query}.sql"))
}

fn compile_all(
    pipeline: &Pipeline,
    graph: &ModelGraph,
    reports: &BTreeMap<String, ProjectReport>,
    moment: Moment,
    threads: usize,
) -> (Compiled, Vec<Problem>) {
    let bindings = match bindings(pipeline, moment) {
        Ok(bindings) => bindings,
        Err(error) => return (Compiled::default(), vec![Problem::new("E125", error.to_string())]),
    };
    let context = session(Arc::new(RuntimeEnv::default()), &pipeline.calendar, 1);
    let (compiled, mut problems) = compile(&context, pipeline, graph, &bindings, threads);
    let checks = graph.checks.values().filter(|query| is_known(query, graph, &compiled));
    let tables = reports.values().flat_map(|report| report.queries.iter().map(move |table| (report, table)));
    let queries: Vec<_> = checks
        .map(|query| (query, None))
        .chain(tables.map(|(report, (name, query))| (query, Some((report, name.as_str())))))
        .collect();
    let found = threads::each(threads, &queries, |(query, table)| {
        let planned = || block_on(compile_query(&context, query, &bindings));
        match table {
            None => planned().err().unwrap_or_default(),
            Some((report, name)) => table_problems(pipeline, &compiled, report, name, query, planned),
        }
    });
    problems.extend(found.into_iter().flatten());
    problems.extend(control_columns(pipeline));
    (compiled, problems)
}

/// Problems of a report's table: what it reads, its query, and what the templates expect of it.
fn table_problems(
    pipeline: &Pipeline,
    compiled: &Compiled,
    report: &ProjectReport,
    name: &str,
    query: &Query,
    planned: impl FnOnce() -> Result<SchemaRef, Vec<Problem>>,
) -> Vec<Problem> {
    let unpublished = unpublished_tables(pipeline, query);
    if !unpublished.is_empty() || compiled.is_lost(query) {
        return unpublished;
    }
    match planned() {
        Err(found) => found,
        Ok(schema) => {
            let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            report.loaded.check_columns(name, &columns)
        }
    }
}

/// Whether all that a query reads is there; what is not has been told.
fn is_known(query: &Query, graph: &ModelGraph, compiled: &Compiled) -> bool {
    query.tables.iter().all(|table| graph.inputs.contains_key(table)) && !compiled.is_lost(query)
}

/// Reports print what is published and nothing else: no second way to compute a figure.
fn unpublished_tables(pipeline: &Pipeline, query: &Query) -> Vec<Problem> {
    let unpublished = query.tables.iter().filter(|table| !pipeline.models.marts.contains_key(*table));
    unpublished
        .map(|table| {
            Problem::new("E120", format!("a report reads `{table}`, which is not published"))
                .at(query.place_of_table(table))
                .help("reports read marts only; declare the table under `models.marts`")
        })
        .collect()
}

/// Columns that control totals name and no source or mart has.
fn control_columns(pipeline: &Pipeline) -> Vec<Problem> {
    let mut problems = Vec::new();
    for control in &pipeline.control_totals {
        for side in [&control.left, &control.right] {
            let (name, columns) = match &side.of {
                Relation::Source(name) => (name, pipeline.sources.get(name).map(|source| &source.columns)),
                Relation::Table(name) => (name, pipeline.models.marts.get(name).map(|mart| &mart.columns)),
            };
            let Some(columns) = columns else { continue };
            let at = |problem: Problem| problem.at(pipeline.place(&["control_totals", &control.name]));
            match crate::controls::Sum::parse(&side.sum) {
                Err(error) => {
                    problems.push(at(Problem::new("E106", format!("control total `{}`: {error}", control.name))));
                }
                Ok(sum) => {
                    let named = sum.columns().chain(side.by.iter().chain(side.filter.keys()).map(String::as_str));
                    let unknown = named.filter(|name| !columns.iter().any(|column| &column.name == name));
                    problems.extend(unknown.map(|column| {
                        at(Problem::new(
                            "E120",
                            format!("control total `{}`: `{name}` has no column `{column}`", control.name),
                        ))
                    }));
                }
            }
        }
    }
    problems
}
