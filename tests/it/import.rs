//! Instrument files: one small invented file per layout, and files with one fault each.

use std::path::Path;

use sulfit::import::ColumnPlace;
use sulfit::import::Hints;
use sulfit::import::ImportError;
use sulfit::import::NamedColumn;
use sulfit::import::parse_measured;
use sulfit::import::write_csv;
use sulfit::import::write_parquet;
use sulfit::record::Measured;
use sulfit::record::Quantity;
use sulfit::record::Severity;
use sulfit::record::Technique;

use crate::support::project;

pub(crate) const FOLDER: &str = "tests/files/import";

/// What the files were written from: a cell cycled twice at 0.5 mA, a voltammogram, a spectrum.
const CELL: [(f64, f64); 2] = [(0.88, 2.22), (-5e-4, 5e-4)];
const SWEEP: [(f64, f64); 2] = [(0.4, 2.0), (-5.3778e-4, 6.1647e-4)];
const ARCS: [(f64, f64); 2] = [(0.01, 1e5), (12.000_14, 236.426_24)];
/// Charge that flows in each direction (Ah): sixteen minutes of 0.5 mA.
const CHARGE_AH: f64 = 5e-4 * 16.0 / 60.0;

/// Instrument, number of rows, and ranges of voltage (V) and current (A), or of frequency (Hz) and Re Z (Ω).
type Expected = (&'static str, &'static str, usize, [(f64, f64); 2]);

const CYCLING: [Expected; 22] = [
    ("arbin_plain.csv", "Arbin", 40, CELL),
    ("arbin_two_sheets.xlsx", "Arbin", 40, CELL),
    ("arbin_units.csv", "Arbin", 40, CELL),
    ("basytec_pause.txt", "Basytec", 40, CELL),
    ("bdf_human.bdf.csv", "Battery Data Format", 40, CELL),
    ("bdf_machine.bdf.csv", "Battery Data Format", 40, CELL),
    ("bdf_packed.bdf.csv.gz", "Battery Data Format", 40, CELL),
    ("biologic_gcpl_decimal_comma.mpt", "BioLogic", 40, CELL),
    // One row is marked as excluded.
    ("bitrode_loops.csv", "Bitrode", 39, CELL),
    ("generic_no_units.csv", "a table", 40, CELL),
    ("generic_units.csv", "a table", 40, CELL),
    ("land_chinese_gbk.csv", "LAND", 40, CELL),
    ("land_english.csv", "LAND", 40, CELL),
    ("maccor_clock.txt", "Maccor", 40, CELL),
    ("maccor_seconds.csv", "Maccor", 40, CELL),
    ("neware_flat.csv", "Neware", 40, CELL),
    ("neware_nested.csv", "Neware", 40, CELL),
    ("neware_records.xlsx", "Neware", 40, CELL),
    ("novonix_uhpc.csv", "Novonix", 40, CELL),
    ("pec_regime.csv", "PEC", 40, CELL),
    ("bdf_columns.parquet", "Battery Data Format", 40, CELL),
    ("land_channel.csv", "LAND", 40, CELL),
];

const VOLTAMMETRY: [Expected; 5] = [
    (
        "autolab_cv.txt",
        "Autolab",
        40,
        [(0.4003, 2.0003), SWEEP[1]],
    ),
    ("biologic_cv_decimal_comma.mpt", "BioLogic", 40, SWEEP),
    ("chi_cv.txt", "CH Instruments", 40, SWEEP),
    (
        "gamry_cv_two_curves.DTA",
        "Gamry",
        48,
        [SWEEP[0], (-5.3387e-4, 5.7690e-4)],
    ),
    ("generic_untimed_cv.csv", "a table", 40, SWEEP),
];

