//! `prediction.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Prediction {
    pub(crate) version: String,
    pub(crate) name: String,
    pub(crate) experiment: String,
    #[serde(default)]
    pub(crate) data: Option<String>,
    pub(crate) cell: String,
    pub(crate) interval_level: f64,
    pub(crate) seed: u64,
    #[serde(default)]
    pub(crate) draws_per_variant: usize,
    #[serde(default)]
    pub(crate) scatter: f64,
    #[serde(default)]
    pub(crate) scatter_source: String,
    #[serde(default)]
    pub(crate) model_weights: BTreeMap<String, f64>,
    #[serde(default)]
    pub(crate) surrogate: Option<String>,
    #[serde(default)]
    pub(crate) simulations: usize,
    #[serde(default)]
    pub(crate) failed_solves: usize,
    #[serde(default)]
    pub(crate) support: Option<Support>,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    #[serde(default)]
    pub(crate) grid: Vec<GridPoint>,
    #[serde(default)]
    pub(crate) best_loadings: Vec<BestLoading>,
    #[serde(default)]
    pub(crate) scores: Vec<Trial>,
    #[serde(default)]
    pub(crate) voltage_curves: Vec<VoltageCurve>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Support {
    pub(crate) capacities: usize,
    pub(crate) loading_mg_cm2: Option<(f64, f64)>,
    pub(crate) c_rate: Option<(f64, f64)>,
    pub(crate) cycle: Option<(f64, f64)>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GridPoint {
    pub(crate) loading_mg_cm2: f64,
    pub(crate) c_rate: f64,
    pub(crate) electrolyte_ul_mg: Option<f64>,
    pub(crate) cycle: usize,
    pub(crate) quantity: String,
    pub(crate) unit: String,
    pub(crate) median: Option<f64>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) limiting: Option<String>,
    #[serde(default)]
    pub(crate) rate_control: Option<BTreeMap<String, Option<f64>>>,
    pub(crate) extrapolation: Option<f64>,
    #[serde(default)]
    pub(crate) mostly_prior: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BestLoading {
    pub(crate) c_rate: f64,
    #[serde(default)]
    pub(crate) electrolyte_ul_mg: Option<f64>,
    pub(crate) cycle: usize,
    pub(crate) loading_mg_cm2: Option<f64>,
    pub(crate) loading_lower: Option<f64>,
    pub(crate) loading_upper: Option<f64>,
    pub(crate) areal_capacity_mah_cm2: Option<f64>,
    pub(crate) areal_lower: Option<f64>,
    pub(crate) areal_upper: Option<f64>,
    pub(crate) probability_beyond_grid: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Trial {
    pub(crate) left_out: String,
    pub(crate) variant: Option<String>,
    pub(crate) blind: String,
    pub(crate) coverage: Option<f64>,
    pub(crate) baseline: String,
    pub(crate) interval_score: Option<f64>,
    pub(crate) interval_score_baseline: Option<f64>,
    #[serde(default)]
    pub(crate) numbers: Vec<ScoredNumber>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ScoredNumber {
    pub(crate) id: String,
    pub(crate) cell: String,
    pub(crate) measured: f64,
    pub(crate) predicted: Option<f64>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) baseline: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct VoltageCurve {
    pub(crate) loading_mg_cm2: f64,
    pub(crate) c_rate: f64,
    #[serde(default)]
    pub(crate) electrolyte_ul_mg: Option<f64>,
    pub(crate) cycle: usize,
    pub(crate) variant: String,
    pub(crate) charge_mah_g: Vec<f64>,
    pub(crate) voltage_v: Vec<f64>,
}
