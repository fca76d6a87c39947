//! Incremental capacity: dQ/dV of a half cycle and its peaks.

use super::cycling::HalfCycle;
use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_count;
use super::result::check_positive;
use super::result::check_record;
use super::smooth::Turn;
use super::smooth::median;
use super::smooth::noise_sd;
use super::smooth::smoothed;
use super::smooth::smoothed_noise_sd;
use super::smooth::top_range;
use super::smooth::turning_points;
use super::smooth::vertex;
use super::smooth::whole;
use crate::record::Record;

/// Most steps of the voltage; a smaller step is an error in its unit rather than a wish.
const STEPS_MAX: usize = 100_000;
/// Current below this share of the half cycle's median is the taper of a voltage hold (1).
const TAPER_SHARE: f64 = 0.95;
/// Smallest prominence of a peak, in standard deviations of the smoothed curve's noise.
const PEAK_NOISE: f64 = 6.0;
/// The part of a peak, down from its top over the lowest point, that its voltage is found from (1).
const TOP_SHARE: f64 = 0.1;
/// Noise of the voltage at the ends that is left out, in standard deviations: a step is wholly passed
/// from where the noise does not reach beyond the end, and the extremes lie as far outside as that is inside.
const END_NOISE: f64 = 7.0;
/// Points per step of the voltage below which the curve shows the sampling (1).
const POINTS_PER_STEP: f64 = 1.0;

/// How dQ/dV is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncrementalSettings {
    /// Step of the voltage that the charge is collected on (V).
    pub step_v: f64,
    /// Whole width of the parabola that smooths it (V); zero does not smooth.
    pub window_v: f64,
    /// Smallest prominence of a peak, as share of the curve's range (1).
    pub prominence_share: f64,
}

impl Default for IncrementalSettings {
    /// Steps of 2 mV, smoothed over 30 mV, peaks from 5 %.
    fn default() -> Self {
        Self {
            step_v: 2e-3,
            window_v: 0.03,
            prominence_share: 0.05,
        }
    }
}

/// A peak of dQ/dV.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncrementalPeak {
    /// Voltage (V).
    pub voltage: Estimate,
    /// Height (C V⁻¹), positive.
    pub height: Estimate,
}

/// The incremental capacity of a half cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct IncrementalCapacity {
    /// Middles of the steps (V), rising.
    pub voltage_v: Vec<f64>,
    /// Smoothed |dQ/dV| (C V⁻¹), as long.
    pub capacity_c_v: Vec<f64>,
    /// The peaks in order of voltage.
    pub peaks: Vec<IncrementalPeak>,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
}

/// dQ/dV of a half cycle of `record`: the charge that passes in each step of the voltage over the step, smoothed by a
/// moving parabola.
///
/// The charge between two points is spread evenly over the voltages between them, so that noise of the voltage moves
/// charge between neighbouring steps but loses none. The taper of a voltage hold at the end is left out. Linear in the
/// number of points. Source of the method: Dubarry et al., J. Power Sources 196 (2011) 3420.
///
/// # Errors
/// If the half cycle lies outside the record or spans fewer than five steps, or the step is not positive or too small.
pub fn incremental_capacity(
    record: &Record,
    half: &HalfCycle,
    settings: &IncrementalSettings,
) -> Result<IncrementalCapacity, AnalysisError> {
    check_record(record, half.points.end)?;
    check_positive("voltage step (V)", settings.step_v)?;
    let (end, has_hold) = end_without_hold(record, half, settings.step_v);
    let points = half.points.start..end;
    let v = &record.voltage_v[points.clone()];
    let edge = END_NOISE * noise_sd(v);
    let low = v.iter().copied().fold(f64::INFINITY, f64::min) + edge;
    let high = v.iter().copied().fold(f64::NEG_INFINITY, f64::max) - edge;
    let steps = (high - low) / settings.step_v;
    if steps.is_nan() || steps > STEPS_MAX as f64 {
        return Err(AnalysisError::Missing {
            what: "the voltage step gives more than 100000 steps",
            advice: "give it in V, like 0.002",
        });
    }
    // Whole steps only: the last one, which is only partly passed, would show too little charge.
    let n = whole(steps + 1e-9);
    check_count("the half cycle on steps of the voltage", n, 5)?;
    let mut histogram = Histogram::new(low, settings.step_v, n);
    for i in points.start..points.end - 1 {
        let dt = record.time_s[i + 1] - record.time_s[i];
        let charge = 0.5 * (record.current[i] + record.current[i + 1]).abs() * dt;
        histogram.add(record.voltage_v[i], record.voltage_v[i + 1], charge);
    }
    let raw: Vec<f64> = histogram
        .charges()
        .iter()
        .map(|q| q / settings.step_v)
        .collect();
    let reach = whole((0.5 * settings.window_v / settings.step_v).clamp(0.0, n as f64 / 4.0));
    let capacity_c_v = smoothed(&raw, reach);
    let voltage_v: Vec<f64> = (0..n)
        .map(|k| low + (k as f64 + 0.5) * settings.step_v)
        .collect();
    let peaks = find_peaks(
        &voltage_v,
        &raw,
        &capacity_c_v,
        reach,
        settings.prominence_share,
    );
    let warnings = warnings(v, n, has_hold, settings);
    Ok(IncrementalCapacity {
        voltage_v,
        capacity_c_v,
        peaks,
        warnings,
    })
}

