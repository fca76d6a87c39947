//! From blocks and faces to the whole chain: the right-hand side, and its Jacobian by dual numbers.

use super::layout::Layout;
use super::physics::FaceFlux;
use super::physics::Physics;
use super::physics::VolumeView;
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
            let per_width = S::constant(sign) / self.width(layout, volume);
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

/// A window of directions of one block.
struct Pass<'a, S> {
    index: usize,
    first: usize,
    n: usize,
    views: &'a [VolumeView<S>],
}

impl<S: Scalar> Differentiator<'_, S> {
    /// Adds the Jacobian at a state and current to `entries` (column-major, filled with zeros, `n × n`).
    ///
    /// With `n` one larger than the number of states, the last column holds ∂f/∂I, the last row ∂V/∂y, and the
    /// corner ∂V/∂I: what impedance and an imposed voltage need.
    pub(super) fn jacobian(&self, y: &[S], current: S, n: usize, entries: &mut [S]) {
        let views = self.physics.views(self.layout, y, current);
        for index in 0..self.layout.volumes.len() {
            let n_directions = self.layout.block(index).len() + 2;
            for first in (0..n_directions).step_by(DIRECTIONS) {
                let pass = Pass {
                    index,
                    first,
                    n,
                    views: &views,
                };
                self.differentiate(&pass, y, current, entries);
            }
        }
        if let Some(w) = self.layout.wetted {
            let wetted = self.tangent.wetting(Dual::variable(y[w], 0));
            entries[w * n + w] = wetted.eps[0];
        }
    }

    /// One pass: a block and its two faces, differentiated in a window of the block's directions. The directions of
    /// a block are its states, then the wetted fraction, then the current.
    fn differentiate(&self, pass: &Pass<'_, S>, y: &[S], current: S, entries: &mut [S]) {
        let layout = self.layout;
        let range = layout.block(pass.index);
        let n_block = range.len();
        let seed = |value: S, direction: usize| match direction.checked_sub(pass.first) {
            Some(local) if local < DIRECTIONS => Dual::variable(value, local),
            _ => Dual::fixed(value),
        };
        let mut state = [Direction::<S>::constant(0.0); BLOCK_MAX];
        for (i, value) in y[range.clone()].iter().enumerate() {
            state[i] = seed(*value, i);
        }
        let wetted = seed(layout.wetted.map_or(S::constant(1.0), |w| y[w]), n_block);
        let drive = seed(current, n_block + 1);
        let mut rate = [Direction::<S>::constant(0.0); BLOCK_MAX];
        let (view, voltage) = self.tangent.block(
            layout,
            pass.index,
            &state[..n_block],
            (wetted, drive),
            &mut rate[..n_block],
        );
        let columns = self.columns(pass, n_block, range.start);
        let mut column = |row: usize, value: &Direction<S>| {
            for (column, derivative) in columns.iter().zip(&value.eps) {
                if *column < pass.n && row < pass.n {
                    entries[column * pass.n + row] += *derivative;
                }
            }
        };
        for (i, value) in rate[..n_block].iter().enumerate() {
            column(range.start + i, value);
        }
        column(layout.n_states, &voltage);
        // The left face is seen with the current as a constant: the pass of its left block has counted it.
        if pass.index > 0 {
            let face = pass.index - 1;
            let left = pass.views[face].lift();
            let flux = self
                .tangent
                .face(layout, face, (&left, &view), Dual::fixed(current));
            self.exchange(face, &flux, &mut column);
        }
        if pass.index + 1 < layout.volumes.len() {
            let right = pass.views[pass.index + 1].lift();
            let flux = self
                .tangent
                .face(layout, pass.index, (&view, &right), drive);
            self.exchange(pass.index, &flux, &mut column);
        }
    }

    /// The column of each direction of a pass; directions without one get an index past the end.
    fn columns(&self, pass: &Pass<'_, S>, n_block: usize, start: usize) -> [usize; DIRECTIONS] {
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

    fn exchange(
        &self,
        face: usize,
        flux: &FaceFlux<Direction<S>>,
        column: &mut impl FnMut(usize, &Direction<S>),
    ) {
        let layout = self.layout;
        for (volume, sign) in [(face, -1.0), (face + 1, 1.0)] {
            let per_width = Dual::constant(sign) / self.tangent.width(layout, volume);
            for species in 0..layout.n_dissolved {
                let change = flux.species[species] * per_width;
                column(layout.dissolved(volume, species), &change);
            }
            if layout.volumes[volume].is_porous() {
                let change = -(flux.ionic_current * per_width * self.tangent.per_capacitance);
                column(layout.potential(volume), &change);
            }
        }
        column(layout.n_states, &-flux.drop);
    }
}
