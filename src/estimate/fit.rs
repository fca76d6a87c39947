//! The fit of a study: search on a coarse mesh, the fine mesh, uncertainty, predictions, comparison of variants.

use std::sync::atomic::Ordering as Memory;

use super::Archive;
use super::Monitor;
use super::ablation::ablations;
use super::archive::fingerprint;
use super::belief::Belief;
use super::comparison::compared;
use super::counters::Counters;
use super::design::promises;
use super::discretisation::mesh_shifts;
use super::evidence::Evidence;
use super::guide::judged;
use super::knowledge::Knowledge;
use super::measurement::Measurements;
use super::noise::settled_on_fine_mesh;
use super::noise::tempered;
use super::noise::with_estimated_noise;
use super::objective::Curves;
use super::outcome::AlternativeCost;
use super::outcome::FitReport;
use super::outcome::StartReport;
use super::outcome::VariantReport;
use super::posterior::Posterior;
use super::posterior::posterior;
use super::profile::Origin;
use super::profile::Profile;
use super::profile::profiles;
use super::reading::Readings;
use super::search::search;
use super::study::Study;
use super::study::Variant;
use super::task::DAMPING_NEAR;
use super::task::Quiet;
use super::task::SETTLED_PROMISE;
use super::task::Task;
use super::weighted::WeightedPosterior;
use super::weighted::weighted_posterior;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Residuals;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::StopReason;
use crate::simulate::SimulationFailure;

/// What a fit shall do beyond the optimum and its curvature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Whether the cost is profiled along every free quantity.
    pub profiles: bool,
    /// Number of draws from the posterior; none if zero.
    pub draws: usize,
    /// Number of draws from the surrogate's posterior, weighted by the cell model; none if zero.
    pub weighted_draws: usize,
    /// Whether the fit is repeated without each record.
    pub ablate: bool,
}

/// Fits every variant of a study.
pub fn fit(
    study: &Study,
    effort: &Effort,
    monitor: &dyn Monitor,
    archive: &dyn Archive,
) -> FitReport {
    let counters = Counters::default();
    let mut variants = Vec::new();
    for index in 0..study.variants.len() {
        if index > 0 && monitor.is_interrupted() {
            break;
        }
        let mut task = new_task(study, index, &counters, (monitor, archive));
        task.carried.extend(carried(study, &variants, index));
        variants.push(fit_variant(&task, effort));
    }
    let mut report = total(variants, &counters, monitor);
    report.comparison = compared(study, &report.variants);
    report
}

/// The optima of the variants that this one contains, as points of its own: what explains must compare with what it
/// contains from the same valley.
fn carried(study: &Study, fitted: &[VariantReport], index: usize) -> Vec<Vec<f64>> {
    let own = &study.variants[index];
    let explains = |variant: &Variant| -> Vec<String> {
        let names = variant
            .compared
            .iter()
            .map(|i| variant.free[*i].name.clone());
        names.collect()
    };
    let contained = fitted.iter().filter(|report| {
        let parts = explains(&study.variants[report.variant]);
        let whole = explains(own);
        !parts.is_empty() && parts.len() < whole.len() && parts.iter().all(|p| whole.contains(p))
    });
    contained
        .map(|report| {
            let other = &study.variants[report.variant].free;
            let point = own.free.iter().map(|free| {
                let same = other
                    .iter()
                    .position(|o| o.name == free.name && o.role == free.role);
                same.map_or(free.prior_coordinates().0, |i| report.x[i])
            });
            point.collect()
        })
        .collect()
}

/// Runs the protocols of a study at the values of its mechanism, without fitting.
pub fn simulate(study: &Study, monitor: &dyn Monitor) -> FitReport {
    let counters = Counters::default();
    let task = new_task(study, 0, &counters, (monitor, &super::Forgetful));
    monitor.begin("simulating", 1);
    let solution = Solution {
        cost: f64::NAN,
        linearisation: None,
        scaled_gradient: f64::NAN,
        iterations: 0,
        stop: StopReason::Given,
        x: given(&study.variants[0]),
    };
    let report = reported(&task, solution, Vec::new());
    total(vec![report], &counters, monitor)
}

/// Runs every protocol of a study on every cell at the values of its mechanism, on the fine mesh; what failed, in
/// order, beside the curves.
pub fn simulate_all(study: &Study, monitor: &dyn Monitor) -> (Vec<Curves>, Vec<SimulationFailure>) {
    let counters = Counters::default();
    let task = new_task(study, 0, &counters, (monitor, &super::Forgetful));
    monitor.begin("simulating", 1);
    let simulator = task.patient_simulator(study.fine, Vec::new());
    let curves = simulator.with_all_runs().curves(&given(&study.variants[0]));
    (curves, counters.failures())
}

