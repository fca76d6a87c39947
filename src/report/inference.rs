//! What a result tells beyond values: identifiability, profiles, posterior, models beside each other.

use schemars::JsonSchema;
use serde::Serialize;

use crate::estimate::Averaged;
use crate::estimate::Comparison;
use crate::estimate::FitReport;
use crate::estimate::Knowledge;
use crate::estimate::Posterior;
use crate::estimate::Study;
use crate::estimate::TOLD_CORRELATION;
use crate::estimate::VariantReport;
use crate::mechanism::Scale;

/// Components of an eigenvector below this share of its length are not told.
const TOLD_COMPONENT: f64 = 0.1;

/// Which directions the data inform.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawIdentifiability {
    /// Eigenvalues of the data's Fisher matrix in units of the priors; above 1 the data dominate.
    pub(super) eigenvalues: Vec<f64>,
    /// For each eigenvalue its direction: the quantities that take part.
    directions: Vec<Vec<RawComponent>>,
    /// Strong correlations after the fit, the strongest first.
    pub(super) correlations: Vec<RawCorrelation>,
    /// Directions that the data inform more than the priors.
    pub(super) informed_directions: usize,
    /// Data that tell something: all but limits that are kept.
    pub(super) informative_data: usize,
    /// Effective number of parameters.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) effective_parameters: f64,
    /// Sum of squares of the data's residuals.
    #[schemars(extend("x-unit" = "1"))]
    chi_squared: f64,
    /// Factor on the variance of the noise where the data scatter more than stated; 1 otherwise.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) inflation: f64,
}

/// A quantity in a direction.
#[derive(Serialize, JsonSchema)]
struct RawComponent {
    /// Name of the quantity.
    name: String,
    /// Its component, in standard deviations of the prior.
    #[schemars(extend("x-unit" = "1"))]
    weight: f64,
}

/// A strong correlation after the fit.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawCorrelation {
    /// Name of the one quantity.
    pub(super) a: String,
    /// Name of the other.
    pub(super) b: String,
    /// Their correlation after the fit.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) correlation: f64,
}

impl RawIdentifiability {
    pub(super) fn new(study: &Study, report: &VariantReport) -> Option<Self> {
        let information = report.information.as_ref()?;
        let free = &study.variants[report.variant].free;
        let directions = information.directions.rows().into_iter().map(|row| {
            let mut components: Vec<RawComponent> = row
                .iter()
                .zip(free)
                .filter(|(weight, _)| weight.abs() >= TOLD_COMPONENT)
                .map(|(weight, free)| RawComponent {
                    name: free.name.clone(),
                    weight: *weight,
                })
                .collect();
            components.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
            components
        });
        let pairs = (0..free.len()).flat_map(|a| (a + 1..free.len()).map(move |b| (a, b)));
        let mut correlations: Vec<RawCorrelation> = pairs
            .map(|(a, b)| RawCorrelation {
                a: free[a].name.clone(),
                b: free[b].name.clone(),
                correlation: information.correlation(a, b),
            })
            .filter(|c| c.correlation.abs() > TOLD_CORRELATION)
            .collect();
        correlations.sort_by(|a, b| b.correlation.abs().total_cmp(&a.correlation.abs()));
        Some(Self {
            directions: directions.collect(),
            correlations,
            informed_directions: information.eigenvalues.iter().filter(|e| **e > 1.0).count(),
            eigenvalues: information.eigenvalues.clone(),
            informative_data: information.n_informative,
            effective_parameters: information.effective_parameters,
            chi_squared: information.chi_squared,
            inflation: information.inflation,
        })
    }
}

/// A verdict in words.
pub(super) fn in_words(study: &Study, report: &VariantReport, index: usize) -> String {
    let free = &study.variants[report.variant].free;
    let share = || {
        let sd = report
            .information
            .as_ref()
            .map_or(f64::NAN, |i| i.sd(index));
        sd / free[index].prior_coordinates().1
    };
    match report.knowledge.get(index) {
        None => "unknown".to_owned(),
        Some(Knowledge::Identified) => "identified".to_owned(),
        Some(Knowledge::BoundedBelow) => "bounded from below only".to_owned(),
        Some(Knowledge::BoundedAbove) => "bounded from above only".to_owned(),
        Some(Knowledge::Combination { with, correlation }) => {
            format!(
                "only together with {} (r = {correlation:.2})",
                free[*with].name
            )
        }
        Some(Knowledge::Narrowed) => format!("narrowed to {:.2} of its prior", share()),
        Some(Knowledge::PriorOnly) => "not identifiable: prior only".to_owned(),
    }
}

