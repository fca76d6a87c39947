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
    insta::assert_snapshot!("help_recover", stdout(&sulfit(&["recover", "--help"])));
    insta::assert_snapshot!("help_train", stdout(&sulfit(&["train", "--help"])));
}

#[test]
fn check_tells_what_an_experiment_holds() {
    let output = sulfit(&["check", "experiments/star_lcnc.toml"]);
    assert!(output.status.success());
    insta::assert_snapshot!("check", stdout(&output));
    let output = sulfit(&["check", "experiments/star_lcnc_surrogate.toml"]);
    insta::assert_snapshot!("check_training", stdout(&output));
}

#[test]
fn what_the_pages_show_of_experiments_is_accepted() {
    let page = std::fs::read_to_string(project("docs/howto_experiment.md")).unwrap();
    let block = page
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let (fit_keys, tables) = block
        .strip_prefix("[fit] ")
        .unwrap()
        .split_once("\n\n")
        .unwrap();
    let (tables, variant) = tables.split_at(tables.find("[[variant]]").unwrap());
    // A robust loss and instruments' offsets exclude each other, as the line says; compared constants need a prior.
    let fit_keys: Vec<&str> = fit_keys
        .lines()
        .skip(1)
        .filter(|l| !l.starts_with("loss"))
        .collect();
    let variant =
        format!("{variant}\n[variant.parameter.kl]\nprior = {{ median = 2e-9, sd_ln = 2.3 }}\n");
    let folder = tempfile::tempdir().unwrap();
    for name in ["models", "datasets/guan_2024_star_lcnc", "experiments"] {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
        for file in std::fs::read_dir(project(name)).unwrap() {
            let file = file.unwrap().path();
            if file.is_file() {
                std::fs::copy(
                    &file,
                    folder.path().join(name).join(file.file_name().unwrap()),
                )
                .unwrap();
            }
        }
    }
    let models = folder.path().join("models");
    std::fs::copy(models.join("mg_s_tandem.toml"), models.join("another.toml")).unwrap();
    let path = folder.path().join("experiments/star_lcnc.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("[fit]\n", &format!("[fit]\n{}\n", fit_keys.join("\n")));
    std::fs::write(&path, format!("{text}\n{tables}\n{variant}")).unwrap();
    let output = sulfit(&["check", path.to_str().unwrap()]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        stdout(&output).contains("another (23 free)"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn wrong_arguments_exit_with_two() {
    for arguments in [
        &["fit"][..],
        &["fit", "absent.toml"],
        &["nonsense"],
        &["fit", "x", "--threads", "0"],
        &["fit", SMALL, "--posterior", "0"],
        &["recover", SMALL],
        &["recover", SMALL, "--cells", "3", "--variant", "absent"],
        &["recover", SMALL, "--cells", "3", "--widening", "-1"],
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
    names.retain(|name| name.is_file());
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

/// Fails where one of these keys is absent or null.
fn has_keys(value: &serde_json::Value, what: &str, keys: &str) {
    for key in keys.split_whitespace() {
        assert!(!value[key].is_null(), "{what} has no '{key}'");
    }
}

/// The keys of `result.json` that other programs rely on.
fn check_contract(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    has_keys(
        &result,
        "result.json",
        "version experiment seed converged stop_reason evaluations failed_solves cost observables parameters \
         predictions variant variants starts identifiability models",
    );
    assert_eq!(result["converged"], true);
    let predictions = result["predictions"].as_array().unwrap().iter();
    let blind: Vec<&str> = predictions.map(|p| p["blind"].as_str().unwrap()).collect();
    assert_eq!(blind, ["yes"]);
    let observable = &result["observables"][0];
    has_keys(
        observable,
        "an observable",
        "id cell measured model sd z unit used_in_fit",
    );
    has_keys(
        &result["parameters"][0],
        "a parameter",
        "name cell value unit sd sd_assumed sd_scale prior lower upper interval interval_level interval_method \
         verdict verdict_in_words",
    );
    has_keys(
        &result["identifiability"],
        "identifiability",
        "eigenvalues directions correlations inflation",
    );
    has_keys(
        &result["models"][0],
        "a model",
        "name log_evidence loo predictions",
    );
    has_keys(
        &result["starts"][0],
        "a start",
        "cost stop_reason iterations optimum",
    );
}

#[test]
fn profiles_posterior_and_recovery_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let place = out.to_str().unwrap();
    let arguments = [
        "fit",
        SMALL,
        "--profiles",
        "--posterior",
        "40",
        "--out",
        place,
    ];
    let output = sulfit(&arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::fs::read_to_string(out.join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(result["posterior"]["draws"], 40);
    assert_eq!(result["parameters"][0]["interval_method"], "profile");
    assert!(result["parameters"][0]["profile"].as_array().unwrap().len() > 3);
    assert!(stdout(&output).contains("posterior: 40 draws"));
    let output = sulfit(&["recover", SMALL, "--cells", "3", "--out", place]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(stdout(&output).contains("only: 3 synthetic cells fitted"));
    assert!(out.join("recovery.json").exists());
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
