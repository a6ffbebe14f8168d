//! A workbook with one sheet per query. The same tables give the same bytes: nothing in it depends on the clock.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};

use super::attach::neutral;
use super::format;
use super::render::Facts;
use super::table::{Cell, Column, Table, Value};

pub(super) const MIME: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A spreadsheet's number is a double: up to 15 significant digits are exact, more are written as text.
const EXACT_DIGITS: usize = 15;
const CELL_CHARS: usize = 32_767;

struct Styles {
    header: Format,
    header_right: Format,
    money: Format,
    count: Format,
    fine: Format,
    right: Format,
    date: Format,
}

impl Styles {
    fn new() -> Self {
        let header = Format::new().set_bold().set_background_color(0x00EE_F1F4);
        Self {
            header_right: header.clone().set_align(FormatAlign::Right),
            header,
            money: Format::new().set_num_format("#,##0.00"),
            count: Format::new().set_num_format("#,##0"),
            fine: Format::new().set_num_format("#,##0.00######"),
            right: Format::new().set_align(FormatAlign::Right),
            date: Format::new().set_num_format("yyyy-mm-dd"),
        }
    }
}

pub(super) fn write(sheets: &[(&str, &Table)], facts: &Facts) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(2000, 1, 1)?.and_hms(0, 0, 0)?;
    let title = format!("{} {} r{}", facts.pipeline, facts.period, facts.revision);
    workbook.set_properties(&DocProperties::new().set_title(title).set_creation_datetime(&created));
    let styles = Styles::new();
    for (at, (name, table)) in sheets.iter().enumerate() {
        let sheet = workbook.add_worksheet();
        sheet.set_name(sheet_name(name, at))?;
        fill(sheet, table, &styles)?;
    }
    workbook.save_to_buffer()
}

/// At most 31 characters, none of those that a sheet's name may not have.
fn sheet_name(query: &str, at: usize) -> String {
    let name: String = query.chars().filter(|char| !"[]:*?/\\'".contains(*char)).take(28).collect();
    if query.chars().count() > 28 || name.is_empty() { format!("{name}_{}", at + 1) } else { name }
}

fn fill(sheet: &mut Worksheet, table: &Table, styles: &Styles) -> Result<(), XlsxError> {
    sheet.set_freeze_panes(1, 0)?;
    for (at, column) in (0_u16..).zip(&table.columns) {
        let header = if column.numeric { &styles.header_right } else { &styles.header };
        sheet.write_string_with_format(0, at, clean(&column.name), header)?;
        sheet.set_column_width(at, width(column, table, usize::from(at)))?;
    }
    for (row, cells) in (1_u32..).zip(&table.rows) {
        for (at, cell) in (0_u16..).zip(cells) {
            write_cell(sheet, row, at, cell, styles)?;
        }
    }
    Ok(())
}

/// Room for the widest text, within reason.
fn width(column: &Column, table: &Table, at: usize) -> f64 {
    let widest = table.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.chars().count()).max();
    let chars = widest.unwrap_or(0).max(column.name.chars().count()).clamp(8, 48) + 2;
    u32::try_from(chars).map_or(50.0, f64::from)
}

fn write_cell(sheet: &mut Worksheet, row: u32, at: u16, cell: &Cell, styles: &Styles) -> Result<(), XlsxError> {
    match &cell.value {
        Value::Text(text) => sheet.write_string(row, at, clean(text))?,
        Value::Absent => sheet.write_string_with_format(row, at, format::ABSENT, &styles.right)?,
        Value::Boolean(value) => sheet.write_boolean(row, at, *value)?,
        Value::Date(date) => match date_cell(*date) {
            Some(date) => sheet.write_datetime_with_format(row, at, &date, &styles.date)?,
            None => sheet.write_string(row, at, &cell.text)?,
        },
        Value::Timestamp(_) => sheet.write_string(row, at, &cell.text)?,
        Value::Decimal { unscaled, scale } => match number(*unscaled, *scale) {
            Some(number) => sheet.write_number_with_format(row, at, number, number_style(*scale, styles))?,
            None => sheet.write_string_with_format(row, at, format::exact(*unscaled, *scale), &styles.right)?,
        },
    };
    Ok(())
}

/// The double nearest to an exact number, if it says all of its digits. This is the file format's own number type, and
/// the only place where a figure becomes one.
fn number(unscaled: i128, scale: i8) -> Option<f64> {
    let digits = unscaled.unsigned_abs().to_string();
    let significant = digits.trim_end_matches('0').len();
    (significant <= EXACT_DIGITS).then(|| format::exact(unscaled, scale).parse().ok()).flatten()
}

fn number_style(scale: i8, styles: &Styles) -> &Format {
    match scale {
        ..=0 => &styles.count,
        1..=4 => &styles.money,
        5.. => &styles.fine,
    }
}

fn date_cell(date: jiff::civil::Date) -> Option<ExcelDateTime> {
    let part = |value: i8| u8::try_from(value).ok();
    // Excel's calendar begins in 1900, with a day too many until March.
    let year = u16::try_from(date.year()).ok().filter(|year| *year > 1900)?;
    ExcelDateTime::from_ymd(year, part(date.month())?, part(date.day())?).ok()
}

/// A text that the file format can hold and no spreadsheet runs.
fn clean(text: &str) -> String {
    let kept = |char: &char| matches!(char, '\t' | '\n') || !char.is_control();
    neutral(text).chars().filter(kept).take(CELL_CHARS).collect()
}
