//! What catalysts have in common: a hierarchical regression of the logarithm of a rate constant on descriptors.
//!
//! For one constant, relative to that of a reference cell, cell r of catalyst i has
//! `y_ir = κ_i + ρ ε_ir`, the catalyst `κ_i = μ − Σ α_d x_id/RT + Σ β_d x_id + τ η_i`,
//! and a fit of that cell tells `y_ir` with a standard deviation `s_ir`. Descriptors are known with errors `σ_id`, which
//! the slopes carry into the catalysts' variance. The transfer slopes α of barriers lie in 0..1 (Brønsted, Evans,
//! Polanyi); the slopes β of other descriptors have normal priors. ρ is the scatter from cell to cell, τ that of the
//! catalysts around the relation.
//!
//! Sources: Bligaard et al., J. Catal. 224 (2004), 206 (relations between barriers and energies); Gelman & Hill, Data
//! Analysis Using Regression and Multilevel/Hierarchical Models (2007), ch. 12; errors of descriptors as in Gelman et
//! al., Bayesian Data Analysis (2013), ch. 15.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;

use crate::numerics::posterior::LogDensity;
use crate::numerics::posterior::SamplingError;
use crate::numerics::posterior::SamplingOptions;
use crate::numerics::posterior::sample;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;
use crate::numerics::whitening::Evaluation;
use crate::numerics::whitening::Laplace;

/// Slopes of one relation at most: its density is evaluated with that many derivatives.
pub const SLOPES_MAX: usize = 5;
/// Unknowns beside the slopes: mean, scatter between catalysts, scatter between cells.
const LEVELS: usize = 3;
/// Unknowns at most.
const WIDEST: usize = SLOPES_MAX + LEVELS;
/// Chains and draws of each.
const CHAINS: usize = 4;
const WARMUP: usize = 300;

/// How a descriptor acts on the logarithm of a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slope {
    /// A barrier: minus a share in 0..1 of the descriptor over RT. The prior is normal in the logit of the share.
    Barrier {
        /// 1/RT in the inverse of the descriptor's unit.
        per_unit: f64,
        /// Mean of the logit.
        logit_mean: f64,
        /// Standard deviation of the logit.
        logit_sd: f64,
        /// Standard deviation of the descriptor over the catalysts, for those where it is not known.
        population_sd: f64,
        /// Its mean over the catalysts, relative to the reference.
        population_mean: f64,
    },
    /// Anything else: a normal prior of the slope. Where the descriptor is not known it adds nothing, as its influence
    /// is then part of the scatter between catalysts.
    Linear {
        /// Mean of the slope, in the inverse of the descriptor's unit.
        mean: f64,
        /// Standard deviation of the slope.
        sd: f64,
    },
}

impl Slope {
    /// Mean and variance of a descriptor that is known with an error or not at all; nothing if it adds nothing.
    ///
    /// A barrier is one of a population: what is known of it with an error is moved towards their mean, or noise would
    /// be taken for a difference.
    fn descriptor(&self, known: Option<(f64, f64)>) -> Option<(f64, f64)> {
        match (*self, known) {
            (
                Self::Barrier {
                    population_mean,
                    population_sd,
                    ..
                },
                Some((value, sd)),
            ) => {
                let (population, error) = (population_sd * population_sd, sd * sd);
                let all = population + error;
                let mean = (value * population + population_mean * error) / all;
                Some((mean, population * error / all))
            }
            (
                Self::Barrier {
                    population_mean,
                    population_sd,
                    ..
                },
                None,
            ) => Some((population_mean, population_sd * population_sd)),
            (Self::Linear { .. }, Some((value, sd))) => Some((value, sd * sd)),
            (Self::Linear { .. }, None) => None,
        }
    }
}

