//! One SMTP conversation: one connection, one message, one recipient, and a time limit on every step.
//!
//! A connection of its own for every message keeps what a relay says to one recipient away from the others. The reply to
//! each command is waited for before the next is sent, so a refusal is known before the message has left.

use std::error::Error as StdError;
use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::MailError;
use super::message::address;
use super::plain::ByteByByte;
use super::transport::{Envelope, Outcome, Timeouts};
use crate::fault;
use crate::pipeline::{Secret, Smtp, Tls};

/// The message is written in pieces of this size.
const PIECE: usize = 64 * 1024;
/// A goodbye is a courtesy: nothing depends on its reply.
const GOODBYE: Duration = Duration::from_secs(2);

/// A relay that has greeted, encrypted and logged us in.
pub(super) struct Conversation {
    connection: AsyncSmtpConnection,
    host: String,
    timeouts: Timeouts,
}

/// Connects, encrypts and logs in.
pub(super) async fn open(relay: &Smtp, timeouts: Timeouts) -> Result<Conversation, MailError> {
    if relay.tls == Tls::PlaintextLoopback {
        loopback(&relay.host)?;
    }
    let name = ClientId::default();
    fault::pass("smtp.connect", "before");
    let connection = within(&relay.host, "connect and EHLO", timeouts.connect, connect(relay, &name)).await??;
    fault::pass("smtp.connect", "after");
    let mut conversation = Conversation { connection, host: relay.host.clone(), timeouts };
    if relay.tls == Tls::Required {
        conversation.encrypt(relay, &name).await?;
    }
    if let Some(user) = &relay.username {
        conversation.log_in(user, relay.password.as_ref()).await?;
    }
    Ok(conversation)
}

async fn connect(relay: &Smtp, name: &ClientId) -> Result<AsyncSmtpConnection, MailError> {
    let server = (relay.host.as_str(), relay.port);
    let connected = if relay.tls == Tls::Wrapper {
        let tls = Some(tls_parameters(relay).await?);
        AsyncSmtpConnection::connect_tokio1(server, None, name, tls, None).await
    } else {
        let unreachable =
            |source: std::io::Error| MailError::Unreachable { host: relay.host.clone(), source: source.into() };
        let stream = TcpStream::connect(server).await.map_err(unreachable)?;
        // Commands are short and each waits for its reply: nothing is gained by holding back a packet.
        stream.set_nodelay(true).map_err(unreachable)?;
        AsyncSmtpConnection::connect_with_transport(Box::new(ByteByByte(stream)), name).await
    };
    connected.map_err(|error| connection_error(relay, error))
}

impl Conversation {
    async fn encrypt(&mut self, relay: &Smtp, name: &ClientId) -> Result<(), MailError> {
        if !self.connection.can_starttls() {
            return Err(MailError::NoStartTls { host: self.host.clone() });
        }
        let parameters = tls_parameters(relay).await?;
        fault::pass("smtp.STARTTLS", "before");
        let starttls = self.connection.starttls(parameters, name);
        let reply = within(&self.host, "STARTTLS", self.timeouts.command, starttls).await?;
        fault::pass("smtp.STARTTLS", "after");
        reply.map_err(|error| match code(&error) {
            // The relay says so itself, before any handshake.
            Some(_) => MailError::Unreachable { host: self.host.clone(), source: boxed(error) },
            None => MailError::Tls { host: self.host.clone(), source: boxed(error) },
        })
    }

    async fn log_in(&mut self, user: &str, password: Option<&Secret>) -> Result<(), MailError> {
        let masked = masked(user);
        let Some(password) = password else { return Err(MailError::NoPassword { user: masked }) };
        let credentials = Credentials::new(user.to_owned(), password.reveal().to_owned());
        let login = self.connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        fault::pass("smtp.AUTH", "before");
        let reply = within(&self.host, "AUTH", self.timeouts.command, login).await?;
        fault::pass("smtp.AUTH", "after");
        reply.map(drop).map_err(|error| {
            // Only a reply to AUTH speaks about the user; the text of one could repeat what was sent, so the code alone
            // is kept.
            match code(&error) {
                Some(code) if error.is_transient() => {
                    let source = format!("it answered {code} to AUTH").into();
                    MailError::Unreachable { host: self.host.clone(), source }
                }
                Some(code) => {
                    let source = format!("the relay answered {code}").into();
                    MailError::Login { host: self.host.clone(), user: masked, source }
                }
                None if error.is_client() => {
                    let source = "it offers neither AUTH PLAIN nor AUTH LOGIN".into();
                    MailError::Login { host: self.host.clone(), user: masked, source }
                }
                None => MailError::Unreachable { host: self.host.clone(), source: boxed(error) },
            }
        })
    }

