//! Trajectories and spectra that sulfit simulated: one record for each step of the protocol.

use std::collections::BTreeMap;
use std::fmt;

use crate::import::Hints;
use crate::import::Part;
use crate::record::Finding;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Severity;
use crate::record::Technique;

/// Time between two segments of a step (s): the second begins in the instant in which the first ends, but a record,
/// like that of an instrument, has one row for an instant.
const SEGMENT_GAP_S: f64 = 1e-3;

/// Share of a value within which an imposed current, voltage or ramp stays (1), or V.
const IMPOSED: f64 = 1e-5;

/// What was simulated, written beside the columns of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Variant of the model.
    pub variant: String,
    /// Name of the cell.
    pub cell: String,
    /// Name of the protocol.
    pub protocol: String,
    /// Geometric area of the electrode (m²).
    pub area_m2: f64,
    /// Mass of sulfur in the cell (kg); none in a half cell.
    pub sulfur_kg: Option<f64>,
}

impl Origin {
    /// Names and values for the metadata of a Parquet file.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let pairs = [
            ("sulfit_variant", self.variant.clone()),
            ("sulfit_cell", self.cell.clone()),
            ("sulfit_protocol", self.protocol.clone()),
            ("sulfit_area_m2", self.area_m2.to_string()),
        ];
        let sulfur = self
            .sulfur_kg
            .map(|kg| ("sulfit_sulfur_kg", kg.to_string()));
        let pairs = pairs.into_iter().chain(sulfur);
        pairs
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The same from the metadata of a file; `None` if something is missing or no positive number.
    pub fn read_pairs(words: Vec<(String, String)>) -> Option<Self> {
        Self::read(&words.into_iter().collect())
    }

    /// The same from the metadata; `None` if something is missing or no positive number.
    fn read(words: &BTreeMap<String, String>) -> Option<Self> {
        let word = |name: &str| words.get(name).cloned();
        let positive = |name: &str| {
            let number = words.get(name)?.parse::<f64>().ok()?;
            (number.is_finite() && number > 0.0).then_some(number)
        };
        Some(Self {
            variant: word("sulfit_variant")?,
            cell: word("sulfit_cell")?,
            protocol: word("sulfit_protocol")?,
            area_m2: positive("sulfit_area_m2")?,
            sulfur_kg: positive("sulfit_sulfur_kg"),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variant,
            cell,
            protocol,
            ..
        } = self;
        write!(
            formatter,
            "variant {variant}, cell {cell}, protocol {protocol}"
        )
    }
}

/// Columns of a table that sulfit wrote, as far as they are there.
pub(super) type Columns = BTreeMap<String, Vec<f64>>;

/// Names of the columns of a trajectory and of a spectrum.
const TRAJECTORY: [&str; 5] = [
    "step",
    "segment",
    "time_s",
    "voltage_v",
    "discharge_current_a_m2",
];
const SPECTRUM: [&str; 4] = ["step", "frequency_hz", "re_z_ohm", "im_z_ohm"];

/// The columns that are read if a table with these names was simulated.
pub(super) fn wanted(names: &[&str]) -> Option<&'static [&'static str]> {
    let kinds = [&TRAJECTORY[..], &SPECTRUM[..]];
    let mut kinds = kinds.into_iter();
    kinds.find(|kind| kind.iter().all(|name| names.contains(name)))
}

