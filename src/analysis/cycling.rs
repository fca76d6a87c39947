//! Half cycles and cycles of a cycling record: capacity, energy, efficiency, retention and activation.

use std::ops::Range;

use super::differentiable::activation_voltage_v;
use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_positive;
use super::result::check_record;
use super::smooth::median;
use crate::record::Record;

/// Current below which a cell rests, as share of the record's largest (1): below the taper of a voltage hold, above the
/// offset of a cycler.
pub const REST_SHARE: f64 = 1e-3;
/// Charge of a half cycle, over both neighbours', below which it is a pulse inside them (1).
const PULSE_SHARE: f64 = 0.01;
/// Relative change of the current between two points that counts as a switch (1).
const SWITCH_SHARE: f64 = 0.5;
/// Standard uncertainty of a capacity from sampling that is reported (1).
const SAMPLING_SHARE: f64 = 0.01;

/// Direction of a half cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfCycleKind {
    /// Positive current.
    Discharge,
    /// Negative current.
    Charge,
}

/// A discharge or a charge, with the rests inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfCycle {
    /// Which of the two.
    pub kind: HalfCycleKind,
    /// Its points in the record, from the first to the last with current.
    pub points: Range<usize>,
    /// Time of its first point (s).
    pub start_s: f64,
    /// Duration (s), with the rests inside.
    pub duration_s: f64,
    /// Time with current (s).
    pub active_s: f64,
    /// Charge (C), positive; its uncertainty is that of the times at which the current was switched.
    pub capacity: Estimate,
    /// Energy (J), positive.
    pub energy: Estimate,
    /// Energy over charge (V).
    pub mean_voltage_v: f64,
    /// Voltage of the first point (V).
    pub start_v: f64,
    /// Voltage of the last point (V).
    pub end_v: f64,
    /// Rest between it and the next half cycle (s).
    pub rest_after_s: f64,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
}

impl HalfCycle {
    /// Mean current while it flows (A), positive.
    pub fn mean_current_a(&self) -> f64 {
        self.capacity.value / self.active_s
    }

    /// Mean current over that which passes a capacity (C) in an hour (1).
    ///
    /// # Errors
    /// If the capacity is not positive.
    pub fn c_rate(&self, capacity_c: f64) -> Result<f64, AnalysisError> {
        check_positive("capacity (C)", capacity_c)?;
        Ok(3600.0 * self.mean_current_a() / capacity_c)
    }
}

/// The half cycles of a record in order of time, by the sign of the current.
///
/// `rest_share` is the current below which the cell rests over the record's largest (1), [`REST_SHARE`] unless there is a
/// reason. Rests between currents of one sign, and pulses of the other sign with less than 1 % of both neighbours' charge,
/// belong to the half cycle around them. Charge and energy are sums of trapezoids. Linear in the number of points.
///
/// # Errors
/// If a value is not finite, or no current flows.
pub fn half_cycles(record: &Record, rest_share: f64) -> Result<Vec<HalfCycle>, AnalysisError> {
    check_record(record, 2)?;
    let largest = record.current.iter().map(|i| i.abs()).fold(0.0, f64::max);
    let threshold = rest_share.max(0.0) * largest;
    let runs = merged(runs(record, threshold));
    if runs.is_empty() {
        return Err(AnalysisError::Missing {
            what: "no current flows for longer than one point",
            advice: "check the column of the current and its unit",
        });
    }
    let next = |i: usize| runs.get(i + 1).map(|run| run.points.start);
    let halves = runs.iter().enumerate();
    Ok(halves
        .map(|(i, run)| half_cycle(record, run, next(i), threshold))
        .collect())
}

/// Points between the first and the last current of one sign.
struct Run {
    points: Range<usize>,
    is_discharge: bool,
    charge: f64,
}

