//! The raw mirror of the curves of an experiment.

use schemars::JsonSchema;
use serde::Deserialize;

/// A measured curve that is fitted or compared. Exactly one of the kinds galvanostatic, capacities, voltammogram,
/// impedance and `over_time`.
#[derive(Deserialize, Clone, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCurve {
    /// Name, for the report.
    #[schemars(extend("x-default" = "that of the record"))]
    pub(super) name: Option<String>,
    /// Name of the cell.
    pub(super) cell: String,
    /// Name of a `[[record]]` of the cell's data set.
    pub(super) record: String,
    /// Name of the protocol with which the record is compared.
    pub(super) protocol: String,
    /// Voltage over charge of half cycles, and where each half cycle ends.
    pub(super) galvanostatic: Option<RawGalvanostatic>,
    /// Charge of half cycles against their number.
    pub(super) capacities: Option<RawCapacities>,
    /// Current over potential of the ramps of a sweep.
    pub(super) voltammogram: Option<RawVoltammogram>,
    /// Impedance over frequency.
    pub(super) impedance: Option<RawSpectrum>,
    /// Voltage or current over the time of a step.
    pub(super) over_time: Option<RawOverTime>,
    /// Whether the noise level is estimated from the scatter or believed as stated.
    #[schemars(extend("x-default" = "estimated"))]
    pub(super) noise: Option<RawCurveNoise>,
    /// Standard deviation of an unknown offset of the instrument, solved inside the fit, in the unit of the curve.
    #[schemars(extend("exclusiveMinimum" = 0, "x-default" = "no offset"))]
    pub(super) offset_sd: Option<f64>,
    /// Standard deviation of an unknown slope of the background of a voltammogram, per volt and in the unit of the
    /// curve.
    #[schemars(extend("exclusiveMinimum" = 0, "x-default" = "no slope"))]
    pub(super) slope_sd: Option<f64>,
    /// Whether it is fitted, or only told beside the model.
    #[schemars(extend("default" = true))]
    pub(super) fit: Option<bool>,
}

/// Voltage over charge of half cycles; cycles are counted through the protocol, from one.
#[derive(Deserialize, Clone, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGalvanostatic {
    /// The cycles, counted through the protocol from one.
    pub(super) cycles: Vec<usize>,
    /// The cycle of the protocol with which the record begins.
    #[schemars(extend("default" = 1, "minimum" = 1))]
    pub(super) record_begins_with: Option<usize>,
    /// Which half cycles.
    #[schemars(extend("x-default" = "both"))]
    pub(super) halves: Option<Vec<RawHalfName>>,
    /// Points that are kept of a half cycle.
    #[schemars(extend("default" = super::curve_points::HALF_CYCLE_POINTS, "minimum" = 5, "maximum" = 2000))]
    pub(super) points: Option<usize>,
    /// Stated standard deviation of the voltage.
    #[schemars(extend("default" = super::curve_points::VOLTAGE_SD_V, "exclusiveMinimum" = 0))]
    pub(super) sd_v: Option<f64>,
    /// Stated relative standard deviation of the charge at the end of a half cycle.
    #[schemars(extend("default" = super::curve_points::CHARGE_RELATIVE_SD, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) charge_relative_sd: Option<f64>,
}

/// Charge of half cycles against their number.
#[derive(Deserialize, Clone, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapacities {
    /// The cycles, counted through the protocol from one.
    pub(super) cycles: Vec<usize>,
    /// The cycle of the protocol with which the record begins.
    #[schemars(extend("default" = 1, "minimum" = 1))]
    pub(super) record_begins_with: Option<usize>,
    /// Which half cycles.
    #[schemars(extend("x-default" = "both"))]
    pub(super) halves: Option<Vec<RawHalfName>>,
    /// Stated relative standard deviation of a charge.
    #[schemars(extend("default" = super::curve_points::CHARGE_RELATIVE_SD, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) relative_sd: Option<f64>,
}

/// Half of a cycle.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawHalfName {
    /// The discharge.
    Discharge,
    /// The charge.
    Charge,
}

