//! Building: reference models once, then each intake from the newest to the oldest, then each period, then history.
//!
//! An intake is the unit of work, so memory is one intake's. Rows that belong to an older intake than the one they
//! arrived in are carried back until they are matched.

mod carried;
mod error;
mod finishing;
mod intake;
mod period;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::{DataFrame, SessionContext};

use carried::Waiting;
pub use error::BuildError;
use finishing::Finishing;
use written::{Turn, Written};

use crate::calendar::Period;
use crate::error::Exit;
use crate::models::{Model, ModelGraph};
use crate::pipeline::{Pipeline, Scope};
use crate::telemetry::Progress;
use crate::warehouse::bindings::{Bindings, Moment, bindings};
use crate::warehouse::collected::Collected;
use crate::warehouse::counted::{CountedFile, source_files};
use crate::warehouse::cuts::Cuts;
use crate::warehouse::execute::{self, NamedQuery, batches, bytes_of};
use crate::warehouse::inputs::{Inputs, Intake};
use crate::warehouse::kept::{Held, KeptTable, Room};
use crate::warehouse::keys::KeyRuns;
use crate::warehouse::lookup::LookupFunction;
use crate::warehouse::measured::Costs;
use crate::warehouse::output::{self, Output, WrittenFile};
use crate::warehouse::packed::Part;
use crate::warehouse::prepared::{self, Prepared};
use crate::warehouse::remote::{self, Remote};
use crate::warehouse::reuse::{Reuse, StoredParts};
use crate::warehouse::session::{Limits, runtime, session};
use crate::warehouse::shared::refuse_shared_keys;
use crate::warehouse::sources::{SourceError, SourceRows, read_source};
use crate::warehouse::writing::Writing;

/// What a build gives: the files of every mart, and a session in which every kept table can be queried.
pub struct Built {
    pub files: Vec<WrittenFile>,
    /// Sees all rows of all intakes and periods: checks run here.
    pub session: SessionContext,
    pub bindings: Bindings,
    /// Columns of text files that the contract does not mention, by source.
    pub extra_columns: BTreeMap<String, BTreeSet<String>>,
    /// What later runs may use of this one.
    pub parts: StoredParts,
    /// What the session reads of earlier scopes.
    _collected: Collected,
}

/// Everything a build works with.
pub struct Build<'a> {
    pub pipeline: &'a Pipeline,
    pub graph: &'a ModelGraph,
    pub inputs: &'a Inputs,
    pub moment: Moment,
    pub limits: &'a Limits,
    pub output: &'a Output,
    /// What earlier runs have left; none when nothing is to be used again and nothing to be left.
    pub reuse: Option<&'a Reuse>,
    pub progress: &'a Progress,
    pub costs: &'a Costs,
    /// What computes the models; none when this process does.
    pub remote: Option<&'a Arc<dyn Remote>>,
}

impl Build<'_> {
    /// Builds all models and writes all marts.
    ///
    /// # Errors
    /// The first thing that cannot be built, read or written.
    pub async fn run(self) -> Result<Built, BuildError> {
        let runtime = runtime(self.limits)?;
        let room = Room::new(&runtime, self.limits, self.costs);
        self.costs.expect(self.pipeline, self.graph);
        self.progress.input(self.inputs.volume());
        let bindings = bindings(self.pipeline, self.moment)?;
        let mut building = Building {
            build: &self,
            runtime,
            bindings,
            cuts: Cuts::of(self.pipeline, self.graph, self.moment),
            turn: Turn::default(),
            written: Vec::new(),
            finishing: None,
            collected: Collected::new(&room),
            room,
            reference: BTreeMap::new(),
            lookups: Vec::new(),
            waiting: Waiting::default(),
            part: Part::default(),
            parts: StoredParts::new(),
            files: Vec::new(),
            keys_seen: KeyRuns::new(&self.limits.scratch),
            prepared: Prepared::default(),
            counted: Vec::new(),
            extra_columns: BTreeMap::new(),
        };
        let session = match building.all().await {
            Ok(session) => session,
            Err(error) => {
                building.give_up().await;
                return Err(building.explained(error).await);
            }
        };
        let Building { files, bindings, extra_columns, parts, collected, .. } = building;
        Ok(Built { files, session, bindings, extra_columns, parts, _collected: collected })
    }
}

