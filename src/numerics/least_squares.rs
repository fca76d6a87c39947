//! Bounded nonlinear least squares: a trust-region Levenberg–Marquardt method as an argmin solver.
//!
//! A trial whose residuals cannot be computed is a rejected step, never a number. Bounds are kept by an active set:
//! variables at a bound whose gradient points outward stay there, the step of the others is cut at the bounds.
//!
//! Sources: Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), ch. 10; the damping update is that of
//! H. B. Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05.

use argmin::core::Error;
use argmin::core::Executor;
use argmin::core::IterState;
use argmin::core::Jacobian;
use argmin::core::KV;
use argmin::core::Operator;
use argmin::core::Problem;
use argmin::core::Solver;
use argmin::core::State;
use argmin::core::TerminationReason;
use argmin::core::TerminationStatus;
use nalgebra::DMatrix;
use nalgebra::DVector;
use ndarray::Array2;

/// Largest damping before the method gives up.
const DAMPING_MAX: f64 = 1e12;

/// Residuals and their derivatives at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Linearisation {
    /// Residuals, `n_residuals`.
    pub residuals: Vec<f64>,
    /// ∂residuals/∂x, `n_residuals × n_variables`.
    pub jacobian: Array2<f64>,
}

/// A least-squares problem. A failed evaluation is `None`.
pub trait Residuals {
    /// Residuals at a trial point.
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>>;
    /// Residuals and Jacobian at a point that has been accepted.
    fn linearise(&self, x: &[f64]) -> Option<Linearisation>;
    /// Called before every trial and after every iteration; `false` asks for an end.
    fn goes_on(&self, progress: &Progress) -> bool {
        let _ = progress;
        true
    }
}

/// Where the method stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Iterations done; `None` between two trials of the same iteration.
    pub iteration: Option<usize>,
    /// Sum of squared residuals at the best point.
    pub cost: f64,
    /// Largest cosine between the residuals and a column of the Jacobian, bounds respected.
    pub scaled_gradient: f64,
}

/// When to stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Lower bounds.
    pub lower: Vec<f64>,
    /// Upper bounds.
    pub upper: Vec<f64>,
    /// Scaled gradient that counts as converged (1).
    pub gradient_tolerance: f64,
    /// Relative decrease of the cost that counts as converged (1), seen in two iterations running.
    pub cost_tolerance: f64,
    /// Largest change of any variable, relative to 1 + |x|, that counts as converged (1).
    pub step_tolerance: f64,
    /// Most iterations.
    pub iterations_max: usize,
    /// Longest step of any variable in one iteration.
    pub step_max: f64,
    /// First damping: the weight of a step's squared length, in units of `scale`, against the residuals. Small where
    /// the start is known to be good.
    pub damping: f64,
    /// The size of each variable's natural variation. Steps are measured in it; the more usual diagonal of `JᵀJ` would
    /// forbid long steps along a narrow valley, whose variables are all well determined but for a combination.
    pub scale: Vec<f64>,
}

/// Why the method stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The scaled gradient is small.
    Gradient,
    /// The cost decreases no more.
    Cost,
    /// No step, however short, lowers the cost: a minimum where the gradient vanishes too, else a kink or noise.
    Step,
    /// The iterations are used up.
    Iterations,
    /// Somebody asked for an end.
    Interrupted,
    /// No residuals at the start.
    StartFailed,
    /// No derivatives at an accepted point.
    LinearisationFailed,
    /// The point was given: nothing was minimised.
    Given,
}

impl StopReason {
    /// Whether the point is a minimum as far as the tolerances tell. Small steps alone prove nothing: a descent that
    /// is stuck at a kink takes them too.
    pub fn is_converged(self) -> bool {
        matches!(self, Self::Gradient | Self::Cost)
    }
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Gradient => "the gradient vanished",
            Self::Cost => "the cost decreased no more",
            Self::Step => "stuck: no step lowered the cost",
            Self::Iterations => "the iterations were used up",
            Self::Interrupted => "interrupted",
            Self::StartFailed => "the start could not be simulated",
            Self::LinearisationFailed => "the derivatives could not be computed",
            Self::Given => "the values were given, nothing was fitted",
        })
    }
}

