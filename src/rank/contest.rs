//! What is to be ranked and for what, and the ranking as it comes out.

use std::sync::Arc;

use super::candidate::Evidence;
use super::candidate::Known;
use super::relation::Beliefs;
use super::relation::Constant;
use super::standing::Standing;
use super::value::Worth;
use crate::estimate::Common;
use crate::estimate::Fitted;
use crate::estimate::Study;
use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::predict::CloudReport;
use crate::predict::Condition;
use crate::predict::Control;
use crate::predict::Quantity;
use crate::predict::Setting;
use crate::simulate::Resolution;
use crate::surrogate::Surrogate;

/// Candidates that are told in full: pairs.
pub const TOLD: usize = 50;
/// Share of what is believed of an unknown catalyst above which a candidate is not ranked (1).
pub const RANKABLE_BELOW: f64 = 0.98;
/// The probability that intervals are meant to hold.
pub(super) const LEVEL: f64 = 0.9;

/// Where the constants of a fitted cell come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A cell of the study that the reference belongs to: its draws go with those of the reference.
    Same {
        /// Position of the cell.
        cell: usize,
    },
    /// Draws of another fit: natural logarithms of the constants that depend on the catalyst, in table order.
    Other {
        /// `n_draws × n_constants`.
        draws: Vec<Vec<f64>>,
    },
    /// A mean and a standard deviation of ln(constant/that of the reference), one pair per constant.
    Stated {
        /// One pair per constant.
        ratios: Vec<(f64, f64)>,
    },
}

/// A catalyst as it enters.
#[derive(Clone, Debug, PartialEq)]
pub struct Entrant {
    /// Name, unique.
    pub name: String,
    /// Its fitted cells.
    pub sources: Vec<Source>,
    /// What is known of it beside that.
    pub known: Vec<Known>,
}

/// What is to be ranked, and for what.
#[derive(Clone, Debug)]
pub struct Contest<'c> {
    /// The study of the reference.
    pub study: &'c Study,
    /// What its fit left behind.
    pub fitted: &'c [Fitted],
    /// Position of the reference's cell: all else of a cell is as in this one.
    pub reference: usize,
    /// The entrants, the reference first.
    pub entrants: &'c [Entrant],
    /// What is believed of catalysts beforehand.
    pub beliefs: Beliefs,
    /// Protocol and cycles; the last cycle is the target's.
    pub setting: Setting,
    /// Design and current.
    pub condition: Condition,
    /// The quantity; larger is better.
    pub quantity: Quantity,
    /// Draws.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    /// Relative standard deviation of a measured value (1).
    pub scatter: f64,
    /// Mesh and tolerances of the cell model.
    pub resolution: Resolution,
    /// A surrogate in front of the cell model.
    pub surrogate: Option<Arc<Surrogate>>,
}

/// Where a candidate stands, and why.
#[derive(Clone, Debug)]
pub struct Place {
    /// Position among the entrants.
    pub candidate: usize,
    /// What it rests on.
    pub evidence: Evidence,
    /// Median of the target and its interval, for the catalyst.
    pub interval: [f64; 3],
    /// The interval for one new cell with it: the scatter between cells and of readings in it; of the first ones only.
    pub new_cell: Option<[f64; 3]>,
    /// Standard deviation of the target by what is not known of the catalyst.
    pub sd: f64,
    /// Standard deviation between new cells with it, of the first ones only.
    pub replicate_sd: Option<f64>,
    /// How much of what is believed of a catalyst of which nothing is known its descriptors leave as it is (1); 0 for
    /// fitted ones.
    pub prior_share: f64,
    /// Where it stands; `None` if only beliefs speak, which rank nothing.
    pub standing: Option<Standing>,
    /// Median factor on each constant, against the reference, and its interval.
    pub factors: Vec<[f64; 3]>,
    /// What limits the target with it; of the first ones only.
    pub control: Option<Control>,
    /// The cell model's answer over the surrogate's at one draw, minus one; if a surrogate answered.
    pub disagreement: Option<f64>,
    /// Mean and covariance (xx, xy, yy) of the logarithms of the factors on desolvation and last conversion.
    pub ellipse: ([f64; 2], [f64; 3]),
}

/// The target over two constants.
#[derive(Clone, Debug, Default)]
pub struct ActivityMap {
    /// Names of the two constants.
    pub names: [String; 2],
    /// Factors on the constant of desolvation.
    pub desolvation: Vec<f64>,
    /// Factors on that of the last conversion.
    pub conversion: Vec<f64>,
    /// The target, `n_conversion × n_desolvation`; not a number where a simulation failed.
    pub target: Vec<Vec<f64>>,
}

/// The result.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// The constants, with what was believed of them.
    pub constants: Vec<Constant>,
    /// For each constant draws of what catalysts have in common.
    pub common: Vec<Vec<Common>>,
    /// All candidates, the best first, those that are not ranked last.
    pub places: Vec<Place>,
    /// For the first ranked ones the probability that the row beats the column.
    pub pairwise: Vec<Vec<f64>>,
    /// What to do next, the most valuable first.
    pub worths: Vec<Worth>,
    /// The map.
    pub map: Option<ActivityMap>,
    /// Who answered.
    pub cloud: CloudReport,
    /// The surrogate that answered, if one did.
    pub surrogate: Option<String>,
    /// Weights of the variants.
    pub weights: Vec<f64>,
    /// Median and interval for a catalyst of which nothing is known.
    pub unknown: [f64; 3],
    /// Whether somebody asked for an end.
    pub is_interrupted: bool,
}

/// The constants of a mechanism that depend on the catalyst, ties aside, in table order.
pub fn catalyst_parameters(mechanism: &Mechanism) -> Vec<ParameterId> {
    let table = mechanism.parameters();
    let rows = table.rows().iter();
    let own = rows.filter(|row| row.depends_on_catalyst && row.tied_to.is_none());
    own.filter_map(|row| table.find(&row.name)).collect()
}
