//! CH Instruments: text with a preamble of settings; voltammetry, steps and impedance.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::draft::Draft;
use crate::import::draft::Sign;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Technique;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(12, "Instrument Model:") && text.head_contains(12, "CHI"),
    read,
};

// The software writes cathodic current positive unless its user changes that, and the file does not say.
const LAYOUT: Layout = Layout {
    sign: Sign::DischargePositive,
    technique: None,
    ..Layout::cycler("CH Instruments", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column(&["time"], Target::Record(Quantity::TestTime)),
    column(&["potential"], Target::Record(Quantity::Voltage)),
    column(&["current"], Target::Record(Quantity::Current)),
    column(&["freq"], Target::Record(Quantity::Frequency)),
    column(&["z'"], Target::Record(Quantity::RealImpedance)),
    column(&["z\""], Target::Record(Quantity::ImaginaryImpedance)),
    column_in(&["segment"], Target::Record(Quantity::Cycle), "1"),
];

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    let title = text.text.lines().nth(1).unwrap_or("").to_lowercase();
    if title.contains("impedance") {
        return LAYOUT.read(text, hints);
    }
    let Some(header) = potential_header(text) else {
        return LAYOUT.read(text, hints);
    };
    let mut draft = LAYOUT.draft(text, &header)?;
    add_time(text, &mut draft)?;
    let hints = Hints {
        technique: hints.technique.or(title
            .contains("voltammetry")
            .then_some(Technique::Voltammetry)),
        ..hints.clone()
    };
    Ok(LAYOUT.finish(draft, &hints))
}

/// Voltammograms hold potential and current alone.
fn potential_header(text: &Text) -> Option<crate::import::table::Header> {
    let lines: Vec<&str> = text.text.lines().collect();
    let index = lines
        .iter()
        .position(|line| line.starts_with("Potential/V"))?;
    let delimiter = crate::import::table::Delimiter::Char(b',');
    Some(crate::import::table::header_at(
        &lines, index, delimiter, COLUMNS,
    ))
}

/// Time from the scan rate in the preamble.
fn add_time(text: &Text, draft: &mut Draft) -> Result<(), ImportError> {
    let rate = text.text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim()
            .starts_with("Scan Rate (V/s)")
            .then(|| value.trim().parse::<f64>().ok())?
    });
    let Some(rate) = rate.filter(|rate| *rate > 0.0) else {
        return Err(text.wrong(
            None,
            "a voltammogram without 'Scan Rate (V/s)'",
            "the scan rate in the preamble",
            "export it with its parameters",
        ));
    };
    let potential = draft
        .column(Target::Record(Quantity::Voltage))
        .unwrap_or(&[]);
    draft.put(
        Target::Record(Quantity::TestTime),
        crate::import::generic::time_of_ramp(potential, rate),
    );
    Ok(())
}
