//! Agreement with the independent reference solutions (tests/reference/README.md), SPEC section 17.

use sulfit::analysis::differentiable::transference_number;
use sulfit::cell::Catholyte;
use sulfit::cell::CatholytePotential;
use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::cell::Equilibrated;
use sulfit::observe::Observable;
use sulfit::record::Record;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Outcome;
use sulfit::simulate::Recording;
use sulfit::simulate::Simulation;
use sulfit::simulate::StepOutcome;

use crate::support::mg_s;
use crate::support::project;
use crate::support::reference_json;
use crate::support::reference_values;

const TIGHT: Accuracy = Accuracy {
    relative: 1e-7,
    absolute_factor: 1e-3,
};

/// Columns of a reference CSV.
fn columns(name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(project("tests/reference").join(name)).unwrap();
    let rows = text.lines().skip(1);
    let rows: Vec<Vec<f64>> = rows
        .map(|line| line.split(',').map(|x| x.parse().unwrap()).collect())
        .collect();
    (0..rows[0].len())
        .map(|c| rows.iter().map(|r| r[c]).collect())
        .collect()
}

/// The start state of a reference case: there the wetted fraction is the fourth state and the drive the last.
fn start_state(case: &serde_json::Value) -> Vec<f64> {
    let mut y: Vec<f64> = serde_json::from_value(case["y0"].clone()).unwrap();
    y.pop();
    let wetted = y.remove(3);
    y.push(wetted);
    y
}

fn reference_cell(case: &serde_json::Value) -> Cell {
    let mechanism = mg_s();
    let values = reference_values(&mechanism, &case["params"]);
    let mesh = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
    Cell::new(&mechanism, &values, Design::battery(mesh("Ns"), mesh("Nc")))
}

/// Linear interpolation of a record.
fn at(record: &Record, of: &[f64], time_s: f64) -> f64 {
    let i = record
        .time_s
        .partition_point(|t| *t < time_s)
        .clamp(1, record.len() - 1);
    let (t0, t1) = (record.time_s[i - 1], record.time_s[i]);
    let share = if t1 > t0 {
        (time_s - t0) / (t1 - t0)
    } else {
        1.0
    };
    of[i - 1] + share.clamp(0.0, 1.0) * (of[i] - of[i - 1])
}

fn check_galvanostatic(name: &str) {
    let case = reference_json(&format!("{name}.json"));
    let data = columns(&format!("{name}.csv"));
    let cell = reference_cell(&case);
    let mut simulation = Simulation::new(&cell, TIGHT, start_state(&case));
    for (index, segment) in case["segments"].as_array().unwrap().iter().enumerate() {
        let number = |key: &str| segment[key].as_f64().unwrap();
        let current = number("I_A_m2");
        let limit = number(if current > 0.0 { "v_lo" } else { "v_hi" });
        let ran = simulation
            .galvanostatic(current, Some(limit), number("t_max"), Recording::Steps)
            .unwrap();
        let error = ran.duration_s / number("t_end") - 1.0;
        assert!(
            error.abs() < 1e-3,
            "{name}, segment {index}: end time off by {error:e}"
        );
        let record = ran.record.unwrap().record;
        let rows: Vec<usize> = (0..data[0].len())
            .filter(|row| (data[0][*row] - index as f64).abs() < 0.5)
            .collect();
        let mut worst: f64 = 0.0;
        for window in rows.windows(3) {
            let [before, row, after] = window else {
                unreachable!()
            };
            let slope = (data[2][*after] - data[2][*before]) / (data[1][*after] - data[1][*before]);
            let time = data[1][*row];
            if slope.abs() > 1e-3 || time > ran.duration_s {
                continue;
            }
            let here = at(&record, &record.voltage_v, time);
            worst = worst.max((here - data[2][*row]).abs());
        }
        println!("{name} segment {index}: end time {error:.1e}, voltage {worst:.1e} V");
        assert!(
            worst < 1e-3,
            "{name}, segment {index}: voltage off by {worst} V"
        );
    }
}

