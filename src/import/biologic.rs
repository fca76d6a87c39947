//! `BioLogic` EC-Lab and BT-Lab: text exports of every technique, with or without their preamble.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::import::table::Header;
use crate::import::value::number;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Stated;
use crate::record::Technique;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        let is_named = ["EC-Lab ASCII FILE", "BT-Lab ASCII FILE"]
            .iter()
            .any(|name| text.head_contains(1, name));
        let is_bare = ["Ewe/V", "Ecell/V"]
            .iter()
            .any(|name| text.head_contains(1, name))
            && ["I/mA", "<I>/mA", "Re(Z)/Ohm"]
                .iter()
                .any(|name| text.head_contains(1, name));
        is_named || is_bare
    },
    read,
};

const LAYOUT: Layout = Layout {
    technique: None,
    ..Layout::cycler("BioLogic", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column(&["freq"], Target::Record(Quantity::Frequency)),
    column(&["rez"], Target::Record(Quantity::RealImpedance)),
    column(&["-imz"], Target::NegativeImaginary),
    column(&["time"], Target::Record(Quantity::TestTime)),
    column(
        &["ewe", "ecell", "eweece"],
        Target::Record(Quantity::Voltage),
    ),
    column(&["i"], Target::Record(Quantity::Current)),
    column_in(&["cyclenumber"], Target::Record(Quantity::Cycle), "1"),
    column_in(&["ns"], Target::Record(Quantity::Step), "1"),
    column(&["temperature"], Target::Record(Quantity::Temperature)),
];

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    let mut header = header(text)?;
    if has_clock(text, &header) {
        let time = Target::Record(Quantity::TestTime);
        let columns = header.columns.iter_mut();
        for column in columns.filter(|column| column.target == time) {
            column.target = Target::Clock;
        }
    }
    if technique(text) == Some(Technique::Impedance)
        && !header.has(Target::Record(Quantity::Frequency))
    {
        return Err(text.wrong(
            Some(header.first_row),
            "an impedance measurement without the column freq/Hz",
            "frequency, Re(Z) and -Im(Z)",
            "choose these columns when exporting as text",
        ));
    }
    let hints = Hints {
        technique: hints.technique.or_else(|| technique(text)),
        ..hints.clone()
    };
    let mut measured = LAYOUT.finish(LAYOUT.draft(text, &header)?, &hints);
    measured.stated = text
        .text
        .lines()
        .take(header.first_row)
        .filter_map(stated)
        .collect();
    Ok(measured)
}

/// The header stands in the last of the lines that the preamble counts.
fn header(text: &Text) -> Result<Header, ImportError> {
    let stated = text
        .text
        .lines()
        .nth(1)
        .and_then(|line| line.strip_prefix("Nb header lines :"));
    let header = LAYOUT.header(text)?;
    let Some(n_lines) = stated.and_then(|n| n.trim().parse::<usize>().ok()) else {
        return Ok(header);
    };
    if n_lines != header.first_row {
        return Err(text.wrong(
            Some(2),
            format!(
                "{n_lines} header lines stated, the columns in line {}",
                header.first_row
            ),
            "the columns in the last header line",
            "the file was changed or cut: export it again",
        ));
    }
    Ok(header)
}

/// Whether the time is written as date and time of the day.
fn has_clock(text: &Text, header: &Header) -> bool {
    let row = text.text.lines().nth(header.first_row).unwrap_or("");
    let cells = header.delimiter.cells(row);
    let time = header
        .columns
        .iter()
        .find(|c| c.target == Target::Record(Quantity::TestTime));
    time.and_then(|time| cells.get(time.index))
        .is_some_and(|cell| cell.contains('/') && cell.contains(':'))
}

/// The technique by its name in the preamble.
fn technique(text: &Text) -> Option<Technique> {
    let name = text.text.lines().nth(3)?.to_lowercase();
    let has = |word: &str| name.contains(word);
    if has("impedance") {
        Some(Technique::Impedance)
    } else if has("voltammetry") {
        Some(Technique::Voltammetry)
    } else if has("chronoamperometry") {
        Some(Technique::Chronoamperometry)
    } else if has("chronopotentiometry") {
        Some(Technique::Chronopotentiometry)
    } else if has("open circuit") {
        Some(Technique::OpenCircuit)
    } else if has("galvanostatic cycling") || has("modulo bat") || has("battery") {
        Some(Technique::Cycling)
    } else {
        None
    }
}

/// Mass and area, whose defaults are a thousandth.
fn stated(line: &str) -> Option<Stated> {
    let (name, value) = line.split_once(" : ")?;
    let wanted = [
        "Electrode surface area",
        "Characteristic mass",
        "Mass of active material",
    ];
    if !wanted.contains(&name.trim()) {
        return None;
    }
    let digits = value.split_whitespace().next().unwrap_or("");
    let is_default = [false, true]
        .iter()
        .any(|comma| number(digits, *comma).is_some_and(|v| (v - 0.001).abs() < 1e-9));
    Some(Stated {
        name: name.trim().to_lowercase(),
        value: value.trim().to_owned(),
        is_default,
    })
}
