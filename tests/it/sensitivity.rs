//! Exact derivatives of everything that a protocol yields, against differences at tight tolerances.

use proptest::prelude::*;
use sulfit::cell::Cell;
use sulfit::mechanism::Mechanism;
use sulfit::mechanism::Prior;
use sulfit::numerics::scalar::Dual;
use sulfit::numerics::scalar::Scalar;
use sulfit::numerics::scalar::Sensitive;
use sulfit::observe::Observable;
use sulfit::protocol::Protocol;
use sulfit::protocol::Start;
use sulfit::protocol::Step;
use sulfit::simulate::Accuracy;
use sulfit::simulate::JumpPlan;
use sulfit::simulate::Mesh;
use sulfit::simulate::run;

use crate::support::cycles;
use crate::support::mg_s;

const TIGHT: Accuracy = Accuracy {
    relative: 1e-10,
    absolute_factor: 1e-5,
};
const MESH: Mesh = Mesh {
    n_separator: 3,
    n_electrode: 2,
};

fn protocol(name: &str, steps: Vec<Step>) -> Protocol {
    Protocol {
        name: name.to_owned(),
        start: Start::Fresh,
        loading_kg_m2: None,
        refine: 1,
        steps,
    }
}

/// A protocol and what is read from it.
type Pair = (Protocol, Vec<Observable>);

/// Cycling with jumps, a half cycle, a spectrum.
fn cycling() -> Pair {
    let decades = (0..11).map(|i| 0.01 * 10f64.powf(f64::from(i) / 5.0));
    let steps = vec![
        Step::Rest { duration_s: 3600.0 },
        Step::Cycle(cycles(1.0, 24)),
        Step::Galvanostatic {
            c_rate: 0.5,
            limit_v: None,
            duration_s: 1200.0,
        },
        Step::Impedance {
            frequencies_hz: decades.collect(),
        },
    ];
    let observables = vec![
        Observable::Capacity { step: 1, cycle: 2 },
        Observable::Capacity { step: 1, cycle: 24 },
        Observable::CapacityRatio {
            step: 1,
            cycle: 24,
            over: 1,
        },
        Observable::ActivationVoltage {
            step: 1,
            window: 0.1,
        },
        Observable::WarburgSlope {
            step: 3,
            lowest_hz: 0.01,
            highest_hz: 0.1,
        },
        Observable::Resistance {
            step: 3,
            frequency_hz: 0.03,
        },
        Observable::AnodeShare { step: 1 },
        Observable::Transference,
    ];
    (protocol("cycling", steps), observables)
}

/// Two ramps from the open-circuit voltage.
fn sweep() -> Pair {
    let steps = vec![
        Step::Rest { duration_s: 3600.0 },
        Step::Condition,
        Step::Sweep {
            from_v: None,
            vertices_v: vec![0.5, 2.2],
            rate_v_s: 2e-4,
        },
    ];
    let observables = vec![
        Observable::OxidationPeak { step: 2, ramp: 1 },
        Observable::LargestCurrent { step: 2 },
    ];
    (protocol("sweep", steps), observables)
}

fn hold() -> Pair {
    let steps = vec![
        Step::Rest { duration_s: 3600.0 },
        Step::Hold {
            voltage_v: 1.2,
            duration_s: 1800.0,
        },
    ];
    let observables = vec![Observable::PassedCharge { step: 1 }];
    (protocol("hold", steps), observables)
}

/// The values of a protocol's observables.
fn measure<S: Sensitive>(
    mechanism: &std::sync::Arc<Mechanism>,
    values: &[S],
    (protocol, observables): &Pair,
    frozen: Option<&[JumpPlan]>,
) -> (Vec<S>, Vec<JumpPlan>) {
    let cell = Cell::new(mechanism, values, MESH.design(mechanism, protocol));
    let outcome = run(&cell, protocol, TIGHT, frozen).unwrap();
    let measured = observables
        .iter()
        .map(|o| o.measure(&cell, &outcome).unwrap());
    (measured.collect(), outcome.plans)
}

/// The parameters that a fit may free, each on its own scale.
fn freed(mechanism: &Mechanism) -> Vec<usize> {
    let rows = mechanism.parameters().rows().iter().enumerate();
    rows.filter(|(_, row)| row.bounds.is_some() && row.tied_to.is_none())
        .map(|(i, _)| i)
        .collect()
}

/// Parameter values on a line through those of the file: `shift` moves, `turn` is the direction.
fn along<S: Scalar>(mechanism: &Mechanism, shift: &[f64], turn: &[f64], t: S) -> Vec<S> {
    let table = mechanism.parameters();
    let mut values: Vec<S> = table.values().iter().map(|v| S::constant(*v)).collect();
    for ((i, shift), turn) in freed(mechanism).into_iter().zip(shift).zip(turn) {
        // Potentials move by millivolts, everything else by a few per cent.
        let value = values[i];
        let is_linear = matches!(table.rows()[i].prior, Some(Prior::Normal { .. }));
        values[i] = if is_linear {
            value + (t * *turn + *shift) * 0.1
        } else {
            value * (t * *turn + *shift).exp()
        };
    }
    table.follow_ties(&mut values);
    values
}

/// The hump of the activation is read between the integrator's points, where the differences themselves are less
/// exact.
fn tolerance(observable: &Observable) -> f64 {
    match observable {
        Observable::ActivationVoltage { .. } => 1e-3,
        _ => 1e-5,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 0, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]
    #[test]
    fn derivatives_equal_differences(
        shift in prop::collection::vec(-0.05f64..0.05, 40),
        turn in prop::collection::vec(-1.0f64..1.0, 40),
    ) {
        let mechanism = mg_s();
        for pair in [cycling(), sweep(), hold()] {
            let exact = along(&mechanism, &shift, &turn, Dual::<1>::variable(0.0, 0));
            let (_, plans) = measure(&mechanism, &along(&mechanism, &shift, &turn, 0.0), &pair, None);
            let (exact, _) = measure(&mechanism, &exact, &pair, Some(&plans));
            let at = |t: f64| {
                let values = along(&mechanism, &shift, &turn, t);
                measure(&mechanism, &values, &pair, Some(&plans)).0
            };
            let h = 1e-3;
            let (far_up, up, down, far_down) = (at(2.0 * h), at(h), at(-h), at(-2.0 * h));
            for (i, exact) in exact.iter().enumerate() {
                let near = (up[i] - down[i]) / (2.0 * h);
                let far = (far_up[i] - far_down[i]) / (4.0 * h);
                let difference = (4.0 * near - far) / 3.0;
                let off = (exact.eps[0] - difference).abs() / (difference.abs() + 1e-3 * exact.re.abs());
                prop_assert!(off < tolerance(&pair.1[i]), "{:?}: exact {} difference {difference}", pair.1[i], exact.eps[0]);
            }
        }
    }
}
