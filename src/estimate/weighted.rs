//! The posterior by way of a surrogate: drawn from its density, weighted to that of the cell model.

use rayon::prelude::*;

use super::SamplingStatus;
use super::archive::fingerprint;
use super::guide::proxy;
use super::proxy::ProxyObjective;
use super::task::Quiet;
use super::task::Task;
use super::uncertainty::Information;
use crate::numerics::least_squares::Residuals;
use crate::numerics::pareto::smoothed;
use crate::numerics::posterior::Chain;
use crate::numerics::posterior::LogDensity;
use crate::numerics::posterior::SamplingOptions;
use crate::numerics::posterior::SamplingProgress;
use crate::numerics::posterior::sample;
use crate::numerics::whitening::Evaluation;
use crate::numerics::whitening::Laplace;
use crate::simulate::Resolution;

/// Chains on the surrogate.
const CHAINS: usize = 4;
/// Draws of each chain to warm up, and for each draw that is kept: neighbours are alike.
const WARMUP: usize = 500;
const THINNING: usize = 5;

/// Weighted draws.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedPosterior {
    /// The draws, one row each.
    pub draws: Vec<Vec<f64>>,
    /// Their weights, which sum up to one; zero where the cell model failed.
    pub weights: Vec<f64>,
    /// Shape of the weights' tail: above 0.7 nothing of this is to be trusted.
    pub pareto_k: f64,
    /// Independent draws that the weighted ones are worth.
    pub effective: f64,
    /// Draws where the cell model failed.
    pub failed: usize,
    /// Mean, standard deviation and interval of 95 % of each coordinate.
    pub marginals: Vec<(f64, f64, (f64, f64))>,
}

/// Draws from the surrogate's density around an optimum, and the weights that correct them; `Err` tells why there are
/// none.
pub(super) fn weighted_posterior(
    task: &Task<'_>,
    (resolution, x, information): (Resolution, &[f64], &Information),
    n_draws: usize,
) -> Result<WeightedPosterior, String> {
    let proxy = proxy(task).ok_or("there is no surrogate that belongs to this variant")?;
    let quiet = Quiet(task.monitor);
    let beside = task.beside(task.counters, &quiet);
    let objective = ProxyObjective {
        proxy: &proxy,
        task: &beside,
    };
    let (Some(_), options) = (objective.trial(x), task.options()) else {
        return Err("the surrogate does not answer at the optimum".to_owned());
    };
    let laplace = Laplace {
        centre: x.to_vec(),
        covariance: information.assumed.clone(),
        lower: options.lower,
        upper: options.upper,
    };
    let per_chain = n_draws.div_ceil(CHAINS);
    let sampling = SamplingOptions {
        n_chains: CHAINS,
        n_warmup: WARMUP,
        n_draws: THINNING * per_chain,
        seed: task.study.settings.seed,
        ..SamplingOptions::default()
    };
    let density = SurrogateDensity { objective, task };
    task.monitor
        .begin(&task.stage("posterior of the surrogate"), 1);
    let chains = sample(&density, &laplace, &sampling, &()).map_err(|e| e.to_string())?;
    let draws = thinned(&chains);
    let log_ratios = log_ratios(task, resolution, (&density, &draws));
    let failed = log_ratios.iter().filter(|l| !l.is_finite()).count();
    if task.monitor.is_interrupted() || failed == draws.len() {
        return Err(
            "the cell model was asked about no draw; the same command goes on from here".to_owned(),
        );
    }
    let weights = smoothed(&log_ratios);
    Ok(WeightedPosterior {
        marginals: (0..x.len())
            .map(|i| marginal(&draws, &weights.weights, i))
            .collect(),
        effective: weights.effective(),
        pareto_k: weights.pareto_k,
        weights: weights.weights,
        failed,
        draws,
    })
}

fn thinned(chains: &[Chain]) -> Vec<Vec<f64>> {
    let rows = chains.iter().flat_map(|chain| {
        let rows = chain
            .draws
            .rows()
            .into_iter()
            .skip(THINNING - 1)
            .step_by(THINNING);
        rows.map(|row| row.to_vec())
    });
    rows.collect()
}