/// The records of a table of simulated columns, `n_rows` long, by the order of the steps.
///
/// Current densities become currents by the area that the options state, or the one that the file states, or 1 m².
pub(super) fn read(
    columns: &Columns,
    n_rows: usize,
    words: &BTreeMap<String, String>,
    hints: &Hints,
) -> Vec<Part> {
    let origin = Origin::read(words);
    let stated = origin.as_ref().map(|origin| origin.area_m2);
    let area_m2 = hints.area_m2.or(stated);
    let instrument = origin.as_ref().map_or_else(
        || "simulated by sulfit".to_owned(),
        |origin| format!("simulated by sulfit ({origin})"),
    );
    let part = |rows: std::ops::Range<usize>| {
        let table = Table {
            columns,
            rows: rows.clone(),
        };
        let (columns, technique) = table.record(area_m2.unwrap_or(1.0));
        let lines = rows
            .clone()
            .map(|row| u32::try_from(row + 1).unwrap_or(u32::MAX));
        let technique = hints.technique.unwrap_or(technique);
        let mut measured = Measured::new(columns, lines.collect(), technique, &*instrument);
        if area_m2.is_none() && technique != Technique::Impedance {
            let found = "the file does not state the electrode's area: currents are those of 1 m2";
            let finding = Finding::new(Severity::Note, found, "state --area-cm2");
            measured.findings.push(finding);
        }
        // Two areas that differ are two cells: the mass is the stated cell's only.
        let scale = area_m2.zip(stated).map(|(area, stated)| area / stated);
        Part {
            name: Some(format!("step {}", table.value("step", 0) + 1.0)),
            measured,
            is_simulated: true,
            area_m2: Some(area_m2.unwrap_or(1.0)),
            sulfur_kg: origin
                .as_ref()
                .zip(scale)
                .and_then(|(o, scale)| Some(scale * o.sulfur_kg?)),
        }
    };
    let step = columns.get("step").map_or(&[][..], Vec::as_slice);
    runs(step, n_rows).into_iter().map(part).collect()
}

/// Ranges of rows with one value.
fn runs(values: &[f64], n_rows: usize) -> Vec<std::ops::Range<usize>> {
    // By their bits, as unknown values differ from themselves.
    let bits = |row: usize| values.get(row).map(|value| value.to_bits());
    let is_new = |row: &usize| *row == 0 || bits(*row) != bits(row - 1);
    let mut starts: Vec<usize> = (0..n_rows).filter(is_new).collect();
    starts.push(n_rows);
    starts.windows(2).map(|w| w[0]..w[1]).collect()
}

/// How a step would be measured: by what was imposed in its segments, which a simulation keeps to its last digits.
fn technique(
    segments: &[std::ops::Range<usize>],
    time_s: &[f64],
    voltage_v: &[f64],
    current_a: &[f64],
) -> Technique {
    let all = |is: &dyn Fn(std::ops::Range<usize>) -> bool| segments.iter().cloned().all(is);
    let is_line = |x: &[f64], y: &[f64]| {
        let slope = match (x, y) {
            ([x0, .., x1], [y0, .., y1]) if x1 > x0 => (y1 - y0) / (x1 - x0),
            _ => return true,
        };
        let line = x.iter().map(|t| y[0] + slope * (t - x[0]));
        let size = y.iter().fold(0.0_f64, |m, y| m.max(y.abs()));
        y.iter()
            .zip(line)
            .all(|(y, line)| (y - line).abs() <= IMPOSED * size)
    };
    let span = |values: &[f64]| {
        let (low, high) = values
            .iter()
            .fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        high - low
    };
    let largest = current_a.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
    if largest <= 0.0 {
        Technique::OpenCircuit
    } else if all(&|rows| span(&current_a[rows]) <= IMPOSED * largest) {
        match segments.len() {
            1 => Technique::Chronopotentiometry,
            _ => Technique::Cycling,
        }
    } else if span(voltage_v) <= IMPOSED {
        Technique::Chronoamperometry
    } else if all(&|rows| is_line(&time_s[rows.clone()], &voltage_v[rows])) {
        Technique::Voltammetry
    } else {
        Technique::Cycling
    }
}

/// The rows of a step.
struct Table<'c> {
    columns: &'c Columns,
    rows: std::ops::Range<usize>,
}

