//! What a surrogate did for a fit, and how far it was off at the optimum that the cell model found.

use serde::Serialize;

use crate::estimate::GuideReport;
use crate::estimate::Study;
use crate::estimate::VariantReport;

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
        let at_optimum = pairs.map(|(observed, (value, interval))| {
            let target = &observed.observation.target;
            RawGuided {
                id: target.id.clone(),
                cell: study.cells[target.cell].clone(),
                predicted: *value,
                interval: *interval,
                model: observed.model.is_finite().then_some(observed.model),
                model_inside: (interval.0..=interval.1).contains(&observed.model),
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
