//! A publication built once more from the same inputs by the same definition, and compared with what was published.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use serde::Deserialize;
use serde_json::Value;

use crate::allocator::keep_free_pages;
use crate::commands::damaged::reading;
use crate::commands::fingerprint::{Fingerprint, fingerprint};
use crate::commands::inputs::source_input;
use crate::commands::invocation::Invocation;
use crate::commands::project::Project;
use crate::commands::scratch::Scratch;
use crate::error::{Exit, Failure};
use crate::pipeline::Source;
use crate::problem::{Place, Problem, Problems};
use crate::publication::verify::Findings;
use crate::publication::{Action, Manifest, Publication, Record};
use crate::store::{ChangedInputs, PinnedFile, StoreError, Stores};
use crate::warehouse::bindings::Moment;
use crate::warehouse::build::Build;
use crate::warehouse::inputs::Inputs;
use crate::warehouse::measured::Costs;
use crate::warehouse::output::Output;
use crate::warehouse::session::Limits;

/// The code of a definition that is not the one of the publication.
pub(super) const OTHER_DEFINITION: &str = "E515";
const DIFFERS: &str = "E517";

/// What it takes to build a publication again.
pub(super) struct Recomputing<'a> {
    pub project: &'a Project,
    pub stores: &'a Stores,
    pub invocation: &'a Invocation,
    pub publication: &'a Publication,
}

/// An input as `inputs.json` has it.
#[derive(Deserialize)]
struct RecordedInput {
    source: String,
    path: String,
    bytes: u64,
    e_tag: Option<String>,
    version: Option<String>,
    last_modified: String,
}

impl Recomputing<'_> {
    /// Pins the recorded inputs, compares the definition, builds and compares.
    pub(super) async fn all(
        &self,
        manifests: &[Manifest],
        recorded: Option<&Value>,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let record = &self.publication.head().entry.record;
        if !matches!(record.action, Action::Run | Action::Restate) {
            let message = format!(
                "publication {} was not built but brought back or closed\n  help: recompute the one that was built",
                self.publication.seq()
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let moment = self.moment(record)?;
        let Some(recorded) = recorded.and_then(|inputs| Vec::<RecordedInput>::deserialize(inputs).ok()) else {
            findings.note("recomputed", 0, "not without the list of its inputs", Vec::new());
            return Ok(());
        };
        let count = u64::try_from(recorded.len()).unwrap_or(u64::MAX);
        let changed = ChangedInputs::default();
        let (inputs, gone) = self.pin(&recorded, &changed).await?;
        let same_inputs = gone.is_empty();
        findings.note("inputs", count, format!("{count} files, the same as then"), gone);
        let now = fingerprint(self.project, &inputs, moment);
        let others = self.other_definitions(record, &now);
        let same_definition = others.is_empty();
        let files = now.sql.len() + now.templates.len() + 1;
        findings.note(
            "definition",
            u64::try_from(files).unwrap_or(u64::MAX),
            format!("{files} files, the same as then"),
            others,
        );
        if !(same_inputs && same_definition) {
            findings.note("recomputed", 0, "not from other inputs or by another definition", Vec::new());
            return Ok(());
        }
        let built = self.build(&inputs, moment, &changed).await?;
        compare(manifests, &built, findings);
        Ok(())
    }

    fn moment(&self, record: &Record) -> Result<Moment, Failure> {
        let period = self.project.pipeline.calendar.period(&record.period);
        let period = period.map_err(|error| Problems::from(Problem::new("E125", error.to_string())))?;
        Ok(Moment { period, as_of: record.as_of })
    }

    /// The recorded files as they are now, and those that are gone or other ones.
    async fn pin(
        &self,
        recorded: &[RecordedInput],
        changed: &ChangedInputs,
    ) -> Result<(Inputs, Vec<Problem>), Failure> {
        let pipeline = &self.project.pipeline;
        let (mut inputs, mut problems) = (Inputs::default(), Vec::new());
        let unknown: BTreeSet<_> =
            recorded.iter().filter(|one| !pipeline.sources.contains_key(&one.source)).map(|one| &one.source).collect();
        problems.extend(unknown.into_iter().map(|name| other(format!("the pipeline has no source `{name}` any more"))));
        for (name, source) in &pipeline.sources {
            let mut pinned = Vec::new();
            for one in recorded.iter().filter(|one| one.source == *name) {
                match self.pin_one(source, one).await? {
                    Ok(file) => pinned.push(file),
                    Err(how) => problems.push(other_input(one, &how)),
                }
            }
            let mut input = source_input(pipeline, source, self.stores, pinned, changed)?;
            if let Err(found) = input.read_footers().await {
                changed.check()?;
                return Err(Failure::new(Exit::InputContract, found));
            }
            inputs.sources.insert(name.clone(), input);
        }
        Ok((inputs, problems))
    }

    /// One recorded file, or how it is another one.
    async fn pin_one(&self, source: &Source, recorded: &RecordedInput) -> Result<Result<PinnedFile, String>, Failure> {
        let path = Path::parse(&recorded.path).map_err(|error| Failure::new(Exit::InputContract, error))?;
        let file = match self.stores.look_at(&source.files, &path).await {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Err("is gone".to_owned())),
            Err(StoreError::Empty { .. }) => return Ok(Err("has been changed, it is empty".to_owned())),
            Err(error) => return Err(error.into()),
        };
        let same = file.size == recorded.bytes
            && file.version == recorded.version
            && match (&file.e_tag, &recorded.e_tag) {
                (None, None) => file.meta().last_modified.to_rfc3339() == recorded.last_modified,
                (now, then) => now == then,
            };
        if same {
            return Ok(Ok(file));
        }
        Ok(Err(if file.size == recorded.bytes {
            "has been changed: it was written again".to_owned()
        } else {
            format!("has been changed: it had {} bytes and has {}", recorded.bytes, file.size)
        }))
    }

    /// Every file of the definition that is not the one of the publication.
    fn other_definitions(&self, record: &Record, now: &Fingerprint) -> Vec<Problem> {
        let mut problems = Vec::new();
        if record.config_sha256 != now.config {
            let message = "the pipeline file is not the one of the publication".to_owned();
            problems.push(other(message).at(Place::file(&self.project.pipeline.file)));
        }
        for (then, now) in [(&record.sql_sha256, &now.sql), (&record.template_sha256, &now.templates)] {
            let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            for name in names {
                let how = match (then.get(name), now.get(name)) {
                    (Some(then), Some(now)) if then == now => continue,
                    (Some(_), Some(_)) => "is not the one of the publication",
                    (Some(_), None) => "was part of the publication and is gone",
                    (None, _) => "was no part of the publication",
                };
                let problem = other(format!("`{name}` {how}"));
                problems.push(match self.file(name) {
                    Some(file) => problem.at(Place::file(file)),
                    None => problem,
                });
            }
        }
        if problems.is_empty() && record.fingerprint != now.whole && record.inputs_sha256 == now.inputs {
            let message = format!("this program computes otherwise than {}, which published", record.binary_version);
            problems.push(other(message));
        }
        problems
    }

    /// Where a part of the definition is, by its name in the fingerprint.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let graph = &self.project.graph;
        if let Some(check) = name.strip_prefix("check:") {
            return graph.checks.get(check).map(|query| query.file.clone());
        }
        graph.models.iter().find(|model| model.name == name).map(|model| model.query.file.clone())
    }

    async fn build(&self, inputs: &Inputs, moment: Moment, changed: &ChangedInputs) -> Result<Vec<Manifest>, Failure> {
        let pipeline = &self.project.pipeline;
        let scratch = Scratch::of(&pipeline.engine, self.invocation, &self.invocation.run_id())?;
        let folder = |name: &str| {
            let folder = scratch.path().join(name);
            std::fs::create_dir_all(&folder).map(|()| folder).map_err(|error| Failure::new(Exit::Resources, error))
        };
        let machine = self.invocation.machine;
        let limits = Limits::of(&pipeline.engine, machine, folder("spilled")?);
        keep_free_pages(limits.memory_bytes, machine.memory);
        let store = LocalFileSystem::new_with_prefix(folder("rebuilt")?);
        let store = store.map_err(|error| Failure::new(Exit::Resources, error))?;
        let output = Output {
            store: Arc::new(store),
            root: Path::default(),
            run_id: self.publication.head().entry.record.run_id.clone(),
        };
        let (graph, progress) = (&self.project.graph, &self.invocation.progress);
        let costs = Costs::default();
        let limits = &limits;
        let output = &output;
        // Here, whatever the pipeline says: a second machine that comes to the same proves more.
        let (reuse, remote) = (None, None);
        let rebuild = Build { pipeline, graph, inputs, moment, limits, output, reuse, progress, costs: &costs, remote };
        let built = reading(inputs, changed, async { Ok(rebuild.run().await?) }).await?;
        changed.check()?;
        Ok(Manifest::of_run(pipeline.models.marts.values(), &built.files, &output.root))
    }
}

