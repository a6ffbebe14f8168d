//! Reports, who gets them, and how mail leaves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::SignedDuration;

use super::Secret;

/// A report: a folder with `subject.txt`, `body.html`, `body.txt` and one `.sql` file per query.
#[derive(Clone, Debug)]
pub struct Report {
    pub name: String,
    pub directory: PathBuf,
    pub audience: String,
    pub attachments: Vec<Attachment>,
    /// How a column of a query is printed, by column name; the type decides otherwise.
    pub formats: BTreeMap<String, NumberFormat>,
}

/// A query's rows as a file in the mail.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// File name; `{period}` stands for the period. The ending decides the form: `.csv` or `.xlsx`.
    pub name: String,
    /// Queries of the report; an `.xlsx` has one sheet each, a `.csv` exactly one.
    pub queries: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFormat {
    /// Two decimals, grouped.
    Money,
    /// Grouped, no decimals.
    Count,
    /// `12.3 %` of a fraction.
    Percent,
    /// Two decimals, `x` after it.
    Multiple,
    /// As it is.
    Plain,
}

/// Who gets a report.
#[derive(Clone, Debug)]
pub struct Audience {
    pub name: String,
    pub recipients: Vec<Mailbox>,
}

/// One mail address, parsed and checked, the domain in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: String,
}

impl Mailbox {
    /// The address as logs may show it: `f***@example.com`.
    #[must_use]
    pub fn masked(&self) -> String {
        let (local, domain) = self.address.split_once('@').unwrap_or((&self.address, ""));
        let first = local.chars().next().unwrap_or('*');
        format!("{first}***@{domain}")
    }
}

/// How mail leaves.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
    /// Domains that recipients may have; anything else is a problem.
    pub allow_domains: Vec<String>,
    /// Who is told of runs that are held or fail and of mail that does not arrive.
    pub operators: Vec<Mailbox>,
    /// How long one run keeps trying what a relay puts off.
    pub retry_for: SignedDuration,
    /// How long after its publication a mail is tried at all.
    pub deadline: SignedDuration,
    pub on_unknown: OnUnknown,
    pub transport: Transport,
}

impl Delivery {
    /// No operators and the default times, for whoever mails nothing.
    #[must_use]
    pub fn new(from: Mailbox, transport: Transport) -> Self {
        Self {
            from,
            reply_to: None,
            allow_domains: Vec::new(),
            operators: Vec::new(),
            retry_for: SignedDuration::ZERO,
            deadline: SignedDuration::from_hours(72),
            on_unknown: OnUnknown::Hold,
            transport,
        }
    }
}

/// What happens when nobody can know whether the relay has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// It waits for a person.
    Hold,
    /// It is sent again once.
    Resend,
}

#[derive(Clone, Debug)]
pub enum Transport {
    /// Each message as an `.eml` file in this directory.
    Directory(PathBuf),
    Smtp(Smtp),
}

#[derive(Clone, Debug)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// An extra root certificate (PEM) to trust, for relays with a private authority.
    pub root_certificate: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (port 465).
    Wrapper,
    /// STARTTLS, and no mail without it (port 587).
    Required,
    /// No TLS: accepted for a loopback address only, and only when asked for by name.
    PlaintextLoopback,
}
