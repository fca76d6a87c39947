//! Parameter vectors from all over the bounds: nearly every one can be simulated, the others tell why, none hangs.
//!
//! `SULFIT_DRAWS=10000 cargo test --release --locked --test it robustness -- --nocapture` is the full study, about
//! three CPU hours; `SULFIT_DRAWS=400..800` is a piece of it, so that it can be done bit by bit. The default is a sample.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use std::time::Instant;

use rayon::prelude::*;
use sulfit::cell::Cell;
use sulfit::config::read_study;
use sulfit::estimate::Study;
use sulfit::numerics::sampling::sobol;
use sulfit::simulate::Resolution;
use sulfit::simulate::run;

use crate::support::project;

/// Draws of the default run on one cathode volume; a twentieth of them on the fine mesh.
const DRAWS: usize = 20;
/// No protocol may take longer than this; the usual ones take less than a second.
const LONGEST: Duration = Duration::from_mins(2);

/// Every protocol of every cell at one point of the bounds: the reasons of those that fail.
fn failures(study: &Study, draw: usize, resolution: Resolution) -> (usize, Vec<String>) {
    let variant = study.variants.last().unwrap();
    let x: Vec<f64> = variant
        .free
        .iter()
        .enumerate()
        .map(|(dimension, free)| {
            let (lower, upper) = free.bounds();
            lower + (upper - lower) * sobol(draw, dimension, 1)
        })
        .collect();
    let mut reasons = Vec::new();
    let mut n = 0;
    for cell in 0..study.cells.len() {
        for (index, protocol) in study.protocols.iter().enumerate() {
            let values = study.values(variant, &x, cell, index);
            let model = Cell::new(
                &variant.mechanism,
                &values,
                resolution.mesh.design(&variant.mechanism, protocol),
            );
            let began = Instant::now();
            n += 1;
            if let Err(failure) = run(&model, protocol, resolution.accuracy, None) {
                assert!(!failure.reason.is_empty() && !failure.parameters.is_empty());
                reasons.push(format!("{}: {}", failure.during, failure.reason));
            }
            assert!(
                began.elapsed() < LONGEST,
                "draw {draw}, protocol '{}' hangs",
                protocol.name
            );
        }
    }
    (n, reasons)
}

/// The points of `SULFIT_DRAWS`: their number, or first..last with the last one left out.
fn points() -> Range<usize> {
    let Ok(text) = std::env::var("SULFIT_DRAWS") else {
        return 0..DRAWS;
    };
    let number = |n: &str| n.parse().expect("SULFIT_DRAWS: a number or a range A..B");
    text.split_once("..")
        .map_or_else(|| 0..number(&text), |(a, b)| number(a)..number(b))
}

fn share_that_solves(study: &Study, points: Range<usize>, resolution: Resolution) -> f64 {
    let name = format!("points {}..{}", points.start, points.end);
    let results: Vec<_> = points
        .into_par_iter()
        .map(|draw| failures(study, draw, resolution))
        .collect();
    let all: usize = results.iter().map(|(n, _)| n).sum();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in results.iter().flat_map(|(_, reasons)| reasons) {
        *reasons.entry(reason).or_default() += 1;
    }
    let failed: usize = reasons.values().sum();
    println!("{name}: {all} simulations, {failed} failed");
    for (reason, n) in reasons {
        println!("  {n} times {reason}");
    }
    1.0 - failed as f64 / all as f64
}

#[test]
fn nearly_every_point_of_the_bounds_can_be_simulated() {
    let study = read_study(&project("experiments/star_lcnc.toml")).unwrap();
    let points = points();
    let on_fine = points.start / 20..points.end.div_ceil(20);
    let coarse = share_that_solves(&study, points, study.coarse);
    let fine = share_that_solves(&study, on_fine, study.fine);
    assert!(coarse >= 0.995, "one cathode volume: {coarse}");
    assert!(fine >= 0.995, "five cathode volumes: {fine}");
}
