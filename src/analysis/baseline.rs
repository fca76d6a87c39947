//! The straight baseline of a voltammetric peak, drawn through the flattest stretch before its rise.

use std::ops::Range;

use super::smooth::whole;
use super::straight_line::RunningLines;
use super::straight_line::StraightLine;

/// Lengths of the stretch, as shares of the way from the foot's beginning to the half rise (1). The middle one makes the
/// baseline; the others tell how much it depends on the choice.
const STRETCH_SHARES: [f64; 3] = [0.2, 0.3, 0.45];
/// Fewest points of a stretch.
const POINTS_MIN: usize = 5;
/// Height over the lowest point before the peak, as share of the whole rise, where the search for the stretch ends (1).
const RISE_SHARE: f64 = 0.5;

/// A straight baseline under a peak.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The points of the record that it was drawn through.
    pub points: Range<usize>,
    /// Its line: current (A, sign of the record) over potential (V).
    pub line: StraightLine,
}

/// The baseline of the peak at `top`: from `from` on, where the curve's foot begins; `x` grows with time or not, `y` is
/// positive in the direction of the peak.
///
/// `None` if there are too few points before the rise. The second value is the standard uncertainty at the peak: that of
/// the line and that of the choice of the stretch.
pub(super) fn baseline(
    x: &[f64],
    y: &[f64],
    smooth: &[f64],
    from: usize,
    top: usize,
) -> Option<(Baseline, f64)> {
    let rise = half_rise(smooth, from, top)?;
    let running = RunningLines::new(&x[from..rise], &y[from..rise]);
    let n = rise - from;
    let lines = STRETCH_SHARES.map(|share| {
        let length = whole(n as f64 * share).max(POINTS_MIN);
        let window = flattest(&running, n, length)?;
        let window = from + window.start..from + window.end;
        StraightLine::fit(&x[window.clone()], &y[window.clone()]).map(|line| (window, line))
    });
    let at_peak: Vec<f64> = lines
        .iter()
        .flatten()
        .map(|(_, line)| line.value_at(x[top]))
        .collect();
    let [_, middle, _] = lines;
    let (points, line) = middle?;
    let value = line.value_at(x[top]);
    let choice_sd = at_peak
        .iter()
        .map(|other| (other - value).abs())
        .fold(0.0, f64::max);
    let sd = choice_sd.hypot(line.sd_at(x[top]).unwrap_or(0.0));
    Some((Baseline { points, line }, sd))
}

/// The last point before the top that is not higher than half the rise; `None` if too few points lie before it.
fn half_rise(smooth: &[f64], from: usize, top: usize) -> Option<usize> {
    let before = smooth.get(from..top)?;
    let lowest = before.iter().copied().reduce(f64::min)?;
    let limit = lowest + RISE_SHARE * (smooth[top] - lowest);
    let last = before.iter().rposition(|y| *y <= limit)?;
    (last + 1 >= POINTS_MIN).then_some(from + last + 1)
}

/// The window of the smallest slope; the later one of equals.
fn flattest(running: &RunningLines, n: usize, length: usize) -> Option<Range<usize>> {
    let starts = 0..=n.checked_sub(length)?;
    let slopes = starts.filter_map(|start| {
        let line = running.line(start..start + length)?;
        Some((start, line.slope.abs()))
    });
    let (start, _) = slopes.min_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::super::smooth::smoothed;
    use super::super::smooth::test_noise;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sloping_background_is_found(
            slope in -0.02f64..0.2,
            level in -1.0f64..1.0,
            width in 0.03f64..0.06,
        ) {
            let mut noise = test_noise(5);
            let x: Vec<f64> = (0..1000).map(|i| f64::from(i) * 1e-3).collect();
            let background = |x: f64| level + slope * x;
            let peak = |x: f64| (-((x - 0.7) / width).powi(2)).exp();
            let y: Vec<f64> = x.iter().map(|x| background(*x) + peak(*x) + 0.002 * noise()).collect();
            let (found, sd) = baseline(&x, &y, &smoothed(&y, 10), 0, 700).unwrap();
            let error = found.line.value_at(0.7) - background(0.7);
            prop_assert!(error.abs() < 0.04, "{error} {sd}");
            prop_assert!(error.abs() < 6.0 * sd, "{error} {sd}");
        }
    }

    #[test]
    fn peak_at_once_has_no_baseline() {
        let y = [0.0, 1.0, 2.0, 1.0];
        assert_eq!(baseline(&y, &y, &y, 0, 2), None);
        assert_eq!(baseline(&[], &[], &[], 0, 0), None);
    }
}