const IMPEDANCE: [Expected; 14] = [
    ("autolab_eis.txt", "Autolab", 29, ARCS),
    ("bdf_spectrum.bdf.csv", "Battery Data Format", 29, ARCS),
    ("biologic_peis.mpt", "BioLogic", 29, ARCS),
    ("chi_eis.txt", "CH Instruments", 29, ARCS),
    ("gamry_eis.DTA", "Gamry", 29, ARCS),
    (
        "gamry_eis_aborted.DTA",
        "Gamry",
        12,
        [(177.828, 1e5), (12.000_14, 34.374_68)],
    ),
    ("parstat_eis_with_dc.txt", "VersaStudio", 29, ARCS),
    ("powersuite_eis.txt", "PowerSuite", 29, ARCS),
    ("relaxis_eis.txt", "RelaxIS", 29, ARCS),
    ("versastudio_eis.par", "VersaStudio", 29, ARCS),
    ("zahner_eis.ism", "Zahner", 29, ARCS),
    ("zplot_ascii.z", "ZPlot", 29, ARCS),
    ("zplot_z60w_bom.z", "ZPlot", 29, ARCS),
    ("maccor_eis.txt", "Maccor", 29, ARCS),
];

/// A discharge at constant current, without a charge.
const GALVANOSTATIC: [Expected; 1] = [(
    "parstat_discharge.txt",
    "VersaStudio",
    20,
    [(1.22, 1.60), (-5e-4, -5e-4)],
)];

/// What the user says about a file, for those that do not say enough.
pub(crate) fn hints(name: &str) -> Hints {
    let column = |quantity: &str, place: &str, unit: &str| NamedColumn {
        quantity: quantity.to_owned(),
        place: ColumnPlace::Name(place.to_owned()),
        unit: unit.to_owned(),
    };
    match name {
        "generic_no_units.csv" => Hints {
            columns: vec![
                column("time", "zeit", "min"),
                column("voltage", "spannung", "mV"),
                column("current", "strom", "uA"),
                column("cycle", "zyklus", "1"),
            ],
            ..Hints::default()
        },
        "generic_untimed_cv.csv" => Hints {
            area_m2: Some(1e-4),
            scan_rate_v_s: Some(0.01),
            ..Hints::default()
        },
        _ => Hints::default(),
    }
}

fn parsed(folder: &str, name: &str) -> Result<Measured, ImportError> {
    let bytes = std::fs::read(project(folder).join(name)).unwrap();
    parse_measured(Path::new(name), bytes, &hints(name))
}

fn range(measured: &Measured, quantity: Quantity) -> (f64, f64) {
    let values = measured.values(quantity).unwrap();
    let extremes = |(a, b): (f64, f64), x: &f64| (a.min(*x), b.max(*x));
    values.iter().fold((f64::MAX, f64::MIN), extremes)
}

/// Within the three digits that the coarsest of the instruments writes.
fn assert_close(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(
        error <= 1e-3 * expected.abs(),
        "{what}: {found}, expected {expected}"
    );
}

fn assert_reads((name, instrument, n_rows, ranges): &Expected, technique: Technique) -> Measured {
    let measured = parsed(FOLDER, name).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(measured.instrument, *instrument, "{name}");
    assert_eq!(measured.technique, technique, "{name}");
    assert_eq!(measured.len(), *n_rows, "{name}");
    let quantities = if technique == Technique::Impedance {
        [Quantity::Frequency, Quantity::RealImpedance]
    } else {
        [Quantity::Voltage, Quantity::Current]
    };
    for (quantity, (low, high)) in quantities.into_iter().zip(ranges) {
        let found = range(&measured, quantity);
        assert_close(found.0, *low, &format!("{name}, {}", quantity.name()));
        assert_close(found.1, *high, &format!("{name}, {}", quantity.name()));
    }
    for finding in &measured.findings {
        assert!(finding.severity < Severity::Problem, "{name}: {finding}");
    }
    measured
}

