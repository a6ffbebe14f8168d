//! Delivers what is owed: each message in the order of the ledger's steps, and again when its time has come.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Duration, Instant, sleep};

use super::MailError;
use super::ledger::{Ledger, LedgerError, Recipient};
use super::policy::{Policy, Step, after, backoff};
use super::status::{Delivered, DeliveryReport, Status};
use super::transport::{self, Envelope, Outcome, Transport};
use crate::pipeline::Mailbox;

/// How often a run that waits looks at the clock and at whether it is to stop.
const LOOK: Duration = Duration::from_secs(1);

/// A message that was committed together with the tables it reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    pub delivery_id: String,
    pub from: Mailbox,
    pub to: Mailbox,
    /// From when its deadline counts.
    pub committed_at: Timestamp,
    /// The stored bytes, never rebuilt.
    pub bytes: Bytes,
}

/// Everything but the messages.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    pub transport: &'a Transport,
    pub ledger: &'a Ledger,
    pub policy: Policy,
}

/// What one run knows of one entry.
struct Slot<'a> {
    entry: &'a OutboxEntry,
    status: Status,
    /// When this run may try it again; none: not any more.
    due: Option<Timestamp>,
    /// How often this run has tried it.
    tries: u32,
}

/// How an attempt went.
struct Tried {
    status: Status,
    due: Option<Timestamp>,
    /// What concerns every other recipient too.
    failure: Option<MailError>,
}

impl Tried {
    fn done(status: Status) -> Self {
        Self { status, due: None, failure: None }
    }
}

/// Delivers every entry that the ledger does not know as settled. A recipient that is refused does not keep the others
/// from theirs; a relay that fails for everybody ends the round. What is put off is tried again as often as the time of
/// one run allows. `stopped` is asked before each message and while waiting.
///
/// # Errors
/// When the ledger cannot be read or written: without it nothing may be sent.
pub async fn deliver(
    entries: &[OutboxEntry],
    way: Way<'_>,
    stopped: impl Fn() -> bool,
) -> Result<DeliveryReport, LedgerError> {
    let slot = |entry| Slot { entry, status: Status::Untried, due: Some(Timestamp::MIN), tries: 0 };
    let mut slots: Vec<Slot<'_>> = entries.iter().map(slot).collect();
    let end = Instant::now() + way.policy.retry_for;
    let failure = loop {
        let failed = round(&mut slots, way, &stopped).await?;
        let earliest = slots.iter().filter_map(|slot| slot.due).min();
        let next = match &failed {
            Some((failure, _)) if !failure.may_pass() => None,
            // The others are due, but would meet the same relay.
            Some((_, again)) => earliest.map(|earliest| earliest.max(*again)),
            None => earliest,
        };
        let again = match next {
            Some(next) => wait(next, way.ledger, end, &stopped).await,
            None => false,
        };
        if !again {
            break failed.map(|(failure, _)| failure);
        }
    };
    let delivered = slots.into_iter().map(|slot| Delivered {
        delivery_id: slot.entry.delivery_id.clone(),
        recipient: slot.entry.to.masked(),
        status: slot.status,
    });
    Ok(DeliveryReport { delivered: delivered.collect(), failure })
}

