//! Delivering what the log says is owed, whoever put it there.

use bytes::Bytes;

use crate::commands::invocation::Invocation;
use crate::commands::outcome::DeliveryOutcome;
use crate::error::{Exit, Failure};
use crate::mail::{self, Ledger, OutboxEntry, Transport};
use crate::pipeline::{Mailbox, Pipeline};
use crate::publication::{Delivery, Log};
use crate::warehouse::output::sha256_hex;

/// Entries behind the head whose deliveries are looked at again.
const LOOKED_BACK: u64 = 20;

/// What became of every message, and the exit code that asks for.
#[derive(Debug)]
pub struct Deliveries {
    pub outcomes: Vec<DeliveryOutcome>,
    /// `Done`, or why not everything is delivered.
    pub exit: Exit,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self { outcomes: Vec::new(), exit: Exit::Done }
    }
}

/// Delivers every message of the newest entries that the ledger does not know as settled.
///
/// # Errors
/// When the log or the ledger cannot be used. What a relay says is an outcome.
pub async fn deliver(pipeline: &Pipeline, log: &Log, invocation: &Invocation) -> Result<Deliveries, Failure> {
    let Some(head) = log.head().await? else { return Ok(Deliveries::default()) };
    let newest = head.entry.seq;
    let mut outbox = Vec::new();
    let mut reports = Vec::new();
    for seq in newest.saturating_sub(LOOKED_BACK).max(1)..=newest {
        for delivery in log.read(seq).await?.entry.record.deliveries {
            for entry in entries(pipeline, log, &delivery).await? {
                reports.push(delivery.report.clone());
                outbox.push(entry);
            }
        }
    }
    let outputs = log.outputs();
    let ledger = Ledger::new(log.single().store.clone(), outputs.path("_tieout")?, invocation.nonce(), invocation.now);
    let transport = Transport::new(&pipeline.delivery.transport);
    invocation.progress.stage("mail", outbox.len());
    let _critical = invocation.stopping.wait();
    let report = mail::deliver(&outbox, &transport, &ledger).await?;
    if let Some(failure) = &report.failure {
        tracing::error!(error = %crate::error::chain(failure), "no mail could be sent");
    }
    let exit = report.exit();
    let outcome = |(delivered, report): (&mail::Delivered, String)| {
        let (state, detail, complete) = delivered.status.said();
        DeliveryOutcome { report, recipient: delivered.recipient.clone(), state: state.to_owned(), detail, complete }
    };
    let mut outcomes: Vec<_> = report.delivered.iter().zip(reports).map(outcome).collect();
    if let (Some(failure), Some(first)) = (report.failure, outcomes.iter_mut().find(|outcome| !outcome.complete)) {
        first.detail = Some(crate::error::chain(&failure));
    }
    Ok(Deliveries { outcomes, exit })
}

/// The stored messages of a delivery, for the recipients that are still in its audience.
async fn entries(pipeline: &Pipeline, log: &Log, delivery: &Delivery) -> Result<Vec<OutboxEntry>, Failure> {
    let mut entries = Vec::new();
    for recipient in &delivery.recipients {
        let to = audience(pipeline, &delivery.report)
            .find(|mailbox| mail::recipient_hash(&delivery.delivery_id, &mailbox.address) == recipient.rcpt_hash);
        let Some(to) = to else {
            tracing::warn!(
                delivery = delivery.delivery_id,
                recipient = recipient.rcpt_hash,
                "no longer in the audience"
            );
            continue;
        };
        let outputs = log.outputs();
        let path = outputs.path(&recipient.eml_path)?;
        let bytes: Bytes = outputs.read(&path).await?;
        if sha256_hex(&bytes) != recipient.eml_sha256 {
            let message =
                format!("error[E627]: message `{}` is not the one that was committed", outputs.address(&path));
            return Err(Failure::new(Exit::InputContract, message));
        }
        let from = pipeline.delivery.from.clone();
        entries.push(OutboxEntry { delivery_id: delivery.delivery_id.clone(), from, to: to.clone(), bytes });
    }
    Ok(entries)
}

fn audience<'a>(pipeline: &'a Pipeline, report: &str) -> impl Iterator<Item = &'a Mailbox> {
    let audience = pipeline.reports.get(report).and_then(|report| pipeline.audiences.get(&report.audience));
    audience.into_iter().flat_map(|audience| &audience.recipients)
}
