//! How well least squares determine their variables: covariance and standard errors from the linearisation.
//!
//! Source: Å. Björck, Numerical Methods for Least Squares Problems (1996), § 2.8.

use nalgebra::DMatrix;
use ndarray::Array2;

use super::least_squares::Linearisation;

/// `(JᵀJ)⁻¹`, `n_variables × n_variables`: the covariance of the variables where residuals have unit variance.
///
/// It is computed as `R⁻¹R⁻ᵀ` from the QR factors of the Jacobian with columns of unit length, because `JᵀJ` would
/// square the condition number. `None` if the variables are not determined: fewer rows than columns, numbers that are
/// not finite, or a column that depends on the others as far as rounding can tell.
pub fn covariance(jacobian: &Array2<f64>) -> Option<Array2<f64>> {
    let (n_rows, n) = jacobian.dim();
    let matrix = DMatrix::from_fn(n_rows, n, |i, j| jacobian[[i, j]]);
    let norms: Vec<f64> = matrix.column_iter().map(|column| column.norm()).collect();
    let is_usable = |norm: &f64| norm.is_finite() && *norm > 0.0;
    if n_rows < n || !norms.iter().all(is_usable) {
        return None;
    }
    let unit = DMatrix::from_fn(n_rows, n, |i, j| matrix[(i, j)] / norms[j]);
    let r = unit.qr().unpack_r();
    let least = r.diagonal().iter().fold(1.0_f64, |a, b| a.min(b.abs()));
    if least < n as f64 * f64::EPSILON {
        return None;
    }
    let inverse = r.solve_upper_triangular(&DMatrix::identity(n, n))?;
    let covariance = &inverse * inverse.transpose();
    Some(Array2::from_shape_fn((n, n), |(i, j)| {
        covariance[(i, j)] / (norms[i] * norms[j])
    }))
}

/// Variance of the residuals (their unit squared): their sum of squares over the degrees of freedom,
/// `n_residuals − n_variables`. `None` if there is no such degree.
pub fn residual_variance(linearisation: &Linearisation) -> Option<f64> {
    let (n_rows, n) = linearisation.jacobian.dim();
    let freedom = n_rows.checked_sub(n).filter(|freedom| *freedom > 0)?;
    let squares = linearisation.residuals.iter().map(|r| r * r);
    Some(squares.sum::<f64>() / freedom as f64)
}

/// Standard errors of the variables (their units), `n_variables`, where the spread of the residuals is known from
/// themselves alone: `s √diag (JᵀJ)⁻¹` with the residual variance `s²`.
///
/// `None` as for [`covariance`] and [`residual_variance`].
pub fn standard_errors(linearisation: &Linearisation) -> Option<Vec<f64>> {
    let variance = residual_variance(linearisation)?;
    let covariance = covariance(&linearisation.jacobian)?;
    let diagonal = covariance.diag();
    Some(diagonal.iter().map(|c| (variance * c).sqrt()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn straight_line_has_the_errors_of_the_textbook() {
        // y = a + b x at x = 0, 1, 2, 3: var b = s² / Σ(x − x̄)², var a = s² (1/n + x̄² / Σ(x − x̄)²).
        let linearisation = Linearisation {
            residuals: vec![0.1, -0.2, 0.1, 0.0],
            jacobian: array![[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]],
        };
        let errors = standard_errors(&linearisation).unwrap();
        let variance: f64 = 0.06 / 2.0;
        assert!((errors[0] - (variance * (0.25 + 2.25 / 5.0)).sqrt()).abs() < 1e-15);
        assert!((errors[1] - (variance / 5.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn units_of_the_variables_do_not_matter() {
        let jacobian = array![[1.0, 2.0e-9], [3.0, 1.0e-9], [1.0, 1.0e-9]];
        let covariance = covariance(&jacobian).unwrap();
        // (JᵀJ)⁻¹ of the same columns in units of order one is [[6, −6], [−6, 11]] / 30.
        assert!((covariance[[0, 0]] - 0.2).abs() < 1e-15);
        assert!((covariance[[0, 1]] * 1e-9 + 0.2).abs() < 1e-15);
        assert!((covariance[[1, 1]] * 1e-18 - 11.0 / 30.0).abs() < 1e-15);
    }

    #[test]
    fn undetermined_variables_have_no_covariance() {
        assert_eq!(
            covariance(&array![[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]),
            None
        );
        assert_eq!(covariance(&array![[1.0, 0.0], [2.0, 0.0]]), None);
        assert_eq!(covariance(&array![[1.0, 2.0]]), None);
        assert_eq!(covariance(&array![[f64::NAN], [1.0]]), None);
    }

    #[test]
    fn as_many_residuals_as_variables_leave_no_variance() {
        let linearisation = Linearisation {
            residuals: vec![0.0; 2],
            jacobian: array![[1.0, 0.0], [0.0, 1.0]],
        };
        assert_eq!(standard_errors(&linearisation), None);
    }
}
