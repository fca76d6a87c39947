//! A cell under an imposed current or voltage, as the system that the integrator solves.

use crate::cell::Cell;
use crate::numerics::blocks::BlockMatrix;
use crate::numerics::blocks::BlockShape;
use crate::numerics::polyline::Polyline;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::Slopes;
use crate::numerics::scalar::constants;
use crate::numerics::scalar::values;
use crate::numerics::stiff::StiffSystem;
use crate::numerics::variation::VariedSystem;

/// What is imposed on the cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Drive<'s, S> {
    /// A current density (A m⁻²), discharge positive.
    Current {
        /// Its value.
        current_a_m2: S,
        /// The voltage that ends the segment: reached from above on discharge, from below on charge.
        limit_v: Option<f64>,
    },
    /// A voltage that starts at a value and changes at a constant rate.
    Voltage {
        /// Voltage at the start (V).
        start_v: S,
        /// Rate of change (V s⁻¹).
        rate_v_s: f64,
    },
    /// The current of the whole cell over time, discharge positive.
    CurrentSignal {
        /// Current (A) over time (s).
        signal: &'s Polyline,
        /// Geometric area of the cell (m²).
        area_m2: S,
    },
    /// A voltage over time.
    VoltageSignal {
        /// Voltage (V) over time (s).
        signal: &'s Polyline,
    },
}

impl<S: Sensitive> Drive<'_, S> {
    /// Whether a voltage is imposed that does not change.
    pub(super) fn is_hold(&self) -> bool {
        matches!(self, Self::Voltage { rate_v_s, .. } if rate_v_s.abs() < f64::MIN_POSITIVE)
    }

    /// The current density that is imposed at a time (A m⁻²), if one is.
    fn current_a_m2(&self, time_s: S) -> Option<S> {
        match *self {
            Self::Current { current_a_m2, .. } => Some(current_a_m2),
            Self::CurrentSignal { signal, area_m2 } => {
                Some(S::constant(signal.at(time_s.value())) / area_m2)
            }
            Self::Voltage { .. } | Self::VoltageSignal { .. } => None,
        }
    }

    /// The voltage that is imposed at a time (V), if one is.
    pub(super) fn voltage_v(&self, time_s: S) -> Option<S> {
        match *self {
            Self::Voltage { start_v, rate_v_s } => Some(start_v + time_s * rate_v_s),
            Self::VoltageSignal { signal } => Some(S::constant(signal.at(time_s.value()))),
            Self::Current { .. } | Self::CurrentSignal { .. } => None,
        }
    }

    /// Whether a voltage is imposed.
    fn imposes_voltage(&self) -> bool {
        matches!(self, Self::Voltage { .. } | Self::VoltageSignal { .. })
    }
}

/// The cell and its drive. Under an imposed voltage the integrator carries the current as one more unknown, so that
/// its Newton matrix keeps the bordered shape instead of filling up; the cell's own equations eliminate it.
pub(super) struct DrivenCell<'c, S> {
    cell: &'c Cell<S>,
    drive: Drive<'c, S>,
    shape: BlockShape,
}

impl<'c, S: Sensitive> DrivenCell<'c, S> {
    pub(super) fn new(cell: &'c Cell<S>, drive: Drive<'c, S>) -> Self {
        let layout = cell.layout();
        let shape = if drive.imposes_voltage() {
            layout.shape_with_current()
        } else {
            layout.shape.clone()
        };
        Self { cell, drive, shape }
    }

    /// Voltage and current density at a state of the integrator.
    pub(super) fn terminal(&self, time_s: S, y: &[S]) -> (S, S) {
        let current = self.current(time_s, y);
        match self.drive.voltage_v(time_s) {
            Some(voltage) => (voltage, current),
            None => (self.cell.terminal_voltage_v(y, current), current),
        }
    }

    /// Current density at a state of the integrator.
    pub(super) fn current(&self, time_s: S, y: &[S]) -> S {
        let imposed = self.drive.current_a_m2(time_s);
        imposed.unwrap_or_else(|| y[self.cell.layout().n_states])
    }

