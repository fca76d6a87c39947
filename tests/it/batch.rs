//! Campaigns: nothing lost, nothing done twice, the same bytes whatever happened on the way.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::predict::sulfit;
use crate::support::project;

/// A copy of the test campaign with so many cells, its paths absolute.
pub(crate) fn campaign(folder: &Path, cells: usize) -> PathBuf {
    let from = project("tests/files/good/campaign");
    for file in [
        "campaign.toml",
        "experiment.toml",
        "dataset.toml",
        "facts.csv",
    ] {
        let text = std::fs::read_to_string(from.join(file)).unwrap();
        let models = project("models").display().to_string();
        let text = text.replace("../../../../models", &models);
        std::fs::write(folder.join(file), text).unwrap();
    }
    let mut table = "name,catalyst,replicate,seed,capacity,warburg,transference\n".to_owned();
    for i in 0..cells {
        let catalyst = if i % 2 == 0 { "A" } else { "B" };
        let capacity = 880 + 7 * (i % 11);
        let warburg = 120 + 3 * (i % 7);
        let row = format!(
            "cell {i},{catalyst},{i},{i},{capacity},{warburg},0.2{}\n",
            i % 5
        );
        table.push_str(&row);
    }
    std::fs::write(folder.join("cells.csv"), table).unwrap();
    folder.join("campaign.toml")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn run(campaign: &Path, out: &Path, more: &[&str]) -> Output {
    let arguments = ["batch", "run", text(campaign), "--out", text(out)];
    sulfit(&[&arguments[..], more].concat())
}

fn retry(campaign: &Path, out: &Path) -> Output {
    sulfit(&["batch", "retry", text(campaign), "--out", text(out)])
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The numbers for the content of every file of every finished fit.
pub(crate) fn checksums(out: &Path) -> BTreeMap<String, String> {
    let fits = std::fs::read_dir(out.join("fits")).unwrap();
    let each = fits.map(|entry| {
        let entry = entry.unwrap();
        let sums = std::fs::read_to_string(entry.path().join("checksums.json")).unwrap();
        (entry.file_name().to_string_lossy().into_owned(), sums)
    });
    each.collect()
}

fn file(out: &Path, name: &str) -> String {
    std::fs::read_to_string(out.join("collected").join(name)).unwrap()
}

#[test]
fn campaign_is_the_same_on_any_number_of_threads_and_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 6);
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let output = run(&campaign, &one, &["--threads", "1"]);
    assert!(output.status.success(), "{}", said(&output));
    let told = said(&output);
    assert!(told.contains("6 cells: 6 done, 0 failed, 0 skipped, 0 running, 0 waiting"));
    // Where there is no terminal every fit has a line.
    assert_eq!(told.matches(": done in ").count(), 6, "{told}");
    assert!(told.contains("cell 5: done in ") && told.contains(" s (6 of 6, 0 failed)"));
    assert!(run(&campaign, &two, &["--threads", "2"]).status.success());
    assert_eq!(checksums(&one), checksums(&two));
    // What is done stays as it is.
    let stamp = || {
        let fits = std::fs::read_dir(one.join("fits")).unwrap();
        let times = fits.map(|e| e.unwrap().metadata().unwrap().modified().unwrap());
        times.collect::<Vec<_>>()
    };
    let before = stamp();
    assert!(run(&campaign, &one, &[]).status.success());
    assert_eq!(stamp(), before);
    for out in [&one, &two] {
        let output = sulfit(&["batch", "collect", text(&campaign), "--out", text(out)]);
        assert!(output.status.success(), "{}", said(&output));
    }
    for name in [
        "parameters.csv",
        "observables.csv",
        "cells.csv",
        "catalysts.csv",
        "candidates.csv",
    ] {
        assert_eq!(file(&one, name), file(&two, name), "{name}");
    }
    assert_eq!(file(&one, "parameters.csv").lines().count(), 1 + 6 * 3);
    // Two catalysts of three cells each, three constants, one of which all cells have in common.
    let catalysts = file(&one, "catalysts.csv");
    assert_eq!(catalysts.lines().count(), 1 + 2 * 2 + 1);
    assert!(catalysts.contains("Scoat,all cells,6.0,"), "{catalysts}");
}

