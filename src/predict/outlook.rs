//! Predictions over a grid of conditions: a cloud of draws, the optimum on a fine mesh, and what the difference between
//! the two says.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::cloud::Cloud;
use super::cloud::CloudReport;
use super::cloud::Point;
use super::control::Control;
use super::control::controls;
use super::loading::BestLoading;
use super::loading::best_loading;
use super::setting::Condition;
use super::setting::CycleAnswer;
use super::setting::Quantity;
use super::setting::Setting;
use super::setting::one_c_mah_g;
use super::support::Knowledge;
use super::support::Support;
use super::support::knowledge;
use super::weighted::Weighted;
use crate::estimate::Archive;
use crate::estimate::Fitted;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::estimate::Study;
use crate::estimate::Variant;
use crate::numerics::fingerprint::fingerprint;
use crate::simulate::Resolution;
use crate::simulate::StepOutcome;
use crate::surrogate::Surrogate;

/// The probability that intervals are meant to hold.
pub const INTERVAL_LEVEL: f64 = 0.9;
/// Points of a voltage curve that are kept.
const CURVE_POINTS: usize = 120;
/// An answer at the optimum below which draws are not corrected for the mesh: a dead cell has no ratio (mAh g⁻¹).
const CORRECTED_FROM: f64 = 20.0;
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

/// One predicted number.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Position of the condition.
    pub condition: usize,
    /// Cycle.
    pub cycle: usize,
    /// What.
    pub quantity: Quantity,
    /// Its value at the optimum of each variant, on the fine mesh; not a number if the simulation failed.
    pub at_optimum: Vec<f64>,
    /// Median of all draws, and the interval of parameters, variants and scatter together.
    pub interval: [f64; 3],
    /// Median and interval of parameters and variants, without the scatter.
    pub model_interval: [f64; 3],
    /// Standard deviation by the uncertainty of the parameters, within the variants.
    pub parameter_sd: f64,
    /// Standard deviation between the variants.
    pub model_sd: f64,
    /// Standard deviation by the scatter of cells and readings.
    pub scatter_sd: f64,
    /// Draws that gave it.
    pub n: usize,
    /// What limits the capacity there, in the variant of the largest weight; `None` if that could not be computed.
    pub control: Option<Control>,
    /// How far the design lies beyond what informed the fit, as a factor on loading, current or cycle (1).
    pub extrapolation: f64,
    /// What the data say about it, in the variant of the largest weight.
    pub knowledge: Option<Knowledge>,
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

/// One variant on its way.
struct Branch<'f> {
    variant: &'f Variant,
    fitted: &'f Fitted,
    cloud: Cloud,
    weight: f64,
    /// Answers at the optimum on the fine mesh, one per condition.
    fine: Vec<Option<Vec<CycleAnswer>>>,
    /// Answers of the draws, `n_conditions` of `n_draws`, corrected by the fine mesh.
    draws: Vec<Vec<Option<Vec<CycleAnswer>>>>,
}

