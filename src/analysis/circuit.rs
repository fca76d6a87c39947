//! Fit of a Randles circuit to a spectrum: R0 in series with R1 parallel to a constant-phase element, with a Warburg
//! element beside R1 and a series inductance where the data ask for them.
//!
//! Sources: M. E. Orazem & B. Tribollet, Electrochemical Impedance Spectroscopy, 2nd ed. (2017), ch. 9, 14 and 19 (circuit,
//! constant-phase element, modulus weighting); K. P. Burnham & D. R. Anderson, Model Selection and Multimodel Inference,
//! 2nd ed. (2002), § 2.4 and 2.6 (`AICc` and what its differences mean).

mod start;

use std::f64::consts::TAU;
use std::fmt;

use nalgebra::Complex;
use ndarray::Array2;
use ndarray::Axis;
use thiserror::Error;

use crate::analysis::kramers_kronig::noise;
use crate::numerics::covariance::standard_errors;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Residuals;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::StopReason;
use crate::numerics::least_squares::minimise;
use crate::numerics::scaling::Scaling;
use crate::record::Spectrum;
use start::Features;

/// Decrease of `AICc` that earns another element (1): a difference of 10 leaves no support to the simpler circuit
/// (Burnham & Anderson, p. 70). Less would not do, because the residuals of a spectrum are not independent.
const AICC_GAIN: f64 = 10.0;
/// Relative standard error from which on a parameter counts as not determined (1).
const RELATIVE_ERROR_MAX: f64 = 0.5;
/// Distance (1) between an arc's apex and the ends of the frequency range, as a factor, below which part of the arc is
/// extrapolated: at a third of its apex frequency an ideal arc has reached 90 % of its width.
const APEX_MARGIN: f64 = 3.0;
/// Misfit from which on the circuit does not describe the spectrum (share of |Z|), unless the noise explains it.
const MISFIT_MAX: f64 = 0.01;
/// Factor on the noise of the residuals that it does explain (1).
const NOISE_FACTOR: f64 = 2.0;

/// Iterations after which the starts are compared; most are in the same valley by then.
const FIRST_ITERATIONS: usize = 10;

/// Names and units, in the order of the parameters of the largest circuit.
const R0: (&str, &str) = ("R0", "ohm");
const R1: (&str, &str) = ("R1", "ohm");
const Q: (&str, &str) = ("Q", "S s^n");
const N: (&str, &str) = ("n", "1");
const SIGMA: (&str, &str) = ("sigma", "ohm s^-1/2");
const L: (&str, &str) = ("L", "H");

/// A circuit `[L–] R0 – (R1 [– W]) ∥ CPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// Whether a Warburg element `Z_W = σ (1 − i) / √ω` stands in series with R1.
    pub has_warburg: bool,
    /// Whether an inductance stands in series with R0.
    pub has_inductance: bool,
}

impl fmt::Display for Circuit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.has_inductance, self.has_warburg) {
            (false, false) => "R0-(R1|CPE)",
            (false, true) => "R0-((R1-W)|CPE)",
            (true, false) => "L-R0-(R1|CPE)",
            (true, true) => "L-R0-((R1-W)|CPE)",
        })
    }
}

/// Whether an element belongs to the circuit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It does not.
    Never,
    /// It does if it lowers `AICc` by more than 10 and is determined.
    #[default]
    IfBetter,
    /// It does.
    Always,
}

impl Presence {
    fn choices(self) -> &'static [bool] {
        match self {
            Self::Never => &[false],
            Self::IfBetter => &[false, true],
            Self::Always => &[true],
        }
    }
}

/// Which circuits are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The Warburg element.
    pub warburg: Presence,
    /// The series inductance.
    pub inductance: Presence,
}

