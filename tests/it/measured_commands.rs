//! `sulfit import`, `inspect` and `analyze`: what they print, write and refuse.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use sulfit::import::Hints;
use sulfit::import::read_measured;
use sulfit::record::Quantity;

use crate::support::project;

const FILES: &str = "tests/files/import";

fn sulfit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(arguments)
        .current_dir(project(FILES))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_import_writes_what_it_tells() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["record.parquet", "record.csv"] {
        let out = folder.path().join(name);
        let output = sulfit(&["import", "neware_flat.csv", "--out", out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let told = text(&output.stdout);
        assert!(
            told.contains("Neware, cycling, 40 rows; positive current charges or oxidises"),
            "{told}"
        );
        assert!(told.contains("coulombic efficiency"), "{told}");
        let written = read_measured(&out, &Hints::default()).unwrap();
        let read =
            read_measured(&project(FILES).join("neware_flat.csv"), &Hints::default()).unwrap();
        for quantity in [Quantity::TestTime, Quantity::Voltage, Quantity::Current] {
            assert_eq!(
                written.values(quantity),
                read.values(quantity),
                "{}",
                quantity.name()
            );
        }
    }
}

#[test]
fn several_files_become_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("both.parquet");
    let path = out.to_str().unwrap();
    let output = sulfit(&[
        "import",
        "arbin_units.csv",
        "arbin_plain.csv",
        "--out",
        path,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let both = read_measured(&out, &Hints::default()).unwrap();
    assert_eq!(both.len(), 80);
    let time = both.values(Quantity::TestTime).unwrap();
    assert!(time.windows(2).all(|w| w[1] >= w[0]));
    let mixed = sulfit(&["import", "arbin_units.csv", "gamry_eis.DTA", "--out", path]);
    assert_eq!(mixed.status.code(), Some(2));
    assert!(
        text(&mixed.stderr).contains("impedance cannot go on from cycling"),
        "{}",
        text(&mixed.stderr)
    );
}

#[test]
fn a_data_set_says_what_no_instrument_knows() {
    let told = sulfit(&[
        "inspect",
        "generic_no_units.csv",
        "--dataset",
        "../records.toml",
    ]);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    // 0.5 mA for 8 min over half a milligram of sulfur.
    let capacity = 0.5 * 8.0 / 60.0 / 0.5e-3;
    let expected = format!("{capacity:.1} mAh g^-1");
    assert!(
        text(&told.stdout).contains(&expected),
        "{expected}: {}",
        text(&told.stdout)
    );
    assert!(text(&told.stdout).contains("by 1672 mAh/g of sulfur"));
    let unknown = sulfit(&[
        "inspect",
        "land_english.csv",
        "--dataset",
        "../records.toml",
    ]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("not among the records of the data set"));
}

#[test]
fn a_wrong_data_set_is_told_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let right = std::fs::read_to_string(project("tests/files/records.toml")).unwrap();
    for (find, put, says) in [
        (
            "sulfur_share = 0.5",
            "sulfur_share = 50",
            "sulfur_share: found 50, expected",
        ),
        (
            "mass = { electrode_mg = 1.0, sulfur_share = 0.5 }",
            "mass = { electrode_mg = 1.0 }",
            "no sulfur_share",
        ),
        (
            "{ sulfur_mg = 0.5 }",
            "{ sulfur_mg = 0.5, electrode_mg = 1.0 }",
            "so that it is clear whose mass it is",
        ),
        (
            "unit = \"mV\"",
            "unit = \"mA\"",
            "column.voltage: found unit 'mA'",
        ),
        (
            "[record.column]\ntime",
            "[record.column]\ntyme",
            "column.tyme: found an unknown quantity",
        ),
        (
            "technique = \"cycling\"",
            "technique = \"cyclic\"",
            "technique: found 'cyclic', expected one of",
        ),
        (
            "electrode_area_cm2 = 1.13",
            "electrode_area_cm2 = -1.13",
            "electrode_area_cm2: found -1.13",
        ),
        (
            "positive_current = \"charge\"",
            "positive_current = \"up\"",
            "found 'up', expected one of charge, discharge",
        ),
    ] {
        assert!(right.contains(find), "{find}");
        let path = folder.path().join("dataset.toml");
        std::fs::write(&path, right.replacen(find, put, 1)).unwrap();
        let output = sulfit(&[
            "inspect",
            "arbin_units.csv",
            "--dataset",
            path.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(2), "{put}");
        let said = text(&output.stderr);
        assert!(said.contains(says), "{put}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_bad_file_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("record.parquet");
    for (file, says) in [
        ("bad/eclab.mpr", "Export as Text"),
        ("bad/prose.txt", "no measurement found"),
        ("bad/missing_unit.csv", "without a unit"),
        ("absent.csv", "check the path"),
    ] {
        let output = sulfit(&["import", file, "--out", out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{file}");
        assert!(
            text(&output.stderr).contains(says),
            "{file}: {}",
            text(&output.stderr)
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{file}"
        );
    }
    let output = sulfit(&["import", "arbin_units.csv", "--out", "record.xlsx"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("ends in .parquet or .csv"));
}

#[test]
fn panics_of_libraries_are_told_in_our_words_only() {
    for (file, says) in [
        (
            "parquet_file_metadata_thrift.parquet",
            "cannot be read (it is damaged)",
        ),
        (
            "parquet_column_chunk_metadata.parquet",
            "cannot be read (it is damaged)",
        ),
        // This one panics on a thread of the library's own.
        ("parquet_range.parquet", "cannot be read (it is damaged)"),
        ("workbook_column_overflow.xlsx", "no measurement found"),
    ] {
        let output = sulfit(&["inspect", &format!("crashes/{file}")]);
        assert_eq!(output.status.code(), Some(2), "{file}");
        let said = text(&output.stderr);
        assert!(
            said.starts_with("error: ") && said.contains(says),
            "{file}: {said}"
        );
        assert_eq!(said.trim_end().lines().count(), 1, "{file}: {said}");
    }
}

#[test]
fn problems_end_with_one() {
    let output = sulfit(&["inspect", "bad/time_goes_back.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("time goes back"));
    assert!(text(&output.stderr).contains("must be settled"));
}

#[test]
fn a_spectrum_passes_the_gate_before_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let drifting = drifting(folder.path());
    let out = folder.path().join("gated.csv");
    let path = out.to_str().unwrap();
    let n_rows = |output: &Output| {
        assert!(output.status.code() != Some(2), "{}", text(&output.stderr));
        read_measured(&out, &Hints::default()).unwrap().len()
    };
    let gated = sulfit(&["import", &drifting, "--out", path]);
    assert!(
        text(&gated.stdout).contains("Kramers-Kronig"),
        "{}",
        text(&gated.stdout)
    );
    let kept = sulfit(&["import", &drifting, "--keep", "--out", path]);
    let all = n_rows(&kept);
    sulfit(&["import", &drifting, "--out", path]);
    assert!(n_rows(&gated) < all);
    let good = sulfit(&["import", "gamry_eis.DTA", "--out", path]);
    assert_eq!(n_rows(&good), 29);
    assert!(
        !text(&good.stdout).contains("left out"),
        "{}",
        text(&good.stdout)
    );
}

/// A spectrum of an arc whose resistance grows by 40 % on the way to low frequencies.
fn drifting(folder: &Path) -> String {
    let mut table = "frequency (Hz),Z' (ohm),Z'' (ohm)\n".to_owned();
    for i in 0..50 {
        let frequency = 1e4 * 10f64.powf(-f64::from(i) / 8.0);
        let resistance = 100.0 * (1.0 + 0.4 * f64::from(i) / 49.0);
        let x = 2.0 * std::f64::consts::PI * frequency * 100.0 * 1e-4;
        let (re, im) = (
            10.0 + resistance / (1.0 + x * x),
            -resistance * x / (1.0 + x * x),
        );
        writeln!(table, "{frequency},{re},{im}").unwrap();
    }
    let path = folder.join("drifting.csv");
    std::fs::write(&path, table).unwrap();
    path.display().to_string()
}

#[test]
fn analyses_tell_their_doubts() {
    for (file, says) in [
        ("neware_flat.csv", "dQ/dV of the first discharge"),
        ("biologic_cv_decimal_comma.mpt", "ramp 1"),
        ("gamry_eis.DTA", "circuit R0-(R1|CPE1)-(R2|CPE2)"),
        ("gamry_eis.DTA", "ohm, 95 %: "),
        ("gamry_eis.DTA", "residuals"),
        ("gamry_eis.DTA", "Warburg coefficient"),
    ] {
        let output = sulfit(&["analyze", file]);
        assert!(
            output.status.code() != Some(2),
            "{file}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stdout).contains(says),
            "{file}: {}",
            text(&output.stdout)
        );
    }
    let wrong = sulfit(&["analyze", "gamry_eis.DTA", "--temperature-degc=-300"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn simulated_files_are_analysed_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let experiment = project("experiments/star_lcnc.toml");
    let arguments = [
        "simulate",
        experiment.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    assert_eq!(sulfit(&arguments).status.code(), Some(0));
    for (file, says) in [
        (
            "trajectory-dead_mgs-STAR_LCNC_S-repeated_voltammetry.parquet",
            &[
                "step 2: simulated by sulfit (variant dead_mgs, cell STAR@LCNC-S, protocol repeated_voltammetry), voltammetry",
                "couple of ramps",
            ][..],
        ),
        (
            "trajectory-dead_mgs-CNT_S-first_cycle.parquet",
            &[
                "protocol first_cycle), cycling",
                "1 cycle",
                "mAh g^-1",
                "dQ/dV of the first discharge",
            ],
        ),
        (
            "spectra-dead_mgs-CNT_S-fresh_impedance.parquet",
            &[
                "protocol fresh_impedance), impedance",
                "Kramers-Kronig: consistent",
            ],
        ),
    ] {
        let output = sulfit(&["analyze", out.join(file).to_str().unwrap()]);
        let told = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{file}: {told}{}",
            text(&output.stderr)
        );
        for words in says {
            assert!(told.contains(words), "{file}: '{words}' in {told}");
        }
    }
}
