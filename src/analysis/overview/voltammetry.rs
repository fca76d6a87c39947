//! Overview of a voltammogram.

use super::Given;
use super::Section;
use crate::analysis::Estimate;
use crate::analysis::ramps::Direction;
use crate::analysis::tafel::Branch;
use crate::analysis::tafel::TafelSettings;
use crate::analysis::tafel::tafel;
use crate::analysis::voltammetry::PROMINENCE_SHARE;
use crate::analysis::voltammetry::Peak;
use crate::analysis::voltammetry::PeakKind;
use crate::analysis::voltammetry::RampPeaks;
use crate::analysis::voltammetry::couples;
use crate::analysis::voltammetry::voltammogram;
use crate::record::Record;

/// Ramps that are told one by one.
const RAMPS_TOLD: usize = 6;

pub(super) fn sections(record: &Record, given: &Given) -> Vec<Section> {
    let ramps = match voltammogram(record, PROMINENCE_SHARE) {
        Ok(ramps) => ramps,
        Err(error) => return vec![Section::failed("voltammogram", &error)],
    };
    let mut sections: Vec<Section> = ramps
        .iter()
        .take(RAMPS_TOLD)
        .enumerate()
        .map(|(i, ramp)| of_ramp(i, ramp))
        .collect();
    if ramps.len() > RAMPS_TOLD {
        sections.push(Section::failed(
            format!("{} more ramps", ramps.len() - RAMPS_TOLD),
            &"not told one by one",
        ));
    }
    for (first, pair) in couples(&ramps).into_iter().take(RAMPS_TOLD) {
        let mut section = Section::new(format!("couple of ramps {} and {}", first + 1, first + 2));
        section.row("peak separation", pair.separation);
        section.row("half-wave potential", pair.half_wave);
        section.row("later over earlier peak", pair.ratio);
        section.warnings = pair.warnings;
        sections.push(section);
    }
    if given.equilibrium_v.is_some() {
        sections.extend(
            ramps
                .iter()
                .take(RAMPS_TOLD)
                .enumerate()
                .map(|(i, ramp)| slope(record, i, ramp, given)),
        );
    }
    sections
}

fn of_ramp(index: usize, found: &RampPeaks) -> Section {
    let direction = match found.ramp.direction {
        Direction::Rising => "rising",
        Direction::Falling => "falling",
    };
    let mut section = Section::new(format!("ramp {}, {direction}", index + 1));
    section.row("scan rate", found.ramp.scan_rate);
    for (number, peak) in found.peaks.iter().enumerate() {
        add_peak(&mut section, number + 1, peak);
    }
    if found.peaks.is_empty() {
        section.warnings.push("no peak".to_owned());
    }
    section.warnings.extend(found.ramp.warnings.iter().cloned());
    section
}

/// A peak with the sign of files: oxidation positive.
fn add_peak(section: &mut Section, number: usize, peak: &Peak) {
    let kind = match peak.kind {
        PeakKind::Cathodic => "cathodic",
        PeakKind::Anodic => "anodic",
    };
    let outside = |current: Estimate| Estimate::new(-current.value, current.sd, current.unit);
    let name = |what: &str| format!("{kind} peak {number}: {what}");
    section.row(name("potential"), peak.potential);
    section.row(name("current as read"), outside(peak.current_read));
    if peak.baseline.is_some() {
        section.row(name("current over its baseline"), outside(peak.current));
    }
    section.maybe(name("half-peak potential"), peak.half_peak);
    section.row(name("charge"), peak.charge);
    section
        .warnings
        .extend(peak.warnings.iter().map(|w| name(w)));
}

fn slope(record: &Record, index: usize, found: &RampPeaks, given: &Given) -> Section {
    let (branch, name) = match found.ramp.direction {
        Direction::Falling => (Branch::Cathodic, "cathodic"),
        Direction::Rising => (Branch::Anodic, "anodic"),
    };
    let settings = TafelSettings {
        equilibrium_v: given.equilibrium_v,
        temperature_k: given.temperature_k,
        ..TafelSettings::default()
    };
    let title = format!("{name} Tafel line of ramp {}", index + 1);
    let points = found.ramp.points.clone();
    match tafel(
        &record.voltage_v[points.clone()],
        &record.current[points],
        branch,
        &settings,
    ) {
        Ok(found) => {
            let mut section = Section::new(title);
            section.row("Tafel slope", found.slope);
            section.row("transfer coefficient", found.transfer_coefficient);
            section.maybe("exchange current", found.exchange_current);
            section.row(
                "decades of current",
                Estimate::new(found.decades, None, "1"),
            );
            section.warnings = found.warnings;
            section
        }
        Err(error) => Section::failed(title, &error),
    }
}
