//! From blocks and faces to the whole chain: the right-hand side, and its Jacobian by dual numbers.

use super::layout::Layout;
use super::physics::FaceFlux;
use super::physics::Physics;
use super::physics::VolumeView;
use crate::numerics::blocks::BlockMatrix;
use crate::numerics::blocks::BlockShape;
use crate::numerics::blocks::RowMut;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;

/// Directions that one pass of the Jacobian differentiates in: a cathode volume of the Mg-S mechanism has ten
/// states, the wetted fraction and the current come with it. Larger blocks take more passes.
const DIRECTIONS: usize = 12;
/// States of the largest block: all amounts of a volume, coverage, potential, and a foil.
const BLOCK_MAX: usize = crate::mechanism::NODE_SLOTS_MAX + 12;

/// A number with its derivatives by the states of one block; over a dual number it holds mixed second derivatives.
pub(super) type Direction<S = f64> = Dual<DIRECTIONS, S>;

impl<S: Scalar> Physics<S> {
    /// Writes dy/dt at cell current density `current` (A m⁻², discharge positive) into `rate` and returns the
    /// terminal voltage (V).
    pub(super) fn rate(&self, layout: &Layout, y: &[S], current: S, rate: &mut [S]) -> S {
        let wetted = layout.wetted.map_or(S::constant(1.0), |w| y[w]);
        let mut voltage = S::constant(0.0);
        let mut before: Option<VolumeView<S>> = None;
        for index in 0..layout.volumes.len() {
            let range = layout.block(index);
            let (view, part) = self.block(
                layout,
                index,
                &y[range.clone()],
                (wetted, current),
                &mut rate[range],
            );
            voltage += part;
            if let Some(before) = before {
                let face = index - 1;
                let flux = self.face(layout, face, (&before, &view), current);
                self.exchange(layout, face, &flux, rate);
                voltage -= flux.drop;
            }
            before = Some(view);
        }
        if let Some(w) = layout.wetted {
            rate[w] = self.wetting(wetted);
        }
        voltage
    }

    /// Applies a face's flux to the volumes beside it.
    fn exchange(&self, layout: &Layout, face: usize, flux: &FaceFlux<S>, rate: &mut [S]) {
        for (volume, sign) in [(face, -1.0), (face + 1, 1.0)] {
            let per_width = self.per_width(layout, volume) * sign;
            let start = layout.volumes[volume].start;
            let amounts = &mut rate[start..start + layout.n_dissolved];
            for (amount, flux) in amounts.iter_mut().zip(&flux.species) {
                *amount += *flux * per_width;
            }
            if layout.volumes[volume].is_porous() {
                rate[layout.potential(volume)] -=
                    flux.ionic_current * per_width * self.per_capacitance;
            }
        }
    }

    fn views(&self, layout: &Layout, y: &[S], current: S) -> Vec<VolumeView<S>> {
        let wetted = layout.wetted.map_or(S::constant(1.0), |w| y[w]);
        let mut scratch = [S::constant(0.0); BLOCK_MAX];
        let volumes = 0..layout.volumes.len();
        volumes
            .map(|index| {
                let range = layout.block(index);
                let rate = &mut scratch[..range.len()];
                self.block(layout, index, &y[range], (wetted, current), rate)
                    .0
            })
            .collect()
    }
}

/// The same equations for two scalars: their own, and dual numbers over it.
pub(super) struct Differentiator<'a, S> {
    pub(super) layout: &'a Layout,
    pub(super) physics: &'a Physics<S>,
    pub(super) tangent: &'a Physics<Direction<S>>,
}

/// A window of directions of one block. The directions of a block are its states, then the wetted fraction, then the
/// current.
struct Pass {
    index: usize,
    /// First direction of the window.
    first: usize,
}

/// Where the derivatives of a pass go: columns of the block's states, then of the border.
struct Columns {
    /// Column of the first direction, and how many directions are states of the block.
    states: (usize, usize),
    /// Direction and border column of the wetted fraction and the current.
    border: [Option<(usize, usize)>; 2],
}

