//! Predictions over a grid of conditions: a cloud of draws, the optimum on a fine mesh, and what the difference between
//! the two says.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use rayon::prelude::*;

use super::check::Check;
use super::check::checks;
use super::cloud::Cloud;
use super::cloud::CloudReport;
use super::cloud::Point;
use super::control::Control;
use super::control::controls;
use super::entry::Entry;
use super::entry::best_loadings;
use super::entry::entries;
use super::loading::BestLoading;
use super::setting::Condition;
use super::setting::CycleAnswer;
use super::setting::Setting;
use super::setting::one_c_mah_g;
use super::support::Knowledge;
use super::support::Support;
use super::support::knowledge;
use crate::estimate::Archive;
use crate::estimate::Fitted;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::estimate::Study;
use crate::estimate::Variant;
use crate::estimate::model_weights;
use crate::numerics::fingerprint::fingerprint;
use crate::simulate::Resolution;
use crate::simulate::StepOutcome;
use crate::surrogate::Surrogate;

/// The probability that intervals are meant to hold.
pub const INTERVAL_LEVEL: f64 = 0.9;
/// Points of a voltage curve that are kept.
const CURVE_POINTS: usize = 120;
/// An answer at the optimum below which draws are not corrected for the mesh: a dead cell has no ratio (mAh g⁻¹).
pub(super) const CORRECTED_FROM: f64 = 20.0;
/// Largest correction (1): more says that the coarse answer is another cell.
const CORRECTION_MAX: f64 = 1.5;

/// What is to be predicted.
#[derive(Clone, Debug)]
pub struct Forecast<'f> {
    /// The study that was fitted.
    pub study: &'f Study,
    /// Position of the cell whose catalyst is asked about.
    pub cell: usize,
    /// What the fit left behind, in the order of the variants.
    pub fitted: &'f [Fitted],
    /// Protocol and cycles.
    pub setting: Setting,
    /// The grid.
    pub conditions: Vec<Condition>,
    /// Draws of each variant.
    pub draws: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Relative standard deviation of a measured capacity from cell to cell and reading to reading (1).
    pub scatter: f64,
    /// Mesh and tolerances of the cloud.
    pub coarse: Resolution,
    /// Mesh and tolerances of the optimum.
    pub fine: Resolution,
    /// A surrogate for the cloud.
    pub surrogate: Option<Arc<Surrogate>>,
    /// Draws that are simulated on the fine mesh too, to tell how far the cloud is off.
    pub checks: usize,
}

/// The voltage of a discharge at the optimum of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VoltageCurve {
    /// Position of the condition.
    pub condition: usize,
    /// Position of the variant.
    pub variant: usize,
    /// Cycle.
    pub cycle: usize,
    /// Charge (mAh g⁻¹) and voltage (V).
    pub points: Vec<(f64, f64)>,
}

/// What was predicted.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// Weights of the variants, in the order of `fitted`.
    pub weights: Vec<f64>,
    /// Whether they come from the evidence; otherwise all are equal.
    pub weights_are_known: bool,
    /// The numbers.
    pub entries: Vec<Entry>,
    /// Voltage curves of the first and the last cycle that were asked about.
    pub curves: Vec<VoltageCurve>,
    /// The best loadings.
    pub best_loadings: Vec<BestLoading>,
    /// Comparisons of surrogate, coarse and fine mesh.
    pub checks: Vec<Check>,
    /// Who answered.
    pub cloud: CloudReport,
    /// The surrogate that answered, if one did.
    pub surrogate: Option<String>,
    /// What informed the fit.
    pub support: Support,
    /// Simulations on the fine mesh that failed.
    pub failed_at_optimum: usize,
    /// Whether somebody asked for an end before all was done.
    pub is_interrupted: bool,
}

/// What limits a condition and what is known about it, cycle by cycle.
pub(super) type Reasons = (Option<Vec<Control>>, Option<Vec<Knowledge>>);

/// One variant on its way.
pub(super) struct Branch<'f> {
    pub(super) variant: &'f Variant,
    pub(super) fitted: &'f Fitted,
    pub(super) cloud: Cloud,
    pub(super) weight: f64,
    /// Answers at the optimum on the fine mesh, one per condition.
    pub(super) fine: Vec<Option<Vec<CycleAnswer>>>,
    /// Answers of the draws, `n_conditions` of `n_draws`, corrected by the fine mesh.
    pub(super) draws: Vec<Vec<Option<Vec<CycleAnswer>>>>,
}

