//! Where a message goes: a directory, or a relay by SMTP.
//!
//! Handing over has two halves, because what lies between them decides what is known after a crash: until a message is
//! [`Ready`] the relay certainly does not have it; once [`Ready::finish`] was called, only its reply says so.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt as _;

use super::smtp::{self, Conversation};
use super::{MailError, recipient_hash};
use crate::pipeline::{self, Mailbox};

/// How long each step of an SMTP conversation may take. The library underneath has no limit of its own after connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up, TCP and (port 465) TLS, up to the greeting and the first EHLO.
    pub connect: Duration,
    /// Each command and its reply.
    pub command: Duration,
    /// Writing the message.
    pub body: Duration,
    /// From the final dot to the reply (RFC 5321: ten minutes).
    pub reply: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_mins(1),
            body: Duration::from_mins(3),
            reply: Duration::from_mins(10),
        }
    }
}

impl Timeouts {
    /// The longest that handing over one message can take: STARTTLS, AUTH, MAIL, RCPT and DATA are the commands between
    /// the greeting and the message. A stop signal waits for a message on its way.
    #[must_use]
    pub fn longest(&self) -> Duration {
        const COMMANDS: u32 = 5;
        self.connect + self.command * COMMANDS + self.body + self.reply
    }
}

/// A way out, checked as far as that is possible without using it.
#[derive(Clone, Debug)]
pub enum Transport {
    Directory(PathBuf),
    Smtp {
        relay: pipeline::Smtp,
        timeouts: Timeouts,
    },
    /// In this process, without a network between.
    Exchange(Arc<dyn Exchange>),
}

/// A relay in this process.
#[async_trait]
pub trait Exchange: fmt::Debug + Send + Sync {
    /// Everything before the message itself.
    ///
    /// # Errors
    /// What concerns every recipient. `Ok(Err(outcome))`: this recipient was refused.
    async fn announce(&self, envelope: &Envelope) -> Result<Result<(), Outcome>, MailError>;

    /// Takes the message.
    async fn hand_over(&self, envelope: &Envelope, bytes: &[u8]) -> Outcome;
}

impl Transport {
    /// The transport of a pipeline, with the usual limits.
    #[must_use]
    pub fn new(transport: &pipeline::Transport) -> Self {
        match transport {
            pipeline::Transport::Directory(directory) => Self::Directory(directory.clone()),
            pipeline::Transport::Smtp(relay) => Self::Smtp { relay: relay.clone(), timeouts: Timeouts::default() },
        }
    }
}

/// Who a message is from and the one recipient it is for, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub delivery_id: String,
    pub from: Mailbox,
    pub to: Mailbox,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The relay has it, in its own words (often with a queue id).
    Accepted { reply: String },
    /// Refused for good (5xx): this recipient will not get it.
    Rejected { code: u16, text: String },
    /// Not now (4xx, or the connection was lost while the relay did not yet have the message).
    Deferred { code: Option<u16>, text: String },
    /// The connection was lost after the final dot: the relay may have it or not.
    InDoubt { text: String },
}

/// A relay that has agreed to take the message of one recipient and waits for its text.
pub struct Ready(Way);

enum Way {
    File(PathBuf),
    Relay(Box<Conversation>),
    Exchange(Arc<dyn Exchange>, Envelope),
}

/// Reaches the relay, or the folder for messages, without sending anything: connection, TLS and login. Says what was
/// reached.
///
/// # Errors
/// What would keep every message from leaving.
pub async fn reach(transport: &pipeline::Transport) -> Result<String, MailError> {
    match Transport::new(transport) {
        Transport::Directory(directory) => {
            tokio::fs::create_dir_all(&directory).await.map_err(MailError::Directory)?;
            Ok(directory.display().to_string())
        }
        Transport::Exchange(_) => Ok("this process".to_owned()),
        Transport::Smtp { relay, timeouts } => {
            smtp::open(&relay, timeouts).await?.close().await;
            Ok(format!("{}:{}", relay.host, relay.port))
        }
    }
}

/// Goes as far as possible without handing over the message.
///
/// # Errors
/// What concerns every recipient: no connection, no TLS, no login. `Ok(Err(outcome))`: this recipient was refused.
pub async fn prepare(transport: &Transport, envelope: &Envelope) -> Result<Result<Ready, Outcome>, MailError> {
    match transport {
        Transport::Directory(directory) => Ok(Ok(Ready(Way::File(file_name(directory, envelope))))),
        Transport::Exchange(exchange) => {
            let announced = exchange.announce(envelope).await?;
            Ok(announced.map(|()| Ready(Way::Exchange(Arc::clone(exchange), envelope.clone()))))
        }
        Transport::Smtp { relay, timeouts } => {
            let mut conversation = smtp::open(relay, *timeouts).await?;
            let refused = conversation.announce(envelope).await?;
            Ok(match refused {
                Some(outcome) => {
                    conversation.close().await;
                    Err(outcome)
                }
                None => Ok(Ready(Way::Relay(Box::new(conversation)))),
            })
        }
    }
}

impl Ready {
    /// Hands over the message and waits for the reply.
    pub async fn finish(self, bytes: &[u8]) -> Outcome {
        match self.0 {
            Way::Relay(conversation) => conversation.finish(bytes).await,
            Way::Exchange(exchange, envelope) => exchange.hand_over(&envelope, bytes).await,
            Way::File(path) => match write(&path, bytes).await {
                Ok(()) => Outcome::Accepted { reply: format!("written to {}", path.display()) },
                // A file that was not renamed into place is not there.
                Err(error) => Outcome::Deferred { code: None, text: error.to_string() },
            },
        }
    }
}

/// [`prepare`] and [`Ready::finish`] in one, without a mark between them.
///
/// # Errors
/// As [`prepare`].
pub async fn send(transport: &Transport, envelope: &Envelope, bytes: &[u8]) -> Result<Outcome, MailError> {
    Ok(match prepare(transport, envelope).await? {
        Ok(ready) => ready.finish(bytes).await,
        Err(outcome) => outcome,
    })
}

/// `<directory>/<delivery>/<recipient hash>.eml`: no address in a file name.
fn file_name(directory: &Path, envelope: &Envelope) -> PathBuf {
    let flat = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '_' };
    let folder: String = envelope.delivery_id.chars().map(flat).collect();
    let folder = if folder.trim_matches('.').is_empty() { "_".to_owned() } else { folder };
    let file = recipient_hash(&envelope.delivery_id, &envelope.to.address);
    directory.join(folder).join(file).with_extension("eml")
}

/// Written beside its place, flushed to the disk, then renamed: a reader never sees half a message, and writing the same
/// message again changes nothing.
async fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if tokio::fs::read(path).await.is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let Some(folder) = path.parent() else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    tokio::fs::create_dir_all(folder).await?;
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = tokio::fs::File::create(&beside).await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    tokio::fs::rename(&beside, path).await?;
    tokio::fs::File::open(folder).await?.sync_all().await
}