/// Logarithms of the cell model's density over the surrogate's, −∞ where it fails. Kept piece by piece.
fn log_ratios(
    task: &Task<'_>,
    resolution: Resolution,
    (density, draws): (&SurrogateDensity<'_, '_, '_>, &[Vec<f64>]),
) -> Vec<f64> {
    let stage = task.stage("posterior, weights");
    task.monitor.begin(&stage, draws.len());
    let quiet = Quiet(task.monitor);
    let done = std::sync::atomic::AtomicUsize::new(0);
    let costs = draws.par_iter().map(|x| {
        let key = task.key(&format!("weight-{}", fingerprint(x)));
        let known = task
            .archive
            .recall(&key)
            .and_then(|rows| rows.first()?.first().copied());
        let cost = known.unwrap_or_else(|| {
            let objective = task.beside(task.counters, &quiet).objective(resolution, "");
            let cost = objective.cost(x).unwrap_or(f64::INFINITY);
            if !task.monitor.is_interrupted() {
                task.archive.keep(&key, &[vec![cost]]);
            }
            cost
        });
        task.monitor.advance_sampling(&SamplingStatus {
            draws: done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1,
            failed: 0,
        });
        cost
    });
    let costs: Vec<f64> = costs.collect();
    let pairs = draws.iter().zip(costs);
    pairs
        .map(|(x, cost)| match density.evaluate(x) {
            Some(surrogate) => -0.5 * cost - surrogate.log_density,
            None => f64::NEG_INFINITY,
        })
        .collect()
}

/// Weighted mean, standard deviation and interval of 95 % of a coordinate.
fn marginal(draws: &[Vec<f64>], weights: &[f64], i: usize) -> (f64, f64, (f64, f64)) {
    let mut pairs: Vec<(f64, f64)> = draws
        .iter()
        .map(|x| x[i])
        .zip(weights.iter().copied())
        .collect();
    let mean: f64 = pairs.iter().map(|(x, w)| x * w).sum();
    let variance: f64 = pairs.iter().map(|(x, w)| w * (x - mean).powi(2)).sum();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quantile = |share: f64| {
        let mut sum = 0.0;
        let found = pairs.iter().find(|(_, w)| {
            sum += w;
            sum >= share
        });
        found.or(pairs.last()).map_or(f64::NAN, |(x, _)| *x)
    };
    (mean, variance.sqrt(), (quantile(0.025), quantile(0.975)))
}

/// The posterior density of a surrogate up to a factor.
struct SurrogateDensity<'d, 'p, 's> {
    objective: ProxyObjective<'p, 's>,
    task: &'d Task<'d>,
}

impl LogDensity for SurrogateDensity<'_, '_, '_> {
    fn evaluate(&self, x: &[f64]) -> Option<Evaluation> {
        // Refused points have no density: the surrogate's posterior ends at its box.
        self.objective.trial(x)?;
        let linearisation = self.objective.linearise(x)?;
        let residuals = &linearisation.residuals;
        let columns = linearisation.jacobian.columns().into_iter();
        let slope = |column: ndarray::ArrayView1<'_, f64>| -> f64 {
            -column
                .iter()
                .zip(residuals)
                .map(|(j, r)| j * r)
                .sum::<f64>()
        };
        Some(Evaluation {
            log_density: -0.5 * residuals.iter().map(|r| r * r).sum::<f64>(),
            gradient: columns.map(slope).collect(),
        })
    }

    fn goes_on(&self, _progress: &SamplingProgress) -> bool {
        !self.task.monitor.is_interrupted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_move_the_quantiles() {
        let draws: Vec<Vec<f64>> = (0..100).map(|i| vec![f64::from(i)]).collect();
        let even = vec![0.01; 100];
        let (mean, _, (low, high)) = marginal(&draws, &even, 0);
        assert!((mean - 49.5).abs() < 1e-9 && (low - 2.0).abs() < 1.1 && (high - 97.0).abs() < 1.1);
        let upper: Vec<f64> = (0..100).map(|i| if i < 50 { 0.0 } else { 0.02 }).collect();
        assert!(marginal(&draws, &upper, 0).2.0 >= 50.0);
    }
}
