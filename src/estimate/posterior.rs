//! Samples of the posterior: NUTS over data and priors on the coarse mesh, with the exact gradient.

use super::SamplingStatus;
use super::archive::Archive;
use super::archive::fingerprint;
use super::objective::Objective;
use super::task::Task;
use super::uncertainty::Information;
use crate::numerics::diagnostics::Summary;
use crate::numerics::diagnostics::quantile;
use crate::numerics::diagnostics::summarise;
use crate::numerics::least_squares::Residuals;
use crate::numerics::posterior::Chain;
use crate::numerics::posterior::Entry;
use crate::numerics::posterior::Journal;
use crate::numerics::posterior::LogDensity;
use crate::numerics::posterior::SamplingOptions;
use crate::numerics::posterior::SamplingProgress;
use crate::numerics::posterior::sample;
use crate::numerics::whitening::Evaluation;
use crate::numerics::whitening::Laplace;
use crate::simulate::Resolution;

/// Chains, which tell by their agreement whether they have arrived.
const CHAINS: usize = 4;
/// Why there are no draws after an interruption.
const CUT_OFF: &str = "interrupted before the first draw; the same command goes on from here";
/// Draws that each chain spends on warming up. Their number is fixed, so that a longer run begins with a shorter one.
const WARMUP: usize = 100;

/// Samples of the posterior.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// The chains.
    pub chains: Vec<Chain>,
    /// Mean, standard deviation and diagnostics of each coordinate.
    pub summaries: Vec<Summary>,
    /// The interval of 95 % of each coordinate, between quantiles.
    pub intervals: Vec<(f64, f64)>,
}

impl Posterior {
    /// The largest R̂ of all coordinates, if there are enough draws for it.
    pub fn r_hat_max(&self) -> Option<f64> {
        let all: Option<Vec<f64>> = self.summaries.iter().map(|s| s.r_hat).collect();
        all.map(|all| all.into_iter().fold(1.0, f64::max))
    }

    /// The smallest effective number of draws, bulk or tail, of all coordinates.
    pub fn ess_min(&self) -> Option<f64> {
        let each = self.summaries.iter().flat_map(|s| [s.ess_bulk, s.ess_tail]);
        let all: Option<Vec<f64>> = each.collect();
        all.map(|all| all.into_iter().fold(f64::INFINITY, f64::min))
    }

    /// Draws after warm-up, all chains together.
    pub fn n_draws(&self) -> usize {
        self.chains.iter().map(|chain| chain.draws.nrows()).sum()
    }
}

/// Draws from the posterior around an optimum of the coarse mesh; `Err` tells why there are none.
pub(super) fn posterior(
    task: &Task<'_>,
    (resolution, x, information): (Resolution, &[f64], &Information),
    n_draws: usize,
) -> Result<Posterior, String> {
    let options = task.options();
    let stage = task.stage("posterior");
    let objective = task.objective(resolution, &stage);
    // The jumps over cycles are those of the optimum throughout: the density stays smooth.
    let reason = || {
        if task.monitor.is_interrupted() {
            CUT_OFF
        } else {
            "the optimum cannot be simulated"
        }
    };
    objective.linearise(x).ok_or_else(reason)?;
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
        n_draws: per_chain,
        seed: task.study.settings.seed,
        ..SamplingOptions::default()
    };
    let rounds = CHAINS * (sampling.n_warmup + per_chain);
    task.monitor.begin(&stage, rounds);
    let density = Density {
        objective: &objective,
        task,
        drawn: std::array::from_fn(|_| std::sync::atomic::AtomicUsize::new(0)),
    };
    let journal = ArchivedJournal {
        archive: task.archive,
        key: task.key(&format!("posterior-{}-{}", fingerprint(x), sampling.seed)),
    };
    let chains = sample(&density, &laplace, &sampling, &journal).map_err(|e| e.to_string())?;
    summarised(chains, x.len())
}

