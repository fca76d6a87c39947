//! Excel workbooks: the sheets that hold records, read as text by the vendors' layouts.

use std::fmt::Write;
use std::io::Cursor;
use std::path::Path;

use calamine::Data;
use calamine::Range;
use calamine::Reader;
use calamine::open_workbook_auto_from_rs;

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::content::Text;
use crate::record::Measured;

/// Rows of all sheets together that are read: a small workbook can unpack to a huge one.
const CELLS_MAX: usize = 200_000_000;

/// Reads a workbook: the first sheet that is a record, with the sheets that go on from it.
///
/// # Errors
/// [`ImportError`] if no sheet is one.
pub(super) fn read(path: &Path, bytes: Vec<u8>, hints: &Hints) -> Result<Measured, ImportError> {
    let damaged = |reason: String| ImportError::Kind {
        path: path.to_owned(),
        kind: format!("a workbook that cannot be opened ({reason})"),
        remedy: "open it in a spreadsheet program and save it as xlsx or csv".to_owned(),
    };
    let mut workbook =
        open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|e| damaged(e.to_string()))?;
    let mut names = workbook.sheet_names();
    // Records before summaries, whatever their order in the book.
    names.sort_by_key(|name| !is_record_name(name));
    let mut told = None;
    for (index, name) in names.iter().enumerate() {
        let Ok(range) = workbook.worksheet_range(name) else {
            continue;
        };
        let mut text = sheet_text(path, &range);
        let is_known = super::VENDORS
            .iter()
            .any(|vendor| (vendor.recognises)(&text));
        if !is_known && hints.columns.is_empty() {
            told.get_or_insert_with(|| {
                format!("sheet '{name}' that begins with '{}'", first_line(&text))
            });
            continue;
        }
        for next in names[index + 1..].iter().filter(|next| goes_on(name, next)) {
            if let Ok(range) = workbook.worksheet_range(next) {
                append_rows(&mut text.text, &range);
            }
        }
        text.path = format!("{}, sheet {name}", path.display()).into();
        return super::parse_text(&text, hints);
    }
    Err(ImportError::Unrecognised {
        path: path.to_owned(),
        found: told.unwrap_or_else(|| "a workbook without a filled sheet".to_owned()),
        expected: "a sheet with columns for time, voltage and current".to_owned(),
    })
}

fn is_record_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let has = |word: &str| name.contains(word);
    has("channel") || has("record") || has("detail") || has("记录")
}

/// Arbin begins a further sheet after a million rows: `Channel_1_1`, `Channel_1_2`.
fn goes_on(first: &str, next: &str) -> bool {
    let stem = |name: &str| {
        name.rsplit_once('_')
            .map(|(stem, number)| (stem.to_owned(), number.parse::<u32>().ok()))
    };
    match (stem(first), stem(next)) {
        (Some((a, Some(i))), Some((b, Some(j)))) => a == b && j > i,
        _ => false,
    }
}

fn first_line(text: &Text) -> String {
    crate::import::layout::shortened(text.text.lines().next().unwrap_or(""))
}

/// A sheet as tab-separated text whose lines are the sheet's rows.
fn sheet_text(path: &Path, range: &Range<Data>) -> Text {
    let mut text = String::new();
    if let Some((first_row, _)) = range.start() {
        (0..first_row).for_each(|_| text.push('\n'));
    }
    if range.height().saturating_mul(range.width()) <= CELLS_MAX {
        range.rows().for_each(|row| append_row(&mut text, row));
    }
    Text {
        path: path.to_owned(),
        text: text.trim_start_matches('\n').to_owned(),
    }
}

/// The rows of a sheet that goes on; it repeats the names of the columns.
fn append_rows(text: &mut String, range: &Range<Data>) {
    range.rows().skip(1).for_each(|row| append_row(text, row));
}

fn append_row(text: &mut String, row: &[Data]) {
    for (index, cell) in row.iter().enumerate() {
        if index > 0 {
            text.push('\t');
        }
        // Writing into a string cannot fail.
        let _ = match cell {
            Data::Empty | Data::Error(_) => Ok(()),
            Data::DateTime(moment) => match moment.as_datetime() {
                Some(date) if !moment.is_duration() => {
                    write!(text, "{}", date.format("%Y-%m-%d %H:%M:%S%.3f"))
                }
                _ => write!(text, "{}", moment.as_f64() * 86_400.0),
            },
            Data::String(words) => write!(text, "{}", words.replace(['\t', '\n', '\r'], " ")),
            other => write!(text, "{other}"),
        };
    }
    text.push('\n');
}
