//! Peaks over scan rates: diffusion coefficient, kind of control, rate constant and a reference electrode that moved.

use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_count;
use super::result::check_positive;
use super::smooth::median;
use super::smooth::median_and_sd;
use super::straight_line::StraightLine;
use super::straight_line::confidence_sds;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// Scan rates that a line needs to be judged (1).
const RATES_MIN: usize = 3;
/// Exponents of the scan rate that count as control by diffusion.
const DIFFUSION_EXPONENTS: std::ops::RangeInclusive<f64> = 0.4..=0.6;
/// Shift of a peak per decade of scan rate that counts as motion (V): a third of what one irreversible electron shifts.
const PEAK_SHIFT_V: f64 = 0.01;

/// A peak at one scan rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatePeak {
    /// Scan rate (V s⁻¹), positive.
    pub scan_rate_v_s: f64,
    /// Peak current (A), sign ignored.
    pub current_a: f64,
    /// Peak potential (V), if it shall be looked at.
    pub potential_v: Option<f64>,
}

/// What a diffusion coefficient needs to know besides the peaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Electrode area (m²).
    pub area_m2: f64,
    /// Bulk concentration of the reactant (mol m⁻³).
    pub concentration_mol_m3: f64,
    /// Electrons per reactant (1).
    pub electrons: f64,
    /// Temperature (K).
    pub temperature_k: f64,
}

impl Conditions {
    /// Checks that all are positive.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), AnalysisError> {
        check_positive("area (m2)", self.area_m2)?;
        check_positive("concentration (mol m-3)", self.concentration_mol_m3)?;
        check_positive("number of electrons (1)", self.electrons)?;
        check_positive("temperature (K)", self.temperature_k)
    }
}

/// Which law the peak current follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PeakLaw {
    /// Nernstian: `ip = 0.4463 n F A c √(n F v D/(R T))`.
    Reversible,
    /// Irreversible with one electron in the rate-determining step: `ip = 0.4958 n F A c √(α F v D/(R T))`.
    Irreversible {
        /// Transfer coefficient α (1).
        alpha: f64,
    },
}

/// Peak currents over scan rates.
#[derive(Clone, Debug, PartialEq)]
pub struct RandlesSevcik {
    /// Slope of |ip| over √v (A s^½ V^−½).
    pub slope: Estimate,
    /// Intercept of that line (A); zero under control by diffusion.
    pub intercept: Estimate,
    /// R² of that line (1).
    pub r_squared: f64,
    /// Exponent b of |ip| ∝ v^b (1): 0.5 diffusion, 1 a surface process.
    pub exponent: Estimate,
    /// Shift of the peak potential per decade of scan rate (V), if potentials are given.
    pub peak_shift: Option<Estimate>,
    /// Diffusion coefficient (m² s⁻¹), if the conditions are given; its uncertainty is that of the slope only.
    pub diffusion: Option<Estimate>,
    /// What speaks against the analysis.
    pub warnings: Vec<String>,
}

/// Slope, exponent and diffusion coefficient from the peak currents at several scan rates.
///
/// Sources: Randles, Trans. Faraday Soc. 44 (1948) 327; Ševčík, Collect. Czech. Chem. Commun. 13 (1948) 349; Nicholson
/// & Shain, Anal. Chem. 36 (1964) 706 (both factors).
///
/// # Errors
/// With fewer than two different scan rates, a rate or condition that is not positive, or a current of zero.
pub fn randles_sevcik(
    peaks: &[RatePeak],
    conditions: Option<&Conditions>,
    law: PeakLaw,
) -> Result<RandlesSevcik, AnalysisError> {
    check_count("the series", peaks.len(), 2)?;
    for peak in peaks {
        check_positive("scan rate (V/s)", peak.scan_rate_v_s)?;
        check_positive("peak current (A)", peak.current_a.abs())?;
    }
    let roots: Vec<f64> = peaks.iter().map(|p| p.scan_rate_v_s.sqrt()).collect();
    let heights: Vec<f64> = peaks.iter().map(|p| p.current_a.abs()).collect();
    let line = StraightLine::fit(&roots, &heights).ok_or(ONE_RATE)?;
    let log = |values: &[f64]| -> Vec<f64> { values.iter().map(|x| x.ln()).collect() };
    let power = StraightLine::fit(&log(&roots), &log(&heights)).ok_or(ONE_RATE)?;
    let slope = Estimate::new(line.slope, line.slope_sd, "A s^1/2 V^-1/2");
    let mut result = RandlesSevcik {
        slope,
        intercept: Estimate::new(line.intercept, line.intercept_sd, "A"),
        r_squared: line.r_squared,
        exponent: Estimate::new(0.5 * power.slope, power.slope_sd.map(|sd| 0.5 * sd), "1"),
        peak_shift: peak_shift(peaks),
        diffusion: conditions.map(|c| diffusion(&slope, c, law)).transpose()?,
        warnings: Vec::new(),
    };
    result.warnings = series_warnings(&result, peaks, law);
    Ok(result)
}

