//! Sensitivities of a stiff system: the linear variational equations, carried along the integrator's own steps.
//!
//! With y' = f(t, y, p), the sensitivities s = ∂y/∂p obey s' = ∂f/∂y s + ∂f/∂p. The same formula that took a step of y
//! takes one of s, which gives the derivative of what was computed, step sizes and orders held fixed: one
//! factorisation a step, shared by all parameters, and no iteration. At an event and at a moving end time the
//! derivative of that time is part of the result.
//!
//! The formula is the numerical differentiation formula of Shampine & Reichelt, The MATLAB ODE suite, SIAM J. Sci.
//! Comput. 18 (1997) 1–22, in backward differences with quasi-constant steps, as diffsol's BDF takes it.

use super::blocks::BlockMatrix;
use super::blocks::BlockShape;
use super::bordered::BorderedLu;
use super::scalar::Sensitive;
use super::scalar::Slopes;
use super::scalar::values;
use super::stiff::End;
use super::stiff::Formula;
use super::stiff::StepView;
use super::stiff::StiffFailure;
use super::stiff::StiffSystem;
use super::stiff::Tolerances;
use super::stiff::Work;
use super::stiff::integrate;

const ORDER_MAX: usize = 5;
/// Backward differences that are kept: those of the highest order, and two above for a change of order.
const DIFFERENCES: usize = ORDER_MAX + 3;
/// κ of each order, Shampine & Reichelt table 1.
const KAPPA: [f64; ORDER_MAX + 1] = [0.0, -0.1850, -1.0 / 9.0, -0.0823, -0.0415, 0.0];

/// A stiff system whose right-hand side and event also depend on quantities that derivatives are wanted for.
pub trait VariedSystem<S>: StiffSystem {
    /// Writes f(t, y) into `rate`, with the derivatives that `y` and the system's own parameters carry.
    fn varied_rate(&self, time_s: f64, y: &[S], rate: &mut [S]);
    /// The event function with these derivatives.
    fn varied_event(&self, time_s: f64, y: &[S]) -> S;
}

/// Where an integration ended, with derivatives.
#[derive(Clone, Debug)]
pub struct VariedArrival<S> {
    /// Why it ended.
    pub end: End,
    /// When (s), counted from the start of this integration.
    pub time_s: S,
    /// The unknowns there; their derivatives include what the end's own motion adds.
    pub y: Vec<S>,
    /// The work it took.
    pub work: Work,
}

/// One accepted step with sensitivities.
pub struct VariedStep<'a, S: Sensitive> {
    view: &'a StepView<'a>,
    variation: &'a Variation<S>,
    arrival: Option<&'a (S, Vec<S>)>,
}

impl<S: Sensitive> VariedStep<'_, S> {
    /// Start and end of the step (s).
    pub fn range_s(&self) -> (f64, f64) {
        (self.view.from_s, self.view.to_s)
    }

    /// Whether the integration ends with this step.
    pub fn is_last(&self) -> bool {
        self.view.end.is_some()
    }

    /// A time (s) inside the step and the unknowns there; at the end of the integration with what its motion adds.
    pub fn at(&self, time_s: f64) -> Option<(S, Vec<S>)> {
        if let (Some(arrival), true) = (self.arrival, time_s >= self.view.to_s) {
            return Some(arrival.clone());
        }
        let y = self.variation.join(&self.view.at(time_s)?, time_s);
        Some((S::constant(time_s), y))
    }

    /// The same for one unknown, which is cheaper than all.
    pub fn one_at(&self, time_s: f64, index: usize) -> Option<(S, S)> {
        if let (Some((time_s, y)), true) = (self.arrival, time_s >= self.view.to_s) {
            return Some((*time_s, y[index]));
        }
        let value = self.view.at(time_s)?[index];
        let y = self
            .variation
            .join_one(&self.variation.weights(time_s), index, value);
        Some((S::constant(time_s), y))
    }
}

