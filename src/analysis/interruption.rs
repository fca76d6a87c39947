//! Intermittent current interruption: resistance and diffusion from the first seconds of every rest.

use std::f64::consts::PI;
use std::ops::Range;

use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_positive;
use super::result::check_record;
use super::smooth::noise_sd;
use super::straight_line::StraightLine;
use crate::record::Record;

/// Points before an interruption that tell the noise of the voltage (1).
const NOISE_POINTS: usize = 12;
/// Fewest points of a line that can be judged (1).
const POINTS_MIN: usize = 3;
/// R² below which the relaxation is not that of diffusion (1).
const R_SQUARED_MIN: f64 = 0.95;
/// Residuals of the line over the noise of the voltage from which the noise does not explain them (1).
const MISFIT_NOISE: f64 = 2.0;
/// Relative uncertainty of the diffusion resistance that is reported (1).
const UNCERTAIN_SHARE: f64 = 0.2;
/// Time between the last point with current and the first without, over the beginning of the window, that is reported (1).
const GAP_SHARE: f64 = 0.2;
/// Relative change of the current before an interruption that is reported (1).
const CURRENT_DRIFT: f64 = 0.02;

/// How interruptions are evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InterruptionSettings {
    /// Times after the interruption that the line is drawn between (s).
    pub window_s: (f64, f64),
    /// Current below which the cell rests, as share of the record's largest (1).
    pub rest_share: f64,
}

impl Default for InterruptionSettings {
    /// 1 s to 5 s as in the method's papers; 1 % of the largest current.
    fn default() -> Self {
        Self {
            window_s: (1.0, 5.0),
            rest_share: 0.01,
        }
    }
}

/// What one interruption tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Interruption {
    /// Time of the last point with current (s).
    pub time_s: f64,
    /// The points of the rest in the record.
    pub points: Range<usize>,
    /// Current before (A, discharge positive).
    pub current_a: f64,
    /// Voltage before (V).
    pub voltage_before: Estimate,
    /// Voltage on the line at the interruption (V): that before without ohmic drop and charge transfer.
    pub voltage_extrapolated: Estimate,
    /// Internal resistance `(V_extrapolated − V_before)/I` (Ω), positive in a passive cell.
    pub resistance: Estimate,
    /// Slope of the voltage over the root of time (V s^−½).
    pub relaxation: Estimate,
    /// Diffusion resistance coefficient `k = (dV/d√t)/I` (Ω s^−½), positive in a passive cell.
    pub diffusion_resistance: Estimate,
    /// Slope of the extrapolated voltage over the time with current, from the neighbouring interruptions (V s⁻¹).
    pub equilibrium_slope: Option<Estimate>,
    /// R² of the line (1).
    pub r_squared: f64,
    /// Number of points of the line.
    pub n_points: usize,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
}

/// All interruptions of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Interruptions {
    /// In order of time.
    pub found: Vec<Interruption>,
    /// Rests that are left out because fewer than two points lie in the window.
    pub n_sparse: usize,
    /// What concerns the whole record.
    pub warnings: Vec<String>,
}

/// Internal resistance and diffusion resistance coefficient of every interruption of the current.
///
/// The voltage is drawn over √(t − t₀) in a window after the interruption, and the line extrapolated to t₀, the time of
/// the last point with current; the uncertainties hold that of t₀, which lies before the first point without. With
/// positive current for discharge, the sign of k is that of the papers, `−(dE/d√t)/I` with positive charge. Sources:
/// Lacey, `ChemElectroChem` 4 (2017) 1997; Chien et al., Nat. Commun. 14 (2023) 2289.
///
/// # Errors
/// If a value is not finite, the window is empty, or the record has no rest after a current.
pub fn interruptions(
    record: &Record,
    settings: &InterruptionSettings,
) -> Result<Interruptions, AnalysisError> {
    check_record(record, POINTS_MIN)?;
    check_positive("beginning of the window (s)", settings.window_s.0)?;
    check_positive(
        "length of the window (s)",
        settings.window_s.1 - settings.window_s.0,
    )?;
    let largest = record.current.iter().map(|i| i.abs()).fold(0.0, f64::max);
    let rests = rests(record, settings.rest_share * largest);
    if rests.is_empty() {
        return Err(AnalysisError::Missing {
            what: "no rest follows a current",
            advice: "give a record with interruptions of the current, or raise the share that counts as rest",
        });
    }
    let evaluated = rests.iter().enumerate().filter_map(|(i, rest)| {
        let before = i.checked_sub(1).map_or(0, |i| rests[i].end);
        interruption(record, before, rest.clone(), settings)
    });
    let mut found: Vec<Interruption> = evaluated.collect();
    add_equilibrium_slopes(record, &mut found);
    let n_sparse = rests.len() - found.len();
    let warnings = if n_sparse > 0 {
        vec![format!(
            "{n_sparse} of {} rests have fewer than 2 points between {} s and {} s; sample every 0.2 s or widen the window",
            rests.len(),
            settings.window_s.0,
            settings.window_s.1
        )]
    } else {
        Vec::new()
    };
    Ok(Interruptions {
        found,
        n_sparse,
        warnings,
    })
}

