//! Potential steps: the Cottrell decay of the current, and the transference number of a polarised symmetric cell.

use std::f64::consts::PI;

use super::randles_sevcik::Conditions;
use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_count;
use super::result::check_positive;
use super::result::check_record;
use super::smooth::median;
use super::straight_line::StraightLine;
use crate::record::Record;
use crate::units::FARADAY_C_PER_MOL;

/// Fewest points of a Cottrell line (1).
const POINTS_MIN: usize = 5;
/// Exponent of the time that the decay must have, and how far it may be off (1).
const EXPONENT: (f64, f64) = (-0.5, 0.05);
/// Share of the current that the intercept may have (1).
const INTERCEPT_SHARE: f64 = 0.05;
/// Largest polarisation of the small-signal theory (V).
const POLARISATION_V_MAX: f64 = 0.015;
/// Part of a polarisation at its end that the steady current is read from (1).
const STEADY_PART: f64 = 0.1;
/// Relative change of the current over that part that counts as steady (1).
const STEADY_DRIFT: f64 = 0.01;

/// The decay of the current after a potential step.
#[derive(Clone, Debug, PartialEq)]
pub struct Cottrell {
    /// Slope of the current over (t − t₀)^−½ (A s^½), sign of the record.
    pub slope: Estimate,
    /// Intercept (A): zero for planar diffusion without background.
    pub intercept: Estimate,
    /// R² of the line (1).
    pub r_squared: f64,
    /// Exponent of |i| over the time (1), −0.5 for diffusion.
    pub exponent: Estimate,
    /// Diffusion coefficient (m² s⁻¹), if the conditions are given; its uncertainty is that of the slope only.
    pub diffusion: Option<Estimate>,
    /// What speaks against the analysis.
    pub warnings: Vec<String>,
}

/// The Cottrell line `i = n F A c √(D/(π (t − t₀)))` between two times after the step.
///
/// `step_s` is the time t₀ of the step in the record (s), `window_s` the times after it (s), which leave out the charging
/// of the double layer and of the resistance at their beginning and convection at their end; both are larger than zero.
/// Source: Cottrell, Z. Phys. Chem. 42 (1903) 385; Bard & Faulkner, *Electrochemical Methods*, 2nd ed. (2001), ch. 5.2.
///
/// # Errors
/// With fewer than five points in the window, a value that is not finite, or a condition that is not positive.
pub fn cottrell(
    record: &Record,
    step_s: f64,
    window_s: (f64, f64),
    conditions: Option<&Conditions>,
) -> Result<Cottrell, AnalysisError> {
    check_record(record, POINTS_MIN)?;
    check_positive("beginning of the window after the step (s)", window_s.0)?;
    let points = record
        .time_s
        .iter()
        .zip(&record.current)
        .map(|(t, i)| (t - step_s, *i));
    let inside = points.filter(|(t, _)| (window_s.0..=window_s.1).contains(t));
    let (time_s, current): (Vec<f64>, Vec<f64>) = inside.unzip();
    check_count("the window after the step", time_s.len(), POINTS_MIN)?;
    let roots: Vec<f64> = time_s.iter().map(|t| 1.0 / t.sqrt()).collect();
    let line = StraightLine::fit(&roots, &current).ok_or(ONE_TIME)?;
    let slope = Estimate::new(line.slope, line.slope_sd, "A s^1/2");
    let mut result = Cottrell {
        slope,
        intercept: Estimate::new(line.intercept, line.intercept_sd, "A"),
        r_squared: line.r_squared,
        exponent: exponent(&time_s, &current)?,
        diffusion: conditions.map(|c| diffusion(&slope, c)).transpose()?,
        warnings: Vec::new(),
    };
    result.warnings = cottrell_warnings(&result, &current);
    Ok(result)
}

const ONE_TIME: AnalysisError = AnalysisError::Missing {
    what: "the points of the window have the same time or no current",
    advice: "widen the window",
};

