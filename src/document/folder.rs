//! Folders of results: which command wrote them, and whether this version can read them.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::source::campaign;
use super::source::campaign::Campaign;
use super::source::fit::FitResult;
use super::source::prediction::Prediction;
use super::source::ranking::Ranking;
use super::source::recovery::Recovery;
use crate::report::CARD_LAYOUT;
use crate::report::RawCard;

/// Why a folder cannot be told of.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// No command wrote it.
    #[error(
        "{}: found no result, expected a folder with one of {}; name the folder that a command told as 'report in …'",
        path.display(),
        RESULTS.join(", ")
    )]
    NoResult {
        /// The folder.
        path: PathBuf,
    },
    /// A campaign whose tables were not written.
    #[error(
        "{}: found a campaign without tables, expected collected/cells.csv; run `sulfit batch collect CAMPAIGN` first",
        path.display()
    )]
    Uncollected {
        /// The folder.
        path: PathBuf,
    },
    /// A file of it cannot be read.
    #[error("{}: {reason}; write it again with this version of sulfit", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A later version wrote it.
    #[error(
        "{}: written by sulfit {found}, expected {} or earlier; use that version",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version.
        found: String,
    },
}

/// A result by which a folder is recognised.
const RESULTS: [&str; 6] = [
    "result.json",
    "prediction.json",
    "ranking.json",
    "recovery.json",
    "card.json",
    "collected/cells.csv",
];

/// A folder with what it holds.
pub struct ResultFolder {
    /// The folder.
    pub path: PathBuf,
    pub(super) contents: Contents,
}

/// What a folder holds.
pub(super) enum Contents {
    Fit(Box<FitResult>),
    Prediction(Box<Prediction>),
    Ranking(Box<Ranking>),
    Recovery(Box<Recovery>),
    Surrogate(Box<RawCard>),
    Campaign(Box<Campaign>),
}

/// The version in any result.
#[derive(Deserialize)]
struct Versioned {
    version: Option<String>,
}

/// Reads what a folder holds.
///
/// # Errors
/// [`DocumentError`] if it is no result or cannot be read.
pub fn recognise(path: &Path) -> Result<ResultFolder, DocumentError> {
    let mut names = RESULTS.into_iter();
    let name = names.find(|name| path.join(name).is_file());
    let Some(name) = name else {
        let path = path.to_owned();
        return Err(if path.join("fits").is_dir() {
            DocumentError::Uncollected { path }
        } else {
            DocumentError::NoResult { path }
        });
    };
    let file = path.join(name);
    let contents = match name {
        "result.json" => Contents::Fit(Box::new(json(&file)?)),
        "prediction.json" => Contents::Prediction(Box::new(json(&file)?)),
        "ranking.json" => Contents::Ranking(Box::new(json(&file)?)),
        "recovery.json" => Contents::Recovery(Box::new(json(&file)?)),
        "card.json" => Contents::Surrogate(Box::new(card(&file)?)),
        _ => {
            let campaign = campaign::campaign(path);
            let campaign = campaign.map_err(|reason| DocumentError::Unreadable {
                path: path.to_owned(),
                reason,
            })?;
            Contents::Campaign(Box::new(campaign))
        }
    };
    Ok(ResultFolder {
        path: path.to_owned(),
        contents,
    })
}

/// A result file of this version or an earlier one.
fn json<T: DeserializeOwned>(path: &Path) -> Result<T, DocumentError> {
    let unreadable = |reason: String| DocumentError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let versioned = serde_json::from_str::<Versioned>(&text);
    let version = versioned
        .map_err(|error| unreadable(error.to_string()))?
        .version;
    if let Some(found) = version.filter(|found| is_newer(found, env!("CARGO_PKG_VERSION"))) {
        return Err(DocumentError::Newer {
            path: path.to_owned(),
            found,
        });
    }
    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
}

/// The card of a surrogate, whose version stands further in.
fn card(path: &Path) -> Result<RawCard, DocumentError> {
    let card: RawCard = json(path)?;
    if is_newer(&card.made.version, env!("CARGO_PKG_VERSION")) || card.layout != CARD_LAYOUT {
        return Err(DocumentError::Newer {
            path: path.to_owned(),
            found: card.made.version,
        });
    }
    Ok(card)
}

/// Whether a version comes after another; a version that cannot be read does not.
fn is_newer(found: &str, own: &str) -> bool {
    let parts = |version: &str| -> Option<Vec<u64>> {
        let parts = version.split('.').map(|part| part.parse().ok());
        parts.collect()
    };
    parts(found) > parts(own) && parts(found).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_newer("0.10.0", "0.9.1"));
        assert!(!is_newer("0.9.1", "0.9.1"));
        assert!(!is_newer("0.9.0", "0.9.1"));
        assert!(!is_newer("new", "0.9.1"));
    }

    #[test]
    fn a_folder_without_a_result_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = recognise(folder.path()).err().unwrap().to_string();
        assert!(error.contains("found no result"), "{error}");
        std::fs::create_dir(folder.path().join("fits")).unwrap();
        let error = recognise(folder.path()).err().unwrap().to_string();
        assert!(error.contains("sulfit batch collect"), "{error}");
    }

    #[test]
    fn a_result_of_a_later_version_or_none_at_all_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery.json");
        for (text, reason) in [
            (r#"{"version": "99.0.0"}"#, "written by sulfit 99.0.0"),
            (r#"{"version": "0.1.0"}"#, "missing field"),
            ("{", "EOF"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = recognise(folder.path()).err().unwrap().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