/// The ranges of points without current that follow a point with current.
fn rests(record: &Record, threshold: f64) -> Vec<Range<usize>> {
    let mut rests = Vec::new();
    let mut start = None;
    for (i, current) in record.current.iter().enumerate() {
        let is_rest = current.abs() <= threshold;
        match start {
            None if is_rest => start = Some(i),
            Some(from) if !is_rest => {
                rests.push(from..i);
                start = None;
            }
            _ => {}
        }
    }
    rests.extend(start.map(|from| from..record.len()));
    rests.retain(|rest| rest.start > 0);
    rests
}

/// Evaluates a rest; `before` is where the current before it began. `None` if the window has fewer than two points.
fn interruption(
    record: &Record,
    before: usize,
    rest: Range<usize>,
    settings: &InterruptionSettings,
) -> Option<Interruption> {
    let last = rest.start - 1;
    let (zero_s, current_a) = (record.time_s[last], record.current[last]);
    let (line, used) = line_from(record, rest.clone(), zero_s, settings.window_s)?;
    // The interruption lies between the two points; the line from the later one tells how much that matters.
    let gap_s = record.time_s[rest.start] - zero_s;
    let later = line_from(record, rest.clone(), zero_s + gap_s, settings.window_s);
    let moved = |one: f64, other: fn(&StraightLine) -> f64| {
        later
            .as_ref()
            .map_or(0.0, |(line, _)| (other(line) - one).abs() / 12f64.sqrt())
    };
    let noise_from = before.max(rest.start.saturating_sub(NOISE_POINTS));
    let noise = noise_sd(&record.voltage_v[noise_from..rest.start]);
    let zero_sd = moved(line.intercept, |line| line.intercept);
    let slope_sd = moved(line.slope, |line| line.slope);
    let extrapolated_sd = line.intercept_sd.map(|sd| sd.hypot(zero_sd));
    let relaxation_sd = line.slope_sd.map(|sd| sd.hypot(slope_sd));
    let drop_v = line.intercept - record.voltage_v[last];
    let drop_sd = extrapolated_sd.map(|sd| sd.hypot(noise) / current_a.abs());
    let relaxation = Estimate::new(line.slope, relaxation_sd, "V s^-1/2");
    let mut result = Interruption {
        time_s: zero_s,
        points: rest.clone(),
        current_a,
        voltage_before: Estimate::new(record.voltage_v[last], Some(noise), "V"),
        voltage_extrapolated: Estimate::new(line.intercept, extrapolated_sd, "V"),
        resistance: Estimate::new(drop_v / current_a, drop_sd, "ohm"),
        relaxation,
        diffusion_resistance: Estimate::new(
            line.slope / current_a,
            relaxation_sd.map(|sd| sd / current_a.abs()),
            "ohm s^-1/2",
        ),
        equilibrium_slope: None,
        r_squared: line.r_squared,
        n_points: used,
        warnings: Vec::new(),
    };
    let scatter = noise_sd(&record.voltage_v[rest]);
    let is_misfit = line
        .residual_sd
        .is_some_and(|sd| sd > MISFIT_NOISE * scatter);
    result.warnings = warnings(record, &result, before, gap_s, is_misfit, settings.window_s);
    Some(result)
}

