//! Parstat and `VersaStudio`: tab-separated text, and `.par` files with their settings around the table.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::draft::Draft;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::import::table::Delimiter;
use crate::import::table::header_at;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Stated;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        text.head_contains(6, "VersaStudio")
            || (text.head_contains(1, "Elapsed Time (s)") && text.head_contains(1, "Potential (V)"))
    },
    read,
};

const LAYOUT: Layout = Layout {
    technique: None,
    is_end: |line| line.starts_with("</"),
    ..Layout::cycler("VersaStudio", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column_in(&["elapsedtime"], Target::Record(Quantity::TestTime), "s"),
    column_in(&["potential", "ev"], Target::Record(Quantity::Voltage), "V"),
    column_in(&["e"], Target::Record(Quantity::Voltage), "V"),
    column_in(&["current", "i"], Target::Record(Quantity::Current), "A"),
    column_in(&["frequency"], Target::Record(Quantity::Frequency), "Hz"),
    column_in(
        &["zre", "zreal"],
        Target::Record(Quantity::RealImpedance),
        "ohm",
    ),
    column_in(
        &["zim", "zimag"],
        Target::Record(Quantity::ImaginaryImpedance),
        "ohm",
    ),
    column(&["segment"], Target::Record(Quantity::Cycle)),
];

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    let lines: Vec<&str> = text.text.lines().collect();
    let Some(at) = lines
        .iter()
        .position(|line| line.starts_with("Definition=Segment"))
    else {
        let header = LAYOUT.header(text)?;
        return Ok(LAYOUT.finish(without_empty_spectrum(LAYOUT.draft(text, &header)?), hints));
    };
    let names = lines[at].trim_start_matches("Definition=");
    let mut header = header_at(&[names], 0, Delimiter::Char(b','), COLUMNS);
    header.first_row = at + 1;
    let draft = without_empty_spectrum(LAYOUT.draft(text, &header)?);
    let mut measured = LAYOUT.finish(draft, hints);
    measured.stated = lines[..at].iter().filter_map(|line| stated(line)).collect();
    Ok(measured)
}

/// Every row has columns for a spectrum; where none has a frequency it is none.
fn without_empty_spectrum(mut draft: Draft) -> Draft {
    let frequency = Target::Record(Quantity::Frequency);
    let is_spectrum = draft
        .column(frequency)
        .is_some_and(|f| f.iter().any(|f| *f > 0.0));
    if !is_spectrum {
        draft.take(frequency);
        draft.take(Target::Record(Quantity::RealImpedance));
        draft.take(Target::Record(Quantity::ImaginaryImpedance));
    }
    draft
}

fn stated(line: &str) -> Option<Stated> {
    let (name, value) = line.split_once('=')?;
    let is_default = match name {
        "Mass (g)" => value.trim() == "0",
        "Working Electrode Area (cm2)" => value.trim() == "1",
        _ => return None,
    };
    Some(Stated {
        name: name.to_owned(),
        value: value.trim().to_owned(),
        is_default,
    })
}
