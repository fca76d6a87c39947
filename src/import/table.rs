//! Tables of text: where the header stands, how cells are parted, and the numbers below it.

use crate::import::content::Text;
use crate::import::draft::Draft;
use crate::import::draft::Skipped;
use crate::import::header::Column;
use crate::import::header::Found;
use crate::import::header::Target;
use crate::import::header::matched;
use crate::import::value::duration_s;
use crate::import::value::number;
use crate::import::value::unix_time_s;
use crate::record::Quantity;

/// Lines in which a header is looked for.
const HEADER_WITHIN: usize = 500;

/// How the cells of a line are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// One character; cells may stand in quotation marks.
    Char(u8),
    /// Any white space.
    Space,
}

impl Delimiter {
    /// Those that instruments use, in the order in which they are tried.
    pub(super) const ALL: [Self; 4] = [
        Self::Char(b'\t'),
        Self::Char(b';'),
        Self::Char(b','),
        Self::Space,
    ];

    /// The cells of one line.
    pub(super) fn cells(self, line: &str) -> Vec<&str> {
        match self {
            Self::Space => line.split_whitespace().collect(),
            Self::Char(delimiter) if line.contains('"') => quoted_cells(line, delimiter),
            Self::Char(delimiter) => line.split(char::from(delimiter)).collect(),
        }
    }
}

fn quoted_cells(line: &str, delimiter: u8) -> Vec<&str> {
    let mut cells = Vec::new();
    let (mut start, mut is_quoted) = (0, false);
    let bytes = line.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        // A quotation mark inside a cell, as in Z"/ohm, is part of the name.
        let is_edge = i == start || is_quoted;
        if *byte == b'"' && is_edge {
            is_quoted = !is_quoted;
        } else if *byte == delimiter && !is_quoted {
            cells.push(line[start..i].trim_matches('"'));
            start = i + 1;
        }
    }
    cells.push(line[start..].trim_matches('"'));
    cells
}

/// Where a table begins and what its columns are.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// First line of the numbers, counted from zero.
    pub(super) first_row: usize,
    /// How cells are parted.
    pub(super) delimiter: Delimiter,
    /// Whether numbers have a decimal comma.
    pub(super) decimal_comma: bool,
    /// The known columns.
    pub(super) columns: Vec<Found>,
}

impl Header {
    /// Whether a column of this target is there.
    pub(super) fn has(&self, target: Target) -> bool {
        self.columns.iter().any(|column| column.target == target)
    }

    /// What is missing for a measurement, in words.
    fn lacks(&self) -> String {
        if self.has(Target::Record(Quantity::Frequency)) {
            return "real and imaginary part of an impedance, or magnitude and phase".to_owned();
        }
        let has = |quantity| self.has(Target::Record(quantity));
        let is_current = has(Quantity::Current) || self.has(Target::CurrentDensity);
        let parts = [
            (self.is_timed(), "time"),
            (has(Quantity::Voltage), "voltage"),
            (is_current, "current"),
        ];
        let missing: Vec<&str> = parts
            .iter()
            .filter(|(is, _)| !is)
            .map(|(_, name)| *name)
            .collect();
        missing.join(" and ")
    }

    /// A column that needs a unit and has none.
    pub(super) fn without_unit(&self) -> Option<&str> {
        let column = self.columns.iter().find(|column| column.factor.is_none())?;
        Some(&column.name)
    }

    /// Whether it holds a time of any kind.
    fn is_timed(&self) -> bool {
        let time = Target::Record(Quantity::TestTime);
        self.has(time) || self.has(Target::StepTime) || self.has(Target::Clock)
    }

    /// Whether it holds voltage and current, with or without a time.
    pub(super) fn is_curve(&self) -> bool {
        let is_current =
            self.has(Target::Record(Quantity::Current)) || self.has(Target::CurrentDensity);
        is_current && self.has(Target::Record(Quantity::Voltage))
    }

