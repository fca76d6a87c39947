//! Draws from a posterior by the no-U-turn sampler of nuts-rs, in whitened coordinates, resumable after a kill.
//!
//! nuts-rs cannot store its state, so a chain is kept as the answers that it got: it is a function of its seed and of
//! these alone. A resumed chain runs from its start, finds its first answers in a journal, which takes no time, and
//! goes on with the density itself where they end. nuts-rs chooses its instructions by the processor: on another one
//! the questions may differ in their last bits; then the stored answers are void from there on, and computed again.
//!
//! Sources: Hoffman & Gelman, The No-U-Turn Sampler, JMLR 15 (2014), 1593; Betancourt, A Conceptual Introduction to
//! Hamiltonian Monte Carlo, arXiv:1701.02434 (2017).

use std::cell::RefCell;
use std::collections::HashMap;
use std::f64::consts::FRAC_PI_2;

use ndarray::Array2;
use nuts_rs::Chain as _;
use nuts_rs::CpuLogpFunc;
use nuts_rs::CpuMath;
use nuts_rs::CpuMathError;
use nuts_rs::HasDims;
use nuts_rs::KineticEnergyKind;
use nuts_rs::LogpError;
use nuts_rs::LowRankNutsSettings;
use nuts_rs::Settings;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use thiserror::Error;

use super::whitening::Evaluation;
use super::whitening::Laplace;
use super::whitening::Whitening;

/// Points tried for the start of a chain; each halves the distance from the centre.
const START_TRIES: i32 = 12;
/// Error of the energy (1) at which a trajectory counts as divergent; the default of Stan.
const ENERGY_ERROR_MAX: f64 = 1000.0;
/// First step in whitened coordinates (1), near the one that suits a normal distribution.
const STEP_FIRST: f64 = 0.8;

/// A distribution to draw from. Values must be a function of the point alone, and the gradient must be theirs: else the
/// draws are wrong without a sign of it. Chains ask from several threads of rayon's pool.
pub trait LogDensity: Sync {
    /// The log density at a point within the bounds; `None` where it cannot be computed.
    fn evaluate(&self, x: &[f64]) -> Option<Evaluation>;
    /// Called before every evaluation that no journal holds; `false` asks for an end.
    fn goes_on(&self, progress: &SamplingProgress) -> bool {
        let _ = progress;
        true
    }
}

/// What chains have asked and were answered, so that they survive an interruption.
///
/// The stored numbers must come back bit for bit.
pub trait Journal: Sync {
    /// The entries of a chain in their order.
    fn stored(&self, chain: usize) -> Vec<Entry>;
    /// Takes the entry of a chain with number `index`. What stood there and after it is void: a first entry that does
    /// not continue the stored ones means that they belong to another density, seed or processor.
    fn keep(&self, chain: usize, index: usize, entry: &Entry);
}

/// Nothing is kept.
impl Journal for () {
    fn stored(&self, _chain: usize) -> Vec<Entry> {
        Vec::new()
    }
    fn keep(&self, _chain: usize, _index: usize, _entry: &Entry) {}
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The point, `dimension`.
    pub x: Vec<f64>,
    /// The density there, finite; `None` where it could not be computed.
    pub evaluation: Option<Evaluation>,
}

/// Where a chain stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamplingProgress {
    /// Position of the chain.
    pub chain: usize,
    /// Draws done, those of the warm-up included.
    pub draws: usize,
    /// Evaluations done, stored ones included.
    pub evaluations: usize,
    /// Evaluations that failed.
    pub failed_evaluations: usize,
}

/// How a trajectory moves between two gradients. Both sample the same distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trajectory {
    /// Along straight lines (the usual leapfrog): for posteriors that bend.
    #[default]
    Straight,
    /// Along ellipses, on which a normal posterior loses no energy however long the step: about half the evaluations
    /// for an effective draw where the posterior is nearly normal, more of them and more divergences where it bends.
    ///
    /// Source: Shahbaba, Lan, Johnson & Neal, Split Hamiltonian Monte Carlo, Stat. Comput. 24 (2014), 339.
    Rotating,
}

