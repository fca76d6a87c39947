//! Interpolation: values between points, extrema that do not sit on a point, straight lines.

/// The position and height of a maximum of points (x, y) in order, from the parabola through the highest point and
/// its neighbours; the highest point itself at an end. `None` without a finite point.
pub fn maximum(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let top = (0..y.len().min(x.len()))
        .filter(|i| y[*i].is_finite())
        .max_by(|a, b| y[*a].total_cmp(&y[*b]))?;
    if top == 0 || top + 1 >= y.len() {
        return Some((x[top], y[top]));
    }
    let (left, right) = (x[top - 1] - x[top], x[top + 1] - x[top]);
    let (fall_left, fall_right) = (y[top - 1] - y[top], y[top + 1] - y[top]);
    // y − y_top = b s + a s² through both neighbours.
    let determinant = left * right * (left - right);
    if determinant.abs() < f64::MIN_POSITIVE {
        return Some((x[top], y[top]));
    }
    let a = (fall_left * right - fall_right * left) / determinant;
    let b = (fall_right * left * left - fall_left * right * right) / determinant;
    if a >= 0.0 || !a.is_finite() {
        return Some((x[top], y[top]));
    }
    let s = -b / (2.0 * a);
    Some((x[top] + s, y[top] + b * s / 2.0))
}

/// Linear interpolation of points with rising `x`; the end values outside. `None` without points.
pub fn linear(x: &[f64], y: &[f64], at: f64) -> Option<f64> {
    let (first, last) = (*x.first()?, *x.last()?);
    if at <= first {
        return y.first().copied();
    }
    if at >= last {
        return y.last().copied();
    }
    let i = x.partition_point(|value| *value < at);
    let share = (at - x[i - 1]) / (x[i] - x[i - 1]);
    Some(y[i - 1] + share * (y[i] - y[i - 1]))
}

/// Slope and intercept of the least-squares line through points; `None` if they do not span a line.
pub fn line(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let n = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let spread: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
    let product: f64 = x
        .iter()
        .zip(y)
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let slope = product / spread;
    slope
        .is_finite()
        .then_some((slope, mean_y - slope * mean_x))
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
        assert_eq!(maximum(&[], &[]), None);
        assert_eq!(
            maximum(&[1.0, 1.0, 1.0], &[0.0, 1.0, 0.0]),
            Some((1.0, 1.0))
        );
    }
}