/// Predicts the grid.
///
/// # Errors
/// Why the surrogate does not belong here, or which condition cannot be built.
pub fn outlook(
    forecast: &Forecast<'_>,
    (monitor, archive): (&dyn Monitor, &dyn Archive),
) -> Result<Outlook, String> {
    let (weights, weights_are_known) = model_weights(forecast.fitted);
    let mut branches: Vec<Branch<'_>> = Vec::new();
    let mut curves = Vec::new();
    for (fitted, weight) in forecast.fitted.iter().zip(&weights) {
        let (mut branch, of_branch) = branch(forecast, fitted, *weight, monitor)?;
        curves.extend(of_branch);
        branch.draws = drawn(forecast, &branch, (monitor, archive))?;
        branches.push(branch);
    }
    let main = (0..branches.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b]));
    let main = &branches[main.ok_or("no variant to predict with")?];
    let support = Support::new(forecast.study, forecast.cell);
    monitor.begin("what limits, and what is known", forecast.conditions.len());
    let done = AtomicUsize::new(0);
    let reasons: Vec<Reasons> = forecast
        .conditions
        .par_iter()
        .map(|condition| {
            let reasons = reasons(forecast, main, condition, monitor);
            advance(monitor, done.fetch_add(1, Memory::Relaxed) + 1, main);
            reasons
        })
        .collect();
    let entries = entries(forecast, &branches, (&reasons, &support));
    let checks = checks(forecast, main, monitor);
    let reports = branches.iter().map(|b| b.cloud.report());
    let is_missing = |b: &Branch<'_>| b.fine.iter().filter(|f| f.is_none()).count();
    Ok(Outlook {
        weights_are_known,
        best_loadings: best_loadings(forecast, &branches),
        entries,
        curves,
        checks,
        cloud: reports.fold(CloudReport::default(), |a, b| CloudReport {
            by_surrogate: a.by_surrogate + b.by_surrogate,
            refused: a.refused + b.refused,
            by_model: a.by_model + b.by_model,
            failed: a.failed + b.failed,
        }),
        surrogate: main.cloud.surrogate().map(str::to_owned),
        support,
        failed_at_optimum: branches.iter().map(is_missing).sum(),
        is_interrupted: monitor.is_interrupted(),
        weights,
    })
}

pub(super) fn advance(monitor: &dyn Monitor, done: usize, branch: &Branch<'_>) {
    monitor.advance(&Status {
        stage: "",
        iteration: Some(done),
        cost: f64::NAN,
        scaled_gradient: f64::NAN,
        evaluations: done,
        failed: branch.cloud.report().failed,
    });
}

/// The parameter values of a cell built for a condition, at coordinates of a variant.
pub(super) fn point(
    forecast: &Forecast<'_>,
    variant: &Variant,
    x: &[f64],
    condition: &Condition,
) -> Result<Point, String> {
    let values = forecast.study.values(variant, x, forecast.cell, 0);
    let values = Setting::designed(&variant.mechanism, values, condition);
    Ok((values.map_err(|error| error.to_string())?, *condition))
}

/// A variant with its answers at the optimum, and the voltage curves there.
fn branch<'f>(
    forecast: &Forecast<'f>,
    fitted: &'f Fitted,
    weight: f64,
    monitor: &dyn Monitor,
) -> Result<(Branch<'f>, Vec<VoltageCurve>), String> {
    let variant = &forecast.study.variants[fitted.variant];
    let mechanism = Arc::clone(&variant.mechanism);
    let mut cloud = Cloud::new(forecast.setting.clone(), mechanism, forecast.coarse);
    if let Some(surrogate) = &forecast.surrogate {
        cloud = cloud.with_surrogate(Arc::clone(surrogate))?;
    }
    let n = forecast.conditions.len();
    monitor.begin(&format!("{}, optimum on the fine mesh", variant.name), n);
    let points: Vec<Point> = forecast
        .conditions
        .iter()
        .map(|condition| point(forecast, variant, &fitted.x, condition))
        .collect::<Result<_, _>>()?;
    let done = AtomicUsize::new(0);
    let outcomes: Vec<Option<(Vec<CycleAnswer>, Vec<VoltageCurve>)>> = points
        .par_iter()
        .enumerate()
        .map(|(position, point)| {
            if monitor.is_interrupted() {
                return None;
            }
            let outcome = at_optimum(forecast, variant, point, (position, fitted.variant));
            let done = done.fetch_add(1, Memory::Relaxed) + 1;
            monitor.advance(&Status {
                stage: "",
                iteration: Some(done),
                cost: f64::NAN,
                scaled_gradient: f64::NAN,
                evaluations: done,
                failed: 0,
            });
            outcome
        })
        .collect();
    let mut fine = Vec::new();
    let mut curves = Vec::new();
    for outcome in outcomes {
        let (answers, own) = outcome.unzip();
        fine.push(answers);
        curves.extend(own.unwrap_or_default());
    }
    let branch = Branch {
        variant,
        fitted,
        cloud,
        weight,
        fine,
        draws: Vec::new(),
    };
    Ok((branch, curves))
}

