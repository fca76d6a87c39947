//! What `sulfit new` tells on the terminal.

use std::fmt::Write;
use std::path::Path;

use super::DATASET_FILE;
use super::Drafted;
use super::EXPERIMENT_FILE;
use super::comment;
use super::experiment::hours;
use super::plan_in_words;
use crate::draft::Stated;
use crate::estimate::Study;
use crate::units::short;

/// Files, techniques, what will be fitted, what is assumed, and the next command. `study` is the experiment as it was
/// checked; its area and mass are not told where they are required.
pub fn draft_summary(drafted: &Drafted<'_>, folder: &Path, study: &Study) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_summary(&mut text, drafted, folder, study);
    text
}

fn write_summary(
    text: &mut String,
    drafted: &Drafted<'_>,
    folder: &Path,
    study: &Study,
) -> std::fmt::Result {
    let draft = drafted.draft;
    writeln!(
        text,
        "{}: an experiment with {} files",
        folder.display(),
        draft.used().count()
    )?;
    for record in draft.used() {
        let compared = if record.only_compared.is_some() {
            ", only compared"
        } else {
            ""
        };
        let plan = comment(&plan_in_words(&record.plan));
        writeln!(
            text,
            "  {}: {}, {}{compared}: {plan}",
            record.file, record.instrument, record.technique
        )?;
        if let Some(reason) = &record.only_compared {
            writeln!(text, "    {reason}")?;
        }
        if record.positive_current.is_some() {
            writeln!(text, "    assumed: the sign of its current, by its voltage")?;
        }
        for warning in &record.warnings {
            writeln!(text, "    warning: {warning}")?;
        }
    }
    if !draft.left_out.is_empty() {
        writeln!(text, "not used")?;
    }
    for (file, reason) in &draft.left_out {
        writeln!(text, "  {file}: {reason}")?;
    }
    write_fitted(text, study)?;
    write_assumed(text, drafted)?;
    for doubt in draft.doubts(drafted.mechanism) {
        writeln!(text, "warning: {doubt}")?;
    }
    let experiment = folder.join(EXPERIMENT_FILE);
    let required = drafted.required();
    let is_ready = required.is_empty();
    if !is_ready {
        let dataset = folder.join(DATASET_FILE);
        writeln!(
            text,
            "to do: write {} into {}",
            required.join(" and "),
            dataset.display()
        )?;
    }
    let then = if is_ready { "next" } else { "then" };
    writeln!(text, "{then}: sulfit fit {}", experiment.display())
}

fn write_fitted(text: &mut String, study: &Study) -> std::fmt::Result {
    let variant = &study.variants[0];
    let names: Vec<&str> = variant.free.iter().map(|free| free.name.as_str()).collect();
    writeln!(
        text,
        "fitted: {} points, {} constants of '{}': {}",
        study.observations.len(),
        names.len(),
        variant.mechanism.name(),
        names.join(", ")
    )?;
    let Some(start) = &variant.start else {
        return Ok(());
    };
    for (free, coordinate) in variant.free.iter().zip(start) {
        let (centre, _) = free.prior_coordinates();
        if (coordinate - centre).abs() <= 1e-9 * centre.abs() {
            continue;
        }
        let table = variant.mechanism.parameters();
        let Some(id) = table.find(&free.name) else {
            continue;
        };
        let unit = &table.row(id).unit;
        let value = unit.from_si(free.scale().to_value(*coordinate));
        let value = with_unit(value, &unit.to_string());
        writeln!(
            text,
            "  {} starts at {value}, read from the curves",
            free.name
        )?;
    }
    Ok(())
}

fn write_assumed(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    let draft = drafted.draft;
    let told =
        |stated: &Stated, unit: &str| format!("{} {unit} ({})", stated.value, comment(&stated.by));
    if let Some(area) = &draft.area_cm2 {
        writeln!(text, "area: {}", told(area, "cm2"))?;
    }
    if let Some(mass) = draft.sulfur_mg.as_ref().filter(|_| drafted.needs_mass()) {
        writeln!(text, "sulfur: {}", told(mass, "mg"))?;
    }
    for line in &draft.unused {
        writeln!(text, "  not used: {}", comment(line))?;
    }
    writeln!(text, "assumed")?;
    writeln!(
        text,
        "  all files belong to one cell or to cells made alike, and every protocol begins with a fresh cell"
    )?;
    for protocol in &draft.protocols {
        if let Some((rest_s, why)) = &protocol.rest {
            writeln!(
                text,
                "  {} after a rest of {}: {why}",
                protocol.name,
                hours(*rest_s)
            )?;
        }
    }
    let values = drafted.choice.assumed.iter();
    let values: Vec<String> = values
        .map(|one| format!("{} = {}", one.name, with_unit(one.value, &one.unit)))
        .collect();
    writeln!(text, "  by the mechanism: {}", values.join(", "))
}

/// A value with its unit, unless it has none.
fn with_unit(value: f64, unit: &str) -> String {
    let value = short(value);
    if unit == "1" {
        value
    } else {
        format!("{value} {unit}")
    }
}
