//! States to start from: the fresh battery, a cell filled with catholyte; and what a state contains.

use std::collections::BTreeMap;

use super::Cell;
use super::Equations;
use super::layout::Electrode;
use crate::mechanism::Activity;
use crate::mechanism::DISSOLVED_MAX;
use crate::mechanism::Law;
use crate::mechanism::NodeView;
use crate::mechanism::Phase;
use crate::mechanism::Slot;
use crate::numerics::scalar::Scalar;
use crate::numerics::scalar::Sensitive;

/// A cell whose active material comes dissolved, without any solid loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Catholyte {
    /// Active element per geometric area of the whole cell (kg m⁻²).
    pub active_kg_m2: f64,
    /// Dissolved species and the share of the active element that each holds; they sum to one.
    pub shares: Vec<(String, f64)>,
    /// The electrodes' potential.
    pub potential: CatholytePotential,
    /// Minor species whose concentration follows from an equilibrium.
    pub equilibrated: Vec<Equilibrated>,
    /// Traces of solids (mol m⁻³ of electrode).
    pub solids: Vec<(String, f64)>,
}

/// How the potential of a cell with catholyte is set.
#[derive(Clone, Debug, PartialEq)]
pub enum CatholytePotential {
    /// A given value (V).
    Fixed(f64),
    /// Equilibrium of a conversion step.
    Equilibrium(String),
}

/// A minor species at equilibrium.
#[derive(Clone, Debug, PartialEq)]
pub struct Equilibrated {
    /// The species.
    pub species: String,
    /// The conversion step.
    pub reaction: String,
    /// Its highest concentration as a fraction of that of the first shared species.
    pub fraction_max: Option<f64>,
    /// Whether it also fills the separator.
    pub in_separator: bool,
}

impl<S: Sensitive> Cell<S> {
    /// The fresh battery, SPEC section 7: electrolyte at its reference concentration, the active material as solid,
    /// traces dissolved, the foil under its fresh film, the cathode partly wetted. Or the fresh half cell: the bulk
    /// everywhere, the electrode at its equilibrium.
    pub fn fresh_state(&self) -> Vec<S> {
        if let Equations::HalfCell(half_cell) = &self.equations {
            return half_cell.physics.fresh_state(&self.layout);
        }
        let mut y = vec![S::constant(0.0); self.layout.n_states];
        let roles = self.mechanism.roles();
        let at = |id: crate::mechanism::ParameterId| self.values[id.index()];
        let fresh = self.mechanism.fresh();
        let mut separator = [S::constant(0.0); DISSOLVED_MAX];
        let mut cathode = [S::constant(0.0); DISSOLVED_MAX];
        for (filled, list) in [
            (&mut separator, &fresh.separator),
            (&mut cathode, &fresh.cathode),
        ] {
            filled[self.battery().physics.chemistry.carrier] = at(roles.carrier_reference);
            for (name, id) in list {
                filled[self.dissolved_slot(name)] = at(*id);
            }
        }
        let loaded = at(roles.active_density) / at(roles.molar_mass);
        let mut solids = vec![S::constant(0.0); self.layout.n_solids];
        let loaded_at = self.solid_slot(&fresh.loaded);
        let porosity = at(roles.frame_porosity)
            - self.battery().physics.chemistry.solids[loaded_at].molar_volume * loaded;
        let potential = self.equilibrium_potential_v(&fresh.potential, &cathode, &solids);
        for (name, reaction) in &fresh.equilibrated {
            let slot = self.dissolved_slot(name);
            cathode[slot] =
                self.equilibrium_concentration(slot, reaction, (potential, &cathode, &solids));
        }
        let per_loaded = self.active_atoms(&fresh.loaded);
        solids[loaded_at] = loaded;
        for (name, _) in &self.mechanism.fresh().cathode {
            let slot = self.dissolved_slot(name);
            let adsorption = self.battery().physics.chemistry.dissolved[slot].adsorption;
            solids[loaded_at] -=
                cathode[slot] * (porosity + adsorption) * (self.active_atoms(name) / per_loaded);
        }
        self.fill(&mut y, &separator, (&cathode, porosity), &solids, potential);
        if let Some(wetted) = self.layout.wetted {
            y[wetted] = at(roles.initial_wetted);
        }
        self.fill_foils(
            &mut y,
            self.battery().physics.chemistry.stripping.initial_barrier,
        );
        y
    }

