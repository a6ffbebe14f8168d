//! Delivering what the log says is owed, whoever put it there.

use crate::commands::invocation::Invocation;
use crate::commands::notices::{Notice, Undelivered, notify};
use crate::commands::outcome::DeliveryOutcome;
use crate::error::{Exit, Failure};
use crate::mail::{self, Delivered, DeliveryReport, Ledger, LoggedMail, OutboxEntry, Policy, Status, Transport, Way};
use crate::pipeline::Pipeline;
use crate::publication::{Head, Log};
use crate::store::{Kind, StoreError};
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
    Ok(Ledger::new(log.single(), invocation.nonce(), invocation.clock.clone())?)
}

/// Delivers every message of the log that the ledger does not know as settled, up to this head, and tells the operators
/// what will not arrive by itself.
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
    let mut mails = mail::logged(pipeline, log, head, &ledger).await?;
    // Who was tried least comes first: nobody waits for ever behind one at whom the relay falls silent.
    mails.sort_by_key(attempts);
    let policy = Policy::new(&pipeline.delivery);
    let mut known: Vec<_> = mails.iter().map(|mail| nothing_to_do(mail, policy, &ledger)).collect();
    let mut outbox = Vec::new();
    for (mail, known) in mails.iter().zip(&mut known).filter(|(_, known)| known.is_none()) {
        match message(pipeline, log, mail).await {
            Ok(message) => outbox.extend(message),
            // The others need not wait for it.
            Err(MessageError::Damaged(what)) => *known = Some(damaged(mail, &what, policy, &ledger).await?),
            Err(MessageError::Failed(failure)) => return Err(failure),
        }
    }
    let report = send(&outbox, pipeline, &ledger, invocation, transport).await?;
    let mut sent = report.delivered.into_iter().map(|delivered| delivered.status);
    let delivered = mails.iter().zip(known).map(|(mail, known)| Delivered {
        delivery_id: mail.delivery_id.clone(),
        recipient: mail.masked(),
        status: known.or_else(|| sent.next()).unwrap_or(Status::Untried),
    });
    let report = DeliveryReport { delivered: delivered.collect(), failure: report.failure };
    if report.failure.is_none() {
        let undelivered = undelivered(&report.delivered, &mails);
        notify(pipeline, log, invocation, Notice::Undelivered { mails: &undelivered }).await;
    }
    Ok(Deliveries { exit: report.exit(), outcomes: outcomes(&report, &mails) })
}

/// Sends these messages as the pipeline says; a stop signal waits for what the relay may have.
///
/// # Errors
/// When the ledger cannot be used.
pub async fn send(
    outbox: &[OutboxEntry],
    pipeline: &Pipeline,
    ledger: &Ledger,
    invocation: &Invocation,
    transport: &Transport,
) -> Result<DeliveryReport, Failure> {
    invocation.progress.stage("mail", outbox.len());
    if !outbox.is_empty() {
        // What the relay may have must be written down before the process ends.
        invocation.stopping.finish().await;
    }
    let way = Way { transport, ledger, policy: Policy::new(&pipeline.delivery) };
    let report = mail::deliver(outbox, way, || invocation.stopping.asked()).await?;
    report.delivered.iter().for_each(|mail| invocation.progress.step(&mail.delivery_id));
    if let Some(failure) = &report.failure {
        tracing::error!(error = %crate::error::chain(failure), "no mail could be sent");
    }
    Ok(report)
}

/// How often a mail was tried, by its state.
fn attempts(mail: &LoggedMail) -> u32 {
    match &mail.state {
        Some(mail::State::Open(next)) => next.attempt,
        Some(mail::State::InDoubt(doubt)) => doubt.next,
        _ => 0,
    }
}

/// The status of a mail that this run will not come to, because it is settled or due after the run.
fn nothing_to_do(mail: &LoggedMail, policy: Policy, ledger: &Ledger) -> Option<Status> {
    let now = ledger.now();
    match policy.step(mail.state.as_ref()?, mail.committed_at, now) {
        mail::Step::Settled(status) => Some(status),
        mail::Step::Wait(until, status) => {
            let within =
                std::time::Duration::try_from(until.duration_since(now)).is_ok_and(|rest| rest <= policy.retry_for);
            (!within).then_some(status)
        }
        mail::Step::Expire { .. } | mail::Step::Attempt { .. } => None,
    }
}