/// Integrates `system` from `start` at time zero to `duration_s` or to its event, and shows every step.
///
/// # Errors
/// As for [`integrate`], or if the sensitivities could not be carried on.
pub fn integrate_varied<S: Sensitive>(
    system: &dyn VariedSystem<S>,
    start: &[S],
    duration_s: S,
    tolerances: &Tolerances,
    observe: &mut dyn FnMut(&VariedStep<'_, S>),
) -> Result<VariedArrival<S>, StiffFailure> {
    let mut variation = Variation::new(system, start);
    let mut arrival = (S::constant(0.0), start.to_vec());
    let mut lost_at = None;
    let mut follow = |view: &StepView<'_>| {
        let is_lost = !variation.advance(system, view);
        if is_lost && lost_at.is_none() {
            lost_at = Some(view.to_s);
        }
        if let Some(end) = view.end {
            let reached = variation.arrive(system, view, (end, duration_s));
            arrival = reached.unwrap_or_else(|| (S::constant(f64::NAN), start.to_vec()));
        }
        observe(&VariedStep {
            view,
            variation: &variation,
            arrival: view.end.map(|_| &arrival),
        });
    };
    let plain = integrate(
        system,
        &values(start),
        duration_s.value(),
        tolerances,
        &mut follow,
    )?;
    if let Some(time_s) = lost_at {
        return Err(StiffFailure {
            time_s,
            reason: "the matrix of the sensitivities is singular".to_owned(),
        });
    }
    let (time_s, y) = arrival;
    Ok(VariedArrival {
        end: plain.end,
        time_s,
        y,
        work: plain.work,
    })
}

/// The sensitivities along a solution.
struct Variation<S: Sensitive> {
    /// Sensitivities at the start, until the first step is taken.
    start: Option<Vec<S>>,
    /// Backward differences of the sensitivities of each unknown, by order.
    differences: Vec<[S::Slopes; DIFFERENCES]>,
    /// The step that they stand at the end of.
    formula: Option<Formula>,
    lu: BorderedLu<f64>,
    matrix: BlockMatrix<f64>,
    y: Vec<S>,
    rate: Vec<S>,
    solution: Vec<S::Slopes>,
}

impl<S: Sensitive> Variation<S> {
    fn new(system: &dyn VariedSystem<S>, start: &[S]) -> Self {
        // Without directions there is nothing to carry.
        let (n, shape) = if S::Slopes::COUNT == 0 {
            (0, &BlockShape::new(&[], 0))
        } else {
            (start.len(), system.shape())
        };
        Self {
            start: (n > 0).then(|| start.to_vec()),
            differences: vec![[S::Slopes::ZERO; DIFFERENCES]; n],
            formula: None,
            lu: BorderedLu::new(shape),
            matrix: BlockMatrix::filled(shape, 0.0),
            y: vec![S::constant(0.0); n],
            rate: vec![S::constant(0.0); n],
            solution: vec![S::Slopes::ZERO; n],
        }
    }

    /// Follows one step; `false` if its matrix is singular.
    fn advance(&mut self, system: &dyn VariedSystem<S>, view: &StepView<'_>) -> bool {
        if S::Slopes::COUNT == 0 {
            return true;
        }
        let formula = view.formula;
        if let Some(start) = self.start.take() {
            system.varied_rate(0.0, &start, &mut self.rate);
            let both = start.iter().zip(&self.rate);
            for (differences, (y, rate)) in self.differences.iter_mut().zip(both) {
                differences[0] = y.slopes();
                differences[1] = rate.slopes().times(formula.h_before);
            }
        }
        if let Some(transform) = transform(formula.order, formula.h / formula.h_before) {
            for differences in &mut self.differences {
                rescale(differences, formula.order, &transform);
            }
        }
        let is_solved = self.solve(system, &formula, view.y);
        self.update(&formula);
        self.formula = Some(formula);
        is_solved
    }

