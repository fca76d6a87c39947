//! Whether Markov chains agree with each other, and how many independent draws they are worth.
//!
//! Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner, Rank-normalization, folding, and localization: an improved
//! R̂ for assessing convergence of MCMC, Bayesian Analysis 16 (2021), 667.

use super::sampling::normal_quantile;

/// Fewest draws of a chain: each half then has two, and a variance.
const DRAWS_MIN: usize = 4;
/// The tails whose effective sample size is told.
const TAILS: [f64; 2] = [0.05, 0.95];

/// What chains tell about one quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Mean of all draws.
    pub mean: f64,
    /// Standard deviation of all draws.
    pub sd: f64,
    /// Rank-normalised split R̂ (1), the larger one of place and scale; below 1.01 when chains agree. `None` where
    /// nothing can be said: fewer than four draws a chain, or all the same.
    pub r_hat: Option<f64>,
    /// Effective number of draws for the centre of the distribution; `None` as above.
    pub ess_bulk: Option<f64>,
    /// Effective number of draws for its 5 % and 95 % quantile, the smaller one; `None` as above.
    pub ess_tail: Option<f64>,
}

/// Summarises one quantity, `n_chains` slices of `n_draws`.
///
/// # Panics
/// If there is no draw, or chains differ in length.
pub fn summarise(chains: &[&[f64]]) -> Summary {
    let all = chains.concat();
    let (mean, variance) = mean_and_variance(&all);
    Summary {
        mean,
        sd: variance.sqrt(),
        r_hat: r_hat(chains),
        ess_bulk: ess_bulk(chains),
        ess_tail: ess_tail(chains),
    }
}

