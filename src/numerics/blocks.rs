//! Matrices of the shape that a one-dimensional cell has: block tridiagonal with a dense border.
//!
//! The unknowns come in consecutive blocks (one finite volume each) that couple to their neighbours only, followed
//! by a few border unknowns (wetted fraction, cell current) that couple to everything:
//!
//! ```text
//! | T  B |   T block tridiagonal, B and C dense, D small
//! | C  D |
//! ```

use std::ops::{AddAssign, Div, Mul, Neg, Range, Sub, SubAssign};

use nalgebra::Complex;

/// A field element: real for time integration, complex for impedance.
pub trait Field:
    Copy
    + Mul<Output = Self>
    + std::ops::Add<Output = Self>
    + Sub<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + SubAssign
    + AddAssign
    + PartialEq
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// A measure of size for choosing pivots.
    fn size(self) -> f64;
}

impl Field for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    #[inline]
    fn size(self) -> f64 {
        self.abs()
    }
}

impl Field for Complex<f64> {
    const ZERO: Self = Complex { re: 0.0, im: 0.0 };
    const ONE: Self = Complex { re: 1.0, im: 0.0 };
    #[inline]
    fn size(self) -> f64 {
        self.re.abs() + self.im.abs()
    }
}

/// Where the blocks and the border of the matrix lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockShape {
    /// First index of each block, and one past the last: `n_blocks + 1` entries.
    starts: Vec<usize>,
    /// Number of border unknowns, at the end.
    n_border: usize,
}

impl BlockShape {
    /// Blocks of the given sizes in order, then `n_border` border unknowns.
    pub fn new(block_sizes: &[usize], n_border: usize) -> Self {
        let mut starts = vec![0];
        for size in block_sizes {
            starts.push(starts[starts.len() - 1] + size);
        }
        Self { starts, n_border }
    }

    /// The same blocks with another number of border unknowns.
    #[must_use]
    pub fn with_border(&self, n_border: usize) -> Self {
        Self {
            starts: self.starts.clone(),
            n_border,
        }
    }

    /// Number of unknowns, border included.
    #[inline]
    pub fn n_unknowns(&self) -> usize {
        self.n_core() + self.n_border
    }

    /// Number of unknowns without the border.
    #[inline]
    pub fn n_core(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// Number of blocks.
    #[inline]
    pub(super) fn n_blocks(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of unknowns of a block.
    #[inline]
    pub(super) fn size(&self, block: usize) -> usize {
        self.starts[block + 1] - self.starts[block]
    }

    /// First unknown of a block.
    #[inline]
    pub(super) fn start(&self, block: usize) -> usize {
        self.starts[block]
    }

    /// Number of border unknowns.
    #[inline]
    pub fn n_border(&self) -> usize {
        self.n_border
    }

    /// The unknowns that a block couples to: its own and those of its neighbours.
    #[inline]
    fn reach(&self, block: usize) -> Range<usize> {
        self.starts[block.saturating_sub(1)]..self.starts[(block + 2).min(self.n_blocks())]
    }
}

/// Rows of a block come in groups of this many, filled up with zeros, so that no loop over them has a remainder.
pub(super) const LANES: usize = 4;

/// A matrix of this shape: only what may differ from zero is stored. The rows of a block are one panel: column after
/// column, each filled up with zeros to a multiple of four, which is how the factorisation takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockMatrix<T> {
    shape: BlockShape,
    spans: Vec<Span>,
    /// Where the border rows begin.
    border_start: usize,
    entries: Vec<T>,
}

/// How the rows of a block are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// Position of the panel.
    offset: usize,
    /// First column of the panel.
    first: usize,
    /// Number of columns before those of the border.
    n_core: usize,
    /// Distance between the columns.
    stride: usize,
}

impl<T: Copy> BlockMatrix<T> {
    /// A matrix filled with a value, its padding too.
    pub fn filled(shape: &BlockShape, value: T) -> Self {
        let mut spans = Vec::with_capacity(shape.n_blocks());
        let mut offset = 0;
        for block in 0..shape.n_blocks() {
            let reach = shape.reach(block);
            let stride = shape.size(block).next_multiple_of(LANES);
            spans.push(Span {
                offset,
                first: reach.start,
                n_core: reach.len(),
                stride,
            });
            offset += (reach.len() + shape.n_border) * stride;
        }
        Self {
            shape: shape.clone(),
            spans,
            border_start: offset,
            entries: vec![value; offset + shape.n_border * shape.n_unknowns()],
        }
    }

    /// The shape.
    #[inline]
    pub fn shape(&self) -> &BlockShape {
        &self.shape
    }

    /// All stored entries.
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// All stored entries, to be changed.
    pub fn entries_mut(&mut self) -> &mut [T] {
        &mut self.entries
    }

    /// The same structure with other entries.
    pub fn map<U: Copy>(&self, f: impl FnMut(T) -> U) -> BlockMatrix<U> {
        BlockMatrix {
            shape: self.shape.clone(),
            spans: self.spans.clone(),
            border_start: self.border_start,
            entries: self.entries.iter().copied().map(f).collect(),
        }
    }

