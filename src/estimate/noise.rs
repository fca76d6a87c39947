//! The noise level of groups of data, estimated from their scatter around the fit.

use super::archive::fingerprint;
use super::measurement::Measurements;
use super::study::MeasuredCurve;
use super::study::Study;
use super::task::DAMPING_NEAR;
use super::task::Task;
use crate::numerics::least_squares::Solution;

/// Rounds of fitting and judging the scatter.
const ROUNDS_MAX: usize = 8;
/// Factor on the stated noise of curves while the neighbourhood of the optimum is searched.
const TEMPERATURE: f64 = 10.0;
/// Rounds on the fine mesh.
const FINE_ROUNDS_MAX: usize = 3;
/// Relative change of a factor that counts as none.
const SETTLED: f64 = 0.02;
/// Factors of a handful of data stay between this and its inverse: they cannot tell more.
const FACTOR_MIN: f64 = 0.1;
/// Factors of a curve stay between this and its inverse.
const CURVE_FACTOR_MIN: f64 = 1e-3;
/// Data from which on a group counts as a curve.
const CURVE_MIN: usize = 10;
/// Strongest correlation of neighbouring residuals that is believed.
const CORRELATION_MAX: f64 = 0.95;

/// Correlation ρ of the residuals of neighbouring points of curves, 0 to 0.95; zero without neighbours.
///
/// Each curve is given by the places of its points and their residuals; neighbours follow each other along the abscissa.
pub fn neighbour_correlation(curves: &[(&[f64], Vec<f64>)]) -> f64 {
    let (mut products, mut squares, mut pairs, mut n) = (0.0, 0.0, 0.0, 0.0);
    for (at, residuals) in curves {
        n += residuals.len() as f64;
        squares += residuals.iter().map(|r| r * r).sum::<f64>();
        for i in (1..residuals.len()).filter(|i| at[*i] > at[*i - 1]) {
            products += residuals[i] * residuals[i - 1];
            pairs += 1.0;
        }
    }
    if pairs < 1.0 || squares < f64::MIN_POSITIVE {
        return 0.0;
    }
    ((products / pairs) / (squares / n)).clamp(0.0, CORRELATION_MAX)
}

/// The same for the curves among some observations of a study.
fn correlation(study: &Study, residuals: &[f64], members: &[usize]) -> f64 {
    let curves = study.curves.iter();
    let curves = curves.filter(|curve| curve.members.iter().any(|row| members.contains(row)));
    let curves: Vec<(&[f64], Vec<f64>)> = curves
        .map(|curve| {
            let own = curve.members.iter().map(|row| residuals[*row]);
            (&curve.at[..], own.collect())
        })
        .collect();
    neighbour_correlation(&curves)
}

/// Share of the points of a curve that count as independent, (1 − ρ)/(1 + ρ) for a correlation ρ of neighbours.
///
/// Source: Bayley & Hammersley, Suppl. J. R. Stat. Soc. 8 (1946) 184.
pub fn effective_share(correlation: f64) -> f64 {
    (1.0 - correlation) / (1.0 + correlation)
}

/// The task for the search: curves count as if their noise were ten times the stated one. Far from the optimum their
/// knees lie elsewhere, and believed as stated they would hold every descent fast where two knees meet by chance.
pub(super) fn tempered<'s>(task: &Task<'s>) -> (Task<'s>, Vec<f64>) {
    let factors: Vec<f64> = task
        .study
        .noise_groups
        .iter()
        .map(|group| {
            let is_curve = |curve: &MeasuredCurve| {
                let mut members = curve.members.iter();
                members.any(|row| group.members.contains(row))
            };
            if task.study.curves.iter().any(is_curve) {
                TEMPERATURE
            } else {
                1.0
            }
        })
        .collect();
    (with_factors(task, &factors), factors)
}

