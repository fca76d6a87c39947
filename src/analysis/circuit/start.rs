//! What a spectrum shows at a glance: where the fit of a circuit starts, and what range is sensible.

use std::f64::consts::FRAC_PI_4;
use std::f64::consts::TAU;

use super::Circuit;
use super::CircuitError;
use crate::record::Spectrum;

/// Fewest points: twice as many numbers as the largest circuit has parameters, and some more.
const POINTS_MIN: usize = 8;
/// Exponents of the constant-phase element that starts try (1): a nearly ideal and a flat arc.
const EXPONENTS: [f64; 2] = [0.9, 0.65];
/// Smallest exponent (1): lines of 45° belong to the Warburg element; 0.3 leaves room for arcs that overlap.
const EXPONENT_MIN: f64 = 0.3;
/// Places in the range at which a second arc is tried beside a fitted first one.
const SECOND_PLACES: u8 = 5;
/// Its resistance over that of the first one (1).
const SECOND_SHARE: f64 = 0.3;
/// Most arcs that starts try.
const ARCS_MAX: usize = 3;
/// Factor by which parameters may lie outside the range of the measured impedances and frequencies (1).
const RANGE: f64 = 1e4;

/// The features of a spectrum.
pub(super) struct Features {
    /// Lowest and highest angular frequency (s⁻¹).
    omega: (f64, f64),
    /// Smallest and largest |Z| (Ω).
    modulus: (f64, f64),
    /// Smallest positive Re Z (Ω), or the smallest |Z|.
    intercept: f64,
    /// Angular frequency (s⁻¹) and height (Ω) of tops of −Im Z, highest first.
    tops: Vec<(f64, f64)>,
    /// −Im Z √ω at the lowest frequency (Ω s^−1/2), positive.
    warburg: f64,
    /// Im Z/ω at the highest frequency (H), positive.
    inductance: f64,
}

impl Features {
    /// Reads them off.
    pub(super) fn read(spectrum: &Spectrum) -> Result<Self, CircuitError> {
        let points = sorted(spectrum)?;
        let moduli = || points.iter().map(|(_, re, im)| re.hypot(*im));
        let modulus = (
            moduli().fold(f64::INFINITY, f64::min),
            moduli().fold(0.0, f64::max),
        );
        let parts = points.iter().map(|(_, re, _)| *re).filter(|re| *re > 0.0);
        let (first, last) = (points[0], points[points.len() - 1]);
        Ok(Self {
            omega: (first.0, last.0),
            modulus,
            intercept: parts.reduce(f64::min).unwrap_or(modulus.0),
            tops: tops(&points),
            warburg: (-first.2).max(0.01 * modulus.0) * first.0.sqrt(),
            inductance: last.2.max(0.01 * modulus.0) / last.0,
        })
    }

    /// Logarithms of the parameters to start from; solutions of smaller circuits are continued.
    pub(super) fn starts(&self, circuit: Circuit, known: &[(Circuit, &[f64])]) -> Vec<Vec<f64>> {
        let is_part = |smaller: &Circuit| {
            (!smaller.has_second_arc || circuit.has_second_arc)
                && (!smaller.has_warburg || circuit.has_warburg)
                && (!smaller.has_inductance || circuit.has_inductance)
        };
        let is_same_but_for_inductance = |known: &Circuit| {
            let plain = Circuit {
                has_inductance: false,
                ..circuit
            };
            circuit.has_inductance && *known == plain
        };
        // What an inductance adds is felt at the highest frequencies only: nothing there needs another look at the arcs.
        let is_settled = known.iter().any(|(c, _)| is_same_but_for_inductance(c));
        let mut starts: Vec<Vec<f64>> = Vec::new();
        for (smaller, x) in known.iter().filter(|(smaller, _)| is_part(smaller)) {
            let warburg = smaller.has_warburg.then(|| x[smaller.warburg()]);
            let arcs = x[..smaller.warburg()].to_vec();
            if smaller.has_second_arc == circuit.has_second_arc {
                starts.push(self.complete(circuit, arcs, warburg));
            } else if !is_settled && smaller.has_warburg == circuit.has_warburg {
                let twofold = self.with_another(&arcs).into_iter();
                starts.extend(twofold.map(|arcs| self.complete(circuit, arcs, warburg)));
            }
        }
        if !is_settled && (starts.is_empty() || !circuit.has_second_arc) {
            starts.extend(self.read_off(circuit));
        }
        starts
    }

    /// Starts with the arcs that the spectrum shows: each by itself, or each two of them.
    fn read_off(&self, circuit: Circuit) -> Vec<Vec<f64>> {
        let arc = |(omega, height): (f64, f64), n: f64| {
            let r = 2.0 * height / (n * FRAC_PI_4).tan();
            [r, 1.0 / (r * omega.powf(n)), n].map(f64::ln)
        };
        let mut starts = Vec::new();
        for n in EXPONENTS {
            for (place, top) in self.tops.iter().enumerate() {
                let first = [&[self.intercept.ln()][..], &arc(*top, n)].concat();
                if !circuit.has_second_arc {
                    starts.push(self.complete(circuit, first, None));
                    continue;
                }
                // The fast arc first, as the slow one holds the Warburg element.
                for other in self.tops.iter().enumerate().filter(|(i, _)| *i != place) {
                    if other.1.0 < top.0 {
                        let both = [&first[..], &arc(*other.1, n)].concat();
                        starts.push(self.complete(circuit, both, None));
                    }
                }
            }
        }
        starts
    }

