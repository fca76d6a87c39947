//! Functions that are straight lines between knots: looked up, integrated, and thinned without changing their integral.

/// A continuous function, straight between its knots and constant outside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Polyline {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Polyline {
    /// The function through these knots; `None` unless there are at least two, all finite, with rising `x`.
    pub fn new(x: Vec<f64>, y: Vec<f64>) -> Option<Self> {
        let is_finite = x.iter().chain(&y).all(|number| number.is_finite());
        let rises = x.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = x.len() >= 2 && x.len() == y.len();
        (is_finite && rises && fits).then_some(Self { x, y })
    }

    /// Where the knots are.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// The values at the knots.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// The value at a place.
    pub fn at(&self, x: f64) -> f64 {
        let i = self.x.partition_point(|knot| *knot < x);
        if i == 0 {
            return self.y[0];
        }
        if i == self.x.len() {
            return self.y[i - 1];
        }
        let share = (x - self.x[i - 1]) / (self.x[i] - self.x[i - 1]);
        self.y[i - 1] + share * (self.y[i] - self.y[i - 1])
    }

    /// The integral from the first knot to the last.
    pub fn integral(&self) -> f64 {
        self.integral_between(0, self.x.len() - 1)
    }

    /// The integral from one knot to another.
    fn integral_between(&self, from: usize, to: usize) -> f64 {
        let area = |i: usize| 0.5 * (self.y[i] + self.y[i + 1]) * (self.x[i + 1] - self.x[i]);
        (from..to).map(area).sum()
    }

    /// Fewer knots, at places of the old ones: nowhere farther than twice the tolerance from the old function, and with
    /// the same integral. Up to any knot the integrals differ by at most the tolerance times one interval.
    ///
    /// A knot is left out as long as a straight line passes all knots that it skips within the tolerance (the cone of
    /// J. Sklansky & V. Gonzalez, Pattern Recognition 12 (1980) 327). What each line lacks in area then goes to its two
    /// ends in equal parts, where it moves them by at most the tolerance.
    #[must_use]
    pub fn thinned(&self, tolerance: f64) -> Self {
        let kept = self.kept(tolerance);
        let x: Vec<f64> = kept.iter().map(|i| self.x[*i]).collect();
        let mut y: Vec<f64> = kept.iter().map(|i| self.y[*i]).collect();
        let n = kept.len();
        let width = |k: usize| x[k + 1] - x[k];
        let lacks: Vec<f64> = (0..n - 1)
            .map(|k| {
                let line = 0.5 * (y[k] + y[k + 1]) * width(k);
                self.integral_between(kept[k], kept[k + 1]) - line
            })
            .collect();
        for (k, y) in y.iter_mut().enumerate() {
            let before = (k > 0).then(|| (lacks[k - 1], width(k - 1)));
            let after = (k + 1 < n).then(|| (lacks[k], width(k)));
            let sides = before.into_iter().chain(after);
            let (area, width) =
                sides.fold((0.0, 0.0), |sum, side| (sum.0 + side.0, sum.1 + side.1));
            *y += area / width;
        }
        Self { x, y }
    }

    /// The knots that stay.
    fn kept(&self, tolerance: f64) -> Vec<usize> {
        const OPEN: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut kept = vec![0];
        let (mut start, mut cone) = (0, OPEN);
        for i in 1..self.x.len() {
            let slope = |to: f64, start: usize| (to - self.y[start]) / (self.x[i] - self.x[start]);
            let here = slope(self.y[i], start);
            if here < cone.0 || here > cone.1 {
                start = i - 1;
                kept.push(start);
                cone = OPEN;
            }
            cone.0 = cone.0.max(slope(self.y[i] - tolerance, start));
            cone.1 = cone.1.min(slope(self.y[i] + tolerance, start));
        }
        kept.push(self.x.len() - 1);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_rising_finite_knots_make_a_polyline() {
        assert!(Polyline::new(vec![0.0], vec![1.0]).is_none());
        assert!(Polyline::new(vec![0.0, 0.0], vec![1.0, 2.0]).is_none());
        assert!(Polyline::new(vec![0.0, 1.0], vec![1.0, f64::NAN]).is_none());
        let line = Polyline::new(vec![0.0, 1.0, 3.0], vec![1.0, 2.0, 0.0]).unwrap();
        for (x, y) in [(-1.0, 1.0), (0.5, 1.5), (2.0, 1.0), (9.0, 0.0)] {
            assert!((line.at(x) - y).abs() < 1e-15);
        }
    }

    #[test]
    fn straight_stretches_need_two_knots() {
        let x: Vec<f64> = (0..40).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| (x - 20.0).max(0.0)).collect();
        let thinned = Polyline::new(x, y).unwrap().thinned(1e-12);
        assert_eq!(thinned.x().len(), 3);
    }

    proptest! {
        #[test]
        fn thinning_keeps_integral_and_shape(
            y in prop::collection::vec(0.0f64..1.0, 2..60),
            tolerance in 0.0f64..0.5,
        ) {
            let x: Vec<f64> = (0..y.len()).map(|i| i as f64 + 0.3 * (i as f64).sin()).collect();
            let line = Polyline::new(x, y).unwrap();
            let thinned = line.thinned(tolerance);
            prop_assert!((thinned.integral() - line.integral()).abs() < 1e-9);
            let longest = thinned.x().windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            for (i, (x, y)) in line.x().iter().zip(line.y()).enumerate() {
                prop_assert!((thinned.at(*x) - y).abs() <= 2.0 * tolerance + 1e-12);
                let knots = thinned.x().iter().filter(|knot| *knot <= x).count();
                if thinned.x()[knots - 1].to_bits() == x.to_bits() {
                    let passed = line.integral_between(0, i) - thinned.integral_between(0, knots - 1);
                    prop_assert!(passed.abs() <= tolerance * longest + 1e-9, "{passed}");
                }
            }
        }
    }
}
