//! What is asked: a protocol at a loading, a current and an amount of electrolyte, read at some cycles.

use thiserror::Error;

use crate::cell::Cell;
use crate::mechanism::Mechanism;
use crate::mechanism::Phase;
use crate::numerics::scalar::Scalar;
use crate::numerics::scalar::Sensitive;
use crate::observe::Observable;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::simulate::JumpPlan;
use crate::simulate::Outcome;
use crate::simulate::Resolution;
use crate::simulate::SimulationFailure;
use crate::simulate::run;
use crate::units::mah_per_g;

/// A design of the cell and a current.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// Areal loading of the active element (kg m⁻²).
    pub loading_kg_m2: f64,
    /// Current as a multiple of 1C (1).
    pub c_rate: f64,
    /// Volume of electrolyte per mass of active element (m³ kg⁻¹); that of the mechanism's separator if not stated.
    pub electrolyte_m3_kg: Option<f64>,
}

/// A design that no cell can have.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ConditionError {
    /// Less electrolyte than the pores of the cathode take up.
    #[error(
        "{asked_ul_mg:.3} µL/mg at {loading_mg_cm2} mg/cm2, expected more than {pores_ul_mg:.3} µL/mg, which the pores of the cathode take up"
    )]
    TooLittleElectrolyte {
        /// What was asked for (µL mg⁻¹).
        asked_ul_mg: f64,
        /// The loading (mg cm⁻²).
        loading_mg_cm2: f64,
        /// What the cathode takes up (µL mg⁻¹).
        pores_ul_mg: f64,
    },
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Specific discharge capacity (mAh g⁻¹ of active element).
    Capacity,
    /// Areal discharge capacity (mAh cm⁻²).
    ArealCapacity,
    /// Specific energy (Wh kg⁻¹ of active element).
    Energy,
    /// Areal energy (mWh cm⁻²).
    ArealEnergy,
    /// Mean specific power of the discharge (W kg⁻¹ of active element).
    Power,
    /// Capacity over that of the first cycle (1).
    Retention,
}

impl Quantity {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Capacity,
        Self::ArealCapacity,
        Self::Energy,
        Self::ArealEnergy,
        Self::Power,
        Self::Retention,
    ];

    /// As it stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::ArealCapacity => "areal_capacity",
            Self::Energy => "energy",
            Self::ArealEnergy => "areal_energy",
            Self::Power => "power",
            Self::Retention => "retention",
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Capacity => "mAh g^-1",
            Self::ArealCapacity => "mAh cm^-2",
            Self::Energy => "Wh kg^-1",
            Self::ArealEnergy => "mWh cm^-2",
            Self::Power => "W kg^-1",
            Self::Retention => "1",
        }
    }
}

/// What a cell gives in one cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CycleAnswer<S = f64> {
    /// Discharge capacity (mAh g⁻¹).
    pub capacity: S,
    /// Energy of the discharge (Wh kg⁻¹).
    pub energy: S,
}

impl CycleAnswer {
    /// A quantity of this cycle; `first` is the answer of the first cycle.
    pub fn quantity(
        &self,
        quantity: Quantity,
        condition: &Condition,
        first: &Self,
        one_c: f64,
    ) -> f64 {
        // 1 kg m⁻² is 100 mg cm⁻²; 1 mAh g⁻¹ is 1e-3 mAh mg⁻¹.
        let areal = condition.loading_kg_m2 * 0.1;
        match quantity {
            Quantity::Capacity => self.capacity,
            Quantity::ArealCapacity => self.capacity * areal,
            Quantity::Energy => self.energy,
            Quantity::ArealEnergy => self.energy * areal,
            Quantity::Power => self.energy / self.capacity * condition.c_rate * one_c,
            Quantity::Retention => self.capacity / first.capacity,
        }
    }
}

/// A protocol whose cycles are asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The protocol; loading and current are those of a condition.
    pub protocol: Protocol,
    /// Its step with the cycles.
    pub step: usize,
    /// The cycles that are asked about, counted from one, ascending; the first one is always among them.
    pub cycles: Vec<usize>,
}

/// What a simulation of one condition gave, beside the jumps over cycles.
pub(super) type Answers<S> = (Vec<CycleAnswer<S>>, Vec<JumpPlan>);

impl Setting {
    /// The protocol at a condition, `refine` times as fine a mesh.
    pub fn protocol_at(&self, condition: &Condition, refine: usize) -> Protocol {
        let mut protocol = self.protocol.clone();
        protocol.loading_kg_m2 = None;
        protocol.refine *= refine;
        if let Some(Step::Cycle(cycles)) = protocol.steps.get_mut(self.step) {
            cycles.c_rate = condition.c_rate;
        }
        protocol
    }

