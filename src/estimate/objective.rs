//! The objective: residuals of data and priors, and their derivatives by parallel differences.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use ndarray::Array2;
use rayon::prelude::*;

use super::Monitor;
use super::outcome::Curves;
use super::study::Observation;
use super::study::Resolution;
use super::study::Role;
use super::study::Study;
use super::study::Target;
use super::study::Variant;
use crate::cell::Cell;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Progress;
use crate::numerics::least_squares::Residuals;
use crate::protocol::Start;
use crate::simulate::JumpPlan;
use crate::simulate::Outcome;
use crate::simulate::SimulationFailure;
use crate::simulate::run;

/// Half the distance between the points of a difference, as a fraction of the prior's standard deviation, at most
/// [`STEP_MAX`]: far above the noise that the integrator's tolerance leaves in an observable (1e-5 of a residual),
/// and so small that the third derivative does not matter.
const STEP_PER_SD: f64 = 0.02;
/// Longest such distance (coordinate).
const STEP_MAX: f64 = 0.02;
/// Difference in the number of jumps that counts as rounding.
const JUMPS_ALIKE: usize = 1;
/// Difference in the length of a jump (cycles) that counts as rounding.
const JUMP_ALIKE: usize = 3;
/// Failures that are kept word for word.
const FAILURES_KEPT: usize = 20;

/// A cell in a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    cell: usize,
    protocol: usize,
}

/// Values of targets, and the jumps that led to them.
type RunResult = Result<(Vec<f64>, Vec<JumpPlan>), SimulationFailure>;

/// How derivatives are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Differences {
    /// One more simulation per variable; for finding the way.
    Forward,
    /// Two more per variable; for the result.
    Central,
}

/// Simulations so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Parameter points for which all protocols were run.
    pub evaluations: AtomicUsize,
    /// Protocols run.
    pub runs: AtomicUsize,
    failed: AtomicUsize,
    failures: Mutex<Vec<SimulationFailure>>,
}

impl Counters {
    /// Number of failed simulations.
    pub fn failed(&self) -> usize {
        self.failed.load(Memory::Relaxed)
    }

    /// The first failures.
    pub fn failures(&self) -> Vec<SimulationFailure> {
        self.failures.lock().map(|f| f.clone()).unwrap_or_default()
    }

    fn count(&self, failure: &SimulationFailure) {
        self.failed.fetch_add(1, Memory::Relaxed);
        if let Ok(mut failures) = self.failures.lock()
            && failures.len() < FAILURES_KEPT
        {
            failures.push(failure.clone());
        }
    }
}

/// Targets of a study, simulated together: each protocol of each cell runs once.
pub(super) struct Simulator<'s> {
    study: &'s Study,
    variant: &'s Variant,
    resolution: Resolution,
    targets: Vec<Target>,
    runs: Vec<Run>,
    counters: &'s Counters,
    monitor: &'s dyn Monitor,
}

impl<'s> Simulator<'s> {
    pub(super) fn new(
        study: &'s Study,
        variant: &'s Variant,
        resolution: Resolution,
        targets: Vec<Target>,
        (counters, monitor): (&'s Counters, &'s dyn Monitor),
    ) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for target in &targets {
            let run = Run {
                cell: target.cell,
                protocol: target.protocol,
            };
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        Self {
            study,
            variant,
            resolution,
            targets,
            runs,
            counters,
            monitor,
        }
    }

    /// The cell and what its protocol gave.
    fn outcome(
        &self,
        x: &[f64],
        index: usize,
        frozen: Option<&[JumpPlan]>,
    ) -> Result<(Cell, Outcome), SimulationFailure> {
        let Run { cell, protocol } = self.runs[index];
        let values = self.study.values(self.variant, x, cell, protocol);
        let protocol = &self.study.protocols[protocol];
        let design = self.resolution.mesh.design(protocol);
        let cell = Cell::new(&self.study.mechanism, &values, design);
        self.counters.runs.fetch_add(1, Memory::Relaxed);
        let outcome = run(&cell, protocol, self.resolution.accuracy, frozen)
            .inspect_err(|failure| self.counters.count(failure))?;
        Ok((cell, outcome))
    }

    fn run(&self, x: &[f64], index: usize, frozen: Option<&[JumpPlan]>) -> RunResult {
        if self.monitor.is_interrupted() {
            return Err(SimulationFailure {
                during: "the simulation".to_owned(),
                time_s: 0.0,
                reason: "interrupted".to_owned(),
                parameters: Vec::new(),
            });
        }
        let (cell, outcome) = self.outcome(x, index, frozen)?;
        let mut values = Vec::new();
        for target in self.targets_of(index) {
            let value = self.targets[target].observable.measure(&cell, &outcome);
            values.push(value.filter(|v| v.is_finite()).ok_or_else(|| {
                let failure = SimulationFailure {
                    during: format!("reading '{}'", self.targets[target].id),
                    time_s: f64::NAN,
                    reason: "the simulated curve does not show it".to_owned(),
                    parameters: cell.values().to_vec(),
                };
                self.counters.count(&failure);
                failure
            })?);
        }
        Ok((values, outcome.plans))
    }

