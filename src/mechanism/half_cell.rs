//! A half cell: one dissolved couple at a planar electrode, with the values of its parameters.

use super::Equation;
use super::Law;
use super::Mechanism;
use super::MechanismError;
use super::ParameterId;
use super::Phase;
use super::Slot;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// How far the electrolyte reaches before the electrode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Farther than diffusion within the longest time.
    SemiInfinite,
    /// A layer of this thickness (m) before a wall that nothing passes.
    Wall(ParameterId),
    /// A layer of this thickness (m) before the stirred bulk.
    Bulk(ParameterId),
}

/// Which parameter plays which part in a half cell. Units are SI.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfCell {
    /// Temperature (K).
    pub temperature: ParameterId,
    /// Geometric area (m²).
    pub area: ParameterId,
    /// Uncompensated resistance (Ω), positive.
    pub resistance: ParameterId,
    /// Double-layer capacitance (F m⁻²).
    pub capacitance: ParameterId,
    /// Concentrations in the bulk (mol m⁻³), by species.
    pub bulk: Vec<(String, ParameterId)>,
    /// Shortest time (s) whose diffusion the mesh resolves.
    pub shortest_time: ParameterId,
    /// Longest time (s) that diffusion takes in the experiments.
    pub longest_time: ParameterId,
    /// Where the electrolyte ends.
    pub depth: Depth,
}

impl HalfCell {
    /// Checks that species and reactions make a half cell: two dissolved species and the reaction between them.
    pub(super) fn check(&self, mechanism: &Mechanism) -> Result<(), MechanismError> {
        let incomplete = |what: &str| {
            Err(MechanismError::Incomplete {
                what: what.to_owned(),
            })
        };
        let [reaction] = mechanism.reactions() else {
            return incomplete("a half cell has exactly one reaction");
        };
        let all_dissolved = mechanism
            .species()
            .iter()
            .all(|s| matches!(s.phase, Phase::Electrolyte { .. }));
        if mechanism.species().len() != 2 || !all_dissolved {
            return incomplete(
                "a half cell has exactly two species, both with the phase 'electrolyte'",
            );
        }
        let Equation {
            reactants,
            products,
            ..
        } = &reaction.equation;
        let is_one = |side: &[(String, u32)]| {
            let dissolved = side
                .iter()
                .filter(|(name, _)| mechanism.slot(name).is_some());
            dissolved.map(|(_, n)| *n).eq([1])
        };
        let is_couple = is_one(reactants) && is_one(products) && reaction.equation.reversible;
        if !matches!(reaction.law, Law::ButlerVolmer { .. }) {
            return Err(MechanismError::Misfit {
                reaction: reaction.name.clone(),
                what: "the reaction of a half cell has the law 'butler_volmer'".to_owned(),
            });
        }
        if !is_couple || reaction.equation.electrons_consumed() < 0.5 {
            return Err(MechanismError::Misfit {
                reaction: reaction.name.clone(),
                what: "butler_volmer takes one dissolved species and electrons to another, like 'O + e <=> R'"
                    .to_owned(),
            });
        }
        match mechanism
            .species()
            .iter()
            .find(|s| self.bulk_of(&s.name).is_none())
        {
            Some(species) => Err(MechanismError::Incomplete {
                what: format!("half_cell.bulk lacks a concentration of '{}'", species.name),
            }),
            None => Ok(()),
        }
    }

    /// The concentration of a species in the bulk.
    fn bulk_of(&self, species: &str) -> Option<ParameterId> {
        let found = self.bulk.iter().find(|(name, _)| name == species);
        found.map(|(_, id)| *id)
    }
}

/// The couple with the values of its parameters; the oxidised species comes first in every pair.
#[derive(Clone, Debug)]
pub struct Couple<S> {
    /// nF/(RT) (V⁻¹).
    pub nf_per_v: S,
    /// Electrons consumed by the reduction.
    pub electrons: f64,
    /// Standard rate constant k₀ (m s⁻¹).
    pub rate_constant: S,
    /// Formal potential E₀ (V).
    pub potential: S,
    /// Transfer coefficient α of the reduction (1).
    pub transfer_coefficient: S,
    /// Position of each species among the dissolved ones.
    pub positions: [usize; 2],
    /// Diffusivities (m² s⁻¹).
    pub diffusivities: [S; 2],
    /// Concentrations in the bulk (mol m⁻³).
    pub bulk: [S; 2],
}

