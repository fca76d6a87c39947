//! Tafel analysis of a polarisation curve: slope, transfer coefficient and exchange current.

use std::f64::consts::LN_10;
use std::ops::Range;

use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_count;
use super::result::check_finite;
use super::result::check_positive;
use super::smooth::noise_sd;
use super::straight_line::RunningLines;
use super::straight_line::StraightLine;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// Fewest points of the straight stretch (1).
const POINTS_MIN: usize = 5;
/// Root mean square deviation of a straight stretch (decades): 2 % of the current, ...
const STRAIGHT_DECADES: f64 = 0.01;
/// ... or this many standard deviations of the noise.
const STRAIGHT_NOISE: f64 = 1.5;
/// Points that the search looks at; more are thinned, because it tries every window.
const SEARCH_POINTS_MAX: usize = 400;
/// Relative difference between the slopes of the two halves of the stretch that is reported (1).
const CURVATURE: f64 = 0.1;
/// Span that a slope needs (decades).
const DECADES_MIN: f64 = 1.0;

/// Which branch of the polarisation curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Reduction: positive current inside, negative overpotential.
    Cathodic,
    /// Oxidation: negative current inside, positive overpotential.
    Anodic,
}

/// How a Tafel analysis is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TafelSettings {
    /// Equilibrium potential (V), 0 if the potentials are overpotentials already; `None` if it is not known: then there
    /// is no exchange current, and the overpotential counts from the smallest current of the branch.
    pub equilibrium_v: Option<f64>,
    /// Smallest overpotential of the stretch (V), so that the reverse reaction contributes little.
    pub overpotential_v_min: f64,
    /// Temperature (K).
    pub temperature_k: f64,
}

impl Default for TafelSettings {
    /// Overpotentials from 0.07 V (the reverse reaction is 7 % of one electron's) at 25 °C.
    fn default() -> Self {
        Self {
            equilibrium_v: Some(0.0),
            overpotential_v_min: 0.07,
            temperature_k: 298.15,
        }
    }
}

/// Result of a Tafel analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tafel {
    /// Tafel slope b (V, per decade of current), positive.
    pub slope: Estimate,
    /// Apparent transfer coefficient `ln 10 R T/(F b)` (1).
    pub transfer_coefficient: Estimate,
    /// Exchange current (unit of the current): the line's value at zero overpotential.
    pub exchange_current: Option<Estimate>,
    /// Potentials that the stretch begins and ends at (V), in order of growing overpotential.
    pub window_v: (f64, f64),
    /// Span of the stretch (decades of current).
    pub decades: f64,
    /// Number of points of the stretch.
    pub n_points: usize,
    /// What speaks against the analysis.
    pub warnings: Vec<String>,
}

/// The straight stretch of log |i| over the potential on one branch: the one over most decades whose points stay within
/// 0.01 decade or the noise of a line.
///
/// `potential_v` (V) and `current` (any unit, reduction positive) are equally long, in any order; points with the other
/// sign of current are left out. Source: Bard & Faulkner, *Electrochemical Methods*, 2nd ed. (2001), section 3.4.3;
/// the transfer coefficient as Guidelli et al., Pure Appl. Chem. 86 (2014) 245.
///
/// # Errors
/// If a value is not finite, the settings are not positive, or there are fewer than five points or no straight stretch
/// beyond the smallest overpotential.
pub fn tafel(
    potential_v: &[f64],
    current: &[f64],
    branch: Branch,
    settings: &TafelSettings,
) -> Result<Tafel, AnalysisError> {
    check_finite("potential", potential_v)?;
    check_finite("current", current)?;
    check_positive("temperature (K)", settings.temperature_k)?;
    let curve = Curve::new(potential_v, current, branch, settings);
    check_count(
        "the branch beyond the smallest overpotential",
        curve.eta.len(),
        POINTS_MIN,
    )?;
    let stretch = curve.straight_stretch().ok_or(AnalysisError::Missing {
        what: "no five neighbouring points of log current over potential form a line",
        advice: "smooth the curve, or measure it more slowly and at more points",
    })?;
    let line = curve.line(stretch.clone()).ok_or(SAME_POTENTIAL)?;
    Ok(curve.result(&stretch, &line, settings))
}

const SAME_POTENTIAL: AnalysisError = AnalysisError::Missing {
    what: "the current does not grow with the overpotential",
    advice: "check the sign of the current and the branch",
};

/// One branch in order of growing overpotential.
struct Curve {
    /// Overpotential in the direction of the branch (V), from the equilibrium or the smallest current.
    eta: Vec<f64>,
    /// log₁₀ |i|.
    log_current: Vec<f64>,
    /// Potential at zero `eta`, and the sign of the branch.
    zero_v: f64,
    sign: f64,
}

