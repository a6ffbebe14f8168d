//! From the events of the YAML parser to a tree, within budgets.

use std::collections::HashMap;

use serde_yaml::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{At, Key, Node, Plain, Read, Scalar, Value};
use crate::pipeline::page::{Found, shortened};

/// Values of a file, aliases expanded.
const NODES: usize = 50_000;
/// Maps and lists within one another.
const DEPTH: usize = 32;

/// The document as a tree, and everything wrong with it. No root when it could not be read to its end.
pub fn build(text: &str) -> Read {
    let options = granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { parser, anchors: HashMap::new(), nodes: 0, dropped: Vec::new(), found: Vec::new() };
    let root = match builder.document() {
        Ok(root) => root,
        Err(stop) => {
            builder.found.push(*stop);
            None
        }
    };
    Read { root, dropped: builder.dropped, found: builder.found }
}

/// What ends the reading.
type Stop = Box<Found>;

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    dropped: Vec<Node>,
    found: Vec<Found>,
}

/// A node that aliases may stand for.
struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    let found = Found::new(start(&span), "E107", "one document expected, another one starts here");
                    return Err(Box::new(found.help("one file holds one pipeline")));
                }
                Event::StreamStart | Event::DocumentEnd | Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, &span, 0)?),
            }
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Stop> {
        self.parser.next_event().transpose().map_err(|error| Box::new(unreadable(&error)))
    }

    /// The next event where the document cannot end.
    fn inner(&mut self) -> Result<(Event<'a>, Span), Stop> {
        self.next()?.ok_or_else(|| Box::new(Found::whole("E103", "not readable as YAML: it ends too early")))
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Stop> {
        let at = start(span);
        if let Some(tag) = event.tag() {
            let at = span.tag_start().map_or(at, |tag| At { line: tag.line(), column: tag.col() + 1 });
            let message = format!("tags are not allowed: `{}`", shortened(&tag.original()));
            self.found.push(Found::new(at, "E110", message).help("write the value without it"));
        }
        self.nodes += 1;
        if self.nodes > NODES || depth > DEPTH {
            return Err(Box::new(too_much(at)));
        }
        let (anchor, before) = (event.anchor_id(), self.nodes);
        let value = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style, span),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(id) => return self.alias(id, at, depth),
            _ => Value::Null,
        };
        let node = Node { at, value };
        if let Some(id) = anchor.filter(|id| *id > 0) {
            let height = height(&node);
            self.anchors.insert(id, Anchored { node: node.clone(), nodes: self.nodes - before + 1, height });
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, at: At, depth: usize) -> Result<Node, Stop> {
        let Some(anchored) = self.anchors.get(&id) else {
            let found = Found::new(at, "E108", "an alias inside of what it stands for");
            return Err(Box::new(found.help("write the value out")));
        };
        self.nodes += anchored.nodes;
        if self.nodes > NODES || depth + anchored.height > DEPTH {
            return Err(Box::new(too_much(at)));
        }
        Ok(Node { at, value: anchored.node.value.clone() })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.inner()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.inner()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, &span, depth + 1)?;
            let (event, span) = self.inner()?;
            let mut value = self.node(event, &span, depth + 1)?;
            // A block stands where its key does, not where its first line does.
            if matches!(value.value, Value::Map(_) | Value::List(_)) && value.at.line > key.at.line {
                value.at = key.at;
            }
            let Some(key) = self.key(key) else {
                self.dropped.push(value);
                continue;
            };
            if let Some(line) = lines.get(&key.name) {
                let places = format!("(lines {line} and {})", key.at.line);
                let message = format!("key `{}` given twice {places}", shortened(&key.name));
                self.found.push(Found::new(key.at, "E104", message).help("keep one of them"));
                self.dropped.push(Node { at: key.at, value: Value::Map(vec![(key, value)]) });
                continue;
            }
            lines.insert(key.name.clone(), key.at.line);
            entries.push((key, value));
        }
    }

    fn key(&mut self, node: Node) -> Option<Key> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text == "<<" && !scalar.quoted => {
                let found = Found::new(node.at, "E112", "merge keys are not supported");
                self.found.push(found.help("write the keys out"));
                None
            }
            Value::Scalar(scalar) => Some(Key { at: node.at, name: scalar.text.clone() }),
            _ => {
                self.found.push(Found::new(node.at, "E106", "a key has to be a text"));
                self.dropped.push(node);
                None
            }
        }
    }
}

fn start(span: &Span) -> At {
    At { line: span.start.line(), column: span.start.col() + 1 }
}

fn too_much(at: At) -> Found {
    let message = format!("too deep or expands too far (limits: {DEPTH} levels, {NODES} values)");
    let help = "a pipeline file needs no deep nesting and no expanding aliases";
    Found::new(at, "E108", message).help(help)
}

fn unreadable(error: &ScanError) -> Found {
    let at = At { line: error.marker().line(), column: error.marker().col() + 1 };
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_much(at),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            let message = format!("tab used for indentation at {}:{}", at.line, at.column);
            Found::new(at, "E103", message).help("indent with spaces")
        }
        _ => Found::new(at, "E103", format!("not readable as YAML: {}", shortened(&error.info()))),
    }
}

fn height(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|(_, value)| height(value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn scalar(text: &str, style: ScalarStyle, span: &Span) -> Value {
    let quoted = style != ScalarStyle::Plain;
    if !quoted && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    let plain = match text {
        _ if quoted => Plain::Text,
        "true" | "True" | "TRUE" => Plain::Boolean(true),
        "false" | "False" | "FALSE" => Plain::Boolean(false),
        text if is_number(text) => Plain::Number,
        _ => Plain::Text,
    };
    let lines = (span.start.line(), span.end.line());
    Value::Scalar(Scalar { text: text.to_owned(), quoted, plain, lines })
}

/// Whether any YAML reader takes it for a number.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    if let Some(rest) = lower.strip_prefix("0x").or(lower.strip_prefix("0o")).or(lower.strip_prefix("0b")) {
        return !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_');
    }
    let (number, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    (begins(whole) || (whole.is_empty() && begins(fraction)))
        && digits(whole)
        && digits(fraction)
        && begins(exponent)
        && digits(exponent)
}
