//! What a mechanism must hold besides its balances: every reaction fits its law, nothing is missing.

use super::DISSOLVED_MAX;
use super::Equation;
use super::Fresh;
use super::Law;
use super::Mechanism;
use super::MechanismError;
use super::NODE_SLOTS_MAX;
use super::Phase;
use super::Reaction;
use super::Slot;
use super::Species;
use super::System;

impl Mechanism {
    /// Checks that a cell of its kind can be made of the species and reactions.
    pub(super) fn check_system(&self) -> Result<(), MechanismError> {
        match &self.parts.system {
            System::Battery(battery) => {
                self.check_counts()?;
                self.check_laws()?;
                self.check_fresh(&battery.fresh)
            }
            System::HalfCell(half_cell) => half_cell.check(self),
        }
    }

    fn check_laws(&self) -> Result<(), MechanismError> {
        let mut reactions = self.parts.reactions.iter();
        reactions.try_for_each(|reaction| self.check_law(reaction))
    }

    fn check_counts(&self) -> Result<(), MechanismError> {
        let is_carrier = |s: &&Species| {
            matches!(
                s.phase,
                Phase::Electrolyte {
                    is_carrier: true,
                    ..
                }
            )
        };
        let of_law = |wanted: fn(&Law) -> bool| {
            let all = self.parts.reactions.iter();
            all.filter(|r| wanted(&r.law)).count()
        };
        let n_surface = self.with_slot(|s| matches!(s, Slot::Surface)).count();
        let n_dissolved = self.dissolved().count();
        let n_slots = n_dissolved + self.solids().count();
        let checks = [
            (
                self.dissolved().filter(is_carrier).count() == 1,
                "exactly one dissolved species must be the carrier",
            ),
            (
                n_dissolved <= DISSOLVED_MAX,
                "at most 8 dissolved species are possible",
            ),
            (
                n_slots <= NODE_SLOTS_MAX,
                "at most 24 dissolved and solid species are possible",
            ),
            (
                n_surface == 1,
                "exactly one species must have the phase 'surface'",
            ),
            (
                of_law(|l| matches!(l, Law::Desolvation { .. })) == 1,
                "exactly one reaction must have the law 'desolvation'",
            ),
            (
                of_law(|l| matches!(l, Law::Stripping { .. })) == 1,
                "exactly one reaction must have the law 'stripping'",
            ),
            (
                of_law(|l| matches!(l, Law::Tandem { .. })) > 0,
                "at least one reaction must have the law 'tandem'",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(MechanismError::Incomplete {
                what: (*what).to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Checks that the species of a reaction live where its law needs them.
    fn check_law(&self, reaction: &Reaction) -> Result<(), MechanismError> {
        let (holds, what) = self.needs(reaction);
        if !holds {
            return Err(MechanismError::Misfit {
                reaction: reaction.name.clone(),
                what: what.to_owned(),
            });
        }
        self.check_activities(reaction)
    }

    /// Whether a reaction has what its law needs, and what that is.
    fn needs(&self, reaction: &Reaction) -> (bool, &'static str) {
        let count = |terms: &[(String, u32)], wanted: fn(&Slot) -> bool| {
            let slots = terms.iter().filter_map(|(name, _)| self.slot(name));
            slots.filter(wanted).count()
        };
        let is_dissolved: fn(&Slot) -> bool = |s| matches!(s, Slot::Dissolved(_));
        let is_solid: fn(&Slot) -> bool = |s| matches!(s, Slot::Solid(_));
        let is_surface: fn(&Slot) -> bool = |s| matches!(s, Slot::Surface);
        let is_film: fn(&Slot) -> bool = |s| matches!(s, Slot::Film(_));
        let Equation {
            reactants,
            products,
            ..
        } = &reaction.equation;
        let electrons = reaction.equation.electrons_consumed();
        let carrier = Some(Slot::Dissolved(self.carrier()));
        let has_carrier =
            |terms: &[(String, u32)]| terms.iter().any(|(name, _)| self.slot(name) == carrier);
        match reaction.law {
            Law::Desolvation { .. } => (
                count(reactants, is_dissolved) == 1
                    && has_carrier(reactants)
                    && count(products, is_surface) == 1,
                "desolvation takes the carrier to the surface species",
            ),
            Law::Tandem { .. } => (
                count(reactants, is_surface) == 1
                    && electrons > 0.5
                    && count(reactants, is_film) + count(products, is_film) == 0,
                "a tandem step consumes the surface species and electrons, and forms dissolved or solid species",
            ),
            Law::Dissolution { .. } => (
                reactants.len() == 1
                    && count(reactants, is_solid) == 1
                    && products.len() == 1
                    && count(products, is_dissolved) == 1,
                "dissolution takes one solid to one dissolved species",
            ),
            Law::Decay { .. } => (
                reactants.len() == 1
                    && count(reactants, is_solid) == 1
                    && count(products, is_solid) == products.len(),
                "decay takes one solid to other solids",
            ),
            Law::Shuttle { .. } => (
                count(reactants, is_dissolved) == 1
                    && count(products, is_dissolved) + count(products, is_film) > 0
                    && electrons.abs() < 0.5,
                "a shuttle takes one dissolved species to dissolved species or films of the anode",
            ),
            Law::Stripping { .. } => (
                electrons < -0.5 && count(products, is_dissolved) == 1 && has_carrier(products),
                "stripping forms the carrier and electrons",
            ),
            Law::ButlerVolmer { .. } => (
                false,
                "butler_volmer belongs to a [half_cell]; the conversion of a battery has the law 'tandem'",
            ),
        }
    }

    /// Solids of a tandem step need the scale of their activity.
    fn check_activities(&self, reaction: &Reaction) -> Result<(), MechanismError> {
        let Law::Tandem { nucleation, .. } = &reaction.law else {
            return Ok(());
        };
        let Equation {
            reactants,
            products,
            ..
        } = &reaction.equation;
        for (name, _) in reactants.iter().chain(products) {
            let species = self.parts.species.iter().find(|s| s.name == *name);
            if let Some(Phase::Solid {
                activity_scale: None,
                ..
            }) = species.map(|s| &s.phase)
            {
                return Err(MechanismError::Misfit {
                    reaction: reaction.name.clone(),
                    what: format!("the solid '{name}' has no activity_scale"),
                });
            }
        }
        let is_solid = |(name, _): &&(String, u32)| matches!(self.slot(name), Some(Slot::Solid(_)));
        if nucleation.is_some() && products.iter().filter(is_solid).count() != 1 {
            return Err(MechanismError::Misfit {
                reaction: reaction.name.clone(),
                what: "nucleated growth needs exactly one solid product".to_owned(),
            });
        }
        Ok(())
    }

    fn check_fresh(&self, fresh: &Fresh) -> Result<(), MechanismError> {
        let incomplete = |what: String| Err(MechanismError::Incomplete { what });
        if !matches!(self.slot(&fresh.loaded), Some(Slot::Solid(_))) {
            return incomplete(format!(
                "fresh.loaded: '{}' is not a solid species",
                fresh.loaded
            ));
        }
        let concentrations = fresh.cathode.iter().chain(&fresh.separator);
        let named = concentrations.map(|(name, _)| name);
        for name in named.chain(fresh.equilibrated.iter().map(|(name, _)| name)) {
            if !matches!(self.slot(name), Some(Slot::Dissolved(_))) {
                return incomplete(format!("fresh: '{name}' is not a dissolved species"));
            }
        }
        let reactions = fresh.equilibrated.iter().map(|(_, reaction)| reaction);
        for name in reactions.chain([&fresh.potential]) {
            let law = self.reaction(name).map(|r| &r.law);
            if !matches!(law, Some(Law::Tandem { .. })) {
                return incomplete(format!(
                    "fresh: '{name}' is not a reaction with the law 'tandem'"
                ));
            }
        }
        for (name, reaction) in &fresh.equilibrated {
            let found = self.reaction(reaction).expect("checked above");
            if !found
                .equation
                .products
                .iter()
                .any(|(product, _)| product == name)
            {
                return incomplete(format!(
                    "fresh.equilibrated: '{reaction}' does not form '{name}'"
                ));
            }
        }
        Ok(())
    }
}
