//! The summary that people read on the terminal.

use std::fmt::Write;

use super::ablation::write_ablations;
use super::inference;
use super::result_file::RawParameter;
use super::result_file::RawVariant;
use crate::estimate::FitReport;
use crate::estimate::NORMAL_95;
use crate::estimate::Study;
use crate::estimate::VariantReport;
use crate::units::digits;

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
    write_models(text, study, report)?;
    writeln!(text)?;
    writeln!(
        text,
        "parameter points simulated: {}; failed simulations: {}",
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
            for alternative in &report.alternatives {
                writeln!(
                    text,
                    "  {}: cost {:.2} instead of {:.2}, both fitted on the coarse mesh",
                    alternative.name, alternative.cost, alternative.cost_first
                )?;
            }
        }
    }
    if kind == Kind::Fit {
        write_guide(text, &raw)?;
        write_starts(text, report)?;
    }
    write_observables(text, &raw)?;
    write_curves(text, &raw)?;
    if kind == Kind::Fit {
        write_parameters(text, &raw)?;
        write_information(text, &raw)?;
        write_weighted(text, &raw)?;
        write_ablations(text, &raw.ablation)?;
    }
    write_predictions(text, study, report)?;
    write_verdicts(text, report)
}

/// How well the curves are met.
fn write_curves(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    if raw.curves.is_empty() {
        return Ok(());
    }
    writeln!(text)?;
    writeln!(
        text,
        "  {:<34} {:<12} {:>6} {:>9} {:>9}  {:<9} {:>11}  data",
        "curve", "cell", "points", "rms", "noise", "unit", "independent"
    )?;
    for row in &raw.curves {
        let number = |x: Option<f64>| x.map_or_else(|| "none".to_owned(), digits);
        writeln!(
            text,
            "  {:<34} {:<12} {:>6} {:>9} {:>9}  {:<9} {:>11.0}  {}{}",
            row.name,
            row.cell,
            row.points,
            number(row.rms),
            number(row.noise_sd),
            row.unit,
            row.effective_points,
            row.origin,
            if row.used_in_fit { "" } else { ", not fitted" }
        )?;
    }
    Ok(())
}

fn write_observables(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    if raw.observables.is_empty() {
        return Ok(());
    }
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
        "  {:<16} {:<12} {:>9}  {:<22} {:<14} what the data know",
        "parameter", "cell", "value", "95 % interval", "unit"
    )?;
    for row in &raw.parameters {
        let interval = row.interval.map_or_else(
            || unstated_interval(row),
            |(lower, upper)| format!("{} to {}", digits(lower), digits(upper)),
        );
        writeln!(
            text,
            "  {:<16} {:<12} {:>9}  {:<22} {:<14} {}",
            row.name,
            row.cell,
            digits(row.value),
            interval,
            row.unit,
            row.verdict_in_words
                .as_deref()
                .unwrap_or("follows from the others")
        )?;
    }
    let shifts = raw
        .parameters
        .iter()
        .filter_map(|row| Some((row, row.mesh_shift_sd?)));
    if let Some((row, shift)) = shifts.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) {
        writeln!(
            text,
            "  a mesh twice as fine would move the estimates by up to {:.1} of their standard deviations ({})",
            shift.abs(),
            row.name
        )?;
    }
    let by_profile = |row: &RawParameter| row.interval_method == Some("profile");
    if !raw.parameters.iter().any(by_profile) {
        writeln!(
            text,
            "  intervals by the curvature at the optimum, too narrow for some; `--profiles` follows the cost itself"
        )?;
    }
    Ok(())
}

/// The interval of a quantity that follows from two free ones, by the curvature.
fn unstated_interval(row: &RawParameter) -> String {
    row.sd.map_or_else(
        || "unknown".to_owned(),
        |sd| {
            let end = |side: f64| digits(row.value * (side * NORMAL_95 * sd).exp());
            format!("{} to {}", end(-1.0), end(1.0))
        },
    )
}

/// What a surrogate did.
fn write_guide(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    let Some(guide) = &raw.surrogate else {
        return Ok(());
    };
    let at_optimum = match guide.cost_at_optimum {
        None => "it does not answer at the optimum".to_owned(),
        Some(cost) => format!(
            "at the optimum it says cost {cost:.2}, and holds {} of {} model values in its intervals",
            guide.at_optimum.iter().filter(|o| o.model_inside).count(),
            guide.at_optimum.len()
        ),
    };
    writeln!(
        text,
        "  surrogate {}: {} starts, {} distinct ends judged by the cell model, {} of {} points refused; {at_optimum}",
        guide.name, guide.starts, guide.distinct_ends, guide.points_refused, guide.points_asked
    )
}

/// The waterfall: every start, the lowest cost first.
fn write_starts(text: &mut String, report: &VariantReport) -> std::fmt::Result {
    const TOLD: usize = 12;
    if report.starts.len() < 2 {
        return Ok(());
    }
    writeln!(text)?;
    writeln!(
        text,
        "  start  cost at start       cost  iterations  optimum  ended because"
    )?;
    for (i, start) in report.starts.iter().take(TOLD).enumerate() {
        let optimum = start
            .optimum
            .map_or_else(|| "-".to_owned(), |o| (o + 1).to_string());
        writeln!(
            text,
            "  {:>5}  {:>13} {:>10} {:>11}  {optimum:>7}  {}",
            i + 1,
            start
                .cost_at_start
                .map_or_else(|| "failed".to_owned(), digits),
            digits(start.cost),
            start.iterations,
            if start.is_guided {
                format!("{}; found by the surrogate", start.stop)
            } else {
                start.stop.to_string()
            }
        )?;
    }
    if report.starts.len() > TOLD {
        writeln!(
            text,
            "  {} more starts in result.json",
            report.starts.len() - TOLD
        )?;
    }
    Ok(())
}