fn runs(record: &Record, threshold: f64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (i, current) in record.current.iter().enumerate() {
        if current.abs() <= threshold {
            continue;
        }
        let is_discharge = *current > 0.0;
        match runs.last_mut() {
            Some(run) if run.is_discharge == is_discharge => {
                run.charge += step_charge(record, i - 1);
                run.points.end = i + 1;
            }
            _ => runs.push(Run {
                points: i..i + 1,
                is_discharge,
                charge: 0.0,
            }),
        }
    }
    runs
}

/// |Charge| between a point and the next (A s), by the trapezoid.
fn step_charge(record: &Record, i: usize) -> f64 {
    0.5 * (record.current[i] + record.current[i + 1]).abs()
        * (record.time_s[i + 1] - record.time_s[i])
}

/// Joins the neighbours of runs that are pulses, and drops single points.
fn merged(runs: Vec<Run>) -> Vec<Run> {
    let mut kept: Vec<Run> = Vec::new();
    for run in runs {
        if let [.., before, pulse] = kept.as_mut_slice()
            && before.is_discharge == run.is_discharge
            && pulse.charge <= PULSE_SHARE * before.charge.min(run.charge)
        {
            before.points.end = run.points.end;
            before.charge += run.charge - pulse.charge;
            kept.pop();
        } else {
            kept.push(run);
        }
    }
    kept.retain(|run| run.points.len() > 1);
    kept
}

fn half_cycle(record: &Record, run: &Run, next: Option<usize>, threshold: f64) -> HalfCycle {
    let (first, last) = (run.points.start, run.points.end - 1);
    let (t, v, i) = (&record.time_s, &record.voltage_v, &record.current);
    let (mut charge, mut energy, mut active_s, mut variance) = (0.0, 0.0, 0.0, 0.0);
    for k in first..last {
        let dt = t[k + 1] - t[k];
        let mean = 0.5 * (i[k] + i[k + 1]);
        charge += mean * dt;
        energy += 0.5 * (v[k] * i[k] + v[k + 1] * i[k + 1]) * dt;
        let on = usize::from(i[k].abs() > threshold) + usize::from(i[k + 1].abs() > threshold);
        active_s += 0.5 * on as f64 * dt;
        let jump = (i[k + 1] - i[k]).abs();
        if jump > SWITCH_SHARE * i[k].abs().max(i[k + 1].abs()) {
            // The switch lies anywhere between the two points.
            variance += (jump * dt).powi(2) / 12.0;
        }
    }
    let sign = if run.is_discharge { 1.0 } else { -1.0 };
    let (charge, sd) = (sign * charge, variance.sqrt());
    let mean_voltage_v = if charge > 0.0 {
        sign * energy / charge
    } else {
        v[first]
    };
    let mut warnings = Vec::new();
    if sd > SAMPLING_SHARE * charge {
        warnings.push(format!(
            "capacity is uncertain by {:.1} % because the current was switched between distant points; record a point at \
             every switch",
            100.0 * sd / charge
        ));
    }
    HalfCycle {
        kind: if run.is_discharge {
            HalfCycleKind::Discharge
        } else {
            HalfCycleKind::Charge
        },
        points: run.points.clone(),
        start_s: t[first],
        duration_s: t[last] - t[first],
        active_s,
        capacity: Estimate::new(charge, Some(sd), "C"),
        energy: Estimate::new(sign * energy, Some(sd * mean_voltage_v.abs()), "J"),
        mean_voltage_v,
        start_v: v[first],
        end_v: v[last],
        rest_after_s: t[next.unwrap_or(t.len() - 1)] - t[last],
        warnings,
    }
}

