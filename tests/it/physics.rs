//! Laws that hold for all parameters: conservation, equilibrium, derivatives, impedance, convergence with the mesh.

use std::sync::Arc;

use nalgebra::DMatrix;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::mechanism::Chemistry;
use sulfit::mechanism::DISSOLVED_MAX;
use sulfit::mechanism::Mechanism;
use sulfit::mechanism::NodeView;
use sulfit::numerics::blocks::BlockMatrix;
use sulfit::numerics::blocks::BlockShape;
use sulfit::numerics::interpolate::cubic;
use sulfit::numerics::stiff::StiffSystem;
use sulfit::numerics::stiff::Tolerances;
use sulfit::numerics::stiff::integrate;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Recording;
use sulfit::simulate::Simulation;
use sulfit::units::FARADAY_C_PER_MOL;

use crate::support::mg_s;

const REST_S: f64 = 6.0 * 3600.0;

/// Values of the mechanism with every bounded parameter somewhere between its bounds; `shares` are in 0..1.
fn random_values(mechanism: &Mechanism, shares: &[f64]) -> Vec<f64> {
    let mut values = mechanism.parameters().values();
    let mut next = shares.iter().cycle();
    for (i, row) in mechanism.parameters().rows().iter().enumerate() {
        if let Some((lower, upper)) = row.bounds {
            let share = next.next().unwrap();
            values[i] = if lower > 0.0 {
                (lower.ln() + share * (upper.ln() - lower.ln())).exp()
            } else {
                lower + share * (upper - lower)
            };
        }
    }
    mechanism.parameters().follow_ties(&mut values);
    values
}

fn value(mechanism: &Mechanism, values: &[f64], name: &str) -> f64 {
    values[mechanism.parameters().find(name).unwrap().index()]
}

/// Magnesium that is not bound to sulfur, plus the charge of both double layers as magnesium (mol m⁻²).
///
/// What the anode strips beyond its double layer enters the electrolyte, what the cathode reduces beyond its own
/// leaves it; so this sum never changes, whatever the current and the shuttle do.
fn free_magnesium(cell: &Cell, mechanism: &Mechanism, y: &[f64]) -> f64 {
    let layout = cell.layout();
    let of = |name: &str| value(mechanism, cell.values(), name);
    let mut sum = of("Ca") * y[0] / (2.0 * FARADAY_C_PER_MOL);
    for (v, volume) in layout.volumes.iter().enumerate() {
        let width = cell.width_m(v);
        sum += width * y[layout.dissolved(v, mechanism.carrier())];
        if volume.is_porous() {
            sum += width * of("Gam") * of("a0") * y[layout.coverage(v)];
            let charge = of("a0") * of("Cdl") * y[layout.potential(v)];
            sum += width * charge / (2.0 * FARADAY_C_PER_MOL);
        }
    }
    sum
}

