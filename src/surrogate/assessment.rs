//! How far a surrogate is off: errors and coverage on points that touched nothing of it.

use super::encoding::Encoding;
use super::model::Refusal;
use super::model::Surrogate;
use super::model::flattened;
use super::plan::Working;
use super::sample::Sample;

/// Pairs of values that are kept for a figure.
pub const PAIRS_MAX: usize = 300;

/// Errors of one output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// Number of compared values.
    pub n: usize,
    /// Median of the absolute errors, in the output's unit.
    pub median: f64,
    /// Their 95th percentile.
    pub p95: f64,
    /// The largest.
    pub worst: f64,
    /// Median of the absolute errors over the values (1).
    pub relative_median: f64,
    /// 95th percentile of these (1).
    pub relative_p95: f64,
    /// Share of the values inside their conformal intervals (1); not a number for curves, which have none.
    pub coverage: f64,
    /// Simulated values and the surrogate's, at most [`PAIRS_MAX`] of them; none for curves.
    pub pairs: Vec<(f64, f64)>,
}

/// What is known of a surrogate's error on a set of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// What the points are.
    pub set: String,
    /// Number of points that were simulated.
    pub n_points: usize,
    /// Number of those whose cells work and that are compared.
    pub n_working: usize,
    /// Number of compared points that the surrogate refuses to answer for at least one number.
    pub n_refused: usize,
    /// Errors of the numbers.
    pub numbers: Vec<Errors>,
    /// Errors of the curves; each curve's error is its largest.
    pub curves: Vec<Errors>,
    /// Share of all numbers inside their intervals (1).
    pub pooled_coverage: f64,
    /// Share of right answers to the question whether there is a value, over all numbers and points (1).
    pub presence_accuracy: f64,
}

impl Working {
    /// Whether a sample is of a working cell.
    pub fn holds(&self, encoding: &Encoding, sample: &Sample) -> bool {
        sample.values[encoding.numbers[self.number].column] > self.above
    }
}

/// Compares a surrogate with simulations.
pub fn assess(
    surrogate: &Surrogate,
    set: &str,
    samples: &[Sample],
    working: Option<Working>,
) -> Assessment {
    let encoding = &surrogate.encoding;
    let compared: Vec<&Sample> = samples
        .iter()
        .filter(|s| working.is_none_or(|w| w.holds(encoding, s)))
        .collect();
    let points: Vec<Vec<f64>> = compared.iter().map(|s| s.coordinates.clone()).collect();
    let numbers = number_errors(surrogate, &compared, &points);
    let (inside, all) = numbers.iter().fold((0.0, 0.0), |(inside, all), errors| {
        let n = errors.n as f64;
        (
            inside
                + if errors.n > 0 {
                    errors.coverage * n
                } else {
                    0.0
                },
            all + n,
        )
    });
    let asked: Vec<usize> = (0..encoding.numbers.len()).collect();
    let refused = surrogate.answers(&points, &asked);
    let disagreed = |r: &Result<_, Refusal>| matches!(r, Err(Refusal::Disagreement { .. }));
    Assessment {
        set: set.to_owned(),
        n_points: samples.len(),
        n_working: compared.len(),
        n_refused: refused.iter().filter(|r| disagreed(r)).count(),
        curves: (0..encoding.curves.len())
            .map(|position| curve_errors(surrogate, &compared, (&points, position)))
            .collect(),
        numbers,
        pooled_coverage: inside / all,
        presence_accuracy: presence_accuracy(surrogate, samples),
    }
}

fn number_errors(surrogate: &Surrogate, samples: &[&Sample], points: &[Vec<f64>]) -> Vec<Errors> {
    let codes = &surrogate.encoding.numbers;
    let prediction = surrogate.number_networks.predict(&flattened(points));
    let one = |number: usize| {
        let mut pairs = Vec::new();
        let mut n_inside = 0;
        for (row, sample) in samples.iter().enumerate() {
            let truth = sample.values[codes[number].column];
            if !codes[number].encode(truth).is_finite() {
                continue;
            }
            let at = row * codes.len() + number;
            let (mean, spread) = (prediction.mean[at].into(), prediction.spread[at].into());
            let answer = surrogate.decoded(number, mean, spread);
            n_inside += usize::from(answer.holds(truth));
            pairs.push((answer.value, truth));
        }
        let errors = pairs.iter().map(|(value, truth)| (value - truth).abs());
        let relative = pairs
            .iter()
            .map(|(value, truth)| (value - truth).abs() / truth.abs());
        Errors {
            coverage: f64::from(u32::try_from(n_inside).unwrap_or(u32::MAX)) / pairs.len() as f64,
            pairs: pairs
                .iter()
                .take(PAIRS_MAX)
                .map(|(value, truth)| (*truth, *value))
                .collect(),
            ..of(errors.collect(), relative.collect())
        }
    };
    (0..codes.len()).map(one).collect()
}

fn curve_errors(
    surrogate: &Surrogate,
    samples: &[&Sample],
    (points, position): (&[Vec<f64>], usize),
) -> Errors {
    let columns = surrogate.encoding.curves[position].columns.clone();
    let curves = surrogate.curve(points, position);
    let pairs = samples.iter().zip(&curves).filter_map(|(sample, curve)| {
        let truth = &sample.values[columns.clone()];
        let is_complete = truth.iter().all(|v| v.is_finite());
        is_complete.then_some((curve.as_ref().ok()?, truth))
    });
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let (errors, relative) = pairs
        .map(|(curve, truth)| {
            let off = || curve.iter().zip(truth).map(|(a, b)| (a - b).abs());
            let height = largest(&mut truth.iter().map(|v| v.abs()));
            // A curve that crosses zero is compared with its height, another with itself.
            let crosses = truth.iter().any(|t| *t > 0.0) && truth.iter().any(|t| *t < 0.0);
            let against = |t: &f64| if crosses { height } else { t.abs() };
            let mut each = off().zip(truth).map(|(e, t)| e / against(t));
            (largest(&mut off()), largest(&mut each))
        })
        .unzip();
    Errors {
        coverage: f64::NAN,
        ..of(errors, relative)
    }
}

fn of(mut errors: Vec<f64>, mut relative: Vec<f64>) -> Errors {
    errors.sort_by(f64::total_cmp);
    relative.sort_by(f64::total_cmp);
    Errors {
        n: errors.len(),
        median: percentile(&errors, 0.5),
        p95: percentile(&errors, 0.95),
        worst: errors.last().copied().unwrap_or(f64::NAN),
        relative_median: percentile(&relative, 0.5),
        relative_p95: percentile(&relative, 0.95),
        coverage: f64::NAN,
        pairs: Vec::new(),
    }
}

/// The nearest rank of sorted values.
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position in a list"
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn presence_accuracy(surrogate: &Surrogate, samples: &[Sample]) -> f64 {
    let points: Vec<Vec<f64>> = samples.iter().map(|s| s.coordinates.clone()).collect();
    let prediction = surrogate.number_networks.predict(&flattened(&points));
    let n = surrogate.encoding.numbers.len();
    let mut n_right = 0usize;
    for (row, sample) in samples.iter().enumerate() {
        for (number, label) in surrogate.encoding.number_labels(sample).iter().enumerate() {
            let says = prediction.present[row * n + number] >= 0.5;
            n_right += usize::from(says == (*label > 0.5));
        }
    }
    n_right as f64 / (n * samples.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert!((percentile(&sorted, 0.5) - 2.0).abs() < 1e-12);
        assert!((percentile(&sorted, 0.95) - 4.0).abs() < 1e-12);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