    /// Positions of the targets that a run serves.
    fn targets_of(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let run = self.runs[index];
        (0..self.targets.len()).filter(move |t| {
            self.targets[*t].cell == run.cell && self.targets[*t].protocol == run.protocol
        })
    }

    /// Simulates every run at `x`; target values in order, and the jumps of every run.
    pub(super) fn values(
        &self,
        x: &[f64],
        frozen: Option<&[Vec<JumpPlan>]>,
    ) -> Result<(Vec<f64>, Vec<Vec<JumpPlan>>), SimulationFailure> {
        self.counters.evaluations.fetch_add(1, Memory::Relaxed);
        let results: Vec<RunResult> = (0..self.runs.len())
            .into_par_iter()
            .map(|index| self.run(x, index, frozen.map(|plans| plans[index].as_slice())))
            .collect();
        let mut values = vec![f64::NAN; self.targets.len()];
        let mut plans = Vec::new();
        for (index, result) in results.into_iter().enumerate() {
            let (of_run, plan) = result?;
            for (target, value) in self.targets_of(index).zip(of_run) {
                values[target] = value;
            }
            plans.push(plan);
        }
        Ok((values, plans))
    }

    /// Full outcomes of every run, for figures; runs that fail are left out and counted.
    pub(super) fn curves(&self, x: &[f64]) -> Vec<Curves> {
        let results: Vec<_> = (0..self.runs.len())
            .into_par_iter()
            .map(|index| self.outcome(x, index, None))
            .collect();
        let pairs = self.runs.iter().zip(results);
        pairs
            .filter_map(|(run, result)| {
                let (model, outcome) = result.ok()?;
                Some(Curves {
                    cell: run.cell,
                    protocol: run.protocol,
                    model,
                    outcome,
                })
            })
            .collect()
    }

    /// ∂target/∂x by differences at frozen jumps, `n_targets × n_variables`.
    pub(super) fn derivatives(
        &self,
        x: &[f64],
        base: &[f64],
        plans: &[Vec<JumpPlan>],
        differences: Differences,
    ) -> Option<Array2<f64>> {
        let points = self.points(x, differences);
        let tasks: Vec<(usize, usize)> = points
            .iter()
            .enumerate()
            .flat_map(|(p, point)| {
                let affected = move |r: &usize| self.affects(point.variable, self.runs[*r]);
                (0..self.runs.len()).filter(affected).map(move |r| (p, r))
            })
            .collect();
        let results: Vec<RunResult> = tasks
            .par_iter()
            .map(|(p, r)| self.run(&points[*p].x, *r, Some(&plans[*r])))
            .collect();
        self.counters
            .evaluations
            .fetch_add(points.len(), Memory::Relaxed);
        let mut shifted = vec![base.to_vec(); points.len()];
        for ((p, r), result) in tasks.iter().zip(results) {
            let (values, _) = result.ok()?;
            for (target, value) in self.targets_of(*r).zip(values) {
                shifted[*p][target] = value;
            }
        }
        let mut jacobian = Array2::zeros((self.targets.len(), x.len()));
        for (point, values) in points.iter().zip(&shifted) {
            for (t, value) in values.iter().enumerate() {
                jacobian[[t, point.variable]] += point.weight * (value - base[t]);
            }
        }
        Some(jacobian)
    }

    /// The points of all differences; each adds `weight × (value there − value at x)` to its variable's column.
    fn points(&self, x: &[f64], differences: Differences) -> Vec<Shifted> {
        let mut points = Vec::new();
        for (variable, free) in self.variant.free.iter().enumerate() {
            let (_, sd) = free.prior_coordinates();
            let (lower, upper) = free.bounds();
            let step = (STEP_PER_SD * sd).min(STEP_MAX);
            let (room_below, room_above) = (x[variable] - lower, upper - x[variable]);
            let mut add = |change: f64, weight: f64| {
                let mut x = x.to_vec();
                x[variable] += change;
                points.push(Shifted {
                    variable,
                    weight,
                    x,
                });
            };
            if differences == Differences::Central && room_below >= step && room_above >= step {
                add(step, 0.5 / step);
                add(-step, -0.5 / step);
            } else {
                let step = if room_above >= step { step } else { -step };
                add(step, 1.0 / step);
            }
        }
        points
    }

    fn affects(&self, variable: usize, run: Run) -> bool {
        let is_coated = self.study.protocols[run.protocol].start == Start::Coated;
        match &self.variant.free[variable].role {
            // The area of coated foils concerns no other cell.
            Role::Value(id) if *id == self.study.mechanism.roles().coated_area => is_coated,
            Role::Value(_) => true,
            Role::Ratio { cell, .. } => *cell == run.cell,
        }
    }
}

