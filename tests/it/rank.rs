//! `sulfit rank`: the contract of its files, sense in its order, bad input.

use std::path::Path;

use crate::predict::small_fit;
use crate::predict::sulfit;
use crate::support::project;

const FILE: &str = "tests/files/good/small_rank.toml";
const TABLE: &str = "tests/files/good/small_candidates.csv";

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn ranked(out: &Path, threads: &str) -> std::process::Output {
    let (fit, out) = (small_fit().to_str().unwrap(), out.to_str().unwrap());
    sulfit(&[
        "rank",
        FILE,
        "--fit",
        fit,
        "--out",
        out,
        "--threads",
        threads,
    ])
}

#[test]
fn ranking_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    let output = ranked(folder.path(), "2");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    let ranking = json(&folder.path().join("ranking.json"));
    let candidates = ranking["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 5);
    let of = |name: &str| candidates.iter().find(|c| c["name"] == name).unwrap();
    // Who has nothing is not ranked, and its interval is that of an unknown catalyst but for the draws.
    assert_eq!(of("nothing")["evidence"], "prior only");
    assert_eq!(of("nothing")["rankable"], false);
    assert!(of("nothing")["p_best"].is_null() && of("nothing")["median"].is_number());
    assert_eq!(of("STAR")["evidence"], "fitted");
    assert_eq!(of("carried")["evidence"], "transferred descriptors");
    let ranked: Vec<_> = candidates
        .iter()
        .filter(|c| c["rankable"] == true)
        .collect();
    let sum: f64 = ranked.iter().map(|c| c["p_best"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9);
    let pairwise = ranking["pairwise"]["row_beats_column"].as_array().unwrap();
    assert_eq!(pairwise.len(), ranked.len());
    let chance = |i: usize, j: usize| pairwise[i][j].as_f64().unwrap();
    for i in 0..ranked.len() {
        for j in 0..ranked.len() {
            assert!((chance(i, j) + chance(j, i) - 1.0).abs() < 1e-9);
        }
    }
    // What is known of the reference relative to itself is nothing but the scatter of its cell.
    let factor = &of("STAR")["factors"]["kdes"];
    let (lower, upper) = (
        factor["lower"].as_f64().unwrap(),
        factor["upper"].as_f64().unwrap(),
    );
    assert!(lower < 1.0 && upper > 1.0 && upper / lower < 10.0);
    assert!(
        ranking["next_best_measurement"]["expected_gain"]
            .as_f64()
            .unwrap()
            >= 0.0
    );
    assert!(ranking["activity_map"]["target"].as_array().unwrap().len() > 5);
    let slopes = ranking["relations"].as_array().unwrap();
    let of_kdes = slopes.iter().find(|r| r["constant"] == "kdes").unwrap();
    let slope = &of_kdes["slopes"][0];
    assert_eq!(slope["kind"], "transfer slope");
    assert_eq!(slope["calibrated_by"], 1);
    assert!((0.0..=1.0).contains(&slope["median"].as_f64().unwrap()));
    // Of the two with both barriers the one with the higher ones is not ahead.
    let median = |name: &str| of(name)["factors"]["kdes"]["median"].as_f64().unwrap();
    assert!(median("slow") < median("fast"));
    for file in ["ranking.csv", "ranking.svg", "activity_map.svg"] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
}

#[test]
fn rankings_are_the_same_on_any_number_of_threads() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ranked(one.path(), "1");
    ranked(two.path(), "2");
    let bytes = |folder: &Path| std::fs::read(folder.join("ranking.json")).unwrap();
    assert_eq!(bytes(one.path()), bytes(two.path()));
}

