//! Every name in a template is looked up when it is loaded, also inside `if`, where Tera takes an unknown name for false.

use std::collections::BTreeMap;

use super::lint::{Source, Tag, Token, TokenKind};
use crate::problem::{Problem, nearest};

/// What is known of a value before there is data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Anything: the argument of a component, a computed value.
    Any,
    /// A text, number or truth value, which has no fields.
    Plain,
    List(Box<Shape>),
    Object(BTreeMap<String, Shape>),
    /// A row whose columns are known once its query has been planned.
    Row,
}

impl Shape {
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(fields.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect())
    }

    fn element(&self) -> Self {
        if let Self::List(element) = self { (**element).clone() } else { Self::Any }
    }
}

/// Looks up every name that the tags use.
pub(super) fn unknown_names(source: Source<'_>, tags: &[Tag<'_>], globals: &Shape) -> Vec<Problem> {
    let names = if let Shape::Object(names) = globals { names.clone() } else { BTreeMap::new() };
    let mut walk = Walk { source, scopes: vec![Scope { names, closed: false }], problems: Vec::new() };
    for tag in tags {
        if tag.statement { walk.statement(&tag.tokens) } else { drop(walk.expression(&tag.tokens)) }
    }
    walk.problems
}

struct Scope {
    names: BTreeMap<String, Shape>,
    /// A component sees its arguments alone.
    closed: bool,
}

