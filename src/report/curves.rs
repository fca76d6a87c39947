//! Measured curves beside the simulated ones: how well each is met, and all its points.

use polars::prelude::PolarsResult;
use schemars::JsonSchema;
use serde::Serialize;

use super::tables::csv;
use super::tables::numbers;
use super::tables::texts;
use crate::estimate::MeasuredCurve;
use crate::estimate::Noise;
use crate::estimate::Observation;
use crate::estimate::Study;
use crate::estimate::VariantReport;
use crate::estimate::effective_share;
use crate::estimate::neighbour_correlation;

/// How well a curve is met.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawCurve {
    /// Name of the curve.
    pub(super) name: String,
    /// Name of the cell.
    pub(super) cell: String,
    /// Name of the record.
    pub(super) record: String,
    /// What the record is: `measured`, `literature` or `synthetic`.
    pub(super) origin: &'static str,
    /// What lies along the curve, with its unit.
    pub(super) abscissa: &'static str,
    /// Points.
    pub(super) points: usize,
    /// Unit of the ordinate.
    pub(super) unit: &'static str,
    /// Root mean square of model minus measured, in the unit; relative where the noise is.
    pub(super) rms: Option<f64>,
    /// The noise that was assumed or estimated, in the same measure.
    pub(super) noise_sd: Option<f64>,
    /// Correlation of neighbouring residuals.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) correlation: f64,
    /// Points that count as independent.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) effective_points: f64,
    /// Whether it was fitted.
    pub(super) used_in_fit: bool,
}

/// One point of a curve.
pub(super) struct Point<'s> {
    curve: &'s MeasuredCurve,
    cell: usize,
    at: f64,
    measured: f64,
    model: Option<f64>,
    sd: f64,
    residual: Option<f64>,
    unit: &'static str,
    used_in_fit: bool,
}

/// All points of all curves of a variant, the fitted ones first. The model value is what the instrument would read: with
/// its offset and background.
pub(super) fn points<'s>(study: &'s Study, report: &'s VariantReport) -> Vec<Point<'s>> {
    let shifts = &shifts(study, report);
    let fitted = study.curves.iter().flat_map(move |curve| {
        let rows = curve.at.iter().zip(&curve.members);
        rows.filter_map(move |(at, row)| {
            let observed = report.observed.get(*row)?;
            let read = observed.model + shifts.get(*row).copied().unwrap_or(0.0);
            let model = Some(read).filter(|model| model.is_finite());
            Some(Point {
                residual: Some(observed.residual).filter(|r| r.is_finite()),
                sd: observed.observation.noise.sd(observed.observation.measured)
                    * noise_factor(study, report, *row),
                ..point(curve, *at, (&observed.observation, model))
            })
        })
    });
    let compared = study.compared_curves.iter().flat_map(|curve| {
        let rows = curve.at.iter().zip(&curve.members);
        rows.filter_map(move |(at, row)| {
            let extra = report.extras.get(*row)?;
            Some(Point {
                used_in_fit: false,
                ..point(curve, *at, (&extra.observation, extra.model))
            })
        })
    });
    fitted.chain(compared).collect()
}

/// What the instruments' unknowns add to the model value of every observation, in its unit.
fn shifts(study: &Study, report: &VariantReport) -> Vec<f64> {
    let mut shifts = vec![0.0; study.observations.len()];
    for (calibration, (value, _)) in study.calibrations.iter().zip(&report.calibrations) {
        for (row, weight) in &calibration.members {
            let Observation {
                noise, measured, ..
            } = &study.observations[*row];
            if matches!(noise, Noise::Absolute(_)) {
                shifts[*row] += value * weight * noise.sd(*measured);
            }
        }
    }
    shifts
}

/// The estimated factor on the noise of an observation.
fn noise_factor(study: &Study, report: &VariantReport, row: usize) -> f64 {
    let groups = study.noise_groups.iter().zip(&report.noise_factors);
    let mut own = groups.filter(|(group, _)| group.members.contains(&row));
    own.next().map_or(1.0, |(_, factor)| *factor)
}

fn point<'s>(
    curve: &'s MeasuredCurve,
    at: f64,
    (observation, model): (&Observation, Option<f64>),
) -> Point<'s> {
    Point {
        curve,
        cell: observation.target.cell,
        at,
        measured: observation.measured,
        model,
        sd: observation.noise.sd(observation.measured),
        residual: model.map(|model| observation.noise.residual(model, observation.measured)),
        unit: observation.target.observable.unit(),
        used_in_fit: true,
    }
}

impl Point<'_> {
    /// Whether it belongs to a curve.
    pub(super) fn is_of(&self, curve: &MeasuredCurve) -> bool {
        self.curve.name == curve.name
    }

    /// Place, measured and model value.
    pub(super) fn values(&self) -> (f64, f64, Option<f64>) {
        (self.at, self.measured, self.model)
    }
}

/// How well every curve of a variant is met.
pub(super) fn curves(study: &Study, report: &VariantReport) -> Vec<RawCurve> {
    let all = points(study, report);
    let curves = study.curves.iter().chain(&study.compared_curves);
    curves
        .filter_map(|curve| {
            let own: Vec<&Point<'_>> = all.iter().filter(|p| p.is_of(curve)).collect();
            let first = own.first()?;
            let n = own.len() as f64;
            let squares = own
                .iter()
                .map(|p| (p.model.unwrap_or(f64::NAN) - p.measured).powi(2));
            let residuals = own.iter().map(|p| p.residual.unwrap_or(0.0));
            let correlation = neighbour_correlation(&[(&curve.at, residuals.collect())]);
            let variance = own.iter().map(|p| p.sd * p.sd).sum::<f64>() / n;
            Some(RawCurve {
                name: curve.name.clone(),
                cell: study.cells[first.cell].clone(),
                record: curve.record.clone(),
                origin: curve.origin.as_str(),
                abscissa: curve.abscissa.label(),
                points: own.len(),
                unit: first.unit,
                rms: Some((squares.sum::<f64>() / n).sqrt()).filter(|rms| rms.is_finite()),
                noise_sd: Some(variance.sqrt()).filter(|sd| sd.is_finite()),
                correlation,
                effective_points: n * effective_share(correlation),
                used_in_fit: first.used_in_fit,
            })
        })
        .collect()
}

/// `curves.csv`: every point of every curve and variant.
pub(super) fn curves_csv(
    variants: &[(&str, Vec<Point<'_>>)],
    study: &Study,
) -> PolarsResult<Vec<u8>> {
    let rows: Vec<(&str, &Point<'_>)> = variants
        .iter()
        .flat_map(|(name, points)| points.iter().map(move |point| (*name, point)))
        .collect();
    let rows = || rows.iter();
    csv(vec![
        texts("variant", rows().map(|(name, _)| *name)),
        texts("curve", rows().map(|(_, p)| &p.curve.name)),
        texts("cell", rows().map(|(_, p)| &study.cells[p.cell])),
        texts("origin", rows().map(|(_, p)| p.curve.origin.as_str())),
        texts("abscissa", rows().map(|(_, p)| p.curve.abscissa.label())),
        numbers("at", rows().map(|(_, p)| Some(p.at))),
        numbers("measured", rows().map(|(_, p)| Some(p.measured))),
        numbers("model", rows().map(|(_, p)| p.model)),
        numbers("sd", rows().map(|(_, p)| Some(p.sd))),
        numbers("z", rows().map(|(_, p)| p.residual)),
        texts("unit", rows().map(|(_, p)| p.unit)),
        texts(
            "used_in_fit",
            rows().map(|(_, p)| p.used_in_fit.to_string()),
        ),
    ])
}
