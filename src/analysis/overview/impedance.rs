//! Overview of a spectrum.

use super::Given;
use super::Section;
use crate::analysis::Quantity;
use crate::analysis::circuit::Choice;
use crate::analysis::circuit::fit_circuit;
use crate::analysis::gate::Gate;
use crate::analysis::gate::Rules;
use crate::analysis::gate::gate;
use crate::analysis::warburg::warburg;
use crate::record::Spectrum;

pub(super) fn sections(spectrum: &Spectrum, given: &Given) -> Vec<Section> {
    let rules = Rules {
        keep: given.keep,
        ..Rules::default()
    };
    let gate = gate(spectrum, &rules);
    let passed = gate.pass(spectrum);
    vec![
        tested(&gate, spectrum),
        fitted(&passed),
        diffusion(&passed, given),
    ]
}

fn tested(gate: &Gate, spectrum: &Spectrum) -> Section {
    let mut section = Section::new(format!("Kramers-Kronig: {}", gate.verdict));
    let share = |x: f64| Quantity::new(x, None, "1");
    section.row("points kept", share(gate.kept.len() as f64));
    section.row("points measured", share(spectrum.frequency_hz.len() as f64));
    if let Some(test) = &gate.test {
        section.row("RC elements", share(test.n_elements as f64));
        section.row("mu", share(test.mu));
        section.row("residuals, rms over |Z|", share(test.rms));
        let largest = test
            .residuals
            .iter()
            .fold(0.0_f64, |m, (re, im)| m.max(re.abs()).max(im.abs()));
        section.row("largest residual over |Z|", share(largest));
    }
    section.warnings = gate
        .findings
        .iter()
        .map(|finding| {
            let verb = if finding.is_excluded {
                "left out"
            } else {
                "kept"
            };
            format!("{:.4e} Hz {verb}: {}", finding.frequency_hz, finding.reason)
        })
        .collect();
    section
}

fn fitted(spectrum: &Spectrum) -> Section {
    let fit = match fit_circuit(spectrum, Choice::default()) {
        Ok(fit) => fit,
        Err(error) => return Section::failed("Randles circuit", &error),
    };
    let mut section = Section::new(format!("Randles circuit {}", fit.circuit));
    for parameter in &fit.parameters {
        section.row(
            parameter.name,
            Quantity::new(parameter.value, parameter.standard_error, parameter.unit),
        );
    }
    section.row(
        "capacitance of the arc",
        Quantity::new(fit.capacitance_f(), None, "F"),
    );
    section.row("residuals, rms over |Z|", Quantity::new(fit.rms, None, "1"));
    section.warnings = fit.warnings.iter().map(ToString::to_string).collect();
    section
}

fn diffusion(spectrum: &Spectrum, given: &Given) -> Section {
    let found = match warburg(spectrum, None) {
        Ok(found) => found,
        Err(error) => return Section::failed("Warburg coefficient", &error),
    };
    let (low, high) = found.window_hz;
    let mut section = Section::new(format!("Warburg coefficient, {low:.3e} to {high:.3e} Hz"));
    section.row(
        "sigma",
        Quantity::new(found.sigma, Some(found.standard_error), "ohm s^-1/2"),
    );
    section.row("R2 of Re Z", Quantity::new(found.real.r_squared, None, "1"));
    section.row(
        "R2 of -Im Z",
        Quantity::new(found.imaginary.r_squared, None, "1"),
    );
    section.warnings.extend(found.warning());
    if let (Some(conditions), true) = (given.conditions(), found.is_diffusion()) {
        let coefficient = found.diffusion_coefficient(&conditions);
        section.maybe("diffusion coefficient", coefficient);
    }
    section
}
