//! Fewer points of a curve, where it has knees and peaks more of them.

/// Bins of the smoothed curve for each point that is kept.
const BINS_PER_POINT: usize = 10;

/// At most `n` points of a curve whose `x` rises, evenly spread along its length in the plane in which both axes have
/// the same extent: steep parts, knees and peaks get as many points as they are long.
///
/// The length is that of averages over ten times as many bins of equal width, so that noise does not pass for length;
/// what is kept are points as they were measured, those nearest to the even spread, each once. All points of a shorter
/// curve than `n` are kept.
pub fn thin(x: &[f64], y: &[f64], n: usize) -> Vec<(f64, f64)> {
    if x.len() <= n || n < 2 {
        return x.iter().copied().zip(y.iter().copied()).collect();
    }
    let smooth = binned(x, y, n * BINS_PER_POINT);
    if smooth.len() < 2 {
        return smooth;
    }
    let (width, height) = (
        extent(smooth.iter().map(|p| p.0)),
        extent(smooth.iter().map(|p| p.1)),
    );
    let distance = |a: (f64, f64), b: (f64, f64)| ((a.0 - b.0) / width).hypot((a.1 - b.1) / height);
    let mut lengths = vec![0.0];
    for pair in smooth.windows(2) {
        lengths.push(lengths[lengths.len() - 1] + distance(pair[0], pair[1]));
    }
    let total = lengths[lengths.len() - 1];
    let mut kept: Vec<usize> = (0..n)
        .filter_map(|i| {
            let at = total * (i as f64 + 0.5) / n as f64;
            let aim = on_line(&smooth, &lengths, at);
            let off = |i: &usize| distance((x[*i], y[*i]), aim);
            (0..x.len()).min_by(|a, b| off(a).total_cmp(&off(b)))
        })
        .collect();
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|i| (x[i], y[i])).collect()
}

/// Largest minus smallest value, positive.
fn extent(values: impl Iterator<Item = f64>) -> f64 {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.fold(start, |(low, high), v| (low.min(v), high.max(v)));
    (high - low).max(f64::MIN_POSITIVE)
}

/// The point of a line at a length of it.
fn on_line(points: &[(f64, f64)], lengths: &[f64], at: f64) -> (f64, f64) {
    let after = lengths.partition_point(|length| *length < at);
    let after = after.clamp(1, points.len() - 1);
    let (from, to) = (points[after - 1], points[after]);
    let span = lengths[after] - lengths[after - 1];
    let share = if span > 0.0 {
        (at - lengths[after - 1]) / span
    } else {
        0.0
    };
    (
        from.0 + share * (to.0 - from.0),
        from.1 + share * (to.1 - from.1),
    )
}

/// Averages over bins of equal width; bins without a point are left out.
fn binned(x: &[f64], y: &[f64], n_bins: usize) -> Vec<(f64, f64)> {
    if x.len() <= n_bins {
        return x.iter().copied().zip(y.iter().copied()).collect();
    }
    let (from, to) = (x[0], x[x.len() - 1]);
    let mut sums = vec![(0.0, 0.0, 0.0); n_bins];
    for (x, y) in x.iter().zip(y) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the bins, not negative"
        )]
        let bin = ((x - from) / (to - from) * n_bins as f64).max(0.0) as usize;
        let sum = &mut sums[bin.min(n_bins - 1)];
        *sum = (sum.0 + x, sum.1 + y, sum.2 + 1.0);
    }
    sums.into_iter()
        .filter(|sum| sum.2 > 0.0)
        .map(|sum| (sum.0 / sum.2, sum.1 / sum.2))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::smooth::test_noise;
    use super::*;
    use crate::numerics::interpolate::linear;
    use proptest::prelude::*;

    proptest! {
        /// A curve with a knee and a peak, drawn through 40 of its 2000 noisy points, misses no more than half the spacing
        /// of the kept points along its length, (h + 3)/80 for a height h of up to two, and the noise.
        #[test]
        fn knees_and_peaks_are_kept(knee in 0.1..0.9f64, peak in 0.1..0.9f64, width in 0.02..0.2f64) {
            let curve = |x: f64| {
                let step = 1.0 / (1.0 + (-(x - knee) / 0.02).exp());
                step + (-((x - peak) / width).powi(2)).exp()
            };
            let mut noise = test_noise(3);
            let x: Vec<f64> = (0..2000).map(|i| f64::from(i) / 1999.0).collect();
            let y: Vec<f64> = x.iter().map(|x| curve(*x) + 1e-3 * noise()).collect();
            let (kept_x, kept_y): (Vec<f64>, Vec<f64>) = thin(&x, &y, 40).into_iter().unzip();
            prop_assert!(kept_x.len() > 30 && kept_x.len() <= 40);
            for x in &x[50..1950] {
                let drawn = linear(&kept_x, &kept_y, *x).unwrap();
                prop_assert!((drawn - curve(*x)).abs() < 0.07, "{} at {}", drawn - curve(*x), x);
            }
        }

        #[test]
        fn short_and_flat_curves_survive(n in 0usize..60, level in -1.0..1.0f64) {
            let x: Vec<f64> = (0..n).map(|i| i as f64).collect();
            let y = vec![level; n];
            let kept = thin(&x, &y, 20);
            prop_assert!(kept.len() <= n.min(20) && kept.len() >= n.min(20) / 2);
            for (x, y) in &kept {
                prop_assert!(x.is_finite() && (y - level).abs() < 1e-12);
            }
        }
    }
}
