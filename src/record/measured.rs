//! A measured record: the columns that an instrument wrote, in the names and units of the Battery Data Format.

use std::fmt;

use polars::prelude::Column;
use polars::prelude::DataFrame;

use crate::record::Finding;
use crate::record::Quantity;
use crate::record::Record;
use crate::record::Spectrum;

/// How a record was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technique {
    /// Charge and discharge.
    Cycling,
    /// Cyclic or linear sweep voltammetry.
    Voltammetry,
    /// Current at a held potential.
    Chronoamperometry,
    /// Potential at a held current.
    Chronopotentiometry,
    /// Potential without current.
    OpenCircuit,
    /// Impedance spectroscopy.
    Impedance,
}

impl Technique {
    /// All techniques with their names in files.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("cycling", Self::Cycling),
        ("voltammetry", Self::Voltammetry),
        ("chronoamperometry", Self::Chronoamperometry),
        ("chronopotentiometry", Self::Chronopotentiometry),
        ("open_circuit", Self::OpenCircuit),
        ("impedance", Self::Impedance),
    ];
}

impl fmt::Display for Technique {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, technique)| technique == self);
        formatter.write_str(name.map_or("unknown", |(name, _)| name))
    }
}

/// A number that the file states beside its table, such as an electrode area: told, never used.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// What it is, with its unit.
    pub name: String,
    /// The value as written.
    pub value: String,
    /// Whether it is what the instrument writes unless somebody changes it.
    pub is_default: bool,
}

/// A measured record.
#[derive(Clone, Debug)]
pub struct Measured {
    /// One column per [`Quantity`], named by its label, all f64; unknown values are NaN.
    pub frame: DataFrame,
    /// Line of the file of every row, counted from one.
    pub lines: Vec<u32>,
    /// How it was measured.
    pub technique: Technique,
    /// What wrote the file.
    pub instrument: String,
    /// Numbers that the file states beside its table.
    pub stated: Vec<Stated>,
    /// What its reader and the checks found.
    pub findings: Vec<Finding>,
}

