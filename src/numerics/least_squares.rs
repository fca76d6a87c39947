//! Bounded nonlinear least squares: a trust-region Levenberg–Marquardt method as an argmin solver.
//!
//! A trial whose residuals cannot be computed is a rejected step, never a number. Bounds are kept by an active set:
//! variables at a bound whose gradient points outward stay there, the step of the others is cut at the bounds. The
//! damped step comes from a QR factorisation, because normal equations would square the condition number.
//!
//! Sources: Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), ch. 10; the damping update is that of
//! H. B. Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05; updates instead of new derivatives as in
//! Madsen, Nielsen & Tingleff, Methods for Non-Linear Least Squares Problems, 2nd ed. (2004), § 3.3; the share of the cost that a full step
//! promises is the relative offset of D. M. Bates & D. G. Watts, Technometrics 23 (1981) 179. `tests/it/strd.rs`
//! compares the method with the certified values of NIST.

mod point;

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
use ndarray::Array2;

use super::scaling::Scaling;
use point::Point;

/// Largest damping before the method gives up.
const DAMPING_MAX: f64 = 1e12;
/// Least factor on the damping after a good step (1). Nielsen's 1/3 takes several iterations to forget one bad step.
const DAMPING_FALL_MAX: f64 = 0.1;
/// A step that kept what it promised but for this share leaves derivatives that are worth an update.
const UPDATED_MISFIT: f64 = 0.3;
/// Share of the cost that a full step promises at which nothing is left to gain (1): the resolution of the cost
/// itself. There the variables lie within about 1e-7 standard deviations of the minimum of the linear model.
const PROMISE_MIN: f64 = f64::EPSILON;
/// Share of the promise that is worth a step below which a rejected step ends the search for a better one.
const WORTHLESS: f64 = 0.02;
/// Relative differences of the cost that rounding of the residuals may hide (1): where model and data agree in six
/// digits, the residuals themselves have ten. Below it the gradient decides whether a step was good.
const COST_NOISE: f64 = 1e-9;

/// Residuals and their derivatives at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Linearisation {
    /// Residuals, `n_residuals`.
    pub residuals: Vec<f64>,
    /// ∂residuals/∂x, `n_residuals × n_variables`.
    pub jacobian: Array2<f64>,
}

impl Linearisation {
    fn is_finite(&self) -> bool {
        let numbers = self.residuals.iter().chain(&self.jacobian);
        numbers.into_iter().all(|number| number.is_finite())
    }
}

/// A least-squares problem. A failed evaluation is `None`; numbers that are not finite count as failed too.
pub trait Residuals {
    /// Residuals at a trial point.
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>>;
    /// Residuals and Jacobian at a point that has been accepted.
    fn linearise(&self, x: &[f64]) -> Option<Linearisation>;
    /// A point that a cheaper model of the problem holds for better than `x`, if there is one. It is tried before the
    /// method's own step.
    fn propose(&self, x: &[f64], at: &Linearisation) -> Option<Vec<f64>> {
        let _ = (x, at);
        None
    }
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

/// Where to look, and when to stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Lower bounds; −∞ for none.
    pub lower: Vec<f64>,
    /// Upper bounds; ∞ for none.
    pub upper: Vec<f64>,
    /// Scaled gradient that counts as converged (1).
    pub gradient_tolerance: f64,
    /// Relative decrease of the cost that counts as converged (1), seen in two iterations running.
    pub cost_tolerance: f64,
    /// Decrease of the cost that a full step promises and that is not worth a step, in units of the cost. For a cost of
    /// squared standard deviations, 0.01 is a tenth of one.
    pub promise_tolerance: f64,
    /// Step that counts as none (1): the largest change of any variable relative to 1 + |x| under `Scaling::Given`, the
    /// scaled length relative to that of x under `Scaling::Columns`.
    pub step_tolerance: f64,
    /// Most iterations.
    pub iterations_max: usize,
    /// Longest step in one iteration: the largest change of any variable under `Scaling::Given`, the scaled length
    /// relative to that of x (1) under `Scaling::Columns`, where 1 suits a start of which little is known.
    pub step_max: f64,
    /// First damping (1): the weight of a step's squared scaled length against the residuals. Small where the start is
    /// known to be good.
    pub damping: f64,
    /// What steps are measured in.
    pub scaling: Scaling,
    /// How many good steps running may do with updated derivatives instead of new ones; zero where these are cheap. The
    /// end always has new ones.
    pub updates_max: usize,
}

