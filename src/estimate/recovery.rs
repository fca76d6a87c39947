//! A recovery study: cells with drawn constants are simulated, measured with noise and fitted, and the intervals of the
//! fits are held against the truth.
//!
//! The truths are drawn from the very prior that the fits use, so that intervals which mean what they say hold the
//! truth as often as their level tells (Cook, Gelman & Rubin, J. Comput. Graph. Stat. 15 (2006) 675). That prior is
//! the Laplace posterior of the real data, widened as if these were so many times less exact: nowhere wider than the
//! prior of the experiment.
//!
//! Two intervals are judged: that of the curvature, and that of the profile. Whether a profile's interval holds the
//! truth takes one fit of the other quantities with this one held there, not the whole profile.

use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use ndarray::Array2;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::Archive;
use super::Monitor;
use super::Status;
use super::archive::count;
use super::archive::fingerprint;
use super::belief::Belief;
use super::counters::Counters;
use super::fit::new_task;
use super::knowledge::Knowledge;
use super::noise::tempered;
use super::noise::with_estimated_noise;
use super::objective::Objective;
use super::profile::NORMAL_95;
use super::profile::level;
use super::search::search;
use super::study::Noise;
use super::study::Study;
use super::task::Quiet;
use super::task::SETTLED_PROMISE;
use super::task::Task;
use super::task::UPDATES_MAX;
use super::task::targets;
use super::uncertainty::weakened;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Progress;
use crate::numerics::least_squares::Residuals;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::StopReason;
use crate::numerics::least_squares::minimise;

/// Truths that are tried for one cell before it is given up.
const DRAWS_MAX: usize = 50;
/// Decrease of the cost that is not worth a step: a seventh of a standard deviation.
const PROMISE_TOLERANCE: f64 = 0.02;
/// First damping: the start is the centre of a prior that is narrow already.
const DAMPING_AT_PRIOR: f64 = 1e-2;
/// Iterations for the other quantities with one held at the truth, ...
const HELD_ITERATIONS_MAX: usize = 10;
/// ... and points that may be tried for it.
const HELD_TRIALS_MAX: usize = 16;
/// A fit that ended this much above the lowest cost missed the minimum.
const MISSED: f64 = 0.5;

/// What a recovery study shall do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecoveryPlan {
    /// Position of the variant.
    pub variant: usize,
    /// Number of cells.
    pub cells: usize,
    /// Seed of truths and noise.
    pub seed: u64,
    /// Factor on the noise of the real data in the Laplace posterior from which truths are drawn.
    pub widening: f64,
}

/// How well one free quantity was recovered.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// Position in the variant's list.
    pub index: usize,
    /// What the real data know about it.
    pub knowledge: Option<Knowledge>,
    /// Mean of (estimate − truth) in standard deviations of the estimate.
    pub bias: f64,
    /// Root mean square of the same; 1 if the standard deviations are right.
    pub spread: f64,
    /// Cells whose 95 % interval by curvature holds the truth.
    pub n_covered: usize,
    /// Cells whose 95 % interval by profile holds the truth, and how many were asked: only what the real data identify.
    pub by_profile: Option<(usize, usize)>,
}

/// The result of a recovery study.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// Free quantities in order.
    pub parameters: Vec<Recovered>,
    /// Cells whose fit counts.
    pub n_cells: usize,
    /// Drawn truths that could not be simulated, lay outside the bounds or contradicted a limit, and were drawn again.
    pub n_redrawn: usize,
    /// Cells whose fit ended above a minimum that the truth led to.
    pub n_missed: usize,
    /// Cells without a fit: why, and how many.
    pub unfitted: Vec<(String, usize)>,
    /// Parameter points simulated.
    pub evaluations: usize,
    /// Simulations that failed.
    pub failed: usize,
    /// Whether somebody asked for an end.
    pub is_interrupted: bool,
}

/// One cell: what it was, and what its fit said.
struct Trial {
    truth: Vec<f64>,
    estimate: Vec<f64>,
    sds: Vec<f64>,
    /// By quantity, the lowest cost with it held at the truth, above what bounds the profile's interval; not a number
    /// where nobody asked.
    excess: Vec<f64>,
    /// By how much the lowest cost that was found lies below that of the fit.
    missed: f64,
    stop: StopReason,
    n_redrawn: usize,
}

