//! What long work keeps, so that an interrupted run goes on where it stood: tables of numbers under names.

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use ndarray::Array2;

use super::counters::Counters;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::StopReason;

/// Where finished pieces of long work are kept.
///
/// A piece is recalled bit for bit, so that a resumed run ends like one that was never interrupted. Whoever provides
/// an archive sees to it that it belongs to the same study.
pub trait Archive: Sync {
    /// The rows that were kept under this name.
    fn recall(&self, name: &str) -> Option<Vec<Vec<f64>>>;
    /// Keeps rows under a name.
    fn keep(&self, name: &str, rows: &[Vec<f64>]);
    /// Adds a row to those of a name.
    fn append(&self, name: &str, row: &[f64]);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl Archive for Forgetful {
    fn recall(&self, _name: &str) -> Option<Vec<Vec<f64>>> {
        None
    }
    fn keep(&self, _name: &str, _rows: &[Vec<f64>]) {}
    fn append(&self, _name: &str, _row: &[f64]) {}
}

/// A descent as rows: summary, point, residuals, then the rows of the Jacobian.
pub(super) fn solution_rows(solution: &Solution, counters: &Counters) -> Vec<Vec<f64>> {
    let stop = StopReason::ALL
        .iter()
        .position(|stop| *stop == solution.stop);
    let [evaluations, runs, failed] = counters.numbers();
    let summary = vec![
        solution.cost,
        solution.scaled_gradient,
        solution.iterations as f64,
        stop.unwrap_or(0) as f64,
        evaluations as f64,
        runs as f64,
        failed as f64,
    ];
    let mut rows = vec![summary, solution.x.clone()];
    if let Some(linearisation) = &solution.linearisation {
        rows.push(linearisation.residuals.clone());
        rows.extend(
            linearisation
                .jacobian
                .rows()
                .into_iter()
                .map(|row| row.to_vec()),
        );
    }
    rows
}

/// A descent and its counts from rows, if they hold one.
pub(super) fn solution_of(rows: Vec<Vec<f64>>) -> Option<(Solution, Counters)> {
    let mut rows = rows.into_iter();
    let summary = rows.next()?;
    let &[
        cost,
        scaled_gradient,
        iterations,
        stop,
        evaluations,
        runs,
        failed,
    ] = &summary[..]
    else {
        return None;
    };
    let x = rows.next()?;
    let linearisation = rows.next().and_then(|residuals| {
        let shape = (residuals.len(), x.len());
        let jacobian = Array2::from_shape_vec(shape, rows.flatten().collect()).ok()?;
        Some(Linearisation {
            residuals,
            jacobian,
        })
    });
    let solution = Solution {
        x,
        cost,
        linearisation,
        scaled_gradient,
        iterations: count(iterations),
        stop: *StopReason::ALL.get(count(stop))?,
    };
    let counters = Counters::from_numbers([count(evaluations), count(runs), count(failed)]);
    Some((solution, counters))
}

/// A name for a point: work that starts from another point finds nothing of this one's.
pub(super) fn fingerprint(x: &[f64]) -> String {
    let mut hasher = DefaultHasher::new();
    for x in x {
        x.to_bits().hash(&mut hasher);
    }
    format!("{:08x}", hasher.finish() & 0xffff_ffff)
}

/// A whole number that was kept as a float.
pub(super) fn count(value: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are small and not negative"
    )]
    let count = value.max(0.0) as usize;
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descents_come_back_as_they_were() {
        let solution = Solution {
            x: vec![0.1, -3.0],
            cost: 7.25,
            linearisation: Some(Linearisation {
                residuals: vec![1.0, 2.0, 1.5],
                jacobian: ndarray::array![[1.0, 0.0], [0.25, -1.0], [3.0, 0.5]],
            }),
            scaled_gradient: 1e-4,
            iterations: 12,
            stop: StopReason::Cost,
        };
        let counters = Counters::from_numbers([3, 20, 1]);
        let (back, counts) = solution_of(solution_rows(&solution, &counters)).unwrap();
        assert_eq!(back, solution);
        assert_eq!(counts.numbers(), [3, 20, 1]);
    }
}
