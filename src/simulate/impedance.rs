//! Impedance from the cell model itself: its equations, linearised with the exact Jacobian. No equivalent circuit.

use nalgebra::Complex;

use super::Simulation;
use crate::numerics::bordered::BorderedLu;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::Slopes;
use crate::record::Spectrum;

impl<S: Sensitive> Simulation<'_, S> {
    /// The impedance (Ω) of the whole cell at its present state under a bias current density (A m⁻²).
    ///
    /// `Z(ω) = −[C (jω − A)⁻¹ B + D]/A_geo` with A = ∂f/∂y, B = ∂f/∂I, C = ∂V/∂y, D = ∂V/∂I; the minus because
    /// positive current discharges. SPEC section 7. Its derivatives follow from those of A, B, C and D:
    /// with x = (jω − A)⁻¹B, dx = (jω − A)⁻¹(dB + dA x).
    pub fn impedance(&self, frequencies_hz: &[f64], bias_a_m2: S) -> Spectrum<S> {
        let system = Linearised {
            n: self.cell.layout().n_states,
            entries: self.linearised(bias_a_m2),
        };
        let mut lu = BorderedLu::<Complex<f64>>::new(&self.cell.layout().shape);
        let area = self.cell.area_m2();
        let impedance_ohm = frequencies_hz.iter().map(|frequency| {
            let (re, im) = system.response(2.0 * std::f64::consts::PI * frequency, &mut lu);
            (-re / area, -im / area)
        });
        Spectrum {
            impedance_ohm: impedance_ohm.collect(),
            frequency_hz: frequencies_hz.to_vec(),
        }
    }

    /// A, B, C and D as one matrix; the derivatives cost a pass of their own, which plain numbers are spared.
    fn linearised(&self, bias_a_m2: S) -> Vec<S> {
        let m = self.cell.layout().n_states + 1;
        if S::Slopes::COUNT > 0 {
            return self.cell.varied_jacobian(&self.state, bias_a_m2, m);
        }
        let plain: Vec<f64> = self.state.iter().map(|y| y.value()).collect();
        let mut entries = vec![0.0; m * m];
        self.cell
            .jacobian(&plain, bias_a_m2.value(), m, &mut entries);
        entries.into_iter().map(S::constant).collect()
    }
}

/// The linearised cell: A, B, C and D as blocks of one matrix, column-major, `(n + 1) × (n + 1)`.
struct Linearised<S> {
    n: usize,
    entries: Vec<S>,
}

impl<S: Sensitive> Linearised<S> {
    fn at(&self, row: usize, column: usize) -> S {
        self.entries[column * (self.n + 1) + row]
    }

    /// Real and imaginary part of dV/dI at an angular frequency; not a number if the matrix is singular.
    fn response(&self, omega: f64, lu: &mut BorderedLu<Complex<f64>>) -> (S, S) {
        let n = self.n;
        let real = |value: f64| Complex::new(value, 0.0);
        let mut matrix = vec![real(0.0); n * n];
        for (column, entries) in matrix.chunks_exact_mut(n).enumerate() {
            for (row, entry) in entries.iter_mut().enumerate() {
                let imaginary = if row == column { omega } else { 0.0 };
                *entry = Complex::new(-self.at(row, column).value(), imaginary);
            }
        }
        lu.factorise(&matrix);
        let mut x: Vec<_> = (0..n).map(|row| real(self.at(row, n).value())).collect();
        if !lu.solve(&mut x) {
            return (S::constant(f64::NAN), S::constant(f64::NAN));
        }
        let output = |x: &[Complex<f64>]| {
            let products = x.iter().enumerate();
            products.fold(real(0.0), |sum, (i, x)| sum + x * self.at(n, i).value())
        };
        let value = output(&x) + self.at(n, n).value();
        let (mut re, mut im) = (S::Slopes::ZERO, S::Slopes::ZERO);
        for direction in 0..S::Slopes::COUNT {
            let slope = |row, column| self.at(row, column).slopes().along(direction);
            let mut dx: Vec<_> = (0..n)
                .map(|row| {
                    let products = x.iter().enumerate();
                    products.fold(real(slope(row, n)), |sum, (i, x)| sum + x * slope(row, i))
                })
                .collect();
            if !lu.solve(&mut dx) {
                return (S::constant(f64::NAN), S::constant(f64::NAN));
            }
            let outputs = x.iter().enumerate();
            let direct = outputs.fold(real(slope(n, n)), |sum, (i, x)| sum + x * slope(n, i));
            let total = output(&dx) + direct;
            re.add_multiple(total.re, &S::Slopes::unit(direction));
            im.add_multiple(total.im, &S::Slopes::unit(direction));
        }
        (S::from_parts(value.re, re), S::from_parts(value.im, im))
    }
}
