//! YAML as a tree that remembers where everything stands.
//!
//! One pass reads any document into [`Node`]s, so that everything wrong with the file can be told at once and in its
//! place, and not only the first thing a typed reader trips over.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_yaml::{Location, Spanned};

use crate::problem::{Place, Problem, Problems};

/// A larger pipeline file is a mistake.
const LIMIT: usize = 1 << 20;

/// Problems of one file that are told; nobody reads more at once.
pub const TOLD: usize = 100;

/// A position in the file, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    pub line: usize,
    pub column: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: At,
    pub value: Value,
}

/// What a node is, before any type is asked for.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A scalar as it was written.
#[derive(Clone, Debug)]
pub struct Scalar {
    pub text: String,
    /// Quoted, or a block: its type is text and nothing else.
    pub quoted: bool,
    /// What an unquoted scalar means by YAML's own rules.
    pub plain: Plain,
    /// The tag before it, such as `!!str`.
    pub tag: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    Text,
    Number,
    Boolean(bool),
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    pub at: At,
    pub name: String,
}

impl Node {
    /// The value of a key, when this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// What it is, in a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(Scalar { quoted: true, .. }) => "text",
            Value::Scalar(scalar) => match scalar.plain {
                Plain::Text => "text",
                Plain::Number => "a number",
                Plain::Boolean(_) => "true or false",
            },
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads a document into a tree.
///
/// # Errors
/// What keeps it from being one document: no UTF-8 (E101), nothing in it (E102), a tab (E103), too deep or too large
/// (E108, E109), tags (E110), merge keys (E112), several documents (E107), or any other syntax (E103). Keys given twice
/// (E104) and control characters (E111) are told together.
pub fn read(file: &Path, bytes: &[u8]) -> Result<(Node, String), Problems> {
    let whole = |code, message: String| Problem::new(code, message).at(Place::file(file));
    if bytes.len() > LIMIT {
        return Err(whole("E109", format!("the file has {} bytes, more than {LIMIT}", bytes.len())).into());
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| whole("E101", format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err(whole("E102", "the file is empty".to_owned()).into());
    }
    let unseen = unseen(file, text);
    if !unseen.is_empty() {
        return Err(Problems(unseen));
    }
    if let Some(problem) = tab(file, text) {
        return Err(problem.into());
    }
    let options = serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let read: Spanned<Raw> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| syntax(file, text, &error))?;
    let node = located(read, text);
    let mut problems = Vec::new();
    inspect(&node, &mut |at, code, message, help| {
        if problems.len() == TOLD {
            return;
        }
        let problem = Problem::new(code, message).at(place(file, text, at));
        problems.push(if help.is_empty() { problem } else { problem.help(help) });
    });
    Problems::none_or(problems, (node, text.to_owned()))
}

/// YAML indents with spaces; a tab is seen before the parser trips over what follows it.
fn tab(file: &Path, text: &str) -> Option<Problem> {
    let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).position(|c| c == '\t');
    let (number, column) =
        text.lines().enumerate().find_map(|(number, line)| indent(line).map(|at| (number + 1, at + 1)))?;
    let problem = Problem::new("E103", format!("tab used for indentation at {number}:{column}"));
    Some(problem.at(place(file, text, At { line: number, column })).help("indent with spaces"))
}

fn syntax(file: &Path, text: &str, error: &serde_yaml::Error) -> Problem {
    let Refusal { code, message, help, found } = refusal(error);
    let problem = Problem::new(code, message);
    let problem = if help.is_empty() { problem } else { problem.help(help) };
    let Some(location) = error.location() else { return problem.at(Place::file(file)) };
    // The reader has already read past what it refuses by its text.
    let before = location.span().byte_offset().and_then(|end| text.get(..usize::try_from(end).ok()?));
    let start = before.zip(found).and_then(|(before, found)| before.get(..before.rfind(found)?));
    let at = start.map_or_else(|| at(location), end_of);
    problem.at(if at.line > 0 { place(file, text, at) } else { Place::file(file) })
}

