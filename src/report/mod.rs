//! Reports: results become tables, JSON and figures. Nothing is decided here.

mod ablation;
mod answers;
mod card;
mod card_figure;
mod card_text;
mod curve_figures;
mod curves;
mod draft;
mod draws;
mod figures;
mod guide;
mod handover;
mod inference;
mod measured;
mod prediction;
mod prediction_figures;
mod prediction_text;
mod project;
mod ranking;
mod ranking_figures;
mod ranking_text;
mod raw;
mod recovery;
mod result;
mod result_file;
mod schema;
mod summary;
mod tables;

use std::path::Path;
use std::path::PathBuf;

use polars::prelude::PolarsResult;
use serde::Serialize;
use thiserror::Error;

use crate::estimate::FitReport;
use crate::estimate::Recovery;
use crate::estimate::RecoveryPlan;
use crate::estimate::Study;
use crate::import::Origin;
use result_file::RawResult;
use result_file::RawVariant;

pub use answers::RawCampaign;
pub use answers::RawCatalyst;
pub use answers::RawChecked;
pub use answers::RawCheckedBudget;
pub use answers::RawCheckedVariant;
pub use answers::RawDeed;
pub use answers::RawError;
pub use answers::RawMeasuredFile;
pub use answers::RawMeasuredFiles;
pub use answers::RawReason;
pub use answers::RawRecord;
pub use answers::RawSection;
pub use answers::RawSuspicious;
pub use answers::RawWritten;
pub use answers::document;
pub use answers::placed;
pub use answers::worded;
pub use card::CARD_LAYOUT;
pub use card::RawCard;
pub use card::RawKnown;
pub use card::RawMade;
pub use card::RawNumber;
pub use card::WEIGHTS;
pub use card::parse_hexadecimal;
pub use card::quantity;
pub use card::write_surrogate;
pub use card_text::card_md;
pub use draft::DATASET_FILE;
pub use draft::Drafted;
pub use draft::EXPERIMENT_FILE;
pub use draft::MECHANISM_FILE;
pub use draft::RAW_FOLDER;
pub use draft::REQUIRED;
pub use draft::draft_summary;
pub use handover::HANDOVER_FILE;
pub use handover::HANDOVER_LAYOUT;
pub use handover::RawFitted;
pub use handover::RawHandover;
pub use measured::describe;
pub use measured::doubts;
pub use measured::findings;
pub use measured::plots;
pub use measured::sections;
pub use prediction::Predicted;
pub use prediction::write_prediction;
pub use prediction_text::prediction_summary;
pub use project::Staged;
pub use ranking::Ranked;
pub use ranking::write_ranking;
pub use ranking_text::ranking_summary;
pub use raw::Instrument;
pub use raw::ReadingNoise;
pub use raw::Sampling;
pub use raw::write_raw;
pub use recovery::recovery_summary;
pub use schema::Make;
pub use schema::REPORT_SCHEMAS;
pub use summary::Kind;
pub use summary::summary;
pub(crate) use tables::csv;
pub(crate) use tables::numbers;
pub(crate) use tables::texts;

/// A report that cannot be written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The folder or a file in it cannot be written.
    #[error("{}: cannot be written: {reason}; choose another folder", path.display())]
    Unwritable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A result that was just written cannot be read again.
    #[error("{}: cannot be read again: {reason}; look who else writes there", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Writes a report into `folder`: everything is written beside it first, so that nothing is left half-written.
///
/// # Errors
/// [`ReportError`] if a file cannot be written.
pub fn write(folder: &Path, study: &Study, report: &FitReport) -> Result<(), ReportError> {
    let unwritable = |reason: String| ReportError::Unwritable {
        path: folder.to_owned(),
        reason,
    };
    let files = files(study, report).map_err(unwritable)?;
    write_files(folder, &files)
}

/// Writes the result of a recovery study into `folder`.
///
/// # Errors
/// [`ReportError`] if a file cannot be written.
pub fn write_recovery(
    folder: &Path,
    study: &Study,
    plan: &RecoveryPlan,
    recovery: &Recovery,
) -> Result<(), ReportError> {
    let json = recovery::recovery_json(study, plan, recovery);
    let json = json.map_err(|reason| ReportError::Unwritable {
        path: folder.to_owned(),
        reason,
    })?;
    write_files(folder, &[("recovery.json".to_owned(), json)])
}

/// Writes JSON, a table and figures into a folder, all or nothing.
fn write_result<T: Serialize>(
    folder: &Path,
    (json_name, raw): (&str, &T),
    (table_name, table): (&str, PolarsResult<Vec<u8>>),
    figures: Vec<(String, String)>,
) -> Result<(), ReportError> {
    let unwritable = |reason: String| ReportError::Unwritable {
        path: folder.to_owned(),
        reason,
    };
    let mut json = serde_json::to_vec_pretty(raw).map_err(|e| unwritable(e.to_string()))?;
    json.push(b'\n');
    let table = table.map_err(|e| unwritable(e.to_string()))?;
    let mut files = vec![(json_name.to_owned(), json), (table_name.to_owned(), table)];
    let figures = figures.into_iter();
    files.extend(figures.map(|(name, svg)| (name, svg.into_bytes())));
    write_files(folder, &files)
}

