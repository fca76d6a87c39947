//! Intervals that hold as often as they say, whatever the networks are worth.

/// Spread below which networks agree by chance, as a share of the median spread: without it an interval could have no
/// width at all.
const FLOOR_SHARE: f64 = 0.5;

/// Split conformal intervals: |truth − mean| over the networks' spread, and its quantile on points that nothing was
/// learned from. For points of the same distribution they cover at their level on average, whatever the networks say.
///
/// Source: Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, J. Am. Stat. Assoc. 113 (2018) 1094, section 5.2.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Share of the values that intervals are meant to hold (1).
    pub level: f64,
    /// For each value: what is added to the spread.
    pub floors: Vec<f64>,
    /// For each value: how many spreads an interval reaches to either side.
    pub factors: Vec<f64>,
}

/// What a network said and what was true, for one value of many points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Means of the networks.
    pub mean: Vec<f64>,
    /// Their spreads.
    pub spread: Vec<f64>,
    /// The truth.
    pub truth: Vec<f64>,
}

impl Calibration {
    /// From what was said about calibration points, one list per value; without enough points intervals are infinite.
    pub fn new(said: &[Said], level: f64) -> Self {
        let (floors, factors) = said
            .iter()
            .map(|said| {
                let floor = FLOOR_SHARE * median(&said.spread) + f64::MIN_POSITIVE;
                let pairs = said.mean.iter().zip(&said.spread).zip(&said.truth);
                let scores =
                    pairs.map(|((mean, spread), truth)| (truth - mean).abs() / (spread + floor));
                (floor, quantile(scores.collect(), level))
            })
            .unzip();
        Self {
            level,
            floors,
            factors,
        }
    }

    /// The interval of a value.
    pub fn interval(&self, value: usize, mean: f64, spread: f64) -> (f64, f64) {
        let reach = self.factors[value] * (spread + self.floors[value]);
        (mean - reach, mean + reach)
    }
}

/// The ⌈(n + 1) level⌉-th smallest score.
fn quantile(mut scores: Vec<f64>, level: f64) -> f64 {
    scores.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position in a list"
    )]
    let rank = ((scores.len() + 1) as f64 * level).ceil() as usize;
    scores
        .get(rank.max(1) - 1)
        .copied()
        .unwrap_or(f64::INFINITY)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn said(n: usize, random: &mut ChaCha8Rng) -> Said {
        let mut said = Said::default();
        for _ in 0..n {
            // The spread knows something, not everything, of the error.
            let scale: f64 = random.random_range(0.1..2.0);
            said.mean.push(random.random_range(-1.0..1.0));
            said.spread.push(scale * random.random_range(0.3..1.5));
            let error: f64 = scale * random.random_range(-1.0..1.0);
            said.truth.push(said.mean.last().unwrap() + error);
        }
        said
    }

    #[test]
    fn coverage_is_the_level_whatever_the_spread_knows() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for level in [0.5, 0.8, 0.9, 0.95] {
            let mut covered = 0.0;
            for _ in 0..200 {
                let calibration = Calibration::new(&[said(99, &mut random)], level);
                let new = said(100, &mut random);
                for ((mean, spread), truth) in new.mean.iter().zip(&new.spread).zip(&new.truth) {
                    let (low, high) = calibration.interval(0, *mean, *spread);
                    covered += f64::from(u8::from((low..=high).contains(truth)));
                }
            }
            assert!(
                (covered / 20_000.0 - level).abs() < 0.012,
                "{level}: {covered}"
            );
        }
    }

    #[test]
    fn too_few_points_promise_nothing() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let calibration = Calibration::new(&[said(8, &mut random)], 0.9);
        assert!(calibration.interval(0, 0.0, 1.0).1.is_infinite());
    }
}
