//! Where the box is simulated: even points to learn from, independent ones to judge by.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::plan::Plan;
use super::plan::Set;
use crate::numerics::sampling::sobol;

/// The coordinates of one point of a set.
///
/// Training points are scrambled Sobol points, which leave no hole. The others are independent draws: intervals that
/// are calibrated with some of them hold for others of the same kind because they can be exchanged.
pub fn point(plan: &Plan, set: Set, index: usize) -> Vec<f64> {
    let n = plan.axes.len();
    match set {
        Set::Training => (0..n)
            .map(|dimension| 2.0 * sobol(index, dimension, plan.seed) - 1.0)
            .collect(),
        Set::Validation | Set::Calibration | Set::Test => {
            let mut generator = ChaCha8Rng::seed_from_u64(plan.seed);
            generator.set_stream(set as u64);
            generator.set_word_pos(2 * (index * n) as u128);
            (0..n).map(|_| generator.random_range(-1.0..1.0)).collect()
        }
    }
}
