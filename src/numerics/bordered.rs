//! LU factorisation of a block-tridiagonal matrix with a dense border, the shape of a one-dimensional cell.
//!
//! The unknowns come in consecutive blocks (one finite volume each) that couple to their neighbours only, followed
//! by a few border unknowns (wetted fraction, cell current) that couple to everything:
//!
//! ```text
//! | T  B |   T block tridiagonal, B and C dense, D small
//! | C  D |
//! ```
//!
//! T is factorised by the block Thomas algorithm with partial pivoting inside the diagonal blocks, the border by
//! its Schur complement D − C T⁻¹ B. Work is linear in the number of blocks.

use std::ops::{AddAssign, Div, Mul, Neg, Sub, SubAssign};

use nalgebra::Complex;

use super::scalar::Slopes;

/// A field element: real for time integration, complex for impedance.
pub trait Field:
    Copy
    + Mul<Output = Self>
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

    fn n_blocks(&self) -> usize {
        self.starts.len() - 1
    }

    fn size(&self, block: usize) -> usize {
        self.starts[block + 1] - self.starts[block]
    }
}

/// Rows of a stored block come in groups of this many, filled up with zeros, so that a product with a vector needs
/// no remainder loop: with ten states to a volume this halves the time of a solve.
const LANES: usize = 4;

/// The factors of one matrix; memory is kept between factorisations.
///
/// Each diagonal block is inverted explicitly: blocks are small and well scaled, and a solve then is nothing but
/// products of small matrices with vectors.
#[derive(Clone, Debug)]
pub struct BorderedLu<T> {
    shape: BlockShape,
    /// D⁻¹ of each block.
    inverse: Vec<Panel<T>>,
    /// D⁻¹U of each block but the last.
    upper: Vec<Panel<T>>,
    /// The block left of each diagonal block: entries that are not zero, transport touches few rows.
    lower: Vec<Vec<(usize, usize, T)>>,
    /// T⁻¹B, one column after the other.
    border_columns: Vec<T>,
    /// C, one row after the other.
    border_rows: Vec<T>,
    schur: Panel<T>,
    singular: bool,
}

/// A small dense matrix, column-major, its columns filled up to a multiple of [`LANES`].
#[derive(Clone, Debug)]
struct Panel<T> {
    n_rows: usize,
    n_columns: usize,
    stride: usize,
    entries: Vec<T>,
}

impl<T: Field> BorderedLu<T> {
    /// Room for a matrix of this shape; nothing is factorised yet.
    pub fn new(shape: &BlockShape) -> Self {
        let n = shape.n_core();
        let blocks = 0..shape.n_blocks();
        let after = |b: usize| {
            if b + 1 < shape.n_blocks() {
                shape.size(b + 1)
            } else {
                0
            }
        };
        Self {
            inverse: blocks
                .clone()
                .map(|b| Panel::new(shape.size(b), shape.size(b)))
                .collect(),
            upper: blocks
                .clone()
                .map(|b| Panel::new(shape.size(b), after(b)))
                .collect(),
            lower: blocks.map(|_| Vec::new()).collect(),
            border_columns: vec![T::ZERO; n * shape.n_border],
            border_rows: vec![T::ZERO; n * shape.n_border],
            schur: Panel::new(shape.n_border, shape.n_border),
            singular: true,
            shape: shape.clone(),
        }
    }

    /// Factorises a matrix, given dense and column-major; entries outside the shape are not read. A singular matrix
    /// is remembered and told by [`Self::solve`].
    ///
    /// # Panics
    /// If the matrix has another size than the shape.
    pub fn factorise(&mut self, matrix: &[T]) {
        let n = self.shape.n_unknowns();
        assert_eq!(matrix.len(), n * n, "size of the matrix");
        self.singular = !self.factorise_blocks(matrix) || !self.factorise_border(matrix);
    }

    fn factorise_blocks(&mut self, matrix: &[T]) -> bool {
        let n = self.shape.n_unknowns();
        for block in 0..self.shape.n_blocks() {
            let (start, size) = (self.shape.starts[block], self.shape.size(block));
            let rows = |column: usize| &matrix[column * n + start..column * n + start + size];
            let inverse = &mut self.inverse[block];
            inverse.fill(|j| rows(start + j));
            if block > 0 {
                let before = self.shape.starts[block - 1];
                let lower = &mut self.lower[block];
                lower.clear();
                for j in 0..self.shape.size(block - 1) {
                    let entries = rows(before + j).iter().enumerate();
                    let entries = entries.filter(|(_, value)| **value != T::ZERO);
                    lower.extend(entries.map(|(i, value)| (i, j, *value)));
                }
                inverse.subtract_product(lower, &self.upper[block - 1]);
            }
            if !inverse.invert() {
                return false;
            }
            let after = start + size;
            self.upper[block].fill_with_product(inverse, |j| rows(after + j));
        }
        true
    }

