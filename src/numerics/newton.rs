//! The Newton matrix of the integrator in its block structure, in the shape that diffsol asks for.

use std::ops::Mul;

use diffsol::Matrix;
use diffsol::MatrixCommon;
use diffsol::NalgebraContext;
use diffsol::NalgebraVec;
use diffsol::Scale;
use diffsol::Vector;
use diffsol::VectorCommon as _;
use diffsol_la::error::LaError;
use diffsol_la::matrix::sparsity::Dense;
use diffsol_la::matrix::sparsity::DenseRef;

use super::blocks::BlockMatrix;
use super::blocks::BlockShape;
use super::bordered::BorderedLu;

type State = NalgebraVec<f64>;
type Index = <State as Vector>::Index;

/// A matrix as the integrator forms it: diagonal (the mass matrix, and zero), or of the system's block structure.
#[derive(Clone, Debug)]
pub(super) enum NewtonMatrix {
    /// Diagonal entries.
    Diagonal(Vec<f64>),
    /// Blocks and border.
    Blocks(BlockMatrix<f64>),
}

impl NewtonMatrix {
    /// The blocks, to be written; a matrix that has had none yet gets them.
    pub(super) fn blocks_mut(&mut self, shape: &BlockShape) -> &mut BlockMatrix<f64> {
        if let Self::Diagonal(_) = self {
            *self = Self::Blocks(BlockMatrix::filled(shape, 0.0));
        }
        match self {
            Self::Blocks(blocks) => blocks,
            Self::Diagonal(_) => unreachable!("it has just been given blocks"),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Diagonal(diagonal) => diagonal.len(),
            Self::Blocks(blocks) => blocks.shape().n_unknowns(),
        }
    }

    fn entries(&self) -> &[f64] {
        match self {
            Self::Diagonal(diagonal) => diagonal,
            Self::Blocks(blocks) => blocks.entries(),
        }
    }

    fn entries_mut(&mut self) -> &mut [f64] {
        match self {
            Self::Diagonal(diagonal) => diagonal,
            Self::Blocks(blocks) => blocks.entries_mut(),
        }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        match self {
            Self::Diagonal(diagonal) if row == column => diagonal[row],
            Self::Diagonal(_) => 0.0,
            Self::Blocks(blocks) => blocks.get(row, column).unwrap_or(0.0),
        }
    }
}

impl MatrixCommon for NewtonMatrix {
    type V = State;
    type T = f64;
    type C = NalgebraContext;
    type Inner = Self;

    fn nrows(&self) -> usize {
        self.size()
    }
    fn ncols(&self) -> usize {
        self.size()
    }
    fn inner(&self) -> &Self {
        self
    }
}

impl Mul<Scale<f64>> for NewtonMatrix {
    type Output = Self;
    fn mul(mut self, scale: Scale<f64>) -> Self {
        for entry in self.entries_mut() {
            *entry *= scale.value();
        }
        self
    }
}

impl Mul<Scale<f64>> for &NewtonMatrix {
    type Output = NewtonMatrix;
    fn mul(self, scale: Scale<f64>) -> NewtonMatrix {
        self.clone() * scale
    }
}

impl Matrix for NewtonMatrix {
    type Sparsity = Dense<Self>;
    type SparsityRef<'a> = DenseRef<'a, Self>;

