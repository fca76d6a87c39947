//! What each record adds: the fit again with one of them left out, from the joint optimum.

use rayon::prelude::*;

use super::counters::Counters;
use super::knowledge::Knowledge;
use super::measurement::Measurements;
use super::study::Study;
use super::task::DAMPING_NEAR;
use super::task::Quiet;
use super::task::SETTLED_PROMISE;
use super::task::Task;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::StopReason;

/// What is known without one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Ablation {
    /// The record that is left out; `None` for the fit of all data on the same mesh.
    pub without: Option<String>,
    /// Coordinates of its optimum.
    pub x: Vec<f64>,
    /// Standard deviation of each coordinate; not a number if unknown.
    pub sds: Vec<f64>,
    /// What is known about each free quantity; empty if unknown.
    pub knowledge: Vec<Knowledge>,
    /// Why the fit ended.
    pub stop: StopReason,
}

/// The name of all numbers that come from no record.
const STATED: &str = "stated numbers";

/// Name and positions of data that are left out together: those of a record, or all stated numbers.
type Part = (String, Vec<usize>);

fn parts(study: &Study) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut stated: Vec<usize> = (0..study.observations.len()).collect();
    for curve in &study.curves {
        stated.retain(|row| !curve.members.contains(row));
        let cell = curve
            .members
            .first()
            .map(|row| study.observations[*row].target.cell);
        let cell = cell.map_or("", |cell| study.cells[cell].as_str());
        let name = if study.cells.len() > 1 {
            format!("{} of {cell}", curve.record)
        } else {
            curve.record.clone()
        };
        match parts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, rows)) => rows.extend(&curve.members),
            None => parts.push((name, curve.members.clone())),
        }
    }
    if !stated.is_empty() {
        parts.push((STATED.to_owned(), stated));
    }
    parts
}

/// The fit of all data and those with one part left out, on the coarse mesh, the noise levels as they are. Empty if
/// there is nothing to leave out.
pub(super) fn ablations(task: &Task<'_>, x: &[f64]) -> Vec<Ablation> {
    let parts = parts(task.study);
    if parts.len() < 2 {
        return Vec::new();
    }
    task.monitor.begin(&task.stage("leaving records out"), 1);
    let n = task.measurements.observations().len();
    let all = std::iter::once(None).chain(parts.into_iter().map(Some));
    let counters: Vec<(Counters, Option<Part>)> =
        all.map(|part| (Counters::default(), part)).collect();
    let quiet = Quiet(task.monitor);
    let fits: Vec<Ablation> = counters
        .par_iter()
        .map(|(counters, part)| {
            let beside = task.beside(counters, &quiet);
            let factors = (0..n).map(|row| match part {
                Some((_, rows)) if rows.contains(&row) => f64::INFINITY,
                _ => task.measurements.noise_factor(row),
            });
            let measurements = Measurements::with_noise_factors(task.study, factors.collect());
            let without = part.as_ref().map(|(name, _)| name.clone());
            ablation(&beside.with_measurements(measurements), x, without)
        })
        .collect();
    for (counters, _) in &counters {
        task.counters.absorb(counters);
    }
    fits
}

fn ablation(task: &Task<'_>, x: &[f64], without: Option<String>) -> Ablation {
    let options = Options {
        promise_tolerance: SETTLED_PROMISE,
        damping: DAMPING_NEAR,
        ..task.options()
    };
    let what = without.as_deref().unwrap_or("all data");
    let piece = format!("ablation-{}", super::archive::fingerprint(x));
    let solution = task.remembered(&format!("{piece}-{what}"), |task| {
        task.descend(task.study.coarse, (x, what), &options)
    });
    let information = task.information(&solution);
    let prior_sds = task.belief.standard_deviations();
    Ablation {
        without,
        sds: match &information {
            Some(information) => (0..x.len()).map(|i| information.sd(i)).collect(),
            None => vec![f64::NAN; x.len()],
        },
        knowledge: information.map_or_else(Vec::new, |information| {
            Knowledge::judge(&information, &prior_sds, &[])
        }),
        x: solution.x,
        stop: solution.stop,
    }
}
