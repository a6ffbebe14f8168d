//! `run`: everything that is due. The work of a run is to pin the inputs, build and audit the tables, check them, and render
//! reports of them; how that is published is told in [`publish`](crate::commands::publish).

use std::sync::Arc;

use serde_json::json;

use crate::allocator::keep_free_pages;
use crate::checks::{Finding, absent_periods, differing_totals, findings, stale_sources, undeclared_columns};
use crate::cli::RunArgs;
use crate::commands::damaged::reading;
use crate::commands::due::{Due, DueState, due, moment};
use crate::commands::fingerprint::{Fingerprint, definitions, fingerprint, inputs_manifest};
use crate::commands::inputs::pin;
use crate::commands::invocation::Invocation;
use crate::commands::lost::lost_files;
use crate::commands::notices::{Notice, notify};
use crate::commands::outcome::{Ending, Outcome, Runs};
use crate::commands::project::{Project, ProjectReport};
use crate::commands::publish::{Owed, Product, Publishing, Work};
use crate::commands::record::{RunRecord, RunWork};
use crate::commands::remote::remote;
use crate::commands::reports::{Remarks, Said, Tables, ask, figures_sha256, messages};
use crate::commands::scratch::Scratch;
use crate::commands::tables::{Memory, table_session, written};
use crate::controls::{Audit, Audited, Comparison};
use crate::error::{Exit, Failure};
use crate::mail::Transport;
use crate::publication::{Delivery, Entry, LastDelivery, Left, Log, Mailed, Recipient};
use crate::report::render;
use crate::store::{ChangedInputs, Stores, probe};
use crate::warehouse::bindings::Moment;
use crate::warehouse::build::{Build, Built};
use crate::warehouse::inputs::Inputs;
use crate::warehouse::measured::Costs;
use crate::warehouse::output::{Output, sha256_hex};
use crate::warehouse::remote::Remote;
use crate::warehouse::reuse::Reuse;
use crate::warehouse::session::Limits;

/// Runs a pipeline: every period that is due, the oldest first, up to the first that is held, waits or fails.
///
/// # Errors
/// Whatever kept the first of them from an outcome; nothing was published then, unless the error says that this is
/// unknown.
pub async fn run(args: &RunArgs, invocation: &Invocation) -> Result<Runs, Failure> {
    let last = |pipeline: &_| moment(pipeline, &args.period, invocation.now);
    let project = Project::load(&args.period.pipeline, invocation, last)?;
    let pipeline = &project.pipeline;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    probe::before_run(log.single(), &invocation.nonce()).await?;
    let transport = Transport::new(&pipeline.delivery.transport);
    let head = log.head().await?;
    let started = Started { project: &project, stores: &stores, log: &log, transport: &transport, invocation };
    let mut runs = Runs::default();
    for (nth, due) in due(pipeline, &stores, head.as_ref(), &args.period, invocation.now).await?.iter().enumerate() {
        match Box::pin(started.run(due, nth, args)).await {
            Err(failure) if nth == 0 => return Err(failure),
            Err(failure) => {
                runs.failure = Some(failure);
                break;
            }
            Ok(outcome) => {
                let goes_on = matches!(outcome.ending, Ending::Published | Ending::NothingDue);
                runs.runs.push(outcome);
                if !goes_on {
                    break;
                }
            }
        }
    }
    Ok(runs)
}

/// What all runs of one invocation share.
struct Started<'a> {
    project: &'a Project,
    stores: &'a Stores,
    log: &'a Log,
    transport: &'a Transport,
    invocation: &'a Invocation,
}

impl Started<'_> {
    async fn run(&self, due: &Due, nth: usize, args: &RunArgs) -> Result<Outcome, Failure> {
        let Self { project, stores, log, transport, invocation } = *self;
        // Files are written once under the name of their run: each period has one of its own.
        let run_id = match nth {
            0 => invocation.run_id(),
            nth => format!("{}-{nth}", invocation.run_id()),
        };
        let (pipeline, moment) = (&project.pipeline, due.moment);
        invocation.progress.begin();
        let publishing = Publishing { pipeline, log, transport, invocation, moment, run_id, force: args.force };
        if let DueState::Waiting { missing, until } = &due.state {
            return publishing.wait(missing, *until).await;
        }
        let costs = Costs::default();
        let work = Run {
            project,
            moment,
            stores,
            log,
            invocation,
            run_id: publishing.run_id.clone(),
            known: due.findings(),
            allow_lost_files: args.allow_lost_files,
            force: args.force,
            changed: ChangedInputs::default(),
            inputs: Inputs::default(),
            costs: costs.clone(),
        };
        let ended = Box::pin(publishing.publish(work)).await;
        let work = RunWork::of(invocation.progress.spent(), costs.models());
        if let Some(record) = RunRecord::of(&ended, moment, invocation.now, work) {
            record.keep(log, &publishing.run_id).await;
        }
        self.tell(&ended, &moment.period.to_string()).await;
        ended
    }

    /// Tells the operators of a run that came to nothing.
    async fn tell(&self, ended: &Result<Outcome, Failure>, period: &str) {
        let notice = match ended {
            Ok(outcome) if outcome.ending == Ending::Held => Notice::Held { period, findings: &outcome.findings },
            // Another run is at it, or will be.
            Err(failure) if failure.exit == Exit::TryLater => return,
            Err(failure) => Notice::Failed { period, failure },
            Ok(_) => return,
        };
        notify(&self.project.pipeline, self.log, self.invocation, notice).await;
    }
}

