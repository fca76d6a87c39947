//! `sulfit simulate --raw`: what is written reads back, says that it is synthetic, and is as noisy as it says.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use sulfit::config::read_record_files;
use sulfit::config::read_study;
use sulfit::estimate::Curves;
use sulfit::estimate::simulate_all;
use sulfit::import::read_measured;
use sulfit::record::Measured;
use sulfit::record::Quantity;
use sulfit::record::Severity;
use sulfit::record::Technique;
use sulfit::report::Instrument;
use sulfit::report::Sampling;
use sulfit::report::write_raw;
use sulfit::simulate::CycleLog;
use sulfit::simulate::StepOutcome;

use crate::support::Silent;
use crate::support::project;

/// One cell whose protocol has an impedance, two cycles, a voltammogram and a hold.
const ALL: &str = "tests/files/good/raw_curves.toml";

fn sulfit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(arguments)
        .current_dir(project(""))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes the curves of the test's cell with these arguments.
fn written(folder: &Path, arguments: &[&str]) -> String {
    let mut all = vec!["simulate", ALL, "--raw", folder.to_str().unwrap()];
    all.extend(arguments);
    let output = sulfit(&all);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The records that the data set file in a folder names, in order.
fn records(folder: &Path) -> Vec<Measured> {
    let records = read_record_files(&folder.join("dataset.toml")).unwrap();
    let records = records.iter();
    records
        .map(|record| read_measured(&record.path, &record.hints).unwrap())
        .collect()
}

fn of(records: &[Measured], technique: Technique) -> &Measured {
    records.iter().find(|r| r.technique == technique).unwrap()
}

#[test]
fn raw_curves_say_that_they_are_synthetic_and_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let told = written(folder.path(), &["--noise"]);
    assert!(told.contains("4 synthetic files"), "{told}");
    let names: Vec<String> = files(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "STAR_LCNC_S_all_1.DTA",
            "STAR_LCNC_S_all_2.csv",
            "STAR_LCNC_S_all_4.DTA",
            "STAR_LCNC_S_all_5.DTA",
            "dataset.toml",
            "truth.toml",
        ]
    );
    let dataset = folder.path().join("dataset.toml");
    for path in files(folder.path()) {
        let content = std::fs::read_to_string(&path).unwrap();
        assert!(
            content.contains("SYNTHETIC: simulated by sulfit "),
            "{content}"
        );
        assert!(
            content.contains("experiment 'raw curves, all techniques'")
                || content.contains("raw curves; all")
        );
        assert!(content.contains("seed 7; noise 0.001 V"), "{content}");
        if path.extension().is_some_and(|e| e == "toml") {
            continue;
        }
        let place = path.to_str().unwrap();
        for arguments in [
            &["inspect", place][..],
            &["inspect", place, "--dataset", dataset.to_str().unwrap()],
        ] {
            let output = sulfit(arguments);
            let told = text(&output.stdout);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{told}{}",
                text(&output.stderr)
            );
            assert!(
                told.contains("the file calls itself SYNTHETIC: simulated by"),
                "{told}"
            );
            assert!(!told.contains("warning"), "{told}");
        }
    }
    check_description(folder.path());
}

/// What stands beside the files: their names, and the values behind them.
fn check_description(folder: &Path) {
    let named = std::fs::read_to_string(folder.join("dataset.toml")).unwrap();
    assert!(named.contains("name = \"STAR_LCNC_S_all_2\"\n"), "{named}");
    let truth = std::fs::read_to_string(folder.join("truth.toml")).unwrap();
    let truth: toml::Table = truth.parse().unwrap();
    let k1 = &truth["cell"]["STAR@LCNC-S"]["k1"];
    assert!(k1["value"].as_float().unwrap() > 0.0 && k1["unit"].as_str().is_some());
}

