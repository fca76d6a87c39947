//! What surrounds the data of an experiment: noise levels, instruments' unknowns, and measurements not yet made.

use super::error::ConfigError;
use super::experiment::Builder;
use super::experiment_file::RawAddition;
use super::experiment_file::RawCalibration;
use super::experiment_file::RawReading;
use crate::estimate::Calibration;
use crate::estimate::Candidate;
use crate::estimate::Combination;
use crate::estimate::Noise;
use crate::estimate::NoiseGroup;
use crate::estimate::Observation;
use crate::estimate::Target;
use crate::estimate::Variant;
use crate::mechanism::Scale;
use crate::observe::Observable;
use crate::protocol::Protocol;
use crate::protocol::Step;

impl Builder<'_> {
    pub(super) fn noise_groups(
        &self,
        observations: &[Observation],
    ) -> Result<Vec<NoiseGroup>, ConfigError> {
        let mut taken: Vec<usize> = Vec::new();
        let groups = self.raw.noise.iter().map(|raw| {
            let key = format!("noise '{}'.observables", raw.name);
            let mut members = Vec::new();
            for name in &raw.observables {
                let row = self.observation(&key, name, observations)?;
                if taken.contains(&row) {
                    let found = format!("'{}' of '{}' twice", name[0], name[1]);
                    return Err(self
                        .place
                        .value(key, found, "every observable in one group only"));
                }
                if observations[row].noise.is_limit() {
                    let found = format!("'{}', a limit", name[0]);
                    let expected = "numbers with an uncertainty, which scatter";
                    return Err(self.place.value(key, found, expected));
                }
                taken.push(row);
                members.push(row);
            }
            if members.is_empty() {
                return Err(self.place.value(key, "none", "at least one observable"));
            }
            Ok(NoiseGroup {
                name: raw.name.clone(),
                members,
            })
        });
        groups.collect()
    }

    pub(super) fn calibrations(
        &self,
        observations: &[Observation],
        protocols: &[Protocol],
    ) -> Result<Vec<Calibration>, ConfigError> {
        let list = self.raw.calibration.iter();
        list.map(|raw| {
            let key = format!("calibration '{}'", raw.name);
            let mut members = Vec::new();
            let mut unit = None;
            for name in &raw.observables {
                let row = self.observation(&format!("{key}.observables"), name, observations)?;
                let observation = &observations[row];
                let weight = self.weight(&key, raw, observation, protocols)?;
                members.push((row, weight));
                let own = match raw.adds {
                    RawAddition::Offset { .. } => observation.target.observable.unit(),
                    RawAddition::Scale { .. } => "1",
                    RawAddition::OhmicDrop { .. } => "ohm m^2",
                };
                if unit.is_some_and(|unit| unit != own) {
                    let found = format!("'{}' in {own}", name[0]);
                    let expected = "observables in one unit";
                    return Err(self
                        .place
                        .value(format!("{key}.observables"), found, expected));
                }
                unit = Some(own);
            }
            let Some(unit) = unit else {
                let key = format!("{key}.observables");
                return Err(self.place.value(key, "none", "at least one observable"));
            };
            let (RawAddition::Offset { sd }
            | RawAddition::Scale { sd_ln: sd }
            | RawAddition::OhmicDrop { sd_ohm_m2: sd }) = raw.adds;
            let sd = self.place.number(
                &format!("{key}.adds"),
                sd,
                |sd| sd > 0.0,
                "a positive standard deviation",
            )?;
            Ok(Calibration {
                name: raw.name.clone(),
                unit,
                sd,
                members,
            })
        })
        .collect()
    }

    /// What one unit of a calibration adds to the residual of an observation.
    fn weight(
        &self,
        key: &str,
        raw: &RawCalibration,
        observation: &Observation,
        protocols: &[Protocol],
    ) -> Result<f64, ConfigError> {
        let refuse = |found: &str, expected: &str| {
            let found = format!("'{}', {found}", observation.target.id);
            Err(self
                .place
                .value(format!("{key}.observables"), found, expected))
        };
        match (raw.adds, observation.noise) {
            (RawAddition::Offset { .. }, Noise::Absolute(sd))
            | (RawAddition::Scale { .. }, Noise::Relative(sd)) => Ok(1.0 / sd),
            (RawAddition::Offset { .. }, _) => refuse(
                "whose uncertainty is not absolute",
                "observables with an absolute uncertainty, so that an offset is linear",
            ),

            (RawAddition::Scale { .. }, _) => refuse(
                "whose uncertainty is not relative",
                "observables with a relative uncertainty, so that a scale is linear",
            ),
            (RawAddition::OhmicDrop { .. }, Noise::Absolute(sd)) => {
                match self.charging_current(&observation.target, protocols) {
                    Some(current_a_m2) => Ok(current_a_m2 / sd),
                    None => refuse(
                        "which is no voltage under an imposed current",
                        "activation voltages: a cut-off or an imposed voltage would feel the drop itself",
                    ),
                }
            }
            (RawAddition::OhmicDrop { .. }, _) => refuse(
                "whose uncertainty is not absolute",
                "voltages with an absolute uncertainty",
            ),
        }
    }

    /// Current density (A m⁻²) at which an activation voltage is read.
    fn charging_current(&self, target: &Target, protocols: &[Protocol]) -> Option<f64> {
        let Observable::ActivationVoltage { step, .. } = target.observable else {
            return None;
        };
        let protocol = &protocols[target.protocol];
        let Step::Cycle(cycles) = protocol.steps.get(step)? else {
            return None;
        };
        let roles = self.mechanism.roles();
        let mut values = self.mechanism.parameters().values();
        for (id, value) in self.cell_overrides(&self.raw.cell[target.cell]).ok()? {
            values[id.index()] = value;
        }
        let loading = protocol
            .loading_kg_m2
            .unwrap_or(values[roles.loading.index()]);
        Some(cycles.c_rate * loading * values[roles.specific_charge.index()] / 3600.0)
    }

    /// Products of powers; every variant must have their quantities free, on logarithmic scales.
    pub(super) fn combinations(
        &self,
        variants: &[Variant],
    ) -> Result<Vec<Combination>, ConfigError> {
        let list = self.raw.combination.iter();
        list.map(|raw| {
            for name in raw.powers.keys() {
                let is_known = |variant: &Variant| {
                    let mut free = variant.free.iter();
                    free.any(|free| free.name == *name && free.scale() == Scale::Ln)
                };
                if !variants.iter().all(is_known) {
                    let key = format!("combination '{}'.powers", raw.name);
                    let expected = "free quantities with priors on the logarithm, in every variant";
                    return Err(self.place.value(key, format!("'{name}'"), expected));
                }
            }
            Ok(Combination {
                name: raw.name.clone(),
                powers: raw.powers.clone().into_iter().collect(),
            })
        })
        .collect()
    }

    pub(super) fn candidates(&self, protocols: &[Protocol]) -> Result<Vec<Candidate>, ConfigError> {
        let list = self.raw.candidate.iter();
        list.map(|raw| {
            let key = format!("candidate '{}'", raw.name);
            if raw.reading.is_empty() {
                return Err(self.place.value(key, "no reading", "at least one"));
            }
            let readings = raw.reading.iter().enumerate().map(|(i, reading)| {
                let key = format!("{key}.reading {}", i + 1);
                let names = (&*raw.name, &*reading.of.cell, &*reading.of.protocol);
                let target = self.target(&key, names, reading.of.observable(), protocols)?;
                Ok((target, self.reading_noise(&key, reading)?))
            });
            Ok(Candidate {
                name: raw.name.clone(),
                readings: readings.collect::<Result<_, ConfigError>>()?,
            })
        })
        .collect()
    }

    fn reading_noise(&self, key: &str, reading: &RawReading) -> Result<Noise, ConfigError> {
        let positive = |name: &str, value: f64| {
            let key = format!("{key}.{name}");
            self.place
                .number(&key, value, |v| v > 0.0, "a positive number")
        };
        match (reading.sd, reading.relative_sd) {
            (Some(sd), None) => Ok(Noise::Absolute(positive("sd", sd)?)),
            (None, Some(sd)) => Ok(Noise::Relative(positive("relative_sd", sd)?)),
            _ => Err(self.place.value(
                key,
                "both or neither of sd and relative_sd",
                "one of them: how exactly it would be measured",
            )),
        }
    }
}
