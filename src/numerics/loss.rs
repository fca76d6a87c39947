//! Robust losses: residuals reshaped so that a plain least-squares method minimises the sum of a loss.
//!
//! A residual `r` with `z = (r/c)²` becomes `c √ρ(z)` with the sign of `r`. Its square is the loss, so the sum of
//! squares *is* the robust cost, and a trust region may compare what it promised with what came. Corrections that
//! keep only the gradient (IRLS, or the second-order one of B. Triggs et al., Bundle adjustment (2000), § 4.3) would
//! need a solver that knows of the loss.
//!
//! Source of the losses: the definitions of `scipy.optimize.least_squares` (scipy 1.x reference), also those of Ceres.

use super::least_squares::Linearisation;

/// What a residual costs: `ρ(z)` of its square `z`, in units of the threshold. All are `z` for small `z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// `ρ = z`: every residual counts by its square.
    #[default]
    Squares,
    /// `ρ = z` up to 1, then `2√z − 1`: an outlier pulls as hard as a residual at the threshold.
    Huber,
    /// `ρ = 2 (√(1 + z) − 1)`: as Huber's, but smooth.
    SoftL1,
    /// `ρ = ln (1 + z)`: an outlier pulls the less, the farther off it is. May have several minima.
    Cauchy,
}

impl Loss {
    /// ρ(z) (1), for `z` from 0 on.
    pub fn rho(self, z: f64) -> f64 {
        z * self.share(z)
    }

    /// dρ/dz (1): 1 for small `z`, and never more.
    pub fn slope(self, z: f64) -> f64 {
        match self {
            Self::Squares => 1.0,
            Self::Huber => 1.0 / z.max(1.0).sqrt(),
            Self::SoftL1 => 1.0 / (1.0 + z).sqrt(),
            Self::Cauchy => 1.0 / (1.0 + z),
        }
    }

    /// ρ(z)/z (1), written so that nothing cancels for small `z`.
    fn share(self, z: f64) -> f64 {
        match self {
            Self::Squares => 1.0,
            Self::Huber if z <= 1.0 => 1.0,
            Self::Huber => (2.0 * z.sqrt() - 1.0) / z,
            Self::SoftL1 => 2.0 / (1.0 + (1.0 + z).sqrt()),
            Self::Cauchy if z < f64::MIN_POSITIVE => 1.0,
            Self::Cauchy => z.ln_1p() / z,
        }
    }
}

/// A loss and the size of a residual from which on it counts as an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Robust {
    /// The loss.
    pub loss: Loss,
    /// The threshold c between inliers and outliers, in the unit of the residuals, positive: 1 is one standard deviation
    /// where residuals are measured in them.
    pub f_scale: f64,
}

impl Robust {
    /// The reshaped residual and its derivative by the residual.
    ///
    /// With `q = √(ρ/z)` the reshaped residual is `q r`, and `d(q r)/dr = ρ′/q`.
    fn reshape(self, residual: f64) -> (f64, f64) {
        let z = (residual / self.f_scale).powi(2);
        let q = self.loss.share(z).sqrt();
        (q * residual, self.loss.slope(z) / q)
    }

    /// Reshapes residuals: the sum of their squares becomes `c² Σ ρ(z)`.
    ///
    /// Pass those of the data only: priors keep their squares.
    pub fn residuals(self, data: &mut [f64]) {
        for residual in data {
            *residual = self.reshape(*residual).0;
        }
    }

    /// Reshapes the first `n_data` residuals and their rows of the Jacobian; the others keep their squares.
    pub fn linearisation(self, linearisation: &mut Linearisation, n_data: usize) {
        let residuals = linearisation.residuals.iter_mut();
        let rows = linearisation.jacobian.rows_mut();
        for (residual, mut row) in residuals.zip(rows).take(n_data) {
            let (reshaped, slope) = self.reshape(*residual);
            *residual = reshaped;
            row *= slope;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::least_squares::Options;
    use super::super::least_squares::Residuals;
    use super::super::least_squares::minimise;
    use super::super::scaling::Scaling;
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    const ALL: [Loss; 4] = [Loss::Squares, Loss::Huber, Loss::SoftL1, Loss::Cauchy];

    /// One constant through data, with a weak prior around zero as the last residual.
    struct Constant {
        data: Vec<f64>,
        robust: Robust,
    }

    impl Residuals for Constant {
        fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
            self.linearise(x).map(|l| l.residuals)
        }
        fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
            let n_data = self.data.len();
            let mut residuals: Vec<f64> = self.data.iter().map(|y| x[0] - y).collect();
            residuals.push(1e-3 * x[0]);
            let mut jacobian = Array2::from_elem((n_data + 1, 1), 1.0);
            jacobian[[n_data, 0]] = 1e-3;
            let mut linearisation = Linearisation {
                residuals,
                jacobian,
            };
            self.robust.linearisation(&mut linearisation, n_data);
            Some(linearisation)
        }
    }

