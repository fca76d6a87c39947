//! What the steps of a least-squares method are measured in.
//!
//! Source of the column norms: J. J. Moré, The Levenberg-Marquardt algorithm: implementation and theory, Lecture Notes
//! in Mathematics 630 (1978) 105.

use nalgebra::DMatrix;
use nalgebra::DVector;

/// Weight of a variable that has had no effect so far: not zero, which would leave its step undetermined, but too little
/// to be felt when it has one.
const WEIGHT_MIN: f64 = 1e-100;

/// What the length of a step is measured in, `n_variables` each.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// The size of each variable's natural variation, where that is known and the variables are of order one: priors,
    /// say. Column norms would forbid long steps along a narrow valley, whose variables are all well determined but
    /// for a combination.
    Given(Vec<f64>),
    /// The inverse of the largest norm that the variable's column of the Jacobian has had so far, where nothing is
    /// known: the path is then the same whatever units the variables have.
    Columns,
}

impl Scaling {
    /// The weight of each variable in the length of a step: never less than before where columns decide.
    pub(super) fn weights(&self, before: &[f64], jacobian: &DMatrix<f64>) -> Vec<f64> {
        match self {
            Self::Given(sizes) => sizes.iter().map(|size| 1.0 / size).collect(),
            Self::Columns => {
                let norms = jacobian.column_iter().map(|column| column.norm());
                let before = before.iter().copied().chain(std::iter::repeat(0.0));
                let largest = norms.zip(before).map(|(a, b)| a.max(b));
                largest.map(|norm| norm.max(WEIGHT_MIN)).collect()
            }
        }
    }

    /// The length of a step that `least_squares::Options::step_max` limits.
    pub(super) fn length(&self, step: &DVector<f64>, x: &[f64], weights: &[f64]) -> f64 {
        match self {
            Self::Given(_) => step.amax(),
            Self::Columns => relative_length(step, x, weights),
        }
    }

    /// The length of a step that `least_squares::Options::step_tolerance` compares with.
    pub(super) fn shortness(&self, step: &DVector<f64>, x: &[f64], weights: &[f64]) -> f64 {
        match self {
            Self::Given(_) => {
                let changes = step
                    .iter()
                    .zip(x)
                    .map(|(step, x)| step.abs() / (1.0 + x.abs()));
                changes.fold(0.0, f64::max)
            }
            Self::Columns => relative_length(step, x, weights),
        }
    }
}

/// The weighted length of a step relative to that of `x`, or itself if `x` is zero.
fn relative_length(step: &DVector<f64>, x: &[f64], weights: &[f64]) -> f64 {
    let square = |(x, weight): (&f64, &f64)| (x * weight).powi(2);
    let length: f64 = step.iter().zip(weights).map(square).sum();
    let size: f64 = x.iter().zip(weights).map(square).sum();
    if size > 0.0 {
        (length / size).sqrt()
    } else {
        length.sqrt()
    }
}
