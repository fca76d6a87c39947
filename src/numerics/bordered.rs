//! LU factorisation of a block-tridiagonal matrix with a dense border.
//!
//! The core is factorised by the block Thomas algorithm with partial pivoting inside the diagonal blocks, the border
//! by its Schur complement D − C T⁻¹ B. Work is linear in the number of blocks.

use super::blocks::BlockMatrix;
use super::blocks::BlockShape;
use super::blocks::Field;
use super::blocks::LANES;
use super::blocks::dot;
use super::scalar::Slopes;

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
    /// The block left of each diagonal block but the first.
    lower: Vec<Panel<T>>,
    /// The block right of each diagonal block but the last, as it was before the elimination.
    right: Vec<Panel<T>>,
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
            lower: blocks
                .map(|b| Panel::new(shape.size(b), if b > 0 { shape.size(b - 1) } else { 0 }))
                .collect(),
            right: (0..shape.n_blocks())
                .map(|b| Panel::new(shape.size(b), after(b)))
                .collect(),
            border_columns: vec![T::ZERO; n * shape.n_border()],
            border_rows: vec![T::ZERO; n * shape.n_border()],
            schur: Panel::new(shape.n_border(), shape.n_border()),
            singular: true,
            shape: shape.clone(),
        }
    }

    /// Factorises a matrix. A singular one is remembered and told by [`Self::solve`].
    ///
    /// # Panics
    /// If the matrix has another shape.
    pub fn factorise(&mut self, matrix: &BlockMatrix<T>) {
        assert_eq!(*matrix.shape(), self.shape, "shape of the matrix");
        self.singular = !self.factorise_blocks(matrix) || !self.factorise_border(matrix);
    }

    fn factorise_blocks(&mut self, matrix: &BlockMatrix<T>) -> bool {
        for block in 0..self.shape.n_blocks() {
            let (start, size) = (self.shape.start(block), self.shape.size(block));
            let (lower, right) = (&mut self.lower[block], &mut self.right[block]);
            let inverse = &mut self.inverse[block];
            inverse
                .entries
                .copy_from_slice(matrix.columns(block, start..start + size));
            let after = start + size..start + size + right.n_columns;
            right.entries.copy_from_slice(matrix.columns(block, after));
            if block > 0 {
                let before = self.shape.start(block - 1)..start;
                lower.entries.copy_from_slice(matrix.columns(block, before));
                inverse.subtract_product(lower, &self.upper[block - 1]);
            }
            if !inverse.invert() {
                return false;
            }
            let upper = &mut self.upper[block];
            upper.entries.fill(T::ZERO);
            upper.add_product(inverse, right, T::ONE);
        }
        true
    }

    fn factorise_border(&mut self, matrix: &BlockMatrix<T>) -> bool {
        let (n, m) = (self.shape.n_core(), self.shape.n_border());
        let mut columns = std::mem::take(&mut self.border_columns);
        for block in 0..self.shape.n_blocks() {
            let start = self.shape.start(block);
            for b in 0..m {
                let column = matrix.border_column(block, b);
                columns[b * n + start..][..column.len()].copy_from_slice(column);
            }
        }
        for b in 0..m {
            self.solve_core(&mut columns[b * n..(b + 1) * n]);
            self.border_rows[b * n..(b + 1) * n].copy_from_slice(&matrix.border_row(b)[..n]);
        }
        self.border_columns = columns;
        let (rows, columns) = (&self.border_rows, &self.border_columns);
        for r in 0..m {
            let corner = &matrix.border_row(r)[n..];
            for c in 0..m {
                let product = dot(&rows[r * n..(r + 1) * n], &columns[c * n..(c + 1) * n]);
                let stride = self.schur.stride;
                self.schur.entries[c * stride + r] = corner[c] - product;
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
        self.schur.multiply_in_place(border);
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
        for block in 0..self.shape.n_blocks() {
            let start = self.shape.start(block);
            let (before, here) = b.split_at_mut(start);
            if block > 0 {
                let before = &before[self.shape.start(block - 1)..];
                let lower = &self.lower[block];
                let here = &mut here[..lower.n_rows];
                lower.subtract_from(&before[..lower.n_columns], here);
            }
            self.inverse[block].multiply_in_place(&mut here[..self.shape.size(block)]);
        }
        for block in (0..self.shape.n_blocks().saturating_sub(1)).rev() {
            let end = self.shape.start(block + 1);
            let (here, after) = b.split_at_mut(end);
            let here = &mut here[self.shape.start(block)..];
            let upper = &self.upper[block];
            upper.subtract_from(&after[..upper.n_columns], here);
        }
    }
}

impl BorderedLu<f64> {
    /// Replaces each of several right-hand sides by its solution; `b` holds one entry of all of them per unknown.
    /// `false` if the matrix was singular.
    ///
    /// # Panics
    /// If `b` has another length than the matrix.
    pub fn solve_many<L: Slopes>(&self, b: &mut [L]) -> bool {
        assert_eq!(b.len(), self.shape.n_unknowns(), "right-hand side length");
        if self.singular {
            return false;
        }
        let n = self.shape.n_core();
        let (core, border) = b.split_at_mut(n);
        self.solve_core_many(core);
        for (r, sum) in border.iter_mut().enumerate() {
            for (entry, x) in self.border_rows[r * n..(r + 1) * n].iter().zip(&*core) {
                sum.add_multiple(-entry, x);
            }
        }
        let mut reduced = border.to_vec();
        self.schur.multiply_many(&reduced, border);
        reduced.clone_from_slice(border);
        for (c, value) in reduced.iter().enumerate() {
            let column = &self.border_columns[c * n..(c + 1) * n];
            for (x, entry) in core.iter_mut().zip(column) {
                x.add_multiple(-entry, value);
            }
        }
        true
    }

    fn solve_core_many<L: Slopes>(&self, b: &mut [L]) {
        let mut copy = Vec::new();
        for block in 0..self.shape.n_blocks() {
            let (before, here) = b.split_at_mut(self.shape.start(block));
            let here = &mut here[..self.shape.size(block)];
            if block > 0 {
                let before = &before[self.shape.start(block - 1)..];
                let lower = &self.lower[block];
                copy.resize(here.len(), L::ZERO);
                lower.multiply_many(&before[..lower.n_columns], &mut copy);
                for (x, y) in here.iter_mut().zip(&copy) {
                    x.add_multiple(-1.0, y);
                }
            }
            copy.clear();
            copy.extend_from_slice(here);
            self.inverse[block].multiply_many(&copy, here);
        }
        for block in (0..self.shape.n_blocks().saturating_sub(1)).rev() {
            let (here, after) = b.split_at_mut(self.shape.start(block + 1));
            let here = &mut here[self.shape.start(block)..];
            let upper = &self.upper[block];
            copy.resize(here.len(), L::ZERO);
            upper.multiply_many(&after[..upper.n_columns], &mut copy);
            for (x, y) in here.iter_mut().zip(&copy) {
                x.add_multiple(-1.0, y);
            }
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

    /// Subtracts a product of panels.
    fn subtract_product(&mut self, left: &Self, right: &Self) {
        self.add_product(left, right, -T::ONE);
    }

    /// Adds `sign` times a product of panels.
    fn add_product(&mut self, left: &Self, right: &Self, sign: T) {
        match self.stride {
            4 => self.add_product_strided::<4>(left, right, sign),
            8 => self.add_product_strided::<8>(left, right, sign),
            12 => self.add_product_strided::<12>(left, right, sign),
            16 => self.add_product_strided::<16>(left, right, sign),
            stride => {
                let columns = self.entries.chunks_exact_mut(stride.max(1));
                let factors = right.entries.chunks_exact(right.stride.max(1));
                for (column, factors) in columns.zip(factors) {
                    let sources = left.entries.chunks_exact(stride.max(1));
                    for (source, factor) in sources.zip(&factors[..right.n_rows]) {
                        for (x, y) in column.iter_mut().zip(source) {
                            *x += *factor * sign * *y;
                        }
                    }
                }
            }
        }
    }

    /// The product for a stride that the compiler knows; a factor of zero, of which transport leaves many, is skipped.
    fn add_product_strided<const STRIDE: usize>(&mut self, left: &Self, right: &Self, sign: T) {
        let (columns, _) = self.entries.as_chunks_mut::<STRIDE>();
        let (sources, _) = left.entries.as_chunks::<STRIDE>();
        let factors = right.entries.chunks_exact(right.stride.max(1));
        for (column, factors) in columns.iter_mut().zip(factors) {
            let mut sums = *column;
            for (source, factor) in sources.iter().zip(&factors[..right.n_rows]) {
                if *factor != T::ZERO {
                    let factor = *factor * sign;
                    for (sum, y) in sums.iter_mut().zip(source) {
                        *sum += factor * *y;
                    }
                }
            }
            *column = sums;
        }
    }

    /// Subtracts the product with a vector.
    fn subtract_from(&self, x: &[T], target: &mut [T]) {
        match self.stride {
            4 => subtract(&self.product::<4>(x), target),
            8 => subtract(&self.product::<8>(x), target),
            12 => subtract(&self.product::<12>(x), target),
            16 => subtract(&self.product::<16>(x), target),
            stride => {
                for (column, factor) in self.entries.chunks_exact(stride.max(1)).zip(x) {
                    for (target, entry) in target.iter_mut().zip(column) {
                        *target -= *entry * *factor;
                    }
                }
            }
        }
    }

    /// Replaces a vector by the product with it.
    fn multiply_in_place(&self, x: &mut [T]) {
        match self.stride {
            4 => x.copy_from_slice(&self.product::<4>(x)[..x.len()]),
            8 => x.copy_from_slice(&self.product::<8>(x)[..x.len()]),
            12 => x.copy_from_slice(&self.product::<12>(x)[..x.len()]),
            16 => x.copy_from_slice(&self.product::<16>(x)[..x.len()]),
            _ => {
                let factors = x.to_vec();
                x.fill(T::ZERO);
                self.subtract_from(&factors, x);
                for x in x {
                    *x = -*x;
                }
            }
        }
    }

    /// The product with a vector for a stride that the compiler knows, which lets it keep the sums in registers; even
    /// and odd columns are summed apart, so that one addition need not wait for the other.
    #[inline]
    fn product<const STRIDE: usize>(&self, x: &[T]) -> [T; STRIDE] {
        let (pairs, last) = self.entries.as_chunks::<STRIDE>().0.as_chunks::<2>();
        let (factors, last_factor) = x.as_chunks::<2>();
        let (mut even, mut odd) = ([T::ZERO; STRIDE], [T::ZERO; STRIDE]);
        for (pair, factors) in pairs.iter().zip(factors) {
            for i in 0..STRIDE {
                even[i] += pair[0][i] * factors[0];
                odd[i] += pair[1][i] * factors[1];
            }
        }
        for (column, factor) in last.iter().zip(last_factor) {
            for i in 0..STRIDE {
                even[i] += column[i] * *factor;
            }
        }
        for i in 0..STRIDE {
            even[i] += odd[i];
        }
        even
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

#[inline]
fn subtract<T: Field>(product: &[T], target: &mut [T]) {
    for (target, product) in target.iter_mut().zip(product) {
        *target -= *product;
    }
}

impl Panel<f64> {
    /// The product with several vectors at once, one entry of all of them per row.
    fn multiply_many<L: Slopes>(&self, x: &[L], product: &mut [L]) {
        match self.stride {
            4 => multiply_many(self.entries.as_chunks::<4>().0, x, product),
            8 => multiply_many(self.entries.as_chunks::<8>().0, x, product),
            12 => multiply_many(self.entries.as_chunks::<12>().0, x, product),
            16 => multiply_many(self.entries.as_chunks::<16>().0, x, product),
            stride => {
                for (i, product) in product.iter_mut().enumerate() {
                    let mut sum = L::ZERO;
                    for (j, x) in x.iter().enumerate() {
                        sum.add_multiple(self.entries[j * stride + i], x);
                    }
                    *product = sum;
                }
            }
        }
    }
}

/// The product of a matrix given by its columns with several vectors at once.
fn multiply_many<L: Slopes, const STRIDE: usize>(
    columns: &[[f64; STRIDE]],
    x: &[L],
    product: &mut [L],
) {
    for (i, product) in product.iter_mut().enumerate().take(STRIDE) {
        let mut sum = L::ZERO;
        for (column, x) in columns.iter().zip(x) {
            if column[i] != 0.0 {
                sum.add_multiple(column[i], x);
            }
        }
        *product = sum;
    }
}

/// Inverts a matrix given by its columns, which may be longer than the matrix has rows.
fn invert_columns<T: Field, C: AsMut<[T]> + AsRef<[T]>>(columns: &mut [C], n: usize) -> bool {
    let mut swaps = [0_usize; 64];
    for k in 0..n {
        let column = &columns[k].as_ref()[..n];
        let (mut p, mut largest) = (k, column[k].size());
        for (i, entry) in column.iter().enumerate().skip(k + 1) {
            let size = entry.size();
            (p, largest) = if size > largest {
                (i, size)
            } else {
                (p, largest)
            };
        }
        if largest == 0.0 || !largest.is_finite() {
            return false;
        }
        let pivot = column[p];
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A random matrix of the shape, its diagonal dominant.
    fn fill(shape: &BlockShape, values: &[f64]) -> BlockMatrix<f64> {
        let mut matrix = BlockMatrix::filled(shape, 0.0);
        let next = values.iter().cycle();
        for (entry, value) in matrix.entries_mut().iter_mut().zip(next) {
            *entry = *value;
        }
        matrix.change_diagonal(shape.n_unknowns(), |_, entry| *entry += 6.0);
        matrix
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
            lu.factorise(&a);
            let mut x = b.clone();
            prop_assert!(lu.solve(&mut x));
            let mut product = vec![0.0; n];
            a.multiply(&x, &mut product);
            for i in 0..n {
                let sum: f64 = (0..n).map(|j| a.get(i, j).unwrap_or(0.0) * x[j]).sum();
                prop_assert!((sum - b[i]).abs() < 1e-9, "row {i}: {sum} is not {}", b[i]);
                prop_assert!((sum - product[i]).abs() < 1e-9, "row {i}: {sum}, {}", product[i]);
            }
            let mut many: Vec<[f64; 2]> = b.iter().map(|b| [*b, -2.0 * b]).collect();
            prop_assert!(lu.solve_many(&mut many));
            for (many, x) in many.iter().zip(&x) {
                prop_assert!((many[0] - x).abs() < 1e-9 && (many[1] + 2.0 * x).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn singular_matrix_is_told() {
        let shape = BlockShape::new(&[2, 2], 0);
        let mut lu = BorderedLu::new(&shape);
        lu.factorise(&BlockMatrix::filled(&shape, 1.0));
        assert!(!lu.solve(&mut [1.0; 4]));
    }
}
