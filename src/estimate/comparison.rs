//! The variants of a study beside each other: weights by their evidence, and predictions averaged by them.

use super::evidence::WIDTH_FACTORS;
use super::evidence::weights;
use super::outcome::Averaged;
use super::outcome::Comparison;
use super::outcome::VariantReport;
use super::study::Blind;
use super::study::Study;

/// Compares the variants, if there are several and the evidence of all is known.
pub(super) fn compared(study: &Study, reports: &[VariantReport]) -> Option<Comparison> {
    if reports.len() < 2 || reports.len() < study.variants.len() {
        return None;
    }
    let log_evidences = |at: usize| -> Option<Vec<f64>> {
        let each = reports
            .iter()
            .map(|r| Some(r.evidence.as_ref()?.log_evidence_by_width[at].1));
        each.collect()
    };
    let by_width = WIDTH_FACTORS.iter().enumerate();
    let by_width = by_width.map(|(i, factor)| Some((*factor, weights(&log_evidences(i)?))));
    let weights_by_width: Vec<(f64, Vec<f64>)> = by_width.collect::<Option<_>>()?;
    let stated = reports
        .iter()
        .map(|r| Some(r.evidence.as_ref()?.log_evidence));
    let weights = weights(&stated.collect::<Option<Vec<f64>>>()?);
    Some(Comparison {
        averaged: averaged(study, reports, &weights),
        weights,
        weights_by_width,
    })
}

fn averaged(study: &Study, reports: &[VariantReport], weights: &[f64]) -> Vec<Averaged> {
    let blind = least_blind(study.variants.iter().map(|v| v.blind));
    let rows = study.predictions.iter().enumerate();
    rows.filter_map(|(row, prediction)| {
        let values: Vec<(f64, f64)> = reports
            .iter()
            .map(|r| Some((r.predicted[row].model?, r.predicted[row].sd?)))
            .collect::<Option<_>>()?;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| -> f64 {
            weights.iter().zip(&values).map(|(w, v)| w * of(v)).sum()
        };
        let centre = mean(&|(model, _)| *model);
        Some(Averaged {
            target: prediction.target.clone(),
            measured: prediction.measured,
            mean: centre,
            sd_within: mean(&|(_, sd)| sd * sd).sqrt(),
            sd_between: mean(&|(model, _)| (model - centre).powi(2)).sqrt(),
            blind,
        })
    })
    .collect()
}

fn least_blind(all: impl Iterator<Item = Blind>) -> Blind {
    all.fold(Blind::Yes, |least, blind| match (least, blind) {
        (Blind::No, _) | (_, Blind::No) => Blind::No,
        (Blind::Yes, Blind::Yes) => Blind::Yes,
        _ => Blind::ParametersOnly,
    })
}