/// How much is drawn, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingOptions {
    /// Chains, independent of each other.
    pub n_chains: usize,
    /// Draws of each chain that tune step and scales, and are dropped.
    pub n_warmup: usize,
    /// Draws of each chain that are kept. A longer chain begins with the shorter one, so that it can be continued.
    pub n_draws: usize,
    /// Seed; each chain has its own stream of it.
    pub seed: u64,
    /// Mean acceptance (1) that the step is tuned to.
    pub target_acceptance: f64,
    /// Most doublings of a trajectory: fewer than 2^`depth_max` evaluations for a draw.
    pub depth_max: u64,
    /// Distance of the starts from the centre along every whitened axis (standard deviations), not 0. More than 1, so
    /// that chains that agree have forgotten it.
    pub start_sd: f64,
    /// How trajectories move.
    pub trajectory: Trajectory,
}

impl Default for SamplingOptions {
    fn default() -> Self {
        Self {
            n_chains: 4,
            n_warmup: 200,
            n_draws: 1000,
            seed: 0,
            target_acceptance: 0.8,
            depth_max: 8,
            start_sd: 1.5,
            trajectory: Trajectory::Straight,
        }
    }
}

/// What a chain yielded.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Draws after the warm-up, `n_draws × dimension`; fewer after an interruption.
    pub draws: Array2<f64>,
    /// Draws after the warm-up whose trajectory lost its energy: the posterior bends more sharply than the step.
    pub divergences: usize,
    /// Draws after the warm-up whose trajectory ended at a point that could not be computed.
    pub failures: usize,
    /// Draws after the warm-up whose trajectory reached its greatest length.
    pub depth_hits: usize,
    /// Evaluations of the density, those of the warm-up included.
    pub evaluations: usize,
    /// Evaluations of the warm-up.
    pub warmup_evaluations: usize,
    /// Evaluations that failed, those of the warm-up included.
    pub failed_evaluations: usize,
}

/// Why there are no draws.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SamplingError {
    /// The normal approximation is none.
    #[error("the covariance at the centre is not positive definite; some variable is undetermined")]
    Covariance,
    /// The density fails at the centre, too.
    #[error(
        "chain {chain} found no start: the density failed at {START_TRIES} points, the last ones next to the centre"
    )]
    Start {
        /// Position of the chain.
        chain: usize,
    },
    /// The sampler gave up.
    #[error("chain {chain} stopped: {reason}")]
    Sampler {
        /// Position of the chain.
        chain: usize,
        /// In the words of nuts-rs.
        reason: String,
    },
}

/// Draws from a density that `laplace` approximates. Chains run in parallel; the draws are the same for any number of
/// threads, and the same whether or not the journal holds a part of them.
///
/// # Errors
/// If the covariance is not positive definite, a chain finds no start, or the sampler refuses the options.
///
/// # Panics
/// If lengths in `laplace` disagree, or a gradient has another length.
pub fn sample<D: LogDensity>(
    density: &D,
    laplace: &Laplace,
    options: &SamplingOptions,
    journal: &dyn Journal,
) -> Result<Vec<Chain>, SamplingError> {
    let whitening = Whitening::new(laplace).ok_or(SamplingError::Covariance)?;
    // nuts-rs factorises small matrices with faer, whose own threads change the last bits of the result.
    faer::set_global_parallelism(faer::Par::Seq);
    let chains: Vec<_> = (0..options.n_chains)
        .into_par_iter()
        .map(|chain| {
            let oracle = RefCell::new(Oracle::new(density, &whitening, journal, chain));
            run(&oracle, options)
        })
        .collect();
    // Only here does an error end the rest: in the parallel part, which of several came first would be chance.
    chains.into_iter().collect()
}

