//! Draws with weights, and what is told of them.

/// Draws of one number, each with its weight; weights add up to one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weighted {
    /// Value and weight, ascending by value.
    pairs: Vec<(f64, f64)>,
}

impl Weighted {
    /// From values and weights of any sum; what is not finite is left out.
    pub fn new(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut pairs: Vec<(f64, f64)> = pairs.filter(|(v, w)| v.is_finite() && *w > 0.0).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all: f64 = pairs.iter().map(|(_, weight)| weight).sum();
        for (_, weight) in &mut pairs {
            *weight /= all;
        }
        Self { pairs }
    }

    /// Whether there is no draw.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The mean; not a number without draws.
    pub fn mean(&self) -> f64 {
        if self.is_empty() {
            return f64::NAN;
        }
        self.pairs
            .iter()
            .map(|(value, weight)| value * weight)
            .sum()
    }

    /// The standard deviation; not a number without draws.
    pub fn sd(&self) -> f64 {
        if self.is_empty() {
            return f64::NAN;
        }
        let mean = self.mean();
        let variance: f64 = self.pairs.iter().map(|(v, w)| w * (v - mean).powi(2)).sum();
        variance.sqrt()
    }

    /// The value below which this share of the weight lies, linear between the middles of neighbouring draws; not a
    /// number without draws.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut below = 0.0;
        let mut last: Option<(f64, f64)> = None;
        for (value, weight) in &self.pairs {
            let middle = below + 0.5 * weight;
            if middle >= share {
                return last.map_or(*value, |(at, last)| {
                    last + (value - last) * (share - at) / (middle - at)
                });
            }
            last = Some((middle, *value));
            below += weight;
        }
        last.map_or(f64::NAN, |(_, value)| value)
    }

    /// Median and the central interval of this probability.
    pub fn median_and_interval(&self, level: f64) -> [f64; 3] {
        let tail = 0.5 * (1.0 - level);
        [0.5, tail, 1.0 - tail].map(|share| self.quantile(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_weights_give_plain_statistics() {
        let draws = Weighted::new((0..101).map(|i| (f64::from(i), 1.0)));
        assert!((draws.mean() - 50.0).abs() < 1e-9);
        let [median, lower, upper] = draws.median_and_interval(0.9);
        assert!((median - 50.0).abs() < 1e-9);
        assert!((lower - 4.55).abs() < 0.1 && (upper - 95.45).abs() < 0.1);
    }

    #[test]
    fn without_draws_nothing_is_told() {
        let none = Weighted::new([(f64::NAN, 1.0), (1.0, 0.0)].into_iter());
        assert!(none.is_empty() && none.mean().is_nan() && none.quantile(0.5).is_nan());
    }

    proptest! {
        /// Quantiles rise with their share and stay among the draws; weights move the mean.
        #[test]
        fn quantiles_are_ordered(pairs in proptest::collection::vec((-10.0..10.0f64, 0.01..1.0f64), 1..30)) {
            let draws = Weighted::new(pairs.iter().copied());
            let at: Vec<f64> = (0..=10).map(|i| draws.quantile(0.1 * f64::from(i))).collect();
            prop_assert!(at.windows(2).all(|w| w[0] <= w[1] + 1e-12));
            let low = pairs.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
            let high = pairs.iter().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(at.iter().all(|v| (low - 1e-12..=high + 1e-12).contains(v)));
            prop_assert!((low - 1e-12..=high + 1e-12).contains(&draws.mean()));
        }
    }
}
