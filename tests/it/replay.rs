//! Measured signals imposed on cells: charge, derivatives, failures; replays in experiment files; a measured drive cycle
//! of a Li-S cell.
//!
//! The drive cycle lies beside the project and may not be copied into it; without it its tests report `skipped`.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use sulfit::analysis::battery_circuit::compare;
use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::config::read_study;
use sulfit::import::Hints;
use sulfit::import::PositiveCurrent;
use sulfit::import::read_measured;
use sulfit::mechanism::Mechanism;
use sulfit::numerics::interpolate::linear;
use sulfit::numerics::scalar::Dual;
use sulfit::numerics::scalar::Scalar;
use sulfit::numerics::scalar::Sensitive;
use sulfit::protocol::Imposed;
use sulfit::protocol::Protocol;
use sulfit::protocol::Replay;
use sulfit::protocol::Start;
use sulfit::protocol::Step;
use sulfit::record::Record;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Mesh;
use sulfit::simulate::Recording;
use sulfit::simulate::Simulation;
use sulfit::simulate::SimulationFailure;
use sulfit::simulate::StepOutcome;
use sulfit::simulate::Trajectory;
use sulfit::simulate::run;

use crate::support::li_s;
use crate::support::project;

const TIGHT: Accuracy = Accuracy {
    relative: 1e-9,
    absolute_factor: 1e-4,
};
/// Longest gap of the samples here (s).
const GAP_MAX_S: f64 = 600.0;

/// Current (A) over time (s): a rest, a ramp, a jump, a pulse that charges.
const TIMES_S: [f64; 9] = [0.0, 60.0, 90.0, 200.0, 200.0, 260.0, 300.0, 310.0, 400.0];
const CURRENT_A: [f64; 9] = [0.0, 0.0, 0.8, 0.8, 0.2, 0.2, -0.3, -0.3, 0.5];

fn replay(imposed: Imposed, times_s: &[f64], values: &[f64]) -> Replay {
    let window = (times_s[0], times_s[times_s.len() - 1]);
    Replay::new(imposed, (times_s, values), window, GAP_MAX_S).unwrap()
}

fn replayed<S: Sensitive>(
    mechanism: &Arc<Mechanism>,
    values: &[S],
    replay: Replay,
) -> Result<Trajectory<S>, SimulationFailure> {
    let protocol = Protocol {
        name: "drive".to_owned(),
        start: Start::Fresh,
        loading_kg_m2: None,
        refine: 1,
        steps: vec![Step::Rest { duration_s: 60.0 }, Step::Replay(replay)],
    };
    let mesh = Mesh {
        n_separator: 2,
        n_electrode: 2,
    };
    let cell = Cell::new(mechanism, values, mesh.design(mechanism, &protocol));
    let mut outcome = run(&cell, &protocol, TIGHT, None)?;
    match outcome.steps.pop() {
        Some(StepOutcome::Segment(segment)) => Ok(segment),
        other => panic!("a replay gives a segment, not {other:?}"),
    }
}

#[test]
fn constant_current_is_a_galvanostatic_segment() {
    let mechanism = li_s();
    let values = mechanism.parameters().values();
    let cell = Cell::new(&mechanism, &values, Design::battery(2, 2));
    let times: Vec<f64> = (0..=60).map(|i| 60.0 * f64::from(i)).collect();
    let mut a = Simulation::new(&cell, TIGHT, cell.fresh_state());
    let steady = replay(Imposed::Current, &times, &[0.5; 61]);
    assert_eq!(steady.stretches()[0].signal.x().len(), 2);
    let here = a.replay(&steady).unwrap();
    let mut b = Simulation::new(&cell, TIGHT, cell.fresh_state());
    let current = 0.5 / cell.area_m2();
    let there = b
        .galvanostatic(current, None, 3600.0, Recording::At(&times))
        .unwrap();
    let there = there.record.unwrap();
    let at = |run: &Trajectory, t: f64| linear(&run.record.time_s, &run.record.voltage_v, t);
    for t in &times {
        let (voltage, v) = (at(&here, *t).unwrap(), at(&there, *t).unwrap());
        assert!((voltage - v).abs() < 1e-6, "{voltage} is not {v} at {t} s");
    }
    assert!((a.time_s() - 3600.0).abs() < 1e-6);
}