const ONE_RATE: AnalysisError = AnalysisError::Missing {
    what: "all voltammograms have the same scan rate",
    advice: "measure at three or more rates over a decade",
};

/// Diffusion coefficient (m² s⁻¹) from the slope of the peak current over √v.
fn diffusion(slope: &Estimate, c: &Conditions, law: PeakLaw) -> Result<Estimate, AnalysisError> {
    c.check()?;
    let (factor, transferred) = match law {
        PeakLaw::Reversible => (0.4463, c.electrons),
        PeakLaw::Irreversible { alpha } => {
            check_positive("transfer coefficient (1)", alpha)?;
            (0.4958, alpha)
        }
    };
    let per_root = factor * c.electrons * FARADAY_C_PER_MOL * c.area_m2 * c.concentration_mol_m3;
    let per_volt = transferred * FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * c.temperature_k);
    let value = (slope.value / per_root).powi(2) / per_volt;
    let sd = slope.sd.map(|_| 2.0 * slope.relative_sd() * value);
    Ok(Estimate::new(value, sd, "m^2 s^-1"))
}

/// Slope of the peak potential over the decades of scan rate, if at least two potentials are given.
fn peak_shift(peaks: &[RatePeak]) -> Option<Estimate> {
    let places = peaks
        .iter()
        .filter_map(|p| Some((p.scan_rate_v_s.log10(), p.potential_v?)));
    let (decades, potentials): (Vec<f64>, Vec<f64>) = places.unzip();
    let line = StraightLine::fit(&decades, &potentials)?;
    Some(Estimate::new(line.slope, line.slope_sd, "V"))
}

fn series_warnings(result: &RandlesSevcik, peaks: &[RatePeak], law: PeakLaw) -> Vec<String> {
    let mut warnings = Vec::new();
    if different(peaks.iter().map(|p| p.scan_rate_v_s)) < RATES_MIN {
        warnings.push(format!(
            "fewer than {RATES_MIN} scan rates; a line through two points cannot be judged, measure more rates"
        ));
    }
    let b = result.exponent.value;
    if !DIFFUSION_EXPONENTS.contains(&b) {
        let cause = if b > 0.6 {
            "an adsorbed or surface-confined species or charging current takes part"
        } else {
            "uncompensated resistance, slow kinetics or a baseline taken wrongly flattens the fast scans"
        };
        warnings.push(format!("exponent b is {b:.2} instead of 0.5; {cause}"));
    }
    let sds = confidence_sds(peaks.len());
    if result.intercept.differs_from(0.0, sds) {
        warnings.push(format!(
            "intercept of the line over the root of the scan rate is {:.3e} A and differs from zero by more than {sds} \
             standard errors; the peak current is not controlled by diffusion alone",
            result.intercept.value
        ));
    }
    if let Some(shift) = result.peak_shift.filter(|_| law == PeakLaw::Reversible) {
        // Two points have no standard error; then the size alone decides.
        let is_sure = shift.sd.is_none() || shift.differs_from(0.0, 2.0);
        if is_sure && shift.value.abs() > PEAK_SHIFT_V {
            warnings.push(format!(
                "peak moves by {:.0} mV per decade of scan rate; the couple is not reversible here, or resistance is \
                 not compensated",
                1e3 * shift.value
            ));
        }
    }
    if result.slope.value <= 0.0 {
        warnings.push(
            "peak current falls with the scan rate; check the rates and areas of the files".into(),
        );
    }
    warnings
}

/// Number of values that differ by more than 1 %.
fn different(values: impl Iterator<Item = f64>) -> usize {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let steps = values.windows(2).filter(|w| w[1] > 1.01 * w[0]).count();
    steps + usize::from(!values.is_empty())
}

