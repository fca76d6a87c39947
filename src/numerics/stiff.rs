//! Time integration of stiff systems: diffsol's variable-order BDF over our bordered block solver.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use diffsol::VectorCommon as _;
use diffsol::{
    Bdf, ConstantOp, LinearOp, NalgebraContext, NalgebraVec, NonLinearOp, NonLinearOpJacobian,
    OdeBuilder, OdeEquations, OdeEquationsRef, OdeSolverMethod, OdeSolverProblem, OdeSolverState,
    OdeSolverStopReason, Op, UnitCallable, Vector,
};
use thiserror::Error;

use super::blocks::BlockMatrix;
use super::blocks::BlockShape;
use super::newton::NewtonMatrix;
use super::newton::NewtonSolver;

type State = NalgebraVec<f64>;

/// Shortest step (s).
const STEP_MIN_S: f64 = 1e-18;
/// Steps from one kink to the next that count as stuck; a hard half cycle needs about a thousand.
const STEPS_MAX: usize = 200_000;
/// Kinks that are closer together than this share of the whole time are one (1): the integrator could not tell the
/// times apart.
const KINK_DISTANCE_MIN: f64 = 1e-9;

/// A system dy/dt = f(t, y), whose last equations may be algebraic (0 = f).
pub trait StiffSystem {
    /// Number of unknowns, algebraic ones included.
    fn n_unknowns(&self) -> usize;
    /// Number of algebraic equations, at the end.
    fn n_algebraic(&self) -> usize;
    /// Writes f(t, y) into `rate`.
    fn rate(&self, time_s: f64, y: &[f64], rate: &mut [f64]);
    /// Adds ∂f/∂y to `jacobian`, which comes filled with zeros.
    fn jacobian(&self, time_s: f64, y: &[f64], jacobian: &mut BlockMatrix<f64>);
    /// A function whose change of sign ends the integration, if there is one.
    fn event(&self, time_s: f64, y: &[f64]) -> f64;
    /// Whether [`Self::event`] is watched.
    fn has_event(&self) -> bool;
    /// The structure of the Jacobian.
    fn shape(&self) -> &BlockShape;
    /// Times (s), rising, where f has a kink: a step ends at each.
    fn kinks_s(&self) -> &[f64] {
        &[]
    }
}

/// Error tolerances of the integration.
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerances {
    /// Relative tolerance of every unknown (1).
    pub relative: f64,
    /// Absolute tolerance of each unknown, in its own unit.
    pub absolute: Vec<f64>,
}

impl Tolerances {
    /// Multiplies all tolerances by a factor.
    pub fn tighten(&mut self, factor: f64) {
        self.relative *= factor;
        for tolerance in &mut self.absolute {
            *tolerance *= factor;
        }
    }
}

/// Why an integration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end time was reached.
    Time,
    /// The event function changed its sign.
    Event,
}

/// Where an integration ended.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Why it ended.
    pub end: End,
    /// When (s), counted from the start of this integration.
    pub time_s: f64,
    /// The unknowns there.
    pub y: Vec<f64>,
    /// The work it took.
    pub work: Work,
}

/// The work that an integration took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Accepted steps.
    pub steps: usize,
    /// Evaluations of the Jacobian.
    pub jacobians: usize,
    /// Newton iterations.
    pub iterations: usize,
    /// Factorisations of the Newton matrix.
    pub factorisations: usize,
}

/// An integration that could not be finished.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("the integration stopped at {time_s} s: {reason}")]
pub struct StiffFailure {
    /// When it stopped (s), counted from the start of this integration.
    pub time_s: f64,
    /// What the integrator said.
    pub reason: String,
}

/// One accepted step, handed to the observer: its end and the solution inside.
pub struct StepView<'a> {
    /// Start of the step (s).
    pub from_s: f64,
    /// End of the step (s), or the event or end time if that lies inside.
    pub to_s: f64,
    /// Whether the integration ends with this step, and why.
    pub end: Option<End>,
    /// How the integrator took it.
    pub formula: Formula,
    /// The unknowns at the end of the formula's step.
    pub y: &'a [f64],
    interpolate: &'a dyn Fn(f64, Part) -> Option<Vec<f64>>,
}