impl<S: Scalar> Differentiator<'_, S> {
    /// Adds the Jacobian at a state and current to `matrix`, which comes filled with zeros.
    ///
    /// With one border unknown more than the cell has, the last column holds ∂f/∂I, the last row ∂V/∂y, and the corner
    /// ∂V/∂I: what impedance and an imposed voltage need.
    pub(super) fn jacobian(&self, y: &[S], current: S, matrix: &mut BlockMatrix<S>) {
        let views = self.physics.views(self.layout, y, current);
        let mut scratch = Vec::new();
        for index in 0..self.layout.volumes.len() {
            let n_directions = self.layout.block(index).len() + 2;
            for first in (0..n_directions).step_by(DIRECTIONS) {
                let pass = Pass { index, first };
                self.differentiate(&pass, &views, (y, current), (&mut scratch, matrix));
            }
        }
        if let Some(w) = self.layout.wetted {
            let wetted = self.tangent.wetting(Dual::variable(y[w], 0));
            matrix.border_row_mut(0)[w] = wetted.eps[0];
        }
    }

    /// One pass: a block and its two faces, differentiated in a window of the block's directions.
    fn differentiate(
        &self,
        pass: &Pass,
        views: &[VolumeView<S>],
        (y, current): (&[S], S),
        (scratch, matrix): (&mut Vec<Direction<S>>, &mut BlockMatrix<S>),
    ) {
        let layout = self.layout;
        let range = layout.block(pass.index);
        let n_block = range.len();
        let seed = |value: S, direction: usize| match direction.checked_sub(pass.first) {
            Some(local) if local < DIRECTIONS => Dual::variable(value, local),
            _ => Dual::fixed(value),
        };
        scratch.clear();
        let states = y[range].iter().enumerate();
        scratch.extend(states.map(|(i, value)| seed(*value, i)));
        scratch.resize(2 * n_block, Direction::<S>::constant(0.0));
        let (state, rate) = scratch.split_at_mut(n_block);
        let wetted = seed(layout.wetted.map_or(S::constant(1.0), |w| y[w]), n_block);
        let drive = seed(current, n_block + 1);
        let (view, voltage) = self
            .tangent
            .block(layout, pass.index, state, (wetted, drive), rate);
        let columns = self.columns(pass, matrix.shape());
        for (i, value) in rate.iter().enumerate() {
            columns.add(&mut matrix.row_mut(pass.index, i), value);
        }
        columns.add_voltage(matrix, layout.n_states, &voltage);
        // The left face is seen with the current as a constant: the pass of its left block has counted it.
        if pass.index > 0 {
            let face = pass.index - 1;
            let left = views[face].lift();
            let flux = self
                .tangent
                .face(layout, face, (&left, &view), Dual::fixed(current));
            self.exchange(face, &flux, &columns, matrix);
        }
        if pass.index + 1 < layout.volumes.len() {
            let right = views[pass.index + 1].lift();
            let flux = self
                .tangent
                .face(layout, pass.index, (&view, &right), drive);
            self.exchange(pass.index, &flux, &columns, matrix);
        }
    }

    fn columns(&self, pass: &Pass, shape: &BlockShape) -> Columns {
        let range = self.layout.block(pass.index);
        let direction = |after: usize| {
            let local = (range.len() + after).checked_sub(pass.first)?;
            (local < DIRECTIONS).then_some(local)
        };
        let n_own = usize::from(self.layout.wetted.is_some());
        let has_current = shape.n_border() > n_own;
        let n_states = range.len().saturating_sub(pass.first).min(DIRECTIONS);
        Columns {
            states: (range.start + pass.first, n_states),
            border: [
                direction(0).filter(|_| n_own > 0).map(|local| (local, 0)),
                direction(1)
                    .filter(|_| has_current)
                    .map(|local| (local, n_own)),
            ],
        }
    }

    fn exchange(
        &self,
        face: usize,
        flux: &FaceFlux<Direction<S>>,
        columns: &Columns,
        matrix: &mut BlockMatrix<S>,
    ) {
        let layout = self.layout;
        for (volume, sign) in [(face, -1.0), (face + 1, 1.0)] {
            let per_width = self.tangent.per_width(layout, volume) * sign;
            let first = layout.block(volume).start;
            for species in 0..layout.n_dissolved {
                let change = flux.species[species] * per_width;
                let row = layout.dissolved(volume, species) - first;
                columns.add(&mut matrix.row_mut(volume, row), &change);
            }
            if layout.volumes[volume].is_porous() {
                let change = -(flux.ionic_current * per_width * self.tangent.per_capacitance);
                let row = layout.potential(volume) - first;
                columns.add(&mut matrix.row_mut(volume, row), &change);
            }
        }
        columns.add_voltage(matrix, layout.n_states, &-flux.drop);
    }
}

impl Columns {
    /// Adds derivatives to a row of a block.
    #[inline]
    fn add<S: Scalar>(&self, row: &mut RowMut<'_, S>, value: &Direction<S>) {
        let (column, n) = self.states;
        // A window past the block's states holds the border's directions alone.
        if n > 0 {
            let derivatives = &value.eps[..n];
            for (entry, derivative) in row.core_from(column).zip(derivatives) {
                *entry += *derivative;
            }
        }
        for (direction, column) in self.border.iter().flatten() {
            *row.border(*column) += value.eps[*direction];
        }
    }

    /// Adds derivatives to the row of the voltage, if there is one: the last border row.
    fn add_voltage<S: Scalar>(
        &self,
        matrix: &mut BlockMatrix<S>,
        n_states: usize,
        value: &Direction<S>,
    ) {
        let (n, n_core) = (matrix.shape().n_unknowns(), matrix.shape().n_core());
        if n == n_states {
            return;
        }
        let row = matrix.border_row_mut(n - 1 - n_core);
        let (column, n_own) = self.states;
        for (entry, derivative) in row[column..column + n_own].iter_mut().zip(&value.eps) {
            *entry += *derivative;
        }
        for (direction, column) in self.border.iter().flatten() {
            row[n_core + column] += value.eps[*direction];
        }
    }
}