    /// Solves (M − c ∂f/∂y) s = M (s⁰ − ψ) + c ∂f/∂p at the end of a step.
    fn solve(&mut self, system: &dyn VariedSystem<S>, formula: &Formula, y: &[f64]) -> bool {
        let n = self.solution.len();
        let n_differential = n - system.n_algebraic();
        let (weights, c) = coefficients(formula);
        self.matrix.entries_mut().fill(0.0);
        system.jacobian(formula.end_s, y, &mut self.matrix);
        for entry in self.matrix.entries_mut() {
            *entry *= -c;
        }
        self.matrix
            .change_diagonal(n_differential, |_, entry| *entry += 1.0);
        self.lu.factorise(&self.matrix);
        for (varied, y) in self.y.iter_mut().zip(y) {
            *varied = S::constant(*y);
        }
        system.varied_rate(formula.end_s, &self.y, &mut self.rate);
        let weights = &weights[..=formula.order];
        for (i, (sum, rate)) in self.solution.iter_mut().zip(&self.rate).enumerate() {
            let mut total = rate.slopes().times(c);
            if i < n_differential {
                for (weight, difference) in weights.iter().zip(&self.differences[i]) {
                    total.add_multiple(*weight, difference);
                }
            }
            *sum = total;
        }
        self.lu.solve_many(&mut self.solution)
    }

    /// Enters the solution of a step into the differences and scales them to the size of the next step.
    fn update(&mut self, formula: &Formula) {
        let (order, order_after) = (formula.order, formula.order_after);
        let transform = transform(order_after, formula.h_after / formula.h);
        for (differences, solution) in self.differences.iter_mut().zip(&self.solution) {
            let mut correction = *solution;
            for difference in &differences[..=order] {
                correction.add_multiple(-1.0, difference);
            }
            let mut highest = correction;
            highest.add_multiple(-1.0, &differences[order + 1]);
            differences[order + 2] = highest;
            differences[order + 1] = correction;
            let mut sum = correction;
            for difference in differences[..=order].iter_mut().rev() {
                sum.add_multiple(1.0, difference);
                *difference = sum;
            }
            if let Some(transform) = &transform {
                rescale(differences, order_after, transform);
            }
        }
    }

    /// The unknowns with their sensitivities at a time inside the last step.
    fn join(&self, y: &[f64], time_s: f64) -> Vec<S> {
        let weights = self.weights(time_s);
        let unknowns = y.iter().enumerate();
        unknowns
            .map(|(i, y)| self.join_one(&weights, i, *y))
            .collect()
    }

    /// Weights of the differences at a time inside the last step; none before the first.
    fn weights(&self, time_s: f64) -> [f64; ORDER_MAX + 1] {
        let formula = self.formula.as_ref();
        formula.map_or([0.0; ORDER_MAX + 1], |formula| {
            interpolation_weights(formula, time_s)
        })
    }

    /// One unknown with its sensitivities.
    fn join_one(&self, weights: &[f64; ORDER_MAX + 1], index: usize, y: f64) -> S {
        let mut slopes = S::Slopes::ZERO;
        if let Some(differences) = self.differences.get(index) {
            for (weight, difference) in weights.iter().zip(differences) {
                slopes.add_multiple(*weight, difference);
            }
        }
        S::from_parts(y, slopes)
    }

    /// The end of an integration: its time and the unknowns, with what the motion of that time adds.
    fn arrive(
        &self,
        system: &dyn VariedSystem<S>,
        view: &StepView<'_>,
        (end, duration_s): (End, S),
    ) -> Option<(S, Vec<S>)> {
        let time_s = view.to_s;
        let y = self.join(&view.at(time_s)?, time_s);
        if S::Slopes::COUNT == 0 {
            return Some((S::constant(time_s), y));
        }
        let speed = view.slope_at(time_s)?;
        let motion = match end {
            End::Time => duration_s.slopes(),
            End::Event => {
                let event = system.varied_event(time_s, &y).slopes();
                event.times(-1.0 / event_speed(system, time_s, (&y, &speed)))
            }
        };
        let moved = y.iter().zip(&speed).map(|(y, speed)| {
            let mut slopes = y.slopes();
            slopes.add_multiple(*speed, &motion);
            S::from_parts(y.value(), slopes)
        });
        Some((S::from_parts(time_s, motion), moved.collect()))
    }
}

