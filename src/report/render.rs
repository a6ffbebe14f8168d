//! Puts printed values into a report's templates, within limits.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tera::{Context, Tera};

use super::load::{BODY_HTML, BODY_TEXT, SUBJECT};
use super::{File, LoadedReport, ReportError, Table, attach, format};
use crate::pipeline::Severity;

/// Subjects longer than this are cut: no mail client shows more.
const SUBJECT_CHARS: usize = 160;

/// What a report says about its publication, already printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub pipeline: String,
    pub description: String,
    pub period: String,
    /// Up to when events count, on the pipeline's clocks, as printed.
    pub as_of: String,
    pub currency: String,
    /// Which revision of the period this is, from 1.
    pub revision: u32,
    /// Whether an earlier revision was mailed, which this one replaces.
    pub replaces: bool,
    /// The publication's number in the log.
    pub publication: u64,
    pub owner: String,
    /// Why this is not what was mailed; empty when it is, or will be.
    pub preview: String,
    /// Whether `findings` and `placed` are those of the publication. A preview may know neither.
    pub findings_known: bool,
    pub findings: Vec<Finding>,
    pub placed: Placed,
    /// Optional sources that had no file.
    pub absent_streams: Vec<String>,
}

/// A finding of a check, as a report lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: String,
    pub severity: Severity,
    pub message: String,
    /// Printed amount, or `n/a`.
    pub amount: String,
    pub owner: String,
}

/// Every row and amount that came in is accounted for, or this says what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Whether any control total counts rows.
    pub asked: bool,
    /// Printed numbers of rows: read, and accounted for.
    pub rows_in: String,
    pub rows_placed: String,
    /// Whether both sides of every control total were equal.
    pub tied: bool,
    /// Control totals that were not, each with its difference, as printed.
    pub lost: Vec<String>,
}

/// A report, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line without control characters.
    pub subject: String,
    /// A whole document with its styles inlined, loading nothing.
    pub html: String,
    pub text: String,
    pub attachments: Vec<File>,
}

/// What one template may print, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: usize,
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 5 * 1024 * 1024, time: Duration::from_secs(5) }
    }
}

/// Renders a report from the results of its queries.
///
/// # Errors
/// When a template fails or leaves its limits, or an attachment cannot be written.
pub fn render(report: &LoadedReport, facts: &Facts, tables: &BTreeMap<String, Table>) -> Result<Rendered, ReportError> {
    render_within(report, facts, tables, Limits::default())
}

/// [`render`] within other limits.
///
/// # Errors
/// As [`render`].
pub fn render_within(
    report: &LoadedReport,
    facts: &Facts,
    tables: &BTreeMap<String, Table>,
    limits: Limits,
) -> Result<Rendered, ReportError> {
    if let Some(missing) = report.queries.keys().find(|query| !tables.contains_key(*query)) {
        return Err(ReportError::MissingTable(missing.clone()));
    }
    let context = context(&report.name, facts, tables);
    let subject = subject(&print(&report.text, SUBJECT, &context, limits)?)?;
    let text = print(&report.text, BODY_TEXT, &context, limits)?;
    let html = inline(&print(&report.html, BODY_HTML, &context, limits)?)?;
    if html.len() > limits.bytes {
        return Err(ReportError::TooLarge { template: BODY_HTML.to_owned(), limit: limits.bytes });
    }
    let attachments = attach::files(&report.attachments, facts, tables)?;
    Ok(Rendered { subject, html, text, attachments })
}

fn context(report: &str, facts: &Facts, tables: &BTreeMap<String, Table>) -> Context {
    let tables: Map<String, Json> = tables.iter().map(|(query, table)| (query.clone(), table_value(table))).collect();
    let mut context = Context::from_serialize(facts).unwrap_or_default();
    context.insert("report", report);
    context.insert("tables", &tables);
    context
}

fn table_value(table: &Table) -> Json {
    let columns: Vec<Json> =
        table.columns.iter().map(|column| json!({"name": column.name, "numeric": column.numeric})).collect();
    let object = |cells: &mut dyn Iterator<Item = &str>| {
        let names = table.columns.iter().map(|column| column.name.clone());
        Json::Object(names.zip(cells.map(Json::from)).collect())
    };
    let rows: Vec<Json> = table.rows.iter().map(|row| object(&mut row.iter().map(|cell| cell.text.as_str()))).collect();
    let first = rows.first().cloned().unwrap_or_else(|| object(&mut table.columns.iter().map(|_| format::ABSENT)));
    json!({"columns": columns, "rows": rows, "first": first})
}

fn subject(printed: &str) -> Result<String, ReportError> {
    let line = format::text(printed.trim()).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(ReportError::EmptySubject);
    }
    Ok(line.chars().take(SUBJECT_CHARS).collect())
}

/// Moves the style sheet into the elements, where mail clients keep it; nothing is loaded, from disk or net. At-rules
/// (narrow screens, dark mode) stay in the head for the clients that know them.
fn inline(html: &str) -> Result<String, ReportError> {
    css_inline::CSSInliner::options()
        .load_remote_stylesheets(false)
        .keep_at_rules(true)
        .keep_style_tags(false)
        .remove_inlined_selectors(true)
        .build()
        .inline(html)
        .map_err(ReportError::Style)
}

/// Renders one template on a thread of its own: a loop that prints nothing would not come back to be stopped.
fn print(tera: &Arc<Tera>, template: &str, context: &Context, limits: Limits) -> Result<String, ReportError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let cancelled = Arc::new(AtomicBool::new(false));
    let mut printed = Capped { bytes: Vec::new(), limit: limits.bytes, full: false, cancelled: Arc::clone(&cancelled) };
    let (tera, name, context) = (Arc::clone(tera), template.to_owned(), context.clone());
    let printing = std::thread::Builder::new()
        .name("render".to_owned())
        .spawn(move || {
            let result = tera.render_to(&name, &context, &mut printed);
            // Nobody is listening any more when the time was up.
            drop(sender.send((result, printed)));
        })
        .map_err(ReportError::Thread)?;
    let template = template.to_owned();
    let answer = receiver.recv_timeout(limits.time);
    if let Err(mpsc::RecvTimeoutError::Timeout) = answer {
        // It stops when it prints, or with the process: see `crate::threads` on threads that nobody waits for.
        cancelled.store(true, Ordering::Relaxed);
        std::mem::forget(printing);
        return Err(ReportError::TooSlow { template, limit: limits.time });
    }
    // A panic is told as a thread that has not answered.
    let _ = printing.join();
    match answer {
        Ok((_, printed)) if printed.full => Err(ReportError::TooLarge { template, limit: limits.bytes }),
        Ok((Err(source), _)) => Err(ReportError::Template { template, source }),
        Ok((Ok(()), printed)) => {
            String::from_utf8(printed.bytes).map_err(|error| ReportError::Template { template, source: error.into() })
        }
        Err(_) => Err(ReportError::Stopped { template }),
    }
}

/// Keeps what is printed until the limit, and stops the template there.
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
    cancelled: Arc<AtomicBool>,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full |= self.bytes.len() + bytes.len() > self.limit;
        if self.full || self.cancelled.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
