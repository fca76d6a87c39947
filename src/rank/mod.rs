//! A ranking of catalysts: from fits and descriptors to rate constants, from these to what a cell would give, and from
//! that to which is best, how sure that is, why, and what to measure next.

mod candidate;
mod contest;
mod race;
mod ranking;
mod relation;
mod standing;
mod value;
mod worth;

pub use candidate::Candidate;
pub use candidate::Descriptor;
pub use candidate::Evidence;
pub use candidate::Known;
pub use contest::ActivityMap;
pub use contest::Contest;
pub use contest::Entrant;
pub use contest::Place;
pub use contest::RANKABLE_BELOW;
pub use contest::Ranking;
pub use contest::Source;
pub use contest::TOLD;
pub use contest::catalyst_parameters;
pub use ranking::ranking;
pub use relation::Beliefs;
pub use relation::Constant;
pub use relation::constants;
pub use standing::Standing;
pub use standing::kendall_tau;
pub use standing::standings;
pub use value::Action;
pub use value::Worth;
pub use value::expected_gain;
