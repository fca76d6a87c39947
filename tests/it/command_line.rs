//! The command line for scripts and learners: every example of every help, one JSON document, silence, the log,
//! completions, manual pages, and what is said about misspelt words.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde_json::Value;

use crate::support::project;

const SMALL: &str = "tests/files/good/small.toml";

/// What examples read; they run in a folder that has these and nothing else.
const INPUTS: [&str; 4] = ["models", "datasets", "experiments", "tests"];

/// Commands whose JSON document is the file of their result.
const RESULTS: [(&str, &str); 6] = [
    ("sulfit fit", "result.json"),
    ("sulfit recover", "recovery.json"),
    ("sulfit simulate", "result.json"),
    ("sulfit train", "card.json"),
    ("sulfit predict", "prediction.json"),
    ("sulfit rank", "ranking.json"),
];

/// Keys of the documents of the others.
const KEYS: [(&str, &str); 11] = [
    (
        "sulfit check",
        "kind file mechanism cells protocols variants",
    ),
    ("sulfit import", "files record problems"),
    ("sulfit inspect", "files problems"),
    ("sulfit analyze", "files together problems"),
    (
        "sulfit batch run",
        "campaign folder cells done failed waiting failures interrupted",
    ),
    (
        "sulfit batch status",
        "campaign folder cells done failed waiting failures slurm",
    ),
    ("sulfit batch retry", "campaign folder forgotten"),
    (
        "sulfit batch collect",
        "campaign folder tables suspicious catalysts damaged",
    ),
    ("sulfit batch submit", "campaign folder tasks script"),
    ("sulfit completions", "text"),
    ("sulfit man", "text"),
];

fn sulfit(arguments: &[&str]) -> Output {
    sulfit_in(&project(""), arguments)
}

fn sulfit_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The one JSON document on stdout.
fn document(output: &Output) -> Value {
    let text = out(output);
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// All commands that are shown, by their whole name.
fn commands() -> Vec<(String, clap::Command)> {
    fn add(all: &mut Vec<(String, clap::Command)>, path: &str, command: &clap::Command) {
        all.push((path.to_owned(), command.clone()));
        for own in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            add(all, &format!("{path} {}", own.get_name()), own);
        }
    }
    let mut all = Vec::new();
    add(&mut all, "sulfit", &sulfit::cli::command());
    all
}

/// The example at the end of a command's help.
fn example(path: &str, command: &clap::Command) -> String {
    let help = command.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_else(|| panic!("the help of '{path}' has no example"));
    let (_, example) = help
        .rsplit_once("Example:\n  ")
        .unwrap_or_else(|| panic!("the help of '{path}' ends without 'Example:'"));
    let example = example.trim_end();
    assert_eq!(example.lines().count(), 1, "{path}: {example}");
    assert!(
        example.starts_with(&format!("{path} ")),
        "the example of '{path}' is another command: {example}"
    );
    example.to_owned()
}

