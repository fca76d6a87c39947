//! `sulfit new`: a first experiment from a folder of measured files.

use std::io::BufRead;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::measured::positive;
use super::print;
use crate::config::parse_mechanism;
use crate::config::read_study_or_problems;
use crate::config::shipped_mechanism;
use crate::config::shipped_mechanisms;
use crate::draft::Choice;
use crate::draft::Draft;
use crate::draft::Given;
use crate::draft::Stated;
use crate::draft::choose;
use crate::draft::draft;
use crate::estimate::Study;
use crate::import::FolderFile;
use crate::import::read_folder;
use crate::mechanism::Mechanism;
use crate::report::DATASET_FILE;
use crate::report::Drafted;
use crate::report::EXPERIMENT_FILE;
use crate::report::RAW_FOLDER;
use crate::report::Staged;
use crate::report::draft_summary;

/// Masses of sulfur in an electrode (mg): from a micro-electrode to a pouch cell.
const SULFUR_MG: (f64, f64) = (1e-3, 1e6);
/// Areas of an electrode (cm²).
const AREA_CM2: (f64, f64) = (1e-6, 1e5);
/// How often a question is asked again.
const QUESTIONS_MAX: usize = 3;

#[derive(Args)]
pub(super) struct NewArguments {
    /// Folder of the new experiment; it must not exist, or be empty
    dir: PathBuf,
    /// Folder with the files of an instrument; they are copied
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// Mass of the sulfur alone in the electrode (mg) [default: that of the files, or asked for, or marked as required]
    #[arg(long, value_name = "MASS", value_parser = sulfur)]
    sulfur_mg: Option<f64>,
    /// Geometric area of the electrode (cm2) [default: that of the files, or asked for, or marked as required]
    #[arg(long, value_name = "AREA", value_parser = area)]
    area_cm2: Option<f64>,
    /// What reacts: `mg_s_tandem`, `li_s`, `half_cell` (one dissolved couple at a planar electrode), or a mechanism file
    #[arg(long, value_name = "NAME|FILE", default_value = "mg_s_tandem")]
    mechanism: String,
}

fn sulfur(text: &str) -> Result<f64, String> {
    within(text, SULFUR_MG, "mg")
}

fn area(text: &str) -> Result<f64, String> {
    within(text, AREA_CM2, "cm2")
}

fn within(text: &str, (low, high): (f64, f64), unit: &str) -> Result<f64, String> {
    let value = positive(text)?;
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(format!("expected {low:?} to {high:?} {unit}"))
    }
}

