//! Mechanism files: `models/<name>.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::ConfigError;
use super::error::Place;
use super::error::parse_toml;
use super::error::plain;
use super::error::read_text;
use super::memory::Memory;
use super::model_file::RawCell;
use super::model_file::RawCoefficient;
use super::model_file::RawDepth;
use super::model_file::RawFeature;
use super::model_file::RawFresh;
use super::model_file::RawHalfCell;
use super::model_file::RawModel;
use super::model_file::RawParameter;
use super::model_file::RawReaction;
use super::model_file::RawSpecies;
use crate::mechanism::Battery;
use crate::mechanism::Coefficient;
use crate::mechanism::Depth;
use crate::mechanism::Equation;
use crate::mechanism::Feature;
use crate::mechanism::Fresh;
use crate::mechanism::HalfCell;
use crate::mechanism::Law;
use crate::mechanism::Mechanism;
use crate::mechanism::Parameter;
use crate::mechanism::ParameterId;
use crate::mechanism::ParameterTable;
use crate::mechanism::Parts;
use crate::mechanism::Phase;
use crate::mechanism::Reaction;
use crate::mechanism::Roles;
use crate::mechanism::Species;
use crate::mechanism::System;
use crate::units::Unit;

/// Reads a mechanism file.
///
/// # Errors
/// [`ConfigError`] with the file and the line or key at fault.
pub fn read_mechanism(path: &Path) -> Result<Mechanism, ConfigError> {
    parse_mechanism(path, &read_text(path)?)
}

/// Parses the text of a mechanism file; `path` is only for messages.
///
/// # Errors
/// [`ConfigError`] with the line or key at fault.
pub fn parse_mechanism(path: &Path, text: &str) -> Result<Mechanism, ConfigError> {
    static READ: Memory<String, Mechanism> = Memory::new();
    let read = READ.recall(text.to_owned(), |text| mechanism(path, text));
    read.map(|mechanism| Mechanism::clone(&mechanism))
}

fn mechanism(path: &Path, text: &str) -> Result<Mechanism, ConfigError> {
    let raw: RawModel = parse_toml(path, text)?;
    let place = Place::new(path);
    let parameters = parameters(&place, &raw.parameter)?;
    let resolver = Resolver {
        place: &place,
        table: &parameters,
    };
    let species = raw
        .species
        .iter()
        .map(|s| resolver.species(s))
        .collect::<Result<_, _>>()?;
    let reactions = raw
        .reaction
        .iter()
        .map(|r| resolver.reaction(r))
        .collect::<Result<_, _>>()?;
    let system = resolver.system(&raw)?;
    check_unique(&place, "species", raw.species.iter().map(|s| &s.name))?;
    check_unique(&place, "reaction", raw.reaction.iter().map(|r| &r.name))?;
    let parts = Parts {
        name: raw.name,
        species,
        reactions,
        system,
        parameters,
    };
    Mechanism::new(parts).map_err(|source| ConfigError::Mechanism {
        path: path.to_owned(),
        source,
    })
}

/// Bounds as written, in SI, checked against the value they must hold.
pub(super) fn bounds(
    place: &Place<'_>,
    key: &str,
    raw: [f64; 2],
    unit: &Unit,
) -> Result<(f64, f64), ConfigError> {
    let [lower, upper] = raw;
    if lower.is_finite() && upper.is_finite() && lower < upper {
        Ok((unit.to_si(lower), unit.to_si(upper)))
    } else {
        Err(place.value(
            key,
            format!("[{}, {}]", plain(lower), plain(upper)),
            "two finite numbers, the lower one first",
        ))
    }
}

