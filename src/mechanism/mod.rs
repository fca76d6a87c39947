//! A reaction mechanism: species and phases, reactions with their rate laws, the table of parameters.
//!
//! The engine knows rate laws and transport, and no species by name. A mechanism that exists is balanced in every
//! element and in charge, and every reaction fits its law.

mod build;
mod check;
mod chemistry;
mod equation;
mod half_cell;
mod parameter;

use std::collections::BTreeMap;

use thiserror::Error;

pub use chemistry::Activity;
pub use chemistry::Chemistry;
pub use chemistry::NODE_SLOTS_MAX;
pub use chemistry::NodeView;
pub use equation::ELECTRON;
pub use equation::Equation;
pub use half_cell::Couple;
pub use half_cell::Depth;
pub use half_cell::HalfCell;
pub use parameter::Feature;
pub use parameter::Parameter;
pub use parameter::ParameterId;
pub use parameter::ParameterTable;
pub use parameter::Prior;
pub use parameter::Scale;

/// Dissolved species that a mechanism may have; the hot loops keep them in arrays of this length.
pub const DISSOLVED_MAX: usize = 8;

/// Why a half cell never gets where this is asked.
const NEEDS_BATTERY: &str = "a battery, checked by config";

/// A number of the mechanism file: written there, or a parameter of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coefficient {
    /// A plain number.
    Number(f64),
    /// The value of a parameter.
    Parameter(ParameterId),
}

/// Where a species lives, with the parameters that this needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Dissolved in the electrolyte: a state in every volume.
    Electrolyte {
        /// Diffusivity (m² s⁻¹).
        diffusivity: ParameterId,
        /// Storage factor of linear adsorption in the cathode (1), if it adsorbs.
        adsorption: Option<ParameterId>,
        /// Whether it carries the current (exactly one does).
        is_carrier: bool,
    },
    /// A solid in the cathode: a state in every cathode volume.
    Solid {
        /// Molar volume (m³ mol⁻¹).
        molar_volume: ParameterId,
        /// Weight of its volume in the passivation of the surface (1).
        passivation_weight: Option<Coefficient>,
        /// Amount at which its activity is one half (mol m⁻³), if it takes part in an electrode reaction.
        activity_scale: Option<ParameterId>,
    },
    /// The freed cation on the catalyst's surface: its coverage is a state in every cathode volume.
    Surface {
        /// Site density (mol m⁻²).
        site_density: ParameterId,
    },
    /// A deposit on the anode: a state per geometric area.
    AnodeFilm,
    /// So plentiful that its amount does not matter: anode metal, counter-ions.
    Reservoir,
}

/// A species.
#[derive(Clone, Debug, PartialEq)]
pub struct Species {
    /// Name, unique.
    pub name: String,
    /// Atoms of each element.
    pub composition: BTreeMap<String, u32>,
    /// Charge number.
    pub charge: i32,
    /// Where it lives.
    pub phase: Phase,
}

