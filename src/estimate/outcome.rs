//! What an estimation yields.

use super::ablation::Ablation;
use super::design::Promise;
use super::evidence::Evidence;
use super::knowledge::Knowledge;
use super::objective::Curves;
use super::posterior::Posterior;
use super::profile::Profile;
use super::study::Blind;
use super::study::Observation;
use super::study::Target;
use super::uncertainty::Information;
use super::weighted::WeightedPosterior;
use crate::numerics::least_squares::StopReason;
use crate::simulate::SimulationFailure;
use crate::surrogate::Answer;

/// How an interval was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalMethod {
    /// From the curvature at the optimum.
    Laplace,
    /// From the profile of the cost.
    Profile,
}

/// The probability that intervals are meant to hold.
pub const INTERVAL_LEVEL: f64 = 0.95;

/// A fitted free quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Position in the variant's list.
    pub index: usize,
    /// Value (SI).
    pub value: f64,
    /// Posterior standard deviation on the scale of the prior, from the curvature at the optimum, the noise inflated to
    /// the scatter; `None` if unknown.
    pub sd: Option<f64>,
    /// The same with the noise as stated.
    pub sd_assumed: Option<f64>,
    /// The interval of [`INTERVAL_LEVEL`] (SI), and how it was found.
    pub interval: Option<(f64, f64, IntervalMethod)>,
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
    /// Its residual as it enters the cost, instruments' offsets and estimated noise considered.
    pub residual: f64,
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
    /// Whether a surrogate found it.
    pub is_guided: bool,
    /// Cost at the start, on the coarse mesh.
    pub cost_at_start: Option<f64>,
    /// Cost at its end, on the coarse mesh.
    pub cost: f64,
    /// Iterations.
    pub iterations: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Number of the optimum that it ended in, counted from zero in order of cost; `None` if it failed.
    pub optimum: Option<usize>,
}

/// What a surrogate did for a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct GuideReport {
    /// Its name.
    pub name: String,
    /// Starts that it followed down.
    pub starts: usize,
    /// Distinct ends, which the cell model was asked about.
    pub distinct: usize,
    /// Points that it was asked about.
    pub asked: usize,
    /// Points that it did not answer: outside its box, without a value, or its networks disagreed.
    pub refused: usize,
    /// What it says of the optimum: cost, and for every observation value and conformal interval; `None` if it does not
    /// answer there.
    pub at_optimum: Option<(f64, Vec<Answer>)>,
}

/// The cost under another reading of the source, after a fit of its own on the coarse mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct AlternativeCost {
    /// Name of the alternative.
    pub name: String,
    /// Cost after a fit of its own.
    pub cost: f64,
    /// Cost of the first reading after its fit, on the same mesh and with the same noise.
    pub cost_first: f64,
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
    /// What the data say at the optimum, if the curvature could be computed.
    pub information: Option<Information>,
    /// What is known about each free quantity; empty if the curvature is unknown.
    pub knowledge: Vec<Knowledge>,
    /// Profiles of the free quantities, on the coarse mesh; empty if none were asked for.
    pub profiles: Vec<Option<Profile>>,
    /// Samples of the posterior on the coarse mesh, if they were asked for, or why there are none.
    pub posterior: Option<Result<Posterior, String>>,
    /// Samples of the surrogate's posterior, weighted by the cell model, if they were asked for, or why there are none.
    pub weighted: Option<Result<WeightedPosterior, String>>,
    /// What is known without each record; empty unless it was asked for.
    pub ablations: Vec<Ablation>,
    /// How far a mesh twice as fine would move each estimate, in its standard deviations; empty if unknown or if no
    /// curves are fitted.
    pub mesh_shifts: Vec<f64>,
    /// How well the variant explains the data.
    pub evidence: Option<Evidence>,
    /// What candidate measurements would tell, the most informative first.
    pub promises: Vec<Promise>,
    /// Value and standard deviation of each of the instruments' unknowns.
    pub calibrations: Vec<(f64, f64)>,
    /// Estimated factor on the noise of each group.
    pub noise_factors: Vec<f64>,
    /// Costs of the optima that were fitted on the fine mesh, the first being that of the search's best.
    pub polished: Vec<f64>,
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
    /// What a surrogate did, if one was asked.
    pub guide: Option<GuideReport>,
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

/// A prediction averaged over the variants by their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Averaged {
    /// Which number.
    pub target: Target,
    /// The measured value.
    pub measured: f64,
    /// The weighted mean.
    pub mean: f64,
    /// Standard deviation by the uncertainty of the parameters, within the variants.
    pub sd_within: f64,
    /// Standard deviation between the variants.
    pub sd_between: f64,
    /// Whether the target was known: the least blind of all variants counts.
    pub blind: Blind,
}

/// The variants of a study beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Weight of each variant by its evidence, in order.
    pub weights: Vec<f64>,
    /// The weights if the compared priors were this many times as wide.
    pub weights_by_width: Vec<(f64, Vec<f64>)>,
    /// Predictions averaged by the weights.
    pub averaged: Vec<Averaged>,
}

/// The result of a study.
#[derive(Debug)]
pub struct FitReport {
    /// The variants compared, if there are several and all were fitted.
    pub comparison: Option<Comparison>,
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