/// The formula of one step of the integrator: with it, a linear system can follow the same steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Formula {
    /// Time at the end of the step (s); an event or the end time may lie before it.
    pub end_s: f64,
    /// Order of the step.
    pub order: usize,
    /// Step size (s) that the differences were scaled to before it; another one than that of the step if the
    /// integrator had to try again.
    pub h_before: f64,
    /// Step size (s).
    pub h: f64,
    /// Order of the next step.
    pub order_after: usize,
    /// Step size (s) that the differences are scaled to afterwards.
    pub h_after: f64,
}

/// What is asked of the solution inside a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Value,
    Slope,
}

impl StepView<'_> {
    /// The unknowns at a time inside the step, from the integrator's own polynomial.
    pub fn at(&self, time_s: f64) -> Option<Vec<f64>> {
        (self.interpolate)(time_s, Part::Value)
    }

    /// The time derivative of that polynomial.
    pub fn slope_at(&self, time_s: f64) -> Option<Vec<f64>> {
        (self.interpolate)(time_s, Part::Slope)
    }
}

/// Integrates `system` from `start` at time zero to `duration_s` or to its event, and shows every step.
///
/// # Errors
/// If the step size vanishes, the solution stops being finite or the integrator gives up otherwise.
pub fn integrate(
    system: &dyn StiffSystem,
    start: &[f64],
    duration_s: f64,
    tolerances: &Tolerances,
    observe: &mut dyn FnMut(&StepView<'_>),
) -> Result<Arrival, StiffFailure> {
    if duration_s <= 0.0 {
        return Ok(Arrival {
            end: End::Time,
            time_s: 0.0,
            y: start.to_vec(),
            work: Work::default(),
        });
    }
    let reached = Cell::new(0.0);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run(system, start, duration_s, tolerances, observe, &reached)
    }));
    let fail = |reason: String| StiffFailure {
        time_s: reached.get(),
        reason,
    };
    match outcome {
        Ok(result) => result.map_err(fail),
        Err(_) => Err(fail("the integrator panicked".to_owned())),
    }
}

