//! What a surrogate did for a fit, and how far it was off at the optimum that the cell model found.

use schemars::JsonSchema;
use serde::Serialize;

use crate::estimate::GuideReport;
use crate::estimate::Study;
use crate::estimate::VariantReport;
use crate::estimate::WeightedPosterior;
use crate::mechanism::Scale;

/// `surrogate` of a variant in `result.json`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawGuide {
    /// Name of the surrogate.
    pub(super) name: String,
    /// Starts that it followed down.
    pub(super) starts: usize,
    /// Ends that can be told apart.
    pub(super) distinct_ends: usize,
    /// Points that it was asked.
    pub(super) points_asked: usize,
    /// Points that it refused.
    pub(super) points_refused: usize,
    /// Its cost at the optimum; none if it does not answer there.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) cost_at_optimum: Option<f64>,
    /// Its answers at the optimum.
    pub(super) at_optimum: Vec<RawGuided>,
}

/// An answer of the surrogate at the optimum.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawGuided {
    /// Id of the fact.
    id: String,
    /// Name of the cell.
    cell: String,
    /// Its answer.
    predicted: f64,
    /// Its interval.
    interval: (f64, f64),
    /// What the cell model reads.
    model: Option<f64>,
    /// Whether that lies inside.
    pub(super) model_inside: bool,
    /// Unit.
    unit: &'static str,
}

impl RawGuide {
    pub(super) fn new(study: &Study, report: &VariantReport, guide: &GuideReport) -> Self {
        let predicted = guide.at_optimum.as_ref().map(|(_, predicted)| predicted);
        let pairs = report.observed.iter().zip(predicted.into_iter().flatten());
        let at_optimum = pairs.map(|(observed, answer)| {
            let target = &observed.observation.target;
            RawGuided {
                id: target.id.clone(),
                cell: study.cells[target.cell].clone(),
                predicted: answer.value,
                interval: (answer.lower, answer.upper),
                model: observed.model.is_finite().then_some(observed.model),
                model_inside: answer.holds(observed.model),
                unit: target.observable.unit(),
            }
        });
        Self {
            name: guide.name.clone(),
            starts: guide.starts,
            distinct_ends: guide.distinct,
            points_asked: guide.asked,
            points_refused: guide.refused,
            cost_at_optimum: guide.at_optimum.as_ref().map(|(cost, _)| *cost),
            at_optimum: at_optimum.collect(),
        }
    }
}

/// `posterior_by_surrogate` of a variant.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawWeighted {
    /// Draws that were weighted.
    pub(super) draws: usize,
    /// Draws whose simulation failed.
    failed: usize,
    /// Above 0.7 nothing of this is to be trusted; none if there are too few draws to tell.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) pareto_k: Option<f64>,
    /// Effective number of draws.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) effective_draws: f64,
    /// Every free quantity.
    parameters: Vec<RawWeightedMarginal>,
}

/// A quantity in the posterior.
#[derive(Serialize, JsonSchema)]
struct RawWeightedMarginal {
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

impl RawWeighted {
    pub(super) fn new(study: &Study, report: &VariantReport, weighted: &WeightedPosterior) -> Self {
        let free = study.variants[report.variant].free.iter();
        let parameters = free
            .zip(&weighted.marginals)
            .map(|(free, (mean, sd, interval))| RawWeightedMarginal {
                name: free.name.clone(),
                scale: match free.scale() {
                    Scale::Ln => "ln",
                    Scale::Linear => "linear",
                },
                mean: *mean,
                sd: *sd,
                interval: *interval,
            });
        Self {
            draws: weighted.draws.len(),
            failed: weighted.failed,
            pareto_k: weighted.pareto_k.is_finite().then_some(weighted.pareto_k),
            effective_draws: weighted.effective,
            parameters: parameters.collect(),
        }
    }
}
