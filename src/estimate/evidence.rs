//! Which variant the data prefer: Laplace evidence, leave-one-out prediction, and what the choice of priors does to it.
//!
//! Sources: `MacKay`, Information Theory, Inference, and Learning Algorithms (2003), ch. 27 and 28 (evidence); Vehtari,
//! Gelman & Gabry, Stat. Comput. 27 (2017) 1413 (leave-one-out density); Burnham & Anderson, Model Selection and
//! Multimodel Inference, 2nd ed. (2002) (corrected Akaike criterion).

use nalgebra::DMatrix;

use super::measurement::Measurements;
use super::study::Free;
use super::study::Noise;
use super::uncertainty::Information;
use crate::numerics::least_squares::Linearisation;

/// ln 2π.
const LN_TAU: f64 = 1.837_877_066_409_345_5;

/// How well a variant explains the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Logarithm of the evidence (nats), by Laplace's approximation, in the density of the data as they are counted
    /// (logarithms where the noise is relative).
    pub log_evidence: f64,
    /// Sum of the logarithms of the leave-one-out predictive densities (nats), linearised.
    pub loo: f64,
    /// Data whose leave-one-out density is doubtful because they determine more than 0.7 of their own prediction.
    pub n_influential: usize,
    /// Corrected Akaike criterion, where there are more data than parameters plus one.
    pub aicc: Option<f64>,
    /// Bayesian information criterion, where there are more data than parameters plus one.
    pub bic: Option<f64>,
    /// The logarithm of the evidence if every shared wide prior were this many times as wide.
    pub log_evidence_by_width: Vec<(f64, f64)>,
}

/// Widths, relative to the stated ones, for which the evidence is told.
pub const WIDTH_FACTORS: [f64; 3] = [0.5, 1.0, 2.0];
/// Above this leverage a linearised leave-one-out density is doubtful.
const INFLUENTIAL: f64 = 0.7;

impl Evidence {
    /// From the optimum of a fit. `scaled` are the positions of the quantities whose prior widths are varied.
    pub(super) fn new(
        measurements: &Measurements,
        free: &[Free],
        (x, linearisation): (&[f64], &Linearisation),
        information: &Information,
        scaled: &[usize],
    ) -> Option<Self> {
        let n_data_rows = measurements.n_rows();
        let n = x.len();
        let cost: f64 = linearisation.residuals.iter().map(|r| r * r).sum();
        let chi_squared = information.chi_squared;
        let ln_noise = measurements.ln_normalisation();
        let n_data = measurements.observations().len() as f64;
        let priors: f64 = free.iter().map(ln_prior_width).sum();
        let jacobian = &linearisation.jacobian;
        let data = DMatrix::from_fn(n_data_rows, n, |i, j| jacobian[[i, j]]);
        let fisher = data.tr_mul(&data);
        let ln_likelihood = -0.5 * (n_data * LN_TAU + chi_squared) - ln_noise;
        let by_width = WIDTH_FACTORS.map(|factor| {
            let (ln_determinant, change) =
                widened(&fisher, (x, free), (scaled, factor)).unwrap_or((f64::NAN, f64::NAN));
            let widths = scaled.len() as f64 * factor.ln();
            let exponent = -0.5 * (n_data * LN_TAU + cost + change) - ln_noise;
            (factor, exponent - priors - widths - 0.5 * ln_determinant)
        });
        let n_loo = information
            .leverages
            .iter()
            .filter(|h| **h > INFLUENTIAL)
            .count();
        let (aicc, bic) = criteria(ln_likelihood, n as f64, n_data).unzip();
        Some(Self {
            log_evidence: by_width.iter().find(|(f, _)| (*f - 1.0).abs() < 1e-9)?.1,
            loo: leave_one_out(measurements, linearisation, information),
            n_influential: n_loo,
            aicc,
            bic,
            log_evidence_by_width: by_width.to_vec(),
        })
    }
}

/// Minus the logarithm of the highest density of a prior, without the share of a Gaussian that the curvature's
/// determinant cancels.
fn ln_prior_width(free: &Free) -> f64 {
    let (_, sd) = free.prior_coordinates();
    if free.is_flat() {
        (12f64.sqrt() * sd).ln() - 0.5 * LN_TAU
    } else {
        sd.ln()
    }
}

