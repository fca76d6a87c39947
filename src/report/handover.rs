//! `posterior.json`: what a fit hands over to predictions and rankings, number for number.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::card::hexadecimal;
use crate::estimate::FitReport;
use crate::estimate::Fitted;
use crate::estimate::Study;
use crate::estimate::handed_over;
use crate::surrogate::structure;

/// Layout of the file.
pub const HANDOVER_LAYOUT: u32 = 1;
/// Its name in the folder of a report.
pub const HANDOVER_FILE: &str = "posterior.json";

/// What a fit hands over to predictions and rankings, number for number.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHandover {
    /// Layout.
    pub layout: u32,
    /// Version of the program.
    pub version: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Names of the cells.
    pub cells: Vec<String>,
    /// The variants whose curvature is known.
    pub variants: Vec<RawFitted>,
}

/// What is known about one variant.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFitted {
    /// Name of the variant.
    pub variant: String,
    /// Name of its mechanism.
    pub mechanism: String,
    /// Equations and unknowns of the mechanism, as a number.
    pub structure: String,
    /// Weight by the evidence.
    pub weight: Option<f64>,
    /// Whether the fit converged.
    pub converged: bool,
    /// Names of the free quantities.
    pub free: Vec<String>,
    /// The optimum: natural logarithms of SI values, or SI values, by the scale of the prior.
    pub x: Vec<f64>,
    /// Their covariance, the noise inflated to the scatter.
    pub covariance: Vec<Vec<f64>>,
    /// Samples of the posterior, if they were drawn.
    pub samples: Vec<Vec<f64>>,
}

impl RawHandover {
    /// What a fit hands over.
    pub fn new(study: &Study, report: &FitReport) -> Self {
        let all = handed_over(study, report);
        Self {
            layout: HANDOVER_LAYOUT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            experiment: study.name.clone(),
            cells: study.cells.clone(),
            variants: all.iter().map(|fitted| raw(study, fitted)).collect(),
        }
    }
}

fn raw(study: &Study, fitted: &Fitted) -> RawFitted {
    let variant = &study.variants[fitted.variant];
    let rows = fitted.covariance.rows().into_iter();
    RawFitted {
        variant: variant.name.clone(),
        mechanism: variant.mechanism.name().to_owned(),
        structure: hexadecimal(structure(&variant.mechanism)),
        weight: fitted.weight,
        converged: fitted.is_converged,
        free: variant.free.iter().map(|free| free.name.clone()).collect(),
        x: fitted.x.clone(),
        covariance: rows.map(|row| row.to_vec()).collect(),
        samples: fitted.samples.clone(),
    }
}
