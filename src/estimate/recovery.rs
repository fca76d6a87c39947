//! A recovery study: cells with drawn constants are simulated, measured with noise and fitted, and the intervals of the
//! fits are held against the truth.
//!
//! The truths are drawn from the very prior that the fits use, so that intervals which mean what they say hold the
//! truth as often as their level tells (Cook, Gelman & Rubin, J. Comput. Graph. Stat. 15 (2006) 675). That prior is
//! the Laplace posterior of the real data, widened.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

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
use super::fit::SETTLED_PROMISE;
use super::fit::new_task;
use super::knowledge::Knowledge;
use super::noise::with_estimated_noise;
use super::profile::NORMAL_95;
use super::search::search;
use super::study::Noise;
use super::study::Study;
use super::task::Quiet;
use super::task::Task;
use super::task::targets;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::StopReason;

/// Truths that are tried for one cell before it is given up.
const DRAWS_MAX: usize = 50;
/// Decrease of the cost that is not worth a step: a seventh of a standard deviation.
const PROMISE_TOLERANCE: f64 = 0.02;
/// First damping: the start is the centre of a prior that is narrow already.
const DAMPING_AT_PRIOR: f64 = 1e-2;

/// What a recovery study shall do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecoveryPlan {
    /// Position of the variant.
    pub variant: usize,
    /// Number of cells.
    pub cells: usize,
    /// Seed of truths and noise.
    pub seed: u64,
    /// Factor on the standard deviations of the Laplace posterior from which truths are drawn.
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
    /// Cells whose 95 % interval holds the truth.
    pub n_covered: usize,
}

/// The result of a recovery study.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// Free quantities in order.
    pub parameters: Vec<Recovered>,
    /// Cells whose fit counts.
    pub n_cells: usize,
    /// Drawn truths that could not be simulated or lay outside the bounds, and were drawn again.
    pub n_redrawn: usize,
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
    let searched = search(&task);
    let (task, best, _) = with_estimated_noise(&task, searched.optima.first()?);
    let start = (&best[..], "coarse mesh");
    let options = Options {
        promise_tolerance: SETTLED_PROMISE,
        ..task.options()
    };
    let solution = task.descend(study.coarse, start, &options);
    let information = task.information(&solution)?;
    let sds = task.belief.standard_deviations();
    let knowledge = Knowledge::judge(&information, &sds, &[]);
    let wide = information
        .covariance
        .mapv(|c| c * plan.widening * plan.widening);
    let belief = Belief::correlated(&solution.x, &wide)?;
    let task = Task { belief, ..task };
    let trials = trials(&task, plan);
    let mut recovery = summarised(&trials, &knowledge);
    recovery.evaluations = counters.evaluations.load(Memory::Relaxed);
    recovery.failed = counters.failed();
    recovery.is_interrupted = monitor.is_interrupted();
    Some(recovery)
}

/// All cells, side by side; those that an interruption cut off are left out.
fn trials(task: &Task<'_>, plan: &RecoveryPlan) -> Vec<Trial> {
    let stage = task.stage("cells");
    task.monitor.begin(&stage, plan.cells);
    let done = AtomicUsize::new(0);
    let results: Vec<(Option<Trial>, Counters)> = (0..plan.cells)
        .into_par_iter()
        .map(|cell| {
            let (trial, counters) = trial(task, plan, cell);
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
fn trial(task: &Task<'_>, plan: &RecoveryPlan, cell: usize) -> (Option<Trial>, Counters) {
    let RecoveryPlan { seed, widening, .. } = plan;
    let from = fingerprint(task.belief.centre());
    let key = task.key(&format!("recovery-{from}-{seed}-{widening}-{cell}"));
    if let Some(known) = task.archive.recall(&key).and_then(trial_of) {
        return (Some(known.0), known.1);
    }
    let counters = Counters::default();
    let quiet = Quiet(task.monitor);
    let beside = task.beside(&counters, &quiet);
    let trial = simulated_and_fitted(&beside, *seed, cell);
    if task.monitor.is_interrupted() {
        return (None, counters);
    }
    task.archive.keep(&key, &trial_rows(&trial, &counters));
    (Some(trial), counters)
}

fn simulated_and_fitted(task: &Task<'_>, seed: u64, cell: usize) -> Trial {
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
        ..task.options()
    };
    let start = (task.belief.centre(), "");
    let solution = task.descend(task.study.coarse, start, &options);
    let information = task.information(&solution);
    let sds = (0..truth.len()).map(|i| information.as_ref().map_or(f64::NAN, |info| info.sd(i)));
    Trial {
        sds: sds.collect(),
        truth,
        estimate: solution.x,
        stop: solution.stop,
        n_redrawn,
    }
}

impl Trial {
    /// A cell for which no truth could be simulated.
    fn given_up(n: usize) -> Self {
        Self {
            truth: vec![f64::NAN; n],
            estimate: vec![f64::NAN; n],
            sds: vec![f64::NAN; n],
            stop: StopReason::StartFailed,
            n_redrawn: DRAWS_MAX,
        }
    }
}

/// A truth inside the bounds that can be simulated, the model's values there, and how many were drawn in vain.
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
        if let Some((values, _)) = is_inside.then(|| simulator.values(&x, None).ok()).flatten() {
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
        }
    });
    Recovery {
        parameters: parameters.collect(),
        n_cells: fitted.len(),
        n_redrawn: trials.iter().map(|t| t.n_redrawn).sum(),
        unfitted,
        evaluations: 0,
        failed: 0,
        is_interrupted: false,
    }
}

fn trial_rows(trial: &Trial, counters: &Counters) -> Vec<Vec<f64>> {
    let stop = StopReason::ALL.iter().position(|stop| *stop == trial.stop);
    let numbers = counters.numbers().map(|n| n as f64);
    let head = [stop.unwrap_or(0) as f64, trial.n_redrawn as f64];
    vec![
        trial.truth.clone(),
        trial.estimate.clone(),
        trial.sds.clone(),
        [&head[..], &numbers].concat(),
    ]
}

fn trial_of(rows: Vec<Vec<f64>>) -> Option<(Trial, Counters)> {
    let [truth, estimate, sds, numbers] = <[Vec<f64>; 4]>::try_from(rows).ok()?;
    let [stop, n_redrawn, a, b, c] = <[f64; 5]>::try_from(numbers).ok()?;
    let trial = Trial {
        truth,
        estimate,
        sds,
        stop: *StopReason::ALL.get(count(stop))?,
        n_redrawn: count(n_redrawn),
    };
    let counters = Counters::from_numbers([count(a), count(b), count(c)]);
    Some((trial, counters))
}