impl<S: Scalar> Couple<S> {
    /// Puts the parameter values (SI, table order) into the couple of a half cell.
    ///
    /// # Panics
    /// If the mechanism is no half cell or `values` is shorter than its table.
    pub fn new(mechanism: &Mechanism, values: &[S]) -> Self {
        let half_cell = mechanism.half_cell().expect("a half cell");
        let at = |id: ParameterId| values[id.index()];
        let reaction = &mechanism.reactions()[0];
        let Law::ButlerVolmer {
            rate_constant,
            potential,
            transfer_coefficient,
        } = reaction.law
        else {
            unreachable!("checked at construction: the law is butler_volmer");
        };
        let sides = [&reaction.equation.reactants, &reaction.equation.products];
        let positions = sides.map(|side| {
            let mut slots = side.iter().filter_map(|(name, _)| mechanism.slot(name));
            match slots.next() {
                Some(Slot::Dissolved(position)) => position,
                _ => unreachable!("checked at construction: a dissolved species on each side"),
            }
        });
        let species: Vec<_> = mechanism.dissolved().collect();
        let electrons = reaction.equation.electrons_consumed();
        let f_per_v = S::constant(FARADAY_C_PER_MOL / GAS_J_PER_MOL_K) / at(half_cell.temperature);
        Self {
            nf_per_v: f_per_v * electrons,
            electrons,
            rate_constant: at(rate_constant),
            potential: at(potential),
            transfer_coefficient: at(transfer_coefficient),
            diffusivities: positions.map(|position| match species[position].phase {
                Phase::Electrolyte { diffusivity, .. } => at(diffusivity),
                _ => unreachable!("checked at construction: both are dissolved"),
            }),
            bulk: positions.map(|position| {
                let id = half_cell.bulk_of(&species[position].name);
                at(id.expect("checked at construction: a concentration of each"))
            }),
            positions,
        }
    }

    /// Rate of the reduction (mol m⁻² s⁻¹) at a potential difference electrode − electrolyte (V), from the
    /// concentrations (mol m⁻³) at a distance (m) from the electrode.
    ///
    /// r = k₀ [`c_O` e^(−αe) − `c_R` e^((1−α)e)] with e = nF(E − E₀)/RT and the concentrations at the surface, which are
    /// lower and higher than those at the distance h by r h/D: the equation is linear in r and solved here, so that the
    /// surface needs no state of its own. Source: Bard & Faulkner, *Electrochemical Methods*, 2nd ed. (2001), ch. 3.
    #[inline]
    pub fn rate(&self, potential: S, [oxidised, reduced]: [S; 2], distance: S) -> S {
        let e = self.nf_per_v * (potential - self.potential);
        let share = self.transfer_coefficient * e;
        let forward = self.rate_constant * (-share).exp();
        let backward = self.rate_constant * (e - share).exp();
        let [of_oxidised, of_reduced] = self.diffusivities;
        let supply = distance * (forward / of_oxidised + backward / of_reduced);
        (oxidised * forward - reduced * backward) / (supply + 1.0)
    }

    /// The same couple for derivatives by other quantities.
    pub fn lifted<const N: usize>(&self) -> Couple<Dual<N, S>> {
        Couple {
            nf_per_v: Dual::fixed(self.nf_per_v),
            electrons: self.electrons,
            rate_constant: Dual::fixed(self.rate_constant),
            potential: Dual::fixed(self.potential),
            transfer_coefficient: Dual::fixed(self.transfer_coefficient),
            positions: self.positions,
            diffusivities: self.diffusivities.map(Dual::fixed),
            bulk: self.bulk.map(Dual::fixed),
        }
    }

    /// The potential (V) at which a couple of these concentrations is at equilibrium (Nernst).
    pub fn equilibrium_v(&self, [oxidised, reduced]: [S; 2]) -> S {
        self.potential + (oxidised / reduced).ln() / self.nf_per_v
    }
}