/// The coordinates of the values that a simulation without a fit uses.
fn given(variant: &Variant) -> Vec<f64> {
    let x = variant.free.iter().map(|free| {
        let scale = free.scale();
        scale.to_coordinate(free.given.clamp(free.lower, free.upper))
    });
    x.collect()
}

/// The work on one variant with all data and the priors of the study.
pub(super) fn new_task<'s>(
    study: &'s Study,
    index: usize,
    counters: &'s Counters,
    (monitor, archive): (&'s dyn Monitor, &'s dyn Archive),
) -> Task<'s> {
    Task {
        study,
        index,
        measurements: Measurements::new(study),
        belief: Belief::independent(&study.variants[index].free),
        carried: study.variants[index].start.iter().cloned().collect(),
        counters,
        monitor,
        archive,
    }
}

fn total(variants: Vec<VariantReport>, counters: &Counters, monitor: &dyn Monitor) -> FitReport {
    FitReport {
        comparison: None,
        variants,
        evaluations: counters.evaluations.load(Memory::Relaxed),
        failed: counters.failed(),
        failures: counters.failures(),
        is_interrupted: monitor.is_interrupted(),
    }
}

/// Names the free quantities that no observable depends on, before hours are spent on them.
fn warn_of_idle(task: &Task<'_>) {
    let quiet = Quiet(task.monitor);
    let objective = task
        .beside(task.counters, &quiet)
        .objective(task.study.coarse, "");
    let Some(linearisation) = objective.linearise(task.belief.centre()) else {
        return;
    };
    let n_rows = task.measurements.n_rows();
    for (column, free) in task.variant().free.iter().enumerate() {
        let mut rows = linearisation
            .jacobian
            .column(column)
            .into_iter()
            .take(n_rows);
        if rows.all(|slope| slope.abs() < f64::MIN_POSITIVE) {
            task.monitor.warn(&format!(
                "variant '{}': no observable depends on '{}'; the fit returns its prior, fix it or add data",
                task.variant().name,
                free.name
            ));
        }
    }
}

fn fit_variant(task: &Task<'_>, effort: &Effort) -> VariantReport {
    tracing::info!(
        "variant '{}': {} free quantities, {} observables",
        task.variant().name,
        task.variant().free.len(),
        task.study.observations.len()
    );
    warn_of_idle(task);
    let (task, factors) = tempered(task);
    let searched = search(&task);
    let centre = || vec![task.belief.centre().to_vec()];
    let optima = if searched.optima.is_empty() {
        centre()
    } else {
        searched.optima
    };
    let (task, best, noise_factors) = with_estimated_noise(&task, &optima[0], factors);
    let alternatives = alternatives(&task, &best);
    let (solution, polished) = polish(&task, best, &optima[1..]);
    let (task, solution, noise_factors) = settled_on_fine_mesh(&task, solution, noise_factors);
    let beyond = beyond_curvature(&task, &solution.x, effort);
    let ablations = if effort.ablate {
        ablations(&task, &solution.x)
    } else {
        Vec::new()
    };
    let mesh_shifts = if task.study.curves.is_empty() {
        None
    } else {
        let information = task.information(&solution);
        information.and_then(|information| mesh_shifts(&task, &solution, &information))
    };
    let coarse = task.objective(task.study.coarse, "").cost(&solution.x);
    VariantReport {
        cost_coarse: coarse.unwrap_or(f64::NAN),
        guide: searched
            .guide
            .map(|guide| judged(&task, guide, &solution.x)),
        starts: searched.starts,
        alternatives,
        noise_factors,
        polished,
        posterior: beyond.posterior,
        weighted: beyond.weighted,
        ablations,
        mesh_shifts: mesh_shifts.unwrap_or_default(),
        ..reported(&task, solution, beyond.profiles)
    }
}

/// The distinct optima of the coarse mesh on the fine one; the lowest wins.
fn polish(task: &Task<'_>, best: Vec<f64>, others: &[Vec<f64>]) -> (Solution, Vec<f64>) {
    let mut lowest: Option<Solution> = None;
    let mut costs = Vec::new();
    let optima = [best].into_iter().chain(others.iter().cloned());
    for (i, start) in optima.take(task.study.settings.polished).enumerate() {
        let what = match i {
            0 => "fine mesh".to_owned(),
            _ => format!("fine mesh, optimum {}", i + 1),
        };
        let piece = format!("polish-{}", fingerprint(&start));
        let solution = task.remembered(&piece, |task| task.polish((&start, &what)));
        costs.push(solution.cost);
        if lowest.as_ref().is_none_or(|l| solution.cost < l.cost) {
            lowest = Some(solution);
        }
        if task.monitor.is_interrupted() {
            break;
        }
    }
    let lowest = lowest.expect("at least one optimum is polished");
    tracing::info!(
        "variant '{}': of {} polished optima with costs {costs:.4?} the lowest is taken",
        task.variant().name,
        costs.len()
    );
    (lowest, costs)
}

