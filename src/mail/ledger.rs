//! The delivery ledger: what is known of each recipient of each delivery, as objects that are created once and never
//! changed, so that any later run, also a concurrent one, continues where this one stopped.
//!
//! Below `mail/<delivery>/<recipient hash>/`, for attempt n:
//!
//! | object | says |
//! |---|---|
//! | `claim-n` | somebody tries |
//! | `dot-n` | `send`: the message is about to leave; `fence`: this attempt will never send |
//! | `ok-n` | the relay confirmed, or a person found that the recipient has it |
//! | `fail-n` | the relay does not have it: `deferred`, `rejected`, `unreached` (nothing was said about this recipient), or `expired` (nobody tries any more) |
//! | `again-n` | a person wants attempt n, since earlier doubts came to nothing |
//! | `resend-n` | a person wants attempt n although all was settled: nothing before it counts |
//! | `told-n` | the operators were told what became of attempt n |
//!
//! A `send` without a result is in doubt: the relay may have the message.

mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

pub use state::{Account, Doubt, Next, Refusal, State};

use super::recipient_hash;
use crate::clock::Clock;
use crate::error::{Exit, Failure};
use crate::problem::{Problem, Problems};
use crate::store::create::create;
use crate::store::{Created, Location, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the delivery ledger cannot be used")]
    Store(#[from] StoreError),
    #[error("`{key}` of the delivery ledger is no record of this program")]
    Foreign { key: String },
    #[error(
        "error[E631]: delivery `{delivery_id}` to {recipient} is not in doubt\n  help: `deliveries list` shows its state"
    )]
    NotInDoubt { delivery_id: String, recipient: String },
    #[error("error[E632]: delivery `{delivery_id}` to {recipient} is {state}\n  help: {help}")]
    NotSettled { delivery_id: String, recipient: String, state: &'static str, help: &'static str },
}

impl LedgerError {
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Store(error) => error.exit(),
            Self::Foreign { .. } => Exit::InputContract,
            Self::NotInDoubt { .. } | Self::NotSettled { .. } => Exit::Usage,
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => {
                let problem = Problem::new(error.code(), format!("the delivery ledger cannot be used: {error}"));
                Self::new(error.exit(), Problems::from(problem.help(error.help())))
            }
            other => Self::new(other.exit(), other),
        }
    }
}

/// One object of the ledger. The nonce tells this run's own writes from another's.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Record {
    nonce: String,
    at: Timestamp,
    word: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    /// The person who decided this; `text` is the reason then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Word {
    Claim,
    Send,
    Fence,
    Accepted,
    Rejected,
    Deferred,
    Unreached,
    Expired,
    Again,
    Resend,
    Told,
}

impl Word {
    /// The first half of the name of the object that says it.
    fn kind(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Send | Self::Fence => "dot",
            Self::Accepted => "ok",
            Self::Rejected | Self::Deferred | Self::Unreached | Self::Expired => "fail",
            Self::Again => "again",
            Self::Resend => "resend",
            Self::Told => "told",
        }
    }
}

/// A person's decision, kept with its reason.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    pub by: &'a str,
    pub reason: &'a str,
}

/// The ledger of one output store, as one run writes it.
#[derive(Clone, Debug)]
pub struct Ledger {
    location: Location,
    /// Of all deliveries.
    folder: Path,
    nonce: String,
    clock: Arc<dyn Clock>,
}

/// One recipient of one delivery.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    pub delivery_id: &'a str,
    pub address: &'a str,
}

/// The objects of many recipients, as one listing has found them.
#[derive(Debug, Default)]
pub struct Listed(BTreeMap<Path, BTreeSet<String>>);

impl Ledger {
    /// `location` is that of the outputs, for keys that are created once; `nonce` is of this process alone; `clock`
    /// dates the records.
    ///
    /// # Errors
    /// When the location has no room for a ledger, which every location has.
    pub fn new(location: &Location, nonce: impl Into<String>, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        let folder = location.path("_tieout/mail")?;
        Ok(Self { location: location.clone(), folder, nonce: nonce.into(), clock })
    }