fn outcomes(report: &DeliveryReport, mails: &[LoggedMail]) -> Vec<DeliveryOutcome> {
    let outcome = |(delivered, mail): (&Delivered, &LoggedMail)| {
        let (state, detail, complete) = delivered.status.said();
        DeliveryOutcome { report: mail.report.clone(), recipient: delivered.recipient.clone(), state, detail, complete }
    };
    let mut outcomes: Vec<_> = report.delivered.iter().zip(mails).map(outcome).collect();
    let untried = report.delivered.iter().position(|delivered| delivered.status == Status::Untried);
    let untried = untried.and_then(|at| outcomes.get_mut(at));
    if let (Some(failure), Some(first)) = (&report.failure, untried) {
        first.detail = Some(crate::error::chain(failure));
    }
    outcomes
}

fn undelivered(delivered: &[Delivered], mails: &[LoggedMail]) -> Vec<Undelivered> {
    let lost = delivered.iter().zip(mails).filter(|(delivered, _)| delivered.status.is_undelivered());
    lost.map(|(delivered, mail)| {
        let (state, detail, _) = delivered.status.said();
        Undelivered {
            delivery_id: mail.delivery_id.clone(),
            period: mail.period.clone(),
            recipient_hash: mail.stored.rcpt_hash.clone(),
            recipient: delivered.recipient.clone(),
            state: state.trim_start_matches("already ").to_owned(),
            detail: detail.unwrap_or_default(),
            damaged: matches!(delivered.status, Status::Damaged { .. }),
        }
    })
    .collect()
}

/// What becomes of a mail whose stored message is damaged: it waits for somebody to put it back, up to its deadline.
async fn damaged(mail: &LoggedMail, what: &str, policy: Policy, ledger: &Ledger) -> Result<Status, Failure> {
    tracing::error!(delivery = mail.delivery_id, recipient = mail.masked(), "{what}");
    let state = mail.state.as_ref();
    let step = state.map(|state| policy.step(state, mail.committed_at, ledger.now()));
    if let (Some(mail::Step::Expire { attempt, .. }), Some(to)) = (step, &mail.to) {
        let to = mail::Recipient { delivery_id: &mail.delivery_id, address: &to.address };
        let mine = ledger.expire(to, attempt, what).await?;
        return Ok(if mine { Status::Expired { text: what.to_owned() } } else { Status::Elsewhere });
    }
    Ok(Status::Damaged { text: what.to_owned() })
}

/// Why a stored message cannot be sent.
#[derive(Debug)]
pub enum MessageError {
    /// It is gone, or not the one that was committed: this concerns its recipient alone.
    Damaged(String),
    /// The store failed.
    Failed(Failure),
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::Damaged(what) => Self::new(Exit::InputContract, what),
            MessageError::Failed(failure) => failure,
        }
    }
}

/// A mail with its stored message; none when its recipient is no longer in the audience.
///
/// # Errors
/// When the message cannot be read, or is not the one that was committed (E627).
pub async fn message(pipeline: &Pipeline, log: &Log, mail: &LoggedMail) -> Result<Option<OutboxEntry>, MessageError> {
    let Some(to) = mail.to.clone() else { return Ok(None) };
    let outputs = log.outputs();
    let failed = |error: StoreError| MessageError::Failed(error.into());
    let path = outputs.path(&mail.stored.eml_path).map_err(failed)?;
    let damaged = |why: &str| MessageError::Damaged(format!("error[E627]: message `{}` {why}", outputs.address(&path)));
    let bytes = match outputs.read(&path).await {
        Ok(bytes) => bytes,
        Err(StoreError::Failed { kind: Kind::Missing, .. }) => return Err(damaged("is gone")),
        Err(error) => return Err(failed(error)),
    };
    if sha256_hex(&bytes) != mail.stored.eml_sha256 {
        return Err(damaged("is not the one that was committed"));
    }
    let from = pipeline.delivery.from.clone();
    let (delivery_id, committed_at) = (mail.delivery_id.clone(), mail.committed_at);
    Ok(Some(OutboxEntry { delivery_id, from, to, committed_at, bytes }))
}
