//! The worth of every measurement and calculation over the list of candidates.

use super::candidate::Candidate;
use super::candidate::Evidence;
use super::ranking::Contest;
use super::ranking::Numbers;
use super::ranking::Place;
use super::relation::Constant;
use super::value::Action;
use super::value::Worth;
use super::value::expected_gain;
use crate::estimate::Common;
use crate::estimate::Slope;
use crate::predict::Weighted;

/// Worths that are told.
const TOLD: usize = 10;
/// Standard deviation of a computed barrier (eV).
pub(super) const COMPUTED_SD_EV: f64 = 0.2;
/// Share of what is not known of a catalyst that a second cell takes away (1).
const SECOND_CELL: f64 = 0.5;

/// The most valuable things to do next.
pub(super) fn worths(
    contest: &Contest<'_>,
    (constants, common): (&[Constant], &[Vec<Common>]),
    candidates: &[Candidate],
    (numbers, places): (&Numbers, &[Place]),
) -> Vec<Worth> {
    let means: Vec<f64> = numbers
        .targets
        .iter()
        .map(|targets| Weighted::new(targets.iter().map(|t| (*t, 1.0))).mean())
        .collect();
    // Whom one would choose: the best mean of those that can be ranked, then the next.
    let mut ranked: Vec<usize> = places
        .iter()
        .filter(|p| p.standing.is_some() && means[p.candidate].is_finite())
        .map(|p| p.candidate)
        .collect();
    ranked.sort_by(|a, b| means[*b].total_cmp(&means[*a]));
    let mut worths = Vec::new();
    for (i, candidate) in candidates.iter().enumerate() {
        let rival = ranked.iter().find(|r| **r != i);
        let (Some(rival), true) = (rival, means[i].is_finite()) else {
            continue;
        };
        let differences: Vec<f64> = numbers.targets[i]
            .iter()
            .zip(&numbers.targets[*rival])
            .map(|(a, b)| a - b)
            .collect();
        let spread = Weighted::new(differences.iter().map(|d| (*d, 1.0)));
        let (mean, sd) = (spread.mean(), spread.sd());
        let own = Weighted::new(numbers.targets[i].iter().map(|t| (*t, 1.0))).sd();
        let noise = contest.scatter * means[i];
        let mut add = |action: Action, explained: f64| {
            let (gain, changes_choice) = expected_gain(mean, sd, explained);
            worths.push(Worth {
                candidate: i,
                action,
                gain,
                changes_choice,
            });
        };
        let by_cell = own * own / (own * own + noise * noise);
        let of_difference = (own / sd).powi(2).min(1.0);
        if candidate.evidence() == Evidence::Fitted {
            add(Action::AnotherCell, SECOND_CELL * by_cell * of_difference);
            continue;
        }
        add(Action::Cell, by_cell * of_difference);
        for (position, constant) in constants.iter().enumerate() {
            let slopes = constant.relation.slopes.iter().enumerate();
            for (at, slope) in slopes {
                let descriptor = constant.descriptors[at];
                let Slope::Barrier { population_sd, .. } = slope else {
                    continue;
                };
                if candidate.of(descriptor).is_some() {
                    continue;
                }
                let ln_factors = &numbers.ln_factors[i][position];
                let of_factor = variance(ln_factors);
                let squares = common[position].iter().map(|c| c.slopes[at].powi(2));
                let slope_squared = squares.sum::<f64>() / common[position].len() as f64;
                let known = population_sd.powi(2) - COMPUTED_SD_EV.powi(2);
                let share = slope_squared * known.max(0.0) / of_factor;
                let correlation = correlation(&differences, ln_factors);
                add(
                    Action::Compute(descriptor),
                    share.min(1.0) * correlation * correlation,
                );
            }
        }
    }
    worths.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    worths.truncate(TOLD);
    worths
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n
}

/// Correlation of two lists, pairs without a number left out; 0 if there is none.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let pairs: Vec<(f64, f64)> = a
        .iter()
        .copied()
        .zip(b.iter().copied())
        .filter(|(a, b)| a.is_finite() && b.is_finite())
        .collect();
    let n = pairs.len() as f64;
    let (x, y) = pairs
        .iter()
        .fold((0.0, 0.0), |(x, y), (a, b)| (x + a, y + b));
    let (x, y) = (x / n, y / n);
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    let product = sum(&|(a, b)| (a - x) * (b - y));
    let norm = (sum(&|(a, _)| (a - x).powi(2)) * sum(&|(_, b)| (b - y).powi(2))).sqrt();
    if norm > 0.0 { product / norm } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_of_lines() {
        let a = [1.0, 2.0, f64::NAN, 4.0];
        let b = [-2.0, -4.0, 1.0, -8.0];
        assert!((correlation(&a, &b) + 1.0).abs() < 1e-12);
        assert!(correlation(&a, &[1.0; 4]).abs() < 1e-12);
        assert!((variance(&[1.0, 3.0]) - 1.0).abs() < 1e-12);
    }
}
