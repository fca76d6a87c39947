//! `result.json` and `posterior.json`.

use serde::Deserialize;

/// A result.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FitResult {
    pub(crate) version: String,
    pub(crate) experiment: String,
    pub(crate) seed: u64,
    #[serde(default)]
    pub(crate) command: Option<String>,
    /// `measured`, `literature` or `synthetic`.
    #[serde(default)]
    pub(crate) data: Option<String>,
    #[serde(default)]
    pub(crate) inputs: Vec<Input>,
    #[serde(default)]
    pub(crate) interrupted: bool,
    #[serde(default)]
    pub(crate) evaluations: usize,
    #[serde(default)]
    pub(crate) failed_solves: usize,
    #[serde(default)]
    pub(crate) failures: Vec<Failure>,
    #[serde(default)]
    pub(crate) assumptions: Vec<String>,
    #[serde(flatten)]
    main: VariantResult,
    #[serde(default)]
    variants: Vec<VariantResult>,
    #[serde(default)]
    pub(crate) models: Vec<Model>,
    #[serde(default)]
    pub(crate) averaged_predictions: Vec<Averaged>,
}

impl FitResult {
    /// The variants, the first of the experiment first.
    pub(crate) fn variants(&self) -> impl Iterator<Item = &VariantResult> {
        std::iter::once(&self.main).chain(&self.variants)
    }

    /// The variant that the data speak for most, or the first.
    pub(crate) fn best(&self) -> &VariantResult {
        let weight = |variant: &&VariantResult| self.weight(&variant.variant).unwrap_or(0.0);
        let first = &self.main;
        self.variants().fold(first, |best, variant| {
            if weight(&variant) > weight(&best) {
                variant
            } else {
                best
            }
        })
    }

    /// The weight of a variant among those compared.
    pub(crate) fn weight(&self, variant: &str) -> Option<f64> {
        let mut models = self.models.iter();
        models.find(|model| model.name == variant)?.weight
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) fingerprint: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) during: String,
    pub(crate) time_s: Option<f64>,
    pub(crate) reason: String,
}

/// What is told of one variant.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct VariantResult {
    pub(crate) variant: String,
    #[serde(default)]
    pub(crate) meaning: String,
    #[serde(default)]
    pub(crate) converged: bool,
    #[serde(default)]
    pub(crate) stop_reason: String,
    pub(crate) cost: Option<f64>,
    pub(crate) cost_data: Option<f64>,
    #[serde(default)]
    pub(crate) surrogate: Option<Guide>,
    #[serde(default)]
    pub(crate) starts: Vec<Attempt>,
    #[serde(default)]
    pub(crate) alternatives: Vec<Alternative>,
    #[serde(default)]
    pub(crate) observables: Vec<Observable>,
    #[serde(default)]
    pub(crate) curves: Vec<Curve>,
    #[serde(default)]
    pub(crate) parameters: Vec<Parameter>,
    #[serde(default)]
    pub(crate) identifiability: Option<Identifiability>,
    #[serde(default)]
    pub(crate) posterior: Option<Posterior>,
    #[serde(default)]
    pub(crate) posterior_failure: Option<String>,
    #[serde(default)]
    pub(crate) posterior_by_surrogate: Option<Weighted>,
    #[serde(default)]
    pub(crate) posterior_by_surrogate_failure: Option<String>,
    #[serde(default)]
    pub(crate) candidates: Vec<Candidate>,
    #[serde(default)]
    pub(crate) ablation: Vec<Ablation>,
    #[serde(default)]
    pub(crate) predictions: Vec<Prediction>,
    #[serde(default)]
    pub(crate) orderings: Vec<Ordering>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Guide {
    pub(crate) name: String,
    pub(crate) starts: usize,
    pub(crate) distinct_ends: usize,
    pub(crate) points_asked: usize,
    pub(crate) points_refused: usize,
    pub(crate) cost_at_optimum: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Attempt {
    #[serde(default)]
    pub(crate) found_by: String,
    pub(crate) cost_at_start: Option<f64>,
    pub(crate) cost: Option<f64>,
    #[serde(default)]
    pub(crate) iterations: usize,
    pub(crate) optimum: Option<usize>,
    #[serde(default)]
    pub(crate) stop_reason: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Alternative {
    pub(crate) name: String,
    pub(crate) cost: Option<f64>,
    pub(crate) cost_first_reading: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Observable {
    pub(crate) id: String,
    pub(crate) cell: String,
    pub(crate) measured: f64,
    pub(crate) model: Option<f64>,
    pub(crate) sd: f64,
    pub(crate) z: Option<f64>,
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) used_in_fit: bool,
    #[serde(default)]
    pub(crate) protocol: Option<String>,
    #[serde(default)]
    pub(crate) reading: Option<String>,
    #[serde(default)]
    pub(crate) step: Option<usize>,
    #[serde(default)]
    pub(crate) cycle: Option<usize>,
    #[serde(default)]
    pub(crate) model_sd: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) cell: String,
    pub(crate) origin: String,
    pub(crate) abscissa: String,
    pub(crate) points: usize,
    pub(crate) unit: String,
    pub(crate) rms: Option<f64>,
    pub(crate) noise_sd: Option<f64>,
    pub(crate) correlation: f64,
    pub(crate) effective_points: f64,
    pub(crate) used_in_fit: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) cell: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) sd_scale: String,
    #[serde(default)]
    pub(crate) prior: String,
    /// Ends of the interval; an end that no number tells is open.
    interval: Option<(Option<f64>, Option<f64>)>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) interval_level: f64,
    #[serde(default)]
    pub(crate) interval_method: Option<String>,
    #[serde(default)]
    pub(crate) verdict: Option<String>,
    #[serde(default)]
    pub(crate) verdict_in_words: Option<String>,
    #[serde(default)]
    pub(crate) profile: Option<Vec<ProfilePoint>>,
    #[serde(default)]
    pub(crate) profile_rise_of_interval: Option<f64>,
    #[serde(default)]
    pub(crate) profile_lower_than_optimum: Option<f64>,
    #[serde(default)]
    pub(crate) profile_failed_points: Option<usize>,
}