impl Table<'_> {
    fn values(&self, name: &str) -> &[f64] {
        let column = self.columns.get(name);
        column.and_then(|c| c.get(self.rows.clone())).unwrap_or(&[])
    }

    fn value(&self, name: &str, row: usize) -> f64 {
        self.values(name).get(row).copied().unwrap_or(f64::NAN)
    }

    /// Columns with the signs and names of measured records, and how such a record is measured.
    fn record(&self, area_m2: f64) -> (Vec<(Quantity, Vec<f64>)>, Technique) {
        if self.columns.contains_key("frequency_hz") {
            let columns = vec![
                (Quantity::Frequency, self.values("frequency_hz").to_vec()),
                (Quantity::RealImpedance, self.values("re_z_ohm").to_vec()),
                (
                    Quantity::ImaginaryImpedance,
                    self.values("im_z_ohm").to_vec(),
                ),
            ];
            return (columns, Technique::Impedance);
        }
        let time = self.time();
        let voltage = self.values("voltage_v").to_vec();
        let density = self.values("discharge_current_a_m2").iter();
        let current: Vec<f64> = density.map(|j| -j * area_m2).collect();
        let technique = technique(&self.segments(), &time, &voltage, &current);
        let columns = vec![
            (Quantity::TestTime, time),
            (Quantity::Voltage, voltage),
            (Quantity::Current, current),
        ];
        (columns, technique)
    }

    /// Ranges of rows, from the step's first, of one segment.
    fn segments(&self) -> Vec<std::ops::Range<usize>> {
        runs(self.values("segment"), self.rows.len())
    }

    /// Time since the start of the step (s), on over all its segments, each of which begins anew.
    fn time(&self) -> Vec<f64> {
        let time = self.values("time_s");
        let mut last = None;
        let times = self.segments().into_iter().flat_map(|rows| {
            let first = time.get(rows.start).copied().unwrap_or(f64::NAN);
            let offset = last.map_or(0.0, |last| last + SEGMENT_GAP_S) - first;
            let times: Vec<f64> = rows
                .filter_map(|row| Some(time.get(row)? + offset))
                .collect();
            last = times.last().copied();
            times
        });
        times.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trajectory() -> Columns {
        let columns = [
            ("step", vec![0.0, 0.0, 0.0, 0.0, 2.0]),
            ("segment", vec![0.0, 0.0, 1.0, 1.0, 0.0]),
            ("time_s", vec![0.0, 5.0, 0.0, 4.0, 0.0]),
            ("voltage_v", vec![1.5, 1.0, 1.2, 1.9, 2.0]),
            ("discharge_current_a_m2", vec![2.0, 2.0, -2.0, -2.0, 0.0]),
        ];
        columns
            .map(|(name, values)| (name.to_owned(), values))
            .into()
    }

    #[test]
    fn each_step_is_a_record_with_the_signs_of_files() {
        let origin = Origin {
            variant: "a".to_owned(),
            cell: "b".to_owned(),
            protocol: "c".to_owned(),
            area_m2: 1e-4,
            sulfur_kg: Some(1e-6),
        };
        let words: BTreeMap<String, String> = origin.metadata().into_iter().collect();
        assert_eq!(Origin::read(&words), Some(origin));
        let parts = read(&trajectory(), 5, &words, &Hints::default());
        let names: Vec<_> = parts.iter().filter_map(|p| p.name.as_deref()).collect();
        assert_eq!(names, ["step 1", "step 3"]);
        let first = &parts[0].measured;
        let time = first.values(Quantity::TestTime).unwrap();
        let expected = [0.0, 5.0, 5.001, 9.001];
        assert!(time.iter().zip(expected).all(|(t, e)| (t - e).abs() < 1e-9));
        let current = first.values(Quantity::Current).unwrap();
        assert!((current[0] + 2e-4).abs() < 1e-15);
        assert_eq!(
            first.instrument,
            "simulated by sulfit (variant a, cell b, protocol c)"
        );
        assert_eq!(
            (parts[0].area_m2, parts[0].sulfur_kg),
            (Some(1e-4), Some(1e-6))
        );
    }

    #[test]
    fn an_area_that_is_stated_scales_current_and_mass() {
        let hints = Hints {
            area_m2: Some(3e-4),
            ..Hints::default()
        };
        let parts = read(&trajectory(), 5, &BTreeMap::new(), &hints);
        let current = parts[0].measured.values(Quantity::Current).unwrap();
        assert!((current[3] - 6e-4).abs() < 1e-15);
        assert_eq!(parts[0].sulfur_kg, None);
        let plain = read(&trajectory(), 5, &BTreeMap::new(), &Hints::default());
        let told = plain[0].measured.findings.iter().map(ToString::to_string);
        assert!(told.into_iter().any(|t| t.contains("1 m2")));
    }
}
