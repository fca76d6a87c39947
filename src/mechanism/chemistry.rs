//! Rate laws with the values of their parameters: what happens inside one volume, at one surface, at the anode.

use super::DISSOLVED_MAX;
use super::Slot;
use crate::numerics::scalar::Scalar;

/// Dissolved and solid species that one volume may hold.
pub const NODE_SLOTS_MAX: usize = 24;

/// Smoothing of the relative `MgS` volume below the 2/3 power (1): keeps its derivative finite for a bare surface.
const GROWTH_SMOOTHING: f64 = 1e-8;

/// What an electrode reaction feels of a species: its place and its reaction order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activity {
    /// Where its amount is found: dissolved or solid.
    pub slot: Slot,
    /// Reaction order: the stoichiometric number of a dissolved species, one for a solid.
    pub order: i32,
}

/// A dissolved species with values.
#[derive(Clone, Debug)]
pub struct Dissolved<S> {
    /// Diffusivity (m² s⁻¹).
    pub diffusivity: S,
    /// Storage factor of adsorption in the cathode (1), zero if it does not adsorb.
    pub adsorption: S,
}

/// A solid with values.
#[derive(Clone, Debug)]
pub struct Solid<S> {
    /// Molar volume (m³ mol⁻¹).
    pub molar_volume: S,
    /// Molar volume times weight in the passivation (m³ mol⁻¹).
    pub passivation_volume: S,
    /// Amount at which its activity is one half (mol m⁻³).
    pub activity_scale: S,
}

/// Desolvation of the carrier with values.
#[derive(Clone, Debug)]
pub struct Desolvation<S> {
    /// Rate constant k (mol m⁻² s⁻¹).
    pub rate_constant: S,
    /// Equilibrium constant K (1).
    pub equilibrium_constant: S,
}

impl<S: Scalar> Desolvation<S> {
    /// Rate r = k [c/c₀ (1 − θ) − θ/K] (mol m⁻² s⁻¹); `carrier` is c/c₀. SPEC section 6.
    #[inline]
    pub fn rate(&self, carrier: S, coverage: S) -> S {
        let free = -coverage + 1.0;
        self.rate_constant * (carrier * free - coverage / self.equilibrium_constant)
    }

    /// The coverage at equilibrium with the reference concentration, K/(1 + K).
    pub fn equilibrium_coverage(&self) -> S {
        self.equilibrium_constant / (self.equilibrium_constant + 1.0)
    }
}

/// A conversion step with values.
#[derive(Clone, Debug)]
pub struct Tandem<S> {
    pub(super) rate_constant: S,
    /// Standard potential (V).
    pub potential: S,
    pub(super) transfer_coefficient: S,
    /// `k/k_max` (1).
    pub(super) relative_ceiling: S,
    pub(super) nucleation: Option<(S, usize)>,
    /// Electrons consumed.
    pub electrons: f64,
    pub(super) coverage_order: i32,
    pub(super) oxidised: Vec<Activity>,
    pub(super) reduced: Vec<Activity>,
    pub(super) stoichiometry: Vec<(usize, f64)>,
}

/// Dissolution of a solid with values.
#[derive(Clone, Debug)]
pub(super) struct Dissolution<S> {
    pub(super) rate_constant: S,
    pub(super) solubility: S,
    pub(super) scale: S,
    pub(super) solid: usize,
    pub(super) dissolved: usize,
    pub(super) dissolved_per_solid: f64,
}

/// Decay of a solid with values.
#[derive(Clone, Debug)]
pub(super) struct Decay<S> {
    pub(super) rate_constant: S,
    pub(super) solid: usize,
    pub(super) stoichiometry: Vec<(usize, f64)>,
}

/// A chemical reaction at the anode with values.
#[derive(Clone, Debug)]
pub struct Shuttle<S> {
    /// Rate constant (m s⁻¹).
    pub rate_constant: S,
    /// Position of the dissolved reactant.
    pub reactant: usize,
    /// Change of each dissolved species per reaction.
    pub dissolved: Vec<(usize, f64)>,
    /// Change of each film per reaction.
    pub films: Vec<(usize, f64)>,
}

