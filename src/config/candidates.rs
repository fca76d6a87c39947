//! Tables of candidate catalysts (CSV): one row per catalyst or per fitted cell of it.

use std::path::Path;
use std::path::PathBuf;

use polars::prelude::CsvReadOptions;
use polars::prelude::DataFrame;
use polars::prelude::SerReader;

use super::error::ConfigError;
use super::error::Place;
use super::error::plain;
use super::error::read_text;
use super::keys::ColumnText;
use super::nearest::nearest;
use crate::rank::Descriptor;
use crate::rank::Known;

/// Standard deviation of a computed energy where none is stated (eV): what density functionals are worth.
const ENERGY_SD_EV: f64 = 0.2;
/// Standard deviation of a computed charge where none is stated (e).
const CHARGE_SD: f64 = 0.05;
/// Relative standard deviation of a measured content or area where none is stated (1).
const RELATIVE_SD: f64 = 0.1;
/// kJ mol⁻¹ of one eV per particle.
const KJ_PER_MOL_EV: f64 = 96.485_332_12;
/// Columns that hold no number.
const TEXTS: [(&str, &str); 6] = [
    (
        "name",
        "name of the catalyst; the only column that is needed",
    ),
    (
        "replicate",
        "what tells the cells of one catalyst apart, one row for each",
    ),
    (
        "fit",
        "folder of the report of its fit, beside the table; without it the fit of the ranking file",
    ),
    ("cell", "name of its cell in that fit"),
    ("source", "source of all numbers of the row that state none"),
    ("note", "a remark for the reader"),
];

/// A column with numbers.
struct Column {
    name: &'static str,
    descriptor: Descriptor,
    /// From the column's unit to that of the descriptor, before the logarithm if there is one.
    factor: f64,
    /// Lowest and highest value that is believed, in the column's unit.
    range: (f64, f64),
    /// Unit, and the column for values that lie outside because they are in another one.
    unit: &'static str,
    instead: Option<&'static str>,
    is_ln: bool,
    is_transferred: bool,
}

const fn energy(
    name: &'static str,
    descriptor: Descriptor,
    (range, unit, instead): ((f64, f64), &'static str, Option<&'static str>),
) -> Column {
    let is_ev = matches!(unit.as_bytes(), b"eV");
    Column {
        name,
        descriptor,
        factor: if is_ev { 1.0 } else { 1.0 / KJ_PER_MOL_EV },
        range,
        unit,
        instead,
        is_ln: false,
        is_transferred: false,
    }
}

/// All columns with numbers.
const COLUMNS: [Column; 10] = [
    energy(
        "desolvation_barrier_kj_mol",
        Descriptor::DesolvationBarrier,
        ((0.0, 1000.0), "kJ/mol", None),
    ),
    energy(
        "desolvation_barrier_ev",
        Descriptor::DesolvationBarrier,
        ((0.0, 10.0), "eV", Some("desolvation_barrier_kj_mol")),
    ),
    energy(
        "mgs_decomposition_barrier_ev",
        Descriptor::ConversionBarrier,
        ((0.0, 10.0), "eV", Some("mgs_decomposition_barrier_kj_mol")),
    ),
    energy(
        "mgs_decomposition_barrier_kj_mol",
        Descriptor::ConversionBarrier,
        ((0.0, 1000.0), "kJ/mol", None),
    ),
    Column {
        is_transferred: true,
        ..energy(
            "li2s_decomposition_barrier_ev",
            Descriptor::ConversionBarrier,
            ((0.0, 10.0), "eV", None),
        )
    },
    energy(
        "mgs_adsorption_ev",
        Descriptor::ProductAdsorption,
        ((-5.0, 15.0), "eV", None),
    ),
    energy(
        "polysulfide_adsorption_ev",
        Descriptor::IntermediateAdsorption,
        ((-5.0, 15.0), "eV", None),
    ),
    Column {
        factor: 1.0,
        ..energy(
            "charge_transfer_e",
            Descriptor::ChargeTransfer,
            ((-4.0, 4.0), "e", None),
        )
    },
    Column {
        is_ln: true,
        factor: 1.0,
        ..energy(
            "metal_loading_wt_pct",
            Descriptor::MetalLoading,
            ((1e-4, 100.0), "wt%", None),
        )
    },
    Column {
        is_ln: true,
        factor: 1.0,
        ..energy(
            "surface_area_m2_g",
            Descriptor::SurfaceArea,
            ((1e-2, 1e4), "m2/g", None),
        )
    },
];

