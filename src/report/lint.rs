//! The tags of a template as tokens, and what may not be written in one at all.

use std::path::Path;

use super::markup;
use crate::problem::{Place, Problem};

/// A loop over more numbers than this is a mistake in a mail.
const LARGEST_RANGE: u64 = 10_000;

/// One `{{ … }}` or `{% … %}`.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    pub statement: bool,
    pub tokens: Vec<Token<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub kind: TokenKind<'a>,
    /// Byte offset in the template.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    Name(&'a str),
    Number(&'a str),
    Text(&'a str),
    Sign(char),
}

impl<'a> Token<'a> {
    pub fn name(&self) -> Option<&'a str> {
        if let TokenKind::Name(name) = self.kind { Some(name) } else { None }
    }

    pub fn is(&self, sign: char) -> bool {
        self.kind == TokenKind::Sign(sign)
    }
}

/// A template file: where it is, and what it says.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

impl Source<'_> {
    /// The place of a byte offset.
    pub fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Place::within(self.file, self.text, line, column)
    }
}

/// What no template may hold: ways around escaping, the dump of everything, endless loops, and in HTML anything that
/// would be loaded from elsewhere.
pub(super) fn forbidden(source: Source<'_>, tags: &[Tag<'_>], html: bool) -> Vec<Problem> {
    let mut problems: Vec<Problem> = tags.iter().flat_map(|tag| forbidden_in(source, &tag.tokens)).collect();
    if html {
        problems.extend(markup::forbidden(source));
    }
    problems
}

fn forbidden_in(source: Source<'_>, tokens: &[Token<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut previous: Option<&Token<'_>> = None;
    for (index, token) in tokens.iter().enumerate() {
        let applied = previous.is_some_and(|token| token.is('|') || token.name() == Some("filter"));
        match token.name() {
            Some("safe") if applied => problems.push(
                Problem::new("E602", "`safe` would print text as it is, markup included")
                    .at(source.place(token.at))
                    .help("leave it out; the body of a component needs no `safe`"),
            ),
            Some("__tera_context") => problems.push(
                Problem::new("E602", "`__tera_context` would print everything the report was given")
                    .at(source.place(token.at))
                    .help("name what should be printed"),
            ),
            Some("range") if tokens.get(index + 1).is_some_and(|next| next.is('(')) => {
                problems.extend(large_range(source, token.at, tokens.get(index + 1..).unwrap_or_default()));
            }
            _ => {}
        }
        previous = Some(token);
    }
    problems
}

fn large_range(source: Source<'_>, at: usize, arguments: &[Token<'_>]) -> Option<Problem> {
    let within = arguments.iter().take_while(|token| !token.is(')'));
    let large = within.filter_map(|token| match token.kind {
        TokenKind::Number(number) => number
            .replace('_', "")
            .parse::<u64>()
            .map_or(Some(number), |value| (value > LARGEST_RANGE).then_some(number)),
        _ => None,
    });
    large.last().map(|number| {
        Problem::new("E604", format!("`range` up to `{number}` is more than {LARGEST_RANGE}"))
            .at(source.place(at))
            .help("loop over the rows of a query")
    })
}

/// Where the tag or comment ends that begins at `open`.
pub(super) fn tag_end(text: &str, open: usize) -> usize {
    let rest = text.get(open..).unwrap_or("");
    match rest.get(..2) {
        Some("{#") => rest.find("#}").map_or(text.len(), |end| open + end + 2),
        Some("{%") => tokens(text, open + 2, "%}").1,
        _ => tokens(text, open + 2, "}}").1,
    }
}

/// Reads the tags of a template that Tera has accepted; comments and raw blocks are left out.
pub(super) fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        let rest = text.get(open..).unwrap_or("");
        if rest.starts_with("{#") {
            at = rest.find("#}").map_or(text.len(), |end| open + end + 2);
            continue;
        }
        let statement = rest.starts_with("{%");
        if !statement && !rest.starts_with("{{") {
            at = open + 1;
            continue;
        }
        let (tokens, end) = tokens(text, open + 2, if statement { "%}" } else { "}}" });
        let raw = statement && tokens.first().and_then(Token::name) == Some("raw");
        at = if raw { end_of_raw(text, end) } else { end };
        if !raw {
            tags.push(Tag { statement, tokens });
        }
    }
    tags
}

fn end_of_raw(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or("");
    let end = rest.match_indices("endraw").find_map(|(at, _)| rest.get(at..)?.find("%}").map(|end| at + end + 2));
    from + end.unwrap_or(rest.len())
}

/// The tokens up to `close`, and where the tag ends. A `}` that belongs to a map or an attribute is a sign of its own.
fn tokens<'a>(text: &'a str, from: usize, close: &str) -> (Vec<Token<'a>>, usize) {
    let (mut tokens, mut at, mut braces) = (Vec::new(), from, 0_u32);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if braces == 0 && rest.starts_with(close) {
            return (tokens, at + close.len());
        }
        let Some(first) = rest.chars().next() else { break };
        let length = match first {
            '"' | '\'' | '`' => quoted(rest, first),
            '_' => word(rest),
            letter if letter.is_alphabetic() => word(rest),
            digit if digit.is_ascii_digit() => word(rest),
            other => other.len_utf8(),
        };
        let piece = rest.get(..length).unwrap_or("");
        let kind = match first {
            '"' | '\'' | '`' => Some(TokenKind::Text(piece.trim_matches(first))),
            digit if digit.is_ascii_digit() => Some(TokenKind::Number(piece)),
            letter if letter == '_' || letter.is_alphabetic() => Some(TokenKind::Name(piece)),
            space if space.is_whitespace() => None,
            // The dash of `{%-` and `-%}` trims blanks around a tag and is no part of it.
            '-' if tokens.is_empty() || rest.get(1..).is_some_and(|rest| rest.starts_with(close)) => None,
            sign => Some(TokenKind::Sign(sign)),
        };
        match kind {
            Some(TokenKind::Sign('{')) => braces += 1,
            Some(TokenKind::Sign('}')) => braces = braces.saturating_sub(1),
            _ => {}
        }
        tokens.extend(kind.map(|kind| Token { kind, at }));
        at += length;
    }
    (tokens, text.len())
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            char if char == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn word(rest: &str) -> usize {
    rest.find(|char: char| char != '_' && !char.is_alphanumeric()).unwrap_or(rest.len())
}
