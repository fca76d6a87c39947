//! What a record may be compared with: its cycles, its ramps, its frequencies, or the signal itself.

use super::Plan;
use crate::analysis::cycling::HalfCycle;
use crate::analysis::cycling::HalfCycleKind;
use crate::analysis::cycling::REST_SHARE;
use crate::analysis::cycling::half_cycles;
use crate::analysis::gate::Rules;
use crate::analysis::gate::gate;
use crate::analysis::ramps::ramps;
use crate::mechanism::Law;
use crate::mechanism::Mechanism;
use crate::record::Measured;
use crate::record::Record;
use crate::record::Technique;

/// Cycles of a record that are run: more cost more time than they tell.
const CYCLES_MAX: usize = 20;
/// Runs of cycles under one current of which curves are compared.
const RUNS_MAX: usize = 4;
/// Pairs of ramps of a record that are run.
const PAIRS_MAX: usize = 2;
/// Relative difference of currents, or scan rates, that makes another one (1).
const SAME: f64 = 0.05;
/// Share of its duration with current below which a half cycle counts as interrupted (1).
const ACTIVE_SHARE: f64 = 0.97;
/// Share of a discharge that is replayed (1): at its end a model that holds a little less charge than the cell could not
/// follow.
const REPLAYED_SHARE: f64 = 0.8;
/// Longest time between two samples (s) that needs no word in the file.
const GAP_USUAL_S: f64 = 600.0;
/// Longest time between two samples (s) that a straight line may bridge.
const GAP_MAX_S: f64 = 7200.0;
/// Points of a spectrum that are needed.
const FREQUENCIES_MIN: usize = 5;
/// How far below its lowest and above its highest standard potential a mechanism may run (V).
const BELOW_V: f64 = 0.8;
/// See [`BELOW_V`].
const ABOVE_V: f64 = 0.7;

/// The plan for a record.
///
/// # Errors
/// Why it cannot be compared.
pub(super) fn plan(measured: &Measured, mechanism: &Mechanism) -> Result<Plan, String> {
    let technique = measured.technique;
    if technique == Technique::Impedance {
        return spectrum(measured);
    }
    let record = measured
        .record()
        .ok_or("without time, voltage or current".to_owned())?;
    if record.is_empty() {
        return Err("without a row".to_owned());
    }
    let is_battery = mechanism.battery().is_some();
    if is_battery {
        check_window(&record, mechanism)?;
    }
    match technique {
        Technique::Voltammetry => sweep(&record),
        Technique::Cycling | Technique::Chronopotentiometry if is_battery => cycles(&record),
        Technique::Cycling | Technique::Chronopotentiometry => {
            let why = "a half cell has no charge that could be cycled";
            Err(format!("{technique}: {why}"))
        }
        Technique::Chronoamperometry if is_battery => Err(format!(
            "{technique}: the file does not tell what state the cell was in when the potential was set; write its \
             protocol by hand (start = {{ catholyte = ... }}, a step hold, a curve over_time)"
        )),
        Technique::Chronoamperometry => {
            let reason = "a held potential".to_owned();
            replay(&record, false, 0..record.len(), reason)
        }
        Technique::OpenCircuit => Err(format!(
            "{technique}: no current flows, so nothing tells of rates"
        )),
        Technique::Impedance => spectrum(measured),
    }
}

/// A record far from all potentials of a mechanism belongs to another chemistry.
fn check_window(record: &Record, mechanism: &Mechanism) -> Result<(), String> {
    let Some((low, high)) = potentials(mechanism) else {
        return Ok(());
    };
    let Some(median) = median_v(record) else {
        return Err("without a voltage".to_owned());
    };
    if (low - BELOW_V..=high + ABOVE_V).contains(&median) {
        return Ok(());
    }
    Err(format!(
        "half of it lies around {median:.2} V, but the mechanism '{}' reacts from {low:.2} to {high:.2} V; state another one \
         with --mechanism",
        mechanism.name()
    ))
}

/// The voltage that half of a record lies above (V).
pub(super) fn median_v(record: &Record) -> Option<f64> {
    let mut voltages: Vec<f64> = record.voltage_v.clone();
    voltages.retain(|v| v.is_finite());
    voltages.sort_by(f64::total_cmp);
    voltages.get(voltages.len() / 2).copied()
}