/// Why the method stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The scaled gradient is small.
    Gradient,
    /// The cost decreases no more: twice less than the tolerance, or a full step promises less than rounding.
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
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Gradient,
        Self::Cost,
        Self::Step,
        Self::Iterations,
        Self::Interrupted,
        Self::StartFailed,
        Self::LinearisationFailed,
        Self::Given,
    ];

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
        weights: Vec::new(),
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
        None => Solution {
            stop: solver.stop.unwrap_or(StopReason::StartFailed),
            ..failed
        },
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

/// What came of one trial step.
enum Trial {
    /// A better point.
    Better(Point),
    /// A shorter step has to be tried; if there is none, the reason to stop.
    Rejected(StopReason),
    /// There is nothing more to try.
    Over(StopReason),
}

/// The method's state between argmin's iterations.
struct LevenbergMarquardt {
    options: Options,
    point: Option<Point>,
    /// Of each variable in the length of a step.
    weights: Vec<f64>,
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
        if let Some(point) = self.linearised(problem, &x)? {
            let cost = point.cost;
            self.point = Some(point);
            Ok((state.param(x).cost(cost), None))
        } else {
            // An interruption keeps the start from being simulated too.
            let unknown = Progress {
                iteration: None,
                cost: f64::INFINITY,
                scaled_gradient: f64::INFINITY,
            };
            let goes_on = problem
                .problem
                .as_ref()
                .is_none_or(|p| p.0.goes_on(&unknown));
            self.stop = Some(if goes_on {
                StopReason::StartFailed
            } else {
                StopReason::Interrupted
            });
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
        let mut next = self.improve(problem, point)?;
        if next.updates > 0 && (self.stop.is_some() || self.converged(&next).is_some()) {
            // New derivatives decide whether that was the end.
            if let Some(renewed) = self.linearised(problem, &next.x)? {
                next = renewed;
            }
        }
        let iteration = usize::try_from(state.get_iter()).unwrap_or(usize::MAX) + 1;
        let goes_on = self.goes_on(problem, &next, Some(iteration));
        // A start that is a minimum already has no better neighbour: that is no kink.
        if matches!(self.stop, None | Some(StopReason::Step)) {
            self.stop = self.converged(&next).or(self.stop);
        }
        if self.stop.is_none() && !goes_on {
            self.stop = Some(StopReason::Interrupted);
        } else if self.stop.is_none() && iteration >= self.options.iterations_max {
            self.stop = Some(StopReason::Iterations);
            if next.updates > 0 {
                next = self.linearised(problem, &next.x)?.unwrap_or(next);
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
        mut point: Point,
    ) -> Result<Point, Error> {
        if let Some(next) = self.proposed(problem, &point)? {
            return Ok(next);
        }
        loop {
            let reason = match self.attempt(problem, &point)? {
                Trial::Better(next) => return Ok(next),
                Trial::Over(StopReason::Interrupted) => Some(StopReason::Interrupted),
                Trial::Over(reason) | Trial::Rejected(reason) if point.updates > 0 => {
                    // The derivatives may be to blame.
                    let Some(renewed) = self.linearised(problem, &point.x)? else {
                        self.stop = Some(reason);
                        return Ok(point);
                    };
                    point = renewed;
                    None
                }
                Trial::Over(reason) => Some(reason),
                Trial::Rejected(reason) => {
                    self.reject();
                    (self.damping > DAMPING_MAX).then_some(reason)
                }
            };
            if reason.is_some() {
                self.stop = reason;
                return Ok(point);
            }
        }
    }

    /// Tries the step of the present damping.
    fn attempt<R: Residuals>(
        &mut self,
        problem: &mut Problem<Wrapped<'_, R>>,
        point: &Point,
    ) -> Result<Trial, Error> {
        let options = &self.options;
        if !self.goes_on(problem, point, None) {
            return Ok(Trial::Over(StopReason::Interrupted));
        }
        let Some(step) = point.step(self.damping, &self.weights, options) else {
            return Ok(Trial::Rejected(StopReason::Step));
        };
        if step.shortness < options.step_tolerance {
            return Ok(Trial::Over(StopReason::Step));
        }
        if step.promised <= 0.0 {
            // What the bounds left of the step leads uphill.
            return Ok(Trial::Rejected(StopReason::Step));
        }
        let residuals = problem.problem("operator_count", |p| p.apply(&step.x))?;
        let squares = |r: &Vec<f64>| r.iter().map(|r| r * r).sum();
        let cost: f64 = residuals.as_ref().map_or(f64::NAN, squares);
        let decrease = point.cost - cost;
        let is_hidden = self.is_hidden(decrease, point);
        if !is_hidden && (decrease <= 0.0 || decrease.is_nan()) {
            // Steps that promise so little and do not keep it only tell of noise or a kink.
            let is_worthless = step.promised_uncut < WORTHLESS * options.promise_tolerance;
            return Ok(if is_worthless {
                Trial::Over(StopReason::Step)
            } else {
                Trial::Rejected(StopReason::Step)
            });
        }
        let as_promised = (decrease / step.promised - 1.0).abs() < UPDATED_MISFIT;
        if let (true, true, Some(residuals)) =
            (as_promised, point.updates < options.updates_max, residuals)
        {
            self.accept(decrease, step.promised, point.cost);
            return Ok(Trial::Better(point.updated(
                &step.x,
                residuals,
                &self.weights,
            )));
        }
        // Where the trial succeeded but a neighbour of it does not, a shorter step stays on safer ground.
        let Some(next) = self.linearised(problem, &step.x)? else {
            return Ok(Trial::Rejected(StopReason::LinearisationFailed));
        };
        if is_hidden && next.promise(&self.options) >= point.promise(&self.options) {
            return Ok(Trial::Rejected(StopReason::Step));
        }
        let decrease = if is_hidden { step.promised } else { decrease };
        self.accept(decrease, step.promised, point.cost);
        Ok(Trial::Better(next))
    }

    /// Whether a cost that did not fall may have done so but for rounding.
    fn is_hidden(&self, decrease: f64, point: &Point) -> bool {
        let noise = COST_NOISE * point.cost;
        (-noise..=0.0).contains(&decrease) && point.promise(&self.options) <= noise
    }

    /// The point with its derivatives, if they can be computed; its columns enter the weights.
    fn linearised<R: Residuals>(
        &mut self,
        problem: &mut Problem<Wrapped<'_, R>>,
        x: &[f64],
    ) -> Result<Option<Point>, Error> {
        let linearisation = problem.jacobian(&x.to_vec())?;
        let Some(linearisation) = linearisation.filter(Linearisation::is_finite) else {
            return Ok(None);
        };
        let point = Point::new(x.to_vec(), linearisation);
        let scaling = &self.options.scaling;
        self.weights = scaling.weights(&self.weights, &point.jacobian);
        Ok(Some(point))
    }

    /// The tolerance that a point meets, whatever way led there.
    fn converged(&self, point: &Point) -> Option<StopReason> {
        if point.scaled_gradient(&self.options) < self.options.gradient_tolerance {
            Some(StopReason::Gradient)
        } else if point.promise(&self.options)
            <= (PROMISE_MIN * point.cost).max(self.options.promise_tolerance)
        {
            Some(StopReason::Cost)
        } else {
            None
        }
    }

    /// Tells where the method stands and asks whether it shall go on.
    fn goes_on<R: Residuals>(
        &self,
        problem: &Problem<Wrapped<'_, R>>,
        point: &Point,
        iteration: Option<usize>,
    ) -> bool {
        let progress = Progress {
            iteration,
            cost: point.cost,
            scaled_gradient: point.scaled_gradient(&self.options),
        };
        let problem = problem.problem.as_ref();
        problem.is_none_or(|p| p.0.goes_on(&progress))
    }

    /// The point that the problem itself proposes, if it lowers the cost.
    fn proposed<R: Residuals>(
        &mut self,
        problem: &mut Problem<Wrapped<'_, R>>,
        point: &Point,
    ) -> Result<Option<Point>, Error> {
        let inner = problem.problem.as_ref();
        let Some(x) = inner.and_then(|p| p.0.propose(&point.x, &point.linearisation)) else {
            return Ok(None);
        };
        let bounds = self.options.lower.iter().zip(&self.options.upper);
        let x: Vec<f64> = x
            .iter()
            .zip(bounds)
            .map(|(x, (l, u))| x.clamp(*l, *u))
            .collect();
        let residuals = problem.problem("operator_count", |p| p.apply(&x))?;
        let cost = residuals.map(|r| r.iter().map(|r| r * r).sum::<f64>());
        let Some(cost) = cost.filter(|cost| *cost < point.cost) else {
            return Ok(None);
        };
        let next = self.linearised(problem, &x)?;
        if next.is_some() {
            self.notice(point.cost - cost, point.cost);
        }
        Ok(next)
    }

    fn reject(&mut self) {
        self.damping *= self.growth;
        self.growth *= 2.0;
    }

    fn accept(&mut self, decrease: f64, promised: f64, cost: f64) {
        let gain = decrease / promised.max(f64::MIN_POSITIVE);
        self.damping *= (1.0 - (2.0 * gain - 1.0).powi(3)).max(DAMPING_FALL_MAX);
        self.growth = 2.0;
        self.notice(decrease, cost);
    }

    /// Stops when the cost has hardly decreased twice running.
    fn notice(&mut self, decrease: f64, cost: f64) {
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
            promise_tolerance: 0.0,
            step_tolerance: 1e-14,
            iterations_max: 200,
            step_max: 10.0,
            damping: 1e-2,
            scaling: Scaling::Given(vec![1.0; 2]),
            updates_max: 0,
        }
    }

    #[test]
    fn valley_is_followed_to_its_minimum() {
        let solution = minimise(&Rosenbrock, &[-1.2, 1.0], &options(-2.0, 2.0));
        assert!(solution.cost < 1e-16, "{solution:?}");
        assert_ne!(solution.stop, StopReason::Iterations);
    }

    #[test]
    fn updated_derivatives_lead_to_the_same_minimum_with_fewer_new_ones() {
        struct Counted(std::cell::Cell<usize>);
        impl Residuals for Counted {
            fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
                // Nearly linear: what updates are for.
                Some(vec![
                    x[0] + 0.1 * x[1].sin() - 1.0,
                    x[1] + 0.05 * x[0] * x[0],
                    0.3 * x[0],
                ])
            }
            fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
                self.0.set(self.0.get() + 1);
                let jacobian =
                    ndarray::array![[1.0, 0.1 * x[1].cos()], [0.1 * x[0], 1.0], [0.3, 0.0]];
                Some(Linearisation {
                    residuals: self.trial(x)?,
                    jacobian,
                })
            }
        }
        let descend = |updates_max| {
            let problem = Counted(std::cell::Cell::new(0));
            let options = Options {
                updates_max,
                damping: 1.0,
                ..options(-5.0, 5.0)
            };
            let solution = minimise(&problem, &[3.0, -2.0], &options);
            let exact = problem.linearise(&solution.x).unwrap();
            assert_eq!(
                solution.linearisation.as_ref().unwrap().jacobian,
                exact.jacobian
            );
            (solution, problem.0.get())
        };
        let (exact, all) = descend(0);
        let (updated, some) = descend(4);
        assert!(exact.stop.is_converged() && updated.stop.is_converged());
        assert!((exact.cost - updated.cost).abs() < 1e-12 * exact.cost);
        assert!(some < all, "{some} instead of {all}");
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
    fn cut_step_ends_exactly_on_the_bound() {
        struct Pull;
        impl Residuals for Pull {
            fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
                Some(vec![x[0] + 1.0, x[1] + 1.0])
            }
            fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
                Some(Linearisation {
                    residuals: self.trial(x)?,
                    jacobian: ndarray::array![[1.0, 0.0], [0.0, 1.0]],
                })
            }
        }
        // In rounded numbers 0.7 + (0.1 − 0.7) is not 0.1: the variable would be outside, or not count as held.
        let solution = minimise(&Pull, &[0.7, 0.9], &options(0.1, 2.0));
        assert_eq!(solution.x, [0.1, 0.1]);
    }

    #[test]
    fn minimum_in_a_corner_is_no_failure() {
        let solution = minimise(&Rosenbrock, &[0.4, 0.1], &options(0.2, 0.25));
        assert!((solution.x[0] - 0.25).abs() < 1e-12 && (solution.x[1] - 0.2).abs() < 1e-12);
        assert!(solution.stop.is_converged(), "{solution:?}");
    }

    #[test]
    fn path_does_not_depend_on_units_where_columns_decide() {
        struct Other;
        impl Residuals for Other {
            fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
                Rosenbrock.trial(&[x[0] * UNIT, x[1] / UNIT])
            }
            fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
                let mut linearisation = Rosenbrock.linearise(&[x[0] * UNIT, x[1] / UNIT])?;
                for mut row in linearisation.jacobian.rows_mut() {
                    row *= &ndarray::aview1(&[UNIT, 1.0 / UNIT]);
                }
                Some(linearisation)
            }
        }
        // A power of two, so that not even rounding differs.
        const UNIT: f64 = 1_048_576.0;
        let options = Options {
            step_max: 1.0,
            scaling: Scaling::Columns,
            ..options(f64::NEG_INFINITY, f64::INFINITY)
        };
        let plain = minimise(&Rosenbrock, &[-1.2, 1.0], &options);
        let other = minimise(&Other, &[-1.2 / UNIT, UNIT], &options);
        assert!(plain.cost < 1e-16, "{plain:?}");
        assert_eq!(plain.iterations, other.iterations);
        assert_eq!(plain.x, [other.x[0] * UNIT, other.x[1] / UNIT]);
    }

    #[test]
    fn variable_without_effect_at_the_start_does_not_hold_the_others() {
        struct Product;
        impl Residuals for Product {
            fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
                Some(vec![x[0] - 2.0, x[0] * (x[1] - 3.0)])
            }
            fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
                Some(Linearisation {
                    residuals: self.trial(x)?,
                    jacobian: ndarray::array![[1.0, 0.0], [x[1] - 3.0, x[0]]],
                })
            }
        }
        let options = Options {
            scaling: Scaling::Columns,
            ..options(f64::NEG_INFINITY, f64::INFINITY)
        };
        let solution = minimise(&Product, &[0.0, 0.0], &options);
        assert!(solution.cost < 1e-16, "{solution:?}");
    }

    #[test]
    fn failed_start_is_told() {
        let solution = minimise(&Rosenbrock, &[-1.9, 0.0], &options(-2.0, 2.0));
        assert_eq!(solution.stop, StopReason::StartFailed);
    }
}
