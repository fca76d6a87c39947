//! Which descriptor tells something about which constant, and what is believed about that beforehand.

use super::candidate::Candidate;
use super::candidate::Descriptor;
use crate::estimate::Level;
use crate::estimate::Relation;
use crate::estimate::Slope;
use crate::mechanism::Law;
use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::mechanism::Phase;
use crate::units::GAS_J_PER_MOL_K;

/// J mol⁻¹ of one eV per particle.
const J_PER_MOL_EV: f64 = 96_485.332_12;
/// Standard deviation of the logit of a transfer slope: 0.05 to 0.95 within two of them.
const LOGIT_SD: f64 = 1.5;
/// Share of the spread of known barriers that is at least one of the catalysts (1).
const SPREAD_MIN: f64 = 0.1;
/// Fewest catalysts whose spread stands for that of all.
const POPULATION_MIN: usize = 3;

/// What is believed of catalysts beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beliefs {
    /// Scatter between catalysts around the relation, in ln of a constant.
    pub between: f64,
    /// Scatter between cells of one catalyst, in ln of a constant.
    pub within: f64,
    /// Standard deviation of the mean over catalysts, in ln.
    pub mean_sd: f64,
}

impl Default for Beliefs {
    /// A factor e between catalysts, a third between cells: both assumptions.
    fn default() -> Self {
        Self {
            between: 1.0,
            within: 0.3,
            mean_sd: 2.0,
        }
    }
}

/// A constant that catalysts change.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Name of the parameter.
    pub name: String,
    /// The parameter.
    pub parameter: ParameterId,
    /// The descriptors that tell something about it.
    pub descriptors: Vec<Descriptor>,
    /// How.
    pub relation: Relation,
    /// Descriptors are told relative to these.
    origins: Vec<f64>,
    /// Whether it is the constant of desolvation.
    pub is_desolvation: bool,
    /// Whether it is that of the last conversion.
    pub is_last_conversion: bool,
}

impl Constant {
    /// What is known of a candidate about this constant; `position` is that of the constant.
    pub fn level(&self, candidate: &Candidate, position: usize) -> Level {
        let descriptors = self.descriptors.iter().zip(&self.origins);
        let cells = candidate.cells.iter().map(|draws| {
            let values: Vec<f64> = draws.iter().map(|draw| draw[position]).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
            // The reference itself has no spread around itself.
            (mean, variance.sqrt().max(1e-3))
        });
        Level {
            descriptors: descriptors
                .map(|(descriptor, origin)| {
                    let known = candidate.of(*descriptor)?;
                    Some((known.value - origin, known.sd))
                })
                .collect(),
            cells: cells.collect(),
        }
    }
}

/// The constants of a mechanism that depend on the catalyst, with what descriptors say about them. The first candidate
/// is the reference.
pub fn constants(
    mechanism: &Mechanism,
    candidates: &[Candidate],
    beliefs: Beliefs,
) -> Vec<Constant> {
    let table = mechanism.parameters();
    let rows = table.rows().iter();
    let own = rows.filter(|row| row.depends_on_catalyst && row.tied_to.is_none());
    let temperature = table.row(mechanism.roles().temperature).value;
    let per_ev = J_PER_MOL_EV / (GAS_J_PER_MOL_K * temperature);
    let all = own.filter_map(|row| {
        let parameter = table.find(&row.name)?;
        let part = part(mechanism, parameter);
        let descriptors = part.descriptors();
        let slopes = descriptors
            .iter()
            .map(|descriptor| slope(*descriptor, candidates, per_ev));
        Some(Constant {
            name: row.name.clone(),
            parameter,
            relation: Relation {
                slopes: slopes.collect(),
                mean_sd: beliefs.mean_sd,
                between: beliefs.between,
                between_sd_ln: 0.5,
                within: beliefs.within,
                within_sd_ln: 0.5,
            },
            origins: descriptors.iter().map(|d| origin(*d, candidates)).collect(),
            descriptors,
            is_desolvation: part == Part::Desolvation,
            is_last_conversion: part == Part::LastConversion,
        })
    });
    all.collect()
}

