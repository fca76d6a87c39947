//! The summary that people read on the terminal.

use std::fmt::Write;

use super::result::RawVariant;
use crate::estimate::FitReport;
use crate::estimate::Study;
use crate::estimate::VariantReport;

/// What a report tells: a fit, or a simulation at given values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Values were fitted.
    Fit,
    /// Values were given.
    Simulation,
}

/// The summary of a report.
pub fn summary(study: &Study, report: &FitReport, kind: Kind) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, study, report, kind);
    text
}

fn write(text: &mut String, study: &Study, report: &FitReport, kind: Kind) -> std::fmt::Result {
    for (i, variant) in report.variants.iter().enumerate() {
        if i > 0 {
            writeln!(text)?;
        }
        write_variant(text, study, variant, kind)?;
    }
    writeln!(text)?;
    writeln!(
        text,
        "{} parameter points simulated, {} failed simulations",
        report.evaluations, report.failed
    )?;
    for failure in report.failures.iter().take(3) {
        writeln!(text, "  {failure}")?;
    }
    if report.is_interrupted {
        writeln!(text, "interrupted: these are the best values so far")?;
    }
    Ok(())
}

fn write_variant(
    text: &mut String,
    study: &Study,
    report: &VariantReport,
    kind: Kind,
) -> std::fmt::Result {
    let variant = &study.variants[report.variant];
    let raw = RawVariant::new(study, report);
    match kind {
        Kind::Simulation => writeln!(text, "{} at the values of the mechanism file", study.name)?,
        Kind::Fit => {
            writeln!(
                text,
                "{}, {}: {}",
                study.name, variant.name, variant.meaning
            )?;
            writeln!(
                text,
                "  cost {:.2} = data {:.2} + priors {:.2}; {:.2} on the coarse mesh",
                report.cost,
                report.cost_data,
                report.cost - report.cost_data,
                report.cost_coarse
            )?;
            writeln!(
                text,
                "  {}; scaled gradient {:.1e}",
                report.stop, report.scaled_gradient
            )?;
            let coarse = report
                .starts
                .iter()
                .map(|s| s.cost)
                .fold(f64::INFINITY, f64::min);
            for alternative in &report.alternatives {
                writeln!(
                    text,
                    "  {}: cost {:.2} instead of {coarse:.2}, both fitted on the coarse mesh",
                    alternative.name, alternative.cost
                )?;
            }
        }
    }
    write_observables(text, &raw)?;
    if kind == Kind::Fit {
        write_parameters(text, &raw)?;
    }
    write_predictions(text, study, report)?;
    write_verdicts(text, report)
}

fn write_observables(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    writeln!(text)?;
    writeln!(
        text,
        "  {:<18} {:<12} {:>9} {:>9} {:>7}  unit",
        "observable", "cell", "measured", "model", "z"
    )?;
    for row in &raw.observables {
        writeln!(
            text,
            "  {:<18} {:<12} {:>9} {:>9} {:>7}  {}{}",
            row.id,
            row.cell,
            digits(row.measured),
            row.model.map_or_else(|| "none".to_owned(), digits),
            row.z.map_or_else(String::new, |z| format!("{z:+.2}")),
            row.unit,
            if row.used_in_fit { "" } else { ", not fitted" }
        )?;
    }
    Ok(())
}

fn write_parameters(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    writeln!(text)?;
    writeln!(
        text,
        "  {:<14} {:<12} {:>11}  {:<24} unit",
        "parameter", "cell", "value", "68 % interval"
    )?;
    for row in &raw.parameters {
        let interval = match (row.sd, row.sd_scale) {
            (Some(sd), "ln") => format!(
                "{} to {}",
                digits(row.value * (-sd).exp()),
                digits(row.value * sd.exp())
            ),
            (Some(sd), _) => format!("{} to {}", digits(row.value - sd), digits(row.value + sd)),
            (None, _) => "unknown".to_owned(),
        };
        writeln!(
            text,
            "  {:<14} {:<12} {:>11}  {:<24} {}",
            row.name,
            row.cell,
            digits(row.value),
            interval,
            row.unit
        )?;
    }
    Ok(())
}

fn write_predictions(text: &mut String, study: &Study, report: &VariantReport) -> std::fmt::Result {
    if report.predicted.is_empty() {
        return Ok(());
    }
    let blind = study.variants[report.variant].blind.as_str();
    writeln!(text)?;
    writeln!(text, "  predictions, never fitted (blind: {blind})")?;
    for predicted in &report.predicted {
        let model = predicted.model.map_or_else(|| "failed".to_owned(), digits);
        let sd = predicted
            .sd
            .map_or_else(String::new, |sd| format!(" ± {}", digits(sd)));
        writeln!(
            text,
            "  {:<22} predicted {model}{sd}, measured {} {}",
            predicted.target.id,
            digits(predicted.measured),
            predicted.target.observable.unit()
        )?;
    }
    Ok(())
}

fn write_verdicts(text: &mut String, report: &VariantReport) -> std::fmt::Result {
    if report.verdicts.is_empty() {
        return Ok(());
    }
    writeln!(text)?;
    writeln!(text, "  stated without numbers, not fitted")?;
    for verdict in &report.verdicts {
        let outcome = match verdict.values {
            Some((larger, smaller)) => {
                let met = if larger > smaller { "met" } else { "not met" };
                let unit = if verdict.unit == "1" {
                    ""
                } else {
                    verdict.unit
                };
                format!(
                    "{met} ({} against {} {unit})",
                    digits(larger),
                    digits(smaller)
                )
            }
            None => "could not be simulated".to_owned(),
        };
        writeln!(
            text,
            "  {}: {}",
            verdict.claim,
            outcome.trim_end().replace(" )", ")")
        )?;
    }
    Ok(())
}

/// Four significant digits, without an exponent where that stays short.
fn digits(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !size.is_finite() {
        format!("{value}")
    } else if (1e-3..1e5).contains(&size) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a logarithm between -3 and 5"
        )]
        let before = size.log10().floor() as i32;
        let decimals = usize::try_from(3 - before).unwrap_or(0);
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    }
}
