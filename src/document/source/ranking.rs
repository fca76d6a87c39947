//! `ranking.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ranking {
    pub(crate) version: String,
    pub(crate) name: String,
    pub(crate) experiment: String,
    #[serde(default)]
    pub(crate) data: Option<String>,
    pub(crate) reference: String,
    pub(crate) interval_level: f64,
    pub(crate) seed: u64,
    #[serde(default)]
    pub(crate) draws: usize,
    pub(crate) target: Target,
    #[serde(default)]
    pub(crate) simulations: usize,
    #[serde(default)]
    pub(crate) failed_solves: usize,
    #[serde(default)]
    pub(crate) relations: Vec<Relation>,
    #[serde(default)]
    pub(crate) candidates: Vec<Candidate>,
    #[serde(default)]
    pub(crate) pairwise: Option<Pairwise>,
    #[serde(default)]
    pub(crate) next_measurements: Vec<Measurement>,
    #[serde(default)]
    pub(crate) activity_map: Option<ActivityMap>,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) quantity: String,
    pub(crate) unit: String,
    pub(crate) loading_mg_cm2: f64,
    pub(crate) c_rate: f64,
    pub(crate) cycle: usize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Interval {
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Relation {
    pub(crate) constant: String,
    #[serde(default)]
    pub(crate) slopes: Vec<Slope>,
    #[serde(default)]
    pub(crate) fitted_catalysts: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Slope {
    pub(crate) descriptor: String,
    pub(crate) median: Option<f64>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    #[serde(default)]
    pub(crate) calibrated_by: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) rank: Option<usize>,
    pub(crate) median: Option<f64>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    #[serde(default)]
    pub(crate) new_cell: Option<Interval>,
    pub(crate) p_best: Option<f64>,
    pub(crate) expected_rank: Option<f64>,
    pub(crate) group: Option<usize>,
    #[serde(default)]
    pub(crate) evidence: String,
    pub(crate) prior_share: Option<f64>,
    #[serde(default)]
    pub(crate) rankable: bool,
    pub(crate) limiting: Option<String>,
    #[serde(default)]
    pub(crate) rate_control: Option<BTreeMap<String, Option<f64>>>,
    #[serde(default)]
    pub(crate) sources: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pairwise {
    pub(crate) names: Vec<String>,
    pub(crate) row_beats_column: Vec<Vec<Option<f64>>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) what: String,
    pub(crate) candidate: String,
    pub(crate) expected_gain: Option<f64>,
    pub(crate) probability_to_change_the_choice: Option<f64>,
    pub(crate) unit: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ActivityMap {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) x_factor: Vec<f64>,
    pub(crate) y_factor: Vec<f64>,
    pub(crate) target: Vec<Vec<Option<f64>>>,
}
