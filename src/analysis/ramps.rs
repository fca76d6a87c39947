//! The ramps of a cyclic voltammogram: where the sweep turns, and how fast it goes.

use std::ops::Range;

use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_record;
use super::smooth::median;
use super::smooth::median_and_sd;
use super::smooth::noise_sd;
use super::smooth::quantile;
use super::smooth::turning_points;
use super::straight_line::StraightLine;
use crate::record::Record;

/// Share of the potential window that a sweep must go back to count as turned (1): well above the noise of any
/// potentiostat, well below any ramp of interest.
const TURN_SHARE: f64 = 0.05;
/// Noise of the potential that a sweep must go back to count as turned, in standard deviations.
const TURN_NOISE: f64 = 8.0;
/// Fewest points of a ramp; what has fewer is a jump.
const POINTS_MIN: usize = 8;
/// Relative difference between the scan rate of a fifth of a ramp and that of the whole that is reported (1).
const RATE_TOLERANCE: f64 = 0.03;

/// Which way a ramp goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To lower potential: reduction grows.
    Falling,
    /// To higher potential: oxidation grows.
    Rising,
}

impl Direction {
    /// −1 for falling, 1 for rising.
    pub fn sign(self) -> f64 {
        match self {
            Self::Falling => -1.0,
            Self::Rising => 1.0,
        }
    }
}

/// One ramp of a voltammogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    /// Its points in the record; neighbouring ramps share the vertex.
    pub points: Range<usize>,
    /// Which way it goes.
    pub direction: Direction,
    /// Scan rate (V s⁻¹), positive.
    pub scan_rate: Estimate,
    /// What is wrong with the ramp.
    pub warnings: Vec<String>,
}

/// The ramps of a voltammogram in order of time; at least one.
///
/// Works for staircases, noisy potentials and records that begin with a rest or a hold, which do not belong to the ramp.
/// A way back of less than 5 % of the potential window is no ramp.
///
/// # Errors
/// If the record has fewer than 8 points or a value that is not finite, or if the potential does not sweep.
pub fn ramps(record: &Record) -> Result<Vec<Ramp>, AnalysisError> {
    check_record(record, POINTS_MIN)?;
    let v = &record.voltage_v;
    let highest = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = v.iter().copied().fold(f64::INFINITY, f64::min);
    let threshold = (TURN_SHARE * (highest - lowest)).max(TURN_NOISE * noise_sd(v));
    let mut ends = vec![0];
    ends.extend(turning_points(v, |_| threshold).iter().map(|t| t.index));
    ends.push(v.len() - 1);
    let ramps: Vec<Ramp> = ends
        .windows(2)
        .filter(|pair| (v[pair[1]] - v[pair[0]]).abs() >= 0.5 * threshold)
        .filter_map(|pair| ramp(record, pair[0]..pair[1] + 1))
        .collect();
    if ramps.is_empty() {
        return Err(AnalysisError::Missing {
            what: "the potential does not sweep over time",
            advice: "give a voltammogram with time, potential and current of every point",
        });
    }
    Ok(ramps)
}

/// The ramp inside a range of points; `None` if the range is a jump, too short or without progress of time.
fn ramp(record: &Record, points: Range<usize>) -> Option<Ramp> {
    let points = without_holds(record, points)?;
    let (t, v) = (
        &record.time_s[points.clone()],
        &record.voltage_v[points.clone()],
    );
    if points.len() < POINTS_MIN {
        return None;
    }
    let slope = half_lag_slope(t, v)?;
    let direction = if slope < 0.0 {
        Direction::Falling
    } else {
        Direction::Rising
    };
    let line = line_without_outliers(t, v, slope)?;
    let warnings = rate_warning(t, v, slope).into_iter().collect();
    Some(Ramp {
        points,
        direction,
        scan_rate: Estimate::new(line.slope.abs(), line.slope_sd, "V s^-1"),
        warnings,
    })
}

/// Median slope between points half a ramp apart, which neither steps nor outliers displace.
fn half_lag_slope(t: &[f64], v: &[f64]) -> Option<f64> {
    let lag = t.len() / 2;
    let slopes = block_slopes(t, v, lag);
    median(&slopes).filter(|slope| slope.abs() > 0.0)
}

/// The least-squares line through the points near the line of a robust slope: unlike the median, it is not displaced by
/// the phase of a staircase.
fn line_without_outliers(t: &[f64], v: &[f64], slope: f64) -> Option<StraightLine> {
    const DISTANCE_SDS: f64 = 6.0;
    let levels: Vec<f64> = t.iter().zip(v).map(|(t, v)| v - slope * t).collect();
    let (level, sd) = median_and_sd(&levels)?;
    let near = |i: &usize| (levels[*i] - level).abs() <= DISTANCE_SDS * sd;
    let (t_near, v_near): (Vec<f64>, Vec<f64>) =
        (0..t.len()).filter(near).map(|i| (t[i], v[i])).unzip();
    StraightLine::fit(&t_near, &v_near).or_else(|| StraightLine::fit(t, v))
}

fn block_slopes(t: &[f64], v: &[f64], lag: usize) -> Vec<f64> {
    let pairs = (lag..t.len()).map(|i| (v[i] - v[i - lag]) / (t[i] - t[i - lag]));
    pairs.filter(|slope| slope.is_finite()).collect()
}

