//! The linear Kramers-Kronig test: whether a spectrum can be the response of one steady, linear, causal system.
//!
//! A chain of RC elements with fixed time constants obeys the Kramers-Kronig relations whatever its resistances, so a
//! spectrum that no such chain can describe does not obey them: the cell changed during the sweep, the amplitude was
//! too large, or the instrument erred.
//!
//! Sources: B. A. Boukamp, J. Electrochem. Soc. 142 (1995) 1885; M. Schönleber, D. Klotz & E. Ivers-Tiffée,
//! Electrochim. Acta 131 (2014) 20.

use crate::numerics::householder::Factors;
use crate::record::Spectrum;

/// Fewest points that can be tested: a chain needs some more numbers than it has elements.
pub const POINTS_MIN: usize = 6;
/// µ below which resistances of both signs cancel each other: the chain follows the noise (1). Schönleber et al.
const MU_MAX: f64 = 0.85;
/// Factor by which longer chains may still lower the misfit of the chosen one (1). The µ criterion alone stops too
/// early where true resistances are negative or the first chains are too coarse, and leaves systematic residuals.
const MISFIT_GAIN: f64 = 1.2;
/// Misfit that needs no longer chain (share of |Z|): a tenth of what the best instruments resolve.
const MISFIT_MIN: f64 = 1e-4;
/// Fewest elements of a chain; two lie at the ends of the frequency range.
const ELEMENTS_MIN: usize = 2;
/// Most elements per decade of frequency. Denser time constants cannot be told apart.
const ELEMENTS_PER_DECADE_MAX: f64 = 6.0;
/// Factor on the misfit that earns the chain a series capacitance (1).
const CAPACITANCE_GAIN: f64 = 0.9;
/// Median magnitude of a normally distributed number (standard deviations).
const NORMAL_MEDIAN: f64 = 0.674_489_750_196_082;

/// What the test found.
#[derive(Clone, Debug, PartialEq)]
pub struct KramersKronig {
    /// Number of RC elements.
    pub n_elements: usize,
    /// `1 − Σ|R_k < 0| / Σ|R_k ≥ 0|` of the elements (1): near 1 for few elements, small where they follow the noise.
    pub mu: f64,
    /// Whether the chain holds a series capacitance, as blocking electrodes need.
    pub has_capacitance: bool,
    /// Real and imaginary part of the chain's impedance (Ω), `n_points` in the spectrum's order.
    pub fitted_ohm: Vec<(f64, f64)>,
    /// Measured less fitted real and imaginary part over the measured |Z| (1), `n_points` in the spectrum's order.
    pub residuals: Vec<(f64, f64)>,
    /// Root mean square of all residuals (1).
    pub rms: f64,
    /// Standard deviation of the residuals' noise (1), from their second differences along the frequency: unlike `rms`
    /// it does not see residuals that change slowly, and outliers hardly.
    pub noise: f64,
}

impl KramersKronig {
    /// The residual `|ΔZ|/|Z|` of each point (1), `n_points` in the spectrum's order.
    pub fn distances(&self) -> Vec<f64> {
        let residuals = self.residuals.iter();
        residuals.map(|(re, im)| re.hypot(*im)).collect()
    }
}

/// Tests a spectrum in any order of frequencies.
///
/// The chain is a resistance, an inductance and M RC elements in series, with time constants spread evenly on the
/// logarithmic scale from `1/ω_max` to `1/ω_min`, and a series capacitance of either sign where it lowers the misfit by
/// 10 %: blocking electrodes need it, and so do branches that go on below the lowest frequency. All are determined by
/// linear least squares with weights 1/|Z|; misfit means the standard deviation of the residuals, degrees of freedom
/// counted. M is the smallest number whose µ is below 0.85 and whose misfit no longer chain lowers by more than a factor
/// of 1.2; where µ stays above, the second condition alone decides; a misfit below 1e-4 ends the search. M is at most
/// half the number of points and six per decade.
///
/// In 1500 simulated steady spectra without noise, random Randles circuits over seven decades, no residual exceeded
/// 0.7 % of |Z|; the largest lie at the lowest frequency, beyond which the chain has no time constants.
///
/// `None` with fewer than [`POINTS_MIN`] points, or if a number is not finite, a frequency not positive, an impedance
/// zero or all frequencies the same.
pub fn kramers_kronig(spectrum: &Spectrum) -> Option<KramersKronig> {
    let points = Points::new(spectrum)?;
    let [plain, blocking] = points.searched().map(Search::chosen);
    let plain = plain?;
    let blocking = blocking.filter(|chain| chain.misfit < CAPACITANCE_GAIN * plain.misfit);
    Some(points.judge(&blocking.unwrap_or(plain)))
}

