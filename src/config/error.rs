//! What can be wrong with a file, told with its place.

use std::path::Path;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::nearest::reworded;
use crate::import::ImportError;
use crate::mechanism::MechanismError;

/// A file that cannot be used. Every message names the place, what is there and what to do.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {reason}; check the path", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file of networks is damaged or belongs elsewhere.
    #[error("{}: {reason}", path.display())]
    Networks {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The text is not what the format allows.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, counted from one.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A value is not possible.
    #[error("{}: {key}: found {found}, expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key, with the tables that lead to it.
        key: String,
        /// What is there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// The mechanism contradicts itself.
    #[error("{}: {source}", path.display())]
    Mechanism {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: MechanismError,
    },
    /// A measured record cannot be read.
    #[error(transparent)]
    Record(#[from] ImportError),
}

/// Where in which file a value stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The file.
    pub(crate) path: &'a Path,
}

impl<'a> Place<'a> {
    pub(crate) fn new(path: &'a Path) -> Self {
        Self { path }
    }

    pub(crate) fn value(
        &self,
        key: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> ConfigError {
        ConfigError::Value {
            path: self.path.to_owned(),
            key: key.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// A number that must be finite and hold a condition.
    pub(crate) fn number(
        &self,
        key: &str,
        value: f64,
        holds: impl Fn(f64) -> bool,
        expected: &str,
    ) -> Result<f64, ConfigError> {
        if value.is_finite() && holds(value) {
            Ok(value)
        } else {
            Err(self.value(key, plain(value), expected))
        }
    }
}

/// A number as people write it: with an exponent where it would be long without.
pub(crate) fn plain(value: f64) -> String {
    let is_short = value == 0.0 || (1e-3..1e6).contains(&value.abs());
    if is_short || !value.is_finite() {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    tracing::info!("read {}, {} bytes", path.display(), text.len());
    Ok(text)
}

/// Parses TOML into a raw mirror, errors with their line.
pub(crate) fn parse_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        ConfigError::Syntax {
            path: path.to_owned(),
            line: text[..offset].matches('\n').count() + 1,
            message: reworded(error.message()),
        }
    })
}