/// Answers and voltage curves of one condition on the fine mesh.
fn at_optimum(
    forecast: &Forecast<'_>,
    variant: &Variant,
    (values, condition): &Point,
    (position, index): (usize, usize),
) -> Option<(Vec<CycleAnswer>, Vec<VoltageCurve>)> {
    let setting = &forecast.setting;
    let at = (forecast.fine, 1);
    let (cell, outcome) = setting
        .outcome::<f64>(&variant.mechanism, values, condition, at, None)
        .ok()?;
    let answers = setting.observables().into_iter().map(|[capacity, energy]| {
        Some(CycleAnswer {
            capacity: capacity.measure(&cell, &outcome)?,
            energy: energy.measure(&cell, &outcome).unwrap_or(0.0),
        })
    });
    let answers: Vec<CycleAnswer> = answers.collect::<Option<_>>()?;
    let StepOutcome::Cycles(log) = outcome.steps.get(setting.step)? else {
        return None;
    };
    let ends = [setting.cycles.first(), setting.cycles.last()];
    let mut curves = Vec::new();
    for cycle in ends.into_iter().flatten() {
        let Some((discharge, _)) = log.curves_of(*cycle) else {
            continue;
        };
        if curves.iter().any(|c: &VoltageCurve| c.cycle == *cycle) {
            continue;
        }
        let record = &discharge.record;
        let per_second = condition.c_rate * one_c_mah_g(&variant.mechanism) / 3600.0;
        let step = record.len().div_ceil(CURVE_POINTS).max(1);
        let kept = (0..record.len()).filter(|i| i % step == 0 || i + 1 == record.len());
        let points = kept.map(|i| (record.time_s[i] * per_second, record.voltage_v[i]));
        curves.push(VoltageCurve {
            condition: position,
            variant: index,
            cycle: *cycle,
            points: points.collect(),
        });
    }
    Some((answers, curves))
}

/// The draws of a variant at every condition, each condition kept as it is finished.
fn drawn(
    forecast: &Forecast<'_>,
    branch: &Branch<'_>,
    (monitor, archive): (&dyn Monitor, &dyn Archive),
) -> Result<Vec<Vec<Option<Vec<CycleAnswer>>>>, String> {
    let variant = branch.variant;
    let xs = branch
        .fitted
        .draws(&variant.free, forecast.draws, forecast.seed);
    if xs.is_empty() {
        return Err(format!(
            "variant '{}': the covariance of the fit is not positive definite; fit again, with --posterior for samples",
            variant.name
        ));
    }
    let stage = format!("{}, draws", variant.name);
    monitor.begin(&stage, forecast.conditions.len());
    let mut all = Vec::new();
    for (position, condition) in forecast.conditions.iter().enumerate() {
        // The optimum comes first: what it gives against the fine mesh corrects the others.
        let points: Vec<Point> = std::iter::once(&branch.fitted.x)
            .chain(&xs)
            .map(|x| point(forecast, variant, x, condition))
            .collect::<Result<_, _>>()?;
        let text = format!(
            "{:?} {condition:?} {:?} {:?} {points:?}",
            forecast.setting,
            branch.cloud.surrogate(),
            forecast.coarse
        );
        let key = format!(
            "{}/draws-{:016x}",
            variant.name,
            fingerprint(text.as_bytes())
        );
        let kept = archive
            .recall(&key)
            .and_then(|rows| from_rows(&rows, points.len()));
        let answers = kept.unwrap_or_else(|| {
            let answers = branch.cloud.answers(&points, &|| !monitor.is_interrupted());
            if !monitor.is_interrupted() {
                archive.keep(&key, &to_rows(&answers, forecast.setting.cycles.len()));
            }
            answers
        });
        all.push(corrected(&answers, branch.fine[position].as_deref()));
        advance(monitor, position + 1, branch);
    }
    Ok(all)
}

