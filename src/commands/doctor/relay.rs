//! The way mail leaves: reached, without sending anything.

use std::path::Path;

use super::{Probe, one_line};
use crate::error::{Exit, chain};
use crate::mail::{self, MailError};
use crate::pipeline::Transport;
use crate::problem::Problem;

const OF: &str = "mail";

/// Connection, TLS and login of a relay; a folder is written to.
pub(super) async fn probe(transport: &Transport, nonce: &str) -> Probe {
    let promise = match transport {
        Transport::Directory(_) => "folder written",
        Transport::Smtp(_) => "relay reached",
    };
    let reached = match mail::reach(transport).await {
        Ok(reached) => reached,
        Err(error) => return failed(promise, &error),
    };
    let Transport::Directory(directory) = transport else {
        return Probe::ok(OF, promise, format!("{reached}: connection, encryption and login; nothing was sent"));
    };
    match written(directory, nonce).await {
        Ok(()) => Probe::ok(OF, promise, reached),
        Err(error) => failed(promise, &MailError::Directory(error)),
    }
}

async fn written(directory: &Path, nonce: &str) -> std::io::Result<()> {
    let file = directory.join(format!(".probe-{nonce}"));
    tokio::fs::write(&file, b"probe").await?;
    tokio::fs::remove_file(&file).await
}

/// Messages begin with their code, as a run prints them.
fn failed(promise: &'static str, error: &MailError) -> Probe {
    let text = one_line(&chain(error).replace("\n  because: ", ": "));
    let said = text.strip_prefix("error[").and_then(|rest| rest.split_once("]: "));
    let (code, seen) = said.map_or((None, text.clone()), |(code, seen)| (Some(code.to_owned()), seen.to_owned()));
    let exit = match error {
        MailError::Directory(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Exit::Permission,
        other => other.exit(),
    };
    Probe { code, ..Probe::failed(OF, promise, exit, Problem::new("E622", seen).help(help(error))) }
}

fn help(error: &MailError) -> &'static str {
    match error {
        MailError::NoStartTls { .. } => "use the relay's port with STARTTLS (587), or `tls: wrapper` with 465",
        MailError::Tls { .. } => {
            "name the host as its certificate does; a private authority goes into root_certificate"
        }
        MailError::NotLoopback { .. } => "use `tls: required`",
        MailError::RootCertificate { .. } => "give a PEM file that can be read",
        MailError::Login { .. } => "ask whoever runs the relay for user and password that may send",
        MailError::NoPassword { .. } => "give the password as env:NAME or file:PATH",
        MailError::Directory(_) => "let this user write the folder of delivery.transport.directory",
        _ => "check host, port and firewall; the relay may also refuse this machine's address",
    }
}