/// A spectrum that can be tested.
struct Points {
    /// Angular frequencies (s⁻¹), and the ends of their range.
    omega: Vec<f64>,
    highest: f64,
    lowest: f64,
    /// 1/|Z| (Ω⁻¹).
    weight: Vec<f64>,
    /// Z/|Z|: real parts, then imaginary parts.
    measured: Vec<f64>,
    /// Positions by falling frequency.
    order: Vec<usize>,
}

/// Coefficients of a chain with what decides between chains.
struct Chain {
    n_elements: usize,
    has_capacitance: bool,
    mu: f64,
    misfit: f64,
    /// Of the columns of [`Points::columns`].
    coefficients: Vec<f64>,
}

/// Chains with ever more elements, until one is good enough or its columns depend on each other.
#[derive(Default)]
struct Search {
    chains: Vec<Chain>,
    has_ended: bool,
}

impl Search {
    fn take(&mut self, chain: Option<Chain>) {
        let is_last = chain.as_ref().is_none_or(|c| c.misfit < MISFIT_MIN);
        self.has_ended = is_last;
        self.chains.extend(chain);
    }

    /// The chain that the rule of [`kramers_kronig`] chooses.
    fn chosen(mut self) -> Option<Chain> {
        let last = self.chains.last()?;
        let place = if last.misfit < MISFIT_MIN {
            self.chains.len() - 1
        } else {
            chosen(&self.chains)?
        };
        Some(self.chains.swap_remove(place))
    }
}