/// The range without a rest or a jump at either end: it begins and ends where the potential moves at about the rate of
/// its fast parts.
fn without_holds(record: &Record, points: Range<usize>) -> Option<Range<usize>> {
    let (t, v) = (
        &record.time_s[points.clone()],
        &record.voltage_v[points.clone()],
    );
    // A fiftieth of the ramp: several steps of an oversampled staircase, and at least two points.
    let lag = (points.len() / 50).max(2);
    let speeds: Vec<f64> = block_slopes(t, v, lag).iter().map(|s| s.abs()).collect();
    let fast = quantile(&speeds, 0.9)?;
    let moving: Vec<f64> = speeds.into_iter().filter(|s| *s >= 0.3 * fast).collect();
    let typical = median(&moving)?;
    let is_moving = |i: &usize| {
        let share = (v[i + lag] - v[*i]).abs() / (typical * (t[i + lag] - t[*i]));
        (0.4..2.5).contains(&share)
    };
    let mut blocks = 0..points.len().saturating_sub(lag);
    let first = blocks.find(is_moving)?;
    let last = blocks.rev().find(is_moving).unwrap_or(first) + lag;
    Some(points.start + first..points.start + last + 1)
}

/// Warns if a fifth of the ramp is faster or slower than the whole.
fn rate_warning(t: &[f64], v: &[f64], slope: f64) -> Option<String> {
    let size = t.len() / 5;
    if size < 5 {
        return None;
    }
    let parts = t.chunks_exact(size).zip(v.chunks_exact(size));
    let lines: Vec<StraightLine> = parts.filter_map(|(t, v)| StraightLine::fit(t, v)).collect();
    let differs = |line: &StraightLine| {
        let limit = RATE_TOLERANCE * slope.abs() + 4.0 * line.slope_sd.unwrap_or(0.0);
        (line.slope - slope).abs() > limit
    };
    if !lines.iter().any(differs) {
        return None;
    }
    let rates = || lines.iter().map(|line| line.slope.abs());
    let (low, high) = (
        rates().fold(f64::INFINITY, f64::min),
        rates().fold(0.0, f64::max),
    );
    Some(format!(
        "scan rate is not constant: {low:.4e} to {high:.4e} V/s within one ramp; look for holds, gaps in time or an \
         uncontrolled potential"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::smooth::test_noise;
    use super::*;
    use proptest::prelude::*;

    /// A triangle from 0.2 V up to 1 V, down to −0.4 V and back to 0.2 V.
    fn triangle(rate: f64, step_v: f64, noise_v: f64, per_step: u32) -> Record {
        let mut record = Record::default();
        let mut noise = test_noise(7);
        let steps = |v: f64| (v / step_v).round();
        let (up, down, back) = (steps(0.8), steps(1.4), steps(0.6));
        let mut time_s = 0.0;
        let mut k = 0.0;
        while k <= up + down + back {
            let level = if k <= up {
                k
            } else if k <= up + down {
                2.0 * up - k
            } else {
                k - 2.0 * down
            };
            for _ in 0..per_step {
                record.push(time_s, 0.2 + level * step_v + noise_v * noise(), 0.0);
                time_s += step_v / rate / f64::from(per_step);
            }
            k += 1.0;
        }
        record
    }

    proptest! {
        #[test]
        fn noisy_staircase_has_three_ramps(
            rate in 1e-4f64..1.0,
            step_mv in 0.1f64..15.0,
            noise in 0.0f64..1.0,
            per_step in 1u32..4,
        ) {
            let record = triangle(rate, step_mv * 1e-3, noise * 1e-3, per_step);
            let ramps = ramps(&record).unwrap();
            prop_assert_eq!(ramps.len(), 3);
            for (ramp, sign) in ramps.iter().zip([1.0, -1.0, 1.0]) {
                prop_assert!((ramp.direction.sign() - sign).abs() < 0.1);
                prop_assert!((ramp.scan_rate.value / rate - 1.0).abs() < 0.02, "{:?}", ramp);
            }
            let top = ramps[0].points.end - 1;
            prop_assert!((record.voltage_v[top] - 1.0).abs() < step_mv * 1e-3 + 8e-3);
        }

        #[test]
        fn no_record_makes_it_panic(v in proptest::collection::vec(-1.0f64..1.0, 0..60)) {
            let time_s: Vec<f64> = (0..v.len()).map(|i| (i / 3) as f64).collect();
            let _ = ramps(&Record { time_s, current: v.clone(), voltage_v: v });
        }
    }

    #[test]
    fn rest_and_jump_before_the_sweep_do_not_belong_to_it() {
        let sweep = triangle(0.1, 0.001, 0.0, 1);
        let mut record = Record::default();
        for i in 0..5000 {
            record.push(f64::from(i), 0.05, 0.0);
        }
        for i in 0..sweep.len() {
            record.push(6000.0 + sweep.time_s[i], sweep.voltage_v[i], 0.0);
        }
        let ramps = ramps(&record).unwrap();
        assert_eq!(ramps.len(), 3);
        assert!(
            (4970..=5001).contains(&ramps[0].points.start),
            "{:?}",
            ramps[0].points
        );
        assert!(
            (ramps[0].scan_rate.value - 0.1).abs() < 1e-3,
            "{:?}",
            ramps[0]
        );
    }

    #[test]
    fn change_of_rate_is_reported() {
        let mut record = Record::default();
        for i in 0..200 {
            let time = if i < 100 {
                f64::from(i)
            } else {
                100.0 + f64::from(i - 100) * 1.5
            };
            record.push(time, f64::from(i) * 0.005, 0.0);
        }
        assert!(ramps(&record).unwrap()[0].warnings[0].starts_with("scan rate is not constant"));
    }

    #[test]
    fn constant_potential_is_no_sweep() {
        let hold = Record {
            time_s: (0..50).map(f64::from).collect(),
            voltage_v: vec![1.0; 50],
            current: vec![0.0; 50],
        };
        assert!(matches!(ramps(&hold), Err(AnalysisError::Missing { .. })));
    }
}
