//! Tables of no instrument in particular: by obvious column names, or by the columns that a data set file names.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::content::Text;
use crate::import::draft::Sign;
use crate::import::header::Column;
use crate::import::header::Found;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::import::layout::check_area;
use crate::import::layout::shortened;
use crate::import::table::Delimiter;
use crate::import::table::Header;
use crate::import::table::NoHeader;
use crate::import::table::find_header;
use crate::import::table::find_header_with;
use crate::import::value::number;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Technique;

/// Lines that are looked at for the beginning of numbers.
const NUMBERS_WITHIN: usize = 500;

/// A column of a table, as a data set file names it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedColumn {
    /// What it holds: `time`, `step_time`, `voltage`, `current`, `current_density`, `cycle`, `step`, `mode`, `frequency`,
    /// `real`, `imaginary`, `negative_imaginary`, `magnitude` or `phase`.
    pub quantity: String,
    /// Its name in the file, or its number, counted from one.
    pub place: ColumnPlace,
    /// Its unit.
    pub unit: String,
}

/// Where a column stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnPlace {
    /// By the name in the header.
    Name(String),
    /// By its number, counted from one.
    Number(usize),
}

impl NamedColumn {
    /// All names of quantities.
    pub const QUANTITIES: [&'static str; 14] = [
        "time",
        "step_time",
        "voltage",
        "current",
        "current_density",
        "cycle",
        "step",
        "mode",
        "frequency",
        "real",
        "imaginary",
        "negative_imaginary",
        "magnitude",
        "phase",
    ];

    fn target(&self) -> Option<Target> {
        Some(match self.quantity.as_str() {
            "time" => Target::Record(Quantity::TestTime),
            "step_time" => Target::StepTime,
            "voltage" => Target::Record(Quantity::Voltage),
            "current" => Target::Record(Quantity::Current),
            "current_density" => Target::CurrentDensity,
            "cycle" => Target::Record(Quantity::Cycle),
            "step" => Target::Record(Quantity::Step),
            "mode" => Target::Mode,
            "frequency" => Target::Record(Quantity::Frequency),
            "real" => Target::Record(Quantity::RealImpedance),
            "imaginary" => Target::Record(Quantity::ImaginaryImpedance),
            "negative_imaginary" => Target::NegativeImaginary,
            "magnitude" => Target::Magnitude,
            "phase" => Target::Phase,
            _ => return None,
        })
    }

    /// Whether quantity and unit are known and fit each other.
    pub fn is_valid(&self) -> bool {
        self.target()
            .is_some_and(|target| target.factor(&self.unit).is_some())
    }
}

const LAYOUT: Layout = Layout {
    sign: Sign::Unstated,
    technique: None,
    ..Layout::cycler("a table", COLUMNS)
};

// Words like Seconds, Amps and Volts are name and unit in one.
const COLUMNS: &[Column] = &[
    column(
        &["time", "testtime", "t", "elapsedtime", "totaltime"],
        Target::Record(Quantity::TestTime),
    ),
    column_in(&["seconds"], Target::Record(Quantity::TestTime), "s"),
    column(&["steptime"], Target::StepTime),
    column(
        &["voltage", "potential", "ewe", "ecell", "e", "u", "v"],
        Target::Record(Quantity::Voltage),
    ),
    column_in(&["volts"], Target::Record(Quantity::Voltage), "V"),
    column(&["current", "i"], Target::Record(Quantity::Current)),
    column_in(&["amps"], Target::Record(Quantity::Current), "A"),
    column(&["currentdensity", "j"], Target::CurrentDensity),
    column(
        &["cycle", "cycleindex", "cyclenumber", "fullcycle"],
        Target::Record(Quantity::Cycle),
    ),
    column(&["step", "stepindex", "ns"], Target::Record(Quantity::Step)),
    column(
        &["frequency", "freq", "f"],
        Target::Record(Quantity::Frequency),
    ),
    column(
        &["z'", "zre", "rez", "zreal", "realz"],
        Target::Record(Quantity::RealImpedance),
    ),
    column(
        &["z\"", "zim", "imz", "zimag", "imagz"],
        Target::Record(Quantity::ImaginaryImpedance),
    ),
    column(
        &["-z\"", "-zim", "-imz", "-zimag"],
        Target::NegativeImaginary,
    ),
    column(&["|z|", "zmod", "magnitude"], Target::Magnitude),
    column(&["phase", "phasez", "zphz", "theta"], Target::Phase),
];