/// Metal dissolution with values.
#[derive(Clone, Debug)]
pub struct Stripping<S> {
    /// Exchange current density of the clean metal (A m⁻²).
    pub exchange_current_density: S,
    /// Double-layer capacitance (F m⁻²).
    pub capacitance: S,
    /// Barrier of the fresh film (1).
    pub initial_barrier: S,
    /// Charge that thins the film by a factor e (C m⁻²).
    pub activation_charge: S,
    /// Electrons per metal atom.
    pub electrons: f64,
}

/// All rate laws of a mechanism with the values of one cell.
#[derive(Clone, Debug)]
pub struct Chemistry<S> {
    /// F/(RT) (V⁻¹).
    pub f_per_v: S,
    /// Dissolved species.
    pub dissolved: Vec<Dissolved<S>>,
    /// Position of the carrier among them.
    pub carrier: usize,
    /// Solids.
    pub solids: Vec<Solid<S>>,
    /// Number of films on the anode.
    pub n_films: usize,
    /// Site density of the surface (mol m⁻²).
    pub site_density: S,
    /// Reference concentration of the carrier (mol m⁻³).
    pub carrier_reference: S,
    /// Reference concentration of the other dissolved species (mol m⁻³).
    pub dissolved_reference: S,
    /// Desolvation.
    pub desolvation: Desolvation<S>,
    /// Conversion steps.
    pub steps: Vec<Tandem<S>>,
    pub(super) dissolutions: Vec<Dissolution<S>>,
    pub(super) decays: Vec<Decay<S>>,
    /// Reactions at the anode.
    pub shuttles: Vec<Shuttle<S>>,
    /// Metal dissolution.
    pub stripping: Stripping<S>,
    pub(super) passivation_limit: S,
    pub(super) passivation_exponent: S,
    pub(super) passivation_floor: S,
    /// Electroactive area per cathode volume (m⁻¹).
    pub active_area: S,
}

/// The state of one cathode volume as its reactions see it.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a, S> {
    /// Concentrations of the dissolved species (mol m⁻³).
    pub concentrations: &'a [S; DISSOLVED_MAX],
    /// Amounts of the solids (mol m⁻³ of electrode).
    pub solids: &'a [S],
    /// Coverage of the surface by freed cations (1).
    pub coverage: S,
    /// Potential difference electrode − electrolyte (V).
    pub potential: S,
    /// Wetted fraction of the surface (1).
    pub wetted: S,
}

impl<S: Scalar> Chemistry<S> {
    /// Fraction of the wetted surface that passivating solids leave free (1), SPEC section 6.
    #[inline]
    pub fn free_area(&self, solids: &[S], wetted: S) -> S {
        let mut volume = S::constant(0.0);
        for (solid, amount) in self.solids.iter().zip(solids) {
            volume += solid.passivation_volume * *amount;
        }
        let gap = -(volume / (self.passivation_limit * wetted)) + 1.0;
        let floor = self.passivation_floor;
        let free = (gap + (gap * gap + floor * floor * 4.0).sqrt()) * 0.5;
        free.pow(self.passivation_exponent)
    }

    /// Adds the change by reactions (mol m⁻³ s⁻¹) of dissolved species and solids to `amounts`, and returns the
    /// rate of change of the coverage (s⁻¹) and the electrons consumed per volume (mol m⁻³ s⁻¹).
    #[inline]
    pub fn react(&self, node: &NodeView<'_, S>, amounts: &mut [S]) -> (S, S) {
        let free = self.free_area(node.solids, node.wetted);
        let wet_free = node.wetted * free;
        let area = self.active_area * wet_free;
        let carrier = node.concentrations[self.carrier] / self.carrier_reference;
        let reverse = self.desolvation.equilibrium_constant * carrier * (-node.coverage + 1.0);
        let desolvation = self.desolvation.rate(carrier, node.coverage);
        amounts[self.carrier] -= area * desolvation;
        let mut coverage_rate = desolvation;
        let mut electrons = S::constant(0.0);
        for step in &self.steps {
            let rate = self.conversion_rate(step, node, reverse);
            let per_volume = area * rate;
            for (slot, n) in &step.stoichiometry {
                amounts[*slot] += per_volume * *n;
            }
            coverage_rate -= rate * f64::from(step.coverage_order);
            electrons += per_volume * step.electrons;
        }
        self.react_solids(node, amounts);
        (wet_free * coverage_rate / self.site_density, electrons)
    }

