//! Overview of a spectrum.

use super::Given;
use super::Section;
use crate::analysis::Estimate;
use crate::analysis::circuit::AICC_GAIN;
use crate::analysis::circuit::Choice;
use crate::analysis::circuit::Circuit;
use crate::analysis::circuit::CircuitFit;
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
    let share = |x: f64| Estimate::new(x, None, "1");
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
        .objections
        .iter()
        .map(|objection| {
            let verb = if objection.is_excluded {
                "left out"
            } else {
                "kept"
            };
            format!(
                "{:.4e} Hz {verb}: {}",
                objection.frequency_hz, objection.reason
            )
        })
        .collect();
    section
}

fn fitted(spectrum: &Spectrum) -> Section {
    let fit = match fit_circuit(spectrum, Choice::default()) {
        Ok(fit) => fit,
        Err(error) => return Section::failed("circuit", &error),
    };
    let mut section = Section::new(format!("circuit {}", fit.circuit));
    for parameter in &fit.parameters {
        let estimate = Estimate::new(parameter.value, parameter.standard_error, parameter.unit);
        section.row(parameter.name, estimate.within(parameter.interval));
    }
    let arcs = fit.arcs();
    for (i, arc) in arcs.iter().enumerate() {
        let name = if arcs.len() > 1 {
            format!("arc {}", i + 1)
        } else {
            "arc".to_owned()
        };
        let number = |value: f64, unit| Estimate::new(value, None, unit);
        section.row(format!("apex of the {name}"), number(arc.apex_hz, "Hz"));
        section.row(
            format!("capacitance of the {name}"),
            number(arc.capacitance_f, "F"),
        );
    }
    section.row("residuals, rms over |Z|", Estimate::new(fit.rms, None, "1"));
    section.notes.extend(scatter(&fit));
    section.notes.extend(alternative(&fit));
    section.warnings = fit.warnings.iter().map(ToString::to_string).collect();
    section
}

/// That the residuals have no structure; the fit's warnings say it where they have.
fn scatter(fit: &CircuitFit) -> Option<String> {
    let [re, im] = fit.runs.as_ref().filter(|_| !fit.has_structure())?;
    Some(format!(
        "the residuals have no structure: {} and {} runs of one sign in Re Z and Im Z where {:.0} and {:.0} are \
         expected of noise (runs test, p = {:.2})",
        re.found,
        im.found,
        re.expected,
        im.expected,
        re.probability.min(im.probability)
    ))
}

/// Which circuit comes closest, and why it was not taken.
fn alternative(fit: &CircuitFit) -> Option<String> {
    let is_own = |circuit: &Circuit| *circuit == fit.circuit;
    let own = fit.tried.iter().find(|(circuit, _)| is_own(circuit))?.1;
    let others = fit.tried.iter().filter(|(circuit, _)| !is_own(circuit));
    let (next, aicc) = others.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let off = (aicc - own).abs();
    let why = if *aicc >= own {
        format!("higher by {off:.0}")
    } else if off <= AICC_GAIN {
        format!("lower by {off:.0}, which is too little")
    } else {
        format!("lower by {off:.0}, but parameters that the spectrum does not determine")
    };
    Some(format!(
        "chosen from {} circuits; {next} has an AICc {why}",
        fit.tried.len()
    ))
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
        Estimate::new(found.sigma, Some(found.standard_error), "ohm s^-1/2"),
    );
    section.row("R2 of Re Z", Estimate::new(found.real.r_squared, None, "1"));
    section.row(
        "R2 of -Im Z",
        Estimate::new(found.imaginary.r_squared, None, "1"),
    );
    section.warnings.extend(found.warning());
    if let (Some(conditions), true) = (given.conditions(), found.is_diffusion()) {
        let coefficient = found.diffusion_coefficient(&conditions);
        section.maybe("diffusion coefficient", coefficient);
    }
    section
}
