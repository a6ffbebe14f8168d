//! The HTML of a mail: elements that show text and tables, and nothing that a mail client would load, run or submit.
//!
//! What is allowed is listed, because what is dangerous cannot be.

use super::lint::{Source, tag_end};
use crate::problem::Problem;

/// Elements that only show something.
const ELEMENTS: [&str; 68] = [
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "body",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "meta",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "section",
    "small",
    "span",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
];
const MORE_ELEMENTS: [&str; 5] = ["time", "tt", "u", "ul", "wbr"];
/// Attributes whose value is fetched, opened or sent somewhere.
const ADDRESSES: [&str; 14] = [
    "action",
    "background",
    "classid",
    "code",
    "codebase",
    "data",
    "dynsrc",
    "formaction",
    "longdesc",
    "lowsrc",
    "ping",
    "poster",
    "src",
    "srcset",
];
/// What a link may lead to.
const SCHEMES: [&str; 5] = ["https://", "http://", "mailto:", "tel:", "#"];
/// What loads or runs something wherever it stands, in a style sheet for instance.
const ANYWHERE: [&str; 5] = ["@import", "url(", "image-set(", "javascript:", "vbscript:"];

/// Everything in a template that no mail may have.
pub(super) fn forbidden(source: Source<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lower = source.text.to_ascii_lowercase();
    for word in ANYWHERE {
        problems.extend(lower.match_indices(word).map(|(at, _)| refused(source, at, &format!("`{word}`"))));
    }
    let mut scan = Scan { source, lower: &lower, at: 0, problems };
    scan.document();
    scan.problems
}

fn refused(source: Source<'_>, at: usize, what: &str) -> Problem {
    Problem::new("E602", format!("{what} makes a mail client load or run something"))
        .at(source.place(at))
        .help("draw with text, tables and background colours")
}

struct Scan<'a> {
    source: Source<'a>,
    /// The text in small letters, of the same length.
    lower: &'a str,
    at: usize,
    problems: Vec<Problem>,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        self.lower.get(self.at..).unwrap_or("")
    }

    fn starts(&self, with: &str) -> bool {
        self.rest().starts_with(with)
    }

    /// Behind the tag of the template that begins here, if one does.
    fn skip_tag(&mut self) -> bool {
        let tag = ["{{", "{%", "{#"].iter().any(|open| self.starts(open));
        if tag {
            self.at = tag_end(self.lower, self.at);
        }
        tag
    }

    fn take(&mut self, while_it: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|char| !while_it(char)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or("")
    }

    fn document(&mut self) {
        while !self.rest().is_empty() {
            if self.skip_tag() {
                continue;
            }
            let open = self.at;
            let Some(first) = self.rest().chars().next() else { return };
            self.at += first.len_utf8();
            if first != '<' {
                continue;
            }
            if self.rest().starts_with(|next: char| next.is_ascii_alphabetic()) {
                self.element(open);
            } else if self.starts("{{") {
                self.note(open, "an element whose name comes from data");
            }
        }
    }

    fn note(&mut self, at: usize, what: &str) {
        self.problems.push(refused(self.source, at, what));
    }

    fn element(&mut self, open: usize) {
        let name = self.take(|char| !char.is_whitespace() && !matches!(char, '>' | '/' | '{'));
        let known = ELEMENTS.contains(&name) || MORE_ELEMENTS.contains(&name);
        if !known {
            self.note(open, &format!("`<{name}`"));
        }
        let told = self.problems.len();
        while !self.rest().is_empty() {
            self.take(|char| char.is_whitespace() || char == '/');
            if self.starts(">") {
                self.at += 1;
                break;
            }
            let at = self.at;
            let data = self.starts("{{");
            if self.skip_tag() {
                if data {
                    self.note(at, "an attribute that comes from data");
                }
                continue;
            }
            self.attribute();
        }
        // An element that may not be there at all is told once.
        if !known {
            self.problems.truncate(told);
        }
    }

    fn attribute(&mut self) {
        let at = self.at;
        let name = self.take(|char| !char.is_whitespace() && !matches!(char, '=' | '>' | '/' | '{'));
        self.take(char::is_whitespace);
        let value = if self.starts("=") {
            self.at += 1;
            self.take(char::is_whitespace);
            self.value()
        } else {
            // Something that is no name must not hold up the scan.
            self.at = self.at.max(at + usize::from(name.is_empty()));
            Some("")
        };
        let Some(value) = value else { return self.note(at, &format!("`{name}` without quotes around data")) };
        let escapes = value.contains('\\') && name == "style";
        if (name.len() > 2 && name.starts_with("on")) || name == "http-equiv" || ADDRESSES.contains(&name) || escapes {
            self.note(at, &format!("`{name}`"));
        } else if name.ends_with("href") && !is_link(value) {
            self.note(at, &format!("`{name}` to anything but a fixed https:, http:, mailto: or tel: address"));
        }
    }

    /// The value of an attribute; none when it has no quotes and comes from data.
    fn value(&mut self) -> Option<&'a str> {
        let quote = self.rest().chars().next().filter(|char| matches!(char, '"' | '\''));
        self.at += usize::from(quote.is_some());
        let (from, mut data) = (self.at, false);
        while let Some(next) = self.rest().chars().next() {
            if quote.map_or(next.is_whitespace() || next == '>', |quote| next == quote) {
                break;
            }
            data |= self.starts("{{");
            if !self.skip_tag() {
                self.at += next.len_utf8();
            }
        }
        let value = self.lower.get(from..self.at).unwrap_or("");
        self.at += usize::from(quote.is_some());
        (quote.is_some() || !data).then_some(value)
    }
}

fn is_link(value: &str) -> bool {
    let value = value.trim_start();
    SCHEMES.iter().any(|scheme| value.starts_with(scheme))
}
