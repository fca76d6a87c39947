//! The Warburg coefficient as the slope of straight lines against ω^−1/2, with the checks that tell diffusion from
//! anything else that has a slope.
//!
//! Source: A. J. Bard & L. R. Faulkner, Electrochemical Methods, 2nd ed. (2001), § 10.3.

use std::f64::consts::FRAC_PI_4;
use std::f64::consts::TAU;
use std::fmt;

use thiserror::Error;

use crate::analysis::Estimate;
use crate::analysis::StraightLine;
use crate::analysis::randles_sevcik::Conditions;
use crate::record::Spectrum;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// Fewest points of a window.
const POINTS_MIN: usize = 4;
/// R² below which a line is not straight (1).
const R_SQUARED_MIN: f64 = 0.98;
/// Largest difference of the two slopes over their mean (1): for diffusion they are the same.
const SLOPES_DIFFER_MAX: f64 = 0.2;
/// Largest distance of d ln(−Im Z)/d ln ω from −1/2 (1).
const EXPONENT_OFF_MAX: f64 = 0.1;
/// Largest distance of the branch's phase from 45° (rad).
const PHASE_OFF_MAX: f64 = 10.0 / 180.0 * std::f64::consts::PI;
/// Points on each side that local slopes use.
const REACH: usize = 2;
/// Factor between the local slopes of Re Z and −Im Z that an automatic window still admits (1).
const LOCAL_RATIO_MAX: f64 = 1.35;
/// Distance of the local exponent from −1/2 that an automatic window still admits (1).
const LOCAL_EXPONENT_OFF_MAX: f64 = 0.15;
/// Width of the window where nothing looks like diffusion (decades).
const FALLBACK_DECADES: f64 = 1.0;

/// Why a slope is not diffusion, or not certainly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    /// A slope is not positive.
    Falls {
        /// Slope of Re Z (Ω s^−1/2).
        real: f64,
        /// Slope of −Im Z (Ω s^−1/2).
        imaginary: f64,
    },
    /// Re Z against ω^−1/2 is not straight.
    RealNotStraight {
        /// R² of its line (1).
        r_squared: f64,
    },
    /// −Im Z against ω^−1/2 is not straight.
    ImaginaryNotStraight {
        /// R² of its line (1).
        r_squared: f64,
    },
    /// The slopes of Re Z and −Im Z differ.
    SlopesDiffer {
        /// Slope of Re Z (Ω s^−1/2).
        real: f64,
        /// Slope of −Im Z (Ω s^−1/2).
        imaginary: f64,
    },
    /// −Im Z does not grow as ω^−1/2.
    Exponent {
        /// d ln(−Im Z)/d ln ω over the window (1); `None` where −Im Z is not positive.
        exponent: Option<f64>,
    },
    /// The branch does not lie at 45°.
    Phase {
        /// Phase of Z less the intercept of Re Z at the window's lowest frequency (rad).
        phase_rad: f64,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Falls { real, imaginary } => write!(
                formatter,
                "the impedance does not grow towards low frequencies (slopes {real:.3e} and {imaginary:.3e} ohm s^-1/2)"
            ),
            Self::RealNotStraight { r_squared } => write!(
                formatter,
                "Re Z against omega^-1/2 is not a straight line (R^2 = {r_squared:.3})"
            ),
            Self::ImaginaryNotStraight { r_squared } => write!(
                formatter,
                "-Im Z against omega^-1/2 is not a straight line (R^2 = {r_squared:.3})"
            ),
            Self::SlopesDiffer { real, imaginary } => write!(
                formatter,
                "the slopes of Re Z and -Im Z differ: {real:.3e} and {imaginary:.3e} ohm s^-1/2"
            ),
            Self::Exponent {
                exponent: Some(exponent),
            } => write!(
                formatter,
                "-Im Z grows as omega^{exponent:.2} instead of omega^-0.5"
            ),
            Self::Exponent { exponent: None } => {
                formatter.write_str("-Im Z is not positive throughout the window")
            }
            Self::Phase { phase_rad } => write!(
                formatter,
                "the branch lies at {:.0} degrees instead of 45",
                phase_rad.to_degrees()
            ),
        }
    }
}

