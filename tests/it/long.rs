//! Long protocols against the numbers of the specification (sections 11 and 14), each within 0.5 %.

use sulfit::analysis::differentiable::activation_voltage_v;
use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::config::read_study;
use sulfit::estimate::Study;
use sulfit::estimate::simulate;
use sulfit::protocol::Cycles;
use sulfit::simulate::Accuracy;
use sulfit::simulate::CycleLog;
use sulfit::simulate::Jumping;
use sulfit::simulate::Simulation;

use crate::support::Silent;
use crate::support::cycles;
use crate::support::mg_s;
use crate::support::project;
use crate::support::reference_json;
use crate::support::reference_values;

/// Runs one block of cycles after another on a fresh, rested cell.
fn run(
    set: &str,
    loading_kg_m2: f64,
    mesh: (usize, usize),
    blocks: &[Cycles],
    jumping: Jumping<'_>,
) -> Vec<CycleLog> {
    let mechanism = mg_s();
    let mut values = reference_values(&mechanism, &reference_json(set));
    values[mechanism.roles().loading.index()] = loading_kg_m2;
    let cell = Cell::new(&mechanism, &values, Design::battery(mesh.0, mesh.1));
    let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
    simulation.rest(6.0 * 3600.0).unwrap();
    let logs = blocks
        .iter()
        .map(|block| simulation.cycle(block, jumping).unwrap());
    logs.collect()
}

fn check(what: &str, here: f64, expected: f64) {
    let off = here / expected - 1.0;
    println!(
        "{what}: {here:.2}, expected {expected}, off by {:.3} %",
        100.0 * off
    );
    assert!(off.abs() < 5e-3, "{what}: {here} is not {expected}");
}

#[test]
fn rate_test_agrees() {
    let rates = [0.05, 0.1, 0.5, 1.0, 2.0, 1.0];
    let blocks: Vec<Cycles> = rates.iter().map(|rate| cycles(*rate, 5)).collect();
    let logs = run("params_star.json", 0.01, (6, 5), &blocks, Jumping::Never);
    let expected = [1083.5, 995.4, 943.2, 892.9, 630.2, 890.1];
    for (i, (log, expected)) in logs.iter().zip(expected).enumerate() {
        let cycle = if i == 0 { 1 } else { 3 };
        check(
            &format!("{} C", rates[i]),
            log.discharge_mah_g(cycle).unwrap(),
            expected,
        );
    }
    let (_, charge) = logs[0].curves_of(1).unwrap();
    check(
        "activation",
        activation_voltage_v(&charge.record, 0.1).unwrap(),
        1.4566,
    );
}

#[test]
fn all_400_cycles_agree_and_jumps_keep_them() {
    for (set, expected) in [
        ("params_star.json", Some(566.3)),
        ("params_cnt.json", Some(257.1)),
        ("params_star_A.json", None),
        ("params_cnt_A.json", None),
    ] {
        let block = [cycles(0.5, 400)];
        let all = run(set, 0.01, (4, 1), &block, Jumping::Never)[0]
            .discharge_mah_g(400)
            .unwrap();
        if let Some(expected) = expected {
            check(set, all, expected);
        }
        let jumped = run(set, 0.01, (4, 1), &block, Jumping::Adaptive);
        let off = jumped[0].discharge_mah_g(400).unwrap() / all - 1.0;
        println!(
            "{set}: {} cycles simulated, jumps off by {:.3} %",
            jumped[0].cycles.len(),
            100.0 * off
        );
        assert!(off.abs() < 3e-3, "{set}: jumps are off by {off}");
    }
}

#[test]
fn thick_cell_agrees() {
    for (set, first, last) in [
        ("params_star.json", 1034.2, 751.7),
        ("params_star_A.json", 1033.0, 934.3),
    ] {
        let log = &run(set, 0.04, (6, 5), &[cycles(0.1, 50)], Jumping::Never)[0];
        check(
            &format!("{set}, cycle 1"),
            log.discharge_mah_g(1).unwrap(),
            first,
        );
        check(
            &format!("{set}, cycle 50"),
            log.discharge_mah_g(50).unwrap(),
            last,
        );
    }
}

#[test]
fn mesh_of_the_fit_is_converged() {
    let mut study = read_study(&project("experiments/star_lcnc.toml")).unwrap();
    study.predictions.clear();
    study.orderings.clear();
    let values = |study: &Study| {
        let report = simulate(study, &Silent);
        assert_eq!(report.failed, 0);
        let observed = report.variants[0].observed.iter();
        observed.map(|o| o.model).collect::<Vec<f64>>()
    };
    let fine = values(&study);
    study.fine.mesh.n_separator *= 2;
    study.fine.mesh.n_electrode *= 2;
    let finer = values(&study);
    for (observation, (here, there)) in study.observations.iter().zip(fine.iter().zip(&finer)) {
        let off = here / there - 1.0;
        let cell = &study.cells[observation.target.cell];
        println!("{} of {cell}: {:.3} %", observation.target.id, 100.0 * off);
        assert!(
            off.abs() < 5e-3,
            "{} of {cell}: {here} and {there}",
            observation.target.id
        );
    }
}
