//! The table of parameters: what each is, its unit, value, bounds, prior and source.

use crate::numerics::scalar::Scalar;
use crate::units::Unit;

/// The position of a parameter in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub(crate) usize);

impl ParameterId {
    /// The index into any slice of parameter values.
    pub fn index(self) -> usize {
        self.0
    }
}

/// What is believed about a parameter before the data are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prior {
    /// Gaussian in the logarithm: median in SI, standard deviation of the natural logarithm.
    LogNormal {
        /// Median (SI unit of the parameter), positive.
        median: f64,
        /// Standard deviation of ln(value), positive.
        sd_ln: f64,
    },
    /// Gaussian in the value: mean and standard deviation in SI.
    Normal {
        /// Mean (SI unit of the parameter).
        mean: f64,
        /// Standard deviation (SI unit of the parameter), positive.
        sd: f64,
    },
    /// Nothing: any value between the bounds is as likely as any other, in its logarithm or in itself.
    Flat {
        /// Whether it is the logarithm that is evenly distributed.
        is_ln: bool,
    },
}

/// The scale on which a quantity is varied.
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

/// A feature of a measured curve that shows the value of a parameter well enough to start a fit from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Midpoint of the peaks of a voltammogram.
    HalfWavePotential,
    /// Height of the reduction peak, by Randles and Ševčík.
    PeakDiffusivity,
    /// Separation of the peaks, by Nicholson.
    PeakRateConstant,
    /// Series resistance of the circuit of a spectrum.
    HighFrequencyResistance,
    /// Diameter of the first arc of a spectrum, as the barrier of the anode's film.
    ArcBarrier,
    /// The voltage at which the upper half of a discharge passes most charge.
    UpperPlateau,
    /// The same of the lower half.
    LowerPlateau,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name, unique in the table.
    pub name: String,
    /// What it is, for people.
    pub meaning: String,
    /// The unit it is written in.
    pub unit: Unit,
    /// Value (SI).
    pub value: f64,
    /// Lowest and highest value that a fit may try (SI).
    pub bounds: Option<(f64, f64)>,
    /// What is believed before the data.
    pub prior: Option<Prior>,
    /// Whether it depends on the catalyst.
    pub depends_on_catalyst: bool,
    /// The feature of a curve from which a fit may start.
    pub start_from: Option<Feature>,
    /// The parameter whose value this one follows, if it has none of its own.
    pub tied_to: Option<ParameterId>,
    /// Where the value comes from; `assumed` is a legal source.
    pub source: String,
}

/// All parameters of a mechanism.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParameterTable {
    rows: Vec<Parameter>,
}

impl ParameterTable {
    /// A table with these rows; the caller has checked that names are unique.
    pub fn new(rows: Vec<Parameter>) -> Self {
        Self { rows }
    }

    /// The rows in order.
    pub fn rows(&self) -> &[Parameter] {
        &self.rows
    }

    /// The row of a parameter.
    pub fn row(&self, id: ParameterId) -> &Parameter {
        &self.rows[id.0]
    }

    /// Finds a parameter by name.
    pub fn find(&self, name: &str) -> Option<ParameterId> {
        let position = self.rows.iter().position(|row| row.name == name);
        position.map(ParameterId)
    }

    /// The values of the table (SI), ties followed.
    pub fn values(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.rows.iter().map(|row| row.value).collect();
        self.follow_ties(&mut values);
        values
    }

    /// Sets every tied value to that of its parameter.
    pub fn follow_ties<S: Copy>(&self, values: &mut [S]) {
        for (i, row) in self.rows.iter().enumerate() {
            if let Some(leader) = row.tied_to {
                values[i] = values[leader.0];
            }
        }
    }
}