/// Fits the other readings of the source on the coarse mesh, from the optimum of the first reading.
fn alternatives(task: &Task<'_>, x: &[f64]) -> Vec<AlternativeCost> {
    if task.study.alternatives.is_empty() {
        return Vec::new();
    }
    let cost_first = task.objective(task.study.coarse, "").cost(x);
    let fits = task.study.alternatives.iter().map(|alternative| {
        let swapped = task.with_measurements(task.measurements.swapped(alternative.swap));
        let options = task.rough_options(DAMPING_NEAR);
        let start = (x, alternative.name.as_str());
        let piece = format!("alternative-{}-{}", alternative.name, fingerprint(x));
        let solution = swapped.remembered(&piece, |swapped| {
            swapped.descend(task.study.coarse, start, &options)
        });
        tracing::info!(
            "reading '{}': cost {:.4} instead of {:.4}",
            alternative.name,
            solution.cost,
            cost_first.unwrap_or(f64::NAN)
        );
        AlternativeCost {
            name: alternative.name.clone(),
            cost: solution.cost,
            cost_first: cost_first.unwrap_or(f64::NAN),
            stop: solution.stop,
        }
    });
    fits.collect()
}

/// What is known beyond the curvature, as far as it was asked for.
#[derive(Default)]
struct Beyond {
    profiles: Vec<Option<Profile>>,
    posterior: Option<Result<Posterior, String>>,
    weighted: Option<Result<WeightedPosterior, String>>,
}

/// Profiles and posterior samples, as far as they are asked for, on the coarse mesh around its own optimum.
fn beyond_curvature(task: &Task<'_>, x: &[f64], effort: &Effort) -> Beyond {
    if !effort.profiles && effort.draws == 0 && effort.weighted_draws == 0 {
        return Beyond::default();
    }
    let coarse = task.study.coarse;
    let options = Options {
        promise_tolerance: SETTLED_PROMISE,
        ..task.options()
    };
    let piece = format!("coarse-{}", fingerprint(x));
    let solution = task.remembered(&piece, |task| {
        task.descend(coarse, (x, "coarse mesh again"), &options)
    });
    let Some(information) = task.information(&solution) else {
        return Beyond::default();
    };
    let origin = Origin {
        resolution: coarse,
        x: &solution.x,
        cost: solution.cost,
        cost_data: information.chi_squared,
        information: &information,
    };
    let profiles = if effort.profiles {
        profiles(task, &origin)
    } else {
        Vec::new()
    };
    let at = (coarse, &solution.x[..], &information);
    Beyond {
        profiles,
        posterior: (effort.draws > 0).then(|| posterior(task, at, effort.draws)),
        weighted: (effort.weighted_draws > 0)
            .then(|| weighted_posterior(task, at, effort.weighted_draws)),
    }
}

/// Everything that is told about one variant at a point.
fn reported(task: &Task<'_>, solution: Solution, profiles: Vec<Option<Profile>>) -> VariantReport {
    let information = task.information(&solution);
    let free = &task.variant().free;
    let knowledge = information.as_ref().map(|information| {
        Knowledge::judge(information, &task.belief.standard_deviations(), &profiles)
    });
    let evidence = information.as_ref().and_then(|information| {
        let at = (&solution.x[..], solution.linearisation.as_ref()?);
        Evidence::new(
            &task.measurements,
            free,
            at,
            information,
            &task.variant().compared,
        )
    });
    let promises = information.as_ref().map_or_else(Vec::new, |information| {
        promises(task, &solution.x, information)
    });
    let readings = Readings::new(task, &solution, information.as_ref());
    let (cost, cost_data) = readings.costs();
    VariantReport {
        variant: task.index,
        estimates: readings.estimates(&profiles),
        predicted: readings.predicted(),
        verdicts: readings.verdicts(),
        extras: readings.extras(),
        observed: readings.observed(),
        calibrations: readings.calibrations(),
        curves: readings.into_curves(),
        cost,
        cost_data,
        cost_coarse: f64::NAN,
        scaled_gradient: solution.scaled_gradient,
        stop: solution.stop,
        x: solution.x,
        knowledge: knowledge.unwrap_or_default(),
        information,
        profiles,
        evidence,
        promises,
        posterior: None,
        weighted: None,
        ablations: Vec::new(),
        mesh_shifts: Vec::new(),
        noise_factors: Vec::new(),
        polished: Vec::new(),
        guide: None,
        starts: Vec::<StartReport>::new(),
        alternatives: Vec::new(),
    }
}
