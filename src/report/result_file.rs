//! The layout of `result.json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::ablation::RawAblation;
use super::curves::RawCurve;
use super::guide::RawGuide;
use super::guide::RawWeighted;
use super::inference::RawAveraged;
use super::inference::RawCandidate;
use super::inference::RawIdentifiability;
use super::inference::RawInstrument;
use super::inference::RawModel;
use super::inference::RawPosterior;
use super::inference::RawProfilePoint;
use crate::estimate::Knowledge;

/// The result of a fit or of a simulation. What is told of the main variant stands at the top, the others in
/// variants.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawResult {
    /// Version of the program.
    pub(super) version: &'static str,
    /// Name of the experiment.
    pub(super) experiment: String,
    /// Seed of the experiment.
    pub(super) seed: u64,
    /// The command that gives this result from the same files.
    pub(super) command: String,
    /// Where the data come from: `measured`, `literature` or `synthetic`.
    pub(super) data: &'static str,
    /// The files that it was read from, the experiment first.
    pub(super) inputs: Vec<RawInput>,
    /// Whether somebody ended the fit before it was done.
    pub(super) interrupted: bool,
    /// Points of parameters that were simulated.
    pub(super) evaluations: usize,
    /// Simulations that failed.
    pub(super) failed_solves: usize,
    /// The first twenty of them.
    pub(super) failures: Vec<RawFailure>,
    /// The assumptions of the experiment.
    pub(super) assumptions: Vec<String>,
    #[serde(flatten)]
    pub(super) main: RawVariant,
    /// The other variants, like the main one.
    pub(super) variants: Vec<RawVariant>,
    /// The variants beside each other.
    pub(super) models: Vec<RawModel>,
    /// Predictions, averaged over the variants by their weights.
    pub(super) averaged_predictions: Vec<RawAveraged>,
}

/// A file that a result was read from.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawInput {
    /// Its name without folders.
    pub(super) name: String,
    /// A number for its content, hexadecimal.
    pub(super) fingerprint: String,
}

/// What is told of one variant.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawVariant {
    /// Name of the variant.
    pub(super) variant: String,
    /// What it says.
    pub(super) meaning: String,
    /// Whether its fit converged.
    pub(super) converged: bool,
    /// Why the fit stopped.
    pub(super) stop_reason: String,
    /// Gradient of the cost at the optimum, scaled; 0 at a minimum.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) scaled_gradient: Option<f64>,
    /// Sum of squares of data and priors at the optimum, in standard deviations.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost: f64,
    /// The part of the data.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost_data: f64,
    /// The cost at the optimum of the coarse mesh.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost_coarse_mesh: Option<f64>,
    /// What the surrogate did, if one found starts.
    pub(super) surrogate: Option<RawGuide>,
    /// The starts that were followed down.
    pub(super) starts: Vec<RawStart>,
    /// Costs of the optima on the fine mesh.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) polished_costs: Vec<f64>,
    /// What other readings of the source cost.
    pub(super) alternatives: Vec<RawAlternative>,
    /// Measured numbers beside those of the model.
    pub(super) observables: Vec<RawObservable>,
    /// How well measured curves are met.
    pub(super) curves: Vec<RawCurve>,
    /// The free quantities, then what follows from them.
    pub(super) parameters: Vec<RawParameter>,
    /// What the data inform.
    pub(super) identifiability: Option<RawIdentifiability>,
    /// Samples of the posterior, summarised, if they were drawn.
    pub(super) posterior: Option<RawPosterior>,
    /// Why they could not be drawn.
    pub(super) posterior_failure: Option<String>,
    /// Samples by the surrogate, weighted by the cell model, if they were drawn.
    pub(super) posterior_by_surrogate: Option<RawWeighted>,
    /// Why they could not be drawn.
    pub(super) posterior_by_surrogate_failure: Option<String>,
    /// Measurements not yet made, the most informative first.
    pub(super) candidates: Vec<RawCandidate>,
    /// Unknowns of the instruments.
    pub(super) calibrations: Vec<RawInstrument>,
    /// Estimated factors on the stated noise.
    pub(super) noise_factors: Vec<RawInstrument>,
    /// The fit without each record, the fit with all first; from `--ablate`.
    pub(super) ablation: Vec<RawAblation>,
    /// Numbers that were never fitted.
    pub(super) predictions: Vec<RawPrediction>,
    /// Statements without numbers.
    pub(super) orderings: Vec<RawOrdering>,
}

/// A simulation that failed.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawFailure {
    /// What was simulated.
    pub(super) during: String,
    /// Time of the cell at which it failed.
    pub(super) time_s: Option<f64>,
    /// Why.
    pub(super) reason: String,
}

