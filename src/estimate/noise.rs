//! The noise level of groups of data, estimated from their scatter around the fit.

use super::measurement::Measurements;
use super::task::DAMPING_NEAR;
use super::task::Task;

/// Rounds of fitting and judging the scatter.
const ROUNDS_MAX: usize = 8;
/// Relative change of a factor that counts as none.
const SETTLED: f64 = 0.02;
/// Factors stay between this and its inverse: a handful of data cannot tell more.
const FACTOR_MIN: f64 = 0.1;

/// The task with estimated noise levels, its optimum on the coarse mesh, and the factor of each group.
///
/// Restricted maximum likelihood, fitted and judged in turn: the factor of a group is the root of the sum of its squared
/// residuals over the degrees of freedom that the fit has left it (Patterson & Thompson, Biometrika 58 (1971) 545).
pub(super) fn with_estimated_noise<'s>(
    task: &Task<'s>,
    start: &[f64],
) -> (Task<'s>, Vec<f64>, Vec<f64>) {
    let groups = &task.study.noise_groups;
    let mut task = task.clone();
    let mut x = start.to_vec();
    let mut factors = vec![1.0; groups.len()];
    if groups.is_empty() {
        return (task, x, factors);
    }
    for round in 1..=ROUNDS_MAX {
        let what = format!("noise levels, round {round}");
        let options = task.rough_options(DAMPING_NEAR);
        let solution = task.descend(task.study.coarse, (&x, &what), &options);
        let (Some(information), Some(linearisation)) =
            (task.information(&solution), &solution.linearisation)
        else {
            break;
        };
        x.clone_from(&solution.x);
        let mut is_settled = true;
        for (factor, group) in factors.iter_mut().zip(groups) {
            let squares = group
                .members
                .iter()
                .map(|row| linearisation.residuals[*row].powi(2));
            let left = group
                .members
                .iter()
                .map(|row| 1.0 - information.leverages[*row]);
            let ratio = (squares.sum::<f64>() / left.sum::<f64>().max(FACTOR_MIN)).sqrt();
            let next = (*factor * ratio).clamp(FACTOR_MIN, 1.0 / FACTOR_MIN);
            is_settled &= (next / *factor - 1.0).abs() < SETTLED;
            *factor = next;
        }
        let mut each = vec![1.0; task.measurements.observations().len()];
        for (factor, group) in factors.iter().zip(groups) {
            group.members.iter().for_each(|row| each[*row] = *factor);
        }
        task = task.with_measurements(Measurements::with_noise_factors(task.study, each));
        if is_settled || task.monitor.is_interrupted() {
            break;
        }
    }
    (task, x, factors)
}
