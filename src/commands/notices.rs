//! Notices to the operators, never to the readers of reports: a run was held or failed, or a mail will not arrive.
//!
//! A notice goes by the transport and the ledger of all mail, as the delivery `pipeline/period/notice-<kind>/<hash of what
//! it is about>`. What was told once is not told again, however often the scheduler starts. A notice that cannot be sent
//! changes nothing about the run.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::checks::Finding;
use crate::commands::deliver::ledger;
use crate::commands::invocation::Invocation;
use crate::error::{Exit, Failure, chain};
use crate::mail::notice::{gist, harmless, short_hash};
use crate::mail::{self, Delivered, Ledger, OutboxEntry, Policy, Transport, Way};
use crate::pipeline::{Mailbox, Pipeline, Severity};
use crate::publication::Log;
use crate::store::Created;
use crate::store::create::create;

/// Characters of one line that others have written.
const LINE: usize = 600;
/// Lines of findings or recipients in one notice.
const LINES: usize = 50;

/// What the operators are told.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// Checks held a publication.
    Held { period: &'a str, findings: &'a [Finding] },
    /// A run ended without an outcome.
    Failed { period: &'a str, failure: &'a Failure },
    /// Mail of any publication that does not arrive by itself.
    Undelivered { mails: &'a [Undelivered] },
}

/// A recipient who was refused or given up, or in doubt, or whose message is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    pub delivery_id: String,
    pub period: String,
    pub recipient_hash: String,
    /// Masked.
    pub recipient: String,
    /// `rejected`, `expired`, `in doubt` or `damaged`.
    pub state: String,
    pub detail: String,
    /// What is stored is not what was committed, so there was no attempt to tell of.
    pub damaged: bool,
}

/// A notice in words.
struct Letter {
    kind: &'static str,
    period: String,
    /// Hash of what it is about.
    about: String,
    subject: String,
    text: String,
}

/// Tells the operators, once. Says what became of it for each of them; what keeps it from being sent is logged.
pub async fn notify(pipeline: &Pipeline, log: &Log, invocation: &Invocation, notice: Notice<'_>) -> Vec<Delivered> {
    if pipeline.delivery.operators.is_empty() {
        return Vec::new();
    }
    let told = match notice {
        Notice::Held { period, findings } => tell(pipeline, log, invocation, &held(pipeline, period, findings)).await,
        Notice::Failed { period, failure } => tell(pipeline, log, invocation, &failed(pipeline, period, failure)).await,
        Notice::Undelivered { mails } => tell_undelivered(pipeline, log, invocation, mails).await,
    };
    told.unwrap_or_else(|failure| {
        tracing::error!(error = %failure, "the operators could not be told");
        Vec::new()
    })
}

/// Tells of the recipients whom no earlier notice named.
async fn tell_undelivered(
    pipeline: &Pipeline,
    log: &Log,
    invocation: &Invocation,
    mails: &[Undelivered],
) -> Result<Vec<Delivered>, Failure> {
    let ledger = ledger(log, invocation)?;
    let mut new = Vec::new();
    for mail in mails {
        let attempt = if mail.damaged {
            ledger.untold_damage(&mail.delivery_id, &mail.recipient_hash).await?
        } else {
            ledger.untold(&mail.delivery_id, &mail.recipient_hash).await?
        };
        new.extend(attempt.map(|attempt| (mail, attempt)));
    }
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let told = tell(pipeline, log, invocation, &undelivered(pipeline, &new)).await?;
    if told.iter().all(|operator| operator.status.is_settled() || operator.status.is_undelivered()) {
        for (mail, attempt) in new {
            ledger.tell(&mail.delivery_id, &mail.recipient_hash, attempt).await?;
        }
    }
    Ok(told)
}

async fn tell(
    pipeline: &Pipeline,
    log: &Log,
    invocation: &Invocation,
    letter: &Letter,
) -> Result<Vec<Delivered>, Failure> {
    let ledger = ledger(log, invocation)?;
    let delivery_id = format!("{}/{}/notice-{}/{}", pipeline.name, letter.period, letter.kind, letter.about);
    let mut outbox = Vec::new();
    for operator in &pipeline.delivery.operators {
        let bytes = stored(pipeline, log, &ledger, letter, operator, &delivery_id).await?;
        let (from, to) = (pipeline.delivery.from.clone(), operator.clone());
        outbox.push(OutboxEntry { delivery_id: delivery_id.clone(), from, to, committed_at: ledger.now(), bytes });
    }
    invocation.stopping.finish().await;
    let transport = Transport::new(&pipeline.delivery.transport);
    // No run waits for a notice: what is put off is for the next one.
    let policy = Policy { retry_for: std::time::Duration::ZERO, ..Policy::new(&pipeline.delivery) };
    let way = Way { transport: &transport, ledger: &ledger, policy };
    let report = mail::deliver(&outbox, way, || invocation.stopping.asked()).await?;
    if let Some(failure) = &report.failure {
        tracing::error!(error = %chain(failure), "the operators could not be told");
    }
    for Delivered { recipient, status, .. } in &report.delivered {
        let (state, ..) = status.said();
        tracing::info!(notice = delivery_id, recipient, state, "notice");
    }
    Ok(report.delivered)
}