/// Runs a recovery study on the coarse mesh. `None` if the real data cannot be fitted, which it starts from.
pub fn recover(
    study: &Study,
    plan: &RecoveryPlan,
    monitor: &dyn Monitor,
    archive: &dyn Archive,
) -> Option<Recovery> {
    let counters = Counters::default();
    let task = new_task(study, plan.variant, &counters, (monitor, archive));
    let (task, factors) = tempered(&task);
    let searched = search(&task);
    let (task, best, _) = with_estimated_noise(&task, searched.optima.first()?, factors);
    let start = (&best[..], "coarse mesh");
    let options = Options {
        promise_tolerance: SETTLED_PROMISE,
        ..task.options()
    };
    let solution = task.descend(study.coarse, start, &options);
    let information = task.information(&solution)?;
    let sds = task.belief.standard_deviations();
    let knowledge = Knowledge::judge(&information, &sds, &[]);
    let factor = information.inflation * plan.widening * plan.widening;
    let n_rows = task.measurements.n_rows();
    let wide = weakened(solution.linearisation.as_ref()?, n_rows, factor)?;
    let belief = Belief::correlated(&solution.x, &wide)?;
    let task = Task { belief, ..task };
    let is_identified = |i: &usize| knowledge[*i] == Knowledge::Identified;
    let identified: Vec<usize> = (0..knowledge.len()).filter(is_identified).collect();
    let trials = trials(&task, plan, &identified);
    let mut recovery = summarised(&trials, &knowledge);
    recovery.evaluations = counters.evaluations.load(Memory::Relaxed);
    recovery.failed = counters.failed();
    recovery.is_interrupted = monitor.is_interrupted();
    Some(recovery)
}

/// All cells, side by side; those that an interruption cut off are left out.
fn trials(task: &Task<'_>, plan: &RecoveryPlan, identified: &[usize]) -> Vec<Trial> {
    let stage = task.stage("cells");
    task.monitor.begin(&stage, plan.cells);
    let done = AtomicUsize::new(0);
    let results: Vec<(Option<Trial>, Counters)> = (0..plan.cells)
        .into_par_iter()
        .map(|cell| {
            let (trial, counters) = trial(task, plan, (cell, identified));
            let finished = done.fetch_add(1, Memory::Relaxed) + 1;
            task.monitor.advance(&Status {
                stage: &stage,
                iteration: Some(finished),
                cost: f64::NAN,
                scaled_gradient: f64::NAN,
                evaluations: counters.evaluations.load(Memory::Relaxed),
                failed: counters.failed(),
            });
            (trial, counters)
        })
        .collect();
    let mut trials = Vec::new();
    for (trial, counters) in results {
        task.counters.absorb(&counters);
        trials.extend(trial);
    }
    trials
}

/// One cell, simulated and fitted, or recalled.
fn trial(
    task: &Task<'_>,
    plan: &RecoveryPlan,
    (cell, identified): (usize, &[usize]),
) -> (Option<Trial>, Counters) {
    let RecoveryPlan { seed, widening, .. } = plan;
    let from = fingerprint(task.belief.centre());
    let key = task.key(&format!("recovery-{from}-{seed}-{widening}-{cell}"));
    if let Some(known) = task.archive.recall(&key).and_then(trial_of) {
        return (Some(known.0), known.1);
    }
    let counters = Counters::default();
    let quiet = Quiet(task.monitor);
    let beside = task.beside(&counters, &quiet);
    let trial = simulated_and_fitted(&beside, *seed, (cell, identified));
    if task.monitor.is_interrupted() {
        return (None, counters);
    }
    task.archive.keep(&key, &trial_rows(&trial, &counters));
    (Some(trial), counters)
}

fn simulated_and_fitted(
    task: &Task<'_>,
    seed: u64,
    (cell, identified): (usize, &[usize]),
) -> Trial {
    // Every cell has a stream of its own, so that their order does not matter.
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(cell as u64);
    let Some((truth, values, n_redrawn)) = drawn(task, &mut rng) else {
        return Trial::given_up(task.belief.centre().len());
    };
    let observations = task.measurements.observations().iter().enumerate();
    let drawn: Vec<f64> = StandardNormal
        .sample_iter(&mut rng)
        .take(task.study.calibrations.len())
        .collect();
    let shifts = task.measurements.instrument_shifts(&drawn);
    let measured = observations.map(|(row, observation)| {
        let normal: f64 = StandardNormal.sample(&mut rng);
        // In standard deviations: what the instrument adds, and the noise.
        let off = task.measurements.sd_of_residual(row) * (shifts[row] + normal);
        match observation.noise {
            Noise::Relative(_) => values[row] * off.exp(),
            Noise::Absolute(_) => values[row] + off,
            // A limit is knowledge of another kind: it stays.
            Noise::UpperLimit(_) | Noise::LowerLimit(_) => observation.measured,
        }
    });
    let measured: Vec<f64> = measured.collect();
    let task = task.with_measurements(task.measurements.with_measured(&measured));
    let options = Options {
        promise_tolerance: PROMISE_TOLERANCE,
        damping: DAMPING_AT_PRIOR,
        updates_max: UPDATES_MAX,
        ..task.options()
    };
    let start = (task.belief.centre(), "");
    let solution = task.descend(task.study.coarse, start, &options);
    let information = task.information(&solution);
    let sds = (0..truth.len()).map(|i| information.as_ref().map_or(f64::NAN, |info| info.sd(i)));
    let level = information.as_ref().map(level);
    let (excess, missed) = level.map_or_else(
        || (vec![f64::NAN; truth.len()], 0.0),
        |level| held_at_truth(&task, &truth, (&solution, level), identified),
    );
    Trial {
        sds: sds.collect(),
        excess,
        missed,
        truth,
        estimate: solution.x,
        stop: solution.stop,
        n_redrawn,
    }
}