fn exponent(time_s: &[f64], current: &[f64]) -> Result<Estimate, AnalysisError> {
    let pairs = time_s.iter().zip(current).filter(|(_, i)| i.abs() > 0.0);
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.map(|(t, i)| (t.ln(), i.abs().ln())).unzip();
    let line = StraightLine::fit(&x, &y).ok_or(ONE_TIME)?;
    Ok(Estimate::new(line.slope, line.slope_sd, "1"))
}

fn diffusion(slope: &Estimate, c: &Conditions) -> Result<Estimate, AnalysisError> {
    c.check()?;
    let charge = c.electrons * FARADAY_C_PER_MOL * c.area_m2 * c.concentration_mol_m3;
    let value = PI * (slope.value / charge).powi(2);
    let sd = slope.sd.map(|_| 2.0 * slope.relative_sd() * value);
    Ok(Estimate::new(value, sd, "m^2 s^-1"))
}

fn cottrell_warnings(result: &Cottrell, current: &[f64]) -> Vec<String> {
    let mut warnings = Vec::new();
    let (expected, tolerance) = EXPONENT;
    let off = result.exponent.value - expected;
    if off.abs() > tolerance {
        let cause = if off > 0.0 {
            "convection, a spherical electrode, a background current or slow kinetics hold the current up"
        } else {
            "charging, a thin layer or a wrong time of the step lets it fall faster"
        };
        warnings.push(format!(
            "current decays with the power {:.2} of time instead of -0.50; {cause}",
            result.exponent.value
        ));
    }
    let typical = median(current).unwrap_or(0.0).abs();
    let is_large = result.intercept.value.abs() > INTERCEPT_SHARE * typical;
    if is_large && result.intercept.differs_from(0.0, 2.0) {
        warnings.push(format!(
            "intercept {:.3e} A differs from zero by more than 2 standard errors; subtract the background, or shorten the \
             window",
            result.intercept.value
        ));
    }
    warnings
}

/// The two currents of a polarisation.
#[derive(Clone, Debug, PartialEq)]
pub struct PolarisationCurrents {
    /// Largest current at the beginning (A), positive.
    pub initial: Estimate,
    /// Mean current over the last tenth (A), positive; its uncertainty holds the drift.
    pub steady: Estimate,
    /// What is doubtful about them.
    pub warnings: Vec<String>,
}

/// Initial and steady current of a polarisation at constant voltage, which the record holds alone.
///
/// # Errors
/// With fewer than twenty points, a value that is not finite, or no current.
pub fn polarisation_currents(record: &Record) -> Result<PolarisationCurrents, AnalysisError> {
    check_record(record, 20)?;
    let (first, last) = (record.time_s[0], record.time_s[record.len() - 1]);
    let from = record
        .time_s
        .partition_point(|t| *t < last - STEADY_PART * (last - first));
    let from = from.min(record.len() - 3);
    let magnitude: Vec<f64> = record.current.iter().map(|i| i.abs()).collect();
    let initial = magnitude[..from].iter().copied().fold(0.0, f64::max);
    let end = &magnitude[from..];
    let line = StraightLine::fit(&record.time_s[from..], end).ok_or(ONE_TIME)?;
    let steady = end.iter().sum::<f64>() / end.len() as f64;
    check_positive("initial current (A)", initial)?;
    check_positive("steady current (A)", steady)?;
    let drift = line.slope * (last - record.time_s[from]);
    let noise = line.residual_sd.unwrap_or(0.0);
    let mut warnings = Vec::new();
    if drift.abs() > STEADY_DRIFT * steady {
        warnings.push(format!(
            "current still changes by {:.1} % over the last tenth of the polarisation; wait longer for the steady state",
            100.0 * drift / steady
        ));
    }
    if magnitude[1] < 0.8 * magnitude[0] {
        warnings.push(
            "current falls by more than a fifth between the first two points; sample faster, or use the voltage over the \
             whole resistance as initial current"
                .into(),
        );
    }
    Ok(PolarisationCurrents {
        initial: Estimate::new(initial, Some(noise), "A"),
        steady: Estimate::new(
            steady,
            Some(drift.abs().hypot(noise / (end.len() as f64).sqrt())),
            "A",
        ),
        warnings,
    })
}