    /// The present, as records are dated.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lists everything below a folder of deliveries, such as `pipeline/period`.
    ///
    /// # Errors
    /// When the store cannot list.
    pub async fn list(&self, deliveries: &str, listed: &mut Listed) -> Result<(), LedgerError> {
        self.list_folder(&self.below(deliveries), listed).await
    }

    async fn list_folder(&self, folder: &Path, listed: &mut Listed) -> Result<(), LedgerError> {
        for object in self.location.list(folder).await? {
            let mut parts: Vec<_> = object.location.parts().collect();
            let Some(name) = parts.pop() else { continue };
            listed.0.entry(parts.into_iter().collect()).or_default().insert(name.as_ref().to_owned());
        }
        Ok(())
    }

    /// Claims an attempt. False: somebody else has it.
    ///
    /// # Errors
    /// When the outcome of the write is unknown.
    pub async fn claim(&self, recipient: Recipient<'_>, attempt: u32) -> Result<bool, LedgerError> {
        Ok(self.write(recipient, attempt, self.says(Word::Claim)).await? == Created::Mine)
    }

    /// Announces that the message is about to leave. False: another run closed this attempt, and nothing may be sent.
    ///
    /// # Errors
    /// When the outcome of the write is unknown: nothing may be sent then either.
    pub async fn announce(&self, recipient: Recipient<'_>, attempt: u32) -> Result<bool, LedgerError> {
        self.dot(recipient, attempt, Word::Send).await
    }

    /// Records that the relay has the message.
    ///
    /// # Errors
    /// When the write fails; the attempt is in doubt from then on.
    pub async fn accepted(&self, recipient: Recipient<'_>, attempt: u32, reply: &str) -> Result<(), LedgerError> {
        let record = Record { text: reply.to_owned(), ..self.says(Word::Accepted) };
        self.write(recipient, attempt, record).await.map(drop)
    }