/// Where the method arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The best point.
    pub x: Vec<f64>,
    /// Sum of squared residuals there.
    pub cost: f64,
    /// Residuals and Jacobian there, if they could be computed.
    pub linearisation: Option<Linearisation>,
    /// Scaled gradient there (1).
    pub scaled_gradient: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Why it stopped.
    pub stop: StopReason,
}

/// Minimises the sum of squared residuals from `start`, which is moved into the bounds.
///
/// # Panics
/// If the bounds have another length than the start.
pub fn minimise<R: Residuals>(problem: &R, start: &[f64], options: &Options) -> Solution {
    assert_eq!(
        start.len(),
        options.lower.len(),
        "one lower bound per variable"
    );
    assert_eq!(
        start.len(),
        options.upper.len(),
        "one upper bound per variable"
    );
    let bounds = options.lower.iter().zip(&options.upper);
    let start: Vec<f64> = start
        .iter()
        .zip(bounds)
        .map(|(x, (lower, upper))| x.clamp(*lower, *upper))
        .collect();
    let solver = LevenbergMarquardt {
        options: options.clone(),
        point: None,
        damping: options.damping,
        growth: 2.0,
        small_decreases: 0,
        stop: None,
    };
    let executor =
        Executor::new(Wrapped(problem), solver).configure(|state| state.param(start.clone()));
    let failed = Solution {
        x: start,
        cost: f64::INFINITY,
        linearisation: None,
        scaled_gradient: f64::INFINITY,
        iterations: 0,
        stop: StopReason::StartFailed,
    };
    let Ok(result) = executor.run() else {
        return failed;
    };
    let iterations = usize::try_from(result.state.get_iter()).unwrap_or(usize::MAX);
    let solver = result.solver;
    match solver.point {
        None => failed,
        Some(point) => Solution {
            scaled_gradient: point.scaled_gradient(options),
            x: point.x,
            cost: point.cost,
            linearisation: Some(point.linearisation),
            iterations,
            stop: solver.stop.unwrap_or(StopReason::Iterations),
        },
    }
}

/// Our problem in the shape that argmin asks for.
struct Wrapped<'r, R>(&'r R);

impl<R: Residuals> Operator for Wrapped<'_, R> {
    type Param = Vec<f64>;
    type Output = Option<Vec<f64>>;
    fn apply(&self, x: &Vec<f64>) -> Result<Option<Vec<f64>>, Error> {
        Ok(self.0.trial(x))
    }
}

impl<R: Residuals> Jacobian for Wrapped<'_, R> {
    type Param = Vec<f64>;
    type Jacobian = Option<Linearisation>;
    fn jacobian(&self, x: &Vec<f64>) -> Result<Option<Linearisation>, Error> {
        Ok(self.0.linearise(x))
    }
}

/// An accepted point.
#[derive(Clone, Debug)]
struct Point {
    x: Vec<f64>,
    cost: f64,
    linearisation: Linearisation,
    jacobian: DMatrix<f64>,
    gradient: DVector<f64>,
}

impl Point {
    fn new(x: Vec<f64>, linearisation: Linearisation) -> Self {
        let (n_rows, n_columns) = linearisation.jacobian.dim();
        let jacobian = DMatrix::from_fn(n_rows, n_columns, |i, j| linearisation.jacobian[[i, j]]);
        let residuals = DVector::from_column_slice(&linearisation.residuals);
        Self {
            x,
            cost: residuals.norm_squared(),
            gradient: jacobian.tr_mul(&residuals),
            jacobian,
            linearisation,
        }
    }

    /// Variables that may move: not at a bound that the downhill direction leads out of.
    fn free(&self, options: &Options) -> Vec<usize> {
        (0..self.x.len())
            .filter(|i| {
                let at_lower = self.x[*i] <= options.lower[*i] && self.gradient[*i] > 0.0;
                let at_upper = self.x[*i] >= options.upper[*i] && self.gradient[*i] < 0.0;
                !at_lower && !at_upper
            })
            .collect()
    }

