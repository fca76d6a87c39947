//! An orthogonal basis of curves, as short as an error allows.

use nalgebra::DMatrix;

/// A mean curve and orthonormal components.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// Mean of the curves, `n_places`.
    pub mean: Vec<f64>,
    /// Components of unit length, `n_components × n_places`.
    pub components: Vec<Vec<f64>>,
}

impl Basis {
    /// The fewest principal components that leave at most a share of the root mean square scatter of the curves.
    ///
    /// # Panics
    /// If there are no curves.
    pub fn new(curves: &[Vec<f64>], share: f64, n_max: usize) -> Self {
        let (n, places) = (curves.len(), curves[0].len());
        let mean: Vec<f64> = (0..places)
            .map(|i| curves.iter().map(|c| c[i]).sum::<f64>() / n as f64)
            .collect();
        let mut covariance = DMatrix::<f64>::zeros(places, places);
        for curve in curves {
            let off = DMatrix::from_fn(places, 1, |i, _| curve[i] - mean[i]);
            covariance.ger(1.0 / n as f64, &off.column(0), &off.column(0), 1.0);
        }
        let eigen = covariance.symmetric_eigen();
        let mut order: Vec<usize> = (0..places).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let total: f64 = eigen.eigenvalues.iter().map(|v| v.max(0.0)).sum();
        let mut left = total;
        let mut components = Vec::new();
        for position in order {
            let is_enough = left <= share * share * total && !components.is_empty();
            if is_enough || components.len() == n_max {
                break;
            }
            left -= eigen.eigenvalues[position].max(0.0);
            let column = eigen.eigenvectors.column(position);
            components.push(column.iter().copied().collect());
        }
        Self { mean, components }
    }

    /// Number of components.
    pub fn n_components(&self) -> usize {
        self.components.len()
    }

    /// The coefficients of a curve.
    pub fn coefficients(&self, curve: &[f64]) -> Vec<f64> {
        let off: Vec<f64> = curve.iter().zip(&self.mean).map(|(c, m)| c - m).collect();
        let product = |component: &Vec<f64>| component.iter().zip(&off).map(|(a, b)| a * b).sum();
        self.components.iter().map(product).collect()
    }

    /// The curve of coefficients.
    pub fn curve(&self, coefficients: &[f64]) -> Vec<f64> {
        let mut curve = self.mean.clone();
        for (component, coefficient) in self.components.iter().zip(coefficients) {
            for (value, part) in curve.iter_mut().zip(component) {
                *value += coefficient * part;
            }
        }
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A basis of all components gives every curve back, and its components are orthonormal.
        #[test]
        fn full_basis_gives_curves_back(numbers in prop::collection::vec(-3.0..3.0f64, 60)) {
            let curves: Vec<Vec<f64>> = numbers.chunks(5).map(<[f64]>::to_vec).collect();
            let basis = Basis::new(&curves, 0.0, 5);
            for curve in &curves {
                let back = basis.curve(&basis.coefficients(curve));
                prop_assert!(back.iter().zip(curve).all(|(a, b)| (a - b).abs() < 1e-9));
            }
            for (i, a) in basis.components.iter().enumerate() {
                for (j, b) in basis.components.iter().enumerate() {
                    let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    prop_assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9);
                }
            }
        }

        /// What a shorter basis leaves is the share that was allowed.
        #[test]
        fn truncation_is_as_asked(numbers in prop::collection::vec(-3.0..3.0f64, 120), share in 0.05..0.9) {
            let curves: Vec<Vec<f64>> = numbers.chunks(8).map(<[f64]>::to_vec).collect();
            let basis = Basis::new(&curves, share, 8);
            let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            let left: f64 = curves.iter().map(|c| square(c, &basis.curve(&basis.coefficients(c)))).sum();
            let total: f64 = curves.iter().map(|c| square(c, &basis.mean)).sum();
            prop_assert!(left <= share * share * total * (1.0 + 1e-9));
        }
    }

    #[test]
    fn curves_that_are_one_line_need_one_component() {
        let curves: Vec<Vec<f64>> = (0..9)
            .map(|i| vec![f64::from(i), 2.0 * f64::from(i), 1.0])
            .collect();
        assert_eq!(Basis::new(&curves, 1e-6, 3).n_components(), 1);
    }
}
