//! Curves of an experiment: what a record shows, thinned, and the points of the simulation that it is compared with.

use super::curve_file::RawCapacities;
use super::curve_file::RawCurve;
use super::curve_file::RawCurveNoise;
use super::curve_file::RawGalvanostatic;
use super::curve_file::RawHalfName;
use super::curve_file::RawOverTime;
use super::curve_file::RawSignal;
use super::curve_file::RawSpectrum;
use super::curve_file::RawVoltammogram;
use super::error::ConfigError;
use super::error::Place;
use super::experiment::Builder;
use super::recorded::DEFAULT_REST_SHARE;
use super::recorded::HalfCurve;
use super::recorded::half_curves;
use super::store::Loaded;
use crate::analysis::gate::Rules;
use crate::analysis::gate::gate;
use crate::analysis::ramps::Direction;
use crate::analysis::ramps::ramps;
use crate::analysis::thin::thin;
use crate::estimate::Abscissa;
use crate::estimate::Calibration;
use crate::estimate::MeasuredCurve;
use crate::estimate::Noise;
use crate::estimate::NoiseGroup;
use crate::estimate::Observation;
use crate::estimate::Target;
use crate::observe::CurvePoint;
use crate::observe::Half;
use crate::observe::Observable;
use crate::observe::Part;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::record::Record;
use crate::units::mah_per_g;

/// Points that are kept of a half cycle.
const HALF_CYCLE_POINTS: usize = 30;
/// Points that are kept of a ramp.
const RAMP_POINTS: usize = 50;
/// Frequencies that are kept of a spectrum.
const SPECTRUM_POINTS: usize = 60;
/// Points that are kept of a curve over time.
const TIME_POINTS: usize = 200;
/// Stated standard deviation of a voltage (V); estimated unless the file says otherwise.
const VOLTAGE_SD_V: f64 = 5e-3;
/// Stated standard deviation of a current as a share of the record's largest (1).
const CURRENT_SHARE_SD: f64 = 0.01;
/// Stated standard deviation of an impedance as a share of its modulus (1).
const IMPEDANCE_SHARE_SD: f64 = 0.01;
/// Stated standard deviation of a charge relative to itself (1): cyclers reach 0.1 %, masses are weighed to about 1 %.
const CHARGE_RELATIVE_SD: f64 = 0.01;
/// Fewest points that a curve needs to say anything about a curve.
const POINTS_MIN: usize = 5;
/// Relative difference between the scan rates of record and protocol that is told (1).
const SCAN_RATE_TOLERANCE: f64 = 0.02;

/// What curves add to a study.
#[derive(Default)]
pub(super) struct Curves {
    pub(super) observations: Vec<Observation>,
    pub(super) curves: Vec<MeasuredCurve>,
    pub(super) calibrations: Vec<Calibration>,
    pub(super) noise_groups: Vec<NoiseGroup>,
}

/// Points of one curve before they are numbered.
struct Points {
    /// What tells it from other curves of the same entry.
    suffix: String,
    abscissa: Abscissa,
    noise: NoiseOfPoints,
    /// Place on the abscissa, what is compared, measured value, standard deviation.
    rows: Vec<(f64, CurvePoint, f64, f64)>,
}

/// How the standard deviations of points are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NoiseOfPoints {
    /// In the unit of the value; the level may be estimated.
    Absolute,
    /// Relative to the value, as stated.
    Relative,
}

/// A curve's entry with what it names.
struct Entry<'b> {
    key: String,
    raw: &'b RawCurve,
    loaded: Loaded,
    cell: usize,
    protocol: usize,
}