/// How fast the event function changes along the solution: its derivative along dy/dt, by one direction of the
/// scalar; what the system's own parameters contribute to that direction is taken off.
fn event_speed<S: Sensitive>(
    system: &dyn VariedSystem<S>,
    time_s: f64,
    (y, speed): (&[S], &[f64]),
) -> f64 {
    let along = |factor: f64| {
        let pairs = y.iter().zip(speed);
        let moving: Vec<S> = pairs
            .map(|(y, speed)| S::from_parts(y.value(), S::Slopes::unit(0).times(factor * speed)))
            .collect();
        system.varied_event(time_s, &moving).slopes().along(0)
    };
    along(1.0) - along(0.0)
}

/// Weights of the differences in s⁰ − ψ, and the coefficient c of f, of one step.
fn coefficients(formula: &Formula) -> ([f64; ORDER_MAX + 1], f64) {
    let mut gamma = [0.0; ORDER_MAX + 1];
    for j in 1..=ORDER_MAX {
        gamma[j] = gamma[j - 1] + 1.0 / j as f64;
    }
    let k = formula.order;
    let alpha = 1.0 / ((1.0 - KAPPA[k]) * gamma[k]);
    let mut weights = [0.0; ORDER_MAX + 1];
    for j in 0..=k {
        weights[j] = 1.0 - alpha * gamma[j];
    }
    (weights, formula.h * alpha)
}

/// Weights of the differences in the polynomial of a step, at a time inside it.
fn interpolation_weights(formula: &Formula, time_s: f64) -> [f64; ORDER_MAX + 1] {
    let mut weights = [0.0; ORDER_MAX + 1];
    weights[0] = 1.0;
    for i in 1..=formula.order_after {
        let before = (i - 1) as f64;
        let h = formula.h_after;
        weights[i] =
            weights[i - 1] * (time_s - (formula.end_s - h * before)) / (h * (1.0 + before));
    }
    weights
}

type Transform = [[f64; ORDER_MAX + 1]; ORDER_MAX + 1];

/// R(factor) R(1): what a change of the step size does to the differences, Shampine & Reichelt section 2.3; `None` if
/// the step size stays.
fn transform(order: usize, factor: f64) -> Option<Transform> {
    if (factor - 1.0).abs() < f64::EPSILON {
        return None;
    }
    let (r, u) = (ratios(order, factor), ratios(order, 1.0));
    let mut product = [[0.0; ORDER_MAX + 1]; ORDER_MAX + 1];
    for i in 0..=order {
        for j in 0..=order {
            product[i][j] = (0..=order).map(|k| r[i][k] * u[k][j]).sum();
        }
    }
    Some(product)
}

/// Scales the differences of one unknown to another step size.
fn rescale<L: Slopes>(differences: &mut [L; DIFFERENCES], order: usize, transform: &Transform) {
    let old = *differences;
    for (j, difference) in differences[..=order].iter_mut().enumerate() {
        let mut sum = L::ZERO;
        for (row, old) in transform[..=order].iter().zip(&old) {
            sum.add_multiple(row[j], old);
        }
        *difference = sum;
    }
}