    /// MAIL, RCPT and DATA. `Some`: the relay does not want this message now, or not at all.
    pub async fn announce(&mut self, envelope: &Envelope) -> Result<Option<Outcome>, MailError> {
        let (from, to) = (address(&envelope.from)?, address(&envelope.to)?);
        let mut parameters = Vec::new();
        if !(from.to_string().is_ascii() && to.to_string().is_ascii()) {
            if !self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let text = "error[E611]: the relay takes no addresses beyond ASCII (SMTPUTF8)".to_owned();
                return Ok(Some(Outcome::Rejected { code: 553, text }));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if let Some(refused) = self.command("MAIL", Mail::new(Some(from), parameters)).await? {
            return Ok(Some(refused));
        }
        if let Some(refused) = self.command("RCPT", Rcpt::new(to, Vec::new())).await? {
            return Ok(Some(refused));
        }
        self.command("DATA", Data).await
    }

    async fn command(
        &mut self,
        name: &'static str,
        command: impl std::fmt::Display,
    ) -> Result<Option<Outcome>, MailError> {
        let point = format!("smtp.{name}");
        fault::pass(&point, "before");
        let reply = within(&self.host, name, self.timeouts.command, self.connection.command(command)).await?;
        fault::pass(&point, "after");
        Ok(reply.err().map(|error| not_sent(&error)))
    }

    /// The message and its final dot. Before the dot is written the relay cannot have the message; from then on only its
    /// reply tells.
    pub async fn finish(mut self, bytes: &[u8]) -> Outcome {
        fault::pass("smtp.message", "before");
        let dotted = AtomicBool::new(false);
        let result = {
            // The connection asks for the next piece when the last one has been written; when there is none left, the
            // dot follows at once.
            let last = std::iter::from_fn(|| {
                dotted.store(true, Ordering::SeqCst);
                fault::pass("smtp.dot", "before");
                None
            });
            let handing = self.connection.message_iter(bytes.chunks(PIECE).chain(last));
            tokio::pin!(handing);
            match timeout(self.timeouts.body, &mut handing).await {
                Ok(result) => Ok(result),
                Err(_) if dotted.load(Ordering::SeqCst) => {
                    timeout(self.timeouts.reply, handing).await.map_err(|_| self.timeouts.reply)
                }
                Err(_) => Err(self.timeouts.body),
            }
        };
        fault::pass("smtp.dot", "after");
        let outcome = handed_over(result, dotted.load(Ordering::SeqCst));
        if matches!(outcome, Outcome::Accepted { .. }) {
            self.close().await;
        }
        outcome
    }

    pub async fn close(mut self) {
        drop(timeout(GOODBYE, self.connection.quit()).await);
    }
}

fn handed_over(result: Result<Result<Response, SmtpError>, Duration>, dotted: bool) -> Outcome {
    match result {
        Ok(Ok(response)) => Outcome::Accepted { reply: one_line(&response.message().collect::<Vec<_>>().join(" ")) },
        // A negative reply is an answer, and a clear one: the relay did not take the message.
        Ok(Err(error)) if code(&error).is_some() => not_sent(&error),
        Ok(Err(error)) if dotted => Outcome::InDoubt { text: chain(&error) },
        Ok(Err(error)) => not_sent(&error),
        Err(limit) => {
            let text = format!("no reply within {} ms", limit.as_millis());
            if dotted { Outcome::InDoubt { text } } else { Outcome::Deferred { code: None, text } }
        }
    }
}

/// A failure while the relay certainly does not have the message.
fn not_sent(error: &SmtpError) -> Outcome {
    let text = error.source().map_or_else(|| error.to_string(), |source| one_line(&source.to_string()));
    match code(error) {
        Some(code) if error.is_permanent() => Outcome::Rejected { code, text },
        code => Outcome::Deferred { code, text },
    }
}

fn connection_error(relay: &Smtp, error: SmtpError) -> MailError {
    let host = relay.host.clone();
    if error.is_tls() || (relay.tls == Tls::Wrapper && error.status().is_none() && is_certificate(&error)) {
        MailError::Tls { host, source: boxed(error) }
    } else {
        MailError::Unreachable { host, source: boxed(error) }
    }
}

/// TLS failures of the handshake arrive as input and output errors.
fn is_certificate(error: &SmtpError) -> bool {
    let text = chain(error);
    text.contains("certificate") || text.contains("tls")
}

async fn tls_parameters(relay: &Smtp) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(relay.host.clone());
    if let Some(file) = &relay.root_certificate {
        let wrong = |source| MailError::RootCertificate { file: file.clone(), source };
        let pem = tokio::fs::read(file).await.map_err(|error| wrong(error.into()))?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(boxed(error)))?);
    }
    builder.build().map_err(|error| MailError::Tls { host: relay.host.clone(), source: boxed(error) })
}

fn loopback(host: &str) -> Result<(), MailError> {
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if loopback { Ok(()) } else { Err(MailError::NotLoopback { host: host.to_owned() }) }
}

async fn within<T>(
    host: &str,
    command: &'static str,
    limit: Duration,
    step: impl Future<Output = T>,
) -> Result<T, MailError> {
    timeout(limit, step).await.map_err(|_| MailError::NoReply { host: host.to_owned(), command, within: limit })
}

/// The reply code, such as 550.
fn code(error: &SmtpError) -> Option<u16> {
    error.status().map(u16::from)
}

fn masked(user: &str) -> String {
    let first = user.chars().next().unwrap_or('*');
    match user.split_once('@') {
        Some((_, domain)) => format!("{first}***@{domain}"),
        None => format!("{first}***"),
    }
}

fn boxed(error: SmtpError) -> Box<dyn StdError + Send + Sync> {
    Box::new(error)
}

fn chain(error: &dyn StdError) -> String {
    one_line(&error.to_string())
}

/// Replies are kept in the ledger and shown: one line, no control characters, bounded.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(500).collect()
}
