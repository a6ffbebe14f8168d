//! Publishing, as a story: finish what earlier runs have left, see whether anything is due, take the lease, have the work
//! done, commit it, and finish what that entails.
//!
//! What the work is, this module does not know: it is given as a [`Work`]. So the very code that publishes and mails can
//! be put under a simulation whose work costs nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

use crate::checks::{Finding, gravest};
use crate::commands::deliver::{Deliveries, deliver, ledger};
use crate::commands::due::Incomplete;
use crate::commands::fingerprint::Fingerprint;
use crate::commands::invocation::Invocation;
use crate::commands::outcome::{Ending, Outcome, TableOutcome};
use crate::commands::owner::{PUBLISH_ELSEWHERE, refuse_other_pipeline};
use crate::error::{Exit, Failure};
use crate::mail::{Transport, logged, owed_since};
use crate::pipeline::{Pipeline, Severity};
use crate::publication::{
    Action, Candidate, Carried, Commit, Delivery, Entry, Head, Holder, Lease, Leases, Log, Mailed, Manifest,
    PublicationError, Record, derive,
};
use crate::store::create::put_unique;
use crate::warehouse::bindings::Moment;
use crate::warehouse::output::{WrittenFile, sha256_hex};

/// What is published: how to find out whether it is due, to build it, and to render what is owed of it.
#[expect(async_fn_in_trait, reason = "nobody spawns these futures")]
pub trait Work {
    /// What was built, and everything that is needed to render reports of it.
    type Built;

    /// Looks at the inputs, and gives the hash of everything that decides the figures.
    ///
    /// # Errors
    /// When an input is missing or breaks its contract.
    async fn fingerprint(&mut self) -> Result<Fingerprint, Failure>;

    /// Writes all files under this run's own names, proves them, and says what was found.
    ///
    /// # Errors
    /// Whatever kept it from being built. Nothing refers to what was written.
    async fn build(&mut self) -> Result<Self::Built, Failure>;

    /// The files and findings of what was built.
    fn product<'a>(&self, built: &'a Self::Built) -> &'a Product;

    /// Renders the reports that are owed once this entry stands.
    ///
    /// # Errors
    /// When a report cannot be rendered.
    async fn render(&self, built: &Self::Built, entry: &Entry, mailed: &Mailed) -> Result<Vec<Owed>, Failure>;
}

/// What a build has come to.
#[derive(Clone, Debug, Default)]
pub struct Product {
    pub files: Vec<WrittenFile>,
    pub findings: Vec<Finding>,
    /// What was read, as it is stored with the run.
    pub inputs: Vec<u8>,
    /// What was found, as it is stored with the run.
    pub audit: Vec<u8>,
    /// What later runs may use again, as it is stored with the run.
    pub left: Vec<u8>,
}

/// A report that is owed, and its messages by their paths.
#[derive(Clone, Debug)]
pub struct Owed {
    pub delivery: Delivery,
    pub messages: Vec<(String, Vec<u8>)>,
}

/// One run of a pipeline on its publication log.
pub struct Publishing<'a> {
    pub pipeline: &'a Pipeline,
    pub log: &'a Log,
    pub transport: &'a Transport,
    pub invocation: &'a Invocation,
    pub moment: Moment,
    pub run_id: String,
    /// Publish although the same was published before.
    pub force: bool,
}

/// What a run has seen before it took the lease.
struct Seen {
    head: Option<Head>,
    fingerprint: Fingerprint,
    recovered: Deliveries,
}

