//! The file as problems show it: with place and excerpt, and never with a secret or the value of a variable.

use std::collections::BTreeSet;
use std::path::Path;

use crate::pipeline::environment::is_reference;
use crate::pipeline::node::{At, Node, Read, Value, is_forbidden};
use crate::problem::{Place, Problem};

/// What a message or excerpt shows of a text at most, in characters.
const SHOWN: usize = 160;

/// Problems that are told of one file.
pub const PROBLEMS: usize = 100;

/// A problem before it knows its file.
#[derive(Clone, Debug)]
pub struct Found {
    /// Line 0 is the whole file.
    pub at: At,
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

impl Found {
    pub fn new(at: At, code: &'static str, message: impl Into<String>) -> Self {
        Self { at, code, message: message.into(), help: None }
    }

    /// A problem of the file as a whole.
    pub fn whole(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(At::default(), code, message)
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A scalar whose value came from the environment.
#[derive(Clone, Debug)]
pub struct Substituted {
    pub at: At,
    /// As it stands in the file, with the names of variables.
    pub written: String,
    pub value: String,
}

/// A file and what of it must not be shown.
pub struct Page<'a> {
    file: &'a Path,
    lines: Vec<&'a str>,
    hidden: BTreeSet<usize>,
    pub substituted: Vec<Substituted>,
}

impl<'a> Page<'a> {
    pub fn new(file: &'a Path, text: &'a str, read: &Read) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut hidden = BTreeSet::new();
        read.root.iter().chain(&read.dropped).for_each(|node| hide(node, false, &mut hidden));
        if read.root.is_none() {
            hide_lines(&lines, &mut hidden);
        }
        Self { file, lines, hidden, substituted: Vec::new() }
    }

    /// The problems in the order of the file: all of them, unless there are more than anybody reads.
    pub fn problems(&self, mut found: Vec<Found>) -> Vec<Problem> {
        found.sort_by_key(|found| found.at);
        // The last one told is how many are not.
        let told = if found.len() > PROBLEMS { PROBLEMS - 1 } else { PROBLEMS };
        let more = found.get(told).map(|next| (next.at, next.code, found.len() - told));
        let mut problems: Vec<Problem> = found.into_iter().take(told).map(|found| self.problem(found)).collect();
        if let Some((at, code, count)) = more {
            problems.push(self.problem(Found::new(at, code, format!("{count} more problems from here on"))));
        }
        problems
    }

    fn problem(&self, found: Found) -> Problem {
        let message = self.without_values(&found);
        let problem = Problem::new(found.code, visible(&message)).at(self.place(found.at));
        match found.help {
            Some(help) => problem.help(visible(&help)),
            None => problem,
        }
    }

    pub fn place(&self, at: At) -> Place {
        if at.line == 0 {
            return Place::file(self.file);
        }
        let line = self.lines.get(at.line - 1).filter(|_| !self.hidden.contains(&at.line));
        let excerpt = line.map(|line| visible(&shortened(line)));
        Place { file: self.file.to_path_buf(), line: Some(at.line), column: Some(at.column), excerpt }
    }

    /// Quotes of a value from the environment say the variable's name instead.
    fn without_values(&self, found: &Found) -> String {
        let parts = found.message.split('`').enumerate().map(|(index, part)| {
            let is_source = |one: &&Substituted| {
                let whole = shortened(&one.value) == part;
                whole || (one.at == found.at && one.value.contains(part) && !one.written.contains(part))
            };
            let quoted = index % 2 == 1 && !part.is_empty();
            let source = self.substituted.iter().filter(|_| quoted).find(is_source);
            source.map_or(part, |one| one.written.as_str())
        });
        parts.collect::<Vec<_>>().join("`")
    }
}

/// A text as a message may show it.
pub fn shortened(text: &str) -> String {
    if text.chars().nth(SHOWN).is_none() { text.to_owned() } else { text.chars().take(SHOWN).chain(['…']).collect() }
}

/// A text on one line, without what would change how a terminal shows it.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || is_forbidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Whether a key promises a secret, or nearly does.
pub fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 8] =
        ["secret", "passw", "token", "access_key", "account_key", "private_key", "sas", "credential"];
    let key = key.to_ascii_lowercase();
    let refers = ["_uri", "_file", "_path"].iter().any(|end| key.ends_with(end));
    let named = WORDS.iter().any(|word| key.contains(word)) && !refers;
    named || ((6..=10).contains(&key.len()) && crate::problem::nearest(&key, ["password"]).is_some())
}

/// Notes the lines that hold a secret itself.
fn hide(node: &Node, secret: bool, hidden: &mut BTreeSet<usize>) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(scalar) => {
            let login = scalar.text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
            if login || (secret && !is_reference(&scalar.text)) {
                hidden.extend(scalar.lines.0..=scalar.lines.1);
            }
        }
        Value::List(items) => items.iter().for_each(|item| hide(item, secret, hidden)),
        Value::Map(entries) => {
            for (key, value) in entries {
                hide(value, secret || is_secret(&key.name), hidden);
            }
        }
    }
}

/// The same for a file that could not be read: every line near a word that promises a secret.
fn hide_lines(lines: &[&str], hidden: &mut BTreeSet<usize>) {
    for (index, line) in lines.iter().enumerate() {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let login = line.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
        if login || words.filter(|word| word.len() <= SHOWN).any(is_secret) {
            hidden.extend([index + 1, index + 2]);
        }
    }
}
