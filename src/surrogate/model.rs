//! A trained surrogate: it answers inside its box and where its networks agree, and nowhere else.

use std::sync::Arc;

use super::conformal::Calibration;
use super::encoding::Encoding;
use super::network::Networks;
use super::plan::Axis;
use crate::mechanism::ParameterId;
use crate::mechanism::ParameterTable;

/// Probability of a value below which there is none.
const PRESENT_MIN: f32 = 0.5;
/// Relative difference of a constant that counts as none (1): the digits of a file.
const SAME: f64 = 1e-9;
/// How far outside its box a coordinate may lie by rounding.
const SIDE_TOLERANCE: f64 = 1e-9;

/// One number that a surrogate answers, by what it is read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Name.
    pub name: String,
    /// Unit of its values.
    pub unit: String,
    /// Name of its protocol, for people.
    pub protocol: String,
    /// What the protocol does, as a number ([`super::protocol_fingerprint`]).
    pub protocol_fingerprint: u64,
    /// Whether its protocol's current is an axis of the box.
    pub is_at_any_rate: bool,
    /// What is read, as a text.
    pub reading: String,
}

/// One curve that a surrogate answers.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownCurve {
    /// Which.
    pub known: Known,
    /// What lies along it, with its unit.
    pub abscissa: String,
    /// Where its values lie.
    pub at: Vec<f64>,
}

/// What a surrogate belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Belongs {
    /// Name of the mechanism.
    pub mechanism: String,
    /// Its equations and unknowns, as a number.
    pub structure: u64,
    /// Values (SI) of its parameters that are not varied.
    pub constants: Vec<(String, f64)>,
}

/// Why a surrogate does not answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// A coordinate lies outside its box.
    Outside {
        /// Position of the axis.
        axis: usize,
        /// The coordinate; −1..1 is inside.
        coordinate: f64,
    },
    /// The cell model has no value there, by what the surrogate has seen.
    Absent {
        /// Position of the number.
        number: usize,
    },
    /// The networks disagree.
    Disagreement {
        /// Position of the number.
        number: usize,
    },
}

/// An answer: a value and its conformal interval, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

impl Answer {
    /// Whether a value lies in the interval.
    pub fn holds(&self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }
}

/// A trained surrogate.
#[derive(Clone, Debug)]
pub struct Surrogate {
    /// Name.
    pub name: String,
    /// What it belongs to.
    pub belongs: Belongs,
    /// The sides of its box.
    pub axes: Vec<Axis>,
    /// The numbers that it answers.
    pub numbers: Vec<Known>,
    /// The curves that it answers.
    pub curves: Vec<KnownCurve>,
    /// How values are written for the networks.
    pub encoding: Encoding,
    /// Networks of the numbers.
    pub number_networks: Arc<Networks>,
    /// Networks of the curves' coefficients.
    pub curve_networks: Arc<Networks>,
    /// How wide intervals are.
    pub calibration: Calibration,
    /// Spread of the networks (in the units of the encoded numbers) beyond which they are not believed.
    pub spread_limits: Vec<f64>,
}

impl Surrogate {
    /// A parameter (its position) that the surrogate holds for constant and that has another value here, with the value
    /// (SI) that it had when the surrogate was trained. `values` are those of all parameters (SI, table order); `idle`
    /// does not matter to what is asked.
    pub fn differing_constant(
        &self,
        table: &ParameterTable,
        values: &[f64],
        idle: Option<ParameterId>,
    ) -> Option<(ParameterId, f64)> {
        self.belongs.constants.iter().find_map(|(name, constant)| {
            let id = table.find(name).filter(|id| Some(*id) != idle)?;
            let leader = table.row(id).tied_to;
            let expected = leader.map_or(*constant, |to| values[to.index()]);
            let differs = (values[id.index()] - expected).abs() > SAME * expected.abs();
            differs.then_some((id, expected))
        })
    }

    /// Why a point is outside the box, if it is.
    pub fn outside(&self, coordinates: &[f64]) -> Option<Refusal> {
        let position = coordinates
            .iter()
            .position(|c| c.is_nan() || c.abs() > 1.0 + SIDE_TOLERANCE);
        position.map(|axis| Refusal::Outside {
            axis,
            coordinate: coordinates[axis],
        })
    }