    fn sparsity(&self) -> Option<DenseRef<'_, Self>> {
        None
    }

    fn context(&self) -> &NalgebraContext {
        static CONTEXT: std::sync::LazyLock<NalgebraContext> =
            std::sync::LazyLock::new(NalgebraContext::default);
        &CONTEXT
    }

    fn inner_mut(&mut self) -> &mut Self {
        self
    }

    fn partition_indices_by_zero_diagonal(&self) -> (Index, Index) {
        let is_zero = |i: &usize| self.at(*i, *i) == 0.0;
        let (zero, other): (Vec<usize>, Vec<usize>) = (0..self.size()).partition(is_zero);
        let index = |positions: Vec<usize>| {
            <Index as diffsol::VectorIndex>::from_vec(positions, *self.context())
        };
        (index(zero), index(other))
    }

    fn gemv(&self, alpha: f64, x: &State, beta: f64, y: &mut State) {
        let x = x.inner().as_slice();
        let mut product = vec![0.0; x.len()];
        match self {
            Self::Diagonal(diagonal) => {
                for ((product, d), x) in product.iter_mut().zip(diagonal).zip(x) {
                    *product = d * x;
                }
            }
            Self::Blocks(blocks) => blocks.multiply(x, &mut product),
        }
        for (y, product) in y.inner_mut().as_mut_slice().iter_mut().zip(product) {
            *y = alpha * product + beta * *y;
        }
    }

    fn copy_from(&mut self, other: &Self) {
        self.clone_from(other);
    }

    fn zeros(n_rows: usize, _n_columns: usize, _context: NalgebraContext) -> Self {
        Self::Diagonal(vec![0.0; n_rows])
    }

    fn new_from_sparsity(
        n_rows: usize,
        n_columns: usize,
        _sparsity: Option<Dense<Self>>,
        context: NalgebraContext,
    ) -> Self {
        Self::zeros(n_rows, n_columns, context)
    }

    fn from_diagonal(diagonal: &State) -> Self {
        Self::Diagonal(diagonal.inner().as_slice().to_vec())
    }

    fn set_column(&mut self, column: usize, values: &State) {
        for (row, value) in values.inner().as_slice().iter().enumerate() {
            match self {
                Self::Diagonal(diagonal) if row == column => diagonal[row] = *value,
                Self::Diagonal(_) => {}
                Self::Blocks(blocks) => {
                    if let Some(entry) = blocks.get_mut(row, column) {
                        *entry = *value;
                    }
                }
            }
        }
    }

    fn add_column_to_vector(&self, column: usize, v: &mut State) {
        for (row, v) in v.inner_mut().as_mut_slice().iter_mut().enumerate() {
            *v += self.at(row, column);
        }
    }

    fn add_columns_to_batched_vector(&self, v: &mut State) {
        let lanes = v.inner_mut().as_mut_slice().chunks_exact_mut(self.size());
        for (column, lane) in lanes.enumerate() {
            for (row, v) in lane.iter_mut().enumerate() {
                *v += self.at(row, column);
            }
        }
    }

    fn set_data_with_indices(&mut self, to: &Index, from: &Index, data: &State) {
        let data = data.inner().as_slice();
        let pairs = indices(to).into_iter().zip(indices(from));
        for (to, from) in pairs {
            self.entries_mut()[to] = data[from];
        }
    }

    fn gather(&mut self, other: &Self, from: &Index) {
        for (to, from) in indices(from).into_iter().enumerate() {
            self.entries_mut()[to] = other.entries()[from];
        }
    }

    fn scale_add_and_assign(&mut self, x: &Self, beta: f64, y: &Self) {
        let (Self::Diagonal(diagonal), Self::Blocks(blocks)) = (x, y) else {
            let n = self.size();
            let sum = (0..n).map(|i| x.at(i, i) + beta * y.at(i, i));
            *self = Self::Diagonal(sum.collect());
            return;
        };
        let sum = self.blocks_mut(blocks.shape());
        for (sum, entry) in sum.entries_mut().iter_mut().zip(blocks.entries()) {
            *sum = beta * entry;
        }
        sum.change_diagonal(diagonal.len(), |i, entry| *entry += diagonal[i]);
    }

    fn triplet_iter(
        &self,
    ) -> (
        impl Iterator<Item = (usize, usize)> + '_,
        impl Iterator<Item = f64> + '_,
    ) {
        let n = self.size();
        let all = move || (0..n).flat_map(move |row| (0..n).map(move |column| (row, column)));
        let is_stored = |(row, column): &(usize, usize)| self.at(*row, *column) != 0.0;
        (
            all().filter(is_stored),
            all()
                .map(|(row, column)| self.at(row, column))
                .filter(|v| *v != 0.0),
        )
    }

    fn try_from_triplets(
        n_rows: usize,
        _n_columns: usize,
        positions: Vec<(usize, usize)>,
        values: Vec<f64>,
        _context: NalgebraContext,
    ) -> Result<Self, LaError> {
        let mut diagonal = vec![0.0; n_rows];
        for ((row, column), value) in positions.into_iter().zip(values) {
            if row != column {
                return Err(LaError::Other(
                    "only the system knows the blocks of its matrix".to_owned(),
                ));
            }
            diagonal[row] = value;
        }
        Ok(Self::Diagonal(diagonal))
    }
}

fn indices(index: &Index) -> Vec<usize> {
    diffsol::VectorIndex::clone_as_vec(index)
}

/// Our bordered block factorisation in the shape that diffsol's Newton iteration asks for.
pub(super) struct NewtonSolver {
    lu: BorderedLu<f64>,
    matrix: NewtonMatrix,
}

impl NewtonSolver {
    pub(super) fn new(shape: &BlockShape) -> Self {
        Self {
            lu: BorderedLu::new(shape),
            matrix: NewtonMatrix::Diagonal(Vec::new()),
        }
    }
}

impl Default for NewtonSolver {
    fn default() -> Self {
        Self::new(&BlockShape::new(&[], 0))
    }
}

impl diffsol_la::LinearSolver<NewtonMatrix> for NewtonSolver {
    fn set_sparsity<C>(&mut self, _operator: &C)
    where
        C: diffsol_la::LinearOp<V = State, T = f64, M = NewtonMatrix, C = NalgebraContext>,
    {
    }

    fn set_linearisation<C>(&mut self, operator: &C)
    where
        C: diffsol_la::LinearOp<V = State, T = f64, M = NewtonMatrix, C = NalgebraContext>,
    {
        operator.matrix_inplace(&mut self.matrix);
        if let NewtonMatrix::Blocks(blocks) = &self.matrix {
            self.lu.factorise(blocks);
        }
    }

    fn solve_in_place(&self, b: &mut State) -> Result<(), LaError> {
        if self.lu.solve(b.inner_mut().as_mut_slice()) {
            Ok(())
        } else {
            Err(LaError::Other("the Newton matrix is singular".to_owned()))
        }
    }

    fn solve_transpose_in_place(&self, _b: &mut State) -> Result<(), LaError> {
        Err(LaError::Other(
            "adjoint solves are not used; sensitivities run forward".to_owned(),
        ))
    }
}