/// One chain from its start to its end or interruption.
fn run<D: LogDensity>(
    oracle: &RefCell<Oracle<'_, D>>,
    options: &SamplingOptions,
) -> Result<Chain, SamplingError> {
    let chain = oracle.borrow().progress.chain;
    let mut record = Record::default();
    let drawn = draw(oracle, options, &mut record);
    // What nuts-rs says about an interruption is not worth telling: it was asked for.
    if !oracle.borrow().interrupted {
        drawn.map_err(|stop| match stop {
            Stop::NoStart => SamplingError::Start { chain },
            Stop::Sampler(reason) => SamplingError::Sampler { chain, reason },
        })?;
    }
    Ok(record.finish(&oracle.borrow()))
}

/// Why a chain ended early.
enum Stop {
    NoStart,
    Sampler(String),
}

/// Runs a chain and records what it draws.
fn draw<D: LogDensity>(
    oracle: &RefCell<Oracle<'_, D>>,
    options: &SamplingOptions,
    record: &mut Record,
) -> Result<(), Stop> {
    let chain = oracle.borrow().progress.chain as u64;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(chain);
    let start = oracle.borrow_mut().start(options.start_sd, &mut rng);
    let start = start.ok_or(Stop::NoStart)?;
    let mut sampler = settings(options)
        .new_chain(chain, CpuMath::new(Target(oracle)), &mut rng)
        .map_err(|error| Stop::Sampler(error.to_string()))?;
    sampler
        .set_position(&start)
        .map_err(|error| Stop::Sampler(error.to_string()))?;
    for index in 0..options.n_warmup + options.n_draws {
        let failed_before = oracle.borrow().progress.failed_evaluations;
        let (z, _, statistics, progress) = sampler
            .expanded_draw()
            .map_err(|error| Stop::Sampler(error.to_string()))?;
        let mut oracle = oracle.borrow_mut();
        oracle.progress.draws += 1;
        if index < options.n_warmup {
            record.warmup_evaluations = oracle.progress.evaluations;
            continue;
        }
        let failed = oracle.progress.failed_evaluations > failed_before;
        record.failures += usize::from(failed);
        record.divergences += usize::from(progress.diverging && !failed);
        record.depth_hits += usize::from(statistics.maxdepth_reached);
        let x = oracle.whitening.x(&z);
        record.draws.push(x.expect("every draw has been evaluated"));
    }
    Ok(())
}

/// The settings of nuts-rs. Its scales and low-rank correlations correct what the normal approximation missed.
fn settings(options: &SamplingOptions) -> LowRankNutsSettings {
    let mut settings = LowRankNutsSettings {
        num_tune: options.n_warmup as u64,
        num_draws: options.n_draws as u64,
        maxdepth: options.depth_max,
        max_energy_error: ENERGY_ERROR_MAX,
        // Exact gradients: the default bends them, if only by little, in order to bound infinite ones.
        gradient_clipping: None,
        ..LowRankNutsSettings::default()
    };
    let step = &mut settings.adapt_options.step_size_settings;
    step.target_accept = options.target_acceptance;
    step.initial_step = STEP_FIRST;
    if options.trajectory == Trajectory::Rotating {
        step.adapt_options.dual_average.max_step_size = FRAC_PI_2;
        settings.trajectory_kind = KineticEnergyKind::ExactNormal;
    }
    settings
}

/// What a chain collects on its way.
#[derive(Default)]
struct Record {
    draws: Vec<Vec<f64>>,
    divergences: usize,
    failures: usize,
    depth_hits: usize,
    warmup_evaluations: usize,
}

impl Record {
    fn finish<D>(self, oracle: &Oracle<'_, D>) -> Chain {
        let shape = (self.draws.len(), oracle.whitening.dimension());
        Chain {
            draws: Array2::from_shape_fn(shape, |(draw, i)| self.draws[draw][i]),
            divergences: self.divergences,
            failures: self.failures,
            depth_hits: self.depth_hits,
            evaluations: oracle.progress.evaluations,
            warmup_evaluations: self.warmup_evaluations,
            failed_evaluations: oracle.progress.failed_evaluations,
        }
    }
}