/// The midpoint of a couple's peaks at one scan rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateMidpoint {
    /// Scan rate (V s⁻¹), positive.
    pub scan_rate_v_s: f64,
    /// Midpoint of the peak potentials (V).
    pub half_wave_v: f64,
}

/// A voltammogram whose midpoint stands apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShiftedFile {
    /// Position in the series.
    pub index: usize,
    /// Its midpoint minus the common trend (V); the uncertainty is the robust scatter of the others.
    pub shift: Estimate,
}

/// Distance from the trend that a midpoint must have to be reported, in robust standard deviations.
const SHIFT_SDS: f64 = 4.0;
/// Voltammograms that a trend with the scan rate needs (1); fewer have only a common level.
const TREND_MIN: usize = 4;

/// Voltammograms of one system whose midpoint is displaced from the common trend by more than `limit_v` (V): their
/// reference electrode moved, or they belong to another system.
///
/// The trend is the median slope over log v between all pairs (Theil, Indag. Math. 12 (1950) 85; Sen, J. Am. Stat.
/// Assoc. 63 (1968) 1379), because slow kinetics and resistance shift the midpoint a little and steadily; its level is
/// the median. Less than half of the files may be displaced. Empty if none is.
///
/// # Errors
/// With fewer than three voltammograms, or a rate that is not positive.
pub fn reference_shift(
    midpoints: &[RateMidpoint],
    limit_v: f64,
) -> Result<Vec<ShiftedFile>, AnalysisError> {
    check_count("the series", midpoints.len(), 3)?;
    check_positive("limit of the shift (V)", limit_v)?;
    for midpoint in midpoints {
        check_positive("scan rate (V/s)", midpoint.scan_rate_v_s)?;
    }
    let points: Vec<(f64, f64)> = midpoints
        .iter()
        .map(|m| (m.scan_rate_v_s.log10(), m.half_wave_v))
        .collect();
    let slope = if points.len() < TREND_MIN {
        0.0
    } else {
        median_slope(&points)
    };
    let levels: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    let (level, sd) = median_and_sd(&levels).unwrap_or((0.0, 0.0));
    let limit = limit_v.max(SHIFT_SDS * sd);
    let shifts = levels.iter().enumerate().map(|(index, y)| ShiftedFile {
        index,
        shift: Estimate::new(y - level, Some(sd), "V"),
    });
    Ok(shifts
        .filter(|file| file.shift.value.abs() > limit)
        .collect())
}

