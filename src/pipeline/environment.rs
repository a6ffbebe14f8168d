//! The environment as an argument: `${NAME}` in scalars and secrets by reference. Values never appear in a message.

use std::collections::BTreeMap;
use std::path::Path;

use crate::pipeline::Secret;

/// Environment variables by name, read once at the start of the program.
pub type Environment = BTreeMap<String, String>;

/// No secret is larger.
const SECRET_BYTES: u64 = 1 << 16;

/// Why a reference cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("environment variable {0} is not set")]
    NotSet(String),
    #[error("`{0}` is no reference: write ${{NAME}} or ${{NAME:-default}}, and $$ for a dollar sign before a brace")]
    Malformed(String),
    #[error("secret `{0}` is empty")]
    EmptySecret(String),
    #[error("secret file `{0}` cannot be read: {1}")]
    Unreadable(String, String),
    #[error("secret file `{0}` can be read by others")]
    Exposed(String),
    #[error("a secret is given by env:NAME or file:PATH, never itself")]
    Literal,
}

impl ReferenceError {
    /// The stable code of the problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotSet(_) | Self::Malformed(_) => "E115",
            Self::EmptySecret(_) | Self::Unreadable(..) | Self::Exposed(_) => "E116",
            Self::Literal => "E117",
        }
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`. What a variable holds is text and never parsed again; `$${` is a literal
/// `${`.
///
/// # Errors
/// A variable that is not set and has no default, or a reference without its end.
pub fn substitute(text: &str, environment: &Environment) -> Result<String, ReferenceError> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            done.push_str(before);
            done.push_str("${");
            rest = reference.strip_prefix("${").unwrap_or_default();
            continue;
        }
        done.push_str(before);
        let inner = reference.strip_prefix("${").unwrap_or_default();
        let (inner, after) = inner.split_once('}').ok_or_else(|| ReferenceError::Malformed(shown(reference)))?;
        done.push_str(&resolve(inner, environment)?);
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

/// The variables that a text refers to, each with whether it has a default.
pub fn variables(text: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        rest = reference;
        if before.ends_with('$') {
            continue;
        }
        let Some((inner, after)) = reference.split_once('}') else { break };
        let (name, default) = inner.split_once(":-").map_or((inner, false), |(name, _)| (name, true));
        found.extend(is_name(name).then_some((name, default)));
        rest = after;
    }
    found
}

fn resolve(inner: &str, environment: &Environment) -> Result<String, ReferenceError> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !is_name(name) {
        return Err(ReferenceError::Malformed(format!("${{{}}}", shown(inner))));
    }
    match (environment.get(name).filter(|value| !value.is_empty()), default) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ReferenceError::NotSet(name.to_owned())),
    }
}

/// Resolves `env:NAME` or `file:PATH`; a relative path starts at `directory`.
///
/// # Errors
/// When the text is no reference, or what it refers to is missing, empty or readable by everybody.
pub fn secret(reference: &str, directory: &Path, environment: &Environment) -> Result<Secret, ReferenceError> {
    if let Some(name) = reference.strip_prefix("env:").filter(|name| is_name(name)) {
        let value = environment.get(name).ok_or_else(|| ReferenceError::NotSet(name.to_owned()))?;
        return filled(reference, value);
    }
    if let Some(path) = reference.strip_prefix("file:").filter(|path| !path.is_empty()) {
        let file = directory.join(path);
        let unreadable = |error: std::io::Error| ReferenceError::Unreadable(path.to_owned(), error.to_string());
        let about = std::fs::metadata(&file).map_err(unreadable)?;
        if !about.is_file() || about.len() > SECRET_BYTES {
            return Err(ReferenceError::Unreadable(path.to_owned(), "no file of a secret's size".to_owned()));
        }
        if exposed(&about) {
            return Err(ReferenceError::Exposed(path.to_owned()));
        }
        let value = std::fs::read_to_string(&file).map_err(unreadable)?;
        return filled(reference, value.trim_end_matches(['\n', '\r']));
    }
    Err(ReferenceError::Literal)
}

/// Whether a text says where a secret is, perhaps by a variable.
pub fn is_reference(text: &str) -> bool {
    let variable = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    if variable.is_some_and(is_name) {
        return true;
    }
    let path = text.strip_prefix("file:").is_some_and(|path| !path.is_empty());
    path || text.strip_prefix("env:").is_some_and(is_name)
}

fn filled(reference: &str, value: &str) -> Result<Secret, ReferenceError> {
    if value.is_empty() {
        Err(ReferenceError::EmptySecret(reference.to_owned()))
    } else {
        Ok(Secret::new(reference, value))
    }
}

/// Whether others than its owner and group may read a file. Mounted cluster secrets are readable by their group.
#[cfg(unix)]
fn exposed(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o007 != 0
}

#[cfg(not(unix))]
fn exposed(_: &std::fs::Metadata) -> bool {
    false
}

fn is_name(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && text.chars().all(word) && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
