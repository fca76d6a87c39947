//! The cell: mechanism and mesh become a right-hand side, its exact Jacobian, and a terminal voltage.
//!
//! One chain of finite volumes serves the battery (foil, separator, porous cathode), the symmetric cell (two porous
//! electrodes) and the polarisation cell (two coated foils). There are no algebraic equations: double layers make
//! every potential a state, and the electrolyte's potential is eliminated in closed form, so that the voltage is
//! linear in the current.
//!
//! A half cell (a planar electrode and one dissolved couple) has equations of its own behind the same interface.

mod assembly;
mod half_cell;
mod layout;
mod physics;
mod polarisation;
mod start;

pub use layout::Design;
pub use layout::Electrode;
pub use layout::Layout;
pub use layout::Region;
pub use layout::Volume;
pub use polarisation::PolarisationResistances;
pub use start::Catholyte;
pub use start::CatholytePotential;
pub use start::Equilibrated;

use std::sync::Arc;

use crate::mechanism::Mechanism;
use crate::numerics::blocks::BlockMatrix;
use crate::numerics::lanes::Lanes;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::constants;
use crate::numerics::scalar::values;
use assembly::Differentiator;
use assembly::Direction;
use half_cell::HalfCellPhysics;
use physics::Physics;

/// A cell with the values of its parameters.
///
/// With dual numbers as values it also carries the derivatives of everything by the quantities that they vary with.
#[derive(Clone, Debug)]
pub struct Cell<S = f64> {
    layout: Layout,
    values: Vec<S>,
    equations: Equations<S>,
    mechanism: Arc<Mechanism>,
}

/// The equations of a cell by its kind.
#[derive(Clone, Debug)]
enum Equations<S> {
    Battery(Box<Battery<S>>),
    HalfCell(Box<HalfCell<S>>),
}

/// The equations of a battery for every scalar that they are needed in.
#[derive(Clone, Debug)]
struct Battery<S> {
    /// With the plain values, for the integrator.
    plain: Physics<f64>,
    /// The same for many porous volumes at once.
    lanes: Physics<Lanes>,
    /// For derivatives by the states.
    tangent: Physics<Direction>,
    /// With the values as they were given.
    physics: Physics<S>,
}

/// The equations of a half cell.
#[derive(Clone, Debug)]
struct HalfCell<S> {
    /// With the plain values, for the integrator.
    plain: HalfCellPhysics<f64>,
    /// With the values as they were given.
    physics: HalfCellPhysics<S>,
}

impl<S: Sensitive> Cell<S> {
    /// A cell of this design with these parameter values (SI, table order).
    ///
    /// # Panics
    /// If `values` is shorter than the table of parameters.
    pub fn new(mechanism: &Arc<Mechanism>, values: &[S], design: Design) -> Self {
        let plain: Vec<f64> = values.iter().map(|value| value.value()).collect();
        let equations = if mechanism.battery().is_some() {
            let lifted: Vec<Direction> = plain.iter().map(|value| Dual::fixed(*value)).collect();
            let spread: Vec<Lanes> = constants(&plain);
            Equations::Battery(Box::new(Battery {
                plain: Physics::new(mechanism, &plain, &design),
                lanes: Physics::new(mechanism, &spread, &design),
                tangent: Physics::new(mechanism, &lifted, &design),
                physics: Physics::new(mechanism, values, &design),
            }))
        } else {
            Equations::HalfCell(Box::new(HalfCell {
                plain: HalfCellPhysics::new(mechanism, &plain, design.n_separator),
                physics: HalfCellPhysics::new(mechanism, values, design.n_separator),
            }))
        };
        Self {
            layout: Layout::new(design, mechanism),
            values: values.to_vec(),
            equations,
            mechanism: Arc::clone(mechanism),
        }
    }

    /// What only a battery has.
    ///
    /// # Panics
    /// For a half cell; `config` keeps what needs a battery away from it.
    fn battery(&self) -> &Battery<S> {
        match &self.equations {
            Equations::Battery(battery) => battery,
            Equations::HalfCell(_) => panic!("a battery, checked by config"),
        }
    }

    /// Where each state lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The mechanism.
    pub fn mechanism(&self) -> &Mechanism {
        &self.mechanism
    }

    /// The parameter values (SI, table order).
    pub fn values(&self) -> &[S] {
        &self.values
    }

    /// The parameter values without derivatives.
    pub fn plain_values(&self) -> Vec<f64> {
        values(&self.values)
    }

    /// Areal loading of the active element (kg m⁻²).
    pub fn loading_kg_m2(&self) -> S {
        self.values[self.mechanism.roles().loading.index()]
    }

    /// Geometric area (m²).
    pub fn area_m2(&self) -> S {
        self.values[self.mechanism.area().index()]
    }

    /// The current density of 1C (A m⁻²): the loading discharged in one hour.
    pub fn one_c_a_m2(&self) -> S {
        self.loading_kg_m2() * self.values[self.mechanism.roles().specific_charge.index()] / 3600.0
    }

    /// Thickness of a porous electrode (m).
    pub fn electrode_thickness_m(&self) -> S {
        self.loading_kg_m2() / self.values[self.mechanism.roles().active_density.index()]
    }