/// How fast a reaction runs; the equations are in `docs/theory.md`.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// The solvated cation sheds its shell and sits on the surface (per active area).
    Desolvation {
        /// Rate constant (mol m⁻² s⁻¹).
        rate_constant: ParameterId,
        /// Equilibrium constant (1).
        equilibrium_constant: ParameterId,
    },
    /// Butler–Volmer conversion that consumes the freed cation (per active area).
    Tandem {
        /// Rate constant (mol m⁻² s⁻¹).
        rate_constant: ParameterId,
        /// Standard potential (V).
        potential: ParameterId,
        /// Transfer coefficient of the reduction (1).
        transfer_coefficient: ParameterId,
        /// Ceiling of the potential-dependent rate constants (mol m⁻² s⁻¹).
        ceiling: ParameterId,
        /// Relative area for growth before the first nuclei of its solid product (1), if growth is nucleated.
        nucleation: Option<ParameterId>,
    },
    /// A solid dissolves until its solubility (per volume).
    Dissolution {
        /// Rate constant (s⁻¹).
        rate_constant: ParameterId,
        /// Solubility (mol m⁻³).
        solubility: ParameterId,
        /// Amount of solid at which its surface is half used (mol m⁻³).
        scale: ParameterId,
    },
    /// First-order decay of a solid (per volume).
    Decay {
        /// Rate constant (s⁻¹).
        rate_constant: ParameterId,
    },
    /// First-order chemical reaction of a dissolved species at the anode (per geometric area).
    Shuttle {
        /// Rate constant (m s⁻¹).
        rate_constant: ParameterId,
    },
    /// Metal dissolution and deposition through the anode's passivation film (per geometric area).
    Stripping {
        /// Exchange current density of the clean metal (A m⁻²).
        exchange_current_density: ParameterId,
        /// Double-layer capacitance (F m⁻²).
        capacitance: ParameterId,
        /// Barrier of the fresh film, thickness over decay length (1).
        initial_barrier: ParameterId,
        /// Charge that thins the film by a factor e (C m⁻²).
        activation_charge: ParameterId,
    },
    /// Butler–Volmer charge transfer of a dissolved couple at a planar electrode (per geometric area).
    ButlerVolmer {
        /// Standard rate constant (m s⁻¹).
        rate_constant: ParameterId,
        /// Formal potential (V).
        potential: ParameterId,
        /// Transfer coefficient of the reduction (1).
        transfer_coefficient: ParameterId,
    },
}

/// A reaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    /// Name, unique.
    pub name: String,
    /// Stoichiometry.
    pub equation: Equation,
    /// Rate law.
    pub law: Law,
}

/// Which parameter plays which part in a battery. Units are SI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Temperature (K).
    pub temperature: ParameterId,
    /// Geometric area (m²).
    pub area: ParameterId,
    /// Contact resistance of each current collector (Ω m²).
    pub series_resistance: ParameterId,
    /// Areal loading of the active element (kg m⁻²).
    pub loading: ParameterId,
    /// Specific charge that defines 1C (C kg⁻¹).
    pub specific_charge: ParameterId,
    /// Molar mass of the loaded species (kg mol⁻¹).
    pub molar_mass: ParameterId,
    /// Separator thickness (m).
    pub separator_thickness: ParameterId,
    /// Separator porosity (1).
    pub separator_porosity: ParameterId,
    /// Bruggeman exponent (1).
    pub bruggeman: ParameterId,
    /// Mass of the active element per cathode volume (kg m⁻³).
    pub active_density: ParameterId,
    /// Porosity of the cathode frame without any active material (1).
    pub frame_porosity: ParameterId,
    /// Electroactive area per cathode volume (m⁻¹).
    pub active_area: ParameterId,
    /// Double-layer capacitance per active area (F m⁻²).
    pub capacitance: ParameterId,
    /// Effective electronic conductivity of the cathode (S m⁻¹).
    pub electronic_conductivity: ParameterId,
    /// Bulk ionic conductivity (S m⁻¹).
    pub conductivity: ParameterId,
    /// Cation flux times charge over current, in the bulk (1).
    pub transference: ParameterId,
    /// Factor of the diffusion potential (1).
    pub diffusion_factor: ParameterId,
    /// Reference concentration of the carrier (mol m⁻³), also that of the fresh electrolyte.
    pub carrier_reference: ParameterId,
    /// Reference concentration of the other dissolved species (mol m⁻³).
    pub dissolved_reference: ParameterId,
    /// Volume fraction of passivating solid at full passivation (1).
    pub passivation_limit: ParameterId,
    /// Exponent of the free area fraction (1).
    pub passivation_exponent: ParameterId,
    /// Smoothing of full passivation (1).
    pub passivation_floor: ParameterId,
    /// Wetted fraction of the fresh cathode (1).
    pub initial_wetted: ParameterId,
    /// Time constant of wetting (s).
    pub wetting_time: ParameterId,
    /// Catalyst area per geometric area of coated metal (1).
    pub coated_area: ParameterId,
}

