//! Which measurement would help most: the covariance after a fit, as it would be with one measurement more.

use nalgebra::DMatrix;
use ndarray::Array2;

use super::study::Candidate;
use super::study::Noise;
use super::study::Target;
use super::task::Task;
use super::uncertainty::Information;

/// What a candidate measurement is expected to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    /// Its name.
    pub name: String,
    /// Information gained on all quantities together (nats): half the fall of ln det of the covariance.
    pub nats: f64,
    /// For each free quantity the standard deviation with it over that without it.
    pub sd_ratios: Vec<f64>,
}

/// Judges every candidate at the optimum, the most informative one first; those that cannot be simulated there are
/// named with `nats` not a number.
pub(super) fn promises(task: &Task<'_>, x: &[f64], information: &Information) -> Vec<Promise> {
    let candidates = &task.study.candidates;
    if candidates.is_empty() {
        return Vec::new();
    }
    task.monitor.begin(&task.stage("candidate measurements"), 1);
    let mut promises: Vec<Promise> = candidates
        .iter()
        .map(|candidate| {
            let rows = rows(task, x, candidate);
            let with = rows.and_then(|rows| updated(&information.covariance, &rows));
            promise(&candidate.name, &information.covariance, with.as_ref())
        })
        .collect();
    promises.sort_by(|a, b| {
        let gain = |p: &Promise| if p.nats.is_nan() { -1.0 } else { p.nats };
        gain(b).total_cmp(&gain(a))
    });
    promises
}

/// Derivatives of the candidate's residuals by the coordinates, on the coarse mesh.
fn rows(task: &Task<'_>, x: &[f64], candidate: &Candidate) -> Option<DMatrix<f64>> {
    let targets: Vec<Target> = candidate.readings.iter().map(|(t, _)| t.clone()).collect();
    let simulator = task.patient_simulator(task.study.coarse, targets);
    let (_, plans) = simulator.values(x, None).ok()?;
    let (values, derivatives) = simulator.linearise(x, &plans).ok()?;
    let slope = |row: usize| match candidate.readings[row].1 {
        Noise::Relative(sd) => 1.0 / (sd * values[row]),
        noise => 1.0 / noise.sd(values[row]),
    };
    let shape = derivatives.dim();
    Some(DMatrix::from_fn(shape.0, shape.1, |i, j| {
        slope(i) * derivatives[[i, j]]
    }))
}

/// The covariance with the rows added: (C⁻¹ + RᵀR)⁻¹.
fn updated(covariance: &Array2<f64>, rows: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let n = rows.ncols();
    let before = DMatrix::from_fn(n, n, |i, j| covariance[[i, j]]);
    let gain = rows * &before;
    let spread = DMatrix::identity(rows.nrows(), rows.nrows()) + &gain * rows.transpose();
    Some(&before - gain.transpose() * spread.cholesky()?.solve(&gain))
}

fn promise(name: &str, before: &Array2<f64>, with: Option<&DMatrix<f64>>) -> Promise {
    let n = before.nrows();
    let old = DMatrix::from_fn(n, n, |i, j| before[[i, j]]);
    let ln_determinant = |m: &DMatrix<f64>| {
        let factor = m.clone().cholesky()?;
        Some(2.0 * factor.l_dirty().diagonal().map(f64::ln).sum())
    };
    let nats = with.and_then(|new| Some(0.5 * (ln_determinant(&old)? - ln_determinant(new)?)));
    Promise {
        name: name.to_owned(),
        nats: nats.unwrap_or(f64::NAN),
        sd_ratios: (0..n)
            .map(|i| with.map_or(f64::NAN, |new| (new[(i, i)] / before[[i, i]]).sqrt()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_measurement_of_the_same_kind_halves_the_variance() {
        let before = ndarray::array![[4.0, 0.0], [0.0, 9.0]];
        let with = updated(&before, &DMatrix::from_row_slice(1, 2, &[0.5, 0.0])).unwrap();
        let promise = promise("again", &before, Some(&with));
        assert!((promise.sd_ratios[0] - 0.5f64.sqrt()).abs() < 1e-12);
        assert!((promise.sd_ratios[1] - 1.0).abs() < 1e-12);
        assert!((promise.nats - 0.5 * 2f64.ln()).abs() < 1e-12);
    }
}
