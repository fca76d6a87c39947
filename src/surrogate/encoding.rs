//! From values to what networks learn and back: transforms, standard scales, bases of curves, labels.

use std::ops::Range;

use super::basis::Basis;
use super::plan::Output;
use super::plan::Plan;
use super::plan::Transform;
use super::sample::Sample;

/// Root mean square that the basis of a curve may leave of its scatter (1).
const TRUNCATION: f64 = 5e-3;
/// Most components of a curve.
const COMPONENTS_MAX: usize = 16;
/// Fewest complete curves or numbers that a scale is learned from.
const EXAMPLES_MIN: usize = 10;

/// How one number is written for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberCode {
    /// Position of its output.
    pub output: usize,
    /// Position of its column in a sample.
    pub column: usize,
    /// From value to number.
    pub transform: Transform,
    /// What is taken off the number.
    pub centre: f64,
    /// What the rest is divided by.
    pub scale: f64,
}

/// How one curve is written for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveCode {
    /// Position of its output.
    pub output: usize,
    /// Its columns in a sample.
    pub columns: Range<usize>,
    /// From value to number at each of its places.
    pub transforms: Vec<Transform>,
    /// Mean curve and components of the numbers.
    pub basis: Basis,
    /// What all coefficients are divided by.
    pub scale: f64,
}

/// How values are written for networks: one for the numbers, one for the curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    /// The numbers, in the order of the network's values.
    pub numbers: Vec<NumberCode>,
    /// The curves, in the order of their coefficients.
    pub curves: Vec<CurveCode>,
}

/// Why nothing can be learned of an output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "output '{output}': {found} of {asked} simulations have a value, expected at least {EXAMPLES_MIN}; widen the simulations or leave it out"
)]
pub struct TooFewValues {
    /// The output.
    pub output: String,
    /// How many simulations have it.
    pub found: usize,
    /// Of how many.
    pub asked: usize,
}

impl Encoding {
    /// Scales and bases from training samples.
    ///
    /// # Errors
    /// [`TooFewValues`] of an output that hardly any simulation has.
    pub fn learn(plan: &Plan, samples: &[Sample]) -> Result<Self, TooFewValues> {
        let highest = plan.highest_capacity();
        let mut encoding = Self {
            numbers: Vec::new(),
            curves: Vec::new(),
        };
        for (position, (output, columns)) in plan.outputs.iter().zip(plan.ranges()).enumerate() {
            if output.is_curve() {
                let code = curve_code((position, output), columns, samples)?;
                encoding.curves.push(code);
            } else {
                let transform = output.transform(0, highest);
                let code = number_code((position, output), (columns.start, transform), samples)?;
                encoding.numbers.push(code);
            }
        }
        Ok(encoding)
    }

    /// Number of coefficients of all curves.
    pub fn n_coefficients(&self) -> usize {
        self.curves.iter().map(|c| c.basis.n_components()).sum()
    }

    /// What the network of the numbers shall give; not a number where there is no value.
    pub fn encoded_numbers(&self, sample: &Sample) -> Vec<f64> {
        let numbers = self.numbers.iter();
        numbers
            .map(|code| code.encode(sample.values[code.column]))
            .collect()
    }

    /// Derivatives of the encoded numbers by the coordinates, row by row, of a sample that has them.
    pub fn encoded_slopes(&self, sample: &Sample) -> Option<Vec<f64>> {
        let slopes = sample.slopes.as_ref()?;
        let rows = self.numbers.iter().flat_map(|code| {
            let value = sample.values[code.column];
            let number = code.transform.apply(value);
            let factor = 1.0 / (code.transform.slope(number) * code.scale);
            // At the ends of what is possible the number no longer follows the value.
            let is_at_end = code.transform.is_bounded() && !(0.0..1.0).contains(&number);
            let row = slopes.row(code.column).to_vec().into_iter();
            row.map(move |slope| if is_at_end { f64::NAN } else { slope * factor })
        });
        Some(rows.collect())
    }

    /// What the network of the curves shall give; not a number where a curve is incomplete.
    pub fn encoded_curves(&self, sample: &Sample) -> Vec<f64> {
        let curves = self.curves.iter();
        curves
            .flat_map(|code| code.encode(&sample.values[code.columns.clone()]))
            .collect()
    }

