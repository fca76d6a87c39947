//! What to do with a drafted experiment.

use std::fmt::Write;

use super::DATASET_FILE;
use super::Drafted;
use super::EXPERIMENT_FILE;
use super::MECHANISM_FILE;
use super::comment;
use super::plan_in_words;

/// The text of the README.
pub(super) fn readme(drafted: &Drafted<'_>) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_readme(&mut text, drafted);
    text
}

fn write_readme(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    writeln!(text, "# {}\n", comment(drafted.name))?;
    writeln!(
        text,
        "A first experiment, proposed by `sulfit new`. In this folder:\n"
    )?;
    let required = drafted.required();
    if !required.is_empty() {
        let keys = required.join("` and `");
        writeln!(
            text,
            "**First** write `{keys}` into `{DATASET_FILE}`, in place of REQUIRED. Then:\n"
        )?;
    }
    writeln!(text, "```")?;
    writeln!(
        text,
        "sulfit check {EXPERIMENT_FILE}    # is everything there and possible?"
    )?;
    writeln!(
        text,
        "sulfit simulate {EXPERIMENT_FILE} # what the model gives before anything is fitted"
    )?;
    writeln!(
        text,
        "sulfit fit {EXPERIMENT_FILE}      # minutes; Ctrl-C ends it at the best point so far"
    )?;
    let name = comment(drafted.name);
    writeln!(
        text,
        "sulfit report results/{name}    # one page about it: results/{name}/report.html"
    )?;
    writeln!(text, "```\n")?;
    writeln!(
        text,
        "The fit writes tables, figures and `result.json` into `results/`. Look first at the charts of the page: where a curve is not met, the mechanism or an assumption is wrong, and the constants mean nothing.\n"
    )?;
    writeln!(text, "| file | content |")?;
    writeln!(text, "|---|---|")?;
    writeln!(
        text,
        "| `{EXPERIMENT_FILE}` | protocols, curves, what is free; every key explained; what is ASSUMED is marked |"
    )?;
    writeln!(
        text,
        "| `{DATASET_FILE}` | area, mass, and the measured files |"
    )?;
    writeln!(
        text,
        "| `{MECHANISM_FILE}` | reactions, values, bounds and priors of '{}' |",
        comment(drafted.mechanism.name())
    )?;
    writeln!(text, "| `raw/` | copies of the measured files |\n")?;
    write_records(text, drafted)
}

/// What is compared and what is not used.
fn write_records(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    let draft = drafted.draft;
    writeln!(text, "What is compared:\n")?;
    for record in draft.used() {
        let compared = match &record.only_compared {
            None => String::new(),
            Some(reason) => format!("; only compared: {}", comment(reason)),
        };
        writeln!(
            text,
            "- `{}` ({}): {}{compared}",
            comment(&record.file),
            record.technique,
            comment(&plan_in_words(&record.plan))
        )?;
    }
    if !draft.left_out.is_empty() {
        writeln!(text, "\nNot used:\n")?;
        for (file, reason) in &draft.left_out {
            writeln!(text, "- `{}`: {}", comment(file), comment(reason))?;
        }
    }
    Ok(())
}