fn run(
    system: &dyn StiffSystem,
    start: &[f64],
    duration_s: f64,
    tolerances: &Tolerances,
    observe: &mut dyn FnMut(&StepView<'_>),
    reached: &Cell<f64>,
) -> Result<Arrival, String> {
    let problem = problem(system, start, tolerances)?;
    let state = first_state(&problem, duration_s)?;
    let solver = NewtonSolver::new(system.shape());
    let mut bdf: Bdf<'_, _, NewtonSolver> =
        Bdf::new(&problem, state, solver).map_err(|error| error.to_string())?;
    let mut stops = stops(system, duration_s).into_iter();
    bdf.set_stop_time(stops.next().unwrap_or(duration_s))
        .map_err(|error| error.to_string())?;
    let mut n_steps = 0;
    while n_steps < STEPS_MAX {
        let (from_s, h_before, order) = (bdf.state().t, bdf.state().h, bdf.order());
        let n_stops = stops.len();
        let (end, to_s) = step(&mut bdf, &mut stops)?;
        n_steps = if stops.len() < n_stops {
            0
        } else {
            n_steps + 1
        };
        let end_s = bdf.state().t;
        reached.set(to_s);
        let y = bdf.state().y.inner().as_slice();
        if !y.iter().all(|x| x.is_finite()) {
            return Err("the solution is not finite".to_owned());
        }
        let interpolate = |time_s: f64, part: Part| {
            let values = match part {
                Part::Value => bdf.interpolate(time_s),
                Part::Slope => bdf.interpolate_dy(time_s),
            };
            Some(values.ok()?.inner().as_slice().to_vec())
        };
        let view = StepView {
            from_s,
            to_s,
            end,
            formula: Formula {
                end_s,
                order,
                h_before,
                h: step_size(h_before, end_s - from_s),
                order_after: bdf.order(),
                h_after: bdf.state().h,
            },
            y,
            interpolate: &interpolate,
        };
        observe(&view);
        if let Some(end) = end {
            let y = view.at(to_s).ok_or("no solution at the end of the step")?;
            let work = work(&bdf, &problem.eqn);
            return Ok(Arrival {
                end,
                time_s: to_s,
                y,
                work,
            });
        }
    }
    Err(format!("no end after {STEPS_MAX} steps"))
}

/// Takes one step: why the integration ends with it, if it does, and where it ends (s). At a kink the next stop is set
/// before the step is shown, because that may shorten the next step, which the step's formula tells.
fn step(
    bdf: &mut Bdf<'_, Equations<'_>, NewtonSolver>,
    stops: &mut impl Iterator<Item = f64>,
) -> Result<(Option<End>, f64), String> {
    let stop = bdf.step().map_err(|error| error.to_string())?;
    let end_s = bdf.state().t;
    match stop {
        OdeSolverStopReason::InternalTimestep => Ok((None, end_s)),
        OdeSolverStopReason::RootFound(time_s, _) => Ok((Some(End::Event), time_s)),
        OdeSolverStopReason::TstopReached => match stops.next() {
            Some(next) => {
                bdf.set_stop_time(next).map_err(|error| error.to_string())?;
                Ok((None, end_s))
            }
            None => Ok((Some(End::Time), end_s)),
        },
    }
}

/// Where steps must end (s): at the kinks inside, and at the end.
fn stops(system: &dyn StiffSystem, duration_s: f64) -> Vec<f64> {
    let apart = KINK_DISTANCE_MIN * duration_s;
    let mut stops = Vec::new();
    let mut last = 0.0;
    for kink in system.kinks_s() {
        if *kink > last + apart && *kink < duration_s - apart {
            last = *kink;
            stops.push(last);
        }
    }
    stops.push(duration_s);
    stops
}

/// The size of a step: as planned, unless the integrator had to try again; the difference of the times, which has lost
/// digits, tells that.
fn step_size(planned: f64, taken: f64) -> f64 {
    if (taken / planned - 1.0).abs() < 1e-6 {
        planned
    } else {
        taken
    }
}

fn problem<'a>(
    system: &'a dyn StiffSystem,
    start: &'a [f64],
    tolerances: &Tolerances,
) -> Result<OdeSolverProblem<Equations<'a>>, String> {
    let equations = Equations {
        system,
        start,
        context: NalgebraContext::default(),
        jacobians: Cell::new(0),
    };
    let mut problem = OdeBuilder::<NewtonMatrix>::new()
        .rtol(tolerances.relative)
        .atol(tolerances.absolute.clone())
        .build_from_eqn(equations)
        .map_err(|error| error.to_string())?;
    let options = &mut problem.ode_options;
    // Its default of 50 counts over the whole integration, and a normal discharge comes close.
    // The double layer of a half cell is charged within picoseconds when a voltage is imposed.
    options.min_timestep = STEP_MIN_S;
    options.max_nonlinear_solver_failures = STEPS_MAX * (1 + system.kinks_s().len());
    options.max_timestep_growth = Some(10.0);
    options.min_timestep_growth = Some(1.3);
    // A factorisation costs less here than four more iterations with an old one.
    options.max_nonlinear_solver_iterations = 6;
    Ok(problem)
}

/// A consistent first state; `start` already satisfies the algebraic equations.
fn first_state(
    problem: &OdeSolverProblem<Equations<'_>>,
    duration_s: f64,
) -> Result<diffsol::BdfState<State>, String> {
    let mut state = diffsol::BdfState::<State>::new_without_initialise(problem)
        .map_err(|error| error.to_string())?;
    state.set_step_size(problem.h0, &problem.atol, problem.rtol, &problem.eqn, 1);
    let parts = state.as_mut();
    *parts.h = parts.h.min(duration_s * 0.1);
    Ok(state)
}

