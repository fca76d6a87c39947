//! A fit without some of its data, and what it says about them.

use super::Archive;
use super::Monitor;
use super::archive::fingerprint;
use super::counters::Counters;
use super::fit::new_task;
use super::measurement::Measurements;
use super::study::Study;
use super::study::Target;
use super::task::DAMPING_NEAR;
use super::task::Quiet;
use super::task::SETTLED_PROMISE;
use super::uncertainty::propagate;
use crate::numerics::least_squares::Options;

/// What a fit without some of its data says about one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Foretold {
    /// The number.
    pub value: f64,
    /// Its standard deviation by the uncertainty of the parameters.
    pub sd: f64,
}

/// Fits a variant on the coarse mesh without the observations at `rows`, from the point `x`, and tells the numbers of
/// `targets`; `None` if the fit or its curvature failed or somebody asked for an end.
///
/// The start is the optimum of all data, which only chooses the valley; the end is that of the data that are left.
pub fn foretold(
    study: &Study,
    (variant, x): (usize, &[f64]),
    (rows, targets): (&[usize], &[Target]),
    (monitor, archive): (&dyn Monitor, &dyn Archive),
) -> Option<Vec<Foretold>> {
    let counters = Counters::default();
    let quiet = Quiet(monitor);
    let whole = new_task(study, variant, &counters, (&quiet, archive));
    let n = whole.measurements.observations().len();
    let factors = (0..n).map(|row| {
        if rows.contains(&row) {
            f64::INFINITY
        } else {
            whole.measurements.noise_factor(row)
        }
    });
    let measurements = Measurements::with_noise_factors(study, factors.collect());
    let task = whole.with_measurements(measurements);
    let options = Options {
        promise_tolerance: SETTLED_PROMISE,
        damping: DAMPING_NEAR,
        ..task.options()
    };
    let piece = format!("left-out-{}-{rows:?}", fingerprint(x));
    let solution = task.remembered(&piece, |task| {
        task.descend(study.coarse, (x, "without some data"), &options)
    });
    let information = task.information(&solution)?;
    if monitor.is_interrupted() {
        return None;
    }
    let simulator = task.simulator(study.coarse, targets.to_vec());
    let (values, plans) = simulator.values(&solution.x, None).ok()?;
    let (_, derivatives) = simulator.linearise(&solution.x, &plans).ok()?;
    let told = values
        .iter()
        .zip(derivatives.rows())
        .map(|(value, slopes)| Foretold {
            value: *value,
            sd: propagate(&slopes.to_vec(), &information.covariance),
        });
    Some(told.collect())
}
