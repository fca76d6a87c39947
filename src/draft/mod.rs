//! A first experiment from measured files: what each may be compared with, what is free, what must be assumed.
//!
//! Decisions only: `report` writes them, `config` reads and checks what was written.

mod chain;
mod choice;
mod doubts;
mod known;
mod plan;

use crate::import::FolderFile;
use crate::import::PositiveCurrent;
use crate::import::SYNTHETIC;
use crate::mechanism::Mechanism;
use crate::record::Severity;
use crate::record::Technique;
use chain::chains;
use known::stated;
use plan::median_v;
use plan::plan;

pub use choice::Assumed;
pub use choice::Choice;
pub use choice::FreeOne;
pub use choice::choose;

/// Rest of a fresh cell before its first current, where no record tells (s).
pub const REST_S: f64 = 6.0 * 3600.0;

/// A first experiment.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The records that are used, in the order of their files.
    pub records: Vec<DraftRecord>,
    /// What was done to the cell: each protocol begins with a fresh cell.
    pub protocols: Vec<DraftProtocol>,
    /// Files that are not used, each with its reason.
    pub left_out: Vec<(String, String)>,
    /// Geometric area (cm²).
    pub area_cm2: Option<Stated>,
    /// Mass of sulfur (mg).
    pub sulfur_mg: Option<Stated>,
    /// What the files state beside that and why it is not used.
    pub unused: Vec<String>,
    /// Whether the files say that no instrument has measured them.
    pub is_synthetic: bool,
}

/// A number that nobody measures with the curves, and who states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// The number.
    pub value: f64,
    /// Who states it.
    pub by: String,
}

/// A record of the draft.
#[derive(Clone, Debug)]
pub struct DraftRecord {
    /// Name, unique.
    pub name: String,
    /// Name of the file.
    pub file: String,
    /// What wrote it.
    pub instrument: String,
    /// How it was measured.
    pub technique: Technique,
    /// Number of rows.
    pub n_rows: usize,
    /// What had to be said about the sign of its current.
    pub positive_current: Option<PositiveCurrent>,
    /// How it is compared with the model.
    pub plan: Plan,
    /// The voltage that half of it lies above (V), if it has any.
    pub median_v: Option<f64>,
    /// Whether it is fitted; otherwise only compared, for this reason.
    pub only_compared: Option<String>,
    /// What its reader found and its user should know.
    pub warnings: Vec<String>,
}

/// How a record is compared with the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Its cycles are run as recorded.
    Cycles {
        /// Whole cycles that are run.
        n_run: usize,
        /// Whole cycles that the record holds.
        n_held: usize,
        /// Those whose curves are compared, counted from one in the record.
        compared: Vec<usize>,
        /// Charge of the largest discharge among them (C).
        largest_c: f64,
    },
    /// Its ramps are run as recorded.
    Sweep {
        /// Pairs of ramps that are run, if not all.
        pairs: Option<usize>,
        /// Number of ramps that the record holds.
        n_ramps: usize,
        /// Scan rate (V s⁻¹).
        rate_v_s: f64,
    },
    /// Its frequencies.
    Spectrum {
        /// How many they are.
        n_frequencies: usize,
        /// Spectra that the record holds; the first one is used.
        n_spectra: usize,
    },
    /// Its current is imposed as it was, and the voltage compared, or the other way round.
    Replay {
        /// Whether the current is imposed.
        imposes_current: bool,
        /// From and to (h), on the clock of the record.
        window_h: (f64, f64),
        /// Longest time without a sample (s), where it is longer than usual.
        gap_max_s: Option<f64>,
        /// Why it is not run by its cycles.
        reason: String,
    },
}

/// A protocol of the draft.
#[derive(Clone, Debug)]
pub struct DraftProtocol {
    /// Name, unique; letters, digits and underscores.
    pub name: String,
    /// Rest before the first record (s) and where it comes from; none for a half cell.
    pub rest: Option<(f64, String)>,
    /// Positions of its records, each with the rest before it (s) where it goes on from another.
    pub records: Vec<(usize, f64)>,
}

