//! What makes area, mass or mechanism of a draft doubtful.

use super::Draft;
use super::Plan;
use super::plan::potentials;
use crate::mechanism::Mechanism;
use crate::units::mah_per_g;
use crate::units::short;

/// Loadings that are usual (mg cm⁻²).
const LOADINGS: (f64, f64) = (0.05, 20.0);
/// Share of the theoretical charge that a largest discharge should reach at least (1).
const CHARGE_SHARE_MIN: f64 = 0.02;
/// Share that it cannot exceed, but for errors of weighing (1).
const CHARGE_SHARE_MAX: f64 = 1.05;
/// How far above all standard potentials half of a record may lie (V).
const ABOVE_V: f64 = 0.2;

/// Each doubt as a sentence.
pub(super) fn doubts(draft: &Draft, mechanism: &Mechanism) -> Vec<String> {
    let mut doubts = Vec::new();
    let Some(battery) = mechanism.battery() else {
        return doubts;
    };
    let theoretical = mechanism.parameters().values()[battery.roles.specific_charge.index()];
    let largest_c = draft.used().filter_map(|record| match &record.plan {
        Plan::Cycles { largest_c, .. } => Some(*largest_c),
        _ => None,
    });
    let largest_c = largest_c.fold(0.0, f64::max);
    if let Some(mass) = &draft.sulfur_mg {
        let per_kg = largest_c / (mass.value * 1e-6);
        let share = per_kg / theoretical;
        if largest_c > 0.0 && !(CHARGE_SHARE_MIN..=CHARGE_SHARE_MAX).contains(&share) {
            doubts.push(format!(
                "the largest discharge is {} mAh per gram of sulfur, and {} are possible: is the mass right?",
                short(mah_per_g(per_kg)),
                short(mah_per_g(theoretical))
            ));
        }
        let area = draft.area_cm2.as_ref().map(|area| area.value);
        let loading = area.map(|area| mass.value / area);
        if let Some(loading) = loading.filter(|l| !(LOADINGS.0..=LOADINGS.1).contains(l)) {
            doubts.push(format!(
                "{loading:.3} mg of sulfur per cm2 are unusual: are mass and area right?"
            ));
        }
    }
    if let Some((_, high)) = potentials(mechanism) {
        for record in draft.used() {
            if let Some(median) = record.median_v.filter(|median| *median > high + ABOVE_V) {
                doubts.push(format!(
                    "half of {} lies above {median:.2} V, and the highest potential of '{}' is {high:.2} V: is another \
                     mechanism meant?",
                    record.file,
                    mechanism.name()
                ));
            }
        }
    }
    doubts
}