/// Answers the questions of one chain: from memory, from the journal, from the density.
struct Oracle<'a, D> {
    density: &'a D,
    whitening: &'a Whitening,
    journal: &'a dyn Journal,
    stored: std::vec::IntoIter<Entry>,
    /// The last question in whitened coordinates: nuts-rs asks for its start three times.
    last: Option<(Vec<f64>, Result<Evaluation, Unanswered>)>,
    progress: SamplingProgress,
    interrupted: bool,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, Error)]
enum Unanswered {
    #[error("the density could not be computed")]
    Failed,
    #[error("somebody asked for an end")]
    Interrupted,
}

impl LogpError for Unanswered {
    fn is_recoverable(&self) -> bool {
        matches!(self, Self::Failed)
    }
}

impl<'a, D> Oracle<'a, D> {
    fn new(
        density: &'a D,
        whitening: &'a Whitening,
        journal: &'a dyn Journal,
        chain: usize,
    ) -> Self {
        Self {
            density,
            whitening,
            journal,
            stored: journal.stored(chain).into_iter(),
            last: None,
            progress: SamplingProgress {
                chain,
                ..SamplingProgress::default()
            },
            interrupted: false,
        }
    }
}

impl<D: LogDensity> Oracle<'_, D> {
    /// A random corner of the cube `±start_sd`, drawn towards the centre until the density can be computed there.
    ///
    /// Corners, because nuts-rs takes its first scales from the gradient at the start: there they are nearly equal.
    fn start(&mut self, start_sd: f64, rng: &mut ChaCha8Rng) -> Option<Vec<f64>> {
        let signs = (0..self.whitening.dimension()).map(|_| rng.random::<bool>());
        let corner: Vec<f64> = signs
            .map(|plus| if plus { start_sd } else { -start_sd })
            .collect();
        let mut tries = (0..START_TRIES).map(|halvings| {
            let share = 0.5_f64.powi(halvings);
            corner.iter().map(|z| share * z).collect::<Vec<f64>>()
        });
        tries.find(|z| !self.interrupted && self.ask(z).is_ok())
    }

    /// The density in whitened coordinates.
    fn ask(&mut self, z: &[f64]) -> Result<Evaluation, Unanswered> {
        if let Some((_, answer)) = self.last.as_ref().filter(|(last, _)| last == z) {
            return answer.clone();
        }
        let answer = match self.whitening.x(z) {
            None => Err(Unanswered::Failed),
            Some(x) => self
                .look_up_or_evaluate(x)
                .map(|at_x| self.whitening.pull_back(z, &at_x)),
        };
        self.interrupted |= matches!(answer, Err(Unanswered::Interrupted));
        self.progress.failed_evaluations += usize::from(matches!(answer, Err(Unanswered::Failed)));
        self.last = Some((z.to_vec(), answer.clone()));
        answer
    }

    fn look_up_or_evaluate(&mut self, x: Vec<f64>) -> Result<Evaluation, Unanswered> {
        let index = self.progress.evaluations;
        let stored = self.stored.next().filter(|entry| same_bits(&entry.x, &x));
        let evaluation = if let Some(entry) = stored {
            entry.evaluation
        } else {
            self.stored = Vec::new().into_iter();
            if !self.density.goes_on(&self.progress) {
                return Err(Unanswered::Interrupted);
            }
            let evaluation = self.density.evaluate(&x);
            let evaluation = evaluation.filter(Evaluation::is_finite);
            let entry = Entry { x, evaluation };
            self.journal.keep(self.progress.chain, index, &entry);
            entry.evaluation
        };
        self.progress.evaluations += 1;
        evaluation.ok_or(Unanswered::Failed)
    }
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// An oracle in the shape that nuts-rs asks for.
struct Target<'o, 'a, D>(&'o RefCell<Oracle<'a, D>>);

impl<D> HasDims for Target<'_, '_, D> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        let dimension = self.0.borrow().whitening.dimension() as u64;
        HashMap::from([("unconstrained_parameter".to_owned(), dimension)])
    }
}

