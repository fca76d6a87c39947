//! What a record shows: its half cycles as curves, the steps that it was measured by, the cell's geometry.

use super::curves::curve_name;
use super::error::ConfigError;
use super::error::Place;
use super::experiment::Builder;
use super::experiment_file::RawCell;
use super::protocol_file::RawAsRecorded;
use super::store::Loaded;
use crate::analysis::cycling::HalfCycleKind;
use crate::analysis::cycling::half_cycles;
use crate::analysis::ramps::ramps;
use crate::mechanism::ParameterId;
use crate::observe::Half;
use crate::protocol::Cycles;
use crate::protocol::Recorded;
use crate::protocol::Step;
use crate::record::Record;
use crate::record::Technique;

/// Share of the largest current below which a cell rests (1).
pub(super) const DEFAULT_REST_SHARE: f64 = crate::analysis::cycling::REST_SHARE;

/// Relative difference of currents that makes another step (1).
const CURRENT_TOLERANCE: f64 = 0.05;
/// Relative difference of areas or masses of one cell that is told (1).
const GEOMETRY_TOLERANCE: f64 = 1e-3;
/// A half cycle ends after this many times its theoretical time at the latest, and not before the recorded one.
const TIME_FACTOR: f64 = 1.15;

/// A recorded half cycle as a curve.
#[derive(Clone)]
pub(super) struct HalfCurve {
    /// Which half.
    pub(super) half: Half,
    /// Share of its charge that has passed (1), rising.
    pub(super) share: Vec<f64>,
    /// Voltage (V).
    pub(super) voltage_v: Vec<f64>,
    /// Its charge (C), positive.
    pub(super) charge_c: f64,
    /// Its mean current (A), positive.
    pub(super) current_a: f64,
    /// Voltage at its end (V).
    pub(super) end_v: f64,
}

/// The half cycles of a record in order of time.
pub(super) fn half_curves(record: &Record, rest_share: f64) -> Result<Vec<HalfCurve>, String> {
    let halves = half_cycles(record, rest_share).map_err(|error| error.to_string())?;
    let curves = halves.into_iter().map(|half| {
        let points = half.points.clone();
        let mean = half.mean_current_a();
        let is_even = |i: usize| (record.current[i].abs() / mean - 1.0).abs() < CURRENT_TOLERANCE;
        // Under an even current the time tells the share better than the sum of currents and their noise.
        let is_constant = points.clone().all(is_even);
        let mut passed = vec![0.0];
        for i in points.clone().skip(1) {
            let current = if is_constant {
                mean
            } else {
                0.5 * (record.current[i - 1] + record.current[i]).abs()
            };
            let charge = current * (record.time_s[i] - record.time_s[i - 1]);
            passed.push(passed[passed.len() - 1] + charge);
        }
        let total = passed[passed.len() - 1].max(f64::MIN_POSITIVE);
        HalfCurve {
            half: match half.kind {
                HalfCycleKind::Discharge => Half::Discharge,
                HalfCycleKind::Charge => Half::Charge,
            },
            share: passed.iter().map(|charge| charge / total).collect(),
            voltage_v: record.voltage_v[points].to_vec(),
            charge_c: half.capacity.value,
            current_a: half.mean_current_a(),
            end_v: half.end_v,
        }
    });
    Ok(curves.collect())
}