/// The quantile of draws for a probability in 0..=1, linear between neighbours (type 7 of Hyndman & Fan 1996).
///
/// # Panics
/// If there is no draw.
pub fn quantile(draws: &[f64], probability: f64) -> f64 {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = probability.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    // The place of the next smaller draw: found by comparison, since a cast might cut.
    let below = (0..sorted.len())
        .take_while(|i| *i as f64 <= place)
        .last()
        .expect("at least one draw");
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Rank-normalised split R̂ (1): the larger one of that of the draws and that of their distances from the median.
pub fn r_hat(chains: &[&[f64]]) -> Option<f64> {
    let halves = split(chains)?;
    let median = quantile(&halves.concat(), 0.5);
    let folded = map(&halves, |x| (x - median).abs());
    let place = between_over_within(&rank_normalise(&halves));
    let scale = between_over_within(&rank_normalise(&folded));
    Some(place?.max(scale.unwrap_or(1.0)))
}

/// Effective number of draws for the centre of the distribution.
pub fn ess_bulk(chains: &[&[f64]]) -> Option<f64> {
    effective_draws(&rank_normalise(&split(chains)?))
}

/// Effective number of draws for the 5 % and 95 % quantile, the smaller one.
pub fn ess_tail(chains: &[&[f64]]) -> Option<f64> {
    let halves = split(chains)?;
    let all = halves.concat();
    let sizes = TAILS.map(|probability| {
        let limit = quantile(&all, probability);
        effective_draws(&map(&halves, |x| f64::from(u8::from(x <= limit))))
    });
    Some(sizes[0]?.min(sizes[1]?))
}

/// Effective number of draws of `chains` for the mean of their values, not normalised, not split.
///
/// The autocorrelations, pooled over the chains, are summed in pairs as long as these stay positive, each at most as
/// large as the one before (Geyer, Practical Markov Chain Monte Carlo, Statist. Sci. 7 (1992), 473).
fn effective_draws(chains: &[Vec<f64>]) -> Option<f64> {
    let n_draws = chains[0].len();
    let (within, pooled) = variances(chains);
    if pooled <= 0.0 || !pooled.is_finite() {
        return None;
    }
    let means: Vec<f64> = chains.iter().map(|c| mean_and_variance(c).0).collect();
    let correlation = |lag: usize| {
        let covariances = chains.iter().zip(&means);
        let covariances = covariances.map(|(chain, mean)| autocovariance(chain, *mean, lag));
        let factor = n_draws as f64 / (n_draws - 1) as f64;
        let covariance = factor * covariances.sum::<f64>() / chains.len() as f64;
        1.0 - (within - covariance) / pooled
    };
    let mut sum = 0.0;
    let mut pair_max = f64::INFINITY;
    let mut lag = 0;
    while lag + 1 < n_draws {
        let even = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = even + correlation(lag + 1);
        if pair <= 0.0 {
            // Antithetic chains: of the first negative pair, a positive even lag still counts, by half.
            sum += 0.5 * even.max(0.0);
            break;
        }
        pair_max = pair.min(pair_max);
        sum += pair_max;
        lag += 2;
    }
    let n_all = (chains.len() * n_draws) as f64;
    // Antithetic chains are worth more than independent draws, but a short sum must not promise any number of them.
    let time = (2.0 * sum - 1.0).max(n_all.log10().recip());
    Some(n_all / time)
}

/// √(pooled variance / variance within chains). `None` if all values are the same.
fn between_over_within(chains: &[Vec<f64>]) -> Option<f64> {
    let (within, pooled) = variances(chains);
    (pooled > 0.0).then(|| (pooled / within).sqrt())
}

/// Mean variance within chains, and the estimate of the whole variance that also counts how far their means lie apart.
fn variances(chains: &[Vec<f64>]) -> (f64, f64) {
    let n_draws = chains[0].len() as f64;
    let moments: Vec<(f64, f64)> = chains.iter().map(|c| mean_and_variance(c)).collect();
    let within = moments.iter().map(|(_, variance)| variance).sum::<f64>() / chains.len() as f64;
    let means: Vec<f64> = moments.iter().map(|(mean, _)| *mean).collect();
    let between = mean_and_variance(&means).1;
    (within, within * (n_draws - 1.0) / n_draws + between)
}

/// Mean of (x(t) − mean)(x(t + lag) − mean), the sum divided by the number of all draws.
fn autocovariance(chain: &[f64], mean: f64, lag: usize) -> f64 {
    let products = chain.iter().zip(&chain[lag..]);
    let sum: f64 = products.map(|(a, b)| (a - mean) * (b - mean)).sum();
    sum / chain.len() as f64
}

/// Mean, and variance with n − 1 in the denominator: 0 for a single value.
fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, squares / (n.max(2) - 1) as f64)
}

/// First and second half of every chain, without the middle draw of an odd number. `None` if they are too short or
/// some draw is no number.
fn split(chains: &[&[f64]]) -> Option<Vec<Vec<f64>>> {
    let n_draws = chains.first()?.len();
    assert!(
        chains.iter().all(|chain| chain.len() == n_draws),
        "chains of one length"
    );
    let finite = chains.iter().all(|c| c.iter().all(|x| x.is_finite()));
    if n_draws < DRAWS_MIN || !finite {
        return None;
    }
    let half = n_draws / 2;
    let halves = chains
        .iter()
        .flat_map(|chain| [chain[..half].to_vec(), chain[n_draws - half..].to_vec()]);
    Some(halves.collect())
}

/// Values replaced by the normal quantiles of their ranks among all chains; equal values share their mean rank.
fn rank_normalise(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut sorted = chains.concat();
    sorted.sort_by(f64::total_cmp);
    let n_all = sorted.len() as f64;
    map(chains, |x| {
        let below = sorted.partition_point(|y| *y < x);
        let not_above = sorted.partition_point(|y| *y <= x);
        let rank = 0.5 * (below + 1 + not_above) as f64;
        normal_quantile((rank - 0.375) / (n_all + 0.25))
    })
}

