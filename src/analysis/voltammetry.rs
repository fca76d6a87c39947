//! Peaks of a voltammogram: potential, height, half-peak potential and charge, and what a pair of peaks tells.

use std::ops::Range;

use super::baseline::Baseline;
use super::baseline::baseline;
use super::ramps::Direction;
use super::ramps::Ramp;
use super::ramps::ramps;
use super::result::AnalysisError;
use super::result::Estimate;
use super::result::check_record;
use super::smooth::Turn;
use super::smooth::Vertex;
use super::smooth::noise_sd;
use super::smooth::smoothed;
use super::smooth::smoothed_noise_sd;
use super::smooth::top_range;
use super::smooth::turning_points;
use super::smooth::vertex;
use super::smooth::whole;
use crate::record::Record;

/// Smallest prominence of a peak, as share of the range of the current on its ramp (1); noise and steps of the current
/// range stay below it.
pub const PROMINENCE_SHARE: f64 = 0.03;
/// Smallest prominence of a peak, in standard deviations of the smoothed current's noise.
const PROMINENCE_NOISE: f64 = 8.0;
/// Share of a ramp's points on each side that the current is smoothed over (1), ...
const SMOOTHING_SHARE: f64 = 0.01;
/// ... and the most points, so that the cost stays linear.
const SMOOTHING_POINTS_MAX: usize = 100;
/// The part of a peak, down from its top, that its potential is found from (1).
const TOP_SHARE: f64 = 0.05;
/// The same in standard deviations of the noise, for noisy peaks, whose narrow top would say little about its place, ...
const TOP_NOISE: f64 = 15.0;
/// ... and the largest part, beyond which a cubic would displace the top (1).
const TOP_SHARE_MAX: f64 = 0.3;
/// Distance between a peak and the vertex behind it that is too small for a free peak (V).
const VERTEX_DISTANCE_V: f64 = 0.035;
/// Share of the height that is still flowing where the charge's integration ends that is reported (1).
const TAIL_SHARE: f64 = 0.25;

/// Kind of a peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeakKind {
    /// Reduction: positive current inside.
    Cathodic,
    /// Oxidation: negative current inside.
    Anodic,
}

/// A peak of a ramp. Currents have the record's sign: reduction positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    /// Cathodic on a falling ramp, anodic on a rising one.
    pub kind: PeakKind,
    /// Time of the highest point (s).
    pub time_s: f64,
    /// Peak potential (V).
    pub potential: Estimate,
    /// Current over the zero line (A), as one reads it.
    pub current_read: Estimate,
    /// Current over the baseline (A); over the zero line if there is no baseline.
    pub current: Estimate,
    /// Potential before the peak where half the current over the baseline flows (V).
    pub half_peak: Option<Estimate>,
    /// Charge over the baseline (C), positive.
    pub charge: Estimate,
    /// The baseline, `None` if there is no foot before the peak.
    pub baseline: Option<Baseline>,
    /// Height over the higher of the two valleys beside the peak (A), positive.
    pub prominence: f64,
    /// What is doubtful about the peak.
    pub warnings: Vec<String>,
}

/// The peaks of a ramp in order of time, none if there are none: a current that is largest at the end of the ramp is no
/// peak.
///
/// `prominence_share` is the smallest prominence over the range of the ramp's current (1), [`PROMINENCE_SHARE`] unless
/// there is a reason. The potential is that of a cubic through the top twentieth of the peak, or more under noise; the
/// baseline is the straight continuation of the flattest stretch before the rise. Source of the conventions: Bard &
/// Faulkner, *Electrochemical Methods*, 2nd ed. (2001), ch. 6.
///
/// # Errors
/// If the record holds a value that is not finite or the ramp does not lie inside it.
pub fn peaks(
    record: &Record,
    ramp: &Ramp,
    prominence_share: f64,
) -> Result<Vec<Peak>, AnalysisError> {
    check_record(record, ramp.points.end)?;
    let Some(trace) = Trace::new(record, ramp) else {
        return Ok(Vec::new());
    };
    let turns = trace.turns(prominence_share);
    let places = turns.iter().enumerate().filter(|(_, turn)| turn.is_maximum);
    Ok(places
        .map(|(i, turn)| trace.peak(turn.index, trace.foot(&turns, i)))
        .collect())
}

