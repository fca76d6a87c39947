//! The objective of a fit at a point of its own choice, for other programs and for timing.

use super::Forgetful;
use super::counters::Counters;
use super::fit::new_task;
use super::study::Study;
use super::task::Patient;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Residuals;
use crate::simulate::Resolution;

/// Residuals of all data, then of the priors, of one variant at coordinates `x`; `None` if a simulation failed.
///
/// # Panics
/// If there is no such variant or `x` has another length than its free quantities.
pub fn residuals(
    study: &Study,
    variant: usize,
    x: &[f64],
    resolution: Resolution,
) -> Option<Vec<f64>> {
    let counters = Counters::default();
    let task = new_task(study, variant, &counters, (&Patient, &Forgetful));
    task.objective(resolution, "").trial(x)
}

/// The residuals and their exact derivatives by all coordinates; `None` if a simulation failed.
///
/// Costs one run without derivatives more than they do themselves: it chooses the jumps over cycles.
///
/// # Panics
/// If there is no such variant or `x` has another length than its free quantities.
pub fn linearised(
    study: &Study,
    variant: usize,
    x: &[f64],
    resolution: Resolution,
) -> Option<Linearisation> {
    let counters = Counters::default();
    let task = new_task(study, variant, &counters, (&Patient, &Forgetful));
    task.objective(resolution, "").linearise(x)
}
