//! All files of a folder: what each holds, or why it is no measurement.

use std::path::Path;
use std::path::PathBuf;

use super::Hints;
use super::ImportError;
use super::Part;
use super::PositiveCurrent;
use super::read_parts;
use crate::record::Measured;
use crate::record::Severity;

/// Largest file that is looked into (bytes): a year at one sample a second is smaller.
const BYTES_MAX: u64 = 4 << 30;

/// A file of a folder.
#[derive(Clone, Debug)]
pub struct FolderFile {
    /// Its name, without the folder.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub content: Result<FolderRecord, String>,
}

/// The one record of a file.
#[derive(Clone, Debug)]
pub struct FolderRecord {
    /// The record.
    pub measured: Measured,
    /// What had to be said about the sign of the current, where the file's own speaks against the voltage.
    pub positive_current: Option<PositiveCurrent>,
}

/// Reads all files of a folder in the order of their names; not those of folders in it, nor hidden ones.
///
/// # Errors
/// [`ImportError::Unreadable`] if the folder itself cannot be read.
pub fn read_folder(folder: &Path) -> Result<Vec<FolderFile>, ImportError> {
    let unreadable = |error: std::io::Error| ImportError::Unreadable {
        path: folder.to_owned(),
        reason: error.to_string(),
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let named = paths.into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default();
        (name.to_string_lossy().into_owned(), path)
    });
    let shown = named.filter(|(name, _)| !name.starts_with('.'));
    let files = shown.map(|(name, path)| FolderFile {
        content: record(&path),
        name,
        path,
    });
    Ok(files.collect())
}

fn record(path: &Path) -> Result<FolderRecord, String> {
    if path.file_name().and_then(|name| name.to_str()).is_none() {
        return Err("its name is no valid text; rename it".to_owned());
    }
    let about = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if about.is_dir() {
        return Err("a folder; files in it are not looked at, start from it for those".to_owned());
    }
    // Reading a pipe or a device could take for ever.
    if !about.is_file() {
        return Err("no regular file".to_owned());
    }
    if about.len() > BYTES_MAX {
        return Err("larger than 4 GiB; export a shorter part of it".to_owned());
    }
    let measured = only_record(path, &Hints::default())?;
    if !has_problem(&measured) {
        return Ok(FolderRecord {
            measured,
            positive_current: None,
        });
    }
    // The commonest problem: the sign, which only some instruments state.
    for sign in [PositiveCurrent::Discharge, PositiveCurrent::Charge] {
        let hints = Hints {
            positive_current: Some(sign),
            ..Hints::default()
        };
        if let Ok(measured) = only_record(path, &hints)
            && !has_problem(&measured)
        {
            return Ok(FolderRecord {
                measured,
                positive_current: Some(sign),
            });
        }
    }
    Ok(FolderRecord {
        measured,
        positive_current: None,
    })
}

fn only_record(path: &Path, hints: &Hints) -> Result<Measured, String> {
    let parts = read_parts(path, hints).map_err(|error| reason(path, &error))?;
    let n_parts = parts.len();
    let mut parts = parts.into_iter();
    match (parts.next(), n_parts) {
        (Some(Part { measured, .. }), 1) => Ok(measured),
        _ => Err(format!(
            "{n_parts} records in one file; write each into a file of its own"
        )),
    }
}

fn has_problem(measured: &Measured) -> bool {
    let mut findings = measured.findings.iter();
    findings.any(|finding| finding.severity == Severity::Problem)
}

/// An error without the path at its beginning, which the caller's list shows.
fn reason(path: &Path, error: &ImportError) -> String {
    let text = error.to_string();
    let shown = path.display().to_string();
    match text.strip_prefix(&shown) {
        Some(rest) => rest.trim_start_matches([':', ' ']).to_owned(),
        None => text,
    }
}
