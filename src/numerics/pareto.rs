//! Importance weights made steady, with the number that tells whether they can be trusted.

/// Fewest weights of a tail that a distribution is fitted to.
const TAIL_MIN: usize = 5;
/// Draws that a weakly informative prior on the shape is worth, centred on one half.
const PRIOR_DRAWS: f64 = 10.0;

/// Weights that sum up to one, and the shape of their tail.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// The weights, in the order of their logarithms.
    pub weights: Vec<f64>,
    /// Shape k of the generalised Pareto distribution of the largest weights: below 0.5 the weights have a variance,
    /// up to 0.7 averages still converge, above they mean nothing. Infinite if there are too few weights.
    pub pareto_k: f64,
}

impl Weights {
    /// (Σ w)²/Σ w²: independent draws that the weighted ones are worth.
    pub fn effective(&self) -> f64 {
        1.0 / self.weights.iter().map(|w| w * w).sum::<f64>()
    }
}

/// Pareto-smoothed importance weights from logarithms of density ratios; −∞ weighs nothing.
///
/// Source: Vehtari, Simpson, Gelman, Yao & Gabry, J. Mach. Learn. Res. 25 (2024) 72; the fit of the tail: Zhang &
/// Stephens, Technometrics 51 (2009) 316.
pub fn smoothed(log_ratios: &[f64]) -> Weights {
    let highest = log_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut logs: Vec<f64> = log_ratios.iter().map(|l| l - highest).collect();
    let mut order: Vec<usize> = (0..logs.len()).collect();
    order.sort_by(|a, b| logs[*a].total_cmp(&logs[*b]));
    let n = logs.len() as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length"
    )]
    let n_tail = (0.2 * n).min(3.0 * n.sqrt()).ceil() as usize;
    let mut pareto_k = f64::INFINITY;
    if n_tail >= TAIL_MIN && logs.len() > n_tail {
        let (below, tail) = order.split_at(logs.len() - n_tail);
        let cut = logs[below[below.len() - 1]].exp();
        let beyond: Vec<f64> = tail.iter().map(|i| logs[*i].exp() - cut).collect();
        if beyond[0] < beyond[n_tail - 1] && beyond[n_tail - 1] > 0.0 {
            let (k, scale) = fitted(&beyond);
            pareto_k = k;
            for (rank, i) in tail.iter().enumerate() {
                let share = (rank as f64 + 0.5) / n_tail as f64;
                logs[*i] = (quantile(share, k, scale) + cut).ln().min(0.0);
            }
        } else {
            // A tail of equal weights has no tail.
            pareto_k = f64::NEG_INFINITY;
        }
    }
    let weights: Vec<f64> = logs.iter().map(|l| l.exp()).collect();
    let sum: f64 = weights.iter().sum();
    Weights {
        weights: weights.into_iter().map(|w| w / sum).collect(),
        pareto_k,
    }
}

/// Quantile of the generalised Pareto distribution.
fn quantile(share: f64, k: f64, scale: f64) -> f64 {
    let ln = (-share).ln_1p();
    if k.abs() < 1e-12 {
        -scale * ln
    } else {
        scale * (-k * ln).exp_m1() / k
    }
}

/// Shape and scale of the generalised Pareto distribution of ascending positive numbers.
fn fitted(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    // The lower quartile, by the nearest rank.
    let quarter = x[((x.len() + 2) / 4).max(1) - 1];
    let n_points = 30.0 + n.sqrt().floor();
    let thetas: Vec<f64> = (1..=30 + x.len().isqrt())
        .map(|j| {
            let root = (n_points / (j as f64 - 0.5)).sqrt();
            1.0 / x[x.len() - 1] + (1.0 - root) / (3.0 * quarter)
        })
        .collect();
    let shape = |theta: f64| x.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n;
    let profile: Vec<f64> = thetas
        .iter()
        .map(|theta| {
            let k = shape(*theta);
            n * ((-theta / k).ln() - k - 1.0)
        })
        .collect();
    let weight = |own: f64| 1.0 / profile.iter().map(|other| (other - own).exp()).sum::<f64>();
    let theta: f64 = thetas
        .iter()
        .zip(&profile)
        .map(|(t, own)| t * weight(*own))
        .sum();
    let k = shape(theta);
    let scale = -k / theta;
    ((k * n + 0.5 * PRIOR_DRAWS) / (n + PRIOR_DRAWS), scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn uniform(n: usize) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        (0..n).map(|_| random.random_range(1e-12..1.0)).collect()
    }

    #[test]
    fn shape_of_a_pareto_tail_is_found() {
        for k in [0.1, 0.5, 0.9] {
            let mut x: Vec<f64> = uniform(4000).iter().map(|u| quantile(*u, k, 2.0)).collect();
            x.sort_by(f64::total_cmp);
            let (found, scale) = fitted(&x);
            assert!((found - k).abs() < 0.08, "{k}: {found}");
            assert!((scale - 2.0).abs() < 0.2, "{scale}");
        }
    }

    /// Weights of a density that is exact are equal; those from a narrower one have a heavy tail.
    #[test]
    fn k_tells_good_from_bad() {
        let normals: Vec<f64> = uniform(4000)
            .into_iter()
            .map(crate::numerics::sampling::normal_quantile)
            .collect();
        // Draws from N(0, 1), target N(0, s²): the ratio is exp(½ x² (1 − 1/s²)).
        let ratios = |s: f64| -> Vec<f64> {
            normals
                .iter()
                .map(|x| 0.5 * x * x * (1.0 - 1.0 / (s * s)))
                .collect()
        };
        let same = smoothed(&vec![3.0; 100]);
        assert!((same.effective() - 100.0).abs() < 1e-6);
        let narrow = smoothed(&ratios(0.8));
        assert!(narrow.pareto_k < 0.5, "{}", narrow.pareto_k);
        // P(w > t) falls like t^(−1/k) with k = 1 − 1/s², far above one half: the weights have no variance any more.
        let wide = smoothed(&ratios(3.0));
        assert!(wide.pareto_k > 0.6, "{}", wide.pareto_k);
        let mean: f64 = narrow
            .weights
            .iter()
            .zip(&normals)
            .map(|(w, x)| w * x * x)
            .sum();
        assert!((mean - 0.64).abs() < 0.05, "{mean}");
    }

    #[test]
    fn too_few_draws_promise_nothing() {
        assert!(smoothed(&[0.0, 1.0, 2.0]).pareto_k.is_infinite());
        let weights = smoothed(&[f64::NEG_INFINITY, 0.0]).weights;
        assert!(weights[0].abs() < f64::MIN_POSITIVE && (weights[1] - 1.0).abs() < 1e-12);
    }
}