    /// Whether each number has a value: 1 or 0.
    pub fn number_labels(&self, sample: &Sample) -> Vec<f64> {
        labels(&self.encoded_numbers(sample))
    }
}

fn labels(numbers: &[f64]) -> Vec<f64> {
    let labels = numbers
        .iter()
        .map(|v| if v.is_finite() { 1.0 } else { 0.0 });
    labels.collect()
}

impl NumberCode {
    /// From value to network.
    pub fn encode(&self, value: f64) -> f64 {
        (self.transform.apply(value) - self.centre) / self.scale
    }

    /// From network to value.
    pub fn decode(&self, number: f64) -> f64 {
        self.transform.invert(number * self.scale + self.centre)
    }

    /// Derivative of the value by the network's number.
    pub fn slope(&self, number: f64) -> f64 {
        self.transform.slope(number * self.scale + self.centre) * self.scale
    }
}

impl CurveCode {
    /// From curve to coefficients; not numbers if a place has no value.
    pub fn encode(&self, values: &[f64]) -> Vec<f64> {
        let numbers = self.numbers(values);
        if numbers.iter().any(|v| !v.is_finite()) {
            return vec![f64::NAN; self.basis.n_components()];
        }
        let coefficients = self.basis.coefficients(&numbers).into_iter();
        coefficients.map(|c| c / self.scale).collect()
    }

    /// From coefficients to curve.
    pub fn decode(&self, coefficients: &[f64]) -> Vec<f64> {
        let scaled: Vec<f64> = coefficients.iter().map(|c| c * self.scale).collect();
        let numbers = self.basis.curve(&scaled);
        let pairs = numbers.iter().zip(&self.transforms);
        pairs.map(|(number, t)| t.invert(*number)).collect()
    }

    /// The numbers of a curve's values.
    fn numbers(&self, values: &[f64]) -> Vec<f64> {
        let pairs = values.iter().zip(&self.transforms);
        pairs.map(|(value, t)| t.apply(*value)).collect()
    }
}

fn number_code(
    (position, output): (usize, &Output),
    (column, transform): (usize, Transform),
    samples: &[Sample],
) -> Result<NumberCode, TooFewValues> {
    let numbers = samples.iter().map(|s| transform.apply(s.values[column]));
    let numbers: Vec<f64> = numbers.filter(|v| v.is_finite()).collect();
    check_examples(output, numbers.len(), samples.len())?;
    let (centre, scale) = if transform.is_bounded() {
        (0.0, 1.0)
    } else {
        mean_and_sd(&numbers)
    };
    Ok(NumberCode {
        output: position,
        column,
        transform,
        centre,
        scale,
    })
}

fn curve_code(
    (position, output): (usize, &Output),
    columns: Range<usize>,
    samples: &[Sample],
) -> Result<CurveCode, TooFewValues> {
    let transforms: Vec<Transform> = (0..columns.len())
        .map(|place| output.transform(place, f64::NAN))
        .collect();
    let rows = samples.iter().map(|sample| {
        let values = sample.values[columns.clone()].iter().zip(&transforms);
        values
            .map(|(value, t)| t.apply(*value))
            .collect::<Vec<f64>>()
    });
    let complete: Vec<Vec<f64>> = rows
        .filter(|row| row.iter().all(|v| v.is_finite()))
        .collect();
    check_examples(output, complete.len(), samples.len())?;
    let basis = Basis::new(&complete, TRUNCATION, COMPONENTS_MAX);
    let squares = complete.iter().map(|row| {
        let coefficients = basis.coefficients(row);
        coefficients.iter().map(|c| c * c).sum::<f64>()
    });
    let mean_square = squares.sum::<f64>() / complete.len() as f64;
    Ok(CurveCode {
        output: position,
        columns,
        transforms,
        basis,
        scale: mean_square.sqrt().max(f64::MIN_POSITIVE),
    })
}

fn check_examples(output: &Output, found: usize, asked: usize) -> Result<(), TooFewValues> {
    if found >= EXAMPLES_MIN {
        return Ok(());
    }
    Err(TooFewValues {
        output: output.name.clone(),
        found,
        asked,
    })
}

/// Mean and standard deviation; the latter is one where it would be zero.
pub(super) fn mean_and_sd(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    // A number that is the same everywhere is learned as it is.
    let sd = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    (mean, sd)
}
