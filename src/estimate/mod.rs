//! Estimation: a study is fitted, its uncertainty told, its predictions made.

mod fit;
mod objective;
mod outcome;
mod study;

pub use fit::fit;
pub use fit::simulate;
pub use objective::Counters;
pub use outcome::AlternativeCost;
pub use outcome::Curves;
pub use outcome::Estimate;
pub use outcome::Extra;
pub use outcome::FitReport;
pub use outcome::Observed;
pub use outcome::Predicted;
pub use outcome::StartReport;
pub use outcome::VariantReport;
pub use outcome::Verdict;
pub use study::Alternative;
pub use study::Blind;
pub use study::CellSpec;
pub use study::FitSettings;
pub use study::Free;
pub use study::Noise;
pub use study::Observation;
pub use study::Ordering;
pub use study::Prediction;
pub use study::Resolution;
pub use study::Role;
pub use study::Scale;
pub use study::Study;
pub use study::Target;
pub use study::Variant;

/// Where an estimation stands.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// What is being done.
    pub stage: &'a str,
    /// Iterations done in this stage; `None` between two trials.
    pub iteration: Option<usize>,
    /// Cost of the best point so far.
    pub cost: f64,
    /// Scaled gradient there.
    pub scaled_gradient: f64,
    /// Parameter points simulated so far.
    pub evaluations: usize,
    /// Simulations that failed so far.
    pub failed: usize,
}

/// Whoever watches an estimation: shows progress, and may ask for its end.
pub trait Monitor: Sync {
    /// A stage begins that will take at most this many iterations.
    fn begin(&self, stage: &str, iterations_max: usize);
    /// The estimation has moved on.
    fn advance(&self, status: &Status<'_>);
    /// Whether the estimation shall end at its best point so far.
    fn is_interrupted(&self) -> bool;
}