#[test]
fn galvanostatic_cycles_agree() {
    for name in [
        "gal_0p1C_N1",
        "gal_0p1C_N10",
        "gal_2C_N1",
        "gal_2C_N10",
        "gal_2C_fresh_N1",
        "gal_0p1C_4mg_N10",
    ] {
        check_galvanostatic(name);
    }
}

#[test]
fn voltammograms_agree() {
    for name in ["cv_N1", "cv_N10"] {
        let case = reference_json(&format!("{name}.json"));
        let data = columns(&format!("{name}.csv"));
        let cell = reference_cell(&case);
        let mut simulation = Simulation::new(&cell, TIGHT, start_state(&case));
        let scale = data[3].iter().fold(0.0f64, |m, i| m.max(i.abs()));
        let mut worst: f64 = 0.0;
        for (index, segment) in case["segments"].as_array().unwrap().iter().enumerate() {
            let number = |key: &str| segment[key].as_f64().unwrap();
            let rate = number("scan_V_s").abs();
            let swept = simulation
                .sweep(number("V_from"), number("V_to"), rate)
                .unwrap()
                .record;
            let rows = data[0].iter().zip(&data[1]).zip(&data[3]);
            for ((segment, time), current) in rows {
                if (segment - index as f64).abs() < 0.5 {
                    let here = at(&swept, &swept.current, *time);
                    worst = worst.max((here - current).abs() / scale);
                }
            }
        }
        println!("{name}: current {worst:.1e} of its maximum");
        assert!(
            worst < 1e-3,
            "{name}: current off by {worst} of its maximum"
        );
    }
}

#[test]
fn potentiostatic_holds_agree() {
    for name in ["hold_0p7V_N1", "hold_0p7V_N10"] {
        let case = reference_json(&format!("{name}.json"));
        let data = columns(&format!("{name}.csv"));
        let cell = reference_cell(&case);
        let mut simulation = Simulation::new(&cell, TIGHT, start_state(&case));
        let held = simulation.hold(0.7, 3600.0).unwrap().record;
        let scale = data[2].iter().fold(0.0f64, |m, i| m.max(i.abs()));
        let rows = 0..data[0].len();
        let worst = rows
            .map(|row| (at(&held, &held.current, data[0][row]) - data[2][row]).abs() / scale)
            .fold(0.0, f64::max);
        println!("{name}: current {worst:.1e} of its maximum");
        assert!(
            worst < 1e-3,
            "{name}: current off by {worst} of its maximum"
        );
    }
}

#[test]
fn impedance_agrees() {
    for name in [
        "eis_fresh_N1",
        "eis_fresh_N10",
        "eis_half_0p1C_N1",
        "eis_half_0p1C_N10",
    ] {
        let case = reference_json(&format!("{name}.json"));
        let data = columns(&format!("{name}.csv"));
        let cell = reference_cell(&case);
        let simulation = Simulation::new(&cell, TIGHT, start_state(&case));
        let spectrum = simulation.impedance(&data[0], 0.0);
        let mut worst: f64 = 0.0;
        for (row, (re, im)) in spectrum.impedance_ohm.iter().enumerate() {
            let (re_ref, im_ref) = (data[1][row], data[2][row]);
            worst = worst.max((re - re_ref).hypot(im - im_ref) / re_ref.hypot(im_ref));
        }
        println!("{name}: impedance {worst:.1e} of its modulus");
        assert!(
            worst < 1e-3,
            "{name}: impedance off by {worst} of its modulus"
        );
    }
}

#[test]
fn fresh_state_after_its_rest_agrees() {
    let case = reference_json("gal_0p1C_N1.json");
    let cell = reference_cell(&case);
    let mut simulation = Simulation::new(&cell, TIGHT, cell.fresh_state());
    simulation.rest(6.0 * 3600.0).unwrap();
    for (here, there) in simulation.state().iter().zip(start_state(&case)) {
        // The rounded thickness of the reference changes the amount of loaded sulfur by 1e-4.
        assert!(
            (here - there).abs() <= 1e-3 * there.abs() + 1e-9,
            "{here} is not {there}"
        );
    }
}

