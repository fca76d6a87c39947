//! Excel workbooks: the sheets that hold records, read as text by the vendors' layouts.

use std::fmt::Write;
use std::io::Cursor;
use std::path::Path;

use calamine::Data;
use calamine::Reader;
use calamine::Sheets;
use calamine::Xlsx;
use calamine::open_workbook_auto_from_rs;

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::content::Text;
use crate::import::guard::caught;
use crate::record::Measured;

/// Most text that a sheet may become (bytes): a small workbook can unpack to a huge one.
const TEXT_MAX: usize = 1 << 30;
/// Rows and columns that Excel knows.
const PLACE_MAX: (u32, u32) = (1_048_576, 16_384);

/// A workbook in memory.
type Book = Sheets<Cursor<Vec<u8>>>;

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
    let open = || open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|e| e.to_string());
    let mut workbook = caught(open).map_err(damaged)?;
    if matches!(workbook, Sheets::Xlsb(_) | Sheets::Ods(_)) {
        return Err(damaged("neither xlsx nor xls".to_owned()));
    }
    let mut names = workbook.sheet_names();
    // Records before summaries, whatever their order in the book.
    names.sort_by_key(|name| !is_record_name(name));
    let mut told = None;
    for (index, name) in names.iter().enumerate() {
        let sheet = match caught(|| sheet_text(&mut workbook, name)) {
            Ok(sheet) => sheet,
            Err(reason) => {
                told.get_or_insert_with(|| format!("sheet '{name}': {reason}"));
                continue;
            }
        };
        let mut text = Text {
            path: path.to_owned(),
            text: sheet.text,
        };
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
            // A sheet that goes on repeats the names of the columns.
            if let Ok(sheet) = caught(|| sheet_text(&mut workbook, next)) {
                let rows = sheet.text.split_once('\n').map_or("", |(_, rows)| rows);
                text.text.push_str(rows);
            }
        }
        text.path = format!("{}, sheet {name}", path.display()).into();
        return match super::parse_text(&text, hints) {
            Ok(mut measured) => {
                measured.shift_lines(sheet.n_empty);
                Ok(measured)
            }
            Err(error) => Err(error.below(sheet.n_empty)),
        };
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

/// A sheet as tab-separated text whose lines are the sheet's rows, from the first that is filled.
struct Sheet {
    text: String,
    /// Empty rows before the first line.
    n_empty: usize,
}

fn sheet_text(workbook: &mut Book, name: &str) -> Result<Sheet, String> {
    let (text, n_before) = match workbook {
        Sheets::Xlsx(xlsx) => (streamed(xlsx, name)?, 0),
        // Older books have 65 536 rows of 256 columns at most.
        older => {
            let range = older.worksheet_range(name).map_err(|e| e.to_string())?;
            let mut text = String::new();
            range.rows().for_each(|row| append_row(&mut text, row));
            (text, range.start().map_or(0, |(row, _)| row as usize))
        }
    };
    let filled = text.trim_start_matches('\n');
    Ok(Sheet {
        n_empty: n_before + text.len() - filled.len(),
        text: filled.to_owned(),
    })
}

/// Reads cell by cell: a range would reserve room for all cells between the outermost two, of which a file of a
/// kilobyte can demand 17 billion.
fn streamed(xlsx: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> Result<String, String> {
    let mut cells = xlsx
        .worksheet_cells_reader(name)
        .map_err(|e| e.to_string())?;
    let mut text = String::new();
    let (mut row, mut column) = (0, 0);
    while let Some(cell) = cells.next_cell().map_err(|e| e.to_string())? {
        let place = cell.get_position();
        if place.0 >= PLACE_MAX.0 || place.1 >= PLACE_MAX.1 || text.len() > TEXT_MAX {
            return Err("a sheet larger than any record".to_owned());
        }
        // Excel writes cells in order; what comes too late has no place left.
        if place < (row, column) {
            continue;
        }
        while row < place.0 {
            text.push('\n');
            (row, column) = (row + 1, 0);
        }
        while column < place.1 {
            text.push('\t');
            column += 1;
        }
        append_cell(&mut text, &Data::from(cell.get_value().clone()));
    }
    text.push('\n');
    Ok(text)
}

fn append_row(text: &mut String, row: &[Data]) {
    for (index, cell) in row.iter().enumerate() {
        if index > 0 {
            text.push('\t');
        }
        append_cell(text, cell);
    }
    text.push('\n');
}

fn append_cell(text: &mut String, cell: &Data) {
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
