//! Overview of voltammograms of one system at several scan rates.

use super::Given;
use super::Section;
use crate::analysis::AnalysisError;
use crate::analysis::Estimate;
use crate::analysis::nicholson::Couple;
use crate::analysis::nicholson::RateSeparation;
use crate::analysis::nicholson::nicholson;
use crate::analysis::randles_sevcik::PeakLaw;
use crate::analysis::randles_sevcik::RateMidpoint;
use crate::analysis::randles_sevcik::RatePeak;
use crate::analysis::randles_sevcik::randles_sevcik;
use crate::analysis::randles_sevcik::reference_shift;
use crate::analysis::voltammetry::PROMINENCE_SHARE;
use crate::analysis::voltammetry::PeakKind;
use crate::analysis::voltammetry::RampPeaks;
use crate::analysis::voltammetry::Separation;
use crate::analysis::voltammetry::couples;
use crate::analysis::voltammetry::voltammogram;
use crate::record::Record;

/// Displacement of the half-wave potential that is told (V).
const SHIFT_TOLD_V: f64 = 0.02;
/// Voltammograms that make a series.
const SERIES_MIN: usize = 2;

/// A voltammogram of a series.
#[derive(Clone, Debug)]
pub struct Voltammogram {
    /// Its name, for messages.
    pub name: String,
    ramps: Vec<RampPeaks>,
}

impl Voltammogram {
    /// Finds ramps and peaks.
    ///
    /// # Errors
    /// See [`voltammogram`].
    pub fn new(name: impl Into<String>, record: &Record) -> Result<Self, AnalysisError> {
        Ok(Self {
            name: name.into(),
            ramps: voltammogram(record, PROMINENCE_SHARE)?,
        })
    }

    /// The main peak of the first ramp that has one of this kind.
    fn peak(&self, kind: PeakKind) -> Option<RatePeak> {
        let ramp = self
            .ramps
            .iter()
            .find(|ramp| ramp.main_peak().is_some_and(|p| p.kind == kind))?;
        let peak = ramp.main_peak()?;
        Some(RatePeak {
            scan_rate_v_s: ramp.ramp.scan_rate.value.abs(),
            current_a: peak.current.value,
            potential_v: Some(peak.potential.value),
        })
    }

    fn couple(&self) -> Option<(f64, Separation)> {
        let (first, couple) = couples(&self.ramps).into_iter().next()?;
        Some((self.ramps[first].ramp.scan_rate.value.abs(), couple))
    }
}

/// Peak currents over scan rates, rate constants, and files whose reference electrode moved.
pub fn of_series(series: &[Voltammogram], given: &Given) -> Vec<Section> {
    if series.len() < SERIES_MIN {
        return Vec::new();
    }
    let kinds = [
        (PeakKind::Cathodic, "cathodic"),
        (PeakKind::Anodic, "anodic"),
    ];
    let mut diffusion = None;
    let mut sections: Vec<Section> = Vec::new();
    for (kind, name) in kinds {
        let peaks: Vec<RatePeak> = series.iter().filter_map(|one| one.peak(kind)).collect();
        let title = format!(
            "Randles-Sevcik, {name} peaks of {} voltammograms",
            peaks.len()
        );
        match randles_sevcik(&peaks, given.conditions().as_ref(), PeakLaw::Reversible) {
            Ok(found) => {
                let mut section = Section::new(title);
                section.row("slope of current over root of rate", found.slope);
                section.row("intercept", found.intercept);
                section.row("exponent of the rate", found.exponent);
                section.row("R2", Estimate::new(found.r_squared, None, "1"));
                section.maybe("shift of the peak per decade", found.peak_shift);
                section.maybe("diffusion coefficient", found.diffusion);
                diffusion = diffusion.or(found.diffusion);
                section.warnings = found.warnings;
                sections.push(section);
            }
            Err(error) => sections.push(Section::failed(title, &error)),
        }
    }
    let couples: Vec<(&str, f64, Separation)> = series
        .iter()
        .filter_map(|one| {
            one.couple()
                .map(|(rate, couple)| (one.name.as_str(), rate, couple))
        })
        .collect();
    sections.push(kinetics(&couples, diffusion, given));
    sections.extend(shifted(&couples));
    sections
}

fn kinetics(
    couples: &[(&str, f64, Separation)],
    diffusion: Option<Estimate>,
    given: &Given,
) -> Section {
    let title = format!("rate constant (Nicholson) of {} couples", couples.len());
    let Some(diffusion) = diffusion else {
        return Section::failed(
            title,
            &"needs a diffusion coefficient: state --area-cm2 and --concentration-mol-m3",
        );
    };
    let points: Vec<RateSeparation> = couples
        .iter()
        .map(|(_, rate, couple)| RateSeparation {
            scan_rate_v_s: *rate,
            separation: couple.separation,
            current_a: None,
        })
        .collect();
    let couple = Couple {
        electrons: given.electrons,
        diffusion_m2_s: diffusion.value,
        alpha: 0.5,
        temperature_k: given.temperature_k,
    };
    match nicholson(&points, &couple) {
        Ok(found) => {
            let mut section = Section::new(title);
            section.maybe("standard rate constant", found.rate_constant);
            section.warnings = found.warnings;
            section
        }
        Err(error) => Section::failed(title, &error),
    }
}

/// Files whose half-wave potential stands apart.
fn shifted(couples: &[(&str, f64, Separation)]) -> Option<Section> {
    let midpoints: Vec<RateMidpoint> = couples
        .iter()
        .map(|(_, rate, couple)| RateMidpoint {
            scan_rate_v_s: *rate,
            half_wave_v: couple.half_wave.value,
        })
        .collect();
    let found = reference_shift(&midpoints, SHIFT_TOLD_V).ok()?;
    let mut section = Section::new("reference electrode");
    for one in &found {
        let name = couples[one.index].0;
        section.row(
            format!("{name}: shift of the half-wave potential"),
            one.shift,
        );
        section.warnings.push(format!(
            "{name}: the half-wave potential stands {:+.0} mV from the others of the series; the reference electrode moved or was changed: do not read potentials from this file",
            1e3 * one.shift.value
        ));
    }
    if found.is_empty() {
        section
            .warnings
            .push("no voltammogram stands apart from the others".to_owned());
    }
    Some(section)
}
