//! No input makes a reader panic: damaged instrument files, wrongly named columns, and what `fuzz/` once found.

use std::path::Path;
use std::path::PathBuf;

use polars::prelude::Column;
use polars::prelude::DataFrame;
use polars::prelude::ParquetWriter;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestRunner;
use sulfit::import::ColumnPlace;
use sulfit::import::Hints;
use sulfit::import::NamedColumn;
use sulfit::import::parse_measured;
use sulfit::record::Quantity;

use crate::import::FOLDER;
use crate::import::hints;
use crate::import::names;
use crate::support::project;

#[test]
fn inputs_that_once_crashed_are_read_or_refused() {
    let folder = "tests/files/import/crashes";
    for name in names(folder) {
        let bytes = std::fs::read(project(folder).join(&name)).unwrap();
        assert_sound(bytes, &Hints::default());
    }
}

/// What holds for every input: no panic, and whatever is read is whole.
fn assert_sound(bytes: Vec<u8>, hints: &Hints) {
    let Ok(measured) = parse_measured(Path::new("fuzzed"), bytes, hints) else {
        return;
    };
    let n_rows = measured.len();
    for quantity in Quantity::ALL {
        let length = measured.values(quantity).map_or(n_rows, <[f64]>::len);
        assert_eq!(length, n_rows, "{}", quantity.name());
    }
    assert_eq!(measured.frame.height(), n_rows);
    let is_spectrum = measured.values(Quantity::Frequency).is_some();
    assert!(
        measured.record().is_some() || is_spectrum,
        "neither curve nor spectrum"
    );
    if let Some(record) = measured.record() {
        assert_eq!(record.len(), n_rows);
        assert_eq!(record.voltage_v.len(), n_rows);
        assert_eq!(record.current.len(), n_rows);
    }
    for spectrum in measured.spectra() {
        assert_eq!(spectrum.frequency_hz.len(), spectrum.impedance_ohm.len());
        assert!(spectrum.frequency_hz.iter().all(|f| *f > 0.0));
    }
    assert!(measured.findings.iter().all(|f| !f.to_string().is_empty()));
}

/// One damage; places count modulo the length of what is there.
#[derive(Clone, Debug)]
enum Damage {
    Flip(usize, u8),
    Delete(usize, usize),
    Repeat(usize, usize),
    Cut(usize),
    Insert(usize, &'static [u8]),
    SwapLines(usize, usize),
}

const TOKENS: [&[u8]; 28] = [
    b"\t",
    b",",
    b";",
    b"\"",
    b"\n",
    b"\r",
    b" ",
    b"\0",
    b"NaN",
    b"inf",
    b"-inf",
    b"-",
    b"--",
    b":",
    b"::",
    b"1e999",
    b"-1e308",
    b"99999999999999999999",
    b"4294967296:00:00",
    b"1d ",
    b"99/99/9999 99:99:99",
    b"'",
    b"\xc2\xb5",
    b"\xe7",
    b"\xef\xbf\xbd",
    b"TABLE",
    b"=",
    b"\xff\xfe",
];

fn damage() -> impl Strategy<Value = Damage> {
    let place = || any::<usize>();
    let short = || 1usize..200;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        (place(), short()).prop_map(|(at, n)| Damage::Delete(at, n)),
        (place(), short()).prop_map(|(at, n)| Damage::Repeat(at, n)),
        place().prop_map(Damage::Cut),
        (place(), prop::sample::select(&TOKENS[..]))
            .prop_map(|(at, token)| Damage::Insert(at, token)),
        (place(), place()).prop_map(|(a, b)| Damage::SwapLines(a, b)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let place = |at: &usize| at % bytes.len();
        let span = |at: &usize, n: &usize| place(at)..(place(at) + n).min(bytes.len());
        match damage {
            Damage::Flip(at, byte) => {
                let at = place(at);
                bytes[at] ^= byte;
            }
            Damage::Delete(at, n) => drop(bytes.drain(span(at, n))),
            Damage::Repeat(at, n) => {
                let (start, part) = (place(at), bytes[span(at, n)].to_vec());
                bytes.splice(start..start, part);
            }
            Damage::Cut(at) => bytes.truncate(place(at)),
            Damage::Insert(at, token) => {
                let at = place(at);
                bytes.splice(at..at, token.iter().copied());
            }
            Damage::SwapLines(a, b) => {
                let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                let (a, b) = (a % lines.len(), b % lines.len());
                lines.swap(a, b);
                bytes = lines.join(&b'\n');
            }
        }
    }
    bytes
}

/// The same cases on every machine; `PROPTEST_CASES` searches further.
fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    TestRunner::new(ProptestConfig {
        cases: cases.unwrap_or(64),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_250_304),
        ..ProptestConfig::default()
    })
}

