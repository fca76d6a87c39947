//! What a fit hands over to those who go on from it: for every variant its weight, its optimum, and draws of what is
//! known about it.

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;

use super::belief::Belief;
use super::outcome::FitReport;
use super::outcome::VariantReport;
use super::study::Free;
use super::study::Study;

/// Draws of a posterior that are handed over at most.
const SAMPLES_MAX: usize = 1024;

/// What is known about one variant after a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Position of the variant in its study.
    pub variant: usize,
    /// Its weight by the evidence; 1 if it is the only one; `None` if the variants could not be compared.
    pub weight: Option<f64>,
    /// Coordinates of the optimum.
    pub x: Vec<f64>,
    /// Covariance of the coordinates, the noise inflated to the scatter.
    pub covariance: Array2<f64>,
    /// Samples of the posterior, if they were drawn; otherwise the covariance stands for it.
    pub samples: Vec<Vec<f64>>,
    /// Whether the fit converged.
    pub is_converged: bool,
}

impl Fitted {
    /// What the fit of one variant left behind; `None` if its curvature is unknown.
    pub fn new(report: &VariantReport, weight: Option<f64>) -> Option<Self> {
        let posterior = report.posterior.as_ref().and_then(|p| p.as_ref().ok());
        let rows = posterior.into_iter().flat_map(|posterior| {
            let chains = posterior.chains.iter();
            chains.flat_map(|chain| chain.draws.rows().into_iter().map(|row| row.to_vec()))
        });
        let all: Vec<Vec<f64>> = rows.collect();
        let step = all.len().div_ceil(SAMPLES_MAX).max(1);
        Some(Self {
            variant: report.variant,
            weight,
            x: report.x.clone(),
            covariance: report.information.as_ref()?.covariance.clone(),
            samples: all.into_iter().step_by(step).collect(),
            is_converged: report.stop.is_converged(),
        })
    }

    /// Coordinates drawn from what is known: samples of the posterior if there are any, else the Gaussian of the
    /// curvature, kept inside the bounds of the fit; none if the covariance is not positive definite.
    pub fn draws(&self, free: &[Free], n: usize, seed: u64) -> Vec<Vec<f64>> {
        if !self.samples.is_empty() {
            let all = self.samples.len();
            return (0..n)
                .map(|i| self.samples[i * all / n.max(1) % all].clone())
                .collect();
        }
        let Some(gaussian) = Belief::correlated(&self.x, &self.covariance) else {
            return Vec::new();
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(self.variant as u64);
        (0..n)
            .map(|_| drawn(&gaussian, free, &mut random))
            .collect()
    }
}

/// Weights of variants, adding up to one, and whether they come from the evidence; otherwise all count alike.
pub fn model_weights(fitted: &[Fitted]) -> (Vec<f64>, bool) {
    let known: Option<Vec<f64>> = fitted.iter().map(|f| f.weight).collect();
    let are_known = known.is_some();
    let weights = known.unwrap_or_else(|| vec![1.0; fitted.len()]);
    let all: f64 = weights.iter().sum();
    (weights.iter().map(|w| w / all).collect(), are_known)
}

/// Coordinates drawn from the priors of free quantities, kept inside the bounds of a fit.
pub fn prior_draws(free: &[Free], n: usize, seed: u64) -> Vec<Vec<f64>> {
    let belief = Belief::independent(free);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::MAX);
    (0..n).map(|_| drawn(&belief, free, &mut random)).collect()
}

fn drawn(gaussian: &Belief, free: &[Free], random: &mut ChaCha8Rng) -> Vec<f64> {
    let normals: Vec<f64> = free.iter().map(|_| StandardNormal.sample(random)).collect();
    let pairs = gaussian.draw(&normals).into_iter().zip(free);
    let inside = pairs.map(|(x, free)| {
        let (lower, upper) = free.bounds();
        x.clamp(lower, upper)
    });
    inside.collect()
}

/// What a fit leaves behind of each variant whose curvature is known.
pub fn handed_over(study: &Study, report: &FitReport) -> Vec<Fitted> {
    let all = report.variants.iter().map(|variant| {
        let weights = report.comparison.as_ref().map(|c| &c.weights);
        let weight = match weights {
            Some(weights) => weights.get(variant.variant).copied(),
            None => (study.variants.len() == 1).then_some(1.0),
        };
        Fitted::new(variant, weight)
    });
    all.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Role;
    use crate::mechanism::ParameterId;
    use crate::mechanism::Prior;

    fn free(name: &str) -> Free {
        Free {
            name: name.to_owned(),
            role: Role::Value(ParameterId(0)),
            prior: Prior::Normal { mean: 0.0, sd: 1.0 },
            lower: -2.0,
            upper: 5.0,
            given: 0.0,
        }
    }

    fn fitted() -> Fitted {
        Fitted {
            variant: 0,
            weight: Some(1.0),
            x: vec![1.0, -1.0],
            covariance: ndarray::array![[0.25, 0.1], [0.1, 0.16]],
            samples: Vec::new(),
            is_converged: true,
        }
    }

    #[test]
    fn draws_have_the_covariance_and_keep_the_bounds() {
        let free = [free("a"), free("b")];
        let draws = fitted().draws(&free, 20_000, 3);
        let n = draws.len() as f64;
        let mean = |i: usize| draws.iter().map(|x| x[i]).sum::<f64>() / n;
        let centre = [mean(0), mean(1)];
        let product = |x: &Vec<f64>| (x[0] - centre[0]) * (x[1] - centre[1]);
        let covariance = draws.iter().map(product).sum::<f64>() / n;
        assert!((centre[0] - 1.0).abs() < 0.02 && (covariance - 0.1).abs() < 0.01);
        assert!(draws.iter().flatten().all(|x| (-2.0..=5.0).contains(x)));
        assert_eq!(draws, fitted().draws(&free, 20_000, 3));
    }

    #[test]
    fn samples_go_before_the_covariance() {
        let fitted = Fitted {
            samples: vec![vec![0.0, 1.0], vec![2.0, 3.0]],
            ..fitted()
        };
        let draws = fitted.draws(&[free("a"), free("b")], 4, 1);
        assert_eq!(draws[0], vec![0.0, 1.0]);
        assert_eq!(draws[3], vec![2.0, 3.0]);
    }
}
