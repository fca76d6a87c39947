//! Fit of a circuit to a spectrum: that of Randles, R0 in series with R1 parallel to a constant-phase element, with a
//! Warburg element beside R1, a series inductance and a second arc where the data ask for them.
//!
//! Sources: M. E. Orazem & B. Tribollet, Electrochemical Impedance Spectroscopy, 2nd ed. (2017), ch. 9, 14 and 19 (circuit,
//! constant-phase element, modulus weighting); K. P. Burnham & D. R. Anderson, Model Selection and Multimodel Inference,
//! 2nd ed. (2002), § 2.4 and 2.6 (`AICc` and what its differences mean).

mod shape;
mod start;
mod warning;

use std::f64::consts::TAU;

use nalgebra::Complex;
use ndarray::Array2;
use ndarray::Axis;
use statrs::distribution::ContinuousCDF;
use statrs::distribution::StudentsT;
use thiserror::Error;

use crate::analysis::kramers_kronig::noise;
use crate::analysis::runs::Runs;
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

pub use shape::Circuit;
pub use warning::Warning;

/// Decrease of `AICc` that earns another element (1): a difference of 10 leaves no support to the simpler circuit
/// (Burnham & Anderson, p. 70). Less would not do, because the residuals of a spectrum are not independent.
pub const AICC_GAIN: f64 = 10.0;
/// Relative standard error from which on a parameter counts as not determined (1).
const RELATIVE_ERROR_MAX: f64 = 0.5;
/// Distance (1) between an arc's apex and the ends of the frequency range, as a factor, below which part of the arc is
/// extrapolated: at a third of its apex frequency an ideal arc has reached 90 % of its width.
const APEX_MARGIN: f64 = 3.0;
/// Misfit from which on the circuit does not describe the spectrum (share of |Z|), unless the noise explains it.
const MISFIT_MAX: f64 = 0.01;
/// Factor on the noise of the residuals that it does explain (1).
const NOISE_FACTOR: f64 = 2.0;

/// Probability below which the runs of the real or of the imaginary residuals are no accident (1): one spectrum in a
/// hundred without structure is said to have some.
const STRUCTURE: f64 = 0.005;
/// Share of an interval (1).
const CONFIDENCE: f64 = 0.95;

/// Residuals below which structure does not count (share of |Z|): no instrument resolves a tenth of it.
const RESIDUAL_TOLD: f64 = 1e-5;
/// Residual below which no circuit is better than another (share of |Z|): exact data must not earn elements.
const RESIDUAL_MIN: f64 = 1e-6;

/// Iterations after which the starts are compared; most are in the same valley by then.
const FIRST_ITERATIONS: usize = 10;

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
    /// The second arc; where it belongs [`Presence::IfBetter`] it is tried only if the residuals of one arc have
    /// structure.
    pub second_arc: Presence,
    /// The Warburg element.
    pub warburg: Presence,
    /// The series inductance.
    pub inductance: Presence,
}

/// A fitted parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// `R0`, `R1`, `Q`, `n`, `sigma` or `L`; with two arcs `R0`, `R1`, `Q1`, `n1`, `R2`, `Q2`, `n2`, `sigma`, `L`.
    pub name: &'static str,
    /// The value's unit: `ohm`, `ohm`, `S s^n` (`Y = Q (iω)ⁿ`), `1`, `ohm s^-1/2` or `H`.
    pub unit: &'static str,
    /// The value.
    pub value: f64,
    /// Its standard error, in the unit of the value, from the spread of the residuals; `None` if the data do not
    /// determine it or it lies at a limit.
    pub standard_error: Option<f64>,
    /// Interval of 95 % confidence, in the unit of the value, symmetrical on the logarithmic scale, by Student's t; right
    /// as far as the residuals are independent. `None` as for the standard error.
    pub interval: Option<(f64, f64)>,
}

/// What an arc amounts to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc {
    /// Frequency of its apex (Hz), `(R Q)^(−1/n) / 2π`.
    pub apex_hz: f64,
    /// Capacitance (F) of the capacitor that gives an arc of the same width and apex, `(R Q)^(1/n) / R`.
    ///
    /// Source: C. H. Hsu & F. Mansfeld, Corrosion 57 (2001) 747.
    pub capacitance_f: f64,
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
    /// Its parameters, in the order R0, R1, Q1, n1, R2, Q2, n2, σ, L.
    pub parameters: Vec<Parameter>,
    /// Real and imaginary part of its impedance (Ω), `n_points` in the spectrum's order.
    pub fitted_ohm: Vec<(f64, f64)>,
    /// Root mean square of real and imaginary residuals (share of |Z|).
    pub rms: f64,
    /// Runs of the signs of the real and of the imaginary residuals along the frequency; `None` if they
    /// are below 1e-5 of |Z|.
    pub runs: Option<[Runs; 2]>,
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

    /// The arcs, the first one first.
    pub fn arcs(&self) -> Vec<Arc> {
        arcs(self.circuit, &self.parameters)
    }

    /// Whether the residuals follow each other along the frequency.
    pub fn has_structure(&self) -> bool {
        self.runs.as_ref().is_some_and(has_structure)
    }
}

