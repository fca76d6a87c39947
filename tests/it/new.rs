//! `sulfit new`: from a folder of files to an experiment that can be checked and fitted; what it refuses.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use crate::support::project;

const SYNTHETIC: &str = "datasets/synthetic_cell/raw";

fn sulfit(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sulfit"));
    // No terminal that could be asked.
    let command = command.args(arguments).current_dir(folder);
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with the instrument files of the synthetic cell alone, as a user has them.
fn measured(folder: &Path) {
    fs::create_dir_all(folder.join("measured")).unwrap();
    for entry in fs::read_dir(project(SYNTHETIC)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e != "toml") {
            let name = path.file_name().unwrap();
            fs::copy(&path, folder.join("measured").join(name)).unwrap();
        }
    }
}

fn new(folder: &Path, options: &[&str]) -> Output {
    let arguments = [&["new", "mycell", "--from", "measured"], options].concat();
    sulfit(folder, &arguments)
}

fn check(folder: &Path, file: &str) -> Output {
    sulfit(folder, &["check", file])
}

/// Nothing is left of an experiment that was not made.
fn nothing_is_left(folder: &Path) -> bool {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name());
    entries
        .into_iter()
        .all(|name| !name.to_string_lossy().starts_with(".sulfit"))
        && !folder.join("mycell").exists()
}

#[test]
fn help_is_as_documented() {
    let output = sulfit(&project(""), &["new", "--help"]);
    insta::assert_snapshot!("help_new", out(&output));
}

#[test]
fn a_folder_becomes_an_experiment_that_can_be_moved_checked_and_fitted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measured(folder);
    let output = new(
        folder,
        &["--sulfur-mg", "1.130973", "--area-cm2", "1.130973"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    insta::assert_snapshot!("new", out(&output));
    for name in fs::read_dir(folder.join("measured")).unwrap() {
        let name = name.unwrap().file_name();
        let copy = fs::read(folder.join("mycell/raw").join(&name)).unwrap();
        assert_eq!(copy, fs::read(folder.join("measured").join(&name)).unwrap());
    }
    let text = |name: &str| fs::read_to_string(folder.join("mycell").join(name)).unwrap();
    insta::assert_snapshot!("new_experiment", text("experiment.toml"));
    insta::assert_snapshot!("new_dataset", text("dataset.toml"));
    assert_eq!(
        text("mechanism.toml"),
        fs::read_to_string(project("models/mg_s_tandem.toml")).unwrap()
    );

    // Nothing points to where the files came from.
    fs::remove_dir_all(folder.join("measured")).unwrap();
    fs::rename(folder.join("mycell"), folder.join("elsewhere")).unwrap();
    let output = check(folder, "elsewhere/experiment.toml");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));

    fit_one_constant(folder);
}

