//! A drafted experiment as files: experiment, data set and what to do with them, every key with what it means.

mod dataset;
mod experiment;
mod readme;
mod summary;

use std::fmt::Write;

use crate::draft::Choice;
use crate::draft::Draft;
use crate::draft::Plan;
use crate::mechanism::Mechanism;
use crate::units::short;

pub use summary::draft_summary;

/// What stands in place of a number that only the user knows.
pub const REQUIRED: &str = "REQUIRED";
/// Name of the experiment file.
pub const EXPERIMENT_FILE: &str = "experiment.toml";
/// Name of the data set file.
pub const DATASET_FILE: &str = "dataset.toml";
/// Name of the mechanism file.
pub const MECHANISM_FILE: &str = "mechanism.toml";
/// Folder of the measured files.
pub const RAW_FOLDER: &str = "raw";
/// Name of the cell.
const CELL: &str = "cell";

/// All that a drafted experiment's files say.
#[derive(Clone, Copy)]
pub struct Drafted<'a> {
    /// Name of the experiment.
    pub name: &'a str,
    /// What is in it.
    pub draft: &'a Draft,
    /// What is free.
    pub choice: &'a Choice,
    /// What it fits.
    pub mechanism: &'a Mechanism,
    /// Text of the mechanism's file.
    pub mechanism_text: &'a str,
    /// The folder that the files came from, as the user wrote it.
    pub from: &'a str,
}

impl Drafted<'_> {
    /// The text files of the experiment: name and content.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let texts = [
            (EXPERIMENT_FILE, experiment::experiment(self)),
            (DATASET_FILE, dataset::dataset(self)),
            (MECHANISM_FILE, self.mechanism_text.to_owned()),
            ("README.md", readme::readme(self)),
        ];
        let texts = texts.into_iter();
        texts
            .map(|(name, text)| (name.to_owned(), text.into_bytes()))
            .collect()
    }

    /// The keys of the data set that the user must still write.
    pub fn required(&self) -> Vec<&'static str> {
        let mut keys = Vec::new();
        if self.draft.area_cm2.is_none() {
            keys.push("electrode_area_cm2");
        }
        if self.needs_mass() && self.draft.sulfur_mg.is_none() {
            keys.push("mass.sulfur_mg");
        }
        keys
    }

    fn needs_mass(&self) -> bool {
        self.mechanism.battery().is_some()
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A number as TOML writes it, without the last digits that a conversion of units leaves.
fn number(value: f64) -> String {
    let rounded = format!("{value:.11e}").parse().unwrap_or(value);
    format!("{rounded:?}")
}

/// Words for a comment: one line, whatever stood in a file.
fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What a record is compared by, in words.
fn plan_in_words(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = match plan {
        Plan::Cycles {
            n_run,
            n_held,
            compared,
            ..
        } => {
            let numbers: Vec<String> = compared.iter().map(ToString::to_string).collect();
            let _ = write!(text, "voltage over charge of cycles {}", numbers.join(", "));
            if n_run < n_held {
                write!(text, "; the first {n_run} of {n_held} cycles are run")
            } else {
                write!(text, " of {n_held}")
            }
        }
        Plan::Sweep {
            pairs,
            n_ramps,
            rate_v_s,
        } => {
            let run = pairs.map_or(*n_ramps, |pairs| 2 * pairs);
            let rate = short(1e3 * rate_v_s);
            write!(
                text,
                "current over potential of {run} of {n_ramps} ramps at {rate} mV/s"
            )
        }
        Plan::Spectrum {
            n_frequencies,
            n_spectra,
        } => match n_spectra {
            1 => write!(text, "impedance at {n_frequencies} frequencies"),
            n => write!(
                text,
                "impedance at {n_frequencies} frequencies, the first of {n} spectra"
            ),
        },
        Plan::Replay {
            imposes_current,
            window_h,
            reason,
            ..
        } => {
            let (from, to) = (short(window_h.0), short(window_h.1));
            let what = if *imposes_current {
                "voltage over time under the recorded current"
            } else {
                "current over time under the recorded potential"
            };
            write!(text, "{what}, {from} to {to} h ({reason})")
        }
    };
    text
}