    /// A cell filled with catholyte: wetted, the foil clean, no loaded solid. SPEC section 7.
    ///
    /// # Panics
    /// If a name is not what the mechanism has; `config` has checked them.
    pub fn catholyte_state(&self, catholyte: &Catholyte) -> Vec<S> {
        let mut y = vec![S::constant(0.0); self.layout.n_states];
        let carrier = self.battery().physics.chemistry.carrier;
        let reference = self.values[self.mechanism.roles().carrier_reference.index()];
        let mut solids = vec![S::constant(0.0); self.layout.n_solids];
        for (name, amount) in &catholyte.solids {
            solids[self.solid_slot(name)] = S::constant(*amount);
        }
        let porosity = self
            .battery()
            .physics
            .porosity(&vec![S::constant(0.0); self.layout.n_solids]);
        let mut cathode = [S::constant(0.0); DISSOLVED_MAX];
        cathode[carrier] = reference;
        for (name, share) in &catholyte.shares {
            let slot = self.dissolved_slot(name);
            let adsorption = self.battery().physics.chemistry.dissolved[slot].adsorption;
            let room = self.storage_m(porosity + adsorption);
            let moles = S::constant(catholyte.active_kg_m2 * share / self.active_atoms(name))
                / self.active_kg_per_mol();
            cathode[slot] = moles / room;
        }
        let potential = match &catholyte.potential {
            CatholytePotential::Fixed(potential) => S::constant(*potential),
            CatholytePotential::Equilibrium(reaction) => {
                self.equilibrium_potential_v(reaction, &cathode, &solids)
            }
        };
        let mut separator = cathode;
        let major = catholyte
            .shares
            .first()
            .map_or(S::constant(0.0), |(name, _)| {
                cathode[self.dissolved_slot(name)]
            });
        for minor in &catholyte.equilibrated {
            let slot = self.dissolved_slot(&minor.species);
            let here = (potential, &cathode, &solids[..]);
            let equilibrium = self.equilibrium_concentration(slot, &minor.reaction, here);
            cathode[slot] = match minor.fraction_max {
                Some(fraction) if equilibrium.value() > fraction * major.value() => {
                    major * fraction
                }
                _ => equilibrium,
            };
            separator[slot] = if minor.in_separator {
                cathode[slot]
            } else {
                S::constant(0.0)
            };
        }
        self.fill(&mut y, &separator, (&cathode, porosity), &solids, potential);
        if let Some(wetted) = self.layout.wetted {
            y[wetted] = S::constant(1.0);
        }
        self.fill_foils(&mut y, S::constant(0.0));
        y
    }

    /// The polarisation cell at rest: electrolyte only, coverages at equilibrium.
    pub fn electrolyte_state(&self) -> Vec<S> {
        let mut y = vec![S::constant(0.0); self.layout.n_states];
        let mut concentrations = [S::constant(0.0); DISSOLVED_MAX];
        concentrations[self.battery().physics.chemistry.carrier] =
            self.battery().physics.chemistry.carrier_reference;
        let solids = vec![S::constant(0.0); self.layout.n_solids];
        let porosity = self.battery().physics.porosity(&solids);
        self.fill(
            &mut y,
            &concentrations,
            (&concentrations, porosity),
            &solids,
            S::constant(0.0),
        );
        self.fill_foils(&mut y, S::constant(0.0));
        y
    }

    /// Marks the cell as conditioned: no film on the foil, the cathode fully wetted.
    pub fn condition(&self, y: &mut [S]) {
        if self.layout.design.left == Electrode::Foil {
            y[1] = S::constant(0.0);
        }
        if let Some(wetted) = self.layout.wetted {
            y[wetted] = S::constant(1.0);
        }
    }

    /// Charges the double layer of a half cell to a potential (V); a battery stays as it is.
    pub fn polarise(&self, y: &mut [S], potential: S) {
        if self.layout.design.left == Electrode::Planar {
            y[0] = potential;
        }
    }