fn has_structure(runs: &[Runs; 2]) -> bool {
    runs.iter().any(|runs| runs.probability < STRUCTURE)
}

fn arcs(circuit: Circuit, parameters: &[Parameter]) -> Vec<Arc> {
    let arcs = circuit.arcs().map(|arc| {
        let (r, q, n) = arc.of(parameters);
        let apex_hz = (r.value * q.value).powf(-1.0 / n.value) / TAU;
        Arc {
            apex_hz,
            capacitance_f: 1.0 / (TAU * apex_hz * r.value),
        }
    });
    arcs.collect()
}

/// Fits a circuit to a spectrum in any order, and decides between the circuits that `choice` admits.
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
    if choice.second_arc != Presence::Always {
        try_circuits(spectrum, &features, choice, false, &mut tried);
    }
    let has_structure = |candidate: &Candidate| {
        let runs = candidate.runs(spectrum);
        runs.is_some_and(|runs| has_structure(&runs))
    };
    let is_tried_longer = match choice.second_arc {
        Presence::Never => false,
        Presence::IfBetter => best(&tried).is_none_or(|i| has_structure(&tried[i])),
        Presence::Always => true,
    };
    if is_tried_longer {
        try_circuits(spectrum, &features, choice, true, &mut tried);
    }
    tried.sort_by_key(|candidate| candidate.circuit.n_parameters());
    let chosen = &tried[best(&tried).ok_or(CircuitError::NoFit)?];
    let all = tried
        .iter()
        .map(|candidate| (candidate.circuit, candidate.aicc));
    Ok(chosen.report(spectrum, all.collect()))
}

/// Adds the circuits with one arc or with two.
fn try_circuits(
    spectrum: &Spectrum,
    features: &Features,
    choice: Choice,
    has_second_arc: bool,
    tried: &mut Vec<Candidate>,
) {
    for has_inductance in choice.inductance.choices() {
        for has_warburg in choice.warburg.choices() {
            let circuit = Circuit {
                has_second_arc,
                has_warburg: *has_warburg,
                has_inductance: *has_inductance,
            };
            let problem = Problem { spectrum, circuit };
            let known = tried.iter().map(|c| (c.circuit, c.solution.x.as_slice()));
            let starts = features.starts(circuit, &known.collect::<Vec<_>>());
            tried.extend(problem.best(&starts, features));
        }
    }
}

