//! Bad input: one message with place, finding and expectation, exit code 2, nothing left behind.

use std::path::Path;
use std::process::Command;

use crate::support::project;

/// What to change in which file, and the message that it must give after the file's path; `{line}` stands for the
/// line of the change.
struct Case {
    file: &'static str,
    find: &'static str,
    put: &'static str,
    says: &'static str,
}

const MODEL: &str = "models/mg_s_tandem.toml";
const EXPERIMENT: &str = "experiments/star_lcnc.toml";
const TRAINING: &str = "experiments/star_lcnc_surrogate.toml";
const FACTS: &str = "datasets/guan_2024_star_lcnc/facts.csv";

const CASES: &[Case] = &[
    Case {
        file: TRAINING,
        find: "k4 = [1e-14, 1e-8]",
        put: "k4 = [1e-8, 1e-8]",
        says: ": box.bounds.k4: found [1e-8, 1e-8], expected two finite numbers, the lower one first",
    },
    Case {
        file: TRAINING,
        find: "Ls = [100.0, 500.0]",
        put: "Ls = [-5.0, 500.0]",
        says: ": box.bounds.Ls: found -5, expected a positive number: with less the cell would hold less electrolyte than its pores",
    },
    Case {
        file: TRAINING,
        find: "Kads = [12.0, 75.0]",
        put: "Kads = [12.0, 75.0]\nkdes = [1e-8, 1e-6]",
        says: ": box: found 'kdes' twice, expected each parameter once",
    },
    Case {
        file: TRAINING,
        find: "Kads = [12.0, 75.0]",
        put: "k2 = [1e-8, 1e-6]",
        says: ": box.bounds.k2: found 'k2', which is tied, expected the parameter that it follows",
    },
    Case {
        file: TRAINING,
        find: "parameters = [\"kdes\",",
        put: "parameters = [\"Rs\", \"kdes\",",
        says: ": box.parameters: found 'Rs', which has no bounds, expected a parameter with bounds and a prior, or its sides in [box.bounds]",
    },
    Case {
        file: TRAINING,
        find: "training = 7040",
        put: "training = 40",
        says: ": simulations.training: found 40, expected at least 84: fewer say nothing in 21 dimensions",
    },
    Case {
        file: TRAINING,
        find: "members = 4",
        put: "members = 1",
        says: ": network.members: found 1, expected at least 2, so that they can disagree",
    },
    Case {
        file: TRAINING,
        find: "capacity = { step = 1, cycle = 3 }",
        put: "capacity = { step = 1, cycle = 4 }",
        says: ": output 'capacity at any rate, cycle 3': found step 1 of protocol 'any_rate' without cycle 4, expected a quantity that the protocol gives",
    },
    Case {
        file: TRAINING,
        find: "protocols = [\"rate_test\",",
        put: "protocols = [\"rate_tests\",",
        says: ": protocols: found 'rate_tests', expected protocols of the experiment: ",
    },
    Case {
        file: TRAINING,
        find: "output = \"rate_0p1C\"",
        put: "output = \"rate\"",
        says: ": working.output: found 'rate', expected the name of an output that is a number",
    },
    Case {
        file: TRAINING,
        find: "protocol = \"any_rate\"\nstep = 1",
        put: "protocol = \"any_rate\"\nstep = 0",
        says: ": box.c_rate.step: found step 0 of protocol 'any_rate', expected a step with cycles",
    },
    Case {
        file: TRAINING,
        find: "points = 33",
        put: "points = 2",
        says: ": output 'first discharge at any rate'.points: found 2, expected 3 to 500",
    },
    Case {
        file: EXPERIMENT,
        find: "seed = 20240318 ",
        put: "surrogate = \"../models/absent\"\nseed = 20240318 ",
        says: "absent/card.json: cannot be read: No such file or directory (os error 2); check the path",
    },
    Case {
        file: EXPERIMENT,
        find: "seed = 20240318",
        put: "sead = 20240318",
        says: ":{line}: found key 'sead'; did you mean 'seed'? expected one of seed, candidates, starts, iterations_max, gradient_tolerance, search, polished, loss",
    },
    Case {
        file: EXPERIMENT,
        find: "mechanism = \"../models/mg_s_tandem.toml\"",
        put: "mechanism = \"../models/absent.toml\"",
        says: "absent.toml: cannot be read: No such file or directory (os error 2); check the path",
    },
    Case {
        file: EXPERIMENT,
        find: "lower_v = 0.4, upper_v = 2.1, record = true } },\n  { cycle = { c_rate = 0.1,",
        put: "lower_v = 0.4, upper_v = 3.6, record = true } },\n  { cycle = { c_rate = 0.1,",
        says: ": protocol.rate_test.step 1.cycle.upper_v: found 3.6, expected -3 V to 3.5 V, the electrolyte's window",
    },
    Case {
        file: EXPERIMENT,
        find: "{ rest = { duration_h = 6.0 } },\n  { cycle = { c_rate = 0.05, count = 5,",
        put: "{ rest = { duration_h = nan } },\n  { cycle = { c_rate = 0.05, count = 5,",
        says: ": protocol.rate_test.step 0.rest.duration_h: found NaN, expected a positive number",
    },
    Case {
        file: EXPERIMENT,
        find: "capacity = { step = 2, cycle = 3 }",
        put: "capacity = { step = 2, cycle = 9 }",
        says: ": observable 2 'rate_0p1C' of 'STAR@LCNC-S': found step 2 of protocol 'rate_test' without cycle 9, expected a quantity that the protocol produces",
    },
    Case {
        file: EXPERIMENT,
        find: "id = \"rate_0p1C\"",
        put: "id = \"rate_0p2C\"",
        says: "found no fact of that id and cell in",
    },
    Case {
        file: EXPERIMENT,
        find: "id = \"rate_0p1C\"",
        put: "id = \"high_loading_50_areal\"",
        says: "found a derived fact, expected the facts that it is derived from, which must not count twice",
    },
    Case {
        file: EXPERIMENT,
        find: "bounds = [1e-3, 1.0]",
        put: "bounds = [0.5, 1.0]",
        says: ": ratio 'kdes CNT/STAR'.bounds: found [0.5, 1], expected bounds that hold the start 0.35, the centre of the prior",
    },
    Case {
        file: EXPERIMENT,
        find: "solid = \"MgS\" }\n\n[[observable]]\nid = \"mgs_precipitation\"",
        put: "solid = \"MgS3\" }\n\n[[observable]]\nid = \"mgs_precipitation\"",
        says: ".growth_time.solid: found 'MgS3', expected a solid of the mechanism",
    },
    Case {
        file: EXPERIMENT,
        find: "parameters = [\"kdes\", \"k1\",",
        put: "parameters = [\"kdez\", \"k1\",",
        says: ": free.parameters, variant 'dead_mgs': found 'kdez', expected a parameter of the mechanism 'mg_s_tandem'; did you mean 'kdes'?",
    },
    Case {
        file: EXPERIMENT,
        find: "protocol = \"voltammetry\"",
        put: "protocol = \"voltametry\"",
        says: ".protocol: found 'voltametry', expected one of cycle_life, cycled_impedance, deposition,",
    },
    Case {
        file: EXPERIMENT,
        find: "fine = { separator = 6, cathode = 5,",
        put: "fine = { separator = 6, cathode = 0,",
        says: ": mesh.fine.cathode: found 0, expected 1 to 1000 volumes",
    },
    Case {
        file: MODEL,
        find: "equation = \"S8 + Mg_free + 2 e <=> MgS8\"",
        put: "equation = \"S8 + 2 Mg_free + 2 e <=> MgS8\"",
        says: ": reaction 'R1' is not balanced in Mg: 2 on the left, 1 on the right; correct the coefficients",
    },
    Case {
        file: MODEL,
        find: "equation = \"S8 + Mg_free + 2 e <=> MgS8\"",
        put: "equation = \"S8 + Mg_free + 1 e <=> MgS8\"",
        says: ": reaction 'R1' is not balanced in charge: 1 on the left, 0 on the right; correct the coefficients",
    },
    Case {
        file: MODEL,
        find: "equation = \"S8_solid <=> S8\"",
        put: "equation = \"S8_solid <=> S9\"",
        says: ": reaction 'sulfur dissolution' names the unknown species 'S9'; add a [[species]] of that name",
    },
    Case {
        file: MODEL,
        find: "conductivity = \"kap\"",
        put: "conductivity = \"Ds\"",
        says: ": cell.conductivity: found 'Ds' in m^2 s^-1, expected a unit like S m^-1",
    },
    Case {
        file: MODEL,
        find: "unit = \"mol m^-2 s^-1\"\nbounds = [1e-08, 0.0001]",
        put: "unit = \"mol m^-2 fortnight^-1\"\nbounds = [1e-08, 0.0001]",
        says: "has an unknown part 'fortnight^-1'",
    },
    Case {
        file: MODEL,
        find: "bounds = [1e-08, 0.0001]",
        put: "bounds = [1e-5, 0.0001]",
        says: ": parameter.kdes.value: found 1.2386538994732888e-6, outside the bounds, expected 1e-5 to 1e-4",
    },
    Case {
        file: MODEL,
        find: "temperature = \"T\"",
        put: "temperature = \"Temp\"",
        says: ": cell.temperature: found the unknown parameter 'Temp', expected a [parameter.Temp] with a unit like K",
    },
    Case {
        file: MODEL,
        find: "reservoir = true\n\n[[species]]\nname = \"Cl\"",
        put: "\n[[species]]\nname = \"Cl\"",
        says: ": species 'Mg': found 0 phases, expected one of electrolyte, solid, surface, anode_film, reservoir",
    },
    Case {
        file: FACTS,
        find: "specific_discharge_capacity,1107,",
        put: "specific_discharge_capacity,inf,",
        says: ": line 2, column 'value': found 'inf', expected a finite number or nothing",
    },
    Case {
        file: FACTS,
        find: "id,cell,",
        put: "key,cell,",
        says: ": column 'id': found nothing, expected a column of that name",
    },
    Case {
        file: EXPERIMENT,
        find: "compared = [\"kl\"]",
        put: "compared = [\"kx\"]",
        says: ": variant 'shuttle'.compared: found 'kx', expected the name of a free quantity of the variant",
    },
    Case {
        file: EXPERIMENT,
        find: "prior = { median = 2e-9, sd_ln = 2.3 }",
        put: "prior = { median = 2e-9, sd_ln = 1.0 }",
        says: ": variant 'shuttle'.parameter.kl.prior: found a standard deviation of 1, expected 2.3 like 'kd', as compared constants need equally wide priors",
    },
    Case {
        file: EXPERIMENT,
        find: "compared = [\"kl\"]",
        put: "compared = [\"kl\"]\nmechanism = \"../models/absent.toml\"",
        says: "absent.toml: cannot be read: No such file or directory (os error 2); check the path",
    },
    Case {
        file: EXPERIMENT,
        find: "prior = { median = 0.35, sd_ln = 1.0 }",
        put: "prior = { median = 0.35, sd_ln = 1.0, flat = \"ln\" }",
        says: ": ratio 'kdes CNT/STAR'.prior: found flat beside other keys, expected flat alone: it says that nothing is believed",
    },
    Case {
        file: EXPERIMENT,
        find: "reading = [\n  { sd = 0.008, of",
        put: "reading = [\n  { sd = 0.008, relative_sd = 0.1, of",
        says: ": candidate 'voltammogram at 0.02 mV/s, both cells'.reading 1: found both or neither of sd and relative_sd, expected one of them: how exactly it would be measured",
    },
    Case {
        file: EXPERIMENT,
        find: "starts = 2\n",
        put: "starts = 2\npolished = 0\n",
        says: ": fit.polished: found 0, expected at least 1",
    },
    Case {
        file: EXPERIMENT,
        find: "starts = 2\n",
        put: "starts = 2\nsearch = { swarm = { rounds = 0 } }\n",
        says: ": fit.search.swarm.rounds: found 0, expected at least 1",
    },
    Case {
        file: EXPERIMENT,
        find: "starts = 2\n",
        put: "starts = 2\nloss = { huber = { from_sd = -1.0 } }\n",
        says: ": fit.loss.from_sd: found -1, expected a positive number",
    },
    Case {
        file: EXPERIMENT,
        find: "[[alternative]]",
        put: "[[noise]]\nname = \"n\"\nobservables = [[\"rate_1C\", \"STAR@LCNC-S\"], [\"rate_1C\", \"STAR@LCNC-S\"]]\n\n[[alternative]]",
        says: ": noise 'n'.observables: found 'rate_1C' of 'STAR@LCNC-S' twice, expected every observable in one group only",
    },
    Case {
        file: EXPERIMENT,
        find: "[[alternative]]",
        put: "[[calibration]]\nname = \"c\"\nadds = { offset = { sd = 0.01 } }\nobservables = [[\"rate_1C\", \"STAR@LCNC-S\"]]\n\n[[alternative]]",
        says: ": calibration 'c'.observables: found 'rate_1C', whose uncertainty is not absolute, expected observables with an absolute uncertainty, so that an offset is linear",
    },
    Case {
        file: EXPERIMENT,
        find: "[[alternative]]",
        put: "[[calibration]]\nname = \"c\"\nadds = { ohmic_drop = { sd_ohm_m2 = 0.01 } }\nobservables = [[\"cv_first_oxidation\", \"CNT-S\"]]\n\n[[alternative]]",
        says: ": calibration 'c'.observables: found 'cv_first_oxidation', which is no voltage under an imposed current, expected activation voltages: a cut-off or an imposed voltage would feel the drop itself",
    },
];

