//! `result.json`: the result of a fit for other programs.

use std::fmt::Write;

use super::ablation::ablations;
use super::curves::curves;
use super::guide::RawGuide;
use super::guide::RawWeighted;
use super::inference;
use super::inference::RawIdentifiability;
use super::inference::RawPosterior;
use super::result_file::RawAlternative;
use super::result_file::RawFailure;
use super::result_file::RawInput;
use super::result_file::RawObservable;
use super::result_file::RawOrdering;
use super::result_file::RawParameter;
use super::result_file::RawPrediction;
use super::result_file::RawResult;
use super::result_file::RawStart;
use super::result_file::RawVariant;
use crate::estimate::FitReport;
use crate::estimate::INTERVAL_LEVEL;
use crate::estimate::IntervalMethod;
use crate::estimate::NORMAL_95;
use crate::estimate::Observation;
use crate::estimate::Profile;
use crate::estimate::Role;
use crate::estimate::Study;
use crate::estimate::VariantReport;
use crate::mechanism::Prior;
use crate::mechanism::Scale;
use crate::observe::Observable;
use crate::units::Unit;

impl RawResult {
    pub(super) fn new(study: &Study, report: &FitReport) -> Option<Self> {
        let mut variants = report.variants.iter().map(|v| RawVariant::new(study, v));
        let main = variants.next()?;
        let failures = report.failures.iter().map(|failure| RawFailure {
            during: failure.during.clone(),
            time_s: finite(failure.time_s),
            reason: failure.reason.clone(),
        });
        Some(Self {
            version: env!("CARGO_PKG_VERSION"),
            experiment: study.name.clone(),
            seed: study.settings.seed,
            command: command(study, report),
            data: study.origin.as_str(),
            inputs: inputs(study),
            interrupted: report.is_interrupted,
            evaluations: report.evaluations,
            failed_solves: report.failed,
            failures: failures.collect(),
            assumptions: study.assumptions.clone(),
            main,
            variants: variants.collect(),
            models: inference::models(study, report),
            averaged_predictions: inference::averaged(study, report.comparison.as_ref()),
        })
    }
}

impl RawVariant {
    pub(super) fn new(study: &Study, report: &VariantReport) -> Self {
        let variant = &study.variants[report.variant];
        Self {
            variant: variant.name.clone(),
            meaning: variant.meaning.clone(),
            converged: report.stop.is_converged(),
            stop_reason: report.stop.to_string(),
            scaled_gradient: finite(report.scaled_gradient),
            cost: report.cost,
            cost_data: report.cost_data,
            cost_coarse_mesh: finite(report.cost_coarse),
            surrogate: report
                .guide
                .as_ref()
                .map(|guide| RawGuide::new(study, report, guide)),
            starts: starts(report),
            polished_costs: report.polished.clone(),
            alternatives: alternatives(report),
            observables: observables(study, report),
            curves: curves(study, report),
            parameters: parameters(study, report),
            identifiability: RawIdentifiability::new(study, report),
            posterior: match &report.posterior {
                Some(Ok(posterior)) => Some(RawPosterior::new(study, report, posterior)),
                _ => None,
            },
            posterior_failure: report.posterior.clone().and_then(Result::err),
            posterior_by_surrogate: match &report.weighted {
                Some(Ok(weighted)) => Some(RawWeighted::new(study, report, weighted)),
                _ => None,
            },
            posterior_by_surrogate_failure: report.weighted.clone().and_then(Result::err),
            candidates: inference::candidates(study, report),
            calibrations: inference::calibrations(study, report),
            noise_factors: inference::noise_factors(study, report),
            ablation: ablations(study, report),
            predictions: predictions(study, report),
            orderings: orderings(report),
        }
    }
}

