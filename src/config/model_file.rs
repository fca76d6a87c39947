//! The raw mirror of a mechanism file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use crate::mechanism::Feature;
use crate::mechanism::Prior;
use crate::units::Unit;

/// A mechanism: species, reactions, rate laws, parameters, and what they are in the cell. A battery has `[cell]` and
/// `[fresh]`, a half cell has `[half_cell]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    /// Name of the mechanism.
    pub(super) name: String,
    /// Which parameter plays which part in a battery.
    pub(super) cell: Option<RawCell>,
    /// The fresh cell of a battery.
    pub(super) fresh: Option<RawFresh>,
    /// Which parameter plays which part in a half cell.
    pub(super) half_cell: Option<RawHalfCell>,
    /// The species.
    pub(super) species: Vec<RawSpecies>,
    /// The reactions; each is balanced in every element and in charge.
    pub(super) reaction: Vec<RawReaction>,
    /// The table of parameters, by name.
    pub(super) parameter: BTreeMap<String, RawParameter>,
}

/// Which parameter plays which part in a battery: every value is the name of a parameter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCell {
    /// Temperature.
    #[schemars(extend("x-unit" = "K"))]
    pub(super) temperature: String,
    /// Geometric area.
    #[schemars(extend("x-unit" = "m^2"))]
    pub(super) area: String,
    /// Contact resistance of each current collector.
    #[schemars(extend("x-unit" = "ohm m^2"))]
    pub(super) series_resistance: String,
    /// Loading of the active element per area.
    #[schemars(extend("x-unit" = "kg m^-2"))]
    pub(super) loading: String,
    /// Specific charge that defines 1C.
    #[schemars(extend("x-unit" = "C kg^-1"))]
    pub(super) specific_charge: String,
    /// Molar mass of the loaded species.
    #[schemars(extend("x-unit" = "kg mol^-1"))]
    pub(super) molar_mass: String,
    /// Thickness of the separator.
    #[schemars(extend("x-unit" = "m"))]
    pub(super) separator_thickness: String,
    /// Porosity of the separator.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) separator_porosity: String,
    /// Bruggeman exponent.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) bruggeman: String,
    /// Mass of the active element per volume of the cathode.
    #[schemars(extend("x-unit" = "kg m^-3"))]
    pub(super) active_density: String,
    /// Porosity of the cathode's frame without any active material.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) frame_porosity: String,
    /// Electroactive area per volume of the cathode.
    #[schemars(extend("x-unit" = "m^-1"))]
    pub(super) active_area: String,
    /// Capacitance of the double layer per active area.
    #[schemars(extend("x-unit" = "F m^-2"))]
    pub(super) capacitance: String,
    /// Effective electronic conductivity of the cathode.
    #[schemars(extend("x-unit" = "S m^-1"))]
    pub(super) electronic_conductivity: String,
    /// Ionic conductivity of the electrolyte's bulk.
    #[schemars(extend("x-unit" = "S m^-1"))]
    pub(super) conductivity: String,
    /// Cation flux times charge over current, in the bulk.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) transference: String,
    /// Factor of the diffusion potential.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) diffusion_factor: String,
    /// Reference concentration of the carrier, also that of the fresh electrolyte.
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) carrier_reference: String,
    /// Reference concentration of the other dissolved species.
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) dissolved_reference: String,
    /// Volume fraction of passivating solid at full passivation.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) passivation_limit: String,
    /// Exponent of the free share of the area.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) passivation_exponent: String,
    /// Smoothing of full passivation.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) passivation_floor: String,
    /// Wetted fraction of the fresh cathode.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) initial_wetted: String,
    /// Time constant of wetting.
    #[schemars(extend("x-unit" = "s"))]
    pub(super) wetting_time: String,
    /// Catalyst area per geometric area of coated metal.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) coated_area: String,
}

/// Which parameter plays which part in a half cell: a planar electrode before one dissolved couple.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHalfCell {
    /// Temperature.
    #[schemars(extend("x-unit" = "K"))]
    pub(super) temperature: String,
    /// Area of the electrode.
    #[schemars(extend("x-unit" = "m^2"))]
    pub(super) area: String,
    /// Uncompensated resistance; positive.
    #[schemars(extend("x-unit" = "ohm"))]
    pub(super) resistance: String,
    /// Capacitance of the double layer; positive.
    #[schemars(extend("x-unit" = "F m^-2"))]
    pub(super) capacitance: String,
    /// Concentration of each dissolved species in the bulk: the name of a parameter for each.
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) bulk: BTreeMap<String, String>,
    /// Shortest time that the mesh resolves; positive.
    #[schemars(extend("x-unit" = "s"))]
    pub(super) shortest_time: String,
    /// Longest time that the mesh resolves; above `shortest_time`.
    #[schemars(extend("x-unit" = "s"))]
    pub(super) longest_time: String,
    /// Where the electrolyte ends.
    pub(super) depth: RawDepth,
}