    /// Parameter values (SI, table order) of a cell built for a condition.
    ///
    /// # Errors
    /// [`ConditionError`] if the cathode takes up more electrolyte than there is.
    pub fn designed<S: Scalar>(
        mechanism: &Mechanism,
        mut values: Vec<S>,
        condition: &Condition,
    ) -> Result<Vec<S>, ConditionError> {
        let roles = mechanism.roles();
        values[roles.loading.index()] = S::constant(condition.loading_kg_m2);
        if let Some(electrolyte) = condition.electrolyte_m3_kg {
            let plain: Vec<f64> = values.iter().map(|v| v.value()).collect();
            let pores = pores_m3_kg(mechanism, &plain);
            let rest = electrolyte - pores;
            if rest <= 0.0 {
                return Err(ConditionError::TooLittleElectrolyte {
                    asked_ul_mg: 1e3 * electrolyte,
                    loading_mg_cm2: 100.0 * condition.loading_kg_m2,
                    pores_ul_mg: 1e3 * pores,
                });
            }
            let porosity = plain[roles.separator_porosity.index()];
            let thickness = rest * condition.loading_kg_m2 / porosity;
            values[roles.separator_thickness.index()] = S::constant(thickness);
        }
        mechanism.parameters().follow_ties(&mut values);
        Ok(values)
    }

    /// What is read: capacity and energy of every cycle that is asked about.
    pub fn observables(&self) -> Vec<[Observable; 2]> {
        let (step, cycles) = (self.step, self.cycles.iter());
        let both = cycles.map(|cycle| {
            let cycle = *cycle;
            [
                Observable::Capacity { step, cycle },
                Observable::Energy { step, cycle },
            ]
        });
        both.collect()
    }

    /// Simulates one condition with the cell model at parameter values of a designed cell.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved or the cell gives nothing at all.
    pub fn simulated<S: Sensitive>(
        &self,
        mechanism: &std::sync::Arc<Mechanism>,
        values: &[S],
        condition: &Condition,
        (resolution, refine): (Resolution, usize),
        frozen: Option<&[JumpPlan]>,
    ) -> Result<Answers<S>, SimulationFailure> {
        let (cell, outcome) =
            self.outcome(mechanism, values, condition, (resolution, refine), frozen)?;
        let answers = self.observables().into_iter().map(|[capacity, energy]| {
            let read = |observable: &Observable| {
                let value = observable.measure(&cell, &outcome);
                value.filter(|v| v.value().is_finite())
            };
            let answer = read(&capacity).map(|capacity| CycleAnswer {
                capacity,
                // A discharge that ends at once has no energy to speak of.
                energy: read(&energy).unwrap_or(S::constant(0.0)),
            });
            answer.ok_or_else(|| SimulationFailure {
                during: format!("reading {capacity:?}"),
                time_s: f64::NAN,
                reason: "the simulated cycles do not show it".to_owned(),
                parameters: cell.plain_values(),
            })
        });
        let answers = answers.collect::<Result<_, _>>()?;
        Ok((answers, outcome.plans))
    }

    /// The cell and all that the protocol gave.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved.
    pub fn outcome<S: Sensitive>(
        &self,
        mechanism: &std::sync::Arc<Mechanism>,
        values: &[S],
        condition: &Condition,
        (resolution, refine): (Resolution, usize),
        frozen: Option<&[JumpPlan]>,
    ) -> Result<(Cell<S>, Outcome<S>), SimulationFailure> {
        let protocol = self.protocol_at(condition, refine);
        let design = resolution.mesh.design(mechanism, &protocol);
        let cell = Cell::new(mechanism, values, design);
        let outcome = run(&cell, &protocol, resolution.accuracy, frozen)?;
        Ok((cell, outcome))
    }
}

/// The specific charge that defines 1C (mAh g⁻¹).
pub fn one_c_mah_g(mechanism: &Mechanism) -> f64 {
    let id = mechanism.roles().specific_charge;
    mah_per_g(mechanism.parameters().row(id).value)
}

/// Electrolyte in the pores of the fresh cathode per mass of active element (m³ kg⁻¹).
pub(super) fn pores_m3_kg(mechanism: &Mechanism, values: &[f64]) -> f64 {
    let roles = mechanism.roles();
    let at = |id: crate::mechanism::ParameterId| values[id.index()];
    let loaded = &mechanism.fresh().loaded;
    let solid = mechanism.species().iter().find(|s| s.name == *loaded);
    let molar_volume = match solid.map(|s| &s.phase) {
        Some(Phase::Solid { molar_volume, .. }) => at(*molar_volume),
        _ => 0.0,
    };
    let density = at(roles.active_density);
    let porosity = at(roles.frame_porosity) - molar_volume * density / at(roles.molar_mass);
    porosity / density
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONDITION: Condition = Condition {
        loading_kg_m2: 0.04,
        c_rate: 0.1,
        electrolyte_m3_kg: None,
    };

    #[test]
    fn quantities_follow_from_capacity_and_energy() {
        let first = CycleAnswer {
            capacity: 1000.0,
            energy: 1200.0,
        };
        let later = CycleAnswer {
            capacity: 750.0,
            energy: 825.0,
        };
        let of = |quantity| later.quantity(quantity, &CONDITION, &first, 1672.0);
        // 4 mg cm⁻² of 750 mAh g⁻¹.
        assert!((of(Quantity::ArealCapacity) - 3.0).abs() < 1e-12);
        assert!((of(Quantity::ArealEnergy) - 3.3).abs() < 1e-12);
        assert!((of(Quantity::Retention) - 0.75).abs() < 1e-12);
        // 1.1 V at 167.2 mA g⁻¹.
        assert!((of(Quantity::Power) - 1.1 * 167.2).abs() < 1e-9);
    }
}
