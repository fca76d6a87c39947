//! The mechanism is data: steps are added, species renamed, the shuttle dropped, in TOML alone.

use std::path::Path;
use std::sync::Arc;

use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::config::parse_mechanism;
use sulfit::mechanism::Mechanism;
use sulfit::numerics::blocks::BlockMatrix;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Recording;
use sulfit::simulate::Simulation;

use crate::support::project;

fn text() -> String {
    std::fs::read_to_string(project("models/mg_s_tandem.toml")).unwrap()
}

fn parse(text: &str) -> Arc<Mechanism> {
    Arc::new(parse_mechanism(Path::new("changed.toml"), text).unwrap())
}

/// One cycle at 0.5C: sulfur is conserved, the Jacobian matches differences, the impedance is finite.
fn works(mechanism: &Arc<Mechanism>) -> f64 {
    let cell = Cell::new(
        mechanism,
        &mechanism.parameters().values(),
        Design::battery(4, 2),
    );
    let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
    let sulfur = cell.inventory(simulation.state())["S"];
    simulation.rest(6.0 * 3600.0).unwrap();
    let current = 0.5 * cell.one_c_a_m2();
    // Early on no solid is exhausted, where |n| would have a kink.
    simulation
        .galvanostatic(current, None, 400.0, Recording::Nothing)
        .unwrap();
    let y = simulation.state().to_vec();
    let discharge = simulation
        .galvanostatic(current, Some(0.4), 8280.0, Recording::Nothing)
        .unwrap();
    let n = y.len();
    let mut jacobian = BlockMatrix::filled(&cell.layout().shape, 0.0);
    cell.jacobian(&y, current, &mut jacobian);
    for column in 0..n {
        let step = 1e-5 * y[column].abs().max(0.1);
        let rate = |sign: f64| {
            let mut y = y.clone();
            y[column] += sign * step;
            let mut rate = vec![0.0; n];
            cell.rate(&y, current, &mut rate);
            rate
        };
        let (above, below) = (rate(1.0), rate(-1.0));
        for row in 0..n {
            let difference = (above[row] - below[row]) / (2.0 * step);
            let here = jacobian.get(row, column).unwrap_or(0.0);
            let noise = 1e-13 * above[row].abs() / step;
            let size = here.abs().max(difference.abs());
            assert!(
                (here - difference).abs() < 1e-4 * size + noise + 1e-6,
                "row {row}, column {column}"
            );
        }
    }
    simulation
        .galvanostatic(-current, Some(2.1), 8280.0, Recording::Nothing)
        .unwrap();
    let after = cell.inventory(simulation.state())["S"];
    assert!((after / sulfur - 1.0).abs() < 1e-9);
    let spectrum = simulation.impedance(&[1e3, 1.0, 1e-2], 0.0);
    assert!(
        spectrum
            .impedance_ohm
            .iter()
            .all(|(re, im)| *re > 0.0 && im.is_finite())
    );
    discharge.duration_s
}

/// The shipped file with a fifth conversion step: `MgS2` forms a solid `Mg3S4` on its way to `MgS`.
fn with_fifth_step() -> String {
    let solid = "\n[[species]]\nname = \"Mg3S4\"\ncomposition = { Mg = 3, S = 4 }\nsolid = { molar_volume = \"VM2\", passivation_weight = \"w2\", activity_scale = \"ns_s\" }\n";
    text()
        .replace("\n[[species]]\nname = \"MgS_dead\"", &format!("{solid}\n[[species]]\nname = \"MgS_dead\""))
        .replace(
            "[[reaction]]\nname = \"R4\"\nequation = \"MgS2 + Mg_free + 2 e <=> 2 MgS\"",
            "[[reaction]]\nname = \"R3b\"\nequation = \"2 MgS2 + Mg_free + 2 e <=> Mg3S4\"\n\
             tandem = { rate_constant = \"k3\", potential = \"E3\", transfer_coefficient = \"al\", ceiling = \"kmax\" }\n\n\
             [[reaction]]\nname = \"R4\"\nequation = \"Mg3S4 + Mg_free + 2 e <=> 4 MgS\"",
        )
}

#[test]
fn shipped_mechanism_works() {
    let mechanism = parse(&text());
    assert!(works(&mechanism) > 2500.0);
}

#[test]
fn fifth_conversion_step_needs_no_rust() {
    let mechanism = parse(&with_fifth_step());
    assert_eq!(mechanism.solids().count(), 5);
    assert!(works(&mechanism) > 500.0);
}

#[test]
fn renamed_species_change_nothing() {
    let renamed = text()
        .replace("MgS8", "octasulfide")
        .replace("MgS4", "tetrasulfide");
    let (here, there) = (works(&parse(&renamed)), works(&parse(&text())));
    assert!((here - there).abs() < 1e-9 * there, "{here} is not {there}");
}

#[test]
fn shuttle_can_be_dropped() {
    let shipped = text();
    let from = shipped
        .find("[[reaction]]\nname = \"shuttle of S8\"")
        .unwrap();
    let to = shipped.find("# Parameters. Values").unwrap();
    let without = format!("{}{}", &shipped[..from], &shipped[to..]);
    let mechanism = parse(&without);
    let cell = Cell::new(
        &mechanism,
        &mechanism.parameters().values(),
        Design::battery(4, 1),
    );
    let mut simulation = Simulation::new(&cell, Accuracy::default(), cell.fresh_state());
    simulation.rest(6.0 * 3600.0).unwrap();
    assert!(simulation.state()[2].abs() < 1e-15, "no film grows");
    works(&mechanism);
}