/// A ramp's current in the direction of its peaks.
struct Trace<'a> {
    t: &'a [f64],
    v: &'a [f64],
    /// Positive for reduction on a falling ramp and for oxidation on a rising one.
    y: Vec<f64>,
    smooth: Vec<f64>,
    noise: f64,
    smooth_noise: f64,
    /// Turns y into the record's current.
    sign: f64,
    start: usize,
    direction: Direction,
}

impl<'a> Trace<'a> {
    fn new(record: &'a Record, ramp: &Ramp) -> Option<Self> {
        let sign = -ramp.direction.sign();
        let current = record.current.get(ramp.points.clone())?;
        let y: Vec<f64> = current.iter().map(|i| sign * i).collect();
        let reach = whole(y.len() as f64 * SMOOTHING_SHARE).clamp(2, SMOOTHING_POINTS_MAX);
        let noise = noise_sd(&y);
        (y.len() > 4).then(|| Self {
            t: &record.time_s[ramp.points.clone()],
            v: &record.voltage_v[ramp.points.clone()],
            smooth: smoothed(&y, reach),
            noise,
            smooth_noise: smoothed_noise_sd(noise, reach),
            y,
            sign,
            start: ramp.points.start,
            direction: ramp.direction,
        })
    }

    fn turns(&self, prominence_share: f64) -> Vec<Turn> {
        let high = self
            .smooth
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let low = self.smooth.iter().copied().fold(f64::INFINITY, f64::min);
        let threshold = prominence_share * (high - low);
        let threshold = threshold.max(PROMINENCE_NOISE * self.smooth_noise);
        turning_points(&self.smooth, |_| threshold)
    }

    /// The points of a peak: from the valley before to the valley behind it, or the ends of the ramp.
    fn foot(&self, turns: &[Turn], place: usize) -> Range<usize> {
        let before = place.checked_sub(1).and_then(|i| turns.get(i));
        let behind = turns
            .get(place + 1)
            .map_or(self.y.len() - 1, |turn| turn.index);
        before.map_or(0, |turn| turn.index)..behind + 1
    }

