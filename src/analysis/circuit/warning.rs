//! What speaks against a fitted circuit, in words.

use std::fmt;

use crate::analysis::runs::Runs;
use crate::numerics::least_squares::StopReason;

/// What speaks against a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warning {
    /// An arc is cut off at low frequencies.
    ArcNotClosed {
        /// Name of its resistance.
        name: &'static str,
        /// Frequency of the arc's apex (Hz).
        apex_hz: f64,
        /// Lowest frequency of the spectrum (Hz).
        lowest_hz: f64,
    },
    /// The first arc is cut off at high frequencies.
    ArcNotOpened {
        /// Frequency of the arc's apex (Hz).
        apex_hz: f64,
        /// Highest frequency of the spectrum (Hz).
        highest_hz: f64,
    },
    /// The standard error of a parameter is more than half its value, or unknown.
    NotDetermined {
        /// The parameter's name.
        name: &'static str,
        /// Standard error over value (1).
        relative_error: Option<f64>,
    },
    /// A parameter ran into the limit of its range.
    AtLimit {
        /// The parameter's name.
        name: &'static str,
    },
    /// The circuit does not describe the spectrum.
    Misfit {
        /// Root mean square of the residuals (share of |Z|).
        rms: f64,
    },
    /// The residuals follow each other instead of scattering.
    Structure {
        /// Of the real and the imaginary part.
        runs: [Runs; 2],
        /// Root mean square of the residuals (share of |Z|).
        rms: f64,
    },
    /// The minimisation did not converge.
    NotConverged {
        /// Why it stopped.
        stop: StopReason,
    },
}

impl Warning {
    /// Every kind by a word, and what it means.
    pub const KINDS: [(&'static str, &'static str); 7] = [
        (
            "arc_not_closed",
            "an arc is cut off at low frequencies: its resistance is extrapolated",
        ),
        (
            "arc_not_opened",
            "the first arc is cut off at high frequencies: the resistance in series is extrapolated",
        ),
        (
            "not_determined",
            "the standard error of a parameter is more than half its value, or unknown",
        ),
        ("at_limit", "a parameter ran into the limit of its range"),
        (
            "misfit",
            "the circuit does not describe the spectrum: the root mean square of the residuals is above 1 % of |Z| and above twice the noise",
        ),
        (
            "structured",
            "the residuals follow each other instead of scattering (test of runs): the circuit lacks something",
        ),
        ("not_converged", "the minimisation did not converge"),
    ];
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArcNotClosed {
                name,
                apex_hz,
                lowest_hz,
            } => write!(
                formatter,
                "the arc with its top at {apex_hz:.3e} Hz is not closed: the lowest frequency is {lowest_hz:.3e} Hz, \
                 so {name} is extrapolated"
            ),
            Self::ArcNotOpened {
                apex_hz,
                highest_hz,
            } => write!(
                formatter,
                "the arc with its top at {apex_hz:.3e} Hz begins outside the range: the highest frequency is \
                 {highest_hz:.3e} Hz, so R0 is extrapolated"
            ),
            Self::NotDetermined {
                name,
                relative_error: Some(error),
            } => write!(
                formatter,
                "{name} is not determined: its standard error is {:.0} % of its value",
                100.0 * error
            ),
            Self::NotDetermined { name, .. } => {
                write!(formatter, "{name} is not determined by this spectrum")
            }
            Self::AtLimit { name } => {
                write!(formatter, "{name} ran into the limit of its range")
            }
            Self::Misfit { rms } => write!(
                formatter,
                "the circuit does not describe the spectrum: it is {:.1} % of |Z| off; another process takes part, or the cell drifted",
                100.0 * rms
            ),
            Self::Structure {
                runs: [re, im],
                rms,
            } => write!(
                formatter,
                "the residuals, {:.3} % of |Z|, have structure: {} and {} runs of one sign in Re Z and Im Z where {:.0} \
                 and {:.0} are expected of noise (runs test, p = {:.1e}); a process is missing or the instrument \
                 is not ideal, and the intervals are too narrow",
                100.0 * rms,
                re.found,
                im.found,
                re.expected,
                im.expected,
                re.probability.min(im.probability)
            ),
            Self::NotConverged { stop } => write!(formatter, "the fit did not converge: {stop}"),
        }
    }
}