/// How values of lithium sulfide become values of magnesium sulfide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transfer {
    /// What is added (eV).
    pub(super) offset_ev: f64,
    /// Standard deviation of that (eV).
    pub(super) sd_ev: f64,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Number of its line.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) replicate: Option<String>,
    /// Folder of its fit, beside the table; none if it belongs to the fit of the ranking file.
    pub(super) fit: Option<PathBuf>,
    pub(super) cell: Option<String>,
    pub(super) known: Vec<Known>,
}

/// Reads a table of candidates.
pub(super) fn read_candidates(path: &Path, transfer: Transfer) -> Result<Vec<Row>, ConfigError> {
    let text = read_text(path)?;
    let place = Place::new(path);
    let frame = CsvReadOptions::default()
        .with_infer_schema_length(Some(0))
        .into_reader_with_file_handle(std::io::Cursor::new(text.as_bytes()))
        .finish();
    let frame = frame.map_err(|error| {
        let expected = "comma-separated values with a header, every row as long as it";
        place.value("table", error.to_string(), expected)
    })?;
    let table = Table {
        place,
        frame: &frame,
        transfer,
    };
    table.check_columns()?;
    if frame.height() == 0 {
        return Err(place.value("table", "no row", "one row per catalyst"));
    }
    (0..frame.height()).map(|row| table.row(row)).collect()
}

struct Table<'a> {
    place: Place<'a>,
    frame: &'a DataFrame,
    transfer: Transfer,
}