fn seeds() -> Vec<(PathBuf, Hints)> {
    let files = names(FOLDER).into_iter().map(|name| {
        let hints = hints(&name);
        (project(FOLDER).join(name), hints)
    });
    files.collect()
}

#[test]
fn no_damage_makes_a_reader_panic() {
    let strategy = prop::collection::vec(damage(), 1..6);
    for (path, hints) in seeds() {
        let seed = std::fs::read(&path).unwrap();
        let run = runner().run(&strategy, |damages| {
            assert_sound(damaged(seed.clone(), &damages), &hints);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// A trajectory as `sulfit simulate` writes it, without the states.
fn trajectory() -> Vec<u8> {
    let column = |name: &str, value: fn(u32) -> f64| {
        let values: Vec<f64> = (0..40).map(value).collect();
        Column::new(name.into(), values)
    };
    let columns = vec![
        column("step", |_| 1.0),
        column("segment", |i| f64::from(i / 20)),
        column("time_s", |i| f64::from(i % 20)),
        column("voltage_v", |i| 1.0 + 0.01 * f64::from(i)),
        column("discharge_current_a_m2", |i| 1.0 - 2.0 * f64::from(i / 20)),
    ];
    let mut bytes = Vec::new();
    let mut frame = DataFrame::new_infer_height(columns).unwrap();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    bytes
}

#[test]
fn no_damage_makes_the_reader_of_simulated_files_panic() {
    let seed = trajectory();
    let whole = parse_measured(Path::new("whole"), seed.clone(), &Hints::default()).unwrap();
    assert_eq!(whole.len(), 40);
    assert_eq!(whole.instrument, "simulated by sulfit");
    let strategy = prop::collection::vec(damage(), 1..6);
    let run = runner().run(&strategy, |damages| {
        assert_sound(damaged(seed.clone(), &damages), &Hints::default());
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

fn named_column() -> impl Strategy<Value = NamedColumn> {
    let place = prop_oneof![
        (0usize..12).prop_map(ColumnPlace::Number),
        prop::sample::select(vec![
            "zeit",
            "spannung",
            "strom",
            "Voltage(V)",
            "time/s",
            "",
            "\t"
        ])
        .prop_map(|name| ColumnPlace::Name(name.to_owned())),
    ];
    let units = vec![
        "s", "h", "V", "mA", "A cm^-2", "Hz", "ohm", "deg", "1", "", "furlong",
    ];
    (
        prop::sample::select(&NamedColumn::QUANTITIES[..]),
        place,
        prop::sample::select(units),
    )
        .prop_map(|(quantity, place, unit)| NamedColumn {
            quantity: quantity.to_owned(),
            place,
            unit: unit.to_owned(),
        })
}

#[test]
fn no_column_named_wrongly_makes_a_reader_panic() {
    let strategy = (
        prop::collection::vec(named_column(), 1..6),
        prop::collection::vec(damage(), 0..3),
        prop::option::of(any::<f64>()),
    );
    for (path, _) in seeds() {
        let seed = std::fs::read(&path).unwrap();
        let run = runner().run(&strategy, |(columns, damages, scan_rate_v_s)| {
            let hints = Hints {
                columns,
                scan_rate_v_s,
                ..Hints::default()
            };
            assert_sound(damaged(seed.clone(), &damages), &hints);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