    fn peak(&self, top: usize, foot: Range<usize>) -> Peak {
        let vertex = self.vertex(top, &foot);
        let found = baseline(self.v, &self.y, &self.smooth, foot.start, top);
        let level = |v: f64| found.as_ref().map_or(0.0, |(b, _)| b.line.value_at(v));
        let level_sd = found.as_ref().map_or(0.0, |(_, sd)| *sd);
        let height = vertex.height - level(vertex.at);
        let height_sd = vertex.height_sd.unwrap_or(self.noise).hypot(level_sd);
        let over: Vec<f64> = self
            .v
            .iter()
            .zip(&self.y)
            .map(|(v, y)| y - level(*v))
            .collect();
        let base = |i: usize| self.smooth[i] - level(self.v[i]);
        let (charge, mut warnings) = self.charge(&over, base, top, &foot, level_sd);
        warnings.extend(self.warnings(&vertex, level(vertex.at), found.is_none(), &foot));
        let low = |points: Range<usize>| {
            self.smooth[points]
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min)
        };
        Peak {
            kind: match self.direction {
                Direction::Falling => PeakKind::Cathodic,
                Direction::Rising => PeakKind::Anodic,
            },
            time_s: self.t[top],
            potential: Estimate::new(vertex.at, vertex.at_sd, "V"),
            current_read: Estimate::new(self.sign * vertex.height, vertex.height_sd, "A"),
            current: Estimate::new(self.sign * height, Some(height_sd), "A"),
            half_peak: self.half_peak(base, height, height_sd, top, foot.start),
            charge,
            prominence: self.smooth[top] - low(foot.start..top + 1).max(low(top..foot.end)),
            baseline: found.map(|(found, _)| self.in_record(&found)),
            warnings,
        }
    }

    /// The top of the peak from its highest part; the highest point itself if that part has no maximum inside.
    fn vertex(&self, top: usize, foot: &Range<usize>) -> Vertex {
        const REACH_MIN: usize = 3;
        let before = self.smooth[foot.start..top]
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        let behind = self.smooth[top..foot.end]
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        let prominence = (self.smooth[top] - before.max(behind)).max(0.0);
        let depth = (TOP_NOISE * self.noise)
            .min(TOP_SHARE_MAX * prominence)
            .max(TOP_SHARE * prominence);
        let near = top_range(&self.smooth, top, depth);
        let from = near
            .start
            .max(foot.start)
            .min(top.saturating_sub(REACH_MIN));
        let to = near
            .end
            .min(foot.end)
            .max((top + REACH_MIN + 1).min(self.y.len()));
        let spacing_sd = self.spacing_v() / 12f64.sqrt();
        match vertex(&self.v[from..to], &self.y[from..to]) {
            Some(vertex) => Vertex {
                at_sd: vertex.at_sd.map(|sd| sd.hypot(spacing_sd)),
                ..vertex
            },
            None => Vertex {
                at: self.v[top],
                at_sd: Some((self.v[to - 1] - self.v[from]).abs() / 12f64.sqrt()),
                height: self.smooth[top],
                height_sd: Some(self.noise),
            },
        }
    }

    /// Mean distance of neighbouring points (V).
    fn spacing_v(&self) -> f64 {
        let n = self.v.len();
        (self.v[n - 1] - self.v[0]).abs() / (n - 1) as f64
    }

    /// The last potential before the top where the current over the baseline passes half the height.
    fn half_peak(
        &self,
        base: impl Fn(usize) -> f64,
        height: f64,
        height_sd: f64,
        top: usize,
        from: usize,
    ) -> Option<Estimate> {
        let half = 0.5 * height;
        let i = (from..top).rev().find(|i| base(*i) <= half)?;
        let share = (half - base(i)) / (base(i + 1) - base(i));
        let at = self.v[i] + share * (self.v[i + 1] - self.v[i]);
        // The slope over several points, because that between two is mostly noise.
        let reach = (top - i).min(i - from).clamp(1, 10);
        let (low, high) = (i.saturating_sub(reach), (i + reach).min(top));
        let slope = (base(high) - base(low)) / (self.v[high] - self.v[low]);
        let sd = (0.5 * height_sd).hypot(self.noise) / slope.abs();
        let sd = sd.hypot(self.spacing_v() / 12f64.sqrt());
        at.is_finite().then(|| Estimate::new(at, Some(sd), "V"))
    }

    /// The charge over the baseline, between where the current leaves it and where it is back.
    fn charge(
        &self,
        over: &[f64],
        base: impl Fn(usize) -> f64,
        top: usize,
        foot: &Range<usize>,
        level_sd: f64,
    ) -> (Estimate, Vec<String>) {
        let from = (foot.start..top)
            .rev()
            .find(|i| base(*i) <= 0.0)
            .unwrap_or(foot.start);
        let to = (top..foot.end).find(|i| base(*i) <= 0.0);
        let end = to.unwrap_or(foot.end - 1);
        let steps =
            (from..end).map(|i| 0.5 * (over[i] + over[i + 1]) * (self.t[i + 1] - self.t[i]));
        let charge: f64 = steps.sum();
        let sd = level_sd * (self.t[end] - self.t[from]);
        let mut warnings = Vec::new();
        let tail = base(end) / base(top);
        if tail > TAIL_SHARE {
            warnings.push(format!(
                "charge under the peak is a lower bound: {:.0} % of the height still flows where its integration ends",
                100.0 * tail
            ));
        }
        (Estimate::new(charge, Some(sd), "C"), warnings)
    }

    fn warnings(
        &self,
        vertex: &Vertex,
        level: f64,
        has_no_foot: bool,
        foot: &Range<usize>,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        let distance = (self.v[self.v.len() - 1] - vertex.at).abs();
        if distance < VERTEX_DISTANCE_V {
            warnings.push(format!(
                "peak lies {:.0} mV before the end of the ramp; sweep further, or the reverse peak is deformed",
                1e3 * distance
            ));
        }
        if has_no_foot {
            warnings.push(
                "no foot before the peak; its current is read from the zero line, start the sweep earlier".into(),
            );
        } else if level.abs() > 0.5 * (vertex.height - level).abs() {
            warnings.push(
                "baseline under the peak is more than half of its height; subtract a voltammogram of the electrolyte \
                 alone"
                    .into(),
            );
        }
        if foot.start > 0 && !has_no_foot {
            warnings.push(
                "peak begins in a valley behind another wave; its height over a straight baseline is a lower bound"
                    .into(),
            );
        }
        warnings
    }

    /// A baseline in the record's signs and positions.
    fn in_record(&self, found: &Baseline) -> Baseline {
        let mut line = found.line;
        line.slope *= self.sign;
        line.intercept *= self.sign;
        Baseline {
            points: found.points.start + self.start..found.points.end + self.start,
            line,
        }
    }
}

