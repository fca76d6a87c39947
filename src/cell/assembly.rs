//! From blocks and faces to the whole chain: the right-hand side, and its Jacobian by dual numbers.

use std::ops::Range;

use super::layout::Layout;
use super::physics::Physics;
use super::physics::VolumeView;
use crate::mechanism::DISSOLVED_MAX;
use crate::numerics::blocks::BlockMatrix;
use crate::numerics::blocks::BlockShape;
use crate::numerics::lanes::Lanes;
use crate::numerics::lanes::N_LANES;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;

/// Directions that one pass of the Jacobian differentiates in: a cathode volume of the Mg-S mechanism has ten
/// states, the wetted fraction and the current come with it. Larger blocks take more passes.
const DIRECTIONS: usize = 12;
/// States of the largest volume: all amounts, coverage, potential.
const STATES_MAX: usize = crate::mechanism::NODE_SLOTS_MAX + 2;

/// A number with its derivatives by the states of one block; over a dual number it holds mixed second derivatives.
pub(super) type Direction<S = f64> = Dual<DIRECTIONS, S>;

impl<S: Scalar> Physics<S> {
    /// Writes dy/dt at cell current density `current` (A m⁻², discharge positive) into `rate` and returns the
    /// terminal voltage (V).
    pub(super) fn rate(&self, layout: &Layout, y: &[S], current: S, rate: &mut [S]) -> S {
        self.chain(layout, (y, current), (rate, true), |index, rate| {
            self.one_porous_volume(layout, index, y, rate)
        })
    }

    /// Writes the changes inside a porous volume and returns what it shows to its neighbours.
    #[inline]
    fn one_porous_volume(
        &self,
        layout: &Layout,
        index: usize,
        y: &[S],
        rate: &mut [S],
    ) -> VolumeView<S> {
        let wetted = layout.wetted.map_or(S::constant(1.0), |w| y[w]);
        let states = layout.states(index);
        let rate = &mut rate[states.clone()];
        self.porous_volume(layout, index, &y[states], wetted, rate)
    }

    /// The same, with the porous volumes left to `porous`: it writes the changes inside a volume, where `rate` holds
    /// zeros, and returns what the volume shows to its neighbours. The voltage is not a number unless it is wanted.
    fn chain(
        &self,
        layout: &Layout,
        (y, current): (&[S], S),
        (rate, wants_voltage): (&mut [S], bool),
        mut porous: impl FnMut(usize, &mut [S]) -> VolumeView<S>,
    ) -> S {
        rate.fill(S::constant(0.0));
        let mut voltage = S::constant(0.0);
        let mut before: Option<VolumeView<S>> = None;
        for index in 0..layout.volumes.len() {
            let view = if layout.volumes[index].is_porous() {
                porous(index, rate)
            } else {
                self.separator_volume(&y[layout.states(index)], wants_voltage)
            };
            let range = layout.block(index);
            let seen = (&y[range.clone()], &view);
            voltage += self.ends(layout, index, seen, current, &mut rate[range]);
            if let Some(before) = before {
                voltage -= self.exchange(layout, index - 1, (&before, &view), current, rate);
            }
            before = Some(view);
        }
        if let Some(w) = layout.wetted {
            rate[w] = self.wetting(y[w]);
        }
        voltage
    }

    /// Applies what passes a face to the volumes beside it, and returns the fall of the electrolyte's potential (V).
    #[inline]
    fn exchange(
        &self,
        layout: &Layout,
        face: usize,
        sides: (&VolumeView<S>, &VolumeView<S>),
        current: S,
        rate: &mut [S],
    ) -> S {
        let per_widths = [face, face + 1].map(|volume| self.per_width(layout, volume));
        let [left, right] = [face, face + 1].map(|volume| layout.volumes[volume].start);
        let (ionic_current, drop) = self.face(layout, face, sides, current, |species, flux| {
            rate[left + species] -= flux * per_widths[0];
            rate[right + species] += flux * per_widths[1];
        });
        for (volume, per_width) in [face, face + 1].into_iter().zip(per_widths) {
            if layout.volumes[volume].is_porous() {
                let change = ionic_current * (per_width * self.per_capacitance);
                let potential = &mut rate[layout.potential(volume)];
                if volume == face {
                    *potential += change;
                } else {
                    *potential -= change;
                }
            }
        }
        drop
    }

