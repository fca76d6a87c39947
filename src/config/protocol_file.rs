//! The raw mirror of the protocols of a file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::protocol::CYCLES_MAX;
use super::protocol::REFINE_MAX;
use super::protocol::TIME_FACTOR;
use super::replay::RawReplay;

/// What is done to a cell, step by step. Steps are counted from zero.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProtocol {
    /// The state in which the cell starts.
    pub(super) start: RawStart,
    /// Loading of active material of the cell in this protocol.
    #[schemars(extend("exclusiveMinimum" = 0, "x-default" = "that of the mechanism file or of the cell"))]
    pub(super) loading_mg_cm2: Option<f64>,
    /// Factor on the number of volumes of both meshes, for thick or fast cells.
    #[schemars(extend("default" = 1, "minimum" = 1, "maximum" = REFINE_MAX))]
    pub(super) refine: Option<usize>,
    /// The steps in order.
    pub(super) step: Vec<RawStep>,
}

/// The state in which a cell starts.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawStart {
    /// A fresh cell as the mechanism file describes it.
    Fresh,
    /// Two foils coated with the catalyst, the bare electrolyte between them.
    Coated,
    /// A cell with dissolved active material before a bare cathode.
    Catholyte(RawCatholyte),
    /// Dissolved active material between two equal porous electrodes.
    Symmetric(RawCatholyte),
}

/// Dissolved active material. Either `potential_v` or `potential_of`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCatholyte {
    /// Mass of the active element per area.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) active_mg_cm2: f64,
    /// Share of the active element in each dissolved species; positive, with the sum 1.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) shares: BTreeMap<String, f64>,
    /// Potential of the cathode at the start, against the anode's metal.
    pub(super) potential_v: Option<f64>,
    /// Name of the reaction at whose equilibrium the cathode starts; a reaction with the law tandem.
    pub(super) potential_of: Option<String>,
    /// Species that are present in traces, by the equilibrium of a reaction.
    #[serde(default)]
    pub(super) equilibrated: Vec<RawEquilibrated>,
    /// Amounts of solids at the start.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "x-unit" = "mol m^-3"))]
    pub(super) solids: BTreeMap<String, f64>,
}

/// A species in equilibrium at the start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEquilibrated {
    /// Name of the species.
    pub(super) species: String,
    /// Name of the reaction that makes it, with the law tandem.
    pub(super) reaction: String,
    /// Its highest concentration, as a share of that of the first species in shares.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1", "x-default" = "no limit"))]
    pub(super) fraction_max: Option<f64>,
    /// Whether it is in the separator, too.
    #[serde(default)]
    pub(super) in_separator: bool,
}

/// One step of a protocol.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawStep {
    /// No current for a while.
    Rest(RawDuration),
    /// The film on the foil is taken off and the cathode fully wetted.
    Condition(RawNothing),
    /// Discharges and charges between two voltages.
    Cycle(RawCycle),
    /// One discharge at constant current.
    Discharge(RawHalf),
    /// One charge at constant current.
    Charge(RawHalf),
    /// A voltammogram: the voltage moves at a constant rate.
    Sweep(RawSweep),
    /// A constant voltage.
    Hold(RawHold),
    /// A spectrum at the state that the cell is in; it takes no time.
    Impedance(RawImpedance),
    /// The steps that a record of a cell shows, with its currents, limits and rates.
    AsRecorded(RawAsRecorded),
    /// A measured current or voltage, imposed as it was recorded.
    Replay(RawReplay),
}

/// The steps that a record of a cell shows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAsRecorded {
    /// Name of the cell.
    pub(super) cell: String,
    /// Name of a `[[record]]` of its data set.
    pub(super) record: String,
    /// How many of its cycles, or pairs of ramps, are taken, from the first on.
    #[schemars(extend("x-default" = "all"))]
    pub(super) cycles: Option<usize>,
}

/// Nothing more is said.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNothing {}

/// A time; either `duration_s` or `duration_h`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDuration {
    /// The time in seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) duration_s: Option<f64>,
    /// The time in hours.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) duration_h: Option<f64>,
}

/// Cycles at constant current.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCycle {
    /// Current in multiples of the theoretical capacity per hour.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) c_rate: f64,
    /// Number of cycles.
    #[schemars(extend("minimum" = 1, "maximum" = CYCLES_MAX))]
    pub(super) count: usize,
    /// Voltage at which a discharge ends.
    pub(super) lower_v: f64,
    /// Voltage at which a charge ends; above `lower_v`.
    pub(super) upper_v: f64,
    /// A half cycle ends after this many times its theoretical time at the latest.
    #[schemars(extend("default" = TIME_FACTOR, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) time_factor: Option<f64>,
    /// Whether cycles between those that are simulated may be extrapolated: for long cycling.
    #[serde(default)]
    pub(super) jump: bool,
    /// Whether the curves of cycles are kept.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub(super) record: RawRecorded,
}

/// `true` keeps the curves of the first cycle, `"all"` those of all cycles.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawRecorded {
    /// `true` keeps the curves of the first cycle, `false` none.
    Whether(bool),
    /// `"all"` keeps the curves of all cycles.
    Which(RawWhich),
}

/// Whose curves are kept.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawWhich {
    /// Those of all cycles.
    All,
}

/// A half cycle at constant current: until a voltage, for a time, or both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHalf {
    /// Current in multiples of the theoretical capacity per hour.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) c_rate: f64,
    /// Voltage at which it ends.
    pub(super) until_v: Option<f64>,
    /// Time after which it ends, in seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) duration_s: Option<f64>,
    /// The same in hours.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) duration_h: Option<f64>,
}

/// A voltammogram.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSweep {
    /// Voltage at which it begins.
    #[schemars(extend("x-default" = "the open-circuit voltage"))]
    pub(super) from_v: Option<f64>,
    /// The voltages at which it turns, in order; each ramp leads to the next.
    pub(super) vertices_v: Vec<f64>,
    /// Rate.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) rate_v_s: f64,
}

/// A constant voltage for a time; either `duration_s` or `duration_h`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHold {
    /// The voltage.
    pub(super) voltage_v: f64,
    /// The time in seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) duration_s: Option<f64>,
    /// The time in hours.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) duration_h: Option<f64>,
}

/// A spectrum, evenly spaced in the logarithm of the frequency.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawImpedance {
    /// Highest frequency.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) highest_hz: f64,
    /// Lowest frequency, below the highest.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) lowest_hz: f64,
    /// Frequencies in a decade.
    #[schemars(extend("minimum" = 1, "maximum" = 1000))]
    pub(super) per_decade: usize,
}

impl Default for RawRecorded {
    fn default() -> Self {
        Self::Whether(false)
    }
}
