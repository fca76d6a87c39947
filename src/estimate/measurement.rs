//! From model values to the residuals of the data: noise, estimated noise factors, and what the instruments add.
//!
//! Offsets and scales of an instrument enter the residuals linearly with constant coefficients. Their best values are
//! known in closed form for every point of the search, so the residuals are projected (variable projection: Golub &
//! Pereyra, SIAM J. Numer. Anal. 10 (1973) 413); with constant coefficients the projected Jacobian is exact, and the
//! minimum over them differs from the integral over them by a constant only.

use nalgebra::DMatrix;
use nalgebra::DVector;
use ndarray::Array2;

use super::study::Calibration;
use super::study::Observation;
use super::study::Study;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::loss::Loss;
use crate::numerics::loss::Robust;

/// The data of a fit and how they become residuals.
#[derive(Clone, Debug)]
pub(super) struct Measurements {
    observations: Vec<Observation>,
    /// Factor on the standard deviation of each observation.
    noise_factors: Vec<f64>,
    projection: Option<Projection>,
    loss: Robust,
}

/// Removes from residuals what the instruments' unknowns explain.
#[derive(Clone, Debug)]
struct Projection {
    /// Coefficients of the unknowns in the rows of data and of their own priors, `n_rows × n_unknowns`.
    coefficients: DMatrix<f64>,
    /// (AᵀA)⁻¹Aᵀ, `n_unknowns × n_rows`.
    solver: DMatrix<f64>,
    /// The covariance of the unknowns at fixed parameters, `n_unknowns × n_unknowns`.
    covariance: DMatrix<f64>,
    /// `½ ln det AᵀA` + Σ ln of the priors' standard deviations.
    ln_normalisation: f64,
}

impl Measurements {
    /// The data of a study with the noise as stated.
    pub(super) fn new(study: &Study) -> Self {
        Self::with_noise_factors(study, vec![1.0; study.observations.len()])
    }

    /// With factors on the standard deviations of the data.
    pub(super) fn with_noise_factors(study: &Study, noise_factors: Vec<f64>) -> Self {
        let (observations, calibrations) = (&study.observations, &study.calibrations);
        let projection = Projection::new(observations, calibrations, &noise_factors);
        Self {
            observations: observations.clone(),
            noise_factors,
            projection,
            loss: study.settings.loss,
        }
    }

    pub(super) fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// Factor on the standard deviation of an observation.
    pub(super) fn noise_factor(&self, row: usize) -> f64 {
        self.noise_factors[row]
    }

    /// The same with the measured values of two observations exchanged.
    pub(super) fn swapped(&self, (a, b): (usize, usize)) -> Self {
        let mut swapped = self.clone();
        swapped.observations[a].measured = self.observations[b].measured;
        swapped.observations[b].measured = self.observations[a].measured;
        swapped
    }

    /// The same with other measured values.
    pub(super) fn with_measured(&self, measured: &[f64]) -> Self {
        let mut other = self.clone();
        for (observation, value) in other.observations.iter_mut().zip(measured) {
            observation.measured = *value;
        }
        other
    }

    /// Number of residual rows: one per observation and one per unknown of an instrument.
    pub(super) fn n_rows(&self) -> usize {
        let unknowns = self.projection.as_ref();
        self.observations.len() + unknowns.map_or(0, |p| p.coefficients.ncols())
    }

    /// Residuals before the instruments' unknowns are taken out.
    fn plain(&self, values: &[f64]) -> Vec<f64> {
        let data = self
            .observations
            .iter()
            .zip(values)
            .zip(&self.noise_factors);
        let mut rows: Vec<f64> = data
            .map(|((o, value), factor)| o.noise.residual(*value, o.measured) / factor)
            .collect();
        rows.resize(self.n_rows(), 0.0);
        rows
    }

    /// Residuals of the data at the model's values.
    pub(super) fn residuals(&self, values: &[f64]) -> Vec<f64> {
        let mut rows = self.plain(values);
        if let Some(projection) = &self.projection {
            rows = projection.apply(&rows);
        }
        self.loss.residuals(&mut rows[..self.observations.len()]);
        rows
    }

