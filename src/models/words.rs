//! The words of an SQL text and where they stand. What is said of a query points into its text, and a text that would be
//! too deep to walk is refused before anything walks it.

use std::borrow::Cow;
use std::path::Path;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

use crate::problem::{Place, Problem};

/// A text with more bytes is no query of a person.
const BYTES: usize = 1 << 20;
/// Nor is one with more words and signs.
const WORDS: usize = 20_000;
/// Operators on the way from a condition or column to its innermost part. A chain of `and` is as deep as it is long.
const DEPTH: usize = 400;
/// Selects and joins of one query: each is a level of its plan, or may be.
const PARTS: usize = 400;

/// Words, signs, blanks and comments of a text; none when it has a quote without its end.
pub(super) fn tokens(text: &str) -> Option<Vec<TokenWithSpan>> {
    // Every blank is one: with room from the start, none of them is moved. A text of more bytes is refused.
    let mut tokens = Vec::with_capacity(text.len().min(BYTES) / 2);
    Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens).ok()?;
    Some(tokens)
}

/// An SQL text as words and signs, without blanks and comments.
pub(super) struct Words<'a> {
    file: &'a Path,
    text: &'a str,
    /// With blanks and comments.
    tokens: Cow<'a, [TokenWithSpan]>,
}

impl<'a> Words<'a> {
    /// The words of a text; none of a text that has a quote without its end.
    pub(super) fn of(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, tokens: Cow::Owned(tokens(text).unwrap_or_default()) }
    }

    /// The words among the tokens of a text.
    pub(super) fn among(file: &'a Path, text: &'a str, tokens: &'a [TokenWithSpan]) -> Self {
        Self { file, text, tokens: Cow::Borrowed(tokens) }
    }

    fn words(&self) -> impl DoubleEndedIterator<Item = &TokenWithSpan> + Clone {
        self.tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)))
    }

    /// Every word with the one before it.
    fn pairs(&self) -> impl Iterator<Item = (&TokenWithSpan, &TokenWithSpan)> {
        self.words().zip(self.words().skip(1))
    }

    /// Where something starts in the text.
    pub(super) fn place(&self, span: Span) -> Option<Place> {
        let line = usize::try_from(span.start.line).ok().filter(|line| *line > 0)?;
        let column = usize::try_from(span.start.column).ok().filter(|column| *column > 0)?;
        Some(Place::within(self.file, self.text, line, column))
    }

    /// The first word: where a query is meant as a whole.
    pub(super) fn start(&self) -> Place {
        let first = self.words().next().and_then(|token| self.place(token.span));
        first.unwrap_or_else(|| Place::within(self.file, self.text, 1, 1))
    }

    /// The last word: where something is missing.
    pub(super) fn end(&self) -> Place {
        self.words().next_back().and_then(|token| self.place(token.span)).unwrap_or_else(|| self.start())
    }

    /// What follows the first semicolon.
    pub(super) fn second_statement(&self) -> Option<Place> {
        let mut rest = self.words().skip_while(|token| token.token != Token::SemiColon);
        rest.find(|token| token.token != Token::SemiColon).and_then(|token| self.place(token.span))
    }

    /// Where a name first stands as a word of its own.
    pub(super) fn first(&self, name: &str) -> Option<Place> {
        self.words().find(|token| is_word(&token.token, name)).and_then(|token| self.place(token.span))
    }

    /// Where a table is first read: after `from` or `join`, or else wherever its name stands.
    pub(super) fn table(&self, name: &str) -> Option<Place> {
        let reads = |one: &TokenWithSpan| is_word(&one.token, "from") || is_word(&one.token, "join");
        let read = self.pairs().find(|(one, word)| is_word(&word.token, name) && reads(one));
        read.map(|(_, word)| word.span).and_then(|span| self.place(span)).or_else(|| self.first(name))
    }

    /// Where a column is given: the columns of a query are at its end, after an `as` when they are named anew.
    pub(super) fn last(&self, name: &str) -> Option<Place> {
        let named = self.pairs().filter(|(one, word)| is_word(&one.token, "as") && is_word(&word.token, name)).last();
        if let Some(place) = named.and_then(|(_, word)| self.place(word.span)) {
            return Some(place);
        }
        self.words().rfind(|token| is_word(&token.token, name)).and_then(|token| self.place(token.span))
    }

    /// Where a name is joined: after `join` or a comma, or as the name of a query in brackets.
    pub(super) fn joined(&self, name: &str) -> Option<Place> {
        let before = |token: &Token| {
            matches!(token, Token::Comma | Token::RParen) || is_word(token, "join") || is_word(token, "as")
        };
        let pairs = self.pairs().filter(|(one, word)| is_word(&word.token, name) && before(&one.token));
        let mut found = pairs.map(|(one, word)| (is_word(&one.token, "join"), word.span));
        let first = found.next()?;
        // A common table expression has the name too, and is not where it is joined.
        let joined = std::iter::once(first).chain(found).max_by_key(|(join, span)| (*join, std::cmp::Reverse(*span)));
        joined.and_then(|(_, span)| self.place(span))
    }

    /// Where a parameter is taken.
    pub(super) fn parameter(&self, name: &str) -> Option<Place> {
        let is_it = |token: &Token| matches!(token, Token::Placeholder(text) if text.strip_prefix('$') == Some(name));
        self.words().find(|token| is_it(&token.token)).and_then(|token| self.place(token.span))
    }

    /// The first of the words of a message that the text has too, quoted ones before others.
    pub(super) fn named_in(&self, message: &str) -> Option<Place> {
        let quoted = message.split(['\'', '`', '"']).skip(1).step_by(2);
        let names = quoted.flat_map(|name| name.rsplit('.')).filter(|name| !name.is_empty());
        names.into_iter().find_map(|name| self.first(name))
    }

    /// A text that is too large, or too deep to be walked.
    pub(super) fn too_much(&self) -> Option<Problem> {
        let refuse = |what: String, place: Option<Place>| {
            let place = place.unwrap_or_else(|| self.start());
            Problem::new("E212", what).at(place).help("split the query into models, or join a table of the values")
        };
        if self.text.len() > BYTES {
            return Some(refuse(format!("the query has more than {BYTES} bytes"), None));
        }
        if let Some(more) = self.words().nth(WORDS) {
            return Some(refuse(format!("the query has more than {WORDS} words"), self.place(more.span)));
        }
        if let Some(more) = self.words().filter(|token| is_part(&token.token)).nth(PARTS) {
            let what = format!("the query has more than {PARTS} selects and joins");
            return Some(refuse(what, self.place(more.span)));
        }
        self.too_deep().map(|span| {
            refuse(format!("the expression here has more than {DEPTH} levels of operators"), self.place(span))
        })
    }

    /// Where an expression gets too deep. Each sign may be a level of its own, until a comma or a clause begins anew.
    fn too_deep(&self) -> Option<Span> {
        let (mut above, mut here) = (Vec::new(), 0_usize);
        let mut depth = 0_usize;
        for TokenWithSpan { token, span } in self.words() {
            if opens(token) {
                above.push(here);
                (here, depth) = (0, depth + 1);
            } else if closes(token) {
                depth = depth.saturating_sub(here + 1);
                here = above.pop().unwrap_or_default();
            } else if *token == Token::Comma || begins_anew(token) {
                (depth, here) = (depth.saturating_sub(here), 0);
            } else if is_operator(token) {
                (depth, here) = (depth + 1, here + 1);
            }
            if depth > DEPTH {
                return Some(*span);
            }
        }
        None
    }
}

