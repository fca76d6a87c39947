//! Points that fill a space evenly, and the normal distribution.

use statrs::distribution::ContinuousCDF;
use statrs::distribution::Normal;

/// Coordinate `dimension` of point `index` of an Owen-scrambled Sobol sequence, in (0, 1).
///
/// Source: Burley, Practical Hash-based Owen Scrambling, JCGT 9(4), 2020 (crate `sobol_burley`).
pub fn sobol(index: usize, dimension: usize, seed: u64) -> f64 {
    let bits = |value: u64| u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0);
    let value = sobol_burley::sample(
        bits(index as u64),
        bits(dimension as u64),
        bits(seed ^ (seed >> 32)),
    );
    f64::from(value).clamp(1e-9, 1.0 - 1e-9)
}

/// The quantile of the standard normal distribution for a probability in (0, 1).
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, quantile) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.01, -2.326_347_874)]
        {
            assert!((normal_quantile(probability) - quantile).abs() < 1e-7);
        }
    }

    #[test]
    fn sobol_points_fill_every_half() {
        for dimension in 0..30 {
            let below = (0..64).filter(|i| sobol(*i, dimension, 7) < 0.5).count();
            assert_eq!(below, 32);
        }
    }
}
