//! What is kept of a segment: voltage and current at the points of its recording, and the states there.

use ndarray::Array2;

use super::Recording;
use super::Trajectory;
use super::drive::DrivenCell;
use crate::numerics::scalar::Sensitive;
use crate::numerics::variation::VariedStep;
use crate::record::Record;

/// Points that are kept of each step of the integrator, its end included.
const POINTS_PER_STEP: usize = 4;

/// Collects points of a segment.
pub(super) struct Recorder<'t, S> {
    recording: Recording<'t>,
    /// How many of the times that are asked for have been passed.
    n_passed: usize,
    record: Record<S>,
    states: Vec<S>,
    n_states: usize,
    keeps_states: bool,
}

impl<'t, S: Sensitive> Recorder<'t, S> {
    pub(super) fn new(recording: Recording<'t>, n_states: usize, keeps_states: bool) -> Self {
        Self {
            recording,
            n_passed: 0,
            record: Record::default(),
            states: Vec::new(),
            n_states,
            keeps_states,
        }
    }

    /// The start of the segment.
    pub(super) fn begin(&mut self, system: &DrivenCell<'_, S>, y: &[S]) {
        match self.recording {
            Recording::Nothing => {}
            Recording::Steps => self.push(system, S::constant(0.0), y),
            Recording::At(times) => {
                self.n_passed = times.partition_point(|time_s| *time_s <= 0.0);
                if self.n_passed > 0 {
                    self.push(system, S::constant(0.0), y);
                }
            }
        }
    }

    pub(super) fn push(&mut self, system: &DrivenCell<'_, S>, time_s: S, y: &[S]) {
        let (voltage, current) = if self.waits_for_voltages(system) {
            (S::constant(f64::NAN), system.current(time_s, y))
        } else {
            system.terminal(time_s, y)
        };
        self.record.push(time_s, voltage, current);
        if self.keeps_states {
            self.states.extend_from_slice(&y[..self.n_states]);
        }
    }

    /// Whether the voltages are computed at the end, many at a time from the states that are kept.
    fn waits_for_voltages(&self, system: &DrivenCell<'_, S>) -> bool {
        self.keeps_states && system.plain_current().is_some()
    }

    /// The points of one step of the integrator.
    pub(super) fn step(&mut self, system: &DrivenCell<'_, S>, step: &VariedStep<'_, S>) {
        let (from_s, to_s) = step.range_s();
        if let Recording::At(times) = self.recording {
            let rest = &times[self.n_passed..];
            let n_here = rest.partition_point(|time_s| *time_s < to_s);
            self.n_passed += n_here;
            for time_s in &rest[..n_here] {
                self.point(system, step, *time_s);
            }
        }
        if self.recording == Recording::Steps || step.is_last() {
            let last = self.record.time_s.last().map_or(from_s, |t| t.value());
            for i in 1..=POINTS_PER_STEP {
                let time_s = match i {
                    POINTS_PER_STEP => to_s,
                    _ => from_s + (i as f64 / POINTS_PER_STEP as f64) * (to_s - from_s),
                };
                if time_s > last {
                    self.point(system, step, time_s);
                }
            }
        }
    }

    fn point(&mut self, system: &DrivenCell<'_, S>, step: &VariedStep<'_, S>, time_s: f64) {
        if let (false, Some(index)) = (self.keeps_states, system.current_index()) {
            if let Some((time_s, current)) = step.one_at(time_s, index) {
                self.record.push(time_s, system.imposed_v(time_s), current);
            }
        } else if let Some((time_s, y)) = step.at(time_s) {
            self.push(system, time_s, &y);
        }
    }

    pub(super) fn finish(mut self, system: &DrivenCell<'_, S>) -> Trajectory<S> {
        if self.waits_for_voltages(system) {
            self.record.voltage_v = system.voltages_v(&self.states);
        }
        let shape = (self.states.len() / self.n_states, self.n_states);
        Trajectory {
            states: Array2::from_shape_vec(shape, self.states).expect("whole rows of states"),
            record: self.record,
        }
    }
}
