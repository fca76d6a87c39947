//! Coordinates in which a posterior is nearly standard normal: logits remove bounds, a Cholesky factor the covariance.

use nalgebra::DMatrix;
use nalgebra::DVector;
use ndarray::Array2;

/// A bound within so many standard deviations of the centre is removed by a logit. A normal distribution lies beyond
/// a farther one with a probability below 3e-7: there, a point outside counts as one that cannot be computed.
const BOUND_REACH_SD: f64 = 5.0;
/// Distance of the centre from such a bound, at least, in standard deviations: at the bound itself, where a fit often
/// ends, the logit is infinite.
const CENTRE_MARGIN_SD: f64 = 0.5;
/// Standard deviation of the logit of a variable that is uniform between its bounds, π/√3: no data, no larger one.
const LOGIT_SD_MAX: f64 = 1.813_799_364_234_217_8;

/// A normal approximation of a distribution, within a box.
#[derive(Clone, Debug, PartialEq)]
pub struct Laplace {
    /// The most probable point, `dimension`.
    pub centre: Vec<f64>,
    /// Covariance without the bounds, `dimension × dimension`, positive definite.
    pub covariance: Array2<f64>,
    /// Lower bounds; minus infinity for none.
    pub lower: Vec<f64>,
    /// Upper bounds; infinity for none. A variable whose one bound is near needs the other one too.
    pub upper: Vec<f64>,
}

/// A log density and its gradient at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Natural logarithm of the density, but for a constant.
    pub log_density: f64,
    /// Its derivative by every variable, `dimension`.
    pub gradient: Vec<f64>,
}

impl Evaluation {
    /// Whether every number is one.
    pub fn is_finite(&self) -> bool {
        self.log_density.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }
}

/// The map from whitened coordinates `z` to variables `x`: `u = m + L z`, then `x = u`, or, where a bound is near,
/// `x = a + (b − a)/(1 + e⁻ᵘ)` with the bounds `a` and `b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Whitening {
    axes: Vec<Axis>,
    centre: DVector<f64>,
    factor: DMatrix<f64>,
}

impl Whitening {
    /// The map under which `laplace` is nearly standard normal. `None` if its covariance is not positive definite.
    ///
    /// # Panics
    /// If lengths disagree, or a variable has one near bound only.
    pub fn new(laplace: &Laplace) -> Option<Self> {
        let n = laplace.centre.len();
        assert_eq!(
            laplace.covariance.dim(),
            (n, n),
            "one row and column per variable"
        );
        let sd: Vec<f64> = (0..n).map(|i| laplace.covariance[[i, i]].sqrt()).collect();
        let axes: Vec<Axis> = (0..n).map(|i| Axis::new(laplace, i, sd[i])).collect();
        let centre = (0..n).map(|i| axes[i].centre(laplace.centre[i], sd[i]));
        let centre = DVector::from_iterator(n, centre);
        let stretch: Vec<f64> = (0..n).map(|i| axes[i].stretch(centre[i], sd[i])).collect();
        let covariance = DMatrix::from_fn(n, n, |i, j| {
            laplace.covariance[[i, j]] * stretch[i] * stretch[j]
        });
        Some(Self {
            axes,
            centre,
            factor: covariance.cholesky()?.unpack(),
        })
    }

    /// Number of variables.
    pub fn dimension(&self) -> usize {
        self.axes.len()
    }

    /// The variables at whitened coordinates, or `None` outside a far bound.
    pub fn x(&self, z: &[f64]) -> Option<Vec<f64>> {
        let u = self.u(z);
        let x = self.axes.iter().zip(u.iter());
        x.map(|(axis, u)| axis.x(*u)).collect()
    }

    /// The density of `z` from that of `x(z)`: with the Jacobian of the logits, and the gradient by `z`.
    pub fn pull_back(&self, z: &[f64], at_x: &Evaluation) -> Evaluation {
        let u = self.u(z);
        let log_slopes = self.axes.iter().zip(u.iter());
        let log_jacobian: f64 = log_slopes.map(|(axis, u)| axis.log_slope(*u)).sum();
        let by_u = (0..u.len()).map(|i| {
            let axis = &self.axes[i];
            at_x.gradient[i] * axis.slope(u[i]) + axis.log_slope_derivative(u[i])
        });
        let by_z = self.factor.tr_mul(&DVector::from_iterator(u.len(), by_u));
        Evaluation {
            log_density: at_x.log_density + log_jacobian,
            gradient: by_z.as_slice().to_vec(),
        }
    }

    fn u(&self, z: &[f64]) -> DVector<f64> {
        &self.centre + &self.factor * DVector::from_column_slice(z)
    }
}

/// How one variable depends on its unbounded coordinate `u`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Axis {
    /// `x = u`, bounds far away.
    Plain { lower: f64, upper: f64 },
    /// `x = lower + width σ(u)` with `σ(u) = 1/(1 + e⁻ᵘ)`.
    Logit { lower: f64, width: f64 },
}