    /// Amount of each element per geometric area (mol m⁻²), reservoirs and counter-ions left out.
    pub fn inventory(&self, y: &[S]) -> BTreeMap<String, S> {
        let mut elements = BTreeMap::new();
        let mut add = |name: &str, moles: S| {
            let species = self.mechanism.species().iter().find(|s| s.name == name);
            for (element, count) in species.iter().flat_map(|s| &s.composition) {
                let amount = elements.entry(element.clone());
                *amount.or_insert(S::constant(0.0)) += moles * f64::from(*count);
            }
        };
        for (v, volume) in self.layout.volumes.iter().enumerate() {
            let width = self.width_m(v);
            for (i, species) in self.mechanism.dissolved().enumerate() {
                add(&species.name, width * y[self.layout.dissolved(v, i)]);
            }
            if volume.is_porous() {
                for (i, species) in self.mechanism.solids().enumerate() {
                    add(&species.name, width * y[self.layout.solid(v, i)]);
                }
                let sites = self.battery().physics.chemistry.site_density
                    * self.battery().physics.chemistry.active_area;
                let moles = width * sites * y[self.layout.coverage(v)];
                add(&self.mechanism.surface().name, moles);
            }
        }
        for (i, film) in self.mechanism.films().enumerate() {
            for (foil, electrode) in [
                (&self.layout.left_foil, self.layout.design.left),
                (&self.layout.right_foil, self.layout.design.right),
            ] {
                if electrode == Electrode::Foil {
                    add(&film.name, y[foil.start + 2 + i]);
                }
            }
        }
        elements
    }

    /// Width of the whole cell that a dissolved species fills (m), given its storage in the electrodes.
    fn storage_m(&self, electrode_storage: S) -> S {
        let porosity = self.values[self.mechanism.roles().separator_porosity.index()];
        let mut room = S::constant(0.0);
        for (v, volume) in self.layout.volumes.iter().enumerate() {
            let storage = if volume.is_porous() {
                electrode_storage
            } else {
                porosity
            };
            room += self.width_m(v) * storage;
        }
        room
    }

    fn fill(
        &self,
        y: &mut [S],
        separator: &[S; DISSOLVED_MAX],
        (cathode, porosity): (&[S; DISSOLVED_MAX], S),
        solids: &[S],
        potential: S,
    ) {
        let layout = &self.layout;
        let separator_porosity = self.values[self.mechanism.roles().separator_porosity.index()];
        for (v, volume) in layout.volumes.iter().enumerate() {
            for (i, species) in self
                .battery()
                .physics
                .chemistry
                .dissolved
                .iter()
                .enumerate()
            {
                y[layout.dissolved(v, i)] = if volume.is_porous() {
                    cathode[i] * (porosity + species.adsorption)
                } else {
                    separator[i] * separator_porosity
                };
            }
            if volume.is_porous() {
                for (i, amount) in solids.iter().enumerate() {
                    y[layout.solid(v, i)] = *amount;
                }
                y[layout.coverage(v)] = self
                    .battery()
                    .physics
                    .chemistry
                    .desolvation
                    .equilibrium_coverage();
                y[layout.potential(v)] = potential;
            }
        }
    }

    fn fill_foils(&self, y: &mut [S], barrier: S) {
        let design = self.layout.design;
        for (foil, electrode) in [
            (&self.layout.left_foil, design.left),
            (&self.layout.right_foil, design.right),
        ] {
            match electrode {
                Electrode::Foil => y[foil.start + 1] = barrier,
                Electrode::CoatedFoil => {
                    let coverage = self
                        .battery()
                        .physics
                        .chemistry
                        .desolvation
                        .equilibrium_coverage();
                    y[foil.start + 1] = coverage;
                }
                Electrode::Porous { .. } | Electrode::Planar | Electrode::Outside => {}
            }
        }
    }

    fn dissolved_slot(&self, name: &str) -> usize {
        match self.mechanism.slot(name) {
            Some(Slot::Dissolved(i)) => i,
            _ => panic!("'{name}' is a dissolved species, checked by config"),
        }
    }

    fn solid_slot(&self, name: &str) -> usize {
        match self.mechanism.slot(name) {
            Some(Slot::Solid(i)) => i,
            _ => panic!("'{name}' is a solid, checked by config"),
        }
    }

