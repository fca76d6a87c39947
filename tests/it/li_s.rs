//! The lithium-sulfur mechanism: no line of Rust knows it, and it keeps the laws.

use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Recording;
use sulfit::simulate::Simulation;
use sulfit::units::FARADAY_C_PER_MOL;

use crate::support::li_s;

/// A discharge at C/20 without shuttle: the cell, its start and its end, the record.
fn discharged() -> (Cell, Vec<f64>, Vec<f64>, sulfit::record::Record) {
    let mechanism = li_s();
    let mut values = mechanism.parameters().values();
    values[mechanism.parameters().find("ks").unwrap().index()] = 0.0;
    let cell = Cell::new(&mechanism, &values, Design::battery(2, 2));
    let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
    simulation.rest(600.0).unwrap();
    let start = simulation.state().to_vec();
    let current = 0.05 * cell.one_c_a_m2();
    let segment = simulation
        .galvanostatic(current, Some(1.8), 20.0 * 3600.0, Recording::Steps)
        .unwrap();
    let end = simulation.state().to_vec();
    (cell, start, end, segment.record.unwrap().record)
}

#[test]
fn sulfur_and_charge_are_conserved() {
    let (cell, start, end, record) = discharged();
    let of = |y: &[f64], element: &str| cell.inventory(y)[element];
    let sulfur = of(&end, "S") / of(&start, "S");
    assert!((sulfur - 1.0).abs() < 1e-9, "sulfur: {sulfur}");
    // What the anode strips, but for its double layer, is the lithium that the cell gains.
    let at = |name: &str| cell.values()[cell.mechanism().parameters().find(name).unwrap().index()];
    let passed = record.current[0] * record.time_s[record.len() - 1];
    let stripped = (passed - at("Ca") * (end[0] - start[0])) / FARADAY_C_PER_MOL;
    let gained = of(&end, "Li") - of(&start, "Li");
    assert!(
        (gained / stripped - 1.0).abs() < 1e-9,
        "{gained} is not {stripped}"
    );
}

#[test]
fn slow_discharge_has_two_plateaus_and_the_published_capacity() {
    let (cell, _, _, record) = discharged();
    let hours = record.time_s[record.len() - 1] / 3600.0;
    // Li2S2 stays dissolved: 12 of 16 electrons, 1254 of 1672 mAh/g.
    let capacity = 1672.0 * 0.05 * hours;
    assert!((capacity / 1254.0 - 1.0).abs() < 0.01, "{capacity} mAh/g");
    let voltage_at = |share: f64| {
        let time_s = share * record.time_s[record.len() - 1];
        let row = record.time_s.partition_point(|t| *t < time_s);
        record.voltage_v[row]
    };
    let drop_v =
        record.current[0] * cell.values()[cell.mechanism().roles().series_resistance.index()];
    // Nernst's equation of the publication for each plateau, concentrations in mol/L.
    let high_v = |s8: f64, s4: f64| 2.35 + 0.00642 * (s8 / s4.powi(2)).ln();
    let low_v = |s4: f64, s2: f64, s1: f64| 2.005 + 0.00642 * (s4 / (s2 * s1 * s1)).ln();
    // Half-way down the upper plateau half of the sulfur is Li2S4, in 4.2 mL per gram.
    let half = 0.5 / 32.06 / 4.0 / 4.2e-3;
    let upper = voltage_at(1.0 / 6.0) + drop_v;
    assert!(
        (upper - high_v(0.019, half)).abs() < 0.01,
        "upper plateau at {upper} V"
    );
    let lower = voltage_at(2.0 / 3.0) + drop_v;
    assert!(
        (lower - low_v(half, half, 2.74e-4)).abs() < 0.02,
        "lower plateau at {lower} V"
    );
    println!("upper plateau {upper:.4} V, lower plateau {lower:.4} V, {capacity:.0} mAh/g");
    // The literature's shape: flat, a step after a third of the charge, flat, an end.
    let slope = |a: f64, b: f64| (voltage_at(a) - voltage_at(b)) / (b - a);
    assert!(
        slope(0.31, 0.36) > 3.0 * slope(0.15, 0.3),
        "a step between the plateaus"
    );
    assert!(slope(0.45, 0.9) < 0.1, "a flat lower plateau");
}
