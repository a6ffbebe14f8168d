//! The delivery ledger: what is known of each recipient of each delivery, as objects that are created once and never
//! changed, so that any later run, also a concurrent one, continues where this one stopped.
//!
//! Below `mail/<delivery>/<recipient hash>/`, for attempt n: `claim-n` (somebody tries), `dot-n` (`send`: the message is
//! about to leave; `fence`: this attempt will never send), `ok-n` (the relay confirmed), `fail-n` (the relay does not
//! have it). A `send` without a result is in doubt: the relay may have the message, and it is not sent again by itself.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::recipient_hash;
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
    #[error("delivery `{delivery_id}` to {recipient} is not in doubt")]
    NotInDoubt { delivery_id: String, recipient: String },
}

impl LedgerError {
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Store(error) => error.exit(),
            Self::Foreign { .. } => Exit::InputContract,
            Self::NotInDoubt { .. } => Exit::Usage,
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

/// What is known of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has it; the next attempt has this number.
    Open { attempt: u32 },
    /// The relay confirmed it.
    Accepted,
    /// The relay refused it for good.
    Rejected { code: u16, text: String },
    /// Attempt `attempt` ended without a reply after the final dot.
    InDoubt { attempt: u32 },
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
}

/// The ledger of one output store, as one run writes it.
#[derive(Clone, Debug)]
pub struct Ledger {
    location: Location,
    /// Of all deliveries.
    folder: Path,
    nonce: String,
    now: Timestamp,
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
    /// `location` is that of the outputs, for keys that are created once; `nonce` is of this process alone, `now` is
    /// what the records are dated with.
    ///
    /// # Errors
    /// When the location has no room for a ledger, which every location has.
    pub fn new(location: &Location, nonce: impl Into<String>, now: Timestamp) -> Result<Self, LedgerError> {
        let folder = location.path("_tieout/mail")?;
        Ok(Self { location: location.clone(), folder, nonce: nonce.into(), now })
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

    /// What was known of a recipient when it was listed, without closing anything. None: an attempt was claimed and is not
    /// finished.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub async fn known(
        &self,
        delivery_id: &str,
        recipient_hash: &str,
        listed: &Listed,
    ) -> Result<Option<State>, LedgerError> {
        let folder = self.below(delivery_id).join(recipient_hash);
        let nothing = BTreeSet::new();
        Ok(self.told(&folder, listed.0.get(&folder).unwrap_or(&nothing)).await?.ok())
    }

    /// What is known of a recipient. An attempt that was claimed and not finished is closed here: if it has not announced
    /// that it sends, it never will.
    ///
    /// # Errors
    /// When the store cannot be read, or a fence's outcome is unknown.
    pub async fn state(&self, recipient: Recipient<'_>) -> Result<State, LedgerError> {
        let folder = self.folder(recipient);
        let mut listed = Listed::default();
        self.list_folder(&folder, &mut listed).await?;
        let names = listed.0.remove(&folder).unwrap_or_default();
        match self.told(&folder, &names).await? {
            Ok(state) => Ok(state),
            Err(attempt) if self.dot(recipient, attempt, Word::Fence).await? => Ok(next(attempt)),
            Err(attempt) => Ok(State::InDoubt { attempt }),
        }
    }

    /// What the objects of a recipient tell; the number of an attempt that was claimed and not finished.
    async fn told(&self, folder: &Path, names: &BTreeSet<String>) -> Result<Result<State, u32>, LedgerError> {
        let last = names.iter().filter_map(|name| name.strip_prefix("claim-")?.parse::<u32>().ok()).max();
        let Some(attempt) = last else { return Ok(Ok(State::Open { attempt: 1 })) };
        // A confirmation of any attempt settles it.
        if names.iter().any(|name| name.starts_with("ok-")) {
            return Ok(Ok(State::Accepted));
        }
        let (fail, dot) = (format!("fail-{attempt}"), format!("dot-{attempt}"));
        if names.contains(&fail) {
            let record = self.record(&folder.clone().join(fail)).await?;
            return Ok(Ok(match record.word {
                Word::Rejected => State::Rejected { code: record.code.unwrap_or(0), text: record.text },
                _ => next(attempt),
            }));
        }
        if names.contains(&dot) {
            let dot = self.record(&folder.clone().join(dot)).await?;
            return Ok(Ok(if dot.word == Word::Fence { next(attempt) } else { State::InDoubt { attempt } }));
        }
        Ok(Err(attempt))
    }

