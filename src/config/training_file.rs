//! The raw mirror of a training file: what a surrogate shall learn.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::curve_file::RawHalfName;
use super::experiment_file::RawCapacity;
use super::experiment_file::RawResistance;
use super::experiment_file::RawResolution;
use super::protocol::RawProtocol;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTraining {
    pub(super) name: String,
    pub(super) experiment: PathBuf,
    /// Protocols of the experiment whose numbers are learned.
    pub(super) protocols: Vec<String>,
    pub(super) mesh: RawResolution,
    pub(super) seed: u64,
    pub(super) simulations: RawBudget,
    pub(super) network: RawNetwork,
    pub(super) working: Option<RawWorking>,
    #[serde(rename = "box")]
    pub(super) sides: RawBox,
    /// Protocols beside those of the experiment.
    #[serde(default)]
    pub(super) protocol: BTreeMap<String, RawProtocol>,
    #[serde(default)]
    pub(super) output: Vec<RawOutput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBudget {
    pub(super) training: usize,
    pub(super) with_slopes: usize,
    pub(super) validation: usize,
    pub(super) calibration: usize,
    pub(super) test: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    pub(super) members: usize,
    pub(super) hidden: Vec<usize>,
    /// Hidden layers for quantities of some units.
    #[serde(default)]
    pub(super) hidden_of: BTreeMap<String, Vec<usize>>,
    pub(super) epochs: usize,
    pub(super) slope_weight: f64,
}

/// A cell works if this number lies above.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorking {
    pub(super) output: String,
    pub(super) above: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBox {
    /// Standard deviations of the priors on either side of their centres.
    pub(super) prior_sd: f64,
    /// Parameters whose sides follow from their priors.
    pub(super) parameters: Vec<String>,
    /// Parameters whose sides are stated, in their units.
    #[serde(default)]
    pub(super) bounds: BTreeMap<String, [f64; 2]>,
    /// The current of one step.
    pub(super) c_rate: Option<RawRate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    pub(super) protocol: String,
    pub(super) step: usize,
    pub(super) bounds: [f64; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOutput {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) capacity: Option<RawCapacity>,
    pub(super) energy: Option<RawCapacity>,
    pub(super) resistance: Option<RawResistance>,
    pub(super) voltage_over_charge: Option<RawVoltageOverCharge>,
    pub(super) current_over_voltage: Option<RawCurrentOverVoltage>,
    pub(super) impedance: Option<RawImpedanceCurve>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVoltageOverCharge {
    pub(super) step: usize,
    pub(super) cycle: usize,
    pub(super) half: RawHalfName,
    pub(super) points: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCurrentOverVoltage {
    pub(super) step: usize,
    pub(super) ramp: usize,
    pub(super) from_v: f64,
    pub(super) to_v: f64,
    pub(super) points: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawImpedanceCurve {
    pub(super) step: usize,
    pub(super) lowest_hz: f64,
    pub(super) highest_hz: f64,
    pub(super) points: usize,
    pub(super) part: RawPart,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawPart {
    Real,
    Imaginary,
}
