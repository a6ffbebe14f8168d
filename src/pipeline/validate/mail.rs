//! Reports, audiences and how mail leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::SignedDuration;

use super::Validator;
use crate::pipeline::address::mailbox;
use crate::pipeline::page::shortened;
use crate::pipeline::parse;
use crate::pipeline::spec::{
    AttachmentSpec, AudienceSpec, DeliverySpec, NumberFormatSpec, OnUnknownSpec, ReportSpec, SmtpSpec, TlsSpec,
    TransportSpec,
};
use crate::pipeline::{Attachment, Audience, Delivery, Mailbox, NumberFormat, OnUnknown, Report, Smtp, Tls, Transport};

/// A run that waits longer than this would meet the next one.
const RETRY_FOR: (SignedDuration, SignedDuration) = (SignedDuration::ZERO, SignedDuration::from_hours(12));
/// Less would give up on a relay that is restarted, more would mail what nobody waits for any more.
const DEADLINE: (SignedDuration, SignedDuration) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24 * 90));

impl Validator<'_> {
    pub(super) fn audiences(
        &mut self,
        specs: BTreeMap<String, AudienceSpec>,
        delivery: Option<&DeliverySpec>,
    ) -> BTreeMap<String, Audience> {
        let allowed = delivery.map(allowed).unwrap_or_default();
        let mut audiences = BTreeMap::new();
        for (name, spec) in specs {
            self.identifier(&["audiences", &name], &name);
            let recipients = self.recipients(&name, &spec.recipients, delivery.is_some().then_some(&allowed));
            audiences.insert(name.clone(), Audience { name, recipients });
        }
        audiences
    }

    fn recipients(&mut self, audience: &str, written: &[String], allowed: Option<&Vec<String>>) -> Vec<Mailbox> {
        let path = ["audiences", audience, "recipients"];
        if written.is_empty() {
            self.problem(&path, "E614", format!("audience `{audience}` has no recipient")).help =
                Some("add an address, or remove the report".to_owned());
        }
        self.mailboxes(&path, written, allowed)
    }

    /// A list of people who get mail.
    fn mailboxes(&mut self, list: &[&str], written: &[String], allowed: Option<&Vec<String>>) -> Vec<Mailbox> {
        let mut recipients: Vec<Mailbox> = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, text) in written.iter().enumerate() {
            let place = format!("`{}[{index}]`", list.join("."));
            let index = index.to_string();
            let path: Vec<&str> = list.iter().copied().chain([index.as_str()]).collect();
            let recipient = match mailbox(text) {
                Ok(recipient) => recipient,
                Err(why) => {
                    self.problem(&path, "E610", format!("{place} is no mail address: {why}"));
                    continue;
                }
            };
            let domain = recipient.address.rsplit('@').next().unwrap_or_default();
            if allowed.is_some_and(|allowed| !allowed.iter().any(|one| one == domain)) {
                self.problem(&path, "E612", format!("{place}: domain `{domain}` is not allowed")).help =
                    Some("add it to delivery.allow_domains, or correct the address".to_owned());
            }
            if !seen.insert(recipient.address.to_lowercase()) {
                self.problem(&path, "E613", format!("{place} is a recipient already")).help =
                    Some("keep one of them".to_owned());
            }
            recipients.push(recipient);
        }
        recipients
    }

    pub(super) fn reports(
        &mut self,
        specs: BTreeMap<String, ReportSpec>,
        audiences: &BTreeMap<String, Audience>,
    ) -> BTreeMap<String, Report> {
        let mut reports = BTreeMap::new();
        for (name, spec) in specs {
            self.identifier(&["reports", &name], &name);
            let directory = self.path(&["reports", &name, "directory"], &spec.directory);
            let known: Vec<&str> = audiences.keys().map(String::as_str).collect();
            self.known(&["reports", &name, "audience"], "audience", &spec.audience, &known);
            for (index, attachment) in spec.attachments.iter().enumerate() {
                self.attachment(&["reports", &name, "attachments", &index.to_string()], attachment);
            }
            let attachments =
                spec.attachments.into_iter().map(|one| Attachment { name: one.name, queries: one.queries }).collect();
            let formats = spec.formats.into_iter().map(|(column, format)| (column, number_format(format))).collect();
            // A folder elsewhere is not looked into.
            if let Some(directory) = directory {
                let report = Report { name: name.clone(), directory, audience: spec.audience, attachments, formats };
                reports.insert(name, report);
            }
        }
        reports
    }

    fn attachment(&mut self, path: &[&str], attachment: &AttachmentSpec) {
        let (name, inner) = (&attachment.name, |key| path.iter().copied().chain([key]).collect::<Vec<_>>());
        self.file_name(&inner("name"), name);
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        if !matches!(ending, Some("csv" | "xlsx")) {
            let message = format!("attachment `{}` ends in neither .csv nor .xlsx", shortened(name));
            self.problem(&inner("name"), "E605", message).help = Some("the ending decides the form".to_owned());
        }
        if ending == Some("csv") && attachment.queries.len() != 1 {
            let message = format!("attachment `{}` needs exactly one query", shortened(name));
            self.problem(&inner("queries"), "E605", message).help =
                Some("an .xlsx holds several, each on a sheet of its own".to_owned());
        }
    }

    /// A name that is safe as a file wherever the mail is opened.
    fn file_name(&mut self, path: &[&str], name: &str) {
        let plain = name.replace("{period}", "");
        let usual = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
        if plain.starts_with(['.', '-', ' ']) || !plain.chars().all(usual) {
            let message = format!("`{}` is no plain file name", shortened(name));
            self.problem(path, "E106", message).help =
                Some("use letters, digits, spaces, dots, dashes and underscores, and {period}".to_owned());
        }
    }

    /// Of a pipeline that mails nothing.
    pub(super) fn no_delivery(&self) -> Delivery {
        let from = Mailbox { name: None, address: "nobody@localhost".to_owned() };
        Delivery::new(from, Transport::Directory(self.directory.join("outbox")))
    }

    /// A pipeline without reports mails nothing; it then has a transport that is never used.
    pub(super) fn delivery(&mut self, spec: Option<DeliverySpec>, needed: bool) -> Option<Delivery> {
        let Some(spec) = spec else {
            if needed {
                self.problem(&["reports"], "E106", "reports need `delivery`").help =
                    Some("say who sends, to which domains, and how".to_owned());
                return None;
            }
            return Some(self.no_delivery());
        };
        let from = self.address(&["delivery", "from"], &spec.from);
        let reply_to = spec.reply_to.as_deref().map(|text| self.address(&["delivery", "reply_to"], text));
        let operators = self.mailboxes(&["delivery", "operators"], &spec.operators, Some(&allowed(&spec)));
        let retry_for = self.delivery_time("retry_for", spec.retry_for.as_deref(), RETRY_FOR);
        let deadline = self.delivery_time("deadline", spec.deadline.as_deref(), DEADLINE);
        let transport = self.transport(spec.transport);
        let mut delivery = Delivery::new(from?, transport?);
        delivery.reply_to = reply_to.flatten();
        delivery.allow_domains = spec.allow_domains;
        delivery.operators = operators;
        delivery.retry_for = retry_for.unwrap_or(delivery.retry_for);
        delivery.deadline = deadline.unwrap_or(delivery.deadline);
        if matches!(spec.on_unknown, OnUnknownSpec::Resend) {
            delivery.on_unknown = OnUnknown::Resend;
        }
        Some(delivery)
    }

    /// How long something of the delivery may take, within these bounds.
    fn delivery_time(
        &mut self,
        key: &str,
        text: Option<&str>,
        (least, most): (SignedDuration, SignedDuration),
    ) -> Option<SignedDuration> {
        let text = text?;
        let none = matches!(text, "0s" | "0m" | "0h").then_some(SignedDuration::ZERO);
        let duration = none.or_else(|| parse::duration(text)).filter(|duration| (least..=most).contains(duration));
        if duration.is_none() {
            let (least, most) = (least.as_mins(), most.as_mins());
            self.problem(&["delivery", key], "E106", format!("`{text}` is no duration from {least}m to {most}m"))
                .help = Some("write 10m, 6h or 2d".to_owned());
        }
        duration
    }

    fn address(&mut self, path: &[&str], text: &str) -> Option<Mailbox> {
        match mailbox(text) {
            Ok(mailbox) => Some(mailbox),
            Err(why) => {
                self.problem(path, "E610", format!("`{text}` is no mail address: {why}"));
                None
            }
        }
    }

    fn transport(&mut self, spec: TransportSpec) -> Option<Transport> {
        match (spec.directory, spec.smtp) {
            (Some(directory), None) => Some(Transport::Directory(super::normal(&self.directory.join(directory)))),
            (None, Some(smtp)) => self.smtp(smtp).map(Transport::Smtp),
            _ => {
                self.problem(
                    &["delivery", "transport"],
                    "E106",
                    "mail leaves by `directory` or by `smtp`, one of them",
                );
                None
            }
        }
    }

    fn smtp(&mut self, spec: SmtpSpec) -> Option<Smtp> {
        let path = ["delivery", "transport", "smtp"];
        let tls = match spec.tls {
            TlsSpec::Required => Tls::Required,
            TlsSpec::Wrapper => Tls::Wrapper,
            TlsSpec::PlaintextLoopback => Tls::PlaintextLoopback,
        };
        if tls == Tls::PlaintextLoopback && !is_loopback(&spec.host) {
            let path = ["delivery", "transport", "smtp", "tls"];
            self.problem(&path, "E127", format!("plaintext SMTP refused: `{}` is no loopback address", spec.host))
                .help = Some("use tls: required, or a relay on this machine".to_owned());
        }
        if spec.username.is_some() != spec.password.is_some() {
            self.problem(&path, "E106", "username and password belong together");
        }
        let password = match &spec.password {
            None => None,
            Some(text) => Some(self.secret(&["delivery", "transport", "smtp", "password"], text)?),
        };
        Some(Smtp {
            host: spec.host,
            port: spec.port,
            tls,
            username: spec.username,
            password,
            root_certificate: spec.root_certificate.map(|file| self.directory.join(file)),
        })
    }
}

/// The domains that recipients may have.
fn allowed(delivery: &DeliverySpec) -> Vec<String> {
    delivery.allow_domains.iter().map(|domain| domain.to_ascii_lowercase()).collect()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn number_format(spec: NumberFormatSpec) -> NumberFormat {
    match spec {
        NumberFormatSpec::Money => NumberFormat::Money,
        NumberFormatSpec::Count => NumberFormat::Count,
        NumberFormatSpec::Percent => NumberFormat::Percent,
        NumberFormatSpec::Multiple => NumberFormat::Multiple,
        NumberFormatSpec::Plain => NumberFormat::Plain,
    }
}
