//! Instrument files to measured records: one file per vendor, recognised by content, nothing believed blindly.

mod arbin;
mod autolab;
mod basytec;
mod bdf;
mod biologic;
mod bitrode;
mod chi;
mod content;
mod draft;
mod error;
mod folder;
mod gamry;
mod generic;
mod guard;
mod header;
mod land;
mod layout;
mod maccor;
mod neware;
mod novonix;
mod parstat;
mod pec;
mod powersuite;
mod relaxis;
mod simulated;
mod table;
mod technique;
mod value;
mod workbook;
mod write;
mod zahner;
mod zplot;

use std::path::Path;

pub use error::ImportError;
pub use folder::FolderFile;
pub use folder::FolderRecord;
pub use folder::read_folder;
pub use generic::ColumnPlace;
pub use generic::NamedColumn;
pub use simulated::Origin;
pub use write::write_csv;
pub use write::write_parquet;

use crate::record::Finding;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Severity;
use crate::record::Technique;
use crate::record::check;
use content::Content;
use content::Text;
use content::content;

/// How the notes of a file begin that was simulated.
pub const SYNTHETIC: &str = "SYNTHETIC";
/// Lines in which these notes are looked for.
const LABELLED_WITHIN: usize = 60;

/// Which current a file writes as positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositiveCurrent {
    /// The one that charges the cell or oxidises at the working electrode.
    Charge,
    /// The one that discharges the cell or reduces at the working electrode.
    Discharge,
}

/// What the user says about a file, beyond what stands in it.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// How it was measured.
    pub technique: Option<Technique>,
    /// Sign of the current; overrides that of the instrument.
    pub positive_current: Option<PositiveCurrent>,
    /// Geometric area of the electrode (m²), for files with current densities.
    pub area_m2: Option<f64>,
    /// Scan rate (V/s), for voltammograms without a time.
    pub scan_rate_v_s: Option<f64>,
    /// Columns of a table that no instrument's layout describes.
    pub columns: Vec<NamedColumn>,
}

/// A vendor's reader.
struct Vendor {
    /// Whether a text comes from this vendor's instruments.
    recognises: fn(&Text) -> bool,
    /// Reads it.
    read: fn(&Text, &Hints) -> Result<Measured, ImportError>,
}

/// All readers of text, the unmistakable ones first.
const VENDORS: &[Vendor] = &[
    gamry::VENDOR,
    biologic::VENDOR,
    zplot::VENDOR,
    relaxis::VENDOR,
    parstat::VENDOR,
    chi::VENDOR,
    autolab::VENDOR,
    basytec::VENDOR,
    novonix::VENDOR,
    maccor::VENDOR,
    bitrode::VENDOR,
    pec::VENDOR,
    bdf::VENDOR,
    land::VENDOR,
    arbin::VENDOR,
    neware::VENDOR,
    powersuite::VENDOR,
];

/// One of the records in a file.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which one, where a file holds several.
    pub name: Option<String>,
    /// The record.
    pub measured: Measured,
    /// Whether sulfit simulated it.
    pub is_simulated: bool,
    /// Geometric area of the electrode (m²), where the file states it and can be believed: what sulfit simulated.
    pub area_m2: Option<f64>,
    /// Mass of sulfur (kg), likewise.
    pub sulfur_kg: Option<f64>,
}

impl From<Measured> for Part {
    fn from(measured: Measured) -> Self {
        Self {
            name: None,
            measured,
            is_simulated: false,
            area_m2: None,
            sulfur_kg: None,
        }
    }
}

