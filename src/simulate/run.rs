//! A whole protocol on a cell.

use super::Accuracy;
use super::CycleLog;
use super::JumpPlan;
use super::Jumping;
use super::Recording;
use super::Simulation;
use super::SimulationFailure;
use super::Trajectory;
use crate::cell::Cell;
use crate::cell::Design;
use crate::mechanism::Mechanism;
use crate::numerics::scalar::Sensitive;
use crate::protocol::Protocol;
use crate::protocol::Start;
use crate::protocol::Step;
use crate::record::Spectrum;

/// How finely the cell is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// Separator volumes.
    pub n_separator: usize,
    /// Volumes of each porous electrode.
    pub n_electrode: usize,
}

impl Mesh {
    /// The chain that a protocol needs.
    pub fn design(self, mechanism: &Mechanism, protocol: &Protocol) -> Design {
        let n_separator = self.n_separator * protocol.refine;
        let n_electrode = self.n_electrode * protocol.refine;
        if mechanism.half_cell().is_some() {
            return Design::half_cell(n_separator);
        }
        match protocol.start {
            Start::Fresh | Start::Catholyte(_) => Design::battery(n_separator, n_electrode),
            Start::Symmetric(_) => Design::symmetric(n_separator, n_electrode),
            Start::Coated => Design::coated(n_separator),
        }
    }
}

/// Mesh and tolerances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Mesh.
    pub mesh: Mesh,
    /// Tolerances of the integration.
    pub accuracy: Accuracy,
}

/// What one step of a protocol gave.
#[derive(Clone, Debug)]
pub enum StepOutcome<S = f64> {
    /// Nothing that is kept.
    Done,
    /// Cycles.
    Cycles(Box<CycleLog<S>>),
    /// One recorded segment.
    Segment(Trajectory<S>),
    /// The ramps of a sweep, one per vertex.
    Sweep(Vec<Trajectory<S>>),
    /// An impedance spectrum.
    Spectrum(Spectrum<S>),
}

/// What a protocol gave.
#[derive(Clone, Debug)]
pub struct Outcome<S = f64> {
    /// One entry per step.
    pub steps: Vec<StepOutcome<S>>,
    /// The state after each step.
    pub states: Vec<Vec<S>>,
    /// The jumps of each step, to be frozen.
    pub plans: Vec<JumpPlan>,
}

/// Runs a protocol on a cell of the matching design; `frozen` holds the jumps of an earlier run, one plan per step.
///
/// # Errors
/// [`SimulationFailure`] with the protocol's name, if the equations could not be solved.
pub fn run<S: Sensitive>(
    cell: &Cell<S>,
    protocol: &Protocol,
    accuracy: Accuracy,
    frozen: Option<&[JumpPlan]>,
) -> Result<Outcome<S>, SimulationFailure> {
    let start = match &protocol.start {
        Start::Fresh => cell.fresh_state(),
        Start::Catholyte(catholyte) | Start::Symmetric(catholyte) => {
            cell.catholyte_state(catholyte)
        }
        Start::Coated => cell.electrolyte_state(),
    };
    let mut simulation = Simulation::new(cell, accuracy, start);
    let mut outcome = Outcome {
        steps: Vec::new(),
        states: Vec::new(),
        plans: Vec::new(),
    };
    for (i, step) in protocol.steps.iter().enumerate() {
        let jumping = match frozen {
            Some(plans) => Jumping::Frozen(&plans[i]),
            None => Jumping::Adaptive,
        };
        let done = run_step(&mut simulation, step, jumping).map_err(|failure| {
            let during = format!("{} in protocol '{}'", failure.during, protocol.name);
            SimulationFailure { during, ..failure }
        })?;
        outcome.plans.push(match &done {
            StepOutcome::Cycles(log) => log.plan.clone(),
            _ => JumpPlan::default(),
        });
        outcome.steps.push(done);
        outcome.states.push(simulation.state().to_vec());
    }
    Ok(outcome)
}

fn run_step<S: Sensitive>(
    simulation: &mut Simulation<'_, S>,
    step: &Step,
    jumping: Jumping<'_>,
) -> Result<StepOutcome<S>, SimulationFailure> {
    match step {
        Step::Rest { duration_s } => {
            simulation.rest(*duration_s)?;
            Ok(StepOutcome::Done)
        }
        Step::Condition => {
            let cell = simulation.cell();
            cell.condition(simulation.state_mut());
            Ok(StepOutcome::Done)
        }
        Step::Cycle(cycles) => {
            let log = simulation.cycle(cycles, jumping)?;
            Ok(StepOutcome::Cycles(Box::new(log)))
        }
        Step::Galvanostatic {
            c_rate,
            limit_v,
            duration_s,
        } => {
            let current = simulation.cell().one_c_a_m2() * *c_rate;
            let segment =
                simulation.galvanostatic(current, *limit_v, *duration_s, Recording::Steps)?;
            Ok(segment
                .record
                .map_or(StepOutcome::Done, StepOutcome::Segment))
        }
        Step::Sweep {
            from_v,
            vertices_v,
            rate_v_s,
        } => {
            let mut from_v = match from_v {
                Some(from_v) => simulation.polarise(*from_v),
                None => simulation.open_circuit_v(),
            };
            let mut ramps = Vec::new();
            for to_v in vertices_v {
                ramps.push(simulation.sweep(from_v, *to_v, *rate_v_s)?);
                from_v = S::constant(*to_v);
            }
            Ok(StepOutcome::Sweep(ramps))
        }
        Step::Hold {
            voltage_v,
            duration_s,
        } => simulation
            .hold(*voltage_v, *duration_s)
            .map(StepOutcome::Segment),
        Step::Replay(replay) => simulation.replay(replay).map(StepOutcome::Segment),
        Step::Impedance { frequencies_hz } => Ok(StepOutcome::Spectrum(
            simulation.impedance(frequencies_hz, S::constant(0.0)),
        )),
    }
}