    /// The constant that fits best.
    fn constant(data: &[f64], loss: Loss, f_scale: f64) -> f64 {
        let robust = Robust { loss, f_scale };
        let options = Options {
            lower: vec![f64::NEG_INFINITY],
            upper: vec![f64::INFINITY],
            gradient_tolerance: 1e-12,
            cost_tolerance: 0.0,
            promise_tolerance: 0.0,
            step_tolerance: 1e-14,
            iterations_max: 200,
            step_max: f64::INFINITY,
            damping: 1e-3,
            scaling: Scaling::Columns,
            updates_max: 0,
        };
        let data = data.to_vec();
        minimise(&Constant { data, robust }, &[0.3], &options).x[0]
    }

    #[test]
    fn huber_of_a_constant_solves_the_clipped_mean_equation() {
        let data = [0.1, -0.4, 0.3, 0.0, 9.0, -25.0, 0.7];
        for f_scale in [0.2, 1.0, 3.0] {
            let x = constant(&data, Loss::Huber, f_scale);
            let clipped = data.iter().map(|y| (x - y).clamp(-f_scale, f_scale));
            let sum = clipped.sum::<f64>() + 1e-6 * x;
            assert!(sum.abs() < 1e-6, "{f_scale}: {sum}");
        }
    }

    #[test]
    fn large_threshold_gives_the_mean_and_small_the_median() {
        let data = [0.1, -0.4, 0.3, 0.0, 9.0, -25.0, 0.7];
        let mean = data.iter().sum::<f64>() / (7.0 + 1e-6);
        for loss in ALL {
            assert!((constant(&data, loss, 1e7) - mean).abs() < 1e-6, "{loss:?}");
        }
        for loss in [Loss::Huber, Loss::SoftL1] {
            let x = constant(&data, loss, 1e-2);
            assert!((x - 0.1).abs() < 1e-2, "{loss:?}: {x}");
        }
    }

    #[test]
    fn outlier_moves_a_robust_estimate_less() {
        let inliers = [0.1, -0.4, 0.3, 0.0, 0.7];
        let mut with_outlier = inliers.to_vec();
        with_outlier.push(40.0);
        let shift =
            |loss| (constant(&with_outlier, loss, 1.0) - constant(&inliers, loss, 1.0)).abs();
        let [squares, huber, soft, cauchy] = ALL.map(shift);
        assert!(
            huber < 0.1 * squares && soft < 0.1 * squares,
            "{huber} {soft} {squares}"
        );
        assert!(cauchy < 0.2 * huber, "{cauchy} {huber}");
    }

    #[test]
    fn values_are_those_of_the_definitions() {
        let at = |z: f64| ALL.map(|loss| loss.rho(z));
        let near = |a: [f64; 4], b: [f64; 4]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(near(at(0.0), [0.0; 4]));
        assert!(near(
            at(3.0),
            [3.0, 2.0 * 3f64.sqrt() - 1.0, 2.0, 4f64.ln()]
        ));
    }

    proptest! {
        #[test]
        fn sum_of_squares_is_the_robust_cost_and_its_gradient_too(
            residuals in proptest::collection::vec(-8.0f64..8.0, 5),
            slopes in proptest::collection::vec(-2.0f64..2.0, 10),
            f_scale in 0.3f64..3.0,
            which in 0usize..4,
        ) {
            let robust = Robust { loss: ALL[which], f_scale };
            // Huber's curvature jumps at the threshold, where a difference quotient is of first order only.
            prop_assume!(residuals.iter().all(|r| (r.abs() - f_scale).abs() > 1e-4));
            let jacobian = Array2::from_shape_vec((5, 2), slopes).unwrap();
            let cost = |t: [f64; 2]| {
                let moved = jacobian.rows().into_iter().zip(&residuals);
                let moved = moved.map(|(row, r)| r + row[0] * t[0] + row[1] * t[1]);
                let costs = moved.enumerate().map(|(i, r)| match i {
                    0..3 => f_scale * f_scale * robust.loss.rho((r / f_scale).powi(2)),
                    _ => r * r,
                });
                costs.sum::<f64>()
            };
            let mut linear = Linearisation { residuals: residuals.clone(), jacobian: jacobian.clone() };
            robust.linearisation(&mut linear, 3);
            let mut data = residuals[..3].to_vec();
            robust.residuals(&mut data);
            prop_assert_eq!(&data[..], &linear.residuals[..3]);
            let squares: f64 = linear.residuals.iter().map(|r| r * r).sum();
            prop_assert!((squares - cost([0.0, 0.0])).abs() < 1e-12 * (1.0 + squares));
            let h = 1e-5;
            let central = [
                (cost([h, 0.0]) - cost([-h, 0.0])) / (2.0 * h),
                (cost([0.0, h]) - cost([0.0, -h])) / (2.0 * h),
            ];
            for (column, central) in linear.jacobian.columns().into_iter().zip(central) {
                let products = column.iter().zip(&linear.residuals).map(|(j, r)| 2.0 * j * r);
                let gradient: f64 = products.sum();
                prop_assert!((gradient - central).abs() < 1e-6 * (1.0 + central.abs()));
            }
        }
    }
}