/// What a campaign collects is ranked as it stands.
#[test]
fn collected_candidates_can_be_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 4);
    let out = folder.path().join("out");
    assert!(run(&campaign, &out, &[]).status.success());
    assert!(
        sulfit(&["batch", "collect", text(&campaign), "--out", text(&out)])
            .status
            .success()
    );
    let candidates = file(&out, "candidates.csv");
    let first = candidates.lines().nth(1).unwrap();
    let fit = first
        .split(',')
        .nth(2)
        .unwrap()
        .trim_start_matches("../")
        .to_owned();
    let experiment = out.join(&fit).join("input/experiment.toml");
    let rank = std::fs::read_to_string(project("tests/files/good/small_rank.toml")).unwrap();
    let rank = rank
        .replace("\"small.toml\"", &format!("\"{}\"", experiment.display()))
        .replace(
            "\"no_fit_here\"",
            &format!("\"{}\"", out.join(&fit).display()),
        )
        .replace(
            "small_candidates.csv",
            text(&out.join("collected/candidates.csv")),
        )
        .replace("reference = \"STAR\"", "reference = \"A\"");
    let path = folder.path().join("rank.toml");
    std::fs::write(&path, rank).unwrap();
    let output = sulfit(&[
        "rank",
        text(&path),
        "--out",
        text(&folder.path().join("ranked")),
    ]);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}",
        said(&output)
    );
    let ranking = std::fs::read_to_string(folder.path().join("ranked/ranking.json")).unwrap();
    let ranking: serde_json::Value = serde_json::from_str(&ranking).unwrap();
    assert_eq!(ranking["candidates"].as_array().unwrap().len(), 2);
    let warnings = ranking["warnings"].to_string();
    assert!(
        !warnings.contains("no catalyst has two fitted cells"),
        "{warnings}"
    );
}