#[test]
fn replay_is_one_segment_from_its_own_start_and_passes_its_charge() {
    let mechanism = li_s();
    let values = mechanism.parameters().values();
    let signal = replay(Imposed::Current, &TIMES_S, &CURRENT_A);
    let record = replayed(&mechanism, &values, signal).unwrap().record;
    assert!(record.time_s[0].abs() < 1e-12);
    assert!((record.time_s[record.len() - 1] - 400.0).abs() < 1e-9);
    assert!(record.time_s.is_sorted());
    let area = |record: &Record| -> f64 {
        let pairs = record.time_s.windows(2).zip(record.current.windows(2));
        pairs
            .map(|(t, i)| 0.5 * (i[0] + i[1]) * (t[1] - t[0]))
            .sum()
    };
    let measured = Record {
        time_s: TIMES_S.to_vec(),
        voltage_v: vec![0.0; 9],
        current: CURRENT_A.to_vec(),
    };
    let cell = Cell::new(&mechanism, &values, Design::battery(2, 2));
    let charge = area(&record) * cell.area_m2();
    assert!((charge - area(&measured)).abs() < 1e-9 * charge);
}

#[test]
fn derivatives_of_a_replay_are_exact() {
    let mechanism = li_s();
    let names = ["A", "kL", "loading"];
    let index = names.map(|name| mechanism.parameters().find(name).unwrap().index());
    let values = mechanism.parameters().values();
    let varied = |factors: [f64; 3]| {
        let mut values = values.clone();
        for (index, factor) in index.iter().zip(factors) {
            values[*index] *= factor;
        }
        values
    };
    let mut duals: Vec<Dual<3>> = values.iter().map(|v| Dual::constant(*v)).collect();
    for (direction, index) in index.iter().enumerate() {
        duals[*index] = Dual::variable(0.0, direction) * values[*index] + values[*index];
    }
    let signal = || replay(Imposed::Current, &TIMES_S, &CURRENT_A);
    let exact = replayed(&mechanism, &duals, signal()).unwrap().record;
    for (direction, name) in names.iter().enumerate() {
        let step = 1e-3;
        let at = |sign: f64| {
            let mut factors = [1.0; 3];
            factors[direction] += sign * step;
            replayed(&mechanism, &varied(factors), signal())
                .unwrap()
                .record
        };
        let (above, below) = (at(1.0), at(-1.0));
        // Samples, but for the jump: between them the points of a record depend on the integrator's steps.
        for time_s in [60.0, 90.0, 260.0, 300.0, 310.0, 400.0] {
            let value =
                |record: &Record| linear(&record.time_s, &record.voltage_v, time_s).unwrap();
            let difference = (value(&above) - value(&below)) / (2.0 * step);
            let here = linear(&exact.time_s, &exact.voltage_v, Dual::constant(time_s)).unwrap();
            let slope = here.eps[direction];
            assert!(
                (slope - difference).abs() < 1e-4 * difference.abs() + 2e-6,
                "{name} at {time_s} s: {slope} is not {difference}"
            );
        }
    }
}

#[test]
fn replayed_voltage_gives_the_current_back() {
    let mechanism = li_s();
    let values = mechanism.parameters().values();
    let times: Vec<f64> = (0..=400).map(f64::from).collect();
    let currents: Vec<f64> = times
        .iter()
        .map(|t| 0.4 * (1.0 - (0.01 * t).cos()))
        .collect();
    let driven = replay(Imposed::Current, &times, &currents);
    let there = replayed(&mechanism, &values, driven).unwrap().record;
    let voltages: Vec<f64> = times
        .iter()
        .map(|t| linear(&there.time_s, &there.voltage_v, *t).unwrap())
        .collect();
    let held = replay(Imposed::Voltage, &times, &voltages);
    let here = replayed(&mechanism, &values, held).unwrap().record;
    let cell = Cell::new(&mechanism, &values, Design::battery(2, 2));
    for (t, current) in times.iter().zip(&currents).skip(20) {
        let found = cell.area_m2() * linear(&here.time_s, &here.current, *t).unwrap();
        assert!(
            (found - current).abs() < 0.02,
            "{found} is not {current} A at {t} s"
        );
    }
}

#[test]
fn empty_cell_is_a_failure_with_its_time() {
    let mechanism = li_s();
    let values = mechanism.parameters().values();
    let times: Vec<f64> = (0..=100).map(|i| 300.0 * f64::from(i)).collect();
    let drained = replay(Imposed::Current, &times, &[1.0; 101]);
    let failure = replayed(&mechanism, &values, drained).unwrap_err();
    assert_eq!(failure.during, "replay of a current in protocol 'drive'");
    // 2.3 Ah at 1 A, after a minute of rest.
    assert!((7000.0..9500.0).contains(&failure.time_s), "{failure}");
}