/// Reads a table whose column names say what they are.
///
/// # Errors
/// [`ImportError::Unrecognised`] if they do not.
pub(super) fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    match find_header(&text.text, COLUMNS) {
        Ok(header) => {
            check_area(text, &header, hints)?;
            Ok(LAYOUT.finish(LAYOUT.draft(text, &header)?, hints))
        }
        Err(NoHeader::NoUnit(line, name)) => Err(text.wrong(
            Some(line),
            format!("column '{name}' without a unit"),
            "a unit beside each name, like 'current (mA)' or 'I/mA'",
            "write it there, or state the columns in a data set file (docs/formats.md)",
        )),
        Err(NoHeader::Missing(closest, lacks)) => {
            match find_header_with(&text.text, COLUMNS, Header::is_curve) {
                Ok(header) => read_untimed(text, &header, hints),
                Err(_) => Err(unrecognised(text, &closest, &lacks)),
            }
        }
    }
}

/// A voltammogram without a time has it from the scan rate.
fn read_untimed(text: &Text, header: &Header, hints: &Hints) -> Result<Measured, ImportError> {
    let Some(rate) = hints.scan_rate_v_s else {
        return Err(text.wrong(
            Some(header.first_row),
            "voltage and current without a time",
            "a column of time, or the scan rate of a voltammogram",
            "state --scan-rate-v-s, or scan_rate_v_s in the data set file",
        ));
    };
    check_area(text, header, hints)?;
    let mut draft = LAYOUT.draft(text, header)?;
    let potential = draft
        .column(Target::Record(Quantity::Voltage))
        .unwrap_or(&[]);
    draft.put(
        Target::Record(Quantity::TestTime),
        time_of_ramp(potential, rate),
    );
    let hints = Hints {
        technique: hints.technique.or(Some(Technique::Voltammetry)),
        ..hints.clone()
    };
    Ok(LAYOUT.finish(draft, &hints))
}

fn unrecognised(text: &Text, closest: &str, lacks: &str) -> ImportError {
    ImportError::Unrecognised {
        path: text.path.clone(),
        found: what_is_there(text, closest, lacks),
        expected: "columns for time, voltage and current, or frequency and impedance".to_owned(),
    }
}

fn what_is_there(text: &Text, closest: &str, lacks: &str) -> String {
    if !closest.is_empty() {
        return format!("the columns '{}', without {lacks}", shortened(closest));
    }
    let first = text
        .text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("");
    format!("a text that begins with '{}'", shortened(first))
}

