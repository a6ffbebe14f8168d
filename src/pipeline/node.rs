//! YAML as a tree that remembers where everything stands.
//!
//! One pass reads any document into [`Node`]s, so that everything wrong with the file can be told at once and in its
//! place, and not only the first thing a typed reader trips over.

mod tree;

use crate::pipeline::page::Found;

/// A larger pipeline file is a mistake.
pub const LIMIT: usize = 1 << 20;

/// A position in the file, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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
    /// First and last line it is written on, which is not where an alias stands for it.
    pub lines: (usize, usize),
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

/// A document as far as it could be read.
#[derive(Debug, Default)]
pub struct Read {
    pub root: Option<Node>,
    /// What stands in the file and not in the tree, such as the second value of a key given twice.
    pub dropped: Vec<Node>,
    pub found: Vec<Found>,
}

/// Reads a document into a tree. What can be told together is; the root is there when it could be read to its end.
///
/// Too large (E109), no UTF-8 (E101), nothing in it (E102), characters that no text may have (E111), no YAML or tabs
/// (E103), keys given twice (E104), several documents (E107), too deep or expanding too far (E108), tags (E110), merge
/// keys (E112).
pub fn read(text: &str) -> Read {
    let nothing = |found| Read { found, ..Read::default() };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return nothing(vec![Found::whole("E102", "the file is empty")]);
    }
    // Before the parser, which takes a NUL for the end of the file.
    let found = forbidden(text);
    if !found.is_empty() {
        return nothing(found);
    }
    if let Some(tab) = tab(text) {
        return nothing(vec![tab]);
    }
    let mut read = tree::build(text);
    if let Some(root) = &read.root {
        escaped(root, "", &mut read.found);
    }
    read
}

/// The text of a file.
///
/// # Errors
/// When there is too much of it (E109), or it is no UTF-8 (E101).
pub fn text(bytes: &[u8]) -> Result<&str, Found> {
    if bytes.len() > LIMIT {
        return Err(Found::whole("E109", format!("the file is larger than {LIMIT} bytes")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Found::whole("E101", format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// YAML indents with spaces; a tab is seen before the parser trips over what follows it.
fn tab(text: &str) -> Option<Found> {
    let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).position(|c| c == '\t');
    let (line, column) =
        text.lines().enumerate().find_map(|(number, line)| indent(line).map(|at| (number + 1, at + 1)))?;
    let message = format!("tab used for indentation at {line}:{column}");
    Some(Found::new(At { line, column }, "E103", message).help("indent with spaces"))
}

/// Characters that a reader of the file would not see, the first of each line.
fn forbidden(text: &str) -> Vec<Found> {
    let first = |(number, line): (usize, &str)| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (index, c) = line.chars().enumerate().find(|(_, c)| is_forbidden(*c))?;
        let message = format!("control character U+{:04X}", u32::from(c));
        let at = At { line: number + 1, column: index + 1 };
        Some(Found::new(at, "E111", message).help("take the character out"))
    };
    text.split('\n').enumerate().filter_map(first).collect()
}

/// The same characters, written as escapes.
fn escaped(node: &Node, path: &str, found: &mut Vec<Found>) {
    let mut check = |text: &str, at, path: &str| {
        if let Some(c) = text.chars().find(|c| *c != '\n' && is_forbidden(*c)) {
            let message = format!("control character U+{:04X} in `{path}`", u32::from(c));
            found.push(Found::new(at, "E111", message).help("take the character out"));
        }
    };
    match &node.value {
        Value::Null => {}
        Value::Scalar(scalar) => check(&scalar.text, node.at, path),
        Value::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| escaped(item, &format!("{path}[{index}]"), found));
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                let inner = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
                if key.name.chars().any(is_forbidden) {
                    let message = format!("control character in a key of `{path}`");
                    found.push(Found::new(key.at, "E111", message).help("take the character out"));
                }
                escaped(value, &inner, found);
            }
        }
    }
}

/// Control characters, and those that change the order in which text is shown.
pub fn is_forbidden(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{2028}' | '\u{2029}' | '\u{feff}')
        || (c.is_control() && c != '\t')
}
