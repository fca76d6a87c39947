//! Overview of a cycling record.

use super::Given;
use super::Section;
use crate::analysis::Estimate;
use crate::analysis::cycling::Cycle;
use crate::analysis::cycling::HalfCycle;
use crate::analysis::cycling::HalfCycleKind;
use crate::analysis::cycling::REST_SHARE;
use crate::analysis::cycling::activation;
use crate::analysis::cycling::cycles;
use crate::analysis::cycling::half_cycles;
use crate::analysis::cycling::retention;
use crate::analysis::incremental::IncrementalSettings;
use crate::analysis::incremental::incremental_capacity;
use crate::analysis::interruption::InterruptionSettings;
use crate::analysis::interruption::interruptions;
use crate::record::Record;
use crate::units::FARADAY_C_PER_MOL;

/// Cycles that are told one by one.
const CYCLES_TOLD: usize = 12;
/// Cycles that an import tells.
const BRIEF: usize = 3;
/// Share of the first charge in which it is activated (1), as in the model's observable.
const ACTIVATION_WINDOW: f64 = 0.15;

pub(super) fn sections(record: &Record, given: &Given) -> Vec<Section> {
    let halves = match half_cycles(record, REST_SHARE) {
        Ok(halves) => halves,
        Err(error) => return vec![Section::failed("cycles", &error)],
    };
    let cycles = cycles(&halves);
    let mut sections = vec![capacities(&cycles, given)];
    sections.extend(fade(&cycles));
    sections.extend(activated(record, &halves));
    sections.extend(increments(record, &halves));
    sections.extend(interrupted(record));
    sections
}

/// Theoretical specific capacity of sulfur (C kg⁻¹): two electrons per atom, 1672 mAh/g.
const SULFUR_C_PER_KG: f64 = 2.0 * FARADAY_C_PER_MOL / 0.032_06;

pub(super) fn brief(record: &Record, sulfur_kg: Option<f64>) -> Section {
    let halves = match half_cycles(record, REST_SHARE) {
        Ok(halves) => halves,
        Err(error) => return Section::failed("cycles", &error),
    };
    let cycles = cycles(&halves);
    let mut section = Section::new(counted(cycles.len()));
    for cycle in cycles.iter().take(BRIEF) {
        let n = cycle.number;
        let of = |charge: Option<Estimate>| charge.map(|charge| capacity(charge, sulfur_kg));
        section.maybe(format!("cycle {n}: discharge"), of(cycle.discharge));
        section.maybe(format!("cycle {n}: charge"), of(cycle.charge));
        section.maybe(format!("cycle {n}: coulombic efficiency"), cycle.efficiency);
    }
    let sum = |kind| {
        halves
            .iter()
            .filter(|half| half.kind == kind)
            .map(|half| half.capacity.value)
            .sum::<f64>()
    };
    let (charged, discharged) = (sum(HalfCycleKind::Charge), sum(HalfCycleKind::Discharge));
    // Sums of a hundred thousand trapezoids differ by their rounding.
    let is_even = (charged - discharged).abs() < 1e-9 * charged.max(discharged);
    let balance = if is_even { 0.0 } else { charged - discharged };
    section.row(
        "charge in less charge out",
        capacity(Estimate::new(balance, None, "C"), sulfur_kg),
    );
    // Without the mass of sulfur a rate can only count by what the record itself holds.
    let largest = halves
        .iter()
        .map(|half| half.capacity.value)
        .fold(0.0, f64::max);
    let (one_c, what) = match sulfur_kg {
        Some(mass) => (mass * SULFUR_C_PER_KG, "by 1672 mAh/g of sulfur"),
        None => (largest, "by the largest half cycle"),
    };
    let rates: Vec<f64> = halves
        .iter()
        .filter_map(|half| half.c_rate(one_c).ok())
        .collect();
    let low = rates.iter().copied().fold(f64::MAX, f64::min);
    let high = rates.iter().copied().fold(0.0, f64::max);
    if high > 0.0 {
        section.row(
            format!("lowest C-rate, {what}"),
            Estimate::new(low, None, "1"),
        );
        section.row(
            format!("highest C-rate, {what}"),
            Estimate::new(high, None, "1"),
        );
    }
    section
}

fn counted(n_cycles: usize) -> String {
    let plural = if n_cycles == 1 { "" } else { "s" };
    format!("{n_cycles} cycle{plural}")
}

/// A charge (C) as the capacity that users know: mAh, or mAh per gram of sulfur.
pub(super) fn capacity(charge: Estimate, sulfur_kg: Option<f64>) -> Estimate {
    let (factor, unit) = match sulfur_kg {
        Some(mass) => (1.0 / (3600.0 * mass), "mAh g^-1"),
        None => (1.0 / 3.6, "mAh"),
    };
    Estimate::new(charge.value * factor, charge.sd.map(|sd| sd * factor), unit)
}

