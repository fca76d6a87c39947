//! `sulfit predict`: the contract of its files, the same bytes on any number of threads, agreement with the fit's own
//! simulations, bad input.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::sync::OnceLock;

use sulfit::config::read_fitted;
use sulfit::config::read_study;
use sulfit::predict::Condition;
use sulfit::predict::Setting;
use sulfit::predict::controls;

use crate::support::project;

const FILE: &str = "tests/files/good/small_predict.toml";

pub(crate) fn sulfit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(arguments)
        .current_dir(project(""))
        .output()
        .unwrap()
}

/// The fit of the small experiment, done once for all tests.
pub(crate) fn small_fit() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().to_str().unwrap();
            let output = sulfit(&["fit", "tests/files/good/small.toml", "--out", out]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            folder
        })
        .path()
}

fn predicted(out: &Path, threads: &str) -> Output {
    let (fit, out) = (small_fit().to_str().unwrap(), out.to_str().unwrap());
    sulfit(&[
        "predict",
        FILE,
        "--fit",
        fit,
        "--out",
        out,
        "--threads",
        threads,
    ])
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn entry<'j>(
    prediction: &'j serde_json::Value,
    (loading, rate, cycle): (f64, f64, u64),
    quantity: &str,
) -> &'j serde_json::Value {
    let grid = prediction["grid"].as_array().unwrap();
    let is =
        |value: &serde_json::Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 1e-9;
    let found = grid.iter().find(|e| {
        is(&e["loading_mg_cm2"], loading)
            && is(&e["c_rate"], rate)
            && e["cycle"] == cycle
            && e["quantity"] == quantity
    });
    found.unwrap()
}

#[test]
fn predictions_keep_their_contract() {
    let folder = tempfile::tempdir().unwrap();
    let output = predicted(folder.path(), "2");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let prediction = json(&folder.path().join("prediction.json"));
    assert_eq!(prediction["model_weights"]["only"], 1.0);
    let grid = prediction["grid"].as_array().unwrap();
    // 6 conditions of 2 cycles: five quantities, in the second cycle the retention, too.
    assert_eq!(grid.len(), 6 * (5 + 6));
    for entry in grid {
        let number = |key: &str| entry[key].as_f64().unwrap();
        assert!(number("lower") <= number("median") && number("median") <= number("upper"));
        assert!(number("parameter_sd") >= 0.0 && number("model_sd").abs() < 1e-12);
        assert!(number("extrapolation") >= 1.0);
        assert!(entry["limiting"].is_string() && entry["unit"].is_string());
    }
    let number = |at: (f64, f64, u64), quantity: &str| {
        entry(&prediction, at, quantity)["at_optimum"]["only"]
            .as_f64()
            .unwrap()
    };
    for at in [(1.0, 0.1, 1), (4.0, 0.5, 2)] {
        let capacity = number(at, "capacity");
        assert!((number(at, "areal_capacity") - 1e-3 * at.0 * capacity).abs() < 1e-9);
        let voltage = number(at, "energy") / capacity;
        assert!((0.4..1.8).contains(&voltage), "{voltage}");
        // Power is mean voltage times current.
        assert!((number(at, "power") - voltage * 1672.0 * at.1).abs() < 1e-6 * number(at, "power"));
    }
    // Four times the loading of the data, and no scatter in the fit's own conditions.
    let far = entry(&prediction, (4.0, 0.1, 1), "capacity");
    assert!((far["extrapolation"].as_f64().unwrap() - 4.0).abs() < 1e-9);
    assert_eq!(prediction["failed_solves"], 0);
    assert_eq!(prediction["best_loadings"].as_array().unwrap().len(), 4);
    let scores = prediction["scores"].as_array().unwrap();
    assert_eq!(scores.len(), 2, "the thick cell against two baselines");
    assert_eq!(scores[0]["left_out"], "high_loading_initial");
    assert_eq!(scores[0]["blind"], "yes");
    for file in [
        "prediction.csv",
        "map_cycle_1.svg",
        "areal_capacity_cycle_2.svg",
        "voltage_curves.svg",
    ] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
    let table = std::fs::read_to_string(folder.path().join("prediction.csv")).unwrap();
    assert_eq!(table.lines().count(), grid.len() + 1);
}

/// The same bytes on one thread, and from what an earlier run has left.
#[test]
fn predictions_are_the_same_on_any_number_of_threads_and_resumed() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(predicted(one.path(), "1").status.success());
    assert!(predicted(two.path(), "2").status.success());
    let bytes = |folder: &Path| std::fs::read(folder.join("prediction.csv")).unwrap();
    assert_eq!(bytes(one.path()), bytes(two.path()));
    let first = bytes(two.path());
    assert!(predicted(two.path(), "2").status.success());
    assert_eq!(bytes(two.path()), first);
}

