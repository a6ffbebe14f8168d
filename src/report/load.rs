//! Reads a report's folder and checks everything in it that can be wrong before there is data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tera::{ErrorKind, Kwargs, State, Tera};

use super::lint::{self, Source};
use super::scope::{self, Shape};
use crate::pipeline::{Attachment, NumberFormat, Report};
use crate::problem::{Place, Problem, Problems};

/// What every report consists of, besides its queries.
pub(super) const SUBJECT: &str = "subject.txt";
pub(super) const BODY_HTML: &str = "body.html";
pub(super) const BODY_TEXT: &str = "body.txt";

/// A file's text and where it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    pub path: PathBuf,
    pub text: String,
}

/// The texts of a report by file name: its own, and those that reports share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// `subject.txt`, `body.html`, `body.txt`, one `.sql` per query, further `.html` and `.txt` to include.
    pub own: BTreeMap<String, TextFile>,
    /// `.html` and `.txt` files of the folder above: the frame and the components.
    pub shared: BTreeMap<String, TextFile>,
}

impl Texts {
    /// Reads a report's folder and the templates beside it.
    ///
    /// # Errors
    /// A problem for each file that cannot be read, or is neither template nor query.
    pub fn read(directory: &Path) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let own = read_folder(directory, &mut problems);
        let mut shared = match directory.parent().filter(|_| problems.is_empty()) {
            Some(parent) => read_folder(parent, &mut problems),
            None => BTreeMap::new(),
        };
        shared.retain(|name, _| is_template(name));
        for (name, file) in &own {
            if !is_template(name) && !ends_in(name, "sql") {
                problems.push(
                    Problem::new("E602", format!("`{name}` is neither template nor query"))
                        .at(Place::file(&file.path))
                        .help("name templates .html or .txt, queries .sql"),
                );
            }
        }
        Problems::none_or(problems, Self { own, shared })
    }
}

fn is_template(name: &str) -> bool {
    ends_in(name, "html") || ends_in(name, "txt")
}

/// Endings are exact: `R.HTML` is neither template nor query.
fn ends_in(name: &str, ending: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == ending)
}

fn read_folder(directory: &Path, problems: &mut Vec<Problem>) -> BTreeMap<String, TextFile> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Problem::new("E603", format!("`{}` cannot be read: {error}", path.display())).at(Place::file(path))
    };
    let mut files = BTreeMap::new();
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(unreadable(directory, error));
            return files;
        }
    };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if name.starts_with('.') || !path.is_file() || name == "README.md" {
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => drop(files.insert(name, TextFile { path, text })),
            Err(error) => problems.push(unreadable(&path, error)),
        }
    }
    files
}

/// A report whose templates parse, name only what exists, and cannot print markup that came with the data.
#[derive(Clone, Debug)]
pub struct LoadedReport {
    pub name: String,
    /// SQL by query name, to be run over the published tables.
    pub queries: BTreeMap<String, String>,
    /// How columns are printed where their type does not decide.
    pub formats: BTreeMap<String, NumberFormat>,
    pub attachments: Vec<Attachment>,
    pub(super) html: Arc<Tera>,
    pub(super) text: Arc<Tera>,
    templates: BTreeMap<String, TextFile>,
}

impl LoadedReport {
    /// Parses and checks a report's texts.
    ///
    /// # Errors
    /// All problems: syntax (E600), unknown names (E601), ways around escaping (E602), missing files (E603), endless
    /// loops (E604).
    pub fn load(report: &Report, texts: Texts) -> Result<Self, Problems> {
        let mut problems = missing(report, &texts);
        let queries: BTreeMap<String, String> = texts
            .own
            .iter()
            .filter_map(|(name, file)| Some((name.strip_suffix(".sql")?.to_owned(), file.text.clone())))
            .collect();
        let mut templates = texts.shared;
        templates.extend(texts.own.into_iter().filter(|(name, _)| is_template(name)));

        // Two instances, because escaping is a property of an instance's names: HTML escapes whatever its name is.
        let (mut html, mut text) = (Tera::new(), Tera::new());
        html.autoescape_on([""]);
        text.autoescape_on(Vec::<&str>::new());
        text.register_filter("left", |text: &str, kwargs: Kwargs, _: &State| pad(text, &kwargs, false));
        text.register_filter("right", |text: &str, kwargs: Kwargs, _: &State| pad(text, &kwargs, true));
        problems.extend(add(&mut html, "html", &templates));
        problems.extend(add(&mut text, "txt", &templates));
        problems.extend(lint(&templates));
        let loaded = Self {
            name: report.name.clone(),
            queries,
            formats: report.formats.clone(),
            attachments: report.attachments.clone(),
            html: Arc::new(html),
            text: Arc::new(text),
            templates,
        };
        // Names are looked up in templates that parse: elsewhere every tag would be a guess.
        if problems.is_empty() {
            problems.extend(loaded.unknown_names(&BTreeMap::new()));
        }
        Problems::none_or(problems, loaded)
    }

    /// Problems for columns that the templates name and a planned query does not have.
    #[must_use]
    pub fn check_columns(&self, query: &str, columns: &[&str]) -> Vec<Problem> {
        self.unknown_names(&BTreeMap::from([(query, columns)]))
    }

    fn unknown_names(&self, columns: &BTreeMap<&str, &[&str]>) -> Vec<Problem> {
        let globals = globals(self.queries.keys().map(String::as_str), columns);
        let look = |file: &TextFile| {
            let source = Source { file: &file.path, text: &file.text };
            scope::unknown_names(source, &lint::tags(&file.text), &globals)
        };
        self.templates.values().flat_map(look).collect()
    }
}