/// What is believed about one constant beforehand.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// The slopes.
    pub slopes: Vec<Slope>,
    /// Standard deviation of the mean of all catalysts, in ln.
    pub mean_sd: f64,
    /// Median of the scatter between catalysts, in ln.
    pub between: f64,
    /// Standard deviation of its logarithm.
    pub between_sd_ln: f64,
    /// Median of the scatter between cells of one catalyst, in ln.
    pub within: f64,
    /// Standard deviation of its logarithm.
    pub within_sd_ln: f64,
}

/// What is known about one catalyst.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Level {
    /// For each slope the descriptor relative to the reference and its standard deviation, if it is known.
    pub descriptors: Vec<Option<(f64, f64)>>,
    /// For each fitted cell the logarithm of the constant over that of the reference, and its standard deviation.
    pub cells: Vec<(f64, f64)>,
}

/// One draw of what catalysts have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Common<S = f64> {
    /// Mean of all catalysts at the descriptors of the reference.
    pub mean: S,
    /// What one unit of each descriptor adds.
    pub slopes: Vec<S>,
    /// Scatter between catalysts.
    pub between: S,
    /// Scatter between cells.
    pub within: S,
}

impl Relation {
    /// Number of unknowns.
    fn n(&self) -> usize {
        LEVELS + self.slopes.len()
    }

    /// Centres and standard deviations of the unknowns: mean, logarithms of the scatters, slopes (logits of barriers).
    fn priors(&self) -> Vec<(f64, f64)> {
        let levels = [
            (0.0, self.mean_sd),
            (self.between.ln(), self.between_sd_ln),
            (self.within.ln(), self.within_sd_ln),
        ];
        let slopes = self.slopes.iter().map(|slope| match slope {
            Slope::Barrier {
                logit_mean,
                logit_sd,
                ..
            } => (*logit_mean, *logit_sd),
            Slope::Linear { mean, sd } => (*mean, *sd),
        });
        levels.into_iter().chain(slopes).collect()
    }

    /// What unknowns stand for.
    fn common<S: Scalar>(&self, unknowns: &[S]) -> Common<S> {
        let slopes = self.slopes.iter().zip(&unknowns[LEVELS..]);
        let slopes = slopes.map(|(slope, unknown)| match slope {
            Slope::Barrier { per_unit, .. } => {
                let share = S::constant(1.0) / ((-*unknown).exp() + 1.0);
                -share * *per_unit
            }
            Slope::Linear { .. } => *unknown,
        });
        Common {
            mean: unknowns[0],
            between: unknowns[1].exp(),
            within: unknowns[2].exp(),
            slopes: slopes.collect(),
        }
    }

    /// Mean and variance of a catalyst before its cells are seen.
    fn expected<S: Scalar>(&self, common: &Common<S>, level: &Level) -> (S, S) {
        let mut mean = common.mean;
        let mut variance = common.between * common.between;
        let slopes = self.slopes.iter().zip(&common.slopes).enumerate();
        for (at, (kind, slope)) in slopes {
            let known = level.descriptors.get(at).copied().flatten();
            let Some((value, variance_of_value)) = kind.descriptor(known) else {
                continue;
            };
            mean += *slope * value;
            variance += *slope * *slope * variance_of_value;
        }
        (mean, variance)
    }

    /// Mean and variance of a catalyst without fitted cells over draws of what is common: what its descriptors say.
    pub fn foretold(&self, common: &[Common], level: &Level) -> (f64, f64) {
        let each: Vec<(f64, f64)> = common.iter().map(|c| self.expected(c, level)).collect();
        let n = each.len() as f64;
        let centre = each.iter().map(|(mean, _)| mean).sum::<f64>() / n;
        let total: f64 = each
            .iter()
            .map(|(mean, v)| v + (mean - centre).powi(2))
            .sum();
        (centre, total / n)
    }

