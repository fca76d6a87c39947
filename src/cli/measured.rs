//! `sulfit import`, `inspect` and `analyze`: commands on measured files.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;

use super::EXIT_INCOMPLETE;
use super::console::answer;
use super::print;
use super::say;
use crate::analysis::gate::Rules;
use crate::analysis::gate::Verdict;
use crate::analysis::gate::gate;
use crate::analysis::overview::Given;
use crate::analysis::overview::Section;
use crate::analysis::overview::Voltammogram;
use crate::analysis::overview::of_cycles;
use crate::analysis::overview::of_cycling;
use crate::analysis::overview::of_series;
use crate::analysis::overview::of_spectrum;
use crate::analysis::overview::of_step;
use crate::analysis::overview::of_voltammogram;
use crate::config::Mass;
use crate::config::RecordFile;
use crate::config::one_of;
use crate::config::read_record_files;
use crate::import::Hints;
use crate::import::PositiveCurrent;
use crate::import::read_parts;
use crate::import::write_csv;
use crate::import::write_parquet;
use crate::record::Finding;
use crate::record::Measured;
use crate::record::Severity;
use crate::record::Technique;
use crate::report;
use crate::report::RawMeasuredFile;
use crate::report::RawMeasuredFiles;
use crate::report::RawRecord;
use crate::report::RawSection;

/// Kelvin at 0 °C.
const ZERO_CELSIUS_K: f64 = 273.15;

#[derive(Clone, Copy, ValueEnum)]
enum Sign {
    Charge,
    Discharge,
}

#[derive(Args)]
pub(super) struct SourceArguments {
    /// Files of an instrument: text, gzip, xlsx, xls or parquet
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Data set file that says what no instrument knows about these files: mass, area, columns, sign (docs/formats.md)
    #[arg(long, value_name = "TOML")]
    dataset: Option<PathBuf>,
    /// Technique, where the file does not tell: cycling, voltammetry, chronoamperometry, chronopotentiometry,
    /// `open_circuit`, impedance
    #[arg(long, value_name = "NAME", value_parser = technique)]
    technique: Option<Technique>,
    /// What a positive current does in these files
    #[arg(long, value_name = "WHAT")]
    positive_current: Option<Sign>,
    /// Geometric area of the electrode (cm2)
    #[arg(long, value_name = "AREA", value_parser = positive)]
    area_cm2: Option<f64>,
    /// Scan rate of voltammograms without a column of time (V/s)
    #[arg(long, value_name = "RATE", value_parser = positive)]
    scan_rate_v_s: Option<f64>,
}

#[derive(Args)]
pub(super) struct ImportArguments {
    #[command(flatten)]
    source: SourceArguments,
    /// File to write, by Battery Data Format: .parquet or .csv. Several files become one record, in their order
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Keep the points of spectra that break the Kramers-Kronig relations
    #[arg(long)]
    keep: bool,
}

#[derive(Args)]
pub(super) struct AnalyzeArguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Bulk concentration of the reactant (mol/m3), for diffusion coefficients
    #[arg(long, value_name = "C", value_parser = positive)]
    concentration_mol_m3: Option<f64>,
    /// Electrons per reactant
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = positive)]
    electrons: f64,
    /// Temperature (degC)
    #[arg(
        long,
        value_name = "T",
        default_value_t = 25.0,
        allow_negative_numbers = true
    )]
    temperature_degc: f64,
    /// Equilibrium potential (V), for Tafel lines of the ramps
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    equilibrium_v: Option<f64>,
    /// Voltage of a polarisation between equal electrodes (V), for the transference number
    #[arg(long, value_name = "DV", value_parser = positive)]
    polarisation_v: Option<f64>,
    /// Resistances of the interfaces before and after it (ohm)
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], value_parser = positive)]
    interface_ohm: Option<Vec<f64>>,
    /// Keep the points of spectra that break the Kramers-Kronig relations
    #[arg(long)]
    keep: bool,
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err("expected a positive number".to_owned())
    }
}

fn technique(text: &str) -> Result<Technique, String> {
    let known = Technique::NAMES.iter().find(|(name, _)| *name == text);
    known.map(|(_, technique)| *technique).ok_or_else(|| {
        let expected = one_of(text, Technique::NAMES.iter().map(|(name, _)| *name));
        format!("expected {expected}")
    })
}

/// A record as it was read, with its mass of sulfur.
struct Source {
    name: String,
    measured: Measured,
    sulfur_kg: Option<f64>,
    area_m2: Option<f64>,
}