    /// The constant current that is imposed, if one is and nothing carries derivatives.
    pub(super) fn plain_current(&self) -> Option<f64> {
        match self.drive {
            Drive::Current { current_a_m2, .. } if S::Slopes::COUNT == 0 => {
                Some(current_a_m2.value())
            }
            _ => None,
        }
    }

    /// Voltages at states of the cell, one row after the other, under the constant current without derivatives.
    pub(super) fn voltages_v(&self, states: &[S]) -> Vec<S> {
        let current_a_m2 = self.plain_current().unwrap_or(f64::NAN);
        let voltages = self.cell.plain_voltages_v(&values(states), current_a_m2);
        constants(&voltages)
    }

    /// Which unknown is the current, if a voltage is imposed.
    pub(super) fn current_index(&self) -> Option<usize> {
        (self.n_algebraic() > 0).then_some(self.cell.layout().n_states)
    }

    /// The voltage that is imposed at a time; not a number if none is.
    pub(super) fn imposed_v(&self, time_s: S) -> S {
        let imposed = self.drive.voltage_v(time_s);
        imposed.unwrap_or_else(|| S::constant(f64::NAN))
    }

    /// The voltage that ends the segment (V), if one does.
    fn limit_v(&self) -> Option<f64> {
        match self.drive {
            Drive::Current { limit_v, .. } => limit_v,
            _ => None,
        }
    }
}

impl<S: Sensitive> StiffSystem for DrivenCell<'_, S> {
    fn n_unknowns(&self) -> usize {
        self.cell.layout().n_states + self.n_algebraic()
    }

    fn n_algebraic(&self) -> usize {
        usize::from(self.drive.imposes_voltage())
    }

    fn rate(&self, time_s: f64, y: &[f64], rate: &mut [f64]) {
        let time_s = S::constant(time_s);
        if let Some(current_a_m2) = self.drive.current_a_m2(time_s) {
            let terms = (rate, false);
            self.cell.plain_rate(y, current_a_m2.value(), terms);
        } else {
            let n = self.cell.layout().n_states;
            let terms = (&mut rate[..n], true);
            let voltage = self.cell.plain_rate(&y[..n], y[n], terms);
            rate[n] = voltage - self.imposed_v(time_s).value();
        }
    }

    fn jacobian(&self, time_s: f64, y: &[f64], jacobian: &mut BlockMatrix<f64>) {
        let n = self.cell.layout().n_states;
        let imposed = self.drive.current_a_m2(S::constant(time_s));
        let current_a_m2 = imposed.map_or_else(|| y[n], S::value);
        self.cell.jacobian(&y[..n], current_a_m2, jacobian);
    }

    fn event(&self, time_s: f64, y: &[f64]) -> f64 {
        let current = self.drive.current_a_m2(S::constant(time_s));
        match (current, self.limit_v()) {
            (Some(current), Some(limit_v)) => {
                self.cell.plain_voltage_v(y, current.value()) - limit_v
            }
            _ => 1.0,
        }
    }

    fn has_event(&self) -> bool {
        self.limit_v().is_some()
    }

    fn shape(&self) -> &BlockShape {
        &self.shape
    }

    fn kinks_s(&self) -> &[f64] {
        match self.drive {
            Drive::CurrentSignal { signal, .. } | Drive::VoltageSignal { signal } => signal.x(),
            Drive::Current { .. } | Drive::Voltage { .. } => &[],
        }
    }
}

impl<S: Sensitive> VariedSystem<S> for DrivenCell<'_, S> {
    fn varied_rate(&self, time_s: f64, y: &[S], rate: &mut [S]) {
        let time_s = S::constant(time_s);
        if let Some(current_a_m2) = self.drive.current_a_m2(time_s) {
            self.cell.rate(y, current_a_m2, rate);
        } else {
            let n = self.cell.layout().n_states;
            let voltage = self.cell.rate(&y[..n], y[n], &mut rate[..n]);
            rate[n] = voltage - self.imposed_v(time_s);
        }
    }

    fn varied_event(&self, time_s: f64, y: &[S]) -> S {
        match self.limit_v() {
            Some(limit_v) => self.terminal(S::constant(time_s), y).0 - limit_v,
            None => S::constant(1.0),
        }
    }
}