/// At the optimum, in the thick cell of the experiment, a prediction is what the fit itself simulated.
#[test]
fn prediction_is_the_fit_in_the_fits_own_cell() {
    let folder = tempfile::tempdir().unwrap();
    assert!(predicted(folder.path(), "2").status.success());
    let prediction = json(&folder.path().join("prediction.json"));
    let fit = json(&small_fit().join("result.json"));
    let of_fit = fit["predictions"][0]["model"].as_f64().unwrap();
    let own = entry(&prediction, (4.0, 0.1, 1), "capacity")["at_optimum"]["only"]
        .as_f64()
        .unwrap();
    // Recorded cycles are integrated tighter.
    assert!((own - of_fit).abs() < 1e-3 * of_fit, "{own} {of_fit}");
    // Curvature and draws agree where the answer is nearly linear.
    let sd_of_fit = fit["predictions"][0]["sd"].as_f64().unwrap();
    let sd = entry(&prediction, (4.0, 0.1, 1), "capacity")["parameter_sd"]
        .as_f64()
        .unwrap();
    assert!((0.3..3.0).contains(&(sd / sd_of_fit)), "{sd} {sd_of_fit}");
}

/// Degrees of rate control are relative derivatives.
#[test]
fn rate_control_is_the_derivative() {
    let study = read_study(&project("tests/files/good/small.toml")).unwrap();
    let fitted = read_fitted(small_fit(), &study).unwrap();
    let variant = &study.variants[0];
    let protocol = study
        .protocols
        .iter()
        .find(|p| p.name == "thick_cell")
        .unwrap();
    let mut setting = Setting {
        protocol: protocol.clone(),
        step: 1,
        cycles: vec![1],
    };
    if let sulfit::protocol::Step::Cycle(cycles) = &mut setting.protocol.steps[1] {
        cycles.recorded = sulfit::protocol::Recorded::All;
    }
    let condition = Condition {
        loading_kg_m2: 0.02,
        c_rate: 1.0,
        electrolyte_m3_kg: None,
    };
    let values = study.values(variant, &fitted[0].x, 0, 0);
    let values = Setting::designed(&variant.mechanism, values, &condition).unwrap();
    let resolution = study.coarse;
    let control = &controls(
        &setting,
        &variant.mechanism,
        &values,
        (&condition, resolution),
    )
    .unwrap()[0];
    let id = variant.mechanism.parameters().find("kdes").unwrap();
    let at = |factor: f64| {
        let mut moved = values.clone();
        moved[id.index()] *= factor;
        let answers = setting.simulated::<f64>(
            &variant.mechanism,
            &moved,
            &condition,
            (resolution, 1),
            None,
        );
        answers.unwrap().0[0].capacity
    };
    let difference = (at(1.02) / at(0.98)).ln() / (1.02_f64 / 0.98).ln();
    let (_, _, degree) = control
        .degrees
        .iter()
        .find(|(name, ..)| name == "desolvation")
        .unwrap();
    assert!(
        (degree - difference).abs() < 0.02 + 0.05 * difference.abs(),
        "{degree} {difference}"
    );
}

/// The electrolyte of a condition is that of pores and separator together; less than the pores take up is refused.
#[test]
fn electrolyte_sets_the_separator() {
    let study = read_study(&project("tests/files/good/small.toml")).unwrap();
    let variant = &study.variants[0];
    let centre: Vec<f64> = variant
        .free
        .iter()
        .map(|f| f.prior_coordinates().0)
        .collect();
    let values = study.values(variant, &centre, 0, 0);
    let roles = variant.mechanism.roles();
    let condition = |ul_mg: f64| Condition {
        loading_kg_m2: 0.04,
        c_rate: 0.1,
        electrolyte_m3_kg: Some(ul_mg * 1e-3),
    };
    let thickness = |ul_mg: f64| {
        let designed =
            Setting::designed(&variant.mechanism, values.clone(), &condition(ul_mg)).unwrap();
        designed[roles.separator_thickness.index()]
    };
    // 1 µL/mg more at 4 mg/cm2 is 4 µL/cm2, which fill 40 µm/0.9.
    let porosity = values[roles.separator_porosity.index()];
    assert!((thickness(11.0) - thickness(10.0) - 40e-6 / porosity).abs() < 1e-9);
    let error = Setting::designed(&variant.mechanism, values.clone(), &condition(0.5)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("which the pores of the cathode take up"),
        "{error}"
    );
}

