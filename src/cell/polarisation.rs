//! The transference number that a Bruce–Vincent polarisation would measure, in closed form.

use super::Cell;
use crate::numerics::scalar::Scalar;
use crate::numerics::scalar::Sensitive;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// The areal resistances (Ω m²) between two catalyst-coated foils, small signal. SPEC section 7.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolarisationResistances<S = f64> {
    /// Ohmic, of the bulk electrolyte.
    pub ohmic: S,
    /// By the concentration gradient of the salt at steady state.
    pub diffusion: S,
    /// By desolvation at each electrode.
    pub desolvation: S,
}

impl<S: Scalar> PolarisationResistances<S> {
    /// t₊ = `R_b/(R_b` + `R_d` + 2 `R_des)`: what the steady current over the initial one gives, charge transfer removed.
    pub fn transference_number(&self) -> S {
        self.ohmic / (self.ohmic + self.diffusion + self.desolvation * 2.0)
    }
}

impl<S: Sensitive> Cell<S> {
    /// The small-signal resistances of a polarisation between coated foils with this cell's electrolyte.
    ///
    /// Source: Bruce & Vincent, J. Electroanal. Chem. 225 (1987) 1, for the analysis; SPEC section 7 for the terms.
    pub fn polarisation_resistances(&self) -> PolarisationResistances<S> {
        let roles = self.mechanism.roles();
        let at = |id: crate::mechanism::ParameterId| self.values[id.index()];
        let chemistry = &self.battery().physics.chemistry;
        let n = chemistry.stripping.electrons;
        let thermal_v = at(roles.temperature) * (GAS_J_PER_MOL_K / FARADAY_C_PER_MOL);
        let factor = at(roles.separator_porosity).pow(at(roles.bruggeman));
        let thickness = at(roles.separator_thickness);
        let anions = -at(roles.transference) + 1.0;
        let diffusivity = chemistry.dissolved[chemistry.carrier].diffusivity * factor;
        let free = -chemistry.desolvation.equilibrium_coverage() + 1.0;
        let exchange_mol = at(roles.coated_area) * chemistry.desolvation.rate_constant * free;
        PolarisationResistances {
            ohmic: thickness / (at(roles.conductivity) * factor),
            diffusion: at(roles.diffusion_factor) * thermal_v * anions * anions * thickness
                / (diffusivity * at(roles.carrier_reference) * (n * FARADAY_C_PER_MOL)),
            desolvation: thermal_v / (exchange_mol * (n * n * FARADAY_C_PER_MOL)),
        }
    }

    /// Areal charge-transfer resistance of each coated foil (Ω m²), RT/(F i₀) at two electrons.
    pub fn charge_transfer_resistance_ohm_m2(&self) -> S {
        let stripping = &self.battery().physics.chemistry.stripping;
        S::constant(1.0 / stripping.electrons)
            / (self.battery().physics.chemistry.f_per_v * stripping.exchange_current_density)
    }
}
