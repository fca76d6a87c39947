//! What `sulfit predict` says on the terminal.

use std::fmt::Write;

use super::prediction::Predicted;
use super::prediction::electrolyte_ul_mg;
use super::prediction::loading_mg_cm2;
use crate::predict::Baseline;
use crate::predict::Entry;
use crate::predict::Knowledge;
use crate::predict::Quantity;
use crate::predict::Score;
use crate::units::short;

/// Rows of the table of capacities; more stand in the files only.
const ROWS_MAX: usize = 40;

/// The summary of a prediction.
pub fn prediction_summary(predicted: Predicted<'_>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, predicted);
    text
}

fn write(text: &mut String, predicted: Predicted<'_>) -> std::fmt::Result {
    let (forecast, outlook) = (predicted.forecast, predicted.outlook);
    let names = forecast.fitted.iter().zip(&outlook.weights);
    let weights: Vec<String> = names
        .map(|(f, w)| format!("{} {w:.2}", forecast.study.variants[f.variant].name))
        .collect();
    writeln!(
        text,
        "{}: {} predicted from the fit of {} ({})",
        predicted.name,
        forecast.study.cells[forecast.cell],
        forecast.study.name,
        weights.join(", ")
    )?;
    writeln!(
        text,
        "90 % intervals of parameters, variants and scatter ({:.1} %, {}) together; {} draws of each variant",
        100.0 * forecast.scatter,
        predicted.scatter_source,
        forecast.draws
    )?;
    write_table(text, predicted)?;
    write_best(text, predicted)?;
    write_scores(text, predicted)?;
    write_checks(text, predicted)
}

/// Capacities with their uncertainty, what is known, and what limits.
fn write_table(text: &mut String, predicted: Predicted<'_>) -> std::fmt::Result {
    let (forecast, outlook) = (predicted.forecast, predicted.outlook);
    writeln!(text)?;
    let with_electrolyte = forecast
        .conditions
        .iter()
        .any(|c| c.electrolyte_m3_kg.is_some());
    let electrolyte = |v: Option<f64>| {
        if with_electrolyte {
            format!(
                "{:>7} ",
                electrolyte_ul_mg(v).map_or_else(String::new, short)
            )
        } else {
            String::new()
        }
    };
    writeln!(
        text,
        "loading  rate {}cycle  capacity / mAh/g          mAh/cm2  sd: parameters  variants  scatter  prior left  beyond  limited by",
        if with_electrolyte { "  µL/mg " } else { "" }
    )?;
    let of = |quantity: Quantity| {
        outlook
            .entries
            .iter()
            .filter(move |e| e.quantity == quantity)
    };
    let pairs = of(Quantity::Capacity).zip(of(Quantity::ArealCapacity));
    for (entry, areal) in pairs.take(ROWS_MAX) {
        write_row(text, predicted, (entry, areal), &electrolyte)?;
    }
    let n = of(Quantity::Capacity).count();
    if n > ROWS_MAX {
        writeln!(text, "... and {} more in prediction.csv", n - ROWS_MAX)?;
    }
    Ok(())
}

/// One capacity of the table.
fn write_row(
    text: &mut String,
    predicted: Predicted<'_>,
    (entry, areal): (&Entry, &Entry),
    electrolyte: &dyn Fn(Option<f64>) -> String,
) -> std::fmt::Result {
    let forecast = predicted.forecast;
    let condition = &forecast.conditions[entry.condition];
    let [median, lower, upper] = entry.interval;
    let known = entry.knowledge.as_ref();
    let mark = if known.is_some_and(Knowledge::is_mostly_prior) {
        "!"
    } else {
        " "
    };
    writeln!(
        text,
        "{:>7} {:>5} {}{:>5}  {:>6.0} [{:>5.0}, {:>5.0}]  {:>11}  {:>14.0}  {:>8.0}  {:>7.0}  {:>8}{mark}  {:>6}  {}",
        short(loading_mg_cm2(condition)),
        short(condition.c_rate),
        electrolyte(condition.electrolyte_m3_kg),
        entry.cycle,
        median,
        lower,
        upper,
        short(areal.interval[0]),
        entry.parameter_sd,
        entry.model_sd,
        entry.scatter_sd,
        known.map_or_else(String::new, |k| format!("{:.0} %", 100.0 * k.prior_share)),
        short(entry.extrapolation),
        entry
            .control
            .as_ref()
            .map_or("unknown", |c| c.limiting().as_str()),
    )
}

