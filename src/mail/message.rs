//! Message bytes: the same report to the same recipient is the same bytes, today and when it is sent again, because mail
//! servers recognise a duplicate by its Message-ID and Date.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox as LettreMailbox, Message, MessageBuilder, MultiPart, SinglePart};

use super::{MailError, recipient_hash};
use crate::pipeline::Mailbox;
use crate::report::{File, Rendered};

/// Relays commonly refuse more.
pub const SIZE_LIMIT: usize = 10 * 1024 * 1024;

/// Builds the message of one recipient: text and HTML as alternatives, attachments after them.
///
/// `delivery_id` names what is delivered (pipeline, period, report, revision), `date` is when it was published.
///
/// # Errors
/// When an address cannot stand in a header, or the message is larger than [`SIZE_LIMIT`].
pub fn build(
    rendered: &Rendered,
    from: &Mailbox,
    reply_to: Option<&Mailbox>,
    to: &Mailbox,
    delivery_id: &str,
    date: Timestamp,
) -> Result<Vec<u8>, MailError> {
    within_limit(rendered.attachments.iter().map(|file| file.bytes.len()).sum())?;
    let hash = recipient_hash(delivery_id, &to.address);
    let builder = headers(&rendered.subject, from, reply_to, to, &hash, date)?;
    finished(builder.multipart(parts(rendered, &hash)?))
}

/// Builds a message of plain text alone.
///
/// # Errors
/// As for [`build`].
pub fn build_text(
    (subject, text): (&str, &str),
    from: &Mailbox,
    reply_to: Option<&Mailbox>,
    to: &Mailbox,
    delivery_id: &str,
    date: Timestamp,
) -> Result<Vec<u8>, MailError> {
    let builder = headers(subject, from, reply_to, to, &recipient_hash(delivery_id, &to.address), date)?;
    finished(builder.singlepart(part(ContentType::TEXT_PLAIN, text)))
}

fn headers(
    subject: &str,
    from: &Mailbox,
    reply_to: Option<&Mailbox>,
    to: &Mailbox,
    hash: &str,
    date: Timestamp,
) -> Result<MessageBuilder, MailError> {
    let sender = mailbox(from)?;
    let id = format!("<{hash}@{}>", sender.email.domain());
    let builder = Message::builder()
        .date(system_time(date)?)
        .from(sender)
        .to(mailbox(to)?)
        .subject(one_line(subject))
        .message_id(Some(id))
        .header(AutoSubmitted);
    Ok(match reply_to {
        Some(reply_to) => builder.reply_to(mailbox(reply_to)?),
        None => builder,
    })
}

fn finished(message: Result<Message, lettre::error::Error>) -> Result<Vec<u8>, MailError> {
    let bytes = message.map_err(MailError::Message)?.formatted();
    within_limit(bytes.len())?;
    Ok(bytes)
}

fn within_limit(bytes: usize) -> Result<(), MailError> {
    if bytes > SIZE_LIMIT { Err(MailError::TooLarge { bytes, limit: SIZE_LIMIT }) } else { Ok(()) }
}

/// Boundaries come from the recipient's hash; no line of a part can equal one, since `_` and `=` do not begin a line
/// together in any of the encodings used.
fn parts(rendered: &Rendered, hash: &str) -> Result<MultiPart, MailError> {
    let alternative = MultiPart::alternative()
        .boundary(format!("=_alternative_{hash}"))
        .singlepart(part(ContentType::TEXT_PLAIN, &rendered.text))
        .singlepart(part(ContentType::TEXT_HTML, &rendered.html));
    let mut mixed = MultiPart::mixed().boundary(format!("=_mixed_{hash}")).multipart(alternative);
    for file in &rendered.attachments {
        mixed = mixed.singlepart(attachment(file)?);
    }
    Ok(mixed)
}

/// Base64 always: a fixed choice, seven bits wide, safe from relays that rewrap or strip blanks.
fn part(kind: ContentType, text: &str) -> SinglePart {
    SinglePart::builder().content_type(kind).body(base64(text.as_bytes().to_vec()))
}

fn attachment(file: &File) -> Result<SinglePart, MailError> {
    let kind = ContentType::parse(file.mime).map_err(|_| MailError::MediaType(file.name.clone()))?;
    Ok(Attachment::new(one_line(&file.name)).body(base64(file.bytes.clone()), kind))
}

fn base64(bytes: Vec<u8>) -> Body {
    let encoding = lettre::message::header::ContentTransferEncoding::Base64;
    Body::new_with_encoding(bytes, encoding).unwrap_or_else(Body::new)
}

fn mailbox(mailbox: &Mailbox) -> Result<LettreMailbox, MailError> {
    // A control character in a name would make the header encoder panic; addresses were checked when they were read.
    let name = mailbox.name.as_deref().map(one_line).filter(|name| !name.trim().is_empty());
    Ok(LettreMailbox::new(name, address(mailbox)?))
}

/// The address as the envelope needs it.
pub(super) fn address(mailbox: &Mailbox) -> Result<Address, MailError> {
    mailbox.address.parse().map_err(|_| MailError::Address(mailbox.masked()))
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') { ' ' } else { char })
        .collect()
}

fn system_time(date: Timestamp) -> Result<SystemTime, MailError> {
    let day = date.as_second();
    // The range in which the header's writer does not panic.
    if (0..253_402_300_800).contains(&day) { Ok(date.into()) } else { Err(MailError::Date) }
}

/// Keeps absence replies away from the sender (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