fn work(bdf: &Bdf<'_, Equations<'_>, NewtonSolver>, equations: &Equations<'_>) -> Work {
    let statistics = bdf.get_statistics();
    Work {
        steps: statistics.number_of_steps,
        jacobians: equations.jacobians.get(),
        iterations: statistics.number_of_nonlinear_solver_iterations,
        factorisations: statistics.number_of_linear_solver_setups,
    }
}

/// A [`StiffSystem`] in the shape that diffsol asks for.
struct Equations<'s> {
    system: &'s dyn StiffSystem,
    start: &'s [f64],
    context: NalgebraContext,
    jacobians: Cell<usize>,
}

/// diffsol asks for its operators one by one; each is a view of the same equations.
struct RateOp<'a, 's>(&'a Equations<'s>);
struct MassOp<'a, 's>(&'a Equations<'s>);
struct EventOp<'a, 's>(&'a Equations<'s>);
struct StartOp<'a, 's>(&'a Equations<'s>);

macro_rules! operator {
    ($name:ty, $field:tt, $n_out:expr) => {
        impl Op for $name {
            type T = f64;
            type V = State;
            type M = NewtonMatrix;
            type C = NalgebraContext;
            fn context(&self) -> &NalgebraContext {
                &self.$field.context
            }
            fn nstates(&self) -> usize {
                self.$field.system.n_unknowns()
            }
            fn nout(&self) -> usize {
                let n_out: fn(&dyn StiffSystem) -> usize = $n_out;
                n_out(self.$field.system)
            }
            fn nparams(&self) -> usize {
                0
            }
        }
    };
}

impl Op for Equations<'_> {
    type T = f64;
    type V = State;
    type M = NewtonMatrix;
    type C = NalgebraContext;
    fn context(&self) -> &NalgebraContext {
        &self.context
    }
    fn nstates(&self) -> usize {
        self.system.n_unknowns()
    }
    fn nout(&self) -> usize {
        self.system.n_unknowns()
    }
    fn nparams(&self) -> usize {
        0
    }
}
operator!(RateOp<'_, '_>, 0, |system| system.n_unknowns());
operator!(MassOp<'_, '_>, 0, |system| system.n_unknowns());
operator!(StartOp<'_, '_>, 0, |system| system.n_unknowns());
operator!(EventOp<'_, '_>, 0, |_| 1);

impl NonLinearOp for RateOp<'_, '_> {
    fn call_inplace(&self, y: &State, time_s: f64, rate: &mut State) {
        let system = self.0.system;
        system.rate(
            time_s,
            y.inner().as_slice(),
            rate.inner_mut().as_mut_slice(),
        );
    }
}

impl NonLinearOpJacobian for RateOp<'_, '_> {
    fn jac_mul_inplace(&self, y: &State, time_s: f64, v: &State, product: &mut State) {
        let mut jacobian = BlockMatrix::filled(self.0.system.shape(), 0.0);
        let values = y.inner().as_slice();
        self.0.system.jacobian(time_s, values, &mut jacobian);
        let product = product.inner_mut().as_mut_slice();
        jacobian.multiply(v.inner().as_slice(), product);
    }
    fn jacobian_inplace(&self, y: &State, time_s: f64, jacobian: &mut NewtonMatrix) {
        self.0.jacobians.set(self.0.jacobians.get() + 1);
        let blocks = jacobian.blocks_mut(self.0.system.shape());
        blocks.entries_mut().fill(0.0);
        self.0.system.jacobian(time_s, y.inner().as_slice(), blocks);
    }
}

impl LinearOp for MassOp<'_, '_> {
    fn gemv_inplace(&self, x: &State, _time_s: f64, beta: f64, y: &mut State) {
        let n_differential = self.0.system.n_unknowns() - self.0.system.n_algebraic();
        let values = y.inner_mut().as_mut_slice();
        let (differential, algebraic) = values.split_at_mut(n_differential);
        for (y, x) in differential.iter_mut().zip(x.inner().as_slice()) {
            *y = x + beta * *y;
        }
        for y in algebraic {
            *y *= beta;
        }
    }
    fn matrix_inplace(&self, _time_s: f64, mass: &mut NewtonMatrix) {
        let n = self.0.system.n_unknowns();
        let n_differential = n - self.0.system.n_algebraic();
        let diagonal = (0..n).map(|i| if i < n_differential { 1.0 } else { 0.0 });
        *mass = NewtonMatrix::Diagonal(diagonal.collect());
    }
}