    /// The terminal voltage (V) alone.
    pub(super) fn voltage(&self, layout: &Layout, y: &[S], current: S) -> S {
        let mut voltage = S::constant(0.0);
        let mut before: Option<VolumeView<S>> = None;
        for index in 0..layout.volumes.len() {
            let y = &y[layout.block(index)];
            let view = self.view(layout, index, y);
            voltage += self.end_voltage(layout, index, (y, &view), current);
            if let Some(before) = before {
                voltage -= self.drop(layout, index - 1, (&before, &view), current);
            }
            before = Some(view);
        }
        voltage
    }

    fn views(&self, layout: &Layout, y: &[S]) -> Vec<VolumeView<S>> {
        let volumes = 0..layout.volumes.len();
        volumes
            .map(|index| self.view(layout, index, &y[layout.block(index)]))
            .collect()
    }
}

impl Physics<f64> {
    /// As [`Physics::rate`], many porous volumes at a time with the same equations in `lanes`. The voltage is not a
    /// number unless it is wanted.
    pub(super) fn rate_in_lanes(
        &self,
        lanes: &Physics<Lanes>,
        layout: &Layout,
        (y, current): (&[f64], f64),
        (rate, wants_voltage): (&mut [f64], bool),
    ) -> f64 {
        let mut group = Group {
            physics: lanes,
            layout,
            y,
            range: 0..0,
            views: [VolumeView::constant(0.0); N_LANES],
        };
        let terms = (rate, wants_voltage);
        self.chain(layout, (y, current), terms, |index, rate| {
            if index >= group.range.end {
                group.range = group.next(index);
                if group.range.len() >= GROUP_MIN {
                    group.evaluate(rate);
                }
            }
            if group.range.len() >= GROUP_MIN {
                group.views[index - group.range.start]
            } else {
                self.one_porous_volume(layout, index, y, rate)
            }
        })
    }
}

impl Physics<Lanes> {
    /// The terminal voltages (V) at many states, one row of `states` after the other, several at a time.
    pub(super) fn voltages(&self, layout: &Layout, states: &[f64], current: Lanes) -> Vec<f64> {
        let n = layout.n_states;
        assert_eq!(states.len() % n, 0, "whole rows of states");
        let mut voltages = Vec::with_capacity(states.len() / n);
        let mut y = vec![Lanes::constant(1.0); n];
        for group in states.chunks(n * N_LANES) {
            let rows = group.chunks_exact(n);
            let n_rows = rows.len();
            for (lane, row) in rows.enumerate() {
                for (y, state) in y.iter_mut().zip(row) {
                    y.0[lane] = *state;
                }
            }
            let together = self.voltage(layout, &y, current);
            voltages.extend_from_slice(&together.0[..n_rows]);
        }
        voltages
    }
}

/// Fewer volumes than these are evaluated one by one, which is faster.
const GROUP_MIN: usize = 3;

/// Consecutive volumes of one porous electrode that are evaluated together.
struct Group<'a> {
    physics: &'a Physics<Lanes>,
    layout: &'a Layout,
    y: &'a [f64],
    range: Range<usize>,
    views: [VolumeView<f64>; N_LANES],
}