/// Why there is no slope.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum WarburgError {
    /// Too few points.
    #[error(
        "{n_points} usable points between {lowest_hz} Hz and {highest_hz} Hz are too few for a line, which needs \
         {POINTS_MIN} at different frequencies; widen the window"
    )]
    TooFewPoints {
        /// Number of points with a positive frequency and a finite impedance.
        n_points: usize,
        /// Lowest frequency of the window (Hz).
        lowest_hz: f64,
        /// Highest frequency of the window (Hz).
        highest_hz: f64,
    },
}

/// A Warburg coefficient with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Warburg {
    /// The coefficient σ (Ω s^−1/2): the mean of the two slopes, which is their least-squares common slope.
    pub sigma: f64,
    /// Its standard error (Ω s^−1/2): at least half the difference of the slopes.
    pub standard_error: f64,
    /// Lowest and highest frequency of the points used (Hz).
    pub window_hz: (f64, f64),
    /// Number of points used.
    pub n_points: usize,
    /// The line of Re Z (Ω) against ω^−1/2 (s^1/2).
    pub real: StraightLine,
    /// The line of −Im Z (Ω) against ω^−1/2 (s^1/2).
    pub imaginary: StraightLine,
    /// What speaks against diffusion.
    pub doubts: Vec<Doubt>,
}

impl Warburg {
    /// Whether the window shows semi-infinite diffusion as far as can be told.
    pub fn is_diffusion(&self) -> bool {
        self.doubts.is_empty()
    }

    /// Diffusion coefficient (m² s⁻¹); its uncertainty is that of σ only.
    ///
    /// `D = R²T² / (2 A² n⁴ F⁴ c² σ²)` for one diffusing species. Guan et al. (2024) print `A⁴`, which cannot be: σ is
    /// RT / (n²F² A c √(2 D)), so only `A²` gives m² s⁻¹. Source: Bard & Faulkner, 2nd ed., eq. 10.3.10. It means
    /// something only where [`Warburg::is_diffusion`]. `None` if σ or a condition is not positive.
    pub fn diffusion_coefficient(&self, conditions: &Conditions) -> Option<Estimate> {
        conditions.check().ok()?;
        let nf = conditions.electrons * FARADAY_C_PER_MOL;
        let denominator =
            conditions.area_m2 * nf * nf * conditions.concentration_mol_m3 * self.sigma;
        let root = GAS_J_PER_MOL_K * conditions.temperature_k / denominator;
        let value = 0.5 * root * root;
        let sd = 2.0 * value * self.standard_error / self.sigma;
        (self.sigma > 0.0 && value.is_finite()).then(|| Estimate::new(value, Some(sd), "m^2 s^-1"))
    }

    /// One sentence for a report, if there are doubts.
    pub fn warning(&self) -> Option<String> {
        let doubts: Vec<String> = self.doubts.iter().map(Doubt::to_string).collect();
        (!doubts.is_empty()).then(|| format!("this slope is not diffusion: {}", doubts.join("; ")))
    }
}

/// Angular frequency (s⁻¹), ω^−1/2 (s^1/2), Re Z and −Im Z (Ω).
type Point = (f64, f64, f64, f64);

