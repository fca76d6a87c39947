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
    /// A measure of size for choosing pivots.
    fn size(self) -> f64;
}

impl Field for f64 {
    const ZERO: Self = 0.0;
    fn size(self) -> f64 {
        self.abs()
    }
}

impl Field for Complex<f64> {
    const ZERO: Self = Complex { re: 0.0, im: 0.0 };
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

/// The factors of one matrix; memory is kept between factorisations.
#[derive(Clone, Debug)]
pub struct BorderedLu<T> {
    shape: BlockShape,
    /// LU factors of each diagonal block, row-major, one after the other.
    diagonal: Vec<T>,
    pivots: Vec<usize>,
    /// D⁻¹U of each block but the last, row-major.
    upper: Vec<T>,
    /// The block left of each diagonal block but the first, with rows and columns that are not zero.
    lower: Vec<Coupling<T>>,
    /// T⁻¹B, one column after the other.
    border_columns: Vec<T>,
    /// C, one row after the other.
    border_rows: Vec<T>,
    schur: Vec<T>,
    schur_pivots: Vec<usize>,
    singular: bool,
}

/// The non-zero entries of an off-diagonal block: transport touches few rows, so most are skipped.
#[derive(Clone, Debug)]
struct Coupling<T> {
    entries: Vec<(usize, usize, T)>,
}

impl<T: Field> BorderedLu<T> {
    /// Room for a matrix of this shape; nothing is factorised yet.
    pub fn new(shape: &BlockShape) -> Self {
        let n = shape.n_core();
        let areas: usize = (0..shape.n_blocks()).map(|b| shape.size(b).pow(2)).sum();
        let uppers: usize = (1..shape.n_blocks())
            .map(|b| shape.size(b - 1) * shape.size(b))
            .sum();
        Self {
            shape: shape.clone(),
            diagonal: vec![T::ZERO; areas],
            pivots: vec![0; n],
            upper: vec![T::ZERO; uppers],
            lower: (0..shape.n_blocks())
                .map(|_| Coupling {
                    entries: Vec::new(),
                })
                .collect(),
            border_columns: vec![T::ZERO; n * shape.n_border],
            border_rows: vec![T::ZERO; n * shape.n_border],
            schur: vec![T::ZERO; shape.n_border.pow(2)],
            schur_pivots: vec![0; shape.n_border],
            singular: true,
        }
    }

    /// Factorises the matrix whose entry in row `i` and column `j` is `entry(i, j)`; entries outside the shape are
    /// never asked for. A singular matrix is remembered and told by [`Self::solve`].
    pub fn factorise(&mut self, entry: impl Fn(usize, usize) -> T) {
        self.singular = !self.factorise_blocks(&entry);
        if !self.singular {
            self.singular = !self.factorise_border(&entry);
        }
    }

    fn factorise_blocks(&mut self, entry: &impl Fn(usize, usize) -> T) -> bool {
        let (mut at, mut at_upper) = (0, 0);
        let mut at_upper_before = 0;
        for block in 0..self.shape.n_blocks() {
            let (start, size) = (self.shape.starts[block], self.shape.size(block));
            let d = &mut self.diagonal[at..at + size * size];
            for i in 0..size {
                for j in 0..size {
                    d[i * size + j] = entry(start + i, start + j);
                }
            }
            if block > 0 {
                let (before, before_size) = (self.shape.starts[block - 1], self.shape.size(block - 1));
                let lower = &mut self.lower[block].entries;
                collect(lower, size, before_size, |i, j| entry(start + i, before + j));
                let upper = &self.upper[at_upper_before..];
                for &(i, k, value) in lower.iter() {
                    for j in 0..size {
                        d[i * size + j] -= value * upper[k * size + j];
                    }
                }
            }
            let pivots = &mut self.pivots[start..start + size];
            if !dense_factorise(d, pivots, size) {
                return false;
            }
            if block + 1 < self.shape.n_blocks() {
                let (after, after_size) = (self.shape.starts[block + 1], self.shape.size(block + 1));
                let upper = &mut self.upper[at_upper..at_upper + size * after_size];
                for i in 0..size {
                    for j in 0..after_size {
                        upper[i * after_size + j] = entry(start + i, after + j);
                    }
                }
                dense_solve(d, pivots, size, upper, after_size);
                at_upper_before = at_upper;
                at_upper += size * after_size;
            }
            at += size * size;
        }
        true
    }