fn map(chains: &[Vec<f64>], change: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let each = chains.iter();
    each.map(|chain| chain.iter().map(|x| change(*x)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const N_CHAINS: usize = 4;
    const N_DRAWS: usize = 2000;

    /// Stationary chains x(t) = ρ x(t − 1) + √(1 − ρ²) ε with standard normal ε, hence standard normal x.
    fn autoregressive(rho: f64) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut normal = || normal_quantile(rng.random_range(1e-12..1.0));
        let mut chains = vec![vec![normal(); N_DRAWS]; N_CHAINS];
        for chain in &mut chains {
            chain[0] = normal();
            for t in 1..N_DRAWS {
                chain[t] = rho * chain[t - 1] + (1.0 - rho * rho).sqrt() * normal();
            }
        }
        chains
    }

    fn slices(chains: &[Vec<f64>]) -> Vec<&[f64]> {
        chains.iter().map(Vec::as_slice).collect()
    }

    fn close(value: Option<f64>, expected: f64, tolerance: f64) {
        let value = value.unwrap();
        assert!(
            (value / expected - 1.0).abs() < tolerance,
            "{value} against {expected}"
        );
    }

    #[test]
    fn independent_draws_count_fully() {
        let chains = autoregressive(0.0);
        let summary = summarise(&slices(&chains));
        assert!(summary.mean.abs() < 0.04 && (summary.sd - 1.0).abs() < 0.03);
        close(summary.r_hat, 1.0, 0.003);
        close(summary.ess_bulk, 8000.0, 0.1);
        close(summary.ess_tail, 8000.0, 0.1);
    }

    #[test]
    fn autocorrelated_draws_count_less_and_antithetic_ones_more() {
        for rho in [0.5_f64, 0.9, -0.3] {
            let expected = 8000.0 * (1.0 - rho) / (1.0 + rho);
            close(ess_bulk(&slices(&autoregressive(rho))), expected, 0.15);
        }
    }

    #[test]
    fn monotone_transformations_change_nothing() {
        let chains = autoregressive(0.5);
        let steep = map(&chains, |x| (3.0 * x).exp());
        assert_eq!(ess_bulk(&slices(&chains)), ess_bulk(&slices(&steep)));
        assert!(r_hat(&slices(&steep)).unwrap() < 1.01);
    }

    #[test]
    fn shifted_and_wider_chains_are_seen() {
        let mut shifted = autoregressive(0.0);
        shifted[0].iter_mut().for_each(|x| *x += 2.0);
        assert!(r_hat(&slices(&shifted)).unwrap() > 1.1);
        let mut wider = autoregressive(0.0);
        wider[0].iter_mut().for_each(|x| *x *= 5.0);
        assert!(r_hat(&slices(&wider)).unwrap() > 1.1);
        let mut drifting = autoregressive(0.0);
        for chain in &mut drifting {
            chain[N_DRAWS / 2..].iter_mut().for_each(|x| *x += 1.0);
        }
        assert!(r_hat(&slices(&drifting)).unwrap() > 1.1);
    }

    #[test]
    fn stuck_chains_are_told_apart() {
        let same = vec![vec![2.0; 100]; 2];
        let summary = summarise(&slices(&same));
        assert_eq!((summary.mean, summary.sd), (2.0, 0.0));
        assert_eq!(
            (summary.r_hat, summary.ess_bulk, summary.ess_tail),
            (None, None, None)
        );
        let apart = vec![vec![1.0; 100], vec![2.0; 100]];
        // Infinite, but for the rounding of the mean.
        assert!(r_hat(&slices(&apart)).unwrap() > 1e6);
        assert!(ess_bulk(&slices(&apart)).unwrap() < 10.0);
        assert_eq!(r_hat(&[&[1.0, 2.0, 3.0]]), None);
        assert_eq!(r_hat(&[&[1.0, 2.0, f64::NAN, 3.0]]), None);
    }

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let draws = [4.0, 1.0, 3.0, 2.0];
        for (probability, expected) in [(0.0, 1.0), (0.5, 2.5), (0.1, 1.3), (1.0, 4.0)] {
            assert!((quantile(&draws, probability) - expected).abs() < 1e-12);
        }
        assert!((quantile(&[7.0], 0.3) - 7.0).abs() < 1e-12);
    }
}