impl Builder<'_> {
    /// The steps by which a record was measured: cycles with their current and cut-offs, ramps with their vertices and
    /// rate, the frequencies of a spectrum.
    pub(super) fn steps_of_record(
        &self,
        key: &str,
        raw: &RawAsRecorded,
    ) -> Result<Vec<Step>, ConfigError> {
        let key = format!("{key}.as_recorded");
        let cell = self.cell_index(&key, &raw.cell)?;
        let name = (cell, raw.record.as_str());
        let loaded = self
            .store
            .record(&self.place, &format!("{key}.record"), name)?;
        let place = Place::new(&loaded.file.path);
        if raw.cycles == Some(0) {
            let expected = "at least 1, or nothing for all that the record holds";
            return Err(self.place.value(format!("{key}.cycles"), "0", expected));
        }
        let n_max = raw.cycles.unwrap_or(usize::MAX);
        match loaded.measured.technique {
            Technique::Cycling | Technique::Chronopotentiometry => {
                self.recorded_cycles(&key, &loaded, n_max)
            }
            Technique::Voltammetry => recorded_sweep(&place, &loaded, n_max),
            Technique::Impedance => recorded_frequencies(&place, &loaded),
            other => Err(self.place.value(
                key,
                format!("a record of the technique {other}"),
                "a record of cycling, voltammetry or impedance; state the steps of others",
            )),
        }
    }

    /// Runs of cycles under about the same current, of the first cycles of the record.
    fn recorded_cycles(
        &self,
        key: &str,
        loaded: &Loaded,
        n_max: usize,
    ) -> Result<Vec<Step>, ConfigError> {
        let place = Place::new(&loaded.file.path);
        let wrong = |found: String, expected: &str| place.value("record", found, expected);
        let Some(battery) = self.mechanism.battery() else {
            let expected = "a mechanism of a battery";
            return Err(self.place.value(key, "cycles of a half cell", expected));
        };
        let Some(mass) = loaded.file.mass else {
            let found = format!("a record without a mass, '{}'", loaded.file.name);
            let expected =
                "mass = { sulfur_mg = ... } in its [[record]], from which the C-rate follows";
            return Err(self.place.value(key, found, expected));
        };
        let one_c_a = self.mechanism.parameters().values()[battery.roles.specific_charge.index()]
            * mass.sulfur_kg()
            / 3600.0;
        let record = loaded
            .measured
            .record()
            .ok_or_else(|| wrong("no time, voltage or current".to_owned(), "all three"))?;
        let halves = half_curves(&record, DEFAULT_REST_SHARE)
            .map_err(|what| wrong(what, "half cycles under a constant current"))?;
        if halves.first().is_some_and(|half| half.half == Half::Charge) {
            let expected =
                "a record that begins with a discharge, as the simulated cell is charged";
            return Err(wrong("a charge first".to_owned(), expected));
        }
        let mut steps: Vec<Cycles> = Vec::new();
        for pair in halves.chunks(2).take(n_max) {
            let [discharge, charge] = pair else {
                break;
            };
            if discharge.half != Half::Discharge || charge.half != Half::Charge {
                let expected = "discharges and charges in turn";
                return Err(wrong(
                    "two half cycles of one kind in a row".to_owned(),
                    expected,
                ));
            }
            let own = cycles_like(discharge, charge, one_c_a);
            match steps.last_mut() {
                Some(last) if (own.c_rate / last.c_rate - 1.0).abs() < CURRENT_TOLERANCE => {
                    last.count += 1;
                    last.time_factor = last.time_factor.max(own.time_factor);
                }
                _ => steps.push(own),
            }
        }
        if steps.is_empty() {
            return Err(wrong(
                "no whole cycle".to_owned(),
                "at least one discharge and charge",
            ));
        }
        Ok(steps.into_iter().map(Step::Cycle).collect())
    }

    /// Area and loading of a cell as the records of its curves state them (SI), checked against each other and against
    /// what the experiment states.
    pub(super) fn recorded_geometry(
        &self,
        raw: &RawCell,
    ) -> Result<Vec<(ParameterId, f64)>, ConfigError> {
        let cell = self.cell_index("cell", &raw.name)?;
        let mut found: Vec<(ParameterId, f64)> = Vec::new();
        for curve in self.raw.curve.iter().filter(|curve| curve.cell == raw.name) {
            let key = format!("curve '{}'.record", curve_name(curve));
            let name = (cell, curve.record.as_str());
            let loaded = self.store.record(&self.place, &key, name)?;
            for (id, value) in self.geometry_of(&loaded) {
                match found.iter().find(|(known, _)| *known == id) {
                    None => found.push((id, value)),
                    Some((_, known)) if (value / known - 1.0).abs() < GEOMETRY_TOLERANCE => {}
                    Some(_) => {
                        let what = &self.mechanism.parameters().row(id).meaning;
                        let found = format!("another {what} than in the cell's other records");
                        let expected =
                            "one cell with one geometry; another [[cell]] for another one";
                        return Err(self.place.value(key, found, expected));
                    }
                }
            }
        }
        self.check_geometry(raw, &found)?;
        found.retain(|(id, _)| {
            let name = &self.mechanism.parameters().row(*id).name;
            !raw.parameters.contains_key(name)
        });
        Ok(found)
    }

    /// Area and loading that one record states.
    fn geometry_of(&self, loaded: &Loaded) -> Vec<(ParameterId, f64)> {
        let mut known = Vec::new();
        if let Some(area) = loaded.file.hints.area_m2 {
            known.push((self.mechanism.area(), area));
            if let (Some(battery), Some(mass)) = (self.mechanism.battery(), loaded.file.mass) {
                known.push((battery.roles.loading, mass.sulfur_kg() / area));
            }
        }
        known
    }

    /// What a cell's curves need must be known, and what is stated twice must agree.
    fn check_geometry(
        &self,
        raw: &RawCell,
        recorded: &[(ParameterId, f64)],
    ) -> Result<(), ConfigError> {
        let table = self.mechanism.parameters();
        for (id, value) in recorded {
            let row = table.row(*id);
            let Some(stated) = raw.parameters.get(&row.name) else {
                continue;
            };
            if (row.unit.to_si(*stated) / value - 1.0).abs() > GEOMETRY_TOLERANCE {
                let key = format!("cell '{}'.parameters.{}", raw.name, row.name);
                let expected = format!(
                    "{:.6} {} as its records state, or nothing",
                    row.unit.from_si(*value),
                    row.unit
                );
                return Err(self.place.value(key, format!("{stated}"), expected));
            }
        }
        let is_known = |id: ParameterId| {
            let name = &table.row(id).name;
            recorded.iter().any(|(known, _)| *known == id)
                || raw.parameters.contains_key(name)
                || self.raw.free.parameters.contains(name)
        };
        for curve in self.raw.curve.iter().filter(|curve| curve.cell == raw.name) {
            let is_cycling = curve.galvanostatic.is_some() || curve.capacities.is_some();
            let needed = match self.mechanism.battery() {
                Some(battery) if is_cycling => battery.roles.loading,
                _ => self.mechanism.area(),
            };
            if !is_known(needed) {
                let row = table.row(needed);
                let key = format!("curve '{}'", curve_name(curve));
                let found = format!("a record without the cell's {}", row.meaning);
                let expected = format!(
                    "electrode_area_cm2 and mass in its [[record]], or {} among the cell's parameters or the free ones",
                    row.name
                );
                return Err(self.place.value(key, found, expected));
            }
        }
        Ok(())
    }
}