impl Builder<'_> {
    /// The curves that are fitted, or those that are only compared; `first` is the position of their first point among
    /// the observations.
    pub(super) fn curves(
        &self,
        protocols: &[Protocol],
        (first, are_fitted): (usize, bool),
    ) -> Result<Curves, ConfigError> {
        let mut built = Curves::default();
        for (i, raw) in self.raw.curve.iter().enumerate() {
            if raw.fit.unwrap_or(true) != are_fitted {
                continue;
            }
            let name = raw.name.as_ref().unwrap_or(&raw.record);
            let key = format!("curve {} '{name}'", i + 1);
            let cell = self.cell_index(&key, &raw.cell)?;
            let record = (cell, raw.record.as_str());
            let entry = Entry {
                loaded: self
                    .store
                    .record(&self.place, &format!("{key}.record"), record)?,
                protocol: self.protocol_index(&key, &raw.protocol, protocols)?,
                key,
                raw,
                cell,
            };
            let points = self.points(&entry, &protocols[entry.protocol])?;
            self.enter(&mut built, &entry, points, (protocols, first))?;
        }
        for (i, curve) in built.curves.iter().enumerate() {
            if built.curves[..i]
                .iter()
                .any(|other| other.name == curve.name)
            {
                let found = format!("two curves named '{}'", curve.name);
                let expected = "a name = \"...\" of its own for each [[curve]]";
                return Err(self.place.value("curve", found, expected));
            }
        }
        Ok(built)
    }

    /// The points of an entry by its kind.
    fn points(&self, entry: &Entry<'_>, protocol: &Protocol) -> Result<Vec<Points>, ConfigError> {
        let RawCurve {
            galvanostatic,
            capacities,
            voltammogram,
            impedance,
            over_time,
            ..
        } = entry.raw;
        match (
            galvanostatic,
            capacities,
            voltammogram,
            impedance,
            over_time,
        ) {
            (Some(raw), None, None, None, None) => self.galvanostatic(entry, raw, protocol),
            (None, Some(raw), None, None, None) => self.capacities(entry, raw, protocol),
            (None, None, Some(raw), None, None) => self.voltammogram(entry, raw, protocol),
            (None, None, None, Some(raw), None) => self.spectrum(entry, raw),
            (None, None, None, None, Some(raw)) => self.over_time(entry, raw),
            _ => Err(self.place.value(
                &entry.key,
                "none or several kinds of curve",
                "exactly one of galvanostatic, capacities, voltammogram, impedance, over_time",
            )),
        }
    }

    /// Numbers the points and puts them into the study.
    fn enter(
        &self,
        built: &mut Curves,
        entry: &Entry<'_>,
        points: Vec<Points>,
        (protocols, first): (&[Protocol], usize),
    ) -> Result<(), ConfigError> {
        let name = entry.raw.name.as_ref().unwrap_or(&entry.raw.record);
        let mut group = Vec::new();
        for Points {
            suffix,
            abscissa,
            noise,
            rows,
        } in points
        {
            let name = format!("{name}{suffix}");
            let mut curve = MeasuredCurve {
                name: name.clone(),
                record: entry.loaded.file.name.clone(),
                origin: entry.loaded.origin,
                abscissa,
                at: Vec::new(),
                members: Vec::new(),
            };
            for (at, point, measured, sd) in rows {
                let target = Target {
                    id: name.clone(),
                    cell: entry.cell,
                    protocol: entry.protocol,
                    observable: Observable::Point(point),
                };
                let shown = target.observable.check(&protocols[entry.protocol]);
                shown.map_err(|what| {
                    let expected = "points of the record that the protocol's step passes";
                    self.place.value(&entry.key, what, expected)
                })?;
                curve.at.push(at);
                curve.members.push(first + built.observations.len());
                built.observations.push(Observation {
                    target,
                    measured,
                    noise: match noise {
                        NoiseOfPoints::Absolute => Noise::Absolute(sd),
                        NoiseOfPoints::Relative => Noise::Relative(sd),
                    },
                });
            }
            if noise == NoiseOfPoints::Absolute {
                group.extend(curve.members.iter().copied());
            }
            built.curves.push(curve);
        }
        if entry.raw.noise != Some(RawCurveNoise::Stated) && !group.is_empty() {
            built.noise_groups.push(NoiseGroup {
                name: name.clone(),
                members: group,
            });
        }
        self.instruments(entry, (built, first))
    }

    /// The instrument's unknowns of the curves of an entry: offsets of a potential, a current, or the resistance of the
    /// leads; and slopes of the background of a voltammogram. Each ramp has its own, because what charges the electrode
    /// beside the couple changes its sign with the ramp.
    fn instruments(
        &self,
        entry: &Entry<'_>,
        (built, first): (&mut Curves, usize),
    ) -> Result<(), ConfigError> {
        let name = entry.raw.name.as_ref().unwrap_or(&entry.raw.record);
        let own = built.curves.iter().filter(|curve| {
            let suffix = curve.name.strip_prefix(name.as_str());
            suffix.is_some_and(|suffix| suffix.is_empty() || suffix.starts_with(','))
        });
        let own: Vec<MeasuredCurve> = own.cloned().collect();
        for (what, sd) in [
            ("offset", entry.raw.offset_sd),
            ("slope", entry.raw.slope_sd),
        ] {
            let Some(sd) = sd else { continue };
            let key = format!("{}.{what}_sd", entry.key);
            let sd = self
                .place
                .number(&key, sd, |sd| sd > 0.0, "a positive number")?;
            let is_slope = what == "slope";
            if is_slope && entry.raw.voltammogram.is_none() {
                let expected = "a slope for voltammograms only";
                return Err(self.place.value(key, "a slope of another curve", expected));
            }
            let unknowns = own.iter().filter_map(|curve| {
                let observations = |row: usize| &built.observations[row - first];
                unknown(curve, observations, (what, sd))
            });
            let mut unknowns: Vec<Calibration> = unknowns.collect();
            if unknowns.is_empty() {
                let found = "an unknown of a curve whose noise is relative";
                let expected = "a scale by [[calibration]] instead, or none";
                return Err(self.place.value(key, found, expected));
            }
            if !entry.raw.voltammogram.is_some() {
                let members = unknowns.iter().flat_map(|u| u.members.clone()).collect();
                unknowns.truncate(1);
                unknowns[0].members = members;
                unknowns[0].name = format!("{what} of {name}");
            }
            built.calibrations.extend(unknowns);
        }
        Ok(())
    }

    /// The voltage of half cycles over their charge, and the charge at which each ends.
    fn galvanostatic(
        &self,
        entry: &Entry<'_>,
        raw: &RawGalvanostatic,
        protocol: &Protocol,
    ) -> Result<Vec<Points>, ConfigError> {
        let n = self.count(&entry.key, raw.points, HALF_CYCLE_POINTS)?;
        let sd = self.deviation(&entry.key, "sd_v", raw.sd_v, VOLTAGE_SD_V)?;
        let mut curves = Vec::new();
        for (cycle, half, curve) in
            self.half_curves(entry, (&raw.cycles, raw.halves.as_deref()), protocol)?
        {
            let (step, own_cycle) = self.step_of_cycle(&entry.key, cycle, protocol)?;
            if curve.share.len() < POINTS_MIN {
                return Err(self.too_short(entry, curve.share.len()));
            }
            let rows =
                thin(&curve.share, &curve.voltage_v, n)
                    .into_iter()
                    .map(|(share, voltage)| {
                        let point = CurvePoint::HalfCycleVoltage {
                            step,
                            cycle: own_cycle,
                            half,
                            share,
                        };
                        (share, point, voltage, sd)
                    });
            curves.push(Points {
                suffix: format!(", {} {cycle}", half.name()),
                abscissa: Abscissa::ChargeShare,
                noise: NoiseOfPoints::Absolute,
                rows: rows.collect(),
            });
        }
        let charges = RawCapacities {
            cycles: raw.cycles.clone(),
            halves: raw.halves.clone(),
            relative_sd: raw.charge_relative_sd,
        };
        curves.extend(self.capacities(entry, &charges, protocol)?);
        Ok(curves)
    }

    /// The charge of half cycles over their number, discharges and charges apart.
    fn capacities(
        &self,
        entry: &Entry<'_>,
        raw: &RawCapacities,
        protocol: &Protocol,
    ) -> Result<Vec<Points>, ConfigError> {
        let key = &entry.key;
        let sd = self.deviation(
            key,
            "charge_relative_sd",
            raw.relative_sd,
            CHARGE_RELATIVE_SD,
        )?;
        let Some(mass) = entry.loaded.file.mass else {
            let found = format!("a record without a mass, '{}'", entry.loaded.file.name);
            let expected =
                "mass = { sulfur_mg = ... } in its [[record]], as the charge counts per gram of it";
            return Err(self.place.value(key, found, expected));
        };
        let mut curves: Vec<(Half, Points)> = Vec::new();
        for (cycle, half, curve) in
            self.half_curves(entry, (&raw.cycles, raw.halves.as_deref()), protocol)?
        {
            let (step, own_cycle) = self.step_of_cycle(key, cycle, protocol)?;
            let point = CurvePoint::HalfCycleCharge {
                step,
                cycle: own_cycle,
                half,
            };
            let measured = mah_per_g(curve.charge_c / mass.sulfur_kg());
            let row = (cycle as f64, point, measured, sd);
            match curves.iter_mut().find(|(of, _)| *of == half) {
                Some((_, points)) => points.rows.push(row),
                None => curves.push((
                    half,
                    Points {
                        suffix: format!(", {} capacities", half.name()),
                        abscissa: Abscissa::Cycle,
                        noise: NoiseOfPoints::Relative,
                        rows: vec![row],
                    },
                )),
            }
        }
        Ok(curves.into_iter().map(|(_, points)| points).collect())
    }

    /// The recorded half cycles of these cycles, in order.
    fn half_curves(
        &self,
        entry: &Entry<'_>,
        (cycles, halves): (&[usize], Option<&[RawHalfName]>),
        protocol: &Protocol,
    ) -> Result<Vec<(usize, Half, HalfCurve)>, ConfigError> {
        let key = &entry.key;
        if cycles.is_empty() {
            return Err(self
                .place
                .value(format!("{key}.cycles"), "none", "at least one cycle"));
        }
        let record = self.record_of(entry)?;
        let recorded = half_curves(&record, DEFAULT_REST_SHARE).map_err(|what| {
            let place = Place::new(&entry.loaded.file.path);
            place.value("record", what, "half cycles under a constant current")
        })?;
        let both = [RawHalfName::Discharge, RawHalfName::Charge];
        let mut found = Vec::new();
        for cycle in cycles {
            self.step_of_cycle(key, *cycle, protocol)?;
            for half in halves.unwrap_or(&both) {
                let half = match half {
                    RawHalfName::Discharge => Half::Discharge,
                    RawHalfName::Charge => Half::Charge,
                };
                let mut of_kind = recorded.iter().filter(|curve| curve.half == half);
                let Some(curve) = of_kind.nth(cycle - 1) else {
                    let n = recorded.iter().filter(|curve| curve.half == half).count();
                    let found = format!("{} {cycle} of a record with {n}", half.name());
                    let expected = "cycles that the record holds";
                    return Err(self.place.value(format!("{key}.cycles"), found, expected));
                };
                found.push((*cycle, half, curve.clone()));
            }
        }
        Ok(found)
    }

    /// Step and cycle in it of a cycle that is counted through the protocol.
    fn step_of_cycle(
        &self,
        key: &str,
        cycle: usize,
        protocol: &Protocol,
    ) -> Result<(usize, usize), ConfigError> {
        let mut before = 0;
        for (index, step) in protocol.steps.iter().enumerate() {
            if let Step::Cycle(cycles) = step {
                if cycle > before && cycle <= before + cycles.count {
                    return Ok((index, cycle - before));
                }
                before += cycles.count;
            }
        }
        let found = format!(
            "cycle {cycle} of protocol '{}', which has {before}",
            protocol.name
        );
        let expected = "cycles counted from one through the protocol";
        Err(self.place.value(format!("{key}.cycles"), found, expected))
    }

    /// The current of ramps over the potential.
    fn voltammogram(
        &self,
        entry: &Entry<'_>,
        raw: &RawVoltammogram,
        protocol: &Protocol,
    ) -> Result<Vec<Points>, ConfigError> {
        let key = &entry.key;
        let Some(Step::Sweep {
            vertices_v,
            rate_v_s,
            ..
        }) = protocol.steps.get(raw.step)
        else {
            let found = format!(
                "step {} of protocol '{}', which is no sweep",
                raw.step, protocol.name
            );
            return Err(self
                .place
                .value(format!("{key}.step"), found, "a step with a sweep"));
        };
        let record = self.record_of(entry)?;
        let recorded = ramps(&record).map_err(|error| {
            let place = Place::new(&entry.loaded.file.path);
            place.value("record", error.to_string(), "a voltammogram")
        })?;
        let n = self.count(key, raw.points, RAMP_POINTS)?;
        let share = self.deviation(key, "share_sd", raw.share_sd, CURRENT_SHARE_SD)?;
        let largest = record.current.iter().fold(0.0, |a: f64, i| a.max(i.abs()));
        let all: Vec<usize> = (0..vertices_v.len()).collect();
        let shift = raw.first_recorded_ramp.unwrap_or(0);
        let mut curves = Vec::new();
        for ramp in raw.ramps.as_ref().unwrap_or(&all) {
            let Some(own) = recorded.get(ramp + shift) else {
                let found = format!("ramp {} of a record with {}", ramp + shift, recorded.len());
                return Err(self.place.value(
                    format!("{key}.ramps"),
                    found,
                    "ramps that the record holds",
                ));
            };
            let scan_rate = own.scan_rate.value;
            if (scan_rate / rate_v_s - 1.0).abs() > SCAN_RATE_TOLERANCE {
                let found =
                    format!("a record at {scan_rate:.5} V/s under a sweep at {rate_v_s} V/s");
                return Err(self.place.value(
                    key,
                    found,
                    "the scan rate of the record in the protocol",
                ));
            }
            let range =
                raw.lowest_v.unwrap_or(f64::NEG_INFINITY)..=raw.highest_v.unwrap_or(f64::INFINITY);
            let (x, y) = rising(&record, own.points.clone(), own.direction, &range);
            if x.len() < POINTS_MIN {
                return Err(self.too_short(entry, x.len()));
            }
            let rows = thin(&x, &y, n).into_iter().map(|(voltage_v, current)| {
                let point = CurvePoint::RampCurrent {
                    step: raw.step,
                    ramp: *ramp,
                    voltage_v,
                };
                (voltage_v, point, current, share * largest)
            });
            curves.push(Points {
                suffix: format!(", ramp {ramp}"),
                abscissa: Abscissa::Voltage,
                noise: NoiseOfPoints::Absolute,
                rows: rows.collect(),
            });
        }
        Ok(curves)
    }

    /// The impedance over the frequency: what the Kramers-Kronig gate passes.
    fn spectrum(&self, entry: &Entry<'_>, raw: &RawSpectrum) -> Result<Vec<Points>, ConfigError> {
        let key = &entry.key;
        let spectra = entry.loaded.measured.spectra();
        let which = raw.spectrum.unwrap_or(0);
        let Some(spectrum) = spectra.get(which) else {
            let found = format!("spectrum {which} of a record with {}", spectra.len());
            return Err(self.place.value(
                format!("{key}.spectrum"),
                found,
                "a spectrum of the record, counted from zero",
            ));
        };
        let rules = Rules {
            keep: raw.keep.unwrap_or(false),
            ..Rules::default()
        };
        let passed = gate(spectrum, &rules).pass(spectrum);
        let range = raw.lowest_hz.unwrap_or(0.0)..=raw.highest_hz.unwrap_or(f64::INFINITY);
        let points = passed.frequency_hz.iter().zip(&passed.impedance_ohm);
        let mut points: Vec<(f64, (f64, f64))> = points
            .filter(|(frequency, _)| range.contains(*frequency))
            .map(|(frequency, z)| (*frequency, *z))
            .collect();
        if points.len() < POINTS_MIN {
            return Err(self.too_short(entry, points.len()));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let n = self.count(key, raw.points, SPECTRUM_POINTS)?;
        let share = self.deviation(key, "share_sd", raw.share_sd, IMPEDANCE_SHARE_SD)?;
        // Whole points are left out, evenly: a mean of two frequencies is no impedance.
        let stride = points.len().div_ceil(n);
        let kept: Vec<_> = points.into_iter().step_by(stride).collect();
        let parts = [Part::Real, Part::Imaginary].into_iter();
        let rows = parts.flat_map(|part| {
            kept.iter().map(move |(frequency, (re, im))| {
                let point = CurvePoint::Impedance {
                    step: raw.step,
                    frequency_hz: *frequency,
                    part,
                };
                let measured = match part {
                    Part::Real => *re,
                    Part::Imaginary => *im,
                };
                (*frequency, point, measured, share * re.hypot(*im))
            })
        });
        Ok(vec![Points {
            suffix: String::new(),
            abscissa: Abscissa::Frequency,
            noise: NoiseOfPoints::Absolute,
            rows: rows.collect(),
        }])
    }

    /// Voltage or current over the time of a step.
    fn over_time(&self, entry: &Entry<'_>, raw: &RawOverTime) -> Result<Vec<Points>, ConfigError> {
        let key = &entry.key;
        let record = self.record_of(entry)?;
        let shift = raw.recorded_from_s.unwrap_or(0.0);
        let start = record.time_s.first().copied().unwrap_or(0.0);
        let values = match raw.quantity {
            RawSignal::Voltage => &record.voltage_v,
            RawSignal::Current => &record.current,
        };
        let times = record.time_s.iter().map(|t| t - start - shift);
        let inside = times
            .zip(values)
            .filter(|(t, _)| (raw.from_s..=raw.to_s).contains(t));
        let (x, y): (Vec<f64>, Vec<f64>) = inside.map(|(t, v)| (t, *v)).unzip();
        if x.len() < POINTS_MIN {
            return Err(self.too_short(entry, x.len()));
        }
        let n = self.count(key, raw.points, TIME_POINTS)?;
        let sd = match raw.quantity {
            RawSignal::Voltage => self.deviation(key, "sd_v", raw.sd_v, VOLTAGE_SD_V)?,
            RawSignal::Current => {
                let largest = y.iter().fold(0.0, |a: f64, i| a.max(i.abs()));
                largest * self.deviation(key, "share_sd", raw.share_sd, CURRENT_SHARE_SD)?
            }
        };
        // A replayed signal is no smooth curve: samples, not averages.
        let stride = x.len().div_ceil(n);
        let rows = x.into_iter().zip(y).step_by(stride).map(|(time_s, value)| {
            let step = raw.step;
            let point = match raw.quantity {
                RawSignal::Voltage => CurvePoint::Voltage { step, time_s },
                RawSignal::Current => CurvePoint::Current { step, time_s },
            };
            (time_s, point, value, sd)
        });
        Ok(vec![Points {
            suffix: String::new(),
            abscissa: Abscissa::Time,
            noise: NoiseOfPoints::Absolute,
            rows: rows.collect(),
        }])
    }

    /// Time, voltage and current of a record.
    fn record_of(&self, entry: &Entry<'_>) -> Result<Record, ConfigError> {
        entry.loaded.measured.record().ok_or_else(|| {
            let found = format!(
                "a record of the technique {}",
                entry.loaded.measured.technique
            );
            let expected = "a record with time, voltage and current";
            self.place
                .value(format!("{}.record", entry.key), found, expected)
        })
    }

    fn too_short(&self, entry: &Entry<'_>, n: usize) -> ConfigError {
        let found = format!("{n} points in {}", entry.loaded.file.path.display());
        let expected = format!("at least {POINTS_MIN} points, fewer say nothing about a curve");
        self.place.value(&entry.key, found, expected)
    }

    fn count(&self, key: &str, given: Option<usize>, usual: usize) -> Result<usize, ConfigError> {
        const POINTS_MAX: usize = 2000;
        let n = given.unwrap_or(usual);
        if (POINTS_MIN..=POINTS_MAX).contains(&n) {
            return Ok(n);
        }
        let expected = format!("{POINTS_MIN} to {POINTS_MAX}");
        Err(self
            .place
            .value(format!("{key}.points"), n.to_string(), expected))
    }

    fn deviation(
        &self,
        key: &str,
        name: &str,
        given: Option<f64>,
        usual: f64,
    ) -> Result<f64, ConfigError> {
        let sd = given.unwrap_or(usual);
        let key = format!("{key}.{name}");
        self.place
            .number(&key, sd, |sd| sd > 0.0, "a positive standard deviation")
    }

    /// The position of a protocol.
    pub(super) fn protocol_index(
        &self,
        key: &str,
        name: &str,
        protocols: &[Protocol],
    ) -> Result<usize, ConfigError> {
        let position = protocols.iter().position(|p| p.name == name);
        position.ok_or_else(|| {
            let names: Vec<&str> = protocols.iter().map(|p| p.name.as_str()).collect();
            self.place.value(
                format!("{key}.protocol"),
                format!("'{name}'"),
                format!("one of {}", names.join(", ")),
            )
        })
    }
}