    /// Residuals of the data and their derivatives, from those of the model's values
    /// (`n_observations × n_variables`).
    pub(super) fn linearised(&self, values: &[f64], derivatives: &Array2<f64>) -> Linearisation {
        let n = derivatives.ncols();
        let mut residuals = self.plain(values);
        let mut jacobian = Array2::zeros((self.n_rows(), n));
        let data = self
            .observations
            .iter()
            .zip(values)
            .zip(&self.noise_factors);
        for (row, ((o, value), factor)) in data.enumerate() {
            let slope = o.noise.slope(*value, o.measured) / factor;
            for column in 0..n {
                jacobian[[row, column]] = slope * derivatives[[row, column]];
            }
        }
        if let Some(projection) = &self.projection {
            residuals = projection.apply(&residuals);
            for mut column in jacobian.columns_mut() {
                let projected = projection.apply(&column.to_vec());
                column
                    .iter_mut()
                    .zip(projected)
                    .for_each(|(to, from)| *to = from);
            }
        }
        let mut linearisation = Linearisation {
            residuals,
            jacobian,
        };
        let n_data = self.observations.len();
        self.loss.linearisation(&mut linearisation, n_data);
        linearisation
    }

    /// Share of each residual row that the instruments' unknowns explain whatever it is.
    pub(super) fn instrument_leverages(&self) -> Vec<f64> {
        match &self.projection {
            None => vec![0.0; self.n_rows()],
            Some(p) => (&p.coefficients * &p.solver)
                .diagonal()
                .iter()
                .copied()
                .collect(),
        }
    }

    /// Minus the logarithm of what stands before the exponential in the density of the data, without powers of 2π: the
    /// standard deviations, and the integral over the instruments' unknowns.
    pub(super) fn ln_normalisation(&self) -> f64 {
        let data = (0..self.observations.len()).map(|row| self.sd_of_residual(row).ln());
        let unknowns = self.projection.as_ref().map_or(0.0, |p| p.ln_normalisation);
        data.sum::<f64>() + unknowns
    }

    /// χ² of the limits among the data at the model's values; zero where all are kept.
    pub(super) fn chi_squared_of_limits(&self, values: &[f64]) -> f64 {
        let rows = self
            .observations
            .iter()
            .zip(values)
            .zip(&self.noise_factors);
        rows.filter(|((observation, _), _)| observation.noise.is_limit())
            .map(|((observation, value), factor)| {
                let residual = observation.noise.residual(*value, observation.measured) / factor;
                residual * residual
            })
            .sum()
    }

    /// Standard deviation of what a residual compares, estimated noise included.
    pub(super) fn sd_of_residual(&self, row: usize) -> f64 {
        self.noise_factors[row] * self.observations[row].noise.sd_of_residual()
    }

    /// Whether residual rows are other than the observations' own.
    pub(super) fn is_reshaped(&self) -> bool {
        self.projection.is_some() || self.loss.loss != Loss::Squares
    }

    /// What drawn values of the instruments' unknowns, in standard deviations of their priors, add to each residual.
    pub(super) fn instrument_shifts(&self, normals: &[f64]) -> Vec<f64> {
        let n = self.observations.len();
        let Some(p) = &self.projection else {
            return vec![0.0; n];
        };
        let drawn = normals
            .iter()
            .enumerate()
            .map(|(c, z)| z / p.coefficients[(n + c, c)]);
        let added = &p.coefficients * DVector::from_iterator(p.coefficients.ncols(), drawn);
        added.iter().take(n).copied().collect()
    }

    /// The instruments' unknowns at the model's values: value and standard deviation at fixed parameters.
    pub(super) fn unknowns(&self, values: &[f64]) -> Vec<(f64, f64)> {
        let Some(projection) = &self.projection else {
            return Vec::new();
        };
        let solved = &projection.solver * DVector::from_vec(self.plain(values));
        let sds = projection.covariance.diagonal().map(f64::sqrt);
        solved
            .iter()
            .zip(sds.iter())
            .map(|(value, sd)| (-value, *sd))
            .collect()
    }
}

impl Projection {
    fn new(
        observations: &[Observation],
        calibrations: &[Calibration],
        noise_factors: &[f64],
    ) -> Option<Self> {
        if calibrations.is_empty() {
            return None;
        }
        let n_data = observations.len();
        let shape = (n_data + calibrations.len(), calibrations.len());
        let mut coefficients = DMatrix::zeros(shape.0, shape.1);
        for (column, calibration) in calibrations.iter().enumerate() {
            for (row, weight) in &calibration.members {
                coefficients[(*row, column)] = weight / noise_factors[*row];
            }
            coefficients[(n_data + column, column)] = 1.0 / calibration.sd;
        }
        let normal = coefficients.tr_mul(&coefficients).cholesky()?;
        let ln_determinant: f64 = normal.l_dirty().diagonal().map(f64::ln).sum();
        let priors: f64 = calibrations.iter().map(|c| c.sd.ln()).sum();
        let covariance = normal.inverse();
        Some(Self {
            ln_normalisation: ln_determinant + priors,
            solver: &covariance * coefficients.transpose(),
            covariance,
            coefficients,
        })
    }

