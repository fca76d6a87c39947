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
    fn size(self) -> f64 {
        self.abs()
    }
}

impl Field for Complex<f64> {
    const ZERO: Self = Complex { re: 0.0, im: 0.0 };
    const ONE: Self = Complex { re: 1.0, im: 0.0 };
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
    pub fn n_unknowns(&self) -> usize {
        self.n_core() + self.n_border
    }

    /// Number of unknowns without the border.
    pub fn n_core(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// Number of blocks.
    pub(super) fn n_blocks(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of unknowns of a block.
    pub(super) fn size(&self, block: usize) -> usize {
        self.starts[block + 1] - self.starts[block]
    }

    /// First unknown of a block.
    pub(super) fn start(&self, block: usize) -> usize {
        self.starts[block]
    }

    /// Number of border unknowns.
    pub fn n_border(&self) -> usize {
        self.n_border
    }

    /// The unknowns that a block couples to: its own and those of its neighbours.
    fn reach(&self, block: usize) -> Range<usize> {
        self.starts[block.saturating_sub(1)]..self.starts[(block + 2).min(self.n_blocks())]
    }
}

/// A matrix of this shape: only what may differ from zero is stored, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockMatrix<T> {
    shape: BlockShape,
    spans: Vec<Span>,
    /// Where the border rows begin.
    border_start: usize,
    entries: Vec<T>,
}

/// How the rows of a block are stored, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// Position of the first row's first entry.
    offset: usize,
    /// Column of a row's first entry.
    first: usize,
    /// Number of entries before those of the border.
    n_core: usize,
}

/// The stored part of a row: columns from `first` on without a gap, then the border columns.
pub struct Row<C> {
    /// Column of the first entry.
    pub first: usize,
    /// Entries in the columns of the block and its neighbours.
    pub core: C,
    /// Entries in the border columns.
    pub border: C,
}

impl<T: Copy> BlockMatrix<T> {
    /// A matrix filled with a value where it is stored at all.
    pub fn filled(shape: &BlockShape, value: T) -> Self {
        let mut spans = Vec::with_capacity(shape.n_blocks());
        let mut offset = 0;
        for block in 0..shape.n_blocks() {
            let reach = shape.reach(block);
            spans.push(Span {
                offset,
                first: reach.start,
                n_core: reach.len(),
            });
            offset += (reach.len() + shape.n_border) * shape.size(block);
        }
        Self {
            shape: shape.clone(),
            spans,
            border_start: offset,
            entries: vec![value; offset + shape.n_border * shape.n_unknowns()],
        }
    }

    /// The shape.
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

    #[inline]
    fn span(&self, block: usize, row: usize) -> (usize, Range<usize>, Range<usize>) {
        let Span {
            offset,
            first,
            n_core,
        } = self.spans[block];
        let width = n_core + self.shape.n_border;
        let start = offset + row * width;
        let border = start + n_core;
        (first, start..border, border..start + width)
    }

    /// A row of a block, counted from the block's first.
    #[inline]
    pub fn row(&self, block: usize, row: usize) -> Row<&[T]> {
        let (first, core, border) = self.span(block, row);
        Row {
            first,
            core: &self.entries[core],
            border: &self.entries[border],
        }
    }

    /// A row of a block, to be changed.
    #[inline]
    pub fn row_mut(&mut self, block: usize, row: usize) -> Row<&mut [T]> {
        let (first, core, border) = self.span(block, row);
        let (core, border) =
            self.entries[core.start..border.end].split_at_mut(core.end - core.start);
        Row {
            first,
            core,
            border,
        }
    }

    /// A border row: an entry for every unknown.
    pub fn border_row(&self, row: usize) -> &[T] {
        let n = self.shape.n_unknowns();
        &self.entries[self.border_start + row * n..][..n]
    }

    /// A border row, to be changed.
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
        let (first, core, border) = self.span(block, row - self.shape.starts[block]);
        if column >= n {
            return Some(border.start + column - n);
        }
        let inside = column.checked_sub(first)?;
        (inside < core.len()).then_some(core.start + inside)
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
        for block in 0..self.shape.n_blocks() {
            let start = self.shape.starts[block];
            for local in 0..self.shape.size(block) {
                let row = self.row_mut(block, local);
                if start + local < n {
                    change(start + local, &mut row.core[start + local - row.first]);
                }
            }
        }
        for row in self.shape.n_core()..n {
            let core = self.shape.n_core();
            change(row, &mut self.border_row_mut(row - core)[row]);
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
            for local in 0..self.shape.size(block) {
                let row = self.row(block, local);
                let near = &core[row.first..row.first + row.core.len()];
                product[self.shape.starts[block] + local] =
                    dot(row.core, near) + dot(row.border, border);
            }
        }
        for r in 0..self.shape.n_border {
            product[self.shape.n_core() + r] = dot(self.border_row(r), x);
        }
    }
}

/// Sums of a product run side by side in groups of this many.
const LANES: usize = 4;

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