/// How far draws from the surrogate's posterior can be trusted.
fn write_weighted(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    if let Some(failure) = &raw.posterior_by_surrogate_failure {
        return writeln!(text, "\n  posterior by surrogate: none: {failure}");
    }
    let Some(weighted) = &raw.posterior_by_surrogate else {
        return Ok(());
    };
    let trust = match weighted.pareto_k {
        None => "too few draws to tell whether they can be trusted".to_owned(),
        Some(k) if k > 0.7 => format!("Pareto k {k:.2}, above 0.7: not to be trusted"),
        Some(k) => format!("Pareto k {k:.2}"),
    };
    writeln!(
        text,
        "\n  posterior by surrogate: {} draws weighted by the cell model, worth {:.0} independent ones; {trust}",
        weighted.draws, weighted.effective_draws
    )
}

/// What the data say, beyond single quantities.
fn write_information(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    const TOLD: usize = 6;
    if let Some(known) = &raw.identifiability {
        writeln!(text)?;
        writeln!(
            text,
            "  {} data inform {} of {} directions ({:.1} effective parameters); noise of the data times {:.2}",
            known.informative_data,
            known.informed_directions,
            known.eigenvalues.len(),
            known.effective_parameters,
            known.inflation.sqrt()
        )?;
        let strongest: Vec<String> = known
            .correlations
            .iter()
            .take(TOLD)
            .map(|c| format!("{} and {} ({:+.2})", c.a, c.b, c.correlation))
            .collect();
        if !strongest.is_empty() {
            writeln!(text, "  strongest correlations: {}", strongest.join(", "))?;
        }
    }
    for (what, rows) in [
        ("solved inside", &raw.calibrations),
        ("estimated noise, times the stated", &raw.noise_factors),
    ] {
        for row in rows {
            let sd = row
                .sd
                .map_or_else(String::new, |sd| format!(" ± {}", digits(sd)));
            writeln!(
                text,
                "  {what}: {} = {}{sd} {}",
                row.name,
                digits(row.value),
                row.unit
            )?;
        }
    }
    if let Some(posterior) = &raw.posterior {
        let number = |x: Option<f64>| x.map_or_else(|| "too few draws".to_owned(), digits);
        writeln!(
            text,
            "  posterior: {} draws, largest R-hat {}, smallest effective number {}, {} divergences",
            posterior.draws,
            number(posterior.r_hat_max),
            number(posterior.ess_min),
            posterior.divergences
        )?;
    }
    write_troubles(text, raw)?;
    write_candidates(text, raw)
}

/// What a posterior or a profile could not do.
fn write_troubles(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    if let Some(reason) = &raw.posterior_failure {
        writeln!(text, "  no posterior: {reason}")?;
    }
    for row in &raw.parameters {
        if let Some(rise) = row.profile_lower_than_optimum {
            writeln!(
                text,
                "  profile of {}: the cost falls by {:.2} below the optimum; a search with more starts may find it",
                row.name, -rise
            )?;
        }
        if let Some(n) = row.profile_failed_points.filter(|n| *n > 0) {
            writeln!(
                text,
                "  profile of {}: {n} points could not be fitted",
                row.name
            )?;
        }
    }
    Ok(())
}

/// Which measurement would help most.
fn write_candidates(text: &mut String, raw: &RawVariant) -> std::fmt::Result {
    const TOLD: usize = 3;
    if raw.candidates.is_empty() {
        return Ok(());
    }
    writeln!(text)?;
    writeln!(
        text,
        "  measurements that would help, the most informative first"
    )?;
    for candidate in &raw.candidates {
        let Some(nats) = candidate.information_nats else {
            writeln!(text, "  {}: could not be simulated", candidate.name)?;
            continue;
        };
        let gains = candidate.interval_ratios.iter().take(TOLD);
        let gains: Vec<String> = gains
            .map(|(name, ratio)| format!("{name} -{:.0} %", 100.0 * (1.0 - ratio)))
            .collect();
        writeln!(
            text,
            "  {:<44} {nats:>5.2} nats; intervals: {}",
            candidate.name,
            gains.join(", ")
        )?;
    }
    Ok(())
}

/// The variants beside each other.
fn write_models(text: &mut String, study: &Study, report: &FitReport) -> std::fmt::Result {
    if report.comparison.is_none() {
        return Ok(());
    }
    writeln!(text)?;
    writeln!(
        text,
        "variants, equal prior odds; weights in brackets for priors half and twice as wide"
    )?;
    writeln!(
        text,
        "  {:<16} {:>13} {:>9} {:>8}",
        "variant", "log evidence", "loo", "weight"
    )?;
    for model in inference::models(study, report) {
        let number = |x: Option<f64>| x.map_or_else(|| "unknown".to_owned(), |x| format!("{x:.2}"));
        let others = model.weight_by_prior_width.iter();
        let others: Vec<String> = others
            .filter(|(factor, _)| (*factor - 1.0).abs() > 1e-9)
            .map(|(_, weight)| format!("{weight:.3}"))
            .collect();
        writeln!(
            text,
            "  {:<16} {:>13} {:>9} {:>8}  ({})",
            model.name,
            number(model.log_evidence),
            number(model.loo),
            model.weight.map_or_else(String::new, |w| format!("{w:.3}")),
            others.join(", ")
        )?;
    }
    for row in inference::averaged(study, report.comparison.as_ref()) {
        writeln!(
            text,
            "  {:<22} averaged {} ± {} within ± {} between variants, measured {} {} (blind: {})",
            row.id,
            digits(row.mean),
            digits(row.sd_within),
            digits(row.sd_between),
            digits(row.measured),
            row.unit,
            row.blind
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