/// Predicts the grid.
///
/// # Errors
/// Why the surrogate does not belong here, or which condition cannot be built.
pub fn outlook(
    forecast: &Forecast<'_>,
    (monitor, archive): (&dyn Monitor, &dyn Archive),
) -> Result<Outlook, String> {
    let known: Option<Vec<f64>> = forecast.fitted.iter().map(|f| f.weight).collect();
    let weights = known
        .clone()
        .unwrap_or_else(|| vec![1.0; forecast.fitted.len()]);
    let all: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|w| w / all).collect();
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
    let reasons: Vec<(Option<Vec<Control>>, Option<Vec<Knowledge>>)> = forecast
        .conditions
        .par_iter()
        .map(|condition| {
            let reasons = reasons(forecast, main, condition, monitor);
            advance(monitor, done.fetch_add(1, Memory::Relaxed) + 1, main);
            reasons
        })
        .collect();
    let entries = entries(forecast, &branches, (&reasons, &support));
    let checks = checks(forecast, main, monitor)?;
    let reports = branches.iter().map(|b| b.cloud.report());
    let is_missing = |b: &Branch<'_>| b.fine.iter().filter(|f| f.is_none()).count();
    Ok(Outlook {
        weights_are_known: known.is_some(),
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

fn advance(monitor: &dyn Monitor, done: usize, branch: &Branch<'_>) {
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
fn point(
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
) -> (Option<Vec<Control>>, Option<Vec<Knowledge>>) {
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

fn entries(
    forecast: &Forecast<'_>,
    branches: &[Branch<'_>],
    (reasons, support): (&[(Option<Vec<Control>>, Option<Vec<Knowledge>>)], &Support),
) -> Vec<Entry> {
    let one_c = one_c_mah_g(&forecast.study.variants[0].mechanism);
    let mut entries = Vec::new();
    for (position, condition) in forecast.conditions.iter().enumerate() {
        let (control, known) = &reasons[position];
        for (at, cycle) in forecast.setting.cycles.iter().enumerate() {
            for quantity in Quantity::ALL {
                if quantity == Quantity::Retention && at == 0 {
                    continue;
                }
                let told = |answer: &Vec<CycleAnswer>| {
                    answer[at].quantity(quantity, condition, &answer[0], one_c)
                };
                let of_branch = |branch: &Branch<'_>| -> Vec<f64> {
                    let draws = branch.draws[position].iter().flatten();
                    draws.map(told).filter(|v| v.is_finite()).collect()
                };
                let draws: Vec<Vec<f64>> = branches.iter().map(of_branch).collect();
                let fine = branches.iter().map(|branch| {
                    let fine = branch.fine[position].as_ref();
                    fine.map_or(f64::NAN, told)
                });
                let weights: Vec<f64> = branches.iter().map(|b| b.weight).collect();
                let scatter = if quantity == Quantity::Power {
                    0.0
                } else {
                    forecast.scatter
                };
                entries.push(Entry {
                    condition: position,
                    cycle: *cycle,
                    quantity,
                    at_optimum: fine.collect(),
                    control: control.as_ref().map(|all| all[at].clone()),
                    extrapolation: support.extrapolation(condition, *cycle),
                    knowledge: known.as_ref().map(|all| all[at].clone()),
                    ..spread(&draws, &weights, (scatter, forecast.seed))
                });
            }
        }
    }
    entries
}

/// Intervals and standard deviations of draws of several variants, apart and together.
fn spread(draws: &[Vec<f64>], weights: &[f64], (scatter, seed): (f64, u64)) -> Entry {
    let pooled = || {
        let each = draws.iter().zip(weights);
        each.flat_map(|(values, weight)| {
            let weight = weight / values.len().max(1) as f64;
            values.iter().map(move |value| (*value, weight))
        })
    };
    let within: Vec<Weighted> = draws
        .iter()
        .map(|values| Weighted::new(values.iter().map(|v| (*v, 1.0))))
        .collect();
    let known = || within.iter().zip(weights).filter(|(w, _)| !w.is_empty());
    let all: f64 = known().map(|(_, weight)| weight).sum();
    let mean = known().map(|(w, weight)| weight * w.mean()).sum::<f64>() / all;
    let variance = known()
        .map(|(w, weight)| weight * w.sd().powi(2))
        .sum::<f64>()
        / all;
    let between = known().map(|(w, weight)| weight * (w.mean() - mean).powi(2));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut noisy = || {
        let normal: f64 = StandardNormal.sample(&mut random);
        (scatter * normal).exp()
    };
    let model = Weighted::new(pooled());
    let with_scatter = Weighted::new(pooled().map(|(value, weight)| (value * noisy(), weight)));
    Entry {
        condition: 0,
        cycle: 0,
        quantity: Quantity::Capacity,
        at_optimum: Vec::new(),
        interval: with_scatter.median_and_interval(INTERVAL_LEVEL),
        model_interval: model.median_and_interval(INTERVAL_LEVEL),
        parameter_sd: variance.sqrt(),
        model_sd: (between.sum::<f64>() / all).sqrt(),
        scatter_sd: scatter * mean,
        n: draws.iter().map(Vec::len).sum(),
        control: None,
        extrapolation: 1.0,
        knowledge: None,
    }
}

/// The best loading at every current, amount of electrolyte and cycle of the grid.
fn best_loadings(forecast: &Forecast<'_>, branches: &[Branch<'_>]) -> Vec<BestLoading> {
    let mut best = Vec::new();
    let mut seen: Vec<(u64, Option<u64>)> = Vec::new();
    for condition in &forecast.conditions {
        let kind = |c: &Condition| (c.c_rate.to_bits(), c.electrolyte_m3_kg.map(f64::to_bits));
        if seen.contains(&kind(condition)) {
            continue;
        }
        seen.push(kind(condition));
        let mut alike: Vec<(f64, usize)> = (0..forecast.conditions.len())
            .filter(|i| kind(&forecast.conditions[*i]) == kind(condition))
            .map(|i| (forecast.conditions[i].loading_kg_m2, i))
            .collect();
        alike.sort_by(|a, b| a.0.total_cmp(&b.0));
        let loadings: Vec<f64> = alike.iter().map(|(loading, _)| *loading).collect();
        for (at, cycle) in forecast.setting.cycles.iter().enumerate() {
            let draws = branches.iter().flat_map(|branch| {
                let n = branch.draws.first().map_or(0, Vec::len);
                let weight = branch.weight / n.max(1) as f64;
                let alike = &alike;
                (0..n).map(move |draw| {
                    let areal = alike.iter().map(|(loading, condition)| {
                        let answer = branch.draws[*condition][draw].as_ref();
                        answer.map_or(f64::NAN, |a| a[at].capacity * loading * 0.1)
                    });
                    (areal.collect::<Vec<f64>>(), weight)
                })
            });
            let draws: Vec<(Vec<f64>, f64)> = draws.collect();
            best.extend(best_loading(
                (condition, *cycle),
                &loadings,
                &draws,
                INTERVAL_LEVEL,
            ));
        }
    }
    best
}

/// How far the ways are apart: cloud against fine mesh at a few draws, and the fine mesh against one twice as fine.
fn checks(
    forecast: &Forecast<'_>,
    main: &Branch<'_>,
    monitor: &dyn Monitor,
) -> Result<Vec<Check>, String> {
    let mut checks = Vec::new();
    let setting = &forecast.setting;
    let mechanism = &main.variant.mechanism;
    let xs = main
        .fitted
        .draws(&main.variant.free, forecast.draws, forecast.seed);
    let n = forecast.checks.min(xs.len());
    monitor.begin("checks by the cell model on the fine mesh", n + 1);
    let pairs: Vec<(usize, usize)> = (0..n)
        .map(|i| {
            (
                i * xs.len() / n.max(1),
                i % forecast.conditions.len().max(1),
            )
        })
        .collect();
    let fine_of = |x: &[f64], condition: usize, refine: usize| -> Option<Vec<CycleAnswer>> {
        let (values, at) =
            point(forecast, main.variant, x, &forecast.conditions[condition]).ok()?;
        let mesh = (forecast.fine, refine);
        let answers = setting.simulated(mechanism, &values, &at, mesh, None);
        answers.ok().map(|(answers, _)| answers)
    };
    let done = AtomicUsize::new(0);
    let differences: Vec<Vec<f64>> = pairs
        .par_iter()
        .map(|(draw, condition)| {
            if monitor.is_interrupted() {
                return Vec::new();
            }
            let fine = fine_of(&xs[*draw], *condition, 1);
            advance(monitor, done.fetch_add(1, Memory::Relaxed) + 1, main);
            let cloud = main.draws[*condition][*draw].as_ref();
            fine.as_ref()
                .zip(cloud)
                .map_or_else(Vec::new, |(f, c)| relative(f, c))
        })
        .collect();
    let by = main
        .cloud
        .surrogate()
        .map_or("coarse mesh", |_| "surrogate");
    checks.extend(check(
        format!("{by} of the cloud against the cell model on the fine mesh, at draws"),
        differences.concat(),
    ));
    // The thickest electrode at the largest current asks most of the mesh.
    let demand = |c: &Condition| c.loading_kg_m2 * c.c_rate;
    let hardest = (0..forecast.conditions.len()).max_by(|a, b| {
        demand(&forecast.conditions[*a]).total_cmp(&demand(&forecast.conditions[*b]))
    });
    if let Some(hardest) = hardest
        && let Some(fine) = &main.fine[hardest]
        && !monitor.is_interrupted()
        && let Some(finer) = fine_of(&main.fitted.x, hardest, 2)
    {
        checks.extend(check(
            format!(
                "fine mesh against one twice as fine, at the optimum, {} mg/cm2 at {}C",
                crate::units::short(100.0 * forecast.conditions[hardest].loading_kg_m2),
                crate::units::short(forecast.conditions[hardest].c_rate)
            ),
            relative(&finer, fine),
        ));
    }
    Ok(checks)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(capacity: f64) -> Option<Vec<CycleAnswer>> {
        Some(vec![CycleAnswer {
            capacity,
            energy: 1.2 * capacity,
        }])
    }

    #[test]
    fn draws_are_moved_by_what_the_fine_mesh_gives() {
        let answers = [answer(1000.0), answer(500.0), None];
        let fine = answer(1100.0).unwrap();
        let moved = corrected(&answers, Some(&fine));
        assert!((moved[0].as_ref().unwrap()[0].capacity - 550.0).abs() < 1e-9);
        assert!(moved[1].is_none());
        // Another cell altogether is no correction.
        let other = answer(10.0).unwrap();
        let moved = corrected(&answers, Some(&other));
        assert!((moved[0].as_ref().unwrap()[0].capacity - 500.0).abs() < 1e-9);
    }

    #[test]
    fn rows_keep_answers_and_failures() {
        let answers = vec![answer(3.0), None];
        assert_eq!(from_rows(&to_rows(&answers, 1), 2).unwrap(), answers);
        assert!(from_rows(&to_rows(&answers, 1), 3).is_none());
    }

    #[test]
    fn spreads_add_up() {
        let first: Vec<f64> = (0..2001).map(|i| 990.0 + 0.01 * f64::from(i)).collect();
        let second: Vec<f64> = first.iter().map(|v| v + 100.0).collect();
        let entry = spread(&[first, second], &[0.5, 0.5], (0.03, 1));
        let uniform_sd = 20.0 / 12.0_f64.sqrt();
        assert!((entry.parameter_sd - uniform_sd).abs() < 0.1);
        assert!((entry.model_sd - 50.0).abs() < 1e-6);
        assert!((entry.scatter_sd - 0.03 * 1050.0).abs() < 0.1);
        assert!(entry.interval[1] < entry.model_interval[1]);
        assert!(entry.interval[2] > entry.model_interval[2]);
    }
}
