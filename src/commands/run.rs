//! `run`: everything that is due, as a story. What is due; pin the inputs; build; audit and check; render; commit;
//! derive; deliver.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;

use crate::checks::{Finding, differing_totals, findings, gravest, stale_sources};
use crate::cli::RunArgs;
use crate::commands::damaged::reading;
use crate::commands::deliver::{deliver, ledger};
use crate::commands::due::moment;
use crate::commands::fingerprint::{Fingerprint, fingerprint, inputs_manifest};
use crate::commands::inputs::pin;
use crate::commands::invocation::{Invocation, Scratch};
use crate::commands::outcome::{Ending, Outcome, TableOutcome};
use crate::commands::project::Project;
use crate::commands::reports::{Remarks, Said, Tables, ask, figures_sha256, messages};
use crate::commands::tables::{table_session, written};
use crate::controls::{Comparison, audit};
use crate::error::{Exit, Failure};
use crate::mail::{logged, owed_since};
use crate::pipeline::Severity;
use crate::publication::{
    Action, Candidate, Carried, Commit, Delivery, Entry, Head, LastDelivery, Log, Mailed, Manifest, Recipient, Record,
    derive,
};
use crate::report::render;
use crate::store::{ChangedInputs, Stores};
use crate::warehouse::bindings::Moment;
use crate::warehouse::build::{Build, Built};
use crate::warehouse::inputs::Inputs;
use crate::warehouse::output::{Output, WrittenFile, sha256_hex};
use crate::warehouse::session::Limits;

/// Runs a pipeline.
///
/// # Errors
/// Whatever kept the run from an outcome; nothing was published then, unless the error says that this is unknown.
pub async fn run(args: &RunArgs, invocation: &Invocation) -> Result<Outcome, Failure> {
    let due = |pipeline: &_| moment(pipeline, &args.period, invocation.now);
    let project = Project::load(&args.period.pipeline, &invocation.environment, due).await?;
    let moment = due(&project.pipeline)?;
    let stores = Stores::new(&project.pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &project.pipeline.storage.outputs).await?;
    crate::store::probe::before_run(log.single(), &invocation.nonce()).await?;
    let run = Run {
        project,
        moment,
        stores,
        log,
        invocation,
        run_id: invocation.run_id(),
        changed: ChangedInputs::default(),
    };
    run.all(args.force).await
}

#[expect(clippy::struct_field_names, reason = "a run id is called that everywhere")]
struct Run<'a> {
    project: Project,
    moment: Moment,
    stores: Stores,
    log: Log,
    invocation: &'a Invocation,
    run_id: String,
    changed: ChangedInputs,
}

/// A report that is owed, and its messages.
struct Owed {
    delivery: Delivery,
    messages: Vec<(String, Vec<u8>)>,
}

