//! Reading by a layout: what most instruments' files have in common.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::PositiveCurrent;
use crate::import::content::Text;
use crate::import::draft::Draft;
use crate::import::draft::Finish;
use crate::import::draft::Sign;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::table::Header;
use crate::import::table::NoHeader;
use crate::import::table::Rows;
use crate::import::table::find_header;
use crate::import::table::read_rows;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Technique;

/// The layout of a vendor's tables.
pub(super) struct Layout {
    /// What writes them.
    pub(super) instrument: &'static str,
    /// The columns.
    pub(super) columns: &'static [Column],
    /// Sign of the current.
    pub(super) sign: Sign,
    /// How it was measured; `None` to tell from the columns.
    pub(super) technique: Option<Technique>,
    /// What a mode says about the sign of the current.
    pub(super) mode: fn(&str) -> Option<i8>,
    /// Whether the table ends before this line.
    pub(super) is_end: fn(&str) -> bool,
}

impl Layout {
    /// A cycler that writes charge positive, until its file ends.
    pub(super) const fn cycler(instrument: &'static str, columns: &'static [Column]) -> Self {
        Self {
            instrument,
            columns,
            sign: Sign::ChargePositive,
            technique: Some(Technique::Cycling),
            mode: sign_of_mode,
            is_end: |_| false,
        }
    }

    /// A spectrum, until its file ends.
    pub(super) const fn spectrum(instrument: &'static str, columns: &'static [Column]) -> Self {
        Self {
            technique: Some(Technique::Impedance),
            ..Self::cycler(instrument, columns)
        }
    }

    /// The header of a text.
    ///
    /// # Errors
    /// [`ImportError::Layout`] if there is none.
    pub(super) fn header(&self, text: &Text) -> Result<Header, ImportError> {
        find_header(&text.text, self.columns).map_err(|no_header| match no_header {
            NoHeader::NoUnit(line, name) => text.wrong(
                Some(line),
                format!("column '{name}' without a unit"),
                "its unit in the header, like 'current (mA)' or 'I/mA'",
                "write it there, or state the column in a data set file (docs/formats.md)",
            ),
            NoHeader::Missing(closest, _) if closest.is_empty() => text.wrong(
                None,
                format!(
                    "a file like those of {}, without a line of column names",
                    self.instrument
                ),
                "columns for time, voltage and current, or frequency and impedance",
                "export it again with all columns",
            ),
            NoHeader::Missing(closest, lacks) => text.wrong(
                None,
                format!("the columns '{}', without {lacks}", shortened(&closest)),
                "columns for time, voltage and current, or frequency and impedance",
                "export it again with all columns",
            ),
        })
    }

    /// The rows below a header.
    ///
    /// # Errors
    /// [`ImportError::Layout`] if there is none, or if most cannot be read.
    pub(super) fn draft(&self, text: &Text, header: &Header) -> Result<Draft, ImportError> {
        let draft = read_rows(&Rows {
            text,
            header,
            mode: self.mode,
            is_end: self.is_end,
        });
        let first = draft.skipped.first();
        if draft.len() == 0 || draft.is_damaged() {
            return Err(text.wrong(
                Some(first.map_or(header.first_row, |row| row.line)),
                first.map_or_else(
                    || "no row of numbers below the column names".to_owned(),
                    |row| row.reason.clone(),
                ),
                "rows of numbers",
                format!(
                    "{} of {} rows cannot be read: export the file again",
                    draft.skipped.len(),
                    draft.skipped.len() + draft.len()
                ),
            ));
        }
        Ok(draft)
    }

    /// A draft as record.
    pub(super) fn finish(&self, draft: Draft, hints: &Hints) -> Measured {
        draft.finish(&Finish {
            instrument: self.instrument,
            technique: hints.technique.or(self.technique),
            sign: match hints.positive_current {
                Some(PositiveCurrent::Charge) => Sign::ChargePositive,
                Some(PositiveCurrent::Discharge) => Sign::DischargePositive,
                None => self.sign,
            },
            area_m2: hints.area_m2,
        })
    }

    /// Reads a text that is one table.
    ///
    /// # Errors
    /// See [`Self::header`] and [`Self::draft`].
    pub(super) fn read(&self, text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
        let header = self.header(text)?;
        check_area(text, &header, hints)?;
        Ok(self.finish(self.draft(text, &header)?, hints))
    }
}

/// A current density is of no use without the area.
pub(super) fn check_area(text: &Text, header: &Header, hints: &Hints) -> Result<(), ImportError> {
    let is_density =
        header.has(Target::CurrentDensity) && !header.has(Target::Record(Quantity::Current));
    if is_density && hints.area_m2.is_none() {
        return Err(text.wrong(
            Some(header.first_row),
            "a current density instead of a current",
            "the electrode area",
            "state --area-cm2, or electrode_area_cm2 in the data set file",
        ));
    }
    Ok(())
}

/// The beginning of a line, for messages.
pub(super) fn shortened(line: &str) -> String {
    const LONGEST: usize = 100;
    let line = line.trim().replace('\t', " ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    let head: String = line.chars().take(LONGEST).collect();
    format!("{head} ...")
}

/// What the name of a step's mode says about the sign of the current.
pub(super) fn sign_of_mode(mode: &str) -> Option<i8> {
    let mode = mode.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| mode.contains(word));
    if is(&["dchg", "discharge", "dis", "放电"]) || mode == "d" {
        Some(-1)
    } else if is(&["chg", "chrg", "charge", "充电"]) || mode == "c" {
        Some(1)
    } else if is(&["rest", "pause", "ocv", "idle", "静置", "搁置"]) || mode == "r" {
        Some(0)
    } else {
        None
    }
}
