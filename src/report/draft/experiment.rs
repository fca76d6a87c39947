//! The experiment file of a drafted experiment.

use std::fmt::Write;

use super::CELL;
use super::DATASET_FILE;
use super::Drafted;
use super::MECHANISM_FILE;
use super::comment;
use super::number;
use super::plan_in_words;
use super::quoted;
use crate::draft::DraftProtocol;
use crate::draft::DraftRecord;
use crate::draft::Plan;
use crate::units::short;

const MESH_OF_BATTERY: &str = "\
# In how many volumes the cell is cut and how exactly it is integrated. `coarse` finds the optimum, `fine` ends the fit.
# separator, cathode: number of volumes. relative_tolerance: of the integrator. absolute_factor: times its usual absolute one.
[mesh]
coarse = { separator = 4, cathode = 3, relative_tolerance = 1e-4, absolute_factor = 10.0 }
fine = { separator = 8, cathode = 8, relative_tolerance = 1e-6, absolute_factor = 0.1 }
";
const MESH_OF_HALF_CELL: &str = "\
# In how many volumes the electrolyte is cut and how exactly it is integrated. `coarse` finds the optimum, `fine` ends the
# fit. relative_tolerance: of the integrator. absolute_factor: times its usual absolute one.
[mesh]
coarse = { electrolyte = 50, relative_tolerance = 1e-4, absolute_factor = 10.0 }
fine = { electrolyte = 100, relative_tolerance = 1e-5, absolute_factor = 1.0 }
";
const FIT: &str = "\
[fit]
seed = 1                     # of all that is drawn by chance: the same seed gives the same bytes
candidates = 16              # points drawn through the priors and rated
starts = 2                   # the best of them that are followed down; more (--starts N) cost time and find more valleys
iterations_max = 40          # steps of the least squares from each start
gradient_tolerance = 1e-3    # a fit ends where the scaled gradient of the cost is below this
# search = \"sobol\"           # default; or { swarm = { rounds = 20 } }
# polished = 1               # default: distinct optima that are fitted on the fine mesh
# loss = \"squares\"           # default; { huber = { from_sd = 2.0 } } lets outliers pull less
";
const PROTOCOLS: &str = "\
# What was done to the cell. Every protocol begins with a fresh cell; steps are counted from zero.
# as_recorded: the steps are those that the record shows (currents and cut-offs of cycles, vertices and rate of sweeps,
# frequencies); cycles = N takes its first N cycles or pairs of ramps only [default: all]. replay: the recorded signal itself.
# Other steps: rest, cycle, discharge, charge, sweep, hold, impedance; experiments/star_lcnc.toml of sulfit shows them.
";
const CURVES: &str = "\
# Which record is compared with which protocol. The noise of a curve is estimated from its scatter unless it says
# noise = \"stated\" [default: \"estimated\"]; fit = false only compares [default: true]; offset_sd = X solves for an unknown
# offset of the instrument [default: none].
# galvanostatic: voltage over charge; cycles are counted through the protocol, record_begins_with is the cycle of the
# protocol with which the record begins; points = 30 each, sd_v = 0.005 V, charge_relative_sd = 0.01 [defaults].
# voltammogram: points = 50 a ramp, share_sd = 0.01 of the largest current [defaults]. impedance: points = 60,
# share_sd = 0.01 of |Z| [defaults]; points that break the Kramers-Kronig relations are left out unless keep = true.
# over_time: points = 200, sd_v = 0.005 V or share_sd = 0.01 [defaults].
";

/// The text of the experiment.
pub(super) fn experiment(drafted: &Drafted<'_>) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_experiment(&mut text, drafted);
    text
}

fn write_experiment(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    let is_battery = drafted.mechanism.battery().is_some();
    write_head(text, drafted)?;
    writeln!(
        text,
        "{}",
        if is_battery {
            MESH_OF_BATTERY
        } else {
            MESH_OF_HALF_CELL
        }
    )?;
    writeln!(text, "{FIT}")?;
    write_cell(text, drafted)?;
    writeln!(text, "{PROTOCOLS}")?;
    for protocol in &drafted.draft.protocols {
        write_protocol(text, drafted, protocol)?;
    }
    writeln!(text, "{CURVES}")?;
    for protocol in &drafted.draft.protocols {
        write_curves(text, drafted, protocol)?;
    }
    write_free(text, drafted)
}