    /// Default absolute tolerances of the states.
    pub fn absolute_tolerances(&self) -> Vec<f64> {
        let battery = self.mechanism.battery();
        self.layout
            .absolute_tolerances(battery.map(|_| self.mechanism.carrier()))
    }

    /// Width of a volume (m).
    pub fn width_m(&self, volume: usize) -> S {
        match &self.equations {
            Equations::Battery(battery) => battery.physics.width(&self.layout, volume),
            Equations::HalfCell(half_cell) => half_cell.physics.width(volume),
        }
    }

    /// Writes dy/dt at cell current density `current_a_m2` (A m⁻², discharge positive) into `rate` and returns the
    /// terminal voltage (V).
    ///
    /// # Panics
    /// If `y` or `rate` is shorter than the state.
    pub fn rate(&self, y: &[S], current_a_m2: S, rate: &mut [S]) -> S {
        match &self.equations {
            Equations::Battery(battery) => {
                battery.physics.rate(&self.layout, y, current_a_m2, rate)
            }
            Equations::HalfCell(half_cell) => half_cell.physics.rate(y, current_a_m2, rate),
        }
    }

    /// The same without derivatives; without the voltage too, which is not a number then, unless it is wanted.
    ///
    /// # Panics
    /// If `y` or `rate` is shorter than the state.
    pub fn plain_rate(
        &self,
        y: &[f64],
        current_a_m2: f64,
        (rate, wants_voltage): (&mut [f64], bool),
    ) -> f64 {
        match &self.equations {
            Equations::Battery(battery) => {
                let (at, terms) = ((y, current_a_m2), (rate, wants_voltage));
                battery
                    .plain
                    .rate_in_lanes(&battery.lanes, &self.layout, at, terms)
            }
            Equations::HalfCell(half_cell) => half_cell.plain.rate(y, current_a_m2, rate),
        }
    }

    /// Terminal voltage (V) without derivatives.
    pub fn plain_voltage_v(&self, y: &[f64], current_a_m2: f64) -> f64 {
        match &self.equations {
            Equations::Battery(battery) => battery.plain.voltage(&self.layout, y, current_a_m2),
            Equations::HalfCell(half_cell) => half_cell.plain.voltage(y, current_a_m2),
        }
    }

    /// Terminal voltages (V) without derivatives at many states, one row of `states` after the other.
    ///
    /// # Panics
    /// If `states` does not hold whole rows.
    pub fn plain_voltages_v(&self, states: &[f64], current_a_m2: f64) -> Vec<f64> {
        match &self.equations {
            Equations::Battery(battery) => {
                let current = Lanes::constant(current_a_m2);
                battery.lanes.voltages(&self.layout, states, current)
            }
            Equations::HalfCell(half_cell) => {
                let rows = states.chunks_exact(self.layout.n_states);
                rows.map(|y| half_cell.plain.voltage(y, current_a_m2))
                    .collect()
            }
        }
    }

    /// Terminal voltage (V) at a state and a current density (A m⁻²).
    pub fn terminal_voltage_v(&self, y: &[S], current_a_m2: S) -> S {
        match &self.equations {
            Equations::Battery(battery) => battery.physics.voltage(&self.layout, y, current_a_m2),
            Equations::HalfCell(half_cell) => half_cell.physics.voltage(y, current_a_m2),
        }
    }

    /// The current density (A m⁻²) at an imposed voltage: the voltage is linear in the current.
    pub fn current_a_m2(&self, y: &[S], voltage_v: S) -> S {
        let open = self.terminal_voltage_v(y, S::constant(0.0));
        let resistance = open - self.terminal_voltage_v(y, S::constant(1.0));
        (open - voltage_v) / resistance
    }

    /// Adds the Jacobian at a state and current to `matrix`, which comes filled with zeros.
    ///
    /// With one border unknown more than the layout has, the last column holds ∂f/∂I, the last row ∂V/∂y, and the
    /// corner ∂V/∂I: what impedance and an imposed voltage need.
    pub fn jacobian(&self, y: &[f64], current_a_m2: f64, matrix: &mut BlockMatrix<f64>) {
        match &self.equations {
            Equations::Battery(battery) => {
                let differentiator = Differentiator {
                    layout: &self.layout,
                    physics: &battery.plain,
                    tangent: &battery.tangent,
                };
                differentiator.jacobian(y, current_a_m2, matrix);
            }
            Equations::HalfCell(half_cell) => half_cell.plain.jacobian(y, matrix),
        }
    }

    /// The Jacobian with current and voltage, with the derivatives that the state, the current and the parameters carry.
    pub fn varied_jacobian(&self, y: &[S], current_a_m2: S) -> BlockMatrix<S> {
        let shape = self.layout.shape_with_current();
        let mut matrix = BlockMatrix::filled(&shape, S::constant(0.0));
        match &self.equations {
            Equations::Battery(battery) => {
                let lifted: Vec<Direction<S>> =
                    self.values.iter().map(|v| Dual::fixed(*v)).collect();
                let tangent = Physics::new(&self.mechanism, &lifted, &self.layout.design);
                let differentiator = Differentiator {
                    layout: &self.layout,
                    physics: &battery.physics,
                    tangent: &tangent,
                };
                differentiator.jacobian(y, current_a_m2, &mut matrix);
            }
            Equations::HalfCell(half_cell) => half_cell.physics.jacobian(y, &mut matrix),
        }
        matrix
    }
}