#[test]
fn check_tells_what_a_prediction_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let fit = small_fit().to_str().unwrap();
    let path = edited(folder.path(), "no_fit_here", fit);
    let output = sulfit(&["check", path.to_str().unwrap()]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("6 conditions, cycles [1, 2], 12 draws of each of 1 variants"),
        "{told}"
    );
    let file = std::fs::read_to_string(project("tests/files/good/small_rank.toml")).unwrap();
    let small = project("tests/files/good/small.toml");
    let table = project("tests/files/good/small_candidates.csv");
    let file = file
        .replace("no_fit_here", fit)
        .replace("\"small.toml\"", &format!("\"{}\"", small.display()))
        .replace("small_candidates.csv", table.to_str().unwrap());
    std::fs::write(&path, file).unwrap();
    let output = sulfit(&["check", path.to_str().unwrap()]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("5 candidates, 1 of them fitted, against STAR"),
        "{told}"
    );
}

/// A copy of the prediction file with one change, and what it must say.
fn refusal(find: &str, put: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = edited(folder.path(), find, put);
    let out = folder.path().join("out");
    let output = sulfit(&[
        "predict",
        path.to_str().unwrap(),
        "--fit",
        small_fit().to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2), "{put}");
    assert!(!out.exists(), "a folder was left behind");
    String::from_utf8(output.stderr).unwrap()
}