/// A run that its whole process group is killed of, again and again, ends with the bytes of an undisturbed one.
///
/// `SULFIT_KILLS=30` kills that often, with 60 cells.
#[test]
fn kills_lose_nothing_and_change_nothing() {
    let kills: usize = std::env::var("SULFIT_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(6);
    let cells = if kills >= 30 { 60 } else { 10 };
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), cells);
    let (calm, torn) = (folder.path().join("calm"), folder.path().join("torn"));
    let began = Instant::now();
    assert!(run(&campaign, &calm, &[]).status.success());
    let whole = began.elapsed();
    let mut state = 12_345u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    for _ in 0..kills {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sulfit"))
            .args(["batch", "run", text(&campaign), "--out", text(&torn)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        // So soon that something is left for the last run.
        std::thread::sleep(
            whole
                .mul_f64(random() * 2.0 / kills as f64)
                .min(Duration::from_secs(20)),
        );
        let group = format!("-{}", child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        child.wait().unwrap();
    }
    let output = run(&campaign, &torn, &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(checksums(&calm), checksums(&torn));
    for out in [&calm, &torn] {
        assert!(
            sulfit(&["batch", "collect", text(&campaign), "--out", text(out)])
                .status
                .success()
        );
    }
    assert_eq!(file(&calm, "parameters.csv"), file(&torn, "parameters.csv"));
}

/// Starts a run with one worker that may be disturbed, and waits until it has `done` results.
fn started(campaign: &Path, out: &Path, done: usize) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(["batch", "run", text(campaign), "--out", text(out)])
        .args(["--threads", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let fits = out.join("fits");
    while std::fs::read_dir(&fits).map_or(0, Iterator::count) < done {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn send(signal: &str, process: &str) {
    let status = Command::new("kill").args([signal, process]).status();
    assert!(status.unwrap().success());
}

/// The first Ctrl-C lets the fit in flight finish, the second one ends it; the next run goes on in both cases.
#[test]
fn interrupted_runs_finish_what_is_in_flight_or_stop_and_go_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 12);
    let calm = folder.path().join("calm");
    assert!(run(&campaign, &calm, &[]).status.success());
    for signals in [1, 2] {
        let out = folder.path().join(signals.to_string());
        let child = started(&campaign, &out, 1);
        for _ in 0..signals {
            send("-INT", &child.id().to_string());
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().unwrap();
        let told = said(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        for line in [
            "finishing the fits in flight; Ctrl-C again ends them now",
            "interrupted; the same command goes on from here",
            " 0 failed, 0 skipped, 0 running, ",
        ] {
            assert!(told.contains(line), "{told}");
        }
        let n = checksums(&out).len();
        assert!((1..12).contains(&n), "{n} done: {told}");
        // A fit that was finished has left nothing to go on from, one that was ended has.
        let kept = in_flight(&out).len();
        assert!(kept < signals, "{kept} begun: {told}");
        assert!(run(&campaign, &out, &[]).status.success());
        assert_eq!(checksums(&calm), checksums(&out));
    }
}

/// The process that another one has started.
fn child_of(id: u32) -> String {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let children = threads.map(|thread| {
        let file = thread.unwrap().path().join("children");
        std::fs::read_to_string(file).unwrap_or_default()
    });
    let children: String = children.collect();
    children.split_whitespace().next().unwrap().to_owned()
}

/// Keys of the fits that have begun and have no result.
fn in_flight(out: &Path) -> Vec<PathBuf> {
    let begun = std::fs::read_dir(out.join("work")).unwrap();
    let begun = begun.map(|entry| entry.unwrap().path());
    begun
        .filter(|place| {
            place.is_dir() && !out.join("fits").join(place.file_name().unwrap()).exists()
        })
        .collect()
}

/// A process that dies takes the fit with it that it does, no other one, and the record says how it died.
#[test]
fn process_that_dies_takes_one_fit_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 8);
    let out = folder.path().join("out");
    let run_of_it = started(&campaign, &out, 1);
    let worker = child_of(run_of_it.id());
    // Held still, until that is in the middle of a fit.
    send("-STOP", &worker);
    while in_flight(&out).is_empty() {
        send("-CONT", &worker);
        std::thread::sleep(Duration::from_millis(10));
        send("-STOP", &worker);
    }
    send("-KILL", &worker);
    let output = run_of_it.wait_with_output().unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("8 cells: 7 done, 1 failed"), "{told}");
    assert!(
        told.contains(": failed: the fit's process ended with signal: 9"),
        "{told}"
    );
    assert!(retry(&campaign, &out).status.success());
    assert!(run(&campaign, &out, &[]).status.success());
    let calm = folder.path().join("calm");
    assert!(run(&campaign, &calm, &[]).status.success());
    assert_eq!(checksums(&calm), checksums(&out));
}

/// Two runs over one folder share the work.
#[test]
fn two_runs_at_once_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 8);
    let (alone, both) = (folder.path().join("alone"), folder.path().join("both"));
    assert!(run(&campaign, &alone, &[]).status.success());
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_sulfit"))
            .args([
                "batch",
                "run",
                text(&campaign),
                "--out",
                text(&both),
                "--threads",
                "1",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut runs = [start(), start()];
    for run in &mut runs {
        assert!(run.wait().unwrap().success());
    }
    assert_eq!(checksums(&alone), checksums(&both));
}

#[test]
fn damaged_results_are_found_and_fitted_again() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 3);
    let out = folder.path().join("out");
    assert!(run(&campaign, &out, &[]).status.success());
    let before = checksums(&out);
    let fits: Vec<PathBuf> = std::fs::read_dir(out.join("fits"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let result = fits[0].join("result.json");
    let text = std::fs::read_to_string(&result).unwrap();
    std::fs::write(&result, text.replacen("cost", "kost", 1)).unwrap();
    std::fs::remove_file(fits[1].join("checksums.json")).unwrap();
    let output = run(&campaign, &out, &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("its result is damaged and is fitted again"));
    assert_eq!(checksums(&out), before);
}

/// What is wrong with one cell stays with it, with the reason and a command that shows it.
#[test]
fn failures_stay_with_their_cell() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 3);
    let out = folder.path().join("out");
    let table = folder.path().join("cells.csv");
    let cells = std::fs::read_to_string(&table).unwrap();
    let cells = cells.replacen("cell 1,B,1,1,887", "cell 1,B,1,1,", 1) + "bad,A,9,9,-5,120,0.2\n";
    std::fs::write(&table, cells).unwrap();
    // All problems at once, and nothing is run.
    let output = run(&campaign, &out, &[]);
    assert_eq!(output.status.code(), Some(2));
    let told = said(&output);
    assert!(told.contains("error: 2 problems"), "{told}");
    assert!(
        told.contains("cell 'cell 1': ") && told.contains("cell 'bad': "),
        "{told}"
    );
    assert!(
        told.contains("nothing was run; --keep-going runs the others"),
        "{told}"
    );
    assert!(
        !out.join("fits").exists() || std::fs::read_dir(out.join("fits")).unwrap().count() == 0
    );
    let output = run(&campaign, &out, &["--keep-going"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("4 cells: 2 done, 2 failed, 0 skipped"),
        "{}",
        said(&output)
    );
    let output = sulfit(&["batch", "status", text(&campaign), "--out", text(&out)]);
    let told = said(&output);
    assert!(told.contains("cell 1: bad input: "), "{told}");
    assert!(
        told.contains("line 3, column 'capacity': found nothing, expected a value"),
        "{told}"
    );
    assert!(
        told.contains("bad: bad input: ") && told.contains("-5"),
        "{told}"
    );
    // Mended, and tried again.
    let cells = std::fs::read_to_string(&table)
        .unwrap()
        .replace("cell 1,B,1,1,,", "cell 1,B,1,1,887,");
    std::fs::write(&table, cells.replace("9,9,-5", "9,9,905")).unwrap();
    let output = retry(&campaign, &out);
    assert!(output.status.success(), "{}", said(&output));
    let output = run(&campaign, &out, &[]);
    assert!(
        said(&output).contains("4 cells: 4 done, 0 failed"),
        "{}",
        said(&output)
    );
}

#[test]
fn budgets_end_a_fit_and_not_the_campaign() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 2);
    let file = std::fs::read_to_string(&campaign).unwrap();
    let out = folder.path().join("time");
    std::fs::write(
        &campaign,
        file.replace("minutes = 10.0", "minutes = 0.0001"),
    )
    .unwrap();
    let output = run(&campaign, &out, &[]);
    assert!(
        said(&output).contains("2 cells: 0 done, 2 failed"),
        "{}",
        said(&output)
    );
    let told = said(&sulfit(&[
        "batch",
        "status",
        text(&campaign),
        "--out",
        text(&out),
    ]));
    assert!(
        told.contains("cell 0, cell 1: out of time: not finished in 0.0001 min"),
        "{told}"
    );
    // With more time they go on from where they stood, and end as if nothing had happened.
    std::fs::write(&campaign, &file).unwrap();
    assert!(retry(&campaign, &out).status.success());
    assert!(run(&campaign, &out, &[]).status.success());
    let calm = folder.path().join("calm");
    assert!(run(&campaign, &calm, &[]).status.success());
    assert_eq!(checksums(&out), checksums(&calm));
    let out = folder.path().join("memory");
    std::fs::write(
        &campaign,
        file.replace("memory_gib = 8.0", "memory_gib = 0.06"),
    )
    .unwrap();
    let output = run(&campaign, &out, &[]);
    assert!(
        said(&output).contains("2 cells: 0 done, 2 failed"),
        "{}",
        said(&output)
    );
    let told = said(&sulfit(&[
        "batch",
        "status",
        text(&campaign),
        "--out",
        text(&out),
    ]));
    assert!(told.contains("its budget of memory is 0.06 GiB"), "{told}");
}