/// The work of a run on a project.
#[expect(clippy::struct_field_names, reason = "a run id is called that everywhere")]
struct Run<'a> {
    project: &'a Project,
    moment: Moment,
    stores: &'a Stores,
    log: &'a Log,
    invocation: &'a Invocation,
    run_id: String,
    /// Found before anything was read.
    known: Vec<Finding>,
    allow_lost_files: bool,
    /// Build everything again.
    force: bool,
    changed: ChangedInputs,
    /// Pinned by the fingerprint.
    inputs: Inputs,
    costs: Costs,
}

/// What a run has built and found.
struct Checked {
    built: Built,
    remarks: Remarks,
    product: Product,
    /// Spilled data of the build, which its session may still read.
    _scratch: Scratch,
}

impl Work for Run<'_> {
    type Built = Checked;

    async fn fingerprint(&mut self) -> Result<Fingerprint, Failure> {
        let progress = &self.invocation.progress;
        progress.stage("pinning", 1);
        self.inputs = pin(&self.project.pipeline, self.stores, self.moment, &self.changed).await?;
        progress.step("pinning");
        Ok(fingerprint(self.project, &self.inputs, self.moment))
    }

    async fn build(&mut self) -> Result<Checked, Failure> {
        let pipeline = &self.project.pipeline;
        let scratch = Scratch::of(&pipeline.engine, self.invocation, &self.run_id)?;
        let left = if self.force { Left::default() } else { Left::by_last_run(self.log).await? };
        let known = serde_json::from_value(left.audited).unwrap_or_default();
        let reuse = Reuse { definitions: definitions(self.project), parts: left.parts };
        let remote = remote(self.project, self.stores, self.log, &self.run_id, &self.inputs, &scratch).await?;
        self.invocation.stopping.remote(remote.clone());
        let built = reading(&self.inputs, &self.changed, self.tables(&scratch, &reuse, remote.as_ref())).await;
        if let Some(remote) = remote {
            remote.end().await;
        }
        let built = built?;
        let (comparisons, audited) = reading(&self.inputs, &self.changed, self.audit(&built, &known)).await?;
        let found = self.check(&built, &comparisons).await?;
        let remarks = Remarks::of(pipeline, &self.inputs, found, &comparisons);
        let product = Product {
            files: built.files.clone(),
            findings: remarks.findings.clone(),
            inputs: serde_json::to_vec_pretty(&inputs_manifest(&self.inputs)).unwrap_or_default(),
            audit: kept(&remarks, &comparisons),
            left: Left { parts: built.parts.clone(), audited: json!(audited) }.text(),
        };
        Ok(Checked { built, remarks, product, _scratch: scratch })
    }

    fn product<'a>(&self, built: &'a Checked) -> &'a Product {
        &built.product
    }

    async fn render(&self, checked: &Checked, entry: &Entry, mailed: &Mailed) -> Result<Vec<Owed>, Failure> {
        self.invocation.progress.stage("reports", self.project.reports.len());
        let Checked { built, remarks, .. } = checked;
        let store = &self.log.outputs().store;
        let pipeline = &self.project.pipeline;
        let memory = Memory::of_run(&built.session, pipeline, self.invocation.machine);
        let session = table_session(pipeline, store, &written(&built.files), &memory)?;
        let said = Said { project: self.project, moment: self.moment, remarks, publication: entry.seq };
        let period = self.moment.period.to_string();
        let mut owed = Vec::new();
        for (name, report) in &self.project.reports {
            let tables = ask(&session, report, &built.bindings).await?;
            let last = mailed.get(name).and_then(|periods| periods.get(&period));
            owed.extend(self.owed(name, report, &said, &tables, last)?);
            self.invocation.progress.step(name);
        }
        Ok(owed)
    }
}