/// The place after a text.
fn end_of(text: &str) -> At {
    let line = text.rsplit('\n').next().unwrap_or_default();
    At { line: text.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

const TAG_HELP: &str = "write the value without a tag";

/// What the reader refused, in our words.
struct Refusal<'a> {
    code: &'static str,
    message: String,
    help: &'static str,
    /// What stands in the file where the problem is, when the reader tells a place behind it.
    found: Option<&'a str>,
}

fn refusal(error: &serde_yaml::Error) -> Refusal<'_> {
    use serde_yaml::Error as Refused;
    let plain = |code, message: &str, help| Refusal { code, message: message.to_owned(), help, found: None };
    let too_far = || {
        let help = "a pipeline file needs no deep nesting and no expanding aliases";
        plain("E108", "the file is nested too deep, or its aliases expand too far", help)
    };
    match error.without_snippet() {
        Refused::AliasError { error, .. } => refusal(error),
        Refused::MergeKeyNotAllowed { .. } => plain("E112", "merge keys are not supported", "write the keys out"),
        Refused::MultipleDocuments { .. } => {
            plain("E107", "one document expected, the file has more", "one file holds one pipeline")
        }
        Refused::UnsupportedTag { tag, .. } => Refusal {
            code: "E110",
            message: format!("tags are not allowed: `{tag}`"),
            help: TAG_HELP,
            found: Some(tag),
        },
        Refused::Budget { .. }
        | Refused::AliasReplayCounterOverflow { .. }
        | Refused::AliasReplayLimitExceeded { .. }
        | Refused::AliasExpansionLimitExceeded { .. }
        | Refused::AliasReplayStackDepthExceeded { .. }
        | Refused::RecursiveReferencesRequireWeakTypes { .. } => too_far(),
        other => {
            let message = other.render();
            let message = message.lines().next().unwrap_or_default();
            let message = message.split_once(" at line ").map_or(message, |(message, _)| message);
            if message.contains("recursion limit") {
                too_far()
            } else {
                plain("E103", &format!("not readable as YAML: {message}"), "")
            }
        }
    }
}

/// Keys given twice, and characters that no text in this file may have.
fn inspect(node: &Node, report: &mut impl FnMut(At, &'static str, String, &str)) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(scalar) => {
            if let Some(tag) = &scalar.tag {
                let before = tag.chars().count() + 1;
                let at = At { column: node.at.column.saturating_sub(before).max(1), ..node.at };
                report(at, "E110", format!("tags are not allowed: `{tag}`"), TAG_HELP);
            }
            control(&scalar.text, node.at, report);
        }
        Value::List(items) => items.iter().for_each(|item| inspect(item, report)),
        Value::Map(entries) => {
            let mut seen: BTreeMap<&str, At> = BTreeMap::new();
            for (key, value) in entries {
                control(&key.name, key.at, report);
                let earlier = *seen.entry(&key.name).or_insert(key.at);
                if earlier != key.at {
                    let lines = format!("(lines {} and {})", earlier.line, key.at.line);
                    report(key.at, "E104", format!("key `{}` given twice {lines}", key.name), "keep one of them");
                }
                inspect(value, report);
            }
        }
    }
}