/// The line of the voltage over √(t − t₀) in the window, and its number of points.
fn line_from(
    record: &Record,
    rest: Range<usize>,
    zero_s: f64,
    window_s: (f64, f64),
) -> Option<(StraightLine, usize)> {
    let pairs = record.time_s[rest.clone()]
        .iter()
        .zip(&record.voltage_v[rest]);
    let pairs = pairs.map(|(t, v)| (t - zero_s, *v));
    // Sampling every 0.2 s misses the limits by round-off.
    let slack = 1e-6 * window_s.1;
    let inside = pairs.filter(|(t, _)| *t >= window_s.0 - slack && *t <= window_s.1 + slack);
    let (roots, voltages): (Vec<f64>, Vec<f64>) = inside.map(|(t, v)| (t.sqrt(), v)).unzip();
    StraightLine::fit(&roots, &voltages).map(|line| (line, roots.len()))
}

/// Slopes of the extrapolated voltage over the time with current, by central differences.
fn add_equilibrium_slopes(record: &Record, found: &mut [Interruption]) {
    let mut on_s = 0.0;
    let mut end = 0;
    let mut places: Vec<(f64, Estimate)> = Vec::new();
    for one in found.iter() {
        on_s += one.time_s - record.time_s[end];
        end = one.points.end.min(record.len() - 1);
        places.push((on_s, one.voltage_extrapolated));
    }
    for (i, one) in found.iter_mut().enumerate().skip(1) {
        let (Some(left), Some(right)) = (places.get(i - 1), places.get(i + 1)) else {
            continue;
        };
        let span = right.0 - left.0;
        let sd = left.1.sd.zip(right.1.sd).map(|(a, b)| a.hypot(b) / span);
        let slope = (right.1.value - left.1.value) / span;
        one.equilibrium_slope = slope
            .is_finite()
            .then(|| Estimate::new(slope, sd, "V s^-1"));
    }
}

fn warnings(
    record: &Record,
    one: &Interruption,
    before: usize,
    gap_s: f64,
    is_misfit: bool,
    window_s: (f64, f64),
) -> Vec<String> {
    let mut warnings = Vec::new();
    if one.n_points < POINTS_MIN {
        warnings.push(format!(
            "only {} points between {} s and {} s; sample every 0.2 s or widen the window",
            one.n_points, window_s.0, window_s.1
        ));
    }
    if gap_s > GAP_SHARE * window_s.0 {
        warnings.push(format!(
            "first point of the rest comes {gap_s:.3} s after the last with current; record a point at the interruption"
        ));
    }
    let rest_s = record.time_s[one.points.end - 1] - one.time_s;
    if rest_s < 0.95 * window_s.1 {
        warnings.push(format!(
            "rest ends after {rest_s:.2} s, inside the window; shorten the window"
        ));
    }
    if one.n_points >= POINTS_MIN && one.r_squared < R_SQUARED_MIN && is_misfit {
        warnings.push(format!(
            "voltage does not relax with the root of time (R2 {:.3}); move the window",
            one.r_squared
        ));
    }
    let share = one.diffusion_resistance.relative_sd();
    if share > UNCERTAIN_SHARE {
        warnings.push(format!(
            "diffusion resistance is uncertain by {:.0} % because of the noise or the resolution of the voltage; use a longer \
             window, a larger current or a finer range",
            100.0 * share
        ));
    }
    if one.resistance.value < 0.0 || one.diffusion_resistance.value < 0.0 {
        warnings.push(
            "voltage relaxes in the direction of the current; check the sign of the current, or use an earlier window if \
             the relaxation bends"
                .into(),
        );
    }
    let earlier = record.current[before.max(one.points.start.saturating_sub(4))];
    if (earlier / one.current_a - 1.0).abs() > CURRENT_DRIFT {
        warnings.push(
            "current changes by more than 2 % right before the interruption; the resistance belongs to no single current"
                .into(),
        );
    }
    warnings
}

/// Diffusion coefficient (m² s⁻¹) from an interruption: `D = 4/π (L (dE/dt)/(dE/d√t))²`.
///
/// `length_m` is the volume over the surface of the active particles (m), a third of the radius of spheres; the slopes are
/// those of the equilibrium voltage over the time with current and of the relaxation. `None` where the interruption has no
/// neighbours or does not relax. Source: Chien et al., Nat. Commun. 14 (2023) 2289.
pub fn particle_diffusion(one: &Interruption, length_m: f64) -> Option<Estimate> {
    let equilibrium = one.equilibrium_slope?;
    let value = 4.0 / PI * (length_m * equilibrium.value / one.relaxation.value).powi(2);
    let sd = 2.0
        * value
        * equilibrium
            .relative_sd()
            .hypot(one.relaxation.relative_sd());
    value
        .is_finite()
        .then(|| Estimate::new(value, Some(sd), "m^2 s^-1"))
}