    /// Logarithm of the density of the fitted cells of one catalyst, its own constant integrated out.
    fn log_likelihood<S: Scalar>(&self, common: &Common<S>, level: &Level) -> S {
        let (mean, between) = self.expected(common, level);
        let within = common.within * common.within;
        let zero = S::constant(0.0);
        let (mut weights, mut weighted, mut logs) = (zero, zero, zero);
        for (y, s) in &level.cells {
            let variance = within + s * s;
            let weight = S::constant(1.0) / variance;
            weights += weight;
            weighted += weight * *y;
            logs += variance.ln();
        }
        let centre = weighted / weights;
        let mut squares = zero;
        for (y, s) in &level.cells {
            let distance = S::constant(*y) - centre;
            squares += distance * distance / (within + s * s);
        }
        let spread = between * weights + 1.0;
        let off = centre - mean;
        (logs + spread.ln() + squares + off * off * weights / spread) * -0.5
    }

    /// Draws what the catalysts have in common, given those that were fitted to cells. Without any the priors speak.
    ///
    /// # Errors
    /// [`SamplingError`] if the sampler finds no start or gives up.
    ///
    /// # Panics
    /// If there are more than [`SLOPES_MAX`] slopes.
    pub fn learned(
        &self,
        levels: &[Level],
        n: usize,
        seed: u64,
    ) -> Result<Vec<Common>, SamplingError> {
        assert!(self.slopes.len() <= SLOPES_MAX, "too many slopes");
        let fitted: Vec<&Level> = levels.iter().filter(|l| !l.cells.is_empty()).collect();
        let priors = self.priors();
        let dimension = self.n();
        let laplace = Laplace {
            centre: priors.iter().map(|(centre, _)| *centre).collect(),
            covariance: ndarray::Array2::from_shape_fn((dimension, dimension), |(i, j)| {
                if i == j { priors[i].1.powi(2) } else { 0.0 }
            }),
            lower: vec![f64::NEG_INFINITY; dimension],
            upper: vec![f64::INFINITY; dimension],
        };
        let options = SamplingOptions {
            n_chains: CHAINS,
            n_warmup: WARMUP,
            n_draws: n.div_ceil(CHAINS),
            seed,
            ..SamplingOptions::default()
        };
        let density = Density {
            relation: self,
            fitted: &fitted,
            priors: &priors,
        };
        let chains = sample(&density, &laplace, &options, &())?;
        let longest = chains.iter().map(|c| c.draws.nrows()).max().unwrap_or(0);
        let mut draws = Vec::new();
        // Chain by chain in turn: whoever takes the first ones takes from all.
        for row in 0..longest {
            for chain in &chains {
                if row < chain.draws.nrows() {
                    draws.push(self.common(&chain.draws.row(row).to_vec()));
                }
            }
        }
        draws.truncate(n);
        Ok(draws)
    }

    /// The constant of a catalyst for one draw of what is common, given its fitted cells: one draw of each fit's own
    /// posterior (`cells`) stands for it. `normal` gives standard normal numbers.
    ///
    /// A catalyst and its cells are drawn from the relation alone, then moved by what the draws of the fits differ from
    /// these cells, all fits together: so the result has the exact distribution if fits are normal, and what moves with
    /// a draw in its fit (the rest of the cell) stays with it.
    ///
    /// Source: Matheron's rule; Wilson et al., J. Mach. Learn. Res. 22 (2021), 105.
    pub fn catalyst(
        &self,
        common: &Common,
        level: &Level,
        cells: &[f64],
        normal: &mut dyn FnMut() -> f64,
    ) -> f64 {
        let (mean, between) = self.expected(common, level);
        let believed = mean + between.sqrt() * normal();
        let (mut weights, mut moved) = (0.0, 0.0);
        for (draw, (_, s)) in cells.iter().zip(&level.cells) {
            let cell = believed + common.within * normal();
            let weight = (common.within.powi(2) + s * s).recip();
            weights += weight;
            moved += weight * (draw - cell);
        }
        believed + between * moved / (1.0 + between * weights)
    }
}

