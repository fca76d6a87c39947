//! The raw mirror of an experiment file, and the choices in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::curve_file::RawCurve;
use super::model_file::RawPrior;
use super::observable_file::RawCapacity;
use super::observable_file::RawObserved;
use super::observable_file::RawSide;
use super::protocol_file::RawProtocol;

/// Optima that are fitted on the fine mesh unless the file says otherwise.
pub(super) const POLISHED: usize = 1;
/// Starts that a surrogate follows down unless the file says otherwise.
pub(super) const SURROGATE_STARTS: usize = 256;

/// An experiment: which cells were measured how, what is free, what is fitted and what is predicted. Paths start at
/// the file's own folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExperiment {
    /// Name of the experiment; a report goes to `results/NAME` unless `--out` says otherwise.
    pub(super) name: String,
    /// Path of the mechanism file.
    pub(super) mechanism: PathBuf,
    /// Path of the data set file whose facts and records the experiment uses.
    pub(super) dataset: PathBuf,
    /// What the sources leave open and the experiment therefore assumes, one sentence each; repeated in every result.
    pub(super) assumptions: Vec<String>,
    /// Meshes and tolerances of the simulations.
    pub(super) mesh: RawMeshes,
    /// How the optimum is searched.
    pub(super) fit: RawFit,
    /// The cells; at least one. Each is a fresh cell with its own catalyst.
    pub(super) cell: Vec<RawCell>,
    /// What is done to a cell, by a name of its own.
    pub(super) protocol: BTreeMap<String, RawProtocol>,
    /// Measured numbers, each a fact of the data set beside what the model reads from a protocol. At least one of
    /// these or one curve is needed.
    #[serde(default)]
    pub(super) observable: Vec<RawObserved>,
    /// Measured curves, each a record of the data set beside what the model gives for a protocol.
    #[serde(default)]
    pub(super) curve: Vec<RawCurve>,
    /// Other readings of an ambiguous source: two facts change places, and the fit tells which reading costs less.
    #[serde(default)]
    pub(super) alternative: Vec<RawAlternative>,
    /// Measured numbers that are never fitted, but predicted.
    #[serde(default)]
    pub(super) prediction: Vec<RawPredicted>,
    /// Statements of the source without numbers, told as met or not; never fitted.
    #[serde(default)]
    pub(super) ordering: Vec<RawOrdering>,
    /// Groups of observables whose noise level is estimated from their scatter.
    #[serde(default)]
    pub(super) noise: Vec<RawNoise>,
    /// Unknowns of an instrument, solved inside the fit.
    #[serde(default)]
    pub(super) calibration: Vec<RawCalibration>,
    /// Measurements not yet made, ranked by the information that they promise.
    #[serde(default)]
    pub(super) candidate: Vec<RawCandidate>,
    /// Products of powers of free quantities, told with their uncertainty: what the data may know better than the
    /// factors.
    #[serde(default)]
    pub(super) combination: Vec<RawCombination>,
    /// What is fitted in all variants.
    pub(super) free: RawFree,
    /// Explanations of the data that are fitted and compared; at least one. The first is the main one.
    pub(super) variant: Vec<RawVariant>,
}

/// The two meshes of a fit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMeshes {
    /// The mesh of the search, of profiles and of the posterior.
    pub(super) coarse: RawResolution,
    /// The mesh of the optimum and of everything that is told about it.
    pub(super) fine: RawResolution,
}

/// A mesh and the tolerances of the integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResolution {
    /// Volumes of the separator, or of the electrolyte before the electrode of a half cell.
    #[serde(alias = "electrolyte")]
    #[schemars(extend("minimum" = 1, "maximum" = 1000))]
    pub(super) separator: usize,
    /// Volumes of the cathode; a half cell has none and leaves it out.
    #[serde(default = "one")]
    #[schemars(extend("minimum" = 1, "maximum" = 1000))]
    pub(super) cathode: usize,
    /// Relative tolerance of the integration.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.01, "x-unit" = "1"))]
    pub(super) relative_tolerance: f64,
    /// Factor on the absolute tolerances of all states; 1 is strict, larger is faster.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1000, "x-unit" = "1"))]
    pub(super) absolute_factor: f64,
}

/// A half cell has no cathode volumes.
fn one() -> usize {
    1
}