/// A record of 100 s with a gap from 40 s to 80 s and a file that is a spectrum, in an experiment that replays a window
/// of one of them.
fn experiment(folder: &Path, replay: &str) -> PathBuf {
    for name in ["models", "datasets/guan_2024_star_lcnc", "experiments"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for file in std::fs::read_dir(project(name)).unwrap() {
            let file = file.unwrap().path();
            let copy = folder.join(name).join(file.file_name().unwrap());
            // Surrogates lie in a folder of their own, and nothing here needs them.
            if file.is_file() {
                std::fs::copy(&file, copy).unwrap();
            }
        }
    }
    let dataset = folder.join("datasets/guan_2024_star_lcnc");
    let times = (0..=100).filter(|t| *t <= 40 || *t >= 80);
    let rows: Vec<String> = times
        .map(|t| format!("{t},2.0,{}", 1e-3 * f64::from(t)))
        .collect();
    let table = format!("time_s,voltage_V,current_A\n{}\n", rows.join("\n"));
    std::fs::write(dataset.join("pulse.csv"), table).unwrap();
    let spectrum = project("tests/files/import/bdf_spectrum.bdf.csv");
    std::fs::copy(spectrum, dataset.join("spectrum.csv")).unwrap();
    let records = "\n[[record]]\nname = \"first\"\nfile = \"pulse.csv\"\npositive_current = \"discharge\"\n\
                   \n[[record]]\nfile = \"spectrum.csv\"\n";
    let path = dataset.join("dataset.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{text}{records}")).unwrap();
    let path = folder.join("experiments/star_lcnc.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let protocol = format!(
        "[protocol.replayed]\nstart = \"fresh\"\nstep = [{{ replay = {{ {replay} }} }}]\n\n[protocol.first_cycle]"
    );
    std::fs::write(&path, text.replace("[protocol.first_cycle]", &protocol)).unwrap();
    path
}

#[test]
fn experiment_replays_a_record_of_its_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let keys = "record = \"first\", quantity = \"current\", from_h = 0.0025, to_h = 0.01";
    let study = read_study(&experiment(folder.path(), keys)).unwrap();
    let protocol = study
        .protocols
        .iter()
        .find(|p| p.name == "replayed")
        .unwrap();
    let Some(Step::Replay(replay)) = protocol.steps.first() else {
        panic!("a replay");
    };
    assert_eq!(replay.imposed(), Imposed::Current);
    assert!((replay.duration_s() - 27.0).abs() < 1e-9);
    // The file writes discharge as positive, and so does the protocol.
    assert!((replay.stretches()[0].signal.at(27.0) - 0.036).abs() < 1e-6);
}

#[test]
fn each_unfit_record_is_told_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    for (keys, says) in [
        (
            "record = \"second\", quantity = \"current\"",
            ": protocol.replayed.step 0.replay.record: found 'second', expected a [[record]] of",
        ),
        (
            "record = \"spectrum\", quantity = \"current\"",
            ".replay.record: found 'spectrum', a record without time, voltage, current, expected a record of voltage and current over time",
        ),
        (
            "record = \"first\", quantity = \"current\", from_h = 0.01, to_h = 0.01",
            ".replay, record 'first': found a window from 36 s to 36 s, expected a to_h above from_h",
        ),
        (
            "record = \"first\", quantity = \"current\", from_h = 0.0, to_h = 0.05",
            "found samples from 0 s to 100 s for a window from 0 s to 180 s, expected from_h and to_h on the record's own clock, no farther than it reaches",
        ),
        (
            "record = \"first\", quantity = \"current\", gap_max_s = 20.0",
            "found no sample between 40 s and 80 s, expected a sample every 20 s at least",
        ),
        (
            "record = \"first\", quantity = \"current\", gap_max_s = 0.0",
            ".replay.gap_max_s: found 0, expected a positive number",
        ),
        (
            "record = \"first\", quantity = \"charge\"",
            "found 'charge', expected one of current, voltage",
        ),
    ] {
        let message = read_study(&experiment(folder.path(), keys))
            .unwrap_err()
            .to_string();
        assert!(message.contains(says), "{message}");
        assert!(message.contains("star_lcnc.toml"), "{message}");
    }
}

