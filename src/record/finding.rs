//! Something about a measured record that its user should know.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Probably wrong, or left out.
    Warning,
    /// The record must not be used before this is settled.
    Problem,
}

impl Severity {
    /// All, the least first.
    pub const ALL: [Self; 3] = [Self::Note, Self::Warning, Self::Problem];

    /// What it means for whoever uses the record.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Note => "worth knowing; nothing is wrong",
            Self::Warning => "probably wrong, or left out",
            Self::Problem => {
                "the record must not be used before this is settled; the command ends with exit code 1"
            }
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// What was found, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Line of the file, or row of the sheet, counted from one; `None` if it is about the whole.
    pub line: Option<usize>,
    /// What was found.
    pub found: String,
    /// What to do; empty if nothing need be done.
    pub remedy: String,
}

impl Finding {
    /// A finding about the whole record.
    pub fn new(severity: Severity, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            severity,
            line: None,
            found: found.into(),
            remedy: remedy.into(),
        }
    }

    /// The same at a line.
    #[must_use]
    pub fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        formatter.write_str(&self.found)?;
        if !self.remedy.is_empty() {
            write!(formatter, "; {}", self.remedy)?;
        }
        Ok(())
    }
}
