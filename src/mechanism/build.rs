//! From a mechanism and parameter values to rate laws with values.

use super::Activity;
use super::Chemistry;
use super::Coefficient;
use super::Equation;
use super::Law;
use super::Mechanism;
use super::ParameterId;
use super::Phase;
use super::Reaction;
use super::Slot;
use super::chemistry::Decay;
use super::chemistry::Desolvation;
use super::chemistry::Dissolution;
use super::chemistry::Dissolved;
use super::chemistry::Shuttle;
use super::chemistry::Solid;
use super::chemistry::Stripping;
use super::chemistry::Tandem;
use crate::numerics::scalar::Scalar;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// A list of names with their coefficients, one side of an equation.
type Side = [(String, u32)];

impl<S: Scalar> Chemistry<S> {
    /// Puts the parameter values (SI, table order) into the rate laws.
    ///
    /// # Panics
    /// If `values` is shorter than the table.
    pub fn new(mechanism: &Mechanism, values: &[S]) -> Self {
        Builder { mechanism, values }.chemistry()
    }
}

/// A mechanism and the values of its parameters.
struct Builder<'a, S> {
    mechanism: &'a Mechanism,
    values: &'a [S],
}

impl<S: Scalar> Builder<'_, S> {
    fn at(&self, id: ParameterId) -> S {
        self.values[id.index()]
    }

    fn slot(&self, name: &str) -> Slot {
        self.mechanism.slot(name).unwrap_or(Slot::Reservoir)
    }

    fn chemistry(&self) -> Chemistry<S> {
        let roles = self.mechanism.roles();
        let reactions = || self.mechanism.reactions().iter();
        let surface = match self.mechanism.surface().phase {
            Phase::Surface { site_density } => self.at(site_density),
            _ => unreachable!("a surface species has the phase surface"),
        };
        Chemistry {
            f_per_v: S::constant(FARADAY_C_PER_MOL / GAS_J_PER_MOL_K) / self.at(roles.temperature),
            dissolved: self.dissolved(),
            carrier: self.mechanism.carrier(),
            solids: self.solids(),
            n_films: self.mechanism.films().count(),
            site_density: surface,
            carrier_reference: self.at(roles.carrier_reference),
            dissolved_reference: self.at(roles.dissolved_reference),
            desolvation: reactions()
                .find_map(|r| self.desolvation(r))
                .expect("checked at construction: one desolvation"),
            steps: reactions().filter_map(|r| self.tandem(r)).collect(),
            dissolutions: reactions().filter_map(|r| self.dissolution(r)).collect(),
            decays: reactions().filter_map(|r| self.decay(r)).collect(),
            shuttles: reactions().filter_map(|r| self.shuttle(r)).collect(),
            stripping: reactions()
                .find_map(|r| self.stripping(r))
                .expect("checked at construction: one stripping"),
            passivation_limit: self.at(roles.passivation_limit),
            passivation_exponent: self.at(roles.passivation_exponent),
            passivation_floor: self.at(roles.passivation_floor),
            active_area: self.at(roles.active_area),
        }
    }

    fn dissolved(&self) -> Vec<Dissolved<S>> {
        let values = self.mechanism.dissolved().filter_map(|s| match s.phase {
            Phase::Electrolyte {
                diffusivity,
                adsorption,
                ..
            } => Some(Dissolved {
                diffusivity: self.at(diffusivity),
                adsorption: adsorption.map_or(S::constant(0.0), |id| self.at(id)),
            }),
            _ => None,
        });
        values.collect()
    }

    fn solids(&self) -> Vec<Solid<S>> {
        let values = self.mechanism.solids().filter_map(|s| match s.phase {
            Phase::Solid {
                molar_volume,
                passivation_weight,
                activity_scale,
            } => {
                let weight = match passivation_weight {
                    Some(Coefficient::Number(number)) => S::constant(number),
                    Some(Coefficient::Parameter(id)) => self.at(id),
                    None => S::constant(0.0),
                };
                Some(Solid {
                    molar_volume: self.at(molar_volume),
                    passivation_volume: self.at(molar_volume) * weight,
                    activity_scale: activity_scale.map_or(S::constant(1.0), |id| self.at(id)),
                })
            }
            _ => None,
        });
        values.collect()
    }

    fn desolvation(&self, reaction: &Reaction) -> Option<Desolvation<S>> {
        match reaction.law {
            Law::Desolvation {
                rate_constant,
                equilibrium_constant,
            } => Some(Desolvation {
                rate_constant: self.at(rate_constant),
                equilibrium_constant: self.at(equilibrium_constant),
            }),
            _ => None,
        }
    }

    fn tandem(&self, reaction: &Reaction) -> Option<Tandem<S>> {
        let Law::Tandem {
            rate_constant,
            potential,
            transfer_coefficient,
            ceiling,
            nucleation,
        } = reaction.law
        else {
            return None;
        };
        let Equation {
            reactants,
            products,
            ..
        } = &reaction.equation;
        let surface = reactants
            .iter()
            .find(|(name, _)| self.slot(name) == Slot::Surface);
        Some(Tandem {
            rate_constant: self.at(rate_constant),
            potential: self.at(potential),
            transfer_coefficient: self.at(transfer_coefficient),
            relative_ceiling: self.at(rate_constant) / self.at(ceiling),
            nucleation: nucleation.and_then(|id| Some((self.at(id), self.first_solid(products)?))),
            electrons: reaction.equation.electrons_consumed(),
            coverage_order: surface.map_or(0, |(_, n)| i32::try_from(*n).unwrap_or(i32::MAX)),
            oxidised: self.activities(reactants),
            reduced: self.activities(products),
            stoichiometry: self.stoichiometry(&reaction.equation),
        })
    }

    fn dissolution(&self, reaction: &Reaction) -> Option<Dissolution<S>> {
        let Law::Dissolution {
            rate_constant,
            solubility,
            scale,
        } = reaction.law
        else {
            return None;
        };
        let (solid, n_solid) = reaction.equation.reactants.first()?;
        let (dissolved, n_dissolved) = reaction.equation.products.first()?;
        match (self.slot(solid), self.slot(dissolved)) {
            (Slot::Solid(solid), Slot::Dissolved(dissolved)) => Some(Dissolution {
                rate_constant: self.at(rate_constant),
                solubility: self.at(solubility),
                scale: self.at(scale),
                solid,
                dissolved,
                dissolved_per_solid: f64::from(*n_dissolved) / f64::from(*n_solid),
            }),
            _ => None,
        }
    }

    fn decay(&self, reaction: &Reaction) -> Option<Decay<S>> {
        match reaction.law {
            Law::Decay { rate_constant } => Some(Decay {
                rate_constant: self.at(rate_constant),
                solid: self.first_solid(&reaction.equation.reactants)?,
                stoichiometry: self.stoichiometry(&reaction.equation),
            }),
            _ => None,
        }
    }

    fn shuttle(&self, reaction: &Reaction) -> Option<Shuttle<S>> {
        let Law::Shuttle { rate_constant } = reaction.law else {
            return None;
        };
        let reactants = self.activities(&reaction.equation.reactants);
        let net = reaction.equation.net();
        let films = net.iter().filter_map(|(name, n)| match self.slot(name) {
            Slot::Film(i) => Some((i, *n)),
            _ => None,
        });
        Some(Shuttle {
            rate_constant: self.at(rate_constant),
            reactant: reactants.iter().find_map(|a| match a.slot {
                Slot::Dissolved(i) => Some(i),
                _ => None,
            })?,
            dissolved: self.stoichiometry(&reaction.equation),
            films: films.collect(),
        })
    }

    fn stripping(&self, reaction: &Reaction) -> Option<Stripping<S>> {
        match reaction.law {
            Law::Stripping {
                exchange_current_density,
                capacitance,
                initial_barrier,
                activation_charge,
            } => Some(Stripping {
                exchange_current_density: self.at(exchange_current_density),
                capacitance: self.at(capacitance),
                initial_barrier: self.at(initial_barrier),
                activation_charge: self.at(activation_charge),
                electrons: -reaction.equation.electrons_consumed(),
            }),
            _ => None,
        }
    }

    /// Net change of each amount of a volume, dissolved species first.
    fn stoichiometry(&self, equation: &Equation) -> Vec<(usize, f64)> {
        let n_dissolved = self.mechanism.dissolved().count();
        let net = equation.net();
        let changes = net.iter().filter_map(|(name, n)| match self.slot(name) {
            Slot::Dissolved(i) => Some((i, *n)),
            Slot::Solid(i) => Some((n_dissolved + i, *n)),
            _ => None,
        });
        changes.collect()
    }

    fn activities(&self, side: &Side) -> Vec<Activity> {
        let of_term = |(name, n): &(String, u32)| match self.slot(name) {
            Slot::Dissolved(i) => Some(Activity {
                slot: Slot::Dissolved(i),
                order: i32::try_from(*n).unwrap_or(i32::MAX),
            }),
            Slot::Solid(i) => Some(Activity {
                slot: Slot::Solid(i),
                order: 1,
            }),
            _ => None,
        };
        side.iter().filter_map(of_term).collect()
    }

    fn first_solid(&self, side: &Side) -> Option<usize> {
        side.iter().find_map(|(name, _)| match self.slot(name) {
            Slot::Solid(i) => Some(i),
            _ => None,
        })
    }
}
