//! A measured signal imposed on a cell.

use ndarray::Array2;

use super::Drive;
use super::Recording;
use super::Simulation;
use super::SimulationFailure;
use super::Trajectory;
use crate::numerics::scalar::Sensitive;
use crate::protocol::Imposed;
use crate::protocol::Replay;
use crate::protocol::Stretch;
use crate::record::Record;

impl<S: Sensitive> Simulation<'_, S> {
    /// Imposes a measured current or voltage, recorded at the times of its samples (s), counted from its start. A
    /// current is that of the whole cell: its density follows from the cell's own area.
    ///
    /// The integrator runs through the knots of the signal without starting anew: only at jumps does it do so.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved, as when the cell runs empty.
    #[expect(clippy::missing_panics_doc, reason = "the recorder keeps whole rows")]
    pub fn replay(&mut self, replay: &Replay) -> Result<Trajectory<S>, SimulationFailure> {
        let mut record = Record::default();
        let mut states = Vec::new();
        for stretch in replay.stretches() {
            let Some(segment) = self.stretch(replay.imposed(), stretch)? else {
                continue;
            };
            let times = segment.record.time_s.into_iter();
            record.time_s.extend(times.map(|t| t + stretch.start_s));
            record.voltage_v.extend(segment.record.voltage_v);
            record.current.extend(segment.record.current);
            states.extend(segment.states);
        }
        let n_states = self.cell.layout().n_states;
        let shape = (states.len() / n_states, n_states);
        Ok(Trajectory {
            record,
            states: Array2::from_shape_vec(shape, states).expect("whole rows of states"),
        })
    }

    fn stretch(
        &mut self,
        imposed: Imposed,
        stretch: &Stretch,
    ) -> Result<Option<Trajectory<S>>, SimulationFailure> {
        let signal = &stretch.signal;
        let (during, drive) = match imposed {
            Imposed::Current => {
                let area_m2 = self.cell.area_m2();
                (
                    "replay of a current",
                    Drive::CurrentSignal { signal, area_m2 },
                )
            }
            Imposed::Voltage => ("replay of a voltage", Drive::VoltageSignal { signal }),
        };
        let duration_s = S::constant(stretch.duration_s());
        let recording = Recording::At(&stretch.samples_s);
        Ok(self.segment(during, drive, duration_s, recording)?.record)
    }
}
