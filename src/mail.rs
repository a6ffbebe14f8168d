//! Mail: one message per recipient with bytes that never change, handed to a relay that has to confirm it, and a ledger
//! of what was confirmed, so that nobody gets the same report twice and nobody silently gets none.

pub mod ledger;
pub mod message;
pub mod notice;
pub mod transport;

mod deliver;
mod owed;
mod plain;
mod policy;
mod smtp;
mod status;

pub use deliver::{OutboxEntry, Way, deliver};
pub use ledger::{Account, Decision, Doubt, Ledger, LedgerError, Listed, Next, Recipient, Refusal, State};
pub use message::{build, build_text};
pub use owed::{LoggedMail, logged, owed_since, recorded};
pub use policy::{Policy, Step, backoff};
pub use status::{Delivered, DeliveryReport, Status};
pub use transport::{Envelope, Exchange, Outcome, Timeouts, Transport, reach, send};

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::{Exit, Failure};

/// Why no mail can leave at all, or one message cannot be built. What a relay says to one recipient is an [`Outcome`].
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("error[E610]: `{0}` is no mail address or name that can stand in a header")]
    Address(String),
    #[error("error[E626]: the message has {bytes} bytes, more than {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("error[E610]: the message cannot be put together")]
    Message(#[source] lettre::error::Error),
    #[error("error[E610]: attachment `{0}` has a media type that cannot stand in a header")]
    MediaType(String),
    #[error("error[E610]: the date of the message is outside the years 1970 to 9999")]
    Date,
    #[error("error[E620]: {host} offers no STARTTLS, and mail is not sent unencrypted")]
    NoStartTls { host: String },
    #[error("error[E620]: the TLS connection to {host} failed")]
    Tls { host: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("error[E620]: {host} is no loopback address, which plaintext_loopback needs")]
    NotLoopback { host: String },
    #[error("error[E620]: root certificate `{}` cannot be used", file.display())]
    RootCertificate { file: std::path::PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("error[E621]: {host} refused to log in user {user}")]
    Login { host: String, user: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("error[E621]: user {user} has no password")]
    NoPassword { user: String },
    #[error("error[E622]: {host} cannot be reached")]
    Unreachable { host: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("error[E622]: no reply from {host} to {command} within {} ms", within.as_millis())]
    NoReply { host: String, command: &'static str, within: Duration },
    #[error("error[E622]: the directory for messages cannot be written")]
    Directory(#[source] std::io::Error),
}

impl MailError {
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Address(_)
            | Self::TooLarge { .. }
            | Self::Message(_)
            | Self::MediaType(_)
            | Self::Date
            | Self::NotLoopback { .. }
            | Self::RootCertificate { .. }
            | Self::NoPassword { .. } => Exit::Definition,
            Self::Login { .. } => Exit::Permission,
            Self::Directory(_) => Exit::Resources,
            Self::NoStartTls { .. } | Self::Tls { .. } | Self::Unreachable { .. } | Self::NoReply { .. } => {
                Exit::Unreachable
            }
        }
    }
}

impl MailError {
    /// Whether the same attempt may go better a little later, with nobody doing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NoReply { .. } | Self::Directory(_))
    }

    /// Whether something was said about one recipient when it came to this: the next one may fare better.
    #[must_use]
    pub fn is_of_recipient(&self) -> bool {
        matches!(self, Self::NoReply { command: "MAIL" | "RCPT" | "DATA", .. })
    }
}

impl From<MailError> for Failure {
    fn from(error: MailError) -> Self {
        Self::new(error.exit(), error)
    }
}

/// The name of a recipient in keys and file names: the first 32 hex digits of the SHA-256 of delivery and address.
#[must_use]
pub fn recipient_hash(delivery_id: &str, address: &str) -> String {
    let digest = Sha256::digest(format!("{delivery_id}|{address}"));
    digest.iter().take(16).fold(String::new(), |mut hex, byte| {
        for half in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(half), 16));
        }
        hex
    })
}