/// Compares what was built with what is published, by table and period.
fn compare(published: &[Manifest], built: &[Manifest], findings: &mut Findings) {
    let by_name = |manifests: &[Manifest]| -> BTreeMap<(String, String), (String, u64, usize)> {
        let one = |manifest: &Manifest| {
            let name = (manifest.table.clone(), manifest.period.clone());
            (name, (manifest.content_sha256(), manifest.rows(), manifest.files.len()))
        };
        manifests.iter().map(one).collect()
    };
    let (published, built) = (by_name(published), by_name(built));
    let names: BTreeSet<_> = published.keys().chain(built.keys()).collect();
    let (mut files, mut problems) = (0, Vec::new());
    for name in names {
        let (table, period) = name;
        let message = match (published.get(name), built.get(name)) {
            (Some((then, _, count)), Some((now, ..))) if then == now => {
                files += count;
                continue;
            }
            (Some((_, then, _)), Some((_, now, _))) => format!("published with {then} rows, recomputed with {now}"),
            (Some((_, then, _)), None) => format!("published with {then} rows, recomputed without any file"),
            (None, now) => format!("not published, recomputed with {} rows", now.map_or(0, |(_, rows, _)| *rows)),
        };
        problems.push(
            Problem::new(DIFFERS, format!("{table} {period} is not the same: {message}"))
                .help("the same inputs must give the same bytes: keep both, and report it"),
        );
    }
    let count = u64::try_from(files).unwrap_or(u64::MAX);
    findings.note("recomputed", count, format!("{files} files, byte for byte the same"), problems);
}

fn other_input(recorded: &RecordedInput, how: &str) -> Problem {
    Problem::new("E312", format!("input `{}` of `{}` {how}", recorded.path, recorded.source))
        .help("only the same files give the same result; restore it, or verify without --recompute")
}

fn other(message: String) -> Problem {
    Problem::new(OTHER_DEFINITION, message).help("recompute with the files that the publication was made with")
}
