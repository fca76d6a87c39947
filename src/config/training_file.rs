//! The raw mirror of a training file: what a surrogate shall learn.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::curve_file::RawHalfName;
use super::experiment_file::RawResolution;
use super::observable_file::RawCapacity;
use super::observable_file::RawResistance;
use super::protocol_file::RawProtocol;

/// What a surrogate shall learn. Paths start at the file's own folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTraining {
    /// Name; the surrogate goes to `models/surrogates/NAME` unless `--out` says otherwise.
    pub(super) name: String,
    /// Path of the experiment whose mechanism, protocols and observables it learns.
    pub(super) experiment: PathBuf,
    /// Names of protocols of the experiment; all numbers that the experiment reads from them are learned.
    pub(super) protocols: Vec<String>,
    /// Mesh and tolerances of the simulations.
    pub(super) mesh: RawResolution,
    /// Seed of points, networks and their training.
    pub(super) seed: u64,
    /// How many cells are simulated for what.
    pub(super) simulations: RawBudget,
    /// The networks.
    pub(super) network: RawNetwork,
    /// Which cells count as working; errors and intervals are told for them.
    #[schemars(extend("x-default" = "all"))]
    pub(super) working: Option<RawWorking>,
    /// The box of parameters that the surrogate answers in.
    #[serde(rename = "box")]
    pub(super) sides: RawBox,
    /// Protocols beside those of the experiment, by name.
    #[serde(default)]
    pub(super) protocol: BTreeMap<String, RawProtocol>,
    /// What is learned beside the numbers of the experiment.
    #[serde(default)]
    pub(super) output: Vec<RawOutput>,
}

/// How many cells are simulated for what; at least 20 each, but those with slopes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBudget {
    /// Simulations that are learned from; at least four for each side of the box.
    #[schemars(extend("minimum" = super::training::SET_MIN))]
    pub(super) training: usize,
    /// How many of those give exact derivatives, too; no more than training.
    #[schemars(extend("minimum" = 0))]
    pub(super) with_slopes: usize,
    /// Simulations that tell when to stop.
    #[schemars(extend("minimum" = super::training::SET_MIN))]
    pub(super) validation: usize,
    /// Simulations that calibrate the intervals.
    #[schemars(extend("minimum" = super::training::SET_MIN))]
    pub(super) calibration: usize,
    /// Simulations that tell the error, seen by nothing before.
    #[schemars(extend("minimum" = super::training::SET_MIN))]
    pub(super) test: usize,
}

/// The networks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    /// Networks of an ensemble; their spread tells where they do not know.
    #[schemars(extend("minimum" = super::training::MEMBERS_MIN))]
    pub(super) members: usize,
    /// Widths of the hidden layers.
    pub(super) hidden: Vec<usize>,
    /// Hidden layers for quantities of some units, by unit like "mAh g^-1".
    #[serde(default)]
    pub(super) hidden_of: BTreeMap<String, Vec<usize>>,
    /// Most passes through the simulations.
    #[schemars(extend("minimum" = 1))]
    pub(super) epochs: usize,
    /// Weight of the errors of derivatives beside those of values.
    #[schemars(extend("minimum" = 0, "x-unit" = "1"))]
    pub(super) slope_weight: f64,
}

/// A cell works if this number lies above.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorking {
    /// Name of a number that is learned.
    pub(super) output: String,
    /// The limit, in the unit of that number.
    pub(super) above: f64,
}

/// The box of parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBox {
    /// Standard deviations of the priors on either side of their centres, inside the bounds of a fit.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) prior_sd: f64,
    /// Parameters whose sides follow from their priors.
    pub(super) parameters: Vec<String>,
    /// Parameters whose sides are stated: lowest and highest value, in the unit of the mechanism file.
    #[serde(default)]
    pub(super) bounds: BTreeMap<String, [f64; 2]>,
    /// The current of one step as a side of the box.
    #[schemars(extend("x-default" = "fixed currents"))]
    pub(super) c_rate: Option<RawRate>,
}

/// The current of the cycles of one step.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    /// Name of the protocol.
    pub(super) protocol: String,
    /// The step with the cycles, counted from zero.
    pub(super) step: usize,
    /// Lowest and highest current, in multiples of the theoretical capacity per hour.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) bounds: [f64; 2],
}

/// Something that is learned. Exactly one of the quantities.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOutput {
    /// Name; unique.
    pub(super) name: String,
    /// Name of the protocol.
    pub(super) protocol: String,
    /// Discharge capacity of a cycle.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    pub(super) capacity: Option<RawCapacity>,
    /// Energy that the discharge of a recorded cycle gives, per mass of active element.
    #[schemars(extend("x-unit" = "Wh kg^-1"))]
    pub(super) energy: Option<RawCapacity>,
    /// Re Z at a frequency.
    #[schemars(extend("x-unit" = "ohm"))]
    pub(super) resistance: Option<RawResistance>,
    /// The curve of a half cycle.
    pub(super) voltage_over_charge: Option<RawVoltageOverCharge>,
    /// The curve of a ramp of a sweep.
    pub(super) current_over_voltage: Option<RawCurrentOverVoltage>,
    /// A part of a spectrum.
    pub(super) impedance: Option<RawImpedanceCurve>,
}

/// The curve of a half cycle.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVoltageOverCharge {
    /// The step with the cycles, counted from zero.
    pub(super) step: usize,
    /// The cycle, counted from one; its curves are recorded.
    #[schemars(extend("minimum" = 1))]
    pub(super) cycle: usize,
    /// Which half of the cycle.
    pub(super) half: RawHalfName,
    /// Points of the curve.
    #[schemars(extend("minimum" = 3, "maximum" = super::training::POINTS_MAX))]
    pub(super) points: usize,
}

/// The curve of a ramp.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCurrentOverVoltage {
    /// The step with the sweep, counted from zero.
    pub(super) step: usize,
    /// The ramp, counted from zero.
    pub(super) ramp: usize,
    /// Lowest potential.
    pub(super) from_v: f64,
    /// Highest potential; above `from_v`.
    pub(super) to_v: f64,
    /// Points of the curve.
    #[schemars(extend("minimum" = 3, "maximum" = super::training::POINTS_MAX))]
    pub(super) points: usize,
}

/// A part of a spectrum.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawImpedanceCurve {
    /// The step with the spectrum, counted from zero.
    pub(super) step: usize,
    /// Lowest frequency.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) lowest_hz: f64,
    /// Highest frequency, above the lowest.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) highest_hz: f64,
    /// Points, evenly spaced in the logarithm.
    #[schemars(extend("minimum" = 3, "maximum" = super::training::POINTS_MAX))]
    pub(super) points: usize,
    /// Which part.
    pub(super) part: RawPart,
}

/// A part of the impedance.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawPart {
    /// The real part.
    Real,
    /// The imaginary part.
    Imaginary,
}
