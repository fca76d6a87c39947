//! What a surrogate did for a fit, and how far it was off at the optimum that the cell model found.

use serde::Serialize;

use crate::estimate::GuideReport;
use crate::estimate::Study;
use crate::estimate::VariantReport;
use crate::estimate::WeightedPosterior;
use crate::mechanism::Scale;

/// `surrogate` of a variant in `result.json`.
#[derive(Serialize)]
pub(super) struct RawGuide {
    pub(super) name: String,
    pub(super) starts: usize,
    pub(super) distinct_ends: usize,
    pub(super) points_asked: usize,
    pub(super) points_refused: usize,
    /// Its cost at the optimum; none if it does not answer there.
    pub(super) cost_at_optimum: Option<f64>,
    pub(super) at_optimum: Vec<RawGuided>,
}

/// One observation at the optimum.
#[derive(Serialize)]
pub(super) struct RawGuided {
    id: String,
    cell: String,
    predicted: f64,
    interval: (f64, f64),
    model: Option<f64>,
    pub(super) model_inside: bool,
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
#[derive(Serialize)]
pub(super) struct RawWeighted {
    pub(super) draws: usize,
    failed: usize,
    /// Above 0.7 nothing of this is to be trusted; none if there are too few draws to tell.
    pub(super) pareto_k: Option<f64>,
    pub(super) effective_draws: f64,
    parameters: Vec<RawWeightedMarginal>,
}

#[derive(Serialize)]
struct RawWeightedMarginal {
    name: String,
    /// On the scale of the prior: natural logarithms of SI values, or SI values.
    scale: &'static str,
    mean: f64,
    sd: f64,
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