impl Parameter {
    /// The interval, if both ends are known.
    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        let (lower, upper) = self.interval?;
        Some((lower?, upper?))
    }

    /// Whether an end is only where the fit may go no further.
    pub(crate) fn is_open(&self) -> bool {
        let is_at = |end: f64, bound: Option<f64>| {
            bound.is_some_and(|bound| (end - bound).abs() <= 1e-9 * bound.abs())
        };
        self.interval()
            .is_some_and(|(lower, upper)| is_at(lower, self.lower) || is_at(upper, self.upper))
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct ProfilePoint {
    pub(crate) value: f64,
    pub(crate) rise: f64,
    pub(crate) rise_data: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Identifiability {
    pub(crate) eigenvalues: Vec<f64>,
    #[serde(default)]
    pub(crate) directions: Vec<Vec<Component>>,
    #[serde(default)]
    pub(crate) correlations: Vec<Pair>,
    pub(crate) informed_directions: usize,
    pub(crate) informative_data: usize,
    pub(crate) effective_parameters: f64,
    pub(crate) chi_squared: f64,
    pub(crate) inflation: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) weight: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pair {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) correlation: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Posterior {
    pub(crate) draws: usize,
    pub(crate) r_hat_max: Option<f64>,
    pub(crate) ess_min: Option<f64>,
    pub(crate) divergences: usize,
    pub(crate) failed_evaluations: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Weighted {
    pub(crate) draws: usize,
    #[serde(default)]
    pub(crate) failed: usize,
    pub(crate) pareto_k: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) information_nats: Option<f64>,
    #[serde(default)]
    pub(crate) interval_ratios: Vec<(String, f64)>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ablation {
    pub(crate) without: Option<String>,
    pub(crate) parameters: Vec<Ablated>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ablated {
    pub(crate) name: String,
    pub(crate) sd: Option<f64>,
    pub(crate) verdict: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Prediction {
    pub(crate) id: String,
    pub(crate) cell: String,
    pub(crate) measured: f64,
    pub(crate) model: Option<f64>,
    pub(crate) sd: Option<f64>,
    pub(crate) unit: String,
    pub(crate) blind: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ordering {
    pub(crate) claim: String,
    pub(crate) met: Option<bool>,
    pub(crate) larger: Option<f64>,
    pub(crate) smaller: Option<f64>,
    pub(crate) unit: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) log_evidence: Option<f64>,
    pub(crate) loo: Option<f64>,
    #[serde(default)]
    pub(crate) loo_doubtful_data: Option<usize>,
    pub(crate) aicc: Option<f64>,
    pub(crate) bic: Option<f64>,
    pub(crate) weight: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Averaged {
    pub(crate) id: String,
    pub(crate) cell: String,
    pub(crate) measured: f64,
    pub(crate) mean: f64,
    pub(crate) sd_within: f64,
    pub(crate) sd_between: f64,
    pub(crate) unit: String,
    pub(crate) blind: String,
}

/// `posterior.json`, as far as it is told.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Handover {
    pub(crate) variants: Vec<HandedOver>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct HandedOver {
    pub(crate) variant: String,
    pub(crate) free: Vec<String>,
    pub(crate) covariance: Vec<Vec<f64>>,
}