/// What is measured for a transference number after Bruce and Vincent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polarisation {
    /// Polarisation (V), positive.
    pub voltage: Estimate,
    /// Initial current (A), positive.
    pub initial: Estimate,
    /// Steady current (A), positive.
    pub steady: Estimate,
    /// Resistance of both interfaces before (Ω).
    pub initial_resistance: Estimate,
    /// Resistance of both interfaces at the steady state (Ω), `None` if not measured: then that before is used.
    pub steady_resistance: Option<Estimate>,
    /// Resistance of the electrolyte (Ω), if measured; tells whether the initial current was read in time.
    pub bulk_resistance: Option<Estimate>,
}

/// A transference number and its validity.
#[derive(Clone, Debug, PartialEq)]
pub struct BruceVincent {
    /// The transference number (1), from the measured uncertainties by first-order propagation.
    pub number: Estimate,
    /// What speaks against it.
    pub warnings: Vec<String>,
}

/// The steady-state transference number `t = I_s (ΔV − I₀ R₀)/(I₀ (ΔV − I_s R_s))`.
///
/// Sources: Evans, Vincent & Bruce, Polymer 28 (1987) 2324; Bruce & Vincent, J. Electroanal. Chem. 225 (1987) 1. The
/// number of a record at one resistance is [`crate::analysis::differentiable::transference_number`].
///
/// # Errors
/// If voltage or a current is not positive, or the interfaces take the whole voltage.
pub fn bruce_vincent(measured: &Polarisation) -> Result<BruceVincent, AnalysisError> {
    check_positive("polarisation (V)", measured.voltage.value)?;
    check_positive("initial current (A)", measured.initial.value)?;
    check_positive("steady current (A)", measured.steady.value)?;
    let steady_resistance = measured
        .steady_resistance
        .unwrap_or(measured.initial_resistance);
    let inputs = [
        measured.voltage,
        measured.initial,
        measured.steady,
        measured.initial_resistance,
        steady_resistance,
    ];
    let values = inputs.map(|q| q.value);
    let [dv, i0, is, r0, rs] = values;
    if !(dv > i0 * r0 && dv > is * rs) {
        return Err(AnalysisError::Missing {
            what: "the interfaces alone would take the whole polarisation (I R >= dV)",
            advice: "check the units of current and resistance, and that the resistance is that of the interfaces only",
        });
    }
    let number = number(values);
    // Without a second resistance both are the same measurement and vary together.
    let together = measured.steady_resistance.is_none();
    let sd = propagated(&inputs, values, together);
    let any_sd = inputs.iter().any(|q| q.sd.is_some());
    let number = Estimate::new(number, any_sd.then_some(sd), "1");
    Ok(BruceVincent {
        warnings: polarisation_warnings(measured, &number),
        number,
    })
}

fn number([dv, i0, is, r0, rs]: [f64; 5]) -> f64 {
    is * (dv - i0 * r0) / (i0 * (dv - is * rs))
}

/// Standard uncertainty by central differences over one uncertainty of each input.
fn propagated(inputs: &[Estimate; 5], values: [f64; 5], together: bool) -> f64 {
    let shifted = |places: &[usize], sd: f64| {
        let mut values = values;
        for place in places {
            values[*place] += sd;
        }
        number(values)
    };
    // A tenth of the uncertainty, so that the difference stays a derivative beside the pole.
    let change =
        |places: &[usize], sd: f64| 5.0 * (shifted(places, 0.1 * sd) - shifted(places, -0.1 * sd));
    let groups: &[&[usize]] = if together {
        &[&[0], &[1], &[2], &[3, 4]]
    } else {
        &[&[0], &[1], &[2], &[3], &[4]]
    };
    let squares = groups.iter().map(|places| {
        let sd = inputs[places[0]].sd.unwrap_or(0.0);
        change(places, sd).powi(2)
    });
    squares.sum::<f64>().sqrt()
}