/// Logarithm of the determinant of the curvature, and the change of the lowest cost, if some prior widths were
/// multiplied: the data's part of the cost is taken as quadratic around the optimum.
fn widened(
    fisher: &DMatrix<f64>,
    (x, free): (&[f64], &[Free]),
    (scaled, factor): (&[usize], f64),
) -> Option<(f64, f64)> {
    let n = x.len();
    let mut curvature = fisher.clone();
    let mut gradient = nalgebra::DVector::zeros(n);
    let mut at_once = 0.0;
    for i in 0..n {
        let (centre, sd) = free[i].prior_coordinates();
        let width = if scaled.contains(&i) { factor } else { 1.0 };
        let weight = if free[i].is_flat() {
            0.0
        } else {
            1.0 / (sd * sd)
        };
        let (old, new) = (weight, weight / (width * width));
        curvature[(i, i)] += new;
        // At the optimum the gradient of data and old priors vanishes; what is left comes from the change.
        gradient[i] = (new - old) * (x[i] - centre);
        at_once += (new - old) * (x[i] - centre).powi(2);
    }
    let factorised = curvature.cholesky()?;
    let ln_determinant = 2.0 * factorised.l_dirty().diagonal().map(f64::ln).sum();
    let gained = gradient.dot(&factorised.solve(&gradient));
    Some((ln_determinant, at_once - gained))
}

/// Σ ln p(yᵢ | all other data), exact for a linear model: the residual without a datum is r/(1 − h), with variance
/// 1/(1 − h) in units of the noise.
fn leave_one_out(
    measurements: &Measurements,
    linearisation: &Linearisation,
    information: &Information,
) -> f64 {
    let terms = (0..measurements.observations().len()).map(|i| {
        let left = (1.0 - information.leverages[i]).max(f64::MIN_POSITIVE);
        let residual = linearisation.residuals[i];
        let ln_sd = measurements.sd_of_residual(i).ln();
        -0.5 * LN_TAU - ln_sd + 0.5 * left.ln() - 0.5 * residual * residual / left
    });
    terms.sum()
}

/// The corrected Akaike and the Bayesian criterion, where they are defined.
fn criteria(ln_likelihood: f64, n_parameters: f64, n_data: f64) -> Option<(f64, f64)> {
    (n_data > n_parameters + 1.0).then(|| {
        let correction = 2.0 * n_parameters * (n_parameters + 1.0) / (n_data - n_parameters - 1.0);
        (
            -2.0 * ln_likelihood + 2.0 * n_parameters + correction,
            -2.0 * ln_likelihood + n_parameters * n_data.ln(),
        )
    })
}

/// Weights of models with these log evidences and equal prior odds; they sum up to one.
pub fn weights(log_evidences: &[f64]) -> Vec<f64> {
    let highest = log_evidences
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let odds: Vec<f64> = log_evidences.iter().map(|e| (e - highest).exp()).collect();
    let all: f64 = odds.iter().sum();
    odds.into_iter().map(|odds| odds / all).collect()
}