/// The fresh cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    /// The element that the loading counts.
    pub active_element: String,
    /// The solid that holds the active element.
    pub loaded: String,
    /// Concentrations in the cathode's pores (mol m⁻³).
    pub cathode: Vec<(String, ParameterId)>,
    /// Concentrations in the separator (mol m⁻³).
    pub separator: Vec<(String, ParameterId)>,
    /// The electrode reaction whose equilibrium sets the cathode's potential.
    pub potential: String,
    /// Species whose concentration in the cathode follows from the equilibrium of a reaction.
    pub equilibrated: Vec<(String, String)>,
}

/// What only a battery has.
#[derive(Clone, Debug, PartialEq)]
pub struct Battery {
    /// Which parameter plays which part.
    pub roles: Roles,
    /// The fresh cell.
    pub fresh: Fresh,
}

/// The kind of cell that a mechanism describes.
#[derive(Clone, Debug, PartialEq)]
pub enum System {
    /// Metal foil, separator, porous electrode.
    Battery(Box<Battery>),
    /// A planar electrode and one dissolved couple.
    HalfCell(HalfCell),
}

/// What a mechanism is made of, before it is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// Name of the mechanism.
    pub name: String,
    /// The table of parameters.
    pub parameters: ParameterTable,
    /// All species.
    pub species: Vec<Species>,
    /// All reactions.
    pub reactions: Vec<Reaction>,
    /// The kind of cell, with what it needs.
    pub system: System,
}

/// What can be wrong with a mechanism.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum MechanismError {
    /// Elements or charge differ between the sides.
    #[error(
        "reaction '{reaction}' is not balanced in {quantity}: {left} on the left, {right} on the right; correct the coefficients"
    )]
    Unbalanced {
        /// The reaction.
        reaction: String,
        /// The element, or `charge`.
        quantity: String,
        /// Its sum over the reactants.
        left: f64,
        /// Its sum over the products.
        right: f64,
    },
    /// A reaction names a species that does not exist.
    #[error(
        "reaction '{reaction}' names the unknown species '{species}'; add a [[species]] of that name"
    )]
    UnknownSpecies {
        /// The reaction.
        reaction: String,
        /// The name.
        species: String,
    },
    /// A reaction does not fit its rate law.
    #[error("reaction '{reaction}' does not fit its rate law: {what}")]
    Misfit {
        /// The reaction.
        reaction: String,
        /// What the law needs.
        what: String,
    },
    /// The mechanism as a whole lacks something.
    #[error("{what}")]
    Incomplete {
        /// What it lacks.
        what: String,
    },
}

/// Where the amount of a species is found in the state of a volume or of the anode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Position among the dissolved species.
    Dissolved(usize),
    /// Position among the solids.
    Solid(usize),
    /// The coverage.
    Surface,
    /// Position among the anode's films.
    Film(usize),
    /// Not a state.
    Reservoir,
}

/// A checked mechanism.
#[derive(Clone, Debug, PartialEq)]
pub struct Mechanism {
    parts: Parts,
    slots: Vec<Slot>,
}

impl Mechanism {
    /// Checks the parts and builds the mechanism.
    ///
    /// # Errors
    /// [`MechanismError`] with the reaction or species at fault.
    pub fn new(parts: Parts) -> Result<Self, MechanismError> {
        for reaction in &parts.reactions {
            equation::check_balance(&reaction.name, &reaction.equation, &parts.species)?;
        }
        let (mut n_dissolved, mut n_solid, mut n_film) = (0, 0, 0);
        let next = |counter: &mut usize| {
            *counter += 1;
            *counter - 1
        };
        let slots = parts
            .species
            .iter()
            .map(|species| match species.phase {
                Phase::Electrolyte { .. } => Slot::Dissolved(next(&mut n_dissolved)),
                Phase::Solid { .. } => Slot::Solid(next(&mut n_solid)),
                Phase::Surface { .. } => Slot::Surface,
                Phase::AnodeFilm => Slot::Film(next(&mut n_film)),
                Phase::Reservoir => Slot::Reservoir,
            })
            .collect();
        let mechanism = Self { parts, slots };
        mechanism.check_system()?;
        Ok(mechanism)
    }