    /// Whether it holds voltage, current and a time, or a spectrum.
    pub(super) fn is_complete(&self) -> bool {
        let has = |quantity| self.has(Target::Record(quantity));
        let is_imaginary = has(Quantity::ImaginaryImpedance) || self.has(Target::NegativeImaginary);
        let is_cartesian = has(Quantity::RealImpedance) && is_imaginary;
        let is_polar = self.has(Target::Magnitude) && self.has(Target::Phase);
        (self.is_timed() && self.is_curve())
            || (has(Quantity::Frequency) && (is_cartesian || is_polar))
    }
}

/// Why no header was found.
pub(super) enum NoHeader {
    /// No line has the columns: the line that comes closest, and what it lacks.
    Missing(String, String),
    /// A line (counted from one) has them, this one without a unit.
    NoUnit(usize, String),
}

/// The first line with the columns of a measurement, by a layout.
pub(super) fn find_header(text: &str, layout: &[Column]) -> Result<Header, NoHeader> {
    find_header_with(text, layout, Header::is_complete)
}

/// The first line whose columns are enough.
pub(super) fn find_header_with(
    text: &str,
    layout: &[Column],
    is_enough: fn(&Header) -> bool,
) -> Result<Header, NoHeader> {
    let lines: Vec<&str> = text.lines().take(HEADER_WITHIN).collect();
    let mut unit_missing = None;
    let mut closest = (0, String::new(), String::new());
    for (index, line) in lines.iter().enumerate() {
        for delimiter in Delimiter::ALL {
            let cells = delimiter.cells(line);
            if cells.len() < 2 {
                continue;
            }
            let header = header_at(&lines, index, delimiter, layout);
            match header.without_unit() {
                None if is_enough(&header) => return Ok(header),
                Some(name) if is_enough(&header) => {
                    unit_missing.get_or_insert((index + 1, name.to_owned()));
                }
                _ if header.columns.len() > closest.0 => {
                    closest = (header.columns.len(), (*line).to_owned(), header.lacks());
                }
                _ => {}
            }
        }
    }
    Err(match unit_missing {
        Some((line, name)) => NoHeader::NoUnit(line, name),
        None => NoHeader::Missing(closest.1, closest.2),
    })
}

/// Reads a line as header; units may stand in the line below.
pub(super) fn header_at(
    lines: &[&str],
    index: usize,
    delimiter: Delimiter,
    layout: &[Column],
) -> Header {
    let cells = delimiter.cells(lines[index]);
    let below = lines.get(index + 1).map(|line| delimiter.cells(line));
    let units = below.filter(|units| {
        units.len() + 1 >= cells.len()
            && units.iter().all(|unit| number(unit, false).is_none())
            && units
                .iter()
                .any(|unit| super::header::unit_of(unit).is_some())
    });
    let (columns, first_row) = match units {
        Some(units) => {
            let joined: Vec<String> = cells
                .iter()
                .zip(units.iter().chain(std::iter::repeat(&"")))
                .map(|(cell, unit)| joined_unit(cell, unit))
                .collect();
            let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
            (matched(&joined, layout), index + 2)
        }
        None => (matched(&cells, layout), index + 1),
    };
    let decimal_comma =
        delimiter != Delimiter::Char(b',') && has_decimal_comma(lines, first_row, delimiter);
    Header {
        first_row,
        delimiter,
        decimal_comma,
        columns,
    }
}

fn joined_unit(cell: &str, unit: &str) -> String {
    match super::header::unit_of(unit) {
        Some(unit) => format!("{cell}[{unit}]"),
        None => cell.to_owned(),
    }
}

/// Whether a cell of the first rows is like `1,5`.
fn has_decimal_comma(lines: &[&str], first_row: usize, delimiter: Delimiter) -> bool {
    let rows = lines
        .iter()
        .skip(first_row)
        .filter(|line| !line.trim().is_empty())
        .take(5);
    let mut cells = rows.flat_map(|line| delimiter.cells(line));
    cells.any(|cell| {
        let is_plain = number(cell, false).is_none() || cell.matches(',').count() == 1;
        is_plain && cell.contains(',') && !cell.contains(':') && number(cell, true).is_some()
    })
}