/// The bytes of a notice as they were first made: sent again they are the same.
async fn stored(
    pipeline: &Pipeline,
    log: &Log,
    ledger: &Ledger,
    letter: &Letter,
    operator: &Mailbox,
    delivery_id: &str,
) -> Result<Bytes, Failure> {
    let delivery = &pipeline.delivery;
    let words = (letter.subject.as_str(), letter.text.as_str());
    let bytes =
        mail::build_text(words, &delivery.from, delivery.reply_to.as_ref(), operator, delivery_id, ledger.now())?;
    let bytes = Bytes::from(bytes);
    let hash = mail::recipient_hash(delivery_id, &operator.address);
    let path = log.single().path(&format!("_tieout/notices/{delivery_id}/{hash}.eml"))?;
    Ok(match create(log.single(), &path, &bytes).await? {
        Created::Mine => bytes,
        Created::Theirs(first) => first,
    })
}

fn held(pipeline: &Pipeline, period: &str, findings: &[Finding]) -> Letter {
    let blocking: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Block).collect();
    let mut text = format!(
        "{name} {period} was not published, and none of its reports was mailed. The previous publication stands.\n\n\
         What holds it:\n",
        name = pipeline.name
    );
    for finding in blocking.iter().take(LINES) {
        let amount = finding.amount.as_ref().map(|amount| format!(", amount {amount}")).unwrap_or_default();
        let said = harmless(&format!("{}: {}{amount}", finding.check, finding.detail), pipeline, LINE);
        let owner = harmless(&finding.owner, pipeline, LINE);
        let _ = write!(text, "\n- {said}\n  owner: {owner}\n");
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "  help: {}", harmless(help, pipeline, LINE));
        }
    }
    more(&mut text, blocking.len());
    text.push_str("\nCorrect the source or the check, and start the run again. This is told once.\n");
    let about = |finding: &&Finding| {
        [Some(&finding.check), finding.stream.as_ref(), finding.amount.as_ref(), Some(&finding.detail)]
            .map(|part| part.map_or("", String::as_str))
            .join("\u{1f}")
    };
    let about = short_hash(&blocking.iter().map(about).collect::<Vec<_>>().join("\u{1e}"));
    let subject = format!("HELD: {} {period}", pipeline.name);
    Letter { kind: "held", period: period.to_owned(), about, subject, text }
}

fn failed(pipeline: &Pipeline, period: &str, failure: &Failure) -> Letter {
    let (code, said) = (failure.exit as u8, failure.to_string());
    let mut text = format!("The run of {} {period} ended with exit code {code}.\n\n", pipeline.name);
    for line in said.lines().take(LINES) {
        let _ = writeln!(text, "  {}", harmless(line, pipeline, LINE));
    }
    text.push_str(match failure.exit {
        Exit::CommitUnknown => "\nWhether it was published is unknown; the next run finds out.\n",
        _ => "\nNothing was published, or what was published stands.\n",
    });
    text.push_str("This is told once, until it fails in another way.\n");
    let about = short_hash(&format!("{code} {}", gist(&said)));
    let subject = format!("FAILED ({code}): {} {period}", pipeline.name);
    Letter { kind: "failed", period: period.to_owned(), about, subject, text }
}

fn undelivered(pipeline: &Pipeline, mails: &[(&Undelivered, u32)]) -> Letter {
    let mut text = "These recipients do not have their mail, and are not sent it again by themselves:\n".to_owned();
    for (mail, _) in mails.iter().take(LINES) {
        let said = harmless(&mail.detail, pipeline, LINE);
        let id: String = mail.recipient_hash.chars().take(12).collect();
        let _ = write!(text, "\n- {} {}: {}, id {id}\n  {said}\n", mail.delivery_id, mail.recipient, mail.state);
    }
    more(&mut text, mails.len());
    let file = harmless(&pipeline.file.display().to_string(), pipeline, LINE);
    let _ = write!(
        text,
        "\nIn doubt means that the relay may have it. Ask the recipient, then say so:\n\
         \n  tieout deliveries {file} resolve ID --has-it --by NAME --reason TEXT\n\
         \n  tieout deliveries {file} resolve ID --send-again --by NAME --reason TEXT\n\
         \nTo send once more to somebody who was rejected or whose time is over:\n\
         \n  tieout deliveries {file} resend ID --by NAME --reason TEXT\n"
    );
    let about = |(mail, attempt): &(&Undelivered, u32)| {
        format!("{}|{}|{attempt}|{}", mail.delivery_id, mail.recipient_hash, mail.state)
    };
    let mut about: Vec<String> = mails.iter().map(about).collect();
    about.sort();
    let period = mails.iter().map(|(mail, _)| mail.period.as_str()).max().unwrap_or_default().to_owned();
    let subject = format!("NOT DELIVERED: {} of {} {period}", mails.len(), pipeline.name);
    Letter { kind: "undelivered", period, about: short_hash(&about.join("\n")), subject, text }
}

fn more(text: &mut String, count: usize) {
    if count > LINES {
        let _ = writeln!(text, "\n- and {} more", count - LINES);
    }
}