    /// Answers many points: the numbers at `asked`, or why there is no answer.
    pub fn answers(
        &self,
        points: &[Vec<f64>],
        asked: &[usize],
    ) -> Vec<Result<Vec<Answer>, Refusal>> {
        let inputs = flattened(points);
        let prediction = self.number_networks.predict(&inputs);
        let n = self.encoding.numbers.len();
        let answer = |(row, point): (usize, &Vec<f64>)| {
            if let Some(refusal) = self.outside(point) {
                return Err(refusal);
            }
            let mut answers = Vec::new();
            for number in asked {
                let at = row * n + number;
                let (mean, spread) = (prediction.mean[at], prediction.spread[at]);
                if prediction.present[at] < PRESENT_MIN {
                    return Err(Refusal::Absent { number: *number });
                }
                if f64::from(spread) > self.spread_limits[*number] {
                    return Err(Refusal::Disagreement { number: *number });
                }
                answers.push(self.decoded(*number, mean.into(), spread.into()));
            }
            Ok(answers)
        };
        points.iter().enumerate().map(answer).collect()
    }

    /// For each point the largest spread of the networks over the numbers, as a share of what is still believed (1).
    pub fn disagreement(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let prediction = self.number_networks.predict(&flattened(points));
        let rows = prediction.spread.chunks_exact(self.numbers.len().max(1));
        let largest = rows.map(|row| {
            let shares = row.iter().zip(&self.spread_limits);
            shares
                .map(|(spread, limit)| f64::from(*spread) / limit)
                .fold(0.0, f64::max)
        });
        largest.collect()
    }

    /// A number in its unit, with its interval.
    pub(super) fn decoded(&self, number: usize, mean: f64, spread: f64) -> Answer {
        let code = &self.encoding.numbers[number];
        let (low, high) = self.calibration.interval(number, mean, spread);
        let within = |x: f64| {
            if code.transform.is_bounded() {
                x.clamp(0.0, 1.0)
            } else {
                x
            }
        };
        let (a, b) = (code.decode(within(low)), code.decode(within(high)));
        Answer {
            value: code.decode(mean),
            lower: a.min(b),
            upper: a.max(b),
        }
    }

    /// Values of the numbers at `asked` and their derivatives by the coordinates, `n_asked × n_axes`, whether or not
    /// they are to be believed.
    pub fn linearised(&self, point: &[f64], asked: &[usize]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let inputs = flattened(&[point.to_vec()]);
        let (means, slopes) = self.number_networks.jacobian(&inputs);
        let n = self.axes.len();
        let rows = asked.iter().map(|number| {
            let code = &self.encoding.numbers[*number];
            let mean = f64::from(means[*number]);
            let factor = code.slope(mean);
            let row = &slopes[number * n..(number + 1) * n];
            let row = row.iter().map(|slope| f64::from(*slope) * factor);
            (code.decode(mean), row.collect())
        });
        rows.unzip()
    }

    /// The curve at a position, for many points; points outside the box are refused.
    pub fn curve(&self, points: &[Vec<f64>], position: usize) -> Vec<Result<Vec<f64>, Refusal>> {
        let prediction = self.curve_networks.predict(&flattened(points));
        let codes = &self.encoding.curves;
        let before: usize = codes[..position]
            .iter()
            .map(|c| c.basis.n_components())
            .sum();
        let (n, code) = (self.encoding.n_coefficients(), &codes[position]);
        let curve = |(row, point): (usize, &Vec<f64>)| {
            if let Some(refusal) = self.outside(point) {
                return Err(refusal);
            }
            let from = row * n + before;
            if prediction.present[from] < PRESENT_MIN {
                return Err(Refusal::Absent { number: position });
            }
            let coefficients = &prediction.mean[from..from + code.basis.n_components()];
            let coefficients: Vec<f64> = coefficients.iter().map(|c| f64::from(*c)).collect();
            Ok(code.decode(&coefficients))
        };
        points.iter().enumerate().map(curve).collect()
    }
}

/// Points as the networks take them.
pub(super) fn flattened(points: &[Vec<f64>]) -> Vec<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "networks compute with single precision"
    )]
    let inputs = points.iter().flatten().map(|c| *c as f32).collect();
    inputs
}