    /// Columns of the block and its neighbours in the rows of a block, one after the other with their padding.
    #[inline]
    pub(super) fn columns(&self, block: usize, columns: Range<usize>) -> &[T] {
        let span = self.spans[block];
        let start = span.offset + (columns.start - span.first) * span.stride;
        &self.entries[start..start + columns.len() * span.stride]
    }

    /// A column of the border in the rows of a block.
    #[inline]
    pub(super) fn border_column(&self, block: usize, column: usize) -> &[T] {
        let span = self.spans[block];
        let start = span.offset + (span.n_core + column) * span.stride;
        &self.entries[start..start + self.shape.size(block)]
    }

    /// Columns of the block and its neighbours in the rows of a block, to be changed, each with its padding.
    ///
    /// # Panics
    /// If the block's rows do not reach the columns.
    #[inline]
    pub fn columns_mut(
        &mut self,
        block: usize,
        columns: Range<usize>,
    ) -> impl Iterator<Item = &mut [T]> {
        let span = self.spans[block];
        let start = span.offset + (columns.start - span.first) * span.stride;
        let entries = &mut self.entries[start..start + columns.len() * span.stride];
        entries.chunks_exact_mut(span.stride)
    }

    /// A column of the border in the rows of a block, to be changed.
    #[inline]
    pub fn border_column_mut(&mut self, block: usize, column: usize) -> &mut [T] {
        let span = self.spans[block];
        let start = span.offset + (span.n_core + column) * span.stride;
        &mut self.entries[start..start + self.shape.size(block)]
    }

    /// A border row: an entry for every unknown.
    #[inline]
    pub fn border_row(&self, row: usize) -> &[T] {
        let n = self.shape.n_unknowns();
        &self.entries[self.border_start + row * n..][..n]
    }

    /// A border row, to be changed.
    #[inline]
    pub fn border_row_mut(&mut self, row: usize) -> &mut [T] {
        let n = self.shape.n_unknowns();
        let start = self.border_start;
        &mut self.entries[start + row * n..][..n]
    }

    /// Where an entry is stored; `None` if it is zero by structure.
    fn position(&self, row: usize, column: usize) -> Option<usize> {
        let n = self.shape.n_core();
        if row >= n {
            return Some(self.border_start + (row - n) * self.shape.n_unknowns() + column);
        }
        let block = self.shape.starts.partition_point(|start| *start <= row) - 1;
        let span = self.spans[block];
        let inside = if column >= n {
            span.n_core + column - n
        } else {
            column
                .checked_sub(span.first)
                .filter(|c| *c < span.n_core)?
        };
        Some(span.offset + inside * span.stride + row - self.shape.starts[block])
    }

    /// An entry; `None` if it is zero by structure.
    pub fn get(&self, row: usize, column: usize) -> Option<T> {
        self.position(row, column).map(|at| self.entries[at])
    }

    /// An entry, to be changed; `None` if it is zero by structure.
    pub fn get_mut(&mut self, row: usize, column: usize) -> Option<&mut T> {
        self.position(row, column).map(|at| &mut self.entries[at])
    }

    /// Calls `change` with the first `n` diagonal entries.
    pub fn change_diagonal(&mut self, n: usize, mut change: impl FnMut(usize, &mut T)) {
        let n_core = self.shape.n_core();
        for block in 0..self.shape.n_blocks() {
            let span = self.spans[block];
            let start = self.shape.starts[block];
            for i in start..self.shape.starts[block + 1].min(n) {
                let at = span.offset + (i - span.first) * span.stride + i - start;
                change(i, &mut self.entries[at]);
            }
        }
        for i in n_core..n {
            change(i, &mut self.border_row_mut(i - n_core)[i]);
        }
    }
}

impl<T: Field> BlockMatrix<T> {
    /// Writes the product with a vector.
    ///
    /// # Panics
    /// If a vector has another length than the matrix.
    pub fn multiply(&self, x: &[T], product: &mut [T]) {
        assert_eq!(x.len(), self.shape.n_unknowns(), "length of the vector");
        let (core, border) = x.split_at(self.shape.n_core());
        for block in 0..self.shape.n_blocks() {
            let rows = self.shape.starts[block]..self.shape.starts[block + 1];
            let reach = self.shape.reach(block);
            let product = &mut product[rows];
            product.fill(T::ZERO);
            let columns = self.columns(block, reach.clone());
            let columns = columns.chunks_exact(self.spans[block].stride);
            let near = columns.zip(&core[reach]);
            let far = border.iter().enumerate();
            let far = far.map(|(c, x)| (self.border_column(block, c), x));
            for (column, x) in near.chain(far) {
                for (product, entry) in product.iter_mut().zip(column) {
                    *product += *entry * *x;
                }
            }
        }
        for r in 0..self.shape.n_border {
            product[self.shape.n_core() + r] = dot(self.border_row(r), x);
        }
    }
}

/// The scalar product.
pub(super) fn dot<T: Field>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::ZERO; LANES];
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let mut sum = T::ZERO;
    for (x, y) in a_rest.iter().zip(b_rest) {
        sum += *x * *y;
    }
    for part in sums {
        sum += part;
    }
    sum
}
