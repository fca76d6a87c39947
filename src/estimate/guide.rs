//! A surrogate looks for starts: many descents on it, whose distinct ends the cell model judges.

use rayon::prelude::*;

use super::outcome::GuideReport;
use super::proxy::Proxy;
use super::proxy::ProxyObjective;
use super::search::is_same;
use super::search::sobol_points;
use super::study::Guide;
use super::study::Study;
use super::task::DAMPING_FAR;
use super::task::Quiet;
use super::task::Task;
use super::task::targets;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::minimise;

/// Iterations of a descent on the surrogate: they cost next to nothing.
const ITERATIONS_MAX: usize = 150;
/// Distinct ends per start of the study that the cell model is asked about.
const ENDS_PER_START: usize = 4;
/// Fewest of them.
const ENDS_MIN: usize = 8;

/// What a surrogate found.
pub(super) struct Guided {
    /// Distinct ends, the lowest first.
    pub(super) points: Vec<Vec<f64>>,
    /// How it went.
    pub(super) report: GuideReport,
}

/// Whether the guide of a study belongs to a variant's data.
///
/// # Errors
/// Why not.
pub fn guide_fits(study: &Study, guide: &Guide, variant: usize) -> Result<(), String> {
    let targets = targets(&study.observations);
    let of = (&*guide.surrogate, &targets[..]);
    Proxy::new(study, &study.variants[variant], of).map(|_| ())
}

/// The surrogate of the study in place of the simulations of a task, if it has one.
pub(super) fn proxy<'t>(task: &Task<'t>) -> Option<Proxy<'t>> {
    let guide = task.study.guide.as_ref()?;
    let targets = targets(task.measurements.observations());
    Proxy::new(task.study, task.variant(), (&guide.surrogate, &targets)).ok()
}

/// Follows many starts through the priors down on the surrogate; `None` if the study has none for this variant.
pub(super) fn guided(task: &Task<'_>) -> Option<Guided> {
    let guide = task.study.guide.as_ref()?;
    let proxy = proxy(task)?;
    let stage = task.stage("surrogate");
    task.monitor.begin(&stage, 1);
    let quiet = Quiet(task.monitor);
    let beside = task.beside(task.counters, &quiet);
    let objective = ProxyObjective {
        proxy: &proxy,
        task: &beside,
    };
    let options = Options {
        iterations_max: ITERATIONS_MAX,
        updates_max: 0,
        ..task.rough_options(DAMPING_FAR)
    };
    let mut ends: Vec<Solution> = sobol_points(task, guide.starts)
        .par_iter()
        .map(|start| minimise(&objective, start, &options))
        .collect();
    ends.retain(|end| end.cost.is_finite());
    ends.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut distinct: Vec<Solution> = Vec::new();
    for end in ends {
        if !distinct.iter().any(|lower| is_same(lower, &end)) {
            distinct.push(end);
        }
    }
    let (asked, refused) = proxy.counts();
    let n_told = ENDS_MIN.max(ENDS_PER_START * task.study.settings.starts);
    distinct.truncate(n_told);
    tracing::info!(
        "{stage}: '{}' followed {} starts to {} distinct ends; asked {asked} times, refused {refused}",
        guide.surrogate.name,
        guide.starts,
        distinct.len()
    );
    Some(Guided {
        report: GuideReport {
            name: guide.surrogate.name.clone(),
            starts: guide.starts,
            distinct: distinct.len(),
            asked,
            refused,
            at_optimum: None,
        },
        points: distinct.into_iter().map(|end| end.x).collect(),
    })
}

/// The report with what the surrogate says of the optimum that the cell model found.
pub(super) fn judged(task: &Task<'_>, report: GuideReport, x: &[f64]) -> GuideReport {
    let at_optimum = proxy(task).and_then(|proxy| {
        let predicted = proxy.predicted(x).ok()?;
        let values: Vec<f64> = predicted.iter().map(|answer| answer.value).collect();
        let mut rows = task.measurements.residuals(&values);
        rows.extend(task.belief.residuals(x));
        Some((rows.iter().map(|r| r * r).sum(), predicted))
    });
    if let Some((cost, _)) = &at_optimum {
        let stage = task.stage("surrogate");
        tracing::info!("{stage}: at the optimum of the cell model its cost is {cost:.4}");
    }
    GuideReport {
        at_optimum,
        ..report
    }
}
