//! Interpolation: values between points, extrema that do not sit on a point, straight lines. Which points count is
//! decided by the values; the result carries the derivatives of these points.

use super::scalar::Scalar;

/// The position and height of a maximum of points (x, y) in order: that of the polynomial of fourth degree through
/// the highest point and two neighbours on each side; of the parabola through three points where there are no more or
/// the polynomial has no maximum there; the highest point itself at an end. `None` without a finite point.
pub fn maximum<S: Scalar>(x: &[S], y: &[S]) -> Option<(S, S)> {
    let top = (0..y.len().min(x.len()))
        .filter(|i| y[*i].value().is_finite())
        .max_by(|a, b| y[*a].value().total_cmp(&y[*b].value()))?;
    let here = (x[top], y[top]);
    if top == 0 || top + 1 >= y.len() {
        return Some(here);
    }
    let bracket = x[top - 1].value()..=x[top + 1].value();
    let vertex = |reach: usize, start: S| {
        let (from, to) = (top.checked_sub(reach)?, top + reach + 1);
        let polynomial = Newton::through(x.get(from..to)?, y.get(from..to)?)?;
        let at = polynomial.stationary(start)?;
        (at.value() >= *bracket.start() && at.value() <= *bracket.end())
            .then(|| (at, polynomial.value(at)))
    };
    let parabola = vertex(1, here.0).unwrap_or(here);
    Some(vertex(2, parabola.0).unwrap_or(parabola))
}

/// A polynomial through points in Newton's form: divided differences over its first points.
struct Newton<'a, S> {
    x: &'a [S],
    coefficients: Vec<S>,
}

impl<'a, S: Scalar> Newton<'a, S> {
    /// `None` if two points share their `x`.
    fn through(x: &'a [S], y: &[S]) -> Option<Self> {
        let mut coefficients = y.to_vec();
        for order in 1..x.len() {
            for i in (order..x.len()).rev() {
                let distance = x[i] - x[i - order];
                if distance.value().abs() < f64::MIN_POSITIVE {
                    return None;
                }
                coefficients[i] = (coefficients[i] - coefficients[i - 1]) / distance;
            }
        }
        Some(Self { x, coefficients })
    }

    fn value(&self, at: S) -> S {
        self.derivatives(at).0
    }

    /// Value, first and half the second derivative by Horner's scheme.
    fn derivatives(&self, at: S) -> (S, S, S) {
        let zero = S::constant(0.0);
        let (mut value, mut first, mut second) = (zero, zero, zero);
        for (c, x) in self.coefficients.iter().zip(self.x).rev() {
            let distance = at - *x;
            second = second * distance + first;
            first = first * distance + value;
            value = value * distance + *c;
        }
        (value, first, second)
    }

    /// The maximum near `start` by Newton's method, whose last iterations also settle the derivatives; `None` if there
    /// is none.
    fn stationary(&self, start: S) -> Option<S> {
        const ITERATIONS: usize = 8;
        let mut at = start;
        for _ in 0..ITERATIONS {
            let (_, first, second) = self.derivatives(at);
            if second.value() >= 0.0 || !second.value().is_finite() {
                return None;
            }
            at -= first / (second * 2.0);
        }
        at.value().is_finite().then_some(at)
    }
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

/// The polynomial of third degree through the two points on each side of `at`, for points with rising `x`: fourth order
/// where a straight line is second. [`linear`] next to the ends, between points that share their `x`, and outside.
/// `None` without points.
pub fn cubic<S: Scalar>(x: &[S], y: &[S], at: S) -> Option<S> {
    let i = x.partition_point(|x| x.value() < at.value());
    let polynomial = i.checked_sub(2).and_then(|from| {
        let around = from..i + 2;
        Newton::through(x.get(around.clone())?, y.get(around)?)
    });
    match polynomial {
        Some(polynomial) => Some(polynomial.value(at)),
        None => linear(x, y, at),
    }
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
        fn peak_of_any_shape_is_found(
            center in 0.4f64..0.6,
            skew in -0.5f64..0.5,
            offset in 0.0f64..0.05,
        ) {
            let curve = |x: f64| (-(x - center).powi(2) * 20.0 * (1.0 + skew * (x - center))).exp();
            let x: Vec<f64> = (0..20).map(|i| offset + f64::from(i) / 20.0).collect();
            let y: Vec<f64> = x.iter().map(|x| curve(*x)).collect();
            let (at, top) = maximum(&x, &y).unwrap();
            prop_assert!((at - center).abs() < 5e-4 && (top - 1.0).abs() < 5e-4, "{at} {top}");
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
    fn error_of_a_cubic_is_of_fourth_order() {
        let error = |n: u32| {
            let x: Vec<f64> = (0..=n).map(|i| f64::from(i) / f64::from(n)).collect();
            let y: Vec<f64> = x.iter().map(|x| (3.0 * x).sin()).collect();
            let places = (0..200).map(|i| 0.2 + 0.003 * f64::from(i));
            let errors = places.map(|at| (cubic(&x, &y, at).unwrap() - (3.0 * at).sin()).abs());
            errors.fold(0.0, f64::max)
        };
        let order = (error(20) / error(80)).log(4.0);
        assert!((order - 4.0).abs() < 0.3, "order {order}");
    }

    #[test]
    fn cubic_is_a_line_where_points_are_few() {
        assert_eq!(cubic(&[0.0, 1.0], &[0.0, 2.0], 0.25), Some(0.5));
        assert_eq!(cubic(&[0.0, 1.0], &[0.0, 2.0], 3.0), Some(2.0));
        let x = [0.0, 1.0, 1.0, 2.0, 3.0];
        assert_eq!(cubic(&x, &x, 1.5), Some(1.5));
        assert_eq!(cubic::<f64>(&[], &[], 1.0), None);
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