/// One unknown of a curve, `None` if no point of it can have one: an offset does not concern imaginary parts, and where
/// the noise is relative it would not be linear. A slope counts from the middle of the curve.
fn unknown<'o>(
    curve: &MeasuredCurve,
    observation: impl Fn(usize) -> &'o Observation,
    (what, sd): (&str, f64),
) -> Option<Calibration> {
    let middle = curve.at.iter().sum::<f64>() / curve.at.len() as f64;
    let points = curve.at.iter().zip(&curve.members);
    let members = points.filter_map(|(at, row)| {
        let Observation { target, noise, .. } = observation(*row);
        let is_imaginary = matches!(
            target.observable,
            Observable::Point(CurvePoint::Impedance {
                part: Part::Imaginary,
                ..
            })
        );
        let lever = if what == "slope" { at - middle } else { 1.0 };
        match noise {
            Noise::Absolute(own) if !is_imaginary => Some((*row, lever / own)),
            _ => None,
        }
    });
    let members: Vec<(usize, f64)> = members.collect();
    let unit = observation(members.first()?.0).target.observable.unit();
    Some(Calibration {
        name: format!("{what} of {}", curve.name),
        unit: if what == "slope" { "A V^-1" } else { unit },
        sd,
        members,
    })
}

/// Potential and current of a ramp, the potential rising.
fn rising(
    record: &Record,
    points: std::ops::Range<usize>,
    direction: Direction,
    range: &std::ops::RangeInclusive<f64>,
) -> (Vec<f64>, Vec<f64>) {
    let mut pairs: Vec<(f64, f64)> = points
        .map(|i| (record.voltage_v[i], record.current[i]))
        .filter(|(v, i)| range.contains(v) && i.is_finite())
        .collect();
    if direction == Direction::Falling {
        pairs.reverse();
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs.into_iter().unzip()
}
