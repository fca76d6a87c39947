//! Profile likelihoods: how far each free quantity can be moved before the cost, minimised over all others, rises.
//!
//! Source: Raue et al., Bioinformatics 25 (2009) 1923. The priors belong to the cost; the part of the data is kept
//! apart, because it tells whether the data or the prior closes a side.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use rayon::prelude::*;

use super::Status;
use super::archive::fingerprint;
use super::counters::Counters;
use super::task::DAMPING_NEAR;
use super::task::Quiet;
use super::task::Task;
use super::task::UPDATES_MAX;
use super::uncertainty::Information;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::minimise;
use crate::simulate::Resolution;

/// The quantile of the normal distribution that bounds a two-sided interval of 95 %.
pub const NORMAL_95: f64 = 1.959_963_984_540_054;
/// Most points on one side.
const POINTS_MAX: usize = 8;
/// A step aims this much beyond the level, so that the level is bracketed.
const OVERSHOOT: f64 = 1.1;
/// A step may be at most this many times as long as the distance so far.
const GROWTH_MAX: f64 = 2.0;
/// Iterations for the other quantities at one point.
const ITERATIONS_MAX: usize = 10;
/// Decrease of the cost that is not worth a step at one point: small against the level of the interval.
const PROMISE_TOLERANCE: f64 = 0.02;

/// A point of a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfilePoint {
    /// The coordinate.
    pub coordinate: f64,
    /// Rise of the cost above the optimum.
    pub rise: f64,
    /// Rise of the data's part of the cost.
    pub rise_data: f64,
}

/// The profile of one free quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Points in order of the coordinate, the optimum among them with no rise.
    pub points: Vec<ProfilePoint>,
    /// Rise of the cost that bounds the interval.
    pub level: f64,
    /// The interval's ends as coordinates; `None` where the bounds of the quantity come first.
    pub interval: (Option<f64>, Option<f64>),
    /// Points at which the other quantities could not be fitted.
    pub n_failed: usize,
}

impl Profile {
    /// Whether the data's own χ² rises by this much on the lower and on the upper side.
    pub(super) fn sides_closed_by_data(&self, rise: f64) -> (bool, bool) {
        let top = self
            .points
            .iter()
            .position(|p| p.rise.abs() < f64::MIN_POSITIVE);
        let (below, above) = self.points.split_at(top.unwrap_or(0));
        let closes = |points: &[ProfilePoint]| points.iter().any(|p| p.rise_data >= rise);
        (closes(below), closes(above))
    }

    /// The lowest point, if one lies clearly below the optimum that the profile started from.
    pub fn lower_than_optimum(&self) -> Option<f64> {
        let lowest = self.points.iter().map(|p| p.rise).fold(0.0, f64::min);
        (lowest < -0.1).then_some(lowest)
    }
}

/// Where profiles start: the optimum of a mesh and what is known there.
pub(super) struct Origin<'o> {
    pub(super) resolution: Resolution,
    pub(super) x: &'o [f64],
    pub(super) cost: f64,
    pub(super) cost_data: f64,
    pub(super) information: &'o Information,
}

/// Profiles of all free quantities, side by side; `None` for those that an interruption cut off.
pub(super) fn profiles(task: &Task<'_>, origin: &Origin<'_>) -> Vec<Option<Profile>> {
    let n = origin.x.len();
    let stage = task.stage("profiles");
    task.monitor.begin(&stage, 2 * n);
    let done = AtomicUsize::new(0);
    let sides: Vec<(Option<Vec<ProfilePoint>>, usize, Counters)> = (0..2 * n)
        .into_par_iter()
        .map(|i| {
            let direction = if i % 2 == 0 { -1.0 } else { 1.0 };
            let (points, n_failed, counters) = side(task, origin, (i / 2, direction));
            let finished = done.fetch_add(1, Memory::Relaxed) + 1;
            task.monitor.advance(&Status {
                stage: &stage,
                iteration: Some(finished),
                cost: origin.cost,
                scaled_gradient: f64::NAN,
                evaluations: counters.evaluations.load(Memory::Relaxed),
                failed: counters.failed(),
            });
            (points, n_failed, counters)
        })
        .collect();
    let mut sides = sides.into_iter();
    (0..n)
        .map(|i| {
            let (below, failed_below, counters) = sides.next()?;
            task.counters.absorb(&counters);
            let (above, failed_above, counters) = sides.next()?;
            task.counters.absorb(&counters);
            Some(assembled(
                origin,
                i,
                (below?, above?),
                failed_below + failed_above,
            ))
        })
        .collect()
}

