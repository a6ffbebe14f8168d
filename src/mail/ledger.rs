//! The delivery ledger: what is known of each recipient of each delivery, as objects that are created once and never
//! changed, so that any later run, also a concurrent one, continues where this one stopped.
//!
//! Below `mail/<delivery>/<recipient hash>/`, for attempt n: `claim-n` (somebody tries), `dot-n` (`send`: the message is
//! about to leave; `fence`: this attempt will never send), `ok-n` (the relay confirmed), `fail-n` (the relay does not
//! have it). A `send` without a result is in doubt: the relay may have the message, and it is not sent again by itself.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};

use super::recipient_hash;
use crate::error::{Exit, Failure};

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the delivery ledger cannot be read at `{key}`")]
    Read { key: String, source: object_store::Error },
    #[error(
        "error[E506]: it is unknown whether `{key}` of the delivery ledger was written; the next run will find out"
    )]
    Unknown { key: String, source: object_store::Error },
    #[error("`{key}` of the delivery ledger cannot be written")]
    Write { key: String, source: object_store::Error },
    #[error("`{key}` of the delivery ledger is no record of this program")]
    Foreign { key: String },
    #[error("delivery `{delivery_id}` to {recipient} is not in doubt")]
    NotInDoubt { delivery_id: String, recipient: String },
}

impl LedgerError {
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::Write { .. } => Exit::Unreachable,
            Self::Unknown { .. } => Exit::CommitUnknown,
            Self::Foreign { .. } => Exit::InputContract,
            Self::NotInDoubt { .. } => Exit::Usage,
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::new(error.exit(), error)
    }
}

/// Whose bytes a key holds after an attempt to create it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    Mine,
    Theirs(Bytes),
}

/// What is known of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has it; the next attempt has this number.
    Open { attempt: u32 },
    /// The relay confirmed it.
    Accepted { reply: String },
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
    store: Arc<dyn ObjectStore>,
    root: Path,
    nonce: String,
    now: Timestamp,
}

/// One recipient of one delivery.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    pub delivery_id: &'a str,
    pub address: &'a str,
}

impl Ledger {
    /// `root` is the folder of the program's own records (`_tieout`), `nonce` is of this process alone, `now` is what the
    /// records are dated with.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, root: Path, nonce: impl Into<String>, now: Timestamp) -> Self {
        Self { store, root, nonce: nonce.into(), now }
    }

    /// What is known of a recipient. An attempt that was claimed and not finished is closed here: if it has not announced
    /// that it sends, it never will.
    ///
    /// # Errors
    /// When the store cannot be read, or a fence's outcome is unknown.
    pub async fn state(&self, recipient: Recipient<'_>) -> Result<State, LedgerError> {
        let names = self.names(recipient).await?;
        let last = names.iter().filter_map(|name| name.strip_prefix("claim-")?.parse::<u32>().ok()).max();
        let Some(attempt) = last else { return Ok(State::Open { attempt: 1 }) };
        // A confirmation of any attempt settles it.
        if let Some(ok) = names.iter().find(|name| name.starts_with("ok-")) {
            return Ok(State::Accepted { reply: self.record(recipient, ok).await?.text });
        }
        let has = |kind: &str| names.contains(&format!("{kind}-{attempt}"));
        if has("fail") {
            let record = self.record(recipient, &format!("fail-{attempt}")).await?;
            return Ok(match record.word {
                Word::Rejected => State::Rejected { code: record.code.unwrap_or(0), text: record.text },
                _ => next(attempt),
            });
        }
        if has("dot") {
            let dot = self.record(recipient, &format!("dot-{attempt}")).await?;
            return Ok(if dot.word == Word::Fence { next(attempt) } else { State::InDoubt { attempt } });
        }
        Ok(if self.dot(recipient, attempt, Word::Fence).await? { next(attempt) } else { State::InDoubt { attempt } })
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
        self.create(&self.key(recipient, &format!("{kind}-{attempt}")), bytes.into()).await
    }

    /// Creates an object that does not exist yet. What a store answers does not tell whether the write happened, so
    /// whatever it answers but yes, the object itself is asked.
    async fn create(&self, key: &Path, bytes: Bytes) -> Result<Created, LedgerError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let Err(refused) = self.store.put_opts(key, PutPayload::from(bytes.clone()), options).await else {
            return Ok(Created::Mine);
        };
        match self.read(key).await {
            Ok(there) if there == bytes => Ok(Created::Mine),
            Ok(there) => Ok(Created::Theirs(there)),
            Err(object_store::Error::NotFound { .. }) => {
                Err(LedgerError::Write { key: key.to_string(), source: refused })
            }
            Err(source) => Err(LedgerError::Unknown { key: key.to_string(), source }),
        }
    }

    async fn record(&self, recipient: Recipient<'_>, name: &str) -> Result<Record, LedgerError> {
        let key = self.key(recipient, name);
        let read = self.read(&key).await;
        let bytes = read.map_err(|source| LedgerError::Read { key: key.to_string(), source })?;
        parse(&bytes, || key.to_string())
    }

    async fn read(&self, key: &Path) -> Result<Bytes, object_store::Error> {
        self.store.get(key).await?.bytes().await
    }

    async fn names(&self, recipient: Recipient<'_>) -> Result<Vec<String>, LedgerError> {
        let folder = self.folder(recipient);
        let listed: Result<Vec<_>, _> = self.store.list(Some(&folder)).try_collect().await;
        let objects = listed.map_err(|source| LedgerError::Read { key: folder.to_string(), source })?;
        Ok(objects.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect())
    }

    fn folder(&self, recipient: Recipient<'_>) -> Path {
        let hash = recipient_hash(recipient.delivery_id, recipient.address);
        let mail = self.root.clone().join("mail");
        recipient.delivery_id.split('/').fold(mail, Path::join).join(hash)
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