/// What the two peaks of one couple tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Separation {
    /// Peak separation (V), anodic minus cathodic potential.
    pub separation: Estimate,
    /// Midpoint of the peak potentials (V): the half-wave potential of a reversible couple.
    pub half_wave: Estimate,
    /// Height of the later peak over that of the earlier, both over their baselines (1); 1 without side reactions.
    pub ratio: Estimate,
    /// What is doubtful about the pair.
    pub warnings: Vec<String>,
}

/// Separation, midpoint and height ratio of a cathodic and an anodic peak of one cycle.
///
/// Source: Bard & Faulkner, *Electrochemical Methods*, 2nd ed. (2001), section 6.5.
///
/// # Errors
/// If the peaks are of the same kind.
pub fn separation(one: &Peak, other: &Peak) -> Result<Separation, AnalysisError> {
    let (cathodic, anodic) = match (one.kind, other.kind) {
        (PeakKind::Cathodic, PeakKind::Anodic) => (one, other),
        (PeakKind::Anodic, PeakKind::Cathodic) => (other, one),
        _ => {
            return Err(AnalysisError::Missing {
                what: "both peaks have the same kind",
                advice: "give one cathodic and one anodic peak",
            });
        }
    };
    let sd = cathodic
        .potential
        .sd
        .zip(anodic.potential.sd)
        .map(|(a, b)| a.hypot(b));
    let (low, high) = (cathodic.potential.value, anodic.potential.value);
    let (first, second) = if one.time_s <= other.time_s {
        (one, other)
    } else {
        (other, one)
    };
    let ratio = (second.current.value / first.current.value).abs();
    let relative = second
        .current
        .relative_sd()
        .hypot(first.current.relative_sd());
    let mut warnings = Vec::new();
    if high <= low {
        warnings.push(
            "anodic peak lies below the cathodic one; the peaks belong to different couples".into(),
        );
    }
    if ratio < 0.9 && 1.0 - ratio > 2.0 * ratio * relative {
        warnings.push(format!(
            "later peak has only {ratio:.2} of the earlier one's height; the product is consumed, or the baseline of \
             the return sweep is too flat"
        ));
    }
    Ok(Separation {
        separation: Estimate::new(high - low, sd, "V"),
        half_wave: Estimate::new(0.5 * (high + low), sd.map(|sd| 0.5 * sd), "V"),
        ratio: Estimate::new(ratio, Some(ratio * relative), "1"),
        warnings,
    })
}

/// A ramp and its peaks.
#[derive(Clone, Debug, PartialEq)]
pub struct RampPeaks {
    /// The ramp.
    pub ramp: Ramp,
    /// Its peaks in order of time.
    pub peaks: Vec<Peak>,
}

impl RampPeaks {
    /// The peak of the largest prominence.
    pub fn main_peak(&self) -> Option<&Peak> {
        self.peaks
            .iter()
            .max_by(|a, b| a.prominence.total_cmp(&b.prominence))
    }
}

/// All ramps of a voltammogram with their peaks.
///
/// # Errors
/// As [`ramps`] and [`peaks`].
pub fn voltammogram(
    record: &Record,
    prominence_share: f64,
) -> Result<Vec<RampPeaks>, AnalysisError> {
    let with_peaks = |ramp: Ramp| {
        let peaks = peaks(record, &ramp, prominence_share)?;
        Ok(RampPeaks { ramp, peaks })
    };
    ramps(record)?.into_iter().map(with_peaks).collect()
}

/// The main couple of every cycle: pairs of neighbouring ramps that both have a peak, each ramp used once, with the
/// position of the earlier ramp.
pub fn couples(ramps: &[RampPeaks]) -> Vec<(usize, Separation)> {
    let mut found = Vec::new();
    let mut i = 0;
    while i + 1 < ramps.len() {
        let pair = ramps[i].main_peak().zip(ramps[i + 1].main_peak());
        match pair.and_then(|(one, other)| separation(one, other).ok()) {
            Some(separation) => {
                found.push((i, separation));
                i += 2;
            }
            None => i += 1,
        }
    }
    found
}