    /// Name of the mechanism.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The table of parameters.
    pub fn parameters(&self) -> &ParameterTable {
        &self.parts.parameters
    }

    /// Everything but the values of the table, as a text that changes whenever the equations or their unknowns do.
    pub fn structure(&self) -> String {
        let rows = self.parameters().rows().iter();
        let names: Vec<_> = rows.map(|row| (&row.name, &row.tied_to)).collect();
        let parts = &self.parts;
        format!(
            "{names:?} {:?} {:?} {:?}",
            parts.species, parts.reactions, parts.system
        )
    }

    /// What a battery has beside its reactions; `None` for a half cell.
    pub fn battery(&self) -> Option<&Battery> {
        match &self.parts.system {
            System::Battery(battery) => Some(battery),
            System::HalfCell(_) => None,
        }
    }

    /// What a half cell has beside its reaction; `None` for a battery.
    pub fn half_cell(&self) -> Option<&HalfCell> {
        match &self.parts.system {
            System::Battery(_) => None,
            System::HalfCell(half_cell) => Some(half_cell),
        }
    }

    /// The geometric area (m²).
    pub fn area(&self) -> ParameterId {
        match &self.parts.system {
            System::Battery(battery) => battery.roles.area,
            System::HalfCell(half_cell) => half_cell.area,
        }
    }

    /// Which parameter plays which part in a battery.
    ///
    /// # Panics
    /// For a half cell; `config` keeps what needs a battery away from it.
    pub fn roles(&self) -> &Roles {
        &self.battery().expect(NEEDS_BATTERY).roles
    }

    /// All species, in file order.
    pub fn species(&self) -> &[Species] {
        &self.parts.species
    }

    /// All reactions, in file order.
    pub fn reactions(&self) -> &[Reaction] {
        &self.parts.reactions
    }

    /// The fresh battery.
    ///
    /// # Panics
    /// For a half cell; `config` keeps what needs a battery away from it.
    pub fn fresh(&self) -> &Fresh {
        &self.battery().expect(NEEDS_BATTERY).fresh
    }

    /// Where a species is found in the state, if it exists.
    pub fn slot(&self, species: &str) -> Option<Slot> {
        let position = self.parts.species.iter().position(|s| s.name == species)?;
        Some(self.slots[position])
    }

    /// The species of a kind, in the order of their slots.
    fn with_slot(&self, wanted: impl Fn(&Slot) -> bool) -> impl Iterator<Item = &Species> {
        self.parts
            .species
            .iter()
            .zip(&self.slots)
            .filter(move |(_, slot)| wanted(slot))
            .map(|(species, _)| species)
    }

    /// The dissolved species, in the order of their states.
    pub fn dissolved(&self) -> impl Iterator<Item = &Species> {
        self.with_slot(|slot| matches!(slot, Slot::Dissolved(_)))
    }

    /// The solids, in the order of their states.
    pub fn solids(&self) -> impl Iterator<Item = &Species> {
        self.with_slot(|slot| matches!(slot, Slot::Solid(_)))
    }

    /// The films on the anode, in the order of their states.
    pub fn films(&self) -> impl Iterator<Item = &Species> {
        self.with_slot(|slot| matches!(slot, Slot::Film(_)))
    }

    /// The freed cation on the surface.
    #[expect(clippy::missing_panics_doc, reason = "construction has checked it")]
    pub fn surface(&self) -> &Species {
        self.with_slot(|slot| matches!(slot, Slot::Surface))
            .next()
            .expect("checked at construction: one surface species")
    }

    /// Position of the carrier among the dissolved species.
    #[expect(clippy::missing_panics_doc, reason = "construction has checked it")]
    pub fn carrier(&self) -> usize {
        self.dissolved()
            .position(|s| {
                matches!(
                    s.phase,
                    Phase::Electrolyte {
                        is_carrier: true,
                        ..
                    }
                )
            })
            .expect("checked at construction: one carrier")
    }

    /// The reaction of a name.
    pub fn reaction(&self, name: &str) -> Option<&Reaction> {
        self.parts.reactions.iter().find(|r| r.name == name)
    }
}