fn parameters(
    place: &Place<'_>,
    raw: &BTreeMap<String, RawParameter>,
) -> Result<ParameterTable, ConfigError> {
    let names: Vec<&String> = raw.keys().collect();
    let rows = raw
        .iter()
        .map(|(name, row)| parameter(place, &names, name, row));
    let rows: Vec<Parameter> = rows.collect::<Result<_, _>>()?;
    let mut table = ParameterTable::new(rows);
    for row in table.rows() {
        let leader = row.tied_to.map(|id| table.row(id));
        if let Some(leader) = leader
            && (leader.tied_to.is_some() || !leader.unit.is_compatible(&row.unit))
        {
            let key = format!("parameter.{}.tied_to", row.name);
            let found = format!(
                "'{}', which is tied itself or has another unit",
                leader.name
            );
            return Err(place.value(
                key,
                found,
                "a parameter with a value of its own and the same unit",
            ));
        }
    }
    let values = table.values();
    let rows = table.rows().iter().zip(&values);
    table = ParameterTable::new(
        rows.map(|(row, value)| Parameter {
            value: *value,
            ..row.clone()
        })
        .collect(),
    );
    Ok(table)
}

fn parameter(
    place: &Place<'_>,
    names: &[&String],
    name: &str,
    raw: &RawParameter,
) -> Result<Parameter, ConfigError> {
    let key = |field: &str| format!("parameter.{name}.{field}");
    let unit = Unit::parse(&raw.unit)
        .map_err(|error| place.value(key("unit"), format!("'{}'", raw.unit), error.to_string()))?;
    let (value, tied_to) = match (raw.value, &raw.tied_to) {
        (Some(value), None) => {
            let value = place.number(&key("value"), value, |_| true, "a finite number")?;
            (unit.to_si(value), None)
        }
        (None, Some(leader)) => {
            let position = names.iter().position(|n| *n == leader).ok_or_else(|| {
                place.value(
                    key("tied_to"),
                    format!("'{leader}'"),
                    "the name of a parameter",
                )
            })?;
            (0.0, Some(ParameterId(position)))
        }
        _ => {
            let expected = "either a value or tied_to";
            return Err(place.value(format!("parameter.{name}"), "both or none", expected));
        }
    };
    let bounds = raw
        .bounds
        .map(|b| bounds(place, &key("bounds"), b, &unit))
        .transpose()?;
    if let Some((lower, upper)) = bounds
        && !(lower..=upper).contains(&value)
    {
        let found = format!("{}, outside the bounds", plain(unit.from_si(value)));
        let expected = format!(
            "{} to {}",
            plain(unit.from_si(lower)),
            plain(unit.from_si(upper))
        );
        return Err(place.value(key("value"), found, expected));
    }
    if raw.source.trim().is_empty() {
        let expected = "a source; 'assumed' is a legal one";
        return Err(place.value(key("source"), "nothing", expected));
    }
    let prior = raw
        .prior
        .map(|p| p.build(place, &key("prior"), &unit))
        .transpose()?;
    Ok(Parameter {
        name: name.to_owned(),
        meaning: raw.meaning.clone(),
        start_from: start_from(place, &key("start_from"), raw, &unit)?,
        unit,
        value,
        bounds,
        prior,
        depends_on_catalyst: raw.depends_on_catalyst,
        tied_to,
        source: raw.source.clone(),
    })
}

/// The feature of a curve that a parameter starts from, which must have its unit.
fn start_from(
    place: &Place<'_>,
    key: &str,
    raw: &RawParameter,
    unit: &Unit,
) -> Result<Option<Feature>, ConfigError> {
    let Some((feature, wanted)) = raw.start_from.map(RawFeature::build) else {
        return Ok(None);
    };
    let wanted_unit = Unit::parse(wanted).expect("units in the code are known");
    if unit.is_compatible(&wanted_unit) {
        return Ok(Some(feature));
    }
    let found = format!("a feature in {wanted} for a parameter in {unit}");
    Err(place.value(key, found, "a feature with its unit"))
}

fn check_unique<'n>(
    place: &Place<'_>,
    kind: &str,
    names: impl Iterator<Item = &'n String>,
) -> Result<(), ConfigError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(place.value(format!("{kind} '{name}'"), "two of that name", "one"));
        }
    }
    Ok(())
}

/// Turns names of parameters into their positions, and checks their units against their use.
struct Resolver<'a> {
    place: &'a Place<'a>,
    table: &'a ParameterTable,
}