fn capacities(cycles: &[Cycle], given: &Given) -> Section {
    let mut section = Section::new(counted(cycles.len()));
    for cycle in cycles.iter().take(CYCLES_TOLD) {
        let n = cycle.number;
        let of = |charge: Option<Estimate>| charge.map(|charge| capacity(charge, given.sulfur_kg));
        section.maybe(format!("cycle {n}: discharge"), of(cycle.discharge));
        section.maybe(format!("cycle {n}: charge"), of(cycle.charge));
        section.maybe(format!("cycle {n}: coulombic efficiency"), cycle.efficiency);
        section
            .warnings
            .extend(cycle.warnings.iter().map(|w| format!("cycle {n}: {w}")));
    }
    if cycles.len() > CYCLES_TOLD {
        section.warnings.push(format!(
            "{} more cycles are not told one by one",
            cycles.len() - CYCLES_TOLD
        ));
    }
    section
}

fn fade(cycles: &[Cycle]) -> Option<Section> {
    let reference = cycles.iter().find(|cycle| cycle.is_complete)?;
    let retained = retention(cycles, reference.number).ok()?;
    let last = cycles.iter().rposition(|cycle| cycle.is_complete)?;
    if cycles[last].number == reference.number {
        return None;
    }
    let mut section = Section::new("retention");
    let name = format!(
        "cycle {} over cycle {}",
        cycles[last].number, reference.number
    );
    section.maybe(name, retained[last]);
    Some(section)
}

/// The hump of the first charge that is long enough to have one.
fn activated(record: &Record, halves: &[HalfCycle]) -> Option<Section> {
    let first = halves
        .iter()
        .find(|half| half.kind == HalfCycleKind::Charge)?;
    let title = "activation of the first charge";
    match activation(record, first, ACTIVATION_WINDOW) {
        Ok(found) => {
            let mut section = Section::new(title);
            section.row("highest voltage", Estimate::new(found.peak_v, None, "V"));
            section.row("plateau", Estimate::new(found.plateau_v, None, "V"));
            section.row("overpotential", found.overpotential);
            section.warnings = found.warnings;
            Some(section)
        }
        Err(error) => Some(Section::failed(title, &error)),
    }
}

/// dQ/dV of the first half cycle of each kind.
fn increments(record: &Record, halves: &[HalfCycle]) -> Vec<Section> {
    let kinds = [
        (HalfCycleKind::Discharge, "discharge"),
        (HalfCycleKind::Charge, "charge"),
    ];
    let sections = kinds.iter().filter_map(|(kind, name)| {
        let half = halves.iter().find(|half| half.kind == *kind)?;
        let title = format!("dQ/dV of the first {name}");
        Some(
            match incremental_capacity(record, half, &IncrementalSettings::default()) {
                Ok(found) => {
                    let mut section = Section::new(title);
                    for (index, peak) in found.peaks.iter().enumerate() {
                        section.row(format!("peak {}: voltage", index + 1), peak.voltage);
                        let height = peak.height;
                        let mah = Estimate::new(
                            height.value / 3.6,
                            height.sd.map(|sd| sd / 3.6),
                            "mAh V^-1",
                        );
                        section.row(format!("peak {}: height", index + 1), mah);
                    }
                    section.warnings = found.warnings;
                    section
                }
                Err(error) => Section::failed(title, &error),
            },
        )
    });
    sections.collect()
}

/// Interruptions of the current, if the record has several: one rest at its end is none.
fn interrupted(record: &Record) -> Option<Section> {
    const FEWEST: usize = 3;
    let found = interruptions(record, &InterruptionSettings::default()).ok()?;
    if found.found.len() < FEWEST {
        return None;
    }
    let mut section = Section::new(format!(
        "{} interruptions of the current (ICI)",
        found.found.len()
    ));
    let mut sorted: Vec<&crate::analysis::interruption::Interruption> =
        found.found.iter().collect();
    sorted.sort_by(|a, b| a.resistance.value.total_cmp(&b.resistance.value));
    let (first, last) = (&found.found[0], &found.found[found.found.len() - 1]);
    let middle = sorted[sorted.len() / 2];
    for (name, one) in [("first", first), ("median", middle), ("last", last)] {
        section.row(format!("{name}: internal resistance"), one.resistance);
        section.row(
            format!("{name}: diffusion resistance coefficient"),
            one.diffusion_resistance,
        );
    }
    section.warnings = found.warnings;
    if found.n_sparse > 0 {
        section.warnings.push(format!(
            "{} rests are sampled too sparsely and were left out",
            found.n_sparse
        ));
    }
    let doubtful = found
        .found
        .iter()
        .filter(|one| !one.warnings.is_empty())
        .count();
    if let Some(one) = found.found.iter().find(|one| !one.warnings.is_empty()) {
        section.warnings.push(format!(
            "{doubtful} interruptions are doubtful, the first because {}",
            one.warnings.join("; ")
        ));
    }
    Some(section)
}