/// For each of some quantities, the lowest cost with it held at the truth, above what bounds the interval of its
/// profile; and by how much a lower minimum was met on the way.
fn held_at_truth(
    task: &Task<'_>,
    truth: &[f64],
    (solution, level): (&Solution, f64),
    quantities: &[usize],
) -> (Vec<f64>, f64) {
    let mut costs = vec![f64::NAN; truth.len()];
    let objective = task.objective(task.study.coarse, "");
    let Some(at_start) = objective.linearise(truth) else {
        return (costs, 0.0);
    };
    let at_truth: f64 = at_start.residuals.iter().map(|r| r * r).sum();
    let mut lowest = solution.cost.min(at_truth);
    let covariance = task.information(solution).map(|i| i.covariance);
    for quantity in quantities {
        let until = Until {
            objective: &objective,
            start: truth,
            at_start: &at_start,
            enough: lowest + level,
            least: Cell::new(at_truth),
            trials_left: Cell::new(HELD_TRIALS_MAX),
        };
        let mut options = Options {
            iterations_max: HELD_ITERATIONS_MAX,
            promise_tolerance: PROMISE_TOLERANCE,
            damping: DAMPING_AT_PRIOR,
            updates_max: UPDATES_MAX,
            ..task.options()
        };
        options.lower[*quantity] = truth[*quantity];
        options.upper[*quantity] = truth[*quantity];
        // First where the fit itself would go, then from the truth.
        if let Some(covariance) = &covariance {
            until.trial(&moved(
                &solution.x,
                covariance,
                (*quantity, truth),
                &options,
            ));
        }
        minimise(&until, truth, &options);
        costs[*quantity] = until.least.get();
        lowest = lowest.min(costs[*quantity]);
    }
    let excess = costs.into_iter().map(|c| c - lowest - level).collect();
    (excess, solution.cost - lowest)
}

/// An objective that is left as soon as its cost is low enough, and whose start is linearised once for many descents.
struct Until<'o, 's> {
    objective: &'o Objective<'s>,
    start: &'o [f64],
    at_start: &'o Linearisation,
    enough: f64,
    /// The least cost so far.
    least: Cell<f64>,
    /// Points that may still be tried: where the model jumps, a descent would try short steps for ever.
    trials_left: Cell<usize>,
}

/// The optimum with one quantity held at the truth and the others where the linear model then has its own.
fn moved(
    x: &[f64],
    covariance: &Array2<f64>,
    (quantity, truth): (usize, &[f64]),
    options: &Options,
) -> Vec<f64> {
    let change = (truth[quantity] - x[quantity]) / covariance[[quantity, quantity]];
    let moved = x.iter().enumerate().map(|(i, x)| {
        let to = x + change * covariance[[i, quantity]];
        to.clamp(options.lower[i], options.upper[i])
    });
    moved.collect()
}

impl Residuals for Until<'_, '_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        self.trials_left
            .set(self.trials_left.get().saturating_sub(1));
        let residuals = self.objective.trial(x)?;
        let cost = residuals.iter().map(|r| r * r).sum();
        self.least.set(self.least.get().min(cost));
        Some(residuals)
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        if x == self.start {
            Some(self.at_start.clone())
        } else if self.least.get() <= self.enough {
            // Nobody will ask for another step.
            None
        } else {
            self.objective.linearise(x)
        }
    }

    fn goes_on(&self, progress: &Progress) -> bool {
        let is_open = self.least.get() > self.enough && self.trials_left.get() > 0;
        is_open && self.objective.goes_on(progress)
    }
}

impl Trial {
    /// A cell for which no truth could be simulated.
    fn given_up(n: usize) -> Self {
        Self {
            truth: vec![f64::NAN; n],
            estimate: vec![f64::NAN; n],
            sds: vec![f64::NAN; n],
            excess: vec![f64::NAN; n],
            missed: 0.0,
            stop: StopReason::StartFailed,
            n_redrawn: DRAWS_MAX,
        }
    }
}