/// The command that gives this result from the same files.
fn command(study: &Study, report: &FitReport) -> String {
    let file = study.inputs.first().map_or("FILE", |input| &*input.name);
    let file = if file.contains(char::is_whitespace) {
        format!("'{file}'")
    } else {
        file.to_owned()
    };
    if report.variants.iter().all(|v| v.starts.is_empty()) {
        return format!("sulfit simulate {file}");
    }
    let mut command = format!("sulfit fit {file} --starts {}", study.settings.starts);
    let has = |holds: &dyn Fn(&VariantReport) -> bool| report.variants.iter().any(holds);
    if has(&|v| v.profiles.iter().any(Option::is_some)) {
        command += " --profiles";
    }
    let mut posteriors = report.variants.iter().filter_map(|v| v.posterior.as_ref());
    if let Some(Ok(posterior)) = posteriors.next() {
        let _ = write!(command, " --posterior {}", posterior.n_draws());
    }
    let mut weighted = report.variants.iter().filter_map(|v| v.weighted.as_ref());
    if let Some(Ok(weighted)) = weighted.next() {
        let _ = write!(
            command,
            " --posterior-by-surrogate {}",
            weighted.draws.len()
        );
    }
    if has(&|v| !v.ablations.is_empty()) {
        command += " --ablate";
    }
    command
}