/// Reads the records of a file and checks them: one of an instrument, one for each step of a simulated protocol.
///
/// # Errors
/// [`ImportError`] if the file is none that can be read, with what to do instead.
pub fn read_parts(path: &Path, hints: &Hints) -> Result<Vec<Part>, ImportError> {
    let bytes = std::fs::read(path).map_err(|error| ImportError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    tracing::info!("read {}, {} bytes", path.display(), bytes.len());
    parse_parts(path, bytes, hints)
}

/// Reads a measurement from a file, whatever its instrument, and checks it.
///
/// # Errors
/// [`ImportError`] if the file is none that can be read, or holds several records, with what to do instead.
pub fn read_measured(path: &Path, hints: &Hints) -> Result<Measured, ImportError> {
    only_one(path, read_parts(path, hints)?)
}

/// The same for bytes; the path is for messages only.
///
/// # Errors
/// See [`read_measured`].
pub fn parse_measured(path: &Path, bytes: Vec<u8>, hints: &Hints) -> Result<Measured, ImportError> {
    only_one(path, parse_parts(path, bytes, hints)?)
}

fn only_one(path: &Path, parts: Vec<Part>) -> Result<Measured, ImportError> {
    let n_parts = parts.len();
    let mut parts = parts.into_iter();
    match (parts.next(), n_parts) {
        (Some(part), 1) => Ok(part.measured),
        _ => Err(ImportError::Layout {
            path: path.to_owned(),
            line: None,
            found: format!("{n_parts} records"),
            expected: "one".to_owned(),
            remedy: "analyse it with sulfit analyze, which takes each by itself".to_owned(),
        }),
    }
}

fn parse_parts(path: &Path, bytes: Vec<u8>, hints: &Hints) -> Result<Vec<Part>, ImportError> {
    let mut parts: Vec<Part> = match content(path, bytes)? {
        Content::Text(text) => vec![parse_text(&text, hints)?.into()],
        Content::Workbook(bytes) => vec![workbook::read(path, bytes, hints)?.into()],
        Content::Parquet(bytes) => bdf::read_parquet(path, bytes, hints)?,
        Content::Zahner(bytes) => vec![zahner::read(path, &bytes)?.into()],
    };
    for part in &mut parts {
        check_whole(path, &part.measured)?;
        // A simulation has no operator and no instrument whose faults could be found.
        if part.is_simulated {
            continue;
        }
        drop_dc_rows(&mut part.measured);
        let found = check(&part.measured);
        part.measured.findings.extend(found);
    }
    Ok(parts)
}

fn parse_text(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    if !hints.columns.is_empty() {
        return generic::read_named(text, hints);
    }
    let mut measured = match VENDORS.iter().find(|vendor| (vendor.recognises)(text)) {
        Some(vendor) => (vendor.read)(text, hints),
        None => generic::read(text, hints),
    }?;
    measured.findings.extend(synthetic(text));
    Ok(measured)
}

/// A file whose preamble says that no instrument has measured it, in a field that begins with [`SYNTHETIC`].
fn synthetic(text: &Text) -> Option<Finding> {
    let mut lines = text.text.lines().take(LABELLED_WITHIN).enumerate();
    lines.find_map(|(index, line)| {
        let label = &line[line.find(&format!("{SYNTHETIC}:"))?..];
        // Cells of a table may follow.
        let label = label.split(['\t', '"']).next().unwrap_or(label);
        let found = format!(
            "the file calls itself {}",
            label.trim_end_matches(',').trim()
        );
        Some(Finding::new(Severity::Note, found, "").at(index + 1))
    })
}

/// A layout may find its table and still no numbers in a column, for want of a unit or of a date that can be read.
fn check_whole(path: &Path, measured: &Measured) -> Result<(), ImportError> {
    let has = |quantity: &Quantity| measured.values(*quantity).is_some();
    let curve = [Quantity::TestTime, Quantity::Voltage, Quantity::Current];
    let spectrum = [
        Quantity::Frequency,
        Quantity::RealImpedance,
        Quantity::ImaginaryImpedance,
    ];
    if curve.iter().all(has) || spectrum.iter().all(has) {
        return Ok(());
    }
    let present: Vec<&str> = Quantity::ALL
        .into_iter()
        .filter(has)
        .map(Quantity::name)
        .collect();
    Err(ImportError::Layout {
        path: path.to_owned(),
        line: None,
        found: format!(
            "a file like those of {}, with numbers for {} only",
            measured.instrument,
            if present.is_empty() {
                "nothing".to_owned()
            } else {
                present.join(", ")
            }
        ),
        expected: "time, voltage and current, or frequency and impedance, each with its unit"
            .to_owned(),
        remedy: "export it again with all columns".to_owned(),
    })
}

/// Rows of a spectrum without a frequency are a direct-current part of the experiment.
fn drop_dc_rows(measured: &mut Measured) {
    let Some(frequency) = measured.values(Quantity::Frequency) else {
        return;
    };
    let keep: Vec<bool> = frequency.iter().map(|f| *f > 0.0).collect();
    let dropped = measured.retain(&keep);
    if let Some(first) = dropped.first() {
        let found = format!(
            "{} rows without a frequency, from the direct-current part of the experiment, were left out",
            dropped.len()
        );
        let finding = Finding::new(Severity::Note, found, "").at(*first as usize);
        measured.findings.push(finding);
    }
}