impl Points {
    fn new(spectrum: &Spectrum) -> Option<Self> {
        let n = spectrum.frequency_hz.len();
        let frequencies = spectrum.frequency_hz.iter();
        let omega: Vec<f64> = frequencies.map(|f| std::f64::consts::TAU * f).collect();
        let moduli = spectrum.impedance_ohm.iter().map(|(re, im)| re.hypot(*im));
        let weight: Vec<f64> = moduli.map(|modulus| 1.0 / modulus).collect();
        let is_usable = |x: &f64| x.is_finite() && *x > 0.0;
        let is_valid = omega.iter().chain(&weight).all(is_usable) && weight.len() == n;
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| omega[*b].total_cmp(&omega[*a]));
        let (first, last) = (*order.first()?, *order.last()?);
        (n >= POINTS_MIN && is_valid && omega[first] > omega[last]).then(|| Self {
            highest: omega[first],
            lowest: omega[last],
            measured: measured(spectrum, &weight),
            omega,
            weight,
            order,
        })
    }

    /// Chains without and with a series capacitance; both come from one factorisation, whose last column it is.
    fn searched(&self) -> [Search; 2] {
        let decades = (self.highest / self.lowest).log10();
        let is_dense = |n: usize| n as f64 > ELEMENTS_PER_DECADE_MAX * decades + 1.0;
        let half = self.order.len() / 2;
        // Long chains cost most and differ least: their numbers of elements grow by an eighth.
        let numbers = std::iter::successors(Some(ELEMENTS_MIN), |n| Some(n + (n / 8).max(1)));
        let mut searches = [Search::default(), Search::default()];
        for n_elements in numbers.take_while(|n| *n <= half && !is_dense(*n)) {
            if searches.iter().all(|search| search.has_ended) {
                break;
            }
            let scaled = Scaled::new(self.columns(n_elements), self.measured.clone());
            for (has_capacitance, search) in [false, true].into_iter().zip(&mut searches) {
                if !search.has_ended {
                    search.take(scaled.chain(n_elements, has_capacitance));
                }
            }
        }
        searches
    }

    /// What each unknown adds to Z/|Z|, one column of `2 n_points` each, real parts above imaginary parts: the
    /// resistances of the elements, the series resistance, the inductance and 1/C.
    fn columns(&self, n_elements: usize) -> Vec<Vec<f64>> {
        let step = (self.highest / self.lowest).ln() / (n_elements.max(2) - 1) as f64;
        let tau = |k: usize| (k as f64 * step).exp() / self.highest;
        let mut columns: Vec<Vec<f64>> = (0..n_elements).map(|k| self.element(tau(k))).collect();
        let none = || std::iter::repeat_n(0.0, self.omega.len());
        let points = || self.omega.iter().zip(&self.weight);
        columns.push(self.weight.iter().copied().chain(none()).collect());
        columns.push(none().chain(points().map(|(omega, w)| omega * w)).collect());
        columns.push(
            none()
                .chain(points().map(|(omega, w)| -w / omega))
                .collect(),
        );
        columns
    }

    /// The column of an RC element with a time constant (s).
    fn element(&self, tau: f64) -> Vec<f64> {
        let n = self.omega.len();
        let mut column = vec![0.0; 2 * n];
        let (re, im) = column.split_at_mut(n);
        for (i, (omega, weight)) in self.omega.iter().zip(&self.weight).enumerate() {
            let x = omega * tau;
            re[i] = weight / (1.0 + x * x);
            im[i] = -x * re[i];
        }
        column
    }

    /// The result of a chain.
    fn judge(&self, chain: &Chain) -> KramersKronig {
        let n = self.omega.len();
        let mut fitted = vec![0.0; 2 * n];
        for (column, coefficient) in self
            .columns(chain.n_elements)
            .iter()
            .zip(&chain.coefficients)
        {
            for (sum, value) in fitted.iter_mut().zip(column) {
                *sum += coefficient * value;
            }
        }
        let both = self.measured.iter().zip(&fitted);
        let residuals: Vec<f64> = both.map(|(measured, fitted)| measured - fitted).collect();
        let pairs = |numbers: &[f64], i: usize| (numbers[i], numbers[n + i]);
        let ohm = |i: usize| {
            let (re, im) = pairs(&fitted, i);
            (re / self.weight[i], im / self.weight[i])
        };
        let ordered = |from: usize| {
            let values = self.order.iter().map(|i| residuals[from + i]);
            values.collect::<Vec<f64>>()
        };
        KramersKronig {
            n_elements: chain.n_elements,
            mu: chain.mu,
            has_capacitance: chain.has_capacitance,
            fitted_ohm: (0..n).map(ohm).collect(),
            residuals: (0..n).map(|i| pairs(&residuals, i)).collect(),
            rms: (residuals.iter().map(|r| r * r).sum::<f64>() / (2.0 * n as f64)).sqrt(),
            noise: noise(&ordered(0), &ordered(n)),
        }
    }
}

fn measured(spectrum: &Spectrum, weight: &[f64]) -> Vec<f64> {
    let points = || spectrum.impedance_ohm.iter().zip(weight);
    let re = points().map(|((re, _), weight)| re * weight);
    re.chain(points().map(|((_, im), weight)| im * weight))
        .collect()
}

/// The factorised columns of a chain, each of unit length.
struct Scaled {
    norms: Vec<f64>,
    factors: Factors,
}

impl Scaled {
    fn new(mut columns: Vec<Vec<f64>>, measured: Vec<f64>) -> Self {
        let mut norms = Vec::with_capacity(columns.len());
        for column in &mut columns {
            let norm = column.iter().map(|x| x * x).sum::<f64>().sqrt();
            for x in column.iter_mut() {
                *x /= norm;
            }
            norms.push(norm);
        }
        Self {
            norms,
            factors: Factors::new(columns.concat(), measured),
        }
    }

