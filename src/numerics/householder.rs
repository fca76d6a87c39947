//! Linear least squares with nearly dependent columns: one factorisation serves every number of leading columns.
//!
//! Source: G. H. Golub & C. F. Van Loan, Matrix Computations, 4th ed. (2013), § 5.1 and 5.2.

/// Numbers that are multiplied at once; the compiler turns them into vector instructions.
const LANES: usize = 8;

/// `A = Q R` by Householder reflections, with the right-hand side turned by Qᵀ.
#[derive(Clone, Debug)]
pub struct Factors {
    n_rows: usize,
    /// Column-major; R above its diagonal, the reflections below.
    columns: Vec<f64>,
    diagonal: Vec<f64>,
    rotated: Vec<f64>,
}

impl Factors {
    /// Factorises a matrix of `columns`, column-major, each as long as `right`.
    ///
    /// # Panics
    /// If `columns` is no multiple of `right`, or has more columns than rows.
    pub fn new(mut columns: Vec<f64>, mut right: Vec<f64>) -> Self {
        let n_rows = right.len();
        assert!(
            columns.len().is_multiple_of(n_rows.max(1)) && columns.len() <= n_rows * n_rows,
            "columns as long as the right-hand side, not more than rows"
        );
        let n_columns = columns.len() / n_rows.max(1);
        let mut diagonal = Vec::with_capacity(n_columns);
        for k in 0..n_columns {
            let (done, rest) = columns.split_at_mut((k + 1) * n_rows);
            let v = &mut done[k * n_rows + k..];
            let norm = dot(v, v).sqrt();
            let entry = -norm.copysign(v[0]);
            diagonal.push(entry);
            if norm > 0.0 {
                v[0] -= entry;
                let scale = 1.0 / (norm * v[0].abs());
                for column in rest.chunks_exact_mut(n_rows) {
                    reflect(v, scale, &mut column[k..]);
                }
                reflect(v, scale, &mut right[k..]);
            }
        }
        Self {
            n_rows,
            columns,
            diagonal,
            rotated: right,
        }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.diagonal.len()
    }

    /// Smallest magnitude on the diagonal of R for the first `n` columns: zero where one depends on those before it.
    pub fn least_diagonal(&self, n: usize) -> f64 {
        let diagonal = self.diagonal[..n].iter();
        diagonal.fold(f64::INFINITY, |least, entry| least.min(entry.abs()))
    }

    /// Sum of squares that the first `n` columns leave.
    pub fn squares_left(&self, n: usize) -> f64 {
        let left = &self.rotated[n..];
        dot(left, left)
    }

    /// Coefficients of the first `n` columns; infinite or not a number where one depends on those before it.
    pub fn solve(&self, n: usize) -> Vec<f64> {
        let mut x = self.rotated[..n].to_vec();
        for k in (0..n).rev() {
            x[k] /= self.diagonal[k];
            let (above, known) = x.split_at_mut(k);
            let column = &self.columns[k * self.n_rows..][..k];
            for (entry, r) in above.iter_mut().zip(column) {
                *entry -= r * known[0];
            }
        }
        x
    }
}

/// `y ← y − scale v (vᵀy)`.
fn reflect(v: &[f64], scale: f64, y: &mut [f64]) {
    let factor = scale * dot(v, y);
    for (y, v) in y.iter_mut().zip(v) {
        *y -= factor * v;
    }
}

/// The scalar product, summed in lanes: one after the other, additions wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a_lanes
        .remainder()
        .iter()
        .zip(b_lanes.remainder())
        .map(|(a, b)| a * b)
        .sum();
    let mut sums = [0.0; LANES];
    for (a, b) in a_lanes.zip(b_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use nalgebra::DVector;

    #[test]
    fn every_number_of_leading_columns_is_solved_as_by_itself() {
        const ROWS: usize = 23;
        let entry = |i: usize| ((i as f64 * 12.9898).sin() * 43_758.545).rem_euclid(1.0) - 0.5;
        let columns: Vec<f64> = (0..ROWS * 6).map(entry).collect();
        let right: Vec<f64> = (1000..1000 + ROWS).map(entry).collect();
        let factors = Factors::new(columns.clone(), right.clone());
        let right = DVector::from_vec(right);
        for n in 1..=factors.n_columns() {
            let matrix = DMatrix::from_column_slice(ROWS, n, &columns[..n * ROWS]);
            let normal = matrix.transpose() * &matrix;
            let expected = normal.lu().solve(&(matrix.transpose() * &right)).unwrap();
            let found = DVector::from_vec(factors.solve(n));
            assert!((&found - expected).amax() < 1e-12, "{n}");
            let left = (&right - matrix * found).norm_squared();
            assert!((factors.squares_left(n) - left).abs() < 1e-12, "{n}");
            assert!(factors.least_diagonal(n) > 0.1);
        }
    }

    #[test]
    fn a_dependent_column_has_no_diagonal() {
        let columns = vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0];
        let factors = Factors::new(columns, vec![1.0, 0.0, 0.0]);
        assert!(factors.least_diagonal(1) > 1.0 && factors.least_diagonal(2) < 1e-14);
    }
}