#[test]
fn every_cycler_tells_the_same_two_cycles() {
    for expected in &CYCLING {
        let name = expected.0;
        let measured = assert_reads(expected, Technique::Cycling);
        for quantity in [Quantity::ChargingCapacity, Quantity::DischargingCapacity] {
            let total = range(&measured, quantity).1;
            let error = (total / CHARGE_AH - 1.0).abs();
            assert!(error < 2e-3, "{name}, {}: {total}", quantity.name());
        }
        let duration = range(&measured, Quantity::TestTime);
        assert!(
            (2100.0..2103.0).contains(&(duration.1 - duration.0)),
            "{name}: {duration:?}"
        );
        assert_eq!(measured.runs(Quantity::Cycle).len(), 2, "{name}");
        // The first sweep is a rest, the second discharges: the model's sign is positive there.
        let record = measured.record().unwrap();
        let first = record.current.iter().find(|i| i.abs() > 1e-6).unwrap();
        assert!(*first > 0.0, "{name}");
    }
}

#[test]
fn every_potentiostat_tells_oxidation_positive() {
    for expected in &VOLTAMMETRY {
        let name = expected.0;
        let measured = assert_reads(expected, Technique::Voltammetry);
        let (voltage, current) = (
            measured.values(Quantity::Voltage).unwrap(),
            measured.values(Quantity::Current).unwrap(),
        );
        let at_peak = (0..measured.len()).max_by(|a, b| current[*a].total_cmp(&current[*b]));
        assert!((voltage[at_peak.unwrap()] - 1.65).abs() < 0.1, "{name}");
        let time = measured.values(Quantity::TestTime).unwrap();
        assert!(time.windows(2).all(|pair| pair[1] >= pair[0]), "{name}");
    }
}

#[test]
fn every_spectrum_is_capacitive_and_one() {
    for expected in &IMPEDANCE {
        let name = expected.0;
        let spectra = assert_reads(expected, Technique::Impedance).spectra();
        assert_eq!(spectra.len(), 1, "{name}");
        assert_eq!(spectra[0].frequency_hz.len(), expected.2, "{name}");
        assert!(
            spectra[0].impedance_ohm.iter().all(|(_, im)| *im < 0.0),
            "{name}"
        );
    }
}

#[test]
fn a_discharge_of_a_potentiostat_is_no_spectrum() {
    for expected in &GALVANOSTATIC {
        let measured = assert_reads(expected, Technique::Chronopotentiometry);
        assert!(measured.spectra().is_empty());
    }
}

#[test]
fn every_fixture_is_expected() {
    let listed: Vec<&str> = CYCLING
        .iter()
        .chain(&VOLTAMMETRY)
        .chain(&IMPEDANCE)
        .chain(&GALVANOSTATIC)
        .map(|expected| expected.0)
        .chain(["README.md"])
        .collect();
    for name in names(FOLDER) {
        assert!(
            listed.contains(&name.as_str()),
            "{name} is asked for by no test"
        );
    }
    for name in names("tests/files/import/bad") {
        let is_told = FAULTS.iter().any(|fault| fault.0 == name);
        assert!(is_told, "bad/{name} is asked for by no test");
    }
}

/// Names of the files in a folder, sorted.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(project(folder))
        .unwrap()
        .map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<String> = files
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// File, line that the message names, words in it.
type Fault = (&'static str, Option<usize>, &'static str);