fn polarisation_warnings(measured: &Polarisation, number: &Estimate) -> Vec<String> {
    let mut warnings = Vec::new();
    let (dv, i0) = (measured.voltage.value, measured.initial.value);
    if dv > POLARISATION_V_MAX {
        warnings.push(format!(
            "polarisation of {:.0} mV is beyond the small signal; use 10 mV",
            1e3 * dv
        ));
    }
    if measured.steady_resistance.is_none() {
        warnings.push(
            "interfacial resistance at the steady state is not measured; the one before is used, take a spectrum at the end"
                .into(),
        );
    }
    if measured.steady.value > i0 {
        warnings.push("steady current is larger than the initial one; the interfaces change or the cell shorts".into());
    }
    if !(0.0..=1.0).contains(&number.value) {
        warnings.push(format!(
            "transference number {:.2} lies outside 0..1; check the interfacial resistances and the initial current",
            number.value
        ));
    }
    let share = i0 * measured.initial_resistance.value / dv;
    if share > 0.8 {
        warnings.push(format!(
            "interfaces take {:.0} % of the polarisation; the number is a small difference, use a cell with less \
             interfacial resistance or a thicker electrolyte",
            100.0 * share
        ));
    }
    if let Some(bulk) = measured.bulk_resistance {
        let ohmic = dv / (bulk.value + measured.initial_resistance.value);
        if (i0 / ohmic - 1.0).abs() > 0.1 {
            warnings.push(format!(
                "initial current is {:.2} of the one that the resistances allow ({ohmic:.3e} A); use that one (Evans), the \
                 first point came too late or the resistances changed",
                i0 / ohmic
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::super::smooth::test_noise;
    use super::*;
    use proptest::prelude::*;

    fn decay(background: f64, noise: f64) -> Record {
        let mut random = test_noise(4);
        let mut record = Record::default();
        for k in 1..=400 {
            let t = f64::from(k) * 0.01;
            record.push(
                5.0 + t,
                -0.5,
                1e-4 / t.sqrt() + background + noise * random(),
            );
        }
        record
    }

    fn exact(value: f64) -> Estimate {
        Estimate::new(value, Some(0.0), "")
    }

    fn polarised(dv: f64, i0: f64, is: f64, r0: f64, rs: f64) -> Polarisation {
        Polarisation {
            voltage: exact(dv),
            initial: exact(i0),
            steady: exact(is),
            initial_resistance: exact(r0),
            steady_resistance: Some(exact(rs)),
            bulk_resistance: None,
        }
    }

    proptest! {
        #[test]
        fn diffusion_coefficient_is_found_again(log_d in -12.0f64..-8.0, area in 1e-6f64..1e-3) {
            let d = 10f64.powf(log_d);
            let conditions = Conditions {
                area_m2: area,
                concentration_mol_m3: 10.0,
                electrons: 2.0,
                temperature_k: 298.15,
            };
            let charge = 2.0 * FARADAY_C_PER_MOL * area * 10.0;
            let mut record = Record::default();
            for k in 1..100 {
                let t = f64::from(k) * 0.1;
                record.push(t, 0.0, -charge * (d / (PI * t)).sqrt());
            }
            let found = cottrell(&record, 0.0, (0.5, 9.0), Some(&conditions)).unwrap();
            prop_assert!((found.diffusion.unwrap().value / d - 1.0).abs() < 1e-6);
            prop_assert!((found.exponent.value + 0.5).abs() < 1e-6);
            prop_assert!(found.warnings.is_empty());
        }

        #[test]
        fn cell_of_known_number_gives_it_back(
            t in 0.05f64..0.95,
            bulk in 10.0f64..1000.0,
            r0 in 0.0f64..500.0,
            rs in 0.0f64..500.0,
        ) {
            // At the steady state only the cation moves: the electrolyte's resistance is that at the start over t.
            let (dv, i0, is) = (0.01, 0.01 / (bulk + r0), 0.01 / (bulk / t + rs));
            let found = bruce_vincent(&polarised(dv, i0, is, r0, rs)).unwrap();
            prop_assert!((found.number.value - t).abs() < 1e-9);
        }

        #[test]
        fn uncertainty_is_that_of_repetitions(seed in 0u64..20) {
            let truth = [0.01, 2e-5, 8e-6, 200.0, 250.0];
            let sds = [1e-5, 2e-7, 1e-7, 4.0, 5.0];
            let mut measured = polarised(truth[0], truth[1], truth[2], truth[3], truth[4]);
            measured.voltage.sd = Some(sds[0]);
            measured.initial.sd = Some(sds[1]);
            measured.steady.sd = Some(sds[2]);
            measured.initial_resistance.sd = Some(sds[3]);
            measured.steady_resistance = Some(Estimate::new(truth[4], Some(sds[4]), "ohm"));
            let stated = bruce_vincent(&measured).unwrap().number.sd.unwrap();
            let mut noise = test_noise(seed);
            let mean = number(truth);
            let squares: f64 = (0..2000).map(|_| {
                let mut values = truth;
                for (value, sd) in values.iter_mut().zip(sds) {
                    *value += sd * noise();
                }
                (number(values) - mean).powi(2)
            }).sum();
            let scatter = (squares / 2000.0).sqrt();
            prop_assert!((stated / scatter - 1.0).abs() < 0.15, "{stated} {scatter}");
        }
    }

    #[test]
    fn background_is_reported() {
        let clean = cottrell(&decay(0.0, 1e-7), 5.0, (0.05, 4.0), None).unwrap();
        assert!((clean.slope.value - 1e-4).abs() < 3.0 * clean.slope.sd.unwrap());
        assert!(clean.warnings.is_empty(), "{:?}", clean.warnings);
        let found = cottrell(&decay(3e-5, 1e-7), 5.0, (0.05, 4.0), None).unwrap();
        assert!(found.warnings.iter().any(|w| w.starts_with("intercept")));
        assert!(
            found
                .warnings
                .iter()
                .any(|w| w.contains("instead of -0.50"))
        );
        assert!(cottrell(&decay(0.0, 0.0), 5.0, (4.5, 9.0), None).is_err());
    }

    #[test]
    fn invalid_polarisations_are_reported() {
        let mut measured = polarised(0.05, 2e-5, 8e-6, 200.0, 250.0);
        measured.steady_resistance = None;
        measured.bulk_resistance = Some(exact(500.0));
        let warnings = bruce_vincent(&measured).unwrap().warnings;
        assert!(warnings[0].contains("50 mV"));
        assert!(warnings[1].contains("not measured"));
        assert!(warnings[2].starts_with("initial current is 0.28"));
        assert!(bruce_vincent(&polarised(0.01, 2e-5, 8e-6, 600.0, 250.0)).is_err());
        assert!(bruce_vincent(&polarised(0.01, 0.0, 8e-6, 6.0, 250.0)).is_err());
    }

    #[test]
    fn currents_of_a_polarisation_are_read() {
        let mut record = Record::default();
        for k in 0..1000 {
            let t = f64::from(k) * 10.0;
            record.push(t, 0.01, 1e-5 * (0.4 + 0.6 * (-t / 500.0).exp()));
        }
        let found = polarisation_currents(&record).unwrap();
        assert!((found.initial.value - 1e-5).abs() < 1e-12);
        assert!((found.steady.value - 4e-6).abs() < 1e-9);
        assert!(found.warnings.is_empty());
        let short = Record {
            time_s: record.time_s[..60].to_vec(),
            voltage_v: record.voltage_v[..60].to_vec(),
            current: record.current[..60].to_vec(),
        };
        assert!(polarisation_currents(&short).unwrap().warnings[0].contains("wait longer"));
    }
}