fn write_head(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    let draft = drafted.draft;
    writeln!(
        text,
        "# A first experiment, proposed by sulfit new from the files of {}.",
        comment(drafted.from)
    )?;
    writeln!(
        text,
        "# What is marked ASSUMED stands in no file: look at it first."
    )?;
    writeln!(text)?;
    writeln!(
        text,
        "name = {}    # results go to results/NAME",
        quoted(drafted.name)
    )?;
    writeln!(
        text,
        "mechanism = \"{MECHANISM_FILE}\"    # reactions and parameters of '{}': values, bounds and priors stand there",
        comment(drafted.mechanism.name())
    )?;
    writeln!(
        text,
        "dataset = \"{DATASET_FILE}\"    # names the measured files, with area and mass"
    )?;
    writeln!(text)?;
    writeln!(text, "# Repeated in every result. All are ASSUMED.")?;
    writeln!(text, "assumptions = [")?;
    let mut assumptions = vec![
        "all files belong to one cell, or to cells made alike".to_owned(),
        "every protocol begins with a fresh cell".to_owned(),
        "what is not free has the value of the mechanism file".to_owned(),
    ];
    let turned = draft
        .used()
        .filter(|record| record.positive_current.is_some());
    assumptions
        .extend(turned.map(|record| format!("the sign of the current of '{}'", record.name)));
    let later = draft.used().filter(|record| record.only_compared.is_some());
    assumptions.extend(
        later.map(|record| format!("'{}' is only compared, with a fresh cell", record.name)),
    );
    for assumption in assumptions {
        writeln!(text, "  {},", quoted(&comment(&assumption)))?;
    }
    writeln!(text, "]\n")
}

fn write_cell(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    writeln!(text, "[[cell]]")?;
    writeln!(
        text,
        "name = \"{CELL}\"    # area and mass of its electrode are those of {DATASET_FILE}\n"
    )?;
    writeln!(
        text,
        "# What your files do not tell and you may know. The values are those of the mechanism file: ASSUMED."
    )?;
    writeln!(text, "[cell.parameters]")?;
    for one in &drafted.choice.assumed {
        writeln!(
            text,
            "{} = {}    # {}: {}; ASSUMED ({})",
            key(&one.name),
            number(one.value),
            unit(&one.unit),
            comment(&one.meaning),
            comment(&one.source)
        )?;
    }
    writeln!(text)
}

/// A key of TOML, quoted where it must be.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn unit(unit: &str) -> &str {
    if unit == "1" { "no unit" } else { unit }
}

fn write_protocol(
    text: &mut String,
    drafted: &Drafted<'_>,
    protocol: &DraftProtocol,
) -> std::fmt::Result {
    writeln!(text, "[protocol.{}]", protocol.name)?;
    writeln!(
        text,
        "start = \"fresh\"    # ASSUMED; or coated, catholyte, symmetric"
    )?;
    writeln!(text, "step = [")?;
    if let Some((rest_s, why)) = &protocol.rest {
        let mark = if why.contains("no file") {
            "ASSUMED; "
        } else {
            ""
        };
        let hours = number(rest_s / 3600.0);
        writeln!(
            text,
            "  {{ rest = {{ duration_h = {hours} }} }},    # {mark}{why}"
        )?;
    }
    for (i, (record, between_s)) in protocol.records.iter().enumerate() {
        if i > 0 && *between_s > 60.0 {
            let hours = number(between_s / 3600.0);
            writeln!(
                text,
                "  {{ rest = {{ duration_h = {hours} }} }},    # by the clocks of both files"
            )?;
        }
        if i > 0 {
            writeln!(
                text,
                "  # by its clock this one goes on from the one before"
            )?;
        }
        write_step(text, &drafted.draft.records[*record])?;
    }
    writeln!(text, "]\n")
}