#[cfg(test)]
mod tests {
    use super::super::smooth::test_noise;
    use super::*;
    use proptest::prelude::*;

    /// Five steps of 300 s with current and 10 s of rest; linear equilibrium voltage.
    fn record(current: f64, resistance: f64, k: f64, noise: f64, period_s: f64) -> Record {
        let mut random = test_noise(9);
        let mut record = Record::default();
        let equilibrium = |on_s: f64| 2.0 - 1e-4 * current * on_s;
        for block in 0..5 {
            let (start, on_s) = (310.0 * f64::from(block), 300.0 * f64::from(block));
            for second in 1..=300 {
                let t = f64::from(second);
                let voltage = equilibrium(on_s + t) - current * (resistance + 0.1);
                record.push(start + t, voltage + noise * random(), current);
            }
            let mut t = 1e-3f64;
            while t <= 10.0 {
                let voltage = equilibrium(on_s + 300.0) - current * (0.1 - k * t.sqrt());
                record.push(start + 300.0 + t, voltage + noise * random(), 0.0);
                t += period_s;
            }
        }
        record
    }

    proptest! {
        #[test]
        fn resistance_and_coefficient_are_found_again(
            current in prop_oneof![-2.0f64..-0.1, 0.1f64..2.0],
            resistance in 0.01f64..1.0,
            k in 0.001f64..0.05,
        ) {
            let noise = 1e-5;
            let found = interruptions(&record(current, resistance, k, noise, 0.2), &InterruptionSettings::default());
            let found = found.unwrap();
            prop_assert_eq!(found.found.len(), 5);
            for one in &found.found {
                let (r, slope) = (one.resistance, one.diffusion_resistance);
                prop_assert!((r.value - resistance).abs() < 5.0 * r.sd.unwrap(), "{r:?}");
                prop_assert!((slope.value - k).abs() < 5.0 * slope.sd.unwrap(), "{slope:?}");
            }
            let slope = found.found[2].equilibrium_slope.unwrap();
            prop_assert!((slope.value + 1e-4 * current).abs() < 1e-6);
            let d = particle_diffusion(&found.found[2], 1e-6).unwrap().value;
            let exact = 4.0 / PI * (1e-6 * 1e-4 / k).powi(2);
            prop_assert!((d / exact - 1.0).abs() < 0.2);
        }

        #[test]
        fn no_record_makes_it_panic(
            i in proptest::collection::vec(prop_oneof![Just(0.0), -1.0f64..1.0], 0..50),
        ) {
            let time_s: Vec<f64> = (0..i.len()).map(|i| i as f64).collect();
            let record = Record { time_s: time_s.clone(), voltage_v: time_s, current: i };
            let _ = interruptions(&record, &InterruptionSettings::default());
        }
    }

    #[test]
    fn exact_relaxation_has_no_warnings() {
        let found = interruptions(
            &record(1.0, 0.2, 0.01, 0.0, 0.2),
            &InterruptionSettings::default(),
        )
        .unwrap();
        for one in &found.found {
            assert!((one.resistance.value - 0.2).abs() < 1e-3);
            assert_eq!(one.warnings, Vec::<String>::new());
        }
        assert_eq!((found.n_sparse, found.warnings.len()), (0, 0));
    }

    #[test]
    fn sparse_rests_and_wrong_signs_are_reported() {
        let sparse = interruptions(
            &record(1.0, 0.2, 0.01, 0.0, 3.0),
            &InterruptionSettings::default(),
        )
        .unwrap();
        assert!(sparse.n_sparse == 5 && sparse.warnings[0].starts_with("5 of 5 rests"));
        let mut wrong = record(1.0, 0.2, 0.01, 0.0, 0.2);
        wrong.current.iter_mut().for_each(|i| *i = -*i);
        let wrong = interruptions(&wrong, &InterruptionSettings::default()).unwrap();
        assert!(wrong.found[0].warnings[0].contains("sign of the current"));
        let resting = Record {
            time_s: vec![0.0, 1.0, 2.0],
            voltage_v: vec![1.0; 3],
            current: vec![0.0; 3],
        };
        assert!(interruptions(&resting, &InterruptionSettings::default()).is_err());
    }
}