/// Charge on equal steps of the voltage. Whole steps are kept as differences, so that adding costs the same however many
/// steps a pair of points spans.
struct Histogram {
    low: f64,
    step_v: f64,
    partial: Vec<f64>,
    differences: Vec<f64>,
}

impl Histogram {
    fn new(low: f64, step_v: f64, n: usize) -> Self {
        Self {
            low,
            step_v,
            // The step beyond the last takes what lies in the incomplete one.
            partial: vec![0.0; n + 1],
            differences: vec![0.0; n + 2],
        }
    }

    /// Spreads a charge over the voltages between two; what lies outside the steps is left out.
    fn add(&mut self, one_v: f64, other_v: f64, charge: f64) {
        let last = self.partial.len() - 1;
        let (from, to) = (one_v.min(other_v) - self.low, one_v.max(other_v) - self.low);
        let length = to - from;
        let (from, to) = (from.max(0.0), to.min(last as f64 * self.step_v));
        if to < from {
            return;
        }
        let place = |distance: f64| whole(distance / self.step_v).min(last);
        let (first, end) = (place(from), place(to));
        if first == end {
            let share = if length > 0.0 {
                (to - from) / length
            } else {
                1.0
            };
            self.partial[first] += charge * share;
            return;
        }
        let density = charge / length;
        self.partial[first] += density * ((first + 1) as f64 * self.step_v - from);
        self.partial[end] += density * (to - end as f64 * self.step_v);
        self.differences[first + 1] += density * self.step_v;
        self.differences[end] -= density * self.step_v;
    }

    /// The charges of the complete steps.
    fn charges(&self) -> Vec<f64> {
        let mut whole = 0.0;
        let n = self.partial.len() - 1;
        let steps = self.partial.iter().zip(&self.differences).take(n);
        let charges = steps.map(|(partial, difference)| {
            whole += difference;
            whole + partial
        });
        charges.collect()
    }
}

/// Where the half cycle ends without the taper of a voltage hold, and whether there is one.
fn end_without_hold(record: &Record, half: &HalfCycle, step_v: f64) -> (usize, bool) {
    let points = half.points.clone();
    let magnitude: Vec<f64> = record.current[points.clone()]
        .iter()
        .map(|i| i.abs())
        .collect();
    let typical = median(&magnitude).unwrap_or(0.0);
    let end_v = record.voltage_v[points.end - 1];
    let is_hold = |i: &usize| {
        let is_near = (record.voltage_v[*i] - end_v).abs() < 2.0 * step_v;
        is_near && record.current[*i].abs() < TAPER_SHARE * typical
    };
    let held = points.clone().rev().take_while(is_hold).count();
    // A single point below the current is the switch, not a hold.
    if held > 2 && held + 2 < points.len() {
        (points.end - held, true)
    } else {
        (points.end, false)
    }
}

/// Noise of the unsmoothed curve over its height (1): noise of the voltage moves more charge where more charge passes.
fn relative_noise(raw: &[f64], smooth: &[f64]) -> f64 {
    let ratios = raw.iter().zip(smooth).map(|(raw, smooth)| raw / smooth);
    noise_sd(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<_>>())
}

/// Peaks of the smoothed curve; their place and height are those of a cubic through the top tenth
/// of the unsmoothed peak, and through the window at least.
fn find_peaks(
    voltage_v: &[f64],
    raw: &[f64],
    smooth: &[f64],
    reach: usize,
    prominence_share: f64,
) -> Vec<IncrementalPeak> {
    let high = smooth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = smooth.iter().copied().fold(f64::INFINITY, f64::min);
    let noise = smoothed_noise_sd(relative_noise(raw, smooth), reach);
    let smallest = prominence_share * (high - low);
    // Nearer to the ends the curve is hardly smoothed, because half of the window is missing.
    let edge = (reach / 2).min(smooth.len() / 2);
    let inner = &smooth[edge..smooth.len() - edge];
    let turns = turning_points(inner, |level| smallest.max(PEAK_NOISE * noise * level));
    let peak = |(i, turn): (usize, &Turn)| {
        let top = edge + turn.index;
        let near = top_range(smooth, top, TOP_SHARE * (smooth[top] - low));
        let from = near.start.min(top.saturating_sub(reach.max(2)));
        let to = near.end.max(top + reach.max(2) + 1).min(raw.len());
        // Not beyond the valleys on both sides.
        let before = i.checked_sub(1).map_or(0, |i| edge + turns[i].index);
        let behind = turns
            .get(i + 1)
            .map_or(raw.len(), |turn| edge + turn.index + 1);
        let around = from.max(before)..to.min(behind);
        let step_sd = (voltage_v[1] - voltage_v[0]) / 12f64.sqrt();
        match vertex(&voltage_v[around.clone()], &raw[around]) {
            Some(found) => IncrementalPeak {
                voltage: Estimate::new(found.at, found.at_sd.map(|sd| sd.hypot(step_sd)), "V"),
                height: Estimate::new(found.height, found.height_sd, "C V^-1"),
            },
            None => IncrementalPeak {
                voltage: Estimate::new(voltage_v[top], Some(step_sd * (2 * reach + 1) as f64), "V"),
                height: Estimate::new(smooth[top], Some(noise_sd(raw)), "C V^-1"),
            },
        }
    };
    let places = turns.iter().enumerate();
    places
        .filter(|(_, turn)| turn.is_maximum)
        .map(peak)
        .collect()
}