/// Rise of the cost that bounds an interval of 95 %.
pub(super) fn level(information: &Information) -> f64 {
    // The inflation belongs to the scatter of the data; applied to the whole rise it is on the safe side.
    NORMAL_95 * NORMAL_95 * information.inflation
}

/// Both sides and the optimum in one row, and where they cross the level.
fn assembled(
    origin: &Origin<'_>,
    index: usize,
    (below, above): (Vec<ProfilePoint>, Vec<ProfilePoint>),
    n_failed: usize,
) -> Profile {
    let level = level(origin.information);
    let optimum = ProfilePoint {
        coordinate: origin.x[index],
        rise: 0.0,
        rise_data: 0.0,
    };
    let interval = (
        crossing(optimum, &below, level),
        crossing(optimum, &above, level),
    );
    let points = below.into_iter().rev().chain([optimum]).chain(above);
    Profile {
        points: points.collect(),
        level,
        interval,
        n_failed,
    }
}

/// Where a side, seen from the optimum, crosses the level: the root of the rise is nearly straight in between.
fn crossing(optimum: ProfilePoint, side: &[ProfilePoint], level: f64) -> Option<f64> {
    let mut before = optimum;
    for point in side {
        if point.rise >= level {
            let root = |p: ProfilePoint| p.rise.max(0.0).sqrt();
            let share = (level.sqrt() - root(before)) / (root(*point) - root(before));
            return Some(before.coordinate + share * (point.coordinate - before.coordinate));
        }
        before = *point;
    }
    None
}

/// The points of one side, from the optimum outward, with what they cost.
fn side(
    task: &Task<'_>,
    origin: &Origin<'_>,
    (index, direction): (usize, f64),
) -> (Option<Vec<ProfilePoint>>, usize, Counters) {
    let sign = if direction < 0.0 { "below" } else { "above" };
    let from = fingerprint(origin.x);
    let key = task.key(&format!("profile-{from}-{index}-{sign}"));
    if let Some(rows) = task.archive.recall(&key) {
        return recalled(&rows);
    }
    let counters = Counters::default();
    let quiet = Quiet(task.monitor);
    let beside = task.beside(&counters, &quiet);
    let (points, n_failed) = walk(&beside, origin, (index, direction));
    if task.monitor.is_interrupted() {
        return (None, n_failed, counters);
    }
    let mut rows: Vec<Vec<f64>> = points
        .iter()
        .map(|p| vec![p.coordinate, p.rise, p.rise_data])
        .collect();
    let numbers = counters.numbers().map(|n| n as f64);
    rows.push([&[n_failed as f64][..], &numbers].concat());
    task.archive.keep(&key, &rows);
    (Some(points), n_failed, counters)
}

fn recalled(rows: &[Vec<f64>]) -> (Option<Vec<ProfilePoint>>, usize, Counters) {
    let count = super::archive::count;
    let points = rows.iter().filter_map(|row| match row[..] {
        [coordinate, rise, rise_data] => Some(ProfilePoint {
            coordinate,
            rise,
            rise_data,
        }),
        _ => None,
    });
    let last = rows.last().map_or(&[][..], |row| row);
    let (n_failed, numbers) = match *last {
        [n_failed, a, b, c] => (count(n_failed), [count(a), count(b), count(c)]),
        _ => (0, [0; 3]),
    };
    (
        Some(points.collect()),
        n_failed,
        Counters::from_numbers(numbers),
    )
}

