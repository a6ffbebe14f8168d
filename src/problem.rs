//! A problem: one thing a person has to put right, with its place and what to do about it.
//!
//! Everything a person writes (the pipeline file, SQL, templates, mapping tables) is checked as a whole, and every
//! problem found is reported in one go. A problem prints in at most five lines and never shows a secret.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where in a file a problem sits. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    pub file: PathBuf,
    pub line: Option<usize>,
    pub column: Option<usize>,
    /// The offending line as it stands in the file, without its line end.
    pub excerpt: Option<String>,
}

impl Place {
    /// A place that is a whole file.
    #[must_use]
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), line: None, column: None, excerpt: None }
    }

    /// A line and column of a text, with the line as excerpt.
    #[must_use]
    pub fn within(file: &Path, text: &str, line: usize, column: usize) -> Self {
        Self {
            file: file.to_path_buf(),
            line: Some(line),
            column: Some(column),
            excerpt: text.lines().nth(line.saturating_sub(1)).map(str::to_owned),
        }
    }
}

/// One problem. The code is stable and documented; the message names the thing in backticks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Stable code such as `E105`.
    pub code: &'static str,
    /// What is wrong, as a lowercase fragment that shows the value.
    pub message: String,
    pub place: Option<Place>,
    /// One action that puts it right.
    pub help: Option<String>,
}

impl Problem {
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, help: None }
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {}", place.file.display())?;
            if let (Some(line), Some(column)) = (place.line, place.column) {
                write!(f, ":{line}:{column}")?;
                if let Some(excerpt) = &place.excerpt {
                    write!(f, "\n{line:>4} | {}", shorten(excerpt))?;
                }
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// An excerpt stays readable when somebody minified the file.
fn shorten(line: &str) -> String {
    const LIMIT: usize = 120;
    if line.chars().count() <= LIMIT { line.to_owned() } else { line.chars().take(LIMIT).chain(['…']).collect() }
}

/// All problems of one look at the files: never empty when it is an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{}", join(.0))]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `Ok(value)` when nothing was found, all problems otherwise.
    ///
    /// # Errors
    /// The problems, when there are any.
    pub fn none_or<T>(problems: Vec<Problem>, value: T) -> Result<T, Self> {
        if problems.is_empty() { Ok(value) } else { Err(Self(problems)) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n\n")
}

/// The known name nearest to what was written, when it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| *distance <= (name.len().max(written.len()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}