/// The density of the unknowns: priors, then the catalysts that were fitted.
struct Density<'d> {
    relation: &'d Relation,
    fitted: &'d [&'d Level],
    priors: &'d [(f64, f64)],
}

impl LogDensity for Density<'_> {
    fn evaluate(&self, x: &[f64]) -> Option<Evaluation> {
        let unknowns: Vec<Dual<WIDEST>> = x
            .iter()
            .enumerate()
            .map(|(i, value)| Dual::variable(*value, i))
            .collect();
        let common = self.relation.common(&unknowns);
        let mut sum = Dual::<WIDEST>::constant(0.0);
        for level in self.fitted {
            sum += self.relation.log_likelihood(&common, level);
        }
        for (unknown, (centre, sd)) in unknowns.iter().zip(self.priors) {
            let z = (*unknown - *centre) / *sd;
            sum += z * z * -0.5;
        }
        let evaluation = Evaluation {
            log_density: sum.re,
            gradient: sum.eps[..x.len()].to_vec(),
        };
        evaluation.is_finite().then_some(evaluation)
    }
}

/// A source of standard normal numbers with a stream of its own.
pub fn normals(seed: u64, stream: u64) -> impl FnMut() -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    // A first number that nobody uses: streams of neighbouring seeds begin alike.
    let _: u32 = random.random();
    move || StandardNormal.sample(&mut random)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(slopes: Vec<Slope>) -> Relation {
        Relation {
            slopes,
            mean_sd: 3.0,
            between: 1.0,
            between_sd_ln: 0.7,
            within: 0.3,
            within_sd_ln: 0.5,
        }
    }

    const BARRIER: Slope = Slope::Barrier {
        per_unit: 38.92,
        logit_mean: 0.0,
        logit_sd: 1.5,
        population_sd: 0.5,
        population_mean: 0.0,
    };

    fn mean_and_sd(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    }

    #[test]
    fn without_fits_the_priors_speak() {
        let relation = relation(vec![BARRIER]);
        let draws = relation.learned(&[], 2000, 1).unwrap();
        let (mean, sd) = mean_and_sd(&draws.iter().map(|c| c.mean).collect::<Vec<_>>());
        assert!(mean.abs() < 0.4 && (sd - 3.0).abs() < 0.4, "{mean} {sd}");
        let (median, sd) = mean_and_sd(&draws.iter().map(|c| c.between.ln()).collect::<Vec<_>>());
        assert!(
            median.abs() < 0.1 && (sd - 0.7).abs() < 0.1,
            "{median} {sd}"
        );
        assert!(draws.iter().all(|c| (-38.92..=0.0).contains(&c.slopes[0])));
    }

    /// Many catalysts with known barriers bring the slope back.
    #[test]
    fn slope_is_recovered() {
        let share = 0.3;
        let mut normal = normals(5, 0);
        let levels: Vec<Level> = (0..30)
            .map(|i| {
                let barrier = 0.05 * f64::from(i) - 0.7;
                let truth = 1.0 - share * 38.92 * barrier + 0.5 * normal();
                Level {
                    descriptors: vec![Some((barrier + 0.01 * normal(), 0.01))],
                    cells: vec![(truth + 0.2 * normal(), 0.2)],
                }
            })
            .collect();
        let draws = relation(vec![BARRIER]).learned(&levels, 1000, 2).unwrap();
        let slopes: Vec<f64> = draws.iter().map(|c| -c.slopes[0] / 38.92).collect();
        let (mean, sd) = mean_and_sd(&slopes);
        assert!(
            (mean - share).abs() < 3.0 * sd + 0.01 && sd < 0.03,
            "{mean} {sd}"
        );
        let (between, _) = mean_and_sd(&draws.iter().map(|c| c.between).collect::<Vec<_>>());
        assert!((0.3..0.8).contains(&between), "{between}");
    }

    /// One constant, no descriptors, known scatters: the posterior of the mean has a closed form.
    #[test]
    fn mean_has_its_closed_form() {
        let relation = Relation {
            between: 0.5,
            between_sd_ln: 1e-3,
            within: 0.2,
            within_sd_ln: 1e-3,
            ..relation(Vec::new())
        };
        let levels = [(1.0, 0.1), (2.0, 0.3), (0.5, 0.2)].map(|cell| Level {
            descriptors: Vec::new(),
            cells: vec![cell],
        });
        let (mut weights, mut sum) = (1.0 / 9.0, 0.0);
        for level in &levels {
            let (y, s) = level.cells[0];
            let weight = 1.0 / (0.25 + 0.04 + s * s);
            weights += weight;
            sum += weight * y;
        }
        let draws = relation.learned(&levels, 4000, 3).unwrap();
        let (mean, sd) = mean_and_sd(&draws.iter().map(|c| c.mean).collect::<Vec<_>>());
        assert!((mean - sum / weights).abs() < 0.03, "{mean}");
        assert!((sd - weights.powf(-0.5)).abs() < 0.03, "{sd}");
    }

    /// Draws of a catalyst have the mean and variance of the conjugate update, however many cells it has.
    #[test]
    fn catalysts_are_updated_as_normals_are() {
        let relation = relation(Vec::new());
        let common = Common {
            mean: 0.5,
            slopes: Vec::new(),
            between: 0.8,
            within: 0.4,
        };
        let all = [(2.0, 0.6), (1.2, 0.3), (3.0, 1.5), (0.1, 0.9)];
        let mut normal = normals(7, 1);
        for n in 0..=all.len() {
            let level = Level {
                descriptors: Vec::new(),
                cells: all[..n].to_vec(),
            };
            let draws: Vec<f64> = (0..40_000)
                .map(|_| {
                    let cells = level.cells.iter().map(|(y, s)| y + s * normal());
                    let cells: Vec<f64> = cells.collect();
                    relation.catalyst(&common, &level, &cells, &mut normal)
                })
                .collect();
            let (mean, sd) = mean_and_sd(&draws);
            // Believed with the variance 0.64 around 0.5; each cell measures it with 0.16 beside its own.
            let (mut precision, mut sum) = (0.64_f64.recip(), 0.5 / 0.64);
            for (y, s) in &level.cells {
                precision += (0.16 + s * s).recip();
                sum += y / (0.16 + s * s);
            }
            let expected = (sum / precision, precision.sqrt().recip());
            let tolerance = 0.02 * expected.1;
            assert!((mean - expected.0).abs() < tolerance, "{n} cells: {mean}");
            assert!((sd - expected.1).abs() < tolerance, "{n} cells: {sd}");
        }
    }

    #[test]
    fn unknown_barriers_widen_and_unknown_proxies_do_not() {
        let relation = relation(vec![BARRIER, Slope::Linear { mean: 0.0, sd: 1.0 }]);
        let common = Common {
            mean: 0.0,
            slopes: vec![-10.0, 2.0],
            between: 1.0,
            within: 0.3,
        };
        let nothing = Level {
            descriptors: vec![None, None],
            cells: Vec::new(),
        };
        let (mean, variance) = relation.expected(&common, &nothing);
        assert!(mean.abs() < 1e-12 && (variance - (1.0 + 25.0)).abs() < 1e-9);
        let both = Level {
            descriptors: vec![Some((0.1, 0.5)), Some((0.5, 0.1))],
            cells: Vec::new(),
        };
        // As far from the population's mean as its error is wide: half of it is believed.
        let (mean, variance) = relation.expected(&common, &both);
        assert!((mean - (-0.5 + 1.0)).abs() < 1e-12);
        assert!((variance - (1.0 + 12.5 + 0.04)).abs() < 1e-9);
        let of = |level: &Level| relation.foretold(std::slice::from_ref(&common), level).1;
        assert!(of(&both) < of(&nothing));
    }
}
