//! The JSON documents of `--json`: what commands tell that write no file with a result.

use std::path::Path;

use serde::Serialize;

use super::ReportError;
use crate::analysis::overview::Section;
use crate::record::Measured;
use crate::record::Quantity;

/// A document as text, with a line end.
///
/// # Panics
/// If a raw type has keys that are no texts, which none has.
pub fn document<T: Serialize>(raw: &T) -> String {
    let text = serde_json::to_string_pretty(raw);
    let text = text.expect("the keys of a document are texts");
    text + "\n"
}

/// Words in place of a document, for commands whose result is a text.
pub fn worded(text: &str) -> String {
    document(&RawText { text })
}

/// The file of a result as it lies in `folder`, with the key `folder` before its own ones.
///
/// # Errors
/// [`ReportError`] if it cannot be read or is no JSON object.
pub fn placed(folder: &Path, name: &str) -> Result<String, ReportError> {
    let unreadable = |reason: String| ReportError::Unreadable {
        path: folder.join(name),
        reason,
    };
    let text = std::fs::read_to_string(folder.join(name)).map_err(|e| unreadable(e.to_string()))?;
    let rest = text.strip_prefix('{');
    // The file's own text, because numbers that are read and written again may lose their last digit.
    let rest = rest.ok_or_else(|| unreadable("found no JSON object".to_owned()))?;
    let place = serde_json::Value::from(folder.display().to_string());
    Ok(format!("{{\n  \"folder\": {place},{rest}"))
}

#[derive(Serialize)]
struct RawText<'a> {
    text: &'a str,
}

/// Why there is no result.
#[derive(Serialize)]
pub struct RawError<'a> {
    error: &'a str,
}

impl<'a> RawError<'a> {
    /// With its message.
    pub fn new(error: &'a str) -> Self {
        Self { error }
    }
}

/// What `sulfit check` found in a file.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RawChecked {
    /// An experiment.
    Experiment {
        /// The file.
        file: String,
        /// Name of its mechanism.
        mechanism: String,
        /// Parameters of the mechanism.
        parameters: usize,
        /// Reactions of the mechanism.
        reactions: usize,
        /// Names of the cells.
        cells: Vec<String>,
        /// Names of the protocols.
        protocols: Vec<String>,
        /// Number of observables.
        observables: usize,
        /// Number of predictions.
        predictions: usize,
        /// Number of comparisons.
        comparisons: usize,
        /// Variants.
        variants: Vec<RawCheckedVariant>,
        /// Name of the surrogate that finds starts.
        surrogate: Option<String>,
        /// Why the surrogate that lies there is not used.
        surrogate_refusal: Option<String>,
    },
    /// A training file.
    Training {
        /// The file.
        file: String,
        /// Name of its mechanism.
        mechanism: String,
        /// Number of axes of the box.
        axes: usize,
        /// Names of the protocols.
        protocols: Vec<String>,
        /// Numbers that the surrogate shall answer.
        numbers: usize,
        /// Curves that it shall answer.
        curves: usize,
        /// Simulations.
        simulations: RawCheckedBudget,
    },
    /// A campaign.
    Campaign {
        /// The file.
        file: String,
        /// Number of cells.
        cells: usize,
        /// How many of them are left out.
        skipped: usize,
    },
    /// A prediction file.
    Prediction {
        /// The file.
        file: String,
        /// The cell that is predicted.
        cell: String,
        /// Folder of the fit.
        fit: String,
        /// Number of conditions.
        conditions: usize,
        /// Cycles that are predicted.
        cycles: Vec<usize>,
        /// Draws of each variant.
        draws: usize,
        /// Number of variants.
        variants: usize,
        /// The surrogate that answers first.
        surrogate: Option<String>,
    },
    /// A ranking file.
    Ranking {
        /// The file.
        file: String,
        /// Number of candidates.
        candidates: usize,
        /// How many of them are fitted.
        fitted: usize,
        /// The catalyst that all are compared with.
        reference: String,
        /// What they are ranked by.
        target: String,
        /// In which cycle.
        cycle: usize,
        /// Number of draws.
        draws: usize,
        /// The surrogate that answers first.
        surrogate: Option<String>,
    },
}

