//! Which mails of which publications are still open: the one place where the publication log, which says what is owed,
//! meets the delivery ledger, which says what became of it.
//!
//! Every entry of the log says since which entry there was mail left open when it was made (`owed_since`). So only entries
//! from there on are read, however old they are; the ledger is listed once per period; and nothing is said here of a
//! message itself, which only a mail that is still owed needs.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _};

use jiff::Timestamp;

use super::ledger::{Ledger, Listed, State};
use super::recipient_hash;
use crate::error::Failure;
use crate::pipeline::{Mailbox, Pipeline};
use crate::publication::{Delivery, Entry, Head, Log, PublicationError, Recipient};

/// Entries that are read at the same time.
const AT_ONCE: usize = 16;

/// A mail of the log.
#[derive(Clone, Debug)]
pub struct LoggedMail {
    /// The entry that owes it.
    pub publication: u64,
    /// When that was committed.
    pub committed_at: Timestamp,
    pub delivery_id: String,
    pub report: String,
    pub period: String,
    pub revision: u32,
    /// Where its bytes are.
    pub stored: Recipient,
    /// By the audience as it is now; none: no longer in it, and owed nothing.
    pub to: Option<Mailbox>,
    /// What is known of it; none while an attempt was claimed and is not finished.
    pub state: Option<State>,
}

impl LoggedMail {
    /// Whether anything is left to do: to send it, or to find out whether the relay has it.
    #[must_use]
    pub fn open(&self) -> bool {
        matches!(self.state, None | Some(State::Open(_) | State::InDoubt(_)))
    }

    /// The masked address, or that there is none any more.
    #[must_use]
    pub fn masked(&self) -> String {
        self.to.as_ref().map_or_else(|| "(no longer in the audience)".to_owned(), Mailbox::masked)
    }
}

/// The mails of every entry since the first that may have an open one, in the order of the log. A recipient who has left
/// the audience gets none any more.
///
/// # Errors
/// When the log or the ledger cannot be read.
pub async fn logged(pipeline: &Pipeline, log: &Log, head: &Head, ledger: &Ledger) -> Result<Vec<LoggedMail>, Failure> {
    let (mut mails, _) = recorded(pipeline, log, head, ledger, head.entry.record.owed_since).await?;
    mails.retain(|mail| {
        if mail.to.is_none() {
            let (delivery, recipient) = (&mail.delivery_id, &mail.stored.rcpt_hash);
            tracing::warn!(delivery, recipient, "no longer in the audience");
        }
        mail.to.is_some()
    });
    Ok(mails)
}

/// The mails of every entry from this one on, also those of people who are no longer in the audience; and the ledger as it
/// was listed for them.
///
/// # Errors
/// When the log or the ledger cannot be read.
pub async fn recorded(
    pipeline: &Pipeline,
    log: &Log,
    head: &Head,
    ledger: &Ledger,
    since: u64,
) -> Result<(Vec<LoggedMail>, Listed), Failure> {
    let read = |seq| async move { Ok::<_, PublicationError>(log.read(seq).await?.entry) };
    let earlier = since.max(1)..head.entry.seq;
    let mut entries: Vec<Entry> = futures::stream::iter(earlier).map(read).buffered(AT_ONCE).try_collect().await?;
    entries.push(head.entry.clone());
    let mut listed = Listed::default();
    let ids = entries.iter().flat_map(|entry| &entry.record.deliveries).map(|delivery| folder(&delivery.delivery_id));
    for folder in ids.collect::<BTreeSet<_>>() {
        ledger.list(folder, &mut listed).await?;
    }
    let mut mails = Vec::new();
    for entry in &entries {
        for delivery in &entry.record.deliveries {
            for stored in &delivery.recipients {
                mails.push(LoggedMail {
                    publication: entry.seq,
                    committed_at: entry.record.committed_at,
                    delivery_id: delivery.delivery_id.clone(),
                    report: delivery.report.clone(),
                    period: delivery.period.clone(),
                    revision: delivery.revision,
                    stored: stored.clone(),
                    to: mailbox(pipeline, delivery, stored).cloned(),
                    state: ledger.known(&delivery.delivery_id, &stored.rcpt_hash, &listed).await?,
                });
            }
        }
    }
    Ok((mails, listed))
}

/// The first entry with a mail that is open, for the entry that will follow `head`: no earlier one has to be read again.
#[must_use]
pub fn owed_since(mails: &[LoggedMail], head: &Head) -> u64 {
    mails.iter().filter(|mail| mail.open()).map(|mail| mail.publication).min().unwrap_or(head.entry.seq + 1)
}

/// `pipeline/period` of `pipeline/period/report/revision`.
fn folder(delivery_id: &str) -> &str {
    let above = |id: &str| id.rsplit_once('/').map_or(id.len(), |(above, _)| above.len());
    let report = delivery_id.get(..above(delivery_id)).unwrap_or(delivery_id);
    report.get(..above(report)).unwrap_or(report)
}

/// The mailbox of a recipient who is still in the audience of the report.
fn mailbox<'a>(pipeline: &'a Pipeline, delivery: &Delivery, stored: &Recipient) -> Option<&'a Mailbox> {
    let report = pipeline.reports.get(&delivery.report)?;
    let audience = pipeline.audiences.get(&report.audience)?;
    let is = |mailbox: &&Mailbox| recipient_hash(&delivery.delivery_id, &mailbox.address) == stored.rcpt_hash;
    audience.recipients.iter().find(is)
}
