//! Delivering what the log says is owed, whoever put it there.

use crate::commands::invocation::Invocation;
use crate::commands::outcome::DeliveryOutcome;
use crate::error::{Exit, Failure};
use crate::mail::{self, Delivered, Ledger, LoggedMail, OutboxEntry, Status, Transport};
use crate::pipeline::Pipeline;
use crate::publication::{Head, Log};
use crate::warehouse::output::sha256_hex;

/// What became of every message, and the exit code that asks for.
#[derive(Debug, Default)]
pub struct Deliveries {
    pub outcomes: Vec<DeliveryOutcome>,
    /// `Done`, or why not everything is delivered.
    pub exit: Exit,
}

/// The delivery ledger beside a log, as this run writes it.
///
/// # Errors
/// When the store of the log has no room for it.
pub fn ledger(log: &Log, invocation: &Invocation) -> Result<Ledger, Failure> {
    Ok(Ledger::new(log.single(), invocation.nonce(), invocation.now)?)
}

/// Delivers every message of the log that the ledger does not know as settled, up to this head.
///
/// # Errors
/// When the log or the ledger cannot be used. What a relay says is an outcome.
pub async fn deliver(
    pipeline: &Pipeline,
    log: &Log,
    head: &Head,
    invocation: &Invocation,
    transport: &Transport,
) -> Result<Deliveries, Failure> {
    let ledger = ledger(log, invocation)?;
    let mails = mail::logged(pipeline, log, head, &ledger).await?;
    let mut outbox = Vec::new();
    for mail in mails.iter().filter(|mail| mail.known.is_none()) {
        outbox.push(message(pipeline, log, mail).await?);
    }
    invocation.progress.stage("mail", outbox.len());
    if !outbox.is_empty() {
        // What the relay may have must be written down before the process ends.
        invocation.stopping.finish().await;
    }
    let report = mail::deliver(&outbox, transport, &ledger, || invocation.stopping.asked()).await?;
    if let Some(failure) = &report.failure {
        tracing::error!(error = %crate::error::chain(failure), "no mail could be sent");
    }
    let mut sent = report.delivered.into_iter().map(|delivered| delivered.status);
    let delivered = mails.iter().map(|mail| Delivered {
        delivery_id: mail.delivery_id.clone(),
        recipient: mail.to.masked(),
        status: mail.known.clone().or_else(|| sent.next()).unwrap_or(Status::Untried),
    });
    let report = mail::DeliveryReport { delivered: delivered.collect(), failure: report.failure };
    let exit = report.exit();
    let outcome = |(delivered, mail): (&Delivered, &LoggedMail)| {
        let (state, detail, complete) = delivered.status.said();
        let (report, recipient) = (mail.report.clone(), delivered.recipient.clone());
        DeliveryOutcome { report, recipient, state: state.to_owned(), detail, complete }
    };
    let mut outcomes: Vec<_> = report.delivered.iter().zip(&mails).map(outcome).collect();
    let untried = outcomes.iter_mut().find(|outcome| outcome.state == Status::Untried.said().0);
    if let (Some(failure), Some(first)) = (report.failure, untried) {
        first.detail = Some(crate::error::chain(&failure));
    }
    Ok(Deliveries { outcomes, exit })
}

/// A mail with its stored message.
async fn message(pipeline: &Pipeline, log: &Log, mail: &LoggedMail) -> Result<OutboxEntry, Failure> {
    let outputs = log.outputs();
    let path = outputs.path(&mail.stored.eml_path)?;
    let bytes = outputs.read(&path).await?;
    if sha256_hex(&bytes) != mail.stored.eml_sha256 {
        let message = format!("error[E627]: message `{}` is not the one that was committed", outputs.address(&path));
        return Err(Failure::new(Exit::InputContract, message));
    }
    let from = pipeline.delivery.from.clone();
    Ok(OutboxEntry { delivery_id: mail.delivery_id.clone(), from, to: mail.to.clone(), bytes })
}