/// The cycles on the coarse mesh with one free constant, from the centre of its prior.
fn fit_one_constant(folder: &Path) {
    let path = folder.join("elsewhere/experiment.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("parameters = [\n").unwrap();
    let (_, after) = rest.split_once("\n]\n").unwrap();
    let text = format!("{before}parameters = [\"E4\"]\n{after}");
    let coarse = text
        .lines()
        .find(|line| line.starts_with("coarse = "))
        .unwrap();
    let fine = text
        .lines()
        .find(|line| line.starts_with("fine = "))
        .unwrap();
    let text = text.replace(fine, &coarse.replace("coarse", "fine"));
    let text = text.replace("candidates = 16 ", "candidates = 1 ");
    let text = text.replace("starts = 2 ", "starts = 1 ");
    fs::write(&path, text).unwrap();
    let output = sulfit(
        folder,
        &["fit", "elsewhere/experiment.toml", "--out", "result"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let json = fs::read_to_string(folder.join("result/result.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let value = json["parameters"][0]["value"].as_f64().unwrap();
    println!("E4 = {value:.4} V, simulated with 1.1924 V; its prior is centred at 1.25 V");
    assert!((value - 1.1924).abs() < 0.02, "{value}");
}

#[test]
fn what_no_file_states_is_required_in_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measured(folder);
    let output = new(folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = out(&output);
    assert!(
        text.contains("to do: write mass.sulfur_mg into mycell/dataset.toml"),
        "{text}"
    );
    assert!(
        text.contains("area: 1.130973 cm2 (synthetic_impedance_1.DTA"),
        "{text}"
    );
    let expected = "error: mycell/dataset.toml: mass.sulfur_mg: found \"REQUIRED\", expected the mass of sulfur in the \
                    electrode in mg; no file states it: write the number in place of \"REQUIRED\"\n";
    for command in ["check", "fit", "simulate"] {
        let output = sulfit(folder, &[command, "mycell/experiment.toml"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(told(&output).replace("mycell/./", "mycell/"), expected);
    }
    let dataset = folder.join("mycell/dataset.toml");
    let text = fs::read_to_string(&dataset).unwrap();
    fs::write(&dataset, text.replacen("\"REQUIRED\"", "1.13", 1)).unwrap();
    let output = check(folder, "mycell/experiment.toml");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

#[test]
fn area_and_mass_are_told_together() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("measured")).unwrap();
    let name = "synthetic_cycling_1.csv";
    fs::copy(
        project(SYNTHETIC).join(name),
        folder.join("measured").join(name),
    )
    .unwrap();
    let output = new(folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let output = check(folder, "mycell/experiment.toml");
    assert_eq!(output.status.code(), Some(2));
    let message = told(&output);
    assert!(
        message.contains("electrode_area_cm2, mass.sulfur_mg: found \"REQUIRED\""),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1);
}

#[test]
fn a_flipped_sign_is_assumed_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("measured")).unwrap();
    let path = project(SYNTHETIC).join("synthetic_cycling_1.csv");
    let record = sulfit::import::read_measured(&path, &sulfit::import::Hints::default()).unwrap();
    let record = record.record().unwrap();
    let rows = record
        .time_s
        .iter()
        .zip(&record.voltage_v)
        .zip(&record.current);
    let rows = rows.map(|((t, v), i)| format!("{t},{v},{i}\n"));
    let table = format!(
        "time (s),voltage (V),current (A)\n{}",
        rows.collect::<String>()
    );
    fs::write(folder.join("measured/turned.csv"), table).unwrap();
    let output = new(folder, &["--sulfur-mg", "1.13", "--area-cm2", "1.13"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(
        out(&output).contains("assumed: the sign of its current"),
        "{}",
        out(&output)
    );
    let dataset = fs::read_to_string(folder.join("mycell/dataset.toml")).unwrap();
    assert!(
        dataset.contains("positive_current = \"discharge\"    # ASSUMED"),
        "{dataset}"
    );
    assert_eq!(
        check(folder, "mycell/experiment.toml").status.code(),
        Some(0)
    );
}

#[test]
fn a_doubtful_mass_is_told() {
    let folder = tempfile::tempdir().unwrap();
    measured(folder.path());
    let output = new(folder.path(), &["--sulfur-mg", "0.3", "--area-cm2", "1.13"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        out(&output).contains("is the mass right?"),
        "{}",
        out(&output)
    );
}

#[test]
fn files_that_are_no_measurements_are_left_out_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measured(folder);
    let from = folder.join("measured");
    fs::write(from.join("notes.txt"), "the cell was warm\n").unwrap();
    fs::write(
        from.join("picture.png"),
        [0x89, b'P', b'N', b'G', 0, 1, 2, 3],
    )
    .unwrap();
    fs::write(from.join("empty.csv"), "").unwrap();
    fs::write(from.join(".hidden"), "x").unwrap();
    fs::create_dir(from.join("older")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("absent", from.join("link.csv")).unwrap();
    fs::copy(
        project("tests/files/import/chi_cv.txt"),
        from.join("far \"away\" #1.txt"),
    )
    .unwrap();
    let output = new(folder, &["--sulfur-mg", "1.13", "--area-cm2", "1.13"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = out(&output);
    let (_, left_out) = text.split_once("not used\n").unwrap();
    let mut names = vec!["notes.txt", "picture.png", "empty.csv", "older"];
    if cfg!(unix) {
        names.push("link.csv");
    }
    for name in names {
        assert!(
            left_out.contains(&format!("  {name}: ")),
            "{name} in {left_out}"
        );
        assert!(
            !folder.join("mycell/raw").join(name).exists(),
            "{name} was copied"
        );
    }
    assert!(!text.contains("hidden"), "{text}");
    assert_eq!(
        check(folder, "mycell/experiment.toml").status.code(),
        Some(0)
    );
}

/// Options of `sulfit new mycell`, and words of what they are told.
const BAD: &[(&[&str], &str)] = &[
    (&["--from", "absent"], "absent: cannot be read"),
    (&["--from", "file"], "file: cannot be read"),
    (
        &["--from", "empty"],
        "empty: found no file, expected files of an instrument",
    ),
    (
        &["--from", "notes"],
        "notes: found no file that can be fitted",
    ),
    (
        &["--from", "measured", "--sulfur-mg", "0"],
        "expected a positive number",
    ),
    (
        &["--from", "measured", "--sulfur-mg=-1"],
        "expected a positive number",
    ),
    (
        &["--from", "measured", "--sulfur-mg", "nan"],
        "expected a positive number",
    ),
    (
        &["--from", "measured", "--sulfur-mg", "1e9"],
        "expected 0.001 to 1000000.0 mg",
    ),
    (
        &["--from", "measured", "--area-cm2", "much"],
        "expected a number",
    ),
    (
        &["--from", "measured", "--area-cm2", "inf"],
        "expected a positive number",
    ),
    (
        &["--from", "measured", "--mechanism", "li"],
        "expected one of mg_s_tandem, li_s, half_cell or a mechanism file",
    ),
    (
        &["--from", "measured", "--mechanism", "notes/notes.txt"],
        "notes/notes.txt:1: ",
    ),
    (&[], "--from <FOLDER>"),
];

#[test]
fn bad_input_is_refused_and_leaves_nothing() {
    for (options, says) in BAD {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        measured(folder);
        fs::write(folder.join("file"), "x").unwrap();
        fs::create_dir(folder.join("empty")).unwrap();
        fs::create_dir(folder.join("notes")).unwrap();
        fs::write(folder.join("notes/notes.txt"), "the cell was warm\n").unwrap();
        let output = sulfit(folder, &[&["new", "mycell"], *options].concat());
        assert_eq!(
            output.status.code(),
            Some(2),
            "{options:?}: {}",
            told(&output)
        );
        assert!(
            told(&output).contains(says),
            "{options:?}: {}",
            told(&output)
        );
        assert!(output.stdout.is_empty());
        assert!(nothing_is_left(folder), "{options:?}");
    }
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measured(folder);
    fs::create_dir(folder.join("mycell")).unwrap();
    fs::write(folder.join("mycell/precious"), "x").unwrap();
    let output = new(folder, &[]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: mycell: found a folder that holds files, expected none or an empty one; choose another name\n";
    assert_eq!(told(&output), expected);
    assert_eq!(fs::read_dir(folder.join("mycell")).unwrap().count(), 1);
    fs::remove_file(folder.join("mycell/precious")).unwrap();
    assert_eq!(
        new(folder, &[]).status.code(),
        Some(0),
        "an empty folder is taken"
    );
    fs::write(folder.join("plain"), "x").unwrap();
    for (place, says) in [
        ("plain", "found a file"),
        (".", "found no name"),
        ("plain/x", ""),
    ] {
        let output = sulfit(folder, &["new", place, "--from", "measured"]);
        assert_eq!(output.status.code(), Some(2), "{place}");
        assert!(told(&output).contains(says), "{}", told(&output));
    }
    assert_eq!(fs::read_to_string(folder.join("plain")).unwrap(), "x");
}

/// Tries a folder with all mechanisms: an experiment that the check accepts, or a reason; never a panic.
fn try_folder(from: &Path) -> usize {
    let mut n_made = 0;
    for mechanism in ["mg_s_tandem", "li_s", "half_cell"] {
        let folder = tempfile::tempdir().unwrap();
        let options = [
            "--sulfur-mg",
            "2",
            "--area-cm2",
            "1",
            "--mechanism",
            mechanism,
        ];
        let start = ["new", "mycell", "--from", from.to_str().unwrap()];
        let output = sulfit(folder.path(), &[&start[..], &options].concat());
        let message = told(&output);
        assert!(
            !message.contains("panicked"),
            "{}: {message}",
            from.display()
        );
        match output.status.code() {
            Some(0) => {
                n_made += 1;
                let checked = check(folder.path(), "mycell/experiment.toml");
                assert_eq!(
                    checked.status.code(),
                    Some(0),
                    "{}: {}",
                    from.display(),
                    told(&checked)
                );
            }
            code => {
                assert_eq!(code, Some(2), "{}: {message}", from.display());
                assert!(
                    message.contains("found no file that can be fitted"),
                    "{message}"
                );
                assert!(nothing_is_left(folder.path()));
            }
        }
    }
    n_made
}

#[test]
fn every_invented_file_gives_an_experiment_or_a_reason() {
    let mut n_made = 0;
    for entry in fs::read_dir(project("tests/files/import")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            n_made += try_folder(&path);
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        n_made += try_folder(folder.path());
    }
    println!("{n_made} experiments");
    assert!(n_made >= 20, "{n_made}");
}

/// Folders with files of real instruments beside the project.
fn real_folders() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(project("../shared/data")) else {
        println!("skipped: ../shared/data is absent");
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

#[test]
fn real_folders_give_an_experiment_or_a_reason() {
    for folder in real_folders() {
        println!("{}: {} experiments", folder.display(), try_folder(&folder));
    }
}

#[test]
fn check_tells_all_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measured(folder);
    let options = ["--sulfur-mg", "1.13", "--area-cm2", "1.13"];
    assert_eq!(new(folder, &options).status.code(), Some(0));
    let edit = |file: &str, find: &str, put: &str| {
        let path = folder.join("mycell").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(find), "{find} in {text}");
        fs::write(&path, text.replacen(find, put, 1)).unwrap();
    };
    edit("experiment.toml", "starts = 2", "starts = 0");
    edit(
        "experiment.toml",
        "coarse = { separator = 4",
        "coarse = { separator = 0",
    );
    edit("experiment.toml", "cycles = [1, 3]", "cycles = [1, 9]");
    edit("experiment.toml", "duration_h = 6.0", "duration_h = -6.0");
    let output = check(folder, "mycell/experiment.toml");
    assert_eq!(output.status.code(), Some(2));
    let message = told(&output);
    for says in [
        "fit.starts: found 0",
        "mesh.coarse.separator: found 0",
        "duration_h: found -6",
    ] {
        assert_eq!(message.matches(says).count(), 1, "{says} in {message}");
    }
    assert!(
        !message.contains("cycle 9"),
        "it needs the protocol that is wrong: {message}"
    );
    edit("experiment.toml", "duration_h = -6.0", "duration_h = 6.0");
    let message = told(&check(folder, "mycell/experiment.toml"));
    assert!(message.contains("cycle 9"), "{message}");
    assert_eq!(message.lines().count(), 3, "{message}");

    // A wrong experiment hides neither a wrong mechanism nor a wrong data set.
    edit("experiment.toml", "[fit]", "[fit]\nturns = 2");
    edit(
        "mechanism.toml",
        "S8 + Mg_free + 2 e <=> MgS8",
        "S8 + 2 Mg_free + 2 e <=> MgS8",
    );
    edit("dataset.toml", "kind = \"synthetic\"", "kind = \"found\"");
    let message = told(&check(folder, "mycell/experiment.toml"));
    for says in [
        "found key 'turns'",
        "reaction 'R1' is not balanced in Mg",
        "found 'found'",
    ] {
        assert_eq!(message.matches(says).count(), 1, "{says} in {message}");
    }
    assert_eq!(message.lines().count(), 3, "{message}");
    assert!(
        message.lines().all(|line| line.starts_with("error: ")),
        "{message}"
    );
}
