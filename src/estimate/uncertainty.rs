//! What the data say about the free quantities at the optimum: covariance, effective degrees of freedom, and the
//! directions that the data inform.

use nalgebra::DMatrix;
use nalgebra::SymmetricEigen;
use ndarray::Array2;

use super::belief::Belief;
use super::measurement::Measurements;
use crate::numerics::covariance::covariance;
use crate::numerics::least_squares::Linearisation;

/// The information at an optimum, from the linearised residuals.
#[derive(Clone, Debug, PartialEq)]
pub struct Information {
    /// Covariance of the coordinates with the noise as stated, `n × n`.
    pub assumed: Array2<f64>,
    /// The same with the variance of the data multiplied by the inflation, `n × n`. Intervals come from this one.
    pub covariance: Array2<f64>,
    /// Sum of the squared residuals of the data.
    pub chi_squared: f64,
    /// Number of data that inform at all; a limit that is kept does not.
    pub n_informative: usize,
    /// Effective number of unknowns that the data determine, instruments' included: the trace of the data's hat matrix.
    pub effective_parameters: f64,
    /// χ² over the degrees of freedom left, at least 1: by how much the scatter exceeds the stated noise.
    pub inflation: f64,
    /// Share of its own prediction that each observation determines.
    pub leverages: Vec<f64>,
    /// Eigenvalues of the data's Fisher matrix in units of the prior's, largest first: above 1 the data dominate.
    pub eigenvalues: Vec<f64>,
    /// The eigenvectors in units of the prior's standard deviations, `n_directions × n`, rows normalised.
    pub directions: Array2<f64>,
}

impl Information {
    /// From residuals and Jacobian, those of the data first.
    pub(super) fn new(
        linearisation: &Linearisation,
        measurements: &Measurements,
        belief: &Belief,
    ) -> Option<Self> {
        let n_data_rows = measurements.n_rows();
        let n_data = measurements.observations().len();
        let jacobian = &linearisation.jacobian;
        let n = jacobian.ncols();
        let data = DMatrix::from_fn(n_data_rows, n, |i, j| jacobian[[i, j]]);
        let assumed = covariance(jacobian)?;
        let hat = &data * DMatrix::from_fn(n, n, |i, j| assumed[[i, j]]) * data.transpose();
        // The instruments' unknowns take their share of every reading too.
        let by_instruments = measurements.instrument_leverages();
        let leverages: Vec<f64> = (0..n_data)
            .map(|row| hat[(row, row)] + by_instruments[row])
            .collect();
        let effective_parameters = leverages.iter().sum();
        let residuals = &linearisation.residuals[..n_data_rows];
        let chi_squared = residuals.iter().map(|r| r * r).sum();
        let tells = |row: &usize| residuals[*row].abs() > 0.0 || data.row(*row).norm() > 0.0;
        let n_informative = (0..n_data).filter(tells).count();
        let inflation = inflation(chi_squared, n_informative as f64 - effective_parameters);
        let (eigenvalues, directions) = spectrum(&data.tr_mul(&data), belief);
        Some(Self {
            covariance: weakened(linearisation, n_data_rows, inflation)?,
            assumed,
            chi_squared,
            n_informative,
            effective_parameters,
            inflation,
            leverages,
            eigenvalues,
            directions,
        })
    }

    /// Correlation of two coordinates after the fit.
    pub fn correlation(&self, i: usize, j: usize) -> f64 {
        let c = &self.covariance;
        c[[i, j]] / (c[[i, i]] * c[[j, j]]).sqrt()
    }

    /// Standard deviation of a linear combination of the coordinates.
    pub fn sd_along(&self, gradient: &[f64]) -> f64 {
        propagate(gradient, &self.covariance)
    }

    /// Standard deviation of a coordinate.
    pub fn sd(&self, i: usize) -> f64 {
        self.covariance[[i, i]].sqrt()
    }
}

/// The covariance of the coordinates if the variance of the data, the first rows, were `factor` times as large, the
/// priors unchanged.
pub(super) fn weakened(
    linearisation: &Linearisation,
    n_data_rows: usize,
    factor: f64,
) -> Option<Array2<f64>> {
    let mut jacobian = linearisation.jacobian.clone();
    for mut row in jacobian.rows_mut().into_iter().take(n_data_rows) {
        row /= factor.sqrt();
    }
    covariance(&jacobian)
}

/// By how much the variance of the data exceeds the stated one; never below 1, as chance may make a small χ².
fn inflation(chi_squared: f64, degrees_of_freedom: f64) -> f64 {
    if degrees_of_freedom < 1.0 {
        // Nothing is left to judge the noise by.
        return 1.0;
    }
    (chi_squared / degrees_of_freedom).max(1.0)
}

/// Eigenvalues and eigenvectors of the Fisher matrix in units of the prior's standard deviations.
fn spectrum(fisher: &DMatrix<f64>, belief: &Belief) -> (Vec<f64>, Array2<f64>) {
    let sds = belief.standard_deviations();
    let n = sds.len();
    let scaled = DMatrix::from_fn(n, n, |i, j| fisher[(i, j)] * sds[i] * sds[j]);
    let eigen = SymmetricEigen::new(scaled);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let values = order
        .iter()
        .map(|i| eigen.eigenvalues[*i].max(0.0))
        .collect();
    let vectors = Array2::from_shape_fn((n, n), |(row, j)| {
        let column = eigen.eigenvectors.column(order[row]);
        // The sign of an eigenvector is free: the largest component is taken positive.
        column[j] * column[column.icamax()].signum()
    });
    (values, vectors)
}

/// Standard deviation of a quantity with this gradient: √(gᵀ C g).
pub(super) fn propagate(gradient: &[f64], covariance: &Array2<f64>) -> f64 {
    let mut variance = 0.0;
    for (i, a) in gradient.iter().enumerate() {
        for (j, b) in gradient.iter().enumerate() {
            variance += a * covariance[[i, j]] * b;
        }
    }
    variance.max(0.0).sqrt()
}