/// A descent.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawStart {
    /// What found the start: `surrogate` or `priors`.
    pub(super) found_by: &'static str,
    /// Cost where it began.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost_at_start: Option<f64>,
    /// Cost where it ended.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost: Option<f64>,
    /// Steps.
    pub(super) iterations: usize,
    /// Position of the optimum that it reached; equal ones share it.
    pub(super) optimum: Option<usize>,
    /// Why it stopped.
    pub(super) stop_reason: String,
}

/// Another reading of the source.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawAlternative {
    /// Name.
    pub(super) name: String,
    /// Cost with the other reading.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost: Option<f64>,
    /// Cost with the reading of the experiment, on the same mesh.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost_first_reading: Option<f64>,
    /// Why the fit stopped.
    pub(super) stop_reason: String,
}

/// A measured number beside the model's.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawObservable {
    /// Id of the fact.
    pub(super) id: String,
    /// Name of the cell.
    pub(super) cell: String,
    /// The measured number, in the unit.
    pub(super) measured: f64,
    /// What the model reads.
    pub(super) model: Option<f64>,
    /// Standard deviation of the measured number.
    pub(super) sd: f64,
    /// How far the model lies from it, in standard deviations.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) z: Option<f64>,
    /// Unit of all numbers here.
    pub(super) unit: String,
    /// Whether it was fitted.
    pub(super) used_in_fit: bool,
    /// Name of the protocol that it is read from.
    pub(super) protocol: String,
    /// What is read, as the key of an experiment file.
    pub(super) reading: String,
    /// The step that it is read from, counted from zero.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) step: Option<usize>,
    /// The cycle, counted from one, if it is a number of one cycle.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cycle: Option<usize>,
    /// Standard deviation of the model's number by the uncertainty of the parameters.
    pub(super) model_sd: Option<f64>,
}

/// A parameter, a ratio or a combination.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawParameter {
    /// Name.
    pub(super) name: String,
    /// Whose value it is: `shared`, or names of cells.
    pub(super) cell: String,
    /// Value at the optimum, in the unit.
    pub(super) value: f64,
    /// Unit of value, bounds and interval.
    pub(super) unit: String,
    /// Standard deviation, scatter considered, on the scale of `sd_scale`.
    pub(super) sd: Option<f64>,
    /// Scale of the standard deviations: `ln` for the natural logarithm, `linear` for the value in its unit.
    pub(super) sd_scale: &'static str,
    /// The prior, in words.
    pub(super) prior: String,
    /// Median of a prior that is normal in the logarithm, in the unit.
    pub(super) prior_median: Option<f64>,
    /// Standard deviation of the logarithm of such a prior.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) prior_sd_ln: Option<f64>,
    /// Lowest value that the fit may try.
    pub(super) lower: Option<f64>,
    /// Highest value that the fit may try.
    pub(super) upper: Option<f64>,
    /// Standard deviation with the noise as stated, without regard to the scatter.
    pub(super) sd_assumed: Option<f64>,
    /// Interval of the value.
    pub(super) interval: Option<(f64, f64)>,
    /// Probability that the interval is meant to hold.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) interval_level: f64,
    /// How it was found: `laplace` (by curvature) or `profile`.
    pub(super) interval_method: Option<&'static str>,
    /// How far a mesh twice as fine would move it, in its standard deviations.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) mesh_shift_sd: Option<f64>,
    /// What data and prior together know about it.
    #[schemars(extend("enum" = Knowledge::WORDS))]
    pub(super) verdict: Option<&'static str>,
    /// The verdict in words.
    pub(super) verdict_in_words: Option<String>,
    /// The cost along it, if it was profiled.
    pub(super) profile: Option<Vec<RawProfilePoint>>,
    /// Rise of the cost at which the interval ends.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) profile_rise_of_interval: Option<f64>,
    /// By how much the profile found a lower cost than the optimum, if it did.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) profile_lower_than_optimum: Option<f64>,
    /// Points of the profile that could not be fitted.
    pub(super) profile_failed_points: Option<usize>,
}

/// A number that was never fitted.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawPrediction {
    /// Id of the fact.
    pub(super) id: String,
    /// Name of the cell.
    pub(super) cell: String,
    /// Name of the variant.
    pub(super) variant: String,
    /// The measured number, in the unit.
    pub(super) measured: f64,
    /// What the model predicts.
    pub(super) model: Option<f64>,
    /// Standard deviation of the prediction.
    pub(super) sd: Option<f64>,
    /// Unit.
    pub(super) unit: &'static str,
    /// Whether the target was known when the variant was chosen: `yes` (nobody had seen it), `parameters_only` or
    /// `no`.
    pub(super) blind: &'static str,
}

/// A statement without numbers.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawOrdering {
    /// The statement.
    pub(super) claim: String,
    /// Whether the model agrees.
    pub(super) met: Option<bool>,
    /// What the model reads for the side that should be larger.
    pub(super) larger: Option<f64>,
    /// What it reads for the other.
    pub(super) smaller: Option<f64>,
    /// Unit.
    pub(super) unit: &'static str,
}