/// A voltammogram for tests: one-electron reduction, reversible or not, planar diffusion, by finite differences.
#[cfg(test)]
pub(super) mod test_cell {
    use super::super::smooth::test_noise;
    use crate::record::Record;
    use crate::units::FARADAY_C_PER_MOL;
    use crate::units::GAS_J_PER_MOL_K;

    pub(crate) const AREA_M2: f64 = 1e-5;
    pub(crate) const DIFFUSION_M2_S: f64 = 5e-10;
    pub(crate) const CONCENTRATION_MOL_M3: f64 = 2.0;
    pub(crate) const TEMPERATURE_K: f64 = 298.15;
    pub(crate) const HALF_WAVE_V: f64 = -0.2;

    /// Relative peak height (A) of the reversible couple: 0.4463 n F A c √(n F v D/(R T)).
    pub(crate) fn reversible_peak_a(rate: f64) -> f64 {
        let f = FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * TEMPERATURE_K);
        let root = (f * rate * DIFFUSION_M2_S).sqrt();
        0.4463 * FARADAY_C_PER_MOL * AREA_M2 * CONCENTRATION_MOL_M3 * root
    }

    /// From 0.35 V above the half-wave potential to 0.35 V below and back; `k0_m_s` infinite is reversible (α = ½),
    /// `noise` is relative to the peak.
    pub(crate) fn voltammogram(rate: f64, k0_m_s: f64, noise: f64) -> Record {
        const STEPS: usize = 3000;
        const LAMBDA: f64 = 0.4;
        let f = FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * TEMPERATURE_K);
        let dt = 1.4 / rate / STEPS as f64;
        let dx = (DIFFUSION_M2_S * dt / LAMBDA).sqrt();
        let mut random = test_noise(11);
        let mut c = vec![1.0; 260];
        let mut record = Record::default();
        for step in 0..=STEPS {
            let way = step as f64 / STEPS as f64;
            let eta = 0.7 * (2.0 * way - 1.0).abs() - 0.35;
            let inner = c.clone();
            for i in 1..c.len() - 1 {
                c[i] += LAMBDA * (inner[i - 1] - 2.0 * inner[i] + inner[i + 1]);
            }
            // Flux D (−3 c₀ + 4 c₁ − c₂)/(2 Δx) = k₀ (c₀ exp(−fη/2) − (1 − c₀) exp(fη/2)), which is linear in c₀.
            let (forward, backward) = ((-0.5 * f * eta).exp(), (0.5 * f * eta).exp());
            let transport = DIFFUSION_M2_S / (2.0 * dx * k0_m_s);
            c[0] = (transport * (4.0 * c[1] - c[2]) + backward)
                / (3.0 * transport + forward + backward);
            let flux = DIFFUSION_M2_S * (4.0 * c[1] - c[2] - 3.0 * c[0]) / (2.0 * dx);
            let current = FARADAY_C_PER_MOL * AREA_M2 * CONCENTRATION_MOL_M3 * flux;
            let current = current + noise * reversible_peak_a(rate) * random();
            record.push(step as f64 * dt, HALF_WAVE_V + eta, current);
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn analysed(record: &Record) -> Vec<RampPeaks> {
        voltammogram(record, PROMINENCE_SHARE).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn reversible_peak_has_the_tabulated_place_and_height(
            log_rate in -4.0f64..0.5,
            noise in 0.0f64..0.01,
        ) {
            let rate = 10f64.powf(log_rate);
            let ramps = analysed(&test_cell::voltammogram(rate, f64::INFINITY, noise));
            let peak = ramps[0].main_peak().unwrap();
            let height = peak.current_read.value / test_cell::reversible_peak_a(rate);
            prop_assert!((height - 1.0).abs() < 0.01, "{}", height);
            let distance = peak.potential.value - test_cell::HALF_WAVE_V;
            // Nicholson & Shain, Anal. Chem. 36 (1964) 706: −28.50 mV, half-peak +28.0 mV.
            prop_assert!((distance + 0.0285).abs() < 0.001, "{}", distance);
            let half = peak.half_peak.unwrap();
            let half_distance = half.value - test_cell::HALF_WAVE_V;
            prop_assert!((half_distance - 0.028).abs() < 0.0015, "{} {:?}", half_distance, half);
            let couples = couples(&ramps);
            let (_, pair) = &couples[0];
            prop_assert!((pair.separation.value - 0.0575).abs() < 0.002, "{:?}", pair);
            prop_assert!((pair.half_wave.value - test_cell::HALF_WAVE_V).abs() < 0.001);
        }

        #[test]
        fn potential_lies_within_its_uncertainty(center in 0.4f64..0.6, seed in 0u64..1000) {
            let mut noise = super::super::smooth::test_noise(seed);
            let mut record = Record::default();
            for i in 0..500 {
                let v = f64::from(i) * 2e-3;
                let current = -(-((v - center) / 0.08).powi(2)).exp() - 0.1 + 0.01 * noise();
                record.push(f64::from(i), v, current);
            }
            let peak = analysed(&record)[0].main_peak().unwrap().clone();
            prop_assert!(peak.kind == PeakKind::Anodic);
            let (at, sd) = (peak.potential.value, peak.potential.sd.unwrap());
            prop_assert!((at - center).abs() < 5.0 * sd, "{at} {sd} {center}");
            let (height, sd) = (peak.current.value, peak.current.sd.unwrap());
            prop_assert!((height + 1.0).abs() < 0.03 + 3.0 * sd, "{height} {sd}");
            // The area of a Gauss curve: √π × 0.08 V over 2 mV per second.
            let area = std::f64::consts::PI.sqrt() * 0.08 / 2e-3;
            let (charge, sd) = (peak.charge.value, peak.charge.sd.unwrap());
            prop_assert!((charge - area).abs() < 0.1 * area + 3.0 * sd, "{charge} {sd} {area}");
        }

        #[test]
        fn no_record_makes_it_panic(
            v in proptest::collection::vec(-1.0f64..1.0, 0..60),
            i in proptest::collection::vec(-1.0f64..1.0, 60),
        ) {
            let mut v = v;
            v.sort_by(f64::total_cmp);
            let time_s: Vec<f64> = (0..v.len()).map(|i| i as f64).collect();
            let current = i[..v.len()].to_vec();
            if let Ok(ramps) = voltammogram(&Record { time_s, voltage_v: v, current }, 0.03) {
                let _ = couples(&ramps);
            }
        }
    }

    #[test]
    fn current_that_is_largest_at_the_end_is_no_peak() {
        let mut record = Record::default();
        for i in 0..300 {
            record.push(f64::from(i), f64::from(i) * 1e-3, -f64::from(i).powi(3));
        }
        assert!(analysed(&record)[0].peaks.is_empty());
    }

    #[test]
    fn two_waves_are_two_peaks() {
        let mut record = Record::default();
        for i in 0..1000 {
            let v = f64::from(i) * 1e-3;
            let wave = |at: f64| -(-((v - at) / 0.05).powi(2)).exp();
            record.push(f64::from(i), v, wave(0.4) + 0.4 * wave(0.6));
        }
        let peaks = analysed(&record)[0].peaks.clone();
        let at: Vec<f64> = peaks.iter().map(|p| p.potential.value).collect();
        assert!(at.len() == 2 && (at[0] - 0.4).abs() < 2e-3 && (at[1] - 0.6).abs() < 2e-3);
        assert!(
            peaks[1]
                .warnings
                .iter()
                .any(|w| w.contains("behind another wave"))
        );
        assert!(separation(&peaks[0], &peaks[1]).is_err());
    }

    #[test]
    fn reversed_signs_exchange_the_kinds() {
        let record = test_cell::voltammogram(0.1, f64::INFINITY, 0.0);
        let mirrored = Record {
            time_s: record.time_s.clone(),
            voltage_v: record.voltage_v.iter().map(|v| -v).collect(),
            current: record.current.iter().map(|i| -i).collect(),
        };
        let (one, two) = (analysed(&record), analysed(&mirrored));
        let (one, two) = (one[0].main_peak().unwrap(), two[0].main_peak().unwrap());
        assert!(one.kind == PeakKind::Cathodic && two.kind == PeakKind::Anodic);
        assert!((one.potential.value + two.potential.value).abs() < 1e-6);
        assert!((one.current.value + two.current.value).abs() < 1e-9 * one.current.value);
    }
}