/// A variant of an experiment.
#[derive(Debug, Serialize)]
pub struct RawCheckedVariant {
    /// Its name.
    pub name: String,
    /// Number of free quantities.
    pub free: usize,
}

/// Simulations that a training takes.
#[derive(Debug, Serialize)]
pub struct RawCheckedBudget {
    /// To learn from.
    pub training: usize,
    /// Those of them with derivatives.
    pub with_derivatives: usize,
    /// To stop by.
    pub validation: usize,
    /// To calibrate with.
    pub calibration: usize,
    /// To test with.
    pub test: usize,
}

/// What `simulate --raw` or `report` has written.
#[derive(Debug, Serialize)]
pub struct RawWritten {
    /// The folder.
    pub folder: String,
    /// The files in it.
    pub files: Vec<String>,
    /// Simulations that failed, in words.
    pub failures: Vec<String>,
}

/// What `inspect`, `import` and `analyze` found.
#[derive(Debug, Serialize)]
pub struct RawMeasuredFiles {
    /// One entry per record.
    pub files: Vec<RawMeasuredFile>,
    /// Analyses of several records together.
    pub together: Vec<RawSection>,
    /// The record that was written.
    pub record: Option<RawRecord>,
    /// Findings that must be settled first.
    pub problems: usize,
}

/// A record that was written.
#[derive(Debug, Serialize)]
pub struct RawRecord {
    /// The file.
    pub file: String,
    /// Its rows.
    pub rows: usize,
}

/// A measured record.
#[derive(Debug, Serialize)]
pub struct RawMeasuredFile {
    name: String,
    instrument: String,
    technique: String,
    rows: usize,
    columns: Vec<RawColumn>,
    analyses: Vec<RawSection>,
    findings: Vec<RawFinding>,
}