/// Reads a table by the columns that a data set file names.
///
/// # Errors
/// [`ImportError::Layout`] if a named column is not there.
pub(super) fn read_named(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    let lines: Vec<&str> = text.text.lines().take(NUMBERS_WITHIN).collect();
    let by_name = hints
        .columns
        .iter()
        .any(|c| matches!(c.place, ColumnPlace::Name(_)));
    let (names_at, delimiter) = if by_name {
        header_with_names(&lines, &hints.columns).ok_or_else(|| missing(text, &lines, hints))?
    } else {
        (None, delimiter_of_numbers(&lines))
    };
    let names: Vec<&str> = names_at.map_or_else(Vec::new, |at| delimiter.cells(lines[at]));
    let columns = hints
        .columns
        .iter()
        .filter_map(|named| found(named, &names))
        .collect();
    let after = names_at.map_or(0, |at: usize| at + 1);
    let first_row = after
        + lines
            .iter()
            .skip(after)
            .position(|line| is_row(line, delimiter))
            .unwrap_or(0);
    let decimal_comma = delimiter != Delimiter::Char(b',')
        && lines.get(first_row).is_some_and(|row| row.contains(','));
    let header = Header {
        first_row,
        delimiter,
        decimal_comma,
        columns,
    };
    if !header.is_complete() && header.is_curve() {
        return read_untimed(text, &header, hints);
    }
    if !header.is_complete() {
        return Err(text.wrong(
            None,
            "named columns that are no measurement",
            "time, voltage and current, or frequency with real and imaginary part",
            "name all of them in the data set file",
        ));
    }
    check_area(text, &header, hints)?;
    Ok(LAYOUT.finish(LAYOUT.draft(text, &header)?, hints))
}

fn found(named: &NamedColumn, names: &[&str]) -> Option<Found> {
    let target = named.target()?;
    let index = match &named.place {
        ColumnPlace::Number(number) => number.checked_sub(1)?,
        ColumnPlace::Name(name) => names.iter().position(|cell| is_name(cell, name))?,
    };
    Some(Found {
        index,
        target,
        factor: Some(target.factor(&named.unit)?),
        name: named.quantity.clone(),
    })
}

fn is_name(cell: &str, name: &str) -> bool {
    cell.trim().trim_matches('"').trim() == name.trim()
}

fn header_with_names(
    lines: &[&str],
    columns: &[NamedColumn],
) -> Option<(Option<usize>, Delimiter)> {
    lines.iter().enumerate().find_map(|(at, line)| {
        let fits = Delimiter::ALL.into_iter().find(|delimiter| {
            let cells = delimiter.cells(line);
            columns.iter().all(|column| match &column.place {
                ColumnPlace::Name(name) => cells.iter().any(|cell| is_name(cell, name)),
                ColumnPlace::Number(number) => (1..=cells.len()).contains(number),
            })
        });
        fits.map(|delimiter| (Some(at), delimiter))
    })
}

/// The delimiter of the first line that holds several numbers.
fn delimiter_of_numbers(lines: &[&str]) -> Delimiter {
    lines
        .iter()
        .find_map(|line| Delimiter::ALL.into_iter().find(|d| is_row(line, *d)))
        .unwrap_or(Delimiter::Space)
}

fn is_row(line: &str, delimiter: Delimiter) -> bool {
    let cells = delimiter.cells(line);
    let is_number = |cell: &&str| number(cell, false).is_some() || number(cell, true).is_some();
    cells.len() >= 2
        && cells
            .iter()
            .filter(|c| !c.trim().is_empty())
            .take(2)
            .all(is_number)
}

fn missing(text: &Text, lines: &[&str], hints: &Hints) -> ImportError {
    let names: Vec<&str> = hints
        .columns
        .iter()
        .filter_map(|column| match &column.place {
            ColumnPlace::Name(name) => Some(name.as_str()),
            ColumnPlace::Number(_) => None,
        })
        .collect();
    let first = lines
        .iter()
        .find(|line| !line.trim().is_empty())
        .copied()
        .unwrap_or("");
    text.wrong(
        None,
        format!(
            "no line with all of the columns {}; the file begins with '{}'",
            names.join(", "),
            shortened(first)
        ),
        "the names as they stand in the file",
        "correct them in the data set file",
    )
}

/// Times of the points of a sweep from its potentials (V) and its rate (V/s).
pub(super) fn time_of_ramp(potential_v: &[f64], rate_v_s: f64) -> Vec<f64> {
    let mut time = 0.0;
    let mut before = potential_v.first().copied().unwrap_or(0.0);
    let times = potential_v.iter().map(|potential| {
        time += (potential - before).abs() / rate_v_s;
        before = *potential;
        time
    });
    times.collect()
}
