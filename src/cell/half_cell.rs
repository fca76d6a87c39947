//! The equations of a half cell: diffusion of a couple to a planar electrode, charge transfer, double layer and
//! uncompensated resistance.
//!
//! The electrolyte carries the current by an excess of inert salt, so the couple does not migrate. Volumes widen
//! geometrically with the distance from the electrode, in proportion to how far diffusion reaches, so that one mesh
//! serves all diffusivities.

use super::layout::Layout;
use crate::mechanism::Couple;
use crate::mechanism::Depth;
use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::numerics::blocks::BlockMatrix;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;
use crate::units::FARADAY_C_PER_MOL;

/// Depth of a semi-infinite electrolyte in units of √(Dt) at the longest time (1): a wall there changes the current by
/// less than e⁻⁹.
const DEPTH: f64 = 6.0;
/// Width of the first volume in units of √(Dt) at the shortest time (1).
const FIRST_WIDTH: f64 = 0.1;
/// Concentration that stands for none where the equilibrium potential asks for a logarithm (share of the other's).
const TRACE: f64 = 1e-9;

/// The equations of a half cell with the values of one set of parameters.
///
/// States: the potential difference electrode − electrolyte E (V), then the concentrations of the dissolved species
/// (mol m⁻³) in every volume. Positive current discharges: it reduces.
#[derive(Clone, Debug)]
pub(super) struct HalfCellPhysics<S> {
    couple: Couple<S>,
    /// 1/C (m² F⁻¹).
    per_capacitance: S,
    /// Uncompensated resistance (Ω m²).
    resistance: S,
    /// Widths of the volumes (m).
    widths: Vec<S>,
    /// Paths (m) between the centres of neighbouring volumes; the last one from the last centre to the end.
    paths: Vec<S>,
    is_open: bool,
}

impl<S: Scalar> HalfCellPhysics<S> {
    pub(super) fn new(mechanism: &Mechanism, values: &[S], n_volumes: usize) -> Self {
        let half_cell = mechanism.half_cell().expect("a half cell");
        let at = |id: ParameterId| values[id.index()];
        let couple = Couple::new(mechanism, values);
        let (shortest, longest) = (at(half_cell.shortest_time), at(half_cell.longest_time));
        let [oxidised, reduced] = couple.diffusivities;
        let reach = ((oxidised + reduced) * longest).sqrt() * DEPTH;
        let depth = match half_cell.depth {
            Depth::SemiInfinite => reach,
            Depth::Wall(thickness) | Depth::Bulk(thickness) => at(thickness),
        };
        let span = DEPTH * (longest.value() / shortest.value()).sqrt() / FIRST_WIDTH;
        let shares = widening_shares(n_volumes, span);
        let widths: Vec<S> = shares.iter().map(|share| depth * *share).collect();
        let inner = widths.windows(2).map(|pair| (pair[0] + pair[1]) * 0.5);
        let last = widths.last().map(|width| *width * 0.5);
        Self {
            paths: inner.chain(last).collect(),
            widths,
            per_capacitance: S::constant(1.0) / at(half_cell.capacitance),
            resistance: at(half_cell.resistance) * at(half_cell.area),
            is_open: matches!(half_cell.depth, Depth::Bulk(_)),
            couple,
        }
    }

    pub(super) fn width(&self, volume: usize) -> S {
        self.widths[volume]
    }

    /// The bulk everywhere, the electrode at its equilibrium. Where the bulk holds one species only, the other counts
    /// as a trace.
    pub(super) fn fresh_state(&self, layout: &Layout) -> Vec<S> {
        let mut y = vec![S::constant(0.0); layout.n_states];
        let [oxidised, reduced] = self.couple.bulk;
        let trace = TRACE * (oxidised.value() + reduced.value());
        y[0] = self
            .couple
            .equilibrium_v([oxidised.at_least(trace), reduced.at_least(trace)]);
        for volume in 0..self.widths.len() {
            for (position, bulk) in self.couple.positions.iter().zip(self.couple.bulk) {
                y[layout.dissolved(volume, *position)] = bulk;
            }
        }
        y
    }

    /// Index of a species of the couple in a volume.
    #[inline]
    fn index(&self, volume: usize, species: usize) -> usize {
        1 + 2 * volume + self.couple.positions[species]
    }

    /// Rate of the reduction (mol m⁻² s⁻¹).
    #[inline]
    fn reduction(&self, y: &[S]) -> S {
        let near = [y[self.index(0, 0)], y[self.index(0, 1)]];
        self.couple.rate(y[0], near, self.widths[0] * 0.5)
    }

