//! A study: cells, protocols, what was measured, what is free, and what is to be predicted.

use std::sync::Arc;

use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::mechanism::Prior;
use crate::numerics::scalar::Scalar;
use crate::numerics::scalar::constants;
use crate::observe::Observable;
use crate::protocol::Protocol;
use crate::simulate::Accuracy;
use crate::simulate::Mesh;

/// Mesh and tolerances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Mesh.
    pub mesh: Mesh,
    /// Tolerances of the integration.
    pub accuracy: Accuracy,
}

/// One of the cells of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct CellSpec {
    /// Name.
    pub name: String,
    /// Parameters that are known to differ from the mechanism's (SI).
    pub overrides: Vec<(ParameterId, f64)>,
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

/// The scale on which a free quantity is varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Natural logarithm.
    Ln,
    /// The value itself.
    Linear,
}

impl Scale {
    /// From value to coordinate.
    pub fn to_coordinate(self, value: f64) -> f64 {
        match self {
            Self::Ln => value.ln(),
            Self::Linear => value,
        }
    }

    /// From coordinate to value.
    pub fn to_value<S: Scalar>(self, coordinate: S) -> S {
        match self {
            Self::Ln => coordinate.exp(),
            Self::Linear => coordinate,
        }
    }
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
            Prior::LogNormal { .. } => Scale::Ln,
            Prior::Normal { .. } => Scale::Linear,
        }
    }

    /// Centre and standard deviation of the prior, as coordinates.
    pub fn prior_coordinates(&self) -> (f64, f64) {
        match self.prior {
            Prior::LogNormal { median, sd_ln } => (median.ln(), sd_ln),
            Prior::Normal { mean, sd } => (mean, sd),
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
    /// Free quantities.
    pub free: Vec<Free>,
    /// Fixed quantities that differ from the mechanism's (SI).
    pub overrides: Vec<(ParameterId, f64)>,
    /// Whether its predictions are blind.
    pub blind: Blind,
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

/// How the fit is done.
#[derive(Clone, Debug, PartialEq)]
pub struct FitSettings {
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
    /// The mechanism.
    pub mechanism: Arc<Mechanism>,
    /// The cells.
    pub cells: Vec<CellSpec>,
    /// The protocols.
    pub protocols: Vec<Protocol>,
    /// What was measured and is fitted.
    pub observations: Vec<Observation>,
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
        let table = self.mechanism.parameters();
        let mut values: Vec<S> = constants(&table.values());
        let overrides = variant.overrides.iter().chain(&self.cells[cell].overrides);
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
            values[self.mechanism.roles().loading.index()] = S::constant(loading);
        }
        values
    }
}