fn to_rows(answers: &[Option<Vec<CycleAnswer>>], n_cycles: usize) -> Vec<Vec<f64>> {
    let rows = answers.iter().map(|answer| match answer {
        Some(cycles) => cycles.iter().flat_map(|c| [c.capacity, c.energy]).collect(),
        None => vec![f64::NAN; 2 * n_cycles],
    });
    rows.collect()
}

fn from_rows(rows: &[Vec<f64>], n: usize) -> Option<Vec<Option<Vec<CycleAnswer>>>> {
    let answers = rows.iter().map(|row| {
        let pairs = row.chunks_exact(2).map(|pair| CycleAnswer {
            capacity: pair[0],
            energy: pair[1],
        });
        let cycles: Vec<CycleAnswer> = pairs.collect();
        cycles
            .iter()
            .all(|c| c.capacity.is_finite())
            .then_some(cycles)
    });
    (rows.len() == n).then(|| answers.collect())
}

/// Draws without the optimum that came first, multiplied by what the fine mesh gave for it over what they gave.
fn corrected(
    answers: &[Option<Vec<CycleAnswer>>],
    fine: Option<&[CycleAnswer]>,
) -> Vec<Option<Vec<CycleAnswer>>> {
    let Some((optimum, draws)) = answers.split_first() else {
        return Vec::new();
    };
    let ratio = |fine: f64, coarse: f64| {
        let ratio = fine / coarse;
        let is_plain = fine > CORRECTED_FROM && coarse > CORRECTED_FROM;
        let is_small = (CORRECTION_MAX.recip()..=CORRECTION_MAX).contains(&ratio);
        if is_plain && is_small { ratio } else { 1.0 }
    };
    let factors: Option<Vec<[f64; 2]>> = optimum.as_ref().zip(fine).map(|(coarse, fine)| {
        let pairs = coarse.iter().zip(fine);
        pairs
            .map(|(c, f)| [ratio(f.capacity, c.capacity), ratio(f.energy, c.energy)])
            .collect()
    });
    let Some(factors) = factors else {
        return draws.to_vec();
    };
    let one = |answer: &Vec<CycleAnswer>| -> Vec<CycleAnswer> {
        let pairs = answer.iter().zip(&factors);
        pairs
            .map(|(c, f)| CycleAnswer {
                capacity: c.capacity * f[0],
                energy: c.energy * f[1],
            })
            .collect()
    };
    draws
        .iter()
        .map(|answer| answer.as_ref().map(one))
        .collect()
}

/// What limits a condition and what the data say about it, cycle by cycle.
fn reasons(
    forecast: &Forecast<'_>,
    main: &Branch<'_>,
    condition: &Condition,
    monitor: &dyn Monitor,
) -> Reasons {
    if monitor.is_interrupted() {
        return (None, None);
    }
    let Ok((values, _)) = point(forecast, main.variant, &main.fitted.x, condition) else {
        return (None, None);
    };
    let at = (condition, forecast.coarse);
    let control = controls(&forecast.setting, &main.variant.mechanism, &values, at).ok();
    let known = knowledge(forecast, (main.variant, main.fitted), condition);
    (control, known.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(capacity: f64) -> Vec<CycleAnswer> {
        vec![CycleAnswer {
            capacity,
            energy: 1.2 * capacity,
        }]
    }

    #[test]
    fn draws_are_moved_by_what_the_fine_mesh_gives() {
        let answers = [Some(answer(1000.0)), Some(answer(500.0)), None];
        let fine = answer(1100.0);
        let moved = corrected(&answers, Some(&fine));
        assert!((moved[0].as_ref().unwrap()[0].capacity - 550.0).abs() < 1e-9);
        assert!(moved[1].is_none());
        // Another cell altogether is no correction.
        let other = answer(10.0);
        let moved = corrected(&answers, Some(&other));
        assert!((moved[0].as_ref().unwrap()[0].capacity - 500.0).abs() < 1e-9);
    }

    #[test]
    fn rows_keep_answers_and_failures() {
        let answers = vec![Some(answer(3.0)), None];
        assert_eq!(from_rows(&to_rows(&answers, 1), 2).unwrap(), answers);
        assert!(from_rows(&to_rows(&answers, 1), 3).is_none());
    }
}
