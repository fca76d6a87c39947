//! The search on the coarse mesh: starts through the priors, descents beside each other, duplicates merged.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use nalgebra::DMatrix;
use nalgebra::DVector;
use rayon::prelude::*;

use super::Status;
use super::archive::fingerprint;
use super::archive::solution_of;
use super::archive::solution_rows;
use super::counters::Counters;
use super::guide::guided;
use super::outcome::GuideReport;
use super::outcome::StartReport;
use super::study::Search;
use super::task::DAMPING_FAR;
use super::task::Quiet;
use super::task::Task;
use crate::numerics::least_squares::Solution;
use crate::numerics::sampling::normal_quantile;
use crate::numerics::sampling::sobol;
use crate::numerics::swarm::Swarm;

/// Starts lie this many standard deviations of the prior around its centre: farther out, most cells do not work at
/// all.
const SPREAD: f64 = 0.5;
/// The swarm may move this many standard deviations away from the centre of the prior.
const SWARM_REACH: f64 = 2.0;
/// Two ends are the same optimum if their costs differ by less than this ...
const SAME_COST: f64 = 0.5;
/// ... and the quadratic model of the cost rises by less than this from one to the other.
const SAME_RISE: f64 = 1.0;

/// What a search found.
pub(super) struct Searched {
    /// What a surrogate did, if one was asked.
    pub(super) guide: Option<GuideReport>,
    /// What became of every start, the lowest cost first.
    pub(super) starts: Vec<StartReport>,
    /// The distinct optima, the lowest cost first.
    pub(super) optima: Vec<Vec<f64>>,
}

/// A start and its end.
struct Descent {
    start: Start,
    solution: Solution,
}

/// A point to be followed down.
struct Start {
    x: Vec<f64>,
    /// Its cost on the coarse mesh, if it could be simulated.
    cost: Option<f64>,
    is_guided: bool,
}

/// Finds the optima of the coarse mesh.
pub(super) fn search(task: &Task<'_>) -> Searched {
    let guided = guided(task);
    let (points, guide) = guided.map_or((Vec::new(), None), |g| (g.points, Some(g.report)));
    let starts = starts(task, points);
    let stage = task.stage("coarse mesh");
    task.monitor.begin(&stage, starts.len());
    let done = AtomicUsize::new(0);
    let results: Vec<(Descent, Counters)> = starts
        .into_par_iter()
        .map(|start| {
            let (solution, counters) = one_descent(task, &start.x);
            let finished = done.fetch_add(1, Memory::Relaxed) + 1;
            task.monitor.advance(&Status {
                stage: &stage,
                iteration: Some(finished),
                cost: solution.cost,
                scaled_gradient: solution.scaled_gradient,
                evaluations: counters.evaluations.load(Memory::Relaxed),
                failed: counters.failed(),
            });
            (Descent { start, solution }, counters)
        })
        .collect();
    tracing::info!("{stage}: {} descents are done", results.len());
    let mut descents = Vec::new();
    for (descent, counters) in results {
        task.counters.absorb(&counters);
        descents.push(descent);
    }
    descents.sort_by(|a, b| a.solution.cost.total_cmp(&b.solution.cost));
    Searched {
        guide,
        ..merged(descents)
    }
}

/// One start followed to its end, or recalled from an earlier run.
fn one_descent(task: &Task<'_>, start: &[f64]) -> (Solution, Counters) {
    let key = task.key(&format!("start-{}", fingerprint(start)));
    if let Some(known) = task.archive.recall(&key).and_then(solution_of) {
        tracing::debug!("{key}: recalled from an earlier run");
        return known;
    }
    let counters = Counters::default();
    let quiet = Quiet(task.monitor);
    let beside = task.beside(&counters, &quiet);
    let options = task.rough_options(DAMPING_FAR);
    let solution = beside.descend(task.study.coarse, (start, ""), &options);
    // Whatever an interruption cut off would be recalled as an end.
    if !task.monitor.is_interrupted() {
        task.archive
            .keep(&key, &solution_rows(&solution, &counters));
    }
    (solution, counters)
}

/// Numbers the optima: a descent belongs to the first lower one that it cannot be told from.
fn merged(descents: Vec<Descent>) -> Searched {
    let mut optima: Vec<Solution> = Vec::new();
    let mut starts = Vec::new();
    for Descent { start, solution } in descents {
        let known = optima
            .iter()
            .position(|optimum| is_same(optimum, &solution));
        let is_failed = !solution.cost.is_finite();
        tracing::info!(
            "a {} start of cost {:.4} ended at {:.4} after {} iterations: {}{}",
            if start.is_guided {
                "surrogate's"
            } else {
                "drawn"
            },
            start.cost.unwrap_or(f64::NAN),
            solution.cost,
            solution.iterations,
            solution.stop,
            match known {
                Some(known) => format!("; the same as optimum {}", known + 1),
                None if is_failed => String::new(),
                None => format!("; optimum {}", optima.len() + 1),
            }
        );
        starts.push(StartReport {
            is_guided: start.is_guided,
            cost_at_start: start.cost,
            cost: solution.cost,
            stop: solution.stop,
            iterations: solution.iterations,
            optimum: (!is_failed).then(|| known.unwrap_or(optima.len())),
        });
        if known.is_none() && !is_failed {
            optima.push(solution);
        }
    }
    Searched {
        guide: None,
        starts,
        optima: optima.into_iter().map(|solution| solution.x).collect(),
    }
}