impl Curve {
    fn new(potential_v: &[f64], current: &[f64], branch: Branch, settings: &TafelSettings) -> Self {
        let sign = match branch {
            Branch::Cathodic => -1.0,
            Branch::Anodic => 1.0,
        };
        let points = || {
            potential_v
                .iter()
                .zip(current)
                .filter(|(_, i)| -sign * **i > 0.0)
        };
        let smallest = points().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        let zero_v = settings
            .equilibrium_v
            .or(smallest.map(|(v, _)| *v))
            .unwrap_or(0.0);
        let pairs = points().map(|(v, i)| (sign * (v - zero_v), i.abs().log10()));
        let far = pairs.filter(|(eta, _)| *eta >= settings.overpotential_v_min);
        let mut far: Vec<(f64, f64)> = far.collect();
        far.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (eta, log_current) = far.into_iter().unzip();
        Self {
            eta,
            log_current,
            zero_v,
            sign,
        }
    }

    /// The straight window over most decades, among windows that begin and end at up to 400 places.
    fn straight_stretch(&self) -> Option<Range<usize>> {
        let n = self.eta.len();
        let lines = RunningLines::new(&self.eta, &self.log_current);
        let limit = STRAIGHT_DECADES.max(STRAIGHT_NOISE * noise_sd(&self.log_current));
        let stride = n.div_ceil(SEARCH_POINTS_MAX);
        let mut best = (0.0, None);
        for from in (0..n).step_by(stride) {
            for to in (from + POINTS_MIN..=n).rev().step_by(stride) {
                let Some(line) = lines.line(from..to) else {
                    continue;
                };
                let decades = line.slope * (self.eta[to - 1] - self.eta[from]);
                if decades <= best.0 {
                    continue;
                }
                if line.rms <= limit {
                    best = (decades, Some(from..to));
                }
            }
        }
        best.1
    }

    fn line(&self, stretch: Range<usize>) -> Option<StraightLine> {
        let line = StraightLine::fit(&self.eta[stretch.clone()], &self.log_current[stretch])?;
        (line.slope > 0.0).then_some(line)
    }

    fn result(
        &self,
        stretch: &Range<usize>,
        line: &StraightLine,
        settings: &TafelSettings,
    ) -> Tafel {
        let halves = self.half_slopes(stretch);
        // The slope is as uncertain as it differs between the halves, not only as the points scatter.
        let curvature_sd = halves.map_or(0.0, |(low, high)| (high - low).abs() / 12f64.sqrt());
        let relative = line.slope_sd.map(|sd| sd.hypot(curvature_sd) / line.slope);
        let slope = 1.0 / line.slope;
        let thermal = LN_10 * GAS_J_PER_MOL_K * settings.temperature_k / FARADAY_C_PER_MOL;
        let alpha = thermal * line.slope;
        let exchange = settings.equilibrium_v.map(|_| {
            let value = 10f64.powf(line.intercept);
            let middle = 0.5 * (self.eta[stretch.start] + self.eta[stretch.end - 1]);
            let log_sd = line.intercept_sd.map(|sd| sd.hypot(curvature_sd * middle));
            Estimate::new(value, log_sd.map(|sd| LN_10 * sd * value), "A")
        });
        let potential = |i: usize| self.zero_v + self.sign * self.eta[i];
        let decades = line.slope * (self.eta[stretch.end - 1] - self.eta[stretch.start]);
        Tafel {
            slope: Estimate::new(slope, relative.map(|r| r * slope), "V"),
            transfer_coefficient: Estimate::new(alpha, relative.map(|r| r * alpha), "1"),
            exchange_current: exchange,
            window_v: (potential(stretch.start), potential(stretch.end - 1)),
            decades,
            n_points: stretch.len(),
            warnings: self.warnings(stretch, line, decades, halves, settings),
        }
    }

    /// Slopes (decades per V) of the lower and upper half of the stretch.
    fn half_slopes(&self, stretch: &Range<usize>) -> Option<(f64, f64)> {
        let middle = stretch.start + stretch.len() / 2;
        let slope = |part: Range<usize>| {
            let is_enough = part.len() >= 3;
            let line = StraightLine::fit(&self.eta[part.clone()], &self.log_current[part])?;
            is_enough.then_some(line.slope)
        };
        slope(stretch.start..middle).zip(slope(middle..stretch.end))
    }