/// One cycle as it was recorded.
fn cycles_like(discharge: &HalfCurve, charge: &HalfCurve, one_c_a: f64) -> Cycles {
    let c_rate = discharge.current_a / one_c_a;
    let longest_s = [discharge, charge].map(|half| half.charge_c / half.current_a);
    let longest_s = longest_s[0].max(longest_s[1]);
    Cycles {
        c_rate,
        count: 1,
        lower_v: discharge.end_v,
        upper_v: charge.end_v,
        time_factor: TIME_FACTOR.max(1.1 * longest_s * c_rate / 3600.0),
        may_jump: false,
        recorded: Recorded::All,
    }
}

fn recorded_sweep(
    place: &Place<'_>,
    loaded: &Loaded,
    n_max: usize,
) -> Result<Vec<Step>, ConfigError> {
    let wrong = |found: String| place.value("record", found, "a voltammogram with ramps");
    let record = loaded
        .measured
        .record()
        .ok_or_else(|| wrong("no time, voltage or current".to_owned()))?;
    let mut ramps = ramps(&record).map_err(|error| wrong(error.to_string()))?;
    ramps.truncate(n_max.saturating_mul(2));
    let rates: Vec<f64> = ramps.iter().map(|ramp| ramp.scan_rate.value).collect();
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    if rates
        .iter()
        .any(|rate| (rate / mean - 1.0).abs() > CURRENT_TOLERANCE)
    {
        return Err(wrong("ramps of different scan rates".to_owned()));
    }
    let vertices = ramps
        .iter()
        .map(|ramp| record.voltage_v[ramp.points.end - 1]);
    Ok(vec![Step::Sweep {
        from_v: ramps
            .first()
            .map(|ramp| record.voltage_v[ramp.points.start]),
        vertices_v: vertices.collect(),
        rate_v_s: mean,
    }])
}

fn recorded_frequencies(place: &Place<'_>, loaded: &Loaded) -> Result<Vec<Step>, ConfigError> {
    let spectra = loaded.measured.spectra();
    let Some(spectrum) = spectra.first() else {
        return Err(place.value("record", "no spectrum", "one with positive frequencies"));
    };
    let mut frequencies = spectrum.frequency_hz.clone();
    frequencies.sort_by(|a, b| b.total_cmp(a));
    frequencies.dedup();
    Ok(vec![Step::Impedance {
        frequencies_hz: frequencies,
    }])
}
