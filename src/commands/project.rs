//! A project as loaded from files: pipeline, models, checks and reports, compiled. Everything a person can have mistyped
//! fails here, before any store is touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;

use crate::models::{ModelGraph, Query};
use crate::pipeline::environment::Environment;
use crate::pipeline::{Pipeline, Relation};
use crate::problem::{Place, Problem, Problems};
use crate::report::{LoadedReport, Texts};
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
    /// All problems of the first stage that has any: the pipeline file, the SQL, then the plans and templates.
    pub async fn load(
        file: &Path,
        environment: &Environment,
        moment: impl Fn(&Pipeline) -> Result<Moment, Problems>,
    ) -> Result<Self, Problems> {
        let pipeline = Pipeline::load(file, environment)?;
        let mut problems = Vec::new();
        let graph = ModelGraph::load(&pipeline).map_err(|found| problems.extend(found.0)).ok();
        let reports = load_reports(&pipeline, &mut problems);
        let (Some(graph), true) = (graph, problems.is_empty()) else { return Err(Problems(problems)) };
        let moment = moment(&pipeline)?;
        let compiled = compile_all(&pipeline, &graph, &reports, moment).await?;
        Ok(Self { pipeline, graph, compiled, reports })
    }
}

fn load_reports(pipeline: &Pipeline, problems: &mut Vec<Problem>) -> BTreeMap<String, ProjectReport> {
    let mut reports = BTreeMap::new();
    for (name, report) in &pipeline.reports {
        let read = Texts::read(&report.directory).and_then(|texts| {
            let all = texts.shared.iter().chain(&texts.own);
            let all = all.map(|(name, file)| (name.clone(), file.text.clone())).collect::<BTreeMap<_, _>>();
            Ok((LoadedReport::load(report, texts)?, all))
        });
        match read {
            Err(found) => problems.extend(found.0),
            Ok((loaded, texts)) => {
                let mut queries = BTreeMap::new();
                for (query, text) in &loaded.queries {
                    match Query::parse(&query_file(&report.directory, query), text) {
                        Ok(parsed) => drop(queries.insert(query.clone(), parsed)),
                        Err(problem) => problems.push(problem),
                    }
                }
                reports.insert(name.clone(), ProjectReport { loaded, texts, queries });
            }
        }
    }
    reports
}

fn query_file(directory: &Path, query: &str) -> PathBuf {
    directory.join(format!("{query}.sql"))
}

async fn compile_all(
    pipeline: &Pipeline,
    graph: &ModelGraph,
    reports: &BTreeMap<String, ProjectReport>,
    moment: Moment,
) -> Result<Compiled, Problems> {
    let bindings = bindings(pipeline, moment).map_err(|error| Problem::new("E125", error.to_string()))?;
    let context = session(Arc::new(RuntimeEnv::default()), &pipeline.calendar, 1);
    let compiled = compile(&context, pipeline, graph, &bindings).await?;
    let mut problems = Vec::new();
    for query in graph.checks.values() {
        problems.extend(compile_query(&context, query, &bindings).await.err().into_iter().flatten());
    }
    for report in reports.values() {
        for (name, query) in &report.queries {
            problems.extend(unpublished_tables(pipeline, query));
            match compile_query(&context, query, &bindings).await {
                Err(found) => problems.extend(found),
                Ok(schema) => {
                    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                    problems.extend(report.loaded.check_columns(name, &columns));
                }
            }
        }
    }
    problems.extend(control_columns(pipeline));
    Problems::none_or(problems, compiled)
}

/// Reports print what is published and nothing else: no second way to compute a figure.
fn unpublished_tables(pipeline: &Pipeline, query: &Query) -> Vec<Problem> {
    let unpublished = query.tables.iter().filter(|table| !pipeline.models.marts.contains_key(*table));
    unpublished
        .map(|table| {
            Problem::new("E120", format!("a report reads `{table}`, which is not published"))
                .at(Place::file(&query.file))
                .help("reports read marts only; declare the table under `models.marts`")
        })
        .collect()
}

/// Where the pipeline file declares a control total. The file was read before; a second look that fails names the file.
fn control_place(pipeline: &Pipeline, name: &str) -> Place {
    let text = std::fs::read_to_string(&pipeline.file).unwrap_or_default();
    let declared = |line: &str| {
        let key = line.trim_start().trim_start_matches(['"', '\'']);
        key.strip_prefix(name).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| !line.starts_with("control_totals"));
    match lines.find(|(_, line)| declared(line)) {
        Some((at, line)) => {
            let indent = line.chars().take_while(|char| char.is_whitespace()).count();
            Place::within(&pipeline.file, &text, at + 1, indent + 1)
        }
        None => Place::file(&pipeline.file),
    }
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
            let at = |problem: Problem| problem.at(control_place(pipeline, &control.name));
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