fn summarised(chains: Vec<Chain>, n: usize) -> Result<Posterior, String> {
    // An interruption leaves chains of different lengths.
    let shortest = chains
        .iter()
        .map(|chain| chain.draws.nrows())
        .min()
        .unwrap_or(0);
    if shortest == 0 {
        return Err(CUT_OFF.to_owned());
    }
    let column = |chain: &Chain, i: usize| -> Vec<f64> {
        chain
            .draws
            .column(i)
            .iter()
            .copied()
            .take(shortest)
            .collect()
    };
    let mut summaries = Vec::new();
    let mut intervals = Vec::new();
    for i in 0..n {
        let columns: Vec<Vec<f64>> = chains.iter().map(|chain| column(chain, i)).collect();
        let views: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        summaries.push(summarise(&views));
        let all = columns.concat();
        intervals.push((quantile(&all, 0.025), quantile(&all, 0.975)));
    }
    Ok(Posterior {
        chains,
        summaries,
        intervals,
    })
}

/// The posterior density up to a factor.
struct Density<'d, 's> {
    objective: &'d Objective<'s>,
    task: &'d Task<'s>,
    drawn: [std::sync::atomic::AtomicUsize; CHAINS],
}

impl LogDensity for Density<'_, '_> {
    fn evaluate(&self, x: &[f64]) -> Option<Evaluation> {
        let linearisation = self.objective.linearise_frozen(x)?;
        let residuals = &linearisation.residuals;
        let cost: f64 = residuals.iter().map(|r| r * r).sum();
        let columns = linearisation.jacobian.columns().into_iter();
        let gradient = columns.map(|column| {
            -column
                .iter()
                .zip(residuals)
                .map(|(j, r)| j * r)
                .sum::<f64>()
        });
        Some(Evaluation {
            log_density: -0.5 * cost,
            gradient: gradient.collect(),
        })
    }

    fn goes_on(&self, progress: &SamplingProgress) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        if let Some(drawn) = self.drawn.get(progress.chain) {
            drawn.store(progress.draws, Relaxed);
        }
        self.task.monitor.advance_sampling(&SamplingStatus {
            draws: self.drawn.iter().map(|n| n.load(Relaxed)).sum(),
            failed: progress.failed_evaluations,
        });
        !self.task.monitor.is_interrupted()
    }
}

/// Evaluations in an archive, one row each: index, point, and what came out unless it failed.
struct ArchivedJournal<'a> {
    archive: &'a dyn Archive,
    key: String,
}

impl Journal for ArchivedJournal<'_> {
    fn stored(&self, chain: usize) -> Vec<Entry> {
        let rows = self.archive.recall(&format!("{}-{chain}", self.key));
        let mut entries: Vec<Entry> = Vec::new();
        for row in rows.unwrap_or_default() {
            let [index, n, rest @ ..] = &row[..] else {
                break;
            };
            let (index, n) = (super::archive::count(*index), super::archive::count(*n));
            if index > entries.len() || rest.len() < n {
                break;
            }
            // A later line for an earlier question replaces what followed.
            entries.truncate(index);
            let (x, outcome) = rest.split_at(n);
            let evaluation = match outcome {
                [log_density, gradient @ ..] if gradient.len() == n => Some(Evaluation {
                    log_density: *log_density,
                    gradient: gradient.to_vec(),
                }),
                _ => None,
            };
            entries.push(Entry {
                x: x.to_vec(),
                evaluation,
            });
        }
        entries
    }

    fn keep(&self, chain: usize, index: usize, entry: &Entry) {
        let mut row = vec![index as f64, entry.x.len() as f64];
        row.extend_from_slice(&entry.x);
        if let Some(evaluation) = &entry.evaluation {
            row.push(evaluation.log_density);
            row.extend_from_slice(&evaluation.gradient);
        }
        self.archive.append(&format!("{}-{chain}", self.key), &row);
    }
}
