//! Delivers what is owed: each message at most once, in the order of the ledger's steps.

use std::fmt;

use bytes::Bytes;

use super::MailError;
use super::ledger::{Ledger, LedgerError, Recipient, State};
use super::transport::{self, Envelope, Outcome, Transport};
use crate::error::Exit;
use crate::pipeline::Mailbox;

/// A message that was committed together with the tables it reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    pub delivery_id: String,
    pub from: Mailbox,
    pub to: Mailbox,
    /// The stored bytes, never rebuilt.
    pub bytes: Bytes,
}

/// What this run did, and found done, for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub delivery_id: String,
    /// Masked, as `f***@example.com`.
    pub recipient: String,
    pub status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Accepted {
        reply: String,
    },
    /// An earlier run delivered it.
    AlreadyAccepted,
    Rejected {
        code: u16,
        text: String,
    },
    /// An earlier run was refused for good, and said so.
    AlreadyRejected {
        code: u16,
        text: String,
    },
    Deferred {
        code: Option<u16>,
        text: String,
    },
    /// Held: the relay may have it. A person resolves it.
    InDoubt {
        text: String,
    },
    /// Another run is at it.
    Elsewhere,
    /// Not attempted: the relay failed for all, or the run was asked to stop.
    Untried,
}

impl Status {
    /// In words: the state, what was said, and whether nothing is left to do for this recipient.
    #[must_use]
    pub fn said(&self) -> (&'static str, Option<String>, bool) {
        match self {
            Self::Accepted { reply } => ("accepted", Some(reply.clone()), true),
            Self::AlreadyAccepted => ("already accepted", None, true),
            Self::Rejected { code, text } => ("rejected", Some(format!("{code} {text}")), false),
            Self::AlreadyRejected { code, text } => ("already rejected", Some(format!("{code} {text}")), true),
            Self::Deferred { code: Some(code), text } => ("deferred", Some(format!("{code} {text}")), false),
            Self::Deferred { code: None, text } => ("deferred", Some(text.clone()), false),
            Self::InDoubt { text } => ("in doubt", Some(text.clone()), false),
            Self::Elsewhere => ("being sent by another run", None, false),
            Self::Untried => ("not tried", None, false),
        }
    }
}

/// All recipients of a run.
#[derive(Debug, Default)]
pub struct DeliveryReport {
    pub delivered: Vec<Delivered>,
    /// What stopped all mail: no connection, no TLS, no login.
    pub failure: Option<MailError>,
}

impl DeliveryReport {
    /// `Done` when every recipient has its message, or was already reported as refused.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if let Some(failure) = &self.failure {
            return failure.exit();
        }
        let settled = |status: &Status| {
            matches!(status, Status::Accepted { .. } | Status::AlreadyAccepted | Status::AlreadyRejected { .. })
        };
        if self.delivered.iter().all(|delivered| settled(&delivered.status)) {
            Exit::Done
        } else {
            Exit::DeliveryIncomplete
        }
    }

    fn count(&self, is: impl Fn(&Status) -> bool) -> usize {
        self.delivered.iter().filter(|delivered| is(&delivered.status)).count()
    }
}

impl fmt::Display for DeliveryReport {
    /// One line for the whole, then one for each recipient that has not got its message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_it = self.count(|status| matches!(status, Status::Accepted { .. } | Status::AlreadyAccepted));
        write!(f, "{has_it} of {} delivered", self.delivered.len())?;
        for Delivered { delivery_id, recipient, status } in &self.delivered {
            match status {
                Status::Accepted { .. } | Status::AlreadyAccepted => {}
                Status::Rejected { code, text } | Status::AlreadyRejected { code, text } => {
                    write!(f, "\nerror[E623]: {recipient} rejected ({delivery_id}): {code} {text}")?;
                }
                Status::Deferred { code: Some(code), text } => {
                    write!(
                        f,
                        "\nerror[E624]: {recipient} deferred ({delivery_id}), next run continues: {code} {text}"
                    )?;
                }
                Status::Deferred { code: None, text } => {
                    write!(f, "\nerror[E624]: {recipient} deferred ({delivery_id}), next run continues: {text}")?;
                }
                Status::InDoubt { text } => {
                    write!(f, "\nerror[E625]: {recipient} in doubt ({delivery_id}), not sent again: {text}")?;
                }
                Status::Elsewhere => write!(f, "\n{recipient} is being served by another run ({delivery_id})")?,
                Status::Untried => write!(f, "\n{recipient} was not tried ({delivery_id})")?,
            }
        }
        Ok(())
    }
}