impl Group<'_> {
    /// The volumes from `first` on that lie in the same electrode, as many as there are lanes.
    fn next(&self, first: usize) -> Range<usize> {
        let volumes = &self.layout.volumes;
        let end = (first + N_LANES).min(volumes.len());
        let is_same = |v: &usize| volumes[*v].region == volumes[first].region;
        first..first + (first..end).take_while(is_same).count()
    }

    /// Writes the changes inside the volumes and keeps their views. Lanes that are left over repeat the last volume.
    fn evaluate(&mut self, rate: &mut [f64]) {
        let first = self.range.start;
        let last = self.range.end - 1;
        let states: [Range<usize>; N_LANES] =
            std::array::from_fn(|lane| self.layout.states(last.min(first + lane)));
        let mut y = [Lanes::constant(0.0); STATES_MAX];
        let mut changes = [Lanes::constant(0.0); STATES_MAX];
        let size = states[0].len();
        for (lane, states) in states.iter().enumerate() {
            for (y, state) in y.iter_mut().zip(&self.y[states.clone()]) {
                y.0[lane] = *state;
            }
        }
        let wetted = self.layout.wetted.map_or(1.0, |w| self.y[w]);
        let (layout, wetted) = (self.layout, Lanes::constant(wetted));
        let view =
            self.physics
                .porous_volume(layout, first, &y[..size], wetted, &mut changes[..size]);
        for (lane, states) in states.into_iter().take(self.range.len()).enumerate() {
            for (rate, change) in rate[states].iter_mut().zip(&changes) {
                *rate = change.0[lane];
            }
            self.views[lane] = view.map(|numbers| numbers.0[lane]);
        }
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
        let views = self.physics.views(self.layout, y);
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
        let (view, mut voltage) =
            self.tangent
                .block(layout, pass.index, state, (wetted, drive), rate);
        let columns = self.columns(pass, matrix.shape());
        // The left face is seen with the current as a constant: the pass of its left block has counted it.
        if pass.index > 0 {
            let left = views[pass.index - 1].map(Dual::fixed);
            let sides = (&left, &view);
            let pair = (pass.index, pass.index - 1);
            let terms = (&mut *rate, &columns, &mut *matrix);
            voltage -= self.exchange(pair, sides, Dual::fixed(current), terms);
        }
        if pass.index + 1 < layout.volumes.len() {
            let right = views[pass.index + 1].map(Dual::fixed);
            let sides = (&view, &right);
            let pair = (pass.index, pass.index + 1);
            voltage -= self.exchange(pair, sides, drive, (&mut *rate, &columns, &mut *matrix));
        }
        columns.put(matrix, (pass.index, 0), rate);
        columns.put_voltage(matrix, layout.n_states, &voltage);
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

    /// Applies what passes the face between the block of a pass and its neighbour: to the changes `rate` of the block,
    /// and to the neighbour's rows of the matrix, its dissolved species and its potential. Returns the fall of the
    /// electrolyte's potential.
    #[inline]
    fn exchange(
        &self,
        (own, neighbour): (usize, usize),
        sides: (&VolumeView<Direction<S>>, &VolumeView<Direction<S>>),
        current: Direction<S>,
        (rate, columns, matrix): (&mut [Direction<S>], &Columns, &mut BlockMatrix<S>),
    ) -> Direction<S> {
        let layout = self.layout;
        let sign = if own < neighbour { -1.0 } else { 1.0 };
        let per_own = self.physics.per_width(layout, own) * sign;
        let per_neighbour = self.physics.per_width(layout, neighbour) * -sign;
        let rate = &mut rate[layout.own(own)];
        let rows = layout.own(neighbour);
        let mut changes = [Direction::<S>::constant(0.0); DISSOLVED_MAX];
        let put = |species: usize, flux: Direction<S>| {
            rate[species].add_multiple(per_own, &flux);
            changes[species].add_multiple(per_neighbour, &flux);
        };
        let face = own.min(neighbour);
        let (ionic_current, drop) = self.tangent.face(layout, face, sides, current, put);
        let changes = &changes[..layout.n_dissolved];
        columns.put(matrix, (neighbour, rows.start), changes);
        let per_capacitance = -self.physics.per_capacitance;
        if let (Some(potential), true) = (rate.last_mut(), layout.volumes[own].is_porous()) {
            potential.add_multiple(per_own * per_capacitance, &ionic_current);
        }
        if layout.volumes[neighbour].is_porous() {
            let mut change = Direction::constant(0.0);
            change.add_multiple(per_neighbour * per_capacitance, &ionic_current);
            columns.put(matrix, (neighbour, rows.end - 1), &[change]);
        }
        drop
    }
}

impl Columns {
    /// Enters the derivatives of consecutive rows of a block. The columns of the states are those of one pass only and
    /// are set; those of the border collect from several.
    #[inline]
    fn put<S: Scalar>(
        &self,
        matrix: &mut BlockMatrix<S>,
        (block, first_row): (usize, usize),
        rows: &[Direction<S>],
    ) {
        let (first, n) = self.states;
        // A window past the block's states holds the border's directions alone.
        if n > 0 {
            let columns = matrix.columns_mut(block, first..first + n);
            // Four rows at a time, which the compiler turns into one store.
            let (groups, last) = rows.as_chunks::<4>();
            for (direction, column) in columns.take(DIRECTIONS).enumerate() {
                let column = &mut column[first_row..][..rows.len()];
                let (grouped, rest) = column.as_chunks_mut::<4>();
                for (entries, rows) in grouped.iter_mut().zip(groups) {
                    for (entry, row) in entries.iter_mut().zip(rows) {
                        *entry = row.eps[direction];
                    }
                }
                for (entry, row) in rest.iter_mut().zip(last) {
                    *entry = row.eps[direction];
                }
            }
        }
        for (direction, column) in self.border.iter().flatten() {
            let column = &mut matrix.border_column_mut(block, *column)[first_row..];
            for (entry, row) in column.iter_mut().zip(rows) {
                *entry += row.eps[*direction];
            }
        }
    }

    /// Enters the derivatives of the voltage, if it has a row: the last border row.
    fn put_voltage<S: Scalar>(
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