/// A fitted parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// `R0`, `R1`, `Q`, `n`, `sigma` or `L`.
    pub name: &'static str,
    /// The value's unit: `ohm`, `ohm`, `S s^n` (`Y = Q (iω)ⁿ`), `1`, `ohm s^-1/2` or `H`.
    pub unit: &'static str,
    /// The value.
    pub value: f64,
    /// Its standard error, in the unit of the value, from the spread of the residuals; `None` if the data do not
    /// determine it or it lies at a limit.
    pub standard_error: Option<f64>,
}

/// What speaks against a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warning {
    /// The arc is cut off at low frequencies.
    ArcNotClosed {
        /// Frequency of the arc's apex (Hz).
        apex_hz: f64,
        /// Lowest frequency of the spectrum (Hz).
        lowest_hz: f64,
    },
    /// The arc is cut off at high frequencies.
    ArcNotOpened {
        /// Frequency of the arc's apex (Hz).
        apex_hz: f64,
        /// Highest frequency of the spectrum (Hz).
        highest_hz: f64,
    },
    /// The standard error of a parameter is more than half its value, or unknown.
    NotDetermined {
        /// The parameter's name.
        name: &'static str,
        /// Standard error over value (1).
        relative_error: Option<f64>,
    },
    /// A parameter ran into the limit of its range.
    AtLimit {
        /// The parameter's name.
        name: &'static str,
    },
    /// The circuit does not describe the spectrum.
    Misfit {
        /// Root mean square of the residuals (share of |Z|).
        rms: f64,
    },
    /// The minimisation did not converge.
    NotConverged {
        /// Why it stopped.
        stop: StopReason,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArcNotClosed { apex_hz, lowest_hz } => write!(
                formatter,
                "the arc with its top at {apex_hz:.3e} Hz is not closed: the lowest frequency is {lowest_hz:.3e} Hz, \
                 so R1 is extrapolated"
            ),
            Self::ArcNotOpened {
                apex_hz,
                highest_hz,
            } => write!(
                formatter,
                "the arc with its top at {apex_hz:.3e} Hz begins outside the range: the highest frequency is \
                 {highest_hz:.3e} Hz, so R0 is extrapolated"
            ),
            Self::NotDetermined {
                name,
                relative_error: Some(error),
            } => write!(
                formatter,
                "{name} is not determined: its standard error is {:.0} % of its value",
                100.0 * error
            ),
            Self::NotDetermined { name, .. } => {
                write!(formatter, "{name} is not determined by this spectrum")
            }
            Self::AtLimit { name } => {
                write!(formatter, "{name} ran into the limit of its range")
            }
            Self::Misfit { rms } => write!(
                formatter,
                "the circuit does not describe the spectrum: it is {:.1} % of |Z| off; look for a second arc",
                100.0 * rms
            ),
            Self::NotConverged { stop } => write!(formatter, "the fit did not converge: {stop}"),
        }
    }
}

/// Why no circuit was fitted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CircuitError {
    /// Fewer points than a fit needs.
    #[error("{n_points} points are too few for a circuit, which needs {needed}")]
    TooFewPoints {
        /// Number of points.
        n_points: usize,
        /// Fewest points.
        needed: usize,
    },
    /// A point that no residual can be computed for.
    #[error(
        "point {} has no positive frequency or no impedance; drop it before the fit",
        index + 1
    )]
    Unusable {
        /// Position of the point.
        index: usize,
    },
    /// No start led anywhere.
    #[error("no circuit could be fitted: the spectrum spans no range of frequencies or impedances")]
    NoFit,
}

/// A fitted circuit.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitFit {
    /// The circuit.
    pub circuit: Circuit,
    /// Its parameters, in the order R0, R1, Q, n, σ, L.
    pub parameters: Vec<Parameter>,
    /// Real and imaginary part of its impedance (Ω), `n_points` in the spectrum's order.
    pub fitted_ohm: Vec<(f64, f64)>,
    /// Root mean square of real and imaginary residuals (share of |Z|).
    pub rms: f64,
    /// All circuits tried with their `AICc` (1), simplest first; a lower one is better.
    pub tried: Vec<(Circuit, f64)>,
    /// What speaks against the fit.
    pub warnings: Vec<Warning>,
}