#[test]
fn names_of_records_are_unique() {
    let folder = tempfile::tempdir().unwrap();
    let path = experiment(folder.path(), "record = \"first\", quantity = \"voltage\"");
    let dataset = folder
        .path()
        .join("datasets/guan_2024_star_lcnc/dataset.toml");
    let text = std::fs::read_to_string(&dataset).unwrap();
    std::fs::write(&dataset, format!("{text}name = \"first\"\n")).unwrap();
    let message = read_study(&path).unwrap_err().to_string();
    let says =
        "record 2 ('spectrum.csv'): name: found a second 'first', expected a name of its own";
    assert!(message.contains(says), "{message}");
}

/// The measured drive cycle, if it lies beside the project.
fn drive_cycle() -> Option<Record> {
    let file = "../shared/data/Li-S_ECN_Model/lis_oxis_nedc_discharge_first_6h.csv";
    let path = project(file);
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return None;
    }
    let hints = Hints {
        positive_current: Some(PositiveCurrent::Discharge),
        ..Hints::default()
    };
    read_measured(&path, &hints).unwrap().record()
}

#[test]
fn six_hours_of_a_drive_cycle_are_replayed() {
    let Some(record) = drive_cycle() else {
        return;
    };
    let samples = (&record.time_s[..], &record.current[..]);
    let window = (0.0, 6.0 * 3600.0);
    let replay = Replay::new(Imposed::Current, samples, window, GAP_MAX_S).unwrap();
    let n_knots: usize = replay.stretches().iter().map(|s| s.signal.x().len()).sum();
    println!("{} samples, {n_knots} knots", record.len());
    let mechanism = li_s();
    let values = mechanism.parameters().values();
    let mut voltages = Vec::new();
    for (relative, n) in [(1e-3, 1), (1e-4, 1), (1e-5, 1), (1e-7, 1), (1e-4, 4)] {
        let cell = Cell::new(&mechanism, &values, Design::battery(n, n));
        let accuracy = Accuracy {
            relative,
            absolute_factor: relative / 1e-5,
        };
        let mut simulation = Simulation::new(&cell, accuracy, cell.fresh_state());
        simulation.rest(600.0).unwrap();
        let start = Instant::now();
        let trajectory = simulation.replay(&replay).unwrap();
        let elapsed = start.elapsed().as_secs_f64();
        let work = simulation.work();
        println!("tolerance {relative}, {n} + {n} volumes: {elapsed:.2} s, {work:?}");
        let simulated = trajectory.record;
        let here = |t: &f64| linear(&simulated.time_s, &simulated.voltage_v, *t).unwrap();
        voltages.push(record.time_s.iter().map(here).collect::<Vec<f64>>());
    }
    // Apart from where a plateau ends, the tolerance decides by microvolts; there it moves a steep edge by seconds.
    let apart = |other: &[f64], n_left_out: usize| {
        let pairs = voltages[3].iter().zip(other);
        let mut all: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
        all.sort_by(|a, b| b.total_cmp(a));
        all[n_left_out]
    };
    for (i, v) in voltages.iter().enumerate() {
        let (all, most) = (apart(v, 0), apart(v, record.len() / 100));
        println!("{i}: {all:.2e} V from the tightest, {most:.2e} V but for 1 %");
    }
    let hours: Vec<String> = (0..6)
        .map(|h| {
            let row = 3600 * h + 1800;
            format!("{:.4} ({:.4})", voltages[3][row], record.voltage_v[row])
        })
        .collect();
    println!("simulated (measured) voltage: {}", hours.join(", "));
    assert!(apart(&voltages[2], record.len() / 100) < 1e-4);
}

#[test]
fn sixth_hour_of_the_drive_cycle_by_circuit_and_persistence() {
    let Some(record) = drive_cycle() else {
        return;
    };
    let start = Instant::now();
    let comparison = compare(&record, 5.0 * 3600.0).unwrap();
    println!("{:#?}", comparison.circuit);
    println!(
        "sixth hour, RMS: circuit {:.1} mV, last value {:.1} mV, last period {:?}; {:.1} s",
        1e3 * comparison.circuit_rms_v,
        1e3 * comparison.last_value_rms_v,
        comparison.last_period.map(|(rms, s)| (1e3 * rms, s)),
        start.elapsed().as_secs_f64(),
    );
    // The numbers of an independent program: 13.5 mV, 40.8 mV, 6.7 mV at a period of 1185 s.
    assert!((comparison.circuit_rms_v - 0.0135).abs() < 0.001);
    assert!((comparison.last_value_rms_v - 0.0408).abs() < 1e-4);
    let (rms_v, period_s) = comparison.last_period.unwrap();
    assert!((rms_v - 0.0067).abs() < 1e-4 && (period_s - 1185.0).abs() < 0.5);
}
