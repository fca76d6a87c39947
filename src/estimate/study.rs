//! A study: cells, protocols, what was measured, what is free, and what is to be predicted.

use std::sync::Arc;

use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::mechanism::Prior;
use crate::mechanism::Scale;
use crate::numerics::loss::Robust;
use crate::numerics::scalar::Scalar;
use crate::numerics::scalar::constants;
use crate::observe::Observable;
use crate::protocol::Protocol;
use crate::simulate::Resolution;
use crate::surrogate::Surrogate;

/// An offset or scale of an instrument that several observations share. It enters their residuals linearly and is
/// solved inside the fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Name.
    pub name: String,
    /// Unit of its value.
    pub unit: &'static str,
    /// Standard deviation of its prior around zero, in its unit.
    pub sd: f64,
    /// Positions of the observations, and what one unit of it adds to their residuals.
    pub members: Vec<(usize, f64)>,
}

/// Where data come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Measured by whoever made the data set.
    Measured,
    /// Stated in the literature.
    Literature,
    /// Simulated: not a measurement.
    Synthetic,
}

/// A file that a study was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name without folders.
    pub name: String,
    /// A number for its content.
    pub fingerprint: u64,
}

impl Origin {
    /// As it stands in result files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Literature => "literature",
            Self::Synthetic => "synthetic",
        }
    }
}

/// What lies along a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abscissa {
    /// Share of the charge that a half cycle passes (1); the curve is its voltage.
    ChargeShare,
    /// Cycle (1); the curve is the charge of its half cycles.
    Cycle,
    /// Voltage (V); the curve is the current.
    Voltage,
    /// Time (s).
    Time,
    /// Frequency (Hz); the curve is the impedance, its real parts first.
    Frequency,
}

impl Abscissa {
    /// Name with unit, as in tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::ChargeShare => "charge_share",
            Self::Cycle => "cycle",
            Self::Voltage => "voltage_v",
            Self::Time => "time_s",
            Self::Frequency => "frequency_hz",
        }
    }
}

/// A measured curve: observations that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredCurve {
    /// Name, unique in the study.
    pub name: String,
    /// The record that it comes from: data left out together.
    pub record: String,
    /// Where the record comes from.
    pub origin: Origin,
    /// What lies along it.
    pub abscissa: Abscissa,
    /// Where its points lie, in the abscissa's unit.
    pub at: Vec<f64>,
    /// Positions of its points among the observations, in the same order.
    pub members: Vec<usize>,
}

/// Observations whose noise level is estimated together.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseGroup {
    /// Name.
    pub name: String,
    /// Positions of the observations.
    pub members: Vec<usize>,
}

/// A measurement that has not been made, to be judged by what it would tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Name.
    pub name: String,
    /// What it would yield, and how exactly; in the observable's unit.
    pub readings: Vec<(Target, Noise)>,
}

/// How far a measured value may be off, and how the distance is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// Residual ln(model/measured)/σ.
    Relative(f64),
    /// Residual (model − measured)/σ, σ in the observable's unit.
    Absolute(f64),
    /// An upper limit: max(0, ln(model/measured))/σ.
    UpperLimit(f64),
    /// A lower limit: min(0, model − measured)/σ, σ in the observable's unit.
    LowerLimit(f64),
}

impl Noise {
    /// The residual of a model value.
    pub fn residual(self, model: f64, measured: f64) -> f64 {
        let ln_ratio = (model.max(f64::MIN_POSITIVE) / measured).ln();
        match self {
            Self::Relative(sd) => ln_ratio / sd,
            Self::Absolute(sd) => (model - measured) / sd,
            Self::UpperLimit(sd) => ln_ratio.max(0.0) / sd,
            Self::LowerLimit(sd) => (model - measured).min(0.0) / sd,
        }
    }

    /// Derivative of the residual by the model value.
    pub fn slope(self, model: f64, measured: f64) -> f64 {
        let relative = 1.0 / model.max(f64::MIN_POSITIVE);
        match self {
            Self::Relative(sd) => relative / sd,
            Self::Absolute(sd) => 1.0 / sd,
            Self::UpperLimit(sd) if model > measured => relative / sd,
            Self::LowerLimit(sd) if model < measured => 1.0 / sd,
            Self::UpperLimit(_) | Self::LowerLimit(_) => 0.0,
        }
    }

    /// Whether the number bounds the value on one side only.
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::UpperLimit(_) | Self::LowerLimit(_))
    }

    /// Standard deviation in the observable's unit.
    pub fn sd(self, measured: f64) -> f64 {
        match self {
            Self::Relative(sd) | Self::UpperLimit(sd) => sd * measured.abs(),
            Self::Absolute(sd) | Self::LowerLimit(sd) => sd,
        }
    }
}