    /// r − A (AᵀA)⁻¹Aᵀ r.
    fn apply(&self, rows: &[f64]) -> Vec<f64> {
        let rows = DVector::from_column_slice(rows);
        let explained = &self.coefficients * (&self.solver * &rows);
        (rows - explained).iter().copied().collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::estimate::Noise;
    use crate::estimate::Target;
    use crate::observe::Observable;
    use proptest::prelude::*;

    /// Data without a study.
    pub(in crate::estimate) fn measurements(
        measured: &[(f64, Noise)],
        calibrations: &[Calibration],
    ) -> Measurements {
        let observation = |(measured, noise): &(f64, Noise)| Observation {
            target: Target {
                id: String::new(),
                cell: 0,
                protocol: 0,
                observable: Observable::Transference,
            },
            measured: *measured,
            noise: *noise,
        };
        let observations: Vec<Observation> = measured.iter().map(observation).collect();
        let noise_factors = vec![1.0; observations.len()];
        Measurements {
            projection: Projection::new(&observations, calibrations, &noise_factors),
            observations,
            noise_factors,
            loss: Robust {
                loss: Loss::Squares,
                f_scale: 1.0,
            },
        }
    }

    fn offset(sd: f64, members: &[(usize, f64)]) -> Calibration {
        Calibration {
            name: "offset".to_owned(),
            unit: "V",
            sd,
            members: members.to_vec(),
        }
    }

    /// A limit speaks where it is passed only, and other data are no limits.
    #[test]
    fn limits_are_told_apart() {
        let data = measurements(
            &[
                (900.0, Noise::UpperLimit(0.2)),
                (1.03, Noise::LowerLimit(0.02)),
                (5.0, Noise::Absolute(1.0)),
            ],
            &[],
        );
        assert!(data.chi_squared_of_limits(&[900.0, 1.03, 9.0]) < 1e-20);
        let passed = data.chi_squared_of_limits(&[900.0 * 0.6_f64.exp(), 0.99, 9.0]);
        assert!((passed - (9.0 + 4.0)).abs() < 1e-9, "{passed}");
    }

    proptest! {
        /// The projected cost is the lowest that any value of the unknowns gives, and they take that value.
        #[test]
        fn projection_minimises_over_the_unknowns(
            values in prop::array::uniform4(-3.0..3.0),
            offsets in prop::array::uniform2(-2.0..2.0),
            sd in 0.1..10.0,
        ) {
            let noise = Noise::Absolute(0.5);
            let calibrations = [offset(sd, &[(0, 2.0), (1, 2.0)]), offset(1.0, &[(1, 2.0), (2, 2.0)])];
            let data = measurements(&[(0.1, noise), (-0.4, noise), (1.0, noise), (0.0, noise)], &calibrations);
            let cost = |b: [f64; 2]| {
                let mut rows = data.plain(&values);
                for (calibration, b) in calibrations.iter().zip(b) {
                    calibration.members.iter().for_each(|(row, weight)| rows[*row] += weight * b);
                }
                let priors = (b[0] / sd).powi(2) + b[1].powi(2);
                rows[..4].iter().map(|r| r * r).sum::<f64>() + priors
            };
            let projected: f64 = data.residuals(&values).iter().map(|r| r * r).sum();
            let unknowns = data.unknowns(&values);
            prop_assert!((cost([unknowns[0].0, unknowns[1].0]) - projected).abs() < 1e-9 * (1.0 + projected));
            prop_assert!(cost(offsets) >= projected - 1e-9);
        }

        /// The Jacobian of the projected residuals is the derivative of the projected residuals.
        #[test]
        fn projected_jacobian_is_exact(values in prop::array::uniform3(0.5..3.0), slope in -2.0..2.0) {
            let data = measurements(
                &[(1.0, Noise::Relative(0.1)), (1.5, Noise::Relative(0.2)), (2.0, Noise::Absolute(0.3))],
                &[offset(0.4, &[(0, 10.0), (1, 5.0)])],
            );
            let derivatives = ndarray::array![[slope], [1.0], [0.3]];
            let exact = data.linearised(&values, &derivatives).jacobian;
            let h = 1e-6;
            let moved = |side: f64| {
                let column = derivatives.column(0);
                let moved: Vec<f64> = values.iter().zip(column).map(|(v, d)| v + side * h * d).collect();
                data.residuals(&moved)
            };
            for (row, (up, down)) in moved(1.0).iter().zip(moved(-1.0)).enumerate() {
                let difference = (up - down) / (2.0 * h);
                prop_assert!((exact[[row, 0]] - difference).abs() < 1e-6 * (1.0 + difference.abs()));
            }
        }
    }
}