    fn factorise_border(&mut self, entry: &impl Fn(usize, usize) -> T) -> bool {
        let (n, m) = (self.shape.n_core(), self.shape.n_border);
        let mut columns = std::mem::take(&mut self.border_columns);
        for b in 0..m {
            let column = &mut columns[b * n..(b + 1) * n];
            for (i, value) in column.iter_mut().enumerate() {
                *value = entry(i, n + b);
            }
            self.solve_core(column);
            for (j, value) in self.border_rows[b * n..(b + 1) * n].iter_mut().enumerate() {
                *value = entry(n + b, j);
            }
        }
        self.border_columns = columns;
        for r in 0..m {
            for c in 0..m {
                let product = dot(
                    &self.border_rows[r * n..(r + 1) * n],
                    &self.border_columns[c * n..(c + 1) * n],
                );
                self.schur[r * m + c] = entry(n + r, n + c) - product;
            }
        }
        dense_factorise(&mut self.schur, &mut self.schur_pivots, m)
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
        let (n, m) = (self.shape.n_core(), self.shape.n_border);
        let (core, border) = b.split_at_mut(n);
        self.solve_core(core);
        for (r, value) in border.iter_mut().enumerate() {
            *value -= dot(&self.border_rows[r * n..(r + 1) * n], core);
        }
        dense_solve(&self.schur, &self.schur_pivots, m, border, 1);
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

    /// Solves with the block-tridiagonal part alone.
    fn solve_core(&self, b: &mut [T]) {
        let mut at = 0;
        for block in 0..self.shape.n_blocks() {
            let (start, size) = (self.shape.starts[block], self.shape.size(block));
            if block > 0 {
                let (before, here) = b.split_at_mut(start);
                let before = &before[self.shape.starts[block - 1]..];
                for &(i, j, value) in &self.lower[block].entries {
                    here[i] -= value * before[j];
                }
            }
            dense_solve(
                &self.diagonal[at..at + size * size],
                &self.pivots[start..start + size],
                size,
                &mut b[start..start + size],
                1,
            );
            at += size * size;
        }
        let mut at_upper = self.upper.len();
        for block in (0..self.shape.n_blocks().saturating_sub(1)).rev() {
            let (start, size) = (self.shape.starts[block], self.shape.size(block));
            let after_size = self.shape.size(block + 1);
            at_upper -= size * after_size;
            let (here, after) = b.split_at_mut(start + size);
            let after = &after[..after_size];
            for (i, x) in here[start..].iter_mut().enumerate() {
                let row = &self.upper[at_upper + i * after_size..at_upper + (i + 1) * after_size];
                *x -= dot(row, after);
            }
        }
    }
}

/// Gathers the non-zero entries of a block.
fn collect<T: Field>(
    entries: &mut Vec<(usize, usize, T)>,
    n_rows: usize,
    n_columns: usize,
    entry: impl Fn(usize, usize) -> T,
) {
    entries.clear();
    for i in 0..n_rows {
        for j in 0..n_columns {
            let value = entry(i, j);
            if value != T::ZERO {
                entries.push((i, j, value));
            }
        }
    }
}

fn dot<T: Field>(a: &[T], b: &[T]) -> T {
    let mut sum = T::ZERO;
    for (x, y) in a.iter().zip(b) {
        sum += *x * *y;
    }
    sum
}

/// LU with partial pivoting of a row-major square matrix in place; `false` if it is singular or not finite.
fn dense_factorise<T: Field>(a: &mut [T], pivots: &mut [usize], n: usize) -> bool {
    for k in 0..n {
        let mut p = k;
        for i in k + 1..n {
            if a[i * n + k].size() > a[p * n + k].size() {
                p = i;
            }
        }
        pivots[k] = p;
        let size = a[p * n + k].size();
        if size == 0.0 || !size.is_finite() {
            return false;
        }
        if p != k {
            for j in 0..n {
                a.swap(k * n + j, p * n + j);
            }
        }
        let (upper, below) = a.split_at_mut((k + 1) * n);
        let pivot_row = &upper[k * n..];
        for row in below.chunks_exact_mut(n) {
            if row[k] != T::ZERO {
                let factor = row[k] / pivot_row[k];
                row[k] = factor;
                for j in k + 1..n {
                    row[j] -= factor * pivot_row[j];
                }
            }
        }
    }
    true
}

/// Solves with the factors for `n_columns` right-hand sides, stored row by row.
fn dense_solve<T: Field>(lu: &[T], pivots: &[usize], n: usize, b: &mut [T], n_columns: usize) {
    for (k, &p) in pivots.iter().enumerate() {
        if p != k {
            for c in 0..n_columns {
                b.swap(k * n_columns + c, p * n_columns + c);
            }
        }
    }
    for i in 1..n {
        let (done, here) = b.split_at_mut(i * n_columns);
        for j in 0..i {
            let factor = lu[i * n + j];
            if factor != T::ZERO {
                let row = &done[j * n_columns..(j + 1) * n_columns];
                for (x, y) in here[..n_columns].iter_mut().zip(row) {
                    *x -= factor * *y;
                }
            }
        }
    }
    for i in (0..n).rev() {
        let (here, done) = b[i * n_columns..].split_at_mut(n_columns);
        for j in i + 1..n {
            let factor = lu[i * n + j];
            if factor != T::ZERO {
                let row = &done[(j - i - 1) * n_columns..(j - i) * n_columns];
                for (x, y) in here.iter_mut().zip(row) {
                    *x -= factor * *y;
                }
            }
        }
        let pivot = lu[i * n + i];
        for x in here.iter_mut() {
            *x = *x / pivot;
        }
    }
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
            lu.factorise(|i, j| a[i * n + j]);
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
        lu.factorise(|_, _| 1.0);
        assert!(!lu.solve(&mut [1.0; 4]));
    }
}
