//! Records: what a cycler or a potentiostat writes, whether measured or simulated.

/// Voltage and current over time. All three have the same length; time does not go back.
///
/// Signs are those of the cell: positive current discharges. A whole cell's record holds A, a record per geometric
/// area A m⁻²; the unit is the caller's, and the analyses here do not depend on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Time since the start of the record (s).
    pub time_s: Vec<f64>,
    /// Terminal voltage (V).
    pub voltage_v: Vec<f64>,
    /// Current, discharge positive (A or A m⁻²).
    pub current: Vec<f64>,
}

impl Record {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.time_s.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.time_s.is_empty()
    }

    /// Appends a point.
    pub fn push(&mut self, time_s: f64, voltage_v: f64, current: f64) {
        self.time_s.push(time_s);
        self.voltage_v.push(voltage_v);
        self.current.push(current);
    }
}

/// An impedance spectrum; both have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spectrum {
    /// Frequencies (Hz).
    pub frequency_hz: Vec<f64>,
    /// Real part and imaginary part of Z (Ω).
    pub impedance_ohm: Vec<(f64, f64)>,
}
