//! What a protocol recorded, cut into the pieces that become files, each with its place in the protocol's time.

use crate::estimate::Curves;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::record::Spectrum;
use crate::simulate::CycleLog;
use crate::simulate::StepOutcome;
use crate::simulate::Trajectory;
use crate::units::mah_per_g;

/// A recorded part of a step that becomes one file.
pub(super) struct Piece<'c> {
    /// Position of the step in its protocol.
    pub(super) step: usize,
    /// The first of its cycles, if it is not the first piece of its step.
    pub(super) later_cycle: Option<usize>,
    /// What was recorded.
    pub(super) content: Content<'c>,
}

/// What was recorded.
pub(super) enum Content<'c> {
    /// Galvanostatic half cycles.
    Cycling(Vec<Part<'c>>),
    /// The ramps of a voltammogram.
    Sweep {
        /// The ramps in order.
        ramps: &'c [Trajectory],
        /// Scan rate (V s⁻¹), positive.
        rate_v_s: f64,
        /// When it began (s since the start of the protocol).
        start_s: f64,
    },
    /// A held voltage.
    Hold(Part<'c>),
    /// A spectrum.
    Spectrum(&'c Spectrum),
}

/// A recorded segment.
#[derive(Clone, Copy)]
pub(super) struct Part<'c> {
    /// Number of its cycle, counted from one in its step.
    pub(super) cycle: usize,
    /// Number of the segment in its file, counted from one.
    pub(super) segment: usize,
    /// When it began (s since the start of the protocol).
    pub(super) start_s: f64,
    /// Voltage (V) and current density (A m⁻²) over its time.
    pub(super) trajectory: &'c Trajectory,
}

/// The pieces of one protocol on one cell, in order.
///
/// A spectrum takes no time: it is computed from the state of its moment.
pub(super) fn pieces<'c>(protocol: &Protocol, run: &'c Curves) -> Vec<Piece<'c>> {
    let mut pieces = Vec::new();
    let mut clock_s = 0.0;
    for (index, (step, outcome)) in protocol.steps.iter().zip(&run.outcome.steps).enumerate() {
        let begin_s = clock_s;
        let mut keep = |content: Content<'c>| {
            pieces.push(Piece {
                step: index,
                later_cycle: None,
                content,
            });
        };
        match (step, outcome) {
            (Step::Rest { duration_s }, _) => clock_s += duration_s,
            (Step::Cycle(cycles), StepOutcome::Cycles(log)) => {
                let current_a_m2 = run.model.one_c_a_m2() * cycles.c_rate;
                let s_per_mah_g = run.model.loading_kg_m2() / (mah_per_g(1.0) * current_a_m2);
                let (of_cycles, end_s) = pieces_of_cycles(log, s_per_mah_g, (index, begin_s));
                pieces.extend(of_cycles);
                clock_s = end_s;
            }
            (Step::Galvanostatic { .. }, StepOutcome::Segment(segment)) => {
                keep(Content::Cycling(vec![alone(segment, begin_s)]));
                clock_s += duration_s(segment);
            }
            (Step::Hold { .. }, StepOutcome::Segment(segment)) => {
                keep(Content::Hold(alone(segment, begin_s)));
                clock_s += duration_s(segment);
            }
            (Step::Sweep { rate_v_s, .. }, StepOutcome::Sweep(ramps)) => {
                keep(Content::Sweep {
                    ramps,
                    rate_v_s: *rate_v_s,
                    start_s: begin_s,
                });
                clock_s += ramps.iter().map(duration_s).sum::<f64>();
            }
            (Step::Impedance { .. }, StepOutcome::Spectrum(spectrum)) => {
                keep(Content::Spectrum(spectrum));
            }
            _ => {}
        }
    }
    pieces
}

fn alone(trajectory: &Trajectory, start_s: f64) -> Part<'_> {
    Part {
        cycle: 1,
        segment: 1,
        start_s,
        trajectory,
    }
}

fn duration_s(trajectory: &Trajectory) -> f64 {
    trajectory.record.time_s.last().copied().unwrap_or(0.0)
}