/// Magnesium bound to sulfur in the cathode and the electrolyte, minus the charge of the cathode's double layer.
fn reduced_magnesium(cell: &Cell, mechanism: &Mechanism, y: &[f64]) -> f64 {
    let all = cell.inventory(y)["Mg"];
    let layout = cell.layout();
    let of = |name: &str| value(mechanism, cell.values(), name);
    let mut sum = all;
    for (v, volume) in layout.volumes.iter().enumerate() {
        let width = cell.width_m(v);
        sum -= width * y[layout.dissolved(v, mechanism.carrier())];
        if volume.is_porous() {
            sum -= width * of("Gam") * of("a0") * y[layout.coverage(v)];
            let charge = of("a0") * of("Cdl") * y[layout.potential(v)];
            sum -= width * charge / (2.0 * FARADAY_C_PER_MOL);
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        // The same cases on every machine; PROPTEST_CASES and another seed here search further.
        rng_seed: RngSeed::Fixed(20_240_318),
        ..ProptestConfig::default()
    })]

    #[test]
    fn sulfur_magnesium_and_charge_are_conserved(
        shares in prop::collection::vec(0.05f64..0.95, 31),
        n_cathode in 1usize..5,
        c_rate in 0.2f64..2.0,
        has_shuttle in any::<bool>(),
    ) {
        let mechanism = mg_s();
        let mut values = random_values(&mechanism, &shares);
        if !has_shuttle {
            for name in ["ka", "kl"] {
                values[mechanism.parameters().find(name).unwrap().index()] = 0.0;
            }
        }
        let cell = Cell::new(&mechanism, &values, Design::battery(4, n_cathode));
        let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
        let sulfur = cell.inventory(simulation.state())["S"];
        let free = free_magnesium(&cell, &mechanism, simulation.state());
        let reduced = reduced_magnesium(&cell, &mechanism, simulation.state());
        // A cell whose random constants cannot be integrated is a failed value, not a broken law.
        prop_assume!(simulation.rest(REST_S).is_ok());
        let current = c_rate * cell.one_c_a_m2();
        let mut charge = 0.0;
        let mut turnover = reduced.abs();
        for _ in 0..3 {
            for (current, limit_v) in [(current, 0.4), (-current, 2.1)] {
                let longest_s = 1.15 * 3600.0 / c_rate;
                let half = simulation.galvanostatic(current, Some(limit_v), longest_s, Recording::Nothing);
                prop_assume!(half.is_ok());
                let passed = current * half.unwrap().duration_s;
                charge += passed;
                turnover += passed.abs() / (2.0 * FARADAY_C_PER_MOL);
                let y = simulation.state();
                let sulfur_now = cell.inventory(y)["S"];
                prop_assert!((sulfur_now / sulfur - 1.0).abs() < 1e-9, "sulfur: {sulfur} became {sulfur_now}");
                let free_now = free_magnesium(&cell, &mechanism, y);
                prop_assert!((free_now / free - 1.0).abs() < 1e-9, "magnesium: {free} became {free_now}");
                if !has_shuttle {
                    let expected = reduced + charge / (2.0 * FARADAY_C_PER_MOL);
                    let now = reduced_magnesium(&cell, &mechanism, y);
                    prop_assert!((now - expected).abs() < 1e-9 * turnover, "charge: {now} is not {expected}");
                }
            }
        }
    }

    #[test]
    fn rates_vanish_at_equilibrium(
        shares in prop::collection::vec(0.05f64..0.95, 31),
        potential in 1.25f64..1.6,
        dissolved in 0.1f64..10.0,
        carrier in 0.3f64..2.0,
    ) {
        let mechanism = mg_s();
        let mut values = random_values(&mechanism, &shares);
        for name in ["k8", "kd"] {
            values[mechanism.parameters().find(name).unwrap().index()] = 0.0;
        }
        let of = |name: &str| value(&mechanism, &values, name);
        let f = FARADAY_C_PER_MOL / (8.314_462_618 * of("T"));
        let e = |step: &str| 2.0 * f * (potential - of(step));
        let (cp, ns) = (of("cp"), of("ns_s"));
        // Start at MgS8 and go both ways along the chain, θ = q at c.
        let m8 = dissolved / cp;
        let s8 = m8 * e("E1").exp();
        let m4 = (m8 * (-e("E2")).exp()).sqrt();
        let s2 = m4 * (-e("E3")).exp();
        let s1 = s2 * (-e("E4")).exp();
        prop_assume!(s2 < 0.999 && s1 < 0.999 && s8 * cp < 1e6);
        let coverage = of("Kdes") * carrier / (1.0 + of("Kdes") * carrier);
        let mut concentrations = [0.0; DISSOLVED_MAX];
        concentrations[..4].copy_from_slice(&[carrier * of("c0"), s8 * cp, m8 * cp, m4 * cp]);
        let solids = [0.0, ns * s2 / (1.0 - s2), ns * s1 / (1.0 - s1), 0.0];
        let chemistry = Chemistry::<f64>::new(&mechanism, &values);
        let node = NodeView { concentrations: &concentrations, solids: &solids, coverage, potential, wetted: 1.0 };
        let mut amounts = [0.0; 8];
        let (coverage_rate, electrons) = chemistry.react(&node, &mut amounts);
        // The scale is the exchange: what each step moves forwards, and as much backwards, at equilibrium.
        let exchange = [("k1", "E1", "al", s8), ("k2", "E2", "al", m8), ("k3", "E3", "al", m4), ("k4", "E4", "al4", s2)]
            .into_iter()
            .map(|(k, e0, alpha, oxidised)| {
                let (forward, backward) = ((-of(alpha) * e(e0)).exp(), ((1.0 - of(alpha)) * e(e0)).exp());
                of(k) * coverage * oxidised * forward / (1.0 + of(k) / of("kmax") * (forward + backward))
            })
            .sum::<f64>();
        let scale = of("a0") * chemistry.free_area(&solids, 1.0) * exchange;
        prop_assert!(scale > 0.0);
        prop_assert!(electrons.abs() <= 1e-9 * scale, "{electrons} against {scale}");
        let desolvation = of("kdes") * carrier;
        let sites = chemistry.free_area(&solids, 1.0) * (exchange + desolvation) / of("Gam");
        prop_assert!(coverage_rate.abs() <= 1e-9 * sites, "{coverage_rate} against {sites}");
        let desolvated = of("a0") * chemistry.free_area(&solids, 1.0) * desolvation;
        for (slot, amount) in amounts.iter().enumerate() {
            let scale = if slot == 0 { scale + desolvated } else { scale };
            prop_assert!(amount.abs() <= 1e-9 * scale, "{amount} against {scale}");
        }
    }

    #[test]
    fn jacobian_equals_central_differences(
        shares in prop::collection::vec(0.3f64..0.7, 31),
        wobble in prop::collection::vec(-0.2f64..0.2, 61),
        current in -10.0f64..10.0,
        kind in 0usize..3,
    ) {
        let mechanism = mg_s();
        let values = random_values(&mechanism, &shares);
        let design = [Design::battery(3, 3), Design::symmetric(2, 2), Design::coated(3)][kind];
        let cell = Cell::new(&mechanism, &values, design);
        let mut y = if kind == 2 { cell.electrolyte_state() } else { cell.fresh_state() };
        for (i, value) in y.iter_mut().enumerate() {
            // Solids that the fresh cell lacks get some amount, potentials move by millivolts.
            let shake = wobble[i % wobble.len()];
            *value = if *value == 0.0 { 1.0 + shake } else { *value * (1.0 + 0.1 * shake) };
        }
        if kind != 1 {
            y[0] = 0.01 * wobble[0];
        }
        let n = y.len();
        let m = n + 1;
        let mut exact = BlockMatrix::filled(&cell.layout().shape_with_current(), 0.0);
        cell.jacobian(&y, current, &mut exact);
        let evaluate = |y: &[f64], current: f64| {
            let mut rate = vec![0.0; n];
            let voltage = cell.rate(y, current, &mut rate);
            rate.push(voltage);
            rate
        };
        for column in 0..m {
            let scale = if column < n { y[column].abs().max(1e-3) } else { 1.0 };
            let step = 1e-6 * scale;
            let shifted = |sign: f64| {
                let mut y = y.clone();
                let mut current = current;
                if column < n { y[column] += sign * step } else { current += sign * step }
                evaluate(&y, current)
            };
            let (above, below) = (shifted(1.0), shifted(-1.0));
            for row in 0..m {
                let difference = (above[row] - below[row]) / (2.0 * step);
                let here = exact.get(row, column).unwrap_or(0.0);
                // The voltage is a sum of terms of about 1 V that may cancel.
                let cancelled = if row == n { 1e-13 / step } else { 0.0 };
                let size = above[row].abs().max(below[row].abs()) * 1e-15 / step;
                prop_assert!(
                    (here - difference).abs() <= 1e-4 * here.abs().max(difference.abs()) + 100.0 * size + cancelled + 1e-9,
                    "row {row}, column {column}: {here} against {difference}"
                );
            }
        }
    }
}