/// The Warburg coefficient of a spectrum in any order.
///
/// `window_hz` is the lowest and the highest frequency (Hz), ends included. Without one, the widest stretch of
/// neighbouring points is taken where −Im Z grows locally as ω^(−1/2 ± 0.15) and as fast as Re Z within a factor of 1.35;
/// where there is none, the lowest decade, and the doubts tell. Points that are not finite or without a positive
/// frequency are skipped.
///
/// # Errors
/// If the window holds fewer than four points.
pub fn warburg(
    spectrum: &Spectrum,
    window_hz: Option<(f64, f64)>,
) -> Result<Warburg, WarburgError> {
    let points = points(spectrum);
    let chosen = match window_hz {
        Some(window) => inside(&points, window),
        None => automatic(&points),
    };
    let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else {
        return Err(too_few(&points, window_hz));
    };
    if chosen.len() < POINTS_MIN || first.0 >= last.0 {
        return Err(too_few(chosen, window_hz));
    }
    let lines = line(chosen, |point| point.2).zip(line(chosen, |point| point.3));
    let (real, imaginary) = lines.ok_or_else(|| too_few(chosen, window_hz))?;
    let own = 0.5
        * real
            .slope_sd
            .unwrap_or(0.0)
            .hypot(imaginary.slope_sd.unwrap_or(0.0));
    Ok(Warburg {
        sigma: 0.5 * (real.slope + imaginary.slope),
        standard_error: own.max(0.5 * (real.slope - imaginary.slope).abs()),
        window_hz: (first.0 / TAU, last.0 / TAU),
        n_points: chosen.len(),
        doubts: doubts(chosen, &real, &imaginary),
        real,
        imaginary,
    })
}

fn too_few(points: &[Point], window_hz: Option<(f64, f64)>) -> WarburgError {
    let (lowest_hz, highest_hz) = window_hz.unwrap_or((0.0, f64::INFINITY));
    WarburgError::TooFewPoints {
        n_points: inside(points, (lowest_hz, highest_hz)).len(),
        lowest_hz,
        highest_hz,
    }
}

/// Usable points by rising frequency.
fn points(spectrum: &Spectrum) -> Vec<Point> {
    let pairs = spectrum.frequency_hz.iter().zip(&spectrum.impedance_ohm);
    let points = pairs.map(|(f, (re, im))| (TAU * f, (TAU * f).powf(-0.5), *re, -im));
    let is_usable = |(omega, x, re, im): &Point| {
        *omega > 0.0 && omega.is_finite() && x.is_finite() && re.is_finite() && im.is_finite()
    };
    let mut points: Vec<Point> = points.filter(is_usable).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// The points between two frequencies (Hz), which may miss them by round-off.
fn inside(points: &[Point], (lowest_hz, highest_hz): (f64, f64)) -> &[Point] {
    let from = points.partition_point(|p| p.0 < TAU * lowest_hz * (1.0 - 1e-9));
    let to = points.partition_point(|p| p.0 <= TAU * highest_hz * (1.0 + 1e-9));
    &points[from..to.max(from)]
}

/// The widest stretch that looks like diffusion, the lower one of equals, or the lowest decade.
fn automatic(points: &[Point]) -> &[Point] {
    let mut best = 0..0;
    let mut start = 0;
    let width = |range: &std::ops::Range<usize>| {
        let ends = points[range.clone()]
            .first()
            .zip(points[range.clone()].last());
        ends.map_or(0.0, |(first, last)| last.0 / first.0)
    };
    for i in 0..points.len() {
        if !looks_like_diffusion(points, i) {
            start = i + 1;
        } else if width(&(start..i + 1)) > width(&best) * (1.0 + 1e-9) {
            best = start..i + 1;
        }
    }
    if best.len() >= POINTS_MIN {
        return &points[best];
    }
    let lowest = points.first().map_or(0.0, |p| p.0 / TAU);
    inside(points, (lowest, lowest * 10f64.powf(FALLBACK_DECADES)))
}

/// Whether the points around one have the exponent and the slopes of diffusion.
fn looks_like_diffusion(points: &[Point], i: usize) -> bool {
    let around = &points[i.saturating_sub(REACH)..(i + REACH + 1).min(points.len())];
    let lines = line(around, |p| p.2).zip(line(around, |p| p.3));
    let Some((real, imaginary)) = lines.map(|(re, im)| (re.slope, im.slope)) else {
        return false;
    };
    let ratio = real / imaginary;
    let is_exponent =
        exponent(around).is_some_and(|exponent| (exponent + 0.5).abs() <= LOCAL_EXPONENT_OFF_MAX);
    let same = 1.0 / LOCAL_RATIO_MAX..=LOCAL_RATIO_MAX;
    is_exponent && real > 0.0 && imaginary > 0.0 && same.contains(&ratio)
}

/// d ln(−Im Z)/d ln ω (1); `None` where −Im Z is not positive.
fn exponent(points: &[Point]) -> Option<f64> {
    let all_positive = points.iter().all(|point| point.3 > 0.0);
    let (omega, imaginary): (Vec<f64>, Vec<f64>) =
        points.iter().map(|p| (p.0.ln(), p.3.ln())).unzip();
    let line = StraightLine::fit(&omega, &imaginary)?;
    all_positive.then_some(line.slope)
}

/// The least-squares line of a part against ω^−1/2.
fn line(points: &[Point], part: impl Fn(&Point) -> f64) -> Option<StraightLine> {
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|p| (p.1, part(p))).unzip();
    StraightLine::fit(&x, &y)
}

