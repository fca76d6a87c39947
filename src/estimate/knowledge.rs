//! What the data and the prior together know about each free quantity, in words.

use super::profile::Profile;
use super::uncertainty::Information;

/// Above this share of the prior's standard deviation nothing was learnt.
const PRIOR_SHARE: f64 = 0.9;
/// Below this share a quantity counts as identified.
const IDENTIFIED_SHARE: f64 = 0.5;
/// From this correlation on (absolute value) two quantities are known in combination only, ...
const COMBINED_CORRELATION: f64 = 0.95;
/// ... unless each is known as well as this share of its prior anyway.
const SHARP_SHARE: f64 = 0.2;
/// Correlations worth telling.
pub const TOLD_CORRELATION: f64 = 0.8;
/// Rise of the data's χ² by which the data themselves close a side of a profile: one standard deviation.
const CLOSING_RISE: f64 = 1.0;

/// What is known about a free quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Knowledge {
    /// The data determine it.
    Identified,
    /// The data exclude small values only.
    BoundedBelow,
    /// The data exclude large values only.
    BoundedAbove,
    /// The data determine it only together with another one.
    Combination {
        /// The position of the other.
        with: usize,
        /// Their correlation.
        correlation: f64,
    },
    /// The data narrow the prior, but the prior still counts.
    Narrowed,
    /// The data say nothing.
    PriorOnly,
}

impl Knowledge {
    /// The verdicts as they stand in result files.
    pub const WORDS: [&'static str; 6] = [
        "identified",
        "bounded_below",
        "bounded_above",
        "combination",
        "narrowed",
        "prior_only",
    ];

    /// What a verdict of [`Self::WORDS`] says, and when it is given; `None` for any other word.
    ///
    /// q is the share of the prior's standard deviation that is left, r the strongest correlation with another free
    /// quantity.
    pub fn meaning(word: &str) -> Option<String> {
        let meaning = match word {
            "identified" => format!(
                "the data determine it: q below {IDENTIFIED_SHARE}, and not in combination only"
            ),
            "bounded_below" => format!(
                "the data exclude small values only: the χ² of the data rises by at least {CLOSING_RISE} on the lower side of its profile and not on the upper"
            ),
            "bounded_above" => format!(
                "the data exclude large values only: the χ² of the data rises by at least {CLOSING_RISE} on the upper side of its profile and not on the lower"
            ),
            "combination" => format!(
                "the data determine it only together with another quantity: |r| above {COMBINED_CORRELATION} and q above {SHARP_SHARE}"
            ),
            "narrowed" => format!(
                "the data narrow the prior, but the prior still counts: q from {IDENTIFIED_SHARE} to {PRIOR_SHARE}"
            ),
            "prior_only" => {
                format!("the data say nothing, its interval is the prior's: q above {PRIOR_SHARE}")
            }
            _ => return None,
        };
        Some(meaning)
    }

    /// One verdict per free quantity; profiles, where there are any, tell the sides apart.
    pub(super) fn judge(
        information: &Information,
        prior_sds: &[f64],
        profiles: &[Option<Profile>],
    ) -> Vec<Self> {
        let share = |i: usize| information.sd(i) / prior_sds[i];
        (0..prior_sds.len())
            .map(|i| {
                // Only a profile sees a plateau that ends on one side.
                let profile = profiles.get(i).and_then(Option::as_ref);
                match profile.map(|profile| profile.sides_closed_by_data(CLOSING_RISE)) {
                    Some((true, false)) => return Self::BoundedBelow,
                    Some((false, true)) => return Self::BoundedAbove,
                    _ => {}
                }
                if share(i) > PRIOR_SHARE {
                    return Self::PriorOnly;
                }
                let (with, correlation) = strongest(information, i);
                if correlation.abs() > COMBINED_CORRELATION && share(i) > SHARP_SHARE {
                    return Self::Combination { with, correlation };
                }
                if share(i) < IDENTIFIED_SHARE {
                    Self::Identified
                } else {
                    Self::Narrowed
                }
            })
            .collect()
    }

    /// As it stands in result files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identified => "identified",
            Self::BoundedBelow => "bounded_below",
            Self::BoundedAbove => "bounded_above",
            Self::Combination { .. } => "combination",
            Self::Narrowed => "narrowed",
            Self::PriorOnly => "prior_only",
        }
    }
}

/// The quantity that correlates most with `i`.
fn strongest(information: &Information, i: usize) -> (usize, f64) {
    let others = (0..information.covariance.nrows()).filter(|j| *j != i);
    let pairs = others.map(|j| (j, information.correlation(i, j)));
    pairs.fold((i, 0.0), |best: (usize, f64), pair| {
        if pair.1.abs() > best.1.abs() {
            pair
        } else {
            best
        }
    })
}
