//! Who gets reports, and how mail leaves.

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AudienceSpec {
    /// One address per entry, with or without a name before it.
    pub recipients: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliverySpec {
    /// Sender of every message.
    pub from: String,
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Domains that recipients may have.
    pub allow_domains: Vec<String>,
    /// Who is told of runs that are held or fail and of mail that does not arrive. Default: nobody.
    #[serde(default)]
    pub operators: Vec<String>,
    /// How long one run keeps trying what a relay puts off, such as 10m. Default: 0m, it leaves that to the next run.
    #[serde(default)]
    pub retry_for: Option<String>,
    /// How long after its publication a mail is tried at all, such as 24h. Default: 3d.
    #[serde(default)]
    pub deadline: Option<String>,
    /// What happens when nobody can know whether the relay has a message.
    #[serde(default)]
    pub on_unknown: OnUnknownSpec,
    pub transport: TransportSpec,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknownSpec {
    /// It is held until a person has found out. Nobody gets two.
    #[default]
    Hold,
    /// It is sent again once, after 15 minutes. Somebody may get two.
    Resend,
}

/// How messages leave, one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransportSpec {
    /// Each message as an .eml file in this folder.
    #[serde(default)]
    pub directory: Option<String>,
    #[serde(default)]
    pub smtp: Option<SmtpSpec>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpSpec {
    pub host: String,
    /// 587 with tls required, 465 with tls wrapper.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    #[serde(default)]
    pub tls: TlsSpec,
    #[serde(default)]
    pub username: Option<String>,
    /// `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub password: Option<String>,
    /// PEM file of a private authority to trust besides the system's.
    #[serde(default)]
    pub root_certificate: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsSpec {
    /// STARTTLS, and no mail without it.
    #[default]
    Required,
    /// TLS from the first byte.
    Wrapper,
    /// No TLS, for a relay on a loopback address only.
    PlaintextLoopback,
}
