//! Impedance from the cell model itself: its equations, linearised with the exact Jacobian. No equivalent circuit.

use nalgebra::Complex;

use super::Simulation;
use crate::numerics::blocks::BlockMatrix;
use crate::numerics::bordered::BorderedLu;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::Slopes;
use crate::numerics::scalar::values;
use crate::record::Spectrum;

impl<S: Sensitive> Simulation<'_, S> {
    /// The impedance (Ω) of the whole cell at its present state under a bias current density (A m⁻²).
    ///
    /// `Z(ω) = −[C (jω − A)⁻¹ B + D]/A_geo` with A = ∂f/∂y, B = ∂f/∂I, C = ∂V/∂y, D = ∂V/∂I; the minus because
    /// positive current discharges. SPEC section 7. It is solved as one bordered system: with (jω − A) x = B i and
    /// v = C x + D i, a unit of v gives i = 1/(dV/dI).
    pub fn impedance(&self, frequencies_hz: &[f64], bias_a_m2: S) -> Spectrum<S> {
        let linearised = self.linearised(bias_a_m2);
        let mut lu = BorderedLu::new(linearised.shape());
        let area = self.cell.area_m2();
        let impedance_ohm = frequencies_hz.iter().map(|frequency| {
            let omega = 2.0 * std::f64::consts::PI * frequency;
            let (re, im) = admittance(&linearised, omega, &mut lu);
            let square = (re * re + im * im) * area;
            (-re / square, im / square)
        });
        Spectrum {
            impedance_ohm: impedance_ohm.collect(),
            frequency_hz: frequencies_hz.to_vec(),
        }
    }

    /// A, B, C and D as one matrix; its derivatives cost a pass of their own, which plain numbers are spared.
    fn linearised(&self, bias_a_m2: S) -> BlockMatrix<S> {
        if S::Slopes::COUNT > 0 {
            return self.cell.varied_jacobian(&self.state, bias_a_m2);
        }
        let shape = self.cell.layout().shape_with_current();
        let mut matrix = BlockMatrix::filled(&shape, 0.0);
        let state = values(&self.state);
        self.cell.jacobian(&state, bias_a_m2.value(), &mut matrix);
        matrix.map(S::constant)
    }
}

/// Real and imaginary part of dI/dV at an angular frequency; not a number if the matrix is singular.
///
/// With K = jωE − J, E the identity of the states, and x = K⁻¹e for a unit voltage e, the derivative of x is K⁻¹ dJ x.
fn admittance<S: Sensitive>(
    linearised: &BlockMatrix<S>,
    omega: f64,
    lu: &mut BorderedLu<Complex<f64>>,
) -> (S, S) {
    let real = |value: f64| Complex::new(value, 0.0);
    let n = linearised.shape().n_unknowns();
    let mut matrix = linearised.map(|entry| real(-entry.value()));
    matrix.change_diagonal(n - 1, |_, entry| entry.im += omega);
    lu.factorise(&matrix);
    let mut x = vec![real(0.0); n];
    x[n - 1] = real(-1.0);
    if !lu.solve(&mut x) {
        return (S::constant(f64::NAN), S::constant(f64::NAN));
    }
    let (mut re, mut im) = (S::Slopes::ZERO, S::Slopes::ZERO);
    let mut dx = vec![real(0.0); n];
    for direction in 0..S::Slopes::COUNT {
        let slope = linearised.map(|entry| real(entry.slopes().along(direction)));
        slope.multiply(&x, &mut dx);
        lu.solve(&mut dx);
        re.add_multiple(dx[n - 1].re, &S::Slopes::unit(direction));
        im.add_multiple(dx[n - 1].im, &S::Slopes::unit(direction));
    }
    (
        S::from_parts(x[n - 1].re, re),
        S::from_parts(x[n - 1].im, im),
    )
}