/// A changed table or ranking file, and what it must say.
fn refusal(table: &str, file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let small = project("tests/files/good/small.toml");
    let text = file.replace("\"small.toml\"", &format!("\"{}\"", small.display()));
    let (path, csv) = (
        folder.path().join("rank.toml"),
        folder.path().join("small_candidates.csv"),
    );
    std::fs::write(&path, text).unwrap();
    std::fs::write(&csv, table).unwrap();
    let out = folder.path().join("out");
    let output = sulfit(&[
        "rank",
        path.to_str().unwrap(),
        "--fit",
        small_fit().to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(!out.exists(), "a folder was left behind");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

/// What to change in the table into what, and what that must say.
const TABLE_CASES: &[(&str, &str, &str)] = &[
    (
        "charge_transfer_e",
        "charge_transfr_e",
        "header: found column 'charge_transfr_e', expected a known column; did you mean 'charge_transfer_e'?",
    ),
    (
        "charge_transfer_e",
        "colour",
        "header: found column 'colour', expected one of name, replicate, fit, cell, source, note, desolvation_barrier_kj_mol",
    ),
    (
        "fast,,0.5",
        "fast,,half",
        "line 4, column 'desolvation_barrier_kj_mol': found 'half', expected a number in kJ/mol, or nothing",
    ),
    (
        "desolvation_barrier_kj_mol,desolvation_barrier_kj_mol_sd",
        "desolvation_barrier_ev,desolvation_barrier_ev_sd",
        "line 3, column 'desolvation_barrier_ev': found 40, expected 0 to 10 eV; a value in kJ/mol belongs into column 'desolvation_barrier_kj_mol'",
    ),
    (
        "0.5,2.0,0.3",
        "0.5,0.0,0.3",
        "line 4, column 'desolvation_barrier_kj_mol_sd': found 0, expected a positive standard deviation, or nothing",
    ),
    (
        "0.5,2.0,0.3",
        "0.5,2.0,-0.3",
        "line 4, column 'mgs_decomposition_barrier_ev': found -0.3, expected 0 to 10 eV",
    ),
    (
        "fast,,",
        "slow,,",
        "line 4, column 'name': found 'slow' twice, expected one row per catalyst, or a column 'replicate' that tells its cells apart",
    ),
    (
        "fast,,",
        ",,",
        "line 4, column 'name': found nothing, expected the name of a catalyst",
    ),
    (
        "STAR,STAR@LCNC-S",
        "STAR,STAR",
        "line 2, column 'cell': found 'STAR', expected one of STAR@LCNC-S",
    ),
    (
        "STAR,STAR@LCNC-S",
        "STAR,",
        "reference: found 'STAR', expected a name in ",
    ),
];

/// The same in the ranking file.
const FILE_CASES: &[(&str, &str, &str)] = &[
    (
        "cycle = 1\n",
        "cycle = 7\n",
        "cycles: found 7, expected cycles of protocol 'grid', which has 2",
    ),
    (
        "cycle = 1\n",
        "cycle = 0\n",
        "target.cycle: found 0, expected a cycle counted from one",
    ),
    (
        "quantity = \"areal_capacity\"",
        "quantity = \"colour\"",
        "found 'colour', expected one of",
    ),
    (
        "loading_mg_cm2 = 2.0",
        "loading_mg_cm2 = -2.0",
        "target.loading_mg_cm2: found -2, expected a positive number",
    ),
    (
        "draws = 24",
        "draws = 4",
        "draws: found 4, expected at least 16",
    ),
    (
        "draws = 24",
        "draws = 24\n[transfer]\nli2s_to_mgs_sd_ev = 0.0",
        "transfer.li2s_to_mgs_sd_ev: found 0, expected a positive number",
    ),
    (
        "cycle = 1\n",
        "cycle = 1\nelectrolyte_ul_mg = 0.5\n",
        "which the pores of the cathode take up",
    ),
];

#[test]
fn mistakes_in_tables_are_told_with_row_and_column() {
    let file = std::fs::read_to_string(project(FILE)).unwrap();
    let table = std::fs::read_to_string(project(TABLE)).unwrap();
    for (find, put, says) in TABLE_CASES {
        assert!(table.contains(find), "{find}");
        let message = refusal(&table.replacen(find, put, 1), &file);
        assert!(message.contains(says), "'{put}' says: {message}");
    }
    let message = refusal("name\n", &file);
    assert!(
        message.contains("table: found no row, expected one row per catalyst"),
        "{message}"
    );
    for (find, put, says) in FILE_CASES {
        assert!(file.contains(find), "{find}");
        let message = refusal(&table, &file.replacen(find, put, 1));
        assert!(message.contains(says), "'{put}' says: {message}");
    }
}

/// A candidate may bring a fit of its own; one of another mechanism is refused.
#[test]
fn candidates_bring_fits_of_their_own() {
    let file = std::fs::read_to_string(project(FILE)).unwrap();
    let small = project("tests/files/good/small.toml");
    let text = file.replace("\"small.toml\"", &format!("\"{}\"", small.display()));
    let folder = tempfile::tempdir().unwrap();
    let fit = folder.path().join("other");
    std::fs::create_dir(&fit).unwrap();
    for name in ["posterior.json", "draws.csv"] {
        std::fs::copy(small_fit().join(name), fit.join(name)).unwrap();
    }
    std::fs::write(folder.path().join("rank.toml"), text).unwrap();
    let table = "name,cell,fit\nSTAR,STAR@LCNC-S,\nagain,STAR@LCNC-S,other\n";
    std::fs::write(folder.path().join("small_candidates.csv"), table).unwrap();
    let run = || {
        let (path, out) = (folder.path().join("rank.toml"), folder.path().join("out"));
        let (path, out) = (path.to_str().unwrap(), out.to_str().unwrap());
        sulfit(&[
            "rank",
            path,
            "--fit",
            small_fit().to_str().unwrap(),
            "--out",
            out,
        ])
    };
    let output = run();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    let ranking = json(&folder.path().join("out/ranking.json"));
    let again = ranking["candidates"].as_array().unwrap();
    let again = again.iter().find(|c| c["name"] == "again").unwrap();
    // The same cell fitted twice: no factor, and neither is better.
    let factor = again["factors"]["kdes"]["median"].as_f64().unwrap();
    assert!((0.7..1.4).contains(&factor), "{factor}");
    assert_eq!(again["evidence"], "fitted");
    assert_eq!(again["group"], 1);
    let path = fit.join("posterior.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let handover: serde_json::Value = serde_json::from_str(&text).unwrap();
    let structure = handover["variants"][0]["structure"].as_str().unwrap();
    std::fs::write(&path, text.replace(structure, "0123456789abcdef")).unwrap();
    let output = run();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("found a fit with other equations"), "{said}");
}
