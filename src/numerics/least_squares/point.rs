//! An accepted point of a descent, and the damped step from it.

use nalgebra::DMatrix;
use nalgebra::DVector;

use super::Linearisation;
use super::Options;

/// An accepted point.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) x: Vec<f64>,
    pub(super) cost: f64,
    pub(super) linearisation: Linearisation,
    pub(super) jacobian: DMatrix<f64>,
    pub(super) gradient: DVector<f64>,
    /// Steps since the derivatives were computed; from then on they were only updated.
    pub(super) updates: usize,
}

impl Point {
    pub(super) fn new(x: Vec<f64>, linearisation: Linearisation) -> Self {
        let (n_rows, n_columns) = linearisation.jacobian.dim();
        let jacobian = DMatrix::from_fn(n_rows, n_columns, |i, j| linearisation.jacobian[[i, j]]);
        let residuals = DVector::from_column_slice(&linearisation.residuals);
        Self {
            x,
            cost: residuals.norm_squared(),
            gradient: jacobian.tr_mul(&residuals),
            jacobian,
            linearisation,
            updates: 0,
        }
    }

    /// The point that a step led to, with the derivatives that make the linear model right along the step and leave it
    /// as it was across: Broyden's update in the metric of the weights.
    pub(super) fn updated(&self, x: &[f64], residuals: Vec<f64>, weights: &[f64]) -> Self {
        let step = DVector::from_iterator(x.len(), x.iter().zip(&self.x).map(|(a, b)| a - b));
        let metric =
            DVector::from_iterator(x.len(), step.iter().zip(weights).map(|(s, w)| s * w * w));
        let model = &self.jacobian * &step;
        let per_length = 1.0 / metric.dot(&step);
        let mut jacobian = self.linearisation.jacobian.clone();
        for (i, mut row) in jacobian.rows_mut().into_iter().enumerate() {
            let off = residuals[i] - self.linearisation.residuals[i] - model[i];
            for (entry, direction) in row.iter_mut().zip(metric.iter()) {
                *entry += off * per_length * direction;
            }
        }
        let linearisation = Linearisation {
            residuals,
            jacobian,
        };
        Self {
            updates: self.updates + 1,
            ..Self::new(x.to_vec(), linearisation)
        }
    }

    /// Variables that may move: not at a bound that the downhill direction leads out of.
    pub(super) fn free(&self, options: &Options) -> Vec<usize> {
        (0..self.x.len())
            .filter(|i| {
                let at_lower = self.x[*i] <= options.lower[*i] && self.gradient[*i] > 0.0;
                let at_upper = self.x[*i] >= options.upper[*i] && self.gradient[*i] < 0.0;
                !at_lower && !at_upper
            })
            .collect()
    }

    pub(super) fn scaled_gradient(&self, options: &Options) -> f64 {
        let norm = self.cost.sqrt();
        let cosines = self.free(options).into_iter().map(|i| {
            let column = self.jacobian.column(i).norm();
            let product = column * norm;
            if product > 0.0 {
                self.gradient[i].abs() / product
            } else {
                0.0
            }
        });
        cosines.fold(0.0, f64::max)
    }

    /// The decrease of the cost that a full step of the free variables promises: the part of the residuals that lies in
    /// the space of the columns. Unlike the cosines of single columns it sees their combinations.
    pub(super) fn promise(&self, options: &Options) -> f64 {
        let columns = self.jacobian.select_columns(&self.free(options));
        let rank_max = columns.ncols().min(columns.nrows());
        let mut rotated = DVector::from_column_slice(&self.linearisation.residuals);
        columns.qr().q_tr_mul(&mut rotated);
        rotated.rows(0, rank_max).norm_squared()
    }

    /// Where the damped step, cut at the bounds, leads from here.
    pub(super) fn step(&self, damping: f64, weights: &[f64], options: &Options) -> Option<Step> {
        let mut step = self.damped(damping, weights, &self.free(options))?;
        let uncut = self.promised(&step);
        let length = options.scaling.length(&step, &self.x, weights);
        if length > options.step_max {
            step *= options.step_max / length;
        }
        let bounds = options.lower.iter().zip(&options.upper);
        let aims = self.x.iter().zip(&step).map(|(x, step)| x + step);
        let cut = |(x, (lower, upper)): (f64, (&f64, &f64))| x.clamp(*lower, *upper);
        let x: Vec<f64> = aims.zip(bounds).map(cut).collect();
        let taken = DVector::from_iterator(x.len(), x.iter().zip(&self.x).map(|(a, b)| a - b));
        Some(Step {
            promised: self.promised(&taken),
            promised_uncut: uncut,
            shortness: options.scaling.shortness(&taken, &self.x, weights),
            x,
        })
    }

    /// The decrease of the cost that the linear model promises for a step.
    fn promised(&self, step: &DVector<f64>) -> f64 {
        -2.0 * self.gradient.dot(step) - (&self.jacobian * step).norm_squared()
    }

    /// The step s with the least ‖r + J s‖² + damping ‖W s‖², J over √damping W as one matrix; zero where not free.
    fn damped(&self, damping: f64, weights: &[f64], free: &[usize]) -> Option<DVector<f64>> {
        let (n_rows, n_free) = (self.jacobian.nrows(), free.len());
        let mut stacked = DMatrix::zeros(n_rows + n_free, n_free);
        for (j, variable) in free.iter().enumerate() {
            let mut column = stacked.column_mut(j);
            let mut upper = column.rows_mut(0, n_rows);
            upper.copy_from(&self.jacobian.column(*variable));
            column[n_rows + j] = damping.sqrt() * weights[*variable];
        }
        let mut right = DVector::zeros(n_rows + n_free);
        for (right, residual) in right.iter_mut().zip(&self.linearisation.residuals) {
            *right = -residual;
        }
        let factors = stacked.qr();
        factors.q_tr_mul(&mut right);
        let right = right.rows(0, n_free);
        let solution = factors.unpack_r().solve_upper_triangular(&right)?;
        let mut step = DVector::zeros(self.x.len());
        for (variable, change) in free.iter().zip(solution.iter()) {
            step[*variable] = *change;
        }
        Some(step)
    }
}

/// A step to be tried.
pub(super) struct Step {
    /// Where it leads: exactly to a bound where it was cut there.
    pub(super) x: Vec<f64>,
    /// The decrease of the cost that the linear model promises.
    pub(super) promised: f64,
    /// The decrease that it would promise without bounds and without the limit of its length.
    pub(super) promised_uncut: f64,
    /// Its length, to be compared with the step tolerance.
    pub(super) shortness: f64,
}