    fn factorise_border(&mut self, matrix: &[T]) -> bool {
        let (n, m) = (self.shape.n_core(), self.shape.n_border);
        let all = n + m;
        let mut columns = std::mem::take(&mut self.border_columns);
        for b in 0..m {
            let column = &mut columns[b * n..(b + 1) * n];
            column.copy_from_slice(&matrix[(n + b) * all..(n + b) * all + n]);
            self.solve_core(column);
            for (j, value) in self.border_rows[b * n..(b + 1) * n].iter_mut().enumerate() {
                *value = matrix[j * all + n + b];
            }
        }
        self.border_columns = columns;
        let (rows, columns) = (&self.border_rows, &self.border_columns);
        let product =
            |r: usize, c: usize| dot(&rows[r * n..(r + 1) * n], &columns[c * n..(c + 1) * n]);
        for c in 0..m {
            for r in 0..m {
                let stride = self.schur.stride;
                self.schur.entries[c * stride + r] = matrix[(n + c) * all + n + r] - product(r, c);
            }
        }
        self.schur.invert()
    }

    /// Replaces the right-hand side by the solution; `false` if the matrix was singular.
    ///
    /// # Panics
    /// If `b` has another length than the matrix.
    pub fn solve(&self, b: &mut [T]) -> bool {
        assert_eq!(b.len(), self.shape.n_unknowns(), "right-hand side length");
        if self.singular {
            return false;
        }
        let n = self.shape.n_core();
        let (core, border) = b.split_at_mut(n);
        self.solve_core(core);
        for (r, value) in border.iter_mut().enumerate() {
            *value -= dot(&self.border_rows[r * n..(r + 1) * n], core);
        }
        let reduced = border.to_vec();
        self.schur.multiply(&reduced, |r, value| border[r] = value);
        for (c, value) in border.iter().enumerate() {
            if *value != T::ZERO {
                let column = &self.border_columns[c * n..(c + 1) * n];
                for (x, entry) in core.iter_mut().zip(column) {
                    *x -= *entry * *value;
                }
            }
        }
        true
    }

    /// Replaces each of several right-hand sides by its solution; `b` holds one entry of all of them per unknown.
    /// `false` if the matrix was singular.
    ///
    /// # Panics
    /// If `b` has another length than the matrix.
    pub fn solve_many<L: Slopes>(&self, b: &mut [L]) -> bool
    where
        T: Into<f64>,
    {
        assert_eq!(b.len(), self.shape.n_unknowns(), "right-hand side length");
        if self.singular {
            return false;
        }
        let n = self.shape.n_core();
        let (core, border) = b.split_at_mut(n);
        self.solve_core_many(core);
        for (r, sum) in border.iter_mut().enumerate() {
            for (entry, x) in self.border_rows[r * n..(r + 1) * n].iter().zip(&*core) {
                sum.add_multiple(-(*entry).into(), x);
            }
        }
        let mut reduced = border.to_vec();
        self.schur.multiply_many(&reduced, border);
        reduced.clone_from_slice(border);
        for (c, value) in reduced.iter().enumerate() {
            let column = &self.border_columns[c * n..(c + 1) * n];
            for (x, entry) in core.iter_mut().zip(column) {
                x.add_multiple(-(*entry).into(), value);
            }
        }
        true
    }

    fn solve_core_many<L: Slopes>(&self, b: &mut [L])
    where
        T: Into<f64>,
    {
        let mut copy = Vec::new();
        for block in 0..self.shape.n_blocks() {
            let (before, here) = b.split_at_mut(self.shape.starts[block]);
            let here = &mut here[..self.shape.size(block)];
            if block > 0 {
                let before = &before[self.shape.starts[block - 1]..];
                for &(i, j, value) in &self.lower[block] {
                    here[i].add_multiple(-value.into(), &before[j]);
                }
            }
            copy.clear();
            copy.extend_from_slice(here);
            self.inverse[block].multiply_many(&copy, here);
        }
        for block in (0..self.shape.n_blocks().saturating_sub(1)).rev() {
            let (here, after) = b.split_at_mut(self.shape.starts[block + 1]);
            let here = &mut here[self.shape.starts[block]..];
            let upper = &self.upper[block];
            copy.resize(here.len(), L::ZERO);
            upper.multiply_many(&after[..upper.n_columns], &mut copy);
            for (x, y) in here.iter_mut().zip(&copy) {
                x.add_multiple(-1.0, y);
            }
        }
    }