/// The circuit that is preferred: each with more parameters must be worth them.
fn best(tried: &[Candidate]) -> Option<usize> {
    let mut order: Vec<usize> = (0..tried.len()).collect();
    order.sort_by_key(|i| tried[*i].circuit.n_parameters());
    order.into_iter().reduce(|best, i| {
        if tried[i].is_worth_more_than(&tried[best]) {
            i
        } else {
            best
        }
    })
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
        let is_determined = |i: usize| {
            self.is_capacitor(i)
                || self.relative_errors[i].is_some_and(|error| error < RELATIVE_ERROR_MAX)
        };
        let mut additional = 4..self.circuit.n_parameters();
        self.aicc < other.aicc - AICC_GAIN && additional.all(is_determined)
    }

    /// Whether a parameter is the exponent of a constant-phase element that has become a capacitor.
    fn is_capacitor(&self, i: usize) -> bool {
        self.circuit.is_exponent(i) && self.solution.x[i] > 0.99_f64.ln()
    }

    fn report(&self, spectrum: &Spectrum, tried: Vec<(Circuit, f64)>) -> CircuitFit {
        let numbers = self.solution.x.iter().zip(&self.relative_errors);
        let named = self.circuit.names().zip(numbers);
        let sds = self.confidence_sds(spectrum);
        let parameters = named.map(|((name, unit), (ln, error))| Parameter {
            name,
            unit,
            value: ln.exp(),
            standard_error: error.map(|error| error * ln.exp()),
            interval: error.map(|error| ((ln - sds * error).exp(), (ln + sds * error).exp())),
        });
        let parameters: Vec<Parameter> = parameters.collect();
        let omega = spectrum.frequency_hz.iter().map(|f| TAU * f);
        let fitted = omega.map(|omega| self.circuit.impedance(omega, &self.solution.x).0);
        let rms = self.rms();
        CircuitFit {
            circuit: self.circuit,
            warnings: self.warnings(&parameters, spectrum, rms),
            parameters,
            fitted_ohm: fitted.map(|z| (z.re, z.im)).collect(),
            rms,
            runs: self.runs(spectrum),
            tried,
        }
    }

    /// Standard errors on each side of a value that hold it with [`CONFIDENCE`]: Student's t.
    fn confidence_sds(&self, spectrum: &Spectrum) -> f64 {
        let n_numbers = 2 * spectrum.frequency_hz.len();
        let freedom = n_numbers.saturating_sub(self.circuit.n_parameters()).max(1);
        StudentsT::new(0.0, 1.0, freedom as f64)
            .map_or(f64::INFINITY, |t| t.inverse_cdf(0.5 + 0.5 * CONFIDENCE))
    }

    /// Root mean square of real and imaginary residuals (share of |Z|).
    fn rms(&self) -> f64 {
        let linearisation = self.solution.linearisation.as_ref();
        let n_residuals = linearisation.map_or(0, |l| l.residuals.len());
        (self.solution.cost / n_residuals.max(1) as f64).sqrt()
    }

    /// Real and imaginary residuals (share of |Z|), each by rising frequency.
    fn residuals(&self, spectrum: &Spectrum) -> [Vec<f64>; 2] {
        let mut order: Vec<usize> = (0..spectrum.frequency_hz.len()).collect();
        order.sort_by(|a, b| spectrum.frequency_hz[*a].total_cmp(&spectrum.frequency_hz[*b]));
        let linearisation = self.solution.linearisation.as_ref();
        let residuals = linearisation.map_or(&[][..], |l| &l.residuals);
        [0, 1].map(|offset| {
            let places = order.iter().map(|i| 2 * i + offset);
            places.filter_map(|i| residuals.get(i).copied()).collect()
        })
    }

    /// `None` where the residuals are below what counts.
    fn runs(&self, spectrum: &Spectrum) -> Option<[Runs; 2]> {
        let [re, im] = self.residuals(spectrum);
        if self.rms() < RESIDUAL_TOLD {
            return None;
        }
        Some([Runs::of(&re)?, Runs::of(&im)?])
    }

    fn warnings(&self, parameters: &[Parameter], spectrum: &Spectrum, rms: f64) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let frequencies = || spectrum.frequency_hz.iter().copied();
        let lowest_hz = frequencies().fold(f64::INFINITY, f64::min);
        let highest_hz = frequencies().fold(0.0, f64::max);
        let arcs = arcs(self.circuit, parameters);
        for (arc, place) in arcs.iter().zip(self.circuit.arcs()) {
            let (name, apex_hz) = (parameters[place.first].name, arc.apex_hz);
            if lowest_hz * APEX_MARGIN > apex_hz {
                warnings.push(Warning::ArcNotClosed {
                    name,
                    apex_hz,
                    lowest_hz,
                });
            }
        }
        let apex_hz = arcs.iter().fold(0.0, |most, arc| arc.apex_hz.max(most));
        if highest_hz < apex_hz * APEX_MARGIN {
            warnings.push(Warning::ArcNotOpened {
                apex_hz,
                highest_hz,
            });
        }
        warnings.extend(self.doubts(parameters));
        let [re, im] = self.residuals(spectrum);
        if rms > MISFIT_MAX.max(NOISE_FACTOR * noise(&re, &im)) {
            warnings.push(Warning::Misfit { rms });
        }
        let runs = self.runs(spectrum).filter(has_structure);
        warnings.extend(runs.map(|runs| Warning::Structure { runs, rms }));
        // A step of no length proves a minimum where the variables are few and smooth, as they are here.
        let stop = self.solution.stop;
        if !stop.is_converged() && stop != StopReason::Step {
            warnings.push(Warning::NotConverged { stop });
        }
        warnings
    }

    /// Warnings about single parameters. An exponent of one is no reason: the element is a capacitor then.
    fn doubts(&self, parameters: &[Parameter]) -> impl Iterator<Item = Warning> {
        let doubt = |(i, parameter): (usize, &Parameter)| {
            let (name, relative_error) = (parameter.name, self.relative_errors[i]);
            if self.is_at_limit[i] {
                (!self.is_capacitor(i)).then_some(Warning::AtLimit { name })
            } else {
                let is_determined = relative_error.is_some_and(|error| error <= RELATIVE_ERROR_MAX);
                (!is_determined).then_some(Warning::NotDetermined {
                    name,
                    relative_error,
                })
            }
        };
        let doubts = parameters.iter().enumerate().filter_map(doubt);
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
            has_second_arc: false,
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
            second_arc: Presence::Never,
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
    fn two_arcs_are_told_from_one() {
        let two = Circuit {
            has_second_arc: true,
            ..circuit(false, false)
        };
        let values = [5.0, 100.0, 1e-6, 0.95, 60.0, 1e-3, 0.8];
        let cell = spectrum(two, &values, (-2, 5), 2e-3);
        let fit = fit_circuit(&cell, Choice::default()).unwrap();
        assert_eq!(fit.circuit, two);
        assert_recovered(&fit, &values, 4.0);
        assert!(!fit.has_structure() && fit.warnings.is_empty(), "{fit:?}");
        for (parameter, value) in fit.parameters.iter().zip(values) {
            let (low, high) = parameter.interval.unwrap();
            assert!(0.5 * value < low && low < parameter.value && parameter.value < high);
        }
        let one = Choice {
            second_arc: Presence::Never,
            ..Choice::default()
        };
        let fit = fit_circuit(&cell, one).unwrap();
        let is_told = |w: &Warning| matches!(w, Warning::Misfit { .. });
        assert!(fit.warnings.iter().any(is_told), "{:?}", fit.warnings);
        let is_told = |w: &Warning| matches!(w, Warning::Structure { .. });
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
