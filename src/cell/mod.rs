//! The cell: mechanism and mesh become a right-hand side, its exact Jacobian, and a terminal voltage.
//!
//! One chain of finite volumes serves the battery (foil, separator, porous cathode), the symmetric cell (two porous
//! electrodes) and the polarisation cell (two coated foils). There are no algebraic equations: double layers make
//! every potential a state, and the electrolyte's potential is eliminated in closed form, so that the voltage is
//! linear in the current.

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
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;
use physics::FaceFlux;
use physics::Physics;
use physics::VolumeView;

/// Directions that one pass of the Jacobian differentiates in: a cathode volume of the Mg-S mechanism has ten
/// states, the wetted fraction and the current come with it. Larger blocks take more passes.
const DIRECTIONS: usize = 12;
/// States of the largest block: all amounts of a volume, coverage, potential, and a foil.
const BLOCK_MAX: usize = crate::mechanism::NODE_SLOTS_MAX + 12;

type Direction = Dual<DIRECTIONS>;

/// A cell with the values of its parameters.
#[derive(Clone, Debug)]
pub struct Cell {
    layout: Layout,
    values: Vec<f64>,
    physics: Physics<f64>,
    tangent: Physics<Direction>,
    mechanism: Arc<Mechanism>,
}

impl Cell {
    /// A cell of this design with these parameter values (SI, table order).
    ///
    /// # Panics
    /// If `values` is shorter than the table of parameters.
    pub fn new(mechanism: &Arc<Mechanism>, values: &[f64], design: Design) -> Self {
        let lifted: Vec<Direction> = values.iter().map(|v| Direction::constant(*v)).collect();
        Self {
            layout: Layout::new(design, mechanism),
            physics: Physics::new(mechanism, values, &design),
            tangent: Physics::new(mechanism, &lifted, &design),
            values: values.to_vec(),
            mechanism: Arc::clone(mechanism),
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
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Areal loading of the active element (kg m⁻²).
    pub fn loading_kg_m2(&self) -> f64 {
        self.values[self.mechanism.roles().loading.index()]
    }

    /// Geometric area (m²).
    pub fn area_m2(&self) -> f64 {
        self.values[self.mechanism.roles().area.index()]
    }

    /// The current density of 1C (A m⁻²): the loading discharged in one hour.
    pub fn one_c_a_m2(&self) -> f64 {
        self.loading_kg_m2() * self.values[self.mechanism.roles().specific_charge.index()] / 3600.0
    }

    /// Thickness of a porous electrode (m).
    pub fn electrode_thickness_m(&self) -> f64 {
        self.loading_kg_m2() / self.values[self.mechanism.roles().active_density.index()]
    }

    /// Default absolute tolerances of the states.
    pub fn absolute_tolerances(&self) -> Vec<f64> {
        self.layout
            .absolute_tolerances(self.physics.chemistry.carrier)
    }

    /// Width of a volume (m).
    pub fn width_m(&self, volume: usize) -> f64 {
        self.physics.width(&self.layout, volume)
    }

    /// Writes dy/dt at cell current density `current_a_m2` (A m⁻², discharge positive) into `rate` and returns the
    /// terminal voltage (V).
    ///
    /// # Panics
    /// If `y` or `rate` is shorter than the state.
    pub fn rate(&self, y: &[f64], current_a_m2: f64, rate: &mut [f64]) -> f64 {
        let wetted = self.layout.wetted.map_or(1.0, |w| y[w]);
        let mut voltage = 0.0;
        let mut before: Option<VolumeView<f64>> = None;
        for index in 0..self.layout.volumes.len() {
            let range = self.layout.block(index);
            let (view, part) = self.physics.block(
                &self.layout,
                index,
                &y[range.clone()],
                (wetted, current_a_m2),
                &mut rate[range],
            );
            voltage += part;
            if let Some(before) = before {
                let face = index - 1;
                let views = (&before, &view);
                let flux = self.physics.face(&self.layout, face, views, current_a_m2);
                self.exchange(face, &flux, rate);
                voltage -= flux.drop;
            }
            before = Some(view);
        }
        if let Some(w) = self.layout.wetted {
            rate[w] = self.physics.wetting(wetted);
        }
        voltage
    }

    /// Terminal voltage (V) at a state and a current density (A m⁻²).
    pub fn terminal_voltage_v(&self, y: &[f64], current_a_m2: f64) -> f64 {
        let mut scratch = vec![0.0; self.layout.n_states];
        self.rate(y, current_a_m2, &mut scratch)
    }

    /// The current density (A m⁻²) at an imposed voltage: the voltage is linear in the current.
    pub fn current_a_m2(&self, y: &[f64], voltage_v: f64) -> f64 {
        let open = self.terminal_voltage_v(y, 0.0);
        let resistance = open - self.terminal_voltage_v(y, 1.0);
        (open - voltage_v) / resistance
    }

    /// Applies a face's flux to the volumes beside it.
    fn exchange(&self, face: usize, flux: &FaceFlux<f64>, rate: &mut [f64]) {
        for (volume, sign) in [(face, -1.0), (face + 1, 1.0)] {
            let per_width = sign / self.width_m(volume);
            let start = self.layout.volumes[volume].start;
            let amounts = &mut rate[start..start + self.layout.n_dissolved];
            for (amount, flux) in amounts.iter_mut().zip(&flux.species) {
                *amount += flux * per_width;
            }
            if self.layout.volumes[volume].is_porous() {
                rate[self.layout.potential(volume)] -=
                    flux.ionic_current * per_width * self.physics.per_capacitance;
            }
        }
    }

    /// Writes the Jacobian at a state and current into `entries` (column-major, filled with zeros, `n × n`).
    ///
    /// With `n` one larger than the number of states, the last column holds ∂f/∂I, the last row ∂V/∂y, and the
    /// corner ∂V/∂I: what impedance and an imposed voltage need.
    pub fn jacobian(&self, y: &[f64], current_a_m2: f64, n: usize, entries: &mut [f64]) {
        let views = self.views(y, current_a_m2);
        for index in 0..self.layout.volumes.len() {
            let n_block = self.layout.block(index).len();
            let n_directions = n_block + 2;
            for first in (0..n_directions).step_by(DIRECTIONS) {
                let pass = Pass {
                    index,
                    first,
                    n,
                    views: &views,
                };
                self.differentiate(&pass, y, current_a_m2, entries);
            }
        }
        if let Some(w) = self.layout.wetted {
            let wetted = self.tangent.wetting(Direction::variable(y[w], 0));
            entries[w * n + w] = wetted.eps[0];
        }
    }

    fn views(&self, y: &[f64], current: f64) -> Vec<VolumeView<f64>> {
        let wetted = self.layout.wetted.map_or(1.0, |w| y[w]);
        let mut scratch = [0.0; BLOCK_MAX];
        let volumes = 0..self.layout.volumes.len();
        volumes
            .map(|index| {
                let range = self.layout.block(index);
                let rate = &mut scratch[..range.len()];
                let drive = (wetted, current);
                let block = self
                    .physics
                    .block(&self.layout, index, &y[range], drive, rate);
                block.0
            })
            .collect()
    }

    /// One pass: a block and its two faces, differentiated in a window of the block's directions. The directions of
    /// a block are its states, then the wetted fraction, then the current.
    fn differentiate(&self, pass: &Pass<'_>, y: &[f64], current: f64, entries: &mut [f64]) {
        let layout = &self.layout;
        let range = layout.block(pass.index);
        let n_block = range.len();
        let seed = |value: f64, direction: usize| match direction.checked_sub(pass.first) {
            Some(local) if local < DIRECTIONS => Direction::variable(value, local),
            _ => Direction::constant(value),
        };
        let mut state = [Direction::constant(0.0); BLOCK_MAX];
        for (i, value) in y[range.clone()].iter().enumerate() {
            state[i] = seed(*value, i);
        }
        let wetted = seed(layout.wetted.map_or(1.0, |w| y[w]), n_block);
        let drive = seed(current, n_block + 1);
        let mut rate = [Direction::constant(0.0); BLOCK_MAX];
        let (view, voltage) = self.tangent.block(
            layout,
            pass.index,
            &state[..n_block],
            (wetted, drive),
            &mut rate[..n_block],
        );
        let columns = self.columns(pass, n_block, range.start);
        let mut column = |row: usize, value: &Direction| {
            for (column, derivative) in columns.iter().zip(&value.eps) {
                if *derivative != 0.0 && *column < pass.n && row < pass.n {
                    entries[column * pass.n + row] += derivative;
                }
            }
        };
        for (i, value) in rate[..n_block].iter().enumerate() {
            column(range.start + i, value);
        }
        column(layout.n_states, &voltage);
        // The left face is seen with the current as a constant: the pass of its left block has counted it.
        if pass.index > 0 {
            let left = pass.views[pass.index - 1].lift();
            let constant = Direction::constant(current);
            let flux = self
                .tangent
                .face(layout, pass.index - 1, (&left, &view), constant);
            self.exchange_tangent(pass.index - 1, &flux, &mut column);
        }
        if pass.index + 1 < layout.volumes.len() {
            let right = pass.views[pass.index + 1].lift();
            let flux = self
                .tangent
                .face(layout, pass.index, (&view, &right), drive);
            self.exchange_tangent(pass.index, &flux, &mut column);
        }
    }

    /// The column of each direction of a pass; directions without one get an index past the end.
    fn columns(&self, pass: &Pass<'_>, n_block: usize, start: usize) -> [usize; DIRECTIONS] {
        std::array::from_fn(|local| {
            let direction = pass.first + local;
            match direction.checked_sub(n_block) {
                None => start + direction,
                Some(0) => self.layout.wetted.unwrap_or(usize::MAX),
                // Without a column for it, the current's index is that past the end.
                Some(1) => self.layout.n_states,
                Some(_) => usize::MAX,
            }
        })
    }

    fn exchange_tangent(
        &self,
        face: usize,
        flux: &FaceFlux<Direction>,
        column: &mut impl FnMut(usize, &Direction),
    ) {
        for (volume, sign) in [(face, -1.0), (face + 1, 1.0)] {
            let width = self.width_m(volume);
            for species in 0..self.layout.n_dissolved {
                let change = flux.species[species] * (sign / width);
                column(self.layout.dissolved(volume, species), &change);
            }
            if self.layout.volumes[volume].is_porous() {
                let change = flux.ionic_current * (-sign / width * self.physics.per_capacitance);
                column(self.layout.potential(volume), &change);
            }
        }
        column(self.layout.n_states, &-flux.drop);
    }
}

/// A window of directions of one block.
struct Pass<'a> {
    index: usize,
    first: usize,
    n: usize,
    views: &'a [VolumeView<f64>],
}