/// A point of a profile.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawProfilePoint {
    /// Value of the quantity, in its unit.
    value: f64,
    /// Rise of the cost there, all others fitted again.
    #[schemars(extend("x-unit" = "1"))]
    rise: f64,
    /// The data's part of it.
    #[schemars(extend("x-unit" = "1"))]
    rise_data: f64,
}

/// The profile of a free quantity, in its unit; `factor` leads from SI.
pub(super) fn profile(
    report: &VariantReport,
    index: usize,
    (scale, factor): (Scale, f64),
) -> Option<Vec<RawProfilePoint>> {
    let profile = report.profiles.get(index)?.as_ref()?;
    let points = profile.points.iter().map(|point| RawProfilePoint {
        value: scale.to_value(point.coordinate) * factor,
        rise: point.rise,
        rise_data: point.rise_data,
    });
    Some(points.collect())
}

/// Samples of the posterior, summarised.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawPosterior {
    /// Number of draws.
    pub(super) draws: usize,
    /// Largest R̂ of all quantities; near 1 where the chains agree.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) r_hat_max: Option<f64>,
    /// Smallest effective number of draws.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) ess_min: Option<f64>,
    /// Divergent transitions: places that the sampler could not follow.
    pub(super) divergences: usize,
    /// Evaluations whose simulation failed.
    failed_evaluations: usize,
    /// Evaluations of the cell model.
    evaluations: usize,
    /// Every free quantity.
    parameters: Vec<RawMarginal>,
}

/// A quantity in the posterior.
#[derive(Serialize, JsonSchema)]
struct RawMarginal {
    /// Name.
    name: String,
    /// Scale of mean, sd and interval: `ln` for natural logarithms of SI values, `linear` for SI values.
    scale: &'static str,
    /// Mean.
    mean: f64,
    /// Standard deviation.
    sd: f64,
    /// Interval of 95 %.
    interval: (f64, f64),
}

impl RawPosterior {
    pub(super) fn new(study: &Study, report: &VariantReport, posterior: &Posterior) -> Self {
        let free = &study.variants[report.variant].free;
        let marginals = posterior
            .summaries
            .iter()
            .zip(&posterior.intervals)
            .zip(free);
        let sum = |of: &dyn Fn(&crate::numerics::posterior::Chain) -> usize| {
            posterior.chains.iter().map(of).sum()
        };
        Self {
            draws: posterior.n_draws(),
            r_hat_max: posterior.r_hat_max(),
            ess_min: posterior.ess_min(),
            divergences: sum(&|chain| chain.divergences),
            failed_evaluations: sum(&|chain| chain.failed_evaluations),
            evaluations: sum(&|chain| chain.evaluations),
            parameters: marginals
                .map(|((summary, interval), free)| RawMarginal {
                    name: free.name.clone(),
                    scale: match free.scale() {
                        Scale::Ln => "ln",
                        Scale::Linear => "linear",
                    },
                    mean: summary.mean,
                    sd: summary.sd,
                    interval: *interval,
                })
                .collect(),
        }
    }
}

/// A measurement not yet made.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawCandidate {
    /// Name of the measurement.
    pub(super) name: String,
    /// Information that it promises.
    pub(super) information_nats: Option<f64>,
    /// Quantities whose interval would shrink most: name, and interval with it over that without it.
    pub(super) interval_ratios: Vec<(String, f64)>,
}

/// Candidates, the most informative first, with the five quantities that would gain most.
pub(super) fn candidates(study: &Study, report: &VariantReport) -> Vec<RawCandidate> {
    const TOLD: usize = 5;
    let free = &study.variants[report.variant].free;
    let rows = report.promises.iter().map(|promise| {
        let named = free.iter().zip(&promise.sd_ratios);
        let mut ratios: Vec<(String, f64)> = named
            .filter(|(_, ratio)| ratio.is_finite())
            .map(|(free, ratio)| (free.name.clone(), *ratio))
            .collect();
        ratios.sort_by(|a, b| a.1.total_cmp(&b.1));
        ratios.truncate(TOLD);
        RawCandidate {
            name: promise.name.clone(),
            information_nats: promise.nats.is_finite().then_some(promise.nats),
            interval_ratios: ratios,
        }
    });
    rows.collect()
}

