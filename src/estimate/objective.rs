//! The objective: residuals of data and priors, with exact derivatives, protocols in parallel.

use std::sync::Mutex;
use std::sync::atomic::Ordering as Memory;

use ndarray::Array2;
use rayon::prelude::*;

use super::Monitor;
use super::belief::Belief;
use super::counters::Counters;
use super::counters::INTERRUPTED;
use super::measurement::Measurements;
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
use crate::simulate::Resolution;
use crate::simulate::SimulationFailure;
use crate::simulate::run;

/// Variables that one simulation carries derivatives by; more take several simulations.
const WIDEST: usize = 24;

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

/// What one protocol gave for one cell.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Position of the cell.
    pub cell: usize,
    /// Position of the protocol.
    pub protocol: usize,
    /// The cell model.
    pub model: Cell,
    /// Its outcome.
    pub outcome: Outcome,
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

    /// The same with every protocol on every cell, whether or not a target asks for it.
    pub(super) fn with_all_runs(mut self) -> Self {
        for cell in 0..self.study.cells.len() {
            for protocol in 0..self.study.protocols.len() {
                let run = Run { cell, protocol };
                if !self.runs.contains(&run) {
                    self.runs.push(run);
                }
            }
        }
        self
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
        let design = self
            .resolution
            .mesh
            .design(&self.variant.mechanism, protocol);
        let cell = Cell::new(&self.variant.mechanism, &values, design);
        self.counters.runs.fetch_add(1, Memory::Relaxed);
        let outcome = run(&cell, protocol, self.resolution.accuracy, frozen)?;
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
                reason: INTERRUPTED.to_owned(),
                parameters: Vec::new(),
            });
        }
        let (cell, outcome) = self.outcome(x, index, frozen)?;
        let mut values = Vec::new();
        for target in self.targets_of(index) {
            let value = self.targets[target].observable.measure(&cell, &outcome);
            let value = value.filter(|v| v.value().is_finite());
            values.push(value.ok_or_else(|| SimulationFailure {
                during: format!("reading '{}'", self.targets[target].id),
                time_s: f64::NAN,
                reason: "the simulated curve does not show it".to_owned(),
                parameters: cell.plain_values(),
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
        self.counters.count_all(&results);
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
        self.counters.count_all(&results);
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
        self.counters.count_all(&results);
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
        let battery = self.variant.mechanism.battery();
        let coated_area = battery.map(|battery| battery.roles.coated_area);
        match &self.variant.free[variable].role {
            // The area of coated foils concerns no other cell.
            Role::Value(id) if Some(*id) == coated_area => is_coated,
            Role::Value(_) => true,
            Role::Ratio { cell, .. } => *cell == run.cell,
        }
    }
}

/// The jumps that trials and derivatives keep, so that the objective is smooth.
#[derive(Debug, Default)]
struct Frozen {
    plans: Vec<Vec<JumpPlan>>,
    /// The last trial, if its run would have chosen about the same jumps.
    suited: Option<Vec<f64>>,
}

/// Data and priors as one sum of squares.
pub(super) struct Objective<'s> {
    pub(super) simulator: Simulator<'s>,
    measurements: Measurements,
    belief: Belief,
    stage: String,
    frozen: Mutex<Frozen>,
}

impl<'s> Objective<'s> {
    pub(super) fn new(
        simulator: Simulator<'s>,
        measurements: Measurements,
        belief: Belief,
        stage: &str,
    ) -> Self {
        Self {
            simulator,
            measurements,
            belief,
            stage: stage.to_owned(),
            frozen: Mutex::default(),
        }
    }

    /// Residuals of the data, then of the priors.
    pub(super) fn residuals(&self, x: &[f64], values: &[f64]) -> Vec<f64> {
        let mut rows = self.measurements.residuals(values);
        rows.extend(self.belief.residuals(x));
        rows
    }

    /// The jumps to be frozen at an accepted point: the present ones as long as they still suit, or those that the
    /// point itself would choose. Otherwise the rounding of jump lengths would move the minimum from point to point
    /// by about 0.1 % of a long-cycling capacity.
    fn settled(&self, x: &[f64]) -> Option<Vec<Vec<JumpPlan>>> {
        {
            let frozen = self.frozen.lock().ok()?;
            if frozen.suited.as_deref() == Some(x) {
                return Some(frozen.plans.clone());
            }
        }
        let (_, chosen) = self.simulator.values(x, None).ok()?;
        Some(chosen)
    }

    /// The cost at a point, jumps chosen there.
    pub(super) fn cost(&self, x: &[f64]) -> Option<f64> {
        let (values, _) = self.simulator.values(x, None).ok()?;
        Some(self.residuals(x, &values).iter().map(|r| r * r).sum())
    }

    /// Residuals and their derivatives with the jumps of the point that was linearised last.
    pub(super) fn linearise_frozen(&self, x: &[f64]) -> Option<Linearisation> {
        let plans = self.frozen.lock().ok()?.plans.clone();
        self.linearise_at(x, &plans)
    }

    fn linearise_at(&self, x: &[f64], plans: &[Vec<JumpPlan>]) -> Option<Linearisation> {
        let (values, derivatives) = self.simulator.linearise(x, plans).ok()?;
        assembled(
            (&self.measurements, &self.belief),
            x,
            (&values, &derivatives),
        )
    }
}

/// Rows of the data, then of the priors, from model values and their derivatives.
pub(super) fn assembled(
    (measurements, belief): (&Measurements, &Belief),
    x: &[f64],
    (values, derivatives): (&[f64], &Array2<f64>),
) -> Option<Linearisation> {
    let data = measurements.linearised(values, derivatives);
    let rows = [data.jacobian.view(), belief.rows().view()];
    let jacobian = ndarray::concatenate(ndarray::Axis(0), &rows).ok()?;
    let residuals = [data.residuals, belief.residuals(x)].concat();
    Some(Linearisation {
        residuals,
        jacobian,
    })
}

impl Residuals for Objective<'_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        let plans = self.frozen.lock().ok()?.plans.clone();
        let frozen = (!plans.is_empty()).then_some(&plans[..]);
        let result = self.simulator.values(x, frozen);
        let (values, taken) = result
            .inspect_err(|failure| {
                tracing::debug!("a trial is refused and tried again nearer: {failure}");
            })
            .ok()?;
        let suits = taken.iter().flatten().all(JumpPlan::suits);
        if frozen.is_some() && !suits {
            tracing::debug!(
                "the jumps over cycles suit no more and are chosen anew if the step is taken"
            );
        }
        self.frozen.lock().ok()?.suited = (suits && frozen.is_some()).then(|| x.to_vec());
        Some(self.residuals(x, &values))
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        let plans = self.settled(x)?;
        let linearisation = self.linearise_at(x, &plans)?;
        *self.frozen.lock().ok()? = Frozen {
            plans,
            suited: Some(x.to_vec()),
        };
        Some(linearisation)
    }

    fn goes_on(&self, progress: &Progress) -> bool {
        let counters = self.simulator.counters;
        if let Some(iteration) = progress.iteration
            && !self.stage.is_empty()
        {
            let (stage, cost, gradient) = (&self.stage, progress.cost, progress.scaled_gradient);
            tracing::debug!(
                "{stage}: iteration {iteration}, cost {cost:.4}, gradient {gradient:.1e}"
            );
        }
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
