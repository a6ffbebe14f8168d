//! What became of each recipient in one run, in words and as an exit code.

use std::fmt;

use jiff::Timestamp;

use super::MailError;
use crate::error::Exit;

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
        /// After an attempt in doubt: there may be two copies.
        resent: bool,
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
    /// Tried, and to be tried again.
    Deferred {
        code: Option<u16>,
        text: String,
    },
    /// Not tried: the next attempt is not due yet.
    Waiting {
        until: Timestamp,
        /// The last reply.
        said: String,
    },
    /// Its deadline is over; nobody tries any more.
    Expired {
        text: String,
    },
    /// An earlier run gave up, and said so.
    AlreadyExpired {
        text: String,
    },
    /// Held: the relay may have it. A person resolves it, or it is sent again later.
    InDoubt {
        text: String,
    },
    /// Not sent: what is stored is not the message that was committed. Put back, it is sent by the next run.
    Damaged {
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
    pub fn said(&self) -> (String, Option<String>, bool) {
        let (state, detail, complete) = match self {
            Self::Accepted { reply, resent: false } => ("accepted", Some(reply.clone()), true),
            Self::Accepted { reply, resent: true } => {
                ("accepted", Some(format!("resent after a doubt; {reply}")), true)
            }
            Self::AlreadyAccepted => ("already accepted", None, true),
            Self::Rejected { code, text } => ("rejected", Some(format!("{code} {text}")), false),
            Self::AlreadyRejected { code, text } => ("already rejected", Some(format!("{code} {text}")), true),
            Self::Deferred { code, text } => ("deferred", Some(super::policy::said(*code, text)), false),
            Self::Waiting { until, said } => return (format!("deferred until {until}"), Some(said.clone()), false),
            Self::Expired { text } => ("expired", Some(text.clone()), false),
            Self::AlreadyExpired { text } => ("already expired", Some(text.clone()), true),
            Self::InDoubt { text } => ("in doubt", Some(text.clone()), false),
            Self::Damaged { text } => ("damaged", Some(text.clone()), false),
            Self::Elsewhere => ("being sent by another run", None, false),
            Self::Untried => ("not tried", None, false),
        };
        (state.to_owned(), detail, complete)
    }

    fn has_it(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::AlreadyAccepted)
    }

    /// Whether this recipient has it, or it was said before that they will not get it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.has_it() || matches!(self, Self::AlreadyRejected { .. } | Self::AlreadyExpired { .. })
    }

    /// Whether it is certain that a recipient gets nothing more by itself.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        matches!(
            self,
            Self::Rejected { .. }
                | Self::AlreadyRejected { .. }
                | Self::Expired { .. }
                | Self::AlreadyExpired { .. }
                | Self::InDoubt { .. }
                | Self::Damaged { .. }
        )
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
    /// `Done` when every recipient has its message, or was already reported as refused or given up.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.failure {
            Some(failure) => failure.exit(),
            None if self.delivered.iter().all(|delivered| delivered.status.is_settled()) => Exit::Done,
            None => Exit::DeliveryIncomplete,
        }
    }
}

impl fmt::Display for DeliveryReport {
    /// One line for the whole, then one for each recipient that has not got its message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_it = self.delivered.iter().filter(|delivered| delivered.status.has_it()).count();
        write!(f, "{has_it} of {} delivered", self.delivered.len())?;
        self.delivered
            .iter()
            .filter(|delivered| !delivered.status.has_it())
            .try_for_each(|delivered| line(f, delivered))
    }
}

fn line(f: &mut fmt::Formatter<'_>, Delivered { delivery_id, recipient, status }: &Delivered) -> fmt::Result {
    match status {
        Status::Accepted { .. } | Status::AlreadyAccepted => Ok(()),
        Status::Rejected { code, text } | Status::AlreadyRejected { code, text } => {
            write!(f, "\nerror[E623]: {recipient} rejected ({delivery_id}): {code} {text}")
        }
        Status::Deferred { code, text } => {
            let said = super::policy::said(*code, text);
            write!(f, "\nerror[E624]: {recipient} deferred ({delivery_id}), next run continues: {said}")
        }
        Status::Waiting { until, said } => {
            write!(f, "\nerror[E624]: {recipient} deferred until {until} ({delivery_id}): {said}")
        }
        Status::Expired { text } | Status::AlreadyExpired { text } => {
            write!(f, "\nerror[E624]: {recipient} expired ({delivery_id}): {text}")
        }
        Status::InDoubt { text } => {
            write!(f, "\nerror[E625]: {recipient} in doubt ({delivery_id}), not sent again: {text}")
        }
        Status::Damaged { text } => write!(f, "\n{text} ({recipient}, {delivery_id})"),
        Status::Elsewhere => write!(f, "\n{recipient} is being served by another run ({delivery_id})"),
        Status::Untried => write!(f, "\n{recipient} was not tried ({delivery_id})"),
    }
}