/// Lowest and highest standard potential of a battery's conversion steps (V).
pub(super) fn potentials(mechanism: &Mechanism) -> Option<(f64, f64)> {
    let values = mechanism.parameters().values();
    let potentials = mechanism.reactions().iter().filter_map(|r| match &r.law {
        Law::Tandem { potential, .. } => Some(values[potential.index()]),
        _ => None,
    });
    potentials.fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((low, high)) => Some((v.min(low), v.max(high))),
    })
}

fn spectrum(measured: &Measured) -> Result<Plan, String> {
    let spectra = measured.spectra();
    let Some(first) = spectra.first() else {
        return Err("impedance without a positive frequency".to_owned());
    };
    let passed = gate(first, &Rules::default()).pass(first);
    let n_frequencies = passed.frequency_hz.len();
    if n_frequencies < FREQUENCIES_MIN {
        return Err(format!(
            "impedance: {n_frequencies} of {} points pass the Kramers-Kronig gate, at least {FREQUENCIES_MIN} are needed; \
             sulfit inspect tells why",
            first.frequency_hz.len()
        ));
    }
    Ok(Plan::Spectrum {
        n_frequencies,
        n_spectra: spectra.len(),
    })
}

fn sweep(record: &Record) -> Result<Plan, String> {
    let ramps = ramps(record).map_err(|error| format!("voltammetry: {error}"))?;
    let n_ramps = ramps.len();
    let run = &ramps[..n_ramps.min(2 * PAIRS_MAX)];
    let rates = run.iter().map(|ramp| ramp.scan_rate.value);
    let rate_v_s = rates.clone().sum::<f64>() / run.len() as f64;
    if rates
        .clone()
        .any(|rate| (rate / rate_v_s - 1.0).abs() > SAME)
    {
        return Err("voltammetry: ramps of different scan rates in one file; split it".to_owned());
    }
    Ok(Plan::Sweep {
        pairs: (n_ramps > 2 * PAIRS_MAX).then_some(PAIRS_MAX),
        n_ramps,
        rate_v_s,
    })
}

fn cycles(record: &Record) -> Result<Plan, String> {
    let halves = half_cycles(record, REST_SHARE).map_err(|error| format!("cycling: {error}"))?;
    let Some(discharge) = halves.iter().find(|h| h.kind == HalfCycleKind::Discharge) else {
        return Err(
            "charges only: the model's fresh cell is charged, so nothing can be compared; if it discharges, state \
             positive_current in a data set file"
                .to_owned(),
        );
    };
    let replayed = |reason: &str| {
        let first = discharge.points.start;
        // The whole discharge, not only the part that is replayed: where time goes back, no part can be told.
        let times = &record.time_s[discharge.points.clone()];
        if !goes_on(times) {
            return Err(broken(reason));
        }
        let end_s = record.time_s[first]
            + REPLAYED_SHARE * (record.time_s[discharge.points.end - 1] - record.time_s[first]);
        let end = record.time_s.partition_point(|t| *t <= end_s);
        replay(record, true, first..end, reason.to_owned())
    };
    let whole: Vec<&[HalfCycle]> = halves.chunks_exact(2).collect();
    let are_in_turn = whole.iter().all(|pair| {
        pair[0].kind == HalfCycleKind::Discharge && pair[1].kind == HalfCycleKind::Charge
    });
    if halves[0].kind == HalfCycleKind::Charge {
        return replayed("it begins with a charge, and the model's fresh cell is charged");
    }
    if whole.is_empty() {
        return replayed("it holds no whole cycle");
    }
    if !are_in_turn {
        return replayed("discharges and charges do not follow in turn");
    }
    let n_run = whole.len().min(CYCLES_MAX);
    let run = &whole[..n_run];
    let is_interrupted = |half: &HalfCycle| half.active_s < ACTIVE_SHARE * half.duration_s;
    if run.iter().any(|pair| pair.iter().any(is_interrupted)) {
        return replayed("its current is interrupted");
    }
    Ok(Plan::Cycles {
        n_run,
        n_held: whole.len(),
        compared: compared(run),
        largest_c: run
            .iter()
            .map(|pair| pair[0].capacity.value)
            .fold(0.0, f64::max),
    })
}