const FAULTS: [Fault; 34] = [
    (
        "chi_without_current.txt",
        None,
        "numbers for time, voltage only",
    ),
    (
        "chi_without_scan_rate.txt",
        None,
        "the scan rate in the preamble",
    ),
    ("current_density.csv", Some(1), "state --area-cm2"),
    (
        "cut_preamble.mpt",
        Some(2),
        "118 header lines stated, the columns in line 18",
    ),
    (
        "cycle_is_no_number.csv",
        Some(2),
        "6.283185307179586, which is no whole number",
    ),
    ("cycle_jump.csv", Some(24), "the cycle jumps from 1 to 4"),
    ("damaged.csv.gz", None, "a damaged gzip file"),
    (
        "dc_rows_in_spectrum.txt",
        Some(2),
        "3 rows without a frequency",
    ),
    ("duplicate_rows.csv", Some(17), "1 rows stand there twice"),
    ("eclab.mpr", None, "Experiment > Export as Text"),
    ("empty.csv", None, "an empty file"),
    (
        "flipped_sign.csv",
        None,
        "the sign of the current looks flipped",
    ),
    ("flipped_voltammogram.csv", None, "reduction looks positive"),
    (
        "gap.csv",
        Some(33),
        "1 gaps while current flows, the first of 36000 s",
    ),
    (
        "gamry_without_units.DTA",
        None,
        "only; expected time, voltage and current",
    ),
    (
        "infinite_time.csv",
        Some(4),
        "column 'testtime' holds 'inf'",
    ),
    ("junk.bin", None, "a binary file"),
    (
        "milliampere_as_ampere.csv",
        None,
        "as if mA had been written as A",
    ),
    (
        "minutes_as_seconds.csv",
        None,
        "the time looks like minutes, not seconds",
    ),
    (
        "missing_unit.csv",
        Some(1),
        "column 'current' without a unit",
    ),
    ("neware.nda", None, "export the record layer"),
    ("no_curve.DTA", None, "a table CURVE, CURVE1 or ZCURVE"),
    (
        "no_voltage.csv",
        None,
        "columns for time, voltage and current",
    ),
    (
        "one_word_among_numbers.csv",
        Some(11),
        "column 'voltage' holds 'ERR'; the row was left out",
    ),
    (
        "overload.DTA",
        Some(16),
        "1 rows that the instrument marks as overloaded",
    ),
    (
        "positive_imaginary.csv",
        None,
        "Im Z is positive for 29 of 29 frequencies",
    ),
    (
        "prose.txt",
        None,
        "a text that begins with 'Dear colleague,'",
    ),
    (
        "saturated_current.csv",
        Some(41),
        "the current stays at 0.0001 A, its extreme",
    ),
    // The sheet's first three rows are empty.
    (
        "sheet_from_row_4.xlsx",
        Some(14),
        "column 'voltage' holds 'ERR'",
    ),
    (
        "time_goes_back.csv",
        Some(22),
        "time goes back from 1021 s to 781 s",
    ),
    (
        "truncated_last_line.csv",
        Some(41),
        "the file ends inside a row",
    ),
    ("unknown_columns.csv", None, "begins with 'colour,taste'"),
    (
        "voltammogram_without_time.csv",
        Some(1),
        "voltage and current without a time",
    ),
    (
        "words_among_numbers.csv",
        Some(11),
        "6 of 15 rows cannot be read",
    ),
];

#[test]
fn every_fault_is_told_with_its_place() {
    for (name, line, words) in FAULTS {
        let messages = match parsed("tests/files/import/bad", name) {
            Ok(measured) => measured.findings.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        let place = line.map(|line| format!("line {line}: "));
        let is_told = messages.iter().any(|message| {
            message.contains(words) && place.as_ref().is_none_or(|place| message.contains(place))
        });
        assert!(
            is_told,
            "{name}: expected {place:?} '{words}', found {messages:#?}"
        );
    }
}

#[test]
fn what_is_written_is_read_again() {
    for name in names(FOLDER).iter().filter(|name| *name != "README.md") {
        let measured = parsed(FOLDER, name).unwrap();
        let (mut csv, mut parquet) = (Vec::new(), Vec::new());
        write_csv(&measured, &mut csv).unwrap();
        write_parquet(&measured, &mut parquet).unwrap();
        for bytes in [csv, parquet] {
            let again = parse_measured(Path::new(name), bytes, &Hints::default()).unwrap();
            assert_eq!(again.technique, measured.technique, "{name}");
            for quantity in Quantity::ALL {
                let (own, other) = (measured.values(quantity), again.values(quantity));
                assert_eq!(
                    own.is_some(),
                    other.is_some(),
                    "{name}: {}",
                    quantity.name()
                );
                for (a, b) in own.unwrap_or(&[]).iter().zip(other.unwrap_or(&[])) {
                    let error = (a - b).abs();
                    assert!(
                        error <= 1e-9 * a.abs(),
                        "{name}: {} {a} {b}",
                        quantity.name()
                    );
                }
            }
        }
    }
}
