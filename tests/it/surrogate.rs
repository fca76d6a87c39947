//! Surrogates: trained, kept, resumed, refused where they do not belong, and harmless when they are bad.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::sync::OnceLock;

use sulfit::config::read_mechanism;
use sulfit::config::read_plan;
use sulfit::config::read_surrogate;
use sulfit::surrogate::Department;
use sulfit::surrogate::Networks;
use sulfit::surrogate::Plan;
use sulfit::surrogate::Set;
use sulfit::surrogate::from_parquet;
use sulfit::surrogate::point;
use sulfit::surrogate::simulated;
use sulfit::surrogate::to_parquet;

use crate::support::project;

const TRAINING: &str = "tests/files/good/small_surrogate.toml";

fn sulfit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(arguments)
        .current_dir(project(""))
        .output()
        .unwrap()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The small surrogate, trained once for all tests.
fn small() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let output = sulfit(&["train", TRAINING, "--out", &text(folder.path())]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("points all over the box"));
            folder
        })
        .path()
}

/// A copy of the small surrogate.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["card.json", "card.md", "numbers.weights", "curves.weights"] {
        std::fs::copy(small().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// The small experiment with a line of its `[fit]` table.
fn experiment(line: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(project("tests/files/good/small.toml")).unwrap();
    let models = project("models/mg_s_tandem.toml");
    let facts = project("datasets/guan_2024_star_lcnc/dataset.toml");
    let text = text
        .replace("../../../models/mg_s_tandem.toml", models.to_str().unwrap())
        .replace(
            "../../../datasets/guan_2024_star_lcnc/dataset.toml",
            facts.to_str().unwrap(),
        )
        .replace("[fit]\n", &format!("[fit]\n{line}\n"));
    let path = folder.path().join("small.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn with_surrogate(surrogate: &Path) -> (tempfile::TempDir, PathBuf) {
    let line = format!(
        "surrogate = \"{}\"\nsurrogate_starts = 16",
        surrogate.display()
    );
    experiment(&line)
}

/// `result.json` of a fit.
fn fitted(experiment: &Path) -> serde_json::Value {
    let out = experiment.with_file_name("out");
    let output = sulfit(&["fit", &text(experiment), "--out", &text(&out)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_str(&std::fs::read_to_string(out.join("result.json")).unwrap()).unwrap()
}

fn refusal(experiment: &Path) -> String {
    let output = sulfit(&["check", &text(experiment)]);
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn small_surrogate_knows_its_error() {
    let card = std::fs::read_to_string(small().join("card.json")).unwrap();
    let card: serde_json::Value = serde_json::from_str(&card).unwrap();
    let errors = card["assessments"][0]["errors"].as_array().unwrap();
    let of = |name: &str| errors.iter().find(|e| e["name"] == name).unwrap();
    // A hundred simulations of four sides: rough, but no nonsense.
    assert!(of("rate_0p1C")["median"].as_f64().unwrap() < 80.0);
    assert!(of("transference")["relative_median"].as_f64().unwrap() < 0.05);
    assert!(of("real part")["relative_median"].as_f64().unwrap() < 0.2);
    assert!(card["assessments"][0]["pooled_coverage"].as_f64().unwrap() > 0.7);
    let readable = std::fs::read_to_string(small().join("card.md")).unwrap();
    assert!(
        readable.contains("| rate_0p1C | discharge | capacity (step 2, cycle 1) | mAh g^-1 |"),
        "{readable}"
    );
}

#[test]
fn training_again_changes_nothing_and_uses_what_is_there() {
    let folder = copy();
    for part in ["simulations", "networks"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        for file in std::fs::read_dir(small().join(part)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(part).join(file.file_name())).unwrap();
        }
    }
    // A part that is gone and one that was cut off are simulated again, a network that is gone is trained again.
    let parts = folder.path().join("simulations");
    std::fs::remove_file(parts.join("test-000000.parquet")).unwrap();
    std::fs::write(parts.join("training-000064.parquet"), b"PAR1").unwrap();
    let mut networks = std::fs::read_dir(folder.path().join("networks")).unwrap();
    std::fs::remove_file(networks.next().unwrap().unwrap().path()).unwrap();
    let out = text(folder.path());
    let output = sulfit(&["train", TRAINING, "--out", &out, "--threads", "1"]);
    assert!(output.status.success());
    for file in ["numbers.weights", "curves.weights"] {
        let again = std::fs::read(folder.path().join(file)).unwrap();
        assert_eq!(again, std::fs::read(small().join(file)).unwrap(), "{file}");
    }
}

#[test]
fn samples_come_back_from_their_part() {
    let plan: Plan = read_plan(&project(TRAINING)).unwrap();
    let samples: Vec<_> = (0..2)
        .map(|i| simulated(&plan, &point(&plan, Set::Training, i), true))
        .collect();
    let bytes = to_parquet(&plan, &samples).unwrap();
    let back = from_parquet(&plan, &bytes).unwrap().unwrap();
    for (a, b) in samples.iter().zip(&back) {
        assert_eq!(a.coordinates, b.coordinates);
        assert!(
            a.values
                .iter()
                .zip(&b.values)
                .all(|(a, b)| a.to_bits() == b.to_bits())
        );
        let (a, b) = (a.slopes.as_ref().unwrap(), b.slopes.as_ref().unwrap());
        assert!((a[[0, 0]] - b[[0, 0]]).abs() < f64::MIN_POSITIVE);
    }
    let other = Plan {
        axes: plan.axes[..3].to_vec(),
        ..plan
    };
    assert!(from_parquet(&other, &bytes).unwrap().is_none());
}

/// The derivatives of a sample are those of its values.
#[test]
fn slopes_are_those_of_the_values() {
    let plan = read_plan(&project(TRAINING)).unwrap();
    let centre = vec![0.1; plan.axes.len()];
    let slopes = simulated(&plan, &centre, true).slopes.unwrap();
    for axis in 0..4 {
        let moved = |side: f64| {
            let mut moved = centre.clone();
            moved[axis] += side * 1e-2;
            simulated(&plan, &moved, false).values
        };
        let (up, down) = (moved(1.0), moved(-1.0));
        for column in 0..3 {
            let difference = (up[column] - down[column]) / 2e-2;
            let slope = slopes[[column, axis]];
            let allowed = 0.05 * slope.abs() + 2e-3 * up[column].abs();
            assert!(
                (slope - difference).abs() < allowed,
                "{column} {axis}: {slope} {difference}"
            );
        }
    }
    // The transference number depends on the coated area and on nothing of the cathode.
    assert!(slopes[[2, 0]].abs() < 1e-12 && slopes[[2, 2]].abs() > 1e-3);
}

#[test]
fn fit_tells_what_its_surrogate_said() {
    let (_plain_folder, plain) = experiment("surrogate = \"none\"");
    let (_guided_folder, guided) = with_surrogate(small());
    let (plain, guided) = (fitted(&plain), fitted(&guided));
    let cost = |result: &serde_json::Value| result["cost"].as_f64().unwrap();
    assert!((cost(&plain) - cost(&guided)).abs() < 0.01 * cost(&plain).max(0.1));
    assert!(plain["surrogate"].is_null());
    let said = &guided["surrogate"];
    assert_eq!(said["starts"], 16);
    assert!(said["points_asked"].as_u64().unwrap() > 16);
    assert_eq!(said["at_optimum"].as_array().unwrap().len(), 3);
}

/// Draws of the surrogate's posterior, weighted by the cell model: near what the curvature says, and with a number that
/// tells how far they are to be trusted.
#[test]
fn posterior_by_surrogate_is_weighted_by_the_cell_model() {
    let (_folder, path) = with_surrogate(small());
    let out = path.with_file_name("out");
    let arguments = ["--posterior-by-surrogate", "60"];
    let output = sulfit(&[&["fit", &text(&path), "--out", &text(&out)][..], &arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let result = std::fs::read_to_string(out.join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    let weighted = &result["posterior_by_surrogate"];
    assert_eq!(
        weighted["draws"].as_u64().unwrap() + weighted["failed"].as_u64().unwrap(),
        60
    );
    assert!(weighted["pareto_k"].is_number());
    let effective = weighted["effective_draws"].as_f64().unwrap();
    assert!((1.0..=60.0).contains(&effective), "{effective}");
    let summary = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_told =
        weighted["pareto_k"].as_f64().unwrap() < 0.7 || summary.contains("not to be trusted");
    assert!(is_told, "{summary}");
}

/// Judging writes the same errors again, trains nothing, and refuses a surrogate of another plan.
#[test]
fn judging_tells_the_same_errors() {
    let folder = copy();
    let out = text(folder.path());
    let output = sulfit(&["train", TRAINING, "--out", &out, "--judge"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let card = |folder: &Path| std::fs::read_to_string(folder.join("card.json")).unwrap();
    let medians = |folder: &Path| -> Vec<f64> {
        let card: serde_json::Value = serde_json::from_str(&card(folder)).unwrap();
        let errors = card["assessments"][0]["errors"].as_array().unwrap().clone();
        errors
            .iter()
            .map(|e| e["median"].as_f64().unwrap())
            .collect()
    };
    for (again, first) in medians(folder.path()).iter().zip(medians(small())) {
        assert!((again - first).abs() < 1e-6 * first, "{again} {first}");
    }
    let figure = std::fs::read_to_string(folder.path().join("parity.svg")).unwrap();
    assert!(figure.contains("rate_0p1C") && figure.contains("transference"));
    let other = card(folder.path()).replacen("\"plan\": \"", "\"plan\": \"0", 1);
    std::fs::write(folder.path().join("card.json"), other).unwrap();
    let output = sulfit(&["train", TRAINING, "--out", &out, "--judge"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("found a surrogate of another plan"));
}

/// Networks with random weights find no starts worth following; the fit ends where it would without them.
#[test]
fn bad_surrogate_does_no_harm() {
    let mechanism = read_mechanism(&project("models/mg_s_tandem.toml")).unwrap();
    let folder = copy();
    let surrogate = read_surrogate(folder.path(), &mechanism).unwrap();
    let departments: Vec<Department> = surrogate.number_networks.departments().cloned().collect();
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    let departments: Vec<(Department, Vec<Vec<f32>>)> = departments
        .into_iter()
        .map(|d| {
            let n = d.shape.n_weights();
            let members = (0..2).map(|_| (0..n).map(|_| random()).collect());
            (d.clone(), members.collect())
        })
        .collect();
    let networks = Networks::new(surrogate.axes.len(), &departments).unwrap();
    std::fs::write(folder.path().join("numbers.weights"), networks.to_bytes()).unwrap();
    let (_bad_folder, bad) = with_surrogate(folder.path());
    let (_plain_folder, plain) = experiment("surrogate = \"none\"");
    let (bad, plain) = (fitted(&bad), fitted(&plain));
    let (bad, plain) = (
        bad["cost"].as_f64().unwrap(),
        plain["cost"].as_f64().unwrap(),
    );
    assert!(
        (bad - plain).abs() < 0.01 * plain.max(0.1),
        "{bad} instead of {plain}"
    );
}

#[test]
fn surrogate_that_does_not_belong_is_refused() {
    let replaced = |file: &str, from: &str, to: &str| {
        let folder = copy();
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} without {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let (_folder, path) = with_surrogate(folder.path());
        refusal(&path)
    };
    let card: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(small().join("card.json")).unwrap()).unwrap();
    let structure = card["structure"].as_str().unwrap();
    let says = replaced("card.json", structure, "0123456789abcdef");
    assert!(
        says.contains("structure: found a surrogate of 'mg_s_tandem' with other equations"),
        "{says}"
    );
    let protocol = card["numbers"][0]["known"]["protocol_fingerprint"]
        .as_str()
        .unwrap();
    let says = replaced("card.json", protocol, "0123456789abcdef");
    assert!(
        says.contains("it was trained for another protocol 'discharge', or without 'rate_0p1C'"),
        "{says}"
    );
    let says = replaced("card.json", "\"layout\": 1", "\"layout\": 9");
    assert!(
        says.contains("layout: found 9, expected 1; train again with this version"),
        "{says}"
    );
    let says = replaced("card.json", "\"members\": 2", "\"members\": 3");
    assert!(
        says.contains("the file does not belong to this card"),
        "{says}"
    );
    let says = replaced("card.json", "{", "[");
    assert!(says.contains("not a card of a surrogate"), "{says}");
    let temperature = format!("[\n      \"T\",\n      {}", 298.15);
    let says = replaced("card.json", &temperature, "[\n      \"T\",\n      310.15");
    assert!(
        says.contains(
            "'T' is 298.15 K in cell 'STAR@LCNC-S', but was 310.15 K when it was trained"
        ),
        "{says}"
    );
}

#[test]
fn damaged_files_are_told() {
    let folder = copy();
    let (_folder, path) = with_surrogate(folder.path());
    let weights = folder.path().join("numbers.weights");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let says = refusal(&path);
    assert!(
        says.contains("numbers.weights: found") && says.contains("the file is cut off"),
        "{says}"
    );
    let mut changed = bytes.clone();
    changed[100] ^= 4;
    std::fs::write(&weights, changed).unwrap();
    assert!(refusal(&path).contains("found other bytes than were written"));
    std::fs::remove_file(&weights).unwrap();
    assert!(refusal(&path).contains("numbers.weights: cannot be read"));
    std::fs::remove_file(folder.path().join("card.json")).unwrap();
    assert!(refusal(&path).contains("card.json: cannot be read"));
}

/// Outside its box a surrogate does not answer, and says along which side.
#[test]
fn nothing_is_answered_outside_the_box() {
    use sulfit::surrogate::Refusal;
    let mechanism = read_mechanism(&project("models/mg_s_tandem.toml")).unwrap();
    let surrogate = read_surrogate(small(), &mechanism).unwrap();
    let mut outside = vec![0.0; surrogate.axes.len()];
    outside[1] = 1.01;
    let answers = surrogate.answers(&[outside.clone(), vec![0.0; outside.len()]], &[0]);
    assert!(matches!(answers[0], Err(Refusal::Outside { axis: 1, .. })));
    assert!(answers[1].is_ok());
    assert!(surrogate.curve(&[outside], 0)[0].is_err());
}

/// Derivatives of answers are those of their values, transforms and scales included.
#[test]
fn slopes_of_answers_are_those_of_their_values() {
    let mechanism = read_mechanism(&project("models/mg_s_tandem.toml")).unwrap();
    let surrogate = read_surrogate(small(), &mechanism).unwrap();
    let all: Vec<usize> = (0..surrogate.numbers.len()).collect();
    let centre = vec![0.05; surrogate.axes.len()];
    let (values, slopes) = surrogate.linearised(&centre, &all);
    for axis in 0..centre.len() {
        let moved = |side: f64| {
            let mut moved = centre.clone();
            moved[axis] += side * 0.02;
            surrogate.linearised(&moved, &all).0
        };
        let (up, down) = (moved(1.0), moved(-1.0));
        for number in &all {
            let difference = (up[*number] - down[*number]) / 0.04;
            let slope = slopes[*number][axis];
            let allowed = 0.03 * slope.abs() + 5e-3 * values[*number].abs();
            assert!(
                (slope - difference).abs() < allowed,
                "{number} {axis}: {slope} {difference}"
            );
        }
    }
}

/// The shipped surrogate belongs to the shipped experiment, is small, and still says what the cell model says: whoever
/// changes the equations without training again fails here.
#[test]
fn shipped_surrogate_speaks_for_the_cell_model() {
    let study = sulfit::config::read_study(&project("experiments/star_lcnc.toml")).unwrap();
    assert_eq!(study.guide_refusal, None);
    let guide = study.guide.unwrap();
    let folder = project("models/surrogates/mg_s_tandem");
    let files = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap());
    let is_shipped = |file: &std::fs::DirEntry| file.file_type().unwrap().is_file();
    let size: u64 = files
        .filter(is_shipped)
        .map(|f| f.metadata().unwrap().len())
        .sum();
    assert!(size < 5_000_000, "{size} bytes");
    let plan = read_plan(&project("experiments/star_lcnc_surrogate.toml")).unwrap();
    let card = std::fs::read_to_string(folder.join("card.json")).unwrap();
    let card: serde_json::Value = serde_json::from_str(&card).unwrap();
    let number = plan.working.unwrap().number;
    let p95 = card["assessments"][0]["errors"][number]["p95"]
        .as_f64()
        .unwrap();
    let numbers = plan
        .outputs
        .iter()
        .zip(plan.ranges())
        .filter(|(o, _)| !o.is_curve());
    let column = numbers.map(|(_, range)| range.start).nth(number).unwrap();
    let mut n_close = 0;
    for index in 0..6 {
        let point = point(&plan, Set::Test, index);
        let truth = simulated(&plan, &point, false).values[column];
        let said = guide.surrogate.linearised(&point, &[number]).0[0];
        n_close += usize::from((said - truth).abs() < 2.0 * p95 || truth.is_nan());
    }
    assert!(n_close >= 5, "{n_close} of 6");
}

#[test]
fn points_lie_in_the_box_and_sets_share_none() {
    let plan = read_plan(&project(TRAINING)).unwrap();
    let mut all: Vec<Vec<f64>> = Vec::new();
    for set in Set::ALL {
        for index in 0..50 {
            let point = point(&plan, set, index);
            assert!(point.iter().all(|c| c.abs() <= 1.0));
            assert!(!all.contains(&point));
            all.push(point);
        }
    }
}

/// A point to judge by is a function of its number, whatever was drawn before, and neighbours do not overlap.
#[test]
fn independent_points_do_not_overlap() {
    let plan = read_plan(&project(TRAINING)).unwrap();
    let drawn: Vec<f64> = (0..200).flat_map(|i| point(&plan, Set::Test, i)).collect();
    let mut sorted = drawn.clone();
    sorted.sort_by(f64::total_cmp);
    assert!(
        sorted.windows(2).all(|pair| pair[0] < pair[1]),
        "a number twice"
    );
    let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
    assert!(mean.abs() < 0.06, "{mean}");
}
