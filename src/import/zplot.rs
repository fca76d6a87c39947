//! `ZPlot` and `ZView`: text of spectra, with settings in front; the `Z60W` form that others export too.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Stated;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        text.head_contains(1, "ZPLOT2 ASCII")
            || text.head_contains(1, "ZPlotW Data File")
            || text.head_contains(1, "Z60W Data File")
    },
    read,
};

const LAYOUT: Layout = Layout::spectrum("ZPlot", COLUMNS);

// `(a)` and `(b)` stand where a unit would: real and imaginary part in ohm.
const COLUMNS: &[Column] = &[
    column_in(&["freq"], Target::Record(Quantity::Frequency), "Hz"),
    column_in(&["z'a"], Target::Record(Quantity::RealImpedance), "ohm"),
    column_in(
        &["z\"b"],
        Target::Record(Quantity::ImaginaryImpedance),
        "ohm",
    ),
    column_in(&["time"], Target::Record(Quantity::TestTime), "s"),
];

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    let lines: Vec<&str> = text.text.lines().collect();
    let names = lines
        .iter()
        .position(|line| line.contains("Freq") && line.contains("Z'(a)"));
    let Some(names) = names else {
        return LAYOUT.read(text, hints);
    };
    // Names are parted by spaces, or by tabs, and numbers by commas in some versions.
    let header = names_and_rows(&lines, names);
    let mut measured = LAYOUT.finish(LAYOUT.draft(text, &header)?, hints);
    measured.stated = lines
        .iter()
        .take(names)
        .filter_map(|line| area(line))
        .collect();
    Ok(measured)
}

fn names_and_rows(lines: &[&str], names: usize) -> crate::import::table::Header {
    use crate::import::table::Delimiter;
    let is_number = |line: &&&str| {
        line.trim_start()
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
    };
    let first = lines
        .iter()
        .skip(names)
        .find(is_number)
        .copied()
        .unwrap_or("");
    let delimiter = if first.contains('\t') {
        Delimiter::Char(b'\t')
    } else if first.contains(',') {
        Delimiter::Char(b',')
    } else {
        Delimiter::Space
    };
    let line = lines[names].trim_matches('"');
    let cells = if line.contains('\t') {
        Delimiter::Char(b'\t').cells(line)
    } else {
        // A name like `Freq (Hz)` holds a space of its own.
        line.split("  ")
            .map(str::trim)
            .flat_map(split_names)
            .collect()
    };
    let columns = crate::import::header::matched(&cells, COLUMNS);
    let after = lines
        .iter()
        .skip(names + 1)
        .position(|line| is_number(&line))
        .unwrap_or(0);
    crate::import::table::Header {
        first_row: names + 1 + after,
        delimiter,
        decimal_comma: false,
        columns,
    }
}

fn split_names(cell: &str) -> Vec<&str> {
    if cell == "Freq (Hz)" || cell.is_empty() {
        return (!cell.is_empty()).then_some(cell).into_iter().collect();
    }
    cell.split_whitespace().collect()
}

fn area(line: &str) -> Option<Stated> {
    let value = line.trim().strip_prefix("Surface Area:")?.trim();
    Some(Stated {
        name: "surface area (cm2)".to_owned(),
        value: value.to_owned(),
        is_default: value.parse::<f64>().is_ok_and(|v| (v - 1.0).abs() < 1e-9),
    })
}
