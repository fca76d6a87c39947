//! The half cell against limits with closed forms: Randles–Ševčík, Nicholson, Cottrell, Warburg; its derivatives.

use std::f64::consts::PI;
use std::sync::Arc;

use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::config::parse_mechanism;
use sulfit::mechanism::Mechanism;
use sulfit::numerics::interpolate::cubic;
use sulfit::numerics::interpolate::maximum;
use sulfit::numerics::scalar::Dual;
use sulfit::numerics::scalar::Sensitive;
use sulfit::record::Record;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Simulation;
use sulfit::units::FARADAY_C_PER_MOL as F;
use sulfit::units::GAS_J_PER_MOL_K as R;

use crate::support::project;

/// Volumes of the mesh.
const N_VOLUMES: usize = 100;
/// Temperature of the shipped file (K).
const T: f64 = 298.15;

/// The shipped half cell with another depth.
fn half_cell(depth: &str) -> Arc<Mechanism> {
    let path = project("models/half_cell.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("depth = \"semi_infinite\"", &format!("depth = {depth}"));
    let text = format!(
        "{text}\n[parameter.L]\nvalue = 50.0\nunit = \"um\"\nmeaning = \"layer\"\nsource = \"assumed\"\n"
    );
    Arc::new(parse_mechanism(&path, &text).unwrap())
}

/// Values of the file with some changed (SI), ties followed.
fn values(mechanism: &Mechanism, changes: &[(&str, f64)]) -> Vec<f64> {
    let table = mechanism.parameters();
    let mut values = table.values();
    for (name, value) in changes {
        values[table.find(name).unwrap().index()] = *value;
    }
    table.follow_ties(&mut values);
    values
}

/// A couple without double layer and resistance worth mentioning.
const IDEAL: [(&str, f64); 2] = [("Ru", 1.0), ("Cdl", 1e-3)];

fn cell<S: Sensitive>(mechanism: &Arc<Mechanism>, values: &[S]) -> Cell<S> {
    Cell::new(mechanism, values, Design::half_cell(N_VOLUMES))
}

/// A sweep down and back up, from and to 0.5 V around the formal potential: both ramps.
fn voltammogram<S: Sensitive>(cell: &Cell<S>, rate_v_s: f64, half_width_v: f64) -> [Record<S>; 2] {
    let mut simulation = Simulation::new(cell, Accuracy::default(), cell.fresh_state());
    let start = simulation.polarise(half_width_v);
    let down = simulation.sweep(start, -half_width_v, rate_v_s).unwrap();
    let up = simulation
        .sweep(S::constant(-half_width_v), half_width_v, rate_v_s)
        .unwrap();
    [down.record, up.record]
}

/// Potential (V) and height (A m⁻²) of the reduction and the oxidation peak.
fn peaks(ramps: &[Record; 2]) -> [(f64, f64); 2] {
    let time = |record: &Record, sign: f64| {
        let heights: Vec<f64> = record.current.iter().map(|i| sign * i).collect();
        let (at, height) = maximum(&record.time_s, &heights).unwrap();
        let voltage = cubic(&record.time_s, &record.voltage_v, at).unwrap();
        (voltage, height)
    };
    [time(&ramps[0], 1.0), time(&ramps[1], -1.0)]
}

/// Randles–Ševčík: `i_p` = 0.4463 n F c √(n F v D/RT) at a reversible couple, within 0.5 %, for scan rates over three
/// decades. Source: Bard & Faulkner, *Electrochemical Methods*, 2nd ed. (2001), eq. 6.2.18.
#[test]
fn reversible_peaks_follow_randles_and_sevcik() {
    let mechanism = half_cell("\"semi_infinite\"");
    for rate in [0.01, 0.1, 1.0, 10.0] {
        let changes = [&IDEAL[..], &[("k0", 1.0)]].concat();
        let values = values(&mechanism, &changes);
        let ramps = voltammogram(&cell(&mechanism, &values), rate, 0.4);
        let [(voltage, height), _] = peaks(&ramps);
        let expected = 0.446_295 * F * (F * rate * 1e-9 / (R * T)).sqrt();
        let off = height / expected - 1.0;
        println!("{rate} V/s: {height:.5} A/m2, off by {:.4} %", 100.0 * off);
        assert!(off.abs() < 0.005);
        // E_p = E_0 − 1.109 RT/nF
        assert!((voltage + 1.109 * R * T / F).abs() < 1e-3, "{voltage}");
    }
}

