//! Impedance from the cell model itself: its equations, linearised with the exact Jacobian. No equivalent circuit.

use nalgebra::Complex;

use super::Simulation;
use crate::numerics::bordered::BorderedLu;
use crate::record::Spectrum;

impl Simulation<'_> {
    /// The impedance (Ω) of the whole cell at its present state under a bias current density (A m⁻²).
    ///
    /// `Z(ω) = −[C (jω − A)⁻¹ B + D]/A_geo` with A = ∂f/∂y, B = ∂f/∂I, C = ∂V/∂y, D = ∂V/∂I; the minus because
    /// positive current discharges. SPEC section 7.
    pub fn impedance(&self, frequencies_hz: &[f64], bias_a_m2: f64) -> Spectrum {
        let n = self.cell.layout().n_states;
        let m = n + 1;
        let mut j = vec![0.0; m * m];
        self.cell.jacobian(&self.state, bias_a_m2, m, &mut j);
        let shape = &self.cell.layout().shape;
        let mut lu = BorderedLu::<Complex<f64>>::new(shape);
        let mut matrix = vec![Complex::new(0.0, 0.0); n * n];
        let area = self.cell.area_m2();
        let impedance_ohm = frequencies_hz.iter().map(|frequency| {
            let omega = 2.0 * std::f64::consts::PI * frequency;
            for (column, entries) in matrix.chunks_exact_mut(n).enumerate() {
                for (row, entry) in entries.iter_mut().enumerate() {
                    let imaginary = if row == column { omega } else { 0.0 };
                    *entry = Complex::new(-j[column * m + row], imaginary);
                }
            }
            lu.factorise(&matrix);
            let mut x: Vec<Complex<f64>> = (0..n)
                .map(|row| Complex::new(j[n * m + row], 0.0))
                .collect();
            if !lu.solve(&mut x) {
                return (f64::NAN, f64::NAN);
            }
            let mut z = Complex::new(j[n * m + n], 0.0);
            for (column, value) in x.iter().enumerate() {
                z += *value * j[column * m + n];
            }
            (-z.re / area, -z.im / area)
        });
        Spectrum {
            impedance_ohm: impedance_ohm.collect(),
            frequency_hz: frequencies_hz.to_vec(),
        }
    }
}