fn read_sources(arguments: &SourceArguments) -> Result<Vec<Source>, String> {
    let records = match &arguments.dataset {
        Some(path) => read_record_files(path).map_err(|error| error.to_string())?,
        None => Vec::new(),
    };
    let mut sources = Vec::new();
    for file in &arguments.files {
        let record = of_file(&records, file);
        if record.is_none() && arguments.dataset.is_some() {
            let names: Vec<String> = records
                .iter()
                .map(|r| r.path.display().to_string())
                .collect();
            return Err(format!(
                "{}: not among the records of the data set ({}); add a [[record]] with file = \"...\"",
                file.display(),
                names.join(", ")
            ));
        }
        let hints = hints(arguments, record);
        let sulfur_kg = record.and_then(|record| record.mass).map(Mass::sulfur_kg);
        let parts = read_parts(file, &hints).map_err(|error| error.to_string())?;
        sources.extend(parts.into_iter().map(|part| Source {
            name: match part.name {
                Some(name) => format!("{}, {name}", file.display()),
                None => file.display().to_string(),
            },
            measured: part.measured,
            sulfur_kg: sulfur_kg.or(part.sulfur_kg),
            area_m2: hints.area_m2.or(part.area_m2),
        }));
    }
    Ok(sources)
}

/// The record of a data set that is this file.
fn of_file<'r>(records: &'r [RecordFile], file: &Path) -> Option<&'r RecordFile> {
    let wanted = file.canonicalize().ok()?;
    records
        .iter()
        .find(|record| record.path.canonicalize().is_ok_and(|path| path == wanted))
}

/// What the data set says, overruled by the command line.
fn hints(arguments: &SourceArguments, record: Option<&RecordFile>) -> Hints {
    let stated = record
        .map(|record| record.hints.clone())
        .unwrap_or_default();
    Hints {
        technique: arguments.technique.or(stated.technique),
        positive_current: arguments
            .positive_current
            .map(|sign| match sign {
                Sign::Charge => PositiveCurrent::Charge,
                Sign::Discharge => PositiveCurrent::Discharge,
            })
            .or(stated.positive_current),
        area_m2: arguments
            .area_cm2
            .map(|area| area * 1e-4)
            .or(stated.area_m2),
        scan_rate_v_s: arguments.scan_rate_v_s.or(stated.scan_rate_v_s),
        columns: stated.columns,
    }
}

/// What the checks found; of a quiet command what must not be overlooked.
fn tell_findings(measured: &Measured, name: &str) {
    if super::console::is_quiet() {
        for doubt in report::doubts(measured, name) {
            say(&doubt);
        }
    } else {
        print(&report::findings(measured));
    }
}

pub(super) fn run_inspect(arguments: &SourceArguments) -> Result<ExitCode, String> {
    let sources = read_sources(arguments)?;
    let mut found = Found::default();
    for source in &sources {
        let overview = overview(source);
        print(&report::describe(&source.measured, &source.name));
        print(&report::sections(&overview));
        print(&report::plots(&source.measured));
        tell_findings(&source.measured, &source.name);
        found.add(source, &overview);
    }
    found.answer(problems(&sources), None);
    Ok(code(&sources))
}

pub(super) fn run_import(arguments: &ImportArguments) -> Result<ExitCode, String> {
    let is_parquet = match arguments.out.extension().and_then(|e| e.to_str()) {
        Some("parquet") => true,
        Some("csv") => false,
        _ => {
            return Err(format!(
                "--out {}: expected a name that ends in .parquet or .csv",
                arguments.out.display()
            ));
        }
    };
    let mut sources = read_sources(&arguments.source)?;
    let mut found = Found::default();
    for source in &mut sources {
        pass_gate(&mut source.measured, arguments.keep);
        let overview = overview(source);
        print(&report::describe(&source.measured, &source.name));
        print(&report::sections(&overview));
        tell_findings(&source.measured, &source.name);
        found.add(source, &overview);
    }
    let (code, problems) = (code(&sources), problems(&sources));
    let mut parts = sources.into_iter();
    let Some(first) = parts.next() else {
        return Err("no file".to_owned());
    };
    let mut all = first.measured;
    for part in parts {
        all.append(part.measured)
            .map_err(|reason| format!("{}: {reason}", part.name))?;
    }
    write_whole(&arguments.out, |file| {
        let written = if is_parquet {
            write_parquet(&all, file)
        } else {
            write_csv(&all, file)
        };
        written.map_err(|error| error.to_string())
    })?;
    print(&format!(
        "{} rows in {}\n",
        all.len(),
        arguments.out.display()
    ));
    let record = RawRecord {
        file: arguments.out.display().to_string(),
        rows: all.len(),
    };
    found.answer(problems, Some(record));
    Ok(code)
}

/// Leaves out the points of spectra that must not be fitted, and says so.
fn pass_gate(measured: &mut Measured, keep: bool) {
    let mut start = 0;
    let mut kept = vec![true; measured.len()];
    let rules = Rules {
        keep,
        ..Rules::default()
    };
    for spectrum in measured.spectra() {
        let gate = gate(&spectrum, &rules);
        for objection in &gate.objections {
            let verb = if objection.is_excluded {
                "left out"
            } else {
                "kept"
            };
            let row = start + objection.index;
            let found = format!(
                "{:.4e} Hz {verb}: {}",
                objection.frequency_hz, objection.reason
            );
            let told = Finding::new(Severity::Warning, found, "");
            let line = measured.line(row);
            measured.findings.push(told.at(line));
            if objection.is_excluded {
                kept[row] = false;
            }
        }
        if let Verdict::Inconsistent(why) = gate.verdict {
            let told = Finding::new(Severity::Problem, format!("Kramers-Kronig: {why}"), "");
            measured.findings.push(told);
        }
        start += spectrum.frequency_hz.len();
    }
    measured.retain(&kept);
}