/// A variant beside the others.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawModel {
    /// Name of the variant.
    pub(super) name: String,
    /// Natural logarithm of the evidence, by Laplace.
    #[schemars(extend("x-unit" = "nats"))]
    pub(super) log_evidence: Option<f64>,
    /// Sum of the logarithms of the leave-one-out densities.
    #[schemars(extend("x-unit" = "nats"))]
    pub(super) loo: Option<f64>,
    /// Data for which that density is doubtful.
    loo_doubtful_data: Option<usize>,
    /// Corrected Akaike criterion, where it is defined.
    #[schemars(extend("x-unit" = "1"))]
    aicc: Option<f64>,
    /// Bayesian information criterion, where it is defined.
    #[schemars(extend("x-unit" = "1"))]
    bic: Option<f64>,
    /// Weight by the evidence; all weights add up to 1.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) weight: Option<f64>,
    /// Weight if the compared priors were this many times as wide: pairs of factor and weight.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) weight_by_prior_width: Vec<(f64, f64)>,
    /// What it predicts.
    predictions: Vec<RawModelPrediction>,
}

/// A prediction of a variant.
#[derive(Serialize, JsonSchema)]
struct RawModelPrediction {
    /// Id of the fact.
    id: String,
    /// What the variant predicts.
    model: Option<f64>,
    /// Standard deviation of the prediction.
    sd: Option<f64>,
    /// Whether the target was known: `yes`, `parameters_only` or `no`.
    blind: &'static str,
}

pub(super) fn models(study: &Study, report: &FitReport) -> Vec<RawModel> {
    let comparison = report.comparison.as_ref();
    let rows = report.variants.iter().enumerate().map(|(i, variant)| {
        let evidence = variant.evidence.as_ref();
        let by_width = comparison.map_or(&[][..], |c| &c.weights_by_width);
        RawModel {
            name: study.variants[variant.variant].name.clone(),
            log_evidence: evidence.map(|e| e.log_evidence),
            loo: evidence.map(|e| e.loo),
            loo_doubtful_data: evidence.map(|e| e.n_influential),
            aicc: evidence.and_then(|e| e.aicc),
            bic: evidence.and_then(|e| e.bic),
            weight: comparison.map(|c| c.weights[i]),
            weight_by_prior_width: by_width.iter().map(|(f, w)| (*f, w[i])).collect(),
            predictions: predictions(study, variant),
        }
    });
    rows.collect()
}

fn predictions(study: &Study, variant: &VariantReport) -> Vec<RawModelPrediction> {
    let rows = variant.predicted.iter().map(|p| RawModelPrediction {
        id: p.target.id.clone(),
        model: p.model,
        sd: p.sd,
        blind: study.variants[variant.variant].blind.as_str(),
    });
    rows.collect()
}

/// A prediction averaged over the variants.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawAveraged {
    /// Id of the fact.
    pub(super) id: String,
    /// Name of the cell.
    cell: String,
    /// The measured number.
    pub(super) measured: f64,
    /// Mean over the variants by their weights.
    pub(super) mean: f64,
    /// Standard deviation within the variants.
    pub(super) sd_within: f64,
    /// Standard deviation between them.
    pub(super) sd_between: f64,
    /// Unit.
    pub(super) unit: &'static str,
    /// The least blind of all variants: `yes`, `parameters_only` or `no`.
    pub(super) blind: &'static str,
}

pub(super) fn averaged(study: &Study, comparison: Option<&Comparison>) -> Vec<RawAveraged> {
    let all = comparison.map_or(&[][..], |c| &c.averaged);
    let rows = all.iter().map(|averaged: &Averaged| RawAveraged {
        id: averaged.target.id.clone(),
        cell: study.cells[averaged.target.cell].clone(),
        measured: averaged.measured,
        mean: averaged.mean,
        sd_within: averaged.sd_within,
        sd_between: averaged.sd_between,
        unit: averaged.target.observable.unit(),
        blind: averaged.blind.as_str(),
    });
    rows.collect()
}

/// An unknown of an instrument, or a factor on a noise level.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawInstrument {
    /// Name.
    pub(super) name: String,
    /// Value, in the unit.
    pub(super) value: f64,
    /// Standard deviation.
    pub(super) sd: Option<f64>,
    /// Unit.
    pub(super) unit: &'static str,
}

/// Offsets and scales of the instruments, solved inside the fit.
pub(super) fn calibrations(study: &Study, report: &VariantReport) -> Vec<RawInstrument> {
    let pairs = study.calibrations.iter().zip(&report.calibrations);
    pairs
        .map(|(calibration, (value, sd))| RawInstrument {
            name: calibration.name.clone(),
            value: *value,
            sd: Some(*sd),
            unit: calibration.unit,
        })
        .collect()
}

/// Estimated factors on the stated noise.
pub(super) fn noise_factors(study: &Study, report: &VariantReport) -> Vec<RawInstrument> {
    let pairs = study.noise_groups.iter().zip(&report.noise_factors);
    pairs
        .map(|(group, factor)| RawInstrument {
            name: group.name.clone(),
            value: *factor,
            sd: None,
            unit: "1",
        })
        .collect()
}
