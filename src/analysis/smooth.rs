//! Curves with noise: medians, noise level, smoothing, turning points and the position of a maximum.

use std::ops::Range;

use nalgebra::Matrix4;
use nalgebra::Vector4;

/// Standard deviation of normal noise over its median absolute deviation (1).
const SD_PER_MAD: f64 = 1.482_602_218_505_602;

/// The median, of the lower and upper middle their mean; `None` without values. Linear in their number.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which a share (0..1) of the values lies; `None` without values.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let mut values = values.to_vec();
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = whole(place).min(last);
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().reduce(f64::min).unwrap_or(low);
    Some(low + (high - low) * (place - place.floor()))
}

/// The largest whole number not above `x`; zero below zero and for a value that is not a number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is asked for"
)]
pub(super) fn whole(x: f64) -> usize {
    x as usize
}

/// Median and robust standard deviation (from the median absolute deviation).
pub(super) fn median_and_sd(values: &[f64]) -> Option<(f64, f64)> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|x| (x - middle).abs()).collect();
    Some((middle, SD_PER_MAD * median(&distances)?))
}

/// Standard deviation of the noise of a curve, from the second differences of neighbours; zero with fewer than three
/// points. A smooth curve has none, however steep it is.
pub(super) fn noise_sd(y: &[f64]) -> f64 {
    let second = y.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs());
    // The variance of a second difference is 1 + 4 + 1 times that of a point.
    median(&second.collect::<Vec<_>>()).map_or(0.0, |m| SD_PER_MAD * m / 6f64.sqrt())
}

/// The curve smoothed by a parabola through `reach` points on each side of every point, fewer at the ends.
///
/// A parabola keeps the height of a wide maximum, which a mean would lower. Source: Savitzky & Golay, Anal. Chem. 36
/// (1964) 1627; the weights are those of Madden, Anal. Chem. 50 (1978) 1383, table I.
pub(super) fn smoothed(y: &[f64], reach: usize) -> Vec<f64> {
    let n = y.len();
    let smooth = |i: usize| {
        let m = reach.min(i).min(n - 1 - i);
        let around = &y[i - m..=i + m];
        if m < 2 { y[i] } else { parabola_center(around) }
    };
    (0..n).map(smooth).collect()
}

/// Standard deviation of what [`smoothed`] leaves of independent noise: the centre of a parabola through `2 m + 1` points
/// has 9/4 of the variance of their mean.
pub(super) fn smoothed_noise_sd(noise_sd: f64, reach: usize) -> f64 {
    if reach < 2 {
        noise_sd
    } else {
        noise_sd * (1.5 / ((2 * reach + 1) as f64).sqrt()).min(1.0)
    }
}

/// The value at the centre of the parabola through an odd number of equidistant points.
fn parabola_center(y: &[f64]) -> f64 {
    let m = (y.len() / 2) as f64;
    let q = 3.0 * m * m + 3.0 * m - 1.0;
    let scale = (2.0 * m + 3.0) * (2.0 * m + 1.0) * (2.0 * m - 1.0) / 3.0;
    let terms = y.iter().enumerate().map(|(i, y)| {
        let distance = i as f64 - m;
        (q - 5.0 * distance * distance) * y
    });
    terms.sum::<f64>() / scale
}

/// The points around a maximum that are no more than `depth` below it, without a gap.
pub(super) fn top_range(y: &[f64], top: usize, depth: f64) -> Range<usize> {
    let is_low = |value: &f64| *value < y[top] - depth;
    let from = y[..top].iter().rposition(is_low).map_or(0, |i| i + 1);
    let to = y[top..]
        .iter()
        .position(is_low)
        .map_or(y.len(), |i| top + i);
    from..to
}

/// A place where a curve turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) index: usize,
    pub(super) is_maximum: bool,
}

/// Maxima and minima, alternating, that the curve leaves by at least a threshold on both sides; the ends are none.
///
/// The threshold may depend on the level of the upper of the two values, as noise does.
pub(super) fn turning_points(y: &[f64], threshold: impl Fn(f64) -> f64) -> Vec<Turn> {
    let is_apart = |low: f64, high: f64| high - low >= threshold(high).max(f64::MIN_POSITIVE);
    let (mut low, mut high) = (0, 0);
    let mut is_rising = None;
    let mut turns = Vec::new();
    for (i, value) in y.iter().enumerate() {
        high = if *value > y[high] { i } else { high };
        low = if *value < y[low] { i } else { low };
        let (has_risen, has_fallen) = (is_apart(y[low], *value), is_apart(*value, y[high]));
        let turn = |index: usize, is_maximum: bool| Turn { index, is_maximum };
        match is_rising {
            Some(true) if has_fallen => turns.push(turn(high, true)),
            Some(false) if has_risen => turns.push(turn(low, false)),
            None if has_risen || has_fallen => {}
            _ => continue,
        }
        let now_rising = is_rising.map_or(has_risen, |was_rising: bool| !was_rising);
        is_rising = Some(now_rising);
        (low, high) = (i, i);
    }
    turns
}

/// Position and height of a maximum with their standard errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vertex {
    pub(super) at: f64,
    pub(super) at_sd: Option<f64>,
    pub(super) height: f64,
    pub(super) height_sd: Option<f64>,
}