impl Axis {
    fn new(laplace: &Laplace, i: usize, sd: f64) -> Self {
        let (lower, upper) = (laplace.lower[i], laplace.upper[i]);
        let reach = BOUND_REACH_SD * sd;
        if laplace.centre[i] - reach > lower && laplace.centre[i] + reach < upper {
            return Self::Plain { lower, upper };
        }
        let width = upper - lower;
        assert!(
            width.is_finite() && width > 0.0,
            "variable {i} has one near bound only, or its bounds are in the wrong order"
        );
        Self::Logit { lower, width }
    }

    /// The coordinate `u` of the centre `x`, moved away from a near bound.
    fn centre(self, x: f64, sd: f64) -> f64 {
        match self {
            Self::Plain { .. } => x,
            Self::Logit { lower, width } => {
                let margin = (CENTRE_MARGIN_SD * sd / width).min(0.25);
                let share = ((x - lower) / width).clamp(margin, 1.0 - margin);
                (share / (1.0 - share)).ln()
            }
        }
    }

    /// ∂u/∂x at the centre, but never so large that a standard deviation exceeds that of ignorance.
    fn stretch(self, u: f64, sd: f64) -> f64 {
        match self {
            Self::Plain { .. } => 1.0,
            Self::Logit { .. } => self.slope(u).recip().min(LOGIT_SD_MAX / sd),
        }
    }

    fn x(self, u: f64) -> Option<f64> {
        match self {
            Self::Plain { lower, upper } => (lower <= u && u <= upper).then_some(u),
            // The clamp undoes at most a rounding error.
            Self::Logit { lower, width } => {
                Some((lower + width * logistic(u)).clamp(lower, lower + width))
            }
        }
    }

    /// ∂x/∂u.
    fn slope(self, u: f64) -> f64 {
        match self {
            Self::Plain { .. } => 1.0,
            Self::Logit { width, .. } => width * logistic(u) * logistic(-u),
        }
    }

    /// ln ∂x/∂u without the constant `ln width`; finite where the slope itself underflows.
    fn log_slope(self, u: f64) -> f64 {
        match self {
            Self::Plain { .. } => 0.0,
            Self::Logit { .. } => -u.abs() - 2.0 * (-u.abs()).exp().ln_1p(),
        }
    }

    fn log_slope_derivative(self, u: f64) -> f64 {
        match self {
            Self::Plain { .. } => 0.0,
            Self::Logit { .. } => -(0.5 * u).tanh(),
        }
    }
}

fn logistic(u: f64) -> f64 {
    ((-u).exp() + 1.0).recip()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two correlated variables; the second lies close to its lower bound.
    fn laplace() -> Laplace {
        Laplace {
            centre: vec![3.0, 0.2],
            covariance: ndarray::array![[4.0, 0.3], [0.3, 0.09]],
            lower: vec![f64::NEG_INFINITY, 0.0],
            upper: vec![20.0, 10.0],
        }
    }

    /// A density that is no normal one.
    fn log_density(x: &[f64]) -> f64 {
        (0.3 * x[0]).sin() - x[1] * x[1] * x[0]
    }

    fn at(x: &[f64]) -> Evaluation {
        Evaluation {
            log_density: log_density(x),
            gradient: vec![0.3 * (0.3 * x[0]).cos() - x[1] * x[1], -2.0 * x[1] * x[0]],
        }
    }

    #[test]
    fn centre_is_the_origin() {
        let x = Whitening::new(&laplace()).unwrap().x(&[0.0, 0.0]).unwrap();
        assert!((x[0] - 3.0).abs() < 1e-14 && (x[1] - 0.2).abs() < 1e-14);
    }

    #[test]
    fn gradient_is_the_central_difference() {
        let whitening = Whitening::new(&laplace()).unwrap();
        let pulled = |z: &[f64]| whitening.pull_back(z, &at(&whitening.x(z).unwrap()));
        let z = [0.7, -1.3];
        for i in 0..2 {
            let step = 1e-5;
            let moved = |by: f64| {
                let mut z = z;
                z[i] += by;
                pulled(&z).log_density
            };
            let difference = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((pulled(&z).gradient[i] - difference).abs() < 1e-8);
        }
    }

    #[test]
    fn far_bound_is_an_end_and_a_near_one_is_never_passed() {
        let whitening = Whitening::new(&laplace()).unwrap();
        assert!(whitening.x(&[9.0, 0.0]).is_none());
        for z in [-1e3, -30.0, 30.0, 1e3] {
            let x = whitening.x(&[0.0, z]).unwrap();
            assert!((0.0..=10.0).contains(&x[1]));
            assert!(whitening.pull_back(&[0.0, z], &at(&x)).is_finite());
        }
    }

    #[test]
    fn centre_at_its_bound_has_a_finite_logit() {
        let mut laplace = laplace();
        laplace.centre[1] = 0.0;
        let x = Whitening::new(&laplace).unwrap().x(&[0.0, 0.0]).unwrap();
        assert!((x[1] - 0.15).abs() < 1e-14);
    }

    #[test]
    fn covariance_must_be_positive_definite() {
        let mut laplace = laplace();
        laplace.covariance[[0, 1]] = 1.0;
        laplace.covariance[[1, 0]] = 1.0;
        assert!(Whitening::new(&laplace).is_none());
    }
}
