//! Draws from the Gaussian that the curvature at an optimum stands for.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;

use super::belief::Belief;
use super::outcome::VariantReport;
use super::study::Study;

/// Coordinates drawn from the covariance at the optimum of a variant, kept inside the bounds of the fit; none if the
/// curvature is unknown.
pub fn laplace_draws(study: &Study, report: &VariantReport, n: usize) -> Vec<Vec<f64>> {
    let free = &study.variants[report.variant].free;
    let information = report.information.as_ref();
    let gaussian = information.and_then(|i| Belief::correlated(&report.x, &i.covariance));
    let Some(gaussian) = gaussian else {
        return Vec::new();
    };
    let mut random = ChaCha8Rng::seed_from_u64(study.settings.seed);
    random.set_stream(report.variant as u64);
    let draw = |_| {
        let normals: Vec<f64> = free
            .iter()
            .map(|_| StandardNormal.sample(&mut random))
            .collect();
        let inside = gaussian
            .draw(&normals)
            .into_iter()
            .zip(free)
            .map(|(x, free)| {
                let (lower, upper) = free.bounds();
                x.clamp(lower, upper)
            });
        inside.collect()
    };
    (0..n).map(draw).collect()
}
