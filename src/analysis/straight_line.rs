//! Straight lines through measured points: slope, intercept and prediction with standard errors, and fast lines through
//! every window of a curve.

use std::ops::Range;

/// A least-squares line `y = intercept + slope x` with its standard errors.
///
/// Ordinary least squares, equal weights, `x` exact; the standard errors come from the residuals and are `None` for
/// two points. Source: Draper & Smith, *Applied Regression Analysis*, 3rd ed. (1998), ch. 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StraightLine {
    /// Slope, in units of y over x.
    pub slope: f64,
    /// Intercept, in the unit of y.
    pub intercept: f64,
    /// Standard error of the slope.
    pub slope_sd: Option<f64>,
    /// Standard error of the intercept.
    pub intercept_sd: Option<f64>,
    /// Standard deviation of the residuals, with two degrees of freedom less than points.
    pub residual_sd: Option<f64>,
    /// Share of the variance of y that the line explains, 0..1; 1 if y does not vary.
    pub r_squared: f64,
    /// Number of points.
    pub n_points: usize,
    mean_x: f64,
    spread_x: f64,
}

impl StraightLine {
    /// The line through points of equal number; `None` with fewer than two different `x` or a value that is not finite.
    pub fn fit(x: &[f64], y: &[f64]) -> Option<Self> {
        let n_points = x.len().min(y.len());
        let n = n_points as f64;
        let (x, y) = (&x[..n_points], &y[..n_points]);
        let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let spread_x: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
        let spread_y: f64 = y.iter().map(|y| (y - mean_y).powi(2)).sum();
        let pairs = || x.iter().zip(y);
        let product: f64 = pairs().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        let slope = product / spread_x;
        if !slope.is_finite() || !mean_y.is_finite() {
            return None;
        }
        let residual = |x: f64, y: f64| y - mean_y - slope * (x - mean_x);
        let squares: f64 = pairs().map(|(x, y)| residual(*x, *y).powi(2)).sum();
        let residual_sd = (n_points > 2).then(|| (squares / (n - 2.0)).sqrt());
        let unexplained = squares / spread_y;
        Some(Self {
            slope,
            intercept: mean_y - slope * mean_x,
            slope_sd: residual_sd.map(|sd| sd / spread_x.sqrt()),
            intercept_sd: residual_sd.map(|sd| sd * (1.0 / n + mean_x.powi(2) / spread_x).sqrt()),
            residual_sd,
            r_squared: if unexplained.is_finite() {
                (1.0 - unexplained).max(0.0)
            } else {
                1.0
            },
            n_points,
            mean_x,
            spread_x,
        })
    }

    /// y on the line at `x`.
    pub fn value_at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// Standard error of the line (not of a new point) at `x`; `None` for two points.
    pub fn sd_at(&self, x: f64) -> Option<f64> {
        let lever = 1.0 / self.n_points as f64 + (x - self.mean_x).powi(2) / self.spread_x;
        self.residual_sd.map(|sd| sd * lever.sqrt())
    }
}

/// Standard errors on each side that hold a line's parameter with 95 % confidence: Student's t of the degrees of freedom
/// that `n_points` leave, 2 from eight points on.
pub(super) fn confidence_sds(n_points: usize) -> f64 {
    match n_points {
        0..=3 => 12.71,
        4 => 4.30,
        5 => 3.18,
        6 => 2.78,
        7 => 2.57,
        _ => 2.0,
    }
}

/// Running sums over a curve: the line through any window costs the same, however long the window is.
pub(super) struct RunningLines {
    /// Sums of 1, x, y, x², xy, y² before each point, relative to the means.
    sums: Vec<[f64; 5]>,
}

/// A line through a window of a curve.
pub(super) struct WindowLine {
    pub(super) slope: f64,
    /// Root mean square of the residuals.
    pub(super) rms: f64,
}