fn write_step(text: &mut String, record: &DraftRecord) -> std::fmt::Result {
    let name = quoted(&record.name);
    let cycles = match record.plan {
        Plan::Cycles { n_run, n_held, .. } if n_run < n_held => Some(n_run),
        Plan::Sweep { pairs, .. } => pairs,
        _ => None,
    };
    let cycles = cycles.map_or(String::new(), |n| format!(", cycles = {n}"));
    match &record.plan {
        Plan::Replay {
            imposes_current,
            window_h,
            gap_max_s,
            ..
        } => {
            let quantity = if *imposes_current {
                "current"
            } else {
                "voltage"
            };
            let window = format!("from_h = {:?}, to_h = {:?}", window_h.0, window_h.1);
            let gap = gap_max_s.map_or(String::new(), |s| format!(", gap_max_s = {s:?}"));
            writeln!(
                text,
                "  {{ replay = {{ record = {name}, quantity = \"{quantity}\", {window}{gap} }} }},    # hours on the record's own clock"
            )
        }
        _ => writeln!(
            text,
            "  {{ as_recorded = {{ cell = \"{CELL}\", record = {name}{cycles} }} }},"
        ),
    }
}

fn write_curves(
    text: &mut String,
    drafted: &Drafted<'_>,
    protocol: &DraftProtocol,
) -> std::fmt::Result {
    let step = usize::from(protocol.rest.is_some());
    let mut n_before = 0;
    for (record, _) in &protocol.records {
        let record = &drafted.draft.records[*record];
        writeln!(
            text,
            "[[curve]]    # {}",
            comment(&plan_in_words(&record.plan))
        )?;
        writeln!(text, "cell = \"{CELL}\"")?;
        writeln!(text, "record = {}", quoted(&record.name))?;
        writeln!(text, "protocol = \"{}\"", protocol.name)?;
        match &record.plan {
            Plan::Cycles {
                n_run, compared, ..
            } => {
                let cycles: Vec<String> = compared
                    .iter()
                    .map(|c| (c + n_before).to_string())
                    .collect();
                writeln!(
                    text,
                    "galvanostatic = {{ cycles = [{}], record_begins_with = {} }}",
                    cycles.join(", "),
                    n_before + 1
                )?;
                n_before += n_run;
            }
            Plan::Sweep { .. } => {
                writeln!(text, "voltammogram = {{ step = {step}, points = 60 }}")?;
            }
            Plan::Spectrum { .. } => writeln!(text, "impedance = {{ step = {step} }}")?,
            Plan::Replay {
                imposes_current,
                window_h,
                ..
            } => {
                let quantity = if *imposes_current {
                    "voltage"
                } else {
                    "current"
                };
                let (from_s, to_s) = (3600.0 * window_h.0, 3600.0 * window_h.1);
                writeln!(
                    text,
                    "over_time = {{ step = {step}, quantity = \"{quantity}\", recorded_from_s = {from_s:?}, from_s = 0.0, to_s = {:?} }}",
                    to_s - from_s
                )?;
            }
        }
        if let Some(reason) = &record.only_compared {
            writeln!(
                text,
                "fit = false    # {}: write what was done before into its protocol, then delete this line",
                comment(reason)
            )?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn write_free(text: &mut String, drafted: &Drafted<'_>) -> std::fmt::Result {
    let choice = drafted.choice;
    writeln!(
        text,
        "# What is fitted. Bounds and priors (what is believed before the data) stand in {MECHANISM_FILE}; a fit tells which of"
    )?;
    writeln!(text, "# these the curves know. Fewer make it faster.")?;
    writeln!(text, "[free]")?;
    writeln!(text, "parameters = [")?;
    for one in &choice.free {
        let start = if one.starts_from_curves {
            "; starts from what the curves show"
        } else {
            ""
        };
        writeln!(
            text,
            "  {},    # {}: {}{start}",
            quoted(&one.name),
            unit(&one.unit),
            comment(&one.meaning)
        )?;
    }
    writeln!(text, "]")?;
    for (name, meaning, reason) in &choice.fixed {
        writeln!(
            text,
            "# not free: {} ({}): {reason}",
            comment(name),
            comment(meaning)
        )?;
    }
    writeln!(text)?;
    writeln!(
        text,
        "# One explanation of the data. A second [[variant]] is compared with it; in each, [variant.parameter.NAME] may hold"
    )?;
    writeln!(text, "# value, bounds or prior of its own.")?;
    writeln!(text, "[[variant]]")?;
    writeln!(text, "name = \"first\"")?;
    writeln!(text, "meaning = \"the mechanism as its file states it\"")?;
    writeln!(
        text,
        "blind = \"no\"    # for predictions only: yes, parameters_only or no"
    )
}

/// Hours of a rest in words.
pub(super) fn hours(rest_s: f64) -> String {
    format!("{} h", short(rest_s / 3600.0))
}