/// Which number of which cell: the common part of what is fitted, predicted and compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Identifier in the data set.
    pub id: String,
    /// Position of the cell.
    pub cell: usize,
    /// Position of the protocol.
    pub protocol: usize,
    /// What is read from it.
    pub observable: Observable,
}

/// A measured number.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Which number.
    pub target: Target,
    /// Its measured value, in the observable's unit.
    pub measured: f64,
    /// How far it may be off.
    pub noise: Noise,
}

/// A number to be predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Which number.
    pub target: Target,
    /// Its measured value, which the fit never sees.
    pub measured: f64,
}

/// A comparison that the paper states without numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordering {
    /// What it says.
    pub claim: String,
    /// The number that should be larger.
    pub larger: Target,
    /// The number that should be smaller.
    pub smaller: Target,
}

/// What a free quantity sets.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// The value of a parameter in every cell.
    Value(ParameterId),
    /// The ratio of parameters in one cell to those in all others.
    Ratio {
        /// The parameters that it multiplies.
        parameters: Vec<ParameterId>,
        /// The cell.
        cell: usize,
    },
}

/// A free quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Free {
    /// Name: that of the parameter, or one of its own for a ratio.
    pub name: String,
    /// What it sets.
    pub role: Role,
    /// What is believed before the data.
    pub prior: Prior,
    /// Lowest value.
    pub lower: f64,
    /// Highest value.
    pub upper: f64,
    /// The value that a simulation without a fit uses (SI).
    pub given: f64,
}

impl Free {
    /// The scale of its prior.
    pub fn scale(&self) -> Scale {
        match self.prior {
            Prior::LogNormal { .. } | Prior::Flat { is_ln: true } => Scale::Ln,
            Prior::Normal { .. } | Prior::Flat { is_ln: false } => Scale::Linear,
        }
    }

    /// Whether nothing but bounds is known beforehand.
    pub fn is_flat(&self) -> bool {
        matches!(self.prior, Prior::Flat { .. })
    }

    /// Centre and standard deviation of the prior, as coordinates; of a flat one those of the even distribution
    /// between the bounds.
    pub fn prior_coordinates(&self) -> (f64, f64) {
        match self.prior {
            Prior::LogNormal { median, sd_ln } => (median.ln(), sd_ln),
            Prior::Normal { mean, sd } => (mean, sd),
            Prior::Flat { .. } => {
                let (lower, upper) = self.bounds();
                (0.5 * (lower + upper), (upper - lower) / 12f64.sqrt())
            }
        }
    }

    /// Bounds as coordinates.
    pub fn bounds(&self) -> (f64, f64) {
        let scale = self.scale();
        (
            scale.to_coordinate(self.lower),
            scale.to_coordinate(self.upper),
        )
    }
}

/// Whether a prediction's target was known when the model was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blind {
    /// Nobody had seen the target.
    Yes,
    /// The target did not touch the fit, but was known when the mechanism or its priors were chosen.
    ParametersOnly,
    /// The target touched the fit.
    No,
}

impl Blind {
    /// As it stands in result files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::ParametersOnly => "parameters_only",
            Self::No => "no",
        }
    }
}

/// One way to explain the data: its free quantities.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Name.
    pub name: String,
    /// What it assumes.
    pub meaning: String,
    /// Its mechanism.
    pub mechanism: Arc<Mechanism>,
    /// Free quantities.
    pub free: Vec<Free>,
    /// Fixed quantities that differ from the mechanism's (SI).
    pub overrides: Vec<(ParameterId, f64)>,
    /// For each cell the parameters that are known to differ from the mechanism's (SI).
    pub cell_overrides: Vec<Vec<(ParameterId, f64)>>,
    /// Whether its predictions are blind.
    pub blind: Blind,
    /// A point that the curves speak for, to be followed down beside the starts of the search.
    pub start: Option<Vec<f64>>,
    /// Positions of the free quantities by which it explains what other variants explain otherwise; their priors are
    /// equally wide in all variants.
    pub compared: Vec<usize>,
}

/// Another reading of an ambiguous source: observations whose measured values change places.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Name.
    pub name: String,
    /// What is ambiguous.
    pub meaning: String,
    /// Positions of the two observations.
    pub swap: (usize, usize),
}

/// How the neighbourhood of the optimum is searched on the coarse mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// The best of scrambled Sobol points through the priors are fitted.
    Sobol,
    /// A particle swarm moves through the priors for this many rounds; its best members are fitted.
    Swarm {
        /// Rounds.
        rounds: usize,
    },
}