/// The recorded cycles of a step: number, discharge, charge.
///
/// The one place that knows how a log keeps its curves.
fn recorded_cycles(log: &CycleLog) -> Vec<(usize, &Trajectory, &Trajectory)> {
    let curves = log.curves.iter();
    curves
        .map(|(cycle, (discharge, charge))| (*cycle, discharge, charge))
        .collect()
}

/// Recorded cycles that follow each other are one piece: between others is a gap that no instrument's file has. Also
/// when the last cycle ends (s).
///
/// How long a cycle takes follows from its capacities, of which each unit takes `s_per_mah_g` (s g mAh⁻¹); a jumped cycle
/// takes as long as the one before it.
fn pieces_of_cycles(
    log: &CycleLog,
    s_per_mah_g: f64,
    (step, begin_s): (usize, f64),
) -> (Vec<Piece<'_>>, f64) {
    let recorded = recorded_cycles(log);
    let mut pieces: Vec<(usize, Vec<Part<'_>>)> = Vec::new();
    let (mut clock_s, mut next, mut last_s) = (begin_s, 1, 0.0);
    let mut recorded_before = None;
    for result in &log.cycles {
        clock_s += (result.cycle - next) as f64 * last_s;
        let discharge_s = s_per_mah_g * result.discharge_mah_g;
        last_s = discharge_s + s_per_mah_g * result.charge_mah_g;
        let curves = recorded.iter().find(|(cycle, ..)| *cycle == result.cycle);
        if let Some((cycle, discharge, charge)) = curves {
            if recorded_before != Some(cycle - 1) || pieces.is_empty() {
                pieces.push((*cycle, Vec::new()));
            }
            recorded_before = Some(*cycle);
            if let Some((_, parts)) = pieces.last_mut() {
                for (trajectory, start_s) in [(discharge, clock_s), (charge, clock_s + discharge_s)]
                {
                    parts.push(Part {
                        cycle: *cycle,
                        segment: parts.len() + 1,
                        start_s,
                        trajectory,
                    });
                }
            }
        }
        clock_s += last_s;
        next = result.cycle + 1;
    }
    let pieces = pieces
        .into_iter()
        .enumerate()
        .map(|(i, (cycle, parts))| Piece {
            step,
            later_cycle: (i > 0).then_some(cycle),
            content: Content::Cycling(parts),
        });
    (pieces.collect(), clock_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::simulate::CycleResult;
    use crate::simulate::JumpPlan;

    #[test]
    fn time_goes_on_over_cycles_that_were_not_recorded_or_jumped() {
        let trajectory = |duration_s: f64| Trajectory {
            record: Record {
                time_s: vec![0.0, duration_s],
                voltage_v: vec![1.5, 1.0],
                current: vec![1.0, 1.0],
            },
            states: ndarray::Array2::zeros((2, 0)),
        };
        let cycle = |cycle: usize, capacity: f64| CycleResult {
            cycle,
            discharge_mah_g: capacity,
            charge_mah_g: 0.5 * capacity,
        };
        let log = CycleLog {
            cycles: vec![cycle(1, 100.0), cycle(2, 80.0), cycle(5, 40.0)],
            curves: vec![(1, (trajectory(200.0), trajectory(100.0)))],
            plan: JumpPlan::default(),
        };
        let (pieces, end_s) = pieces_of_cycles(&log, 2.0, (3, 1000.0));
        assert_eq!(pieces.len(), 1);
        assert_eq!((pieces[0].step, pieces[0].later_cycle), (3, None));
        let Content::Cycling(parts) = &pieces[0].content else {
            panic!("cycles");
        };
        let starts: Vec<f64> = parts.iter().map(|part| part.start_s).collect();
        assert_eq!(starts, [1000.0, 1200.0]);
        // 300 s, 240 s, twice as long for the jumped ones, 120 s.
        assert!((end_s - (1000.0 + 300.0 + 3.0 * 240.0 + 120.0)).abs() < 1e-9);
    }
}