/// The peak separation (mV) of a quasi-reversible couple by the integral equation of its surface, an independent
/// solution: with S(t) = ∫ χ(z)/√(t − z) dz, χ = ψ [(1 − S) e^(−θ/2) − S e^(θ/2)], χ linear between `n` times.
/// Source: Nicholson, Anal. Chem. 37 (1965) 1351.
fn separation_by_integral_equation(psi: f64, turn_v: f64, n: usize) -> f64 {
    let f = F / (R * T);
    let (start_v, half) = (0.3, n / 2);
    let step = (start_v - turn_v) * f / half as f64;
    let turn = half as f64;
    let potential = |i: f64| start_v - (i.min(turn) - (i - turn).max(0.0)) * step / f;
    let weights: Vec<(f64, f64)> = (1..=n)
        .map(|m| {
            let (far, near) = (m as f64 * step, (m - 1) as f64 * step);
            let whole = 2.0 * (far.sqrt() - near.sqrt());
            let right = (far * whole - 2.0 / 3.0 * (far.powf(1.5) - near.powf(1.5))) / step;
            (whole - right, right)
        })
        .collect();
    let mut chi = vec![0.0; n + 1];
    for i in 1..=n {
        let own = weights[0].1;
        let mut sum = 0.0;
        for j in 0..i {
            let (left, right) = weights[i - 1 - j];
            sum += left * chi[j];
            if j + 1 < i {
                sum += right * chi[j + 1];
            }
        }
        let theta = potential(i as f64) * f;
        let (forward, backward) = ((-0.5 * theta).exp(), (0.5 * theta).exp());
        chi[i] = psi * ((1.0 - sum) * forward - sum * backward)
            / (1.0 + psi * own * (forward + backward));
    }
    let peak = |range: std::ops::Range<usize>, sign: f64| {
        let x: Vec<f64> = range.clone().map(|i| i as f64).collect();
        let y: Vec<f64> = range.clone().map(|i| sign * chi[i]).collect();
        potential(maximum(&x, &y).unwrap().0)
    };
    1e3 * (peak(half..n + 1, -1.0) - peak(0..half + 1, 1.0))
}

/// Nicholson's peak separations for his 13 values of ψ: within 0.1 mV of the integral equation that he solved, solved
/// again with 6000 steps; his table, computed in 1965 and printed in whole mV, is up to 1.6 mV higher. The table holds for switching 141 mV beyond the
/// half-wave potential. Source: Nicholson, Anal. Chem. 37 (1965) 1351, table I.
#[test]
fn peak_separations_follow_nicholson() {
    const TABLE: [(f64, f64); 13] = [
        (20.0, 61.0),
        (7.0, 63.0),
        (6.0, 64.0),
        (5.0, 65.0),
        (4.0, 66.0),
        (3.0, 68.0),
        (2.0, 72.0),
        (1.0, 84.0),
        (0.75, 92.0),
        (0.50, 105.0),
        (0.35, 121.0),
        (0.25, 141.0),
        (0.10, 212.0),
    ];
    let mechanism = half_cell("\"semi_infinite\"");
    let rate = 0.1;
    let (mut worst, mut worst_exact): (f64, f64) = (0.0, 0.0);
    for (psi, separation_mv) in TABLE {
        let k0 = psi * (PI * 1e-9 * F * rate / (R * T)).sqrt();
        let changes = [&IDEAL[..], &[("k0", k0)]].concat();
        let values = values(&mechanism, &changes);
        let cell = cell(&mechanism, &values);
        let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
        let start = simulation.polarise(0.3);
        let down = simulation.sweep(start, -0.141, rate).unwrap();
        let up = simulation.sweep(-0.141, 0.3, rate).unwrap();
        let [(reduction, _), (oxidation, _)] = peaks(&[down.record, up.record]);
        let found = 1e3 * (oxidation - reduction);
        let exact = separation_by_integral_equation(psi, -0.141, 6000);
        println!(
            "psi {psi}: {found:.2} mV, integral equation {exact:.2} mV, table {separation_mv} mV"
        );
        worst = worst.max((found - separation_mv).abs());
        worst_exact = worst_exact.max((found - exact).abs());
    }
    assert!(worst_exact <= 0.1, "off by {worst_exact} mV");
    assert!(worst <= 1.6, "off by {worst} mV");
}

