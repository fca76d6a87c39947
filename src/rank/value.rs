//! What to do next: by how much a measurement or a calculation would raise the expected target of whoever is then
//! chosen.
//!
//! Source: Howard, IEEE Trans. Syst. Sci. Cybern. 2 (1966), 22 (value of information); the closed form for normal
//! differences as in Frazier, Powell & Dayanik, SIAM J. Control Optim. 47 (2008), 2410 (knowledge gradient).

use statrs::distribution::Continuous;
use statrs::distribution::ContinuousCDF;
use statrs::distribution::Normal;

use super::candidate::Descriptor;

/// Something that may be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make the catalyst, build a cell, cycle and fit it.
    Cell,
    /// Build another cell with a catalyst that was fitted already.
    AnotherCell,
    /// Compute a descriptor that is not known.
    Compute(Descriptor),
}

impl Action {
    /// In words, for a candidate.
    pub fn words(&self, name: &str) -> String {
        match self {
            Self::Cell => format!("make {name}, cycle a cell and fit it"),
            Self::AnotherCell => format!("cycle another cell with {name} and fit it"),
            Self::Compute(descriptor) => format!("compute the {} of {name}", descriptor.words()),
        }
    }
}

/// What an action is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    /// Position of the candidate.
    pub candidate: usize,
    /// What would be done.
    pub action: Action,
    /// By how much it would raise the expected target of the catalyst that is then chosen, in the target's unit.
    pub gain: f64,
    /// Probability that it changes which one is chosen.
    pub changes_choice: f64,
}

/// Expected gain and probability of a change of choice if a normal difference to the rival (mean, standard deviation)
/// becomes known but for a part: `explained` is the share of its variance that the action takes away.
///
/// The difference is that of the candidate to the best of all others; the candidate is chosen if it is positive.
pub fn expected_gain(mean: f64, sd: f64, explained: f64) -> (f64, f64) {
    let spread = sd * explained.clamp(0.0, 1.0).sqrt();
    if spread <= 0.0 || !spread.is_finite() {
        return (0.0, 0.0);
    }
    let z = -mean.abs() / spread;
    let normal = Normal::standard();
    (spread * (normal.pdf(z) + z * normal.cdf(z)), normal.cdf(z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gain_of_a_toss_up() {
        // Two alike: half the mean absolute difference, sd/√(2π).
        let (gain, change) = expected_gain(0.0, 2.0, 1.0);
        assert!((gain - 2.0 / (2.0 * std::f64::consts::PI).sqrt()).abs() < 1e-9);
        assert!((change - 0.5).abs() < 1e-12);
        assert!(expected_gain(1.0, 2.0, 0.0).0.abs() < 1e-12);
    }

    proptest! {
        /// More information is never worth less, and a clear lead makes it worth little.
        #[test]
        fn gains_grow_with_information(mean in -3.0..3.0f64, sd in 0.1..3.0f64, share in 0.05..0.95f64) {
            let (less, more) = (expected_gain(mean, sd, share).0, expected_gain(mean, sd, 1.0).0);
            prop_assert!(less >= 0.0 && less <= more + 1e-12);
            prop_assert!(expected_gain(mean + 3.0 * mean.signum(), sd, 1.0).0 <= more + 1e-12);
        }
    }
}
