//! The command line: help, a whole small fit, its files, the same bytes on any number of threads, Ctrl-C.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;

use crate::support::project;

fn sulfit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(arguments)
        .current_dir(project(""))
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The small experiment of the tests: one cell, impedance, transference and one discharge, three free parameters.
const SMALL: &str = "tests/files/good/small.toml";

fn fit_small(folder: &Path, threads: &str) -> Output {
    sulfit(&[
        "fit",
        SMALL,
        "--out",
        folder.to_str().unwrap(),
        "--threads",
        threads,
    ])
}

#[test]
fn help_is_as_documented() {
    insta::assert_snapshot!("help", stdout(&sulfit(&["--help"])));
    insta::assert_snapshot!("help_fit", stdout(&sulfit(&["fit", "--help"])));
}

#[test]
fn check_tells_what_an_experiment_holds() {
    let output = sulfit(&["check", "experiments/star_lcnc.toml"]);
    assert!(output.status.success());
    insta::assert_snapshot!("check", stdout(&output));
}

#[test]
fn wrong_arguments_exit_with_two() {
    for arguments in [
        &["fit"][..],
        &["fit", "absent.toml"],
        &["nonsense"],
        &["fit", "x", "--threads", "0"],
    ] {
        assert_eq!(sulfit(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn small_fit_writes_its_report_and_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let output = fit_small(&one, "1");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stderr.is_empty(), "quiet when not on a terminal");
    assert!(stdout(&output).contains("predictions, never fitted (blind: yes)"));
    assert_eq!(fit_small(&two, "2").status.code(), Some(0));
    let mut names: Vec<PathBuf> = std::fs::read_dir(&one)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    for path in &names {
        let other = two.join(path.file_name().unwrap());
        assert!(
            std::fs::read(path).unwrap() == std::fs::read(other).unwrap(),
            "{} differs",
            path.display()
        );
    }
    check_contract(&one);
    for ending in [".json", ".csv", ".parquet", ".svg"] {
        assert!(
            names.iter().any(|n| n.to_str().unwrap().ends_with(ending)),
            "no {ending}"
        );
    }
}

/// The keys of `result.json` that other programs rely on.
fn check_contract(folder: &Path) {
    let result: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("result.json")).unwrap())
            .unwrap();
    for key in [
        "version",
        "experiment",
        "seed",
        "converged",
        "stop_reason",
        "evaluations",
        "failed_solves",
        "cost",
        "observables",
        "parameters",
        "predictions",
        "variant",
        "variants",
    ] {
        assert!(!result[key].is_null(), "result.json has no '{key}'");
    }
    assert_eq!(result["converged"], true);
    let blind: Vec<&str> = result["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["blind"].as_str().unwrap())
        .collect();
    assert_eq!(blind, ["yes"]);
    for key in [
        "id",
        "cell",
        "measured",
        "model",
        "sd",
        "z",
        "unit",
        "used_in_fit",
    ] {
        assert!(
            !result["observables"][0][key].is_null(),
            "an observable has no '{key}'"
        );
    }
    for key in [
        "name", "cell", "value", "unit", "sd", "sd_scale", "prior", "lower", "upper",
    ] {
        assert!(
            !result["parameters"][0][key].is_null(),
            "a parameter has no '{key}'"
        );
    }
}

#[test]
fn ctrl_c_ends_at_the_best_point_and_writes_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args([
            "fit",
            "experiments/star_lcnc.toml",
            "--out",
            out.to_str().unwrap(),
        ])
        .current_dir(project(""))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let result: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("result.json")).unwrap()).unwrap();
    assert_eq!(result["interrupted"], true);
    assert_eq!(result["converged"], false);
    assert!(result["observables"][0]["model"].as_f64().unwrap() > 0.0);
}

#[test]
fn shipped_experiment_can_be_simulated() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = sulfit(&[
        "simulate",
        "experiments/star_lcnc.toml",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(out.join("result.json").exists());
    assert!(out.join("capacity_rate_test.svg").exists());
}