/// A folder that cannot be written is told before anything runs; needs a file system of its own, as root may write
/// anywhere else.
#[test]
fn read_only_folder_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 2);
    let out = folder.path().join("frozen");
    std::fs::create_dir(&out).unwrap();
    let arguments = ["-t", "tmpfs", "-o", "ro", "tmpfs", text(&out)];
    let mounted = Command::new("mount")
        .args(arguments)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let output = run(&campaign, &out, &[]);
    let _ = Command::new("umount").arg(&out).status();
    assert_eq!(output.status.code(), Some(2));
    let told = said(&output);
    assert!(
        told.contains("cannot be written: Read-only file system"),
        "{told}"
    );
    assert!(told.contains("choose another folder with --out"), "{told}");
}

/// A full disk is told, and nothing half-written counts; needs a small file system, which only root can make.
#[test]
fn full_disk_is_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 4);
    let out = folder.path().join("small");
    std::fs::create_dir(&out).unwrap();
    let mount = |size: &str, how: &str| {
        let options = format!("{how}size={size}");
        let arguments = ["-t", "tmpfs", "-o", &options, "tmpfs", text(&out)];
        Command::new("mount")
            .args(arguments)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if !mount("400k", "") {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let output = run(&campaign, &out, &["--threads", "1"]);
    let told = said(&output);
    let has_failed = output.status.code() != Some(0);
    let grown = mount("64m", "remount,");
    let retried = retry(&campaign, &out);
    let again = run(&campaign, &out, &[]);
    let sums = checksums(&out);
    let _ = Command::new("umount").arg(&out).status();
    assert!(has_failed, "{told}");
    // Whoever ran out of space, the reason is told and not an exit status.
    assert!(told.contains("No space left on device"), "{told}");
    assert!(!told.contains("ended with exit status"), "{told}");
    assert!(grown && retried.status.success(), "{}", said(&retried));
    assert!(
        said(&again).contains("4 cells: 4 done, 0 failed"),
        "{}",
        said(&again)
    );
    assert_eq!(sums.len(), 4);
}

/// What to change in which file into what, and what that must say.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "campaign.toml",
        "templates = [",
        "template = [",
        "found key 'template'; did you mean 'templates'? expected one of",
    ),
    (
        "campaign.toml",
        "minutes = 10.0",
        "minutes = -1.0",
        "budget.minutes: found -1, expected a positive number",
    ),
    (
        "campaign.toml",
        "\"experiment.toml\", ",
        "\"nowhere.toml\", ",
        "nowhere.toml: cannot be read",
    ),
    (
        "experiment.toml",
        "{seed}",
        "{sead}",
        "placeholder '{sead}': found no such column, expected a column of ",
    ),
    (
        "cells.csv",
        "name,catalyst",
        "nome,catalyst",
        "header: found no column 'name', expected one",
    ),
    (
        "cells.csv",
        "cell 1,",
        "cell 0,",
        "line 3, column 'name': found 'cell 0' twice, expected a name of its own for each cell",
    ),
    (
        "cells.csv",
        "cell 1,",
        ",",
        "line 3, column 'name': found nothing, expected a name for the cell",
    ),
    (
        "cells.csv",
        "name,catalyst,replicate,seed",
        "name,catalyst,colour,seed",
        "header: found column 'colour', expected one that a template asks for as {colour}, or name, catalyst, replicate, skip",
    ),
    (
        "experiment.toml",
        "separator = 4",
        "separator = 0",
        "2 problems",
    ),
    (
        "dataset.toml",
        "\"facts.csv\"",
        "\"none.csv\"",
        "none.csv: cannot be read",
    ),
];