impl Table<'_> {
    fn check_columns(&self) -> Result<(), ConfigError> {
        let known = || {
            let texts = TEXTS.iter().map(|(t, _)| (*t).to_owned());
            let numbers = COLUMNS.iter().flat_map(|c| {
                [
                    c.name.to_owned(),
                    format!("{}_sd", c.name),
                    format!("{}_source", c.name),
                ]
            });
            texts.chain(numbers)
        };
        for name in self.frame.get_column_names() {
            if known().any(|k| k == name.as_str()) {
                continue;
            }
            let known: Vec<String> = known().collect();
            let near = nearest(name, known.iter().map(String::as_str));
            let expected = if let Some(near) = near {
                format!("a known column; did you mean '{near}'?")
            } else {
                let numbers = COLUMNS.iter().map(|c| c.name);
                let all: Vec<&str> = TEXTS.iter().map(|(name, _)| *name).chain(numbers).collect();
                let all = all.join(", ");
                format!("one of {all}, each number with _sd and _source")
            };
            return Err(self
                .place
                .value("header", format!("column '{name}'"), expected));
        }
        if self.frame.column("name").is_err() {
            return Err(self.place.value("header", "no column 'name'", "one"));
        }
        Ok(())
    }

    /// What stands in a cell, if anything does.
    fn text(&self, column: &str, row: usize) -> Option<String> {
        let values = self.frame.column(column).ok()?;
        let text = values.str().ok()?.get(row)?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn number(&self, row: usize, column: &str, unit: &str) -> Result<Option<f64>, ConfigError> {
        let Some(text) = self.text(column, row) else {
            return Ok(None);
        };
        let number = text.parse::<f64>().ok().filter(|v| v.is_finite());
        number.map(Some).ok_or_else(|| {
            let expected = format!("a number in {unit}, or nothing");
            self.place
                .value(key(row, column), format!("'{text}'"), expected)
        })
    }

    fn row(&self, row: usize) -> Result<Row, ConfigError> {
        let name = self.text("name", row).ok_or_else(|| {
            let expected = "the name of a catalyst";
            self.place.value(key(row, "name"), "nothing", expected)
        })?;
        let mut known: Vec<Known> = Vec::new();
        for column in &COLUMNS {
            let Some(own) = self.known(row, column)? else {
                continue;
            };
            let same = known.iter().position(|k| k.descriptor == own.descriptor);
            match same {
                // What was computed for the reaction itself goes before what is carried over.
                Some(_) if own.is_transferred => {}
                Some(_) => {
                    let expected = "one column for each quantity";
                    let found = format!("a second {}", own.descriptor.words());
                    return Err(self.place.value(key(row, column.name), found, expected));
                }
                None => known.push(own),
            }
        }
        Ok(Row {
            line: row + 2,
            name,
            replicate: self.text("replicate", row),
            fit: self.text("fit", row).map(PathBuf::from),
            cell: self.text("cell", row),
            known,
        })
    }

    fn known(&self, row: usize, column: &Column) -> Result<Option<Known>, ConfigError> {
        let Some(value) = self.number(row, column.name, column.unit)? else {
            return Ok(None);
        };
        let (lowest, highest) = column.range;
        if !(lowest..=highest).contains(&value) {
            let hint = column.instead.map_or_else(String::new, |instead| {
                format!("; a value in kJ/mol belongs into column '{instead}'")
            });
            let expected = format!(
                "{} to {} {}{hint}",
                plain(lowest),
                plain(highest),
                column.unit
            );
            return Err(self
                .place
                .value(key(row, column.name), plain(value), expected));
        }
        let name = format!("{}_sd", column.name);
        let stated = self.number(row, &name, column.unit)?;
        if let Some(sd) = stated
            && sd <= 0.0
        {
            let expected = "a positive standard deviation, or nothing";
            return Err(self.place.value(key(row, &name), plain(sd), expected));
        }
        let source = self.text(&format!("{}_source", column.name), row);
        let source = source.or_else(|| self.text("source", row));
        let own_sd = match (stated, column.is_ln, column.descriptor) {
            (Some(sd), true, _) => sd / value,
            (Some(sd), false, _) => sd * column.factor,
            (None, true, _) => RELATIVE_SD,
            (None, false, Descriptor::ChargeTransfer) => CHARGE_SD,
            (None, false, _) => ENERGY_SD_EV,
        };
        let (offset, sd) = if column.is_transferred {
            (self.transfer.offset_ev, own_sd.hypot(self.transfer.sd_ev))
        } else {
            (0.0, own_sd)
        };
        Ok(Some(Known {
            descriptor: column.descriptor,
            value: if column.is_ln {
                value.ln()
            } else {
                value * column.factor + offset
            },
            sd,
            is_transferred: column.is_transferred,
            source: source.unwrap_or_else(|| "not stated".to_owned()),
        }))
    }
}

/// Where a cell stands; the header is line 1.
fn key(row: usize, column: &str) -> String {
    format!("line {}, column '{column}'", row + 2)
}

/// The columns for the reference: name, meaning, unit, range, and standard deviation where none is stated.
pub(super) fn described_columns() -> Vec<ColumnText> {
    let texts = TEXTS.iter().map(|(name, meaning)| ColumnText {
        name: (*name).to_owned(),
        meaning: (*meaning).to_owned(),
        unit: None,
        allowed: None,
    });
    let numbers = COLUMNS.iter().flat_map(|column| {
        let (lowest, highest) = column.range;
        let words = column.descriptor.words();
        let (sd, of) = match column.descriptor {
            _ if column.is_ln => (RELATIVE_SD, "relative"),
            Descriptor::ChargeTransfer => (CHARGE_SD, "e"),
            _ => (ENERGY_SD_EV, "eV"),
        };
        let meaning = if column.is_transferred {
            format!("the same of Li2S; it counts as {words} with offset and uncertainty of `[transfer]`, where the row has no value of its own")
        } else {
            words.to_owned()
        };
        let text = |ending: &str, meaning: String, allowed: Option<String>| ColumnText {
            name: format!("{}{ending}", column.name),
            meaning,
            unit: Some(column.unit.to_owned()).filter(|_| ending != "_source"),
            allowed,
        };
        let range = format!("{} to {}", plain(lowest), plain(highest));
        [
            text("", meaning, Some(range)),
            text(
                "_sd",
                format!("standard deviation of `{}`; without it {sd} ({of})", column.name),
                Some("above 0".to_owned()),
            ),
            text("_source", format!("source of `{}`", column.name), None),
        ]
    });
    texts.chain(numbers).collect()
}