/// A product of powers of free quantities, which the data may know better than each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Combination {
    /// Name.
    pub name: String,
    /// Names of free quantities whose priors are on the logarithm, with their powers.
    pub powers: Vec<(String, f64)>,
}

/// A surrogate that finds starts for the cell model.
#[derive(Clone)]
pub struct Guide {
    /// The surrogate.
    pub surrogate: Arc<Surrogate>,
    /// Starts that it follows down.
    pub starts: usize,
    /// A number for its networks.
    pub fingerprint: u64,
}

// Weights by the hundred thousand tell nobody anything.
impl std::fmt::Debug for Guide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            surrogate,
            starts,
            fingerprint,
        } = self;
        write!(f, "{} {fingerprint:016x} {starts}", surrogate.name)
    }
}

impl PartialEq for Guide {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.starts == other.starts
    }
}

/// How the fit is done.
#[derive(Clone, Debug, PartialEq)]
pub struct FitSettings {
    /// How starts are found.
    pub search: Search,
    /// How residuals of the data count.
    pub loss: Robust,
    /// How many distinct optima of the coarse mesh are fitted on the fine one.
    pub polished: usize,
    /// Seed of the starts.
    pub seed: u64,
    /// Points that are tried on the coarse mesh before the best of them are fitted; the prior's centre is the first.
    pub candidates: usize,
    /// How many of them are fitted.
    pub starts: usize,
    /// Most iterations on each mesh.
    pub iterations_max: usize,
    /// Scaled gradient that counts as converged (1).
    pub gradient_tolerance: f64,
}

/// A study.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Name.
    pub name: String,
    /// What is assumed because the source leaves it open.
    pub assumptions: Vec<String>,
    /// Where the data come from; of several data sets the least trustworthy one tells.
    pub origin: Origin,
    /// The files that all this was read from.
    pub inputs: Vec<Input>,
    /// Names of the cells.
    pub cells: Vec<String>,
    /// The protocols.
    pub protocols: Vec<Protocol>,
    /// What was measured and is fitted.
    pub observations: Vec<Observation>,
    /// The curves among them.
    pub curves: Vec<MeasuredCurve>,
    /// The curves among the extras: compared with the simulations, but not fitted.
    pub compared_curves: Vec<MeasuredCurve>,
    /// Offsets and scales of the instruments.
    pub calibrations: Vec<Calibration>,
    /// Observations whose noise level is estimated.
    pub noise_groups: Vec<NoiseGroup>,
    /// Measurements that might be made next.
    pub candidates: Vec<Candidate>,
    /// Products of powers whose intervals are told.
    pub combinations: Vec<Combination>,
    /// What is read from the simulations and reported beside the measured value, but not fitted.
    pub extras: Vec<Observation>,
    /// What is to be predicted.
    pub predictions: Vec<Prediction>,
    /// What is compared.
    pub orderings: Vec<Ordering>,
    /// The variants, the main one first.
    pub variants: Vec<Variant>,
    /// Other readings of the source.
    pub alternatives: Vec<Alternative>,
    /// For finding the neighbourhood of the optimum.
    pub coarse: Resolution,
    /// For the result.
    pub fine: Resolution,
    /// How the fit is done.
    pub settings: FitSettings,
    /// A surrogate that finds starts, if there is one.
    pub guide: Option<Guide>,
    /// Why a surrogate that lies beside the mechanism is not used, if there is one.
    pub guide_refusal: Option<String>,
}

impl Study {
    /// The parameter values (SI, table order) of a cell in a protocol, for a variant at coordinates `x`; with the
    /// derivatives that these carry.
    pub fn values<S: Scalar>(
        &self,
        variant: &Variant,
        x: &[S],
        cell: usize,
        protocol: usize,
    ) -> Vec<S> {
        let table = variant.mechanism.parameters();
        let mut values: Vec<S> = constants(&table.values());
        let overrides = variant
            .overrides
            .iter()
            .chain(&variant.cell_overrides[cell]);
        for (id, value) in overrides {
            values[id.index()] = S::constant(*value);
        }
        for (free, coordinate) in variant.free.iter().zip(x) {
            if let Role::Value(id) = &free.role {
                values[id.index()] = free.scale().to_value(*coordinate);
            }
        }
        table.follow_ties(&mut values);
        for (free, coordinate) in variant.free.iter().zip(x) {
            if let Role::Ratio {
                parameters,
                cell: of,
            } = &free.role
                && *of == cell
            {
                for id in parameters {
                    let value = &mut values[id.index()];
                    *value = *value * free.scale().to_value(*coordinate);
                }
            }
        }
        if let Some(loading) = self.protocols[protocol].loading_kg_m2 {
            values[variant.mechanism.roles().loading.index()] = S::constant(loading);
        }
        values
    }
}
