//! Interpolation: values between points, extrema that do not sit on a point, straight lines. Which points count is
//! decided by the values; the result carries the derivatives of these points.

use super::scalar::Scalar;

/// The position and height of a maximum of points (x, y) in order, from the parabola through the highest point and
/// its neighbours; the highest point itself at an end. `None` without a finite point.
pub fn maximum<S: Scalar>(x: &[S], y: &[S]) -> Option<(S, S)> {
    let top = (0..y.len().min(x.len()))
        .filter(|i| y[*i].value().is_finite())
        .max_by(|a, b| y[*a].value().total_cmp(&y[*b].value()))?;
    if top == 0 || top + 1 >= y.len() {
        return Some((x[top], y[top]));
    }
    let (left, right) = (x[top - 1] - x[top], x[top + 1] - x[top]);
    let (fall_left, fall_right) = (y[top - 1] - y[top], y[top + 1] - y[top]);
    // y − y_top = b s + a s² through both neighbours.
    let determinant = left * right * (left - right);
    if determinant.value().abs() < f64::MIN_POSITIVE {
        return Some((x[top], y[top]));
    }
    let a = (fall_left * right - fall_right * left) / determinant;
    let b = (fall_right * left * left - fall_left * right * right) / determinant;
    if a.value() >= 0.0 || !a.value().is_finite() {
        return Some((x[top], y[top]));
    }
    let s = -b / (a * 2.0);
    Some((x[top] + s, y[top] + b * s * 0.5))
}

/// Linear interpolation of points with rising `x`; the end values outside. `None` without points.
pub fn linear<S: Scalar>(x: &[S], y: &[S], at: S) -> Option<S> {
    let (first, last) = (x.first()?.value(), x.last()?.value());
    if at.value() <= first {
        return y.first().copied();
    }
    if at.value() >= last {
        return y.last().copied();
    }
    let i = x.partition_point(|x| x.value() < at.value());
    let share = (at - x[i - 1]) / (x[i] - x[i - 1]);
    Some(y[i - 1] + share * (y[i] - y[i - 1]))
}

/// Slope and intercept of the least-squares line through points at exactly known `x`; `None` if they do not span a
/// line.
pub fn line<S: Scalar>(x: &[f64], y: &[S]) -> Option<(S, S)> {
    let n = x.len() as f64;
    let mean_x = x.iter().sum::<f64>() / n;
    let spread: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
    let (mut sum, mut product) = (S::constant(0.0), S::constant(0.0));
    for (x, y) in x.iter().zip(y) {
        sum += *y;
        product += *y * (x - mean_x);
    }
    let slope = product / spread;
    slope
        .value()
        .is_finite()
        .then_some((slope, sum / n - slope * mean_x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vertex_of_a_parabola_is_found(center in 0.3f64..0.7, height in -2.0f64..2.0) {
            let x = [0.0, 0.2, 0.45, 0.55, 0.8, 1.0];
            let y = x.map(|x| height - (x - center).powi(2));
            let (at, top) = maximum(&x, &y).unwrap();
            prop_assert!((at - center).abs() < 1e-9);
            prop_assert!((top - height).abs() < 1e-9);
        }

        #[test]
        fn line_is_found_and_interpolated(slope in -5.0f64..5.0, intercept in -5.0f64..5.0) {
            let x = [0.0, 0.1, 0.4, 1.0];
            let y = x.map(|x| intercept + slope * x);
            let (a, b) = line(&x, &y).unwrap();
            prop_assert!((a - slope).abs() < 1e-9 && (b - intercept).abs() < 1e-9);
            prop_assert!((linear(&x, &y, 0.7).unwrap() - intercept - 0.7 * slope).abs() < 1e-9);
        }
    }

    #[test]
    fn maximum_at_an_end_is_that_point() {
        assert_eq!(maximum(&[0.0, 1.0], &[2.0, 1.0]), Some((0.0, 2.0)));
        assert_eq!(maximum::<f64>(&[], &[]), None);
        assert_eq!(
            maximum(&[1.0, 1.0, 1.0], &[0.0, 1.0, 0.0]),
            Some((1.0, 1.0))
        );
    }
}