/// A cycle: two neighbouring half cycles.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// Counted from one.
    pub number: usize,
    /// Position of its first half cycle; the second, if there is one, follows.
    pub first: usize,
    /// Whether it has both halves.
    pub is_complete: bool,
    /// Discharged charge (C), if it has a discharge.
    pub discharge: Option<Estimate>,
    /// Charged charge (C), if it has a charge.
    pub charge: Option<Estimate>,
    /// Coulombic efficiency (1): the discharge over the charge right before it, which for cells that begin with the
    /// discharge is that of the cycle before. `None` if no charge precedes.
    pub efficiency: Option<Estimate>,
    /// The second half's charge over the first's (1), `None` if the cycle is not complete.
    pub second_over_first: Option<Estimate>,
    /// Discharge minus charge (C), `None` if the cycle is not complete.
    pub balance: Option<Estimate>,
    /// Energy of the discharge over that of the charge (1), `None` if the cycle is not complete.
    pub energy_efficiency: Option<Estimate>,
    /// What is doubtful about the cycle.
    pub warnings: Vec<String>,
}

/// Pairs the half cycles of [`half_cycles`] to cycles, beginning with the first.
pub fn cycles(halves: &[HalfCycle]) -> Vec<Cycle> {
    let pairs = halves.chunks(2).enumerate();
    pairs
        .map(|(k, pair)| cycle(k + 1, 2 * k, pair, halves))
        .collect()
}

fn cycle(number: usize, first: usize, pair: &[HalfCycle], halves: &[HalfCycle]) -> Cycle {
    let of = |kind: HalfCycleKind| pair.iter().position(|half| half.kind == kind);
    let discharge_at = of(HalfCycleKind::Discharge);
    let discharge = discharge_at.map(|i| &pair[i]);
    let charge = of(HalfCycleKind::Charge).map(|i| &pair[i]);
    let both = discharge.zip(charge);
    let before = discharge_at.and_then(|i| halves.get((first + i).checked_sub(1)?));
    let efficiency = discharge
        .zip(before)
        .map(|(d, c)| ratio(&d.capacity, &c.capacity));
    let mut warnings: Vec<String> = pair.iter().flat_map(|half| half.warnings.clone()).collect();
    if pair.len() < 2 {
        warnings.push(format!("cycle {number} is not complete"));
    }
    if let Some(value) = efficiency.map(|q| q.value).filter(|value| *value > 1.01) {
        warnings.push(format!(
            "cycle {number} discharges {value:.3} of the charge before it; charge was stored before the record began, a side \
             reaction discharges (half cells), or the current has an offset"
        ));
    }
    let ordered = match pair {
        [one, two] => Some((one, two)),
        _ => None,
    };
    Cycle {
        number,
        first,
        is_complete: pair.len() == 2,
        discharge: discharge.map(|half| half.capacity),
        charge: charge.map(|half| half.capacity),
        efficiency,
        second_over_first: ordered.map(|(one, two)| ratio(&two.capacity, &one.capacity)),
        balance: both.map(|(d, c)| {
            let sd = d.capacity.sd.zip(c.capacity.sd).map(|(a, b)| a.hypot(b));
            Estimate::new(d.capacity.value - c.capacity.value, sd, "C")
        }),
        energy_efficiency: both.map(|(d, c)| ratio(&d.energy, &c.energy)),
        warnings,
    }
}

fn ratio(numerator: &Estimate, denominator: &Estimate) -> Estimate {
    let value = numerator.value / denominator.value;
    let relative = numerator.relative_sd().hypot(denominator.relative_sd());
    Estimate::new(value, Some(value.abs() * relative), "1")
}

/// Discharge capacity of every cycle over that of a reference cycle (1); `None` for cycles without discharge.
///
/// # Errors
/// If the reference cycle (counted from one) does not exist or has no discharge.
pub fn retention(
    cycles: &[Cycle],
    reference: usize,
) -> Result<Vec<Option<Estimate>>, AnalysisError> {
    let reference = cycles.iter().find(|cycle| cycle.number == reference);
    let denominator = reference
        .and_then(|cycle| cycle.discharge)
        .filter(|q| q.value > 0.0);
    let denominator = denominator.ok_or(AnalysisError::Missing {
        what: "the reference cycle is not in the record or has no discharge",
        advice: "name a cycle of the record, counted from one",
    })?;
    let ratios = cycles
        .iter()
        .map(|cycle| cycle.discharge.map(|q| ratio(&q, &denominator)));
    Ok(ratios.collect())
}