impl Noise {
    /// Standard deviation of what the residual compares: of the logarithm if the noise is relative, else in the
    /// observable's unit.
    pub fn sd_of_residual(self) -> f64 {
        match self {
            Self::Relative(sd)
            | Self::Absolute(sd)
            | Self::UpperLimit(sd)
            | Self::LowerLimit(sd) => sd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use nalgebra::DVector;
    use proptest::prelude::*;

    use crate::estimate::Role;
    use crate::estimate::belief::Belief;
    use crate::estimate::measurement::tests::measurements;
    use crate::mechanism::ParameterId;
    use crate::mechanism::Prior;

    /// Logarithm of the density of a normal distribution.
    fn ln_normal(off: &DVector<f64>, covariance: &DMatrix<f64>) -> f64 {
        let factor = covariance.clone().cholesky().unwrap();
        let ln_determinant: f64 = 2.0 * factor.l_dirty().diagonal().map(f64::ln).sum();
        -0.5 * (off.len() as f64 * LN_TAU + ln_determinant + off.dot(&factor.solve(off)))
    }

    proptest! {
        /// For a linear model evidence and leave-one-out density are known in closed form: the data are jointly
        /// normal. Widening a prior afterwards is exact too.
        #[test]
        fn linear_models_are_exact(
            slopes in prop::array::uniform6(-2.0..2.0),
            measured in prop::array::uniform3(-3.0..3.0),
            (sigma, width) in (0.2..2.0, 0.3..3.0),
        ) {
            let (sds, centre) = ([width, 1.5], [0.3, -0.2]);
            let model = DMatrix::from_row_slice(3, 2, &slopes);
            let prior = |i: usize| Prior::Normal { mean: centre[i], sd: sds[i] };
            let free: Vec<Free> = (0..2).map(|i| Free {
                name: i.to_string(),
                role: Role::Value(ParameterId(i)),
                prior: prior(i),
                lower: -1e3,
                upper: 1e3,
                given: 0.0,
            }).collect();
            let noise = Noise::Absolute(sigma);
            let data = measurements(&measured.map(|m| (m, noise)), &[]);
            let belief = Belief::independent(&free);
            // The optimum of the quadratic cost.
            let precision = DMatrix::from_diagonal(&DVector::from_iterator(2, sds.iter().map(|s| s.powi(-2))));
            let curvature = model.tr_mul(&model) / (sigma * sigma) + &precision;
            let pull = model.tr_mul(&DVector::from_row_slice(&measured)) / (sigma * sigma)
                + &precision * DVector::from_row_slice(&centre);
            let x = curvature.cholesky().unwrap().solve(&pull);
            let values: Vec<f64> = (&model * &x).iter().copied().collect();
            let derivatives = ndarray::Array2::from_shape_fn((3, 2), |(i, j)| model[(i, j)]);
            let rows = data.linearised(&values, &derivatives);
            let jacobian = ndarray::concatenate(ndarray::Axis(0), &[rows.jacobian.view(), belief.rows().view()]).unwrap();
            let linearisation = Linearisation {
                residuals: [rows.residuals, belief.residuals(x.as_slice())].concat(),
                jacobian,
            };
            let information = Information::new(&linearisation, &data, &belief).unwrap();
            let at = (x.as_slice(), &linearisation);
            let evidence = Evidence::new(&data, &free, at, &information, &[0]).unwrap();
            let joint = |factor: f64| {
                let spread = DMatrix::from_diagonal(&DVector::from_row_slice(&[(sds[0] * factor).powi(2), sds[1] * sds[1]]));
                &model * spread * model.transpose() + DMatrix::identity(3, 3) * (sigma * sigma)
            };
            let off = DVector::from_row_slice(&measured) - &model * DVector::from_row_slice(&centre);
            for (factor, log_evidence) in &evidence.log_evidence_by_width {
                let exact = ln_normal(&off, &joint(*factor));
                prop_assert!((log_evidence - exact).abs() < 1e-8 * (1.0 + exact.abs()), "{log_evidence} against {exact}");
            }
            // p(yᵢ | others) = p(all)/p(others).
            let all = joint(1.0);
            let loo: f64 = (0..3).map(|i| {
                let others = off.clone().remove_row(i);
                ln_normal(&off, &all) - ln_normal(&others, &all.clone().remove_row(i).remove_column(i))
            }).sum();
            prop_assert!((evidence.loo - loo).abs() < 1e-8 * (1.0 + loo.abs()), "{} against {loo}", evidence.loo);
        }
    }

    #[test]
    fn weights_follow_the_odds() {
        let weights = weights(&[-10.0, -10.0 + 3f64.ln(), f64::NEG_INFINITY]);
        assert!((weights[0] - 0.25).abs() < 1e-12);
        assert!((weights[1] - 0.75).abs() < 1e-12);
        assert!(weights[2].abs() < 1e-300);
    }

    #[test]
    fn criteria_need_more_data_than_parameters() {
        assert_eq!(criteria(-3.0, 24.0, 21.0), None);
        let (aicc, bic) = criteria(-3.0, 2.0, 10.0).unwrap();
        assert!((aicc - (6.0 + 4.0 + 12.0 / 7.0)).abs() < 1e-12);
        assert!((bic - (6.0 + 2.0 * 10f64.ln())).abs() < 1e-12);
    }
}