#[test]
fn exact_raw_curves_are_the_simulated_ones() {
    let study = read_study(&project(ALL)).unwrap();
    let (curves, failures) = simulate_all(&study, &Silent);
    assert!(failures.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let instrument = Instrument {
        sampling: Sampling::default(),
        noise: None,
        seed: 1,
    };
    let names = write_raw(folder.path(), &study, &curves, &instrument).unwrap();
    assert_eq!(names.len(), 4);
    let records = records(folder.path());
    let run = &curves[0];
    check_cycling(run, of(&records, Technique::Cycling));
    check_spectrum(run, of(&records, Technique::Impedance));
    check_voltammogram(run, of(&records, Technique::Voltammetry));
}

fn log(run: &Curves) -> &CycleLog {
    match &run.outcome.steps[2] {
        StepOutcome::Cycles(log) => log,
        _ => panic!("cycles"),
    }
}

fn check_cycling(run: &Curves, cycling: &Measured) {
    let area_m2 = run.model.area_m2();
    let sulfur_g = run.model.loading_kg_m2() * area_m2 * 1e3;
    let counted = cycling.values(Quantity::DischargingCapacity).unwrap();
    let counted = counted.last().unwrap() * 1e3 / sulfur_g;
    assert!(
        (counted / log(run).cycles[0].discharge_mah_g - 1.0).abs() < 1e-5,
        "{counted}"
    );
    let record = cycling.record().unwrap();
    assert!(
        (record.time_s[0] - 6.0 * 3600.0).abs() < 1e-3,
        "after the rest"
    );
    let expected = 0.5 * run.model.one_c_a_m2() * area_m2;
    assert!(
        (record.current[0] / expected - 1.0).abs() < 1e-6,
        "discharge is positive inside"
    );
    let in_file = cycling.values(Quantity::Current).unwrap()[0];
    assert!(in_file < 0.0, "and negative in the file");
}

fn check_spectrum(run: &Curves, spectrum: &Measured) {
    let StepOutcome::Spectrum(simulated) = &run.outcome.steps[1] else {
        panic!("a spectrum");
    };
    let read = &spectrum.spectra()[0].impedance_ohm;
    assert_eq!(read.len(), simulated.impedance_ohm.len());
    for (read, (re, im)) in read.iter().zip(&simulated.impedance_ohm) {
        assert!((read.0 / re - 1.0).abs() < 1e-6 && (read.1 / im - 1.0).abs() < 1e-6);
    }
}

fn check_voltammogram(run: &Curves, voltammogram: &Measured) {
    let StepOutcome::Sweep(ramps) = &run.outcome.steps[4] else {
        panic!("a sweep");
    };
    let read = voltammogram.record().unwrap();
    let largest = |values: &[f64]| values.iter().copied().fold(f64::MIN, f64::max);
    let simulated = largest(&ramps[0].record.current) * run.model.area_m2();
    assert!((largest(&read.current) / simulated - 1.0).abs() < 1e-3);
    let steps = read.voltage_v.windows(2).map(|w| (w[1] - w[0]).abs());
    assert!(steps.clone().fold(0.0, f64::max) < 1.0001e-3);
    let way_v = ramps[0].record.voltage_v[0] - 0.4 + 1.7;
    assert!((steps.sum::<f64>() - way_v).abs() < 1e-5);
    // Two rests, and two cycles of which one was recorded.
    let cycles = log(run).cycles.iter();
    let capacities: f64 = cycles.map(|c| c.discharge_mah_g + c.charge_mah_g).sum();
    let before_s = 7.0 * 3600.0 + capacities * 3600.0 / (0.5 * 1672.0);
    assert!(
        (read.time_s[0] - before_s).abs() < 1e-3,
        "time goes on over steps"
    );
}

#[test]
fn noise_is_as_large_as_stated_and_the_same_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    written(&place("exact"), &[]);
    written(&place("one"), &["--noise", "--seed", "1"]);
    written(
        &place("again"),
        &["--noise", "--seed", "1", "--threads", "1"],
    );
    written(
        &place("two"),
        &["--noise", "--seed", "2", "--noise-voltage-v", "0.01"],
    );
    let bytes = |name: &str| -> Vec<Vec<u8>> {
        let files = files(&place(name)).into_iter();
        files.map(|path| std::fs::read(path).unwrap()).collect()
    };
    assert!(
        bytes("one") == bytes("again"),
        "the same seed gives other bytes"
    );
    let pairs = bytes("one").into_iter().zip(bytes("two"));
    assert!(pairs.into_iter().all(|(one, two)| one != two));
    let all = ["exact", "one", "two"].map(|name| records(&place(name)));
    let spread = |index: usize, technique: Technique, quantity: Quantity| {
        let exact = of(&all[0], technique).values(quantity).unwrap();
        let noisy = of(&all[index], technique).values(quantity).unwrap();
        assert_eq!(exact.len(), noisy.len());
        let squares = exact.iter().zip(noisy).map(|(a, b)| (a - b).powi(2));
        (squares.sum::<f64>() / exact.len() as f64).sqrt()
    };
    let is_near = |found: f64, stated: f64| (found / stated - 1.0).abs() < 0.15;
    let (cycling, cv) = (Technique::Cycling, Technique::Voltammetry);
    assert!(is_near(spread(1, cycling, Quantity::Voltage), 1e-3));
    assert!(is_near(spread(2, cycling, Quantity::Voltage), 1e-2));
    for technique in [cycling, cv] {
        let exact = of(&all[0], technique).values(Quantity::Current).unwrap();
        let largest = exact.iter().fold(0.0, |m: f64, i| m.max(i.abs()));
        assert!(is_near(
            spread(1, technique, Quantity::Current),
            1e-3 * largest
        ));
    }
    let spectra = [0, 1].map(|i| of(&all[i], Technique::Impedance).spectra().remove(0));
    let points = spectra[0]
        .impedance_ohm
        .iter()
        .zip(&spectra[1].impedance_ohm);
    let shares = points.flat_map(|(exact, noisy)| {
        let modulus = exact.0.hypot(exact.1);
        [noisy.0 - exact.0, noisy.1 - exact.1].map(|off| (off / modulus).powi(2))
    });
    let shares: Vec<f64> = shares.collect();
    let sd = (shares.iter().sum::<f64>() / shares.len() as f64).sqrt();
    assert!((sd / 5e-3 - 1.0).abs() < 0.25, "{sd}");
    assert!(
        all.iter()
            .flatten()
            .all(|r| r.findings.iter().all(|f| f.severity == Severity::Note))
    );
}

#[test]
fn arguments_that_mean_nothing_together_are_refused() {
    for (arguments, says) in [
        (&["--noise"][..], "--raw"),
        (&["--raw", "x", "--out", "y"], "cannot be used with"),
        (&["--raw", "x", "--seed", "1"], "--noise"),
        (
            &["--raw", "x", "--step-v", "0"],
            "expected a positive number",
        ),
        (&["--raw", "x", "--step-v", "1e-9"], "expected at least"),
        (
            &["--raw", "x", "--noise", "--noise-voltage-v=-1"],
            "expected zero or a positive number",
        ),
        (&["--raw", "Cargo.toml"], "found a file, expected a folder"),
    ] {
        let output = sulfit(&[&["simulate", ALL][..], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(says),
            "{}",
            text(&output.stderr)
        );
    }
    assert!(!project("x").exists());
}
