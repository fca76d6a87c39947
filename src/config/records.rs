//! The measured files of a data set, with what no instrument knows: whose mass, which area, which columns.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use crate::import::ColumnPlace;
use crate::import::Hints;
use crate::import::NamedColumn;
use crate::import::PositiveCurrent;
use crate::record::Technique;

/// A measured file of a data set.
#[derive(Clone, Debug)]
pub struct RecordFile {
    /// Name, unique in its data set: that of the file without its ending unless stated.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What its importer must be told.
    pub hints: Hints,
    /// Mass of the electrode, if it is stated.
    pub mass: Option<Mass>,
}

/// Whose mass is stated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mass {
    /// Of the sulfur alone (kg).
    Sulfur(f64),
    /// Of a sulfur composite (kg) with its share of sulfur (1).
    Composite(f64, f64),
    /// Of the whole electrode layer (kg) with its share of sulfur (1).
    Electrode(f64, f64),
}

impl Mass {
    /// Mass of the sulfur (kg).
    pub fn sulfur_kg(self) -> f64 {
        match self {
            Self::Sulfur(mass) => mass,
            Self::Composite(mass, share) | Self::Electrode(mass, share) => mass * share,
        }
    }
}

/// A measured file, with what no instrument knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord {
    /// Name by which experiments use it; unique.
    #[schemars(extend("x-default" = "the file's name without its ending"))]
    name: Option<String>,
    /// Path of the file, from the data set file's folder.
    file: PathBuf,
    /// How it was measured, where the file does not tell.
    #[schemars(extend("enum" = crate::record::Technique::NAMES.map(|(name, _)| name)))]
    technique: Option<String>,
    /// What a positive current means in the file; overrules the instrument.
    #[schemars(extend("x-default" = "what the instrument's files mean"))]
    positive_current: Option<RawSign>,
    /// Area of the electrode.
    #[schemars(extend("exclusiveMinimum" = 0))]
    electrode_area_cm2: Option<f64>,
    /// Scan rate, for a voltammogram without a time.
    #[schemars(extend("exclusiveMinimum" = 0))]
    scan_rate_v_s: Option<f64>,
    /// Whose mass is known; specific capacities and rates are by the sulfur.
    mass: Option<RawMass>,
    /// Columns by the quantity that they hold, for tables that no instrument's layout describes.
    #[serde(default)]
    column: BTreeMap<String, RawColumn>,
    /// A remark for the reader.
    #[serde(rename = "note")]
    _note: Option<String>,
}

/// What a positive current does.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RawSign {
    /// It charges the cell, or oxidises.
    Charge,
    /// It discharges the cell, or reduces.
    Discharge,
}

/// A mass; exactly one of `sulfur_mg`, `composite_mg` and `electrode_mg`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawMass {
    /// Mass of the sulfur alone.
    #[schemars(extend("exclusiveMinimum" = 0))]
    sulfur_mg: Option<f64>,
    /// Mass of a composite with sulfur; needs `sulfur_share`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    composite_mg: Option<f64>,
    /// Mass of the whole electrode layer; needs `sulfur_share`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    electrode_mg: Option<f64>,
    /// Share of sulfur in `composite_mg` or `electrode_mg`.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1, "x-unit" = "1"))]
    sulfur_share: Option<f64>,
}

/// A column; by name or by number.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    /// Its name in the header; either this or number.
    name: Option<String>,
    /// Its number, counted from one, where there is no header.
    #[schemars(extend("minimum" = 1))]
    number: Option<usize>,
    /// Its unit, like "mA".
    unit: String,
}

/// Checks the records of a data set file.
pub(super) fn record_files(
    place: &Place<'_>,
    raw: Vec<RawRecord>,
) -> Result<Vec<RecordFile>, ConfigError> {
    let folder = place.path.parent().unwrap_or(Path::new("."));
    let mut files: Vec<RecordFile> = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let key = format!("record {} ('{}')", index + 1, raw.file.display());
        let file = record_file(place, folder, &key, raw)?;
        if files.iter().any(|other| other.name == file.name) {
            let found = format!("a second '{}'", file.name);
            let expected = "a name of its own, like name = \"first_cell\"";
            return Err(place.value(format!("{key}: name"), found, expected));
        }
        files.push(file);
    }
    Ok(files)
}