/// How the optimum is searched.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFit {
    /// Seed of everything that is drawn: the same file and seed give the same result.
    pub(super) seed: u64,
    /// Points through the priors that are rated before the search; the best of them are followed. With a swarm this
    /// is its size. Never fewer than `starts`.
    #[schemars(extend("minimum" = 1))]
    pub(super) candidates: usize,
    /// How many of the rated points are followed down to an optimum on the coarse mesh; `--starts` goes before it.
    #[schemars(extend("minimum" = 1))]
    pub(super) starts: usize,
    /// Most steps of a descent; one that needs more counts as not converged.
    #[schemars(extend("minimum" = 1))]
    pub(super) iterations_max: usize,
    /// A descent has converged where the scaled gradient of the cost lies below.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) gradient_tolerance: f64,
    /// How the points through the priors are found.
    #[schemars(extend("x-default" = "sobol"))]
    pub(super) search: Option<RawSearch>,
    /// How many distinct optima of the coarse mesh are fitted on the fine mesh; the lowest is told.
    #[schemars(extend("default" = POLISHED, "minimum" = 1))]
    pub(super) polished: Option<usize>,
    /// The loss of a residual; a robust one pulls less at outliers and must not stand beside `[[calibration]]`.
    #[schemars(extend("x-default" = "squares"))]
    pub(super) loss: Option<RawLoss>,
    /// Folder of a surrogate that finds starts, or `none`.
    #[schemars(extend("x-default" = "the one in surrogates/MECHANISM beside the mechanism file, if it belongs to the experiment"))]
    pub(super) surrogate: Option<PathBuf>,
    /// Starts that the surrogate follows down.
    #[schemars(extend("default" = SURROGATE_STARTS, "minimum" = 1))]
    pub(super) surrogate_starts: Option<usize>,
}

/// A robust loss, and the residual in standard deviations from which on it spares outliers.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawLoss {
    /// The sum of squares: Gaussian noise.
    Squares,
    /// Quadratic up to a residual, linear beyond (Huber).
    Huber {
        /// The residual from which on outliers are spared, in standard deviations.
        #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
        from_sd: f64,
    },
    /// A smooth passage from quadratic to linear.
    SoftL1 {
        /// The residual from which on outliers are spared, in standard deviations.
        #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
        from_sd: f64,
    },
    /// Logarithmic beyond: outliers hardly pull.
    Cauchy {
        /// The residual from which on outliers are spared, in standard deviations.
        #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
        from_sd: f64,
    },
}

/// How starts are found.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawSearch {
    /// Scrambled Sobol points, evenly through the priors.
    Sobol,
    /// A particle swarm on the coarse mesh.
    Swarm {
        /// Rounds of the swarm.
        #[schemars(extend("minimum" = 1))]
        rounds: usize,
    },
}

/// Observations whose noise level is estimated from their scatter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNoise {
    /// Name, for the report.
    pub(super) name: String,
    /// The group: pairs of id and cell, like `[["rate_1C", "CNT-S"]]`; at least one.
    pub(super) observables: Vec<[String; 2]>,
}

/// An unknown of an instrument that several observables share.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCalibration {
    /// Name, for the report.
    pub(super) name: String,
    /// What the unknown does to the observables.
    pub(super) adds: RawAddition,
    /// Those that it concerns: pairs of id and cell, like `[["charge_activation", "CNT-S"]]`; at least one.
    pub(super) observables: Vec<[String; 2]>,
}

/// What an unknown of an instrument adds.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawAddition {
    /// A constant in the observable's own unit.
    Offset {
        /// Standard deviation of the constant, in the observable's unit.
        #[schemars(extend("exclusiveMinimum" = 0))]
        sd: f64,
    },
    /// A factor on the observable.
    Scale {
        /// Standard deviation of the factor's natural logarithm.
        #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
        sd_ln: f64,
    },
    /// A resistance in series, times the current density.
    OhmicDrop {
        /// Standard deviation of the resistance.
        #[schemars(extend("exclusiveMinimum" = 0))]
        sd_ohm_m2: f64,
    },
}

/// A product of powers of free quantities.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCombination {
    /// Name, for the report.
    pub(super) name: String,
    /// The power of each free quantity, by its name, like `{ k1 = 1.0, cps0 = 1.0 }`.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) powers: BTreeMap<String, f64>,
}

/// A measurement not yet made: the report ranks it by the information that it promises.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCandidate {
    /// Name, for the report.
    pub(super) name: String,
    /// What it would read; at least one.
    pub(super) reading: Vec<RawReading>,
}