fn warnings(v: &[f64], n: usize, has_hold: bool, settings: &IncrementalSettings) -> Vec<String> {
    let mut warnings = Vec::new();
    if has_hold {
        warnings.push(
            "voltage hold at the end is left out; its charge has no voltage to be drawn over"
                .into(),
        );
    }
    let noise = noise_sd(v);
    if noise > 0.5 * settings.window_v.max(settings.step_v) {
        warnings.push(format!(
            "voltage noise of {:.1} mV is as wide as the smoothing window; widen the window",
            1e3 * noise
        ));
    }
    if (v.len() as f64) < POINTS_PER_STEP * n as f64 {
        warnings.push(format!(
            "{} points for {n} steps of the voltage; peaks narrower than the spacing of the points are invisible, use larger \
             steps",
            v.len()
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::super::cycling::REST_SHARE;
    use super::super::cycling::half_cycles;
    use super::super::smooth::test_noise;
    use super::*;
    use proptest::prelude::*;

    /// A discharge at 1 A whose dQ/dV (C/V) is 1000 plus a Gauss curve of 50 mV and given height.
    fn discharge(center: f64, height: f64, noise: f64) -> Record {
        let mut random = test_noise(6);
        let mut record = Record::default();
        let (mut time, mut v) = (0.0, 2.5);
        while v > 1.5 {
            record.push(time, v + noise * random(), 1.0);
            let capacity = 1000.0 + height * (-((v - center) / 0.05f64).powi(2)).exp();
            v -= 2e-4;
            time += 2e-4 * capacity;
        }
        record
    }

    fn analysed(record: &Record) -> IncrementalCapacity {
        let halves = half_cycles(record, REST_SHARE).unwrap();
        incremental_capacity(record, &halves[0], &IncrementalSettings::default()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn peak_is_found_under_noise(
            center in 1.8f64..2.2,
            height in 3000.0f64..20000.0,
            noise in 0.0f64..2e-3,
        ) {
            let found = analysed(&discharge(center, height, noise));
            prop_assert_eq!(found.peaks.len(), 1);
            let at = found.peaks[0].voltage;
            prop_assert!((at.value - center).abs() < 5e-3 + 4.0 * at.sd.unwrap(), "{at:?}");
            let top = found.peaks[0].height;
            let limit = 0.07 * (height + 1000.0) + 4.0 * top.sd.unwrap();
            prop_assert!((top.value - height - 1000.0).abs() < limit, "{top:?}");
        }

        #[test]
        fn charge_is_conserved(v in proptest::collection::vec(0.0f64..1.0, 2..60)) {
            let mut histogram = Histogram::new(0.0, 0.1, 10);
            for pair in v.windows(2) {
                histogram.add(pair[0], pair[1], 1.0);
            }
            let sum: f64 = histogram.charges().iter().sum();
            prop_assert!((sum - (v.len() - 1) as f64).abs() < 1e-9);
        }

        #[test]
        fn no_record_makes_it_panic(v in proptest::collection::vec(-1.0f64..1.0, 2..60), step in 1e-7f64..0.5) {
            let time_s: Vec<f64> = (0..v.len()).map(|i| i as f64).collect();
            let record = Record { current: vec![1.0; v.len()], voltage_v: v, time_s };
            let halves = half_cycles(&record, REST_SHARE).unwrap();
            let settings = IncrementalSettings { step_v: step, ..IncrementalSettings::default() };
            let _ = incremental_capacity(&record, &halves[0], &settings);
        }
    }

    #[test]
    fn hold_at_the_end_is_left_out() {
        let mut record = discharge(2.0, 5000.0, 0.0);
        let (time, v) = (
            record.time_s[record.len() - 1],
            record.voltage_v[record.len() - 1],
        );
        for k in 1..200 {
            record.push(time + 10.0 * f64::from(k), v, (-f64::from(k) / 40.0).exp());
        }
        let found = analysed(&record);
        assert!(
            found.peaks.len() == 1 && found.warnings[0].contains("hold"),
            "{:?}",
            found.warnings
        );
    }

    #[test]
    fn million_points_take_less_than_a_second() {
        let mut record = Record::default();
        for i in 0..1_000_000 {
            record.push(f64::from(i), 2.5 - 1e-6 * f64::from(i), 1.0);
        }
        let halves = half_cycles(&record, REST_SHARE).unwrap();
        let start = std::time::Instant::now();
        incremental_capacity(&record, &halves[0], &IncrementalSettings::default()).unwrap();
        assert!(start.elapsed().as_secs_f64() < 1.0);
    }
}