impl Run<'_> {
    async fn all(&self, force: bool) -> Result<Outcome, Failure> {
        let head = self.log.head().await?;
        self.refuse_other_history(head.as_ref(), force)?;
        let inputs = pin(&self.project.pipeline, &self.stores, self.moment, &self.changed).await?;
        let fingerprint = fingerprint(&self.project, &inputs, self.moment);
        if let Some(head) = head.as_ref().filter(|head| !force && head.entry.record.fingerprint == fingerprint.whole) {
            return self.nothing_due(head).await;
        }
        let scratch_parent = self.project.pipeline.engine.scratch.as_ref().unwrap_or(&self.invocation.temporary);
        let scratch = Scratch::new(scratch_parent, &self.run_id, &self.invocation.stopping)?;
        let built = reading(&inputs, &self.changed, self.build(&inputs, &scratch)).await?;
        let comparisons = reading(&inputs, &self.changed, self.audit(&inputs, &built)).await?;
        let found = self.check(&inputs, &built, &comparisons).await?;
        if gravest(&found) == Some(Severity::Block) {
            return Ok(self.outcome(Ending::Held, head.as_ref(), &built.files, found));
        }
        let remarks = Remarks::of(&self.project.pipeline, &inputs, found, &comparisons);
        let mut entry = self.candidate(head.as_ref(), &fingerprint, &built.files).await?;
        let mailed = self.log.mailed(head.as_ref()).await?;
        let owed = self.render(&entry, &built, &remarks, &mailed).await?;
        entry.record.owed_since = self.owed_since(head.as_ref()).await?;
        // From the commit on a stop signal waits for what the commit entails.
        self.invocation.stopping.finish().await;
        self.put_records(&mut entry, &inputs, &remarks, &comparisons).await?;
        let head = self.commit(entry, mailed, &owed).await?;
        derive::refresh(&self.log).await?;
        let mut outcome = self.outcome(Ending::Published, Some(&head), &built.files, remarks.findings);
        self.deliver(&head, &mut outcome).await?;
        Ok(outcome)
    }

    /// One output root belongs to one pipeline, and its history goes forward.
    fn refuse_other_history(&self, head: Option<&Head>, force: bool) -> Result<(), Failure> {
        let Some(record) = head.map(|head| &head.entry.record) else { return Ok(()) };
        let name = &self.project.pipeline.name;
        let wrong = |message: String| Err(Failure::new(Exit::Definition, message));
        if record.pipeline != *name {
            return wrong(format!(
                "error[E502]: the outputs belong to pipeline `{}`, this is `{name}`\n  help: give each pipeline its own storage.outputs",
                record.pipeline
            ));
        }
        let newest = self.project.pipeline.calendar.period(&record.period);
        if !force && newest.is_ok_and(|newest| newest > self.moment.period) {
            return wrong(format!(
                "error[E125]: period {} lies before the newest published one, {}\n  help: `tieout render` shows a published period; --force builds the history as it was known then",
                self.moment.period, record.period
            ));
        }
        Ok(())
    }

    async fn nothing_due(&self, head: &Head) -> Result<Outcome, Failure> {
        derive::refresh(&self.log).await?;
        let mut outcome = self.outcome(Ending::NothingDue, Some(head), &[], Vec::new());
        self.deliver(head, &mut outcome).await?;
        Ok(outcome)
    }

    async fn build(&self, inputs: &Inputs, scratch: &Scratch) -> Result<Built, Failure> {
        let pipeline = &self.project.pipeline;
        let parallelism = match pipeline.engine.parallelism {
            0 => self.invocation.cores,
            given => given,
        };
        let limits =
            Limits { memory_bytes: pipeline.engine.memory_bytes, scratch: scratch.path().to_path_buf(), parallelism };
        let output = self.output();
        let build = Build {
            pipeline,
            graph: &self.project.graph,
            inputs,
            moment: self.moment,
            limits: &limits,
            output: &output,
            progress: &self.invocation.progress,
        };
        Ok(build.run().await?)
    }

    fn output(&self) -> Output {
        let outputs = self.log.outputs();
        Output { store: outputs.store.clone(), root: outputs.root.clone(), run_id: self.run_id.clone() }
    }

    async fn audit(&self, inputs: &Inputs, built: &Built) -> Result<Vec<Comparison>, Failure> {
        self.invocation.progress.stage("audit", built.files.len());
        Ok(audit(&self.project.pipeline, inputs, &self.output(), &built.files).await?)
    }

    async fn check(&self, inputs: &Inputs, built: &Built, comparisons: &[Comparison]) -> Result<Vec<Finding>, Failure> {
        self.invocation.progress.stage("checks", self.project.graph.checks.len());
        let mut found = differing_totals(&self.project.pipeline, comparisons);
        found.extend(stale_sources(inputs, self.moment.as_of));
        found.extend(findings(&built.session, &self.project.pipeline, &self.project.graph, &built.bindings).await?);
        Ok(found)
    }

    /// The entry as it will stand if nobody else commits first: its numbers and revisions are known before it is rendered.
    async fn candidate(
        &self,
        head: Option<&Head>,
        fingerprint: &Fingerprint,
        files: &[WrittenFile],
    ) -> Result<Entry, Failure> {
        let marts = self.project.pipeline.models.marts.values();
        let manifests = Manifest::of_run(marts, files, &self.log.outputs().root);
        let parts = self.log.put_manifests(&manifests, &self.run_id).await?;
        let record = Record {
            action: Action::Run,
            pipeline: self.project.pipeline.name.clone(),
            run_id: self.run_id.clone(),
            nonce: self.invocation.nonce(),
            fingerprint: fingerprint.whole.clone(),
            binary_version: crate::VERSION.to_owned(),
            period: self.moment.period.to_string(),
            as_of: self.moment.as_of,
            params: BTreeMap::new(),
            config_sha256: fingerprint.config.clone(),
            sql_sha256: fingerprint.sql.clone(),
            template_sha256: fingerprint.templates.clone(),
            inputs_sha256: fingerprint.inputs.clone(),
            audit_sha256: None,
            deliveries: Vec::new(),
            owed_since: 0,
            by: None,
            reason: None,
            committed_at: self.invocation.now,
        };
        // A run builds the whole history, so what it did not write is no longer there.
        let candidate = Candidate { record, parts, carried: Carried::Nothing, close: BTreeMap::new() };
        Ok(candidate.after(head)?)
    }

    async fn render(
        &self,
        entry: &Entry,
        built: &Built,
        remarks: &Remarks,
        mailed: &Mailed,
    ) -> Result<Vec<Owed>, Failure> {
        self.invocation.progress.stage("reports", self.project.reports.len());
        let pipeline = &self.project.pipeline;
        let store = &self.log.outputs().store;
        let session = table_session(pipeline, store, &written(&built.files), self.invocation.cores)?;
        let said = Said { project: &self.project, moment: self.moment, remarks, publication: entry.seq };
        let period = self.moment.period.to_string();
        let mut owed = Vec::new();
        for (name, report) in &self.project.reports {
            let tables = ask(&session, report, &built.bindings).await?;
            let last = mailed.get(name).and_then(|periods| periods.get(&period));
            owed.extend(self.owed(name, report, &said, &tables, last)?);
        }
        Ok(owed)
    }

    /// A report is owed when its figures were never mailed, or differ from what was mailed last.
    fn owed(
        &self,
        name: &str,
        report: &crate::commands::project::ProjectReport,
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

    /// The first entry whose mail the next one has to look at.
    async fn owed_since(&self, head: Option<&Head>) -> Result<u64, Failure> {
        let Some(head) = head else { return Ok(1) };
        let ledger = ledger(&self.log, self.invocation)?;
        Ok(owed_since(&logged(&self.project.pipeline, &self.log, head, &ledger).await?, head))
    }

    /// Stores what was read and what was found, which the entry names by its hash.
    async fn put_records(
        &self,
        entry: &mut Entry,
        inputs: &Inputs,
        remarks: &Remarks,
        comparisons: &[Comparison],
    ) -> Result<(), Failure> {
        self.invocation.progress.stage("commit", 1);
        let audit = json!({
            "findings": remarks.findings,
            "placed": remarks.placed,
            "absent": remarks.absent,
            "control_totals": comparisons,
        });
        let audit = serde_json::to_vec_pretty(&audit).unwrap_or_default();
        entry.record.audit_sha256 = Some(sha256_hex(&audit));
        let inputs = serde_json::to_vec_pretty(&inputs_manifest(inputs)).unwrap_or_default();
        let outputs = self.log.outputs();
        for (name, bytes) in [("inputs", inputs), ("audit", audit)] {
            let path = outputs.path(&format!("_tieout/runs/{}/{name}.json", self.run_id))?;
            crate::store::create::put_unique(outputs, &path, Bytes::from(bytes)).await?;
        }
        Ok(())
    }

    /// Stores the messages that the entry owes, then the entry: from then on everything is published and owed at once.
    async fn commit(&self, mut entry: Entry, mailed: Mailed, owed: &[Owed]) -> Result<Head, Failure> {
        let outputs = self.log.outputs();
        for (path, bytes) in owed.iter().flat_map(|owed| &owed.messages) {
            crate::store::create::put_unique(outputs, &outputs.path(path)?, Bytes::from(bytes.clone())).await?;
        }
        entry.owe(mailed, owed.iter().map(|owed| owed.delivery.clone()).collect());
        match self.log.commit(entry).await? {
            Commit::Committed(head) => Ok(*head),
            Commit::Lost(head) => Err(Failure::new(
                Exit::TryLater,
                format!(
                    "run {} published first (publication {}); start again",
                    head.entry.record.run_id, head.entry.seq
                ),
            )),
        }
    }

    async fn deliver(&self, head: &Head, outcome: &mut Outcome) -> Result<(), Failure> {
        let deliveries = deliver(&self.project.pipeline, &self.log, head, self.invocation).await?;
        outcome.deliveries = deliveries.outcomes;
        outcome.delivery_exit = deliveries.exit;
        Ok(())
    }

    fn outcome(&self, ending: Ending, head: Option<&Head>, files: &[WrittenFile], findings: Vec<Finding>) -> Outcome {
        let mut tables: BTreeMap<&str, TableOutcome> = BTreeMap::new();
        for file in files {
            let table = tables.entry(&file.table).or_insert_with(|| TableOutcome {
                table: file.table.clone(),
                files: 0,
                rows: 0,
            });
            table.files += 1;
            table.rows += file.rows;
        }
        let period = self.moment.period.to_string();
        let revision = head.and_then(|head| {
            head.entry.tables.values().filter_map(|periods| periods.get(&period)).map(|part| part.revision).max()
        });
        let outputs = self.log.outputs();
        Outcome {
            ending,
            pipeline: self.project.pipeline.name.clone(),
            period,
            as_of: self.moment.as_of.to_string(),
            run_id: self.run_id.clone(),
            publication: head.map(|head| head.entry.seq),
            revision,
            tables: tables.into_values().collect(),
            findings,
            deliveries: Vec::new(),
            delivery_exit: Exit::Done,
            look_at: vec![format!("outputs: {}", outputs.address(&outputs.root))],
        }
    }
}
