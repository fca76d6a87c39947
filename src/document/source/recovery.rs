//! `recovery.json`.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Recovery {
    pub(crate) version: String,
    pub(crate) experiment: String,
    pub(crate) variant: String,
    pub(crate) seed: u64,
    pub(crate) widening: f64,
    pub(crate) interval_level: f64,
    pub(crate) cells: usize,
    pub(crate) fitted: usize,
    #[serde(default)]
    pub(crate) interrupted: bool,
    #[serde(default)]
    pub(crate) fits_above_a_lower_minimum: usize,
    #[serde(default)]
    pub(crate) unfitted: Vec<Unfitted>,
    #[serde(default)]
    pub(crate) evaluations: usize,
    #[serde(default)]
    pub(crate) failed_solves: usize,
    #[serde(default)]
    pub(crate) parameters: Vec<Recovered>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Unfitted {
    pub(crate) reason: String,
    pub(crate) cells: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Recovered {
    pub(crate) name: String,
    pub(crate) verdict: Option<String>,
    pub(crate) coverage: Option<f64>,
    pub(crate) coverage_interval: Option<(f64, f64)>,
    pub(crate) profile_coverage: Option<f64>,
    pub(crate) profile_coverage_interval: Option<(f64, f64)>,
    pub(crate) bias_in_sd: Option<f64>,
    pub(crate) rms_error_in_sd: Option<f64>,
}