/// Every name a template may use.
fn globals<'a>(queries: impl Iterator<Item = &'a str>, columns: &BTreeMap<&str, &[&str]>) -> Shape {
    let table = |query: &'a str| {
        let row = columns
            .get(query)
            .map_or(Shape::Row, |columns| Shape::object(columns.iter().map(|column| (*column, Shape::Plain))));
        let column = Shape::object([("name", Shape::Plain), ("numeric", Shape::Plain)]);
        let fields = [("rows", Shape::list(row.clone())), ("first", row), ("columns", Shape::list(column))];
        (query, Shape::object(fields))
    };
    let finding = ["check", "severity", "message", "amount", "owner"].map(|name| (name, Shape::Plain));
    let mut placed = vec![("lost", Shape::list(Shape::Plain))];
    placed.extend(["asked", "rows_in", "rows_placed", "tied"].map(|name| (name, Shape::Plain)));
    let plain = [
        "pipeline",
        "report",
        "description",
        "period",
        "as_of",
        "currency",
        "revision",
        "replaces",
        "publication",
        "owner",
        "preview",
        "findings_known",
    ];
    let mut names: Vec<(&str, Shape)> = plain.map(|name| (name, Shape::Plain)).into();
    names.push(("findings", Shape::list(Shape::object(finding))));
    names.push(("placed", Shape::object(placed)));
    names.push(("absent_streams", Shape::list(Shape::Plain)));
    names.push(("tables", Shape::object(queries.map(table))));
    Shape::object(names)
}

fn missing(report: &Report, texts: &Texts) -> Vec<Problem> {
    [SUBJECT, BODY_HTML, BODY_TEXT]
        .into_iter()
        .filter(|name| !texts.own.contains_key(*name))
        .map(|name| {
            Problem::new("E603", format!("report `{}` has no `{name}`", report.name))
                .at(Place::file(report.directory.join(name)))
        })
        .collect()
}

fn lint(templates: &BTreeMap<String, TextFile>) -> Vec<Problem> {
    let look = |(name, file): (&String, &TextFile)| {
        let source = Source { file: &file.path, text: &file.text };
        lint::forbidden(source, &lint::tags(&file.text), ends_in(name, "html"))
    };
    templates.iter().flat_map(look).collect()
}

/// Adds the templates of one kind. Tera stops at the first template it cannot parse: that one is set aside and the rest
/// tried again, so that every syntax error is reported at once.
fn add(tera: &mut Tera, ending: &str, templates: &BTreeMap<String, TextFile>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut aside = BTreeSet::new();
    loop {
        let chosen = templates.iter().filter(|(name, _)| ends_in(name, ending) && !aside.contains(*name));
        let Err(error) = tera.add_raw_templates(chosen.map(|(name, file)| (name, &file.text))) else { break };
        match error.kind() {
            ErrorKind::SyntaxError(report) if aside.insert(report.filename().to_owned()) => {
                let problem = Problem::new("E600", lower_first(report.message()));
                problems.push(match templates.get(report.filename()) {
                    Some(file) => {
                        let (line, column) = (report.span().start_line, report.span().start_col + 1);
                        problem.at(Place::within(&file.path, &file.text, line, column))
                    }
                    None => problem,
                });
            }
            // What is missing is only known when all of the others have been read.
            _ if !problems.is_empty() => break,
            kind => {
                problems.extend(unresolved(kind, templates));
                break;
            }
        }
    }
    problems
}

/// Problems of templates that parse but do not fit together.
fn unresolved(kind: &ErrorKind, templates: &BTreeMap<String, TextFile>) -> Vec<Problem> {
    if let ErrorKind::MissingParent { current, parent } = kind {
        let problem = Problem::new("E603", format!("`{current}` extends `{parent}`, which is not there"));
        return vec![match templates.get(current) {
            Some(file) => {
                let at = file.text.find(parent.as_str()).unwrap_or(0);
                problem.at(Source { file: &file.path, text: &file.text }.place(at))
            }
            None => problem,
        }];
    }
    // Tera prints unknown filters, components and includes as one text of blocks: message, then ` --> file:line:column`.
    kind.to_string().split("\n\n").map(|block| unresolved_block(block, templates)).collect()
}

fn unresolved_block(block: &str, templates: &BTreeMap<String, TextFile>) -> Problem {
    let mut lines = block.lines();
    let message = lines.next().unwrap_or("").trim_start_matches("error: ");
    let code = if message.starts_with("Unknown template") { "E603" } else { "E600" };
    let place = lines.next().and_then(|line| {
        let mut parts = line.trim().trim_start_matches("--> ").rsplitn(3, ':');
        let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let file = templates.get(parts.next()?)?;
        Some(Place::within(&file.path, &file.text, line, column))
    });
    let problem = Problem::new(code, lower_first(message));
    if let Some(place) = place { problem.at(place) } else { problem }
}

/// Fills a cell of a plain text table up to `width` characters; a text that is longer keeps all of them.
fn pad(text: &str, kwargs: &Kwargs, right: bool) -> tera::TeraResult<String> {
    let width = kwargs.must_get::<usize>("width")?.min(200);
    Ok(if right { format!("{text:>width$}") } else { format!("{text:<width$}") })
}

fn lower_first(message: &str) -> String {
    let mut message = message.to_owned();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    message
}
