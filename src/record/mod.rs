//! Records: what a cycler or a potentiostat writes, whether measured or simulated.

mod check;
mod finding;
mod measured;
mod quantity;

pub use check::check;
pub use finding::Finding;
pub use finding::Severity;
pub use measured::Measured;
pub use measured::Stated;
pub use measured::Technique;
pub use quantity::Quantity;

/// Voltage and current over time. All three have the same length; time does not go back.
///
/// Signs are those of the cell: positive current discharges. A whole cell's record holds A, a record per geometric
/// area A m⁻²; the unit is the caller's, and the analyses here do not depend on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<S = f64> {
    /// Time since the start of the record (s).
    pub time_s: Vec<S>,
    /// Terminal voltage (V).
    pub voltage_v: Vec<S>,
    /// Current, discharge positive (A or A m⁻²).
    pub current: Vec<S>,
}

impl<S> Default for Record<S> {
    fn default() -> Self {
        Self {
            time_s: Vec::new(),
            voltage_v: Vec::new(),
            current: Vec::new(),
        }
    }
}

impl<S> Record<S> {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.time_s.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.time_s.is_empty()
    }

    /// Appends a point.
    pub fn push(&mut self, time_s: S, voltage_v: S, current: S) {
        self.time_s.push(time_s);
        self.voltage_v.push(voltage_v);
        self.current.push(current);
    }
}

/// An impedance spectrum; both have the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum<S = f64> {
    /// Frequencies (Hz).
    pub frequency_hz: Vec<f64>,
    /// Real part and imaginary part of Z (Ω).
    pub impedance_ohm: Vec<(S, S)>,
}