    /// Records that the relay refused the message for good.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn rejected(
        &self,
        recipient: Recipient<'_>,
        attempt: u32,
        code: u16,
        text: &str,
    ) -> Result<(), LedgerError> {
        let record = Record { code: Some(code), text: text.to_owned(), ..self.says(Word::Rejected) };
        self.write(recipient, attempt, record).await.map(drop)
    }

    /// Records that the relay does not have the message and may be asked again.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn deferred(
        &self,
        recipient: Recipient<'_>,
        attempt: u32,
        code: Option<u16>,
        text: &str,
    ) -> Result<(), LedgerError> {
        let record = Record { code, text: text.to_owned(), ..self.says(Word::Deferred) };
        self.write(recipient, attempt, record).await.map(drop)
    }

    /// Records that the relay failed before anything was said about this recipient, who need not wait longer for that.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn unreached(&self, recipient: Recipient<'_>, attempt: u32, text: &str) -> Result<(), LedgerError> {
        let record = Record { text: text.to_owned(), ..self.says(Word::Unreached) };
        self.write(recipient, attempt, record).await.map(drop)
    }

    /// Gives up on a recipient, for this reason. False: somebody else is trying.
    ///
    /// # Errors
    /// When a write fails.
    pub async fn expire(&self, recipient: Recipient<'_>, attempt: u32, why: &str) -> Result<bool, LedgerError> {
        if !self.claim(recipient, attempt).await? {
            return Ok(false);
        }
        let record = Record { text: why.to_owned(), ..self.says(Word::Expired) };
        self.write(recipient, attempt, record).await?;
        Ok(true)
    }

    /// A person found out what became of an attempt in doubt: the recipient has it, or it is to be sent again.
    ///
    /// # Errors
    /// When the recipient is not in doubt, or the write fails.
    pub async fn resolve(
        &self,
        recipient: Recipient<'_>,
        has_it: bool,
        decision: Decision<'_>,
    ) -> Result<(), LedgerError> {
        let State::InDoubt(doubt) = self.state(recipient).await? else {
            return Err(LedgerError::NotInDoubt {
                delivery_id: recipient.delivery_id.to_owned(),
                recipient: masked(recipient.address),
            });
        };
        let (attempt, word) = if has_it { (doubt.attempt, Word::Accepted) } else { (doubt.next, Word::Again) };
        self.decided(recipient, attempt, word, decision).await
    }

    /// A person wants the message to be sent once more to a recipient who is settled, or who is still owed such a copy.
    ///
    /// # Errors
    /// When the recipient is in doubt or has an attempt of a run before them, or the write fails.
    pub async fn resend(&self, recipient: Recipient<'_>, decision: Decision<'_>) -> Result<(), LedgerError> {
        let (state, help) = match self.state(recipient).await? {
            State::Open(next) if next.asked.is_some() => return Ok(()),
            State::Open(_) => ("not delivered yet", "the next `run` tries again"),
            State::InDoubt(_) => ("in doubt", "`deliveries resolve` says what became of it"),
            State::Accepted { next, .. } | State::Rejected { next, .. } | State::Expired { next, .. } => {
                return self.decided(recipient, next, Word::Resend, decision).await;
            }
        };
        let (delivery_id, recipient) = (recipient.delivery_id.to_owned(), masked(recipient.address));
        Err(LedgerError::NotSettled { delivery_id, recipient, state, help })
    }

    /// Notes that the operators were told what became of an attempt.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn tell(&self, delivery_id: &str, recipient_hash: &str, attempt: u32) -> Result<(), LedgerError> {
        let folder = self.below(delivery_id).join(recipient_hash);
        self.create(&folder, attempt, self.says(Word::Told)).await.map(drop)
    }

    async fn decided(
        &self,
        recipient: Recipient<'_>,
        attempt: u32,
        word: Word,
        decision: Decision<'_>,
    ) -> Result<(), LedgerError> {
        let Decision { by, reason } = decision;
        let record = Record { by: Some(by.to_owned()), text: reason.to_owned(), ..self.says(word) };
        self.write(recipient, attempt, record).await.map(drop)
    }

    /// Whether `dot-n` says `word`, by whoever wrote it first: only a `fence` of another run is as good as our own.
    async fn dot(&self, recipient: Recipient<'_>, attempt: u32, word: Word) -> Result<bool, LedgerError> {
        match self.write(recipient, attempt, self.says(word)).await? {
            Created::Mine => Ok(true),
            Created::Theirs(bytes) => {
                let theirs = parse(&bytes, || object(&self.folder(recipient), word.kind(), attempt).to_string())?;
                Ok(word == Word::Fence && theirs.word == Word::Fence)
            }
        }
    }

    fn says(&self, word: Word) -> Record {
        Record { nonce: self.nonce.clone(), at: self.now(), word, code: None, text: String::new(), by: None }
    }

    async fn write(&self, recipient: Recipient<'_>, attempt: u32, record: Record) -> Result<Created, LedgerError> {
        self.create(&self.folder(recipient), attempt, record).await
    }

    async fn create(&self, folder: &Path, attempt: u32, record: Record) -> Result<Created, LedgerError> {
        let bytes = serde_json::to_vec(&record).unwrap_or_default();
        Ok(create(&self.location, &object(folder, record.word.kind(), attempt), &bytes.into()).await?)
    }

    async fn record(&self, folder: &Path, kind: &str, attempt: u32) -> Result<Record, LedgerError> {
        let key = object(folder, kind, attempt);
        let bytes: Bytes = self.location.read(&key).await?;
        parse(&bytes, || key.to_string())
    }

    fn below(&self, deliveries: &str) -> Path {
        deliveries.split('/').fold(self.folder.clone(), Path::join)
    }

    fn folder(&self, recipient: Recipient<'_>) -> Path {
        self.below(recipient.delivery_id).join(recipient_hash(recipient.delivery_id, recipient.address))
    }
}

fn object(folder: &Path, kind: &str, attempt: u32) -> Path {
    folder.clone().join(format!("{kind}-{attempt}"))
}

fn parse(bytes: &[u8], key: impl Fn() -> String) -> Result<Record, LedgerError> {
    serde_json::from_slice(bytes).map_err(|_| LedgerError::Foreign { key: key() })
}

fn masked(address: &str) -> String {
    crate::pipeline::Mailbox { name: None, address: address.to_owned() }.masked()
}
