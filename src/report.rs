//! Reports: query results become printed strings, templates put them in place, attachments carry the figures.
//!
//! A template never sees a number: every figure is printed here, from its exact value, and a template can neither
//! calculate with it nor round it. What a template may name is checked when it is loaded, long before there is data.

mod attach;
mod csv;
pub mod format;
mod lint;
mod load;
mod markup;
mod render;
mod scope;
mod spreadsheet;
mod table;

pub use attach::File;
pub use load::{LoadedReport, TextFile, Texts};
pub use render::{Facts, Finding, Limits, Placed, Rendered, render, render_within};
pub use table::{Cell, Column, Table, Value};

use crate::error::{Exit, Failure};

/// Why a report could not be rendered from data that is there.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("error[E601]: cannot render `{template}`")]
    Template { template: String, source: tera::Error },
    #[error("error[E604]: `{template}` printed more than {limit} bytes")]
    TooLarge { template: String, limit: usize },
    #[error("error[E604]: `{template}` took longer than {} ms", limit.as_millis())]
    TooSlow { template: String, limit: std::time::Duration },
    #[error("error[E605]: the subject is empty")]
    EmptySubject,
    #[error("error[E605]: the style sheet cannot be inlined")]
    Style(#[source] css_inline::InlineError),
    #[error("error[E606]: column `{column}` has type {found}, which no report prints: cast it in the query")]
    ColumnType { column: String, found: String },
    #[error("error[E606]: column `{column}` holds a value outside its type decimal({precision},{scale})")]
    OutOfRange { column: String, precision: u8, scale: i8 },
    #[error("error[E606]: column `{column}` cannot be read")]
    Column { column: String, source: arrow::error::ArrowError },
    #[error("error[E606]: column `{column}` holds an instant outside the years -9999 to 9999")]
    Instant { column: String },
    #[error("error[E605]: no result was given for query `{0}`")]
    MissingTable(String),
    #[error("error[E605]: attachment `{0}` ends in neither .csv nor .xlsx")]
    AttachmentForm(String),
    #[error("error[E605]: attachment `{name}` cannot be written")]
    Spreadsheet { name: String, source: rust_xlsxwriter::XlsxError },
    #[error("rendering `{template}` stopped without a result")]
    Stopped { template: String },
    #[error("a thread to render in cannot be started")]
    Thread(#[source] std::io::Error),
}

impl ReportError {
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Stopped { .. } | Self::MissingTable(_) => Exit::Internal,
            Self::Thread(_) => Exit::Resources,
            _ => Exit::Definition,
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Self::new(error.exit(), error)
    }
}
