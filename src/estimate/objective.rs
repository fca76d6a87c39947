//! The objective: residuals of data and priors, with exact derivatives, protocols in parallel.

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
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::constants;
use crate::protocol::Start;
use crate::simulate::JumpPlan;
use crate::simulate::Outcome;
use crate::simulate::SimulationFailure;
use crate::simulate::run;

/// Variables that one simulation carries derivatives by; more take several simulations.
const WIDEST: usize = 24;
/// A frozen jump may be this many times as long as the one that would be chosen there.
const LONGER_MAX: f64 = 1.25;
/// A frozen plan may have this many jumps more than the one that would be chosen.
const MORE_JUMPS_MAX: usize = 2;
/// Failures that are kept word for word.
const FAILURES_KEPT: usize = 20;

/// A cell in a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    cell: usize,
    protocol: usize,
}

/// Values of targets, and the jumps that led to them.
type RunResult<S> = Result<(Vec<S>, Vec<JumpPlan>), SimulationFailure>;

/// Values of all targets and their derivatives by the coordinates, `n_targets × n_variables`.
pub(super) type ValuesAndDerivatives = (Vec<f64>, Array2<f64>);

/// Simulations so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Parameter points for which all protocols were run, with or without derivatives.
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
    fn outcome<S: Sensitive>(
        &self,
        x: &[S],
        index: usize,
        frozen: Option<&[JumpPlan]>,
    ) -> Result<(Cell<S>, Outcome<S>), SimulationFailure> {
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

    fn run<S: Sensitive>(
        &self,
        x: &[S],
        index: usize,
        frozen: Option<&[JumpPlan]>,
    ) -> RunResult<S> {
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
            values.push(value.filter(|v| v.value().is_finite()).ok_or_else(|| {
                let failure = SimulationFailure {
                    during: format!("reading '{}'", self.targets[target].id),
                    time_s: f64::NAN,
                    reason: "the simulated curve does not show it".to_owned(),
                    parameters: cell.plain_values(),
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
        let results: Vec<RunResult<f64>> = (0..self.runs.len())
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

    /// Target values at `x` and their exact derivatives, at frozen jumps.
    pub(super) fn linearise(
        &self,
        x: &[f64],
        plans: &[Vec<JumpPlan>],
    ) -> Result<ValuesAndDerivatives, SimulationFailure> {
        self.counters.evaluations.fetch_add(1, Memory::Relaxed);
        let tasks: Vec<(usize, Vec<usize>)> = (0..self.runs.len())
            .flat_map(|run| {
                let variables: Vec<usize> = (0..x.len())
                    .filter(|variable| self.affects(*variable, self.runs[run]))
                    .collect();
                let windows = variables.chunks(WIDEST).map(<[usize]>::to_vec);
                windows.map(move |window| (run, window)).collect::<Vec<_>>()
            })
            .collect();
        let results: Vec<_> = tasks
            .par_iter()
            .map(|(run, window)| {
                let frozen = &plans[*run];
                match window.len() {
                    0..=8 => self.slopes::<8>(x, (*run, window), frozen),
                    9..=20 => self.slopes::<20>(x, (*run, window), frozen),
                    _ => self.slopes::<WIDEST>(x, (*run, window), frozen),
                }
            })
            .collect();
        let mut values = vec![f64::NAN; self.targets.len()];
        let mut derivatives = Array2::zeros((self.targets.len(), x.len()));
        for ((run, window), result) in tasks.iter().zip(results) {
            for (target, (value, slopes)) in self.targets_of(*run).zip(result?) {
                values[target] = value;
                for (variable, slope) in window.iter().zip(slopes) {
                    derivatives[[target, *variable]] = slope;
                }
            }
        }
        Ok((values, derivatives))
    }

    /// Values of a run's targets, and their derivatives by a window of variables.
    fn slopes<const N: usize>(
        &self,
        x: &[f64],
        (run, window): (usize, &[usize]),
        frozen: &[JumpPlan],
    ) -> Result<Vec<(f64, Vec<f64>)>, SimulationFailure> {
        let mut varied: Vec<Dual<N>> = constants(x);
        for (direction, variable) in window.iter().enumerate() {
            varied[*variable] = Dual::variable(x[*variable], direction);
        }
        let (values, _) = self.run(&varied, run, Some(frozen))?;
        let parts = values.into_iter();
        Ok(parts.map(|v| (v.re, v.eps.to_vec())).collect())
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

/// Data and priors as one sum of squares.
pub(super) struct Objective<'s> {
    pub(super) simulator: Simulator<'s>,
    observations: Vec<Observation>,
    stage: String,
    /// The jumps of the last accepted point: trials and derivatives keep them, so that the objective is smooth.
    plans: Mutex<Vec<Vec<JumpPlan>>>,
}

impl<'s> Objective<'s> {
    pub(super) fn new(
        simulator: Simulator<'s>,
        observations: Vec<Observation>,
        stage: &str,
    ) -> Self {
        Self {
            simulator,
            observations,
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

    /// The jumps to be frozen at an accepted point: those that the point itself would choose, or the present ones as
    /// long as they still suit. Otherwise the rounding of jump lengths would move the minimum from point to point by
    /// about 0.1 % of a long-cycling capacity.
    fn settled(&self, x: &[f64]) -> Option<Vec<Vec<JumpPlan>>> {
        let (_, chosen) = self.simulator.values(x, None).ok()?;
        let present = self.plans.lock().ok()?.clone();
        if still_suit(&present, &chosen) {
            Some(present)
        } else {
            Some(chosen)
        }
    }

    /// The cost at a point, jumps chosen there.
    pub(super) fn cost(&self, x: &[f64]) -> Option<f64> {
        let (values, _) = self.simulator.values(x, None).ok()?;
        Some(self.residuals(x, &values).iter().map(|r| r * r).sum())
    }
}

/// Whether jumps still suit where others would be chosen: hardly longer than those nearby, and hardly more of them.
fn still_suit(present: &[Vec<JumpPlan>], chosen: &[Vec<JumpPlan>]) -> bool {
    let pairs = || present.iter().flatten().zip(chosen.iter().flatten());
    let suits = |(present, chosen): (&JumpPlan, &JumpPlan)| {
        let nearby = |cycle: usize| {
            let nearest = chosen.jumps.iter().min_by_key(|(at, _)| at.abs_diff(cycle));
            nearest.map_or(0, |(_, length)| *length)
        };
        let is_bold = |&(cycle, length): &(usize, usize)| {
            length as f64 > LONGER_MAX * nearby(cycle) as f64 + 1.0
        };
        !present.jumps.iter().any(is_bold)
            && present.jumps.len() <= chosen.jumps.len() + MORE_JUMPS_MAX
    };
    present.len() == chosen.len() && pairs().all(suits)
}

impl Residuals for Objective<'_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        let plans = self.plans.lock().ok()?.clone();
        let (values, _) = self.simulator.values(x, Some(&plans)).ok()?;
        Some(self.residuals(x, &values))
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        let plans = self.settled(x)?;
        let (values, derivatives) = self.simulator.linearise(x, &plans).ok()?;
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
