//! The raw mirror of what is read from a protocol: the observables of an experiment file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::observe::Observable;

/// A measured number that is fitted, or only compared. Exactly one of the quantities says what is read from the
/// protocol.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawObserved {
    /// Id of the fact, in the table of facts.
    pub(super) id: String,
    /// Name of the cell.
    pub(super) cell: String,
    /// Name of the protocol from which the model reads it.
    pub(super) protocol: String,
    /// The number, in the unit of the fact, where the fact states none.
    pub(super) assumed: Option<f64>,
    /// Whether it is fitted, or only told beside the model.
    #[schemars(extend("default" = true))]
    pub(super) fit: Option<bool>,
    /// Discharge capacity of a cycle.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    pub(super) capacity: Option<RawCapacity>,
    /// Highest discharge capacity of a range of cycles.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    pub(super) capacity_max: Option<RawCapacityMax>,
    /// Discharge capacity of a cycle over that of another.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) capacity_ratio: Option<RawCapacityRatio>,
    /// Energy that the discharge of a recorded cycle gives, per mass of active element.
    #[schemars(extend("x-unit" = "Wh kg^-1"))]
    pub(super) energy: Option<RawCapacity>,
    /// Mean voltage of the discharge of a recorded cycle, over charge.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) mean_voltage: Option<RawCapacity>,
    /// Highest voltage in the first part of the first charge: the barrier that the charge must overcome.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) activation_voltage: Option<RawActivation>,
    /// Voltage of the largest oxidation current of a ramp of a sweep.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) oxidation_peak: Option<RawRamp>,
    /// Voltage of the first oxidation peak of a ramp; a local maximum counts from half of the largest current.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) first_oxidation_peak: Option<RawRamp>,
    /// Slope of Re Z against ω^-1/2 between two frequencies: how slowly ions diffuse.
    #[schemars(extend("x-unit" = "ohm s^-1/2"))]
    pub(super) warburg_slope: Option<RawWarburg>,
    /// Re Z at a frequency.
    #[schemars(extend("x-unit" = "ohm"))]
    pub(super) resistance: Option<RawResistance>,
    /// Transference number of the cation, from a polarisation between coated foils (small signal); `true` asks for
    /// it.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) transference: Option<bool>,
    /// Time of the fastest growth of a solid during a hold.
    #[schemars(extend("x-unit" = "s"))]
    pub(super) growth_time: Option<RawGrowth>,
    /// Time of the current maximum of a hold after its initial decay.
    #[schemars(extend("x-unit" = "s"))]
    pub(super) deposition_time: Option<RawStepOnly>,
}

/// Where a number is read. Exactly one of the quantities.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSide {
    /// Name of the cell.
    pub(super) cell: String,
    /// Name of the protocol.
    pub(super) protocol: String,
    /// Largest current density of a sweep or a hold.
    #[schemars(extend("x-unit" = "A m^-2"))]
    pub(super) largest_current: Option<RawStepOnly>,
    /// Charge that a hold passes.
    #[schemars(extend("x-unit" = "C m^-2"))]
    pub(super) deposition_charge: Option<RawStepOnly>,
    /// Time of the fastest growth of a solid during a hold.
    #[schemars(extend("x-unit" = "s"))]
    pub(super) growth_time: Option<RawGrowth>,
    /// Re Z at a frequency.
    #[schemars(extend("x-unit" = "ohm"))]
    pub(super) resistance: Option<RawResistance>,
    /// Share of the active element that lies on the anode after a step.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) anode_share: Option<RawStepOnly>,
    /// Voltage of the largest oxidation current of a ramp of a sweep.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) oxidation_peak: Option<RawRamp>,
    /// Voltage of the first oxidation peak of a ramp; a local maximum counts from half of the largest current.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) first_oxidation_peak: Option<RawRamp>,
    /// Discharge capacity of a cycle.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    pub(super) capacity: Option<RawCapacity>,
    /// Highest voltage in the first part of the first charge: the barrier that the charge must overcome.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) activation_voltage: Option<RawActivation>,
    /// Slope of Re Z against ω^-1/2 between two frequencies: how slowly ions diffuse.
    #[schemars(extend("x-unit" = "ohm s^-1/2"))]
    pub(super) warburg_slope: Option<RawWarburg>,
}

/// A step of a protocol.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStepOnly {
    /// The step, counted from zero.
    pub(super) step: usize,
}

/// A cycle of a step.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacity {
    /// The step with the cycles, counted from zero.
    pub(super) step: usize,
    /// The cycle, counted from one.
    #[schemars(extend("minimum" = 1))]
    pub(super) cycle: usize,
}

/// A range of cycles of a step.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacityMax {
    /// The step with the cycles, counted from zero.
    pub(super) step: usize,
    /// First cycle, counted from one.
    #[schemars(extend("minimum" = 1))]
    pub(super) from: usize,
    /// Last cycle.
    #[schemars(extend("minimum" = 1))]
    pub(super) to: usize,
}

/// Two cycles of a step.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacityRatio {
    /// The step with the cycles, counted from zero.
    pub(super) step: usize,
    /// The cycle in the numerator, counted from one.
    #[schemars(extend("minimum" = 1))]
    pub(super) cycle: usize,
    /// The cycle in the denominator, counted from one.
    #[schemars(extend("minimum" = 1))]
    pub(super) over: usize,
}

/// The first part of a first charge.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawActivation {
    /// The step with the cycles, counted from zero.
    pub(super) step: usize,
    /// The part of the charge in which the highest voltage is looked for.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1, "x-unit" = "1"))]
    pub(super) window: f64,
}

/// A ramp of a sweep.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRamp {
    /// The step with the sweep, counted from zero.
    pub(super) step: usize,
    /// The ramp, counted from zero.
    pub(super) ramp: usize,
}

/// A range of frequencies of a spectrum.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWarburg {
    /// The step with the spectrum, counted from zero.
    pub(super) step: usize,
    /// Lowest frequency.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) lowest_hz: f64,
    /// Highest frequency, above the lowest.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) highest_hz: f64,
}

/// A frequency of a spectrum.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResistance {
    /// The step with the spectrum, counted from zero.
    pub(super) step: usize,
    /// The frequency; it lies inside the spectrum.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) frequency_hz: f64,
}

/// A solid that grows in a hold.
#[derive(Deserialize, Clone, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrowth {
    /// The step with the hold, counted from zero.
    pub(super) step: usize,
    /// Name of the solid, a species of the mechanism.
    pub(super) solid: String,
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