    /// The chain of so many elements; `None` if its columns depend on each other.
    fn chain(&self, n_elements: usize, has_capacitance: bool) -> Option<Chain> {
        let n_columns = n_elements + 2 + usize::from(has_capacitance);
        let n_rows = self.factors.n_rows();
        let freedom = n_rows.checked_sub(n_columns).filter(|f| *f > 0)?;
        if self.factors.least_diagonal(n_columns) < f64::EPSILON * n_rows as f64 {
            return None;
        }
        let solved = self.factors.solve(n_columns).into_iter().zip(&self.norms);
        let coefficients: Vec<f64> = solved
            .map(|(coefficient, norm)| coefficient / norm)
            .collect();
        Some(Chain {
            n_elements,
            has_capacitance,
            mu: mu(coefficients[..n_elements].iter()),
            misfit: (self.factors.squares_left(n_columns) / freedom as f64).sqrt(),
            coefficients,
        })
    }
}

/// The position of the shortest chain that the rule of [`kramers_kronig`] accepts.
fn chosen(chains: &[Chain]) -> Option<usize> {
    let mut least = f64::INFINITY;
    let mut is_settled = vec![false; chains.len()];
    for (settled, chain) in is_settled.iter_mut().zip(chains).rev() {
        least = least.min(chain.misfit);
        *settled = chain.misfit <= MISFIT_GAIN * least;
    }
    let settled = || (0..chains.len()).filter(|i| is_settled[*i]);
    let mut follows_noise = settled().filter(|i| chains[*i].mu < MU_MAX);
    follows_noise.next().or_else(|| settled().next())
}

/// `1 − Σ|R_k < 0| / Σ|R_k ≥ 0|` (1); minus infinity if no resistance is positive.
fn mu<'r>(resistances: impl Iterator<Item = &'r f64>) -> f64 {
    let (mut negative, mut positive) = (0.0, 0.0);
    for resistance in resistances {
        if *resistance < 0.0 {
            negative -= resistance;
        } else {
            positive += resistance;
        }
    }
    if positive > 0.0 {
        1.0 - negative / positive
    } else {
        f64::NEG_INFINITY
    }
}

