//! Rate constants from the peak separations of a voltammogram at several scan rates.

use std::f64::consts::PI;

use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_count;
use super::result::check_positive;
use super::smooth::median_and_sd;
use super::straight_line::StraightLine;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// Separation below which a couple is reversible within any measurement (mV at 25 °C): the end of Nicholson's table.
const REVERSIBLE_MV: f64 = 61.0;
/// Separation above which the exponential branch holds better than the fraction (mV at 25 °C).
const EXPONENTIAL_MV: f64 = 150.0;
/// The end of Nicholson's table (mV at 25 °C).
const TABLE_END_MV: f64 = 212.0;
/// R² from which the separation counts as proportional to the current (1).
const OHMIC_R_SQUARED: f64 = 0.98;
/// Ratio between the largest and the smallest rate constant of a series that is reported (1).
const SPREAD_MAX: f64 = 2.0;

/// The peak separation at one scan rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSeparation {
    /// Scan rate (V s⁻¹), positive.
    pub scan_rate_v_s: f64,
    /// Peak separation (V), positive.
    pub separation: Estimate,
    /// Height of the peaks (A), sign ignored; tells ohmic drop if given.
    pub current_a: Option<f64>,
}

/// What the couple is known to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Couple {
    /// Electrons per reactant (1).
    pub electrons: f64,
    /// Diffusion coefficient of both species (m² s⁻¹).
    pub diffusion_m2_s: f64,
    /// Transfer coefficient (1); matters above 150 mV only.
    pub alpha: f64,
    /// Temperature (K).
    pub temperature_k: f64,
}

impl Couple {
    /// n F/(R T) (V⁻¹).
    fn per_volt(&self) -> f64 {
        self.electrons * FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * self.temperature_k)
    }

    fn check(&self) -> Result<(), AnalysisError> {
        check_positive("number of electrons (1)", self.electrons)?;
        check_positive("diffusion coefficient (m2/s)", self.diffusion_m2_s)?;
        check_positive("transfer coefficient (1)", self.alpha)?;
        check_positive("temperature (K)", self.temperature_k)
    }
}

/// What a peak separation tells about the rate constant (m s⁻¹).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateConstant {
    /// Its value.
    Value(Estimate),
    /// The couple is reversible at this rate: a lower bound.
    AtLeast(Estimate),
}

/// Rate constants of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Nicholson {
    /// One for each scan rate, in order.
    pub at_rates: Vec<RateConstant>,
    /// Their median (m s⁻¹), with the larger of the scatter's and the separations' uncertainty; `None` if all are bounds.
    pub rate_constant: Option<Estimate>,
    /// Resistance (Ω) that would make the growth of the separation alone, if the separation is proportional to the
    /// current: half the slope of the separation over the peak current.
    pub apparent_resistance: Option<Estimate>,
    /// What speaks against the analysis.
    pub warnings: Vec<String>,
}

/// Kinetic parameter ψ (1) from the peak separation times the electrons (mV at 25 °C).
///
/// Up to 150 mV the fraction of Lavagnini, Antiochia & Magno, Electroanalysis 16 (2004) 505, which follows the table of
/// Nicholson, Anal. Chem. 37 (1965) 1351; above, the exponential of Klingler & Kochi, J. Phys. Chem. 85 (1981) 1731,
/// which meets it there for α = ½. Diverges at 58.8 mV; not meant below 61 mV.
pub fn kinetic_parameter(separation_mv: f64, alpha: f64) -> f64 {
    if separation_mv <= EXPONENTIAL_MV {
        return (-0.6288 + 0.0021 * separation_mv) / (1.0 - 0.017 * separation_mv);
    }
    // F/(R T) at 25 °C, per mV, because the separation is reduced to it.
    let f = 1e-3 * FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * 298.15);
    2.18 * (alpha / PI).sqrt() * (-alpha * alpha * f * separation_mv).exp()
}