/// What a constant does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Desolvation,
    Conversion,
    LastConversion,
    Adsorption,
    Other,
}

impl Part {
    fn descriptors(self) -> Vec<Descriptor> {
        match self {
            Self::Desolvation => vec![Descriptor::DesolvationBarrier, Descriptor::MetalLoading],
            Self::LastConversion => vec![
                Descriptor::ConversionBarrier,
                Descriptor::ProductAdsorption,
                Descriptor::MetalLoading,
            ],
            Self::Conversion => vec![
                Descriptor::ChargeTransfer,
                Descriptor::IntermediateAdsorption,
                Descriptor::MetalLoading,
            ],
            Self::Adsorption => vec![Descriptor::IntermediateAdsorption, Descriptor::SurfaceArea],
            Self::Other => Vec::new(),
        }
    }
}

fn part(mechanism: &Mechanism, parameter: ParameterId) -> Part {
    let conversions = || {
        mechanism.reactions().iter().filter_map(|r| match r.law {
            Law::Tandem { rate_constant, .. } => Some(rate_constant),
            _ => None,
        })
    };
    let is_desolvation = mechanism.reactions().iter().any(
        |r| matches!(r.law, Law::Desolvation { rate_constant, .. } if rate_constant == parameter),
    );
    let adsorbs = |phase: &Phase| matches!(phase, Phase::Electrolyte { adsorption, .. } if *adsorption == Some(parameter));
    if is_desolvation {
        Part::Desolvation
    } else if conversions().next_back() == Some(parameter) {
        Part::LastConversion
    } else if conversions().any(|k| k == parameter) {
        Part::Conversion
    } else if mechanism.species().iter().any(|s| adsorbs(&s.phase)) {
        Part::Adsorption
    } else {
        Part::Other
    }
}

/// Where a descriptor is counted from: its value at the reference, or the mean of those that are known.
fn origin(descriptor: Descriptor, candidates: &[Candidate]) -> f64 {
    let reference = candidates.first().and_then(|c| c.of(descriptor));
    reference.map_or_else(
        || mean(&values(descriptor, candidates)),
        |known| known.value,
    )
}

fn values(descriptor: Descriptor, candidates: &[Candidate]) -> Vec<f64> {
    let known = candidates.iter().filter_map(|c| c.of(descriptor));
    known.map(|k| k.value).collect()
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

fn slope(descriptor: Descriptor, candidates: &[Candidate], per_ev: f64) -> Slope {
    match descriptor {
        Descriptor::DesolvationBarrier | Descriptor::ConversionBarrier => {
            let values = values(descriptor, candidates);
            let centre = mean(&values);
            let squares: Vec<f64> = values.iter().map(|v| (v - centre).powi(2)).collect();
            let known = candidates.iter().filter_map(|c| c.of(descriptor));
            let errors: Vec<f64> = known.map(|k| k.sd * k.sd).collect();
            let population_sd = if values.len() >= POPULATION_MIN {
                // The spread of what was computed is that of the catalysts and of the errors.
                let all = mean(&squares);
                (all - mean(&errors)).max(SPREAD_MIN * all).sqrt()
            } else {
                descriptor.population_sd()
            };
            Slope::Barrier {
                per_unit: per_ev,
                logit_mean: 0.0,
                logit_sd: LOGIT_SD,
                population_sd,
                population_mean: centre - origin(descriptor, candidates),
            }
        }
        Descriptor::ProductAdsorption | Descriptor::IntermediateAdsorption => {
            Slope::Linear { mean: 0.0, sd: 0.5 }
        }
        Descriptor::ChargeTransfer => Slope::Linear { mean: 0.0, sd: 5.0 },
        Descriptor::MetalLoading | Descriptor::SurfaceArea => Slope::Linear { mean: 0.5, sd: 0.5 },
    }
}
