//! What a record and a simulation are compared at, by the kind of curve: read from the record, thinned.

use super::curve_file::RawCapacities;
use super::curve_file::RawGalvanostatic;
use super::curve_file::RawHalfName;
use super::curve_file::RawOverTime;
use super::curve_file::RawSignal;
use super::curve_file::RawSpectrum;
use super::curve_file::RawVoltammogram;
use super::curves::Entry;
use super::curves::NoiseOfPoints;
use super::curves::Points;
use super::error::ConfigError;
use super::error::Place;
use super::experiment::Builder;
use super::recorded::DEFAULT_REST_SHARE;
use super::recorded::HalfCurve;
use super::recorded::half_curves;
use crate::analysis::gate::Rules;
use crate::analysis::gate::gate;
use crate::analysis::ramps::Direction;
use crate::analysis::ramps::Ramp;
use crate::analysis::ramps::ramps;
use crate::analysis::thin::thin;
use crate::estimate::Abscissa;
use crate::observe::CurvePoint;
use crate::observe::Half;
use crate::observe::Part;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::record::Record;
use crate::units::mah_per_g;

/// Points that are kept of a half cycle.
pub(super) const HALF_CYCLE_POINTS: usize = 30;
/// Points that are kept of a ramp.
pub(super) const RAMP_POINTS: usize = 50;
/// Frequencies that are kept of a spectrum.
pub(super) const SPECTRUM_POINTS: usize = 60;
/// Points that are kept of a curve over time.
pub(super) const TIME_POINTS: usize = 200;
/// Stated standard deviation of a voltage (V); estimated unless the file says otherwise.
pub(super) const VOLTAGE_SD_V: f64 = 5e-3;
/// Stated standard deviation of a current as a share of the record's largest (1).
pub(super) const CURRENT_SHARE_SD: f64 = 0.01;
/// Stated standard deviation of an impedance as a share of its modulus (1).
pub(super) const IMPEDANCE_SHARE_SD: f64 = 0.01;
/// Stated standard deviation of a charge relative to itself (1): cyclers reach 0.1 %, masses are weighed to about 1 %.
pub(super) const CHARGE_RELATIVE_SD: f64 = 0.01;
/// Fewest points that a curve needs to say anything about a curve.
const POINTS_MIN: usize = 5;
/// Relative difference between the scan rates of record and protocol that is told (1).
const SCAN_RATE_TOLERANCE: f64 = 0.02;

/// The half cycles that an entry asks for.
struct Wanted<'r> {
    cycles: &'r [usize],
    begins_with: usize,
    halves: Option<&'r [RawHalfName]>,
}

impl<'r> From<&'r RawGalvanostatic> for Wanted<'r> {
    fn from(raw: &'r RawGalvanostatic) -> Self {
        Self {
            cycles: &raw.cycles,
            begins_with: raw.record_begins_with.unwrap_or(1),
            halves: raw.halves.as_deref(),
        }
    }
}

impl<'r> From<&'r RawCapacities> for Wanted<'r> {
    fn from(raw: &'r RawCapacities) -> Self {
        Self {
            cycles: &raw.cycles,
            begins_with: raw.record_begins_with.unwrap_or(1),
            halves: raw.halves.as_deref(),
        }
    }
}

impl Builder<'_> {
    /// The voltage of half cycles over their charge, and the charge at which each ends.
    pub(super) fn galvanostatic(
        &self,
        entry: &Entry<'_>,
        raw: &RawGalvanostatic,
        protocol: &Protocol,
    ) -> Result<Vec<Points>, ConfigError> {
        let n = self.count(&entry.key, raw.points, HALF_CYCLE_POINTS)?;
        let sd = self.deviation(&entry.key, "sd_v", raw.sd_v, VOLTAGE_SD_V)?;
        let mut curves = Vec::new();
        for (cycle, half, curve) in self.half_curves(entry, &Wanted::from(raw), protocol)? {
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
            record_begins_with: raw.record_begins_with,
            halves: raw.halves.clone(),
            relative_sd: raw.charge_relative_sd,
        };
        curves.extend(self.capacities(entry, &charges, protocol)?);
        Ok(curves)
    }

    /// The charge of half cycles over their number, discharges and charges apart.
    pub(super) fn capacities(
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
        for (cycle, half, curve) in self.half_curves(entry, &Wanted::from(raw), protocol)? {
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
        wanted: &Wanted<'_>,
        protocol: &Protocol,
    ) -> Result<Vec<(usize, Half, HalfCurve)>, ConfigError> {
        let key = &entry.key;
        if wanted.cycles.is_empty() {
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
        for cycle in wanted.cycles {
            self.step_of_cycle(key, *cycle, protocol)?;
            for half in wanted.halves.unwrap_or(&both) {
                let half = match half {
                    RawHalfName::Discharge => Half::Discharge,
                    RawHalfName::Charge => Half::Charge,
                };
                let mut of_kind = recorded.iter().filter(|curve| curve.half == half);
                let Some(curve) = cycle
                    .checked_sub(wanted.begins_with)
                    .and_then(|i| of_kind.nth(i))
                else {
                    let n = recorded.iter().filter(|curve| curve.half == half).count();
                    let begins = wanted.begins_with;
                    let found = format!(
                        "{} {cycle} of a record with {n} that begins with cycle {begins}",
                        half.name()
                    );
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
    pub(super) fn voltammogram(
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
            let own = self.ramp(entry, &recorded, (ramp + shift, *rate_v_s))?;
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

    /// A recorded ramp, which must be as fast as the protocol's.
    fn ramp<'r>(
        &self,
        entry: &Entry<'_>,
        recorded: &'r [Ramp],
        (index, rate_v_s): (usize, f64),
    ) -> Result<&'r Ramp, ConfigError> {
        let key = &entry.key;
        let Some(own) = recorded.get(index) else {
            let found = format!("ramp {index} of a record with {}", recorded.len());
            let expected = "ramps that the record holds";
            return Err(self.place.value(format!("{key}.ramps"), found, expected));
        };
        let scan_rate = own.scan_rate.value;
        if (scan_rate / rate_v_s - 1.0).abs() > SCAN_RATE_TOLERANCE {
            let found = format!("a record at {scan_rate:.5} V/s under a sweep at {rate_v_s} V/s");
            let expected = "the scan rate of the record in the protocol";
            return Err(self.place.value(key, found, expected));
        }
        Ok(own)
    }

    /// The impedance over the frequency: what the Kramers-Kronig gate passes.
    pub(super) fn spectrum(
        &self,
        entry: &Entry<'_>,
        raw: &RawSpectrum,
    ) -> Result<Vec<Points>, ConfigError> {
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
    pub(super) fn over_time(
        &self,
        entry: &Entry<'_>,
        raw: &RawOverTime,
    ) -> Result<Vec<Points>, ConfigError> {
        let key = &entry.key;
        let record = self.record_of(entry)?;
        // A replay counts on the record's own clock, whose zero may lie before the first sample.
        let first = record.time_s.first().copied().unwrap_or(0.0);
        let start = raw.recorded_from_s.unwrap_or(first);
        let values = match raw.quantity {
            RawSignal::Voltage => &record.voltage_v,
            RawSignal::Current => &record.current,
        };
        let times = record.time_s.iter().map(|t| t - start);
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
