//! Starting values from the curves: where a mechanism says which feature of a curve its parameter shows in.

use std::f64::consts::PI;

use super::curve_file::RawCurve;
use super::curves::curve_name;
use super::error::ConfigError;
use super::experiment::Builder;
use super::recorded::DEFAULT_REST_SHARE;
use super::recorded::half_curves;
use super::store::Loaded;
use crate::analysis::circuit::Choice;
use crate::analysis::circuit::fit_circuit;
use crate::analysis::gate::Rules;
use crate::analysis::gate::gate;
use crate::analysis::nicholson::kinetic_parameter;
use crate::analysis::voltammetry::PROMINENCE_SHARE;
use crate::analysis::voltammetry::RampPeaks;
use crate::analysis::voltammetry::couples;
use crate::analysis::voltammetry::voltammogram;
use crate::estimate::Free;
use crate::estimate::Role;
use crate::mechanism::Chemistry;
use crate::mechanism::Couple;
use crate::mechanism::Feature;
use crate::observe::Half;
use crate::record::Spectrum;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// Peak current of a reversible couple over n F A c √(n F v D/RT) (1). Bard & Faulkner, 2nd ed. (2001), eq. 6.2.18.
const RANDLES_SEVCIK: f64 = 0.446_295;
/// Bins of a histogram of voltages.
const BINS: usize = 100;
/// nF/(RT) times the peak separation of one electron at 25 °C, per mV: reduces separations for Nicholson's curve.
const PER_MV: f64 = FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * 298.15) * 1e-3;

/// What the curves of an experiment show, each in SI.
struct Features {
    voltammograms: Vec<Vec<RampPeaks>>,
    spectra: Vec<Spectrum>,
    /// Voltage and passed charge of the slowest discharge.
    discharge: Option<(Vec<f64>, Vec<f64>)>,
}

impl Builder<'_> {
    /// A point with the coordinates that the curves show, the others at the centres of their priors; `None` if they show
    /// none.
    pub(super) fn start_from_curves(&self, free: &[Free]) -> Result<Option<Vec<f64>>, ConfigError> {
        let table = self.mechanism.parameters();
        let wanted = |free: &Free| match &free.role {
            Role::Value(id) => table.row(*id).start_from,
            Role::Ratio { .. } => None,
        };
        if free.iter().all(|free| wanted(free).is_none()) || self.raw.curve.is_empty() {
            return Ok(None);
        }
        let features = self.features()?;
        let mut is_shown = false;
        let point = free.iter().map(|free| {
            let (lower, upper) = free.bounds();
            let shown = wanted(free).and_then(|feature| self.value_of(feature, &features));
            let shown = shown.map(|value| free.scale().to_coordinate(value));
            match shown.filter(|x| x.is_finite()) {
                Some(x) => {
                    is_shown = true;
                    x.clamp(lower, upper)
                }
                None => free.prior_coordinates().0,
            }
        });
        let point = point.collect();
        Ok(is_shown.then_some(point))
    }

    /// Reads the features of all fitted curves; what an analysis refuses shows nothing.
    fn features(&self) -> Result<Features, ConfigError> {
        let mut features = Features {
            voltammograms: Vec::new(),
            spectra: Vec::new(),
            discharge: None,
        };
        for raw in self.raw.curve.iter().filter(|raw| raw.fit.unwrap_or(true)) {
            let key = format!("curve '{}'", curve_name(raw));
            let cell = self.cell_index(&key, &raw.cell)?;
            let name = (cell, raw.record.as_str());
            let loaded = self
                .store
                .record(&self.place, &format!("{key}.record"), name)?;
            features.add(raw, &loaded);
        }
        Ok(features)
    }

    /// The value (SI) that a feature gives its parameter.
    fn value_of(&self, feature: Feature, features: &Features) -> Option<f64> {
        let values = self.mechanism.parameters().values();
        match feature {
            Feature::HalfWavePotential => mean(features.separations().map(|(_, s)| s.0)),
            Feature::PeakDiffusivity => {
                let couple = Couple::new(self.mechanism, &values);
                let area = values[self.mechanism.area().index()];
                let peaks = features.separations().map(|(rate, (_, _, height))| {
                    let amount = couple.electrons * FARADAY_C_PER_MOL * area * couple.bulk[0];
                    (height / (RANDLES_SEVCIK * amount)).powi(2) / (couple.nf_per_v * rate)
                });
                mean(peaks)
            }
            Feature::PeakRateConstant => {
                let couple = Couple::new(self.mechanism, &values);
                let diffusivity = self
                    .value_of(Feature::PeakDiffusivity, features)
                    .unwrap_or(couple.diffusivities[0]);
                let rates = features
                    .separations()
                    .filter_map(|(rate, (_, separation, _))| {
                        let reduced_mv = separation * couple.nf_per_v / PER_MV;
                        let psi = kinetic_parameter(reduced_mv.max(62.0), 0.5);
                        let scale = PI * diffusivity * couple.nf_per_v * rate;
                        Some(psi * scale.sqrt()).filter(|k| *k > 0.0)
                    });
                mean(rates)
            }
            Feature::HighFrequencyResistance => features.circuit("R0"),
            Feature::ArcBarrier => {
                let battery = self.mechanism.battery()?;
                let area = values[battery.roles.area.index()];
                let chemistry = Chemistry::new(self.mechanism, &values);
                let exchange = chemistry.stripping.exchange_current_density;
                let per_v = chemistry.f_per_v * chemistry.stripping.electrons;
                Some((per_v * exchange * features.circuit("R1")? * area).ln())
            }
            Feature::UpperPlateau => features.plateau(true),
            Feature::LowerPlateau => features.plateau(false),
        }
    }
}