/// A folder with what examples read, and nothing else.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in INPUTS {
        std::os::unix::fs::symlink(project(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn every_example_of_every_help_works_and_gives_one_document() {
    let folder = workplace();
    let mut done: Vec<String> = Vec::new();
    for (path, command) in commands() {
        let example = example(&path, &command);
        if done.contains(&example) {
            continue;
        }
        let words: Vec<&str> = example.split_whitespace().skip(1).collect();
        let began = std::time::Instant::now();
        let output = sulfit_in(folder.path(), &words);
        println!("{example}: {:.1} s", began.elapsed().as_secs_f64());
        assert_eq!(output.status.code(), Some(0), "{example}: {}", err(&output));
        assert!(!output.stdout.is_empty(), "{example} prints nothing");
        if path == "sulfit new" {
            // It never writes into a folder with files.
            fs::remove_dir_all(folder.path().join(words[1])).unwrap();
        }
        let output = sulfit_in(folder.path(), &[&words[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{example}: {}", err(&output));
        check_document(&path, document(&output), folder.path());
        done.push(example);
    }
    // Every document is checked by a command that is still there.
    for (path, _) in RESULTS.iter().chain(&KEYS) {
        assert!(
            done.iter().any(|example| example.starts_with(path)),
            "{path}"
        );
    }
}

fn check_document(path: &str, mut document: Value, folder: &Path) {
    if let Some((_, file)) = RESULTS.iter().find(|(of, _)| *of == path) {
        let place = document.as_object_mut().unwrap().remove("folder").unwrap();
        let text = fs::read_to_string(folder.join(place.as_str().unwrap()).join(file)).unwrap();
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document, result, "{path}");
    }
    if let Some((_, keys)) = KEYS.iter().find(|(of, _)| *of == path) {
        for key in keys.split_whitespace() {
            assert!(
                !document[key].is_null(),
                "{path} has no '{key}': {document}"
            );
        }
    }
}

#[test]
fn help_ends_with_the_example_and_tells_exit_codes() {
    for (path, command) in commands() {
        let words: Vec<&str> = path.split_whitespace().skip(1).collect();
        let output = sulfit(&[&words[..], &["--help"]].concat());
        let last = out(&output).trim_end().lines().last().unwrap().trim();
        assert_eq!(last, example(&path, &command));
        assert!(out(&output).contains("--json"), "{path}");
        assert!(out(&output).contains("--quiet"), "{path}");
        assert!(out(&output).contains("--log <FILE>"), "{path}");
    }
    let help = sulfit(&["--help"]);
    let page = fs::read_to_string(project("docs/commands.md")).unwrap();
    for code in ["0", "1", "2"] {
        assert!(out(&help).contains(&format!("\n  {code}  ")));
        assert!(
            page.contains(&format!("| {code} | ")),
            "docs/commands.md: {code}"
        );
    }
}

#[test]
fn checks_of_all_kinds_of_files_have_documents() {
    let check = |file: &str| document(&sulfit(&["check", file, "--json"]));
    let campaign = check("tests/files/good/campaign/campaign.toml");
    assert_eq!(campaign["kind"], "campaign");
    assert!(campaign["cells"].as_u64().unwrap() > 0);
    let training = check("tests/files/good/small_surrogate.toml");
    assert_eq!(training["kind"], "training");
    assert_eq!(training["simulations"]["training"], 128);
    let experiment = check(SMALL);
    assert_eq!(experiment["kind"], "experiment");
    assert_eq!(experiment["variants"][0]["name"], "only");
    assert_eq!(experiment["cells"].as_array().unwrap().len(), 1);
}

#[test]
fn documents_of_measured_files_hold_results_and_findings() {
    let file = "tests/files/import/gamry_eis_aborted.DTA";
    let plain = sulfit(&["inspect", file]);
    let found = document(&sulfit(&["inspect", file, "--json"]));
    let record = &found["files"][0];
    assert_eq!(record["technique"], "impedance");
    let findings = record["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert!(out(&plain).contains(finding["found"].as_str().unwrap()));
    }
    let analysed = document(&sulfit(&[
        "analyze",
        "tests/files/import/gamry_eis.DTA",
        "--json",
    ]));
    let results = &analysed["files"][0]["analyses"][0]["results"];
    assert!(results[0]["value"].is_number(), "{analysed}");
}

#[test]
fn raw_files_are_listed_in_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("raw");
    let place = place.to_str().unwrap();
    let output = sulfit(&[
        "simulate",
        "tests/files/good/raw_curves.toml",
        "--raw",
        place,
        "--json",
    ]);
    let written = document(&output);
    let files = written["files"].as_array().unwrap();
    assert!(!files.is_empty());
    for file in files {
        assert!(Path::new(place).join(file.as_str().unwrap()).exists());
    }
}

#[test]
fn quiet_commands_say_nothing_but_errors() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("out");
    for arguments in [
        &["check", SMALL, "--quiet"][..],
        &["-q", "simulate", SMALL, "--out", place.to_str().unwrap()],
        &["inspect", "tests/files/import/gamry_eis.DTA", "-q"],
    ] {
        let output = sulfit(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert_eq!((out(&output), err(&output)), ("", ""), "{arguments:?}");
    }
    assert!(place.join("result.json").exists());
    let output = sulfit(&["check", "absent.toml", "--quiet"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).starts_with("error: absent.toml: cannot be read"));
    // What is asked for is no summary.
    let script = sulfit(&["completions", "bash", "--quiet"]);
    assert!(out(&script).contains("_sulfit"));
    assert_eq!(sulfit(&["check", SMALL, "-q", "-v"]).status.code(), Some(2));
}

#[test]
fn errors_are_documents_too() {
    let output = sulfit(&["fit", "absent.toml", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let message = document(&output)["error"].as_str().unwrap().to_owned();
    assert_eq!(err(&output), format!("error: {message}\n"));
    assert!(message.starts_with("absent.toml: cannot be read"));
    for arguments in [
        &["fit", "--json"][..],
        &["nonsense", "--json"],
        &["--json", "fit", SMALL, "--starts", "0"],
    ] {
        let output = sulfit(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).starts_with("error: "), "{}", err(&output));
        let document = document(&output);
        let message = document["error"].as_str().unwrap();
        let said = err(&output)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(said.starts_with(&format!("error: {message}")), "{said}");
        assert!(message.len() > 10, "{document}");
    }
    // Without --json stdout stays empty.
    assert_eq!(out(&sulfit(&["fit", "absent.toml"])), "");
}

#[test]
fn log_tells_what_is_read_and_decided() {
    let folder = tempfile::tempdir().unwrap();
    let fit = |name: &str, more: &[&str]| {
        let place = folder.path().join(name);
        let arguments = ["fit", SMALL, "--out", place.to_str().unwrap()];
        let output = sulfit(&[&arguments[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        output
    };
    let log = folder.path().join("sulfit.log");
    let logged = fit("a", &["--log", log.to_str().unwrap()]);
    assert_eq!(err(&logged), "", "the log is for the file alone");
    let kept = fs::read_to_string(&log).unwrap();
    let told = fit("b", &["-v"]);
    let decisions = [
        format!("read {SMALL}"),
        "variant 'only'".to_owned(),
        "are followed down".to_owned(),
        "start of cost".to_owned(),
        "optimum 1".to_owned(),
        "fine mesh: cost".to_owned(),
    ];
    for decision in &decisions {
        assert!(kept.contains(decision), "{decision}: {kept}");
        assert!(err(&told).contains(decision), "{decision}: {}", err(&told));
    }
    assert!(
        kept.contains("DEBUG") && kept.contains("iteration 1, cost"),
        "{kept}"
    );
    assert!(!err(&told).contains("DEBUG"));
    assert!(!kept.contains('\u{1b}') && !err(&told).contains('\u{1b}'));
    // The result is not changed by being watched, and a recalled search says so.
    assert_eq!(
        out(&logged).replace("/a\n", "\n"),
        out(&told).replace("/b\n", "\n")
    );
    let again = fit("b", &["-vv"]);
    assert!(err(&again).contains("recalled from an earlier run"));
    // A second command adds to the same log.
    sulfit(&["check", SMALL, "--log", log.to_str().unwrap()]);
    let longer = fs::read_to_string(&log).unwrap();
    assert!(longer.starts_with(&kept) && longer.len() > kept.len());
    assert!(longer[kept.len()..].contains("check"));
}

#[test]
fn messages_are_in_the_log_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let log = log.to_str().unwrap();
    let output = sulfit(&["check", "absent.toml", "--log", log, "-vv"]);
    assert_eq!(output.status.code(), Some(2));
    let said = "error: absent.toml: cannot be read";
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.matches(said).count(), 1, "{log}");
    assert_eq!(err(&output).matches(said).count(), 1, "{}", err(&output));
}

/// A quantity that the small experiment does not show: nothing grows at the highest voltage.
const UNSEEN: &str = r#"[protocol.deposition]
start = { catholyte = { active_mg_cm2 = 0.25, shares = { MgS4 = 1.0 }, potential_v = 1.30, solids = { MgS2 = 1e-6 } } }
step = [{ hold = { voltage_v = 2.4, duration_h = 0.01 } }]

[[observable]]
id = "mgs_precipitation"
cell = "STAR@LCNC-S"
protocol = "deposition"
deposition_time = { step = 0 }

[protocol.thick_cell]
"#;

#[test]
fn what_fails_is_logged_with_its_reason_and_ends_with_one() {
    let folder = workplace();
    let text = fs::read_to_string(project(SMALL)).unwrap();
    let text = text.replace("../../../", "");
    let text = text.replacen("[protocol.thick_cell]\n", UNSEEN, 1);
    fs::write(folder.path().join("unseen.toml"), text).unwrap();
    let arguments = [
        "fit",
        "unseen.toml",
        "--out",
        "out",
        "--json",
        "--log",
        "log",
    ];
    let output = sulfit_in(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let document = document(&output);
    assert_eq!(document["converged"], false);
    let n_failed = document["failed_solves"].as_u64().unwrap();
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let failure =
        "reading 'mgs_precipitation' failed at NaN s: the simulated curve does not show it";
    let told = log
        .lines()
        .filter(|line| line.contains("INFO") && line.contains(failure));
    assert_eq!(told.count() as u64, n_failed, "{log}");
    assert!(n_failed > 0);
}

#[test]
fn log_that_cannot_be_written_is_bad_input() {
    let output = sulfit(&["check", SMALL, "--log", "absent/folder/log"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).starts_with("error: --log absent/folder/log: cannot be written"));
    assert_eq!(out(&output), "");
}

#[test]
fn campaigns_keep_a_log_of_every_fit() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = crate::batch::campaign(folder.path(), 1);
    let (place, log) = (folder.path().join("out"), folder.path().join("log"));
    let (place, log) = (place.to_str().unwrap(), log.to_str().unwrap());
    let file = campaign.to_str().unwrap();
    let output = sulfit(&["batch", "run", file, "--out", place, "--log", log]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("1 fits are left to do"), "{log}");
    assert!(
        log.contains("cell 'cell 0'") && log.contains("there is a result"),
        "{log}"
    );
    // The process of the fit writes into the same log, under the key of the fit.
    assert!(
        log.contains("fit{key=") && log.contains("fit of cell 'cell 0' in "),
        "{log}"
    );
    let output = sulfit(&["batch", "retry", file, "cel 0", "--out", place]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err(&output).contains("did you mean 'cell 0'?"),
        "{}",
        err(&output)
    );
}

#[test]
fn completions_cover_every_command_and_option() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = sulfit(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        for (path, command) in commands() {
            let name = path.rsplit(' ').next().unwrap();
            assert!(out(&output).contains(name), "{shell}: {path}");
            let options = command.get_arguments().filter_map(|a| a.get_long());
            for option in options {
                assert!(out(&output).contains(option), "{shell}: {path} --{option}");
            }
        }
    }
    assert_eq!(sulfit(&["completions", "cmd.exe"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("man");
    let output = sulfit(&["man", place.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let mut expected: Vec<String> = Vec::new();
    for (path, command) in commands() {
        let name = format!("{}.1", path.replace(' ', "-"));
        let page = fs::read_to_string(place.join(&name)).unwrap_or_else(|_| panic!("{name}"));
        let last = example(&path, &command).replace('-', "\\-");
        assert!(page.contains(&last), "{name}: {last}");
        assert!(page.contains("EXIT STATUS"), "{name}");
        expected.push(name);
    }
    let found = fs::read_dir(&place).unwrap();
    let mut found: Vec<String> = found
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let output = sulfit(&["man", SMALL]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("found a file, expected a folder"));
}

#[test]
fn misspelt_keys_and_names_find_their_like() {
    let folder = workplace();
    let text = fs::read_to_string(project(SMALL))
        .unwrap()
        .replace("../../../", "");
    let path = folder.path().join("small.toml");
    let cell = "STAR@LCNC-S";
    for (find, put, says) in [
        (
            "seed =",
            "sed =",
            "found key 'sed'; did you mean 'seed'? expected one of seed, ",
        ),
        (
            "[[observable]]\n",
            "[[observable]]\nasumed = 0.1\n",
            "found key 'asumed'; did you mean 'assumed'? expected one of ",
        ),
    ] {
        assert!(text.contains(find), "{find}");
        let changed = text.replacen(find, put, 1);
        let line = changed[..changed.find(put.lines().last().unwrap()).unwrap()]
            .lines()
            .count();
        fs::write(&path, &changed).unwrap();
        let output = sulfit_in(folder.path(), &["check", "small.toml"]);
        assert_eq!(output.status.code(), Some(2));
        let place = format!("error: small.toml:{}: ", line + 1);
        assert!(
            err(&output).starts_with(&place),
            "{place}: {}",
            err(&output)
        );
        assert!(err(&output).contains(says), "{says}: {}", err(&output));
        assert_eq!(err(&output).lines().count(), 1);
    }
    let observable = format!("cell = \"{cell}\"");
    let changed = text.replacen(&observable, "cell = \"STAR@LNCN-S\"", 1);
    assert_ne!(changed, text);
    fs::write(&path, changed).unwrap();
    let output = sulfit_in(folder.path(), &["check", "small.toml"]);
    let says = format!("found 'STAR@LNCN-S', expected one of {cell}; did you mean '{cell}'?");
    assert!(err(&output).contains(&says), "{}", err(&output));
    let output = sulfit(&["recover", SMALL, "--cells", "1", "--variant", "onyl"]);
    assert!(
        err(&output).contains("did you mean 'only'?"),
        "{}",
        err(&output)
    );
}

#[test]
fn colour_is_for_terminals_and_can_be_refused() {
    let help = |settings: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sulfit"))
            .arg("--help")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .envs(settings.iter().copied())
            .output()
            .unwrap();
        out(&output).to_owned()
    };
    let plain = help(&[]);
    let forced = help(&[("CLICOLOR_FORCE", "1")]);
    assert!(!plain.contains('\u{1b}'));
    assert!(forced.contains('\u{1b}'));
    assert_eq!(help(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), plain);
}