/// Current over potential of the ramps of a sweep, counted from zero.
#[derive(Deserialize, Clone, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVoltammogram {
    /// The step with the sweep, counted from zero.
    pub(super) step: usize,
    /// The ramps, counted through the step from zero.
    #[schemars(extend("x-default" = "all that the record has"))]
    pub(super) ramps: Option<Vec<usize>>,
    /// The ramp of the step with which the record begins, counted from zero.
    #[schemars(extend("default" = 0))]
    pub(super) first_recorded_ramp: Option<usize>,
    /// Points below this potential are left out.
    #[schemars(extend("x-default" = "none"))]
    pub(super) lowest_v: Option<f64>,
    /// Points above this potential are left out.
    #[schemars(extend("x-default" = "none"))]
    pub(super) highest_v: Option<f64>,
    /// Points that are kept of a ramp.
    #[schemars(extend("default" = super::curve_points::RAMP_POINTS, "minimum" = 5, "maximum" = 2000))]
    pub(super) points: Option<usize>,
    /// Stated standard deviation of the current, as a share of the record's largest.
    #[schemars(extend("default" = super::curve_points::CURRENT_SHARE_SD, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) share_sd: Option<f64>,
}

/// Impedance over frequency.
#[derive(Deserialize, Clone, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpectrum {
    /// The step with the spectrum, counted from zero.
    pub(super) step: usize,
    /// Which spectrum of the record, counted from zero.
    #[schemars(extend("default" = 0))]
    pub(super) spectrum: Option<usize>,
    /// Lower frequencies are left out.
    #[schemars(extend("x-default" = "none"))]
    pub(super) lowest_hz: Option<f64>,
    /// Higher frequencies are left out.
    #[schemars(extend("x-default" = "none"))]
    pub(super) highest_hz: Option<f64>,
    /// Frequencies that are kept.
    #[schemars(extend("default" = super::curve_points::SPECTRUM_POINTS, "minimum" = 5, "maximum" = 2000))]
    pub(super) points: Option<usize>,
    /// Stated standard deviation of real and imaginary part, as a share of the modulus.
    #[schemars(extend("default" = super::curve_points::IMPEDANCE_SHARE_SD, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) share_sd: Option<f64>,
    /// Whether points that break the Kramers-Kronig relations or belong to the inductive tail are kept all the same.
    #[schemars(extend("default" = false))]
    pub(super) keep: Option<bool>,
}

/// Voltage or current over the time of a step.
#[derive(Deserialize, Clone, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOverTime {
    /// The step, counted from zero.
    pub(super) step: usize,
    /// What is compared.
    pub(super) quantity: RawSignal,
    /// Time on the record's clock at which the step begins.
    #[schemars(extend("x-default" = "the record's first time"))]
    pub(super) recorded_from_s: Option<f64>,
    /// First time, from the beginning of the step.
    pub(super) from_s: f64,
    /// Last time, from the beginning of the step; above `from_s`.
    pub(super) to_s: f64,
    /// Points that are kept.
    #[schemars(extend("default" = super::curve_points::TIME_POINTS, "minimum" = 5, "maximum" = 2000))]
    pub(super) points: Option<usize>,
    /// Stated standard deviation of a voltage.
    #[schemars(extend("default" = super::curve_points::VOLTAGE_SD_V, "exclusiveMinimum" = 0))]
    pub(super) sd_v: Option<f64>,
    /// Stated standard deviation of a current, as a share of the record's largest.
    #[schemars(extend("default" = super::curve_points::CURRENT_SHARE_SD, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) share_sd: Option<f64>,
}

/// A signal over time.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawSignal {
    /// The voltage of the cell.
    Voltage,
    /// The current.
    Current,
}

/// Whether the noise level of a curve is estimated from its scatter or believed as stated.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCurveNoise {
    /// The level is estimated from the scatter; the stated one is where it starts.
    Estimated,
    /// The level is that which is stated.
    Stated,
}