/// Cottrell: i = n F c √(D/πt) after a step to where nothing of the oxidised species is left, within 0.5 %.
#[test]
fn a_step_follows_cottrell() {
    let mechanism = half_cell("\"semi_infinite\"");
    let values = values(&mechanism, &[&IDEAL[..], &[("k0", 1e-2)]].concat());
    let cell = cell(&mechanism, &values);
    let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
    simulation.polarise(-0.5);
    let hold = simulation.hold(-0.5, 100.0).unwrap().record;
    for time in [0.01, 0.1, 1.0, 10.0, 90.0] {
        let current = cubic(&hold.time_s, &hold.current, time).unwrap();
        let off = current / (F * (1e-9 / (PI * time)).sqrt()) - 1.0;
        println!("{time} s: off by {:.4} %", 100.0 * off);
        assert!(off.abs() < 0.005, "{time} s: {off}");
    }
}

/// tanh of (1 + i) x √2... : tanh(√(iΩ)) by its real parts.
fn tanh_of_root(omega: f64) -> nalgebra::Complex<f64> {
    nalgebra::Complex::new(0.0, omega).sqrt().tanh()
}

/// The impedance of the half cell is that of Randles' circuit with the Warburg element of its depth, within 0.5 %:
/// 1/√(iωD) for the semi-infinite electrolyte, times tanh √(iωL²/D) before stirred bulk, over it before a wall.
/// Source: Bard & Faulkner, ch. 10; Franceschetti & Macdonald, J. Electroanal. Chem. 101 (1979) 307.
#[test]
fn impedance_has_the_warburg_element_of_its_depth() {
    type Complex = nalgebra::Complex<f64>;
    for depth in [
        "\"semi_infinite\"",
        "{ bulk = { thickness = \"L\" } }",
        "{ wall = { thickness = \"L\" } }",
    ] {
        let mechanism = half_cell(depth);
        let (c, d, k0, area, ru, cdl) = (1.0, 1e-9, 1e-4, 7.07e-6, 5.0, 0.2);
        let changes = [("cR", c), ("k0", k0), ("Ru", ru), ("Cdl", cdl)];
        let values = values(&mechanism, &changes);
        let cell = cell(&mechanism, &values);
        let simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
        let frequencies: Vec<f64> = (0..=28)
            .map(|i| 1e4 * 10f64.powf(-0.25 * f64::from(i)))
            .collect();
        let spectrum = simulation.impedance(&frequencies, 0.0);
        let mut worst: f64 = 0.0;
        for (frequency, (re, im)) in frequencies.iter().zip(&spectrum.impedance_ohm) {
            let omega = 2.0 * PI * frequency;
            let i_omega = Complex::new(0.0, omega);
            let per_current = R * T / (F * F);
            let transfer = Complex::new(per_current / (k0 * c), 0.0);
            let thiele = tanh_of_root(omega * (50e-6f64).powi(2) / d);
            let shape = if depth.contains("bulk") {
                thiele
            } else if depth.contains("wall") {
                Complex::new(1.0, 0.0) / thiele
            } else {
                Complex::new(1.0, 0.0)
            };
            let warburg = shape * (2.0 * per_current / c) / (i_omega * d).sqrt();
            let faradaic = (transfer + warburg) / area;
            let double_layer = i_omega * cdl * area;
            let expected = Complex::new(ru, 0.0)
                + Complex::new(1.0, 0.0) / (double_layer + Complex::new(1.0, 0.0) / faradaic);
            let found = Complex::new(*re, *im);
            worst = worst.max((found - expected).norm() / expected.norm());
        }
        println!("{depth}: off by {:.4} %", 100.0 * worst);
        assert!(worst < 0.005, "{depth}: {worst}");
    }
}