fn doubts(points: &[Point], real: &StraightLine, imaginary: &StraightLine) -> Vec<Doubt> {
    let slopes = (real.slope, imaginary.slope);
    let mut doubts = Vec::new();
    if slopes.0 <= 0.0 || slopes.1 <= 0.0 {
        doubts.push(Doubt::Falls {
            real: slopes.0,
            imaginary: slopes.1,
        });
    } else if 2.0 * (slopes.0 - slopes.1).abs() > SLOPES_DIFFER_MAX * (slopes.0 + slopes.1) {
        doubts.push(Doubt::SlopesDiffer {
            real: slopes.0,
            imaginary: slopes.1,
        });
    }
    if real.r_squared < R_SQUARED_MIN {
        let r_squared = real.r_squared;
        doubts.push(Doubt::RealNotStraight { r_squared });
    }
    if imaginary.r_squared < R_SQUARED_MIN {
        let r_squared = imaginary.r_squared;
        doubts.push(Doubt::ImaginaryNotStraight { r_squared });
    }
    let exponent = exponent(points);
    if exponent.is_none_or(|exponent| (exponent + 0.5).abs() > EXPONENT_OFF_MAX) {
        doubts.push(Doubt::Exponent { exponent });
    }
    let lowest = points.first();
    let phase = lowest.map(|p| p.3.atan2(p.2 - real.intercept));
    if let Some(phase_rad) = phase.filter(|phase| (phase - FRAC_PI_4).abs() > PHASE_OFF_MAX) {
        doubts.push(Doubt::Phase { phase_rad });
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Complex = nalgebra::Complex<f64>;

    /// Ten points per decade from the highest frequency on; `z` is a function of iω.
    fn spectrum(decades: (i32, i32), z: impl Fn(Complex) -> Complex) -> Spectrum {
        let exponents = (decades.0 * 10..=decades.1 * 10).rev();
        let frequency_hz: Vec<f64> = exponents.map(|e| 10f64.powf(f64::from(e) / 10.0)).collect();
        let z = |f: &f64| z(Complex::new(0.0, TAU * f));
        Spectrum {
            impedance_ohm: frequency_hz.iter().map(|f| (z(f).re, z(f).im)).collect(),
            frequency_hz,
        }
    }

    fn element(s: Complex, sigma: f64) -> Complex {
        s.powf(-0.5) * (sigma * 2f64.sqrt())
    }

    #[test]
    fn a_warburg_element_gives_its_coefficient() {
        let cell = spectrum((-2, 2), |s| element(s, 122.0) + 50.0);
        let found = warburg(&cell, None).unwrap();
        assert!((found.sigma - 122.0).abs() < 1e-9, "{found:?}");
        assert!(found.standard_error < 1e-9 && found.is_diffusion());
        assert!(found.real.r_squared > 1.0 - 1e-12 && found.warning().is_none());
        assert!((found.real.intercept - 50.0).abs() < 1e-9);
        assert_eq!(found.n_points, 41);
    }

    proptest! {
        #[test]
        fn the_branch_of_a_randles_circuit_is_found(
            r0 in 1.0f64..20.0, r1 in 10.0f64..200.0, sigma in 20.0f64..200.0, ln_tau in -10.0f64..-5.0,
        ) {
            let c = ln_tau.exp() / r1;
            let cell = spectrum((-2, 5), |s| (s * c + (element(s, sigma) + r1).inv()).inv() + r0);
            let found = warburg(&cell, None).unwrap();
            prop_assert!(found.is_diffusion(), "{found:?}");
            prop_assert!((found.sigma / sigma - 1.0).abs() < 0.1, "{found:?}");
            prop_assert!(found.window_hz.0 < 0.011, "{found:?}");
        }

        #[test]
        fn an_arc_is_not_diffusion(r0 in 1.0f64..20.0, r1 in 10.0f64..5e3, ln_tau in -6.0f64..3.0) {
            let cell = spectrum((-2, 5), |s| (s * ln_tau.exp() + 1.0).inv() * r1 + r0);
            for window in [None, Some((0.01, 0.1))] {
                let found = warburg(&cell, window).unwrap();
                prop_assert!(!found.is_diffusion(), "{found:?}");
            }
        }
    }

    #[test]
    fn a_charge_transfer_relaxation_with_a_slope_is_not_diffusion() {
        // Large arc of an anode film and a slow relaxation at 0.05 Hz, as in cells whose Re Z falls by some 120 ohm
        // s^-1/2 with R² around 0.8.
        let cell = spectrum((-2, 5), |s| {
            let film = (s * 0.075 + 1.0).inv() * 3300.0;
            film + (s * 4.0 + 1.0).inv() * 350.0 + 12.0
        });
        let found = warburg(&cell, Some((0.01, 0.1))).unwrap();
        assert!(found.real.slope > 50.0, "{found:?}");
        assert!(!found.is_diffusion());
        let warning = found.warning().unwrap();
        assert!(
            warning.starts_with("this slope is not diffusion: "),
            "{warning}"
        );
    }

    #[test]
    fn the_error_holds_the_truth_in_noise() {
        let cell = spectrum((-2, 0), |s| {
            let scatter = |k: f64| ((s.im * k).sin() * 43_758.545).rem_euclid(1.0) - 0.5;
            element(s, 100.0) + Complex::new(10.0 + 2.0 * scatter(7.1), 2.0 * scatter(3.3))
        });
        let found = warburg(&cell, Some((0.01, 1.0))).unwrap();
        let off = (found.sigma - 100.0).abs();
        assert!(
            found.standard_error > 0.01 && off < 4.0 * found.standard_error,
            "{found:?}"
        );
        assert!(found.is_diffusion(), "{found:?}");
    }

    #[test]
    fn a_window_without_points_is_an_error() {
        let cell = spectrum((-1, 2), |s| element(s, 1.0));
        let error = warburg(&cell, Some((0.01, 0.15))).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("2 usable points between 0.01 Hz"),
            "{error}"
        );
        let empty = Spectrum {
            frequency_hz: Vec::new(),
            impedance_ohm: Vec::new(),
        };
        assert!(warburg(&empty, None).is_err());
    }

    #[test]
    fn diffusion_coefficient_inverts_the_warburg_coefficient() {
        // σ = R T / (n² F² A c √(2 D)).
        let conditions = Conditions {
            area_m2: 1.13e-4,
            concentration_mol_m3: 400.0,
            electrons: 2.0,
            temperature_k: 298.15,
        };
        let d = 3e-10;
        let nf = conditions.electrons * FARADAY_C_PER_MOL;
        let factor = nf * nf * conditions.area_m2 * conditions.concentration_mol_m3;
        let sigma = GAS_J_PER_MOL_K * conditions.temperature_k / (factor * f64::sqrt(2.0 * d));
        let mut found = warburg(&spectrum((-2, 2), |s| element(s, sigma)), None).unwrap();
        found.standard_error = 0.05 * found.sigma;
        let coefficient = found.diffusion_coefficient(&conditions).unwrap();
        assert!((coefficient.value / d - 1.0).abs() < 1e-9);
        assert!((coefficient.relative_sd() - 0.1).abs() < 1e-12);
        let no_area = Conditions {
            area_m2: 0.0,
            ..conditions
        };
        assert_eq!(found.diffusion_coefficient(&no_area), None);
        found.sigma = f64::NAN;
        assert_eq!(found.diffusion_coefficient(&conditions), None);
    }
}