/// The maximum of the cubic through points around a maximum: the third degree takes up the different flanks, which would
/// displace the vertex of a parabola. `None` if the points do not have one.
pub(super) fn vertex(x: &[f64], y: &[f64]) -> Option<Vertex> {
    const ITERATIONS: usize = 12;
    let center = x.iter().sum::<f64>() / x.len() as f64;
    let scale = x.iter().map(|x| (x - center).abs()).fold(0.0, f64::max);
    let powers = |x: f64| {
        let z = (x - center) / scale;
        Vector4::new(1.0, z, z * z, z * z * z)
    };
    let (mut normal, mut right) = (Matrix4::<f64>::zeros(), Vector4::<f64>::zeros());
    for (x, y) in x.iter().zip(y) {
        let row = powers(*x);
        normal += row * row.transpose();
        right += row * *y;
    }
    let inverse = normal.try_inverse()?;
    let c = inverse * right;
    let mut z = 0.0;
    for _ in 0..ITERATIONS {
        z -= (c[1] + z * (2.0 * c[2] + 3.0 * z * c[3])) / (2.0 * c[2] + 6.0 * z * c[3]);
    }
    let curvature = 2.0 * c[2] + 6.0 * z * c[3];
    if !z.is_finite() || z.abs() > 1.0 || curvature >= 0.0 {
        return None;
    }
    let squares = x
        .iter()
        .zip(y)
        .map(|(x, y)| (y - c.dot(&powers(*x))).powi(2));
    let n = x.len() as f64;
    let variance = (n > 4.0).then(|| squares.sum::<f64>() / (n - 4.0));
    let sd = |gradient: Vector4<f64>| {
        let lever = gradient.dot(&(inverse * gradient));
        variance.map(|variance| (variance * lever.max(0.0)).sqrt())
    };
    let slope_gradient = Vector4::new(0.0, 1.0, 2.0 * z, 3.0 * z * z);
    Some(Vertex {
        at: center + z * scale,
        at_sd: sd(slope_gradient * (scale / curvature)),
        height: c.dot(&powers(center + z * scale)),
        height_sd: sd(powers(center + z * scale)),
    })
}

/// Repeatable noise for the tests: normal, standard deviation one, from a seed.
#[cfg(test)]
pub(super) fn test_noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cubic_is_not_changed_by_smoothing(a in -1.0f64..1.0, b in -1.0f64..1.0) {
            let y: Vec<f64> = (0..30).map(|i| f64::from(i) * 0.1 - 1.5)
                .map(|x| 1.0 + a * x + b * x * x + a * b * x.powi(3)).collect();
            for (smooth, y) in smoothed(&y, 5).iter().zip(&y) {
                prop_assert!((smooth - y).abs() < 1e-10);
            }
        }

        #[test]
        fn vertex_of_a_skew_maximum_is_found(center in -0.2f64..0.2, skew in -0.3f64..0.3) {
            let x: Vec<f64> = (-10..=10).map(|i| f64::from(i) * 0.1).collect();
            let curve = |x: f64| 2.0 - (x - center).powi(2) + skew * (x - center).powi(3);
            let y: Vec<f64> = x.iter().map(|x| curve(*x)).collect();
            let vertex = vertex(&x, &y).unwrap();
            prop_assert!((vertex.at - center).abs() < 1e-8 && (vertex.height - 2.0).abs() < 1e-8);
        }

        #[test]
        fn any_values_have_turns_inside(y in proptest::collection::vec(-1.0f64..1.0, 0..40)) {
            let turns = turning_points(&y, |_| 0.5);
            for pair in turns.windows(2) {
                prop_assert!(pair[0].index < pair[1].index);
                prop_assert!(pair[0].is_maximum != pair[1].is_maximum);
                prop_assert!((y[pair[0].index] - y[pair[1].index]).abs() >= 0.5);
            }
        }
    }

    #[test]
    fn uncertainty_of_a_vertex_is_the_scatter_of_repetitions() {
        let x: Vec<f64> = (-20..=20).map(|i| f64::from(i) * 0.05).collect();
        let mut noise = test_noise(3);
        let repeat = || {
            let y: Vec<f64> = x.iter().map(|x| 1.0 - x * x + 0.05 * noise()).collect();
            vertex(&x, &y).unwrap()
        };
        let all: Vec<Vertex> = std::iter::repeat_with(repeat).take(400).collect();
        let scatter = (all.iter().map(|v| v.at * v.at).sum::<f64>() / 400.0).sqrt();
        let stated = all.iter().map(|v| v.at_sd.unwrap()).sum::<f64>() / 400.0;
        assert!((stated / scatter - 1.0).abs() < 0.2, "{stated} {scatter}");
    }

    #[test]
    fn noise_level_is_found_on_a_slope() {
        let mut noise = test_noise(1);
        let y: Vec<f64> = (0..2000).map(|i| f64::from(i) + 0.3 * noise()).collect();
        assert!((noise_sd(&y) - 0.3).abs() < 0.03);
        assert!(noise_sd(&[1.0]).abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn smoothing_leaves_the_stated_noise() {
        let mut noise = test_noise(8);
        let y: Vec<f64> = (0..20_000).map(|_| noise()).collect();
        for reach in [2, 5, 20] {
            let (_, sd) = median_and_sd(&smoothed(&y, reach)).unwrap();
            assert!(
                (smoothed_noise_sd(1.0, reach) / sd - 1.0).abs() < 0.06,
                "{reach}: {sd}"
            );
        }
    }

    #[test]
    fn medians_of_few_values() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 1.0), Some(3.0));
    }

    #[test]
    fn small_wiggles_are_no_turns() {
        let y = [0.0, 1.0, 0.9, 2.0, 0.0, 0.1, 3.0];
        let turns = turning_points(&y, |_| 0.5);
        let indices: Vec<usize> = turns.iter().map(|t| t.index).collect();
        assert_eq!(indices, [3, 4]);
        assert!(turns[0].is_maximum && !turns[1].is_maximum);
    }
}