fn is_word(token: &Token, name: &str) -> bool {
    match token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(name),
        Token::Number(number, _) => number == name,
        _ => false,
    }
}

fn keyword(token: &Token) -> Option<Keyword> {
    if let Token::Word(word) = token { Some(word.keyword) } else { None }
}

fn is_part(token: &Token) -> bool {
    matches!(keyword(token), Some(Keyword::SELECT | Keyword::JOIN | Keyword::VALUES))
}

fn opens(token: &Token) -> bool {
    matches!(token, Token::LParen | Token::LBracket | Token::LBrace) || keyword(token) == Some(Keyword::CASE)
}

fn closes(token: &Token) -> bool {
    matches!(token, Token::RParen | Token::RBracket | Token::RBrace) || keyword(token) == Some(Keyword::END)
}

fn begins_anew(token: &Token) -> bool {
    matches!(
        keyword(token),
        Some(
            Keyword::SELECT
                | Keyword::FROM
                | Keyword::WHERE
                | Keyword::ON
                | Keyword::JOIN
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::ORDER
                | Keyword::WHEN
                | Keyword::THEN
                | Keyword::ELSE
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
        )
    )
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::IN
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::DIV
        ),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Placeholder(_)
        | Token::Period
        | Token::SemiColon
        | Token::EOF => false,
        _ => true,
    }
}
