//! Simulation: a cell is carried through rests, charges, sweeps and holds; its impedance follows by linearisation.
//!
//! Everything is written for a scalar that may carry sensitivities: with dual numbers as parameter values, every
//! duration, capacity and curve comes with its derivatives, through cut-offs, jumps over cycles and the linearisation.

mod cycling;
mod drive;
mod impedance;
mod recorder;
mod replay;
mod run;

use ndarray::Array2;
use thiserror::Error;

use crate::cell::Cell;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::Slopes;
use crate::numerics::stiff::End;
use crate::numerics::stiff::Tolerances;
use crate::numerics::stiff::Work;
use crate::numerics::variation::VariedArrival;
use crate::numerics::variation::VariedStep;
use crate::numerics::variation::integrate_varied;
use crate::record::Record;
pub use cycling::CycleCurves;
pub use cycling::CycleLog;
pub use cycling::CycleResult;
pub use cycling::JumpPlan;
pub use cycling::Jumping;
use drive::Drive;
use drive::DrivenCell;
use recorder::Recorder;
pub use run::Mesh;
pub use run::Outcome;
pub use run::Resolution;
pub use run::StepOutcome;
pub use run::run;

/// Recorded segments are integrated this much tighter: voltages are read from them.
const RECORDED_TIGHTER: f64 = 0.1;
/// Segments under an imposed voltage are integrated this much tighter: places of peaks are read from them, and the
/// place of a peak, its derivatives all the more, is less exact than the curve.
const IMPOSED_VOLTAGE_TIGHTER: f64 = 1e-3;
/// Absolute tolerance of the current that an imposed voltage drives (A m⁻²).
const CURRENT_TOLERANCE_A_M2: f64 = 1e-4;

/// How exactly the equations are solved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Relative tolerance (1).
    pub relative: f64,
    /// Factor on the default absolute tolerances of the states (1).
    pub absolute_factor: f64,
}

impl Default for Accuracy {
    /// The tolerances of the specification's fit.
    fn default() -> Self {
        Self {
            relative: 1e-5,
            absolute_factor: 1.0,
        }
    }
}

/// A simulation that could not be finished: a value, not an error of the program.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{during} failed at {time_s:.6} s: {reason}")]
pub struct SimulationFailure {
    /// What was simulated.
    pub during: String,
    /// When it failed (s), counted from the start of the cell's simulated life.
    pub time_s: f64,
    /// Why.
    pub reason: String,
    /// The parameter values that led there (SI, table order).
    pub parameters: Vec<f64>,
}

/// Which points of a segment are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Recording<'t> {
    /// None.
    Nothing,
    /// A few of each step of the integrator.
    Steps,
    /// Those at these times (s), ascending, counted from the start of the segment, as far as it lasts; and a few of
    /// its last step, so that its end can be continued.
    At(&'t [f64]),
}

impl Recording<'_> {
    /// Every step, or nothing.
    pub fn steps_if(is_recorded: bool) -> Self {
        if is_recorded {
            Self::Steps
        } else {
            Self::Nothing
        }
    }
}

/// What a segment left behind.
#[derive(Clone, Debug)]
pub struct Segment<S = f64> {
    /// Why it ended.
    pub end: End,
    /// How long it took (s).
    pub duration_s: S,
    /// Voltage and current density over the time of the segment, if it was recorded.
    pub record: Option<Trajectory<S>>,
}

/// A recorded segment: terminal quantities and all states.
#[derive(Clone, Debug)]
pub struct Trajectory<S = f64> {
    /// Voltage (V) and current density (A m⁻²) over the time of the segment.
    pub record: Record<S>,
    /// States, `n_times × n_states`. With sensitivities only holds keep them, because what is read from cycles and
    /// sweeps needs voltages and currents alone; others have no rows.
    pub states: Array2<S>,
}

/// A cell on its way through a protocol.
#[derive(Clone, Debug)]
pub struct Simulation<'c, S = f64> {
    cell: &'c Cell<S>,
    tolerances: Tolerances,
    state: Vec<S>,
    time_s: f64,
    work: Work,
}

impl<'c, S: Sensitive> Simulation<'c, S> {
    /// A cell at a state, its clock at zero.
    pub fn new(cell: &'c Cell<S>, accuracy: Accuracy, state: Vec<S>) -> Self {
        let absolute = cell.absolute_tolerances().into_iter();
        Self {
            cell,
            tolerances: Tolerances {
                relative: accuracy.relative,
                absolute: absolute.map(|a| a * accuracy.absolute_factor).collect(),
            },
            state,
            time_s: 0.0,
            work: Work::default(),
        }
    }

