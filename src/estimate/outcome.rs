//! What an estimation yields.

use ndarray::Array2;

use super::study::Observation;
use super::study::Target;
use crate::cell::Cell;
use crate::numerics::least_squares::StopReason;
use crate::simulate::Outcome;
use crate::simulate::SimulationFailure;

/// A fitted free quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Position in the variant's list.
    pub index: usize,
    /// Value (SI).
    pub value: f64,
    /// Posterior standard deviation on the scale of the prior, from the curvature at the optimum; `None` if unknown.
    pub sd: Option<f64>,
}

/// A measured number beside the model's.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The observation.
    pub observation: Observation,
    /// The model's value, in the observable's unit.
    pub model: f64,
    /// Its standard deviation by the uncertainty of the parameters.
    pub model_sd: Option<f64>,
}

/// A number that is read but not fitted, beside the measured one.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// The observation.
    pub observation: Observation,
    /// The model's value; `None` if the simulated curve does not show it.
    pub model: Option<f64>,
}

/// A predicted number beside the measured one.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// Which number.
    pub target: Target,
    /// The measured value, which the fit has not seen.
    pub measured: f64,
    /// The model's value; `None` if its simulation failed.
    pub model: Option<f64>,
    /// Its standard deviation by the uncertainty of the parameters.
    pub sd: Option<f64>,
}

/// Whether a comparison came out as the paper says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the paper says.
    pub claim: String,
    /// The number that should be larger and the one that should be smaller; `None` if the simulation failed.
    pub values: Option<(f64, f64)>,
    /// Unit of both.
    pub unit: &'static str,
}

/// What became of one start.
#[derive(Clone, Debug, PartialEq)]
pub struct StartReport {
    /// Cost at the start, on the coarse mesh.
    pub cost_at_start: Option<f64>,
    /// Cost at its end, on the coarse mesh.
    pub cost: f64,
    /// Why it ended.
    pub stop: StopReason,
}

/// The cost under another reading of the source, after a fit of its own on the coarse mesh; it compares with the
/// lowest cost of the starts.
#[derive(Clone, Debug, PartialEq)]
pub struct AlternativeCost {
    /// Name of the alternative.
    pub name: String,
    /// Cost after a fit of its own.
    pub cost: f64,
    /// Why that fit ended.
    pub stop: StopReason,
}

/// The fit of one variant.
#[derive(Clone, Debug)]
pub struct VariantReport {
    /// Position of the variant.
    pub variant: usize,
    /// Coordinates of the optimum.
    pub x: Vec<f64>,
    /// Free quantities.
    pub estimates: Vec<Estimate>,
    /// Posterior covariance of the coordinates, if the curvature could be computed.
    pub covariance: Option<Array2<f64>>,
    /// Sum of squared residuals of data and priors on the fine mesh.
    pub cost: f64,
    /// The part of the data.
    pub cost_data: f64,
    /// The cost on the coarse mesh.
    pub cost_coarse: f64,
    /// Scaled gradient at the optimum.
    pub scaled_gradient: f64,
    /// Why the fit ended.
    pub stop: StopReason,
    /// What became of every start.
    pub starts: Vec<StartReport>,
    /// Observations.
    pub observed: Vec<Observed>,
    /// Numbers that are read but not fitted.
    pub extras: Vec<Extra>,
    /// Predictions.
    pub predicted: Vec<Predicted>,
    /// Comparisons.
    pub verdicts: Vec<Verdict>,
    /// Costs under other readings.
    pub alternatives: Vec<AlternativeCost>,
    /// What every protocol of every cell gave at the optimum, on the fine mesh.
    pub curves: Vec<Curves>,
}

/// What one protocol gave for one cell.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Position of the cell.
    pub cell: usize,
    /// Position of the protocol.
    pub protocol: usize,
    /// The cell model.
    pub model: Cell,
    /// Its outcome.
    pub outcome: Outcome,
}

/// The result of a study.
#[derive(Debug)]
pub struct FitReport {
    /// One report per variant, in order; an interrupted fit lacks the later ones.
    pub variants: Vec<VariantReport>,
    /// Parameter points simulated.
    pub evaluations: usize,
    /// Simulations that failed.
    pub failed: usize,
    /// The first failures.
    pub failures: Vec<SimulationFailure>,
    /// Whether somebody asked for an end.
    pub is_interrupted: bool,
}