/// The standard rate constants k⁰ = ψ √(π D n F v/(R T)) of a series, for equal diffusion coefficients.
///
/// Separations are reduced to 25 °C, because the curve depends on n F ΔE/(R T) only. Below 61 mV the result is a lower
/// bound. Ohmic drop must have been compensated: it widens the separation just as slow kinetics do.
///
/// # Errors
/// Without a separation, or with a rate, a separation or a property of the couple that is not positive.
pub fn nicholson(points: &[RateSeparation], couple: &Couple) -> Result<Nicholson, AnalysisError> {
    check_count("the series", points.len(), 1)?;
    couple.check()?;
    for point in points {
        check_positive("scan rate (V/s)", point.scan_rate_v_s)?;
        check_positive("peak separation (V)", point.separation.value)?;
    }
    let at_rates: Vec<RateConstant> = points.iter().map(|p| rate_constant(p, couple)).collect();
    let values = at_rates.iter().filter_map(|constant| match constant {
        RateConstant::Value(value) => Some(*value),
        RateConstant::AtLeast(_) => None,
    });
    let values: Vec<Estimate> = values.collect();
    let apparent_resistance = apparent_resistance(points);
    Ok(Nicholson {
        rate_constant: pooled(&values),
        warnings: warnings(points, couple, &values, apparent_resistance.as_ref()),
        apparent_resistance,
        at_rates,
    })
}

/// n ΔE (mV), reduced to 25 °C.
fn reduced_mv(separation_v: f64, couple: &Couple) -> f64 {
    1e3 * couple.electrons * separation_v * 298.15 / couple.temperature_k
}

fn rate_constant(point: &RateSeparation, couple: &Couple) -> RateConstant {
    let unit = (PI * couple.diffusion_m2_s * couple.per_volt() * point.scan_rate_v_s).sqrt();
    let k0 = |separation_v: f64| {
        let width = reduced_mv(separation_v, couple).max(REVERSIBLE_MV);
        unit * kinetic_parameter(width, couple.alpha)
    };
    let value = point.separation.value;
    if reduced_mv(value, couple) <= REVERSIBLE_MV {
        return RateConstant::AtLeast(Estimate::new(k0(value), None, "m s^-1"));
    }
    // Half the difference over one uncertainty to each side, because the curve is steep at small separations.
    let sd = point
        .separation
        .sd
        .map(|sd| 0.5 * (k0(value - sd) - k0(value + sd)).abs());
    RateConstant::Value(Estimate::new(k0(value), sd, "m s^-1"))
}

fn pooled(values: &[Estimate]) -> Option<Estimate> {
    let numbers: Vec<f64> = values.iter().map(|q| q.value).collect();
    let (value, scatter) = median_and_sd(&numbers)?;
    let n = numbers.len() as f64;
    let squares: f64 = values.iter().map(|q| q.sd.unwrap_or(0.0).powi(2)).sum();
    let has_sd = values.iter().any(|q| q.sd.is_some()) || values.len() > 2;
    let sd = (scatter / n.sqrt()).max(squares.sqrt() / n);
    Some(Estimate::new(value, has_sd.then_some(sd), "m s^-1"))
}

/// The resistance of a separation that grows in proportion to the current; `None` if it does not.
fn apparent_resistance(points: &[RateSeparation]) -> Option<Estimate> {
    let pairs = points
        .iter()
        .filter_map(|p| Some((p.current_a?.abs(), p.separation.value)));
    let (currents, separations): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let line = StraightLine::fit(&currents, &separations)?;
    let is_ohmic = line.n_points >= 3 && line.r_squared > OHMIC_R_SQUARED && line.slope > 0.0;
    is_ohmic.then(|| Estimate::new(0.5 * line.slope, line.slope_sd.map(|sd| 0.5 * sd), "ohm"))
}