/// The hump at the beginning of a charge over its plateau.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// Highest voltage in the window (V).
    pub peak_v: f64,
    /// Median voltage over the middle third of the charge (V).
    pub plateau_v: f64,
    /// Hump minus plateau (V); the uncertainty is the change of the plateau over that third.
    pub overpotential: Estimate,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
}

/// Activation overpotential of a charge: its highest voltage in the first `window` (1, share of the time) minus the level
/// of its plateau. `half` is a charge of `record`.
///
/// # Errors
/// If the half cycle has fewer than nine points, lies outside the record or the window is not a share.
pub fn activation(
    record: &Record,
    half: &HalfCycle,
    window: f64,
) -> Result<Activation, AnalysisError> {
    check_positive("window (1)", window)?;
    check_record(record, half.points.end)?;
    let charge = part(record, half.points.clone());
    check_record(&charge, 9)?;
    let (first, last) = (charge.time_s[0], charge.time_s[charge.len() - 1]);
    let at = |share: f64| {
        charge
            .time_s
            .partition_point(|t| *t < first + share * (last - first))
    };
    let middle = &charge.voltage_v[at(1.0 / 3.0)..at(2.0 / 3.0).max(at(1.0 / 3.0))];
    let missing = AnalysisError::Missing {
        what: "the middle third of the charge has no points",
        advice: "record the charge at regular times",
    };
    let plateau_v = median(middle).ok_or(missing.clone())?;
    let peak_v = activation_voltage_v(&charge, window.min(1.0)).ok_or(missing)?;
    let change = middle[middle.len() - 1] - middle[0];
    let mut warnings = Vec::new();
    let inside = &charge.voltage_v[..at(window).max(1)];
    if charge.voltage_v[inside.len().min(charge.len() - 1)] >= peak_v {
        warnings.push(
            "voltage is highest at the end of the window; the charge begins without a hump, or the window is too short".into(),
        );
    }
    if half.kind == HalfCycleKind::Discharge {
        warnings.push("half cycle is a discharge; the hump is that of a charge".into());
    }
    Ok(Activation {
        peak_v,
        plateau_v,
        overpotential: Estimate::new(peak_v - plateau_v, Some(change.abs() / 12f64.sqrt()), "V"),
        warnings,
    })
}