/// Median of the slopes between all pairs of points that differ in x; zero if none do.
fn median_slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points
        .iter()
        .enumerate()
        .flat_map(|(i, a)| points[..i].iter().map(move |b| (a, b)));
    let slopes = pairs.map(|(a, b)| (a.1 - b.1) / (a.0 - b.0));
    let finite: Vec<f64> = slopes.filter(|slope| slope.is_finite()).collect();
    median(&finite).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::voltammetry::PROMINENCE_SHARE;
    use super::super::voltammetry::test_cell;
    use super::super::voltammetry::voltammogram;
    use super::*;
    use proptest::prelude::*;

    const CONDITIONS: Conditions = Conditions {
        area_m2: test_cell::AREA_M2,
        concentration_mol_m3: test_cell::CONCENTRATION_MOL_M3,
        electrons: 1.0,
        temperature_k: test_cell::TEMPERATURE_K,
    };

    fn peak(scan_rate_v_s: f64, current_a: f64) -> RatePeak {
        RatePeak {
            scan_rate_v_s,
            current_a,
            potential_v: None,
        }
    }

    proptest! {
        #[test]
        fn coefficient_is_that_of_the_law(log_d in -12.0f64..-8.0, alpha in 0.2f64..0.8, n in 1.0f64..3.0) {
            let (d, f) = (10f64.powf(log_d), FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * 298.15));
            let conditions = Conditions { electrons: n, ..CONDITIONS };
            let amount = n * FARADAY_C_PER_MOL * CONDITIONS.area_m2 * CONDITIONS.concentration_mol_m3;
            for (law, factor) in [
                (PeakLaw::Reversible, 0.4463 * (n * f * d).sqrt()),
                (PeakLaw::Irreversible { alpha }, 0.4958 * (alpha * f * d).sqrt()),
            ] {
                let peaks = [0.01, 0.05, 0.2, 1.0].map(|v: f64| peak(v, -amount * factor * v.sqrt()));
                let found = randles_sevcik(&peaks, Some(&conditions), law).unwrap();
                prop_assert!((found.diffusion.unwrap().value / d - 1.0).abs() < 1e-9);
                prop_assert!((found.exponent.value - 0.5).abs() < 1e-9);
            }
        }

        #[test]
        fn displaced_file_is_found_and_measured(
            trend in -0.03f64..0.03,
            which in 0usize..6,
            shift in prop_oneof![-0.2f64..-0.05, 0.05f64..0.2],
        ) {
            let rates = [0.02f64, 0.05, 0.1, 0.2, 0.5, 1.0];
            let scatter = [0.001, -0.001, 0.0005, -0.0007, 0.0012, 0.0];
            let midpoints: Vec<RateMidpoint> = (0..6).map(|i| RateMidpoint {
                scan_rate_v_s: rates[i],
                half_wave_v: 0.3 + trend * rates[i].log10() + scatter[i] + if i == which { shift } else { 0.0 },
            }).collect();
            let found = reference_shift(&midpoints, 0.02).unwrap();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].index, which);
            prop_assert!((found[0].shift.value - shift).abs() < 0.01, "{:?}", found);
        }
    }

    #[test]
    fn simulated_series_gives_the_diffusion_coefficient_back() {
        let peaks = [0.01, 0.03, 0.1, 0.3].map(|rate| {
            let record = test_cell::voltammogram(rate, f64::INFINITY, 0.002);
            let ramps = voltammogram(&record, PROMINENCE_SHARE).unwrap();
            let peak = ramps[0].main_peak().unwrap();
            RatePeak {
                scan_rate_v_s: ramps[0].ramp.scan_rate.value,
                current_a: peak.current_read.value,
                potential_v: Some(peak.potential.value),
            }
        });
        let found = randles_sevcik(&peaks, Some(&CONDITIONS), PeakLaw::Reversible).unwrap();
        let ratio = found.diffusion.unwrap().value / test_cell::DIFFUSION_M2_S;
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
        assert!(found.peak_shift.unwrap().value.abs() < 0.002);
        assert_eq!(found.warnings, Vec::<String>::new());
    }

    #[test]
    fn published_reversible_constant_at_25_degrees() {
        // Bard & Faulkner (6.2.19): ip = 2.69e5 n^1.5 A D^0.5 c v^0.5 with cm2, cm2/s, mol/cm3.
        let slope = Estimate::new(2.69e5 * 0.1 * 1e-6 * (1e-5f64).sqrt(), None, "");
        let conditions = Conditions {
            area_m2: 1e-5,
            concentration_mol_m3: 1.0,
            electrons: 1.0,
            temperature_k: 298.15,
        };
        let found = diffusion(&slope, &conditions, PeakLaw::Reversible).unwrap();
        assert!((found.value / 1e-9 - 1.0).abs() < 4e-3, "{found:?}");
    }

    #[test]
    fn surface_process_and_few_rates_are_reported() {
        let found =
            randles_sevcik(&[peak(0.1, 1.0), peak(0.2, 2.0)], None, PeakLaw::Reversible).unwrap();
        assert!((found.exponent.value - 1.0).abs() < 1e-9);
        assert!(found.warnings[0].starts_with("fewer than 3 scan rates"));
        assert!(found.warnings[1].starts_with("exponent b is 1.00"));
        assert!(
            randles_sevcik(&[peak(0.1, 1.0), peak(0.1, 2.0)], None, PeakLaw::Reversible).is_err()
        );
        assert!(
            randles_sevcik(&[peak(0.1, 0.0), peak(0.2, 2.0)], None, PeakLaw::Reversible).is_err()
        );
    }

    #[test]
    fn steady_trend_has_no_displaced_file() {
        let midpoints = [0.02f64, 0.1, 0.5, 2.5].map(|v| RateMidpoint {
            scan_rate_v_s: v,
            half_wave_v: 0.05 * v.log10(),
        });
        assert_eq!(reference_shift(&midpoints, 0.005).unwrap(), []);
        assert!(reference_shift(&midpoints[..2], 0.005).is_err());
    }
}
