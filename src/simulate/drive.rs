//! A cell under an imposed current or voltage, as the system that the integrator solves.

use crate::cell::Cell;
use crate::numerics::blocks::BlockMatrix;
use crate::numerics::blocks::BlockShape;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::Slopes;
use crate::numerics::scalar::constants;
use crate::numerics::scalar::values;
use crate::numerics::stiff::StiffSystem;
use crate::numerics::variation::VariedSystem;

/// What is imposed on the cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Drive<S> {
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
}

impl<S> Drive<S> {
    /// Whether a voltage is imposed that does not change.
    pub(super) fn is_hold(&self) -> bool {
        matches!(self, Self::Voltage { rate_v_s, .. } if rate_v_s.abs() < f64::MIN_POSITIVE)
    }
}

/// The cell and its drive. Under an imposed voltage the integrator carries the current as one more unknown, so that
/// its Newton matrix keeps the bordered shape instead of filling up; the cell's own equations eliminate it.
pub(super) struct DrivenCell<'c, S> {
    cell: &'c Cell<S>,
    drive: Drive<S>,
    shape: BlockShape,
}

impl<'c, S: Sensitive> DrivenCell<'c, S> {
    pub(super) fn new(cell: &'c Cell<S>, drive: Drive<S>) -> Self {
        let layout = cell.layout();
        let shape = match drive {
            Drive::Current { .. } => layout.shape.clone(),
            Drive::Voltage { .. } => layout.shape_with_current(),
        };
        Self { cell, drive, shape }
    }

    /// Voltage and current density at a state of the integrator.
    pub(super) fn terminal(&self, time_s: S, y: &[S]) -> (S, S) {
        match self.drive {
            Drive::Current { current_a_m2, .. } => {
                let voltage = self.cell.terminal_voltage_v(y, current_a_m2);
                (voltage, current_a_m2)
            }
            Drive::Voltage { .. } => (self.imposed_v(time_s), self.current(y)),
        }
    }

    /// Current density at a state of the integrator.
    pub(super) fn current(&self, y: &[S]) -> S {
        match self.drive {
            Drive::Current { current_a_m2, .. } => current_a_m2,
            Drive::Voltage { .. } => y[self.cell.layout().n_states],
        }
    }

    /// The current that is imposed, if one is and nothing carries derivatives.
    pub(super) fn plain_current(&self) -> Option<f64> {
        match self.drive {
            Drive::Current { current_a_m2, .. } if S::Slopes::COUNT == 0 => {
                Some(current_a_m2.value())
            }
            _ => None,
        }
    }

    /// Voltages at states of the cell, one row after the other, under the imposed current without derivatives.
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
        match self.drive {
            Drive::Voltage { start_v, rate_v_s } => start_v + time_s * rate_v_s,
            Drive::Current { .. } => S::constant(f64::NAN),
        }
    }
}

impl<S: Sensitive> StiffSystem for DrivenCell<'_, S> {
    fn n_unknowns(&self) -> usize {
        self.cell.layout().n_states + self.n_algebraic()
    }

    fn n_algebraic(&self) -> usize {
        match self.drive {
            Drive::Current { .. } => 0,
            Drive::Voltage { .. } => 1,
        }
    }

    fn rate(&self, time_s: f64, y: &[f64], rate: &mut [f64]) {
        match self.drive {
            Drive::Current { current_a_m2, .. } => {
                let terms = (rate, false);
                self.cell.plain_rate(y, current_a_m2.value(), terms);
            }
            Drive::Voltage { .. } => {
                let n = self.cell.layout().n_states;
                let terms = (&mut rate[..n], true);
                let voltage = self.cell.plain_rate(&y[..n], y[n], terms);
                rate[n] = voltage - self.imposed_v(S::constant(time_s)).value();
            }
        }
    }

    fn jacobian(&self, _time_s: f64, y: &[f64], jacobian: &mut BlockMatrix<f64>) {
        let n = self.cell.layout().n_states;
        let current_a_m2 = match self.drive {
            Drive::Current { current_a_m2, .. } => current_a_m2.value(),
            Drive::Voltage { .. } => y[n],
        };
        self.cell.jacobian(&y[..n], current_a_m2, jacobian);
    }

    fn event(&self, _time_s: f64, y: &[f64]) -> f64 {
        match self.drive {
            Drive::Current {
                current_a_m2,
                limit_v: Some(limit_v),
            } => self.cell.plain_voltage_v(y, current_a_m2.value()) - limit_v,
            _ => 1.0,
        }
    }

    fn has_event(&self) -> bool {
        matches!(
            self.drive,
            Drive::Current {
                limit_v: Some(_),
                ..
            }
        )
    }

    fn shape(&self) -> &BlockShape {
        &self.shape
    }
}

impl<S: Sensitive> VariedSystem<S> for DrivenCell<'_, S> {
    fn varied_rate(&self, time_s: f64, y: &[S], rate: &mut [S]) {
        match self.drive {
            Drive::Current { current_a_m2, .. } => {
                self.cell.rate(y, current_a_m2, rate);
            }
            Drive::Voltage { .. } => {
                let n = self.cell.layout().n_states;
                let voltage = self.cell.rate(&y[..n], y[n], &mut rate[..n]);
                rate[n] = voltage - self.imposed_v(S::constant(time_s));
            }
        }
    }

    fn varied_event(&self, time_s: f64, y: &[S]) -> S {
        match self.drive {
            Drive::Current {
                limit_v: Some(limit_v),
                ..
            } => self.terminal(S::constant(time_s), y).0 - limit_v,
            _ => S::constant(1.0),
        }
    }
}