impl Run<'_> {
    async fn tables(
        &self,
        scratch: &Scratch,
        reuse: &Reuse,
        remote: Option<&Arc<dyn Remote>>,
    ) -> Result<Built, Failure> {
        let pipeline = &self.project.pipeline;
        let machine = self.invocation.machine;
        let limits = Limits::of(&pipeline.engine, machine, scratch.path().to_path_buf());
        keep_free_pages(limits.memory_bytes, machine.memory);
        let output = self.output();
        let build = Build {
            pipeline,
            graph: &self.project.graph,
            inputs: &self.inputs,
            moment: self.moment,
            limits: &limits,
            output: &output,
            reuse: Some(reuse),
            progress: &self.invocation.progress,
            costs: &self.costs,
            remote,
        };
        Ok(build.run().await?)
    }

    fn output(&self) -> Output {
        let outputs = self.log.outputs();
        Output { store: outputs.store.clone(), root: outputs.root.clone(), run_id: self.run_id.clone() }
    }

    async fn audit(&self, built: &Built, known: &Audited) -> Result<(Vec<Comparison>, Audited), Failure> {
        self.invocation.progress.stage("audit", 1);
        let (pipeline, inputs, output) = (&self.project.pipeline, &self.inputs, &self.output());
        let threads = self.invocation.machine.cores;
        let audited = Audit { pipeline, inputs, output, known, threads }.of(&built.files).await?;
        self.invocation.progress.step("audit");
        Ok(audited)
    }

    async fn check(&self, built: &Built, comparisons: &[Comparison]) -> Result<Vec<Finding>, Failure> {
        self.invocation.progress.stage("checks", 1);
        let mut found = differing_totals(&self.project.pipeline, comparisons);
        found.extend(self.known.iter().cloned());
        let Self { project, stores, log, inputs, moment, .. } = self;
        found.extend(lost_files(&project.pipeline, stores, log, inputs, self.allow_lost_files).await?);
        found.extend(absent_periods(&built.session, &project.pipeline, moment.period).await?);
        found.extend(stale_sources(&self.inputs, self.moment.as_of));
        found.extend(undeclared_columns(&self.inputs, &built.extra_columns));
        found.extend(findings(&built.session, &self.project.pipeline, &self.project.graph, &built.bindings).await?);
        self.invocation.progress.step("checks");
        Ok(found)
    }

    /// A report is owed when its figures were never mailed, or differ from what was mailed last.
    fn owed(
        &self,
        name: &str,
        report: &ProjectReport,
        said: &Said<'_>,
        tables: &Tables,
        last: Option<&LastDelivery>,
    ) -> Result<Option<Owed>, Failure> {
        let figures = figures_sha256(tables);
        if last.is_some_and(|last| last.figures_sha256 == figures) {
            return Ok(None);
        }
        let revision = last.map_or(1, |last| last.revision + 1);
        let pipeline = &self.project.pipeline;
        let period = self.moment.period.to_string();
        let delivery_id = format!("{}/{period}/{name}/r{revision}", pipeline.name);
        let rendered = render(&report.loaded, &said.facts(revision), tables)?;
        let date = self.invocation.now;
        let messages = messages(pipeline, name, &rendered, &delivery_id, date)?;
        let recipients = messages.iter().map(|message| Recipient {
            rcpt_hash: message.recipient.clone(),
            eml_path: self.eml_path(name, &message.recipient),
            eml_sha256: sha256_hex(&message.bytes),
        });
        let delivery = Delivery {
            delivery_id,
            report: name.to_owned(),
            period,
            revision,
            recipients: recipients.collect(),
            date,
            figures_sha256: figures,
        };
        let messages = messages.into_iter().map(|message| (self.eml_path(name, &message.recipient), message.bytes));
        Ok(Some(Owed { delivery, messages: messages.collect() }))
    }

    fn eml_path(&self, report: &str, recipient: &str) -> String {
        format!("_tieout/runs/{}/mail/{report}/{recipient}.eml", self.run_id)
    }
}

/// What was found, as it is stored with the run.
fn kept(remarks: &Remarks, comparisons: &[Comparison]) -> Vec<u8> {
    let audit = json!({
        "findings": remarks.findings,
        "placed": remarks.placed,
        "absent": remarks.absent,
        "control_totals": comparisons,
    });
    serde_json::to_vec_pretty(&audit).unwrap_or_default()
}