/// The task with estimated noise levels, its optimum on the coarse mesh, and the factor of each group.
///
/// Restricted maximum likelihood, fitted and judged in turn: the factor of a group is the root of the sum of its squared
/// residuals over the degrees of freedom that the fit has left it (Patterson & Thompson, Biometrika 58 (1971) 545).
/// Where neighbouring residuals of curves are correlated, the factor is larger, as if there were fewer points.
pub(super) fn with_estimated_noise<'s>(
    task: &Task<'s>,
    start: &[f64],
    factors: Vec<f64>,
) -> (Task<'s>, Vec<f64>, Vec<f64>) {
    let mut task = task.clone();
    let mut x = start.to_vec();
    let mut factors = factors;
    if factors.is_empty() {
        return (task, x, factors);
    }
    for round in 1..=ROUNDS_MAX {
        let what = format!("noise levels, round {round}");
        let options = task.rough_options(DAMPING_NEAR);
        let solution = task.descend(task.study.coarse, (&x, &what), &options);
        let Some((next, is_settled)) = judged(&task, &solution, &factors) else {
            break;
        };
        tracing::info!("{}: factors {next:.3?}", task.stage(&what));
        x.clone_from(&solution.x);
        task = with_factors(&task, &next);
        factors = next;
        if is_settled || task.monitor.is_interrupted() {
            break;
        }
    }
    (task, x, factors)
}

/// The noise levels judged again on the fine mesh, whose own errors are smaller, and the optimum with them.
///
/// Only curves ask for it: the stated noise of single numbers is larger than the errors of the coarse mesh.
pub(super) fn settled_on_fine_mesh<'s>(
    task: &Task<'s>,
    solution: Solution,
    factors: Vec<f64>,
) -> (Task<'s>, Solution, Vec<f64>) {
    let (mut task, mut solution, mut factors) = (task.clone(), solution, factors);
    if task.study.curves.is_empty() {
        return (task, solution, factors);
    }
    for round in 1..=FINE_ROUNDS_MAX {
        let Some((next, is_settled)) = judged(&task, &solution, &factors) else {
            break;
        };
        tracing::info!("noise levels on the fine mesh, round {round}: factors {next:.3?}");
        if is_settled || task.monitor.is_interrupted() {
            break;
        }
        task = with_factors(&task, &next);
        factors = next;
        let start = solution.x.clone();
        let what = format!("fine mesh, noise levels, round {round}");
        let piece = format!("noise-{round}-{}", fingerprint(&start));
        solution = task.remembered(&piece, |task| task.polish((&start, &what)));
    }
    (task, solution, factors)
}

/// The factors that the scatter around a fit speaks for, and whether they are those of the fit.
fn judged(task: &Task<'_>, solution: &Solution, factors: &[f64]) -> Option<(Vec<f64>, bool)> {
    let information = task.information(solution)?;
    let residuals = &solution.linearisation.as_ref()?.residuals;
    let next = task.study.noise_groups.iter().zip(factors);
    let next: Vec<f64> = next
        .map(|(group, factor)| {
            let rows = || group.members.iter();
            let squares: f64 = rows().map(|row| residuals[*row].powi(2)).sum();
            let left: f64 = rows().map(|row| 1.0 - information.leverages[*row]).sum();
            let ratio = (squares / left.max(FACTOR_MIN)).sqrt();
            let least = if group.members.len() < CURVE_MIN {
                FACTOR_MIN
            } else {
                CURVE_FACTOR_MIN
            };
            let correlation = correlation(task.study, residuals, &group.members);
            (factor * ratio / effective_share(correlation).sqrt()).clamp(least, 1.0 / least)
        })
        .collect();
    let pairs = next.iter().zip(factors);
    let is_settled = pairs.fold(true, |all, (next, factor)| {
        all && (next / factor - 1.0).abs() < SETTLED
    });
    Some((next, is_settled))
}

/// The task with these factors of its groups.
fn with_factors<'s>(task: &Task<'s>, factors: &[f64]) -> Task<'s> {
    let mut each = vec![1.0; task.measurements.observations().len()];
    for (factor, group) in factors.iter().zip(&task.study.noise_groups) {
        group.members.iter().for_each(|row| each[*row] = *factor);
    }
    task.with_measurements(Measurements::with_noise_factors(task.study, each))
}