impl RunningLines {
    pub(super) fn new(x: &[f64], y: &[f64]) -> Self {
        let n = x.len().min(y.len()).max(1) as f64;
        let mean = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let mut sums = vec![[0.0; 5]];
        let mut sum = [0.0; 5];
        for (x, y) in x.iter().zip(y) {
            let (x, y) = (x - mean.0, y - mean.1);
            for (sum, term) in sum.iter_mut().zip([x, y, x * x, x * y, y * y]) {
                *sum += term;
            }
            sums.push(sum);
        }
        Self { sums }
    }

    /// The line through the points of a window; `None` if they do not span one.
    pub(super) fn line(&self, window: Range<usize>) -> Option<WindowLine> {
        let (from, to) = (self.sums.get(window.start)?, self.sums.get(window.end)?);
        let n = window.len() as f64;
        let mut sum = [0.0; 5];
        for (i, sum) in sum.iter_mut().enumerate() {
            *sum = to[i] - from[i];
        }
        let [x, y, xx, xy, yy] = sum;
        let (spread, product) = (xx - x * x / n, xy - x * y / n);
        let slope = product / spread;
        // Below this share the difference of the sums is rounding.
        let is_line = n >= 2.0 && spread > 1e-12 * self.sums.last()?[2];
        (is_line && slope.is_finite()).then(|| WindowLine {
            slope,
            rms: ((yy - y * y / n - slope * product).max(0.0) / n).sqrt(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exact_line_is_found_without_error(slope in -5.0f64..5.0, intercept in -5.0f64..5.0) {
            let x = [0.0, 0.1, 0.4, 1.0];
            let y = x.map(|x| intercept + slope * x);
            let line = StraightLine::fit(&x, &y).unwrap();
            prop_assert!((line.slope - slope).abs() < 1e-9);
            prop_assert!((line.value_at(2.0) - intercept - 2.0 * slope).abs() < 1e-9);
            prop_assert!(line.slope_sd.unwrap() < 1e-9 && line.sd_at(2.0).unwrap() < 1e-9);
        }

        #[test]
        fn window_lines_equal_the_direct_ones(
            y in proptest::collection::vec(-1.0f64..1.0, 12),
            from in 0usize..6,
            n in 3usize..6,
        ) {
            let x: Vec<f64> = (0..12).map(|i| 3.0 + f64::from(i) * 0.1).collect();
            let window = from..from + n;
            let fast = RunningLines::new(&x, &y).line(window.clone()).unwrap();
            let direct = StraightLine::fit(&x[window.clone()], &y[window]).unwrap();
            prop_assert!((fast.slope - direct.slope).abs() < 1e-8);
            let rms = direct.residual_sd.unwrap() * ((n as f64 - 2.0) / n as f64).sqrt();
            prop_assert!((fast.rms - rms).abs() < 1e-8);
        }
    }

    #[test]
    fn standard_errors_are_those_of_the_textbook() {
        // Draper & Smith's formulas by hand: residuals 0.1, -0.2, 0.1; spread of x 2.
        let line = StraightLine::fit(&[0.0, 1.0, 2.0], &[0.1, 0.8, 2.1]).unwrap();
        assert!((line.slope - 1.0).abs() < 1e-12 && line.intercept.abs() < 1e-12);
        let sd = 0.06f64.sqrt();
        assert!((line.slope_sd.unwrap() - sd / 2f64.sqrt()).abs() < 1e-12);
        assert!((line.intercept_sd.unwrap() - sd * (1.0 / 3.0 + 0.5f64).sqrt()).abs() < 1e-12);
        assert!((line.r_squared - (1.0 - 0.06 / 2.06)).abs() < 1e-12);
    }

    #[test]
    fn points_above_each_other_are_no_line() {
        assert_eq!(StraightLine::fit(&[1.0, 1.0], &[0.0, 1.0]), None);
        assert_eq!(StraightLine::fit(&[], &[]), None);
        assert_eq!(StraightLine::fit(&[0.0, f64::NAN], &[0.0, 1.0]), None);
        assert_eq!(
            StraightLine::fit(&[0.0, 1.0], &[0.0, 1.0])
                .unwrap()
                .slope_sd,
            None
        );
    }
}
