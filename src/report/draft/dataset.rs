//! The data set file of a drafted experiment.

use std::fmt::Write;

use super::Drafted;
use super::RAW_FOLDER;
use super::REQUIRED;
use super::comment;
use super::number;
use super::quoted;
use crate::draft::DraftRecord;
use crate::draft::Stated;
use crate::import::PositiveCurrent;

const HEAD: &str = "\
# What no instrument knows about the files in raw/: whose mass, which area, which sign. Every key is explained in
# docs/formats.md of sulfit, \"What no instrument knows\". Files lie beside this one, so that the whole folder can be moved
# or sent.
";

/// The text of the data set.
pub(super) fn dataset(drafted: &Drafted<'_>) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_dataset(&mut text, drafted);
    text
}

fn write_dataset(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    let draft = drafted.draft;
    let kind = if draft.is_synthetic {
        "synthetic"
    } else {
        "measured"
    };
    let element = drafted.mechanism.battery();
    let element = element.map_or("none", |battery| &battery.fresh.active_element);
    writeln!(text, "{HEAD}")?;
    writeln!(text, "name = {}", quoted(drafted.name))?;
    writeln!(
        text,
        "title = {}    # for people",
        quoted(&format!("measured files of {}", drafted.name))
    )?;
    writeln!(
        text,
        "origin = {}    # for people: who measured it, where",
        quoted(&format!("folder {}", drafted.from))
    )?;
    writeln!(
        text,
        "kind = \"{kind}\"    # measured, literature or synthetic; results repeat it"
    )?;
    writeln!(
        text,
        "licence = \"not stated\"    # for people: may others use the files?"
    )?;
    writeln!(
        text,
        "active_element = {}    # the element whose mass counts",
        quoted(element)
    )?;
    writeln!(text)?;
    writeln!(
        text,
        "# What holds for all records; a [[record]] may say otherwise by the same keys."
    )?;
    let area = (draft.area_cm2.as_ref(), "electrode_area_cm2 = ", "");
    write_stated(text, area, "geometric area of the electrode (cm2)")?;
    if drafted.needs_mass() {
        let mass = (draft.sulfur_mg.as_ref(), "mass = { sulfur_mg = ", " }");
        write_stated(text, mass, "mass of the sulfur alone in the electrode (mg)")?;
        writeln!(
            text,
            "# or mass = {{ electrode_mg = 1.5, sulfur_share = 0.6 }}: the whole coating and the share of sulfur in it"
        )?;
    }
    for line in &draft.unused {
        writeln!(text, "# not used: {}", comment(line))?;
    }
    for record in draft.used() {
        write_record(text, record)?;
    }
    Ok(())
}

/// A number with who stated it, or the word that it is required.
fn write_stated(
    text: &mut String,
    (stated, before, after): (Option<&Stated>, &str, &str),
    meaning: &str,
) -> std::fmt::Result {
    match stated {
        Some(stated) => {
            let (value, by) = (number(stated.value), comment(&stated.by));
            writeln!(text, "{before}{value}{after}    # {meaning}; {by}")
        }
        None => writeln!(
            text,
            "{before}\"{REQUIRED}\"{after}    # REQUIRED: {meaning}; write the number in place of \"{REQUIRED}\""
        ),
    }
}

fn write_record(text: &mut String, record: &DraftRecord) -> std::fmt::Result {
    writeln!(text)?;
    writeln!(
        text,
        "[[record]]    # {}, {} rows",
        comment(&record.instrument),
        record.n_rows
    )?;
    writeln!(
        text,
        "name = {}    # by which the experiment calls it",
        quoted(&record.name)
    )?;
    let path = format!("{RAW_FOLDER}/{}", record.file);
    writeln!(
        text,
        "file = {}    # from this file's folder",
        quoted(&path)
    )?;
    writeln!(
        text,
        "technique = \"{}\"    # recognised in the file; cycling, voltammetry, chronoamperometry, chronopotentiometry, impedance",
        record.technique
    )?;
    match record.positive_current {
        Some(PositiveCurrent::Discharge) => writeln!(
            text,
            "positive_current = \"discharge\"    # ASSUMED, as the voltage falls where the current is positive"
        )?,
        Some(PositiveCurrent::Charge) => writeln!(
            text,
            "positive_current = \"charge\"    # ASSUMED, as the voltage rises where the current is positive"
        )?,
        None => {}
    }
    for warning in &record.warnings {
        writeln!(text, "# its reader found: {}", comment(warning))?;
    }
    Ok(())
}