/// How the rows of a table are read.
pub(super) struct Rows<'a> {
    /// The file.
    pub(super) text: &'a Text,
    /// Its header.
    pub(super) header: &'a Header,
    /// What a mode says about the sign of the current: 1 charges, −1 discharges, 0 rests.
    pub(super) mode: fn(&str) -> Option<i8>,
    /// Whether the table ends before this line; blank lines do not end it.
    pub(super) is_end: fn(&str) -> bool,
}

/// Reads the rows of a table.
pub(super) fn read_rows(rows: &Rows<'_>) -> Draft {
    let header = rows.header;
    let mut draft = Draft::new(header.columns.iter().map(|column| column.target));
    let largest = header
        .columns
        .iter()
        .map(|column| column.index)
        .max()
        .unwrap_or(0);
    let mut values = vec![0.0; header.columns.len()];
    let mut lines = rows
        .text
        .text
        .lines()
        .enumerate()
        .skip(header.first_row)
        .peekable();
    while let Some((index, line)) = lines.next() {
        // Spreadsheets write empty rows as delimiters.
        if !line.contains(|c: char| c.is_alphanumeric()) {
            continue;
        }
        if (rows.is_end)(line) {
            draft.end_line = Some(index);
            break;
        }
        let is_last = lines.peek().is_none();
        match read_row(rows, line, largest, &mut values) {
            Ok(()) => draft.push(index + 1, &values),
            Err(reason) => draft.skipped.push(Skipped {
                line: index + 1,
                reason,
                is_last,
            }),
        }
    }
    draft
}

/// The values of one row; `Err` says what is wrong with it.
fn read_row(rows: &Rows<'_>, line: &str, largest: usize, values: &mut [f64]) -> Result<(), String> {
    let header = rows.header;
    let mut store = [""; 64];
    let many;
    let cells: &[&str] = match header.delimiter {
        Delimiter::Char(delimiter) if largest < 64 && !line.contains('"') => {
            let mut n = 0;
            for cell in line
                .splitn(largest + 2, char::from(delimiter))
                .take(largest + 1)
            {
                store[n] = cell;
                n += 1;
            }
            &store[..n]
        }
        _ => {
            many = header.delimiter.cells(line);
            &many
        }
    };
    for (value, column) in values.iter_mut().zip(&header.columns) {
        let cell = cells.get(column.index).copied();
        *value = match read_cell(rows, column, cell) {
            Some(value) => value * column.factor.unwrap_or(f64::NAN),
            None if is_needed(column.target) => {
                return Err(match cell {
                    Some(cell) => format!("column '{}' holds '{}'", column.name, cell.trim()),
                    None => format!("the row ends before column '{}'", column.name),
                });
            }
            None => f64::NAN,
        };
    }
    Ok(())
}

/// Whether a row is useless without it.
fn is_needed(target: Target) -> bool {
    !target.is_text()
        && !matches!(
            target,
            Target::Record(
                Quantity::Cycle | Quantity::Step | Quantity::Temperature | Quantity::UnixTime
            ) | Target::ChargeCounter
                | Target::DischargeCounter
        )
}

fn read_cell(rows: &Rows<'_>, column: &Found, cell: Option<&str>) -> Option<f64> {
    let cell = cell?;
    let decimal_comma = rows.header.decimal_comma;
    match column.target {
        Target::Record(Quantity::TestTime) | Target::StepTime => {
            duration_s(cell, decimal_comma).filter(|time| time.is_finite())
        }
        Target::Clock | Target::Record(Quantity::UnixTime) => unix_time_s(cell),
        Target::Mode => (rows.mode)(cell.trim()).map(f64::from),
        Target::Overload => Some(f64::from(u8::from(is_overload(cell.trim())))),
        Target::Excluded => Some(f64::from(u8::from(cell.trim().eq_ignore_ascii_case("yes")))),
        _ => number(cell, decimal_comma).filter(|value| value.is_finite()),
    }
}

/// Gamry marks what was overloaded by letters among dots; `a` is the auxiliary channel, which no column here uses.
fn is_overload(flags: &str) -> bool {
    flags.contains(|c: char| c.is_ascii_alphabetic() && c != 'a')
}
