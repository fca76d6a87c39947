//! `sulfit explain` and `sulfit schema`: every key has a description, the reference is up to date, and shipped files
//! are what the schemas say.

use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde_json::Value;

use sulfit::config::FileFormat;
use sulfit::config::column_tables;
use sulfit::config::file_formats;
use sulfit::observe::Observable;
use sulfit::reference::page;
use sulfit::units::Unit;

use crate::support::project;

fn sulfit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(arguments)
        .current_dir(project(""))
        .output()
        .unwrap()
}

fn explain(arguments: &[&str]) -> String {
    let output = sulfit(&[&["explain"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn format_of(kind: &str) -> FileFormat {
    file_formats()
        .into_iter()
        .find(|format| format.kind == kind)
        .unwrap()
}

#[test]
fn every_key_has_a_description() {
    let mut n = 0;
    for format in file_formats() {
        let tables = format.tables();
        for table in &tables {
            let place = format!("{}: {:?}", format.kind, table.places);
            assert!(!table.meaning.is_empty(), "{place}: no description");
            assert!(!table.keys.is_empty(), "{place}: no keys");
            for key in &table.keys {
                let place = format!("{place}: {}", key.name);
                assert!(
                    key.meaning.len() > 3,
                    "{place}: no description; write a doc comment for the field"
                );
                assert!(!key.kind.is_empty(), "{place}: no kind");
                assert!(
                    key.table.is_none()
                        || tables.iter().any(|t| Some(&t.name) == key.table.as_ref()),
                    "{place}: a table that is not told"
                );
                n += 1;
            }
        }
    }
    assert!(n > 500, "{n} keys: some files are not told");
    for table in column_tables() {
        for column in table.columns {
            assert!(
                !column.meaning.is_empty(),
                "{}: {}",
                table.kind,
                column.name
            );
        }
    }
}

#[test]
fn the_reference_is_what_the_types_say() {
    let path = project("docs/reference.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let differs = written
        .lines()
        .zip(page().lines().map(str::to_owned))
        .position(|(a, b)| a != b);
    assert!(
        written == page(),
        "docs/reference.md: differs from the types at line {:?}; renew it: \
         cargo run --release --locked -- schema --markdown > docs/reference.md",
        differs.map(|line| line + 1)
    );
}

#[test]
fn links_of_the_reference_lead_somewhere() {
    let page = page();
    let links = page.split("](#").skip(1);
    let mut n = 0;
    for link in links {
        let target = link.split(')').next().unwrap();
        assert!(
            page.contains(&format!("<a id=\"{target}\"></a>")),
            "#{target} is nowhere"
        );
        n += 1;
    }
    assert!(n > 50);
}

/// Units that the reference states are units that sulfit reads, but for a few that are no units of files.
#[test]
fn units_of_keys_can_be_read() {
    for format in file_formats() {
        for key in format.tables().iter().flat_map(|table| &table.keys) {
            let Some(unit) = &key.unit else { continue };
            let is_label = ["nats", "GiB", "uL mg^-1", "mAh cm^-2"].contains(&unit.as_str());
            assert!(
                is_label || Unit::parse(unit).is_ok(),
                "{}: {}: {unit}",
                format.kind,
                key.name
            );
        }
    }
}

/// The units of observables are those of the model.
#[test]
fn observables_are_told_in_the_unit_that_they_are_read_in() {
    let tables = format_of("experiment").tables();
    let unit = |name: &str| {
        let keys = tables
            .iter()
            .filter(|t| t.name == "Observed" || t.name == "Side");
        let mut units = keys.flat_map(|t| &t.keys).filter(|k| k.name == name);
        units.next().unwrap().unit.clone().unwrap()
    };
    for (name, observable) in observables() {
        assert_eq!(unit(name), observable.unit(), "{name}");
    }
}

/// Every observable by its key.
fn observables() -> [(&'static str, Observable); 16] {
    let (step, cycle, ramp) = (0, 1, 0);
    [
        ("capacity", Observable::Capacity { step, cycle }),
        ("energy", Observable::Energy { step, cycle }),
        ("mean_voltage", Observable::MeanVoltage { step, cycle }),
        (
            "capacity_max",
            Observable::CapacityMax {
                step,
                from: 1,
                to: 2,
            },
        ),
        (
            "capacity_ratio",
            Observable::CapacityRatio {
                step,
                cycle,
                over: 2,
            },
        ),
        (
            "activation_voltage",
            Observable::ActivationVoltage { step, window: 0.1 },
        ),
        ("oxidation_peak", Observable::OxidationPeak { step, ramp }),
        (
            "first_oxidation_peak",
            Observable::FirstOxidationPeak { step, ramp },
        ),
        ("largest_current", Observable::LargestCurrent { step }),
        ("deposition_charge", Observable::PassedCharge { step }),
        (
            "warburg_slope",
            Observable::WarburgSlope {
                step,
                lowest_hz: 0.01,
                highest_hz: 1.0,
            },
        ),
        (
            "resistance",
            Observable::Resistance {
                step,
                frequency_hz: 1.0,
            },
        ),
        ("transference", Observable::Transference),
        (
            "growth_time",
            Observable::GrowthTime {
                step,
                solid: String::new(),
            },
        ),
        ("deposition_time", Observable::DepositionTime { step }),
        ("anode_share", Observable::AnodeShare { step }),
    ]
}

/// Every key of every file that comes with the program stands in the schema of its kind.
#[test]
fn shipped_files_are_what_the_schemas_say() {
    let files = [
        ("experiment", "experiments/star_lcnc.toml"),
        ("experiment", "experiments/synthetic_cell.toml"),
        ("experiment", "tests/files/good/raw_curves.toml"),
        ("mechanism", "models/mg_s_tandem.toml"),
        ("mechanism", "models/li_s.toml"),
        ("mechanism", "models/half_cell.toml"),
        ("dataset", "datasets/guan_2024_star_lcnc/dataset.toml"),
        ("training", "experiments/star_lcnc_surrogate.toml"),
        ("prediction", "experiments/star_lcnc_predict.toml"),
        ("ranking", "experiments/star_lcnc_rank.toml"),
        ("campaign", "tests/files/good/campaign/campaign.toml"),
    ];
    for (kind, file) in files {
        let text = std::fs::read_to_string(project(file)).unwrap();
        let value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        let root: Value = serde_json::from_str(&format_of(kind).schema()).unwrap();
        holds(&root, &root, &value).unwrap_or_else(|problem| panic!("{file}: {problem}"));
    }
}

#[test]
fn a_wrong_file_does_not_hold() {
    let root: Value = serde_json::from_str(&format_of("campaign").schema()).unwrap();
    let right = serde_json::json!({ "name": "a", "templates": ["b"], "cells": "c" });
    assert_eq!(holds(&root, &root, &right), Ok(()));
    let mistyped = serde_json::json!({ "name": "a", "templates": ["b"], "cels": "c" });
    assert!(holds(&root, &root, &mistyped).is_err());
    let out_of_range = serde_json::json!({ "name": "a", "templates": [], "cells": "c", "budget": { "minutes": -1.0 } });
    assert!(holds(&root, &root, &out_of_range).is_err());
}

/// As much of JSON Schema as the files need.
fn holds(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(target) = schema["$ref"].as_str() {
        let target = root.pointer(target.trim_start_matches('#')).unwrap();
        return holds(root, target, value);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        holds(root, part, value)?;
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(parts) = schema[several].as_array()
            && !parts.iter().any(|part| holds(root, part, value).is_ok())
        {
            return Err(format!("{value}: none of {several}"));
        }
    }
    if schema.get("const").is_some_and(|word| word != value) {
        return Err(format!("{value}: not {}", schema["const"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{value}: not in {words:?}"));
    }
    let is_kind = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    if !is_kind {
        return Err(format!("{value}: not {}", schema["type"]));
    }
    if !is_in_range(schema, value) {
        return Err(format!("{value}: out of range"));
    }
    for item in value.as_array().into_iter().flatten() {
        if schema["items"].is_object() {
            holds(root, &schema["items"], item)?;
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("no {name}"));
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => return Err(format!("unknown key {name}")),
            (Value::Null, Value::Object(_)) => holds(root, &schema["additionalProperties"], inner)?,
            (own, _) => holds(root, own, inner).map_err(|e| format!("{name}: {e}"))?,
        }
    }
    Ok(())
}

/// What is no number lies in every range.
fn is_in_range(schema: &Value, value: &Value) -> bool {
    let Some(number) = value.as_f64() else {
        return true;
    };
    let bound = |key: &str| schema[key].as_f64();
    bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
        && bound("exclusiveMinimum").is_none_or(|least| number > least)
}

/// Every key of the results of a fit stands in the schema of `result.json`, and the other way round.
#[test]
fn results_are_what_the_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let output = sulfit(&["simulate", "tests/files/good/small.toml", "--out", out]);
    assert!(output.status.success(), "{output:?}");
    check_result(&folder.path().join("result.json"), "result.json");
    check_result(
        &project("models/surrogates/mg_s_tandem/card.json"),
        "card.json",
    );
}

fn check_result(path: &Path, kind: &str) {
    let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let root: Value = serde_json::from_str(&format_of(kind).schema()).unwrap();
    holds(&root, &root, &value).unwrap_or_else(|problem| panic!("{kind}: {problem}"));
    for name in value.as_object().unwrap().keys() {
        assert!(
            !root["properties"][name].is_null(),
            "{kind}: {name} is not told"
        );
    }
    for name in root["properties"].as_object().unwrap().keys() {
        assert!(
            value.get(name).is_some(),
            "{kind}: {name} is told and not written"
        );
    }
}

#[test]
fn words_are_explained() {
    insta::assert_snapshot!("explain_candidates", explain(&["candidates"]));
    insta::assert_snapshot!(
        "explain_several",
        explain(&[
            "mesh.fine",
            "kdes",
            "vmax",
            "identified",
            "warburg_slope",
            "structured",
            "mAh"
        ])
    );
}

#[test]
fn defaults_are_those_that_are_used() {
    // The numbers stand in the code once; these are what the documentation promised before.
    assert!(explain(&["gap_max_s"]).contains("in s; default: 600"));
    assert!(explain(&["fit.polished"]).contains("at least 1; default: 1"));
    assert!(explain(&["cycle.time_factor"]).contains("default: 1.15"));
    assert!(explain(&["galvanostatic.points"]).contains("at least 5, at most 2000; default: 30"));
    assert!(explain(&["beliefs.within_ln"]).contains("default: 0.3"));
}

#[test]
fn every_listed_word_is_explained() {
    let list = explain(&[]);
    assert!(list.contains("verdicts of fits\n"));
    let words = list.lines().filter(|line| line.starts_with("  "));
    let words = words.flat_map(|line| line.split(", "));
    let words: Vec<&str> = words.map(|w| w.trim().trim_end_matches(',')).collect();
    assert!(words.len() > 400, "{} words", words.len());
    let plain: Vec<&str> = words.into_iter().filter(|w| !w.contains('.')).collect();
    let text = explain(&plain);
    for word in plain {
        assert!(
            text.contains(&format!("{word}: ")),
            "'{word}' is not explained"
        );
    }
}

#[test]
fn a_file_of_ones_own_is_explained() {
    let own = explain(&["--mechanism", "models/half_cell.toml", "T"]);
    assert!(own.contains("parameter of the mechanism half_cell"));
    assert!(!own.contains("mg_s_tandem"));
}

#[test]
fn unknown_words_get_the_nearest_known_ones() {
    for (arguments, expected) in [
        (
            &["explain", "mesh.fine", "warburg_slop"][..],
            "error: explain: found 'warburg_slop', expected a known word, like warburg_slope",
        ),
        (
            &["explain", "qqqq"],
            "error: explain: found 'qqqq', expected a known word; ",
        ),
        (
            &["explain", ""],
            "error: explain: found '', expected a known word",
        ),
        (&["explain", "fit.candidats"], ", like candidates"),
        (
            &["explain", "--mechanism", "nowhere.toml"],
            "error: nowhere.toml: cannot be read",
        ),
        (
            &["schema", "experimnt"],
            "error: schema: found 'experimnt', expected one of experiment, ",
        ),
    ] {
        let output = sulfit(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn schemas_are_printed_for_editors() {
    for format in file_formats() {
        let output = sulfit(&["schema", format.kind]);
        assert!(output.status.success());
        let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert_eq!(schema["title"], format.kind);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("Raw"), "{}: a name of Rust", format.kind);
    }
    let kinds = sulfit(&["schema"]);
    assert_eq!(
        String::from_utf8(kinds.stdout).unwrap().lines().count(),
        file_formats().len()
    );
}
