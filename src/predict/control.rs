//! What limits a cell: degrees of rate control.
//!
//! The degree of rate control of a process is the relative change of the answer by a relative change of the process's
//! constant, all others and all equilibria held: X = ∂ ln Q / ∂ ln k.
//!
//! Source: Campbell, ACS Catal. 7 (2017), 2770, generalised from a rate to any answer of the cell.

use std::sync::Arc;

use super::setting::Condition;
use super::setting::Setting;
use crate::mechanism::Law;
use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::mechanism::Phase;
use crate::mechanism::Reaction;
use crate::mechanism::Species;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::constants;
use crate::simulate::Resolution;
use crate::simulate::SimulationFailure;

/// Parameters that one simulation carries derivatives by; more take several.
const WIDEST: usize = 24;
/// A sum of degrees of rate control below which nothing is said to limit (1).
const LIMITS_FROM: f64 = 0.02;

/// What may limit a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limiting {
    /// The cation sheds its shell too slowly.
    Desolvation,
    /// The conversion of the active element is too slow.
    Conversion,
    /// The cation and the charge move too slowly through the electrolyte.
    IonTransport,
    /// Dissolved intermediates move too slowly.
    IntermediateTransport,
    /// Electrons move too slowly through the electrode.
    ElectronicTransport,
    /// Solid products cover the surface.
    Passivation,
    /// The metal dissolves too slowly through its film.
    Anode,
    /// The electrolyte wets the electrode too slowly.
    Wetting,
    /// Active material is lost.
    Loss,
    /// Nothing: the answer is that of the cut-off voltages and the theoretical capacity.
    Nothing,
}

impl Limiting {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Desolvation,
        Self::Conversion,
        Self::IonTransport,
        Self::IntermediateTransport,
        Self::ElectronicTransport,
        Self::Passivation,
        Self::Anode,
        Self::Wetting,
        Self::Loss,
        Self::Nothing,
    ];

    /// What it says.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Desolvation => "the cation sheds its shell too slowly",
            Self::Conversion => "the conversion of the active element is too slow",
            Self::IonTransport => {
                "the cation and the charge move too slowly through the electrolyte"
            }
            Self::IntermediateTransport => "dissolved intermediates move too slowly",
            Self::ElectronicTransport => "electrons move too slowly through the electrode",
            Self::Passivation => "solid products cover the surface",
            Self::Anode => "the metal dissolves too slowly through its film",
            Self::Wetting => "the electrolyte wets the electrode too slowly",
            Self::Loss => "active material is lost",
            Self::Nothing => {
                "nothing: the answer is that of the cut-off voltages and the theoretical capacity"
            }
        }
    }

    /// As it stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desolvation => "desolvation",
            Self::Conversion => "conversion",
            Self::IonTransport => "ion transport",
            Self::IntermediateTransport => "transport of intermediates",
            Self::ElectronicTransport => "electronic transport",
            Self::Passivation => "passivation",
            Self::Anode => "anode",
            Self::Wetting => "wetting",
            Self::Loss => "loss of active material",
            Self::Nothing => "nothing",
        }
    }
}

/// One process with its constant.
#[derive(Clone, Debug, PartialEq)]
struct Process {
    name: String,
    parameter: ParameterId,
    group: Limiting,
    /// −1 if a larger constant makes the process slower or the loss larger.
    sign: f64,
}

/// Degrees of rate control of one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// Name of each process, what it belongs to, and its degree of rate control (1), positive where more of it helps.
    pub degrees: Vec<(String, Limiting, f64)>,
}

impl Control {
    /// The sum over the processes of a group.
    pub fn of(&self, group: Limiting) -> f64 {
        let own = self.degrees.iter().filter(|(_, g, _)| *g == group);
        own.map(|(_, _, degree)| degree).sum()
    }

