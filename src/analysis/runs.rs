//! Whether residuals still hold structure: the number of runs of one sign.
//!
//! Sources: A. Wald & J. Wolfowitz, Ann. Math. Stat. 11 (1940) 147; A. M. Mood, Ann. Math. Stat. 11 (1940) 367, whose
//! signs have known probabilities.

use std::cmp::Ordering;

use statrs::distribution::Binomial;
use statrs::distribution::DiscreteCDF;

/// Runs of one sign in a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Runs {
    /// How many there are.
    pub found: usize,
    /// How many noise has on average (1).
    pub expected: f64,
    /// Probability (1) that noise has as few runs or fewer: small where neighbours resemble each other, or where most
    /// residuals have one sign.
    pub probability: f64,
}

impl Runs {
    /// Counts the runs of the signs of a series in its order; zeros are left out. `None` without any sign.
    ///
    /// The signs of noise are independent and either is as likely, so that each changes or does not like a coin falls.
    /// The test of Wald and Wolfowitz takes the share of both signs from the series instead, and would miss that most
    /// are alike.
    pub fn of(residuals: &[f64]) -> Option<Self> {
        let signs = residuals.iter().filter_map(|r| match r.partial_cmp(&0.0)? {
            Ordering::Equal => None,
            side => Some(side == Ordering::Greater),
        });
        let signs: Vec<bool> = signs.collect();
        let places = signs.len().checked_sub(1)?;
        let changes = signs.windows(2).filter(|w| w[0] != w[1]).count();
        let coin = Binomial::new(0.5, places as u64).ok()?;
        Some(Self {
            found: 1 + changes,
            expected: 1.0 + 0.5 * places as f64,
            probability: coin.cdf(changes as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_a_coin() {
        // Four signs have three places for a change: none changes once in eight, at most one in four of eight.
        let [same, one] = [[1.0, 2.0, 1.0, 3.0], [1.0, 2.0, -1.0, -3.0]];
        assert!((Runs::of(&same).unwrap().probability - 0.125).abs() < 1e-12);
        let one = Runs::of(&one).unwrap();
        assert!((one.probability - 0.5).abs() < 1e-12 && one.found == 2);
        assert!((one.expected - 2.5).abs() < 1e-12);
    }

    #[test]
    fn waves_are_told_from_noise() {
        let wave: Vec<f64> = (0..50).map(|i| (f64::from(i) / 8.0).sin()).collect();
        assert!(Runs::of(&wave).unwrap().probability < 1e-6);
        let uniform = |i: i32| ((f64::from(i) * 78.233).sin() * 43_758.545).rem_euclid(1.0) - 0.5;
        let noise: Vec<f64> = (0..50).map(uniform).collect();
        let runs = Runs::of(&noise).unwrap();
        assert!(runs.probability > 0.05, "{runs:?}");
        assert!(
            (runs.expected - 26.0).abs() < 1.0 && runs.found > 18,
            "{runs:?}"
        );
    }

    #[test]
    fn signs_of_one_kind_are_no_accident() {
        assert!(Runs::of(&[]).is_none() && Runs::of(&[0.0]).is_none());
        let same = Runs::of(&[1.0; 11]).unwrap();
        assert_eq!(same.found, 1);
        assert!((same.probability - 0.5_f64.powi(10)).abs() < 1e-12);
    }
}