    /// R0 and one arc with another arc beside it, at places all over the range; the fast one first.
    fn with_another(&self, one: &[f64]) -> Vec<Vec<f64>> {
        let (slowest, fastest) = (self.omega.0.ln(), self.omega.1.ln());
        let n = EXPONENTS[0];
        let ln_r = one[1] + SECOND_SHARE.ln();
        // (R Q)^(−1/n) is the angular frequency of the apex.
        let own = -(one[1] + one[2]) / one[3].exp();
        let places = (1..=SECOND_PLACES).map(|i| {
            let ln_omega =
                slowest + (fastest - slowest) * f64::from(i) / f64::from(SECOND_PLACES + 1);
            let other = [ln_r, -ln_r - n * ln_omega, n.ln()];
            if ln_omega > own {
                [&one[..1], &other, &one[1..]].concat()
            } else {
                [one, &other].concat()
            }
        });
        places.collect()
    }

    /// Adds what the circuit has beyond its arcs.
    fn complete(&self, circuit: Circuit, mut arcs: Vec<f64>, warburg: Option<f64>) -> Vec<f64> {
        if circuit.has_warburg {
            arcs.push(warburg.unwrap_or(self.warburg.ln()));
        }
        if circuit.has_inductance {
            arcs.push(self.inductance.ln());
        }
        arcs
    }

    /// Lower and upper bounds of the logarithms of the parameters.
    pub(super) fn bounds(&self, circuit: Circuit) -> (Vec<f64>, Vec<f64>) {
        let (least, most) = (self.modulus.0 / RANGE, self.modulus.1 * RANGE);
        let (slowest, fastest) = self.omega;
        let small = slowest.min(1.0) / RANGE;
        let large = fastest.max(1.0) * RANGE;
        let mut bounds = vec![(least, most)];
        for _ in circuit.arcs() {
            bounds.extend([
                (least, most),
                (1.0 / (most * large), 1.0 / (least * small)),
                (EXPONENT_MIN, 1.0),
            ]);
        }
        if circuit.has_warburg {
            bounds.push((least * slowest.sqrt(), most * fastest.sqrt()));
        }
        if circuit.has_inductance {
            bounds.push((least / fastest, most / slowest));
        }
        bounds
            .into_iter()
            .map(|(a, b): (f64, f64)| (a.ln(), b.ln()))
            .unzip()
    }
}

/// Angular frequency (s⁻¹), real and imaginary part (Ω) by rising frequency.
fn sorted(spectrum: &Spectrum) -> Result<Vec<(f64, f64, f64)>, CircuitError> {
    let pairs = spectrum.frequency_hz.iter().zip(&spectrum.impedance_ohm);
    let mut points: Vec<(f64, f64, f64)> = pairs.map(|(f, (re, im))| (TAU * f, *re, *im)).collect();
    let is_usable = |(omega, re, im): &(f64, f64, f64)| {
        let modulus = re.hypot(*im);
        *omega > 0.0 && omega.is_finite() && modulus > 0.0 && modulus.is_finite()
    };
    if let Some(index) = points.iter().position(|point| !is_usable(point)) {
        return Err(CircuitError::Unusable { index });
    }
    if points.len() < POINTS_MIN {
        return Err(CircuitError::TooFewPoints {
            n_points: points.len(),
            needed: POINTS_MIN,
        });
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(points)
}

/// Local tops of −Im Z over five points, highest first; the largest value and the middle of the range in any case.
fn tops(points: &[(f64, f64, f64)]) -> Vec<(f64, f64)> {
    const REACH: usize = 2;
    let height = |i: usize| -points[i].2;
    let is_top = |i: &usize| {
        let mut around = (i - REACH)..=(i + REACH);
        height(*i) > 0.0 && around.all(|j| height(j) <= height(*i))
    };
    let mut places: Vec<usize> = (REACH..points.len() - REACH).filter(is_top).collect();
    places.sort_by(|a, b| height(*b).total_cmp(&height(*a)));
    places.truncate(ARCS_MAX - 1);
    let largest = (0..points.len()).max_by(|a, b| height(*a).total_cmp(&height(*b)));
    let places = largest.into_iter().chain(places).chain([points.len() / 2]);
    let mut tops: Vec<(f64, f64)> = Vec::new();
    for (omega, re, im) in places.map(|i| points[i]) {
        let is_new = tops
            .iter()
            .all(|(known, _)| (omega / known).ln().abs() > 1e-9);
        if is_new && tops.len() < ARCS_MAX {
            tops.push((omega, (-im).max(0.01 * re.hypot(im))));
        }
    }
    tops
}