fn ratios(order: usize, factor: f64) -> Transform {
    let mut r = [[0.0; ORDER_MAX + 1]; ORDER_MAX + 1];
    r[0] = [1.0; ORDER_MAX + 1];
    for i in 1..=order {
        let above = r[i - 1];
        for (j, (entry, above)) in r[i].iter_mut().zip(above).enumerate() {
            *entry = above * (i as f64 - 1.0 - factor * j as f64) / i as f64;
        }
    }
    r
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scalar::Dual;
    use super::super::scalar::Scalar;
    use super::*;

    /// y' = −k z with 0 = z − y, watched until y falls to a level: the solution is `y₀ e^(−kt)`.
    struct Decay {
        k: Dual<2>,
        level: f64,
        shape: BlockShape,
    }

    impl Decay {
        fn new(k: f64, level: f64) -> Self {
            Self {
                k: Dual::variable(k, 0),
                level,
                shape: BlockShape::new(&[1], 1),
            }
        }
    }

    impl StiffSystem for Decay {
        fn n_unknowns(&self) -> usize {
            2
        }
        fn n_algebraic(&self) -> usize {
            1
        }
        fn rate(&self, _time_s: f64, y: &[f64], rate: &mut [f64]) {
            rate[0] = -self.k.re * y[1];
            rate[1] = y[1] - y[0];
        }
        fn jacobian(&self, _time_s: f64, _y: &[f64], jacobian: &mut BlockMatrix<f64>) {
            jacobian.border_column_mut(0, 0)[0] = -self.k.re;
            jacobian.border_row_mut(0).copy_from_slice(&[-1.0, 1.0]);
        }
        fn event(&self, _time_s: f64, y: &[f64]) -> f64 {
            y[0] - self.level
        }
        fn has_event(&self) -> bool {
            true
        }
        fn shape(&self) -> &BlockShape {
            &self.shape
        }
    }

    impl VariedSystem<Dual<2>> for Decay {
        fn varied_rate(&self, _time_s: f64, y: &[Dual<2>], rate: &mut [Dual<2>]) {
            rate[0] = -(self.k * y[1]);
            rate[1] = y[1] - y[0];
        }
        fn varied_event(&self, _time_s: f64, y: &[Dual<2>]) -> Dual<2> {
            y[0] - self.level
        }
    }

    fn close(here: f64, expected: f64) -> bool {
        (here - expected).abs() < 1e-5 * (1.0 + expected.abs())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn sensitivities_equal_the_closed_form(k in 0.1f64..3.0, y0 in 0.8f64..3.0, level in 0.2f64..0.7) {
            let system = Decay::new(k, level);
            let tolerances = Tolerances { relative: 1e-10, absolute: vec![1e-12; 2] };
            let start = [Dual::variable(y0, 1); 2];
            let run = |system: &Decay, duration: Dual<2>| {
                let mut middle = Vec::new();
                let mut observe = |step: &VariedStep<'_, Dual<2>>| {
                    let (from_s, to_s) = step.range_s();
                    middle.extend(step.at(0.5 * (from_s + to_s)));
                };
                let arrival = integrate_varied(system, &start, duration, &tolerances, &mut observe);
                (arrival.unwrap(), middle)
            };
            // Up to the event: T = ln(y₀/level)/k, and y does not move there.
            let (arrival, middle) = run(&system, Dual::constant(1e3));
            let time_s = (y0 / level).ln() / k;
            prop_assert_eq!(arrival.end, End::Event);
            prop_assert!(close(arrival.time_s.re, time_s));
            prop_assert!(close(arrival.time_s.eps[0], -time_s / k), "{:?}", arrival.time_s);
            prop_assert!(close(arrival.time_s.eps[1], 1.0 / (k * y0)), "{:?}", arrival.time_s);
            prop_assert!(close(arrival.y[0].eps[0], 0.0) && close(arrival.y[0].eps[1], 0.0));
            for (time_s, y) in middle {
                let decayed = (-k * time_s.re).exp();
                prop_assert!(close(y[0].eps[0], -time_s.re * y0 * decayed), "{:?}", y[0]);
                prop_assert!(close(y[1].eps[1], decayed), "{:?}", y[1]);
            }
            // Up to an end time that moves with the second direction, before the event.
            let duration = Dual { re: 0.5 * time_s, eps: [0.0, 1.0] };
            let (arrival, _) = run(&system, duration);
            let y = y0 * (-k * duration.re).exp();
            prop_assert_eq!(arrival.end, End::Time);
            prop_assert!(close(arrival.y[0].eps[0], -duration.re * y), "{:?}", arrival.y);
            prop_assert!(close(arrival.y[1].eps[1], y / y0 - k * y), "{:?}", arrival.y);
        }
    }
}