fn control(text: &str, at: At, report: &mut impl FnMut(At, &'static str, String, &str)) {
    if let Some(c) = text.chars().find(|c| is_unseen(*c)) {
        report(at, "E111", unseen_message(c), UNSEEN_HELP);
    }
}

const UNSEEN_HELP: &str = "take the character out";

fn unseen_message(c: char) -> String {
    format!("control character U+{:04X}", u32::from(c))
}

/// Characters that do not show, or that make a line read differently from what it is.
fn is_unseen(c: char) -> bool {
    let bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    bidi || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The first such character of every line as it stands in the file, comments included.
fn unseen(file: &Path, text: &str) -> Vec<Problem> {
    let first = |line: &str| line.chars().enumerate().find(|(_, c)| is_unseen(*c));
    let lines = text.lines().enumerate().filter_map(|(number, line)| first(line).map(|found| (number + 1, found)));
    let problem = |(line, (before, c))| {
        let at = At { line, column: before + 1 };
        Problem::new("E111", unseen_message(c)).at(place(file, text, at)).help(UNSEEN_HELP)
    };
    lines.take(TOLD).map(problem).collect()
}

/// A place in the file whose excerpt shows no secret that somebody wrote into it, and every character.
pub fn place(file: &Path, text: &str, at: At) -> Place {
    let mut place = Place::within(file, text, at.line, at.column);
    let seen = |c: char| if is_unseen(c) { c.escape_unicode().collect() } else { c.to_string() };
    place.excerpt = place.excerpt.map(|line| without_secrets(&line).chars().map(seen).collect());
    place
}

/// What a message has in the place of a secret.
pub const HIDDEN: &str = "***";

/// A line without the values of keys that sound like a secret, and without what stands before the host of a URL.
fn without_secrets(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for part in line.split_inclusive([',', '{', '}']) {
        let (value, end) = match part.char_indices().next_back() {
            Some((at, ',' | '{' | '}')) => part.split_at(at),
            _ => (part, ""),
        };
        match value.split_once(':') {
            // A secret may have any character, so nobody knows where it ends.
            Some((key, value)) if sounds_secret(key) && !is_reference(value) => {
                return format!("{shown}{key}: {HIDDEN}");
            }
            _ => shown.push_str(&without_user(value)),
        }
        shown.push_str(end);
    }
    shown
}

pub fn is_reference(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let variable = value.strip_prefix("${").is_some_and(|rest| rest.find('}') == Some(rest.len() - 1));
    value.is_empty() || variable || ["env:", "file:"].iter().any(|start| value.starts_with(start))
}

/// Keys whose value nobody should see.
pub fn sounds_secret(key: &str) -> bool {
    let key = key.trim().to_ascii_lowercase();
    ["secret", "password", "token", "access_key", "account_key", "sas", "credential"]
        .iter()
        .any(|word| key.contains(word))
        && !key.ends_with("_uri")
        && !key.ends_with("_file")
}

/// A text whose URL, if there is one, has neither user nor password.
pub fn without_user(written: &str) -> String {
    match written.split_once("://").and_then(|(scheme, rest)| rest.rsplit_once('@').map(|(_, host)| (scheme, host))) {
        Some((scheme, host)) => format!("{scheme}://***@{host}"),
        None => written.to_owned(),
    }
}

fn at(location: Location) -> At {
    let number = |number: u64| usize::try_from(number).unwrap_or(0);
    At { line: number(location.line()), column: number(location.column()) }
}

/// A node as the reader gives it, before its text is taken from the file.
enum Raw {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn located(raw: Spanned<Raw>, source: &str) -> Node {
    let place = at(raw.referenced);
    let written = written(raw.defined, source);
    let tag = tag(raw.defined, source);
    let scalar = |text: String, plain| {
        // Only the file itself says how a number was written (`1.10`) and whether a text was quoted.
        let quoted = written.is_some_and(|written| written.starts_with(['"', '\'', '|', '>']));
        let text = match (quoted, written) {
            (false, Some(written)) if plain != Plain::Text => written.to_owned(),
            _ => text,
        };
        Value::Scalar(Scalar { text, quoted, plain, tag: tag.map(str::to_owned) })
    };
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Boolean(value) => scalar(value.to_string(), Plain::Boolean(value)),
        Raw::Number(text) => scalar(text, Plain::Number),
        Raw::Text(text) => scalar(text, Plain::Text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| located(item, source)).collect()),
        Raw::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Raw>)| {
                let key = Key { at: at(key.referenced), name: key.value };
                let mut value = located(value, source);
                // A block stands where its key does, not where its first line does.
                if matches!(value.value, Value::Map(_) | Value::List(_)) && value.at.line > key.at.line {
                    value.at = key.at;
                }
                (key, value)
            };
            Value::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { at: place, value }
}

/// The tag that stands before a value, in its line.
fn tag(location: Location, source: &str) -> Option<&str> {
    let before = source.get(..usize::try_from(location.span().byte_offset()?).ok()?)?;
    let line = before.rsplit('\n').next()?;
    line.split_whitespace().next_back().filter(|word| word.starts_with('!'))
}

fn written(location: Location, source: &str) -> Option<&str> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    source.get(start..start.checked_add(length)?).map(str::trim)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
