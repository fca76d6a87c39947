//! The forward pass of many rows, written for throughput: a surrogate that screens has no time for general tensors.
//!
//! The same networks as burn's, within rounding (a test compares them); derivatives and training are left to burn.

use super::perceptron::Shape;

/// Rows that a block computes together ...
const ROWS: usize = 6;
/// ... and columns: twelve registers of eight sums.
const COLUMNS: usize = 16;

/// One layer: panels of [`COLUMNS`] columns, each row by row, the last one filled up with zeros.
#[derive(Clone, Debug)]
struct Layer {
    n_inputs: usize,
    n_outputs: usize,
    panels: Vec<f32>,
    offsets: Vec<f32>,
}

/// A network laid out for the forward pass.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    layers: Vec<Layer>,
}

/// Room for what passes from layer to layer, kept from call to call.
#[derive(Debug, Default)]
pub(super) struct Room {
    from: Vec<f32>,
    to: Vec<f32>,
}

impl Forward {
    /// A network from its weights: for each layer its matrix row by row, then its offsets.
    pub(super) fn new(shape: &Shape, weights: &[f32]) -> Self {
        let mut rest = weights;
        let layers = shape.layers().into_iter().map(|(n, m)| {
            let (matrix, after) = rest.split_at(n * m);
            let (offsets, after) = after.split_at(m);
            rest = after;
            Layer::new((n, m), matrix, offsets)
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// Raw outputs of rows of inputs, each row filled up to whole panels; returns the width of a row.
    pub(super) fn run<'r>(&self, inputs: &[f32], room: &'r mut Room) -> (&'r [f32], usize) {
        let n_inputs = self.layers.first().map_or(1, |layer| layer.n_inputs);
        let n_rows = inputs.len() / n_inputs;
        // Rows of zeros fill the last block.
        let n_blocks = n_rows.div_ceil(ROWS);
        room.from.clear();
        room.from.extend_from_slice(inputs);
        room.from.resize(n_blocks * ROWS * n_inputs, 0.0);
        let mut width = n_inputs;
        for (position, layer) in self.layers.iter().enumerate() {
            let is_hidden = position + 1 < self.layers.len();
            layer.run((&room.from, width), &mut room.to, is_hidden);
            width = layer.width();
            std::mem::swap(&mut room.from, &mut room.to);
        }
        (&room.from[..n_rows * width], width)
    }
}

impl Layer {
    fn new((n, m): (usize, usize), matrix: &[f32], offsets: &[f32]) -> Self {
        let n_panels = m.div_ceil(COLUMNS);
        let mut panels = vec![0.0; n_panels * n * COLUMNS];
        for (k, row) in matrix.chunks(m).enumerate() {
            for (column, weight) in row.iter().enumerate() {
                let panel = (column / COLUMNS) * n * COLUMNS;
                panels[panel + k * COLUMNS + column % COLUMNS] = *weight;
            }
        }
        let mut padded = offsets.to_vec();
        padded.resize(n_panels * COLUMNS, 0.0);
        Self {
            n_inputs: n,
            n_outputs: m,
            panels,
            offsets: padded,
        }
    }

    /// Length of a row of its outputs, filled up to whole panels.
    fn width(&self) -> usize {
        self.n_outputs.div_ceil(COLUMNS) * COLUMNS
    }

    /// All rows through the layer; `width` is that of a row of inputs.
    fn run(&self, (from, width): (&[f32], usize), to: &mut Vec<f32>, is_hidden: bool) {
        let (n, own) = (self.n_inputs, self.width());
        to.resize(from.len() / width * own, 0.0);
        let blocks = from.chunks_exact(ROWS * width);
        for (rows, out) in blocks.zip(to.chunks_exact_mut(ROWS * own)) {
            for (panel, weights) in self.panels.chunks_exact(n * COLUMNS).enumerate() {
                let sums = block((rows, width), weights);
                let start = panel * COLUMNS;
                let offsets = &self.offsets[start..start + COLUMNS];
                for (row, sums) in out.chunks_exact_mut(own).zip(&sums) {
                    let out = &mut row[start..start + COLUMNS];
                    for ((out, sum), offset) in out.iter_mut().zip(sums).zip(offsets) {
                        *out = sum + offset;
                    }
                    if is_hidden {
                        for z in out.iter_mut() {
                            *z *= sigmoid(*z);
                        }
                    }
                }
            }
        }
    }
}

/// Sums of a block of rows with a panel of weights.
#[inline]
fn block((rows, width): (&[f32], usize), weights: &[f32]) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[0.0f32; COLUMNS]; ROWS];
    for (k, weights) in weights.as_chunks::<COLUMNS>().0.iter().enumerate() {
        for (r, sums) in sums.iter_mut().enumerate() {
            let x = rows[r * width + k];
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = multiply_add(x, *weight, *sum);
            }
        }
    }
    sums
}

/// a b + c in one step where the processor has one; elsewhere it would be a slow function.
#[inline]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_feature = "fma") {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// 1/(1 + e⁻ˣ), without branches so that it becomes vector instructions.
#[inline]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// eˣ within the rounding of x between the ends of single precision: 2ⁿ times a polynomial on half a unit around n.
#[inline]
fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// Bits of the exponent of one.
    const ONE: u32 = 127 << 23;
    let t = (x * std::f32::consts::LOG2_E).clamp(-126.0, 126.0);
    let rounded = t + ROUND;
    let f = (t - (rounded - ROUND)) * std::f32::consts::LN_2;
    let series = 1.0
        + f * (1.0
            + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    series * f32::from_bits((rounded.to_bits() << 23).wrapping_add(ONE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exponential_is_that_of_the_library(x in -80.0f32..80.0) {
            // The rounding of x/ln 2 grows with x.
            prop_assert!((exp(x) / x.exp() - 1.0).abs() < 5e-7 + 1.2e-7 * x.abs());
        }
    }

    #[test]
    fn sigmoid_stays_finite_far_out() {
        assert!(sigmoid(-1e30) >= 0.0 && sigmoid(-1e30) < 1e-30);
        assert!((sigmoid(1e30) - 1.0).abs() < 1e-6);
        assert!(sigmoid(f32::NAN).is_nan());
    }
}