fn warnings(
    points: &[RateSeparation],
    couple: &Couple,
    values: &[Estimate],
    resistance: Option<&Estimate>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for point in points {
        let width = reduced_mv(point.separation.value, couple);
        let rate = 1e3 * point.scan_rate_v_s;
        if width <= REVERSIBLE_MV {
            warnings.push(format!(
                "separation of {width:.0} mV (times electrons, 25 degC) at {rate:.4} mV/s is reversible; the rate constant is a \
                 lower bound, scan faster for its value"
            ));
        } else if width > TABLE_END_MV {
            warnings.push(format!(
                "separation of {width:.0} mV (times electrons, 25 degC) at {rate:.4} mV/s lies beyond Nicholson's table (212 \
                 mV); the rate constant depends on the transfer coefficient, scan more slowly"
            ));
        }
    }
    if let Some(resistance) = resistance {
        warnings.push(format!(
            "separation grows in proportion to the peak current, as {:.3e} ohm of uncompensated resistance would make \
             it; measure the resistance, or repeat at another concentration",
            resistance.value
        ));
    }
    let high = values.iter().map(|q| q.value).fold(0.0, f64::max);
    let low = values.iter().map(|q| q.value).fold(f64::INFINITY, f64::min);
    if high > SPREAD_MAX * low {
        warnings.push(format!(
            "rate constants of the scan rates differ by a factor of {:.1}; the separation has another cause than \
             slow kinetics",
            high / low
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::super::voltammetry::PROMINENCE_SHARE;
    use super::super::voltammetry::couples;
    use super::super::voltammetry::test_cell;
    use super::super::voltammetry::voltammogram;
    use super::*;
    use proptest::prelude::*;

    const COUPLE: Couple = Couple {
        electrons: 1.0,
        diffusion_m2_s: test_cell::DIFFUSION_M2_S,
        alpha: 0.5,
        temperature_k: test_cell::TEMPERATURE_K,
    };

    fn separation(rate: f64, width_v: f64, current_a: Option<f64>) -> RateSeparation {
        RateSeparation {
            scan_rate_v_s: rate,
            separation: Estimate::new(width_v, Some(1e-3), "V"),
            current_a,
        }
    }

    #[test]
    fn curve_follows_nicholsons_table() {
        // Anal. Chem. 37 (1965) 1351, table I. The fraction's own error is largest at its end.
        for (psi, mv) in [
            (7.0, 63.0),
            (5.0, 65.0),
            (3.0, 68.0),
            (2.0, 72.0),
            (1.0, 84.0),
        ] {
            assert!(
                (kinetic_parameter(mv, 0.5) / psi - 1.0).abs() < 0.16,
                "{mv}"
            );
        }
        for (psi, mv) in [
            (0.75, 92.0),
            (0.5, 105.0),
            (0.35, 121.0),
            (0.25, 141.0),
            (0.1, 212.0),
        ] {
            assert!(
                (kinetic_parameter(mv, 0.5) / psi - 1.0).abs() < 0.12,
                "{mv}"
            );
        }
        let (left, right) = (
            kinetic_parameter(150.0, 0.5),
            kinetic_parameter(150.001, 0.5),
        );
        assert!((left / right - 1.0).abs() < 0.01);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10))]
        #[test]
        fn simulated_quasi_reversible_couple_gives_its_rate_constant(log_psi in -0.9f64..0.3) {
            let rate = 0.1;
            let unit = (PI * COUPLE.diffusion_m2_s * COUPLE.per_volt() * rate).sqrt();
            let k0 = 10f64.powf(log_psi) * unit;
            let record = test_cell::voltammogram(rate, k0, 0.0);
            let ramps = voltammogram(&record, PROMINENCE_SHARE).unwrap();
            let found = couples(&ramps)[0].1.separation;
            let series = nicholson(&[separation(rate, found.value, None)], &COUPLE).unwrap();
            let ratio = series.rate_constant.unwrap().value / k0;
            prop_assert!((ratio - 1.0).abs() < 0.2, "{ratio} at {}", found.value);
        }

        #[test]
        fn more_electrons_need_less_separation(width in 0.07f64..0.2) {
            let double = Couple { electrons: 2.0, ..COUPLE };
            let one = nicholson(&[separation(0.1, width, None)], &COUPLE).unwrap();
            let two = nicholson(&[separation(0.05, 0.5 * width, None)], &double).unwrap();
            let (one, two) = (one.rate_constant.unwrap().value, two.rate_constant.unwrap().value);
            prop_assert!((one / two - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn reversible_couple_gives_a_bound() {
        let found = nicholson(&[separation(0.1, 0.058, None)], &COUPLE).unwrap();
        assert!(matches!(found.at_rates[0], RateConstant::AtLeast(q) if q.value > 0.0));
        assert_eq!(found.rate_constant, None);
        assert!(found.warnings[0].contains("lower bound"));
        assert!(nicholson(&[separation(0.1, -0.058, None)], &COUPLE).is_err());
        assert!(nicholson(&[], &COUPLE).is_err());
    }

    #[test]
    fn ohmic_drop_is_suspected() {
        let points = [0.01, 0.04, 0.16, 0.64].map(|rate: f64| {
            let current = 1e-3 * rate.sqrt();
            separation(rate, 0.059 + 2.0 * 100.0 * current, Some(-current))
        });
        let found = nicholson(&points, &COUPLE).unwrap();
        assert!((found.apparent_resistance.unwrap().value - 100.0).abs() < 1e-6);
        assert!(
            found
                .warnings
                .iter()
                .any(|w| w.contains("uncompensated resistance"))
        );
    }
}