/// What the user says beside the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// Geometric area (cm²).
    pub area_cm2: Option<f64>,
    /// Mass of sulfur (mg).
    pub sulfur_mg: Option<f64>,
}

/// Proposes an experiment for a mechanism.
pub fn draft(files: &[FolderFile], mechanism: &Mechanism, given: &Given) -> Draft {
    let mut records: Vec<DraftRecord> = Vec::new();
    let mut used: Vec<&FolderFile> = Vec::new();
    let mut left_out = Vec::new();
    for file in files {
        match proposed(file, mechanism) {
            Ok(mut record) => {
                while records.iter().any(|other| other.name == record.name) {
                    record.name.push('\'');
                }
                records.push(record);
                used.push(file);
            }
            Err(reason) => left_out.push((file.name.clone(), reason)),
        }
    }
    let protocols = chains(&mut records, &used, mechanism);
    let (area_cm2, sulfur_mg, unused) = stated(&used, given);
    let is_synthetic = used.iter().any(|file| calls_itself_synthetic(file));
    Draft {
        records,
        protocols,
        left_out,
        area_cm2,
        sulfur_mg,
        unused,
        is_synthetic,
    }
}

impl Draft {
    /// What makes its area, its mass or its mechanism doubtful.
    pub fn doubts(&self, mechanism: &Mechanism) -> Vec<String> {
        doubts::doubts(self, mechanism)
    }

    /// The same without a protocol, because it was refused; its records are left out with the reason.
    pub fn drop_protocol(&mut self, position: usize, reason: &str) {
        if position >= self.protocols.len() {
            return;
        }
        let dropped = self.protocols.remove(position);
        for (record, _) in &dropped.records {
            let file = self.records[*record].file.clone();
            self.left_out.push((file, reason.to_owned()));
        }
        self.left_out.sort();
        // Something must be fitted.
        let left: Vec<usize> = self.positions().collect();
        let is_fitted = |i: &usize| self.records[*i].only_compared.is_none();
        if let (Some(first), false) = (left.first(), left.iter().any(is_fitted)) {
            self.records[*first].only_compared = None;
        }
    }

    /// Positions of the records that are used, in the order of the protocols.
    fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        let protocols = self.protocols.iter();
        protocols.flat_map(|p| p.records.iter().map(|(i, _)| *i))
    }

    /// The records that are used, in the order of the protocols.
    pub fn used(&self) -> impl Iterator<Item = &DraftRecord> {
        self.positions().map(|i| &self.records[i])
    }
}

/// What a file becomes, or why nothing.
fn proposed(file: &FolderFile, mechanism: &Mechanism) -> Result<DraftRecord, String> {
    let content = file.content.as_ref().map_err(Clone::clone)?;
    let measured = &content.measured;
    let mut problems = measured.findings.iter();
    if let Some(problem) = problems.find(|finding| finding.severity == Severity::Problem) {
        return Err(format!(
            "{} must be settled first: {problem}",
            measured.technique
        ));
    }
    let warnings = measured.findings.iter();
    let warnings = warnings.filter(|finding| finding.severity == Severity::Warning);
    // Area and mass are told once, where the draft states them.
    let warnings = warnings.filter(|finding| !finding.found.starts_with("the file states"));
    let stem = file.path.file_stem().unwrap_or_default();
    Ok(DraftRecord {
        name: stem.to_string_lossy().into_owned(),
        file: file.name.clone(),
        instrument: measured.instrument.clone(),
        technique: measured.technique,
        n_rows: measured.len(),
        positive_current: content.positive_current,
        plan: plan(measured, mechanism)?,
        median_v: measured.record().as_ref().and_then(median_v),
        only_compared: None,
        warnings: warnings.map(ToString::to_string).collect(),
    })
}

fn calls_itself_synthetic(file: &FolderFile) -> bool {
    let Ok(content) = &file.content else {
        return false;
    };
    let mut findings = content.measured.findings.iter();
    findings.any(|finding| finding.found.contains(SYNTHETIC))
}