struct Walk<'a> {
    source: Source<'a>,
    scopes: Vec<Scope>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn statement(&mut self, tokens: &[Token<'_>]) {
        let Some((first, rest)) = tokens.split_first() else { return };
        match first.name() {
            Some("for") => self.enter_loop(rest),
            Some("component") => self.enter_component(rest),
            Some("endfor" | "endcomponent") => self.leave(),
            Some("set" | "set_global") => self.assign(rest),
            Some("if" | "elif") => drop(self.expression(rest)),
            Some("filter") => drop(self.expression(rest.get(1..).unwrap_or_default())),
            // `<name …>` opens a component with a body.
            None => drop(self.expression(tokens)),
            // else, endif, block, endblock, extends, include, break, continue name nothing of the context.
            Some(_) => {}
        }
    }

    /// `for value in list` or `for key, value in map`.
    fn enter_loop(&mut self, tokens: &[Token<'_>]) {
        let at = tokens.iter().position(|token| token.name() == Some("in")).unwrap_or(tokens.len());
        let (variables, list) = tokens.split_at(at);
        let list = self.expression(list.get(1..).unwrap_or_default());
        let variables: Vec<&str> = variables.iter().filter_map(Token::name).collect();
        let element = if variables.len() == 1 { list.element() } else { Shape::Any };
        let mut names: BTreeMap<String, Shape> =
            variables.into_iter().map(|name| (name.to_owned(), element.clone())).collect();
        names.insert("loop".to_owned(), Shape::Any);
        self.scopes.push(Scope { names, closed: false });
    }

    /// `component name(argument: type = default, …rest)`.
    fn enter_component(&mut self, tokens: &[Token<'_>]) {
        let mut names = BTreeMap::from([("body".to_owned(), Shape::Any)]);
        for pair in tokens.windows(2) {
            if let [before, token] = pair
                && (before.is('(') || before.is(',') || before.is('.'))
                && let Some(name) = token.name()
            {
                names.insert(name.to_owned(), Shape::Any);
            }
        }
        self.scopes.push(Scope { names, closed: true });
    }

    fn leave(&mut self) {
        if self.scopes.len() > 1 {
            self.scopes.pop();
        }
    }

    /// `set name = expression`, or `set name` around a block.
    fn assign(&mut self, tokens: &[Token<'_>]) {
        let Some((name, rest)) = tokens.split_first() else { return };
        let shape = if rest.first().is_some_and(|token| token.is('=')) {
            self.expression(rest.get(1..).unwrap_or_default())
        } else {
            Shape::Any
        };
        if let (Some(name), Some(scope)) = (name.name(), self.scopes.last_mut()) {
            scope.names.insert(name.to_owned(), shape);
        }
    }

    /// Looks up the names of an expression; its shape, where it is no more than a path.
    fn expression(&mut self, tokens: &[Token<'_>]) -> Shape {
        let component = tokens.first().is_some_and(|token| token.is('<'));
        if component && tokens.get(1).is_some_and(|token| token.is('/')) {
            return Shape::Any;
        }
        let mut at = if component { skip_dotted(tokens, 1) } else { 0 };
        let mut shape = Shape::Any;
        while let Some(token) = tokens.get(at) {
            if token.name().is_some_and(|name| is_variable(tokens, at, name)) {
                let (found, after) = self.path(tokens, at);
                let alone = at == 0 && after == tokens.len();
                shape = if alone { found } else { filtered(&found, at, tokens.get(after..).unwrap_or_default()) };
                at = after;
            } else {
                at += 1;
            }
        }
        shape
    }

    /// `name.field.0["field"][expression]` from `at`; its shape, and where it ends.
    fn path(&mut self, tokens: &[Token<'_>], at: usize) -> (Shape, usize) {
        let Some((token, name)) = tokens.get(at).and_then(|token| Some((token, token.name()?))) else {
            return (Shape::Any, at + 1);
        };
        let mut shape = self.look_up(name, token.at);
        let mut walked = name.to_owned();
        let mut at = at + 1;
        loop {
            // `a?.b` and `a?[b]` are paths too.
            if tokens.get(at).is_some_and(|token| token.is('?')) {
                at += 1;
            }
            match tokens.get(at) {
                Some(dot) if dot.is('.') => {
                    let Some(field) = tokens.get(at + 1) else { return (shape, at + 1) };
                    shape = self.field(&shape, &mut walked, field);
                    at += 2;
                }
                Some(bracket) if bracket.is('[') => {
                    let end = closing(tokens, at);
                    let inner = tokens.get(at + 1..end).unwrap_or_default();
                    shape = match inner {
                        [field] if field.name().is_none() => self.field(&shape, &mut walked, field),
                        _ => {
                            drop(self.expression(inner));
                            Shape::Any
                        }
                    };
                    at = end + 1;
                }
                _ => return (shape, at),
            }
        }
    }

    fn look_up(&mut self, name: &str, at: usize) -> Shape {
        let open = self.scopes.iter().rev().position(|scope| scope.closed).map_or(self.scopes.len(), |at| at + 1);
        let visible: Vec<&Scope> = self.scopes.iter().rev().take(open).collect();
        if let Some(shape) = visible.iter().find_map(|scope| scope.names.get(name)) {
            return shape.clone();
        }
        let known: Vec<&str> = visible.iter().flat_map(|scope| scope.names.keys().map(String::as_str)).collect();
        let problem = unknown(format!("no value is called `{name}`"), name, &known).at(self.source.place(at));
        // The dump of everything has a problem of its own.
        if name != "__tera_context" {
            self.problems.push(problem);
        }
        Shape::Any
    }

    fn field(&mut self, shape: &Shape, walked: &mut String, token: &Token<'_>) -> Shape {
        let (TokenKind::Name(field) | TokenKind::Text(field) | TokenKind::Number(field)) = token.kind else {
            return Shape::Any;
        };
        let index = matches!(token.kind, TokenKind::Number(_));
        let (found, known): (Option<Shape>, Vec<&str>) = match shape {
            Shape::Any => (Some(Shape::Any), Vec::new()),
            Shape::Row => (Some(Shape::Plain), Vec::new()),
            Shape::Plain => (None, Vec::new()),
            Shape::List(element) => (index.then(|| (**element).clone()), Vec::new()),
            Shape::Object(fields) => (fields.get(field).cloned(), fields.keys().map(String::as_str).collect()),
        };
        if found.is_none() {
            let message = format!("`{walked}` has nothing called `{field}`");
            self.problems.push(unknown(message, field, &known).at(self.source.place(token.at)));
        }
        walked.push('.');
        walked.push_str(field);
        found.unwrap_or(Shape::Any)
    }
}

fn unknown(message: String, name: &str, known: &[&str]) -> Problem {
    let problem = Problem::new("E601", message);
    match nearest(name, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => problem,
        None => problem.help(format!("known here: {}", known.join(", "))),
    }
}

/// The shape after `| first` and its like; anything else computes a new value.
fn filtered(shape: &Shape, start: usize, rest: &[Token<'_>]) -> Shape {
    match rest {
        [pipe, filter] if start == 0 && pipe.is('|') => match filter.name() {
            Some("first" | "last") => shape.element(),
            Some("reverse" | "sort") => shape.clone(),
            _ => Shape::Any,
        },
        _ => Shape::Any,
    }
}

/// Whether the name at `at` is a value, and neither a keyword, a filter, a test, a function nor an argument's name.
fn is_variable(tokens: &[Token<'_>], at: usize, name: &str) -> bool {
    const KEYWORDS: [&str; 13] =
        ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
    let named_before = |back, name| before(back).and_then(Token::name) == Some(name);
    let sign_after = |ahead: usize, sign| tokens.get(at + ahead).is_some_and(|token: &Token<'_>| token.is(sign));
    let test = named_before(1, "is") || (named_before(1, "not") && named_before(2, "is"));
    let argument = sign_after(1, '=') && !sign_after(2, '=');
    let filter = before(1).is_some_and(|token| token.is('|'));
    !(KEYWORDS.contains(&name) || test || argument || filter || sign_after(1, '('))
}

/// Past a dotted name such as `ui.card`.
fn skip_dotted(tokens: &[Token<'_>], from: usize) -> usize {
    let mut at = from + 1;
    while tokens.get(at).is_some_and(|token| token.is('.')) {
        at += 2;
    }
    at
}

/// The bracket that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_u32;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is('[') {
            depth += 1;
        } else if token.is(']') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    tokens.len()
}