    /// Claims an attempt. False: somebody else has it.
    ///
    /// # Errors
    /// When the outcome of the write is unknown.
    pub async fn claim(&self, recipient: Recipient<'_>, attempt: u32) -> Result<bool, LedgerError> {
        let created = self.write(recipient, "claim", attempt, Word::Claim, None, "").await?;
        Ok(created == Created::Mine)
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
        self.write(recipient, "ok", attempt, Word::Accepted, None, reply).await.map(drop)
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
        self.write(recipient, "fail", attempt, Word::Rejected, Some(code), text).await.map(drop)
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
        self.write(recipient, "fail", attempt, Word::Deferred, code, text).await.map(drop)
    }

    /// A person found out what became of an attempt in doubt: the recipient has it, or it is to be sent again.
    ///
    /// # Errors
    /// When the recipient is not in doubt, or the write fails.
    pub async fn resolve(&self, recipient: Recipient<'_>, has_it: bool, reason: &str) -> Result<(), LedgerError> {
        let State::InDoubt { attempt } = self.state(recipient).await? else {
            return Err(LedgerError::NotInDoubt {
                delivery_id: recipient.delivery_id.to_owned(),
                recipient: masked(recipient.address),
            });
        };
        if has_it {
            self.accepted(recipient, attempt, reason).await
        } else {
            self.deferred(recipient, attempt, None, reason).await
        }
    }

    /// Whether `dot-n` says `word`, by whoever wrote it first: only a `fence` of another run is as good as our own.
    async fn dot(&self, recipient: Recipient<'_>, attempt: u32, word: Word) -> Result<bool, LedgerError> {
        match self.write(recipient, "dot", attempt, word, None, "").await? {
            Created::Mine => Ok(true),
            Created::Theirs(bytes) => {
                let theirs = parse(&bytes, || self.key(recipient, &format!("dot-{attempt}")).to_string())?;
                Ok(word == Word::Fence && theirs.word == Word::Fence)
            }
        }
    }

    async fn write(
        &self,
        recipient: Recipient<'_>,
        kind: &str,
        attempt: u32,
        word: Word,
        code: Option<u16>,
        text: &str,
    ) -> Result<Created, LedgerError> {
        let record = Record { nonce: self.nonce.clone(), at: self.now, word, code, text: text.to_owned() };
        let bytes = serde_json::to_vec(&record).unwrap_or_default();
        Ok(create(&self.location, &self.key(recipient, &format!("{kind}-{attempt}")), &bytes.into()).await?)
    }

    async fn record(&self, key: &Path) -> Result<Record, LedgerError> {
        let bytes: Bytes = self.location.read(key).await?;
        parse(&bytes, || key.to_string())
    }

    fn below(&self, deliveries: &str) -> Path {
        deliveries.split('/').fold(self.folder.clone(), Path::join)
    }

    fn folder(&self, recipient: Recipient<'_>) -> Path {
        self.below(recipient.delivery_id).join(recipient_hash(recipient.delivery_id, recipient.address))
    }

    fn key(&self, recipient: Recipient<'_>, name: &str) -> Path {
        self.folder(recipient).join(name)
    }
}

fn next(attempt: u32) -> State {
    State::Open { attempt: attempt.saturating_add(1) }
}

fn parse(bytes: &[u8], key: impl Fn() -> String) -> Result<Record, LedgerError> {
    serde_json::from_slice(bytes).map_err(|_| LedgerError::Foreign { key: key() })
}

fn masked(address: &str) -> String {
    crate::pipeline::Mailbox { name: None, address: address.to_owned() }.masked()
}