#[test]
fn mistakes_in_campaigns_are_told() {
    for (name, find, put, says) in CASES {
        let folder = tempfile::tempdir().unwrap();
        let campaign = campaign(folder.path(), 2);
        let path = folder.path().join(name);
        let text_of = std::fs::read_to_string(&path).unwrap();
        assert!(text_of.contains(find), "{find}");
        std::fs::write(&path, text_of.replacen(find, put, 1)).unwrap();
        let output = sulfit(&["check", text(&campaign)]);
        let message = said(&output);
        let is_campaign = output.status.code() == Some(2) || !put.starts_with("template = ");
        assert!(
            is_campaign && message.contains(says),
            "'{put}' says: {message}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 2);
    let out = folder.path().join("out");
    let output = sulfit(&["batch", "collect", text(&campaign), "--out", text(&out)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("no finished fit; sulfit batch run first"));
    let output = sulfit(&[
        "batch",
        "retry",
        text(&campaign),
        "nobody",
        "--out",
        text(&out),
    ]);
    assert!(said(&output).contains("no cell 'nobody'; name cells of the campaign's table"));
    let output = run(&campaign, &out, &["--part", "3/2"]);
    assert!(said(&output).contains("expected I/N with I below N, like 0/8"));
}

/// What would be submitted, without a Slurm.
#[test]
fn slurm_script_is_shown_without_submitting() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 2);
    let out = folder.path().join("out");
    let output = sulfit(&[
        "batch",
        "submit",
        text(&campaign),
        "--out",
        text(&out),
        "--slurm",
        "--dry-run",
        "--tasks",
        "4",
        "--throttle",
        "2",
        "--cores",
        "2",
        "--partition",
        "short",
        "--time",
        "2:00:00",
        "--memory",
        "4G",
    ]);
    let script = said(&output);
    for line in [
        "#SBATCH --array=0-3%2",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --partition=short",
        "#SBATCH --time=2:00:00",
        "#SBATCH --mem=4G",
        "#SBATCH --requeue",
        "--threads 2 --part \"$SLURM_ARRAY_TASK_ID/4\"",
    ] {
        assert!(script.contains(line), "{line}: {script}");
    }
    assert!(!out.exists());
}

#[test]
fn a_thousand_cells_are_checked_and_their_failures_told_in_a_few_lines() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = campaign(folder.path(), 1000);
    let output = sulfit(&["check", text(&campaign)]);
    assert!(output.status.success(), "{}", said(&output));

    let experiment = folder.path().join("experiment.toml");
    let right = std::fs::read_to_string(&experiment).unwrap();
    std::fs::write(&experiment, right.replace("{seed}", "{sead}")).unwrap();
    let out = folder.path().join("out");
    let output = run(&campaign, &out, &["--keep-going"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let output = sulfit(&["batch", "status", text(&campaign), "--out", text(&out)]);
    let said = said(&output);
    assert!(said.contains("1000 failed"), "{said}");
    assert!(
        said.contains("cell 0, cell 1, cell 2, cell 3, cell 4 and 995 more: bad input:"),
        "{said}"
    );
    assert!(said.contains("placeholder '{sead}'"), "{said}");
    assert!(said.lines().count() < 10, "{said}");
}

/// The columns of a CSV file without quotes, by name.
fn columns(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        for (name, field) in names.iter().zip(line.split(',')) {
            let column = columns.entry((*name).to_owned()).or_default();
            column.push(field.to_owned());
        }
    }
    columns
}

#[test]
fn the_screening_example_finds_the_constants_behind_its_cells() {
    let folder = tempfile::tempdir().unwrap();
    let (campaign, out) = (
        project("experiments/screening/campaign.toml"),
        folder.path().join("out"),
    );
    let output = run(&campaign, &out, &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("12 cells: 12 done"),
        "{}",
        said(&output)
    );
    let output = sulfit(&["batch", "collect", text(&campaign), "--out", text(&out)]);
    assert!(output.status.success(), "{}", said(&output));

    let truth = columns(&project("experiments/screening/truth.csv"));
    let found = columns(&out.join("collected/parameters.csv"));
    let mut inside = Vec::new();
    for (row, parameter) in found["parameter"].iter().enumerate() {
        let Some(truths) = truth.get(parameter) else {
            continue;
        };
        let mut cells = truth["name"].iter();
        let cell = cells.position(|name| *name == found["name"][row]).unwrap();
        let number = |text: &str| text.parse::<f64>().unwrap();
        let interval =
            number(&found["interval_lower"][row])..=number(&found["interval_upper"][row]);
        inside.push(interval.contains(&number(&truths[cell])));
    }
    assert_eq!(inside.len(), 60);
    // Sixty intervals of 95 %: fewer than 50 inside happen once in a million times.
    let n = inside.iter().filter(|is_inside| **is_inside).count();
    assert!(n >= 50, "{n} of 60 constants inside their intervals");
    let catalysts = columns(&out.join("collected/catalysts.csv"));
    assert_eq!(catalysts["catalyst"].len(), 20);

    let output = sulfit(&["report", text(&out)]);
    assert!(output.status.success(), "{}", said(&output));
    let html = std::fs::read_to_string(out.join("report.html")).unwrap();
    for title in [
        "Cells, the most suspicious first",
        "Constants of the catalysts",
    ] {
        assert!(html.contains(title), "{title}");
    }
}
