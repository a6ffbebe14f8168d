//! One process: a run as the program does it, whose work is a table and a report that say which inputs they are of.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use tieout::commands::fingerprint::Fingerprint;
use tieout::commands::invocation::{Invocation, Stopping};
use tieout::commands::outcome::Outcome;
use tieout::commands::publish::{Owed, Product, Publishing, Work};
use tieout::error::Failure;
use tieout::mail::{Transport, recipient_hash};
use tieout::pipeline::{Audience, Pipeline, Report};
use tieout::publication::{Delivery, Entry, Log, Mailed, Recipient};
use tieout::telemetry::Progress;
use tieout::warehouse::bindings::Moment;
use tieout::warehouse::marts::MartPart;
use tieout::warehouse::output::{Output, sha256_hex};
use tieout::warehouse::session::Machine;
use url::Url;

use super::relay::Relay;
use super::store::{Fate, Store};
use super::world::{Inputs, World};
use crate::fixtures::machine;
use crate::fixtures::places::stores;

pub const RECIPIENTS: [&str; 3] = ["fin@example.com", "gone@example.com", "growth@example.com"];
const REPORT: &str = "monthly";

/// The pipeline that all processes run.
pub fn pipeline() -> Pipeline {
    let mut pipeline = machine::pipeline(Path::new("/nowhere"));
    let mailbox = |address: &str| crate::mail::mailbox(None, address);
    let audience = Audience { name: "all".to_owned(), recipients: RECIPIENTS.map(mailbox).to_vec() };
    let report = Report {
        name: REPORT.to_owned(),
        directory: "/nowhere".into(),
        audience: "all".to_owned(),
        attachments: Vec::new(),
        formats: BTreeMap::new(),
    };
    pipeline.reports.insert(REPORT.to_owned(), report);
    pipeline.audiences.insert("all".to_owned(), audience);
    pipeline.models.marts.remove("monthly");
    pipeline
}

/// What everybody can tell a publication's inputs by.
pub fn content(version: u32) -> Vec<u8> {
    format!("figures of version {version}").into_bytes()
}

/// Opens the log as a process with this fate does.
pub async fn log(world: &Arc<World>, fate: &Arc<Fate>) -> Result<Log, Failure> {
    let stores = stores(&[]);
    let url = Url::parse("memory:///").expect("a URL");
    let store = Store { world: Arc::clone(world), fate: Arc::clone(fate) };
    stores.register(&url, Arc::new(store)).expect("a store");
    Ok(Log::open(&stores, &url).await?)
}

/// A whole run.
pub async fn run(
    world: &Arc<World>,
    fate: &Arc<Fate>,
    inputs: &Rc<Inputs>,
    pipeline: &Pipeline,
) -> Result<Outcome, Failure> {
    let log = log(world, fate).await?;
    let mut random = [0; 16];
    for byte in &mut random {
        *byte = u8::try_from(world.below(256)).expect("a byte");
    }
    let invocation = Invocation {
        environment: BTreeMap::new(),
        now: world.time(),
        clock: Arc::clone(world) as _,
        random,
        machine: Machine { cores: 1, memory: None },
        temporary: "/nowhere".into(),
        progress: Progress::new(),
        stopping: Stopping::default(),
    };
    let period = pipeline.calendar.period("2026-10").expect("a period");
    let moment = Moment { period, as_of: pipeline.calendar.bounds(period).expect("bounds").1 };
    let transport = Transport::Exchange(Arc::new(Relay { world: Arc::clone(world), fate: Arc::clone(fate) }));
    let publishing = Publishing {
        pipeline,
        log: &log,
        transport: &transport,
        invocation: &invocation,
        moment,
        run_id: invocation.run_id(),
        force: false,
    };
    let (run_id, inputs) = (publishing.run_id.clone(), Rc::clone(inputs));
    let work = Figures { inputs, version: 0, log: &log, pipeline, run_id, moment, invocation: &invocation };
    Box::pin(publishing.publish(work)).await
}

struct Figures<'a> {
    inputs: Rc<Inputs>,
    /// Of the inputs, when they were looked at.
    version: u32,
    log: &'a Log,
    pipeline: &'a Pipeline,
    run_id: String,
    moment: Moment,
    invocation: &'a Invocation,
}

impl Work for Figures<'_> {
    type Built = Product;

    async fn fingerprint(&mut self) -> Result<Fingerprint, Failure> {
        self.version = self.inputs.version.get();
        let nothing = String::new;
        Ok(Fingerprint {
            whole: format!("version {}", self.version),
            config: nothing(),
            sql: BTreeMap::new(),
            templates: BTreeMap::new(),
            inputs: nothing(),
        })
    }

    async fn build(&mut self) -> Result<Product, Failure> {
        let outputs = self.log.outputs();
        let output =
            Output { store: Arc::clone(&outputs.store), root: outputs.root.clone(), run_id: self.run_id.clone() };
        let mut product = Product { inputs: content(self.version), audit: content(self.version), ..Product::default() };
        for period in [self.moment.period.previous().expect("a period"), self.moment.period] {
            let part = MartPart { period: Some(period), rows: 1, bytes: content(self.version) };
            let written = output.write("ledger", "ledger", None, part).await;
            product.files.push(written.map_err(|error| Failure::new(tieout::error::Exit::Unreachable, error))?);
        }
        Ok(product)
    }

    fn product<'a>(&self, built: &'a Product) -> &'a Product {
        built
    }

    async fn render(&self, _: &Product, _: &Entry, mailed: &Mailed) -> Result<Vec<Owed>, Failure> {
        let period = self.moment.period.to_string();
        let last = mailed.get(REPORT).and_then(|periods| periods.get(&period));
        let revision = last.map_or(1, |last| last.revision + 1);
        let delivery_id = format!("{}/{period}/{REPORT}/r{revision}", self.pipeline.name);
        let (mut recipients, mut messages) = (Vec::new(), Vec::new());
        for address in RECIPIENTS {
            let rcpt_hash = recipient_hash(&delivery_id, address);
            let eml_path = format!("_tieout/runs/{}/mail/{REPORT}/{rcpt_hash}.eml", self.run_id);
            let bytes = format!("To: {address}\r\n\r\nversion {}, revision {revision}", self.version).into_bytes();
            recipients.push(Recipient { rcpt_hash, eml_path: eml_path.clone(), eml_sha256: sha256_hex(&bytes) });
            messages.push((eml_path, bytes));
        }
        let delivery = Delivery {
            delivery_id,
            report: REPORT.to_owned(),
            period,
            revision,
            recipients,
            date: self.invocation.now,
            figures_sha256: format!("version {}", self.version),
        };
        Ok(vec![Owed { delivery, messages }])
    }
}
