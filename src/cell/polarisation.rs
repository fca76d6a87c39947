//! The transference number that a Bruce–Vincent polarisation would measure, in closed form.

use super::Cell;
use crate::units::FARADAY_C_PER_MOL;
use crate::units::GAS_J_PER_MOL_K;

/// The areal resistances (Ω m²) between two catalyst-coated foils, small signal. SPEC section 7.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolarisationResistances {
    /// Ohmic, of the bulk electrolyte.
    pub ohmic: f64,
    /// By the concentration gradient of the salt at steady state.
    pub diffusion: f64,
    /// By desolvation at each electrode.
    pub desolvation: f64,
}

impl PolarisationResistances {
    /// t₊ = `R_b/(R_b` + `R_d` + 2 `R_des)`: what the steady current over the initial one gives, charge transfer removed.
    pub fn transference_number(&self) -> f64 {
        self.ohmic / (self.ohmic + self.diffusion + 2.0 * self.desolvation)
    }
}

impl Cell {
    /// The small-signal resistances of a polarisation between coated foils with this cell's electrolyte.
    ///
    /// Source: Bruce & Vincent, J. Electroanal. Chem. 225 (1987) 1, for the analysis; SPEC section 7 for the terms.
    pub fn polarisation_resistances(&self) -> PolarisationResistances {
        let roles = self.mechanism.roles();
        let at = |id: crate::mechanism::ParameterId| self.values[id.index()];
        let chemistry = &self.physics.chemistry;
        let n = chemistry.stripping.electrons;
        let thermal_v = GAS_J_PER_MOL_K * at(roles.temperature) / FARADAY_C_PER_MOL;
        let factor = at(roles.separator_porosity).powf(at(roles.bruggeman));
        let thickness = at(roles.separator_thickness);
        let transference = at(roles.transference);
        let diffusivity = chemistry.dissolved[chemistry.carrier].diffusivity * factor;
        let free = 1.0 - chemistry.desolvation.equilibrium_coverage();
        let exchange_mol = at(roles.coated_area) * chemistry.desolvation.rate_constant * free;
        PolarisationResistances {
            ohmic: thickness / (at(roles.conductivity) * factor),
            diffusion: at(roles.diffusion_factor)
                * thermal_v
                * (1.0 - transference).powi(2)
                * thickness
                / (n * FARADAY_C_PER_MOL * diffusivity * at(roles.carrier_reference)),
            desolvation: thermal_v / (n * n * FARADAY_C_PER_MOL * exchange_mol),
        }
    }

    /// Areal charge-transfer resistance of each coated foil (Ω m²), RT/(F i₀) at two electrons.
    pub fn charge_transfer_resistance_ohm_m2(&self) -> f64 {
        let stripping = &self.physics.chemistry.stripping;
        1.0 / (self.physics.chemistry.f_per_v
            * stripping.electrons
            * stripping.exchange_current_density)
    }
}
