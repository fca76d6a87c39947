//! How far cloud, surrogate and mesh are apart, told beside every prediction.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use rayon::prelude::*;

use super::outlook::Branch;
use super::outlook::CORRECTED_FROM;
use super::outlook::Forecast;
use super::outlook::advance;
use super::outlook::point;
use super::setting::Condition;
use super::setting::CycleAnswer;
use crate::estimate::Monitor;

/// How far two ways to the same capacities are apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What is compared.
    pub what: String,
    /// Number of compared capacities.
    pub n: usize,
    /// Median of the relative differences (1).
    pub median: f64,
    /// The largest (1).
    pub worst: f64,
}

/// How far the ways are apart: cloud against fine mesh at a few draws, and the fine mesh against one twice as fine.
pub(super) fn checks(
    forecast: &Forecast<'_>,
    main: &Branch<'_>,
    monitor: &dyn Monitor,
) -> Vec<Check> {
    let by = main
        .cloud
        .surrogate()
        .map_or("coarse mesh", |_| "surrogate");
    let at_draws = check(
        format!("{by} of the cloud against the cell model on the fine mesh, at draws"),
        cloud_against_fine(forecast, main, monitor),
    );
    at_draws
        .into_iter()
        .chain(fine_against_finer(forecast, main, monitor))
        .collect()
}

/// The cell model on the fine mesh or one finer by a factor.
fn fine_of(
    forecast: &Forecast<'_>,
    main: &Branch<'_>,
    (x, condition): (&[f64], &Condition),
    refine: usize,
) -> Option<Vec<CycleAnswer>> {
    let (values, at) = point(forecast, main.variant, x, condition).ok()?;
    let mesh = (forecast.fine, refine);
    let mechanism = &main.variant.mechanism;
    let answers = forecast
        .setting
        .simulated(mechanism, &values, &at, mesh, None);
    answers.ok().map(|(answers, _)| answers)
}

/// Relative differences of capacities at a few draws, each at another condition.
fn cloud_against_fine(
    forecast: &Forecast<'_>,
    main: &Branch<'_>,
    monitor: &dyn Monitor,
) -> Vec<f64> {
    let free = &main.variant.free;
    let xs = main.fitted.draws(free, forecast.draws, forecast.seed);
    let n = forecast.checks.min(xs.len());
    monitor.begin("checks by the cell model on the fine mesh", n + 1);
    let conditions = &forecast.conditions;
    let pairs: Vec<(usize, usize)> = (0..n)
        .map(|i| (i * xs.len() / n.max(1), i % conditions.len().max(1)))
        .collect();
    let done = AtomicUsize::new(0);
    let differences: Vec<Vec<f64>> = pairs
        .par_iter()
        .map(|(draw, condition)| {
            if monitor.is_interrupted() {
                return Vec::new();
            }
            let at = (&xs[*draw][..], &conditions[*condition]);
            let fine = fine_of(forecast, main, at, 1);
            advance(monitor, done.fetch_add(1, Memory::Relaxed) + 1, main);
            let cloud = main.draws[*condition][*draw].as_ref();
            let both = fine.as_ref().zip(cloud);
            both.map_or_else(Vec::new, |(f, c)| relative(f, c))
        })
        .collect();
    differences.concat()
}

/// The thickest electrode at the largest current asks most of the mesh.
fn fine_against_finer(
    forecast: &Forecast<'_>,
    main: &Branch<'_>,
    monitor: &dyn Monitor,
) -> Option<Check> {
    let demand = |i: &usize| {
        let condition = &forecast.conditions[*i];
        condition.loading_kg_m2 * condition.c_rate
    };
    let all = 0..forecast.conditions.len();
    let hardest = all.max_by(|a, b| demand(a).total_cmp(&demand(b)))?;
    let fine = main.fine[hardest].as_ref()?;
    if monitor.is_interrupted() {
        return None;
    }
    let condition = &forecast.conditions[hardest];
    let finer = fine_of(forecast, main, (&main.fitted.x, condition), 2)?;
    let what = format!(
        "fine mesh against one twice as fine, at the optimum, {} mg/cm2 at {}C",
        crate::units::short(100.0 * condition.loading_kg_m2),
        crate::units::short(condition.c_rate)
    );
    check(what, relative(&finer, fine))
}

fn relative(exact: &[CycleAnswer], other: &[CycleAnswer]) -> Vec<f64> {
    let pairs = exact.iter().zip(other);
    // Against a floor: a dead cell's last milliampere hour is nobody's concern.
    pairs
        .map(|(e, o)| (o.capacity - e.capacity).abs() / e.capacity.max(CORRECTED_FROM))
        .collect()
}

fn check(what: String, mut differences: Vec<f64>) -> Option<Check> {
    differences.retain(|d| d.is_finite());
    differences.sort_by(f64::total_cmp);
    let worst = *differences.last()?;
    Some(Check {
        what,
        n: differences.len(),
        median: differences[differences.len() / 2],
        worst,
    })
}