    fn warnings(
        &self,
        stretch: &Range<usize>,
        line: &StraightLine,
        decades: f64,
        halves: Option<(f64, f64)>,
        settings: &TafelSettings,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        if decades < DECADES_MIN {
            warnings.push(format!(
                "straight stretch spans {decades:.2} decades of current; a Tafel slope needs at least one"
            ));
        }
        if let Some((low, high)) =
            halves.filter(|(low, high)| (high - low).abs() > CURVATURE * line.slope)
        {
            let cause = if high < low {
                "mass transport or an uncorrected ohmic drop flattens the upper part"
            } else {
                "the lower part still holds the reverse reaction or a background current"
            };
            warnings.push(format!(
                "curve bends within the stretch, {:.0} mV per decade in its lower and {:.0} in its upper half; {cause}",
                1e3 / low,
                1e3 / high
            ));
        }
        let last = self.eta.len() - 1;
        if stretch.end <= last {
            let short = line.value_at(self.eta[last]) - self.log_current[last];
            if short > 0.1 {
                warnings.push(format!(
                    "current at the largest overpotential is only {:.0} % of the line; mass transport or ohmic drop limit it",
                    100.0 * 10f64.powf(-short)
                ));
            }
        }
        if settings.equilibrium_v.is_none() {
            warnings.push(
                "equilibrium potential is not given; there is no exchange current, and the smallest overpotential \
                 counts from the smallest current"
                    .into(),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::super::smooth::test_noise;
    use super::*;
    use proptest::prelude::*;

    /// Butler–Volmer current, reduction positive, with a limiting current.
    fn current(eta: f64, i0: f64, alpha: f64, limit: f64) -> f64 {
        let f = FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * 298.15);
        let kinetic = i0 * ((-alpha * f * eta).exp() - ((1.0 - alpha) * f * eta).exp());
        kinetic / (1.0 + kinetic.abs() / limit)
    }

    fn curve(step_v: f64, current: impl FnMut(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
        let eta: Vec<f64> = (-80i32..=80).map(|k| f64::from(k) * step_v).collect();
        let i = eta.iter().copied().map(current).collect();
        (eta, i)
    }

    proptest! {
        #[test]
        fn butler_volmer_is_found_again(
            log_i0 in -9.0f64..0.0,
            alpha in 0.3f64..0.7,
            noise in 0.0f64..0.02,
            equilibrium in -1.0f64..1.0,
        ) {
            let i0 = 10f64.powf(log_i0);
            let mut random = test_noise(2);
            let (eta, i) = curve(0.005, |eta| current(eta, i0, alpha, 1e9) * (1.0 + noise * random()));
            let potential: Vec<f64> = eta.iter().map(|eta| eta + equilibrium).collect();
            let settings = TafelSettings { equilibrium_v: Some(equilibrium), ..TafelSettings::default() };
            let cathodic = tafel(&potential, &i, Branch::Cathodic, &settings).unwrap();
            prop_assert!((cathodic.transfer_coefficient.value - alpha).abs() < 0.02, "{:?}", cathodic);
            prop_assert!((cathodic.exchange_current.unwrap().value / i0 - 1.0).abs() < 0.12);
            let anodic = tafel(&potential, &i, Branch::Anodic, &settings).unwrap();
            prop_assert!((anodic.transfer_coefficient.value - 1.0 + alpha).abs() < 0.02);
            prop_assert!(anodic.window_v.1 > anodic.window_v.0 && cathodic.window_v.1 < cathodic.window_v.0);
        }

        #[test]
        fn no_curve_makes_it_panic(
            v in proptest::collection::vec(-0.3f64..0.3, 0..30),
            i in proptest::collection::vec(-1.0f64..1.0, 0..30),
        ) {
            let _ = tafel(&v, &i, Branch::Anodic, &TafelSettings::default());
        }
    }

    #[test]
    fn exact_line_is_exact() {
        let (eta, i) = curve(0.005, |eta| -1e-6 * 10f64.powf(eta / 0.12));
        let found = tafel(&eta, &i, Branch::Anodic, &TafelSettings::default()).unwrap();
        assert!((found.slope.value - 0.12).abs() < 1e-9 && found.slope.sd.unwrap() < 1e-9);
        assert!((found.exchange_current.unwrap().value - 1e-6).abs() < 1e-14);
        assert_eq!(found.warnings, Vec::<String>::new());
    }

    #[test]
    fn limiting_current_is_reported() {
        let (eta, i) = curve(0.005, |eta| current(eta, 1e-6, 0.5, 1e-4));
        let found = tafel(&eta, &i, Branch::Cathodic, &TafelSettings::default()).unwrap();
        assert!(
            found.warnings.iter().any(|w| w.contains("mass transport")),
            "{found:?}"
        );
    }

    #[test]
    fn short_curve_and_unknown_equilibrium_are_reported() {
        let (eta, i) = curve(0.001, |eta| current(eta, 1e-6, 0.5, 1e9));
        let settings = TafelSettings {
            equilibrium_v: None,
            overpotential_v_min: 0.05,
            temperature_k: 298.15,
        };
        let found = tafel(&eta, &i, Branch::Cathodic, &settings).unwrap();
        assert_eq!(found.exchange_current, None);
        assert!(found.warnings[0].contains("decades"));
        assert!(
            tafel(
                &eta,
                &i,
                Branch::Cathodic,
                &TafelSettings {
                    overpotential_v_min: 0.1,
                    ..settings
                }
            )
            .is_err()
        );
    }
}