    /// Atoms of the active element in a species.
    fn active_atoms(&self, name: &str) -> f64 {
        let element = &self.mechanism.fresh().active_element;
        let species = self.mechanism.species().iter().find(|s| s.name == name);
        let count = species.and_then(|s| s.composition.get(element));
        f64::from(count.copied().unwrap_or(0))
    }

    /// Molar mass of the active element (kg mol⁻¹).
    fn active_kg_per_mol(&self) -> S {
        let molar_mass = self.values[self.mechanism.roles().molar_mass.index()];
        molar_mass / self.active_atoms(&self.mechanism.fresh().loaded)
    }

    /// Position of a conversion step among the steps.
    fn step(&self, reaction: &str) -> usize {
        let reactions = self.mechanism.reactions().iter();
        let mut steps = reactions.filter(|r| matches!(r.law, Law::Tandem { .. }));
        let position = steps.position(|r| r.name == reaction);
        position.expect("a conversion step, checked by config")
    }

    /// The potential (V) at which a conversion step is at equilibrium: E₀ + RT/(nF) `ln(Πx_ox/Πx_red)`.
    fn equilibrium_potential_v(
        &self,
        reaction: &str,
        concentrations: &[S; DISSOLVED_MAX],
        solids: &[S],
    ) -> S {
        let chemistry = &self.battery().physics.chemistry;
        let step = &chemistry.steps[self.step(reaction)];
        let node = node(concentrations, solids);
        let side = |side: &[Activity]| chemistry.side_activity(side, &node, Slot::Reservoir);
        let ratio = side(step.oxidised()) / side(step.reduced());
        step.potential + ratio.ln() / (chemistry.f_per_v * step.electrons)
    }

    /// The concentration (mol m⁻³) of a dissolved species at which a conversion step is at equilibrium.
    fn equilibrium_concentration(
        &self,
        slot: usize,
        reaction: &str,
        (potential, concentrations, solids): (S, &[S; DISSOLVED_MAX], &[S]),
    ) -> S {
        let chemistry = &self.battery().physics.chemistry;
        let step = &chemistry.steps[self.step(reaction)];
        let node = node(concentrations, solids);
        let slot = Slot::Dissolved(slot);
        let side = |side: &[Activity]| chemistry.side_activity(side, &node, slot);
        let e = chemistry.f_per_v * (potential - step.potential) * step.electrons;
        let others = side(step.oxidised()) / side(step.reduced()) * (-e).exp();
        let order = |side: &[Activity]| side.iter().find(|a| a.slot == slot).map(|a| a.order);
        let activity = match (order(step.reduced()), order(step.oxidised())) {
            (Some(n), _) => others.powf(1.0 / f64::from(n)),
            (None, Some(n)) => others.powf(-1.0 / f64::from(n)),
            (None, None) => S::constant(0.0),
        };
        activity * chemistry.dissolved_reference
    }
}

fn node<'a, S: Scalar>(concentrations: &'a [S; DISSOLVED_MAX], solids: &'a [S]) -> NodeView<'a, S> {
    NodeView {
        concentrations,
        solids,
        coverage: S::constant(1.0),
        potential: S::constant(0.0),
        wetted: S::constant(1.0),
    }
}

impl Cell {
    /// Whether every species of a catholyte is what its place needs; the first that is not is returned.
    pub fn misplaced_species<'c>(
        mechanism: &crate::mechanism::Mechanism,
        catholyte: &'c Catholyte,
    ) -> Option<&'c str> {
        let dissolved = catholyte.shares.iter().map(|(name, _)| name);
        let minor = catholyte.equilibrated.iter().map(|e| &e.species);
        for name in dissolved.chain(minor) {
            let is_dissolved = mechanism
                .species()
                .iter()
                .any(|s| s.name == *name && matches!(s.phase, Phase::Electrolyte { .. }));
            if !is_dissolved {
                return Some(name);
            }
        }
        let is_solid = |name: &str| matches!(mechanism.slot(name), Some(Slot::Solid(_)));
        let solids = catholyte.solids.iter();
        solids
            .map(|(name, _)| name.as_str())
            .find(|name| !is_solid(name))
    }
}
