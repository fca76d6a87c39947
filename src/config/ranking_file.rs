//! The raw mirror of a ranking file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::experiment_file::RawResolution;
use super::protocol_file::RawProtocol;
use super::ranking::DRAWS;
use super::ranking::DRAWS_MIN;
use super::ranking::TRANSFER_OFFSET_EV;
use super::ranking::TRANSFER_SD_EV;
use crate::rank::Beliefs;

/// Which catalysts are to be ranked, by what. Paths start at the file's own folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRanking {
    /// Name; results go to `results/NAME` unless `--out` says otherwise.
    pub(super) name: String,
    /// Path of the experiment of the reference.
    pub(super) experiment: PathBuf,
    /// Folder of the report of its fit; `--fit` goes before it.
    pub(super) fit: PathBuf,
    /// Path of the table of candidates (CSV); `--candidates` goes before it.
    pub(super) candidates: PathBuf,
    /// Name of the catalyst that all are compared with; its row has a cell of the experiment.
    pub(super) reference: String,
    /// Name of a protocol of `[protocols]` or of the experiment: a fresh cell with one step of cycles, `record = "all"`.
    pub(super) protocol: String,
    /// Draws of the constants.
    #[schemars(extend("default" = DRAWS, "minimum" = DRAWS_MIN))]
    pub(super) draws: Option<usize>,
    /// Seed of the draws.
    #[schemars(extend("x-default" = "that of the experiment"))]
    pub(super) seed: Option<u64>,
    /// Relative standard deviation of a measured value between cells.
    #[schemars(extend("minimum" = 0, "x-unit" = "1", "x-default" = "the median of the fitted capacities, 0.03 without any"))]
    pub(super) scatter: Option<f64>,
    /// Folder of a surrogate that was trained for this protocol; what it refuses is simulated.
    #[schemars(extend("x-default" = "none"))]
    pub(super) surrogate: Option<PathBuf>,
    /// Mesh and tolerances of the cell model.
    #[schemars(extend("x-default" = "the coarse one of the experiment"))]
    pub(super) mesh: Option<RawResolution>,
    /// What catalysts are ranked by.
    pub(super) target: RawTarget,
    /// What is believed of catalysts before any is measured.
    #[serde(default)]
    pub(super) beliefs: RawBeliefs,
    /// How values of lithium sulfide become values of magnesium sulfide.
    #[serde(default)]
    pub(super) transfer: RawTransfer,
    /// Protocols beside those of the experiment, by name.
    #[serde(rename = "protocols", default)]
    pub(super) own: BTreeMap<String, RawProtocol>,
}

/// What catalysts are ranked by.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTarget {
    /// The quantity.
    pub(super) quantity: RawQuantity,
    /// Loading of active material.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) loading_mg_cm2: f64,
    /// Current in multiples of the theoretical capacity per hour.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) c_rate: f64,
    /// The cycle, counted from one.
    #[schemars(extend("minimum" = 1))]
    pub(super) cycle: usize,
    /// Amount of electrolyte per mass of active element.
    #[schemars(extend("exclusiveMinimum" = 0, "x-default" = "that of the mechanism file"))]
    pub(super) electrolyte_ul_mg: Option<f64>,
}

/// A quantity of a cycle.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawQuantity {
    /// Discharge capacity per mass of active element (mAh g^-1).
    Capacity,
    /// Discharge capacity per area (mAh cm^-2).
    ArealCapacity,
    /// Energy of the discharge per mass of active element (Wh kg^-1).
    Energy,
    /// Energy of the discharge per area (mWh cm^-2).
    ArealEnergy,
    /// Mean power of the discharge per mass of active element (W kg^-1).
    Power,
    /// Capacity over that of the first cycle (1).
    Retention,
}

/// What is believed of catalysts before any is measured.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBeliefs {
    /// Scatter of a constant between catalysts of which nothing is known, as the standard deviation of its natural
    /// logarithm.
    #[serde(rename = "between_ln")]
    #[schemars(extend("default" = Beliefs::default().between, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) between: Option<f64>,
    /// Scatter between cells with the same catalyst, likewise.
    #[serde(rename = "within_ln")]
    #[schemars(extend("default" = Beliefs::default().within, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) within: Option<f64>,
    /// Standard deviation of the mean over all catalysts, likewise.
    #[serde(rename = "mean_sd_ln")]
    #[schemars(extend("default" = Beliefs::default().mean_sd, "exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) mean_sd: Option<f64>,
}

/// How values of lithium sulfide become values of magnesium sulfide.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTransfer {
    /// What is added to a barrier of lithium sulfide.
    #[schemars(extend("default" = TRANSFER_OFFSET_EV, "minimum" = -10, "maximum" = 10))]
    pub(super) li2s_to_mgs_offset_ev: Option<f64>,
    /// Standard deviation of what is added.
    #[schemars(extend("default" = TRANSFER_SD_EV, "minimum" = 0))]
    pub(super) li2s_to_mgs_sd_ev: Option<f64>,
}