    /// Dissolution and decay.
    #[inline]
    fn react_solids(&self, node: &NodeView<'_, S>, amounts: &mut [S]) {
        let n_dissolved = self.dissolved.len();
        for law in &self.dissolutions {
            let solid = node.solids[law.solid];
            let surface = solid / (solid.abs() + law.scale);
            let rate =
                law.rate_constant * (law.solubility * surface - node.concentrations[law.dissolved]);
            amounts[n_dissolved + law.solid] -= rate;
            amounts[law.dissolved] += rate * law.dissolved_per_solid;
        }
        for law in &self.decays {
            let rate = law.rate_constant * node.solids[law.solid];
            for (slot, n) in &law.stoichiometry {
                amounts[*slot] += rate * *n;
            }
        }
    }

    /// Rate of a conversion step per active area (mol m⁻² s⁻¹), positive for reduction; SPEC section 6.
    ///
    /// r = k h [θ `Πx_ox` e^(−αe) − q `Πx_red` e^((1−α)e)] / (1 + (`k/k_max)(e^(−αe)` + e^((1−α)e))), e = nF(E − E₀)/RT.
    /// The reverse factor q equals θ at desolvation equilibrium, so E₀ is a potential against the metal in the local
    /// solution. The denominator caps both rate constants at `k_max` and keeps detailed balance.
    #[inline]
    fn conversion_rate(&self, step: &Tandem<S>, node: &NodeView<'_, S>, reverse: S) -> S {
        let e = self.f_per_v * (node.potential - step.potential) * step.electrons;
        let reduced = step.transfer_coefficient * e;
        let forward = (-reduced).exp();
        let backward = (e - reduced).exp();
        let mut reduction = signed_power(node.coverage, step.coverage_order) * forward;
        for activity in &step.oxidised {
            reduction = reduction * self.activity(activity, node);
        }
        let mut oxidation = signed_power(reverse, step.coverage_order) * backward;
        for activity in &step.reduced {
            oxidation = oxidation * self.activity(activity, node);
        }
        let cap = step.relative_ceiling * (forward + backward) + 1.0;
        let rate = step.rate_constant * (reduction - oxidation) / cap;
        match step.nucleation {
            Some((initial, solid)) => rate * self.growth_area(initial, solid, node),
            None => rate,
        }
    }

    /// Relative area on which a solid grows: h = (h₀ + x^(2/3))/(h₀ + 1), x its volume over the passivation limit.
    #[inline]
    fn growth_area(&self, initial: S, solid: usize, node: &NodeView<'_, S>) -> S {
        let raw = self.solids[solid].molar_volume * node.solids[solid]
            / (self.passivation_limit * node.wetted);
        let x = (raw + (raw * raw + GROWTH_SMOOTHING).sqrt()) * 0.5;
        (initial + x.powf(2.0 / 3.0)) / (initial + 1.0)
    }

    /// What a reaction feels of a species: x|x|^(n−1). Odd, because a plain power is a runaway sink once round-off
    /// makes an exhausted amount negative; SPEC section 6.
    #[inline]
    fn activity(&self, activity: &Activity, node: &NodeView<'_, S>) -> S {
        match activity.slot {
            Slot::Dissolved(i) => signed_power(
                node.concentrations[i] / self.dissolved_reference,
                activity.order,
            ),
            Slot::Solid(i) => {
                let amount = node.solids[i];
                amount / (amount.abs() + self.solids[i].activity_scale)
            }
            _ => S::constant(1.0),
        }
    }

    /// The activity Π of one side of a step, but for `skip`, at the given concentrations and solids.
    pub fn side_activity(&self, side: &[Activity], node: &NodeView<'_, S>, skip: Slot) -> S {
        let mut product = S::constant(1.0);
        for activity in side.iter().filter(|a| a.slot != skip) {
            product = product * self.activity(activity, node);
        }
        product
    }
}

impl<S: Scalar> Tandem<S> {
    /// The oxidised side.
    pub fn oxidised(&self) -> &[Activity] {
        &self.oxidised
    }

    /// The reduced side.
    pub fn reduced(&self) -> &[Activity] {
        &self.reduced
    }
}

/// x|x|^(n−1): the n-th power with the sign of x.
#[inline]
fn signed_power<S: Scalar>(x: S, n: i32) -> S {
    let mut power = x;
    for _ in 1..n {
        power = power * x.abs();
    }
    power
}