/// A cell under a small sine of current.
struct Sine<'c> {
    cell: &'c Cell,
    amplitude: f64,
    omega: f64,
    shape: BlockShape,
}

impl StiffSystem for Sine<'_> {
    fn n_unknowns(&self) -> usize {
        self.cell.layout().n_states
    }
    fn n_algebraic(&self) -> usize {
        0
    }
    fn rate(&self, time_s: f64, y: &[f64], rate: &mut [f64]) {
        self.cell
            .rate(y, self.amplitude * (self.omega * time_s).sin(), rate);
    }
    fn jacobian(&self, time_s: f64, y: &[f64], jacobian: &mut BlockMatrix<f64>) {
        let current = self.amplitude * (self.omega * time_s).sin();
        self.cell.jacobian(y, current, jacobian);
    }
    fn event(&self, _time_s: f64, _y: &[f64]) -> f64 {
        1.0
    }
    fn has_event(&self) -> bool {
        false
    }
    fn shape(&self) -> &BlockShape {
        &self.shape
    }
}

/// Amplitude of sine and cosine of the frequency in the last periods, beside a constant and a linear drift.
fn project(time_s: &[f64], voltage_v: &[f64], omega: f64) -> (f64, f64) {
    let rows = time_s.len();
    let design = DMatrix::from_fn(rows, 4, |i, j| match j {
        0 => (omega * time_s[i]).sin(),
        1 => (omega * time_s[i]).cos(),
        2 => 1.0,
        _ => (time_s[i] - time_s[0]) / (time_s[rows - 1] - time_s[0]),
    });
    let right = DMatrix::from_column_slice(rows, 1, voltage_v);
    let solution = design.svd(true, true).solve(&right, 1e-14).unwrap();
    (solution[0], solution[1])
}