impl<D: LogDensity> CpuLogpFunc for Target<'_, '_, D> {
    type LogpError = Unanswered;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.0.borrow().whitening.dimension()
    }

    fn logp(&mut self, z: &[f64], gradient: &mut [f64]) -> Result<f64, Unanswered> {
        let evaluation = self.0.borrow_mut().ask(z)?;
        gradient.copy_from_slice(&evaluation.gradient);
        Ok(evaluation.log_density)
    }

    /// Nothing beside the draw itself.
    fn expand_vector<R: rand::Rng + ?Sized>(
        &mut self,
        _rng: &mut R,
        _z: &[f64],
    ) -> Result<Vec<f64>, CpuMathError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use nalgebra::DMatrix;
    use nalgebra::DVector;
    use statrs::distribution::Continuous;
    use statrs::distribution::ContinuousCDF;
    use statrs::distribution::Normal;

    use super::super::diagnostics::Summary;
    use super::super::diagnostics::ess_bulk;
    use super::super::diagnostics::summarise;
    use super::*;

    /// A closure as a density.
    struct Formula<F>(F);

    impl<F: Fn(&[f64]) -> Option<Evaluation> + Sync> LogDensity for Formula<F> {
        fn evaluate(&self, x: &[f64]) -> Option<Evaluation> {
            (self.0)(x)
        }
    }

    fn at(log_density: f64, gradient: Vec<f64>) -> Evaluation {
        Evaluation {
            log_density,
            gradient,
        }
    }

    fn standard_normal(x: &[f64]) -> Evaluation {
        let squares: f64 = x.iter().map(|x| x * x).sum();
        at(-0.5 * squares, x.iter().map(|x| -x).collect())
    }

    fn unbounded(n: usize) -> Laplace {
        Laplace {
            centre: vec![0.0; n],
            covariance: Array2::eye(n),
            lower: vec![f64::NEG_INFINITY; n],
            upper: vec![f64::INFINITY; n],
        }
    }

    fn short() -> SamplingOptions {
        SamplingOptions {
            n_chains: 2,
            n_warmup: 60,
            n_draws: 40,
            seed: 5,
            ..SamplingOptions::default()
        }
    }

    fn columns(chains: &[Chain], change: impl Fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
        let rows = |chain: &Chain| {
            let rows = chain.draws.rows().into_iter();
            rows.map(|row| change(&row.to_vec())).collect()
        };
        chains.iter().map(rows).collect()
    }

    /// Summary of a function of the draws, and four standard errors of its mean.
    fn summary(chains: &[Chain], change: impl Fn(&[f64]) -> f64) -> (Summary, f64) {
        let columns = columns(chains, change);
        let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let summary = summarise(&slices);
        let error = 4.0 * summary.sd / ess_bulk(&slices).unwrap().sqrt();
        (summary, error)
    }

    fn assert_mean(chains: &[Chain], expected: f64, change: impl Fn(&[f64]) -> f64) {
        let (found, error) = summary(chains, change);
        let difference = (found.mean - expected).abs();
        assert!(
            difference < error,
            "{} against {expected} ± {error}",
            found.mean
        );
        assert!(found.r_hat.unwrap() < 1.02, "{found:?}");
    }

    /// Standard deviations from 0.01 to 100, correlations 0.6^|i − j|.
    fn covariance(n: usize) -> DMatrix<f64> {
        let sd = |i: usize| 10_f64.powf(-2.0 + 4.0 * i as f64 / (n - 1) as f64);
        DMatrix::from_fn(n, n, |i, j| {
            sd(i) * sd(j) * 0.6_f64.powf(i.abs_diff(j) as f64)
        })
    }

    #[test]
    fn correlated_normal_distribution_is_found_from_a_wrong_one() {
        let n = 10;
        let covariance = covariance(n);
        let precision = covariance.clone().try_inverse().unwrap();
        let normal = Formula(|x: &[f64]| {
            let distance = DVector::from_fn(n, |i, _| x[i] - 3.0);
            let gradient = -(&precision * &distance);
            let log_density = 0.5 * gradient.dot(&distance);
            Some(at(log_density, gradient.as_slice().to_vec()))
        });
        let sd = |i: usize| covariance[(i, i)].sqrt();
        // One standard deviation off, half as correlated, and wrong in its widths.
        let laplace = Laplace {
            centre: (0..n).map(|i| 3.0 + sd(i)).collect(),
            covariance: Array2::from_shape_fn((n, n), |(i, j)| {
                let share = if i == j { 1.0 + 0.2 * i as f64 } else { 0.5 };
                share * covariance[(i, j)]
            }),
            ..unbounded(n)
        };
        for trajectory in [Trajectory::Straight, Trajectory::Rotating] {
            let options = SamplingOptions {
                trajectory,
                ..SamplingOptions::default()
            };
            let chains = sample(&normal, &laplace, &options, &()).unwrap();
            for i in 0..n {
                assert_mean(&chains, 3.0, |x| x[i]);
                for j in 0..=i {
                    let expected = covariance[(i, j)] / (sd(i) * sd(j));
                    let product = |x: &[f64]| (x[i] - 3.0) * (x[j] - 3.0) / (sd(i) * sd(j));
                    // Among 55 products, four standard errors are exceeded by chance in one run of 300.
                    assert_mean(&chains, expected, product);
                }
            }
            let divergences: usize = chains.iter().map(|c| c.divergences).sum();
            assert_eq!(divergences, 0);
        }
    }

    #[test]
    fn bounds_truncate() {
        // The first variable has two near bounds, the second a fit that ended at its lower one.
        let laplace = Laplace {
            centre: vec![0.5, 1.0],
            covariance: Array2::eye(2),
            lower: vec![-0.5, 1.0],
            upper: vec![1.5, 50.0],
        };
        let normal = Formula(|x: &[f64]| Some(standard_normal(x)));
        let chains = sample(&normal, &laplace, &SamplingOptions::default(), &()).unwrap();
        let standard = Normal::standard();
        for (i, (a, b)) in [(-0.5, 1.5), (1.0, 50.0)].into_iter().enumerate() {
            let mass = standard.cdf(b) - standard.cdf(a);
            let mean = (standard.pdf(a) - standard.pdf(b)) / mass;
            let square = 1.0 + (a * standard.pdf(a) - b * standard.pdf(b)) / mass;
            assert_mean(&chains, mean, |x| x[i]);
            assert_mean(&chains, square, |x| x[i] * x[i]);
        }
        assert!(chains.iter().all(|c| c.failed_evaluations == 0));
    }

    #[test]
    fn banana_has_its_moments() {
        // x₀ ~ N(0, 1), x₁ = (x₀² − 1)/2 + N(0, 1): Var x₁ = 3/2, Cov(x₀², x₁) = 1.
        let banana = Formula(|x: &[f64]| {
            let d = x[1] - 0.5 * (x[0] * x[0] - 1.0);
            Some(at(-0.5 * (x[0] * x[0] + d * d), vec![-x[0] + d * x[0], -d]))
        });
        let options = SamplingOptions {
            target_acceptance: 0.95,
            ..SamplingOptions::default()
        };
        let chains = sample(&banana, &unbounded(2), &options, &()).unwrap();
        assert_mean(&chains, 0.0, |x| x[0]);
        assert_mean(&chains, 1.0, |x| x[0] * x[0]);
        assert_mean(&chains, 0.0, |x| x[1]);
        assert_mean(&chains, 1.5, |x| x[1] * x[1]);
        assert_mean(&chains, 1.0, |x| x[0] * x[0] * x[1]);
    }

    #[test]
    fn region_that_fails_has_no_draws_and_is_counted() {
        let half = Formula(|x: &[f64]| (x[0] < 1.0).then(|| standard_normal(x)));
        let chains = sample(&half, &unbounded(2), &SamplingOptions::default(), &()).unwrap();
        let standard = Normal::standard();
        let mean = -standard.pdf(1.0) / standard.cdf(1.0);
        assert_mean(&chains, mean, |x| x[0]);
        for chain in &chains {
            assert!(chain.failures > 0 && chain.failed_evaluations >= chain.failures);
            assert_eq!(chain.divergences, 0);
            assert!(chain.draws.column(0).iter().all(|x| *x < 1.0));
        }
    }

    #[test]
    fn density_that_fails_everywhere_is_told() {
        let nowhere = Formula(|_: &[f64]| None);
        let no_number = Formula(|x: &[f64]| Some(at(f64::NAN, vec![0.0; x.len()])));
        let expected = Err(SamplingError::Start { chain: 0 });
        assert_eq!(sample(&nowhere, &unbounded(3), &short(), &()), expected);
        assert_eq!(sample(&no_number, &unbounded(3), &short(), &()), expected);
    }

    #[test]
    fn density_without_a_slope_is_told() {
        let flat = Formula(|x: &[f64]| Some(at(0.0, vec![0.0; x.len()])));
        let result = sample(&flat, &unbounded(3), &short(), &());
        assert!(matches!(
            result,
            Err(SamplingError::Sampler { chain: 0, .. })
        ));
    }

    #[test]
    fn covariance_that_is_none_is_told() {
        let normal = Formula(|x: &[f64]| Some(standard_normal(x)));
        let mut laplace = unbounded(2);
        laplace.covariance[[1, 1]] = 0.0;
        let result = sample(&normal, &laplace, &short(), &());
        assert_eq!(result, Err(SamplingError::Covariance));
    }

    #[test]
    fn chain_that_cannot_move_ends_and_counts() {
        let corner = |x: &[f64]| x.iter().all(|x| (x.abs() - 1.5).abs() < 1e-12);
        let start_only = Formula(|x: &[f64]| corner(x).then(|| standard_normal(x)));
        for chain in sample(&start_only, &unbounded(2), &short(), &()).unwrap() {
            // Some trajectories fit into the rounding error of the corner.
            assert!(chain.failures > 30);
            assert!(chain.draws.rows().into_iter().all(|x| corner(&x.to_vec())));
        }
    }

    #[test]
    fn draws_do_not_depend_on_the_number_of_threads() {
        // x(i + 1) = 0.9 x(i) + noise: the correlations are learnt in the warm-up, by matrices that faer factorises.
        let normal = Formula(|x: &[f64]| {
            let (rho, noise) = (0.9, 1.0 - 0.9 * 0.9);
            let mut evaluation = at(-0.5 * x[0] * x[0], vec![0.0; x.len()]);
            evaluation.gradient[0] = -x[0];
            for i in 1..x.len() {
                let d = x[i] - rho * x[i - 1];
                evaluation.log_density -= 0.5 * d * d / noise;
                evaluation.gradient[i] -= d / noise;
                evaluation.gradient[i - 1] += rho * d / noise;
            }
            Some(evaluation)
        });
        let run = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads);
            let options = SamplingOptions {
                n_warmup: 200,
                n_chains: 3,
                ..short()
            };
            let sample = || sample(&normal, &unbounded(24), &options, &()).unwrap();
            pool.build().unwrap().install(sample)
        };
        let chains = run(1);
        assert_eq!(chains, run(2));
        assert_eq!(chains, run(4));
        assert_ne!(chains[0].draws, chains[1].draws);
    }

    #[test]
    fn few_evaluations_make_a_draw() {
        let normal = Formula(|x: &[f64]| Some(standard_normal(x)));
        let cost = |dimension: usize, trajectory: Trajectory| {
            let options = SamplingOptions {
                trajectory,
                ..SamplingOptions::default()
            };
            let chains = sample(&normal, &unbounded(dimension), &options, &()).unwrap();
            let each = chains.iter().map(|c| c.evaluations - c.warmup_evaluations);
            each.sum::<usize>() as f64 / 4000.0
        };
        assert!(cost(6, Trajectory::Straight) < 5.0);
        assert!(cost(24, Trajectory::Straight) < 8.0);
        assert!(cost(24, Trajectory::Rotating) < 3.5);
    }

    /// A normal density that is counted, and interrupted after so many evaluations of any chain.
    struct Interrupted {
        after: usize,
        evaluations: AtomicUsize,
    }

    impl LogDensity for Interrupted {
        fn evaluate(&self, x: &[f64]) -> Option<Evaluation> {
            self.evaluations.fetch_add(1, Ordering::Relaxed);
            // The wall makes failed evaluations a part of what is stored.
            (x[0] < 2.0).then(|| standard_normal(x))
        }
        fn goes_on(&self, progress: &SamplingProgress) -> bool {
            progress.evaluations < self.after
        }
    }

    /// Entries in memory.
    #[derive(Default)]
    struct Memory([Mutex<Vec<Entry>>; 2]);

    impl Journal for Memory {
        fn stored(&self, chain: usize) -> Vec<Entry> {
            self.0[chain].lock().unwrap().clone()
        }
        fn keep(&self, chain: usize, index: usize, entry: &Entry) {
            let mut entries = self.0[chain].lock().unwrap();
            entries.truncate(index);
            entries.push(entry.clone());
        }
    }

    impl Memory {
        fn len(&self) -> usize {
            (0..2).map(|chain| self.stored(chain).len()).sum()
        }
    }

    fn resumed(after: usize, options: &SamplingOptions, journal: &Memory) -> (Vec<Chain>, usize) {
        let density = Interrupted {
            after,
            evaluations: AtomicUsize::new(0),
        };
        let chains = sample(&density, &unbounded(3), options, journal).unwrap();
        (chains, density.evaluations.into_inner())
    }

    fn first_rows(chain: &Chain, n: usize) -> ndarray::ArrayView2<'_, f64> {
        chain.draws.slice_axis(ndarray::Axis(0), (..n).into())
    }

    #[test]
    fn interrupted_chains_are_continued_bit_by_bit() {
        let (whole, n_whole) = resumed(usize::MAX, &short(), &Memory::default());
        assert!(whole.iter().any(|chain| chain.failed_evaluations > 0));
        let journal = Memory::default();
        for after in [0, 1, 3, 50, 300, 420] {
            let n_before = journal.len();
            let (part, n_part) = resumed(after, &short(), &journal);
            assert_eq!(journal.len(), 2 * after);
            assert_eq!(n_part, journal.len() - n_before);
            for (part, whole) in part.iter().zip(&whole) {
                let n_draws = part.draws.nrows();
                assert!(n_draws < short().n_draws);
                assert_eq!(part.draws, first_rows(whole, n_draws));
            }
        }
        let n_before = journal.len();
        let (continued, n_rest) = resumed(usize::MAX, &short(), &journal);
        assert_eq!(continued, whole);
        assert_eq!(n_before + n_rest, n_whole);
        assert_eq!(resumed(usize::MAX, &short(), &journal), (whole, 0));
    }

    #[test]
    fn longer_chains_begin_with_the_shorter_ones() {
        let journal = Memory::default();
        let (shorter, n_shorter) = resumed(usize::MAX, &short(), &journal);
        let longer = SamplingOptions {
            n_draws: 70,
            ..short()
        };
        let (chains, n_more) = resumed(usize::MAX, &longer, &journal);
        let (_, n_alone) = resumed(usize::MAX, &longer, &Memory::default());
        assert_eq!(n_shorter + n_more, n_alone);
        for (chain, shorter) in chains.iter().zip(&shorter) {
            assert_eq!(first_rows(chain, 40), shorter.draws);
        }
    }

    #[test]
    fn journal_of_other_chains_is_overwritten() {
        let other = SamplingOptions { seed: 6, ..short() };
        let (journal, fresh) = (Memory::default(), Memory::default());
        resumed(usize::MAX, &other, &journal);
        let expected = resumed(usize::MAX, &short(), &fresh);
        assert_eq!(resumed(usize::MAX, &short(), &journal), expected);
        for chain in 0..2 {
            assert_eq!(journal.stored(chain), fresh.stored(chain));
        }
    }
}
