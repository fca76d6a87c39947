//! All classical analyses that fit a technique, as sections of named quantities with their doubts.

mod cycling;
mod impedance;
mod series;
mod steps;
mod voltammetry;

pub use series::Voltammogram;
pub use series::of_series;

use crate::analysis::Estimate;
use crate::analysis::randles_sevcik::Conditions;
use crate::record::Record;
use crate::record::Spectrum;

/// A quantity with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Its value.
    pub quantity: Estimate,
}

/// The results of one analysis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// What was analysed, and how.
    pub title: String,
    /// The results.
    pub rows: Vec<Row>,
    /// What else is to be said of them, nothing against them.
    pub notes: Vec<String>,
    /// What speaks against them; the reason where there are none.
    pub warnings: Vec<String>,
}

impl Section {
    fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    fn row(&mut self, name: impl Into<String>, quantity: Estimate) {
        self.rows.push(Row {
            name: name.into(),
            quantity,
        });
    }

    fn maybe(&mut self, name: impl Into<String>, quantity: Option<Estimate>) {
        if let Some(quantity) = quantity {
            self.row(name, quantity);
        }
    }

    /// The section that tells why there is no result.
    fn failed(title: impl Into<String>, reason: &dyn std::fmt::Display) -> Self {
        Self {
            warnings: vec![reason.to_string()],
            ..Self::new(title)
        }
    }
}

/// What is known besides the record. What is not known leaves out the results that need it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Given {
    /// Electrode area (m²).
    pub area_m2: Option<f64>,
    /// Mass of sulfur (kg).
    pub sulfur_kg: Option<f64>,
    /// Bulk concentration of the reactant (mol m⁻³).
    pub concentration_mol_m3: Option<f64>,
    /// Electrons per reactant (1).
    pub electrons: f64,
    /// Temperature (K).
    pub temperature_k: f64,
    /// Equilibrium potential for the Tafel analysis (V).
    pub equilibrium_v: Option<f64>,
    /// Voltage of a polarisation between equal electrodes (V).
    pub polarisation_v: Option<f64>,
    /// Resistance of both interfaces before and after it (Ω).
    pub interface_ohm: Option<(f64, f64)>,
    /// Whether points that break the Kramers-Kronig relations are kept.
    pub keep: bool,
}

impl Default for Given {
    /// One electron at 25 °C, all else unknown.
    fn default() -> Self {
        Self {
            area_m2: None,
            sulfur_kg: None,
            concentration_mol_m3: None,
            electrons: 1.0,
            temperature_k: 298.15,
            equilibrium_v: None,
            polarisation_v: None,
            interface_ohm: None,
            keep: false,
        }
    }
}

impl Given {
    fn conditions(&self) -> Option<Conditions> {
        Some(Conditions {
            area_m2: self.area_m2?,
            concentration_mol_m3: self.concentration_mol_m3?,
            electrons: self.electrons,
            temperature_k: self.temperature_k,
        })
    }
}

/// Capacities, efficiency, retention, activation, dQ/dV and interruptions of a cycling record.
pub fn of_cycling(record: &Record, given: &Given) -> Vec<Section> {
    cycling::sections(record, given)
}

/// Charge, efficiency and rate of the cycles of a record, briefly.
pub fn of_cycles(record: &Record, sulfur_kg: Option<f64>) -> Section {
    cycling::brief(record, sulfur_kg)
}

/// Ramps, peaks and couples of a voltammogram; the Tafel slope of its ramps where an equilibrium potential is given.
pub fn of_voltammogram(record: &Record, given: &Given) -> Vec<Section> {
    voltammetry::sections(record, given)
}

/// Kramers-Kronig test, circuit and Warburg coefficient of a spectrum.
pub fn of_spectrum(spectrum: &Spectrum, given: &Given) -> Vec<Section> {
    impedance::sections(spectrum, given)
}

/// Cottrell line and, where its inputs are given, transference number of a potential step.
pub fn of_step(record: &Record, given: &Given) -> Vec<Section> {
    steps::sections(record, given)
}