#[test]
fn polarisation_agrees() {
    let case = reference_json("bruce_vincent.json");
    let data = columns("bruce_vincent.csv");
    let mechanism = mg_s();
    let values = reference_values(&mechanism, &case["params"]);
    let cell = Cell::new(&mechanism, &values, Design::coated(20));
    let mut simulation = Simulation::new(&cell, TIGHT, cell.electrolyte_state());
    let record = simulation.hold(-0.01, 2.99e5).unwrap().record;
    let scale = data[1].iter().fold(0.0f64, |m, i| m.max(i.abs()));
    let rows = data[0].iter().zip(&data[1]);
    let off = rows.map(|(t, i)| (at(&record, &record.current, *t) - i).abs() / scale);
    let worst = off.fold(0.0, f64::max);
    println!("polarisation: current {worst:.1e} of its maximum");
    assert!(worst < 1e-3, "current off by {worst} of its maximum");
    let resistance = 2.0 * cell.charge_transfer_resistance_ohm_m2();
    let read = transference_number(&record, 0.01, 2e-3, resistance).unwrap();
    let closed = cell.polarisation_resistances().transference_number();
    println!("transference number: {read:.5} in time, {closed:.5} in closed form");
    assert!((read / case["t_plus"].as_f64().unwrap() - 1.0).abs() < 1e-3);
    assert!((closed / case["closed_form"].as_f64().unwrap() - 1.0).abs() < 1e-9);
}

#[test]
fn symmetric_voltammogram_agrees() {
    let case = reference_json("symmetric_cv.json");
    let data = columns("symmetric_cv.csv");
    let mechanism = mg_s();
    let values = reference_values(&mechanism, &case["params"]);
    let cell = Cell::new(&mechanism, &values, Design::symmetric(4, 1));
    let start = cell.catholyte_state(&Catholyte {
        active_kg_m2: 2.5e-3,
        shares: vec![("MgS8".to_owned(), 0.5), ("MgS4".to_owned(), 0.5)],
        potential: CatholytePotential::Equilibrium("R2".to_owned()),
        equilibrated: vec![Equilibrated {
            species: "S8".to_owned(),
            reaction: "R1".to_owned(),
            fraction_max: None,
            in_separator: true,
        }],
        solids: Vec::new(),
    });
    let mut simulation = Simulation::new(&cell, TIGHT, start);
    let mut record = Record::default();
    let mut offset = 0.0;
    for (from, to) in [(0.0, 1.0), (1.0, -1.0), (-1.0, 0.0)] {
        let ramp = simulation.sweep(from, to, 2e-4).unwrap().record;
        for i in 0..ramp.len() {
            record.push(offset + ramp.time_s[i], ramp.voltage_v[i], ramp.current[i]);
        }
        offset += ramp.time_s[ramp.len() - 1];
    }
    let scale = data[2].iter().fold(0.0f64, |m, i| m.max(i.abs()));
    let rows = data[0].iter().zip(&data[2]);
    let off = rows.map(|(t, i)| (at(&record, &record.current, *t) - i).abs() / scale);
    let worst = off.fold(0.0, f64::max);
    println!("symmetric cell: current {worst:.1e} of its maximum");
    assert!(worst < 1e-3, "current off by {worst} of its maximum");
}

#[test]
fn deposition_maxima_are_found() {
    let case = reference_json("hold_0p7V_N1.json");
    let note = case["note"].as_str().unwrap();
    let expected: f64 = note.rsplit('=').next().unwrap().parse().unwrap();
    let cell = reference_cell(&case);
    let mut simulation = Simulation::new(&cell, TIGHT, start_state(&case));
    let segment = simulation.hold(0.7, 3600.0).unwrap();
    let outcome = Outcome {
        steps: vec![StepOutcome::Segment(segment)],
        states: Vec::new(),
        plans: Vec::new(),
    };
    let observable = Observable::GrowthTime {
        step: 0,
        solid: "MgS".to_owned(),
    };
    let growth = observable.measure(&cell, &outcome).unwrap();
    println!("fastest growth at {growth} s, reference {expected} s");
    assert!(
        (growth / expected - 1.0).abs() < 0.02,
        "{growth} s is not {expected} s"
    );
}