/// Writes a file beside its name first, so that nothing is left half-written.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), String>,
) -> Result<(), String> {
    let unwritable = |reason: String| {
        format!(
            "{}: cannot be written: {reason}; choose another name with --out",
            path.display()
        )
    };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(|e| unwritable(e.to_string()))?;
    write(&mut file).map_err(unwritable)?;
    file.persist(path).map_err(|e| unwritable(e.to_string()))?;
    Ok(())
}

pub(super) fn run_analyze(arguments: &AnalyzeArguments) -> Result<ExitCode, String> {
    let temperature_k = arguments.temperature_degc + ZERO_CELSIUS_K;
    if !(temperature_k.is_finite() && temperature_k > 0.0) {
        return Err(format!(
            "--temperature-degc: found {}, expected a temperature above -273.15",
            arguments.temperature_degc
        ));
    }
    let sources = read_sources(&arguments.source)?;
    let given = Given {
        area_m2: arguments.source.area_cm2.map(|area| area * 1e-4),
        sulfur_kg: None,
        concentration_mol_m3: arguments.concentration_mol_m3,
        electrons: arguments.electrons,
        temperature_k,
        equilibrium_v: arguments.equilibrium_v,
        polarisation_v: arguments.polarisation_v,
        interface_ohm: arguments.interface_ohm.as_ref().map(|r| (r[0], r[1])),
        keep: arguments.keep,
    };
    let mut series = Vec::new();
    let mut found = Found::default();
    for source in &sources {
        let measured = &source.measured;
        print(&format!(
            "{}: {}, {}\n",
            source.name, measured.instrument, measured.technique
        ));
        let given = Given {
            sulfur_kg: source.sulfur_kg,
            area_m2: source.area_m2.or(given.area_m2),
            ..given
        };
        let analyses = analyses(measured, &given);
        print(&report::sections(&analyses));
        tell_findings(measured, &source.name);
        found.add(source, &analyses);
        if measured.technique == Technique::Voltammetry {
            let record = measured.record();
            series.extend(record.and_then(|record| Voltammogram::new(&source.name, &record).ok()));
        }
    }
    let together = of_series(&series, &given);
    if !together.is_empty() {
        print("all voltammograms together\n");
        print(&report::sections(&together));
    }
    found.together = together;
    found.answer(problems(&sources), None);
    Ok(code(&sources))
}

fn analyses(measured: &Measured, given: &Given) -> Vec<Section> {
    if measured.technique == Technique::Impedance {
        return measured
            .spectra()
            .iter()
            .flat_map(|spectrum| of_spectrum(spectrum, given))
            .collect();
    }
    let Some(record) = measured.record() else {
        return Vec::new();
    };
    match measured.technique {
        Technique::Cycling | Technique::Chronopotentiometry => of_cycling(&record, given),
        Technique::Voltammetry => of_voltammogram(&record, given),
        Technique::Chronoamperometry => of_step(&record, given),
        Technique::OpenCircuit | Technique::Impedance => Vec::new(),
    }
}

/// What import and inspect tell beyond ranges: cycles with their charge, efficiency and rate.
fn overview(source: &Source) -> Vec<Section> {
    match source.measured.technique {
        Technique::Cycling => source
            .measured
            .record()
            .map(|record| of_cycles(&record, source.sulfur_kg))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// What a command on measured files found, for its document.
#[derive(Default)]
struct Found {
    files: Vec<RawMeasuredFile>,
    together: Vec<Section>,
}

impl Found {
    fn add(&mut self, source: &Source, analyses: &[Section]) {
        let file = RawMeasuredFile::new(&source.name, &source.measured, analyses);
        self.files.push(file);
    }

    fn answer(self, problems: usize, record: Option<RawRecord>) {
        answer(|| {
            report::document(&RawMeasuredFiles {
                files: self.files,
                together: self.together.iter().map(RawSection::new).collect(),
                record,
                problems,
            })
        });
    }
}

/// Number of problems that must be settled first.
fn problems(sources: &[Source]) -> usize {
    let findings = sources.iter().flat_map(|source| &source.measured.findings);
    findings
        .filter(|finding| finding.severity == Severity::Problem)
        .count()
}

/// Problems that must be settled first end with 1.
fn code(sources: &[Source]) -> ExitCode {
    let problems = problems(sources);
    if problems == 0 {
        return ExitCode::SUCCESS;
    }
    let plural = if problems == 1 { "" } else { "s" };
    say(&format!(
        "{problems} problem{plural} must be settled before these records are used"
    ));
    ExitCode::from(EXIT_INCOMPLETE)
}
