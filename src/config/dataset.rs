//! Data sets of stated numbers: `datasets/<name>/dataset.toml` and its table of facts.

use std::path::Path;
use std::path::PathBuf;

use polars::prelude::CsvReadOptions;
use polars::prelude::DataFrame;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use super::error::parse_toml;
use super::error::read_text;
use super::records::Common;
use super::records::RawMass;
use super::records::RawNumber;
use super::records::RawRecord;
use super::records::RecordFile;
use super::records::record_files;
use crate::estimate::Noise;
use crate::estimate::Origin;
use crate::units::Unit;

/// What a fact may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactRole {
    /// A number that fits compare with.
    Fitted,
    /// A limit that fits respect.
    Bound,
    /// A statement of larger or smaller.
    Ordering,
    /// Informs a prior.
    Prior,
    /// Describes the catalyst.
    Descriptor,
    /// Kept from fits, to be predicted.
    Predicted,
    /// Follows from other facts: never counted.
    Derived,
    /// For the reader.
    Context,
}

/// One stated number.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Identifier; unique together with the cell.
    pub id: String,
    /// The cell or material it is about.
    pub cell: String,
    /// The number, if there is one, in its unit.
    pub value: Option<f64>,
    /// Unit.
    pub unit: Unit,
    /// Role.
    pub role: FactRole,
    /// How far it may be off, in its own unit for absolute ones.
    pub noise: Option<Noise>,
}

/// A data set: stated numbers, measured files, or both.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The file with the numbers, for messages.
    pub path: PathBuf,
    /// Where its numbers and records come from.
    pub origin: Origin,
    /// The stated numbers.
    pub rows: Vec<Fact>,
    /// The measured files.
    pub records: Vec<RecordFile>,
    /// Highest voltage that the electrolyte stands (V), if it is known.
    pub upper_limit_v: Option<f64>,
}

impl Facts {
    /// The fact of an identifier about one of these cells.
    pub fn find(&self, id: &str, cells: &[String]) -> Option<&Fact> {
        self.rows.iter().find(|fact| {
            fact.id == id
                && (cells.contains(&fact.cell)
                    || fact.cell == "both"
                    || fact.cell.starts_with("either"))
        })
    }
}

/// A data set: stated numbers, measured files, or both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDataset {
    /// Name of the data set.
    #[serde(rename = "name")]
    _name: String,
    /// Title for the reader.
    #[serde(rename = "title")]
    _title: String,
    /// Where it comes from: a publication, a laboratory.
    #[serde(rename = "origin")]
    _origin: String,
    /// What it is; repeated beside every result that rests on it.
    kind: RawKind,
    /// Licence of the data.
    #[serde(rename = "licence")]
    _licence: String,
    /// Path of the table of facts (CSV).
    #[schemars(extend("x-default" = "none: the data set has records only"))]
    facts: Option<PathBuf>,
    /// Geometric area of the electrode of all records that do not state their own.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "x-default" = "that of each record"))]
    electrode_area_cm2: Option<RawNumber>,
    /// Mass of sulfur of all records that do not state their own.
    #[schemars(extend("x-default" = "that of each record"))]
    mass: Option<RawMass>,
    /// Measured files.
    #[serde(default)]
    record: Vec<RawRecord>,
    /// The element that capacities and loadings count, like "S".
    #[serde(rename = "active_element")]
    _active_element: String,
    /// Highest voltage that the electrolyte stands; no protocol may ask for more.
    #[schemars(extend("x-default" = "not known"))]
    upper_limit_v: Option<f64>,
    /// Remarks for the reader.
    #[serde(default, rename = "notes")]
    _notes: Vec<String>,
}

/// What a data set is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    /// Measured, from raw files.
    Measured,
    /// Numbers that a publication states.
    Literature,
    /// Simulated.
    Synthetic,
}

/// Columns of a table of facts that are read, and what they mean.
pub(super) const FACT_COLUMNS: [(&str, &str); 7] = [
    ("id", "identifier; unique together with the cell"),
    (
        "cell",
        "the cell or material that it is about; `both`, or what begins with `either`, is about all cells",
    ),
    (
        "value",
        "the number, in the unit; empty where the source states none",
    ),
    ("unit", "unit, like `mAh g^-1`; `1` for none"),
    (
        "role",
        "what it may be used for: `fitted` (fits compare with it), `bound` (a limit that fits respect), `ordering` (a statement of larger or smaller), `prior` (informs a prior), `descriptor` (describes the catalyst), `predicted` (kept from fits), `derived` (follows from others, never counted) or `context` (for the reader)",
    ),
    (
        "uncertainty",
        "how far it may be off; empty together with its kind where it is not known",
    ),
    (
        "uncertainty_kind",
        "`relative` (standard deviation over the value), `absolute` (in the unit), `upper_limit` or `lower_limit` (nothing is counted until the model passes it)",
    ),
];

