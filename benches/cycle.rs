//! How long does one 0.5C cycle take, and how exact is it, at which mesh and tolerance? What do its derivatives cost,
//! and an impedance spectrum?

#![expect(clippy::print_stdout, reason = "a bench tells how exact it was")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::config::read_mechanism;
use sulfit::config::read_study;
use sulfit::estimate::linearised;
use sulfit::estimate::residuals;
use sulfit::numerics::scalar::Dual;
use sulfit::numerics::scalar::Scalar;
use sulfit::numerics::scalar::Sensitive;
use sulfit::numerics::scalar::constants;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Recording;
use sulfit::simulate::Simulation;
use sulfit::units::mah_per_g;

const REST_S: f64 = 6.0 * 3600.0;

/// As many directions as the fit of the shipped experiment has.
type Varied = Dual<24>;

/// Discharge and charge capacity (mAh/g) and the number of steps of one cycle from a rested state.
fn cycle<S: Sensitive>(cell: &Cell<S>, accuracy: Accuracy, rested: &[f64]) -> (S, S, usize) {
    let mut simulation = Simulation::new(cell, accuracy, constants(rested));
    let current = cell.one_c_a_m2() * 0.5;
    let limit_s = 1.15 * 7200.0;
    let mut capacity = |current: S, limit_v: f64| {
        let segment = simulation
            .galvanostatic(current, Some(limit_v), limit_s, Recording::Nothing)
            .expect("a solvable half cycle");
        simulation.specific_charge(current, segment.duration_s) * mah_per_g(1.0)
    };
    let discharge = capacity(current, 0.4);
    let charge = capacity(-current, 2.1);
    (discharge, charge, simulation.work().steps)
}

fn bench(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mg_s_tandem.toml");
    let mechanism = Arc::new(read_mechanism(&path).expect("the shipped mechanism"));
    let values = mechanism.parameters().values();
    for n_cathode in [1, 5, 10] {
        let cell = Cell::new(&mechanism, &values, Design::battery(6, n_cathode));
        let tight = Accuracy {
            relative: 1e-8,
            absolute_factor: 1e-3,
        };
        let mut simulation = Simulation::new(&cell, tight, cell.fresh_state());
        simulation.rest(REST_S).expect("a solvable rest");
        let rested = simulation.state().to_vec();
        let (exact, exact_charge, _) = cycle(&cell, tight, &rested);
        // The factor on the absolute tolerances grows with the relative one, as it does in a tolerance ladder.
        for relative in [1e-5, 1e-4, 1e-3, 1e-2, 3e-2] {
            let absolute_factor = relative / 1e-5;
            let accuracy = Accuracy {
                relative,
                absolute_factor,
            };
            let (discharge, charge, steps) = cycle(&cell, accuracy, &rested);
            println!(
                "{n_cathode} nodes, rtol {relative:.0e} x{absolute_factor}: {steps} steps, capacity off by {:.1e} and {:.1e}",
                discharge / exact - 1.0,
                charge / exact_charge - 1.0
            );
            let name =
                format!("cycle 0.5C, {n_cathode} nodes, rtol {relative:.0e} x{absolute_factor}");
            criterion.bench_function(&name, |b| {
                b.iter(|| black_box(cycle(&cell, accuracy, &rested)));
            });
        }
        derivatives(criterion, &cell, &rested);
    }
}

/// A cycle at the fit's tolerance and a spectrum, both with the derivatives by 24 parameters and without.
fn derivatives(criterion: &mut Criterion, cell: &Cell, rested: &[f64]) {
    let accuracy = Accuracy::default();
    let n_cathode = cell.layout().porous_volumes().count();
    let frequencies: Vec<f64> = (0..41)
        .map(|i| 0.01 * 10f64.powf(f64::from(i) / 6.0))
        .collect();
    let values = cell.values().iter().enumerate();
    let values = values.map(|(i, value)| match i {
        0..24 => Varied::variable(*value, i),
        _ => Varied::constant(*value),
    });
    let varied = Cell::new(
        &Arc::new(cell.mechanism().clone()),
        &values.collect::<Vec<_>>(),
        cell.layout().design,
    );
    let name = |what: &str| format!("{what}, {n_cathode} nodes, rtol 1e-5");
    criterion.bench_function(&name("cycle 0.5C"), |b| {
        b.iter(|| black_box(cycle(cell, accuracy, rested)));
    });
    criterion.bench_function(&name("cycle 0.5C with 24 derivatives"), |b| {
        b.iter(|| black_box(cycle(&varied, accuracy, rested)));
    });
    let simulation = Simulation::new(cell, accuracy, rested.to_vec());
    criterion.bench_function(&name("spectrum of 41 frequencies"), |b| {
        b.iter(|| black_box(simulation.impedance(&frequencies, 0.0)));
    });
    let simulation = Simulation::new(&varied, accuracy, constants(rested));
    criterion.bench_function(&name("spectrum with 24 derivatives"), |b| {
        b.iter(|| black_box(simulation.impedance(&frequencies, Varied::constant(0.0))));
    });
}

/// All residuals of the shipped experiments at the values of their mechanism, with and without derivatives: the stated
/// numbers of two cells, and the raw curves of one.
fn fit(criterion: &mut Criterion) {
    for (what, file) in [
        ("all residuals", "experiments/star_lcnc.toml"),
        ("all curves", "experiments/synthetic_cell.toml"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let study = read_study(&path).expect("a shipped experiment");
        let free = study.variants[0].free.iter();
        let x: Vec<f64> = free.map(|f| f.scale().to_coordinate(f.given)).collect();
        for (mesh, resolution) in [("coarse", study.coarse), ("fine", study.fine)] {
            criterion.bench_function(&format!("{what}, {mesh} mesh"), |b| {
                b.iter(|| black_box(residuals(&study, 0, &x, resolution)));
            });
            // The jumps over cycles are chosen first, which takes as long as the residuals.
            criterion.bench_function(&format!("{what} and derivatives, {mesh} mesh"), |b| {
                b.iter(|| black_box(linearised(&study, 0, &x, resolution)));
            });
        }
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = bench, fit }
criterion_main!(benches);