    /// Solves with the block-tridiagonal part alone.
    fn solve_core(&self, b: &mut [T]) {
        for block in 0..self.shape.n_blocks() {
            let start = self.shape.starts[block];
            let (before, here) = b.split_at_mut(start);
            if block > 0 {
                let before = &before[self.shape.starts[block - 1]..];
                for &(i, j, value) in &self.lower[block] {
                    here[i] -= value * before[j];
                }
            }
            self.inverse[block].multiply_in_place(&mut here[..self.shape.size(block)]);
        }
        for block in (0..self.shape.n_blocks().saturating_sub(1)).rev() {
            let end = self.shape.starts[block + 1];
            let (here, after) = b.split_at_mut(end);
            let here = &mut here[self.shape.starts[block]..];
            let upper = &self.upper[block];
            upper.multiply(&after[..upper.n_columns], |i, value| here[i] -= value);
        }
    }
}

impl<T: Field> Panel<T> {
    fn new(n_rows: usize, n_columns: usize) -> Self {
        let stride = n_rows.next_multiple_of(LANES);
        Self {
            n_rows,
            n_columns,
            stride,
            entries: vec![T::ZERO; stride * n_columns],
        }
    }

    fn fill<'m>(&mut self, column_of: impl Fn(usize) -> &'m [T])
    where
        T: 'm,
    {
        let columns = self.entries.chunks_exact_mut(self.stride.max(1));
        for (j, column) in columns.enumerate() {
            column[..self.n_rows].copy_from_slice(column_of(j));
        }
    }

    /// Becomes `left` times the matrix with these columns, whose entries are mostly zero.
    fn fill_with_product<'m>(&mut self, left: &Self, column_of: impl Fn(usize) -> &'m [T])
    where
        T: 'm,
    {
        let columns = self.entries.chunks_exact_mut(self.stride.max(1));
        for (j, column) in columns.enumerate() {
            column.fill(T::ZERO);
            for (k, factor) in column_of(j).iter().enumerate() {
                if *factor != T::ZERO {
                    let source = &left.entries[k * left.stride..(k + 1) * left.stride];
                    for (x, y) in column.iter_mut().zip(source) {
                        *x += *factor * *y;
                    }
                }
            }
        }
    }

    /// Subtracts the product of sparse entries with a panel.
    fn subtract_product(&mut self, left: &[(usize, usize, T)], right: &Self) {
        for (column, source) in self
            .entries
            .chunks_exact_mut(self.stride.max(1))
            .zip(right.entries.chunks_exact(right.stride.max(1)))
        {
            for &(i, k, value) in left {
                column[i] -= value * source[k];
            }
        }
    }

    /// The product with a vector, handed out row by row.
    fn multiply(&self, x: &[T], put: impl FnMut(usize, T)) {
        match self.stride {
            4 => self.multiply_strided::<4>(x, put),
            8 => self.multiply_strided::<8>(x, put),
            12 => self.multiply_strided::<12>(x, put),
            16 => self.multiply_strided::<16>(x, put),
            _ => self.multiply_any(x, put),
        }
    }

    /// The product for a stride that the compiler knows, which lets it keep the sums in registers.
    fn multiply_strided<const STRIDE: usize>(&self, x: &[T], mut put: impl FnMut(usize, T)) {
        let (columns, _) = self.entries.as_chunks::<STRIDE>();
        let mut sums = [T::ZERO; STRIDE];
        for (column, factor) in columns.iter().zip(x) {
            for (sum, value) in sums.iter_mut().zip(column) {
                *sum += *value * *factor;
            }
        }
        for (i, sum) in sums[..self.n_rows].iter().enumerate() {
            put(i, *sum);
        }
    }

    fn multiply_any(&self, x: &[T], mut put: impl FnMut(usize, T)) {
        for i in 0..self.n_rows {
            let mut sum = T::ZERO;
            for (column, factor) in self.entries.chunks_exact(self.stride).zip(x) {
                sum += column[i] * *factor;
            }
            put(i, sum);
        }
    }

    /// The product with several vectors at once, one entry of all of them per row.
    fn multiply_many<L: Slopes>(&self, x: &[L], product: &mut [L])
    where
        T: Into<f64>,
    {
        for (i, product) in product.iter_mut().enumerate() {
            let mut sum = L::ZERO;
            for (column, x) in self.entries.chunks_exact(self.stride).zip(x) {
                sum.add_multiple(column[i].into(), x);
            }
            *product = sum;
        }
    }

    fn multiply_in_place(&self, x: &mut [T]) {
        const ROWS_MAX: usize = 64;
        let mut copy = [T::ZERO; ROWS_MAX];
        let copy = &mut copy[..x.len()];
        copy.copy_from_slice(x);
        self.multiply(copy, |i, value| x[i] = value);
    }

    /// Gauss–Jordan inversion with partial pivoting; `false` if the matrix is singular or not finite.
    fn invert(&mut self) -> bool {
        match self.stride {
            4 => invert_columns(self.entries.as_chunks_mut::<4>().0, self.n_rows),
            8 => invert_columns(self.entries.as_chunks_mut::<8>().0, self.n_rows),
            12 => invert_columns(self.entries.as_chunks_mut::<12>().0, self.n_rows),
            16 => invert_columns(self.entries.as_chunks_mut::<16>().0, self.n_rows),
            stride => {
                let mut columns: Vec<&mut [T]> =
                    self.entries.chunks_exact_mut(stride.max(1)).collect();
                invert_columns(&mut columns, self.n_rows)
            }
        }
    }
}

