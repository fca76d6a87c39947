//! The raw mirror of a mechanism file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use crate::mechanism::Feature;
use crate::mechanism::Prior;
use crate::units::Unit;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    pub(super) name: String,
    pub(super) cell: Option<RawCell>,
    pub(super) fresh: Option<RawFresh>,
    pub(super) half_cell: Option<RawHalfCell>,
    pub(super) species: Vec<RawSpecies>,
    pub(super) reaction: Vec<RawReaction>,
    pub(super) parameter: BTreeMap<String, RawParameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCell {
    pub(super) temperature: String,
    pub(super) area: String,
    pub(super) series_resistance: String,
    pub(super) loading: String,
    pub(super) specific_charge: String,
    pub(super) molar_mass: String,
    pub(super) separator_thickness: String,
    pub(super) separator_porosity: String,
    pub(super) bruggeman: String,
    pub(super) active_density: String,
    pub(super) frame_porosity: String,
    pub(super) active_area: String,
    pub(super) capacitance: String,
    pub(super) electronic_conductivity: String,
    pub(super) conductivity: String,
    pub(super) transference: String,
    pub(super) diffusion_factor: String,
    pub(super) carrier_reference: String,
    pub(super) dissolved_reference: String,
    pub(super) passivation_limit: String,
    pub(super) passivation_exponent: String,
    pub(super) passivation_floor: String,
    pub(super) initial_wetted: String,
    pub(super) wetting_time: String,
    pub(super) coated_area: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHalfCell {
    pub(super) temperature: String,
    pub(super) area: String,
    pub(super) resistance: String,
    pub(super) capacitance: String,
    pub(super) bulk: BTreeMap<String, String>,
    pub(super) shortest_time: String,
    pub(super) longest_time: String,
    pub(super) depth: RawDepth,
}

/// Where the electrolyte of a half cell ends; a thickness is the name of a parameter.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawDepth {
    SemiInfinite,
    Wall { thickness: String },
    Bulk { thickness: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFresh {
    pub(super) active_element: String,
    pub(super) loaded: String,
    #[serde(default)]
    pub(super) cathode: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) separator: BTreeMap<String, String>,
    pub(super) potential: String,
    #[serde(default)]
    pub(super) equilibrated: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpecies {
    pub(super) name: String,
    pub(super) composition: BTreeMap<String, u32>,
    #[serde(default)]
    pub(super) charge: i32,
    pub(super) electrolyte: Option<RawElectrolyte>,
    pub(super) solid: Option<RawSolid>,
    pub(super) surface: Option<RawSurface>,
    #[serde(default)]
    pub(super) anode_film: bool,
    #[serde(default)]
    pub(super) reservoir: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawElectrolyte {
    pub(super) diffusivity: String,
    pub(super) adsorption: Option<String>,
    #[serde(default)]
    pub(super) carrier: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSolid {
    pub(super) molar_volume: String,
    pub(super) passivation_weight: Option<RawCoefficient>,
    pub(super) activity_scale: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSurface {
    pub(super) site_density: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum RawCoefficient {
    Number(f64),
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReaction {
    pub(super) name: String,
    pub(super) equation: String,
    pub(super) desolvation: Option<RawDesolvation>,
    pub(super) tandem: Option<RawTandem>,
    pub(super) dissolution: Option<RawDissolution>,
    pub(super) decay: Option<RawRate>,
    pub(super) shuttle: Option<RawRate>,
    pub(super) stripping: Option<RawStripping>,
    pub(super) butler_volmer: Option<RawButlerVolmer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDesolvation {
    pub(super) rate_constant: String,
    pub(super) equilibrium_constant: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTandem {
    pub(super) rate_constant: String,
    pub(super) potential: String,
    pub(super) transfer_coefficient: String,
    pub(super) ceiling: String,
    pub(super) nucleation: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDissolution {
    pub(super) rate_constant: String,
    pub(super) solubility: String,
    pub(super) scale: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    pub(super) rate_constant: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStripping {
    pub(super) exchange_current_density: String,
    pub(super) capacitance: String,
    pub(super) initial_barrier: String,
    pub(super) activation_charge: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawButlerVolmer {
    pub(super) rate_constant: String,
    pub(super) potential: String,
    pub(super) transfer_coefficient: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParameter {
    pub(super) value: Option<f64>,
    pub(super) tied_to: Option<String>,
    pub(super) unit: String,
    pub(super) bounds: Option<[f64; 2]>,
    pub(super) prior: Option<RawPrior>,
    pub(super) meaning: String,
    #[serde(default)]
    pub(super) depends_on_catalyst: bool,
    pub(super) start_from: Option<RawFeature>,
    pub(super) source: String,
}

/// What a fit of curves may start from.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawFeature {
    HalfWavePotential,
    PeakDiffusivity,
    PeakRateConstant,
    HighFrequencyResistance,
    ArcBarrier,
    UpperPlateau,
    LowerPlateau,
}

impl RawFeature {
    /// The feature, and a unit that its parameter must have.
    pub(super) fn build(self) -> (Feature, &'static str) {
        match self {
            Self::HalfWavePotential => (Feature::HalfWavePotential, "V"),
            Self::PeakDiffusivity => (Feature::PeakDiffusivity, "m^2 s^-1"),
            Self::PeakRateConstant => (Feature::PeakRateConstant, "m s^-1"),
            Self::HighFrequencyResistance => (Feature::HighFrequencyResistance, "ohm"),
            Self::ArcBarrier => (Feature::ArcBarrier, "1"),
            Self::UpperPlateau => (Feature::UpperPlateau, "V"),
            Self::LowerPlateau => (Feature::LowerPlateau, "V"),
        }
    }
}

/// A prior as written: its scale shows in its keys.
#[derive(Deserialize, Clone, Copy, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrior {
    pub(super) median: Option<f64>,
    pub(super) sd_ln: Option<f64>,
    pub(super) mean: Option<f64>,
    pub(super) sd: Option<f64>,
    pub(super) flat: Option<RawScale>,
}

/// The scale of a prior that says nothing.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawScale {
    Ln,
    Linear,
}

impl RawPrior {
    /// The prior in SI.
    pub(super) fn build(
        self,
        place: &Place<'_>,
        key: &str,
        unit: &Unit,
    ) -> Result<Prior, ConfigError> {
        let positive = |name: &str, value: f64| {
            place.number(
                &format!("{key}.{name}"),
                value,
                |v| v > 0.0,
                "a positive number",
            )
        };
        match (self.median, self.sd_ln, self.mean, self.sd) {
            (None, None, None, None) if self.flat.is_some() => Ok(Prior::Flat {
                is_ln: self.flat == Some(RawScale::Ln),
            }),
            _ if self.flat.is_some() => Err(place.value(
                key,
                "flat beside other keys",
                "flat alone: it says that nothing is believed",
            )),
            (Some(median), Some(sd_ln), None, None) => Ok(Prior::LogNormal {
                median: unit.to_si(positive("median", median)?),
                sd_ln: positive("sd_ln", sd_ln)?,
            }),
            (None, None, Some(mean), Some(sd)) => Ok(Prior::Normal {
                mean: unit.to_si(place.number(&format!("{key}.mean"), mean, |_| true, "a finite number")?),
                sd: unit.to_si(positive("sd", sd)?),
            }),
            _ => Err(place.value(
                key,
                "another combination of keys",
                "{ median, sd_ln } for a Gaussian in the logarithm, { mean, sd } for one in the value, or { flat = \"ln\" } or { flat = \"linear\" } for none",
            )),
        }
    }
}
