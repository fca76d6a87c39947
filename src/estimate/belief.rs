//! What is believed about the coordinates before the data: a Gaussian, as rows of a sum of squares.

use nalgebra::DMatrix;
use ndarray::Array2;

use super::Free;

/// A Gaussian in the coordinates.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Belief {
    /// Its mean, `n_variables`.
    centre: Vec<f64>,
    /// `W` with `WᵀW` the inverse of the covariance, `n_variables × n_variables`.
    whitening: Array2<f64>,
    /// Lower triangular `L` with `LLᵀ` the covariance.
    factor: DMatrix<f64>,
}

impl Belief {
    /// The independent priors of free quantities.
    pub(super) fn independent(free: &[Free]) -> Self {
        let n = free.len();
        let (centre, sds): (Vec<f64>, Vec<f64>) = free.iter().map(Free::prior_coordinates).unzip();
        let diagonal = |i: usize, j: usize, value: f64| if i == j { value } else { 0.0 };
        Self {
            centre,
            whitening: Array2::from_shape_fn((n, n), |(i, j)| {
                // A flat prior costs nothing; its spread still measures steps and starts.
                let weight = if free[i].is_flat() { 0.0 } else { 1.0 / sds[i] };
                diagonal(i, j, weight)
            }),
            factor: DMatrix::from_fn(n, n, |i, j| diagonal(i, j, sds[i])),
        }
    }

    /// A Gaussian with this mean and covariance; `None` if the covariance is not positive definite.
    pub(super) fn correlated(centre: &[f64], covariance: &Array2<f64>) -> Option<Self> {
        let n = centre.len();
        let factor = DMatrix::from_fn(n, n, |i, j| covariance[[i, j]])
            .cholesky()?
            .unpack();
        let inverse = factor.solve_lower_triangular(&DMatrix::identity(n, n))?;
        Some(Self {
            centre: centre.to_vec(),
            whitening: Array2::from_shape_fn((n, n), |(i, j)| inverse[(i, j)]),
            factor,
        })
    }

    /// The mean.
    pub(super) fn centre(&self) -> &[f64] {
        &self.centre
    }

    /// Residuals W (x − centre): their squares sum up to minus twice the logarithm of the density.
    pub(super) fn residuals(&self, x: &[f64]) -> Vec<f64> {
        let rows = self.whitening.rows().into_iter();
        let distance: Vec<f64> = x.iter().zip(&self.centre).map(|(x, c)| x - c).collect();
        rows.map(|row| row.iter().zip(&distance).map(|(w, d)| w * d).sum())
            .collect()
    }

    /// The derivatives of the residuals, `n_variables × n_variables`.
    pub(super) fn rows(&self) -> &Array2<f64> {
        &self.whitening
    }

    /// Standard deviation of each coordinate.
    pub(super) fn standard_deviations(&self) -> Vec<f64> {
        let rows = self.factor.row_iter();
        rows.map(|row| row.norm()).collect()
    }

    /// The point that standard normal numbers stand for.
    pub(super) fn draw(&self, normals: &[f64]) -> Vec<f64> {
        let z = nalgebra::DVector::from_column_slice(normals);
        let step = &self.factor * z;
        self.centre
            .iter()
            .zip(step.iter())
            .map(|(c, s)| c + s)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_are_whitened() {
        let covariance = ndarray::array![[4.0, 1.0], [1.0, 2.0]];
        let belief = Belief::correlated(&[1.0, -1.0], &covariance).unwrap();
        let x = [2.0, 1.0];
        let squares: f64 = belief.residuals(&x).iter().map(|r| r * r).sum();
        // (1, 2) C⁻¹ (1, 2)ᵀ with C⁻¹ = [[2, −1], [−1, 4]]/7.
        assert!((squares - (2.0 - 4.0 + 16.0) / 7.0).abs() < 1e-12);
        assert!((belief.standard_deviations()[0] - 2.0).abs() < 1e-12);
        let back = belief.residuals(&belief.draw(&[0.3, -0.7]));
        assert!((back[0] - 0.3).abs() < 1e-12 && (back[1] + 0.7).abs() < 1e-12);
    }
}