/// First and last cycle of every run under about the same current.
fn compared(run: &[&[HalfCycle]]) -> Vec<usize> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let current = |cycle: usize| run[cycle][0].mean_current_a();
    for cycle in 0..run.len() {
        match runs.last_mut() {
            Some((first, last)) if (current(cycle) / current(*first) - 1.0).abs() < SAME => {
                *last = cycle;
            }
            _ => runs.push((cycle, cycle)),
        }
    }
    let ends = runs.into_iter().take(RUNS_MAX);
    let mut compared: Vec<usize> = ends.flat_map(|(a, b)| [a + 1, b + 1]).collect();
    compared.dedup();
    compared
}

/// Whether every time is known and none goes back.
fn goes_on(times: &[f64]) -> bool {
    times.iter().all(|time| time.is_finite()) && times.is_sorted()
}

fn broken(reason: &str) -> String {
    format!("{reason}, and a time goes back or a number is missing, so that it cannot be replayed")
}

fn replay(
    record: &Record,
    imposes_current: bool,
    points: std::ops::Range<usize>,
    reason: String,
) -> Result<Plan, String> {
    let times = &record.time_s[points.clone()];
    let (Some(from_s), Some(to_s)) = (times.first(), times.last()) else {
        return Err(format!("{reason}, and no time to replay"));
    };
    if points.len() < FREQUENCIES_MIN || to_s <= from_s {
        return Err(format!(
            "{reason}, and {} points are too few to replay",
            points.len()
        ));
    }
    let signal = if imposes_current {
        &record.current[points]
    } else {
        &record.voltage_v[points]
    };
    if !goes_on(times) || signal.iter().any(|x| !x.is_finite()) {
        return Err(broken(&reason));
    }
    let steps = times.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = steps.fold(0.0, f64::max);
    if longest > GAP_MAX_S {
        return Err(format!(
            "{reason}, and no sample for {longest:.0} s, too long to replay"
        ));
    }
    Ok(Plan::Replay {
        imposes_current,
        window_h: (from_s / 3600.0, to_s / 3600.0),
        gap_max_s: (longest > GAP_USUAL_S).then(|| longest.ceil() + 1.0),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half cycles of an hour at these currents (A), each with ten points.
    fn record(currents: &[f64]) -> Record {
        let mut record = Record::default();
        for (i, current) in currents.iter().enumerate() {
            for k in 0..10 {
                let time = 3600.0 * i as f64 + 400.0 * f64::from(k);
                record.push(time, 1.4 - 0.01 * f64::from(k) * current.signum(), *current);
            }
        }
        record
    }

    #[test]
    fn first_and_last_cycle_of_each_current_are_compared() {
        let currents = [
            1.0, -1.0, 1.0, -1.0, 1.01, -1.0, 5.0, -5.0, 5.0, -5.0, 2.0, -2.0,
        ];
        let Ok(Plan::Cycles {
            n_run,
            n_held,
            compared,
            ..
        }) = cycles(&record(&currents))
        else {
            panic!("whole cycles");
        };
        assert_eq!((n_run, n_held), (6, 6));
        assert_eq!(compared, [1, 3, 4, 5, 6]);
    }

    #[test]
    fn long_records_are_cut() {
        let currents = [1.0, -1.0].repeat(30);
        let Ok(Plan::Cycles { n_run, n_held, .. }) = cycles(&record(&currents)) else {
            panic!("whole cycles");
        };
        assert_eq!((n_run, n_held), (CYCLES_MAX, 30));
    }

    #[test]
    fn what_is_no_cycle_is_replayed_or_left_out() {
        for currents in [&[1.0][..], &[-1.0, 1.0, -1.0]] {
            let plan = cycles(&record(currents));
            assert!(matches!(plan, Ok(Plan::Replay { .. })), "{plan:?}");
        }
        assert!(cycles(&record(&[-1.0])).is_err_and(|why| why.contains("charges only")));
        assert!(cycles(&record(&[0.0])).is_err());
    }

    #[test]
    fn a_replay_needs_time_that_goes_on() {
        let mut own = record(&[1.0]);
        own.time_s[5] = 1e6;
        assert!(cycles(&own).is_err());
        let mut own = record(&[1.0]);
        own.time_s[8] = f64::NAN;
        assert!(cycles(&own).is_err());
    }
}