fn write_checks(text: &mut String, predicted: Predicted<'_>) -> std::fmt::Result {
    let outlook = predicted.outlook;
    writeln!(text)?;
    for check in &outlook.checks {
        writeln!(
            text,
            "check: {}: {} capacities, median {:.2} %, worst {:.1} %",
            check.what,
            check.n,
            100.0 * check.median,
            100.0 * check.worst
        )?;
    }
    let cloud = &outlook.cloud;
    match &outlook.surrogate {
        Some(name) => writeln!(
            text,
            "draws: {} answered by the surrogate {name}, {} refused by it, {} simulated, {} failed",
            cloud.by_surrogate, cloud.refused, cloud.by_model, cloud.failed
        )?,
        None => writeln!(
            text,
            "draws: {} simulated, {} failed",
            cloud.by_model, cloud.failed
        )?,
    }
    for warning in predicted.warnings() {
        writeln!(text, "warning: {warning}")?;
    }
    Ok(())
}

fn write_best(text: &mut String, predicted: Predicted<'_>) -> std::fmt::Result {
    if predicted.outlook.best_loadings.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nloading with the highest areal capacity")?;
    for best in &predicted.outlook.best_loadings {
        let [loading, lower, upper] = best.loading_kg_m2.map(|l| 100.0 * l);
        let amount = electrolyte_ul_mg(best.electrolyte_m3_kg);
        let amount = amount.map_or_else(String::new, |v| format!(", {} µL/mg", short(v)));
        writeln!(
            text,
            "  {}C, cycle {}{amount}: {} [{}, {}] mg/cm2, {} mAh/cm2{}",
            short(best.c_rate),
            best.cycle,
            short(loading),
            short(lower),
            short(upper),
            short(best.areal_capacity[0]),
            match best.beyond_grid {
                p if p > 0.05 => format!("; with {:.0} % beyond the grid", 100.0 * p),
                _ => String::new(),
            }
        )?;
    }
    Ok(())
}

fn write_scores(text: &mut String, predicted: Predicted<'_>) -> std::fmt::Result {
    if predicted.scores.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "\nwhere the answer is known (fits without the numbers; skill against the same capacity per gram at the same\n\
         rate with the same retention per cycle | per hour: 1 perfect, 0 no better)"
    )?;
    writeln!(
        text,
        "  left out                 variant         blind            skill         covered  predicted, measured"
    )?;
    for score in predicted.scores {
        let variant = score.variant.map_or("average", |v| {
            predicted.forecast.study.variants[v].name.as_str()
        });
        let skills: Vec<String> = (0..Baseline::ALL.len())
            .map(|b| match score.skill(b) {
                skill if skill.is_finite() => format!("{skill:.2}"),
                _ => "none".to_owned(),
            })
            .collect();
        writeln!(
            text,
            "  {:<24} {:<15} {:<16} {:<13} {:>3.0} %    {}",
            score.left.words(),
            variant,
            score.blind.as_str(),
            skills.join(" | "),
            100.0 * score.coverage(),
            numbers(score)
        )?;
    }
    Ok(())
}

fn numbers(score: &Score) -> String {
    let each = score.numbers.iter();
    let each: Vec<String> = each
        .map(|n| format!("{:.0}±{:.0}, {:.0}", n.mean(), n.sd(), n.measured))
        .collect();
    each.join("; ")
}