impl Publishing<'_> {
    /// Publishes and mails what is due.
    ///
    /// # Errors
    /// Whatever kept the run from an outcome; nothing was published then, unless the error says that this is unknown.
    pub async fn publish(&self, mut work: impl Work) -> Result<Outcome, Failure> {
        let head = self.log.head().await?;
        self.refuse_other_history(head.as_ref())?;
        let recovered = self.recover(head.as_ref()).await?;
        let fingerprint = work.fingerprint().await?;
        if let Some(head) = self.published_already(head.as_ref(), &fingerprint) {
            return Ok(self.outcome(Ending::NothingDue, Some(head), &[], Vec::new(), recovered));
        }
        let lease = self.lease().await?;
        self.invocation.stopping.holds(lease.release());
        let seen = Seen { head, fingerprint, recovered };
        let done = self.publish_leased(&mut work, seen, &lease).await;
        self.invocation.stopping.give_back().await;
        done
    }

    /// Finishes what earlier runs have left, and nothing else: the period waits.
    ///
    /// # Errors
    /// When the log or the ledger cannot be used.
    pub async fn wait(&self, missing: &[Incomplete], until: Timestamp) -> Result<Outcome, Failure> {
        let head = self.log.head().await?;
        let recovered = self.recover(head.as_ref()).await?;
        let outcome = self.outcome(Ending::Waiting, head.as_ref(), &[], Vec::new(), recovered);
        Ok(Outcome { waits_for: missing.to_vec(), waits_until: Some(until.to_string()), ..outcome })
    }

    async fn publish_leased(&self, work: &mut impl Work, seen: Seen, lease: &Lease) -> Result<Outcome, Failure> {
        let Seen { head: before, mut fingerprint, recovered } = seen;
        let head = self.log.head().await?;
        if head != before {
            // Somebody has published since. What this run has seen of the inputs may be older than that: published now, it
            // would take newer figures back.
            self.refuse_other_history(head.as_ref())?;
            fingerprint = work.fingerprint().await?;
        }
        if let Some(head) = self.published_already(head.as_ref(), &fingerprint) {
            return self.finish(Ending::NothingDue, head, &Product::default()).await;
        }
        let built = work.build().await?;
        let product = work.product(&built);
        if gravest(&product.findings) == Some(Severity::Block) {
            let findings = product.findings.clone();
            return Ok(self.outcome(Ending::Held, head.as_ref(), &product.files, findings, recovered));
        }
        let mut entry = self.candidate(head.as_ref(), &fingerprint, product).await?;
        let mailed = self.log.mailed(head.as_ref()).await?;
        let owed = work.render(&built, &entry, &mailed).await?;
        entry.record.owed_since = self.owed_since(head.as_ref()).await?;
        self.put_records(product, &owed).await?;
        entry.owe(mailed, owed.into_iter().map(|owed| owed.delivery).collect());
        lease.check().await?;
        let committed = self.commit(entry).await?;
        // What is left to do may be done by any number of runs at once.
        self.invocation.stopping.give_back().await;
        match committed {
            Commit::Committed(head) => self.finish(Ending::Published, &head, product).await,
            // Somebody who was taken for dead had the same inputs: then it is done.
            Commit::Lost(head) if head.entry.record.fingerprint == fingerprint.whole => {
                self.finish(Ending::NothingDue, &head, &Product::default()).await
            }
            Commit::Lost(head) => {
                let (seq, run_id) = (head.entry.seq, head.entry.record.run_id);
                Err(PublicationError::Overtaken { seq, run_id }.into())
            }
        }
    }

    /// One output root belongs to one pipeline, and its history goes forward.
    fn refuse_other_history(&self, head: Option<&Head>) -> Result<(), Failure> {
        let Some(record) = head.map(|head| &head.entry.record) else { return Ok(()) };
        refuse_other_pipeline(self.pipeline, head, PUBLISH_ELSEWHERE)?;
        let newest = self.pipeline.calendar.period(&record.period);
        if !self.force && newest.is_ok_and(|newest| newest > self.moment.period) {
            let message = format!(
                "error[E125]: period {} lies before the newest published one, {}\n  help: `tieout render` shows a published period; --force builds the history as it was known then",
                self.moment.period, record.period
            );
            return Err(Failure::new(Exit::Definition, message));
        }
        Ok(())
    }

    fn published_already<'h>(&self, head: Option<&'h Head>, fingerprint: &Fingerprint) -> Option<&'h Head> {
        head.filter(|head| !self.force && head.entry.record.fingerprint == fingerprint.whole)
    }

    /// Whatever an earlier run has committed and not finished: what is derived, and mail that is owed. First of all, so
    /// that nobody waits for it when this run comes to nothing.
    async fn recover(&self, head: Option<&Head>) -> Result<Deliveries, Failure> {
        let Some(head) = head else { return Ok(Deliveries::default()) };
        derive::refresh(self.log).await?;
        let deliveries = deliver(self.pipeline, self.log, head, self.invocation, self.transport).await?;
        self.invocation.stopping.interruptible()?;
        Ok(deliveries)
    }

    async fn lease(&self) -> Result<Lease, Failure> {
        let leases = Leases::new(self.log.single(), &self.pipeline.name, self.pipeline.engine.lease)?;
        let (run_id, nonce) = (self.run_id.clone(), self.invocation.nonce());
        Ok(leases.take(&Holder { run_id, nonce, since: self.invocation.now }).await?)
    }

    /// The entry as it will stand if nobody else commits first: its numbers and revisions are known before it is rendered.
    async fn candidate(
        &self,
        head: Option<&Head>,
        fingerprint: &Fingerprint,
        product: &Product,
    ) -> Result<Entry, Failure> {
        let marts = self.pipeline.models.marts.values();
        let manifests = Manifest::of_run(marts, &product.files, &self.log.outputs().root);
        let parts = self.log.put_manifests(&manifests, &self.run_id).await?;
        let record = Record {
            action: Action::Run,
            pipeline: self.pipeline.name.clone(),
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
            audit_sha256: Some(sha256_hex(&product.audit)),
            left_sha256: Some(&product.left).filter(|left| !left.is_empty()).map(|left| sha256_hex(left)),
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

    /// The first entry whose mail the next one has to look at.
    async fn owed_since(&self, head: Option<&Head>) -> Result<u64, Failure> {
        let Some(head) = head else { return Ok(1) };
        let ledger = ledger(self.log, self.invocation)?;
        Ok(owed_since(&logged(self.pipeline, self.log, head, &ledger).await?, head))
    }

    /// Stores what was read and found, and the messages: what the entry names by its hash.
    async fn put_records(&self, product: &Product, owed: &[Owed]) -> Result<(), Failure> {
        let outputs = self.log.outputs();
        let records = [("inputs", &product.inputs), ("audit", &product.audit), ("left", &product.left)];
        for (name, bytes) in records.into_iter().filter(|(name, bytes)| *name != "left" || !bytes.is_empty()) {
            let path = outputs.path(&format!("_tieout/runs/{}/{name}.json", self.run_id))?;
            put_unique(outputs, &path, Bytes::from(bytes.clone())).await?;
        }
        for (path, bytes) in owed.iter().flat_map(|owed| &owed.messages) {
            put_unique(outputs, &outputs.path(path)?, Bytes::from(bytes.clone())).await?;
        }
        Ok(())
    }

    /// From then on everything is published and owed at once.
    async fn commit(&self, entry: Entry) -> Result<Commit, Failure> {
        self.invocation.progress.stage("commit", 1);
        // From here on a stop signal waits for what the commit entails.
        self.invocation.stopping.finish().await;
        let commit = self.log.commit(entry).await?;
        self.invocation.progress.step("commit");
        Ok(commit)
    }

    /// What a publication entails: what is derived from it, and its mail.
    async fn finish(&self, ending: Ending, head: &Head, product: &Product) -> Result<Outcome, Failure> {
        derive::refresh(self.log).await?;
        let deliveries = deliver(self.pipeline, self.log, head, self.invocation, self.transport).await?;
        Ok(self.outcome(ending, Some(head), &product.files, product.findings.clone(), deliveries))
    }

    /// The tables that were built, those without a row too.
    fn tables(&self, ending: Ending, files: &[WrittenFile]) -> Vec<TableOutcome> {
        let new = |table: &str| TableOutcome { table: table.to_owned(), files: 0, rows: 0 };
        let built = matches!(ending, Ending::Published | Ending::Held);
        let marts = self.pipeline.models.marts.keys().filter(|_| built);
        let mut tables: BTreeMap<&str, TableOutcome> = marts.map(|name| (name.as_str(), new(name))).collect();
        for file in files {
            let table = tables.entry(&file.table).or_insert_with(|| new(&file.table));
            table.files += 1;
            table.rows += file.rows;
        }
        tables.into_values().collect()
    }

    fn outcome(
        &self,
        ending: Ending,
        head: Option<&Head>,
        files: &[WrittenFile],
        findings: Vec<Finding>,
        deliveries: Deliveries,
    ) -> Outcome {
        let period = self.moment.period.to_string();
        let revision = head.and_then(|head| {
            head.entry.tables.values().filter_map(|periods| periods.get(&period)).map(|part| part.revision).max()
        });
        let outputs = self.log.outputs();
        Outcome {
            ending,
            pipeline: self.pipeline.name.clone(),
            period,
            as_of: self.moment.as_of.to_string(),
            run_id: self.run_id.clone(),
            publication: head.map(|head| head.entry.seq),
            revision,
            tables: self.tables(ending, files),
            findings,
            deliveries: deliveries.outcomes,
            delivery_exit: deliveries.exit,
            waits_for: Vec::new(),
            waits_until: None,
            look_at: vec![format!("outputs: {}", outputs.address(&outputs.root))],
        }
    }
}
