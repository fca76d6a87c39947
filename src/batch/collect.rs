//! What the finished fits of a campaign say, read back from their reports.

use rayon::prelude::*;
use serde::Deserialize;

use super::folder::CampaignFolder;
use crate::config::CampaignCell;

/// One finished fit.
#[derive(Clone, Debug)]
pub struct CollectedCell {
    /// Name of the cell in the campaign.
    pub name: String,
    /// Its catalyst.
    pub catalyst: String,
    /// Which of the cells with it.
    pub replicate: String,
    /// Key of the fit.
    pub key: String,
    /// The first variant's report.
    pub report: CollectedReport,
}

/// What is read of `result.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct CollectedReport {
    /// Name of the variant.
    pub variant: String,
    /// Whether the fit converged.
    pub converged: bool,
    /// Why it ended.
    pub stop_reason: String,
    /// Cost.
    pub cost: f64,
    /// The part of the data.
    pub cost_data: f64,
    /// Simulations that failed.
    pub failed_solves: usize,
    /// Parameter points simulated.
    pub evaluations: usize,
    /// Observables.
    pub observables: Vec<CollectedObservable>,
    /// Parameters.
    pub parameters: Vec<CollectedParameter>,
    identifiability: Option<CollectedIdentifiability>,
}

impl CollectedReport {
    /// By how much the scatter of the data exceeds their noise, as a factor on the variance.
    pub fn inflation(&self) -> Option<f64> {
        self.identifiability.as_ref().map(|i| i.inflation)
    }
}

#[derive(Clone, Debug, Deserialize)]
struct CollectedIdentifiability {
    inflation: f64,
}

/// An observable.
#[derive(Clone, Debug, Deserialize)]
pub struct CollectedObservable {
    /// Identifier.
    pub id: String,
    /// Cell of the experiment.
    pub cell: String,
    /// Measured value.
    pub measured: f64,
    /// The model's.
    pub model: Option<f64>,
    /// Residual in standard deviations.
    pub z: Option<f64>,
    /// Unit.
    pub unit: String,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize)]
pub struct CollectedParameter {
    /// Name.
    pub name: String,
    /// Cell of the experiment, or `shared`.
    pub cell: String,
    /// Value, in its unit.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// Standard deviation, on the scale of the prior.
    pub sd: Option<f64>,
    /// `ln` or `linear`.
    pub sd_scale: String,
    /// Median of its prior, in the unit, and standard deviation of the logarithm, if it is normal in it.
    #[serde(default)]
    pub prior_median: Option<f64>,
    /// See above.
    #[serde(default)]
    pub prior_sd_ln: Option<f64>,
    /// Interval, in the unit.
    pub interval: Option<(f64, f64)>,
    /// What is known about it.
    pub verdict: Option<String>,
}

/// All finished fits, and those whose report cannot be read.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// In the order of the table.
    pub cells: Vec<CollectedCell>,
    /// Name of the cell and what is wrong with its report.
    pub damaged: Vec<(String, String)>,
}

/// Reads the reports of finished fits: cells with their keys.
pub fn collect(folder: &CampaignFolder, done: &[(&CampaignCell, String)]) -> Collected {
    let reports: Vec<Result<CollectedReport, String>> = done
        .par_iter()
        .map(|(_, key)| {
            let path = folder.fit(key).join("result.json");
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            serde_json::from_str(&text).map_err(|error| error.to_string())
        })
        .collect();
    let mut collected = Collected::default();
    for ((cell, key), report) in done.iter().zip(reports) {
        match report {
            Ok(report) => collected.cells.push(CollectedCell {
                name: cell.name.clone(),
                catalyst: cell.catalyst.clone(),
                replicate: cell.replicate.clone(),
                key: key.clone(),
                report,
            }),
            Err(reason) => collected.damaged.push((cell.name.clone(), reason)),
        }
    }
    collected
}
