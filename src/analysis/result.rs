//! Results of the classical analyses: a value with its standard uncertainty, or the reason why there is none.

use thiserror::Error;

use crate::record::Record;

/// A result: value, unit and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value, in `unit`.
    pub value: f64,
    /// Standard uncertainty, in `unit`, not negative; `None` where the data do not tell it.
    pub sd: Option<f64>,
    /// Interval of 95 % confidence, in `unit`, where it is not symmetrical or wider than two `sd`.
    pub interval: Option<(f64, f64)>,
    /// The unit as in files, `1` for a ratio.
    pub unit: &'static str,
}

impl Estimate {
    /// A value in `unit` with a standard uncertainty, which is dropped unless it is finite and not negative.
    pub fn new(value: f64, sd: Option<f64>, unit: &'static str) -> Self {
        Self {
            value,
            sd: sd.filter(|sd| sd.is_finite() && *sd >= 0.0),
            interval: None,
            unit,
        }
    }

    /// The same with an interval of 95 % confidence, in its unit, which is dropped unless both ends are finite.
    #[must_use]
    pub fn within(self, interval: Option<(f64, f64)>) -> Self {
        let is_known = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite();
        Self {
            interval: interval.filter(is_known),
            ..self
        }
    }

    /// The standard uncertainty over the magnitude of the value (1); zero where it is not known.
    pub fn relative_sd(&self) -> f64 {
        let share = self.sd.unwrap_or(0.0) / self.value.abs();
        if share.is_finite() { share } else { 0.0 }
    }

    /// Whether the value differs from `other` (same unit) by more than `n` standard uncertainties; false where the
    /// uncertainty is not known.
    pub fn differs_from(&self, other: f64, n: f64) -> bool {
        self.sd
            .is_some_and(|sd| (self.value - other).abs() > n * sd)
    }
}

/// Why an analysis has no result.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum AnalysisError {
    /// The columns of a record differ in length.
    #[error(
        "time, voltage and current have {time}, {voltage} and {current} values; each point needs all three"
    )]
    Lengths {
        /// Values of time.
        time: usize,
        /// Values of voltage.
        voltage: usize,
        /// Values of current.
        current: usize,
    },
    /// A value is not a number.
    #[error(
        "{column} of point {index} is not a finite number; remove the point or repair the file"
    )]
    NotFinite {
        /// The column.
        column: &'static str,
        /// Position of the point, from zero.
        index: usize,
    },
    /// There are fewer points than the analysis needs.
    #[error("{what} has {found} usable points; {needed} are needed")]
    TooFew {
        /// What has the points.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A condition of the experiment must be positive.
    #[error("{name} is {value}; it must be a positive number")]
    NotPositive {
        /// The condition with its unit.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// The data do not show what is asked for.
    #[error("{what}; {advice}")]
    Missing {
        /// What is there instead.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
}

/// Checks that a record has three equally long columns of finite numbers and at least `needed` points.
///
/// # Errors
/// If it has not.
pub(super) fn check_record(record: &Record, needed: usize) -> Result<(), AnalysisError> {
    let (time, voltage) = (record.time_s.len(), record.voltage_v.len());
    let current = record.current.len();
    if time != voltage || time != current {
        return Err(AnalysisError::Lengths {
            time,
            voltage,
            current,
        });
    }
    check_finite("time", &record.time_s)?;
    check_finite("voltage", &record.voltage_v)?;
    check_finite("current", &record.current)?;
    check_count("the record", time, needed)
}

/// Checks that every value of a column is finite.
///
/// # Errors
/// The first value that is not.
pub(super) fn check_finite(column: &'static str, values: &[f64]) -> Result<(), AnalysisError> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(AnalysisError::NotFinite { column, index }),
        None => Ok(()),
    }
}

/// Checks that there are at least `needed` points.
///
/// # Errors
/// If there are fewer.
pub(super) fn check_count(
    what: &'static str,
    found: usize,
    needed: usize,
) -> Result<(), AnalysisError> {
    if found < needed {
        return Err(AnalysisError::TooFew {
            what,
            found,
            needed,
        });
    }
    Ok(())
}

/// Checks that a condition is a positive, finite number; `name` holds its unit.
///
/// # Errors
/// If it is not.
pub(super) fn check_positive(name: &'static str, value: f64) -> Result<(), AnalysisError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(AnalysisError::NotPositive { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_columns_and_missing_numbers_are_named() {
        let mut record = Record::default();
        record.push(0.0, 1.0, 0.0);
        record.push(1.0, f64::NAN, 0.0);
        let error = check_record(&record, 1).unwrap_err();
        assert!(error.to_string().starts_with("voltage of point 1 is not"));
        record.current.pop();
        assert!(matches!(
            check_record(&record, 1),
            Err(AnalysisError::Lengths { current: 1, .. })
        ));
        assert!(check_record(&Record::default(), 1).is_err());
        assert!(check_positive("area (m2)", 0.0).is_err());
    }

    #[test]
    fn unknown_uncertainty_never_differs() {
        assert!(!Estimate::new(1.0, None, "1").differs_from(0.0, 2.0));
        assert!(Estimate::new(1.0, Some(0.4), "1").differs_from(0.0, 2.0));
        assert_eq!(Estimate::new(1.0, Some(f64::NAN), "1").sd, None);
    }
}