    /// Writes dy/dt at a current density (A m⁻²) into `rate` and returns the terminal voltage (V).
    pub(super) fn rate(&self, y: &[S], current: S, rate: &mut [S]) -> S {
        let n = self.widths.len();
        let reduction = self.reduction(y);
        let faradaic = reduction * (self.couple.electrons * FARADAY_C_PER_MOL);
        rate[0] = (faradaic - current) * self.per_capacitance;
        for (species, bulk) in self.couple.bulk.into_iter().enumerate() {
            let diffusivity = self.couple.diffusivities[species];
            let mut enters = if species == 0 { -reduction } else { reduction };
            for volume in 0..n {
                let here = y[self.index(volume, species)];
                let leaves = if volume + 1 < n {
                    diffusivity * (here - y[self.index(volume + 1, species)]) / self.paths[volume]
                } else if self.is_open {
                    diffusivity * (here - bulk) / self.paths[volume]
                } else {
                    S::constant(0.0)
                };
                rate[self.index(volume, species)] = (enters - leaves) / self.widths[volume];
                enters = leaves;
            }
        }
        self.voltage(y, current)
    }

    /// The terminal voltage (V): reduction lowers it by the ohmic drop.
    pub(super) fn voltage(&self, y: &[S], current: S) -> S {
        y[0] - current * self.resistance
    }

    /// Adds the Jacobian to `matrix`, which comes filled with zeros; with one border unknown the last column holds the
    /// derivatives by the current, the last row those of the voltage.
    pub(super) fn jacobian(&self, y: &[S], matrix: &mut BlockMatrix<S>) {
        let mut add = |row: usize, column: usize, value: S| {
            if let Some(entry) = matrix.get_mut(row, column) {
                *entry += value;
            }
        };
        self.electrode_jacobian(y, &mut add);
        for species in 0..2 {
            self.diffusion_jacobian(species, &mut add);
        }
        let n = y.len();
        if matrix.shape().n_border() > 0 {
            let entries = [
                (0, n, -self.per_capacitance),
                (n, 0, S::constant(1.0)),
                (n, n, -self.resistance),
            ];
            for (row, column, value) in entries {
                if let Some(entry) = matrix.get_mut(row, column) {
                    *entry += value;
                }
            }
        }
    }

    /// Derivatives of what the charge transfer changes.
    fn electrode_jacobian(&self, y: &[S], add: &mut impl FnMut(usize, usize, S)) {
        let seen = [0, self.index(0, 0), self.index(0, 1)];
        let [e, oxidised, reduced]: [Dual<3, S>; 3] =
            std::array::from_fn(|direction| Dual::variable(y[seen[direction]], direction));
        let lifted = self.couple.lifted();
        let distance = Dual::fixed(self.widths[0] * 0.5);
        let reduction = lifted.rate(e, [oxidised, reduced], distance);
        let per_width = S::constant(1.0) / self.widths[0];
        let charge = self.per_capacitance * (self.couple.electrons * FARADAY_C_PER_MOL);
        for (column, slope) in seen.into_iter().zip(reduction.eps) {
            add(0, column, slope * charge);
            add(seen[1], column, -(slope * per_width));
            add(seen[2], column, slope * per_width);
        }
    }

    /// Derivatives of the fluxes of a species.
    fn diffusion_jacobian(&self, species: usize, add: &mut impl FnMut(usize, usize, S)) {
        let diffusivity = self.couple.diffusivities[species];
        let n = self.widths.len();
        for volume in 0..n {
            let conductance = diffusivity / self.paths[volume];
            let here = self.index(volume, species);
            let out = conductance / self.widths[volume];
            if volume + 1 < n {
                let next = self.index(volume + 1, species);
                let into = conductance / self.widths[volume + 1];
                add(here, here, -out);
                add(here, next, out);
                add(next, here, into);
                add(next, next, -into);
            } else if self.is_open {
                add(here, here, -out);
            }
        }
    }
}

/// Shares of the depth that volumes take which widen by a constant factor: the first one is `1/span` of it, or all are
/// equal if that is wider.
fn widening_shares(n_volumes: usize, span: f64) -> Vec<f64> {
    let total = |factor: f64| (0..n_volumes).map(|j| factor.powf(j as f64)).sum::<f64>();
    let (mut low, mut high) = (1.0, 2.0);
    while total(high) < span && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if total(middle) < span {
            low = middle;
        } else {
            high = middle;
        }
    }
    let sum = total(low);
    (0..n_volumes).map(|j| low.powf(j as f64) / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn volumes_fill_the_depth_and_widen_evenly(n in 1usize..200, span in 1.0..1e7f64) {
            let shares = widening_shares(n, span);
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            if n > 2 && span > 2.0 * n as f64 {
                prop_assert!((shares[0] * span - 1.0).abs() < 1e-6);
            }
            let factors: Vec<f64> = shares.windows(2).map(|pair| pair[1] / pair[0]).collect();
            for pair in factors.windows(2) {
                prop_assert!((pair[0] / pair[1] - 1.0).abs() < 1e-9);
            }
        }
    }
}