    fn scaled_gradient(&self, options: &Options) -> f64 {
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

    /// The damped step, cut at the bounds, and the decrease of the cost that the linear model promises.
    fn step(&self, damping: f64, options: &Options) -> Option<(Vec<f64>, f64)> {
        let free = self.free(options);
        let columns = self.jacobian.select_columns(&free);
        let mut normal = columns.tr_mul(&columns);
        for i in 0..free.len() {
            normal[(i, i)] += damping / options.scale[free[i]].powi(2);
        }
        let gradient = DVector::from_iterator(free.len(), free.iter().map(|i| self.gradient[*i]));
        let mut step = normal.cholesky()?.solve(&-gradient);
        let longest = step.amax();
        if longest > options.step_max {
            step *= options.step_max / longest;
        }
        let mut x = self.x.clone();
        for (i, change) in free.iter().zip(step.iter()) {
            x[*i] = (x[*i] + change).clamp(options.lower[*i], options.upper[*i]);
        }
        let taken = DVector::from_iterator(x.len(), x.iter().zip(&self.x).map(|(a, b)| a - b));
        let change = &self.jacobian * &taken;
        let promised = -2.0 * self.gradient.dot(&taken) - change.norm_squared();
        Some((x, promised))
    }
}

/// The method's state between argmin's iterations.
struct LevenbergMarquardt {
    options: Options,
    point: Option<Point>,
    damping: f64,
    growth: f64,
    small_decreases: usize,
    stop: Option<StopReason>,
}

type Iteration = IterState<Vec<f64>, (), (), (), (), f64>;

impl<R: Residuals> Solver<Wrapped<'_, R>, Iteration> for LevenbergMarquardt {
    fn name(&self) -> &'static str {
        "bounded trust-region Levenberg-Marquardt"
    }

    fn init(
        &mut self,
        problem: &mut Problem<Wrapped<'_, R>>,
        mut state: Iteration,
    ) -> Result<(Iteration, Option<KV>), Error> {
        let x = state.take_param().ok_or_else(|| Error::msg("no start"))?;
        if let Some(linearisation) = problem.jacobian(&x)? {
            let point = Point::new(x.clone(), linearisation);
            let cost = point.cost;
            self.point = Some(point);
            Ok((state.param(x).cost(cost), None))
        } else {
            self.stop = Some(StopReason::StartFailed);
            Ok((state.param(x).cost(f64::INFINITY), None))
        }
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<Wrapped<'_, R>>,
        state: Iteration,
    ) -> Result<(Iteration, Option<KV>), Error> {
        let Some(point) = self.point.take() else {
            return Ok((state, None));
        };
        let next = self.improve(problem, point)?;
        let iteration = usize::try_from(state.get_iter()).unwrap_or(usize::MAX) + 1;
        let scaled_gradient = next.scaled_gradient(&self.options);
        let progress = Progress {
            iteration: Some(iteration),
            cost: next.cost,
            scaled_gradient,
        };
        let goes_on = problem
            .problem
            .as_ref()
            .is_none_or(|p| p.0.goes_on(&progress));
        if self.stop.is_none() {
            if scaled_gradient < self.options.gradient_tolerance {
                self.stop = Some(StopReason::Gradient);
            } else if !goes_on {
                self.stop = Some(StopReason::Interrupted);
            } else if iteration >= self.options.iterations_max {
                self.stop = Some(StopReason::Iterations);
            }
        }
        let state = state.param(next.x.clone()).cost(next.cost);
        self.point = Some(next);
        Ok((state, None))
    }

    fn terminate(&mut self, _state: &Iteration) -> TerminationStatus {
        match self.stop {
            None => TerminationStatus::NotTerminated,
            Some(reason) => {
                TerminationStatus::Terminated(TerminationReason::SolverExit(reason.to_string()))
            }
        }
    }
}