/// Standard deviation of the noise of two series, each in order: the median magnitude of their second differences,
/// which for independent noise have √6 times its standard deviation. Zero for fewer than three points.
pub(super) fn noise(re: &[f64], im: &[f64]) -> f64 {
    let both = re.windows(3).chain(im.windows(3));
    let second = both.map(|w| (w[0] - 2.0 * w[1] + w[2]).abs());
    let mut magnitudes: Vec<f64> = second.collect();
    magnitudes.sort_by(f64::total_cmp);
    let median = magnitudes.get(magnitudes.len() / 2);
    median.map_or(0.0, |median| median / (NORMAL_MEDIAN * 6f64.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Complex = nalgebra::Complex<f64>;

    /// Impedance of a function of i ω at 10 points per decade, from the highest frequency on.
    fn spectrum(decades: (i32, i32), z: impl Fn(f64, Complex) -> Complex) -> Spectrum {
        let exponents = (decades.0 * 10..=decades.1 * 10).rev();
        let frequency_hz: Vec<f64> = exponents.map(|e| 10f64.powf(f64::from(e) / 10.0)).collect();
        let points = frequency_hz.iter().enumerate();
        let impedance_ohm = points.map(|(i, f)| {
            let z = z(i as f64, Complex::new(0.0, std::f64::consts::TAU * f));
            (z.re, z.im)
        });
        Spectrum {
            impedance_ohm: impedance_ohm.collect(),
            frequency_hz,
        }
    }

    fn largest(test: &KramersKronig) -> f64 {
        test.distances().into_iter().fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn steady_cells_pass(
            r0 in 0.1f64..100.0, ln_r1 in -3.0f64..3.0, ln_tau in -9.0f64..1.0, n in 0.6f64..1.0,
            ln_sigma in -4.0f64..2.0, inductance in 0.0f64..1e-6,
        ) {
            let r1 = r0 * ln_r1.exp();
            let q = ln_tau.exp().powf(n) / r1;
            let sigma = r1 * ln_sigma.exp();
            let cell = spectrum((-2, 5), |_, s| {
                let faradaic = s.powf(-0.5) * (sigma * 2f64.sqrt()) + r1;
                s * inductance + r0 + (faradaic.inv() + s.powf(n) * q).inv()
            });
            let test = kramers_kronig(&cell).unwrap();
            prop_assert!(largest(&test) < 8e-3, "{} {:?}", largest(&test), test.n_elements);
        }

        #[test]
        fn blocking_electrodes_pass(r0 in 1.0f64..1e3, q in 1e-6f64..1e-2, n in 0.5f64..1.0) {
            let cell = spectrum((-2, 5), |_, s| s.powf(-n) / q + r0);
            let test = kramers_kronig(&cell).unwrap();
            prop_assert!(largest(&test) < 8e-3, "{} {:?}", largest(&test), test.n_elements);
        }
    }

    #[test]
    fn an_element_inside_the_range_is_found_exactly() {
        let cell = spectrum((-2, 4), |_, s| (s * 1e-3 + 0.1).inv() + 5.0);
        let test = kramers_kronig(&cell).unwrap();
        assert!(test.rms < 1e-4, "{}", test.rms);
        assert!(test.noise < 1e-4, "{}", test.noise);
        let (fitted, measured) = (test.fitted_ohm[30], cell.impedance_ohm[30]);
        assert!((fitted.0 - measured.0).abs() < 1e-2 && (fitted.1 - measured.1).abs() < 1e-2);
    }

    #[test]
    fn an_impossible_imaginary_part_is_found_out() {
        // A conjugated arc would need a negative time constant.
        let cell = spectrum((-2, 4), |_, s| (s.conj() * 1e-2 + 0.1).inv() + 5.0);
        let test = kramers_kronig(&cell).unwrap();
        assert!(largest(&test) > 0.05, "{}", largest(&test));
    }

    #[test]
    fn noise_is_measured_beside_systematic_residuals() {
        let wave = |i: usize| 0.2 * (i as f64 / 40.0).sin();
        let scatter = |i: usize| 0.01 * ((i as f64 * 78.233).sin() * 43_758.545).rem_euclid(1.0);
        let series = |from: usize| -> Vec<f64> {
            (from..from + 200).map(|i| wave(i) + scatter(i)).collect()
        };
        let expected = 0.01 / 12f64.sqrt();
        let found = noise(&series(0), &series(500));
        assert!((found / expected - 1.0).abs() < 0.4, "{found} {expected}");
    }

    #[test]
    fn what_cannot_be_tested_gives_none() {
        let cell = spectrum((0, 1), |_, s| s.inv() + 1.0);
        let with = |frequency: f64, re: f64| {
            let mut cell = cell.clone();
            cell.frequency_hz[3] = frequency;
            cell.impedance_ohm[3].0 = re;
            kramers_kronig(&cell)
        };
        assert!(with(2.0, 1.0).is_some());
        assert!(with(0.0, 1.0).is_none() && with(f64::NAN, 1.0).is_none());
        assert!(with(2.0, f64::INFINITY).is_none());
        let short = spectrum((0, 0), |_, s| s);
        assert!(kramers_kronig(&short).is_none());
    }

    #[test]
    fn order_of_the_points_does_not_matter() {
        let cell = spectrum((-1, 4), |i, s| {
            (s * 1e-3 + 0.1).inv() + 5.0 + (i * 7.0).sin() * 0.02
        });
        let turned = Spectrum {
            frequency_hz: cell.frequency_hz.iter().rev().copied().collect(),
            impedance_ohm: cell.impedance_ohm.iter().rev().copied().collect(),
        };
        let (a, b) = (
            kramers_kronig(&cell).unwrap(),
            kramers_kronig(&turned).unwrap(),
        );
        assert_eq!(a.n_elements, b.n_elements);
        assert!((a.rms - b.rms).abs() < 1e-12 && (a.noise - b.noise).abs() < 1e-12);
    }
}