impl Measured {
    /// A record of columns that all have as many rows as `lines`; columns of another length are left out.
    ///
    /// # Panics
    /// If a quantity is there twice.
    pub fn new(
        columns: Vec<(Quantity, Vec<f64>)>,
        lines: Vec<u32>,
        technique: Technique,
        instrument: impl Into<String>,
    ) -> Self {
        let n_rows = lines.len();
        let columns = columns.into_iter().filter(|(_, v)| v.len() == n_rows);
        let columns = columns.map(|(q, values)| Column::new(q.label().into(), values));
        Self {
            frame: DataFrame::new(n_rows, columns.collect())
                .expect("columns of one length, each quantity once"),
            lines,
            technique,
            instrument: instrument.into(),
            stated: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// A column, `None` if the record has none of this quantity.
    pub fn values(&self, quantity: Quantity) -> Option<&[f64]> {
        let column = self.frame.column(quantity.label()).ok()?;
        column.f64().ok()?.cont_slice().ok()
    }

    /// The line of the file of a row.
    pub fn line(&self, row: usize) -> usize {
        self.lines.get(row).map_or(0, |line| *line as usize)
    }

    /// Counts the lines of rows and findings from `n_lines` earlier, where the table began below so many others.
    pub fn shift_lines(&mut self, n_lines: usize) {
        let shift = u32::try_from(n_lines).unwrap_or(u32::MAX);
        for line in &mut self.lines {
            *line = line.saturating_add(shift);
        }
        let places = self.findings.iter_mut();
        for line in places.filter_map(|finding| finding.line.as_mut()) {
            *line += n_lines;
        }
    }

    /// Voltage and current over time with the signs of the model: positive current discharges (A).
    ///
    /// `None` if a column is missing.
    pub fn record(&self) -> Option<Record> {
        Some(Record {
            time_s: self.values(Quantity::TestTime)?.to_vec(),
            voltage_v: self.values(Quantity::Voltage)?.to_vec(),
            current: self.values(Quantity::Current)?.iter().map(|i| -i).collect(),
        })
    }

    /// The spectra, one for every run of equal cycle numbers; rows without a positive frequency are not part of them.
    pub fn spectra(&self) -> Vec<Spectrum> {
        let (Some(frequency), Some(re), Some(im)) = (
            self.values(Quantity::Frequency),
            self.values(Quantity::RealImpedance),
            self.values(Quantity::ImaginaryImpedance),
        ) else {
            return Vec::new();
        };
        let mut spectra: Vec<Spectrum> = Vec::new();
        for range in self.runs(Quantity::Cycle) {
            let rows = range.filter(|row| frequency[*row] > 0.0);
            let (frequency_hz, impedance_ohm) =
                rows.map(|row| (frequency[row], (re[row], im[row]))).unzip();
            spectra.push(Spectrum {
                frequency_hz,
                impedance_ohm,
            });
        }
        spectra.retain(|spectrum| !spectrum.frequency_hz.is_empty());
        spectra
    }

    /// Appends a record of the same technique that goes on from this one: its time and cycles are counted on where they
    /// begin again, its lines stay those of its own file. Columns that only one of both has are dropped.
    ///
    /// # Errors
    /// If the techniques differ.
    pub fn append(&mut self, mut next: Self) -> Result<(), String> {
        if self.technique != next.technique {
            return Err(format!(
                "{} cannot go on from {}",
                next.technique, self.technique
            ));
        }
        let mut columns = Vec::new();
        for quantity in Quantity::ALL {
            let (Some(own), Some(other)) = (self.values(quantity), next.values(quantity)) else {
                continue;
            };
            let (last, first) = (own.last().copied(), other.first().copied());
            let offset = match (quantity, last, first) {
                (Quantity::TestTime, Some(last), Some(first)) if first < last => last,
                (Quantity::Cycle, Some(last), Some(first)) if first <= last => last + 1.0 - first,
                (Quantity::ChargingCapacity | Quantity::DischargingCapacity, Some(last), _) => last,
                _ => 0.0,
            };
            columns.push((
                quantity,
                own.iter()
                    .copied()
                    .chain(other.iter().map(|x| x + offset))
                    .collect(),
            ));
        }
        self.lines.append(&mut next.lines);
        let mut all = Self::new(
            columns,
            std::mem::take(&mut self.lines),
            self.technique,
            &*self.instrument,
        );
        all.stated = std::mem::take(&mut self.stated);
        all.findings = std::mem::take(&mut self.findings);
        all.findings.append(&mut next.findings);
        *self = all;
        Ok(())
    }

    /// Keeps the rows for which a condition holds; returns the lines of the others.
    ///
    /// # Panics
    /// Never: the columns have one length.
    pub fn retain(&mut self, keep: &[bool]) -> Vec<u32> {
        let is_kept = |row: usize| keep.get(row).copied().unwrap_or(true);
        let rows: Vec<usize> = (0..self.len()).filter(|row| is_kept(*row)).collect();
        let lines = std::mem::take(&mut self.lines);
        let dropped = (0..lines.len()).filter(|row| !is_kept(*row));
        let dropped = dropped.map(|row| lines[row]).collect();
        let columns = Quantity::ALL.iter().filter_map(|quantity| {
            let values = self.values(*quantity)?;
            let values: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
            Some(Column::new(quantity.label().into(), values))
        });
        self.frame = DataFrame::new(rows.len(), columns.collect())
            .expect("columns of one length, each quantity once");
        self.lines = rows.iter().map(|row| lines[*row]).collect();
        dropped
    }

    /// Ranges of rows in which a column keeps its value; all rows if there is no such column.
    pub fn runs(&self, quantity: Quantity) -> Vec<std::ops::Range<usize>> {
        let Some(values) = self.values(quantity) else {
            return std::iter::once(0..self.len()).collect();
        };
        let mut runs = Vec::new();
        let mut start = 0;
        for row in 1..=values.len() {
            let is_end = row == values.len() || values[row].to_bits() != values[row - 1].to_bits();
            if is_end {
                runs.push(start..row);
                start = row;
            }
        }
        runs
    }
}