/// Whether two ends lie in the same basin: equal cost, and no rise between them by the curvature of the lower one.
pub(super) fn is_same(lower: &Solution, other: &Solution) -> bool {
    let Some(linearisation) = &lower.linearisation else {
        return false;
    };
    let (m, n) = linearisation.jacobian.dim();
    let jacobian = DMatrix::from_fn(m, n, |i, j| linearisation.jacobian[[i, j]]);
    let step = DVector::from_iterator(n, other.x.iter().zip(&lower.x).map(|(a, b)| a - b));
    other.cost - lower.cost < SAME_COST && (jacobian * step).norm_squared() < SAME_RISE
}

/// The points that are fitted: the centre of the prior, the best of those that were drawn, and the best of those that a
/// surrogate has found, by what the cell model says of them.
fn starts(task: &Task<'_>, found: Vec<Vec<f64>>) -> Vec<Start> {
    let settings = &task.study.settings;
    let stage = task.stage("starts");
    let rounds = match settings.search {
        Search::Sobol => 1,
        Search::Swarm { rounds } => rounds,
    };
    task.monitor.begin(&stage, rounds);
    let points = sobol_points(task, settings.candidates);
    let mut rated = rated(task, points);
    if let Search::Swarm { rounds } = settings.search {
        rated = swarmed(task, rated, (rounds, &stage));
    }
    let rank = |cost: &Option<f64>| cost.unwrap_or(f64::INFINITY);
    rated[1..].sort_by(|a, b| rank(&a.0).total_cmp(&rank(&b.0)));
    rated.truncate(settings.starts.max(1));
    rated.extend(self::rated(task, task.carried.clone()));
    // As many again that a surrogate has found: beside the others, so that a bad one displaces nothing.
    let mut found = self::rated(task, found);
    found.sort_by(|a, b| rank(&a.0).total_cmp(&rank(&b.0)));
    found.truncate(settings.starts.max(1));
    tracing::info!(
        "{stage}: the best {} of {} drawn points and {} of the surrogate are followed down",
        rated.len(),
        settings.candidates,
        found.len()
    );
    let start = |is_guided: bool| move |(cost, x)| Start { x, cost, is_guided };
    let drawn = rated.into_iter().map(start(false));
    drawn.chain(found.into_iter().map(start(true))).collect()
}

/// The cost of every point, side by side; `None` where a simulation failed.
fn rated(task: &Task<'_>, points: Vec<Vec<f64>>) -> Vec<(Option<f64>, Vec<f64>)> {
    let quiet = Quiet(task.monitor);
    let results: Vec<(Option<f64>, Counters)> = points
        .par_iter()
        .map(|x| {
            let counters = Counters::default();
            let objective = task
                .beside(&counters, &quiet)
                .objective(task.study.coarse, "");
            let cost = objective.cost(x);
            drop(objective);
            (cost, counters)
        })
        .collect();
    let costs = results.into_iter().map(|(cost, counters)| {
        task.counters.absorb(&counters);
        cost
    });
    costs.zip(points).collect()
}

/// The prior's centre, then points of a scrambled Sobol sequence through the priors.
pub(super) fn sobol_points(task: &Task<'_>, n: usize) -> Vec<Vec<f64>> {
    let settings = &task.study.settings;
    let options = task.options();
    let sds = task.belief.standard_deviations();
    let centre = task.belief.centre().to_vec();
    let mut points = vec![centre.clone()];
    for i in 1..n.max(1) {
        let point = centre.iter().zip(&sds).enumerate();
        let point = point.map(|(dimension, (centre, sd))| {
            let share = sobol(i - 1, dimension, settings.seed);
            let x = centre + SPREAD * sd * normal_quantile(share);
            x.clamp(options.lower[dimension], options.upper[dimension])
        });
        points.push(point.collect());
    }
    points
}

/// The best places that the members of a swarm have found; the first member started at the prior's centre.
fn swarmed(
    task: &Task<'_>,
    rated_points: Vec<(Option<f64>, Vec<f64>)>,
    (rounds, stage): (usize, &str),
) -> Vec<(Option<f64>, Vec<f64>)> {
    let options = task.options();
    let sds = task.belief.standard_deviations();
    let reach = |i: usize, side: f64| task.belief.centre()[i] + side * SWARM_REACH * sds[i];
    let n = sds.len();
    let lower = (0..n)
        .map(|i| reach(i, -1.0).max(options.lower[i]))
        .collect();
    let upper = (0..n)
        .map(|i| reach(i, 1.0).min(options.upper[i]))
        .collect();
    let mut swarm = Swarm::new((lower, upper), rated_points, task.study.settings.seed);
    for round in 1..=rounds {
        if task.monitor.is_interrupted() {
            break;
        }
        let costs = rated(task, swarm.next_positions());
        swarm.learn(costs.into_iter().map(|(cost, _)| cost));
        task.monitor.advance(&Status {
            stage,
            iteration: Some(round),
            cost: swarm.best().unwrap_or(f64::INFINITY),
            scaled_gradient: f64::NAN,
            evaluations: task.counters.evaluations.load(Memory::Relaxed),
            failed: task.counters.failed(),
        });
    }
    swarm.best_of_each()
}
