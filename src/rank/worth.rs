//! The worth of every measurement and calculation over the list of candidates.

use super::candidate::Candidate;
use super::candidate::Evidence;
use super::contest::Contest;
use super::contest::Place;
use super::race::Numbers;
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
const COMPUTED_SD_EV: f64 = 0.2;
/// Share of what is not known of a catalyst that a second cell takes away (1).
const SECOND_CELL: f64 = 0.5;

/// What the worth of an action depends on.
pub(super) struct Stakes<'s> {
    pub(super) contest: &'s Contest<'s>,
    pub(super) constants: &'s [Constant],
    pub(super) common: &'s [Vec<Common>],
    pub(super) numbers: &'s Numbers,
}

/// The most valuable things to do next.
pub(super) fn worths(
    stakes: &Stakes<'_>,
    candidates: &[Candidate],
    places: &[Place],
) -> Vec<Worth> {
    let means = stakes.numbers.targets.iter();
    let means: Vec<f64> = means.map(|targets| spread(targets).mean()).collect();
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
        if let Some(rival) = rival
            && means[i].is_finite()
        {
            worths.extend(stakes.of_candidate((i, candidate), *rival, means[i]));
        }
    }
    worths.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    worths.truncate(TOLD);
    worths
}

fn spread(draws: &[f64]) -> Weighted {
    Weighted::new(draws.iter().map(|t| (*t, 1.0)))
}

impl Stakes<'_> {
    /// The worth of everything that may be done about one candidate.
    fn of_candidate(
        &self,
        (i, candidate): (usize, &Candidate),
        rival: usize,
        mean_target: f64,
    ) -> Vec<Worth> {
        let targets = &self.numbers.targets;
        let pairs = targets[i].iter().zip(&targets[rival]);
        let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        let of_differences = spread(&differences);
        let (mean, sd) = (of_differences.mean(), of_differences.sd());
        let own = spread(&targets[i]).sd();
        let noise = self.contest.scatter * mean_target;
        // What a cell tells of its catalyst, and how much of the difference is the catalyst's.
        let by_cell = own * own / (own * own + noise * noise) * (own / sd).powi(2).min(1.0);
        let mut actions = Vec::new();
        if candidate.evidence() == Evidence::Fitted {
            actions.push((Action::AnotherCell, SECOND_CELL * by_cell));
        } else {
            actions.push((Action::Cell, by_cell));
            actions.extend(self.computations((i, candidate), &differences));
        }
        let worths = actions.into_iter().map(|(action, explained)| {
            let (gain, changes_choice) = expected_gain(mean, sd, explained);
            Worth {
                candidate: i,
                action,
                gain,
                changes_choice,
            }
        });
        worths.collect()
    }

    /// Barriers that might be computed, and the share of the variance of the differences that each would take away.
    fn computations(
        &self,
        (i, candidate): (usize, &Candidate),
        differences: &[f64],
    ) -> Vec<(Action, f64)> {
        let mut actions = Vec::new();
        for (position, constant) in self.constants.iter().enumerate() {
            let ln_factors = &self.numbers.ln_factors[i][position];
            for (at, slope) in constant.relation.slopes.iter().enumerate() {
                let descriptor = constant.descriptors[at];
                let Slope::Barrier { population_sd, .. } = slope else {
                    continue;
                };
                if candidate.of(descriptor).is_some() {
                    continue;
                }
                let common = &self.common[position];
                let squares = common.iter().map(|c| c.slopes[at].powi(2));
                let slope_squared = squares.sum::<f64>() / common.len() as f64;
                let known = (population_sd.powi(2) - COMPUTED_SD_EV.powi(2)).max(0.0);
                let share = slope_squared * known / variance(ln_factors);
                let correlation = correlation(differences, ln_factors);
                let explained = share.min(1.0) * correlation * correlation;
                actions.push((Action::Compute(descriptor), explained));
            }
        }
        actions
    }
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n
}

/// Correlation of two lists, pairs without a number left out; 0 if there is none.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> f64 {
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