/// Mass is conserved before a wall, and the charge that has passed is what was reduced.
#[test]
fn charge_is_what_the_couple_took() {
    let mechanism = half_cell("{ wall = { thickness = \"L\" } }");
    let values = values(&mechanism, &[("Cdl", 1e-3)]);
    let cell = cell(&mechanism, &values);
    let amounts = |y: &[f64]| -> Vec<f64> {
        (0..2)
            .map(|species| {
                let volumes = 0..N_VOLUMES;
                volumes
                    .map(|v| cell.width_m(v) * y[cell.layout().dissolved(v, species)])
                    .sum()
            })
            .collect()
    };
    let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
    let before = amounts(simulation.state());
    let start = simulation.polarise(0.3);
    let record = simulation.sweep(start, -0.3, 0.05).unwrap().record;
    let after = amounts(simulation.state());
    let charge: f64 = record
        .time_s
        .windows(2)
        .zip(record.current.windows(2))
        .map(|(t, i)| 0.5 * (t[1] - t[0]) * (i[0] + i[1]))
        .sum();
    let total = |amounts: &[f64]| amounts.iter().sum::<f64>();
    assert!((total(&after) / total(&before) - 1.0).abs() < 1e-6);
    assert!((charge / (F * (after[1] - before[1])) - 1.0).abs() < 1e-3);
}

/// The current density (A m⁻²) where a sweep passes −0.05 V, and Re Z (Ω) at 1 Hz.
fn readings<S: Sensitive>(cell: &Cell<S>) -> [S; 2] {
    let accuracy = Accuracy {
        relative: 1e-7,
        absolute_factor: 1e-2,
    };
    let mut simulation = Simulation::new(cell, accuracy, cell.fresh_state());
    let spectrum = simulation.impedance(&[1.0], S::constant(0.0));
    let start = simulation.polarise(0.3);
    let down = simulation.sweep(start, -0.3, 0.1).unwrap().record;
    let falling: Vec<S> = down.voltage_v.iter().map(|v| -*v).collect();
    let current = cubic(&falling, &down.current, S::constant(0.05)).unwrap();
    [current, spectrum.impedance_ohm[0].0]
}

/// Derivatives of the current of a sweep and of the impedance against differences.
#[test]
fn derivatives_are_exact() {
    let mechanism = half_cell("\"semi_infinite\"");
    let names = ["k0", "DO", "E0", "alpha", "Ru", "Cdl", "A"];
    let changes = [("cR", 0.3), ("k0", 1e-5), ("E0", 0.02), ("Ru", 50.0)];
    let base = values(&mechanism, &changes);
    let table = mechanism.parameters();
    let indices = names.map(|name| table.find(name).unwrap().index());
    let mut varied: Vec<Dual<7>> = base.iter().map(|v| Dual::fixed(*v)).collect();
    for (direction, index) in indices.iter().enumerate() {
        varied[*index] = Dual::variable(base[*index], direction);
    }
    table.follow_ties(&mut varied);
    let exact = readings(&cell(&mechanism, &varied));
    for (direction, (name, index)) in names.iter().zip(indices).enumerate() {
        let step = if *name == "E0" {
            1e-4
        } else {
            1e-3 * base[index]
        };
        let at = |steps: f64| {
            let mut moved = base.clone();
            moved[index] += steps * step;
            table.follow_ties(&mut moved);
            readings(&cell(&mechanism, &moved))
        };
        let (up, down, twice_up, twice_down) = (at(1.0), at(-1.0), at(2.0), at(-2.0));
        for (which, exact) in exact.iter().enumerate() {
            let near = 8.0 * (up[which] - down[which]);
            let difference = (near - (twice_up[which] - twice_down[which])) / (12.0 * step);
            let scale = exact.re.abs() / (1e3 * step);
            let off = (exact.eps[direction] - difference).abs() / scale;
            println!(
                "{name}, {which}: {:.4e} and {difference:.4e}, {off:.1e}",
                exact.eps[direction]
            );
            assert!(off < 2e-5, "{name}, {which}");
        }
    }
}
