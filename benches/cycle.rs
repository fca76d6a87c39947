//! How long does one 0.5C cycle take, and how exact is it, at which mesh and tolerance?

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
use sulfit::simulate::Accuracy;
use sulfit::simulate::Simulation;
use sulfit::units::mah_per_g;

const REST_S: f64 = 6.0 * 3600.0;

/// Discharge and charge capacity (mAh/g) and the number of steps of one cycle from a rested state.
fn cycle(cell: &Cell, accuracy: Accuracy, rested: &[f64]) -> (f64, f64, usize) {
    let mut simulation = Simulation::new(cell, accuracy, rested.to_vec());
    let current = 0.5 * cell.one_c_a_m2();
    let limit_s = 1.15 * 7200.0;
    let mut capacity = |current: f64, limit_v: f64| {
        let segment = simulation
            .galvanostatic(current, Some(limit_v), limit_s, false)
            .expect("a solvable half cycle");
        mah_per_g(simulation.specific_charge(current, segment.duration_s))
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
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = bench }
criterion_main!(benches);