struct Building<'a> {
    build: &'a Build<'a>,
    runtime: Arc<RuntimeEnv>,
    bindings: Bindings,
    /// What its as-of cuts off.
    cuts: Cuts,
    room: Room,
    /// Tables that later scopes read.
    collected: Collected,
    /// Tables of reference scope, for every session.
    reference: BTreeMap<String, (Arc<MemTable>, Held)>,
    lookups: Vec<ScalarUDF>,
    /// Rows of carried models.
    waiting: Waiting,
    /// What the intake or the period that is being built has come to so far.
    part: Part,
    parts: StoredParts,
    /// All that is stored, but for what is being finished.
    files: Vec<WrittenFile>,
    turn: Turn,
    /// Of the intake or the period that is being built.
    written: Vec<Written>,
    /// The one before it, whose marts are still being written.
    finishing: Option<Finishing>,
    keys_seen: KeyRuns,
    /// Plans of intake scope.
    prepared: Prepared,
    counted: Vec<CountedFile>,
    extra_columns: BTreeMap<String, BTreeSet<String>>,
}

impl Building<'_> {
    async fn all(&mut self) -> Result<SessionContext, BuildError> {
        let Build { inputs, progress, .. } = *self.build;
        progress.stage("reference", 1);
        self.build_reference().await?;
        progress.step_with("reference", inputs.read_whole());
        let intakes = inputs.intakes();
        progress.stage("intakes", intakes.len());
        for intake in intakes {
            self.build_intake(intake).await?;
        }
        self.finish().await?;
        self.refuse_shared_keys().await?;
        let periods = self.periods();
        progress.stage("periods", periods.len());
        for period in periods {
            self.build_period(period).await?;
        }
        self.finish().await?;
        progress.stage("history", 1);
        let session = self.build_history().await?;
        progress.step("history");
        Ok(session)
    }

    async fn build_reference(&mut self) -> Result<(), BuildError> {
        let context = self.session()?;
        self.register_sources(&context, None, Scope::Reference).await?;
        for model in self.build.graph.of_scope(Scope::Reference) {
            let plan = prepared::plan(&context, model, &self.bindings).await?;
            if !model.kept {
                register_view(&context, model, plan)?;
                continue;
            }
            let table = Arc::new(self.collect(&context, model, &plan).await?);
            context.register_table(model.name.as_str(), Arc::clone(&table) as _)?;
            self.load_lookups(&context, model, &table).await?;
            self.write_mart(model, &context, Some(None)).await?;
            self.refer(&model.name, table).await;
        }
        self.settle().await
    }

    /// Keeps a table for every session.
    async fn refer(&mut self, name: &str, table: Arc<MemTable>) {
        let bytes = batches(&table).await.iter().map(bytes_of).sum();
        self.reference.insert(name.to_owned(), (table, self.room.must_hold(bytes)));
    }

    async fn load_lookups(
        &mut self,
        context: &SessionContext,
        model: &Model,
        table: &MemTable,
    ) -> Result<(), BuildError> {
        for (name, lookup) in &self.build.pipeline.models.lookups {
            if lookup.model != model.name {
                continue;
            }
            let rows = batches(table).await;
            let function = LookupFunction::load(name, lookup, &table.schema(), &rows)
                .map_err(|error| failed(&model.name, error))?;
            let function = ScalarUDF::from(function);
            context.register_udf(function.clone());
            self.lookups.push(function);
        }
        Ok(())
    }

    /// Computes a model for those that read it in the same session.
    async fn keep(&self, context: &SessionContext, model: &Model, plan: &LogicalPlan) -> Result<KeptTable, BuildError> {
        self.room.keep(context, &model.name, plan).await.map_err(|error| failed(&model.name, error))
    }

    /// Computes a model of reference scope.
    async fn collect(
        &self,
        context: &SessionContext,
        model: &Model,
        plan: &LogicalPlan,
    ) -> Result<MemTable, BuildError> {
        let collected = self.build.costs.collect(context, &model.name, plan).await;
        collected.map_err(|error| failed(&model.name, error))
    }

    async fn refuse_shared_keys(&self) -> Result<(), BuildError> {
        let context = self.session()?;
        for input in self.build.inputs.sources.values().filter(|input| input.source.period_partition().is_some()) {
            refuse_shared_keys(&context, input, &self.keys_seen).await?;
        }
        Ok(())
    }

    /// A key in several intakes can make a model fail that has both rows: then the key is what is wrong.
    async fn explained(&self, error: BuildError) -> BuildError {
        if error.exit() != Exit::InputContract {
            return error;
        }
        match self.refuse_shared_keys().await {
            Err(shared @ BuildError::Source(SourceError::Contract(_))) => shared,
            _ => error,
        }
    }

    /// All periods that any intake or any row written so far belongs to.
    fn periods(&self) -> BTreeSet<Period> {
        if self.build.graph.of_scope(Scope::Period).next().is_none() {
            return BTreeSet::new();
        }
        let intakes = self.build.inputs.intakes().into_iter().flatten();
        intakes.chain(self.files.iter().filter_map(|file| file.period)).collect()
    }

    async fn build_history(&mut self) -> Result<SessionContext, BuildError> {
        let context = self.session()?;
        self.register_reference(&context)?;
        self.register_collected(&context, Scope::History)?;
        self.register_remainders(&context)?;
        context.register_table(crate::models::SOURCE_FILES, Arc::new(source_files(&self.counted)?))?;
        for model in self.build.graph.of_scope(Scope::History) {
            let plan = prepared::plan(&context, model, &self.bindings).await?;
            if !model.kept {
                register_view(&context, model, plan)?;
                continue;
            }
            let rows = self.keep(&context, model, &plan).await?;
            context.register_table(model.name.as_str(), Arc::new(rows))?;
            self.write_mart(model, &context, None).await?;
            self.settle().await?;
        }
        Ok(context)
    }

    fn session(&self) -> Result<SessionContext, BuildError> {
        let context = session(Arc::clone(&self.runtime), &self.build.pipeline.calendar, self.build.limits.parallelism);
        for (name, input) in &self.build.inputs.sources {
            let url = store_url(name)?;
            context.register_object_store(url.as_ref(), Arc::clone(&input.store));
        }
        let output = output::store_url()?;
        context.register_object_store(output.as_ref(), Arc::clone(&self.build.output.store));
        self.room.register_store(&context)?;
        if let Some(remote) = self.build.remote {
            remote::executed_by(&context, remote);
        }
        Ok(context)
    }

    fn register_reference(&self, context: &SessionContext) -> Result<(), BuildError> {
        for (name, (table, _)) in &self.reference {
            context.register_table(name.as_str(), Arc::clone(table) as _)?;
        }
        for lookup in &self.lookups {
            context.register_udf(lookup.clone());
        }
        Ok(())
    }

    /// Sources by contract. Whole sources belong to the reference scope and are read there once.
    async fn register_sources(
        &mut self,
        context: &SessionContext,
        intake: Intake,
        scope: Scope,
    ) -> Result<(), BuildError> {
        for (name, input) in &self.build.inputs.sources {
            let whole = input.source.period_partition().is_none();
            if whole != (scope == Scope::Reference) {
                continue;
            }
            let SourceRows { tables, files, extra_columns } =
                read_source(context, input, intake, &mut self.keys_seen).await?;
            let files: Vec<_> =
                files.into_iter().map(|file| CountedFile { source: name.clone(), intake, ..file }).collect();
            self.part.counted.extend(files.iter().cloned());
            self.counted.extend(files);
            if !extra_columns.is_empty() {
                self.part.extra_columns.insert(name.clone(), extra_columns.clone());
            }
            self.extra_columns.entry(name.clone()).or_default().extend(extra_columns);
            for (table, frame) in tables {
                if !self.is_read(&table) {
                    continue;
                }
                // A whole source is small reference data and stays; an intake's rows are read where they are needed.
                if whole {
                    let table_rows = Arc::new(execute::collect(context, &frame.into_optimized_plan()?).await?);
                    context.register_table(table.as_str(), Arc::clone(&table_rows) as _)?;
                    self.refer(&table, table_rows).await;
                } else {
                    if self.build.graph.read_later(&table, Scope::Intake) {
                        self.collect_for_later(context, &table, &frame.clone().into_optimized_plan()?).await?;
                    }
                    context.register_table(table.as_str(), Arc::new(NamedQuery::new(frame)))?;
                }
            }
        }
        Ok(())
    }

    fn is_read(&self, table: &str) -> bool {
        let graph = self.build.graph;
        graph.models.iter().any(|model| model.query.tables.contains(table))
            || graph.checks.values().any(|check| check.tables.contains(table))
    }

    /// Everything earlier scopes have collected, and the marts they wrote, for the models that read them.
    fn register_collected(&self, context: &SessionContext, scope: Scope) -> Result<(), BuildError> {
        let graph = self.build.graph;
        self.collected.register(context, |name| graph.model(name).is_none_or(|model| model.scope < scope))?;
        for mart in self.build.pipeline.models.marts.values() {
            let written = self.build.graph.model(&mart.name).is_some_and(|model| {
                model.scope < scope
                    && model.scope != Scope::Reference
                    && self.build.graph.read_later(&mart.name, model.scope)
            });
            if written && !self.collected.contains(&mart.name) {
                let files = self.files.iter().filter(|file| file.table == mart.name);
                let table = output::table(mart, files.map(|file| (file.path.clone(), file.bytes)))?;
                context.register_table(mart.name.as_str(), Arc::new(table))?;
            }
        }
        Ok(())
    }

    fn register_remainders(&self, context: &SessionContext) -> Result<(), BuildError> {
        for carried in &self.build.pipeline.models.carried {
            if let Some(rows) = self.waiting.table(&carried.model) {
                context.register_table(carried.remainder.as_str(), rows)?;
            }
        }
        Ok(())
    }

    /// Writes a mart that is already registered as a table of the session.
    async fn write_mart(
        &mut self,
        model: &Model,
        context: &SessionContext,
        intake: Option<Intake>,
    ) -> Result<(), BuildError> {
        if self.build.pipeline.models.mart_of(&model.name).is_none() {
            return Ok(());
        }
        let plan = context.table(model.name.as_str()).await?.into_optimized_plan()?;
        self.stream_mart(model, context, plan, intake).await
    }

    async fn stream_mart(
        &mut self,
        model: &Model,
        context: &SessionContext,
        plan: LogicalPlan,
        intake: Option<Intake>,
    ) -> Result<(), BuildError> {
        let Build { pipeline, output, costs, .. } = *self.build;
        let Some(mart) = pipeline.models.mart_of(&model.name) else { return Ok(()) };
        let mut beside = self.may_be_beside(model.scope);
        if !beside {
            // It may be what is still being written that takes the memory.
            self.finish().await?;
            beside = self.may_be_beside(model.scope);
        }
        let writing = Writing {
            mart: mart.clone(),
            model: model.name.clone(),
            intake,
            calendar: pipeline.calendar.clone(),
            output: output.clone(),
            // The plan holds the tables that it reads. A session would hold all that the intake has.
            context: if beside { self.session()? } else { context.clone() },
            is_built: context.table_exist(model.name.as_str())?,
            costs: costs.clone(),
            room: self.room.clone(),
        };
        let written = if beside { self.turn.write(writing, plan) } else { Written::Stored(writing.write(plan).await?) };
        self.written.push(written);
        Ok(())
    }
}

pub(super) fn failed(model: &str, error: DataFusionError) -> BuildError {
    BuildError::Model { model: model.to_owned(), source: Box::new(error) }
}

/// The name under which a session knows the store of a source.
pub(crate) fn store_url(source: &str) -> Result<ObjectStoreUrl, DataFusionError> {
    ObjectStoreUrl::parse(format!("input://{source}"))
}

fn register_view(context: &SessionContext, model: &Model, plan: LogicalPlan) -> Result<(), BuildError> {
    context.register_table(model.name.as_str(), DataFrame::new(context.state(), plan).into_view())?;
    Ok(())
}