/// Inverts a matrix given by its columns, which may be longer than the matrix has rows.
fn invert_columns<T: Field, C: AsMut<[T]> + AsRef<[T]>>(columns: &mut [C], n: usize) -> bool {
    let mut swaps = [0_usize; 64];
    for k in 0..n {
        let column = &columns[k].as_ref()[..n];
        let mut p = k;
        for i in k + 1..n {
            if column[i].size() > column[p].size() {
                p = i;
            }
        }
        let pivot = column[p];
        if pivot.size() == 0.0 || !pivot.size().is_finite() {
            return false;
        }
        swaps[k] = p;
        if p != k {
            for column in columns.iter_mut() {
                column.as_mut().swap(k, p);
            }
        }
        let reciprocal = T::ONE / pivot;
        let (before, rest) = columns.split_at_mut(k);
        let (pivot_column, after) = rest.split_at_mut(1);
        let pivot_column = pivot_column[0].as_mut();
        for column in before.iter_mut().chain(after) {
            let column = column.as_mut();
            if column[k] != T::ZERO {
                let factor = column[k] * reciprocal;
                for (x, y) in column.iter_mut().zip(pivot_column.iter()) {
                    *x -= factor * *y;
                }
                column[k] = factor;
            }
        }
        pivot_column[k] = -T::ONE;
        for x in pivot_column.iter_mut() {
            *x = -*x * reciprocal;
        }
    }
    for k in (0..n).rev() {
        if swaps[k] != k {
            columns.swap(k, swaps[k]);
        }
    }
    true
}

fn dot<T: Field>(a: &[T], b: &[T]) -> T {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A random matrix of the shape, dense storage, row-major.
    fn fill(shape: &BlockShape, values: &[f64]) -> Vec<f64> {
        let n = shape.n_unknowns();
        let block_of = |i: usize| shape.starts.iter().filter(|s| **s <= i).count();
        let mut next = values.iter().cycle();
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                let border = i >= shape.n_core() || j >= shape.n_core();
                if border || block_of(i).abs_diff(block_of(j)) <= 1 {
                    a[i * n + j] = *next.next().unwrap();
                }
            }
            a[i * n + i] += 6.0;
        }
        a
    }

    proptest! {
        #[test]
        fn solution_satisfies_the_equations(
            sizes in prop::collection::vec(1usize..6, 1..6),
            n_border in 0usize..3,
            values in prop::collection::vec(-1.0f64..1.0, 601),
        ) {
            let shape = BlockShape::new(&sizes, n_border);
            let n = shape.n_unknowns();
            let a = fill(&shape, &values);
            let b: Vec<f64> = (0..n).map(|i| values[i] + 0.5).collect();
            let mut lu = BorderedLu::new(&shape);
            let columns: Vec<f64> = (0..n * n).map(|k| a[(k % n) * n + k / n]).collect();
            lu.factorise(&columns);
            let mut x = b.clone();
            prop_assert!(lu.solve(&mut x));
            for i in 0..n {
                let sum: f64 = (0..n).map(|j| a[i * n + j] * x[j]).sum();
                prop_assert!((sum - b[i]).abs() < 1e-9, "row {i}: {sum} is not {}", b[i]);
            }
        }
    }

    #[test]
    fn singular_matrix_is_told() {
        let mut lu = BorderedLu::new(&BlockShape::new(&[2, 2], 0));
        lu.factorise(&[1.0; 16]);
        assert!(!lu.solve(&mut [1.0; 4]));
    }
}