/// All files beside the folder first, then moved into it.
pub(crate) fn write_files(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), ReportError> {
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let staged = (|| -> std::io::Result<()> {
        std::fs::create_dir_all(parent)?;
        let staging = tempfile::Builder::new()
            .prefix(".sulfit-")
            .tempdir_in(parent)?;
        for (name, bytes) in files {
            std::fs::write(staging.path().join(name), bytes)?;
        }
        std::fs::create_dir_all(folder)?;
        for (name, _) in files {
            std::fs::rename(staging.path().join(name), folder.join(name))?;
        }
        staging.close()
    })();
    staged.map_err(|error| ReportError::Unwritable {
        path: folder.to_owned(),
        reason: error.to_string(),
    })
}

/// All files of a report: name and bytes.
fn files(study: &Study, report: &FitReport) -> Result<Vec<(String, Vec<u8>)>, String> {
    let result = RawResult::new(study, report).ok_or("no variant was fitted")?;
    let mut json = serde_json::to_vec_pretty(&result).map_err(|error| error.to_string())?;
    json.push(b'\n');
    let raw: Vec<(&str, RawVariant)> = report
        .variants
        .iter()
        .map(|v| {
            (
                study.variants[v.variant].name.as_str(),
                RawVariant::new(study, v),
            )
        })
        .collect();
    let observables: Vec<_> = raw.iter().map(|(n, v)| (*n, &v.observables[..])).collect();
    let parameters: Vec<_> = raw.iter().map(|(n, v)| (*n, &v.parameters[..])).collect();
    let table = |error: polars::prelude::PolarsError| error.to_string();
    let mut files = vec![
        ("result.json".to_owned(), json),
        (
            "observables.csv".to_owned(),
            tables::observables_csv(&observables).map_err(table)?,
        ),
        (
            "parameters.csv".to_owned(),
            tables::parameters_csv(&parameters).map_err(table)?,
        ),
    ];
    let handover = RawHandover::new(study, report);
    if !handover.variants.is_empty() {
        let json = serde_json::to_vec_pretty(&handover).map_err(|error| error.to_string())?;
        files.push((HANDOVER_FILE.to_owned(), json));
    }
    files.extend(
        draws::draws_csv(study, report)
            .map_err(table)?
            .map(|bytes| ("draws.csv".to_owned(), bytes)),
    );
    files.extend(simulated_files(study, report).map_err(table)?);
    if !study.curves.is_empty() || !study.compared_curves.is_empty() {
        let variants: Vec<_> = report
            .variants
            .iter()
            .map(|v| {
                let name = study.variants[v.variant].name.as_str();
                (name, curves::points(study, v))
            })
            .collect();
        let bytes = curves::curves_csv(&variants, study).map_err(table)?;
        files.push(("curves.csv".to_owned(), bytes));
    }
    let figures = figures::figures(study, report).into_iter();
    let figures = figures.chain(curve_figures::curve_figures(study, report));
    files.extend(figures.map(|(name, svg)| (name, svg.into_bytes())));
    Ok(files)
}

/// What every protocol of every cell and variant gave.
fn simulated_files(study: &Study, report: &FitReport) -> PolarsResult<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for variant in &report.variants {
        for curves in &variant.curves {
            let area_m2 = curves.model.area_m2();
            let battery = curves.model.mechanism().battery();
            let origin = Origin {
                variant: study.variants[variant.variant].name.clone(),
                cell: study.cells[curves.cell].clone(),
                protocol: study.protocols[curves.protocol].name.clone(),
                area_m2,
                sulfur_kg: battery.map(|_| area_m2 * curves.model.loading_kg_m2()),
            };
            let stem = [&origin.variant, &origin.cell, &origin.protocol];
            let stem = stem.map(|name| file_name(name)).join("-");
            let parts = [
                ("trajectory", tables::trajectories_parquet(curves, &origin)),
                ("cycles", tables::cycles_parquet(curves, &origin)),
                ("spectra", tables::spectra_parquet(curves, &origin)),
            ];
            for (kind, bytes) in parts {
                if let Some(bytes) = bytes? {
                    files.push((format!("{kind}-{stem}.parquet"), bytes));
                }
            }
        }
    }
    Ok(files)
}

/// A name with letters, digits, dots and underscores only.
pub(crate) fn file_name(name: &str) -> String {
    let keep = |c: char| {
        if c.is_alphanumeric() || c == '.' {
            c
        } else {
            '_'
        }
    };
    name.chars().map(keep).collect()
}
