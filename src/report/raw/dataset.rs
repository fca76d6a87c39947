//! The files beside raw curves: a data set file that names them, and the parameter values that they were made with.

use std::fmt::Write;

use super::Instrument;
use super::origin;
use super::piece::Piece;
use super::technique;
use crate::estimate::Curves;
use crate::estimate::Study;
use crate::protocol::Start;
use crate::record::Technique;

/// The element whose mass a data set file can state.
const SULFUR: &str = "S";

/// A file with curves.
pub(super) struct Written {
    /// Its name.
    pub(super) file: String,
    /// The same without its ending.
    name: String,
    technique: Technique,
    area_m2: f64,
    /// Mass of the sulfur (kg), where there is any.
    sulfur_kg: Option<f64>,
    /// What stands in its notes.
    label: String,
}

impl Written {
    /// What a data set file says about a piece, written to a file with a label.
    pub(super) fn new(
        study: &Study,
        run: &Curves,
        piece: &Piece<'_>,
        (file, label): (&str, String),
    ) -> Self {
        let protocol = &study.protocols[run.protocol];
        let area_m2 = run.model.area_m2();
        let battery = run.model.mechanism().battery();
        let is_sulfur = battery.is_some_and(|battery| battery.fresh.active_element == SULFUR);
        let active_kg_m2 = match &protocol.start {
            Start::Fresh => battery.map(|_| run.model.loading_kg_m2()),
            Start::Catholyte(catholyte) | Start::Symmetric(catholyte) => {
                Some(catholyte.active_kg_m2)
            }
            Start::Coated => None,
        };
        Self {
            file: file.to_owned(),
            name: file
                .rsplit_once('.')
                .map_or(file, |(stem, _)| stem)
                .to_owned(),
            technique: technique(&piece.content),
            area_m2,
            sulfur_kg: active_kg_m2.filter(|_| is_sulfur).map(|kg| kg * area_m2),
            label,
        }
    }
}

/// A data set file that names all files.
pub(super) fn dataset_toml(study: &Study, instrument: &Instrument, written: &[Written]) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_dataset(&mut text, study, (instrument, written));
    text
}

fn write_dataset(
    text: &mut String,
    study: &Study,
    (instrument, written): (&Instrument, &[Written]),
) -> std::fmt::Result {
    let origin = origin(study, instrument);
    let title = format!("SYNTHETIC curves of experiment '{}'", study.name);
    let battery = study.variants[0].mechanism.battery();
    let element = battery.map_or("none", |battery| &battery.fresh.active_element);
    writeln!(text, "# {}", one_line(&origin))?;
    writeln!(
        text,
        "# The parameter values that they were made with stand in truth.toml.\n"
    )?;
    writeln!(text, "name = {}", quoted(&study.name))?;
    writeln!(text, "title = {}", quoted(&title))?;
    writeln!(text, "origin = {}", quoted(&origin))?;
    writeln!(text, "kind = \"synthetic\"")?;
    writeln!(text, "licence = \"as the project\"")?;
    writeln!(text, "active_element = {}", quoted(element))?;
    for record in written {
        writeln!(text, "\n[[record]]")?;
        writeln!(text, "name = {}", quoted(&record.name))?;
        writeln!(text, "file = {}", quoted(&record.file))?;
        writeln!(text, "technique = \"{}\"", record.technique)?;
        if record.technique != Technique::Impedance {
            writeln!(text, "positive_current = \"charge\"")?;
        }
        let area_cm2 = rounded(record.area_m2 * 1e4);
        writeln!(text, "electrode_area_cm2 = {area_cm2:?}")?;
        if let Some(mass) = record.sulfur_kg {
            writeln!(text, "mass = {{ sulfur_mg = {:?} }}", rounded(mass * 1e6))?;
        }
        writeln!(text, "note = {}", quoted(&record.label))?;
    }
    Ok(())
}

/// The parameter values of every cell, in the units of the mechanism's file.
pub(super) fn truth_toml(study: &Study, instrument: &Instrument, curves: &[Curves]) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_truth(&mut text, study, (instrument, curves));
    text
}

fn write_truth(
    text: &mut String,
    study: &Study,
    (instrument, curves): (&Instrument, &[Curves]),
) -> std::fmt::Result {
    let variant = &study.variants[0];
    writeln!(text, "# {}", one_line(&origin(study, instrument)))?;
    writeln!(
        text,
        "# The values that the curves were made with: what a fit of them should find.\n"
    )?;
    writeln!(text, "experiment = {}", quoted(&study.name))?;
    writeln!(text, "variant = {}", quoted(&variant.name))?;
    writeln!(text, "mechanism = {}", quoted(variant.mechanism.name()))?;
    let free = variant.free.iter().map(|free| quoted(&free.name));
    writeln!(text, "free = [{}]", free.collect::<Vec<_>>().join(", "))?;
    let mesh = &study.fine.mesh;
    let (separator, electrode) = (mesh.n_separator, mesh.n_electrode);
    writeln!(
        text,
        "mesh = {{ separator = {separator}, cathode = {electrode} }}"
    )?;
    if let Some(noise) = &instrument.noise {
        writeln!(text, "\n[noise]\nseed = {}", instrument.seed)?;
        writeln!(text, "voltage_v = {:?}", noise.voltage_v)?;
        writeln!(text, "current_share = {:?}", noise.current_share)?;
        writeln!(text, "current_floor_a = {:?}", noise.current_floor_a)?;
        writeln!(text, "impedance_share = {:?}", noise.impedance_share)?;
    }
    for (cell, name) in study.cells.iter().enumerate() {
        let mut runs = curves.iter().filter(|run| run.cell == cell);
        let own = |run: &&Curves| study.protocols[run.protocol].loading_kg_m2.is_none();
        let run = runs.clone().find(own).or_else(|| runs.next());
        if let Some(run) = run {
            writeln!(text, "\n[cell.{}]", key(name))?;
            write_values(text, run)?;
        }
    }
    write_loadings(text, study)
}

fn write_values(text: &mut String, run: &Curves) -> std::fmt::Result {
    let table = run.model.mechanism().parameters();
    for (row, value) in table.rows().iter().zip(run.model.values()) {
        let value = rounded(row.unit.from_si(*value));
        let unit = quoted(&row.unit.to_string());
        writeln!(
            text,
            "{} = {{ value = {value:?}, unit = {unit} }}",
            key(&row.name)
        )?;
    }
    Ok(())
}

/// Protocols with a loading of their own, whatever the cell's.
fn write_loadings(text: &mut String, study: &Study) -> std::fmt::Result {
    for protocol in &study.protocols {
        if let Some(loading) = protocol.loading_kg_m2 {
            let name = key(&protocol.name);
            let loading = rounded(loading * 100.0);
            writeln!(text, "\n[protocol.{name}]\nloading_mg_cm2 = {loading:?}")?;
        }
    }
    Ok(())
}

/// A key of TOML, in quotation marks where it needs them.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A string of TOML on one line, which may also be a key.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// Without the last digits that a conversion of units leaves behind.
fn rounded(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_texts_read_back() {
        for name in ["k1", "a b", "it's \"so\"", "Li₂S", "a\\b\nc\u{7f}", ""] {
            let text = format!("{} = {}", key(name), quoted(name));
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(table[name].as_str(), Some(name));
        }
        assert_eq!(key("k1"), "k1");
    }

    #[test]
    fn digits_that_a_conversion_left_behind_are_gone() {
        assert_eq!(format!("{:?}", rounded(1.131e-4 * 1e4)), "1.131");
        assert_eq!(format!("{:?}", rounded(2.4e-10)), "2.4e-10");
    }
}