/// Tries everything that is due once, what was tried least first; what failed for everybody, and when to try that again.
async fn round(
    slots: &mut [Slot<'_>],
    way: Way<'_>,
    stopped: &impl Fn() -> bool,
) -> Result<Option<(MailError, Timestamp)>, LedgerError> {
    let now = way.ledger.now();
    let mut order: Vec<_> = slots.iter_mut().filter(|slot| slot.due.is_some_and(|due| due <= now)).collect();
    order.sort_by_key(|slot| slot.tries);
    let mut failed = None;
    for slot in order {
        if stopped() {
            slot.due = None;
        } else if failed.is_some() {
            slot.status = untried(slot.entry, way).await?.unwrap_or(Status::Untried);
        } else {
            slot.tries += 1;
            let tried = attempt(slot.entry, way).await?;
            (slot.status, slot.due) = (tried.status, tried.due);
            if let Some(failure) = tried.failure {
                let again = after(way.ledger.now(), backoff(slot.tries));
                slot.due = Some(again);
                failed = Some((failure, again));
            }
        }
    }
    Ok(failed)
}

/// Waits until this instant. False: the run has no time for that, or is to stop.
async fn wait(until: Timestamp, ledger: &Ledger, end: Instant, stopped: &impl Fn() -> bool) -> bool {
    loop {
        if stopped() {
            return false;
        }
        let Ok(rest) = Duration::try_from(until.duration_since(ledger.now())) else { return true };
        if rest.is_zero() {
            return true;
        }
        if rest > end.saturating_duration_since(Instant::now()) {
            return false;
        }
        sleep(rest.min(LOOK)).await;
    }
}

/// What the ledger says of an entry that is not attempted; none: it could be.
async fn untried(entry: &OutboxEntry, way: Way<'_>) -> Result<Option<Status>, LedgerError> {
    let state = way.ledger.state(recipient(entry)).await?;
    Ok(match way.policy.step(&state, entry.committed_at, way.ledger.now()) {
        Step::Settled(status) | Step::Wait(_, status) => Some(status),
        Step::Expire { .. } | Step::Attempt { .. } => None,
    })
}

/// Does what is to be done for one entry. Must not be cancelled once it has begun to hand over: what it was doing would
/// stay in doubt.
async fn attempt(entry: &OutboxEntry, way: Way<'_>) -> Result<Tried, LedgerError> {
    let to = recipient(entry);
    let state = way.ledger.state(to).await?;
    let (attempt, resent) = match way.policy.step(&state, entry.committed_at, way.ledger.now()) {
        Step::Settled(status) => return Ok(Tried::done(status)),
        Step::Wait(until, status) => return Ok(Tried { status, due: Some(until), failure: None }),
        Step::Expire { attempt, why } => {
            let mine = way.ledger.expire(to, attempt, &why).await?;
            return Ok(Tried::done(if mine { Status::Expired { text: why } } else { Status::Elsewhere }));
        }
        Step::Attempt { attempt, resent } => (attempt, resent),
    };
    if !way.ledger.claim(to, attempt).await? {
        return Ok(Tried::done(Status::Elsewhere));
    }
    let tried = hand_over(entry, way, attempt).await?;
    Ok(if resent { after_doubt(tried) } else { tried })
}

/// One attempt that is claimed.
async fn hand_over(entry: &OutboxEntry, way: Way<'_>, attempt: u32) -> Result<Tried, LedgerError> {
    let to = recipient(entry);
    let envelope = Envelope { delivery_id: entry.delivery_id.clone(), from: entry.from.clone(), to: entry.to.clone() };
    let ready = match transport::prepare(way.transport, &envelope).await {
        Ok(Ok(ready)) => ready,
        Ok(Err(outcome)) => return record(outcome, entry, way, attempt).await,
        Err(failure) => {
            let text = failure.to_string();
            if failure.is_of_recipient() {
                way.ledger.deferred(to, attempt, None, &text).await?;
            } else {
                way.ledger.unreached(to, attempt, &text).await?;
            }
            return Ok(Tried { status: Status::Untried, due: None, failure: Some(failure) });
        }
    };
    if !way.ledger.announce(to, attempt).await? {
        return Ok(Tried::done(Status::Elsewhere));
    }
    record(ready.finish(&entry.bytes).await, entry, way, attempt).await
}

async fn record(outcome: Outcome, entry: &OutboxEntry, way: Way<'_>, attempt: u32) -> Result<Tried, LedgerError> {
    let (to, ledger) = (recipient(entry), way.ledger);
    let status = match outcome {
        Outcome::Accepted { reply } => {
            ledger.accepted(to, attempt, &reply).await?;
            Status::Accepted { reply, resent: false }
        }
        Outcome::Rejected { code, text } => {
            ledger.rejected(to, attempt, code, &text).await?;
            Status::Rejected { code, text }
        }
        Outcome::Deferred { code, text } => {
            ledger.deferred(to, attempt, code, &text).await?;
            Status::Deferred { code, text }
        }
        // No result is the record of a doubt.
        Outcome::InDoubt { text } => Status::InDoubt { text },
    };
    // What was put off, and what may be sent again after a doubt, says the ledger when.
    let open = matches!(status, Status::Deferred { .. } | Status::InDoubt { .. });
    let due = if open { due(entry, way).await? } else { None };
    Ok(Tried { status, due, failure: None })
}

/// When there may be something to do again for an entry that is not settled.
async fn due(entry: &OutboxEntry, way: Way<'_>) -> Result<Option<Timestamp>, LedgerError> {
    if way.policy.retry_for.is_zero() {
        return Ok(None);
    }
    let state = way.ledger.state(recipient(entry)).await?;
    Ok(match way.policy.step(&state, entry.committed_at, way.ledger.now()) {
        Step::Wait(until, _) => Some(until),
        Step::Settled(_) => None,
        Step::Expire { .. } | Step::Attempt { .. } => Some(way.ledger.now()),
    })
}

/// An attempt although an earlier one is in doubt: whatever it was told, only its success ends the doubt.
fn after_doubt(tried: Tried) -> Tried {
    let status = match tried.status {
        Status::Accepted { reply, .. } => Status::Accepted { reply, resent: true },
        Status::Rejected { code, text } => Status::InDoubt { text: format!("sent again and rejected: {code} {text}") },
        Status::Deferred { code, text } => {
            Status::InDoubt { text: format!("sent again and deferred: {}", super::policy::said(code, &text)) }
        }
        other => other,
    };
    Tried { status, ..tried }
}

fn recipient(entry: &OutboxEntry) -> Recipient<'_> {
    Recipient { delivery_id: &entry.delivery_id, address: &entry.to.address }
}