pub(super) fn run_new(arguments: &NewArguments) -> Result<ExitCode, String> {
    let name = check_place(&arguments.dir)?;
    let (mechanism, mechanism_text) = mechanism(&arguments.mechanism)?;
    let files = read_folder(&arguments.from).map_err(|error| error.to_string())?;
    let given = Given {
        area_cm2: arguments.area_cm2,
        sulfur_mg: arguments.sulfur_mg,
    };
    let mut draft = draft(&files, &mechanism, &given);
    check_used(&draft, &arguments.from, &mechanism)?;
    ask_for_missing(&mut draft, &mechanism);
    let writer = Writer {
        dir: &arguments.dir,
        name: &name,
        from: &arguments.from.display().to_string(),
        mechanism: &mechanism,
        mechanism_text: &mechanism_text,
    };
    let staged = writer.stage(&draft, &files)?;
    let study = writer.settle(&staged, &mut draft)?;
    check_used(&draft, &arguments.from, &mechanism)?;
    let choice = choose(&draft, &mechanism);
    let drafted = writer.drafted(&draft, &choice);
    write(&staged, &drafted)?;
    staged.commit().map_err(|error| error.to_string())?;
    print(&draft_summary(&drafted, &arguments.dir, &study));
    if super::console::is_quiet() {
        for doubt in draft.doubts(&mechanism) {
            super::say(&format!("warning: {doubt}"));
        }
        let required = drafted.required();
        if !required.is_empty() {
            let dataset = arguments.dir.join(DATASET_FILE);
            super::say(&format!(
                "to do: write {} into {}",
                required.join(" and "),
                dataset.display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of the experiment: that of its folder, which must not hold anything.
fn check_place(dir: &Path) -> Result<String, String> {
    let place = dir.display();
    let Some(name) = dir.file_name() else {
        return Err(format!(
            "{place}: found no name, expected that of a new folder"
        ));
    };
    if dir.exists() && !dir.is_dir() {
        return Err(format!(
            "{place}: found a file, expected a folder; choose another name"
        ));
    }
    let is_empty = match dir.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !dir.exists(),
    };
    if !is_empty {
        return Err(format!(
            "{place}: found a folder that holds files, expected none or an empty one; choose another name"
        ));
    }
    Ok(name.to_string_lossy().into_owned())
}

/// A mechanism of the program or of a file, and its text.
fn mechanism(named: &str) -> Result<(Mechanism, String), String> {
    let path = PathBuf::from(named);
    let text = match shipped_mechanism(named) {
        Some(text) => Ok(text.to_owned()),
        None => std::fs::read_to_string(&path),
    };
    let text = text.map_err(|error| {
        let names: Vec<&str> = shipped_mechanisms().collect();
        format!(
            "--mechanism {named}: found no mechanism of that name and no file ({error}), expected one of {} or a mechanism \
             file",
            names.join(", ")
        )
    })?;
    let mechanism = parse_mechanism(&path, &text).map_err(|error| error.to_string())?;
    Ok((mechanism, text))
}

/// At least one file must be of use.
fn check_used(draft: &Draft, from: &Path, mechanism: &Mechanism) -> Result<(), String> {
    if !draft.protocols.is_empty() {
        return Ok(());
    }
    let place = from.display();
    if draft.left_out.is_empty() {
        return Err(format!(
            "{place}: found no file, expected files of an instrument; check --from"
        ));
    }
    let reasons = draft
        .left_out
        .iter()
        .map(|(file, why)| format!("\n  {file}: {why}"));
    Err(format!(
        "{place}: found no file that can be fitted with the mechanism '{}', expected at least one; settle what stands behind \
         each file, or choose another folder{}",
        mechanism.name(),
        reasons.collect::<String>()
    ))
}

/// Asks whoever sits at the terminal for what no file states.
fn ask_for_missing(draft: &mut Draft, mechanism: &Mechanism) {
    if !std::io::stdin().is_terminal() {
        return;
    }
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stderr().lock());
    let mut ask = |question: &str, parse: fn(&str) -> Result<f64, String>| {
        let by = "stated by you".to_owned();
        let value = ask(&mut input, &mut output, question, parse)?;
        Some(Stated { value, by })
    };
    if draft.area_cm2.is_none() {
        draft.area_cm2 = ask("geometric area of the electrode (cm2)", area);
    }
    if mechanism.battery().is_some() && draft.sulfur_mg.is_none() {
        draft.sulfur_mg = ask("mass of the sulfur alone in the electrode (mg)", sulfur);
    }
}

/// A number, or nothing where the answer is empty.
fn ask(
    input: &mut impl BufRead,
    output: &mut impl Write,
    question: &str,
    parse: fn(&str) -> Result<f64, String>,
) -> Option<f64> {
    for _ in 0..QUESTIONS_MAX {
        // A terminal that is gone answers nothing.
        let _ = write!(output, "{question}, empty to write it later: ");
        let _ = output.flush();
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        let answer = line.trim();
        if answer.is_empty() {
            return None;
        }
        match parse(answer) {
            Ok(value) => return Some(value),
            Err(expected) => {
                let _ = writeln!(output, "found '{answer}', {expected}");
            }
        }
    }
    None
}

fn write(staged: &Staged, drafted: &Drafted<'_>) -> Result<(), String> {
    for (name, bytes) in drafted.files() {
        staged
            .write(&name, &bytes)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Writes drafts and reads them back.
struct Writer<'a> {
    dir: &'a Path,
    name: &'a str,
    from: &'a str,
    mechanism: &'a Mechanism,
    mechanism_text: &'a str,
}

impl Writer<'_> {
    fn drafted<'b>(&'b self, draft: &'b Draft, choice: &'b Choice) -> Drafted<'b> {
        Drafted {
            name: self.name,
            draft,
            choice,
            mechanism: self.mechanism,
            mechanism_text: self.mechanism_text,
            from: self.from,
        }
    }

    /// The folder beside its place, with copies of the files.
    fn stage(&self, draft: &Draft, files: &[FolderFile]) -> Result<Staged, String> {
        let staged = Staged::new(self.dir).map_err(|error| error.to_string())?;
        for record in draft.used() {
            if let Some(file) = files.iter().find(|file| file.name == record.file) {
                let name = format!("{RAW_FOLDER}/{}", file.name);
                staged
                    .copy(&file.path, &name)
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(staged)
    }

    /// Leaves out what the check refuses, until it accepts the rest; the study as it was checked.
    fn settle(&self, staged: &Staged, draft: &mut Draft) -> Result<Study, String> {
        loop {
            let problems = match self.checked(staged, draft) {
                Ok(study) => return Ok(study),
                Err(problems) => problems,
            };
            let mut is_less = false;
            for position in (0..draft.protocols.len()).rev() {
                let alone = Draft {
                    protocols: vec![draft.protocols[position].clone()],
                    ..draft.clone()
                };
                if let Err(reason) = self.checked(staged, &alone) {
                    for record in alone.used() {
                        let name = format!("{RAW_FOLDER}/{}", record.file);
                        staged.remove(&name).map_err(|error| error.to_string())?;
                    }
                    draft.drop_protocol(position, &reason);
                    is_less = true;
                }
            }
            if draft.protocols.is_empty() {
                check_used(draft, Path::new(self.from), self.mechanism)?;
            }
            if !is_less {
                return Err(format!(
                    "the experiment from {} is refused: {problems}",
                    self.from
                ));
            }
        }
    }

    /// What `sulfit check` says of a draft; numbers that only the user knows are stood in for.
    fn checked(&self, staged: &Staged, draft: &Draft) -> Result<Study, String> {
        let stand_in = || {
            let by = String::new();
            Some(Stated { value: 1.0, by })
        };
        let whole = Draft {
            area_cm2: draft.area_cm2.clone().or_else(stand_in),
            sulfur_mg: draft.sulfur_mg.clone().or_else(stand_in),
            ..draft.clone()
        };
        let choice = choose(&whole, self.mechanism);
        write(staged, &self.drafted(&whole, &choice))?;
        let experiment = staged.path().join(EXPERIMENT_FILE);
        read_study_or_problems(&experiment).map_err(|problems| {
            let place = format!("{}/", staged.path().display());
            let texts = problems.iter().map(|p| p.to_string().replace(&place, ""));
            texts.collect::<Vec<_>>().join("; ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answers: &str) -> (Option<f64>, String) {
        let mut shown = Vec::new();
        let value = ask(&mut answers.as_bytes(), &mut shown, "mass (mg)", sulfur);
        (value, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn a_number_is_asked_for_until_it_is_one() {
        assert_eq!(answered(" 1.5 \n").0, Some(1.5));
        let (value, shown) = answered("much\n-1\n0.8\n");
        assert_eq!(value, Some(0.8));
        assert!(shown.contains("found 'much', expected a number"), "{shown}");
        assert!(shown.contains("found '-1', expected a positive number"));
    }

    #[test]
    fn an_empty_answer_leaves_it_for_later() {
        assert_eq!(answered("\n").0, None);
        assert_eq!(answered("").0, None);
        let (value, shown) = answered("a\nb\nc\n2\n");
        assert_eq!(value, None);
        assert_eq!(shown.matches("mass (mg)").count(), QUESTIONS_MAX);
    }
}