/// Steps outward until the level is crossed, a bound is met, or nothing can be fitted any more.
fn walk(
    task: &Task<'_>,
    origin: &Origin<'_>,
    (index, direction): (usize, f64),
) -> (Vec<ProfilePoint>, usize) {
    let options = task.options();
    let sd = origin.information.sd(index);
    let level = level(origin.information);
    let bound = if direction < 0.0 {
        options.lower[index]
    } else {
        options.upper[index]
    };
    let mut x = origin.x.to_vec();
    let mut points = Vec::new();
    let mut n_failed = 0;
    // On a parabola the level lies at its root, in standard deviations.
    let mut distance = OVERSHOOT * NORMAL_95 / 2.0 * sd;
    for _ in 0..POINTS_MAX {
        let limit = (bound - origin.x[index]).abs();
        let target = origin.x[index] + direction * distance.min(limit);
        let fitted = fit_others(task, origin, (index, target), &x);
        let Some((point, at)) = fitted else {
            // Half way back: the model may not work out there.
            n_failed += 1;
            let reached = points.last().map_or(0.0, |p: &ProfilePoint| {
                (p.coordinate - origin.x[index]).abs()
            });
            distance = 0.5 * (distance + reached);
            continue;
        };
        x = at;
        points.push(point);
        if point.rise >= level || distance >= limit || task.monitor.is_interrupted() {
            break;
        }
        let wanted = OVERSHOOT * (level / point.rise.max(1e-3 * level)).sqrt();
        distance *= wanted.clamp(1.2, GROWTH_MAX);
    }
    (points, n_failed)
}

/// Fits all quantities but one, which is held; the start follows the correlations.
fn fit_others(
    task: &Task<'_>,
    origin: &Origin<'_>,
    (index, target): (usize, f64),
    from: &[f64],
) -> Option<(ProfilePoint, Vec<f64>)> {
    let c = &origin.information.covariance;
    let change = (target - from[index]) / c[[index, index]];
    let base = task.options();
    let start = from.iter().enumerate().map(|(i, x)| {
        if i == index {
            target
        } else {
            (x + change * c[[i, index]]).clamp(base.lower[i], base.upper[i])
        }
    });
    let start: Vec<f64> = start.collect();
    let mut options = Options {
        iterations_max: ITERATIONS_MAX,
        promise_tolerance: PROMISE_TOLERANCE,
        damping: DAMPING_NEAR,
        updates_max: UPDATES_MAX,
        ..base
    };
    options.lower[index] = target;
    options.upper[index] = target;
    let objective = task.objective(origin.resolution, "");
    let solution = minimise(&objective, &start, &options);
    let linearisation = solution.linearisation?;
    let n_rows = task.measurements.n_rows();
    let data: f64 = linearisation.residuals[..n_rows]
        .iter()
        .map(|r| r * r)
        .sum();
    let point = ProfilePoint {
        coordinate: target,
        rise: solution.cost - origin.cost,
        rise_data: data - origin.cost_data,
    };
    Some((point, solution.x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(coordinate: f64, rise: f64) -> ProfilePoint {
        ProfilePoint {
            coordinate,
            rise,
            rise_data: rise,
        }
    }

    #[test]
    fn parabola_is_crossed_at_the_normal_quantile() {
        let side: Vec<_> = [0.8, 1.7, 2.6].map(|z| point(z, z * z)).to_vec();
        let level = NORMAL_95 * NORMAL_95;
        let end = crossing(point(0.0, 0.0), &side, level).unwrap();
        assert!((end - NORMAL_95).abs() < 1e-12);
        assert_eq!(crossing(point(0.0, 0.0), &side[..2], level), None);
    }
}