/// Reads the facts of a data set. One of records alone has none.
///
/// # Errors
/// [`ConfigError`] with the file and the line, row or key at fault.
pub fn read_facts(path: &Path) -> Result<Facts, ConfigError> {
    let mut raw: RawDataset = parse_toml(path, &read_text(path)?)?;
    let records = raw.records(&Place::new(path))?;
    let set = Facts {
        path: path.to_owned(),
        origin: match raw.kind {
            RawKind::Measured => Origin::Measured,
            RawKind::Literature => Origin::Literature,
            RawKind::Synthetic => Origin::Synthetic,
        },
        rows: Vec::new(),
        records,
        upper_limit_v: raw.upper_limit_v,
    };
    let Some(facts) = &raw.facts else {
        if set.records.is_empty() {
            let expected = "the name of the table of facts, or a [[record]]";
            return Err(Place::new(path).value("facts", "nothing", expected));
        }
        return Ok(set);
    };
    let table = path.parent().unwrap_or(Path::new(".")).join(facts);
    // Checked here, because polars would name no path in its own message.
    read_text(&table)?;
    let unreadable = |reason: String| ConfigError::Unreadable {
        path: table.clone(),
        reason,
    };
    let frame = CsvReadOptions::default()
        .with_infer_schema_length(Some(0))
        .with_has_header(true)
        .try_into_reader_with_file_path(Some(table.clone()))
        .and_then(polars::prelude::SerReader::finish)
        .map_err(|error| unreadable(error.to_string()))?;
    let place = Place::new(&table);
    let rows = rows(&place, &frame)?;
    if rows.is_empty() {
        return Err(place.value("rows", "none", "at least one fact"));
    }
    Ok(Facts {
        rows,
        path: table,
        ..set
    })
}

/// Reads the measured files that a data set names, with what it says about them.
///
/// # Errors
/// [`ConfigError`] with the file and the record at fault.
pub fn read_record_files(path: &Path) -> Result<Vec<RecordFile>, ConfigError> {
    let mut raw: RawDataset = parse_toml(path, &read_text(path)?)?;
    raw.records(&Place::new(path))
}

impl RawDataset {
    /// Its records, with what it says of all of them.
    fn records(&mut self, place: &Place<'_>) -> Result<Vec<RecordFile>, ConfigError> {
        let common = Common::new(place, self.electrode_area_cm2, self.mass.as_ref())?;
        record_files(place, std::mem::take(&mut self.record), common)
    }
}

fn rows(place: &Place<'_>, frame: &DataFrame) -> Result<Vec<Fact>, ConfigError> {
    let column = |name: &str| -> Result<Vec<String>, ConfigError> {
        let missing = || {
            place.value(
                format!("column '{name}'"),
                "nothing",
                "a column of that name",
            )
        };
        let column = frame.column(name).map_err(|_| missing())?;
        let texts = column.str().map_err(|_| missing())?;
        Ok(texts
            .iter()
            .map(|text| text.unwrap_or("").trim().to_owned())
            .collect())
    };
    let columns: Vec<Vec<String>> = FACT_COLUMNS
        .iter()
        .map(|(name, _)| column(name))
        .collect::<Result<_, _>>()?;
    let mut facts: Vec<Fact> = Vec::new();
    for row in 0..frame.height() {
        let texts: Vec<&str> = columns.iter().map(|c| c[row].as_str()).collect();
        // The header is line one.
        let fact = fact(place, row + 2, &texts)?;
        if facts.iter().any(|f| f.id == fact.id && f.cell == fact.cell) {
            let key = format!("line {}", row + 2);
            let found = format!("a second '{}' of '{}'", fact.id, fact.cell);
            return Err(place.value(key, found, "one row per id and cell"));
        }
        facts.push(fact);
    }
    Ok(facts)
}

fn fact(place: &Place<'_>, line: usize, texts: &[&str]) -> Result<Fact, ConfigError> {
    let [id, cell, value, unit, role, uncertainty, kind] = texts else {
        unreachable!("seven columns are read");
    };
    let wrong = |column: &str, found: &str, expected: &str| {
        place.value(
            format!("line {line}, column '{column}'"),
            format!("'{found}'"),
            expected,
        )
    };
    let number = |column: &str, text: &str| match text.parse::<f64>() {
        _ if text.is_empty() => Ok(None),
        Ok(number) if number.is_finite() => Ok(Some(number)),
        _ => Err(wrong(column, text, "a finite number or nothing")),
    };
    let role = match *role {
        "fitted" => FactRole::Fitted,
        "bound" => FactRole::Bound,
        "ordering" => FactRole::Ordering,
        "prior" => FactRole::Prior,
        "descriptor" => FactRole::Descriptor,
        "predicted" => FactRole::Predicted,
        "derived" => FactRole::Derived,
        "context" => FactRole::Context,
        _ => {
            let expected =
                "fitted, bound, ordering, prior, descriptor, predicted, derived or context";
            return Err(wrong("role", role, expected));
        }
    };
    let noise = match (number("uncertainty", uncertainty)?, *kind) {
        (None, "") => None,
        (Some(sd), kind) if sd > 0.0 => Some(match kind {
            "relative" => Noise::Relative(sd),
            "absolute" => Noise::Absolute(sd),
            "upper_limit" => Noise::UpperLimit(sd),
            "lower_limit" => Noise::LowerLimit(sd),
            _ => {
                let expected = "relative, absolute, upper_limit or lower_limit";
                return Err(wrong("uncertainty_kind", kind, expected));
            }
        }),
        _ => {
            return Err(wrong(
                "uncertainty",
                uncertainty,
                "a positive number with its kind, or neither",
            ));
        }
    };
    Ok(Fact {
        id: (*id).to_owned(),
        cell: (*cell).to_owned(),
        value: number("value", value)?,
        unit: Unit::parse(unit).map_err(|error| wrong("unit", unit, &error.to_string()))?,
        role,
        noise,
    })
}
