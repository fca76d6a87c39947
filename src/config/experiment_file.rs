//! The raw mirror of an experiment file, and the choices in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::curve_file::RawCurve;
use super::model_file::RawPrior;
use super::protocol::RawProtocol;
use crate::observe::Observable;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExperiment {
    pub(super) name: String,
    pub(super) mechanism: PathBuf,
    pub(super) dataset: PathBuf,
    pub(super) assumptions: Vec<String>,
    pub(super) mesh: RawMeshes,
    pub(super) fit: RawFit,
    pub(super) cell: Vec<RawCell>,
    pub(super) protocol: BTreeMap<String, RawProtocol>,
    #[serde(default)]
    pub(super) observable: Vec<RawObserved>,
    #[serde(default)]
    pub(super) curve: Vec<RawCurve>,
    #[serde(default)]
    pub(super) alternative: Vec<RawAlternative>,
    #[serde(default)]
    pub(super) prediction: Vec<RawPredicted>,
    #[serde(default)]
    pub(super) ordering: Vec<RawOrdering>,
    #[serde(default)]
    pub(super) noise: Vec<RawNoise>,
    #[serde(default)]
    pub(super) calibration: Vec<RawCalibration>,
    #[serde(default)]
    pub(super) candidate: Vec<RawCandidate>,
    #[serde(default)]
    pub(super) combination: Vec<RawCombination>,
    pub(super) free: RawFree,
    pub(super) variant: Vec<RawVariant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMeshes {
    pub(super) coarse: RawResolution,
    pub(super) fine: RawResolution,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResolution {
    /// Volumes of the separator, or of the electrolyte before the electrode of a half cell.
    #[serde(alias = "electrolyte")]
    pub(super) separator: usize,
    #[serde(default = "one")]
    pub(super) cathode: usize,
    pub(super) relative_tolerance: f64,
    pub(super) absolute_factor: f64,
}

/// A half cell has no cathode volumes.
fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFit {
    pub(super) seed: u64,
    pub(super) candidates: usize,
    pub(super) starts: usize,
    pub(super) iterations_max: usize,
    pub(super) gradient_tolerance: f64,
    pub(super) search: Option<RawSearch>,
    pub(super) polished: Option<usize>,
    pub(super) loss: Option<RawLoss>,
    /// Folder of a surrogate that finds starts, or `none`.
    pub(super) surrogate: Option<PathBuf>,
    pub(super) surrogate_starts: Option<usize>,
}

/// A robust loss, and the residual in standard deviations from which on it spares outliers.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawLoss {
    Squares,
    Huber { from_sd: f64 },
    SoftL1 { from_sd: f64 },
    Cauchy { from_sd: f64 },
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawSearch {
    Sobol,
    Swarm { rounds: usize },
}

/// Observations whose noise level is estimated, by id and cell.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNoise {
    pub(super) name: String,
    pub(super) observables: Vec<[String; 2]>,
}

/// An unknown of an instrument.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCalibration {
    pub(super) name: String,
    pub(super) adds: RawAddition,
    pub(super) observables: Vec<[String; 2]>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawAddition {
    /// A constant in the observable's own unit.
    Offset { sd: f64 },
    /// A factor.
    Scale { sd_ln: f64 },
    /// A resistance in series.
    OhmicDrop { sd_ohm_m2: f64 },
}

/// A product of powers of free quantities.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCombination {
    pub(super) name: String,
    pub(super) powers: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCandidate {
    pub(super) name: String,
    pub(super) reading: Vec<RawReading>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReading {
    pub(super) sd: Option<f64>,
    pub(super) relative_sd: Option<f64>,
    pub(super) of: RawSide,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCell {
    pub(super) name: String,
    #[serde(default)]
    pub(super) facts: Vec<String>,
    pub(super) dataset: Option<PathBuf>,
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawObserved {
    pub(super) id: String,
    pub(super) cell: String,
    pub(super) protocol: String,
    pub(super) assumed: Option<f64>,
    pub(super) fit: Option<bool>,
    pub(super) capacity: Option<RawCapacity>,
    pub(super) capacity_max: Option<RawCapacityMax>,
    pub(super) capacity_ratio: Option<RawCapacityRatio>,
    pub(super) energy: Option<RawCapacity>,
    pub(super) mean_voltage: Option<RawCapacity>,
    pub(super) activation_voltage: Option<RawActivation>,
    pub(super) oxidation_peak: Option<RawRamp>,
    pub(super) first_oxidation_peak: Option<RawRamp>,
    pub(super) warburg_slope: Option<RawWarburg>,
    pub(super) resistance: Option<RawResistance>,
    pub(super) transference: Option<bool>,
    pub(super) growth_time: Option<RawGrowth>,
    pub(super) deposition_time: Option<RawStepOnly>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPredicted {
    pub(super) id: String,
    pub(super) cell: String,
    pub(super) protocol: String,
    pub(super) capacity: RawCapacity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOrdering {
    pub(super) claim: String,
    pub(super) id: String,
    pub(super) larger: RawSide,
    pub(super) smaller: RawSide,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSide {
    pub(super) cell: String,
    pub(super) protocol: String,
    pub(super) largest_current: Option<RawStepOnly>,
    pub(super) deposition_charge: Option<RawStepOnly>,
    pub(super) growth_time: Option<RawGrowth>,
    pub(super) resistance: Option<RawResistance>,
    pub(super) anode_share: Option<RawStepOnly>,
    pub(super) oxidation_peak: Option<RawRamp>,
    pub(super) first_oxidation_peak: Option<RawRamp>,
    pub(super) capacity: Option<RawCapacity>,
    pub(super) activation_voltage: Option<RawActivation>,
    pub(super) warburg_slope: Option<RawWarburg>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStepOnly {
    pub(super) step: usize,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacity {
    pub(super) step: usize,
    pub(super) cycle: usize,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacityMax {
    pub(super) step: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacityRatio {
    pub(super) step: usize,
    pub(super) cycle: usize,
    pub(super) over: usize,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawActivation {
    pub(super) step: usize,
    pub(super) window: f64,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRamp {
    pub(super) step: usize,
    pub(super) ramp: usize,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWarburg {
    pub(super) step: usize,
    pub(super) lowest_hz: f64,
    pub(super) highest_hz: f64,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResistance {
    pub(super) step: usize,
    pub(super) frequency_hz: f64,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrowth {
    pub(super) step: usize,
    pub(super) solid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlternative {
    pub(super) name: String,
    pub(super) meaning: String,
    pub(super) swap: [[String; 2]; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFree {
    pub(super) parameters: Vec<String>,
    #[serde(default)]
    pub(super) ratio: Vec<RawRatio>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRatio {
    pub(super) name: String,
    pub(super) value: Option<f64>,
    pub(super) cell: String,
    pub(super) parameters: Vec<String>,
    pub(super) prior: RawPrior,
    pub(super) bounds: [f64; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVariant {
    pub(super) name: String,
    pub(super) meaning: String,
    pub(super) blind: RawBlind,
    pub(super) mechanism: Option<PathBuf>,
    #[serde(default)]
    pub(super) compared: Vec<String>,
    #[serde(default)]
    pub(super) ratio: Vec<RawRatio>,
    #[serde(default)]
    pub(super) parameter: BTreeMap<String, RawOverride>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOverride {
    pub(super) value: Option<f64>,
    pub(super) prior: Option<RawPrior>,
    pub(super) bounds: Option<[f64; 2]>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawBlind {
    Yes,
    ParametersOnly,
    No,
}

impl RawCapacity {
    pub(super) fn build(self) -> Observable {
        Observable::Capacity {
            step: self.step,
            cycle: self.cycle,
        }
    }

    pub(super) fn energy(self) -> Observable {
        Observable::Energy {
            step: self.step,
            cycle: self.cycle,
        }
    }

    pub(super) fn mean_voltage(self) -> Observable {
        Observable::MeanVoltage {
            step: self.step,
            cycle: self.cycle,
        }
    }
}

impl RawRamp {
    fn largest(self) -> Observable {
        Observable::OxidationPeak {
            step: self.step,
            ramp: self.ramp,
        }
    }

    fn first(self) -> Observable {
        Observable::FirstOxidationPeak {
            step: self.step,
            ramp: self.ramp,
        }
    }
}

impl RawActivation {
    fn build(self) -> Observable {
        Observable::ActivationVoltage {
            step: self.step,
            window: self.window,
        }
    }
}

impl RawWarburg {
    fn build(self) -> Observable {
        Observable::WarburgSlope {
            step: self.step,
            lowest_hz: self.lowest_hz,
            highest_hz: self.highest_hz,
        }
    }
}

impl RawResistance {
    pub(super) fn build(self) -> Observable {
        Observable::Resistance {
            step: self.step,
            frequency_hz: self.frequency_hz,
        }
    }
}

impl RawGrowth {
    pub(super) fn build(&self) -> Observable {
        Observable::GrowthTime {
            step: self.step,
            solid: self.solid.clone(),
        }
    }
}

/// The only choice of a list of optional ones.
fn only_one(choices: Vec<Option<Observable>>) -> Result<Observable, usize> {
    let set: Vec<Observable> = choices.into_iter().flatten().collect();
    <[Observable; 1]>::try_from(set)
        .map(|[one]| one)
        .map_err(|set| set.len())
}

impl RawObserved {
    pub(super) fn observable(&self) -> Result<Observable, usize> {
        only_one(vec![
            self.capacity.map(RawCapacity::build),
            self.capacity_max.map(|raw| Observable::CapacityMax {
                step: raw.step,
                from: raw.from,
                to: raw.to,
            }),
            self.capacity_ratio.map(|raw| Observable::CapacityRatio {
                step: raw.step,
                cycle: raw.cycle,
                over: raw.over,
            }),
            self.energy.map(RawCapacity::energy),
            self.mean_voltage.map(RawCapacity::mean_voltage),
            self.activation_voltage.map(RawActivation::build),
            self.oxidation_peak.map(RawRamp::largest),
            self.first_oxidation_peak.map(RawRamp::first),
            self.warburg_slope.map(RawWarburg::build),
            self.resistance.map(RawResistance::build),
            self.transference
                .filter(|is_set| *is_set)
                .map(|_| Observable::Transference),
            self.growth_time.as_ref().map(RawGrowth::build),
            self.deposition_time
                .map(|raw| Observable::DepositionTime { step: raw.step }),
        ])
    }
}

impl RawSide {
    pub(super) fn observable(&self) -> Result<Observable, usize> {
        only_one(vec![
            self.largest_current
                .map(|raw| Observable::LargestCurrent { step: raw.step }),
            self.deposition_charge
                .map(|raw| Observable::PassedCharge { step: raw.step }),
            self.growth_time.as_ref().map(RawGrowth::build),
            self.resistance.map(RawResistance::build),
            self.anode_share
                .map(|raw| Observable::AnodeShare { step: raw.step }),
            self.oxidation_peak.map(RawRamp::largest),
            self.first_oxidation_peak.map(RawRamp::first),
            self.capacity.map(RawCapacity::build),
            self.activation_voltage.map(RawActivation::build),
            self.warburg_slope.map(RawWarburg::build),
        ])
    }
}
