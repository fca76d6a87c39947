//! The fit of four rate constants to one discharge curve, with exact derivatives.
//!
//! What is compared is the voltage at the measured times. A trial that ends before a measured time is continued by the
//! tangent at its end, so that the residuals stay continuous when an end passes a point, every trial has as many of
//! them, and the end time counts as much as the noise of the voltage allows; no value is invented. That end is so steep
//! that it alone would lead the fit along a narrow valley, so the first levels take the times as uncertain: the
//! standard deviation of a residual is then `√(σ_V² + (V' σ_t)²)`. They also solve less exactly, with one volume for the
//! cathode. The last level has exact times and the mesh and tolerance that were asked for.

use std::cell::Cell;
use std::error::Error;
use std::path::Path;

use ndarray::Array2;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use sulfit::numerics::interpolate::cubic;
use sulfit::numerics::least_squares::Linearisation;
use sulfit::numerics::least_squares::Options;
use sulfit::numerics::least_squares::Residuals;
use sulfit::numerics::least_squares::Solution;
use sulfit::numerics::least_squares::minimise;
use sulfit::numerics::scalar::Sensitive;
use sulfit::numerics::scalar::values;
use sulfit::numerics::scaling::Scaling;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Recording;

use crate::Solver;
use crate::case::Case;
use crate::case::FREE;
use crate::discharge::Varied;
use crate::discharge::discharge;
use crate::discharge::repeated;

/// Noise of the voltage (V).
const VOLTAGE_SD_V: f64 = 0.5e-3;
/// Bounds of a value as multiples of the truth.
const BOUNDS: (f64, f64) = (0.1, 10.0);
/// Uncertainty of the times in the levels on the coarse mesh, as shares of the measured duration.
const TIME_SDS: [f64; 2] = [1e-2, 1e-4];
/// How exactly they are solved.
const COARSE: Accuracy = Accuracy {
    relative: 1e-3,
    absolute_factor: 1e2,
};
/// Relative decrease of the cost that ends a level on the coarse mesh: the next one does better from there.
const COARSE_TOLERANCE: f64 = 0.2;
/// The same for the last level.
const TOLERANCE: f64 = 1e-5;

/// A measured discharge.
#[derive(Deserialize)]
pub(crate) struct Data {
    /// Times (s); the last is that of the cut-off.
    time_s: Vec<f64>,
    /// Voltages (V).
    voltage_v: Vec<f64>,
}

impl Data {
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
    }
}

/// What the fit cost.
#[derive(Default)]
struct Count {
    plain: Cell<usize>,
    with_derivatives: Cell<usize>,
    failures: Cell<usize>,
}

/// One level as a least-squares problem in ln(value / truth).
struct Level<'a> {
    case: &'a Case,
    data: &'a Data,
    accuracy: Accuracy,
    /// Uncertainty of the times (s).
    time_sd_s: f64,
    count: &'a Count,
}

impl Level<'_> {
    fn residuals<S: Sensitive>(&self, x: &[S]) -> Option<Vec<S>> {
        let recording = Recording::At(&self.data.time_s);
        let Some(run) = discharge(self.case, &self.case.values_at(x), self.accuracy, recording)
        else {
            self.count.failures.set(self.count.failures.get() + 1);
            return None;
        };
        let (times, volts) = (&run.record.time_s, &run.record.voltage_v);
        let points = self.data.time_s.iter().zip(&self.data.voltage_v);
        let residual = |(time_s, voltage_v): (&f64, &f64)| {
            let next = times.partition_point(|t| t.value() < *time_s);
            let next = next.clamp(1, times.len() - 1);
            let (rise, run_s) = (volts[next] - volts[next - 1], times[next] - times[next - 1]);
            let slope = rise.value() / run_s.value();
            let here = if *time_s < run.end_s.value() {
                cubic(times, volts, S::constant(*time_s))?
            } else {
                (-run.end_s + *time_s) * slope + self.case.limit_v
            };
            Some((here - *voltage_v) / VOLTAGE_SD_V.hypot(slope * self.time_sd_s))
        };
        points.map(residual).collect()
    }
}

impl Residuals for Level<'_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        self.count.plain.set(self.count.plain.get() + 1);
        self.residuals(x)
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        let count = &self.count.with_derivatives;
        count.set(count.get() + 1);
        let x: Vec<Varied> = (0..x.len()).map(|i| Varied::variable(x[i], i)).collect();
        let residuals = self.residuals(&x)?;
        let shape = (residuals.len(), x.len());
        Some(Linearisation {
            jacobian: Array2::from_shape_fn(shape, |(i, j)| residuals[i].eps[j]),
            residuals: values(&residuals),
        })
    }
}

/// Each level ends where the cost falls by less than `tolerance` of itself twice running.
fn options(tolerance: f64) -> Options {
    let n = FREE.len();
    Options {
        lower: vec![BOUNDS.0.ln(); n],
        upper: vec![BOUNDS.1.ln(); n],
        gradient_tolerance: 1e-3,
        cost_tolerance: tolerance,
        promise_tolerance: 0.0,
        step_tolerance: 1e-10,
        iterations_max: 100,
        step_max: 1.0,
        damping: 1.0,
        scaling: Scaling::Given(vec![1.0; n]),
        updates_max: 0,
    }
}

/// The fit: the levels one after the other, each from where the last ended.
fn fit(case: &Case, data: &Data, start: f64, accuracy: Accuracy) -> Option<(Solution, Count)> {
    let count = Count::default();
    let coarse = case.with_one_cathode_volume();
    let duration_s = *data.time_s.last()?;
    let mut x = vec![start.ln(); FREE.len()];
    for share in TIME_SDS {
        let level = Level {
            case: &coarse,
            data,
            accuracy: COARSE,
            time_sd_s: share * duration_s,
            count: &count,
        };
        x = minimise(&level, &x, &options(COARSE_TOLERANCE)).x;
    }
    let level = Level {
        case,
        data,
        accuracy,
        time_sd_s: 0.0,
        count: &count,
    };
    let solution = minimise(&level, &x, &options(TOLERANCE));
    Some((solution, count))
}

/// Runs and tells the fit.
pub(crate) fn timed(
    case: &Case,
    data: &Data,
    start: f64,
    solver: Solver,
) -> Result<Value, Box<dyn Error>> {
    let (seconds, (solution, count)) =
        repeated(solver.repeat, || fit(case, data, start, solver.accuracy()))?;
    let ratios = FREE.iter().zip(&solution.x);
    let ratios: Map<String, Value> = ratios
        .map(|(name, x)| ((*name).to_owned(), json!(x.exp())))
        .collect();
    Ok(json!({
        "seconds": seconds,
        "ratio_to_truth": ratios,
        "rms_mv": 1e3 * VOLTAGE_SD_V * (solution.cost / data.time_s.len() as f64).sqrt(),
        "plain_solves": count.plain.get(),
        "solves_with_derivatives": count.with_derivatives.get(),
        "failures": count.failures.get(),
        "last_iterations": solution.iterations,
        "stop": solution.stop.to_string(),
        "is_converged": solution.stop.is_converged(),
    }))
}
