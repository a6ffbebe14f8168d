//! A report's attachments: the figures themselves, exact, for a spreadsheet.

use std::collections::BTreeMap;

use super::{Facts, ReportError, Table, csv, spreadsheet};
use crate::pipeline::Attachment;

/// A file that goes with the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: String,
    /// Media type such as `text/csv`.
    pub mime: &'static str,
    pub bytes: Vec<u8>,
}

pub(super) fn files(
    attachments: &[Attachment],
    facts: &Facts,
    tables: &BTreeMap<String, Table>,
) -> Result<Vec<File>, ReportError> {
    attachments.iter().map(|attachment| file(attachment, facts, tables)).collect()
}

fn file(attachment: &Attachment, facts: &Facts, tables: &BTreeMap<String, Table>) -> Result<File, ReportError> {
    let name = attachment.name.replace("{period}", &facts.period);
    let sheets = attachment
        .queries
        .iter()
        .map(|query| {
            let table = tables.get(query).ok_or_else(|| ReportError::MissingTable(query.clone()))?;
            Ok((query.as_str(), table))
        })
        .collect::<Result<Vec<_>, ReportError>>()?;
    match (name.rsplit_once('.'), sheets.as_slice()) {
        (Some((_, "csv")), [(_, table)]) => Ok(File { bytes: csv::write(table), mime: "text/csv", name }),
        (Some((_, "xlsx")), sheets) => match spreadsheet::write(sheets, facts) {
            Ok(bytes) => Ok(File { bytes, mime: spreadsheet::MIME, name }),
            Err(source) => Err(ReportError::Spreadsheet { name, source }),
        },
        _ => Err(ReportError::AttachmentForm(name)),
    }
}

/// A text as a spreadsheet may hold it: one that a spreadsheet would run as a formula starts with `'` instead.
pub(super) fn neutral(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