impl LevenbergMarquardt {
    /// Tries steps with growing damping until one lowers the cost, and linearises there.
    fn improve<R: Residuals>(
        &mut self,
        problem: &mut Problem<Wrapped<'_, R>>,
        point: Point,
    ) -> Result<Point, Error> {
        loop {
            let progress = Progress {
                iteration: None,
                cost: point.cost,
                scaled_gradient: point.scaled_gradient(&self.options),
            };
            if problem
                .problem
                .as_ref()
                .is_some_and(|p| !p.0.goes_on(&progress))
            {
                self.stop = Some(StopReason::Interrupted);
                return Ok(point);
            }
            if self.damping > DAMPING_MAX {
                self.stop = Some(StopReason::Step);
                return Ok(point);
            }
            let Some((x, promised)) = point.step(self.damping, &self.options) else {
                self.reject();
                continue;
            };
            let length = x
                .iter()
                .zip(&point.x)
                .map(|(a, b)| (a - b).abs() / (1.0 + b.abs()));
            if length.fold(0.0, f64::max) < self.options.step_tolerance {
                self.stop = Some(StopReason::Step);
                return Ok(point);
            }
            let residuals = problem.problem("operator_count", |p| p.apply(&x))?;
            let cost = residuals.map(|r| r.iter().map(|r| r * r).sum::<f64>());
            let decrease = match cost {
                Some(cost) if cost.is_finite() => point.cost - cost,
                _ => f64::NEG_INFINITY,
            };
            if decrease <= 0.0 {
                self.reject();
                continue;
            }
            let Some(linearisation) = problem.jacobian(&x)? else {
                // The trial succeeded but a neighbour of it did not: stay on safer ground.
                self.reject();
                if self.damping > DAMPING_MAX {
                    self.stop = Some(StopReason::LinearisationFailed);
                    return Ok(point);
                }
                continue;
            };
            self.accept(decrease, promised, point.cost);
            return Ok(Point::new(x, linearisation));
        }
    }

    fn reject(&mut self) {
        self.damping *= self.growth;
        self.growth *= 2.0;
    }

    fn accept(&mut self, decrease: f64, promised: f64, cost: f64) {
        let gain = decrease / promised.max(f64::MIN_POSITIVE);
        self.damping *= (1.0 - (2.0 * gain - 1.0).powi(3)).max(1.0 / 3.0);
        self.growth = 2.0;
        if decrease < self.options.cost_tolerance * cost {
            self.small_decreases += 1;
        } else {
            self.small_decreases = 0;
        }
        if self.small_decreases >= 2 {
            self.stop = Some(StopReason::Cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley as residuals; undefined left of x = −1.5.
    struct Rosenbrock;

    impl Residuals for Rosenbrock {
        fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
            (x[0] > -1.5).then(|| vec![10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]])
        }
        fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
            Some(Linearisation {
                residuals: self.trial(x)?,
                jacobian: ndarray::array![[-20.0 * x[0], 10.0], [-1.0, 0.0]],
            })
        }
    }

    fn options(lower: f64, upper: f64) -> Options {
        Options {
            lower: vec![lower; 2],
            upper: vec![upper; 2],
            gradient_tolerance: 1e-10,
            cost_tolerance: 0.0,
            step_tolerance: 1e-14,
            iterations_max: 200,
            step_max: 10.0,
            damping: 1e-2,
            scale: vec![1.0; 2],
        }
    }

    #[test]
    fn valley_is_followed_to_its_minimum() {
        let solution = minimise(&Rosenbrock, &[-1.2, 1.0], &options(-2.0, 2.0));
        assert!(solution.cost < 1e-16, "{solution:?}");
        assert_ne!(solution.stop, StopReason::Iterations);
    }

    #[test]
    fn bound_holds_and_its_gradient_does_not_count() {
        let solution = minimise(&Rosenbrock, &[-1.2, 0.4], &options(-2.0, 0.5));
        // On x = (a, 0.5) the cost is least where 100·2(a² − ½)2a = 2(1 − a), close to a = 0.7087 > 0.5.
        assert!((solution.x[0] - 0.5).abs() < 1e-9, "{solution:?}");
        assert!((solution.x[1] - 0.25).abs() < 1e-9);
        assert_ne!(solution.stop, StopReason::Iterations);
    }

    #[test]
    fn failed_start_is_told() {
        let solution = minimise(&Rosenbrock, &[-1.9, 0.0], &options(-2.0, 2.0));
        assert_eq!(solution.stop, StopReason::StartFailed);
    }
}
