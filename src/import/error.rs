//! Why a file cannot be imported, told so that its owner can act on it.

use std::path::PathBuf;

use thiserror::Error;

/// A file that cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be opened.
    #[error("{}: cannot be read: {reason}; check the path", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is of a kind that is not read.
    #[error("{}: this is {kind}, which sulfit does not read; {remedy}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: String,
        /// What to do instead.
        remedy: String,
    },
    /// No instrument's layout fits.
    #[error(
        "{}: no measurement found: {found}; expected {expected}; export it as text with a line of column names, or name the columns in a data set file (docs/formats.md)",
        path.display()
    )]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// The layout is known, but something in it is wrong.
    #[error("{}: {}{found}; expected {expected}; {remedy}", path.display(), place(*line))]
    Layout {
        /// The file.
        path: PathBuf,
        /// Line or row, counted from one.
        line: Option<usize>,
        /// What is there.
        found: String,
        /// What would be right.
        expected: String,
        /// What to do.
        remedy: String,
    },
}

impl ImportError {
    /// The same where the text begins below `n_lines` other lines.
    pub(super) fn below(mut self, n_lines: usize) -> Self {
        if let Self::Layout {
            line: Some(line), ..
        } = &mut self
        {
            *line += n_lines;
        }
        self
    }
}

fn place(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}
