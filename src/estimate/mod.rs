//! Estimation: a study is fitted, its uncertainty told, its predictions made.

mod ablation;
mod archive;
mod belief;
mod comparison;
mod counters;
mod design;
mod discretisation;
mod evaluate;
mod evidence;
mod fit;
mod fitted;
mod guide;
mod hierarchy;
mod knowledge;
mod left_out;
mod measurement;
mod noise;
mod objective;
mod outcome;
mod posterior;
mod profile;
mod proxy;
mod reading;
mod recovery;
mod search;
mod study;
mod task;
mod uncertainty;
mod weighted;

pub use ablation::Ablation;
pub use archive::Archive;
pub use archive::Forgetful;
pub use counters::Counters;
pub use design::Promise;
pub use evaluate::linearised;
pub use evaluate::residuals;
pub use evidence::Evidence;
pub use evidence::WIDTH_FACTORS;
pub use evidence::weights;
pub use fit::Effort;
pub use fit::fit;
pub use fit::simulate;
pub use fit::simulate_all;
pub use fitted::Fitted;
pub use fitted::handed_over;
pub use fitted::model_weights;
pub use fitted::prior_draws;
pub use guide::guide_fits;
pub use hierarchy::Common;
pub use hierarchy::Level;
pub use hierarchy::Relation;
pub use hierarchy::SLOPES_MAX;
pub use hierarchy::Slope;
pub use hierarchy::normals;
pub use knowledge::Knowledge;
pub use knowledge::TOLD_CORRELATION;
pub use left_out::Foretold;
pub use left_out::foretold;
pub use noise::effective_share;
pub use noise::neighbour_correlation;
pub use objective::Curves;
pub use outcome::AlternativeCost;
pub use outcome::Averaged;
pub use outcome::Comparison;
pub use outcome::Estimate;
pub use outcome::Extra;
pub use outcome::FitReport;
pub use outcome::GuideReport;
pub use outcome::INTERVAL_LEVEL;
pub use outcome::IntervalMethod;
pub use outcome::Observed;
pub use outcome::Predicted;
pub use outcome::StartReport;
pub use outcome::VariantReport;
pub use outcome::Verdict;
pub use posterior::Posterior;
pub use profile::NORMAL_95;
pub use profile::Profile;
pub use profile::ProfilePoint;
pub use recovery::Recovered;
pub use recovery::Recovery;
pub use recovery::RecoveryPlan;
pub use recovery::recover;
pub use study::Abscissa;
pub use study::Alternative;
pub use study::Blind;
pub use study::Calibration;
pub use study::Candidate;
pub use study::Combination;
pub use study::FitSettings;
pub use study::Free;
pub use study::Guide;
pub use study::Input;
pub use study::MeasuredCurve;
pub use study::Noise;
pub use study::NoiseGroup;
pub use study::Observation;
pub use study::Ordering;
pub use study::Origin;
pub use study::Prediction;
pub use study::Role;
pub use study::Search;
pub use study::Study;
pub use study::Target;
pub use study::Variant;
pub use uncertainty::Information;
pub use weighted::WeightedPosterior;

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

/// Where posterior sampling stands.
#[derive(Clone, Copy, Debug)]
pub struct SamplingStatus {
    /// Draws so far, warm-up included, all chains together.
    pub draws: usize,
    /// Evaluations that failed in the chain that spoke last.
    pub failed: usize,
}

/// Whoever watches an estimation: shows progress, and may ask for its end.
pub trait Monitor: Sync {
    /// A stage begins that will take at most this many iterations.
    fn begin(&self, stage: &str, iterations_max: usize);
    /// The estimation has moved on.
    fn advance(&self, status: &Status<'_>);
    /// Posterior sampling has moved on.
    fn advance_sampling(&self, status: &SamplingStatus) {
        let _ = status;
    }
    /// Something that the user should know before the work goes on.
    fn warn(&self, message: &str) {
        let _ = message;
    }
    /// Whether the estimation shall end at its best point so far.
    fn is_interrupted(&self) -> bool;
}