/// Where the electrolyte of a half cell ends; a thickness is the name of a parameter.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawDepth {
    /// Nowhere: farther than anything diffuses in the longest time.
    SemiInfinite,
    /// In a wall.
    Wall {
        /// Distance from the electrode: the name of a parameter.
        #[schemars(extend("x-unit" = "m"))]
        thickness: String,
    },
    /// In the stirred bulk.
    Bulk {
        /// Distance from the electrode: the name of a parameter.
        #[schemars(extend("x-unit" = "m"))]
        thickness: String,
    },
}

/// The fresh cell.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFresh {
    /// The element that the loading counts.
    pub(super) active_element: String,
    /// Name of the solid that holds the active element.
    pub(super) loaded: String,
    /// Concentrations in the cathode's pores: the name of a parameter for each species.
    #[serde(default)]
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) cathode: BTreeMap<String, String>,
    /// Concentrations in the separator: the name of a parameter for each species.
    #[serde(default)]
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) separator: BTreeMap<String, String>,
    /// Name of the electrode reaction whose equilibrium sets the cathode's potential.
    pub(super) potential: String,
    /// Species whose concentration in the cathode follows from the equilibrium of a reaction, with its name.
    #[serde(default)]
    pub(super) equilibrated: BTreeMap<String, String>,
}

/// A species. Exactly one of electrolyte, solid, surface, `anode_film` and reservoir.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpecies {
    /// Name; unique.
    pub(super) name: String,
    /// How many atoms of each element it has.
    pub(super) composition: BTreeMap<String, u32>,
    /// Charge number.
    #[serde(default)]
    #[schemars(extend("x-unit" = "1"))]
    pub(super) charge: i32,
    /// It is dissolved in the electrolyte.
    pub(super) electrolyte: Option<RawElectrolyte>,
    /// It is a solid in the cathode.
    pub(super) solid: Option<RawSolid>,
    /// It is the freed cation on the catalyst's surface.
    pub(super) surface: Option<RawSurface>,
    /// Whether it is a deposit on the anode.
    #[serde(default)]
    pub(super) anode_film: bool,
    /// Whether it is so plentiful that its amount does not matter, such as the anode's metal.
    #[serde(default)]
    pub(super) reservoir: bool,
}

/// A dissolved species. Names of parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawElectrolyte {
    /// Diffusivity: the name of a parameter.
    #[schemars(extend("x-unit" = "m^2 s^-1"))]
    pub(super) diffusivity: String,
    /// Storage factor of linear adsorption in the cathode: the name of a parameter.
    #[schemars(extend("x-unit" = "1", "x-default" = "it does not adsorb"))]
    pub(super) adsorption: Option<String>,
    /// Whether it carries the current; exactly one species does.
    #[serde(default)]
    pub(super) carrier: bool,
}

/// A solid in the cathode.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSolid {
    /// Molar volume: the name of a parameter.
    #[schemars(extend("x-unit" = "m^3 mol^-1"))]
    pub(super) molar_volume: String,
    /// Weight of its volume in the passivation of the surface: a number or the name of a parameter.
    #[schemars(extend("x-unit" = "1", "x-default" = "it does not passivate"))]
    pub(super) passivation_weight: Option<RawCoefficient>,
    /// Amount at which its activity is one half, if it takes part in an electrode reaction: the name of a parameter.
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) activity_scale: Option<String>,
}

/// The freed cation on the catalyst's surface.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSurface {
    /// Density of sites: the name of a parameter.
    #[schemars(extend("x-unit" = "mol m^-2"))]
    pub(super) site_density: String,
}

/// A number or the name of a parameter.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawCoefficient {
    /// A number.
    Number(f64),
    /// The name of a parameter.
    Name(String),
}

/// A reaction and its rate law. Exactly one law.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReaction {
    /// Name; unique.
    pub(super) name: String,
    /// The equation, like `S8 + Mg_free + 2 e <=> MgS8`; `e` is the electron, `=>` a reaction that does not run back.
    pub(super) equation: String,
    /// The solvated cation sheds its shell and sits on the surface, per active area.
    pub(super) desolvation: Option<RawDesolvation>,
    /// Conversion after Butler and Volmer that consumes the freed cation, per active area.
    pub(super) tandem: Option<RawTandem>,
    /// A solid dissolves until its solubility, per volume.
    pub(super) dissolution: Option<RawDissolution>,
    /// First-order decay of a solid, per volume.
    pub(super) decay: Option<RawRate>,
    /// First-order reaction of a dissolved species at the anode, per geometric area.
    pub(super) shuttle: Option<RawRate>,
    /// Dissolution and deposition of the metal through the anode's film, per geometric area.
    pub(super) stripping: Option<RawStripping>,
    /// Charge transfer of a dissolved couple at a planar electrode, per geometric area.
    pub(super) butler_volmer: Option<RawButlerVolmer>,
}

/// The law of desolvation; names of parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDesolvation {
    /// Rate constant.
    #[schemars(extend("x-unit" = "mol m^-2 s^-1"))]
    pub(super) rate_constant: String,
    /// Equilibrium constant.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) equilibrium_constant: String,
}