impl CircuitFit {
    /// The parameter with a name, if the circuit has it.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.name == name)
    }

    /// Frequency (Hz) of the arc's apex, `(R1 Q)^(−1/n) / 2π`.
    pub fn apex_hz(&self) -> f64 {
        apex_hz(&self.parameters)
    }

    /// Capacitance (F) of the capacitor that gives an arc of the same width and apex, `(R1 Q)^(1/n) / R1`.
    ///
    /// Source: C. H. Hsu & F. Mansfeld, Corrosion 57 (2001) 747.
    pub fn capacitance_f(&self) -> f64 {
        1.0 / (TAU * self.apex_hz() * self.parameters[1].value)
    }
}

fn apex_hz(parameters: &[Parameter]) -> f64 {
    let (r1, q, n) = (
        parameters[1].value,
        parameters[2].value,
        parameters[3].value,
    );
    (r1 * q).powf(-1.0 / n) / TAU
}

/// Fits a Randles circuit to a spectrum in any order, and decides between the circuits that `choice` admits.
///
/// The squares of `ΔZ/|Z|` are minimised over the logarithms of the parameters from several starts that are read off
/// the spectrum. Simpler circuits come first; another element must lower `AICc` by more than 10 and have a standard
/// error below half its value.
///
/// # Errors
/// If there are fewer than eight points, or a point has no positive frequency or no finite impedance other than zero.
pub fn fit_circuit(spectrum: &Spectrum, choice: Choice) -> Result<CircuitFit, CircuitError> {
    let features = Features::read(spectrum)?;
    let mut tried: Vec<Candidate> = Vec::new();
    for has_inductance in choice.inductance.choices() {
        for has_warburg in choice.warburg.choices() {
            let circuit = Circuit {
                has_warburg: *has_warburg,
                has_inductance: *has_inductance,
            };
            let problem = Problem { spectrum, circuit };
            let known = tried.iter().map(|c| (c.circuit, c.solution.x.as_slice()));
            let starts = features.starts(circuit, &known.collect::<Vec<_>>());
            tried.extend(problem.best(&starts, &features));
        }
    }
    let better = |best: Option<usize>, i: usize| match best {
        Some(best) if !tried[i].is_worth_more_than(&tried[best]) => Some(best),
        _ => Some(i),
    };
    let mut order: Vec<usize> = (0..tried.len()).collect();
    order.sort_by_key(|i| tried[*i].circuit.n_parameters());
    let best = order.iter().copied().fold(None, better);
    let best = &tried[best.ok_or(CircuitError::NoFit)?];
    let tried = order.iter().map(|i| (tried[*i].circuit, tried[*i].aicc));
    Ok(best.report(spectrum, tried.collect()))
}

impl Circuit {
    fn n_parameters(self) -> usize {
        4 + usize::from(self.has_warburg) + usize::from(self.has_inductance)
    }

    fn names(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let warburg = self.has_warburg.then_some(SIGMA);
        let inductance = self.has_inductance.then_some(L);
        [R0, R1, Q, N].into_iter().chain(warburg).chain(inductance)
    }

    /// Impedance (Ω) at an angular frequency (s⁻¹) and its derivatives with respect to the logarithms of the parameters.
    fn impedance(self, omega: f64, ln: &[f64]) -> (Complex<f64>, [Complex<f64>; 6]) {
        let zero = Complex::new(0.0, 0.0);
        let s = Complex::new(0.0, omega);
        let (r0, r1, q, n) = (ln[0].exp(), ln[1].exp(), ln[2].exp(), ln[3].exp());
        let z_w = if self.has_warburg {
            Complex::new(1.0, -1.0) * (ln[4].exp() / omega.sqrt())
        } else {
            zero
        };
        let z_l = if self.has_inductance {
            s * ln[4 + usize::from(self.has_warburg)].exp()
        } else {
            zero
        };
        let ln_s = Complex::new(omega.ln(), std::f64::consts::FRAC_PI_2);
        let y_q = (ln_s * n).exp() * q;
        let share = (y_q * (z_w + r1) + 1.0).inv();
        let z_p = (z_w + r1) * share;
        let mut derivatives = [zero; 6];
        derivatives[0] = Complex::new(r0, 0.0);
        derivatives[1] = share * share * r1;
        derivatives[2] = -z_p * z_p * y_q;
        derivatives[3] = derivatives[2] * ln_s * n;
        derivatives[4] = share * share * z_w;
        derivatives[4 + usize::from(self.has_warburg)] += z_l;
        (z_l + r0 + z_p, derivatives)
    }
}