impl Resolver<'_> {
    fn id(&self, key: &str, name: &str, unit: &str) -> Result<ParameterId, ConfigError> {
        let Some(id) = self.table.find(name) else {
            let found = format!("the unknown parameter '{name}'");
            return Err(self.place.value(
                key,
                found,
                format!("a [parameter.{name}] with a unit like {unit}"),
            ));
        };
        let wanted = Unit::parse(unit).expect("units in the code are known");
        let row = self.table.row(id);
        if row.unit.is_compatible(&wanted) {
            Ok(id)
        } else {
            let found = format!("'{name}' in {}", row.unit);
            Err(self.place.value(key, found, format!("a unit like {unit}")))
        }
    }

    fn species(&self, raw: &RawSpecies) -> Result<Species, ConfigError> {
        let key = |field: &str| format!("species '{}'.{field}", raw.name);
        let phases = [
            raw.electrolyte.is_some(),
            raw.solid.is_some(),
            raw.surface.is_some(),
            raw.anode_film,
            raw.reservoir,
        ];
        let count = phases.iter().filter(|is_set| **is_set).count();
        if count != 1 {
            return Err(self.place.value(
                format!("species '{}'", raw.name),
                format!("{count} phases"),
                "one of electrolyte, solid, surface, anode_film, reservoir",
            ));
        }
        let phase = if let Some(electrolyte) = &raw.electrolyte {
            let adsorption = electrolyte.adsorption.as_ref();
            Phase::Electrolyte {
                diffusivity: self.id(&key("diffusivity"), &electrolyte.diffusivity, "m^2 s^-1")?,
                adsorption: adsorption
                    .map(|name| self.id(&key("adsorption"), name, "1"))
                    .transpose()?,
                is_carrier: electrolyte.carrier,
            }
        } else if let Some(solid) = &raw.solid {
            let weight = match &solid.passivation_weight {
                Some(RawCoefficient::Number(number)) => Some(Coefficient::Number(*number)),
                Some(RawCoefficient::Name(name)) => Some(Coefficient::Parameter(self.id(
                    &key("passivation_weight"),
                    name,
                    "1",
                )?)),
                None => None,
            };
            let scale = solid.activity_scale.as_ref();
            Phase::Solid {
                molar_volume: self.id(&key("molar_volume"), &solid.molar_volume, "m^3 mol^-1")?,
                passivation_weight: weight,
                activity_scale: scale
                    .map(|name| self.id(&key("activity_scale"), name, "mol m^-3"))
                    .transpose()?,
            }
        } else if let Some(surface) = &raw.surface {
            Phase::Surface {
                site_density: self.id(&key("site_density"), &surface.site_density, "mol m^-2")?,
            }
        } else if raw.anode_film {
            Phase::AnodeFilm
        } else {
            Phase::Reservoir
        };
        Ok(Species {
            name: raw.name.clone(),
            composition: raw.composition.clone(),
            charge: raw.charge,
            phase,
        })
    }

    fn reaction(&self, raw: &RawReaction) -> Result<Reaction, ConfigError> {
        let key = format!("reaction '{}'", raw.name);
        let equation = Equation::parse(&raw.equation).map_err(|what| {
            let found = format!("'{}', which {what}", raw.equation);
            let expected = "an equation like 'A + 2 B <=> C'";
            self.place.value(format!("{key}.equation"), found, expected)
        })?;
        let laws = self.electrode_laws(&key, raw)?.into_iter();
        let laws: Vec<Law> = laws.chain(self.chemical_laws(&key, raw)?).collect();
        match <[Law; 1]>::try_from(laws) {
            Ok([law]) => Ok(Reaction {
                name: raw.name.clone(),
                equation,
                law,
            }),
            Err(laws) => Err(self.place.value(
                key,
                format!("{} rate laws", laws.len()),
                "one of desolvation, tandem, dissolution, decay, shuttle, stripping, butler_volmer",
            )),
        }
    }

    /// The laws of a reaction that passes or prepares charge; a right file has one law in all.
    fn electrode_laws(&self, key: &str, raw: &RawReaction) -> Result<Vec<Law>, ConfigError> {
        let id = |field: &str, name: &str, unit| self.id(&format!("{key}.{field}"), name, unit);
        let mut laws = Vec::new();
        if let Some(law) = &raw.desolvation {
            laws.push(Law::Desolvation {
                rate_constant: id("rate_constant", &law.rate_constant, "mol m^-2 s^-1")?,
                equilibrium_constant: id("equilibrium_constant", &law.equilibrium_constant, "1")?,
            });
        }
        if let Some(law) = &raw.tandem {
            let nucleation = law.nucleation.as_ref();
            laws.push(Law::Tandem {
                rate_constant: id("rate_constant", &law.rate_constant, "mol m^-2 s^-1")?,
                potential: id("potential", &law.potential, "V")?,
                transfer_coefficient: id("transfer_coefficient", &law.transfer_coefficient, "1")?,
                ceiling: id("ceiling", &law.ceiling, "mol m^-2 s^-1")?,
                nucleation: nucleation
                    .map(|name| id("nucleation", name, "1"))
                    .transpose()?,
            });
        }
        if let Some(law) = &raw.stripping {
            let exchange = &law.exchange_current_density;
            laws.push(Law::Stripping {
                exchange_current_density: id("exchange_current_density", exchange, "A m^-2")?,
                capacitance: id("capacitance", &law.capacitance, "F m^-2")?,
                initial_barrier: id("initial_barrier", &law.initial_barrier, "1")?,
                activation_charge: id("activation_charge", &law.activation_charge, "C m^-2")?,
            });
        }
        if let Some(law) = &raw.butler_volmer {
            laws.push(Law::ButlerVolmer {
                rate_constant: id("rate_constant", &law.rate_constant, "m s^-1")?,
                potential: id("potential", &law.potential, "V")?,
                transfer_coefficient: id("transfer_coefficient", &law.transfer_coefficient, "1")?,
            });
        }
        Ok(laws)
    }

    /// The laws of a purely chemical reaction.
    fn chemical_laws(&self, key: &str, raw: &RawReaction) -> Result<Vec<Law>, ConfigError> {
        let id = |field: &str, name: &str, unit| self.id(&format!("{key}.{field}"), name, unit);
        let mut laws = Vec::new();
        if let Some(law) = &raw.dissolution {
            laws.push(Law::Dissolution {
                rate_constant: id("rate_constant", &law.rate_constant, "s^-1")?,
                solubility: id("solubility", &law.solubility, "mol m^-3")?,
                scale: id("scale", &law.scale, "mol m^-3")?,
            });
        }
        if let Some(law) = &raw.decay {
            laws.push(Law::Decay {
                rate_constant: id("rate_constant", &law.rate_constant, "s^-1")?,
            });
        }
        if let Some(law) = &raw.shuttle {
            laws.push(Law::Shuttle {
                rate_constant: id("rate_constant", &law.rate_constant, "m s^-1")?,
            });
        }
        Ok(laws)
    }

    /// The kind of cell: a battery has the tables [cell] and [fresh], a half cell has [`half_cell`].
    fn system(&self, raw: &RawModel) -> Result<System, ConfigError> {
        match (&raw.cell, &raw.fresh, &raw.half_cell) {
            (Some(cell), Some(fresh), None) => Ok(System::Battery(Box::new(Battery {
                roles: self.roles(cell)?,
                fresh: self.fresh(fresh)?,
            }))),
            (None, None, Some(half_cell)) => Ok(System::HalfCell(self.half_cell(half_cell)?)),
            _ => Err(self.place.value(
                "cell",
                "neither or both kinds of cell",
                "[cell] and [fresh] for a battery, or [half_cell]",
            )),
        }
    }

    fn half_cell(&self, raw: &RawHalfCell) -> Result<HalfCell, ConfigError> {
        let id =
            |role: &str, name: &str, unit: &str| self.id(&format!("half_cell.{role}"), name, unit);
        let bulk = raw.bulk.iter().map(|(species, name)| {
            Ok((
                species.clone(),
                id(&format!("bulk.{species}"), name, "mol m^-3")?,
            ))
        });
        let half_cell = HalfCell {
            temperature: id("temperature", &raw.temperature, "K")?,
            area: id("area", &raw.area, "m^2")?,
            resistance: id("resistance", &raw.resistance, "ohm")?,
            capacitance: id("capacitance", &raw.capacitance, "F m^-2")?,
            bulk: bulk.collect::<Result<_, ConfigError>>()?,
            shortest_time: id("shortest_time", &raw.shortest_time, "s")?,
            longest_time: id("longest_time", &raw.longest_time, "s")?,
            depth: match &raw.depth {
                RawDepth::SemiInfinite => Depth::SemiInfinite,
                RawDepth::Wall { thickness } => Depth::Wall(id("depth", thickness, "m")?),
                RawDepth::Bulk { thickness } => Depth::Bulk(id("depth", thickness, "m")?),
            },
        };
        let value = |id: ParameterId| self.table.row(id).value;
        let positive = [
            ("resistance", half_cell.resistance),
            ("capacitance", half_cell.capacitance),
            ("shortest_time", half_cell.shortest_time),
        ];
        for (role, id) in positive {
            let key = format!("half_cell.{role}");
            self.place
                .number(&key, value(id), |v| v > 0.0, "a positive value")?;
        }
        let shortest = value(half_cell.shortest_time);
        let expected = "a value above that of shortest_time";
        self.place.number(
            "half_cell.longest_time",
            value(half_cell.longest_time),
            |longest| longest > shortest,
            expected,
        )?;
        Ok(half_cell)
    }

    fn roles(&self, raw: &RawCell) -> Result<Roles, ConfigError> {
        let id = |role: &str, name: &str, unit: &str| self.id(&format!("cell.{role}"), name, unit);
        Ok(Roles {
            temperature: id("temperature", &raw.temperature, "K")?,
            area: id("area", &raw.area, "m^2")?,
            series_resistance: id("series_resistance", &raw.series_resistance, "ohm m^2")?,
            loading: id("loading", &raw.loading, "mg cm^-2")?,
            specific_charge: id("specific_charge", &raw.specific_charge, "mAh g^-1")?,
            molar_mass: id("molar_mass", &raw.molar_mass, "g mol^-1")?,
            separator_thickness: id("separator_thickness", &raw.separator_thickness, "um")?,
            separator_porosity: id("separator_porosity", &raw.separator_porosity, "1")?,
            bruggeman: id("bruggeman", &raw.bruggeman, "1")?,
            active_density: id("active_density", &raw.active_density, "g m^-3")?,
            frame_porosity: id("frame_porosity", &raw.frame_porosity, "1")?,
            active_area: id("active_area", &raw.active_area, "m^-1")?,
            capacitance: id("capacitance", &raw.capacitance, "F m^-2")?,
            electronic_conductivity: id(
                "electronic_conductivity",
                &raw.electronic_conductivity,
                "S m^-1",
            )?,
            conductivity: id("conductivity", &raw.conductivity, "S m^-1")?,
            transference: id("transference", &raw.transference, "1")?,
            diffusion_factor: id("diffusion_factor", &raw.diffusion_factor, "1")?,
            carrier_reference: id("carrier_reference", &raw.carrier_reference, "mol m^-3")?,
            dissolved_reference: id("dissolved_reference", &raw.dissolved_reference, "mol m^-3")?,
            passivation_limit: id("passivation_limit", &raw.passivation_limit, "1")?,
            passivation_exponent: id("passivation_exponent", &raw.passivation_exponent, "1")?,
            passivation_floor: id("passivation_floor", &raw.passivation_floor, "1")?,
            initial_wetted: id("initial_wetted", &raw.initial_wetted, "1")?,
            wetting_time: id("wetting_time", &raw.wetting_time, "s")?,
            coated_area: id("coated_area", &raw.coated_area, "1")?,
        })
    }

    fn fresh(&self, raw: &RawFresh) -> Result<Fresh, ConfigError> {
        let concentrations = |part: &str, list: &BTreeMap<String, String>| {
            list.iter()
                .map(|(species, name)| {
                    let key = format!("fresh.{part}.{species}");
                    Ok((species.clone(), self.id(&key, name, "mol m^-3")?))
                })
                .collect::<Result<Vec<_>, ConfigError>>()
        };
        Ok(Fresh {
            active_element: raw.active_element.clone(),
            loaded: raw.loaded.clone(),
            cathode: concentrations("cathode", &raw.cathode)?,
            separator: concentrations("separator", &raw.separator)?,
            potential: raw.potential.clone(),
            equilibrated: raw.equilibrated.clone().into_iter().collect(),
        })
    }
}
