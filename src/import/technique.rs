//! Which technique a table of time, voltage and current comes from.

use crate::record::Technique;

/// Share of the rows that must look alike (1).
const MOST: f64 = 0.8;
/// Largest current that counts as none (A).
const NO_CURRENT_A: f64 = 1e-12;
/// A held potential stays within this (V).
const HELD_V: f64 = 2e-3;
/// Changes below this share of the largest value count as none (1).
const SAME: f64 = 5e-3;

/// The technique that the columns look like.
pub(super) fn guess(time_s: &[f64], voltage_v: &[f64], current_a: &[f64]) -> Technique {
    let largest = current_a.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
    if largest < NO_CURRENT_A {
        return Technique::OpenCircuit;
    }
    let n = voltage_v.len().min(current_a.len()).min(time_s.len());
    let range = voltage_v
        .iter()
        .fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    let span = (range.1 - range.0).max(f64::MIN_POSITIVE);
    let rates: Vec<f64> = (1..n)
        .filter(|i| time_s[*i] > time_s[i - 1])
        .map(|i| ((voltage_v[i] - voltage_v[i - 1]) / (time_s[i] - time_s[i - 1])).abs())
        .collect();
    let mut sorted = rates.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let share = |count: usize| count as f64 / rates.len().max(1) as f64;
    let same_current = (1..n)
        .filter(|i| (current_a[*i] - current_a[i - 1]).abs() < SAME * largest)
        .count();
    let mut levels = voltage_v.to_vec();
    levels.sort_by(f64::total_cmp);
    let held = levels.get(levels.len() / 2).copied().unwrap_or(0.0);
    let same_voltage = voltage_v
        .iter()
        .filter(|v| (*v - held).abs() < HELD_V)
        .count();
    let ramp = rates
        .iter()
        .filter(|rate| (**rate / median - 1.0).abs() < 0.1)
        .count();
    let both_signs = current_a.iter().any(|i| *i > SAME * largest)
        && current_a.iter().any(|i| *i < -SAME * largest);
    if median > 0.0
        && share(ramp) > MOST
        && share(same_current) < 1.0 - 1e-9
        && span > 0.02
        && !is_stepwise(current_a, largest)
    {
        Technique::Voltammetry
    } else if same_voltage as f64 > MOST * voltage_v.len() as f64 && share(same_current) < MOST {
        Technique::Chronoamperometry
    } else if both_signs || largest_changes(current_a, largest) {
        Technique::Cycling
    } else {
        Technique::Chronopotentiometry
    }
}

/// Whether the current keeps few values, as a cycler imposes them.
fn is_stepwise(current_a: &[f64], largest: f64) -> bool {
    let changes = current_a
        .windows(2)
        .filter(|w| (w[1] - w[0]).abs() > SAME * largest)
        .count();
    let near = current_a
        .iter()
        .filter(|i| (i.abs() / largest - 1.0).abs() < SAME)
        .count();
    let n = current_a.len();
    changes <= 2.max(n / 20) && 2 * near > n
}

/// Whether the current is switched on and off.
fn largest_changes(current_a: &[f64], largest: f64) -> bool {
    let changes = current_a
        .windows(2)
        .filter(|w| (w[1] - w[0]).abs() > 0.5 * largest)
        .count();
    changes > 2
}