/// A circuit beside a spectrum.
struct Problem<'s> {
    spectrum: &'s Spectrum,
    circuit: Circuit,
}

impl Problem<'_> {
    /// Angular frequency (s⁻¹) and impedance (Ω) of each point.
    fn points(&self) -> impl Iterator<Item = (f64, Complex<f64>)> {
        let points = self.spectrum.frequency_hz.iter();
        let points = points.zip(&self.spectrum.impedance_ohm);
        points.map(|(f, (re, im))| (TAU * f, Complex::new(*re, *im)))
    }

    /// The best solution from some starts: all go a few steps, the best one goes on.
    fn best(&self, starts: &[Vec<f64>], features: &Features) -> Option<Candidate> {
        let (lower, upper) = features.bounds(self.circuit);
        let options = Options {
            lower,
            upper,
            gradient_tolerance: 1e-9,
            cost_tolerance: 1e-9,
            // Squares of residuals that are far below what any instrument resolves.
            promise_tolerance: 1e-14,
            step_tolerance: 1e-10,
            iterations_max: 100,
            step_max: 2.0,
            damping: 1e-3,
            scaling: Scaling::Given(vec![1.0; self.circuit.n_parameters()]),
            updates_max: 0,
        };
        let few = Options {
            iterations_max: FIRST_ITERATIONS,
            ..options.clone()
        };
        let solutions = starts.iter().map(|start| minimise(self, start, &few));
        let first = solutions
            .filter(|solution| solution.cost.is_finite())
            .min_by(|a, b| a.cost.total_cmp(&b.cost))?;
        let best = match first.stop {
            StopReason::Iterations => minimise(self, &first.x, &options),
            _ => first,
        };
        best.linearisation
            .is_some()
            .then(|| Candidate::new(self.circuit, best, &options))
    }
}

impl Residuals for Problem<'_> {
    fn trial(&self, ln: &[f64]) -> Option<Vec<f64>> {
        let residuals = self.points().flat_map(|(omega, measured)| {
            let (z, _) = self.circuit.impedance(omega, ln);
            let residual = (z - measured) / measured.norm();
            [residual.re, residual.im]
        });
        Some(residuals.collect())
    }

    fn linearise(&self, ln: &[f64]) -> Option<Linearisation> {
        let n_parameters = self.circuit.n_parameters();
        let n_points = self.spectrum.frequency_hz.len();
        let mut jacobian = Array2::zeros((2 * n_points, n_parameters));
        let mut residuals = Vec::with_capacity(2 * n_points);
        for (i, (omega, measured)) in self.points().enumerate() {
            let weight = 1.0 / measured.norm();
            let (z, derivatives) = self.circuit.impedance(omega, ln);
            let residual = (z - measured) * weight;
            residuals.extend([residual.re, residual.im]);
            for (j, derivative) in derivatives.iter().take(n_parameters).enumerate() {
                jacobian[[2 * i, j]] = derivative.re * weight;
                jacobian[[2 * i + 1, j]] = derivative.im * weight;
            }
        }
        Some(Linearisation {
            residuals,
            jacobian,
        })
    }
}

/// A circuit with its best parameters.
struct Candidate {
    circuit: Circuit,
    solution: Solution,
    /// Standard errors of the logarithms: the relative ones of the parameters.
    relative_errors: Vec<Option<f64>>,
    is_at_limit: Vec<bool>,
    aicc: f64,
}