fn edited(folder: &Path, find: &str, put: &str) -> PathBuf {
    let text = std::fs::read_to_string(project(FILE)).unwrap();
    assert!(text.contains(find), "{find}");
    let small = project("tests/files/good/small.toml");
    let text = text
        .replacen(find, put, 1)
        .replace("\"small.toml\"", &format!("\"{}\"", small.display()));
    let path = folder.join("predict.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// What to change into what, and what that must say.
const CASES: &[(&str, &str, &str)] = &[
    (
        "cell = \"STAR@LCNC-S\"",
        "cell = \"STAR\"",
        "cell: found 'STAR', expected one of STAR@LCNC-S",
    ),
    (
        "protocol = \"grid\"",
        "protocol = \"thick_cell\"",
        "protocol: found 'thick_cell', whose cycles are not all recorded, expected record = \"all\" there",
    ),
    (
        "protocol = \"grid\"",
        "protocol = \"polarisation\"",
        "protocol: found 'polarisation' with 0 steps of cycles, expected a protocol of a fresh cell with exactly one step of cycles",
    ),
    (
        "protocol = \"grid\"",
        "protocol = \"grind\"",
        "protocol: found 'grind', expected one of grid, discharge, polarisation, thick_cell",
    ),
    (
        "cycles = [2]",
        "cycles = [5]",
        "cycles: found 5, expected cycles of protocol 'grid', which has 2",
    ),
    (
        "cycles = [2]",
        "cycles = [0]",
        "grid.cycles: found [0], expected cycles counted from one, like [1, 50]",
    ),
    (
        "c_rates = [0.1, 0.5]",
        "c_rates = [0.1, -0.5]",
        "grid.c_rates: found [0.1, -0.5], expected positive numbers of at most 100, each once",
    ),
    (
        "loadings_mg_cm2 = [1.0, 2.0, 4.0]",
        "loadings_mg_cm2 = [1.0, 1.0]",
        "grid.loadings_mg_cm2: found [1.0, 1.0], expected positive numbers of at most 100, each once",
    ),
    (
        "cycles = [2]",
        "cycles = [2]\nelectrolyte_ul_mg = [0.4]",
        "which the pores of the cathode take up",
    ),
    (
        "draws = 12",
        "draws = 2",
        "draws: found 2, expected at least 8",
    ),
    (
        "draws = 12",
        "draws = 12\nscatter = 1.5",
        "scatter: found 1.5, expected a relative standard deviation, 0 or more and below 1",
    ),
    (
        "checks = 3",
        "check = 3",
        "found key 'check'; did you mean 'checks'? expected one of",
    ),
    (
        "draws = 12",
        "draws = 12\nsurrogate = \"nowhere\"",
        "card.json: cannot be read",
    ),
];

#[test]
fn mistakes_in_prediction_files_are_told() {
    for (find, put, says) in CASES {
        let message = refusal(find, put);
        assert!(message.contains(says), "'{put}' says: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn fits_that_do_not_belong_are_refused() {
    let copied = || {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("posterior.json");
        std::fs::copy(small_fit().join("posterior.json"), &to).unwrap();
        (folder, to)
    };
    let says = |folder: &Path| {
        let output = sulfit(&["predict", FILE, "--fit", folder.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let (folder, path) = copied();
    let text = std::fs::read_to_string(&path).unwrap();
    let handover: serde_json::Value = serde_json::from_str(&text).unwrap();
    let structure = handover["variants"][0]["structure"].as_str().unwrap();
    for (find, put, expected) in [
        (
            structure,
            "0123456789abcdef",
            "found a fit with other equations ('mg_s_tandem')",
        ),
        (
            "\"layout\": 1",
            "\"layout\": 7",
            "layout: found 7, expected 1; fit again",
        ),
        (
            "\"vmax\"",
            "\"vmin\"",
            "found free quantities k1, vmin, Scoat",
        ),
        ("\"STAR@LCNC-S\"", "\"other\"", "cells: found cells other"),
        (
            "\"variant\": \"only\"",
            "\"variant\": \"none\"",
            "variant 'none': found no such variant",
        ),
        ("\"x\": [", "\"x\": [1.0, ", "found rows of another length"),
        ("{", "[", "not what a fit hands over"),
    ] {
        assert!(text.contains(find), "{find}");
        std::fs::write(&path, text.replacen(find, put, 1)).unwrap();
        let message = says(folder.path());
        assert!(message.contains(expected), "{message}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(says(empty.path()).contains(
        "found no posterior.json, expected the folder of a report; run sulfit fit first"
    ));
}

/// Loadings among the fitted data are left out in turn, and the baseline is what the other loading gave.
#[test]
fn loadings_are_left_out_in_turn() {
    let mut study = read_study(&project("tests/files/good/small.toml")).unwrap();
    let fitted = read_fitted(small_fit(), &study).unwrap();
    let thick = study.predictions.remove(0);
    study.observations.push(sulfit::estimate::Observation {
        target: thick.target,
        measured: thick.measured,
        noise: sulfit::estimate::Noise::Relative(0.03),
    });
    let context = (
        &crate::support::Silent as _,
        &sulfit::estimate::Forgetful as _,
    );
    let scores = sulfit::predict::scores(&study, (&fitted, &[1.0]), 0.03, context);
    let of = |loading: f64| {
        let is = |left: &sulfit::predict::Left| matches!(left, sulfit::predict::Left::Loading(l) if (l - loading).abs() < 1e-9);
        scores.iter().find(|score| is(&score.left)).unwrap()
    };
    for (loading, measured, other) in [(1.0, 925.0, 964.0), (4.0, 964.0, 925.0)] {
        let number = &of(loading).numbers[0];
        assert!((number.measured - measured).abs() < 1e-9);
        assert!(
            number.baselines.iter().all(|b| (b - other).abs() < 1e-9),
            "{number:?}"
        );
        // One capacity foretells the other, as nothing but the loading differs.
        assert!((number.mean() / other - 1.0).abs() < 0.15, "{number:?}");
    }
}

/// The shipped surrogate answers for its protocol; what lies outside its box the cell model answers, and both are
/// counted.
#[test]
fn surrogate_answers_and_refusals_are_simulated() {
    let plan =
        sulfit::config::read_plan(&project("experiments/star_lcnc_thick_surrogate.toml")).unwrap();
    let folder = project("models/surrogates/mg_s_tandem_thick");
    let surrogate = sulfit::config::read_surrogate(&folder, &plan.mechanism).unwrap();
    let setting = Setting {
        protocol: plan.protocols[0].clone(),
        step: 1,
        cycles: vec![1, 10],
    };
    let cloud =
        sulfit::predict::Cloud::new(setting.clone(), plan.mechanism.clone(), plan.resolution);
    let cloud = cloud
        .with_surrogate(std::sync::Arc::new(surrogate.clone()))
        .unwrap();
    let condition = Condition {
        loading_kg_m2: 0.02,
        c_rate: 0.2,
        electrolyte_m3_kg: None,
    };
    let mut values = plan.mechanism.parameters().values();
    // The value of the mechanism file lies beyond the box, which is that of a fit.
    let exponent = plan.mechanism.parameters().find("pp").unwrap();
    values[exponent.index()] = 0.5;
    let values = Setting::designed(&plan.mechanism, values, &condition).unwrap();
    let id = plan.mechanism.parameters().find("kdes").unwrap();
    let mut outside = values.clone();
    outside[id.index()] = 2e-4;
    let points = [(values, condition), (outside, condition)];
    let answers = cloud.answers(&points, &|| true);
    let report = cloud.report();
    assert_eq!(
        (
            report.by_surrogate,
            report.refused,
            report.by_model,
            report.failed
        ),
        (1, 1, 1, 0)
    );
    let said = answers[0].as_ref().unwrap()[0].capacity;
    let truth = cloud.by_model(&points[0]).unwrap()[0].capacity;
    assert!((said - truth).abs() < 240.0, "{said} {truth}");
    assert!(answers[1].is_some());
    // Another protocol is not its own.
    let mut other = setting;
    other.protocol.steps.remove(0);
    other.step = 0;
    let cloud = sulfit::predict::Cloud::new(other, plan.mechanism.clone(), plan.resolution);
    let refusal = cloud
        .with_surrogate(std::sync::Arc::new(surrogate))
        .unwrap_err();
    assert!(
        refusal.contains("it was not trained for the capacity of cycle 1"),
        "{refusal}"
    );
}