impl RawMeasuredFile {
    /// A record with what was computed from it.
    pub fn new(name: &str, measured: &Measured, analyses: &[Section]) -> Self {
        let columns = Quantity::ALL.into_iter();
        let findings = measured.findings.iter();
        Self {
            name: name.to_owned(),
            instrument: measured.instrument.clone(),
            technique: measured.technique.to_string(),
            rows: measured.len(),
            columns: columns
                .filter_map(|column| RawColumn::new(measured, column))
                .collect(),
            analyses: analyses.iter().map(RawSection::new).collect(),
            findings: findings
                .map(|finding| RawFinding {
                    severity: finding.severity.to_string(),
                    line: finding.line,
                    found: finding.found.clone(),
                    remedy: finding.remedy.clone(),
                })
                .collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct RawColumn {
    name: String,
    unit: String,
    lowest: Option<f64>,
    highest: Option<f64>,
}

impl RawColumn {
    fn new(measured: &Measured, column: Quantity) -> Option<Self> {
        let values = measured.values(column)?;
        let finite = || values.iter().copied().filter(|x| x.is_finite());
        Some(Self {
            name: column.name().to_owned(),
            unit: column.unit().to_owned(),
            lowest: finite().reduce(f64::min),
            highest: finite().reduce(f64::max),
        })
    }
}

/// An analysis.
#[derive(Debug, Serialize)]
pub struct RawSection {
    title: String,
    results: Vec<RawEstimate>,
    notes: Vec<String>,
    warnings: Vec<String>,
}

impl RawSection {
    /// With its results, notes and doubts.
    pub fn new(section: &Section) -> Self {
        let results = section.rows.iter().map(|row| RawEstimate {
            name: row.name.clone(),
            value: row.quantity.value,
            sd: row.quantity.sd,
            interval: row.quantity.interval,
            unit: row.quantity.unit.to_owned(),
        });
        Self {
            title: section.title.clone(),
            results: results.collect(),
            notes: section.notes.clone(),
            warnings: section.warnings.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
struct RawEstimate {
    name: String,
    value: f64,
    sd: Option<f64>,
    interval: Option<(f64, f64)>,
    unit: String,
}

#[derive(Debug, Serialize)]
struct RawFinding {
    severity: String,
    line: Option<usize>,
    found: String,
    remedy: String,
}

/// Where a campaign stands.
#[derive(Debug, Serialize)]
pub struct RawCampaign {
    /// Name of the campaign.
    pub campaign: String,
    /// Its folder.
    pub folder: String,
    /// Cells of the campaign.
    pub cells: usize,
    /// Cells with a result.
    pub done: usize,
    /// Cells that ended without one.
    pub failed: usize,
    /// Cells that the table leaves out.
    pub skipped: usize,
    /// Cells that somebody works on.
    pub running: usize,
    /// Cells that wait.
    pub waiting: usize,
    /// Why cells failed, the most frequent reason first.
    pub failures: Vec<RawReason>,
    /// What a command did beside that.
    #[serde(flatten)]
    pub deed: RawDeed,
}

/// A reason of failures.
#[derive(Debug, Serialize)]
pub struct RawReason {
    /// In words.
    pub reason: String,
    /// Names of the cells.
    pub cells: Vec<String>,
}

/// What a command on a campaign did.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum RawDeed {
    /// It ran fits.
    Ran {
        /// Whether it was interrupted.
        interrupted: bool,
    },
    /// It told what Slurm says.
    Asked {
        /// What Slurm says, nothing where no job was submitted.
        slurm: String,
    },
    /// It forgot failures.
    Retried {
        /// How many.
        forgotten: usize,
    },
    /// It wrote tables.
    Collected {
        /// Folder of the tables.
        tables: String,
        /// Cells to look at first, the worst first.
        suspicious: Vec<RawSuspicious>,
        /// Constants of catalysts over their cells.
        catalysts: Vec<RawCatalyst>,
        /// Cells whose report cannot be read, and why.
        damaged: Vec<RawReason>,
    },
    /// It submitted a job, or would.
    Submitted {
        /// Id of the job array; none if nothing was submitted.
        job: Option<String>,
        /// Tasks of the array.
        tasks: u32,
        /// The script.
        script: String,
    },
}

/// A cell to look at.
#[derive(Debug, Serialize)]
pub struct RawSuspicious {
    /// Name of the cell.
    pub cell: String,
    /// How much speaks against it (1).
    pub score: f64,
    /// In words.
    pub reasons: Vec<String>,
}

/// A constant of a catalyst.
#[derive(Debug, Serialize)]
pub struct RawCatalyst {
    /// The catalyst.
    pub catalyst: String,
    /// The parameter.
    pub parameter: String,
    /// Its unit.
    pub unit: String,
    /// Number of cells.
    pub cells: usize,
    /// Median, in the unit; none if no cell knows more than its prior.
    pub median: Option<f64>,
    /// Lower end of the 95 % interval, in the unit.
    pub lower: Option<f64>,
    /// Upper end of the 95 % interval, in the unit.
    pub upper: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_a_result_gets_its_folder_and_keeps_every_digit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        std::fs::write(&path, "{\n  \"cost\": 0.30000000000000004\n}\n").unwrap();
        let text = placed(folder.path(), "result.json").unwrap();
        assert!(text.contains("\"cost\": 0.30000000000000004"));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["folder"], folder.path().display().to_string());
        std::fs::write(&path, "[]").unwrap();
        let error = placed(folder.path(), "result.json").unwrap_err();
        assert!(error.to_string().contains("found no JSON object"));
    }

    #[test]
    fn text_is_quoted() {
        assert_eq!(
            worded("a \"b\"\n"),
            "{\n  \"text\": \"a \\\"b\\\"\\n\"\n}\n"
        );
    }
}