impl Candidate {
    fn new(circuit: Circuit, solution: Solution, options: &Options) -> Self {
        const NEAR: f64 = 1e-6;
        let bounds = options.lower.iter().zip(&options.upper);
        let limits = solution.x.iter().zip(bounds);
        let is_at_limit: Vec<bool> = limits
            .map(|(x, (lower, upper))| *x < lower + NEAR || *x > upper - NEAR)
            .collect();
        Self {
            circuit,
            relative_errors: relative_errors(&solution, &is_at_limit),
            aicc: aicc(&solution, circuit.n_parameters()),
            is_at_limit,
            solution,
        }
    }

    /// Whether this circuit, which has at least as many elements, is preferred to another one.
    fn is_worth_more_than(&self, other: &Self) -> bool {
        let mut additional = self.relative_errors.iter().skip(4);
        let is_determined =
            |error: &Option<f64>| error.is_some_and(|error| error < RELATIVE_ERROR_MAX);
        self.aicc < other.aicc - AICC_GAIN && additional.all(is_determined)
    }

    fn report(&self, spectrum: &Spectrum, tried: Vec<(Circuit, f64)>) -> CircuitFit {
        let numbers = self.solution.x.iter().zip(&self.relative_errors);
        let named = self.circuit.names().zip(numbers);
        let parameters = named.map(|((name, unit), (ln, error))| Parameter {
            name,
            unit,
            value: ln.exp(),
            standard_error: error.map(|error| error * ln.exp()),
        });
        let parameters: Vec<Parameter> = parameters.collect();
        let omega = spectrum.frequency_hz.iter().map(|f| TAU * f);
        let fitted = omega.map(|omega| self.circuit.impedance(omega, &self.solution.x).0);
        let rms = (self.solution.cost / (2.0 * spectrum.frequency_hz.len() as f64)).sqrt();
        CircuitFit {
            circuit: self.circuit,
            warnings: self.warnings(&parameters, spectrum, rms),
            parameters,
            fitted_ohm: fitted.map(|z| (z.re, z.im)).collect(),
            rms,
            tried,
        }
    }

    /// Standard deviation of the residuals' noise (share of |Z|).
    fn noise(&self, spectrum: &Spectrum) -> f64 {
        let mut order: Vec<usize> = (0..spectrum.frequency_hz.len()).collect();
        order.sort_by(|a, b| spectrum.frequency_hz[*a].total_cmp(&spectrum.frequency_hz[*b]));
        let linearisation = self.solution.linearisation.as_ref();
        let residuals = linearisation.map_or(&[][..], |l| &l.residuals);
        let part = |offset: usize| {
            let places = order.iter().map(|i| 2 * i + offset);
            places
                .filter_map(|i| residuals.get(i).copied())
                .collect::<Vec<f64>>()
        };
        noise(&part(0), &part(1))
    }

    fn warnings(&self, parameters: &[Parameter], spectrum: &Spectrum, rms: f64) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let frequencies = || spectrum.frequency_hz.iter().copied();
        let lowest_hz = frequencies().fold(f64::INFINITY, f64::min);
        let highest_hz = frequencies().fold(0.0, f64::max);
        let apex_hz = apex_hz(parameters);
        if lowest_hz * APEX_MARGIN > apex_hz {
            warnings.push(Warning::ArcNotClosed { apex_hz, lowest_hz });
        }
        if highest_hz < apex_hz * APEX_MARGIN {
            warnings.push(Warning::ArcNotOpened {
                apex_hz,
                highest_hz,
            });
        }
        warnings.extend(self.doubts(parameters));
        if rms > MISFIT_MAX.max(NOISE_FACTOR * self.noise(spectrum)) {
            warnings.push(Warning::Misfit { rms });
        }
        // A step of no length proves a minimum where the variables are few and smooth, as they are here.
        let stop = self.solution.stop;
        if !stop.is_converged() && stop != StopReason::Step {
            warnings.push(Warning::NotConverged { stop });
        }
        warnings
    }

    /// Warnings about single parameters. An exponent of one is no reason: the element is a capacitor then.
    fn doubts(&self, parameters: &[Parameter]) -> impl Iterator<Item = Warning> {
        let errors = self.relative_errors.iter().zip(&self.is_at_limit);
        let doubt = |(parameter, (error, is_at_limit)): (&Parameter, (&Option<f64>, &bool))| {
            let (name, relative_error) = (parameter.name, *error);
            let is_capacitor = name == N.0 && parameter.value > 0.99;
            if *is_at_limit {
                (!is_capacitor).then_some(Warning::AtLimit { name })
            } else {
                let is_determined = error.is_some_and(|error| error <= RELATIVE_ERROR_MAX);
                (!is_determined).then_some(Warning::NotDetermined {
                    name,
                    relative_error,
                })
            }
        };
        let doubts = parameters.iter().zip(errors).filter_map(doubt);
        doubts.collect::<Vec<_>>().into_iter()
    }
}

