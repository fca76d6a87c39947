//! Overview of a potential step.

use super::Given;
use super::Section;
use crate::analysis::Estimate;
use crate::analysis::steps::Polarisation;
use crate::analysis::steps::bruce_vincent;
use crate::analysis::steps::cottrell;
use crate::analysis::steps::polarisation_currents;
use crate::record::Record;

/// Times after the step that the Cottrell line is drawn between, as shares of the record (1).
const WINDOW: (f64, f64) = (0.02, 0.5);

pub(super) fn sections(record: &Record, given: &Given) -> Vec<Section> {
    let mut sections = vec![decay(record, given)];
    if given.polarisation_v.is_some() {
        sections.push(transference(record, given));
    }
    sections
}

fn decay(record: &Record, given: &Given) -> Section {
    let title = "Cottrell line";
    let (Some(first), Some(last)) = (record.time_s.first(), record.time_s.last()) else {
        return Section::failed(title, &"no points");
    };
    let span = last - first;
    let window = (WINDOW.0 * span, WINDOW.1 * span);
    match cottrell(record, *first, window, given.conditions().as_ref()) {
        Ok(found) => {
            let mut section = Section::new(title);
            section.row("slope", found.slope);
            section.row("intercept", found.intercept);
            section.row("exponent of time", found.exponent);
            section.row("R2", Estimate::new(found.r_squared, None, "1"));
            section.maybe("diffusion coefficient", found.diffusion);
            section.warnings = found.warnings;
            section
        }
        Err(error) => Section::failed(title, &error),
    }
}

fn transference(record: &Record, given: &Given) -> Section {
    let title = "transference number (Bruce-Vincent)";
    let (Some(voltage), Some((before, after))) = (given.polarisation_v, given.interface_ohm) else {
        return Section::failed(
            title,
            &"needs the resistances of the interfaces: state --interface-ohm BEFORE AFTER, from spectra before and after",
        );
    };
    let currents = match polarisation_currents(record) {
        Ok(currents) => currents,
        Err(error) => return Section::failed(title, &error),
    };
    let exact = |value: f64, unit: &'static str| Estimate::new(value, None, unit);
    let measured = Polarisation {
        voltage: exact(voltage, "V"),
        initial: currents.initial,
        steady: currents.steady,
        initial_resistance: exact(before, "ohm"),
        steady_resistance: Some(exact(after, "ohm")),
        bulk_resistance: None,
    };
    match bruce_vincent(&measured) {
        Ok(found) => {
            let mut section = Section::new(title);
            section.row("initial current", currents.initial);
            section.row("steady current", currents.steady);
            section.row("transference number", found.number);
            section.warnings = [currents.warnings, found.warnings].concat();
            section
        }
        Err(error) => Section::failed(title, &error),
    }
}