    /// The cell.
    pub fn cell(&self) -> &'c Cell<S> {
        self.cell
    }

    /// The present state.
    pub fn state(&self) -> &[S] {
        &self.state
    }

    /// The present state, to be changed between segments.
    pub fn state_mut(&mut self) -> &mut [S] {
        &mut self.state
    }

    /// Simulated time so far (s).
    pub fn time_s(&self) -> f64 {
        self.time_s
    }

    /// The integrator's work so far.
    pub fn work(&self) -> Work {
        self.work
    }

    /// Holds a half cell at a voltage (V) until its double layer is charged, which leaves the electrolyte as it is; a
    /// battery meets the voltage when it is imposed. Returns the voltage.
    pub fn polarise(&mut self, voltage_v: f64) -> S {
        let voltage = S::constant(voltage_v);
        self.cell.polarise(&mut self.state, voltage);
        voltage
    }

    /// Open-circuit voltage (V).
    pub fn open_circuit_v(&self) -> S {
        self.cell.terminal_voltage_v(&self.state, S::constant(0.0))
    }

    /// No current for a while.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved.
    pub fn rest(&mut self, duration_s: f64) -> Result<(), SimulationFailure> {
        let drive = Drive::Current {
            current_a_m2: S::constant(0.0),
            limit_v: None,
        };
        self.segment("rest", drive, S::constant(duration_s), Recording::Nothing)
            .map(|_| ())
    }

    /// A constant current density (A m⁻², discharge positive) until the voltage limit or the longest time.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved.
    pub fn galvanostatic(
        &mut self,
        current_a_m2: S,
        limit_v: Option<f64>,
        duration_s: f64,
        recording: Recording<'_>,
    ) -> Result<Segment<S>, SimulationFailure> {
        let is_discharge = current_a_m2.value() > 0.0;
        let during = if is_discharge { "discharge" } else { "charge" };
        let drive = Drive::Current {
            current_a_m2,
            limit_v,
        };
        if let Some(limit_v) = limit_v {
            let voltage = self.cell.terminal_voltage_v(&self.state, current_a_m2);
            let beyond = voltage.value() - limit_v;
            if (is_discharge && beyond <= 0.0) || (!is_discharge && beyond >= 0.0) {
                let is_recorded = recording != Recording::Nothing;
                let record = is_recorded.then(|| self.point(drive));
                return Ok(Segment {
                    end: End::Event,
                    duration_s: S::constant(0.0),
                    record,
                });
            }
        }
        self.segment(during, drive, S::constant(duration_s), recording)
    }

    /// A voltage ramp at a rate (V s⁻¹, positive), recorded.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved.
    pub fn sweep(
        &mut self,
        from_v: S,
        to_v: f64,
        rate_v_s: f64,
    ) -> Result<Trajectory<S>, SimulationFailure> {
        let rate_v_s = rate_v_s * (to_v - from_v.value()).signum();
        let drive = Drive::Voltage {
            start_v: from_v,
            rate_v_s,
        };
        let duration_s = (-from_v + to_v) / rate_v_s;
        let segment = self.segment("voltage sweep", drive, duration_s, Recording::Steps)?;
        Ok(segment.record.unwrap_or_else(|| self.point(drive)))
    }

    /// A constant voltage for a while, recorded.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved.
    pub fn hold(
        &mut self,
        voltage_v: f64,
        duration_s: f64,
    ) -> Result<Trajectory<S>, SimulationFailure> {
        let drive = Drive::Voltage {
            start_v: S::constant(voltage_v),
            rate_v_s: 0.0,
        };
        let duration_s = S::constant(duration_s);
        let segment = self.segment("potentiostatic hold", drive, duration_s, Recording::Steps)?;
        Ok(segment.record.unwrap_or_else(|| self.point(drive)))
    }

    /// Specific charge (C kg⁻¹ of active element) that a current density (A m⁻²) passes in a time (s).
    pub fn specific_charge(&self, current_a_m2: S, duration_s: S) -> S {
        current_a_m2.abs() * duration_s / self.cell.loading_kg_m2()
    }

    /// The present state as a record of one point.
    fn point(&self, drive: Drive<'_, S>) -> Trajectory<S> {
        let system = DrivenCell::new(self.cell, drive);
        let mut recorder = Recorder::new(Recording::Steps, self.cell.layout().n_states, true);
        recorder.push(&system, S::constant(0.0), &self.start(drive));
        recorder.finish(&system)
    }

    /// The unknowns of the integrator: the state, and the current if the voltage is imposed.
    fn start(&self, drive: Drive<'_, S>) -> Vec<S> {
        let mut start = self.state.clone();
        if let Some(start_v) = drive.voltage_v(S::constant(0.0)) {
            start.push(self.cell.current_a_m2(&self.state, start_v));
        }
        start
    }

    fn segment(
        &mut self,
        during: &str,
        drive: Drive<'_, S>,
        duration_s: S,
        recording: Recording<'_>,
    ) -> Result<Segment<S>, SimulationFailure> {
        let is_recorded = recording != Recording::Nothing;
        let n = self.cell.layout().n_states;
        let system = DrivenCell::new(self.cell, drive);
        let start = self.start(drive);
        let mut tolerances = self.tolerances.clone();
        if start.len() > n {
            tolerances.tighten(IMPOSED_VOLTAGE_TIGHTER);
            tolerances.absolute.push(CURRENT_TOLERANCE_A_M2);
        } else if is_recorded {
            tolerances.tighten(RECORDED_TIGHTER);
        }
        let keeps_states = S::Slopes::COUNT == 0 || drive.is_hold();
        let mut recorder = is_recorded.then(|| Recorder::new(recording, n, keeps_states));
        if let Some(recorder) = &mut recorder {
            recorder.begin(&system, &start);
        }
        let mut observe = |step: &VariedStep<'_, S>| {
            if let Some(recorder) = &mut recorder {
                recorder.step(&system, step);
            }
        };
        let result = integrate_varied(&system, &start, duration_s, &tolerances, &mut observe);
        let VariedArrival {
            end,
            time_s,
            y,
            work,
        } = result.map_err(|failure| SimulationFailure {
            during: during.to_owned(),
            time_s: self.time_s + failure.time_s,
            reason: failure.reason,
            parameters: self.cell.plain_values(),
        })?;
        self.state.copy_from_slice(&y[..n]);
        self.time_s += time_s.value();
        self.work.steps += work.steps;
        self.work.jacobians += work.jacobians;
        self.work.iterations += work.iterations;
        self.work.factorisations += work.factorisations;
        Ok(Segment {
            end,
            duration_s: time_s,
            record: recorder.map(|recorder| recorder.finish(&system)),
        })
    }
}