/// One number that a candidate measurement would give.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReading {
    /// Standard deviation that it would have, in the unit of the quantity; either this or `relative_sd`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) sd: Option<f64>,
    /// The same relative to the value; either this or sd.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) relative_sd: Option<f64>,
    /// Where it is read.
    pub(super) of: RawSide,
}

/// A cell of the experiment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCell {
    /// Name; unique.
    pub(super) name: String,
    /// Names in the column `cell` of the table of facts that mean this cell, its own among them if it stands there.
    /// Facts about `both` or about `either…` cells count for every cell.
    #[serde(default)]
    pub(super) facts: Vec<String>,
    /// Path of a data set of its own, whose records, area and mass it takes.
    #[schemars(extend("x-default" = "that of the experiment"))]
    pub(super) dataset: Option<PathBuf>,
    /// Values of parameters that this cell has of its own, in the units of the mechanism file.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, f64>,
}

/// A measured number that is never fitted, but predicted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPredicted {
    /// Id of the fact, in the table of facts.
    pub(super) id: String,
    /// Name of the cell.
    pub(super) cell: String,
    /// Name of the protocol from which the model reads it.
    pub(super) protocol: String,
    /// Discharge capacity of a cycle.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    pub(super) capacity: RawCapacity,
}

/// A statement of the source: one quantity is larger than another.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOrdering {
    /// The statement, in words.
    pub(super) claim: String,
    /// Id of the fact that states it, in the table of facts.
    pub(super) id: String,
    /// The side that should be larger.
    pub(super) larger: RawSide,
    /// The side that should be smaller.
    pub(super) smaller: RawSide,
}

/// Another reading of a source: two facts change places.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlternative {
    /// Name, for the report.
    pub(super) name: String,
    /// What the other reading says.
    pub(super) meaning: String,
    /// The two observables that change places: pairs of id and cell.
    pub(super) swap: [[String; 2]; 2],
}

/// What is fitted in all variants.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFree {
    /// Names of parameters of the mechanism that are fitted, with the bounds and priors that stand there.
    pub(super) parameters: Vec<String>,
    /// Factors by which a cell's parameters differ from those of the others, fitted, too.
    #[serde(default)]
    pub(super) ratio: Vec<RawRatio>,
}

/// A free factor on parameters of one cell: how a catalyst differs from the other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRatio {
    /// Name, for the report.
    pub(super) name: String,
    /// Documentary value of the factor; the fit starts from the centre of the prior.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) value: Option<f64>,
    /// The cell whose parameters are multiplied.
    pub(super) cell: String,
    /// Names of the parameters that are multiplied.
    pub(super) parameters: Vec<String>,
    /// What is believed of the factor before the data.
    pub(super) prior: RawPrior,
    /// Lowest and highest factor that a fit may try; they hold the centre of the prior.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) bounds: [f64; 2],
}

/// An explanation of the data.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVariant {
    /// Name, for the report.
    pub(super) name: String,
    /// What it says, in words.
    pub(super) meaning: String,
    /// Whether the targets of predictions were known when it was chosen.
    pub(super) blind: RawBlind,
    /// Path of a mechanism of its own.
    #[schemars(extend("x-default" = "that of the experiment"))]
    pub(super) mechanism: Option<PathBuf>,
    /// Names of free quantities that make the explanation: their priors must be equally wide in all variants, so that
    /// weights mean something.
    #[serde(default)]
    pub(super) compared: Vec<String>,
    /// Free factors beside those of `[free]`.
    #[serde(default)]
    pub(super) ratio: Vec<RawRatio>,
    /// Values, priors and bounds of single parameters in this variant, by name.
    #[serde(default)]
    pub(super) parameter: BTreeMap<String, RawOverride>,
}

/// What a variant changes in a parameter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOverride {
    /// A value at which the parameter is fixed, in its unit.
    pub(super) value: Option<f64>,
    /// A prior instead of that of the mechanism; for a free parameter.
    pub(super) prior: Option<RawPrior>,
    /// Bounds instead of those of the mechanism, in the parameter's unit; for a free parameter.
    pub(super) bounds: Option<[f64; 2]>,
}

/// Whether a prediction's target was known when the model was chosen.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawBlind {
    /// Nobody had seen the target.
    Yes,
    /// The target did not touch the fit, but was known when the mechanism or its priors were chosen.
    ParametersOnly,
    /// The target touched the fit.
    No,
}