/// Standard errors of the logarithms of the parameters that are not at a limit.
fn relative_errors(solution: &Solution, is_at_limit: &[bool]) -> Vec<Option<f64>> {
    let free: Vec<usize> = (0..is_at_limit.len())
        .filter(|i| !is_at_limit[*i])
        .collect();
    let errors = solution.linearisation.as_ref().and_then(|linearisation| {
        standard_errors(&Linearisation {
            residuals: linearisation.residuals.clone(),
            jacobian: linearisation.jacobian.select(Axis(1), &free),
        })
    });
    let mut all = vec![None; is_at_limit.len()];
    for (i, error) in free.into_iter().zip(errors.into_iter().flatten()) {
        all[i] = Some(error);
    }
    all
}

/// Akaike's information criterion for few data; the noise's variance is one more parameter.
fn aicc(solution: &Solution, n_parameters: usize) -> f64 {
    /// Residual below which no circuit is better than another (share of |Z|): exact data must not earn elements.
    const RESIDUAL_MIN: f64 = 1e-6;
    let residuals = solution.linearisation.as_ref().map(|l| l.residuals.len());
    let n = residuals.unwrap_or(0) as f64;
    let k = n_parameters as f64 + 1.0;
    let variance = (solution.cost / n).max(RESIDUAL_MIN * RESIDUAL_MIN);
    n * variance.ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A spectrum at 10 points per decade from its highest frequency on, with normal noise of `noise` |Z|.
    fn spectrum(circuit: Circuit, values: &[f64], decades: (i32, i32), noise: f64) -> Spectrum {
        let ln: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        let exponents = (decades.0 * 10..=decades.1 * 10).rev();
        let frequency_hz: Vec<f64> = exponents.map(|e| 10f64.powf(f64::from(e) / 10.0)).collect();
        let uniform = |i: usize| ((i as f64 * 78.233).sin() * 43_758.545).rem_euclid(1.0);
        let normal = |i: usize| (0..12).map(|j| uniform(12 * i + j + 1)).sum::<f64>() - 6.0;
        let points = frequency_hz.iter().enumerate();
        let impedance_ohm = points.map(|(i, f)| {
            let (z, _) = circuit.impedance(TAU * f, &ln);
            let size = noise * z.norm();
            (z.re + size * normal(2 * i), z.im + size * normal(2 * i + 1))
        });
        Spectrum {
            impedance_ohm: impedance_ohm.collect(),
            frequency_hz,
        }
    }

    fn circuit(has_warburg: bool, has_inductance: bool) -> Circuit {
        Circuit {
            has_warburg,
            has_inductance,
        }
    }

    fn assert_recovered(fit: &CircuitFit, values: &[f64], sds: f64) {
        assert_eq!(fit.parameters.len(), values.len());
        for (parameter, value) in fit.parameters.iter().zip(values) {
            let error = parameter.standard_error.unwrap();
            let off = (parameter.value - value).abs();
            assert!(off < sds * error + 1e-6 * value, "{parameter:?} {value}");
        }
    }

    #[test]
    fn impedance_has_the_limits_of_the_circuit() {
        let ln = [10f64, 100.0, 1e-5, 1.0].map(f64::ln);
        let (slow, _) = circuit(false, false).impedance(1e-6, &ln);
        let (fast, _) = circuit(false, false).impedance(1e9, &ln);
        assert!((slow.re - 110.0).abs() < 1e-6 && (fast.re - 10.0).abs() < 1e-6);
        // The apex of an ideal arc lies at 1/(R C), half its width high.
        let (apex, _) = circuit(false, false).impedance(1e3, &ln);
        assert!((apex.re - 60.0).abs() < 1e-9 && (apex.im + 50.0).abs() < 1e-9);
    }

    #[test]
    fn derivatives_agree_with_differences() {
        const STEP: f64 = 1e-5;
        for (has_warburg, has_inductance) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let circuit = circuit(has_warburg, has_inductance);
            let mut values = vec![10f64, 100.0, 1e-4, 0.8];
            values.extend(has_warburg.then_some(30.0));
            values.extend(has_inductance.then_some(1e-2));
            let ln: Vec<f64> = values.iter().map(|v| v.ln()).collect();
            let (_, exact) = circuit.impedance(50.0, &ln);
            for j in 0..ln.len() {
                let shifted = |step: f64| {
                    let mut ln = ln.clone();
                    ln[j] += step;
                    circuit.impedance(50.0, &ln).0
                };
                let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                assert!((difference - exact[j]).norm() < 1e-7, "{j}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn exact_arcs_are_recovered(
            r0 in 1.0f64..50.0, r1 in 10.0f64..1e4, ln_tau in -8.0f64..-1.0, n in 0.6f64..0.98,
        ) {
            let values = [r0, r1, ln_tau.exp().powf(n) / r1, n];
            let cell = spectrum(circuit(false, false), &values, (-2, 6), 0.0);
            let fit = fit_circuit(&cell, Choice::default()).unwrap();
            prop_assert!(fit.circuit == circuit(false, false) && fit.rms < 1e-6, "{fit:?}");
            for (parameter, value) in fit.parameters.iter().zip(values) {
                prop_assert!((parameter.value / value - 1.0).abs() < 1e-3, "{fit:?}");
            }
        }

        #[test]
        fn warburg_elements_are_found_in_noise(
            r0 in 1.0f64..50.0, r1 in 50.0f64..500.0, ln_tau in -8.0f64..-4.0, n in 0.75f64..0.95,
            share in 0.2f64..1.0,
        ) {
            let values = [r0, r1, ln_tau.exp().powf(n) / r1, n, share * r1];
            let cell = spectrum(circuit(true, false), &values, (-2, 5), 3e-3);
            let fit = fit_circuit(&cell, Choice::default()).unwrap();
            prop_assert!(fit.circuit == circuit(true, false), "{fit:?}");
            prop_assert!((fit.rms / 3e-3 - 1.0).abs() < 0.3, "{}", fit.rms);
            assert_recovered(&fit, &values, 5.0);
        }
    }

    #[test]
    fn noise_gives_errors_that_hold_the_truth() {
        let values = [12.0, 300.0, 2e-5, 0.85];
        let cell = spectrum(circuit(false, false), &values, (-1, 5), 5e-3);
        let fit = fit_circuit(&cell, Choice::default()).unwrap();
        assert_eq!(fit.circuit, circuit(false, false));
        assert_recovered(&fit, &values, 4.0);
        assert!(fit.warnings.is_empty(), "{:?}", fit.warnings);
        let r1 = fit.parameter("R1").unwrap();
        assert!((0.1..3.0).contains(&r1.standard_error.unwrap()), "{r1:?}");
        assert_eq!(r1.unit, "ohm");
    }

    #[test]
    fn inductance_is_found_where_there_is_one() {
        let values = [0.02, 0.05, 1.0, 0.8, 1e-7];
        let cell = spectrum(circuit(false, true), &values, (-2, 4), 2e-3);
        let fit = fit_circuit(&cell, Choice::default()).unwrap();
        assert_eq!(fit.circuit, circuit(false, true));
        assert_recovered(&fit, &values, 4.0);
        let never = Choice {
            warburg: Presence::Never,
            inductance: Presence::Never,
        };
        let without = fit_circuit(&cell, never).unwrap();
        assert!(without.circuit == circuit(false, false) && without.rms > 3.0 * fit.rms);
    }

    #[test]
    fn order_of_the_points_does_not_matter() {
        let mut cell = spectrum(
            circuit(false, false),
            &[12.0, 300.0, 2e-5, 0.85],
            (-1, 5),
            5e-3,
        );
        let fit = fit_circuit(&cell, Choice::default()).unwrap();
        cell.frequency_hz.reverse();
        cell.impedance_ohm.reverse();
        let turned = fit_circuit(&cell, Choice::default()).unwrap();
        for (a, b) in fit.parameters.iter().zip(&turned.parameters) {
            assert!((a.value / b.value - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn an_open_arc_is_told() {
        // The apex lies at 0.05 Hz, where the spectrum ends.
        let values = [12.0, 3e3, 1e-3, 0.9];
        let cell = spectrum(circuit(false, false), &values, (-1, 5), 2e-3);
        let fit = fit_circuit(&cell, Choice::default()).unwrap();
        let is_told = |w: &Warning| matches!(w, Warning::ArcNotClosed { .. });
        assert!(fit.warnings.iter().any(is_told), "{:?}", fit.warnings);
        assert!(fit.warnings[0].to_string().contains("not closed"));
    }

    #[test]
    fn a_missing_resistance_is_told() {
        // Without an arc in the range nothing determines R1.
        let values = [10.0, 1e9, 1e-3, 0.9];
        let cell = spectrum(circuit(false, false), &values, (0, 4), 2e-3);
        let fit = fit_circuit(&cell, Choice::default()).unwrap();
        let is_told = |w: &Warning| {
            matches!(
                w,
                Warning::NotDetermined { name: "R1", .. } | Warning::AtLimit { name: "R1" }
            )
        };
        assert!(fit.warnings.iter().any(is_told), "{:?}", fit.warnings);
    }

    #[test]
    fn two_arcs_are_a_misfit() {
        let one = spectrum(
            circuit(false, false),
            &[10.0, 100.0, 1e-6, 1.0],
            (-2, 5),
            0.0,
        );
        let other = spectrum(
            circuit(false, false),
            &[1.0, 100.0, 1e-2, 1.0],
            (-2, 5),
            0.0,
        );
        let sums = one.impedance_ohm.iter().zip(&other.impedance_ohm);
        let both = Spectrum {
            frequency_hz: one.frequency_hz.clone(),
            impedance_ohm: sums.map(|(a, b)| (a.0 + b.0, a.1 + b.1)).collect(),
        };
        let fit = fit_circuit(&both, Choice::default()).unwrap();
        let is_told = |w: &Warning| matches!(w, Warning::Misfit { .. });
        assert!(fit.warnings.iter().any(is_told), "{:?}", fit.warnings);
    }

    #[test]
    fn a_spectrum_that_cannot_be_fitted_is_an_error() {
        let mut cell = spectrum(
            circuit(false, false),
            &[10.0, 100.0, 1e-6, 1.0],
            (0, 1),
            0.0,
        );
        cell.impedance_ohm[4].0 = f64::NAN;
        let unusable = fit_circuit(&cell, Choice::default()).unwrap_err();
        assert_eq!(unusable, CircuitError::Unusable { index: 4 });
        cell.frequency_hz.truncate(3);
        cell.impedance_ohm.truncate(3);
        let few = fit_circuit(&cell, Choice::default()).unwrap_err();
        assert!(few.to_string().contains("3 points are too few"), "{few}");
    }
}