/// The law of a conversion; names of parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTandem {
    /// Rate constant.
    #[schemars(extend("x-unit" = "mol m^-2 s^-1"))]
    pub(super) rate_constant: String,
    /// Standard potential.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) potential: String,
    /// Transfer coefficient of the reduction.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) transfer_coefficient: String,
    /// Ceiling of the rate constants that depend on the potential.
    #[schemars(extend("x-unit" = "mol m^-2 s^-1"))]
    pub(super) ceiling: String,
    /// Relative area for growth before the first nuclei of the solid product.
    #[schemars(extend("x-unit" = "1", "x-default" = "growth is not nucleated"))]
    pub(super) nucleation: Option<String>,
}

/// The law of a dissolution; names of parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDissolution {
    /// Rate constant.
    #[schemars(extend("x-unit" = "s^-1"))]
    pub(super) rate_constant: String,
    /// Solubility.
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) solubility: String,
    /// Amount of solid at which its surface is half used.
    #[schemars(extend("x-unit" = "mol m^-3"))]
    pub(super) scale: String,
}

/// A law of first order; the name of a parameter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    /// Rate constant: s^-1 for a decay, m s^-1 for a shuttle.
    pub(super) rate_constant: String,
}

/// The law of the anode's metal; names of parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStripping {
    /// Exchange current density of the clean metal.
    #[schemars(extend("x-unit" = "A m^-2"))]
    pub(super) exchange_current_density: String,
    /// Capacitance of the double layer.
    #[schemars(extend("x-unit" = "F m^-2"))]
    pub(super) capacitance: String,
    /// Barrier of the fresh film: thickness over decay length.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) initial_barrier: String,
    /// Charge that thins the film by a factor e.
    #[schemars(extend("x-unit" = "C m^-2"))]
    pub(super) activation_charge: String,
}

/// The law of a dissolved couple; names of parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawButlerVolmer {
    /// Standard rate constant.
    #[schemars(extend("x-unit" = "m s^-1"))]
    pub(super) rate_constant: String,
    /// Formal potential.
    #[schemars(extend("x-unit" = "V"))]
    pub(super) potential: String,
    /// Transfer coefficient of the reduction.
    #[schemars(extend("x-unit" = "1"))]
    pub(super) transfer_coefficient: String,
}

/// A parameter. Either value or `tied_to`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParameter {
    /// Its value, in its unit; inside the bounds.
    pub(super) value: Option<f64>,
    /// Name of the parameter whose value it follows; that one has a value of its own and the same unit.
    pub(super) tied_to: Option<String>,
    /// Unit that value, bounds and prior are written in, like "mol m^-2 s^-1"; "1" for none.
    pub(super) unit: String,
    /// Lowest and highest value that a fit may try, in its unit; needed where it is free.
    pub(super) bounds: Option<[f64; 2]>,
    /// What is believed before the data; needed where it is free.
    pub(super) prior: Option<RawPrior>,
    /// What it is, in words.
    pub(super) meaning: String,
    /// Whether another catalyst changes it.
    #[serde(default)]
    pub(super) depends_on_catalyst: bool,
    /// The feature of a curve from which a fit may start.
    pub(super) start_from: Option<RawFeature>,
    /// Where the value comes from: a key of `models/sources.bib`, a derivation, or "assumed". Never empty.
    pub(super) source: String,
}

/// A feature of a measured curve that shows the value of a parameter well enough to start from it.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawFeature {
    /// Midpoint of the peaks of a voltammogram; a potential.
    HalfWavePotential,
    /// Height of the reduction peak, by Randles and Ševčík; a diffusivity.
    PeakDiffusivity,
    /// Separation of the peaks, by Nicholson; a rate constant in m s^-1.
    PeakRateConstant,
    /// Series resistance of the circuit of a spectrum; a resistance.
    HighFrequencyResistance,
    /// Diameter of the first arc of a spectrum, as the barrier of the anode's film.
    ArcBarrier,
    /// Voltage at which the upper half of a discharge passes most charge; a potential.
    UpperPlateau,
    /// The same of the lower half; a potential.
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

/// What is believed before the data. Either median and `sd_ln`, or mean and sd, or flat alone.
#[derive(Deserialize, Clone, Copy, Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrior {
    /// Median, in the parameter's unit: a Gaussian in the logarithm.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) median: Option<f64>,
    /// Standard deviation of the natural logarithm.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "1"))]
    pub(super) sd_ln: Option<f64>,
    /// Mean, in the parameter's unit: a Gaussian in the value.
    pub(super) mean: Option<f64>,
    /// Standard deviation, in the parameter's unit.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) sd: Option<f64>,
    /// Nothing is believed but the bounds; no more of these than data.
    pub(super) flat: Option<RawScale>,
}

/// The scale on which a quantity is evenly distributed.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawScale {
    /// The natural logarithm.
    Ln,
    /// The value itself.
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