impl NonLinearOp for EventOp<'_, '_> {
    fn call_inplace(&self, y: &State, time_s: f64, value: &mut State) {
        let event = self.0.system.event(time_s, y.inner().as_slice());
        value.inner_mut().as_mut_slice()[0] = event;
    }
}

impl ConstantOp for StartOp<'_, '_> {
    fn call_inplace(&self, _time_s: f64, y: &mut State) {
        y.inner_mut().as_mut_slice().copy_from_slice(self.0.start);
    }
}

impl<'a, 's> OdeEquationsRef<'a> for Equations<'s> {
    type Mass = MassOp<'a, 's>;
    type Rhs = RateOp<'a, 's>;
    type Root = EventOp<'a, 's>;
    type Init = StartOp<'a, 's>;
    type Out = UnitCallable<NewtonMatrix>;
    type Reset = UnitCallable<NewtonMatrix>;
}

impl<'s> OdeEquations for Equations<'s> {
    fn rhs(&self) -> RateOp<'_, 's> {
        RateOp(self)
    }
    fn mass(&self) -> Option<MassOp<'_, 's>> {
        (self.system.n_algebraic() > 0).then_some(MassOp(self))
    }
    fn root(&self) -> Option<EventOp<'_, 's>> {
        self.system.has_event().then_some(EventOp(self))
    }
    fn init(&self) -> StartOp<'_, 's> {
        StartOp(self)
    }
    fn set_params(&mut self, _parameters: &State) {}
    fn get_params(&self, _parameters: &mut State) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Robertson's kinetics: three species, rate constants eleven orders of magnitude apart.
    struct Robertson(BlockShape);

    impl StiffSystem for Robertson {
        fn n_unknowns(&self) -> usize {
            3
        }
        fn n_algebraic(&self) -> usize {
            1
        }
        fn rate(&self, _time_s: f64, y: &[f64], rate: &mut [f64]) {
            rate[0] = -0.04 * y[0] + 1e4 * y[1] * y[2];
            rate[1] = 0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] * y[1];
            rate[2] = y[0] + y[1] + y[2] - 1.0;
        }
        fn jacobian(&self, _time_s: f64, y: &[f64], jacobian: &mut BlockMatrix<f64>) {
            let rows = [
                [-0.04, 1e4 * y[2], 1e4 * y[1]],
                [0.04, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]],
                [1.0; 3],
            ];
            for (i, row) in rows.iter().enumerate() {
                for (j, value) in row.iter().enumerate() {
                    *jacobian.get_mut(i, j).unwrap() = *value;
                }
            }
        }
        fn event(&self, _time_s: f64, y: &[f64]) -> f64 {
            y[0] - 0.5
        }
        fn has_event(&self) -> bool {
            true
        }
        fn shape(&self) -> &BlockShape {
            &self.0
        }
    }

    #[test]
    fn event_of_a_stiff_algebraic_system_is_found() {
        let system = Robertson(BlockShape::new(&[2], 1));
        let tolerances = Tolerances {
            relative: 1e-7,
            absolute: vec![1e-9, 1e-11, 1e-9],
        };
        let mut steps = 0;
        let arrival = integrate(&system, &[1.0, 0.0, 0.0], 1e6, &tolerances, &mut |_| {
            steps += 1;
        })
        .unwrap();
        assert_eq!(arrival.end, End::Event);
        assert!((arrival.y[0] - 0.5).abs() < 1e-9);
        assert!((arrival.y.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        // Hairer & Wanner, Solving ODEs II, give y1(400 s) = 0.4505; 0.5 is passed before.
        assert!(arrival.time_s > 100.0 && arrival.time_s < 400.0);
        assert_eq!(steps, arrival.work.steps);
    }
}