fn part(record: &Record, points: Range<usize>) -> Record {
    Record {
        time_s: record.time_s[points.clone()].to_vec(),
        voltage_v: record.voltage_v[points.clone()].to_vec(),
        current: record.current[points].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Discharge, rest, charge, rest, repeated; each capacity is `keep` times the one before.
    fn cycling(n: u32, current: f64, keep: f64, per_half: u32) -> Record {
        let mut record = Record::default();
        let (mut time, mut duration) = (0.0, 3600.0);
        for half in 0..2 * n {
            let sign = if half % 2 == 0 { 1.0 } else { -1.0 };
            for k in 0..=per_half {
                let share = f64::from(k) / f64::from(per_half);
                record.push(
                    time + share * duration,
                    2.0 - sign * (0.2 + 0.1 * share),
                    sign * current,
                );
            }
            time += duration;
            for k in 0..3 {
                record.push(time + 1e-3 + f64::from(k) * 60.0, 2.0, 0.0);
            }
            time += 180.0;
            duration *= keep;
        }
        record
    }

    proptest! {
        #[test]
        fn capacities_and_ratios_are_those_of_the_program(
            n in 1u32..6,
            current in 1e-4f64..10.0,
            keep in 0.8f64..1.0,
        ) {
            let record = cycling(n, current, keep, 50);
            let halves = half_cycles(&record, REST_SHARE).unwrap();
            prop_assert_eq!(halves.len(), 2 * n as usize);
            for (k, half) in halves.iter().enumerate() {
                let expected = 3600.0 * current * keep.powf(k as f64);
                prop_assert!((half.capacity.value / expected - 1.0).abs() < 1e-9);
                let mean = if half.kind == HalfCycleKind::Discharge { 1.75 } else { 2.25 };
                prop_assert!((half.mean_voltage_v - mean).abs() < 1e-9);
                prop_assert!((half.c_rate(3600.0 * current).unwrap() - 1.0).abs() < 1e-9);
                prop_assert!(half.warnings.is_empty());
            }
            let cycles = cycles(&halves);
            let retention = retention(&cycles, 1).unwrap();
            for (k, cycle) in cycles.iter().enumerate() {
                prop_assert!((cycle.second_over_first.unwrap().value - keep).abs() < 1e-9);
                prop_assert!((retention[k].unwrap().value - keep.powf(2.0 * k as f64)).abs() < 1e-9);
                prop_assert_eq!(cycle.efficiency.is_some(), k > 0);
            }
        }

        #[test]
        fn no_record_makes_it_panic(
            i in proptest::collection::vec(prop_oneof![Just(0.0), -1.0f64..1.0], 0..50),
        ) {
            let time_s: Vec<f64> = (0..i.len()).map(|i| i as f64).collect();
            let record = Record { time_s: time_s.clone(), voltage_v: time_s, current: i };
            if let Ok(halves) = half_cycles(&record, REST_SHARE) {
                let _ = retention(&cycles(&halves), 1);
                for half in &halves {
                    let _ = activation(&record, half, 0.1);
                }
            }
        }
    }

    #[test]
    fn rests_and_pulses_inside_do_not_end_a_half_cycle() {
        let mut record = cycling(1, 1.0, 1.0, 100);
        let charging: Vec<usize> = (0..record.len())
            .filter(|i| record.current[*i] < 0.0)
            .collect();
        for (k, i) in charging.iter().enumerate() {
            if k % 20 == 10 {
                record.current[*i] = 0.0;
            }
        }
        record.current[charging[55]] = 0.02;
        let halves = half_cycles(&record, REST_SHARE).unwrap();
        assert_eq!(halves.len(), 2);
        assert_eq!(halves[1].kind, HalfCycleKind::Charge);
        assert!(halves[1].capacity.value < 3600.0 && halves[1].warnings[0].contains("switched"));
    }

    #[test]
    fn million_points_take_less_than_a_second() {
        let record = cycling(100, 1.0, 0.999, 5000);
        assert!(record.len() > 1_000_000);
        let start = std::time::Instant::now();
        assert_eq!(half_cycles(&record, REST_SHARE).unwrap().len(), 200);
        assert!(start.elapsed().as_secs_f64() < 1.0);
    }

    #[test]
    fn hump_stands_over_the_plateau() {
        let mut record = Record::default();
        for k in 0..=100 {
            let share = f64::from(k) / 100.0;
            let hump = 0.4 * (-(share - 0.03f64).powi(2) / 1e-4).exp();
            record.push(f64::from(k), 1.6 + hump, -1.0);
        }
        let halves = half_cycles(&record, REST_SHARE).unwrap();
        let found = activation(&record, &halves[0], 0.1).unwrap();
        assert!((found.overpotential.value - 0.4).abs() < 0.01 && found.warnings.is_empty());
        let rising = Record {
            voltage_v: record.time_s.iter().map(|t| 1.6 + 1e-3 * t).collect(),
            ..record.clone()
        };
        let found = activation(&rising, &halves[0], 0.1).unwrap();
        assert!(found.warnings[0].contains("without a hump"), "{found:?}");
    }

    #[test]
    fn record_without_current_is_an_error() {
        let resting = Record {
            time_s: vec![0.0, 1.0],
            voltage_v: vec![1.0; 2],
            current: vec![0.0; 2],
        };
        assert!(half_cycles(&resting, REST_SHARE).is_err());
        assert!(retention(&[], 1).is_err());
    }
}