fn inputs(study: &Study) -> Vec<RawInput> {
    let inputs = study.inputs.iter().map(|input| RawInput {
        name: input.name.clone(),
        fingerprint: format!("{:016x}", input.fingerprint),
    });
    inputs.collect()
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn starts(report: &VariantReport) -> Vec<RawStart> {
    let starts = report.starts.iter().map(|start| RawStart {
        found_by: if start.is_guided {
            "surrogate"
        } else {
            "priors"
        },
        cost_at_start: start.cost_at_start,
        cost: finite(start.cost),
        iterations: start.iterations,
        optimum: start.optimum,
        stop_reason: start.stop.to_string(),
    });
    starts.collect()
}

fn alternatives(report: &VariantReport) -> Vec<RawAlternative> {
    let alternatives = report
        .alternatives
        .iter()
        .map(|alternative| RawAlternative {
            name: alternative.name.clone(),
            cost: finite(alternative.cost),
            cost_first_reading: finite(alternative.cost_first),
            stop_reason: alternative.stop.to_string(),
        });
    alternatives.collect()
}

fn observables(study: &Study, report: &VariantReport) -> Vec<RawObservable> {
    let is_of_curve =
        |observation: &Observation| matches!(observation.target.observable, Observable::Point(_));
    let fitted = report.observed.iter();
    let fitted = fitted.filter(|observed| !is_of_curve(&observed.observation));
    let fitted = fitted.map(|observed| {
        let model = finite(observed.model);
        RawObservable {
            used_in_fit: true,
            z: finite(observed.residual),
            model_sd: observed.model_sd.and_then(finite),
            ..observable(study, &observed.observation, model)
        }
    });
    let extras = report.extras.iter();
    let extras = extras.filter(|extra| !is_of_curve(&extra.observation));
    let extras = extras.map(|extra| observable(study, &extra.observation, extra.model));
    fitted.chain(extras).collect()
}

/// A row that was not fitted.
fn observable(study: &Study, observation: &Observation, model: Option<f64>) -> RawObservable {
    let z = model.map(|model| observation.noise.residual(model, observation.measured));
    RawObservable {
        id: observation.target.id.clone(),
        cell: study.cells[observation.target.cell].clone(),
        measured: observation.measured,
        model,
        sd: observation.noise.sd(observation.measured),
        z: z.and_then(finite),
        unit: observation.target.observable.unit().to_owned(),
        used_in_fit: false,
        protocol: study.protocols[observation.target.protocol].name.clone(),
        reading: observation.target.observable.name().to_owned(),
        step: observation.target.observable.place().0,
        cycle: observation.target.observable.place().1,
        model_sd: None,
    }
}

/// The free quantities, then what they make of the parameters that depend on the catalyst.
fn parameters(study: &Study, report: &VariantReport) -> Vec<RawParameter> {
    let variant = &study.variants[report.variant];
    let table = variant.mechanism.parameters();
    let mut rows = Vec::new();
    for estimate in &report.estimates {
        let free = &variant.free[estimate.index];
        let (unit, cell) = match &free.role {
            Role::Value(id) => (table.row(*id).unit.clone(), owner(study, variant, *id)),
            Role::Ratio { cell, .. } => (
                Unit::parse("1").expect("units in the code are known"),
                study.cells[*cell].clone(),
            ),
        };
        let profile = report.profiles.get(estimate.index).and_then(Option::as_ref);
        let (sd_scale, factor) = match free.scale() {
            Scale::Ln => ("ln", 1.0),
            Scale::Linear => ("linear", unit.from_si(1.0)),
        };
        rows.push(RawParameter {
            name: free.name.clone(),
            cell,
            value: unit.from_si(estimate.value),
            sd: estimate.sd.and_then(finite).map(|sd| sd * factor),
            sd_scale,
            prior: prior_text(free.prior, &unit),
            prior_median: ln_normal(free.prior).map(|(median, _)| unit.from_si(median)),
            prior_sd_ln: ln_normal(free.prior).map(|(_, sd)| sd),
            lower: Some(unit.from_si(free.lower)),
            upper: Some(unit.from_si(free.upper)),
            sd_assumed: estimate.sd_assumed.and_then(finite).map(|sd| sd * factor),
            interval: estimate
                .interval
                .map(|(lower, upper, _)| (unit.from_si(lower), unit.from_si(upper))),
            interval_level: INTERVAL_LEVEL,
            interval_method: estimate.interval.map(|(_, _, method)| match method {
                IntervalMethod::Laplace => "laplace",
                IntervalMethod::Profile => "profile",
            }),
            mesh_shift_sd: report
                .mesh_shifts
                .get(estimate.index)
                .copied()
                .and_then(finite),
            verdict: report.knowledge.get(estimate.index).map(|k| k.as_str()),
            verdict_in_words: Some(inference::in_words(study, report, estimate.index)),
            profile_rise_of_interval: profile.map(|p| p.level),
            profile_lower_than_optimum: profile.and_then(Profile::lower_than_optimum),
            profile_failed_points: profile.map(|p| p.n_failed),
            profile: inference::profile(report, estimate.index, (free.scale(), unit.from_si(1.0))),
            unit: unit.to_string(),
        });
    }
    rows.extend(derived(study, report));
    rows.extend(combined(study, report));
    rows
}

/// Whose value a free parameter is: that of all cells, or of those without a ratio.
fn owner(
    study: &Study,
    variant: &crate::estimate::Variant,
    id: crate::mechanism::ParameterId,
) -> String {
    let has_ratio = |cell: usize| {
        variant.free.iter().any(|free| match &free.role {
            Role::Ratio {
                parameters,
                cell: of,
            } => *of == cell && parameters.contains(&id),
            Role::Value(_) => false,
        })
    };
    let without: Vec<&str> = (0..study.cells.len())
        .filter(|cell| !has_ratio(*cell))
        .map(|cell| study.cells[cell].as_str())
        .collect();
    if without.len() == study.cells.len() {
        "shared".to_owned()
    } else {
        without.join(", ")
    }
}

/// Parameters that a ratio makes different in one cell, with the uncertainty of value and ratio together.
fn derived(study: &Study, report: &VariantReport) -> Vec<RawParameter> {
    let variant = &study.variants[report.variant];
    let table = variant.mechanism.parameters();
    let mut rows = Vec::new();
    for (r, ratio) in variant.free.iter().enumerate() {
        let Role::Ratio { parameters, cell } = &ratio.role else {
            continue;
        };
        for id in parameters {
            let leader = table.row(*id).tied_to.unwrap_or(*id);
            let value_at = variant
                .free
                .iter()
                .position(|f| f.role == Role::Value(leader));
            let values = study.values(variant, &report.x, *cell, 0);
            let row = table.row(*id);
            let ln_sd = report.information.as_ref().map(|information| {
                let c = &information.covariance;
                let base = value_at.map_or(0.0, |v| c[[v, v]] + 2.0 * c[[v, r]]);
                (base + c[[r, r]]).max(0.0).sqrt()
            });
            let value = row.unit.from_si(values[id.index()]);
            rows.push(RawParameter {
                unit: row.unit.to_string(),
                prior: format!("derived: {} times '{}'", table.row(leader).name, ratio.name),
                ..following(
                    &row.name,
                    &study.cells[*cell],
                    value,
                    ln_sd.and_then(finite),
                )
            });
        }
    }
    rows
}

/// Products of powers of free quantities, with the uncertainty of all of them together; in SI.
fn combined(study: &Study, report: &VariantReport) -> Vec<RawParameter> {
    let variant = &study.variants[report.variant];
    let rows = study.combinations.iter().map(|combination| {
        let mut gradient = vec![0.0; variant.free.len()];
        for (name, power) in &combination.powers {
            if let Some(i) = variant.free.iter().position(|free| free.name == *name) {
                gradient[i] = *power;
            }
        }
        let ln: f64 = gradient.iter().zip(&report.x).map(|(g, x)| g * x).sum();
        let sd = report.information.as_ref().map(|i| i.sd_along(&gradient));
        let sd = sd.and_then(finite);
        let table = variant.mechanism.parameters();
        let units = combination.powers.iter().filter_map(|(name, power)| {
            let id = table.find(name)?;
            Some((&table.row(id).unit, *power))
        });
        RawParameter {
            unit: Unit::si_of_product(units),
            interval: sd.map(|sd| {
                let end = |side: f64| (ln + side * NORMAL_95 * sd).exp();
                (end(-1.0), end(1.0))
            }),
            interval_method: Some("laplace"),
            ..following(&combination.name, "shared", ln.exp(), sd)
        }
    });
    rows.collect()
}

/// A quantity that follows from free ones.
fn following(name: &str, cell: &str, value: f64, sd: Option<f64>) -> RawParameter {
    RawParameter {
        name: name.to_owned(),
        cell: cell.to_owned(),
        value,
        unit: String::new(),
        sd,
        sd_scale: "ln",
        prior: "derived".to_owned(),
        prior_median: None,
        prior_sd_ln: None,
        lower: None,
        upper: None,
        sd_assumed: None,
        interval: None,
        interval_level: INTERVAL_LEVEL,
        interval_method: None,
        mesh_shift_sd: None,
        verdict: None,
        verdict_in_words: None,
        profile: None,
        profile_rise_of_interval: None,
        profile_lower_than_optimum: None,
        profile_failed_points: None,
    }
}

/// Median and standard deviation of the logarithm, if the prior is normal in it.
fn ln_normal(prior: Prior) -> Option<(f64, f64)> {
    match prior {
        Prior::LogNormal { median, sd_ln } => Some((median, sd_ln)),
        Prior::Flat { .. } | Prior::Normal { .. } => None,
    }
}

fn prior_text(prior: Prior, unit: &Unit) -> String {
    match prior {
        Prior::LogNormal { median, sd_ln } => {
            format!(
                "ln-normal: median {:.4e}, sd(ln) {sd_ln}",
                unit.from_si(median)
            )
        }
        Prior::Flat { is_ln: true } => "flat in ln".to_owned(),
        Prior::Flat { is_ln: false } => "flat".to_owned(),
        Prior::Normal { mean, sd } => {
            format!(
                "normal: mean {}, sd {}",
                unit.from_si(mean),
                unit.from_si(sd)
            )
        }
    }
}

fn predictions(study: &Study, report: &VariantReport) -> Vec<RawPrediction> {
    let variant = &study.variants[report.variant];
    let rows = report.predicted.iter().map(|predicted| RawPrediction {
        id: predicted.target.id.clone(),
        cell: study.cells[predicted.target.cell].clone(),
        variant: variant.name.clone(),
        measured: predicted.measured,
        model: predicted.model,
        sd: predicted.sd,
        unit: predicted.target.observable.unit(),
        blind: variant.blind.as_str(),
    });
    rows.collect()
}

fn orderings(report: &VariantReport) -> Vec<RawOrdering> {
    let rows = report.verdicts.iter().map(|verdict| RawOrdering {
        claim: verdict.claim.clone(),
        met: verdict.values.map(|(larger, smaller)| larger > smaller),
        larger: verdict.values.map(|(larger, _)| larger),
        smaller: verdict.values.map(|(_, smaller)| smaller),
        unit: verdict.unit,
    });
    rows.collect()
}