/// A point of a difference.
struct Shifted {
    variable: usize,
    weight: f64,
    x: Vec<f64>,
}

/// Data and priors as one sum of squares.
pub(super) struct Objective<'s> {
    pub(super) simulator: Simulator<'s>,
    observations: Vec<Observation>,
    differences: Differences,
    stage: String,
    /// The jumps of the last accepted point: trials and differences keep them, so that the objective is smooth.
    plans: Mutex<Vec<Vec<JumpPlan>>>,
}

impl<'s> Objective<'s> {
    pub(super) fn new(
        simulator: Simulator<'s>,
        observations: Vec<Observation>,
        differences: Differences,
        stage: &str,
    ) -> Self {
        Self {
            simulator,
            observations,
            differences,
            stage: stage.to_owned(),
            plans: Mutex::default(),
        }
    }

    /// Residuals of the data, then of the priors.
    pub(super) fn residuals(&self, x: &[f64], values: &[f64]) -> Vec<f64> {
        let data = self.observations.iter().zip(values);
        let data = data.map(|(o, value)| o.noise.residual(*value, o.measured));
        let free = self.simulator.variant.free.iter().zip(x);
        let priors = free.map(|(free, x)| {
            let (centre, sd) = free.prior_coordinates();
            (x - centre) / sd
        });
        data.chain(priors).collect()
    }

    /// Target values at an accepted point, and the jumps to be frozen there: those that the point itself would
    /// choose, or the present ones if they differ from these by no more than rounding. Otherwise the rounding of jump
    /// lengths would move the minimum from point to point by about 0.1 % of a long-cycling capacity.
    fn settled(&self, x: &[f64]) -> Option<(Vec<f64>, Vec<Vec<JumpPlan>>)> {
        let (values, chosen) = self.simulator.values(x, None).ok()?;
        let present = self.plans.lock().ok()?.clone();
        if present == chosen || !are_alike(&present, &chosen) {
            return Some((values, chosen));
        }
        let (values, _) = self.simulator.values(x, Some(&present)).ok()?;
        Some((values, present))
    }

    /// The cost at a point, jumps chosen there.
    pub(super) fn cost(&self, x: &[f64]) -> Option<f64> {
        let (values, _) = self.simulator.values(x, None).ok()?;
        Some(self.residuals(x, &values).iter().map(|r| r * r).sum())
    }
}

/// Whether two sets of plans have the same number of jumps, of nearly the same lengths.
fn are_alike(present: &[Vec<JumpPlan>], chosen: &[Vec<JumpPlan>]) -> bool {
    let plans = |all: &[Vec<JumpPlan>]| all.iter().flatten().cloned().collect::<Vec<_>>();
    let (present, chosen) = (plans(present), plans(chosen));
    let is_alike = |(a, b): (&JumpPlan, &JumpPlan)| {
        let lengths = a.jumps.iter().zip(&b.jumps);
        a.jumps.len().abs_diff(b.jumps.len()) <= JUMPS_ALIKE
            && lengths
                .into_iter()
                .all(|(a, b)| a.1.abs_diff(b.1) <= JUMP_ALIKE)
    };
    present.len() == chosen.len() && present.iter().zip(&chosen).all(is_alike)
}

impl Residuals for Objective<'_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        let plans = self.plans.lock().ok()?.clone();
        let (values, _) = self.simulator.values(x, Some(&plans)).ok()?;
        Some(self.residuals(x, &values))
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        let (values, plans) = self.settled(x)?;
        let derivatives = self
            .simulator
            .derivatives(x, &values, &plans, self.differences)?;
        *self.plans.lock().ok()? = plans;
        let (n_data, n) = (self.observations.len(), x.len());
        let mut jacobian = Array2::zeros((n_data + n, n));
        for (row, (observation, value)) in self.observations.iter().zip(&values).enumerate() {
            let slope = observation.noise.slope(*value, observation.measured);
            for column in 0..n {
                jacobian[[row, column]] = slope * derivatives[[row, column]];
            }
        }
        for (column, free) in self.simulator.variant.free.iter().enumerate() {
            jacobian[[n_data + column, column]] = 1.0 / free.prior_coordinates().1;
        }
        Some(Linearisation {
            residuals: self.residuals(x, &values),
            jacobian,
        })
    }

    fn goes_on(&self, progress: &Progress) -> bool {
        let counters = self.simulator.counters;
        self.simulator.monitor.advance(&super::Status {
            stage: &self.stage,
            iteration: progress.iteration,
            cost: progress.cost,
            scaled_gradient: progress.scaled_gradient,
            evaluations: counters.evaluations.load(Memory::Relaxed),
            failed: counters.failed(),
        });
        !self.simulator.monitor.is_interrupted()
    }
}
