//! The raw mirror of the curves of an experiment.

use serde::Deserialize;

/// A measured curve that is fitted. Exactly one of the kinds.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCurve {
    pub(super) name: Option<String>,
    pub(super) cell: String,
    pub(super) record: String,
    pub(super) protocol: String,
    pub(super) galvanostatic: Option<RawGalvanostatic>,
    pub(super) capacities: Option<RawCapacities>,
    pub(super) voltammogram: Option<RawVoltammogram>,
    pub(super) impedance: Option<RawSpectrum>,
    pub(super) over_time: Option<RawOverTime>,
    pub(super) noise: Option<RawCurveNoise>,
    pub(super) offset_sd: Option<f64>,
    pub(super) slope_sd: Option<f64>,
    pub(super) fit: Option<bool>,
}

/// Voltage over charge of half cycles; cycles are counted through the protocol, from one.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGalvanostatic {
    pub(super) cycles: Vec<usize>,
    /// The cycle of the protocol with which the record begins; the first unless stated.
    pub(super) record_begins_with: Option<usize>,
    pub(super) halves: Option<Vec<RawHalfName>>,
    pub(super) points: Option<usize>,
    pub(super) sd_v: Option<f64>,
    pub(super) charge_relative_sd: Option<f64>,
}

/// Charge of half cycles against their number.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacities {
    pub(super) cycles: Vec<usize>,
    /// The cycle of the protocol with which the record begins; the first unless stated.
    pub(super) record_begins_with: Option<usize>,
    pub(super) halves: Option<Vec<RawHalfName>>,
    pub(super) relative_sd: Option<f64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawHalfName {
    Discharge,
    Charge,
}

/// Current over potential of the ramps of a sweep, counted from zero.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVoltammogram {
    pub(super) step: usize,
    pub(super) ramps: Option<Vec<usize>>,
    pub(super) first_recorded_ramp: Option<usize>,
    pub(super) lowest_v: Option<f64>,
    pub(super) highest_v: Option<f64>,
    pub(super) points: Option<usize>,
    pub(super) share_sd: Option<f64>,
}

/// Impedance over frequency.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpectrum {
    pub(super) step: usize,
    pub(super) spectrum: Option<usize>,
    pub(super) lowest_hz: Option<f64>,
    pub(super) highest_hz: Option<f64>,
    pub(super) points: Option<usize>,
    pub(super) share_sd: Option<f64>,
    pub(super) keep: Option<bool>,
}

/// Voltage or current over the time of a step.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOverTime {
    pub(super) step: usize,
    pub(super) quantity: RawSignal,
    pub(super) recorded_from_s: Option<f64>,
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) points: Option<usize>,
    pub(super) sd_v: Option<f64>,
    pub(super) share_sd: Option<f64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawSignal {
    Voltage,
    Current,
}

/// Whether the noise level of a curve is estimated from its scatter (the default) or believed as stated.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCurveNoise {
    Estimated,
    Stated,
}