/// A truth inside the bounds that can be simulated, the model's values there, and how many were drawn in vain.
///
/// The limits among the data stay what they are, so they belong to what is known beforehand: a truth beyond one is kept
/// as rarely as the fits believe in it.
fn drawn(task: &Task<'_>, rng: &mut ChaCha8Rng) -> Option<(Vec<f64>, Vec<f64>, usize)> {
    let options = task.options();
    let simulator = task.simulator(task.study.coarse, targets(task.measurements.observations()));
    for n_redrawn in 0..DRAWS_MAX {
        let normals: Vec<f64> = StandardNormal
            .sample_iter(&mut *rng)
            .take(options.lower.len())
            .collect();
        let x = task.belief.draw(&normals);
        let bounds = options.lower.iter().zip(&options.upper);
        let is_inside = x.iter().zip(bounds).all(|(x, (l, u))| (l..=u).contains(&x));
        let simulated = is_inside.then(|| simulator.values(&x, None).ok()).flatten();
        let accepted = simulated.filter(|(values, _)| {
            let chi_squared = task.measurements.chi_squared_of_limits(values);
            chi_squared == 0.0 || rng.random::<f64>() < (-0.5 * chi_squared).exp()
        });
        if let Some((values, _)) = accepted {
            return Some((x, values, n_redrawn));
        }
    }
    None
}

fn summarised(trials: &[Trial], knowledge: &[Knowledge]) -> Recovery {
    let is_fitted = |t: &&Trial| t.stop.is_converged() || t.stop == StopReason::Step;
    let fitted: Vec<&Trial> = trials.iter().filter(is_fitted).collect();
    let mut unfitted: Vec<(String, usize)> = Vec::new();
    for trial in trials.iter().filter(|t| !is_fitted(t)) {
        let reason = trial.stop.to_string();
        match unfitted.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, n)) => *n += 1,
            None => unfitted.push((reason, 1)),
        }
    }
    let n = fitted.len() as f64;
    let parameters = (0..knowledge.len()).map(|index| {
        let scores = fitted
            .iter()
            .map(|t| (t.estimate[index] - t.truth[index]) / t.sds[index]);
        let scores: Vec<f64> = scores.collect();
        Recovered {
            index,
            knowledge: knowledge.get(index).copied(),
            bias: scores.iter().sum::<f64>() / n,
            spread: (scores.iter().map(|s| s * s).sum::<f64>() / n).sqrt(),
            n_covered: scores.iter().filter(|s| s.abs() <= NORMAL_95).count(),
            by_profile: by_profile(&fitted, index),
        }
    });
    Recovery {
        parameters: parameters.collect(),
        n_cells: fitted.len(),
        n_missed: fitted.iter().filter(|t| t.missed > MISSED).count(),
        n_redrawn: trials.iter().map(|t| t.n_redrawn).sum(),
        unfitted,
        evaluations: 0,
        failed: 0,
        is_interrupted: false,
    }
}

/// How many profiles hold the truth, of how many.
fn by_profile(fitted: &[&Trial], index: usize) -> Option<(usize, usize)> {
    let asked = fitted
        .iter()
        .map(|t| t.excess[index])
        .filter(|e| !e.is_nan());
    let asked: Vec<f64> = asked.collect();
    let n_held = asked.iter().filter(|excess| **excess <= 0.0).count();
    (!asked.is_empty()).then_some((n_held, asked.len()))
}

fn trial_rows(trial: &Trial, counters: &Counters) -> Vec<Vec<f64>> {
    let stop = StopReason::ALL.iter().position(|stop| *stop == trial.stop);
    let numbers = counters.numbers().map(|n| n as f64);
    let head = [
        stop.unwrap_or(0) as f64,
        trial.n_redrawn as f64,
        trial.missed,
    ];
    vec![
        trial.truth.clone(),
        trial.estimate.clone(),
        trial.sds.clone(),
        trial.excess.clone(),
        [&head[..], &numbers].concat(),
    ]
}

fn trial_of(rows: Vec<Vec<f64>>) -> Option<(Trial, Counters)> {
    let [truth, estimate, sds, excess, numbers] = <[Vec<f64>; 5]>::try_from(rows).ok()?;
    let [stop, n_redrawn, missed, a, b, c] = <[f64; 6]>::try_from(numbers).ok()?;
    let trial = Trial {
        truth,
        estimate,
        sds,
        excess,
        missed,
        stop: *StopReason::ALL.get(count(stop))?,
        n_redrawn: count(n_redrawn),
    };
    let counters = Counters::from_numbers([count(a), count(b), count(c)]);
    Some((trial, counters))
}