    /// The group that limits most.
    pub fn limiting(&self) -> Limiting {
        let mut groups: Vec<Limiting> = self.degrees.iter().map(|(_, group, _)| *group).collect();
        groups.sort_unstable();
        groups.dedup();
        let largest = groups
            .into_iter()
            .map(|group| (group, self.of(group)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match largest {
            Some((group, degree)) if degree > LIMITS_FROM => group,
            _ => Limiting::Nothing,
        }
    }
}

impl Process {
    fn new(name: &str, parameter: ParameterId, group: Limiting) -> Self {
        Self {
            name: name.to_owned(),
            parameter,
            group,
            sign: 1.0,
        }
    }

    /// A larger constant makes it slower, or the loss larger.
    fn inverse(self) -> Self {
        Self { sign: -1.0, ..self }
    }
}

/// The processes of a mechanism.
fn processes(mechanism: &Mechanism) -> Vec<Process> {
    let reactions = mechanism.reactions().iter().filter_map(of_reaction);
    let species = mechanism.species().iter().filter_map(of_species);
    let roles = mechanism.roles();
    let electronic = Limiting::ElectronicTransport;
    let others = [
        Process::new(
            "conductivity of the electrolyte",
            roles.conductivity,
            Limiting::IonTransport,
        ),
        Process::new(
            "conductivity of the electrode",
            roles.electronic_conductivity,
            electronic,
        ),
        Process::new("contact resistance", roles.series_resistance, electronic).inverse(),
        Process::new(
            "room for solid products",
            roles.passivation_limit,
            Limiting::Passivation,
        ),
        Process::new("wetting", roles.wetting_time, Limiting::Wetting).inverse(),
    ];
    reactions.chain(species).chain(others).collect()
}

fn of_reaction(reaction: &Reaction) -> Option<Process> {
    let new = |parameter, group| Process::new(&reaction.name, parameter, group);
    match reaction.law {
        Law::Desolvation { rate_constant, .. } => Some(new(rate_constant, Limiting::Desolvation)),
        Law::Tandem { rate_constant, .. } | Law::Dissolution { rate_constant, .. } => {
            Some(new(rate_constant, Limiting::Conversion))
        }
        Law::Decay { rate_constant } | Law::Shuttle { rate_constant } => {
            Some(new(rate_constant, Limiting::Loss).inverse())
        }
        Law::Stripping {
            exchange_current_density,
            ..
        } => Some(new(exchange_current_density, Limiting::Anode)),
        Law::ButlerVolmer { .. } => None,
    }
}

fn of_species(species: &Species) -> Option<Process> {
    let Phase::Electrolyte {
        diffusivity,
        is_carrier,
        ..
    } = species.phase
    else {
        return None;
    };
    let group = if is_carrier {
        Limiting::IonTransport
    } else {
        Limiting::IntermediateTransport
    };
    let name = format!("diffusion of {}", species.name);
    Some(Process::new(&name, diffusivity, group))
}

/// Degrees of rate control of the capacity of every cycle that is asked about, at parameter values of a designed cell.
///
/// # Errors
/// [`SimulationFailure`] if the equations could not be solved.
pub fn controls(
    setting: &Setting,
    mechanism: &Arc<Mechanism>,
    values: &[f64],
    (condition, resolution): (&Condition, Resolution),
) -> Result<Vec<Control>, SimulationFailure> {
    let at = (resolution, 1);
    let (_, plans) = setting.simulated::<f64>(mechanism, values, condition, at, None)?;
    let mut controls: Vec<Control> = setting
        .cycles
        .iter()
        .map(|_| Control {
            degrees: Vec::new(),
        })
        .collect();
    for window in processes(mechanism).chunks(WIDEST) {
        let mut varied: Vec<Dual<WIDEST>> = constants(values);
        for (direction, process) in window.iter().enumerate() {
            let index = process.parameter.index();
            varied[index] = Dual::variable(values[index], direction);
        }
        let (answers, _) = setting.simulated(mechanism, &varied, condition, at, Some(&plans))?;
        for (control, answer) in controls.iter_mut().zip(answers) {
            for (direction, process) in window.iter().enumerate() {
                let slope = answer.capacity.eps[direction];
                let value = values[process.parameter.index()];
                let degree = process.sign * slope * value / answer.capacity.re.max(1e-9);
                control
                    .degrees
                    .push((process.name.clone(), process.group, degree));
            }
        }
    }
    Ok(controls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(degrees: &[(Limiting, f64)]) -> Control {
        let degrees = degrees
            .iter()
            .map(|(group, x)| ("p".to_owned(), *group, *x));
        Control {
            degrees: degrees.collect(),
        }
    }

    #[test]
    fn sums_decide_what_limits() {
        let both = control(&[
            (Limiting::Desolvation, 0.3),
            (Limiting::Conversion, 0.2),
            (Limiting::Conversion, 0.2),
        ]);
        assert_eq!(both.limiting(), Limiting::Conversion);
        let free = control(&[(Limiting::Desolvation, 0.001), (Limiting::Anode, -0.4)]);
        assert_eq!(free.limiting(), Limiting::Nothing);
    }
}
