//! Real files of instruments: what is not read says what to do, all else is read as an independent count has it.
//!
//! The files lie beside the project and may not be copied into it; without them the tests report `skipped`. Numbers of
//! rows and ranges were taken from the files themselves by another program.

use std::path::Path;
use std::path::PathBuf;

use sulfit::analysis::circuit::Choice;
use sulfit::analysis::circuit::fit_circuit;
use sulfit::analysis::gate::Rules;
use sulfit::analysis::gate::gate;
use sulfit::analysis::overview::Given;
use sulfit::analysis::overview::Voltammogram;
use sulfit::analysis::overview::of_series;
use sulfit::analysis::voltammetry::PROMINENCE_SHARE;
use sulfit::analysis::voltammetry::voltammogram;
use sulfit::import::ColumnPlace;
use sulfit::import::Hints;
use sulfit::import::NamedColumn;
use sulfit::import::read_measured;
use sulfit::record::Measured;
use sulfit::record::Quantity;
use sulfit::record::Severity;

use crate::support::project;

/// Instrument, technique, number of rows; ranges of time (s), voltage (V) and current (A), of a spectrum those of
/// frequency (Hz), Re Z and Im Z (Ω).
type Expected = (
    &'static str,
    &'static str,
    &'static str,
    usize,
    [(f64, f64); 3],
);