#[test]
fn impedance_equals_a_small_sine() {
    let mechanism = mg_s();
    let cell = Cell::new(
        &mechanism,
        &mechanism.parameters().values(),
        Design::battery(6, 3),
    );
    let tight = Accuracy {
        relative: 1e-9,
        absolute_factor: 1e-5,
    };
    let mut simulation = Simulation::new(&cell, tight, cell.fresh_state());
    simulation.rest(REST_S).unwrap();
    for frequency in [10.0, 0.1] {
        let spectrum = simulation.impedance(&[frequency], 0.0);
        let (re, im) = spectrum.impedance_ohm[0];
        let modulus = re.hypot(im);
        let omega = 2.0 * std::f64::consts::PI * frequency;
        let sine = Sine {
            cell: &cell,
            amplitude: 1e-4 / (modulus * cell.area_m2()),
            omega,
            shape: cell.layout().shape.clone(),
        };
        let absolute = cell
            .absolute_tolerances()
            .into_iter()
            .map(|a| a * 1e-6)
            .collect();
        let tolerances = Tolerances {
            relative: 1e-9,
            absolute,
        };
        let n_periods = if frequency > 1.0 { 40.0 } else { 14.0 };
        let end = n_periods / frequency;
        let (mut times, mut voltages) = (Vec::new(), Vec::new());
        integrate(&sine, simulation.state(), end, &tolerances, &mut |step| {
            if step.from_s >= end - 2.0 / frequency {
                let y = step.at(step.to_s).unwrap();
                let current = sine.amplitude * (omega * step.to_s).sin();
                times.push(step.to_s);
                voltages.push(cell.terminal_voltage_v(&y, current));
            }
        })
        .unwrap();
        let (sine_part, cosine_part) = project(&times, &voltages, omega);
        let scale = -1.0 / (sine.amplitude * cell.area_m2());
        let off = (scale * sine_part - re).hypot(scale * cosine_part - im) / modulus;
        assert!(off < 1e-3, "{frequency} Hz: off by {off}");
    }
}

#[test]
fn capacity_converges_with_the_mesh() {
    let mechanism = mg_s();
    let values = mechanism.parameters().values();
    let capacity = |n_cathode: usize| {
        let cell = Cell::new(&mechanism, &values, Design::battery(6, n_cathode));
        let accuracy = Accuracy {
            relative: 1e-7,
            absolute_factor: 1e-2,
        };
        let mut start = cell.fresh_state();
        cell.condition(&mut start);
        let mut simulation = Simulation::new(&cell, accuracy, start);
        simulation.rest(REST_S).unwrap();
        let current = 2.0 * cell.one_c_a_m2();
        simulation
            .galvanostatic(current, Some(0.4), 2070.0, Recording::Nothing)
            .unwrap()
            .duration_s
    };
    let values: Vec<f64> = [2, 4, 8, 16].into_iter().map(capacity).collect();
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    for pair in steps.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        println!("order {order:.2} between differences {pair:?}");
        assert!(order > 1.0, "order {order}, differences {steps:?}");
    }
}

#[test]
fn current_at_an_imposed_voltage_is_that_of_the_closed_form() {
    let mechanism = mg_s();
    let cell = Cell::new(
        &mechanism,
        &mechanism.parameters().values(),
        Design::battery(4, 3),
    );
    let y = cell.fresh_state();
    let current = cell.current_a_m2(&y, 1.5);
    assert!((cell.terminal_voltage_v(&y, current) - 1.5).abs() < 1e-12);
    let _: &Arc<Mechanism> = &mechanism;
}

#[test]
fn voltages_of_a_record_are_those_of_its_states() {
    let mechanism = mg_s();
    let cell = Cell::new(
        &mechanism,
        &mechanism.parameters().values(),
        Design::battery(4, 3),
    );
    let discharged = |recording| {
        let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
        simulation.rest(REST_S).unwrap();
        let current = 0.5 * cell.one_c_a_m2();
        let segment = simulation
            .galvanostatic(current, Some(0.4), 8280.0, recording)
            .unwrap();
        (current, segment)
    };
    let (current, all) = discharged(Recording::Steps);
    let all = all.record.unwrap();
    assert!(all.record.len() > 100 && all.states.nrows() == all.record.len());
    for (row, voltage) in all.states.rows().into_iter().zip(&all.record.voltage_v) {
        let own = cell.terminal_voltage_v(row.as_slice().unwrap(), current);
        assert!((own - voltage).abs() < 1e-12, "{own} and {voltage}");
    }
    // Times that are asked for, beyond the end too, lie on the same curve; the end itself is always there.
    let times = [0.0, 60.0, 1000.0, 2500.0, 1e6];
    let (_, some) = discharged(Recording::At(&times));
    let end_s = some.duration_s;
    let some = some.record.unwrap().record;
    assert_eq!(some.time_s[..4], times[..4]);
    assert_eq!(some.time_s.last(), Some(&end_s));
    for (time_s, voltage) in some.time_s.iter().zip(&some.voltage_v) {
        let there = cubic(&all.record.time_s, &all.record.voltage_v, *time_s).unwrap();
        assert!(
            (there - voltage).abs() < 1e-5,
            "{voltage} at {time_s} s, {there}"
        );
    }
}