/// Delivers every entry that the ledger does not know as settled. A recipient that is refused does not keep the others
/// from theirs; a relay that fails for everybody ends the round, and so does `stopped`, which is asked before each message.
///
/// # Errors
/// When the ledger cannot be read or written: without it nothing may be sent.
pub async fn deliver(
    entries: &[OutboxEntry],
    transport: &Transport,
    ledger: &Ledger,
    stopped: impl Fn() -> bool,
) -> Result<DeliveryReport, LedgerError> {
    let mut report = DeliveryReport::default();
    for entry in entries {
        let status = if stopped() {
            Status::Untried
        } else if report.failure.is_some() {
            untried(entry, ledger).await?
        } else {
            match deliver_one(entry, transport, ledger).await? {
                Ok(status) => status,
                Err(failure) => {
                    report.failure = Some(failure);
                    Status::Untried
                }
            }
        };
        let (delivery_id, recipient) = (entry.delivery_id.clone(), entry.to.masked());
        report.delivered.push(Delivered { delivery_id, recipient, status });
    }
    Ok(report)
}

/// What the ledger says of an entry that is not attempted.
async fn untried(entry: &OutboxEntry, ledger: &Ledger) -> Result<Status, LedgerError> {
    Ok(settled(ledger.state(recipient(entry)).await?).unwrap_or(Status::Untried))
}

/// Delivers one entry, unless it is settled. Must not be cancelled once it has begun to hand over: what it was doing
/// would stay in doubt.
///
/// # Errors
/// As [`deliver`]; `Ok(Err(_))` when the relay failed in a way that concerns everybody.
pub async fn deliver_one(
    entry: &OutboxEntry,
    transport: &Transport,
    ledger: &Ledger,
) -> Result<Result<Status, MailError>, LedgerError> {
    let to = recipient(entry);
    let state = ledger.state(to).await?;
    let State::Open { attempt } = state else { return Ok(Ok(settled(state).unwrap_or(Status::Untried))) };
    if !ledger.claim(to, attempt).await? {
        return Ok(Ok(Status::Elsewhere));
    }
    let envelope = Envelope { delivery_id: entry.delivery_id.clone(), from: entry.from.clone(), to: entry.to.clone() };
    let ready = match transport::prepare(transport, &envelope).await {
        Ok(Ok(ready)) => ready,
        Ok(Err(outcome)) => return record(outcome, to, attempt, ledger).await.map(Ok),
        Err(failure) => {
            ledger.deferred(to, attempt, None, &failure.to_string()).await?;
            return Ok(Err(failure));
        }
    };
    if !ledger.announce(to, attempt).await? {
        return Ok(Ok(Status::Elsewhere));
    }
    record(ready.finish(&entry.bytes).await, to, attempt, ledger).await.map(Ok)
}

async fn record(outcome: Outcome, to: Recipient<'_>, attempt: u32, ledger: &Ledger) -> Result<Status, LedgerError> {
    Ok(match outcome {
        Outcome::Accepted { reply } => {
            ledger.accepted(to, attempt, &reply).await?;
            Status::Accepted { reply }
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
    })
}

/// The status of what an earlier run left; none for what is still open.
pub(super) fn settled(state: State) -> Option<Status> {
    match state {
        State::Open { .. } => None,
        State::Accepted => Some(Status::AlreadyAccepted),
        State::Rejected { code, text } => Some(Status::AlreadyRejected { code, text }),
        State::InDoubt { attempt } => {
            Some(Status::InDoubt { text: format!("attempt {attempt} of an earlier run got no reply") })
        }
    }
}

fn recipient(entry: &OutboxEntry) -> Recipient<'_> {
    Recipient { delivery_id: &entry.delivery_id, address: &entry.to.address }
}