#[rustfmt::skip]
#[expect(clippy::unreadable_literal, reason = "numbers as they stand in the files")]
const READ: &[Expected] = &[
    ("Li-S_ECN_Model/lis_oxis_nedc_discharge_first_6h.csv", "a table", "chronopotentiometry", 21600, [(1.0, 21600.0), (1.8011, 2.428), (0.001, 1.8001)]),
    ("PyProBE/Sample_data_biologic_01_MB_CA1.txt", "BioLogic", "cycling", 1397, [(0.0, 139.52), (3.4854, 3.5181), (-0.90006, 0.0)]),
    ("PyProBE/Sample_data_biologic_no_header.mpt", "BioLogic", "open_circuit", 13, [(2.8167e+05, 2.8179e+05), (2.9344, 2.9814), (0.0, 0.0)]),
    ("PyProBE/Sample_data_biologic_timestamped.txt", "BioLogic", "cycling", 8, [(0.0, 12.464), (4.1466, 4.1546), (0.0, 0.45002)]),
    ("PyProBE/sample_data_arbin.csv", "Arbin", "cycling", 13, [(30.0, 301.21), (3.5346, 3.5996), (0.0, 2.6501)]),
    ("PyProBE/sample_data_basytec.txt", "Basytec", "cycling", 74, [(0.0, 70.236), (3.5256, 3.5329), (0.0, 0.45351)]),
    ("PyProBE/sample_data_maccor.csv", "Maccor", "cycling", 15, [(0.0, 13.06), (3.668, 3.716), (0.0, 28.844)]),
    ("PyProBE/sample_data_novonix.csv", "Novonix", "cycling", 207, [(0.0, 12287.0), (3.8432, 4.1286), (0.0, 0.49999)]),
    ("ampworks/cell1_rough.csv", "a table", "chronopotentiometry", 4217, [(0.0, 42159.0), (3.014, 4.0993), (-0.002419, -0.0011244)]),
    ("ampworks/gr_smooth.csv", "a table", "chronopotentiometry", 501, [(0.0, 52084.0), (6.9248e-05, 1.1708), (-0.0024045, -0.0011469)]),
    ("ampworks/ici_charge.csv", "a table", "cycling", 21555, [(0.0, 41568.0), (3.1031, 4.0999), (0.0, 0.0018919)]),
    ("ampworks/ici_discharge.csv", "a table", "cycling", 21410, [(0.0, 41344.0), (3.0108, 4.0925), (-0.0018927, 0.0)]),
    ("ampworks/nmc_smooth.csv", "a table", "chronopotentiometry", 501, [(0.0, 70771.0), (2.9897, 4.383), (-0.0024045, -0.0011469)]),
    ("battery-data-format/SINTEF__G20M7-202512-Gru6mV__20251228__C30__25degC__Neware.bdf.csv", "Battery Data Format", "cycling", 17587, [(0.0, 1.7573e+05), (2.9999, 4.2002), (-0.16503, 0.16505)]),
    ("battery-data-format/SINTEF__LiGrR2032__2024-04-30__25degC__Landt.bdf.csv", "Battery Data Format", "cycling", 25162, [(0.02, 2.6266e+05), (0.01, 2.9215), (-0.0002, 0.0002)]),
    ("battery-data-format/SINTEF__LiGrR2032__2024-04-30__25degC__Landt.csv", "LAND", "cycling", 25162, [(0.02, 2.6266e+05), (0.01, 2.9215), (-0.0002, 0.0002)]),
    ("battery-data-format/sample.bdf.csv", "Battery Data Format", "chronopotentiometry", 3, [(0.0, 2.0), (3.5, 3.7), (0.1, 0.1)]),
    ("battery-data-toolkit/arbin_example.csv", "Arbin", "cycling", 2142, [(0.0, 6308.5), (1.9996, 3.6004), (-4.4005, 6.6419)]),
    ("beep/2017-05-09_test-TC-contact_CH33.csv", "Arbin", "cycling", 287, [(0.0, 1022.9), (3.2987, 3.6), (0.00015545, 6.6006)]),
    ("beep/FastCharge_000025_CH8.csv", "Arbin", "cycling", 248, [(10.002, 1800.0), (3.3009, 3.3012), (0.0, 0.0)]),
    ("beep/PredictionDiagnostics_000151_test.052", "Maccor", "cycling", 333, [(7.6927e+05, 7.6927e+05), (3.8625, 3.8682), (-4.8409, -4.8393)]),
    ("beep/maccor_test_file_4267-66-6519.041", "Maccor", "cycling", 74, [(0.0, 10.0), (3.9081, 3.9117), (0.0, 0.0)]),
    ("beep/maccor_test_file_4267-66-6519.EDA0001.041", "Maccor", "impedance", 60, [(1.2589, 1e+06), (0.77345, 22.096), (-8.0688, -0.23026)]),
    ("celljar_ornl_leaf/cell-discharge-bitrode-1c.csv", "Bitrode", "cycling", 2287, [(1.0, 66041.0), (3.0, 4.201), (-30.6, 15.3)]),
    ("celljar_ornl_leaf/cell-discharge-bitrode-2c.csv", "Bitrode", "cycling", 2507, [(1.0, 75661.0), (3.0, 4.2), (-61.2, 15.3)]),
    ("celljar_ornl_leaf/cell-discharge-bitrode-3c.csv", "Bitrode", "cycling", 2684, [(1.0, 86377.0), (3.0, 4.201), (-91.8, 15.3)]),
    ("celljar_ornl_leaf/cell-low-current-hppc-25c.csv", "Bitrode", "cycling", 13248, [(1.0, 58968.0), (3.0, 4.203), (-30.0, 22.5)]),
    ("cellpy/Test25195.csv", "PEC", "cycling", 19, [(0.002, 162.36), (3.5689, 3.569), (-8e-06, 0.0)]),
    ("cellpy/Test25205.csv", "PEC", "cycling", 489, [(0.002, 70919.0), (0.063965, 3.6828), (-1e-06, 0.0)]),
    ("cellpy/Test25209.csv", "PEC", "cycling", 281, [(0.002, 29768.0), (3.7526, 3.7535), (-6e-06, 0.0)]),
    ("cellpy/custom_data_003.xls", "Neware", "cycling", 2943, [(0.0, 3.8356e+05), (0.0496, 2.375), (-0.00163, 0.00163)]),
    ("cellpy/maccor_three.txt", "Maccor", "cycling", 4009, [(0.0, 3.2684e+05), (1300.1, 3801.9), (-0.89738, 0.18334)]),
    ("cellpy/neware_uio.csv", "Neware", "cycling", 9065, [(0.0, 5.1854e+05), (0.05, 2.957), (-0.0009918, 0.00099174)]),
    ("gamry-parser/chronoa_data.dta", "Gamry", "chronoamperometry", 10, [(0.0, 270.0), (-0.00054, 0.49967), (-2.342e-08, 1.4044e-08)]),
    ("gamry-parser/cv_data.dta", "Gamry", "voltammetry", 50, [(0.1, 601.1), (0.49, 0.89799), (-2.4166e-09, 6.5777e-07)]),
    ("gamry-parser/eispot_data.dta", "Gamry", "impedance", 6, [(50.0, 10000.0), (224.61, 226.88), (-7.0539, -3.7677)]),
    ("gamry-parser/eispot_data_curveaborted.dta", "Gamry", "impedance", 5, [(100.0, 10000.0), (224.61, 226.3), (-6.1363, -3.7677)]),
    ("gamry-parser/ocp_data.dta", "Gamry", "open_circuit", 21, [(5.0083, 105.17), (0.02015, 0.034568), (0.0, 0.0)]),
    ("gamry-parser/ocvcurve_data.dta", "Gamry", "voltammetry", 11, [(0.3, 3.3), (0.25036, 0.39879), (-4.2422e-05, 6.5536e-07)]),
    ("hybrid-drt/CP_SSB.txt", "BioLogic", "chronopotentiometry", 30208, [(19.895, 50.096), (2.9087, 2.9385), (-8.4277e-06, 8.3869e-06)]),
    ("hybrid-drt/EISGALV_EISTest3.DTA", "Gamry", "impedance", 71, [(0.10016, 1.0001e+06), (0.023643, 0.066492), (-0.016074, 0.16958)]),
    ("hybrid-drt/PEIS_LPSCl_IonBlocking_-25C.txt", "BioLogic", "impedance", 79, [(0.10002, 7e+06), (359.24, 1.7994e+06), (-8.0938e+06, -132.16)]),
    ("hybrid-drt/PEIS_LPSCl_IonBlocking_-25C_RelaxIS.txt", "RelaxIS", "impedance", 79, [(0.10002, 7e+06), (359.24, 1.7994e+06), (-8.0938e+06, -132.16)]),
    ("ici_studio/ici_reference_a.txt", "BioLogic", "cycling", 3132, [(0.0, 11470.0), (0.11536, 1.1977), (-0.0009825, 0.0)]),
    ("impedance.py/Circuit1_EIS_1.z", "ZPlot", "impedance", 48, [(1.0, 50000.0), (29.036, 75.833), (-23.238, 0.63665)]),
    ("impedance.py/Circuit1_EIS_2.z", "ZPlot", "impedance", 48, [(1.0, 50000.0), (29.001, 75.82), (-23.238, 0.5992)]),
    ("impedance.py/Circuit2_EIS_1.z", "ZPlot", "impedance", 56, [(1.0, 3e+05), (147.77, 654.9), (-248.85, 1.6725)]),
    ("impedance.py/Circuit2_EIS_2.z", "ZPlot", "impedance", 56, [(1.0, 3e+05), (147.68, 654.41), (-249.86, 1.4445)]),
    ("impedance.py/exampleDataAutolab.txt", "ZPlot", "impedance", 41, [(0.1, 10000.0), (0.013345, 0.03457), (-0.004967, 0.0071919)]),
    ("impedance.py/exampleDataBioLogic.mpt", "BioLogic", "impedance", 43, [(0.016896, 1000.3), (57.86, 110.97), (-21.499, 3.1567)]),
    ("impedance.py/exampleDataCHInstruments.txt", "CH Instruments", "impedance", 73, [(0.1, 99610.0), (98.91, 5685.0), (-15860.0, 1.603)]),
    ("impedance.py/exampleDataGamry.DTA", "Gamry", "impedance", 72, [(0.01589, 2.0002e+05), (825.86, 17007.0), (-6635.6, -68.138)]),
    ("impedance.py/exampleDataGamryABORT.DTA", "Gamry", "impedance", 72, [(0.01589, 2.0002e+05), (825.86, 17007.0), (-6635.6, -68.138)]),
    ("impedance.py/exampleDataParstat.txt", "VersaStudio", "impedance", 31, [(10.0, 10000.0), (-0.00049816, 0.031134), (-0.0040739, 0.017514)]),
    ("impedance.py/exampleDataPowersuite.txt", "PowerSuite", "impedance", 30, [(0.1, 2e+06), (-1075.7, 4.2393e+05), (-1.0548e+05, -713.75)]),
    ("impedance.py/exampleDataVersaStudio.par", "VersaStudio", "impedance", 61, [(0.021544, 1e+05), (55.316, 1516.3), (-478.37, 4.5754)]),
    ("impedance.py/exampleDataZPlot.z", "ZPlot", "impedance", 21, [(3000.0, 3e+05), (147.77, 613.68), (-248.85, -11.335)]),
    ("impedance.py/exampleDataZPlot_noComments.z", "ZPlot", "impedance", 31, [(300.0, 3e+05), (642.62, 1305.3), (-195.01, -85.821)]),
    ("ixdat/Pt_poly_cv_CUT.mpt", "BioLogic", "voltammetry", 223, [(3.2896, 151.81), (-0.048541, 1.6894), (-0.00015183, 0.00014985)]),
    ("navani/bs542_004_gr_li_50ua_50mv_1v_191020_Channel_11.xlsx", "Arbin", "cycling", 4526, [(1.001, 1.2048e+06), (0.049994, 2.6409), (-5.0027e-05, 5.2616e-05)]),
    ("navani/maccor_example.txt", "Maccor", "cycling", 37, [(0.0, 2220.0), (2.3116, 2.767), (-0.00061, 0.00061)]),
    ("navani/test_machine_readable.bdf", "Battery Data Format", "chronopotentiometry", 4, [(0.0, 3.0), (3.0, 3.3), (0.001, 0.001)]),
    ("navani/test_with_capacity.bdf", "Battery Data Format", "cycling", 10, [(0.0, 9.0), (3.0, 3.4), (-0.001, 0.001)]),
    ("navani/test_with_capacity.bdf.gz", "Battery Data Format", "cycling", 10, [(0.0, 9.0), (3.0, 3.4), (-0.001, 0.001)]),
    ("navani/test_with_capacity.bdf.parquet", "Battery Data Format", "cycling", 10, [(0.0, 9.0), (3.0, 3.4), (-0.001, 0.001)]),
    ("navani/test_without_capacity.bdf", "Battery Data Format", "cycling", 10, [(0.0, 9.0), (3.0, 3.4), (-0.001, 0.001)]),
    ("voltcycle/20MM_2,7-AQDS_1M_H2SO4_100mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 3602, [(0.005, 18.01), (-0.50023, 0.39999), (-0.00031493, 0.000262)]),
    ("voltcycle/20MM_2,7-AQDS_1M_H2SO4_250mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 7202, [(0.002, 14.404), (-0.50014, 0.39996), (-0.00045252, 0.00044502)]),
    ("voltcycle/20MM_2,7-AQDS_1M_H2SO4_25mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 7202, [(0.02, 144.04), (-0.50019, 0.39994), (-0.00017935, 0.00013295)]),
    ("voltcycle/20MM_2,7-AQDS_1M_H2SO4_500mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 7202, [(0.001, 7.202), (-0.50014, 0.39995), (-0.00063011, 0.00067411)]),
    ("voltcycle/20MM_2,7-AQDS_1M_H2SO4_50mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 7202, [(0.01, 72.02), (-0.50007, 0.39994), (-0.00023639, 0.00017852)]),
    ("voltcycle/20mM_DFCA_1M_KOH_100mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 2002, [(0.005, 10.01), (-1.1, -0.59999), (-0.00029936, 0.00016939)]),
    ("voltcycle/20mM_DFCA_1M_KOH_25mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 2002, [(0.02, 40.04), (-1.1, -0.60004), (-0.00015159, 9.2664e-05)]),
    ("voltcycle/20mM_DFCA_1M_KOH_500mVs_0.5step.DTA.txt", "Gamry", "voltammetry", 2002, [(0.001, 2.002), (-1.1, -0.60003), (-0.00067677, 0.0003011)]),
    ("voltcycle/20mM_DHBDS_aged_0to0.8V.DTA.txt", "Gamry", "voltammetry", 202, [(0.08, 16.16), (-0.00012745, 0.79992), (3.8954e-06, 0.00077382)]),
    ("voltcycle/5mM_1,2_Sodium_NQ_4_S_1M_H2SO4_.DTA.txt", "Gamry", "voltammetry", 402, [(0.08, 32.16), (-6.7608e-05, 0.79989), (-8.3261e-05, 9.4832e-05)]),
    ("zahner-analysis/li-ion-battery.ism", "Zahner", "impedance", 128, [(0.0005, 5000.0), (0.027422, 0.41655), (-0.53585, 0.023855)]),
    ("zahner-analysis/rc-data.ism", "Zahner", "impedance", 55, [(0.2, 1e+05), (165.61, 9.9514e+07), (-4.8833e+07, -10868.0)]),
];

/// Files that are not read, and words of what they are told.
const REFUSED: &[(&str, &str)] = &[
    ("Li-S_ECN_Model/README.md", "no measurement found"),
    (
        "NewareNDA/123456789012_Unit27_Example_Data_File.ftr",
        "csv or parquet",
    ),
    (
        "NewareNDA/123456789012_Unit27_Example_Data_File.ndax",
        "BTSDA",
    ),
    ("NewareNDA/2-1-6_61[07005012].ftr", "csv or parquet"),
    ("NewareNDA/TestFile.ftr", "csv or parquet"),
    ("NewareNDA/TestFile.nda", "BTSDA"),
    ("NewareNDA/new_nda_file.ftr", "csv or parquet"),
    ("NewareNDA/new_nda_file.nda", "BTSDA"),
    ("PyProBE/Experiment_Record.xlsx", "no measurement found"),
    ("PyProBE/README.yaml", "no measurement found"),
    ("battery-data-format/GCPL-0.mpr", "Export as Text"),
    ("battery-data-format/MB-0.mpr", "Export as Text"),
    ("battery-data-format/PEIS-0.mpr", "Export as Text"),
    (
        "battery-data-format/bdf_columns.csv",
        "no measurement found",
    ),
    ("battery-data-format/filetype14-0.ndax", "BTSDA"),
    (
        "beep/2017-05-09_test-TC-contact_CH33_Metadata.csv",
        "no measurement found",
    ),
    (
        "beep/FastCharge_000025_CH8_Metadata.csv",
        "no measurement found",
    ),
    ("cellpy/custom_data_001.csv", "without a unit"),
    ("combat_lis_solvents/README.md", "no measurement found"),
    ("combat_lis_solvents/data.csv", "no measurement found"),
    (
        "echemdb/engstfeld_2018_polycrystalline_17743_f4b_1.csv",
        "without a time",
    ),
    (
        "echemdb/engstfeld_2018_polycrystalline_17743_f4b_1.yaml",
        "no measurement found",
    ),
    (
        "echemdb/schonig_2023_entropic_5948_f1_brown.csv",
        "without a unit",
    ),
    (
        "echemdb/schonig_2023_entropic_5948_f1_brown.yaml",
        "no measurement found",
    ),
    (
        "echemdb/strmcnik_2010_enhanced_880_f1tl_black.csv",
        "without a time",
    ),
    (
        "echemdb/strmcnik_2010_enhanced_880_f1tl_black.yaml",
        "no measurement found",
    ),
    (
        "gamry-parser/cv_data_incompleteheader.dta",
        "without a curve",
    ),
    (
        "gamry-parser/squarewave_data.dta",
        "this technique is not read",
    ),
    ("gamry-parser/vfp600_data.dta", "this technique is not read"),
    (
        "hybrid-drt/PEIS_LPSCl_IonBlocking_-25C.mpr",
        "Export as Text",
    ),
    ("hybrid-drt/PEIS_SSB.mpr", "Export as Text"),
    (
        "hybrid-drt/Sample1_PEIS_EndOfDischarge.mpr",
        "Export as Text",
    ),
    ("hybrid-drt/sample_info.txt", "no measurement found"),
    ("impedance.py/exampleData.csv", "no measurement found"),
    (
        "impedance.py/exampleDataBioLogic_MissingFreq.mpt",
        "without the column freq/Hz",
    ),
    ("navani/example_output.csv", "without a unit"),
    ("navani/test.ndax", "BTSDA"),
    ("navani/test_missing_required.bdf", "without current"),
    (
        "voltcycle/PadraoK3_Gaiola_cell3eletrodos.txt",
        "without a time",
    ),
];

/// The folder of the real files, if it is there.
fn folder() -> Option<PathBuf> {
    let folder = project("../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no real files beside the project");
    None
}

fn read(folder: &Path, name: &str) -> Measured {
    read_measured(&folder.join(name), &Hints::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn range(measured: &Measured, quantity: Quantity) -> (f64, f64) {
    let values = measured.values(quantity).unwrap().iter().copied();
    values
        .filter(|x| x.is_finite())
        .fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)))
}

#[test]
fn real_files_are_read_as_they_stand() {
    let Some(folder) = folder() else { return };
    for (name, instrument, technique, n_rows, ranges) in READ {
        let measured = read(&folder, name);
        assert_eq!(measured.instrument, *instrument, "{name}");
        assert_eq!(measured.technique.to_string(), *technique, "{name}");
        assert_eq!(measured.len(), *n_rows, "{name}");
        let quantities = match *technique {
            "impedance" => [
                Quantity::Frequency,
                Quantity::RealImpedance,
                Quantity::ImaginaryImpedance,
            ],
            _ => [Quantity::TestTime, Quantity::Voltage, Quantity::Current],
        };
        for (quantity, expected) in quantities.into_iter().zip(ranges) {
            let found = range(&measured, quantity);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-4 * a.abs().max(b.abs());
            assert!(
                close(found.0, expected.0) && close(found.1, expected.1),
                "{name}: {} of {found:?} instead of {expected:?}",
                quantity.name()
            );
        }
    }
}

#[test]
fn real_files_that_are_not_read_say_what_to_do() {
    let Some(folder) = folder() else { return };
    for (name, words) in REFUSED {
        let Err(error) = read_measured(&folder.join(name), &Hints::default()) else {
            panic!("{name} was read");
        };
        let message = error.to_string();
        assert!(message.contains(words), "{message}");
        assert!(message.contains(name), "{message}");
    }
}

/// No file may be missing from both tables: licences and notes are prose.
#[test]
fn every_real_file_is_in_a_table() {
    let Some(folder) = folder() else { return };
    for entry in std::fs::read_dir(&folder).unwrap().flatten() {
        for file in std::fs::read_dir(entry.path()).unwrap().flatten() {
            let name = file
                .path()
                .strip_prefix(&folder)
                .unwrap()
                .display()
                .to_string();
            let is_prose = name.contains("LICENSE") || name.ends_with("SOURCE.txt");
            let is_told =
                READ.iter().any(|row| row.0 == name) || REFUSED.iter().any(|row| row.0 == name);
            assert!(is_told || is_prose, "{name}");
            if is_prose {
                assert!(
                    read_measured(&file.path(), &Hints::default()).is_err(),
                    "{name}"
                );
            }
        }
    }
}

/// Largest difference of two columns over the largest value.
fn difference(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    let largest = one.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
}

#[test]
fn two_exports_of_one_spectrum_agree() {
    let Some(folder) = folder() else { return };
    let by_instrument = read(&folder, "hybrid-drt/PEIS_LPSCl_IonBlocking_-25C.txt");
    let by_relaxis = read(
        &folder,
        "hybrid-drt/PEIS_LPSCl_IonBlocking_-25C_RelaxIS.txt",
    );
    let sorted = |measured: &Measured, quantity: Quantity| {
        let frequency = measured.values(Quantity::Frequency).unwrap();
        let mut order: Vec<usize> = (0..frequency.len()).collect();
        order.sort_by(|a, b| frequency[*a].total_cmp(&frequency[*b]));
        let values = measured.values(quantity).unwrap();
        order.into_iter().map(|i| values[i]).collect::<Vec<f64>>()
    };
    for quantity in [
        Quantity::Frequency,
        Quantity::RealImpedance,
        Quantity::ImaginaryImpedance,
    ] {
        let off = difference(
            &sorted(&by_instrument, quantity),
            &sorted(&by_relaxis, quantity),
        );
        assert!(off < 1e-6, "{}: {off:.1e}", quantity.name());
    }
}

#[test]
fn a_cycler_file_and_its_battery_data_format_twin_agree() {
    let Some(folder) = folder() else { return };
    let stem = "battery-data-format/SINTEF__LiGrR2032__2024-04-30__25degC__Landt";
    let (raw, twin) = (
        read(&folder, &format!("{stem}.csv")),
        read(&folder, &format!("{stem}.bdf.csv")),
    );
    for quantity in [
        Quantity::TestTime,
        Quantity::Voltage,
        Quantity::Current,
        Quantity::ChargingCapacity,
        Quantity::DischargingCapacity,
    ] {
        let off = difference(
            raw.values(quantity).unwrap(),
            twin.values(quantity).unwrap(),
        );
        assert!(off < 1e-12, "{}: {off:.1e}", quantity.name());
    }
}

#[test]
fn peaks_of_a_real_series_are_read_where_they_are() {
    let Some(folder) = folder() else { return };
    // Read off the files: mV/s, mA, V.
    for (rate, current_ma, potential_v) in [
        (25, -0.1516, -0.937),
        (100, -0.2994, -0.945),
        (500, -0.6768, -0.960),
    ] {
        let name = format!("voltcycle/20mM_DFCA_1M_KOH_{rate}mVs_0.5step.DTA.txt");
        let record = read(&folder, &name).record().unwrap();
        let ramps = voltammogram(&record, PROMINENCE_SHARE).unwrap();
        let peak = ramps[0].main_peak().unwrap();
        // Files have oxidation positive.
        let found_ma = -1e3 * peak.current_read.value;
        assert!(
            (found_ma / current_ma - 1.0).abs() < 0.01,
            "{rate}: {found_ma} mA"
        );
        let off_v = peak.potential.value - potential_v;
        assert!(off_v.abs() < 2e-3, "{rate}: {off_v} V off");
        let found_rate = ramps[0].ramp.scan_rate.value.abs();
        assert!(
            (found_rate * 1e3 / f64::from(rate) - 1.0).abs() < 1e-3,
            "{found_rate}"
        );
    }
}

#[test]
fn a_moved_reference_electrode_is_found_and_told() {
    let Some(folder) = folder() else { return };
    let series: Vec<Voltammogram> = [25, 50, 100, 250, 500]
        .into_iter()
        .map(|rate| {
            let name = format!("voltcycle/20MM_2,7-AQDS_1M_H2SO4_{rate}mVs_0.5step.DTA.txt");
            let record = read(&folder, &name).record().unwrap();
            Voltammogram::new(format!("{rate} mV/s"), &record).unwrap()
        })
        .collect();
    let given = Given {
        electrons: 2.0,
        ..Given::default()
    };
    let sections = of_series(&series, &given);
    let reference = sections
        .iter()
        .find(|s| s.title == "reference electrode")
        .unwrap();
    assert_eq!(reference.rows.len(), 1);
    let shift = &reference.rows[0];
    assert!(shift.name.starts_with("100 mV/s"), "{}", shift.name);
    assert!(
        (-0.08..-0.05).contains(&shift.quantity.value),
        "{:?}",
        shift.quantity
    );
    assert!(reference.warnings[0].contains("reference electrode moved"));
}

/// File, circuit, root mean square of the residuals over |Z|, whether they have structure, parameters with how far off
/// they may be.
type Fitted = (
    &'static str,
    &'static str,
    f64,
    bool,
    &'static [(&'static str, f64, f64)],
);

/// Two dummy circuits of a resistor in series with another one beside a capacitor, each measured twice, and a lithium
/// ion cell. Both measurements of a dummy must agree.
const FITTED: [Fitted; 5] = [
    (
        "Circuit1_EIS_1.z",
        "L-R0-(R1|CPE)",
        2.0e-4,
        false,
        &[
            ("R0", 29.10, 0.02),
            ("R1", 46.71, 0.02),
            ("n", 0.9975, 5e-4),
        ],
    ),
    (
        "Circuit1_EIS_2.z",
        "L-R0-((R1-W)|CPE)",
        1.2e-4,
        true,
        &[
            ("R0", 29.10, 0.02),
            ("R1", 46.71, 0.02),
            ("n", 0.9975, 5e-4),
        ],
    ),
    (
        "Circuit2_EIS_1.z",
        "L-R0-(R1|CPE)",
        1.91e-3,
        false,
        &[("R0", 148.65, 0.2), ("R1", 504.4, 0.4), ("n", 0.994, 1e-3)],
    ),
    (
        "Circuit2_EIS_2.z",
        "L-R0-(R1|CPE)",
        1.97e-3,
        true,
        &[("R0", 148.65, 0.2), ("R1", 504.4, 0.4), ("n", 0.994, 1e-3)],
    ),
    (
        "exampleData.csv",
        "L-R0-(R1|CPE1)-((R2-W)|CPE2)",
        6.6e-3,
        true,
        &[("R0", 0.01434, 2e-4), ("sigma", 2.76e-3, 2e-5)],
    ),
];

#[test]
fn circuits_are_fitted_to_real_spectra() {
    let Some(folder) = folder() else { return };
    for (name, circuit, rms, has_structure, parameters) in FITTED {
        let column = |quantity: &str, number: usize, unit: &str| NamedColumn {
            quantity: quantity.to_owned(),
            place: ColumnPlace::Number(number),
            unit: unit.to_owned(),
        };
        let mut hints = Hints::default();
        if name == "exampleData.csv" {
            hints.columns = vec![
                column("frequency", 1, "Hz"),
                column("real", 2, "ohm"),
                column("imaginary", 3, "ohm"),
            ];
        }
        let path = folder.join("impedance.py").join(name);
        let spectrum = &read_measured(&path, &hints).unwrap().spectra()[0];
        let passed = gate(spectrum, &Rules::default()).pass(spectrum);
        let fit = fit_circuit(&passed, Choice::default()).unwrap();
        assert_eq!(fit.circuit.to_string(), circuit, "{name}");
        assert!((fit.rms / rms - 1.0).abs() < 0.05, "{name}: {}", fit.rms);
        assert_eq!(fit.has_structure(), has_structure, "{name}: {:?}", fit.runs);
        let told = fit.warnings.iter().map(ToString::to_string);
        assert_eq!(
            told.into_iter().any(|w| w.contains("have structure")),
            has_structure
        );
        for parameter in &fit.parameters {
            let (low, high) = parameter.interval.unwrap();
            assert!(low < parameter.value && parameter.value < high, "{name}");
        }
        for (parameter, value, off) in parameters {
            let found = fit.parameter(parameter).unwrap().value;
            assert!((found - value).abs() < *off, "{name}: {parameter} {found}");
        }
    }
}

#[test]
fn named_columns_read_what_no_layout_describes() {
    let Some(folder) = folder() else { return };
    let column = |quantity: &str, place: ColumnPlace, unit: &str| NamedColumn {
        quantity: quantity.to_owned(),
        place,
        unit: unit.to_owned(),
    };
    let named = |name: &str| ColumnPlace::Name(name.to_owned());
    let spectrum = Hints {
        columns: vec![
            column("frequency", ColumnPlace::Number(1), "Hz"),
            column("real", ColumnPlace::Number(2), "ohm"),
            column("imaginary", ColumnPlace::Number(3), "ohm"),
        ],
        ..Hints::default()
    };
    let cycling = Hints {
        columns: vec![
            column("time", named("test_time"), "s"),
            column("voltage", named("voltage"), "V"),
            column("current", named("current"), "mA"),
        ],
        ..Hints::default()
    };
    let density = Hints {
        area_m2: Some(1e-4),
        scan_rate_v_s: Some(0.05),
        ..Hints::default()
    };
    for (name, hints, n_rows) in [
        ("impedance.py/exampleData.csv", spectrum, 66),
        ("cellpy/custom_data_001.csv", cycling, 2442),
        (
            "echemdb/strmcnik_2010_enhanced_880_f1tl_black.csv",
            density,
            5996,
        ),
    ] {
        let measured = read_measured(&folder.join(name), &hints).unwrap();
        assert_eq!(measured.len(), n_rows, "{name}");
    }
}

#[test]
fn what_is_wrong_with_real_files_is_found() {
    let Some(folder) = folder() else { return };
    for (name, severity, words) in [
        (
            "battery-data-format/SINTEF__G20M7-202512-Gru6mV__20251228__C30__25degC__Neware.bdf.csv",
            Severity::Problem,
            "the cycle is 6.283",
        ),
        (
            "Li-S_ECN_Model/lis_oxis_nedc_discharge_first_6h.csv",
            Severity::Problem,
            "sign of the current looks flipped",
        ),
        (
            "ixdat/Pt_poly_cv_CUT.mpt",
            Severity::Warning,
            "the instrument's default",
        ),
        (
            "impedance.py/exampleDataGamryABORT.DTA",
            Severity::Warning,
            "the experiment was aborted",
        ),
        (
            "impedance.py/exampleDataParstat.txt",
            Severity::Note,
            "781 rows without a frequency",
        ),
        (
            "impedance.py/exampleDataPowersuite.txt",
            Severity::Warning,
            "Re Z is negative",
        ),
    ] {
        let measured = read(&folder, name);
        let told = measured
            .findings
            .iter()
            .any(|finding| finding.severity == severity && finding.to_string().contains(words));
        assert!(told, "{name}: {:?}", measured.findings);
    }
}