/// Copies the files of the shipped experiment into `folder`.
fn copy(folder: &Path) {
    for file in [
        MODEL,
        EXPERIMENT,
        TRAINING,
        FACTS,
        "datasets/guan_2024_star_lcnc/dataset.toml",
    ] {
        let to = folder.join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(project(file), to).unwrap();
    }
}

/// Changes a file once and returns the line of the change, counted from one.
fn edit(path: &Path, find: &str, put: &str) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let at = text.find(find);
    let at = at.unwrap_or_else(|| panic!("{}: no '{find}'", path.display()));
    std::fs::write(path, text.replacen(find, put, 1)).unwrap();
    text[..at].matches('\n').count() + 1
}

/// Runs `sulfit fit` in `folder`; exit code and stderr.
fn fit(folder: &Path) -> (Option<i32>, String) {
    run(folder, "fit", EXPERIMENT)
}

/// Runs a command on a file in `folder`; exit code and stderr.
fn run(folder: &Path, command: &str, file: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args([command, file, "--out", "out"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn every_mistake_gives_one_message_and_leaves_nothing() {
    let mut wrong = Vec::new();
    for case in CASES {
        let folder = tempfile::tempdir().unwrap();
        copy(folder.path());
        let line = edit(&folder.path().join(case.file), case.find, case.put);
        let says = case.says.replace("{line}", &line.to_string());
        let (code, message) = match case.file {
            TRAINING => run(folder.path(), "train", TRAINING),
            _ => fit(folder.path()),
        };
        let is_right = code == Some(2)
            && message.starts_with("error: ")
            && message.contains(&says)
            && message.lines().count() == 1;
        if !is_right {
            wrong.push(format!(
                "'{}' exits with {code:?} and says: {message}",
                case.put
            ));
        }
        assert!(
            !folder.path().join("out").exists(),
            "a folder was left behind"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn empty_data_set_is_told() {
    let folder = tempfile::tempdir().unwrap();
    copy(folder.path());
    let facts = folder.path().join(FACTS);
    let text = std::fs::read_to_string(&facts).unwrap();
    std::fs::write(&facts, text.lines().next().unwrap()).unwrap();
    let (code, message) = fit(folder.path());
    assert_eq!(code, Some(2));
    assert!(
        message.contains("rows: found none, expected at least one fact"),
        "{message}"
    );
}

#[test]
fn any_text_is_refused_without_a_panic() {
    for text in [
        "",
        "name = 1",
        "[[[",
        "\u{feff}",
        "name = \"x\"\nmechanism = \"../experiments\"",
        "\0\0",
    ] {
        let folder = tempfile::tempdir().unwrap();
        copy(folder.path());
        std::fs::write(folder.path().join(EXPERIMENT), text).unwrap();
        let (code, message) = fit(folder.path());
        assert_eq!(code, Some(2), "{text:?} gave: {message}");
    }
}
