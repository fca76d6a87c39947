//! The measured files of a data set, with what no instrument knows: whose mass, which area, which columns.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error as DeError;
use serde::de::Unexpected;
use serde::de::Visitor;

use super::error::ConfigError;
use super::error::Place;
use super::nearest::one_of;
use crate::import::ColumnPlace;
use crate::import::Hints;
use crate::import::NamedColumn;
use crate::import::PositiveCurrent;
use crate::record::Technique;
use crate::report::REQUIRED;

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
pub(super) struct RawMass {
    /// Mass of the sulfur alone.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0))]
    sulfur_mg: Option<RawNumber>,
    /// Mass of a composite with sulfur; needs `sulfur_share`.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0))]
    composite_mg: Option<RawNumber>,
    /// Mass of the whole electrode layer; needs `sulfur_share`.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0))]
    electrode_mg: Option<RawNumber>,
    /// Share of sulfur in `composite_mg` or `electrode_mg`.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1, "x-unit" = "1"))]
    sulfur_share: Option<f64>,
}

/// A number, or the word that it must still be written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum RawNumber {
    Known(f64),
    Required,
}

impl<'de> Deserialize<'de> for RawNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = RawNumber;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_f64<E: DeError>(self, value: f64) -> Result<RawNumber, E> {
        Ok(RawNumber::Known(value))
    }

    fn visit_i64<E: DeError>(self, value: i64) -> Result<RawNumber, E> {
        Ok(RawNumber::Known(value as f64))
    }

    fn visit_str<E: DeError>(self, word: &str) -> Result<RawNumber, E> {
        if word == REQUIRED {
            Ok(RawNumber::Required)
        } else {
            Err(E::invalid_type(Unexpected::Str(word), &self))
        }
    }
}

/// What holds for all records of a data set that do not say otherwise.
#[derive(Clone, Copy, Default)]
pub(super) struct Common {
    area_m2: Option<f64>,
    mass: Option<Mass>,
}

impl Common {
    /// Checks area and mass of a data set; what is still required is told in one message.
    pub(super) fn new(
        place: &Place<'_>,
        area_cm2: Option<RawNumber>,
        raw_mass: Option<&RawMass>,
    ) -> Result<Self, ConfigError> {
        let mut missing = Vec::new();
        if area_cm2 == Some(RawNumber::Required) {
            missing.push((
                "electrode_area_cm2",
                "the geometric area of the electrode in cm2",
            ));
        }
        missing.extend(raw_mass.and_then(RawMass::missing));
        if !missing.is_empty() {
            let keys: Vec<&str> = missing.iter().map(|(key, _)| *key).collect();
            let what: Vec<&str> = missing.iter().map(|(_, what)| *what).collect();
            let expected = format!(
                "{}; no file states it: write the number in place of \"{REQUIRED}\"",
                what.join(" and ")
            );
            return Err(place.value(keys.join(", "), format!("\"{REQUIRED}\""), expected));
        }
        let area_m2 = match area_cm2 {
            Some(RawNumber::Known(area)) => {
                let key = "electrode_area_cm2";
                Some(place.number(key, area, |v| v > 0.0, "a positive number")? * 1e-4)
            }
            _ => None,
        };
        let mass = raw_mass.map(|raw| mass(place, "mass", raw)).transpose()?;
        Ok(Self { area_m2, mass })
    }
}

impl RawMass {
    /// The mass that must still be written: its key and what it is.
    fn missing(&self) -> Option<(&'static str, &'static str)> {
        let masses = [
            (
                self.sulfur_mg,
                "mass.sulfur_mg",
                "the mass of sulfur in the electrode in mg",
            ),
            (
                self.composite_mg,
                "mass.composite_mg",
                "the mass of the composite in mg",
            ),
            (
                self.electrode_mg,
                "mass.electrode_mg",
                "the mass of the electrode in mg",
            ),
        ];
        let is_missing = |mass: Option<RawNumber>| mass == Some(RawNumber::Required);
        let mut missing = masses.into_iter().filter(|(mass, _, _)| is_missing(*mass));
        missing.next().map(|(_, key, what)| (key, what))
    }
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
    common: Common,
) -> Result<Vec<RecordFile>, ConfigError> {
    let folder = place.path.parent().unwrap_or(Path::new("."));
    let mut files: Vec<RecordFile> = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let key = format!("record {} ('{}')", index + 1, raw.file.display());
        let mut file = record_file(place, folder, &key, raw)?;
        file.hints.area_m2 = file.hints.area_m2.or(common.area_m2);
        file.mass = file.mass.or(common.mass);
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
        let expected = one_of(name, Technique::NAMES.iter().map(|(n, _)| *n));
        place.value(format!("{key}: technique"), format!("'{name}'"), expected)
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
    let milligrams = |raw: RawNumber| match raw {
        RawNumber::Known(mg) => {
            let mass = place.number(key, mg, |m| m > 0.0, "a positive mass in mg")?;
            Ok(mass * 1e-6)
        }
        RawNumber::Required => {
            let expected = "a positive mass in mg; write the number in its place";
            Err(place.value(key, format!("\"{REQUIRED}\""), expected))
        }
    };
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