impl Features {
    fn add(&mut self, raw: &RawCurve, loaded: &Loaded) {
        let record = loaded.measured.record();
        if raw.voltammogram.is_some()
            && let Some(ramps) = record
                .as_ref()
                .and_then(|record| voltammogram(record, PROMINENCE_SHARE).ok())
        {
            self.voltammograms.push(ramps);
        }
        if raw.impedance.is_some() {
            let spectra = loaded.measured.spectra();
            let passed = spectra.first().map(|s| gate(s, &Rules::default()).pass(s));
            self.spectra.extend(passed);
        }
        let shows_discharge = raw.galvanostatic.is_some() || raw.over_time.is_some();
        if let (true, None, Some(record)) = (shows_discharge, &self.discharge, record) {
            let halves = half_curves(&record, DEFAULT_REST_SHARE).unwrap_or_default();
            let mut discharges = halves.into_iter().filter(|h| h.half == Half::Discharge);
            self.discharge = discharges.next().map(|h| (h.voltage_v, h.share));
        }
    }

    /// Scan rate (V/s), and of its couple: half-wave potential (V), peak separation (V), height (A).
    fn separations(&self) -> impl Iterator<Item = (f64, (f64, f64, f64))> + '_ {
        self.voltammograms.iter().flat_map(|ramps| {
            let found = couples(ramps).into_iter();
            found.filter_map(|(position, separation)| {
                let height = ramps[position].main_peak()?.current.value.abs();
                let rate = ramps[position].ramp.scan_rate.value;
                let (middle, apart) = (separation.half_wave.value, separation.separation.value);
                Some((rate, (middle, apart, height)))
            })
        })
    }

    /// A resistance (Ω) of the circuit of the first spectrum.
    fn circuit(&self, name: &str) -> Option<f64> {
        let fit = fit_circuit(self.spectra.first()?, Choice::default()).ok()?;
        Some(fit.parameter(name)?.value).filter(|value| *value > 0.0)
    }

    /// The voltage (V) at which the discharge passes most charge, in the upper or the lower half of its range.
    fn plateau(&self, is_upper: bool) -> Option<f64> {
        let (voltage, share) = self.discharge.as_ref()?;
        let low = voltage.iter().copied().fold(f64::INFINITY, f64::min);
        let high = voltage.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut passed = [0.0; BINS];
        for (pair, v) in share.windows(2).zip(voltage) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of the bins, not negative"
            )]
            let bin = ((v - low) / (high - low) * BINS as f64).max(0.0) as usize;
            passed[bin.min(BINS - 1)] += pair[1] - pair[0];
        }
        let half = if is_upper {
            BINS / 2..BINS
        } else {
            0..BINS / 2
        };
        let best = half.max_by(|a, b| passed[*a].total_cmp(&passed[*b]))?;
        Some(low + (best as f64 + 0.5) / BINS as f64 * (high - low))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Spectrum;

    /// Two sloping plateaus around 2.3 V and 1.4 V, joined by a steep step.
    fn two_plateaus() -> Features {
        let share: Vec<f64> = (0..=400).map(|i| f64::from(i) / 400.0).collect();
        let voltage = share.iter().map(|s| {
            let step = 1.0 / (1.0 + ((s - 0.4) / 0.005).exp());
            1.4 + 0.9 * step - 0.02 * (s - 0.5)
        });
        Features {
            voltammograms: Vec::new(),
            spectra: Vec::new(),
            discharge: Some((voltage.collect(), share)),
        }
    }

    #[test]
    fn plateaus_are_where_most_charge_passes() {
        let features = two_plateaus();
        assert!((features.plateau(true).unwrap() - 2.3).abs() < 0.02);
        assert!((features.plateau(false).unwrap() - 1.4).abs() < 0.02);
    }

    #[test]
    fn resistances_are_those_of_the_circuit() {
        let frequency_hz: Vec<f64> = (0..60)
            .map(|i| 1e5 / 10f64.powf(f64::from(i) / 10.0))
            .collect();
        let impedance = frequency_hz.iter().map(|f| {
            // 5 Ω in series with 100 Ω beside 20 µF.
            let omega_tau = 2.0 * PI * f * 100.0 * 2e-5;
            let share = 1.0 / (1.0 + omega_tau * omega_tau);
            (5.0 + 100.0 * share, -100.0 * omega_tau * share)
        });
        let features = Features {
            voltammograms: Vec::new(),
            spectra: vec![Spectrum {
                impedance_ohm: impedance.collect(),
                frequency_hz: frequency_hz.clone(),
            }],
            discharge: None,
        };
        assert!((features.circuit("R0").unwrap() - 5.0).abs() < 0.05);
        assert!((features.circuit("R1").unwrap() - 100.0).abs() < 1.0);
        assert_eq!(features.circuit("R9"), None);
    }

    #[test]
    fn curves_that_show_nothing_give_nothing() {
        let features = Features {
            voltammograms: Vec::new(),
            spectra: Vec::new(),
            discharge: None,
        };
        assert_eq!(features.plateau(true), None);
        assert_eq!(features.circuit("R0"), None);
        assert_eq!(mean(features.separations().map(|(_, s)| s.0)), None);
    }
}
