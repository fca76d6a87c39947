//! The family of circuits: their elements, parameters and impedance.

use std::f64::consts::FRAC_PI_2;
use std::fmt;

use nalgebra::Complex;

/// Most parameters of a circuit.
pub(super) const N_PARAMETERS_MAX: usize = 9;

/// A circuit `[L–] R0 – (R1 ∥ CPE1) – …`, whose last arc may hold a Warburg element beside its resistance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// Whether there is a second arc.
    pub has_second_arc: bool,
    /// Whether a Warburg element `Z_W = σ (1 − i) / √ω` stands in series with the resistance of the last arc.
    pub has_warburg: bool,
    /// Whether an inductance stands in series with R0.
    pub has_inductance: bool,
}

impl fmt::Display for Circuit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_inductance {
            formatter.write_str("L-")?;
        }
        formatter.write_str(match (self.has_second_arc, self.has_warburg) {
            (false, false) => "R0-(R1|CPE)",
            (false, true) => "R0-((R1-W)|CPE)",
            (true, false) => "R0-(R1|CPE1)-(R2|CPE2)",
            (true, true) => "R0-(R1|CPE1)-((R2-W)|CPE2)",
        })
    }
}

/// Where the parameters of an arc stand among those of its circuit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    /// Position of its resistance; Q and n follow.
    pub(super) first: usize,
}

impl Arc {
    /// Resistance, Q and exponent.
    pub(super) fn of<T: Copy>(self, parameters: &[T]) -> (T, T, T) {
        let at = |offset: usize| parameters[self.first + offset];
        (at(0), at(1), at(2))
    }
}

impl Circuit {
    pub(super) fn n_arcs(self) -> usize {
        1 + usize::from(self.has_second_arc)
    }

    pub(super) fn arcs(self) -> impl Iterator<Item = Arc> {
        (0..self.n_arcs()).map(|arc| Arc { first: 1 + 3 * arc })
    }

    pub(super) fn n_parameters(self) -> usize {
        1 + 3 * self.n_arcs() + usize::from(self.has_warburg) + usize::from(self.has_inductance)
    }

    /// Position of σ, whether the circuit has it or not.
    pub(super) fn warburg(self) -> usize {
        1 + 3 * self.n_arcs()
    }

    /// Position of L, whether the circuit has it or not.
    pub(super) fn inductance(self) -> usize {
        self.warburg() + usize::from(self.has_warburg)
    }

    /// Names and units of the parameters.
    pub(super) fn names(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        const Q_UNIT: &str = "S s^n";
        let arcs: &[_] = if self.has_second_arc {
            &[
                ("R1", "ohm"),
                ("Q1", Q_UNIT),
                ("n1", "1"),
                ("R2", "ohm"),
                ("Q2", Q_UNIT),
                ("n2", "1"),
            ]
        } else {
            &[("R1", "ohm"), ("Q", Q_UNIT), ("n", "1")]
        };
        let warburg = self.has_warburg.then_some(("sigma", "ohm s^-1/2"));
        let inductance = self.has_inductance.then_some(("L", "H"));
        std::iter::once(("R0", "ohm"))
            .chain(arcs.iter().copied())
            .chain(warburg)
            .chain(inductance)
    }

    /// Whether a parameter is the exponent of a constant-phase element.
    pub(super) fn is_exponent(self, index: usize) -> bool {
        self.arcs().any(|arc| index == arc.first + 2)
    }

    /// Impedance (Ω) at an angular frequency (s⁻¹) and its derivatives with respect to the logarithms of the parameters.
    pub(super) fn impedance(
        self,
        omega: f64,
        ln: &[f64],
    ) -> (Complex<f64>, [Complex<f64>; N_PARAMETERS_MAX]) {
        let zero = Complex::new(0.0, 0.0);
        let ln_s = Complex::new(omega.ln(), FRAC_PI_2);
        let mut z = Complex::new(ln[0].exp(), 0.0);
        let mut derivatives = [zero; N_PARAMETERS_MAX];
        derivatives[0] = z;
        for (arc, place) in self.arcs().enumerate() {
            let is_last = arc + 1 == self.n_arcs();
            let z_w = if is_last && self.has_warburg {
                Complex::new(1.0, -1.0) * (ln[self.warburg()].exp() / omega.sqrt())
            } else {
                zero
            };
            let (ln_r, ln_q, ln_n) = place.of(ln);
            let (r, n) = (ln_r.exp(), ln_n.exp());
            let y_q = (ln_s * n).exp() * ln_q.exp();
            let share = (y_q * (z_w + r) + 1.0).inv();
            let z_p = (z_w + r) * share;
            z += z_p;
            derivatives[place.first] = share * share * r;
            derivatives[place.first + 1] = -z_p * z_p * y_q;
            derivatives[place.first + 2] = derivatives[place.first + 1] * ln_s * n;
            if is_last && self.has_warburg {
                derivatives[self.warburg()] = share * share * z_w;
            }
        }
        if self.has_inductance {
            let z_l = Complex::new(0.0, omega * ln[self.inductance()].exp());
            z += z_l;
            derivatives[self.inductance()] = z_l;
        }
        (z, derivatives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [bool; 2] = [false, true];

    #[test]
    fn impedance_has_the_limits_of_the_circuit() {
        let circuit = Circuit {
            has_second_arc: false,
            has_warburg: false,
            has_inductance: false,
        };
        let ln = [10f64, 100.0, 1e-5, 1.0].map(f64::ln);
        let (slow, _) = circuit.impedance(1e-6, &ln);
        let (fast, _) = circuit.impedance(1e9, &ln);
        assert!((slow.re - 110.0).abs() < 1e-6 && (fast.re - 10.0).abs() < 1e-6);
        // The apex of an ideal arc lies at 1/(R C), half its width high.
        let (apex, _) = circuit.impedance(1e3, &ln);
        assert!((apex.re - 60.0).abs() < 1e-9 && (apex.im + 50.0).abs() < 1e-9);
    }

    #[test]
    fn derivatives_agree_with_differences() {
        const STEP: f64 = 1e-5;
        for has_second_arc in ALL {
            for (has_warburg, has_inductance) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let circuit = Circuit {
                    has_second_arc,
                    has_warburg,
                    has_inductance,
                };
                let mut values = vec![10f64, 100.0, 1e-4, 0.8];
                if has_second_arc {
                    values.extend([50.0, 1e-3, 0.7]);
                }
                values.extend(has_warburg.then_some(30.0));
                values.extend(has_inductance.then_some(1e-2));
                assert_eq!(values.len(), circuit.n_parameters());
                assert_eq!(values.len(), circuit.names().count());
                let ln: Vec<f64> = values.iter().map(|v| v.ln()).collect();
                let (_, exact) = circuit.impedance(50.0, &ln);
                for j in 0..ln.len() {
                    let shifted = |step: f64| {
                        let mut ln = ln.clone();
                        ln[j] += step;
                        circuit.impedance(50.0, &ln).0
                    };
                    let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                    assert!((difference - exact[j]).norm() < 1e-7, "{circuit} {j}");
                }
            }
        }
    }
}
