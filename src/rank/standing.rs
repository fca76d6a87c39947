//! From draws of a target for every candidate to who stands where.

use rayon::prelude::*;

/// Weight of the candidates that together hold the best with this probability: the first group.
const CREDIBLE: f64 = 0.95;
/// Probability of beating the leader of a group above which a candidate belongs to it.
const ALIKE_FROM: f64 = 0.05;

/// Where a candidate stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Probability to be the best.
    pub p_best: f64,
    /// Mean rank, 1 the best.
    pub expected_rank: f64,
    /// Number of its group, 1 the first; members of a group cannot be told apart.
    pub group: usize,
}

/// Standings of candidates by draws of their targets, `n_candidates × n_draws`, larger is better. A draw in which a
/// candidate has no number counts for the others alone.
pub fn standings(targets: &[Vec<f64>]) -> Vec<Standing> {
    let n = targets.len();
    let n_draws = targets.first().map_or(0, Vec::len);
    let by_draw: Vec<(Option<usize>, Vec<f64>)> = (0..n_draws)
        .into_par_iter()
        .map(|draw| ranks(targets, draw))
        .collect();
    let mut standings = vec![Standing::default(); n];
    let mut counted = vec![0usize; n];
    let mut n_won = 0usize;
    for (best, ranks) in &by_draw {
        if let Some(best) = best {
            standings[*best].p_best += 1.0;
            n_won += 1;
        }
        for (i, rank) in ranks
            .iter()
            .enumerate()
            .filter(|(_, rank)| rank.is_finite())
        {
            standings[i].expected_rank += rank;
            counted[i] += 1;
        }
    }
    for (standing, counted) in standings.iter_mut().zip(counted) {
        standing.p_best /= n_won.max(1) as f64;
        standing.expected_rank = if counted == 0 {
            f64::NAN
        } else {
            standing.expected_rank / counted as f64
        };
    }
    groups(targets, &mut standings);
    standings
}

/// Ranks of one draw, not a number where a candidate has none; and who is first.
fn ranks(targets: &[Vec<f64>], draw: usize) -> (Option<usize>, Vec<f64>) {
    let has = |i: &usize| targets[*i][draw].is_finite();
    let mut order: Vec<usize> = (0..targets.len()).filter(has).collect();
    order.sort_by(|a, b| targets[*b][draw].total_cmp(&targets[*a][draw]));
    let mut ranks = vec![f64::NAN; targets.len()];
    for (place, i) in order.iter().enumerate() {
        ranks[*i] = (place + 1) as f64;
    }
    (order.first().copied(), ranks)
}

/// The first group holds the best with 95 %; each later one everybody who may well beat its leader.
fn groups(targets: &[Vec<f64>], standings: &mut [Standing]) {
    let mut by_chance: Vec<usize> = (0..standings.len()).collect();
    by_chance.sort_by(|a, b| standings[*b].p_best.total_cmp(&standings[*a].p_best));
    let mut held = 0.0;
    for i in by_chance {
        if held >= CREDIBLE {
            break;
        }
        held += standings[i].p_best;
        standings[i].group = 1;
    }
    let mut rest: Vec<usize> = (0..standings.len())
        .filter(|i| standings[*i].group == 0)
        .collect();
    rest.sort_by(|a, b| {
        standings[*a]
            .expected_rank
            .total_cmp(&standings[*b].expected_rank)
    });
    let mut group = 2;
    while let Some(leader) = rest.first().copied() {
        let alike = |i: &usize| beats(&targets[*i], &targets[leader]) > ALIKE_FROM;
        let (members, others): (Vec<usize>, Vec<usize>) =
            rest.iter().partition(|i| **i == leader || alike(i));
        for member in members {
            standings[member].group = group;
        }
        rest = others;
        group += 1;
    }
}

/// Probability that one beats another, by the draws in which both have a number.
pub(super) fn beats(one: &[f64], other: &[f64]) -> f64 {
    let pairs = one
        .iter()
        .zip(other)
        .filter(|(a, b)| a.is_finite() && b.is_finite());
    let (mut won, mut all) = (0.0, 0.0);
    for (a, b) in pairs {
        all += 1.0;
        if a > b {
            won += 1.0;
        } else if a.to_bits() == b.to_bits() {
            won += 0.5;
        }
    }
    if all > 0.0 { won / all } else { f64::NAN }
}

/// Kendall's rank correlation τ of two lists (1): the share of pairs in the same order minus that in the opposite one;
/// places without a number are left out.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> f64 {
    let pairs = a.iter().copied().zip(b.iter().copied());
    let known = pairs.filter(|(a, b)| a.is_finite() && b.is_finite());
    let (a, b): (Vec<f64>, Vec<f64>) = known.unzip();
    let n = a.len();
    let mut sum = 0.0;
    for i in 0..n {
        for j in i + 1..n {
            sum += ((a[i] - a[j]) * (b[i] - b[j])).signum();
        }
    }
    2.0 * sum / (n * n.saturating_sub(1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clear_winners_stand_alone() {
        let targets = vec![
            (0..100).map(|i| 10.0 + 0.01 * f64::from(i)).collect(),
            (0..100)
                .map(|i| 5.0 + 0.01 * f64::from(i))
                .collect::<Vec<f64>>(),
            (0..100).map(|i| 5.0 + 0.01 * f64::from(99 - i)).collect(),
        ];
        let standings = standings(&targets);
        assert!((standings[0].p_best - 1.0).abs() < 1e-12);
        assert_eq!(
            standings.iter().map(|s| s.group).collect::<Vec<_>>(),
            [1, 2, 2]
        );
        assert!((standings[1].expected_rank - 2.5).abs() < 1e-9);
        assert!((beats(&targets[1], &targets[2]) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn missing_numbers_count_for_the_others_alone() {
        let targets = vec![vec![f64::NAN, 3.0], vec![1.0, 2.0]];
        let standings = standings(&targets);
        assert!((standings[0].p_best - 0.5).abs() < 1e-12);
        assert!((standings[0].expected_rank - 1.0).abs() < 1e-12);
        assert!((standings[1].expected_rank - 1.5).abs() < 1e-12);
    }

    #[test]
    fn tau_of_orders() {
        assert!((kendall_tau(&[1.0, 2.0, 3.0], &[4.0, 5.0, 9.0]) - 1.0).abs() < 1e-12);
        assert!((kendall_tau(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
    }

    proptest! {
        /// Probabilities to be best add up to one, ranks to n (n + 1)/2, and everybody is in a group.
        #[test]
        fn sums_hold(seed in 0u64..50, n in 2usize..9) {
            let mut normal = crate::estimate::normals(seed, 0);
            let targets: Vec<Vec<f64>> = (0..n).map(|_| (0..40).map(|_| normal()).collect()).collect();
            let standings = standings(&targets);
            let sum: f64 = standings.iter().map(|s| s.p_best).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9);
            let ranks: f64 = standings.iter().map(|s| s.expected_rank).sum();
            prop_assert!((ranks - (n * (n + 1)) as f64 / 2.0).abs() < 1e-9);
            prop_assert!(standings.iter().all(|s| s.group >= 1));
            prop_assert!(standings.iter().any(|s| s.group == 1));
        }
    }
}