fn record_file(
    place: &Place<'_>,
    folder: &Path,
    key: &str,
    raw: RawRecord,
) -> Result<RecordFile, ConfigError> {
    let positive = |name: &str, value: Option<f64>| match value {
        Some(value) => place
            .number(
                &format!("{key}: {name}"),
                value,
                |v| v > 0.0,
                "a positive number",
            )
            .map(Some),
        None => Ok(None),
    };
    let technique = match &raw.technique {
        Some(name) => Some(technique(place, key, name)?),
        None => None,
    };
    let columns = raw
        .column
        .into_iter()
        .map(|(quantity, raw)| column(place, key, quantity, raw));
    let hints = Hints {
        technique,
        positive_current: raw.positive_current.map(|sign| match sign {
            RawSign::Charge => PositiveCurrent::Charge,
            RawSign::Discharge => PositiveCurrent::Discharge,
        }),
        area_m2: positive("electrode_area_cm2", raw.electrode_area_cm2)?.map(|area| area * 1e-4),
        scan_rate_v_s: positive("scan_rate_v_s", raw.scan_rate_v_s)?,
        columns: columns.collect::<Result<_, _>>()?,
    };
    let mass = match raw.mass {
        Some(raw) => Some(mass(place, &format!("{key}: mass"), &raw)?),
        None => None,
    };
    let stem = raw.file.file_stem().unwrap_or_default();
    let name = raw
        .name
        .unwrap_or_else(|| stem.to_string_lossy().into_owned());
    Ok(RecordFile {
        name,
        path: folder.join(raw.file),
        hints,
        mass,
    })
}

fn technique(place: &Place<'_>, key: &str, name: &str) -> Result<Technique, ConfigError> {
    let known = Technique::NAMES.iter().find(|(n, _)| *n == name);
    known.map(|(_, technique)| *technique).ok_or_else(|| {
        let names: Vec<&str> = Technique::NAMES.iter().map(|(n, _)| *n).collect();
        place.value(
            format!("{key}: technique"),
            format!("'{name}'"),
            format!("one of {}", names.join(", ")),
        )
    })
}

fn column(
    place: &Place<'_>,
    key: &str,
    quantity: String,
    raw: RawColumn,
) -> Result<NamedColumn, ConfigError> {
    let key = format!("{key}: column.{quantity}");
    let at = match (raw.name, raw.number) {
        (Some(name), None) => ColumnPlace::Name(name),
        (None, Some(number)) if number > 0 => ColumnPlace::Number(number),
        _ => {
            return Err(place.value(
                key,
                "neither or both",
                "name = \"...\" or number = 1 or more",
            ));
        }
    };
    let column = NamedColumn {
        quantity,
        place: at,
        unit: raw.unit,
    };
    if !NamedColumn::QUANTITIES.contains(&column.quantity.as_str()) {
        return Err(place.value(
            key,
            "an unknown quantity",
            format!("one of {}", NamedColumn::QUANTITIES.join(", ")),
        ));
    }
    if !column.is_valid() {
        return Err(place.value(
            key,
            format!("unit '{}'", column.unit),
            "a unit of that quantity, like 'mA'",
        ));
    }
    Ok(column)
}

fn mass(place: &Place<'_>, key: &str, raw: &RawMass) -> Result<Mass, ConfigError> {
    let milligrams = |mg: f64| place.number(key, mg * 1e-6, |m| m > 0.0, "a positive mass in mg");
    let share = || {
        let share = raw.sulfur_share.ok_or_else(|| {
            place.value(
                key,
                "no sulfur_share",
                "the share of sulfur in this mass, like sulfur_share = 0.7",
            )
        })?;
        place.number(
            &format!("{key}.sulfur_share"),
            share,
            |s| s > 0.0 && s <= 1.0,
            "a share above 0 and up to 1",
        )
    };
    match (raw.sulfur_mg, raw.composite_mg, raw.electrode_mg) {
        (Some(mg), None, None) => Ok(Mass::Sulfur(milligrams(mg)?)),
        (None, Some(mg), None) => Ok(Mass::Composite(milligrams(mg)?, share()?)),
        (None, None, Some(mg)) => Ok(Mass::Electrode(milligrams(mg)?, share()?)),
        _ => Err(place.value(
            key,
            "none or several masses",
            "one of sulfur_mg, composite_mg, electrode_mg, so that it is clear whose mass it is",
        )),
    }
}
